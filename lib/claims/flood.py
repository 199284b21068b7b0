"""Claims on few real rows in a flood of synthetic ones, k = n/m down to 0.01: Figure 9."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np

from lib.claims.base import Claim, Experiment, GainExperiment, LargeSampleExperiment, named
from lib.data import shipped_counts, shipped_income, standardised
from lib.loops import FreshReal
from lib.models import Categorical, CountedPopulation, Gaussian, LinearRegression, Model
from lib.models.gaussian import _covariance_ratio
from lib.recursion import AffineRecursion
from lib.weights import error_ratio, gain_over_naive, naive_weight, optimal_weight

ROWS = 100
"""Real rows of a generation, as in Figure 9."""

MANY = 10**6
"""Real rows of the regression on counts, where no term of order 1/n can be seen."""


@cache
def schooling_model() -> CountedPopulation:
    """Return the logistic regression of income on years of education."""
    table = shipped_income()
    count = table["count"].groupby([table["education_num"], table["income"]]).sum().reset_index()
    x = standardised(count, ["education_num"], counts="count")
    return CountedPopulation(x, count["income"], counts=count["count"])


def _wrong(k: float) -> dict[str, Callable[[], float]]:
    return {
        "leading term 1/(2 sqrt k) alone": lambda: 1 / (2 * k**0.5),
        "golden weight whatever k is": lambda: (
            error_ratio(naive_weight(k), k) / error_ratio(optimal_weight(1), k)
        ),
    }


def _settled(k: float) -> int:
    """Return after how many generations naive mixing has 1e-5 of its first error left."""
    return math.ceil(5 * math.log(10) / (2 * math.log1p(k)))


def _gain(model: Model, metric: str, k: float) -> GainExperiment:
    """Return naive mixing against the best weight, averaged over five times the burn-in."""
    first = _settled(k)
    naive, best = (
        Experiment(
            model, FreshReal(n=ROWS, m=round(ROWS / k), w=w), metric, 6 * first, burn_in=first
        )
        for w in (naive_weight(k), optimal_weight(k))
    )
    return GainExperiment(naive, best)


def _covariance_error(w: float, k: float) -> float:
    # real rows alone = 1, in four dimensions with equal variances: b = 4
    m, kept = round(ROWS / k), (1 - w) ** 2
    new = w**2 + kept * (ROWS - 1) / (m - 1)
    return float(_covariance_ratio(new, kept, m, 4))


def flood_claims() -> list[Claim]:
    """Return the claims on the gain of the best weight over naive mixing."""
    normal = Gaussian(np.zeros(4), np.eye(4))
    marital = shipped_counts("marital_status")
    design = np.random.default_rng(1).standard_normal((10, 8))
    schooling = schooling_model()
    rho = schooling.ratio("theta")

    def one(
        id: str,
        k: float,
        statement: str,
        predicted: Callable[[float, float], float],
        experiment: GainExperiment,
        reps: int,
        *,
        code: Sequence[Any],
        status: Literal["exact", "asymptotic"] = "exact",
    ) -> Claim:
        return Claim(
            id,
            statement,
            status,
            "thm-flood",
            "book/experiments/flood",
            lambda: predicted(naive_weight(k), k) / predicted(optimal_weight(k), k),
            experiment,
            reps,
            _wrong(k),
            named(*code, naive_weight, optimal_weight),
        )

    return [
        one(
            "flood-mean",
            0.01,
            "Gaussian mean, 100 real rows and 10,000 synthetic ones: in the long run naive mixing "
            f"has {gain_over_naive(0.01):.3f} times the error of the best weight "
            f"{optimal_weight(0.01):.4f}.",
            error_ratio,
            _gain(normal, "mean", 0.01),
            code=[gain_over_naive, Gaussian],
            reps=2500,
        ),
        one(
            "flood-covariance",
            0.05,
            "Gaussian covariance, 100 real rows and 2000 synthetic ones: the ratio of the exact "
            "closed forms.",
            _covariance_error,
            _gain(normal, "covariance", 0.05),
            code=[AffineRecursion, Gaussian],
            reps=2000,
        ),
        one(
            "flood-frequencies",
            0.05,
            "Frequencies of marital status in Adult, 100 real rows and 2000 synthetic ones: the "
            "ratio of E with contraction 1 - 1/m.",
            lambda w, k: float(error_ratio(w, k, contraction=1 - k / ROWS)),
            _gain(Categorical(marital / marital.sum()), "frequencies", 0.05),
            code=[error_ratio, Categorical],
            reps=4700,
        ),
        one(
            "flood-linear",
            0.02,
            "Linear regression with eight coefficients on a fixed design of ten rows, each "
            "observed 10 times with real and 500 times with synthetic labels: the gain is that of "
            "the mean.",
            error_ratio,
            _gain(LinearRegression(np.ones(8), design=design), "theta", 0.02),
            code=[gain_over_naive, LinearRegression],
            reps=5800,
        ),
        one(
            "flood-logistic",
            0.05,
            "Logistic regression of income on years of education (joint counts of Adult, n = 1 "
            f"and 2 million, m = 20 n), rho = {rho:.3f}: the gain is that of E at k/rho.",
            lambda w, k: float(error_ratio(w, k / rho)),
            GainExperiment(
                *(
                    LargeSampleExperiment(
                        schooling,
                        FreshReal(n=MANY, m=20 * MANY, w=w),
                        steps=3 * _settled(0.05),
                        burn_in=_settled(0.05),
                        chains=1650,
                    )
                    for w in (naive_weight(0.05), optimal_weight(0.05))
                )
            ),
            code=[error_ratio, CountedPopulation],
            reps=16,
            status="asymptotic",
        ),
    ]
