"""Bands: what every column of a table becomes, back again, and what is refused.

Nothing here is a statistical test. Tables that hypothesis makes are the same at every run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.bands import MISSING, MOST_VALUES, Bands, Grouped, Numeric, groups
from lib.data import ADULT_BANDS, INCOMES

pytestmark = pytest.mark.filterwarnings("error")

FIXED = settings(derandomize=True, deadline=None, max_examples=60, database=None)


def one(values: Any, bands: int = 6) -> Any:
    """Return the codebook of a single column."""
    return Bands.of(pd.DataFrame({"a": values}), bands=bands).columns[0]


def codes(values: Any, bands: int = 6) -> list[int]:
    table = pd.DataFrame({"a": values})
    return [int(code) for code in Bands.of(table, bands=bands).encode(table).ravel()]


def decoded(values: Any, bands: int = 6) -> list[str]:
    """Return the name of each value's band."""
    table = pd.DataFrame({"a": values})
    book = Bands.of(table, bands=bands)
    return [str(name) for name in book.decode(book.encode(table))["a"]]


# --- numbers -------------------------------------------------------------------------------------


def test_a_number_on_an_edge_belongs_to_the_band_above() -> None:
    column = Numeric("a", (0.0, 1.5))
    numbers = pd.Series([-1e300, -1e-300, 0.0, 1.4999, 1.5, 1e300])
    assert column.encode(numbers).tolist() == [0, 0, 1, 1, 2, 2]
    assert column.labels == ("below 0", "0 to 1.5", "from 1.5")


def test_one_edge_makes_two_bands() -> None:
    column = Numeric("a", (1.0,))
    assert column.labels == ("below 1", "from 1")
    assert column.encode(pd.Series([1, 0])).tolist() == [1, 0]


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "float32", "float64", "Int64"])
def test_all_types_of_numbers_are_numbers(dtype: str) -> None:
    values = pd.Series(range(20)).astype(dtype)
    column = one(values, bands=4)
    assert column == Numeric("a", (4.5, 9.5, 14.5))
    assert column.encode(values).tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5
    assert column.encode(pd.Series([4.5, 4.4])).tolist() == [1, 0]


@pytest.mark.parametrize("bands", [2, 3, 6, 10])
def test_bands_of_different_numbers_are_of_about_equal_size(bands: int) -> None:
    values = np.random.default_rng(1).standard_normal(997)
    number = np.bincount(codes(values, bands))
    assert number.size == bands
    assert number.max() - number.min() <= 1


def test_few_different_numbers_keep_their_values() -> None:
    column = one([3, 1, 2, 1, 2, 3], bands=3)
    assert column == Grouped("a", {"1": "1", "2": "2", "3": "3"})
    assert isinstance(one([3, 1, 2, 1, 2, 3], bands=2), Numeric)
    # in the order of numbers, not of their texts
    assert one([10, 9, 100, 9]).labels == ("9", "10", "100")
    assert one([-1, -2, 0]).labels == ("-2", "-1", "0")


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([0] * 90 + list(range(1, 11)), (0.5,)),  # most rows at the lowest value
        ([0] * 70 + list(range(1, 31)), (0.5, 13.5)),  # three quantiles of five are 0
        (list(range(10)) + [10] * 90, (9.5,)),  # at the highest
        (list(range(10)) + [10] * 80 + list(range(11, 21)), (9.5,)),  # in the middle
        ([0.0] * 999 + [1, 2, 3, 4, 5, 6, 7], (0.5,)),
    ],
)
def test_a_skewed_column_has_fewer_bands_but_two(values: list[float], edges: Any) -> None:
    column = one(values)
    assert isinstance(column, Numeric)
    assert column.edges == edges
    assert set(codes(values)) == set(range(len(edges) + 1))  # none is empty


def test_quantiles_are_those_of_rows_not_of_values() -> None:
    assert one([1] * 10 + [2] * 10 + [3] * 10 + [4] * 10, bands=2).edges == (2.5,)
    assert one([1] * 30 + [2] * 10 + [3] * 10 + [4] * 10, bands=2).edges == (1.5,)


NUMBERS = st.one_of(
    st.lists(st.integers(-5, 5), min_size=2, max_size=60),
    st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=60),
    st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3) + 0.0), min_size=2, max_size=60),
).filter(lambda values: len(set(values)) > 1)


