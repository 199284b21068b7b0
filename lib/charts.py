"""The book's charts, in Altair, with one theme for light and dark.

Simulated points carry their uncertainty as bars of two standard errors. Formulas with sliders are
evaluated in the page: the expressions are traced from the same functions of `lib.weights` that
Python calls, so the two cannot drift apart. Every chart has a description, its text alternative.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import pandas as pd

from lib import weights
from lib.models.gaussian import _covariance_ratio

REAL, SYNTHETIC, GOLD, GREY = "#0072b2", "#c04e08", "#b07a00", "#7b8490"
"""Colours of the drawings too: at least 3 : 1 on both backgrounds, apart for colour-blind eyes."""

_LOOPS = {"fully synthetic": SYNTHETIC, "accumulate": GREY, "fixed real": GOLD, "fresh real": REAL}
"""A loop has one colour in every chart."""

_INK: dict[str, dict[str, str]] = {
    "light": {"text": "#323a45", "grid": "#e4e7ea", "line": "#8a929c"},
    "dark": {"text": "#ced6dd", "grid": "#303841", "line": "#8a929c"},
}
_HEIGHT = 280


def theme(mode: Literal["light", "dark"] = "light") -> dict[str, Any]:
    """Return the Vega-Lite configuration of a colour mode.

    Parameters
    ----------
    mode : {"light", "dark"}
        The page's colour mode.

    Returns
    -------
    dict
        Transparent background, text and grid that suit the mode; marks keep their colours.

    Raises
    ------
    ValueError
        If the mode is neither.
    """
    if mode not in _INK:
        raise ValueError(f"`mode` must be 'light' or 'dark'; got {mode!r}")
    ink = _INK[mode]
    text = {"labelColor": ink["text"], "titleColor": ink["text"]}
    return {
        "background": "transparent",
        "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
        "title": {"color": ink["text"], "fontSize": 15, "anchor": "start", "fontWeight": 600},
        "axis": text
        | {
            "gridColor": ink["grid"],
            "domainColor": ink["line"],
            "tickColor": ink["line"],
            "labelFontSize": 12,
            "titleFontSize": 13,
            "titleFontWeight": "normal",
            "labelFlush": False,  # the last label would touch the one before it
        },
        "legend": text
        | {
            "orient": "top",
            "columns": {"expr": "width < 420 ? 2 : 4"},  # four in a row do not fit a phone
            "title": None,
            "labelFontSize": 13,
            "labelLimit": 320,
            "symbolType": "stroke",  # shows a line's dashes
            "symbolSize": 400,
            "symbolStrokeWidth": 2.5,
            "symbolOpacity": 1,
        },
        "view": {"stroke": None},
        "text": {"color": ink["text"], "fontSize": 13},
        "rule": {"color": ink["line"]},
        "range": {"category": [REAL, SYNTHETIC, GOLD, GREY]},
    }


def _finish(chart: Any, description: str, *, height: int = _HEIGHT) -> Any:
    """Give a chart its size, its text alternative and the light theme."""
    return chart.properties(width="container", height=height, description=description).configure(
        **theme("light")
    )


def _slider(name: str, label: str, value: float, low: float, high: float, step: float) -> Any:
    bind = alt.binding_range(min=low, max=high, step=step, name=label)
    return alt.param(name=name, value=value, bind=bind)


def _js(**fields: Any) -> dict[str, str]:
    """Turn traced expressions into Vega's expression language."""
    return {
        name: e.to_dict()["expr"] if isinstance(e, alt.ParameterExpression) else str(e)
        for name, e in fields.items()
    }


def _palette(names: Sequence[str]) -> list[str]:
    return [_LOOPS.get(n, c) for n, c in zip(names, (REAL, SYNTHETIC, GOLD, GREY), strict=False)]


def _colour(names: Sequence[str], colours: Sequence[str]) -> Any:
    return alt.Color("series:N").scale(domain=list(names), range=list(colours))


def _weight_axis() -> Any:
    """Return the horizontal axis of the charts over all weights."""
    axis = alt.Axis(tickCount=10)
    return alt.X("w:Q", axis=axis).title("weight w on the real rows").scale(domain=[0, 1])


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


