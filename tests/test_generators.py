"""Generators of one's own in the loops, trees as generators, and rows that are drawn again.

Expected errors are recursions that are written out here: see `mean_path`. Only the tests that say
so simulate. Each |z| < 4.5 alarms wrongly with probability 7e-6 (for the errors of a few rows,
which are skewed, with a few 1e-5), each chi-square, binomial or Kolmogorov-Smirnov test with 1e-4;
there are about 150 of the first and 30 of the second, so that the whole file does with probability
of less than 1 %. The seeds are fixed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.bands import Bands
from lib.generators import ChowLiuGenerator, GeneratorModel
from lib.loops import Loop
from lib.models import Categorical, ChowLiuTree, ResampledCategorical
from lib.models.base import CELLS
from lib.simulate import LostReplicatesWarning, Simulation, chains, simulate

pytestmark = pytest.mark.filterwarnings("error")

Z, P_VALUE = 4.5, 1e-4

LOOPS: dict[str, Callable[[int, int, Any], Loop]] = {
    "fully synthetic": lambda n, m, w: FullySynthetic(n=n, m=m),
    "accumulate": lambda n, m, w: Accumulate(n=n, m=m),
    "fixed real": lambda n, m, w: FixedReal(n=n, m=m, w=w),
    "fresh real": lambda n, m, w: FreshReal(n=n, m=m, w=w),
}
ALL_LOOPS = pytest.mark.parametrize("loop", list(LOOPS))

WORLD = np.array([[-2.0, 1], [-1, 0], [0, 1], [1, 5], [4, 0], [4, 0]])
MEAN, VARIANCE = float(WORLD[:, 0].mean()), float(WORLD[:, 0].var())


def rows_at(table: Any, places: Any) -> Any:
    return table.iloc[places] if isinstance(table, pd.DataFrame) else table[places]


def first_column(table: Any) -> np.ndarray:
    column = table.iloc[:, 0] if isinstance(table, pd.DataFrame) else table[:, 0]
    return np.array(column, dtype=float)  # contiguous: how a sum is rounded depends on it


class Bootstrap:
    """Rows of the training set, by their weights."""

    def fit(self, table: Any, sample_weight: Any) -> None:
        self.table, self.weight = table, sample_weight
        self.p = sample_weight / sample_weight.sum()

    def sample(self, m: int, rng: np.random.Generator) -> Any:
        return rows_at(self.table, rng.choice(len(self.p), m, p=self.p))

    @property
    def mean(self) -> float:
        return float(self.p @ first_column(self.table))


class Plain(Bootstrap):
    """The same, without weights."""

    def fit(self, table: Any) -> None:  # type: ignore[override]
        super().fit(table, np.ones(len(table)))


class Tagged(Bootstrap):
    """Synthetic rows that tell their generation: 1000, 2000, ..."""

    def sample(self, m: int, rng: np.random.Generator) -> Any:
        level = 1000 * (np.floor(self.table[:, 0].max() / 1000) + 1)
        return np.full((m, self.table.shape[1]), level)


def squared_error(fit: Any) -> float:
    return float((fit.mean - MEAN) ** 2)


def made(make: Any = Bootstrap, real: Any = WORLD, **changed: Any) -> GeneratorModel:
    options: dict[str, Any] = {"metrics": {"mean": squared_error}}
    return GeneratorModel(make, real, **options | changed)


def run(it: Any, loop: Loop, **changed: Any) -> Simulation:
    options: dict[str, Any] = {"steps": 3, "reps": 40, "seed": 1, "progress": False}
    return simulate(it, loop, **options | changed)


def fits(it: GeneratorModel, loop: Loop, **changed: Any) -> Iterator[Any]:
    return chains(it, loop, **{"steps": 3, "reps": 5, "seed": 1} | changed)


def frame() -> pd.DataFrame:
    """Return the world as a table of columns of every kind."""
    table = pd.DataFrame(
        {
            "x": WORLD[:, 0],
            "count": [3, 1, 2, 2, 5, 0],
            "text": ["b", "a", "a", None, "c", "c"],
            "kind": pd.Categorical(list("uvuvuu"), categories=list("wvu")),
            "order": pd.Categorical([1, 2, 1, 2, 2, 3], categories=[3, 2, 1], ordered=True),
            "logical": [True, False, True, True, False, False],
            "gap": [0.5, np.nan, 1.5, np.nan, 2.5, 2.5],
            "day": pd.to_datetime([f"2025-01-0{i}" for i in range(1, 7)]),
        }
    )
    table.loc[1, "kind"] = np.nan
    return table


REAL = {"array": lambda: WORLD, "frame": frame}
BOTH_REAL = pytest.mark.parametrize("kind", list(REAL))


# --- the error of a mean, in every loop ----------------------------------------------------------


def mean_path(loop: Loop, steps: int, *, again: float = 0.0, variance: float = VARIANCE) -> Any:
    """Return the expected squared error of the mean of a table that is resampled.

    The weighted mean of x^2 is unbiased in every generation, so that the variance of a fit with
    expected squared error e is on average v - e: m rows drawn from it add (v - e) / m, and `again`
    = N rows that are drawn again from a mixture add (v - e) / N, with its own e.
    """
    n, m, path = loop.n, loop.m, [variance / loop.n]
    for t in range(1, steps + 1):
        e = path[-1]
        synthetic = e + (variance - e) / m
        match type(loop).__name__:
            case "FullySynthetic":
                path.append(synthetic)
                continue
            case "Accumulate":
                path.append(e + (m / (n + t * m)) ** 2 * (variance - e) / m)
                continue
        w: Any = loop.w  # type: ignore[attr-defined]
        mixed = w**2 * variance / n + (1 - w) ** 2 * synthetic
        if isinstance(loop, FixedReal):  # the first rows are in every earlier fit
            mixed += 2 * w * (1 - w) * variance / n
        path.append(mixed + (variance - mixed) / again if again else mixed)
    return np.array(path)


def assert_path(found: Simulation, expected: Any, metric: str = "mean") -> None:
    for t, value in enumerate(np.ravel(expected)):
        estimate = found.estimate(metric, t=t)
        assert abs(estimate.value - value) < Z * estimate.standard_error, (t, estimate, value)
        assert estimate.standard_error < 0.2 * value


@ALL_LOOPS
@BOTH_REAL
def test_a_bootstrap_with_weights_has_its_exact_error(kind: str, loop: str) -> None:
    """Simulates."""
    runs, reps = LOOPS[loop](4, 3, 0.3), 900 if kind == "array" else 200
    found = run(made(real=REAL[kind]()), runs, reps=reps)
    assert_path(found, mean_path(runs, 3))


@ALL_LOOPS
@pytest.mark.parametrize("rows", [None, 3])
def test_a_bootstrap_of_rows_drawn_again_has_its_exact_error(loop: str, rows: int | None) -> None:
    """Simulates. In two of the loops all rows weigh the same, and nothing is drawn again."""
    runs = LOOPS[loop](4, 3, 0.3)
    found = run(made(Plain, rows=rows), runs, reps=900)
    assert_path(found, mean_path(runs, 3, again=7 if rows is None else rows))


def test_resampling_by_request_is_that_of_a_generator_without_weights() -> None:
    class Weighted(Bootstrap):
        def fit(self, table: Any, sample_weight: Any = None) -> None:
            assert sample_weight is None
            super().fit(table, np.ones(len(table)))

    loop = FreshReal(n=4, m=3, w=0.3)
    one, other = made(Weighted, weighting="resample", rows=5), made(Plain, rows=5)
    assert run(one, loop).path().equals(run(other, loop).path())


@pytest.mark.parametrize("weights", [[0.1, 0.5, 1.0]])
@pytest.mark.parametrize("make", [Bootstrap, Plain])
def test_a_grid_of_weights(make: Any, weights: list[float]) -> None:
    """Simulates. At w = 1 nothing is mixed, so that nothing is drawn again."""
    found = run(made(make), FreshReal(n=4, m=3, w=weights), reps=600, steps=2)
    for w in weights:
        again = 7 if make is Plain and w < 1 else 0
        expected = mean_path(FreshReal(n=4, m=3, w=w), 2, again=again)
        for t, value in enumerate(expected):
            estimate = found.estimate("mean", w=w, t=t)
            assert abs(estimate.value - value) < Z * estimate.standard_error


# --- the same as the models of frequencies -------------------------------------------------------

P = np.array([0.5, 0.3, 0.2])
LETTERS = np.repeat([[0.0], [1.0], [2.0]], [5, 3, 2], axis=0)


def frequency_error(fit: Any) -> float:
    share = np.bincount(fit.table[:, 0].astype(int), fit.p, 3)
    return float(((share - P) ** 2).mean())


def frequency_square(fit: Any) -> float:
    return frequency_error(fit) ** 2


@ALL_LOOPS
@pytest.mark.parametrize("rows", [0, 6])
def test_frequencies_have_the_theory_of_categories(loop: str, rows: int) -> None:
    """Simulates: means against theory, mean squares against the model that is simulated."""
    runs = LOOPS[loop](5, 4, 0.6)
    it = made(
        Plain if rows else Bootstrap,
        LETTERS,
        metrics={"error": frequency_error, "square": frequency_square},
        rows=rows or None,
    )
    # where all rows weigh the same, nothing is drawn again
    again = rows and loop != "accumulate"
    other: Any = ResampledCategorical(P, rows) if again else Categorical(P)
    found = run(it, runs, reps=1000)
    assert_path(found, other.theory(runs)["frequencies"].path(3), "error")
    squares = {"square": lambda fit: other.error(fit, "frequencies") ** 2}
    simulated = run(other, runs, reps=8000, metrics=squares)
    for t in range(4):
        one, two = found.estimate("square", t=t), simulated.estimate("square", t=t)
        noise = np.hypot(one.standard_error, two.standard_error)
        assert abs(one.value - two.value) < Z * noise


# --- what a fit is given -------------------------------------------------------------------------


@ALL_LOOPS
@BOTH_REAL
def test_every_loop_runs(kind: str, loop: str) -> None:
    for make in (Bootstrap, Plain):
        found = run(made(make, REAL[kind]()), LOOPS[loop](5, 3, [0.0, 0.4, 1.0]), reps=3)
        assert np.isfinite(found.path()["error"]).all()
        weights = 3 if "real" in loop else 1
        assert len(found.path()) == 4 * weights


@pytest.mark.parametrize("loop", ["fixed real", "fresh real"])
def test_weights_have_the_mean_one_and_the_right_proportion(loop: str) -> None:
    n, m, w = 6, 3, 0.7
    for t, fit in enumerate(fits(made(Tagged), LOOPS[loop](n, m, w))):
        for generator in fit.ravel():
            weight, rows = generator.weight, generator.table[:, 0]
            assert weight.shape == rows.shape == (n if t == 0 else n + m,)
            assert weight.mean() == pytest.approx(1, rel=1e-14)
            if t == 0:
                assert weight == pytest.approx(np.ones(n), rel=1e-14)
                continue
            assert (rows[:n] < 100).all()
            assert (rows[n:] == 1000 * t if loop == "fresh real" else rows[n:] >= 1000).all()
            expected = np.repeat([w / n, (1 - w) / m], [n, m]) * (n + m)
            assert weight == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loop", ["fully synthetic", "accumulate"])
def test_all_rows_weigh_the_same_without_a_weight(loop: str) -> None:
    n, m = 6, 3
    for t, fit in enumerate(fits(made(Tagged), LOOPS[loop](n, m, None), steps=12)):
        for generator in fit.ravel():
            if loop == "accumulate":
                tags = np.repeat(1000.0 * np.arange(t + 1), [n, *[m] * t])
            else:
                tags = np.full(m, 1000.0 * t) if t else np.zeros(n)
            rows = generator.table[:, 0]
            np.testing.assert_array_equal(np.where(rows < 100, 0, rows), tags)
            assert generator.weight == pytest.approx(np.ones(len(tags)), rel=1e-12)


@pytest.mark.parametrize("loop", ["fixed real", "fresh real"])
def test_rows_without_weight_are_left_out(loop: str) -> None:
    *_, last = fits(made(Tagged), LOOPS[loop](6, 3, [0.0, 0.4, 1.0]))
    assert last.shape == (3, 5)
    for synthetic, both, real in last.T:
        assert len(synthetic.table) == 3
        assert (synthetic.table[:, 0] >= 1000).all()
        assert len(both.table) == 9
        assert len(real.table) == 6
        assert (real.table[:, 0] < 100).all()
        for generator in (synthetic, real):
            assert generator.weight == pytest.approx(np.ones(len(generator.table)), rel=1e-14)


def test_all_weights_share_the_real_rows_and_have_synthetic_ones_of_their_own() -> None:
    *_, last = fits(made(), FreshReal(n=6, m=30, w=[0.3, 0.7]), steps=2, reps=4)
    for one, other in last.T:
        np.testing.assert_array_equal(one.table[:6], other.table[:6])
        assert (one.table[6:] != other.table[6:]).any()


def test_real_rows_are_the_first_ones_or_new_ones() -> None:
    for loop, same in ((FixedReal(n=20, m=3, w=0.5), True), (FreshReal(n=20, m=3, w=0.5), False)):
        first, *later = fits(made(), loop)
        for fit in later:
            for one, other in zip(first.ravel(), fit.ravel(), strict=True):
                assert np.array_equal(one.table, other.table[:20]) == same


def test_replicates_have_rows_of_their_own_from_the_whole_world() -> None:
    """A chi-square test of the rows' places."""
    world = np.arange(20.0)[:, None]
    (first, _) = fits(made(real=world), FullySynthetic(n=50, m=5), steps=1, reps=200)
    counts = np.bincount(np.concatenate([one.table[:, 0] for one in first[0]]).astype(int))
    assert counts.size == 20
    assert stats.chisquare(counts).pvalue > P_VALUE
    assert len({one.table.tobytes() for one in first[0]}) == 200


