"""What a claim is, and the experiments that can refute one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lib.loops import Loop
from lib.models import Model
from lib.models.glm import GeneralizedLinearModel
from lib.models.linearized import LinearChain, Linearized
from lib.multilevel import CHAINS, Options, settled
from lib.simulate import Estimate, simulate


@dataclass(frozen=True)
class Experiment:
    """One simulated number: an error of a model in a loop.

    Parameters
    ----------
    model : Model
    loop : Loop
        With a single weight, if it has one.
    metric : str or callable
        A metric of the model, or a function of a batch of fits.
    steps : int
        Generations.
    t : int, optional
        The generation at which the error is taken; without it, the average over the last half.
    unit : float, optional
        The estimate is divided by it.
    burn_in : int, optional
        First generation of the average, if it is not half of `steps`.
    """

    model: Model
    loop: Loop
    metric: str | Callable[[Any], np.ndarray]
    steps: int
    t: int | None = None
    unit: float = 1.0
    burn_in: int | None = None

    def run(self, *, seed: int, reps: int, n_jobs: int) -> Estimate:
        """Simulate.

        Parameters
        ----------
        seed, reps, n_jobs : int
            As for `lib.simulate`.

        Returns
        -------
        Estimate
            In the experiment's unit.
        """
        result = simulate(
            self.model,
            self.loop,
            steps=self.steps,
            reps=reps,
            seed=seed,
            burn_in=self._first,
            n_jobs=n_jobs,
            metrics={"error": self._measure},
            progress=False,
        )
        value, error, count, lost = result.estimate("error", t=self.t)
        return Estimate(value / self.unit, error / abs(self.unit), count, lost)

    @property
    def _first(self) -> int:
        return self.steps // 2 if self.burn_in is None else self.burn_in

    def _measure(self, fit: Any) -> np.ndarray:
        return self.metric(fit) if callable(self.metric) else self.model.error(fit, self.metric)

    def theory(self) -> float:
        """Return what the model's own recursion says of this number."""
        if callable(self.metric):
            raise TypeError("an experiment with a metric of its own has no theory")
        path = self.model.theory(self.loop)[self.metric].path(self.steps)
        value = path[self._first :].mean() if self.t is None else path[self.t]
        return float(value) / self.unit


@dataclass(frozen=True)
class ExtrapolatedExperiment:
    """The limit of a number for large samples, from two sizes.

    With n rows the number is off by a term of order 1/sqrt(n). It is simulated at n and at 4n, and
    twice the latter minus the former has no such term (Richardson).

    Parameters
    ----------
    near, far : Experiment
        The same at n and at 4n rows.
    """

    near: Experiment
    far: Experiment

    @property
    def metric(self) -> str | Callable[[Any], np.ndarray]:
        """The metric of both."""
        return self.near.metric

    def run(self, *, seed: int, reps: int, n_jobs: int) -> Estimate:
        """Simulate.

        Parameters
        ----------
        seed, n_jobs : int
            As for `lib.simulate`.
        reps : int
            Replicates at each size.

        Returns
        -------
        Estimate
        """
        seeds = np.random.SeedSequence(seed).generate_state(2).tolist()
        near = self.near.run(seed=seeds[0], reps=reps, n_jobs=n_jobs)
        far = self.far.run(seed=seeds[1], reps=reps, n_jobs=n_jobs)
        error = float(np.hypot(2 * far.standard_error, near.standard_error))
        lost = near.lost + far.lost
        return Estimate(2 * far.value - near.value, error, min(near.reps, far.reps), lost)


