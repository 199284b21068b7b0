"""Mixed tables as tables of codes: numbers in bands, categories in groups.

What a generator of `lib.models.tree` sees. The bands are fixed before any training: they are part
of the question, and the same for real and synthetic rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib import _validate
from lib._validate import Array

Codes = NDArray[np.intp]

MISSING = "missing"
"""Name of the group of missing values."""

MOST_VALUES = 50
"""Categories that a column may have; with more it is a name, not a category."""


@dataclass(frozen=True)
class Numeric:
    """A column of numbers, cut into bands.

    Attributes
    ----------
    name : str
    edges : tuple of float
        Inner edges, increasing. A number on an edge belongs to the band above it.
    """

    name: str
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        edges = _validate.finite("edges", self.edges)
        if edges.ndim != 1 or not edges.size or (np.diff(edges) <= 0).any():
            raise _validate.fail("edges", "at least one number, increasing", self.edges)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bands, lowest first."""
        for digits in (6, 17):  # as few as tell them apart
            at = [f"{edge:.{digits}g}" for edge in self.edges]
            if len(set(at)) == len(at):
                break
        inner = [f"{a} to {b}" for a, b in pairwise(at)]
        return (f"below {at[0]}", *inner, f"from {at[-1]}")

    def encode(self, values: pd.Series[Any]) -> Codes:
        """Return the band of each number."""
        if not _is_numeric(values):
            raise _validate.fail(f"table[{self.name!r}]", "numeric", values.dtype)
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        if not np.isfinite(numbers).all():
            bad = values[~np.isfinite(numbers)].iloc[0]
            raise _validate.fail(f"table[{self.name!r}]", "finite numbers", bad)
        band: Codes = np.searchsorted(np.array(self.edges), numbers, side="right").reshape(-1)
        return band


@dataclass(frozen=True)
class Grouped:
    """A column of categories, each in one of some groups.

    Attributes
    ----------
    name : str
    groups : mapping of str to str
        The group of each category. Numbers, False and True are taken by their text. Missing values
        are the category "missing".
    """

    name: str
    groups: Mapping[str, str]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the groups, in the order in which they are first mentioned."""
        return tuple(dict.fromkeys(self.groups.values()))

    def encode(self, values: pd.Series[Any]) -> Codes:
        """Return the group of each category."""
        texts = _texts(self.name, values)
        place = {category: self.labels.index(group) for category, group in self.groups.items()}
        found = texts.map(place)
        if found.isna().any():
            unseen = sorted(set(texts[found.isna()]))[:5]
            known = ", ".join(list(self.groups)[:8])
            raise _validate.fail(f"table[{self.name!r}]", f"known categories ({known})", unseen)
        return np.asarray(found.to_numpy(), dtype=np.intp)


def _texts(name: str, values: pd.Series[Any]) -> pd.Series[str]:
    objects, known = values.astype("object"), values.notna().to_numpy()
    for value in objects[known]:
        if not isinstance(value, str | bool | int | float | np.bool_ | np.integer | np.floating):
            raise _validate.fail(f"table[{name!r}]", "of numbers, texts or logical values", value)
    return objects.map(_text).where(known, MISSING)


def _text(value: Any) -> str:
    """Write a value; whole numbers are the same whether they are stored as 1 or 1.0."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _is_numeric(values: pd.Series[Any]) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return numeric and not pd.api.types.is_complex_dtype(values)


Column = Numeric | Grouped


