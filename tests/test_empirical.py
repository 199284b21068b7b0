"""The empirical distribution function: its exact errors, its theory, and messages.

Only the tests that say so simulate; each |z| < 4.5 alarms wrongly with probability 7e-6, each
chi-square, binomial or Kolmogorov-Smirnov test with 1e-4. The seeds are fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import kolmogi
from statsmodels.distributions.empirical_distribution import ECDF

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop
from lib.models import EmpiricalCDF, _rows
from lib.models._rows import Block
from lib.simulate import simulate
from lib.weights import error_ratio

pytestmark = pytest.mark.filterwarnings("error")

Z = 4.5
P_VALUE = 1e-4
UNIFORM = EmpiricalCDF()
ONE = np.ones((1, 1))
HISTOGRAM = stats.rv_histogram(
    (np.array([3.0, 1.0, 2.0, 6.0]), np.array([-2.0, -1.0, 0.5, 2.0, 2.5])), density=False
)
CONTINUOUS: dict[str, Any] = {
    "norm": stats.norm(1, 2),
    "expon": stats.expon(scale=3),
    "beta": stats.beta(2, 5),
}
DISCRETE: dict[str, Any] = {
    "poisson": stats.poisson(3),
    "binom": stats.binom(6, 0.3),
    "geom": stats.geom(0.4),
    "shifted": stats.binom(3, 0.5, loc=-2),
    "values": stats.rv_discrete(values=([0, 2, 7], [0.2, 0.5, 0.3])),
}
LOOPS: list[Loop] = [
    FullySynthetic(n=7, m=5),
    Accumulate(n=7, m=5),
    FixedReal(n=7, m=5, w=0.4),
    FreshReal(n=7, m=5, w=0.4),
]


def mixed(model: EmpiricalCDF, samples: list[Any], weights: list[Any]) -> Any:
    """Return the fit to samples with these weights, a number or a grid each."""
    parts = [
        (model.rows(values), np.atleast_1d(np.asarray(w, dtype=float))[:, None])
        for values, w in zip(samples, weights, strict=True)
    ]
    return model.fit(model.mix(parts))


def piecewise(samples: list[Any], weights: list[float]) -> float:
    """Integral of (F_t - u)^2 over [0, 1], exactly, in rational numbers from step to step."""
    rows: list[tuple[Fraction, Fraction]] = []
    for values, w in zip(samples, weights, strict=True):
        rows += [(Fraction(float(u)), Fraction(float(w)) / len(values)) for u in values]
    rows.sort()
    level, last, total = Fraction(0), Fraction(0), Fraction(0)
    for u, share in [*rows, (Fraction(1), Fraction(0))]:
        total += ((u - level) ** 3 - (last - level) ** 3) / 3
        level, last = level + share, u
    return float(total)


# --- the integral --------------------------------------------------------------------------------

RNG = np.random.default_rng(20)
SAMPLES: dict[str, tuple[list[Any], list[float]]] = {
    "one block": ([RNG.random(7)], [1.0]),
    "one row": ([[0.3]], [1.0]),
    "two blocks": ([RNG.random(7), RNG.random(4)], [0.3, 0.7]),
    "three blocks": ([RNG.random(3), RNG.random(11), RNG.random(5)], [0.5, 0.125, 0.375]),
    "ties": ([[0.25, 0.25, 0.5, 0.9], [0.25, 0.5, 0.5]], [0.75, 0.25]),
    "at the ends": ([[0.0, 0.0, 1.0], [1.0, 0.5]], [0.5, 0.5]),
    "no weight on the first": ([RNG.random(4), RNG.random(6)], [0.0, 1.0]),
    "no weight on the last": ([RNG.random(4), RNG.random(6)], [1.0, 0.0]),
    "sizes far apart": ([RNG.random(1000), [0.123]], [0.999, 0.001]),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_integral_is_exact(name: str) -> None:
    samples, weights = SAMPLES[name]
    found = UNIFORM.error(mixed(UNIFORM, samples, list(weights)), "cdf")
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(piecewise(samples, weights), rel=1e-12, abs=0)


def test_the_integral_by_quadrature() -> None:
    samples, weights = SAMPLES["three blocks"]
    fit = mixed(UNIFORM, samples, list(weights))
    steps = np.sort(np.concatenate(samples))
    edges = [0.0, *steps, 1.0]
    total = sum(
        integrate.quad(lambda u: (UNIFORM.cdf(fit, [u]).item() - u) ** 2, a, b)[0]
        for a, b in pairwise(edges)
    )
    assert UNIFORM.error(fit, "cdf").item() == pytest.approx(total, rel=1e-9, abs=0)


def test_the_integral_keeps_its_digits_where_it_is_small() -> None:
    n = 10**4  # rows as even as can be: 1/(12 n^2), 8e-10
    even = (np.arange(n) + 0.5) / n
    for cut in (1, n // 3, n - 1):
        fit = mixed(UNIFORM, [even[:cut], even[cut:]], [cut / n * 0.999999, 1 - cut / n * 0.999999])
        expected = piecewise([even[:cut], even[cut:]], [w.item() for w in _weights(fit)])
        assert UNIFORM.error(fit, "cdf").item() == pytest.approx(expected, rel=1e-6, abs=0)


def _weights(fit: Any) -> list[Any]:
    return [block.weight for block in fit]


def test_a_grid_with_the_weights_0_and_1() -> None:
    w = np.array([0.0, 0.25, 1.0])
    rng = np.random.default_rng(3)
    real, synthetic = rng.random((4, 6)), rng.random((4, 9))
    fit = mixed(UNIFORM, [real, synthetic], [w, 1 - w])
    found = UNIFORM.error(fit, "cdf")
    expected = [
        [piecewise([a, b], [x, 1 - x]) for a, b in zip(real, synthetic, strict=True)] for x in w
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_integral_on_the_scale_of_the_data() -> None:
    law = CONTINUOUS["norm"]
    model = EmpiricalCDF(law)
    samples, weights = [law.rvs(6, random_state=1), law.rvs(4, random_state=2)], [0.3, 0.7]
    fit = mixed(model, samples, list(weights))
    steps = np.sort(np.concatenate(samples))
    edges = [law.ppf(1e-15), *steps, law.isf(1e-15)]
    total = 0.0
    for a, b in pairwise(edges):
        level = sum(w * (x <= (a + b) / 2).mean() for w, x in zip(weights, samples, strict=True))
        total += integrate.quad(
            lambda x, level=level: (level - law.cdf(x)) ** 2 * law.pdf(x), a, b, epsabs=1e-14
        )[0]
    assert model.error(fit, "cdf").item() == pytest.approx(total, rel=1e-9, abs=0)


@pytest.mark.parametrize("law", [*CONTINUOUS.values(), HISTOGRAM], ids=[*CONTINUOUS, "histogram"])
@pytest.mark.parametrize("metric", ["cdf", "supremum", "distinct"])
def test_the_error_does_not_depend_on_a_continuous_distribution(law: Any, metric: str) -> None:
    u, v = np.random.default_rng(4).random((2, 5, 8))
    weights = [[0.2, 0.9], [0.8, 0.1]]
    model = EmpiricalCDF(law)
    found = model.error(mixed(model, [law.ppf(u), law.ppf(v)], weights), metric)
    expected = UNIFORM.error(mixed(UNIFORM, [u, v], weights), metric)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


# --- discrete distributions ----------------------------------------------------------------------


def support(law: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return all values that matter and their probabilities."""
    x = np.arange(-10.0, 200.0)
    p = law.pmf(x)
    return x[p > 0], p[p > 0]