def loops_explorer() -> Any:
    """Draw the error of all four loops, generation by generation, with sliders for w and k."""
    w, k = _slider("w", "weight w ", 0.62, 0.02, 1, 0.01), _slider("k", "k = n/m ", 1, 0.1, 4, 0.1)
    t: Any = alt.datum.t
    # Gaussian mean, in units of real data alone: see the theorem of the four loops
    fixed = 1 + k * weights._kept(w) / (w * (2 - w))
    fields = {
        "synthetic": "fully synthetic",
        "accumulated": "accumulate",
        "fixed": "fixed real",
        "fresh": "fresh real",
    }
    names = list(fields.values())
    chart = (
        alt.Chart(alt.sequence(0, 31, as_="t"))
        .add_params(w, k)
        .transform_calculate(
            **_js(
                synthetic=1 + k * t,
                # t = 0 contributes the error 1 of the first fit
                increment=alt.expr.if_(t == 0, 1, k / ((k + t) * (k + t))),
                fixed=fixed + weights._kept(w) ** t * (1 - fixed),
                fresh=weights._error_at(t, w, k),
            )
        )
        .transform_window(accumulated="sum(increment)", sort=[{"field": "t"}], frame=[None, 0])
        .transform_fold(list(fields), as_=["field", "error"])
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=2, clip=True)
        .encode(
            alt.X("t:Q").title("generation t"),
            alt.Y("error:Q")
            .title("error (real data alone = 1)")
            .scale(type="log", domain=[0.2, 40], nice=False),
            _colour(names, _palette(names)),
            alt.StrokeDash("series:N").scale(
                domain=names, range=[[6, 3], [2, 2], [10, 3, 2, 3], [1, 0]]
            ),
            tooltip=["series:N", "t:Q", alt.Tooltip("error:Q", format=".4f")],
        )
    )
    return _finish(
        chart,
        "Line chart, logarithmic: error against generation for four training loops, with sliders "
        "for the weight w and the ratio k. Fully synthetic training rises without bound as 1 + kt; "
        "accumulating all data rises to a limit above 1; fixed real data settles at or above 1; "
        "fresh real data settles below 1 for a good weight, at 0.618 for w = 0.618 and k = 1.",
        height=320,
    )


def weight_explorer() -> Any:
    """Draw the error against the weight, with sliders for w, k and the generation t."""
    k = _slider("k", "k = n/m ", 1, 0.05, 4, 0.05)
    w = _slider("w", "weight w ", 0.3, 0.02, 1, 0.01)
    t = _slider("t", "generation t ", 1, 0, 20, 1)
    x: Any = alt.datum.w
    names = ["limit E(w, k)", "error at generation t"]
    across = _weight_axis()
    up = alt.Y("error:Q").title("error (real data alone = 1)").scale(domain=[0, 2])
    curves = (
        alt.Chart(alt.sequence(0.01, 1.001, 0.01, as_="w"), name="curves")
        .transform_calculate(
            **_js(limit=weights._error_ratio(x, k), early=weights._error_at(t, x, k))
        )
        .transform_fold(["limit", "early"], as_=["which", "error"])
        .transform_calculate(series=f"datum.which == 'limit' ? '{names[0]}' : '{names[1]}'")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            up,
            _colour(names, [REAL, GREY]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3]]),
        )
        .add_params(k, w, t)
    )
    names_of_marks = ["best", "naive", "yours"]
    marks = (
        alt.Chart(alt.sequence(0, 3, as_="i"))
        .transform_calculate(**_js(best=weights._optimal_weight(k), naive=weights._naive_weight(k)))
        .transform_calculate(w="[datum.best, datum.naive, w][datum.i]")
        .transform_calculate(
            **_js(error=weights._error_ratio(x, k)), name=f"{names_of_marks}[datum.i]"
        )
        .transform_calculate(
            label="['◆', '■', '●'][datum.i] + ' ' + datum.name + ': w = ' + "
            "format(datum.w, '.3f') + ', E = ' + format(datum.error, '.3f')",
            height="[1.9, 1.75, 1.6][datum.i]",
        )
    )
    points = marks.mark_point(filled=True, size=110, opacity=1, clip=True).encode(
        across,
        up,
        alt.Shape("name:N", legend=None).scale(
            domain=names_of_marks, range=["diamond", "square", "circle"]
        ),
        color=alt.Color("name:N", legend=None).scale(
            domain=names_of_marks, range=[GOLD, SYNTHETIC, REAL]
        ),
    )
    labels = marks.mark_text(align="right", fontSize=14).encode(
        x=alt.XDatum(1), y=alt.Y("height:Q"), text="label:N"
    )
    alone = alt.Chart(pd.DataFrame({"error": [1.0]})).mark_rule(strokeDash=[4, 4]).encode(up)
    return _finish(
        alt.layer(alone, curves, points, labels).resolve_scale(
            color="independent", shape="independent", strokeDash="independent"
        ),
        "Line chart: limit error E(w, k) against the weight w, and the error at generation t, with "
        "sliders for k, w and t. The curve is a bowl whose lowest point, marked best, has height "
        "equal to its own weight: 0.618 at k = 1. Marks show naive mixing and the chosen weight.",
        height=320,
    )


