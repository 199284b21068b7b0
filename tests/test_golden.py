"""Best weights of each generation: against exact fractions, matrices and brute force."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from lib import FreshReal, Uneven, optimal_weight
from lib.claims.golden import naive_weights
from lib.models import Gaussian
from lib.schedule import (
    adaptive_error,
    adaptive_weights,
    constant_loss,
    schedule,
    schedule_errors,
)

pytestmark = pytest.mark.filterwarnings("error")

SAME_EVERY_RUN = settings(derandomize=True, database=None, deadline=None, max_examples=60)
LINE = Gaussian([0.0], [[1.0]])
UNEVEN: list[tuple[list[int], list[int]]] = [
    ([100, 40, 200, 100], [100, 300, 100]),
    ([1, 1, 1, 1, 1], [1, 1, 1, 1]),
    ([7, 0, 0, 30, 2], [5, 9, 1000, 1]),
    ([40, 10, 5, 60, 0, 20], [80, 40, 20, 30, 200]),
    ([3, 500, 2, 8], [10**6, 0, 1]),
]


def errors_by_fractions(
    w: Sequence[Any], n: Sequence[Any], m: Sequence[Any], rho: Any = 1, drift: Any = 0
) -> list[Fraction]:
    """Follow the sentence of the chapter: nothing is rounded, and rows that are not there drop."""
    errors = [Fraction(rho) / Fraction(n[0])]
    for share, real, drawn in zip(w, n[1:], m, strict=True):
        a, b = Fraction(share), 1 - Fraction(share)
        error = b**2 * (errors[-1] + Fraction(drift))
        error += a**2 * Fraction(rho) / real if real else 0
        error += b**2 / drawn if drawn else 0
        errors.append(error)
    return errors


def best_by_fractions(n: Sequence[int], m: Sequence[int]) -> tuple[list[Fraction], list[Fraction]]:
    """Return the weights, and rows, of precision-weighted averages of the two kinds of rows."""
    weights, rows = [], [Fraction(n[0])]
    for real, drawn in zip(n[1:], m, strict=True):
        precision = 1 / (1 / rows[-1] + Fraction(1, drawn)) if drawn else Fraction(0)
        rows.append(real + precision)
        weights.append(real / rows[-1])
    return weights, rows


# --- numbers that change ------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), UNEVEN)
def test_weights_and_rows_to_the_last_digit(n: list[int], m: list[int]) -> None:
    best = schedule(n, m)
    weights, rows = best_by_fractions(n, m)
    assert best.weights == pytest.approx([float(w) for w in weights], rel=1e-14, abs=0)
    assert best.effective_rows == pytest.approx([float(x) for x in rows], rel=1e-14, abs=0)
    assert errors_by_fractions(weights, n, m) == [1 / x for x in rows]
    assert (adaptive_weights(n=n, m=m) == best.weights).all()


@pytest.mark.parametrize(("n", "m"), UNEVEN)
@pytest.mark.parametrize(("rho", "drift"), [(1, 0), (2.5, 0), (0.5, 0.25), (1, 0.125)])
def test_errors_of_any_weights(n: list[int], m: list[int], rho: float, drift: float) -> None:
    rng = np.random.default_rng(len(n))
    w = rng.uniform(size=(4, 3, len(m)))
    w = np.where(np.array(n[1:]) == 0, 0.0, np.where(np.array(m) == 0, 1.0, w))
    found = schedule_errors(w, n, m, rho=rho, drift=drift)
    assert found.shape == (4, 3, len(n))
    for at in np.ndindex(4, 3):
        exact = errors_by_fractions(w[at], n, m, rho, drift)
        assert found[at] == pytest.approx([float(e) for e in exact], rel=1e-13, abs=0)


@pytest.mark.parametrize(("n", "m"), UNEVEN)
def test_it_is_the_recursion_of_the_loop_that_is_simulated(n: list[int], m: list[int]) -> None:
    n, m = [2 * x for x in n], [2 * x for x in m]  # a covariance takes two rows
    for w in (schedule(n, m).weights, naive_weights(n, m)):
        path = LINE.theory(Uneven(n=n, m=m, w=w))["mean"].path(len(m))
        assert schedule_errors(w, n, m) == pytest.approx(path, rel=1e-13, abs=0)


@pytest.mark.parametrize("months", [3, 4])
@pytest.mark.parametrize(("rho", "drift"), [(1.0, 0.0), (2.5, 0.0), (0.4, 0.0), (1.0, 0.02)])
def test_brute_force_over_all_sequences_finds_nothing_better(
    months: int, rho: float, drift: float
) -> None:
    rng = np.random.default_rng(months)
    for _ in range(6):
        n = rng.integers(1, 200, months + 1).tolist()
        m = np.exp(rng.uniform(0, 8, months)).astype(int).tolist()
        best = schedule(n, m, rho=rho, drift=drift)
        for last in range(1, months + 1):  # the same weights are the best ones for every end

            def error(w: Any, last: int = last, n: Any = n, m: Any = m, best: Any = best) -> float:
                sizes = (n[: last + 1], m[:last])
                found = schedule_errors(w, *sizes, rho=rho, drift=drift)
                return float(found[-1] / best.errors[last])

            starts = [rng.uniform(size=last) for _ in range(3)]
            found = [
                minimize(error, w, bounds=[(0, 1)] * last, tol=1e-12, options={"maxiter": 500})
                for w in starts
            ]
            least = min(found, key=lambda one: float(one.fun))
            assert 1 - 1e-12 < least.fun < 1 + 1e-6
            assert least.x[-1] == pytest.approx(best.weights[last - 1], abs=1e-3)


def test_brute_force_over_a_grid_finds_nothing_better() -> None:
    """No optimiser that could stop too early: all weights in steps of 1/40, as exact fractions."""
    n, m = [3, 2, 4], [5, 1]
    _, rows = best_by_fractions(n, m)
    grid = [Fraction(i, 40) for i in range(41)]
    least = min(errors_by_fractions(w, n, m)[-1] for w in itertools.product(grid, grid))
    assert 1 / rows[-1] <= least < 1 / rows[-1] * Fraction(1002, 1000)
    assert schedule(n, m).errors[-1] == pytest.approx(float(1 / rows[-1]), rel=1e-15)


def rows_as_combinations(
    n: Sequence[int], m: Sequence[int], w: Sequence[float]
) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Return the real and the synthetic rows of each generation, as sums of independent errors.

    A row of a matrix holds the coefficients of one observation, minus the truth, in the errors of
    all rows ever drawn; so products of matrices are covariances.
    """
    total = sum(n) + sum(m)
    used = 0

    def own(count: int) -> np.ndarray[Any, Any]:
        nonlocal used
        made = np.eye(total)[used : used + count]
        used += count
        return made

    first = own(n[0])
    sets = [(first, np.zeros((0, total)))]
    fit = first.mean(axis=0)
    for real, drawn, weight in zip(n[1:], m, w, strict=True):
        fresh, synthetic = own(real), fit + own(drawn)
        sets.append((fresh, synthetic))
        fit = weight * fresh.mean(axis=0) + (1 - weight) * synthetic.mean(axis=0)
    return sets


