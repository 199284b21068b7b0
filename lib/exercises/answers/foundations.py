"""Foundations: the four loops, the recursion."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Array, Simulated
from lib.weights import error_ratio, naive_weight, optimal_weight


def _path(limit: float, w: float, steps: int) -> Array:
    """Return e_0 = 1, ..., e_steps on the way to a limit."""
    path: Array = limit + (1 - w) ** (2 * np.arange(steps + 1.0)) * (1 - limit)
    return path


def _renewed(w: float, k: float, share: float) -> float:
    return float(error_ratio(w, k) + (1 - share) * 2 * (1 - w) / (2 - w))


def _accumulated(k: float, t: float) -> float:
    return 1 + sum(k / (k + i) ** 2 for i in range(1, int(t) + 1))


def _window(steps: int, redrawn: bool = False) -> float:
    """Return the error of a window of two sets, from the coefficients of every noise."""
    noise = np.eye(2 * steps + 1)
    fits = [noise[0], noise[0] + noise[1]]
    for t in range(2, steps + 1):
        older = noise[steps + t] if redrawn else noise[t - 1]
        fits.append((fits[-1] + noise[t] + fits[-2] + older) / 2)
    return float(fits[steps] @ fits[steps])


def _moving(w: float, k: float, q: float) -> float:
    """Return the error when the truth takes a step of variance q before each generation."""
    return (w**2 + (k + q) * (1 - w) ** 2) / (w * (2 - w))


def _misjudged(assumed: float, true: float) -> float:
    return float(error_ratio(optimal_weight(assumed), true) / optimal_weight(true) - 1)


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "loops-synthetic": Number(
        lambda: 1 + 9 * 0.5,
        slips={
            "a generation adds the noise of m rows, in units of n rows": lambda: 10.0,
            "k is n/m, not m/n": lambda: 1 + 9 * 2.0,
            "e_0 is not 0: the first fit has an error too": lambda: 9 * 0.5,
            "that is one generation too early: e_0 is the first fit": lambda: 1 + 8 * 0.5,
            "that is one generation too late: e_0 is the first fit": lambda: 1 + 10 * 0.5,
        },
    ),
    "loops-accumulate": Number(
        lambda: math.pi**2 / 6, slips={"the first fit counts too": lambda: math.pi**2 / 6 - 1}
    ),
    "loops-renewed": Formula(
        _renewed,
        ((0.5, 1, 0.5), (0.3, 0.2, 0.25), (0.8, 3, 0.9), (0.62, 1, 0.05)),
        properties={
            "at s = 1 all real rows are new: it must be the fresh-real loop": lambda f: (
                abs(f(0.4, 2, 1) - error_ratio(0.4, 2)) < 1e-9
            ),
            "at s = 0 no real row is new: it must be the fixed-real loop": lambda f: (
                abs(f(0.4, 2, 0) - _renewed(0.4, 2, 0)) < 1e-9
            ),
            "at w = 1 only the n real rows count: the error must be 1": lambda f: all(
                abs(f(1, k, s) - 1) < 1e-9 for k, s in ((1, 0.3), (3, 0.8))
            ),
            "the more rows are renewed, the smaller the error must be": lambda f: (
                f(0.5, 1, 0.1) > f(0.5, 1, 0.4) > f(0.5, 1, 0.9)
            ),
        },
        slips={
            "the rows that stay are tied to the model's error: a cross term is missing": (
                lambda w, k, share: error_ratio(w, k)
            ),
            "the rows that stay are real rows too: all n of them share the weight w": (
                lambda w, k, share: error_ratio(w, k * share) / share
            ),
        },
    ),
    "loops-first": Simulated(
        lambda: _path(float(error_ratio(0.5, 0.5)), 0.5, 5),
        slips={
            "new real rows are needed at every generation, not those of D_0": lambda: _path(
                _renewed(0.5, 0.5, 0), 0.5, 5
            ),
            "the real rows have the weight 1/2 together, not n/(n + m)": lambda: _path(
                float(error_ratio(1 / 3, 0.5)), 1 / 3, 5
            ),
            "column 0 is the fit on the first real rows alone": lambda: _path(
                float(error_ratio(0.5, 0.5)), 0.5, 6
            )[1:],
            "divide by the error of n real rows, 4/n": lambda: (
                0.08 * _path(float(error_ratio(0.5, 0.5)), 0.5, 5)
            ),
        },
    ),
    "loops-window": Simulated(
        lambda: _window(10),
        slips={
            "that is the fully synthetic loop: two sets are kept": lambda: 11.0,
            "a set is drawn once and kept; it is not drawn again": lambda: _window(10, True),
            "that is one generation too early": lambda: _window(9),
            "that is one generation too late": lambda: _window(11),
        },
        precision=0.01,
    ),
    "recursion-half": Number(
        lambda: 2.0,
        slips={
            "that is k; the question is how many times n": lambda: 0.5,
            "that is for naive mixing": lambda: 1.0,
        },
    ),
    "recursion-error": Formula(
        error_ratio,
        ((0.5, 1), (0.2, 0.1), (0.9, 7), (0.99, 3)),
        properties={
            "at w = 1 only the real rows count: E must be 1": lambda f: all(
                abs(f(1, k) - 1) < 1e-9 for k in (0.1, 1, 5)
            ),
            "fewer synthetic rows (a larger k) are noisier: E must rise with k": lambda f: (
                f(0.4, 0.2) < f(0.4, 1) < f(0.4, 3)
            ),
            "at k = 1 it must be smallest at the golden weight": lambda f: (
                f(0.61803399, 1) < min(f(0.6, 1), f(0.64, 1))
            ),
            "it must take a NumPy array of weights": lambda f: (
                np.shape(f(np.array([0.2, 0.5, 0.9]), 2.0)) == (3,)
            ),
        },
        slips={
            "that is the new noise of one generation; the old error is kept in part": (
                lambda w, k: w**2 + k * (1 - w) ** 2
            ),
            "that is the fixed-real loop": lambda w, k: _renewed(w, k, 0),
            "w is the weight on the real rows": lambda w, k: ((1 - w) ** 2 + k * w**2) / (1 - w**2),
            "the first argument is w, the second k": lambda w, k: (
                (k**2 + w * (1 - k) ** 2) / (k * (2 - k))
            ),
        },
    ),
    "recursion-misjudged": Number(
        lambda: _misjudged(1, 0.1),
        slips={
            "that is the ratio of the errors; how much larger is it?": lambda: (
                1 + _misjudged(1, 0.1)
            ),
            "that is the other way round: set for k = 0.1, while k = 1 is true": lambda: _misjudged(
                0.1, 1
            ),
        },
        tolerance=0.02,
    ),
    "recursion-chase": Simulated(
        lambda: _moving(0.7, 1, 2),
        slips={
            "that is for a truth that stays where it is": lambda: _moving(0.7, 1, 0),
            "the step comes before the real rows of a generation, not after them": lambda: (
                _moving(0.7, 1, 2) + 2
            ),
            "q is a variance: the step's standard deviation is its root": lambda: _moving(
                0.7, 1, 4
            ),
        },
    ),
    "recursion-moving": Formula(
        lambda k, q: optimal_weight(k + q),
        ((1, 0.5), (0.1, 3), (2, 2), (0.3, 0.01)),
        properties={
            "at q = 0 the truth stays: it must be the best weight of this chapter": lambda f: (
                abs(f(1, 0) - optimal_weight(1)) < 1e-9
                and abs(f(0.2, 0) - optimal_weight(0.2)) < 1e-9
            ),
            "it must lie strictly between 0 and 1": lambda f: all(
                0 < f(k, q) < 1 for k, q in ((0.01, 0.5), (5, 20))
            ),
            "the faster the truth moves, the more weight new rows must get": lambda f: (
                f(1, 0.1) < f(1, 1) < f(1, 9)
            ),
        },
        slips={
            "the truth moves: q matters": lambda k, q: optimal_weight(k),
            "the step makes the old model wrong, not the real rows noisier": lambda k, q: (
                optimal_weight(k / (1 + q))
            ),
            "that is naive mixing": lambda k, q: naive_weight(k),
        },
    ),
}
"""The exercises of this part, by their names in the book."""