@FIXED
@given(NUMBERS, st.integers(2, 9))
def test_codes_of_numbers_keep_their_order(values: list[float], bands: int) -> None:
    found = codes(values, bands)
    book = Bands.of(pd.DataFrame({"a": values}), bands=bands)
    assert 2 <= book.sizes[0] <= max(bands, 2)
    assert set(found) == set(range(book.sizes[0]))  # no code is unused
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(found)[order]) >= 0).all()
    for value in set(values):
        assert len({code for code, other in zip(found, values, strict=True) if other == value}) == 1
    if len(set(values)) <= bands:
        assert len(set(found)) == len(set(values))


@FIXED
@given(NUMBERS, st.integers(2, 9), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(values: list[float], bands: int, random: Any) -> None:
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert one(shuffled, bands) == one(values, bands)


@pytest.mark.parametrize(
    "values",
    [
        [12_345_670 + i for i in range(20)],
        [1_000_000 + i / 10 for i in range(10)],
    ],
)
def test_names_of_bands_differ_also_for_large_numbers(values: list[float]) -> None:
    names = one(values).labels
    assert len(set(names)) == len(names)
    assert len(set(decoded(values))) == len(set(codes(values)))


@pytest.mark.parametrize("low", [1.0, 0.1])
def test_neighbouring_numbers_are_told_apart(low: float) -> None:
    high = np.nextafter(low, 2)
    assert set(codes([low] * 4 + [high] * 4 + [high + 1] * 4, bands=2)) == {0, 1}


def test_halfway_between_large_numbers_is_finite() -> None:
    assert one([1.5e308, 1.6e308, 1.7e308], bands=2).edges == pytest.approx((1.55e308,))


# --- categories ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([True, False, True], ("False", "True")),
        (pd.array([True, False, None], dtype="boolean"), ("False", "True", MISSING)),
        (pd.array(["y", "x", None], dtype="string"), ("x", "y", MISSING)),
        (pd.Series(["y", "x", None], dtype="category"), ("x", "y", MISSING)),
        (["y", "x", float("nan")], ("x", "y", MISSING)),
        ([1, 2, None], ("1", "2", MISSING)),
        (pd.array([2, 1, None], dtype="Int64"), ("1", "2", MISSING)),
        ([1.0, None], ("1", MISSING)),  # it varies: some are missing
        ([True, "x", 3, None], ("True", "3", "x", MISSING)),
        (["missing", "x", None], ("x", "missing")),  # as the docstring says
        (["", " ", "a"], ("", " ", "a")),
    ],
)
def test_categories_keep_their_values(values: Any, labels: tuple[str, ...]) -> None:
    column = one(values)
    assert isinstance(column, Grouped)
    assert sorted(column.labels) == sorted(labels)
    texts = [
        MISSING if pd.isna(value) else str(value).removesuffix(".0") for value in pd.Series(values)
    ]
    assert decoded(values) == texts


@pytest.mark.parametrize("values", [["x", "y", None], ["x", "y", np.nan], ["x", "y", pd.NA]])
def test_every_kind_of_missing_is_one_category(values: list[Any]) -> None:
    book = Bands.of(pd.DataFrame({"a": ["x", "y", None]}))
    assert book.encode(pd.DataFrame({"a": values})).ravel().tolist() == [0, 1, 2]


def test_a_category_that_does_not_occur_is_none() -> None:
    assert one(pd.Categorical(["a", "b"], categories=["a", "b", "c"])).labels == ("a", "b")


def test_ordered_categories_keep_their_order() -> None:
    values = pd.Categorical(["lo", "hi"], categories=["lo", "hi"], ordered=True)
    assert one(values).labels == ("lo", "hi")


def test_numbers_are_taken_by_their_value_whatever_their_type() -> None:
    book = Bands.of(pd.DataFrame({"a": [1, 2, 1]}))
    assert book.encode(pd.DataFrame({"a": [1.0, 2.0]})).ravel().tolist() == [0, 1]


def test_minus_zero_is_zero() -> None:
    assert codes([0.0, -0.0, 1.0]) == [0, 0, 1]


