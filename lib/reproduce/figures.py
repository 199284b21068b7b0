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
from lib.reproduce.panels import panels
from lib.reproduce.running import Result
from lib.reproduce.store import write
from lib.reproduce.tables import optima, table

WITH_WEIGHTS = (8, 10)
"""Figures over a grid of weights, which have a best one."""

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
    """Write a table and a chart of every figure, its best weights, and a record of the run.

    Files of a whole figure are named after it, ``figure_8.csv``; those of some of its panels after
    these, ``figure_8ad.csv``.

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
    for figure in dict.fromkeys(panel.figure for panel in result.panels):
        part = result.only(figure)
        chosen = "".join(panel.letter for panel in part.panels)
        whole = len(part.panels) == len(panels(str(figure)))
        stem = folder / f"figure_{figure}{'' if whole else chosen}"
        points = table(part)
        # an interval needs some replicates
        best = optima(part if min(part.reps.values()) >= 20 else part.only(None))
        chart = _CHARTS[figure](points, best).properties(width=640, height=400)
        files = {
            ".csv": points.to_csv(index=False),
            ".html": chart.to_html(inline=True),
            "_provenance.json": json.dumps(record(part), indent=1) + "\n",
        }
        if figure in WITH_WEIGHTS:
            files["_optima.csv"] = best.to_csv(index=False)
        for ending, text in files.items():
            write(stem.with_name(stem.name + ending), text.encode())
        yield f"Figure {figure}: {len(points)} points in {stem}.csv, a chart in {stem}.html"
        for row in best.to_dict("records"):
            theory = f", theory {row['theory']:.4f}" if pd.notna(row["theory"]) else ""
            yield (
                f"{row['panel']:<4} {row['title']} ({row['metric']}): best weight {row['w']:.4f}, "
                f"{row['confidence']:.0%} in [{row['low']:.4f}, {row['high']:.4f}]{theory}"
            )


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
