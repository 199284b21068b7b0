"""Claims on linear, logistic and Poisson regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.stats import beta

from lib.claims.base import Claim, Experiment, LargeSampleExperiment, named
from lib.loops import Accumulate, FreshReal, FullySynthetic, Loop
from lib.models import LinearRegression, LogisticRegression, PoissonRegression
from lib.models.glm import GeneralizedLinearModel
from lib.recursion import AccumulatingRecursion, AffineRecursion
from lib.weights import error_ratio, optimal_weight

GOLDEN = optimal_weight(1)

RESOLUTION = 0.03
"""Of asymptotic claims: rows are expensive, and extrapolation leaves a few tenths of 1 %."""


def likelihood_claims() -> list[Claim]:
    """Return the claims of the proof for all likelihoods."""
    logistic = LogisticRegression([0.3, 0.5], intercept=True)
    # the wrong matrix: labels that are thrown like a coin, whatever x is
    coin = np.trace(np.linalg.inv(LogisticRegression([0.0, 0.0], intercept=True).information))
    wrong_unit = float(coin / np.trace(np.linalg.inv(logistic.information)))
    page, theorem = "book/regression/likelihood", "thm-glm"
    return [
        Claim(
            "logistic-fresh-golden",
            "Logistic regression with weight 1/phi: for large n = m the error of the coefficients "
            "settles at 1/phi times tr(I^-1)/n (extrapolated from n = 100 and 200).",
            "asymptotic",
            theorem,
            page,
            lambda: GOLDEN,
            LargeSampleExperiment(logistic, FreshReal(n=100, m=100, w=GOLDEN)),
            code=named(optimal_weight, LogisticRegression),
            reps=440,
            wrong={
                "information at theta = 0": lambda: GOLDEN * wrong_unit,
                "naive mixing": lambda: error_ratio(0.5, 1),
            },
            resolution=RESOLUTION,
        ),
        Claim(
            "poisson-fresh-kl",
            "Poisson regression with half as many synthetic rows (k = 2) and the best weight: for "
            "large n the Kullback-Leibler divergence settles at that weight times d/(2n) "
            "(extrapolated from n = 100 and 200).",
            "asymptotic",
            theorem,
            page,
            lambda: optimal_weight(2),
            LargeSampleExperiment(
                PoissonRegression([0.3, 0.3], intercept=True),
                FreshReal(n=100, m=50, w=optimal_weight(2)),
                metric="kl",
            ),
            code=named(optimal_weight, PoissonRegression),
            reps=360,
            wrong={
                "k forgotten": lambda: error_ratio(optimal_weight(2), 1),
                "real rows alone": lambda: 1.0,
            },
            resolution=RESOLUTION,
        ),
    ]


def linear_claims() -> list[Claim]:
    """Return the claims on linear regression."""
    page = "book/regression/linear"
    x = np.column_stack([np.ones(6), np.arange(6.0)])
    fixed = LinearRegression([1, -2], noise_sd=2.0, design=x)
    line = LinearRegression([1.0])
    plane = LinearRegression([1.0, -1.0], noise_sd=0.5)
    best = 0.7

    def one(
        id: str,
        statement: str,
        model: LinearRegression,
        loop: Loop,
        predicted: Callable[[], float],
        wrong: dict[str, Callable[[], float]],
        *,
        code: Sequence[Any],
        theorem: str,
        steps: int = 60,
        t: int | None = None,
        reps: int,
    ) -> Claim:
        unit = float(model.sampling_noise(loop.n, loop.m)["theta"].real[0])
        experiment = Experiment(model, loop, "theta", steps, t, unit)
        uses = named(*code, LinearRegression)
        return Claim(
            id, statement, "exact", theorem, page, predicted, experiment, reps, wrong, uses
        )

    return [
        one(
            "linear-fixed-golden",
            "A fixed design of 6 rows, labels new at every generation: with weight 1/phi the error "
            "of the coefficients settles at 1/phi times that of least squares on real rows.",
            fixed,
            FreshReal(n=6, m=6, w=GOLDEN),
            lambda: GOLDEN,
            {"naive mixing": lambda: error_ratio(0.5, 1)},
            theorem="thm-linear-fixed",
            code=[optimal_weight, error_ratio],
            reps=20_000,
        ),
        one(
            "linear-fixed-unequal",
            "The same with every row of the design observed twice in synthetic sets (k = 1/2) and "
            "w = 0.3: E(0.3, 1/2).",
            fixed,
            FreshReal(n=6, m=12, w=0.3),
            lambda: error_ratio(0.3, 0.5),
            {"k forgotten": lambda: error_ratio(0.3, 1)},
            theorem="thm-linear-fixed",
            code=[error_ratio],
            reps=20_000,
        ),
        one(
            "linear-fixed-accumulate",
            "The same with all synthetic labels kept: after t generations the error is "
            "1 + 1/4 + ... + 1/(t+1)^2 times that of real rows (t = 10).",
            fixed,
            Accumulate(n=6, m=6),
            lambda: float((1 / np.arange(1.0, 12.0) ** 2).sum()),
            {"the limit": lambda: np.pi**2 / 6},
            theorem="thm-linear-fixed",
            steps=10,
            t=10,
            code=[Accumulate, AccumulatingRecursion],
            reps=200_000,
        ),
        one(
            "linear-random-one",
            "One normal covariate, new at every generation (n = 6, m = 4, w = 0.5): the two "
            "constants of a generation are integrals over a beta distribution.",
            line,
            FreshReal(n=6, m=4, w=0.5),
            lambda: _one_covariate(6, 4, 0.5),
            {"the asymptotic formula": lambda: error_ratio(0.5, 1.5)},
            theorem="thm-linear-random",
            code=[LinearRegression.one_step, AffineRecursion],
            reps=30_000,
        ),
        one(
            "linear-random-two",
            f"Two normal covariates and few rows (n = m = 8, w = {best}): the limit of the scalar "
            "recursion, its two constants computed by quadrature.",
            plane,
            FreshReal(n=8, m=8, w=best),
            lambda: _recursion(plane, FreshReal(n=8, m=8, w=best)),
            {"the asymptotic formula": lambda: error_ratio(best, 1)},
            theorem="thm-linear-random",
            code=[LinearRegression.one_step, AffineRecursion],
            reps=30_000,
        ),
        one(
            "linear-random-fully-synthetic",
            "Two normal covariates, trained on synthetic rows alone (n = m = 10, t = 10): the "
            "error is (t + 1) n/(n - p - 1) times the asymptotic one of real rows.",
            plane,
            FullySynthetic(n=10, m=10),
            lambda: 11 * 10 / 7,
            {"growth t + 1": lambda: 11.0},
            theorem="thm-linear-random",
            steps=10,
            t=10,
            code=[FullySynthetic, AffineRecursion],
            reps=200_000,
        ),
    ]


def _one_covariate(n: int, m: int, w: float) -> float:
    """Limit of the recursion for one covariate, in units of sigma^2 / n, by the beta integrals."""
    law = beta(n / 2, m / 2)

    def mean(function: Callable[[float], float]) -> float:
        value, _ = quad(lambda b: function(b) * law.pdf(b), 0, 1)
        return float(value)

    def scale(b: float) -> float:
        return w * b / n + (1 - w) * (1 - b) / m

    c = mean(lambda b: ((1 - w) * (1 - b) / m / scale(b)) ** 2)
    noise = mean(lambda b: (w**2 * b / n**2 + (1 - w) ** 2 * (1 - b) / m**2) / scale(b) ** 2)
    return n * noise / (n + m - 2) / (1 - c)


def _recursion(model: LinearRegression, loop: FreshReal) -> float:
    unit = float(model.sampling_noise(loop.n, loop.m)["theta"].real[0])
    return float(model.theory(loop)["theta"].limit()) / unit


def misspecification_claims() -> list[Claim]:
    """Return the claims on wrong models."""
    page, theorem = "book/regression/misspecified", "thm-misspecified"
    counts = PoissonRegression([0.5, -0.3], intercept=True, dispersion=1.0)
    labels = LogisticRegression([1.0], link="cauchit")

    def limit(model: GeneralizedLinearModel, w: float) -> float:
        rho = model.misspecification
        return float((rho * w**2 + (1 - w) ** 2) / (w * (2 - w)))

    best = optimal_weight(1 / counts.misspecification)
    return [
        Claim(
            "poisson-overdispersed",
            "A Poisson regression fitted to negative binomial counts, rho = 2.81: at the corrected "
            "weight w*(1/rho) the error settles at rho times that weight (n = m = 100 and 200).",
            "asymptotic",
            theorem,
            page,
            lambda: counts.misspecification * best,
            LargeSampleExperiment(counts, FreshReal(n=100, m=100, w=best)),
            code=named(optimal_weight, GeneralizedLinearModel.ratio, PoissonRegression),
            reps=620,
            wrong={
                "the model is right": lambda: error_ratio(best, 1),
                "golden weight": lambda: limit(counts, GOLDEN),
            },
            resolution=RESOLUTION,
        ),
        Claim(
            "logistic-wrong-link",
            "A logistic regression fitted to labels with a Cauchy link, rho = 1.08: at w = 0.8 the "
            "error about the pseudo-truth settles at the sandwich's value (n = m = 100 and 200).",
            "asymptotic",
            theorem,
            page,
            lambda: limit(labels, 0.8),
            LargeSampleExperiment(labels, FreshReal(n=100, m=100, w=0.8)),
            code=named(error_ratio, GeneralizedLinearModel.ratio, LogisticRegression),
            reps=1850,
            wrong={"the model is right": lambda: error_ratio(0.8, 1)},
            resolution=RESOLUTION,
        ),
    ]
