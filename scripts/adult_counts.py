"""Rebuild lib/tables/adult_counts.csv, the table of counts that is shipped with the book.

Run ``python -m scripts.adult_counts`` in the root of the repository. It needs the Adult files (see
`lib.data.adult`) and changes the table only when the new one is complete.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from lib.data import COUNTED, FROM_FILES, adult, adult_counts

TABLE = Path(__file__).parents[1] / "lib" / "tables" / "adult_counts.csv"


def main() -> None:
    """Count the three columns and write the table aside, then put it in its place."""
    adult()  # brings the files to this computer, for adult_counts does not
    parts = []
    for column in COUNTED:
        counts, source = adult_counts(column)
        if source != FROM_FILES:
            raise SystemExit(f"{column}: the counts come from {source}, not from {FROM_FILES}")
        parts.append(counts.reset_index().assign(column=column))
    aside = TABLE.with_suffix(".new")
    try:
        pd.concat(parts).to_csv(
            aside, columns=["column", "category", "count"], index=False, lineterminator="\n"
        )
        os.replace(aside, TABLE)
    finally:
        aside.unlink(missing_ok=True)
    print(f"{TABLE.relative_to(TABLE.parents[2])}: {sum(map(len, parts))} rows")


if __name__ == "__main__":
    main()
