"""Claims on regressions and generators whose rows come from real tables."""

from __future__ import annotations

from functools import cache

import numpy as np

from lib.claims.base import Claim, Experiment, LargeSampleExperiment, named
from lib.data import (
    PREDICTORS,
    affairs,
    doctor_visits,
    shipped_bands,
    shipped_counts,
    shipped_income,
    standardised,
)
from lib.loops import FreshReal
from lib.models import ChowLiuTree, CountedPopulation, FixedTree, ResampledCategorical
from lib.weights import error_ratio, optimal_weight, resampled_error_ratio

GOLDEN = optimal_weight(1)

MANY = 10**6
"""Real rows of the claims on regressions: what is left of order 1/n is below 0.01 %."""


@cache
def income_model() -> CountedPopulation:
    """Return the logistic regression of income on the joint counts shipped with the book."""
    table = shipped_income()
    x = standardised(table, PREDICTORS, counts="count")
    return CountedPopulation(x, table["income"], counts=table["count"])


@cache
def visits_model() -> CountedPopulation:
    """Return the Poisson regression of visits to a doctor."""
    table = doctor_visits()
    x = standardised(table, [str(name) for name in table if name != "mdvis"])
    return CountedPopulation(x, table["mdvis"], family="poisson")


@cache
def affairs_model() -> CountedPopulation:
    """Return the logistic regression of affairs."""
    table = affairs()
    x = standardised(table, [str(name) for name in table if name != "affair"])
    return CountedPopulation(x, table["affair"])


def _limit(rho: float, w: float, k: float) -> float:
    return float(rho * error_ratio(w, k / rho))