@pytest.mark.parametrize(
    "loop",
    [
        FullySynthetic(n=6, m=4),
        Accumulate(n=6, m=4),
        FixedReal(n=6, m=4, w=0.6),
        FreshReal(n=6, m=4, w=0.6),
        FreshReal(n=6, m=4, w=0.0),
        FreshReal(n=6, m=4, w=1.0),
    ],
    ids=repr,
)
def test_nothing_is_drawn_again_where_all_rows_weigh_the_same(loop: Loop) -> None:
    # the same rows in the same order as with weights, which are all 1
    weighted = fits(made(), loop, steps=6, reps=8)
    again = fits(made(Plain, rows=50), loop, steps=6, reps=8)
    for one, other in zip(weighted, again, strict=True):
        for a, b in zip(one.ravel(), other.ravel(), strict=True):
            np.testing.assert_array_equal(a.table, b.table)
            assert b.weight == pytest.approx(a.weight, rel=1e-12)


@pytest.mark.parametrize(("rows", "expected"), [(None, 9), (1, 1), (40, 40), (1e2, 100)])
def test_as_many_rows_are_drawn_again_as_asked(rows: Any, expected: int) -> None:
    first, *later = fits(made(Plain, rows=rows), FreshReal(n=6, m=3, w=0.9), reps=3)
    assert {len(one.table) for one in first.ravel()} == {6}
    for fit in later:
        assert {len(one.table) for one in fit.ravel()} == {expected}


