"""The paper's Figures 7 to 10: every panel of a figure in one chart, with a choice of panels."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from lib.charts._theme import GOLD, GREY, REAL, SYNTHETIC, _colour, _finish

SCHEME_NAMES = {"naive": "naive mixing", "optimal": "best weight"}


def _choice(points: pd.DataFrame) -> Any:
    """Return a parameter with which a reader picks the panel, a to f."""
    labels = points.drop_duplicates("panel").sort_values("panel")
    ids = labels["panel"].tolist()
    names = [f"{id[-1]}: {title}" for id, title in zip(ids, labels["title"], strict=True)]
    bind = alt.binding_select(options=ids, labels=names, name="panel ")
    return alt.param(name="panel", value=ids[0], bind=bind)


def _shown(frame: pd.DataFrame) -> Any:
    return alt.Chart(frame).transform_filter("datum.panel == panel")


def _digits(points: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Round to six digits, so that the page stays small; what is infinite is left out."""
    rounded: dict[str, Any] = {
        name: [float(f"{value:.6g}") if math.isfinite(value) else None for value in points[name]]
        for name in names
    }
    return points.assign(**rounded)


def collapse_figure(table: pd.DataFrame, *, description: str) -> Any:
    """Draw Figure 7: quantiles, median and mean of the errors of chains without real rows.

    Parameters
    ----------
    table : DataFrame
        From `lib.reproduce.table` or `published`: Figure 7.
    description : str
        The text alternative.

    Returns
    -------
    altair.LayerChart
    """
    shown = table[table["metric"] != "log_det"]
    keys = ["panel", "title", "t"]
    wide = shown.pivot_table(index=keys, columns="statistic", values="error", dropna=False)
    wide = wide.replace(np.inf, np.nan).reset_index().dropna(subset=["q05"])
    # where nearly all chains are lost, there is nothing to hold theory against
    last = wide.groupby("panel")["t"].max()
    means = shown[(shown["statistic"] == "mean") & (shown["t"] <= shown["panel"].map(last))]
    trusted = means[means["estimable"]].assign(series="mean")
    lines = [
        shown[shown["statistic"] == "median"].assign(series="median"),
        trusted,
        means[means["theory"].notna()].assign(series="theory", error=means["theory"]),
    ]
    points = pd.concat(lines)[[*keys, "series", "error"]]
    points = _digits(points[np.isfinite(points["error"]) & (points["error"] > 0)], ["error"])
    bands = _digits(wide, ["q05", "q25", "q75", "q95"])
    names = ["median", "mean", "theory"]
    scale = alt.Scale(type="log", nice=False)
    across = alt.X("t:Q").title("generation t").scale(nice=False)
    powers = "datum.value >= 1e4 || datum.value < 1e-3"
    label = f"format(datum.value, {powers} ? '~e' : '~g')"

    def up(name: str) -> Any:
        return alt.Y(f"{name}:Q").title("squared error").scale(scale).axis(labelExpr=label)

    layers = [
        _shown(bands.dropna(subset=[low, high]))
        .mark_area(opacity=opacity, color=SYNTHETIC)
        .encode(across, up(low), alt.Y2(f"{high}:Q"))
        for low, high, opacity in (("q05", "q95", 0.18), ("q25", "q75", 0.25))
    ]
    dash = alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [1, 0], [6, 4]])
    layers.append(
        _shown(points)
        .mark_line(strokeWidth=2)
        .encode(
            across,
            up("error"),
            _colour(names, [SYNTHETIC, GREY, REAL]),
            dash,
            tooltip=["series:N", "t:Q", alt.Tooltip("error:Q", format=".4g")],
        )
    )
    return _finish(alt.layer(*layers).add_params(_choice(points)), description)