@dataclass(frozen=True)
class Bands:
    """A codebook: how every column of a table becomes small integers.

    Attributes
    ----------
    columns : tuple of Numeric or Grouped

    Examples
    --------
    >>> import pandas as pd
    >>> from lib.bands import Bands
    >>> table = pd.DataFrame(
    ...     {"age": [20, 30, 40, 50], "sex": ["f", "m", "m", "f"]}
    ... )
    >>> bands = Bands.of(table, bands=2)
    >>> bands.encode(table).tolist()
    [[0, 0], [0, 1], [1, 1], [1, 0]]
    >>> bands.decode(bands.encode(table))["age"].tolist()
    ['below 35', 'below 35', 'from 35', 'from 35']
    """

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, *, bands: int = 6) -> Self:
        """Make a codebook for a table.

        Numbers with more than `bands` different values are cut at quantiles; other columns keep
        their values, and missing values are one of these.

        Parameters
        ----------
        table : DataFrame
            Numbers, text, categories or logical values; columns have texts for names.
        bands : int, optional
            Bands of a column of numbers, at least 2.

        Returns
        -------
        Bands

        Raises
        ------
        ValueError
            If the table is no DataFrame or has no rows or columns, two columns have the same name,
            or a column is constant, is missing everywhere, has some missing numbers among many
            different ones, or has more than 50 categories.
        """
        bands = _validate.integer("bands", bands, least=2)
        checked_table("table", table)
        return cls(tuple(_column(name, table[name], bands) for name in table.columns))

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def sizes(self) -> list[int]:
        """Number of codes of each column."""
        return [len(column.labels) for column in self.columns]

    def encode(self, table: pd.DataFrame) -> Codes:
        """Return the codes of a table.

        Parameters
        ----------
        table : DataFrame
            With the columns of the codebook, in any order, and no other.

        Returns
        -------
        ndarray of int, shape (rows, columns)

        Raises
        ------
        ValueError
            If columns are missing or too many, a number is missing, or a category is unknown.
        """
        checked_table("table", table)
        if sorted(table.columns) != sorted(self.names):
            raise _validate.fail(
                "table", f"a table with the columns {', '.join(self.names)}", list(table.columns)
            )
        return np.column_stack([one.encode(table[one.name]) for one in self.columns])

    def decode(self, codes: Any) -> pd.DataFrame:
        """Return a table of bands and groups by name.

        Parameters
        ----------
        codes : array_like of int, shape (rows, columns)

        Returns
        -------
        DataFrame
            Of ordered categories.

        Raises
        ------
        ValueError
            If a code is not one of the codebook.
        """
        try:
            array: Any = np.asarray(codes)
        except ValueError:  # rows of different lengths
            array = np.empty(0)
        fits = array.ndim == 2 and array.shape[1] == len(self.columns) and array.dtype.kind in "iu"
        if not fits or (array < 0).any() or (array >= np.array(self.sizes)).any():
            raise _validate.fail("codes", f"rows of {len(self.columns)} codes of this book", codes)
        return pd.DataFrame(
            {
                one.name: pd.Categorical(
                    np.array(one.labels, dtype=object)[array[:, place]],
                    categories=list(one.labels),
                    ordered=True,
                )
                for place, one in enumerate(self.columns)
            }
        )


def checked_table(name: str, table: Any) -> None:
    """Refuse what is not a table of at least one row and column with names of their own."""
    if not isinstance(table, pd.DataFrame):
        raise _validate.fail(name, "a pandas DataFrame", table)
    if table.empty:
        raise _validate.fail(name, "a table of at least one row and column", table)
    if not all(isinstance(column, str) for column in table.columns):
        raise _validate.fail(name, "a table whose columns have texts for names", table.columns)
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()].tolist()
        raise _validate.fail(name, "a table whose columns have different names", twice)


def _column(name: str, values: pd.Series[Any], bands: int) -> Column:
    title = f"table[{name!r}]"
    if values.isna().all():
        raise _validate.fail(title, "a column with some values; leave it out", "all missing")
    if _is_numeric(values):
        numbers = np.sort(values.dropna().to_numpy(dtype=float))
        if not np.isfinite(numbers).all():
            raise _validate.fail(title, "finite numbers", values.tolist())
        if np.unique(numbers).size > bands:
            if values.isna().any():
                allowed = "numbers without missing ones; fill them in, or leave the rows out"
                raise _validate.fail(title, allowed, f"{values.isna().sum()} missing")
            return Numeric(name, _edges(numbers, bands))
    texts = _texts(name, values)
    different = texts.unique().tolist()
    if len(different) == 1:
        raise _validate.fail(title, "a column that varies; leave it out", different[0])
    if len(different) > MOST_VALUES:
        raise _validate.fail(title, f"a column of at most {MOST_VALUES} categories", len(different))
    if isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.ordered:
        order = [_text(category) for category in values.dtype.categories]
        different.sort(key=lambda text: order.index(text) if text in order else len(order))
    else:
        different.sort(key=_order)
    return Grouped(name, {text: text for text in different})


def _edges(numbers: Array, bands: int) -> tuple[float, ...]:
    """Cut sorted numbers at quantiles, between two different values.

    A quantile belongs to the band above the cut; if it is the lowest number, as in a column that is
    mostly 0, to the one below.
    """
    at = np.quantile(numbers, np.arange(1, bands) / bands, method="higher")
    below, above = (np.searchsorted(numbers, at, side=side) for side in ("left", "right"))
    cuts = np.unique(np.where(below > 0, below, above))
    low, high = numbers[cuts - 1], numbers[cuts]
    middle = low / 2 + high / 2  # the sum may overflow
    return tuple(np.where(middle > low, middle, high).tolist())


def _order(text: str) -> tuple[int, float, str]:
    """Sort numbers by size, before texts by name; missing values come last."""
    if text == MISSING:
        return 2, 0.0, text
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def groups(**members: Sequence[str]) -> dict[str, str]:
    """Return the group of each category, from the categories of each group.

    Parameters
    ----------
    **members : sequence of str

    Returns
    -------
    dict of str to str
    """
    return {category: group for group, categories in members.items() for category in categories}
