"""Mixed tables as tables of codes: numbers in bands, categories in groups.

What a generator of `lib.models.tree` sees. The bands are fixed before any training: they are part
of the question, and the same for real and synthetic rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib import _validate

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

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bands, lowest first."""
        inner = [f"{a:g} to {b:g}" for a, b in zip(self.edges, self.edges[1:], strict=False)]
        return (f"below {self.edges[0]:g}", *inner, f"from {self.edges[-1]:g}")

    def encode(self, values: pd.Series[Any]) -> Codes:
        """Return the band of each number."""
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
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
        texts = _texts(values)
        place = {category: self.labels.index(group) for category, group in self.groups.items()}
        found = texts.map(place)
        if found.isna().any():
            unseen = sorted(set(texts[found.isna()]))[:5]
            known = ", ".join(list(self.groups)[:8])
            raise _validate.fail(f"table[{self.name!r}]", f"known categories ({known})", unseen)
        return np.asarray(found.to_numpy(), dtype=np.intp)


def _texts(values: pd.Series[Any]) -> pd.Series[str]:
    texts = values.astype("object").map(str)
    return texts.where(values.notna().to_numpy(), MISSING)


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
            Numbers, text, categories or logical values.
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
        return cls(tuple(_column(str(name), table[name], bands) for name in table.columns))

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
        if sorted(map(str, table.columns)) != sorted(self.names):
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
        array: Any = np.asarray(codes)
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
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()].tolist()
        raise _validate.fail(name, "a table whose columns have different names", twice)


def _column(name: str, values: pd.Series[Any], bands: int) -> Column:
    title = f"table[{name!r}]"
    if values.isna().all():
        raise _validate.fail(title, "a column with some values; leave it out", "all missing")
    different = sorted(values.dropna().unique().tolist(), key=_order)
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if len(different) + int(values.isna().any()) == 1:
        raise _validate.fail(title, "a column that varies; leave it out", different[0])
    if numeric and len(different) > bands:
        if values.isna().any():
            allowed = "numbers without missing ones; fill them in, or leave the rows out"
            raise _validate.fail(title, allowed, f"{values.isna().sum()} missing")
        numbers = np.sort(values.to_numpy(dtype=float))
        if not np.isfinite(numbers).all():
            raise _validate.fail(title, "finite numbers", values.tolist())
        # halfway between two different values, so that no number lies on an edge
        cuts = np.searchsorted(
            numbers, np.quantile(numbers, np.arange(1, bands) / bands, method="higher")
        )
        cuts = np.unique(cuts[cuts > 0])
        if not cuts.size:  # more than half of the rows share the lowest value
            cuts = np.array([np.searchsorted(numbers, numbers[0], side="right")])
        edges = (numbers[cuts - 1] + numbers[cuts]) / 2
        return Numeric(name, tuple(float(edge) for edge in edges))
    texts = list(dict.fromkeys(_texts(pd.Series(different, dtype="object"))))
    if values.isna().any():
        texts.append(MISSING)
    if len(texts) > MOST_VALUES:
        raise _validate.fail(title, f"a column of at most {MOST_VALUES} categories", len(texts))
    return Grouped(name, {text: text for text in texts})


def _order(value: Any) -> tuple[bool, Any]:
    return (True, str(value)) if isinstance(value, str) else (False, value)


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
