"""What a synthetic row is worth, and what plans have in common; test_planner has the search."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from lib import advice, error_ratio, naive_weight, optimal_weight
from lib.claims.worth import worth_claims
from lib.planner import (
    MOST_ROWS,
    WHY,
    Plan,
    average_worth,
    design_error,
    effective_rows,
    least_budget,
    marginal_worth,
    naive_design_error,
    naive_ratio,
    plan,
    ratio_for,
)

KS = (0.001, 0.1, 0.5, 1.0, 3.0, 100.0)
COSTS = (1e-4, 0.05, 0.25, 0.6, 0.97)
costs = st.floats(1e-3, 0.99)


# --- closed forms --------------------------------------------------------------------------------


@pytest.mark.parametrize("k", KS)
def test_effective_rows_are_n_over_the_best_weight(k: float) -> None:
    assert effective_rows(70, 70 / k) == pytest.approx(70 / optimal_weight(k), rel=1e-12)
    rows = effective_rows(70, 70 / k)
    assert rows == pytest.approx(70 + rows * (70 / k) / (rows + 70 / k), rel=1e-12)


@pytest.mark.parametrize("k", KS)
def test_the_worth_of_a_row_is_a_difference_of_effective_rows(k: float) -> None:
    n, m = 1000.0, 1000.0 / k
    rows, w = effective_rows(n, m), optimal_weight(k)
    assert average_worth(k) == pytest.approx((rows - n) / m, rel=1e-9)
    h = 1e-4 * min(n, m)
    drawn = (effective_rows(n, m + h) - effective_rows(n, m - h)) / (2 * h)
    real = (effective_rows(n + h, m) - effective_rows(n - h, m)) / (2 * h)
    assert marginal_worth(k) == pytest.approx(drawn, rel=1e-6)
    assert 1 / (w * (2 - w)) == pytest.approx(real, rel=1e-6)
    assert marginal_worth(k) == pytest.approx(real * w**2, rel=1e-6)


def test_without_synthetic_rows_only_the_real_ones_count() -> None:
    assert effective_rows([1, 20], 0).tolist() == [1.0, 20.0]


@given(
    st.tuples(*[st.floats(1, 1e6)] * 4),
    st.floats(0, 1),
)
def test_effective_rows_are_concave_and_between_their_bounds(
    sizes: tuple[float, ...], p: float
) -> None:
    n, m, other_n, other_m = sizes
    mixed = effective_rows(p * n + (1 - p) * other_n, p * m + (1 - p) * other_m)
    apart = p * effective_rows(n, m) + (1 - p) * effective_rows(other_n, other_m)
    assert mixed >= apart * (1 - 1e-12)
    root = math.sqrt(n * m)
    assert root + n / 2 <= effective_rows(n, m) * (1 + 1e-12)
    assert effective_rows(n, m) <= (root + n) * (1 + 1e-12)


@pytest.mark.parametrize("w", [0.01, 0.3, 0.618, 0.95])
def test_the_ratio_for_a_weight_is_the_inverse_of_the_best_weight(w: float) -> None:
    assert optimal_weight(ratio_for(w)) == pytest.approx(w, rel=1e-12)


@pytest.mark.parametrize("c", COSTS)
@pytest.mark.parametrize("k", KS)
def test_design_errors_follow_from_error_ratio(c: float, k: float) -> None:
    n = 1 / (1 + c / k)  # a budget of one real row
    w, naive = optimal_weight(k), naive_weight(k)
    assert design_error(w, c) == pytest.approx(error_ratio(w, k) / n, rel=1e-9)
    assert naive_design_error(k, c) == pytest.approx(error_ratio(naive, k) / n, rel=1e-9)
    assert (naive_design_error(k, c) < 1) == (k > c / (1 - c))
    assert (design_error(w, c) < 1) == (c < w)


@pytest.mark.parametrize("c", COSTS)
def test_the_rules_find_the_least_errors(c: float) -> None:
    found = optimize.minimize_scalar(
        lambda w: float(design_error(w, c)), bounds=(1e-6, 1 - 1e-9), options={"xatol": 1e-10}
    )
    assert found.x == pytest.approx(c**0.5, rel=1e-4)
    assert found.fun == pytest.approx(2 * c**0.5 - c, rel=1e-9)
    assert least_budget(50, real_cost=3, synthetic_cost=3 * c) == pytest.approx(150 * found.fun)
    alike = optimize.minimize_scalar(
        lambda x: float(naive_design_error(math.exp(x), c)), bounds=(-12, 12)
    )
    assert math.exp(alike.x) == pytest.approx(naive_ratio(c), rel=1e-2)
    least = (1 + (c * (2 - c)) ** 0.5) / 2
    assert naive_design_error(naive_ratio(c), c) == pytest.approx(least, rel=1e-12)
    assert alike.fun == pytest.approx(least, rel=1e-6)
    assert alike.fun > found.fun


def test_the_least_budget_where_synthetic_rows_do_not_pay() -> None:
    assert least_budget(50, real_cost=3, synthetic_cost=3) == 150
    assert least_budget(50, real_cost=3, synthetic_cost=7) == 150


# --- whole rows ----------------------------------------------------------------------------------


def small_cases() -> list[tuple[float, float, float, int | None]]:
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(600):
        a = float(rng.choice([1.0, 0.1, 3.0, 0.7, rng.uniform(0.1, 10)]))
        c = float(rng.choice([0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 1e-4, rng.random()]))
        budget = a * float(rng.choice([1.0, 1.5, 2.0, 10.0, rng.uniform(1, 200)]))
        limit = int(rng.choice([-1, -1, 0, 1, 5, 100]))
        most = None if limit < 0 else limit
        cases.append((budget, a, a * c, 7 if c == 0 and most is None else most))
    # nearly as dear as a real row: many real rows for few synthetic ones
    return [*cases, (1000.0, 1.0, 0.999, None), (300.0, 1.0, 0.99, None)]


def test_the_best_of_all_pairs_need_not_be_the_rounded_ideal() -> None:
    better = 0
    for budget, a, b, most in small_cases():
        if most is not None:
            continue
        made = plan(budget, real_cost=a, synthetic_cost=b)
        near = [n for n in (math.floor(made.ideal_n), math.ceil(made.ideal_n)) if n >= 1]
        rounded = (effective_rows(n, max(math.floor((budget - n * a) / b), 0)) for n in near)
        better += made.effective_rows > max(rounded) + 1e-9
    assert better >= 3


@settings(max_examples=150)
@given(st.floats(2, 1e6), costs, st.floats(0.01, 100))
def test_a_plan_is_near_its_ideal_and_never_above(budget: float, c: float, a: float) -> None:
    made = plan(budget * a, real_cost=a, synthetic_cost=a * c)
    ideal = budget / (2 * c**0.5 - c)
    assert made.effective_rows <= ideal * (1 + 1e-9)
    assert made.effective_rows >= budget - 1 - 1e-6  # as with all money for real rows
    assert made.effective_rows >= (1 - 2 / budget) * ideal - 2
    assert made.w == pytest.approx(made.n / made.effective_rows, rel=1e-12)
    assert made.error == pytest.approx(1 / made.effective_rows, rel=1e-12)
    if made.m:
        assert made.w == pytest.approx(optimal_weight(made.n / made.m), rel=1e-9)
        each = (1 - made.w) / made.m / (made.w / made.n)
        assert made.sample_weight == pytest.approx(each, rel=1e-6)


@settings(max_examples=100)
@given(st.floats(5, 1e5), costs, st.floats(1.01, 3))
def test_more_money_never_buys_less(budget: float, c: float, more: float) -> None:
    less, larger = (plan(x, synthetic_cost=c) for x in (budget, budget * more))
    assert larger.effective_rows >= less.effective_rows


@settings(max_examples=100)
@given(st.integers(5, 10**5), costs, st.sampled_from([0.1, 0.25, 3.0, 7.0, 1e-6, 1e6]))
def test_the_unit_of_money_does_not_matter(budget: int, c: float, unit: float) -> None:
    one = plan(budget, synthetic_cost=c)
    other = plan(budget * unit, real_cost=unit, synthetic_cost=c * unit)
    assert other.effective_rows == pytest.approx(one.effective_rows, rel=1e-9)


@pytest.mark.parametrize(
    ("rho", "c", "budget"), [(2.8, 0.3, 300), (1.7, 1.2, 300), (0.6, 0.3, 300), (2.0, 0.25, 250)]
)
def test_overdispersed_rows_are_planned_with_another_cost(
    rho: float, c: float, budget: int
) -> None:
    """At c / rho, and the m of the plan over rho; the m of the plan itself costs too much."""
    rows, n, m = max(
        (advice(n, m, rho=rho).effective_rows or 0.0, n, m)
        for n in range(1, budget)
        if (m := math.floor((budget - n) / c))
    )
    made = plan(budget, synthetic_cost=c / rho)
    assert made.n + c * made.m / rho <= budget * (1 + 1e-9)
    assert made.effective_rows == pytest.approx(rows, rel=1e-3)
    assert (made.n, made.m / rho) == pytest.approx((n, m), rel=0.04)
    assert rho * made.w == pytest.approx(advice(n, m, rho=rho).synthetic_sample_weight, rel=0.01)
    assert abs(made.n + c * made.m - budget) > 0.05 * budget


def test_costs_in_tenths_buy_what_they_should() -> None:
    made = plan(0.1 + 0.2, real_cost=0.1, synthetic_cost=0.3)
    assert made.n == made.real_only == 3
    assert plan(0.3, real_cost=0.1, synthetic_cost=0.3).n == 3


@pytest.mark.parametrize("budget", [1e9, 1e11])
def test_large_budgets_follow_the_rule(budget: float) -> None:
    made = plan(budget, synthetic_cost=0.25)
    assert made.w == pytest.approx(0.5, rel=1e-4)
    assert made.gain == pytest.approx(4 / 3, rel=1e-8)
    assert made.spent <= budget * (1 + 1e-9)


def test_a_limit_that_binds() -> None:
    free = plan(1000, synthetic_cost=0.25)
    bound = plan(1000, synthetic_cost=0.25, most_synthetic=400)
    assert bound.m == 400
    assert bound.n == 900
    assert bound.why == WHY["capped"]
    assert bound.effective_rows < free.effective_rows
    loose = plan(1000, synthetic_cost=0.25, most_synthetic=10**13)
    assert (loose.n, loose.m, loose.why) == (free.n, free.m, WHY["rule"])
    none = plan(1000, synthetic_cost=0.25, most_synthetic=0)
    assert (none.n, none.m, none.why) == (1000, 0, WHY["capped"])


def test_synthetic_rows_that_cost_nothing() -> None:
    made = plan(10, synthetic_cost=0, most_synthetic=2000)
    assert (made.n, made.m, made.why) == (10, 2000, WHY["capped"])
    assert made.ideal_error == 0
    json.dumps(made.to_dict(), allow_nan=False)


@pytest.mark.parametrize("c", [1.0, 1.5, 1e9])
def test_synthetic_rows_that_cost_as_much_as_real_ones(c: float) -> None:
    made = plan(10.5, synthetic_cost=c)
    assert (made.n, made.m, made.w, made.k, made.gain) == (10, 0, 1.0, math.inf, 1.0)
    assert made.why == WHY["never"]
    assert "weight" not in made.report()


def test_too_little_money_for_synthetic_rows() -> None:
    made = plan(1, synthetic_cost=0.25)
    assert (made.n, made.m, made.why) == (1, 0, WHY["small"])


@pytest.mark.parametrize(
    ("asked", "name", "words"),
    [
        ({"budget": 0.5, "synthetic_cost": 0.1}, "budget", "enough for a real row"),
        ({"budget": 0, "synthetic_cost": 0.1}, "budget", "greater than 0"),
        ({"budget": math.inf, "synthetic_cost": 0.1}, "budget", "finite"),
        ({"budget": [1, 2], "synthetic_cost": 0.1}, "budget", "a single number"),
        ({"budget": 10, "synthetic_cost": -0.1}, "synthetic_cost", "at least 0"),
        ({"budget": 10, "real_cost": 0, "synthetic_cost": 1}, "real_cost", "greater than 0"),
        ({"budget": 10, "synthetic_cost": 0}, "most_synthetic", "cost nothing"),
        ({"budget": 2 * MOST_ROWS, "synthetic_cost": 0.1}, "budget", "at most 1e[+]12"),
        ({"budget": 10, "synthetic_cost": 1e-13}, "synthetic_cost", "1e-12 of the budget"),
        ({"budget": 10, "synthetic_cost": 1, "most_synthetic": -1}, "most_synthetic", "at least 0"),
        ({"budget": 10, "synthetic_cost": 1, "most_synthetic": 1.5}, "most_synthetic", "integer"),
    ],
)
def test_bad_input_is_named(asked: dict[str, Any], name: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be .*{words}"):
        plan(**asked)


@pytest.mark.parametrize("value", [0, 1, -0.5, np.nan])
def test_weights_and_costs_strictly_between(value: float) -> None:
    for call in (ratio_for, naive_ratio, lambda w: design_error(w, 0.5)):
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            call(value)


@pytest.mark.parametrize(
    "made",
    [
        plan(1000, synthetic_cost=0.1),
        plan(1e11, real_cost=123.456789, synthetic_cost=1.23456789),
        plan(3.2, real_cost=3, synthetic_cost=4),
        plan(10, synthetic_cost=0, most_synthetic=10**9),
    ],
)
def test_the_report_fits_a_phone(made: Plan) -> None:
    lines = made.report().splitlines()
    assert max(map(len, lines)) <= 40
    assert f"buy n = {made.n} real rows" in lines
    assert f"and m = {made.m} synthetic rows" in lines


def test_the_claims_are_about_plans_that_can_be_bought() -> None:
    made = {one.id: one for one in worth_claims()}
    best = plan(30, synthetic_cost=0.25)
    assert (best.n, best.m, best.w) == (20, 40, 0.5)
    assert "20 real and 40 synthetic" in made["worth-square-root"].statement
    wide, narrow = (12, 144), (32, 64)
    for n, m in (wide, narrow):
        assert n + m / 4 == 48
    assert f"{wide[0]} real and {wide[1]} synthetic" in made["worth-misjudged"].statement
    assert optimal_weight(wide[0] / wide[1]) == pytest.approx(0.25)
    assert optimal_weight(narrow[0] / narrow[1]) == pytest.approx(0.5)
