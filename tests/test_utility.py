"""Train on one table, test on another: against direct calculations with scipy and statsmodels.

Nothing is drawn but tables with fixed seeds, and no test is statistical.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from lib.bands import Bands
from lib.utility import LEAST, Utility, train_and_test

pytestmark = pytest.mark.filterwarnings("error")

KINDS = {"x": list("abc"), "z": list("de"), "y": ["no", "yes"]}


def categories(columns: dict[str, Any], kinds: dict[str, list[str]] | None = None) -> pd.DataFrame:
    known = KINDS if kinds is None else kinds
    return pd.DataFrame(
        {name: pd.Categorical(values, categories=known[name]) for name, values in columns.items()}
    )


def drawn(rows: int, seed: int) -> pd.DataFrame:
    """Draw rows whose label depends on both other columns."""
    rng = np.random.default_rng(seed)
    x, z = rng.choice(3, rows, p=[0.5, 0.3, 0.2]), rng.integers(2, size=rows)
    y = rng.random(rows) < 1 / (1 + np.exp(0.5 - 1.2 * x + 1.5 * z))
    return categories(
        {
            "x": np.array(KINDS["x"])[x],
            "z": np.array(KINDS["z"])[z],
            "y": np.where(y, "yes", "no"),
        }
    )


def indicators(table: pd.DataFrame) -> np.ndarray:
    """Return a design whose base categories are the first ones: other than the library's."""
    columns = [np.ones(len(table))]
    for name in table.columns.drop("y"):
        columns += [table[name] == kind for kind in table[name].cat.categories[1:]]
    return np.column_stack(columns).astype(float)


def scores(probability: np.ndarray, table: pd.DataFrame, weight: Any = None) -> Utility:
    """Score predictions row by row."""
    weights = [1.0] * len(table) if weight is None else list(weight)
    hits = loss = 0.0
    for p, label, w in zip(probability, table["y"], weights, strict=True):
        hits += w * ((p > 0.5) == (label == "yes"))
        loss -= w * math.log(p if label == "yes" else 1 - p)
    return Utility(hits / sum(weights), loss / sum(weights))


# --- against direct calculations -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_a_logistic_regression_of_statsmodels(seed: int, weighted: bool) -> None:
    train, test = drawn(150, seed), drawn(60, 100 + seed)
    weight = np.random.default_rng(seed).integers(0, 5, 60) if weighted else None
    y = (train["y"] == "yes").to_numpy(dtype=float)
    fit = sm.Logit(y, indicators(train)).fit(disp=0, tol=1e-12)
    expected = scores(fit.predict(indicators(test)), test, weight)
    found = train_and_test(train, test, "y", test_weight=weight)
    assert isinstance(found, Utility)
    assert found.accuracy == pytest.approx(expected.accuracy, abs=1e-12)
    assert found.log_loss == pytest.approx(expected.log_loss, rel=1e-7)
    assert type(found.accuracy) is type(found.log_loss) is float


def test_the_training_loss_is_the_smallest_that_there_is() -> None:
    train = drawn(200, 7)
    design, sign = indicators(train), np.where(train["y"] == "yes", 1, -1)

    def loss(theta: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (design @ theta)).mean())

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).fun
    assert train_and_test(train, train, "y").log_loss == pytest.approx(best, rel=1e-8)


def test_one_column_predicts_its_own_shares() -> None:
    train = categories({"x": list("aaaaabbbb"), "y": ["yes"] * 4 + ["no"] + ["no"] * 3 + ["yes"]})
    test = categories({"x": list("aab"), "y": ["yes", "no", "no"]})
    found = train_and_test(train, test, "y", test_weight=[1, 2, 3])
    assert found.accuracy == pytest.approx(4 / 6)
    right = math.log(0.8) + 2 * math.log(0.2) + 3 * math.log(0.75)
    assert found.log_loss == pytest.approx(-right / 6, rel=1e-7)


def test_weights_are_rows_that_are_repeated() -> None:
    train, test = drawn(100, 1), drawn(30, 2)
    weight = np.random.default_rng(3).integers(0, 4, 30)
    repeated = test.loc[np.repeat(np.arange(30), weight)]
    found = train_and_test(train, test, "y", test_weight=weight)
    expected = train_and_test(train, repeated, "y")
    assert found == pytest.approx(expected, rel=1e-12)
    for factor in (0.01, 7):  # only ratios matter
        scaled = train_and_test(train, test, "y", test_weight=factor * weight)
        assert scaled == pytest.approx(found, rel=1e-12)


