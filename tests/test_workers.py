"""Tasks on this machine: their order, their errors, and the threads of BLAS."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from lib import FreshReal, simulate
from lib.models import Gaussian
from lib.reproduce import rerun
from lib.workers import ClusterError, _checked, _in_order, check, environment, one_thread, run

pytestmark = pytest.mark.filterwarnings("error")

TASKS = [(base, exponent) for base in range(5) for exponent in range(4)]
POWERS = [(place, pow(*task)) for place, task in enumerate(TASKS)]


# --- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(n_jobs: int) -> None:
    assert list(run(pow, TASKS, n_jobs=n_jobs)) == POWERS


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_result_comes_once_with_its_place(n_jobs: int) -> None:
    assert sorted(run(pow, TASKS, n_jobs=n_jobs, ordered=False)) == POWERS


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
@pytest.mark.parametrize("ordered", [True, False])
def test_no_task_gives_no_result(n_jobs: int, ordered: bool) -> None:
    assert list(run(pow, [], n_jobs=n_jobs, ordered=ordered)) == []


def test_a_single_task_is_done_in_this_process() -> None:
    assert list(run(os.getpid, [()], n_jobs=2)) == [(0, os.getpid())]


def test_several_tasks_are_done_in_others() -> None:
    assert os.getpid() not in [pid for _, pid in run(os.getpid, [()] * 3, n_jobs=2)]


def test_a_result_is_there_before_the_next_task_is_done() -> None:
    done: list[int] = []
    results = run(done.append, [(place,) for place in range(50)])
    next(results)
    assert len(done) < 50
    results.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_error_of_a_task_is_told_as_it_is(n_jobs: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(run(divmod, [(1, 1), (1, 0), (1, 2)], n_jobs=n_jobs))


FIXED = settings(derandomize=True, deadline=None, max_examples=100, database=None)


@FIXED
@given(st.permutations(range(12)))
def test_results_in_any_order_are_put_in_theirs(order: list[int]) -> None:
    came: list[int] = []

    def arriving() -> Iterator[tuple[int, Any]]:
        for place in order:
            came.append(place)
            yield place, -place

    found = []
    for place, result in _in_order(arriving()):
        assert set(range(place + 1)) <= set(came)
        found.append((place, result))
        # nothing that could be told is kept back
        if place + 1 not in came:
            assert len(came) <= len(order)
    assert found == [(place, -place) for place in range(12)]


def test_a_result_that_is_next_is_not_kept_back() -> None:
    taken: list[int] = []

    def arriving() -> Iterator[tuple[int, Any]]:
        for place in range(5):
            taken.append(place)
            yield place, None

    assert next(_in_order(arriving())) == (0, None)
    assert taken == [0]


# --- bad use -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "2", True, None])
def test_a_number_of_processes_that_cannot_be(n_jobs: Any) -> None:
    with pytest.raises(ValueError, match=r"^`n_jobs` must be an integer of at least 1; got "):
        check(n_jobs, None)


@pytest.mark.parametrize("dask", ["", "  ", 8786, b"tcp://127.0.0.1:8786"])
def test_an_address_that_is_none(dask: Any) -> None:
    with pytest.raises(ValueError, match=r"^`dask` must be the address of a scheduler, such as"):
        check(1, dask)


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_processes_here_and_a_cluster_at_once_are_refused(n_jobs: int) -> None:
    with pytest.raises(ValueError, match=r"^`n_jobs` must be left alone where `dask` is given"):
        check(n_jobs, "tcp://127.0.0.1:8786")


@pytest.mark.parametrize("asked", [{"n_jobs": 0}, {"n_jobs": 2, "dask": "tcp://a:1"}, {"dask": ""}])
def test_who_simulates_is_checked_first(asked: dict[str, Any]) -> None:
    loop = FreshReal(n=10, m=10, w=0.5)
    name = "dask" if asked == {"dask": ""} else "n_jobs"
    with pytest.raises(ValueError, match=f"^`{name}` must be"):
        simulate(Gaussian([0], [[1]]), loop, steps=1, reps=2, **asked)
    with pytest.raises(ValueError, match=f"^`{name}` must be"):
        rerun("8a", reps=2, **asked)


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_what_can_be_is_accepted(n_jobs: int) -> None:
    check(n_jobs, None)
    check(1, "tcp://127.0.0.1:8786")


def test_without_the_package_a_cluster_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install distributed$"):
        list(run(pow, TASKS, dask="tcp://127.0.0.1:9"))


# --- what a worker of another version does ------------------------------------------------------


def test_the_same_version_does_the_task() -> None:
    assert _checked(environment(), 3, pow, (2, 5)) == (3, 32)


@pytest.mark.parametrize("part", ["lib", "numpy", "scipy"])
def test_another_version_refuses_and_names_what_differs(part: str) -> None:
    wanted = environment() | {part: "0.0.0"}
    with pytest.raises(ClusterError) as caught:
        _checked(wanted, 3, pow, (2, 5))
    assert str(caught.value) == f"a worker has {part} {environment()[part]} in place of 0.0.0"


def test_the_refusal_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(ClusterError("a worker has")))  # noqa: S301 - our own
    assert isinstance(error, ClusterError)
    assert str(error) == "a worker has"


# --- processes that end -------------------------------------------------------------------------


def ended_from_outside(place: int) -> int:
    if place == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return place


def test_a_process_that_is_killed_is_told_in_a_line() -> None:
    with pytest.raises(ClusterError, match=r"^a worker process was ended from outside, [^\n]*$"):
        list(run(ended_from_outside, [(place,) for place in range(8)], n_jobs=2))


# --- one thread ----------------------------------------------------------------------------------


def blas() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture
def _two_threads() -> Iterator[None]:
    with threadpool_limits(2, "blas"):
        assert blas() == {2}
        yield


@pytest.mark.usefixtures("_two_threads")
def test_inside_there_is_one_thread_and_afterwards_as_many_as_before() -> None:
    with one_thread:
        assert blas() == {1}
        with one_thread:
            assert blas() == {1}
        assert blas() == {1}
    assert blas() == {2}


@pytest.mark.usefixtures("_two_threads")
def test_an_error_inside_lifts_the_limit() -> None:
    with pytest.raises(KeyError), one_thread:
        raise KeyError
    assert blas() == {2}


@pytest.mark.usefixtures("_two_threads")
def test_inside_there_is_one_thread_whoever_was_inside_before() -> None:
    seen: list[set[int]] = []

    def other() -> None:
        with one_thread:
            seen.append(blas())

    with one_thread:
        pass
    thread = threading.Thread(target=other)
    thread.start()
    thread.join(10)
    # threadpoolctl itself lets only the first thread that ever set a limit set another
    assert seen == [{1}]
    assert blas() == {2}


@pytest.mark.usefixtures("_two_threads")
def test_who_leaves_first_does_not_lift_the_limit_for_the_other() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with one_thread:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert inside.wait(10)
        with one_thread:
            pass
        assert blas() == {1}
    finally:
        leave.set()
        thread.join(10)
    assert blas() == {2}


def test_the_guard_is_not_sent_but_named() -> None:
    assert pickle.loads(pickle.dumps(one_thread)) is one_thread  # noqa: S301 - our own
