"""Run independent tasks: one after the other, on the cores of this machine, or on a Dask cluster.

A task is a call of a function of a module, and its result depends on its arguments alone. So the
results are the same wherever they are computed, if code and libraries are: workers of a cluster
refuse tasks of another version.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from joblib import Parallel, delayed
from threadpoolctl import (  # type: ignore[import-untyped]
    OpenBLASController,
    threadpool_limits,
)

from lib import _validate
from lib.provenance import environment

ANSWER = 5.0
"""Seconds in which a scheduler has to answer, and to show a worker."""

AHEAD = 4
"""Tasks that are sent to a cluster ahead of time, for each of its threads."""

Task = tuple[Any, ...]
"""The arguments of a call."""


class ClusterError(RuntimeError):
    """The workers cannot be reached, or cannot do the work."""


def check(n_jobs: int, dask: str | None) -> None:
    """Raise a ``ValueError`` for workers that cannot be.

    Parameters
    ----------
    n_jobs : int
        Processes on this machine; -1 for one a core.
    dask : str or None
        Address of a scheduler, in place of processes.
    """
    if n_jobs != -1:
        n_jobs = _validate.integer("n_jobs", n_jobs)
    if dask is None:
        return
    if not isinstance(dask, str) or not dask.strip():
        raise _validate.fail("dask", "the address of a scheduler, such as tcp://host:8786", dask)
    if n_jobs != 1:
        raise _validate.fail("n_jobs", "left alone where `dask` is given", n_jobs)


def run(
    function: Callable[..., Any],
    tasks: Sequence[Task],
    *,
    n_jobs: int = 1,
    dask: str | None = None,
    ordered: bool = True,
) -> Iterator[tuple[int, Any]]:
    """Call a function with each of several tuples of arguments.

    Parameters
    ----------
    function : callable
        A function of a module that workers can import.
    tasks : sequence of tuple
    n_jobs, dask : optional
        As in `check`.
    ordered : bool, optional
        Yield in the order of the tasks, or else each as soon as it is finished.

    Yields
    ------
    place : int
        Which of the tasks.
    result
        What the function returned.

    Raises
    ------
    ClusterError
        If a process on this machine is ended from outside; if no scheduler answers within a few
        seconds, it has no workers, these have another version of the code or of NumPy or SciPy,
        or the connection is lost.
    """
    if not tasks:
        return
    if dask is None:
        yield from _on_this_machine(function, tasks, n_jobs, ordered)
    elif ordered:
        yield from _in_order(_on_cluster(function, tasks, dask))
    else:
        yield from _on_cluster(function, tasks, dask)


def _on_this_machine(
    function: Callable[..., Any], tasks: Sequence[Task], n_jobs: int, ordered: bool
) -> Iterator[tuple[int, Any]]:
    jobs = (delayed(_placed)(place, function, task) for place, task in enumerate(tasks))
    kind = "generator" if ordered else "generator_unordered"
    try:
        with _deaf():
            results = Parallel(n_jobs=n_jobs if len(tasks) > 1 else 1, return_as=kind)(jobs)
        yield from results
    except BrokenProcessPool:
        text = "a worker process was ended from outside, perhaps for want of memory"
        raise ClusterError(f"{text}: fewer processes need less") from None


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that leave Ctrl-C to the one that starts them, and say nothing of it."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield  # only the main thread may change a handler, and only one that Python has set
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _placed(place: int, function: Callable[..., Any], task: Task) -> tuple[int, Any]:
    return place, function(*task)


def _in_order(results: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    early: dict[int, Any] = {}
    wanted = 0
    for place, result in results:
        early[place] = result
        while wanted in early:
            yield wanted, early.pop(wanted)
            wanted += 1


def _on_cluster(
    function: Callable[..., Any], tasks: Sequence[Task], address: str
) -> Iterator[tuple[int, Any]]:
    try:
        # slow to import, and needed for nothing else
        import distributed  # noqa: PLC0415
        from distributed.comm.core import CommClosedError  # noqa: PLC0415
    except ImportError:
        text = "a Dask cluster needs the package distributed: pip install distributed"
        raise ClusterError(text) from None
    mine = environment()
    with _client(distributed, address) as client:
        waiting = iter(enumerate(tasks))

        def submit(count: int) -> list[Any]:
            chosen = [item for _, item in zip(range(count), waiting, strict=False)]
            # not pure: what a key would be made of is as large as the task itself
            return [
                client.submit(_checked, mine, place, function, task, pure=False)
                for place, task in chosen
            ]

        try:
            threads = sum(client.nthreads().values())
            finished = distributed.as_completed(  # type: ignore[no-untyped-call]
                submit(max(1, AHEAD * threads)), loop=client.loop
            )
            for future in finished:
                result = future.result()
                future.release()
                for more in submit(1):
                    finished.add(more)  # type: ignore[no-untyped-call]
                yield result
        except (distributed.CancelledError, CommClosedError) as error:
            reason = str(error).splitlines()[0]
            raise ClusterError(f"the connection to {address} was lost: {reason}") from None
        except distributed.KilledWorker as error:
            raise ClusterError(f"a task has ended several workers of {address}: {error}") from None
        except ModuleNotFoundError as error:
            raise ClusterError(f"the workers of {address} lack a module: {error}") from None


@contextmanager
def _client(distributed: Any, address: str) -> Iterator[Any]:
    """Connect, or say within seconds that it cannot be done."""

    async def greet() -> None:
        async with distributed.rpc(address, timeout=ANSWER) as peer:
            found = await asyncio.wait_for(peer.identity(), ANSWER + 1)
        if found.get("type") != "Scheduler":
            raise ValueError(f"a {found.get('type')} is there")

    # a greeting first: a client that fails as it is made hangs when it is thrown away. In a thread
    # of its own, as a notebook's has a running event loop already
    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, greet()).result()
        client = distributed.Client(address, timeout=ANSWER, set_as_default=False)
    except Exception as error:  # whatever answers there may be no scheduler at all
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(f"no Dask scheduler answers at {address}: {reason}") from None
    with _quiet(), client:
        try:
            client.wait_for_workers(1, timeout=ANSWER)
        except TimeoutError:
            raise ClusterError(f"the Dask scheduler at {address} has no workers") from None
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep a client from logging tracebacks of what becomes a `ClusterError` here."""
    logger = logging.getLogger("distributed.client")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _checked(wanted: dict[str, str], place: int, function: Callable[..., Any], task: Task) -> Any:
    """Do a task on a worker of a cluster, if its results are those that this machine would get."""
    here = environment()
    if here != wanted:
        other = [f"{key} {here[key]} in place of {wanted[key]}" for key in wanted]
        other = [text for text, key in zip(other, wanted, strict=True) if here[key] != wanted[key]]
        raise ClusterError(f"a worker has {', '.join(other)}")
    return place, function(*task)


class _OneThread:
    """Hold BLAS to one thread as long as any thread of this process is inside.

    How a sum is split depends on the number of threads: with another one, the last bits differ. The
    limit is the process's, so that threads side by side, as a worker of a cluster may have, must
    not lift it for each other. threadpoolctl lets one thread set it, and ignores the others until
    that one is cleared.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                OpenBLASController.clear_controlling_thread(force=True)
                self._limits = threadpool_limits(1, "blas")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                OpenBLASController.clear_controlling_thread(force=True)
                self._limits.restore_original_limits()
                OpenBLASController.clear_controlling_thread(force=True)

    def __reduce__(self) -> str:
        return "one_thread"  # a lock is not sent to another process, which has its own


one_thread = _OneThread()
