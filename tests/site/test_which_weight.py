"""The calculator in the browser: the numbers of Python and of the command line, and its manners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pages import SITE, Visit, chart_index, page_values, visit
from playwright.sync_api import Browser, Page, expect

import lib.__main__ as cli
from lib import advice
from lib.advice import TEMPLATES, Advice

NAME = "book/use/which-weight"

QUANTITIES = """() => Object.fromEntries(
  [...document.querySelectorAll(".which-weight [data-quantity]")]
  .filter(cell => cell.dataset.value !== undefined)
  .map(cell => [cell.dataset.quantity, Number(cell.dataset.value)]))"""

SHOWN = """() => [...document.querySelectorAll(".which-weight [data-quantity]")]
  .filter(cell => cell.checkVisibility()).map(cell => cell.dataset.quantity)"""

SIGNALS = """async index => {
  const chart = window.bookCharts[index];
  await chart.ready;
  const names = ["noise_ratio", "lost", "best", "naive"];
  return Object.fromEntries(names.map(name => [name, chart.result.view.signal(name)]));
}"""

# The lowest contrast of the calculator's words against what is behind them.
CONTRAST = """() => {
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const behind = element => {
    const color = getComputedStyle(element).backgroundColor;
    return color === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : color;
  };
  const kinds = "label, legend, input, select, th, td, pre, caption, .ww-summary, .ww-error";
  const words = [...document.querySelectorAll(`.which-weight :is(${kinds})`)]
    .filter(word => word.checkVisibility());
  return Math.min(...words.map(word => {
    const ink = light(getComputedStyle(word).color), paper = light(behind(word));
    return Math.max(ink, paper) / Math.min(ink, paper);
  }));
}"""

GRID: list[dict[str, Any]] = [
    {"n": 1000, "m": 5000},
    {"n": 1, "m": 1},
    {"n": 1, "m": 10**12},
    {"n": 10**12, "m": 3},
    {"n": 2**53, "m": 2**53},
    {"n": 70, "m": 100, "rho": 2.8},
    {"n": 70, "m": 100, "rho": 0.03},
    {"n": 70, "m": 100, "drift": 0.25},
    {"n": 1000, "m": 10**6, "rho": 2.5, "drift": 12.5},
    {"n": 1, "m": 1, "of": "frequencies"},
    {"n": 1, "m": 10**12, "of": "frequencies"},
    {"n": 500, "m": 500, "of": "frequencies", "rho": 1.7},
    {"n": 2, "m": 2, "of": "variance"},
    {"n": 20, "m": 10**6, "of": "variance", "rho": 0.5},
    {"n": 3, "m": 10**12, "of": "variance"},
    {"k": 1},
    {"k": 0.2, "rho": 2.8},
    {"k": 0.2, "drift": 1e-3},
    {"k": 1e-9},
    {"k": 1e12},
    {"k": 1e-200, "rho": 1e3},
]


@pytest.fixture(scope="module")
def seen(browser: Browser, site: str) -> Iterator[Visit]:
    found = visit(browser, site, NAME)
    yield found
    found.page.close()


@pytest.fixture
def page(seen: Visit) -> Iterator[Page]:
    """The page with its form as it was at first, and nothing wrong in the end."""
    enter(seen.page, {"n": 1000, "m": 5000})
    yield seen.page
    assert seen.foreign_requests() == []
    assert seen.complaints == []


def enter(page: Page, asked: dict[str, Any]) -> None:
    page.locator(
        f'.which-weight [name="given"][value="{"ratio" if "k" in asked else "counts"}"]'
    ).check()
    page.locator('.which-weight select[name="of"]').select_option(asked.get("of", "mean"))
    for name in ("n", "m", "k"):
        if name in asked:
            page.locator(f'.which-weight input[name="{name}"]').fill(repr(asked[name]))
    page.locator('.which-weight input[name="rho"]').fill(repr(asked.get("rho", 1)))
    if asked.get("of", "mean") == "mean":
        page.locator('.which-weight input[name="drift"]').fill(repr(asked.get("drift", 0)))


def command(asked: dict[str, Any]) -> list[str]:
    names = {"n": "--real", "m": "--synthetic", "k": "--ratio"}
    names |= {name: f"--{name}" for name in ("rho", "drift", "of")}
    return [text for name, value in asked.items() for text in (names[name], str(value))]


def lines(page: Page) -> str:
    return page.locator(".which-weight .highlight:visible pre").inner_text()


@pytest.mark.parametrize("asked", GRID, ids=str)
def test_the_page_the_library_and_the_command_agree(
    page: Page, asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    enter(page, asked)
    found = page.evaluate(QUANTITIES)
    expected = advice(**asked).to_dict()
    assert cli.main(["weight", *command(asked), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == expected
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-9, abs=0), name
    left_out = {"n", "m", "k", "rho", "drift", "of", "contraction", "noise_ratio"}
    assert set(found) == {name for name, value in expected.items() if value is not None} - left_out
    hidden = {"synthetic_sample_weight", "mean_one_real", "mean_one_synthetic"}
    assert set(page.evaluate(SHOWN)) == set(found) - (
        hidden if asked.get("of") == "variance" else set()
    )
    text = page.locator(".which-weight").inner_text()
    assert not any(word in text for word in ("NaN", "undefined", "null", "Infinity", "{"))


@pytest.mark.parametrize("asked", GRID, ids=str)
def test_the_lines_are_those_of_the_library(page: Page, asked: dict[str, Any]) -> None:
    enter(page, asked)
    one = advice(**asked)
    for library in TEMPLATES[one.of]:
        page.locator(f'.which-weight [name="library"][value="{library}"]').check()
        assert lines(page).rstrip("\n") == one.lines(library)  # type: ignore[arg-type]
    offered = page.locator('.which-weight [name="library"]:visible').evaluate_all(
        "all => all.map(r => r.value)"
    )
    assert offered == list(TEMPLATES[one.of])


def test_the_copied_lines_are_the_shown_ones(browser: Browser, site: str) -> None:
    seen = visit(browser, site, NAME)
    page = seen.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    enter(page, {"n": 300, "m": 70, "rho": 2})
    page.locator('.which-weight [name="library"][value="sklearn"]').check()
    block = page.locator(".which-weight .highlight:visible")
    block.hover()
    block.locator("button.copybtn").click()
    page.wait_for_function("() => navigator.clipboard.readText().then(text => text.length > 0)")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.strip() == advice(300, 70, rho=2).lines("sklearn")
    page.close()


@pytest.mark.parametrize(
    ("field", "text", "of", "said"),
    [
        ("n", "", "mean", "how many real rows?"),
        ("m", " ", "mean", "how many synthetic rows?"),
        ("n", "0", "mean", "n must be a whole number of at least 1"),
        ("m", "2.5", "mean", "m must be a whole number of at least 1"),
        ("m", "ten", "mean", "m must be a whole number of at least 1"),
        ("m", "1,000", "mean", "without separators"),
        ("m", "-3", "mean", "m must be a whole number of at least 1"),
        ("n", "1e400", "mean", "n must be a whole number of at least 1"),
        ("n", "1e16", "mean", "n must be at most 2^53"),
        ("m", "1", "variance", "m must be at least 2: one row has no variance"),
        ("n", "1", "variance", "n must be at least 2: one row has no variance"),
        ("rho", "0", "mean", "must be a number greater than 0"),
        ("rho", "-1", "frequencies", "must be a number greater than 0"),
        ("rho", "NaN", "mean", "must be a number greater than 0"),
        ("rho", "1e-320", "mean", "is too large or too small"),
        ("drift", "-0.1", "mean", "q must be a number of at least 0"),
        ("drift", "", "mean", "q must be a number of at least 0"),
    ],
)
def test_bad_input_is_named_beside_its_field(
    page: Page, field: str, text: str, of: str, said: str
) -> None:
    page.locator('.which-weight select[name="of"]').select_option(of)
    box = page.locator(f'.which-weight input[name="{field}"]')
    good = box.input_value()
    address = page.evaluate("() => location.href")
    box.fill(text)
    expect(page.locator(f"#ww-{field}-error")).to_contain_text(said)
    expect(box).to_have_attribute("aria-invalid", "true")
    assert page.evaluate(QUANTITIES) == {}
    expect(page.locator(".which-weight .ww-summary")).to_contain_text("No answer yet")
    assert page.locator(".which-weight .highlight:visible").count() == 0
    assert "NaN" not in page.locator(".which-weight").inner_text()
    assert page.evaluate("() => location.href") == address
    # the curve is that of the last answer, and dim
    chart = page.locator("div.vega-embed").nth(chart_index(page, "noise_ratio"))
    assert float(chart.evaluate("c => getComputedStyle(c).opacity")) < 0.5
    box.fill(good)
    assert float(chart.evaluate("c => getComputedStyle(c).opacity")) == 1
    expect(page.locator(f"#ww-{field}-error")).to_have_text("")
    assert box.get_attribute("aria-invalid") is None
    assert page.evaluate(QUANTITIES)["w"] == advice(1000, 5000, of=of).w  # type: ignore[arg-type]
    assert lines(page)


def test_a_ratio_alone_is_not_enough_for_frequencies(page: Page) -> None:
    enter(page, {"k": 0.5})
    page.locator('.which-weight select[name="of"]').select_option("frequencies")
    expect(page.locator("#ww-of-error")).to_contain_text("the others need m")
    assert page.evaluate(QUANTITIES) == {}
    page.locator('.which-weight [name="given"][value="counts"]').check()
    expect(page.locator("#ww-of-error")).to_have_text("")
    found = page.evaluate(QUANTITIES)["w"]
    assert found == pytest.approx(advice(1000, 5000, of="frequencies").w, rel=1e-12)


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ({"n": 300, "m": 70}, {"n": "300", "m": "70"}),
        ({"n": 30, "m": 70, "rho": 2.5}, {"n": "30", "m": "70", "rho": "2.5"}),
        ({"n": 30, "m": 70, "of": "variance"}, {"n": "30", "m": "70", "of": "variance"}),
        ({"k": 0.25}, {"k": "0.25"}),
        ({"k": 0.25, "drift": 0.1}, {"k": "0.25", "drift": "0.1"}),
    ],
)
def test_the_address_keeps_the_numbers(
    browser: Browser, site: str, page: Page, asked: dict[str, Any], query: dict[str, str]
) -> None:
    enter(page, asked)
    address = page.evaluate("() => location.href")  # `page.url` comes a moment later
    kept = parse_qs(urlsplit(address).query)
    assert kept == {name: [value] for name, value in query.items()}
    other = browser.new_page()
    other.goto(address)
    expect(other.locator(".which-weight .ww-summary")).to_have_text(
        page.locator(".which-weight .ww-summary").inner_text()
    )
    assert other.evaluate(QUANTITIES) == page.evaluate(QUANTITIES)
    other.close()


def test_an_address_with_nonsense_says_so(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/{NAME}.html?n=-5&m=<b>x</b>&of=nonsense#use-in-python")
    expect(page.locator("#ww-n-error")).to_contain_text("n must be a whole number")
    expect(page.locator("#ww-m-error")).to_contain_text("m must be a whole number")
    assert page.locator('.which-weight select[name="of"]').input_value() == "mean"
    assert page.locator(".which-weight b").count() == 0
    page.close()


@pytest.mark.parametrize(
    ("given", "other", "said"),
    [("n", "m", "how many synthetic rows?"), ("m", "n", "how many real rows?")],
)
def test_one_number_in_the_address_is_not_two(
    browser: Browser, site: str, given: str, other: str, said: str
) -> None:
    page = browser.new_page()
    page.goto(f"{site}/{NAME}.html?{given}=10")
    expect(page.locator(f"#ww-{other}-error")).to_have_text(said)
    assert page.locator(f'.which-weight input[name="{given}"]').input_value() == "10"
    assert page.evaluate(QUANTITIES) == {}
    page.wait_for_function("() => document.querySelector('.ww-stale')")
    page.locator(f'.which-weight input[name="{other}"]').fill("10")
    assert page.evaluate(QUANTITIES)["w"] == pytest.approx(advice(10, 10).w, rel=1e-12)
    assert page.locator(".ww-stale").count() == 0
    page.close()


def test_n_and_m_stand_side_by_side(page: Page) -> None:
    boxes = [
        page.locator(f'.which-weight input[name="{name}"]').bounding_box() for name in ("n", "m")
    ]
    first, second = boxes
    assert first is not None
    assert second is not None
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] < second["x"]


def test_a_first_look_leaves_the_address_alone(browser: Browser, site: str) -> None:
    seen = visit(browser, site, NAME)
    assert urlsplit(seen.page.url).query == ""
    assert seen.page.evaluate(QUANTITIES)["w"] == pytest.approx(advice(1000, 5000).w, rel=1e-14)
    assert not seen.page.locator(".which-weight .ww-off").is_visible()
    seen.page.close()


def test_without_scripts_the_first_answer_is_there(browser: Browser, site: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{site}/{NAME}.html")
    expect(page.locator(".which-weight .ww-off")).to_be_visible()
    expect(page.locator('.which-weight [data-quantity="w"]')).to_have_text(
        f"{advice(1000, 5000).w:.6g}"
    )
    page.context.close()


def signals(page: Page) -> dict[str, float]:
    return dict(page.evaluate(SIGNALS, chart_index(page, "noise_ratio")))


def expected_signals(one: Advice, lost: float) -> Any:
    values = {"noise_ratio": one.noise_ratio, "best": one.w, "naive": one.naive_weight}
    return pytest.approx(values | {"lost": lost}, rel=1e-12, abs=0)


def test_the_chart_follows_the_form(page: Page) -> None:
    asked: dict[str, Any] = {"n": 20, "m": 30, "of": "variance", "rho": 0.5}
    enter(page, asked)
    one = advice(**asked)
    assert signals(page) == expected_signals(one, -2 / 29)
    rows = page_values(page, chart_index(page, "noise_ratio"), {}, "limit")
    lowest = min((row for row in rows if row["limit"] > 0), key=lambda row: row["limit"])
    assert lowest["w"] == pytest.approx(one.w, abs=0.002)
    assert lowest["limit"] == pytest.approx(one.error, rel=1e-3)
    marks = {row["name"]: row for row in page_values(page, chart_index(page, "best"), {}, "label")}
    assert marks["best"]["error"] == pytest.approx(one.error, rel=1e-9)
    assert marks["naive"]["error"] == pytest.approx(one.naive_error, rel=1e-9)
    assert marks["real alone"]["error"] == pytest.approx(1, rel=1e-12)


def test_the_chart_starts_with_the_address(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/{NAME}.html?k=4")
    page.wait_for_function(
        "() => (window.bookCharts || []).some(chart => chart.result"
        " && Math.abs(chart.result.view.signal('noise_ratio') - 4) < 1e-12)"
    )
    assert signals(page) == expected_signals(advice(k=4), 0)
    page.close()


def test_dark_mode_keeps_everything(browser: Browser, site: str) -> None:
    seen = visit(browser, site, NAME)
    page = seen.page
    enter(page, {"n": 50, "m": 20, "rho": 3})
    page.locator('.which-weight [name="library"][value="torch"]').check()
    before = (page.evaluate(QUANTITIES), lines(page), signals(page))
    page.locator('.which-weight input[name="m"]').fill("")  # a message is to be read too
    assert page.evaluate(CONTRAST) >= 4.5
    page.evaluate("() => document.documentElement.dataset.theme = 'dark'")
    seen.settle()
    assert page.evaluate(CONTRAST) >= 4.5
    page.locator('.which-weight input[name="m"]').fill("20")
    assert (page.evaluate(QUANTITIES), lines(page), signals(page)) == before
    assert page.evaluate(CONTRAST) >= 4.5
    enter(page, {"n": 7, "m": 20})
    assert signals(page) == expected_signals(advice(7, 20), 0)
    assert seen.complaints == []
    page.close()


def test_by_keyboard_alone(browser: Browser, site: str) -> None:
    page = visit(browser, site, NAME).page
    page.locator('.which-weight [name="given"][value="counts"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("4")
    assert page.evaluate(QUANTITIES)["w"] == pytest.approx(advice(k=4).w, rel=1e-12)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    assert page.evaluate(QUANTITIES)["w"] == pytest.approx(advice(k=4, rho=2).w, rel=1e-12)
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type(".5")
    one = advice(k=4, rho=2, drift=0.5)
    assert page.evaluate(QUANTITIES)["w"] == pytest.approx(one.w, rel=1e-12)
    page.keyboard.press("Enter")  # sends nothing
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert lines(page).strip() == one.lines("sklearn")
    page.close()


def test_fits_a_phone_and_a_sheet(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        for asked in GRID:
            enter(page, asked)
            box = page.locator(".which-weight").bounding_box()
            assert box is not None
            inner = """() => document.querySelector(".which-weight .ww-table")
                .getBoundingClientRect().right"""
            assert page.evaluate(inner) <= box["x"] + box["width"] + 1
            assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(media="print")
    assert page.locator(".which-weight .ww-table").is_visible()
    assert page.locator(".which-weight .ww-summary").is_visible()
    page.emulate_media(media="screen")


def test_lines_that_scroll_are_reached_by_keyboard(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        for library in TEMPLATES["mean"]:
            page.locator(f'.which-weight [name="library"][value="{library}"]').check()
            block = page.locator(".which-weight .highlight:visible pre")
            assert block.evaluate("pre => pre.scrollWidth > pre.clientWidth && pre.tabIndex === 0")
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


def test_from_a_folder(browser: Browser, built: None) -> None:
    seen = visit(browser, SITE.as_uri(), NAME)
    enter(seen.page, {"n": 40, "m": 20})
    assert seen.page.evaluate(QUANTITIES)["w"] == pytest.approx(advice(40, 20).w, rel=1e-12)
    assert seen.complaints == []
    seen.page.close()
