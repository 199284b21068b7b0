"""Charts: valid, described, themed, and their formulas traced from the library's functions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from lib import charts, error_ratio, optimal_weight
from lib.models import RidgeRegression
from lib.reproduce import optima, rerun, table
from lib.weights import resampled_error_ratio

POINTS = pd.DataFrame(
    {"series": ["a", "a"], "t": [0, 1], "error": [1.0, 0.8], "standard_error": [0.1, 0.1]}
)
QUANTILES = pd.DataFrame(
    np.ones((2, 7)), columns=["t", "q05", "q25", "q50", "q75", "q95", "predicted"]
)
COUNTS = pd.DataFrame({"name": ["x", "y"], "count": [3, 2]})
SIZES = pd.DataFrame({"size": [5, 9], "w": [0.5, 0.5], "error": [1.0, 0.8], "asymptotic": 0.7})
CURVES = pd.DataFrame({"series": ["a", "b"], "x": [0.5, 0.5], "value": [1.0, 0.8]})
HEIGHTS = pd.DataFrame({"t": [0, 0, 2, 2], "x": [0, 1, 0, 1], "truth": 0.5, "fit": 0.4})
PATHS = pd.DataFrame({"n": [5, 9], "t": [0, 0], "series": ["a", "b"], "value": [1.0, 0.8]})
GROUPS = pd.DataFrame(
    {
        "series": ["fresh", "fresh", "kept", "kept", "kept"],
        "t": [0, 4, 0, 2, 4],
        "predicted": [0.1, 0.2, 0.3, 0.4, 1 / 3],
        "observed": [0.15, 0.25, 0.35, 0.45, 2 / 3],
    }
)
EDGES = [
    ("married", "age", 0.31234567),
    ("first_job", "age", 0.2),
    ("income", "married", 0.1),
    ("hours", "married", 0.0),
    ("tax", "income", 1.5),
]
GROWTH = pd.DataFrame({"model": "a", "factor": "rows", "size": [10, 100], "seconds": [1.0, 3.0]})
POINTS_OF_FIGURES = table(rerun("7a", "7e", "8a", "9a", reps=20, progress=False))
BEST = optima(rerun("8a", reps=20, progress=False))


def of_figure(number: int) -> pd.DataFrame:
    return POINTS_OF_FIGURES[POINTS_OF_FIGURES["figure"] == number]


MADE = {
    "adaptive_explorer": charts.adaptive_explorer,
    "drift_explorer": charts.drift_explorer,
    "misjudged_explorer": charts.misjudged_explorer,
    "calculator_chart": lambda: charts.calculator_chart(1000, 5000),
    "live_simulation": charts.live_simulation,
    "loop_explorer": charts.loop_explorer,
    "loops_explorer": charts.loops_explorer,
    "weight_explorer": charts.weight_explorer,
    "mean_explorer": charts.mean_explorer,
    "covariance_explorer": charts.covariance_explorer,
    "misspecification_explorer": charts.misspecification_explorer,
    "size_explorer": lambda: charts.size_explorer(
        SIZES,
        SIZES[["size", "w", "error"]],
        series=("a", "b"),
        label="n",
        y_title="e",
        description="d" * 50,
    ),
    "coupled_paths": lambda: charts.coupled_paths(PATHS, y_title="e", description="d" * 50),
    "theory_and_simulation": lambda: charts.theory_and_simulation(
        {"a": ([0, 1], [1, 0.8])}, POINTS, x="t", x_title="t", y_title="e", description="d" * 50
    ),
    "simulated_paths": lambda: charts.simulated_paths(
        POINTS, y_title="e", description="d" * 50, rule=1.0
    ),
    "quantile_paths": lambda: charts.quantile_paths(QUANTILES, y_title="e", description="d" * 50),
    "contraction_explorer": charts.contraction_explorer,
    "loss_explorer": charts.loss_explorer,
    "frequency_explorer": charts.frequency_explorer,
    "generation_explorer": lambda: charts.generation_explorer(
        HEIGHTS, x_title="x", y_title="f", description="d" * 50, steps=True
    ),
    "curves": lambda: charts.curves(
        CURVES, x="x", x_title="x", y_title="v", description="d" * 50, log=True, domain=(0, 1)
    ),
    "bars": lambda: charts.bars(COUNTS, x="count", y="name", x_title="n", description="d" * 50),
    "resampling_explorer": charts.resampling_explorer,
    "reliability_explorer": lambda: charts.reliability_explorer(GROUPS, description="d" * 50),
    "ridge_explorer": lambda: charts.ridge_explorer(
        {"one": RidgeRegression([1.0, 2.0], design=[[1.0, 0.5]])}
    ),
    "worth_explorer": charts.worth_explorer,
    "tree_diagram": lambda: charts.tree_diagram(EDGES, description="d" * 50),
    "collapse_figure": lambda: charts.collapse_figure(of_figure(7), description="d" * 50),
    "survival_figure": lambda: charts.survival_figure(of_figure(7), description="d" * 50),
    "weight_figure": lambda: charts.weight_figure(of_figure(8), BEST, description="d" * 50),
    "flood_figure": lambda: charts.flood_figure(of_figure(9), description="d" * 50),
    "gain_figure": lambda: charts.gain_figure(of_figure(9), description="d" * 50),
    "growth_chart": lambda: charts.growth_chart(GROWTH, description="d" * 50),
}
TEXTS = {
    "note",
    "number_table",
    "planner_form",
    "receipt_table",
    "schedule_form",
    "weight_calculator",
}
"""What is on a page like a chart, and is none."""


@pytest.mark.parametrize("name", MADE)
def test_every_chart_is_valid_described_and_themed(name: str) -> None:
    spec = MADE[name]().to_dict()  # validates against the schema
    assert len(spec["description"]) >= 50
    # Altair adds the default size of a view
    spec["config"]["view"] = {"stroke": spec["config"]["view"]["stroke"]}
    assert spec["config"] == charts.theme("light")
    assert spec["width"] == "container"


def test_every_public_chart_is_tested() -> None:
    made = {name for name in charts.__all__ if callable(getattr(charts, name))}
    assert made - {"theme"} - TEXTS == set(MADE)


def test_bars_of_two_standard_errors() -> None:
    values: dict[str, list[dict[str, Any]]] = MADE["theory_and_simulation"]().to_dict()["datasets"]
    rows = [row for rows in values.values() for row in rows if "low" in row]
    assert rows[0]["low"] == pytest.approx(0.8)
    assert rows[0]["high"] == pytest.approx(1.2)


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match="`mode`"):
        charts.theme("sepia")  # type: ignore[arg-type]


# --- the formulas of the resampling explorer -----------------------------------------------------


def calculated(spec: dict[str, Any], field: str, **values: float) -> dict[str, float]:
    """Return what the layer with this field calculates, one expression after the other."""
    found = next(one["transform"] for one in spec["layer"] if field in str(one.get("transform")))
    known: dict[str, Any] = {"pow": pow, **values}
    fields = {name: value for name, value in values.items() if name == "w"}
    for step in found:
        if "calculate" in step and step["as"] not in ("label", "series"):
            known["datum"] = SimpleNamespace(**fields)
            # arithmetic of our own
            value = eval(step["calculate"], {"__builtins__": {}}, known)  # noqa: S307
            fields[step["as"]] = value
    return fields


@pytest.mark.parametrize("k", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("times", [0.5, 2.0, 30.0])
def test_the_resampling_explorer_shows_the_formulas(k: float, times: float) -> None:
    spec = charts.resampling_explorer().to_dict()
    for w in (0.01, 0.5, 1.0):
        found = calculated(spec, "'again'", w=w, k=k, times=times)
        again, used = resampled_error_ratio(w, k, 1 / times), error_ratio(w, k)
        assert (found["again"], found["used"]) == pytest.approx((again, used), rel=1e-12)
    best = optimal_weight(k + 1 / times)
    found = calculated(spec, "'error'}", k=k, times=times)
    assert (found["w"], found["error"]) == pytest.approx((best, best + 1 / times), rel=1e-12)
    assert found["error"] == pytest.approx(resampled_error_ratio(best, k, 1 / times), rel=1e-12)


# --- trees ---------------------------------------------------------------------------------------


def rows_of(spec: dict[str, Any], column: str) -> list[dict[str, Any]]:
    found = [rows for rows in spec["datasets"].values() if column in rows[0]]
    assert len(found) == 1
    return list(found[0])


def test_a_tree_has_its_columns_at_their_depth_and_apart() -> None:
    spec = MADE["tree_diagram"]().to_dict()
    nodes = {row["name"]: (row["depth"], row["row"]) for row in rows_of(spec, "depth")}
    depth = {name: place[0] for name, place in nodes.items()}
    assert depth == {"age": 0, "married": 1, "first job": 1, "income": 2, "hours": 2, "tax": 3}
    assert len(set(nodes.values())) == 6  # no two at the same place
    # leaves have rows of their own, and every other column is in the middle of those below it
    leaves = sorted(nodes[name][1] for name in ("first job", "hours", "tax"))
    assert leaves == [0, 1, 2]
    assert nodes["married"][1] == (nodes["income"][1] + nodes["hours"][1]) / 2
    assert nodes["age"][1] == (nodes["married"][1] + nodes["first job"][1]) / 2


def test_a_tree_has_a_line_for_each_edge() -> None:
    spec = MADE["tree_diagram"]().to_dict()
    nodes = {row["name"]: (row["depth"], row["row"]) for row in rows_of(spec, "depth")}
    lines = rows_of(spec, "pair")
    assert len(lines) == len(EDGES)
    for row, (child, parent, told) in zip(lines, EDGES, strict=True):
        assert (row["x"], row["y"]) == nodes[parent.replace("_", " ")]
        assert (row["x2"], row["y2"]) == nodes[child.replace("_", " ")]
        assert row["information"] == pytest.approx(told, abs=5e-5)
        assert set(row["pair"].split(" and ")) == {
            name.replace("_", " ") for name in (child, parent)
        }


def test_the_smallest_tree() -> None:
    spec = charts.tree_diagram([("b", "a", 0.5)], description="d" * 50).to_dict()
    assert {row["name"] for row in rows_of(spec, "depth")} == {"a", "b"}


def test_the_height_of_a_tree_grows_with_its_leaves() -> None:
    star = [(f"column {i}", "root", 0.1) for i in range(20)]
    tall = charts.tree_diagram(star, description="d" * 50).to_dict()
    assert tall["height"] > MADE["tree_diagram"]().to_dict()["height"]


# --- predictions held against what happened ------------------------------------------------------


def test_the_reliability_explorer_starts_with_the_last_of_both() -> None:
    spec = MADE["reliability_explorer"]().to_dict()
    params = {one["name"]: one for one in spec["params"]}
    assert params["way"]["value"] == "kept"
    assert params["way"]["bind"]["options"] == ["fresh", "kept"]
    assert params["t"]["value"] == 4
    bind = params["t"]["bind"]
    assert (bind["min"], bind["max"], bind["step"]) == (0, 4, 2)
    rows = rows_of(spec, "series")
    assert len(rows) == len(GROUPS)
    assert rows[-1] == {
        "series": "kept",
        "t": 4,
        "predicted": pytest.approx(1 / 3, abs=1e-5),
        "observed": pytest.approx(2 / 3, abs=1e-5),
    }


def test_the_reliability_explorer_leaves_the_frame_alone() -> None:
    frame = GROUPS.copy()
    charts.reliability_explorer(frame, description="d" * 50)
    pd.testing.assert_frame_equal(frame, GROUPS)


# --- texts that depend on the data ---------------------------------------------------------------

NUMBERS = pd.DataFrame({"a <b> & c": ["<i>1</i>", "2.50"], "n": [3, 4]})


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show what the tests do not store."""
    monkeypatch.delenv("BOOK_CHARTS", raising=False)


