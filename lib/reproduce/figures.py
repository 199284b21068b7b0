"""Write what a run of the paper's figures has found: tables, charts, and how it was made."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lib.charts.figures import collapse_figure, flood_figure, weight_figure
from lib.provenance import environment
from lib.reproduce.running import Result
from lib.reproduce.store import write
from lib.reproduce.tables import optima, table

Draw = Callable[[pd.DataFrame, pd.DataFrame], Any]

_CHARTS: dict[int, Draw] = {
    7: lambda points, _: collapse_figure(
        points, description="Figure 7: errors of chains that see synthetic rows only"
    ),
    8: lambda points, best: weight_figure(
        points, best, description="Figure 8: errors against the weight on fresh real rows"
    ),
    9: lambda points, _: flood_figure(
        points, description="Figure 9: naive mixing and the best weight against k"
    ),
    10: lambda points, best: weight_figure(
        points, best, description="Figure 10: errors against the weight on the Adult data"
    ),
}


def write_figures(result: Result, folder: Path) -> Iterator[str]:
    """Write a table and a chart of every figure, the best weights, and a record of the run.

    Parameters
    ----------
    result : Result
    folder : Path

    Yields
    ------
    str
        Lines that tell what was found and written.

    Raises
    ------
    lib.reproduce.store.StorageError
        If a file cannot be written; those that are there are whole.
    """
    points = table(result)
    enough = min(result.reps.values()) >= 20  # an interval needs some replicates
    best = optima(result) if enough else optima(Result((), result.seed, {}, {}, {}, {}))
    for figure in dict.fromkeys(points["figure"]):
        rows = points[points["figure"] == figure]
        file = folder / f"figure_{figure}.csv"
        write(file, rows.to_csv(index=False).encode())
        chart = _CHARTS[figure](rows, best)
        page = folder / f"figure_{figure}.html"
        write(page, chart.properties(width=640, height=400).to_html(inline=True).encode())
        yield f"Figure {figure}: {len(rows)} points in {file}, a chart in {page}"
    if len(best):
        write(folder / "figure_optima.csv", best.to_csv(index=False).encode())
        for row in best.to_dict("records"):
            theory = f", theory {row['theory']:.4f}" if pd.notna(row["theory"]) else ""
            yield (
                f"{row['panel']:<4} {row['title']} ({row['metric']}): best weight {row['w']:.4f}, "
                f"{row['confidence']:.0%} in [{row['low']:.4f}, {row['high']:.4f}]{theory}"
            )
    write(folder / "figure_provenance.json", (json.dumps(record(result), indent=1) + "\n").encode())


def record(result: Result) -> dict[str, Any]:
    """Return how a result was made.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict
        Ready for JSON.
    """
    known = environment()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seed": result.seed,
        "version": known.pop("lib"),
        **known,
        "python": platform.python_version(),
        "processor": _processor(),
        "peak_megabytes": round(max(result.memory.values()), 1),
        "replicates": result.reps,
        "core_seconds": {name: round(spent, 2) for name, spent in result.seconds.items()},
    }


def _processor() -> str:
    """Return the name of the processor, as well as this machine knows it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
