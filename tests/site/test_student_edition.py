"""The student edition holds no solution; the search for one would find it in the book."""

from __future__ import annotations

import html
import json
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from pages import ROOT, SITE

from scripts import assignments

STUDENT = ROOT / "_build" / "student"
CHAPTERS = assignments.chapters()

sys.path.insert(0, str(ROOT / "_ext"))

import editions  # noqa: E402 - an extension of Sphinx, not a package


def squeeze(text: str) -> str:
    """Leave letters and digits only, so that markup and line breaks do not matter."""
    return re.sub(r"[\W_]+", "", text)


@cache
def elsewhere() -> str:
    """All that may be read without the solutions: chapters, library, tests and scripts."""
    texts = [editions.without_solutions(p.read_text("utf8")) for p in (ROOT / "book").rglob("*.md")]
    texts += [p.read_text("utf8") for p in (ROOT / "lib").rglob("*.py")]
    texts += [(ROOT / "tests" / "test_claims.py").read_text("utf8")]
    return squeeze("\n".join(texts))


def secrets(path: Path) -> list[str]:
    """Return the lines of a chapter's solutions that stand nowhere else, squeezed."""
    found = []
    for exercise in assignments.read_chapter(path).exercises:
        for kind, source in exercise.solution:
            # formulas are words of another kind on the page than in the source
            texts = source.splitlines() if kind == "code" else re.split(r"\$+[^$]*\$+", source)
            found += [squeeze(text) for text in texts]
    return [one for one in found if len(one) >= 16 and one not in elsewhere()]


@cache
def texts(folder: Path) -> dict[str, str]:
    """Return what can be read in each file of a folder, squeezed."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix == ".html":
            text = re.sub(r"<[^>]*>", "", path.read_text("utf8"))
            found[str(path.relative_to(folder))] = squeeze(html.unescape(text))
        elif path.suffix == ".ipynb":
            cells = json.loads(path.read_text("utf8"))["cells"]
            parts = ["".join(cell["source"]) + json.dumps(cell.get("outputs")) for cell in cells]
            found[str(path.relative_to(folder))] = squeeze("\n".join(parts))
        elif path.suffix in {".md", ".txt", ".js", ".json"} and "_static" not in path.parts:
            found[str(path.relative_to(folder))] = squeeze(path.read_text("utf8"))
    return found


@pytest.fixture(scope="module")
def student(built: None) -> Path:
    if not (STUDENT / "html" / "index.html").exists():
        pytest.fail("the student edition is not built: run `make student` first, or `make test`")
    return STUDENT


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_solution_is_left(path: Path, student: Path) -> None:
    found = secrets(path)
    assert len(found) >= 3, "a search for nothing finds nothing"
    page = path.relative_to(ROOT).with_suffix("").as_posix()
    book = texts(SITE)
    in_book = [one for one in found if one in book[f"{page}.html"]]
    assert len(in_book) > 0.8 * len(found), "the search would see a solution where there is one"
    assert any(one in book[f"_sources/{page}.ipynb"] for one in found)
    leaks = [(name, one) for name, text in texts(student).items() for one in found if one in text]
    assert leaks == []


def test_everything_else_is_there(student: Path) -> None:
    pages = {name for name in texts(SITE) if name.endswith(".html")}
    assert pages == {
        name.removeprefix("html/")
        for name in texts(student)
        if name.startswith("html/") and name.endswith(".html")
    }
    for path in CHAPTERS:
        page = f"html/{path.relative_to(ROOT).with_suffix('').as_posix()}.html"
        text = (student / page).read_text("utf8")
        count = path.read_text("utf8").count("{exercise}")
        assert len(re.findall(r'class="exercise[ "]', text)) >= count > 0
        assert "{solution" not in text


def test_there_is_an_assignment_for_each_chapter(student: Path) -> None:
    names = {f"{path.parent.name}-{path.stem}.ipynb" for path in CHAPTERS}
    assert {path.name for path in (student / "assignments").iterdir()} == names


def test_the_title_says_which_edition_it_is(student: Path) -> None:
    page = Path("book", "intro.html")
    assert "student edition" in (student / "html" / page).read_text("utf8")
    assert "student edition" not in (SITE / page).read_text("utf8")


def test_no_download_leads_around_it(student: Path) -> None:
    """No link to the whole book as a PDF, nor to a place with the executed chapters."""
    for name in (student / "html").rglob("*.html"):
        text = name.read_text("utf8")
        for way in ('.pdf"', "colab.research", "mybinder.org"):
            assert way not in text, f"{name}: {way}"
