"""A truth that moves: charts with sliders whose formulas are evaluated in the page."""

from __future__ import annotations

import json
from typing import Any

import altair as alt

from lib import drift as drifts
from lib import weights
from lib.charts._theme import (
    GOLD,
    GREY,
    REAL,
    SYNTHETIC,
    _colour,
    _finish,
    _js,
    _marked_weights,
    _slider,
    _weight_axis,
)


def drift_explorer() -> Any:
    """Draw the long-run error and its two parts against w, with sliders for k, q and the age.

    Returns
    -------
    altair.LayerChart
    """
    k = _slider("k", "k = n/m ", 1, 0.05, 4, 0.05)
    q = _slider("q", "drift q ", 0.5, 0, 2, 0.05)
    age = _slider("age", "age of the model ", 1, 1, 12, 1)
    x: Any = alt.datum.w
    fields = {"all": "whole error", "sampling": "sampling", "tracking": "tracking"}
    names = list(fields.values())
    across = _weight_axis()
    # above the curves, which end at 2, is room for words
    up = (
        alt.Y("error:Q")
        .title("error (real rows alone = 1)")
        .scale(domain=[0, 2.5], nice=False)
        .axis(values=[0, 0.5, 1, 1.5, 2])
    )
    curves = (
        alt.Chart(alt.sequence(0.02, 1.001, 0.0025, as_="w"), name="curves")
        .transform_calculate(
            **_js(
                all=weights._error_ratio(x, k + age * q),
                sampling=drifts._sampling_error(x, k),
                tracking=drifts._tracking_error(x, age * q),
            )
        )
        .transform_fold(list(fields), as_=["field", "error"])
        .transform_filter("datum.error <= 2")
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            up,
            _colour(names, [REAL, GREY, SYNTHETIC]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3], [2, 2]]),
        )
        .add_params(k, q, age)
    )
    marks = (
        alt.Chart(alt.sequence(0, 2, as_="i"))
        .transform_calculate(
            **_js(best=weights._optimal_weight(k + age * q), still=weights._optimal_weight(k))
        )
        .transform_calculate(w="[datum.best, datum.still][datum.i]")
        .transform_calculate(**_js(error=weights._error_ratio(x, k + age * q)))
    )
    points, labels = _marked_weights(
        marks,
        across,
        up,
        colours={"best": GOLD, "w*(k)": SYNTHETIC},
        heights=[2.42, 2.22],
    )
    alone = (
        alt.Chart(alt.sequence(0, 1, as_="i")).mark_rule(strokeDash=[4, 4]).encode(y=alt.YDatum(1))
    )
    return _finish(
        alt.layer(alone, curves, points, labels).resolve_scale(
            color="independent", shape="independent", strokeDash="independent"
        ),
        "Line chart: long-run error against the weight w when the truth moves, with its two parts, "
        "sampling and tracking, and sliders for k, the drift q and the age of the model. Tracking "
        "falls in w, to 0 at w = 1. The best weight, a diamond, is to the right of w*(k), the "
        "weight for a truth that stands still; both move together as q goes to 0.",
        height=320,
    )


def misjudged_explorer() -> Any:
    """Draw what a misjudged drift costs against the factor, with sliders for k and q.

    Returns
    -------
    altair.LayerChart
    """
    k = _slider("k", "k = n/m ", 0.1, 0.05, 4, 0.05)
    q = _slider("q", "drift q ", 0.5, 0.05, 2, 0.05)
    factor: Any = alt.datum.factor
    curve = (
        alt.Chart(alt.sequence(-1.3, 1.3001, 0.02, as_="power"), name="curves")
        .transform_calculate(factor="pow(10, datum.power)")
        .transform_calculate(**_js(loss=drifts._misjudged_loss(k + q, k + factor * q)))
        .mark_line(strokeWidth=2.5, clip=True, color=REAL)
        .encode(
            alt.X("factor:Q")
            .title("drift as judged / drift as it is")
            .scale(type="log", domain=[0.05, 20], nice=False)
            .axis(values=[0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20], format="~g"),
            alt.Y("loss:Q").title("error / smallest error").scale(domain=[1, 2.7], nice=False),
            tooltip=[
                alt.Tooltip("factor:Q", format=".3~g"),
                alt.Tooltip("loss:Q", format=".4f"),
            ],
        )
        .add_params(k, q)
    )
    right = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .mark_rule(strokeDash=[4, 4], color=GREY)
        .encode(x=alt.XDatum(1))
    )
    return _finish(
        alt.layer(right, curve),
        "Line chart, logarithmic across: error over the smallest error against the factor by which "
        "the drift is misjudged, from a twentieth to twenty times, with sliders for k and q. The "
        "curve is 1 at the factor 1, flat around it, and lower everywhere for a larger k.",
        height=260,
    )
