"""Under every theorem: links to the code that computes it, to its claims, and to their test.

The links come from the claims themselves (`lib.claims`), so that they cannot be forgotten: a
theorem without a claim, a claim without code or without a theorem, a claim that is not among the
receipts and a test that no longer exists are warnings, and ``-W`` makes these errors of the build.

Everything is on the site: code on the API page, its source and that of the claims on the pages of
``sphinx.ext.viewcode``, the tests on a page that is made here. The receipts that the page of
receipts carries become a file beside it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.nodes import make_refnode
from sphinx_proof.nodes import theorem_node

from lib.claims import Claim, claims, definitions
from lib.verify import TEST

RECEIPTS = "book/reference/receipts"
"""The page with a row for each claim, whose id is ``claim-`` and the claim's own."""

JSON = "receipts.json"
"""The file beside that page."""

TEST_FILE, TEST_FUNCTION = TEST.split("::")
TEST_PAGE = "_modules/" + TEST_FILE.removesuffix(".py")

PAGE = "source-page"
"""Type of a reference to a page that is no document."""

logger = logging.getLogger(__name__)


def _has_pages(app: Sphinx) -> bool:
    return app.builder.format == "html" and app.builder.name != "singlehtml"


def functions_of(source: str) -> dict[str, int]:
    """Return the functions of a module of tests, with the line on which each starts.

    Parameters
    ----------
    source : str
        Python code.

    Returns
    -------
    dict of str to int
    """
    return {
        node.name: min([node.lineno, *(one.lineno for one in node.decorator_list)])
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }


def problems(
    theorems: Mapping[str, str], known: Iterable[Claim], tests: Iterable[str] | None
) -> list[str]:
    """Return what is missing between theorems, claims and tests.

    Parameters
    ----------
    theorems : mapping of str to str
        Page by label, of all theorems of the site.
    known : iterable of Claim
    tests : iterable of str or None
        Functions of the file of tests; None if there is no such file.

    Returns
    -------
    list of str
        A sentence for each fault.
    """
    known = list(known)
    checked = {(one.theorem, one.page) for one in known}
    found = [
        f"theorem {label} on {page} has no claim"
        for label, page in theorems.items()
        if (label, page) not in checked
    ]
    for one in known:
        if theorems.get(one.theorem) != one.page:
            found.append(f"claim {one.id}: theorem {one.theorem} not found on {one.page}")
        if not one.code:
            found.append(f"claim {one.id} names no code")
    if tests is None or TEST_FUNCTION not in tests:
        found.append(f"{TEST} not found")
    return found


def theorem_links(some: Iterable[Claim]) -> nodes.bullet_list:
    """Return the list of links that stands under a theorem.

    Parameters
    ----------
    some : iterable of Claim
        Those of the theorem.

    Returns
    -------
    docutils.nodes.bullet_list
        With code, claims and test.
    """
    some = list(some)
    code = dict.fromkeys(name for one in some for name in one.code)
    claimed: list[nodes.Node] = []
    for function, same in groupby(some, key=lambda one: definitions().get(one.id, "")):
        claimed += [nodes.Text("; ")] * bool(claimed)
        claimed += _commas([_row(one.id) for one in same])
        if function:
            module, _, name = function.rpartition(".")
            page = "_modules/" + module.replace(".", "/")
            claimed += [nodes.Text(" in "), _page_link(page, name)]
    entries: dict[str, list[nodes.Node]] = {
        "Code": _commas([_code(name) for name in code]),
        "Claim" if len(some) == 1 else "Claims": claimed,
        "Test": [_page_link(TEST_PAGE, TEST_FUNCTION)],
    }
    links = nodes.bullet_list(classes=["theorem-links"])
    for name, entry in entries.items():
        text = [nodes.strong("", f"{name}:"), nodes.Text(" "), *entry]
        links += nodes.list_item("", nodes.paragraph("", "", *text))
    return links


def _commas(links: list[nodes.Node]) -> list[nodes.Node]:
    return [part for link in links for part in (nodes.Text(", "), link)][1:]


def _code(name: str) -> nodes.Node:
    """Return a link to the API page: a name that is not there is a warning of Sphinx."""
    module = re.sub(r"(\.[A-Z].*|\.[^.]+)$", "", name)  # methods belong to a class
    link = addnodes.pending_xref(
        "", refdomain="py", reftype="obj", reftarget=name, refexplicit=True, refwarn=True
    )
    link += nodes.literal("", name.removeprefix(f"{module}."), classes=["xref", "py", "py-obj"])
    return link


def _row(id: str) -> nodes.Node:
    """Return a link to a row of the receipts: a row that is not there is a warning of Sphinx."""
    link = addnodes.pending_xref(
        "", refdomain="std", reftype="ref", reftarget=f"claim-{id}", refexplicit=True, refwarn=True
    )
    link += nodes.inline("", id)
    return link


