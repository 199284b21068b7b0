"""Kernel density estimates: exact errors, the spectral recursion, the best plans, and messages.

Only the tests that say so simulate; each |z| < 4.5 alarms wrongly with probability 7e-6. The seeds
are fixed.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from statsmodels.nonparametric.kde import KDEUnivariate

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop
from lib.models import KernelDensity
from lib.models.kernel import (
    KERNELS,
    NormalMixture,
    bandwidth_rule,
    best_plan,
    noise_factor,
)
from lib.simulate import chains, simulate
from lib.weights import error_ratio

pytestmark = pytest.mark.filterwarnings("error")

Z = 4.5
NORMAL = NormalMixture([1.0], [0.0], [1.0])  # type: ignore[arg-type]
MIXTURE = NormalMixture([0.5, 0.3, 0.2], [-1.0, 0.5, 2.0], [0.4, 0.7, 0.3])  # type: ignore[arg-type]
MODELS = {
    "gaussian": KernelDensity(0.4),
    "epanechnikov": KernelDensity(0.7, kernel="epanechnikov"),
    "mixture": KernelDensity(0.3, density=MIXTURE),
    "mixture, epanechnikov": KernelDensity(0.5, kernel="epanechnikov", density=MIXTURE),
}
LOOPS: list[Loop] = [
    FullySynthetic(n=7, m=5),
    Accumulate(n=7, m=5),
    FixedReal(n=7, m=5, w=0.4),
    FreshReal(n=7, m=5, w=0.4),
]
KERNEL_NAMES = list(KERNELS)


def mixed(model: KernelDensity, samples: list[Any], weights: list[Any]) -> Any:
    """Return the fit to samples with these weights, a number or a grid each."""
    parts = [
        (model.rows(values), np.atleast_1d(np.asarray(w, dtype=float))[:, None])
        for values, w in zip(samples, weights, strict=True)
    ]
    return model.fit(model.mix(parts))


def row_weights(samples: list[Any], weights: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows and the weight of each."""
    share = [np.full(len(x), w / len(x)) for x, w in zip(samples, weights, strict=True)]
    return np.concatenate(samples), np.concatenate(share)


RNG = np.random.default_rng(30)
SAMPLES: dict[str, tuple[list[Any], list[float]]] = {
    "one block": ([RNG.standard_normal(9)], [1.0]),
    "two blocks": ([RNG.standard_normal(9), 2 * RNG.standard_normal(5)], [0.3, 0.7]),
    "three blocks": ([RNG.standard_normal(n) for n in (3, 8, 5)], [0.2, 0.7, 0.1]),
    "no weight": ([RNG.standard_normal(4), RNG.standard_normal(6)], [0.0, 1.0]),
    "far away": ([[-30.0, 40.0], RNG.standard_normal(6)], [0.1, 0.9]),
}


def scipy_kde(h: float, rows: np.ndarray, share: np.ndarray) -> stats.gaussian_kde:
    """Return scipy's estimate, told to use h and not h times the spread of the rows."""
    return stats.gaussian_kde(rows, h / math.sqrt(float(np.cov(rows, aweights=share))), share)


# --- the error of a fit --------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [NORMAL, MIXTURE], ids=["normal", "mixture"])
@pytest.mark.parametrize("h", [0.15, 0.4, 1.5])
@pytest.mark.parametrize("name", SAMPLES)
def test_the_error_is_the_exact_integral_of_scipy(name: str, h: float, truth: Any) -> None:
    samples, weights = SAMPLES[name]
    model = KernelDensity(h, density=truth)
    found = model.error(mixed(model, samples, list(weights)), "mise")
    kde = scipy_kde(h, *row_weights(samples, weights))
    cross = sum(
        p * kde.integrate_gaussian(mean, sd**2)
        for p, mean, sd in zip(truth.weights, truth.means, truth.sds, strict=True)
    )
    exact = kde.integrate_kde(kde) - 2 * cross + truth.roughness()
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(exact, rel=1e-8, abs=0)


def overlap(x: np.ndarray) -> np.ndarray:
    """Convolution of the Epanechnikov kernel with itself (Silverman 1986, by hand)."""
    y = np.abs(x)
    return np.where(y < 2, 3 / 160 * (2 - y) ** 3 * (y**2 + 6 * y + 4), 0.0)


@pytest.mark.parametrize("truth", [NORMAL, MIXTURE], ids=["normal", "mixture"])
@pytest.mark.parametrize("h", [0.2, 0.7])
@pytest.mark.parametrize("name", SAMPLES)
def test_the_error_with_the_epanechnikov_kernel(name: str, h: float, truth: Any) -> None:
    samples, weights = SAMPLES[name]
    model = KernelDensity(h, kernel="epanechnikov", density=truth)
    found = model.error(mixed(model, samples, list(weights)), "mise").item()
    rows, share = row_weights(samples, weights)
    squared = share @ overlap((rows[:, None] - rows) / h) @ share / h
    node, mass = np.polynomial.legendre.leggauss(60)
    at = rows[:, None] + h * node
    cross = share @ (truth.density(at) @ (mass * 0.75 * (1 - node**2)))
    exact = squared - 2 * cross + truth.roughness()
    # beyond the last frequency the kernel's square is 9/2 s^-4 on average: that part of the noise
    # of single rows is kept, and what is lost are their cross terms, which are as large
    lost = (9 / 2 / 3 / KERNELS["epanechnikov"].reach ** 3) / math.pi / h * (share**2).sum()
    assert abs(found - exact) < 2 * lost
    assert 2 * lost < 1e-5 * exact