def mean_explorer() -> Any:
    """Draw the error of a mean by generation, with sliders for n, m and w."""
    n = _slider("n", "real rows n ", 100, 10, 1000, 10)
    m = _slider("m", "synthetic rows m ", 400, 10, 1000, 10)
    w = _slider("w", "weight w ", 0.7, 0.02, 1, 0.01)
    t: Any = alt.datum.t
    k = n / m
    fields = {"yours": "your w", "best": "best w*", "naive": "naive n/(n+m)"}
    names = list(fields.values())
    chart = (
        alt.Chart(alt.sequence(0, 21, as_="t"), name="curves")
        .transform_calculate(
            **_js(
                yours=weights._error_at(t, w, k) / n,
                best=weights._error_at(t, weights._optimal_weight(k), k) / n,
                naive=weights._error_at(t, weights._naive_weight(k), k) / n,
            )
        )
        .transform_fold(list(fields), as_=["field", "error"])
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=2, clip=True)
        .encode(
            alt.X("t:Q").title("generation t"),
            alt.Y("error:Q").title("squared error of the mean, for tr Σ = 1").scale(zero=True),
            _colour(names, [REAL, GOLD, SYNTHETIC]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3], [2, 2]]),
            tooltip=["series:N", "t:Q", alt.Tooltip("error:Q", format=".4g")],
        )
        .add_params(n, m, w)
    )
    return _finish(
        chart,
        "Line chart: squared error of a mean against the generation for a chosen weight, the best "
        "weight and naive mixing, with sliders for n, m and w. All start at 1/n; in the long run "
        "the best weight is lowest.",
    )


def covariance_explorer() -> Any:
    """Draw the limit error of the covariance against w, with sliders for n, m and the shape."""
    n = _slider("n", "real rows n ", 20, 4, 200, 1)
    m = _slider("m", "synthetic rows m ", 20, 4, 200, 1)
    b = _slider("b", "(trace)² / Frobenius² ", 2, 1, 10, 0.5)
    x: Any = alt.datum.w
    kept = weights._kept(x)
    new = weights._noise(x, (n - 1) / (m - 1))
    names = ["exact", "asymptotic E(w, n/m)"]
    across = _weight_axis()
    up = alt.Y("error:Q").title("error (real data alone = 1)").scale(domain=[0, 2])
    curves = (
        alt.Chart(alt.sequence(0.01, 1.001, 0.01, as_="w"), name="curves")
        .transform_calculate(
            **_js(
                stable=kept * (m + 1) / (m - 1) < 1,
                exact=_covariance_ratio(new, kept, m, b),
                asymptotic=weights._error_ratio(x, n / m),
            )
        )
        .transform_calculate(exact="datum.stable ? datum.exact : null")
        .transform_fold(["exact", "asymptotic"], as_=["which", "error"])
        .transform_calculate(series=f"datum.which == 'exact' ? '{names[0]}' : '{names[1]}'")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            up,
            _colour(names, [REAL, GREY]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3]]),
        )
        .add_params(n, m, b)
    )
    edge = alt.Chart(alt.sequence(0, 1, as_="i")).transform_calculate(
        **_js(w=1 - alt.expr.sqrt((m - 1) / (m + 1)))
    )
    line = edge.mark_rule(strokeDash=[2, 3], strokeWidth=2, color=SYNTHETIC).encode(across)
    label = edge.mark_text(align="left", dx=5, fontSize=13).encode(
        across, alt.YDatum(0.06), text=alt.value("no limit left of here")
    )
    return _finish(
        alt.layer(line, curves, label),
        "Line chart: limit error of the covariance against the weight w, exact and asymptotic, "
        "with sliders for n, m and the shape of the covariance. At n = m the exact curve lies "
        "above the asymptotic one, most of all for few rows and small w; for m much larger than n "
        "it can lie below. A vertical line marks the weight below which there is no limit.",
    )


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


if os.environ.get("BOOK_CHARTS") == "off":
    # the notebooks of the tests store and compare "alt.LayerChart(...)", not the whole chart
    alt.renderers.register("off", lambda spec, **options: {})
    alt.renderers.enable("off")
