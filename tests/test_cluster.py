"""A Dask cluster: the same bits as here, whoever dies; and no waiting where there is none.

Schedulers and workers are real processes on the loopback address.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import lib.__main__ as cli
from lib import FreshReal, simulate, workers
from lib.models import Gaussian, LinearRegression
from lib.provenance import environment
from lib.reproduce import Result, rerun
from lib.simulate import Simulation
from lib.workers import ClusterError, run

pytest.importorskip("distributed")

ROOT = Path(__file__).parents[1]
LIMIT = 60  # seconds, for what takes a few
CHUNKS = 24
REPS = 266 * CHUNKS  # of the runs below, so that a stop or a kill comes in mid-run


def waited(condition: Callable[[], Any], *needed: subprocess.Popen[str]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        for process in needed:
            assert process.poll() is None, process.args
        assert time.monotonic() < end
        time.sleep(0.01)


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)
        )
        waited(lambda: file.exists() and file.read_text().endswith("}"), self.scheduler)
        self.address: str = json.loads(file.read_text())["address"]
        self.workers: list[subprocess.Popen[str]] = []

    def _log(self, number: int) -> Path:
        return self.folder / f"{number}.log"

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[str]:
        with self._log(len(self.started)).open("w") as log:
            self.started.append(
                subprocess.Popen(  # noqa: S603 - our own
                    [
                        *(sys.executable, "-m", f"distributed.cli.dask_{kind}"),
                        *arguments,
                        "--no-dashboard",
                    ],
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                    text=True,
                )
            )
        return self.started[-1]

    def log(self, process: subprocess.Popen[str]) -> str:
        return self._log(self.started.index(process)).read_text()

    def workforce(self, count: int, threads: int = 1) -> None:
        """Start as many workers as are missing, and wait until the scheduler knows them."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        for _ in range(count - len(self.workers)):
            place = str(self.folder / f"worker{len(self.started)}")
            self.workers.append(
                self._start(
                    *("worker", self.address, "--nthreads", str(threads), "--no-nanny"),
                    *("--host", "127.0.0.1", "--local-directory", place),
                )
            )
        for worker in self.workers:
            waited(lambda worker=worker: "Registered to:" in self.log(worker), worker)

    def kill_one(self) -> None:
        self.workers[0].send_signal(signal.SIGKILL)
        self.workers[0].wait(LIMIT)

    def close(self) -> None:
        for process in reversed(self.started):
            process.kill()
            process.wait(LIMIT)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    one = Cluster(tmp_path_factory.mktemp("cluster"))
    yield one
    one.close()


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """Two workers with one thread each."""
    shared.workforce(2)
    return shared


def simulated(**options: Any) -> Simulation:
    model = Gaussian([0, 0], [[1, 0.5], [0.5, 2]])
    loop = FreshReal(n=10, m=20, w=[0.2 + 0.02 * i for i in range(30)])
    return simulate(model, loop, steps=40, reps=REPS, seed=3, progress=False, **options)


here = cache(simulated)
figure = cache(lambda: rerun("8a", reps=REPS, seed=3, progress=False))


def same(one: Result, other: Result) -> bool:
    return all(
        values.tobytes() == other.errors["8-gaussian"][metric].tobytes()
        for metric, values in one.errors["8-gaussian"].items()
    )


def same_simulation(one: Simulation, other: Simulation) -> bool:
    return one.path().equals(other.path()) and one.summary().equals(other.summary())


def watched(at_first: Callable[[], object], seen: list[int]) -> Callable[..., Iterator[Any]]:
    """Return `workers.run` that does something when the first result has arrived."""
    real = workers.run

    def running(function: Any, tasks: Any, **options: Any) -> Iterator[Any]:
        for place, result in real(function, tasks, **options):
            if not seen:
                at_first()
            seen.append(place)
            yield place, result

    return running


# --- the same bits -------------------------------------------------------------------------------


def test_a_simulation_has_the_bits_of_this_machine(cluster: Cluster) -> None:
    assert same_simulation(simulated(dask=cluster.address), here())


def test_results_come_once_and_in_order_if_asked(cluster: Cluster) -> None:
    tasks = [(base, exponent) for base in range(10) for exponent in range(5)]
    expected = [(place, pow(*task)) for place, task in enumerate(tasks)]
    assert list(run(pow, tasks, dask=cluster.address)) == expected
    assert sorted(run(pow, tasks, dask=cluster.address, ordered=False)) == expected
    assert list(run(pow, [], dask=cluster.address)) == []


