"""`python -m lib reproduce`: what it writes and says, and one line for what cannot be."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import lib.__main__ as cli
from lib.provenance import environment
from lib.reproduce import optima, panels, rerun, table
from lib.reproduce.tables import COLUMNS

ROOT = Path(__file__).parents[1]


def read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- what it writes ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a run of a panel of each figure has written."""
    folder = tmp_path_factory.mktemp("out") / "a" / "b"
    asked = ["7d", "8a", "9a", "10a", "--reps", "30", "--seed", "4", "--out", str(folder)]
    assert cli.main(["reproduce", *asked]) == 0
    return folder


def test_the_files(out: Path) -> None:
    kinds = (".csv", ".html", "_provenance.json")
    tables = {f"figure_{panel}{kind}" for panel in ("7d", "8a", "9a", "10a") for kind in kinds}
    best = {"figure_8a_optima.csv", "figure_10a_optima.csv"}
    assert names(out) == tables | best | {"chunks"}
    runs = {run.name for name in ("7d", "8a", "9a", "10a") for run in panels(name)[0].runs}
    assert {name.rsplit("-", 1)[0] for name in names(out / "chunks")} == runs


def test_the_tables_are_those_of_the_library(out: Path) -> None:
    result = rerun("7d", "8a", "9a", "10a", reps=30, seed=4, progress=False)
    expected = table(result)
    for panel in ("7d", "8a", "9a", "10a"):
        found = read(out / f"figure_{panel}.csv")
        rows = expected[expected["panel"] == panel]
        assert found.columns.tolist() == COLUMNS
        for column in ("k", "w", "t", "error", "standard_error", "theory"):
            np.testing.assert_allclose(found[column], rows[column], rtol=1e-14)
        for column in ("panel", "title", "metric", "statistic", "estimable", "reps", "lost"):
            assert found[column].tolist() == rows[column].tolist()
    best = [read(out / f"figure_{panel}_optima.csv") for panel in ("8a", "10a")]
    for column in ("w", "low", "high", "theory"):
        found = [one[column].item() for one in best]
        np.testing.assert_allclose(found, optima(result)[column], rtol=1e-14)


def test_the_record_says_how_it_was_made(out: Path) -> None:
    record = json.loads((out / "figure_9a_provenance.json").read_text())
    assert record["seed"] == 4
    known = environment()
    assert record["version"] == known.pop("lib")
    assert record | known == record
    assert record["replicates"]["9-gaussian-0.01"] == 30
    assert record["core_seconds"].keys() == record["replicates"].keys()
    assert len(record["replicates"]) == 10
    assert 10 < record["peak_megabytes"] < 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert record["processor"]


@pytest.mark.parametrize("figure", [7, 8, 9, 10])
def test_a_chart_asks_no_other_host(out: Path, figure: int) -> None:
    (file,) = out.glob(f"figure_{figure}[a-f].html")
    page = BeautifulSoup(file.read_text("utf8"), "html.parser")
    for tag in page.find_all(["script", "link", "img", "iframe"]):
        assert tag.get("src") is None
        assert tag.get("href") is None
    scripts = page.find_all("script")
    assert max(len(script.get_text()) for script in scripts) > 100_000  # the program is inside
    text = "".join(style.get_text() for style in page.find_all("style"))
    assert not re.search(r"@import|url\(", text)
    assert f"Figure {figure}: " in str(page)


def test_the_lines_that_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["reproduce", "8a", "8d", "9a", "--reps", "30", "--seed", "4", "--out", str(tmp_path)]
    assert cli.main(asked) == 0
    told = capsys.readouterr()
    runs = [run.name for name in ("8a", "8d", "9a") for run in panels(name)[0].runs]
    assert told.err.splitlines() == [f"{name} finished" for name in runs]
    lines = told.out.splitlines()
    csv, html = tmp_path / "figure_8ad.csv", tmp_path / "figure_8ad.html"
    assert f"Figure 8: 60 points in {csv}, a chart in {html}" in lines
    assert any(line.startswith("Figure 9: 30 points in ") for line in lines)
    best = optima(rerun("8a", reps=30, seed=4, progress=False)).iloc[0]
    (line,) = (line for line in lines if line.startswith("8a"))
    assert line == (
        f"8a   Gaussian mean (mean): best weight {best['w']:.4f}, 95% in "
        f"[{best['low']:.4f}, {best['high']:.4f}], theory {best['theory']:.4f}"
    )
    assert len(lines) == 4


def test_few_replicates_have_no_intervals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reproduce", "8a", "7d", "--reps", "2", "--out", str(tmp_path)]) == 0
    assert "best weight" not in capsys.readouterr().out
    assert len(read(tmp_path / "figure_8a_optima.csv")) == 0
    assert (tmp_path / "figure_8a.html").stat().st_size > 100_000


def test_a_part_of_a_figure_leaves_the_whole_of_it_alone(tmp_path: Path) -> None:
    for asked in (["10"], ["10b"], ["10a", "10b", "10c", "10d"]):
        assert cli.main(["reproduce", *asked, "--reps", "2", "--out", str(tmp_path)]) == 0
    tables = {path.name for path in tmp_path.glob("*.csv")}
    assert tables == {
        f"figure_10{part}{kind}.csv" for part in ("", "b") for kind in ("", "_optima")
    }
    assert read(tmp_path / "figure_10.csv")["panel"].nunique() == 4


def test_the_same_command_twice_writes_the_same(tmp_path: Path) -> None:
    written = []
    for jobs in ("1", "2"):
        asked = ["8a", "--reps", "300", "--jobs", jobs, "--out", str(tmp_path / jobs)]
        assert cli.main(["reproduce", *asked]) == 0
        written.append((tmp_path / jobs / "figure_8a.csv").read_bytes())
    assert cli.main(["reproduce", *asked]) == 0
    written.append((tmp_path / jobs / "figure_8a.csv").read_bytes())
    assert len(set(written)) == 1


