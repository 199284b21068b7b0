"""A loop to play with: exact error paths, and chains that are simulated in the page.

Both charts follow a recursion whose coefficients change with the generation. A page cannot loop,
but it can sum along the generations, and that is enough: with c_1 ... c_t = C_t, the solution of
x_t = a_t + c_t x_{t-1} is x_t = C_t (x_0 + a_1/C_1 + ... + a_t/C_t), and C_t is the exponential of
a sum of logarithms.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import altair as alt

from lib.charts._theme import GOLD, GREY, REAL, SYNTHETIC, _finish, _js, _slider

LOOPS = ("fully synthetic", "accumulate", "fixed real", "fresh real")
"""The loops, in the order of the chapter about them."""

SETTINGS = ("mean", "frequencies", "variance")
"""What is estimated: three recursions that differ in how the error feeds on itself."""

GENERATIONS = 30
"""Last generation that is drawn."""

SIZES = (5, 11, 21, 41, 101)
"""Rows of a sample in the simulation: odd, so that a chi-square has an even number of degrees of
freedom and is -2 times the logarithm of a product of uniform numbers."""

CHAINS, DRAWN = 300, 30
"""Chains that are simulated, and how many of them are drawn."""

_PANEL, _BOTH = 190, 410
"""Heights of one of the simulation's two panels, and of both with the gap."""


_WITHOUT = "(loop == 'fully synthetic' || loop == 'accumulate')"
"""The loops whose training sets have no weight to choose."""

_WORDS = 44
"""Height below the lower panel's scale that is left to the words."""

_LOWEST = 0.12
"""Where the lower panel's scale starts: no expected error of these sizes is below 0.17."""


def _generations() -> Any:
    """Return the horizontal axis, with room for the marks at both ends."""
    return alt.X("t:Q").title("generation t").scale(domain=[0, GENERATIONS], nice=False, padding=6)


def _choose(name: str, label: str, value: Any, options: Sequence[Any]) -> Any:
    return alt.param(name=name, value=value, bind=alt.binding_radio(options=options, name=label))


def _digits(value: str, digits: int) -> str:
    """Format so many digits, and zeros after them rather than a power of ten below a million."""
    plain, powers = f"format({value}, ',.{digits}~r')", f"format({value}, '.{digits - 1}~e')"
    return f"({value} < 1e6 ? {plain} : {powers})"


def _shares(loop: Any, t: Any, w: Any, k: Any) -> dict[str, Any]:
    """Return the weights of a training set: what `lib.loops.Loop.recipe` says of generation t."""
    choose = alt.expr.if_
    newest = 1 / (k + t)
    return {
        "fresh": choose(loop == "fresh real", w, 0),
        "first": choose(loop == "fixed real", w, 0),
        "previous": choose(loop == "accumulate", 1 - newest, 0),
        "synthetic": choose(
            loop == "fully synthetic", 1, choose(loop == "accumulate", newest, 1 - w)
        ),
    }


def _step(part: Any, drawn: Any, feedback: Any) -> tuple[Any, Any]:
    """Return (a, c) of one generation: `lib.recursion.affine_step` in plain arithmetic.

    `part` has the weights as attributes. `drawn` is the noise of the synthetic rows in units of
    that of the real ones, `feedback` how much it grows with the error.
    """
    old = part.previous + part.synthetic
    squared = part.synthetic * part.synthetic
    new = part.fresh * part.fresh + part.first * part.first + 2 * part.first * old
    return new + squared * drawn, old * old + squared * feedback


def _left(x: Any, feedback: Any) -> Any:
    """Return the sum that the accumulating loop still adds after a generation.

    For an error e there, all later generations add (a + b e) times this, a and b as in `_step`.
    With f(t) = (k + t)^-2, x = k + t + 1/2 and b = `feedback` it is (Π (1 + b f) - 1) / b, the
    product over later generations; Euler and Maclaurin's formula gives the sums of f and f^2. The
    terms that are left out change the limit by less than 4e-10 of it.
    """
    square = x * x
    first = (1 - (1 / 12 - 7 / 240 / square) / square) / x
    second = (1 / 3 - 1 / 6 / square) / (square * x)
    log = feedback * first - feedback * feedback * second / 2  # of the product
    grown = 1 + log * (1 / 2 + log * (1 / 6 + log / 24))  # (exp(log) - 1) / log
    return (first - feedback * second / 2) * grown


