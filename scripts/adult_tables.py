"""Rebuild the tables of Adult in lib/tables, which are shipped with the book.

Run ``python -m scripts.adult_tables`` in the root of the repository. It needs the Adult files (see
`lib.data.adult`) and changes a table only when the new one is complete.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from lib.data import (
    ADULT_BANDS,
    COUNTED,
    FROM_FILES,
    PREDICTORS,
    adult,
    adult_bands,
    adult_counts,
)

TABLES = Path(__file__).parents[1] / "lib" / "tables"


def _from_files(found: tuple[pd.DataFrame | pd.Series[int], str]) -> pd.DataFrame:
    table, source = found
    if source != FROM_FILES:
        raise SystemExit(f"the counts come from {source}, not from {FROM_FILES}")
    return table.reset_index() if isinstance(table, pd.Series) else table


def counts() -> pd.DataFrame:
    """Count the categories of the columns of Figure 10."""
    parts = [_from_files(adult_counts(column)).assign(column=column) for column in COUNTED]
    return pd.concat(parts)[["column", "category", "count"]]


def bands() -> pd.DataFrame:
    """Count the combinations of nine columns in bands, as codes."""
    table = _from_files(adult_bands())
    codes = {name: table[name].cat.codes for name in ADULT_BANDS.names}
    return pd.DataFrame({**codes, "count": table["count"]})


def band_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the numbers of each band."""
    codes = pd.DataFrame(ADULT_BANDS.encode(rows[ADULT_BANDS.names]), columns=ADULT_BANDS.names)
    parts = []
    for name in PREDICTORS:
        mean = rows[name].groupby(codes[name].to_numpy()).mean().round(4)
        parts.append(mean.rename("mean").rename_axis("band").reset_index().assign(column=name))
    return pd.concat(parts)[["column", "band", "mean"]]


def main() -> None:
    """Write each table aside, then put it in its place."""
    rows = adult()  # brings the files to this computer, for the counts do not
    tables = {
        "adult_counts.csv": counts(),
        "adult_bands.csv": bands(),
        "adult_band_means.csv": band_means(rows),
    }
    for name, table in tables.items():
        aside = TABLES / f"{name}.new"
        try:
            table.to_csv(aside, index=False, lineterminator="\n")
            os.replace(aside, TABLES / name)
        finally:
            aside.unlink(missing_ok=True)
        print(f"lib/tables/{name}: {len(table)} rows")


if __name__ == "__main__":
    main()