def test_how_the_tables_are_written_does_not_matter() -> None:
    train, test = drawn(80, 4), drawn(40, 5)
    expected = train_and_test(train, test, "y")
    order = np.random.default_rng(6).permutation(80)
    columns = ["y", "z", "x"]
    found = train_and_test(train.iloc[order][columns], test[columns], "y")
    assert found == pytest.approx(expected, rel=1e-8)
    ordered = {name: pd.CategoricalDtype(kinds, ordered=True) for name, kinds in KINDS.items()}
    found = train_and_test(train.astype(ordered), test.astype(ordered), "y")
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_second_category_is_predicted_whatever_their_order() -> None:
    train, test = drawn(80, 8), drawn(40, 9)
    turned = [table["y"].cat.reorder_categories(["yes", "no"]) for table in (train, test)]
    found = train_and_test(train.assign(y=turned[0]), test.assign(y=turned[1]), "y")
    assert found == pytest.approx(train_and_test(train, test, "y"), rel=1e-7)


def test_the_arguments_are_left_alone() -> None:
    train, test, weight = drawn(30, 1), drawn(20, 2), np.arange(20.0)
    copies = train.copy(), test.copy(), weight.copy()
    train_and_test(train, test, "y", test_weight=weight)
    pd.testing.assert_frame_equal(train, copies[0])
    pd.testing.assert_frame_equal(test, copies[1])
    assert weight.tolist() == copies[2].tolist()


def test_bands_are_taken_as_they_come() -> None:
    rng = np.random.default_rng(1)
    raw = pd.DataFrame({"age": rng.normal(size=90), "sex": rng.choice(list("fm"), 90)})
    raw["rich"] = np.where(raw["age"] + rng.logistic(size=90) > 0, "yes", "no")
    bands = Bands.of(raw, bands=4)
    table = bands.decode(bands.encode(raw))
    found = train_and_test(table, table, "rich")
    assert 0.5 < found.accuracy < 1
    assert 0 < found.log_loss < math.log(2)


# --- little to learn from ------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["no", "yes"])
@pytest.mark.parametrize("rows", [1, 4, 10_000])
def test_a_constant_label_is_not_quite_certain(label: str, rows: int) -> None:
    train = categories({"x": ["a"] * rows, "y": [label] * rows})
    test = categories({"x": ["a", "b", "c"], "y": ["yes", "no", "no"]})
    found = train_and_test(train, test, "y")
    p = min((rows + 0.5) / (rows + 1), 1 - LEAST)
    right = np.array([label == one for one in test["y"]])
    assert found.accuracy == pytest.approx(right.mean())
    assert found.log_loss == pytest.approx(-np.log(np.where(right, p, 1 - p)).mean(), rel=1e-12)


def test_an_unseen_category_counts_as_the_most_frequent_one() -> None:
    train = categories({"x": list("bbbbbaaa"), "y": ["yes", "no", "no", "no", "no"] + ["yes"] * 3})
    train.loc[5, "y"] = "no"
    unseen = categories({"x": list("ccc"), "y": ["yes", "no", "no"]})
    usual = categories({"x": list("bbb"), "y": ["yes", "no", "no"]})
    found = train_and_test(train, unseen, "y")
    assert found == train_and_test(train, usual, "y")
    expected = scores(np.full(3, 0.2), unseen)
    assert found == pytest.approx(expected, rel=1e-7)


def test_a_column_that_never_varies_says_nothing() -> None:
    train, test = drawn(60, 1), drawn(30, 2)
    constant = train.assign(x=pd.Categorical(["b"] * 60, categories=KINDS["x"]))
    found = train_and_test(constant, test, "y")
    expected = train_and_test(constant.drop(columns="x"), test.drop(columns="x"), "y")
    assert found == pytest.approx(expected, rel=1e-12)


def test_no_varying_column_predicts_the_share() -> None:
    train = categories({"x": ["a"] * 4, "y": ["yes", "no", "no", "no"]})
    test = categories({"x": ["a", "c"], "y": ["no", "yes"]})
    assert train_and_test(train, test, "y") == pytest.approx(scores(np.full(2, 0.25), test))


def test_the_label_alone_predicts_the_share() -> None:
    table = categories({"y": ["yes", "no", "no", "no"]})
    assert train_and_test(table, table, "y") == pytest.approx(scores(np.full(4, 0.25), table))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("copies", [1, 3])
def test_columns_that_say_the_same_change_nothing(copies: int, seed: int) -> None:
    train, test = drawn(100, seed), drawn(50, 999 + seed)
    kinds = KINDS | {f"x{i}": KINDS["x"] for i in range(copies)}
    more = [
        categories(dict(table) | {f"x{i}": table["x"] for i in range(copies)}, kinds)
        for table in (train, test)
    ]
    found, expected = train_and_test(*more, "y"), train_and_test(train, test, "y")
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_labels_that_are_told_apart_have_a_finite_loss(rows: int) -> None:
    # every label of a is no, every label of b is yes
    train = categories({"x": list("ab") * rows, "y": ["no", "yes"] * rows})
    found = train_and_test(train, train, "y")
    assert found.accuracy == pytest.approx(1, abs=1e-12)
    assert -math.log(1 - LEAST) * 0.999 < found.log_loss < 0.001
    wrong = categories({"x": list("ab"), "y": ["yes", "no"]})
    found = train_and_test(train, wrong, "y")
    assert found.accuracy == 0
    assert found.log_loss == pytest.approx(-math.log(LEAST), rel=1e-3)


