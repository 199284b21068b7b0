"""Every chapter has its notebook with the same cells, all run: nbval itself checks neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jupytext
import pytest

ROOT = Path(__file__).parent.parent
BOOK, STORED = ROOT / "book", ROOT / "tests" / "notebooks"
CHAPTERS = [
    path.relative_to(BOOK)
    for path in sorted(BOOK.rglob("*.md"))
    if "{code-cell}" in path.read_text("utf8")
]
REFRESH = "out of date: run `make notebooks`"


def _cells(notebook: Any) -> list[tuple[str, str, list[str]]]:
    return [(c.cell_type, c.source, sorted(c.metadata.get("tags", []))) for c in notebook.cells]


def test_no_orphans() -> None:
    stored = {path.relative_to(STORED).with_suffix(".md") for path in STORED.rglob("*.ipynb")}
    assert stored == set(CHAPTERS), REFRESH


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_pair(chapter: Path) -> None:
    stored = jupytext.read(STORED / chapter.with_suffix(".ipynb"))
    assert _cells(stored) == _cells(jupytext.read(BOOK / chapter)), REFRESH
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "a cell was never run"
    for cell in code:
        if "raises-exception" not in cell.metadata.get("tags", []):
            assert not [out for out in cell.outputs if out.output_type == "error"], cell.source
        assert "vegaEmbed" not in json.dumps(cell.outputs), "a whole chart was stored"
