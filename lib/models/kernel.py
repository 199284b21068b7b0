"""Kernel density estimation, where every generation smooths the one before once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, optimize, stats

from lib import _validate
from lib._validate import Array
from lib.loops import Accumulate, FreshReal, Loop, Source, Uneven
from lib.models import _rows
from lib.models._rows import Rows
from lib.models.base import CELLS, Model
from lib.recursion import Recursion, SamplingNoise
from lib.weights import _noise, naive_weight

QUADRATURE = 1e-9
"""Largest relative error of an integral over frequencies."""

NODES = 1 << 21
"""Most nodes of such an integral."""

TOGETHER = 1 << 22
"""Most nodes of all weights that are computed at once: arrays of 32 MB."""


@dataclass(frozen=True)
class Kernel:
    """A symmetric density with which observations are smoothed, at bandwidth 1.

    Attributes
    ----------
    characteristic : callable
        Its characteristic function.
    variance : float
    roughness : float
        Integral of its square.
    reach : float
        Frequency beyond which nothing but the noise of single observations is left.
    draw : callable
        Takes a random generator and a shape.
    density : callable
    """

    characteristic: Callable[[Array], Array]
    variance: float
    roughness: float
    reach: float
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array]
    density: Callable[[Array], Array]


def _epanechnikov(s: Array) -> Array:
    small = np.abs(s) < 0.05  # where the quotient would cancel
    safe = np.where(small, 1.0, s)
    quotient = 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3
    return np.asarray(np.where(small, 1 - s**2 / 10 + s**4 / 280, quotient))


KERNELS: Mapping[str, Kernel] = {
    "gaussian": Kernel(
        lambda s: np.exp(-(s**2) / 2),
        1.0,
        1 / (2 * np.sqrt(np.pi)),
        6.2,
        lambda rng, shape: rng.standard_normal(shape),
        stats.norm.pdf,
    ),
    "epanechnikov": Kernel(
        _epanechnikov,
        1 / 5,
        3 / 5,
        100.0,
        lambda rng, shape: 2 * rng.beta(2, 2, shape) - 1,
        lambda x: np.where(np.abs(x) < 1, 0.75 * (1 - x**2), 0.0),
    ),
}
"""Kernels by name. The Epanechnikov kernel lives on [-1, 1]."""


@dataclass(frozen=True)
class NormalMixture:
    """A mixture of normal densities on the line.

    Parameters
    ----------
    weights : array_like, shape (c,)
        Positive, with sum 1.
    means : array_like, shape (c,)
    sds : array_like, shape (c,)
        Standard deviations, positive.

    Raises
    ------
    ValueError
        If the sizes differ, the weights do not sum to 1, or a number is out of range.

    Examples
    --------
    >>> from lib.models.kernel import NormalMixture
    >>> two = NormalMixture([0.5, 0.5], [-1, 1], [0.5, 0.5])
    >>> two.variance
    1.25
    """

    weights: Array
    means: Array
    sds: Array

    def __post_init__(self) -> None:
        weights = np.atleast_1d(_validate.positive("weights", self.weights))
        means = np.atleast_1d(_validate.finite("means", self.means))
        sds = np.atleast_1d(_validate.positive("sds", self.sds))
        if weights.ndim != 1 or abs(weights.sum() - 1) > 1e-8:
            raise _validate.fail("weights", "a vector with sum 1", self.weights)
        for name, value in (("means", means), ("sds", sds)):
            if value.shape != weights.shape:
                raise _validate.fail(name, f"of shape {weights.shape}, as `weights`", value)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "weights", weights / weights.sum())

    @property
    def mean(self) -> float:
        """Its expectation."""
        return float(self.weights @ self.means)

    @property
    def variance(self) -> float:
        """Its variance."""
        return float(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2))

    def density(self, x: ArrayLike, *, smoothed: float = 0.0) -> Array:
        """Return the density at `x`, after normal noise of variance `smoothed` if it is given."""
        at = np.asarray(x, dtype=float)[..., None]
        sds = np.sqrt(self.sds**2 + smoothed)
        return np.asarray(stats.norm.pdf(at, self.means, sds) @ self.weights)

    def characteristic(self, s: Array) -> Array:
        """Return the characteristic function at frequencies `s`."""
        exponent = 1j * s[..., None] * self.means - (s[..., None] * self.sds) ** 2 / 2
        return np.asarray(np.exp(exponent) @ self.weights)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Draw independent rows."""
        if self.weights.size == 1:
            return np.asarray(self.means[0] + self.sds[0] * rng.standard_normal(shape))
        part = rng.choice(self.weights.size, size=shape, p=self.weights)
        return np.asarray(self.means[part] + self.sds[part] * rng.standard_normal(shape))

    def roughness(self, derivative: int = 0) -> float:
        r"""Return the integral of the squared density, or of its squared derivative.

        Closed form: derivatives of the normal density of :math:`\mu_i - \mu_j` with variance
        :math:`\sigma_i^2 + \sigma_j^2` (Marron and Wand 1992).
        """
        apart = self.means[:, None] - self.means
        spread = np.sqrt(self.sds[:, None] ** 2 + self.sds**2)
        hermite = np.polynomial.hermite_e.hermeval(apart / spread, [0.0] * (2 * derivative) + [1.0])
        terms = (-1) ** derivative * hermite * stats.norm.pdf(apart / spread)
        return float(self.weights @ (terms / spread ** (2 * derivative + 1)) @ self.weights)