def test_the_error_of_a_grid_with_the_weights_0_and_1() -> None:
    model = MODELS["mixture"]
    rng = np.random.default_rng(31)
    real, synthetic, w = rng.standard_normal((4, 6)), rng.standard_normal((4, 3)), [0.0, 0.3, 1.0]
    fit = mixed(model, [real, synthetic], [w, 1 - np.array(w)])
    found = model.error(fit, "mise")
    assert found.shape == (3, 4)
    for i, weight in enumerate(w):
        for r in range(4):
            one = mixed(model, [real[r], synthetic[r]], [weight, 1 - weight])
            assert found[i, r] == pytest.approx(model.error(one, "mise").item(), rel=1e-8, abs=0)


def test_the_error_moves_with_the_unit() -> None:
    rows = RNG.standard_normal(9)
    one = KernelDensity(0.4)
    other = KernelDensity(0.04, density=stats.norm(5, 0.1))
    expected = one.error(one.rows(rows), "mise") * 10
    found = other.error(other.rows(5 + rows / 10), "mise")
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_density_is_that_of_scipy(name: str) -> None:
    samples, weights = SAMPLES[name]
    model = KernelDensity(0.4)
    x = np.linspace(-5, 5, 41)
    found = model.evaluate(mixed(model, samples, list(weights)), x)
    assert found.shape == (1, 1, 41)
    expected = scipy_kde(0.4, *row_weights(samples, weights))(x)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize(("kernel", "code"), [("gaussian", "gau"), ("epanechnikov", "epa")])
