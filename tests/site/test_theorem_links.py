"""On the built pages every theorem leads to its code, its claims and its test, and these exist."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from pages import SITE, visit
from playwright.sync_api import Browser

from lib.claims import claims, definitions
from lib.verify import record, verify

THEOREMS = list(dict.fromkeys((one.page, one.theorem) for one in claims().values()))
RECEIPTS = "book/reference/receipts"
TEST = ("_modules/tests/test_claims.html", "test_confirmed")


@cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


@cache
def anchors(path: Path) -> set[str]:
    return {tag["id"] for tag in soup(path).find_all(id=True)}


def target(page: str, link: Tag) -> tuple[str, str]:
    """Return file and anchor of a link, which must exist."""
    url = urlsplit(str(link["href"]))
    assert (url.scheme, url.netloc) == ("", ""), link
    path = (SITE / f"{page}.html").parent.joinpath(unquote(url.path)).resolve()
    assert path.is_file(), link
    assert url.fragment in anchors(path), link
    return path.relative_to(SITE.resolve()).as_posix(), url.fragment


def wanted(id: str) -> list[tuple[str, str]]:
    """Return where a claim's own code, definition and test are."""
    module, _, name = definitions()[id].rpartition(".")
    code = [("book/reference/api.html", full) for full in claims()[id].code]
    return [*code, (f"_modules/{module.replace('.', '/')}.html", name), TEST]


@pytest.mark.parametrize(("page", "label"), THEOREMS, ids=lambda part: part.rpartition("/")[2])
def test_under_a_theorem(page: str, label: str, built: None) -> None:
    theorem = soup(SITE / f"{page}.html").find(id=label)
    assert isinstance(theorem, Tag)
    links = theorem.find_next_sibling()
    assert isinstance(links, Tag)
    assert "theorem-links" in links["class"]
    found = {target(page, link) for link in links.find_all("a")}
    ids = [one.id for one in claims().values() if (one.page, one.theorem) == (page, label)]
    rows = {(f"{RECEIPTS}.html", f"claim-{id}") for id in ids}
    assert found == rows | {place for id in ids for place in wanted(id)}


def test_no_theorem_is_left_out(built: None) -> None:
    """Whatever the sources say: no box that calls itself a theorem is without links."""
    boxes = [
        (page.relative_to(SITE).with_suffix("").as_posix(), str(box["id"]))
        for page in SITE.joinpath("book").rglob("*.html")
        for box in soup(page).select("div.proof.theorem")
    ]
    assert sorted(boxes) == sorted(THEOREMS)


@pytest.mark.parametrize("id", claims())
def test_row_of_a_receipt(id: str, built: None) -> None:
    row = soup(SITE / f"{RECEIPTS}.html").find("tr", id=f"claim-{id}")
    assert isinstance(row, Tag)
    found = [target(RECEIPTS, link) for link in row.find_all("a")]
    one = claims()[id]
    assert found == [(f"{one.page}.html", one.theorem), *wanted(id)]
    assert "confirmed" in row.get_text()


def test_file_of_receipts(built: None) -> None:
    link = soup(SITE / f"{RECEIPTS}.html").select_one("a[download]")
    assert link is not None
    file = (SITE / f"{RECEIPTS}.html").with_name(str(link["href"]))
    kept = json.loads(file.read_text("utf8"))
    assert [one["claim"] for one in kept] == list(claims())
    assert {one["verdict"] for one in kept} == {"confirmed"}
    # made by this library, not written by hand: one of them again, to rounding
    again = record(verify("mean-fresh-golden"))
    (same,) = [one for one in kept if one["claim"] == "mean-fresh-golden"]
    for name, value in again.items():
        expected = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
        assert same[name] == expected, name


def test_pages_of_sources(built: None) -> None:
    """They lead nowhere that does not exist, and load nothing from elsewhere."""
    pages = list(SITE.joinpath("_modules").rglob("*.html"))
    assert SITE.joinpath(TEST[0]) in pages
    for path in pages:
        name = path.relative_to(SITE).with_suffix("").as_posix()
        for link in soup(path).find_all("a", href=True):
            url = urlsplit(link["href"])
            if not url.scheme and not url.netloc:
                there = path.parent.joinpath(unquote(url.path)).resolve() if url.path else path
                assert there.is_file(), (name, link)
                assert not url.fragment or url.fragment in anchors(there), (name, link)
        loaded = [tag["src"] for tag in soup(path).find_all(src=True)]
        loaded += [tag["href"] for tag in soup(path).find_all("link", href=True)]
        assert [url for url in loaded if urlsplit(url).netloc] == []


def test_receipts_are_filtered_and_sorted(browser: Browser, site: str) -> None:
    page = visit(browser, site, RECEIPTS).page
    rows = page.locator("div.receipts tbody tr")
    words = page.get_by_label("Show claims with")
    words.fill("loss fresh")
    ids = rows.evaluate_all("rows => rows.filter(r => r.offsetParent).map(r => r.id)")
    assert ids == ["claim-loss-fresh"]
    assert page.locator("div.receipts [role=status]").inner_text() == f"1 of {len(claims())} claims"
    words.fill("")
    # a statement may have the word: the kind is not looked for among the words
    for kind in ("exact", "asymptotic"):
        page.get_by_label("Kind").select_option(kind)
        ids = rows.evaluate_all("rows => rows.filter(r => r.offsetParent).map(r => r.id)")
        wanted = [f"claim-{id}" for id, one in claims().items() if one.status == kind]
        assert ids == wanted
        assert 0 < len(ids) < len(claims())
    # a link to a row that is filtered away brings it back
    page.evaluate("() => { location.hash = '#claim-mean-fresh-golden'; }")
    page.locator("#claim-mean-fresh-golden").wait_for()
    assert page.get_by_label("Kind").input_value() == ""
    page.get_by_label("Order").select_option("z")
    z = rows.evaluate_all("rows => rows.map(r => Math.abs(Number(r.dataset.z)))")
    assert z == sorted(z, reverse=True)
    page.get_by_label("Order").select_option("order")
    order = rows.evaluate_all("rows => rows.map(r => r.id)")
    assert order == [f"claim-{id}" for id in claims()]
    page.close()