@pytest.mark.usefixtures("shown")
def test_a_note_is_a_paragraph() -> None:
    text = charts.note('a <b>&amp; "c"')._repr_html_()
    assert text is not None
    paragraph = BeautifulSoup(text, "html.parser").find_all()
    assert [one.name for one in paragraph] == ["p"]
    assert paragraph[0].get_text() == 'a <b>&amp; "c"'


@pytest.mark.usefixtures("shown")
def test_a_table_of_numbers_is_shown_as_it_is() -> None:
    text = charts.number_table(NUMBERS, 'what & <why> "so"')._repr_html_()
    assert text is not None
    soup = BeautifulSoup(text, "html.parser")
    (table,) = soup.find_all("table")
    assert "numbers" in table["class"]
    first = next(one for one in table.children if one.name)
    assert (first.name, first.get_text()) == ("caption", 'what & <why> "so"')
    assert [cell.get_text() for cell in table.find_all("th")] == ["a <b> & c", "n"]
    rows = [[cell.get_text() for cell in row.find_all("td")] for row in table.tbody.find_all("tr")]
    assert rows == [["<i>1</i>", "3"], ["2.50", "4"]]
    assert not soup.find_all(["b", "i", "why"])


@pytest.mark.usefixtures("shown")
def test_a_caption_does_not_meet_what_looks_like_a_head() -> None:
    frame = pd.DataFrame({"<thead>": ["<thead>"]})
    text = charts.number_table(frame, "<thead>")._repr_html_()
    assert text is not None
    soup = BeautifulSoup(text, "html.parser")
    assert len(soup.find_all("thead")) == len(soup.find_all("caption")) == 1
    assert soup.caption.get_text() == soup.th.get_text() == soup.td.get_text() == "<thead>"


