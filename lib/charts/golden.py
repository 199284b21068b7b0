"""The best weight of each generation: a chart with sliders, and a form for uneven numbers of rows.

Both evaluate the formulas of `lib.schedule` in the page.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from lib import schedule as schedules
from lib import weights
from lib.charts._forms import _field, _Names, _object, _script
from lib.charts._theme import GOLD, GREY, REAL, SYNTHETIC, _colour, _finish, _js, _slider
from lib.schedule import Schedule, schedule

_SUMMARY = (
    "At t = {last} the model is as good as {rows} real rows alone. With all rows of a generation "
    "alike it would be as good as {naive}; without any synthetic rows, as good as {alone}."
)

EXAMPLE = {"n": [500, 200, 0, 900, 350, 120], "m": [1000, 1000, 2000, 500, 4000]}
"""Months that differ: what the form shows at first."""


def adaptive_explorer() -> Any:
    """Draw the error by generation for three schemes of weights, with sliders for k and the start.

    Returns
    -------
    altair.Chart
    """
    k = _slider("k", "k = n/m ", 0.05, 0.01, 2, 0.01)
    start = _slider("start", "error at t = 0 ", 1, 0.1, 4, 0.1)
    t: Any = alt.datum.t
    fields = {"adaptive": "best at every t", "constant": "w*(k) always", "naive": "naive"}
    names = list(fields.values())
    best, naive = weights._optimal_weight(k), weights._naive_weight(k)
    chart = (
        alt.Chart(alt.sequence(0, 21, as_="t"), name="curves")
        .transform_calculate(
            **_js(
                adaptive=schedules._adaptive_error(t, k, start),
                constant=weights._error_at(t, best, k, start),
                naive=weights._error_at(t, naive, k, start),
            )
        )
        .transform_fold(list(fields), as_=["field", "error"])
        .transform_calculate(series=f"{json.dumps(fields)}[datum.field]")
        .mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=2, clip=True)
        .encode(
            alt.X("t:Q").title("generation t"),
            alt.Y("error:Q").title("error (real rows alone = 1)").scale(zero=True),
            _colour(names, [GOLD, REAL, SYNTHETIC]),
            alt.StrokeDash("series:N").scale(domain=names, range=[[1, 0], [6, 3], [2, 2]]),
            tooltip=["series:N", "t:Q", alt.Tooltip("error:Q", format=".4f")],
        )
        .add_params(k, start)
    )
    limit = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(**_js(error=best))
        .mark_rule(strokeDash=[4, 4], color=GREY)
        .encode(y="error:Q")
    )
    return _finish(
        alt.layer(limit, chart),
        "Line chart: error against the generation for the best weight of each generation, for the "
        "weight that is best in the long run, and for naive mixing, with sliders for k and the "
        "error at t = 0. The first two fall to the same dashed line at w*(k), the first one "
        "faster: at k = 0.05 it is below the others at every t from 1 on. Naive mixing settles "
        "higher.",
        height=320,
    )


def formulas() -> str:
    """Return one generation of `lib.schedule` as a JavaScript expression.

    Returns
    -------
    str
        An object with ``step``, a function of the rows that the last model is worth, of those that
        it would be worth with naive mixing, and of n and m.
    """
    step = _Names()
    before, naive, n, m = (alt.param(name=name) for name in ("before", "plain", "n", "m"))
    rows = step.let("rows", schedules._rows_after(before, n, m))
    step.let("w", n / rows)
    step.let("each", schedules._sample_weight(before, m))
    step.let("naive", schedules._naive_rows(naive, n, m))
    return _object(step=step.function("before", "plain", "n", "m"))


@dataclass(frozen=True, repr=False)
class ScheduleForm:
    """A form on a page; see `schedule_form`."""

    start: Schedule

    def __repr__(self) -> str:
        return "schedule_form(...)"

    def _repr_html_(self) -> str | None:
        if os.environ.get("BOOK_CHARTS") == "off":
            return None
        texts = {"summary": _SUMMARY, "most": MOST}
        return f"{_form(self.start)}\n{_script('schedule', formulas(), texts)}"


MOST = 1000
"""Generations that the form takes."""


def schedule_form(n: ArrayLike | None = None, m: ArrayLike | None = None) -> ScheduleForm:
    """Show a form that answers "which weight in which month?" for numbers of rows that change.

    Like a chart, it is on the page and not among the stored outputs of the notebooks.

    Parameters
    ----------
    n, m
        What the form starts with: see `lib.schedule.schedule`. By default an example.

    Returns
    -------
    ScheduleForm

    Raises
    ------
    ValueError
        As `lib.schedule.schedule` does.
    """
    real, drawn = EXAMPLE["n"] if n is None else n, EXAMPLE["m"] if m is None else m
    return ScheduleForm(schedule(real, drawn))


def _form(one: Schedule) -> str:
    """Return the form with its first answer, which is there without JavaScript too."""
    naive = one.naive_rows
    said = {
        "last": str(len(one.m)),
        "rows": f"{one.effective_rows[-1]:.6g}",
        "naive": f"{naive[-1]:.6g}",
        "alone": f"{one.n[-1]:.6g}",
    }
    rows = [(f"{one.n[0]:g}", "&ndash;", "&ndash;", "&ndash;", f"{one.effective_rows[0]:.6g}")]
    for t, w in enumerate(one.weights, start=1):
        each = one.sample_weights[t - 1]
        rows.append(
            (
                f"{one.n[t]:g}",
                f"{one.m[t - 1]:g}",
                f"{w:.4f}",
                f"{each:.4f}" if np.isfinite(each) else "&ndash;",
                f"{one.effective_rows[t]:.6g}",
            )
        )
    body = "".join(
        f'<tr><th scope="row">{t}</th>' + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        for t, row in enumerate(rows)
    )
    head = "".join(
        f'<th scope="col">{text}</th>'
        for text in ("t", "n", "m", "w", "synthetic<br>row", "as good<br>as")
    )
    real, drawn = (", ".join(f"{x:g}" for x in rows) for rows in (one.n, one.m))
    fields = "\n".join(
        (
            _field("ws", "n", "real rows at t = 0, 1, 2, &hellip;", real, "text"),
            _field("ws", "m", "synthetic rows at t = 1, 2, &hellip; (one number: always)", drawn,
                   "text"),
        )
    )  # fmt: skip
    return f"""\
<div class="ww-form schedule-form" data-form="schedule">
<p class="ww-off">The form sleeps: in a notebook run this cell, on a website allow JavaScript. The
numbers are those of the cell.</p>
<div class="ww-fields">
{fields}
</div>
<p class="ww-summary" role="status">{_fill(said)}</p>
<div class="ww-wide" role="region" tabindex="0" aria-label="The weights of all generations">
<table class="ww-table"><caption>Weight w of all real rows together, weight of a synthetic row if a
real one weighs 1, and real rows alone that would be as good</caption>
<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
</div>"""


def _fill(said: dict[str, str]) -> str:
    return _SUMMARY.format(**said)