def best_linear(rows: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], float]:
    """Return weights and variance of the best linear unbiased estimate (Gauss and Markov)."""
    ones = np.ones(len(rows))
    solved = np.linalg.solve(rows @ rows.T, ones)
    return solved / solved.sum(), float(1 / solved.sum())


@pytest.mark.parametrize("others", ["best", "any"])
def test_no_linear_unbiased_estimate_is_better(others: str) -> None:
    """Every single row may have a weight of its own, in any generation, after any weights."""
    rng = np.random.default_rng(5)
    for _ in range(10):
        n, m = rng.integers(1, 9, 5).tolist(), rng.integers(1, 9, 4).tolist()
        w = schedule(n, m).weights if others == "best" else rng.uniform(size=4)
        errors = schedule_errors(w, n, m)
        for t, (fresh, synthetic) in enumerate(rows_as_combinations(n, m, w.tolist())):
            if t == 0:
                continue
            weights, variance = best_linear(np.vstack([fresh, synthetic]))
            expected = schedule([1 / errors[t - 1], n[t]], [m[t - 1]])
            assert variance == pytest.approx(expected.errors[-1], rel=1e-10)
            assert weights[: n[t]] == pytest.approx(expected.weights[0] / n[t], rel=1e-9)
            rest = (1 - expected.weights[0]) / m[t - 1]
            assert weights[n[t] :] == pytest.approx(rest, rel=1e-9)
            assert weights[-1] / weights[0] == pytest.approx(expected.sample_weights[0], rel=1e-9)