@pytest.mark.parametrize("rows", [2, 3, 5, 8, 20])
def test_few_rows_warn_of_nothing(rows: int) -> None:
    failed = []
    for seed in range(40):
        train, test = drawn(rows, seed), drawn(10, 1000 + seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = train_and_test(train, test, "y")
        assert 0 <= found.accuracy <= 1
        assert 0 < found.log_loss <= -math.log(LEAST) + 1e-12
        failed += [str(one.message) for one in caught]
    assert not failed, f"{len(failed)} warnings, such as {failed[0]}"


def test_warnings_of_others_are_left_alone() -> None:
    train = drawn(30, 1)
    before = list(warnings.filters)
    train_and_test(train, train, "y")
    assert list(warnings.filters) == before


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 10, 50])
def test_a_tie_is_half_right(rows: int) -> None:
    train = categories({"x": list("aabb") * rows, "y": ["no", "no", "no", "yes"] * rows})
    test = categories({"x": list("bbb"), "y": ["yes"] * 3})
    assert train_and_test(train, test, "y").accuracy == 0.5


# --- messages ------------------------------------------------------------------------------------


ROWS = drawn(20, 1)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "train no table": ({"train": [[1, 2]]}, "`train` must be a pandas DataFrame; got "),
    "test no table": ({"test": ROWS["x"]}, "`test` must be a pandas DataFrame; got "),
    "train empty": ({"train": ROWS.iloc[:0]}, "`train` must be a table of at least one row"),
    "test empty": ({"test": ROWS.iloc[:0]}, "`test` must be a table of at least one row"),
    "train text": (
        {"train": ROWS.astype({"x": str})},
        r"`train\['x'\]` must be of categories; got ",
    ),
    "test numbers": (
        {"test": ROWS.assign(z=range(20))},
        r"`test\['z'\]` must be of categories; got dtype\('int64'\)",
    ),
    "train missing": (
        {"train": ROWS.assign(x=ROWS["x"].where(ROWS.index > 0))},
        r"`train\['x'\]` must be without missing values",
    ),
    "test missing label": (
        {"test": ROWS.assign(y=ROWS["y"].where(ROWS.index > 0))},
        r"`test\['y'\]` must be without missing values",
    ),
    "columns twice": (
        {"train": pd.concat([ROWS, ROWS[["x"]]], axis=1)},
        "`train` must be a table whose columns have different names",
    ),
    "names that are numbers": (
        {"train": ROWS.set_axis([0, 1, 2], axis=1)},
        "`train` must be a table whose columns have texts for names",
    ),
    "other columns": (
        {"test": ROWS.drop(columns="z")},
        "`test` must be a table with the columns and categories of `train`; got ",
    ),
    "other order of columns": (
        {"test": ROWS[["y", "x", "z"]]},
        "`test` must be a table with the columns and categories of `train`; got ",
    ),
    "other categories": (
        {"test": ROWS.assign(x=ROWS["x"].cat.add_categories("new"))},
        "`test` must be a table with the columns and categories of `train`; got ",
    ),
    "other order of categories": (
        {"test": ROWS.assign(x=ROWS["x"].cat.reorder_categories(list("cba")))},
        "`test` must be a table with the columns and categories of `train`; got ",
    ),
    "unknown label": ({"label": "w"}, "`label` must be a column of two categories; got 'w'"),
    "three categories": ({"label": "x"}, "`label` must be a column of two categories; got 'x'"),
    "no label": ({"label": None}, "`label` must be a column of two categories; got None"),
    "labels": ({"label": ["y"]}, r"`label` must be a column of two categories; got \['y'\]"),
    "negative weight": (
        {"test_weight": [-1] + [1] * 19},
        "`test_weight` must be finite and at least 0; got ",
    ),
    "weight not finite": (
        {"test_weight": [math.nan] + [1] * 19},
        "`test_weight` must be finite and at least 0; got ",
    ),
    "weight text": ({"test_weight": ["1"] * 20}, "`test_weight` must be finite and at least 0"),
    "too few weights": (
        {"test_weight": [1] * 19},
        "`test_weight` must be a vector of 20 numbers, one a row of `test`, not all of them 0; got",
    ),
    "one weight": ({"test_weight": 1}, "`test_weight` must be a vector of 20 numbers"),
    "matrix": ({"test_weight": [[1] * 20]}, "`test_weight` must be a vector of 20 numbers"),
    "no weight": ({"test_weight": [0] * 20}, "`test_weight` must be .* not all of them 0; got "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments_are_named(name: str) -> None:
    changed, message = REFUSED[name]
    given: dict[str, Any] = {"train": ROWS, "test": ROWS, "label": "y"} | changed
    with pytest.raises(ValueError, match=f"^{message}"):
        train_and_test(**given)
