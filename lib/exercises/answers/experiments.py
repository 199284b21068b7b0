"""Experiments: collapse, the golden weight, the flood."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.stats import binom

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.weights import error_ratio, gain_over_naive, naive_weight, optimal_weight

GOLDEN = optimal_weight(1)


def _curvature(k: float) -> float:
    w = optimal_weight(k)
    return float((1 + k + w) / (w**2 * (2 - w)))


def _refuting_count() -> float:
    """Return the largest count of 40 with a left tail of 1/1000 or less, for intervals of 80 %."""
    counts = np.arange(41)
    return float(counts[binom.cdf(counts, 40, 0.8) <= 0.001].max())


def _wait(distance: float) -> float:
    """Return when naive mixing at k = 0.01 has brought a distance of 1 down to this one."""
    return math.log(distance) / (2 * math.log(1 - naive_weight(0.01)))


def _start() -> float:
    limit = float(error_ratio(naive_weight(0.01), 0.01))
    return 0.1 * limit / (10 - limit)


def _early(w: float, t: int = 4) -> float:
    """Return the error of a mean at k = 0.1, in units of real rows alone."""
    limit = float(error_ratio(w, 0.1))
    return limit + (1 - w) ** (2 * t) * (1 - limit)


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
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
        properties={
            "with s = 1 every generation must add as much as the first fit has": lambda f: (
                math.isclose(f(30, 2, 1, 1), 2 * f(30, 2, 1, 0))
            ),
            "what a generation adds must not depend on s": lambda f: math.isclose(
                f(30, 2, 3, 5) - f(30, 2, 3, 4), f(30, 2, 1, 5) - f(30, 2, 1, 4)
            ),
        },
        slips={
            "s is a standard deviation; information goes with variance": lambda n, p, s, t: (
                p / (n - p - 1) * (1 / s + t)
            ),
            "covariates of a larger scale tell more, not less": lambda n, p, s, t: (
                p / (n - p - 1) * (s**2 + t)
            ),
            "that is for large n; the expectation of an inverse Wishart matrix is exact": (
                lambda n, p, s, t: p / n * (1 / s**2 + t)
            ),
        },
    ),
    "collapse-first": Simulated(
        lambda: 2 / 17 * (4 + 3),
        slips={
            "only the first covariates are small": lambda: 2 / 17 * 4 * (1 + 3),
            "the first covariates are small": lambda: 2 / 17 * (1 + 3),
            "that is one generation too early: t = 0 is the first fit": lambda: 2 / 17 * (4 + 2),
            "that is one generation too late: t = 0 is the first fit": lambda: 2 / 17 * (4 + 4),
            "add up the squared errors of both coefficients": lambda: 1 / 17 * (4 + 3),
        },
    ),
    # no closed form: with 1500 chains the medians are 19, 42 and 87 generations for n = 50, 100
    # and 200; the ratio of the last to the first has a standard error of 0.08 there, and of 0.15
    # with 400 chains
    "collapse-survival": Number(
        lambda: 4.6,
        tolerance=0.25,
        slips={
            "the time for a distance grows with the inverse of the variance, not of the "
            "standard deviation": lambda: 2.0,
        },
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
        properties={
            "it must be positive: there is a minimum": lambda f: f(0.5) > 0 and f(5) > 0,
            "it must grow without bound as k goes to 0": lambda f: f(1e-8) > 1e4,
        },
        slips={
            "that is the second derivative; half of it": lambda k: 2 * _curvature(k),
            "relative to the error at the minimum": lambda k: optimal_weight(k) * _curvature(k),
        },
    ),
    "golden-panel": Simulated(
        lambda: float(error_ratio(0.62, 1)),
        precision=0.01,
        slips={
            "that is naive mixing": lambda: float(error_ratio(0.5, 1)),
            "0.62 is the weight of the real rows, not of the synthetic ones": lambda: float(
                error_ratio(0.38, 1)
            ),
            "the real rows must be new at every generation": lambda: 1 + 0.38**2 / (1 - 0.38**2),
            "that is the error itself; divide by that of ten real rows": lambda: (
                float(error_ratio(0.62, 1)) / 10
            ),
            "that is real rows alone": lambda: 1.0,
        },
    ),
    "golden-interval": Number(
        _refuting_count,
        tolerance=0.001,
        slips={
            "that many still happen more often than once in a thousand": lambda: (
                _refuting_count() + 1
            ),
        },
    ),
    "flood-gain": Number(
        lambda: gain_over_naive(1 / 50),
        slips={
            "that is for k = 1": lambda: gain_over_naive(1),
            "that is the leading term; the question is exact": lambda: 50**0.5 / 2,
            "k is real over synthetic": lambda: gain_over_naive(50),
            "that is the ratio minus one": lambda: gain_over_naive(1 / 50) - 1,
        },
    ),
    "flood-rows": Formula(
        lambda x: x**2 - x,
        ((2,), (5,), (10,)),
        properties={
            "an error as with real rows alone must take no synthetic rows": lambda f: (
                abs(f(1 + 1e-9)) < 1e-6
            ),
        },
        slips={
            "that is k, real rows over synthetic ones": lambda x: 1 / (x**2 - x),
            "that is the leading term for large x": lambda x: x**2,
        },
    ),
    "flood-early": Simulated(
        lambda: _early(naive_weight(0.1)),
        precision=0.008,
        slips={
            "that is one generation too early: t = 0 is the first fit": lambda: _early(
                naive_weight(0.1), 3
            ),
            "that is one generation too late: t = 0 is the first fit": lambda: _early(
                naive_weight(0.1), 5
            ),
            "that is the limit; four generations are not the long run": lambda: float(
                error_ratio(naive_weight(0.1), 0.1)
            ),
            "that is the best weight; the question is naive mixing": lambda: _early(
                optimal_weight(0.1)
            ),
            "that is real rows alone": lambda: 1.0,
            "that is the error itself; divide by that of ten real rows": lambda: (
                _early(naive_weight(0.1)) / 10
            ),
        },
    ),
    "flood-start": Number(
        lambda: _wait(_start()),
        slips={
            "errors shrink with the square of 1 - w": lambda: 2 * _wait(_start()),
            "that is a tenth of the first distance; it must be a tenth of the limit": lambda: _wait(
                0.1
            ),
            "that is the best weight": lambda: (
                math.log(0.1 * optimal_weight(0.01) / (10 - optimal_weight(0.01)))
                / (2 * math.log(1 - optimal_weight(0.01)))
            ),
        },
    ),
}
"""The exercises of this part, by their names in the book."""
