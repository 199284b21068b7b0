"""Links that depend on where the book is published: its repository, Binder, Colab, its address.

None of it is known to the sources. It is read from the environment or from the clone (see
`find_place`); where nothing is known, the site has none of these links.

Binder and Colab open the notebooks of the branch ``notebooks``. The build writes what belongs on
that branch to ``_build/launch``: the notebooks that the site offers for download, each with a first
cell that installs the book's library on Colab, and what Binder has to install. The workflow that
publishes the site pushes it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from sphinx.application import Sphinx
from sphinx.config import Config

with contextlib.redirect_stdout(io.StringIO()):  # it says that it can draw no cards; we have one
    import sphinxext.opengraph  # noqa: F401

CARD = "_static/social-card.png"
NOTEBOOKS = "notebooks"
"""The branch that Binder and Colab open."""

INSTALL = """\
# Colab does not have the book's library; anywhere else this cell does nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    pip = [sys.executable, "-m", "pip", "install", "-q"]
    subprocess.run([*pip, "{package}"], check=True)
"""


@dataclass(frozen=True)
class Place:
    """Where the book is published; None is what is not known.

    Attributes
    ----------
    repository : str or None
        Address of the repository on GitHub, such as ``https://github.com/OWNER/REPO``.
    branch : str
        The branch with the book's sources.
    site : str or None
        Address of the site, with a slash at its end.
    """

    repository: str | None = None
    branch: str = "main"
    site: str | None = None

    @property
    def package(self) -> str:
        """What pip installs to have the book's library."""
        return f"git+{self.repository}@{self.branch}"

    def binder(self, page: str) -> str:
        """Return the address that opens a page's notebook on Binder."""
        path = quote(quote(notebook_path(page)), safe="")
        return f"https://mybinder.org/v2/gh/{self._name()}/{NOTEBOOKS}?urlpath=lab/tree/{path}"

    def colab(self, page: str) -> str:
        """Return the address that opens a page's notebook on Colab."""
        path = f"{self._name()}/blob/{NOTEBOOKS}/{quote(notebook_path(page))}"
        return f"https://colab.research.google.com/github/{path}"

    def _name(self) -> str:
        assert self.repository is not None  # noqa: S101
        return self.repository.removeprefix("https://github.com/")


def notebook_path(page: str) -> str:
    """Return where a page's notebook lies on the branch of the notebooks.

    Parameters
    ----------
    page : str
        Such as ``book/gaussian/mean``.

    Returns
    -------
    str
        Such as ``gaussian/mean.ipynb``.
    """
    return f"{page.removeprefix('book/')}.ipynb"


def github_address(remote: str) -> str | None:
    """Return the address of a repository on GitHub, from any of the ways to write it.

    Parameters
    ----------
    remote : str
        Such as ``git@github.com:OWNER/REPO.git``.

    Returns
    -------
    str or None
        None if it is not on GitHub.
    """
    form = (
        r"(?:https://|ssh://git@|git@)(?:[^/@]*@)?github\.com[/:]([\w.-]+)/([\w.-]+?)(?:\.git)?/?"
    )
    found = re.fullmatch(form, remote.strip())
    return f"https://github.com/{found[1]}/{found[2]}" if found else None


def find_place(environment: Mapping[str, str], origin: str | None = None) -> Place:
    """Return where the book is published, as far as anybody says.

    Parameters
    ----------
    environment : mapping of str to str
        The repository is BOOK_REPOSITORY, or else the one that GitHub Actions runs in
        (GITHUB_SERVER_URL and GITHUB_REPOSITORY). The branch is BOOK_BRANCH, GITHUB_REF_NAME or
        main. The site is BOOK_URL, or else the address that GitHub Pages gives to a repository.
    origin : str, optional
        The remote that the clone came from. It counts if the environment names no repository and it
        is on GitHub.

    Returns
    -------
    Place

    Raises
    ------
    ValueError
        If BOOK_REPOSITORY is not the address of a repository on GitHub.
    """
    named = environment.get("BOOK_REPOSITORY")
    here = environment.get("GITHUB_REPOSITORY")
    if named:
        repository = github_address(named)
        if repository is None:
            raise ValueError(
                "`BOOK_REPOSITORY` must look like https://github.com/OWNER/REPO, because Binder "
                f"and Colab open notebooks from there; got {named!r}"
            )
    elif here:
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        repository = github_address(f"{server}/{here}")
    else:
        repository = github_address(origin or "")
    branch = environment.get("BOOK_BRANCH") or environment.get("GITHUB_REF_NAME") or "main"
    site = environment.get("BOOK_URL")
    if not site and repository:
        owner, name = repository.split("/")[-2:]
        pages = f"{owner}.github.io".lower()
        site = f"https://{pages}/" + ("" if name.lower() == pages else f"{name}/")
    return Place(repository, branch, f"{site.rstrip('/')}/" if site else None)


