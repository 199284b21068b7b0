"""The models' theory against formulas written out again, invariances, and messages.

Only the tests that say so simulate; each |z| < 4.5 alarms wrongly with probability 7e-6.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop
from lib.models import Categorical, Gaussian, Model
from lib.models.gaussian import Moments, _covariance_ratio
from lib.simulate import simulate
from lib.weights import error_ratio, optimal_weight

pytestmark = pytest.mark.filterwarnings("error")

Z = 4.5
SIGMA = np.array([[1.0, 0.5], [0.5, 2.0]])
A, B = 5.5, 9.0  # ||Sigma||_F^2 and (tr Sigma)^2, by hand
P = np.array([0.5, 0.3, 0.15, 0.05])
GAUSSIAN, CATEGORICAL = Gaussian([1, -1], SIGMA), Categorical(P)
LOOPS: list[Loop] = [
    FullySynthetic(n=7, m=5),
    Accumulate(n=7, m=5),
    FixedReal(n=7, m=5, w=0.4),
    FreshReal(n=7, m=5, w=0.4),
]


# --- Gaussian, theory ----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "optimum"), [(20, 0.627), (100, 0.6198)])
def test_the_best_weight_of_a_covariance_at_finite_size(n: int, optimum: float) -> None:
    w = np.arange(0.6, 0.65, 0.0001)
    limit = Gaussian([0, 0], np.eye(2)).theory(FreshReal(n=n, m=n, w=w))["covariance"].limit()
    assert w[limit.argmin()] == pytest.approx(optimum, abs=0.0005)


def test_the_best_weight_of_a_covariance_goes_to_golden() -> None:
    w = np.arange(0.61, 0.63, 0.00005)
    limit = GAUSSIAN.theory(FreshReal(n=10**6, m=10**6, w=w))["covariance"].limit()
    assert w[limit.argmin()] == pytest.approx(optimal_weight(1), abs=0.0001)


@pytest.mark.parametrize("m", [2, 3, 10, 1000])
def test_a_covariance_settles_exactly_from_the_stated_weight_on(m: int) -> None:
    edge = 1 - math.sqrt((m - 1) / (m + 1))  # (1-w)^2 (m+1)/(m-1) = 1
    w = np.array([edge * (1 - 1e-6), edge * (1 + 1e-6)])
    limit = GAUSSIAN.theory(FreshReal(n=5, m=m, w=w))["covariance"].limit()
    assert limit[0] == math.inf
    assert 0 < limit[1] < math.inf


@pytest.mark.parametrize(("n", "m", "w"), [(7, 5, 0.4), (2, 2, 0.9), (100, 20, 0.1)])
def test_the_covariance_is_the_two_recursions_of_the_text(n: int, m: int, w: float) -> None:
    f, g = (A + B) / (n - 1), 2 * A / (n - 1)
    expected = [f]
    for _ in range(30):
        f, g = (
            w**2 * (A + B) / (n - 1) + (1 - w) ** 2 * (f + (A + f + B + g) / (m - 1)),
            w**2 * 2 * A / (n - 1) + (1 - w) ** 2 * (g + 2 * (A + f) / (m - 1)),
        )
        expected.append(f)
    path = GAUSSIAN.theory(FreshReal(n=n, m=m, w=w))["covariance"].path(30)
    assert path == pytest.approx(expected, rel=1e-12, abs=0)


def test_the_mean_is_the_closed_form_in_the_unit_of_real_rows() -> None:
    w = np.array([0.0, 0.2, 0.618, 1.0])
    limit = GAUSSIAN.theory(FreshReal(n=7, m=5, w=w))["mean"].limit()
    assert limit == pytest.approx(3 / 7 * error_ratio(w, 7 / 5), rel=1e-12, abs=0)


def test_the_mean_accumulates_to_the_basel_problem() -> None:
    limit = GAUSSIAN.theory(Accumulate(n=9, m=9))["mean"].limit()
    assert limit == pytest.approx(3 / 9 * math.pi**2 / 6, rel=1e-13, abs=0)


@pytest.mark.parametrize("metric", ["mean", "covariance"])
@pytest.mark.parametrize("loop", [LOOPS[0], FreshReal(n=7, m=5, w=0.0), FixedReal(n=7, m=5, w=0.0)])
def test_without_real_rows_a_gaussian_never_settles(loop: Loop, metric: str) -> None:
    assert GAUSSIAN.theory(loop)[metric].limit() == math.inf


def test_the_exploding_covariance_of_the_text() -> None:
    # n = 100, d = 4, t = 1000, Sigma = I/4: exact 2.5e8
    model = Gaussian(np.zeros(4), np.eye(4) / 4)
    path = model.theory(FullySynthetic(n=100, m=100))["covariance"].path(1000)
    assert path[-1] == pytest.approx(2.5e8, rel=0.02, abs=0)


@pytest.mark.parametrize("w", [0.3, 0.618, 1.0])
@pytest.mark.parametrize(("n", "m"), [(5, 5), (100, 20)])
def test_the_covariance_in_closed_form(n: int, m: int, w: float) -> None:
    alone = GAUSSIAN.theory(FreshReal(n=n, m=m, w=1.0))["covariance"].limit()
    limit = GAUSSIAN.theory(FreshReal(n=n, m=m, w=w))["covariance"].limit()
    kept = (1 - w) ** 2
    new = w**2 + kept * (n - 1) / (m - 1)
    closed = _covariance_ratio(new, kept, m, B / A)
    assert closed == pytest.approx(limit / alone, rel=1e-12, abs=0)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_theory_agrees_with_simulation(loop: Loop) -> None:
    # few generations: without real rows the tails grow until a mean cannot be seen
    result = simulate(GAUSSIAN, loop, steps=2, reps=8000, seed=3, progress=False)
    for metric in GAUSSIAN.metrics:
        estimate = result.estimate(metric, t=2)
        predicted = GAUSSIAN.theory(loop)[metric].path(2)[-1]
        assert abs(estimate.value - predicted) < Z * estimate.standard_error


# --- Gaussian, log-determinant -------------------------------------------------------------------

POINTS = [-6.0, -2.0, -0.5, 0.0, 0.3, 1.0]


@pytest.mark.parametrize("rows", [2, 3, 5, 30, 1000])
@pytest.mark.parametrize("x", POINTS)
def test_the_log_determinant_of_one_fit_in_one_dimension_is_chi_square(rows: int, x: float) -> None:
    df = rows - 1
    exact = stats.chi2(df).cdf(df * math.exp(x))
    assert Gaussian([0], [[4.0]]).log_det_cdf(x, rows=rows, fits=1) == pytest.approx(
        exact, abs=1e-8
    )


@pytest.mark.parametrize("rows", [3, 5, 30])
@pytest.mark.parametrize("x", POINTS)
def test_the_log_determinant_of_one_fit_in_two_dimensions(rows: int, x: float) -> None:
    # twice the root of a 2 x 2 Wishart determinant is chi-square with 2 df - 2 degrees of freedom
    df = rows - 1
    exact = stats.chi2(2 * df - 2).cdf(2 * df * math.exp(x / 2))
    assert GAUSSIAN.log_det_cdf(x, rows=rows, fits=1) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("rows", [5, 50])
@pytest.mark.parametrize("fits", [1, 2, 40])
def test_half_of_the_log_determinants_are_below_the_median(rows: int, fits: int) -> None:
    median = GAUSSIAN.log_det_median(rows=rows, fits=fits)
    assert GAUSSIAN.log_det_cdf(median, rows=rows, fits=fits) == pytest.approx(0.5, abs=1e-8)


def test_the_median_of_one_variance_is_that_of_chi_square() -> None:
    median = Gaussian([0], [[1.0]]).log_det_median(rows=7, fits=1)
    assert median == pytest.approx(math.log(stats.chi2(6).median() / 6), abs=1e-8)


def test_the_drift_is_the_mean_of_the_logarithm() -> None:
    # one dimension: E ln(chi^2_df / df), integrated numerically
    law = stats.chi2(9)
    drift = law.expect(lambda x: np.log(x / 9))
    assert Gaussian([0], [[3.0]]).log_det_drift(10) == pytest.approx(drift, abs=1e-8)
    assert drift < 0


@pytest.mark.parametrize("model", [Gaussian([0], [[3.0]]), GAUSSIAN], ids=["d=1", "d=2"])
def test_the_log_determinant_of_simulated_fits(model: Gaussian) -> None:
    rows, t, reps = 10, 5, 8000
    median = model.log_det_median(rows=rows, fits=t + 1)
    quarter = median - 1.0

    def below(x: float) -> Any:
        return lambda fit: (model.error(fit, "log_det") < x).astype(float)

    result = simulate(
        model,
        FullySynthetic(n=rows, m=rows),
        steps=t,
        reps=reps,
        seed=5,
        metrics={
            "log_det": lambda fit: model.error(fit, "log_det"),
            "median": below(median),
            "quarter": below(quarter),
        },
        progress=False,
    )
    predicted = {
        "log_det": (t + 1) * model.log_det_drift(rows),
        "median": 0.5,
        "quarter": model.log_det_cdf(quarter, rows=rows, fits=t + 1),
    }
    for metric, value in predicted.items():
        estimate = result.estimate(metric, t=t)
        assert abs(estimate.value - value) < Z * estimate.standard_error, metric


def test_the_log_determinant_follows_its_drift_for_long() -> None:
    # the two directions collapse at different rates, until one is lost in the other's rounding
    rows, t = 6, 100
    result = simulate(
        GAUSSIAN,
        FullySynthetic(n=rows, m=rows),
        steps=t,
        reps=200,
        seed=6,
        metrics=["log_det"],
        progress=False,
    )
    estimate = result.estimate("log_det", t=t)
    predicted = (t + 1) * GAUSSIAN.log_det_drift(rows)
    assert abs(estimate.value - predicted) < Z * estimate.standard_error


def test_the_log_determinant_of_a_singular_fit_is_minus_infinity() -> None:
    flat = Moments(np.zeros((1, 1, 2)), np.array([[[1.0, 1.0, 1.0]]]))
    assert GAUSSIAN.error(flat, "log_det").tolist() == [[-math.inf]]


@pytest.mark.parametrize("call", ["log_det_drift", "log_det_cdf", "log_det_median"])
@pytest.mark.parametrize("rows", [2, 0, 2.5, "10", None])
def test_a_determinant_needs_more_rows_than_dimensions(call: str, rows: Any) -> None:
    calls: dict[str, Any] = {
        "log_det_drift": GAUSSIAN.log_det_drift,
        "log_det_cdf": lambda rows: GAUSSIAN.log_det_cdf(0.0, rows=rows, fits=1),
        "log_det_median": lambda rows: GAUSSIAN.log_det_median(rows=rows, fits=1),
    }
    with pytest.raises(ValueError, match=r"^`rows` must be an integer of at least 3; got "):
        calls[call](rows)


@pytest.mark.parametrize("fits", [0, -1, 1.5, "one", None])
def test_a_number_of_fits_is_positive(fits: Any) -> None:
    message = r"^`fits` must be an integer of at least 1; got "
    with pytest.raises(ValueError, match=message):
        GAUSSIAN.log_det_cdf(0.0, rows=10, fits=fits)
    with pytest.raises(ValueError, match=message):
        GAUSSIAN.log_det_median(rows=10, fits=fits)


# --- Gaussian, invariances -----------------------------------------------------------------------


def paths(model: Model, loop: Loop) -> dict[str, np.ndarray]:
    return {metric: recursion.path(10) for metric, recursion in model.theory(loop).items()}


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_theory_does_not_depend_on_where_the_mean_is(loop: Loop) -> None:
    here, there = paths(GAUSSIAN, loop), paths(Gaussian([1e6, 7], SIGMA), loop)
    assert all(here[metric].tolist() == there[metric].tolist() for metric in here)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_theory_does_not_depend_on_the_axes(loop: Loop) -> None:
    angle = 0.7
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    here, there = paths(GAUSSIAN, loop), paths(Gaussian([0, 0], turn @ SIGMA @ turn.T), loop)
    for metric, path in here.items():
        assert there[metric] == pytest.approx(path, rel=1e-12, abs=0)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_theory_scales_with_the_unit_of_measurement(loop: Loop) -> None:
    here, there = paths(GAUSSIAN, loop), paths(Gaussian([0, 0], 9 * SIGMA), loop)
    assert there["mean"] == pytest.approx(9 * here["mean"], rel=1e-12, abs=0)
    assert there["covariance"] == pytest.approx(81 * here["covariance"], rel=1e-12, abs=0)


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_a_simulation_scales_with_the_unit_of_measurement_bit_by_bit(loop: Loop) -> None:
    def errors(model: Gaussian) -> dict[str, np.ndarray]:
        path = simulate(model, loop, steps=5, reps=50, seed=1, progress=False).path()
        return {str(metric): part["error"].to_numpy() for metric, part in path.groupby("metric")}

    # a factor of 2 only moves the exponents of floats
    here, there = errors(Gaussian([1, -1], SIGMA)), errors(Gaussian([2, -2], 4 * SIGMA))
    assert there["mean"].tolist() == (4 * here["mean"]).tolist()
    assert there["covariance"].tolist() == (16 * here["covariance"]).tolist()


def test_the_frobenius_norm_counts_both_triangles() -> None:
    fit = Moments(np.zeros((1, 1, 2)), np.array([[[2.0, 1.5, 5.0]]]))
    expected = ((np.array([[2.0, 1.5], [1.5, 5.0]]) - SIGMA) ** 2).sum()
    assert GAUSSIAN.error(fit, "covariance").tolist() == [[expected]]


# --- Gaussian, degenerate cases ------------------------------------------------------------------


@pytest.mark.parametrize("cov", [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]]])
@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_a_singular_covariance_stays_on_its_line(cov: Any, loop: Loop) -> None:
    model, lost = Gaussian([0, 0], cov), []

    def across(fit: Moments) -> np.ndarray:
        direction = np.array([1.0, -1.0] if cov[0][0] else [1.0, 0.0])
        spread: np.ndarray = np.einsum("...ij,i,j->...", fit.cov, direction, direction)
        lost.append(np.abs(spread).max())
        return spread

    metrics = {"across": across, "covariance": lambda fit: model.error(fit, "covariance")}
    result = simulate(model, loop, steps=5, reps=4000, seed=2, metrics=metrics, progress=False)
    assert max(lost) < 1e-12
    # one generation: the tails grow so fast that later means cannot be seen in 4000 replicates
    estimate = result.estimate("covariance", t=1)
    predicted = model.theory(loop)["covariance"].path(1)[-1]
    assert abs(estimate.value - predicted) < Z * estimate.standard_error


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_no_covariance_has_no_error(loop: Loop) -> None:
    model = Gaussian([3, 4], np.zeros((2, 2)))
    result = simulate(model, loop, steps=5, reps=20, seed=1, progress=False)
    # the mean of means that are all 3 may round
    assert result.path()["error"].max() < 1e-28
    assert all(recursion.path(5).tolist() == [0.0] * 6 for recursion in model.theory(loop).values())


def test_two_rows_are_enough() -> None:
    loop = FreshReal(n=2, m=2, w=0.5)
    result = simulate(Gaussian(np.zeros(3), np.eye(3)), loop, steps=5, reps=20, progress=False)
    assert np.isfinite(result.path()["error"]).all()


def test_a_number_is_a_vector_of_one() -> None:
    assert Gaussian(1.0, 2.0).cov.tolist() == [[2.0]]


def test_a_model_does_not_change_with_the_array_it_was_made_of() -> None:
    mean, cov = np.zeros(2), np.eye(2)
    model = Gaussian(mean, cov)
    mean[:], cov[:] = 7.0, 7.0
    assert (model.mean.tolist(), model.cov.tolist()) == ([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]])


def test_a_coordinate_may_be_constant_and_units_may_differ() -> None:
    model = Gaussian([0, 0], [[0, 0], [0, 2]])
    loop = FreshReal(n=5, m=5, w=0.5)
    estimate = simulate(model, loop, steps=2, reps=4000, progress=False).estimate("mean", t=0)
    assert abs(estimate.value - 2 / 5) < Z * estimate.standard_error
    assert Gaussian([0, 0], [[1e-20, 5e-11], [5e-11, 1]]).dim == 2


@pytest.mark.parametrize("m", [4, 5, 17, 100])
def test_at_the_edge_of_stability_the_covariance_has_no_limit(m: int) -> None:
    edge = 1 - math.sqrt((m - 1) / (m + 1))
    limits = GAUSSIAN.theory(FreshReal(n=9, m=m, w=[edge - 1e-9, edge, edge + 1e-6]))
    below, at, above = limits["covariance"].limit()
    assert below == at == math.inf
    assert above < math.inf


@pytest.mark.parametrize("rows", [10**3, 10**9, 10**14])
def test_huge_samples_diverge_without_real_rows_too(rows: int) -> None:
    theory = GAUSSIAN.theory(FullySynthetic(n=rows, m=rows))
    assert theory["mean"].limit() == theory["covariance"].limit() == math.inf


# --- Gaussian, messages --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "cov", "message"),
    [
        ([0, 0], [[1, 0, 0], [0, 1, 0]], "`cov` must be a 2 x 2 matrix, the size of `mean`; got "),
        ([0, 0], [[1.0]], "`cov` must be a 2 x 2 matrix, the size of `mean`; got "),
        ([0], np.eye(2), "`cov` must be a 1 x 1 matrix, the size of `mean`; got "),
        ([0, 0], [1, 1], "`cov` must be a 2 x 2 matrix, the size of `mean`; got "),
        ([0, 0], np.ones((1, 2, 2)), "`cov` must be a 2 x 2 matrix, the size of `mean`; got "),
        ([0, 0], [[1, 0.5], [0.4, 1]], "`cov` must be symmetric; got "),
        ([0, 0], [[1, 2], [2, 1]], "`cov` must be positive semi-definite; got "),
        ([0], [[-1.0]], "`cov` must be positive semi-definite; got "),
        ([0, 0], [[1, 1.001], [1.001, 1]], "`cov` must be positive semi-definite; got "),
        ([0, 0], [[1, 0.5], [0.501, 1]], "`cov` must be symmetric; got "),
        # units in which one variance dwarfs the other
        ([0, 0], [[1e12, 0], [0, -50]], "`cov` must be positive semi-definite; got "),
        ([0, 0], [[1e12, 50], [0, 1]], "`cov` must be symmetric; got "),
        ([0, 0], [[1e-20, 1e-9], [1e-9, 1]], "`cov` must be positive semi-definite; got "),
        ([0, 0], [[0, 1e-9], [1e-9, 1]], "`cov` must be positive semi-definite; got "),
        ([0, 0], [[1, math.nan], [math.nan, 1]], "`cov` must be a matrix of finite numbers; got "),
        ([0, 0], [[math.inf, 0], [0, 1]], "`cov` must be a matrix of finite numbers; got "),
        ([0, 0], "identity", "`cov` must be a matrix of finite numbers; got 'identity'"),
        ([0, 0], None, "`cov` must be a matrix of finite numbers; got None"),
        ([0, 0], [[1, 0], [0]], "`cov` must be a matrix of finite numbers; got "),
        ([0, math.nan], np.eye(2), "`mean` must be a vector of finite numbers; got "),
        (None, np.eye(2), "`mean` must be a vector of finite numbers; got None"),
        ([[0, 0]], np.eye(2), "`mean` must be a vector of at least one number; got "),
        ([], np.zeros((0, 0)), "`mean` must be "),
        ([], [], "`(mean|cov)` must be "),
    ],
)
def test_what_is_not_a_normal_distribution(mean: Any, cov: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Gaussian(mean, cov)


def test_a_covariance_may_be_symmetric_up_to_rounding() -> None:
    cov = 1e8 * np.array([[1.0, 0.3], [0.3 + 1e-13, 1.0]])
    assert Gaussian([0, 0], cov).dim == 2


@pytest.mark.parametrize("name", ["n", "m"])
@pytest.mark.parametrize("maker", [FullySynthetic, Accumulate])
def test_one_row_has_no_covariance(name: str, maker: Any) -> None:
    loop = maker(**{"n": 5, "m": 5} | {name: 1})
    message = f"^`{name}` must be at least 2 for Gaussian; got 1$"
    with pytest.raises(ValueError, match=message):
        GAUSSIAN.theory(loop)
    with pytest.raises(ValueError, match=message):
        simulate(GAUSSIAN, loop, steps=2, reps=2, progress=False)


@pytest.mark.parametrize("model", [GAUSSIAN, CATEGORICAL])
def test_an_unknown_metric(model: Model) -> None:
    fit = model.fit(model.draw(5, (1, 2), np.random.default_rng(1)))
    with pytest.raises(ValueError, match=r"^`metric` must be '.*; got 'median'$"):
        model.error(fit, "median")


# --- categories ----------------------------------------------------------------------------------

UNIT = (1 - 0.365) / 4  # (1 - sum p^2) / C, by hand


@pytest.mark.parametrize(("n", "m"), [(7, 5), (1, 1), (500, 500)])
def test_frequencies_are_the_closed_form_with_a_contraction(n: int, m: int) -> None:
    w = np.array([0.0, 0.2, 0.618, 1.0])
    limit = CATEGORICAL.theory(FreshReal(n=n, m=m, w=w))["frequencies"].limit()
    expected = UNIT / n * error_ratio(w, n / m, contraction=1 - 1 / m)
    assert limit == pytest.approx(expected, rel=1e-12, abs=0)


def test_frequencies_left_to_themselves_end_in_one_category() -> None:
    # p_t goes to a unit vector, e_j with probability p_j: the error is bounded
    recursion = CATEGORICAL.theory(FullySynthetic(n=7, m=7))["frequencies"]
    expected = UNIT * (1 - (1 - 1 / 7) ** np.arange(1, 12))
    assert recursion.path(10) == pytest.approx(expected, rel=1e-13, abs=0)
    assert recursion.limit() == pytest.approx(UNIT, rel=1e-13, abs=0)
    corners = sum(p * ((row - P) ** 2).mean() for p, row in zip(P, np.eye(4), strict=True))
    assert corners == pytest.approx(UNIT, rel=1e-13, abs=0)


def test_simulated_frequencies_do_end_in_one_category() -> None:
    result = simulate(
        CATEGORICAL,
        FullySynthetic(n=5, m=5),
        steps=200,
        reps=2000,
        metrics=["frequencies", "lost"],
        progress=False,
    )
    assert result.estimate("lost", t=200).value == 3
    estimate = result.estimate("frequencies", t=200)
    assert abs(estimate.value - UNIT) < Z * estimate.standard_error


@pytest.mark.parametrize("loop", LOOPS, ids=repr)
def test_theory_does_not_depend_on_the_order_of_categories(loop: Loop) -> None:
    here = CATEGORICAL.theory(loop)["frequencies"].path(10)
    there = Categorical(P[[2, 0, 3, 1]]).theory(loop)["frequencies"].path(10)
    assert there == pytest.approx(here, rel=1e-13, abs=0)


def test_a_category_without_probability_is_never_lost() -> None:
    model = Categorical([0.5, 0.5, 0.0])
    metrics = {"third": lambda fit: fit[..., 2], "lost": lambda fit: model.error(fit, "lost")}
    result = simulate(
        model, FreshReal(n=9, m=9, w=0.5), steps=5, reps=50, metrics=metrics, progress=False
    )
    assert result.path().query("metric == 'third'")["error"].max() == 0
    assert result.path().query("metric == 'lost'")["error"].max() < 1


def test_the_error_is_a_mean_over_categories() -> None:
    fit = np.array([[[0.4, 0.4, 0.15, 0.05]]])
    assert CATEGORICAL.error(fit, "frequencies") == pytest.approx(np.array([[0.02 / 4]]))


def test_probabilities_are_made_to_sum_to_one_exactly() -> None:
    p = np.array([0.1] * 10) * (1 + 5e-9)
    assert Categorical(p).p.sum() == pytest.approx(1, abs=1e-15)


def test_probabilities_do_not_change_with_the_array_they_were_made_of() -> None:
    p = np.array([0.5, 0.5])
    model = Categorical(p)
    p[:] = 7
    assert model.p.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([0.6, 0.6, -0.2], "`p` must be finite and at least 0; got "),
        ([0.5, math.nan], "`p` must be finite and at least 0; got "),
        ([0.5, math.inf], "`p` must be finite and at least 0; got "),
        (None, "`p` must be finite and at least 0; got None"),
        ("fair", "`p` must be finite and at least 0; got 'fair'"),
        ([0.5, 0.6], r"`p` must be a vector with sum 1 \(its sum is 1.1\); got "),
        ([0.5, 0.4999], r"`p` must be a vector with sum 1 \(its sum is 0.9999\); got "),
        ([3, 5], r"`p` must be a vector with sum 1 \(its sum is 8\); got "),
        ([1.0], "`p` must be a vector of at least two probabilities; got "),
        ([], "`p` must be a vector of at least two probabilities; got "),
        (1.0, "`p` must be a vector of at least two probabilities; got "),
        ([[0.5, 0.5]], "`p` must be a vector of at least two probabilities; got "),
    ],
)
def test_what_is_not_a_distribution_on_categories(p: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Categorical(p)


@pytest.mark.parametrize("x", [math.nan, math.inf, "0"])
def test_the_distribution_of_a_log_determinant_takes_finite_numbers(x: Any) -> None:
    with pytest.raises(ValueError, match=r"^`x` must be finite; got "):
        Gaussian([0], [[1]]).log_det_cdf(x, rows=10, fits=1)


def test_a_distribution_function_stays_between_0_and_1() -> None:
    line = Gaussian([0], [[1]])
    assert 0 <= line.log_det_cdf(-60, rows=10, fits=1) <= 1e-6
    assert 1 - 1e-6 <= line.log_det_cdf(30, rows=10, fits=1) <= 1