@dataclass(frozen=True)
class LargeSampleExperiment:
    """The limit error of a generalized linear model for large samples, in its own unit.

    The error at finite n is off by a term of order 1/n. It is simulated at the loop's sizes and at
    twice these, and twice the latter minus the former has only a term of order 1/n^2 left
    (Richardson). Each is the error of the linear chain plus the difference from it: see
    `lib.multilevel`. The unit is that of n rows that follow the fitted model.

    Parameters
    ----------
    model : GeneralizedLinearModel
    loop : Loop
        At the smaller of the two sizes, with a single weight.
    metric : {"theta", "kl"}, optional
    steps, burn_in : int, optional
        The error is averaged over t = burn_in, ..., steps.
    chains : int, optional
        Replicates of the linear chain for one of the difference.
    """

    model: GeneralizedLinearModel
    loop: Loop
    metric: str = "theta"
    steps: int = 100
    burn_in: int = 12
    chains: int = CHAINS

    def run(self, *, seed: int, reps: int, n_jobs: int) -> Estimate:
        """Simulate.

        Parameters
        ----------
        seed, n_jobs : int
            As for `lib.simulate`.
        reps : int
            Replicates of each difference.

        Returns
        -------
        Estimate
        """
        seeds = np.random.SeedSequence(seed).generate_state(3).tolist()
        options = Options(self.metric, self.steps, self.burn_in, n_jobs)
        doubled = replace(self.loop, n=2 * self.loop.n, m=2 * self.loop.m)
        one, two = self._unit(self.loop), self._unit(doubled)
        many = reps * self.chains
        # in its unit, the chain has the same error at both sizes
        linear, coupled = LinearChain(self.model), Linearized(self.model)
        chain = settled(linear, self.loop, reps=many, seed=seeds[0], options=options)
        near = settled(coupled, self.loop, reps=reps, seed=seeds[1], options=options)
        far = settled(coupled, doubled, reps=reps, seed=seeds[2], options=options)
        value = chain.value / one + 2 * far.value / two - near.value / one
        error = np.linalg.norm(
            [
                chain.standard_error / one,
                2 * far.standard_error / two,
                near.standard_error / one,
            ]
        )
        return Estimate(value, float(error), min(near.reps, far.reps), near.lost + far.lost)

    def _unit(self, loop: Loop) -> float:
        return float(self.model.sampling_noise(loop.n, loop.n)[self.metric].synthetic[0])

    def theory(self) -> float:
        """Return what the model's own recursion says of this number."""
        return float(self.model.theory(self.loop)[self.metric].limit()) / self._unit(self.loop)


@dataclass(frozen=True)
class GainExperiment:
    """How many times larger one error is than another, each simulated on its own.

    Parameters
    ----------
    worse, better : Experiment or LargeSampleExperiment
        Their errors are divided, so that their unit must be the same.
    """

    worse: Experiment | LargeSampleExperiment
    better: Experiment | LargeSampleExperiment

    @property
    def metric(self) -> str | Callable[[Any], np.ndarray]:
        """The metric of both."""
        return self.better.metric

    def run(self, *, seed: int, reps: int, n_jobs: int) -> Estimate:
        """Simulate.

        Parameters
        ----------
        seed, n_jobs : int
            As for `lib.simulate`.
        reps : int
            Replicates of each error.

        Returns
        -------
        Estimate
            The standard error is that of the delta method.
        """
        seeds = np.random.SeedSequence(seed).generate_state(2).tolist()
        worse = self.worse.run(seed=seeds[0], reps=reps, n_jobs=n_jobs)
        better = self.better.run(seed=seeds[1], reps=reps, n_jobs=n_jobs)
        value = worse.value / better.value
        relative = np.hypot(
            worse.standard_error / worse.value, better.standard_error / better.value
        )
        lost = worse.lost + better.lost
        return Estimate(value, float(value * relative), min(worse.reps, better.reps), lost)

    def theory(self) -> float:
        """Return what the model's own recursions say of this number."""
        return self.worse.theory() / self.better.theory()


def named(*objects: Any) -> tuple[str, ...]:
    """Return the full names of functions, classes and methods: what a claim's `code` holds.

    Parameters
    ----------
    *objects : callable

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from lib.claims.base import named
    >>> from lib.weights import error_ratio
    >>> named(error_ratio)
    ('lib.weights.error_ratio',)
    """
    return tuple(f"{one.__module__}.{one.__qualname__}" for one in objects)


@dataclass(frozen=True)
class Claim:
    """A theorem, with a number that it predicts and the experiment that can refute it.

    Attributes
    ----------
    id : str
        Short name, as on the command line.
    statement : str
        What is claimed, in words.
    status : {"exact", "asymptotic"}
        Whether the prediction holds for every sample size or in a limit.
    theorem, page : str
        Label of the theorem in the book, and the page it stands on.
    predicted : callable
        Returns the predicted number.
    experiment : Experiment, ExtrapolatedExperiment, LargeSampleExperiment or GainExperiment
        How the number is simulated.
    reps : int
        Replicates that make the check fine enough for its resolution.
    wrong : mapping of str to callable
        Well-known wrong versions of the prediction, which the check must refute.
    code : tuple of str
        Full names of the functions and classes of `lib` that compute what the theorem says.
    resolution : float
        Relative error that the check must be able to see.
    """

    id: str
    statement: str
    status: Literal["exact", "asymptotic"]
    theorem: str
    page: str
    predicted: Callable[[], float]
    experiment: Experiment | ExtrapolatedExperiment | LargeSampleExperiment | GainExperiment
    reps: int
    wrong: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    resolution: float = 0.02

    def simulate(self, *, seed: int = 1, reps: int | None = None, n_jobs: int = 1) -> Estimate:
        """Run the experiment.

        Parameters
        ----------
        seed, n_jobs : int, optional
            As for `lib.simulate`.
        reps : int, optional
            By default as many as the claim's resolution needs.

        Returns
        -------
        Estimate
        """
        return self.experiment.run(
            seed=seed, reps=self.reps if reps is None else reps, n_jobs=n_jobs
        )
