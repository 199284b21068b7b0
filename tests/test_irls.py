"""The solver against statsmodels and linear programmes: fits to 1e-8, and samples without one.

Nothing here is a statistical test: samples are random, with fixed seeds, and what is said of them
holds for each. Linear predictors are compared, so that the unit of a covariate does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog
from scipy.special import expit

from lib.misspecification import NoMaximumError, maximum_likelihood
from lib.models import LogisticRegression, PoissonRegression
from lib.models._irls import (
    BINOMIAL,
    FAMILIES,
    FULL_STEP,
    POISSON,
    Family,
    Part,
    _advance,
    _Objective,
    maximise,
    maximise_one,
)

pytestmark = pytest.mark.filterwarnings("error")

CLOSE = 1e-8
STATSMODELS = {"binomial": sm.families.Binomial(), "poisson": sm.families.Poisson()}
BOTH = pytest.mark.parametrize("family", list(FAMILIES.values()), ids=list(FAMILIES))


def reference(family: Family, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fit rows with statsmodels, and return the linear predictors of its coefficients."""
    counted = weight > 0
    model = sm.GLM(y[counted], x[counted], STATSMODELS[family.name], var_weights=weight[counted])
    # the deviance is flat at its minimum: coefficients are what has to stop moving
    fit = model.fit(maxiter=200, tol=1e-13, tol_criterion="params")
    return np.asarray(x @ fit.params)


def rows(sample: tuple[Part, ...], replicate: int, weight: int) -> tuple[np.ndarray, ...]:
    """Return covariates, labels and weights of one member of a batch."""

    def of(values: np.ndarray) -> np.ndarray:
        return values[0 if len(values) == 1 else weight]

    return (
        np.concatenate([part.x[replicate].T for part in sample]),
        np.concatenate([of(part.y[replicate]) for part in sample]),
        np.concatenate(
            [np.full(part.x.shape[-1], of(part.weight[0]) / part.x.shape[-1]) for part in sample]
        ),
    )


def labels(family: Family, predictor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mean = family.mean(predictor)
    drawn = rng.random(mean.shape) < mean if family.binary else rng.poisson(mean)
    return np.asarray(drawn, dtype=float)


def batch(family: Family, x: Any, y: Any) -> tuple[Part]:
    """Return one part of replicates given as rows, shape (replicates, rows[, d]), weight 1."""
    across = np.ascontiguousarray(np.swapaxes(np.asarray(x, dtype=float), -1, -2))
    nowhere = np.zeros((len(across), 1, across.shape[1]))
    return (Part.of(family, across, np.asarray(y, dtype=float)[:, None], nowhere),)


def newton_step(family: Family, x: np.ndarray, y: np.ndarray, weight: Any, at: Any) -> float:
    """Return by how much a further Newton step would move a linear predictor: 0 at a maximum."""
    predictor = x @ at
    if family.binary:  # without the rounding of 1 - mean
        apart = np.where(y == 1, expit(-predictor), -expit(predictor))
        variance = expit(predictor) * expit(-predictor)
    else:
        apart, variance = y - np.exp(predictor), np.exp(predictor)
    # least squares on weighted rows, which does not square the condition number
    root = np.sqrt(weight * variance)
    step = np.linalg.lstsq(root[:, None] * x, root * apart / variance)[0]
    return float(abs(x @ step).max())


def has_no_maximum(family: Family, x: np.ndarray, y: np.ndarray) -> bool:
    """Whether a linear programme finds a direction that never lowers the likelihood of a row."""
    sign = np.where(y > 0, 1.0, -1.0)
    towards = sign[:, None] * x
    minds_both = np.zeros(len(y), dtype=bool) if family.binary else y > 0
    # slack s_i in [0, 1]: towards_i b = s_i >= 0 for rows of one mind, 0 for the others
    height, dim = x.shape
    found = linprog(
        np.concatenate([np.zeros(dim), -np.ones(height)]),
        A_eq=np.hstack([towards, -np.eye(height)]),
        b_eq=np.zeros(height),
        bounds=[(None, None)] * dim + [(0, 0 if mind else 1) for mind in minds_both],
    )
    # a direction can be as long as it takes: some slack is then 1
    return bool(-found.fun > 0.5)


# --- one sample ----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("units", ["ones", "far apart"])
def test_one_sample_is_fitted_as_by_statsmodels(
    family: Family, intercept: bool, weighted: bool, units: str
) -> None:
    rng = np.random.default_rng(1)
    for _ in range(15):
        dim = int(rng.integers(1, 6))
        x = rng.standard_normal((80, dim))
        if intercept:
            x[:, 0] = 1
        y = labels(family, x @ rng.uniform(-0.8, 0.8, dim), rng)
        weight = rng.uniform(0, 3, 80) * (rng.random(80) < 0.9) if weighted else np.ones(80)
        expected = reference(family, x, y, weight)
        if units == "far apart":
            x = x * rng.choice([1e6, 1e-5, 1.0], dim)
        theta = maximum_likelihood(
            x, y, family=family.name, sample_weight=weight if weighted else None
        )
        np.testing.assert_allclose(x @ theta, expected, rtol=0, atol=CLOSE)


@BOTH
def test_statsmodels_itself_fits_badly_scaled_covariates_so(family: Family) -> None:
    # the same numbers go to both, none of the scaling is undone for the reference
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(100), 1e6 * rng.random(100), 1e-5 * rng.standard_normal(100)])
    y = labels(family, x @ [0.2, 1e-6, -3e4], rng)
    theta = maximum_likelihood(x, y, family=family.name)
    np.testing.assert_allclose(x @ theta, reference(family, x, y, np.ones(100)), rtol=0, atol=CLOSE)


