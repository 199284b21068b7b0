"""Regression on a finite table, samples held by counts: the same law as with the rows themselves.

Only the tests that say so simulate. Each |z| < 4.5 alarms wrongly with probability 7e-6, each
chi-square, binomial or Kolmogorov-Smirnov test with 1e-4; there are about 200 of the first and 100
of the second, so that the whole file does with probability of about 1 %. The seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.claims.base import LargeSampleExperiment
from lib.claims.real_data import affairs_model, income_model, visits_model
from lib.loops import Loop
from lib.misspecification import NoMaximumError
from lib.models import CountedPopulation, PopulationRegression
from lib.models._irls import FAMILIES, recedes
from lib.models.likelihood import maximum_likelihood
from lib.models.linearized import LinearChain, Linearized
from lib.models.population import Cells
from lib.multilevel import settled_error
from lib.simulate import LostReplicatesWarning, Simulation, chains, simulate

pytestmark = pytest.mark.filterwarnings("error")

Z, P_VALUE = 4.5, 1e-4
METRICS = ("theta", "kl", "calibration")
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
    """Return X, y and counts of a table that no model of the family describes."""
    rng = np.random.default_rng(11)
    places = [(a, b) for a in (-1.0, 0.0, 0.5, 1.5) for b in (0.0, 1.0)]
    labels = (0, 1) if family == "binomial" else (0, 1, 4)
    rows = np.array([(1.0, a, b, y) for a, b in places for y in labels])
    counts = rng.integers(1, 9, len(rows))
    return rows[:, :-1], rows[:, -1], counts


@cache
def model(family: str) -> CountedPopulation:
    x, y, counts = table(family)
    return CountedPopulation(x, y, family=family, counts=counts)


@cache
def plain(family: str) -> PopulationRegression:
    x, y, counts = table(family)
    return PopulationRegression(x, y, family=family, counts=counts)


def mean(family: str, predictor: Any) -> Any:
    return np.exp(predictor) if family == "poisson" else 1 / (1 + np.exp(-predictor))


def variance(family: str, predictor: Any) -> Any:
    at = mean(family, predictor)
    return at if family == "poisson" else at * (1 - at)


@cache
def covariates(family: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the different covariates, sorted, and their shares."""
    x, _, counts = table(family)
    found, which = np.unique(x, axis=0, return_inverse=True)
    return found, np.bincount(which.ravel(), counts) / counts.sum()


def run(it: Any, loop: Loop, **changed: Any) -> Simulation:
    options: dict[str, Any] = {"steps": 2, "reps": 100, "seed": 1, "progress": False}
    return simulate(it, loop, **options | changed)


# --- what it shares with the regression on rows --------------------------------------------------


@BOTH
def test_the_truth_and_the_theory_are_those_of_the_regression_on_rows(family: str) -> None:
    one, other = model(family), plain(family)
    for name in ("target", "observed", "group_share", "information", "sandwich"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.log_loss == other.log_loss
    fit = one.target + 0.2 * np.random.default_rng(1).standard_normal((2, 3, 3))
    for metric in METRICS:
        np.testing.assert_array_equal(one.error(fit, metric), other.error(fit, metric))
        assert one.ratio(metric) == other.ratio(metric)
    loop = FreshReal(n=30, m=20, w=[0.2, 0.9])
    for metric, theory in one.theory(loop).items():
        expected = other.theory(loop)[metric].path(4)
        np.testing.assert_array_equal(theory.path(4), expected)
    assert one.status(loop) == "asymptotic"


def test_repr() -> None:
    cells = len(table("poisson")[0])
    assert repr(model("poisson")) == f"CountedPopulation({cells} different rows, family='poisson')"


def test_a_chunk_does_not_depend_on_the_rows() -> None:
    it = model("binomial")
    assert it.cells(100) == it.cells(10**12) == 200_000 // 16


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": [0, 1, 2, 1]}, "`y` must be labels 0 and 1; got "),
        ({"counts": [1, -1, 1, 1]}, "`counts` must be finite and at least 0; got "),
        ({"counts": [1, 1, 1]}, "`counts` must be a vector of 4 numbers"),
        ({"X": [[1.0, 2]] * 4}, "`X` must be of full column rank; got "),
        ({"family": "gamma"}, "`family` must be one of binomial, poisson; got 'gamma'"),
    ],
)
def test_wrong_arguments_are_named(changed: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"X": [[1.0, 0], [1, 1], [1, 2], [1, 3]], "y": [0, 1, 0, 1]} | changed
    with pytest.raises(ValueError, match=f"^{message}"):
        CountedPopulation(**given)