def test_the_density_is_that_of_statsmodels(kernel: str, code: str) -> None:
    rows = RNG.standard_normal(30)
    model = KernelDensity(0.6, kernel=kernel)
    kde = KDEUnivariate(rows).fit(kernel=code, bw=0.6, fft=False)
    found = model.evaluate(model.fit(model.rows(rows)), kde.support)[0, 0]
    np.testing.assert_allclose(found, kde.density, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_the_spread_is_the_second_moment_of_the_density(name: str) -> None:
    model = MODELS[name]
    samples, weights = SAMPLES["two blocks"]
    fit = mixed(model, samples, list(weights))
    x = np.linspace(-12, 12, 200_001)
    density = model.evaluate(fit, x)[0, 0]
    second = integrate.simpson(density * (x - model.density.mean) ** 2, x=x)
    assert model.error(fit, "spread").item() == pytest.approx(second, rel=1e-7, abs=0)


# --- kernels and truths --------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
def test_a_kernel_by_quadrature(kernel: str) -> None:
    it = KERNELS[kernel]
    end = 1.0 if kernel == "epanechnikov" else 12.0

    def over(function: Any) -> float:
        return float(integrate.quad(function, -end, end, epsabs=1e-13, limit=200)[0])

    def density(x: float) -> float:
        return float(it.density(np.array(x)))

    assert over(density) == pytest.approx(1, rel=1e-12)
    assert over(lambda x: x**2 * density(x)) == pytest.approx(it.variance, rel=1e-12)
    assert over(lambda x: density(x) ** 2) == pytest.approx(it.roughness, rel=1e-12)
    for s in (0.0, 1e-4, 0.0499, 0.0501, 0.3, 2.0, 7.0):
        wave = over(lambda x, s=s: math.cos(s * x) * density(x))
        assert float(it.characteristic(np.array(s))) == pytest.approx(wave, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
def test_draws_of_a_kernel(kernel: str) -> None:
    # simulated: a Kolmogorov-Smirnov test alarms wrongly with probability 1e-4
    drawn = KERNELS[kernel].draw(np.random.default_rng(32), (4, 50_000))
    assert drawn.shape == (4, 50_000)
    law = stats.norm.cdf if kernel == "gaussian" else lambda x: (2 + 3 * x - x**3) / 4
    assert stats.kstest(drawn.ravel(), law).pvalue > 1e-4


def test_draws_of_a_mixture() -> None:
    drawn = MIXTURE.draw(np.random.default_rng(33), (4, 5000)).ravel()

    def law(x: np.ndarray) -> np.ndarray:
        return stats.norm.cdf(x[:, None], MIXTURE.means, MIXTURE.sds) @ MIXTURE.weights

    assert stats.kstest(drawn, law).pvalue > 1e-4


def test_a_mixture_by_quadrature() -> None:
    def f(x: Any) -> Any:
        return sum(
            p * stats.norm(mean, sd).pdf(x)
            for p, mean, sd in zip(MIXTURE.weights, MIXTURE.means, MIXTURE.sds, strict=True)
        )

    x = np.linspace(-9, 11, 20_001)  # equal steps: as good as exact for a smooth density
    step = x[1] - x[0]
    np.testing.assert_allclose(MIXTURE.density(x), f(x), rtol=1e-12, atol=1e-300)
    mean = (x * f(x)).sum() * step
    assert MIXTURE.mean == pytest.approx(mean, rel=1e-10)
    assert MIXTURE.variance == pytest.approx(((x - mean) ** 2 * f(x)).sum() * step, rel=1e-10)
    s = np.array([0.0, 0.3, -2.0, 5.0])
    transform = (np.exp(1j * s[:, None] * x) * f(x)).sum(axis=1) * step
    np.testing.assert_allclose(MIXTURE.characteristic(s), transform, atol=1e-12)
    smooth = NormalMixture(MIXTURE.weights, MIXTURE.means, np.sqrt(MIXTURE.sds**2 + 0.3))
    np.testing.assert_allclose(MIXTURE.density(x, smoothed=0.3), smooth.density(x), rtol=1e-12)


@pytest.mark.parametrize("truth", [NORMAL, MIXTURE], ids=["normal", "mixture"])
def test_roughness_by_quadrature(truth: NormalMixture) -> None:
    def derivative(x: float, order: int) -> float:
        z = (x - truth.means) / truth.sds
        polynomial = [np.ones_like(z), -z, z**2 - 1][order]
        return float(truth.weights @ (polynomial * stats.norm.pdf(z) / truth.sds ** (order + 1)))

    for order in (0, 1, 2):
        exact = integrate.quad(
            lambda x, order=order: derivative(x, order) ** 2, -9, 9, limit=500, epsabs=1e-12
        )[0]
        assert truth.roughness(order) == pytest.approx(exact, rel=1e-9, abs=0)
    # by hand for the standard normal density
    assert NORMAL.roughness() == pytest.approx(1 / (2 * math.sqrt(math.pi)), rel=1e-14)
    assert NORMAL.roughness(2) == pytest.approx(3 / (8 * math.sqrt(math.pi)), rel=1e-14)


def test_a_normal_distribution_of_scipy_is_a_truth() -> None:
    truth = KernelDensity(0.4, density=stats.norm(2, 3)).density
    assert (truth.mean, truth.variance) == (2.0, 9.0)
    assert KernelDensity(0.4).density == NORMAL


# --- theory --------------------------------------------------------------------------------------


def test_the_value_of_the_text() -> None:
    # n = 50, m = 25, h = .4, w = .6, t = 25
    path = KernelDensity(0.4).theory(FreshReal(n=50, m=25, w=0.6))["mise"].path(25)
    assert path.shape == (26,)
    assert path[-1] == pytest.approx(0.009360, abs=5e-7)


@pytest.mark.parametrize("name", MODELS)
def test_the_recursion_of_the_text_by_quadrature(name: str) -> None:
    model, n, m, w, steps = MODELS[name], 20, 9, 0.35, 3
    h, kernel = model.bandwidth, KERNELS[model.kernel]

    def z(s: np.ndarray, t: int) -> np.ndarray:
        phi, kappa = model.density.characteristic(s), kernel.characteristic(h * s)
        power = abs(phi) ** 2
        mean, square = kappa * phi, kappa**2 * (power + (1 - power) / n)
        for _ in range(t):
            mean, square = (
                kappa * (w * phi + (1 - w) * mean),
                kappa**2
                * (
                    w**2 * (power + (1 - power) / n)
                    + (1 - w) ** 2 * (square + (1 - square) / m)
                    + 2 * w * (1 - w) * (phi.conj() * mean).real
                ),
            )
        return np.asarray(square - 2 * (phi.conj() * mean).real + power)

    path = model.theory(FreshReal(n=n, m=m, w=w))["mise"].path(steps)
    for t in (0, steps):
        # the tail of the Epanechnikov kernel: z ~ kappa^2 / rows, 1e-9 of it beyond this end
        end = 12 / h if model.kernel == "gaussian" else 1200 / h
        edges = np.concatenate([np.linspace(0, 20, 201), np.linspace(20, end, 801)[1:]])
        total = sum(
            integrate.fixed_quad(lambda s, t=t: z(s, t), a, b, n=12)[0] for a, b in pairwise(edges)
        )
        assert path[t] == pytest.approx(total / math.pi, rel=1e-8, abs=0)


@pytest.mark.parametrize("truth", [NORMAL, MIXTURE], ids=["normal", "mixture"])
def test_real_rows_alone(truth: NormalMixture) -> None:
    # Marron and Wand (1992), every term an integral of two normal densities
    n, h = 30, 0.4
    double = truth.weights @ (
        stats.norm.pdf(
            truth.means[:, None] - truth.means,
            0,
            np.sqrt(2 * h**2 + truth.sds[:, None] ** 2 + truth.sds**2),
        )
        @ truth.weights
    )
    single = truth.weights @ (
        stats.norm.pdf(
            truth.means[:, None] - truth.means,
            0,
            np.sqrt(h**2 + truth.sds[:, None] ** 2 + truth.sds**2),
        )
        @ truth.weights
    )
    exact = 1 / (2 * math.sqrt(math.pi) * n * h) + (1 - 1 / n) * double - 2 * single
    exact += truth.roughness()
    theory = KernelDensity(h, density=truth).theory(FreshReal(n=n, m=5, w=1.0))["mise"]
    assert theory.path(2) == pytest.approx([exact] * 3, rel=1e-9, abs=0)
    assert theory.limit() == pytest.approx(exact, rel=1e-9, abs=0)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
@pytest.mark.parametrize("name", MODELS)
def test_theory_agrees_with_simulation(name: str, loop: Loop) -> None:
    model = MODELS[name]
    result = simulate(model, loop, steps=3, reps=2000, seed=3, progress=False)
    path = model.theory(loop)["mise"].path(3)
    for t in (0, 1, 3):
        estimate = result.estimate("mise", t=t)
        assert abs(estimate.value - path[t]) < Z * estimate.standard_error


def test_theory_agrees_with_simulation_on_a_grid_with_0_and_1() -> None:
    w = [0.0, 0.3, 1.0]
    loop, model = FreshReal(n=6, m=4, w=w), MODELS["gaussian"]
    result = simulate(model, loop, steps=8, reps=4000, seed=4, progress=False)
    path = model.theory(loop)["mise"].path(8)
    assert path.shape == (3, 9)
    for i, weight in enumerate(w):
        estimate = result.estimate("mise", w=weight, t=8)
        assert abs(estimate.value - path[i, 8]) < Z * estimate.standard_error


def test_one_worker_or_two_give_the_same_bits() -> None:
    model, loop = MODELS["mixture"], Accumulate(n=100, m=100)
    reps = model.cells(loop.rows(2)) * 2 + 5
    one, two = (
        simulate(model, loop, steps=2, reps=reps, seed=5, n_jobs=n, progress=False) for n in (1, 2)
    )
    assert one.path().equals(two.path())


@pytest.mark.parametrize("loop", [FixedReal, FreshReal])
@pytest.mark.parametrize("name", MODELS)
def test_the_limit_is_where_the_path_goes(name: str, loop: Any) -> None:
    it = loop(n=7, m=5, w=[0.1, 0.4, 1.0])
    theory = MODELS[name].theory(it)["mise"]
    assert theory.path(400)[:, -1] == pytest.approx(theory.limit(), rel=1e-8, abs=0)
    assert theory.quadrature_error() < 1e-9
    assert theory.quadrature_error(400) < 1e-9


@pytest.mark.parametrize("loop", [FullySynthetic(n=7, m=3), FreshReal(n=7, m=3, w=0.0)], ids=repr)
def test_without_real_rows_the_density_is_smoothed_away(loop: Loop) -> None:
    h, t = 0.4, 250
    theory = KernelDensity(h).theory(loop)["mise"]
    # every ancestor is common by then, so E int f_t^2 has settled, and int f E f_t has not
    cross = 1 / math.sqrt(2 * math.pi * (2 + (t + 1) * h**2))
    path = np.asarray(theory.path(t))
    assert path[-1] + 2 * cross == pytest.approx(theory.limit(), rel=1e-8, abs=0)
    # E int f_t^2: two of m rows have a common ancestor j generations ago, geometric, and the
    # difference of two rows has been smoothed 2 j times, and twice more by the estimate
    j = np.arange(1, 400)
    apart = (1 - 1 / 3) ** j * (1 / 3)
    noise = 1 / 3 / math.sqrt(4 * math.pi * h**2)
    noise += (apart / np.sqrt(2 * math.pi * (2 + 2 * j) * h**2)).sum()
    assert theory.limit() == pytest.approx(noise + NORMAL.roughness(), rel=1e-8, abs=0)


def test_accumulated_rows_are_smoothed_away_slowly() -> None:
    theory = KernelDensity(1.5).theory(Accumulate(n=7, m=5))["mise"]
    assert theory.limit() == pytest.approx(NORMAL.roughness(), rel=1e-12)
    path = theory.path(3000)
    gap = NORMAL.roughness() - path[[30, 300, 3000]]
    assert (gap > 0).all()
    assert (np.diff(gap) < 0).all()


def test_the_shape_of_a_grid() -> None:
    theory = KernelDensity(0.4).theory(FreshReal(n=7, m=5, w=[0.3]))["mise"]
    assert theory.path(4).shape == (1, 5)
    assert np.shape(theory.limit()) == (1,)
    scalar = KernelDensity(0.4).theory(FreshReal(n=7, m=5, w=0.3))["mise"]
    assert isinstance(scalar.limit(), float)
    assert scalar.limit() == theory.limit()[0]


# --- the expected density ------------------------------------------------------------------------


def smoothings(loop: Loop, t: int) -> dict[int, float]:
    """Return how often a row of the density of generation t has been smoothed, by counting."""
    chance = {0: 1.0}  # of training rows at t = 0
    for step in range(1, t + 1):
        new: dict[int, float] = {}
        for source, weight in loop.recipe(step).items():
            share = float(np.asarray(weight))
            if source in {"fresh", "first"}:
                new[0] = new.get(0, 0.0) + share
                continue
            for j, p in chance.items():
                more = j + (source == "synthetic")
                new[more] = new.get(more, 0.0) + share * p
        chance = new
    return {j + 1: p for j, p in chance.items()}


@pytest.mark.parametrize("t", [0, 1, 7])
@pytest.mark.parametrize("loop", LOOPS, ids=repr)
@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_the_expected_density_is_a_mixture(name: str, loop: Loop, t: int) -> None:
    model = MODELS[name]
    x = np.linspace(-6, 6, 25)
    expected = sum(
        p * model.density.density(x, smoothed=j * model.bandwidth**2)
        for j, p in smoothings(loop, t).items()
    )
    found = model.expected_density(loop, t, x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("w", [0.2, 0.6, 1.0])
def test_the_limit_density(name: str, w: float) -> None:
    model = MODELS[name]
    x = np.linspace(-25, 25, 1001)
    density = model.expected_density(FreshReal(n=7, m=5, w=w), None, x)
    mean = model.density.mean
    assert integrate.simpson(density, x=x) == pytest.approx(1, rel=1e-6)
    assert integrate.simpson(density * x, x=x) == pytest.approx(mean, rel=1e-6, abs=1e-8)
    variance = integrate.simpson(density * (x - mean) ** 2, x=x)
    assert variance == pytest.approx(model.limit_variance(w), rel=1e-5)
    h = model.bandwidth**2 * (0.2 if model.kernel == "epanechnikov" else 1.0)
    assert model.limit_variance(w) == pytest.approx(model.density.variance + h / w, rel=1e-12)
    late = model.expected_density(FreshReal(n=7, m=5, w=w), 250, x)
    np.testing.assert_allclose(density, late, rtol=0, atol=1e-9)


def test_the_limit_variance_of_a_grid() -> None:
    found = KernelDensity(2.0).limit_variance([0.0, 0.5, 1.0])
    assert found.tolist() == [math.inf, 9.0, 5.0]


@pytest.mark.parametrize("name", MODELS)
def test_the_spread_settles_at_the_limit_variance(name: str) -> None:
    # simulated
    model = MODELS[name]
    loop = FreshReal(n=9, m=7, w=[0.3, 0.8])
    result = simulate(
        model, loop, steps=60, reps=2000, seed=6, metrics=["spread"], burn_in=50, progress=False
    )
    for w in (0.3, 0.8):
        estimate = result.estimate("spread", w=w)
        assert abs(estimate.value - model.limit_variance(w)) < Z * estimate.standard_error


@pytest.mark.parametrize("name", ["mixture", "epanechnikov"])
def test_the_expected_density_is_the_mean_of_simulated_ones(name: str) -> None:
    model, loop = MODELS[name], LOOPS[1]
    x = np.array([-2.0, -0.5, 0.3, 1.9])
    *_, last = chains(model, loop, steps=4, reps=4000, seed=8)
    heights = model.evaluate(last, x)[0]
    expected = model.expected_density(loop, 4, x)
    assert (abs(heights.mean(axis=0) - expected) < Z * stats.sem(heights)).all()


# --- the best weight and bandwidth ---------------------------------------------------------------


@pytest.mark.parametrize("k", [0.2, 1.0, 7.0])
@pytest.mark.parametrize("w", [0.1, 0.5, 0.618, 1.0])
def test_the_noise_factor_is_a_series(w: float, k: float) -> None:
    j = np.arange(3000)
    exact = (w**2 + k * (1 - w) ** 2) * ((1 - w) ** (2 * j) / np.sqrt(j + 1)).sum()
    assert noise_factor(w, k) == pytest.approx(exact, rel=1e-8, abs=0)


@pytest.mark.parametrize("w", [0.1, 0.5, 1.0])
def test_the_noise_factor_of_the_epanechnikov_kernel(w: float) -> None:
    s = (np.arange(400_000) + 0.5) * 0.005  # up to 2000: 2e-10 of the integral is left
    square = KERNELS["epanechnikov"].characteristic(s) ** 2
    exact = (w**2 + 2 * (1 - w) ** 2) * (square / (1 - (1 - w) ** 2 * square)).sum() / square.sum()
    assert noise_factor(w, 2, kernel="epanechnikov") == pytest.approx(exact, rel=1e-8, abs=0)


def test_noise_that_is_smoothed_again_is_less_than_that_of_a_mean() -> None:
    w = np.array([0.1, 0.5, 0.618, 0.99])
    value = noise_factor(w, 2)
    assert (value < error_ratio(w, 2)).all()
    assert (value > w**2 + 2 * (1 - w) ** 2).all()
    assert noise_factor(1, 2) == pytest.approx(1, rel=1e-12)


def test_the_noise_factor_of_a_grid() -> None:
    found = noise_factor([[0.3], [0.7]], [0.5, 1, 2])
    assert found.shape == (2, 3)
    assert found[1, 2] == noise_factor(0.7, 2)
    assert isinstance(noise_factor(0.7, 2), float)


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
@pytest.mark.parametrize("w", [0.2, 0.6, 1.0])
def test_the_variance_for_small_bandwidths_is_the_noise_factor(kernel: str, w: float) -> None:
    def ratio(h: float, m: int) -> float:
        loop = FreshReal(n=2 * m, m=m, w=w)
        limit = KernelDensity(h, kernel=kernel).theory(loop)["mise"].limit()
        return float(limit) * 2 * m * h / KERNELS[kernel].roughness

    # what is left is of order h + 1/m, and extrapolated away
    assert 2 * ratio(0.0025, 4000) - ratio(0.005, 2000) == pytest.approx(
        noise_factor(w, 2, kernel=kernel), rel=1e-4, abs=0
    )


def least_noise(k: float, kernel: str = "gaussian") -> float:
    """Return the weight with the smallest noise factor, on a fine grid around a coarse one."""
    coarse = np.linspace(0.02, 1, 99)
    middle = coarse[noise_factor(coarse, k, kernel=kernel).argmin()]
    fine = np.linspace(max(middle - 0.01, 0.01), min(middle + 0.01, 1), 201)
    return float(fine[noise_factor(fine, k, kernel=kernel).argmin()])


def test_without_bias_the_best_weight_is_below_golden_and_above_naive() -> None:
    best = least_noise(1)
    j = np.arange(500)
    found = optimize.minimize_scalar(
        lambda w: (w**2 + (1 - w) ** 2) * ((1 - w) ** (2 * j) / np.sqrt(j + 1)).sum(),
        bounds=(0.3, 0.9),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert best == pytest.approx(found.x, abs=1e-4)
    assert 0.5 < best < 0.6180


@pytest.mark.parametrize(("k", "kernel"), [(1, "gaussian"), (3, "gaussian"), (1, "epanechnikov")])
def test_the_best_weight_for_small_bandwidths_has_the_least_noise(k: int, kernel: str) -> None:
    def best(h: float, m: int) -> float:
        return KernelDensity(h, kernel=kernel).best_weight(k * m, m)

    found = 2 * best(0.005, 2000) - best(0.01, 1000)  # order h + 1/m is extrapolated away
    assert found == pytest.approx(least_noise(k, kernel), abs=3e-4)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("n", "m"), [(50, 25), (50, 50), (30, 300)])
def test_the_best_weight_on_a_grid(name: str, n: int, m: int) -> None:
    model = MODELS[name]
    best = model.best_weight(n, m)

    def limit(w: Any) -> Any:
        return model.theory(FreshReal(n=n, m=m, w=w))["mise"].limit()

    assert (limit(np.linspace(0.02, 1, 50)) >= limit(best) * (1 - 1e-8)).all()
    fine = best + np.linspace(-0.01, 0.01, 21)
    assert abs(limit(fine).argmin() - 10) <= 1


def test_smoothing_bias_pushes_the_best_weight_up() -> None:
    best = [KernelDensity(h).best_weight(50, 50) for h in (0.1, 0.2, 0.4, 0.8)]
    assert (np.diff(best) > 0).all()
    assert best[-1] > 0.6180


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
@pytest.mark.parametrize("k", [0.05, 1.0, 10.0])
def test_the_rule_on_a_grid(k: float, kernel: str) -> None:
    rule = bandwidth_rule(k, kernel=kernel)
    # in units that make bias h^4/4 and variance 1/h for real rows alone: best 1, error 5/4
    w = np.linspace(rule.w * 0.9, min(1, rule.w * 1.1), 81)
    h = np.linspace(rule.bandwidth * 0.9, rule.bandwidth * 1.1, 201)[:, None]
    error = (h**2 / w) ** 2 / 4 + noise_factor(w, k, kernel=kernel) / h
    row, column = np.unravel_index(error.argmin(), error.shape)
    assert w[column] == pytest.approx(rule.w, abs=2 * (w[1] - w[0]))
    assert h[row, 0] == pytest.approx(rule.bandwidth, rel=0.002)
    assert error.min() / 1.25 == pytest.approx(rule.mise, rel=5e-5)
    assert error.min() / 1.25 >= rule.mise * (1 - 1e-9)
    # nowhere else is it smaller
    coarse = np.linspace(0.02, 1, 50)
    far = noise_factor(coarse, k, kernel=kernel)
    assert ((far**2 / coarse) ** 0.4 >= rule.mise * (1 - 1e-9)).all()


def test_the_rule_of_the_text() -> None:
    rule = bandwidth_rule(1)
    assert rule.w == pytest.approx(0.675, abs=5e-4)
    assert rule.bandwidth == pytest.approx(0.774, abs=5e-4)
    assert rule.mise == pytest.approx(0.785, abs=5e-4)


@pytest.mark.parametrize(
    ("kernel", "truth"),
    [("gaussian", None), ("epanechnikov", None), ("gaussian", MIXTURE)],
    ids=["gaussian", "epanechnikov", "mixture"],
)
def test_the_best_plan_is_a_minimum(kernel: str, truth: Any) -> None:
    n, m = 80, 40
    plan = best_plan(n, m, density=truth, kernel=kernel)

    def limit(w: Any, h: float) -> Any:
        model = KernelDensity(h, kernel=kernel, density=truth)
        return model.theory(FreshReal(n=n, m=m, w=w))["mise"].limit()

    assert plan.mise == pytest.approx(limit(plan.w, plan.bandwidth), rel=1e-9)
    for factor in np.linspace(0.5, 2, 31):
        around = limit(np.linspace(0.05, 1, 96), plan.bandwidth * factor)
        assert (around >= plan.mise * (1 - 1e-9)).all()
    # along either axis the minimum lies in the middle
    step = 1e-3
    below, above = limit([plan.w - step, plan.w + step], plan.bandwidth)
    assert abs(below - above) < 0.1 * (below + above - 2 * plan.mise)
    below, above = (limit(plan.w, plan.bandwidth * math.exp(x)) for x in (-step, step))
    assert abs(below - above) < 0.1 * (below + above - 2 * plan.mise)


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
@pytest.mark.parametrize("k", [1, 2])
def test_the_best_plan_goes_to_the_rule(k: int, kernel: str) -> None:
    def scaled(m: int) -> np.ndarray:
        n = k * m
        plan = best_plan(n, m, kernel=kernel)

        def alone(log_h: float) -> float:
            model = KernelDensity(math.exp(log_h), kernel=kernel)
            return float(model.theory(FreshReal(n=n, m=1, w=1.0))["mise"].limit())

        start = math.log(plan.bandwidth)
        found = optimize.minimize_scalar(
            alone, bounds=(start - 1, start + 1), method="bounded", options={"xatol": 1e-7}
        )
        return np.array([plan.w, plan.bandwidth / math.exp(found.x), plan.mise / found.fun])

    # what is left is of order n^{-1/5} and n^{-2/5}: 32 times the rows halve and quarter it
    one, two, three = (scaled(10**4 * 32**i) for i in range(3))
    rule = np.array(bandwidth_rule(k, kernel=kernel))
    assert (abs(three - rule) < abs(one - rule)).all()
    extrapolated = (8 * three - 6 * two + one) / 3
    assert extrapolated == pytest.approx(rule, abs=1e-3)


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [0, -1, math.nan, math.inf, "0.4", None, [0.4]])
def test_a_bandwidth_is_a_positive_number(h: Any) -> None:
    with pytest.raises(ValueError, match=r"^`bandwidth` must be .*; got "):
        KernelDensity(h)


@pytest.mark.parametrize("kernel", ["normal", "", None, 3, ["gaussian"]])
def test_a_kernel_has_a_name(kernel: Any) -> None:
    message = r"^`kernel` must be one of gaussian, epanechnikov; got "
    with pytest.raises(ValueError, match=message):
        KernelDensity(0.4, kernel=kernel)
    with pytest.raises(ValueError, match=message):
        noise_factor(0.5, 1, kernel=kernel)
    with pytest.raises(ValueError, match=message):
        bandwidth_rule(1, kernel=kernel)
    with pytest.raises(ValueError, match=message):
        best_plan(10, 10, kernel=kernel)


@pytest.mark.parametrize(
    "density", [stats.expon(), "norm", 1.0, stats.t(3)], ids=str.split("expon name number t")
)
def test_a_density_is_a_mixture(density: Any) -> None:
    message = r"^`density` must be a NormalMixture or a scipy.stats.norm distribution; got "
    with pytest.raises(ValueError, match=message):
        KernelDensity(0.4, density=density)
    with pytest.raises(ValueError, match=message):
        best_plan(10, 10, density=density)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([0.5, 0.6], [0, 1], [1, 1]), "weights"),
        (([1.5, -0.5], [0, 1], [1, 1]), "weights"),
        (([1.0, 0.0], [0, 1], [1, 1]), "weights"),
        (([math.nan, 1.0], [0, 1], [1, 1]), "weights"),
        (([[0.5, 0.5]], [0, 1], [1, 1]), "weights"),
        (([0.5, 0.5], [0], [1, 1]), "means"),
        (([0.5, 0.5], [0, math.inf], [1, 1]), "means"),
        (([0.5, 0.5], [0, 1], [1]), "sds"),
        (([0.5, 0.5], [0, 1], [1, 0]), "sds"),
        (([0.5, 0.5], [0, 1], [1, "1"]), "sds"),
    ],
)
def test_a_mixture_is_checked(arguments: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^`{name}` must be .*; got "):
        NormalMixture(*arguments)


@pytest.mark.parametrize("values", [[], [[]], [1.0, math.nan], [math.inf], "rows", [[[1.0]]], 3.0])
def test_rows_are_finite_and_some(values: Any) -> None:
    with pytest.raises(ValueError, match=r"^`values` must be "):
        KernelDensity(0.4).rows(values)


@pytest.mark.parametrize("x", [[math.nan], [math.inf], "0", None])
def test_a_density_is_evaluated_at_finite_values(x: Any) -> None:
    model = KernelDensity(0.4)
    with pytest.raises(ValueError, match=r"^`x` must be .*; got "):
        model.evaluate(model.rows([0.1]), x)
    with pytest.raises(ValueError, match=r"^`x` must be .*; got "):
        model.expected_density(LOOPS[3], 1, x)


def test_an_unknown_metric() -> None:
    model = KernelDensity(0.4)
    with pytest.raises(ValueError, match=r"^`metric` must be 'mise' or 'spread'; got 'cdf'"):
        model.error(model.rows([0.1]), "cdf")


def test_a_bandwidth_that_needs_too_many_frequencies() -> None:
    model = KernelDensity(1e-7)
    with pytest.raises(ValueError, match=r"^`bandwidth` = 1e-07 is too small beside rows between "):
        model.error(model.rows([0.0]), "mise")


def test_a_density_has_no_finite_noise() -> None:
    with pytest.raises(TypeError, match="theory"):
        KernelDensity(0.4).sampling_noise(5, 5)


@pytest.mark.parametrize("t", [-1, 1.5, "1"])
def test_a_generation_is_an_integer(t: Any) -> None:
    with pytest.raises(ValueError, match=r"^`t` must be an integer of at least 0; got "):
        KernelDensity(0.4).expected_density(LOOPS[3], t, [0.0])


@pytest.mark.parametrize("loop", [*LOOPS[:3], FreshReal(n=5, m=5, w=0.0)], ids=repr)
def test_only_fresh_real_rows_have_a_limit_density(loop: Loop) -> None:
    with pytest.raises(ValueError, match=r"^`t` must be a generation, unless fresh real rows "):
        KernelDensity(0.4).expected_density(loop, None, [0.0])


def test_an_expected_density_has_one_weight() -> None:
    loop = FreshReal(n=5, m=5, w=[0.3, 0.6])
    with pytest.raises(ValueError, match=r"^`loop` must be one with a single weight; got "):
        KernelDensity(0.4).expected_density(loop, 1, [0.0])


@pytest.mark.parametrize("steps", [0, -1, 1.5, "1"])
def test_steps_are_positive(steps: Any) -> None:
    theory: Any = KernelDensity(0.4).theory(LOOPS[3])["mise"]
    for call in (theory.path, theory.quadrature_error):
        with pytest.raises(ValueError, match=r"^`steps` must be an integer of at least 1; got "):
            call(steps)


@pytest.mark.parametrize("w", [-0.1, 1.1, math.nan, "0.5", None])
def test_a_weight_is_between_0_and_1(w: Any) -> None:
    for call in (KernelDensity(0.4).limit_variance, lambda w: noise_factor(w, 1)):
        with pytest.raises(ValueError, match=r"^`w` must be between 0 and 1; got "):
            call(w)


@pytest.mark.parametrize("w", [0, [0.5, 0.0]])
def test_noise_needs_real_rows(w: Any) -> None:
    with pytest.raises(ValueError, match=r"^`w` must be greater than 0; got "):
        noise_factor(w, 1)


@pytest.mark.parametrize("k", [0, -1, math.nan, math.inf, "1", None])
def test_a_ratio_is_positive(k: Any) -> None:
    for call in (bandwidth_rule, lambda k: noise_factor(0.5, k)):
        with pytest.raises(ValueError, match=r"^`k` must be finite and greater than 0; got "):
            call(k)


def test_a_rule_is_for_one_ratio() -> None:
    with pytest.raises(ValueError, match=r"^`k` must be a single number; got "):
        bandwidth_rule([1, 2])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["n", "m"])
