"""The loop whose numbers of rows change: its recursion, its simulation, what it refuses."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lib import Accumulate, FreshReal, Uneven, simulate
from lib.loops import Source
from lib.models import (
    Categorical,
    EmpiricalCDF,
    Gaussian,
    KernelDensity,
    LinearRegression,
    LogisticRegression,
    Model,
)
from lib.models.categorical import ResampledCategorical
from lib.recursion import SteppedRecursion
from lib.simulate import chains
from lib.survival import loss_probability

pytestmark = pytest.mark.filterwarnings("error")

N, M, W = [30, 20, 0, 50, 8], [40, 10, 25, 0], [0.7, 0.0, 0.4, 1.0]
LOOP = Uneven(n=N, m=M, w=W)
LINE = Gaussian([0.0], [[1.0]])


def by_hand(feedback: Callable[[int], float], first: float = 1.0) -> list[float]:
    """Follow e_t, in units of one row's variance."""
    errors = [first / N[0]]
    for n, m, w in zip(N[1:], M, W, strict=True):
        real = w**2 / n if n else 0.0
        drawn = (1 - w) ** 2 * (1 / m + feedback(m) * errors[-1]) if m else 0.0
        errors.append(real + drawn + (1 - w) ** 2 * errors[-1])
    return errors


def test_a_mean_follows_its_own_numbers_of_rows() -> None:
    path = LINE.theory(LOOP)["mean"].path(4)
    assert path == pytest.approx(by_hand(lambda _: 0.0), rel=1e-13, abs=0)


@pytest.mark.parametrize("model", [Categorical([0.5, 0.3, 0.2]), EmpiricalCDF()])
def test_frequencies_lose_a_little_more_of_the_old_error(model: Model) -> None:
    metric = model.metrics[0]
    unit = model.sampling_noise(1, 1)[metric].synthetic[0]
    path = model.theory(LOOP)[metric].path(4) / unit
    assert path == pytest.approx(by_hand(lambda m: -1 / m), rel=1e-12, abs=0)


def test_even_numbers_are_the_fresh_real_loop() -> None:
    model = Gaussian([0.0, 0.0], [[1.0, 0.3], [0.3, 2.0]])
    uneven = model.theory(Uneven(n=[20] * 7, m=[30] * 6, w=[0.6] * 6))
    even = model.theory(FreshReal(n=20, m=30, w=0.6))
    for metric in model.metrics:
        assert uneven[metric].path(6) == pytest.approx(even[metric].path(6), rel=1e-13, abs=0)


@pytest.mark.parametrize(
    "model", [Gaussian([0.0, 0.0], [[1.0, 0.3], [0.3, 2.0]]), Categorical([0.5, 0.3, 0.2])]
)
def test_the_simulation_agrees(model: Model) -> None:
    loop = Uneven(n=[30, 20, 0, 50, 8, 100], m=[40, 10, 25, 0, 5], w=[0.7, 0.0, 0.4, 1.0, 0.9])
    found = simulate(model, loop, steps=5, reps=20_000, seed=3).path()
    for metric, theory in model.theory(loop).items():
        rows = found[found["metric"] == metric]
        z = (rows["error"] - theory.path(5)) / rows["standard_error"]
        assert np.abs(z).max() < 4.5
        assert (rows["standard_error"] / rows["error"]).max() < 0.015


def test_the_simulation_does_not_agree_with_the_numbers_of_another_month() -> None:
    found = simulate(LINE, LOOP, steps=4, reps=20_000, seed=3).estimate("mean", t=2)
    swapped = LINE.theory(Uneven(n=N, m=[40, 25, 10, 0], w=W))["mean"].path(4)[2]
    assert abs(found.value - swapped) > 6 * found.standard_error


def test_a_fixed_design_is_observed_as_often_as_the_month_says() -> None:
    x = np.column_stack([np.ones(4), np.arange(4.0)])
    model = LinearRegression([1.0, 2.0], design=x)
    loop = Uneven(n=[8, 4, 12], m=[4, 0], w=[0.5, 1.0])
    unit = float(np.trace(np.linalg.inv(x.T @ x)) * 4)
    expected = [unit / 8, unit * (0.25 / 4 + 0.25 * (1 / 4 + 1 / 8)), unit / 12]
    assert model.theory(loop)["theta"].path(2) == pytest.approx(expected, rel=1e-12)
    assert model.status(loop) == "exact"
    with pytest.raises(ValueError, match=r"^`m` must be a multiple of the design's 4 rows; got 6$"):
        model.theory(Uneven(n=[8, 4, 4], m=[4, 6], w=[0.5, 0.5]))


def test_a_random_design_is_asymptotic() -> None:
    model = LinearRegression([1.0])
    assert model.status(LOOP) == "asymptotic"
    path = model.theory(LOOP)["theta"].path(4)
    assert path == pytest.approx(by_hand(lambda _: 0.0), rel=1e-13, abs=0)


