"""Regression models: designs, information, theory, metrics, messages, lost replicates.

Only the tests that say so simulate. Each |z| < 4.5 alarms wrongly with probability 7e-6, each
Kolmogorov-Smirnov or binomial test with 1e-4; there are about 150 of the first and 60 of the
second, so that the whole file does with probability of less than 1 %. The seeds are fixed.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit, ndtr

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop
from lib.models import LinearRegression, LogisticRegression, Model, PoissonRegression
from lib.models import _triangular as tri
from lib.models._design import GaussianDesign
from lib.models._irls import BINOMIAL, POISSON
from lib.models.glm import draw_counts
from lib.models.linearized import LinearChain, Linearized
from lib.multilevel import settled_error
from lib.simulate import LostReplicatesWarning, Simulation, simulate
from lib.verify import MOST_LOST, Receipt
from lib.weights import error_ratio, optimal_weight

pytestmark = pytest.mark.filterwarnings("error")

Z, P_VALUE = 4.5, 1e-4


def run(model: Model, loop: Loop, **changed: Any) -> Simulation:
    options: dict[str, Any] = {"steps": 3, "reps": 100, "seed": 1, "progress": False}
    return simulate(model, loop, **options | changed)


def full(packed: np.ndarray, dim: int) -> np.ndarray:
    return np.asarray(tri.unpack(packed, dim))


# --- covariates and labels -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "means",
    [
        [0.0, 0.03, 0.4],
        [2.7, 3.9, 3.2],
        [1.0],
        [1 / 16, 1 / 8, 15.99],
        [15.9, 16.0, 17.0],
        [0.5, 40.0, 20.0],
    ],
    ids=str,
)
def test_counts_of_every_weight_are_poisson(means: list[float]) -> None:
    reps, rows = 20, 10_000
    mean = np.broadcast_to(np.array(means)[:, None], (reps, len(means), rows))
    counts = draw_counts(mean, np.random.default_rng(2))
    for one, drawn in zip(means, counts.swapaxes(0, 1), strict=True):
        edges = np.unique(stats.poisson.ppf(np.linspace(0.001, 0.999, 40), one))
        below = np.array([(drawn <= edge).sum() for edge in edges])
        share = np.diff(stats.poisson.cdf(edges, one), prepend=0, append=1)
        seen = np.diff(below, prepend=0, append=drawn.size)
        if one == 0:
            assert not drawn.any()
            continue
        assert stats.chisquare(seen, share * drawn.size).pvalue > P_VALUE
    # rows do not know of each other
    apart = counts[:, -1] - means[-1]
    assert abs((apart[:, 1:] * apart[:, :-1]).mean()) < Z * means[-1] / (reps * rows) ** 0.5


def test_each_row_has_counts_of_its_own_means() -> None:
    # means far apart, so that counts in a wrong place would be seen
    mean = np.array([0.0, 3.0, 1e3, 1e6]) * np.array([1.0, 4.0])[None, :, None]
    mean = np.concatenate([mean, mean[..., ::-1]])
    counts = draw_counts(mean, np.random.default_rng(3))
    assert (abs(counts - mean) <= 6 * np.sqrt(mean)).all()


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("dim", "n"), [(1, 4), (2, 2), (2, 9), (3, 2), (3, 5), (4, 30)])
def test_gram_matrices_are_those_of_rows(dim: int, n: int, intercept: bool) -> None:
    design, rng = GaussianDesign(dim, intercept), np.random.default_rng(1)
    ours = full(tri.gram(design.gram_factor(n, (1, 4000), rng), dim), dim)[0]
    x = rng.standard_normal((4000, n, dim))
    if intercept:
        x[..., 0] = 1
    theirs = x.swapaxes(-1, -2) @ x
    values = {
        "first": lambda gram: gram[:, 0, 0],
        "off the diagonal": lambda gram: gram[:, -1, 0],
        "last": lambda gram: gram[:, -1, -1],
        "sum": lambda gram: gram.sum(axis=(-1, -2)),
        "size": lambda gram: (gram**2).sum(axis=(-1, -2)),
    }
    for name, value in values.items():
        one, other = value(ours).round(9), value(theirs).round(9)
        assert stats.ks_2samp(one, other).pvalue > P_VALUE, name
    if n < dim:
        assert (np.linalg.matrix_rank(ours, tol=1e-9) == n).all()


@pytest.mark.parametrize("intercept", [False, True])
def test_rows_are_standard_normal(intercept: bool) -> None:
    rows = GaussianDesign(3, intercept).draw(50, 40, np.random.default_rng(2))
    assert rows.shape == (40, 3, 50)
    if intercept:
        assert (rows[:, 0] == 1).all()
        rows = rows[:, 1:]
    assert stats.kstest(rows.ravel(), "norm").pvalue > P_VALUE


# --- information ---------------------------------------------------------------------------------


def turned(vector: Any, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return a random orthogonal matrix, and the turned vector."""
    vector = np.asarray(vector, dtype=float)
    turn = np.asarray(stats.ortho_group(vector.size).rvs(random_state=seed))
    return turn, turn @ vector


def direct_information(constant: float, slopes: np.ndarray, *, intercept: bool) -> np.ndarray:
    """Logistic information, with the integral taken over the linear predictor."""
    length = float(np.linalg.norm(slopes))
    law = stats.norm(constant, length)

    low, high = max(-60, constant - 12 * length), min(60, constant + 12 * length)

    def moment(j: int) -> float:
        def integrand(u: float) -> float:
            return float(expit(u) * expit(-u) * ((u - constant) / length) ** j * law.pdf(u))

        edges = np.linspace(low, high, 9)
        return sum(
            quad(integrand, *ends, epsabs=1e-16, epsrel=1e-11)[0] for ends in pairwise(edges)
        )

    m = [moment(j) for j in range(3)]
    unit = slopes / length
    inner = m[0] * (np.eye(unit.size) - np.outer(unit, unit)) + m[2] * np.outer(unit, unit)
    if not intercept:
        return inner
    return np.block([[np.array([[m[0]]]), m[1] * unit[None]], [m[1] * unit[:, None], inner]])