@pytest.mark.usefixtures("shown")
def test_long_tables_and_long_entries_are_not_cut() -> None:
    frame = pd.DataFrame({"text": ["x" * 300] * 150} | {f"c{i}": ["1"] * 150 for i in range(40)})
    text = charts.number_table(frame, "c")._repr_html_()
    assert text is not None
    assert text.count("x" * 300) == 150
    assert text.count("<tr") == 151
    assert text.count("<th>") == 41
    assert "..." not in text


@pytest.mark.parametrize(
    "make", [lambda: charts.note("t"), lambda: charts.number_table(NUMBERS, "c")]
)
def test_texts_are_not_stored(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make()
    monkeypatch.setenv("BOOK_CHARTS", "off")
    assert made._repr_html_() is None
    # the variable is read when the page is made
    monkeypatch.setenv("BOOK_CHARTS", "on")
    assert made._repr_html_() is not None


def test_what_is_stored_does_not_depend_on_the_data() -> None:
    one, other = charts.note("a"), charts.note("b")
    assert repr(one) == repr(other) == "note(...)"
    changed = NUMBERS.assign(n=[7, 8])
    tables = [charts.number_table(frame, "c") for frame in (NUMBERS, changed)]
    assert repr(tables[0]) == repr(tables[1]) == "number_table(2 rows)"


@pytest.mark.usefixtures("shown")
def test_a_table_leaves_the_frame_alone() -> None:
    frame = NUMBERS.copy()
    charts.number_table(frame, "c")._repr_html_()
    pd.testing.assert_frame_equal(frame, NUMBERS)
