"""Claims on the frequencies of categories, in columns of Adult."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lib.claims.base import Claim, Experiment, named
from lib.data import shipped_counts
from lib.loops import Accumulate, FixedReal, FreshReal, FullySynthetic, Loop
from lib.models import Categorical
from lib.recursion import AccumulatingRecursion, AffineRecursion
from lib.weights import error_ratio, optimal_weight


def frequency_claims() -> list[Claim]:
    """Return the claims on frequencies."""
    page = "book/real-data/adult-columns"

    def one(
        id: str,
        statement: str,
        column: str,
        loop: Loop,
        predicted: Callable[[], float],
        wrong: dict[str, Callable[[], float]],
        *,
        code: Sequence[Any],
        steps: int = 60,
        t: int | None = None,
        reps: int,
    ) -> Claim:
        counts = shipped_counts(column)  # the same as in the files, which need not be here
        model = Categorical(counts / counts.sum())
        unit = float(model.sampling_noise(loop.n, loop.m)["frequencies"].real[0])
        experiment = Experiment(model, loop, "frequencies", steps, t, unit)
        theorem, uses = "thm-frequencies", named(*code, Categorical)
        return Claim(
            id, statement, "exact", theorem, page, predicted, experiment, reps, wrong, uses
        )

    w500 = optimal_weight(1, contraction=1 - 1 / 500)
    return [
        one(
            "frequencies-fresh-optimum",
            "Column workclass of Adult, n = m = 500: at the exact best weight the error of the "
            "frequencies settles at that weight times the error of the real rows.",
            "workclass",
            FreshReal(n=500, m=500, w=w500),
            lambda: w500,
            {"naive mixing": lambda: error_ratio(0.5, 1)},
            code=[optimal_weight, error_ratio],
            reps=4000,
        ),
        one(
            "frequencies-fresh-small",
            "Column marital_status with few rows (n = 8, m = 4, w = 0.1): the contraction is "
            "(1 - 1/m)(1 - w)^2.",
            "marital_status",
            FreshReal(n=8, m=4, w=0.1),
            lambda: error_ratio(0.1, 2, contraction=0.75),
            {"contraction without 1 - 1/m": lambda: error_ratio(0.1, 2)},
            code=[error_ratio],
            reps=13_000,
        ),
        one(
            "frequencies-fully-synthetic",
            "Column education, trained on synthetic rows alone (n = m = 50, t = 20): the error "
            "is n (1 - (1 - 1/n)^(t+1)) times that of the real rows, and no more than n times.",
            "education",
            FullySynthetic(n=50, m=50),
            lambda: 50 * (1 - (1 - 1 / 50) ** 21),
            {"linear growth t + 1": lambda: 21.0},
            steps=20,
            t=20,
            code=[FullySynthetic, AffineRecursion],
            reps=40_000,
        ),
        one(
            "frequencies-fixed-real",
            "Column workclass with the same real rows at every generation (n = m = 50, w = 1/2): "
            "the error settles at 1 / (1 - (1-w)^2 (1 - 1/m)) times that of the real rows.",
            "workclass",
            FixedReal(n=50, m=50, w=0.5),
            lambda: (0.75 + 0.25) / (1 - 0.25 * (1 - 1 / 50)),
            {"fresh rows assumed": lambda: error_ratio(0.5, 1)},
            steps=24,
            code=[FixedReal, AffineRecursion],
            reps=48_000,
        ),
        one(
            "frequencies-accumulate",
            "Column marital_status with all synthetic rows kept (n = m = 20, t = 20): the error is "
            "n (1 - (1 - 1/n) prod(1 - 1/(m (1+i)^2))) times that of the real rows.",
            "marital_status",
            Accumulate(n=20, m=20),
            lambda: (
                20 * (1 - (1 - 1 / 20) * float(np.prod(1 - 1 / (20 * np.arange(2.0, 22) ** 2))))
            ),
            {"the mean's sum of 1/i^2": lambda: float((1 / np.arange(1.0, 22.0) ** 2).sum())},
            steps=20,
            t=20,
            code=[Accumulate, AccumulatingRecursion],
            reps=90_000,
        ),
    ]
