"""What is mended on pages, and notebooks that keep their outputs when they come from the cache."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "_ext"))

import accessible
import kernels


def test_the_bibliography_is_not_announced_as_a_list() -> None:
    body = (
        '<div role="list" class="citation-list"><div class="citation" id="id1" '
        'role="doc-biblioentry"><p>A book</p></div></div><ul role="list"></ul>'
    )
    mended = accessible.mend(body)
    assert mended == (
        '<div class="citation-list"><div class="citation" id="id1"><p>A book</p></div></div>'
        '<ul role="list"></ul>'
    )


@pytest.mark.parametrize("cached", [True, False])
def test_outputs_from_the_cache_are_in_the_notebook(
    cached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    output = nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=1)

    def start(client: Any) -> None:
        if cached:  # a new object, as jupyter-cache makes
            cell = nbformat.v4.new_code_cell("1 + 1", outputs=[output], execution_count=1)
            client._notebook = nbformat.v4.new_notebook(cells=[cell])
        else:
            client._notebook.cells[0].outputs = [output]

    monkeypatch.setattr(kernels, "_start", start)
    client: Any = SimpleNamespace(_notebook=source)
    kernels.start_with_outputs(client)
    assert client._notebook is source
    assert source.cells[0].outputs == [output]
