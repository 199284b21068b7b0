"""The Adult census table (Becker and Kohavi 1996), the real data of the paper's figure 10.

The two files are not part of the book. Each is looked for in the folder that the environment
variable ADULT_DATA_DIR names, then in a cache of the user, then at UCI, and is used only if its
SHA-256 is the expected one. The counts of three columns are shipped, so the book builds offline.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import platformdirs
from requests import exceptions

from lib import _validate

UCI_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"
VARIABLE = "ADULT_DATA_DIR"
COUNTED = ("workclass", "education", "marital_status")
FROM_FILES = "the Adult files"
FROM_TABLE = "the table of counts shipped with the book"

COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation"),
    *("relationship", "race", "sex", "capital_gain", "capital_loss", "hours_per_week"),
    *("native_country", "income"),
)
INTEGERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
INCOMES = ("<=50K", ">50K")


class Known(NamedTuple):
    """What is known beforehand about one of the two files."""

    rows: int
    sha256: str


FILES = {
    "adult.data": Known(32_561, "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"),
    "adult.test": Known(16_281, "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05"),
}


class DataUnavailable(RuntimeError):  # noqa: N818
    """An Adult file cannot be had; the message says what was tried and what to do."""


def _unavailable(name: str, tried: list[str]) -> DataUnavailable:
    """Build the error; the caller raises it, so that it can name the cause."""
    lines = "".join(f"\n- {place}" for place in tried)
    return DataUnavailable(
        f"{name} is not available. What was tried:{lines}\n"
        f"You can set the environment variable {VARIABLE} to a folder that holds "
        f"{' and '.join(FILES)}."
    )


def _fault(path: Path) -> str:
    """Say why the file cannot be used; nothing if it can."""
    expected = FILES[path.name].sha256
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == expected else f"wrong SHA-256: expected {expected}, found {found}"


def _find(name: str, cache: Path) -> tuple[Path | None, list[str]]:
    """Look for a good copy on this computer; return it, or None, and what was tried."""
    tried = [f"{VARIABLE}: not set"]
    if folder := os.path.expanduser(os.environ.get(VARIABLE, "")):
        if not os.path.isdir(folder):
            raise _unavailable(name, [f"{VARIABLE}: {folder} is not a directory"])
        path = Path(folder, name)
        fault = _fault(path)
        if not fault:
            return path, []
        tried = [f"{VARIABLE}: {path}: {fault}"]
        if fault != "missing":
            # The user said that this is the file: another one in its place would be a surprise.
            raise _unavailable(name, tried)
    path = cache / name
    fault = _fault(path)
    return (path, []) if not fault else (None, [*tried, f"cache: {path}: {fault}"])


def _reason(error: Exception, timeout: float) -> str:
    """Say in plain words why a download failed."""
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"the server answered with an error, HTTP status {error.response.status_code}"
    # When the answer stops halfway, requests raises a ConnectionError instead of a Timeout.
    if isinstance(error, exceptions.Timeout) or "timed out" in str(error):
        return f"time-out, no answer (limit {timeout:g} s)"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return f"truncated, the connection ended before the file did ({error})"
    if isinstance(error, exceptions.ConnectionError):
        return f"no connection ({error})"
    return str(error)  # among them the wrong hash, for which pooch has a good message


def _download(name: str, base_url: str, cache: Path, timeout: float, tried: list[str]) -> Path:
    """Put a file into the cache. Pooch renames it to its name only when its hash is right."""
    # imported when needed: it imports a progress bar that writes a warning into notebooks
    import pooch  # type: ignore[import-untyped]  # noqa: PLC0415

    url = f"{base_url.rstrip('/')}/{name}"
    # Without stream=False an error status would leave the connection open.
    downloader = pooch.HTTPDownloader(timeout=timeout, stream=False)
    try:
        return Path(pooch.retrieve(url, FILES[name].sha256, name, cache, downloader=downloader))
    except (OSError, ValueError) as error:  # requests' own exceptions are OSErrors
        tried = [*tried, f"download: {url}: {_reason(error, timeout)}"]
        raise _unavailable(name, tried) from error


def _read(paths: list[Path]) -> pd.DataFrame:
    """Read the files, one below the other."""
    parts = []
    for path in paths:
        # The comment is the first line of adult.test. Only "?" is a missing value.
        part = pd.read_csv(
            path,
            names=list(COLUMNS),
            skipinitialspace=True,
            comment="|",
            na_values="?",
            keep_default_na=False,
        )
        expected = FILES[path.name].rows
        if len(part) != expected:
            raise _unavailable(path.name, [f"{path}: {len(part):,} rows, expected {expected:,}"])
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table["income"] = table["income"].str.removesuffix(".")
    table["income"] = pd.Categorical(table["income"], categories=list(INCOMES), ordered=True)
    texts = [name for name in COLUMNS if name not in (*INTEGERS, "income")]
    return table.astype(dict.fromkeys(INTEGERS, "int64") | dict.fromkeys(texts, "category"))


def _folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache folder, by default one of the user's."""
    own = platformdirs.user_cache_dir("golden-ratio-book")
    return Path(own if cache is None else cache).expanduser()


