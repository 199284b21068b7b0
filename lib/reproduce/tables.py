"""Tidy tables of the paper's figures: error, standard error, and theory beside every point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from lib import _validate
from lib._validate import Array
from lib.models import Gaussian
from lib.optimum import optimum
from lib.provenance import version
from lib.reproduce.panels import SCHEMES, Panel, Run
from lib.reproduce.running import Result
from lib.verify import ALPHA

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
"""Of the replicates' errors in Figure 7."""

COLUMNS = [
    *("figure", "panel", "title", "metric", "statistic", "k", "scheme", "w", "t", "n", "m"),
    *("error", "standard_error", "theory", "status", "estimable"),
    *("reps", "lost", "seed", "source", "version"),
]
"""Of every table; a column that a figure does not need is empty."""


def table(result: Result) -> pd.DataFrame:
    """Return the points of the panels.

    Parameters
    ----------
    result : Result
        From `lib.reproduce.rerun`.

    Returns
    -------
    DataFrame
        A row for every point, with the columns `COLUMNS`. ``statistic`` is "mean" or the name of a
        quantile of the replicates (Figure 7), in which a lost replicate counts as infinite, or
        "gain": error of naive mixing over that of the best weight (Figure 9). ``theory`` is the
        expected value, "exact" or "asymptotic" in n by ``status``, and empty where there is none.
        ``estimable`` is False where the mean of so many replicates does not estimate the
        expectation, and its standard error says nothing.
    """
    rows = [
        {
            "figure": panel.figure,
            "panel": panel.id,
            "title": panel.title,
            "metric": metric,
            "n": run.loop.n,
            "m": run.loop.m,
            "k": run.loop.k,
            "scheme": "",
            "reps": result.reps[run.name],
            "seed": result.seed,
            "source": run.source,
            "version": version(),
        }
        | point
        for panel in result.panels
        for run in panel.runs
        for metric in (panel.metric, *panel.beside)
        for point in _points(panel, run, metric, result.errors[run.name][metric])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _points(panel: Panel, run: Run, metric: str, errors: Array) -> Iterator[dict[str, Any]]:
    if run.burn_in is None:
        yield from _path(run, metric, errors)
    else:
        yield from _averages(panel, run, metric, errors)


def _mean(errors: Array) -> tuple[float, float, int]:
    """Return mean, standard error and number of lost replicates."""
    whole = errors[~np.isnan(errors)]
    lost = errors.size - whole.size
    if whole.size < 2:
        return np.nan, np.nan, lost
    return float(whole.mean()), float(whole.std(ddof=1) / whole.size**0.5), lost


def _status(run: Run, theory: float) -> str:
    return "" if np.isnan(theory) else run.model.status(run.loop)


def _averages(panel: Panel, run: Run, metric: str, errors: Array) -> Iterator[dict[str, Any]]:
    """Yield the errors in the long run at each weight, and in Figure 9 their ratio."""
    theory = run.theory(metric)
    flood = panel.figure == 9
    for row, w in enumerate(run.columns):
        value, error, lost = _mean(errors[row])
        yield {
            "statistic": "mean",
            "scheme": SCHEMES[row] if flood else "",
            "w": w,
            "error": value,
            "standard_error": error,
            "theory": theory[row],
            "status": _status(run, theory[row]),
            "estimable": True,
            "lost": lost,
        }
    if flood:
        yield _gain(run, errors, theory)


def _gain(run: Run, errors: Array, theory: Array) -> dict[str, Any]:
    """Return the ratio of two means over the same replicates, by the delta method."""
    whole = errors[:, ~np.isnan(errors).any(axis=0)]
    naive, best = whole.mean(axis=1)
    ratio = naive / best
    spread = (whole[0] - ratio * whole[1]) / best
    predicted = theory[0] / theory[1]
    return {
        "statistic": "gain",
        "error": ratio,
        "standard_error": spread.std(ddof=1) / spread.size**0.5,
        "theory": predicted,
        "status": _status(run, predicted),
        "estimable": True,
        "lost": errors.shape[1] - whole.shape[1],
    }


def _path(run: Run, metric: str, errors: Array) -> Iterator[dict[str, Any]]:
    """Yield mean and quantiles of a metric at each generation."""
    log_det = metric == "log_det"
    theory = {"mean": run.theory(metric)}
    if log_det:
        assert isinstance(run.model, Gaussian)  # noqa: S101 - no other has this metric
        fits = run.columns.astype(int) + 1
        drift = run.model.log_det_drift(run.loop.n)
        theory["mean"] = fits * drift
        theory["median"] = np.array(
            [run.model.log_det_median(rows=run.loop.n, fits=count) for count in fits.tolist()]
        )
    for place, t in enumerate(run.columns.astype(int).tolist()):
        values = errors[place]
        value, error, lost = _mean(values)
        found = {"mean": (value, error)}
        found |= {name: quantile(values, share) for name, share in QUANTILES.items()}
        for name, (estimate, spread) in found.items():
            expected = theory[name][place] if name in theory else np.nan
            yield {
                "statistic": name,
                "t": t,
                "error": estimate,
                "standard_error": spread,
                "theory": expected,
                "status": "exact" if log_det and name in theory else _status(run, expected),
                "estimable": name != "mean"
                or (not lost and estimable(run, metric, t, values.size)),
                "lost": lost,
            }


def rank(reps: int, share: float) -> int:
    """Return which of the sorted replicates is a quantile, counted from 1."""
    return max(1, int(np.ceil(reps * share)))


def quantile(values: Array, share: float) -> tuple[float, float]:
    """Return a quantile and its standard error; a NaN counts as infinite.

    The quantile is one of the replicates. Its rank has the standard error sqrt(reps p (1-p)), and
    the standard error of the value is half the distance between the replicates at both ends
    (Woodruff 1952): NaN if one of them is infinite.
    """
    ordered = np.sort(np.where(np.isnan(values), np.inf, values))
    place = rank(ordered.size, share) - 1
    reach = max(1, round((ordered.size * share * (1 - share)) ** 0.5))
    low, high = ordered[max(0, place - reach)], ordered[min(ordered.size - 1, place + reach)]
    spread = (high - low) / 2 if np.isfinite(high) and np.isfinite(low) else np.nan
    return float(ordered[place]), float(spread)


TRUSTED = 0.25
"""A standard error that is itself known to so much is trusted."""


def estimable(run: Run, metric: str, t: int, reps: int) -> bool:
    r"""Return whether the mean over so many replicates estimates the expectation at t.

    In the fully synthetic loop the estimated variance is a product of independent
    :math:`\chi^2_\nu/\nu`, so that errors are carried by ever fewer chains. A standard error from
    R replicates of Y is known to about :math:`\sqrt{(\kappa-1)/R}/2`, with
    :math:`\kappa = E Y^4/(E Y^2)^2`. With Y the variance (error of the mean) or its square (error
    of the covariance), :math:`\kappa` is a product of factors :math:`1 + 2i/\nu`, one set for each
    generation.
    """
    powers = {"mean": 1, "covariance": 2}
    if metric not in powers or not isinstance(run.model, Gaussian):
        return True
    steps = 1 + 2 * np.arange(4 * powers[metric]) / (run.loop.m - 1)
    log_kurtosis = t * (np.log(steps).sum() - 2 * np.log(steps[: 2 * powers[metric]]).sum())
    return bool(np.exp(log_kurtosis) - 1 <= reps * (2 * TRUSTED) ** 2)


def optima(result: Result, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return where the errors of Figures 8 and 10 have their minimum.

    Parameters
    ----------
    result : Result
    confidence : float, optional
        Of the intervals.

    Returns
    -------
    DataFrame
        Columns panel, title, metric, w, low, high, confidence, theory, status, reps, seed: the
        best weight, its interval, and where the theoretical curve has its minimum by the same fit.
    """
    rows = []
    for panel in result.panels:
        for run in panel.runs:
            if run.burn_in is None or run.columns.size < 3:
                continue
            for metric in (panel.metric, *panel.beside):
                found = optimum(run.columns, result.errors[run.name][metric], confidence=confidence)
                curve = run.theory(metric)
                # the fit needs replicates: the curve is the same in each
                expected = np.nan if np.isnan(curve).any() else _lowest(run.columns, curve)
                rows.append(
                    {
                        "panel": panel.id,
                        "title": panel.title,
                        "metric": metric,
                        **found._asdict(),
                        "theory": expected,
                        "status": _status(run, expected),
                        "reps": result.reps[run.name],
                        "seed": result.seed,
                    }
                )
    names = [*("panel", "title", "metric", "w", "low", "high", "confidence")]
    return pd.DataFrame(rows, columns=[*names, "theory", "status", "reps", "seed"])


def _lowest(weights: Array, curve: Array) -> float:
    return optimum(weights, np.repeat(curve[:, None], 20, axis=1)).w


class TheoryCheck(NamedTuple):
    """The point of a table that lies farthest from exact theory.

    Attributes
    ----------
    z : float
        Its distance, in standard errors.
    critical : float
        What the largest of so many distances exceeds by chance with probability alpha at most.
    points : int
    """

    z: float
    critical: float
    points: int


def against_theory(table: pd.DataFrame, *, alpha: float = ALPHA) -> TheoryCheck:
    """Hold the means of a table against theory, where that is exact and they are estimable.

    Parameters
    ----------
    table : DataFrame
        From `table` or `lib.reproduce.published`.
    alpha : float, optional
        False-alarm rate of the whole table (Bonferroni).

    Returns
    -------
    TheoryCheck

    Raises
    ------
    ValueError
        If no point has an exact theory.
    """
    means = table["statistic"].isin(["mean", "gain"]) & table["estimable"]
    rows = table[means & (table["status"] == "exact")]
    if rows.empty:
        raise _validate.fail("table", "one with a point whose theory is exact", table)
    z = abs(rows["error"] - rows["theory"]) / rows["standard_error"]
    freedom = int((rows["reps"] - rows["lost"]).min()) - 1
    critical = stats.t.isf(alpha / 2 / len(rows), freedom)
    return TheoryCheck(float(z.max()), float(critical), len(rows))