def close(found: np.ndarray, expected: np.ndarray, relative: float) -> None:
    """Compare matrices, and what theory takes of them: the trace of the inverse."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * abs(expected).max())
    traces = [np.trace(np.linalg.inv(one)) for one in (found, expected)]
    assert traces[0] == pytest.approx(traces[1], rel=relative, abs=0)


@pytest.mark.parametrize("length", [0.01, 1.0, 3.0, 8.0, 20.0, 200.0])
@pytest.mark.parametrize("p", [1, 2, 6])
@pytest.mark.parametrize("constant", [None, 0.0, -2.0])
def test_logistic_information_is_a_direct_integral(
    length: float, p: int, constant: float | None
) -> None:
    _, slopes = turned(np.eye(p)[0] * length) if p > 1 else (None, np.array([length]))
    intercept = constant is not None
    theta = np.append([constant], slopes) if intercept else slopes
    found = LogisticRegression(theta, intercept=intercept).information
    expected = direct_information(constant or 0.0, slopes, intercept=intercept)
    close(found, expected, 1e-9)


@pytest.mark.parametrize("p", range(1, 7))
def test_logistic_information_at_zero_is_a_quarter(p: int) -> None:
    assert LogisticRegression(np.zeros(p)).information == pytest.approx(np.eye(p) / 4, abs=1e-14)
    both = LogisticRegression(np.zeros(p + 1), intercept=True).information
    assert both == pytest.approx(np.eye(p + 1) / 4, abs=1e-14)


def test_logistic_information_of_an_intercept_alone() -> None:
    mean = expit(1.3)
    found = LogisticRegression([1.3], intercept=True).information
    assert found == pytest.approx(np.array([[mean * (1 - mean)]]), abs=1e-14)


@pytest.mark.parametrize("p", range(1, 7))
@pytest.mark.parametrize("length", [0.0, 0.5, 2.0, 4.0])
def test_poisson_information_in_closed_form(p: int, length: float) -> None:
    slopes = np.arange(1.0, p + 1)
    slopes *= length / np.linalg.norm(slopes)
    size = math.exp(length**2 / 2)  # the mean count
    inner = size * (np.eye(p) + np.outer(slopes, slopes))
    close(PoissonRegression(slopes).information, inner, 1e-10)
    found = PoissonRegression([-0.7, *slopes], intercept=True).information
    outer = np.block([[np.array([[size]]), size * slopes[None]], [size * slopes[:, None], inner]])
    close(found, math.exp(-0.7) * outer, 1e-10)


@pytest.mark.parametrize("length", [8.0, 20.0])
def test_long_poisson_coefficients_have_the_right_information_or_are_refused(length: float) -> None:
    try:
        found = PoissonRegression([length, 0.0]).information
    except ValueError:
        return
    expected = math.exp(length**2 / 2) * np.diag([1 + length**2, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("theta", [[1.0, -0.5, 0.2], [2.0, 1.0, 1.0]])
@pytest.mark.parametrize("maker", [LogisticRegression, PoissonRegression])
@pytest.mark.parametrize("intercept", [False, True])
def test_information_is_the_mean_over_rows(maker: Any, theta: list[float], intercept: bool) -> None:
    """A Monte Carlo check: every entry within 4.5 standard errors."""
    theta = [x / 2 for x in theta] if maker is PoissonRegression else theta
    model = maker(theta, intercept=intercept)
    x = np.random.default_rng(4).standard_normal((400_000, 3))
    if intercept:
        x[:, 0] = 1
    predictor = x @ theta
    curvature = np.exp(predictor)
    if maker is LogisticRegression:
        curvature = expit(predictor) * expit(-predictor)
    for i in range(3):
        for j in range(i + 1):
            values = curvature * x[:, i] * x[:, j]
            assert abs(values.mean() - model.information[i, j]) < Z * stats.sem(values)


@pytest.mark.parametrize("maker", [LogisticRegression, PoissonRegression])
@pytest.mark.parametrize("p", [2, 3, 6])
def test_information_turns_with_the_coefficients(maker: Any, p: int) -> None:
    theta = np.linspace(-0.5, 1, p)
    turn, other = turned(theta)
    here, there = maker(theta).information, maker(other).information
    np.testing.assert_allclose(there, turn @ here @ turn.T, rtol=0, atol=1e-11 * here.max())


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("maker", [LogisticRegression, PoissonRegression])
@pytest.mark.parametrize("dim", [1, 2, 4])
def test_information_of_a_batch(maker: Any, dim: int, intercept: bool) -> None:
    rng = np.random.default_rng(5)
    theta = rng.standard_normal((2, 10, dim))
    theta *= 1.5 * rng.random((2, 10, 1)) / np.linalg.norm(theta, axis=-1, keepdims=True)
    theta[0, 0] = 0
    found = maker(theta[0, 1], intercept=intercept).information_at(theta)
    for place in np.ndindex(2, 10):
        one = maker(theta[place], intercept=intercept).information
        # what its fixed rule promises for slopes of length 1.5
        np.testing.assert_allclose(full(found[place], dim), one, rtol=0, atol=1e-6)


def test_information_of_a_lost_chain_is_missing_and_touches_no_other() -> None:
    theta = np.array([[[0.5, 0.5], [np.nan, np.nan], [0.0, 0.0]]])
    found = LogisticRegression([0.5, 0.5]).information_at(theta)
    assert np.isnan(found).all(axis=-1).tolist() == [[False, True, False]]
    np.testing.assert_allclose(full(found[0, 2], 2), np.eye(2) / 4, atol=1e-12)


# --- the numbers of the formula sheet ------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "value"),
    [(LogisticRegression([1, 1]), 0.09558), (PoissonRegression([1, 1]), 0.003032)],
)
def test_scenario_two_at_the_weight_of_the_paper(model: Any, value: float) -> None:
    limit = model.theory(FreshReal(n=100, m=100, w=0.62))["theta"].limit()
    assert limit == pytest.approx(value, rel=2e-4)
    alone = np.trace(np.linalg.inv(model.information)) / 100
    assert limit == pytest.approx(alone * error_ratio(0.62, 1), rel=1e-12)


def test_overdispersed_counts_want_less_weight() -> None:
    model = PoissonRegression([0.5, -0.3], intercept=True, dispersion=1)
    assert model.misspecification == pytest.approx(2.813, abs=5e-4)
    w = np.arange(0.40, 0.70, 1e-4)
    limit = model.theory(FreshReal(n=800, m=800, w=w))["theta"].limit()
    assert w[limit.argmin()] == pytest.approx(0.444, abs=5e-4)
    assert w[limit.argmin()] == pytest.approx(optimal_weight(1 / model.misspecification), abs=1e-4)
    unit = np.trace(np.linalg.inv(model.information)) / 800
    for weight, expected in ((0.45, 1.250), (0.62, 1.433), (0.80, 1.917)):
        value = model.theory(FreshReal(n=800, m=800, w=weight))["theta"].limit()
        assert value / unit == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("model", [LogisticRegression([1, 1]), PoissonRegression([0.5, 1])])
def test_a_right_model_has_the_ratio_one(model: Any) -> None:
    assert model.misspecification == pytest.approx(1, abs=1e-10)
    np.testing.assert_allclose(model.score_covariance, model.information, rtol=1e-10)


@pytest.mark.parametrize("link", ["probit", "cauchit", "cloglog"])
def test_a_wrong_link_has_a_pseudo_truth(link: str) -> None:
    """A Monte Carlo check of the score at the target and of its covariance."""
    inverse: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "probit": ndtr,
        "cauchit": stats.cauchy.cdf,
        "cloglog": lambda u: -np.expm1(-np.exp(u)),
    }
    theta = np.array([0.3, 0.8, -0.4])
    model = LogisticRegression(theta, intercept=True, link=link)
    rng = np.random.default_rng(6)
    x = np.column_stack([np.ones(400_000), rng.standard_normal((400_000, 2))])
    chance, mean = inverse[link](x @ theta), expit(x @ model.target)
    for j in range(3):
        score = (chance - mean) * x[:, j]
        assert abs(score.mean()) < Z * stats.sem(score)
        for i in range(j + 1):
            square = (chance * (1 - mean) ** 2 + (1 - chance) * mean**2) * x[:, i] * x[:, j]
            assert abs(square.mean() - model.score_covariance[i, j]) < Z * stats.sem(square)
    # slopes keep their direction
    assert model.target[1] / model.target[2] == pytest.approx(-2, rel=1e-7)
    assert abs(model.target - theta).max() > 0.01


@pytest.mark.parametrize("link", ["probit", "cauchit", "cloglog"])
def test_labels_follow_their_link(link: str) -> None:
    model = LogisticRegression([0.4], intercept=True, link=link)
    (part,) = model.draw(200, (1, 500), np.random.default_rng(7))
    chance = {"probit": ndtr(0.4), "cauchit": stats.cauchy.cdf(0.4), "cloglog": 0.7750}[link]
    assert stats.binomtest(int(part.y.sum()), part.y.size, chance).pvalue > P_VALUE


def test_counts_have_the_stated_dispersion() -> None:
    model = PoissonRegression([1.0], intercept=True, dispersion=0.7)
    (part,) = model.draw(200, (1, 500), np.random.default_rng(8))
    mean, size = math.e, 1 / 0.7
    law = stats.nbinom(size, size / (size + mean))
    counts = np.bincount(part.y.ravel().astype(int), minlength=13)
    observed = np.append(counts[:12], counts[12:].sum())
    expected = np.append(law.pmf(np.arange(12)), law.sf(11)) * part.y.size
    assert stats.chisquare(observed, expected).pvalue > P_VALUE


@pytest.mark.parametrize("model", [LogisticRegression([0.5, 0]), PoissonRegression([0.5, 0])])
def test_labels_of_every_weight_have_their_own_law(model: Any) -> None:
    """Weights share random numbers, but each has the right means given its covariates."""
    fit = np.array([[[0.9, -0.3]], [[-0.5, 0.2]], [[0.0, 0.1]]]) * np.ones((3, 400, 1))
    (part,) = model.synthesize(fit, 50, (3, 400), np.random.default_rng(9))
    for weight in range(3):
        predictor = (fit[weight, 0] @ part.x).ravel()
        y = part.y[:, weight].ravel()
        mean = model.family.mean(predictor)
        variance = model.family.variance(mean)
        for test in (np.ones_like(predictor), predictor, np.cos(3 * predictor)):
            z = ((y - mean) * test).sum() / np.sqrt((variance * test**2).sum())
            assert abs(z) < Z
        # and the right variances
        spread = (y - mean) ** 2 - variance
        assert abs(spread.mean()) < Z * stats.sem(spread)


# --- linear regression, fixed design -------------------------------------------------------------

X = np.column_stack([np.ones(6), np.arange(6.0)])
FIXED = LinearRegression([1, -2], noise_sd=2.0, design=X)
UNIT = 4 * np.trace(np.linalg.inv(X.T @ X))
FIXED_LOOPS: list[Loop] = [
    FullySynthetic(n=6, m=12),
    Accumulate(n=12, m=6),
    FixedReal(n=6, m=12, w=0.4),
    FreshReal(n=12, m=6, w=0.4),
]


def test_a_fixed_design_has_the_textbook_error() -> None:
    path = FIXED.theory(FreshReal(n=18, m=6, w=0.4))
    assert path["theta"].path(1)[0] == pytest.approx(UNIT / 3, rel=1e-12)
    assert path["kl"].path(1)[0] == pytest.approx(2 / (2 * 18), rel=1e-12)


@pytest.mark.parametrize("loop", FIXED_LOOPS, ids=repr)
def test_a_fixed_design_is_exact_in_every_loop(loop: Loop) -> None:
    assert FIXED.status(loop) == "exact"
    result = run(FIXED, loop, steps=6, reps=20_000, metrics=["theta", "kl"])
    theory = FIXED.theory(loop)
    for metric in ("theta", "kl"):
        for t in (0, 1, 6):
            found = result.estimate(metric, t=t)
            assert abs(found.value - theory[metric].path(6)[t]) < Z * found.standard_error


def test_a_fixed_design_settles_at_the_closed_form() -> None:
    w = np.array([0.1, 0.5, 0.618, 1.0])
    limit = FIXED.theory(FreshReal(n=6, m=12, w=w))
    assert limit["theta"].limit() == pytest.approx(UNIT * error_ratio(w, 0.5), rel=1e-12)
    assert limit["kl"].limit() == pytest.approx(2 / 12 * error_ratio(w, 0.5), rel=1e-12)


def test_the_constant_is_added_to_the_design() -> None:
    other = LinearRegression([1, -2], noise_sd=2.0, design=np.arange(6.0)[:, None], intercept=True)
    loop = FIXED_LOOPS[3]
    assert run(other, loop).path().equals(run(FIXED, loop).path())


@pytest.mark.parametrize(
    ("n", "m", "message"),
    [
        (7, 6, "`n` must be a multiple of the design's 6 rows; got 7"),
        (6, 9, "`m` must be a multiple of the design's 6 rows; got 9"),
        (3, 6, "`n` must be a multiple of the design's 6 rows; got 3"),
    ],
)
def test_every_row_of_a_design_is_observed_equally_often(n: int, m: int, message: str) -> None:
    for call in (FIXED.theory, lambda loop: run(FIXED, loop)):
        with pytest.raises(ValueError, match=f"^{message}$"):
            call(FreshReal(n=n, m=m, w=0.5))


def test_a_model_does_not_change_with_the_design_it_was_made_of() -> None:
    design = X.copy()
    model = LinearRegression([1, -2], noise_sd=2.0, design=design)
    design[:] = 7
    assert run(model, FIXED_LOOPS[0]).path().equals(run(FIXED, FIXED_LOOPS[0]).path())


# --- linear regression, random design ------------------------------------------------------------


def one_covariate(n: int, m: int, w: float) -> tuple[float, float]:
    """Return a and c for one covariate: the share of one sum of squares has a beta law."""
    law = stats.beta(n / 2, m / 2)

    def mean(f: Callable[[float], float]) -> float:
        return float(quad(lambda b: f(b) * law.pdf(b), 0, 1, epsabs=0, epsrel=1e-11, limit=200)[0])

    def gram(b: float) -> float:
        return w * b / n + (1 - w) * (1 - b) / m

    kept = mean(lambda b: ((1 - w) * (1 - b) / m / gram(b)) ** 2)
    noise = mean(lambda b: (w**2 * b / n**2 + (1 - w) ** 2 * (1 - b) / m**2) / gram(b) ** 2)
    return noise / (n + m - 2), kept  # 1 / sum of squares, which does not depend on the share


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 20), (20, 4), (100, 100), (5, 1)])
def test_one_covariate_is_a_beta_integral(n: int, m: int) -> None:
    w = np.array([0.05, 0.3, 0.618, 0.95])
    found = LinearRegression([2.0]).one_step(FreshReal(n=n, m=m, w=w))
    assert found.standard_error < 2e-3
    for i, weight in enumerate(w):
        noise, kept = one_covariate(n, m, float(weight))
        # a t-distribution with 15 degrees of freedom is beyond 7 with probability 4e-6
        assert abs(found.noise[i, 0] / noise - 1) < 7 * found.standard_error + 1e-10
        assert abs(found.kept[i, 0, 0] / kept - 1) < 7 * found.standard_error + 1e-10


def pooled(n: int, m: int, p: int) -> tuple[float, float]:
    """Return a and c at the naive weight, where all rows count the same, in closed form.

    With S~ = T B T', T T' = X'X + X~'X~ a Wishart matrix with N = n + m degrees of freedom and B
    an independent matrix beta variable: E B_ij B_kl = g d_ij d_kl + h (d_ik d_jl + d_il d_jk).
    Two moments of S~ give g and h, and c is E tr(B M B M^-1) / p with M = T'T.
    """
    total = n + m

    def square(df: int) -> float:  # E W^2 and E tr(W) W are these times the identity
        return df * (df + 1 + p)

    def traced(df: int) -> float:
        return df**2 * p + 2 * df

    # E S~^2 = (g + h) E W^2 + h E tr(W) W, and E tr(S~) S~ = g E tr(W) W + 2 h E W^2
    system = [[square(total), square(total) + traced(total)], [traced(total), 2 * square(total)]]
    g, h = np.linalg.lstsq(system, [square(m), traced(m)])[0]  # p = 1: only g + 2 h matters
    return p / (total - p - 1), g + h + h * (total * p - 2) / (total - p - 1)


@pytest.mark.parametrize("p", [1, 2, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(8, 8), (12, 6), (30, 200)])
def test_the_naive_weight_in_closed_form(n: int, m: int, p: int) -> None:
    found = LinearRegression(np.ones(p)).one_step(FreshReal(n=n, m=m, w=n / (n + m)))
    noise, kept = pooled(n, m, p)
    assert found.standard_error < 1e-3
    assert abs(found.noise[0, 0] / noise - 1) < 7 * found.standard_error
    assert abs(found.kept[0, 0, 0] / kept - 1) < 7 * found.standard_error
    if p == 1:
        assert one_covariate(n, m, n / (n + m)) == pytest.approx((noise, kept), rel=1e-9)


@pytest.mark.parametrize("p", [1, 2, 4])
def test_one_kind_of_rows_alone_in_closed_form(p: int) -> None:
    n, m = 12, 9
    found = LinearRegression(np.ones(p)).one_step(FreshReal(n=n, m=m, w=[0.0, 1.0]))
    assert found.noise[:, 0].tolist() == pytest.approx([p / (m - p - 1), p / (n - p - 1)])
    assert found.kept[:, 0, 0].tolist() == [1.0, 0.0]
    synthetic = LinearRegression(np.ones(p), noise_sd=3.0).theory(FullySynthetic(n=n, m=m))
    expected = 9 * (p / (n - p - 1) + np.arange(5) * p / (m - p - 1))
    assert synthetic["theta"].path(4) == pytest.approx(expected, rel=1e-12)


def test_one_kind_of_rows_alone_with_an_intercept() -> None:
    # given z, the variance of the intercept is 1/n + zbar' W^-1 zbar, W with n - 1 degrees
    n, m, slopes = 12, 9, 2
    found = LinearRegression([0, 1, 1], intercept=True).one_step(FreshReal(n=n, m=m, w=[0.0, 1.0]))
    for rows, noise in zip((m, n), found.noise, strict=True):
        each = 1 / (rows - 1 - slopes - 1)
        constant = 1 / rows + slopes / rows * each
        assert noise.tolist() == pytest.approx([constant + slopes * each, constant])


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("w", [1e-6, 1 - 1e-6])
def test_the_constants_are_continuous_at_the_ends(w: float, intercept: bool) -> None:
    model = LinearRegression([1.0, 0.5, 0.5], intercept=intercept)
    near = model.one_step(FreshReal(n=15, m=14, w=w))
    end = model.one_step(FreshReal(n=15, m=14, w=round(w)))
    tolerance = 7 * near.standard_error + 1e-4
    np.testing.assert_allclose(near.noise, end.noise, rtol=tolerance)
    np.testing.assert_allclose(near.kept, end.kept, rtol=0, atol=tolerance)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("p", [1, 3])
def test_the_asymptotic_theory_is_the_limit_of_the_exact_one(p: int, intercept: bool) -> None:
    model = LinearRegression(np.ones(p), noise_sd=0.5, intercept=intercept)
    w, gaps = np.array([0.2, 0.618, 0.9]), []
    for n in (10**3, 10**5):
        loop = FreshReal(n=n, m=2 * n, w=w)
        limit = model.asymptotic_theory(loop)["theta"].limit()
        assert n * limit == pytest.approx(p / 4 * error_ratio(w, 0.5), rel=1e-12)
        gaps.append(model.theory(loop)["theta"].limit() / limit - 1)
    # of order 1/n, times a few p
    assert (abs(gaps[0]) < 10 * p / 10**3).all()
    assert (abs(gaps[1]) <= abs(gaps[0]) / 50 + 1e-13).all()  # an intercept alone has no gap


RANDOM = [
    (LinearRegression([1.0]), FreshReal(n=9, m=3, w=0.5)),
    (LinearRegression([1.0, -1.0], noise_sd=0.5), FreshReal(n=10, m=8, w=0.3)),
    (LinearRegression([1.0, -1.0, 2.0]), FullySynthetic(n=14, m=12)),
    (LinearRegression([3.0], intercept=True), FreshReal(n=8, m=5, w=0.6)),
    (LinearRegression([3.0, 1.0], intercept=True), FreshReal(n=10, m=8, w=0.6)),
    (LinearRegression([3.0, 1.0, -1.0], intercept=True), FreshReal(n=12, m=12, w=0.3)),
    (LinearRegression([3.0, 1.0], intercept=True), FullySynthetic(n=11, m=12)),
]


def against_theory(model: LinearRegression, loop: Loop, *, reps: int = 40_000) -> None:
    assert model.status(loop) == "exact"
    result = run(model, loop, steps=5, reps=reps, metrics=["theta", "kl"])
    for metric in ("theta", "kl"):
        predicted = model.theory(loop)[metric].path(5)
        for t in (0, 1, 5):
            found = result.estimate(metric, t=t)
            assert abs(found.value - predicted[t]) < Z * found.standard_error, (metric, t)


@pytest.mark.parametrize(("model", "loop"), RANDOM, ids=repr)
def test_a_random_design_is_exact_for_few_rows(model: LinearRegression, loop: Loop) -> None:
    against_theory(model, loop)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("dim", "m"), [(1, 2), (2, 1), (2, 3), (3, 1), (3, 2), (3, 4), (4, 3)])
def test_few_synthetic_rows(dim: int, m: int, intercept: bool) -> None:
    """Real rows determine the fit, so that synthetic rows need not."""
    model = LinearRegression(np.ones(dim), intercept=intercept)
    against_theory(model, FreshReal(n=dim + 9, m=m, w=0.6), reps=20_000)


def test_a_grid_of_weights_is_each_weight_on_its_own() -> None:
    model = LinearRegression([1.0, 2.0], intercept=True)
    w = [0.0, 0.3, 1.0]
    together = model.theory(FreshReal(n=9, m=9, w=w))
    for metric in ("theta", "kl"):
        each = [model.theory(FreshReal(n=9, m=9, w=one))[metric] for one in w]
        path = np.stack([recursion.path(4) for recursion in each])
        assert together[metric].path(4) == pytest.approx(path, rel=1e-12)
        assert together[metric].limit() == pytest.approx([one.limit() for one in each], rel=1e-12)
        assert isinstance(each[1].limit(), float)


@pytest.mark.parametrize("loop", [FixedReal(n=9, m=9, w=0.5), Accumulate(n=9, m=9)], ids=repr)
def test_a_random_design_that_stays_has_no_exact_theory(loop: Loop) -> None:
    model = LinearRegression([1.0, 2.0])
    assert model.status(loop) == "asymptotic"
    assert model.theory(loop)["theta"].path(3) == pytest.approx(
        model.asymptotic_theory(loop)["theta"].path(3), rel=1e-15
    )
    with pytest.raises(ValueError, match=r"^`loop` must be one with new random designs at every "):
        model.one_step(loop)


def test_the_error_of_a_random_design_is_that_of_its_covariates_spread() -> None:
    # 10^9 rows: nearly normal errors of variance 1/n, and no more work
    model = LinearRegression([1.0, 2.0])
    found = run(model, FreshReal(n=10**9, m=10**9, w=0.5), steps=1, reps=4000).estimate(
        "theta", t=0
    )
    assert abs(found.value - 2e-9) < Z * found.standard_error


@pytest.mark.parametrize("model", [FIXED, LinearRegression([1.0, -2.0], noise_sd=2.0)], ids=repr)
def test_errors_scale_with_the_noise_bit_by_bit(model: LinearRegression) -> None:
    def path(sd: float) -> np.ndarray:
        other = LinearRegression(np.zeros(2), noise_sd=sd, design=model.design)
        return run(other, FIXED_LOOPS[3]).path()["error"].to_numpy()

    assert path(2.0).tolist() == (4 * path(1.0)).tolist()


# --- the Kullback-Leibler divergence -------------------------------------------------------------


def plane(f: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return E f(x) for x ~ N(0, identity) in two dimensions, on a grid in no special direction."""
    nodes, weights = hermegauss(100)
    weights = weights / weights.sum()
    x = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1)
    return float(np.einsum("i,j,ij->", weights, weights, f(x)))


