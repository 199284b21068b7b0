"""The misspecification ratio of a data set, and messages of the maximum-likelihood fit.

The solver itself is tested in tests/test_irls.py. Tests that simulate say so: each binomial or
chi-square test alarms wrongly with probability 1e-4 at most, and there are fewer than ten.
"""

from __future__ import annotations

import copy
import math
import pickle
import re
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

import lib
from lib.misspecification import (
    MisspecificationRatio,
    NoMaximumError,
    maximum_likelihood,
    misspecification_ratio,
)
from lib.models import PoissonRegression
from lib.weights import optimal_weight

pytestmark = pytest.mark.filterwarnings("error")

P_VALUE = 1e-4
FAMILIES = {"poisson": sm.families.Poisson(), "binomial": sm.families.Binomial()}
THETA = np.array([0.5, -0.3])


def covariates(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.column_stack([np.ones(n), rng.standard_normal(n)])


def counts(x: np.ndarray, dispersion: float, rng: np.random.Generator) -> np.ndarray:
    mean = np.exp(x @ THETA)
    if dispersion:
        mean = mean * rng.gamma(1 / dispersion, dispersion, mean.shape)
    return rng.poisson(mean)


def plain(x: np.ndarray, y: np.ndarray, family: str) -> float:
    """Return the ratio from statsmodels' robust and ordinary covariances of the coefficients."""
    model, (rows, dim) = sm.GLM(y, x, FAMILIES[family]), x.shape
    robust = model.fit(cov_type="HC0", tol=1e-14).cov_params() * rows / (rows - dim)
    return float(np.trace(robust) / np.trace(model.fit(tol=1e-14).cov_params()))


# --- value ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("rows", [50, 200, 3000])
@pytest.mark.parametrize("dim", [1, 2, 4])
def test_the_ratio_is_that_of_two_covariances(family: str, rows: int, dim: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, dim))
    x[:, 0] = 1
    predictor = x @ np.linspace(0.4, -0.3, dim)
    if family == "poisson":
        y = rng.poisson(np.exp(predictor) * rng.gamma(2, 0.5, rows))
    else:
        y = (rng.random(rows) < 0.5 + np.arctan(2 * predictor) / math.pi).astype(int)
    found = misspecification_ratio(x, y, family=family)
    assert found == pytest.approx(plain(x, y, family), rel=1e-8)
    assert found.theta == pytest.approx(maximum_likelihood(x, y, family=family), abs=1e-12)


def test_the_ratio_of_counts_alone_is_their_dispersion_index() -> None:
    # one constant: A = mean, B = variance
    y = np.random.default_rng(2).negative_binomial(2, 0.3, 500)
    found = misspecification_ratio(np.ones((500, 1)), y)
    assert found == pytest.approx(y.var(ddof=1) / y.mean(), rel=1e-9)


def test_the_ratio_of_labels_alone_is_one() -> None:
    # labels 0 and 1 have no other variance than p (1 - p)
    y = np.arange(500) % 3 == 0
    found = misspecification_ratio(np.ones((500, 1)), y.astype(int), family="binomial")
    assert found == pytest.approx(500 / 499, rel=1e-9)
    assert found.standard_error == pytest.approx(0, abs=1e-9)


def test_the_ratio_goes_to_that_of_the_population() -> None:
    model = PoissonRegression(THETA, intercept=True, dispersion=1)
    rng = np.random.default_rng(3)
    x = covariates(400_000, rng)
    found = misspecification_ratio(x, counts(x, 1.0, rng))
    assert model.misspecification == pytest.approx(2.813, abs=5e-4)
    assert abs(found - model.misspecification) < 4.5 * found.standard_error
    assert found.standard_error < 0.05


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_right_model_has_a_ratio_of_about_one(family: str) -> None:
    rng = np.random.default_rng(4)
    x = covariates(20_000, rng)
    y = counts(x, 0.0, rng)
    if family == "binomial":
        y = (rng.random(len(x)) < 1 / (1 + np.exp(-x @ THETA))).astype(int)
    found = misspecification_ratio(x, y, family=family)
    assert abs(found - 1) < 4.5 * found.standard_error
    assert found.standard_error < 0.05


