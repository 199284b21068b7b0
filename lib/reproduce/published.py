"""The committed tables of the full-scale run, and whether a new run agrees with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from lib.reproduce.panels import panels
from lib.reproduce.running import Result
from lib.reproduce.tables import COLUMNS, QUANTILES, rank, table
from lib.verify import ALPHA, POWER

TABLES = "lib.tables"
"""The package that holds the tables; see `scripts.figure_tables`."""

POINT = ["panel", "metric", "statistic", "k", "scheme", "w", "t"]
"""The columns that say which point of a figure a row is."""


TEXT = ["scheme", "status", "source"]
"""Columns that may be empty, and are text all the same."""


def _read(name: str) -> pd.DataFrame:
    with (files(TABLES) / name).open(encoding="utf-8") as file:
        found = pd.read_csv(file, dtype=dict.fromkeys(TEXT, str))
    return found.fillna({name: "" for name in TEXT if name in found})


def published(*names: str) -> pd.DataFrame:
    """Return the committed table of some panels.

    Parameters
    ----------
    *names : str
        Figures or panels, such as ``"8"`` or ``"8d"``; all of them by default.

    Returns
    -------
    DataFrame
        As `lib.reproduce.table` gave it at the paper's own numbers of replicates, rounded to seven
        digits.

    Raises
    ------
    ValueError
        If there is no such figure or panel.

    Examples
    --------
    >>> from lib.reproduce import published
    >>> len(published("8a"))
    30
    """
    ids = [panel.id for panel in panels(*names)]
    figures = dict.fromkeys(int(one[:-1]) for one in ids)
    found = pd.concat([_read(f"figure_{figure}.csv") for figure in figures], ignore_index=True)
    return found.loc[found["panel"].isin(ids), COLUMNS].reset_index(drop=True)


def published_optima() -> pd.DataFrame:
    """Return where the committed errors of Figures 8 and 10 have their minimum.

    Returns
    -------
    DataFrame
        As `lib.reproduce.optima` gave it.
    """
    return _read("figure_optima.csv")


def provenance() -> dict[str, Any]:
    """Return how the committed tables were made.

    Returns
    -------
    dict
        date, seed, version, numpy, scipy, python, processor, jobs, minutes, peak_megabytes of a
        worker, and core_seconds and replicates of each run.
    """
    text = (files(TABLES) / "figure_provenance.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@dataclass(frozen=True, eq=False)
class Agreement:
    """Whether two independent runs of the same panels agree.

    Attributes
    ----------
    points : DataFrame
        The columns of `POINT`, error, published, p: the two-sided p-value of every difference.
    detectable : float
        Relative difference of two means that is seen with 99 % power, median over the points.
    alpha : float
        False-alarm rate of the whole comparison.
    """

    points: pd.DataFrame
    detectable: float
    alpha: float

    @property
    def smallest(self) -> float:
        """The smallest p-value, times the number of points (Bonferroni), at most 1."""
        return float(min(1.0, self.points["p"].min() * len(self.points)))

    @property
    def agrees(self) -> bool:
        """Whether no difference is larger than chance allows."""
        return self.smallest >= self.alpha

    def __str__(self) -> str:
        worst = self.points.sort_values("p").iloc[0].to_dict()
        where = ", ".join(
            f"{name} {worst[name]:.3g}" if isinstance(worst[name], float) else str(worst[name])
            for name in POINT
            if worst[name] and worst[name] == worst[name]
        )
        return "\n".join(
            [
                f"compared    {len(self.points)} points",
                f"farthest    {where}",
                f"            {worst['error']:.4g} against {worst['published']:.4g}",
                f"p           {self.smallest:.2g} for the farthest of so many"
                f" (refused below {self.alpha:g})",
                f"detectable  a difference of {self.detectable:.0%} in a mean,"
                f" with power {POWER:g}",
                f"verdict     {'agrees' if self.agrees else 'differs'}",
            ]
        )


def agreement(
    result: Result, other: pd.DataFrame | None = None, *, alpha: float = ALPHA
) -> Agreement:
    """Compare a run with the committed tables, point by point.

    Means are compared by Welch's t. Of a quantile it is counted how many of the new replicates lie
    below it: if both runs are alike, that number has a beta-binomial law whatever the errors'
    law is. Means that do not estimate an expectation are left out, and the error is bounded by
    Bonferroni's inequality, as points of a figure are correlated.

    Parameters
    ----------
    result : Result
        With another seed than the tables', or it is no independent run.
    other : DataFrame, optional
        A table of another run; by default the committed one.
    alpha : float, optional
        False-alarm rate of the whole comparison.

    Returns
    -------
    Agreement

    Raises
    ------
    ValueError
        If both have the same seed, or no point in common.
    """
    mine = table(result)
    theirs = published(*(panel.id for panel in result.panels)) if other is None else other
    both = mine.merge(theirs, on=POINT, suffixes=("", "_published"))
    both = both[both["estimable"] & both["estimable_published"]]
    both = both[np.isfinite(both["error_published"])]
    if both.empty:
        raise ValueError("the run and the table have no point in common")
    if (both["seed"] == both["seed_published"]).any():
        seed = int(both["seed"].iloc[0])
        raise ValueError(f"`result` must be a run of its own; its seed {seed} is the table's")
    quantiles = both["statistic"].isin(QUANTILES)
    p = np.full(len(both), np.nan)
    means = _welch(both[~quantiles], alpha / len(both))
    p[~quantiles] = means["p"]
    p[quantiles] = [_rank_p(result, row) for row in both[quantiles].itertuples()]
    points = both[[*POINT, "error"]].assign(published=both["error_published"], p=p)
    return Agreement(points.dropna(subset="p"), float(means["detectable"].median()), alpha)


def _welch(both: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return p-values of differences of means, and the smallest that could be seen."""
    one, two = both["standard_error"] ** 2, both["standard_error_published"] ** 2
    counts = both["reps"] - both["lost"], both["reps_published"] - both["lost_published"]
    error = np.sqrt(one + two)
    freedom = (one + two) ** 2 / (one**2 / (counts[0] - 1) + two**2 / (counts[1] - 1))
    z: Any = abs(both["error"] - both["error_published"]) / error
    reach = stats.t.isf(alpha / 2, freedom) + stats.t.isf(1 - POWER, freedom)
    return pd.DataFrame(
        {
            "p": 2 * stats.t.sf(z, freedom),
            "detectable": reach * error / abs(both["error_published"]),
        },
        index=both.index,
    )


def _rank_p(result: Result, row: Any) -> float:
    """Return the p-value of how many replicates lie below a quantile of another run."""
    run = next(p for p in result.panels if p.id == row.panel).runs[0]
    place = int(np.flatnonzero(run.columns == row.t)[0])
    values = result.errors[run.name][row.metric][place]
    # a lost replicate has an infinite error; the table's numbers are rounded
    below = int((values < row.error_published).sum())
    place = rank(row.reps_published, QUANTILES[row.statistic])
    law = stats.betabinom(values.size, place, row.reps_published + 1 - place)
    return float(min(1.0, 2 * min(law.cdf(below), law.sf(below - 1))))
