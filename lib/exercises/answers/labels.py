"""Regression with labels: logistic, Poisson, a wrong model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.optimize import brentq

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.loops import FullySynthetic
from lib.models import PoissonRegression
from lib.survival import loss_probability
from lib.weights import error_ratio, optimal_weight


@cache
def _all_alike(rows: int, steps: int) -> list[float]:
    """Return the probability that fair coins, tossed in a loop, agree at generation t."""
    loop = FullySynthetic(n=rows, m=rows)
    lost: list[float] = (2 * loss_probability(0.5, loop, steps)).tolist()
    return lost


def _half_alike(rows: int) -> float:
    return float(np.argmax(np.array(_all_alike(rows, 200)) >= 0.5))


def _ten_times() -> float:
    return float(brentq(lambda x: math.exp(x * x / 2) * (1 + x * x) - 10, 0, 3))


def _scaled_trace(p: float, length: float, s: float) -> float:
    squared = (s * length) ** 2
    return (p - squared / (1 + squared)) / (s**2 * math.exp(squared / 2))


@cache
def _one_coefficient(which: int) -> float:
    """Return the best weight at n = m for one coefficient of the overdispersed counts."""
    counts = PoissonRegression([0.5, -0.3], intercept=True, dispersion=1)
    inverse = np.linalg.inv(counts.information)
    sandwich = inverse @ counts.score_covariance @ inverse
    return float(optimal_weight(inverse[which, which] / sandwich[which, which]))


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
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
        properties={
            "at q1 = 0 the constant and u do not mix: two inverses add up there": lambda f: (
                abs(f(1, 0.2, 0, 0.1) - 15) < 1e-9
            ),
            "each further dimension across u must add the same amount": lambda f: (
                abs(f(4, 0.2, 0.03, 0.1) - f(3, 0.2, 0.03, 0.1) - 5) < 1e-9
            ),
            "the sign of q1 must not matter": lambda f: (
                abs(f(2, 0.2, 0.05, 0.1) - f(2, 0.2, -0.05, 0.1)) < 1e-9
            ),
        },
        slips={
            "that is without an intercept": lambda p, q0, q1, q2: (p - 1) / q0 + 1 / q2,
            "there are p - 1 directions across u, not p": lambda p, q0, q1, q2: (
                p / q0 + (q0 + q2) / (q0 * q2 - q1**2)
            ),
            "the diagonal of an inverse is not the inverse of the diagonal": lambda p, q0, q1, q2: (
                p / q0 + 1 / q2
            ),
            "that is the trace of the information, not of its inverse": lambda p, q0, q1, q2: (
                p * q0 + q2
            ),
        },
    ),
    "logistic-alike": Simulated(
        lambda: _all_alike(10, 11)[10],
        slips={
            "ten equal labels are separated whether they are 0 or 1": lambda: (
                _all_alike(10, 11)[10] / 2
            ),
            "labels are tossed with the last fit, not with the true coin": lambda: (
                1 - (1 - 2.0**-9) ** 11
            ),
            "the first sample is generation 0": lambda: _all_alike(10, 11)[9],
            "that is generation 11": lambda: _all_alike(10, 11)[11],
        },
        precision=0.01,
        discrete=True,
    ),
    "logistic-collapse": Number(
        lambda: _half_alike(50),
        slips={
            "that is for ten rows": lambda: _half_alike(10),
        },
        tolerance=0.001,
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
    "poisson-scaled": Formula(
        _scaled_trace,
        ((1, 1, 2), (3, 0.5, 0.7), (10, 2, 1.3), (2, 0, 0.5)),
        properties={
            "at s = 1 it must be the formula of this chapter": lambda f: (
                abs(f(2, 1.5, 1) - _scaled_trace(2, 1.5, 1)) < 1e-9
            ),
            "at theta = 0 it must be proportional to p": lambda f: (
                abs(f(6, 0, 1.7) - 3 * f(2, 0, 1.7)) < 1e-9
            ),
            "in units of x in which s is 1, theta is longer: f(p, a, s) s^2 = f(p, a s, 1)": (
                lambda f: abs(f(3, 0.8, 1.5) * 1.5**2 - f(3, 1.2, 1)) < 1e-9
            ),
        },
        slips={
            "only the length of theta was scaled; x x' is in the information too": (
                lambda p, length, s: _scaled_trace(p, s * length, 1)
            ),
            "s is a standard deviation": lambda p, length, s: _scaled_trace(p, length, s**0.5),
        },
    ),
    "poisson-rate": Simulated(
        lambda: float(error_ratio(0.6, 1)),
        slips={
            "synthetic counts come from the last fit, not from the true rate": lambda: 0.52,
            "new real counts are needed at every generation": lambda: 1 + 0.16 / 0.84,
            "divide by the error of n real counts, 2/10": lambda: float(error_ratio(0.6, 1) / 5),
            "w is the weight on the real counts": lambda: float(error_ratio(0.4, 1)),
        },
        discrete=True,
    ),
    "poisson-effective": Number(
        lambda: 40 * math.exp(1.5**2),
        slips={
            "the length of theta enters squared": lambda: 40 * math.exp(1.5),
            "that is divided by the mean count": lambda: 40 * math.exp(1.5**2 / 2),
        },
    ),
    "sandwich-weight": Formula(
        lambda k, rho: optimal_weight(k / rho),
        ((1, 2.5), (0.2, 0.8), (3, 1)),
        properties={
            "at rho = 1 the model is right: it must be the weight of the recursion": lambda f: all(
                abs(f(k, 1) - optimal_weight(k)) < 1e-9 for k in (0.3, 2)
            ),
            "a weight must lie strictly between 0 and 1": lambda f: all(
                0 < f(k, rho) < 1 for k, rho in ((0.01, 50), (20, 0.1))
            ),
            "noisier real rows (a larger rho) must get less weight": lambda f: (
                f(1, 0.5) > f(1, 1) > f(1, 4)
            ),
        },
        slips={
            "rho is missing": lambda k, rho: optimal_weight(k),
            "overdispersion makes synthetic rows more valuable, not less": lambda k, rho: (
                optimal_weight(k * rho)
            ),
            "that is the error at the best weight": lambda k, rho: rho * optimal_weight(k / rho),
        },
    ),
    "sandwich-quasi": Number(
        lambda: 2.0, tolerance=0.001, slips={"that is k / rho; the question is s": lambda: 0.5}
    ),
    "sandwich-counts": Simulated(
        lambda: float(3 * error_ratio(0.43, 1 / 3)),
        slips={
            "the real counts are overdispersed: their variance is three times their mean": (
                lambda: float(error_ratio(0.43, 1))
            ),
            "synthetic counts come from the model: they are Poisson": lambda: float(
                3 * error_ratio(0.43, 1)
            ),
            "divide by 2/20, the error of real counts if they were Poisson": lambda: float(
                3 * error_ratio(0.43, 1 / 3) / 10
            ),
            "the unit is that of Poisson counts, 2/20, not that of the real ones": lambda: float(
                error_ratio(0.43, 1 / 3)
            ),
        },
        discrete=True,
    ),
    "sandwich-loss": Number(
        lambda: _one_coefficient(0),
        slips={
            "that is the weight for the slope": lambda: _one_coefficient(1),
            "that is the weight for the sum of squared errors": lambda: optimal_weight(
                1 / PoissonRegression([0.5, -0.3], intercept=True, dispersion=1).misspecification
            ),
            "that is for a model that is right": lambda: optimal_weight(1),
        },
    ),
}
"""The exercises of this part, by their names in the book."""