def test_a_unit_of_every_covariate_does_not_matter_if_it_is_the_same() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((300, 2))
    y = rng.negative_binomial(2, 0.4, 300)
    here, there = misspecification_ratio(x, y), misspecification_ratio(1e6 * x, y)
    assert there == pytest.approx(float(here), rel=1e-9)
    assert there.standard_error == pytest.approx(here.standard_error, rel=1e-9)


def test_counts_of_less_spread_than_poisson_have_a_small_ratio() -> None:
    rng = np.random.default_rng(6)
    y = rng.binomial(10, 0.7, 5000)  # variance 2.1, mean 7
    assert misspecification_ratio(covariates(5000, rng), y) == pytest.approx(0.3, abs=0.05)


# --- standard error ------------------------------------------------------------------------------


@pytest.mark.parametrize("dispersion", [0.0, 0.3])
def test_the_standard_error_is_that_of_many_data_sets(dispersion: float) -> None:
    """Simulates: the spread of 500 ratios, and how often an interval covers the population's."""
    truth = PoissonRegression(THETA, intercept=True, dispersion=dispersion).misspecification
    rng, ratios, errors = np.random.default_rng(7), [], []
    for _ in range(500):
        x = covariates(4000, rng)
        found = misspecification_ratio(x, counts(x, dispersion, rng))
        ratios.append(float(found))
        errors.append(found.standard_error)
    z = (np.array(ratios) - truth) / errors
    # 95 % intervals. Skewness at this number of rows costs a per cent or so of coverage: 93 to 97 %
    covered = int((abs(z) < stats.norm.isf(0.025)).sum())
    assert stats.binomtest(covered, 500, 0.93, alternative="less").pvalue > P_VALUE
    assert stats.binomtest(covered, 500, 0.97, alternative="greater").pvalue > P_VALUE
    # and on average it is the spread: 500 values have it to 3 % (one sigma) if they are normal
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(ratios, ddof=1), rel=0.15)


def weighted_ratio(x: np.ndarray, y: np.ndarray, weight: np.ndarray, family: str) -> float:
    """Return the ratio of rows with weights, from its definition."""
    theta = maximum_likelihood(x, y, family=family, sample_weight=weight)
    mean = np.exp(x @ theta) if family == "poisson" else 1 / (1 + np.exp(-x @ theta))
    variance = mean if family == "poisson" else mean * (1 - mean)
    inverse = np.linalg.inv((x.T * (weight * variance)) @ x / weight.sum())
    covariance = (x.T * (weight * (y - mean) ** 2)) @ x / weight.sum()
    return float(np.trace(inverse @ covariance @ inverse) / np.trace(inverse))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_standard_error_is_the_delta_method_s(family: str) -> None:
    """Not a simulation: derivatives of the ratio in the weight of each row, by differences."""
    rows, step = 100, 1e-3
    rng = np.random.default_rng(8)
    x = covariates(rows, rng)
    y = counts(x, 0.5, rng)
    y = np.minimum(y, 1) if family == "binomial" else y
    influence = []
    for i in range(rows):
        more, less = np.ones(rows), np.ones(rows)
        more[i], less[i] = 1 + step, 1 - step
        gap = weighted_ratio(x, y, more, family) - weighted_ratio(x, y, less, family)
        influence.append(rows * gap / (2 * step))
    expected = np.sqrt(np.sum(np.square(influence)) / (rows - 2) / rows) * rows / (rows - 2)
    found = misspecification_ratio(x, y, family=family)
    assert found == pytest.approx(
        weighted_ratio(x, y, np.ones(rows), family) * rows / (rows - 2), rel=1e-9
    )
    # the factor rows / (rows - d) may or may not be in each of its terms: 2 % here
    assert found.standard_error == pytest.approx(expected, rel=0.01)


# --- what is returned ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ratio() -> MisspecificationRatio:
    rng = np.random.default_rng(9)
    x = covariates(500, rng)
    return misspecification_ratio(x, counts(x, 1.0, rng))


