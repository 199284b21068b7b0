"""Instant feedback for the exercises: what is wrong with an answer, never what is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import digamma

from lib import _validate
from lib.claims.real_data import income_model, visits_model
from lib.data import adult_counts
from lib.loops import FreshReal
from lib.models import LinearRegression
from lib.models.kernel import bandwidth_rule
from lib.weights import error_ratio, gain_over_naive, optimal_weight


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
        try:
            value = float(answer)
        except (TypeError, ValueError):
            return f"expected a number, got {type(answer).__name__}"
        if not math.isfinite(value):
            return "expected a finite number"
        right = self.solution()
        if self._near(value, right):
            return ""
        for advice, slip in self.slips.items():
            if self._near(value, slip()):
                return advice
        return "too large" if value > right else "too small"

    def _near(self, value: float, target: float) -> bool:
        return abs(value - target) <= self.tolerance * abs(target) + 1e-12


@dataclass(frozen=True)
class Formula:
    """An exercise whose answer is a function, tried on points that the question does not show.

    Attributes
    ----------
    solution : callable
        The right function.
    points : tuple of tuple of float
        Where it is tried.
    """

    solution: Callable[..., float]
    points: tuple[tuple[float, ...], ...]

    def feedback(self, answer: Any) -> str:
        """Return what is wrong, or an empty string."""
        if not callable(answer):
            return f"expected a function, got {type(answer).__name__}"
        for point in self.points:
            where = ", ".join(f"{value:g}" for value in point)
            try:
                value = float(answer(*point))
            except Exception as error:  # a student's function may fail in any way
                return f"at ({where}) it fails: {type(error).__name__}: {error}"
            right = self.solution(*point)
            if math.isnan(value):
                return f"at ({where}) it returns nan"
            if abs(value - right) > 1e-8 * abs(right):
                size = "too large" if value > right else "too small"
                return f"at ({where}) it returns {value:.6g}: {size}"
        return ""


def _rare_category_missing() -> float:
    counts, _ = adult_counts("workclass")
    return float((1 - counts["Never-worked"] / counts.sum()) ** 500)


def _mean_map() -> float:
    goal = math.exp(0.5) * (1 - 0.7**5)
    return float(brentq(lambda b: b * math.exp(b * b / 2) - goal, 0, 1))


def _ten_times() -> float:
    return float(brentq(lambda x: math.exp(x * x / 2) * (1 + x * x) - 10, 0, 3))


@cache
def _small_design() -> float:
    model = LinearRegression([1.0, 1.0, 1.0, 1.0])

    def limit(w: float) -> float:
        return float(model.theory(FreshReal(n=10, m=10, w=w))["theta"].limit())

    return float(minimize_scalar(limit, bounds=(0.4, 0.95), method="bounded").x)


GOLDEN = optimal_weight(1)


def _curvature(k: float) -> float:
    w = optimal_weight(k)
    return float((1 + k + w) / (w**2 * (2 - w)))


def _golden_cost(rho: float, k: float) -> float:
    """Return how much more the error is at w*(k) than at w*(k / rho)."""
    return float(error_ratio(optimal_weight(k), k / rho) / optimal_weight(k / rho) - 1)


EXERCISES: Mapping[str, Number | Formula] = {
    "loops-synthetic": Number(
        lambda: 1 + 9 * 0.5,
        slips={"each generation adds 1/m, not 1/n": lambda: 10.0},
    ),
    "loops-accumulate": Number(
        lambda: math.pi**2 / 6, slips={"the first fit counts too": lambda: math.pi**2 / 6 - 1}
    ),
    "recursion-half": Number(
        lambda: 2.0, slips={"that is k; the question is how many times n": lambda: 0.5}
    ),
    "recursion-error": Formula(error_ratio, ((0.5, 1), (0.2, 0.1), (0.9, 7), (1, 3))),
    "mean-error": Number(
        lambda: optimal_weight(0.1) * 3 / 200,
        slips={
            "that is the error in units of the real rows alone": lambda: optimal_weight(0.1),
            "that is naive mixing": lambda: error_ratio(1 / 11, 0.1) * 3 / 200,
        },
    ),
    "mean-best": Formula(optimal_weight, ((1,), (0.03,), (12,), (0.5,))),
    "covariance-stable": Number(
        lambda: 1 - math.sqrt(4 / 6),
        slips={"solve (1-w)^2 (m+1)/(m-1) = 1 for w, not for 1-w": lambda: math.sqrt(4 / 6)},
    ),
    "covariance-drift": Number(
        lambda: float(digamma(4.5) - np.log(4.5)),
        slips={"that is the leading term; the drift itself has a digamma": lambda: -1 / 9},
    ),
    "glm-kl": Number(
        lambda: optimal_weight(1) * 5 / 2000,
        slips={
            "the intercept is a parameter too": lambda: optimal_weight(1) * 4 / 2000,
            "that is the divergence with real rows alone": lambda: 5 / 2000,
            "a divergence is half a squared error": lambda: optimal_weight(1) * 5 / 1000,
        },
    ),
    "glm-map": Number(
        _mean_map,
        tolerance=0.001,
        slips={"that is the straight line in theta, not in tau": lambda: 1 - 0.7**5},
    ),
    "linear-alone": Formula(lambda p: 21 * (p + 1), ((1,), (4,), (30,))),
    "linear-best": Number(
        _small_design,
        tolerance=0.015,
        slips={"that is the asymptotic weight; ten rows are few": lambda: optimal_weight(1)},
    ),
    "logistic-coin": Number(
        lambda: optimal_weight(1) * 12 / 2000,
        slips={
            "that is the error with real rows alone": lambda: 12 / 2000,
            "the information is that of a variance 1/4": lambda: optimal_weight(1) * 3 / 2000,
            "the trace has three terms": lambda: optimal_weight(1) * 4 / 2000,
        },
    ),
    "logistic-trace": Formula(
        lambda p, q0, q1, q2: (p - 1) / q0 + (q0 + q2) / (q0 * q2 - q1**2),
        ((1, 0.2, 0.05, 0.1), (5, 0.25, 0.0, 0.01), (2, 0.1, -0.02, 0.1)),
    ),
    "poisson-along": Number(
        _ten_times,
        slips={
            "that is ten times as many counts": lambda: math.sqrt(2 * math.log(10)),
            "that is |theta| squared": lambda: _ten_times() ** 2,
        },
    ),
    "poisson-rows": Number(
        lambda: 2000 * math.exp(-3),
        slips={
            "the length of theta enters squared": lambda: 2000 * math.exp(-math.sqrt(3)),
            "that is divided by the mean count": lambda: 2000 * math.exp(-1.5),
        },
    ),
    "sandwich-weight": Formula(
        lambda k, rho: optimal_weight(k / rho), ((1, 2.5), (0.2, 0.8), (3, 1))
    ),
    "sandwich-quasi": Number(
        lambda: 2.0, tolerance=0.001, slips={"that is k / rho; the question is s": lambda: 0.5}
    ),
    "cdf-half": Number(
        lambda: 68.0,
        tolerance=0.001,
        slips={"the first fit is a sample too": lambda: 69.0},
    ),
    "cdf-best": Formula(
        lambda n, m: optimal_weight(n / m, contraction=1 - 1 / m),
        ((20, 20), (7, 2), (3, 300), (1000, 50)),
    ),
    "loss-half": Number(
        lambda: 2 / math.log(2),
        slips={"ln 2 divides": lambda: 2 * math.log(2)},
    ),
    "loss-rows": Formula(
        lambda p, eps, memory: math.log(1 / eps) / (memory * p),
        ((0.001, 0.01, 1.75), (0.2, 0.5, 1.0), (1e-5, 1e-6, 4.9)),
    ),
    "kde-variance": Number(
        lambda: 3.0,
        slips={
            "that is smoothed once": lambda: 1.5,
            "w is the weight on the real rows": lambda: 1 + 0.5 / 0.75,
        },
    ),
    "kde-bandwidth": Number(
        lambda: bandwidth_rule(0.5).bandwidth * (4 / 3 / 5000) ** 0.2 * 2,
        slips={
            "that is the bandwidth for real rows alone": lambda: (4 / 3 / 5000) ** 0.2 * 2,
            "the bandwidth has the unit of the rows": lambda: (
                bandwidth_rule(0.5).bandwidth * (4 / 3 / 5000) ** 0.2
            ),
            "that is the factor for k = 1": lambda: (
                bandwidth_rule(1).bandwidth * (4 / 3 / 5000) ** 0.2 * 2
            ),
        },
    ),
    "collapse-replicates": Number(
        lambda: ((1 + 2 / 19) ** 100 - 1) / 0.1**2,
        slips={
            "the first fit is a factor too": lambda: ((1 + 2 / 19) ** 99 - 1) / 0.1**2,
            "20 rows have 19 degrees of freedom": lambda: ((1 + 2 / 20) ** 100 - 1) / 0.1**2,
            "the standard error falls with the root of the replicates": lambda: (
                ((1 + 2 / 19) ** 100 - 1) / 0.1
            ),
        },
    ),
    "collapse-start": Formula(
        lambda n, p, s, t: p / (n - p - 1) * (1 / s**2 + t),
        ((100, 4, 0.5, 0), (30, 2, 1, 7), (50, 10, 2, 100)),
    ),
    "golden-flat": Number(
        lambda: (2 * (1 + 1 + GOLDEN) / (GOLDEN**2 * (2 - GOLDEN)) / 2) * 0.05**2,
        tolerance=0.05,
        slips={
            "half of the second derivative": lambda: (
                2 * (1 + 1 + GOLDEN) / (GOLDEN**2 * (2 - GOLDEN)) * 0.05**2
            ),
            "relative to the error at the minimum": lambda: (
                (1 + 1 + GOLDEN) / (GOLDEN * (2 - GOLDEN)) * 0.05**2
            ),
        },
    ),
    "golden-curvature": Formula(
        _curvature,
        ((1,), (0.2,), (3,)),
    ),
    "flood-gain": Number(
        lambda: gain_over_naive(1 / 50),
        slips={
            "that is for k = 1": lambda: gain_over_naive(1),
            "that is the leading term; the question is exact": lambda: 50**0.5 / 2,
            "k is real over synthetic": lambda: gain_over_naive(50),
        },
    ),
    "flood-rows": Formula(lambda x: x**2 - x, ((2,), (5,), (10,))),
    "adult-missing": Number(
        _rare_category_missing,
        slips={"that is the chance of seeing it": lambda: 1 - _rare_category_missing()},
    ),
    "adult-ceiling": Number(lambda: 500.0, tolerance=0.001),
    "income-rows": Number(
        lambda: 500 / optimal_weight(1 / income_model().ratio("kl")),
        slips={
            "that is for a model that is right": lambda: 500 / optimal_weight(1),
            "n is not divided by rho as well": lambda: (
                500 / optimal_weight(1 / income_model().ratio("kl")) / income_model().ratio("kl")
            ),
        },
    ),
    "income-penalty": Formula(lambda penalty, w: penalty * w, ((0.1, 0.5), (0.02, 0.9), (1, 0.2))),
    "visits-golden": Number(
        lambda: _golden_cost(visits_model().ratio("theta"), 0.5),
        slips={
            "that is for n = m": lambda: _golden_cost(visits_model().ratio("theta"), 1),
            "that is the ratio of the errors; how much more is it?": lambda: (
                1 + _golden_cost(visits_model().ratio("theta"), 0.5)
            ),
        },
    ),
    "visits-reversed": Number(
        lambda: 0.1,
        slips={
            "k is real over synthetic": lambda: 10.0,
            "that is k / rho; the question is rho": lambda: 1.0,
        },
    ),
    "table-parameters": Number(
        lambda: 11.0,
        tolerance=0.001,
        slips={
            "the root has free parameters too": lambda: 10.0,
            "a distribution on C categories has C - 1": lambda: 16.0,
            "that is for independent columns": lambda: 6.0,
            "that is for the full table of all combinations": lambda: 23.0,
        },
    ),
    "table-gained": Number(
        lambda: 1000 / optimal_weight(0.5),
        slips={
            "that is for n = m": lambda: 1000 / optimal_weight(1),
            "memory is worth more rows, not fewer": lambda: 1000 * optimal_weight(0.5),
        },
    ),
    "generator-rows": Formula(lambda k: k + 2, ((1,), (0.25,), (3,))),
    "generator-ratio": Number(
        lambda: optimal_weight(1),
        tolerance=0.001,
        slips={
            "that is m / n": lambda: 1 / optimal_weight(1),
            "with N = n + m, s is k / (k + 1)": lambda: 2**0.5 - 1,
        },
    ),
}
"""Every exercise by its name in the book."""


def check(name: str, answer: Any = None) -> None:
    """Print whether an answer is right, and if not, what is wrong with it.

    Parameters
    ----------
    name : str
        The exercise.
    answer : float or callable, optional
        A number or a function, as the exercise asks. None stands for no answer yet.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> from lib.exercises import check
    >>> check("recursion-half", 0.5)
    recursion-half: not yet - that is k; the question is how many times n
    """
    if name not in EXERCISES:
        raise _validate.fail("name", f"one of {', '.join(EXERCISES)}", name)
    if answer is None:
        print(f"{name}: no answer yet")
        return
    fault = EXERCISES[name].feedback(answer)
    print(f"{name}: not yet - {fault}" if fault else f"{name}: right")
