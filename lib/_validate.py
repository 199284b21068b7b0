"""The one place that checks arguments.

Every function returns the checked value as a number or an array, or raises a ``ValueError`` that
names the argument, says what is allowed and shows what came.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def fail(name: str, allowed: str, value: object) -> ValueError:
    """Build the error; the caller raises it, so that the traceback ends where the check stands."""
    shown = repr(value)
    return ValueError(f"`{name}` must be {allowed}; got {shown[:77] + '...' * (len(shown) > 77)}")


def finite(name: str, value: ArrayLike, allowed: str = "finite") -> Array:
    """Return ``value`` as an array of finite floats."""
    try:
        array = np.asarray(value)
        # numpy would read "0.5" as a number
        if array.dtype.kind not in "iufO" or any(isinstance(x, str | bytes) for x in _odd(array)):
            raise TypeError
        array = array.astype(float)  # a copy: the caller's array stays the caller's
    except (TypeError, ValueError, OverflowError):
        raise fail(name, allowed, value) from None
    if not np.isfinite(array).all():
        raise fail(name, allowed, value)
    return array


def _odd(array: NDArray[Any]) -> list[Any]:
    """Return the entries that numpy keeps as Python objects."""
    return array.ravel().tolist() if array.dtype.kind == "O" else []


def weight(name: str, value: ArrayLike) -> Array:
    """Return weights in [0, 1]."""
    allowed = "between 0 and 1"
    array = finite(name, value, allowed)
    if ((array < 0) | (array > 1)).any():
        raise fail(name, allowed, value)
    return array


def positive(name: str, value: ArrayLike) -> Array:
    """Return finite numbers above 0."""
    allowed = "finite and greater than 0"
    array = finite(name, value, allowed)
    if (array <= 0).any():
        raise fail(name, allowed, value)
    return array


def nonnegative(name: str, value: ArrayLike) -> Array:
    """Return finite numbers of at least 0."""
    allowed = "finite and at least 0"
    array = finite(name, value, allowed)
    if (array < 0).any():
        raise fail(name, allowed, value)
    return array


def single(name: str, value: Any, check: Callable[[str, Any], Array] = positive) -> float:
    """Return one number that passes a check of this module."""
    array = check(name, value)
    if array.ndim:
        raise fail(name, "a single number", value)
    return float(array)


LARGEST = 2**53
"""Beyond it floating-point numbers skip integers."""


def integer(name: str, value: Any, least: int = 1) -> int:
    """Return an integer of at least ``least``; ``1e6`` is accepted for a million, 2.5 is not."""
    allowed = f"an integer of at least {least}"
    try:
        if isinstance(value, float | np.floating) and value.is_integer():
            value = int(value)
        number = operator.index(value)
    except TypeError:
        raise fail(name, allowed, value) from None
    if isinstance(value, bool) or number < least:
        raise fail(name, allowed, value)
    if number > LARGEST:
        raise fail(name, f"{allowed} and at most 2^53", value)
    return number


def probability(name: str, value: Any) -> float:
    """Return a number strictly between 0 and 1."""
    allowed = "strictly between 0 and 1"
    array = finite(name, value, allowed)
    if array.ndim or not 0 < array < 1:
        raise fail(name, allowed, value)
    return float(array)


def full_rank(name: str, matrix: Array) -> None:
    """Refuse a matrix whose columns are linearly dependent, whatever their units."""
    size = np.sqrt((matrix**2).sum(axis=0))
    if (size == 0).any() or np.linalg.matrix_rank(matrix / size) < matrix.shape[1]:
        raise fail(name, "of full column rank", matrix)
