"""More parameters than rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.loops import FixedReal, FreshReal, Loop
from lib.models import RidgeRegression
from lib.models.ridge import RidgePlan
from lib.weights import optimal_weight


def _even(k: float, r: float) -> float:
    return k * (1 + r) / (2 + k * (1 + r))


def _least(k: float, r: float) -> float:
    root = float(np.sqrt(k**2 * (1 + r) ** 2 + 4 * k))
    return (root - k * (1 - r)) / (2 * (1 + k * r))


def _stacked(loop: Loop, penalty: float = 0.5) -> float:
    design = [[1, 1, 0], [0, 1, 1]]
    model = RidgeRegression([1, 2, 0], design=design, penalty=penalty)
    return float(model.theory(loop)["theta"].path(20)[-1])


def _noiseless() -> float:
    """Return the limit if synthetic labels are predictions without an error."""
    model = RidgeRegression([1, 2, 0], design=[[1, 1, 0], [0, 1, 1]], penalty=0.5)
    w, h = 0.4, model.shrinkage
    variance = (h * w) ** 2 / model.squares / (1 - ((1 - w) * h) ** 2)
    return float(model.split(2, 2, w)[0] + variance.sum())


@cache
def _bumps() -> RidgeRegression:
    """Return the model of the project: 12 places, 30 bumps."""
    x, centres = np.linspace(0, 1, 12), np.linspace(0, 1, 30)
    design = np.exp(-(((x[:, None] - centres) / 0.1) ** 2) / 2)
    return RidgeRegression(np.sin(7 * centres), 0.5, design=design)


@cache
def _bump_plan() -> RidgePlan:
    return _bumps().best_plan(12, 24)


def _one_by_one() -> float:
    """Return the best weight at the penalty that is best for real labels alone."""
    model = _bumps()
    return model.with_penalty(model.best_penalty(12)).best_weight(12, 24)


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "ridge-tuned": Number(
        lambda: 9.0,
        tolerance=0.001,
        slips={
            "the loop makes a penalty larger in the long run; you make it larger again": lambda: (
                16.0
            ),
            "with that penalty the loop ends with a larger one": lambda: 12.0,
            "that is the weight of the synthetic labels": lambda: 3.0,
        },
    ),
    "ridge-even": Formula(
        _even,
        ((1, 0), (1, 2), (0.25, 1), (4, 0.5)),
        properties={
            "without a penalty it must be the break-even weight of a mean": lambda f: (
                abs(f(2, 0) - 1 / 2) < 1e-9 and abs(f(0.5, 0) - 1 / 5) < 1e-9
            ),
            "it must be below 1, and tend to it as r grows": lambda f: 0.99 < f(1, 1e4) < 1,
        },
        slips={
            "that is the break-even weight of a mean; the penalty moves it": lambda k, r: (
                k / (k + 2)
            ),
            "that is at a fixed penalty; here lambda/w is fixed": lambda k, r: (
                (k + (1 + r) ** -2 - 1) / (k + (1 + r) ** -2 + 1)
            ),
            "that is the best weight; the question is where the gain begins": _least,
        },
    ),
    "ridge-loop": Simulated(
        lambda: _stacked(FreshReal(n=2, m=2, w=0.4)),
        precision=0.01,
        slips={
            "that is the penalty 0, the solution of smallest norm": lambda: _stacked(
                FreshReal(n=2, m=2, w=0.4), 0.0
            ),
            "the two weights of a row sum to 1, not to 2": lambda: _stacked(
                FreshReal(n=2, m=2, w=0.4), 0.25
            ),
            "the real labels must be new at every generation": lambda: _stacked(
                FixedReal(n=2, m=2, w=0.4)
            ),
            "0.4 is the weight of the real labels, not of the synthetic ones": lambda: _stacked(
                FreshReal(n=2, m=2, w=0.6)
            ),
            "synthetic labels have errors too: they are drawn, not predicted": _noiseless,
        },
    ),
    "ridge-bumps": Number(
        lambda: _bump_plan().w,
        tolerance=0.02,
        slips={
            "that is w*(k); the best penalty is not zero": lambda: float(optimal_weight(0.5)),
            "that is the best weight at the penalty that is best for real labels alone": (
                _one_by_one
            ),
            "that is for k = 1": lambda: _bumps().best_plan(12, 12).w,
        },
    ),
}
"""The exercises of this chapter, by their names in the book."""
