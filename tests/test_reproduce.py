"""The paper's figures: its settings, the same bits however a run is spread and stopped, tables."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from lib import FreshReal, FullySynthetic, optimal_weight, simulate
from lib.data import PREDICTORS, adult_counts, adult_income
from lib.models import Gaussian, LinearRegression, ScaledStart
from lib.provenance import version
from lib.reproduce import (
    Result,
    against_theory,
    agreement,
    optima,
    panels,
    published,
    rerun,
    running,
    store,
    table,
)
from lib.reproduce import published as published_function
from lib.reproduce.panels import TIMES, WEIGHTS, Panel, RawCoefficients, Run
from lib.reproduce.store import StorageError, Store
from lib.reproduce.tables import COLUMNS, QUANTILES, estimable, quantile, rank

pytestmark = pytest.mark.filterwarnings("error")

ROOT = Path(__file__).parents[1]
LIMIT = 60  # seconds, for what takes two
published_module = sys.modules[published_function.__module__]

rerun_quietly = cache(lambda *names, **options: rerun(*names, progress=False, **options))


def panel(name: str) -> Panel:
    (one,) = panels(name)
    return one


def run_of(name: str) -> Run:
    return panel(name).runs[0]


def same(one: Result, other: Result) -> bool:
    """Whether two results agree bit by bit."""
    return one.errors.keys() == other.errors.keys() and all(
        values.tobytes() == other.errors[name][metric].tobytes()
        and values.shape == other.errors[name][metric].shape
        for name, found in one.errors.items()
        for metric, values in found.items()
    )


def made(name: str, seed: int = 1, **errors: Any) -> Result:
    """Return a result of one panel with these errors, by metric."""
    one = panel(name)
    found = {metric: np.asarray(values, float) for metric, values in errors.items()}
    reps = next(iter(found.values())).shape[1]
    names = [run.name for run in one.runs]
    return Result(
        (one,),
        seed,
        dict.fromkeys(names, reps),
        dict.fromkeys(names, found),
        dict.fromkeys(names, 0.0),
        dict.fromkeys(names, 0.0),
    )


# --- settings of the paper -----------------------------------------------------------------------

LETTERS = "abcdef"
KINDS = ("Gaussian", "Gaussian", "EmpiricalCDF", "Linear", "Logistic", "Poisson")
METRICS = ("mean", "covariance", "cdf", "theta", "theta", "theta")
SIX = list(zip(LETTERS, KINDS, METRICS, strict=True))


def test_all_panels_in_the_order_of_the_paper() -> None:
    ids = [f"{figure}{letter}" for figure in (7, 8, 9) for letter in LETTERS]
    assert [one.id for one in panels()] == [*ids, "10a", "10b", "10c", "10d"]
    assert [one.id for one in panels("10", "7")] == [*ids[:6], "10a", "10b", "10c", "10d"]
    assert [one.id for one in panels("8d", "8d", "7f", "8")] == ["7f", *ids[6:12]]


@pytest.mark.parametrize("name", ["", "6", "11", "8g", "10e", "d", "88", "8D", " 8", "1", "0"])
def test_a_figure_that_is_none(name: str) -> None:
    text = re.escape("`figure` must be a figure (7, 8, 9, 10) or one of its panels, such as 8d; ")
    with pytest.raises(ValueError, match=f"^{text}"):
        panels("7", name)


@pytest.mark.parametrize(("letter", "kind", "metric"), SIX)
def test_figure_7(letter: str, kind: str, metric: str) -> None:
    one = panel(f"7{letter}")
    (run,) = one.runs
    assert type(run.loop) is FullySynthetic
    assert (run.loop.n, run.loop.m, run.steps, run.reps) == (100, 100, 999, 1000)
    assert one.metric == metric
    assert run.burn_in is None
    assert run.times == run.columns.tolist() == TIMES.tolist()
    if kind == "Gaussian":
        assert isinstance(run.model, Gaussian)
        assert run.model.mean.tolist() == [0] * 4
        assert run.model.cov.tolist() == (np.eye(4) / 4).tolist()
    elif kind == "EmpiricalCDF":
        assert type(run.model).__name__ == kind
    else:
        assert isinstance(run.model, ScaledStart)
        assert type(run.model.model).__name__ == f"{kind}Regression"
        assert run.model.scale == 0.5  # X ~ N(0, I/4)
        assert run.model.model.theta.tolist() == [1, 1, 1, 1]
        assert not run.model.model.intercept


def test_generations_of_figure_7_start_with_the_first_and_end_with_the_last() -> None:
    assert TIMES[0] == 0
    assert TIMES[-1] == 999
    assert (np.diff(TIMES) > 0).all()


@pytest.mark.parametrize("figure", [8, 9])
@pytest.mark.parametrize(("letter", "kind", "metric"), SIX)
def test_the_plane_of_figures_8_and_9(figure: int, letter: str, kind: str, metric: str) -> None:
    one = panel(f"{figure}{letter}")
    assert one.metric == metric
    for run in one.runs:
        assert type(run.loop) is FreshReal
        assert (run.loop.n, run.steps) == (100, 199)
        assert run.times == list(range(150, 200))
        assert run.reps == {8: 2000, 9: 1000}[figure]
        if kind == "Gaussian":
            assert isinstance(run.model, Gaussian)
            assert (run.model.mean.tolist(), run.model.cov.tolist()) == ([0, 0], [[1, 0], [0, 1]])
        elif kind != "EmpiricalCDF":
            assert type(run.model).__name__ == f"{kind}Regression"
            assert run.model.theta.tolist() == [1, 1]  # type: ignore[attr-defined]
        assert type(run.model).__name__.startswith(kind)


def test_weights_of_figure_8() -> None:
    for one in panels("8"):
        (run,) = one.runs
        assert run.loop.m == 100
        assert [f"{w:.2f}" for w in run.columns] == [f"0.{w}" for w in range(20, 80, 2)]


def test_ratios_of_figure_9() -> None:
    for one in panels("9"):
        assert len(one.runs) == 10
        for run, percent in zip(one.runs, range(1, 20, 2), strict=True):
            assert run.loop.m == 100 * 100 // percent
            k = percent / 100
            assert run.columns.tolist() == pytest.approx([k / (1 + k), optimal_weight(k)])


@pytest.mark.parametrize(
    ("letter", "column"), [("a", "workclass"), ("b", "education"), ("c", "marital_status")]
)
def test_columns_of_figure_10(letter: str, column: str) -> None:
    one = panel(f"10{letter}")
    (run,) = one.runs
    counts, source = adult_counts(column)
    assert (one.title, one.metric, run.source) == (column, "frequencies", source)
    np.testing.assert_allclose(run.model.p, counts / counts.sum(), rtol=1e-15)  # type: ignore[attr-defined]


def test_settings_of_figure_10() -> None:
    assert [one.id for one in panels("10")] == ["10a", "10b", "10c", "10d"]
    for one in panels("10"):
        (run,) = one.runs
        assert type(run.loop) is FreshReal
        assert (run.loop.n, run.loop.m, run.steps, run.reps) == (500, 500, 100, 1000)
        assert run.times == list(range(81, 101))  # the last 20 of t = 1, ..., 100
        assert run.columns.tolist() == WEIGHTS.tolist()


def test_the_regression_of_figure_10_is_that_of_standardised_columns() -> None:
    one = panel("10d")
    model: Any = one.runs[0].model
    income, _ = adult_income()
    assert one.metric == "theta"
    assert "raw" in one.beside
    assert {"theta", *one.beside} <= set(one.runs[0].metrics)
    x = income[list(PREDICTORS)].to_numpy(float)
    count = income["count"].to_numpy(float)
    mean = np.average(x, axis=0, weights=count)
    sd = np.average((x - mean) ** 2, axis=0, weights=count) ** 0.5
    design = sm.add_constant((x - mean) / sd)
    family = sm.families.Binomial()
    fit = sm.GLM(income["income"].to_numpy(float), design, family, freq_weights=count).fit()
    assert model.target == pytest.approx(fit.params, abs=1e-6)


def test_raw_coefficients_are_those_of_columns_in_their_own_units() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((50, 3)) * [1, 20, 300] + [5, -7, 1000]
    mean, sd = x.mean(axis=0), x.std(axis=0)
    raw, standard = sm.add_constant(x), sm.add_constant((x - mean) / sd)
    target, fit = rng.standard_normal(4), rng.standard_normal((2, 5, 4))

    def own_units(coefficients: Any) -> Any:
        return np.linalg.lstsq(raw, standard @ coefficients, rcond=None)[0]

    found = RawCoefficients(target, mean, sd)(fit)
    assert found.shape == (2, 5)
    for place in np.ndindex(2, 5):
        apart = own_units(fit[place]) - own_units(target)
        assert found[place] == pytest.approx(apart @ apart, rel=1e-8)


def test_raw_coefficients_of_figure_10_have_the_units_of_the_table() -> None:
    run = run_of("10d")
    raw: Any = run.metrics["raw"]
    income, _ = adult_income()
    x = income[list(PREDICTORS)].to_numpy(float)
    mean = np.average(x, axis=0, weights=income["count"])
    sd = np.average((x - mean) ** 2, axis=0, weights=income["count"]) ** 0.5
    np.testing.assert_allclose(raw.mean, mean, rtol=1e-10)
    np.testing.assert_allclose(raw.sd, sd, rtol=1e-10)
    target: Any = run.model.target  # type: ignore[attr-defined]
    assert raw(target).tolist() == 0
    assert raw(target + np.eye(len(target))[1]) > 0


# --- the same bits -------------------------------------------------------------------------------

SEVERAL = ("8a", "10a")
REPS = 600  # three chunks each


def whole() -> Result:
    """Return what every run with this seed has to give."""
    return rerun_quietly(*SEVERAL, reps=REPS, seed=5)


def test_there_are_several_chunks() -> None:
    for name in SEVERAL:
        sizes = run_of(name).chunks(REPS)
        assert len(sizes) == 3
        assert sum(sizes) == REPS


def test_all_replicates_differ() -> None:
    for found in whole().errors.values():
        for values in found.values():
            assert np.unique(values[0]).size == REPS


@pytest.mark.parametrize(("n_jobs", "stored"), [(1, True), (2, True), (2, False), (-1, False)])
def test_the_number_of_jobs_does_not_change_a_bit(
    n_jobs: int, stored: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "chunks" if stored else None
    again = rerun(*SEVERAL, reps=REPS, seed=5, n_jobs=n_jobs, folder=folder, progress=False)
    assert same(again, whole())


def test_another_seed_gives_other_numbers() -> None:
    one, other = (rerun_quietly("8a", reps=20, seed=seed) for seed in (1, 2))
    for metric, values in one.errors["8-gaussian"].items():
        assert (values != other.errors["8-gaussian"][metric]).all()


def test_a_panel_alone_has_the_numbers_that_it_has_among_others() -> None:
    alone = rerun_quietly("10a", reps=REPS, seed=5)
    assert alone.errors.keys() == {"10-workclass"}
    for metric, values in alone.errors["10-workclass"].items():
        assert values.tolist() == whole().errors["10-workclass"][metric].tolist()


@pytest.mark.parametrize(("name", "reps"), [("8b", 300), ("8f", 40), ("9d", 50), ("10c", 300)])
def test_averages_are_those_of_simulate(name: str, reps: int) -> None:
    one, result = panel(name), rerun_quietly(name, reps=reps, seed=8)
    rows = table(result).query("statistic == 'mean'")
    run = one.runs[-1]
    expected = simulate(
        run.model, run.loop, steps=run.steps, reps=reps, seed=8, burn_in=run.burn_in
    ).summary()
    expected = expected[expected["metric"] == one.metric]
    found = rows[rows["m"] == run.loop.m]
    for column in ("w", "error", "standard_error"):
        assert found[column].tolist() == pytest.approx(expected[column].tolist(), rel=1e-12, abs=0)


@pytest.mark.parametrize("name", ["7a", "7d"])
def test_paths_are_those_of_simulate(name: str) -> None:
    one, run = panel(name), run_of(name)
    rows = table(rerun_quietly(name, reps=30, seed=8)).query("statistic == 'mean'")
    path = simulate(run.model, run.loop, steps=999, reps=30, seed=8).path()
    expected = path[(path["metric"] == one.metric) & path["t"].isin(TIMES)]
    for column in ("t", "error", "standard_error"):
        assert rows[column].tolist() == pytest.approx(expected[column].tolist(), rel=1e-12, abs=0)


def test_time_and_memory_are_told() -> None:
    result = whole()
    assert result.seconds.keys() == result.memory.keys() == {"8-gaussian", "10-workclass"}
    assert all(0 < spent < 60 for spent in result.seconds.values())
    assert all(10 < peak < 10_000 for peak in result.memory.values())


@pytest.mark.parametrize(
    ("asked", "name"), [({"reps": 1}, "reps"), ({"reps": 2.5}, "reps"), ({"seed": -1}, "seed")]
)
def test_numbers_that_cannot_be(asked: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"^`{name}` must be an integer of at least "):
        rerun("8a", **asked)


def test_it_is_told_which_runs_are_finished(tmp_path: Path) -> None:
    told: list[str] = []
    rerun("8a", reps=300, folder=tmp_path, progress=False, finished=told.append)
    assert told == ["8-gaussian"]
    rerun("8", "9a", "8b", reps=2, folder=tmp_path, progress=False, finished=told.append)
    assert sorted(told[1:]) == sorted({run.name for p in panels("8", "9a") for run in p.runs})
    told.clear()
    rerun("8a", "10a", reps=300, folder=tmp_path, progress=False, finished=told.append)
    assert told == ["8-gaussian", "10-workclass"]  # what was there first


# --- finished chunks -----------------------------------------------------------------------------


def chunks_in(folder: Path) -> dict[str, int]:
    """Return the chunk files below a folder, with the times of their last change."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.npz")
    }


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Note (chunk, replicates) of every chunk that is simulated."""
    real, calls = running._chunk, []

    def noted(run: Run, seed: int, chunk: int, reps: int) -> Any:
        calls.append((chunk, reps))
        return real(run, seed, chunk, reps)

    monkeypatch.setattr(running, "_chunk", noted)
    return calls


def test_a_finished_run_is_read_and_not_done_again(
    tmp_path: Path, counted: list[tuple[int, int]]
) -> None:
    first = rerun(*SEVERAL, reps=REPS, seed=5, folder=tmp_path, progress=False)
    assert len(counted) == 6
    again = rerun(*SEVERAL, reps=REPS, seed=5, folder=tmp_path, progress=False)
    assert len(counted) == 6
    assert same(first, again)
    assert same(again, whole())
    assert first.seconds == again.seconds
    assert first.memory == again.memory


def test_more_replicates_use_the_chunks_that_are_there(
    tmp_path: Path, counted: list[tuple[int, int]]
) -> None:
    rerun("8a", reps=300, seed=5, folder=tmp_path, progress=False)
    assert counted == [(0, 266), (1, 34)]
    counted.clear()
    more = rerun("8a", reps=REPS, seed=5, folder=tmp_path, progress=False)
    assert counted == [(1, 266), (2, 68)]
    counted.clear()
    fewer = rerun("8a", reps=300, seed=5, folder=tmp_path, progress=False)
    assert counted == []
    assert same(more, rerun_quietly("8a", reps=REPS, seed=5))
    assert same(fewer, rerun_quietly("8a", reps=300, seed=5))


def test_another_seed_reads_nothing_of_it(tmp_path: Path, counted: list[tuple[int, int]]) -> None:
    found = [rerun("8a", reps=300, seed=s, folder=tmp_path, progress=False) for s in (5, 6)]
    assert len(counted) == 4
    for seed, one in zip((5, 6), found, strict=True):
        assert same(one, rerun_quietly("8a", reps=300, seed=seed))


@pytest.mark.parametrize("part", ["lib", "numpy", "scipy"])
def test_other_code_reads_nothing_of_it(
    part: str, tmp_path: Path, counted: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rerun("8a", reps=2, folder=tmp_path, progress=False)
    other = store.environment() | {part: "0.0.0"}
    monkeypatch.setattr(store, "environment", lambda: other)
    rerun("8a", reps=2, folder=tmp_path, progress=False)
    assert len(counted) == 2
    assert len(chunks_in(tmp_path)) == 2


def test_all_runs_have_folders_of_their_own(tmp_path: Path) -> None:
    runs = {run.name: run for one in panels() for run in one.runs}
    assert len(runs) == 5 + 5 + 50 + 4
    assert len({run.key for run in runs.values()}) == len(runs)
    assert len({Store(tmp_path, run, 1).folder for run in runs.values()}) == len(runs)


EIGHT = run_of("8a")
OTHER_SETTINGS: dict[str, Any] = {
    "name": {"name": "8-other"},
    "steps": {"steps": 198},
    "burn_in": {"burn_in": 149},
    "n": {"loop": FreshReal(n=99, m=100, w=WEIGHTS)},
    "m": {"loop": FreshReal(n=100, m=99, w=WEIGHTS)},
    "weights": {"loop": FreshReal(n=100, m=100, w=WEIGHTS + 1e-16)},
    "one weight": {"loop": FreshReal(n=100, m=100, w=WEIGHTS[1:])},
    "loop": {"loop": FullySynthetic(n=100, m=100)},
    "model": {"model": Gaussian([0, 0], [[1, 0], [0, 1 + 1e-15]])},
    "family": {"model": LinearRegression([1, 1])},
    "data": {"data": "another table"},
    "metrics": {"metrics": {"mean": "mean"}},
    "what a metric is": {"metrics": {"mean": "mean", "covariance": "log_det"}},
}


@pytest.mark.parametrize("what", OTHER_SETTINGS)
def test_other_settings_read_nothing_of_it(what: str, tmp_path: Path) -> None:
    other = dataclasses.replace(EIGHT, **OTHER_SETTINGS[what])
    assert Store(tmp_path, other, 1).folder != Store(tmp_path, EIGHT, 1).folder


def test_a_scale_that_differs_a_little_reads_nothing_of_it(tmp_path: Path) -> None:
    runs = [
        dataclasses.replace(run_of("7d"), model=ScaledStart(LinearRegression, [1], scale=scale))
        for scale in (0.5, 0.5000001)
    ]
    assert len({Store(tmp_path, run, 1).folder for run in runs}) == 2


def test_other_generations_of_figure_7_read_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of("7d")
    before = Store(tmp_path, run, 1).folder
    monkeypatch.setattr(sys.modules[Run.__module__], "TIMES", TIMES[:-1])
    assert Store(tmp_path, run, 1).folder != before


# --- damage --------------------------------------------------------------------------------------


VALUES = {
    "mean": np.arange(120.0).reshape(30, 4),
    "covariance": np.ones((30, 4)),
    "seconds": np.array(0.5),
    "memory": np.array(100.0),
}


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    one = Store(tmp_path, EIGHT, 1)
    one.save(0, 4, VALUES)
    return one


def file_of(one: Store) -> Path:
    (path,) = one.folder.iterdir()
    return path


def test_a_chunk_is_what_was_kept(kept: Store) -> None:
    assert (0, 4) in kept
    assert (0, 3) not in kept
    assert (1, 4) not in kept
    found = kept.load(0, 4)
    assert found.keys() == VALUES.keys()
    for name, values in VALUES.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_chunk_that_was_cut_off_is_named(kept: Store) -> None:
    path = file_of(kept)
    content = path.read_bytes()
    for size in range(0, len(content), 29):
        path.write_bytes(content[:size])
        with pytest.raises(StorageError, match=re.escape(f"{path} is damaged (")):
            kept.load(0, 4)


@pytest.mark.parametrize("content", [b"\0" * 900, b"not a chunk", b"PK\5\6" + b"\0" * 18])
def test_what_is_no_chunk_is_named(kept: Store, content: bytes) -> None:
    path = file_of(kept)
    path.write_bytes(content)
    with pytest.raises(StorageError, match=re.escape(f"{path} is damaged (")):
        kept.load(0, 4)


@pytest.mark.parametrize("bit", [1, 64, 128])
def test_a_byte_that_has_changed_is_named_or_harmless(kept: Store, bit: int) -> None:
    path = file_of(kept)
    content = path.read_bytes()
    wrong = []
    # every byte of the archive's directory, and some of the numbers
    end = len(content) - 600
    for place in [*range(0, end, 7), *range(end, len(content))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        try:
            found = kept.load(0, 4)
        except StorageError:
            continue
        except Exception as error:
            wrong.append((place, repr(error)))
            continue
        if found.keys() != VALUES.keys() or not all(
            np.array_equal(found[name], values) for name, values in VALUES.items()
        ):
            wrong.append((place, list(found)))
    assert wrong == []


def test_a_damaged_chunk_ends_a_run_with_its_name(tmp_path: Path) -> None:
    rerun("8a", reps=300, folder=tmp_path, progress=False)
    path = sorted(tmp_path.rglob("*.npz"))[1]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StorageError, match=re.escape(str(path)) + ".*remove it and run again"):
        rerun("8a", reps=300, folder=tmp_path, progress=False)
    path.unlink()
    again = rerun("8a", reps=300, folder=tmp_path, progress=False)
    assert same(again, rerun_quietly("8a", reps=300))


def test_a_chunk_of_other_metrics_is_named(tmp_path: Path) -> None:
    rerun("8a", reps=2, folder=tmp_path, progress=False)
    (path,) = tmp_path.rglob("*.npz")
    content = io.BytesIO()
    np.savez(content, mean=np.ones((30, 2)))
    path.write_bytes(content.getvalue())
    with pytest.raises(StorageError, match=re.escape(str(path))):
        rerun("8a", reps=2, folder=tmp_path, progress=False)


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(StorageError, match="cannot write"):
        rerun("8a", reps=2, folder=tmp_path / "file", progress=False)
    assert (tmp_path / "file").read_text() == "kept"


# --- a full disk ---------------------------------------------------------------------------------


def full_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full after so many files, with the last one half written."""
    real, left = Path.write_bytes, [count]

    def write_bytes(self: Path, content: Any) -> int:
        if not left[0]:
            real(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_a_full_disk_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        full_after(2, patched)
        with pytest.raises(StorageError) as caught:
            rerun("8a", reps=REPS, seed=5, folder=tmp_path, progress=False)
    assert "No space left on device" in str(caught.value)
    assert "cannot write" in str(caught.value)
    assert "goes on from there" in str(caught.value)
    assert "\n" not in str(caught.value)
    before = chunks_in(tmp_path)
    assert len(before) == 2
    assert list(tmp_path.rglob("*.new")) == []
    again = rerun("8a", reps=REPS, seed=5, folder=tmp_path, progress=False)
    assert same(again, rerun_quietly("8a", reps=REPS, seed=5))
    assert before.items() <= chunks_in(tmp_path).items()


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "figure_8.csv"
    store.write(file, b"old")
    full_after(0, monkeypatch)
    with pytest.raises(StorageError, match=re.escape(str(file))):
        store.write(file, b"new and longer")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_is_never_seen_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sub" / "figure_8.csv"
    seen = []
    real = Path.write_bytes

    def write_bytes(self: Path, content: Any) -> int:
        seen.append((self == file, file.exists()))
        assert self.parent == file.parent  # a rename stays on one disk
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    store.write(file, b"whole")
    assert seen == [(False, False)]
    assert file.read_bytes() == b"whole"


# --- a kill --------------------------------------------------------------------------------------

DIES = """
import os, signal, sys
from pathlib import Path
from lib.reproduce import rerun

how, count, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
names = {"before": "replace", "within": "write_bytes"}
real = getattr(Path, names[how])

def dying(self, argument):
    global count
    count -= 1
    if count < 0:
        if how == "within":
            real(self, argument[: len(argument) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, argument)

setattr(Path, names[how], dying)
rerun("8a", reps=600, seed=5, folder=folder, progress=False)
"""


@pytest.mark.parametrize("how", ["before", "within"])
@pytest.mark.parametrize("count", [0, 2])
def test_a_kill_between_writing_and_renaming_loses_that_chunk_alone(
    how: str, count: int, tmp_path: Path, counted: list[tuple[int, int]]
) -> None:
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", DIES, how, str(count), str(tmp_path)],
        cwd=ROOT,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    before = chunks_in(tmp_path)
    assert len(before) == count
    (half,) = tmp_path.rglob("*.new")
    assert half.stat().st_size > 0
    hours_ago = time.time() - 7200  # what is younger may be in flight
    os.utime(half, (hours_ago, hours_ago))
    again = rerun("8a", reps=REPS, seed=5, folder=tmp_path, progress=False)
    assert len(counted) == 3 - count
    assert same(again, rerun_quietly("8a", reps=REPS, seed=5))
    assert before.items() <= chunks_in(tmp_path).items()
    assert list(tmp_path.rglob("*.new")) == []


def waited(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert process.poll() is None, process.communicate(timeout=5)
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `python -m lib reproduce` in a group of its own, and end it afterwards."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        processes.append(
            subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", "lib", "reproduce", *arguments],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                preexec_fn=hearing,  # noqa: PLW1509 - all it does is to reset a handler
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def hearing() -> None:
    """Let a process hear Ctrl-C, also where the tests run in the background, which does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


LONG = str(266 * 24)  # 24 chunks of the runs of Figure 8 a, so that a stop comes in mid-run


@pytest.mark.parametrize(
    ("sent", "jobs"), [(signal.SIGKILL, "2"), (signal.SIGINT, "1"), (signal.SIGINT, "2")]
)
def test_a_run_that_is_stopped_goes_on(
    sent: int, jobs: str, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    asked = ["8a", "--reps", LONG, "--seed", "9", "--jobs", jobs, "--out", str(tmp_path)]
    process = started(*asked)
    waited(lambda: len(chunks_in(tmp_path)) >= 2, process)
    os.killpg(process.pid, sent)  # as a terminal does it
    out, error = process.communicate(timeout=LIMIT)
    before = chunks_in(tmp_path)
    assert 2 <= len(before) < 24
    assert out == ""
    if sent == signal.SIGINT:
        assert process.returncode == 130
        # joblib's tracker of resources may warn of what it cleans up after its processes
        assert "python -m lib: stopped" in error.splitlines()
        assert "Traceback" not in error
        assert jobs == "2" or error == "python -m lib: stopped\n"
        assert list(tmp_path.rglob("*.new")) == []
    else:
        assert process.returncode == -signal.SIGKILL
    folder = tmp_path / "chunks"
    again = rerun("8a", reps=int(LONG), seed=9, folder=folder, progress=False)
    assert same(again, rerun_quietly("8a", reps=int(LONG), seed=9))
    assert before.items() <= chunks_in(tmp_path).items()


def test_what_is_all_there_needs_no_cluster(tmp_path: Path) -> None:
    one = rerun("8a", reps=30, folder=tmp_path, progress=False)
    again = rerun("8a", reps=30, folder=tmp_path, dask="tcp://127.0.0.1:1", progress=False)
    assert same(one, again)


def test_a_process_that_writes_is_not_disturbed_by_another_that_starts(tmp_path: Path) -> None:
    one = Store(tmp_path, EIGHT, 1)
    real = Path.write_bytes

    def write_bytes(self: Path, content: Any) -> int:
        written = real(self, content)
        Store(tmp_path, EIGHT, 1).clean()  # as the other process begins, in this very moment
        return written

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_bytes)
        one.save(0, 4, VALUES)
    assert (0, 4) in one


# --- tables --------------------------------------------------------------------------------------


def test_the_columns_of_every_table() -> None:
    rows = table(rerun_quietly("7a", "8a", "9a", "10a", reps=20))
    assert rows.columns.tolist() == COLUMNS
    assert rows["panel"].unique().tolist() == ["7a", "8a", "9a", "10a"]
    assert (rows["reps"] == 20).all()
    assert (rows["version"] == version()).all()
    assert (rows["seed"] == 1).all()
    assert rows.query("figure == 7")["statistic"].unique().tolist() == ["mean", *QUANTILES]
    assert len(rows.query("figure == 7")) == 6 * TIMES.size
    assert len(rows.query("figure == 8")) == len(rows.query("figure == 10")) == 30
    assert len(rows.query("figure == 9")) == 10 * 3
    for column in ("w", "k", "t", "error", "standard_error", "theory"):
        assert rows[column].dtype == np.float64
    assert rows.query("figure == 9")["scheme"].tolist() == ["naive", "optimal", ""] * 10
    assert (rows.query("figure == 7")["scheme"] == "").all()
    assert rows.query("figure == 10")["source"].iloc[0] == adult_counts("workclass")[1]


@pytest.mark.parametrize("name", ["7a", "7b", "7d"])
def test_the_theory_of_a_path_is_that_of_the_model(name: str) -> None:
    one, run = panel(name), run_of(name)
    rows = table(rerun_quietly(name, reps=20)).query(f"metric == '{one.metric}'")
    path = np.ravel(run.model.theory(run.loop)[one.metric].path(999))
    means = rows.query("statistic == 'mean'")
    assert means["theory"].tolist() == path[TIMES].tolist()
    assert (means["status"] == "exact").all()
    assert rows.query("statistic != 'mean'")["theory"].isna().all()
    assert (rows.query("statistic != 'mean'")["status"] == "").all()


@pytest.mark.parametrize("name", ["8a", "8b", "8d", "8e", "10a"])
def test_the_theory_of_an_average_is_that_of_the_model(name: str) -> None:
    one, run = panel(name), run_of(name)
    rows = table(rerun_quietly(name, reps=20))
    path = run.model.theory(run.loop)[one.metric].path(run.steps)
    first = {8: 150, 10: 81}[one.figure]
    expected = path[:, first:].mean(axis=1)
    assert rows["theory"].tolist() == pytest.approx(expected.tolist(), rel=1e-13)
    assert (rows["status"] == run.model.status(run.loop)).all()


def test_the_theory_of_figure_9() -> None:
    rows = table(rerun_quietly("9b", reps=20))
    for run, (_, part) in zip(panel("9b").runs, rows.groupby("m", sort=False), strict=True):
        path = run.model.theory(run.loop)["covariance"].path(199)
        naive, best = path[:, 150:].mean(axis=1)
        assert part["theory"].tolist() == pytest.approx([naive, best, naive / best], rel=1e-13)
        assert part["w"].tolist()[:2] == run.columns.tolist()
        assert (part["k"] == 100 / run.loop.m).all()


def test_the_settled_average_agrees_with_its_theory() -> None:
    rows = table(rerun_quietly("8a", "8b", "8d", reps=800, seed=12))
    rows = rows[rows["status"] == "exact"]
    z = (rows["error"] - rows["theory"]) / rows["standard_error"]
    # 90 points, each beyond 4.5 with probability 7e-6
    assert len(rows) == 90
    assert abs(z).max() < 4.5


NUMBERS = np.random.default_rng(1).permutation(np.arange(1.0, 101))


def seven(values: Any, name: str = "7a", metric: str = "mean") -> pd.DataFrame:
    """Return the rows of the first generation, where these are the replicates' errors."""
    errors = np.broadcast_to(values, (TIMES.size, len(values)))
    return table(made(name, **{metric: errors})).query("t == 0").set_index("statistic")


def test_quantiles_by_hand() -> None:
    found = seven(NUMBERS)
    assert found["error"].to_dict() == {
        "mean": 50.5,
        "q05": 5,
        "q25": 25,
        "median": 50,
        "q75": 75,
        "q95": 95,
    }
    assert found.loc["mean", "standard_error"] == pytest.approx(stats.sem(NUMBERS), rel=1e-12)
    # five ranks to either side of the median, and four of the quartiles
    assert found.loc["median", "standard_error"] == 5
    assert found.loc["q25", "standard_error"] == found.loc["q75", "standard_error"] == 4
    assert found.loc["q05", "standard_error"] == found.loc["q95", "standard_error"] == 2
    assert (found["lost"] == 0).all()


@pytest.mark.parametrize("share", QUANTILES.values())
def test_the_rank_of_a_quantile(share: float) -> None:
    percent = round(100 * share)
    for reps in range(2, 3000):
        assert rank(reps, share) == max(1, -(-reps * percent // 100))


@pytest.mark.parametrize("share", QUANTILES.values())
def test_a_quantile_is_about_the_one_of_numpy(share: float) -> None:
    values = np.random.default_rng(2).exponential(size=4001)
    found, spread = quantile(values, share)
    assert found == np.quantile(values, share, method="inverted_cdf")
    rng = np.random.default_rng(3)
    many = [quantile(rng.choice(values, values.size), share)[0] for _ in range(300)]
    assert spread == pytest.approx(np.std(many), rel=0.35)


def test_a_lost_replicate_is_beyond_all_others() -> None:
    values = np.where(NUMBERS > 60, np.nan, NUMBERS)
    found = seven(values)
    assert (found["lost"] == 40).all()
    assert found.loc["mean", "error"] == 30.5
    assert found.loc["mean", "standard_error"] == pytest.approx(stats.sem(np.arange(60)), rel=1e-12)
    assert found["error"].to_list()[1:] == [5, 25, 50, np.inf, np.inf]
    assert found["standard_error"].to_list()[1:4] == [2, 4, 5]
    assert found["standard_error"].isna().to_list() == [False] * 4 + [True] * 2
    assert found["estimable"].to_list() == [False] + [True] * 5
    assert seven(NUMBERS)["estimable"].all()


def test_where_one_replicate_is_left_there_is_no_mean() -> None:
    values = np.where(NUMBERS > 1, np.nan, NUMBERS)
    assert np.isnan(seven(values).loc["mean", "error"])
    assert seven(values).loc["q05", "error"] == np.inf


def test_quantiles_do_not_touch_the_errors() -> None:
    values = NUMBERS.copy()
    values[3] = np.nan
    before = values.copy()
    quantile(values, 0.5)
    np.testing.assert_array_equal(values, before)


def test_replicates_that_are_lost_are_counted_in_averages() -> None:
    errors = np.random.default_rng(4).exponential(size=(30, 50))
    errors[2, :7], errors[5] = np.nan, np.nan
    rows = table(made("8a", mean=errors))
    assert rows["lost"].tolist() == [0, 0, 7, 0, 0, 50] + [0] * 24
    assert rows["error"][2] == pytest.approx(errors[2, 7:].mean(), rel=1e-13)
    assert rows["standard_error"][2] == pytest.approx(stats.sem(errors[2, 7:]), rel=1e-12)
    assert np.isnan(rows["error"][5])
    assert rows["estimable"].all()


def test_the_gain_is_a_ratio_of_means_with_the_spread_of_a_bootstrap() -> None:
    rng = np.random.default_rng(5)
    shared = rng.exponential(size=400)
    errors = np.stack(
        [3 * (shared + rng.exponential(size=400)), shared + rng.exponential(size=400)]
    )
    errors[0, :5], errors[1, 3:8] = np.nan, np.nan
    row = table(made("9a", mean=errors)).query("statistic == 'gain'").iloc[0]
    whole_ones = errors[:, 8:]
    assert row["lost"] == 8
    assert row["error"] == pytest.approx(whole_ones[0].mean() / whole_ones[1].mean(), rel=1e-12)
    places = rng.integers(0, 392, (4000, 392))
    naive, best = whole_ones[:, places].mean(axis=-1)
    assert row["standard_error"] == pytest.approx((naive / best).std(), rel=0.06)


def test_the_gain_of_the_paper_is_what_theory_says() -> None:
    rows = table(rerun_quietly("9a", reps=400, seed=3)).query("statistic == 'gain'")
    z = (rows["error"] - rows["theory"]) / rows["standard_error"]
    assert abs(z).max() < 4.5
    assert (rows["standard_error"] < 0.2 * rows["error"]).all()
    means = table(rerun_quietly("9a", reps=400, seed=3)).query("statistic == 'mean'")
    naive, best = means["error"].to_numpy().reshape(-1, 2).T
    assert rows["error"].tolist() == pytest.approx((naive / best).tolist(), rel=1e-12)


def test_the_logarithm_of_the_determinant() -> None:
    rows = table(rerun_quietly("7b", reps=300, seed=4)).query("metric == 'log_det'")
    model: Any = run_of("7b").model
    means, medians = (rows.query(f"statistic == '{name}'") for name in ("mean", "median"))
    assert means["theory"].to_numpy() == pytest.approx((TIMES + 1) * model.log_det_drift(100))
    for t in (0, 7, 990):
        expected = model.log_det_median(rows=100, fits=t + 1)
        assert medians.query(f"t == {t}")["theory"].item() == pytest.approx(expected)
    assert (means["status"] == "exact").all()
    assert (medians["status"] == "exact").all()
    assert rows["estimable"].all()
    others = rows[rows["statistic"].isin(["q05", "q25", "q75", "q95"])]
    assert others["theory"].isna().all()
    z = (means["error"] - means["theory"]) / means["standard_error"]
    assert abs(z).max() < 4.5
    for t in (0, 9, 500, 990):
        fit = medians.query(f"t == {t}").iloc[0]
        below = rerun_quietly("7b", reps=300, seed=4).errors["7-gaussian"]["log_det"]
        count = int((below[np.flatnonzero(t == TIMES)[0]] < fit["theory"]).sum())
        assert stats.binomtest(count, 300, 0.5).pvalue > 1e-4


def kurtosis(run: Run, power: int, t: int) -> float:
    """Return E Y^4 / (E Y^2)^2 of a product of t chi-squares to some power, by quadrature."""
    law = stats.chi2(run.loop.m - 1, scale=1 / (run.loop.m - 1))
    four, two = (law.expect(lambda x, p=p: x ** (p * power)) for p in (4, 2))
    return float((four / two**2) ** t)


@pytest.mark.parametrize(("name", "metric", "power"), [("7a", "mean", 1), ("7b", "covariance", 2)])
def test_a_mean_is_trusted_as_long_as_its_standard_error_is(
    name: str, metric: str, power: int
) -> None:
    run = run_of(name)
    flags = [estimable(run, metric, int(t), 1000) for t in TIMES]
    assert flags == sorted(flags, reverse=True)
    assert flags[0]
    assert not flags[-1]
    last = max(int(t) for t, flag in zip(TIMES, flags, strict=True) if flag)
    after = int(TIMES[np.flatnonzero(last == TIMES)[0] + 1])
    # the relative error of a variance from R replicates is sqrt((kappa - 1) / R), half of it
    # that of a standard error: trusted to a quarter
    for t, trusted in ((last, True), (after, False)):
        known_to = ((kurtosis(run, power, t) - 1) / 1000) ** 0.5 / 2
        assert (known_to <= 0.25) == trusted
    rows = table(rerun_quietly(name, reps=20))
    rows = rows.query(f"metric == '{metric}' and statistic == 'mean'")
    assert rows["estimable"].tolist() == [estimable(run, metric, int(t), 20) for t in TIMES]
    assert rows["estimable"].sum() < sum(flags)


@pytest.mark.parametrize("name", ["7c", "7d", "7e", "7f"])
def test_other_means_are_always_trusted(name: str) -> None:
    assert all(estimable(run_of(name), panel(name).metric, int(t), 2) for t in TIMES)


# --- the best weights ----------------------------------------------------------------------------


def test_the_best_weights_of_a_run() -> None:
    result = rerun_quietly("7a", "8a", "8d", "9a", "10a", reps=400, seed=6)
    best = optima(result).set_index("panel")
    assert best.index.tolist() == ["8a", "8d", "10a"]
    assert best.loc["8a", "theory"] == pytest.approx(optimal_weight(1.0), abs=1e-4)
    assert best.loc["8a", "status"] == "exact"
    assert (best["reps"] == 400).all()
    assert (best["seed"] == 6).all()
    assert (best["confidence"] == 0.95).all()
    assert ((best["low"] < best["w"]) & (best["w"] < best["high"])).all()
    wider = optima(result, confidence=0.9999).set_index("panel")
    assert (wider["low"] < best["theory"]).all()
    assert (best["theory"] < wider["high"]).all()
    assert (wider["w"] == best["w"]).all()


def test_a_run_without_grids_has_no_best_weight() -> None:
    none = optima(rerun_quietly("7a", "9a", reps=20))
    assert len(none) == 0
    assert none.columns.tolist()[:5] == ["panel", "title", "metric", "w", "low"]


# --- exact theory --------------------------------------------------------------------------------


def test_the_farthest_point_by_hand() -> None:
    rows = table(rerun_quietly("8a", "8e", "9a", reps=60, seed=14))
    exact = rows[(rows["status"] == "exact")]
    z = ((exact["error"] - exact["theory"]) / exact["standard_error"]).abs()
    found = against_theory(rows, alpha=0.01)
    assert found.points == len(exact) == 60
    assert found.z == z.max()
    assert found.critical == pytest.approx(stats.t.ppf(1 - 0.005 / 60, 59), rel=1e-9)
    assert found.z < found.critical
    off = against_theory(rows.assign(theory=1.5 * rows["theory"]), alpha=0.01)
    assert off.z > off.critical


def test_only_means_that_estimate_something_are_held_against_theory() -> None:
    rows = table(rerun_quietly("7b", reps=40, seed=14))
    trusted = rows[(rows["metric"] == "covariance") & (rows["statistic"] == "mean")]
    counted = int(trusted["estimable"].sum()) + TIMES.size  # with those of log_det
    assert against_theory(rows).points == counted


def test_without_exact_theory_there_is_nothing_to_hold_against() -> None:
    with pytest.raises(ValueError, match=r"^`table` must be one with a point whose"):
        against_theory(table(rerun_quietly("8e", reps=20)))


# --- whether two runs agree ----------------------------------------------------------------------


def slices(result: Result, each: int) -> list[Result]:
    """Cut a result into independent ones, with seeds of their own."""
    (name,) = result.errors
    total = result.reps[name]
    return [
        dataclasses.replace(
            result,
            seed=start,
            reps={name: each},
            errors={
                name: {
                    metric: values[:, start : start + each]
                    for metric, values in result.errors[name].items()
                }
            },
        )
        for start in range(0, total, each)
    ]


@pytest.mark.parametrize(("name", "reps"), [("8a", 25)])
def test_false_alarms_over_averages_are_rare(name: str, reps: int) -> None:
    parts = slices(rerun_quietly(name, reps=120 * reps, seed=21), reps)
    tables = [table(part) for part in parts]
    found = [
        agreement(parts[i], tables[i + 1], alpha=0.05).smallest for i in range(0, len(parts), 2)
    ]
    alarms = sum(p < 0.05 for p in found)
    # at a rate of 5 %, more than 10 of 60 come with probability 4e-4
    assert len(found) == 60
    assert alarms <= 10
    assert sum(not agreement(parts[0], one, alpha=0.05).agrees for one in tables[1:2]) <= 1


def test_false_alarms_over_paths_are_rare() -> None:
    parts = slices(rerun_quietly("7d", reps=480, seed=22), 40)
    tables = [table(part) for part in parts]
    found = [
        agreement(parts[i], tables[i + 1], alpha=0.05).smallest for i in range(0, len(parts), 2)
    ]
    # at a rate of 5 %, more than 3 of 6 come with probability 9e-5
    assert len(found) == 6
    assert sum(p < 0.05 for p in found) <= 3


def test_false_alarms_over_exploding_paths_are_rare() -> None:
    parts = slices(rerun_quietly("7a", reps=480, seed=23), 40)
    tables = [table(part) for part in parts]
    found = [
        agreement(parts[i], tables[i + 1], alpha=0.05).smallest for i in range(0, len(parts), 2)
    ]
    assert sum(p < 0.05 for p in found) <= 3


def test_a_table_whose_errors_are_30_percent_off_differs() -> None:
    result = rerun_quietly("8a", reps=300, seed=1)
    other = table(rerun_quietly("8a", reps=300, seed=2))
    assert agreement(result, other).agrees
    for factor in (0.7, 1.3):
        scaled = other.assign(
            error=factor * other["error"], standard_error=factor * other["standard_error"]
        )
        found = agreement(result, scaled)
        assert not found.agrees
        assert "verdict     differs" in str(found)


def test_a_single_point_that_is_off_is_found_and_named() -> None:
    result = rerun_quietly("8a", reps=300, seed=1)
    other = table(rerun_quietly("8a", reps=300, seed=2))
    other.loc[7, "error"] *= 2
    found = agreement(result, other)
    assert not found.agrees
    assert "w 0.34" in str(found)
    assert found.smallest == pytest.approx(min(1, 30 * found.points["p"].min()), rel=1e-12)


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_quantiles_that_are_off_are_found(factor: float) -> None:
    result = rerun_quietly("7d", reps=400, seed=1)
    other = table(rerun_quietly("7d", reps=400, seed=2))
    other = other[other["statistic"].isin(QUANTILES)]
    found = agreement(result, other)
    assert found.agrees
    assert set(found.points["statistic"]) == set(QUANTILES)
    assert not agreement(result, other.assign(error=factor * other["error"])).agrees


def test_what_can_be_seen_grows_with_the_root_of_the_replicates() -> None:
    few, many = (
        agreement(
            rerun_quietly("8a", reps=reps, seed=1), table(rerun_quietly("8a", reps=reps, seed=2))
        ).detectable
        for reps in (150, 1500)
    )
    assert few / many == pytest.approx(10**0.5, rel=0.2)


def test_what_can_be_seen_is_seen() -> None:
    # with 99 % power a point: nearly always in 30 points that are all off by so much
    parts = slices(rerun_quietly("8a", reps=3000, seed=21), 150)
    seen = 0
    for one, two in zip(parts[::2], parts[1::2], strict=True):
        other = table(two)
        reach = 1 + agreement(one, other).detectable
        scaled = other.assign(error=other["error"] * reach)
        seen += agreement(one, scaled).points["p"].min() < 1e-3 / 30
    assert seen >= 8


def test_welch_is_that_of_scipy() -> None:
    one, two = rerun_quietly("8a", reps=50, seed=1), rerun_quietly("8a", reps=80, seed=2)
    points = agreement(one, table(two)).points
    for row, p in enumerate(points["p"]):
        mine, theirs = (r.errors["8-gaussian"]["mean"][row] for r in (one, two))
        assert p == pytest.approx(stats.ttest_ind(mine, theirs, equal_var=False).pvalue, rel=1e-9)


@pytest.mark.parametrize("statistic", QUANTILES)
def test_the_p_value_of_a_quantile_is_exact(statistic: str) -> None:
    rng = np.random.default_rng(6)
    reps, others, found = 60, 40, []
    name = "7a"
    blank = np.ones((TIMES.size, reps))
    for _ in range(600):
        values = blank.copy()
        values[0] = rng.exponential(size=reps)
        edge, _ = quantile(rng.exponential(size=others), QUANTILES[statistic])
        row = SimpleNamespace(
            panel=name,
            metric="mean",
            t=0.0,
            statistic=statistic,
            reps_published=others,
            error_published=edge,
        )
        found.append(published_module._rank_p(made(name, mean=values), row))
    p = np.array(found)
    for level in (0.01, 0.05, 0.2, 0.5):
        hits = int((p <= level).sum())
        # never more often than it says, and as the law has steps a little less often
        assert stats.binomtest(hits, p.size, level, alternative="greater").pvalue > 1e-4
    assert (p <= 0.2).mean() > 0.08
    assert p.min() < 0.02


def test_a_run_is_not_compared_with_itself() -> None:
    result = rerun_quietly("8a", reps=20, seed=1)
    with pytest.raises(ValueError, match="its seed 1 is the table's"):
        agreement(result, table(result))


def test_runs_without_a_common_point_are_not_compared() -> None:
    result = rerun_quietly("8a", reps=20, seed=1)
    with pytest.raises(ValueError, match="no point in common"):
        agreement(result, table(rerun_quietly("10a", reps=20, seed=2)))


def test_means_that_estimate_nothing_are_not_compared() -> None:
    one, two = (rerun_quietly("7a", reps=40, seed=seed) for seed in (1, 2))
    other = table(two)
    found = agreement(one, other).points
    means = found[found["statistic"] == "mean"]
    trusted = other[(other["statistic"] == "mean") & other["estimable"]]
    assert means["t"].tolist() == trusted["t"].tolist()
    assert 0 < len(means) < TIMES.size


@pytest.mark.parametrize("name", ["7d", "8a", "9a", "10a"])
def test_every_point_of_a_table_that_was_stored_is_compared(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as the committed tables are read
    package = f"stored_{name}"
    (tmp_path / package).mkdir()
    other = table(rerun_quietly(name, reps=20, seed=2))
    figure = panel(name).figure
    (tmp_path / package / f"figure_{figure}.csv").write_text(other.to_csv(index=False))
    (tmp_path / package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(published_module, "TABLES", package)
    read = published(name)
    assert read.columns.tolist() == COLUMNS
    assert len(read) == len(other)
    result = rerun_quietly(name, reps=20, seed=1)
    assert len(agreement(result).points) == len(agreement(result, other).points)
    assert agreement(result).smallest == pytest.approx(agreement(result, other).smallest)