def population_claims() -> list[Claim]:
    """Return the claims on regressions whose rows come from a table."""
    page, theorem = "book/real-data/adult-income", "thm-population"
    income, visits, women = income_model(), visits_model(), affairs_model()
    rho, counts_rho, kl_rho = income.ratio("theta"), visits.ratio("theta"), women.ratio("kl")
    best, counts_best = optimal_weight(1 / rho), optimal_weight(1 / counts_rho)
    w = optimal_weight(2 / kl_rho)
    return [
        Claim(
            "income-corrected-weight",
            f"Logistic regression of income on the joint counts of Adult, rho = {rho:.2f}: at "
            f"the corrected weight w*(1/rho) = {best:.3f} the error of the coefficients settles "
            "at rho times that weight (n = m = 1 and 2 million).",
            "asymptotic",
            theorem,
            page,
            lambda: rho * best,
            LargeSampleExperiment(
                income, FreshReal(n=MANY, m=MANY, w=best), steps=40, burn_in=10, chains=400
            ),
            code=named(optimal_weight, CountedPopulation),
            reps=40,
            wrong={
                "the model is right": lambda: error_ratio(best, 1),
                "golden weight": lambda: _limit(rho, GOLDEN, 1),
            },
        ),
        Claim(
            "doctor-visits-corrected-weight",
            f"Poisson regression of visits to a doctor, rho = {counts_rho:.2f}: at "
            f"w*(1/rho) = {counts_best:.3f} the error of the coefficients settles at rho times "
            "that weight (n = m = 1 and 2 million).",
            "asymptotic",
            theorem,
            page,
            lambda: counts_rho * counts_best,
            LargeSampleExperiment(
                visits, FreshReal(n=MANY, m=MANY, w=counts_best), steps=30, burn_in=12, chains=700
            ),
            code=named(optimal_weight, CountedPopulation),
            reps=16,
            wrong={
                "the model is right": lambda: error_ratio(counts_best, 1),
                "golden weight": lambda: _limit(counts_rho, GOLDEN, 1),
            },
        ),
        Claim(
            "affairs-log-loss",
            f"Logistic regression of affairs with half as many synthetic rows (k = 2), rho = "
            f"{kl_rho:.3f} for the log-loss: at w*(2/rho) = {w:.3f} the log-loss that is lost "
            "settles at rho times that weight, in units of d/(2n) (n = 1 and 2 million).",
            "asymptotic",
            theorem,
            page,
            lambda: kl_rho * w,
            LargeSampleExperiment(
                women, FreshReal(n=MANY, m=MANY // 2, w=w), "kl", steps=24, burn_in=6, chains=400
            ),
            code=named(optimal_weight, CountedPopulation),
            reps=14,
            wrong={
                "k forgotten": lambda: _limit(kl_rho, w, 1),
                "naive mixing": lambda: _limit(kl_rho, 2 / 3, 2),
            },
        ),
    ]


def tree_claims() -> list[Claim]:
    """Return the claims on Chow-Liu trees."""
    page = "book/real-data/adult-table"
    table = shipped_bands()
    names = [*PREDICTORS, "income"]
    codes = np.column_stack([table[name].cat.codes for name in names]).astype(int)
    sizes = [len(table[name].cat.categories) for name in names]
    learned = ChowLiuTree(codes, counts=table["count"], sizes=sizes)
    fixed = FixedTree(codes, counts=table["count"], sizes=sizes)
    k = 0.5
    best = optimal_weight(k)
    few, half = FreshReal(n=8, m=4, w=0.3), FreshReal(n=10**8, m=2 * 10**8, w=best)
    return [
        Claim(
            "tree-one-way",
            "Six columns of Adult from a tree that is learned anew at every generation (n = 8, "
            "m = 4, w = 0.3): frequencies of categories settle at E with contraction 1 - 1/m, "
            "times the error of the real rows.",
            "exact",
            "thm-tree-margins",
            page,
            lambda: error_ratio(0.3, 2, contraction=1 - 1 / 4),
            Experiment(
                learned,
                few,
                "one_way",
                50,
                unit=float(learned.sampling_noise(8, 4)["one_way"].real[0]),
            ),
            code=named(error_ratio, ChowLiuTree),
            reps=3700,
            wrong={"contraction without 1 - 1/m": lambda: error_ratio(0.3, 2)},
        ),
        Claim(
            "tree-edges",
            "The same columns from a tree with fixed edges (n = 8, m = 4, w = 0.3): so do the "
            "cells of its edge tables.",
            "exact",
            "thm-tree-margins",
            page,
            lambda: error_ratio(0.3, 2, contraction=1 - 1 / 4),
            Experiment(
                fixed, few, "edges", 30, unit=float(fixed.sampling_noise(8, 4)["edges"].real[0])
            ),
            code=named(error_ratio, FixedTree),
            reps=5600,
            wrong={"contraction without 1 - 1/m": lambda: error_ratio(0.3, 2)},
        ),
        Claim(
            "tree-likelihood",
            f"The same tree with {fixed.dim} free parameters, although the table is no tree: the "
            "log-likelihood that is lost settles at d/(2n) times the best weight for k = 1/2 "
            "(n = 10^8 rows).",
            "asymptotic",
            "thm-tree-likelihood",
            page,
            lambda: best,
            Experiment(fixed, half, "kl", 20, unit=fixed.dim / 2 / half.n),
            code=named(optimal_weight, FixedTree),
            reps=760,
            wrong={
                "k forgotten": lambda: error_ratio(best, 1),
                "naive mixing": lambda: error_ratio(k / (k + 1), k),
            },
        ),
    ]


def resampling_claims() -> list[Claim]:
    """Return the claims on weights that are put into effect by drawing rows again."""
    page, theorem = "book/real-data/your-generator", "thm-resampling"
    counts = shipped_counts("education")
    p = counts / counts.sum()

    def exact(n: int, m: int, rows: int, w: float) -> float:
        k, kept = n / m, 1 - 1 / rows
        noise = kept * (w**2 + k * (1 - w) ** 2) + n / rows
        return float(noise / (1 - kept * (1 - 1 / m) * (1 - w) ** 2))

    def experiment(n: int, m: int, rows: int, w: float) -> Experiment:
        model = ResampledCategorical(p, rows)
        unit = float(model.sampling_noise(n, m)["frequencies"].real[0])
        return Experiment(model, FreshReal(n=n, m=m, w=w), "frequencies", 40, unit=unit)

    large = optimal_weight(1.5)
    return [
        Claim(
            "resampled-small",
            "Frequencies of education, weights put into effect by drawing 6 rows again (n = 8, "
            "m = 4, w = 0.5): the exact limit, with its 1 - 1/N.",
            "exact",
            theorem,
            page,
            lambda: exact(8, 4, 6, 0.5),
            experiment(8, 4, 6, 0.5),
            code=named(resampled_error_ratio, ResampledCategorical),
            reps=6000,
            wrong={
                "for large samples": lambda: resampled_error_ratio(0.5, 2, 8 / 6),
                "drawing again is free": lambda: error_ratio(0.5, 2, contraction=3 / 4),
            },
        ),
        Claim(
            "resampled-best-weight",
            "The same with n = m = 1000 and as many rows drawn again as there are, N = 2000, at "
            f"w*(3/2): the exact limit {exact(1000, 1000, 2000, large):.4f}, near that weight plus "
            "1/2 and worse than real rows alone.",
            "exact",
            theorem,
            page,
            lambda: exact(1000, 1000, 2000, large),
            experiment(1000, 1000, 2000, large),
            code=named(resampled_error_ratio, ResampledCategorical),
            reps=3200,
            wrong={"drawing again is free": lambda: error_ratio(large, 1)},
        ),
    ]