def _page_link(page: str, name: str) -> nodes.Node:
    link = addnodes.pending_xref(
        "", refdomain="", reftype=PAGE, reftarget=page, refanchor=name, refexplicit=True
    )
    link += nodes.literal("", name)
    return link


def resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, text: nodes.Element
) -> nodes.Element | None:
    """Return a link to a page that is no document, or plain text where there are no such pages."""
    if node["reftype"] != PAGE:
        return None
    if not _has_pages(app):
        return text
    return make_refnode(app.builder, node["refdoc"], node["reftarget"], node["refanchor"], text)


def add_links(app: Sphinx, doctree: nodes.document) -> None:
    """Put the links under the theorems of a page, and name the rows of the receipts."""
    docname = app.env.docname
    for theorem in list(doctree.findall(theorem_node)):
        label = theorem.get("label")
        some = [c for c in claims().values() if (c.theorem, c.page) == (label, docname)]
        if theorem.get("realtype") == "theorem" and some:
            links = theorem_links(some)
            for link in links.findall(addnodes.pending_xref):
                link["refdoc"] = docname
            parent = theorem.parent
            parent.insert(parent.index(theorem) + 1, links)
    if docname == RECEIPTS:
        take_receipts(app.env, doctree)


def take_receipts(env: BuildEnvironment, doctree: nodes.document) -> None:
    """Name the rows of the receipts, keep what becomes the file, and link to that."""
    labels = env.get_domain("std").data["anonlabels"]
    for raw in doctree.findall(nodes.raw):
        text, kept = raw.astext(), []
        for name in re.findall(r'<tr [^>]*\bid="(claim-[\w-]+)"', text):
            labels[name] = (env.docname, name)
        for data in re.findall(r'<script [^>]*class="receipts-data">(.*?)</script>', text, re.S):
            kept.append(data.replace("<\\/", "</"))
        if kept:
            env.receipts_json = kept[0]  # type: ignore[attr-defined]
            # from a folder some browsers open it all the same: then beside the page
            link = (
                f'<a href="{JSON}" download target="_blank" rel="noopener">'
                "Open or download the receipts as JSON</a>"
            )
            text = re.sub(
                r'<script [^>]*class="receipts-data">.*?</script>',
                f'<p class="receipts-download">{link}</p>',
                text,
                flags=re.DOTALL,
            )
            raw.children = [nodes.Text(text)]


def write_receipts(app: Sphinx, exception: Exception | None) -> None:
    """Write the file beside the page of receipts."""
    data = getattr(app.env, "receipts_json", None)
    if exception is None and data is not None and _has_pages(app):
        json.loads(data)
        Path(app.outdir, RECEIPTS).with_name(JSON).write_text(f"{data}\n", "utf8")


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of what is missing."""
    listed: dict[str, Any] = getattr(env, "proof_list", {})
    theorems = {
        label: entry["docname"] for label, entry in listed.items() if entry["realtype"] == "theorem"
    }
    source = _tests(app)
    tests = None if source is None else functions_of(source)
    shown: dict[str, Any] = getattr(env, "_viewcode_modules", {})
    missing = problems(theorems, claims().values(), tests)
    if RECEIPTS in env.found_docs and not hasattr(env, "receipts_json"):
        missing.append(f"{RECEIPTS} carries no receipts")
    for function in dict.fromkeys(definitions().values()):
        module, _, name = function.rpartition(".")
        if not shown.get(module) or name not in shown[module][2]:
            missing.append(f"source of {function} not found: is it on the API page?")
    for fault in missing:
        logger.warning(fault, type="theorems")


def _tests(app: Sphinx) -> str | None:
    path = Path(app.srcdir, TEST_FILE)
    return path.read_text("utf8") if path.exists() else None


def show_tests(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Make the page with the tests, each function with an anchor of its own."""
    source = _tests(app)
    if source is None or not _has_pages(app):
        return
    highlighted = app.builder.highlighter.highlight_block(source, "python")  # type: ignore[attr-defined]
    before, _, after = highlighted.partition("<pre>")
    lines = after.split("\n")
    # Pygments starts with an empty element, and keeps every line a line
    for name, line in functions_of(source).items():
        lines[line - 1] = f'<span id="{name}"></span>{lines[line - 1]}'
    body = f"{before}<pre>" + "\n".join(lines)
    title = f"Source code of {TEST_FILE}"
    yield (
        TEST_PAGE,
        {"title": TEST_FILE, "body": f"<h1>{title}</h1>\n{body}", "parents": []},
        "page.html",
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("sphinx.ext.viewcode")
    app.connect("doctree-read", add_links)
    app.connect("missing-reference", resolve)
    app.connect("env-check-consistency", check)
    app.connect("html-collect-pages", show_tests)
    app.connect("build-finished", write_receipts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