def survival_figure(table: pd.DataFrame, *, description: str) -> Any:
    """Draw the share of chains of Figure 7 whose samples have all had a fit.

    Parameters
    ----------
    table : DataFrame
        Figure 7, as in `collapse_figure`.
    description : str
        The text alternative.

    Returns
    -------
    altair.Chart
    """
    rows = table[table["statistic"] == "mean"].drop_duplicates(["panel", "t"])
    rows = rows.assign(share=1 - rows["lost"] / rows["reps"])
    rows = rows[rows["title"].str.contains("logistic|Poisson|linear")]
    rows = rows.assign(series=rows["title"].str.removesuffix(" regression"))
    names = list(dict.fromkeys(rows["series"]))
    chart = (
        alt.Chart(rows[["series", "t", "share"]])
        .mark_line(strokeWidth=2.5)
        .encode(
            alt.X("t:Q").title("generation t").scale(nice=False),
            alt.Y("share:Q").title("chains that still have a fit").axis(format="%"),
            _colour(names, [REAL, SYNTHETIC, GOLD]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[2, 2], [1, 0], [8, 4]]),
            tooltip=["series:N", "t:Q", alt.Tooltip("share:Q", format=".1%")],
        )
    )
    return _finish(chart, description)


def weight_figure(table: pd.DataFrame, optima: pd.DataFrame, *, description: str) -> Any:
    """Draw Figure 8 or 10: the error against the weight, and where its minimum lies.

    Parameters
    ----------
    table : DataFrame
        From `lib.reproduce.table` or `published`: Figure 8 or 10.
    optima : DataFrame
        From `lib.reproduce.optima` or `published_optima`: the intervals that are shaded.
    description : str
        The text alternative.

    Returns
    -------
    altair.LayerChart
    """
    first = table.drop_duplicates("panel").set_index("panel")["metric"]  # the paper's own error
    rows = table[table["metric"] == table["panel"].map(first)]
    found = optima[optima["metric"] == optima["panel"].map(first)]
    points = _bars_of_two(rows)[["panel", "title", "w", "error", "low", "high", "theory"]]
    points = _digits(points, ["error", "low", "high", "theory"])
    across = alt.X("w:Q").title("weight w on the real rows").scale(zero=False, nice=False)
    up = alt.Y("error:Q").title("squared error").scale(zero=False)
    names = ["simulated", "theory", "minimum, 95 %"]
    colour = _colour(names, [SYNTHETIC, REAL, GOLD])
    inside = found.assign(
        low=found["low"].clip(lower=rows["w"].min()), high=found["high"].clip(upper=rows["w"].max())
    )[["panel", "low", "high", "w"]].round(5)
    layers = [
        _shown(inside)
        .transform_calculate(series=f"'{names[2]}'")
        .mark_rect(opacity=0.3)
        .encode(
            alt.X("low:Q").title("weight w on the real rows"),
            alt.X2("high:Q"),
            colour,
            tooltip=[alt.Tooltip(f"{name}:Q", format=".4f") for name in ("w", "low", "high")],
        ),
        _shown(points)
        .transform_calculate(series=f"'{names[1]}'")
        .mark_line(strokeWidth=2)
        .encode(across, alt.Y("theory:Q").title("squared error"), colour),
        *_simulated(points, across, up, colour, f"'{names[0]}'"),
    ]
    return _finish(alt.layer(*layers).add_params(_choice(points)), description)


def flood_figure(table: pd.DataFrame, *, description: str) -> Any:
    """Draw Figure 9: naive mixing and the best weight against k.

    Parameters
    ----------
    table : DataFrame
        From `lib.reproduce.table` or `published`: Figure 9.
    description : str
        The text alternative.

    Returns
    -------
    altair.LayerChart
    """
    rows = table[table["statistic"] == "mean"]
    rows = rows.assign(series=rows["scheme"].map(SCHEME_NAMES))
    points = _bars_of_two(rows)[["panel", "title", "k", "series", "error", "low", "high", "theory"]]
    points = _digits(points, ["k", "error", "low", "high", "theory"])
    names = list(SCHEME_NAMES.values())
    across = (
        alt.X("k:Q").title("ratio k of real to synthetic rows").scale(nice=False).axis(tickCount=8)
    )
    up = alt.Y("error:Q").title("squared error")
    colour = _colour(names, [SYNTHETIC, REAL])
    dash = alt.StrokeDash("series:N").scale(domain=names, range=[[6, 3], [1, 0]])
    layers = [
        _shown(points)
        .mark_line(strokeWidth=2)
        .encode(across, alt.Y("theory:Q").title("squared error"), colour, dash),
        *_simulated(points, across, up, colour, "datum.series"),
    ]
    return _finish(alt.layer(*layers).add_params(_choice(points)), description)


