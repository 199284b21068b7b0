r"""A truth that moves: what it does to the weight, and how fast it is.

Before each generation the truth takes a step of variance q, in units of the error of the n real
rows of one generation. What the last model knows is then off by q more, as it would be with
noisier synthetic rows: k + q stands wherever k stood. See the chapter *When the truth moves*.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

from lib import _validate
from lib._validate import Array
from lib.weights import _error_ratio, _kept, _noise, _optimal_weight, _plain


def _sampling_error(w: Any, k: Any) -> Any:
    return _noise(w, k) / (w * (2 - w))


def _tracking_error(w: Any, moved: Any) -> Any:
    return moved * _kept(w) / (w * (2 - w))


def _misjudged_loss(right: Any, guessed: Any) -> Any:
    # both are k + q; E is what the weight of the guess makes of the truth
    w = _optimal_weight(guessed)
    return _error_ratio(w, right) / _optimal_weight(right)


def _loss_at(place: Any, factor: Any) -> Any:
    # the same for a ratio of weights of 1 + (factor - 1) place
    wrong = factor - 1
    shape = place * (1 - place) * (1 - place) / (1 + wrong * place * place)
    return 1 + wrong * (wrong / factor) * shape


def _window_error(sets: Any, q: Any) -> Any:
    return 1 / sets + q * (sets - 1) * (2 * sets - 1) / (6 * sets)


def drifting_weight(k: ArrayLike, q: ArrayLike, age: ArrayLike = 1) -> Any:
    r"""Weight on the real rows with the smallest limit error: :math:`w^*(k + Lq)`.

    It is also the error there, in units of the error of n real rows alone.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive. Arguments broadcast.
    q : array_like
        Variance of the truth's step in a generation, in the same units, at least 0.
    age : array_like of int, optional
        Generations L between the model that draws the synthetic rows and their use: 1 for the
        last model.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.drift import drifting_weight
    >>> round(drifting_weight(1, 0), 4)
    0.618
    >>> round(drifting_weight(0.5, 1 / 6, age=6), 4)
    0.6861
    """
    k_, moved = _moved(k, q, age)
    return _plain(_optimal_weight(k_ + moved))


def error_parts(w: ArrayLike, k: ArrayLike, q: ArrayLike, age: ArrayLike = 1) -> tuple[Any, Any]:
    r"""Limit error in two parts: what sampling adds, and what the model lags behind.

    .. math:: \frac{w^2 + k(1-w)^2}{w(2-w)}, \qquad \frac{Lq(1-w)^2}{w(2-w)}

    Parameters
    ----------
    w : array_like
        Total weight of the real rows, in (0, 1]. Arguments broadcast.
    k, q, age : array_like
        As for `drifting_weight`.

    Returns
    -------
    sampling, tracking : float or ndarray
        In units of the error of n real rows alone; their sum is the limit error.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.drift import error_parts
    >>> [round(part, 4) for part in error_parts(0.5, 1, 0.5)]
    [0.6667, 0.1667]
    """
    w_ = _validate.weight("w", w)
    if (w_ == 0).any():
        raise _validate.fail("w", "greater than 0", w)
    k_, moved = _moved(k, q, age)
    return _plain(_sampling_error(w_, k_)), _plain(_tracking_error(w_, moved))


def _moved(k: ArrayLike, q: ArrayLike, age: ArrayLike = 1, name: str = "q") -> tuple[Any, Any]:
    """Return k, and how far the truth moves between a model and the use of its rows."""
    k_, q_ = _validate.positive("k", k), _validate.nonnegative(name, q)
    age_ = _validate.positive("age", age)
    if (age_ != np.floor(age_)).any():
        raise _validate.fail("age", "whole numbers of at least 1", age)
    with np.errstate(over="ignore"):
        moved = age_ * q_
        if not np.isfinite(k_ + moved).all():
            raise _validate.fail(name, "such that k and all steps have a finite sum", q)
    return k_, moved


def harmful_drift(w: ArrayLike, k: ArrayLike) -> Any:
    r"""Drift from which on synthetic rows harm at a fixed weight: :math:`2w/(1-w) - k`.

    Parameters
    ----------
    w : array_like
        Total weight of the real rows, in [0, 1]. Arguments broadcast.
    k : array_like
        Ratio n/m of real to synthetic rows, positive.

    Returns
    -------
    float or ndarray
        In units of the error of n real rows alone; 0 if they harm without any drift, ``inf`` at
        w = 1, where they have no weight.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.drift import harmful_drift
    >>> harmful_drift(0.5, 1), harmful_drift(0.1, 1)
    (1.0, 0.0)
    """
    w_, k_ = _validate.weight("w", w), _validate.positive("k", k)
    with np.errstate(divide="ignore"):
        return _plain(np.maximum(0.0, 2 * w_ / (1 - w_) - k_))


def misjudged_loss(k: ArrayLike, q: ArrayLike, guess: ArrayLike) -> Any:
    """How many times the smallest error a wrong drift leads to.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive. Arguments broadcast.
    q : array_like
        The drift, at least 0.
    guess : array_like
        What it is taken for, at least 0: the weight is ``optimal_weight(k + guess)``.

    Returns
    -------
    float or ndarray
        At least 1.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.drift import misjudged_loss
    >>> misjudged_loss(0.1, 0.1, [0, 0.05, 0.2, 1]).round(3).tolist()
    [1.072, 1.012, 1.023, 1.383]
    """
    k_, moved = _moved(k, q)
    _, guessed = _moved(k, guess, name="guess")
    return _plain(_misjudged_loss(k_ + moved, k_ + guessed))


def worst_loss(factor: ArrayLike) -> Any:
    r"""Largest `misjudged_loss` over all k and q at which k + q is misjudged by this factor.

    .. math:: 1 + \frac{(f-1)^2}{f} \cdot \frac{\tau(1-\tau)^2}{1+(f-1)\tau^2}, \qquad
              (f-1)(\tau^3+\tau^2) + 3\tau = 1

    Parameters
    ----------
    factor : array_like
        The number f, what k + q is taken for over what it is; positive.

    Returns
    -------
    float or ndarray
        At least 1.

    Raises
    ------
    ValueError
        If a factor is not finite and positive.

    Examples
    --------
    >>> from lib.drift import worst_loss
    >>> worst_loss([0.1, 0.5, 1, 2, 10]).round(3).tolist()
    [2.363, 1.079, 1.0, 1.067, 1.763]
    """
    factor_ = _validate.positive("factor", factor)
    return _plain(_loss_at(_worst_place(factor_), factor_))


def _worst_place(factor: Any) -> Any:
    """Return the tau of `worst_loss`."""
    wrong = factor - 1
    # Newton's method comes from the side on which it never overshoots: right of the root where the
    # cubic is convex, left of it where it is concave
    place = np.where(wrong > 0, np.minimum(1 / 3, 1 / (1 + factor**0.5)), 1 / 3)
    for _ in range(20):
        level = wrong * place * place * (1 + place) + 3 * place - 1
        place = place - level / (wrong * place * (2 + 3 * place) + 3)
    return place


def window_error(sets: ArrayLike, q: ArrayLike) -> Any:
    r"""Error of the mean of the last sets of real rows, without synthetic ones.

    .. math:: \frac1L + q\,\frac{(L-1)(2L-1)}{6L}

    Parameters
    ----------
    sets : array_like of int
        How many sets L are kept, the newest among them. Arguments broadcast.
    q : array_like
        Variance of the truth's step in a generation, at least 0.

    Returns
    -------
    float or ndarray
        In units of the error of one set.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.drift import window_error
    >>> window_error([1, 2, 3], 0.5).round(4).tolist()
    [1.0, 0.625, 0.6111]
    """
    sets_ = _validate.positive("sets", sets)
    if (sets_ != np.floor(sets_)).any():
        raise _validate.fail("sets", "whole numbers of at least 1", sets)
    return _plain(_window_error(sets_, _validate.nonnegative("q", q)))


def best_window(q: float) -> int:
    r"""How many sets of real rows to keep, without synthetic ones, when the truth moves.

    The smallest L with :math:`L(L+1) \ge 3/q + 1/2`; for small q about :math:`\sqrt{3/q}`.

    Parameters
    ----------
    q : float
        Variance of the truth's step in a generation, positive.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If `q` is not a finite positive number.

    Examples
    --------
    >>> from lib.drift import best_window
    >>> best_window(0.5), best_window(0.01), best_window(100)
    (3, 17, 1)
    """
    step = _validate.single("q", q)
    # in whole numbers: for a slow drift a window is longer than floating-point numbers can count
    enough = ceil(3 / Fraction(step) + Fraction(1, 2))
    sets = (isqrt(4 * enough + 1) - 1) // 2
    return sets if sets * (sets + 1) >= enough else sets + 1


@dataclass(frozen=True)
class DriftEstimate:
    """How fast the truth moves, from sets of real rows; see `estimate_drift`.

    Attributes
    ----------
    q : float
        The estimate, at least 0, in units of the error of one set.
    low, high : float
        Confidence interval.
    confidence : float
        Its nominal coverage.
    sets : int
        How many sets it rests on.
    """

    q: float
    low: float
    high: float
    confidence: float
    sets: int


def estimate_drift(batches: ArrayLike, *, confidence: float = 0.95) -> DriftEstimate:
    r"""Estimate the drift q from the real rows of some generations.

    The means of the sets are a random walk that is seen with noise, of whose size the scatter
    within the sets tells too. The estimate maximises the likelihood of both, over q and Sigma, by
    the same recursion that gives the best weights; the interval is that of the likelihood ratio.
    Coordinates are taken to move like their noise, with step covariance q Sigma/n.

    Parameters
    ----------
    batches : array_like, shape (sets, n) or (sets, n, d)
        The real rows, one set a generation, all of n rows, in their order.
    confidence : float, optional
        Strictly between 0 and 1.

    Returns
    -------
    DriftEstimate

    Raises
    ------
    ValueError
        If the rows are not finite, there are fewer than 3 sets or 2 rows, a column does not vary
        within the sets, or `confidence` is out of range.

    Notes
    -----
    Asymptotic in the number of sets. Rows and steps are taken for normal; where they are not, the
    means should be nearly normal, and the rows many enough to tell the scatter.

    Examples
    --------
    >>> import numpy as np
    >>> from lib.drift import estimate_drift
    >>> rng = np.random.default_rng(2)
    >>> truth = np.cumsum(rng.normal(scale=(0.5 / 50) ** 0.5, size=200))
    >>> found = estimate_drift(truth[:, None] + rng.normal(size=(200, 50)))
    >>> found.low < 0.5 < found.high
    True
    """
    level = _validate.probability("confidence", confidence)
    rows = _validate.finite("batches", batches, "finite numbers, in sets of the same size")
    if rows.ndim == 2:
        rows = rows[..., None]
    if rows.ndim != 3 or rows.shape[0] < 3 or rows.shape[1] < 2 or rows.shape[2] < 1:
        allowed = "of shape (sets, n) or (sets, n, d) with at least 3 sets and 2 rows"
        raise _validate.fail("batches", allowed, rows.shape)
    sets, n, _ = rows.shape
    means = rows.mean(axis=1)
    apart = rows - means[:, None]
    scatter = np.einsum("tni,tnj->ij", apart, apart) / (sets * (n - 1))
    size = np.sqrt(scatter.diagonal())
    if (size == 0).any() or np.linalg.matrix_rank(scatter / size / size[:, None]) < size.size:
        allowed = "with columns that vary within the sets, none of them a sum of others"
        raise _validate.fail("batches", allowed, rows.shape)
    # in units in which the mean of a set has the error 1 in every direction
    unit = n**0.5 * np.linalg.solve(np.linalg.cholesky(scatter), means.T)

    freedom = sets * (n - 1)

    def surprise(root: float) -> float:
        return float(_surprise(unit, np.array([root * root]), freedom)[0])

    far = 4 + 4 * float((np.diff(unit) ** 2).mean())
    grid = np.concatenate([[0.0], np.geomspace(1e-4, far, 60)]) ** 0.5
    values = _surprise(unit, grid**2, freedom)
    best = int(values.argmin())
    bracket = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    found = minimize_scalar(surprise, bounds=bracket, method="bounded", options={"xatol": 1e-9})
    root, least = (found.x, found.fun) if found.fun < values[0] else (0.0, values[0])
    allowed_loss = float(chi2.ppf(level, 1)) / 2

    def beyond(at: float) -> float:
        return surprise(at) - least - allowed_loss

    low = 0.0 if beyond(0.0) <= 0 else float(brentq(beyond, 0.0, root)) ** 2
    top = max(float(root), 0.1)
    while beyond(top) <= 0:
        top *= 2
    high = float(brentq(beyond, root, top)) ** 2
    return DriftEstimate(float(root) ** 2, low, high, level, sets)


def _surprise(z: Array, q: Array, freedom: int) -> Array:
    """Return minus the log-likelihood of a walk with steps of variance q, up to a constant.

    The noise has the covariance 1 according to the scatter within the sets, which has the degrees
    of freedom given. Of all covariances the one counts that makes z and the scatter most likely.
    """
    dim, length = z.shape
    at, error, total = z[:, :1], np.ones(q.shape), np.zeros(q.shape)
    squares = np.zeros((*q.shape, dim, dim))
    for now in z.T[1:, :, None]:
        spread = error + q + 1
        apart = now - at
        total = total + 0.5 * dim * np.log(spread)
        squares += np.einsum("iq,jq->qij", apart, apart / spread)
        error = (error + q) / spread  # the best weight of now, and the error that it leads to
        at = at + error * apart
    fitted = np.linalg.slogdet(np.eye(dim) + squares / freedom).logabsdet
    return np.asarray(total + 0.5 * (freedom + length - 1) * fitted)
