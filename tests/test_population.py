"""Regression on rows of a finite table: against direct sums over its rows, and plain resampling.

Only the tests that say so simulate. Each |z| < 4.5 alarms wrongly with probability 7e-6, each
chi-square, binomial or Kolmogorov-Smirnov test with 1e-4; there are about 140 of the first and 50
of the second, so that the whole file does with probability of less than 1 %. The seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import reference
import statsmodels.api as sm
from scipy import stats

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop
from lib.misspecification import NoMaximumError, misspecification_ratio
from lib.models import PopulationRegression
from lib.models._irls import (
    BINOMIAL,
    FAMILIES,
    POISSON,
    SATURATED,
    TOLERANCE,
    Family,
    Part,
    _attained,
    _damped,
    _newton,
    _Objective,
    maximise,
    maximise_one,
    recedes,
)
from lib.models.linearized import LinearChain, Linearized
from lib.multilevel import settled_error
from lib.simulate import LostReplicatesWarning, Simulation, simulate

pytestmark = pytest.mark.filterwarnings("error")

Z, P_VALUE = 4.5, 1e-4
METRICS = ("theta", "kl", "calibration")
STATSMODELS = {"binomial": sm.families.Binomial(), "poisson": sm.families.Poisson()}
BOTH = pytest.mark.parametrize("family", list(FAMILIES))

LOOPS: dict[str, Callable[[int, int], Loop]] = {
    "fully synthetic": lambda n, m: FullySynthetic(n=n, m=m),
    "accumulate": lambda n, m: Accumulate(n=n, m=m),
    "fixed real": lambda n, m: FixedReal(n=n, m=m, w=0.4),
    "fresh real": lambda n, m: FreshReal(n=n, m=m, w=0.4),
}
ALL_LOOPS = pytest.mark.parametrize("loop", list(LOOPS))


@cache
def table(family: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return X, y and counts of a table that no model of the family describes.

    The same covariates stand there with several labels, some rows twice, and some 0 times.
    """
    rng = np.random.default_rng(5)
    places = [(a, b) for a in (-1.0, -0.5, 0.0, 0.75, 1.5) for b in (0.0, 1.0)]
    labels = (0, 1) if family == "binomial" else (0, 1, 2, 7)
    rows = [(1.0, a, b, y) for a, b in places for y in labels]
    rows += rows[:5]
    found = np.array(rows)
    counts = rng.integers(1, 9, len(rows))
    if family == "poisson":  # 7 is rare
        counts = np.where(found[:, -1] == 7, 1, counts)
    counts[[3, 8]] = 0
    return found[:, :-1], found[:, -1], counts


@cache
def model(family: str) -> PopulationRegression:
    x, y, counts = table(family)
    return PopulationRegression(x, y, family=family, counts=counts)


def mean(family: str, predictor: Any) -> Any:
    return np.exp(predictor) if family == "poisson" else 1 / (1 + np.exp(-predictor))


def curvature(family: str, predictor: Any) -> Any:
    at = mean(family, predictor)
    return at if family == "poisson" else at * (1 - at)


def log_losses(family: str, x: Any, y: Any, theta: Any) -> np.ndarray:
    """Return each row's log-loss, for counts without ln y!."""
    at = mean(family, x @ theta)
    if family == "poisson":
        return np.asarray(at - y * np.log(at))
    return np.asarray(-np.log(np.where(y == 1, at, 1 - at)))


def repeated(family: str) -> tuple[np.ndarray, np.ndarray]:
    x, y, counts = table(family)
    return np.repeat(x, counts, axis=0), np.repeat(y, counts)


def run(it: Any, loop: Loop, **changed: Any) -> Simulation:
    options: dict[str, Any] = {"steps": 2, "reps": 100, "seed": 1, "progress": False}
    return simulate(it, loop, **options | changed)


def fits_nearby(family: str, size: int, scale: float = 0.3) -> np.ndarray:
    """Return fits around the target, shape (2, size, d)."""
    it = model(family)
    return it.target + scale * np.random.default_rng(1).standard_normal((2, size, it.dim))


# --- the target and the matrices -----------------------------------------------------------------


@BOTH
def test_the_target_is_that_of_statsmodels(family: str) -> None:
    x, y, counts = table(family)
    kept = counts > 0
    glm = sm.GLM(y[kept], x[kept], STATSMODELS[family], freq_weights=counts[kept])
    fit = glm.fit(maxiter=200, tol=1e-13, tol_criterion="params")
    np.testing.assert_allclose(model(family).target, fit.params, rtol=0, atol=1e-9)
    # the inverse information is the covariance that statsmodels states, times the rows
    expected = fit.cov_params() * counts.sum()
    np.testing.assert_allclose(model(family).inverse_information, expected, rtol=1e-8)


@BOTH
def test_the_score_is_zero_at_the_target(family: str) -> None:
    (x, y), theta = repeated(family), model(family).target
    score = x.T @ (y - mean(family, x @ theta)) / len(x)
    assert abs(score).max() < 1e-11


@BOTH
def test_matrices_are_sums_over_rows(family: str) -> None:
    (x, y), it = repeated(family), model(family)
    information, covariance = np.zeros((3, 3)), np.zeros((3, 3))
    for row, label in zip(x, y, strict=True):
        square, at = np.outer(row, row), row @ it.target
        information += curvature(family, at) * square / len(x)
        covariance += (label - mean(family, at)) ** 2 * square / len(x)
    np.testing.assert_allclose(it.information, information, rtol=1e-12)
    np.testing.assert_allclose(it.score_covariance, covariance, rtol=1e-12)
    inverse = np.linalg.inv(information)
    np.testing.assert_allclose(it.sandwich, inverse @ covariance @ inverse, rtol=1e-10)
    np.testing.assert_allclose(it.inverse_information, inverse, rtol=1e-10)
    # the table is not of the model: else the test above could not tell the two apart
    assert abs(it.misspecification - 1) > 0.03


