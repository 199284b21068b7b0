"""Print the whole book, as it stands on the built website, into one PDF.

The pages of the site are put one after the other into a single page: links between them become
links within it, proofs and solutions are opened, and a title page and a table of contents go in
front. Chromium prints that page. The site then offers the PDF in the download menu of every page.
Without Chromium there is no PDF, and no page offers one.

Run it with ``python -m scripts.pdf [SITE]`` after the website is built.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader

from scripts.browser import ARGUMENTS, find_browser

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
NAME = "golden-ratio-weighting.pdf"
STYLE = Path(__file__).with_name("pdf.css")

NO_BROWSER = (
    "No PDF of the book: no Chromium found. "
    "Install it (Debian, Ubuntu: apt-get install chromium) or set CHROMIUM to its path."
)
# The width of the text on A4 between the margins of pdf.css, in CSS pixels.
WIDTH = round((210 - 2 * 18) / 25.4 * 96)

# True once every chart is drawn and every formula typeset.
COMPLETE = """async () => {
  const wanted = document.querySelectorAll('div[id^="altair-viz-"]').length;
  const charts = window.bookCharts || [];
  if (charts.length !== wanted) return false;
  await Promise.all(charts.map(chart => chart.ready));
  if (!window.MathJax || !MathJax.startup || !MathJax.startup.promise) return false;
  await MathJax.startup.promise;
  await Promise.all([...document.images].map(image => image.decode()));
  return true;
}"""


@dataclass(frozen=True)
class Chapter:
    """A page of the site, in the order of the book."""

    name: str
    part: str | None
    starts_part: bool

    @property
    def key(self) -> str:
        """What the page's anchors begin with in the PDF."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())


def chapters(toc: dict[str, Any]) -> Iterator[Chapter]:
    """Yield the pages in the order of a table of contents.

    Parameters
    ----------
    toc : dict
        The content of ``_toc.yml``: parts with chapters, without sections.

    Yields
    ------
    Chapter
    """
    yield Chapter(toc["root"], None, False)
    for part in toc["parts"]:
        for index, chapter in enumerate(part["chapters"]):
            yield Chapter(chapter["file"], part["caption"], index == 0)


def target(chapter: Chapter, href: str, known: dict[str, Chapter], base: str | None) -> str | None:
    """Return where a link of a page leads to in the PDF.

    Parameters
    ----------
    chapter : Chapter
        The page with the link.
    href : str
        The link as it stands on the page.
    known : dict of str to Chapter
        All pages by name.
    base : str or None
        Address of the site, if it is known.

    Returns
    -------
    str or None
        None for a file of the site, when nobody knows where that is.
    """
    url = urlsplit(href)
    if url.scheme or url.netloc:
        return href
    path = os.path.normpath(os.path.join(os.path.dirname(chapter.name), unquote(url.path)))
    name = chapter.name if not url.path else path.removesuffix(".html")
    if name in known and (not url.path or path.endswith(".html")):
        return f"#{known[name].key}--{unquote(url.fragment)}"
    if name == "index":
        return f"#{next(iter(known.values())).key}--"
    return (
        None
        if base is None
        else f"{base.rstrip('/')}/{path}" + (url.fragment and f"#{url.fragment}")
    )


def article(chapter: Chapter, source: str, known: dict[str, Chapter], base: str | None) -> Tag:
    """Return the content of a page with everything named and linked as in the PDF.

    Parameters
    ----------
    chapter : Chapter
        The page.
    source : str
        Its HTML.
    known, base
        As in `target`.

    Returns
    -------
    Tag
        A ``<section>``.
    """
    found = BeautifulSoup(source, "html.parser").find("article")
    if found is None:
        raise ValueError(f"page {chapter.name!r} of the site has no article")
    for gone in found.select("a.headerlink, .toctree-wrapper, summary svg"):
        gone.decompose()
    for closed in found.find_all("details"):
        closed["open"] = ""
    _name(found, chapter)
    for link in found.find_all("a", href=True):
        to = target(chapter, str(link["href"]), known, base)
        if to is None:
            link.unwrap()
        else:
            link["href"] = to
    folder = os.path.dirname(chapter.name)
    for image in found.find_all(src=True):
        if not urlsplit(str(image["src"])).scheme:
            image["src"] = os.path.normpath(os.path.join(folder, str(image["src"])))
    _head(found, chapter)
    return found


