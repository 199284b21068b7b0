"""What the loops are made of, and their recursion against bookkeeping by hand."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop, Source
from lib.recursion import AffineRecursion, SamplingNoise, affine_step
from lib.weights import error_ratio

pytestmark = pytest.mark.filterwarnings("error")

WEIGHTS = np.array([0.0, 0.3, 0.618, 1.0])
LOOPS: list[Loop] = [
    FullySynthetic(n=7, m=3),
    Accumulate(n=7, m=3),
    Accumulate(n=3, m=700),
    FixedReal(n=7, m=3, w=0.4),
    FixedReal(n=7, m=3, w=WEIGHTS),
    FreshReal(n=7, m=3, w=0.4),
    FreshReal(n=7, m=3, w=WEIGHTS),
]
MAKERS: list[Any] = [
    FullySynthetic,
    Accumulate,
    lambda **rows: FixedReal(w=0.5, **rows),
    lambda **rows: FreshReal(w=0.5, **rows),
]

# --- recipes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
@pytest.mark.parametrize("t", [1, 2, 3, 10, 1000, 10**9])
def test_the_weights_of_a_training_set_sum_to_one(loop: Loop, t: int) -> None:
    total = np.asarray(sum(loop.recipe(t).values()))
    assert total == pytest.approx(np.ones(total.shape), abs=1e-15)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_the_weights_of_a_training_set_are_not_negative(loop: Loop) -> None:
    assert all((np.asarray(weight) >= 0).all() for weight in loop.recipe(1).values())


@pytest.mark.parametrize(("n", "m"), [(5, 5), (7, 3), (1, 100)])
def test_accumulated_rows_all_count_the_same(n: int, m: int) -> None:
    shares = [1.0]  # of the first real rows, then of every synthetic set
    for t in range(1, 30):
        recipe = Accumulate(n=n, m=m).recipe(t)
        shares = [share * recipe[Source.PREVIOUS] for share in shares]
        shares.append(recipe[Source.SYNTHETIC])
        total = n + t * m
        assert shares == pytest.approx([n / total, *[m / total] * t], rel=1e-13, abs=0)


def test_where_the_rows_come_from() -> None:
    kinds = [set(loop.recipe(1)) for loop in (LOOPS[0], LOOPS[1], LOOPS[3], LOOPS[5])]
    assert kinds == [
        {"synthetic"},
        {"previous", "synthetic"},
        {"first", "synthetic"},
        {"fresh", "synthetic"},
    ]


def test_the_weight_is_on_the_real_rows() -> None:
    assert FreshReal(n=7, m=3, w=0.4).recipe(1)[Source.FRESH] == 0.4
    assert FixedReal(n=7, m=3, w=0.4).recipe(1)[Source.FIRST] == 0.4


def test_the_ratio() -> None:
    assert FullySynthetic(n=7, m=2).k == 3.5


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["n", "m"])
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("value", [0, -1, 2.5, math.nan, math.inf, "10", None, True, [10]])
def test_rows_are_whole_numbers(name: str, maker: Any, value: Any) -> None:
    message = rf"^`{name}` must be an integer of at least 1; got {re.escape(repr(value))}$"
    with pytest.raises(ValueError, match=message):
        maker(**{"n": 10, "m": 10} | {name: value})


@pytest.mark.parametrize("value", [1e6, np.float64(1e6), np.int64(10**6), 10**6])
def test_a_million_rows_may_be_written_with_an_exponent(value: Any) -> None:
    loop = FullySynthetic(n=value, m=value)
    assert loop.n == loop.m == 1_000_000
    assert type(loop.n) is int


@pytest.mark.parametrize("maker", [FixedReal, FreshReal])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, "half", None, [0.5, 2.0]])
def test_a_weight_is_between_zero_and_one(maker: Any, value: Any) -> None:
    message = rf"^`w` must be between 0 and 1; got {re.escape(repr(value))}$"
    with pytest.raises(ValueError, match=message):
        maker(n=10, m=10, w=value)


@pytest.mark.parametrize("maker", [FixedReal, FreshReal])
@pytest.mark.parametrize("value", [[], [[0.5]], [[0.1, 0.2], [0.3, 0.4]]])
def test_a_grid_is_a_line_and_not_empty(maker: Any, value: Any) -> None:
    message = rf"^`w` must be a number or a non-empty 1-d grid; got {re.escape(repr(value))}$"
    with pytest.raises(ValueError, match=message):
        maker(n=10, m=10, w=value)


@pytest.mark.parametrize("arguments", [(10, 10), (10, 10, 0.5)])
def test_arguments_go_by_name(arguments: tuple[float, ...]) -> None:
    # n and m are too easily swapped
    with pytest.raises(TypeError):
        FreshReal(*arguments)  # type: ignore[call-arg]


def test_a_number_stays_a_number_and_its_grid_has_one_weight() -> None:
    loop = FreshReal(n=10, m=10, w=np.float64(0.5))
    assert type(loop.w) is float
    assert loop.grid is not None
    assert loop.grid.tolist() == [0.5]


def test_loops_without_a_weight_have_no_grid() -> None:
    assert LOOPS[0].grid is None
    assert LOOPS[1].grid is None


def test_the_array_of_the_caller_is_neither_frozen_nor_shared() -> None:
    weights = np.array([0.1, 0.2])
    loop = FreshReal(n=10, m=10, w=weights)
    weights[0] = 0.9
    assert np.asarray(loop.w).tolist() == [0.1, 0.2]


def test_a_loop_cannot_be_changed() -> None:
    loop = FreshReal(n=10, m=10, w=[0.1, 0.2])
    with pytest.raises(dataclasses.FrozenInstanceError):
        loop.n = 20  # type: ignore[misc]
    assert loop.grid is not None
    with pytest.raises(ValueError, match="read-only"):
        loop.grid[0] = 0.9


# --- the recursion, by hand ----------------------------------------------------------------------

UNIT = SamplingNoise(np.array([1.0]), np.array([7 / 3]), np.array([[0.0]]))  # a mean, k = 7/3
K = 7 / 3


def by_hand(loop: Loop, noise: SamplingNoise, steps: int) -> list[float]:
    """Errors from the coefficients of every estimate on the independent errors of all samples.

    Keys are the real sets r0, r1, ... and the synthetic sets s1, s2, ...; a synthetic set is its
    model plus an error of its own, whose variance depends on how far that model has strayed.
    """
    variance = {f"r{t}": noise.real[0] for t in range(steps + 1)}
    sets: list[dict[str, float]] = [{"r0": 1.0}]  # all rows so far, for the accumulating loop
    estimate, errors = {"r0": 1.0}, [noise.real[0]]
    w = loop.grid[0] if loop.grid is not None else None
    for t in range(1, steps + 1):
        variance[f"s{t}"] = noise.synthetic[0] + noise.feedback[0, 0] * errors[-1]
        synthetic = estimate | {f"s{t}": 1.0}
        sets.append(synthetic)
        if isinstance(loop, FullySynthetic):
            parts = [(1.0, synthetic)]
        elif isinstance(loop, Accumulate):
            total = loop.n + t * loop.m
            rows = [loop.n] + [loop.m] * t
            parts = [(count / total, one) for count, one in zip(rows, sets, strict=True)]
        else:
            real = {"r0": 1.0} if isinstance(loop, FixedReal) else {f"r{t}": 1.0}
            parts = [(float(w), real), (1 - float(w), synthetic)]  # type: ignore[arg-type]
        estimate = {}
        for weight, part in parts:
            for key, value in part.items():
                estimate[key] = estimate.get(key, 0.0) + weight * value
        errors.append(sum(value**2 * variance[key] for key, value in estimate.items()))
    return errors


@pytest.mark.parametrize("loop", [x for x in LOOPS if x.grid is None or x.grid.size == 1], ids=repr)
@pytest.mark.parametrize("feedback", [0.0, -0.4])
def test_the_path_is_that_of_the_bookkeeping(loop: Loop, feedback: float) -> None:
    noise = SamplingNoise(np.array([1.0]), np.array([loop.k]), np.array([[feedback]]))
    assert loop.recursion(noise).path(12) == pytest.approx(
        by_hand(loop, noise, 12), rel=1e-13, abs=0
    )


def test_fully_synthetic_grows_by_one_synthetic_error_a_step() -> None:
    recursion = FullySynthetic(n=7, m=3).recursion(UNIT)
    assert recursion.path(50) == pytest.approx(1 + K * np.arange(51), rel=1e-13, abs=0)
    assert recursion.limit() == math.inf


def test_fixed_real_rows_are_never_better_than_alone() -> None:
    w = np.linspace(0.01, 1, 100)
    limit = FixedReal(n=7, m=3, w=w).recursion(UNIT).limit()
    assert limit == pytest.approx(1 + K * (1 - w) ** 2 / (w * (2 - w)), rel=1e-12, abs=0)
    assert limit.min() == limit[-1] == 1


def test_fresh_real_rows_settle_at_the_closed_form() -> None:
    w = np.linspace(0, 1, 101)
    limit = FreshReal(n=7, m=3, w=w).recursion(UNIT).limit()
    assert limit == pytest.approx(error_ratio(w, K), rel=1e-12, abs=0)


def test_no_weight_on_the_real_rows_is_fully_synthetic() -> None:
    alone = FullySynthetic(n=7, m=3).recursion(UNIT).path(20)
    for maker in (FixedReal, FreshReal):
        path = maker(n=7, m=3, w=0.0).recursion(UNIT).path(20)
        assert path == pytest.approx(alone, rel=1e-13, abs=0)


def test_all_weight_on_the_real_rows_never_moves() -> None:
    for maker in (FixedReal, FreshReal):
        assert maker(n=7, m=3, w=1.0).recursion(UNIT).path(5).tolist() == [1.0] * 6


def test_a_step_keeps_the_square_of_the_old_weight() -> None:
    a, c = affine_step(UNIT, fresh=0.25, synthetic=0.75)
    assert a.tolist() == pytest.approx([0.25**2 + 0.75**2 * K])
    assert c.tolist() == [[0.75**2]]


def test_a_step_with_the_first_rows_keeps_their_covariance() -> None:
    # x = w r + (1-w)(y + s) with cov(r, y) = var r = 1, whatever y the loop has reached
    a, c = affine_step(UNIT, first=0.25, synthetic=0.75)
    assert a.tolist() == pytest.approx([0.25**2 + 2 * 0.25 * 0.75 + 0.75**2 * K])
    assert c.tolist() == [[0.75**2]]


def test_a_step_with_all_rows_so_far() -> None:
    # y is what the old rows give and what the new ones are drawn from: all of it is kept
    a, c = affine_step(UNIT, previous=0.9, synthetic=0.1)
    assert a.tolist() == pytest.approx([0.01 * K])
    assert c == pytest.approx(np.array([[1.0]]))


def test_feedback_acts_on_the_synthetic_rows_alone() -> None:
    noise = SamplingNoise(np.ones(2), np.ones(2), np.array([[0.1, 0.2], [0.3, 0.4]]))
    _, c = affine_step(noise, fresh=0.5, synthetic=0.5)
    assert c == pytest.approx(0.25 * (np.eye(2) + noise.feedback))


def test_a_grid_gives_a_step_for_every_weight() -> None:
    recursion = FreshReal(n=7, m=3, w=WEIGHTS).recursion(UNIT)
    assert isinstance(recursion, AffineRecursion)
    assert recursion.a.shape == (4, 1)
    assert recursion.c.shape == (4, 1, 1)
