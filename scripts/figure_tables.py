"""Commit the tables of a full-scale run: ``python -m scripts.figure_tables reproduced``.

From the folder that ``make reproduce`` has filled, the tables of all figures go to `lib/tables/`,
where the chapters find them: numbers rounded to seven digits, Figure 7 at fewer generations. The
record of the run gets the wall time beside it, if it is given.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from lib.reproduce.store import write

TABLES = Path(__file__).parents[1] / "lib" / "tables"

ROUNDED = ["error", "standard_error", "theory"]

EVERY = 20
"""Generations of Figure 7 that are kept beyond the first hundred, beside the last."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="what `make reproduce` has written")
    parser.add_argument("--jobs", type=int, required=True, help="processes of that run")
    parser.add_argument("--minutes", type=float, required=True, help="how long it took")
    arguments = parser.parse_args()

    for figure in (7, 8, 9, 10):
        table = pd.read_csv(arguments.folder / f"figure_{figure}.csv", keep_default_na=False)
        if figure == 7:
            t = table["t"].astype(float)
            table = table[(t <= 100) | (t % EVERY == 0) | (t == t.max())]
        write(TABLES / f"figure_{figure}.csv", _rounded(table).to_csv(index=False).encode())
    optima = pd.read_csv(arguments.folder / "figure_optima.csv", keep_default_na=False)
    write(TABLES / "figure_optima.csv", optima.to_csv(index=False).encode())
    text = (arguments.folder / "figure_provenance.json").read_text(encoding="utf-8")
    record = {"jobs": arguments.jobs, "minutes": arguments.minutes} | json.loads(text)
    write(TABLES / "figure_provenance.json", (json.dumps(record, indent=1) + "\n").encode())


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with seven digits in its errors; an empty field stays empty."""
    return table.assign(
        **{name: [f"{float(x):.7g}" if x else "" for x in table[name].astype(str)]
           for name in ROUNDED}
    )  # fmt: skip


if __name__ == "__main__":
    main()
