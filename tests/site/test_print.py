"""On paper: everything is opened, light, within the page; afterwards the screen is as before."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from pages import visit
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

NAMES = ["book/foundations/four-loops", "book/gaussian/covariance", "book/reference/receipts"]
PAPER = 694  # CSS pixels between the margins of A4

STATE = """() => ({
  open: [...document.querySelectorAll("details")].map(box => box.open),
  theme: document.documentElement.dataset.theme,
  drawings: (window.bookCharts || []).map(c => c.element.querySelector("svg").outerHTML),
})"""

HIDDEN = """() => ["#pst-primary-sidebar", ".bd-sidebar-secondary", ".bd-header-article",
  ".prev-next-footer", "button.copybtn", ".vega-bind input[type=range]", "a.headerlink"]
  .filter(name => [...document.querySelectorAll(name)].some(e => e.getClientRects().length))"""

TOO_WIDE = """() => [...document.querySelectorAll("article *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest("svg, mjx-container"))
  .map(e => e.outerHTML.slice(0, 120))"""

CUT = """() => [...document.querySelectorAll("article pre, article mjx-container[display=true]")]
  .filter(box => box.scrollWidth > box.clientWidth + 2).map(box => box.innerText.slice(0, 100))"""

UNSEEN = """() => [...document.querySelectorAll(
    "article .sd-summary-content, article .solution p, article .sd-tab-content")]
  .filter(e => !e.getClientRects().length || e.getBoundingClientRect().height < 1)
  .map(e => e.outerHTML.slice(0, 120))"""

# How light the ink of the charts' words and grid is, from 0 to 1.
INK = """() => [...document.querySelectorAll(
    ".vega-embed :is(.role-axis-label, .role-axis-title, .role-legend-label) text")]
  .map(e => getComputedStyle(e).fill.match(/[\\d.]+/g).slice(0, 3).map(Number))
  .map(rgb => Math.max(...rgb) / 255)"""


@pytest.fixture(scope="module", params=NAMES)
def page(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[Page]:
    seen = visit(browser, site, request.param)
    seen.page.evaluate("() => Object.assign(document.documentElement.dataset, {theme: 'dark'})")
    seen.settle()
    yield seen.page
    seen.page.close()


def test_paper_and_back(page: Page) -> None:
    before = page.evaluate(STATE)
    assert before["theme"] == "dark"
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.wait_for_timeout(300)
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert all(page.evaluate(STATE)["open"])
    assert page.evaluate(STATE)["theme"] == "light"
    assert page.evaluate(HIDDEN) == []
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(CUT) == []
    assert page.evaluate(UNSEEN) == []
    assert all(ink < 0.5 for ink in page.evaluate(INK))
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_timeout(500)
    after = page.evaluate(STATE)
    assert (after["open"], after["theme"]) == (before["open"], before["theme"])
    assert len(after["drawings"]) == len(before["drawings"])


def test_the_browser_prints_what_is_closed(page: Page) -> None:
    """In real printing, too, where the browser itself says that it is about to."""
    words = page.evaluate(
        """() => [...document.querySelectorAll("details:not([open]) .sd-summary-content p")]
             .map(p => p.textContent.match(/[A-Za-z]{4,}( [a-z]{3,}){2}/)).filter(Boolean)
             .map(found => found[0])"""
    )
    pdf = PdfReader(BytesIO(page.pdf(format="A4")))
    text = " ".join(" ".join(sheet.extract_text().split()) for sheet in pdf.pages)
    assert [word for word in words if word not in text] == []
    # and the screen is as it was
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    assert not page.evaluate("() => 'printing' in document.documentElement.dataset")