def test_the_last_synthetic_set_keeps_a_positive_weight() -> None:
    """The proposition on what else could be kept, row by row."""
    rng = np.random.default_rng(6)
    for _ in range(10):
        n, m = rng.integers(1, 9, 4).tolist(), rng.integers(1, 9, 3).tolist()
        best = schedule(n, m)
        sets = rows_as_combinations(n, m, best.weights.tolist())
        (_, older), (fresh, newer) = sets[-2:]
        weights, variance = best_linear(np.vstack([fresh, newer, older]))
        new, old = weights[n[3] : -m[1]].sum(), weights[-m[1] :].sum()
        share = best.weights[1] * (best.errors[1] + 1 / m[1])
        assert new / old == pytest.approx(share * m[2], rel=1e-8)
        assert min(new, old) > 0
        assert 1 / sum(n) < variance < best.errors[3]


@SAME_EVERY_RUN
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), min_size=1, max_size=8),
    st.integers(1, 10**6),
)
def test_what_a_model_is_worth_has_bounds(sizes: list[tuple[int, int]], first: int) -> None:
    n, m = [first, *(real for real, _ in sizes)], [drawn for _, drawn in sizes]
    best = schedule(n, m)
    rows = best.effective_rows
    assert (rows[1:] > n[1:]).all()
    assert (rows[1:] <= (np.array(n[1:]) + np.minimum(rows[:-1], m)) * (1 + 1e-14)).all()
    assert (rows >= best.naive_rows * (1 - 1e-12)).all()
    more = schedule(n, [2 * drawn for drawn in m]).effective_rows
    assert (more[1:] >= rows[1:]).all()  # no synthetic row does harm
    assert ((best.weights >= 0) & (best.weights < 1)).all()


def test_without_synthetic_noise_all_real_rows_ever_count_the_same() -> None:
    n = [30, 10, 0, 70, 5]
    best = schedule(n, 2**53)
    assert best.effective_rows == pytest.approx(np.cumsum(n), rel=1e-12)
    assert best.weights == pytest.approx(np.array(n[1:]) / np.cumsum(n)[1:], rel=1e-12)
    assert schedule([7] * 9, 2**53).weights == pytest.approx(1 / np.arange(2, 10), rel=1e-12)


def test_months_without_one_of_the_kinds() -> None:
    dry, alone = schedule([100, 0], [50]), schedule([100, 40, 7], [0, 28])
    assert (dry.weights[0], dry.effective_rows[1]) == (0, pytest.approx(100 / 3))
    assert dry.sample_weights[0] == math.inf
    assert (alone.weights[0], alone.effective_rows[1]) == (1, 40)
    assert math.isnan(alone.sample_weights[0])
    assert alone.effective_rows[2] == pytest.approx(7 + 40 * 28 / 68)


def test_a_model_that_is_there_already() -> None:
    n, m = [90, 20, 50, 10], [70, 200, 30]
    whole = schedule(n, m)
    later = schedule([whole.effective_rows[1], *n[2:]], m[1:])
    assert not float(later.n[0]).is_integer()
    assert later.effective_rows == pytest.approx(whole.effective_rows[1:], rel=1e-14)
    assert later.weights == pytest.approx(whole.weights[1:], rel=1e-14)