@pytest.mark.parametrize("values", [[False, 0, "x"], [1, True, None], [2, 2.0, None]])
def test_values_that_are_equal_but_not_alike_fit_their_book(values: list[Any]) -> None:
    assert len(codes(pd.Series(values, dtype=object))) == 3


def test_groups() -> None:
    found = groups(low=("a", "b"), high=["c"])
    assert found == {"a": "low", "b": "low", "c": "high"}
    column = Grouped("x", found | {MISSING: "low"})
    assert column.labels == ("low", "high")
    assert column.encode(pd.Series(["c", "b", None, "a"])).tolist() == [1, 0, 0, 0]


@FIXED
@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.integers(2, 9)),
        min_size=2,
        max_size=30,
    )
)
def test_any_mixture_of_categories_comes_back(values: list[Any]) -> None:
    column = pd.Series(values, dtype=object)
    texts = [MISSING if value is None else str(value) for value in values]
    different = set(column.dropna().unique()) | ({None} if None in values else set())
    if column.isna().all() or len(different) == 1:
        with pytest.raises(ValueError, match=r"`table\['a'\]` must be a column "):
            one(column)
        return
    assert decoded(column) == texts


# --- tables --------------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "age": range(20, 60),
        "sex": ["f", "m"] * 20,
        "owner": [True, False, False, True] * 10,
        "work": ["private", None, "state", "private", None] * 8,
    }
)
BOOK = Bands.of(TABLE, bands=4)


def test_names_and_sizes() -> None:
    assert BOOK.names == ["age", "sex", "owner", "work"]
    assert BOOK.sizes == [4, 2, 2, 3]
    assert Bands.of(TABLE).sizes == [6, 2, 2, 3]  # six bands unless one says otherwise


def test_encode_and_decode() -> None:
    found = BOOK.encode(TABLE)
    assert (found.shape, found.dtype.kind) == ((40, 4), "i")
    assert found[:3].tolist() == [[0, 0, 1, 0], [0, 1, 0, 2], [0, 0, 0, 1]]
    back = BOOK.decode(found)
    assert back.columns.tolist() == BOOK.names
    assert back.iloc[1].tolist() == ["below 29.5", "m", "False", "missing"]
    for name, column in zip(BOOK.names, BOOK.columns, strict=True):
        assert back[name].cat.categories.tolist() == list(column.labels)
        assert back[name].cat.ordered
        np.testing.assert_array_equal(back[name].cat.codes, found[:, BOOK.names.index(name)])


def test_decode_takes_lists_and_no_rows() -> None:
    assert BOOK.decode([[3, 1, 1, 2]]).iloc[0].tolist() == ["from 49.5", "m", "True", "missing"]
    empty = BOOK.decode(np.zeros((0, 4), dtype=int))
    assert empty.shape == (0, 4)
    assert empty["age"].cat.categories.size == 4


@FIXED
@given(st.data())
def test_every_code_of_a_book_comes_back(data: st.DataObject) -> None:
    row = st.tuples(*(st.integers(0, size - 1) for size in BOOK.sizes))
    rows = np.array(data.draw(st.lists(row, min_size=1, max_size=20)))
    names = BOOK.decode(rows)
    grouped = Bands(tuple(Grouped(c.name, {x: x for x in c.labels}) for c in BOOK.columns))
    np.testing.assert_array_equal(grouped.encode(names), rows)


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [1, 0, 3, 2]])
def test_the_order_of_columns_does_not_matter(order: list[int]) -> None:
    other = TABLE.iloc[:, order]
    np.testing.assert_array_equal(BOOK.encode(other), BOOK.encode(TABLE))


def test_the_index_does_not_matter() -> None:
    other = TABLE.set_index(np.zeros(len(TABLE)))
    np.testing.assert_array_equal(BOOK.encode(other), BOOK.encode(TABLE))
    assert Bands.of(other, bands=4) == BOOK


def test_the_table_is_left_alone() -> None:
    copy = TABLE.copy()
    BOOK.encode(TABLE)
    pd.testing.assert_frame_equal(TABLE, copy)