def test_the_ratio_is_a_number(ratio: MisspecificationRatio) -> None:
    assert isinstance(ratio, float)
    assert ratio + 1 == float(ratio) + 1
    assert np.asarray(ratio).dtype == np.float64
    assert f"{ratio:.3f}" == f"{float(ratio):.3f}"
    assert round(ratio, 1) == round(float(ratio), 1)
    assert hash(ratio) == hash(float(ratio))


def test_the_ratio_shows_its_accuracy(ratio: MisspecificationRatio) -> None:
    assert repr(ratio) == f"{float(ratio):.4g} ± {ratio.standard_error:.2g}"


@pytest.mark.parametrize("how", ["copy", "deepcopy", *range(2, pickle.HIGHEST_PROTOCOL + 1)])
def test_copies_of_a_ratio_keep_everything(ratio: MisspecificationRatio, how: Any) -> None:
    other = (
        getattr(copy, how)(ratio)
        if isinstance(how, str)
        else pickle.loads(pickle.dumps(ratio, how))  # noqa: S301
    )
    assert type(other) is MisspecificationRatio
    assert other == ratio
    assert other.standard_error == ratio.standard_error
    assert other.theta.tolist() == ratio.theta.tolist()
    assert other.optimal_weight(1) == ratio.optimal_weight(1)


@pytest.mark.parametrize("k", [0.5, 1, 2])
def test_the_best_weight_is_that_of_a_smaller_ratio_of_rows(
    ratio: MisspecificationRatio, k: float
) -> None:
    found = ratio.optimal_weight(k)
    assert isinstance(found, float)
    assert found == optimal_weight(k / float(ratio))
    # the minimum of (rho w^2 + k (1-w)^2) / (w (2-w))
    w = np.arange(1e-4, 1, 1e-4)
    error = (float(ratio) * w**2 + k * (1 - w) ** 2) / (w * (2 - w))
    assert w[error.argmin()] == pytest.approx(found, abs=1e-4)


def test_the_best_weight_of_a_grid(ratio: MisspecificationRatio) -> None:
    grid = np.array([0.5, 1, 2])
    expected = [ratio.optimal_weight(k) for k in grid]
    assert np.asarray(ratio.optimal_weight(grid)).tolist() == expected


@pytest.mark.parametrize("k", [0, -1, math.nan, math.inf, "1", None])
def test_a_ratio_of_rows_is_positive(ratio: MisspecificationRatio, k: Any) -> None:
    with pytest.raises(ValueError, match=r"^`k` must be finite and greater than 0; got "):
        ratio.optimal_weight(k)


def test_the_ratio_is_in_the_library_s_front_window() -> None:
    assert lib.misspecification_ratio is misspecification_ratio


def test_arguments_are_left_alone() -> None:
    rng = np.random.default_rng(10)
    x = covariates(50, rng)
    y = counts(x, 0.0, rng).astype(float)
    before = x.copy(), y.copy()
    misspecification_ratio(x, y)
    assert (x == before[0]).all()
    assert (y == before[1]).all()


# --- messages ------------------------------------------------------------------------------------