def test_real_rows_that_scatter_more_are_fewer_rows() -> None:
    """Only n/rho enters the weights; the errors are in units of a row of the model."""
    n, m = [100, 40, 0, 80], [60, 30, 500]
    spread = schedule(n, m, rho=4)
    fewer = schedule([25, 10, 0, 20], m)
    assert (spread.weights == fewer.weights).all()
    assert (spread.errors == fewer.errors).all()
    assert spread.effective_rows == pytest.approx(4 * fewer.effective_rows, rel=1e-15)
    assert spread.effective_rows[0] == 100
    even = schedule([100] * 400, 50, rho=4)
    assert even.weights[-1] == pytest.approx(optimal_weight(2 / 4), rel=1e-12)


def test_a_truth_that_moves_adds_to_k() -> None:
    n, m, drift = 20, 80, 0.03
    moving = schedule([n] * 300, m, drift=drift)
    k = n / m + n * drift
    assert moving.weights == pytest.approx(adaptive_weights(k, 299), rel=1e-13)
    assert moving.weights[-1] == pytest.approx(optimal_weight(k), rel=1e-13)
    # before an even month the step comes on top of the old error, for real rows alone too
    alone = schedule([4, 5], [0], drift=9.0)
    assert alone.errors.tolist() == [1 / 4, 1 / 5]
    carried = schedule([4, 0], [2], drift=0.5)
    assert carried.errors[1] == pytest.approx(1 / 4 + 0.5 + 1 / 2)


def test_rows_that_are_not_there_have_no_weight() -> None:
    errors = schedule_errors([[0.5, 1.0], [0.0, 1.0], [0.0, 0.5]], [5, 0, 4], [3, 2])
    assert errors[0].tolist() == [1 / 5, math.inf, 1 / 4]  # real rows alone forget it all
    assert errors[1].tolist() == pytest.approx([1 / 5, 1 / 5 + 1 / 3, 1 / 4])
    assert np.isfinite(errors[2]).all()
    assert schedule_errors([0.9], [5, 5], [0])[1] == math.inf


def test_large_numbers_of_rows() -> None:
    best = schedule([1e300, 10**15, 10**15], [2**53, 1])
    assert best.effective_rows[1:] == pytest.approx([10**15 + 2**53, 10**15 + 1], rel=1e-15)


@pytest.mark.parametrize(("n", "m"), UNEVEN)
def test_what_a_schedule_says(n: list[int], m: list[int]) -> None:
    best = schedule(n, m)
    naive = errors_by_fractions(
        [Fraction(real, real + drawn) for real, drawn in zip(n[1:], m, strict=True)], n, m
    )
    assert best.naive_rows == pytest.approx([float(1 / e) for e in naive], rel=1e-13)
    lines = best.report().splitlines()
    assert len(lines) == len(n) + 1
    for t, line in enumerate(lines[1:]):
        cells = line.split()
        rows = f"{best.effective_rows[t]:.6g}"
        if t:
            w = f"{best.weights[t - 1]:.4f}"
            assert cells == [str(t), f"{n[t]:g}", f"{m[t - 1]:g}", w, rows]
        else:
            assert cells == ["0", f"{n[0]:g}", "-", "-", rows]
        assert len(line) <= 40
    told = json.loads(json.dumps(best.to_dict(), allow_nan=False))
    assert told["errors"] == best.errors.tolist()
    assert told["n"] == n
    for t, each in enumerate(told["sample_weights"]):
        if n[t + 1] == 0 or m[t] == 0:
            assert each is None
        else:
            before = best.effective_rows[t]
            assert each == pytest.approx(before / (before + m[t]), rel=1e-13)


def test_naive_rows_know_rho_and_drift() -> None:
    n, m = [30, 20, 60], [40, 10]
    best = schedule(n, m, rho=3, drift=0.25)
    w = [Fraction(20, 60), Fraction(60, 70)]
    exact = [float(3 / e) for e in errors_by_fractions(w, n, m, 3, Fraction(1, 4))]
    assert best.naive_rows == pytest.approx(exact, rel=1e-13)


# --- the same numbers every time ----------------------------------------------------------------


