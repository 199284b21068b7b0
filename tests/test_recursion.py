"""The error recursions against closed forms, long sums and plain loops.

Nothing is simulated here; bounds are rounding bounds unless a comment says what is left out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import loggamma

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.recursion import AccumulatingRecursion, AffineRecursion, SamplingNoise
from lib.weights import error_ratio, half_life

pytestmark = pytest.mark.filterwarnings("error")


def scalar(start: float, a: float, c: float) -> AffineRecursion:
    return AffineRecursion(np.array([start]), np.array([a]), np.array([[c]]))


def noise(real: Any, synthetic: Any, feedback: Any) -> SamplingNoise:
    return SamplingNoise(np.array(real), np.array(synthetic), np.array(feedback))


def accumulated(start: float, a: float, b: float, k: float, steps: int = 50_000) -> float:
    """Sum e += (a + b e)/(k + t)^2 by hand, and add the rest of the sum from its integral."""
    error = start
    for t in range(1, steps + 1):
        error += (a + b * error) / (k + t) ** 2
    # sum over t > T of 1/(k+t)^2 is 1/(k + T + 1/2) to O(T^-3); e' = a + b e along it
    rest = 1 / (k + steps + 0.5)
    return error + (a + b * error) * (math.expm1(b * rest) / b if b else rest)


# --- scalar --------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [0.0, 0.3, 0.99, -0.6])
def test_the_scalar_path_is_the_limit_plus_a_geometric_transient(c: float) -> None:
    recursion, limit = scalar(1.0, 0.4, c), 0.4 / (1 - c)
    t = np.arange(31)
    expected = limit + np.power(c, t) * (1 - limit)
    assert recursion.path(30) == pytest.approx(expected, rel=1e-12, abs=0)
    assert recursion.limit() == pytest.approx(limit, rel=1e-13, abs=0)


def test_the_path_starts_at_the_start_and_has_one_value_a_step() -> None:
    path = scalar(3.0, 1.0, 0.5).path(7)
    assert path.shape == (8,)
    assert path[0] == 3.0


def test_scalars_come_back_as_python_numbers() -> None:
    recursion = scalar(1.0, 0.4, 0.5)
    assert type(recursion.limit()) is float
    assert type(recursion.half_life()) is float
    assert recursion.stable is True or recursion.stable is np.True_


@pytest.mark.parametrize("c", [1.0, 1.0 + 1e-12, 1.5, 1e10])
@pytest.mark.parametrize(("a", "limit"), [(0.1, math.inf), (-20.0, -math.inf)])
def test_an_unstable_error_has_an_infinite_limit(c: float, a: float, limit: float) -> None:
    assert scalar(1e-9, a, c).limit() == limit


def test_an_unstable_error_that_starts_below_its_fixed_point_goes_down() -> None:
    assert scalar(0.9, -1.0, 2.0).limit() == -math.inf  # the fixed point is 1
    assert scalar(1.1, -1.0, 2.0).limit() == math.inf


def test_no_noise_and_nothing_lost_stays_where_it_is() -> None:
    assert scalar(0.7, 0.0, 1.0).limit() == 0.7
    assert scalar(0.7, 0.0, 1.0).path(50).tolist() == [0.7] * 51


def test_an_exploding_path_reaches_infinity_without_a_warning() -> None:
    path = scalar(1.0, 1.0, 4.0).path(1000)
    assert path[-1] == math.inf
    assert not np.isnan(path).any()


@pytest.mark.parametrize(
    ("c", "expected"),
    [(0.25, 0.5), (0.5, 1.0), (-0.5, 1.0), (0.0, 0.0), (1.0, math.inf), (2.0, math.inf)],
)
def test_half_life(c: float, expected: float) -> None:
    assert scalar(0.0, 1.0, c).half_life() == pytest.approx(expected)


def test_half_life_is_the_closed_form_of_the_weights() -> None:
    w = np.array([0.05, 0.5, 0.9])
    recursion = FreshReal(n=4, m=4, w=w).recursion(noise([1.0], [1.0], [[0.0]]))
    assert isinstance(recursion, AffineRecursion)
    assert recursion.half_life() == pytest.approx(half_life(w), rel=1e-12, abs=0)


# --- vector --------------------------------------------------------------------------------------

C = np.array([[0.5, 0.3], [0.2, 0.4]])
A, START = np.array([1.0, -0.25]), np.array([2.0, 1.0])


def test_the_vector_path_is_the_brute_force_one() -> None:
    first, second, expected = 2.0, 1.0, [2.0]
    for _ in range(20):
        first, second = 1.0 + 0.5 * first + 0.3 * second, -0.25 + 0.2 * first + 0.4 * second
        expected.append(first)
    assert AffineRecursion(START, A, C).path(20) == pytest.approx(expected, rel=1e-14, abs=0)


def test_the_vector_limit_is_where_the_path_settles() -> None:
    recursion = AffineRecursion(START, A, C)
    assert recursion.limit() == pytest.approx(recursion.path(400)[-1], rel=1e-13, abs=0)


def test_the_vector_half_life_is_that_of_the_slowest_part() -> None:
    recursion = AffineRecursion(START, A, C)
    gap = np.abs(recursion.path(60) - recursion.limit())
    measured = math.log(2) / math.log(gap[49] / gap[50])
    assert recursion.half_life() == pytest.approx(measured, rel=1e-6, abs=0)


def test_rotating_eigenvalues_are_judged_by_their_modulus() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert AffineRecursion(START, A, 0.99 * turn).stable
    assert not AffineRecursion(START, A, 1.01 * turn).stable


def test_an_unstable_vector_has_an_infinite_limit() -> None:
    assert AffineRecursion(START, A, 3 * C).limit() == math.inf


def test_a_second_component_that_explodes_takes_the_first_along() -> None:
    # the first component does not move at t = 1, but it does from t = 2 on
    c = np.array([[1.0, 1.0], [0.0, 2.0]])
    recursion = AffineRecursion(np.zeros(2), np.array([0.0, 1.0]), c)
    assert recursion.path(3).tolist() == [0.0, 0.0, 1.0, 4.0]
    assert recursion.limit() == math.inf


def test_an_exploding_vector_path_holds_no_nan() -> None:
    # 0 * inf must not spoil a component that has nothing to do with the explosion
    recursion = AffineRecursion(np.ones(2), np.ones(2), np.diag([0.5, 4.0]))
    assert recursion.path(1000)[-1] == pytest.approx(2.0)


# --- grids ---------------------------------------------------------------------------------------


def test_a_grid_of_weights_is_a_leading_axis() -> None:
    w, one = np.array([0.0, 0.2, 0.618, 1.0]), noise([1.0], [0.5], [[0.0]])
    recursion = FreshReal(n=1, m=2, w=w).recursion(one)
    assert recursion.path(9).shape == (4, 10)
    assert recursion.limit() == pytest.approx(error_ratio(w, 0.5), rel=1e-13, abs=0)
    for row, weight in zip(recursion.path(9), w, strict=True):
        alone = FreshReal(n=1, m=2, w=float(weight)).recursion(one)
        assert row.tolist() == alone.path(9).tolist()


def test_any_leading_axes_broadcast() -> None:
    c = np.linspace(0, 0.9, 6).reshape(3, 2, 1, 1)
    recursion = AffineRecursion(np.array([1.0]), np.array([0.5]), c)
    assert recursion.path(4).shape == (3, 2, 5)
    assert recursion.limit() == pytest.approx(0.5 / (1 - c[..., 0, 0]), rel=1e-13, abs=0)
    assert recursion.half_life().shape == recursion.spectral_radius.shape == (3, 2)


def test_a_grid_may_be_stable_in_one_part_and_not_in_another() -> None:
    c = np.array([0.5, 1.0, 2.0]).reshape(3, 1, 1)
    recursion = AffineRecursion(np.array([1.0]), np.array([1.0]), c)
    assert recursion.stable.tolist() == [True, False, False]
    assert recursion.limit().tolist() == [2.0, math.inf, math.inf]


@pytest.mark.parametrize(
    "loop",
    [
        FreshReal(n=3, m=2, w=0.4),
        FixedReal(n=3, m=2, w=0.4),
        FullySynthetic(n=3, m=2),
        Accumulate(n=3, m=2),
    ],
)
def test_every_loop_without_a_grid_has_a_path_without_leading_axes(loop: Any) -> None:
    recursion = loop.recursion(noise([1.0, 1.0], [1.0, 1.0], 0.1 * np.ones((2, 2))))
    assert recursion.path(5).shape == (6,)
    assert type(recursion.limit()) is float


@pytest.mark.parametrize("steps", [0, -1, 2.5, math.nan, "3", None, True])
def test_a_bad_number_of_steps(steps: Any) -> None:
    with pytest.raises(ValueError, match=r"^`steps` must be an integer of at least 1; got "):
        scalar(1.0, 1.0, 0.5).path(steps)


@pytest.mark.parametrize("name", ["start", "a", "c"])
def test_a_recursion_of_numbers_that_are_not_finite(name: str) -> None:
    good = {"start": np.ones(1), "a": np.ones(1), "c": np.ones((1, 1))}
    with pytest.raises(ValueError, match=f"^`{name}` must be finite"):
        AffineRecursion(**good | {name: np.full_like(good[name], np.nan)})


# --- accumulating --------------------------------------------------------------------------------


def test_equal_sizes_sum_to_the_basel_problem() -> None:
    recursion = AccumulatingRecursion(noise([1.0], [1.0], [[0.0]]), 1.0)
    assert recursion.limit() == pytest.approx(math.pi**2 / 6, rel=1e-14, abs=0)
    assert recursion.path(9)[-1] == pytest.approx(
        sum(1 / i**2 for i in range(1, 11)), rel=1e-14, abs=0
    )


@pytest.mark.parametrize("k", [1e-9, 0.01, 0.5, 1.0, 2.0, 37.5, 1e3, 5e8])
@pytest.mark.parametrize("rate", [-0.5, -0.02, 0.0, 0.02, 0.5])
def test_the_accumulating_limit_is_where_the_sum_goes(k: float, rate: float) -> None:
    a, start = 0.3, 1.2
    found = AccumulatingRecursion(noise([start], [a], [[rate]]), k).limit()
    assert found == pytest.approx(accumulated(start, a, rate, k), rel=1e-11, abs=0)


@pytest.mark.parametrize("k", [1e-9, 0.01, 0.5, 1.0, 2.0, 37.5, 1e3])
@pytest.mark.parametrize("rate", [-0.5, -1e-3, 1e-3, 0.5])
def test_the_accumulating_limit_in_gamma_functions(k: float, rate: float) -> None:
    # prod (1 + b/(t+k)^2) = Gamma(1+k)^2 / (Gamma(1+k+i sqrt b) Gamma(1+k-i sqrt b)); e + a/b grows
    root = 1j * np.sqrt(complex(rate))
    growth = np.exp(2 * loggamma(1 + k) - loggamma(1 + k + root) - loggamma(1 + k - root)).real
    a, start = 0.3, 1.2
    expected = (start + a / rate) * growth - a / rate
    found = AccumulatingRecursion(noise([start], [a], [[rate]]), k).limit()
    # the log-gammas grow like k ln k and a/b multiplies what their difference has lost
    assert found == pytest.approx(
        expected, rel=1e-14 * (10 + k * math.log(1 + k)) / abs(rate), abs=0
    )


@pytest.mark.parametrize(
    ("n", "m"), [(2, 2), (2, 3), (2, 50), (2, 10**9), (10**9, 2), (10**9, 10**9)]
)
def test_the_accumulating_limit_of_a_covariance(n: int, m: int) -> None:
    # the two components of a covariance: F and G of the text, with A = 2, B = 4 (identity, d = 2)
    wishart = np.array([6.0, 4.0])
    one = noise(wishart / (n - 1), wishart / (m - 1), np.array([[1, 1], [2, 0]]) / (m - 1))
    f, g = wishart / (n - 1)
    steps, k = 50_000, n / m
    for t in range(1, steps + 1):
        share = 1 / (k + t) ** 2
        f, g = f + share * (6 + f + g) / (m - 1), g + share * (4 + 2 * f) / (m - 1)
    f += (6 + f + g) / (m - 1) / (k + steps + 0.5)
    # the rest of the sum is wrong in second order, (rate/T)^2 with rate up to 2
    assert AccumulatingRecursion(one, k).limit() == pytest.approx(f, rel=1e-8, abs=0)


def test_the_accumulating_path_is_the_sum_itself() -> None:
    path = AccumulatingRecursion(noise([1.0], [0.5], [[-0.1]]), 0.5).path(3)
    error, expected = 1.0, [1.0]
    for t in (1, 2, 3):
        error += (0.5 - 0.1 * error) / (0.5 + t) ** 2
        expected.append(error)
    assert path == pytest.approx(expected, rel=1e-14, abs=0)


def test_a_strong_feedback_does_not_break_the_limit() -> None:
    # the sum always converges, also where the series in zeta functions does not: b > (1 + k)^2
    found = AccumulatingRecursion(noise([1.0], [0.0], [[9.0]]), 0.5).limit()
    assert found == pytest.approx(accumulated(1.0, 0.0, 9.0, 0.5), rel=1e-8, abs=0)


def test_a_feedback_without_a_basis_of_eigenvectors() -> None:
    # the second component feeds the first and nothing else: e grows by zeta(2, 1 + k)
    one = noise([1.0, 1.0], [0.0, 0.0], [[0.0, 1.0], [0.0, 0.0]])
    assert AccumulatingRecursion(one, 1.0).limit() == pytest.approx(
        math.pi**2 / 6, rel=1e-12, abs=0
    )


@pytest.mark.parametrize("k", [0, -1, math.nan, math.inf, "1 to 2", None])
def test_a_bad_ratio(k: Any) -> None:
    with pytest.raises(ValueError, match=r"^`k` must be finite and greater than 0; got "):
        AccumulatingRecursion(noise([1.0], [1.0], [[0.0]]), k)


# --- noise ---------------------------------------------------------------------------------------


def test_numbers_become_vectors_and_a_matrix() -> None:
    one = SamplingNoise(1.0, 2.0, 0.5)  # type: ignore[arg-type]
    assert (one.real.shape, one.synthetic.shape, one.feedback.shape) == ((1,), (1,), (1, 1))


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (3, 3), (2,)])
def test_a_feedback_of_another_size(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^`feedback` must be of shape \(2, 2\); got "):
        SamplingNoise(np.ones(2), np.ones(2), np.ones(shape))


def test_a_synthetic_noise_of_another_size_is_named() -> None:
    with pytest.raises(ValueError, match=r"^`synthetic` must be "):
        SamplingNoise(np.ones(2), np.ones(3), np.ones((2, 2)))


@pytest.mark.parametrize("name", ["real", "synthetic", "feedback"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_noise_that_is_not_finite(name: str, bad: float) -> None:
    good = {"real": np.ones(1), "synthetic": np.ones(1), "feedback": np.ones((1, 1))}
    with pytest.raises(ValueError, match=f"^`{name}` must be finite; got "):
        SamplingNoise(**good | {name: good[name] * bad})


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "a", "c", "name"),
    [
        (1.0, 0.4, 0.5, "c"),
        ([1.0], [0.4], [0.5], "c"),
        ([1.0], [0.4], [[0.5, 0.5]], "c"),
        ([1.0, 1.0], [0.4], [[0.5]], "start"),
        ([1.0], [0.4, 0.4], [[0.5]], "a"),
        ([1.0], np.ones((2, 1)), np.ones((3, 1, 1)), "c"),
        ([1.0], [0.4], [[math.nan]], "c"),
    ],
)
def test_parts_of_a_recursion_that_do_not_fit_are_named(
    start: Any, a: Any, c: Any, name: str
) -> None:
    with pytest.raises(ValueError, match=f"^`{name}` must be "):
        AffineRecursion(start, a, c)
