"""Nonparametric: distribution function, categories, kernel density."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.stats import binom

from lib.data import adult_counts
from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.loops import FreshReal
from lib.models import KernelDensity
from lib.models.kernel import bandwidth_rule
from lib.survival import loss_probability, surviving_rows
from lib.weights import error_ratio, optimal_weight


@cache
def _missing_categories() -> float:
    """Return the expected number of missing categories of education, as the question has it."""
    rows, steps = 500, 100
    counts, _ = adult_counts("education")
    shares = (counts / counts.sum()).to_numpy()
    at = np.arange(rows + 1)
    step = binom.pmf(at, rows, at[:, None] / rows)  # from a row of the matrix to a column
    lost = np.eye(rows + 1)[0]
    for _ in range(steps):
        lost = step @ lost
    return float((binom.pmf(at, rows, shares[:, None]) @ lost).sum())


def _fresh_loss(w: float = 0.2, t: int = 3, ever: bool = False) -> float:
    return float(loss_probability(0.05, FreshReal(n=10, m=50, w=w), t, ever=ever)[-1])


def _kernel_error(kernel: str) -> float:
    model = KernelDensity(0.9, kernel=kernel)
    return float(model.theory(FreshReal(n=40, m=40, w=0.7))["mise"].limit())


def _smoothed(w: float, t: float) -> float:
    return float((1 - (1 - w) ** (t + 1)) / w)


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "cdf-half": Number(
        lambda: 68.0,
        tolerance=0.001,
        slips={"the first fit is a sample too": lambda: 69.0},
    ),
    "cdf-best": Formula(
        lambda n, m: optimal_weight(n / m, contraction=1 - 1 / m),
        ((20, 20), (7, 2), (3, 300), (1000, 50)),
        properties={
            "a weight must lie strictly between 0 and 1": lambda f: all(
                0 < f(n, m) < 1 for n, m in ((2, 2), (2, 5000), (5000, 2))
            ),
            "for large samples it must be the golden weight at n = m": lambda f: (
                abs(f(10**6, 10**6) - optimal_weight(1)) < 1e-5
            ),
            "it must be less than w*(k), as old noise is kept a little less": lambda f: all(
                f(n, m) < optimal_weight(n / m) for n, m in ((5, 5), (4, 10))
            ),
        },
        slips={
            "that is the weight for contraction 1": lambda n, m: optimal_weight(n / m),
            "that is the weight on the synthetic rows": lambda n, m: (
                1 - optimal_weight(n / m, contraction=1 - 1 / m)
            ),
            "the contraction has m, the rows that are drawn, not n": lambda n, m: optimal_weight(
                n / m, contraction=1 - 1 / n
            ),
            "k is n/m": lambda n, m: optimal_weight(m / n, contraction=1 - 1 / m),
        },
    ),
    "cdf-survivors": Simulated(
        lambda: float(surviving_rows(30, 30, 5)[5]),
        slips={
            "the share that survives is not the same in every generation: rows that have many "
            "copies are safer": lambda: 30 * (1 - (1 - 1 / 30) ** 30) ** 5,
            "that is one generation too early": lambda: float(surviving_rows(30, 30, 4)[4]),
            "that is one generation too late": lambda: float(surviving_rows(30, 30, 6)[6]),
            "follow the real row through all generations, not only to the last": lambda: float(
                surviving_rows(30, 30, 1)[1]
            ),
        },
        precision=0.01,
        discrete=True,
    ),
    "cdf-mean": Simulated(
        lambda: float(error_ratio(0.5, 1, contraction=1 - 1 / 20)),
        slips={
            "new real rows are needed at every generation": lambda: 1 / (1 - 0.95 * 0.25),
            "synthetic rows come from the last fit, not from the truth": lambda: 0.5,
            "multiply the squared error by n = 20": lambda: float(
                error_ratio(0.5, 1, contraction=1 - 1 / 20) / 20
            ),
        },
        precision=0.015,
    ),
    "loss-half": Number(
        lambda: 2 / math.log(2),
        slips={"solve 2np/t = ln 2 for t again": lambda: 2 * math.log(2)},
    ),
    "loss-rows": Formula(
        lambda p, eps, memory: math.log(1 / eps) / (memory * p),
        ((0.001, 0.01, 1.75), (0.2, 0.5, 1.0), (1e-5, 1e-6, 4.9)),
        properties={
            "where nothing may be missed (eps near 0) more rows must be needed": lambda f: (
                f(0.01, 1e-9, 2) > f(0.01, 1e-3, 2) > f(0.01, 0.9, 2) > 0
            ),
            "a category half as frequent must need twice as many rows": lambda f: (
                abs(f(0.01, 0.1, 2) / f(0.02, 0.1, 2) - 2) < 1e-9
            ),
            "twice the memory must need half as many rows": lambda f: (
                abs(f(0.01, 0.1, 2) / f(0.01, 0.1, 4) - 2) < 1e-9
            ),
        },
        slips={
            "memory helps: it divides": lambda p, eps, memory: math.log(1 / eps) * memory / p,
            "that is without memory": lambda p, eps, memory: math.log(1 / eps) / p,
            "the logarithm to base e": lambda p, eps, memory: math.log10(1 / eps) / (memory * p),
            "the sign is wrong": lambda p, eps, memory: math.log(eps) / (memory * p),
            "that is exact for rows counted one by one; the question is large samples, where p is "
            "small": lambda p, eps, memory: math.log(eps) / (memory * math.log(1 - p)),
            "the arguments come in the order p, eps, memory": lambda p, eps, memory: (
                math.log(1 / p) / (memory * eps)
            ),
        },
    ),
    "loss-fresh": Simulated(
        _fresh_loss,
        slips={
            "synthetic rows remember: the fit is without the category if both sets are": lambda: (
                0.95**10
            ),
            "the question is the fit of generation 3, not any fit until then": lambda: _fresh_loss(
                ever=True
            ),
            "the real rows of the generation are in the fit too": lambda: _fresh_loss() / 0.95**10,
            "1 stands for a fit without the category": lambda: 1 - _fresh_loss(),
            "that is one generation too early: generation 0 is the first fit": lambda: _fresh_loss(
                t=2
            ),
            "that is one generation too late: generation 0 is the first fit": lambda: _fresh_loss(
                t=4
            ),
            "0.2 is the weight of the real rows, not of the synthetic ones": lambda: _fresh_loss(
                w=0.8
            ),
        },
        precision=0.01,
        discrete=True,
    ),
    "loss-column": Number(
        _missing_categories,
        slips={"that is how many are left": lambda: 16 - _missing_categories()},
        tolerance=0.02,
    ),
    "kde-variance": Number(
        lambda: 3.0,
        slips={
            "that is smoothed once": lambda: 1.5,
            "w is the weight on the real rows": lambda: 1 + 0.5 / 0.75,
        },
    ),
    "kde-smoothed": Formula(
        _smoothed,
        ((0.5, 3), (0.1, 20), (0.9, 1), (0.62, 7)),
        properties={
            "f_0 has been smoothed once, whatever w is": lambda f: all(
                abs(f(w, 0) - 1) < 1e-9 for w in (0.2, 0.7)
            ),
            "with real rows only (w = 1) every fit has been smoothed once": lambda f: all(
                abs(f(1, t) - 1) < 1e-9 for t in (1, 5)
            ),
            "it must grow with t, and tend to 1/w": lambda f: (
                f(0.4, 1) < f(0.4, 2) < f(0.4, 9) < 2.5 and abs(f(0.4, 400) - 2.5) < 1e-9
            ),
        },
        slips={
            "that is the limit; how is it after t generations?": lambda w, t: 1 / w,
            "that is one generation too few": lambda w, t: (1 - (1 - w) ** t) / w,
            "that is the fully synthetic loop": lambda w, t: t + 1,
        },
    ),
    "kde-draw": Simulated(
        lambda: 1 + 0.49 * _smoothed(0.25, 10),
        slips={
            "a draw from f_10 is a row behind it plus a draw from the kernel": lambda: (
                1 + 0.49 * (_smoothed(0.25, 10) - 1)
            ),
            "synthetic rows are draws from the density: they have been smoothed": lambda: 1.49,
            "the row of a draw is chosen with its weight: 1/4 is on the real rows": lambda: (
                1 + 0.49 * _smoothed(0.5, 10)
            ),
        },
    ),
    "kde-kernel": Number(
        lambda: _kernel_error("epanechnikov"),
        slips={"that is the Gaussian kernel's": lambda: _kernel_error("gaussian")},
    ),
    "kde-bandwidth": Number(
        lambda: bandwidth_rule(0.5).bandwidth * (4 / 3 / 5000) ** 0.2 * 2,
        slips={
            "that is the bandwidth for real rows alone": lambda: (4 / 3 / 5000) ** 0.2 * 2,
            "the bandwidth has the unit of the rows": lambda: (
                bandwidth_rule(0.5).bandwidth * (4 / 3 / 5000) ** 0.2
            ),
            "that is the factor for k = 1": lambda: (
                bandwidth_rule(1).bandwidth * (4 / 3 / 5000) ** 0.2 * 2
            ),
        },
    ),
}
"""The exercises of this part, by their names in the book."""
