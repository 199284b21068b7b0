"""The downloads of every page, and the book as one PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from pages import PAGES, ROOT, SITE
from pypdf import PdfReader
from pypdf.generic import Destination

from scripts import pdf

PDF = SITE / pdf.NAME


@cache
def _soup(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / f"{page}.html").read_text("utf8"), "html.parser")


def _downloads(page: str) -> dict[str, Path]:
    """Return what the download menu of a page offers, by its words."""
    links = _soup(page).select(".dropdown-download-buttons a")
    base = (SITE / f"{page}.html").parent
    return {link.get_text().strip(): (base / str(link["href"])).resolve() for link in links}


def _has_code(page: str) -> bool:
    return "{code-cell}" in (ROOT / f"{page}.md").read_text("utf8")


@pytest.mark.parametrize("page", PAGES)
def test_what_is_offered_is_there(page: str, built: None) -> None:
    offered = _downloads(page)
    wanted = {".md", *([".ipynb"] if _has_code(page) else [])}
    wanted |= {"whole book .pdf"} if PDF.exists() else set()
    assert offered.keys() == wanted
    assert [path for path in offered.values() if not path.is_file()] == []
    assert offered[".md"].read_bytes() == (ROOT / f"{page}.md").read_bytes()
    if PDF.exists():
        assert offered["whole book .pdf"] == PDF


@pytest.mark.parametrize("page", [page for page in PAGES if _has_code(page)])
def test_notebooks_are_whole_and_have_run(page: str, built: None) -> None:
    notebook = nbformat.read(_downloads(page)[".ipynb"], as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells = len(
        re.findall(r"^\s*`{3,}\{code-cell\}", (ROOT / f"{page}.md").read_text("utf8"), re.M)
    )
    assert len(code) == cells
    assert any(cell.outputs for cell in code)
    assert all(cell.execution_count for cell in code if cell.source.strip())
    errors = [out for cell in code for out in cell.outputs if out.output_type == "error"]
    tolerated = [cell for cell in code if "raises-exception" in cell.metadata.get("tags", [])]
    assert len(errors) == len(tolerated)


# --- the PDF --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book(browser_path: str, built: None) -> PdfReader:
    if not PDF.exists():
        pytest.fail("the PDF is not printed: run `make book` first, or `make test`")
    return PdfReader(PDF)


@cache
def _text(page: int) -> str:
    """Return the words of a page: slow, because formulas are drawings of thousands of strokes."""
    return " ".join(PdfReader(PDF).pages[page].extract_text().split())


def _titles() -> list[str]:
    titles = []
    for page in PAGES:
        title = _soup(page).select_one("article h1")
        assert title is not None
        titles.append(" ".join(title.get_text().removesuffix("#").split()))
    return titles


def _outline(entries: list[object]) -> Iterator[Destination]:
    for entry in entries:
        if isinstance(entry, list):
            yield from _outline(entry)
        elif isinstance(entry, Destination):
            yield entry


@pytest.fixture(scope="module")
def starts(book: PdfReader) -> dict[str, int]:
    """On which page each heading of the outline is, from 0 on."""
    found = {}
    for entry in _outline(book.outline):
        number = book.get_destination_page_number(entry)
        assert number is not None
        found.setdefault(" ".join((entry.title or "").split()), number)
    return found


def test_it_is_the_whole_book(book: PdfReader) -> None:
    assert 6 * len(PAGES) < len(book.pages) < 30 * len(PAGES)
    assert book.metadata is not None
    assert book.metadata.title == yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["title"]
    assert "/StructTreeRoot" in book.root_object, "a screen reader could not read it"


def test_every_chapter_is_in_the_outline_and_the_contents(starts: dict[str, int]) -> None:
    assert [title for title in _titles() if title not in starts] == []
    # and the contents say these pages
    contents = " ".join(_text(page) for page in range(1, starts[_titles()[0]]))
    for title in _titles():
        number = starts[title] + 1
        assert re.search(rf"{re.escape(title)} ?{number}\b", contents), (title, number)


@pytest.mark.parametrize("index", range(len(PAGES)))
def test_chapters_are_whole(index: int, starts: dict[str, int], book: PdfReader) -> None:
    title = _titles()[index]
    after = starts[_titles()[index + 1]] if index + 1 < len(PAGES) else len(book.pages)
    assert starts[title] < after, "no page of its own"
    first, last = _text(starts[title]), _text(after - 1)
    assert title in first
    assert "Loading" not in first + last
    assert "\\(" not in first + last, "a formula was not typeset"
    article = _soup(PAGES[index]).select_one("article")
    assert article is not None
    words = re.findall(r"\b[a-z]{5,}\b", article.get_text(" "))
    assert words
    assert words[0] in first
    assert any(word in last for word in words[-3:])


def test_links_lead_to_places_in_the_book(book: PdfReader) -> None:
    names = set(book.named_destinations)
    inside, outside = 0, []
    for page in book.pages:
        for note in page.get("/Annots") or []:
            link = note.get_object()
            if link.get("/Subtype") != "/Link":
                continue
            action = link.get("/A")
            uri = str(action.get_object().get("/URI", "")) if action is not None else ""
            if uri:
                outside.append(uri)
            else:
                inside += 1
                assert not isinstance(link.get("/Dest"), str) or link["/Dest"] in names
    assert inside > 5 * len(PAGES)
    assert [uri for uri in outside if not re.match(r"https?://(?!127\.|localhost)", uri)] == []


def test_fonts_are_embedded(book: PdfReader) -> None:
    fonts = {}
    for page in book.pages:
        for font in (page["/Resources"].get("/Font") or {}).values():  # type: ignore[union-attr]
            one = font.get_object()
            for part in one.get("/DescendantFonts", [one]):
                known = part.get_object()
                description = known.get("/FontDescriptor")
                kept = known.get("/Subtype") == "/Type3" or (
                    description is not None
                    and any(key.startswith("/FontFile") for key in description.get_object())
                )
                fonts[known.get("/BaseFont", one.get("/Name"))] = kept
    assert fonts
    assert [name for name, kept in fonts.items() if not kept] == []


def test_no_page_is_empty(book: PdfReader) -> None:
    """Besides the title of the chapter and the number of the page."""
    small = [
        number
        for number, page in enumerate(book.pages)
        if len(page.get_contents().get_data()) < 6000  # type: ignore[union-attr]
    ]
    assert [number + 1 for number in small if len(_text(number)) < 120] == []


# --- without a browser ----------------------------------------------------------------------------

PAGE = """<html><body><ul>
      <li>