def test_a_table_without_a_maximum() -> None:
    with pytest.raises(NoMaximumError, match="the covariates separate the labels"):
        CountedPopulation([[1.0, 0], [1, 1], [1, 2], [1, 3]], [0, 0, 1, 1])


@pytest.mark.parametrize("loop", [FreshReal(n=2, m=50, w=0.5), FullySynthetic(n=50, m=2)], ids=repr)
def test_too_few_rows_are_named(loop: Loop) -> None:
    with pytest.raises(ValueError, match=r"^`[nm]` must be at least 3 for CountedPop.*; got 2"):
        run(model("poisson"), loop)


def test_unknown_metrics_are_named() -> None:
    with pytest.raises(ValueError, match=r"^`metric` must be 'theta', 'kl' or 'calibration'; got"):
        run(model("binomial"), FullySynthetic(n=9, m=9), metrics=["mean"])


# --- the laws of the counts ----------------------------------------------------------------------


def assert_mean_and_variance(found: np.ndarray, average: float, spread: float) -> None:
    """Compare a sample of nearly normal numbers with their exact mean and variance."""
    apart = found - average
    assert abs(apart.mean()) < Z * (spread / apart.size) ** 0.5
    squares = apart**2
    assert abs(squares.mean() - spread) < Z * squares.std() / squares.size**0.5


@BOTH
def test_one_real_row_is_a_row_of_the_table(family: str) -> None:
    """A chi-square test of the joint law of covariates and label."""
    x, y, counts = table(family)
    places, _ = covariates(family)
    (cells,) = model(family).draw(1, (1, 40_000), np.random.default_rng(2))
    assert cells.share.shape == (40_000, 1, len(places))
    assert set(np.unique(cells.share)) == {0.0, 1.0}
    assert (cells.share.sum(axis=-1) == 1).all()
    row = places[cells.share[:, 0].argmax(axis=-1)]
    label = cells.moment[:, 0, 0]  # the first covariate is 1
    np.testing.assert_array_equal(cells.moment[:, 0], label[:, None] * row)
    found = np.column_stack([row, label])
    observed = [
        int((found == np.append(one, label)).all(axis=1).sum())
        for one, label in zip(x, y, strict=True)
    ]
    assert sum(observed) == 40_000
    expected = 40_000 * counts / counts.sum()
    assert stats.chisquare(observed, expected).pvalue > P_VALUE


@BOTH
def test_one_synthetic_row_has_a_label_of_the_fit(family: str) -> None:
    """Chi-square tests for each of two weights, whose fits are far from each other."""
    places, share = covariates(family)
    theta = np.array([[0.6, -0.7, 0.4], [-0.5, 0.3, 0.2]])[:, None] * np.ones((2, 40_000, 1))
    (cells,) = model(family).synthesize(theta, 1, (2, 40_000), np.random.default_rng(3))
    assert cells.moment.shape == (40_000, 2, 3)
    # the covariates are those of all weights
    assert cells.share.shape == (40_000, 1, len(places))
    which = cells.share[:, 0].argmax(axis=-1)
    np.testing.assert_array_equal(cells.centre, theta.swapaxes(0, 1))
    most = 1 if family == "binomial" else 2
    for weight in range(2):
        label = cells.moment[:, weight, 0]
        np.testing.assert_array_equal(cells.moment[:, weight], label[:, None] * places[which])
        observed, expected = [], []
        for place, (x, p) in enumerate(zip(places, share, strict=True)):
            at = float(mean(family, x @ theta[weight, 0]))
            law: Any = stats.bernoulli(at) if family == "binomial" else stats.poisson(at)
            own = label[which == place]
            observed += [int((own == y).sum()) for y in range(most)] + [int((own >= most).sum())]
            expected += [40_000 * p * law.pmf(y) for y in range(most)]
            expected.append(40_000 * p * law.sf(most - 1))
        assert min(expected) > 20
        assert stats.chisquare(observed, expected).pvalue > P_VALUE


