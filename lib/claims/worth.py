"""Claims on what a synthetic row is worth, and on what to buy for a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lib.claims.base import Claim, Experiment, GainExperiment, named
from lib.loops import FreshReal
from lib.models import Gaussian, LinearRegression, Model
from lib.planner import (
    design_error,
    effective_rows,
    naive_design_error,
    naive_ratio,
    plan,
    ratio_for,
)
from lib.weights import error_ratio, naive_weight, optimal_weight

COST = 0.25
"""Cost of a synthetic row over that of a real one in the chapter's example."""

STEPS = 60


def _design(budget: float, c: float, w: float) -> tuple[int, int]:
    """Return n and m for which w is the best weight; for the claims they are whole numbers."""
    k = float(ratio_for(w))
    n = budget / (1 + c / k)
    return round(n), round(n / k)


def worth_claims() -> list[Claim]:
    """Return the claims of the chapter on what a synthetic row is worth."""
    page = "book/beyond/synthetic-row"
    line = Gaussian([0.0], [[1.0]])
    root = COST**0.5

    def settled(n: int, m: int, w: float, model: Model = line, metric: str = "mean") -> Experiment:
        return Experiment(model, FreshReal(n=n, m=m, w=w), metric, STEPS, burn_in=STEPS // 4)

    def best(n: int, m: int) -> Experiment:
        return settled(n, m, float(optimal_weight(n / m)))

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

    design = np.random.default_rng(1).standard_normal((10, 6))
    regression = LinearRegression(np.ones(6), design=design)
    unit = float(np.trace(np.linalg.inv(design.T @ design))) * 10
    bought = plan(30, synthetic_cost=COST)
    worth = float(optimal_weight(1.5))
    believed = COST / 4
    wide, narrow = (_design(48, COST, x**0.5) for x in (believed, COST))
    cheap = 0.2
    rows = 10
    return [
        one(
            "worth-mean",
            "thm-worth",
            "A mean with 30 real and 20 synthetic rows: in the long run as good as "
            f"{effective_rows(30, 20):.3f} real rows, so that a synthetic row is worth "
            f"{worth:.4f} of a real one.",
            lambda: 1 / (30 + 20 * ((1.5**2 + 4 * 1.5) ** 0.5 - 1.5) / 2),
            best(30, 20),
            8000,
            {
                "a synthetic row is a real one": lambda: 1 / 50,
                "a synthetic row is worth nothing": lambda: 1 / 30,
                "the marginal worth for all": lambda: 1 / (30 + 20 * worth / (2 - worth)),
            },
            effective_rows,
            optimal_weight,
        ),
        one(
            "worth-regression",
            "thm-worth",
            "Linear regression with six coefficients on a fixed design of ten rows, 10 real and "
            f"90 synthetic labels: as good as {effective_rows(10, 90):.3f} real ones.",
            lambda: 1 / ((10 + (10 * (10 + 4 * 90)) ** 0.5) / 2),
            Experiment(
                regression,
                FreshReal(n=10, m=90, w=float(optimal_weight(1 / 9))),
                "theta",
                STEPS,
                burn_in=STEPS // 4,
                unit=unit,
            ),
            13_000,
            {
                "a synthetic row is a real one": lambda: 1 / 100,
                "only the square root of n m": lambda: 1 / 900**0.5,
            },
            effective_rows,
            LinearRegression,
        ),
        one(
            "worth-square-root",
            "thm-square-root",
            "A synthetic row costs a quarter of a real one: 30 real rows alone have 4/3 times the "
            f"error of {bought.n} real and {bought.m} synthetic ones at the weight 1/2, which cost "
            "the same.",
            lambda: 1 / (2 * root - COST),
            GainExperiment(settled(30, 2, 1.0), best(bought.n, bought.m)),
            17_000,
            {
                "linear rule, w = c": lambda: 1 / float(design_error(COST, COST)),
                "half of the money each": lambda: effective_rows(15, 60) / 30,
                "naive weights": lambda: 20 / 30 / float(error_ratio(naive_weight(0.5), 0.5)),
                "all rows real": lambda: (20 + 40) / 30,
            },
            plan,
            design_error,
        ),
        one(
            "worth-misjudged",
            "thm-square-root",
            "The same costs, but a synthetic row is believed to cost a sixteenth of a real one: "
            f"{wide[0]} real and {wide[1]} synthetic rows in place of {narrow[0]} and "
            f"{narrow[1]} have 4/3 times the error, and synthetic rows have gained nothing.",
            lambda: 1 + (0.5 - 1) ** 2 / (0.5 * (2 - root)),
            GainExperiment(best(*wide), best(*narrow)),
            30_000,
            {
                "no loss": lambda: 1.0,
                "error as the belief has it": lambda: (
                    (2 * believed**0.5 - believed) / (2 * root - COST)
                ),
            },
            plan,
            design_error,
        ),
        one(
            "worth-naive",
            "thm-naive-budget",
            "A synthetic row costs a fifth of a real one, and all rows count the same: ten of each "
            "are the best that can be bought, with 0.8 times the error of the twelve real rows "
            "that the money buys.",
            lambda: (1 + (cheap * (2 - cheap)) ** 0.5) / 2,
            GainExperiment(
                settled(rows, rows, float(naive_weight(naive_ratio(cheap)))), settled(12, 2, 1.0)
            ),
            17_000,
            {
                "the square-root rule": lambda: 2 * cheap**0.5 - cheap,
                "no gain": lambda: 1.0,
                "n and m by the square-root rule": lambda: float(
                    naive_design_error(ratio_for(cheap**0.5), cheap)
                ),
            },
            naive_design_error,
            naive_ratio,
        ),
    ]
