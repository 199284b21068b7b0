"""Maximum likelihood for one data set of your own, checked and to the last digit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.models._irls import FAMILIES, Family, maximise_one, recedes


class NoMaximumError(ValueError):
    """The likelihood has no maximum: some direction raises it for ever.

    Labels 0 and 1 that a hyperplane of the covariates separates are the usual case.
    """


def maximum_likelihood(
    X: ArrayLike,  # noqa: N803 - the field's name for a design matrix
    y: ArrayLike,
    *,
    family: str = "binomial",
    sample_weight: ArrayLike | None = None,
) -> Array:
    """Fit a logistic or Poisson regression to weighted rows.

    Parameters
    ----------
    X : array_like, shape (rows, d)
        Covariates, with a column of ones if there is to be an intercept.
    y : array_like, shape (rows,)
        Labels 0 and 1, or counts.
    family : {"binomial", "poisson"}, optional
    sample_weight : array_like, shape (rows,), optional
        Not negative. Only their ratios matter.

    Returns
    -------
    ndarray, shape (d,)
        The coefficients, to about ten digits.

    Raises
    ------
    ValueError
        If an entry is not finite, shapes do not match, a label is not what the family allows, a
        weight is negative, or the columns of X are linearly dependent.
    NoMaximumError
        If the likelihood has no maximum. (A subclass of ``ValueError``.)
    ArithmeticError
        If it has one that Newton's method does not reach in floating-point numbers.

    Examples
    --------
    >>> from lib.models.likelihood import maximum_likelihood
    >>> X, y = [[1], [1], [1], [1]], [1, 1, 1, 0]
    >>> maximum_likelihood(X, y).round(6).tolist()
    [1.098612]
    """
    kind, x, labels, weight = checked_rows(X, y, family, sample_weight)
    return fit_rows(kind, x, labels, weight)


def checked_rows(
    X: ArrayLike,  # noqa: N803
    y: ArrayLike,
    family: str,
    sample_weight: ArrayLike | None,
) -> tuple[Family, Array, Array, Array]:
    """Check rows as `maximum_likelihood` does; return the family and those that have weight."""
    if not isinstance(family, str) or family not in FAMILIES:
        raise _validate.fail("family", f"one of {', '.join(FAMILIES)}", family)
    kind = FAMILIES[family]
    x = _validate.finite("X", _numbers(X), "a matrix of finite numbers")
    if x.ndim != 2 or not x.size:
        raise _validate.fail("X", "a matrix of at least one row and column", X)
    labels = _validate.finite("y", _numbers(y), "a vector of finite numbers")
    if labels.shape != x.shape[:1]:
        raise _validate.fail("y", f"a vector of {len(x)} numbers, one a row of `X`", y)
    if kind.binary and not np.isin(labels, (0, 1)).all():
        raise _validate.fail("y", "labels 0 and 1", y)
    if not kind.binary and ((labels < 0) | (labels % 1 != 0)).any():
        raise _validate.fail("y", "counts: integers of at least 0", y)
    if sample_weight is None:
        weight = np.ones(len(x))
    else:
        weight = _validate.nonnegative("sample_weight", sample_weight)
        if weight.shape != labels.shape or not weight.any():
            allowed = f"a vector of {len(x)} numbers, one a row of `X`, not all of them 0"
            raise _validate.fail("sample_weight", allowed, sample_weight)
    counted = weight > 0  # rows without weight neither identify nor separate anything
    x, labels, weight = x[counted], labels[counted], weight[counted]
    _validate.full_rank("X", x)
    return kind, x, labels, weight


def _numbers(values: ArrayLike) -> ArrayLike:
    """Take False and True for 0 and 1: labels and indicators often come so."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths, which the check that follows refuses
        return values
    return array.astype(float) if array.dtype == bool else values


def fit_rows(family: Family, x: Array, y: Array, weight: Array) -> Array:
    """Fit checked rows, or say why they have no fit."""
    found = maximise_one(family, x, y, weight)
    if found is not None:
        return found
    if recedes(family, x, y):
        why = "the covariates separate the labels" if family.binary else "the zero counts recede"
        raise NoMaximumError(f"the likelihood has no maximum: {why}")
    raise ArithmeticError("the likelihood has a maximum, but Newton's method did not reach it")
