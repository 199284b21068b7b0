"""A truth that moves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.weights import error_ratio, naive_weight, optimal_weight


def _trend(w: float, k: float, b: float) -> float:
    return float(error_ratio(w, k)) + (b * (1 - w) / w) ** 2


def _stale(age: int = 3, q: float = 0.3, steps: int = 30) -> float:
    """Return the error at n = m, w = 0.6, synthetic rows coming from `age` generations ago."""
    w, errors = 0.6, [1.0]
    for t in range(1, steps + 1):
        old = max(0, t - age)
        errors.append(w**2 + (1 - w) ** 2 * (errors[old] + 1 + (t - old) * q))
    return errors[-1]


def _behind() -> float:
    """Return the error against the truth of three generations ago, seen as one's own."""
    w, q = 0.6, 0.3
    # the fresh rows are off by the steps that the old truth had still to take
    return float(w**2 * (1 + 3 * q) + (1 - w) ** 2 * (_stale(steps=27) + 1))


@cache
def _register() -> np.ndarray:
    """Return the rows of the project: 60 months of 40 rows."""
    rng = np.random.default_rng(12)
    truth = np.cumsum(rng.normal(scale=0.1, size=60))
    return truth[:, None] + rng.normal(size=(60, 40))


def _from_differences(months: int = 12, twice: float = 2.0) -> float:
    """Return q from the squared differences of means that lie so many months apart."""
    rows = _register()
    means, noise = rows.mean(axis=1), rows.var(axis=1, ddof=1).mean() / rows.shape[1]
    apart = means[months:] - means[:-months]
    return float(((apart**2).mean() / noise - twice) / months)


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "drift-weight": Number(
        lambda: optimal_weight(200 / 800 + 200 * 0.5**2 / 15**2),
        tolerance=0.005,
        slips={
            "that is the weight of a truth that stands still": lambda: optimal_weight(0.25),
            "q compares variances: square the step and the deviation": lambda: optimal_weight(
                0.25 + 200 * 0.5 / 15
            ),
            "k is real over synthetic": lambda: optimal_weight(4 + 200 * 0.5**2 / 15**2),
            "that is naive mixing": lambda: naive_weight(0.25),
        },
    ),
    "drift-trend": Formula(
        _trend,
        ((0.5, 1, 0.4), (0.2, 0.3, 1), (0.9, 2, 3), (0.618, 1, 0)),
        properties={
            "without a trend it must be E(w, k)": lambda f: (
                abs(f(0.3, 2, 0) - error_ratio(0.3, 2)) < 1e-9
            ),
            "at w = 1 nothing lags: the error must be 1": lambda f: abs(f(1, 0.5, 3) - 1) < 1e-9,
            "a trend down is as bad as one up": lambda f: (
                abs(f(0.4, 1, -0.7) - f(0.4, 1, 0.7)) < 1e-9
            ),
        },
        slips={
            "steps that all go one way do not cancel: their lags add up before the square": (
                lambda w, k, b: float(error_ratio(w, k + b * b))
            ),
            "that is the lag of one generation; older steps are still in the model": (
                lambda w, k, b: float(error_ratio(w, k)) + (b * (1 - w)) ** 2
            ),
            "a new step is not yet in the model either: the lag starts with (1-w) b": (
                lambda w, k, b: float(error_ratio(w, k)) + (b / w) ** 2
            ),
        },
    ),
    "drift-stale": Simulated(
        _stale,
        slips={
            "three steps of the truth lie between the model and its use, not one": (
                lambda: _stale(age=1)
            ),
            "that is a truth that stands still": lambda: _stale(q=0.0),
            "the error is measured from the truth of its own generation": _behind,
        },
    ),
    "drift-project": Number(
        lambda: optimal_weight(40 / 160 + _from_differences()),
        tolerance=0.005,
        slips={
            "both means of a difference are noisy: subtract 2": lambda: optimal_weight(
                40 / 160 + _from_differences(twice=0.0)
            ),
            "two means of a difference are noisy, not one": lambda: optimal_weight(
                40 / 160 + _from_differences(twice=1.0)
            ),
            "twelve steps lie between the means: divide by 12": lambda: optimal_weight(
                40 / 160 + 12 * _from_differences()
            ),
            "that is the weight of a truth that stands still": lambda: optimal_weight(40 / 160),
        },
    ),
}
