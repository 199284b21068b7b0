"""Why golden: the best weight of each generation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.schedule import schedule, schedule_errors
from lib.weights import optimal_weight

YEAR = [400, 120, 80, 150, 0, 60, 200, 90, 0, 30, 260, 140]
"""Real rows of the project's months; 500 synthetic ones in each month after the first."""


def _dry(w: float) -> float:
    """Return the error after the month without real rows and one with the weight w."""
    return float(schedule_errors([0.0, w], [4, 0, 4], [8, 8])[-1])


def _without_scatter() -> float:
    """Return it if the old means are used themselves, in place of rows drawn from them."""
    w = 4 / 6
    return w**2 / 4 + (1 - w) ** 2 / 4


def _year(w: np.ndarray) -> float:
    return float(1 / schedule_errors(w, YEAR, 500)[-1])


def _ratios() -> np.ndarray:
    return np.array(YEAR[1:]) / 500


def _own() -> np.ndarray:
    k = _ratios()
    return np.array([optimal_weight(x) if x else 0.0 for x in k])


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "golden-month": Number(
        lambda: 0.25,
        tolerance=0.001,
        slips={
            "that is the weight of all real rows together": lambda: 0.4,
            "that is the weight of all synthetic rows together": lambda: 0.6,
            "that is what the last model loses of its worth": lambda: 0.75,
            "that is the share of the real rows": lambda: 1 / 7,
            "that is what all synthetic rows weigh together": lambda: 1.5,
        },
    ),
    "golden-keep": Formula(
        lambda rows, n: rows * (rows - n) / n,
        ((200, 100), (1000, 10), (90, 80), (3.5, 1.5)),
        properties={
            "with as many fresh rows as the model is worth it must be 0": lambda f: f(70, 70) == 0,
            "at 1/phi of the rows it must be as many as the fresh ones": lambda f: (
                abs(f(2, 5**0.5 - 1) - (5**0.5 - 1)) < 1e-9
            ),
        },
        slips={
            "a synthetic row is worth less than a real one": lambda rows, n: rows - n,
            "not the old model is worth N - n rows, but what is drawn from it": lambda rows, n: (
                rows * rows / n
            ),
            "that is for an error that is n/N of the old one": lambda rows, n: (
                n * (rows - n) / rows
            ),
        },
    ),
    "golden-dry": Simulated(
        lambda: _dry(4 / 6),
        precision=0.01,
        slips={
            "that is with all rows alike, or with the two weights exchanged": lambda: _dry(1 / 3),
            "that is with the weight for the long run, as if no month had been dry": lambda: _dry(
                optimal_weight(0.5)
            ),
            "there is a model in between: month 1 has a fit of its own": lambda: float(
                schedule([4, 4], [8]).errors[-1]
            ),
            "synthetic rows have to be drawn, with their scatter": _without_scatter,
        },
    ),
    "golden-year": Number(
        lambda: float(schedule(YEAR, 500).effective_rows[-1]),
        slips={
            "that is naive mixing": lambda: _year(_ratios() / (_ratios() + 1)),
            "that is with the weight that each month would have in the long run": lambda: _year(
                _own()
            ),
            "that is with one weight for all months": lambda: _year(
                (_ratios() > 0) * float(optimal_weight(np.mean(YEAR) / 500))
            ),
            "that is the fresh rows of the last month alone": lambda: 140.0,
            "without synthetic noise, as if all rows had been kept": lambda: float(sum(YEAR)),
        },
    ),
}
"""The exercises of this chapter, by their names in the book."""