def bernoulli(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


FIT = np.array([0.7, -1.1])


def divergence(model: Any, fit: np.ndarray) -> float:
    found = model.error(fit[None, None], "kl")
    assert found.shape == (1, 1)
    return float(found[0, 0])


def test_divergence_of_linear_regressions() -> None:
    # of two normal laws with means x'theta and x'fit, averaged over rows
    gap = np.array([1, -2]) - FIT
    fixed = np.mean([(row @ gap) ** 2 / (2 * 4.0) for row in X])
    assert divergence(FIXED, FIT) == pytest.approx(fixed, rel=1e-12)
    model = LinearRegression([1, -2], noise_sd=2.0)
    assert divergence(model, FIT) == pytest.approx(plane(lambda x: (x @ gap) ** 2 / 8), rel=1e-12)


def test_divergence_of_logistic_regressions() -> None:
    theta = np.array([0.5, 0.9])
    expected = plane(lambda x: bernoulli(expit(x @ theta), expit(x @ FIT)))
    assert divergence(LogisticRegression(theta), FIT) == pytest.approx(expected, abs=1e-9)
    model = LogisticRegression([0.3, *theta], intercept=True)
    expected = plane(lambda x: bernoulli(expit(0.3 + x @ theta), expit(0.1 + x @ FIT)))
    assert divergence(model, np.array([0.1, *FIT])) == pytest.approx(expected, abs=1e-9)


def test_divergence_of_poisson_regressions() -> None:
    theta = np.array([0.5, 0.9])

    def poisson(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.exp(one) * (one - other) - np.exp(one) + np.exp(other)

    expected = plane(lambda x: poisson(x @ theta, x @ FIT))
    assert divergence(PoissonRegression(theta), FIT) == pytest.approx(expected, rel=1e-9)
    model = PoissonRegression([0.3, *theta], intercept=True)
    expected = plane(lambda x: poisson(0.3 + x @ theta, 0.1 + x @ FIT))
    assert divergence(model, np.array([0.1, *FIT])) == pytest.approx(expected, rel=1e-9)


def test_divergence_of_a_wrong_model_is_the_likelihood_that_is_lost() -> None:
    theta = np.array([0.5, 0.9])
    model = LogisticRegression(theta, link="probit")

    def loss(x: np.ndarray) -> np.ndarray:
        def likelihood(at: np.ndarray) -> np.ndarray:
            return ndtr(x @ theta) * (x @ at) - np.logaddexp(0, x @ at)

        return likelihood(model.target) - likelihood(FIT)

    assert divergence(model, FIT) == pytest.approx(plane(loss), abs=1e-9)


MODELS: list[Any] = [
    FIXED,
    LinearRegression([0.5, -1], noise_sd=0.5, intercept=True),
    LogisticRegression([0.5, 0.9]),
    LogisticRegression([0.2, 0.9], intercept=True, link="cauchit"),
    PoissonRegression([0.5, 0.9]),
    PoissonRegression([0.2, 0.9], intercept=True, dispersion=0.5),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_divergence_is_zero_at_the_target_and_nowhere_else(model: Any) -> None:
    assert divergence(model, model.target) == pytest.approx(0, abs=1e-14)
    for step in ([0.1, 0], [0, 0.1], [-0.1, 0.1]):
        assert divergence(model, model.target + step) > 1e-4


@pytest.mark.parametrize("model", MODELS[1:], ids=repr)
def test_divergence_is_half_the_information_nearby(model: Any) -> None:
    step = np.array([1e-3, -2e-3])
    information = np.eye(2) / 0.25 if isinstance(model, LinearRegression) else model.information
    expected = step @ information @ step / 2
    assert divergence(model, model.target + step) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_errors_of_lost_chains_are_missing(model: Any) -> None:
    fit = np.full((2, 3, 2), np.nan)
    fit[1, 2] = model.target
    for metric in ("theta", "kl"):
        error = model.error(fit, metric)
        assert np.isnan(error).tolist() == [[True] * 3, [True, True, False]]


@pytest.mark.parametrize("model", MODELS[2:], ids=repr)
def test_units_of_the_asymptotic_theory(model: Any) -> None:
    inverse = np.linalg.inv(model.information)
    real = inverse @ model.score_covariance @ inverse
    loop = FreshReal(n=300, m=100, w=0.4)
    for metric, form in (("theta", np.eye(2)), ("kl", model.information / 2)):
        a, b = np.trace(form @ real) / 300, np.trace(form @ inverse) / 100
        expected = (0.4**2 * a + 0.6**2 * b) / (0.4 * 1.6)
        assert model.theory(loop)[metric].limit() == pytest.approx(expected, rel=1e-10)
        assert model.theory(loop)[metric].path(1)[0] == pytest.approx(a, rel=1e-10)
    assert model.status(loop) == "asymptotic"


@pytest.mark.parametrize("loop", FIXED_LOOPS, ids=repr)
def test_fits_are_near_their_theory_for_many_rows(loop: Loop) -> None:
    """Not a sharp test, which `lib.claims` has: all loops, and the first term of an expansion."""
    loop = replace(loop, n=1000, m=1000)
    for model in MODELS[2:]:
        result = run(model, loop, steps=3, reps=500, metrics=["theta", "kl"])
        for metric in ("theta", "kl"):
            found, predicted = result.estimate(metric, t=3), model.theory(loop)[metric].path(3)[3]
            # terms of order 1/n: a few per cent at most
            allowed = Z * found.standard_error + 0.05 * predicted
            assert abs(found.value - predicted) < allowed, (model, metric)


# --- the linear chain ----------------------------------------------------------------------------


def linear_error(chain: LinearChain, metric: str) -> Callable[[Any], np.ndarray]:
    return lambda fit: chain.error(fit.linear, metric)


@pytest.mark.parametrize(
    ("model", "loop"),
    [
        (PoissonRegression([0.3, 0.4]), FreshReal(n=20, m=15, w=0.4)),
        (PoissonRegression([0.8, 0.4], intercept=True), FullySynthetic(n=30, m=25)),
        (PoissonRegression([0.5], dispersion=1), FreshReal(n=20, m=20, w=0.6)),
        (LogisticRegression([0.3, 0.4]), FreshReal(n=40, m=30, w=0.5)),
        (LogisticRegression([0.3, 0.6], intercept=True), Accumulate(n=40, m=40)),
        (LogisticRegression([0.3, 0.4], link="cauchit"), FixedReal(n=40, m=40, w=0.4)),
    ],
    ids=repr,
)
def test_the_chain_beside_a_fit_has_the_error_of_the_chain_alone(model: Any, loop: Loop) -> None:
    """Exactly, whatever n is: its noise has the right covariance given the past."""
    chain, coupled = LinearChain(model), Linearized(model)
    metrics = {metric: linear_error(chain, metric) for metric in ("theta", "kl")}
    result = run(coupled, loop, steps=4, reps=6000, metrics=metrics)
    assert result.lost()["lost"].max() == 0
    for metric in ("theta", "kl"):
        predicted = chain.theory(loop)[metric].path(4)
        for t in (0, 1, 4):
            found = result.estimate(metric, t=t)
            assert abs(found.value - predicted[t]) < Z * found.standard_error, (metric, t)


@pytest.mark.parametrize("loop", FIXED_LOOPS, ids=repr)
def test_the_chain_alone_has_its_theory(loop: Loop) -> None:
    model = PoissonRegression([0.5, -0.3], intercept=True, dispersion=1)
    chain = LinearChain(model)
    assert chain.status(loop) == "exact"
    result = run(chain, loop, steps=4, reps=20_000)
    for metric in ("theta", "kl"):
        predicted = chain.theory(loop)[metric].path(4)
        assert predicted == pytest.approx(model.theory(loop)[metric].path(4), rel=1e-12)
        for t in (0, 1, 4):
            found = result.estimate(metric, t=t)
            assert abs(found.value - predicted[t]) < Z * found.standard_error, (metric, t)


@pytest.mark.parametrize("model", [LogisticRegression([0.5, -0.5]), PoissonRegression([0.5, -0.5])])
def test_the_difference_from_the_chain_shrinks_like_one_over_n(model: Any) -> None:
    """In units of the error itself; the next term of the expansion is of order 1/n^2."""
    near, far = 60, 240
    estimates = {}
    for n in (near, far):
        loop = FreshReal(n=n, m=n, w=0.6)
        result = run(Linearized(model), loop, steps=4, burn_in=1, reps=8000)
        for metric in ("theta", "kl"):
            scale, found = n / model.theory(loop)[metric].limit(), result.estimate(metric)
            estimates[metric, n] = scale * found.value, scale * found.standard_error
    for metric in ("theta", "kl"):
        (one, noise), (other, more) = estimates[metric, near], estimates[metric, far]
        # n times the difference settles: up to its own 1/n, here 1/4, and noise
        allowed = Z * math.hypot(noise, more) + abs(one) / 4
        assert abs(one - other) < allowed
        # a difference of order 1/sqrt(n), twice as large at the second size, would be seen
        assert allowed < 0.7 * abs(one)


def test_errors_of_the_coupled_model_are_differences() -> None:
    model = PoissonRegression([0.5, -0.5])
    coupled, chain, rng = Linearized(model), LinearChain(model), np.random.default_rng(10)
    fit = coupled.fit(coupled.draw(50, (1, 20), rng))
    for metric in ("theta", "kl"):
        expected = model.error(fit.theta, metric) - chain.error(fit.linear, metric)
        np.testing.assert_allclose(coupled.error(fit, metric), expected, rtol=1e-12)
    # the fits are those of the model itself, on the same rows
    alone = model.fit(model.draw(50, (1, 20), np.random.default_rng(10)))
    np.testing.assert_array_equal(fit.theta, alone)
    # and the chain follows them closely
    assert np.corrcoef(fit.theta[0, :, 0], fit.linear[0, :, 0])[0, 1] > 0.8


def test_the_chain_has_no_other_metric() -> None:
    chain = LinearChain(LogisticRegression([1.0]))
    with pytest.raises(ValueError, match=r"^`metric` must be one of \['theta', 'kl'\]; got 'mean'"):
        chain.error(np.zeros((1, 1, 1)), "mean")


# --- lost replicates -----------------------------------------------------------------------------

SEPARATING = LogisticRegression([1.0, 1.0])
LOSING: list[Loop] = [
    FullySynthetic(n=10, m=10),
    FreshReal(n=8, m=8, w=[0.3, 0.6]),
    FixedReal(n=10, m=8, w=0.5),
    Accumulate(n=8, m=8),
]


@pytest.mark.parametrize("loop", LOSING, ids=repr)
def test_lost_replicates_are_counted_and_left_out(loop: Loop) -> None:
    caught: list[np.ndarray] = []

    def catch(fit: np.ndarray) -> np.ndarray:
        caught.append(np.array(np.broadcast_to(fit, (np.size(loop.grid), *fit.shape[1:]))))
        return SEPARATING.error(fit, "theta")

    steps, burn_in, reps = 4, 2, 300
    with pytest.warns(LostReplicatesWarning, match=r"^\d+ of 300 replicates have a sample without"):
        result = run(
            SEPARATING, loop, steps=steps, burn_in=burn_in, reps=reps, metrics={"theta": catch}
        )
    fits = np.stack(caught, axis=1)  # weights, generations, replicates, d
    gone = np.isnan(fits).any(axis=-1)
    assert (np.isnan(fits).all(axis=-1) == gone).all()
    assert (gone[:, 1:] >= gone[:, :-1]).all(), "a lost chain stays lost"
    assert 0 < gone[:, -1].sum() < gone[:, -1].size
    table = result.lost()
    assert table.columns.tolist() == ["metric", "w", "t", "lost"]
    assert table["lost"].tolist() == gone.sum(axis=-1).ravel().tolist()
    # averages are those of the survivors
    error = ((fits - 1) ** 2).sum(axis=-1)
    path, summary = result.path(), result.summary()
    np.testing.assert_allclose(
        path["error"].to_numpy(), np.nanmean(error, axis=-1).ravel(), rtol=1e-12
    )
    np.testing.assert_allclose(
        path["standard_error"].to_numpy(),
        stats.sem(error, axis=-1, nan_policy="omit").ravel(),
        rtol=1e-11,
    )
    steady = error[:, burn_in:].mean(axis=1)  # only of those that live to the end
    np.testing.assert_allclose(
        summary["error"].to_numpy(), np.nanmean(steady, axis=-1).ravel(), rtol=1e-12
    )
    weight = None if loop.grid is None else float(loop.grid[0])
    for t in (0, 2, None):
        found = result.estimate("theta", w=weight, t=t)
        missing = int(gone[0, -1 if t is None else t].sum())
        assert (found.lost, found.reps) == (missing, reps - missing)


def test_lost_replicates_do_not_depend_on_the_number_of_workers() -> None:
    loop = FreshReal(n=8, m=8, w=np.linspace(0.2, 0.9, 16))
    chunk = SEPARATING.cells(loop.rows(3)) // 16
    with pytest.warns(LostReplicatesWarning):
        one = run(SEPARATING, loop, reps=chunk + 100)
    with pytest.warns(LostReplicatesWarning):
        two = run(SEPARATING, loop, reps=chunk + 100, n_jobs=2)
    for table in ("path", "summary", "lost"):
        assert getattr(one, table)().equals(getattr(two, table)())
    assert one.lost()["lost"].max() > 0


def test_a_warning_says_how_many_at_the_worst_weight() -> None:
    with pytest.warns(LostReplicatesWarning) as record:
        result = run(SEPARATING, LOSING[1], reps=400)
    assert len(record) == 1
    most = result.lost()["lost"].max()
    assert str(record[0].message).startswith(f"{most} of 400 replicates ")
    assert "`Simulation.lost`" in str(record[0].message)
    assert record[0].filename == __file__.replace(".pyc", ".py")


def test_nothing_is_lost_without_separation() -> None:
    result = run(LogisticRegression([0.5]), FreshReal(n=200, m=200, w=0.5), reps=50)
    assert result.lost()["lost"].tolist() == [0] * 4


def test_if_everything_is_lost_the_error_is_missing() -> None:
    # coefficients so long that labels are the sign of a predictor: separated always
    model = LogisticRegression([1e6])
    with pytest.warns(LostReplicatesWarning, match=r"^50 of 50 replicates"):
        result = run(model, FreshReal(n=5, m=5, w=[0.3, 0.6]), reps=50)
    assert result.path()["error"].isna().all()
    assert result.path()["standard_error"].isna().all()
    assert result.summary()["error"].isna().all()
    assert (result.lost()["lost"] == 50).all()
    found = result.estimate("theta", w=0.3)
    assert math.isnan(found.value)
    assert (found.reps, found.lost) == (0, 50)


def test_a_chain_of_counts_beyond_all_bounds_is_lost() -> None:
    model, rng = PoissonRegression([0.5, 0.5]), np.random.default_rng(11)
    fit = np.array([[[0.5, 0.5], [40.0, 0.0]], [[20.0, 20.0], [0.3, 0.1]]])
    again = model.fit(model.synthesize(fit, 30, (2, 2), rng))
    assert np.isnan(again).all(axis=-1).tolist() == [[False, True], [True, False]]
    assert np.isnan(again).any(axis=-1).tolist() == [[False, True], [True, False]]


def test_poisson_chains_without_real_rows_die_out_and_are_counted() -> None:
    # all counts become zero sooner or later, and then there is no fit
    model = PoissonRegression([0.0], intercept=True)
    with pytest.warns(LostReplicatesWarning):
        result = run(model, FullySynthetic(n=6, m=6), steps=60, reps=200)
    lost = result.lost()["lost"].to_numpy()
    assert (np.diff(lost) >= 0).all()
    assert lost[-1] > 150


@pytest.mark.parametrize(("lost", "verdict"), [(0, "confirmed"), (10, "confirmed"), (11, None)])
def test_a_receipt_with_many_lost_is_inconclusive(lost: int, verdict: str | None) -> None:
    def receipt(estimate: float) -> Receipt:
        return Receipt(
            claim="made-up",
            status="exact",
            statement="a number is 1",
            predicted=1.0,
            estimate=estimate,
            standard_error=0.001,
            reps=10_000,
            seed=1,
            resolution=0.02,
            lost=lost,
        )

    assert MOST_LOST == 1e-3
    assert receipt(1.0).verdict == (verdict or "inconclusive")
    assert receipt(1.1).verdict == ("refuted" if verdict else "inconclusive")
    assert ("lost" in str(receipt(1.0))) == (lost > 0)
    assert receipt(1.0).to_dict()["lost"] == lost


# --- messages ------------------------------------------------------------------------------------

THETA = [
    ([], "a vector of at least one number"),
    ([[1.0]], "a vector of at least one number"),
    ([math.nan], "a vector of finite numbers"),
    ([1.0, math.inf], "a vector of finite numbers"),
    ("one", "a vector of finite numbers"),
    (None, "a vector of finite numbers"),
]
MAKERS: list[Any] = [LinearRegression, LogisticRegression, PoissonRegression]


def refused(call: Callable[[], Any], name: str, allowed: str, value: Any) -> None:
    shown = repr(value)
    message = f"`{name}` must be {allowed}; got {shown[:77] + '...' * (len(shown) > 77)}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(("theta", "allowed"), THETA)
def test_what_is_not_a_vector_of_coefficients(maker: Any, theta: Any, allowed: str) -> None:
    refused(lambda: maker(theta), "theta", allowed, theta)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("value", [1, 0, None, "yes", 1.0])
def test_an_intercept_is_there_or_not(maker: Any, value: Any) -> None:
    refused(lambda: maker([1.0, 1.0], intercept=value), "intercept", "True or False", value)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "1", None])
def test_what_is_not_a_standard_deviation(value: Any) -> None:
    refused(
        lambda: LinearRegression([1.0], noise_sd=value),
        "noise_sd",
        "finite and greater than 0",
        value,
    )


def test_noise_has_one_standard_deviation() -> None:
    refused(
        lambda: LinearRegression([1.0], noise_sd=[1.0]),  # type: ignore[arg-type]
        "noise_sd",
        "a single number",
        [1.0],
    )


@pytest.mark.parametrize(
    ("design", "intercept", "allowed"),
    [
        ([[1.0]], False, "a matrix with 2 columns, as `theta` says"),
        ([1.0, 2.0], False, "a matrix with 2 columns, as `theta` says"),
        (np.zeros((0, 2)), False, "a matrix with 2 columns, as `theta` says"),
        ([[1.0, 2.0], [0.0, 1.0]], True, "a matrix with 1 column, as `theta` says"),
        ([[1.0, math.nan], [0.0, 1.0]], False, "a matrix of finite numbers"),
        ([[1.0], [0.0, 1.0]], False, "a matrix of finite numbers"),
        ("design", False, "a matrix of finite numbers"),
    ],
)
def test_what_is_not_a_design(design: Any, intercept: bool, allowed: str) -> None:
    refused(
        lambda: LinearRegression([1.0, 1.0], design=design, intercept=intercept),
        "design",
        allowed,
        design,
    )


@pytest.mark.parametrize(
    ("design", "intercept"),
    [
        ([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], False),
        ([[1.0, 2.0]], False),
        ([[0.0, 1.0], [0.0, 2.0]], False),
        ([[3.0], [3.0], [3.0]], True),
        ([[1e-9, 1e9], [2e-9, 2e9], [3e-9, 3e9]], False),
    ],
)
def test_a_design_has_independent_columns(design: Any, intercept: bool) -> None:
    with pytest.raises(ValueError, match=r"^`design` must be of full column rank; got "):
        LinearRegression([1.0, 1.0], design=design, intercept=intercept)


def test_units_of_the_columns_do_not_make_a_design_singular() -> None:
    units = np.array([1e-9, 1e9])
    model = LinearRegression([1.0, 1.0], design=X * units)
    kl = model.theory(FreshReal(n=6, m=6, w=0.5))["kl"].limit()
    assert kl == pytest.approx(2 / 12 * error_ratio(0.5, 1), rel=1e-12)
    found = run(model, FreshReal(n=6, m=6, w=0.5), reps=5000, metrics=["kl"]).estimate("kl", t=0)
    assert abs(found.value - 2 / 12) < Z * found.standard_error


@pytest.mark.parametrize("link", ["log", "", None, 5, "Logit", ["logit"]])
def test_an_unknown_link(link: Any) -> None:
    refused(
        lambda: LogisticRegression([1.0], link=link),
        "link",
        "one of logit, probit, cauchit, cloglog",
        link,
    )


@pytest.mark.parametrize("value", [-1, -1e-9, math.nan, math.inf, "1", None])
def test_what_is_not_a_dispersion(value: Any) -> None:
    refused(
        lambda: PoissonRegression([1.0], dispersion=value),
        "dispersion",
        "finite and at least 0",
        value,
    )


def test_counts_have_one_dispersion() -> None:
    refused(
        lambda: PoissonRegression([1.0], dispersion=[1.0]),  # type: ignore[arg-type]
        "dispersion",
        "a single number",
        [1.0],
    )


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("metric", ["mean", "", None, 5, ["theta"]])
def test_an_unknown_metric(model: Any, metric: Any) -> None:
    refused(
        lambda: model.error(model.target[None, None], metric), "metric", "'theta' or 'kl'", metric
    )


@pytest.mark.parametrize("metric", ["mean", None, ["theta"]])
def test_an_unknown_metric_of_the_coupled_model(metric: Any) -> None:
    model = PoissonRegression([0.5])
    coupled = Linearized(model)
    fit = coupled.fit(coupled.draw(20, (1, 2), np.random.default_rng(1)))
    for call in (lambda: coupled.error(fit, metric),
                 lambda: LinearChain(model).error(fit.linear, metric)):  # fmt: skip
        with pytest.raises(ValueError, match=r"^`metric` must be .*'theta'.*'kl'.*; got "):
            call()


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (LinearRegression([1.0, 1.0]), 4),  # fewer have no finite expected error
        (LinearRegression([1.0, 1.0], intercept=True), 4),
        (LogisticRegression([1.0, 1.0]), 2),
        (PoissonRegression([1.0, 1.0, 1.0]), 3),
    ],
    ids=repr,
)
def test_too_few_rows(model: Any, least: int) -> None:
    short: list[tuple[str, Loop]] = [
        ("n", FreshReal(n=least - 1, m=50, w=0.5)),
        ("n", Accumulate(n=least - 1, m=50)),
        ("m", FullySynthetic(n=50, m=least - 1)),
        ("m", FreshReal(n=50, m=least - 1, w=[0.0, 0.5])),
        ("m", FixedReal(n=50, m=least - 1, w=0.0)),
    ]
    for name, loop in short:
        for call in (model.theory, lambda loop: run(model, loop, reps=2)):
            with pytest.raises(ValueError, match=f"^`{name}` must be at least {least} for .*; got"):
                call(loop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LostReplicatesWarning)
        run(model, FreshReal(n=least, m=1, w=0.5), reps=2)
    assert model.theory(FreshReal(n=least, m=1, w=0.5))["theta"].path(2).min() > 0


