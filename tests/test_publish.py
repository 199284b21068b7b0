"""Where the book is published: read from the environment, and linked only if somebody says so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "_ext"))

import publish  # noqa: E402 - an extension of Sphinx, not a package
from publish import Place, find_place, github_address, launch_notebook  # noqa: E402

REPOSITORY = "https://github.com/someone/a-book"
KNOWN = Place(REPOSITORY, "main", "https://someone.github.io/a-book/")
NAMES = ("BOOK_REPOSITORY", "BOOK_BRANCH", "BOOK_URL", "BOOK_EDITION")


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/someone/a-book",
        "https://github.com/someone/a-book/",
        "https://github.com/someone/a-book.git",
        "https://user@github.com/someone/a-book.git",
        "git@github.com:someone/a-book.git",
        "ssh://git@github.com/someone/a-book\n",
    ],
)
def test_ways_to_write_a_repository(remote: str) -> None:
    assert github_address(remote) == REPOSITORY


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/home/me/a-book",
        "https://gitlab.com/someone/a-book",
        "https://github.com/someone",
        "https://github.com/someone/a-book/tree/main",
        "https://notgithub.com/someone/a-book",
        "https://example.org/?u=https://github.com/someone/a-book",
        "http://127.0.0.1/github.com/someone/a-book",
    ],
)
def test_not_a_repository_on_github(remote: str) -> None:
    assert github_address(remote) is None


@pytest.mark.parametrize(
    ("environment", "origin", "place"),
    [
        ({}, None, Place()),
        ({}, "/srv/git/a-book", Place()),
        ({}, "git@github.com:someone/a-book.git", KNOWN),
        ({"BOOK_REPOSITORY": REPOSITORY}, "git@github.com:other/thing.git", KNOWN),
        ({"GITHUB_REPOSITORY": "someone/a-book"}, "git@github.com:other/thing.git", KNOWN),
        ({"BOOK_REPOSITORY": REPOSITORY, "GITHUB_REPOSITORY": "other/thing"}, None, KNOWN),
        (
            {"BOOK_REPOSITORY": REPOSITORY, "GITHUB_REF_NAME": "v2"},
            None,
            Place(REPOSITORY, "v2", KNOWN.site),
        ),
        (
            {"BOOK_REPOSITORY": REPOSITORY, "GITHUB_REF_NAME": "v2", "BOOK_BRANCH": "dev"},
            None,
            Place(REPOSITORY, "dev", KNOWN.site),
        ),
        (
            {"BOOK_REPOSITORY": REPOSITORY, "BOOK_URL": "https://example.org/x"},
            None,
            Place(REPOSITORY, "main", "https://example.org/x/"),
        ),
        ({"BOOK_URL": "https://example.org/"}, None, Place(None, "main", "https://example.org/")),
        (
            {"BOOK_REPOSITORY": "https://github.com/Me/me.github.io"},
            None,
            Place("https://github.com/Me/me.github.io", "main", "https://me.github.io/"),
        ),
        # a company's own GitHub: Binder and Colab do not reach it
        ({"GITHUB_REPOSITORY": "a/b", "GITHUB_SERVER_URL": "https://git.example"}, None, Place()),
    ],
)
def test_where_it_is_published(
    environment: dict[str, str], origin: str | None, place: Place
) -> None:
    assert find_place(environment, origin) == place


def test_a_repository_that_nobody_can_launch() -> None:
    with pytest.raises(ValueError, match=r"`BOOK_REPOSITORY`.*gitlab\.com/a/b"):
        find_place({"BOOK_REPOSITORY": "https://gitlab.com/a/b"})


def test_addresses() -> None:
    page = "book/gaussian/mean"
    assert KNOWN.colab(page) == (
        "https://colab.research.google.com/github/someone/a-book/blob/notebooks/gaussian/mean.ipynb"
    )
    assert KNOWN.binder(page) == (
        "https://mybinder.org/v2/gh/someone/a-book/notebooks?urlpath=lab/tree/gaussian%2Fmean.ipynb"
    )


def test_the_origin_of_a_clone(tmp_path: Path) -> None:
    assert publish.origin(tmp_path) is None
    for command in (["init", "-q"], ["remote", "add", "origin", "git@github.com:a/b.git"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)  # noqa: S603, S607
    assert publish.origin(tmp_path) == "git@github.com:a/b.git"


# --- the first cell -------------------------------------------------------------------------------

NOTEBOOK: dict[str, Any] = {
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# A page"]}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collect what the cell would run."""
    ran: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> None:
        assert check, "a failure must not pass unseen"
        ran.append(command)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def first_cell() -> str:
    notebook = launch_notebook(NOTEBOOK, KNOWN)
    nbformat.validate(nbformat.from_dict(notebook))
    assert len(NOTEBOOK["cells"]) == 1
    assert notebook["cells"][1:] == NOTEBOOK["cells"]
    return "".join(notebook["cells"][0]["source"])


