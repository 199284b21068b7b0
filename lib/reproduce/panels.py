"""The settings of the paper's Figures 7 to 10, as data.

They are those of the authors' published program (https://github.com/MukaiCodes/Model_Collapse_Codes,
CC0), whose T steps are t = 0, ..., T - 1 in Figures 7 to 9 and t = 1, ..., T in Figure 10.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np

from lib import _validate
from lib._validate import Array
from lib.data import PREDICTORS, adult_counts, adult_income, standardised
from lib.loops import FreshReal, FullySynthetic, Loop
from lib.models import (
    Categorical,
    EmpiricalCDF,
    Gaussian,
    LinearRegression,
    LogisticRegression,
    Model,
    PoissonRegression,
    PopulationRegression,
    ScaledStart,
)
from lib.models.regression import Regression
from lib.simulate import Metric, chunk_sizes
from lib.weights import naive_weight, optimal_weight

WEIGHTS = np.arange(20, 80, 2) / 100
"""Weights of Figures 8 and 10: 0.20, 0.22, ..., 0.78."""

RATIOS = np.arange(1, 20, 2) / 100
"""Ratios k of Figure 9: 0.01, 0.03, ..., 0.19."""

TIMES = np.unique([*range(30), *range(30, 999, 10), 999])
"""Generations of Figure 7 that are kept."""

SCHEMES = ("naive", "optimal")
"""Weights that Figure 9 compares: n/(n+m), and the best."""


@dataclass(frozen=True, eq=False)
class Run:
    """One simulation, from which one panel or several take their errors.

    Attributes
    ----------
    name : str
        Such as ``"8-gaussian"``: the folder of its chunks.
    model : Model
    loop : Loop
    steps : int
        Generations after the first fit.
    reps : int
        Replicates of the paper.
    metrics : mapping of str to str or callable
        What is recorded: names, and metrics of the model or functions of a batch of fits.
    burn_in : int or None
        The error is averaged over t = burn_in, ..., steps; None where paths are kept at `TIMES`.
    source : str
        What the truth comes from, if it is a table.
    data : str
        A digest of that table.
    """

    name: str
    model: Model
    loop: Loop
    steps: int
    reps: int
    metrics: Mapping[str, str | Metric]
    burn_in: int | None
    source: str = "simulated"
    data: str = ""

    @property
    def key(self) -> str:
        """All that decides the numbers of a seed, apart from the code."""
        grid = [] if self.loop.grid is None else self.loop.grid.tolist()
        names = sorted(
            f"{name} = {metric if isinstance(metric, str) else type(metric).__name__}"
            for name, metric in self.metrics.items()
        )
        loop = f"{type(self.loop).__name__} {self.loop.n} {self.loop.m} {grid}"
        when = self.times if self.burn_in is None else f"{self.steps} {self.burn_in}"
        return f"{self.model!r} {self.data} {loop} {when} {names}"

    @property
    def times(self) -> list[int]:
        """Generations whose errors are kept, or averaged."""
        if self.burn_in is None:
            return [int(t) for t in TIMES]
        return list(range(self.burn_in, self.steps + 1))

    @property
    def columns(self) -> Array:
        """What the first axis of the errors runs over: generations, or weights."""
        if self.burn_in is None:
            return TIMES.astype(float)
        grid = self.loop.grid
        return np.array([np.nan]) if grid is None else grid

    def chunks(self, reps: int) -> list[int]:
        """Return the replicates of each chunk: see `lib.simulate.chunk_sizes`."""
        return chunk_sizes(self.model, self.loop, self.steps, reps)

    def theory(self, metric: str) -> Array:
        """Return the expected error of a metric of the model at each of `columns`, or NaN."""
        recursions = self.model.theory(self.loop)
        if metric not in recursions:
            return np.full(self.columns.size, np.nan)
        path = np.atleast_2d(recursions[metric].path(self.steps))
        if self.burn_in is None:
            return np.asarray(path[0, self.columns.astype(int)])
        return np.asarray(path[:, self.burn_in :].mean(axis=-1))

    def seconds(self, reps: int) -> float:
        """Return about how long one core of an ordinary machine takes: for progress only."""
        cells = reps * (1 if self.loop.grid is None else self.loop.grid.size) * self.steps
        rows = self.loop.rows(self.steps)
        fixed, each = next(cost for kind, cost in _COSTS if isinstance(self.model, kind))
        return cells * (fixed + rows * each) * 1e-9


_COSTS: Sequence[tuple[type[Model], tuple[float, float]]] = (
    (EmpiricalCDF, (200, 15)),
    (LogisticRegression, (600, 20)),
    (PoissonRegression, (600, 25)),
    (ScaledStart, (1000, 150)),
    (PopulationRegression, (2000, 90)),
    (Model, (300, 0)),
)
"""Nanoseconds of a generation, and of each row of it."""

Statistic = Literal["average", "path", "ratio"]


@dataclass(frozen=True, eq=False)
class Panel:
    """One panel of a figure.

    Attributes
    ----------
    figure : int
    letter, title : str
    metric : str
        Which of the runs' metrics it shows.
    runs : sequence of Run
        One, or in Figure 9 one for each ratio k.
    beside : sequence of str, optional
        Other metrics of the runs that tell more than the paper's own.
    """

    figure: int
    letter: str
    title: str
    metric: str
    runs: Sequence[Run]
    beside: Sequence[str] = field(default=())

    @property
    def id(self) -> str:
        """Figure and letter, such as ``"8d"``."""
        return f"{self.figure}{self.letter}"


TITLES = (
    "Gaussian mean",
    "Gaussian covariance",
    "distribution function",
    "linear regression",
    "logistic regression",
    "Poisson regression",
)
"""Panels a to f of Figures 7 to 9."""

_NAMES = ("gaussian", "gaussian", "cdf", "linear", "logistic", "poisson")
_METRICS = ("mean", "covariance", "cdf", "theta", "theta", "theta")
_REGRESSIONS: Sequence[type[Regression]] = (
    LinearRegression,
    LogisticRegression,
    PoissonRegression,
)


def _six(figure: int, runs: Callable[[str], Sequence[Run]], **beside: Sequence[str]) -> list[Panel]:
    """Return panels a to f, where a and b share their runs."""
    found = {name: runs(name) for name in dict.fromkeys(_NAMES)}
    return [
        Panel(figure, letter, title, metric, found[name], beside.get(letter, ()))
        for letter, title, name, metric in zip("abcdef", TITLES, _NAMES, _METRICS, strict=True)
    ]


def _collapse() -> list[Panel]:
    p = 4
    models: dict[str, Model] = {
        "gaussian": Gaussian(np.zeros(p), np.eye(p) / p),
        "cdf": EmpiricalCDF(),
    }
    for name, family in zip(_NAMES[3:], _REGRESSIONS, strict=True):
        models[name] = ScaledStart(family, np.ones(p), scale=p**-0.5)
    loop = FullySynthetic(n=100, m=100)

    def run(name: str) -> Sequence[Run]:
        model = models[name]
        extra = ("log_det",) if name == "gaussian" else ()
        metrics = {metric: metric for metric in (*model.metrics, *extra)}
        return [Run(f"7-{name}", model, loop, 999, 1000, metrics, None)]

    return _six(7, run, b=("log_det",))


@cache
def _plane() -> dict[str, Model]:
    """Return the models of Figures 8 and 9, in two dimensions."""
    regressions = dict(zip(_NAMES[3:], (family([1, 1]) for family in _REGRESSIONS), strict=True))
    return {
        "gaussian": Gaussian(np.zeros(2), np.eye(2)),
        "cdf": EmpiricalCDF(),
        **regressions,
    }


def _golden() -> list[Panel]:
    loop = FreshReal(n=100, m=100, w=WEIGHTS)

    def run(name: str) -> Sequence[Run]:
        model = _plane()[name]
        metrics = {metric: metric for metric in model.metrics}
        return [Run(f"8-{name}", model, loop, 199, 2000, metrics, 150)]

    return _six(8, run)


def _flood() -> list[Panel]:
    def run(name: str) -> Iterator[Run]:
        model = _plane()[name]
        metrics = {metric: metric for metric in model.metrics}
        for k in RATIOS:
            # weights of the ratio as it is written, rows rounded down: as in the paper's program
            weights = [naive_weight(k), optimal_weight(k)]
            loop = FreshReal(n=100, m=int(100 / k + 1e-9), w=weights)
            yield Run(f"9-{name}-{k:.2f}", model, loop, 199, 1000, metrics, 150)

    return _six(9, lambda name: list(run(name)))


class RawCoefficients:
    """Squared distance of coefficients in the units of the table, from those of its columns.

    The maximum-likelihood fit to columns in their own units is the same fit, transformed.

    Parameters
    ----------
    target : ndarray, shape (1 + columns,)
        Coefficients of the standardised columns, the constant first.
    mean, sd : ndarray, shape (columns,)
    """

    def __init__(self, target: Array, mean: Array, sd: Array) -> None:
        self.target, self.mean, self.sd = target, mean, sd

    def __call__(self, fit: Array) -> Array:
        """Return the error of a batch of fits."""
        apart = fit - self.target
        slopes = apart[..., 1:] / self.sd
        constant = apart[..., 0] - slopes @ self.mean
        return np.asarray(constant**2 + (slopes**2).sum(axis=-1))


def _adult() -> list[Panel]:
    loop = FreshReal(n=500, m=500, w=WEIGHTS)
    panels = []
    for letter, column in zip("abc", ("workclass", "education", "marital_status"), strict=True):
        counts, source = adult_counts(column)
        model = Categorical(counts / counts.sum())
        metrics = {"frequencies": "frequencies"}
        run = Run(f"10-{column}", model, loop, 100, 1000, metrics, 81, source)
        panels.append(Panel(10, letter, column, "frequencies", [run]))
    income, source = adult_income()
    columns = list(PREDICTORS)
    x = standardised(income, columns, counts="count")
    logistic = PopulationRegression(x, income["income"], counts=income["count"])
    share = income["count"].to_numpy() / income["count"].sum()
    values = income[columns].to_numpy(dtype=float)
    mean = share @ values
    raw = RawCoefficients(logistic.target, mean, np.sqrt(share @ (values - mean) ** 2))
    names: dict[str, Any] = {"theta": "theta", "raw": raw}
    digest = hashlib.sha256(np.ascontiguousarray(np.column_stack([x, share])).tobytes())
    run = Run("10-income", logistic, loop, 100, 1000, names, 81, source, digest.hexdigest()[:16])
    panels.append(Panel(10, "d", "income", "theta", [run], ("raw",)))
    return panels


_FIGURES: Mapping[int, Callable[[], list[Panel]]] = {
    7: _collapse,
    8: _golden,
    9: _flood,
    10: _adult,
}


@cache
def _panels_of(figure: int) -> tuple[Panel, ...]:
    return tuple(_FIGURES[figure]())


def panels(*names: str) -> list[Panel]:
    """Return panels of the paper's figures.

    Parameters
    ----------
    *names : str
        Figures or panels, such as ``"8"`` or ``"8d"``; all of them by default.

    Returns
    -------
    list of Panel
        In the paper's order, each once.

    Raises
    ------
    ValueError
        If there is no such figure or panel.

    Examples
    --------
    >>> from lib.reproduce import panels
    >>> [panel.id for panel in panels("9d", "8d")]
    ['8d', '9d']
    """
    ids = {f"{figure}{letter}" for figure in (7, 8, 9) for letter in "abcdef"}
    ids |= {f"10{letter}" for letter in "abcd"}
    wanted: set[str] = set()
    for name in names or map(str, _FIGURES):
        found = {one for one in ids if one == name or one[:-1] == name}
        if not found:
            allowed = "a figure (7, 8, 9, 10) or one of its panels, such as 8d"
            raise _validate.fail("figure", allowed, name)
        wanted |= found
    return [
        panel
        for figure in _FIGURES
        if any(one[:-1] == str(figure) for one in wanted)
        for panel in _panels_of(figure)
        if panel.id in wanted
    ]