def test_a_poisson_model_whose_counts_are_too_large_says_so() -> None:
    # covariates of 3 are not rare, and e^45 is no count
    with pytest.raises(ValueError, match="`theta`"):
        run(PoissonRegression([15.0]), FreshReal(n=100, m=100, w=0.5), reps=50)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_a_model_shows_what_it_was_made_of(model: Any) -> None:
    shown = repr(model)
    assert shown.startswith(f"{type(model).__name__}({model.theta.tolist()}")
    assert ("intercept=True" in shown) == model.intercept


def test_families_do_not_overflow() -> None:
    far = np.array([-1e4, -800.0, 800.0, 1e4])
    assert BINOMIAL.mean(far).tolist() == [0, 0, 1, 1]
    assert BINOMIAL.curvature(far).tolist() == [0, 0, 0, 0]
    assert BINOMIAL.cumulant(far).tolist() == [0, 0, 800, 1e4]
    assert POISSON.mean(far)[:2].tolist() == [0, 0]


# --- what a careful reader of the code asked for -------------------------------------------------


def test_large_samples_have_the_same_bits_with_any_number_of_workers() -> None:
    """Sums of so many rows are split among threads, if these are not held to one."""
    loop = FreshReal(n=50_000, m=30_000, w=[0.3, 0.6])
    model = LogisticRegression([0.5] * 4)
    one, two = (
        simulate(model, loop, steps=2, reps=4, n_jobs=jobs, progress=False).path()
        for jobs in (1, 2)
    )
    assert one.equals(two)


