"""Claims on the mean and the covariance of a normal distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.claims.base import Claim, Experiment, named
from lib.loops import Accumulate, FixedReal, FreshReal, FullySynthetic, Loop
from lib.models import Gaussian
from lib.models.gaussian import Moments, _covariance_ratio
from lib.recursion import AccumulatingRecursion, AffineRecursion
from lib.weights import (
    _kept,
    _noise,
    break_even_weight,
    error_ratio,
    naive_weight,
    optimal_weight,
)

MEAN, COVARIANCE = (1.0, -1.0), ((1.0, 0.5), (0.5, 2.0))
"""The normal distribution of the Gaussian claims: correlated, with unequal variances."""


def mean_claims() -> list[Claim]:
    """Return the claims on the mean."""
    model = Gaussian(MEAN, COVARIANCE)

    def one(
        id: str,
        statement: str,
        loop: Loop,
        predicted: Callable[[], float],
        wrong: dict[str, Callable[[], float]],
        *,
        code: Sequence[Any],
        theorem: str = "thm-gaussian-mean",
        page: str = "book/gaussian/mean",
        steps: int = 100,
        t: int | None = None,
        reps: int,
    ) -> Claim:
        unit = float(np.trace(model.cov)) / loop.n
        experiment = Experiment(model, loop, "mean", steps, t, unit)
        uses = named(*code, Gaussian)
        return Claim(
            id, statement, "exact", theorem, page, predicted, experiment, reps, wrong, uses
        )

    return [
        one(
            "mean-fully-synthetic",
            "Trained on synthetic rows alone, the error of the mean after t generations is t + 1 "
            "times that of the real rows (n = m = 200, t = 10).",
            FullySynthetic(n=200, m=200),
            lambda: 11.0,
            {"the first fit is not counted": lambda: 10.0},
            theorem="thm-four-loops",
            page="book/foundations/four-loops",
            steps=10,
            t=10,
            code=[FullySynthetic, AffineRecursion],
            reps=160_000,
        ),
        one(
            "mean-accumulate",
            "With all synthetic rows kept, the error of the mean after t generations is "
            "1 + 1/4 + ... + 1/(t+1)^2 times that of the real rows (n = m, t = 40).",
            Accumulate(n=20, m=20),
            lambda: float((1 / np.arange(1.0, 42.0) ** 2).sum()),
            {"a sum of 1/i^2 that leaves out the first fit": lambda: np.pi**2 / 6 - 1},
            theorem="thm-four-loops",
            page="book/foundations/four-loops",
            steps=40,
            t=40,
            code=[Accumulate, AccumulatingRecursion],
            reps=150_000,
        ),
        one(
            "mean-fixed-real",
            "With the same real rows at every generation, the error of the mean settles at "
            "1 + k(1-w)^2 / (w(2-w)) times that of the real rows: never below 1 (w = 1/2, k = 2).",
            FixedReal(n=20, m=10, w=0.5),
            lambda: 1 + 2 * 0.25 / 0.75,
            {"fresh rows assumed": lambda: error_ratio(0.5, 2)},
            theorem="thm-four-loops",
            page="book/foundations/four-loops",
            steps=24,
            code=[FixedReal, AffineRecursion],
            reps=70_000,
        ),
        one(
            "mean-fresh-golden",
            "With fresh real rows and weight 1/phi, the error of the mean settles at 1/phi times "
            "that of the real rows (n = m = 5: exact at any size).",
            FreshReal(n=5, m=5, w=optimal_weight(1)),
            lambda: (np.sqrt(5) - 1) / 2,
            {
                "naive mixing": lambda: error_ratio(naive_weight(1), 1),
                "two samples pooled": lambda: 0.5,
            },
            theorem="thm-optimal-weight",
            page="book/foundations/one-recursion",
            code=[optimal_weight, error_ratio],
            reps=6000,
        ),
        one(
            "mean-fresh-optimum",
            "The error at the best weight is that weight, at any ratio (n = 10, m = 100).",
            FreshReal(n=10, m=100, w=optimal_weight(0.1)),
            lambda: optimal_weight(0.1),
            {"the k = 1 answer": lambda: optimal_weight(1)},
            theorem="thm-optimal-weight",
            page="book/foundations/one-recursion",
            code=[optimal_weight, error_ratio],
            reps=10_000,
        ),
        one(
            "mean-naive",
            "With every row counted the same, the error of the mean settles at (k+1)/(k+2) times "
            "that of the real rows (n = 10, m = 40).",
            FreshReal(n=10, m=40, w=naive_weight(0.25)),
            lambda: 1.25 / 2.25,
            {
                "n + m real rows": lambda: 0.25 / 1.25,
                "the optimum": lambda: optimal_weight(0.25),
            },
            theorem="thm-naive",
            page="book/foundations/one-recursion",
            code=[naive_weight, error_ratio],
            reps=16_000,
        ),
        one(
            "mean-break-even",
            "At w = k/(k+2) synthetic rows neither help nor harm (n = 30, m = 20).",
            FreshReal(n=30, m=20, w=break_even_weight(1.5)),
            lambda: 1.0,
            {"equal weights": lambda: error_ratio(naive_weight(1.5), 1.5)},
            theorem="thm-naive",
            page="book/foundations/one-recursion",
            code=[break_even_weight, error_ratio],
            reps=6000,
        ),
        one(
            "mean-fresh-unequal",
            "With fresh real rows, the error of the mean settles at E(w, k) times that of the "
            "real rows, at any weight and any sizes (n = 4, m = 10, w = 0.35).",
            FreshReal(n=4, m=10, w=0.35),
            lambda: error_ratio(0.35, 0.4),
            {
                "k forgotten": lambda: error_ratio(0.35, 1),
                "k upside down": lambda: error_ratio(0.35, 2.5),
            },
            code=[error_ratio],
            reps=9000,
        ),
        one(
            "mean-fresh-path",
            "On its way there the error is E + (1-w)^(2t) (1 - E) times that of the real rows "
            "(n = 6, m = 12, w = 0.1, t = 4).",
            FreshReal(n=6, m=12, w=0.1),
            lambda: error_ratio(0.1, 0.5) + 0.9**8 * (1 - error_ratio(0.1, 0.5)),
            {
                "the limit": lambda: error_ratio(0.1, 0.5),
                "rate (1-w)^t": lambda: (
                    error_ratio(0.1, 0.5) + 0.9**4 * (1 - error_ratio(0.1, 0.5))
                ),
            },
            theorem="thm-affine",
            page="book/foundations/one-recursion",
            steps=4,
            t=4,
            code=[error_ratio, AffineRecursion],
            reps=200_000,
        ),
    ]


def covariance_claims() -> list[Claim]:
    """Return the claims on the covariance."""
    model = Gaussian(MEAN, COVARIANCE)

    def one(
        id: str,
        statement: str,
        loop: Loop,
        predicted: Callable[[], float],
        wrong: dict[str, Callable[[], float]],
        *,
        code: Sequence[Any],
        theorem: str = "thm-gaussian-covariance",
        steps: int = 60,
        t: int | None = None,
        reps: int,
    ) -> Claim:
        alone = model.sampling_noise(loop.n, loop.m)["covariance"].real[0]
        experiment = Experiment(model, loop, "covariance", steps, t, float(alone))
        page, uses = "book/gaussian/covariance", named(*code, Gaussian)
        return Claim(
            id, statement, "exact", theorem, page, predicted, experiment, reps, wrong, uses
        )

    golden = optimal_weight(1)
    shape = float(np.trace(COVARIANCE) ** 2 / np.square(COVARIANCE).sum())

    def fresh(n: int, m: int, w: float) -> float:
        return float(_covariance_ratio(_noise(w, (n - 1) / (m - 1)), _kept(w), m, shape))

    def unmixed(n: int, m: int, shares: np.ndarray) -> float:
        """Follow a loop that leaves its old rows as they are: shares of each newest set."""
        x = shares**2 / (m - 1)
        rising = (n + 1) / (n - 1) * np.prod(1 + 2 * x)
        falling = (n - 2) / (n - 1) * np.prod(1 - x)
        above = (2 + shape) * rising + (1 - shape) * falling - 3
        return float((n - 1) * above / (3 * (1 + shape)))

    collapse = FullySynthetic(n=10, m=10)
    drift = model.log_det_drift(10)
    median = model.log_det_median(rows=10, fits=21)
    return [
        one(
            "covariance-fresh-golden",
            "With fresh real rows, the error of the covariance follows the exact 2 x 2 recursion "
            "(n = m = 20, w = 1/phi).",
            FreshReal(n=20, m=20, w=golden),
            lambda: fresh(20, 20, golden),
            {"the asymptotic formula": lambda: golden},
            code=[AffineRecursion],
            reps=12_000,
        ),
        one(
            "covariance-fresh-small",
            "The recursion holds at sizes where the asymptotic formula is far off "
            "(n = 20, m = 8, w = 0.5).",
            FreshReal(n=20, m=8, w=0.5),
            lambda: fresh(20, 8, 0.5),
            {
                "the asymptotic formula": lambda: error_ratio(0.5, 2.5),
                "trace component left out": lambda: _without_trace(model, 20, 8, 0.5),
            },
            code=[AffineRecursion],
            reps=60_000,
        ),
        one(
            "covariance-fixed-real",
            "With the same real rows at every generation, the error of the covariance settles "
            "at the closed form of the theorem, above that of the real rows (n = m = 20, w = 1/2).",
            FixedReal(n=20, m=20, w=0.5),
            lambda: _covariance_ratio(1.0, 0.25, 20, shape),
            {"fresh rows assumed": lambda: error_ratio(0.5, 1)},
            theorem="thm-covariance-loops",
            steps=24,
            code=[FixedReal, AffineRecursion],
            reps=145_000,
        ),
        one(
            "covariance-accumulate",
            "With all synthetic rows kept, the error of the covariance follows the recursion with "
            "shrinking shares (n = m = 20, t = 20).",
            Accumulate(n=20, m=20),
            lambda: unmixed(20, 20, 1 / np.arange(2.0, 22.0)),
            {"the mean's sum of 1/i^2": lambda: float((1 / np.arange(1.0, 22.0) ** 2).sum())},
            theorem="thm-covariance-loops",
            steps=20,
            t=20,
            code=[Accumulate, AccumulatingRecursion],
            reps=320_000,
        ),
        one(
            "covariance-fully-synthetic",
            "Trained on synthetic rows alone, the expected error of the covariance grows faster "
            "than t + 1 (n = m = 50, t = 4, early enough to average).",
            FullySynthetic(n=50, m=50),
            lambda: unmixed(50, 50, np.ones(4)),
            {"linear growth": lambda: 5.0},
            theorem="thm-covariance-loops",
            steps=4,
            t=4,
            code=[FullySynthetic, AffineRecursion],
            reps=360_000,
        ),
        Claim(
            "covariance-collapse-drift",
            "Trained on synthetic rows alone, the log-determinant of the covariance falls by a "
            "fixed expected amount a generation, although its expected error explodes "
            "(n = m = 10, t = 60).",
            "exact",
            "thm-covariance-collapse",
            "book/gaussian/covariance",
            lambda: 61 * drift,
            Experiment(model, collapse, "log_det", steps=60, t=60),
            code=named(Gaussian.log_det_drift),
            reps=8000,
            wrong={
                "an unbiased estimate does not drift": lambda: 0.0,
                "leading order d(d+1)/(2m)": lambda: -61 * 3 / 10,
            },
        ),
        Claim(
            "covariance-collapse-median",
            "Half of all fully synthetic chains have a determinant below the exact median of a "
            "product of chi-squares (n = m = 10, t = 20).",
            "exact",
            "thm-covariance-collapse",
            "book/gaussian/covariance",
            lambda: 0.5,
            Experiment(model, collapse, _Below(model, median), steps=20, t=20),
            code=named(Gaussian.log_det_median, Gaussian.log_det_cdf),
            reps=110_000,
            wrong={
                # then twice the median would be where the median is
                "no drift": lambda: model.log_det_cdf(2 * median, rows=10, fits=21)
            },
        ),
    ]


@dataclass(frozen=True)
class _Below:
    """1 where the log-determinant is below a value, else 0."""

    model: Gaussian
    value: float

    def __call__(self, fit: Moments) -> np.ndarray:
        return (self.model.error(fit, "log_det") < self.value).astype(float)


def _without_trace(model: Gaussian, n: int, m: int, w: float) -> float:
    """Limit of the covariance's recursion when its trace is taken as known."""
    noise = model.sampling_noise(n, m)["covariance"]
    a = w**2 * noise.real[0] + (1 - w) ** 2 * noise.synthetic[0]
    return float(a / (1 - (1 - w) ** 2 * m / (m - 1)) / noise.real[0])