@pytest.mark.parametrize("names", [[0, 1], [("a", 1), ("a", 2)]])
def test_columns_may_have_names_that_are_no_texts(names: list[Any]) -> None:
    table = pd.DataFrame([[1, "x"], [2, "y"]])
    table.columns = pd.Index(names, tupleize_cols=False)
    try:
        book = Bands.of(table)
    except ValueError as error:  # to refuse them would do as well
        assert "`table`" in str(error)  # noqa: PT017
        return
    assert book.encode(table).tolist() == [[0, 0], [1, 1]]


def test_names_that_only_differ_in_their_type() -> None:
    table = pd.DataFrame([[1, "x"], [2, "y"]])
    table.columns = pd.Index([0, "0"], dtype=object)
    with pytest.raises(ValueError, match=r"^`table` must be a table whose columns have texts for"):
        Bands.of(table)


def test_the_book_of_adult() -> None:
    assert len(set(ADULT_BANDS.names)) == len(ADULT_BANDS.columns) == 9
    assert ADULT_BANDS.sizes == [6, 5, 4, 3, 5, 3, 2, 4, 2]
    for column in ADULT_BANDS.columns:
        if isinstance(column, Numeric):
            assert list(column.edges) == sorted(set(column.edges))
        else:
            assert len(set(column.labels)) == len(column.labels)
    by_name = dict(zip(ADULT_BANDS.names, ADULT_BANDS.columns, strict=True))
    assert by_name["income"].labels == INCOMES
    assert by_name["age"].encode(pd.Series([17, 24, 25, 64, 65, 90])).tolist() == [0, 0, 1, 4, 5, 5]
    assert by_name["capital_gain"].encode(pd.Series([0, 1, 5000, 99_999])).tolist() == [0, 1, 2, 3]
    work = pd.Series(["Private", None, "Self-emp-inc", "State-gov", "Never-worked"])
    assert by_name["workclass"].encode(work).tolist() == [0, 3, 1, 2, 3]


# --- messages ------------------------------------------------------------------------------------


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def changed(**columns: Any) -> pd.DataFrame:
    return TABLE.assign(**columns)


MANY = list(range(1, 30))
REFUSED: list[tuple[Callable[[], Any], str]] = [
    # no table
    (lambda: [[1], [2]], r"`table` must be a pandas DataFrame; got \[\[1\], \[2\]\]"),
    (lambda: None, "`table` must be a pandas DataFrame; got None"),
    (lambda: np.eye(2), "`table` must be a pandas DataFrame; got array"),
    (lambda: pd.Series([1, 2]), "`table` must be a pandas DataFrame; got "),
    (lambda: frame(a=[]), "`table` must be a table of at least one row and column; got Empty"),
    (lambda: pd.DataFrame(index=[0]), "`table` must be a table of at least one row and column"),
    (
        lambda: pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]),
        r"`table` must be a table whose columns have different names; got \['a'\]",
    ),
]
NO_BOOK: list[tuple[Callable[[], Any], str]] = [
    *REFUSED,
    (
        lambda: frame(a=[1, 1]),
        r"`table\['a'\]` must be a column that varies; leave it out; got '1'",
    ),
    (lambda: frame(a=["x"]), r"`table\['a'\]` must be a column that varies; leave it out; got 'x'"),
    (lambda: frame(b=[1, 2], a=[True] * 2), r"`table\['a'\]` must be a column that varies; "),
    (
        lambda: frame(a=[None, None]),
        r"`table\['a'\]` must be a column with some values; leave it out; got 'all missing'",
    ),
    (lambda: frame(a=[float("nan")] * 9), r"`table\['a'\]` must be a column with some values; "),
    (
        lambda: frame(a=pd.array([None] * 9, dtype="Int64")),
        r"`table\['a'\]` must be a column with some values; leave it out; got 'all missing'",
    ),
    (
        lambda: frame(a=[None, *MANY, None]),
        r"`table\['a'\]` must be numbers without missing ones; fill them in, or leave the rows "
        "out; got '2 missing'",
    ),
    (
        lambda: frame(a=pd.array([None, *MANY], dtype="Int64")),
        r"`table\['a'\]` must be numbers without missing ones; .*; got '1 missing'",
    ),
    (lambda: frame(a=[float("inf"), *MANY]), r"`table\['a'\]` must be finite numbers; got \[inf, "),
    (lambda: frame(a=[-float("inf"), *MANY]), r"`table\['a'\]` must be finite numbers; got \[-inf"),
    (lambda: frame(a=[float("inf"), 1, 2]), r"`table\['a'\]` must be finite numbers; got "),
    (
        lambda: frame(a=[f"k{i}" for i in range(MOST_VALUES + 1)]),
        r"`table\['a'\]` must be a column of at most 50 categories; got 51",
    ),
    (
        lambda: frame(a=[None, *(f"k{i}" for i in range(MOST_VALUES))]),
        r"`table\['a'\]` must be a column of at most 50 categories; got 51",
    ),
    (lambda: frame(a=[(1, 2), "x", 3]), r"`table\['a'\]` must be .*; got "),
    (lambda: frame(a=[[1], [2]]), r"`table\['a'\]` must be .*; got "),
    (lambda: frame(a=[1j, *range(9)]), r"`table\['a'\]` must be .*; got "),
]
NO_CODES: list[tuple[Callable[[], Any], str]] = [
    *REFUSED,
    (
        lambda: TABLE.drop(columns="sex"),
        r"`table` must be a table with the columns age, sex, owner, work; got \['age', 'owner', 'w",
    ),
    (
        lambda: changed(more=1),
        "`table` must be a table with the columns age, sex, owner, work; got",
    ),
    (
        lambda: TABLE.rename(columns={"sex": "gender"}),
        r"`table` must be a table with the columns age, sex, owner, work; got \['age', 'gender', ",
    ),
    (
        lambda: changed(sex="other"),
        r"`table\['sex'\]` must be known categories .*; got \['other'\]",
    ),
    (
        lambda: changed(sex=None),
        r"`table\['sex'\]` must be known categories \(f, m\); got \['missing'\]",
    ),
    (
        lambda: changed(work=["b", "a"] * 20),
        r"`table\['work'\]` must be known categories \(private, state, missing\); got \['a', 'b'\]",
    ),
    (lambda: changed(age=float("nan")), r"`table\['age'\]` must be finite numbers; got .*nan"),
    (lambda: changed(age=None), r"`table\['age'\]` must be numeric; got "),
    (
        lambda: changed(age=pd.array([1, None] * 20, dtype="Int64")),
        r"`table\['age'\]` must be finite numbers; got <NA>",
    ),
    (lambda: changed(age=float("inf")), r"`table\['age'\]` must be finite numbers; got .*inf"),
    (lambda: changed(age="old"), r"`table\['age'\]` must be numeric; got "),
]