def _name(found: Tag, chapter: Chapter) -> None:
    """Give everything on a page a name that no other page has."""
    found.name = "section"
    found.attrs = {"class": "chapter", "id": ""}
    for tag in (found, *found.find_all(id=True)):
        if not str(tag["id"]).startswith("altair-viz-"):  # the chart's script looks for it
            tag["id"] = f"{chapter.key}--{tag['id']}"
    for name in ("for", "aria-labelledby", "aria-describedby"):
        for tag in found.select(f"[{name}]"):
            tag[name] = f"{chapter.key}--{tag[name]}"


def _head(found: Tag, chapter: Chapter) -> None:
    """Put a page's headings below the heading of its part."""
    title = found.find("h1")
    if title is None:
        raise ValueError(f"page {chapter.name!r} of the site has no title")
    title["class"] = "chapter-title"
    if chapter.part is not None:
        for level in range(5, 0, -1):
            for heading in found.find_all(f"h{level}"):
                heading.name = f"h{level + 1}"
    if chapter.part is not None and chapter.starts_part:
        part = BeautifulSoup("", "html.parser").new_tag("h1", attrs={"class": "part-title"})
        part.string = chapter.part
        found.insert(0, part)


def title_of(section: Tag) -> str:
    """Return a chapter's title, with its number."""
    title = section.select_one(".chapter-title")
    return "" if title is None else title.get_text().strip()


def running_heads(sections: list[tuple[Chapter, Tag]]) -> str:
    """Return the CSS that writes each chapter's title at the top of its pages."""
    rules = []
    for chapter, section in sections:
        title = title_of(section).replace("\\", "").replace('"', "”")
        rules.append(f'[id="{chapter.key}--"] {{ page: {chapter.key}; }}')
        rules.append(f'@page {chapter.key} {{ @top-left {{ content: "{title}"; }} }}')
    return "\n".join(rules)


def contents(sections: list[tuple[Chapter, Tag]]) -> str:
    """Return the table of contents; the numbers of the pages are filled in later."""
    lines = ['<nav class="toc-page" aria-labelledby="contents"><h1 id="contents">Contents</h1>']
    for chapter, section in sections:
        if chapter.starts_part and chapter.part is not None:
            lines.append(f'<p class="contents-part">{html.escape(chapter.part)}</p>')
        lines.append(
            f'<p class="contents-line"><a href="#{chapter.key}--">'
            f"<span>{html.escape(title_of(section))}</span>"
            f'<span class="dots"></span><span class="number"></span></a></p>'
        )
    return "\n".join([*lines, "</nav>"])


def address(page: BeautifulSoup, name: str) -> str | None:
    """Return the address of the site, if a page of it says so.

    Parameters
    ----------
    page : BeautifulSoup
    name : str
        Name of the page.

    Returns
    -------
    str or None
        With a slash at its end.
    """
    link = page.select_one('link[rel="canonical"]')
    return None if link is None else str(link["href"]).removesuffix(f"{name}.html")