@pytest.mark.parametrize("name", DISCRETE)
def test_the_error_of_a_discrete_distribution(name: str) -> None:
    law = DISCRETE[name]
    model = EmpiricalCDF(law)
    assert not model.continuous
    x, p = support(law)
    samples, weights = (
        [law.rvs(size=9, random_state=5), law.rvs(size=4, random_state=6)],
        [0.3, 0.7],
    )
    fit = mixed(model, samples, list(weights))
    cdf = sum(w * (s[:, None] <= x).mean(axis=0) for w, s in zip(weights, samples, strict=True))
    apart = cdf - np.cumsum(p)
    assert model.error(fit, "cdf").item() == pytest.approx(p @ apart**2, rel=1e-9, abs=0)
    assert model.error(fit, "supremum").item() == pytest.approx(abs(apart).max(), rel=1e-9, abs=0)
    assert model.error(fit, "distinct").item() == np.unique(np.concatenate(samples)).size
    np.testing.assert_allclose(model.cdf(fit, x)[0, 0], cdf, atol=1e-14)


@pytest.mark.parametrize("name", DISCRETE)
def test_the_unit_of_a_discrete_distribution(name: str) -> None:
    law = DISCRETE[name]
    _, p = support(law)
    below = np.cumsum(p)
    unit = (p * below * (1 - below)).sum()
    path = EmpiricalCDF(law).theory(FreshReal(n=7, m=5, w=1.0))["cdf"].path(1)
    assert path == pytest.approx([unit / 7] * 2, rel=1e-12, abs=0)
    assert abs(unit - 1 / 6) > 1e-4  # it does depend on the distribution


def test_the_unit_of_a_fair_coin() -> None:
    # half of F(1 - F) = 1/4, by hand
    limit = EmpiricalCDF(stats.bernoulli(0.5)).theory(FullySynthetic(n=3, m=3))["cdf"].limit()
    assert limit == pytest.approx(1 / 8, rel=1e-12, abs=0)