def test_rows_are_drawn_again_by_their_weights() -> None:
    """A binomial test of the share of real rows, and a chi-square test of their places."""

    class Again(Tagged):
        def fit(self, table: Any) -> None:  # type: ignore[override]
            super().fit(table, np.ones(len(table)))

    it = made(Again, np.arange(10.0)[:, None], rows=100)
    *_, last = fits(it, FreshReal(n=30, m=5, w=0.7), steps=1, reps=100)
    values = np.concatenate([one.table[:, 0] for one in last.ravel()])
    real = values[values < 1000]
    assert set(values) == {*range(10), 1000.0}
    assert stats.binomtest(real.size, values.size, 0.7).pvalue > P_VALUE


def test_rows_drawn_again_stay_together() -> None:
    *_, last = fits(made(Plain), FreshReal(n=20, m=20, w=0.9))
    allowed = {tuple(row) for row in WORLD.tolist()}
    for generator in last.ravel():
        assert {tuple(row) for row in generator.table.tolist()} <= allowed


# --- tables of the user --------------------------------------------------------------------------


@ALL_LOOPS
@pytest.mark.parametrize("make", [Bootstrap, Plain])
def test_columns_and_their_types_are_kept(make: Any, loop: str) -> None:
    table = frame()
    values = {name: {str(one) for one in table[name]} for name in table}
    for fit in fits(made(make, table), LOOPS[loop](7, 4, 0.3)):
        for generator in fit.ravel():
            found = generator.table
            pd.testing.assert_series_equal(found.dtypes, table.dtypes)
            assert found.index.tolist() == list(range(len(found)))
            for name in table:
                assert {str(one) for one in found[name]} <= values[name]


def test_an_array_for_a_table_gets_its_names() -> None:
    class Array(Bootstrap):
        def sample(self, m: int, rng: np.random.Generator) -> Any:
            return super().sample(m, rng).to_numpy()

    table = pd.DataFrame(WORLD, columns=["a", "b"])
    loop = FreshReal(n=5, m=4, w=0.3)
    *_, last = fits(made(Array, table), loop)
    assert last[0, 0].table.columns.tolist() == ["a", "b"]
    one, other = made(Array, table), made(Bootstrap, table)
    assert run(one, loop).path().equals(run(other, loop).path())


def test_a_table_and_an_array_are_the_same_world() -> None:
    table = pd.DataFrame(WORLD, columns=["a", "b"], index=[5, 5, 1, 0, 9, 9])
    for loop in (FreshReal(n=5, m=4, w=0.3), Accumulate(n=5, m=4)):
        one, *others = (run(made(real=x), loop).path() for x in (table, WORLD, WORLD.tolist()))
        assert all(one.equals(other) for other in others)


@BOTH_REAL
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_real_rows_does_not_matter(kind: str, seed: int) -> None:
    real, loop = REAL[kind](), FreshReal(n=5, m=4, w=0.3)
    order = np.random.default_rng(seed).permutation(len(real))
    assert order.tolist() != list(range(len(real)))
    one, other = (run(made(Plain, x), loop).path() for x in (real, rows_at(real, order)))
    assert one.equals(other)


def test_values_of_several_kinds_need_no_order() -> None:
    odd = pd.DataFrame({"odd": [1, "a", None, 2.5, "b", 1]}, dtype=object)
    metrics = {"rows": lambda fit: len(fit.table)}
    for table in (odd, odd.assign(x=0.0), odd.assign(x=WORLD[:, 0])):
        it = made(real=table, metrics=metrics)
        assert sorted(map(str, it.real["odd"])) == sorted(map(str, table["odd"]))
        found = run(it, FreshReal(n=5, m=4, w=0.3), reps=3)
        assert found.estimate("rows", t=3).value == 9


class Vandal(Bootstrap):
    """Spoils whatever it is given, and what it gave."""

    def fit(self, table: Any, sample_weight: Any) -> None:
        super().fit(table.copy(), sample_weight.copy())
        self.given: Any = []
        if isinstance(table, pd.DataFrame):
            table.iloc[:, 0] = 77.0
            table["more"] = 1
        else:
            table[:] = 77.0
        sample_weight[:] = 0

    def sample(self, m: int, rng: np.random.Generator) -> Any:
        for old in self.given:
            if isinstance(old, pd.DataFrame):
                old.iloc[:, 0] = 77.0
            else:
                old[:] = 77.0
        self.given.append(super().sample(m, rng))
        return self.given[-1]


class PlainVandal(Vandal):
    def fit(self, table: Any) -> None:  # type: ignore[override]
        super().fit(table, np.ones(len(table)))


@ALL_LOOPS
@BOTH_REAL
@pytest.mark.parametrize(("make", "spoils"), [(Bootstrap, Vandal), (Plain, PlainVandal)])
def test_a_generator_that_spoils_its_table_changes_no_other(
    make: Any, spoils: Any, kind: str, loop: str
) -> None:
    real = REAL[kind]()
    it, runs = made(spoils, real), LOOPS[loop](5, 4, 0.3)
    found = run(it, runs, reps=6).path()
    assert found.equals(run(made(make, REAL[kind]()), runs, reps=6).path())
    assert found.equals(run(it, runs, reps=6).path())
    if kind == "frame":
        pd.testing.assert_frame_equal(real, frame())


