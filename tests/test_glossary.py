"""The glossary: in order, without doubles, every term in use and with a way to where it is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

BOOK = Path(__file__).parent.parent / "book"
PAGE = BOOK / "reference" / "glossary.md"


def _entries() -> dict[str, str]:
    """Return term and definition; a term that stands twice fails here."""
    block = re.search(r"```\{glossary\}\n(.*?)\n```", PAGE.read_text("utf8"), re.DOTALL)
    assert block
    entries: dict[str, str] = {}
    term = ""
    for line in block[1].splitlines():
        if line and not line.startswith(" "):
            assert line.casefold() not in map(str.casefold, entries), f"{line} stands twice"
            term = line
            entries[term] = ""
        else:
            entries[term] += line.strip() + " "
    return {term: text.strip() for term, text in entries.items()}


ENTRIES = _entries()
PAGES = {path: path.read_text("utf8") for path in sorted(BOOK.rglob("*.md"))}
LABELS = {
    label
    for text in PAGES.values()
    for label in re.findall(r"^(?:\(([\w-]+)\)=|:label: ([\w-]+))$", text, re.MULTILINE)
    for label in label
    if label
}


def test_in_alphabetical_order() -> None:
    terms = [term.casefold() for term in ENTRIES]
    assert terms == sorted(terms)
    assert len(terms) >= 40


@pytest.mark.parametrize("term", ENTRIES)
def test_a_definition(term: str) -> None:
    text = ENTRIES[term]
    links = re.findall(r"\{prf:ref\}`([\w-]+)`|\]\(([\w.-]+)\)", text)
    targets = {target for link in links for target in link if target}
    assert targets, "a link to where it is proved or used"
    # a page of the same folder is linked by its file, because its name is its label too
    assert targets <= LABELS | {path.name for path in PAGE.parent.glob("*.md")}
    plain = re.sub(r"\$[^$]*\$", "x", text)
    sentences = re.findall(r"[.:](?= [A-Z*{\[]|$)", re.sub(r": (?=\{prf|\[)", " ", plain))
    assert 1 <= len(sentences) <= 3, sentences
    assert text.endswith(".")
    assert not re.match(re.escape(term) + r"\b", text, re.IGNORECASE), "defined by itself"


@pytest.mark.parametrize("term", ENTRIES)
def test_a_term_is_in_use(term: str) -> None:
    others = "\n".join(text for path, text in PAGES.items() if path != PAGE)
    words = re.escape(term).replace(r"\ ", r"[\s_-]+").replace(r"\-", r"[\s_-]+")
    assert re.search(rf"(?i)\b{words}", others), "nobody needs a term that no page uses"


def test_references_to_terms() -> None:
    known = {term.casefold() for term in ENTRIES}
    for path, text in PAGES.items():
        for shown, target in re.findall(r"\{term\}`([^`<]*)(?:<([^`>]+)>)?`", text):
            assert (target or shown).strip().casefold() in known, path.name