def _solve(chart: Any, new: str, kept: str, result: str, *, by: str) -> Any:
    """Solve result_t = new_t + kept_t result_{t-1} along t in each group, by sums.

    The rows of generation 0 must have kept = 1 and the initial value as `new`. Where kept is 0
    nothing is remembered.
    """
    along: dict[str, Any] = {"sort": [{"field": "t"}], "groupby": [by], "frame": [None, 0]}
    log, product, share, total = (f"{result}_{x}" for x in ("log", "product", "share", "total"))
    return (
        chart.transform_calculate(**{log: f"log(datum.{kept})"})
        .transform_window(**{product: f"sum({log})"}, **along)
        .transform_calculate(**{share: f"datum.{new} / exp(datum.{product})"})
        .transform_window(**{total: f"sum({share})"}, **along)
        .transform_calculate(
            **{
                result: f"datum.{kept} > 0 ? exp(datum.{product}) * datum.{total} : datum.{new}",
            }
        )
    )


def _exact_path(chart: Any, loop: Any, w: Any, k: Any, *, by: str) -> Any:
    """Add the exact error, in units of real data alone, to rows with t, drawn and feedback.

    The columns a and c are those of `_step`: they mean nothing at generation 0.
    """
    row: Any = alt.datum
    a, c = _step(row, row.drawn, row.feedback)
    first = alt.expr.if_
    chart = (
        chart.transform_calculate(**_js(**_shares(loop, row.t, w, k)))
        .transform_calculate(**_js(a=a, c=c))
        .transform_calculate(
            **_js(new=first(row.t == 0, 1, row.a), kept=first(row.t == 0, 1, row.c))
        )
    )
    return _solve(chart, "new", "kept", "error", by=by)


