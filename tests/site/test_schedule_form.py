"""The form for numbers of rows that change: the numbers of Python, and its manners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pages import Visit, visit
from playwright.sync_api import Browser, Page, expect

from lib.claims.golden import MONTHS
from lib.schedule import schedule

NAME = "book/beyond/why-golden"

COLUMNS = """() => [...document.querySelectorAll(".schedule-form tbody tr")].map(row =>
  Object.fromEntries([...row.querySelectorAll("[data-quantity]")]
    .map(cell => [cell.dataset.quantity,
      cell.dataset.value === undefined ? null : Number(cell.dataset.value)])))"""

GRID: list[dict[str, Any]] = [
    MONTHS,
    {"n": [1, 1], "m": [1]},
    {"n": [100] * 40, "m": [700] * 39},
    {"n": [30, 20, 0, 50, 8, 100], "m": [40, 10, 25, 0, 5]},
    {"n": [2**53, 3, 2**53], "m": [2**53, 1]},
    {"n": [12.25, 7, 0, 7], "m": [10**12, 1, 9]},
]


@pytest.fixture(scope="module")
def seen(browser: Browser, site: str) -> Iterator[Visit]:
    found = visit(browser, site, NAME)
    yield found
    found.page.close()


@pytest.fixture
def page(seen: Visit) -> Iterator[Page]:
    """The page with its form as it was at first, and nothing wrong in the end."""
    enter(seen.page, **MONTHS)
    yield seen.page
    assert seen.foreign_requests() == []
    assert seen.complaints == []


def enter(page: Page, n: Any, m: Any, separator: str = ", ") -> None:
    for name, rows in (("n", n), ("m", m)):
        text = rows if isinstance(rows, str) else separator.join(map(repr, rows))
        page.locator(f'.schedule-form input[name="{name}"]').fill(text)


def summary(page: Page) -> str:
    return page.locator(".schedule-form .ww-summary").inner_text()


@pytest.mark.parametrize("asked", GRID, ids=lambda asked: str(asked)[:40])
def test_the_page_computes_what_python_does(page: Page, asked: dict[str, Any]) -> None:
    enter(page, **asked)
    best = schedule(asked["n"], asked["m"])
    rows = page.evaluate(COLUMNS)
    assert [row["n"] for row in rows] == best.n.tolist()
    assert [row["m"] for row in rows[1:]] == best.m.tolist()
    assert [row["w"] for row in rows[1:]] == pytest.approx(best.weights, rel=1e-12, abs=0)
    worth = [row["rows"] for row in rows]
    assert worth == pytest.approx(best.effective_rows, rel=1e-12, abs=0)
    for row, n, m, each in zip(rows[1:], best.n[1:], best.m, best.sample_weights, strict=True):
        if n and m:
            assert row["each"] == pytest.approx(each, rel=1e-9, abs=0)
        else:
            assert row["each"] is None
    for number in (best.effective_rows[-1], best.naive_rows[-1], best.n[-1]):
        assert f"as good as {number:.6g}" in summary(page)
    assert f"At t = {len(best.m)} " in summary(page)


def test_the_shown_numbers_are_those_that_python_shows(page: Page) -> None:
    shown = page.locator(".schedule-form tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    best = schedule(MONTHS["n"], MONTHS["m"])
    for t, (row, w) in enumerate(zip(shown[1:], best.weights, strict=True), start=1):
        rows = f"{best.effective_rows[t]:.6g}"
        assert [row[0], row[3], row[5]] == [str(t), f"{w:.4f}", rows]


@pytest.mark.parametrize("separator", [",", " ", ";", " ,  ", "\t"])
def test_any_separator_will_do(page: Page, separator: str) -> None:
    enter(page, **MONTHS, separator=separator)
    rows = page.evaluate(COLUMNS)
    assert [row["n"] for row in rows] == MONTHS["n"]


def test_one_number_of_synthetic_rows_is_for_always(page: Page) -> None:
    enter(page, "50 60 70", "80")
    best = schedule([50, 60, 70], 80)
    found = [row["w"] for row in page.evaluate(COLUMNS)[1:]]
    assert found == pytest.approx(best.weights, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "m", "field", "said"),
    [
        ("", "5", "n", "the real rows of t = 0 and t = 1"),
        ("5", "5", "n", "the real rows of t = 0 and t = 1"),
        ("0 5", "5", "n", "the first fit, t = 0, needs real rows"),
        ("5 2.5", "5", "n", "“2.5” at t = 1 must be a whole number"),
        ("5 x", "5", "n", "“x” at t = 1 must be a whole number"),
        ("5 -5", "5", "n", "“-5” at t = 1 must be a whole number"),
        ("5 1e400", "5", "n", "at t = 1 must be a whole number"),
        ("5 1e16", "5", "n", "at t = 1 must be a whole number"),
        ("5 <b>b</b>", "5", "n", "at t = 1 must be a whole number"),
        ("5 5 5", "", "m", "one number, or 2: t = 1 to 2"),
        ("5 5 5", "5 5 5", "m", "one number, or 2: t = 1 to 2"),
        ("5 5 5", "5 0.5", "m", "“0.5” at t = 2 must be a whole number"),
        ("5 5 0", "5 0", "m", "at t = 2 there are no rows at all"),
        (" ".join(["5"] * 1002), "5", "n", "at most 1000 generations"),
    ],
)
def test_bad_input_is_named_beside_its_field(
    page: Page, n: str, m: str, field: str, said: str
) -> None:
    enter(page, n, m)
    expect(page.locator(f"#ws-{field}-error")).to_contain_text(said)
    box = page.locator(f'.schedule-form input[name="{field}"]')
    expect(box).to_have_attribute("aria-invalid", "true")
    assert page.evaluate(COLUMNS) == []
    assert "No answer yet" in summary(page)
    assert "NaN" not in page.locator(".schedule-form").inner_text()
    assert page.locator(".schedule-form b").count() == 0
    enter(page, **MONTHS)
    expect(page.locator(f"#ws-{field}-error")).to_have_text("")
    assert box.get_attribute("aria-invalid") is None
    assert len(page.evaluate(COLUMNS)) == len(MONTHS["n"])


def test_without_scripts_the_first_answer_is_there(browser: Browser, site: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{site}/{NAME}.html")
    expect(page.locator(".schedule-form .ww-off")).to_be_visible()
    best = schedule(MONTHS["n"], MONTHS["m"])
    assert f"{best.effective_rows[-1]:.6g}" in summary(page)
    page.context.close()


def test_large_numbers_scroll_inside_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        enter(page, [10**12] * 60, [10**13] * 59)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        wide = page.locator(".schedule-form .ww-wide")
        assert wide.evaluate("box => box.scrollHeight > box.clientHeight && box.tabIndex === 0")
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})