def test_the_work_is_done_by_both_workers(cluster: Cluster) -> None:
    pids = {pid for _, pid in run(os.getpid, [()] * 20, dask=cluster.address)}
    assert pids == {worker.pid for worker in cluster.workers}


def test_who_stops_listening_leaves_the_cluster_usable(cluster: Cluster) -> None:
    results = run(pow, [(2, n) for n in range(50)], dask=cluster.address)
    assert next(results) == (0, 1)
    results.close()  # type: ignore[attr-defined]  # a generator
    assert list(run(pow, [(2, 5)], dask=cluster.address)) == [(0, 32)]


def test_the_error_of_a_task_is_told_as_it_is(cluster: Cluster) -> None:
    with pytest.raises(ZeroDivisionError):
        list(run(divmod, [(1, 1), (1, 0), (1, 2)], dask=cluster.address))


def test_metrics_may_be_functions(cluster: Cluster) -> None:
    model, loop = LinearRegression([1, 1]), FreshReal(n=10, m=10, w=0.5)
    options: dict[str, Any] = {"steps": 3, "reps": 50, "metrics": {"first": lambda f: f[..., 0]}}
    one, other = (
        simulate(model, loop, **options),
        simulate(model, loop, **options, dask=cluster.address),
    )
    assert same_simulation(one, other)


