"""Run a model in a loop, many replicates at once.

Replicates are drawn in chunks whose size depends on the grid of weights alone. Chunk i has the seed
``SeedSequence(seed, spawn_key=(i,))`` whoever computes it, and chunks are merged in their order:
the same seed gives the same bits with 1 worker or 16. What is kept of a chunk is the mean and the
squared spread of each error, so memory does not grow with the number of replicates.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
from tqdm import tqdm

from lib import _validate, workers
from lib._validate import Array
from lib.loops import Loop, Source
from lib.models.base import Model

Metric = Callable[[Any], Array]


class LostReplicatesWarning(UserWarning):
    """Some replicates came to a sample that has no fit, and are left out from there on."""


class Estimate(NamedTuple):
    """A simulated number.

    Attributes
    ----------
    value : float
        The mean over replicates.
    standard_error : float
        Of that mean.
    reps : int
        Independent replicates behind it.
    lost : int
        Replicates that are left out, because one of their samples had no fit.
    """

    value: float
    standard_error: float
    reps: int
    lost: int = 0


@dataclass(frozen=True)
class _Tally:
    """Count, mean and sum of squared deviations of replicates, elementwise.

    A replicate without a fit has the error NaN. It is counted as lost and takes no part.
    """

    count: NDArray[np.int64]
    mean: Array
    squares: Array
    lost: NDArray[np.int64]

    @classmethod
    def of(cls, values: Array) -> _Tally:
        """Tally values whose last axis runs over replicates."""
        missing = np.isnan(values)
        lost = missing.sum(axis=-1)
        count = values.shape[-1] - lost
        if lost.any():
            values = np.where(missing, 0, values)
        mean = (
            values.mean(axis=-1) if not lost.any() else values.sum(axis=-1) / np.maximum(count, 1)
        )
        with np.errstate(invalid="ignore"):  # an infinite error has an infinite mean
            apart = values - mean[..., None]
        apart[missing] = 0
        return cls(count, mean, np.einsum("...r,...r->...", apart, apart), lost)

    @classmethod
    def stack(cls, tallies: Sequence[_Tally]) -> _Tally:
        """Join tallies along a new last axis."""
        fields = ("count", "mean", "squares", "lost")
        return cls(*(np.stack([getattr(one, name) for one in tallies], axis=-1) for name in fields))

    def merge(self, other: _Tally) -> _Tally:
        """Join two tallies (Chan, Golub and LeVeque 1983)."""
        count = self.count + other.count
        step = other.mean - self.mean
        share = other.count / np.maximum(count, 1)
        return _Tally(
            count,
            self.mean + step * share,
            self.squares + other.squares + step**2 * (self.count * share),
            self.lost + other.lost,
        )

    @property
    def average(self) -> Array:
        return np.where(self.count > 0, self.mean, np.nan)

    @property
    def standard_error(self) -> Array:
        # one replicate says nothing of the spread
        spread = np.sqrt(self.squares / np.maximum(self.count - 1, 1) / np.maximum(self.count, 1))
        return np.where(self.count > 1, spread, np.nan)


Tallies = dict[str, tuple[_Tally, _Tally]]  # metric -> (steady state, path)


@dataclass(frozen=True, eq=False)
class Simulation:
    """What `simulate` returns: errors averaged over replicates, with their standard errors.

    Attributes
    ----------
    model : Model
    loop : Loop
    steps, reps, seed, burn_in : int
        The arguments of `simulate`.
    """

    model: Model
    loop: Loop
    steps: int
    reps: int
    seed: int
    burn_in: int
    _tallies: Tallies = field(repr=False)

    @property
    def _weights(self) -> Array:
        grid = self.loop.grid
        return np.array([np.nan]) if grid is None else grid

    def path(self) -> pd.DataFrame:
        """Return the error at every generation.

        Returns
        -------
        DataFrame
            Columns metric, w, t, error, standard_error; t = 0 is the fit on n real rows alone,
            w is NaN in a loop that has no weight.
        """
        w, t = np.meshgrid(self._weights, np.arange(self.steps + 1), indexing="ij")
        return self._frame(1, {"w": w.ravel(), "t": t.ravel()})

    def summary(self) -> pd.DataFrame:
        """Return the error averaged over t = burn_in, ..., steps.

        Returns
        -------
        DataFrame
            Columns metric, w, error, standard_error. Each replicate is averaged over time first,
            so the standard error is right although neighbouring generations are correlated.
        """
        return self._frame(0, {"w": self._weights})

    def _frame(self, which: int, index: Mapping[str, Any]) -> pd.DataFrame:
        frames = []
        for metric, tallies in self._tallies.items():
            tally = tallies[which]
            columns = {"error": tally.average, "standard_error": tally.standard_error}
            flat = {name: values.ravel() for name, values in columns.items()}
            frames.append(pd.DataFrame({"metric": metric, **index, **flat}))
        return pd.concat(frames, ignore_index=True)

    def lost(self) -> pd.DataFrame:
        """Return how many replicates had been lost at every generation.

        A replicate is lost when one of its samples has no fit, such as labels that the covariates
        separate. Its error is left out of the averages from then on, and everywhere in `summary`.

        Returns
        -------
        DataFrame
            Columns metric, w, t, lost.
        """
        w, t = np.meshgrid(self._weights, np.arange(self.steps + 1), indexing="ij")
        frames = [
            pd.DataFrame(
                {"metric": metric, "w": w.ravel(), "t": t.ravel(), "lost": path.lost.ravel()}
            )
            for metric, (_, path) in self._tallies.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def estimate(self, metric: str, *, w: float | None = None, t: int | None = None) -> Estimate:
        """Return one error.

        Parameters
        ----------
        metric : str
            A recorded metric.
        w : float, optional
            The weight, if the loop has a grid of several.
        t : int, optional
            A generation; without it the average over t >= burn_in.

        Returns
        -------
        Estimate

        Raises
        ------
        ValueError
            If the metric was not recorded, or `w` or `t` is not one of those simulated.
        """
        if metric not in self._tallies:
            raise _validate.fail("metric", f"one of {list(self._tallies)}", metric)
        steady, path = self._tallies[metric]
        weights = self._weights
        if w is None and weights.size == 1:
            row = 0
        else:
            wanted = np.nan if w is None else _validate.weight("w", w)
            matches = np.flatnonzero(np.isclose(weights, wanted, rtol=1e-12, atol=0))
            if matches.size == 0:
                raise _validate.fail("w", f"one of {weights.tolist()}", w)
            row = int(matches[0])
        if t is None:
            tally, place = steady, (row,)
        else:
            t = _validate.integer("t", t, least=0)
            if t > self.steps:
                raise _validate.fail("t", f"between 0 and {self.steps}", t)
            tally, place = path, (row, t)  # type: ignore[assignment]  # one index more
        return Estimate(
            float(tally.average[place]),
            float(tally.standard_error[place]),
            int(tally.count[place]),
            int(tally.lost[place]),
        )


def simulate(
    model: Model,
    loop: Loop,
    *,
    steps: int = 200,
    reps: int = 1000,
    seed: int = 1,
    burn_in: int | None = None,
    n_jobs: int = 1,
    dask: str | None = None,
    metrics: Sequence[str] | Mapping[str, Metric] | None = None,
    progress: bool | None = None,
) -> Simulation:
    """Run a model in a loop and average its errors over replicates.

    With a grid of weights, all weights of a replicate share the real rows (so differences between
    weights are sharper than the errors themselves) and each has synthetic rows of its own. In a
    regression they share the covariates of the synthetic rows too, and in a logistic or Poisson
    regression random numbers behind the labels: errors of different weights are correlated.

    Parameters
    ----------
    model : Model
        Any of `lib.models`.
    loop : Loop
        Any of `lib.loops`.
    steps : int, optional
        Generations after the first fit.
    reps : int, optional
        Independent replicates.
    seed : int, optional
        Not negative. The same seed, model, loop, steps and reps give the same bits.
    burn_in : int, optional
        First generation of the steady-state average; three quarters of `steps` by default.
    n_jobs : int, optional
        Worker processes (joblib); -1 for all cores.
    dask : str, optional
        Address of the scheduler of a running Dask cluster, which then does the work in place of
        processes here: ``"tcp://host:8786"``.
    metrics : sequence of str or mapping of str to callable, optional
        What to record: names of the model's metrics (default: `model.metrics`), or functions that
        take a batch of fits and return an array of shape (weights, replicates).
    progress : bool, optional
        Show a progress bar; by default if standard error is a terminal.

    Returns
    -------
    Simulation

    Warns
    -----
    LostReplicatesWarning
        If some replicate came to a sample without a fit.

    Raises
    ------
    ValueError
        If steps or reps < 1, burn_in is not in [0, steps), the seed is negative, n_jobs is neither
        positive nor -1, a metric is not one of the model's or a function, the loop has too few
        rows for the model, or it ends before.
    lib.workers.ClusterError
        If `dask` does not answer within a few seconds, or its workers have another version.

    Examples
    --------
    >>> from lib import FreshReal, simulate
    >>> from lib.models import Gaussian
    >>> loop = FreshReal(n=100, m=100, w=[0.5, 0.618])
    >>> model = Gaussian([0, 0], [[1, 0], [0, 1]])
    >>> result = simulate(model, loop, steps=20, reps=500, seed=1)
    >>> result.summary().columns.tolist()
    ['metric', 'w', 'error', 'standard_error']
    """
    _known(model, loop)
    steps, reps = _validate.integer("steps", steps), _validate.integer("reps", reps)
    seed = _validate.integer("seed", seed, least=0)
    burn_in = 3 * steps // 4 if burn_in is None else _validate.integer("burn_in", burn_in, least=0)
    if burn_in >= steps:
        raise _validate.fail("burn_in", f"less than `steps` = {steps}", burn_in)
    workers.check(n_jobs, dask)
    _runs(model, loop, steps)
    recorded = _metrics(model, metrics)

    tasks = [
        (model, loop, steps, burn_in, recorded, seed, chunk, size)
        for chunk, size in enumerate(chunk_sizes(model, loop, steps, reps))
    ]
    shown = sys.stderr.isatty() if progress is None else progress
    # results come in order: chunks are merged as they come and then forgotten
    chunks = workers.run(_tallies, tasks, n_jobs=n_jobs, dask=dask)
    with tqdm(total=reps, unit="replicate", disable=not shown) as bar:
        tallies = _merge((chunk for _, chunk in chunks), bar)
    most = max(int(steady.lost.max()) for steady, _ in tallies.values())
    if most:
        text = f"{most} of {reps} replicates have a sample without a fit and are left out"
        warnings.warn(f"{text}: see `Simulation.lost`", LostReplicatesWarning, stacklevel=2)
    return Simulation(model, loop, steps, reps, seed, burn_in, tallies)


def _metrics(
    model: Model, metrics: Sequence[str] | Mapping[str, Metric] | None
) -> Mapping[str, str | Metric]:
    names = model.metrics if metrics is None else metrics
    if isinstance(names, Mapping) and names and all(map(callable, names.values())):
        return names
    if isinstance(names, list | tuple) and names and all(isinstance(one, str) for one in names):
        return {name: name for name in names}
    allowed = "a non-empty list of names, or a mapping of names to functions"
    raise _validate.fail("metrics", allowed, metrics)


def _merge(chunks: Iterable[Tallies], bar: tqdm[Any]) -> Tallies:
    total: Tallies = {}
    for chunk in chunks:
        for metric, new in chunk.items():
            old = total.get(metric)
            total[metric] = (old[0].merge(new[0]), old[1].merge(new[1])) if old else new
        steady = next(iter(chunk.values()))[0]
        bar.update(int(steady.count.flat[0] + steady.lost.flat[0]))
    return total


def chunk_sizes(model: Model, loop: Loop, steps: int, reps: int) -> list[int]:
    """Return the numbers of replicates that are simulated together.

    Parameters
    ----------
    model : Model
    loop : Loop
    steps, reps : int
        As for `simulate`.

    Returns
    -------
    list of int
        Their sum is `reps`; chunk i has the seed ``SeedSequence(seed, spawn_key=(i,))``.
    """
    weights = 1 if loop.grid is None else loop.grid.size
    most = max(1, model.cells(loop.rows(steps)) // weights)
    return [min(most, reps - start) for start in range(0, reps, most)]


def chunk_errors(
    model: Model,
    loop: Loop,
    metrics: Mapping[str, str | Metric],
    *,
    times: Collection[int],
    seed: int,
    chunk: int,
    reps: int,
) -> Iterator[tuple[int, dict[str, Array]]]:
    """Run one chunk of replicates and yield their errors, generation by generation.

    Parameters
    ----------
    model : Model
    loop : Loop
    metrics : mapping of str to str or callable
        Names of errors, and which metric of the model, or which function of a batch of fits.
    times : collection of int
        Generations whose errors are wanted; the last is the last that is run.
    seed : int
        As for `simulate`.
    chunk, reps : int
        Which chunk, and how many replicates it has: one of `chunk_sizes`.

    Yields
    ------
    t : int
        One of `times`, in their order.
    errors : dict of str to ndarray, shape (weights, reps)
        NaN for a replicate that is lost.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(chunk,))))
    every = (1 if loop.grid is None else loop.grid.size, reps)
    with workers.one_thread:
        for t, fit in enumerate(_generations(model, loop, max(times), reps, rng)):
            if t not in times:
                continue
            values = {
                name: model.error(fit, error) if isinstance(error, str) else error(fit)
                for name, error in metrics.items()
            }
            yield t, {name: np.broadcast_to(value, every) for name, value in values.items()}


