"""The HTML files by themselves: links lead somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from pages import PAGES, SITE


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


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str, built: None) -> None:
    path = SITE / f"{page}.html"
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
    assert broken == []


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
