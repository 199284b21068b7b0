"""axe-core on every page: no serious and no critical violation, in light, dark and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from pages import PAGES, visit
from playwright.sync_api import Browser, Page

OTHERS = ["search", "genindex"]
"""Pages that are not chapters."""

PHONE = [
    "book/intro",
    "book/foundations/one-recursion",
    "book/real-data/adult-table",
    "book/reference/receipts",
]

# The API page has a thousand entries that are made alike: those of its first four sections stand
# for all, or this page would take longer than all others together.
ALIKE = ".bd-article > section > section:nth-of-type(n+5)"

AXE = """async ([only, page, alike]) => {
  const options = {resultTypes: ["violations"]};
  if (only.length) options.runOnly = {type: "rule", values: only};
  const where = page.endsWith("/api.html") ? {exclude: [[alike]]} : document;
  const found = await axe.run(where, options);
  return found.violations.filter(v => v.impact === "serious" || v.impact === "critical")
    .map(v => ({rule: v.id, count: v.nodes.length, first: v.nodes[0].html.slice(0, 200),
                why: v.nodes[0].failureSummary}));
}"""

# The theme's own modes, without waiting for its switch.
MODE = "mode => Object.assign(document.documentElement.dataset, {theme: mode, mode})"

# axe looks at what can be seen: open what a reader can open. Colours that are still on their way to
# another mode, or boxes on their way to being open, are not what a reader sees: do without the way.
OPEN = """() => {
  const style = document.createElement("style");
  style.textContent = `*, *::before, *::after {
    transition: none !important; animation: none !important }`;
  document.head.append(style);
  document.querySelectorAll("details").forEach(box => box.open = true);
  document.querySelectorAll(".toggle-hidden > button.toggle-button").forEach(b => b.click());
}"""


def violations(page: Page, *rules: str) -> list[dict[str, Any]]:
    """Return the serious and critical violations of all rules, or of these."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return list(page.evaluate(AXE, [list(rules), page.url.split("#")[0], ALIKE]))


@pytest.mark.parametrize("name", [*PAGES, *OTHERS])
def test_no_serious_violation(name: str, browser: Browser, site: str) -> None:
    seen = visit(browser, site, name)
    seen.page.evaluate(OPEN)
    seen.settle()
    light = violations(seen.page)
    seen.page.evaluate(MODE, "dark")
    seen.settle()
    dark = violations(seen.page, "color-contrast")  # the mode changes nothing but colours
    seen.page.close()
    assert (light, dark) == ([], [])


@pytest.mark.parametrize("name", PHONE)
def test_no_serious_violation_on_a_phone(name: str, browser: Browser, site: str) -> None:
    """Boxes scroll there that fit a desktop: they must be reached from a keyboard."""
    seen = visit(browser, site, name)
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.page.reload()  # the theme makes what scrolls reachable when it loads
    seen.settle()
    seen.page.evaluate(OPEN)
    seen.settle()
    seen.page.wait_for_timeout(500)  # until the boxes have told that they are open
    found = violations(seen.page)
    seen.page.close()
    assert found == []


def test_axe_finds_what_is_wrong(browser: Browser, site: str) -> None:
    """The tests above can fail."""
    page = visit(browser, site, "book/reference/bibliography").page
    page.evaluate(
        """() => document.querySelector("article").insertAdjacentHTML("beforeend",
             '<button></button><p style="color: #aaa; background: #fff">pale</p>')"""
    )
    found = {one["rule"] for one in violations(page)}
    page.evaluate(MODE, "dark")
    page.evaluate(
        """() => document.querySelector("article").insertAdjacentHTML("beforeend",
             '<p style="color: #333; background: #111">dark</p>')"""
    )
    dark = {one["rule"] for one in violations(page, "color-contrast")}
    page.close()
    assert found == {"button-name", "color-contrast"}
    assert dark == {"color-contrast"}