def assemble(site: Path, toc: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the whole book as one HTML page that lies at the top of the site.

    Parameters
    ----------
    site : Path
        Folder of the built website.
    toc, config : dict
        The contents of ``_toc.yml`` and ``_config.yml``.

    Returns
    -------
    str
    """
    known = {chapter.name: chapter for chapter in chapters(toc)}
    first = BeautifulSoup((site / f"{toc['root']}.html").read_text("utf8"), "html.parser")
    base = address(first, toc["root"])
    head = []
    for sheet in first.select('link[rel="stylesheet"]'):
        path = os.path.normpath(os.path.join(os.path.dirname(toc["root"]), str(sheet["href"])))
        head.append(f'<link rel="stylesheet" href="{path}">')
    head += [str(one) for one in first.find_all("script") if "window.MathJax" in one.get_text()]
    sections = [
        (chapter, article(chapter, (site / f"{name}.html").read_text("utf8"), known, base))
        for name, chapter in known.items()
    ]
    title = html.escape(config["title"])
    cover = next(iter((site / "_images").glob("cover.*")), None)
    picture = "" if cover is None else f'<img src="_images/{cover.name}" alt="">'
    return "\n".join(
        [
            '<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>',
            f'<meta charset="utf-8"><title>{title}</title>',
            *head,
            '<script defer src="_static/mathjax/tex-svg-full.js"></script>',
            '<script src="_static/vega-bundle.js"></script>',
            f"<style>{STYLE.read_text('utf8')}\n{running_heads(sections)}</style>",
            '</head><body class="book-pdf"><main class="bd-content"><div class="bd-article">',
            f'<div class="title-page">{picture}<p class="book-title">{title}</p>',
            "<p>An executable book on <em>Golden Ratio Weighting Prevents Model Collapse</em> "
            "by He, Xu and Cheng</p>",
            f"<p>{html.escape(config['author'])}</p>",
            f'<p class="small">© {html.escape(config["copyright"])}</p>',
            "<p class='small'>Charts stand as they open on the website, where they can be moved; "
            "solutions stand below their exercises.</p></div>",
            contents(sections),
            *(str(section) for _, section in sections),
            "</div></main></body></html>",
        ]
    )


def page_numbers(pdf: Path) -> dict[str, int]:
    """Return the page of every named place in a PDF.

    Parameters
    ----------
    pdf : Path

    Returns
    -------
    dict of str to int
        Pages from 1 on.
    """
    reader = PdfReader(pdf)
    return {
        name.removeprefix("/"): (reader.get_destination_page_number(place) or 0) + 1
        for name, place in reader.named_destinations.items()
    }


def print_page(page: Page, pdf: Path) -> None:
    """Print twice: the table of contents needs the numbers of the pages."""
    for again in (True, False):
        page.pdf(
            path=pdf, prefer_css_page_size=True, print_background=True, outline=True, tagged=True
        )
        if again:
            page.evaluate(
                """numbers => document.querySelectorAll(".contents-line a").forEach(line => {
                     const number = numbers[line.getAttribute("href").slice(1)];
                     if (!number) throw new Error("no page for " + line.href);
                     line.querySelector(".number").textContent = number;
                   })""",
                page_numbers(pdf),
            )


def make(site: Path, browser: str) -> Path:
    """Print the book of a built site.

    Parameters
    ----------
    site : Path
        Folder of the built website.
    browser : str
        Path of Chromium.

    Returns
    -------
    Path
        The PDF, in the site.
    """
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    source, aside, pdf = site / ".book.html", site / ".book.pdf", site / NAME
    source.write_text(assemble(site, toc, config), "utf8")
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=ARGUMENTS)
            page = chromium.new_page(
                viewport={"width": WIDTH, "height": 1000}, color_scheme="light"
            )
            page.set_default_timeout(900_000)  # milliseconds: for a machine that is busy
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.emulate_media(media="print")
            page.goto(source.as_uri())
            page.wait_for_function(COMPLETE)
            if errors:
                raise RuntimeError(f"the page of the whole book has errors: {errors}")
            print_page(page, aside)
            chromium.close()
        aside.replace(pdf)
    finally:
        source.unlink(missing_ok=True)
        aside.unlink(missing_ok=True)
    return pdf


MENU = re.compile(r'( *)<li>\s*<button onclick="window\.print\(\)"')
OFFER = '<li class="book-pdf-offer">'


def offer(site: Path) -> int:
    """Put the PDF into the download menu of every page of the site, or take it out.

    Parameters
    ----------
    site : Path
        Folder of the built website.

    Returns
    -------
    int
        How many pages offer it now.
    """
    there = (site / NAME).exists()
    count = 0
    for path in site.rglob("*.html"):
        text = path.read_text("utf8")
        clean = re.sub(re.escape(OFFER) + r".*?</li>\n *", "", text, flags=re.DOTALL)
        if there:
            up = "../" * (len(path.relative_to(site).parts) - 1)
            entry = (
                f'{OFFER}<a href="{up}{NAME}" class="btn btn-sm dropdown-item" target="_blank" '
                'title="Download the whole book">\n'
                '<span class="btn__icon-container"><i class="fas fa-book"></i></span>\n'
                '<span class="btn__text-container">whole book .pdf</span></a></li>\n'
            )
            clean, found = MENU.subn(rf"\g<1>{entry}\g<0>", clean)  # entry has no backslash
            count += found
        if clean != text:
            aside = path.with_suffix(".new")
            aside.write_text(clean, "utf8")
            aside.replace(path)
    return count


def main(arguments: list[str] | None = None) -> int:
    """Print the book, offer it on the site, and say where it is."""
    parser = argparse.ArgumentParser(description="Print the built website into one PDF.")
    parser.add_argument("site", nargs="?", type=Path, default=SITE)
    site: Path = parser.parse_args(arguments).site.resolve()
    if not (site / "index.html").exists():
        print(f"there is no website in {site}: run `make book`", file=sys.stderr)
        return 2
    (site / NAME).unlink(missing_ok=True)
    browser = find_browser()
    if browser is None:
        print(NO_BROWSER, file=sys.stderr)
        offer(site)
        return 0
    started = time.monotonic()
    pdf = make(site, browser)
    pages = len(PdfReader(pdf).pages)
    offer(site)
    print(f"The book as a PDF: {pdf} ({pages} pages, {time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