def loop_explorer() -> Any:
    """Draw the exact error of three estimates in a loop of the reader's choice.

    Returns
    -------
    altair.LayerChart
        With a choice of the loop and sliders for w, k, m and the generation that is marked.
    """
    loop = _choose("loop", "loop ", "fresh real", LOOPS)
    w = _slider("w", "weight w ", 0.3, 0.02, 1, 0.01)
    k = _slider("k", "k = n/m ", 1, 0.2, 4, 0.1)
    m = _slider("m", "synthetic rows m ", 10, 10, 200, 10)
    mark = _slider("mark", "generation t ", 10, 0, GENERATIONS, 1)
    choose, row = alt.expr.if_, alt.datum
    n: Any = k * m
    count, names = len(SETTINGS), list(SETTINGS)
    across = _generations()
    up = (
        alt.Y("error:Q")
        .title("error (real data alone = 1)")
        .scale(type="log", domain=[0.03, 50], nice=False)
    )
    colour = alt.Color("setting:N").scale(domain=names, range=[REAL, GOLD, SYNTHETIC])
    here = alt.Chart().transform_filter("datum.t == mark")
    lines = (
        alt.Chart(name="paths")
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            across,
            up,
            colour,
            alt.StrokeDash("setting:N").scale(domain=names, range=[[1, 0], [6, 3], [2, 2]]),
            tooltip=["setting:N", "t:Q", alt.Tooltip("error:Q", format=".4f")],
        )
        .add_params(loop, w, k, m, mark)
    )
    points = here.mark_point(filled=True, size=90, opacity=1, clip=True).encode(
        across,
        up,
        colour,
        alt.Shape("setting:N", legend=None).scale(
            domain=names, range=["circle", "diamond", "square"]
        ),
    )
    rule = (
        here.transform_filter("datum.which == 0")
        .mark_rule(strokeDash=[2, 3])
        .encode(across, alt.YDatum(0.27), y2=alt.Y2Datum(50))
    )
    style: dict[str, Any] = {"align": "left", "dx": 6, "fontSize": 14}
    words = (
        here.transform_calculate(
            label="['●', '◆', '■'][datum.which] + ' ' + datum.setting + ': ' + "
            "format(datum.error, '.4~g') + (datum.limit == null ? ', no limit' : "
            "', limit ' + format(datum.limit, '.4~g'))",
            height="[0.115, 0.07, 0.043][datum.which]",
        )
        .mark_text(**style)
        .encode(x=alt.XDatum(0), y=alt.Y("height:Q"), text="label:N")
    )
    one = alt.Chart(alt.sequence(0, 1, as_="i"))
    sizes = (
        one.transform_calculate(
            size="'n = ' + format(k * m, '.0f') + ', m = ' + m + ', t = ' + mark + "
            f"({_WITHOUT} ? ' (w not used):' : ':')"
        )
        .mark_text(**style)
        .encode(x=alt.XDatum(0), y=alt.YDatum(0.19), text="size:N")
    )
    rows = alt.layer(
        one.mark_rule(strokeDash=[4, 4]).encode(y=alt.YDatum(1)),
        sizes,
        rule,
        lines,
        points,
        words,
        data=alt.sequence(0, count * (GENERATIONS + 1), as_="i"),
    )
    rows = rows.transform_calculate(
        t=f"floor(datum.i / {count})", which=f"datum.i % {count}"
    ).transform_calculate(
        **_js(
            drawn=choose(row.which == 2, (n - 1) / (m - 1), k),
            feedback=choose(row.which == 0, 0, choose(row.which == 1, -1 / m, 2 / (m - 1))),
        ),
        setting=f"{json.dumps(SETTINGS)}[datum.which]",
    )
    rest = _left(GENERATIONS + 0.5 + k, row.feedback)
    chart = (
        _exact_path(rows, loop, w, k, by="which")
        # the accumulating loop's limit is what is left to add to the last error that is drawn
        .transform_calculate(last=f"datum.t == {GENERATIONS} ? datum.error : null")
        .transform_joinaggregate(last="max(last)", groupby=["which"])
        .transform_calculate(
            **_js(
                limit=choose(
                    loop == "accumulate",
                    row.last + (row.drawn + row.feedback * row.last) * rest,
                    choose(row.c < 1, row.a / (1 - row.c), None),
                )
            )
        )
    )
    return _finish(
        chart.resolve_scale(shape="independent"),
        "Line chart, logarithmic: exact error against generation for a mean, for frequencies and "
        "for the variance of a normal distribution, in one of four training loops, with sliders "
        "for the weight w, the ratio k, the number m of synthetic rows and a generation that is "
        "marked. Words below the lines give n, the three errors at that generation and their "
        "limits, or say that there is none.",
        height=360,
    )


def _chains(chart: Any, loop: Any, w: Any, n: Any, m: Any) -> Any:
    """Simulate chains of a standard normal distribution, a row for each chain and generation.

    A sample is drawn as its mean and its variance: `chi_real` and `chi_synthetic` are chi-squares
    with n - 1 and m - 1 degrees of freedom, taken from nested products of uniform numbers, so that
    another size goes on with the same numbers. Only `redraw` draws new ones.
    """
    row: Any = alt.datum
    choose, start = alt.expr.if_, row.t == 0
    columns = {}
    for kind in ("real", "synthetic"):
        columns[f"z_{kind}"] = "redraw ? sampleNormal() : 0"
        last, used = "0", 0
        for size in SIZES:
            factors = (size - 1) // 2 - used
            product = " * ".join(["(1 - random())"] * factors)  # never 0
            columns[f"{kind}_{size}"] = f"redraw ? {last} - 2 * log({product}) : 0"
            last, used = f"datum.{kind}_{size}", used + factors
    chart = chart.transform_calculate(
        chain=f"floor(datum.i / {GENERATIONS + 1})", t=f"datum.i % {GENERATIONS + 1}"
    ).transform_calculate(**columns)

    def chosen(kind: str, rows: Any) -> Any:
        value = row[f"{kind}_{SIZES[-1]}"]
        for size in SIZES[-2::-1]:
            value = choose(rows == size, row[f"{kind}_{size}"], value)
        return value

    along: dict[str, Any] = {"sort": [{"field": "t"}], "groupby": ["chain"], "frame": [None, 0]}
    chart = (
        chart.transform_calculate(**_js(**_shares(loop, row.t, w, n / m)))
        .transform_calculate(
            **_js(chi_real=chosen("real", n), chi_synthetic=chosen("synthetic", m))
        )
        .transform_calculate(
            **_js(
                real_mean=row.z_real / alt.expr.sqrt(n),
                real_variance=row.chi_real / (n - 1),
                # of the synthetic rows, as a multiple of the variance they are drawn with
                ratio=row.chi_synthetic / (m - 1),
            )
        )
        .transform_window(
            first_mean="first_value(real_mean)",
            first_variance="first_value(real_variance)",
            **along,
        )
    )
    new = row.fresh * row.real_variance + row.first * row.first_variance
    chart = chart.transform_calculate(
        **_js(
            new_variance=choose(start, row.real_variance, new),
            kept_variance=choose(start, 1, row.previous + row.synthetic * row.ratio),
        )
    )
    chart = _solve(chart, "new_variance", "kept_variance", "variance", by="chain")
    chart = chart.transform_window(
        [{"op": "lag", "field": "variance", "param": 1, "as": "before"}], **along
    )
    new = row.fresh * row.real_mean + row.first * row.first_mean
    noise = row.synthetic * row.z_synthetic * alt.expr.sqrt(row.before / m)
    chart = chart.transform_calculate(
        **_js(
            new_mean=choose(start, row.real_mean, new + noise),
            kept_mean=choose(start, 1, row.previous + row.synthetic),
        )
    )
    return _solve(chart, "new_mean", "kept_mean", "mean", by="chain")