def test_a_discrete_distribution_with_many_values_is_nearly_continuous() -> None:
    model = EmpiricalCDF(stats.randint(0, 50_000))
    path = model.theory(FullySynthetic(n=10, m=10))["cdf"].path(1)
    assert path[0] * 10 == pytest.approx((1 - 1 / 50_000**2) / 6, rel=1e-9, abs=0)


# --- values of the fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["norm", "poisson", "values"])
def test_the_fit_is_the_empirical_distribution_function_of_statsmodels(name: str) -> None:
    law = {**CONTINUOUS, **DISCRETE}[name]
    model = EmpiricalCDF(law)
    rows = law.rvs(size=40, random_state=7)
    x = np.concatenate([rows, rows + 1e-6, [-100.0, 100.0, 0.5]])
    fit = model.fit(model.rows(rows))
    np.testing.assert_allclose(model.cdf(fit, x)[0, 0], ECDF(rows)(x), atol=1e-14)


def test_the_fit_weighs_blocks() -> None:
    fit = mixed(UNIFORM, [[0.1, 0.2], [0.15]], [0.4, 0.6])
    found = UNIFORM.cdf(fit, [0.05, 0.1, 0.14, 0.15, 0.2, 0.9])
    assert found.shape == (1, 1, 6)
    assert found[0, 0] == pytest.approx([0, 0.2, 0.2, 0.8, 1, 1])


@pytest.mark.parametrize("law", [stats.norm(1, 2), stats.poisson(3)], ids=["norm", "poisson"])
def test_the_error_at_a_point(law: Any) -> None:
    model = EmpiricalCDF(law, points=[1, 2.5])
    assert model.metrics == ("cdf", "cdf(1.0)", "cdf(2.5)")
    rows = law.rvs(size=(3, 10), random_state=8)
    fit = model.fit(model.rows(rows))
    for x in (1.0, 2.5):
        expected = ((rows <= x).mean(axis=-1) - law.cdf(x)) ** 2
        np.testing.assert_allclose(model.error(fit, f"cdf({x})")[0], expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["norm", "expon", "beta"])
def test_the_supremum_is_the_statistic_of_kolmogorov(name: str) -> None:
    law = CONTINUOUS[name]
    model = EmpiricalCDF(law)
    rows = law.rvs(size=(4, 25), random_state=9)
    found = model.error(model.fit(model.rows(rows)), "supremum")
    expected = [stats.kstest(row, law.cdf).statistic for row in rows]
    np.testing.assert_allclose(found, [expected], rtol=1e-12)


def test_the_supremum_of_weighted_rows() -> None:
    samples, weights = SAMPLES["ties"]
    fit = mixed(UNIFORM, samples, list(weights))
    u = np.concatenate([*samples, [0.0, 1.0]])
    at = np.concatenate([u, u - 1e-12])
    brute = np.abs(UNIFORM.cdf(fit, at)[0, 0] - at).max()
    assert UNIFORM.error(fit, "supremum").item() == pytest.approx(brute, abs=1e-11)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("ties", [False, True])
def test_the_supremum_of_grids_of_weighted_rows(blocks: int, ties: bool) -> None:
    rng = np.random.default_rng(blocks)
    for _ in range(20):
        weights = rng.dirichlet(np.ones(blocks), size=2)
        if blocks > 1:  # one block has no weight in one place of the grid
            weights[0, rng.integers(blocks)] = 0
            weights /= weights.sum(axis=1, keepdims=True)
        samples = [rng.random((3, n)) for n in rng.integers(1, 6, size=blocks)]
        if ties:
            samples = [np.round(4 * x) / 4 for x in samples]
        found = UNIFORM.error(mixed(UNIFORM, samples, list(weights.T)), "supremum")
        for i, r in product(range(2 if blocks > 1 else 1), range(3)):
            u = np.concatenate([x[r] for x in samples])
            share = np.repeat(weights[i], [x.shape[1] for x in samples])
            share = share / np.repeat([x.shape[1] for x in samples], [x.shape[1] for x in samples])
            brute = max(max(abs(share[u <= x].sum() - x), abs(share[u < x].sum() - x)) for x in u)
            assert found[i, r] == pytest.approx(brute, abs=1e-14)


