"""Kinds of answers: a number, and a function; `lib.exercises.simulated` has the third.

Feedback says in words what is wrong. It never shows the right value.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Number:
    """An exercise whose answer is a number.

    Attributes
    ----------
    solution : callable
        Returns the number.
    tolerance : float
        Largest relative error, as the question states it.
    slips : mapping of str to callable
        What to say to a well-known wrong number.
    """

    solution: Callable[[], float]
    tolerance: float = 0.01
    slips: Mapping[str, Callable[[], float]] = field(default_factory=dict)

    def feedback(self, answer: Any) -> str:
        """Return what is wrong, or an empty string."""
        value, fault = _real(answer)
        if fault:
            return f"expected a number, got {fault}"
        if not math.isfinite(value):
            return "expected a finite number"
        right = self.solution()
        return "" if self._near(value, right) else next(self._faults(value, right))

    def _faults(self, value: float, right: float) -> Iterator[str]:
        for advice, slip in self.slips.items():
            if self._near(value, slip()):
                yield advice
        if abs(right) < 1 and self._near(value / 100, right):
            yield "write a share, not a percentage: divide by 100"
        if self._near(-value, right):
            yield "the sign is wrong"
        yield "too large" if value > right else "too small"

    def _near(self, value: float, target: float) -> bool:
        return abs(value - target) <= self.tolerance * abs(target) + 1e-12


@dataclass(frozen=True)
class Formula:
    """An exercise whose answer is a function.

    It is tried on points that the question does not show. If it is not right at all of them, the
    feedback names, in this order: an argument at which it fails, the well-known wrong formula
    that it is, a property that it misses, a point at which it is too large or too small.

    Attributes
    ----------
    solution : callable
        The right function.
    points : tuple of tuple of float
        Where it is tried.
    properties : mapping of str to callable
        What the right function must do, in words ("E must be 1 at w = 1"), and the test, which
        takes the answer and returns whether it has the property; an exception counts as a no.
        The words must not give the formula away.
    slips : mapping of str to callable
        What to say to a well-known wrong formula, and that formula.
    tolerance : float
        Largest relative error at a point.
    """

    solution: Callable[..., Any]
    points: tuple[tuple[float, ...], ...]
    properties: Mapping[str, Callable[[Callable[..., Any]], Any]] = field(default_factory=dict)
    slips: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    tolerance: float = 1e-8

    def feedback(self, answer: Any) -> str:
        """Return what is wrong, or an empty string."""
        if not callable(answer):
            return f"expected a function, got {type(answer).__name__}"
        return next(self._faults(answer), "")

    def _faults(self, answer: Callable[..., Any]) -> Iterator[str]:
        values = []
        for point in self.points:
            where = self._shown(point)
            try:
                value, fault = _real(answer(*point))
            except Exception as error:  # a student's function may fail in any way
                yield f"at ({where}) it fails: {type(error).__name__}: {error}"
                return
            if fault:
                yield f"at ({where}) it returns {fault}, not a number"
            elif not math.isfinite(value):
                yield f"at ({where}) it returns {value}"
            values.append(value)
        wrong = self._wrong(values, self.solution)
        if wrong is not None:
            for advice, slip in self.slips.items():
                if self._wrong(values, slip) is None:
                    yield advice
        for words, holds in self.properties.items():
            if not _holds(holds, answer):
                yield words
        if wrong is not None:
            large = values[wrong] > float(self.solution(*self.points[wrong]))
            yield (
                f"at ({self._shown(self.points[wrong])}) it returns {values[wrong]:.6g}: "
                f"too {'large' if large else 'small'}"
            )

    def _shown(self, point: tuple[float, ...]) -> str:
        """Return a point with the names of the arguments."""
        names = inspect.signature(self.solution).parameters
        return ", ".join(f"{name} = {value:g}" for name, value in zip(names, point, strict=False))

    def _wrong(self, values: list[float], function: Callable[..., Any]) -> int | None:
        """Return the first point at which the values are not those of a function."""
        for i, (value, point) in enumerate(zip(values, self.points, strict=True)):
            right = float(function(*point))
            if not abs(value - right) <= self.tolerance * abs(right) + 1e-14:
                return i
        return None


def _holds(test: Callable[[Callable[..., Any]], Any], answer: Callable[..., Any]) -> bool:
    try:
        with np.errstate(all="ignore"):
            return bool(test(answer))
    except Exception:  # a student's function may fail in any way
        return False


def _real(value: Any) -> tuple[float, str]:
    """Return a real number and no fault, or nan and the name of what came instead."""
    shape = getattr(value, "shape", ())
    if callable(value):
        fault = "a function (call it)"
    elif isinstance(shape, tuple) and shape != ():
        fault = f"an array of shape {shape}"
    elif np.iscomplexobj(value):
        fault = "a complex number"
    else:
        fault = type(value).__name__
        # Python would read "0.5" and True as numbers
        if not isinstance(value, str | bytes | bool | np.bool_):
            try:
                return float(value), ""
            except (TypeError, ValueError, OverflowError):
                pass
    return math.nan, fault