class KernelDensity(Model):
    r"""A density on the line, estimated by a weighted kernel density estimate.

    A synthetic row is a training row, drawn with its weight, plus bandwidth times a draw from the
    kernel. Errors are exact integrals of the squared difference.

    Parameters
    ----------
    bandwidth : float
        h, positive, in the unit of the rows.
    kernel : {"gaussian", "epanechnikov"}, optional
    density : NormalMixture or scipy.stats.norm distribution, optional
        The truth; N(0, 1) by default.

    Raises
    ------
    ValueError
        If the bandwidth is not a positive number, or the kernel or the density is another.

    Notes
    -----
    Metric ``"mise"``: the integral of (f_t - f)^2, with exact theory in every loop. On request also
    ``"spread"``, the second moment of f_t about the true mean, whose expectation in the fresh-real
    loop settles at `limit_variance`.

    Each frequency has an affine recursion of its own: see `SpectralRecursion`.

    Examples
    --------
    >>> from lib import FreshReal
    >>> from lib.models import KernelDensity
    >>> loop = FreshReal(n=50, m=25, w=0.6)
    >>> theory = KernelDensity(0.4).theory(loop)["mise"]
    >>> round(float(theory.path(25)[-1]), 6)
    0.00936
    """

    metrics: ClassVar[tuple[str, ...]] = ("mise",)

    def __init__(self, bandwidth: float, *, kernel: str = "gaussian", density: Any = None) -> None:
        h = _validate.single("bandwidth", bandwidth)
        if not isinstance(kernel, str) or kernel not in KERNELS:
            raise _validate.fail("kernel", f"one of {', '.join(KERNELS)}", kernel)
        self.bandwidth = h
        self.kernel = kernel
        self.density = _density(density)
        self._kernel = KERNELS[kernel]

    def __repr__(self) -> str:
        other = f", kernel={self.kernel!r}" if self.kernel != "gaussian" else ""
        return f"KernelDensity({self.bandwidth:g}{other}, density={self.density!r})"

    def cells(self, rows: int) -> int:
        """Return how many samples are simulated together: see `lib.models.base.Model.cells`."""
        return _rows.cells(2 * rows, CELLS)  # complex numbers

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Rows:
        """Draw n real rows: see `lib.models.base.Model.draw`."""
        return _rows.one_block(self.density.draw(rng, (*size, n)))

    def rows(self, values: ArrayLike) -> Rows:
        """Hold rows of your own as samples, to be mixed and fitted.

        Parameters
        ----------
        values : array_like, shape (rows,) or (replicates, rows)

        Returns
        -------
        sample
            A batch of shape (1, replicates).

        Raises
        ------
        ValueError
            If there are no rows, or one is not finite.
        """
        return _rows.one_block(_rows.observed("values", values))

    def synthesize(
        self, fit: Rows, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Rows:
        """Draw m rows from each density: see `lib.models.base.Model.synthesize`."""
        values = _rows.resample(fit, m, size, rng)
        values += self.bandwidth * self._kernel.draw(rng, values.shape)
        return _rows.one_block(values)

    def mix(self, parts: Sequence[tuple[Rows, Array]]) -> Rows:
        """Keep all rows, with their weights: see `lib.models.base.Model.mix`."""
        return _rows.mix(parts)

    def fit(self, sample: Rows) -> Rows:
        """Return the sample: its weighted rows are the estimate."""
        return sample

    def evaluate(self, fit: Rows, x: ArrayLike) -> Array:
        """Evaluate fitted densities.

        Parameters
        ----------
        fit
            A batch.
        x : array_like, shape (q,)

        Returns
        -------
        ndarray, shape (weights or 1, replicates, q)

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        at = np.atleast_1d(_validate.finite("x", x, "a vector of finite numbers"))
        total: Any = 0.0
        for block in fit:
            apart = (at[:, None] - block.values[..., None, :]) / self.bandwidth
            heights = self._kernel.density(apart).mean(axis=-1) / self.bandwidth
            total = total + block.weight[..., None] * heights
        return np.asarray(total)

    def error(self, fit: Rows, metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        if metric == "mise":
            return self._integrated_squared_error(fit)
        if metric == "spread":
            mean, noise = self.density.mean, self.bandwidth**2 * self._kernel.variance
            moments = [b.weight * ((b.values - mean) ** 2).mean(axis=-1) for b in fit]
            return np.asarray(sum(moments[1:], moments[0]) + noise)
        raise _validate.fail("metric", "'mise' or 'spread'", metric)

    def _integrated_squared_error(self, fit: Rows) -> Array:
        r"""Return the integral of (f_t - f)^2 by Parseval's identity.

        The midpoint rule over frequencies :math:`(j + \frac12)\delta` has no error but the overlap
        of copies of the difference that are :math:`2\pi/\delta` apart, so :math:`\delta` follows
        from the range of the rows. Beyond the last frequency, single rows are all that is left
        (Epanechnikov kernel: of every sample on average).
        """
        low = min(float(block.values.min()) for block in fit)
        high = max(float(block.values.max()) for block in fit)
        delta, s = self._nodes(low, high, steps=0)
        kappa = self._kernel.characteristic(self.bandwidth * s)
        phi = self.density.characteristic(s)
        squares: Any = 0.0  # of the weights of rows
        turning, turn = [], []
        for block in fit:
            squares = squares + block.weight**2 / block.size
            turn.append(np.exp(1j * delta * block.values))
            turning.append(np.exp(0.5j * delta * block.values))
        total: Any = 0.0
        for j in range(s.size):
            psi: Any = 0.0
            for block, now, by in zip(fit, turning, turn, strict=True):
                psi = psi + block.weight * now.mean(axis=-1)
                np.multiply(now, by, out=now)
            apart = kappa[j] * psi - phi[j]
            total = total + (apart.real**2 + apart.imag**2 - kappa[j] ** 2 * squares)
        noise = squares * self._kernel.roughness / self.bandwidth
        return np.asarray(delta / np.pi * total + noise)

    def _nodes(self, low: float, high: float, steps: float, finer: int = 0) -> tuple[float, Array]:
        """Return the distance of frequencies and the frequencies themselves.

        `low` and `high` bound the rows before they are smoothed `steps` times.
        """
        truth = self.density
        low = min(low, float((truth.means - 6.5 * truth.sds).min()))
        high = max(high, float((truth.means + 6.5 * truth.sds).max()))
        spread = self.bandwidth * np.sqrt(self._kernel.variance * steps)
        period = high - low + 9 * (self.bandwidth + spread)
        # half a period on either side of a difference of two densities
        delta = 2 * np.pi / period / 2**finer
        end = max(self._kernel.reach / self.bandwidth, 6.2 / float(truth.sds.min()))
        count = int(np.ceil(end / delta))
        if count > NODES:
            raise ValueError(
                f"`bandwidth` = {self.bandwidth:g} is too small beside rows between {low:.3g} and "
                f"{high:.3g}: more than {NODES} frequencies would be needed"
            )
        return delta, delta * (np.arange(count) + 0.5)

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Raise an error: a density has no finite-dimensional noise. See `theory`."""
        raise TypeError("the error of a kernel density has a recursion for each frequency: theory")

    def theory(self, loop: Loop) -> dict[str, Recursion]:
        """Return the exact mean integrated squared error: see `lib.models.base.Model.theory`."""
        self.check(loop)
        return {"mise": SpectralRecursion(self, loop)}

    def limit_variance(self, w: ArrayLike) -> Any:
        r"""Variance of the expected density in the long run of the fresh-real loop.

        The limit is the truth convolved with a geometric number of kernels, 1/w on average:
        :math:`\sigma^2 + h^2\sigma_K^2/w`.

        Parameters
        ----------
        w : float or array_like
            Weight on the real rows, in [0, 1].

        Returns
        -------
        float or ndarray
            ``inf`` at w = 0.

        Raises
        ------
        ValueError
            If a weight is outside [0, 1].
        """
        with np.errstate(divide="ignore"):
            kernels = 1 / _validate.weight("w", w)
        variance = self.density.variance + kernels * self.bandwidth**2 * self._kernel.variance
        return float(variance) if np.ndim(variance) == 0 else variance

    def expected_density(self, loop: Loop, t: int | None, x: ArrayLike) -> Array:
        """Return E f_t(x), which is the truth smoothed a random number of times.

        Parameters
        ----------
        loop : Loop
            With a single weight, if it has one.
        t : int or None
            Generation; None for the limit of the fresh-real loop.
        x : array_like, shape (q,)

        Returns
        -------
        ndarray, shape (q,)

        Raises
        ------
        ValueError
            If the loop has several weights, `t` is negative, or None in another loop.
        """
        at = np.atleast_1d(_validate.finite("x", x))
        self.check(loop)
        if loop.grid is not None and loop.grid.size != 1:
            raise _validate.fail("loop", "one with a single weight", loop)
        recursion = SpectralRecursion(self, loop)
        if t is None:
            if not isinstance(loop, FreshReal) or loop.grid is None or loop.grid[0] == 0:
                raise _validate.fail("t", "a generation, unless fresh real rows have weight", t)
        else:
            t = _validate.integer("t", t, least=0)
        times = recursion._smoothings(t)
        edge = float(np.abs(at).max())
        delta, s = self._nodes(-edge, edge, steps=times)
        kappa = self._kernel.characteristic(self.bandwidth * s)
        transform = self.density.characteristic(s) * kappa * recursion._mean_factor(kappa, t)
        waves = np.exp(-1j * at[:, None] * s)
        return np.asarray(delta / np.pi * (waves @ transform).real)

    def best_weight(self, n: int, m: int) -> float:
        """Weight with the smallest limit error at this bandwidth, in the fresh-real loop.

        Parameters
        ----------
        n, m : int
            Real and synthetic rows.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If `n` or `m` is not a positive integer.
        """
        n, m = _validate.integer("n", n), _validate.integer("m", m)

        def limit(w: float) -> float:
            return float(self.theory(FreshReal(n=n, m=m, w=w))["mise"].limit())

        # below naive mixing there is neither less noise nor less bias
        coarse = np.geomspace(0.5 * naive_weight(n / m), 1, 40)
        lowest = int(np.argmin([limit(w) for w in coarse]))
        bounds = (coarse[max(lowest - 1, 0)], coarse[min(lowest + 1, coarse.size - 1)])
        found = optimize.minimize_scalar(
            limit, bounds=bounds, method="bounded", options={"xatol": 1e-6 * bounds[1]}
        )
        return float(found.x)


def _density(given: Any) -> NormalMixture:
    if given is None:
        return NormalMixture(np.ones(1), np.zeros(1), np.ones(1))
    if isinstance(given, NormalMixture):
        return given
    if getattr(getattr(given, "dist", None), "name", None) == "norm":
        mean, sd = np.asarray(given.mean()), np.asarray(given.std())
        if mean.ndim == sd.ndim == 0 and np.isfinite(mean) and sd > 0:
            return NormalMixture(np.ones(1), mean[None], sd[None])
    raise _validate.fail("density", "a NormalMixture or a scipy.stats.norm distribution", given)


class SpectralRecursion(Recursion):
    r"""The mean integrated squared error of a kernel density, frequency by frequency.

    At a frequency s let phi and kappa be the characteristic functions of the truth and of the
    kernel at bandwidth h, :math:`P = |\varphi|^2 + (1-|\varphi|^2)/n`, and Psi_t that of the
    training rows of generation t. With weights :math:`\alpha, \beta, \gamma, \delta` on fresh
    real, first real, previous and new synthetic rows and :math:`g = \gamma + \delta\kappa`,

    .. math::

        \mu_t &= (\alpha + \beta)|\varphi|^2 + g \mu_{t-1} \\
        c_t &= \alpha|\varphi|^2 + \beta P + g c_{t-1} \\
        q_t &= (\alpha^2+\beta^2) P + 2\alpha g\mu_{t-1} + 2\beta g c_{t-1} + g^2 q_{t-1}
               + \delta^2 (1 - \kappa^2 q_{t-1})/m

    are :math:`\mathrm{Re}\,\bar\varphi\,E\Psi_t`, :math:`\mathrm{Re}\,E\bar\Psi_0\Psi_t` and
    :math:`E|\Psi_t|^2`. The error is the integral of
    :math:`\kappa^2 q_t - 2\kappa\mu_t + |\varphi|^2` over s, divided by :math:`2\pi`.

    Parameters
    ----------
    model : KernelDensity
    loop : Loop

    Notes
    -----
    The integral is a midpoint sum, which converges faster than any power for such functions. Its
    nodes are doubled until two sums agree to a relative 1e-9: see `quadrature_error`.
    """

    def __init__(self, model: KernelDensity, loop: Loop) -> None:
        if isinstance(loop, Uneven):
            raise _validate.fail("loop", "one with the same rows at every generation", loop)
        self.model, self.loop = model, loop
        self._scalar = loop.grid is None or np.ndim(getattr(loop, "w", 0.0)) == 0

    def path(self, steps: int) -> Array:
        """Return the error at t = 0, ..., steps: see `Recursion.path`."""
        return self._shaped(self._refined(_validate.integer("steps", steps))[0])

    def limit(self) -> Any:
        """Return the error as t grows without bound.

        Accumulation, and training without real rows, end with a density that has been smoothed
        away: the limit is then that of the integral of f^2, and the noise that is left.
        """
        value = self._shaped(self._refined(None)[0])
        return float(value) if np.ndim(value) == 0 else value

    def quadrature_error(self, steps: int | None = None) -> float:
        """Return the relative change that the last doubling of the nodes made.

        Parameters
        ----------
        steps : int, optional
            As for `path`; without it that of `limit`.

        Returns
        -------
        float
            An upper bound of the relative error of the sum, which is far smaller.
        """
        return self._refined(None if steps is None else _validate.integer("steps", steps))[1]

    def _step(self, t: int, state: Array) -> Array:
        """Advance (q, mu, c) by a generation; the last axis of `state` has these three."""
        raise TypeError("the states of all frequencies are advanced by `path`")

    def _shaped(self, values: Array) -> Array:
        return values[0] if self._scalar else values

    def _smoothings(self, steps: int | None) -> float:
        """Return how often a row may have been smoothed, but for a chance of 1e-16."""
        grid = self.loop.grid
        if isinstance(self.loop, Accumulate):
            often = 40 + 6 * np.log(1.0 if steps is None else steps + 1.0)
        elif grid is not None and grid.min() > 0:
            often = 37 / grid.min()
        else:  # without real rows, two of m rows have a common ancestor at this distance
            often = 40.0 * self.loop.m
            if steps is not None:
                often = steps + 1.0
        return float(often if steps is None else min(often, steps + 1.0))

    def _refined(self, steps: int | None) -> tuple[Array, float]:
        """Double the nodes until the sums agree."""
        grid = self.loop.grid
        smoothed = self._smoothings(steps)
        nodes = self.model._nodes(np.inf, -np.inf, smoothed)[1].size
        if grid is not None and grid.size > 1 and 2 * nodes * grid.size > TOGETHER:
            each = [
                SpectralRecursion(self.model, replace(self.loop, w=w))._refined(steps)  # type: ignore[call-arg]
                for w in grid.tolist()
            ]
            return np.concatenate([value for value, _ in each]), max(change for _, change in each)
        old: Array | None = None
        change = np.inf
        for finer in range(8):
            delta, s = self.model._nodes(np.inf, -np.inf, smoothed, finer)
            new = self._settled(delta, s) if steps is None else self._walked(delta, s, steps)
            if old is not None:
                change = float(np.max(np.abs(new - old) / np.abs(new)))
                if change < QUADRATURE:
                    return new, change
            old = new
        raise ArithmeticError(f"the integral over frequencies did not settle: {change:.1g}")

    def _constants(self, s: Array) -> tuple[Array, Array, Array]:
        """Return kappa, |phi|^2 and P."""
        kappa = self.model._kernel.characteristic(self.model.bandwidth * s)
        power = np.abs(self.model.density.characteristic(s)) ** 2
        return kappa, power, power + (1 - power) / self.loop.n

    def _weights(self, t: int) -> tuple[Array, Array, Array, Array]:
        recipe = self.loop.recipe(t)
        order = (Source.FRESH, Source.FIRST, Source.PREVIOUS, Source.SYNTHETIC)
        # alpha, beta, gamma and delta of the text
        f, o, p, v = (np.atleast_1d(recipe.get(source, 0.0))[:, None] for source in order)
        return f, o, p, v

    def _summed(self, delta: float, z: Array, kappa: Array, single: Array) -> Array:
        """Integrate over frequencies; `single` is the sum of squared weights of rows."""
        roughness = self.model._kernel.roughness / self.model.bandwidth
        inner = (z - kappa**2 * single).sum(axis=-1)
        return np.asarray(delta / np.pi * inner + single[..., 0] * roughness)

    def _walked(self, delta: float, s: Array, steps: int) -> Array:
        kappa, power, real = self._constants(s)
        n, m = self.loop.n, self.loop.m
        mu, c, q = power[None], real[None], real[None]
        single: Any = np.full((1, 1), 1 / n)
        path = []
        for t in range(steps + 1):
            if t:
                f, o, p, v = self._weights(t)
                g = p + v * kappa
                q = (
                    (f**2 + o**2) * real
                    + 2 * g * (f * mu + o * c)
                    + g**2 * q
                    + v**2 * (1 - kappa**2 * q) / m
                )
                mu, c = (f + o) * power + g * mu, f * power + o * real + g * c
                single = (f**2 + o**2) / n + v**2 / m + p**2 * single
            path.append(self._summed(delta, kappa**2 * q - 2 * kappa * mu + power, kappa, single))
        return np.stack(np.broadcast_arrays(*path[::-1]), axis=-1)[..., ::-1]

    def _settled(self, delta: float, s: Array) -> Array:
        kappa, power, real = self._constants(s)
        if isinstance(self.loop, Accumulate):  # everything is smoothed away
            return np.atleast_1d(self.model.density.roughness())
        n, m = self.loop.n, self.loop.m
        f, o, _, v = self._weights(1)
        g = v * kappa
        mu, c = (f + o) * power / (1 - g), (f * power + o * real) / (1 - g)
        new = (f**2 + o**2) * real + v**2 / m + 2 * g * (f * mu + o * c)
        q = new / (1 - g**2 * (1 - 1 / m))
        z = kappa**2 * q - 2 * kappa * mu + power
        return self._summed(delta, z, kappa, (f**2 + o**2) / n + v**2 / m)

    def _mean_factor(self, kappa: Array, t: int | None) -> Array:
        """Return E Psi_t / phi, the generating function of the number of smoothings."""
        if t is None:
            f, _, _, v = self._weights(1)
            return np.asarray((f / (1 - v * kappa))[0])
        factor = np.ones_like(kappa)
        for step in range(1, t + 1):
            f, o, p, v = self._weights(step)
            factor = ((f + o) + (p + v * kappa) * factor)[0]
        return factor


class Plan(NamedTuple):
    """A weight and a bandwidth that belong together.

    Attributes
    ----------
    w : float
        Weight on the real rows.
    bandwidth : float
        In the unit of the rows, or as a factor: see the function that returned it.
    mise : float
        Limit error, or its ratio to that of real rows alone at their own best bandwidth.
    """

    w: float
    bandwidth: float
    mise: float


def noise_factor(w: ArrayLike, k: ArrayLike, *, kernel: str = "gaussian") -> Any:
    r"""Variance of the limit density for small bandwidths, in units of real rows alone.

    .. math:: \nu(w, k) = \bigl(w^2 + k(1-w)^2\bigr)
              \frac{\int \kappa^2/(1-(1-w)^2\kappa^2)}{\int \kappa^2}

    which for the Gaussian kernel is :math:`(w^2 + k(1-w)^2) \sum_j (1-w)^{2j}/\sqrt{j+1}`. It is
    smaller than E(w, k): a row that is smoothed again loses its sharpness.

    Parameters
    ----------
    w : float or array_like
        Weight on the real rows, in (0, 1].
    k : float or array_like
        Ratio n/m, positive; broadcasts against `w`.
    kernel : {"gaussian", "epanechnikov"}, optional

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from lib.models.kernel import noise_factor
    >>> round(noise_factor(0.618, 1), 4)
    0.5897
    """
    w_, k_ = _validate.weight("w", w), _validate.positive("k", k)
    if (w_ == 0).any():
        raise _validate.fail("w", "greater than 0", w)
    if not isinstance(kernel, str) or kernel not in KERNELS:
        raise _validate.fail("kernel", f"one of {', '.join(KERNELS)}", kernel)
    kappa = KERNELS[kernel].characteristic

    def again(u: float) -> float:
        """Return the integral without the kernel's own roughness: it decays quickly."""

        def integrand(s: float) -> float:
            square = float(kappa(np.array(s))) ** 2
            return square**2 * u / (1 - u * square)

        return float(integrate.quad(integrand, 0, np.inf, limit=2000, epsabs=1e-12)[0])

    kept = (1 - w_) ** 2
    whole = np.pi * KERNELS[kernel].roughness  # integral of kappa^2 over (0, infinity)
    growth = np.vectorize(lambda u: 1 + again(u) / whole, otypes=[float])(kept)
    value = _noise(w_, k_) * growth
    return float(value) if np.ndim(value) == 0 else value


def bandwidth_rule(k: float, *, kernel: str = "gaussian") -> Plan:
    r"""Best weight and bandwidth together, for large samples.

    The bias of the limit is that of one smoothing with :math:`h^2/w`, its variance that of real
    rows alone times :math:`\nu(w, k)`; at the best bandwidth, which is
    :math:`(\nu w^2)^{1/5}` times that of real rows alone, the error is
    :math:`(\nu^2/w)^{2/5}` times theirs. So the weight minimises :math:`\nu(w,k)^2/w`, whatever
    the truth is.

    Parameters
    ----------
    k : float
        Ratio n/m, positive.
    kernel : {"gaussian", "epanechnikov"}, optional

    Returns
    -------
    Plan
        The weight; the factor on the bandwidth that is best for n real rows alone; the error in
        units of theirs.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from lib.models.kernel import bandwidth_rule
    >>> tuple(round(x, 3) for x in bandwidth_rule(1))
    (0.675, 0.774, 0.785)
    """
    k = _validate.single("k", k)
    found = optimize.minimize_scalar(
        lambda w: noise_factor(w, k, kernel=kernel) ** 2 / w,
        bounds=(1e-4, 1),
        method="bounded",
        options={"xatol": 1e-8},
    )
    w = float(found.x)
    noise = noise_factor(w, k, kernel=kernel)
    return Plan(w, float((noise * w**2) ** 0.2), float((noise**2 / w) ** 0.4))


def best_plan(n: int, m: int, *, density: Any = None, kernel: str = "gaussian") -> Plan:
    """Best weight and bandwidth together, exactly for n and m rows.

    Parameters
    ----------
    n, m : int
        Real and synthetic rows.
    density : NormalMixture or scipy.stats.norm distribution, optional
        The truth; N(0, 1) by default.
    kernel : {"gaussian", "epanechnikov"}, optional

    Returns
    -------
    Plan
        With the limit error itself.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    truth = _density(density)
    n, m = _validate.integer("n", n), _validate.integer("m", m)
    rule = bandwidth_rule(n / m, kernel=kernel)
    start = rule.bandwidth * _normal_reference(truth, n, KERNELS[kernel])

    def limit(at: Array) -> float:
        w, h = 1 / (1 + np.exp(-at[0])), np.exp(at[1])
        model = KernelDensity(h, kernel=kernel, density=truth)
        return float(np.log(model.theory(FreshReal(n=n, m=m, w=w))["mise"].limit()))

    found = optimize.minimize(
        limit,
        [np.log(rule.w / (1 - rule.w)), np.log(start)],
        method="Nelder-Mead",
        options={"xatol": 1e-5, "fatol": 1e-11},
    )
    return Plan(
        float(1 / (1 + np.exp(-found.x[0]))), float(np.exp(found.x[1])), float(np.exp(found.fun))
    )


def _normal_reference(truth: NormalMixture, n: int, kernel: Kernel) -> float:
    """Return the bandwidth that is best for n real rows alone, n large."""
    return float(
        (kernel.roughness / (kernel.variance**2 * truth.roughness(derivative=2) * n)) ** 0.2
    )