@BOTH_REAL
def test_the_world_is_a_copy(kind: str) -> None:
    real = REAL[kind]().copy()
    it, loop = made(real=real), FreshReal(n=5, m=4, w=0.3)
    before = run(it, loop).path()
    if kind == "frame":
        real["x"] = 0.0
    else:
        real[:] = 0
    assert before.equals(run(it, loop).path())


# --- seeds ---------------------------------------------------------------------------------------


class Stateful:
    """Like an estimator of scikit-learn: an attribute decides what is random."""

    def __init__(self, random_state: Any = 0) -> None:
        self.random_state = random_state

    def fit(self, table: Any) -> None:
        self.table, self.of_fit = np.array(table), self.random_state

    def sample(self, m: int) -> Any:
        self.of_sample = self.random_state
        rng = np.random.default_rng(self.random_state)
        return self.table.mean(axis=0) + rng.standard_normal((m, self.table.shape[1]))

    @property
    def mean(self) -> float:
        return float(self.table[:, 0].mean())


class Keyword(Stateful):
    """With a keyword of `sample`."""

    def sample(self, m: int, random_state: Any = 5) -> Any:
        assert isinstance(random_state, int)
        before, self.random_state = self.random_state, random_state
        found = super().sample(m)
        self.random_state = before
        return found


class Wild(Stateful):
    """Brings its own randomness."""

    def __init__(self) -> None:
        pass

    def fit(self, table: Any) -> None:
        self.table = np.array(table)

    def sample(self, m: int) -> Any:
        rng = np.random.default_rng()
        return self.table.mean(axis=0) + rng.standard_normal((m, self.table.shape[1]))


SEEDED = pytest.mark.parametrize("make", [Bootstrap, Plain, Stateful, Keyword])


@SEEDED
@ALL_LOOPS
def test_the_same_seed_gives_the_same_numbers(make: Any, loop: str) -> None:
    runs = LOOPS[loop](7, 5, [0.2, 0.8])
    first, same, other = (run(made(make), runs, seed=seed, reps=6).path() for seed in (1, 1, 2))
    assert first.equals(same)
    assert not np.isclose(first["error"], other["error"], rtol=1e-9).all()
    assert (first["error"] != other["error"]).mean() > 0.5


@SEEDED
def test_the_same_bits_from_any_number_of_workers(make: Any) -> None:
    it, loop = made(make), FreshReal(n=7, m=5, w=[0.2, 0.8])
    assert it.cells(12) == 64  # 32 replicates a chunk: three of them
    paths = [run(it, loop, steps=2, reps=70, n_jobs=jobs).path() for jobs in (1, 2)]
    assert paths[0].equals(paths[1])


@pytest.mark.parametrize("make", [Stateful, Keyword, lambda: Stateful(np.random.RandomState(0))])
def test_a_fixed_random_state_does_not_repeat_noise(make: Any) -> None:
    loop = FreshReal(n=7, m=5, w=[0.2, 0.8])
    noise, states = [], []
    for t, fit in enumerate(fits(made(make), loop, steps=4, reps=6)):
        for generator in fit.ravel():
            states.append(generator.of_fit)
            if t:
                noise.append(np.diff(generator.table[-5:], axis=0).round(9).tobytes())
    assert len(set(noise)) == len(noise) == 4 * 12
    assert len(set(states)) == len(states) == 6 + 4 * 12
    assert all(isinstance(state, int) and 0 <= state < 2**32 for state in states)


def test_a_random_state_is_set_before_a_sample_too() -> None:
    for fit in list(fits(made(Stateful), FullySynthetic(n=7, m=5), reps=8))[:-1]:
        assert all(one.of_sample != one.of_fit for one in fit.ravel())
        assert len({one.of_sample for one in fit.ravel()}) == fit.size


def test_the_state_of_a_fit_is_no_random_number_of_its_rows() -> None:
    class Both(Stateful):
        def sample(self, m: int, rng: np.random.Generator) -> Any:  # type: ignore[override]
            return np.full((m, 2), rng.integers(2**32), dtype=float)

    _, *later = fits(made(Both), FullySynthetic(n=7, m=5))
    for generator in np.concatenate([fit.ravel() for fit in later]):
        assert generator.of_fit != generator.table[0, 0]


def test_a_keyword_goes_before_the_attribute() -> None:
    for fit in fits(made(Keyword), FullySynthetic(n=7, m=5)):
        assert all(one.random_state == one.of_fit for one in fit.ravel())


@pytest.mark.parametrize("make", [Stateful, Keyword])
def test_noise_of_a_random_state_has_its_exact_error(make: Any) -> None:
    """Simulates: m standard normal numbers around a mean add 1/m, generation by generation."""
    loop = FullySynthetic(n=6, m=3)
    assert_path(run(made(make), loop, reps=800), VARIANCE / 6 + np.arange(4) / 3)


def test_a_generator_without_a_seed_runs() -> None:
    it, loop = made(Wild), FullySynthetic(n=6, m=3)
    assert_path(run(it, loop, reps=800), VARIANCE / 6 + np.arange(4) / 3)
    one, other = (run(it, loop, reps=2).path()["error"] for _ in range(2))
    assert one[0] == other[0]  # the real rows are those of the seed
    assert (one[1:] != other[1:]).all()


# --- scikit-learn --------------------------------------------------------------------------------

LINE = WORLD[:, :1]


def test_kernel_density_takes_weights() -> None:
    """Simulates: kernels add h^2 to the variance of whatever is drawn, and nothing to means."""
    h, n, m, w = 0.8, 6, 5, 0.4

    def error(fit: Any) -> float:
        values, weight = np.asarray(fit.tree_.data)[:, 0], np.asarray(fit.tree_.sample_weight)
        return float((weight @ values / weight.sum() - MEAN) ** 2)

    it = made(lambda: KernelDensity(bandwidth=h), LINE, metrics={"mean": error})
    assert not it.resample
    e, spread, path = VARIANCE / n, VARIANCE, [VARIANCE / n]
    for _ in range(3):
        e = w**2 * VARIANCE / n + (1 - w) ** 2 * (e + (spread + h**2 - e) / m)
        spread = w * VARIANCE + (1 - w) * (spread + h**2)
        path.append(e)
    assert_path(run(it, FreshReal(n=n, m=m, w=w), reps=400), path)


@pytest.mark.parametrize("state", [0, None])
def test_a_gaussian_mixture_returns_rows_and_components(state: int | None) -> None:
    """Simulates one normal distribution, fitted anew, with the noise of its covariance."""
    n, m, regular = 8, 6, 1e-6

    def error(fit: Any) -> float:
        return float((fit.means_[0, 0] - MEAN) ** 2)

    def make() -> Any:
        return GaussianMixture(1, random_state=state, init_params="random_from_data")

    it = made(make, LINE, metrics={"mean": error})
    assert it.resample
    e, spread, path = VARIANCE / n, VARIANCE * (1 - 1 / n) + regular, [VARIANCE / n]
    for _ in range(3):
        e, spread = e + spread / m, spread * (1 - 1 / m) + regular
        path.append(e)
    assert_path(run(it, FullySynthetic(n=n, m=m), reps=200), path)


