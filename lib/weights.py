"""Closed forms in the weight w and the ratio k = n/m.

The setting (He, Xu and Cheng, arXiv 2502.18049): each generation is trained on n fresh real rows,
which share the weight w, and on m synthetic rows of the generation before, which share 1 - w.
Errors are in units of the error of n real rows alone.

The functions that start with ``_`` are the same formulas without checks, in plain arithmetic:
`lib.charts` evaluates them on Vega expressions, so that a slider on the website and Python cannot
differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate


def _kept(w: Any) -> Any:
    return (1 - w) * (1 - w)


def _noise(w: Any, k: Any) -> Any:
    return w * w + k * _kept(w)


def _error_ratio(w: Any, k: Any, r: Any = 1.0) -> Any:
    # (1 - r) + r w (2 - w) is 1 - r (1 - w)^2 without the cancellation near w = 0
    return _noise(w, k) / ((1 - r) + r * w * (2 - w))


def _forgetful_error_ratio(w: Any, k: Any, lost: Any) -> Any:
    # the same from 1 - r, which for r = 1 - 1/m has more digits than r
    return _noise(w, k) / (w * (2 - w) + lost * _kept(w))


def _optimal_depth(k: Any, r: Any, lost: Any) -> Any:
    # The root of `optimal_weight` is w = 1 - 4/(2 + s)^2, where s neither cancels nor overflows.
    # For r = 1, s = sqrt(k) + sqrt(k + 4) - 2. lost = 1 - r, and so apart = 1 - sqrt(r).
    q = r**0.5
    apart = lost / (1 + q)
    near, far = (k + apart * apart) ** 0.5, (k + (1 + q) * (1 + q)) ** 0.5
    gap = (apart * apart) ** 0.5
    return k / (near + gap) + (gap - apart) + k / (far + (1 + q))


def _weight_at(s: Any) -> Any:
    return (s / (s + 2)) * ((s + 4) / (s + 2))


def _rest_at(s: Any) -> Any:
    # 1 - w without the cancellation near w = 1
    return (2 / (s + 2)) * (2 / (s + 2))


def _optimal_weight(k: Any, r: Any = 1.0) -> Any:
    return _weight_at(_optimal_depth(k, r, 1 - r))


def _resampled_error_ratio(w: Any, k: Any, s: Any) -> Any:
    return (_noise(w, k) + s) / (w * (2 - w))


def _naive_weight(k: Any) -> Any:
    return k / (k + 1)


def _break_even_weight(k: Any, lost: Any = 0.0) -> Any:
    # lost = 1 - r; where it is more than k, every weight gains, and this is negative
    return (k - lost) / (k + (2 - lost))


def _gain_over_naive(k: Any) -> Any:
    # 1/w* = (1 + sqrt(1 + 4/k)) / 2, as w*^2 + k w* - k = 0
    return (k + 1) / (k + 2) * (1 + (1 + 4 / k) ** 0.5) / 2


def _error_at(t: Any, w: Any, k: Any, start: Any = 1.0) -> Any:
    limit = _error_ratio(w, k)
    return limit + _kept(w) ** t * (start - limit)


def _plain(value: Any) -> Any:
    """Turn a 0-d array into a float, leave the others alone."""
    return float(value) if np.ndim(value) == 0 else value


def error_ratio(w: ArrayLike, k: ArrayLike, *, contraction: ArrayLike = 1.0) -> Any:
    r"""Limit error of the fresh-real loop, in units of the error of n real rows alone.

    .. math:: E(w, k) = \frac{w^2 + k(1-w)^2}{1 - r(1-w)^2}

    which for ``r = 1`` is ``(w^2 + k (1-w)^2) / (w (2-w))``.

    Parameters
    ----------
    w : array_like
        Total weight of the real rows, in [0, 1].
    k : array_like
        Ratio n/m of real to synthetic rows, positive. Broadcasts against `w`.
    contraction : array_like, optional
        Factor r with which one generation multiplies the old error beyond ``(1-w)^2``: 1 for a
        mean, 1 - 1/m for frequencies and distribution functions.

    Returns
    -------
    float or ndarray
        ``inf`` where the loop has no finite limit, ``r (1-w)^2 >= 1`` (for r = 1: at w = 0).

    Raises
    ------
    ValueError
        If a weight is outside [0, 1], a ratio is not positive, or an argument is not finite.

    Examples
    --------
    >>> from lib import error_ratio, optimal_weight
    >>> round(error_ratio(optimal_weight(1), 1), 6)
    0.618034
    >>> error_ratio([0.25, 0.5], k=1).round(4).tolist()
    [1.4286, 0.6667]
    """
    w_, k_ = _validate.weight("w", w), _validate.positive("k", k)
    r_ = _validate.nonnegative("contraction", contraction)
    settles = (1 - r_) + r_ * w_ * (2 - w_) > 0
    with np.errstate(divide="ignore"):
        error = _error_ratio(w_, k_, r_)
    return _plain(np.where(settles, error, np.inf))


def optimal_weight(k: ArrayLike, contraction: ArrayLike = 1.0) -> Any:
    r"""Weight on the real rows that makes `error_ratio` smallest.

    .. math:: w^* = \frac{\sqrt{k^2 + 4k} - k}{2}

    for ``contraction = 1``: the positive root of ``w^2 + k w - k = 0``, and 1/phi at k = 1. With a
    contraction r, ``u = 1 - w*`` is the smaller root of ``r u^2 - (1+k+r) u + 1 = 0``. Whatever r
    is, the error at the optimum is the weight itself.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive.
    contraction : array_like, optional
        See `error_ratio`.

    Returns
    -------
    float or ndarray
        Strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `k` is not finite and positive, or `contraction` not finite and at least 0.

    Examples
    --------
    >>> from lib import optimal_weight
    >>> round(optimal_weight(1), 12)
    0.61803398875
    >>> round(optimal_weight(0.5), 12)
    0.5
    """
    k_ = _validate.positive("k", k)
    return _plain(_optimal_weight(k_, _validate.nonnegative("contraction", contraction)))


def resampled_error_ratio(w: ArrayLike, k: ArrayLike, share: ArrayLike) -> Any:
    r"""Limit error if the weights are put into effect by drawing rows again, real data alone = 1.

    .. math:: \frac{w^2 + k(1-w)^2 + s}{w(2-w)}

    where s = n/N for N rows drawn with the weights as probabilities. It is smallest at
    ``optimal_weight(k + s)``, where it is that weight plus s; so it is below 1, real data alone
    without drawing again, only if N > (k + 2) n. For large n, m and N.

    Parameters
    ----------
    w : array_like
        Total weight of the real rows, in [0, 1].
    k : array_like
        Ratio n/m of real to synthetic rows, positive. Arguments broadcast.
    share : array_like
        Ratio s = n/N of real rows to rows drawn again, at least 0.

    Returns
    -------
    float or ndarray
        ``inf`` at w = 0.

    Raises
    ------
    ValueError
        If a weight is outside [0, 1], a ratio not positive, a share negative, or an argument not
        finite.

    Examples
    --------
    >>> from lib.weights import optimal_weight, resampled_error_ratio
    >>> w = optimal_weight(1 + 1 / 2)
    >>> round(w, 4), round(resampled_error_ratio(w, 1, 1 / 2), 4)
    (0.6861, 1.1861)
    """
    w_, k_ = _validate.weight("w", w), _validate.positive("k", k)
    share_ = _validate.nonnegative("share", share)
    with np.errstate(divide="ignore"):
        return _plain(_resampled_error_ratio(w_, k_, share_))


def naive_weight(k: ArrayLike) -> Any:
    """Weight that the real rows get when all n + m rows count the same: ``k / (k + 1)``.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive.

    Returns
    -------
    float or ndarray
        The weight; its limit error is ``(k + 1) / (k + 2)``.

    Raises
    ------
    ValueError
        If `k` is not finite and positive.

    Examples
    --------
    >>> from lib import naive_weight
    >>> naive_weight(1)
    0.5
    """
    return _plain(_naive_weight(_validate.positive("k", k)))


def break_even_weight(k: ArrayLike, contraction: ArrayLike = 1.0) -> Any:
    r"""Weight above which synthetic rows help: ``error_ratio(w, k) < 1``.

    .. math:: \frac{k + r - 1}{k + r + 1}

    which for ``r = 1`` is ``k / (k + 2)``.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive.
    contraction : array_like, optional
        The factor r: see `error_ratio`.

    Returns
    -------
    float or ndarray
        The weight at which the loop is just as good as n real rows alone; 0 if every weight gains.

    Raises
    ------
    ValueError
        If `k` is not finite and positive, or `contraction` not finite and at least 0.

    Examples
    --------
    >>> from lib import break_even_weight
    >>> break_even_weight(2)
    0.5
    """
    k_, r_ = _validate.positive("k", k), _validate.nonnegative("contraction", contraction)
    return _plain(np.maximum(0, _break_even_weight(k_, 1 - r_)))


def gain_over_naive(k: ArrayLike) -> Any:
    r"""How many times the error of naive mixing is that of the best weight, in the long run.

    .. math:: \frac{k+1}{(k+2)\,w^*(k)}

    It falls in k, from infinity to 1, and is :math:`1/(2\sqrt k) + 1/4 + O(\sqrt k)` for small k:
    however many synthetic rows there are, naive mixing halves the error at best.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If `k` is not finite and positive.

    Examples
    --------
    >>> from lib.weights import gain_over_naive
    >>> round(gain_over_naive(1), 4), round(gain_over_naive(0.01), 4)
    (1.0787, 5.2824)
    """
    return _plain(_gain_over_naive(_validate.positive("k", k)))


def half_life(w: ArrayLike, contraction: ArrayLike = 1.0) -> Any:
    r"""Return how many generations halve the distance to the limit error.

    .. math:: \frac{\ln 2}{-2 \ln(1-w) - \ln r}

    Parameters
    ----------
    w : array_like
        Total weight of the real rows, in [0, 1].
    contraction : array_like, optional
        The factor r: see `error_ratio`.

    Returns
    -------
    float or ndarray
        In generations, not rounded: 0 at w = 1 or r = 0, and ``inf`` where the loop has no finite
        limit (for r = 1: at w = 0).

    Raises
    ------
    ValueError
        If a weight is outside [0, 1], or `contraction` not finite and at least 0.

    Examples
    --------
    >>> from lib.weights import half_life
    >>> round(half_life(0.5), 3)
    0.5
    """
    w_, r_ = _validate.weight("w", w), _validate.nonnegative("contraction", contraction)
    with np.errstate(divide="ignore"):
        decay = -2 * np.log1p(-w_) - np.log(r_)
        return _plain(np.where(decay > 0, np.log(2) / np.abs(decay), np.inf))