@BOTH
def test_information_of_a_batch(family: str) -> None:
    it, theta = model(family), fits_nearby(family, 4)
    theta[0, 1] = np.nan  # a lost chain touches no other
    found = it.information_at(theta)
    x, _ = repeated(family)
    i, j = np.tril_indices(3)
    for place in np.ndindex(2, 4):
        at = curvature(family, x @ theta[place])
        expected = ((x * at[:, None]).T @ x / len(x))[i, j]
        np.testing.assert_allclose(found[place], expected, rtol=1e-11)


@BOTH
def test_misspecification_is_that_of_the_rows(family: str) -> None:
    x, y = repeated(family)
    rows, dim = x.shape
    ratio = misspecification_ratio(x, y, family)  # which divides by 1 - d/rows
    expected = float(ratio) * (rows - dim) / rows
    assert model(family).misspecification == pytest.approx(expected, rel=1e-9)
    assert model(family).ratio("theta") == model(family).misspecification
    np.testing.assert_allclose(model(family).target, ratio.theta, rtol=0, atol=1e-10)


@BOTH
def test_ratios_of_all_metrics(family: str) -> None:
    it = model(family)
    for metric, form in it.forms.items():
        expected = np.trace(form @ it.sandwich) / np.trace(form @ it.inverse_information)
        assert it.ratio(metric) == pytest.approx(expected, rel=1e-11)
    assert set(it.forms) == set(METRICS)


@BOTH
def test_sampling_noise(family: str) -> None:
    it = model(family)
    noise = it.sampling_noise(50, 80)
    assert set(noise) == set(METRICS)
    for metric, form in it.forms.items():
        assert noise[metric].real == pytest.approx(np.trace(form @ it.sandwich) / 50, rel=1e-11)
        synthetic = np.trace(form @ it.inverse_information) / 80
        assert noise[metric].synthetic == pytest.approx(synthetic, rel=1e-11)
        assert not noise[metric].feedback.any()
    assert it.status(FreshReal(n=50, m=80, w=0.5)) == "asymptotic"


# --- how the table is written does not matter ----------------------------------------------------