def test_a_bayesian_mixture_repeats_with_its_seed() -> None:
    rng = np.random.default_rng(1)
    world = np.concatenate([rng.normal(-2, 1, 80), rng.normal(2, 0.5, 80)])[:, None]

    def make() -> Any:
        return BayesianGaussianMixture(n_components=2, random_state=0, max_iter=500, tol=1e-2)

    it = made(make, world, metrics={"mean": lambda fit: float(fit.weights_ @ fit.means_[:, 0])})
    loop = FixedReal(n=60, m=40, w=0.5)
    one, same = (run(it, loop, steps=2, reps=3).path() for _ in range(2))
    assert one.equals(same)
    values = [fit[0, 0].means_[0, 0] for fit in fits(it, loop, steps=2, reps=1)]
    assert len(set(values)) == 3


# --- messages ------------------------------------------------------------------------------------


class NoFit:
    sample = Plain.sample


class NoSample:
    fit = Plain.fit
    sample = 3


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "make no function": ({"make": 3}, "`make` must be a class or a function .*; got 3"),
    "make a fitted one": ({"make": Plain()}, "`make` must be a class or a function .*; got <"),
    "no fit": ({"make": NoFit}, "`make` must be one whose result can fit; got <"),
    "no sample": ({"make": NoSample}, "`make` must be one whose result can sample; got <"),
    "makes nothing": ({"make": lambda: None}, "`make` must be one whose result can fit; got None"),
    "no rows": ({"real": np.empty((0, 2))}, "`real` must be a table of at least one row and col"),
    "no columns": ({"real": np.empty((2, 0))}, "`real` must be a table of at least one row and c"),
    "empty frame": ({"real": frame().iloc[:0]}, "`real` must be a table of at least one row and"),
    "no table": ({"real": None}, "`real` must be a table of finite numbers, or a DataFrame; got"),
    "a vector": ({"real": [1.0, 2]}, r"`real` must be a table of at least one row .*; got \[1.0"),
    "a cube": ({"real": np.ones((2, 2, 2))}, "`real` must be a table of at least one row"),
    "text": ({"real": [["a", "b"]]}, "`real` must be a table of finite numbers, or a DataFrame"),
    "ragged": ({"real": [[1], [1, 2]]}, "`real` must be a table of finite numbers, or a DataFrame"),
    "nan": ({"real": [[1.0, math.nan]]}, "`real` must be a table of finite numbers, or a DataFr"),
    "inf": ({"real": [[1.0, math.inf]]}, "`real` must be a table of finite numbers, or a DataFr"),
    "inf in a frame": (
        {"real": pd.DataFrame({"a": [1.0, -math.inf]})},
        r"`real\['a'\]` must be without infinite values; got \[1.0, -inf\]",
    ),
    "all missing": (
        {"real": pd.DataFrame({"a": [1.0, 2], "b": [math.nan] * 2})},
        r"`real\['b'\]` must be a column with some values; got 'all missing'",
    ),
    "no text missing": (
        {"real": pd.DataFrame({"a": [1.0, 2], "b": [None] * 2})},
        r"`real\['b'\]` must be a column with some values",
    ),
    "columns twice": (
        {"real": pd.DataFrame([[1.0, 2]], columns=["a", "a"])},
        r"`real` must be a table whose columns have different names; got \['a'\]",
    ),
    "names that are numbers": (
        {"real": pd.DataFrame([[1.0, 2]])},
        "`real` must be a table whose columns have texts for names",
    ),
    "no metrics": ({"metrics": {}}, "`metrics` must be functions by name, at least one; got {}"),
    "a list": ({"metrics": [len]}, "`metrics` must be functions by name, at least one; got "),
    "a function": ({"metrics": len}, "`metrics` must be functions by name, at least one; got "),
    "no function": (
        {"metrics": {"a": len, "b": 3}},
        r"`metrics\['b'\]` must be a function of a generator; got 3",
    ),
    "weighting": (
        {"weighting": "weights"},
        "`weighting` must be 'auto', 'sample_weight' or 'resample'; got 'weights'",
    ),
    "no weighting": ({"weighting": None}, "`weighting` must be 'auto', .*; got None"),
    "weights not taken": (
        {"make": Plain, "weighting": "sample_weight"},
        "`weighting` must be 'auto' or 'resample' for a generator whose fit takes no sample_weig",
    ),
    "rows 0": ({"rows": 0}, "`rows` must be an integer of at least 1; got 0"),
    "rows half": ({"rows": 2.5}, "`rows` must be an integer of at least 1; got 2.5"),
    "rows true": ({"rows": True}, "`rows` must be an integer of at least 1; got True"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments_are_named(name: str) -> None:
    changed, message = REFUSED[name]
    given: dict[str, Any] = {"make": Bootstrap, "real": WORLD, "metrics": {"a": len}} | changed
    with pytest.raises(ValueError, match=f"^{message}"):
        GeneratorModel(**given)


def returning(change: Callable[[Any], Any]) -> Any:
    class Changed(Bootstrap):
        def sample(self, m: int, rng: np.random.Generator) -> Any:
            return change(super().sample(m, rng))

    return Changed


SAMPLES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "too many rows": ("array", lambda x: np.vstack([x, x])),
    "too few rows": ("array", lambda x: x[:-1]),
    "no rows": ("array", lambda x: x[:0]),
    "too many columns": ("array", lambda x: np.hstack([x, x])),
    "one column": ("array", lambda x: x[:, 0]),
    "nothing": ("array", lambda x: None),
    "nan": ("array", lambda x: np.where(x == x[0, 0], math.nan, x)),
    "inf": ("array", lambda x: x + math.inf),
    "text": ("array", lambda x: x.astype(str)),
    "ragged": ("array", lambda x: [[1.0], [1.0, 2.0]]),
    "frame with too many rows": ("frame", lambda x: pd.concat([x, x])),
    "frame with too few rows": ("frame", lambda x: x.iloc[1:]),
    "frame with other names": ("frame", lambda x: x.rename(columns={"x": "z"})),
    "frame with other order": ("frame", lambda x: x[x.columns[::-1]]),
    "frame with too many columns": ("frame", lambda x: x.assign(more=1)),
    "frame with too few columns": ("frame", lambda x: x.drop(columns="x")),
    "array with too few rows": ("frame", lambda x: x.to_numpy()[1:]),
    "array with too many columns": ("frame", lambda x: np.hstack([x.to_numpy(), x.to_numpy()])),
    "no frame": ("frame", lambda x: None),
    "ragged frame": ("frame", lambda x: [[1.0], [1.0, 2.0]]),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("pair", [False, True])
def test_wrong_samples_are_named(name: str, pair: bool) -> None:
    kind, change = SAMPLES[name]
    make = returning((lambda x: (change(x), "component")) if pair else change)
    it = made(make, REAL[kind]())
    with pytest.raises(ValueError, match=r"^`Changed.sample\(m\)` must be .*; got "):
        run(it, FreshReal(n=5, m=4, w=0.5))


def test_a_frame_for_an_array_will_do() -> None:
    it, loop = made(returning(pd.DataFrame)), FreshReal(n=5, m=4, w=0.5)
    assert run(it, loop).path().equals(run(made(), loop).path())


@pytest.mark.parametrize(
    "value",
    [None, "much", "0.5", [1, 2], np.ones(2), {}, 1j],
    ids=repr,
)
def test_a_metric_that_is_no_number_is_named(value: Any) -> None:
    it = made(metrics={"good": lambda fit: 1.0, "bad": lambda fit: value})
    with pytest.raises(ValueError, match=r"^`metrics\['bad'\]` must be a number; got "):
        run(it, FullySynthetic(n=3, m=3))


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.array(2.0), True])
def test_a_metric_may_be_any_number(value: Any) -> None:
    it = made(metrics={"a": lambda fit: value})
    assert run(it, FullySynthetic(n=3, m=3)).estimate("a").value == float(value)