def gain_figure(table: pd.DataFrame, *, description: str) -> Any:
    """Draw how many times the error of naive mixing is that of the best weight.

    Parameters
    ----------
    table : DataFrame
        Figure 9, as in `flood_figure`.
    description : str
        The text alternative.

    Returns
    -------
    altair.LayerChart
    """
    rows = table[table["statistic"] == "gain"]
    points = _bars_of_two(rows)[["panel", "title", "k", "error", "low", "high", "theory"]]
    points = _digits(points, ["k", "error", "low", "high", "theory"])
    names = ["simulated", "theory"]
    across = (
        alt.X("k:Q").title("ratio k of real to synthetic rows").scale(nice=False).axis(tickCount=8)
    )
    up = alt.Y("error:Q").title("error of naive mixing / best")
    colour = _colour(names, [SYNTHETIC, REAL])
    layers = [
        _shown(points)
        .transform_calculate(series=f"'{names[1]}'")
        .mark_line(strokeWidth=2)
        .encode(across, alt.Y("theory:Q").title("error of naive mixing / best"), colour),
        *_simulated(points, across, up, colour, f"'{names[0]}'"),
    ]
    return _finish(alt.layer(*layers).add_params(_choice(points)), description)


def _bars_of_two(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the ends of bars of two standard errors."""
    reach = 2 * rows["standard_error"]
    return rows.assign(low=rows["error"] - reach, high=rows["error"] + reach)


def _simulated(points: pd.DataFrame, across: Any, up: Any, colour: Any, series: str) -> list[Any]:
    """Return points with their bars."""
    base = _shown(points).transform_calculate(series=series)
    tip = [
        alt.Tooltip(f"{name}:Q", format=".4g")
        for name in (*(c for c in ("w", "k") if c in points), "error", "low", "high", "theory")
    ]
    return [
        base.mark_rule(strokeWidth=1.5).encode(across, alt.Y("low:Q"), alt.Y2("high:Q"), colour),
        base.mark_point(filled=True, size=34, opacity=1).encode(across, up, colour, tooltip=tip),
    ]


def growth_chart(frame: pd.DataFrame, *, description: str) -> Any:
    """Draw how the time grows in one size at a time, with a choice of the size.

    Parameters
    ----------
    frame : DataFrame
        Columns model, factor, size and seconds.
    description : str
        The text alternative.

    Returns
    -------
    altair.Chart
    """
    names = list(dict.fromkeys(frame["model"]))
    factors = list(dict.fromkeys(frame["factor"]))
    bind = alt.binding_radio(options=factors, name="what grows ")
    choice = alt.param(name="grows", value=factors[0], bind=bind)
    colours = [REAL, SYNTHETIC, GOLD, GREY, "#8a4fb0"]
    chart = (
        alt.Chart(frame.rename(columns={"model": "series"}))
        .transform_filter("datum.factor == grows")
        .mark_line(strokeWidth=2.5, point=True)
        .encode(
            alt.X("size:Q")
            .title("size")
            .scale(type="log", nice=False)
            .axis(labelOverlap="greedy", labelSeparation=6),
            alt.Y("seconds:Q").title("seconds of one core").scale(type="log", nice=False),
            _colour(names, colours[: len(names)]),
            alt.StrokeDash("series:N").scale(
                domain=names,
                range=[[1, 0], [6, 3], [2, 2], [10, 3, 2, 3], [12, 4]][: len(names)],
            ),
            tooltip=["series:N", "size:Q", alt.Tooltip("seconds:Q", format=".3g")],
        )
        .add_params(choice)
    )
    return _finish(chart, description)
