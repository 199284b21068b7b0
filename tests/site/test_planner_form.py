"""The planner in the page: the numbers of Python, on a grid, and its manners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pages import Visit, visit
from playwright.sync_api import Browser, Page, expect

from lib.planner import WHY, Plan, plan

NAME = "book/beyond/synthetic-row"
START: dict[str, Any] = {"budget": 1000, "real_cost": 1, "synthetic_cost": 0.25}
FIELDS = ("budget", "real_cost", "synthetic_cost", "most_synthetic")

QUANTITIES = """() => Object.fromEntries(
  [...document.querySelectorAll(".planner-form [data-quantity]")]
  .filter(cell => cell.dataset.value !== undefined && cell.checkVisibility())
  .map(cell => [cell.dataset.quantity, Number(cell.dataset.value)]))"""

GRID: list[dict[str, Any]] = [
    *({**START, "synthetic_cost": c} for c in (1e-6, 0.001, 0.01, 0.1, 0.2, 0.5, 0.9, 0.999)),
    *({"budget": b, "real_cost": 8, "synthetic_cost": 0.5} for b in (8, 9, 15.9, 16, 17, 30, 77)),
    *({"budget": b, "real_cost": 0.7, "synthetic_cost": 0.3} for b in (0.7, 1, 2.1, 3, 9.99, 1e4)),
    *({"budget": b, "real_cost": 3, "synthetic_cost": 0.1} for b in (1e6, 1e9, 1e10)),
    *({**START, "synthetic_cost": c} for c in (1, 1.0000001, 2, 1e9)),
    *({**START, "most_synthetic": m} for m in (0, 1, 400, 1331, 1332, 1333, 10**13)),
    *({**START, "synthetic_cost": 0, "most_synthetic": m} for m in (0, 1, 2000, 10**12)),
    *({"budget": b, "real_cost": 0.1, "synthetic_cost": 0.01} for b in (0.3, 0.1 + 0.2, 0.7)),
    {"budget": 0.3, "real_cost": 0.1, "synthetic_cost": 0.05, "most_synthetic": 3},
    {"budget": 1e11, "real_cost": 1, "synthetic_cost": 0.99},
    {"budget": 123.456, "real_cost": 1.7, "synthetic_cost": 1.69},
    {"budget": 1e-7, "real_cost": 1e-9, "synthetic_cost": 1e-10},
    # where whole rows leave some of the synthetic ones out, and the limit decides or does not
    {"budget": 24.3, "real_cost": 1, "synthetic_cost": 0.25, "most_synthetic": 2},
    {"budget": 1, "real_cost": 1, "synthetic_cost": 0.25, "most_synthetic": 0},
    *({**START, "budget": 14.68, "synthetic_cost": 0.9, "most_synthetic": m} for m in (2, 4)),
    {"budget": 20, "real_cost": 8, "synthetic_cost": 1, "most_synthetic": 4},
    # where the best whole rows are far from the ideal ones
    {"budget": 120, "real_cost": 1, "synthetic_cost": 0.7},
    {"budget": 239, "real_cost": 2, "synthetic_cost": 1.9},
    {"budget": 55, "real_cost": 2, "synthetic_cost": 1.8},
    # where a division is rounded by more than a billionth of a row
    {"budget": 15379e-6, "real_cost": 1e-6, "synthetic_cost": 1e-9},
    {"budget": 1e302, "real_cost": 1e300, "synthetic_cost": 1e-300, "most_synthetic": 5},
    {"budget": 1e300, "real_cost": 1e288, "synthetic_cost": 1e-300, "most_synthetic": 5},
    {"budget": 1e12, "real_cost": 1, "synthetic_cost": 1e-11, "most_synthetic": 10**12},
]


@pytest.fixture(scope="module")
def seen(browser: Browser, site: str) -> Iterator[Visit]:
    found = visit(browser, site, NAME)
    yield found
    found.page.close()


@pytest.fixture
def page(seen: Visit) -> Iterator[Page]:
    """The page with its form as it was at first, and nothing wrong in the end."""
    enter(seen.page, START)
    yield seen.page
    assert seen.foreign_requests() == []
    assert seen.complaints == []


def enter(page: Page, asked: dict[str, Any]) -> None:
    for name in FIELDS:
        text = repr(asked[name]) if name in asked else ""
        page.locator(f'.planner-form input[name="{name}"]').fill(text)


def expected(one: Plan) -> dict[str, float]:
    """Return what the form shows of a plan."""
    shown = {
        "n": one.n,
        "m": one.m,
        "spent": one.spent,
        "rows": one.effective_rows,
        "alone": one.real_only,
        "error": 1 / one.gain,
    }
    return {**shown, "k": one.k, "w": one.w} if one.m else shown


def test_the_grid_has_hard_cases() -> None:
    assert len(GRID) >= 40
    plans = [plan(**asked) for asked in GRID]
    assert {one.why for one in plans} == set(WHY.values())


@pytest.mark.parametrize("asked", GRID, ids=repr)
def test_the_page_plans_as_python_does(page: Page, asked: dict[str, Any]) -> None:
    enter(page, asked)
    one = plan(**asked)
    found = page.evaluate(QUANTITIES)
    assert (found["n"], found["m"]) == (one.n, one.m)
    assert found == pytest.approx(expected(one), rel=1e-12)
    summary = page.locator(".planner-form .ww-summary")
    expect(summary).to_contain_text(one.why)
    if not one.m:
        expect(summary).to_contain_text(f"Buy real rows alone, {one.n} a generation.")
    else:
        expect(summary).to_contain_text(f"Buy {one.n} real and {one.m} synthetic rows")
        expect(summary).to_contain_text(f"each synthetic row {one.w:.6g}.")
        expect(summary).to_contain_text(f"as good as {one.effective_rows:.6g} real rows")


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"budget": 0}, "budget", "greater than 0"),
        ({"budget": 0.5}, "budget", "does not pay for one real row"),
        ({"budget": 2e12}, "budget", "at most 1e+12 times"),
        ({"real_cost": -1}, "real_cost", "greater than 0"),
        ({"synthetic_cost": -1}, "synthetic_cost", "at least 0"),
        ({"synthetic_cost": 0}, "most_synthetic", "needed if synthetic rows cost nothing"),
        ({"synthetic_cost": 1e-10}, "synthetic_cost", "too small for this budget"),
        ({"most_synthetic": 1.5}, "most_synthetic", "whole number of at least 0"),
    ],
)
def test_what_python_refuses_the_page_refuses(
    page: Page, changed: dict[str, Any], field: str, said: str
) -> None:
    asked = START | changed
    with pytest.raises(ValueError, match=f"`{field}`"):
        plan(**asked)
    enter(page, asked)
    expect(page.locator(f"#wp-{field}-error")).to_contain_text(said)
    assert page.evaluate(QUANTITIES) == {}
    expect(page.locator(".planner-form .ww-summary")).to_contain_text("No answer yet")
    wrong = page.locator('.planner-form [aria-invalid="true"]')
    assert [one.get_attribute("name") for one in wrong.all()] == [field]


@pytest.mark.parametrize("text", ["", "ten", "1,000", "-5", "1e999"])
def test_nonsense_is_no_budget(page: Page, text: str) -> None:
    page.locator('.planner-form input[name="budget"]').fill(text)
    expect(page.locator("#wp-budget-error")).to_contain_text("the budget must be a number")
    assert page.evaluate(QUANTITIES) == {}


def test_the_address_keeps_the_plan(browser: Browser, page: Page) -> None:
    enter(page, START | {"most_synthetic": 40, "synthetic_cost": 0.125})
    address = page.evaluate("() => location.href")
    kept = parse_qs(urlsplit(address).query)
    assert kept == {
        "budget": ["1000"],
        "real_cost": ["1"],
        "synthetic_cost": ["0.125"],
        "most_synthetic": ["40"],
    }
    other = browser.new_page()
    other.goto(address)
    expect(other.locator(".planner-form .ww-summary")).to_contain_text("and 40 synthetic rows")
    assert other.evaluate(QUANTITIES) == page.evaluate(QUANTITIES)
    other.close()


def test_without_scripts_the_first_answer_is_there(browser: Browser, site: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{site}/{NAME}.html")
    expect(page.locator(".planner-form .ww-off")).to_be_visible()
    one = plan(**START)
    for name, value in expected(one).items():
        text = str(value) if isinstance(value, int) else f"{value:.6g}"
        expect(page.locator(f'.planner-form [data-quantity="{name}"]')).to_have_text(text)
    page.context.close()


def test_what_stands_there_at_first_is_what_the_page_computes(browser: Browser, site: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{site}/{NAME}.html")
    words = page.locator(".planner-form .ww-summary").inner_text()
    page.context.close()
    seen = visit(browser, site, NAME)
    assert seen.page.locator(".planner-form .ww-summary").inner_text() == words
    assert urlsplit(seen.page.url).query == ""
    seen.page.close()


def test_by_keyboard_alone(page: Page) -> None:
    page.locator('.planner-form input[name="budget"]').focus()
    asked: dict[str, Any] = {
        "budget": 77,
        "real_cost": 8,
        "synthetic_cost": 0.5,
        "most_synthetic": 40,
    }
    for name in FIELDS:
        assert page.evaluate("() => document.activeElement.name") == name
        page.keyboard.press("Control+a")
        page.keyboard.type(str(asked[name]))
        page.keyboard.press("Enter")  # sends nothing
        page.keyboard.press("Tab")
    one = plan(**asked)
    assert page.evaluate(QUANTITIES) == pytest.approx(expected(one), rel=1e-12)
    assert page.evaluate("() => document.activeElement.closest('.planner-form')") is None


def test_dark_mode_keeps_everything(browser: Browser, site: str) -> None:
    seen = visit(browser, site, NAME)
    enter(seen.page, START | {"budget": 50})
    before = seen.page.evaluate(QUANTITIES)
    seen.page.evaluate("() => document.documentElement.dataset.theme = 'dark'")
    seen.settle()
    assert seen.page.evaluate(QUANTITIES) == before
    assert seen.complaints == []
    seen.page.close()


def test_it_stands_beside_other_forms(browser: Browser, site: str) -> None:
    """On another page the forms keep their numbers apart, in the page and in its address."""
    seen = visit(browser, site, "book/use/which-weight")
    page = seen.page
    others = """() => [...document.querySelectorAll(".ww-form:not(.planner-form) [data-value]")]
      .map(cell => cell.dataset.value)"""
    before = page.evaluate(others)
    assert len(before) > 3
    asked: dict[str, Any] = {"budget": 60, "real_cost": 2, "synthetic_cost": 0.5}
    enter(page, asked)
    shown = page.evaluate(QUANTITIES)
    assert shown == pytest.approx(expected(plan(**asked)), rel=1e-12)
    assert page.evaluate(others) == before
    page.locator('.which-weight input[name="n"]').fill("77")
    assert page.evaluate(others) != before
    assert page.evaluate(QUANTITIES) == shown
    kept = parse_qs(urlsplit(page.evaluate("() => location.href")).query)
    assert kept["budget"] == ["60"]
    assert kept["n"] == ["77"]
    ids = page.evaluate("() => [...document.querySelectorAll('.ww-form [id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    again = browser.new_page()
    again.goto(page.evaluate("() => location.href"))
    expect(again.locator('.which-weight input[name="n"]')).to_have_value("77")
    assert again.evaluate(QUANTITIES) == shown
    again.close()
    assert seen.complaints == []
    page.close()


def test_it_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        enter(page, {"budget": 1e11, "real_cost": 1, "synthetic_cost": 0.99})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})