def test_a_metric_that_is_nan_loses_the_replicate() -> None:
    it = made(metrics={"a": lambda fit: math.nan if fit.mean > MEAN else 1.0})
    with pytest.warns(LostReplicatesWarning, match="have a sample without a fit"):
        found = run(it, FullySynthetic(n=6, m=6))
    assert found.estimate("a", t=0).value == 1
    assert 0 < found.estimate("a", t=0).lost < 40


def test_what_a_metric_raises_is_not_hidden() -> None:
    it = made(metrics={"a": lambda fit: 1 / 0})
    with pytest.raises(ZeroDivisionError):
        run(it, FullySynthetic(n=3, m=3))


@pytest.mark.parametrize("metric", ["other", "", None, 3])
def test_unknown_metrics_are_named(metric: Any) -> None:
    it = made()
    fit = next(fits(it, FullySynthetic(n=3, m=3)))
    with pytest.raises(ValueError, match=r"^`metric` must be one of \['mean'\]; got "):
        it.error(fit, metric)


def test_metrics_are_those_of_the_model() -> None:
    functions = {"a": squared_error, "b": lambda fit: 2.0}
    it = made(metrics=functions)
    functions.clear()
    assert it.metrics == ("a", "b")
    found = run(it, FullySynthetic(n=3, m=3)).path()
    assert set(found["metric"]) == {"a", "b"}
    assert (found.query("metric == 'b'")["error"] == 2).all()
    own = run(it, FullySynthetic(n=3, m=3), metrics=["b"]).path()
    assert set(own["metric"]) == {"b"}


@ALL_LOOPS
def test_there_is_no_theory(loop: str) -> None:
    it, runs = made(), LOOPS[loop](5, 4, 0.3)
    calls: list[Callable[[], Any]] = [
        lambda: it.theory(runs),
        lambda: it.status(runs),
        lambda: it.sampling_noise(5, 4),
    ]
    for call in calls:
        with pytest.raises(
            TypeError, match=r"^a generator of your own has no theory; simulate it$"
        ):
            call()


def test_repr() -> None:
    assert repr(made()) == "GeneratorModel(Bootstrap, 6 real rows, sample_weight)"
    again = made(weighting="resample")
    assert repr(again) == "GeneratorModel(Bootstrap, 6 real rows, resampled rows)"
    for it in (made(Plain), made(partial(Plain))):
        assert re.fullmatch(r"GeneratorModel\(.+, 6 real rows, resampled rows\)", repr(it))
        assert "0x" not in repr(it)  # the same in every run


# --- Chow-Liu trees as generators ----------------------------------------------------------------


@cache
def people() -> pd.DataFrame:
    """Return rows of a text, a number and a logical column that depend on each other."""
    rng = np.random.default_rng(3)
    job = rng.choice(["clerk", "smith", "tailor"], 60, p=[0.5, 0.3, 0.2])
    age = np.where(job == "clerk", 30, 50) + rng.integers(0, 30, 60)
    rich = rng.random(60) < np.where(age > 50, 0.8, 0.3)
    town = rng.choice(["north", "south"], 60)
    return pd.DataFrame({"job": job, "age": age, "rich": rich, "town": town})


@cache
def book() -> Bands:
    return Bands.of(people(), bands=3)


@cache
def decoded() -> pd.DataFrame:
    return book().decode(book().encode(people()))


def tree(**changed: Any) -> ChowLiuGenerator:
    return ChowLiuGenerator(book()).fit(people(), **changed)


def test_a_fitted_tree_tells_its_edges() -> None:
    generator = ChowLiuGenerator(book())
    assert generator.edges == []
    assert generator.fit(people()) is generator
    model = ChowLiuTree(book().encode(people()), sizes=book().sizes)
    names = book().names
    assert generator.edges == [(names[a], names[b]) for a, b in model.edges]
    assert {child for child, _ in generator.edges} == set(names[1:])


def test_a_sample_has_the_margins_of_the_rows() -> None:
    """Chi-square tests of every column and every edge."""
    weight = np.random.default_rng(4).integers(0, 4, 60)
    generator = tree(sample_weight=weight)
    found = generator.sample(20_000, random_state=1)
    assert found.columns.tolist() == book().names
    pd.testing.assert_series_equal(found.dtypes, decoded().dtypes)
    assert found.index.tolist() == list(range(20_000))
    for names in [[name] for name in book().names] + [list(edge) for edge in generator.edges]:
        known = decoded().assign(weight=weight).groupby(names, observed=True)["weight"].sum()
        known = known[known > 0]
        counts = found.groupby(names, observed=True).size()
        assert set(counts.index) <= set(known.index)
        observed = counts.reindex(known.index, fill_value=0)
        expected = known / known.sum() * 20_000
        assert expected.min() > 20
        assert stats.chisquare(observed, expected).pvalue > P_VALUE


def test_weights_are_rows_that_are_repeated() -> None:
    weight = np.random.default_rng(5).integers(0, 4, 60)
    repeated = people().loc[np.repeat(np.arange(60), weight)]
    expected = ChowLiuGenerator(book()).fit(repeated)
    for factor in (1, 0.01, 1e6):
        generator = tree(sample_weight=factor * weight)
        assert generator.edges == expected.edges
        one, other = (it.sample(500, random_state=2) for it in (generator, expected))
        pd.testing.assert_frame_equal(one, other)
    unlike = tree().sample(500, random_state=2)
    assert not unlike.equals(other)