def test_the_command_line_has_the_bits_of_this_machine(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = []
    for name, options in (("here", []), ("there", ["--dask", cluster.address])):
        out = tmp_path / name
        asked = ["reproduce", "8a", "--reps", "600", "--out", str(out), *options]
        assert cli.main(asked) == 0
        tables.append((out / "figure_8a.csv").read_bytes())
        told = capsys.readouterr()
        assert told.err == "8-gaussian finished\n"
        assert len(list(out.rglob("*.npz"))) == 3
    assert tables[0] == tables[1]


# --- a worker that dies --------------------------------------------------------------------------


def test_a_simulation_outlives_a_worker(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(workers, "run", watched(cluster.kill_one, seen))
    found = simulated(dask=cluster.address)
    assert len(seen) == CHUNKS
    assert cluster.workers[0].returncode == -signal.SIGKILL
    assert same_simulation(found, here())


def test_a_figure_outlives_a_worker(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(workers, "run", watched(cluster.kill_one, seen))
    found = rerun("8a", reps=REPS, seed=3, dask=cluster.address, folder=tmp_path, progress=False)
    assert len(seen) == CHUNKS
    assert cluster.workers[0].returncode == -signal.SIGKILL
    assert same(found, figure())


def hearing() -> None:
    """Let a process hear Ctrl-C, also where the tests run in the background, which does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def command() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `python -m lib reproduce 8a`, and end it afterwards."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        asked = ["reproduce", "8a", "--reps", str(REPS), "--seed", "3", *arguments]
        processes.append(
            subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", "lib", *asked],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=hearing,  # noqa: PLW1509 - all it does is to reset a handler
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=LIMIT)


def test_the_command_line_outlives_a_worker(
    cluster: Cluster, command: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = command("--dask", cluster.address, "--out", str(tmp_path))
    waited(lambda: list(tmp_path.rglob("*.npz")), process)
    cluster.kill_one()
    assert len(list(tmp_path.rglob("*.npz"))) < CHUNKS
    _, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert "Traceback" not in error
    again = rerun("8a", reps=REPS, seed=3, folder=tmp_path / "chunks", progress=False)
    assert same(again, figure())


def test_a_stop_from_the_keyboard_is_one_line_and_goes_on_here(
    cluster: Cluster, command: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = command("--dask", cluster.address, "--out", str(tmp_path))
    waited(lambda: list(tmp_path.rglob("*.npz")), process)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert (out, error) == ("", "python -m lib: stopped\n")
    assert 0 < len(list(tmp_path.rglob("*.npz"))) < CHUNKS
    again = rerun("8a", reps=REPS, seed=3, folder=tmp_path / "chunks", progress=False)
    assert same(again, figure())


# --- who is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["lib", "numpy", "scipy"])
def test_workers_of_another_version_are_refused(
    part: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = environment() | {part: "0.0.0"}
    monkeypatch.setattr(workers, "environment", lambda: other)
    text = f"^a worker has {part} .* in place of 0.0.0$"
    with pytest.raises(ClusterError, match=text):
        rerun("8a", reps=2, dask=cluster.address, progress=False)


def test_processes_here_beside_a_cluster_are_refused(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["8a", "--reps", "2", "--jobs", "2", "--dask", cluster.address, "--out", str(tmp_path)]
    assert cli.main(["reproduce", *asked]) == cli.BAD_USE
    (line,) = capsys.readouterr().err.splitlines()
    assert "must be left alone where" in line


MALFORMED = [
    "nonsense",
    "tcp://",
    "foo://127.0.0.1:80",
    "127.0.0.1",
    "inproc://x/1",
    "tls://127.0.0.1:9",
    "http://[::1",
]


@pytest.mark.parametrize("address", MALFORMED)
def test_an_address_that_is_malformed(address: str) -> None:
    before = threading.active_count()
    start = time.monotonic()
    with pytest.raises(ClusterError, match=r"^no Dask scheduler answers at ") as caught:
        list(run(pow, [(2, 3)], dask=address))
    assert time.monotonic() - start < 10
    assert len(str(caught.value).splitlines()) == 1
    assert threading.active_count() == before


def test_a_cluster_that_is_not_there_is_one_line_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["8a", "--reps", "2", "--dask", "nonsense", "--out", str(tmp_path)]
    assert cli.main(["reproduce", *asked]) == cli.BAD_USE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m lib: no Dask scheduler answers at nonsense: ")


# --- what answers is no cluster ------------------------------------------------------------------

ASKS = """
import sys, threading, time
from lib.workers import ClusterError, run
import distributed
start = time.monotonic()
try:
    print(list(run(pow, [(2, n) for n in range(20000)], dask=sys.argv[1])))
except ClusterError as error:
    print(f"{time.monotonic() - start:.1f}")
    print(error)
print(*(thread.name for thread in threading.enumerate()))
"""


class Server:
    """Something that accepts connections and is no scheduler."""

    def __init__(self, answer: bytes) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.answer = answer
        self.open: list[socket.socket] = []
        self.address = f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.open.append(connection)
                connection.sendall(self.answer)

    def close(self) -> None:
        for one in (self.socket, *self.open):
            one.close()


NONE = ("silent", "garbage", "closed", "idle", "worker")


@pytest.fixture(scope="module")
def asked(
    shared: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Ask for work at addresses that cannot do it: all at once, as some wait for five seconds."""
    servers = {
        "silent": Server(b""),
        "garbage": Server(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50),
    }
    idle, lost = (Cluster(tmp_path_factory.mktemp(name)) for name in ("idle", "lost"))
    processes: dict[str, subprocess.Popen[str]] = {}

    def ask(name: str, address: str) -> None:
        processes[name] = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-c", ASKS, address],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    try:
        for name, server in servers.items():
            ask(name, server.address)
        ask("idle", idle.address)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        ask("closed", f"tcp://127.0.0.1:{port}")
        lost.workforce(1)
        shared.workforce(2)
        log = shared.log(shared.workers[0])
        ask("worker", log.split("Start worker at:")[1].split()[0])
        ask("lost", lost.address)
        waited(lambda: "Receive client connection" in lost.log(lost.scheduler), processes["lost"])
        time.sleep(0.5)  # some of its tasks are done
        assert processes["lost"].poll() is None
        lost.scheduler.kill()
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.communicate(timeout=LIMIT)
        for one in (*servers.values(), idle, lost):
            one.close()


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_cluster_is_told_within_seconds(
    name: str, asked: dict[str, subprocess.Popen[str]]
) -> None:
    out, error = asked[name].communicate(timeout=LIMIT)
    spent, line, threads = out.splitlines()
    assert float(spent) < 15
    said = "has no workers" if name == "idle" else "no Dask scheduler answers at tcp://127.0.0.1:"
    assert said in line
    assert threads == "MainThread"
    assert error == ""
    assert asked[name].returncode == 0


def test_a_scheduler_that_is_lost_is_told_within_seconds(
    asked: dict[str, subprocess.Popen[str]],
) -> None:
    out, error = asked["lost"].communicate(timeout=LIMIT)
    spent, line, *_, threads = out.splitlines()
    assert float(spent) < 30
    assert line.startswith("the connection to tcp://127.0.0.1:")
    assert threads == "MainThread"
    assert asked["lost"].returncode == 0
    assert error == ""
    assert len(out.splitlines()) == 3


# --- workers with threads ------------------------------------------------------------------------


def test_a_worker_with_two_threads_has_the_bits_of_this_machine(tmp_path: Path) -> None:
    one = Cluster(tmp_path)
    try:
        one.workforce(1, threads=2)
        assert same_simulation(simulated(dask=one.address), here())
        options: dict[str, Any] = {"reps": 35, "seed": 3, "progress": False}
        found = [rerun("8e", **options, **where) for where in ({}, {"dask": one.address})]
        values, others = (result.errors["8-logistic"]["theta"] for result in found)
        assert values.tobytes() == others.tobytes()
    finally:
        one.close()
