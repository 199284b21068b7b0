"""Real data: the Adult census table (Becker and Kohavi 1996), and two sets of statsmodels.

The two files of Adult are not part of the book. Each is looked for in the folder that the
environment variable ADULT_DATA_DIR names, then in a cache of the user, then at UCI, and is used
only if its SHA-256 is the expected one. Counts of three columns, and joint counts of nine columns
in coarse bands, are shipped, so that the book builds offline.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import platformdirs
from requests import exceptions

from lib import _validate
from lib._validate import Array
from lib.bands import MISSING, Bands, Grouped, Numeric, checked_table, groups

UCI_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"
VARIABLE = "ADULT_DATA_DIR"
COUNTED = ("workclass", "education", "marital_status")
FROM_FILES = "the Adult files"
FROM_TABLE = "the table of counts shipped with the book"
FROM_BANDS = "the table of joint counts shipped with the book"

COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation"),
    *("relationship", "race", "sex", "capital_gain", "capital_loss", "hours_per_week"),
    *("native_country", "income"),
)
INTEGERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
INCOMES = ("<=50K", ">50K")

PREDICTORS = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
"""Covariates of the paper's logistic regression."""

ADULT_BANDS = Bands(
    (
        Numeric("age", (25, 35, 45, 55, 65)),
        Numeric("education_num", (9, 10, 13, 14)),
        Numeric("capital_gain", (1, 5000, 10_000)),
        Numeric("capital_loss", (1, 1800)),
        Numeric("hours_per_week", (35, 40, 41, 50)),
        Grouped(
            "marital_status",
            groups(
                married=("Married-civ-spouse", "Married-AF-spouse"),
                never=("Never-married",),
                formerly=("Divorced", "Separated", "Widowed", "Married-spouse-absent"),
            ),
        ),
        Grouped("sex", groups(female=("Female",), male=("Male",))),
        Grouped(
            "workclass",
            groups(
                private=("Private",),
                self=("Self-emp-not-inc", "Self-emp-inc"),
                government=("Local-gov", "State-gov", "Federal-gov"),
                other=(MISSING, "Without-pay", "Never-worked"),
            ),
        ),
        Grouped("income", {income: income for income in INCOMES}),
    )
)
"""The nine columns of the joint counts: edges where wages, schools and tax forms have theirs."""


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
    _validate.single("timeout", timeout)
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
    rows = _here()
    if rows is None:
        return shipped_counts(column), FROM_TABLE
    values = rows[column].astype("str").fillna("?")
    return _sorted(values.value_counts().rename_axis("category").reset_index()), FROM_FILES


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
    table = _shipped("adult_counts.csv")
    return _sorted(table[table["column"] == column])


def _check_column(column: str) -> None:
    if column not in COUNTED:
        raise _validate.fail("column", f"one of {', '.join(COUNTED)}", column)


def _sorted(table: pd.DataFrame) -> pd.Series[int]:
    table = table.sort_values(["count", "category"], ascending=[False, True])
    return table.set_index("category")["count"]


def _here() -> pd.DataFrame | None:
    """Return the rows of Adult if a good copy of both files is on this computer."""
    folder = _folder()
    paths = [path for name in FILES if (path := _find(name, folder)[0])]
    return _read(paths) if len(paths) == len(FILES) else None


def adult_bands() -> tuple[pd.DataFrame, str]:
    """Count the combinations of nine columns in coarse bands; this never downloads.

    The counts are the same from either source.

    Returns
    -------
    table : DataFrame
        A row for every combination that occurs: the columns of `ADULT_BANDS`, as ordered
        categories, and ``count``. The counts sum to 48,842.
    source : str
        "the Adult files" if a good copy of both is on this computer (ADULT_DATA_DIR or cache),
        else "the table of joint counts shipped with the book".

    Raises
    ------
    DataUnavailable
        If ADULT_DATA_DIR does not name a directory, or holds a file with a wrong hash.

    Examples
    --------
    >>> from lib.data import adult_bands
    >>> table, source = adult_bands()
    >>> int(table["count"].sum())
    48842
    """
    rows = _here()
    if rows is None:
        return shipped_bands(), FROM_BANDS
    codes, counts = np.unique(
        ADULT_BANDS.encode(rows[ADULT_BANDS.names]), axis=0, return_counts=True
    )
    return ADULT_BANDS.decode(codes).assign(count=counts), FROM_FILES


def shipped_bands() -> pd.DataFrame:
    """Return the joint counts shipped with the book, as `adult_bands`.

    Returns
    -------
    DataFrame
    """
    table = _shipped("adult_bands.csv")
    codes = table[ADULT_BANDS.names].to_numpy()
    return ADULT_BANDS.decode(codes).assign(count=table["count"].to_numpy())


def adult_income() -> tuple[pd.DataFrame, str]:
    """Count the combinations of income and its five covariates; this never downloads.

    Returns
    -------
    table : DataFrame
        Columns age, education_num, capital_gain, capital_loss, hours_per_week, income (0 or 1: over
        50,000 dollars) and count. From the files the values are exact; in the table shipped with
        the book every number is the mean of its band.
    source : str
        As for `adult_bands`.

    Raises
    ------
    DataUnavailable
        If ADULT_DATA_DIR does not name a directory, or holds a file with a wrong hash.

    Examples
    --------
    >>> from lib.data import adult_income
    >>> table, source = adult_income()
    >>> int(table["count"].sum())
    48842
    """
    rows = _here()
    if rows is None:
        return shipped_income(), FROM_BANDS
    rows = rows[[*PREDICTORS, "income"]].assign(income=rows["income"].cat.codes.astype(int))
    return rows.value_counts(sort=False).sort_index().reset_index(), FROM_FILES


