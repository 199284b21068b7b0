"""The best weights of generations with different numbers of rows, against independent ways."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from lib import FreshReal, Uneven, adaptive_weights, charts, optimal_weight, simulate
from lib.charts import golden
from lib.claims.golden import MONTHS
from lib.models import Gaussian, LinearRegression
from lib.schedule import (
    adaptive_error,
    constant_loss,
    schedule,
    schedule_errors,
)

LINE = Gaussian([0.0], [[1.0]])
N, M = [30, 20, 0, 50, 8, 100], [40, 10, 25, 0, 5]


def by_hand(n: list[int], m: list[int], w: Any, rho: float = 1, drift: float = 0) -> list[float]:
    errors = [rho / n[0]]
    for real, drawn, share in zip(n[1:], m, w, strict=True):
        old = errors[-1] + drift
        error = share**2 * rho / real if real else 0.0
        error += (1 - share) ** 2 * (old + 1 / drawn) if drawn else 0.0
        errors.append(error)
    return errors


def months() -> st.SearchStrategy[tuple[list[int], list[int]]]:
    def rest(count: int) -> st.SearchStrategy[tuple[list[int], list[int]]]:
        real, drawn = (
            st.lists(st.integers(1, 300), min_size=size, max_size=size)
            for size in (count + 1, count)
        )
        return st.tuples(real, drawn)

    return st.integers(1, 6).flatmap(rest)


# --- the recursion and its best weights ----------------------------------------------------------


@pytest.mark.parametrize(("rho", "drift"), [(1.0, 0.0), (2.5, 0.0), (1.0, 0.02), (0.4, 0.1)])
def test_the_errors_are_those_of_the_recursion(rho: float, drift: float) -> None:
    best = schedule(N, M, rho=rho, drift=drift)
    expected = by_hand(N, M, best.weights, rho, drift)
    assert best.errors == pytest.approx(expected, rel=1e-13, abs=0)
    again = schedule_errors(best.weights, N, M, rho=rho, drift=drift)
    assert again == pytest.approx(expected, rel=1e-13, abs=0)
    others = [0.3, 0.0, 0.9, 1.0, 0.5]
    found = schedule_errors(others, N, M, rho=rho, drift=drift)
    assert found == pytest.approx(by_hand(N, M, others, rho, drift), rel=1e-13, abs=0)
    assert (found >= best.errors * (1 - 1e-13)).all()


def test_effective_rows_are_the_harmonic_rule_in_fractions() -> None:
    rows = [Fraction(N[0])]
    for n, m in zip(N[1:], M, strict=True):
        rows.append(n + rows[-1] * m / (rows[-1] + m))
    best = schedule(N, M)
    assert best.effective_rows == pytest.approx([float(x) for x in rows], rel=1e-14, abs=0)
    shares = [float(n / x) for n, x in zip(N[1:], rows[1:], strict=True)]
    assert best.weights == pytest.approx(shares, rel=1e-14, abs=0)
    assert (best.weights[1], best.weights[3]) == (0, 1)


@settings(max_examples=60, deadline=None)
@given(months(), st.integers(0, 2**32 - 1))
def test_no_other_weights_are_better_at_any_generation(
    rows: tuple[list[int], list[int]], seed: int
) -> None:
    n, m = rows
    best = schedule(n, m)
    others = np.random.default_rng(seed).uniform(size=(50, len(m)))
    near = np.clip(best.weights + (others - 0.5) / 50, 0, 1)
    for w in (others, near):
        assert (schedule_errors(w, n, m) >= best.errors * (1 - 1e-13)).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("steps", [3, 4])
def test_brute_force_over_all_sequences_finds_the_same_error(seed: int, steps: int) -> None:
    rng = np.random.default_rng([seed, steps])
    n = rng.integers(1, 300, steps + 1).tolist()
    m = rng.integers(1, 900, steps).tolist()
    best = schedule(n, m)
    found = [
        minimize(
            lambda w: schedule_errors(w, n, m)[-1] / best.errors[-1],
            rng.uniform(size=steps),
            bounds=[(0, 1)] * steps,
            tol=1e-13,
        )
        for _ in range(3)
    ]
    lowest = min(found, key=lambda one: float(one.fun))
    assert 1 - 1e-12 < lowest.fun < 1 + 1e-6
    assert lowest.x == pytest.approx(best.weights, abs=1e-3)


@pytest.mark.parametrize(("rho", "drift"), [(2.5, 0.0), (0.4, 0.02)])
@pytest.mark.parametrize("last", [2, 3, 4])
def test_the_same_weights_are_best_for_every_end(rho: float, drift: float, last: int) -> None:
    """Whichever generation counts, a search that starts anew ends at the same weights."""
    n, m = [90, 20, 150, 7, 60], [30, 500, 11, 100]
    whole = schedule(n, m, rho=rho, drift=drift)
    n, m = n[: last + 1], m[:last]
    found = minimize(
        lambda w: schedule_errors(w, n, m, rho=rho, drift=drift)[-1] / whole.errors[last],
        np.full(last, 0.5),
        bounds=[(0, 1)] * last,
        tol=1e-13,
    )
    assert 1 - 1e-12 < found.fun < 1 + 1e-6
    assert found.x == pytest.approx(whole.weights[:last], abs=3e-3)


def test_a_greedy_rule_that_believes_the_number_of_trained_rows_is_worse() -> None:
    n, m = MONTHS["n"], MONTHS["m"]
    trained = np.array(n, dtype=float)
    trained[1:] += m
    believed = n[1:] + trained[:-1] * m / (trained[:-1] + m)
    errors = schedule_errors(np.array(n[1:]) / believed, n, m)
    assert errors[-1] > 1.02 * schedule(n, m).errors[-1]


def test_unequal_weights_within_a_set_are_worse() -> None:
    """All linear unbiased estimates, from the whole covariance of the rows: generalised squares."""
    n, m, before = 4, 6, 5.0
    covariance = np.eye(n + m)
    covariance[n:, n:] += 1 / before
    row = np.linalg.solve(covariance, np.ones(n + m))
    row /= row.sum()
    best = schedule([before, n], [m])
    assert row[:n] == pytest.approx(np.full(n, best.weights[0] / n), rel=1e-12)
    assert row[n:] == pytest.approx(np.full(m, (1 - best.weights[0]) / m), rel=1e-12)
    assert row[n] / row[0] == pytest.approx(best.sample_weights[0], rel=1e-12)
    assert row @ covariance @ row == pytest.approx(best.errors[1], rel=1e-12)


@pytest.mark.parametrize(("m_old", "m_new"), [(100, 100), (30, 500), (400, 20)])
def test_the_old_synthetic_set_keeps_weight(m_old: int, m_new: int) -> None:
    n = [60, 40, 70]
    best = schedule(n, [m_old, m_new])
    w, a = best.weights[0], best.errors[0] + 1 / m_old
    fresh, shared = 1 / n[2], (1 - w) * a
    new = w**2 / n[1] + (1 - w) ** 2 * a + 1 / m_new
    covariance = np.array([[fresh, 0, 0], [0, new, shared], [0, shared, a]])
    precision = np.linalg.solve(covariance, np.ones(3))
    assert (precision > 0).all()
    assert precision[1] / precision[2] == pytest.approx(w * a * m_new, rel=1e-10)
    assert 1 / precision.sum() < best.errors[-1]


def rows_as_combinations(n: list[int], m: list[int], w: Any) -> list[tuple[Any, Any]]:
    """Return real and synthetic rows of each generation as sums of the errors of all rows drawn.

    A line of a matrix holds one row's coefficients; so products of matrices are covariances.
    """
    errors = iter(np.eye(sum(n) + sum(m)))

    def drawn(count: int) -> Any:
        return np.array([next(errors) for _ in range(count)])

    fit = drawn(n[0]).mean(axis=0)
    sets = []
    for fresh, synthetic, share in zip(n[1:], m, w, strict=True):
        sets.append((drawn(fresh), fit + drawn(synthetic)))
        fit = share * sets[-1][0].mean(axis=0) + (1 - share) * sets[-1][1].mean(axis=0)
    return sets


def best_linear(rows: Any) -> tuple[Any, float]:
    """Return weights and variance of the best linear unbiased estimate, by Gauss and Markov."""
    solved = np.linalg.solve(rows @ rows.T, np.ones(len(rows)))
    return solved / solved.sum(), float(1 / solved.sum())


@pytest.mark.parametrize("before", ["best", "any"])
@pytest.mark.parametrize("seed", range(5))
def test_row_by_row_no_linear_unbiased_estimate_is_better(before: str, seed: int) -> None:
    """Also after other weights, from what the model is then worth."""
    rng = np.random.default_rng([8, seed])
    n, m = rng.integers(1, 9, 5).tolist(), rng.integers(1, 9, 4).tolist()
    w = schedule(n, m).weights if before == "best" else rng.uniform(size=4)
    old = schedule_errors(w, n, m)
    for t, (fresh, synthetic) in enumerate(rows_as_combinations(n, m, w), start=1):
        row, variance = best_linear(np.vstack([fresh, synthetic]))
        best = schedule([1 / old[t - 1], n[t]], [m[t - 1]])
        assert variance == pytest.approx(best.errors[1], rel=1e-10)
        assert row[: n[t]] == pytest.approx(np.full(n[t], best.weights[0] / n[t]), rel=1e-9)
        assert row[n[t] :] == pytest.approx(row[0] * best.sample_weights[0], rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_row_by_row_the_old_synthetic_set_keeps_weight(seed: int) -> None:
    rng = np.random.default_rng([9, seed])
    n, m = rng.integers(1, 9, 4).tolist(), rng.integers(1, 9, 3).tolist()
    best = schedule(n, m)
    (_, older), (fresh, newer) = rows_as_combinations(n, m, best.weights)[-2:]
    row, variance = best_linear(np.vstack([fresh, newer, older]))
    new, old = row[n[3] : -m[1]].sum(), row[-m[1] :].sum()
    assert new / old == pytest.approx(best.weights[1] * (best.errors[1] + 1 / m[1]) * m[2])
    assert min(new, old) > 0
    assert 1 / sum(n) < variance < best.errors[3]


def test_two_ways_to_write_the_same_months() -> None:
    assert schedule(N, 25).weights.tolist() == schedule(N, [25] * 5).weights.tolist()
    assert adaptive_weights(n=N, m=M).tolist() == schedule(N, M).weights.tolist()
    half = schedule([x / 2 for x in [30.0]] + N[1:], M)  # a model that is there already
    assert half.effective_rows[0] == 15
    assert schedule([7.3, 4], [5]).effective_rows[1] == pytest.approx(4 + 7.3 * 5 / 12.3)


def test_without_synthetic_noise_all_rows_ever_count() -> None:
    best = schedule(N, 10**15)
    assert best.effective_rows == pytest.approx(np.cumsum(N), rel=1e-10)


def test_overdispersion_is_a_ratio_of_the_rows() -> None:
    """Real rows of variance rho are like n / rho rows of the model."""
    n, m, rho = [300, 200, 100], [50, 70], 2.0
    one = schedule([x / rho for x in n[:1]] + [x // 2 for x in n[1:]], m)
    two = schedule(n, m, rho=rho)
    assert two.weights == pytest.approx(one.weights, rel=1e-14)
    assert two.effective_rows == pytest.approx(rho * one.effective_rows, rel=1e-14)


@pytest.mark.parametrize(("rho", "drift"), [(1.0, 0.0), (2.8, 0.01)])
def test_even_months_lead_to_the_long_run(rho: float, drift: float) -> None:
    long = schedule([100] * 400, 250, rho=rho, drift=drift)
    # drift is in units of one row, q of the error of the real rows
    assert long.weights[-1] == pytest.approx(optimal_weight((0.4 + 100 * drift) / rho), rel=1e-12)


def test_naive_rows_and_sample_weights() -> None:
    best = schedule(N, M, rho=1.5, drift=0.01)
    naive = [n / (n + m) for n, m in zip(N[1:], M, strict=True)]
    assert best.naive_weights == pytest.approx(naive, rel=1e-15)
    errors = np.array(by_hand(N, M, naive, rho=1.5, drift=0.01))
    assert best.naive_rows == pytest.approx(1.5 / errors, rel=1e-13)
    each = best.sample_weights
    w = best.weights
    for t in (0, 2, 4):
        exact = (1 - w[t]) / M[t] / (w[t] / N[t + 1])
        assert each[t] == pytest.approx(exact, rel=1e-12)
    assert each[1] == math.inf
    assert math.isnan(each[3])


def test_the_report_has_a_line_for_each_generation() -> None:
    text = schedule(N, M).report()
    lines = text.splitlines()
    assert len(lines) == 1 + len(N)
    assert max(map(len, lines)) <= 73
    assert lines[1].split() == ["0", "30", "-", "-", "30"]
    assert lines[3].split()[:4] == ["2", "0", "10", "0.0000"]


# --- even numbers in closed form -----------------------------------------------------------------


@pytest.mark.parametrize("k", [1e-6, 0.01, 0.3, 1.0, 5.0, 100.0])
@pytest.mark.parametrize("start", [0.02, 1.0, 9.0])
def test_the_closed_form_of_the_path(k: float, start: float) -> None:
    error, path = start, [start]
    for _ in range(25):
        error = (error + k) / (1 + error + k)
        path.append(error)
    assert adaptive_error(np.arange(26), k, start) == pytest.approx(path, rel=1e-12, abs=0)


@pytest.mark.parametrize("k", [1e-4, 0.01, 0.25, 1.0, 5.0])
def test_the_loss_of_a_constant_weight(k: float) -> None:
    t = np.arange(31)
    w = optimal_weight(k)
    n = 1000
    constant = LINE.theory(FreshReal(n=n, m=round(n / k), w=w))["mean"].path(30) * n
    assert round(n / k) * k == pytest.approx(n, rel=1e-15)
    loss = constant - adaptive_error(t, k)
    assert constant_loss(t, k) == pytest.approx(loss, rel=1e-8, abs=1e-14)
    assert constant_loss(0, k) == 0
    assert (constant_loss(t[1:], k) > 0).all()


def test_the_loss_for_small_k_is_that_of_the_first_model() -> None:
    t = np.arange(1, 6)
    assert constant_loss(t, 1e-12) == pytest.approx(t / (t + 1), rel=1e-4)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_weights_are_convergents(k: int) -> None:
    """The generalised Fibonacci numbers, and the continued fraction cut off after a 1."""
    x = [Fraction(1), Fraction(1)]
    weights = adaptive_weights(k, 8)
    for t in range(1, 9):
        x.append(x[-2] + k * x[-1])
        x.append(x[-2] + x[-1])
        value = Fraction(1)
        for _ in range(t):
            value = 1 / (1 + 1 / (k + value))
        assert x[-2] / x[-1] == value
        assert weights[t - 1] == pytest.approx(float(value), rel=1e-14)
        best = Fraction(optimal_weight(k)).limit_denominator(value.denominator)
        if value.denominator < 10**6:  # the weight has 16 digits
            assert best == value


# --- simulated -----------------------------------------------------------------------------------


def test_the_simulated_months_have_these_errors() -> None:
    best = schedule(N, M)
    run = simulate(LINE, Uneven(n=N, m=M, w=best.weights), steps=5, reps=60_000, seed=7)
    for t, expected in enumerate(best.errors):
        found = run.estimate("mean", t=t)
        assert abs(found.value - expected) < 4.5 * found.standard_error
        assert found.standard_error < 0.01 * expected


def test_a_regression_has_them_too() -> None:
    x = np.column_stack([np.ones(4), np.arange(4.0)])
    n, m = [8, 4, 12], [4, 8]
    best = schedule(n, m)
    model = LinearRegression([1.0, 2.0], design=x)
    path = model.theory(Uneven(n=n, m=m, w=best.weights))["theta"].path(2)
    assert path / path[0] == pytest.approx(best.errors / best.errors[0], rel=1e-12)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n": [5]}, "`n` must be the real rows of at least two generations, t = 0 and 1; got [5]"),
        ({"n": 5}, "`n` must be the real rows of at least two generations, t = 0 and 1; got 5"),
        ({"n": [0, 5, 5]}, "`n[0]` must be greater than 0; got 0"),
        ({"n": [5, 2.5, 5]}, "`n[1]` must be an integer of at least 0; got 2.5"),
        ({"n": [5, -1, 5]}, "`n` must be finite and at least 0; got [5, -1, 5]"),
        ({"n": [5, math.nan, 5]}, "`n` must be finite and at least 0; got [5, nan, 5]"),
        ({"n": "555"}, "`n` must be finite and at least 0; got '555'"),
        ({"m": [5]}, "`m` must be one number or 2, as `n` says; got [5]"),
        ({"m": [5, 0.5]}, "`m[1]` must be an integer of at least 0; got 0.5"),
        ({"n": [5, 5, 0], "m": [5, 0]}, "`m[1]` must be at least 1, as n[2] is 0; got 0"),
        ({"rho": 0}, "`rho` must be finite and greater than 0; got 0"),
        ({"rho": [1, 2]}, "`rho` must be a single number; got [1, 2]"),
        ({"drift": -1}, "`drift` must be finite and at least 0; got -1"),
    ],
)
def test_bad_months(changed: dict[str, Any], said: str) -> None:
    asked: dict[str, Any] = {"n": [5, 5, 5], "m": [5, 5]} | changed
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        schedule(**asked)
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        schedule_errors([0.5, 0.5], **asked)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([0.5], "`weights` must be of shape (..., 2), as `m` says; got [0.5]"),
        ([0.5, 1.5], "`weights` must be between 0 and 1; got [0.5, 1.5]"),
    ],
)
def test_bad_weights(weights: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        schedule_errors(weights, [5, 5, 5], [5, 5])


def test_rows_that_are_not_there_have_an_infinite_error() -> None:
    errors = schedule_errors([[0.5, 0.5], [0.0, 1.0]], [5, 0, 5], [5, 0])
    assert errors[0].tolist() == [0.2, math.inf, math.inf]
    assert errors[1].tolist() == [0.2, 0.4, 0.2]
    # and real rows alone do not remember it
    forgotten = schedule_errors([[0.5, 1.0], [0.5, 0.5]], [5, 0, 5], [5, 5])
    assert forgotten.tolist() == [[0.2, math.inf, 0.2], [0.2, math.inf, math.inf]]


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_too_large_to_be_multiplied() -> None:
    best = schedule([1e300, 10**15, 10**15], [2**53, 1])
    assert best.effective_rows[1:] == pytest.approx([10**15 + 2**53, 10**15 + 1], rel=1e-15)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"k": 1, "n": [5, 5], "m": 5}, "`k` must be left out if `n` and `m` are given; got 1"),
        ({"steps": 1, "n": [5, 5]}, "`steps` must be left out if `n` and `m` are given; got 1"),
        ({"n": [5, 5]}, "`m` must be given together with the other; got None"),
        ({"m": 5}, "`n` must be given together with the other; got None"),
        ({}, "`k` must be finite and greater than 0; got None"),
    ],
)
def test_half_a_question(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        adaptive_weights(**asked)


@pytest.mark.parametrize("function", [adaptive_error, constant_loss])
def test_bad_generations(function: Any) -> None:
    with pytest.raises(ValueError, match=r"^`t` must be finite and at least 0; got -1$"):
        function(-1, 1)
    with pytest.raises(ValueError, match=r"^`k` must be finite and greater than 0; got 0$"):
        function(1, 0)


# --- the form, before the browser sees it --------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_CHARTS", raising=False)


@pytest.mark.usefixtures("shown")
def test_the_form_has_its_first_answer_without_a_script() -> None:
    text = charts.schedule_form(N, M)._repr_html_()
    assert text is not None
    soup = BeautifulSoup(text, "html.parser")
    best = schedule(N, M)
    rows = [[cell.get_text() for cell in row.select("td")] for row in soup.select("tbody tr")]
    assert [row[2] for row in rows[1:]] == [f"{w:.4f}" for w in best.weights]
    assert [row[4] for row in rows] == [f"{x:.6g}" for x in best.effective_rows]
    assert rows[2][3] == rows[4][3] == "\N{EN DASH}"
    assert f"{best.effective_rows[-1]:.6g}" in soup.select_one(".ww-summary").get_text()
    assert f"{best.naive_rows[-1]:.6g}" in soup.select_one(".ww-summary").get_text()
    assert soup.select_one("#ws-n")["value"] == "30, 20, 0, 50, 8, 100"
    for field in soup.select("input"):
        assert soup.select_one(f'label[for="{field["id"]}"]').get_text().strip()
    script = text.split("<script>")[1]
    assert script.count("</") == 1


@pytest.mark.usefixtures("shown")
def test_the_form_starts_with_an_example_or_with_what_schedule_accepts() -> None:
    assert charts.schedule_form().start.n.tolist() == golden.EXAMPLE["n"]
    with pytest.raises(ValueError, match=r"^`m` must be one number or 1"):
        charts.schedule_form([5, 5], [5, 5])
    with pytest.raises(ValueError, match=r"^`m` must be"):
        charts.schedule_form([5, 5])


def test_nothing_of_the_form_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    made = charts.schedule_form()
    monkeypatch.setenv("BOOK_CHARTS", "off")
    assert made._repr_html_() is None
    assert repr(made) == "schedule_form(...)"


def test_one_generation_of_the_form_is_that_of_python() -> None:
    text = re.search(r"step: \([\w, ]+\) => {(.*?) return ", golden.formulas())
    assert text is not None
    known = [30.0]
    plain = [30.0]
    best = schedule(N, M)
    for n, m, w, each in zip(N[1:], M, best.weights, best.sample_weights, strict=True):
        names: dict[str, Any] = {"before": known[-1], "plain": plain[-1], "n": n, "m": m}
        for name, expression in re.findall(r"const (\w+) = (.*?);", text[1]):
            names[name] = eval(expression, {"__builtins__": {}}, names)  # noqa: S307 - ours
        known.append(names["rows"])
        plain.append(names["naive"])
        assert names["w"] == pytest.approx(w, rel=1e-13)
        if n and m:
            assert names["each"] == pytest.approx(each, rel=1e-13)
    assert known == pytest.approx(best.effective_rows, rel=1e-13)
    assert plain == pytest.approx(best.naive_rows, rel=1e-13)
