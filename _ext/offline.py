"""Make the built site self-contained: no page loads anything from another host.

* MathJax is one file without web fonts, from the package sphinx-mathjax-offline.
* Vega, Vega-Lite and Vega-Embed are one file made by vl-convert-python. The HTML that Altair writes
  for a chart skips its CDN when ``VEGA_DEBUG`` says that the versions it wants are already loaded.
  ``charts.js``, beside this file, draws the charts in the reader's colour mode.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from sphinx.application import Sphinx
from sphinx.config import Config

from lib import charts

MATHJAX = "tex-svg-full.js"
BUNDLE = "vega-bundle.js"


def chart_bundle(cache: Path) -> str:
    """Return the JavaScript that draws the book's charts.

    Parameters
    ----------
    cache : Path
        Folder that keeps the libraries between builds: making them takes seconds.

    Returns
    -------
    str
        Defines ``vegaEmbed``, ``VEGA_DEBUG``, ``bookThemes`` and ``bookCharts``.
    """
    vega_lite = "v" + ".".join(alt.VEGALITE_VERSION.split(".")[:2])
    kept = cache / f"vega-lite-{vega_lite}-vl-convert-{version('vl-convert-python')}.js"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")  # an interrupted build leaves no half-written file
        libraries = vl_convert.javascript_bundle(vl_version=vega_lite)  # type: ignore[call-arg]
        part.write_text(libraries, "utf8")
        part.replace(kept)
    loaded = {
        "vega_version": alt.VEGA_VERSION,
        "vegalite_version": alt.VEGALITE_VERSION,
        "vegaembed_version": alt.VEGAEMBED_VERSION,
    }
    themes = {mode: charts.theme(mode) for mode in ("light", "dark")}
    return "\n".join(
        [
            f"window.VEGA_DEBUG = {json.dumps(loaded)};",
            f"window.bookThemes = {json.dumps(themes)};",
            # in a function, because its top-level names (_) clash with Sphinx's doctools.js
            "(function () {",
            kept.read_text("utf8"),
            "})();",
            Path(__file__).with_name("charts.js").read_text("utf8"),
        ]
    )


def use_own_mathjax(app: Sphinx, config: Config) -> None:
    """Load MathJax from the site. Runs after Jupyter Book has set its own path."""
    config.mathjax_path = f"mathjax/{MATHJAX}"


def write_assets(app: Sphinx) -> None:
    """Put MathJax and the chart bundle into the site.

    They are not in the source folder ``_static`` because a script there is loaded by every page.
    """
    if app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    (static / "mathjax").mkdir(parents=True, exist_ok=True)
    package = find_spec("sphinx-mathjax-offline")  # not importable by name: it has hyphens
    if package is None or package.origin is None:
        raise RuntimeError("sphinx-mathjax-offline is missing: pip install -r requirements.txt")
    mathjax = Path(package.origin).with_name("static") / "mathjax" / MATHJAX
    (static / "mathjax" / MATHJAX).write_bytes(mathjax.read_bytes())
    bundle = chart_bundle(Path(app.outdir).parent / ".vega")
    (static / BUNDLE).write_text(bundle, "utf8")


def load_vega_where_needed(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Load the chart bundle in the head of pages with a chart, before the charts' own scripts."""
    if "vegaEmbed" in context.get("body", ""):
        app.add_js_file(BUNDLE)


def offer_notebook(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Offer the executed notebook, which MyST-NB left beside the site, in the download menu."""
    source = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    if doctree is not None and source.exists():
        target = Path(app.outdir, "_sources", f"{pagename}.ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        context["ipynb_source"] = f"{pagename}.ipynb"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hooks with Sphinx."""
    app.connect("config-inited", use_own_mathjax, priority=900)
    app.connect("builder-inited", write_assets)
    app.connect("html-page-context", load_vega_where_needed)
    app.connect("html-page-context", offer_notebook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