def test_on_colab_the_library_is_installed(
    pip: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    exec(first_cell(), {})  # noqa: S102 - the cell is what is tested
    package = "git+https://github.com/someone/a-book@main"
    assert pip == [[sys.executable, "-m", "pip", "install", "-q", package]]


def test_elsewhere_nothing_is_installed(pip: list[list[str]]) -> None:
    assert "google.colab" not in sys.modules
    exec(first_cell(), {})  # noqa: S102
    assert pip == []


# --- a small site ---------------------------------------------------------------------------------

CONF = """
import sys
sys.path[:0] = [{ext!r}, {root!r}]
project = "A book"
extensions = ["myst_nb", "sphinx_book_theme", "offline", "publish"]
html_theme = "sphinx_book_theme"
html_sourcelink_suffix = ""
html_static_path = ["_static"]
nb_execution_mode = "off"
suppress_warnings = ["myst-nb.lexer"]  # only what runs names its language
"""
HEAD = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n\n"
TEXTS = {
    "index": "# A book\n\nIt has words.\n\n```{toctree}\nbook/one\nbook/part/two\n```\n",
    "book/one": HEAD + "# One\n\nWith code.\n\n```{code-cell} ipython3\n1 + 1\n```\n",
    "book/part/two": "# Two\n\nWithout code.\n",
}


def build(folder: Path, **environment: str) -> Path:
    """Build three pages and return the folder of the site."""
    source = folder / "source"
    for name, text in TEXTS.items():
        path = source / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (source / "_static").mkdir()
    (source / "_static" / "social-card.png").write_bytes(b"")
    (source / "conf.py").write_text(CONF.format(ext=str(ROOT / "_ext"), root=str(ROOT)))
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in NAMES and not name.startswith("GITHUB_")
    }
    site = folder / "_build" / "html"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "sphinx", "-W", "-q", "-n", str(source), str(site)],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    return site


def links(site: Path, page: str) -> list[str]:
    soup = BeautifulSoup((site / f"{page}.html").read_text("utf8"), "html.parser")
    return [tag["href"] for tag in soup.find_all(["a", "link"], href=True)]


def tags(site: Path, page: str) -> dict[str, str]:
    soup = BeautifulSoup((site / f"{page}.html").read_text("utf8"), "html.parser")
    return {
        tag.get("property") or tag.get("name"): tag["content"]
        for tag in soup.find_all("meta", content=True)
    }


def outside(urls: list[str]) -> set[str]:
    """Return the links to other hosts, but for the makers of the tools."""
    makers = ("sphinx-doc.org", "ebp.jupyterbook.org", "pydata-sphinx-theme", "sphinx-book-theme")
    return {url for url in urls if "//" in url and not any(maker in url for maker in makers)}


def test_a_site_that_knows_where_it_is(tmp_path: Path) -> None:
    site = build(tmp_path, BOOK_REPOSITORY=REPOSITORY)
    assert outside(links(site, "book/one")) == {
        REPOSITORY,
        f"{REPOSITORY}/edit/main/book/one.md",
        f"{REPOSITORY}/issues/new?title=Issue%20on%20page%20%2Fbook/one.html"
        "&body=Your%20issue%20content%20here.",
        KNOWN.binder("book/one"),
        KNOWN.colab("book/one"),
        f"{KNOWN.site}book/one.html",  # canonical
    }
    # a page without code has nothing to launch
    without = outside(links(site, "book/part/two"))
    assert not any("mybinder" in url or "colab" in url for url in without)
    assert f"{REPOSITORY}/edit/main/book/part/two.md" in without

    found = tags(site, "book/one")
    assert found["og:url"] == f"{KNOWN.site}book/one.html"
    assert found["og:image"] == f"{KNOWN.site}_static/social-card.png"
    assert (found["og:title"], found["og:description"]) == ("One", "With code.")
    assert found["twitter:card"] == "summary_large_image"

    locations = re.findall("<loc>(.*?)</loc>", (site / "sitemap.xml").read_text("utf8"))
    assert set(locations) == {f"{KNOWN.site}{page}.html" for page in TEXTS}

    launch = site.parent / "launch"
    files = {path.relative_to(launch).as_posix() for path in launch.rglob("*") if path.is_file()}
    assert files == {"one.ipynb", "binder/requirements.txt", "binder/runtime.txt"}
    notebook = nbformat.read(launch / "one.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert KNOWN.package in notebook.cells[0].source
    offered = json.loads((site / "_sources" / "book" / "one.ipynb").read_text("utf8"))
    assert len(notebook.cells) == len(offered["cells"]) + 1
    assert KNOWN.package in (launch / "binder" / "requirements.txt").read_text().split()


def test_a_site_that_does_not(tmp_path: Path) -> None:
    site = build(tmp_path)
    for page in TEXTS:
        assert outside(links(site, page)) == set()
        found = tags(site, page)
        assert "og:title" in found
        assert not any("url" in name or "image" in name for name in found)
    assert not (site / "sitemap.xml").exists()
    assert not (site.parent / "launch").exists()


def test_students_are_not_led_to_the_solutions(tmp_path: Path) -> None:
    site = build(tmp_path, BOOK_REPOSITORY=REPOSITORY, BOOK_EDITION="student")
    assert not any("mybinder" in url or "colab" in url for url in links(site, "book/one"))
    assert not (site.parent / "launch").exists()


def test_the_card() -> None:
    """As large as those who show it want it, and small enough to load."""
    card = (ROOT / publish.CARD).read_bytes()
    assert card[:8] == b"\x89PNG\r\n\x1a\n"
    size = [int.from_bytes(card[at : at + 4], "big") for at in (16, 20)]
    assert size == [1200, 630]
    assert len(card) < 150_000
