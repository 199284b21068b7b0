"""The weighted empirical distribution function (the paper's nonparametric setting)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import kolmogi

from lib import _validate
from lib._validate import Array
from lib.loops import Loop
from lib.models import _rows
from lib.models._rows import Rows, in_order
from lib.models.base import CELLS, Model
from lib.models.categorical import Categorical
from lib.recursion import SamplingNoise

METRICS = ("cdf", "supremum", "distinct")

MOST_POINTS = 100_000
"""Largest number of values of a discrete distribution."""

NEGLIGIBLE = 1e-17
"""Probability beyond which the tail of a discrete distribution is left out: below rounding."""


class EmpiricalCDF(Model):
    r"""A distribution function, estimated by the weighted empirical distribution function.

    Synthetic rows are draws from the fitted step function. Errors are computed exactly from the
    order statistics, without a grid.

    A continuous distribution function F turns its rows into uniform ones, and
    :math:`\int (F_t - F)^2\,dF` into the same integral over the unit interval: its law does not
    depend on F. So rows are held as F(x). A discrete distribution is held by the frequencies of
    its values, drawn as multinomial counts; there the law of the error does depend on F.

    Parameters
    ----------
    distribution : scipy.stats distribution, optional
        Continuous or discrete, with its parameters: ``scipy.stats.norm(0, 2)``, ``poisson(3)``,
        ``rv_histogram(...)``, ``rv_discrete(values=...)``. Uniform on [0, 1] by default.
    points : array_like, shape (q,), optional
        Values x at which the error is recorded too, as the metric ``"cdf(x)"``.

    Raises
    ------
    ValueError
        If the distribution has no distribution function, is without its parameters, or discrete
        with more than 100,000 values; or if a point is not finite.

    Notes
    -----
    Metrics: ``"cdf"``, the integral of (F_t - F)^2 dF, and for each point the squared error there;
    all have exact theory in every loop. On request also ``"supremum"``, the largest distance of
    F_t and F (see `band`), and ``"distinct"``, the number of different values that F_t still
    holds. Values of a discrete distribution that have a probability below 1e-17 on their side of
    the tail are left out.

    Examples
    --------
    >>> from lib import FreshReal
    >>> from lib.models import EmpiricalCDF
    >>> loop = FreshReal(n=100, m=100, w=0.5)
    >>> theory = EmpiricalCDF().theory(loop)["cdf"]
    >>> round(theory.limit() * 6 * 100, 4)
    0.6645
    """

    def __init__(self, distribution: Any = None, *, points: ArrayLike = ()) -> None:
        self.distribution = _distribution(stats.uniform() if distribution is None else distribution)
        x = np.atleast_1d(_validate.finite("points", points, "a vector of finite numbers"))
        if x.ndim != 1:
            raise _validate.fail("points", "a vector of finite numbers", points)
        self.points = {f"cdf({float(one)})": float(one) for one in x}
        self.metrics = ("cdf", *self.points)  # type: ignore[misc]  # each model has its own points
        self.continuous = not _discrete(self.distribution)
        self._form: _Form = (
            _Continuous(self.distribution) if self.continuous else _Discrete(self.distribution)
        )

    def __repr__(self) -> str:
        given = getattr(self.distribution, "dist", None)
        if given is None:
            return f"EmpiricalCDF({self.distribution!r})"
        arguments = [f"{value!r}" for value in self.distribution.args]
        arguments += [f"{name}={value!r}" for name, value in self.distribution.kwds.items()]
        return f"EmpiricalCDF({given.name}({', '.join(arguments)}))"

    def cells(self, rows: int) -> int:
        """Return how many samples are simulated together: see `lib.models.base.Model.cells`."""
        return self._form.cells(rows)

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Any:
        """Draw n real rows: see `lib.models.base.Model.draw`."""
        return self._form.draw(n, size, rng)

    def rows(self, values: ArrayLike) -> Any:
        """Hold rows of your own as samples, to be mixed and fitted.

        Parameters
        ----------
        values : array_like, shape (rows,) or (replicates, rows)
            In the unit of the distribution.

        Returns
        -------
        sample
            A batch of shape (1, replicates).

        Raises
        ------
        ValueError
            If there are no rows, one is not finite, or one is not a value of a discrete
            distribution.
        """
        return self._form.rows(_rows.observed("values", values))

    def synthesize(self, fit: Any, m: int, size: tuple[int, int], rng: np.random.Generator) -> Any:
        """Draw m rows from each step function: see `lib.models.base.Model.synthesize`."""
        return self._form.synthesize(fit, m, size, rng)

    def mix(self, parts: Sequence[tuple[Any, Array]]) -> Any:
        """Keep all rows, with their weights: see `lib.models.base.Model.mix`."""
        return self._form.mix(parts)

    def fit(self, sample: Any) -> Any:
        """Return the sample: its weighted rows are the steps."""
        return sample

    def cdf(self, fit: Any, x: ArrayLike) -> Array:
        """Evaluate fitted distribution functions.

        Parameters
        ----------
        fit
            A batch.
        x : array_like, shape (q,)
            In the unit of the distribution.

        Returns
        -------
        ndarray, shape (weights or 1, replicates, q)

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        at = np.atleast_1d(_validate.finite("x", x, "a vector of finite numbers"))
        return np.stack([self._form.at(fit, float(one)) for one in at], axis=-1)

    def error(self, fit: Any, metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        if metric in self.points:
            x = self.points[metric]
            return np.asarray((self._form.at(fit, x) - self.distribution.cdf(x)) ** 2)
        if metric == "cdf":
            return self._form.integrated(fit)
        if metric == "supremum":
            return self._form.supremum(fit)
        if metric == "distinct":
            return self._form.distinct(fit)
        raise _validate.fail("metric", f"one of {', '.join([*METRICS, *self.points])}", metric)

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the exact noise of each metric: see `lib.models.base.Model.sampling_noise`.

        At x the variance of a row's indicator is v = F(x)(1 - F(x)); the integral over dF is 1/6
        for every continuous F. m rows of a step function with mean squared error e have the
        variance (v - e)/m, as for frequencies.
        """
        spreads = {"cdf": self._form.spread}
        for metric, x in self.points.items():
            below = float(self.distribution.cdf(x))
            spreads[metric] = below * (1 - below)
        return {
            metric: SamplingNoise(np.array([v / n]), np.array([v / m]), np.array([[-1 / m]]))
            for metric, v in spreads.items()
        }

    def band(self, loop: Loop, *, level: float = 0.95, t: int | None = None) -> Any:
        r"""Half-width of a band around F_t that contains all of F.

        With e the error of "cdf", F_t - F is for large samples :math:`\sqrt{6e}` times a Brownian
        bridge in F, so the half-width is :math:`\sqrt{6e}` times the quantile of Kolmogorov's
        distribution. Asymptotic in n and m at a fixed generation, and uniformly over generations
        in the fresh-real loop; conservative for a discrete distribution.

        Parameters
        ----------
        loop : Loop
        level : float, optional
            Probability that F lies within the band, strictly between 0 and 1.
        t : int, optional
            Generation; by default in the long run.

        Returns
        -------
        float or ndarray, shape (weights,)

        Raises
        ------
        ValueError
            If the level is not strictly between 0 and 1, or `t` is not an integer of at least 0.
        """
        level = _validate.probability("level", level)
        theory = EmpiricalCDF().theory(loop)["cdf"]
        if t is None:
            error = theory.limit()
        else:
            t = _validate.integer("t", t, least=0)
            error = theory.path(max(t, 1))[..., t]
        width = np.sqrt(6 * error) * kolmogi(1 - level)
        return float(width) if np.ndim(width) == 0 else width


class _Form(Protocol):
    """How a sample is held."""

    spread: float  # integral of F (1 - F) dF

    def cells(self, rows: int) -> int: ...
    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Any: ...
    def rows(self, values: Array) -> Any: ...
    def synthesize(
        self, fit: Any, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Any: ...
    def mix(self, parts: Sequence[tuple[Any, Array]]) -> Any: ...
    def at(self, fit: Any, x: float) -> Array: ...
    def integrated(self, fit: Any) -> Array: ...
    def supremum(self, fit: Any) -> Array: ...
    def distinct(self, fit: Any) -> Array: ...


class _Continuous:
    """Rows as F(x), which are uniform. Many are kept in order, which their children then are in."""

    spread = 1 / 6

    def __init__(self, distribution: Any) -> None:
        self._distribution = distribution

    def cells(self, rows: int) -> int:
        return _rows.cells(rows, CELLS)

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Rows:
        return _rows.one_block(in_order(rng.random((*size, n))))

    def rows(self, values: Array) -> Rows:
        return _rows.one_block(np.asarray(self._distribution.cdf(values), dtype=float))

    def synthesize(
        self, fit: Rows, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Rows:
        values = _rows.resample(fit, m, size, rng)
        return _rows.one_block(in_order(values) if m > _rows.MERGED else values)

    def mix(self, parts: Sequence[tuple[Rows, Array]]) -> Rows:
        return _rows.mix(parts)

    def at(self, fit: Rows, x: float) -> Array:
        u = float(self._distribution.cdf(x))
        total: Any = 0.0
        for block in fit:
            total = total + block.weight * (block.values <= u).mean(axis=-1)
        return np.asarray(total)

    def integrated(self, fit: Rows) -> Array:
        """Return the integral of (F_t - u)^2 du, from sorted rows.

        With F_t the weighted mean of the blocks' distribution functions F_b, it is the weighted
        sum of the integrals of (F_b - u)(F_c - u). For b = c that is Cramer and von Mises'
        statistic; for b != c it follows from that of both blocks in one sorted sample. Nothing
        cancels: errors of 1e-12 keep their digits.
        """
        ordered = [in_order(block.values) for block in fit]
        alone = [_cramer_von_mises(values) for values in ordered]
        total: Any = 0.0
        for i, one in enumerate(fit):
            total = total + one.weight**2 * alone[i]
            for j in range(i):
                other = fit[j]
                n, m = one.size, other.size
                both = _cramer_von_mises(in_order(_joined(ordered[i], ordered[j])))
                cross = ((n + m) ** 2 * both - n**2 * alone[i] - m**2 * alone[j]) / (2 * n * m)
                total = total + 2 * one.weight * other.weight * cross
        return np.asarray(total)

    def supremum(self, fit: Rows) -> Array:
        """Return the largest distance, which is reached just before or at a row.

        A row's block is written into the last bits of its value, so that a plain sort carries it
        along: `argsort` would take ten times as long. That moves a value by about 1e-16.
        """
        bits = (len(fit) - 1).bit_length()
        marks = np.int64((1 << bits) - 1)
        keys = [(block.values.view(np.int64) & ~marks) | i for i, block in enumerate(fit)]
        ordered = keys[0]
        for more in keys[1:]:
            ordered = _joined(ordered, more)
        ordered = np.sort(ordered, axis=-1)  # numbers of at least 0 are in the order of their bits
        belongs, values = ordered & marks, ordered.view(float)
        height: Any = 0.0
        for i, block in enumerate(fit):
            height = height + (belongs == i) * (block.weight / block.size)[..., None]
        above = np.cumsum(height, axis=-1)
        return np.asarray(np.maximum(above - values, values - (above - height)).max(axis=-1))

    def distinct(self, fit: Rows) -> Array:
        held = [_marked(block.values, block.weight) for block in fit]
        values = held[0]
        for more in held[1:]:
            values = _joined(values, more)
        values = np.sort(values, axis=-1)  # what has no weight is marked and comes last
        new = np.ones(values.shape, dtype=bool)
        new[..., 1:] = values[..., 1:] != values[..., :-1]
        return np.asarray((new & (values <= 1)).sum(axis=-1), dtype=float)


def _marked(values: Array, weight: Array) -> Array:
    """Replace rows without weight by infinity."""
    return np.where(weight[..., None] > 0, values, np.inf)


def _joined(one: Any, other: Any) -> Any:
    shape = np.broadcast_shapes(one.shape[:-1], other.shape[:-1])
    parts = [np.broadcast_to(part, (*shape, part.shape[-1])) for part in (one, other)]
    return np.concatenate(parts, axis=-1)


def _cramer_von_mises(ordered: Array) -> Array:
    """Return the integral of (F_n - u)^2 du for sorted uniform rows that weigh the same."""
    n = ordered.shape[-1]
    apart = ordered - (np.arange(n) + 0.5) / n
    return np.asarray(np.einsum("...i,...i->...", apart, apart) / n + 1 / (12 * n * n))


class _Discrete:
    """Frequencies of all values."""

    def __init__(self, distribution: Any) -> None:
        self._values, probabilities = _support(distribution)
        self._model = Categorical(probabilities)
        self._p = self._model.p
        self._cdf = np.cumsum(self._p)
        self.spread = float((self._p * self._cdf * (1 - self._cdf)).sum())
        self.synthesize, self.mix = self._model.synthesize, self._model.mix

    def cells(self, rows: int) -> int:
        return _rows.cells(self._p.size, CELLS)

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
        return self._model.draw(n, size, rng)

    def rows(self, values: Array) -> Array:
        place = np.minimum(np.searchsorted(self._values, values), self._values.size - 1)
        if (self._values[place] != values).any():
            raise _validate.fail("values", "values of the distribution", values)
        counts = np.zeros((*values.shape[:-1], self._values.size))
        for i, row in enumerate(place[0]):
            counts[0, i] = np.bincount(row, minlength=self._values.size)
        return np.asarray(counts / values.shape[-1])

    def at(self, fit: Array, x: float) -> Array:
        return np.asarray(fit[..., self._values <= x].sum(axis=-1))

    def _apart(self, fit: Array) -> Array:
        return np.asarray(np.cumsum(fit, axis=-1) - self._cdf)

    def integrated(self, fit: Array) -> Array:
        return np.asarray(self._apart(fit) ** 2 @ self._p)

    def supremum(self, fit: Array) -> Array:
        return np.asarray(np.abs(self._apart(fit)).max(axis=-1))

    def distinct(self, fit: Array) -> Array:
        return np.asarray((fit > 0).sum(axis=-1), dtype=float)


_ALLOWED = "a scipy.stats distribution with a cdf and all its parameters"


def _quantile(distribution: Any) -> Any:
    return getattr(distribution, "ppf", None) or getattr(distribution, "icdf", None)


def _distribution(given: Any) -> Any:
    """Return a distribution whose distribution function can be computed."""
    if not callable(getattr(given, "cdf", None)) or not callable(_quantile(given)):
        raise _validate.fail("distribution", _ALLOWED, given)
    try:
        frozen = given.freeze() if isinstance(given, stats.rv_continuous) else given
        middle = np.asarray(_quantile(frozen)(0.5), dtype=float)
        below = np.asarray(frozen.cdf(middle), dtype=float)
        if middle.ndim == below.ndim == 0 and np.isfinite(middle) and 0 < below <= 1:
            return frozen
    except (TypeError, ValueError):
        pass
    raise _validate.fail("distribution", _ALLOWED, given)


def _discrete(distribution: Any) -> bool:
    mass = getattr(distribution, "pmf", None)
    return mass is not None and bool(mass(_quantile(distribution)(0.5)) > 0)


def _support(distribution: Any) -> tuple[Array, Array]:
    """Return the values of a discrete distribution and their probabilities."""
    given = getattr(distribution, "dist", distribution)
    if hasattr(given, "xk"):  # rv_discrete(values=...), which may have been shifted
        order = np.argsort(given.xk)
        values, p = (np.asarray(x, dtype=float)[order] for x in (given.xk, given.pk))
        values = values + (float(distribution.support()[1]) - values[-1])
        return _checked(distribution, values, p)
    above = getattr(distribution, "sf", None) or distribution.ccdf
    middle = float(_quantile(distribution)(0.5))
    low, high = (float(end) for end in distribution.support())
    if not np.isfinite(low):
        low = middle - _tail(lambda step: distribution.cdf(middle - step))
    if not np.isfinite(high):
        high = middle + _tail(lambda step: above(middle + step))
    if not high - low < MOST_POINTS:
        raise _validate.fail("distribution", f"one with at most {MOST_POINTS} values", distribution)
    values = np.arange(low, high + 1)
    p = np.asarray(distribution.pmf(values), dtype=float)
    return _checked(distribution, values, p)


def _checked(distribution: Any, values: Array, p: Array) -> tuple[Array, Array]:
    kept = p > 0
    if kept.sum() < 2:
        raise _validate.fail("distribution", "one with at least two values", distribution)
    if abs(p.sum() - 1) > 1e-8:  # such as a lattice that has been shifted by a third
        raise _validate.fail("distribution", "one on integers, or with `values`", distribution)
    return values[kept], p[kept]


def _tail(beyond: Callable[[float], float]) -> float:
    """Return how far to go until what lies beyond is negligible."""
    step = 1.0
    while beyond(step) > NEGLIGIBLE and step < MOST_POINTS:
        step *= 2
    return step
