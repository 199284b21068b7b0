"""Run panels, chunk by chunk, in memory or with a folder from which a stopped run goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lib import _validate, workers
from lib._validate import Array
from lib.reproduce.panels import Panel, Run, panels
from lib.reproduce.store import MEMORY, SECONDS, Store
from lib.simulate import chunk_errors


@dataclass(frozen=True, eq=False)
class Result:
    """The replicates of some panels.

    Attributes
    ----------
    panels : sequence of Panel
    seed : int
    reps : dict of str to int
        Replicates of each run, by its name.
    errors : dict of str to dict of str to ndarray
        By run and metric: shape (weights or generations, replicates); NaN for a lost replicate.
    seconds, memory : dict of str to float
        Time of one core, and largest memory of a process in MB, by run.
    """

    panels: Sequence[Panel]
    seed: int
    reps: dict[str, int]
    errors: dict[str, dict[str, Array]]
    seconds: dict[str, float]
    memory: dict[str, float]

    def only(self, figure: int | None) -> Result:
        """Return the part that belongs to a figure, or nothing."""
        chosen = [panel for panel in self.panels if panel.figure == figure]
        names = {run.name for panel in chosen for run in panel.runs}
        parts = (self.reps, self.errors, self.seconds, self.memory)
        kept: Any = ({name: one[name] for name in one if name in names} for one in parts)
        return Result(chosen, self.seed, *kept)


def rerun(
    *names: str,
    reps: int | None = None,
    seed: int = 1,
    folder: Path | str | None = None,
    n_jobs: int = 1,
    dask: str | None = None,
    progress: bool | None = None,
    finished: Callable[[str], None] | None = None,
) -> Result:
    """Simulate panels of the paper's figures again.

    Parameters
    ----------
    *names : str
        Figures or panels, such as ``"8"`` or ``"8d"``; all of them by default.
    reps : int, optional
        Replicates; by default the paper's own.
    seed : int, optional
        The same seed gives the same bits, however the work is spread and however often it stops.
    folder : path, optional
        Where finished chunks are kept. A run that was stopped goes on from there.
    n_jobs, dask : optional
        As for `lib.simulate`.
    progress : bool, optional
        Show a progress bar; by default if standard error is a terminal.
    finished : callable, optional
        Told the name of each run that is finished.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If there is no such panel, `reps` < 2, or as `lib.simulate`.
    lib.reproduce.store.StorageError
        If a chunk cannot be written or read.
    lib.workers.ClusterError
        As for `lib.simulate`.

    Examples
    --------
    >>> from lib.reproduce import rerun
    >>> result = rerun("8a", reps=20)
    >>> result.errors["8-gaussian"]["mean"].shape
    (30, 20)
    """
    chosen = panels(*names)
    seed = _validate.integer("seed", seed, least=0)
    if reps is not None:
        reps = _validate.integer("reps", reps, least=2)
    workers.check(n_jobs, dask)
    runs = list({run.name: run for panel in chosen for run in panel.runs}.values())
    counts = {run.name: reps or run.reps for run in runs}
    parts = [
        (run, chunk, size)
        for run in runs
        for chunk, size in enumerate(run.chunks(counts[run.name]))
    ]
    stores = {run.name: Store(Path(folder), run, seed) for run in runs} if folder else {}
    for store in stores.values():
        store.clean()
    kept: dict[tuple[str, int], dict[str, Array]] = {}

    def known(run: Run, chunk: int, size: int) -> bool:
        return bool(stores) and (chunk, size) in stores[run.name]

    todo = [part for part in parts if not known(*part)]
    left = {run.name: sum(part[0] is run for part in todo) for run in runs}
    for name in [name for name, count in left.items() if not count]:
        _tell(finished, name)
    with _bar(parts, todo, progress) as bar:
        tasks = [(run, seed, chunk, size) for run, chunk, size in todo]
        results = workers.run(_chunk, tasks, n_jobs=n_jobs, dask=dask, ordered=False)
        for place, values in results:
            run, chunk, size = todo[place]
            if stores:
                stores[run.name].save(chunk, size, values)
            else:
                kept[run.name, chunk] = values
            bar.set_postfix_str(run.name, refresh=False)
            bar.update(run.seconds(size))
            left[run.name] -= 1
            if not left[run.name]:
                _tell(finished, run.name)

    found: dict[str, list[dict[str, Array]]] = {run.name: [] for run in runs}
    for run, chunk, size in parts:
        stored = stores[run.name].load(chunk, size) if stores else kept.pop((run.name, chunk))
        found[run.name].append(stored)
    return Result(
        chosen,
        seed,
        counts,
        {
            run.name: {
                metric: np.concatenate([part[metric] for part in found[run.name]], axis=-1)
                for metric in run.metrics
            }
            for run in runs
        },
        {name: float(sum(part[SECONDS] for part in chunks)) for name, chunks in found.items()},
        {name: float(max(part[MEMORY] for part in chunks)) for name, chunks in found.items()},
    )


def _tell(finished: Callable[[str], None] | None, name: str) -> None:
    if finished:
        finished(name)


def _bar(
    parts: Sequence[tuple[Run, int, int]],
    todo: Sequence[tuple[Run, int, int]],
    progress: bool | None,
) -> tqdm[Any]:
    total = sum(run.seconds(size) for run, _, size in parts)
    return tqdm(
        total=total,
        initial=total - sum(run.seconds(size) for run, _, size in todo),
        disable=not (sys.stderr.isatty() if progress is None else progress),
        bar_format="{percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} left{postfix}",
    )


def _chunk(run: Run, seed: int, chunk: int, reps: int) -> dict[str, Array]:
    """Simulate one chunk of a run: the errors of each replicate."""
    start = time.process_time()
    paths: dict[str, list[Array]] = {metric: [] for metric in run.metrics}
    for _, errors in chunk_errors(
        run.model, run.loop, run.metrics, times=run.times, seed=seed, chunk=chunk, reps=reps
    ):
        for metric, values in errors.items():
            paths[metric].append(values)
    if run.burn_in is None:
        found = {metric: np.concatenate(path) for metric, path in paths.items()}
    else:
        found = {metric: np.mean(path, axis=0) for metric, path in paths.items()}
    spent = time.process_time() - start
    return found | {SECONDS: np.array(spent), MEMORY: np.array(_peak())}


def _peak() -> float:
    """Return the largest memory that this process has had, in MB; NaN where that is not told."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return np.nan
    unit = 1024.0**2 if sys.platform == "darwin" else 1024.0  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
