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

import pandas as pd
import platformdirs
import pytest

from lib import data
from lib.data import DataUnavailable, adult, adult_counts

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
