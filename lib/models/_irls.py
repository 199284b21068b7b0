"""Maximum likelihood for a whole batch of weighted samples: Newton's method, which is IRLS here.

For a canonical family the log-likelihood of a row is ``y eta - b(eta)`` with ``eta = x'theta``; it
is concave, and Newton's method and iteratively reweighted least squares are the same. Every
replicate and every weight of the grid takes its steps at once and converges on its own.

Three things make it fast. Covariates are shared by all weights of a replicate, so that gradients
and Hessians are products of matrices. The first step linearises each part of a sample at the
parameter from which its labels were drawn, which is near the fit, and where their means are known.
And the steps that only lead to the neighbourhood are taken in single precision; the last one is
not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import linprog

from lib._validate import Array
from lib.models import _triangular as tri

TOLERANCE = 1e-4
"""A step that moves no linear predictor by more is the last.

As ``|b'''| <= b''`` in every family here, what is left then is at most about the square of it,
1e-8, and usually much less.
"""

NEAR = 3e-2
"""Until steps are that small they are taken in single precision, if covariates are of order 1."""

FULL_STEP = 1.5
"""Steps that move no linear predictor by more are not shortened: see `_damped`."""

MAX_STEPS = 1000
"""A sample that has not converged by then has no maximum, or none that can be found."""

SATURATED = 20.0
"""A fit with such a linear predictor may be none: 1 - mean is lost in rounding further on."""

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Family:
    """A canonical exponential family.

    Attributes
    ----------
    name : str
    cumulant, mean : callable
        b and b', functions of the linear predictor; they do not overflow.
    variance : callable
        b'' as a function of the mean.
    binary : bool
        Whether labels are 0 and 1.
    """

    name: str
    cumulant: Callable[[Array], Array]
    mean: Callable[[Array], Array]
    variance: Callable[[Array], Array]
    binary: bool

    def curvature(self, predictor: Array) -> Array:
        """Return b'' at a linear predictor."""
        return self.variance(self.mean(predictor))


def _logistic(predictor: Array) -> Array:
    # scipy's expit does the same more slowly
    mean: Array = np.negative(predictor)
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right 0
        np.exp(mean, out=mean)
        mean += 1
        return np.divide(1, mean, out=mean)


def _exponential(predictor: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(predictor)


def _bernoulli(mean: Array) -> Array:
    variance: Array = np.subtract(1, mean)
    variance *= mean
    return variance


BINOMIAL = Family(
    "binomial",
    cumulant=lambda predictor: np.logaddexp(0, predictor),
    mean=_logistic,
    variance=_bernoulli,
    binary=True,
)
POISSON = Family(
    "poisson",
    cumulant=_exponential,
    mean=_exponential,
    variance=lambda mean: mean,
    binary=False,
)
FAMILIES = {family.name: family for family in (BINOMIAL, POISSON)}


@dataclass(frozen=True)
class Part:
    """Rows of one origin in a batch of samples.

    Inside, the order of axes is (replicate, weight, ...), for products of matrices.

    Attributes
    ----------
    x : ndarray, shape (replicates, d, rows)
        Covariates, shared by all weights.
    y : ndarray, shape (replicates, weights, rows)
        Labels.
    centre : ndarray, shape (replicates, weights, d)
        A parameter near the fit, such as the one that the labels were drawn from. NaN for a chain
        that is lost.
    weight : ndarray, shape (1, weights)
        Total weight of the rows.
    products : ndarray, shape (replicates, d (d + 1) / 2, rows)
        x_i x_j, i >= j.
    moment : ndarray, shape (replicates, weights, d)
        Mean of y x.
    score, information : ndarray, shape (replicates, weights, d) and (..., d (d + 1) / 2)
        Mean gradient and negative Hessian (lower entries) at the centre.
    """

    x: Array
    y: Array
    centre: Array
    weight: Array
    products: Array
    moment: Array
    score: Array
    information: Array

    @classmethod
    def of(
        cls, family: Family, x: Array, y: Array, centre: Array, mean: Array | None = None
    ) -> Part:
        """Summarise rows, given their mean labels at the centre if these are known already."""
        reps, dim, size = x.shape
        products = np.empty((reps, dim * (dim + 1) // 2, size))
        for i in range(dim):
            for j in range(i + 1):
                np.multiply(x[:, i], x[:, j], out=products[:, tri.entry(i, j)])
        if mean is None:
            mean = family.mean(centre @ x)
        across = x.swapaxes(-1, -2)
        moment = y @ across / size
        score = moment - mean @ across / size
        information = family.variance(mean) @ products.swapaxes(-1, -2) / size
        return cls(x, y, centre, np.ones((1, 1)), products, moment, score, information)

    def weighted(self, weight: Array) -> Part:
        """Return the same rows with their weight multiplied; `weight` has shape (weights, 1)."""
        return replace(self, weight=self.weight * np.asarray(weight).T)

    def only(self, replicate: Indices, weight: Indices) -> Part:
        """Return the chosen members of the batch, each as a replicate of its own."""

        def taken(values: Array) -> Array:
            row = replicate if values.shape[0] > 1 else np.zeros_like(replicate)
            column = weight if values.shape[1] > 1 else np.zeros_like(weight)
            return values[row, column][:, None]

        return Part(
            self.x[replicate],
            taken(self.y),
            taken(self.centre),
            taken(self.weight),
            self.products[replicate],
            taken(self.moment),
            taken(self.score),
            taken(self.information),
        )


class _Objective:
    """Gradient and Hessian of a batch of weighted log-likelihoods."""

    def __init__(self, family: Family, parts: Sequence[Part], dtype: Any) -> None:
        self.family = family
        self.dtype = dtype
        self.moment = reduce(np.add, [p.weight[..., None] * p.moment for p in parts])
        self.terms = []
        for part in parts:
            x = part.x.astype(dtype, copy=False)
            products = part.products.astype(dtype, copy=False)
            share = (part.weight / x.shape[-1])[..., None]
            self.terms.append((x, x.swapaxes(-1, -2), products.swapaxes(-1, -2), share))

    def derivatives(self, theta: Array) -> tuple[Array, Array]:
        """Return the gradient and the lower entries of the negative Hessian."""
        gradient: Any = self.moment
        information: Any = 0.0
        theta = theta.astype(self.dtype, copy=False)
        for x, across, products, weight in self.terms:
            mean = self.family.mean(theta @ x)
            gradient = gradient - weight * (mean @ across)
            information = information + weight * (self.family.variance(mean) @ products)
        return gradient, np.asarray(information, dtype=float)


def maximise(family: Family, parts: Sequence[Part]) -> Array:
    """Return the maximum-likelihood fits of a batch of weighted samples.

    Covariates are of order 1 and have about the same scale: see `maximise_one` for others.

    Parameters
    ----------
    family : Family
    parts : sequence of Part

    Returns
    -------
    ndarray, shape (replicates, weights, d)
        NaN where a sample has no maximum, and for chains that are lost already.
    """
    dim = parts[0].x.shape[-2]
    size = np.broadcast_shapes(
        *(p.centre.shape[:-1] for p in parts), *(p.weight.shape for p in parts)
    )
    # no linear predictor moves by more than this times |step|, summed over coordinates
    extent = np.max([(p.x.max(axis=-1), -p.x.min(axis=-1)) for p in parts], axis=(0, 1))[:, None]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        theta, lost = _start(parts, size, dim)
        objective = _Objective(family, parts, np.float32)
        for _ in range(4):
            theta, moved = _advance(objective, theta, extent)
            if (moved > NEAR).mean() < 0.1:
                break
        theta = np.where(np.isfinite(theta), theta, 0.0)
        theta, moved = _advance(_Objective(family, parts, float), theta, extent)
        left = ~(moved <= TOLERANCE) & ~lost
        theta[lost] = np.nan
        if left.any():
            replicate, weight = np.nonzero(left)
            few = [part.only(replicate, weight) for part in parts]
            theta[left] = _insist(family, few, theta[left][:, None])[:, 0]
    return theta


def maximise_one(family: Family, x: Array, y: Array, weight: Array) -> Array | None:
    """Return the fit of one sample, in double precision from the start, or None without a fit.

    Parameters
    ----------
    family : Family
    x : ndarray, shape (rows, d)
    y, weight : ndarray, shape (rows,)

    Returns
    -------
    ndarray, shape (d,), or None
    """
    # coordinates in which the covariates are orthonormal: neither units nor offsets matter
    basis, back = np.linalg.qr(x)
    rows, share = basis * len(x) ** 0.5, weight / weight.max() / len(x)

    def likelihood(predictor: Array) -> float:
        return float(share @ (y * predictor - family.cumulant(predictor)))

    theta, predictor = np.zeros(x.shape[1]), np.zeros(len(x))
    with np.errstate(all="ignore"):
        for _ in range(MAX_STEPS):
            mean = family.mean(predictor)
            gradient = rows.T @ (share * (y - mean))
            information = (rows * (share * family.variance(mean))[:, None]).T @ rows
            try:
                step = np.linalg.solve(information, gradient)
            except np.linalg.LinAlgError:
                return None
            move = rows @ step
            if not np.isfinite(move).all():
                return None
            done = bool((abs(move) <= 1e-7 * (1 + abs(predictor))).all())
            part = 1.0 if done else _backtrack(likelihood, predictor, move, gradient @ step)
            theta, predictor = theta + part * step, predictor + part * move
            if done or not part:
                break
            if family.binary and ((2 * y - 1) * predictor > 0).all():
                return None
    if not done or (abs(predictor).max() > SATURATED and recedes(family, x, y)):
        return None
    return np.asarray(solve_triangular(back, theta) * len(x) ** 0.5)


def _backtrack(
    likelihood: Callable[[Array], float], predictor: Array, move: Array, gain: float
) -> float:
    """Return the part of a step that raises the likelihood enough (Armijo), or 0 if none does."""
    now, part = likelihood(predictor), 1.0
    least = now - 1e-12 * abs(now)
    while part > 1e-18:
        if likelihood(predictor + part * move) >= least + 1e-4 * part * gain:
            return part
        part /= 2
    return 0.0


def recedes(family: Family, x: Array, y: Array) -> bool:
    """Return whether some direction never lowers the likelihood of a row, and changes one.

    A row with y = 0 does not mind a falling predictor, nor one with y = 1 a rising one if labels
    are binary; counts above 0 mind both. That is a linear programme (Albert and Anderson 1984).

    Parameters
    ----------
    family : Family
    x : ndarray, shape (rows, d)
    y : ndarray, shape (rows,)
    """
    scaled = np.linalg.qr(x)[0] * len(x) ** 0.5
    sign = np.where(y == 0, -1.0, 1.0 if family.binary else 0.0)
    free = sign != 0
    if not free.any():
        return False
    gain, fixed = sign[free, None] * scaled[free], scaled[~free]
    found = linprog(
        -gain.sum(axis=0),
        A_ub=-gain,
        b_ub=np.zeros(len(gain)),
        A_eq=fixed if len(fixed) else None,
        b_eq=np.zeros(len(fixed)) if len(fixed) else None,
        bounds=(-1, 1),
    )
    return found.fun is not None and bool(-found.fun > 1e-7 * len(x))


def _start(parts: Sequence[Part], size: tuple[int, ...], dim: int) -> tuple[Array, Mask]:
    """Maximise the sum of the parts' quadratic approximations, each at its own centre."""
    information: Any = 0.0
    target: Any = 0.0
    lost = np.zeros(size, dtype=bool)
    square = [[tri.entry(max(i, j), min(i, j)) for j in range(dim)] for i in range(dim)]
    for p in parts:
        pull = (p.information[..., square] @ p.centre[..., None])[..., 0]
        weight = p.weight[..., None]
        # a part without weight takes no part, whatever became of the chain that it comes from
        information = information + np.where(weight > 0, weight * p.information, 0)
        target = target + np.where(weight > 0, weight * (p.score + pull), 0)
        lost |= np.isnan(p.centre).any(axis=-1) & (p.weight > 0)
    theta = np.broadcast_to(_newton(target, information, dim), (*size, dim)).copy()
    hopeless = ~np.isfinite(theta).all(axis=-1)
    theta[hopeless] = 0.0
    return theta, lost


def _newton(gradient: Array, information: Array, dim: int) -> Array:
    return tri.solve(tri.cholesky(information, dim), gradient, dim)


def _advance(objective: _Objective, theta: Array, extent: Array) -> tuple[Array, Array]:
    """Take one step; return where it leads, and what bounds the move of every predictor."""
    step = _newton(*objective.derivatives(theta), theta.shape[-1])
    moved = np.einsum("...j,...j->...", extent, abs(step))
    return theta + _damped(step, moved), moved


def _damped(step: Array, moved: Array) -> Array:
    """Shorten the Newton steps that move some linear predictor by much.

    As ``|b'''| <= b''``, a part s of a Newton step that moves no predictor by more than M raises
    the log-likelihood by at least ``s - (e^{sM} - 1 - sM) / M^2`` squared Newton decrements (Bach
    2010). That is largest at ``s = log(1 + M) / M``, and still positive at s = 1 for M up to 1.79:
    so every step ascends wherever it starts, and no predictor moves by more than log(1 + M).
    """
    if moved.max() <= FULL_STEP:
        return step
    return step * np.where(moved <= FULL_STEP, 1.0, np.log1p(moved) / moved)[..., None]


def _insist(
    family: Family,
    parts: Sequence[Part],
    theta: Array,
) -> Array:
    """Take the few that are left to convergence, or find that they have no maximum."""
    found = np.full_like(theta, np.nan)
    left = np.arange(theta.shape[0])
    for _ in range(MAX_STEPS):
        gradient, information = _Objective(family, parts, float).derivatives(theta)
        step = _newton(gradient, information, theta.shape[-1])
        predictors = [abs(theta @ part.x).max(axis=-1)[:, 0] for part in parts]
        moved = np.max([abs(step @ part.x).max(axis=-1) for part in parts], axis=0)
        theta = theta + _damped(step, moved)
        done = moved[:, 0] <= TOLERANCE / 10  # cheap for so few
        found[left[done]] = theta[done]
        for i in np.flatnonzero(done & (np.max(predictors, axis=0) > SATURATED)):
            one = [part.only(np.array([i]), np.array([0])) for part in parts]
            if not _attained(one, gradient[i, 0], information[i, 0]) and _recede(family, one):
                found[left[i]] = np.nan
        if done.all():
            break
        hopeless: Any = ~np.isfinite(theta).all(axis=(1, 2))
        if family.binary:
            hopeless |= _separates(parts, theta)
        on = np.flatnonzero(~done & ~hopeless)
        if on.size == 0:
            break
        parts = [part.only(on, np.zeros_like(on)) for part in parts]
        theta, left = theta[on], left[on]
    return found


def _attained(parts: Sequence[Part], gradient: Array, information: Array) -> bool:
    """Return whether a short Newton step proves that the likelihood of one sample has a maximum.

    Let g be the gradient, H the information, v a direction along which no row's likelihood falls.
    Then all terms of g'v have one sign, and as a label differs from its mean by at least b'', they
    are at least ``b'' |x'v|``. So ``v'Hv <= max |x'v| g'v``. With R the largest ``|x|`` in the norm
    of the inverse of H, ``max |x'v|`` is at most ``R sqrt(v'Hv)``; with the Newton decrement D,
    ``g'v`` is at most ``D sqrt(v'Hv)``. If R D < 1, then v'Hv = 0: there is no such direction.

    Both norms come from the Cholesky factor, pivot by pivot: a direction in which H all but
    vanishes, as when a column separates, makes R large, whatever the units of the columns.
    """
    dim = parts[0].x.shape[-2]
    factor = tri.cholesky(information[None], dim)
    with np.errstate(all="ignore"):
        decrement = np.linalg.norm(tri.solve_lower(factor, gradient[None], dim))
        reach = [
            np.linalg.norm(tri.solve_lower(factor, part.x[0].T, dim), axis=-1).max()
            for part in parts
            if part.weight.any()
        ]
    return bool(max(reach) < 1e6 and max(reach) * decrement < 0.5)


def _recede(family: Family, parts: Sequence[Part]) -> bool:
    """Do as `recedes` for the rows of one sample that have weight."""
    counted = [part for part in parts if part.weight.any()]
    x = np.concatenate([part.x[0].T for part in counted])
    y = np.concatenate([part.y[0, 0] for part in counted])
    return recedes(family, x, y)


def _separates(parts: Sequence[Part], theta: Array) -> Mask:
    """Return whether theta itself tells all labels of positive weight apart."""
    apart = np.ones(theta.shape[0], dtype=bool)
    for part in parts:
        margin = (2 * part.y - 1) * (theta @ part.x)
        apart &= ((margin > 0).all(axis=-1) | (part.weight == 0))[:, 0]
    return apart