X3 = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"X": 5.0}, "X", "a matrix of at least one row and column"),
    ({"X": [1.0, 2.0, 3.0]}, "X", "a matrix of at least one row and column"),
    ({"X": np.zeros((3, 0))}, "X", "a matrix of at least one row and column"),
    ({"X": np.zeros((0, 2)), "y": []}, "X", "a matrix of at least one row and column"),
    ({"X": [[1.0], [1.0, 2.0], [3.0]]}, "X", "a matrix of finite numbers"),
    ({"X": [[1.0], [math.nan], [3.0]]}, "X", "a matrix of finite numbers"),
    ({"X": [[1.0], [math.inf], [3.0]]}, "X", "a matrix of finite numbers"),
    ({"X": [["1"], ["2"], ["3"]]}, "X", "a matrix of finite numbers"),
    ({"X": None}, "X", "a matrix of finite numbers"),
    ({"y": [0, 1]}, "y", "a vector of 3 numbers, one a row of `X`"),
    ({"y": [[0], [1], [1]]}, "y", "a vector of 3 numbers, one a row of `X`"),
    ({"y": 1}, "y", "a vector of 3 numbers, one a row of `X`"),
    ({"y": [0, 1, math.nan]}, "y", "a vector of finite numbers"),
    ({"y": None}, "y", "a vector of finite numbers"),
    ({"y": [0, 1, 2], "family": "binomial"}, "y", "labels 0 and 1"),
    ({"y": [-1, 1, 1], "family": "binomial"}, "y", "labels 0 and 1"),
    ({"y": [0.5, 1, 1], "family": "binomial"}, "y", "labels 0 and 1"),
    ({"y": [0, 1, -1], "family": "poisson"}, "y", "counts: integers of at least 0"),
    ({"y": [0, 1, 1.5], "family": "poisson"}, "y", "counts: integers of at least 0"),
    ({"family": "gaussian"}, "family", "one of binomial, poisson"),
    ({"family": None}, "family", "one of binomial, poisson"),
    ({"family": ["poisson"]}, "family", "one of binomial, poisson"),
]
WEIGHTS: list[tuple[Any, str]] = [
    ([1, 1, -1], "finite and at least 0"),
    ([1, 1, math.nan], "finite and at least 0"),
    ([1, 1, math.inf], "finite and at least 0"),
    ("equal", "finite and at least 0"),
    ([1, 1], "a vector of 3 numbers, one a row of `X`, not all of them 0"),
    (1.0, "a vector of 3 numbers, one a row of `X`, not all of them 0"),
    ([[1], [1], [1]], "a vector of 3 numbers, one a row of `X`, not all of them 0"),
    ([0, 0, 0], "a vector of 3 numbers, one a row of `X`, not all of them 0"),
]


@pytest.mark.parametrize(("changed", "name", "allowed"), BAD)
@pytest.mark.parametrize("function", [maximum_likelihood, misspecification_ratio])
def test_the_message_names_the_argument(
    function: Any, changed: dict[str, Any], name: str, allowed: str
) -> None:
    arguments: dict[str, Any] = {"X": X3, "y": [1, 0, 1], "family": "poisson"} | changed
    shown = repr(arguments[name])
    message = f"`{name}` must be {allowed}; got {shown[:77]}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        function(**arguments)


@pytest.mark.parametrize(("weight", "allowed"), WEIGHTS)
def test_what_is_not_a_vector_of_weights(weight: Any, allowed: str) -> None:
    message = f"`sample_weight` must be {allowed}; got {weight!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        maximum_likelihood(X3, [1, 0, 1], sample_weight=weight)


@pytest.mark.parametrize("function", [maximum_likelihood, misspecification_ratio])
@pytest.mark.parametrize(
    "x",
    [
        [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]],
        [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]],
        [[1e-8, 2e8], [2e-8, 4e8], [3e-8, 6e8]],
        [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]],
        [[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 5.0, 1.0], [7.0, 1.0, 1.0, 1.0]],
    ],
)
def test_columns_that_depend_on_each_other(function: Any, x: Any) -> None:
    with pytest.raises(ValueError, match=r"^`X` must be of full column rank; got "):
        function(x, [1, 0, 1], family="poisson")


def test_as_many_columns_as_rows_leave_nothing_to_estimate_a_variance_from() -> None:
    with pytest.raises(ValueError, match=r"^`X` must be of more rows than its 2 columns; got "):
        misspecification_ratio([[1.0, 0.0], [1.0, 1.0]], [1, 2])


@pytest.mark.parametrize(
    ("family", "y"), [("binomial", [0, 0, 1]), ("binomial", [1, 1, 1]), ("poisson", [0, 0, 0])]
)
def test_a_ratio_needs_a_fit(family: str, y: list[int]) -> None:
    with pytest.raises(NoMaximumError, match=r"^the likelihood has no maximum"):
        misspecification_ratio(X3, y, family=family)
