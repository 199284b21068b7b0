"""How long categories and rows survive: against enumeration, branching processes and simulation.

Only the tests that say so simulate; each |z| < 4.5 alarms wrongly with probability 7e-6. The seeds
are fixed.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.special import lambertw

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop, Recipe
from lib.models import Categorical, EmpiricalCDF
from lib.simulate import chains, simulate
from lib.survival import (
    MOST_ROWS,
    TERMS,
    _memory,
    extinction,
    loss_probability,
    memory,
    surviving_rows,
)

pytestmark = pytest.mark.filterwarnings("error")

Z = 4.5
LOOPS: list[Loop] = [
    FullySynthetic(n=5, m=4),
    Accumulate(n=5, m=4),
    *[kind(n=5, m=4, w=w) for kind in (FixedReal, FreshReal) for w in (0.0, 0.4, 1.0)],
]


def z(found: np.ndarray, expected: Any) -> np.ndarray:
    """Return how many standard errors the share of successes (along axis -1) is off."""
    p = np.asarray(expected)
    return np.abs(found.mean(axis=-1) - p) / np.sqrt(p * (1 - p) / found.shape[-1])


# --- rows that have copies -----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 3), (3, 8), (100, 70), (10**6, 50)])
def test_one_generation_of_survivors(n: int, m: int) -> None:
    found = surviving_rows(n, m, 1)
    assert found == pytest.approx([n, n * (1 - (1 - 1 / n) ** m)], rel=1e-9)


def test_survivors_by_enumeration() -> None:
    n, m, steps = 3, 2, 3
    total = [0] * (steps + 1)
    # every way in which rows can pick their parents, all of them equally likely
    first = list(product(range(n), repeat=m))
    later = list(product(range(m), repeat=m))
    for rows in product(first, *[later] * (steps - 1)):
        held: list[int] = list(range(n))
        for t, parents in enumerate(rows, start=1):
            held = [held[parent] for parent in parents]
            total[t] += len(set(held))
    ways = len(first) * len(later) ** (steps - 1)
    expected = [float(n), *[x / ways for x in total[1:]]]
    assert surviving_rows(n, m, steps) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(6, 4), (4, 9), (30, 30)])
def test_survivors_of_simulated_rows(n: int, m: int) -> None:
    # simulated, row by row: names of real rows instead of values
    rng = np.random.default_rng(40)
    reps, steps = 20_000, 12
    held = np.broadcast_to(np.arange(n), (reps, n))
    expected = surviving_rows(n, m, steps)
    for t in range(1, steps + 1):
        held = np.take_along_axis(held, rng.integers(0, held.shape[1], (reps, m)), axis=1)
        ordered = np.sort(held, axis=1)
        distinct = 1 + (np.diff(ordered, axis=1) > 0).sum(axis=1)
        se = distinct.std() / math.sqrt(reps)
        assert abs(distinct.mean() - expected[t]) < Z * se


def test_survivors_are_the_distinct_values_of_a_distribution_function() -> None:
    # simulated
    result = simulate(
        EmpiricalCDF(),
        FullySynthetic(n=20, m=15),
        steps=30,
        reps=4000,
        seed=1,
        metrics=["distinct"],
        progress=False,
    )
    expected = surviving_rows(20, 15, 30)
    for t in (1, 5, 30):
        estimate = result.estimate("distinct", t=t)
        assert abs(estimate.value - expected[t]) < Z * estimate.standard_error


def test_in_the_end_one_row_survives() -> None:
    found = surviving_rows(20, 10, 400)
    assert found[-1] == pytest.approx(1, rel=1e-12)
    assert (np.diff(found) < 1e-12).all()
    # the slowest mode: two rows still have different parents
    assert (found[61] - 1) / (found[60] - 1) == pytest.approx(1 - 1 / 10, rel=1e-4)


def test_survivors_of_many_rows_are_a_branching_process() -> None:
    # n (1 - q_t) rows, and what is left over is of order 1
    one, two = (surviving_rows(n, n, 20) / n for n in (500, 1000))
    assert 2 * two - one == pytest.approx(1 - extinction(20), rel=1e-3)


# --- the loss of a category ----------------------------------------------------------------------


def enumerated(p: Fraction, loop: Loop, steps: int, ever: bool) -> list[float]:
    """Follow the law of everything that a generation depends on, in rational numbers."""
    name = type(loop).__name__
    w = Fraction(np.asarray(getattr(loop, "w", 0.0)).item()).limit_denominator(1000)

    def binomial(rows: int, chance: Fraction) -> dict[int, Fraction]:
        return {
            j: math.comb(rows, j) * chance**j * (1 - chance) ** (rows - j) for j in range(rows + 1)
        }

    # state: share in the fit, share in the first rows, rows so far, whether it was ever lost
    law: dict[tuple[Fraction, Fraction, int, bool], Fraction] = {}
    for r, chance in binomial(loop.n, p).items():
        share = Fraction(r, loop.n)
        law[share, share, loop.n, share == 0] = chance
    lost = []
    for t in range(steps + 1):
        now = [chance for (fit, _, _, past), chance in law.items() if (past if ever else fit == 0)]
        lost.append(float(sum(now)))
        if t == steps:
            break
        new: dict[tuple[Fraction, Fraction, int, bool], Fraction] = {}
        for (fit, first, rows, past), chance in law.items():
            for s, likely in binomial(loop.m, fit).items():
                drawn = Fraction(s, loop.m)
                fits: dict[Fraction, Fraction] = {}
                if name == "FreshReal":
                    for r, real in binomial(loop.n, p).items():
                        value = w * Fraction(r, loop.n) + (1 - w) * drawn
                        fits[value] = fits.get(value, Fraction(0)) + real
                elif name == "FixedReal":
                    fits[w * first + (1 - w) * drawn] = Fraction(1)
                elif name == "Accumulate":
                    fits[(rows * fit + loop.m * drawn) / (rows + loop.m)] = Fraction(1)
                else:
                    fits[drawn] = Fraction(1)
                for value, part in fits.items():
                    state = (value, first, rows + loop.m, past or value == 0)
                    new[state] = new.get(state, Fraction(0)) + chance * likely * part
        law = new
    return lost


@pytest.mark.parametrize("ever", [False, True])
@pytest.mark.parametrize(
    "loop",
    [
        FullySynthetic(n=3, m=2),
        FullySynthetic(n=1, m=4),
        Accumulate(n=3, m=2),
        *[kind(n=3, m=2, w=w) for kind in (FixedReal, FreshReal) for w in (0.0, 0.4, 0.5, 1.0)],
        FreshReal(n=1, m=3, w=0.25),
        FreshReal(n=3, m=2, w=[0.4]),
    ],
    ids=repr,
)
def test_the_loss_by_enumeration(loop: Loop, ever: bool) -> None:
    exact = enumerated(Fraction(3, 10), loop, 3, ever)
    found = loss_probability(0.3, loop, 3, ever=ever)
    assert found == pytest.approx(exact, rel=1e-12, abs=0)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_the_loss_of_simulated_chains(loop: Loop) -> None:
    # simulated
    p, steps = 0.15, 12
    fits = chains(Categorical([p, 1 - p]), loop, steps=steps, reps=20_000, seed=2)
    gone = np.array([fit[0, :, 0] == 0 for fit in fits])
    ever = np.logical_or.accumulate(gone)
    assert gone.shape == (steps + 1, 20_000)
    assert (z(gone, loss_probability(p, loop, steps)) < Z).all()
    assert (z(ever, loss_probability(p, loop, steps, ever=True)) < Z).all()
    if not isinstance(loop, FreshReal):  # what is lost stays lost
        assert (gone == ever).all()


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_a_first_loss_is_a_distribution_function(loop: Loop) -> None:
    now = loss_probability(0.1, loop, 300)
    ever = loss_probability(0.1, loop, 300, ever=True)
    assert now[0] == ever[0] == pytest.approx(0.9**5, rel=1e-12)
    assert (np.diff(ever) >= -1e-14).all()
    assert (ever >= now - 1e-14).all()
    assert ever[-1] <= 1 + 1e-12


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_synthetic_rows_alone_lose_all_but_one_category(p: float) -> None:
    # a martingale: in the end the category is everything with probability p
    found = loss_probability(p, FullySynthetic(n=9, m=6), 400)
    assert found[-1] == pytest.approx(1 - p, rel=1e-12)


def test_real_rows_alone_miss_a_category_at_every_generation_anew() -> None:
    miss = 0.9**8
    found = loss_probability(0.1, FreshReal(n=8, m=3000, w=1.0), 20, ever=True)
    assert found == pytest.approx(1 - (1 - miss) ** np.arange(1, 22), rel=1e-12)


def test_first_rows_that_stay_keep_what_they_show() -> None:
    for loop in (Accumulate(n=8, m=10**6), FixedReal(n=8, m=10**6, w=0.01)):
        assert loss_probability(0.1, loop, 20) == pytest.approx(np.full(21, 0.9**8), rel=1e-12)


# --- branching -----------------------------------------------------------------------------------


def test_extinction_is_a_poisson_branching_process() -> None:
    # simulated: the descendants of one row
    rng = np.random.default_rng(41)
    for mean in (0.4, 1.0, 1.5):
        alive = np.ones(20_000, dtype=int)
        q = extinction(8, mean)
        for t in range(1, 9):
            alive = rng.poisson(mean * alive)
            assert z(alive == 0, q[t]) < Z


def test_a_critical_process_dies_like_2_over_t() -> None:
    t = np.array([10**3, 10**4, 10**5])
    alive = 1 - extinction(10**5)[t]
    # 1/(1 - q_t) = t/2 + (ln t)/6 + O(1)
    assert (abs(t * alive / 2 - 1) < 4 * np.log(t) / t).all()
    rest = 1 / alive - t / 2 - np.log(t) / 6
    assert np.ptp(rest) < 0.01


def test_other_processes() -> None:
    small = 1 - extinction(21, 0.4)
    assert small[21] / small[20] == pytest.approx(0.4, rel=1e-7)
    end = -lambertw(-2 * math.exp(-2)).real / 2  # the root of q = exp(2 (q - 1)) below 1
    assert extinction(100, 2.0)[-1] == pytest.approx(end, rel=1e-12)


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_rare_category_of_many_rows_is_a_branching_process(ratio: int) -> None:
    # simulated: m/n copies of a row in the first generation and one in the others
    n, rare, steps = 10**7, 2.0, 15
    loop = FullySynthetic(n=n, m=ratio * n)
    p = rare / n
    fits = chains(Categorical([p, 1 - p]), loop, steps=steps, reps=20_000, seed=3)
    gone = np.array([fit[0, :, 0] == 0 for fit in fits])
    copies = 1 - np.exp(ratio * (extinction(steps) - 1))  # of a row, after 1, ... generations
    expected = np.exp(-rare * np.concatenate([[1.0], copies[:-1]]))
    assert (z(gone, expected) < Z).all()
    if ratio == 1:
        assert expected == pytest.approx(np.exp(-rare * (1 - extinction(steps))), rel=1e-12)


@pytest.mark.parametrize("rare", [0.5, 3.0])
def test_the_exact_chain_goes_to_the_branching_process(rare: float) -> None:
    one, two, four = (
        loss_probability(rare / n, FullySynthetic(n=n, m=n), 10) for n in (200, 400, 800)
    )
    limit = np.exp(-rare * (1 - extinction(10)))
    # what is left is of order 1/n, 1/n^2, ...
    assert (8 * four - 6 * two + one) / 3 == pytest.approx(limit, abs=1e-6)


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(10**7, 10**7), (10**7, 5 * 10**7), (10**7, 4 * 10**6)])
def test_the_memory_of_simulated_chains(n: int, m: int) -> None:
    # simulated
    rare, w = 1.3, np.array([0.2, 0.618, 0.95])
    p = rare / n
    loop = FreshReal(n=n, m=m, w=w)
    *_, last = chains(Categorical([p, 1 - p]), loop, steps=60, reps=20_000, seed=4)
    gone = last[..., 0] == 0
    assert (z(gone, np.exp(-rare * memory(w, n / m))) < Z).all()


@pytest.mark.parametrize("w", [0.3, 0.618, 0.9])
@pytest.mark.parametrize("k", [1, 2])
def test_the_exact_chain_goes_to_the_memory(w: float, k: int) -> None:
    rare = 1.5
    one, two, four = (
        loss_probability(rare / (k * m), FreshReal(n=k * m, m=m, w=w), 60)[-1]
        for m in (100, 200, 400)
    )
    found = (8 * four - 6 * two + one) / 3
    assert found == pytest.approx(math.exp(-rare * memory(w, k)), abs=2e-6)


def test_the_series_of_the_memory_with_exact_losses() -> None:
    for w, k in ((0.25, 0.5), (0.618, 1.0), (0.9, 7.0)):
        h = extinction(400, 1 - w)
        exact = 1 + (1 - np.exp(w / k * (h - 1))).sum()
        assert memory(w, k) == pytest.approx(exact, rel=1e-12)


def test_limits_of_the_memory() -> None:
    for k in (0.5, 1.0, 4.0):
        assert memory(1 - 1e-9, k) == pytest.approx(2 - math.exp(-1 / k), rel=1e-8)  # the jump
        # a row lives until about 1/w, and 2/t of them at t: less than (2/k) w (ln(1/w) + 1)
        for w in (1e-1, 1e-2, 1e-3):
            assert 0 < memory(w, k) - 1 < 2 / k * w * (math.log(1 / w) + 1)
    assert memory(0.5, 1e9) == pytest.approx(1, rel=1e-8)
    # ever more synthetic rows: a term counts until about (w/k)(1-w)^j = 1
    many = [memory(0.5, 2.0**-j) for j in (14, 15, 20, 21)]
    assert many[1] - many[0] == pytest.approx(1, abs=1e-4)
    assert many[3] - many[2] == pytest.approx(1, abs=2e-6)


def test_the_memory_of_a_grid() -> None:
    found = memory([[0.3], [0.7]], [0.5, 1, 2])
    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(memory(0.7, 2), rel=1e-14)
    assert isinstance(memory(0.7, 2), float)
    assert memory(0.618, 1) == pytest.approx(1.749, abs=5e-4)


def test_the_terms_of_the_page_are_enough() -> None:
    w = np.linspace(0.4, 0.99, 60)
    page = _memory(w, 1.0, lambda x: 1 - np.exp(-x), TERMS)
    assert page == pytest.approx(memory(w, 1.0), abs=2e-3)


def test_memory_keeps_its_digits_beside_many_synthetic_rows() -> None:
    """As k -> 0 families are large, and one generation more is needed for twice as many rows.

    Half of a family is lost each generation: halving k adds exactly one generation.
    """
    assert memory(0.5, 2.0**-51) - memory(0.5, 2.0**-50) == pytest.approx(1, abs=1e-9)


def test_many_real_rows_need_little_memory() -> None:
    path = loss_probability(1e-5, FullySynthetic(n=10**6, m=50), 2)
    # ten rows on average among a million: the count is almost Poisson
    assert path[0] == pytest.approx(np.exp(10**6 * np.log1p(-1e-5)), rel=1e-9)
    assert path[1] == pytest.approx((1 - 1e-5) ** 50, rel=1e-5)


# --- chains --------------------------------------------------------------------------------------


def test_chains_are_fits_of_every_generation() -> None:
    model = Categorical([0.5, 0.3, 0.2])
    loop = FreshReal(n=4, m=6, w=[0.2, 0.7, 1.0])
    fits = list(chains(model, loop, steps=5, reps=7, seed=9))
    assert [fit.shape for fit in fits] == [(1, 7, 3), *[(3, 7, 3)] * 5]
    assert all(np.allclose(fit.sum(axis=-1), 1) for fit in fits)
    again = list(chains(model, loop, steps=5, reps=7, seed=9))
    assert all((one == other).all() for one, other in zip(fits, again, strict=True))
    other = list(chains(model, loop, steps=5, reps=7, seed=10))
    assert any((one != two).any() for one, two in zip(fits, other, strict=True))


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_chains_have_the_errors_of_the_theory(loop: Loop) -> None:
    # simulated
    model = Categorical([0.5, 0.3, 0.2])
    *_, last = chains(model, loop, steps=4, reps=8000, seed=11)
    error = model.error(last, "frequencies")[0]
    predicted = model.theory(loop)["frequencies"].path(4)[-1]
    assert abs(error.mean() - predicted) < Z * error.std() / math.sqrt(8000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", None),
        ("model", Categorical),
        ("loop", None),
        ("loop", "fresh real"),
        ("steps", 0),
        ("steps", 1.5),
        ("reps", 0),
        ("reps", "1"),
        ("seed", -1),
        ("seed", None),
    ],
)
def test_chains_check_their_arguments_at_once(name: str, value: Any) -> None:
    arguments = {"model": Categorical([0.5, 0.5]), "loop": LOOPS[0], "steps": 2, name: value}
    with pytest.raises(ValueError, match=rf"^`{name}` must be .*; got "):
        chains(**arguments)


# --- messages ------------------------------------------------------------------------------------


class Foreign(Loop):
    """A loop that this module does not know."""

    def recipe(self, t: int) -> Recipe:
        return {}


@pytest.mark.parametrize("p", [0, 1, -0.1, 2, math.nan, "0.5", None, [0.5]])
def test_a_probability_is_strictly_between_0_and_1(p: Any) -> None:
    with pytest.raises(ValueError, match=r"^`p` must be strictly between 0 and 1; got "):
        loss_probability(p, LOOPS[0], 2)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "2", None])
def test_steps_are_positive(steps: Any) -> None:
    for call in (
        lambda: loss_probability(0.5, LOOPS[0], steps),
        lambda: surviving_rows(5, 5, steps),
        lambda: extinction(steps),
    ):
        with pytest.raises(ValueError, match=r"^`steps` must be an integer of at least 1; got "):
            call()


@pytest.mark.parametrize(
    "loop", [None, "fresh", FreshReal(n=5, m=5, w=[0.3, 0.6]), Foreign(n=5, m=5)], ids=repr
)
def test_a_loop_is_known_and_has_one_weight(loop: Any) -> None:
    with pytest.raises(ValueError, match=r"^`loop` must be one of lib.loops.*; got "):
        loss_probability(0.5, loop, 2)


@pytest.mark.parametrize(
    "loop",
    [
        FullySynthetic(n=5, m=MOST_ROWS + 1),
        FixedReal(n=5, m=MOST_ROWS + 1, w=0.0),
        FreshReal(n=5, m=MOST_ROWS + 1, w=0.0),
        FreshReal(n=5, m=MOST_ROWS + 1, w=0.5),
    ],
    ids=repr,
)
def test_an_exact_chain_has_not_too_many_rows(loop: Loop) -> None:
    with pytest.raises(ValueError, match=r"^`m` must be at most 2000 for an exact probability; "):
        loss_probability(0.5, loop, 2)


@pytest.mark.parametrize("name", ["n", "m"])
@pytest.mark.parametrize("rows", [0, -3, 1.5, "5", None])
def test_rows_are_counted(name: str, rows: Any) -> None:
    arguments = {"n": 5, "m": 5, "steps": 2, name: rows}
    with pytest.raises(ValueError, match=rf"^`{name}` must be an integer of at least 1; got "):
        surviving_rows(**arguments)


def test_survivors_of_too_many_rows() -> None:
    with pytest.raises(ValueError, match=r"^`m` must be at most 2000 for an exact probability; "):
        surviving_rows(5, MOST_ROWS + 1, 2)


@pytest.mark.parametrize("mean", [0, -1, math.nan, math.inf, "1", None, [1.0]])
def test_a_mean_is_a_positive_number(mean: Any) -> None:
    with pytest.raises(ValueError, match=r"^`mean` must be .*; got "):
        extinction(2, mean)


@pytest.mark.parametrize("w", [0, 1, -0.1, 1.1, math.nan, "0.5", [0.5, 1.0], 1e-6])
def test_the_weight_of_a_memory(w: Any) -> None:
    with pytest.raises(ValueError, match=r"^`w` must be .*; got "):
        memory(w, 1)


@pytest.mark.parametrize("k", [0, -1, math.nan, math.inf, "1", None])
def test_the_ratio_of_a_memory(k: Any) -> None:
    with pytest.raises(ValueError, match=r"^`k` must be finite and greater than 0; got "):
        memory(0.5, k)
