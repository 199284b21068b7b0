"""What to buy for a budget: a chart with sliders, and a form.

Both evaluate the formulas of `lib.planner` in the page.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import altair as alt

from lib import planner, weights
from lib.charts._forms import _field, _Names, _object, _script
from lib.charts._theme import (
    GOLD,
    REAL,
    SYNTHETIC,
    _colour,
    _finish,
    _js,
    _marked_weights,
    _slider,
)
from lib.planner import MOST_ROWS, ROUNDING, SLACK, WHY, Plan, plan

_SUMMARY = {
    "both": "Buy {n} real and {m} synthetic rows a generation, and give each real row the weight 1 "
    "and each synthetic row {w}. In the long run that is as good as {rows} real rows alone; the "
    "budget buys {alone}.",
    "real": "Buy real rows alone, {n} a generation.",
}

_TABLE = (
    (
        "Buy at every generation",
        (
            ("n", "real rows, n"),
            ("m", "synthetic rows, m"),
            ("spent", "what they cost"),
        ),
    ),
    (
        "Weights",
        (
            ("k", "their ratio, k = n/m"),
            ("w", "best weight w, of all real rows together"),
        ),
    ),
    (
        "In the long run",
        (
            ("rows", "as good as so many real rows alone"),
            ("alone", "real rows that the budget buys"),
            ("error", "error, theirs = 1"),
        ),
    ),
)


HIGHEST = 1.5
"""The curves of the chart end here."""


def worth_explorer() -> Any:
    """Draw the error against the share of the budget that goes to synthetic rows.

    Sliders for the cost ratio c, and for what it is believed to be.

    Returns
    -------
    altair.LayerChart
    """
    c = _slider("c", "cost of a synthetic row ", 0.25, 0.01, 0.95, 0.01)
    believed = _slider("believed", "believed to be ", 0.05, 0.01, 0.95, 0.01)
    share: Any = alt.datum.share
    w: Any = alt.datum.w
    k: Any = alt.datum.k
    fields = {"best": "best weight", "naive": "all rows alike"}
    names = list(fields.values())
    across = (
        alt.X("share:Q", axis=alt.Axis(tickCount=10))
        .title("share of the money for synthetic rows")
        .scale(domain=[0, 1])
    )
    up = alt.Y("error:Q").title("error (all money for real rows = 1)").scale(domain=[0, 2])
    curves = (
        alt.Chart(alt.sequence(0.005, 0.9951, 0.005, as_="share"), name="curves")
        .transform_calculate(**_js(k=c * (1 - share) / share))
        .transform_calculate(**_js(w=weights._optimal_weight(k)))
        .transform_calculate(
            **_js(
                best=planner._design_error(w, c),
                naive=planner._naive_design_error(k, c),
            )
        )
        .transform_fold(list(fields), as_=["field", "error"])
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .transform_filter(f"datum.error < {HIGHEST}")  # above it stand the words
        .mark_line(strokeWidth=2.5)
        .encode(
            across,
            up,
            _colour(names, [REAL, SYNTHETIC]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3]]),
        )
        .add_params(c, believed)
    )
    by_rule, by_belief = c**0.5, believed**0.5
    naive = planner._naive_ratio(c)
    marks = (
        alt.Chart(alt.sequence(0, 3, as_="i"))
        .transform_calculate(
            **_js(rule=by_rule, belief=by_belief, naive=weights._naive_weight(naive))
        )
        .transform_calculate(w="[datum.rule, datum.naive, datum.belief][datum.i]")
        .transform_calculate(**_js(k=alt.expr.if_(alt.datum.i == 1, naive, planner._ratio_for(w))))
        .transform_calculate(
            **_js(
                share=c / (k + c),
                error=alt.expr.if_(
                    alt.datum.i == 1,
                    planner._naive_design_error(k, c),
                    planner._design_error(w, c),
                ),
            )
        )
    )
    points, words = _marked_weights(
        marks,
        across,
        up,
        colours={"best": GOLD, "all alike": SYNTHETIC, "believed": REAL},
        heights=[1.9, 1.75, 1.6],
    )
    alone = (
        alt.Chart(alt.sequence(0, 1, as_="i")).mark_rule(strokeDash=[4, 4]).encode(y=alt.YDatum(1))
    )
    return _finish(
        alt.layer(alone, curves, points, words).resolve_scale(
            color="independent", shape="independent", strokeDash="independent"
        ),
        "Line chart: error in the long run against the share of a fixed budget that is spent on "
        "synthetic rows, in units of the error if all of it goes to real rows, for the best weight "
        "and with all rows alike, with sliders for the cost of a synthetic row and for what it is "
        "believed to be. Both curves start at 1, fall and then rise without bound. A diamond marks "
        "the lowest point, whose weight is the square root of the cost; a square the lowest with "
        "all rows alike, which is higher; a dot what one buys who has the wrong cost.",
        height=320,
    )


def formulas() -> str:
    """Return the formulas of `lib.planner` as a JavaScript expression.

    Returns
    -------
    str
        An object with three functions: ``rows``, the effective rows of n and m; ``ideal``, what a
        budget would buy if rows could be divided; and ``bought``, all numbers of a design.
    """
    n, m = alt.param(name="n"), alt.param(name="m")
    rows = _Names()
    rows.let("rows", planner._effective_rows(n, m))
    ideal = _Names()
    budget, a, c = (alt.param(name=name) for name in ("budget", "a", "c"))
    best = ideal.let("best", planner._best_real(budget, a, c))
    ideal.let("synthetic", best / planner._ratio_for(c**0.5))
    bought = _Names()
    b, alone = alt.param(name="b"), alt.param(name="alone")
    effective = bought.let("rows", planner._effective_rows(n, m))
    bought.let("k", n / m)
    bought.let("w", n / effective)
    bought.let("error", alone / effective)
    bought.let("spent", n * a + m * b)
    return _object(
        rows=rows.function("n", "m"),
        ideal=ideal.function("budget", "a", "c"),
        bought=bought.function("n", "m", "a", "b", "alone"),
    )


@dataclass(frozen=True, repr=False)
class PlannerForm:
    """A form on a page; see `planner_form`."""

    start: Plan

    def __repr__(self) -> str:
        return "planner_form(...)"

    def _repr_html_(self) -> str | None:
        if os.environ.get("BOOK_CHARTS") == "off":
            return None
        texts = {
            "summary": _SUMMARY,
            "why": WHY,
            "most": MOST_ROWS,
            "slack": SLACK,
            "rounding": ROUNDING,
        }
        return f"{_form(self.start)}\n{_script('planner', formulas(), texts)}"


def _form(one: Plan) -> str:
    """Return the form with its first answer, which is there without JavaScript too."""
    values: dict[str, int | float] = {
        "n": one.n,
        "m": one.m,
        "alone": one.real_only,
        "spent": one.spent,
        "rows": one.effective_rows,
        "error": 1 / one.gain,
    }
    if one.m:
        values |= {"k": one.k, "w": one.w}
    shown = {
        name: str(value) if isinstance(value, int) else f"{value:.6g}"
        for name, value in values.items()
    }
    said = _SUMMARY["both" if one.m else "real"].format(**{"w": "", **shown}) + f" {one.why}"
    table = "".join(
        f"<tbody{' hidden' * shown.keys().isdisjoint(name for name, _ in rows)}>"
        f'<tr><th scope="rowgroup" colspan="2">{title}</th></tr>'
        + "".join(
            f'<tr{" hidden" * (name not in shown)}><th scope="row">{text}</th>'
            f'<td data-quantity="{name}">{shown.get(name, "&ndash;")}</td></tr>'
            for name, text in rows
        )
        + "</tbody>"
        for title, rows in _TABLE
    )
    most = "" if one.most_synthetic is None else one.most_synthetic
    fields = "\n".join(
        (
            _field("wp", "budget", "budget of a generation", f"{one.budget:.12g}"),
            _field("wp", "real_cost", "cost of a real row", f"{one.real_cost:.12g}"),
            _field("wp", "synthetic_cost", "cost of a synthetic row", f"{one.synthetic_cost:.12g}"),
            _field("wp", "most_synthetic", "at most so many synthetic (if any)", most, "numeric"),
        )
    )
    return f"""\
<div class="ww-form planner-form" data-form="planner">
<p class="ww-off">The form sleeps: in a notebook run this cell, on a website allow JavaScript. The
numbers are those of the cell.</p>
<div class="ww-fields">
{fields}
</div>
<p class="ww-summary" role="status">{said}</p>
<table class="ww-table"><caption>What to buy, and what it is worth</caption>{table}</table>
</div>"""


def planner_form(
    *,
    budget: float = 1000.0,
    real_cost: float = 1.0,
    synthetic_cost: float = 0.1,
    most_synthetic: int | None = None,
) -> PlannerForm:
    """Show a form that answers "how many rows of each kind for this budget?" in the page.

    Like a chart, it is on the page and not among the stored outputs of the notebooks.

    Parameters
    ----------
    budget, real_cost, synthetic_cost, most_synthetic
        What the form starts with: see `lib.planner.plan`.

    Returns
    -------
    PlannerForm

    Raises
    ------
    ValueError
        As `lib.planner.plan` does.
    """
    start = plan(
        budget,
        real_cost=real_cost,
        synthetic_cost=synthetic_cost,
        most_synthetic=most_synthetic,
    )
    return PlannerForm(start)