def test_distinct_values_are_those_with_weight() -> None:
    fit = mixed(UNIFORM, [[0.1, 0.2, 0.2], [0.1, 0.3, 0.4]], [[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]])
    assert UNIFORM.error(fit, "distinct").tolist() == [[3.0], [4.0], [2.0]]


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (lambda: stats.Normal(mu=1.0, sigma=2.0), stats.norm(1, 2)),
        (lambda: stats.Uniform(a=1.0, b=4.0), stats.uniform(1, 3)),
        (lambda: stats.make_distribution(stats.poisson)(mu=3.0), stats.poisson(3)),
    ],
    ids=["normal", "uniform", "poisson"],
)
def test_new_distributions_of_scipy(new: Callable[[], Any], old: Any) -> None:
    rows = old.rvs(size=12, random_state=10)
    one, other = EmpiricalCDF(new(), points=2), EmpiricalCDF(old, points=2)
    assert one.continuous == other.continuous
    for metric in ("cdf", "supremum", "distinct", "cdf(2.0)"):
        found, expected = (m.error(m.fit(m.rows(rows)), metric).item() for m in (one, other))
        assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_a_distribution_without_parameters_is_standard() -> None:
    rows = [-1.0, 0.3, 2.0]
    one, other = EmpiricalCDF(stats.norm), EmpiricalCDF(stats.norm(0, 1))
    assert one.error(one.rows(rows), "cdf") == other.error(other.rows(rows), "cdf")
    assert repr(EmpiricalCDF(stats.norm(1, scale=2))) == "EmpiricalCDF(norm(1, scale=2))"


# --- theory --------------------------------------------------------------------------------------


def steps_of(loop: Loop, unit: float, steps: int) -> list[float]:
    """Errors written out: e' = (unit - e)/m is the noise of the rows drawn from a fit."""
    n, m, first = loop.n, loop.m, unit / loop.n
    e = [first]
    for t in range(1, steps + 1):
        noise = (unit - e[-1]) / m
        if isinstance(loop, FullySynthetic):
            e.append(e[-1] + noise)
        elif isinstance(loop, Accumulate):
            e.append(e[-1] + (m / (n + t * m)) ** 2 * noise)
        elif isinstance(loop, FixedReal):
            w = float(np.asarray(loop.w))
            # the first rows keep the covariance `first` with every later fit
            e.append(w**2 * first + (1 - w) ** 2 * (e[-1] + noise) + 2 * w * (1 - w) * first)
        elif isinstance(loop, FreshReal):
            w = float(np.asarray(loop.w))
            e.append(w**2 * first + (1 - w) ** 2 * (e[-1] + noise))
    return e


MODELS = {
    "continuous": (EmpiricalCDF(stats.norm(1, 2), points=0.3), 1 / 6),
    "discrete": (EmpiricalCDF(stats.binom(3, 0.4), points=0.3), None),
}


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
@pytest.mark.parametrize("name", MODELS)
def test_the_path_written_out(name: str, loop: Loop) -> None:
    model, unit = MODELS[name]
    if unit is None:
        below = stats.binom(3, 0.4).cdf(np.arange(4))
        unit = float((stats.binom(3, 0.4).pmf(np.arange(4)) * below * (1 - below)).sum())
    at = float(model.distribution.cdf(0.3))
    theory = model.theory(loop)
    assert set(theory) == {"cdf", "cdf(0.3)"}
    for metric, v in {"cdf": unit, "cdf(0.3)": at * (1 - at)}.items():
        path = theory[metric].path(40)
        assert path == pytest.approx(steps_of(loop, v, 40), rel=1e-12, abs=0)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_the_limit_is_where_the_path_goes(loop: Loop) -> None:
    limit = UNIFORM.theory(loop)["cdf"].limit()
    if isinstance(loop, Accumulate):  # what is left at t is about (limit slope)/t
        e = steps_of(loop, 1 / 6, 40_000)
        assert limit == pytest.approx(2 * e[-1] - e[20_000], rel=1e-8, abs=0)
    else:
        assert limit == pytest.approx(steps_of(loop, 1 / 6, 400)[-1], rel=1e-12, abs=0)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (7, 5)])
def test_synthetic_rows_alone_end_at_one_sixth(n: int, m: int) -> None:
    theory = UNIFORM.theory(FullySynthetic(n=n, m=m))["cdf"]
    assert theory.limit() == pytest.approx(1 / 6, rel=1e-12, abs=0)
    t = np.arange(51)
    exact = (1 - (1 - 1 / n) * (1 - 1 / m) ** t) / 6
    assert theory.path(50) == pytest.approx(exact, rel=1e-12, abs=0)


@pytest.mark.parametrize("w", [0.1, 0.5, 0.618, 1.0])
@pytest.mark.parametrize(("n", "m"), [(100, 100), (7, 5), (3, 1)])
def test_the_limit_beside_fresh_real_rows(n: int, m: int, w: float) -> None:
    kept = (1 - 1 / m) * (1 - w) ** 2
    exact = (w**2 / n + (1 - w) ** 2 / m) / (1 - kept) / 6
    limit = UNIFORM.theory(FreshReal(n=n, m=m, w=w))["cdf"].limit()
    assert limit == pytest.approx(exact, rel=1e-12, abs=0)


