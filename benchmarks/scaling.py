"""How the cost grows: measured here, drawn on the page *At scale*.

Three tables go to `lib/tables`: ``speed_growth.csv``, in which one of n, m, p, T and the number of
replicates grows while the others stay; ``speed_parts.csv``, where the time of Scenario 2 goes; and
``speed_workers.csv``, the same work on more processes and on workers of a Dask cluster on this
machine. Run it with ``make scaling``, on a quiet machine.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from lib import FreshReal, simulate
from lib.models import (
    EmpiricalCDF,
    Gaussian,
    LinearRegression,
    LogisticRegression,
    Model,
    PoissonRegression,
)
from lib.reproduce.store import write

TABLES = Path(__file__).parents[1] / "lib" / "tables"

WEIGHTS = np.arange(20, 80, 2) / 100

MODELS: dict[str, Callable[[int], Model]] = {
    "Gaussian": lambda p: Gaussian(np.zeros(p), np.eye(p)),
    "linear": lambda p: LinearRegression(np.ones(p) / p**0.5),
    "logistic": lambda p: LogisticRegression(np.ones(p) / p**0.5),
    "Poisson": lambda p: PoissonRegression(np.ones(p) / p**0.5),
    "distribution function": lambda _: EmpiricalCDF(),
}

BASE = {"n": 100, "m": 100, "p": 2, "T": 100, "replicates": 33}

GROWTH = {
    "n": [100, 200, 400, 800, 1600],
    "m": [100, 400, 1600, 6400],
    "p": [2, 4, 8, 16],
    "T": [25, 50, 100, 200],
    "replicates": [33, 66, 132],
}


def spent(run: Callable[[], object], times: int = 3) -> float:
    """Return the median process time of a run, in seconds; a long run is timed once."""
    found: list[float] = []
    while len(found) < times and sum(found) < 2:
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return median(found)


def growth() -> pd.DataFrame:
    """Let one size grow at a time."""
    rows = []
    for name, make in MODELS.items():
        for factor, sizes in GROWTH.items():
            if factor == "p" and name == "distribution function":
                continue
            for size in sizes:
                now = BASE | {factor: size}
                loop = FreshReal(n=now["n"], m=now["m"], w=WEIGHTS)
                model = make(now["p"])
                seconds = spent(
                    lambda model=model, loop=loop, now=now: simulate(  # type: ignore[misc]
                        model, loop, steps=now["T"], reps=now["replicates"], progress=False
                    )
                )
                rows.append({"model": name, "factor": factor, "size": size, "seconds": seconds})
                print(f"{name:<22} {factor:<10} {size:>6} {seconds:8.3f} s", flush=True)
    return pd.DataFrame(rows)


def parts() -> pd.DataFrame:
    """Profile Scenario 2 and name the functions that take the most time of their own."""
    rows = []
    for name, make in MODELS.items():
        loop, reps = FreshReal(n=100, m=100, w=WEIGHTS), 66
        profile = cProfile.Profile()
        profile.enable()
        simulate(make(2), loop, steps=199, burn_in=150, reps=reps, progress=False)
        profile.disable()
        stats: Any = pstats.Stats(profile)
        total = stats.total_tt
        own = sorted(((value[2] / total, key) for key, value in stats.stats.items()), reverse=True)
        for share, (file, _, function) in own[:6]:
            rows.append({"model": name, "part": _named(file, function), "share": share})
    return pd.DataFrame(rows)


def _named(file: str, function: str) -> str:
    """Return what a reader would call a function of a profile."""
    if file == "~":  # built in: <method 'sort' of 'numpy.ndarray' objects>
        found = re.search(r"method '?([\w.]+)", function)
        return f"numpy {(found[1] if found else function).split('.')[-1]}"
    inside = "lib" if "numpy" not in Path(file).parts else "numpy"
    return f"{Path(file).stem}.{function}" if inside == "lib" else f"numpy {function}"


def panel(**where: Any) -> float:
    """Return the wall time of a fixed piece of logistic regression."""
    start = time.perf_counter()
    simulate(
        LogisticRegression([1, 1]),
        FreshReal(n=100, m=100, w=WEIGHTS),
        steps=199,
        reps=660,
        progress=False,
        **where,
    )
    return time.perf_counter() - start


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Start a scheduler and workers on the loopback address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        here = ["--host", "127.0.0.1", "--no-dashboard"]
        module = [sys.executable, "-m"]
        started = [
            subprocess.Popen(  # noqa: S603 - our own interpreter
                [
                    *module,
                    "distributed.cli.dask_scheduler",
                    *here,
                    "--port",
                    "0",
                    "--scheduler-file",
                    str(file),
                ],
                **quiet,
            )
        ]
        try:
            while not file.exists():
                time.sleep(0.1)
            address: str = json.loads(file.read_text())["address"]
            started += [
                subprocess.Popen(  # noqa: S603
                    [
                        *module,
                        "distributed.cli.dask_worker",
                        address,
                        *here,
                        "--no-nanny",
                        "--nthreads",
                        "1",
                        "--local-directory",
                        folder,
                    ],
                    **quiet,
                )
                for _ in range(workers)
            ]
            time.sleep(4)
            yield address
        finally:
            for process in started:
                process.kill()
                process.wait()


def spread() -> pd.DataFrame:
    """Time the same work on more and more workers."""
    most = os.cpu_count() or 1
    rows = []
    for workers in range(1, most + 1):
        panel(n_jobs=workers)  # starts the processes
        seconds = median(panel(n_jobs=workers) for _ in range(3))
        rows.append({"kind": "processes", "workers": workers, "seconds": seconds})
        with cluster(workers) as address:
            panel(dask=address)
            seconds = median(panel(dask=address) for _ in range(3))
        rows.append({"kind": "Dask workers", "workers": workers, "seconds": seconds})
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, and write the tables."""
    for name, measure in (("workers", spread), ("parts", parts), ("growth", growth)):
        table = measure().round(4)
        print(table.to_string(index=False))
        write(TABLES / f"speed_{name}.csv", table.to_csv(index=False).encode())


if __name__ == "__main__":
    main()