@pytest.mark.parametrize("rows", [0, -3, 1.5, "5"])
def test_rows_are_counted(name: str, rows: Any) -> None:
    arguments = {"n": 5, "m": 5, name: rows}
    for call in (best_plan, KernelDensity(0.4).best_weight):
        with pytest.raises(ValueError, match=rf"^`{name}` must be an integer of at least 1; got "):
            call(**arguments)  # type: ignore[operator]


@pytest.mark.parametrize(("h", "kernel"), [(0.05, "epanechnikov"), (0.4, "gaussian")])
def test_the_best_weight_beside_a_flood_of_synthetic_rows(h: float, kernel: str) -> None:
    model = KernelDensity(h, kernel=kernel)
    w = np.geomspace(1e-4, 1, 200)
    limit = model.theory(FreshReal(n=10, m=10**6, w=w))["mise"].limit()
    best = model.best_weight(10, 10**6)
    assert best == pytest.approx(w[limit.argmin()], rel=0.05)


@pytest.mark.parametrize(
    "density", [stats.norm(scale=-1), stats.norm([0, 1], 1)], ids=["negative", "two"]
)
def test_a_normal_density_has_one_mean_and_a_spread(density: Any) -> None:
    with pytest.raises(ValueError, match=r"^`density` must be a NormalMixture or a scipy"):
        KernelDensity(0.4, density=density)


def test_things_that_are_no_loop() -> None:
    model: Any = KernelDensity(0.4)
    for call in (model.theory, lambda loop: model.expected_density(loop, 3, [0.0])):
        with pytest.raises(ValueError, match=r"^`loop` must be one of lib\.loops; got None"):
            call(None)