def test_the_limit_for_many_rows_is_the_closed_form() -> None:
    w = np.array([0.2, 0.5, 0.618, 1.0])
    limit = UNIFORM.theory(FreshReal(n=10**9, m=5 * 10**8, w=w))["cdf"].limit()
    assert limit == pytest.approx(error_ratio(w, 2.0) / 6e9, rel=1e-7, abs=0)


@pytest.mark.parametrize(("rows", "optimum"), [(100, 0.6170), (20, 0.6127)])
@pytest.mark.parametrize("law", [None, stats.poisson(3)], ids=["continuous", "discrete"])
def test_the_best_weight_at_finite_size(rows: int, optimum: float, law: Any) -> None:
    w = np.arange(0.6, 0.63, 0.00002)
    limit = EmpiricalCDF(law).theory(FreshReal(n=rows, m=rows, w=w))["cdf"].limit()
    best = w[limit.argmin()]
    assert best == pytest.approx(optimum, abs=0.00006)
    r = 1 - 1 / rows  # and the root of the text
    assert best == pytest.approx(
        1 - ((2 + r) - math.sqrt((2 + r) ** 2 - 4 * r)) / (2 * r), abs=3e-5
    )


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
@pytest.mark.parametrize("name", MODELS)
def test_theory_agrees_with_simulation(name: str, loop: Loop) -> None:
    model, _ = MODELS[name]
    result = simulate(model, loop, steps=4, reps=8000, seed=3, progress=False)
    for metric in model.metrics:
        for t in (1, 4):
            estimate = result.estimate(metric, t=t)
            predicted = model.theory(loop)[metric].path(4)[t]
            assert abs(estimate.value - predicted) < Z * estimate.standard_error


def test_theory_agrees_with_simulation_on_a_grid_with_0_and_1() -> None:
    w = [0.0, 0.3, 1.0]
    loop = FreshReal(n=6, m=4, w=w)
    result = simulate(UNIFORM, loop, steps=12, reps=8000, seed=4, progress=False)
    path = UNIFORM.theory(loop)["cdf"].path(12)
    for i, weight in enumerate(w):
        estimate = result.estimate("cdf", w=weight, t=12)
        assert abs(estimate.value - path[i, 12]) < Z * estimate.standard_error


@pytest.mark.parametrize("law", [None, stats.poisson(3)], ids=["continuous", "discrete"])
def test_one_worker_or_two_give_the_same_bits(law: Any) -> None:
    model = EmpiricalCDF(law, points=2)
    loop = Accumulate(n=100, m=100)
    metrics = ["cdf", "supremum", "distinct", "cdf(2.0)"]
    one, two = (
        simulate(
            model,
            loop,
            steps=2,
            reps=model.cells(loop.rows(2)) * 2 + 5,
            seed=5,
            n_jobs=n,
            metrics=metrics,
            progress=False,
        )
        for n in (1, 2)
    )
    assert one.path().equals(two.path())
    assert one.summary().equals(two.summary())


# --- band ----------------------------------------------------------------------------------------


def test_the_band_of_real_rows_alone_is_that_of_kolmogorov() -> None:
    for n in (10, 400):
        width = UNIFORM.band(FreshReal(n=n, m=5, w=1.0))
        assert isinstance(width, float)
        assert width == pytest.approx(kolmogi(0.05) / math.sqrt(n), rel=1e-12)
        first = UNIFORM.band(FullySynthetic(n=n, m=3), t=0, level=0.9)
        assert first == pytest.approx(kolmogi(0.1) / math.sqrt(n), rel=1e-12)


def test_the_band_follows_the_error() -> None:
    loop = FreshReal(n=100, m=50, w=[0.2, 0.618])
    theory = UNIFORM.theory(loop)["cdf"]
    width = EmpiricalCDF(stats.norm).band(loop)
    assert width == pytest.approx(np.sqrt(6 * theory.limit()) * kolmogi(0.05), rel=1e-12)
    width = UNIFORM.band(loop, t=3)
    assert width == pytest.approx(np.sqrt(6 * theory.path(3)[:, 3]) * kolmogi(0.05), rel=1e-12)


@pytest.mark.parametrize("w", [0.4, 1.0])
def test_the_band_contains_the_distribution_function(w: float) -> None:
    # asymptotic: at 2000 rows the level is off by 0.002, a twentieth of what 1000 chains can see
    loop = FreshReal(n=2000, m=2000, w=w)
    width = UNIFORM.band(loop, level=0.9, t=4)
    metrics = {"inside": lambda fit: (UNIFORM.error(fit, "supremum") < width).astype(float)}
    result = simulate(UNIFORM, loop, steps=4, reps=1000, seed=6, metrics=metrics, progress=False)
    inside = round(result.estimate("inside", t=4).value * 1000)
    assert stats.binomtest(inside, 1000, 0.9).pvalue > P_VALUE