def same(one: PopulationRegression, other: PopulationRegression) -> None:
    """Both are the same model, to the last bit."""
    for name in ("target", "observed", "group_share", "information", "score_covariance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for metric in METRICS:
        np.testing.assert_array_equal(one.forms[metric], other.forms[metric], err_msg=metric)
    assert one.log_loss == other.log_loss
    loop = FreshReal(n=60, m=50, w=[0.3, 0.7])
    options: dict[str, Any] = {"steps": 1, "reps": 20, "metrics": METRICS}
    paths = [run(it, loop, **options).path() for it in (one, other)]
    assert paths[0].equals(paths[1])


@BOTH
def test_counts_are_rows_that_are_repeated(family: str) -> None:
    x, y = repeated(family)
    same(model(family), PopulationRegression(x, y, family=family))


@BOTH
@pytest.mark.parametrize("factor", [3, 1000])
def test_only_ratios_of_counts_matter(family: str, factor: int) -> None:
    x, y, counts = table(family)
    same(model(family), PopulationRegression(x, y, family=family, counts=factor * counts))


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(family: str, seed: int) -> None:
    x, y, counts = table(family)
    order = np.random.default_rng(seed).permutation(len(x))
    other = PopulationRegression(x[order], y[order], family=family, counts=counts[order])
    same(model(family), other)


def test_the_order_of_rows_with_fractional_counts_does_not_matter() -> None:
    x, y = np.array([[1.0, 0], [1, 1]]).repeat(4, axis=0), np.array([0, 0, 0, 1, 0, 1, 1, 1])
    counts, order = np.array([0.1, 0.2, 0.3, 0.7, 0.1, 0.2, 0.3, 0.7]), [2, 1, 0, 3, 4, 7, 6, 5]
    one = PopulationRegression(x, y, counts=counts)
    other = PopulationRegression(x[order], y[order], counts=counts[order])
    assert one.target.tolist() == other.target.tolist()
    for metric, form in one.forms.items():
        assert form.tolist() == other.forms[metric].tolist()


def test_rows_without_count_do_not_matter() -> None:
    x, y, counts = table("binomial")
    kept = counts > 0
    same(model("binomial"), PopulationRegression(x[kept], y[kept], counts=counts[kept]))


def test_labels_and_covariates_may_be_logical() -> None:
    x, y, counts = table("binomial")
    same(model("binomial"), PopulationRegression(x, y == 1, counts=counts))
    dummy = x[:, [2]] == 1
    with_numbers = PopulationRegression(dummy.astype(int), y, counts=counts)
    same(with_numbers, PopulationRegression(dummy, y, counts=counts))


def test_the_arguments_are_left_alone() -> None:
    x, y, counts = (values.copy() for values in table("poisson"))
    it = PopulationRegression(x, y, family="poisson", counts=counts)
    expected = it.information
    for mine, original in zip((x, y, counts), table("poisson"), strict=True):
        np.testing.assert_array_equal(mine, original)
        mine[:] = 0
    np.testing.assert_array_equal(it.information, expected)


@BOTH
def test_the_units_of_covariates_only_change_those_of_the_fit(family: str) -> None:
    (x, y, counts), units = table(family), np.array([1, 1e-4, 1e5])
    one, other = (
        PopulationRegression(x * u, y, family=family, counts=counts) for u in (1.0, units)
    )
    np.testing.assert_allclose(other.target * units, one.target, rtol=1e-9)
    for metric in ("kl", "calibration"):
        assert other.ratio(metric) == pytest.approx(one.ratio(metric), rel=1e-8)
    samples = [it.draw(80, (1, 30), np.random.default_rng(2)) for it in (one, other)]
    fits = [it.fit(sample) for it, sample in zip((one, other), samples, strict=True)]
    np.testing.assert_allclose(fits[1] * units, fits[0], rtol=0, atol=2e-8)


def test_repr() -> None:
    x, y = [[1.0], [1.0], [1.0]], [0, 1, 1]
    assert repr(PopulationRegression(x, y)) == (
        "PopulationRegression(2 different rows, family='binomial')"
    )
    x, y, counts = table("poisson")
    cells = len(np.unique(np.column_stack([x, y])[counts > 0], axis=0))
    assert repr(model("poisson")) == (
        f"PopulationRegression({cells} different rows, family='poisson')"
    )


# --- rows are drawn from the table, labels from the fit ------------------------------------------


def cells_of(family: str) -> dict[tuple[float, ...], float]:
    """Return the share of each different row (x, y) of the table."""
    x, y, counts = table(family)
    found: dict[tuple[float, ...], float] = {}
    for row, label, count in zip(x, y, counts, strict=True):
        if count:
            key = (*row.tolist(), float(label))
            found[key] = found.get(key, 0.0) + count / counts.sum()
    return found


def drawn(part: Part, weight: int = 0) -> dict[tuple[float, ...], int]:
    """Count the different rows (x, y) of a batch."""
    y = part.y[:, weight]
    rows = np.column_stack([part.x.swapaxes(-1, -2).reshape(y.size, -1), y.ravel()])
    found, number = np.unique(rows, axis=0, return_counts=True)
    return {tuple(row): int(n) for row, n in zip(found.tolist(), number, strict=True)}


@BOTH
def test_real_rows_are_those_of_the_table(family: str) -> None:
    """A chi-square test of the joint law of covariates and label."""
    (part,) = model(family).draw(250, (1, 400), np.random.default_rng(3))
    assert (part.x.shape, part.y.shape) == ((400, 3, 250), (400, 1, 250))
    found, share = drawn(part), cells_of(family)
    assert set(found) <= set(share)
    observed = [found.get(key, 0) for key in share]
    expected = [100_000 * p for p in share.values()]
    assert min(expected) > 100
    assert stats.chisquare(observed, expected).pvalue > P_VALUE
    # rows of a sample, and samples, are independent: pairs have the product law
    first, second = part.y[:, 0, 0::2].ravel(), part.y[:, 0, 1::2].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < Z / first.size**0.5


@BOTH
def test_synthetic_rows_have_covariates_of_the_table_and_labels_of_the_fit(family: str) -> None:
    """Chi-square tests for each weight; the fits are far from the target and from each other."""
    it = model(family)
    theta = np.array([[0.6, -0.7, 0.4], [-0.5, 0.3, 0.2]])[:, None] * np.ones((2, 400, 1))
    (part,) = it.synthesize(theta, 250, (2, 400), np.random.default_rng(4))
    assert (part.x.shape, part.y.shape) == ((400, 3, 250), (400, 2, 250))
    shares: dict[tuple[float, ...], float] = {}
    for key, p in cells_of(family).items():
        shares[key[:-1]] = shares.get(key[:-1], 0.0) + p
    most = 1 if family == "binomial" else 3
    for weight in range(2):
        found = drawn(part, weight)
        observed, expected = [], []
        for x, p in shares.items():
            at = float(mean(family, x @ theta[weight, 0]))
            law: Any = stats.bernoulli(at) if family == "binomial" else stats.poisson(at)
            numbers = {key[-1]: n for key, n in found.items() if key[:-1] == x}
            for y in range(most):
                observed.append(numbers.get(float(y), 0))
                expected.append(100_000 * p * law.pmf(y))
            observed.append(sum(n for y, n in numbers.items() if y >= most))
            expected.append(100_000 * p * law.sf(most - 1))
        assert sum(observed) == 100_000  # no covariates but those of the table
        assert min(expected) > 20
        assert stats.chisquare(observed, expected).pvalue > P_VALUE


def test_real_rows_are_shared_by_all_weights() -> None:
    (one,), (all_,) = (
        model("binomial").draw(5, (weights, 3), np.random.default_rng(1)) for weights in (1, 2)
    )
    assert all_.y.shape == (3, 2, 5)
    np.testing.assert_array_equal(all_.x, one.x)
    np.testing.assert_array_equal(all_.y, np.broadcast_to(one.y, (3, 2, 5)))


# --- errors --------------------------------------------------------------------------------------


@BOTH
def test_the_log_loss(family: str) -> None:
    (x, y), it = repeated(family), model(family)
    expected = log_losses(family, x, y, it.target).mean()
    assert it.log_loss == pytest.approx(expected, rel=1e-12)


@BOTH
def test_the_metrics_are_sums_over_rows(family: str) -> None:
    (x, y), it, fit = repeated(family), model(family), fits_nearby(family, 5)
    found = {metric: it.error(fit, metric) for metric in METRICS}
    for place in np.ndindex(2, 5):
        theta = fit[place]
        assert found["theta"][place] == pytest.approx(((theta - it.target) ** 2).sum(), rel=1e-12)
        # mean log-loss over the table minus the target's
        excess = log_losses(family, x, y, theta).mean() - it.log_loss
        assert found["kl"][place] == pytest.approx(excess, rel=1e-9)
        # mean divergence of the labels' law from the target's
        old, new = mean(family, x @ it.target), mean(family, x @ theta)
        if family == "poisson":
            divergence = old * np.log(old / new) - old + new
        else:
            divergence = old * np.log(old / new) + (1 - old) * np.log((1 - old) / (1 - new))
        assert found["kl"][place] == pytest.approx(divergence.mean(), rel=1e-9)
    for metric in METRICS:
        assert it.error(it.target, metric) == pytest.approx(0, abs=1e-15)


def groups_of(family: str) -> np.ndarray:
    """Return the group of each row of `repeated`: one by one, by the middle of its covariates."""
    x, _ = repeated(family)
    predictor = (x @ model(family).target).round(9)
    middle = np.array([(predictor < u).mean() + (predictor == u).mean() / 2 for u in predictor])
    return np.unique((10 * middle + 1e-12).astype(int), return_inverse=True)[1]


@BOTH
def test_groups_are_tenths_of_the_table_by_predictor(family: str) -> None:
    (x, y), it, group = repeated(family), model(family), groups_of(family)
    assert it.group_share.sum() == pytest.approx(1, abs=1e-14)
    assert it.group_share.size == group.max() + 1 > 4
    fit = fits_nearby(family, 3)
    predicted = it.predicted(fit)
    assert predicted.shape == (2, 3, group.max() + 1)
    expected = np.zeros((2, 3))
    for g in range(group.max() + 1):
        own = group == g
        assert it.group_share[g] == pytest.approx(own.mean(), rel=1e-12)
        assert it.observed[g] == pytest.approx(y[own].mean(), rel=1e-12)
        old = mean(family, x[own] @ it.target).mean()
        assert it.predicted(it.target)[g] == pytest.approx(old, rel=1e-12)
        for place in np.ndindex(2, 3):
            new = mean(family, x[own] @ fit[place]).mean()
            assert predicted[place][g] == pytest.approx(new, rel=1e-12)
            expected[place] += own.mean() * (new - old) ** 2
    np.testing.assert_allclose(it.error(fit, "calibration"), expected, rtol=1e-10)
    # groups are in the order of the predictor, and calibrated as a whole: there is an intercept
    assert (np.diff(it.predicted(it.target)) > 0).all()
    assert it.group_share @ it.observed == pytest.approx(y.mean(), rel=1e-12)
    assert it.group_share @ it.predicted(it.target) == pytest.approx(y.mean(), rel=1e-9)


def test_groups_of_many_different_rows_are_about_a_tenth_each() -> None:
    rng = np.random.default_rng(6)
    x = np.column_stack([np.ones(2000), rng.standard_normal((2000, 2))])
    y = rng.random(2000) < mean("binomial", x @ [0.2, 0.5, -1.0])
    it = PopulationRegression(x, y)
    assert it.group_share == pytest.approx(np.full(10, 0.1), abs=1e-12)
    order = np.argsort(x @ it.target).reshape(10, 200)
    assert it.observed == pytest.approx(y[order].mean(axis=1), abs=1e-12)


@pytest.mark.parametrize("large", [0, 2])  # the slope is 0 if it is the middle one
def test_covariates_with_most_of_the_rows_are_one_group(large: int) -> None:
    x, y = np.array([[1.0, a] for a in range(3) for _ in (0, 1)]), [0, 1] * 3
    counts = np.ones(6)
    counts[2 * large : 2 * large + 2] = 40, 60
    it = PopulationRegression(x, y, counts=counts)
    assert it.group_share.max() == pytest.approx(100 / 104, rel=1e-12)
    assert it.observed[it.group_share.argmax()] == pytest.approx(0.6, rel=1e-12)


def test_equal_predictors_stay_together() -> None:
    rows, y = [], []
    for a in range(4):
        for b in range(4):
            rows += [[1.0, a, b]] * 8
            y += [float(i < 1 + a + b) for i in range(8)]
    it = PopulationRegression(rows, y)
    assert it.target[1] == pytest.approx(it.target[2], abs=1e-9)  # 7 different predictors
    # middles of the predictors 0, 1, ..., 6: 1/32, 4/32, 9/32, 16/32, 23/32, 28/32, 31/32
    assert it.group_share == pytest.approx(np.array([1, 2, 3, 4, 3, 2, 1]) / 16, abs=1e-12)


def test_a_useless_covariate_makes_one_group() -> None:
    x, y = [[1.0, a] for a in range(20) for _ in (0, 1)], [0, 1] * 20
    it = PopulationRegression(x, y)
    assert abs(it.target).max() < 1e-9
    assert it.group_share.tolist() == pytest.approx([1.0])


@BOTH
@pytest.mark.parametrize("metric", METRICS)
def test_forms_are_the_second_order_of_the_errors(family: str, metric: str) -> None:
    it, rng = model(family), np.random.default_rng(7)
    for _ in range(5):
        v = rng.standard_normal(3)
        h = 1e-3 / np.linalg.norm(v)
        ahead, back = (float(it.error(it.target + s * h * v, metric)) for s in (1, -1))
        assert (ahead + back) / (2 * h**2) == pytest.approx(v @ it.forms[metric] @ v, rel=1e-4)


@BOTH
def test_a_lost_chain_has_no_error_and_touches_no_other(family: str) -> None:
    it, fit = model(family), fits_nearby(family, 3)
    expected = {metric: it.error(fit, metric) for metric in METRICS}
    fit[1, 2] = np.nan
    for metric in METRICS:
        found = it.error(fit, metric)
        assert np.isnan(found).tolist() == [[False] * 3, [False, False, True]]
        others = ~np.isnan(found)
        np.testing.assert_array_equal(found[others], expected[metric][others])


# --- simulation and theory -----------------------------------------------------------------------


@BOTH
@ALL_LOOPS
def test_simulations_agree_with_theory(family: str, loop: str) -> None:
    """Simulates; terms of order 1/n are below 1 %, and the standard error is about 3 %."""
    it, runs = model(family), LOOPS[loop](2000, 1500)
    result = run(it, runs, reps=800, seed=8, metrics=METRICS)
    assert not result.lost()["lost"].any()
    for metric, theory in it.theory(runs).items():
        path = theory.path(2)
        for t in (0, 2):
            found = result.estimate(metric, t=t)
            assert found.standard_error < 0.06 * path[t]
            assert abs(found.value - path[t]) < Z * found.standard_error + 0.01 * path[t]


@BOTH
@pytest.mark.parametrize("metric", METRICS)
def test_the_settled_error_agrees_with_theory(family: str, metric: str) -> None:
    """Simulates at 20,000 rows with a standard error of about 3 %."""
    it, loop = model(family), FreshReal(n=20_000, m=20_000, w=0.6)
    found = settled_error(it, loop, metric=metric, steps=6, burn_in=5, reps=60, seed=9)
    limit = it.theory(loop)[metric].path(6)[5:].mean()
    assert found.standard_error < 0.04 * limit
    assert abs(found.value - limit) < Z * found.standard_error + 0.002 * limit


@BOTH
def test_the_settled_error_agrees_with_a_simulation_at_few_rows(family: str) -> None:
    """Simulates at 150 rows, where the error is not yet that of theory."""
    it, loop = model(family), FreshReal(n=150, m=150, w=0.6)
    options: dict[str, Any] = {"steps": 4, "burn_in": 2}
    plain = run(it, loop, reps=6000, seed=10, metrics=METRICS, **options)
    for metric in METRICS:
        sharp = settled_error(it, loop, metric=metric, reps=800, seed=11, **options)
        other = plain.estimate(metric)
        assert sharp.lost == other.lost == 0
        noise = np.hypot(sharp.standard_error, other.standard_error)
        assert abs(sharp.value - other.value) < Z * noise
        assert noise < 0.05 * other.value


@BOTH
def test_the_linear_chain_has_the_theory_of_the_table(family: str) -> None:
    it, loop = model(family), FixedReal(n=40, m=30, w=0.4)
    chain = LinearChain(it)
    for metric, theory in it.theory(loop).items():
        assert chain.theory(loop)[metric].path(5) == pytest.approx(theory.path(5), rel=1e-11)


@BOTH
@pytest.mark.parametrize("loop", [FreshReal(n=60, m=50, w=0.4), Accumulate(n=60, m=60)], ids=repr)
def test_the_chain_beside_the_rows_has_its_theory_at_few_rows(family: str, loop: Loop) -> None:
    """Simulates; the theory of the linear chain is exact at every n."""
    it = model(family)
    chain, coupled = LinearChain(it), Linearized(it)
    metrics = {
        metric: lambda fit, metric=metric: chain.error(fit.linear, metric) for metric in METRICS
    }
    result = run(coupled, loop, reps=3000, seed=12, metrics=metrics)
    assert result.lost()["lost"].max() == 0
    for metric in METRICS:
        path = chain.theory(loop)[metric].path(2)
        for t in range(3):
            found = result.estimate(metric, t=t)
            assert abs(found.value - path[t]) < Z * found.standard_error, (metric, t)


def test_the_same_bits_from_any_number_of_workers() -> None:
    loop = FreshReal(n=1000, m=1000, w=[0.4, 0.6])
    assert model("poisson").cells(2000) == 100  # 50 replicates a chunk: four of them
    paths = [
        run(model("poisson"), loop, steps=1, reps=170, n_jobs=n, metrics=METRICS).path()
        for n in (1, 2)
    ]
    assert paths[0].equals(paths[1])


# --- plain resampling ----------------------------------------------------------------------------

STEPS, PLAIN = 2, 150
ROWS = {"binomial": (70, 60), "poisson": (40, 50)}


@cache
def plain(family: str, loop: str) -> np.ndarray:
    """Return the last fits of a loop that draws one row after the other, and of statsmodels."""
    rng = np.random.default_rng(20251123)
    x, y = repeated(family)
    draw_label = rng.poisson if family == "poisson" else lambda p: rng.random(len(p)) < p

    def draw(law: Any, rows: int) -> np.ndarray:
        places = rng.integers(0, len(x), rows)
        if law is None:
            return np.column_stack([x[places], y[places]])
        return np.column_stack([x[places], draw_label(mean(family, x[places] @ law))])

    fit = reference.likelihood_fit(STATSMODELS[family])
    runs = LOOPS[loop](*ROWS[family])
    last = [reference.generations(runs, None, draw, fit, STEPS)[-1] for _ in range(PLAIN)]
    return np.array(last)


@cache
def fast(family: str, loop: str) -> np.ndarray:
    caught = []

    def catch(fit: Any) -> np.ndarray:
        caught.append(fit[0])
        return np.zeros(fit.shape[:-1])

    it, runs = model(family), LOOPS[loop](*ROWS[family])
    reps = it.cells(runs.rows(STEPS))  # one chunk
    run(it, runs, steps=STEPS, reps=reps, seed=13, metrics={"catch": catch})
    return np.asarray(caught[-1])


@BOTH
@ALL_LOOPS
def test_fits_are_distributed_as_those_of_plain_resampling(family: str, loop: str) -> None:
    """Simulates: three coefficients and two errors, each in law and in mean."""
    slow, quick, (x, y) = plain(family, loop), fast(family, loop), repeated(family)
    assert np.isfinite(quick).all()
    assert len(quick) > 500
    target = model(family).target

    def loss(fits: np.ndarray) -> np.ndarray:
        return np.array([log_losses(family, x, y, one).mean() for one in fits])

    pairs = [(slow[:, j], quick[:, j]) for j in range(3)]
    pairs.append((((slow - target) ** 2).sum(axis=1), ((quick - target) ** 2).sum(axis=1)))
    pairs.append((loss(slow), loss(quick)))
    for one, other in pairs:
        assert stats.ks_2samp(one, other).pvalue > P_VALUE
        assert abs(one.mean() - other.mean()) < Z * np.hypot(stats.sem(one), stats.sem(other))


# --- samples without a maximum -------------------------------------------------------------------


def dummy_table(family: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[int, ...]]]:
    """Return a table of two groups, and its sets of rows without one of which there is no fit."""
    x = np.array([[1.0, 0], [1, 0], [1, 1], [1, 1]])
    y, counts = np.array([0, 1, 0, 1]), np.array([60, 40, 6, 4])
    if family == "poisson":
        y[[1, 3]] = 2, 3
        return x, y, counts, [(1,), (3,)]  # a count above 0 in either group
    return x, y, counts, [(0,), (1,), (2,), (3,)]  # both labels in either group