@BOTH
@pytest.mark.parametrize("n", [40, 10**9])
def test_real_sums_have_the_moments_of_rows(family: str, n: int) -> None:
    """Draw sums over n rows: mean and variance of three mixtures of shares and moments."""
    x, y, counts = table(family)
    places, _ = covariates(family)
    (cells,) = model(family).draw(n, (1, 4000), np.random.default_rng(4))
    which = (x[:, None] == places).all(axis=-1).argmax(axis=1)
    rng, p = np.random.default_rng(5), counts / counts.sum()
    for _ in range(3):
        a, b = rng.standard_normal(len(places)), rng.standard_normal(3)
        term = a[which] + y * (x @ b)  # what one row contributes
        average = p @ term
        found = cells.share[:, 0] @ a + cells.moment[:, 0] @ b
        spread = p @ (term - average) ** 2 / n
        assert_mean_and_variance((found - average) / spread**0.5, 0, 1)


@BOTH
@pytest.mark.parametrize("m", [40, 10**9])
def test_synthetic_sums_have_the_moments_of_rows(family: str, m: int) -> None:
    """Draw sums over m rows of two fits: mean and variance of mixtures."""
    places, p = covariates(family)
    theta = np.array([[0.3, -0.4, 0.2], [-0.5, 0.3, 0.2]])[:, None] * np.ones((2, 4000, 1))
    (cells,) = model(family).synthesize(theta, m, (2, 4000), np.random.default_rng(6))
    rng = np.random.default_rng(7)
    for weight in range(2):
        at = places @ theta[weight, 0]
        for _ in range(3):
            a, b = rng.standard_normal(len(places)), rng.standard_normal(3)
            term = a + mean(family, at) * (places @ b)
            average = p @ term
            spread = p @ (term - average) ** 2 + p @ ((places @ b) ** 2 * variance(family, at))
            found = cells.share[:, 0] @ a + cells.moment[:, weight] @ b
            assert_mean_and_variance((found - average) / (spread / m) ** 0.5, 0, 1)
    # given the covariates, labels of different weights are independent
    noise = [
        cells.moment[:, weight, 0]
        - cells.share[:, 0] @ np.asarray(mean(family, places @ theta[weight, 0]))
        for weight in range(2)
    ]
    assert abs(np.corrcoef(*noise)[0, 1]) < Z / 4000**0.5