def test_the_band_of_a_discrete_distribution_is_conservative() -> None:
    law = stats.binom(3, 0.5)
    model, loop = EmpiricalCDF(law), FreshReal(n=1000, m=1000, w=0.6)
    width = model.band(loop, level=0.8)
    metrics = {"inside": lambda fit: (model.error(fit, "supremum") < width).astype(float)}
    result = simulate(model, loop, steps=12, reps=4000, seed=7, metrics=metrics, progress=False)
    inside = result.estimate("inside", t=12)
    assert inside.value - 0.8 > Z * inside.standard_error


# --- rows ----------------------------------------------------------------------------------------


def block(values: Any, weight: Any) -> Block:
    return Block(np.asarray(values, dtype=float), np.asarray(weight, dtype=float)[:, None])


GRID = np.array([0.0, 0.3, 1.0])
NUMBERED = np.arange(9.0)
ROWS: dict[str, tuple[Block, ...]] = {
    "one": (block(NUMBERED[None, None, :4], [1.0]),),
    "two": (block(NUMBERED[None, None, :4], [0.3]), block(NUMBERED[None, None, 4:7], [0.7])),
    "three": (
        block(NUMBERED[None, None, :1], [0.2]),
        block(NUMBERED[None, None, 1:6], [0.7]),
        block(NUMBERED[None, None, 6:], [0.1]),
    ),
    "grid": (block(NUMBERED[None, None, :4], GRID), block(NUMBERED[None, None, 4:7], 1 - GRID)),
    "inner grid": (
        block(NUMBERED[None, None, :4], GRID[1:2]),
        block(NUMBERED[None, None, 4:7], 1 - GRID[1:2]),
    ),
    # 0.7 + 0.2 + 0.1 is the number below 1, where the last uniform variable is too
    "empty at the end": (
        block(NUMBERED[None, None, :1], [0.7]),
        block(NUMBERED[None, None, 1:2], [0.2]),
        block(NUMBERED[None, None, 2:4], [0.1]),
        block(NUMBERED[None, None, 4:], [0.0]),
    ),
    "empty in the middle": (
        block(NUMBERED[None, None, :2], [0.5, 0.0]),
        block(NUMBERED[None, None, 2:5], [0.0, 0.5]),
        block(NUMBERED[None, None, 5:], [0.5, 0.5]),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_drawn_with_their_weights(name: str) -> None:
    rows = ROWS[name]
    weights = max(b.weight.shape[0] for b in rows)
    drawn = _rows.resample(rows, 50, (weights, 400), np.random.default_rng(11))
    assert drawn.shape == (weights, 400, 50)
    for i in range(weights):
        share = np.concatenate(
            [np.full(b.size, b.weight[min(i, len(b.weight) - 1), 0] / b.size) for b in rows]
        )
        counts = np.bincount(drawn[i].ravel().astype(int), minlength=share.size)
        assert counts[share == 0].sum() == 0
        kept = share > 0
        if kept.sum() > 1:
            assert stats.chisquare(counts[kept], share[kept] * 20_000).pvalue > P_VALUE
        # draws are independent: neighbours agree as often as chance has it
        same = (drawn[i][:, 1:] == drawn[i][:, :-1]).sum()
        assert stats.binomtest(int(same), 400 * 49, (share**2).sum()).pvalue > P_VALUE


@pytest.mark.parametrize("name", ROWS)
def test_many_rows_are_drawn_in_order_with_their_weights(name: str) -> None:
    rows, m, reps = ROWS[name], _rows.MERGED + 1, 1000
    weights = max(b.weight.shape[0] for b in rows)
    drawn = _rows.resample(rows, m, (weights, reps), np.random.default_rng(13))
    assert (np.diff(drawn, axis=-1) >= 0).all()
    for i in range(weights):
        share = np.concatenate(
            [np.full(b.size, b.weight[min(i, len(b.weight) - 1), 0] / b.size) for b in rows]
        )
        counts = (drawn[i][..., None] == np.arange(share.size)).sum(axis=1)
        assert counts[:, share == 0].sum() == 0
        kept = share > 0
        if kept.sum() > 1:
            expected = share[kept] * m
            assert stats.chisquare(counts[:, kept].sum(axis=0), expected * reps).pvalue > P_VALUE
            # each sample's counts are multinomial: independent draws, whatever their order
            squares = ((counts[:, kept] - expected) ** 2 / expected).sum(axis=1)
            ends = stats.chi2.ppf([0.25, 0.5, 0.75], kept.sum() - 1)
            seen = np.bincount(np.searchsorted(ends, squares), minlength=4)
            if kept.sum() > 3:  # of fewer the statistic takes few values
                assert stats.chisquare(seen).pvalue > P_VALUE


@pytest.mark.parametrize("m", [_rows.MERGED - 50, _rows.MERGED, _rows.MERGED + 1, 3000])
def test_errors_of_many_rows_are_those_of_each_sample(m: int) -> None:
    rng, w = np.random.default_rng(14), np.array([[0.1], [0.7]])
    fit = UNIFORM.draw(100, (1, 3), rng)
    for _ in range(3):
        synthetic = UNIFORM.synthesize(fit, m, (2, 3), rng)
        fit = UNIFORM.mix([(UNIFORM.draw(100, (1, 3), rng), w), (synthetic, 1 - w)])
    errors = UNIFORM.error(fit, "cdf")
    for i in range(2):
        for r in range(3):
            u = np.concatenate([b.values[min(i, len(b.values) - 1), r] for b in fit])
            each = np.concatenate([np.full(b.size, b.weight[i, 0] / b.size) for b in fit])
            plain = each @ (1 - np.maximum(u[:, None], u)) @ each - each @ (1 - u**2) + 1 / 3
            assert errors[i, r] == pytest.approx(plain, abs=1e-12)


def test_rows_are_drawn_from_their_own_sample() -> None:
    values = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)  # 2 weights, 3 replicates, 4 rows
    real = 100 + np.arange(3 * 2.0).reshape(1, 3, 2)
    rows = (block(real, [0.5, 0.25]), block(values, [0.5, 0.75]))
    drawn = _rows.resample(rows, 200, (2, 3), np.random.default_rng(12))
    for i in range(2):
        for r in range(3):
            assert set(drawn[i, r]) == {*values[i, r], *real[0, r]}


class Edge:
    """A generator whose numbers are the ends of [0, 1)."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self, shape: Any) -> np.ndarray:
        return np.full(shape, self.value)


@pytest.mark.parametrize("name", ROWS)
def test_the_ends_of_the_unit_interval_are_rows_with_weight(name: str) -> None:
    rows = ROWS[name]
    weights = max(b.weight.shape[0] for b in rows)
    for value in (0.0, np.nextafter(1, 0)):
        drawn = _rows.resample(rows, 1, (weights, 1), Edge(value))  # type: ignore[arg-type]
        for i in range(weights):
            held = [b.values.ravel() for b in rows if b.weight[min(i, len(b.weight) - 1), 0] > 0]
            expected = held[0][0] if value == 0 else held[-1][-1]
            assert drawn[i, 0, 0] == expected


def test_only_blocks_whose_rows_weigh_the_same_are_joined() -> None:
    parts = [_rows.one_block(np.full((1, 2, n), float(n))) for n in (3, 6, 2)]

    def sizes(weights: list[Any]) -> list[int]:
        arrays = [np.atleast_1d(np.asarray(w, dtype=float))[:, None] for w in weights]
        joined = _rows.mix(list(zip(parts, arrays, strict=True)))
        total = sum(b.weight for b in joined)
        np.testing.assert_allclose(total, 1, rtol=1e-12)
        return [b.size for b in joined]

    assert sizes([0.3, 0.5, 0.2]) == [3, 6, 2]
    assert sizes([0.2, 0.4, 0.4]) == [9, 2]
    assert sizes([3 / 11, 6 / 11, 2 / 11]) == [11]
    assert sizes([0.4, 0.45, 0.15]) == [3, 8]
    # equal at one weight of a grid is not enough
    assert sizes([[0.2, 0.3], [0.4, 0.3], [0.4, 0.4]]) == [3, 6, 2]
    assert sizes([[0.2, 0.1], [0.4, 0.2], [0.4, 0.7]]) == [9, 2]


def test_accumulated_rows_stay_one_block() -> None:
    fit: Any = UNIFORM.rows(np.linspace(0, 1, 3))
    loop = Accumulate(n=3, m=4)
    for t in range(1, 30):
        new = UNIFORM.rows(np.linspace(0, 1, 4))
        fit = UNIFORM.mix(
            [
                (part, np.full((1, 1), w))
                for part, w in zip((fit, new), loop.recipe(t).values(), strict=True)
            ]
        )
        assert [b.size for b in fit] == [3 + 4 * t]


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [None, stats.poisson(3)], ids=["continuous", "discrete"])
@pytest.mark.parametrize("values", [[], [[]], [1.0, math.nan], [math.inf], "rows", [[[1.0]]], 3.0])
def test_rows_are_finite_and_some(law: Any, values: Any) -> None:
    with pytest.raises(ValueError, match=r"^`values` must be "):
        EmpiricalCDF(law).rows(values)


@pytest.mark.parametrize("values", [[0, 1, 2.5], [-1.0], [[0, 1], [1, 1e9]]])
def test_rows_of_a_discrete_distribution_are_its_values(values: Any) -> None:
    with pytest.raises(ValueError, match=r"^`values` must be values of the distribution; got "):
        EmpiricalCDF(stats.poisson(3)).rows(values)


@pytest.mark.parametrize(
    "law",
    [
        stats.gaussian_kde([1.0, 2.0, 4.0]),
        stats.norm(scale=-1),
        stats.gamma,
        stats.poisson,
        stats.multivariate_normal(),
        stats.norm([0, 1]),
        "norm",
        3.0,
        np.array([1.0, 2.0]),
    ],
    ids=lambda law: type(law).__name__,  # not an address: workers must agree
)
def test_a_distribution_has_a_distribution_function(law: Any) -> None:
    with pytest.raises(ValueError, match=r"^`distribution` must be a scipy.stats distribution "):
        EmpiricalCDF(law)


@pytest.mark.parametrize("law", [stats.zipf(1.5), stats.randint(0, 10**6)], ids=["zipf", "randint"])
def test_a_discrete_distribution_has_not_too_many_values(law: Any) -> None:
    with pytest.raises(ValueError, match=r"^`distribution` must be one with at most 100000 values"):
        EmpiricalCDF(law)


def test_a_discrete_distribution_has_two_values() -> None:
    with pytest.raises(ValueError, match=r"^`distribution` must be one with at least two values"):
        EmpiricalCDF(stats.bernoulli(1.0))


@pytest.mark.parametrize("points", [[math.nan], [math.inf], "0", [[1.0]], [None]])
def test_points_are_finite(points: Any) -> None:
    with pytest.raises(ValueError, match=r"^`points` must be a vector of finite numbers; got "):
        EmpiricalCDF(points=points)


@pytest.mark.parametrize("x", [[math.nan], [math.inf], "0", None])
def test_a_fit_is_evaluated_at_finite_values(x: Any) -> None:
    with pytest.raises(ValueError, match=r"^`x` must be a vector of finite numbers; got "):
        UNIFORM.cdf(UNIFORM.rows([0.1]), x)


@pytest.mark.parametrize("level", [0, 1, -0.1, 2, math.nan, "0.9", [0.5, 0.9], None])
def test_a_level_is_a_probability(level: Any) -> None:
    with pytest.raises(ValueError, match=r"^`level` must be strictly between 0 and 1; got "):
        UNIFORM.band(LOOPS[3], level=level)


@pytest.mark.parametrize("t", [-1, 1.5, "1"])
def test_a_generation_of_a_band_is_an_integer(t: Any) -> None:
    with pytest.raises(ValueError, match=r"^`t` must be an integer of at least 0; got "):
        UNIFORM.band(LOOPS[3], t=t)


@pytest.mark.parametrize("law", [None, stats.poisson(3)], ids=["continuous", "discrete"])
@pytest.mark.parametrize("metric", ["mise", "", "cdf(1.0)", "cdf(7)"])
def test_an_unknown_metric(law: Any, metric: str) -> None:
    model = EmpiricalCDF(law, points=2)
    allowed = r"^`metric` must be one of cdf, supremum, distinct, cdf\(2.0\); got "
    with pytest.raises(ValueError, match=allowed):
        model.error(model.rows([1, 2]), metric)
    with pytest.raises(ValueError, match=allowed):
        simulate(model, LOOPS[3], steps=1, reps=2, metrics=[metric], progress=False)


@pytest.mark.parametrize("name", ["n", "m"])
@pytest.mark.parametrize("rows", [0, -3, 1.5])
def test_a_loop_has_rows(name: str, rows: Any) -> None:
    with pytest.raises(ValueError, match=rf"^`{name}` must be an integer of at least 1; got "):
        UNIFORM.theory(FreshReal(**{"n": 5, "m": 5, name: rows}, w=0.5))


def test_values_that_are_not_one_apart() -> None:
    given = stats.rv_discrete(values=([0, 0.25, 1], [0.3, 0.3, 0.4]))
    unit = 0.3 * 0.3 * 0.7 + 0.3 * 0.6 * 0.4  # sum of p F (1 - F)
    for law in (given, given(), given(loc=2.0)):
        noise = EmpiricalCDF(law).sampling_noise(1, 1)["cdf"]
        assert noise.real[0] == pytest.approx(unit, rel=1e-12)
    assert EmpiricalCDF(given(loc=2.0)).rows([2.25]).tolist() == [[[0.0, 1.0, 0.0]]]


@pytest.mark.parametrize(
    "law",
    [stats.rv_discrete(values=([3], [1.0])), stats.binom(3, 0.5, loc=0.3)],
    ids=["one value", "off the integers"],
)
def test_a_discrete_distribution_is_named(law: Any) -> None:
    with pytest.raises(ValueError, match=r"^`distribution` must be one "):
        EmpiricalCDF(law)


def test_things_that_are_no_loop() -> None:
    model: Any = EmpiricalCDF()
    for call in (model.theory, model.band):
        with pytest.raises(ValueError, match=r"^`loop` must be one of lib\.loops; got None"):
            call(None)
