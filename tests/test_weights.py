"""The closed forms against calculations that share nothing with them.

Bounds are rounding bounds (a few units in the last place), not tolerances: nothing is simulated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from lib import Accumulate
from lib import weights as module
from lib.schedule import adaptive_weights
from lib.weights import (
    break_even_weight,
    error_ratio,
    gain_over_naive,
    half_life,
    naive_weight,
    optimal_weight,
    resampled_error_ratio,
)

pytestmark = pytest.mark.filterwarnings("error")

PHI = (1 + math.sqrt(5)) / 2
ULPS = 2e-15  # nine roundings
SAME_EVERY_RUN = settings(derandomize=True, database=None, deadline=None, max_examples=50)

ratios = st.floats(-12, 12).map(lambda x: 10.0**x)
inner_weights = st.floats(0.001, 1)


def exact_optimum(k: float, r: float = 1.0) -> float:
    """Solve r u^2 - (1+k+r) u + 1 = 0 for the smaller root, w = 1 - u, with 400 digits."""
    with localcontext() as context:
        context.prec = 400  # 1 - u cancels 150 of them at k = 1e-300
        k_, r_ = Decimal(k), Decimal(r)
        b = 1 + k_ + r_
        # u = 2 / (b + sqrt(b^2 - 4r)) is also right for r = 0
        return float(1 - 2 / (b + (b * b - 4 * r_).sqrt()))


def exact_error(w: float, k: float, r: float = 1.0) -> float:
    w_, k_, r_ = Fraction(w), Fraction(k), Fraction(r)
    return float((w_**2 + k_ * (1 - w_) ** 2) / (1 - r_ * (1 - w_) ** 2))


# --- the optimum ---------------------------------------------------------------------------------


def test_the_optimum_at_one_is_the_golden_ratio() -> None:
    assert optimal_weight(1) == pytest.approx(1 / PHI, rel=ULPS, abs=0)
    assert error_ratio(1 / PHI, 1) == pytest.approx(PHI - 1, rel=ULPS, abs=0)


@pytest.mark.parametrize("contraction", [0.0, 0.3, 0.95, 1.0, 1.05, 2.0])
@pytest.mark.parametrize("k", np.random.default_rng(1).uniform(-2, 2, 5).tolist())
def test_a_numerical_minimiser_finds_the_same_weight(k: float, contraction: float) -> None:
    ratio = 10**k
    lowest = max(0.0, 1 - contraction**-0.5) if contraction else 0.0  # below, there is no limit
    found = minimize_scalar(
        lambda w: error_ratio(w, ratio, contraction=contraction),
        bounds=(lowest + 1e-9, 1),
        method="bounded",
        options={"xatol": 1e-12},
    )
    # a minimum is flat: a minimiser sees its place to the square root of the rounding error
    assert optimal_weight(ratio, contraction) == pytest.approx(found.x, abs=1e-6)


@pytest.mark.parametrize("exponent", range(-12, 13))
def test_the_optimum_is_right_to_the_last_digits_at_extreme_ratios(exponent: int) -> None:
    k = 10.0**exponent
    assert optimal_weight(k) == pytest.approx(exact_optimum(k), rel=ULPS, abs=0)


@pytest.mark.parametrize("k", [1e-300, 1e-40, 1e300])
def test_the_optimum_at_ratios_whose_square_leaves_the_floats(k: float) -> None:
    assert optimal_weight(k) == pytest.approx(exact_optimum(k), rel=ULPS, abs=0)


@SAME_EVERY_RUN
@given(ratios, st.floats(0, 1))
def test_the_optimum_is_right_to_the_last_digits_for_contractions_up_to_one(
    k: float, r: float
) -> None:
    assert optimal_weight(k, r) == pytest.approx(exact_optimum(k, r), rel=ULPS, abs=0)


@SAME_EVERY_RUN
@given(ratios, st.floats(1, 4))
def test_the_optimum_is_right_for_contractions_above_one(k: float, r: float) -> None:
    assert optimal_weight(k, r) == pytest.approx(exact_optimum(k, r), rel=1e-12, abs=0)


@SAME_EVERY_RUN
@given(ratios, st.floats(0, 4))
def test_the_error_at_the_optimum_is_the_optimum(k: float, r: float) -> None:
    w = exact_optimum(k, r)
    # sqrt(k) loses digits only to w itself being rounded; far above what a wrong formula gives
    assert error_ratio(w, k, contraction=r) == pytest.approx(w, rel=1e-9, abs=0)


@pytest.mark.parametrize("k", [1e-30, 1e-34, 1e-40])
def test_the_error_at_the_optimum_is_finite_however_small_the_ratio(k: float) -> None:
    # w* = sqrt(k) is so small here that 1 - w* rounds to 1
    assert error_ratio(exact_optimum(k), k) == pytest.approx(exact_optimum(k), rel=1e-9, abs=0)


@SAME_EVERY_RUN
@given(inner_weights.filter(lambda w: w < 0.999))
def test_the_ratio_for_which_a_weight_is_optimal(w: float) -> None:
    assert optimal_weight(w**2 / (1 - w)) == pytest.approx(w, rel=1e-12, abs=0)


def test_half_the_weight_needs_twice_the_synthetic_rows() -> None:
    assert optimal_weight(0.5) == pytest.approx(0.5, rel=ULPS, abs=0)


@pytest.mark.parametrize("k", [1, 2, 3, 7, 50])
def test_the_optimum_is_a_periodic_continued_fraction(k: int) -> None:
    value = Fraction(0)
    for _ in range(200):  # [0; 1, k, 1, k, ...] from the inside out
        value = 1 / (1 + 1 / (k + value))
    assert optimal_weight(k) == pytest.approx(float(value), rel=ULPS, abs=0)


def test_the_optimum_vanishes_like_the_root_of_the_ratio() -> None:
    assert optimal_weight(1e-12) / 1e-6 == pytest.approx(1, abs=1e-6)


# --- the error -----------------------------------------------------------------------------------


@SAME_EVERY_RUN
@given(inner_weights, ratios, st.floats(0, 1))
def test_the_error_against_exact_rationals(w: float, k: float, r: float) -> None:
    assert error_ratio(w, k, contraction=r) == pytest.approx(exact_error(w, k, r), rel=1e-14, abs=0)


@pytest.mark.parametrize("w", [1e-12, 1e-8, 1e-4])
def test_the_error_does_not_cancel_near_zero(w: float) -> None:
    assert error_ratio(w, 1) == pytest.approx(exact_error(w, 1), rel=1e-14, abs=0)


@SAME_EVERY_RUN
@given(ratios)
def test_naive_mixing(k: float) -> None:
    assert naive_weight(k) == pytest.approx(float(Fraction(k) / (Fraction(k) + 1)), rel=ULPS, abs=0)
    # near k = 1e12 the weight itself is known to 1e-16, and k (1-w)^2 to 1e-16 as well
    assert error_ratio(naive_weight(k), k) == pytest.approx((k + 1) / (k + 2), rel=1e-9, abs=0)


@SAME_EVERY_RUN
@given(ratios.filter(lambda k: k < 1e4))
def test_at_break_even_synthetic_rows_change_nothing(k: float) -> None:
    w = break_even_weight(k)
    assert error_ratio(w, k) == pytest.approx(1, rel=1e-9, abs=0)
    assert error_ratio(w * 1.001 if w < 0.9 else (1 + w) / 2, k) < 1 < error_ratio(w * 0.999, k)


@pytest.mark.parametrize(("w", "percent"), [(0.60, 0.16), (0.70, 3.1), (0.50, 7.9)])
def test_how_flat_the_optimum_is(w: float, percent: float) -> None:
    penalty = 100 * (error_ratio(w, 1) / error_ratio(optimal_weight(1), 1) - 1)
    digits = 2 if percent < 1 else 1
    assert round(penalty, digits) == percent


def test_no_real_weight_has_no_limit() -> None:
    assert error_ratio(0, 1) == math.inf


def test_only_real_weight_is_the_unit() -> None:
    assert error_ratio(1, 7.3) == 1.0


def test_frequencies_settle_even_without_real_weight() -> None:
    # k / (1 - r) with r = 1 - 1/m: the variance of a category that is gone or alone
    assert error_ratio(0, 2, contraction=1 - 1 / 50) == pytest.approx(100, rel=1e-13, abs=0)


@pytest.mark.parametrize("w", [0.0, 0.1, 0.29])
def test_an_expanding_loop_with_too_little_real_weight_has_no_limit(w: float) -> None:
    assert error_ratio(w, 1, contraction=2.0) == math.inf  # 2 (1-w)^2 >= 1 up to w = 0.2929


def test_an_expanding_loop_with_enough_real_weight_has_one() -> None:
    assert error_ratio(0.3, 1, contraction=2.0) == pytest.approx(
        exact_error(0.3, 1, 2), rel=1e-13, abs=0
    )


def test_half_life_halves_the_transient() -> None:
    w = np.array([0.01, 0.3, 0.618, 0.99])
    assert ((1 - w) ** (2 * half_life(w))).tolist() == pytest.approx([0.5] * 4, rel=1e-13, abs=0)


@SAME_EVERY_RUN
@given(k=ratios, r=st.floats(0, 3))
def test_break_even_with_a_contraction(k: float, r: float) -> None:
    w = break_even_weight(k, r)
    if Fraction(k) + Fraction(r) <= 1:
        assert w == pytest.approx(0, abs=1e-15)  # every weight gains
    else:
        # w^2 + k u^2 = 1 - r u^2 with u = 1 - w
        k_, r_ = Fraction(k), Fraction(r)
        assert w == pytest.approx(float((k_ + r_ - 1) / (k_ + r_ + 1)), rel=1e-12, abs=1e-15)
        if 0.01 < w < 0.99:
            assert exact_error(w, k, r) == pytest.approx(1, rel=1e-10)


@SAME_EVERY_RUN
@given(w=inner_weights, k=ratios, r=st.floats(0, 1))
def test_the_error_from_what_is_lost(w: float, k: float, r: float) -> None:
    error = module._forgetful_error_ratio(w, k, 1 - r)
    assert error == pytest.approx(error_ratio(w, k, contraction=r), rel=1e-12, abs=0)


def test_what_is_lost_keeps_its_digits() -> None:
    """At the weight of naive mixing with m = 10^12, where 1 - r = 1/m decides."""
    m = 10**12
    w, k, r = Fraction(1, m + 1), Fraction(1, m), 1 - Fraction(1, m)
    exact = float((w**2 + k * (1 - w) ** 2) / (1 - r * (1 - w) ** 2))
    assert module._forgetful_error_ratio(1 / (m + 1), 1 / m, 1 / m) == pytest.approx(
        exact, rel=ULPS, abs=0
    )
    assert exact == pytest.approx(1 / 3, rel=1e-11)


@pytest.mark.parametrize(("w", "r"), [(0.5, 0.9), (0.2, 1.1), (0.9, 5.0), (0.3, 1e-6)])
def test_half_life_with_a_contraction(w: float, r: float) -> None:
    assert (r * (1 - w) ** 2) ** half_life(w, r) == pytest.approx(0.5, rel=1e-12)


def test_half_life_where_nothing_or_everything_is_kept() -> None:
    assert half_life(0.5, 0) == half_life(1, 0) == 0
    assert half_life(0.1, 1.3) == math.inf  # r (1-w)^2 > 1: no limit


def test_half_life_at_the_ends() -> None:
    assert half_life(0) == math.inf
    assert half_life(1) == 0


# --- the gain over naive mixing ------------------------------------------------------------------


@pytest.mark.parametrize("k", [1e-8, 0.01, 0.19, 1.0, 40.0, 1e6])
def test_the_gain_is_the_ratio_of_both_errors(k: float) -> None:
    ratio = error_ratio(naive_weight(k), k) / error_ratio(optimal_weight(k), k)
    assert gain_over_naive(k) == pytest.approx(ratio, rel=1e-12, abs=0)


def test_the_gain_falls_from_infinity_to_one() -> None:
    gains = gain_over_naive(np.logspace(-12, 3, 2001))
    assert (np.diff(gains) < 0).all()
    assert gains[0] > 4e5
    assert 1 < gains[-1] < 1 + 1e-5


def test_the_gain_for_small_ratios_has_the_stated_expansion() -> None:
    for k in (1e-4, 1e-6):
        x = k**0.5
        left = gain_over_naive(k) - (1 / (2 * x) + 1 / 4 + 5 / 16 * x)
        assert abs(left) < k
    assert gain_over_naive(0.01) == pytest.approx(5.2824, abs=5e-5)


# --- the best weights that vary with time -------------------------------------------------------


def test_adaptive_weights_are_ratios_of_fibonacci_numbers() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    exact = [Fraction(a, b) for a, b in zip(fibonacci[2::2], fibonacci[3::2], strict=True)][:14]
    found = [Fraction(float(w)).limit_denominator(10**6) for w in adaptive_weights(1, 14)]
    assert exact[:3] == [Fraction(2, 3), Fraction(5, 8), Fraction(13, 21)]
    assert found == exact


@pytest.mark.parametrize("k", [0.01, 0.7, 1.0, 30.0])
def test_the_error_after_an_adaptive_weight_is_the_weight(k: float) -> None:
    error = 1.0
    for w in adaptive_weights(k, 30):
        error = w**2 + (1 - w) ** 2 * (k + error)  # one generation of the loop, from scratch
        assert error == pytest.approx(w, rel=1e-13, abs=0)


@pytest.mark.parametrize("k", [0.01, 0.7, 1.0, 30.0])
def test_adaptive_weights_are_the_best_at_each_generation(k: float) -> None:
    error = 1.0
    for best in adaptive_weights(k, 5):

        def after(w: float, old: float = error) -> float:
            return w**2 + (1 - w) ** 2 * (k + old)

        assert after(best) < min(after(best - 1e-4), after(best + 1e-4))
        error = after(best)


@pytest.mark.parametrize("k", [0.01, 0.7, 1.0, 30.0])
def test_adaptive_weights_settle_at_the_optimum(k: float) -> None:
    assert adaptive_weights(k, 300)[-1] == pytest.approx(optimal_weight(k), rel=ULPS, abs=0)


# --- shapes and types ----------------------------------------------------------------------------

FUNCTIONS: list[Callable[[Any], Any]] = [
    lambda x: error_ratio(x, 1),
    lambda x: error_ratio(0.5, x),
    lambda x: error_ratio(0.5, 1, contraction=x),
    optimal_weight,
    lambda x: optimal_weight(1, x),
    naive_weight,
    break_even_weight,
    gain_over_naive,
    half_life,
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("one", [1, 1.0, np.float64(1), np.array(1.0)])
def test_a_scalar_gives_a_python_float(function: Callable[[Any], Any], one: Any) -> None:
    assert type(function(one)) is float


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_array_gives_what_its_elements_give(function: Callable[[Any], Any]) -> None:
    grid = np.array([[0.1, 0.5, 0.9], [0.2, 0.3, 1.0]])
    assert function(grid).tolist() == [[function(x) for x in row] for row in grid]


def test_weights_and_ratios_broadcast() -> None:
    w, k = np.array([0.0, 0.2, 1.0]), np.array([[0.5], [2.0]])
    expected = [[error_ratio(x, y) for x in w] for y in k[:, 0]]
    assert error_ratio(w, k).tolist() == expected
    assert optimal_weight(k, contraction=w).shape == (2, 3)


def test_arguments_are_left_alone() -> None:
    w = np.array([0.0, 0.5, 1.0])
    error_ratio(w, 1)
    half_life(w)
    assert w.tolist() == [0.0, 0.5, 1.0]


class Traced:
    """A number that knows the four operations and powers, and nothing else, as Vega does."""

    def __init__(self, value: float) -> None:
        self.value = value

    def _join(self, other: Any, operation: Callable[[float, float], float]) -> Traced:
        return Traced(operation(self.value, getattr(other, "value", other)))

    def __add__(self, other: Any) -> Traced:
        return self._join(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Traced:
        return self._join(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Traced:
        return self._join(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Traced:
        return self._join(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Traced:
        return self._join(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Traced:
        return self._join(other, lambda a, b: b / a)

    def __pow__(self, other: Any) -> Traced:
        return self._join(other, lambda a, b: a**b)

    __radd__, __rmul__ = __add__, __mul__


@pytest.mark.parametrize(("w", "k", "r"), [(0.3, 0.05, 1.0), (0.9, 12.0, 0.99), (0.5, 1.0, 0.5)])
def test_the_traced_formulas_are_the_checked_ones(w: float, k: float, r: float) -> None:
    w_, k_, r_ = Traced(w), Traced(k), Traced(r)
    pairs = [
        (module._error_ratio(w_, k_, r_), error_ratio(w, k, contraction=r)),
        (module._error_ratio(w_, k_), error_ratio(w, k)),
        (module._optimal_weight(k_, r_), optimal_weight(k, r)),
        (module._optimal_weight(k_), optimal_weight(k)),
        (module._naive_weight(k_), naive_weight(k)),
        (module._break_even_weight(k_), break_even_weight(k)),
        (module._break_even_weight(k_, 1 - r_), break_even_weight(k, r)),
        (module._forgetful_error_ratio(w_, k_, 1 - r_), error_ratio(w, k, contraction=r)),
    ]
    for traced, checked in pairs:
        assert traced.value == pytest.approx(checked, rel=ULPS, abs=0)


def test_the_traced_error_at_a_generation() -> None:
    error = 1.0
    for t in range(6):
        assert module._error_at(t, 0.2, 0.7) == pytest.approx(error, rel=1e-13, abs=0)
        error = 0.2**2 + 0.8**2 * (0.7 + error)


# --- messages ------------------------------------------------------------------------------------

BAD = {
    "w": [-1e-9, 1.000001, 2, math.nan, math.inf, -math.inf, "half", None, [0.5, -1]],
    "k": [0, 0.0, -1, math.nan, math.inf, -math.inf, "one", None, [1, 0]],
    "contraction": [-0.1, math.nan, math.inf, "one", None, [1, -1]],
    "steps": [0, -3, 2.5, math.nan, math.inf, "three", "3", None, True, [3]],
}
TAKES: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("error_ratio", "w", lambda x: error_ratio(x, 1)),
    ("error_ratio", "k", lambda x: error_ratio(0.5, x)),
    ("error_ratio", "contraction", lambda x: error_ratio(0.5, 1, contraction=x)),
    ("optimal_weight", "k", optimal_weight),
    ("optimal_weight", "contraction", lambda x: optimal_weight(1, x)),
    ("naive_weight", "k", naive_weight),
    ("break_even_weight", "k", break_even_weight),
    ("half_life", "w", half_life),
    ("break_even_weight", "contraction", lambda x: break_even_weight(1, x)),
    ("half_life", "contraction", lambda x: half_life(0.5, x)),
    ("adaptive_weights", "k", lambda x: adaptive_weights(x, 3)),
    ("adaptive_weights", "steps", lambda x: adaptive_weights(1, x)),
]


@pytest.mark.parametrize(
    ("name", "call", "value"),
    [
        pytest.param(name, call, value, id=f"{function}-{name}={value!r}")
        for function, name, call in TAKES
        for value in BAD[name]
    ],
)
def test_the_message_names_the_argument_and_the_value(
    name: str, call: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"^`{name}` must be .*; got {re.escape(repr(value))}$"):
        call(value)


@pytest.mark.parametrize(("function", "name", "call"), [x for x in TAKES if x[1] != "steps"])
def test_a_number_in_a_string_is_not_a_number(
    function: str, name: str, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(ValueError, match=rf"^`{name}` must be .*; got '0.5'$"):
        call("0.5")


def test_adaptive_weights_take_one_ratio() -> None:
    with pytest.raises(ValueError, match=r"^`k` must be a single number; got \[1, 2\]$"):
        adaptive_weights([1, 2], 3)  # type: ignore[arg-type]


def test_a_million_steps_may_be_written_with_an_exponent() -> None:
    assert adaptive_weights(1, 1e3).shape == (1000,)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [10**400, [1, 10**400], np.array(["0.5"], dtype=object)])
def test_what_no_float_can_hold_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^`k` must be finite and greater than 0; got "):
        optimal_weight(value)


@pytest.mark.parametrize("value", [10**400, 2**53 + 2, 1e300])
def test_counts_have_a_largest_value(value: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^`n` must be an integer of at least 1 and at most 2\^53"
    ):
        Accumulate(n=value, m=1)


# --- rows that are drawn again with the weights as probabilities ---------------------------------

shares = st.floats(-6, 3).map(lambda x: 10.0**x)


@SAME_EVERY_RUN
@given(w=inner_weights, k=ratios, s=shares)
def test_drawing_rows_again_adds_to_the_noise(w: float, k: float, s: float) -> None:
    w_, k_, s_ = Fraction(w), Fraction(k), Fraction(s)
    expected = float((w_**2 + k_ * (1 - w_) ** 2 + s_) / (w_ * (2 - w_)))
    assert resampled_error_ratio(w, k, s) == pytest.approx(expected, rel=ULPS, abs=0)


@SAME_EVERY_RUN
@given(w=inner_weights, k=ratios)
def test_infinitely_many_rows_drawn_again_are_weights_that_are_used(w: float, k: float) -> None:
    assert resampled_error_ratio(w, k, 0) == pytest.approx(error_ratio(w, k), rel=ULPS, abs=0)
    # every generation adds s, of which (1 - w)^2 is kept
    more, kept = 0.3 / (w * (2 - w)), error_ratio(w, k)
    assert resampled_error_ratio(w, k, 0.3) == pytest.approx(kept + more, rel=1e-12, abs=0)


@SAME_EVERY_RUN
@given(k=ratios, s=shares, other=inner_weights)
def test_the_best_weight_with_rows_drawn_again(k: float, s: float, other: float) -> None:
    best = optimal_weight(k + s)
    least = resampled_error_ratio(best, k, s)
    assert least == pytest.approx(best + s, rel=1e-8, abs=0)
    assert resampled_error_ratio(other, k, s) >= least * (1 - 1e-12)
    # it is the smallest there is near by, too
    for near in (best * 0.99, min(1.0, best * 1.01)):
        assert resampled_error_ratio(near, k, s) >= least * (1 - 1e-12)


@SAME_EVERY_RUN
@given(k=st.floats(0.01, 100), times=st.floats(0.01, 10))
def test_more_than_so_many_rows_must_be_drawn_again(k: float, times: float) -> None:
    rows = times * (k + 2)  # N/n
    least = resampled_error_ratio(optimal_weight(k + 1 / rows), k, 1 / rows)
    if abs(times - 1) > 1e-6:
        assert (least < 1) == (times > 1)
    edge = 1 / (k + 2)
    at_the_edge = resampled_error_ratio(optimal_weight(k + edge), k, edge)
    assert at_the_edge == pytest.approx(1, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("w", "k", "s", "error"),
    [(0.5, 1, 0.25, 1.0), (1, 3, 0.5, 1.5), (0.5, 2, 0, 1.0), (0, 1, 0, math.inf)],
)
def test_resampled_errors_by_hand(w: float, k: float, s: float, error: float) -> None:
    found = resampled_error_ratio(w, k, s)
    assert type(found) is float
    assert found == pytest.approx(error, rel=ULPS, abs=0)


def test_resampled_errors_broadcast() -> None:
    w, k, s = [0.0, 0.3, 1.0], [[1.0], [2.0]], np.array([0.1, 0.2])[:, None, None]
    found = resampled_error_ratio(w, k, s)
    assert found.shape == (2, 2, 3)
    assert np.isinf(found[..., 0]).all()
    for place in np.ndindex(2, 2, 2):
        i, j, l = place  # noqa: E741
        one = resampled_error_ratio(w[1 + l], k[j][0], s[i, 0, 0])
        assert found[i, j, 1 + l] == pytest.approx(one, rel=ULPS, abs=0)
    assert isinstance(resampled_error_ratio([0.5], 1, 0.5), np.ndarray)
    assert resampled_error_ratio([], 1, 0.5).shape == (0,)


def test_the_traced_resampled_error() -> None:
    traced = module._resampled_error_ratio(Traced(0.4), Traced(0.7), Traced(0.3))
    assert traced.value == pytest.approx(resampled_error_ratio(0.4, 0.7, 0.3), rel=ULPS, abs=0)


@pytest.mark.parametrize(
    ("name", "call", "value"),
    [
        pytest.param(name, call, value, id=f"{name}={value!r}")
        for name, call, values in (
            ("w", lambda x: resampled_error_ratio(x, 1, 0.5), BAD["w"]),
            ("k", lambda x: resampled_error_ratio(0.5, x, 0.5), BAD["k"]),
            ("share", lambda x: resampled_error_ratio(0.5, 1, x), BAD["contraction"]),
        )
        for value in [*values, "0.5"]
    ],
)
def test_what_a_resampled_error_refuses(name: str, call: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^`{name}` must be .*; got {re.escape(repr(value))}$"):
        call(value)