@BOTH
def test_the_score_is_that_at_the_centre(family: str) -> None:
    it = model(family)
    places, _ = covariates(family)
    theta = it.target + 0.3 * np.random.default_rng(8).standard_normal((2, 5, 3))
    real = it.draw(50, (1, 5), np.random.default_rng(9))
    synthetic = it.synthesize(theta, 50, (2, 5), np.random.default_rng(9))
    for cells in (real[0], synthetic[0]):
        expected = cells.moment - (cells.share * mean(family, cells.centre @ places.T)) @ places
        np.testing.assert_allclose(cells.score, expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(real[0].centre, np.broadcast_to(it.target, (5, 1, 3)))


# --- the fit -------------------------------------------------------------------------------------


class Rows:
    """Rows of a sample, one by one, and the same as counts."""

    def __init__(self, family: str, n: int, rng: np.random.Generator, scale: float = 1.0) -> None:
        places, p = covariates(family)
        which = rng.choice(len(places), n, p=p)
        self.x, self.centre = places[which], scale * rng.standard_normal(3)
        at = np.asarray(mean(family, self.x @ self.centre))
        self.y = rng.poisson(at) if family == "poisson" else (rng.random(n) < at).astype(float)
        share = np.bincount(which, minlength=len(places)) / n
        moment = self.y @ self.x / n
        score = moment - (share * mean(family, places @ self.centre)) @ places
        self.cells = Cells(*(one[None, None] for one in (share, moment, self.centre, score)))


@BOTH
@pytest.mark.parametrize("seed", range(25))
def test_fits_are_those_of_the_rows(family: str, seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    rows = Rows(family, int(rng.integers(8, 400)), rng)
    fit = model(family).fit((rows.cells,))
    assert fit.shape == (1, 1, 3)
    try:
        expected = maximum_likelihood(rows.x, rows.y, family=family)
    except ValueError:  # no maximum, or a covariate that does not vary
        assert np.isnan(fit).all()
    else:
        np.testing.assert_allclose(fit[0, 0], expected, rtol=0, atol=1e-6)


@BOTH
@pytest.mark.parametrize("seed", range(12))
def test_fits_of_mixtures_are_those_of_weighted_rows(family: str, seed: int) -> None:
    rng = np.random.default_rng(200 + seed)
    one, other = (Rows(family, int(rng.integers(20, 80)), rng, scale=0.7) for _ in range(2))
    w = np.array([0.0, 1e-3, 0.3, 0.8, 1.0])[:, None]
    it = model(family)
    fit = it.fit(it.mix([((one.cells,), w), ((other.cells,), 1 - w)]))
    assert fit.shape == (5, 1, 3)
    x, y = np.vstack([one.x, other.x]), np.concatenate([one.y, other.y])
    for share, found in zip(w[:, 0], fit[:, 0], strict=True):
        weight = np.repeat(
            [share / len(one.x), (1 - share) / len(other.x)], [len(one.x), len(other.x)]
        )
        try:
            expected = maximum_likelihood(x, y, family=family, sample_weight=weight)
        except ValueError:
            assert np.isnan(found).all()
        else:
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@BOTH
@pytest.mark.parametrize("centre", [[0.0, 0, 0], [4.0, -3, 5], [-8.0, 2, 1]])
def test_where_a_fit_starts_does_not_matter(family: str, centre: list[float]) -> None:
    it, rng = model(family), np.random.default_rng(10)
    places, _ = covariates(family)
    rows = Rows(family, 60, rng, scale=0.5)
    share, moment = rows.cells.share, rows.cells.moment
    at = np.array(centre)[None, None]
    score = moment - (share * mean(family, at @ places.T)) @ places
    fit = it.fit((Cells(share, moment, at, score),))
    expected = maximum_likelihood(rows.x, rows.y, family=family)
    np.testing.assert_allclose(fit[0, 0], expected, rtol=0, atol=1e-6)


@BOTH
@pytest.mark.parametrize("n", [5, 9, 15, 30])
def test_samples_are_lost_if_and_only_if_they_have_no_maximum(family: str, n: int) -> None:
    it, expected, found = model(family), [], []
    for seed in range(120):
        rows = Rows(family, n, np.random.default_rng([n, seed]), scale=1.5)
        fit = it.fit((rows.cells,))[0, 0]
        assert np.isnan(fit).all() == np.isnan(fit).any()
        found.append(bool(np.isnan(fit).any()))
        undetermined = np.linalg.matrix_rank(rows.x) < 3
        expected.append(bool(undetermined or recedes(it.family, rows.x, rows.y)))
    assert found == expected
    assert n == 30 or any(expected)
    assert not all(expected)


@pytest.mark.parametrize("start", ["target", "zero"])
@pytest.mark.parametrize("overlap", [1.0, 0.1, 0.01])
def test_nearly_separated_labels_keep_their_fit(overlap: float, start: str) -> None:
    side = np.linspace(overlap / 2, 2, 25)
    x = np.column_stack([np.ones(50), np.concatenate([side, -side])])
    y = np.repeat([1.0, 0.0], 25)
    y[[0, 25]] = 0, 1
    it = CountedPopulation(x, y)
    places, which = np.unique(x, axis=0, return_inverse=True)
    share, moment = np.bincount(which.ravel()) / 50, y @ x / 50
    centre = it.target if start == "target" else np.zeros(2)
    score = moment - (share * mean("binomial", places @ centre)) @ places
    cells = Cells(*(one[None, None] for one in (share, moment, centre, score)))
    expected = maximum_likelihood(x, y)
    np.testing.assert_allclose(x @ it.fit((cells,))[0, 0], x @ expected, rtol=0, atol=1e-6)


@BOTH
def test_a_batch_is_fitted_one_by_one(family: str) -> None:
    it = model(family)
    (cells,) = it.draw(8 if family == "binomial" else 4, (1, 80), np.random.default_rng(12))
    together = it.fit((cells,))
    lost = np.isnan(together).any(axis=-1)
    assert 0 < lost.sum() < 80
    for j in range(80):
        parts = (cells.share, cells.moment, cells.centre, cells.score)
        alone = it.fit((Cells(*(one[j : j + 1] for one in parts)),))
        np.testing.assert_allclose(alone[0, 0], together[0, j], rtol=0, atol=1e-7)


# --- the same law as with rows -------------------------------------------------------------------

ROWS = {"binomial": (60, 50), "poisson": (30, 40)}
REPLICATES = 1500


@cache
def last_fits(kind: str, family: str, loop: str) -> np.ndarray:
    """Return the fits of generation 2, lost ones included."""
    it = model(family) if kind == "counted" else plain(family)
    seed = 21 if kind == "counted" else 22
    *_, last = chains(it, LOOPS[loop](*ROWS[family]), steps=2, reps=REPLICATES, seed=seed)
    return np.asarray(last[0])


@BOTH
@ALL_LOOPS
def test_fits_are_distributed_as_with_rows(family: str, loop: str) -> None:
    """Simulates few rows: coefficients and two errors, each in law and in mean."""
    it, found = model(family), []
    for kind in ("counted", "rows"):
        fits = last_fits(kind, family, loop)
        kept = fits[~np.isnan(fits).any(axis=-1)]
        errors = [it.error(kept, metric) for metric in ("theta", "kl")]
        found.append((len(fits) - len(kept), [*kept.T, *errors]))
    (lost, counted), (other_lost, rows) = found
    both = [[lost, REPLICATES - lost], [other_lost, REPLICATES - other_lost]]
    assert lost + other_lost == 0 or stats.fisher_exact(both).pvalue > P_VALUE
    assert lost < REPLICATES / 5
    for one, other in zip(counted, rows, strict=True):
        assert stats.ks_2samp(one, other).pvalue > P_VALUE
        assert abs(one.mean() - other.mean()) < Z * np.hypot(stats.sem(one), stats.sem(other))


@pytest.mark.parametrize("pair", [(0, 1), (1, 2)])
def test_fits_are_correlated_as_with_rows(pair: tuple[int, int]) -> None:
    """Simulates: coefficients of two generations and two weights of the same replicate."""
    found = []
    for it, seed in ((model("binomial"), 23), (plain("binomial"), 24)):
        loop = FreshReal(n=200, m=200, w=[0.3, 0.9])
        fits = [fit for fit in chains(it, loop, steps=2, reps=1500, seed=seed)]
        first, second = fits[pair[0]], fits[pair[1]]
        rows = [np.broadcast_to(one, (2, 1500, 3))[0, :, 1] for one in (first, second)]
        found.append(np.corrcoef(*rows)[0, 1])
    # Fisher's z: its standard error is 1/sqrt(1500 - 3) each, a little more for skewed numbers
    assert abs(np.arctanh(found[0]) - np.arctanh(found[1])) < Z * (2 / 1497) ** 0.5 * 1.2


# --- theory where no term of order 1/n is left ---------------------------------------------------


@BOTH
@ALL_LOOPS
def test_simulations_agree_with_theory(family: str, loop: str) -> None:
    """Simulates 10^7 rows, all metrics and generations; the standard error is about 2 %."""
    it, runs = model(family), LOOPS[loop](10**7, 6 * 10**6)
    result = run(it, runs, steps=3, reps=4000, seed=31, metrics=METRICS)
    assert not result.lost()["lost"].any()
    for metric, theory in it.theory(runs).items():
        path = theory.path(3).reshape(-1)
        for t in range(4):
            found = result.estimate(metric, t=t)
            assert found.standard_error < 0.03 * path[t]
            assert abs(found.value - path[t]) < Z * found.standard_error


@BOTH
def test_fits_to_real_rows_have_the_covariance_of_the_sandwich(family: str) -> None:
    """Simulates 10^8 rows: chi-square tests of whitened fits, to real rows and to synthetic."""
    it, n = model(family), 10**8
    fit = it.fit(it.draw(n, (1, 4000), np.random.default_rng(32)))
    again = it.fit(it.synthesize(fit, n, (1, 4000), np.random.default_rng(33)))
    for noise, covariance in (
        (fit - it.target, it.sandwich),
        (again - fit, it.inverse_information),
    ):
        white = np.linalg.solve(np.linalg.cholesky(covariance / n), noise[0].T)
        assert stats.kstest((white**2).sum(axis=0), stats.chi2(3).cdf).pvalue > P_VALUE
        for row in white:
            assert stats.kstest(row, stats.norm.cdf).pvalue > P_VALUE
        apart = np.corrcoef(white)[np.tril_indices(3, -1)]
        assert abs(apart).max() < Z / 4000**0.5


@BOTH
def test_a_grid_of_weights_agrees_with_theory(family: str) -> None:
    """Simulates 10^8 rows."""
    weights = [0.0, 0.2, 0.6, 1.0]
    it, loop = model(family), FreshReal(n=10**8, m=10**8, w=weights)
    result = run(it, loop, steps=3, reps=3000, seed=34, metrics=METRICS)
    for metric, theory in it.theory(loop).items():
        for w, path in zip(weights, theory.path(3), strict=True):
            found = result.estimate(metric, w=w, t=3)
            assert abs(found.value - path[3]) < Z * found.standard_error


@pytest.mark.parametrize("n", [10**10, 10**14])
def test_very_many_rows(n: int) -> None:
    """Simulates."""
    it, loop = model("binomial"), FreshReal(n=n, m=n, w=0.5)
    result = run(it, loop, reps=2000, seed=35)
    path = it.theory(loop)["theta"].path(2).reshape(-1)
    for t in range(3):
        found = result.estimate("theta", t=t)
        assert abs(found.value - path[t]) < Z * found.standard_error


REAL = {
    "income": (income_model, 2600),
    "doctor visits": (visits_model, 800),
    "affairs": (affairs_model, 900),
}


@pytest.mark.parametrize("name", REAL)
def test_real_tables_agree_with_theory_without_a_linear_chain(name: str) -> None:
    """Simulates 10^10 rows, the errors themselves; an error of 5 % or a little more would be seen.

    Each number is averaged over t = 0, ..., 3 as theory is.
    """
    make, reps = REAL[name]
    it = make()
    loop = FreshReal(n=10**10, m=10**10, w=0.6)
    result = run(it, loop, steps=3, burn_in=0, reps=reps, seed=36, metrics=["theta", "kl"])
    assert not result.lost()["lost"].any()
    for metric in ("theta", "kl"):
        expected = it.theory(loop)[metric].path(3).mean()
        found = result.estimate(metric)
        assert found.standard_error < 0.0175 * expected  # three of them are about 5 %
        # alarms wrongly with probability 5e-4
        assert abs(found.value - expected) < 3.5 * found.standard_error


# --- beside its linear chain ---------------------------------------------------------------------


@BOTH
def test_the_linear_chain_has_the_theory_of_the_table(family: str) -> None:
    it, loop = model(family), FixedReal(n=40, m=30, w=0.4)
    chain = LinearChain(it)
    for metric, theory in it.theory(loop).items():
        assert chain.theory(loop)[metric].path(5) == pytest.approx(theory.path(5), rel=1e-11)


@BOTH
@pytest.mark.parametrize("loop", [FreshReal(n=80, m=60, w=0.4), Accumulate(n=80, m=60)], ids=repr)
def test_the_chain_beside_the_counts_has_its_theory_at_few_rows(family: str, loop: Loop) -> None:
    """Simulates; the theory of the linear chain is exact at every n."""
    it = model(family)
    chain, coupled = LinearChain(it), Linearized(it)
    metrics = {
        metric: lambda fit, metric=metric: chain.error(fit.linear, metric) for metric in METRICS
    }
    result = run(coupled, loop, reps=4000, seed=37, metrics=metrics)
    assert result.lost()["lost"].max() == 0
    for metric in METRICS:
        path = chain.theory(loop)[metric].path(2)
        for t in range(3):
            found = result.estimate(metric, t=t)
            assert abs(found.value - path[..., t].item()) < Z * found.standard_error, (metric, t)


@BOTH
@pytest.mark.parametrize("n", [10**4, 10**6])
def test_the_chain_follows_the_fits_as_closely_as_theory_says(family: str, n: int) -> None:
    it, loop = model(family), FreshReal(n=n, m=n, w=0.5)
    for t, fit in enumerate(chains(Linearized(it), loop, steps=3, reps=300, seed=38)):
        apart = fit.theta - it.target - fit.linear
        spread = ((fit.theta - it.target) ** 2).mean() ** 0.5
        # the fits are of order n^-1/2, the differences of order 1/n
        assert (apart**2).mean() ** 0.5 < 12 * spread / n**0.5, t
        assert spread > 0.3 / n**0.5


@BOTH
@pytest.mark.parametrize("metric", METRICS)
def test_the_settled_error_agrees_with_theory(family: str, metric: str) -> None:
    """Simulates 10^6 rows with a standard error of less than 2 %."""
    it, loop = model(family), FreshReal(n=10**6, m=10**6, w=0.6)
    found = settled_error(it, loop, metric=metric, steps=8, burn_in=4, reps=150, seed=39)
    path = it.theory(loop)[metric].path(8)[..., 4:].mean()
    assert found.standard_error < 0.025 * path
    assert abs(found.value - path) < Z * found.standard_error
    assert found.lost == 0


@BOTH
def test_the_settled_error_agrees_with_a_simulation_at_few_rows(family: str) -> None:
    """Simulates 150 rows, where the error is not yet that of theory, on rows and on counts."""
    loop, options = FreshReal(n=150, m=150, w=0.6), {"steps": 4, "burn_in": 2}
    plainly = run(plain(family), loop, reps=6000, seed=40, metrics=METRICS, **options)
    for metric in METRICS:
        sharp = settled_error(model(family), loop, metric=metric, reps=2000, seed=41, **options)
        other = plainly.estimate(metric)
        noise = np.hypot(sharp.standard_error, other.standard_error)
        assert abs(sharp.value - other.value) < Z * noise
        assert noise < 0.05 * other.value


@BOTH
def test_an_experiment_for_large_samples(family: str) -> None:
    """Simulates 2000 and 4000 rows, extrapolates, and compares with theory; 4 % at most."""
    it = model(family)
    experiment = LargeSampleExperiment(
        it, FreshReal(n=2000, m=1000, w=0.5), "kl", steps=12, burn_in=8, chains=10
    )
    found = experiment.run(seed=42, reps=1000, n_jobs=1)
    expected = it.ratio("kl") * (0.25 + 2 / it.ratio("kl") * 0.25) / 0.75
    assert experiment.theory() == pytest.approx(expected, rel=1e-9)
    assert found.standard_error < 0.01 * expected
    assert abs(found.value - expected) < Z * found.standard_error
    assert (found.reps, found.lost) == (1000, 0)


# --- seeds, workers and lost chains --------------------------------------------------------------


@BOTH
def test_the_same_bits_from_any_number_of_workers(family: str) -> None:
    it, loop = model(family), FreshReal(n=500, m=500, w=np.linspace(0.1, 1, 10))
    reps = 3 * it.cells(1000) // 10
    paths = [run(it, loop, steps=1, reps=reps, n_jobs=jobs).path() for jobs in (1, 2)]
    assert paths[0].equals(paths[1])


def test_seeds() -> None:
    it, loop = model("poisson"), FreshReal(n=50, m=50, w=0.5)
    first, same, other = (run(it, loop, seed=seed).path() for seed in (1, 1, 2))
    assert first.equals(same)
    assert not np.isclose(first["error"], other["error"]).any()


def dummy_table(family: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Return a table of two groups, and its rows without one of which there is no fit."""
    x, counts = np.array([[1.0, 0], [1, 0], [1, 1], [1, 1]]), np.array([60, 40, 6, 4])
    if family == "poisson":
        return x, np.array([0, 2, 0, 3]), counts, [1, 3]  # a count above 0 in either group
    return x, np.array([0, 1, 0, 1]), counts, [0, 1, 2, 3]  # both labels in either group


def chance_of_a_fit(share: np.ndarray, needed: list[int], n: int) -> float:
    """Return the probability that n rows hold all that is needed: inclusion and exclusion."""
    left_out = [one for size in range(len(needed) + 1) for one in combinations(needed, size)]
    return sum((-1) ** len(one) * (1 - share[list(one)].sum()) ** n for one in left_out)


@BOTH
@pytest.mark.parametrize("n", [12, 40])
def test_samples_without_a_maximum_are_lost_as_often_as_they_occur(family: str, n: int) -> None:
    """A binomial test."""
    x, y, counts, needed = dummy_table(family)
    it = CountedPopulation(x, y, family=family, counts=counts)
    fit = it.fit(it.draw(n, (1, 4000), np.random.default_rng(43)))
    lost = int(np.isnan(fit).any(axis=-1).sum())
    chance = chance_of_a_fit(counts / counts.sum(), needed, n)
    assert 0.05 < chance < 0.95
    assert stats.binomtest(lost, 4000, 1 - chance).pvalue > P_VALUE


@BOTH
def test_fits_of_two_groups_are_their_means(family: str) -> None:
    x, y, counts, _ = dummy_table(family)
    it = CountedPopulation(x, y, family=family, counts=counts)
    (cells,) = it.draw(60, (1, 200), np.random.default_rng(44))
    fit = it.fit((cells,))[0]
    both = cells.moment[:, 0, 1] / np.maximum(cells.share[:, 0, 1], 1e-9)
    base = (cells.moment[:, 0, 0] - cells.moment[:, 0, 1]) / cells.share[:, 0, 0]
    kept = ~np.isnan(fit).any(axis=-1)
    assert kept.sum() > 50
    np.testing.assert_allclose(mean(family, fit[kept, 0]), base[kept], rtol=1e-6)
    np.testing.assert_allclose(mean(family, fit[kept].sum(axis=-1)), both[kept], rtol=1e-6)


def test_lost_chains_are_counted_and_left_out() -> None:
    x, y, counts, needed = dummy_table("binomial")
    it = CountedPopulation(x, y, counts=counts)
    with pytest.warns(
        LostReplicatesWarning, match=r"of 400 replicates have a sample without a fit"
    ):
        result = run(it, FreshReal(n=40, m=40, w=[0.3, 1.0]), reps=400, metrics=METRICS)
    lost = result.lost()
    for metric in METRICS:
        path = lost.query("metric == @metric and w == 0.3")["lost"].to_numpy()
        assert (np.diff(path) >= 0).all()  # a lost chain does not come back
        assert result.estimate(metric, w=0.3).reps == 400 - path[-1]
        assert np.isfinite(result.estimate(metric, w=0.3).value)
    chance = chance_of_a_fit(counts / counts.sum(), needed, 40)
    # binomial tests: at w = 1 a chain is real rows, and comes back
    at_one = lost.query("w == 1.0 and metric == 'theta'")["lost"]
    for alone in at_one:
        assert stats.binomtest(int(alone), 400, 1 - chance).pvalue > P_VALUE


@BOTH
def test_a_part_without_weight_takes_no_part_although_it_is_lost(family: str) -> None:
    it, rng = model(family), np.random.default_rng(45)
    real = it.draw(80, (1, 6), rng)
    fit = it.fit(real)
    lost = fit.copy()
    lost[0, 2] = np.nan
    synthetic = it.synthesize(lost, 80, (3, 6), rng)
    assert np.isnan(synthetic[0].score[2]).all()
    w = np.array([1.0, 0.5, 0.0])[:, None]
    found = it.fit(it.mix([(real, w), (synthetic, 1 - w)]))
    np.testing.assert_allclose(found[0], fit[0], rtol=0, atol=1e-7)
    gone = np.isnan(found).any(axis=-1)
    assert gone[1:, 2].all()
    assert gone.sum() == 2


@BOTH
def test_a_lost_chain_touches_no_other(family: str) -> None:
    it = model(family)
    fit = it.target + np.zeros((2, 4, 3))
    lost = fit.copy()
    lost[1, 2] = np.nan
    found = []
    for theta in (fit, lost):
        (cells,) = it.synthesize(theta, 60, (2, 4), np.random.default_rng(46))
        # random numbers follow one another: those of rows before the lost one are the same
        found.append((cells.share, it.fit((cells,))))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    gone = np.isnan(found[1][1]).any(axis=-1)
    assert gone.tolist() == [[False] * 4, [False, False, True, False]]


@pytest.mark.parametrize(("intercept", "lost"), [(20.0, False), (60.0, True), (800.0, True)])
def test_a_chain_whose_counts_are_too_large_is_lost(intercept: float, lost: bool) -> None:
    it = model("poisson")
    theta = np.array([intercept, 0.0, 0.0]) * np.ones((1, 2, 1))
    theta[0, 1] = 0.1
    (cells,) = it.synthesize(theta, 10**6, (1, 2), np.random.default_rng(47))
    fit = it.fit((cells,))
    assert np.isnan(fit[0, 0]).all() == lost
    if not lost:  # counts are of order 5e8: hardly any noise
        np.testing.assert_allclose(fit[0, 0], theta[0, 0], rtol=0, atol=1e-3)
    assert np.isfinite(fit[0, 1]).all()


@pytest.mark.parametrize("intercept", [-40.0, 40.0, 800.0])
def test_certain_labels_are_lost(intercept: float) -> None:
    it = model("binomial")
    theta = np.array([intercept, 0.0, 0.0]) * np.ones((1, 3, 1))
    fit = it.fit(it.synthesize(theta, 10**6, (1, 3), np.random.default_rng(48)))
    assert np.isnan(fit).all()