def chance_of_a_fit(share: np.ndarray, needed: list[tuple[int, ...]], n: int) -> float:
    """Return the probability that n rows hold all that is needed: inclusion and exclusion."""
    total = 0.0
    for size in range(len(needed) + 1):
        for left_out in combinations(needed, size):
            gone = sum(share[i] for cells in left_out for i in cells)
            total += (-1) ** size * (1 - gone) ** n
    return total


@BOTH
@pytest.mark.parametrize("n", [12, 40])
def test_samples_without_a_maximum_are_lost_as_often_as_they_occur(family: str, n: int) -> None:
    """A binomial test. A dummy that never occurs determines no coefficient: lost, too."""
    x, y, counts, needed = dummy_table(family)
    it = PopulationRegression(x, y, family=family, counts=counts)
    fit = it.fit(it.draw(n, (1, 2000), np.random.default_rng(14)))
    lost = np.isnan(fit).any(axis=-1)
    np.testing.assert_array_equal(np.isnan(fit).all(axis=-1), lost)
    chance = chance_of_a_fit(counts / counts.sum(), needed, n)
    assert 0.05 < chance < 0.95 or family == "poisson"
    assert stats.binomtest(int(lost.sum()), 2000, 1 - chance).pvalue > P_VALUE


@BOTH
def test_every_sample_is_lost_if_and_only_if_it_has_no_maximum(family: str) -> None:
    rng = np.random.default_rng(15)
    x = np.column_stack([np.ones(40), rng.random(40) < 0.15, rng.integers(-1, 2, 40)])
    y = rng.integers(0, 2, 40) if family == "binomial" else rng.integers(0, 3, 40)
    it = PopulationRegression(np.vstack([x, x]), np.append(y, 1 - (y > 0)), family=family)
    (part,) = it.draw(25, (1, 300), rng)
    fit = it.fit((part,))
    expected = []
    for replicate in range(300):
        height, labels = part.x[replicate].T, part.y[replicate, 0]
        undetermined = np.linalg.matrix_rank(height) < 3
        expected.append(undetermined or recedes(it.family, height, labels))
    assert np.isnan(fit[0]).any(axis=-1).tolist() == expected
    assert 30 < sum(expected) < 270