@pytest.mark.parametrize("length", [0.0, 0.5, 3.0, 10.0, 60.0])
def test_the_rule_for_batches_is_that_for_one(length: float) -> None:
    for intercept in (False, True):
        theta = np.array([0.5] * intercept + [0.6 * length, -0.8 * length])
        model = LogisticRegression(theta, intercept=intercept)
        found = tri.unpack(model.information_at(theta[None, None]), theta.size)[0, 0]
        np.testing.assert_allclose(found, model.information, rtol=1e-6, atol=1e-14)


def test_the_divergence_of_counts_in_closed_form() -> None:
    # sum over x of a normal law by hand: E e^{x b} = e^{b^2 / 2}, slope e^{a^2 / 2} a
    a, b = 1.0, 12.0
    exact = np.exp(b**2 / 2) - np.exp(a**2 / 2) - np.exp(a**2 / 2) * a * (b - a)
    found = PoissonRegression([a]).error(np.array([[[b]]]), "kl")
    assert found.item() == pytest.approx(exact, rel=1e-12)


def test_a_wrong_link_far_out_has_a_pseudo_truth() -> None:
    model = LogisticRegression([30.0], intercept=True, link="cauchit")
    # intercept only: the fit has the probability of the truth
    mean = 0.5 + np.arctan(30.0) / np.pi
    assert model.target.item() == pytest.approx(np.log(mean / (1 - mean)), rel=1e-8)