<button onclick="window.print()"
  class="btn">print</button></li></ul></body></html>
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    for name in ("index.html", "part/page.html"):
        (tmp_path / name).write_text(PAGE)
    return tmp_path


def test_the_offer_comes_and_goes_with_the_pdf(small: Path) -> None:
    assert pdf.offer(small) == 0
    (small / pdf.NAME).write_bytes(b"%PDF")
    for _ in range(2):  # the second time, nothing is doubled
        assert pdf.offer(small) == 2
        links = {
            name: BeautifulSoup((small / name).read_text(), "html.parser").find_all("a")
            for name in ("index.html", "part/page.html")
        }
        assert {name: [a["href"] for a in found] for name, found in links.items()} == {
            "index.html": [pdf.NAME],
            "part/page.html": [f"../{pdf.NAME}"],
        }
    (small / pdf.NAME).unlink()
    assert pdf.offer(small) == 0
    assert (small / "part" / "page.html").read_text() == PAGE


def test_without_a_browser(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (small / pdf.NAME).write_bytes(b"%PDF of an older book")
    pdf.offer(small)
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    assert pdf.main([str(small)]) == 0
    assert pdf.NO_BROWSER in capsys.readouterr().err
    assert not (small / pdf.NAME).exists()
    assert (small / "part" / "page.html").read_text() == PAGE


def test_without_a_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pdf.main([str(tmp_path)]) == 2
    assert "make book" in capsys.readouterr().err


def test_where_links_lead() -> None:
    toc = {
        "root": "book/intro",
        "parts": [{"caption": "A", "chapters": [{"file": "book/a/one"}, {"file": "book/b/two"}]}],
    }
    known = {chapter.name: chapter for chapter in pdf.chapters(toc)}
    one = known["book/a/one"]
    assert [chapter.starts_part for chapter in known.values()] == [False, True, False]
    for href, base, to in [
        ("#here", None, "#book-a-one--here"),
        ("../b/two.html#there", None, "#book-b-two--there"),
        ("../b/two.html", None, "#book-b-two--"),
        ("../intro.html", None, "#book-intro--"),
        ("../../index.html", None, "#book-intro--"),
        ("https://example.org/x.html#y", None, "https://example.org/x.html#y"),
        ("../../_static/x.json", None, None),
        ("../../_static/x.json", "https://example.org/b/", "https://example.org/b/_static/x.json"),
        (
            "../../genindex.html#A",
            "https://example.org/b/",
            "https://example.org/b/genindex.html#A",
        ),
    ]:
        assert pdf.target(one, href, known, base) == to, href
