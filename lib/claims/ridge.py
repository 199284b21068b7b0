"""Claims on ridge regression and minimum-norm interpolation, with columns on both sides of N."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from lib.claims.base import Claim, Experiment, GainExperiment, named
from lib.loops import FreshReal
from lib.models import RidgeRegression
from lib.weights import error_ratio, optimal_weight

GOLDEN = optimal_weight(1)

ROWS, STEPS = 40, 60


@cache
def example_model(columns: int, penalty: float = 0.0) -> RidgeRegression:
    """Return the chapter's model: a design of 40 rows and so many columns of N(0, 1).

    Parameters
    ----------
    columns : int
    penalty : float, optional

    Returns
    -------
    RidgeRegression
        With normal coefficients whose squares sum to about 1.5, and labels of variance 1.
    """
    rng = np.random.default_rng(3)
    design = rng.normal(size=(ROWS, columns))
    theta = rng.normal(size=columns) * (1.5 / columns) ** 0.5
    return RidgeRegression(theta, design=design, penalty=penalty)


def _sum(model: RidgeRegression, m: int, w: float, metric: str = "theta") -> float:
    return float(sum(model.split(ROWS, m, w, metric)))


def _uncompounded(model: RidgeRegression, m: int, w: float, metric: str = "theta") -> float:
    """Return the limit error with the bias of real labels alone."""
    return float(model.split(ROWS, m, 1.0, metric)[0] + model.split(ROWS, m, w, metric)[1])


def _unshrunk(model: RidgeRegression, m: int, w: float, metric: str = "theta") -> float:
    """Return the limit error if synthetic labels were kept from a model that does not shrink."""
    bias = model.split(ROWS, m, w, metric)[0]
    return float(bias + model.split(ROWS, m, 1.0, metric)[1] * error_ratio(w, ROWS / m))


def ridge_claims() -> list[Claim]:
    """Return the claims of the chapter on more parameters than rows."""
    page = "book/beyond/ridge"
    wide, narrow = example_model(60, 3.0), example_model(20, 20.0)
    interpolating, heavy = example_model(60), example_model(60, 300.0)
    noise = RidgeRegression(np.zeros(60), design=wide.design, penalty=300.0)
    inverse = float((1 / interpolating.squares).sum())
    tuned = example_model(20, example_model(20).best_penalty(ROWS))
    plan = example_model(20).best_plan(ROWS, ROWS)
    joint = example_model(20, plan.penalty)

    def at(
        model: RidgeRegression,
        w: float,
        metric: str | Callable[[Any], np.ndarray] = "theta",
        *,
        m: int = ROWS,
        unit: float = 1.0,
    ) -> Experiment:
        return Experiment(model, FreshReal(n=ROWS, m=m, w=w), metric, STEPS, unit=unit)

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

    along = wide.signal / float(wide.signal @ wide.signal)

    def kept(penalty: float) -> float:
        return float(along * wide.squares / (wide.squares + penalty) @ wide.signal)

    return [
        one(
            "ridge-wide",
            "thm-ridge",
            "Ridge regression with 60 columns and 40 rows, penalty 3, weight 0.3: the error of the "
            "coefficients settles at the sum over the directions of the design.",
            lambda: _sum(wide, ROWS, 0.3),
            at(wide, 0.3),
            400,
            {
                "penalty that does not compound": lambda: _uncompounded(wide, ROWS, 0.3),
                "variance that does not shrink": lambda: _unshrunk(wide, ROWS, 0.3),
            },
            RidgeRegression,
            RidgeRegression.split,
        ),
        one(
            "ridge-narrow",
            "thm-ridge",
            "Ridge regression with 20 columns and 40 rows, penalty 20, twice as many synthetic "
            "labels and weight 0.4: the same for the divergence of the labels' law.",
            lambda: _sum(narrow, 2 * ROWS, 0.4, "kl"),
            at(narrow, 0.4, "kl", m=2 * ROWS),
            600,
            {
                "penalty that does not compound": lambda: _uncompounded(
                    narrow, 2 * ROWS, 0.4, "kl"
                ),
                "variance that does not shrink": lambda: _unshrunk(narrow, 2 * ROWS, 0.4, "kl"),
                "k forgotten": lambda: _sum(narrow, ROWS, 0.4, "kl"),
            },
            RidgeRegression,
            RidgeRegression.split,
        ),
        one(
            "ridge-mean",
            "thm-ridge",
            "The same 60 columns, penalty 3 and weight 0.3: on average the fit is that of ridge "
            "regression with the penalty 3/0.3 = 10 (the share of theta that it keeps).",
            lambda: kept(3 / 0.3),
            at(wide, 0.3, lambda fit: fit @ along),
            900,
            {
                "penalty 3": lambda: kept(3.0),
                "no bias": lambda: 1.0,
            },
            RidgeRegression,
        ),
        one(
            "ridge-minimum-norm",
            "thm-minimum-norm",
            "Minimum norm with 60 columns and 40 rows, weight 1/phi: the error beyond what no "
            "label tells settles at 1/phi times that of real labels alone.",
            lambda: GOLDEN,
            at(interpolating, GOLDEN, "seen", unit=inverse),
            2500,
            {
                "naive mixing": lambda: error_ratio(0.5, 1),
                "real labels alone": lambda: 1.0,
            },
            optimal_weight,
            error_ratio,
            RidgeRegression,
        ),
        one(
            "ridge-half",
            "thm-ridge-bounds",
            "Labels of pure noise, penalty 300: weight 0.4, below naive mixing, has a larger error "
            "than 1/2, by the ratio of the two sums.",
            lambda: _sum(noise, ROWS, 0.4) / _sum(noise, ROWS, 0.5),
            GainExperiment(at(noise, 0.4), at(noise, 0.5)),
            1000,
            {
                "E(w, 1), whatever the penalty is": lambda: (
                    error_ratio(0.4, 1) / error_ratio(0.5, 1)
                ),
            },
            RidgeRegression.split,
            RidgeRegression.best_weight,
        ),
        one(
            "ridge-harm",
            "thm-ridge-bounds",
            "60 columns and the penalty 300: synthetic labels at the weight 1/phi do harm, by the "
            "ratio of the two sums.",
            lambda: _sum(heavy, ROWS, GOLDEN) / _sum(heavy, ROWS, 1.0),
            GainExperiment(at(heavy, GOLDEN), at(heavy, 1.0)),
            200,
            {
                "golden, whatever the penalty is": lambda: GOLDEN,
                "neither gain nor harm": lambda: 1.0,
            },
            RidgeRegression.split,
            RidgeRegression.harmful,
        ),
        one(
            "ridge-joint",
            "thm-joint",
            "20 columns, weight and penalty tuned together, against real labels alone with their "
            "own best penalty: the gain is the ratio of the two sums.",
            lambda: _sum(tuned, ROWS, 1.0) / _sum(joint, ROWS, plan.w),
            GainExperiment(at(tuned, 1.0), at(joint, plan.w)),
            1600,
            {
                "no gain once the penalty is tuned": lambda: 1.0,
                "as much as without a penalty": lambda: 1 / GOLDEN,
            },
            RidgeRegression.best_plan,
            RidgeRegression.best_penalty,
        ),
    ]