def adult(
    *,
    base_url: str = UCI_URL,
    cache: str | os.PathLike[str] | None = None,
    timeout: float = 30.0,
) -> pd.DataFrame:
    """All 48,842 rows of the Adult census table, adult.data first, then adult.test.

    Each file is taken from the folder that the environment variable ADULT_DATA_DIR names, else
    from the cache, else downloaded into the cache. A file in the cache with a wrong hash is
    downloaded again.

    Parameters
    ----------
    base_url : str, optional
        Where to download from: the address, over HTTP or HTTPS, of the folder with both files.
    cache : path-like, optional
        Folder that keeps the downloaded files; by default one of the user's.
    timeout : float, optional
        Seconds without an answer after which the download is given up.

    Returns
    -------
    DataFrame, shape (48842, 15)
        Whole numbers as int64, text as categories, and a missing value where the file has "?".
        ``income`` has the ordered categories "<=50K" and ">50K". 45,222 rows are complete.

    Raises
    ------
    DataUnavailable
        If a file cannot be had, if ADULT_DATA_DIR does not name a directory or holds a file with
        a wrong hash, or if a file has a wrong number of rows.
    ValueError
        If `timeout` is not a finite and positive number, or `base_url` not a text.

    References
    ----------
    B. Becker and R. Kohavi (1996), Adult, UCI Machine Learning Repository,
    https://doi.org/10.24432/C5XW20

    Examples
    --------
    >>> from lib.data import adult
    >>> adult().shape  # doctest: +SKIP
    (48842, 15)
    """
    if _validate.positive("timeout", timeout).ndim:
        raise _validate.fail("timeout", "a single number", timeout)
    if not isinstance(base_url, str):
        raise _validate.fail("base_url", "a text", base_url)
    folder = _folder(cache)
    # Both are looked for first: a mistake in ADULT_DATA_DIR shows before anything is downloaded.
    found = [(name, *_find(name, folder)) for name in FILES]
    return _read([p or _download(name, base_url, folder, timeout, t) for name, p, t in found])


def adult_counts(column: str) -> tuple[pd.Series[int], str]:
    """Count the categories of a column over all 48,842 rows; this never downloads.

    A missing value, "?" in the files, counts as a category, as it does in the paper's program.

    Parameters
    ----------
    column : {"workclass", "education", "marital_status"}
        The columns of the paper's figure 10.

    Returns
    -------
    counts : Series
        Named "count", indexed by category, the largest first and equal ones by name.
    source : str
        "the Adult files" if a good copy of both is on this computer (ADULT_DATA_DIR or cache),
        else "the table of counts shipped with the book".

    Raises
    ------
    ValueError
        If `column` is not one of the three.
    DataUnavailable
        If ADULT_DATA_DIR does not name a directory, or holds a file with a wrong hash.

    Examples
    --------
    >>> from lib.data import adult_counts
    >>> counts, source = adult_counts("marital_status")
    >>> int(counts.sum()), counts.index[0]
    (48842, 'Married-civ-spouse')
    """
    _check_column(column)
    folder = _folder()
    paths = [path for name in FILES if (path := _find(name, folder)[0])]
    if len(paths) == len(FILES):
        values = _read(paths)[column].astype("str").fillna("?")
        table, source = values.value_counts().rename_axis("category").reset_index(), FROM_FILES
        return _sorted(table), source
    return shipped_counts(column), FROM_TABLE


def shipped_counts(column: str) -> pd.Series[int]:
    """Count the categories of a column from the table shipped with the book, as `adult_counts`.

    Parameters
    ----------
    column : {"workclass", "education", "marital_status"}

    Returns
    -------
    Series
        Named "count", indexed by category, the largest first and equal ones by name.

    Raises
    ------
    ValueError
        If `column` is not one of the three.
    """
    _check_column(column)
    resource = importlib.resources.files("lib") / "tables" / "adult_counts.csv"
    with resource.open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return _sorted(table[table["column"] == column])


def _check_column(column: str) -> None:
    if column not in COUNTED:
        raise _validate.fail("column", f"one of {', '.join(COUNTED)}", column)


def _sorted(table: pd.DataFrame) -> pd.Series[int]:
    table = table.sort_values(["count", "category"], ascending=[False, True])
    return table.set_index("category")["count"]
