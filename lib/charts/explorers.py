"""Charts with sliders, whose formulas are evaluated in the page.

The expressions are traced from the same functions that Python calls, so the two cannot drift apart.
"""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import pandas as pd

from lib import survival, weights
from lib.charts._theme import (
    GOLD,
    GREY,
    REAL,
    SYNTHETIC,
    _colour,
    _finish,
    _js,
    _marked_weights,
    _palette,
    _slider,
    _weight_axis,
)
from lib.models.gaussian import _covariance_ratio


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
    marks = (
        alt.Chart(alt.sequence(0, 3, as_="i"))
        .transform_calculate(**_js(best=weights._optimal_weight(k), naive=weights._naive_weight(k)))
        .transform_calculate(w="[datum.best, datum.naive, w][datum.i]")
        .transform_calculate(**_js(error=weights._error_ratio(x, k)))
    )
    points, labels = _marked_weights(
        marks,
        across,
        up,
        colours={"best": GOLD, "naive": SYNTHETIC, "yours": REAL},
        heights=[1.9, 1.75, 1.6],
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


def misspecification_explorer() -> Any:
    """Draw the limit error of a wrong model against w, with sliders for rho and k."""
    rho = _slider("rho", "rho ", 2.8, 0.2, 6, 0.1)
    k = _slider("k", "k = n/m ", 1, 0.1, 4, 0.1)
    x: Any = alt.datum.w
    names = ["wrong model", "right model"]
    across = _weight_axis()
    up = alt.Y("error:Q").title("error (n rows of the model = 1)").scale(domain=[0, 4])
    curves = (
        alt.Chart(alt.sequence(0.01, 1.001, 0.01, as_="w"), name="curves")
        .transform_calculate(
            **_js(
                wrong=weights._error_ratio(x, k / rho) * rho,
                right=weights._error_ratio(x, k),
            )
        )
        .transform_fold(["wrong", "right"], as_=["which", "error"])
        .transform_calculate(series=f"datum.which == 'wrong' ? '{names[0]}' : '{names[1]}'")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            up,
            _colour(names, [SYNTHETIC, GREY]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3]]),
        )
        .add_params(rho, k)
    )
    marks = (
        alt.Chart(alt.sequence(0, 2, as_="i"))
        .transform_calculate(
            **_js(
                corrected=weights._optimal_weight(k / rho), uncorrected=weights._optimal_weight(k)
            )
        )
        .transform_calculate(w="[datum.corrected, datum.uncorrected][datum.i]")
        .transform_calculate(**_js(error=weights._error_ratio(x, k / rho) * rho))
    )
    points, labels = _marked_weights(
        marks,
        across,
        up,
        colours={"corrected": GOLD, "uncorrected": REAL},
        heights=[3.8, 3.5],
    )
    return _finish(
        alt.layer(curves, points, labels).resolve_scale(
            color="independent", shape="independent", strokeDash="independent"
        ),
        "Line chart: limit error against the weight w when real rows vary rho times as much as the "
        "fitted model says, beside that of a right model, with sliders for rho and k. For rho "
        "above 1 the lowest point lies to the left of that of the right model; marks show the "
        "corrected weight w*(k/rho) and the uncorrected w*(k), with their errors.",
        height=320,
    )


def resampling_explorer() -> Any:
    """Draw the limit error with rows drawn again against w, with sliders for k and N/n."""
    k = _slider("k", "k = n/m ", 1, 0.1, 4, 0.1)
    times = _slider("times", "rows drawn again, N/n ", 2, 0.5, 30, 0.5)
    x: Any = alt.datum.w
    share = 1 / times
    names = ["drawn again", "weights used"]
    across = _weight_axis()
    up = alt.Y("error:Q").title("error (real data alone = 1)").scale(domain=[0, 3])
    curves = (
        alt.Chart(alt.sequence(0.01, 1.001, 0.01, as_="w"), name="curves")
        .transform_calculate(
            **_js(
                again=weights._resampled_error_ratio(x, k, share),
                used=weights._error_ratio(x, k),
            )
        )
        .transform_fold(["again", "used"], as_=["which", "error"])
        .transform_calculate(series=f"datum.which == 'again' ? '{names[0]}' : '{names[1]}'")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            up,
            _colour(names, [SYNTHETIC, GREY]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3]]),
        )
        .add_params(k, times)
    )
    best = weights._optimal_weight(k + share)
    mark = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(**_js(w=best, error=best + share))
        .transform_calculate(
            label="'◆ w = ' + format(datum.w, '.3f') + ', error ' + format(datum.error, '.3f') "
            "+ (datum.error < 1 ? ': pays' : ': does not pay')"
        )
    )
    point = mark.mark_point(filled=True, size=110, opacity=1, clip=True, shape="diamond").encode(
        across, up, color=alt.value(GOLD)
    )
    label = mark.mark_text(align="right", fontSize=14).encode(
        x=alt.XDatum(1), y=alt.YDatum(2.85), text="label:N"
    )
    rule = (
        alt.Chart(alt.sequence(0, 1, as_="i")).mark_rule(strokeDash=[4, 4]).encode(y=alt.YDatum(1))
    )
    return _finish(
        alt.layer(rule, curves, point, label),
        "Line chart: limit error against the weight w when weights are put into effect by drawing "
        "N rows again, beside that of weights that are used as such, with sliders for k and N/n. "
        "A diamond marks the lowest point, which at k = 1 lies below 1, the error of real data "
        "alone, only if N is more than 3n.",
    )


