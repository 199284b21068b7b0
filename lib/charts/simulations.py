"""Charts of simulated numbers, with their uncertainty and the theory beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from lib.charts._theme import REAL, SYNTHETIC, _colour, _finish, _palette


def theory_and_simulation(
    theory: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    simulated: pd.DataFrame,
    *,
    x: str,
    x_title: str,
    y_title: str,
    description: str,
    log: bool = False,
    rule: float | None = None,
) -> Any:
    """Draw theory as lines and simulation as points with bars of two standard errors.

    Parameters
    ----------
    theory : mapping of str to (x, y)
        A curve for a series, or for all of them under a name of its own.
    simulated : DataFrame
        Columns series, `x`, error, standard_error.
    x : str
        Name of the column on the horizontal axis.
    x_title, y_title, description : str
        Axis titles, and the text alternative.
    log : bool, optional
        Logarithmic vertical axis.
    rule : float, optional
        Where to draw a horizontal line, such as the error of real data alone.

    Returns
    -------
    altair.LayerChart
    """
    names = list(dict.fromkeys([*theory, *simulated["series"]]))
    curves = pd.concat(
        [pd.DataFrame({"series": s, x: xs, "error": ys}) for s, (xs, ys) in theory.items()]
    )
    points = simulated.assign(
        low=simulated["error"] - 2 * simulated["standard_error"],
        high=simulated["error"] + 2 * simulated["standard_error"],
    ).round(8)
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    across = alt.X(f"{x}:Q").title(x_title).scale(zero=False, nice=False)
    up = alt.Y("error:Q").title(y_title).scale(scale)
    legend = alt.Legend(symbolSize=90)  # of points, not of lines
    colour = _colour(names, _palette(names)).legend(legend)
    shape = alt.Shape("series:N").scale(domain=names).legend(legend)
    tip = [
        alt.Tooltip("series:N"),
        alt.Tooltip(f"{x}:Q", format=".3g"),
        alt.Tooltip("error:Q", format=".4g"),
        alt.Tooltip("standard_error:Q", format=".2g"),
    ]
    layers = [
        alt.Chart(curves.round(8)).mark_line(strokeWidth=2).encode(across, up, colour),
        alt.Chart(points)
        .mark_rule(strokeWidth=1.5)
        .encode(across, alt.Y("low:Q").scale(scale), alt.Y2("high:Q"), colour),
        alt.Chart(points)
        .mark_point(filled=True, size=36, opacity=1)
        .encode(across, up, colour, shape, tooltip=tip),
    ]
    if rule is not None:
        line = alt.Chart(pd.DataFrame({"error": [rule]})).mark_rule(strokeDash=[4, 4])
        layers.insert(0, line.encode(up))
    return _finish(alt.layer(*layers), description)


def simulated_paths(
    simulated: pd.DataFrame, *, y_title: str, description: str, rule: float | None = None
) -> Any:
    """Draw simulated lines over generations, with bands of two standard errors.

    Parameters
    ----------
    simulated : DataFrame
        Columns series, t, error, standard_error.
    y_title, description : str
        Axis title, and the text alternative.
    rule : float, optional
        Where to draw a horizontal line.

    Returns
    -------
    altair.LayerChart
    """
    names = list(dict.fromkeys(simulated["series"]))
    points = simulated.assign(
        low=simulated["error"] - 2 * simulated["standard_error"],
        high=simulated["error"] + 2 * simulated["standard_error"],
    ).round(6)
    colour = _colour(names, _palette(names))
    base = alt.Chart(points).encode(alt.X("t:Q").title("generation t").scale(nice=False), colour)
    dash = alt.StrokeDash("series:N").scale(
        domain=names, range=[[6, 3], [2, 2], [10, 3, 2, 3], [1, 0]][: len(names)]
    )
    layers = [
        base.mark_area(opacity=0.2).encode(alt.Y("low:Q").title(y_title), alt.Y2("high:Q")),
        base.mark_line(strokeWidth=2).encode(alt.Y("error:Q"), dash),
    ]
    if rule is not None:
        line = alt.Chart(pd.DataFrame({"error": [rule]})).mark_rule(strokeDash=[4, 4])
        layers.insert(0, line.encode(alt.Y("error:Q").title(y_title)))
    return _finish(alt.layer(*layers), description)


def quantile_paths(paths: pd.DataFrame, *, y_title: str, description: str) -> Any:
    """Draw the median and the central 90 % and 50 % of many chains against the generation.

    Parameters
    ----------
    paths : DataFrame
        Columns t, q05, q25, q50, q75, q95, and predicted: a line to hold the median against.
    y_title, description : str
        Axis title, and the text alternative.

    Returns
    -------
    altair.LayerChart
    """
    across = alt.X("t:Q").title("generation t").scale(nice=False)
    base = alt.Chart(paths.round(6)).encode(across)
    names = ["median of the chains", "predicted"]
    return _finish(
        alt.layer(
            base.mark_area(opacity=0.18, color=SYNTHETIC).encode(
                alt.Y("q05:Q").title(y_title), alt.Y2("q95:Q")
            ),
            base.mark_area(opacity=0.25, color=SYNTHETIC).encode(alt.Y("q25:Q"), alt.Y2("q75:Q")),
            base.mark_line(strokeWidth=2.5)
            .transform_calculate(series=f"'{names[0]}'")
            .encode(alt.Y("q50:Q"), _colour(names, [SYNTHETIC, REAL])),
            base.mark_line(strokeWidth=2, strokeDash=[5, 4])
            .transform_calculate(series=f"'{names[1]}'")
            .encode(alt.Y("predicted:Q"), _colour(names, [SYNTHETIC, REAL])),
        ),
        description,
    )


def bars(frame: pd.DataFrame, *, x: str, y: str, x_title: str, description: str) -> Any:
    """Draw labelled horizontal bars, longest first.

    Parameters
    ----------
    frame : DataFrame
    x, y : str
        Columns with the lengths and the names.
    x_title, description : str
        Axis title, and the text alternative.

    Returns
    -------
    altair.LayerChart
    """
    names = frame.sort_values(x, ascending=False)[y].tolist()
    base = alt.Chart(frame).encode(
        alt.X(f"{x}:Q").title(x_title), alt.Y(f"{y}:N").sort(names).title(None)
    )
    text = base.mark_text(align="left", dx=4).encode(text=alt.Text(f"{x}:Q", format=","))
    height = 24 * len(frame)
    return _finish(alt.layer(base.mark_bar(color=REAL), text), description, height=height)


def coupled_paths(paths: pd.DataFrame, *, y_title: str, description: str) -> Any:
    """Draw two chains that run on the same rows, at one of several sample sizes.

    Parameters
    ----------
    paths : DataFrame
        Columns n, t, series (two of them) and value.
    y_title, description : str
        Axis title, and the text alternative.

    Returns
    -------
    altair.Chart
    """
    names = list(dict.fromkeys(paths["series"]))
    sizes = sorted(paths["n"].unique().tolist())
    choice = alt.param(
        name="rows",
        value=sizes[0],
        bind=alt.binding_radio(options=sizes, name="real rows n = m "),
    )
    chart = (
        alt.Chart(paths.round(5), name="curves")
        .transform_filter("datum.n == rows")
        .mark_line(strokeWidth=2)
        .encode(
            alt.X("t:Q").title("generation t").scale(nice=False),
            alt.Y("value:Q").title(y_title),
            _colour(names, [REAL, SYNTHETIC]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [5, 4]]),
            tooltip=["series:N", "t:Q", alt.Tooltip("value:Q", format=".3f")],
        )
        .add_params(choice)
    )
    return _finish(chart, description)


def curves(
    frame: pd.DataFrame,
    *,
    x: str,
    x_title: str,
    y_title: str,
    description: str,
    log: bool = False,
    log_value: bool = False,
    domain: tuple[float, float] | None = None,
) -> Any:
    """Draw exact curves that need no simulation beside them.

    Parameters
    ----------
    frame : DataFrame
        Columns series (at most four of them), `x` and value.
    x : str
        Name of the column on the horizontal axis.
    x_title, y_title, description : str
        Axis titles, and the text alternative.
    log, log_value : bool, optional
        Logarithmic horizontal and vertical axes.
    domain : tuple of float, optional
        Ends of the vertical axis.

    Returns
    -------
    altair.Chart
    """
    names = list(dict.fromkeys(frame["series"]))
    kind: Any = {"type": "log", "nice": False} if log_value else {"zero": False}
    up = alt.Scale(domain=list(domain)) if domain else alt.Scale(**kind)
    chart = (
        alt.Chart(frame.round(8))
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            alt.X(f"{x}:Q").title(x_title).scale(type="log" if log else "linear", nice=False),
            alt.Y("value:Q").title(y_title).scale(up),
            _colour(names, _palette(names)),
            alt.StrokeDash("series:N").scale(
                domain=names, range=[[1, 0], [6, 3], [2, 2], [10, 3, 2, 3]][: len(names)]
            ),
            tooltip=[
                "series:N",
                alt.Tooltip(f"{x}:Q", format=".3g"),
                alt.Tooltip("value:Q", format=".4g"),
            ],
        )
    )
    return _finish(chart, description)