def live_simulation() -> Any:
    """Simulate chains of normal distributions in the page, beside the exact theory.

    The parameter `redraw` counts the draws: the website adds a button that raises it. The random
    numbers depend on nothing else, so the other controls move the same chains.

    Returns
    -------
    altair.LayerChart
        Above, some of the chains; below, the average squared error of all of them.
    """
    loop = _choose("loop", "loop ", "fresh real", LOOPS)
    shown = _choose("shown", "estimate ", "mean", ("mean", "variance"))
    n = _choose("n", "real rows n ", 21, SIZES)
    m = _choose("m", "synthetic rows m ", 21, SIZES)
    w = _slider("w", "weight w ", 0.62, 0.02, 1, 0.01)
    redraw = alt.param(name="redraw", value=1)
    row: Any = alt.datum
    choose: Any = alt.expr.if_
    is_mean = shown == "mean"
    drawn = choose(is_mean, n / m, (n - 1) / (m - 1))
    feedback = choose(is_mean, 0, 2 / (m - 1))
    # the largest expected error that is drawn sets the scales, smoothly in w
    a, c = _step(SimpleNamespace(**_shares(loop, 1, w, n / m)), drawn, feedback)
    power = c**GENERATIONS
    rising = choose(c == 1, 1 + GENERATIONS * a, power + a * (1 - power) / (1 - c))
    top = alt.param(
        name="top", expr=_js(top=alt.expr.max(2, choose(loop == "accumulate", 4, rising)))["top"]
    )
    reach = alt.param(
        name="reach",
        expr=_js(
            reach=choose(
                is_mean,
                3 * alt.expr.sqrt(top),
                alt.expr.min(4, 4 * alt.expr.sqrt(2 / (n - 1) * top)),
            )
        )["reach"],
    )

    across = _generations()

    def value(field: str) -> Any:
        low, high = "shown == 'mean' ? -reach : 0", "shown == 'mean' ? reach : 1 + reach"
        return (
            alt.Y(f"{field}:Q")
            .title("estimate")
            .axis(orient="left", tickCount=5, minExtent=40)
            .scale(domain=[{"expr": low}, {"expr": high}], range=[_PANEL, 0], nice=False)
        )

    def error(field: str) -> Any:
        return (
            alt.Y(f"{field}:Q")
            .title(["squared error", "(real data alone = 1)"])
            .axis(
                orient="left",
                tickCount=4,
                minExtent=40,
                labelExpr="format(datum.value, datum.value < 1000 ? '~g' : '~s')",
            )
            .scale(
                type="log",
                domain=[_LOWEST, {"expr": "3 * top"}],
                range=[_BOTH - _WORDS, _BOTH - _PANEL],
                nice=False,
            )
        )

    one = alt.Chart(alt.sequence(0, 1, as_="i"))
    words: dict[str, Any] = {"align": "left", "fontSize": 14, "dx": 6}
    above = alt.layer(
        one.transform_calculate(truth="shown == 'mean' ? 0 : 1")
        .mark_rule(strokeDash=[4, 4])
        .encode(y=value("truth")),
        alt.Chart(name="chains")
        .transform_filter(f"datum.chain < {DRAWN}")
        .transform_calculate(estimate="shown == 'mean' ? sqrt(n) * datum.mean : datum.variance")
        .mark_line(strokeWidth=1, opacity=0.55, clip=True, color=GREY)
        .encode(across, value("estimate"), alt.Detail("chain:N")),
        one.transform_calculate(
            label=f"shown == 'mean' ? 'means of {DRAWN} chains, in \u03c3/√n, truth 0' : "
            f"'variances of {DRAWN} chains, truth 1'"
        )
        .mark_text(baseline="top", **words)
        .encode(x=alt.XDatum(0), y=alt.value(2), text="label:N"),
    )
    expected = _exact_path(
        alt.Chart(alt.sequence(0, GENERATIONS + 1, as_="t"))
        .transform_calculate(all="1")
        .transform_calculate(**_js(drawn=drawn, feedback=feedback)),
        loop,
        w,
        n / m,
        by="all",
    )
    averages = (
        alt.Chart()
        .transform_aggregate(average="mean(error)", wobble="stderr(error)", groupby=["t"])
        .transform_calculate(
            low=f"max(datum.average - 2 * datum.wobble, {_LOWEST})",
            high="datum.average + 2 * datum.wobble",
        )
    )
    at_end = f"datum.t == {GENERATIONS}"
    below = alt.layer(
        expected.mark_line(strokeWidth=2.5, clip=True, color=REAL).encode(across, error("error")),
        averages.mark_rule(strokeWidth=1.5, clip=True, color=SYNTHETIC).encode(
            across, error("low"), alt.Y2("high:Q")
        ),
        averages.mark_point(filled=True, size=28, opacity=1, clip=True, color=SYNTHETIC).encode(
            across,
            error("average"),
            tooltip=["t:Q", alt.Tooltip("average:Q", format=".4~g")],
        ),
        averages.transform_filter(at_end)
        .transform_calculate(
            label=f"'● {CHAINS} chains, t = {GENERATIONS}: ' + {_digits('datum.average', 3)} + "
            f"' ± ' + {_digits('2 * datum.wobble', 2)}"
        )
        .mark_text(**words)
        .encode(x=alt.XDatum(0), y=alt.value(_BOTH - 28), text="label:N"),
        expected.transform_filter(at_end)
        .transform_calculate(
            label=f"'▬ theory: ' + {_digits('datum.error', 3)} + "
            f"({_WITHOUT} ? ' (w not used)' : '')"
        )
        .mark_text(**words)
        .encode(x=alt.XDatum(0), y=alt.value(_BOTH - 10), text="label:N"),
    )
    chart = _chains(
        alt.layer(above, below, data=alt.sequence(0, CHAINS * (GENERATIONS + 1), as_="i")),
        loop,
        w,
        n,
        m,
    ).transform_calculate(
        **_js(
            error=choose(
                is_mean,
                n * row.mean * row.mean,
                (row.variance - 1) * (row.variance - 1) * (n - 1) / 2,
            )
        )
    )
    return _finish(
        chart.add_params(loop, shown, n, m, w, redraw, top, reach).resolve_scale(y="independent"),
        f"Two charts over the generations, from {CHAINS} chains of normal distributions that are "
        "simulated in the page, with a choice of the loop, of the sizes n and m and of mean or "
        f"variance, a slider for the weight w and a button for new draws. Above, {DRAWN} of the "
        "chains; without real rows their variances fall to zero. Below, logarithmic, the average "
        "squared error of all chains as points with bars of two standard errors, and the exact "
        "expectation as a line; words say what both are at the last generation.",
        height=_BOTH,
    )
