"""The charts' theme for light and dark, and what all charts share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt

REAL, SYNTHETIC, GOLD, GREY = "#0072b2", "#b04423", "#c28800", "#7b8490"
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


_SHAPES = {"diamond": "◆", "square": "■", "circle": "●"}


def _marked_weights(
    rows: Any,
    across: Any,
    up: Any,
    *,
    colours: Mapping[str, str],
    heights: Sequence[float],
    digits: str = ".3f",
) -> tuple[Any, Any]:
    """Return points for some weights, and the words that name them at the right of the chart.

    The chart `rows` has a row for each name in `colours`, numbered by i, with w and the error.
    """
    names, shapes = list(colours), list(_SHAPES)[: len(colours)]
    signs = [_SHAPES[shape] for shape in shapes]
    marks = rows.transform_calculate(name=f"{json.dumps(names)}[datum.i]").transform_calculate(
        label=f"{json.dumps(signs)}[datum.i] + ' ' + datum.name + "
        f"': w = ' + format(datum.w, '{digits}') + ', error ' + format(datum.error, '{digits}')",
        height=f"{list(heights)}[datum.i]",
    )
    points = marks.mark_point(filled=True, size=110, opacity=1, clip=True).encode(
        across,
        up,
        alt.Shape("name:N", legend=None).scale(domain=names, range=shapes),
        color=alt.Color("name:N", legend=None).scale(domain=names, range=list(colours.values())),
    )
    words = marks.mark_text(align="right", fontSize=14).encode(
        x=alt.XDatum(1), y=alt.Y("height:Q"), text="label:N"
    )
    return points, words


if os.environ.get("BOOK_CHARTS") == "off":
    # the notebooks of the tests store and compare "alt.LayerChart(...)", not the whole chart
    alt.renderers.register("off", lambda spec, **options: {})
    alt.renderers.enable("off")
