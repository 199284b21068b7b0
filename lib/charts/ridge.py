"""Ridge regression in the long run, with its sums over directions evaluated in the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

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
from lib.models import RidgeRegression
from lib.models.ridge import _left_out, _noise_let_in

STEPS = 100
"""Weights of a curve: 1/100, ..., 1."""


def ridge_explorer(models: Mapping[str, RidgeRegression]) -> Any:
    """Draw squared bias and variance against w, with sliders for penalty, noise and k.

    Parameters
    ----------
    models : mapping of str to RidgeRegression
        Designs to choose from, by name, with their coefficients. Their own noise and penalty do
        not matter. What no label tells is left out.

    Returns
    -------
    altair.LayerChart
    """
    names = list(models)
    table = pd.concat(
        pd.DataFrame({"name": name, "square": one.squares, "signal": one.signal**2})
        for name, one in models.items()
    )
    chosen = alt.param(
        name="design", value=names[0], bind=alt.binding_radio(options=names, name="design ")
    )
    penalty = _slider("penalty", "penalty λ ", 30, 0, 200, 1)
    noise = _slider("noise", "noise sd ", 1, 0.2, 3, 0.1)
    k = _slider("k", "k = n/m ", 1, 0.1, 4, 0.1)
    square: Any = alt.datum.square
    signal: Any = alt.datum.signal
    w: Any = alt.datum.w
    number: Any = alt.datum.number
    left_out = _left_out(w, square, penalty)
    # a row for each direction and weight; the last weight is golden, for its mark
    at = alt.expr.if_(number > STEPS, weights._optimal_weight(k), number / STEPS)
    sums = (
        alt.Chart(table)
        .transform_filter("datum.name == design")
        .transform_calculate(number=f"sequence(1, {STEPS + 2})")
        .transform_flatten(["number"])
        .transform_calculate(**_js(w=at))
        .transform_calculate(
            **_js(
                bias=signal * left_out * left_out,
                variance=noise * noise * _noise_let_in(w, k, square, penalty),
            )
        )
        .transform_aggregate(bias="sum(bias)", variance="sum(variance)", groupby=["number", "w"])
        .transform_calculate(alone=f"datum.number == {STEPS} ? datum.bias + datum.variance : 0")
        .transform_joinaggregate(unit="sum(alone)")
        .transform_calculate(
            error="(datum.bias + datum.variance) / datum.unit",
            bias="datum.bias / datum.unit",
            variance="datum.variance / datum.unit",
        )
    )
    fields = {"error": "error", "bias": "squared bias", "variance": "variance"}
    series = list(fields.values())
    across = _weight_axis()
    up = alt.Y("error:Q").title("error (real labels alone = 1)").scale(domain=[0, 2])
    curves = (
        sums.transform_filter(f"datum.number <= {STEPS}")
        .transform_fold(list(fields), as_=["field", "height"])
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            alt.Y("height:Q").title("error (real labels alone = 1)").scale(domain=[0, 2]),
            _colour(series, [REAL, GREY, SYNTHETIC]),
            alt.StrokeDash("series:N").scale(domain=series, range=[[1, 0], [6, 3], [2, 2]]),
        )
        .add_params(chosen, penalty, noise, k)
        .properties(name="curves")
    )
    lowest = (
        sums.transform_calculate(last=f"datum.number > {STEPS}")
        .transform_window(left="lag(error)", right="lead(error)", sort=[{"field": "number"}])
        # should the golden weight itself be lowest, its neighbour on the grid is
        .transform_window(place="rank()", sort=[{"field": "last"}, {"field": "error"}])
        .transform_filter("datum.place == 1 || datum.last")
        # the lowest point of the parabola through it and its neighbours, but at w = 1
        .transform_calculate(
            i="datum.last ? 1 : 0",
            inner=f"datum.number < {STEPS}",
            tilt="datum.inner ? datum.left - datum.right : 0",
            bend="datum.left - 2 * datum.error + datum.right",
        )
        .transform_calculate(
            w=f"datum.inner ? datum.w + datum.tilt / datum.bend / {2 * STEPS} : datum.w",
            error="datum.inner ? datum.error - pow(datum.tilt, 2) / datum.bend / 8 : datum.error",
        )
    )
    points, words = _marked_weights(
        lowest, across, up, colours={"best": GOLD, "w*(k)": REAL}, heights=[1.9, 1.75]
    )
    alone = alt.Chart(pd.DataFrame({"error": [1.0]})).mark_rule(strokeDash=[4, 4]).encode(up)
    return _finish(
        alt.layer(alone, curves, points, words).resolve_scale(
            color="independent", shape="independent", strokeDash="independent"
        ),
        "Line chart: limit error of ridge regression against the weight w, in units of real labels "
        "alone, and its two parts, with a choice of designs and sliders for the penalty, the noise "
        "and k. The squared bias falls as w rises; the variance is a bowl with its lowest point at "
        "w*(k) or left of it. Without a penalty there is no bias and the best weight is w*(k); for "
        "larger penalties it first moves a little to the left, then to the right, up to 1.",
        height=320,
    )