def _tallies(
    model: Model,
    loop: Loop,
    steps: int,
    burn_in: int,
    metrics: Mapping[str, str | Metric],
    seed: int,
    chunk: int,
    reps: int,
) -> Tallies:
    """Summarise one chunk."""
    paths: dict[str, list[_Tally]] = {metric: [] for metric in metrics}
    steady: dict[str, Any] = dict.fromkeys(metrics, 0.0)
    times = range(steps + 1)
    for t, errors in chunk_errors(
        model, loop, metrics, times=times, seed=seed, chunk=chunk, reps=reps
    ):
        for metric, values in errors.items():
            paths[metric].append(_Tally.of(values))
            if t >= burn_in:
                steady[metric] = steady[metric] + values
    return {
        metric: (_Tally.of(steady[metric] / (steps - burn_in + 1)), _Tally.stack(path))
        for metric, path in paths.items()
    }


def _generations(
    model: Model, loop: Loop, steps: int, reps: int, rng: np.random.Generator
) -> Iterator[Any]:
    """Yield a batch of fits for t = 0, ..., steps: the loop itself."""
    shared = (1, reps)  # real rows are the same for every weight of the grid
    every = (1 if loop.grid is None else loop.grid.size, reps)
    first = training = model.draw(loop.sizes(0)[0], shared, rng)
    fit = model.fit(training)
    yield fit
    draw: dict[Source, Callable[[], Any]] = {
        Source.FRESH: lambda: model.draw(loop.sizes(t)[0], shared, rng),
        Source.FIRST: lambda: first,
        Source.PREVIOUS: lambda: training,
        Source.SYNTHETIC: lambda: model.synthesize(fit, loop.sizes(t)[1], every, rng),
    }
    for t in range(1, steps + 1):
        parts = [
            (draw[source](), np.atleast_1d(weight)[:, None])
            for source, weight in loop.recipe(t).items()
        ]
        training = model.mix(parts)
        fit = model.fit(training)
        yield fit


