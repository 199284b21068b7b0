"""The Gaussian: its mean, its covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import digamma

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.loops import FreshReal
from lib.models import Gaussian
from lib.weights import error_ratio, naive_weight, optimal_weight


@cache
def _kurtosis(w: float, n: int) -> float:
    """Return the long-run kurtosis of a mean in one dimension at n = m, mean 0 and variance 1."""
    u, spread = 1 - w, 1 + 2 / (n - 1)
    second, fourth, cross, squared = 1 / n, 3 / n**2, 1 / n, spread
    for _ in range(2000):
        real, drawn = w**2 / n, u**2 / n
        fourth = (
            u**4 * fourth
            + 6 * u**2 * (real * second + drawn * cross)
            + 3 * (real**2 + 2 * real * drawn + drawn**2 * squared)
        )
        cross = w * (real + u**2 * second + drawn) + u * (real + u**2 * cross + drawn * squared)
        squared = (w**2 + u**2 * squared) * spread + 2 * w * u
        second = real + drawn + u**2 * second
    return fourth / second**2


def _biased(w: float, n: int) -> float:
    """Return the error of a mean at n = m when covariances are divided by the number of rows."""
    kept = w * (1 - 1 / n) / (1 - (1 - w) * (1 - 1 / n))
    return (w**2 + kept * (1 - w) ** 2) / (w * (2 - w))


@cache
def _above_golden(rows: int, dim: int) -> float:
    model = Gaussian(np.zeros(dim), np.eye(dim))

    def limit(w: float) -> float:
        return float(model.theory(FreshReal(n=rows, m=rows, w=w))["covariance"].limit())

    found = minimize_scalar(limit, bounds=(0.3, 0.95), method="bounded", options={"xatol": 1e-9})
    return float(found.x - optimal_weight(1))


def _exploded(n: float, m: float, t: float) -> float:
    return float((n + 1) / (n - 1) * ((m + 1) / (m - 1)) ** t - 1)


DRIFT = float(digamma(4.5) - np.log(4.5))

ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "mean-error": Number(
        lambda: optimal_weight(0.1) * 3 / 200,
        slips={
            "that is the error in units of the real rows alone": lambda: optimal_weight(0.1),
            "that is naive mixing": lambda: error_ratio(1 / 11, 0.1) * 3 / 200,
            "that is the real rows alone": lambda: 3 / 200,
            "k is real over synthetic": lambda: optimal_weight(10) * 3 / 200,
        },
    ),
    "mean-best": Formula(
        optimal_weight,
        ((1,), (0.03,), (12,), (0.5,)),
        properties={
            "a weight must lie strictly between 0 and 1": lambda f: all(
                0 < f(k) < 1 for k in (0.001, 1, 100)
            ),
            "the scarcer the real rows, the smaller their weight must be": lambda f: (
                f(0.01) < f(0.1) < f(1) < f(10)
            ),
            "at your weight E is not smallest: weights next to it do better": lambda f: all(
                error_ratio(f(k), k) <= min(error_ratio([f(k) - 0.01, f(k) + 0.01], k))
                for k in (0.2, 1, 4)
            ),
        },
        slips={
            "that is naive mixing": naive_weight,
            "that is the weight on the synthetic rows": lambda k: 1 - optimal_weight(k),
            "k is real over synthetic": lambda k: optimal_weight(1 / k),
        },
    ),
    "mean-loop": Simulated(
        lambda: float(error_ratio(0.5, 1)),
        slips={
            "the divisor of a variance is the number of rows minus one": lambda: _biased(0.5, 4),
            "new real rows are needed at every generation, not those of D_0": lambda: (
                1 + 0.5**2 / 0.75
            ),
            "multiply the squared error by n, to have it in units of real rows alone": lambda: (
                float(error_ratio(0.5, 1)) / 4
            ),
            "synthetic rows come from the last fit, not from the truth": lambda: 0.5,
        },
    ),
    "mean-tails": Number(
        lambda: _kurtosis(0.2, 20),
        slips={
            "that is a normal variable's, and nearly the one at the golden weight": lambda: 3.0,
            "that is the excess over a normal variable's": lambda: _kurtosis(0.2, 20) - 3,
            "that is for n = m = 5": lambda: _kurtosis(0.2, 5),
        },
    ),
    "covariance-stable": Number(
        lambda: 1 - math.sqrt(4 / 6),
        slips={
            "solve (1-w)^2 (m+1)/(m-1) = 1 for w, not for 1-w": lambda: math.sqrt(4 / 6),
            "it is (1-w)^2 that counts": lambda: 1 - 4 / 6,
        },
    ),
    "covariance-drift": Number(
        lambda: DRIFT,
        slips={
            "that is the leading term; the drift itself has a digamma": lambda: -1 / 9,
            "10 rows have 9 degrees of freedom": lambda: float(digamma(5) - np.log(5)),
        },
    ),
    "covariance-explodes": Formula(
        _exploded,
        ((10, 10, 5), (4, 20, 30), (100, 3, 2), (5, 5, 1)),
        properties={
            "at t = 0 it must be the error of a variance from n real rows": lambda f: all(
                abs(f(n, 7, 0) - 2 / (n - 1)) < 1e-9 for n in (3, 50)
            ),
            "each generation must multiply 1 + error by the same factor": lambda f: (
                abs((1 + f(9, 5, 3)) ** 2 / ((1 + f(9, 5, 2)) * (1 + f(9, 5, 4))) - 1) < 1e-9
            ),
            "that factor must depend on m, not on n": lambda f: (
                abs((1 + f(9, 5, 3)) / (1 + f(9, 5, 2)) * (1 + f(4, 5, 2)) / (1 + f(4, 5, 3)) - 1)
                < 1e-9
            ),
        },
        slips={
            "the expectation of the square is not yet that of the error": lambda n, m, t: (
                1 + _exploded(n, m, t)
            ),
            "the first fit has n rows, not m": lambda n, m, t: ((m + 1) / (m - 1)) ** (t + 1) - 1,
            "the first fit has an error too": lambda n, m, t: ((m + 1) / (m - 1)) ** t - 1,
        },
    ),
    "covariance-log": Simulated(
        lambda: 11 * DRIFT,
        slips={
            "the first fit counts too: 11 samples until t = 10": lambda: 10 * DRIFT,
            "the divisor of a variance is the number of rows minus one": lambda: (
                11 * (DRIFT + math.log(0.9))
            ),
            "take the logarithm of the variance, not of the standard deviation": lambda: (
                5.5 * DRIFT
            ),
        },
        precision=0.01,
        signed=True,
    ),
    "covariance-shape": Number(
        lambda: _above_golden(20, 1),
        slips={
            "that is the weight; how far is it above golden?": lambda: (
                _above_golden(20, 1) + optimal_weight(1)
            ),
            "that is for the identity in two dimensions": lambda: _above_golden(20, 2),
        },
        tolerance=0.02,
    ),
}
"""The exercises of this part, by their names in the book."""
