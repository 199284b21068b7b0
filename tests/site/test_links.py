"""The HTML files by themselves: links lead somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from pages import PAGES, ROOT, SITE


@cache
def _soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


@cache
def _anchors(path: Path) -> set[str]:
    return {
        tag[name] for name in ("id", "name") for tag in _soup(path).find_all(attrs={name: True})
    }


def _elsewhere(url: str) -> bool:
    return bool(urlsplit(url).scheme or urlsplit(url).netloc)


def test_every_page_is_built(built: None) -> None:
    assert [page for page in PAGES if not (SITE / f"{page}.html").exists()] == []


def broken_links(path: Path) -> list[str]:
    """Return the links of a file that lead to no file, or to no place in it."""
    broken = []
    for link in _soup(path).find_all("a", href=True):
        url = urlsplit(link["href"])
        if _elsewhere(link["href"]):
            continue
        target = (path.parent / unquote(url.path)).resolve() if url.path else path
        fragment = unquote(url.fragment)
        found = target.is_file() and (
            not fragment or target.suffix != ".html" or fragment in _anchors(target)
        )
        if not found:
            broken.append(link["href"])
    return broken


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str, built: None) -> None:
    assert broken_links(SITE / f"{page}.html") == []


def test_links_of_the_pages_that_sphinx_makes(built: None) -> None:
    """Index, search, sources of the modules and so on."""
    chapters = {SITE / f"{page}.html" for page in PAGES}
    others = [path for path in SITE.rglob("*.html") if path not in chapters]
    assert {"genindex.html", "search.html", "index.html"} <= {path.name for path in others}
    found = {path.relative_to(SITE).as_posix(): broken_links(path) for path in others}
    assert {name: links for name, links in found.items() if links} == {}


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text('<p id="here"></p>')
    (tmp_path / "page.html").write_text(
        "".join(
            f'<a href="{href}">x</a>'
            for href in (
                "other.html#here",
                "other.html#gone",
                "gone.html",
                "#gone",
                "https://a.b/c",
            )
        )
    )
    assert broken_links(tmp_path / "page.html") == ["other.html#gone", "gone.html", "#gone"]


CITE = re.compile(r"\{cite(?::\w+)?\}`([^`]*)`")
BIBLIOGRAPHY = "book/reference/bibliography"


def cited(page: str) -> set[str]:
    """Return the keys that a page cites."""
    source = ROOT / f"{page}.md"
    found = CITE.findall(source.read_text("utf8"))
    return {key.strip() for keys in found for key in keys.split(",")}


def test_citations_and_bibliography_are_the_same(built: None) -> None:
    keys = set(
        re.findall(r"^@\w+\{(.*?),", (ROOT / "book" / "references.bib").read_text("utf8"), re.M)
    )
    all_cited = set().union(*(cited(page) for page in PAGES))
    assert all_cited <= keys
    entries = _soup(SITE / f"{BIBLIOGRAPHY}.html").select(".citation")
    assert len(entries) == len(all_cited)


@pytest.mark.parametrize("page", [page for page in PAGES if cited(page)])
def test_citations_are_links_to_entries(page: str, built: None) -> None:
    path = SITE / f"{page}.html"
    entries = {entry["id"] for entry in _soup(SITE / f"{BIBLIOGRAPHY}.html").select(".citation")}
    links = {
        urlsplit(link["href"]).fragment
        for link in _soup(path).select("article a[href*='bibliography.html#']")
    }
    assert len(links & entries) == len(cited(page))


@pytest.mark.parametrize("page", PAGES)
def test_loads_nothing_from_elsewhere(page: str, built: None) -> None:
    """Also what no test sees as a request: hints to connect, sources for other screens."""
    soup = _soup(SITE / f"{page}.html")
    urls = [tag["src"] for tag in soup.find_all(src=True)]
    urls += [tag["href"] for tag in soup.find_all("link", href=True)]
    urls += [
        part.split()[0] for tag in soup.find_all(srcset=True) for part in tag["srcset"].split(",")
    ]
    assert [url for url in urls if _elsewhere(url) and not url.startswith("data:")] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_markup_is_left(page: str, built: None) -> None:
    """A directive that MyST did not recognise shows as text, and with it all that follows."""
    article = _soup(SITE / f"{page}.html").find("article")
    assert article is not None
    text = article.get_text()
    assert [mark for mark in ("```", ":::", "{code-cell}", "{prf:ref}", "$$") if mark in text] == []
