"""A truth that moves: closed forms, the estimate of its speed, and the model that simulates it.

Only the tests that say so simulate; each |z| < 4.5 alarms wrongly with probability 7e-6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import binom, chi2
from statsmodels.tsa.statespace.structural import UnobservedComponents

from lib import (
    Accumulate,
    FixedReal,
    FreshReal,
    FullySynthetic,
    Uneven,
    error_ratio,
    optimal_weight,
    simulate,
)
from lib.drift import (
    DriftEstimate,
    _surprise,
    best_window,
    drifting_weight,
    error_parts,
    estimate_drift,
    harmful_drift,
    misjudged_loss,
    window_error,
    worst_loss,
)
from lib.loops import Loop
from lib.models import DriftingGaussian, Gaussian
from lib.models import _triangular as tri
from lib.models.gaussian import Moments

pytestmark = pytest.mark.filterwarnings("error")

Rows = NDArray[np.float64]

Z = 4.5
GRID = [(0.3, 1.0, 0.5, 1), (0.05, 0.2, 2.0, 4), (0.7, 4.0, 0.0, 3), (0.9, 0.1, 0.3, 12)]
"""Values of w, k, q and the age."""
MEAN, SIGMA = np.array([1.0, -1.0]), np.array([[1.0, 0.5], [0.5, 2.0]])

SAME_EVERY_RUN = settings(derandomize=True, database=None, deadline=None, max_examples=100)

ratios = st.floats(1e-3, 1e3)
drifts = st.floats(0, 1e3)
weights = st.floats(1e-3, 1)


# --- the error and its parts ---------------------------------------------------------------------


def squared(kinds: dict[str, float], combination: Rows) -> float:
    """Return the variance of a sum of independent things, a row of `combination` for each kind."""
    sizes = np.array(list(kinds.values()))
    return float((sizes[:, None] * combination**2).sum())


def stale_error(w: float, k: float, q: float, age: int, t: int) -> float:
    """Write the estimate out as a sum of real rows, synthetic noise and steps, and sum squares."""
    real, drawn, step = np.eye(3)[:, None, :, None] * np.eye(t + 1)[None, :, None, :]
    step[0] = 0  # the truth of t = 0 is the origin
    truth = np.cumsum(step, axis=0)
    fits: list[Rows] = []
    for now in range(t + 1):
        fit = truth[now] + real[now]  # the first models see real rows alone
        if now >= age:
            fit = w * fit + (1 - w) * (fits[now - age] + drawn[now])
        fits.append(fit)
    return squared({"real": 1.0, "drawn": k, "step": q}, fits[t] - truth[t])


@pytest.mark.parametrize(("w", "k", "q", "age"), GRID)
def test_a_stale_model_written_out_in_its_noise(w: float, k: float, q: float, age: int) -> None:
    errors = [1.0] * age
    for t in range(age, 31):
        errors.append(w**2 + (1 - w) ** 2 * (errors[t - age] + k + age * q))
    for t in (age, age + 1, 2 * age, 30):
        assert stale_error(w, k, q, age, t) == pytest.approx(errors[t], rel=1e-12)
    if w == 0.7:  # by then it has settled
        assert errors[30] == pytest.approx(sum(error_parts(w, k, q, age)), rel=1e-8)


@SAME_EVERY_RUN
@given(w=weights, k=ratios, q=drifts, age=st.integers(1, 40))
def test_the_parts_are_a_fixed_point(w: float, k: float, q: float, age: int) -> None:
    sampling, tracking = error_parts(w, k, q, age)
    kept = (1 - w) ** 2
    assert sampling == pytest.approx(w**2 + kept * (sampling + k), rel=1e-12)
    assert tracking == pytest.approx(kept * (tracking + age * q), rel=1e-12, abs=1e-300)
    assert sampling == pytest.approx(error_ratio(w, k), rel=1e-12)
    assert sampling + tracking == pytest.approx(error_ratio(w, k + age * q), rel=1e-12)


def test_a_slow_drift_is_not_lost_beside_a_large_k() -> None:
    assert error_parts(0.5, 1e20, 1e-8)[1] == pytest.approx(1e-8 / 3, rel=1e-12)


@SAME_EVERY_RUN
@given(k=ratios, q=drifts, age=st.integers(1, 40))
def test_the_best_weight_is_lowest_and_the_error_there_itself(k: float, q: float, age: int) -> None:
    best = drifting_weight(k, q, age)
    assert sum(error_parts(best, k, q, age)) == pytest.approx(best, rel=1e-12)
    for other in (best * (1 - 1e-3), best + 1e-3 * (1 - best)):
        assert sum(error_parts(other, k, q, age)) > best


def test_the_best_weight_by_a_search() -> None:
    for k, q, age in ((1.0, 0.5, 1), (0.2, 2.0, 4), (4.0, 0.1, 12)):
        found = minimize_scalar(
            lambda w, k=k, q=q, age=age: sum(error_parts(w, k, q, age)),
            bounds=(1e-3, 1),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert drifting_weight(k, q, age) == pytest.approx(found.x, abs=1e-6)
        assert drifting_weight(k, q, age) == pytest.approx(found.fun, rel=1e-12)


def test_arguments_broadcast() -> None:
    k, q = np.array([0.5, 1.0]), np.array([[0.0], [0.5], [2.0]])
    assert drifting_weight(k, q, 3).shape == (3, 2)
    assert drifting_weight(k, q, 3)[1, 0] == drifting_weight(0.5, 0.5, 3)
    sampling, tracking = error_parts(0.5, k, q)
    assert (sampling.shape, tracking.shape) == ((2,), (3, 1))
    assert isinstance(drifting_weight(1, 1), float)
    assert isinstance(error_parts(1, 1, 1)[0], float)
    assert error_parts(1, 1, 1) == (1.0, 0.0)
    assert misjudged_loss(k, q, 1).shape == window_error([1, 2], q).shape == (3, 2)


# --- when synthetic rows harm --------------------------------------------------------------------


@SAME_EVERY_RUN
@given(w=st.floats(1e-3, 0.999), k=ratios)
def test_synthetic_rows_harm_from_there_on(w: float, k: float) -> None:
    edge = harmful_drift(w, k)
    if edge == 0:
        assert error_ratio(w, k) >= 1 - 1e-12
        return
    assert sum(error_parts(w, k, edge)) == pytest.approx(1, rel=1e-9)
    assert sum(error_parts(w, k, edge * 0.99)) < 1
    assert sum(error_parts(w, k, edge + 0.01 * (edge + k))) > 1


def test_harm_at_the_ends() -> None:
    assert harmful_drift([0.0, 1.0], 1).tolist() == [0.0, math.inf]
    best = drifting_weight(0.3, 50)
    assert harmful_drift(best, 0.3) > 50  # never at the best weight


# --- a drift misjudged ---------------------------------------------------------------------------


@SAME_EVERY_RUN
@given(k=ratios, q=drifts, guess=drifts)
def test_a_misjudged_drift_costs(k: float, q: float, guess: float) -> None:
    loss = misjudged_loss(k, q, guess)
    w = optimal_weight(k + guess)
    assert loss == pytest.approx(error_ratio(w, k + q) / optimal_weight(k + q), rel=1e-12)
    f = (k + guess) / (k + q)
    formula = w * (f + 1 - w) / (f * (2 - w) * optimal_weight(k + q))  # as the theorem states it
    assert loss == pytest.approx(formula, rel=1e-9)
    assert 1 - 1e-12 <= loss <= max(f**0.5, 1 / f) * (1 + 1e-12)
    assert loss <= worst_loss(f) * (1 + 1e-12)
    if abs(math.log(f)) > 0.01 and k + q < 10:
        assert loss > 1 + 1e-7


def test_the_right_guess_costs_nothing() -> None:
    k, q = np.array([0.05, 1.0, 4.0]), np.array([[0.0], [0.5], [20.0]])
    assert misjudged_loss(k, q, q) == pytest.approx(np.ones((3, 3)), rel=1e-14)


@pytest.mark.parametrize("factor", [1e-6, 0.1, 0.5, 0.99, 1.01, 2.0, 10.0, 1e6])
def test_the_worst_loss_is_reached_and_not_exceeded(factor: float) -> None:
    total = np.geomspace(1e-20, 1e12, 200_001)
    tiny = 1e-40  # so that k + q is q
    losses = misjudged_loss(tiny, total, factor * total)
    worst = worst_loss(factor)
    assert losses.max() <= worst * (1 + 1e-12)
    assert losses.max() == pytest.approx(worst, rel=1e-7)
    assert worst > (1 + factor) / (2 * factor**0.5)  # the limit of small k + q is no bound


def test_the_worst_loss_far_out() -> None:
    assert worst_loss(1) == 1
    assert worst_loss([1e12, 1e200]) == pytest.approx([5e5, 5e99], rel=1e-5)  # sqrt(f) / 2
    assert worst_loss([1e-12, 1e-200]) == pytest.approx(  # the largest of x(1-x)/(1+x), over f
        np.array([1e12, 1e200]) * (3 - 8**0.5), rel=1e-5
    )
    assert worst_loss(0.5) > worst_loss(2)
    assert worst_loss(0.1) > worst_loss(10)


# --- windows of real rows ------------------------------------------------------------------------


@pytest.mark.parametrize("sets", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("q", [0.0, 0.01, 0.5, 20.0])
def test_the_error_of_a_window_by_matrices(sets: int, q: float) -> None:
    # relative to the newest truth: steps lie between it and the truth of i generations ago
    back = np.arange(sets)
    walk = q * np.minimum.outer(back, back)
    share = np.full(sets, 1 / sets)
    assert window_error(sets, q) == pytest.approx(share @ (walk + np.eye(sets)) @ share, rel=1e-12)


@pytest.mark.parametrize("q", [*np.geomspace(3e-4, 30, 60).tolist(), 6 / 5, 6 / 11, 2.0, 1e6])
def test_the_best_window_by_trying_all(q: float) -> None:
    # exact fractions: at 3/q + 1/2 = L(L+1) two windows are equally good
    step = Fraction(q)
    errors = [
        Fraction(1, sets) + step * (sets - 1) * (2 * sets - 1) / (6 * sets)
        for sets in range(1, 200)
    ]
    assert best_window(q) == errors.index(min(errors)) + 1


def test_equally_good_windows() -> None:
    q = 3 / 5.5  # L(L+1) = 6 to rounding
    assert window_error(2, q) == pytest.approx(window_error(3, q), rel=1e-14)
    assert best_window(2) == 1
    assert window_error(1, 2) == window_error(2, 2) == 1
    assert best_window(math.nextafter(2, 0)) == 2


@SAME_EVERY_RUN
@given(q=st.floats(1e-320, 1e308))
def test_the_best_window_is_the_least_that_is_long_enough(q: float) -> None:
    sets, enough = best_window(q), 3 / Fraction(q) + Fraction(1, 2)
    assert sets * (sets + 1) >= enough
    assert sets == 1 or (sets - 1) * sets < enough


@SAME_EVERY_RUN
@given(q=st.floats(1e-6, 1e3))
def test_smoothing_beats_every_window(q: float) -> None:
    kept = window_error(best_window(q), q)
    assert optimal_weight(q) < kept
    if q < 1e-4:
        assert kept == pytest.approx(2 * (q / 3) ** 0.5, rel=0.02)
        assert optimal_weight(q) / kept == pytest.approx(0.75**0.5, rel=0.02)


# --- what is refused -----------------------------------------------------------------------------

NO_SUM = "such that k and all steps have a finite sum"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: drifting_weight(0, 1), "`k` must be finite and greater than 0; got 0"),
        (lambda: drifting_weight(1, -1), "`q` must be finite and at least 0; got -1"),
        (lambda: drifting_weight(1, math.inf), "`q` must be finite and at least 0; got inf"),
        (lambda: drifting_weight(1, 1, 0), "`age` must be finite and greater than 0; got 0"),
        (
            lambda: drifting_weight(1, 1, [1, 1.5]),
            "`age` must be whole numbers of at least 1; got [1, 1.5]",
        ),
        (lambda: drifting_weight(1, 1e308, 2), f"`q` must be {NO_SUM}; got 1e+308"),
        (lambda: drifting_weight(1.2e308, 1e308), f"`q` must be {NO_SUM}; got 1e+308"),
        (lambda: error_parts(0, 1, 1), "`w` must be greater than 0; got 0"),
        (lambda: error_parts(1.1, 1, 1), "`w` must be between 0 and 1; got 1.1"),
        (lambda: error_parts(0.5, 1, 1, 0.5), "`age` must be whole numbers of at least 1; got 0.5"),
        (lambda: error_parts(0.5, "1", 1), "`k` must be finite and greater than 0; got '1'"),
        (lambda: error_parts(0.5, 1.2e308, 1e308), f"`q` must be {NO_SUM}; got 1e+308"),
        (lambda: harmful_drift(-0.1, 1), "`w` must be between 0 and 1; got -0.1"),
        (lambda: harmful_drift(0.5, 0), "`k` must be finite and greater than 0; got 0"),
        (lambda: misjudged_loss(-1, 1, 1), "`k` must be finite and greater than 0; got -1"),
        (lambda: misjudged_loss(1, -1, 1), "`q` must be finite and at least 0; got -1"),
        (lambda: misjudged_loss(1, 1, -1), "`guess` must be finite and at least 0; got -1"),
        (lambda: misjudged_loss(1.2e308, 0, 1e308), f"`guess` must be {NO_SUM}; got 1e+308"),
        (lambda: worst_loss(0), "`factor` must be finite and greater than 0; got 0"),
        (lambda: worst_loss([1, math.nan]), "`factor` must be finite and greater than 0"),
        (lambda: window_error(0, 1), "`sets` must be finite and greater than 0; got 0"),
        (lambda: window_error(1.5, 1), "`sets` must be whole numbers of at least 1; got 1.5"),
        (lambda: window_error(1, -1), "`q` must be finite and at least 0; got -1"),
        (lambda: best_window(0), "`q` must be finite and greater than 0; got 0"),
        (lambda: best_window([0.5]), "`q` must be a single number; got [0.5]"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        call()


SHAPE = "of shape (sets, n) or (sets, n, d) with at least 3 sets and 2 rows"
VARY = "with columns that vary within the sets, none of them a sum of others"


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        (np.ones(5), f"{SHAPE}; got (5,)"),
        (np.ones((2, 5)), f"{SHAPE}; got (2, 5, 1)"),
        (np.ones((5, 1)), f"{SHAPE}; got (5, 1, 1)"),
        (np.ones((5, 4, 0)), f"{SHAPE}; got (5, 4, 0)"),
        (np.ones((5, 4, 1, 1)), f"{SHAPE}; got (5, 4, 1, 1)"),
        (np.ones((5, 4)), f"{VARY}; got (5, 4, 1)"),
        (np.arange(20.0).reshape(5, 4, 1) * np.array([1.0, 3.0]), f"{VARY}; got (5, 4, 2)"),
        ([[1.0, math.nan], [1.0, 2.0], [1.0, 2.0]], "finite numbers, in sets of the same size"),
        ([[1.0, 2.0], [1.0], [1.0, 2.0]], "finite numbers, in sets of the same size"),
    ],
)
def test_rows_that_tell_no_drift(batches: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^`batches` must be {re.escape(said)}"):
        estimate_drift(batches)


@pytest.mark.parametrize("confidence", [0, 1, 1.5, [0.9]])
def test_a_confidence_out_of_range(confidence: Any) -> None:
    with pytest.raises(ValueError, match=r"^`confidence` must be strictly between 0 and 1; got"):
        estimate_drift(np.random.default_rng(1).normal(size=(5, 4)), confidence=confidence)


# --- the estimate of the drift -------------------------------------------------------------------


def moving_rows(q: float, sets: int, n: int, dim: int, rng: np.random.Generator) -> Rows:
    """Draw rows of variance 1 about a mean whose steps have the variance q/n."""
    walk = np.cumsum(rng.normal(scale=(q / n) ** 0.5, size=(sets, dim)), axis=0)
    return np.asarray(walk[:, None] + rng.normal(size=(sets, n, dim)))


def standardized(rows: Rows) -> Rows:
    """Return the means in units in which the noise has variance 1: by a matrix root, (d, sets)."""
    sets, n, dim = rows.shape
    within = (rows - rows.mean(axis=1, keepdims=True)).reshape(-1, dim)
    values, vectors = np.linalg.eigh(within.T @ within / (sets * (n - 1)) / n)
    return np.asarray((vectors.T @ rows.mean(axis=1).T) / values[:, None] ** 0.5)


def by_matrices(rows: Rows, q: float, cov: Rows | None = None) -> float:
    """Return minus the log-likelihood of means and scatter, up to a constant.

    Without a covariance it is the largest over all of them, in closed form.
    """
    sets, n, dim = rows.shape
    means = rows.mean(axis=1)
    apart = np.diff(means, axis=0)
    walk = (2 + q) * np.eye(sets - 1) - np.eye(sets - 1, k=1) - np.eye(sets - 1, k=-1)
    within = (rows - means[:, None]).reshape(-1, dim)
    squares = within.T @ within + n * apart.T @ np.linalg.solve(walk, apart)
    count = sets * n - 1
    fitted = squares / count if cov is None else cov
    half = dim * np.linalg.slogdet(walk).logabsdet + count * np.linalg.slogdet(fitted).logabsdet
    return 0.5 * float(half + np.trace(np.linalg.solve(fitted, squares)))


def surprise(rows: Rows, q: float) -> float:
    sets, n, _ = rows.shape
    return float(_surprise(standardized(rows), np.array([1.0, q]), sets * (n - 1))[1])


def test_no_covariance_is_likelier() -> None:
    rows = moving_rows(0.7, 12, 3, 2, np.random.default_rng(2))
    root = [[0, 0], [1, 0], [1, 1]]  # of the lower triangle

    def of(entries: Rows) -> float:
        lower = np.zeros((2, 2))
        lower[tuple(np.transpose(root))] = entries
        return by_matrices(rows, 0.7, lower @ lower.T)

    found = minimize(of, [1.0, 0.1, 1.0], method="BFGS", options={"gtol": 1e-7})
    assert by_matrices(rows, 0.7) == pytest.approx(found.fun, rel=1e-9)


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (2, 3), (20, 2)])
@pytest.mark.parametrize("q", [0.0, 0.03, 0.7, 40.0])
def test_the_likelihood_is_that_of_the_differences(q: float, n: int, dim: int) -> None:
    rows = moving_rows(0.7, 12, n, dim, np.random.default_rng(2))
    found = surprise(rows, q) - surprise(rows, 1.0)
    expected = by_matrices(rows, q) - by_matrices(rows, 1.0)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_likelihood_is_the_local_level_model_s() -> None:
    sets, n = 40, 3
    rows = moving_rows(0.7, sets, n, 1, np.random.default_rng(2))
    theirs = UnobservedComponents(rows.mean(axis=(1, 2)), "local level", use_exact_diffuse=True)
    scatter = rows.var(axis=1, ddof=1).mean()
    freedom = sets * (n - 1)

    def least(q: float) -> float:
        # over all variances of a row; the scatter is chi-square
        return float(
            minimize_scalar(
                lambda v: (
                    -theirs.loglike([v / n, q * v / n])
                    - chi2.logpdf(freedom * scatter / v, freedom)
                    + math.log(v)
                ),
                bounds=(0.2, 5),
                method="bounded",
                options={"xatol": 1e-9},
            ).fun
        )

    for q in (0.03, 0.7, 40.0):
        found = surprise(rows, q) - surprise(rows, 1.0)
        assert found == pytest.approx(least(q) - least(1.0), rel=1e-6, abs=1e-6)


MOVING = [(0.5, 1, 1), (2.0, 3, 2), (0.05, 2, 3), (0.0, 1, 6)]
"""Drift, columns and seed."""


@pytest.mark.parametrize("confidence", [0.5, 0.95])
@pytest.mark.parametrize(("q", "dim", "seed"), MOVING)
def test_the_estimate_is_most_likely_and_the_ends_are_as_far_as_they_say(
    confidence: float, q: float, dim: int, seed: int
) -> None:
    rows = moving_rows(q, 25, 8, dim, np.random.default_rng(seed))
    found = estimate_drift(rows, confidence=confidence)
    assert (found.confidence, found.sets) == (confidence, 25)
    at = by_matrices(rows, found.q)
    tried = [by_matrices(rows, one) for one in np.linspace(0, 8, 200)]
    assert at <= min(tried) + 1e-9
    # the quantile of chi-square with one degree of freedom, halved
    far = {0.5: 0.22746821, 0.95: 1.92072941}[confidence]
    assert by_matrices(rows, found.high) - at == pytest.approx(far, abs=1e-6)
    if found.low > 0:
        assert by_matrices(rows, found.low) - at == pytest.approx(far, abs=1e-6)
    else:
        assert by_matrices(rows, 0) - at <= far
    assert found.low <= found.q < found.high


def test_a_truth_that_stands_still() -> None:
    # means that swing about more than a walk would: no drift is most likely
    rows = np.resize([1.0, -1.0], (20, 1)) + np.resize([3.0, -3.0, 0.0], 6)
    found = estimate_drift(rows)
    assert (found.q, found.low) == (0.0, 0.0)
    assert 0 < found.high < 0.2


def test_a_large_drift_is_found() -> None:
    rows = moving_rows(1e6, 30, 5, 1, np.random.default_rng(8))
    found = estimate_drift(rows)
    steps = (np.diff(standardized(rows)) ** 2).mean()  # 2 + q, where noise does not matter
    assert found.q == pytest.approx(steps - 2, rel=1e-4)
    assert found.low < 1e6 < found.high


@pytest.mark.parametrize("sets", [3, 60])
def test_shift_units_and_linear_maps_do_not_matter(sets: int) -> None:
    rng = np.random.default_rng(4)
    rows = moving_rows(0.8, sets, 6, 3, rng)
    one = estimate_drift(rows)
    units = np.diag([1e-4, 1.0, 1e5])
    for mapped in (rows + 100.0, rows @ rng.normal(size=(3, 3)), rows @ units, rows[::-1]):
        other = estimate_drift(mapped)
        for name in ("low", "q", "high"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-5, abs=1e-8)
    shuffled = estimate_drift(rows[rng.permutation(sets)])
    assert sets == 3 or shuffled.q > 1.5 * one.q  # the order does matter


def test_one_column_is_a_set_of_numbers() -> None:
    rows = moving_rows(0.8, 20, 6, 1, np.random.default_rng(4))
    assert estimate_drift(rows[..., 0]) == estimate_drift(rows)
    assert isinstance(estimate_drift(rows[..., 0].tolist()), DriftEstimate)


@cache
def repeated() -> tuple[DriftEstimate, ...]:
    """Estimate a drift of 1/2 from 30 sets, again and again."""
    rng = np.random.default_rng(5)
    return tuple(estimate_drift(moving_rows(0.5, 30, 10, 2, rng)) for _ in range(250))


def test_the_interval_covers() -> None:
    # a simulation: alarms wrongly with probability 2e-4, and misses a coverage of 85 % with
    # probability 2 %, one of 80 % with 3e-5
    least, most = 224, 249
    assert binom.cdf(least - 1, 250, 0.95) + binom.sf(most, 250, 0.95) < 2e-4
    assert binom.sf(least - 1, 250, 0.85) < 0.022
    assert binom.sf(least - 1, 250, 0.8) < 4e-5
    assert least <= sum(one.low < 0.5 < one.high for one in repeated()) <= most


def test_the_estimate_is_as_often_too_large_as_too_small() -> None:
    # nearly: a maximum likelihood estimate of a few dozen steps is a little small
    above = sum(one.q > 0.5 for one in repeated())
    assert 0.35 * 250 < above < 0.6 * 250
    assert np.mean([one.q for one in repeated()]) == pytest.approx(0.5, rel=0.12)


# --- the model -----------------------------------------------------------------------------------


def model(q: float, n: int, cov: Rows = SIGMA) -> DriftingGaussian:
    return DriftingGaussian(MEAN[: len(cov)], cov, drift=q / n)


@pytest.mark.parametrize(("w", "k", "q", "age"), GRID)
def test_the_theory_is_the_recursion(w: float, k: float, q: float, age: int) -> None:
    n, m = round(100 * k), 100
    k, path = n / m, [1.0]
    for _ in range(20):
        path.append(w**2 + (1 - w) ** 2 * (path[-1] + k + q))
    theory = model(q, n).theory(FreshReal(n=n, m=m, w=w))["mean"]
    assert theory.path(20) * n / 3 == pytest.approx(np.array(path), rel=1e-12)
    assert theory.limit() * n / 3 == pytest.approx(sum(error_parts(w, k, q)), rel=1e-12)


def test_the_theory_of_a_grid_and_of_other_loops() -> None:
    n, m, q, w = 20, 30, 0.7, np.array([0.1, 0.5, 1.0])
    limits = model(q, n).theory(FreshReal(n=n, m=m, w=w))["mean"].limit()
    assert limits * n / 3 == pytest.approx(error_ratio(w, n / m + q), rel=1e-12)
    lost = model(q, n).theory(FullySynthetic(n=n, m=m))["mean"].path(9)
    assert lost * n / 3 == pytest.approx(1 + np.arange(10) * (n / m + q), rel=1e-12)
    uneven = Uneven(n=[20, 10, 0, 40], m=[30, 5, 8], w=[0.6, 0.0, 0.5])
    e1 = 0.36 / 10 + 0.16 * (1 / 20 + q / n + 1 / 30)
    e2 = e1 + q / n + 1 / 5
    e3 = 0.25 / 40 + 0.25 * (e2 + q / n + 1 / 8)
    found = model(q, n).theory(uneven)["mean"].path(3) / 3
    assert found == pytest.approx([1 / 20, e1, e2, e3], rel=1e-12)


def test_a_mean_that_stands_still_is_a_gaussian_s() -> None:
    loop = FreshReal(n=9, m=7, w=[0.3, 0.6])
    still, plain = model(0, 9), Gaussian(MEAN, SIGMA)
    for metric in plain.metrics:
        one, other = (x.theory(loop)[metric].path(8) for x in (still, plain))
        assert (one == other).all()
    moving = model(5, 9).theory(loop)
    assert (moving["covariance"].path(8) == plain.theory(loop)["covariance"].path(8)).all()
    assert (moving["mean"].path(8)[:, 1:] > plain.theory(loop)["mean"].path(8)[:, 1:]).all()


LOOPS: dict[str, Loop] = {
    "fresh real": FreshReal(n=6, m=4, w=[0.2, 0.6, 0.9]),
    "fully synthetic": FullySynthetic(n=6, m=9),
    "uneven": Uneven(n=[6, 10, 0, 5, 8, 3], m=[30, 5, 8, 0, 4], w=[0.6, 0.0, 0.5, 1.0, 0.2]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_the_simulation_agrees(name: str) -> None:
    # a simulation: of the 33 numbers one is beyond 4.5 standard errors with probability 2e-4
    one, loop = model(1.5, 6), LOOPS[name]
    found = simulate(one, loop, steps=5, reps=20_000, seed=3).path()
    for metric, theory in one.theory(loop).items():
        rows = found[found["metric"] == metric]
        expected = np.atleast_2d(theory.path(5)).ravel()
        z = (rows["error"] - expected) / rows["standard_error"]
        assert np.abs(z).max() < Z
        if metric == "mean":
            assert (rows["standard_error"] / rows["error"]).max() < 0.011


def test_the_simulation_does_not_agree_without_the_drift() -> None:
    loop = LOOPS["fresh real"]
    found = simulate(model(1.5, 6), loop, steps=5, reps=20_000, seed=3).path()
    rows = found[(found["metric"] == "mean") & (found["t"] == 5)]
    z = (rows["error"] - model(0, 6).theory(loop)["mean"].path(5)[:, 5]) / rows["standard_error"]
    assert (z > [20, 20, 0]).all()


def row_by_row(w: float, n: int, m: int, q: float, steps: int, reps: int) -> Rows:
    """Let the truth itself move, and fit weighted rows; return squared errors over time."""
    rng, root = np.random.default_rng(9), np.linalg.cholesky(SIGMA)
    truth = np.broadcast_to(MEAN, (reps, 2))
    errors, mean, cov = [], np.empty(0), np.empty(0)
    for t in range(steps + 1):
        if t:
            truth = truth + rng.normal(size=(reps, 2)) @ root.T * (q / n) ** 0.5
        real = truth[:, None] + rng.normal(size=(reps, n, 2)) @ root.T
        moments = [(real.mean(axis=1), spread(real))]
        if t:
            drawn = mean[:, None] + np.einsum(
                "rij,rmj->rmi", np.linalg.cholesky(cov), rng.normal(size=(reps, m, 2))
            )
            moments.append((drawn.mean(axis=1), spread(drawn)))
        shares = (w, 1 - w) if t else (1.0,)
        mean, cov = (
            sum(share * part for share, part in zip(shares, parts, strict=True))
            for parts in zip(*moments, strict=True)
        )
        errors.append(((mean - truth) ** 2).sum(axis=-1))
    return np.array(errors)


def spread(rows: Rows) -> Rows:
    apart = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(np.einsum("rni,rnj->rij", apart, apart) / (rows.shape[1] - 1))


def test_rows_of_a_truth_that_really_moves() -> None:
    # a simulation, in which nothing is held relative to the truth
    w, n, m, q = 0.3, 6, 4, 1.5
    errors = row_by_row(w, n, m, q, 6, 20_000)
    mean, error = errors.mean(axis=1), errors.std(axis=1) / errors.shape[1] ** 0.5
    exact = model(q, n).theory(FreshReal(n=n, m=m, w=w))["mean"].path(6)
    assert np.abs((mean - exact) / error).max() < Z
    assert (error / mean).max() < 0.01
    still = Gaussian(MEAN, SIGMA).theory(FreshReal(n=n, m=m, w=w))["mean"].path(6)
    assert (np.abs((mean - still) / error)[1:] > 20).all()


def test_all_weights_of_a_replicate_see_the_same_steps() -> None:
    drift, many, size = 4.0, 10**15, (3, 20_000)
    one = DriftingGaussian(MEAN, SIGMA, drift=drift)
    truth = Moments(MEAN, tri.pack(SIGMA))
    rng = np.random.default_rng(6)
    # so many rows hardly scatter: what is left is the step
    first, second = (one.synthesize(truth, many, size, rng).mean - MEAN for _ in range(2))
    assert first.shape == (3, 20_000, 2)
    assert np.ptp(first, axis=0).max() < 1e-5
    assert first[0].std(axis=0).min() > 1
    both = np.concatenate([first[0], second[0]], axis=-1)
    expected = drift * np.kron(np.eye(2), SIGMA)  # independent from one generation to the next
    # a simulation: standard errors of covariances of normal variables
    scale = np.sqrt((np.outer(expected.diagonal(), expected.diagonal()) + expected**2) / 20_000)
    assert (np.abs(np.cov(both.T) - expected) < Z * scale).all()
    assert np.abs(both.mean(axis=0) / np.sqrt(expected.diagonal() / 20_000)).max() < Z


def test_real_rows_are_not_moved() -> None:
    one, plain = DriftingGaussian(MEAN, SIGMA, drift=9.0), Gaussian(MEAN, SIGMA)
    for name in ("mean", "lower"):
        ours, theirs = (
            getattr(x.draw(5, (1, 7), np.random.default_rng(1)), name) for x in (one, plain)
        )
        assert (ours == theirs).all()


def test_a_direction_that_does_not_vary_does_not_move() -> None:
    one = DriftingGaussian([1.0, 2.0], [[1.0, 0.0], [0.0, 0.0]], drift=3.0)
    rng = np.random.default_rng(1)
    drawn = one.synthesize(one.draw(5, (1, 9), rng), 5, (1, 9), rng)
    assert (drawn.mean[..., 1] == 2).all()
    assert (drawn.mean[..., 0] != 1).all()


@pytest.mark.parametrize("loop", [Accumulate(n=6, m=4), FixedReal(n=6, m=4, w=0.5)])
def test_loops_that_keep_old_rows_are_refused(loop: Loop) -> None:
    one, said = model(1, 6), "^`loop` must be FreshReal, FullySynthetic or Uneven, which keep no"
    with pytest.raises(ValueError, match=said):
        one.theory(loop)
    with pytest.raises(ValueError, match=said):
        simulate(one, loop, steps=2, reps=2)


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (-0.1, "finite and at least 0; got -0.1"),
        (math.nan, "finite and at least 0; got nan"),
        ("1", "finite and at least 0; got '1'"),
        ([0.5], "a single number; got [0.5]"),
    ],
)
def test_a_bad_drift(drift: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^`drift` must be {re.escape(said)}$"):
        DriftingGaussian([0.0], [[1.0]], drift=drift)


def test_what_a_gaussian_refuses() -> None:
    with pytest.raises(ValueError, match=r"^`cov` must be positive semi-definite"):
        DriftingGaussian([0.0], [[-1.0]], drift=1)
    with pytest.raises(ValueError, match=r"^`n` must be at least 2 for"):
        model(1, 6).theory(FreshReal(n=1, m=4, w=0.5))


def test_it_says_what_it_is() -> None:
    one = DriftingGaussian([0], [[1]], drift=0.25)
    assert repr(one) == "DriftingGaussian(mean=[0.0], cov=[[1.0]], drift=0.25)"
    again = eval(repr(one))  # noqa: S307  # our own words
    assert (again.mean, again.cov, again.drift) == (one.mean, one.cov, one.drift)