@pytest.mark.parametrize("k", ["1/100", "1/3", "1", "2", "7/2", "40"])
@pytest.mark.parametrize("start", ["1/50", "1", "9"])
def test_the_path_in_closed_form(k: str, start: str) -> None:
    ratio, error = Fraction(k), Fraction(start)
    for t in range(12):
        found = adaptive_error(t, float(ratio), float(error) if t == 0 else float(Fraction(start)))
        assert found == pytest.approx(float(error), rel=2e-14, abs=0)
        error = (error + ratio) / (1 + error + ratio)


@pytest.mark.parametrize("k", [1e-6, 0.01, 0.3, 1.0, 2.5, 60.0])
def test_the_path_is_that_of_the_weights(k: float) -> None:
    weights = adaptive_weights(k, 60)
    assert adaptive_error(np.arange(1, 61), k) == pytest.approx(weights, rel=1e-13, abs=0)
    assert adaptive_error(10**6, k) == pytest.approx(optimal_weight(k), rel=1e-12)
    even = schedule([1000] * 61, round(1000 / k)) if k < 2 else None
    if even is not None:
        again = adaptive_weights(1000 / round(1000 / k), 60)
        assert even.weights == pytest.approx(again, rel=1e-13)


@pytest.mark.parametrize("k", [0.001, 0.01, 0.1, 1.0, 4.0])
def test_the_loss_of_the_weight_for_the_long_run(k: float) -> None:
    n = 1000
    w = optimal_weight(n / round(n / k))
    k = n / round(n / k)
    constant = LINE.theory(FreshReal(n=n, m=round(n / k), w=w))["mean"].path(40) * n
    t = np.arange(41)
    u = 1 - w
    assert constant == pytest.approx(w + u ** (2 * t + 1), rel=1e-12, abs=0)
    apart = constant - adaptive_error(t, k)
    assert constant_loss(t, k) == pytest.approx(apart, rel=1e-8, abs=1e-14)
    assert constant_loss(0, k) == 0
    assert (constant_loss(t[1:], k) > 0).all()


@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_continued_fractions_and_the_generalised_fibonacci_numbers(k: int) -> None:
    x = [0, 1, 1]
    error = Fraction(1)
    for t in range(1, 12):
        x.append(x[-2] + k * x[-1])
        x.append(x[-2] + x[-1])
        error = (error + k) / (1 + error + k)
        assert error == Fraction(x[2 * t + 1], x[2 * t + 2])
        quotients: list[int] = []
        rest = error
        while rest:
            whole = math.floor(1 / rest)
            quotients.append(whole)
            rest = 1 / rest - whole
        # a last 1 can be written as part of the quotient before it
        assert quotients == [*([1, k] * t)[:-1], k + 1]
        assert error > optimal_weight(k)
        assert float(error) == pytest.approx(adaptive_error(t, k), rel=1e-14)


@pytest.mark.parametrize("k", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("start", [0.001, 0.3, 50.0])
def test_from_one_side_and_at_the_stated_rate(k: float, start: float) -> None:
    w = optimal_weight(k)
    apart = adaptive_error(np.arange(8), k, start) - w
    assert (np.sign(apart) == np.sign(start - w)).all()
    ratio = apart / (apart + 2 * w + k)
    assert ratio[1:] / ratio[:-1] == pytest.approx((1 - w) ** 2, rel=1e-6)


def test_as_k_goes_to_0_the_constant_weight_keeps_the_first_model() -> None:
    t = np.arange(1, 8)
    assert adaptive_error(t, 1e-12) == pytest.approx(1 / (t + 1), rel=1e-5)
    assert constant_loss(t, 1e-12) == pytest.approx(t / (t + 1), rel=1e-4)


def test_arguments_broadcast() -> None:
    assert adaptive_error([[0], [1]], [1, 2, 3]).shape == (2, 3)
    assert constant_loss([[0], [1]], [1, 2, 3]).shape == (2, 3)
    assert isinstance(adaptive_error(2, 1), float)
    assert isinstance(constant_loss(2, 1), float)
