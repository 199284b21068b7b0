"""The planner against all pairs of whole numbers, in exact arithmetic, and its edges."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib import charts, optimal_weight
from lib.planner import (
    WHY,
    Plan,
    _edge,
    average_worth,
    design_error,
    effective_rows,
    least_budget,
    marginal_worth,
    naive_design_error,
    naive_ratio,
    plan,
)

Case = tuple[Fraction, Fraction, Fraction, int | None]
"""Budget, real cost, synthetic cost, limit."""


def all_pairs(case: Case) -> list[tuple[int, int]]:
    """Return every pair of whole numbers that the budget pays for."""
    money, a, b, most = case
    pairs = []
    for n in range(1, int(money / a) + 1):
        top = int((money - n * a) / b) if b else most
        top = top if most is None else min(top or 0, most)
        pairs += [(n, m) for m in range((top or 0) + 1)]
    return pairs


def rows_of(pairs: list[tuple[int, int]]) -> np.ndarray[Any, Any]:
    """Return their effective rows as the fixed point of one generation, from no memory at all."""
    n, m = np.array(pairs, dtype=float).T
    rows = n
    for _ in range(3000):
        rows, before = n + rows * m / np.maximum(rows + m, 1e-300), rows
        if np.abs(rows - before).max() < 1e-13:
            break
    return rows


def most_rows(case: Case) -> float:
    return float(rows_of(all_pairs(case)).max())


@cache
def cases() -> list[Case]:
    """Return hundreds of small budgets; costs are fractions, so nothing is rounded."""
    rng = np.random.default_rng(8)
    costs = [Fraction(x) for x in ("1/50", "1/10", "1/4", "1/3", "1/2", "3/4", "9/10", "99/100")]
    costs += [Fraction(x) for x in ("1", "6/5", "3", "0")]
    units = [Fraction(x) for x in ("1", "1/10", "3", "7/10", "8")]
    made: list[Case] = []
    for _ in range(400):
        a = units[rng.integers(len(units))]
        c = costs[rng.integers(len(costs))]
        if rng.random() < 0.3:
            c = Fraction(int(rng.integers(1, 100)), 100)
        money = a * Fraction(int(rng.integers(60, 60 * 25)), 60)
        most = None if c and rng.random() < 0.5 else int(rng.choice([0, 1, 2, 3, 5, 8, 20, 60]))
        made.append((money, a, a * c, most))
    return made


def ask(case: Case) -> Plan:
    money, a, b, most = case
    return plan(float(money), real_cost=float(a), synthetic_cost=float(b), most_synthetic=most)


def test_no_pair_of_whole_numbers_is_better() -> None:
    for case in cases():
        made = ask(case)
        assert (made.n, made.m) in set(all_pairs(case)), case
        assert made.effective_rows == pytest.approx(most_rows(case), rel=1e-10), case
        assert made.spent <= made.budget * (1 + 1e-9)


def test_it_says_what_decided() -> None:
    """A limit decides exactly if more effective rows could be bought without it."""
    seen = set()
    for case in cases():
        money, a, b, most = case
        made = ask(case)
        if b >= a:
            expected = "never"
        elif most is not None and (
            b == 0 or most_rows((money, a, b, None)) > made.effective_rows * (1 + 1e-9)
        ):
            expected = "capped"
        else:
            expected = "rule" if made.m else "small"
        assert made.why == WHY[expected], case
        seen.add((expected, most is None, made.m == most))
    # limits decide too where whole rows leave one of the synthetic rows out, or all of them
    assert {("capped", False, True), ("capped", False, False)} <= seen
    assert {("small", True, False), ("small", False, False)} <= seen
    assert {("rule", True, False), ("rule", False, True), ("rule", False, False)} <= seen


@pytest.mark.parametrize(
    ("asked", "n", "m", "why"),
    [
        # one real row more is better than the last synthetic one, and yet the limit decides
        ((24.3, 1, 0.25, 2), 24, 1, "capped"),
        # the limit is below the ideal, but whole rows would not reach it either
        ((1, 1, 0.25, 0), 1, 0, "small"),
        ((14.68, 1, 0.9, 2), 14, 0, "capped"),
        ((14.68, 1, 0.9, 4), 11, 4, "rule"),
        # without the limit 1 and 12 are as good, not better
        ((20, 8, 1, 4), 2, 4, "rule"),
    ],
)
def test_limits_near_the_edge(
    asked: tuple[float, float, float, int], n: int, m: int, why: str
) -> None:
    money, a, b, most = asked
    made = plan(money, real_cost=a, synthetic_cost=b, most_synthetic=most)
    assert (made.n, made.m, made.why) == (n, m, WHY[why])


def test_a_plan_reports_its_own_numbers() -> None:
    for case in cases():
        made = ask(case)
        money, a, b, _ = case
        assert made.spent == pytest.approx(float(made.n * a + made.m * b), rel=1e-12)
        assert made.real_only == int(money / a)
        assert made.gain == pytest.approx(made.effective_rows / made.real_only, rel=1e-14)
        assert made.gain >= 1 - 1e-12
        assert made.error * made.effective_rows == pytest.approx(1, rel=1e-14)
        if made.m:
            assert made.k == made.n / made.m
            assert made.w == pytest.approx(optimal_weight(made.k), rel=1e-12)
        else:
            assert (made.k, made.w, made.sample_weight) == (math.inf, 1, 0)


@pytest.mark.parametrize("c", [0.01, 0.25, 0.81])
def test_the_ideal_spends_all_and_follows_the_square_root(c: float) -> None:
    made = plan(700, real_cost=7, synthetic_cost=7 * c, most_synthetic=3)
    assert made.ideal_w == pytest.approx(c**0.5, rel=1e-12)
    assert 7 * made.ideal_n + 7 * c * made.ideal_m == pytest.approx(700, rel=1e-12)
    assert optimal_weight(made.ideal_n / made.ideal_m) == pytest.approx(made.ideal_w, rel=1e-9)
    rows = effective_rows(made.ideal_n, made.ideal_m)
    assert 100 / rows == pytest.approx(made.ideal_error, rel=1e-12)
    assert least_budget(rows, real_cost=7, synthetic_cost=7 * c) == pytest.approx(700, rel=1e-12)
    assert made.effective_rows < rows


@pytest.mark.parametrize("c", [1.0, 1.2, 1.7])
def test_where_synthetic_rows_are_dear_the_ideal_is_real(c: float) -> None:
    made = plan(10.5, synthetic_cost=c)
    assert (made.ideal_n, made.ideal_m, made.ideal_w, made.ideal_error) == (10.5, 0, 1, 1)


@settings(max_examples=200)
@given(st.integers(1, 3000), st.fractions(Fraction(1, 200), 3, max_denominator=300))
def test_least_budget_is_never_more_than_a_plan_spends(money: int, c: Fraction) -> None:
    made = plan(money, synthetic_cost=float(c))
    least = least_budget(made.effective_rows, synthetic_cost=float(c))
    assert least <= made.spent * (1 + 1e-9)


@settings(max_examples=200)
@given(
    st.integers(1, 3000), st.fractions(Fraction(1, 200), 1, max_denominator=300), st.integers(0, 99)
)
def test_a_higher_limit_never_harms(money: int, c: Fraction, most: int) -> None:
    plans = [
        plan(money, synthetic_cost=float(c), most_synthetic=cap) for cap in (most, most + 1, None)
    ]
    rows = [one.effective_rows for one in plans]
    assert rows == sorted(rows)
    assert plans[0].m <= most
    assert (rows[0] < rows[2]) == (plans[0].why == WHY["capped"])


@pytest.mark.parametrize(
    ("c", "most"),
    [(c, most) for c in (1e-11, 1e-6, 0.25, 0.9, 0.999999, 1.5) for most in (None, 7, 10**12)],
)
def test_large_budgets(c: float, most: int | None) -> None:
    budget = 9e11 * min(1, c) if most is None else 9e11
    made = plan(budget, synthetic_cost=c, most_synthetic=most)
    assert made.n >= 1
    assert made.spent <= budget * (1 + 1e-9)
    if most is None and c < 1:
        ideal = budget / (2 * c**0.5 - c)
        assert ideal - 2 - ideal * 2 / budget <= made.effective_rows <= ideal * (1 + 1e-12)


def test_a_division_that_overflows_is_no_matter() -> None:
    made = plan(1e302, real_cost=1e300, synthetic_cost=1e-300, most_synthetic=5)
    assert (made.n, made.m, made.why) == (100, 5, WHY["capped"])  # they cost next to nothing
    json.dumps(made.to_dict(), allow_nan=False)


@pytest.mark.parametrize("unit", [1e-9, 1e-6, 0.1, 0.3, 7.0, 1e8 / 3])
@pytest.mark.parametrize(("budget", "c"), [(15379, "0.001"), (10**7, "0.01"), (10**9, "0.7")])
def test_rounding_takes_no_row_that_is_paid(budget: int, c: str, unit: float) -> None:
    exact = Fraction(c)
    made = plan(budget * unit, real_cost=unit, synthetic_cost=float(c) * unit)
    assert made.m == (budget - made.n) // exact


def test_money_that_was_added_up_buys_what_it_should() -> None:
    money = sum(x for x in [0.1] * 1000)  # all but 1.4e-12
    assert plan(money, real_cost=0.1, synthetic_cost=1).n == 1000
    made = plan(money, real_cost=99, synthetic_cost=0.1)
    assert (made.n, made.m) == (1, 10)
    assert plan(2.99999, synthetic_cost=2).n == 2


@pytest.mark.parametrize("budget", [1.0, 57.5, 1234.0])
def test_rows_that_cost_nothing_are_all_taken(budget: float) -> None:
    for most in (0, 1, 10**6):
        made = plan(budget, synthetic_cost=0, most_synthetic=most)
        assert (made.n, made.m) == (math.floor(budget), most)
        assert made.spent == made.n
        assert made.why == WHY["capped"]
        assert made.to_dict()["ideal_m"] is None


@pytest.mark.parametrize(
    "asked",
    [
        {"budget": 5, "synthetic_cost": 0, "most_synthetic": 2**53 + 1},
        {"budget": 5, "synthetic_cost": 0.1, "most_synthetic": True},
        {"budget": 5, "synthetic_cost": [0.1]},
        {"budget": 5, "synthetic_cost": math.nan},
        {"budget": 5, "synthetic_cost": "0.1"},
        {"budget": 5, "real_cost": -1, "synthetic_cost": 0.1},
        {"budget": -5, "synthetic_cost": 0.1},
        {"budget": True, "synthetic_cost": 0.1},
    ],
)
def test_what_is_no_number_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        plan(**asked)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: effective_rows(0, 1), "n"),
        (lambda: effective_rows(1, -1), "m"),
        (lambda: average_worth(0), "k"),
        (lambda: marginal_worth(-1), "k"),
        (lambda: design_error(0.5, -1), "c"),
        (lambda: naive_design_error(0, 0.5), "k"),
        (lambda: naive_design_error(1, -0.5), "c"),
        (lambda: naive_ratio(1), "c"),
        (lambda: least_budget(0, synthetic_cost=1), "rows"),
        (lambda: least_budget(1, real_cost=0, synthetic_cost=1), "real_cost"),
        (lambda: least_budget(1, synthetic_cost=-1), "synthetic_cost"),
    ],
)
def test_formulas_name_what_is_wrong(call: Callable[[], Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        call()


@pytest.mark.parametrize(
    "asked",
    [
        {"budget": 9.99999e11, "synthetic_cost": 0.9999999},
        {"budget": 9.87654e-101, "real_cost": 1.23456e-112, "synthetic_cost": 1.23455e-112},
        {"budget": 1e12, "synthetic_cost": 2},
        {"budget": 8, "real_cost": 8, "synthetic_cost": 1e-9, "most_synthetic": 0},
        {"budget": 1e12, "synthetic_cost": 0, "most_synthetic": 2**53},
    ],
)
def test_reports_of_odd_numbers_fit_a_phone(asked: dict[str, Any]) -> None:
    made = plan(**asked)
    lines = made.report().splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).split()).endswith(made.why)
    assert f"the budget buys {made.real_only}" in " ".join(made.report().split())


@settings(max_examples=200)
@given(st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60), st.floats(0, 60))
@example(0, 3, 5, 3.0)  # exactly reached at an end
@example(0, 3, 5, 5.0)
def test_the_edge_of_a_concave_function(peak: int, left: int, right: int, depth: float) -> None:
    inside, ends = peak, (peak - left, peak + right)

    def function(x: float) -> float:
        return -abs(x - peak)

    for outer in ends:
        found = _edge(function, -depth, inside, outer)
        between = range(min(inside, outer), max(inside, outer) + 1)
        kept = [x for x in between if function(x) >= -depth]
        assert found == (min(kept) if outer < inside else max(kept))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"budget": 77, "real_cost": 8, "synthetic_cost": 0.5, "most_synthetic": 12},
        {"budget": 10, "synthetic_cost": 2},
    ],
)
def test_the_form_holds_the_first_answer(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOOK_CHARTS", raising=False)
    page = BeautifulSoup(charts.planner_form(**asked)._repr_html_() or "", "html.parser")
    form = page.select_one('.ww-form[data-form="planner"]')
    assert form is not None
    start = {"budget": 1000, "real_cost": 1, "synthetic_cost": 0.1} | asked
    for name in ("budget", "real_cost", "synthetic_cost", "most_synthetic"):
        box = form.select_one(f'input[name="{name}"]')
        assert box is not None
        assert box["value"] == str(start.get(name, ""))
        assert form.select_one(f'label[for="{box["id"]}"]') is not None
        assert form.select_one(f"#{box['aria-describedby']}") is not None
    made = plan(**start)
    shown = {
        cell["data-quantity"]: cell.text
        for cell in form.select("[data-quantity]")
        if not any("hidden" in one.attrs for one in (cell, *cell.parents))
    }
    expected = {
        "n": str(made.n),
        "m": str(made.m),
        "spent": f"{made.spent:.6g}",
        "rows": f"{made.effective_rows:.6g}",
        "alone": str(made.real_only),
        "error": f"{1 / made.gain:.6g}",
    }
    if made.m:
        expected |= {"k": f"{made.k:.6g}", "w": f"{made.w:.6g}"}
    assert shown == expected
    said = form.select_one(".ww-summary")
    assert said is not None
    assert made.why in said.text
    assert "{" not in said.text


def test_a_form_that_cannot_be_answered_is_refused() -> None:
    with pytest.raises(ValueError, match="`most_synthetic`"):
        charts.planner_form(synthetic_cost=0)
