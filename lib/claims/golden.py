"""Claims on the best weight of each generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lib.claims.base import Claim, Experiment, GainExperiment, named
from lib.loops import FreshReal, Uneven
from lib.models import Gaussian, LinearRegression
from lib.schedule import (
    adaptive_error,
    adaptive_weights,
    constant_loss,
    schedule,
    schedule_errors,
)
from lib.weights import optimal_weight

MONTHS = {"n": [40, 10, 5, 60, 0, 20], "m": [80, 40, 20, 30, 200]}
"""The chapter's uneven months; in one of them there are no real rows."""

LAST = len(MONTHS["m"])

RARE, ROWS, EARLY = 0.01, 20, 3
"""A flood of synthetic rows, k = 0.01, and an early generation."""


def _rows_one_by_one() -> float:
    """Return N of the last month: the new rows and the harmonic share of the old ones."""
    rows = float(MONTHS["n"][0])
    for n, m in zip(MONTHS["n"][1:], MONTHS["m"], strict=True):
        rows = n + rows * m / (rows + m)
    return rows


def _at_full_worth() -> float:
    """Return N if the last model were worth its rows however few are drawn from it."""
    return float(sum(MONTHS["n"]))


def _as_real() -> float:
    """Return N if each synthetic row were worth a real one."""
    return float(MONTHS["n"][-1] + MONTHS["m"][-1])


def _fibonacci(j: int) -> int:
    one, other = 0, 1
    for _ in range(j):
        one, other = other, one + other
    return one


def golden_claims() -> list[Claim]:
    """Return the claims of the chapter on the best weight of each generation."""
    page = "book/beyond/why-golden"
    line = Gaussian([0.0], [[1.0]])
    best = schedule(MONTHS["n"], MONTHS["m"])
    naive = best.naive_weights

    def at(loop: Any, t: int, unit: float = 1.0) -> Experiment:
        return Experiment(line, loop, "mean", t, t=t, unit=unit)

    def months(w: Any) -> Experiment:
        return at(Uneven(**MONTHS, w=w), LAST)

    def one(
        id: str,
        theorem: str,
        statement: str,
        predicted: Callable[[], float],
        experiment: Experiment | GainExperiment,
        reps: int,
        wrong: Mapping[str, Callable[[], float]],
        *code: Any,
    ) -> Claim:
        return Claim(
            id, statement, "exact", theorem, page, predicted, experiment, reps, wrong, named(*code)
        )

    design = np.random.default_rng(1).standard_normal((20, 16))
    regression = LinearRegression(np.ones(16), design=design)
    lines = {"n": [20, 40, 0, 20], "m": [100, 40, 20]}
    fits = schedule(lines["n"], lines["m"])
    unit = float(np.trace(np.linalg.inv(design.T @ design))) * 20

    flood = adaptive_weights(RARE, EARLY)
    drawn = round(ROWS / RARE)
    adaptive = at(Uneven(n=[ROWS] * (EARLY + 1), m=[drawn] * EARLY, w=flood), EARLY, unit=1 / ROWS)
    constant = at(FreshReal(n=ROWS, m=drawn, w=optimal_weight(RARE)), EARLY, unit=1 / ROWS)
    fibonacci = adaptive_weights(1, 3)
    return [
        one(
            "golden-uneven",
            "thm-adaptive",
            "A mean through five uneven months, one of them without real rows: with the best "
            "weight of each month the last model is worth as many real rows as the harmonic rule "
            "says.",
            lambda: 1 / _rows_one_by_one(),
            months(best.weights),
            260_000,
            {
                "all rows ever": lambda: 1 / _at_full_worth(),
                "a synthetic row is a real one": lambda: 1 / _as_real(),
                "naive mixing": lambda: float(schedule_errors(naive, MONTHS["n"], MONTHS["m"])[-1]),
            },
            schedule,
            Uneven,
        ),
        one(
            "golden-uneven-naive",
            "thm-adaptive",
            "The same months with all rows alike: the error is larger by the ratio of the two "
            "recursions.",
            lambda: (
                float(schedule_errors(naive, MONTHS["n"], MONTHS["m"])[-1]) * _rows_one_by_one()
            ),
            GainExperiment(months(naive), months(best.weights)),
            480_000,
            {"no loss": lambda: 1.0},
            schedule,
            schedule_errors,
        ),
        one(
            "golden-uneven-regression",
            "thm-adaptive",
            "Linear regression with 16 coefficients on a fixed design of 20 rows, observed in "
            "numbers that change, once without real labels: the harmonic rule again.",
            lambda: float(1 / (20 + 1 / (1 / 20 + 1 / 40 + 1 / (40 + 20 * 100 / 120)))),
            Experiment(regression, Uneven(**lines, w=fits.weights), "theta", 3, t=3, unit=unit),
            60_000,
            {"all rows ever": lambda: 1 / 80, "real rows alone": lambda: 1 / 20},
            schedule,
            LinearRegression,
        ),
        one(
            "golden-fibonacci",
            "thm-fibonacci",
            "n = m = 5, the weights 2/3, 5/8, 13/21: after three generations the error is 13/21 of "
            "that of five real rows, F_7/F_8.",
            lambda: _fibonacci(7) / _fibonacci(8),
            at(Uneven(n=[5] * 4, m=[5] * 3, w=fibonacci), 3, unit=1 / 5),
            280_000,
            {
                "naive mixing": lambda: float(5 * schedule_errors([0.5] * 3, [5] * 4, [5] * 3)[-1]),
                "the ratio of every second number": lambda: _fibonacci(7) / _fibonacci(9),
                "synthetic rows without noise": lambda: 1 / 4,
            },
            adaptive_weights,
            adaptive_error,
        ),
        one(
            "golden-early",
            "thm-moebius",
            "20 real rows and 2000 synthetic ones, the best weight of each generation: at t = 3 "
            f"the error is {adaptive_error(EARLY, RARE):.4f} of that of real rows alone.",
            lambda: float(adaptive_error(EARLY, RARE)),
            adaptive,
            260_000,
            {
                "the weight for the long run": lambda: float(
                    adaptive_error(EARLY, RARE) + constant_loss(EARLY, RARE)
                ),
                "the running mean, 1/(t + 1)": lambda: 1 / (EARLY + 1),
                "the long run at once": lambda: float(optimal_weight(RARE)),
            },
            adaptive_weights,
            adaptive_error,
        ),
        one(
            "golden-loss",
            "thm-moebius",
            "The same rows: at t = 3 the weight for the long run has "
            f"{1 + constant_loss(EARLY, RARE) / adaptive_error(EARLY, RARE):.3f} times the error "
            "of the best weights.",
            lambda: float(1 + constant_loss(EARLY, RARE) / adaptive_error(EARLY, RARE)),
            GainExperiment(constant, adaptive),
            480_000,
            {
                "no loss": lambda: 1.0,
                "lost for ever: 1/w*": lambda: 1 / float(optimal_weight(RARE)),
            },
            constant_loss,
            adaptive_error,
        ),
    ]