def test_the_folder_is_called_reproduced_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["reproduce", "8a", "--reps", "2"]) == 0
    assert names(tmp_path) == {"reproduced"}


def test_what_is_asked_reaches_the_simulation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def recorded(*names: str, finished: Any, **options: Any) -> Any:
        asked.append((names, options))
        return rerun("8a", reps=2, progress=False)

    monkeypatch.setattr(cli, "rerun", recorded)
    options = ["--seed", "0", "--reps", "1e2", "--jobs", "-1", "--out", str(tmp_path)]
    assert cli.main(["reproduce", "8", "9d", *options]) == 0
    assert cli.main(["reproduce", "--dask", "tcp://a:1", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "chunks"
    assert asked == [
        (("8", "9d"), {"seed": 0, "reps": 100, "folder": folder, "n_jobs": -1, "dask": None}),
        ((), {"seed": 1, "reps": None, "folder": folder, "n_jobs": 1, "dask": "tcp://a:1"}),
    ]


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["6"], "`figure` must be a figure (7, 8, 9, 10) or one of its panels"),
        (["8", "8g"], "got '8g'"),
        ([""], "`figure` must be"),
        (["all"], "got 'all'"),
        (["8a", "--reps", "1"], "`--reps` must be an integer of at least 2; got 1"),
        (["8a", "--reps", "many"], "`--reps` must be"),
        (["8a", "--seed", "-1"], "`--seed` must be an integer of at least 0"),
        (["8a", "--seed", "1.5"], "`--seed` must be"),
        (["8a", "--jobs", "0"], "`--jobs` must be an integer of at least 1; got 0"),
        (["8a", "--jobs", "-2"], "`--jobs` must be"),
        (["8a", "--jobs", "two"], "`--jobs` must be"),
        (["8a", "--out", ""], "`--out` must be a folder; got ''"),
        (["8a", "--out", __file__], "`--out` must be a folder"),
        (["8a", "--dask", ""], "`dask` must be the address of a scheduler"),
        (["8a", "--dask", "tcp://a:1", "--jobs", "2"], "must be left alone where"),
        (["8a", "--speed", "9"], "unrecognized arguments"),
    ],
)
def test_bad_use_is_one_line_and_status_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = cli.main(["reproduce", *arguments])
    except SystemExit as stop:  # how argparse ends
        status = stop.code  # type: ignore[assignment]
    told = capsys.readouterr()
    assert status == cli.BAD_USE
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert said in line
    assert names(tmp_path) == set()


@pytest.mark.parametrize("below", ["file", "file/deeper", "folder"])
def test_a_folder_that_cannot_be_written_is_one_line(
    below: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "chunks").write_text("kept")
    asked = ["reproduce", "8a", "--reps", "2", "--out", str(tmp_path / below)]
    assert cli.main(asked) == cli.BAD_USE
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / below) in line
    assert (tmp_path / "file").read_text() == "kept"
    assert names(tmp_path / "folder") == {"chunks"}


def test_a_damaged_chunk_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["reproduce", "8a", "--reps", "2", "--out", str(tmp_path)]
    assert cli.main(asked) == 0
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(b"")
    capsys.readouterr()
    assert cli.main(asked) == cli.BAD_USE
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"python -m lib: {path} is damaged (")
    assert line.endswith("remove it and run again")


# --- a full disk ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["npz", "csv", "html", "json"])
def test_a_full_disk_is_one_line_and_keeps_what_is_finished(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["reproduce", "8a", "--reps", "20", "--out", str(tmp_path)]
    real = Path.write_bytes

    def write_bytes(self: Path, content: Any) -> int:
        if f".{which}." in self.name:
            real(self, content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_bytes)
        assert cli.main(asked) == cli.BAD_USE
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"python -m lib: cannot write {tmp_path}")
    assert "No space left on device" in line
    assert list(tmp_path.rglob("*.new")) == []
    assert not list(tmp_path.rglob(f"*.{which}")) or which == "csv"
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(kept) == (which != "npz")
    assert cli.main(asked) == 0
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def test_a_disk_that_takes_no_large_file(tmp_path: Path) -> None:
    def reproduce(reps: str, **options: Any) -> subprocess.CompletedProcess[str]:
        asked = ["8a", "--reps", reps, "--out", str(tmp_path)]
        return subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-m", "lib", "reproduce", *asked],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    # a chunk of 266 replicates takes 128 kB, the one of the last 4 takes less
    done = reproduce("270", preexec_fn=small_files)
    assert done.returncode == cli.BAD_USE
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"python -m lib: cannot write {tmp_path}")
    assert "File too large" in line
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    # the chunk fits, the page does not
    done = reproduce("20", preexec_fn=small_files)
    assert done.returncode == cli.BAD_USE
    assert "figure_8a.html: File too large" in done.stderr
    assert len(list(tmp_path.rglob("*.npz"))) == 1


# --- a stop --------------------------------------------------------------------------------------


def test_a_stop_from_the_keyboard_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lib.reproduce.store import Store  # noqa: PLC0415 - what is stopped

    real, left = Store.save, [1]

    def save(self: Store, *arguments: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(self, *arguments)

    monkeypatch.setattr(Store, "save", save)
    asked = ["reproduce", "8a", "--reps", "600", "--out", str(tmp_path)]
    assert cli.main(asked) == cli.INTERRUPTED
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "python -m lib: stopped\n")
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    assert names(tmp_path) == {"chunks"}
