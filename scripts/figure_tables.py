"""Commit the tables of a full-scale run: ``python -m scripts.figure_tables reproduced``.

From the folder that ``make reproduce`` has filled, the tables of all figures go to `lib/tables/`,
where the chapters find them: numbers rounded to seven digits, Figure 7 at fewer generations. The
record of the run gets the wall time beside it, if it is given.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

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
    optima = [
        pd.read_csv(arguments.folder / f"figure_{figure}_optima.csv", keep_default_na=False)
        for figure in (8, 10)
    ]
    write(TABLES / "figure_optima.csv", pd.concat(optima).to_csv(index=False).encode())
    record: dict[str, Any] = {"jobs": arguments.jobs, "minutes": arguments.minutes}
    for figure in (7, 8, 9, 10):
        file = arguments.folder / f"figure_{figure}_provenance.json"
        part = json.loads(file.read_text(encoding="utf-8"))
        for name in ("replicates", "core_seconds"):
            part[name] = record.get(name, {}) | part[name]
        part["peak_megabytes"] = max(part["peak_megabytes"], record.get("peak_megabytes", 0))
        record |= part
    write(TABLES / "figure_provenance.json", (json.dumps(record, indent=1) + "\n").encode())


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with seven digits in its errors; an empty field stays empty."""
    return table.assign(
        **{name: [f"{float(x):.7g}" if x else "" for x in table[name].astype(str)]
           for name in ROUNDED}
    )  # fmt: skip


if __name__ == "__main__":
    main()