def test_lost_chains_are_counted_and_left_out() -> None:
    x, y, counts, needed = dummy_table("binomial")
    it = PopulationRegression(x, y, counts=counts)
    with pytest.warns(
        LostReplicatesWarning, match=r"of 400 replicates have a sample without a fit"
    ):
        result = run(it, FreshReal(n=40, m=40, w=[0.3, 0.6]), reps=400, metrics=METRICS)
    lost = result.lost()
    for metric in METRICS:
        for w in (0.3, 0.6):
            path = lost.query("metric == @metric and w == @w")["lost"].to_numpy()
            assert (np.diff(path) >= 0).all()  # a lost chain does not come back
            assert result.estimate(metric, w=w).lost == path[-1]
            assert result.estimate(metric, w=w).reps == 400 - path[-1]
            assert np.isfinite(result.estimate(metric, w=w).value)
    first = lost.query("t == 0")["lost"]
    assert first.nunique() == 1  # the first fit is that of all weights and metrics
    chance = chance_of_a_fit(counts / counts.sum(), needed, 40)
    # a binomial test
    assert stats.binomtest(int(first.iloc[0]), 400, 1 - chance).pvalue > P_VALUE


# --- a maximum without a linear programme --------------------------------------------------------


def heavy(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.column_stack(
        [np.ones(n), np.where(rng.random(n) < 0.06, 30.0, 0.0), rng.standard_normal(n)]
    )


def rare(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.column_stack([np.ones(n), rng.random(n) < 0.1, rng.standard_normal(n)])


def far_apart(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.column_stack([np.ones(n), 3 * rng.standard_normal((n, 2))])


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.column_stack([np.ones(n), np.exp(1.5 * rng.standard_normal(n))])


def other_units(rng: np.random.Generator, n: int) -> np.ndarray:
    return rare(rng, n) * [1.0, 1e-4, 1e4]


COVARIATES = {one.__name__: one for one in (heavy, rare, far_apart, skewed, other_units)}


def samples(family: Family, covariates: str, number: int) -> Iterator[tuple[Part, bool]]:
    """Yield samples of 8 to 60 rows, and whether the linear programme finds no maximum."""
    for seed in range(number):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(8, 60))
        x = COVARIATES[covariates](rng, n)
        if np.linalg.matrix_rank(x / abs(x).max(axis=0).clip(1e-9)) < x.shape[1]:
            continue
        theta = rng.standard_normal(x.shape[1]) / abs(x).max(axis=0)
        if family.binary:
            at = 3 * rng.choice([0.3, 1, 3]) * (x @ theta)
            y = (rng.random(n) < mean("binomial", at)).astype(float)
        else:
            at = np.clip(rng.choice([0.5, 1, 2]) * (x @ theta) - 1, -20, 5)
            y = rng.poisson(np.exp(at)).astype(float)
        nowhere = np.zeros((1, 1, x.shape[1]))
        part = Part.of(family, np.ascontiguousarray(x.T)[None], y[None, None], nowhere)
        yield part, recedes(family, x, y)


def newton(family: Family, part: Part, steps: int) -> Iterator[tuple[float, float, bool]]:
    """Yield how far each iterate is, the length of its step, and whether there is a maximum."""
    dim = part.x.shape[1]
    theta = np.zeros((1, 1, dim))
    objective = _Objective(family, [part], float)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            gradient, information = objective.derivatives(theta)
            step = _newton(gradient, information, dim)
            moved = abs(step @ part.x).max(axis=-1)
            if not np.isfinite(moved).all():
                return
            certain = _attained([part], gradient[0, 0], information[0, 0])
            yield float(abs(theta @ part.x).max()), float(moved[0, 0]), certain
            if moved[0, 0] < TOLERANCE / 1e3:
                return
            theta = theta + _damped(step, moved)


@pytest.mark.parametrize("covariates", list(COVARIATES))
@pytest.mark.parametrize("family", [BINOMIAL, POISSON], ids=list(FAMILIES))
def test_a_certificate_is_never_given_without_a_maximum(family: Family, covariates: str) -> None:
    # also far from the maximum, and also where the fit does not ask for one
    without = 0
    for part, lacking in samples(family, covariates, 70):
        if lacking:
            without += 1
            assert not any(certain for *_, certain in newton(family, part, 60))
    assert without > 2


@pytest.mark.parametrize("covariates", list(COVARIATES))
@pytest.mark.parametrize("family", [BINOMIAL, POISSON], ids=list(FAMILIES))
def test_fits_exist_if_and_only_if_a_linear_programme_says_so(
    family: Family, covariates: str
) -> None:
    for part, lacking in samples(family, covariates, 60 if family.binary else 20):
        fit = maximise(family, (part,))[0, 0]
        assert np.isnan(fit).tolist() == [lacking] * fit.size


def test_a_dummy_that_separates_is_found_beside_other_covariates() -> None:
    dummy = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    x = np.column_stack([np.ones(9), dummy, [1, -1, -1, -1, -1, 1, 1, 0, -1]])
    y = np.array([1.0, 1, 1, 0, 1, 1, 0, 1, 1])  # 1 wherever the dummy is
    assert recedes(BINOMIAL, x, y)
    assert maximise_one(BINOMIAL, x, y, np.ones(9)) is None
    part = Part.of(BINOMIAL, np.ascontiguousarray(x.T)[None], y[None, None], np.zeros((1, 1, 3)))
    assert np.isnan(maximise(BINOMIAL, (part,))).all()


@pytest.mark.parametrize("covariates", ["heavy", "far_apart", "skewed"])
@pytest.mark.parametrize("family", [BINOMIAL, POISSON], ids=list(FAMILIES))
def test_most_saturated_fits_need_no_linear_programme(family: Family, covariates: str) -> None:
    saturated = certified = 0
    for part, lacking in samples(family, covariates, 120):
        if not lacking:
            far, moved, certain = list(newton(family, part, 200))[-1]
            assert moved < TOLERANCE
            saturated += far > SATURATED
            certified += far > SATURATED and certain
    assert certified >= 0.9 * saturated
    if (family.name, covariates) in {("binomial", "skewed"), ("poisson", "skewed")}:
        assert saturated >= 3  # of use only if it is asked


@pytest.mark.parametrize("overlap", [1.0, 0.1, 0.01])
def test_nearly_separated_labels_keep_their_fit(overlap: float) -> None:
    side = np.linspace(overlap / 2, 2, 25)
    x = np.column_stack([np.ones(50), np.concatenate([side, -side])])
    y = np.repeat([1.0, 0.0], 25)
    y[[0, 25]] = 0, 1
    part = Part.of(BINOMIAL, np.ascontiguousarray(x.T)[None], y[None, None], np.zeros((1, 1, 2)))
    assert not recedes(BINOMIAL, x, y)
    expected = maximise_one(BINOMIAL, x, y, np.ones(50))
    assert expected is not None
    np.testing.assert_allclose(
        x @ maximise(BINOMIAL, (part,))[0, 0], x @ expected, rtol=0, atol=1e-7
    )


# --- messages ------------------------------------------------------------------------------------

X = [[1.0, 0], [1, 1], [1, 2], [1, 3]]
Y = [0, 1, 0, 1]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"y": [0, 1, 2, 1]}, r"`y` must be labels 0 and 1; got \[0, 1, 2, 1\]"),
    ({"y": [0, 1, 0.5, 1]}, r"`y` must be labels 0 and 1; got "),
    ({"y": ["0", "1", "0", "1"]}, "`y` must be a vector of finite numbers; got "),
    ({"y": [0, 1, float("nan"), 1]}, "`y` must be a vector of finite numbers; got "),
    ({"y": [0, 1, 0]}, "`y` must be a vector of 4 numbers, one a row of `X`; got "),
    ({"y": [[0, 1, 0, 1]]}, "`y` must be a vector of 4 numbers, one a row of `X`; got "),
    (
        {"y": [0, -1, 0, 1], "family": "poisson"},
        r"`y` must be counts: integers of at least 0; got \[0, -1, 0, 1\]",
    ),
    (
        {"y": [0, 1.5, 0, 1], "family": "poisson"},
        r"`y` must be counts: integers of at least 0; got ",
    ),
    ({"X": [1.0, 2, 3, 4]}, "`X` must be a matrix of at least one row and column; got "),
    ({"X": [], "y": []}, "`X` must be a matrix of at least one row and column; got "),
    ({"X": [[1, 0], [1, float("inf")], [1, 2], [1, 3]]}, "`X` must be a matrix of finite numbers"),
    ({"X": [["a"]] * 4}, "`X` must be a matrix of finite numbers; got "),
    ({"X": [[1], [1, 2], [1], [1]]}, "`X` must be a matrix of finite numbers; got "),
    ({"X": [[1.0, 2]] * 4}, "`X` must be of full column rank; got "),
    ({"X": [[1.0, 0]] * 4}, "`X` must be of full column rank; got "),
    ({"counts": [1, 1, 0, 0], "X": [[1, 0], [1, 0], [1, 1], [1, 2]]}, "`X` must be of full column"),
    ({"counts": [1, -1, 1, 1]}, r"`counts` must be finite and at least 0; got \[1, -1, 1, 1\]"),
    ({"counts": [1, float("nan"), 1, 1]}, "`counts` must be finite and at least 0; got "),
    ({"counts": ["1"] * 4}, "`counts` must be finite and at least 0; got "),
    (
        {"counts": [1, 1, 1]},
        r"`counts` must be a vector of 4 numbers, one a row of `X`, not all of them 0; got \[1, 1,",
    ),
    ({"counts": [[1, 1, 1, 1]]}, "`counts` must be a vector of 4 numbers, one a row of `X`, not"),
    ({"counts": [0, 0, 0, 0]}, "`counts` must be a vector of 4 numbers, .* not all of them 0; got"),
    ({"counts": 1}, "`counts` must be a vector of 4 numbers, one a row of `X`, not all of them 0"),
    ({"family": "gaussian"}, "`family` must be one of binomial, poisson; got 'gaussian'"),
    ({"family": None}, "`family` must be one of binomial, poisson; got None"),
    ({"family": ["poisson"]}, r"`family` must be one of binomial, poisson; got \['poisson'\]"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_wrong_arguments_are_named(changed: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"X": X, "y": Y} | changed
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        PopulationRegression(**given)
    assert "sample_weight" not in str(caught.value)
    assert not isinstance(caught.value, NoMaximumError)


@pytest.mark.parametrize(
    ("family", "y", "why"),
    [
        ("binomial", [0, 0, 1, 1], "the covariates separate the labels"),
        ("binomial", [0, 0, 0, 0], "the covariates separate the labels"),
        ("poisson", [0, 0, 0, 0], "the zero counts recede"),
        ("poisson", [2, 0, 0, 0], "the zero counts recede"),
    ],
)
def test_a_table_without_a_maximum(family: str, y: list[int], why: str) -> None:
    with pytest.raises(NoMaximumError, match=f"^the likelihood has no maximum: {why}"):
        PopulationRegression(X, y, family=family)


def test_counts_of_zero_can_separate() -> None:
    PopulationRegression(X, Y)
    with pytest.raises(NoMaximumError):
        PopulationRegression(X, Y, counts=[1, 0, 1, 1])


@pytest.mark.parametrize("metric", ["mean", "", None, 0, ["theta"]])
def test_unknown_metrics_are_named(metric: Any) -> None:
    it = model("binomial")
    with pytest.raises(ValueError, match=r"^`metric` must be 'theta', 'kl' or 'calibration'; got "):
        it.error(it.target, metric)
    known = r"\['theta', 'kl', 'calibration'\]"
    with pytest.raises(ValueError, match=f"^`metric` must be one of {known}; got "):
        it.ratio(metric)


def test_simulate_refuses_an_unknown_metric() -> None:
    with pytest.raises(
        ValueError, match=r"^`metric` must be 'theta', 'kl' or 'calibration'; got 'x"
    ):
        run(model("binomial"), FullySynthetic(n=9, m=9), metrics=["x"])


@pytest.mark.parametrize(
    ("loop", "name"),
    [
        (FreshReal(n=2, m=50, w=0.5), "n"),
        (FullySynthetic(n=50, m=2), "m"),
        (FreshReal(n=50, m=2, w=[0.0, 0.5]), "m"),
    ],
    ids=repr,
)
def test_too_few_rows_are_named(loop: Loop, name: str) -> None:
    it = model("poisson")
    for call in (lambda: it.theory(loop), lambda: run(it, loop)):
        with pytest.raises(
            ValueError, match=rf"^`{name}` must be at least 3 for Population.*; got 2"
        ):
            call()


def test_small_units_are_no_certain_labels() -> None:
    x, y, counts = table("binomial")
    it = PopulationRegression(x * [1, 1e-7, 1], y, counts=counts)
    assert it.ratio("kl") == pytest.approx(model("binomial").ratio("kl"), rel=1e-6)
