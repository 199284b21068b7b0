"""Claims on a truth that moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lib.claims.base import Claim, Experiment, GainExperiment, named
from lib.drift import drifting_weight, error_parts, misjudged_loss, worst_loss
from lib.loops import FreshReal, Loop
from lib.models import DriftingGaussian
from lib.weights import error_ratio, optimal_weight

GOLDEN = optimal_weight(1)


def moving_plane(q: float, n: int) -> DriftingGaussian:
    """Return a normal distribution in two dimensions whose mean moves.

    Parameters
    ----------
    q : float
        Variance of a step, in units of the error of n real rows.
    n : int

    Returns
    -------
    DriftingGaussian
    """
    return DriftingGaussian([0.0, 0.0], [[1.0, 0.5], [0.5, 2.0]], drift=q / n)


def drift_claims() -> list[Claim]:
    """Return the claims of the chapter on a truth that moves."""
    page = "book/beyond/drift"
    n = 50

    def at(q: float, k: float, w: float, steps: int = 60, t: int | None = None) -> Experiment:
        loop: Loop = FreshReal(n=n, m=round(n / k), w=w)
        return Experiment(moving_plane(q, n), loop, "mean", steps, t, unit=3 / n)

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
        uses = named(*code, DriftingGaussian)
        return Claim(
            id, statement, "exact", theorem, page, predicted, experiment, reps, wrong, uses
        )

    best = drifting_weight(1, 0.5)
    early = error_ratio(0.2, 0.25 + 2)
    low, high = optimal_weight(0.25 + 0.515), optimal_weight(0.25 + 7.4)
    return [
        one(
            "drift-best",
            "thm-drift",
            "A mean that moves by q = 1/2 a generation, k = 1, the weight w*(3/2): the error "
            "settles at that weight times the error of real rows alone.",
            lambda: drifting_weight(1, 0.5),
            at(0.5, 1, best),
            8000,
            {
                "drift forgotten": lambda: error_ratio(best, 1),
                "drift counted in full": lambda: error_ratio(best, 1) + 0.5,
                "the golden weight's own value": lambda: GOLDEN,
            },
            drifting_weight,
            error_ratio,
        ),
        one(
            "drift-golden",
            "thm-drift",
            "The same mean and the weight 1/phi of a world that stands still: sampling and "
            "tracking error add up to E(w, 3/2).",
            lambda: sum(error_parts(GOLDEN, 1, 0.5)),
            at(0.5, 1, GOLDEN),
            8000,
            {
                "drift forgotten": lambda: GOLDEN,
                "half the drift": lambda: error_ratio(GOLDEN, 1.25),
                "k times q": lambda: error_ratio(GOLDEN, 0.5),
            },
            error_parts,
            error_ratio,
        ),
        one(
            "drift-path",
            "thm-drift",
            "A fast truth, q = 2, in a flood of synthetic rows, k = 1/4, at the weight 0.2: the "
            "error after three generations.",
            lambda: early + 0.8**6 * (1 - early),
            at(2, 0.25, 0.2, steps=3, t=3),
            160_000,
            {
                "the limit": lambda: early,
                "one step less": lambda: early + 0.8**4 * (1 - early),
                "three steps, none forgotten": lambda: (
                    error_ratio(0.2, 0.25) + 0.8**6 * (1 - error_ratio(0.2, 0.25)) + 6
                ),
            },
            error_ratio,
        ),
        one(
            "drift-misjudged",
            "thm-misjudged",
            "k = 0.25 and a drift of 7.4 that is taken for 0.515, so that k + q is taken for a "
            "tenth of what it is: the error is larger than the best one by the ratio of the "
            "theorem, here the worst there is.",
            lambda: float(misjudged_loss(0.25, 7.4, 0.515)),
            GainExperiment(at(7.4, 0.25, low), at(7.4, 0.25, high)),
            13_000,
            {
                "no loss": lambda: 1.0,
                "its value for small k + q": lambda: (1 + 0.1) / (2 * 0.1**0.5),
                "taken for ten times as much": lambda: float(worst_loss(10)),
            },
            misjudged_loss,
            worst_loss,
        ),
    ]
