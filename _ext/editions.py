"""Three editions of the book from one source.

The environment variable ``BOOK_EDITION`` says which one is built:

* ``book`` (the default): solutions are there, collapsed.
* ``student``: no solution is anywhere in the output: not on a page, not in the search index, not in
  the sources and notebooks that can be downloaded.
* ``instructor``: solutions stand open.

A solution is all that stands between ``{solution-start}`` and ``{solution-end}``. The chapters are
executed as they are, whatever the edition, so that all editions share one cache of executions.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError, ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.nodes import solution_end_node, solution_node, solution_start_node

EDITIONS = ("book", "student", "instructor")
STUDENT, INSTRUCTOR = EDITIONS[1:]

_FENCE = re.compile(r"^\s*(`{3,}|:{3,})\{solution-(start|end)\}")


def edition() -> str:
    """Return the edition that is built.

    Raises
    ------
    ConfigError
        If ``BOOK_EDITION`` is not one of `EDITIONS`.
    """
    chosen = os.environ.get("BOOK_EDITION", "book")
    if chosen not in EDITIONS:
        raise ConfigError(f"BOOK_EDITION must be one of {', '.join(EDITIONS)}; got {chosen!r}")
    return chosen


class _Filter:
    """Passes the lines on that stand outside of solutions, over as many texts as it is given."""

    def __init__(self) -> None:
        self.inside = False
        self._closing = ""

    def lines(self, text: str) -> Iterator[str]:
        for line in text.splitlines(keepends=True):
            if self._closing:  # within the fence of the directive itself
                if line.strip() == self._closing:
                    self._closing = ""
                continue
            fence = _FENCE.match(line)
            if fence:
                self._closing = fence[1]
                self.inside = fence[2] == "start"
            elif not self.inside:
                yield line


def without_solutions(text: str) -> str:
    """Return a chapter's source without its solutions.

    Parameters
    ----------
    text : str
        MyST Markdown.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a solution does not end.
    """
    passing = _Filter()
    kept = "".join(passing.lines(text))
    if passing.inside:
        raise ValueError("a {solution-start} has no {solution-end}")
    return re.sub(r"\n{3,}", "\n\n", kept)


def notebook_without_solutions(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook without the cells, and the parts of text cells, that are solutions.

    Parameters
    ----------
    notebook : dict
        As in an .ipynb file, where source is a text or a list of lines.

    Returns
    -------
    dict
        A copy, with the outputs of the cells that are left.

    Raises
    ------
    ValueError
        If a solution does not end.
    """
    passing, cells = _Filter(), []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(passing.lines("".join(cell["source"]))).strip("\n")
            if text:
                cells.append({**cell, "source": text})
        elif not passing.inside:
            cells.append(cell)
    if passing.inside:
        raise ValueError("a {solution-start} has no {solution-end}")
    return {**notebook, "cells": cells}


class ForEdition(SphinxTransform):
    """Take solutions out for students, before sphinx-exercise makes boxes of them (priority 10)."""

    default_priority = 5

    def apply(self, **kwargs: Any) -> None:
        if edition() != STUDENT:
            return
        for start in list(self.document.findall(solution_start_node)):
            siblings = start.parent.children
            first = siblings.index(start)
            for last in range(first, len(siblings)):
                if isinstance(siblings[last], solution_end_node):
                    del start.parent[first : last + 1]
                    break
            else:
                raise ExtensionError(
                    f"{self.env.docname}: a solution does not end beside its start"
                )
        if list(self.document.findall(solution_node)):
            raise ExtensionError(
                f"{self.env.docname}: a solution stands between {{solution-start}} and "
                "{solution-end}, nowhere else"
            )


def open_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """Show solutions without a click in the instructor's edition."""
    if edition() == INSTRUCTOR:
        for solution in doctree.findall(solution_node):
            solution["classes"] = [name for name in solution["classes"] if name != "dropdown"]


def name_edition(app: Sphinx, config: Config) -> None:
    """Say in the title which edition it is."""
    if edition() != "book":
        config.html_title = f"{config.html_title} ({edition()} edition)"


def strip_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Take the solutions out of the sources and the notebooks beside the pages."""
    if exception is not None or edition() != STUDENT:
        return
    for path in Path(app.outdir, "_sources").rglob("*"):
        if path.suffix in {".md", ".txt"}:
            path.write_text(without_solutions(path.read_text("utf8")), "utf8")
        elif path.suffix == ".ipynb":
            notebook = notebook_without_solutions(json.loads(path.read_text("utf8")))
            path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf8")


class ChapterPlan(SphinxDirective):
    """Lists the chapters with their minutes and objectives, as their own boxes state them."""

    def run(self) -> list[nodes.Node]:
        """Return one entry a chapter, in the order of the book."""
        found = nodes.definition_list()
        for docname, title, box in chapters(Path(self.env.srcdir)):
            self.env.note_dependency(self.env.doc2path(docname))
            minutes = re.search(r"(\d+) minutes", box)
            if minutes is None:
                raise ExtensionError(f"{docname}: the box At a glance does not name its minutes")
            item = nodes.definition_list_item()
            term, definition = nodes.term(), nodes.definition()
            parsed, _ = self.parse_inline(f"{{doc}}`{title} </{docname}>`, {minutes[1]} minutes")
            term.extend(parsed)
            goals = nodes.bullet_list()
            for goal in re.findall(r"^- (.*?)(?=^- |^\s*$)", box, re.M | re.S):
                # a number that the chapter computes is the chapter's
                words = goal.replace("{glue:text}`", f"{{glue:text}}`/{docname}.md::")
                parsed, _ = self.parse_inline(" ".join(words.split()).rstrip(",."))
                goals += nodes.list_item("", nodes.paragraph("", "", *parsed))
            definition += goals
            item += [term, definition]
            found += item
        return [found]


def chapters(root: Path) -> Iterator[tuple[str, str, str]]:
    """Return name, title and the box *At a glance* of each chapter that has one.

    Parameters
    ----------
    root : Path
        Folder with ``_toc.yml``.

    Yields
    ------
    tuple of str
    """
    for docname in re.findall(r"- file: (\S+)", (root / "_toc.yml").read_text("utf8")):
        source = root / f"{docname}.md"
        text = source.read_text("utf8") if source.exists() else ""
        title = re.search(r"^# (.+)$", text, re.M)
        box = re.search(r"\{admonition\} At a glance\n(.*?)^`{3,}$", text, re.M | re.S)
        if title and box:
            yield docname, title[1], box[1]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    edition()
    app.add_transform(ForEdition)
    app.add_directive("chapter-plan", ChapterPlan)
    app.connect("config-inited", name_edition, priority=900)
    app.connect("doctree-read", open_solutions)
    app.connect("build-finished", strip_downloads, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