@BOTH
def test_repeated_rows_are_weights(family: Family) -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(30), rng.standard_normal(30)])
    y, times = labels(family, x @ [0.3, 0.5], rng), rng.integers(0, 4, 30)
    weighted = maximum_likelihood(x, y, family=family.name, sample_weight=times)
    repeated = maximum_likelihood(np.repeat(x, times, 0), np.repeat(y, times), family=family.name)
    counted = sm.GLM(y, x, STATSMODELS[family.name], freq_weights=times).fit(tol=1e-14)
    np.testing.assert_allclose(x @ weighted, x @ repeated, rtol=0, atol=CLOSE)
    np.testing.assert_allclose(x @ weighted, x @ counted.params, rtol=0, atol=CLOSE)


@BOTH
@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_only_ratios_of_weights_matter(family: Family, factor: float) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((30, 2))
    y, weight = labels(family, x @ [0.3, 0.5], rng), rng.random(30)
    one, other = (
        maximum_likelihood(x, y, family=family.name, sample_weight=w)
        for w in (weight, factor * weight)
    )
    np.testing.assert_allclose(x @ one, x @ other, rtol=0, atol=CLOSE)


def test_an_intercept_alone_is_the_logarithm_of_the_odds_or_the_mean() -> None:
    one = np.ones((10, 1))
    y = np.array([1.0] * 7 + [0.0] * 3)
    assert maximum_likelihood(one, y) == pytest.approx(np.log(7 / 3), abs=1e-10)
    counts = np.array([0.0] * 9 + [1e6])
    assert maximum_likelihood(one, counts, family="poisson") == pytest.approx(
        np.log(1e5), abs=1e-10
    )


@BOTH
@pytest.mark.parametrize("mean", [100, 1000, 10_000])
def test_a_covariate_may_be_far_from_zero(family: Family, mean: int) -> None:
    # years, say; integers, so that subtracting their mean is exact
    rng = np.random.default_rng(5)
    years = rng.integers(-3, 4, 500)
    centred = np.column_stack([np.ones(500), years])
    y = labels(family, centred @ [0.5, 0.3], rng)
    x = np.column_stack([np.ones(500), mean + years])
    expected = reference(family, centred, y, np.ones(500))
    theta = maximum_likelihood(x, y, family=family.name)
    np.testing.assert_allclose(x @ theta, expected, rtol=0, atol=CLOSE)


@BOTH
@pytest.mark.parametrize("apart", [1e-1, 1e-2, 1e-3])
def test_covariates_may_be_nearly_the_same(family: Family, apart: float) -> None:
    rng = np.random.default_rng(6)
    basis = rng.standard_normal((60, 2))
    y = labels(family, basis @ [0.5, 0.3], rng)
    x = np.column_stack([basis[:, 0], basis[:, 0] + apart * basis[:, 1]])
    expected = reference(family, basis, y, np.ones(60))  # the same predictors, other coordinates
    theta = maximum_likelihood(x, y, family=family.name)
    np.testing.assert_allclose(x @ theta, expected, rtol=0, atol=CLOSE)