def test_equal_weights_are_none() -> None:
    one, other = (tree(sample_weight=w).sample(300, random_state=3) for w in (None, [2.0] * 60))
    pd.testing.assert_frame_equal(one, other)


def test_a_new_fit_forgets_the_old_one() -> None:
    generator = tree(sample_weight=[1.0] + [0.0] * 59)
    assert len(generator.sample(50).drop_duplicates()) == 1
    generator.fit(people())
    pd.testing.assert_frame_equal(
        generator.sample(200, random_state=4), tree().sample(200, random_state=4)
    )


def test_what_was_sampled_can_be_fitted() -> None:
    generator = tree()
    again = ChowLiuGenerator(book()).fit(decoded())
    assert again.edges == generator.edges
    first = generator.sample(400, random_state=5)
    pd.testing.assert_frame_equal(first, again.sample(400, random_state=5))
    for _ in range(3):
        generator = ChowLiuGenerator(book()).fit(generator.sample(400, random_state=6))
    assert len(generator.sample(10)) == 10


def test_raw_columns_may_come_in_any_order() -> None:
    turned = people()[people().columns[::-1]]
    one = ChowLiuGenerator(book()).fit(turned).sample(200, random_state=7)
    pd.testing.assert_frame_equal(one, tree().sample(200, random_state=7))


def test_a_seed_repeats_a_sample() -> None:
    generator = tree()
    one, same, other = (generator.sample(100, random_state=seed) for seed in (8, 8, 9))
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)
    assert not generator.sample(100).equals(generator.sample(100))


def test_a_tree_leaves_its_arguments_alone() -> None:
    table, weight = people().copy(), np.arange(60.0)
    ChowLiuGenerator(book()).fit(table, weight)
    pd.testing.assert_frame_equal(table, people())
    assert weight.tolist() == list(range(60))


@pytest.mark.parametrize("bands", [None, [1, 2], Bands.of(people()[["job"]])], ids=repr)
def test_a_tree_takes_a_codebook(bands: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^`bands` must be a `Bands` of at least two columns; got"
    ):
        ChowLiuGenerator(bands)


def other_town() -> pd.DataFrame:
    return people().assign(town=["east"] * 60)


WRONG_FITS: dict[str, tuple[Callable[[], tuple[Any, Any]], str]] = {
    "no table": (lambda: ([[1, 2]], None), "`table` must be a pandas DataFrame; got "),
    "empty": (lambda: (people().iloc[:0], None), "`table` must be a table of at least one row"),
    "column missing": (
        lambda: (people().drop(columns="age"), None),
        "`table` must be a table with the columns job, age, rich, town; got ",
    ),
    "column too many": (
        lambda: (people().assign(more=1), None),
        "`table` must be a table with the columns job, age, rich, town; got ",
    ),
    "unseen": (
        lambda: (other_town(), None),
        r"`table\['town'\]` must be known categories \(north, south\); got \['east'\]",
    ),
    "text for numbers": (
        lambda: (people().assign(age="old"), None),
        r"`table\['age'\]` must be numeric; got ",
    ),
    "missing number": (
        lambda: (people().assign(age=[math.nan] + [40.0] * 59), None),
        r"`table\['age'\]` must be finite numbers; got .*nan",
    ),
    "missing band": (
        lambda: (decoded().assign(job=decoded()["job"].where(decoded().index > 0)), None),
        "`table` must be without missing values; got ",
    ),
    "negative": (
        lambda: (people(), [-1.0] + [1.0] * 59),
        "`sample_weight` must be finite and at least 0; got ",
    ),
    "nan": (
        lambda: (people(), [math.nan] + [1.0] * 59),
        "`sample_weight` must be finite and at least 0; got ",
    ),
    "too few": (
        lambda: (people(), [1.0] * 59),
        "`sample_weight` must be a vector of 60 numbers, one a row, not all of them 0; got ",
    ),
    "one": (lambda: (people(), 1.0), "`sample_weight` must be a vector of 60 numbers"),
    "matrix": (lambda: (people(), [[1.0]] * 60), "`sample_weight` must be a vector of 60 numbers"),
    "all zero": (
        lambda: (people(), [0] * 60),
        "`sample_weight` must be a vector of 60 numbers, one a row, not all of them 0; got ",
    ),
}


@pytest.mark.parametrize("name", WRONG_FITS)
def test_wrong_rows_of_a_tree_are_named(name: str) -> None:
    arguments, message = WRONG_FITS[name]
    with pytest.raises(ValueError, match=f"^{message}"):
        ChowLiuGenerator(book()).fit(*arguments())


def test_a_sample_needs_a_fit() -> None:
    with pytest.raises(ValueError, match=r"^`fit` must come before `sample`$"):
        ChowLiuGenerator(book()).sample(3)


@pytest.mark.parametrize("m", [0, -1, 2.5, True, None, "3"])
def test_a_sample_needs_rows(m: Any) -> None:
    with pytest.raises(ValueError, match=r"^`m` must be an integer of at least 1; got "):
        tree().sample(m)


# --- the same tree in the loops ------------------------------------------------------------------


@cache
def tree_model() -> ChowLiuTree:
    return ChowLiuTree(book().encode(people()), sizes=book().sizes)


def tree_error(metric: str) -> Callable[[Any], float]:
    return lambda fit: float(tree_model().error(fit._tree, metric)[0, 0])


@ALL_LOOPS
def test_a_tree_has_the_exact_theory_of_its_model(loop: str) -> None:
    """Simulates."""
    runs = LOOPS[loop](8, 5, 0.4)
    metrics = {"one_way": tree_error("one_way")}
    it = made(lambda: ChowLiuGenerator(book()), decoded(), metrics=metrics)
    assert not it.resample
    found = run(it, runs, reps=120, steps=2)
    assert_path(found, tree_model().theory(runs)["one_way"].path(2), "one_way")


@pytest.mark.parametrize("metric", ["two_way", "likelihood"])
def test_a_tree_has_the_law_of_its_model(metric: str) -> None:
    """Simulates: Kolmogorov-Smirnov tests of an error without theory."""
    loop, it = FreshReal(n=12, m=8, w=0.4), made(lambda: ChowLiuGenerator(book()), decoded())
    *_, last = fits(it, loop, steps=2, reps=150)
    *_, trees = chains(tree_model(), loop, steps=2, reps=2000, seed=2)
    one = [tree_error(metric)(fit) for fit in last[0]]
    assert stats.ks_2samp(one, tree_model().error(trees, metric)[0]).pvalue > P_VALUE


def test_a_tree_repeats_with_the_seed() -> None:
    metrics = {"one_way": tree_error("one_way")}
    it = made(lambda: ChowLiuGenerator(book()), decoded(), metrics=metrics, weighting="resample")
    loop = FreshReal(n=12, m=8, w=0.4)
    one, same = (run(it, loop, reps=4).path() for _ in range(2))
    assert one.equals(same)


# --- frequencies whose rows are drawn again ------------------------------------------------------