@pytest.mark.parametrize(("table", "message"), NO_BOOK)
def test_tables_without_a_book(table: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Bands.of(table())


@pytest.mark.parametrize(("table", "message"), NO_CODES)
def test_tables_without_codes(table: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        BOOK.encode(table())


@pytest.mark.parametrize("bands", [1, 0, -3, 2.5, "3", True, None, float("nan"), [3]])
def test_bands_are_an_integer_of_at_least_two(bands: Any) -> None:
    with pytest.raises(ValueError, match=r"^`bands` must be an integer of at least 2; got "):
        Bands.of(TABLE, bands=bands)
    assert Bands.of(TABLE, bands=4.0) == BOOK  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        [[4, 0, 0, 0]],
        [[0, 0, 0, 3]],
        [[0, 0, 0, 0], [-1, 0, 0, 0]],
        [[0, 0, 0]],
        [[0] * 5],
        [0, 0, 0, 0],
        [[[0, 0, 0, 0]]],
        [[0.0, 0, 0, 0]],
        [["0"] * 4],
        [[True] * 4],
        [],
        None,
        [[0, 0, 0, 0], [0]],
    ],
)
def test_codes_of_no_book(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^`codes` must be rows of 4 codes of this book; got "):
        BOOK.decode(wrong)


def test_fifty_categories_are_not_too_many() -> None:
    assert len(one([f"k{i}" for i in range(MOST_VALUES)]).labels) == 50
    assert isinstance(one(range(MOST_VALUES + 1)), Numeric)  # numbers have bands instead


def test_the_message_of_unseen_categories_is_short() -> None:
    book = Bands.of(frame(a=[f"known{i}" for i in range(50)]))
    with pytest.raises(ValueError, match=r"got \['new0', 'new1', 'new2', 'new3', 'new4'\]$"):
        book.encode(frame(a=[f"new{i}" for i in range(9)]))