def test_rows_that_are_not_there_are_not_trained_on() -> None:
    assert dict(LOOP.recipe(1)) == {Source.FRESH: 0.7, Source.SYNTHETIC: pytest.approx(0.3)}
    assert dict(LOOP.recipe(2)) == {Source.SYNTHETIC: 1.0}
    assert dict(LOOP.recipe(4)) == {Source.FRESH: 1.0}
    assert LOOP.sizes(0) == (30, 0)
    assert LOOP.sizes(3) == (50, 25)
    assert LOOP.fewest == (8, 10)
    assert LOOP.rows(4) == 75
    assert LOOP.rows(1) == 60
    assert LOOP.last == 4


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"w": 0.5}, "`w` must be one weight for each generation; got 0.5"),
        ({"w": []}, "`w` must be one weight for each generation; got []"),
        ({"w": [0.5, 1.5]}, "`w` must be between 0 and 1; got [0.5, 1.5]"),
        ({"w": [0.5, math.nan]}, "`w` must be between 0 and 1; got [0.5, nan]"),
        ({"n": [9, 9]}, "`n` must be 3 numbers of rows, as `w` says; got [9, 9]"),
        ({"n": 9}, "`n` must be 3 numbers of rows, as `w` says; got 9"),
        ({"m": [9, 9, 9]}, "`m` must be 2 numbers of rows, as `w` says; got [9, 9, 9]"),
        ({"n": [0, 9, 9]}, "`n[0]` must be an integer of at least 1; got 0"),
        ({"n": [9, -1, 9]}, "`n[1]` must be an integer of at least 0; got -1"),
        ({"m": [9, 2.5]}, "`m[1]` must be an integer of at least 0; got 2.5"),
        (
            {"n": [9, 9, 0]},
            "`w[1]` must be 0 where there are no real rows, and 1 where there are no synthetic "
            "rows; got 0.5",
        ),
        (
            {"m": [0, 9]},
            "`w[0]` must be 0 where there are no real rows, and 1 where there are no synthetic "
            "rows; got 0.5",
        ),
    ],
)
def test_bad_arguments(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Uneven(**{"n": [9, 9, 9], "m": [9, 9], "w": [0.5, 0.5]} | changed)


def test_it_ends() -> None:
    with pytest.raises(
        ValueError, match=r"^`steps` must be at most 4, where the loop ends; got 5$"
    ):
        simulate(LINE, LOOP, steps=5, reps=2)
    with pytest.raises(
        ValueError, match=r"^`steps` must be at most 4, where the loop ends; got 5$"
    ):
        chains(LINE, LOOP, steps=5)
    theory = LINE.theory(LOOP)["mean"]
    assert isinstance(theory, SteppedRecursion)
    with pytest.raises(
        ValueError, match=r"^`steps` must be at most 4, where the loop ends; got 5$"
    ):
        theory.path(5)
    with pytest.raises(TypeError, match="has no limit"):
        theory.limit()
    with pytest.raises(AttributeError, match="for each generation"):
        _ = LOOP.k
    with pytest.raises(TypeError, match="recursions"):
        LOOP.recursion(LINE.sampling_noise(2, 2)["mean"])


def test_too_few_rows_in_one_month_are_found() -> None:
    pair = Gaussian([0.0], [[1.0]])  # a covariance needs two rows
    with pytest.raises(ValueError, match=r"^`m` must be at least 2 for Gaussian; got 1$"):
        pair.theory(Uneven(n=[9, 9, 9], m=[9, 1], w=[0.5, 0.5]))
    logistic = LogisticRegression([0.5, 0.5])
    LogisticRegression([0.5, 0.5]).check(Uneven(n=[9, 1], m=[9], w=[0.5]))
    with pytest.raises(ValueError, match=r"where synthetic rows have no weight; got 1$"):
        logistic.check(Uneven(n=[9, 1], m=[9], w=[1.0]))
    with pytest.raises(ValueError, match=r"where real rows have no weight; got 1$"):
        logistic.check(Uneven(n=[9, 5], m=[1], w=[0.0]))
    with pytest.raises(ValueError, match=r"^`n` must be at least 2 for .*; got 1$"):
        logistic.check(Uneven(n=[1, 9], m=[9], w=[0.5]))


def test_theories_that_need_even_rows_say_so() -> None:
    with pytest.raises(ValueError, match=r"^`loop` must be one with the same rows at every gener"):
        KernelDensity(0.4).theory(LOOP)
    with pytest.raises(ValueError, match=r"^`loop` must be any but Accumulate and Uneven"):
        ResampledCategorical([0.5, 0.5], 5).theory(LOOP)
    with pytest.raises(ValueError, match=r"^`loop` must be one of lib.loops, with a single weight"):
        loss_probability(0.1, LOOP, 4)
    simulate(KernelDensity(0.4), LOOP, steps=4, reps=2)  # it runs all the same


@pytest.mark.parametrize(
    ("start", "a", "c", "said"),
    [
        (1.0, [[1.0]], [[[0.5]]], "`start` must be a vector"),
        ([1.0], [1.0], [[[0.5]]], "`a` must be of shape (generations, 1), as `start`"),
        ([1.0], [[1.0]], [[0.5]], "`c` must be of shape (1, 1, 1), as `a`"),
        ([1.0], [[math.inf]], [[[0.5]]], "`a` must be finite"),
    ],
)
def test_parts_of_a_recursion_that_do_not_fit(start: Any, a: Any, c: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        SteppedRecursion(start, a, c)


def test_other_loops_never_end() -> None:
    assert Accumulate(n=3, m=4).last is None
    assert FreshReal(n=3, m=4, w=0.5).sizes(7) == (3, 4)
    assert FreshReal(n=3, m=4, w=0.5).fewest == (3, 4)
