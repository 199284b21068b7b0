"""The Adult files: every way in which they can fail to come, and what they hold when they do.

Nothing here uses the network: a server on the loopback plays UCI. Since only the real files have
the real hashes, the fixture `small` puts two made-up files of the same format in their place, that
is, it replaces the table of expected hashes and row counts. The rest of the code runs as it is.
What is marked `needs_files` uses the real files and the real hashes.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs
import pytest

from lib import data
from lib.data import (
    ADULT_BANDS,
    DataUnavailable,
    adult,
    adult_bands,
    adult_counts,
    adult_income,
    standardised,
)
from scripts import adult_tables

REAL = Path(os.environ.get("ADULT_DATA_DIR") or "ADULT_DATA_DIR-is-not-set")
needs_files = pytest.mark.skipif(
    not all((REAL / name).is_file() for name in data.FILES),
    reason="THE REAL FILES ARE NOT TESTED: set ADULT_DATA_DIR to a folder with "
    "adult.data and adult.test",
)

ROW = "39, {work}, 77516, Bachelors, 13, Divorced, Sales, Husband, White, Male, 2174, 0, 40, {rest}"
SMALL = {
    "adult.data": "\n".join(
        [
            ROW.format(work="State-gov", rest="Cuba, <=50K"),
            ROW.format(work="?", rest="United-States, >50K"),
            ROW.format(work="Private", rest="?, <=50K"),
            "\n",
        ]
    ).encode(),
    "adult.test": "\n".join(
        [
            "|1x3 Cross validator",
            ROW.format(work="Private", rest="United-States, <=50K."),
            ROW.format(work="Local-gov", rest="United-States, >50K."),
            "\n",
        ]
    ).encode(),
}
ROWS = {"adult.data": 3, "adult.test": 2}


class Server(ThreadingHTTPServer):
    """Serve the bodies; `answers` holds the files for which something else is done."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: dict[str, bytes] = SMALL
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.end = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/adult/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.removeprefix("/adult/")
        self.server.asked.append(name)
        self.server.answers.get(name, send)(self, self.server.bodies[name])

    def log_message(self, format: str, *args: object) -> None:
        pass


# What the server can do when it is asked for a file; `body` is the right one.
Answer = Callable[[Handler, bytes], object]


