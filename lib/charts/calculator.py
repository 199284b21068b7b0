"""The calculator of the page *Which weight?*: a form that works in the page, without a server.

The formulas of `lib.advice` are evaluated on names instead of numbers, and so become JavaScript.
"""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from typing import Any

import altair as alt

from lib import weights
from lib.advice import (
    FILLED,
    KINDS,
    TEMPLATES,
    Advice,
    Library,
    Of,
    advice,
    counted,
    fill,
    settings,
    shared,
)
from lib.charts._forms import _field, _javascript, _Names, _object, _script
from lib.charts._theme import (
    GOLD,
    GREY,
    REAL,
    SYNTHETIC,
    _finish,
    _js,
    _marked_weights,
    _weight_axis,
)

_ESTIMATES = {
    "mean": "a mean, a regression, another likelihood",
    "frequencies": "frequencies, a distribution function",
    "variance": "the variance of a normal column",
}
_LIBRARIES: dict[Library, str] = {
    "numpy": "NumPy",
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "torch": "PyTorch",
}
_SUMMARY = {
    "mean": "Give each real row the weight 1 and each synthetic row {synthetic_sample_weight}; "
    "together the real rows then have {w} of all weight.",
    "variance": "Give the variance of the real rows the weight {w} and that of the synthetic rows "
    "the weight {rest}.",
}
_SUMMARY["frequencies"] = _SUMMARY["mean"]
_OUTCOME = (
    " In the long run the error is {error} of what the real rows alone would give; with naive "
    "mixing it would be {naive_error}."
)

_TABLE = (
    (
        "Weight of all real rows together",
        (
            ("w", "best weight w"),
            ("naive_weight", "if all rows count the same"),
            ("break_even_weight", "synthetic rows help above"),
        ),
    ),
    (
        "Weight of one row, all summing to 1",
        (
            ("real_row_weight", "a real row, w/n"),
            ("synthetic_row_weight", "a synthetic row, (1 &minus; w)/m"),
        ),
    ),
    (
        "As sample_weight, with 1 for a real row",
        (("synthetic_sample_weight", "a synthetic row"),),
    ),
    (
        "As sample_weight, with mean one",
        (("mean_one_real", "a real row"), ("mean_one_synthetic", "a synthetic row")),
    ),
    (
        "Expected error in the long run, real rows alone = 1",
        (
            ("error", "with the best weight"),
            ("naive_error", "if all rows count the same"),
            ("gain_over_naive", "all rows the same: how many times the best error"),
            ("gain_over_real", "real rows alone: how many times the best error"),
            ("effective_rows", "as good as so many real rows alone"),
        ),
    ),
    (
        "Generations, starting from real rows alone",
        (
            ("half_life", "until half of the way is done"),
            ("settled", "until within 1 % of the long run"),
        ),
    ),
)


def formulas() -> str:
    """Return the formulas of `lib.advice` as a JavaScript expression.

    Returns
    -------
    str
        An object with ``settings`` (a function of n and m for each kind of estimate), ``shared``
        and ``counted``, which return objects of named numbers.
    """
    n, m = alt.param(name="n"), alt.param(name="m")
    kinds = []
    for of in KINDS:
        one = ", ".join(
            f"{name}: {_javascript(value)}" for name, value in settings(of, n, m).items()
        )
        kinds.append(f"{of}: (n, m) => ({{{one}}})")
    both, rows = _Names(), _Names()
    names = ("k", "ratio", "contraction", "lost", "rho", "drift")
    shared(both, *(alt.param(name=name) for name in names))
    of_rows = ("n", "m", "w", "rest", "centre")
    counted(rows, *(alt.param(name=name) for name in of_rows))
    return _object(
        settings=f"{{{', '.join(kinds)}}}",
        shared=both.function(*names),
        counted=rows.function(*of_rows),
    )


@dataclass(frozen=True, repr=False)
class WeightCalculator:
    """A form on a page; see `weight_calculator`."""

    start: Advice

    def __repr__(self) -> str:
        return "weight_calculator(...)"

    def _repr_html_(self) -> str | None:
        if os.environ.get("BOOK_CHARTS") == "off":
            return None
        texts = {
            "templates": TEMPLATES,
            "filled": FILLED,
            "summary": {of: text + _OUTCOME for of, text in _SUMMARY.items()},
        }
        return f"{_form(self.start)}\n{_script('calculator', formulas(), texts)}"