# --- a batch -------------------------------------------------------------------------------------

GRID = np.array([0.0, 0.1, 0.618, 0.95, 1.0])
MODELS: dict[str, Any] = {
    "logistic": LogisticRegression([0.8, -0.5]),
    "logistic, intercept": LogisticRegression([0.3, 0.8, -0.5], intercept=True),
    "probit labels": LogisticRegression([0.3, 0.6], intercept=True, link="probit"),
    "poisson": PoissonRegression([1.0, 1.0]),
    "poisson, intercept": PoissonRegression([0.5, 0.5, -0.3], intercept=True),
    "overdispersed": PoissonRegression([0.5, -0.3], intercept=True, dispersion=1),
}


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize(("n", "m"), [(60, 50), (50, 200)])
def test_every_replicate_and_weight_is_fitted_as_by_statsmodels(name: str, n: int, m: int) -> None:
    model, reps, rng = MODELS[name], 12, np.random.default_rng(7)
    first = model.fit(model.draw(n, (1, reps), rng))
    synthetic = model.synthesize(first, m, (GRID.size, reps), rng)
    real = model.draw(n, (1, reps), rng)
    sample = model.mix([(real, GRID[:, None]), (synthetic, 1 - GRID[:, None])])
    fit = model.fit(sample)
    assert fit.shape == (GRID.size, reps, model.dim)
    for replicate in range(reps):
        for weight in range(GRID.size):
            x, y, each = rows(sample, replicate, weight)
            assert each.sum() == pytest.approx(1)
            assert len(x) == n + m
            expected = reference(model.family, x, y, each)
            np.testing.assert_allclose(x @ fit[weight, replicate], expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("name", ["logistic", "poisson, intercept"])
def test_all_rows_so_far_are_fitted_as_by_statsmodels(name: str) -> None:
    # a training set that was mixed before is mixed again, as in the accumulating loop
    model, reps, rng = MODELS[name], 8, np.random.default_rng(8)
    sample, one = model.draw(60, (1, reps), rng), np.ones((1, 1))
    for t in range(1, 4):
        new = model.synthesize(model.fit(sample), 60, (1, reps), rng)
        sample = model.mix([(sample, t / (t + 1) * one), (new, one / (t + 1))])
    fit = model.fit(sample)
    for replicate in range(reps):
        x, y, each = rows(sample, replicate, 0)
        assert each == pytest.approx(np.full(240, 1 / 240))
        expected = reference(model.family, x, y, each)
        np.testing.assert_allclose(x @ fit[0, replicate], expected, rtol=0, atol=CLOSE)


def easy_and_hard(family: Family) -> tuple[np.ndarray, np.ndarray]:
    """Return replicates with coefficients of 0, of up to 12, and with one label turned around."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((30, 40, 2))
    size = np.repeat([0.0, 2.0, 4.0 if family is POISSON else 12.0], 10)
    y = np.stack([labels(family, each @ [s, -s / 2], rng) for each, s in zip(x, size, strict=True)])
    if family is POISSON:
        y[::10, 0] = 1e6
    else:
        y[:, 0] = 1 - y[:, 0]
    return x, y


@BOTH
def test_each_replicate_converges_on_its_own(family: Family) -> None:
    x, y = easy_and_hard(family)
    fit = maximise(family, batch(family, x, y))
    for i in range(len(x)):
        alone = maximise(family, batch(family, x[i : i + 1], y[i : i + 1]))
        if has_no_maximum(family, x[i], y[i]):
            assert np.isnan(fit[i]).all()
            assert np.isnan(alone).all()
            continue
        assert newton_step(family, x[i], y[i], 1.0, fit[i, 0]) < CLOSE
        np.testing.assert_allclose(x[i] @ fit[i, 0], x[i] @ alone[0, 0], rtol=0, atol=2 * CLOSE)
    assert np.isfinite(fit).all(axis=(1, 2)).sum() > 20


@BOTH
def test_one_hopeless_replicate_does_not_touch_the_others(family: Family) -> None:
    rng = np.random.default_rng(10)
    x = rng.standard_normal((20, 30, 2))
    y = labels(family, x @ [0.5, 0.5], rng)
    x[7, :, 0] = abs(x[7, :, 0])
    y[7] = 1.0 if family.binary else 0.0
    fit = maximise(family, batch(family, x, y))
    assert np.flatnonzero(np.isnan(fit).any(axis=(1, 2))).tolist() == [7]
    assert np.isnan(fit[7]).all()
    for i in set(range(20)) - {7}:
        expected = reference(family, x[i], y[i], np.ones(30))
        np.testing.assert_allclose(x[i] @ fit[i, 0], expected, rtol=0, atol=CLOSE)


@BOTH
def test_one_lost_chain_does_not_touch_the_others(family: Family) -> None:
    rng = np.random.default_rng(11)
    x = np.ascontiguousarray(rng.standard_normal((20, 2, 30)))
    y = labels(family, 0.5 * x.sum(axis=1), rng)[:, None]
    centre = np.zeros((20, 1, 2))
    centre[[3, 12]] = np.nan
    fit = maximise(family, (Part.of(family, x, y, centre),))
    assert np.flatnonzero(np.isnan(fit).any(axis=(1, 2))).tolist() == [3, 12]


@BOTH
def test_where_the_solver_starts_does_not_matter(family: Family) -> None:
    rng = np.random.default_rng(12)
    x = np.ascontiguousarray(rng.standard_normal((200, 2, 40)))
    y = labels(family, x[:, 0] - x[:, 1], rng)[:, None]
    fits = [
        maximise(family, (Part.of(family, x, y, centre),))
        for centre in (np.zeros((200, 1, 2)), 3 * rng.standard_normal((200, 1, 2)))
    ]
    assert np.isfinite(fits[0]).all()
    np.testing.assert_allclose(fits[0] @ x, fits[1] @ x, rtol=0, atol=2 * CLOSE)


# --- large counts --------------------------------------------------------------------------------


def test_poisson_means_do_not_overflow() -> None:
    rng = np.random.default_rng(13)
    x = np.concatenate([np.ones((50, 40, 1)), rng.standard_normal((50, 40, 2))], axis=-1)
    for theta in ([25.0, 1.0, -0.5], [0.0, 6.0, 5.0], [-30.0, 9.0, 0.0]):
        y = labels(POISSON, x @ theta, rng)
        fit = maximise(POISSON, batch(POISSON, x, y))[:, 0]
        for i in range(50):
            if np.isfinite(fit[i]).all():
                assert newton_step(POISSON, x[i], y[i], 1.0, fit[i]) < CLOSE
            else:
                assert has_no_maximum(POISSON, x[i], y[i])


@pytest.mark.parametrize("count", [1e3, 1e6, 1e9])
def test_one_outlying_count_does_not_overflow(count: float) -> None:
    rng = np.random.default_rng(14)
    x = rng.standard_normal((50, 20, 2))
    y = labels(POISSON, 0.3 * x[..., 0], rng)
    y[:, 0] = count
    fit = maximise(POISSON, batch(POISSON, x, y))[:, 0]
    one = [maximise_one(POISSON, x[i], y[i], np.ones(20)) for i in range(50)]
    assert np.isfinite(fit).all()
    for i in range(50):
        found = one[i]
        assert found is not None
        assert newton_step(POISSON, x[i], y[i], 1.0, found) < CLOSE
        assert newton_step(POISSON, x[i], y[i], 1.0, fit[i]) < CLOSE


# --- no maximum ----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_small_samples_without_a_maximum_are_those_of_a_linear_programme(
    family: Family, intercept: bool, dim: int
) -> None:
    rng = np.random.default_rng(15)
    for height in range(4, 9):
        x = rng.standard_normal((40, height, dim))
        if intercept:
            x[..., 0] = 1
        # rare counts: many zeros that recede
        predictor = np.zeros((40, height)) if family.binary else np.full((40, height), -0.7)
        y = labels(family, predictor, rng)
        expected = [has_no_maximum(family, *sample) for sample in zip(x, y, strict=True)]
        fit = maximise(family, batch(family, x, y))
        assert np.isnan(fit).any(axis=(1, 2)).tolist() == expected
        assert np.isnan(fit).all(axis=(1, 2)).tolist() == expected
        for each, y_each, theta in zip(x, y, fit[:, 0], strict=True):
            if np.isfinite(theta).all():
                assert newton_step(family, each, y_each, 1.0, theta) < CLOSE
                one = maximum_likelihood(each, y_each, family=family.name)
                np.testing.assert_allclose(each @ one, each @ theta, rtol=0, atol=2 * CLOSE)
            else:
                with pytest.raises(NoMaximumError):
                    maximum_likelihood(each, y_each, family=family.name)


@pytest.mark.parametrize("overlap", [0.1, 0.003, 1e-4])
def test_labels_that_a_threshold_nearly_tells_apart_have_a_fit(overlap: float) -> None:
    # 25 rows on either side of the threshold, and the two nearest have each other's label
    side = np.linspace(overlap / 2, 2, 25)
    x = np.column_stack([np.ones(50), 0.76 + np.concatenate([side, -side])])
    y = np.repeat([1.0, 0.0], 25)
    y[[0, 25]] = 0, 1
    assert not has_no_maximum(BINOMIAL, x, y)
    theta = maximum_likelihood(x, y)
    assert newton_step(BINOMIAL, x, y, 1.0, theta) < CLOSE
    fit = maximise(BINOMIAL, batch(BINOMIAL, x[None], y[None]))[0, 0]
    np.testing.assert_allclose(x @ fit, x @ theta, rtol=0, atol=CLOSE)


def test_each_weight_is_separated_on_its_own() -> None:
    # real rows have a fit, synthetic rows alone do not, whatever their weight but 1
    rng = np.random.default_rng(16)
    x = np.ascontiguousarray(rng.standard_normal((3, 2, 20)))
    real = labels(BINOMIAL, 0 * x[:, 0], rng)[:, None]
    apart = (x[:, :1] > 0).astype(float)
    nowhere, w = np.zeros((3, 1, 2)), np.array([[0.0], [1e-3], [0.5], [1.0]])
    parts = [Part.of(BINOMIAL, x, real, nowhere).weighted(w)]
    parts.append(Part.of(BINOMIAL, x, apart, nowhere).weighted(1 - w))
    fit = maximise(BINOMIAL, parts)
    assert np.isnan(fit).any(axis=-1).tolist() == [[True, False, False, False]] * 3
    for replicate in range(3):
        for weight in (1, 2, 3):
            it = rows(tuple(parts), replicate, weight)
            assert newton_step(BINOMIAL, *it, fit[replicate, weight]) < CLOSE


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_labels_that_are_all_the_same_have_no_fit_with_an_intercept(label: float) -> None:
    x = np.random.default_rng(17).standard_normal((5, 30, 3))
    x[..., 0] = 1
    y = np.full((5, 30), label)
    assert np.isnan(maximise(BINOMIAL, batch(BINOMIAL, x, y))).all()
    with pytest.raises(NoMaximumError, match="separate"):
        maximum_likelihood(x[0], y[0])


def test_labels_that_are_all_the_same_may_have_a_fit_without_an_intercept() -> None:
    x = np.array([[-1.0], [2.0], [0.5]])
    theta = maximum_likelihood(x, [1, 1, 1])
    assert newton_step(BINOMIAL, x, np.ones(3), 1.0, theta) < CLOSE


QUASI: list[tuple[str, Any, Any]] = [
    ("binomial", [[-1], [0], [1], [-1], [0]], [0, 0, 1, 0, 0]),
    # a group of rows, told by a dummy variable, whose labels are all 1
    ("binomial", [[1, 0]] * 6 + [[1, 1]] * 4, [0, 1, 1, 0, 0, 1] + [1] * 4),
    ("binomial", [[1, 0]] * 6 + [[0, 1]] * 4, [0, 1, 1, 0, 0, 1] + [0] * 4),
    # labels of both kinds where the covariate is 2, and told apart elsewhere
    ("binomial", [[1, 1], [1, 2], [1, 2], [1, 3]], [0, 0, 1, 1]),
    # the same in coordinates that hide it
    ("binomial", [[1, 0.3 * v + 0.1] for v in (1, 2, 2, 3, 4)], [0, 0, 1, 1, 1]),
    ("poisson", [[1, 0]] * 6 + [[1, 1]] * 4, [2, 1, 0, 0, 3, 1] + [0] * 4),
    ("poisson", [[1, 0.7], [1, 0.7], [1, -0.2], [1, 0.1]], [2, 0, 0, 0]),
    ("poisson", [[1.0]] * 3, [0, 0, 0]),
]


@pytest.mark.parametrize(("name", "x", "y"), QUASI)
def test_no_maximum_is_found_where_some_rows_are_on_the_border(name: str, x: Any, y: Any) -> None:
    height, family = np.array(x, dtype=float), FAMILIES[name]
    assert has_no_maximum(family, height, np.array(y))  # the list above is right
    with pytest.raises(NoMaximumError):
        maximum_likelihood(x, y, family=name)
    assert np.isnan(maximise(family, batch(family, height[None], [y]))).all()


@BOTH
def test_small_samples_of_integers_without_a_maximum_raise(family: Family) -> None:
    """Rows on the border of a half-space, which normal covariates never are."""
    rng = np.random.default_rng(18)
    with_fit = without = 0
    while with_fit + without < 250:
        height, dim = int(rng.integers(4, 9)), int(rng.integers(1, 4))
        x = rng.integers(-1, 2, (height, dim)).astype(float)
        if np.linalg.matrix_rank(x) < dim:
            continue
        y = labels(family, np.full(height, 0.0 if family.binary else -0.7), rng)
        if has_no_maximum(family, x, y):
            without += 1
            with pytest.raises(NoMaximumError):
                maximum_likelihood(x, y, family=family.name)
        else:
            with_fit += 1
            theta = maximum_likelihood(x, y, family=family.name)
            assert newton_step(family, x, y, 1.0, theta) < CLOSE
    assert min(with_fit, without) > 30


def test_rows_without_weight_neither_separate_nor_identify() -> None:
    x, y = [[1, 0], [1, 0], [1, 1], [1, 1], [1, 5]], [0, 1, 0, 1, 1]
    weight = [1, 1, 1, 1, 0]
    assert maximum_likelihood(x, y, sample_weight=weight) == pytest.approx([0, 0], abs=1e-10)
    with pytest.raises(NoMaximumError):
        maximum_likelihood(x, y, sample_weight=[1, 1, 0, 1, 1])
    with pytest.raises(ValueError, match=r"^`X` must be of full column rank; got "):
        maximum_likelihood(x, y, sample_weight=[1, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "why"), [("binomial", "covariates separate the labels"), ("poisson", "zero counts")]
)
def test_the_message_says_why_there_is_no_maximum(name: str, why: str) -> None:
    with pytest.raises(NoMaximumError, match=f"^the likelihood has no maximum: the {why}"):
        maximum_likelihood([[1], [2]], [0, 0], family=name)
    assert issubclass(NoMaximumError, ValueError)


# --- steps ---------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("far", [1.0, 4.0, 10.0, 20.0])
def test_every_step_ascends_from_wherever_it_starts(family: Family, far: float) -> None:
    rng = np.random.default_rng(19)
    x = rng.standard_normal((2000, 12, 2))
    y = labels(family, x[..., 0], rng)
    parts = batch(family, x, y)
    # linear predictors of at most `far`, where b'' still has some digits
    start = rng.standard_normal((2000, 2, 1))
    start *= far * rng.random((2000, 1, 1)) / abs(x @ start).max(axis=1, keepdims=True)
    start = start.swapaxes(-1, -2)
    extent = abs(parts[0].x).max(axis=-1)[:, None]

    def likelihood(theta: np.ndarray) -> np.ndarray:
        predictor = (theta @ parts[0].x)[:, 0]
        return np.asarray((y * predictor - family.cumulant(predictor)).sum(axis=-1))

    end, moved = _advance(_Objective(family, parts, float), start, extent)
    before, after = likelihood(start), likelihood(end)
    assert (after >= before - 1e-12 * (1 + abs(before))).all()
    shift = abs((end - start) @ parts[0].x).max(axis=(1, 2))
    allowed = np.where(moved[:, 0] <= FULL_STEP, moved[:, 0], np.log1p(moved[:, 0]))
    assert (shift <= allowed * (1 + 1e-9)).all()
    if far >= 4:
        assert (moved > FULL_STEP).any()  # some were shortened


@pytest.mark.parametrize("outlier", [1e4, 1e6])
def test_one_row_far_away_does_not_hold_up_a_fit(outlier: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(500)
    y = (rng.random(500) < 1 / (1 + np.exp(-x))).astype(float)
    x[0], y[0] = outlier, 1.0
    design = np.column_stack([np.ones(500), x])
    found = maximum_likelihood(design, y)
    mean = 1 / (1 + np.exp(-design @ found))
    assert abs(design.T @ (y - mean) / np.abs(design).sum(axis=0)).max() < 1e-9