def resampled_path(p: np.ndarray, loop: Loop, rows: int, steps: int) -> np.ndarray:
    variance = float((p * (1 - p)).mean())
    return np.asarray(mean_path(loop, steps, again=rows, variance=variance))


SMALL = [(5, 3, 2, 0.3), (2, 6, 7, 0.8), (1, 1, 1, 0.5), (4, 2, 50, 0.0), (3, 5, 4, 1.0)]


@pytest.mark.parametrize("loop", ["fully synthetic", "fixed real", "fresh real"])
@pytest.mark.parametrize(("n", "m", "rows", "w"), SMALL)
def test_frequencies_drawn_again_have_their_exact_error(
    loop: str, n: int, m: int, rows: int, w: float
) -> None:
    """Simulates."""
    it, runs = ResampledCategorical(P, rows), LOOPS[loop](n, m, w)
    expected = resampled_path(P, runs, rows, 6)
    path = it.theory(runs)["frequencies"].path(6)
    np.testing.assert_allclose(np.ravel(path), expected, rtol=1e-12)
    found = run(it, runs, steps=6, reps=8000)
    for t, value in enumerate(expected):
        estimate = found.estimate("frequencies", t=t)
        assert abs(estimate.value - value) < Z * estimate.standard_error, t


@pytest.mark.parametrize("loop", ["fixed real", "fresh real"])
def test_the_limit_of_frequencies_drawn_again(loop: str) -> None:
    for n, m, rows, w in SMALL:
        runs, it = LOOPS[loop](n, m, w), ResampledCategorical(P, rows)
        late = resampled_path(P, runs, rows, 4000)[-1]
        limit = float(np.ravel(it.theory(runs)["frequencies"].limit())[0])
        assert limit == pytest.approx(late, rel=1e-9)


@pytest.mark.parametrize("loop", ["fixed real", "fresh real"])
def test_a_grid_of_weights_has_the_theory_of_each(loop: str) -> None:
    """Simulates."""
    weights, it = [0.0, 0.3, 0.9], ResampledCategorical(P, 6)
    runs = LOOPS[loop](5, 4, weights)
    found, path = run(it, runs, reps=8000), it.theory(runs)["frequencies"].path(3)
    for w, row in zip(weights, path, strict=True):
        np.testing.assert_allclose(row, resampled_path(P, LOOPS[loop](5, 4, w), 6, 3), rtol=1e-12)
        for t in range(4):
            estimate = found.estimate("frequencies", w=w, t=t)
            assert abs(estimate.value - row[t]) < Z * estimate.standard_error


def test_very_many_rows_drawn_again_are_weights_that_are_used() -> None:
    for loop in ("fixed real", "fresh real"):
        runs = LOOPS[loop](5, 4, 0.3)
        many, none = ResampledCategorical(P, 10**12), Categorical(P)
        one, other = (it.theory(runs)["frequencies"].path(9) for it in (many, none))
        np.testing.assert_allclose(one, other, rtol=1e-10)


def multiples(values: np.ndarray, rows: int) -> bool:
    return bool(np.allclose(values * rows, np.round(values * rows), rtol=0, atol=1e-9))


def test_nothing_is_drawn_again_without_weights() -> None:
    it = ResampledCategorical(P, 11)
    first, *later = chains(it, FreshReal(n=5, m=7, w=0.4), steps=3, reps=50)
    assert multiples(first, 5)
    for fit in later:
        assert multiples(fit, 11)
        assert not multiples(fit, 5)
    first, *later = chains(it, FullySynthetic(n=5, m=7), steps=3, reps=50)
    assert multiples(first, 5)
    for fit in later:
        assert multiples(fit, 7)
        assert not multiples(fit, 11)
    loop = FullySynthetic(n=5, m=7)
    expected = Categorical(P).theory(loop)["frequencies"].path(8)
    np.testing.assert_array_equal(it.theory(loop)["frequencies"].path(8), expected)


def test_accumulation_has_no_theory_but_runs() -> None:
    it, loop = ResampledCategorical(P, 6), Accumulate(n=5, m=4)
    with pytest.raises(
        ValueError,
        match=r"^`loop` must be any but Accumulate and Uneven, for rows that are drawn again; got ",
    ):
        it.theory(loop)
    first, *later = chains(it, loop, steps=3, reps=20)
    assert multiples(first, 5)
    assert all(multiples(fit, 6) for fit in later)


def test_a_sample_is_drawn_again_in_the_same_way() -> None:
    it, rng = ResampledCategorical(P, 6), np.random.default_rng(1)
    first, second = it.draw(5, (1, 30), rng), it.draw(4, (2, 30), rng)
    half = np.full((1, 1), 0.5)
    one, same, other = (
        it.fit(it.mix(parts))
        for parts in (
            [(first, half), (second, half)],
            [(first, half), (second, half)],
            [(first, half), (it.draw(4, (2, 30), rng), half)],
        )
    )
    np.testing.assert_array_equal(one, same)
    assert one.shape == (2, 30, 3)
    assert (one != other).any()
    assert (one[0] != one[1]).any()


def test_bits_repeat_with_any_number_of_workers() -> None:
    it, loop = ResampledCategorical(P, 6), FreshReal(n=5, m=4, w=[0.3, 0.9])
    options: dict[str, Any] = {"steps": 2, "reps": CELLS + 500}  # three chunks
    one, other = (run(it, loop, n_jobs=jobs, **options).path() for jobs in (1, 2))
    assert one.equals(other)
    assert not one.equals(run(it, loop, seed=2, **options).path())


@pytest.mark.parametrize("rows", [0, -2, 2.5, True, None, "3", math.nan])
def test_rows_drawn_again_are_counted(rows: Any) -> None:
    with pytest.raises(ValueError, match=r"^`rows` must be an integer of at least 1; got "):
        ResampledCategorical(P, rows)


@pytest.mark.parametrize("p", [[1.0], [0.5, 0.6], [-0.1, 1.1], [math.nan, 1], [[0.5, 0.5]]])
def test_probabilities_are_checked(p: Any) -> None:
    with pytest.raises(ValueError, match=r"^`p` must be "):
        ResampledCategorical(p, 3)


def test_what_frequencies_drawn_again_refuse_and_are() -> None:
    it = ResampledCategorical([0.5, 0.5], 3)
    assert repr(it) == "ResampledCategorical(p=[0.5, 0.5], rows=3)"
    with pytest.raises(ValueError, match=r"^`loop` must be one of lib.loops; got 3"):
        it.theory(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^`metric` must be 'frequencies' or 'lost'; got 'mean'"):
        it.error(np.array([[[0.5, 0.5]]]), "mean")
    lost = run(it, FreshReal(n=2, m=2, w=0.5), reps=500, metrics=["lost"])
    # two real rows are alike, or three drawn again
    assert abs(lost.estimate("lost", t=0).value - 0.5) < Z * (0.25 / 500) ** 0.5