def chains(model: Model, loop: Loop, *, steps: int, reps: int = 1, seed: int = 1) -> Iterator[Any]:
    """Run a few chains and look at their fits, which `simulate` does not keep.

    Parameters
    ----------
    model : Model
        Any of `lib.models`.
    loop : Loop
        Any of `lib.loops`.
    steps : int
        Generations after the first fit.
    reps : int, optional
        Independent chains, all in memory.
    seed : int, optional
        Not negative.

    Yields
    ------
    fit
        The batch of fits at t = 0, ..., steps, as the model keeps it.

    Raises
    ------
    ValueError
        If steps or reps < 1, the seed is negative, or the loop has too few rows for the model or
        ends before.

    Examples
    --------
    >>> from lib import FullySynthetic
    >>> from lib.models import Categorical
    >>> from lib.simulate import chains
    >>> model = Categorical([0.5, 0.5])
    >>> loop = FullySynthetic(n=4, m=4)
    >>> [fit.shape for fit in chains(model, loop, steps=1)]
    [(1, 1, 2), (1, 1, 2)]
    """
    _known(model, loop)
    steps, reps = _validate.integer("steps", steps), _validate.integer("reps", reps)
    rng = np.random.default_rng(_validate.integer("seed", seed, least=0))
    _runs(model, loop, steps)
    return _one_threaded(_generations(model, loop, steps, reps, rng))


def _one_threaded(fits: Iterator[Any]) -> Iterator[Any]:
    """Compute each item as `chunk_errors` does: with one thread, and the same bits everywhere."""
    controller = ThreadpoolController()
    while True:
        with controller.limit(limits=1, user_api="blas"):
            try:
                fit = next(fits)
            except StopIteration:
                return
        yield fit


def _runs(model: Model, loop: Loop, steps: int) -> None:
    if loop.last is not None and steps > loop.last:
        raise _validate.fail("steps", f"at most {loop.last}, where the loop ends", steps)
    model.check(loop)


def _known(model: Model, loop: Loop) -> None:
    if not isinstance(model, Model):
        raise _validate.fail("model", "one of lib.models", model)
    if not isinstance(loop, Loop):
        raise _validate.fail("loop", "one of lib.loops", loop)
