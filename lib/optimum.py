"""Where a simulated error has its minimum over the weights, with a confidence interval.

The weight with the smallest of many noisy averages says little: near its minimum the curve is flat.
A smooth curve through all weights uses them all: a polynomial divided by w, as errors grow like 1/w
for small weights. Its slope at any w is a weighted sum of a replicate's errors, so that mean and
standard error of the slope follow from the replicates alone; the interval is made of the weights at
which the slope may be zero (Fieller 1954).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike
from scipy import stats

from lib import _validate
from lib._validate import Array

DEGREE = 5
"""Of the polynomial. On the weights of Figure 8 it moves the minimum of E(w, k) by at most 3e-5."""

FINE = 4001
"""Weights at which the slope is looked at."""


class Optimum(NamedTuple):
    """The weight with the smallest error.

    Attributes
    ----------
    w : float
        Where the fitted curve has its minimum.
    low, high : float
        Ends of the interval; -inf or inf where the weights at hand do not end it.
    confidence : float
    """

    w: float
    low: float
    high: float
    confidence: float


def optimum(weights: ArrayLike, errors: ArrayLike, *, confidence: float = 0.95) -> Optimum:
    """Estimate the best weight from the errors of replicates.

    Parameters
    ----------
    weights : array_like, shape (weights,)
        At least 7 different ones above 0, rising.
    errors : array_like, shape (weights, replicates)
        The error of each replicate at each weight, in any unit. Replicates are independent; errors
        of one replicate need not be. One with a NaN is left out.
    confidence : float, optional
        Of the interval: approximate, for many replicates.

    Returns
    -------
    Optimum

    Raises
    ------
    ValueError
        If there are fewer than 7 weights or 20 whole replicates, the weights do not rise, or the
        shapes do not match.

    References
    ----------
    E. C. Fieller, "Some problems in interval estimation", J. R. Stat. Soc. B 16 (1954).

    Examples
    --------
    >>> import numpy as np
    >>> from lib.optimum import optimum
    >>> w = np.linspace(0.2, 0.8, 13)
    >>> noise = np.random.default_rng(1).normal(size=(13, 400))
    >>> optimum(w, 1 + (w[:, None] - 0.6) ** 2 + 0.01 * noise).w.__round__(2)
    0.6
    """
    w = _validate.weight("weights", weights)
    if w.ndim != 1 or w.size < DEGREE + 2 or (np.diff(w, prepend=0) <= 0).any():
        raise _validate.fail("weights", f"at least {DEGREE + 2} rising numbers above 0", weights)
    values = np.asarray(errors, dtype=float)
    if values.ndim != 2 or len(values) != w.size:
        raise _validate.fail("errors", f"of shape ({w.size}, replicates)", errors)
    confidence = _validate.probability("confidence", confidence)
    values = values[:, np.isfinite(values).all(axis=0)]
    reps = values.shape[1]
    if reps < 20:
        raise _validate.fail("errors", "at least 20 replicates without a NaN", errors)
    if not (values.mean(axis=1) > 0).all():
        raise _validate.fail("errors", "positive on average at every weight", errors)

    middle, half = (w[0] + w[-1]) / 2, (w[-1] - w[0]) / 2
    fine = np.linspace(w[0], w[-1], FINE)
    mean = values.mean(axis=1)
    basis, _ = _basis(w, middle, half)
    # errors are noisy in proportion to their size: weighted least squares
    fit = np.linalg.pinv(basis / mean[:, None]) / mean
    shape, slopes = _basis(fine, middle, half)
    slopes = slopes @ fit
    curve, slope = shape @ (fit @ mean), slopes @ mean
    error = np.sqrt(np.einsum("gw,wv,gv->g", slopes, np.cov(values) / reps, slopes))
    allowed = abs(slope) <= stats.t.isf((1 - confidence) / 2, reps - 1) * error

    best = int(curve.argmin())
    refused = np.flatnonzero(~allowed)
    below, above = refused[refused < best], refused[refused > best]
    return Optimum(
        _vertex(fine, curve, best),
        float(fine[below[-1]]) if below.size else -np.inf,
        float(fine[above[0]]) if above.size else np.inf,
        confidence,
    )


def _basis(w: Array, middle: float, half: float) -> tuple[Array, Array]:
    """Return Chebyshev polynomials divided by w, and their slopes, shape (weights, DEGREE + 1)."""
    at, unit = (w - middle) / half, np.eye(DEGREE + 1)
    value = chebyshev.chebvander(at, DEGREE)
    slope = np.stack([chebyshev.chebval(at, chebyshev.chebder(one)) for one in unit], -1) / half
    below = w[:, None]
    return value / below, slope / below - value / below**2


def _vertex(x: Array, y: Array, best: int) -> float:
    """Return the minimum of the parabola through the smallest value and its neighbours."""
    if best in (0, x.size - 1):
        return float(x[best])
    left, middle, right = y[best - 1 : best + 2]
    return float(x[best] + (x[1] - x[0]) / 2 * (left - right) / (left - 2 * middle + right))