def origin(folder: Path) -> str | None:
    """Return the remote ``origin`` of the clone in a folder, if it is one."""
    try:
        command = ["git", "-C", str(folder), "config", "--get", "remote.origin.url"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:  # no git
        return None
    return answer.stdout.strip() or None


def launch_notebook(notebook: dict[str, Any], place: Place) -> dict[str, Any]:
    """Return a notebook with a first cell that installs the book's library on Colab.

    Parameters
    ----------
    notebook : dict
        As in the .ipynb file.
    place : Place
        Where the library comes from.

    Returns
    -------
    dict
        The notebook given is left as it is.
    """
    source = INSTALL.format(package=place.package)
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "install-on-colab",
        "metadata": {},
        "outputs": [],
        "source": source.rstrip("\n").splitlines(keepends=True),
    }
    return {**notebook, "cells": [cell, *notebook["cells"]]}


def sitemap(place: Place, pages: list[str]) -> str:
    """Return the list of pages for search engines."""
    lines = [
        f"  <url><loc>{escape(f'{place.site}{quote(page)}.html')}</loc></url>" for page in pages
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *lines,
            "</urlset>\n",
        ]
    )


def _place(app: Sphinx) -> Place:
    return app.config["book_place"]  # type: ignore[no-any-return]


def _launches(place: Place) -> bool:
    """Whether pages have launch links: the notebooks that are published have solutions."""
    return place.repository is not None and os.environ.get("BOOK_EDITION", "book") == "book"


def configure(app: Sphinx, config: Config) -> None:
    """Tell Sphinx and the theme what is known."""
    place = find_place(os.environ, origin(Path(app.srcdir)))
    config["book_place"] = place
    config["ogp_social_cards"] = {"enable": False}  # one card for the whole book
    if place.site:
        config["html_baseurl"] = config["ogp_site_url"] = place.site
        config["ogp_image"] = place.site + CARD
        config["ogp_image_alt"] = config.project
        config["ogp_custom_meta_tags"] = [
            '<meta property="og:image:width" content="1200" />',
            '<meta property="og:image:height" content="630" />',
            '<meta name="twitter:card" content="summary_large_image" />',
        ]
    if place.repository:
        config["html_theme_options"] = {
            **config["html_theme_options"],
            "repository_url": place.repository,
            "repository_branch": place.branch,
            "use_repository_button": True,
            "use_edit_page_button": True,
            "use_issues_button": True,
        }


def link(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Put the launch links on pages with a notebook. Runs after the theme has made its buttons."""
    place = _place(app)
    if not place.site and "metatags" in context:  # an address without a host is none
        context["metatags"] = re.sub(r'<meta property="og:url"[^>]*/>\n', "", context["metatags"])
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button["label"] == "download-pdf-button":  # it prints this page
                button |= {"text": "print", "icon": "fas fa-print", "tooltip": "Print this page"}
    if _launches(place) and context.get("ipynb_source"):
        buttons = [
            {
                "type": "link",
                "text": name,
                "tooltip": f"Launch on {name}",
                "icon": f"_static/images/{picture}",
                "url": url,
                "label": f"launch-{name.lower()}-button",
            }
            for name, picture, url in (
                ("Binder", "logo_binder.svg", place.binder(pagename)),
                ("Colab", "logo_colab.png", place.colab(pagename)),
            )
        ]
        context["header_buttons"].append(
            {
                "type": "group",
                "tooltip": "Launch interactive content",
                "icon": "fas fa-rocket",
                "buttons": buttons,
                "label": "launch-buttons",
            }
        )


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the sitemap, and what belongs on the branch of the notebooks."""
    place = _place(app)
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    pages = sorted(app.env.found_docs)
    if place.site:
        (out / "sitemap.xml").write_text(sitemap(place, pages), "utf8")
    if _launches(place):
        launch = out.parent / "launch"
        for page in pages:
            offered = out / "_sources" / f"{page}.ipynb"
            if offered.exists():
                target = launch / notebook_path(page)
                target.parent.mkdir(parents=True, exist_ok=True)
                notebook = launch_notebook(json.loads(offered.read_text("utf8")), place)
                target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf8")
        binder = launch / "binder"
        binder.mkdir(parents=True, exist_ok=True)
        (binder / "requirements.txt").write_text(f"jupyterlab\n{place.package}\n", "utf8")
        (binder / "runtime.txt").write_text("python-3.11\n", "utf8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hooks with Sphinx."""
    app.add_config_value("book_place", Place(), "html")
    app.setup_extension("sphinxext.opengraph")
    app.connect("config-inited", configure)
    app.connect("html-page-context", link, priority=900)
    app.connect("build-finished", write, priority=950)  # after an edition has changed downloads
    return {"parallel_read_safe": True, "parallel_write_safe": True}
