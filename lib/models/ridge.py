"""Ridge regression and minimum-norm interpolation on a fixed design, exactly given the design.

In the singular vectors of the design the loop falls apart into numbers: each direction shrinks,
forgets and is noisy on its own, and knows nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.special import zeta

from lib import _validate
from lib._validate import Array
from lib.loops import Accumulate, FreshReal, Loop, Source
from lib.models.base import CELLS, Model
from lib.recursion import Recursion, SamplingNoise
from lib.weights import _kept, _noise, naive_weight

FEWEST_CELLS = 100
"""Replicates times weights of a chunk with very many directions."""


# A direction in the long run: plain arithmetic, so that charts can trace it.


def _left_out(w: Any, square: Any, penalty: Any) -> Any:
    # the share of a direction's signal that ridge with penalty / w leaves out
    return penalty / (penalty + w * square)


def _noise_let_in(w: Any, k: Any, square: Any, penalty: Any) -> Any:
    # variance of a direction's coefficient, in units of the variance of a real label
    return square * _noise(w, k) / ((penalty + w * square) * (penalty + (2 - w) * square))


class RidgeRegression(Model):
    r"""Linear regression with a penalty on the coefficients, on a fixed design.

    Real and synthetic labels are observed on the rows of X, every row n/N and m/N times, and a fit
    minimises

    .. math:: w\lVert \bar y - X\beta\rVert^2 + (1-w)\lVert \tilde y - X\beta\rVert^2
              + \lambda\lVert\beta\rVert^2

    with the average real and synthetic label of each row. With the penalty 0 it is the solution of
    smallest norm, which is least squares if the columns are linearly independent. There may be
    more columns than rows.

    Parameters
    ----------
    theta : array_like, shape (p,)
        True coefficients.
    noise_sd : float, optional
        Standard deviation of a label, known to the model.
    design : array_like, shape (N, p)
        The rows X. The loop's n and m must be multiples of N.
    penalty : float, optional
        The number lambda, at least 0.

    Raises
    ------
    ValueError
        If an entry is not finite, `noise_sd` is not positive, `penalty` is negative, or the design
        has another number of columns than `theta` or is zero.

    Notes
    -----
    Metrics: ``"theta"``, the squared distance of the coefficients; on request ``"seen"``, without
    the part of theta on which no label depends, and ``"kl"``, the Kullback-Leibler divergence of
    the labels' law, averaged over the design. The theory is exact in every loop.

    Directions are the right singular vectors v_i of X with positive singular values s_i. A sample
    is held as the numbers ``u_i'y / s_i``, and a fit as the coefficients ``v_i'beta``, both of
    shape (weights, replicates, directions); see `coefficients`.

    Examples
    --------
    >>> import numpy as np
    >>> from lib.models import RidgeRegression
    >>> wide = np.random.default_rng(1).normal(size=(20, 30))
    >>> model = RidgeRegression(np.full(30, 0.3), design=wide)
    >>> for penalty in (0, 10, 100):
    ...     tuned = model.with_penalty(penalty)
    ...     print(penalty, round(tuned.best_weight(20, 20), 3))
    0 0.618
    10 0.791
    100 1.0
    """

    metrics: ClassVar[tuple[str, ...]] = ("theta",)

    def __init__(
        self, theta: ArrayLike, noise_sd: float = 1.0, *, design: ArrayLike, penalty: float = 0.0
    ) -> None:
        self.theta = np.atleast_1d(_validate.finite("theta", theta, "a vector of finite numbers"))
        if self.theta.ndim != 1 or not self.theta.size:
            raise _validate.fail("theta", "a vector of at least one number", theta)
        self.noise_sd = _validate.single("noise_sd", noise_sd)
        self.penalty = _validate.single("penalty", penalty, _validate.nonnegative)
        x = _validate.finite("design", design, "a matrix of finite numbers")
        columns = self.theta.size
        if x.ndim != 2 or x.shape[1] != columns or not len(x):
            allowed = f"a matrix with {columns} column{'s' * (columns != 1)}, as `theta` says"
            raise _validate.fail("design", allowed, design)
        self.design = x
        _, s, v = np.linalg.svd(x, full_matrices=False)
        # as numpy.linalg.matrix_rank has it
        seen = s > s.max() * max(x.shape) * np.finfo(float).eps
        if not seen.any():
            raise _validate.fail("design", "not zero", design)
        self.directions: Array = v[seen]
        """Orthonormal rows v_i: the directions of coefficients on which labels depend."""
        self.squares: Array = s[seen] ** 2
        """Squared singular values of the design, in falling order."""
        self.signal: Array = self.directions @ self.theta
        """Components of theta in these directions."""
        unseen = self.theta - self.signal @ self.directions
        self.unseen = float(unseen @ unseen) if seen.sum() < columns else 0.0
        """Squared length of the part of theta on which no label depends."""

    def __repr__(self) -> str:
        rows, columns = self.design.shape
        return (
            f"RidgeRegression(theta of length {columns}, {self.noise_sd:g}, "
            f"design of {rows} rows, penalty={self.penalty:g})"
        )

    @property
    def shrinkage(self) -> Array:
        """What one fit keeps of each direction: h_i = s_i^2 / (s_i^2 + lambda)."""
        return self.squares / (self.squares + self.penalty)

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if the loop's rows are no multiples of the design's."""
        super().check(loop)
        rows = len(self.design)
        for t in range((loop.last or 1) + 1):
            for name, count in zip("nm", loop.sizes(t), strict=True):
                if count % rows:
                    raise _validate.fail(name, f"a multiple of the design's {rows} rows", count)

    def cells(self, rows: int) -> int:
        """Return how many fits are simulated together: see `lib.models.base.Model.cells`."""
        return max(FEWEST_CELLS, CELLS // self.signal.size)

    def _label_variance(self, rows: int) -> float:
        """Return the variance of the average label of a row of the design."""
        return self.noise_sd**2 * len(self.design) / rows

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
        """Draw samples of n real labels: see `lib.models.base.Model.draw`."""
        return self.synthesize(self.signal, n, size, rng)

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Array:
        """Draw m labels from each fit: see `lib.models.base.Model.synthesize`."""
        noise = rng.standard_normal((*size, self.signal.size))
        noise *= np.sqrt(self._label_variance(m) / self.squares)
        noise += fit
        return noise

    def mix(self, parts: Sequence[tuple[Array, Array]]) -> Array:
        """Average the labels: see `lib.models.base.Model.mix`."""
        return np.asarray(reduce(np.add, [w[..., None] * sample for sample, w in parts]))

    def fit(self, sample: Array) -> Array:
        """Shrink each direction: see `lib.models.base.Model.fit`."""
        return np.asarray(sample * self.shrinkage)

    def coefficients(self, fit: Array) -> Array:
        """Return the coefficients of fits.

        Parameters
        ----------
        fit : ndarray, shape (..., directions)

        Returns
        -------
        ndarray, shape (..., p)
            Zero in every direction on which no label depends.
        """
        return np.asarray(fit @ self.directions)

    def error(self, fit: Array, metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        weights, constant = self._metric(metric)
        return np.asarray((fit - self.signal) ** 2 @ weights + constant)

    def _metric(self, metric: str) -> tuple[Array, float]:
        """Return what a metric gives each direction, and what it adds."""
        if metric == "theta":
            return np.ones_like(self.squares), self.unseen
        if metric == "seen":
            return np.ones_like(self.squares), 0.0
        if metric == "kl":
            return self.squares / (2 * self.noise_sd**2 * len(self.design)), 0.0
        raise _validate.fail("metric", "'theta', 'seen' or 'kl'", metric)

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Raise an error: every direction has a noise of its own. See `theory`."""
        raise TypeError("the error of ridge regression has a recursion for each direction: theory")

    def theory(self, loop: Loop) -> dict[str, Recursion]:
        """Return the exact expected errors: see `lib.models.base.Model.theory`."""
        self.check(loop)
        return {metric: RidgeRecursion(self, loop, metric) for metric in ("theta", "seen", "kl")}

    def with_penalty(self, penalty: float) -> RidgeRegression:
        """Return the same model with another penalty."""
        return RidgeRegression(self.theta, self.noise_sd, design=self.design, penalty=penalty)

    def split(self, n: int, m: int, w: ArrayLike, metric: str = "theta") -> tuple[Any, Any]:
        r"""Return the limit error with fresh real labels in two parts.

        .. math:: \sum_i \Bigl(\frac{\lambda\, v_i'\theta}{\lambda + ws_i^2}\Bigr)^2, \qquad
                  \sigma_n^2 \sum_i \frac{s_i^2\,(w^2 + k(1-w)^2)}
                  {(\lambda + ws_i^2)(\lambda + (2-w)s_i^2)}

        with :math:`\sigma_n^2 = \sigma^2 N/n`, for the metric ``"seen"``; ``"theta"`` has its
        constant in the first part.

        Parameters
        ----------
        n, m : int
            Real and synthetic labels, multiples of the design's rows.
        w : float or array_like, shape (weights,)
            Weight on the real labels, in (0, 1].
        metric : {"theta", "seen", "kl"}, optional

        Returns
        -------
        squared_bias, variance : float or ndarray, shape (weights,)

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        loop = FreshReal(n=n, m=m, w=w)
        self.check(loop)
        at = np.asarray(loop.w)[..., None]
        if (at == 0).any():
            raise _validate.fail("w", "greater than 0", w)
        weights, constant = self._metric(metric)
        bias = (_left_out(at, self.squares, self.penalty) * self.signal) ** 2 @ weights + constant
        variance = _noise_let_in(at, loop.k, self.squares, self.penalty) @ weights
        variance = variance * self._label_variance(loop.n)
        return (float(bias), float(variance)) if at.ndim == 1 else (bias, variance)

    def best_weight(self, n: int, m: int, metric: str = "theta") -> float:
        """Weight with the smallest limit error at this penalty, with fresh real labels.

        The limit error is a convex function of the weight, so that its slope has one zero at most.

        Parameters
        ----------
        n, m : int
            Real and synthetic labels, multiples of the design's rows.
        metric : {"theta", "kl"}, optional

        Returns
        -------
        float
            1.0 where synthetic labels only harm: see `harmful`.

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        loop = FreshReal(n=n, m=m, w=1.0)
        self.check(loop)
        if self.harmful(loop.n, metric):
            return 1.0
        low = float(naive_weight(loop.k))
        noise = self._label_variance(loop.n)
        return float(
            optimize.brentq(
                lambda w: self._slope(w, loop.k, noise, metric), low, 1.0, xtol=1e-13, rtol=1e-13
            )
        )

    def _slope(self, w: float, k: float, noise: float, metric: str) -> float:
        """Return the derivative of the limit error with respect to w."""
        # in units in which no cube overflows
        scale = self.penalty + self.squares[0]
        lam, s2, noise = self.penalty / scale, self.squares / scale, noise / scale
        near, far = lam + w * s2, lam + (2 - w) * s2
        bias = -2 * lam**2 * s2 * self.signal**2 / near**3
        # the quotient rule; near * far has the derivative 2 (1 - w) s^4
        rise = (w - k * (1 - w)) * near * far - (w**2 + k * _kept(w)) * (1 - w) * s2**2
        variance = 2 * noise * s2 * rise / (near * far) ** 2
        return float((bias + variance) @ self._metric(metric)[0])

    def harmful(self, n: int, metric: str = "theta") -> bool:
        r"""Whether synthetic labels only harm at this penalty, however many there are.

        They do exactly if the noise is so small, or the penalty so large, that

        .. math:: \sigma_n^2 \sum_i \frac{s_i^2}{(s_i^2+\lambda)^2} \le
                  \sum_i \frac{\lambda^2 s_i^2\,(v_i'\theta)^2}{(s_i^2+\lambda)^3} .

        Parameters
        ----------
        n : int
            Real labels, a multiple of the design's rows.
        metric : {"theta", "kl"}, optional

        Returns
        -------
        bool

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        loop = FreshReal(n=n, m=len(self.design), w=1.0)
        self.check(loop)
        return self._slope(1.0, loop.k, self._label_variance(loop.n), metric) <= 0

    def best_penalty(self, n: int, metric: str = "theta") -> float:
        """Penalty with the smallest error of a fit to n real labels alone.

        Parameters
        ----------
        n : int
            A multiple of the design's rows.
        metric : {"theta", "kl"}, optional

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If an argument is out of range, or no label depends on theta.
        """
        rows = len(self.design)
        return self._tuned(
            n, rows, metric, lambda model: (1.0, model._total(n, rows, 1.0, metric))
        ).penalty

    def best_plan(self, n: int, m: int, metric: str = "theta") -> RidgePlan:
        """Weight and penalty with the smallest limit error together, with fresh real labels.

        Parameters
        ----------
        n, m : int
            Real and synthetic labels, multiples of the design's rows.
        metric : {"theta", "kl"}, optional

        Returns
        -------
        RidgePlan
            Whose weight lies between `lib.optimal_weight` of n/m and 1.

        Raises
        ------
        ValueError
            If an argument is out of range, or no label depends on theta.
        """

        def at(model: RidgeRegression) -> tuple[float, float]:
            w = model.best_weight(n, m, metric)
            return w, model._total(n, m, w, metric)

        return self._tuned(n, m, metric, at)

    def _total(self, n: int, m: int, w: float, metric: str) -> float:
        bias, variance = self.split(n, m, w, metric)
        return float(bias + variance)

    def _tuned(
        self, n: int, m: int, metric: str, at: Callable[[RidgeRegression], tuple[float, float]]
    ) -> RidgePlan:
        """Minimise over the penalty what `at` says of the model that has it: weight and error."""
        loop = FreshReal(n=n, m=m, w=1.0)
        self.check(loop)
        if np.linalg.norm(self.signal) <= 1e-12 * np.linalg.norm(self.theta):
            raise _validate.fail("theta", "such that labels depend on it", self.theta)

        def cost(log: float) -> float:
            return at(self._cheaply(np.exp(log)))[1]

        # Where the slope in the penalty may be zero: every direction wants at least `low`. Beyond
        # the largest square the slopes differ by a factor of 8 at most but for noise and signal.
        noise, weights = self._label_variance(loop.n), self._metric(metric)[0] * self.squares
        low = noise * float(naive_weight(loop.k)) / (4 * float((self.signal**2).max()))
        balance = noise * float(weights.sum()) / float(weights @ self.signal**2)
        high = max(float(self.squares[0]), 16 * balance)
        grid = np.linspace(np.log(low), np.log(high), 200)
        lowest = int(np.argmin([cost(x) for x in grid]))
        bounds = (grid[max(lowest - 1, 0)], grid[min(lowest + 1, grid.size - 1)])
        found = optimize.minimize_scalar(
            cost, bounds=bounds, method="bounded", options={"xatol": 1e-7}
        )
        penalty = float(np.exp(found.x))
        w, error = at(self._cheaply(penalty))
        return RidgePlan(w, penalty, error)

    def _cheaply(self, penalty: float) -> RidgeRegression:
        """Return the same model with another penalty, without taking its design apart again."""
        other = object.__new__(RidgeRegression)
        other.__dict__.update(self.__dict__)
        other.penalty = float(penalty)
        return other


class RidgePlan(NamedTuple):
    """A weight and a penalty that belong together.

    Attributes
    ----------
    w : float
        Weight on the real labels.
    penalty : float
        On the coefficients: in the long run it counts 1/w times.
    error : float
        Limit error.
    """

    w: float
    penalty: float
    error: float


class RidgeRecursion(Recursion):
    r"""The expected error of ridge regression, direction by direction.

    With :math:`\delta_t` the error of the training labels of generation t in a direction, before
    they are shrunk by h, and :math:`\varepsilon_0` that of the first real ones, the state has

    .. math::

        \mu_t &= g\mu_{t-1} - \delta(1-h)\,v'\theta \\
        c_t &= g c_{t-1} + \beta\,\sigma_n^2/s^2 \\
        q_t &= g^2 q_{t-1} + (\alpha^2 + \beta^2)\sigma_n^2/s^2 + \delta^2\sigma_m^2/s^2
               + 2\beta g c_{t-1}

    which are the mean of the error, its covariance with :math:`\varepsilon_0`, and its variance.
    Here :math:`\alpha, \beta, \gamma, \delta` are the weights of fresh real, first real, previous
    and new synthetic labels, and :math:`g = \gamma + \delta h`. The expected squared error of the
    fit is the sum over all directions of :math:`h^2q_t + (h\mu_t - (1-h)v'\theta)^2`.

    Parameters
    ----------
    model : RidgeRegression
    loop : Loop
    metric : {"theta", "seen", "kl"}
    """

    def __init__(self, model: RidgeRegression, loop: Loop, metric: str) -> None:
        self.model, self.loop = model, loop
        self._weights, self._constant = model._metric(metric)
        first = model._label_variance(loop.sizes(0)[0]) / model.squares
        self.start = np.stack([np.zeros_like(first), first, first], axis=-1)

    def _shares(self, t: int) -> tuple[Array, Array, Array, Array]:
        recipe = self.loop.recipe(t)
        order = (Source.FRESH, Source.FIRST, Source.PREVIOUS, Source.SYNTHETIC)
        f, o, p, v = (np.asarray(recipe.get(source, 0.0))[..., None] for source in order)
        return f, o, p, v

    def _noise(self, t: int, f: Array, o: Array, v: Array) -> tuple[Array, Array, Array]:
        """Return what generation t adds to the state."""
        model = self.model
        real, drawn = (
            model._label_variance(rows) / model.squares if rows else np.zeros_like(model.squares)
            for rows in self.loop.sizes(t)
        )
        first = self.start[:, 1]
        apart = -v * (1 - model.shrinkage) * model.signal
        return apart, o * first, f**2 * real + o**2 * first + v**2 * drawn

    def _step(self, t: int, state: Array) -> Array:
        f, o, p, v = self._shares(t)
        mean, covariance, variance = np.moveaxis(state, -1, 0)
        apart, common, new = self._noise(t, f, o, v)
        g = p + v * self.model.shrinkage
        parts = (
            g * mean + apart,
            g * covariance + common,
            g**2 * variance + new + 2 * o * g * covariance,
        )
        return np.stack(np.broadcast_arrays(*parts), axis=-1)

    def _error(self, mean: Array, variance: Array) -> Array:
        h, signal = self.model.shrinkage, self.model.signal
        missing = self.model.penalty / (self.model.squares + self.model.penalty)
        each = h**2 * variance + (h * mean - missing * signal) ** 2
        return np.asarray(each @ self._weights + self._constant)

    def path(self, steps: int) -> Array:
        """Return the error at t = 0, ..., steps: see `Recursion.path`."""
        steps = _validate.integer("steps", steps)
        last = self.loop.last
        if last is not None and steps > last:
            raise _validate.fail("steps", f"at most {last}, where the loop ends", steps)
        state = self.start
        errors = [self._error(state[..., 0], state[..., 2])]
        for t in range(1, steps + 1):
            state = self._step(t, state)
            errors.append(self._error(state[..., 0], state[..., 2]))
        return np.stack([np.broadcast_to(e, errors[-1].shape) for e in errors], axis=-1)

    def limit(self) -> Any:
        """Return the error as t grows without bound: ``inf`` if it does too.

        Accumulation with a penalty ends without any signal, as does training without real labels.
        """
        if self.loop.last is not None:
            raise TypeError("a loop that ends has no limit; `path` has its errors")
        model, first = self.model, self.start[:, 1]
        if isinstance(self.loop, Accumulate):
            if model.penalty:
                return float(model.signal**2 @ self._weights + self._constant)
            # every label counts the same for ever: the sum of the squared shares of synthetic sets
            k = self.loop.k
            return float(first * (1 + k * float(zeta(2, 1 + k))) @ self._weights + self._constant)
        f, o, _, v = self._shares(1)
        missing = model.penalty / (model.squares + model.penalty)
        g = v * model.shrinkage
        away = (1 - v) + v * missing  # 1 - g without cancellation
        apart, common, new = self._noise(1, f, o, v)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(away > 0, apart / away, 0.0)
            covariance = np.where(away > 0, common / away, 0.0)
            variance = np.where(away > 0, (new + 2 * o * g * covariance) / (away * (1 + g)), np.inf)
            value = self._error(mean, variance)
        return float(value) if value.ndim == 0 else value