def size_explorer(
    curves: pd.DataFrame,
    best: pd.DataFrame,
    *,
    series: tuple[str, str],
    label: str,
    y_title: str,
    description: str,
    top: float = 2.0,
) -> Any:
    """Draw the error against w at one of several sample sizes, beside a curve for large samples.

    Parameters
    ----------
    curves : DataFrame
        Columns size, w, error and asymptotic, for each size a curve over w.
    best : DataFrame
        Columns size, w, error: the lowest point of each curve.
    series : tuple of str
        Names of the curve at the chosen size and of that for large samples.
    label, y_title, description : str
        Of the choice of a size and the vertical axis, and the text alternative.
    top : float, optional
        Upper end of the vertical axis.

    Returns
    -------
    altair.LayerChart
    """
    sizes = sorted(curves["size"].unique().tolist())
    rows = alt.param(
        name="rows", value=sizes[0], bind=alt.binding_radio(options=sizes, name=f"{label} ")
    )
    across = _weight_axis()
    up = alt.Y("error:Q").title(y_title).scale(domain=[0, top])
    lines = (
        alt.Chart(curves.round(6), name="curves")
        .transform_filter("datum.size == rows")
        .transform_fold(["error", "asymptotic"], as_=["which", "value"])
        .transform_calculate(series=f"datum.which == 'error' ? '{series[0]}' : '{series[1]}'")
        .mark_line(strokeWidth=2.5, clip=True, interpolate="monotone")
        .encode(
            across,
            alt.Y("value:Q").title(y_title).scale(domain=[0, top]),
            _colour(series, [REAL, GREY]),
            alt.StrokeDash("series:N").scale(domain=list(series), range=[[1, 0], [6, 3]]),
        )
        .add_params(rows)
    )
    marks = (
        alt.Chart(best.round(6))
        .transform_filter("datum.size == rows")
        .transform_calculate(
            label="'◆ lowest: w = ' + format(datum.w, '.3f') + "
            "', error ' + format(datum.error, '.3f')"
        )
    )
    point = marks.mark_point(
        filled=True, size=110, opacity=1, shape="diamond", color=GOLD, clip=True
    ).encode(across, up)
    words = marks.mark_text(align="right", fontSize=14).encode(
        x=alt.XDatum(1), y=alt.YDatum(0.95 * top), text="label:N"
    )
    return _finish(alt.layer(lines, point, words), description, height=320)


def contraction_explorer() -> Any:
    """Draw the exact error of a distribution function against w, with sliders for n and m."""
    n = _slider("n", "real rows n ", 10, 1, 200, 1)
    m = _slider("m", "synthetic rows m ", 5, 1, 200, 1)
    x: Any = alt.datum.w
    names = ["exact", "without 1 - 1/m"]
    across = _weight_axis()
    up = alt.Y("error:Q").title("error (real data alone = 1)").scale(domain=[0, 2])
    curves = (
        alt.Chart(alt.sequence(0.01, 1.001, 0.01, as_="w"), name="curves")
        .transform_calculate(
            **_js(
                exact=weights._error_ratio(x, n / m, 1 - 1 / m),
                without=weights._error_ratio(x, n / m),
            )
        )
        .transform_fold(["exact", "without"], as_=["which", "error"])
        .transform_calculate(series=f"datum.which == 'exact' ? '{names[0]}' : '{names[1]}'")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            up,
            _colour(names, [REAL, GREY]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3]]),
        )
        .add_params(n, m)
    )
    marks = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(**_js(w=weights._optimal_weight(n / m, 1 - 1 / m)))
        .transform_calculate(**_js(error=weights._error_ratio(x, n / m, 1 - 1 / m)))
        .transform_calculate(
            label="'◆ best: w = ' + format(datum.w, '.4f') + "
            "', error ' + format(datum.error, '.4f')"
        )
    )
    point = marks.mark_point(
        filled=True, size=110, opacity=1, shape="diamond", color=GOLD, clip=True
    ).encode(across, up)
    words = marks.mark_text(align="right", fontSize=14).encode(
        x=alt.XDatum(1), y=alt.YDatum(0.08), text="label:N"
    )
    return _finish(
        alt.layer(curves, point, words),
        "Line chart: limit error of a distribution function against the weight w, exact and by the "
        "formula without the factor 1 - 1/m, with sliders for n and m. The exact curve lies below "
        "the other, most of all for few synthetic rows and small w; its lowest point, marked, lies "
        "slightly to the left and has a height equal to its own weight.",
        height=320,
    )


