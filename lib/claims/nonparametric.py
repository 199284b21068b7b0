"""Claims on distribution functions, on categories that are lost, and on kernel densities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from lib.claims.base import Claim, Experiment, ExtrapolatedExperiment, named
from lib.loops import Accumulate, FixedReal, FreshReal, FullySynthetic, Loop
from lib.models import Categorical, EmpiricalCDF, KernelDensity, NormalMixture
from lib.models.kernel import SpectralRecursion
from lib.recursion import AccumulatingRecursion, AffineRecursion
from lib.survival import extinction, loss_probability, memory, surviving_rows
from lib.weights import error_ratio, optimal_weight

GOLDEN = optimal_weight(1)
MANY = 10**7
"""Rows of the claims on large samples: terms of order 1/n cannot be seen."""


def cdf_claims() -> list[Claim]:
    """Return the claims on the empirical distribution function."""
    page = "book/nonparametric/distribution-function"
    uniform = EmpiricalCDF()

    def one(
        id: str,
        statement: str,
        loop: Loop,
        predicted: Callable[[], float],
        wrong: dict[str, Callable[[], float]],
        *,
        code: Sequence[Any],
        model: EmpiricalCDF = uniform,
        metric: str = "cdf",
        spread: float = 1 / 6,
        steps: int = 60,
        t: int | None = None,
        reps: int,
    ) -> Claim:
        experiment = Experiment(model, loop, metric, steps, t, spread / loop.n)
        uses, theorem = named(*code, EmpiricalCDF), "thm-cdf"
        return Claim(
            id, statement, "exact", theorem, page, predicted, experiment, reps, wrong, uses
        )

    poisson = stats.poisson(1)
    below = stats.norm.cdf(1.0)
    best = optimal_weight(1, contraction=1 - 1 / 20)
    values = np.arange(40)
    steps_of_poisson = float((poisson.pmf(values) * poisson.cdf(values) * poisson.sf(values)).sum())
    coverage = FreshReal(n=49, m=49, w=GOLDEN), FreshReal(n=196, m=196, w=GOLDEN)
    return [
        one(
            "cdf-fresh-optimum",
            "Distribution function, n = m = 20: at the exact best weight 0.6127 the integrated "
            "error settles at that weight times 1/(6n).",
            FreshReal(n=20, m=20, w=best),
            lambda: best,
            {"naive mixing": lambda: error_ratio(0.5, 1)},
            code=[optimal_weight, error_ratio],
            reps=8000,
        ),
        one(
            "cdf-fresh-small",
            "The same with few rows (n = 8, m = 4, w = 0.1): the contraction is "
            "(1 - 1/m)(1 - w)^2.",
            FreshReal(n=8, m=4, w=0.1),
            lambda: error_ratio(0.1, 2, contraction=0.75),
            {"contraction without 1 - 1/m": lambda: error_ratio(0.1, 2)},
            code=[error_ratio],
            reps=24_000,
        ),
        one(
            "cdf-fully-synthetic",
            "Trained on synthetic rows alone (n = m = 50, t = 20) the integrated error is "
            "(1 - (1 - 1/n)^(t+1))/6, and no more than 1/6.",
            FullySynthetic(n=50, m=50),
            lambda: 50 * (1 - (1 - 1 / 50) ** 21),
            {"linear growth t + 1": lambda: 21.0},
            steps=20,
            t=20,
            code=[FullySynthetic, AffineRecursion],
            reps=70_000,
        ),
        one(
            "cdf-pointwise",
            "At one point, x = 1 of a standard normal, with the same real rows at every "
            "generation (n = m = 20, w = 1/2): 1 / (1 - (1-w)^2 (1 - 1/m)) times F(1-F)/n.",
            FixedReal(n=20, m=20, w=0.5),
            lambda: 1 / (1 - 0.25 * (1 - 1 / 20)),
            {"fresh rows assumed": lambda: error_ratio(0.5, 1)},
            model=EmpiricalCDF(stats.norm(), points=[1.0]),
            metric="cdf(1.0)",
            spread=below * (1 - below),
            steps=24,
            code=[FixedReal, AffineRecursion],
            reps=170_000,
        ),
        one(
            "cdf-accumulate",
            "With all synthetic rows kept (n = m = 10, t = 8) the integrated error is "
            "(1 - (1 - 1/n) prod(1 - 1/(m (1+i)^2)))/6.",
            Accumulate(n=10, m=10),
            lambda: (
                10 * (1 - (1 - 1 / 10) * float(np.prod(1 - 1 / (10 * np.arange(2.0, 10) ** 2))))
            ),
            {"the mean's sum of 1/i^2": lambda: float((1 / np.arange(1.0, 10.0) ** 2).sum())},
            steps=8,
            t=8,
            code=[Accumulate, AccumulatingRecursion],
            reps=90_000,
        ),
        one(
            "cdf-discrete",
            "Poisson counts with mean 1 (n = 20, m = 40, w = 0.3): the unit is sum p F(1-F) = "
            f"{steps_of_poisson:.3f} instead of 1/6, the ratio the same.",
            FreshReal(n=20, m=40, w=0.3),
            lambda: 6 * steps_of_poisson * error_ratio(0.3, 0.5, contraction=1 - 1 / 40),
            {"the law of a continuous F": lambda: error_ratio(0.3, 0.5, contraction=1 - 1 / 40)},
            model=EmpiricalCDF(poisson),
            code=[error_ratio],
            reps=20_000,
        ),
        Claim(
            "cdf-surviving-rows",
            "Trained on synthetic rows alone (n = m = 50), the number of different real values "
            "after t = 20 generations is that of a coalescent.",
            "exact",
            "thm-survivors",
            page,
            lambda: float(surviving_rows(50, 50, 20)[-1]),
            Experiment(uniform, FullySynthetic(n=50, m=50), "distinct", 20, 20),
            code=named(surviving_rows),
            reps=20_000,
            wrong={
                "every generation keeps 1 - 1/e of the values": lambda: 50 * (1 - np.exp(-1)) ** 20,
                "the leading term 2m/t": lambda: 100 / 20,
            },
        ),
        Claim(
            "cdf-band",
            "A band of 0.786 times the usual half-width around F_t (n = m, golden weight) covers "
            "all of F with probability 95 % (extrapolated from n = 49 and 196).",
            "asymptotic",
            "thm-cdf-band",
            page,
            lambda: 0.95,
            ExtrapolatedExperiment(
                *(
                    Experiment(
                        uniform,
                        loop,
                        _Covers(uniform, float(uniform.band(loop, t=5))),
                        steps=5,
                        t=5,
                    )
                    for loop in coverage
                )
            ),
            code=named(EmpiricalCDF.band),
            reps=32_000,
            wrong={
                "the half-width of 1.96 standard errors": lambda: (
                    1 - stats.kstwobign.sf(1.959964 / 2)
                )
            },
        ),
    ]


@dataclass(frozen=True)
class _Covers:
    """1 where the true distribution function lies within the band, else 0."""

    model: EmpiricalCDF
    width: float

    def __call__(self, fit: Any) -> np.ndarray:
        return np.asarray(self.model.error(fit, "supremum") <= self.width, dtype=float)


@dataclass(frozen=True)
class _Lost:
    """1 where the first category has no weight left, else 0."""

    def __call__(self, fit: np.ndarray) -> np.ndarray:
        return np.asarray(fit[..., 0] == 0, dtype=float)


def loss_claims() -> list[Claim]:
    """Return the claims on rare categories that vanish."""
    page = "book/nonparametric/categories"

    def one(
        id: str,
        statement: str,
        status: Any,
        theorem: str,
        p: float,
        loop: Loop,
        predicted: Callable[[], float],
        wrong: dict[str, Callable[[], float]],
        *,
        code: Sequence[Any],
        steps: int,
        t: int | None = None,
        reps: int,
    ) -> Claim:
        experiment = Experiment(Categorical([p, 1 - p]), loop, _Lost(), steps, t)
        uses = named(*code, Categorical)
        return Claim(id, statement, status, theorem, page, predicted, experiment, reps, wrong, uses)

    small = FreshReal(n=40, m=40, w=0.5)
    large = FreshReal(n=MANY, m=2 * MANY, w=0.4)
    return [
        one(
            "loss-fully-synthetic",
            "A category of probability 0.05, trained on synthetic rows alone (n = m = 50): the "
            "probability that it is lost within 20 generations, by the Markov chain of its count.",
            "exact",
            "thm-loss-synthetic",
            0.05,
            FullySynthetic(n=50, m=50),
            lambda: float(loss_probability(0.05, FullySynthetic(n=50, m=50), 20)[-1]),
            {
                "missed by the first sample only": lambda: (1 - 0.05) ** 50,
                "the limit for large samples": lambda: float(
                    np.exp(-2.5 * (1 - extinction(20)[-1]))
                ),
            },
            steps=20,
            t=20,
            code=[loss_probability],
            reps=40_000,
        ),
        one(
            "loss-branching",
            "The same for large samples with n p = 5 and k = 1: exp(-5 (1 - q_20)) with q_20 the "
            "chance that a branching process is extinct (n = m = 10^7).",
            "asymptotic",
            "thm-loss-synthetic",
            5 / MANY,
            FullySynthetic(n=MANY, m=MANY),
            lambda: float(np.exp(-5 * (1 - extinction(20)[-1]))),
            {
                "missed by the first sample only": lambda: float(np.exp(-5)),
                "exp(-2np/t)": lambda: float(np.exp(-10 / 20)),
            },
            steps=20,
            t=20,
            code=[extinction],
            reps=70_000,
        ),
        one(
            "loss-fresh",
            "A category of probability 0.02 beside fresh real rows (n = m = 40, w = 1/2): the "
            "probability that the fit is without it, by the Markov chain of its count.",
            "exact",
            "thm-loss-fresh",
            0.02,
            small,
            lambda: float(loss_probability(0.02, small, 40)[-1]),
            {
                "real rows alone": lambda: (1 - 0.02) ** 40,
                "the limit for large samples": lambda: float(np.exp(-0.8 * memory(0.5, 1))),
            },
            steps=60,
            code=[loss_probability],
            reps=40_000,
        ),
        one(
            "loss-memory",
            "For large samples with n p = 1, k = 1/2 and w = 0.4 the fit is without the category "
            "with probability exp(-M), "
            f"M = {memory(0.4, 0.5):.2f} generations of memory (n = 10^7).",
            "asymptotic",
            "thm-loss-fresh",
            1 / MANY,
            large,
            lambda: float(np.exp(-memory(0.4, 0.5))),
            {
                "real rows alone": lambda: float(np.exp(-1)),
                "the memory of k = 1": lambda: float(np.exp(-memory(0.4, 1))),
            },
            steps=60,
            code=[memory],
            reps=70_000,
        ),
    ]


def kernel_claims() -> list[Claim]:
    """Return the claims on kernel densities."""
    page = "book/nonparametric/kernel-density"
    two = NormalMixture(np.array([0.6, 0.4]), np.array([-1.5, 1.0]), np.array([0.5, 0.8]))
    plain, mixed = KernelDensity(0.4), KernelDensity(0.3, density=two)
    path = FreshReal(n=50, m=25, w=0.6)
    kept = Accumulate(n=10, m=10)
    long = FreshReal(n=20, m=20, w=0.25)
    return [
        Claim(
            "kde-fresh-path",
            "Kernel density of N(0, 1) with h = 0.4 (n = 50, m = 25, w = 0.6): the mean "
            "integrated squared error after 25 generations is 0.009360.",
            "exact",
            "thm-kde",
            page,
            lambda: float(plain.theory(path)["mise"].path(25)[-1]),
            Experiment(plain, path, "mise", 25),
            code=named(KernelDensity, SpectralRecursion),
            reps=7500,
            wrong={
                "bias that does not compound": lambda: _without_compounding(plain, path),
                "real rows alone": lambda: float(
                    plain.theory(FreshReal(n=50, m=25, w=1.0))["mise"].limit()
                ),
            },
        ),
        Claim(
            "kde-accumulate",
            "Kernel density of a mixture with all synthetic rows kept (n = m = 10, h = 0.3, "
            "t = 6): accumulated rows are smoothed again and again.",
            "exact",
            "thm-kde",
            page,
            lambda: float(mixed.theory(kept)["mise"].path(6)[-1]),
            Experiment(mixed, kept, "mise", 6, 6),
            code=named(KernelDensity, SpectralRecursion),
            reps=50_000,
            wrong={
                "the first density": lambda: float(mixed.theory(kept)["mise"].path(1)[0]),
                "the limit": two.roughness,
            },
        ),
        Claim(
            "kde-limit-variance",
            "Kernel density of N(0, 1) with h = 0.8 (n = m = 20, w = 1/4): the second moment of "
            "the density settles at 1 + h^2/w.",
            "exact",
            "thm-kde-limit",
            page,
            lambda: 1 + 0.64 / 0.25,
            Experiment(KernelDensity(0.8), long, "spread", 100),
            code=named(KernelDensity.limit_variance),
            reps=3000,
            wrong={"smoothed once": lambda: 1 + 0.64},
        ),
    ]


def _without_compounding(model: KernelDensity, loop: FreshReal) -> float:
    """Return the limit error with the bias of a single smoothing in place of its own."""
    x = np.linspace(-12, 12, 2401)

    def bias(t: int) -> float:
        apart = model.expected_density(loop, t, x) - model.density.density(x)
        return float((apart**2).sum() * (x[1] - x[0]))

    return float(model.theory(loop)["mise"].limit()) - bias(60) + bias(0)
