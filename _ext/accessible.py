"""Mend what the tools that write the pages get wrong for readers with a screen reader."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def mend(body: str) -> str:
    """Return the body of a page without roles that do not hold.

    Parameters
    ----------
    body : str
        HTML.

    Returns
    -------
    str
        The bibliography is not announced as a list: Sphinx puts more than entries into it, and
        their role is not one that ARIA still has.
    """
    body = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    return body.replace(' role="doc-biblioentry"', "")


def mend_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Mend a page before it is written."""
    if "body" in context:
        context["body"] = mend(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook with Sphinx."""
    app.connect("html-page-context", mend_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