def loss_explorer() -> Any:
    """Draw how likely a rare category is lost by generation, with sliders for np, w and k."""
    rows = _slider("rows", "expected real rows np ", 3, 0.2, 10, 0.2)
    w = _slider("w", "weight w ", 0.62, 0.05, 0.95, 0.01)
    k = _slider("k", "k = n/m ", 1, 0.1, 4, 0.1)
    extinct: Any = alt.datum.extinct
    exp = alt.expr.exp
    fields = {
        "synthetic": "fully synthetic",
        "kept": "first rows kept",
        "fresh": "fresh real, long run",
    }
    names = list(fields.values())
    # what one row's family has come to after t - 1 further generations, from the library
    table = pd.DataFrame({"t": range(1, 61), "extinct": survival.extinction(59)})
    chart = (
        alt.Chart(table, name="curves")
        .transform_calculate(
            **_js(
                synthetic=exp(-rows * (1 - exp((1 / k) * (extinct - 1)))),
                kept=exp(-rows),
                fresh=exp(-rows * survival._memory(w, k, lambda x: 1 - exp(-x), survival.TERMS)),
            )
        )
        .transform_fold(list(fields), as_=["field", "chance"])
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            alt.X("t:Q").title("generation t").scale(nice=False),
            alt.Y("chance:Q").title("probability that it is lost").scale(domain=[0, 1]),
            _colour(names, [SYNTHETIC, GOLD, REAL]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[6, 3], [2, 2], [1, 0]]),
            tooltip=["series:N", "t:Q", alt.Tooltip("chance:Q", format=".4f")],
        )
        .add_params(rows, w, k)
    )
    return _finish(
        chart,
        "Line chart: probability that a rare category has no weight left in the fit, against the "
        "generation, for large samples, with sliders for its expected number of real rows, the "
        "weight w and k. Fully synthetic training loses it sooner or later; accumulated and fixed "
        "real rows have lost it at the start or never; with fresh real rows it is missing less "
        "often than from real rows alone.",
    )


def frequency_explorer() -> Any:
    """Draw the best weight for each frequency of a kernel density, with a slider for k."""
    k = _slider("k", "k = n/m ", 1, 0.1, 4, 0.1)
    x: Any = alt.datum.s
    fields = {"best": "best at this frequency", "golden": "w*(k)", "naive": "naive n/(n+m)"}
    names = list(fields.values())
    chart = (
        alt.Chart(alt.sequence(0, 3.001, 0.05, as_="s"), name="curves")
        .transform_calculate(
            **_js(
                best=weights._optimal_weight(k, alt.expr.exp(-x * x)),
                golden=weights._optimal_weight(k),
                naive=weights._naive_weight(k),
            )
        )
        .transform_fold(list(fields), as_=["field", "w"])
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .mark_line(strokeWidth=2.5)
        .encode(
            alt.X("s:Q").title("frequency times bandwidth").scale(nice=False),
            alt.Y("w:Q").title("weight w on the real rows").scale(domain=[0, 1]),
            _colour(names, [REAL, GOLD, GREY]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3], [2, 2]]),
            tooltip=[
                "series:N",
                alt.Tooltip("s:Q", format=".2f"),
                alt.Tooltip("w:Q", format=".4f"),
            ],
        )
        .add_params(k)
    )
    return _finish(
        chart,
        "Line chart: the weight with the least noise at each frequency of a kernel density, with a "
        "slider for k. It starts at the golden weight w*(k) at frequency 0 and falls to naive "
        "mixing n/(n+m) at frequencies far above one over the bandwidth.",
    )


def generation_explorer(
    curves: pd.DataFrame, *, x_title: str, y_title: str, description: str, steps: bool = False
) -> Any:
    """Draw curves at one generation, with a slider over all of them.

    Parameters
    ----------
    curves : DataFrame
        Columns t, x, and one for each curve, named as in the legend; at most four.
    x_title, y_title, description : str
        Axis titles, and the text alternative.
    steps : bool, optional
        Whether the curves are step functions.

    Returns
    -------
    altair.Chart
    """
    names: list[Any] = [name for name in curves.columns if name not in ("t", "x")]
    # Vega reads a dot in the name of a column as a path
    fields: dict[Any, Any] = {name: f"curve{i}" for i, name in enumerate(names)}
    generations = curves["t"].unique().tolist()
    each = generations[1] - generations[0]
    t = _slider("t", "generation t ", generations[0], generations[0], generations[-1], each)
    top = float(curves[names].max().max())
    chart = (
        alt.Chart(curves.rename(columns=fields).round(4), name="curves")
        .transform_filter("datum.t == t")
        .transform_fold(list(fields.values()), as_=["field", "height"])
        .transform_calculate(
            series=f"{json.dumps({field: name for name, field in fields.items()})}[datum.field]"
        )
        .mark_line(strokeWidth=2, interpolate="step-after" if steps else "linear")
        .encode(
            alt.X("x:Q").title(x_title).scale(nice=False),
            alt.Y("height:Q").title(y_title).scale(domain=[0, top], nice=False),
            _colour(names, [GREY, SYNTHETIC, REAL, GOLD]),
            alt.StrokeDash("series:N").scale(
                domain=names, range=[[2, 2], [6, 3], [1, 0], [10, 3, 2, 3]][: len(names)]
            ),
        )
        .add_params(t)
    )
    return _finish(chart, description, height=320)