def shipped_income() -> pd.DataFrame:
    """Return the stand-in of `adult_income` that is shipped with the book.

    Returns
    -------
    DataFrame
        Every number is the mean of its band over the rows of Adult.
    """
    table, means = _shipped("adult_bands.csv"), _shipped("adult_band_means.csv")
    columns: dict[str, Any] = {}
    for name in PREDICTORS:
        inside = means[means["column"] == name].set_index("band")["mean"]
        columns[name] = table[name].map(inside)
    columns |= {"income": table["income"], "count": table["count"]}
    grouped = pd.DataFrame(columns).groupby([*PREDICTORS, "income"])["count"].sum()
    return grouped.sort_index().reset_index()


def _shipped(name: str) -> pd.DataFrame:
    with (importlib.resources.files("lib") / "tables" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


def doctor_visits() -> pd.DataFrame:
    """Return the RAND Health Insurance Experiment, which comes with statsmodels.

    Returns
    -------
    DataFrame, shape (20190, 10)
        ``mdvis``, the outpatient visits to a doctor in a year, and nine covariates:
        log(coinsurance + 1) (``lncoins``), an individual deductible (``idp``), log of the
        participation payment (``lpi``), a function of the maximal expenditure (``fmde``), a
        physical limitation (``physlm``), an index of chronic diseases (``disea``), and health said
        to be good, fair or poor (``hlthg``, ``hlthf``, ``hlthp``).

    References
    ----------
    W. G. Manning et al. (1987), Health insurance and the demand for medical care: evidence from a
    randomized experiment, American Economic Review 77(3), 251-277.

    Examples
    --------
    >>> from lib.data import doctor_visits
    >>> doctor_visits().shape
    (20190, 10)
    """
    from statsmodels.datasets import randhie  # type: ignore[import-untyped]  # noqa: PLC0415

    return pd.DataFrame(randhie.load_pandas().data)


def affairs() -> pd.DataFrame:
    """Return Fair's survey of married women, which comes with statsmodels.

    Returns
    -------
    DataFrame, shape (6366, 9)
        ``affair``, 1 for a woman with any extramarital affair, and eight covariates: rating of the
        marriage (1 to 5), age, years married, children, religiousness (1 to 4), years of
        education, occupation and husband's occupation (1 to 6).

    References
    ----------
    R. C. Fair (1978), A theory of extramarital affairs, Journal of Political Economy 86(1), 45-61.

    Examples
    --------
    >>> from lib.data import affairs
    >>> round(float(affairs()["affair"].mean()), 3)
    0.322
    """
    from statsmodels.datasets import fair  # noqa: PLC0415

    rows = pd.DataFrame(fair.load_pandas().data)
    return rows.drop(columns="affairs").assign(affair=(rows["affairs"] > 0).astype(int))


def standardised(
    table: pd.DataFrame, columns: Sequence[str], *, counts: str | None = None
) -> Array:
    """Return a design matrix: a constant, and columns with mean 0 and standard deviation 1.

    Parameters
    ----------
    table : DataFrame
    columns : sequence of str
        Names of numeric columns.
    counts : str, optional
        Name of a column that says how often each row stands in the table.

    Returns
    -------
    ndarray, shape (rows, 1 + columns)
        Its entries do not depend on the order of rows, to the last bit.

    Raises
    ------
    ValueError
        If the table has no such column, or one that is not numeric, has missing or infinite values
        or is constant, or if a count is negative or no integer, or all of them are 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib.data import standardised
    >>> standardised(pd.DataFrame({"age": [20, 40]}), ["age"]).tolist()
    [[1.0, -1.0], [1.0, 1.0]]
    """
    checked_table("table", table)
    if isinstance(columns, str) or not len(columns):
        raise _validate.fail("columns", "a list of at least one name", columns)
    number = np.ones(len(table), dtype=np.int64) if counts is None else _counted(table, counts)
    design = [np.ones(len(table))]
    for name in columns:
        column = _numbers("columns", table, name)
        # from the different values: a sum of floats over rows would depend on their order
        values, which = np.unique(column, return_inverse=True)
        weight = np.zeros(values.size, dtype=np.int64)
        np.add.at(weight, which, number)
        mean = values @ weight / weight.sum()
        sd = np.sqrt((values - mean) ** 2 @ weight / weight.sum())
        if np.count_nonzero(weight) == 1:
            raise _validate.fail(f"table[{name!r}]", "a column that varies", values[weight > 0][0])
        design.append((column - mean) / sd)
    return np.column_stack(design)


def _numbers(argument: str, table: pd.DataFrame, name: str) -> Array:
    if name not in table.columns:
        raise _validate.fail(argument, f"names among {', '.join(map(str, table.columns))}", name)
    values = table[name]
    if not pd.api.types.is_numeric_dtype(values):
        raise _validate.fail(f"table[{name!r}]", "numeric", values.dtype)
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(numbers).all():
        raise _validate.fail(f"table[{name!r}]", "a column with some values", "all missing")
    return _validate.finite(f"table[{name!r}]", numbers, "without missing or infinite values")


def _counted(table: pd.DataFrame, name: str) -> Any:
    numbers = _numbers("counts", table, name)
    if (numbers < 0).any() or (numbers % 1 != 0).any() or not numbers.any():
        raise _validate.fail(f"table[{name!r}]", "integers of at least 0, some above", numbers)
    return numbers.astype(np.int64)