def test_labels_that_are_all_but_certain_are_refused() -> None:
    with pytest.raises(ValueError, match="`theta` must be one whose labels are not all but"):
        LogisticRegression([40.0], intercept=True).sampling_noise(10, 10)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_least_squares_with_an_intercept_alone_is_a_mean(n: int) -> None:
    model = LinearRegression([3.0], 2.0, intercept=True)
    limit = model.theory(FreshReal(n=n, m=3, w=0.4))["theta"].limit()
    assert limit == pytest.approx(4 / n * error_ratio(0.4, n / 3), rel=1e-12)


def test_at_full_weight_a_lost_synthetic_sample_does_not_matter() -> None:
    with pytest.warns(LostReplicatesWarning):
        result = simulate(
            LogisticRegression([1.0]), FreshReal(n=12, m=2, w=1.0), steps=10, reps=2000
        )
    lost = result.lost()["lost"].to_numpy()
    # each generation is a new sample of 12 rows: the same risk as at t = 0, not a growing one
    assert lost[-1] < 3 * lost[0]


def test_settled_error_refuses_what_it_cannot_do() -> None:
    loop, model = FreshReal(n=50, m=50, w=0.5), LogisticRegression([0.5])
    with pytest.raises(ValueError, match="`model` must be a logistic or Poisson regression"):
        settled_error(LinearRegression([1.0]), loop)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`loop` must be one of lib\.loops, with a single weight"):
        settled_error(model, FreshReal(n=50, m=50, w=[0.5, 0.6]))
    with pytest.raises(ValueError, match="`seed`"):
        settled_error(model, loop, seed=-1)
    with pytest.raises(ValueError, match="`reps`"):
        settled_error(model, loop, reps=0)


def test_a_fixed_design_of_many_rows_costs_no_memory_for_each() -> None:
    design = np.random.default_rng(0).standard_normal((20_000, 2))
    model = LinearRegression([1.0, 1.0], design=design)
    fit = np.random.default_rng(1).standard_normal((1, 50, 2))
    direct = (((fit - model.theta) @ design.T) ** 2).mean(axis=-1) / 2
    assert model.error(fit, "kl") == pytest.approx(direct, rel=1e-10)
    assert not hasattr(model, "_rows")