def _form(one: Advice) -> str:
    """Return the form with its first answer, which is there without JavaScript too."""
    counts = one.n is not None
    given = "".join(
        f'<label><input type="radio" name="given" value="{value}"{" checked" * chosen}> '
        f"{text}</label>"
        for value, text, chosen in (
            ("counts", "n and m", counts),
            ("ratio", "only their ratio k", not counts),
        )
    )
    options = "".join(
        f'<option value="{of}"{" selected" * (of == one.of)}>{text}</option>'
        for of, text in _ESTIMATES.items()
    )
    values = {
        name: f"{getattr(one, name):.6g}"
        for _, rows in _TABLE
        for name, _ in rows
        if getattr(one, name) is not None
    }
    brief = {name: getattr(one, name) for name in values}
    brief["rest"] = one.mean_one_synthetic / (one.k + 1)
    summary = fill(
        _SUMMARY[one.of] + _OUTCOME, {name: f"{value:.4g}" for name, value in brief.items()}
    )
    table = "".join(
        f'<tbody><tr><th scope="rowgroup" colspan="2">{html.escape(title)}</th></tr>'
        + "".join(
            f'<tr><th scope="row">{text}</th>'
            f'<td data-quantity="{name}">{values.get(name, "")}</td></tr>'
            for name, text in rows
        )
        + "</tbody>"
        for title, rows in _TABLE
    )
    offered = TEMPLATES[one.of]
    choices = "".join(
        f'<label><input type="radio" name="library" value="{library}"'
        f"{' checked' * (library == 'numpy')}> {text}</label>"
        for library, text in _LIBRARIES.items()
    )
    codes = {library: one.lines(library) for library in _LIBRARIES if library in offered}
    blocks = "".join(
        f'<div class="highlight" data-library="{library}"{" hidden" * (library != "numpy")}>'
        f"<pre>{html.escape(codes.get(library, ''))}\n</pre></div>"
        for library in _LIBRARIES
    )
    still = "drift of the truth q (0: it stands still)"
    right = "overdispersion &rho; (1: the model is right)"
    fields = f"""\
<fieldset><legend>I know</legend>{given}</fieldset>
{_field("ww", "n", "fresh real rows a generation, n", one.n if counts else 1000, "numeric", counts)}
{_field("ww", "m", "synthetic rows a generation, m", one.m if counts else 5000, "numeric", counts)}
{_field("ww", "k", "their ratio, k = n/m", f"{one.k:.12g}", "decimal", not counts)}
<div class="ww-field" data-field="of"><label for="ww-of">what is estimated</label>
<select id="ww-of" name="of" aria-describedby="ww-of-error">{options}</select>
<p class="ww-error" id="ww-of-error" aria-live="polite"></p></div>
{_field("ww", "rho", right, f"{one.rho:.12g}", "decimal", True)}
{_field("ww", "drift", still, f"{one.drift:.12g}", "decimal", one.of == "mean")}"""
    return f"""\
<div class="ww-form which-weight" data-form="weight">
<p class="ww-off">The form sleeps: in a notebook run this cell, on a website allow JavaScript. The
numbers are those of the cell.</p>
<div class="ww-fields">
{fields}
</div>
<p class="ww-summary" role="status">{summary}</p>
<table class="ww-table"><caption>What follows from it</caption>{table}</table>
<fieldset class="ww-libraries"><legend>Lines to copy</legend>{choices}</fieldset>
{blocks}
</div>"""


def weight_calculator(
    n: int | None = None,
    m: int | None = None,
    *,
    k: float | None = None,
    rho: float = 1.0,
    drift: float = 0.0,
    of: Of = "mean",
) -> WeightCalculator:
    """Show a form that answers "which weight?" in the page, for any n and m.

    Like a chart, it is on the page and not among the stored outputs of the notebooks.

    Parameters
    ----------
    n, m, k, rho, drift, of
        What the form starts with: see `lib.advice.advice`.

    Returns
    -------
    WeightCalculator

    Raises
    ------
    ValueError
        As `lib.advice.advice` does.
    """
    return WeightCalculator(advice(n, m, k=k, rho=rho, drift=drift, of=of))


def calculator_chart(
    n: int | None = None,
    m: int | None = None,
    *,
    k: float | None = None,
    rho: float = 1.0,
    drift: float = 0.0,
    of: Of = "mean",
) -> Any:
    """Draw the long-run error against the weight; in the page it follows the calculator.

    Parameters
    ----------
    n, m, k, rho, drift, of
        What it starts with: see `lib.advice.advice`.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError
        As `lib.advice.advice` does.
    """
    one = advice(n, m, k=k, rho=rho, drift=drift, of=of)
    lost = 0.0 if one.m is None else settings(of, one.n, one.m)["lost"]
    values = {
        "noise_ratio": one.noise_ratio,
        "lost": lost,
        "best": one.w,
        "naive": one.naive_weight,
    }
    params = {name: alt.param(name=name, value=value) for name, value in values.items()}
    x: Any = alt.datum.w
    limit = weights._forgetful_error_ratio(x, params["noise_ratio"], params["lost"])
    across = _weight_axis()
    up = alt.Y("error:Q").title("error (real rows alone = 1)").scale(domain=[0, 2])
    curve = (
        alt.Chart(alt.sequence(0.002, 1.0001, 0.002, as_="w"), name="curves")
        .transform_calculate(**_js(limit=limit))
        # a loop without a limit has a denominator below zero
        .transform_calculate(error="datum.limit > 0 ? datum.limit : null")
        .mark_line(strokeWidth=2.5, clip=True, color=REAL)
        .encode(across, up)
        .add_params(*params.values())
    )
    marks = (
        alt.Chart(alt.sequence(0, 3, as_="i"))
        .transform_calculate(w="[best, naive, 1][datum.i]")
        .transform_calculate(**_js(error=limit))
    )
    points, labels = _marked_weights(
        marks,
        across,
        up,
        colours={"best": GOLD, "naive": SYNTHETIC, "real alone": GREY},
        heights=[1.9, 1.75, 1.6],
        digits=".3~g",
    )
    alone = (
        alt.Chart(alt.sequence(0, 1, as_="i")).mark_rule(strokeDash=[4, 4]).encode(y=alt.YDatum(1))
    )
    return _finish(
        alt.layer(alone, curve, points, labels).resolve_scale(
            color="independent", shape="independent"
        ),
        "Line chart: expected error in the long run against the weight w on the real rows, for the "
        "numbers in the calculator. The curve is lowest at the best weight, a diamond, whose "
        "height is the weight itself; a square marks naive mixing, a dot real rows alone, w = 1 "
        "and error 1. A dashed line at 1 divides the weights that help from those that harm.",
        height=320,
    )
