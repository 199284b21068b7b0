"""A start with covariates of another scale, against plain draws and fits of every row."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import expit

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic, simulate
from lib.models import LinearRegression, LogisticRegression, PoissonRegression, ScaledStart
from lib.simulate import chains

THETA, SCALE = np.array([1.0, 0.6]), 0.5
LOOP = FullySynthetic(n=60, m=80)
FAMILIES = {
    "linear": LinearRegression,
    "logistic": LogisticRegression,
    "poisson": PoissonRegression,
}
REPS = {"linear": 3000, "logistic": 250, "poisson": 250}
TIMES = (0, 1, 3)


def labels(name: str, predictor: Any, rng: np.random.Generator) -> Any:
    if name == "linear":
        return predictor + rng.standard_normal(predictor.shape)
    if name == "logistic":
        return (rng.random(predictor.shape) < expit(predictor)).astype(float)
    return rng.poisson(np.exp(predictor)).astype(float)


def fitted(name: str, x: Any, y: Any) -> Any:
    if name == "linear":
        return np.linalg.lstsq(x, y, rcond=None)[0]
    family = sm.families.Binomial() if name == "logistic" else sm.families.Poisson()
    return sm.GLM(y, x, family=family).fit(tol=1e-10).params


@cache
def plain(name: str) -> Any:
    """Return coefficients of a plain simulation, shape (generations, replicates, 2)."""
    rng = np.random.default_rng(11)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of statsmodels, for samples close to separation
        for _ in range(REPS[name]):
            x = SCALE * rng.standard_normal((LOOP.n, 2))
            chain = [fitted(name, x, labels(name, x @ THETA, rng))]
            for _ in range(max(TIMES)):
                x = rng.standard_normal((LOOP.m, 2))
                chain.append(fitted(name, x, labels(name, x @ chain[-1], rng)))
            found.append(chain)
    return np.swapaxes(found, 0, 1)


def ours(model: Any) -> Any:
    return [fit[0] for fit in chains(model, LOOP, steps=max(TIMES), reps=3000, seed=5)]


# --- in distribution -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_chains_are_distributed_as_plain_ones(name: str) -> None:
    model = ScaledStart(FAMILIES[name], THETA, scale=SCALE)
    fast, slow = ours(model), plain(name)
    for t in TIMES:
        for get in (
            lambda fit: fit[:, 0],
            lambda fit: fit[:, 1],
            lambda fit: ((fit - THETA) ** 2).sum(axis=-1),
        ):
            one, other = get(fast[t]), get(slow[t])
            # 27 comparisons, each alarms wrongly with probability 1e-4
            assert stats.ks_2samp(one[~np.isnan(one)], other).pvalue > 1e-4


@pytest.mark.parametrize("name", FAMILIES)
def test_a_start_without_the_scale_is_told_apart(name: str) -> None:
    fast, slow = ours(FAMILIES[name](THETA)), plain(name)
    one, other = (((fit[0] - THETA) ** 2).sum(axis=-1) for fit in (fast, slow))
    assert stats.ks_2samp(one, other).pvalue < 1e-6


@pytest.mark.parametrize("name", FAMILIES)
def test_a_scale_that_is_kept_is_told_apart(name: str) -> None:
    # as if all later rows had the first rows' scale too
    model = ScaledStart(FAMILIES[name], THETA * SCALE, scale=1)
    fast, slow = ours(model), plain(name)
    one = ((fast[3] / SCALE - THETA) ** 2).sum(axis=-1)
    other = ((slow[3] - THETA) ** 2).sum(axis=-1)
    assert stats.ks_2samp(one[~np.isnan(one)], other).pvalue < 1e-6


@pytest.mark.parametrize("name", FAMILIES)
def test_the_scale_1_is_the_usual_model(name: str) -> None:
    one, other = ours(ScaledStart(FAMILIES[name], THETA, scale=1)), ours(FAMILIES[name](THETA))
    for mine, usual in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, usual)


# --- theory --------------------------------------------------------------------------------------


def test_the_theory_of_the_linear_family_is_exact_in_a_small_sample() -> None:
    # E tr (X'X)^-1 = d / (rows - d - 1) for X ~ N(0, I)
    loop, d = FullySynthetic(n=10, m=8), 3
    model = ScaledStart(LinearRegression, [1, -2, 0.5], scale=0.25)
    assert model.status(loop) == "exact"
    path = model.theory(loop)["theta"].path(5)
    expected = d / (10 - d - 1) / 0.25**2 + np.arange(6) * d / (8 - d - 1)
    assert path == pytest.approx(expected, rel=1e-12)
    result = simulate(model, loop, steps=5, reps=40_000, seed=3)
    usual = LinearRegression([1, -2, 0.5]).theory(loop)["theta"].path(5)
    for t in (0, 1, 5):
        found = result.estimate("theta", t=t)
        assert found.standard_error < 0.02 * path[t]
        # |z| < 4.5 alarms wrongly with probability 7e-6
        assert abs(found.value - path[t]) < 4.5 * found.standard_error
        assert abs(found.value - usual[t]) > 20 * found.standard_error


@pytest.mark.parametrize("name", ["logistic", "poisson"])
def test_the_theory_of_a_glm_has_the_information_of_each_scale(name: str) -> None:
    loop = FullySynthetic(n=500, m=300)
    model = ScaledStart(FAMILIES[name], THETA, scale=SCALE)
    assert model.status(loop) == "asymptotic"
    path = model.theory(loop)["theta"].path(2)
    z = np.random.default_rng(4).standard_normal((400_000, 2))

    def noise(scale: float, rows: int) -> float:
        x = scale * z
        mean = expit(x @ THETA) if name == "logistic" else np.exp(x @ THETA)
        spread = mean * (1 - mean) if name == "logistic" else mean
        return float(np.trace(np.linalg.inv((x * spread[:, None]).T @ x / len(x)))) / rows

    assert path[0] == pytest.approx(noise(SCALE, 500), rel=0.02)
    assert path[1] - path[0] == pytest.approx(noise(1, 300), rel=0.02)
    assert path[2] - path[1] == pytest.approx(path[1] - path[0], rel=1e-9)


def test_the_noise_agrees_with_the_theory() -> None:
    loop = FullySynthetic(n=5000, m=4000)
    model = ScaledStart(PoissonRegression, THETA, scale=SCALE)
    noise, path = model.sampling_noise(5000, 4000)["theta"], model.theory(loop)["theta"].path(1)
    assert float(noise.real.item()) == pytest.approx(path[0], rel=1e-9)
    assert float(noise.synthetic.item()) == pytest.approx(path[1] - path[0], rel=1e-9)


# --- bad use -------------------------------------------------------------------------------------

MODEL = ScaledStart(LinearRegression, THETA, scale=SCALE)


@pytest.mark.parametrize(
    "loop",
    [FreshReal(n=9, m=9, w=0.5), FixedReal(n=9, m=9, w=0.5), Accumulate(n=9, m=9), "synthetic"],
)
def test_other_loops_are_refused(loop: Any) -> None:
    with pytest.raises(ValueError, match=r"^`loop` must be FullySynthetic for ScaledStart\("):
        MODEL.check(loop)
    with pytest.raises(ValueError, match=r"^`loop` must be "):
        simulate(MODEL, loop, steps=1, reps=2)
    with pytest.raises(ValueError, match=r"^`loop` must be "):
        MODEL.theory(loop)


@pytest.mark.parametrize(("n", "m", "name"), [(1, 9, "n"), (9, 1, "m")])
def test_too_few_rows_are_refused(n: int, m: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"^`{name}` must be at least 4 for LinearRegression"):
        simulate(MODEL, FullySynthetic(n=n, m=m), steps=1, reps=2)


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf, [1, 2], "half", None])
def test_a_scale_that_cannot_be(scale: Any) -> None:
    with pytest.raises(ValueError, match=r"^`scale` must be "):
        ScaledStart(LinearRegression, THETA, scale=scale)


@pytest.mark.parametrize("family", ["linear", LinearRegression([1.0]), ScaledStart, int, None])
def test_a_family_that_is_none(family: Any) -> None:
    with pytest.raises(ValueError, match=r"^`family` must be a class of regressions; got "):
        ScaledStart(family, THETA, scale=1)


def test_only_the_distance_of_the_coefficients_is_an_error() -> None:
    with pytest.raises(ValueError, match=re.escape("`metric` must be 'theta'; got 'kl'")):
        simulate(MODEL, LOOP, steps=1, reps=2, metrics=["kl"])


def test_counts_of_the_start_that_are_too_large_are_refused() -> None:
    # real rows with covariates of scale 100 have mean counts beyond any that can be drawn
    model = ScaledStart(PoissonRegression, THETA, scale=100)
    with pytest.raises(ValueError, match=r"^`theta` must be "):
        model.check(LOOP)


def test_scales_that_differ_a_little_have_different_names() -> None:
    one, other = (ScaledStart(LinearRegression, THETA, scale=s) for s in (0.5, 0.5000001))
    # the name is part of what a store of chunks goes by
    assert repr(one) != repr(other)
