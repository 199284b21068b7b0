"""Real data: Adult, doctor visits, tables, a generator of your own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np

from lib.claims.real_data import income_model, visits_model
from lib.data import (
    ADULT_BANDS,
    PREDICTORS,
    adult_bands,
    adult_counts,
    doctor_visits,
    shipped_income,
    standardised,
)
from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.loops import FreshReal, FullySynthetic, Loop
from lib.models import ChowLiuTree, CountedPopulation, PopulationRegression
from lib.weights import error_ratio, optimal_weight


def _never_worked() -> float:
    counts, _ = adult_counts("workclass")
    return float(counts["Never-worked"] / counts.sum())


def _rare_category_missing() -> float:
    return float((1 - _never_worked()) ** 500)


def _rare_error(w: float) -> float:
    """Return the relative error of the rarest category, 500 real and 5000 synthetic rows."""
    ratio = error_ratio(w, 0.1, contraction=1 - 1 / 5000)
    return math.sqrt(ratio * (1 - _never_worked()) / (500 * _never_worked()))


def _column(ratio: float) -> float:
    """Return an error of marital_status from its ratio to that of 20 real rows."""
    counts, _ = adult_counts("marital_status")
    p = counts / counts.sum()
    return float(ratio * (1 - (p**2).sum()) / p.size / 20)


HALF = float(error_ratio(0.5, 1, contraction=1 - 1 / 20))
"""Limit error of frequencies from 20 real and 20 synthetic rows at w = 1/2; after 12 generations
the error is 3e-8 above it."""

AGE = 1 + list(PREDICTORS).index("age")


@cache
def _without_gain() -> float:
    table = shipped_income()
    fewer = [name for name in PREDICTORS if name != "capital_gain"]
    covariates = standardised(table, fewer, counts="count")
    return CountedPopulation(covariates, table["income"], counts=table["count"]).misspecification


@cache
def _any_visit() -> float:
    visits = doctor_visits()
    covariates = standardised(visits, [str(name) for name in visits if name != "mdvis"])
    return PopulationRegression(covariates, visits["mdvis"] > 0).misspecification


def _constant(real: str = "table", t: int = 5) -> float:
    """Return the squared error of the mean count: 100 rows of each kind, w = 1/2."""
    counts = doctor_visits()["mdvis"].to_numpy(float)
    mean = counts.mean()
    noise = (counts.var() if real == "table" else mean) / 100
    error = noise
    for _ in range(t):
        error = 0.25 * noise + 0.25 * (mean / 100 + error)
    return float(error)


@cache
def _tree() -> ChowLiuTree:
    table, _ = adult_bands()
    codes = np.column_stack([table[name].cat.codes for name in ADULT_BANDS.names])
    return ChowLiuTree(codes, counts=table["count"], sizes=ADULT_BANDS.sizes)


@cache
def _lead() -> float:
    """Return by how much the edge most at risk tells more than its best substitute."""
    tree = _tree()
    told, size = tree.information, len(ADULT_BANDS.names)
    near: list[set[int]] = [set() for _ in range(size)]
    for a, b in tree.edges:
        near[a].add(b)
        near[b].add(a)

    def weakest(a: int, b: int, come_from: int = -1) -> float:
        """Return the least information on the path from a to b, or infinity beside the path."""
        for one in near[a] - {come_from}:
            if one == b:
                return float(told[a, b])
            rest = weakest(one, b, a)
            if rest < math.inf:
                return min(rest, float(told[a, one]))
        return math.inf

    pairs = [(a, b) for a in range(size) for b in range(a) if b not in near[a]]
    return min(weakest(a, b) - float(told[a, b]) for a, b in pairs)


def _trees(loop: Loop, t: int = 12) -> float:
    return float(_tree().theory(loop)["one_way"].path(12)[..., t].item())


def _drawn(w: float = 0.62, rows: float = 40, t: int = 10) -> float:
    """Return the error of a frequency 0.3: 20 real and 20 synthetic rows, some drawn again."""
    v = 0.3 * 0.7
    error = v / 20
    for _ in range(t):
        trained = (w**2 + (1 - w) ** 2) * v / 20 + (1 - w) ** 2 * (1 - 1 / 20) * error
        error = (1 - 1 / rows) * trained + v / rows
    return error


def _golden_cost(rho: float, k: float) -> float:
    """Return how much more the error is at w*(k) than at w*(k / rho)."""
    return float(error_ratio(optimal_weight(k), k / rho) / optimal_weight(k / rho) - 1)


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "adult-missing": Number(
        _rare_category_missing,
        slips={"that is the chance of seeing it": lambda: 1 - _rare_category_missing()},
    ),
    "adult-ceiling": Number(
        lambda: 500.0,
        tolerance=0.001,
        slips={
            "that is how many generations half of the way takes": lambda: (
                math.log(2) / -math.log(1 - 1 / 500)
            )
        },
    ),
    "adult-forgetting": Formula(
        lambda n, t: n * (1 - (1 - 1 / n) ** (t + 1)),
        ((20, 1), (500, 100), (3, 7), (50, 2)),
        properties={
            "at t = 0 it must be 1, the unit": lambda f: abs(f(7, 0) - 1) < 1e-9,
            "a frequency is bounded, so the error must be": lambda f: f(5, 10_000) < 6,
        },
        slips={
            "generation 0 is a sample too": lambda n, t: n * (1 - (1 - 1 / n) ** t),
            "that is a mean; a frequency cannot wander so far": lambda n, t: t + 1,
            "that is in units of v; divide by the error of n real rows": lambda n, t: (
                1 - (1 - 1 / n) ** (t + 1)
            ),
            "the first argument is n, the second t": lambda n, t: t * (1 - (1 - 1 / t) ** (n + 1)),
        },
    ),
    "adult-column": Simulated(
        lambda: _column(HALF),
        discrete=True,
        slips={
            "that is the sum over the categories; take the mean": lambda: 7 * _column(HALF),
            "that is in units of real rows alone; the question is the error itself": lambda: HALF,
            "that is real rows alone": lambda: _column(1.0),
            "that is the fully synthetic loop": lambda: _column(20 * (1 - 0.95**13)),
        },
    ),
    "adult-rare": Number(
        lambda: _rare_error(optimal_weight(0.1, contraction=1 - 1 / 5000)),
        slips={
            "that is real rows alone": lambda: _rare_error(1.0),
            "that is naive mixing": lambda: _rare_error(1 / 11),
            "that is squared": lambda: (
                _rare_error(optimal_weight(0.1, contraction=1 - 1 / 5000)) ** 2
            ),
            "divide by the probability": lambda: (
                _rare_error(optimal_weight(0.1, contraction=1 - 1 / 5000)) * _never_worked()
            ),
        },
    ),
    "income-rows": Number(
        lambda: 500 / optimal_weight(1 / income_model().ratio("kl")),
        slips={
            "that is for a model that is right": lambda: 500 / optimal_weight(1),
            "n is not divided by rho as well": lambda: (
                500 / optimal_weight(1 / income_model().ratio("kl")) / income_model().ratio("kl")
            ),
        },
    ),
    "income-penalty": Formula(
        lambda penalty, w: penalty * w,
        ((0.1, 0.5), (0.02, 0.9), (1, 0.2)),
        properties={
            "with w = 1 the loop is a single fit": lambda f: math.isclose(f(0.3, 1), 0.3),
            "less weight on the real rows shrinks more, so that less is needed": lambda f: (
                f(0.3, 0.1) < f(0.3, 0.9)
            ),
        },
        slips={"that is where the loop with this penalty rests": lambda penalty, w: penalty / w},
    ),
    "income-age": Simulated(
        lambda: float(income_model().sandwich[AGE, AGE]),
        discrete=True,
        slips={
            "those are labels of the model; take the table's": lambda: float(
                income_model().inverse_information[AGE, AGE]
            ),
            "the score itself; multiply it by the inverse information": lambda: float(
                income_model().score_covariance[AGE, AGE]
            ),
        },
    ),
    "income-without": Number(
        _without_gain,
        slips={
            "that is with the gain": lambda: income_model().misspecification,
            "that is for the log-loss, with the gain": lambda: income_model().ratio("kl"),
        },
    ),
    "visits-golden": Number(
        lambda: _golden_cost(visits_model().ratio("theta"), 0.5),
        slips={
            "that is for n = m": lambda: _golden_cost(visits_model().ratio("theta"), 1),
            "that is the ratio of the errors; how much more is it?": lambda: (
                1 + _golden_cost(visits_model().ratio("theta"), 0.5)
            ),
        },
    ),
    "visits-reversed": Number(
        lambda: 0.1,
        slips={
            "k is real over synthetic": lambda: 10.0,
            "that is k / rho; the question is rho": lambda: 1.0,
        },
    ),
    "visits-worth": Formula(
        lambda k, rho: 1 / optimal_weight(k / rho),
        ((1, 2.5), (0.2, 7), (3, 0.8)),
        properties={
            "memory must be worth something: more than 1": lambda f: f(2, 3) > 1,
            "smooth synthetic rows are worth more: it must grow with rho": lambda f: (
                f(1, 4) > f(1, 2)
            ),
        },
        slips={
            "that is for a model that is right": lambda k, rho: 1 / optimal_weight(k),
            "that is the error; with more rows it falls": lambda k, rho: optimal_weight(k / rho),
            "synthetic rows count for more, not for less, if rho > 1": lambda k, rho: (
                1 / optimal_weight(k * rho)
            ),
            "the real rows alone carry rho as well": lambda k, rho: (
                1 / (rho * optimal_weight(k / rho))
            ),
        },
    ),
    "visits-constant": Simulated(
        _constant,
        discrete=True,
        slips={
            "real counts are rows of the table, not Poisson counts": lambda: _constant("model"),
            "that is real rows alone": lambda: _constant(t=0),
        },
    ),
    "visits-any": Number(
        _any_visit,
        slips={"that is for the counts": lambda: visits_model().misspecification},
    ),
    "table-parameters": Number(
        lambda: 11.0,
        tolerance=0.001,
        slips={
            "the root has free parameters too": lambda: 10.0,
            "a distribution on C categories has C - 1": lambda: 16.0,
            "that is for independent columns": lambda: 6.0,
            "that is for the full table of all combinations": lambda: 23.0,
        },
    ),
    "table-gained": Number(
        lambda: 1000 / optimal_weight(0.5),
        slips={
            "that is for n = m": lambda: 1000 / optimal_weight(1),
            "memory is worth more rows, not fewer": lambda: 1000 * optimal_weight(0.5),
        },
    ),
    "table-loss": Formula(
        lambda n, m, d: optimal_weight(n / m) * d / (2 * n),
        ((500, 500, 10), (1000, 4000, 53), (300, 100, 7)),
        properties={
            "twice as many parameters must lose twice as much": lambda f: math.isclose(
                f(300, 200, 20), 2 * f(300, 200, 10)
            ),
            "more synthetic rows must help": lambda f: f(300, 3000, 9) < f(300, 300, 9),
        },
        slips={
            "a divergence is half a squared error": lambda n, m, d: optimal_weight(n / m) * d / n,
            "that is real rows alone": lambda n, m, d: d / (2 * n),
            "that is naive mixing": lambda n, m, d: (n + m) / (n + 2 * m) * d / (2 * n),
            "k is real rows over synthetic ones": lambda n, m, d: (
                optimal_weight(m / n) * d / (2 * n)
            ),
        },
    ),
    "table-trees": Simulated(
        lambda: _trees(FreshReal(n=20, m=10, w=0.4)),
        discrete=True,
        slips={
            "that is generation 0; go on to the last one": lambda: _trees(
                FreshReal(n=20, m=10, w=0.4), 0
            ),
            "that is the fully synthetic loop": lambda: _trees(FullySynthetic(n=20, m=10)),
            "0.4 is the weight of the real rows, not of the synthetic ones": lambda: _trees(
                FreshReal(n=20, m=10, w=0.6)
            ),
        },
    ),
    "table-edges": Number(
        _lead,
        slips={
            "that is the edge with the least information; compare it with its substitute": lambda: (
                min(float(_tree().information[edge]) for edge in _tree().edges)
            ),
            "that is in bits": lambda: _lead() / math.log(2),
        },
    ),
    "generator-rows": Formula(
        lambda k: k + 2,
        ((1,), (0.25,), (3,)),
        properties={
            "with many synthetic rows it must stay finite": lambda f: f(1e-9) < 100,
            "it must be more than the real rows alone": lambda f: f(0.5) > 1,
        },
        slips={
            "that is to be as good as naive mixing": lambda k: (k + 1) * (k + 2) * (k + 3),
            "that is as many rows as there are": lambda k: 1 + 1 / k,
            "that is its inverse, n / N": lambda k: 1 / (k + 2),
        },
    ),
    "generator-drawn": Simulated(
        _drawn,
        discrete=True,
        slips={
            "no rows are drawn again: the fit is from 40 rows": lambda: _drawn(rows=math.inf),
            "that is real rows alone": lambda: _drawn(t=0),
            "0.62 is the weight of the real rows, not of the synthetic ones": lambda: _drawn(0.38),
        },
    ),
    "generator-variance": Number(
        lambda: 1 + 0.5**2 / 0.618,
        tolerance=0.03,
        slips={
            "that is the variance of the rows; a density adds its own smoothing": lambda: (
                1 + 0.5**2 * (1 / 0.618 - 1)
            ),
            "that is smoothed once; synthetic rows have been smoothed before": lambda: 1.25,
        },
    ),
    "generator-ratio": Number(
        lambda: optimal_weight(1),
        tolerance=0.001,
        slips={
            "that is m / n": lambda: 1 / optimal_weight(1),
            "with N = n + m, s is k / (k + 1)": lambda: 2**0.5 - 1,
        },
    ),
}
"""The exercises of this part, by their names in the book."""
