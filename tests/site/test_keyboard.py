"""Everything that a mouse reaches is reached from a keyboard too, and the focus can be seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pages import chart_index, visit, wait_for_change
from playwright.sync_api import Browser, Page, expect

NAME = "book/foundations/one-recursion"

# What has the focus, and whether anybody can see that it has.
FOCUS = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    id: at.id, tag: at.tagName, type: at.type || "", text: at.innerText || "", name: at.name || "",
    href: at.getAttribute("href") || "", inside: at.closest("#pst-primary-sidebar") ? "sidebar"
      : at.closest("article") ? "article" : "",
    visible: box.width > 0 && box.height > 0,
    ring: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)
      || style.boxShadow !== "none",
  };
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, site: str) -> Iterator[Page]:
    opened = visit(browser, site, NAME).page
    yield opened
    opened.close()


def walk(page: Page, steps: int) -> list[dict[str, object]]:
    """Press Tab from the top of the page, and return what had the focus."""
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    page.evaluate("() => getSelection().removeAllRanges()")
    met = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        met.append(page.evaluate(FOCUS))
    return met


def test_tab_goes_through_the_page(page: Page) -> None:
    page.reload()
    met = walk(page, 120)
    assert met[0]["href"] == "#main-content"
    assert met[0]["visible"]
    ways = {
        "search": lambda at: at["tag"] == "BUTTON" and "Search" in str(at["text"]),
        "sidebar": lambda at: at["inside"] == "sidebar" and at["tag"] == "A",
        "downloads": lambda at: at["tag"] == "BUTTON" and at["inside"] == "",
        "slider": lambda at: at["type"] == "range",
        "proof": lambda at: at["tag"] == "SUMMARY",
        "code": lambda at: at["tag"] == "PRE" or at["tag"] == "BUTTON",
    }
    assert {name for name, is_it in ways.items() if not any(map(is_it, met))} == set()
    unseen = [at for at in met if at["visible"] and not at["ring"] and at["tag"] != "BODY"]
    assert unseen == [], "the focus cannot be seen"


def test_the_skip_link_leads_past_the_menus(page: Page) -> None:
    page.reload()
    walk(page, 1)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    # the first thing in the main part, not in the menu at the side
    assert page.evaluate("() => !!document.activeElement.closest('#main-content')")


def test_arrow_keys_move_a_slider(page: Page) -> None:
    chart = page.locator("div.vega-embed").nth(chart_index(page, "k", "w"))
    slider = chart.locator("input[name=k]")
    before = float(slider.input_value())
    slider.focus()
    wait_for_change(
        page,
        lambda: chart.locator("svg.marks").evaluate("s => s.outerHTML"),
        lambda: page.keyboard.press("ArrowRight"),
    )
    assert float(slider.input_value()) > before


def test_enter_opens_a_proof(page: Page) -> None:
    proof = page.locator("details.sd-dropdown").first
    assert proof.get_attribute("open") is None
    proof.locator("summary").focus()
    page.keyboard.press("Enter")
    assert proof.get_attribute("open") is not None
    page.keyboard.press("Enter")
    assert proof.get_attribute("open") is None


def test_a_solution_opens_and_says_whether_it_is_open(page: Page) -> None:
    button = page.locator(".solution button.toggle-button").first
    solution = page.locator(".solution").filter(has=page.locator("button.toggle-button")).first
    assert "toggle-hidden" in (solution.get_attribute("class") or "")
    button.focus()
    page.keyboard.press("Enter")
    assert "toggle-hidden" not in (solution.get_attribute("class") or "")
    page.keyboard.press("Enter")


def test_search_from_the_keyboard(browser: Browser, site: str) -> None:
    page = visit(browser, site, NAME).page
    page.keyboard.press("Control+k")
    expect(page.locator("dialog#pst-search-dialog input[type=search]")).to_be_focused()
    page.keyboard.type("covariance")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html*")
    page.locator("#search-results ul.search li").first.wait_for()
    links = page.locator("#search-results ul.search li > a")
    found = [link.get_attribute("href") or "" for link in links.all()]
    assert any("book/gaussian/covariance.html" in href for href in found)
    page.locator("#search-results p.context").first.wait_for()  # summaries, too
    links.first.click()
    page.wait_for_url("**/book/**")
    assert page.locator("article h1").count() == 1
    page.close()


def test_a_search_without_a_hit_says_so(browser: Browser, site: str) -> None:
    page = visit(browser, site, NAME).page
    page.goto(f"{site}/search.html?q=xyzzyplugh")
    page.locator("p.search-summary").filter(has_text="did not match").wait_for()
    assert page.locator("#search-results ul.search li").count() == 0
    page.close()


def test_a_link_in_a_card_leads_where_it_says(browser: Browser, site: str) -> None:
    """The card itself is a link, laid over all of its words."""
    page = visit(browser, site, "book/intro").page
    links = page.locator(".sd-card-body a:not(.sd-stretched-link)")
    own = links.evaluate_all(
        """links => links.filter(a => a.pathname !== a.closest(".sd-card")
             .querySelector(".sd-stretched-link").pathname).map(a => [a.pathname, a.textContent])"""
    )
    assert len(own) >= 3
    for path, text in own:
        page.locator(".sd-card-body a", has_text=text).first.click()
        page.wait_for_url(f"**{path}*")
        page.go_back()
        page.locator(".sd-card").first.wait_for()
    # and elsewhere a card leads to its own page
    card = page.locator(".sd-card").first
    there = card.locator(".sd-stretched-link").evaluate("a => a.pathname")
    card.click(position={"x": 5, "y": 5})
    page.wait_for_url(f"**{there}*")
    page.close()


def test_a_finger_sees_the_copy_button(browser: Browser, site: str) -> None:
    context = browser.new_context(has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{site}/{NAME}.html")
    opacity = "() => getComputedStyle(document.querySelector('.copybtn')).opacity"
    page.wait_for_function("() => document.querySelector('.copybtn')")
    assert page.evaluate("() => matchMedia('(hover: none)').matches")
    page.wait_for_function(f"() => ({opacity})() === '1'")
    context.close()
