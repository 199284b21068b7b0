"""Every page in the browser: complete, offline, readable, in light and dark, on a phone."""

from __future__ import annotations

import json

from pages import SITE, Visit, chart_index, visit, wait_for_change
from playwright.sync_api import Browser

from lib import charts

# Per chart: its text alternative, and how many marks it draws (paths, texts and so on).
CHARTS = """() => (window.bookCharts || []).map(chart => {
  const image = chart.element.querySelector('svg[role="img"]');
  return {
    label: image && image.getAttribute("aria-label"),
    marks: image ? image.querySelectorAll("g.role-mark > *").length : 0,
    width: image ? image.getBoundingClientRect().width : 0,
    unnamed: [...chart.element.querySelectorAll("input, select")]
      .filter(input => ![...input.labels].some(label => label.innerText.trim())).length,
  };
})"""

DRAWINGS = "() => (window.bookCharts || []).map(c => c.element.querySelector('svg').outerHTML)"
SLIDERS = """() => (window.bookCharts || []).map(chart => Object.fromEntries(
  (chart.spec.params || []).filter(p => p.bind && !p.select)
    .map(p => [p.name, chart.result.view.signal(p.name)])))"""

CONFIGS = "() => (window.bookCharts || []).map(c => [c.mode, c.result.spec.config])"

# The lowest contrast of the charts' words against the page.
CONTRAST = """() => {
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const page = light(getComputedStyle(document.body).backgroundColor);
  const words = document.querySelectorAll(`.vega-embed .role-axis-label text,
    .vega-embed .role-axis-title text, .vega-embed .role-legend-label text,
    .vega-embed .role-title-text text`);
  return Math.min(...[...words].map(word => light(getComputedStyle(word).fill))
    .map(ink => Math.max(ink, page) / Math.min(ink, page)));
}"""

RAW_FORMULAS = r"""() => {
  const raw = [...document.querySelectorAll(".math")]
    .filter(math => !math.querySelector("mjx-container"));
  const text = document.querySelector("article").cloneNode(true);
  text.querySelectorAll("pre, code, script, style, mjx-container").forEach(part => part.remove());
  return raw.map(m => m.textContent).concat(text.textContent.match(/\\[([].*|\$\$.*/g) || []);
}"""

IMAGES = """() => [...document.querySelectorAll("img")]
  .filter(i => !(i.complete && i.naturalWidth > 0 && i.alt.trim())).map(i => i.outerHTML)"""

TOO_WIDE = """() => [...document.querySelectorAll("article *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1
    && !e.closest("svg, mjx-container, pre, .cell_output, .pst-scrollable-table-container"))
  .map(e => e.outerHTML.slice(0, 100))"""


# Formulas, code and printed output that are wider than their box, dropdowns opened.
SCROLLING = """() => {
  document.querySelectorAll("details").forEach(part => part.open = true);
  return [...document.querySelectorAll("mjx-container[display=true], div.highlight pre")]
    .filter(box => box.scrollWidth > box.clientWidth + 2).map(box => box.innerText.slice(0, 100));
}"""

CUT_LEGENDS = """() => [...document.querySelectorAll(".vega-embed svg")].flatMap(image =>
  [...image.querySelectorAll(".role-legend-label text")]
    .filter(word => word.getBoundingClientRect().right > image.getBoundingClientRect().right + 1)
    .map(word => word.textContent))"""


def complete(seen: Visit) -> None:
    """Assert that a page just opened is whole and asked nobody else for anything."""
    page = seen.page
    assert seen.foreign_requests() == []
    assert seen.complaints == []
    for chart in page.evaluate(CHARTS):
        assert chart["label"], f"a chart has no description: {chart}"
        assert chart["marks"] > 0, f"a chart is empty: {chart}"
        assert chart["width"] > 0 or not page.locator("div.vega-embed:visible").count(), chart
        assert chart["unnamed"] == 0, f"a chart has an input without a name: {chart}"


def test_complete(visited: Visit) -> None:
    complete(visited)


def test_formulas_are_typeset(visited: Visit) -> None:
    assert visited.page.evaluate(RAW_FORMULAS) == []
    assert visited.page.locator("mjx-merror, [data-mjx-error], [data-mml-node=merror]").count() == 0


def test_nothing_is_too_wide_for_a_desktop(visited: Visit) -> None:
    assert visited.page.evaluate(SCROLLING) == []


def test_images(visited: Visit) -> None:
    visited.page.evaluate(
        "() => document.querySelectorAll('img').forEach(i => i.loading = 'eager')"
    )
    visited.page.wait_for_function("() => [...document.images].every(i => i.complete)")
    assert visited.page.evaluate(IMAGES) == []


def test_sliders(visited: Visit) -> None:
    """From the keyboard: going to the other end of every slider changes the drawing."""
    page = visited.page
    for index in range(page.evaluate("() => (window.bookCharts || []).length")):
        chart = page.locator("div.vega-embed").nth(index)
        for slider in chart.locator("input[type=range]:visible").all():
            start = slider.evaluate("s => s.value")
            at_end = slider.evaluate("s => Number(s.value) >= Number(s.max)")
            wait_for_change(
                page,
                lambda chart=chart: chart.locator("svg").evaluate("s => s.outerHTML"),
                lambda slider=slider, key="Home" if at_end else "End": slider.press(key),
            )
            # each by itself: at the end of one slider another may have nothing left to move
            slider.evaluate(
                "(s, start) => { s.value = start; s.dispatchEvent(new Event('input')); }", start
            )


def test_dark_mode(visited: Visit) -> None:
    """The theme's own switch re-draws the charts, which keep their sliders where they were."""
    page = visited.page
    light, sliders = page.evaluate(DRAWINGS), page.evaluate(SLIDERS)
    assert page.evaluate(CONTRAST) >= 4.5, "words of a chart are too pale"
    for _ in range(3):  # auto, dark, light
        if page.evaluate("() => document.documentElement.dataset.theme") == "dark":
            break
        page.locator(".theme-switch-button:visible").first.click()
    visited.settle()
    dark = page.evaluate(CONFIGS)
    config = json.loads(json.dumps(charts.theme("dark")))
    assert dark == [["dark", config]] * len(light)
    assert all(a != b for a, b in zip(light, page.evaluate(DRAWINGS), strict=True))
    assert page.evaluate(SLIDERS) == sliders
    assert page.evaluate(CONTRAST) >= 4.5, "words of a chart are too dark"


def test_phone(visited: Visit) -> None:
    visited.page.set_viewport_size({"width": 390, "height": 844})
    visited.settle()
    assert visited.page.evaluate(TOO_WIDE) == []
    assert visited.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert visited.page.evaluate(CUT_LEGENDS) == []
    visited.page.set_viewport_size({"width": 1280, "height": 900})


def test_nothing_asked_or_complained_since(visited: Visit) -> None:
    assert visited.foreign_requests() == []
    assert visited.complaints == []


def test_curve_follows_slider(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/foundations/one-recursion").page
    chart = page.locator("div.vega-embed").nth(chart_index(page, "k", "w"))
    lines = ".mark-line path[d]"
    wait_for_change(
        page,
        lambda: chart.locator(lines).evaluate_all("lines => lines.map(l => l.getAttribute('d'))"),
        lambda: chart.locator("input[name=k]").press("ArrowRight"),
    )
    page.close()


def test_from_a_folder(browser: Browser, built: None) -> None:
    """Opened by file://, as from an unpacked archive."""
    seen = visit(browser, SITE.as_uri(), "book/foundations/one-recursion")
    assert seen.page.evaluate("() => window.bookCharts.length") > 0
    complete(seen)
    seen.page.close()