def send(handler: Handler, body: bytes, *, status: int = 200, length: int | None = None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def send_wrong(handler: Handler, body: bytes) -> None:
    send(handler, body.replace(b"Bachelors", b"Masters"))


def send_half(handler: Handler, body: bytes) -> None:
    send(handler, body[: len(body) // 2], length=len(body))


def hang(handler: Handler, _: bytes) -> None:
    handler.server.end.wait(30)


def hang_halfway(handler: Handler, body: bytes) -> None:
    send_half(handler, body)
    handler.server.end.wait(30)


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own cache, ADULT_DATA_DIR and proxy out of the tests."""
    monkeypatch.delenv("ADULT_DATA_DIR", raising=False)
    monkeypatch.setattr(
        platformdirs, "user_cache_dir", lambda project: str(tmp_path / "own" / project)
    )
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.end.set()
        server.shutdown()
        thread.join()


def expect(monkeypatch: pytest.MonkeyPatch, bodies: dict[str, bytes]) -> None:
    known = {
        name: data.Known(ROWS[name], hashlib.sha256(body).hexdigest())
        for name, body in bodies.items()
    }
    monkeypatch.setattr(data, "FILES", known)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    expect(monkeypatch, SMALL)


def put(folder: Path, bodies: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    return folder


def held(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, leftovers included."""
    return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.is_dir() else {}


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def message(call: Callable[[], object]) -> str:
    """Return the message of the failure, checked for what every message has to say."""
    with pytest.raises(DataUnavailable) as caught:
        call()
    text = str(caught.value)
    assert "You can set the environment variable ADULT_DATA_DIR to a folder" in text
    assert "adult.data and adult.test" in text
    assert "Traceback" not in text
    return text


# When all goes well


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("slash", ["", "/"])
def test_download_then_cache(server: Server, cache: Path, slash: str) -> None:
    table = adult(base_url=server.url.rstrip("/") + slash, cache=cache)
    assert held(cache) == SMALL
    assert table["income"].tolist() == ["<=50K", ">50K", "<=50K", "<=50K", ">50K"]
    assert table["workclass"].astype("str").fillna("none").tolist() == [
        *("State-gov", "none", "Private", "Private", "Local-gov")
    ]
    assert table.index.tolist() == [0, 1, 2, 3, 4]
    pd.testing.assert_frame_equal(adult(base_url=server.url, cache=str(cache)), table)
    assert server.asked == ["adult.data", "adult.test"]


@pytest.mark.usefixtures("small")
def test_the_default_cache_is_the_users(server: Server, tmp_path: Path) -> None:
    adult(base_url=server.url)
    assert held(tmp_path / "own" / "golden-ratio-book") == SMALL


@pytest.mark.usefixtures("small")
def test_named_folder_comes_first(
    server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADULT_DATA_DIR", str(put(tmp_path / "named", SMALL)))
    put(cache, dict.fromkeys(SMALL, b"corrupt"))
    assert len(adult(base_url=server.url, cache=cache)) == 5
    assert server.asked == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("missing", SMALL)
def test_a_file_missing_in_the_named_folder_is_downloaded(
    missing: str, server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {name: body for name, body in SMALL.items() if name != missing}
    monkeypatch.setenv("ADULT_DATA_DIR", str(put(tmp_path / "named", others)))
    assert len(adult(base_url=server.url, cache=cache)) == 5
    assert server.asked == [missing]
    assert held(cache) == {missing: SMALL[missing]}


@pytest.mark.usefixtures("small")
def test_a_corrupt_cache_is_healed(server: Server, cache: Path) -> None:
    put(cache, SMALL | {"adult.data": SMALL["adult.data"][:-9]})
    assert len(adult(base_url=server.url, cache=cache)) == 5
    assert server.asked == ["adult.data"]
    assert held(cache) == SMALL


# When the download fails

FAULTS: dict[str, tuple[Answer, str]] = {
    "wrong content": (send_wrong, "does not match the known hash: expected"),
    "truncated": (send_half, "truncated, the connection ended before the file did"),
    "404": (partial(send, status=404), "HTTP status 404"),
    "500": (partial(send, status=500), "HTTP status 500"),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SMALL)
def test_a_failed_download_leaves_nothing(
    name: str, fault: str, server: Server, cache: Path
) -> None:
    server.answers[name], reason = FAULTS[fault]
    text = message(lambda: adult(base_url=server.url, cache=cache))
    assert text.startswith(f"{name} is not available")
    assert "ADULT_DATA_DIR: not set" in text
    assert f"cache: {cache / name}: missing" in text
    assert f"download: {server.url}{name}: " in text
    assert reason in text
    # The first file has come whole when the second one fails, and stays.
    whole = {} if name == "adult.data" else {"adult.data": SMALL["adult.data"]}
    assert held(cache) == whole
    server.answers.clear()
    assert len(adult(base_url=server.url, cache=cache)) == 5


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("answer", [hang, hang_halfway])
@pytest.mark.parametrize("name", SMALL)
def test_a_server_that_never_answers(
    name: str, answer: Answer, server: Server, cache: Path
) -> None:
    # The other file is there already: half a second can be too short for it on a busy computer.
    others = {other: body for other, body in SMALL.items() if other != name}
    put(cache, others)
    server.answers[name] = answer
    text = message(lambda: adult(base_url=server.url, cache=cache, timeout=0.5))
    assert text.startswith(f"{name} is not available")
    assert f"download: {server.url}{name}: time-out, no answer (limit 0.5 s)" in text
    assert held(cache) == others


@pytest.mark.usefixtures("small")
def test_connection_refused(cache: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(DataUnavailable, match=r"adult\.data[\s\S]*no connection") as caught:
        adult(base_url=url, cache=cache, timeout=5)
    assert isinstance(caught.value.__cause__, OSError)
    assert held(cache) == {}


@pytest.mark.usefixtures("small")
def test_an_address_that_is_none(cache: Path) -> None:
    text = message(lambda: adult(base_url="nowhere", cache=cache))
    assert "download: nowhere/adult.data: Invalid URL" in text
    assert held(cache) == {}


def test_other_content_is_refused_by_the_real_hashes(server: Server, cache: Path) -> None:
    text = message(lambda: adult(base_url=server.url, cache=cache))
    assert data.FILES["adult.data"].sha256 in text
    assert hashlib.sha256(SMALL["adult.data"]).hexdigest() in text
    assert held(cache) == {}


@pytest.mark.usefixtures("small")
def test_a_corrupt_cache_stays_when_the_server_is_down(cache: Path) -> None:
    corrupt = SMALL | {"adult.test": b"corrupt"}
    put(cache, corrupt)
    url = f"http://127.0.0.1:{closed_port()}"
    text = message(lambda: adult(base_url=url, cache=cache, timeout=5))
    assert f"cache: {cache / 'adult.test'}: wrong SHA-256: expected" in text
    assert hashlib.sha256(b"corrupt").hexdigest() in text
    assert "no connection" in text
    assert held(cache) == corrupt


@pytest.mark.usefixtures("small")
def test_a_cache_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    put(tmp_path / "cache", SMALL)
    url = f"http://127.0.0.1:{closed_port()}"
    assert len(adult(base_url=url, cache="~/cache")) == 5
    put(tmp_path / "cache", {"adult.data": b"corrupt"})
    text = message(lambda: adult(base_url=url, cache="~/cache", timeout=5))
    assert f"cache: {tmp_path / 'cache' / 'adult.data'}: wrong SHA-256" in text


@pytest.mark.usefixtures("small")
def test_a_cache_that_is_a_file(server: Server, cache: Path) -> None:
    cache.write_bytes(b"")
    assert f"cache: {cache / 'adult.data'}: cannot be read" in message(
        lambda: adult(base_url=server.url, cache=cache)
    )
    assert cache.read_bytes() == b""


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "soon"])
def test_timeout_is_checked(timeout: float) -> None:
    with pytest.raises(ValueError, match="`timeout` must be finite and greater than 0"):
        adult(timeout=timeout)


def test_one_timeout_and_a_text_for_an_address() -> None:
    with pytest.raises(ValueError, match="`timeout` must be a single number"):
        adult(timeout=[1, 2])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`base_url` must be a text; got None"):
        adult(base_url=None)  # type: ignore[arg-type]


# When the folder that the user names is not right


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "bodies",
    [
        SMALL | {"adult.data": b"wrong"},
        SMALL | {"adult.test": b"wrong"},
        {"adult.test": b"wrong"},  # the other one must not be downloaded first
    ],
)
def test_a_wrong_file_in_the_named_folder(
    bodies: dict[str, bytes],
    server: Server,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [name] = [name for name, body in bodies.items() if body == b"wrong"]
    folder = put(tmp_path / "named", bodies)
    monkeypatch.setenv("ADULT_DATA_DIR", str(folder))
    text = message(lambda: adult(base_url=server.url, cache=cache))
    assert text.startswith(f"{name} is not available")
    assert f"ADULT_DATA_DIR: {folder / name}: wrong SHA-256" in text
    assert data.FILES[name].sha256 in text
    assert hashlib.sha256(b"wrong").hexdigest() in text
    assert message(lambda: adult_counts("education")) == text
    assert (server.asked, held(cache)) == ([], {})


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("is_file", [True, False])
def test_the_named_folder_is_none(
    is_file: bool, server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "named"
    if is_file:
        folder.write_bytes(b"")
    monkeypatch.setenv("ADULT_DATA_DIR", str(folder))
    text = message(lambda: adult(base_url=server.url, cache=cache))
    assert text.startswith("adult.data is not available")
    assert f"ADULT_DATA_DIR: {folder} is not a directory" in text
    assert message(lambda: adult_counts("education")) == text
    assert (server.asked, held(cache)) == ([], {})


@pytest.mark.usefixtures("small")
def test_a_file_missing_in_the_named_folder_and_no_server(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path / "named", {"adult.data": SMALL["adult.data"]})
    monkeypatch.setenv("ADULT_DATA_DIR", str(folder))
    url = f"http://127.0.0.1:{closed_port()}"
    text = message(lambda: adult(base_url=url, cache=cache, timeout=5))
    assert text.startswith("adult.test is not available")
    assert f"ADULT_DATA_DIR: {folder / 'adult.test'}: missing" in text
    assert "no connection" in text
    assert held(cache) == {}


def test_row_count_is_checked(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = SMALL["adult.test"].splitlines(keepends=True)
    server.bodies = SMALL | {"adult.test": b"".join(lines[:2])}
    expect(monkeypatch, server.bodies)
    text = message(lambda: adult(base_url=server.url, cache=cache))
    assert f"{cache / 'adult.test'}: 1 rows, expected 2" in text


# The counts


def shipped(column: str) -> pd.Series:
    table = pd.read_csv(Path(data.__file__).parent / "tables" / "adult_counts.csv")
    return table[table["column"] == column].set_index("category")["count"]


@pytest.mark.parametrize("column", data.COUNTED)
def test_shipped_counts(column: str) -> None:
    counts, source = adult_counts(column)
    assert source == "the table of counts shipped with the book"
    assert counts.sum() == 48_842
    assert counts.dtype == "int64"
    assert ("?" in counts.index) == (column == "workclass")
    assert counts.index.is_unique
    pd.testing.assert_series_equal(counts, shipped(column))


@pytest.mark.usefixtures("small")
def test_counts_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "own" / "golden-ratio-book"
    put(folder, {"adult.data": SMALL["adult.data"]})
    assert adult_counts("workclass")[1] == data.FROM_TABLE
    put(folder, SMALL)
    counts, source = adult_counts("workclass")
    assert source == "the Adult files"
    assert list(counts.items()) == [("Private", 2), ("?", 1), ("Local-gov", 1), ("State-gov", 1)]
    assert counts.dtype == "int64"
    assert [counts.name, counts.index.name] == ["count", "category"]
    put(folder, {"adult.data": b"corrupt"})
    assert adult_counts("workclass")[1] == data.FROM_TABLE


@pytest.mark.parametrize("column", ["income", "", None])
def test_unknown_column(column: str) -> None:
    with pytest.raises(ValueError, match="`column` must be one of workclass, education, marital_"):
        adult_counts(column)


# The real files


@needs_files
def test_real_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADULT_DATA_DIR", str(REAL))
    table = adult()
    assert table.columns.tolist() == list(data.COLUMNS)
    assert len(table) == 48_842
    assert len(table.dropna()) == 45_222
    holes = table.isna().sum()
    assert holes[holes > 0].index.tolist() == ["workclass", "occupation", "native_country"]
    for name in data.COLUMNS:
        assert table[name].dtype == ("int64" if name in data.INTEGERS else "category"), name
    texts = [name for name in data.COLUMNS if name not in data.INTEGERS]
    for name in texts:
        labels = table[name].cat.categories
        assert not any(label == "?" or label != label.strip(" .") for label in labels), name
    assert table["income"].cat.categories.tolist() == ["<=50K", ">50K"]
    assert table["income"].cat.ordered
    assert table["income"].value_counts().to_dict() == {"<=50K": 37_155, ">50K": 11_687}
    # The first row of each file, as one reads it there.
    first = table.loc[[0, 32_561], ["age", "workclass", "native_country", "income"]]
    assert first.to_numpy().tolist() == [
        [39, "State-gov", "United-States", "<=50K"],
        [25, "Private", "United-States", "<=50K"],
    ]


@needs_files
@pytest.mark.parametrize("column", data.COUNTED)
def test_shipped_counts_are_those_of_the_real_files(
    column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADULT_DATA_DIR", str(REAL))
    counts, source = adult_counts(column)
    assert source == "the Adult files"
    pd.testing.assert_series_equal(counts, shipped(column))


@needs_files
def test_real_files_over_http(server: Server, cache: Path) -> None:
    server.bodies = {name: (REAL / name).read_bytes() for name in data.FILES}
    server.answers["adult.test"] = send_half
    assert "truncated" in message(lambda: adult(base_url=server.url, cache=cache))
    assert list(held(cache)) == ["adult.data"]
    server.answers.clear()
    assert adult(base_url=server.url, cache=cache).shape == (48_842, 15)
    assert held(cache) == server.bodies


# Joint counts in bands


def files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADULT_DATA_DIR", str(REAL))


def tables() -> Path:
    return Path(data.__file__).parent / "tables"


NEW = {"adult_bands": adult_bands, "adult_income": adult_income}
both = pytest.mark.parametrize("function", NEW.values(), ids=list(NEW))


@both
def test_without_files_the_shipped_counts_are_used_and_nothing_is_downloaded(
    function: Callable[[], tuple[pd.DataFrame, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(data, "_download", no_network)
    monkeypatch.setattr(socket, "socket", no_network)
    table, source = function()
    assert source == "the table of joint counts shipped with the book"
    assert table["count"].sum() == 48_842
    assert table["count"].dtype == "int64"
    assert (table["count"] > 0).all()
    assert table.index.tolist() == list(range(len(table)))
    assert not table.isna().any(axis=None)
    rest = table.columns.drop("count").tolist()
    assert not table.duplicated(rest).any()
    shipped = {"adult_bands": data.shipped_bands, "adult_income": data.shipped_income}
    pd.testing.assert_frame_equal(table, shipped[function.__name__]())


@both
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "bodies", [{"adult.data": SMALL["adult.data"]}, SMALL | {"adult.test": b""}]
)
def test_one_good_file_in_the_cache_is_not_enough(
    bodies: dict[str, bytes],
    function: Callable[[], tuple[pd.DataFrame, str]],
    tmp_path: Path,
) -> None:
    put(tmp_path / "own" / "golden-ratio-book", bodies)
    table, source = function()
    assert source == data.FROM_BANDS
    assert table["count"].sum() == 48_842


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("named", [True, False])
def test_joint_counts_of_files(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("named" if named else "own/golden-ratio-book")
    put(folder, SMALL)
    if named:
        monkeypatch.setenv("ADULT_DATA_DIR", str(folder))
    table, source = adult_bands()
    assert source == "the Adult files"
    assert table.columns.tolist() == [*ADULT_BANDS.names, "count"]
    # rows differ in workclass and income alone; they are in the order of codes
    assert table[["workclass", "income", "count"]].astype("str").to_numpy().tolist() == [
        ["private", "<=50K", "2"],
        ["government", "<=50K", "1"],
        ["government", ">50K", "1"],
        ["other", ">50K", "1"],
    ]
    first = table.iloc[0, :7].tolist()
    assert first == ["35 to 45", "13 to 14", "1 to 5000", "below 1", "40 to 41", "formerly", "male"]
    income, source = adult_income()
    assert source == "the Adult files"
    assert income.columns.tolist() == [*data.PREDICTORS, "income", "count"]
    assert income.to_numpy().tolist() == [[39, 13, 2174, 0, 40, 0, 3], [39, 13, 2174, 0, 40, 1, 2]]
    assert income["income"].dtype.kind == "i"


@both
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("wrong", SMALL)
def test_joint_counts_refuse_a_wrong_file_in_the_named_folder(
    wrong: str,
    function: Callable[[], tuple[pd.DataFrame, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = put(tmp_path / "named", SMALL | {wrong: b"wrong"})
    monkeypatch.setenv("ADULT_DATA_DIR", str(folder))
    text = message(function)
    assert text.startswith(f"{wrong} is not available")
    assert f"ADULT_DATA_DIR: {folder / wrong}: wrong SHA-256" in text
    assert message(lambda: adult_counts("education")) == text


@both
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("is_file", [True, False])
def test_joint_counts_refuse_a_named_folder_that_is_none(
    is_file: bool,
    function: Callable[[], tuple[pd.DataFrame, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "named"
    if is_file:
        folder.write_bytes(b"")
    monkeypatch.setenv("ADULT_DATA_DIR", str(folder))
    text = message(function)
    assert f"ADULT_DATA_DIR: {folder} is not a directory" in text
    assert message(lambda: adult_counts("education")) == text


def test_shipped_bands_are_codes_of_the_book() -> None:
    table = data.shipped_bands()
    assert table.columns.tolist() == [*ADULT_BANDS.names, "count"]
    for column in ADULT_BANDS.columns:
        values = table[column.name]
        assert values.cat.ordered
        assert values.cat.categories.tolist() == list(column.labels)
        assert set(values) == set(column.labels)  # every band occurs
    codes = np.column_stack([table[name].cat.codes for name in ADULT_BANDS.names])
    assert (np.lexsort(codes.T[::-1]) == np.arange(len(codes))).all()


def test_shipped_counts_agree_with_each_other() -> None:
    bands = data.shipped_bands()

    def share(table: pd.DataFrame, over: pd.Series) -> float:
        return float(table.loc[over, "count"].sum() / table["count"].sum())

    income = data.shipped_income()
    assert share(bands, bands["income"] == ">50K") == 11_687 / 48_842
    assert share(income, income["income"] == 1) == 11_687 / 48_842
    work = bands.groupby("workclass", observed=True)["count"].sum()
    single = data.shipped_counts("workclass")
    assert work["private"] == single["Private"]
    assert work["other"] == single[["?", "Without-pay", "Never-worked"]].sum()
    marital = bands.groupby("marital_status", observed=True)["count"].sum()
    status = data.shipped_counts("marital_status")
    assert marital["never"] == status["Never-married"]
    assert marital["married"] == status[["Married-civ-spouse", "Married-AF-spouse"]].sum()


def test_shipped_income_has_the_mean_of_every_band() -> None:
    bands, income = pd.read_csv(tables() / "adult_bands.csv"), data.shipped_income()
    means = pd.read_csv(tables() / "adult_band_means.csv").set_index(["column", "band"])["mean"]
    assert income.columns.tolist() == [*data.PREDICTORS, "income", "count"]
    for name in data.PREDICTORS:
        expected = bands.groupby(name)["count"].sum()
        found = income.groupby(name)["count"].sum()
        assert len(found) == len(means[name])
        for band, count in expected.items():
            mean = means[name, band]
            assert found[mean] == count
        # a mean lies in its band
        [column] = [one for one in ADULT_BANDS.columns if one.name == name]
        assert column.encode(means[name]).tolist() == means[name].index.tolist()
    order = income.sort_values([*data.PREDICTORS, "income"]).index.tolist()
    assert order == income.index.tolist()


@needs_files
def test_shipped_bands_are_those_of_the_real_files(monkeypatch: pytest.MonkeyPatch) -> None:
    files(monkeypatch)
    table, source = adult_bands()
    assert source == "the Adult files"
    pd.testing.assert_frame_equal(table, data.shipped_bands(), check_dtype=True)
    # counted in another way
    rows = adult()
    over = table["income"] == ">50K"
    assert table.loc[over, "count"].sum() == (rows["income"] == ">50K").sum()
    young = rows[(rows["age"] < 25) & (rows["sex"] == "Female") & (rows["hours_per_week"] >= 50)]
    same = table[
        (table["age"] == "below 25")
        & (table["sex"] == "female")
        & (table["hours_per_week"] == "from 50")
    ]
    assert same["count"].sum() == len(young) > 100
    none = rows["workclass"].isna() | rows["workclass"].isin(["Without-pay", "Never-worked"])
    assert table.loc[table["workclass"] == "other", "count"].sum() == none.sum()


@needs_files
def test_income_of_the_real_files(monkeypatch: pytest.MonkeyPatch) -> None:
    files(monkeypatch)
    table, source = adult_income()
    assert source == "the Adult files"
    assert table.columns.tolist() == [*data.PREDICTORS, "income", "count"]
    assert table["count"].sum() == 48_842
    assert table.loc[table["income"] == 1, "count"].sum() == 11_687
    assert not table.duplicated([*data.PREDICTORS, "income"]).any()
    assert (table.dtypes.drop("count") == "int64").all()
    rows = adult()
    for name in data.PREDICTORS:
        counts = table.groupby(name)["count"].sum()
        pd.testing.assert_series_equal(
            counts, rows[name].value_counts().sort_index().rename_axis(name), check_names=False
        )
    # in bands, the two sources are the same up to the rounding of means
    shipped, bands = data.shipped_income(), pd.read_csv(tables() / "adult_band_means.csv")
    for name in data.PREDICTORS:
        [column] = [one for one in ADULT_BANDS.columns if one.name == name]
        band = column.encode(rows[name])
        means = rows[name].groupby(band).mean()
        own = bands[bands["column"] == name]
        np.testing.assert_allclose(own["mean"], means[own["band"]], rtol=0, atol=5.1e-5)
        average = (shipped[name] * shipped["count"]).sum() / 48_842
        assert average == pytest.approx(rows[name].mean(), abs=1e-4)
        over = shipped["income"] == 1
        by_band = shipped[over].groupby(name)["count"].sum().tolist()
        assert by_band == np.bincount(band[rows["income"] == ">50K"]).tolist()


@needs_files
def test_the_shipped_tables_are_rebuilt_byte_by_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files(monkeypatch)
    monkeypatch.setattr(adult_tables, "TABLES", tmp_path / "new")
    (tmp_path / "new").mkdir()
    adult_tables.main()
    names = ["adult_band_means.csv", "adult_bands.csv", "adult_counts.csv"]
    assert sorted(held(tmp_path / "new")) == names  # and nothing aside is left
    said = capsys.readouterr().out
    for name in names:
        body = (tables() / name).read_bytes()
        assert held(tmp_path / "new")[name] == body, name
        rows = len(body.splitlines()) - 1
        assert f"lib/tables/{name}: {rows} rows" in said


@needs_files
def test_a_table_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(monkeypatch)
    put(tmp_path / "new", {"adult_counts.csv": b"old"})
    monkeypatch.setattr(adult_tables, "TABLES", tmp_path / "new")

    def half(self: pd.DataFrame, path: Path, **_: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError("no space left")

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    with pytest.raises(OSError, match="no space left"):
        adult_tables.main()
    assert held(tmp_path / "new") == {"adult_counts.csv": b"old"}


@pytest.mark.usefixtures("small")
def test_tables_are_not_rebuilt_from_shipped_ones(tmp_path: Path) -> None:
    for table in (adult_tables.counts, adult_tables.bands):
        with pytest.raises(SystemExit, match="shipped with the book, not from the Adult files"):
            table()
    put(tmp_path / "own" / "golden-ratio-book", SMALL)
    assert adult_tables.bands()["count"].sum() == 5
    assert adult_tables.bands().columns.tolist() == [*ADULT_BANDS.names, "count"]


# The sets of statsmodels


def test_doctor_visits() -> None:
    rows = data.doctor_visits()
    assert rows.shape == (20_190, 10)
    assert rows.columns[0] == "mdvis"
    assert set(rows.columns[1:]) == {
        *("lncoins", "idp", "lpi", "fmde", "physlm", "disea", "hlthg", "hlthf", "hlthp")
    }
    assert not rows.isna().any(axis=None)
    assert rows["mdvis"].min() == 0
    assert (rows["mdvis"] % 1 == 0).all()
    # the mean and variance in the literature: Deb and Trivedi 2002, 2.86 and 4.50^2
    assert rows["mdvis"].mean() == pytest.approx(2.8604, abs=5e-5)
    assert rows["mdvis"].std() == pytest.approx(4.504, abs=5e-4)
    for name in ("idp", "hlthg", "hlthf", "hlthp"):
        assert set(rows[name]) == {0, 1}, name
    assert rows[["hlthg", "hlthf", "hlthp"]].sum(axis=1).max() == 1


def test_affairs() -> None:
    rows = data.affairs()
    assert rows.shape == (6366, 9)
    assert rows.columns[-1] == "affair"
    assert "affairs" not in rows.columns
    assert not rows.isna().any(axis=None)
    assert set(rows["affair"]) == {0, 1}
    assert rows["affair"].sum() == 2053
    assert rows["rate_marriage"].agg(["min", "max"]).tolist() == [1, 5]
    assert rows["religious"].agg(["min", "max"]).tolist() == [1, 4]
    for name in ("occupation", "occupation_husb"):
        assert rows[name].agg(["min", "max"]).tolist() == [1, 6]
    assert rows["age"].mean() == pytest.approx(29.083, abs=5e-4)


@pytest.mark.parametrize("function", [data.doctor_visits, data.affairs, data.shipped_bands])
def test_a_table_that_is_changed_does_not_change_the_next(
    function: Callable[[], pd.DataFrame],
) -> None:
    first = function()
    copy = first.copy()
    first.iloc[:, -1] = 0
    pd.testing.assert_frame_equal(function(), copy)


# Standardised columns


def counted_table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "a": rng.integers(0, 9, 50) / 7,
            "b": rng.lognormal(8, 2, 50).round(2),
            "c": rng.random(50) < 0.2,
            "n": rng.integers(0, 6, 50),
        }
    )


@pytest.mark.parametrize("counts", [None, "n"])
def test_standardised_columns_have_mean_0_and_standard_deviation_1(counts: str | None) -> None:
    table = counted_table()
    found = standardised(table, ["b", "a", "c"], counts=counts)
    number = table["n"].to_numpy() if counts else np.ones(50, dtype=int)
    rows = np.repeat(found, number, axis=0)
    assert (found[:, 0] == 1).all()
    np.testing.assert_allclose(rows[:, 1:].mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(rows[:, 1:].std(axis=0), 1, rtol=1e-13)
    for place, name in enumerate(["b", "a", "c"], start=1):
        values = np.repeat(table[name].to_numpy(dtype=float), number)
        expected = (table[name].to_numpy(dtype=float) - values.mean()) / values.std()
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-11, atol=1e-13)


def test_counts_are_rows_that_are_repeated() -> None:
    table = counted_table()
    repeated = table.loc[table.index.repeat(table["n"])]
    once = standardised(table, ["a", "b"], counts="n")
    expected = np.repeat(once, table["n"].to_numpy(), axis=0)
    np.testing.assert_array_equal(standardised(repeated, ["a", "b"]), expected)


@pytest.mark.parametrize("counts", [None, "n"])
@pytest.mark.parametrize("seed", range(5))
def test_standardised_columns_do_not_depend_on_the_order_of_rows(
    seed: int, counts: str | None
) -> None:
    table = counted_table()
    order = np.random.default_rng(seed).permutation(50)
    found = standardised(table.iloc[order], ["a", "b"], counts=counts)
    np.testing.assert_array_equal(found, standardised(table, ["a", "b"], counts=counts)[order])


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "int8", "float32", "bool", "boolean"])
def test_all_types_of_numbers_are_standardised(dtype: str) -> None:
    table = pd.DataFrame({"a": pd.Series([0, 1, 1, 0]).astype(dtype)})
    assert standardised(table, ["a"]).tolist() == [[1, -1], [1, 1], [1, 1], [1, -1]]


def test_rows_without_count_are_standardised_too() -> None:
    table = pd.DataFrame({"a": [0, 2, 5], "n": [1, 1, 0]})
    assert standardised(table, ["a"], counts="n").tolist() == [[1, -1], [1, 1], [1, 4]]


def test_standardised_leaves_the_table_alone() -> None:
    table = counted_table()
    standardised(table, ["a", "b"], counts="n")
    pd.testing.assert_frame_equal(table, counted_table())


def test_standardised_columns_of_adult() -> None:
    table, _ = adult_income()
    found = standardised(table, data.PREDICTORS, counts="count")
    assert found.shape == (len(table), 6)
    weight = table["count"].to_numpy() / 48_842
    np.testing.assert_allclose(weight @ found[:, 1:], 0, atol=1e-12)
    np.testing.assert_allclose(weight @ found[:, 1:] ** 2, 1, rtol=1e-12)


def test_a_large_offset_does_not_make_a_column_constant() -> None:
    table = pd.DataFrame({"a": [1e9, 1e9 + 2]})
    assert standardised(table, ["a"]).tolist() == [[1, -1], [1, 1]]


N = {"n": [1, 2, 3]}
A = {"a": [1, 2, 3]}
STANDARDISED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (A, {"columns": "a"}, "`columns` must be a list of at least one name; got 'a'"),
    (A, {"columns": []}, r"`columns` must be a list of at least one name; got \[\]"),
    (A | N, {"columns": ["b"]}, "`columns` must be names among a, n; got 'b'"),
    (A | N, {"columns": ["a", ""]}, "`columns` must be names among a, n; got ''"),
    ({"a": ["x", "y"]}, {}, r"`table\['a'\]` must be numeric; got "),
    ({"a": ["1", "2"]}, {}, r"`table\['a'\]` must be numeric; got "),
    ({"a": pd.Categorical([1, 2])}, {}, r"`table\['a'\]` must be numeric; got Categorical"),
    ({"a": [5, 5]}, {}, r"`table\['a'\]` must be a column that varies; got .*5"),
    ({"a": [0.1] * 7}, {}, r"`table\['a'\]` must be a column that varies; got .*0\.1"),
    ({"a": [5]}, {}, r"`table\['a'\]` must be a column that varies; got .*5"),
    (
        {"a": [1, 1, 2], "n": [3, 1, 0]},
        {"counts": "n"},
        r"`table\['a'\]` must be a column that varies; got .*1",
    ),
    (
        {"a": [float("nan")] * 2},
        {},
        r"`table\['a'\]` must be a column with some values; got 'all missing'",
    ),
    (
        {"a": pd.array([None, None], dtype="Int64")},
        {},
        r"`table\['a'\]` must be a column with some values; got 'all missing'",
    ),
    (
        {"a": [1, float("nan"), 2]},
        {},
        r"`table\['a'\]` must be without missing or infinite values; got .*nan",
    ),
    (
        {"a": pd.array([1, None, 2], dtype="Int64")},
        {},
        r"`table\['a'\]` must be without missing or infinite values; got .*nan",
    ),
    ({"a": [1, float("inf")]}, {}, r"`table\['a'\]` must be without missing or infinite .*inf"),
    (
        A | {"n": [1, -1, 2]},
        {"counts": "n"},
        r"`table\['n'\]` must be integers of at least 0, some above; got .*-1",
    ),
    (
        A | {"n": [1, 0.5, 2]},
        {"counts": "n"},
        r"`table\['n'\]` must be integers of at least 0, some above; got .*0\.5",
    ),
    (
        A | {"n": [0, 0, 0]},
        {"counts": "n"},
        r"`table\['n'\]` must be integers of at least 0, some above; got .*0",
    ),
    (A | {"n": [1, None, 2]}, {"counts": "n"}, r"`table\['n'\]` must be without missing or inf"),
    (A | {"n": ["1"] * 3}, {"counts": "n"}, r"`table\['n'\]` must be numeric; got "),
    (A, {"counts": "n"}, "`counts` must be .*a; got 'n'"),
]


@pytest.mark.parametrize(("columns", "arguments", "text"), STANDARDISED)
def test_what_cannot_be_standardised(
    columns: dict[str, Any], arguments: dict[str, Any], text: str
) -> None:
    options: dict[str, Any] = {"columns": ["a"]} | arguments
    with pytest.raises(ValueError, match=f"^{text}"):
        standardised(pd.DataFrame(columns), **options)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ([[1, 2]], r"`table` must be a pandas DataFrame; got \[\[1, 2\]\]"),
        (pd.DataFrame({"a": []}), "`table` must be a table of at least one row and column; got "),
        (
            pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
            r"`table` must be a table whose columns have different names; got \['a'\]",
        ),
    ],
)
def test_what_is_no_table_cannot_be_standardised(table: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}"):
        standardised(table, ["a"])
