"""The fast code of `lib` against the plain reference that draws every row.

Both are simulations, so they are compared in distribution. False alarms, if the code is right:
each Kolmogorov-Smirnov test below alarms with probability 1e-4, each |z| < 4.5 with 7e-6, so the
whole file does with probability of about 2 %. The seeds are fixed, so it either does or does not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import reference
import statsmodels.api as sm
from scipy import stats

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop
from lib.models import (
    Categorical,
    EmpiricalCDF,
    Gaussian,
    KernelDensity,
    LinearRegression,
    LogisticRegression,
    Model,
    PoissonRegression,
)
from lib.models import _triangular as tri
from lib.models.glm import GeneralizedLinearModel
from lib.models.kernel import NormalMixture
from lib.models.regression import Regression
from lib.simulate import simulate

pytestmark = pytest.mark.filterwarnings("error")

P_VALUE = 1e-4
Z = 4.5
STEPS, PLAIN = 3, 600

COVARIANCES: dict[int, Any] = {
    1: [[2.0]],
    2: [[1.0, 0.5], [0.5, 2.0]],
    3: [[2.0, 0.6, 0.0], [0.6, 1.0, -0.4], [0.0, -0.4, 0.5]],
}
# 3 rows in 3 dimensions: the sample covariance has rank 2
ROWS = {1: (4, 3), 2: (4, 6), 3: (3, 3)}
P = [0.5, 0.3, 0.15, 0.05]

LOOPS: dict[str, Callable[[int, int], Loop]] = {
    "fully synthetic": lambda n, m: FullySynthetic(n=n, m=m),
    "accumulate": lambda n, m: Accumulate(n=n, m=m),
    "fixed real": lambda n, m: FixedReal(n=n, m=m, w=0.4),
    "fresh real": lambda n, m: FreshReal(n=n, m=m, w=0.4),
}
X = np.column_stack([np.ones(5), [0.0, 1.0, 2.0, 3.0, 7.0]])
THETA = np.array([0.4, -0.6])
# how labels of the plain reference are drawn, how it fits, the model, and rows n and m
REGRESSIONS: dict[str, tuple[Any, Any, Model, tuple[int, int]]] = {
    "linear fixed": (
        lambda rng: lambda u: u + 0.7 * rng.standard_normal(u.shape),
        reference.least_squares_fit,
        LinearRegression(THETA, noise_sd=0.7, design=X),
        (5, 10),
    ),
    "linear random": (
        lambda rng: lambda u: u + 0.7 * rng.standard_normal(u.shape),
        reference.least_squares_fit,
        LinearRegression(THETA, noise_sd=0.7),
        (9, 7),
    ),
    "linear intercept": (
        lambda rng: lambda u: u + 0.7 * rng.standard_normal(u.shape),
        reference.least_squares_fit,
        LinearRegression(THETA, noise_sd=0.7, intercept=True),
        (8, 9),
    ),
    "logistic": (
        lambda rng: lambda u: (rng.random(u.shape) < 1 / (1 + np.exp(-u))).astype(float),
        reference.likelihood_fit(sm.families.Binomial()),
        LogisticRegression(THETA, intercept=True),
        (100, 90),
    ),
    "poisson": (
        lambda rng: lambda u: rng.poisson(np.exp(u)).astype(float),
        reference.likelihood_fit(sm.families.Poisson()),
        PoissonRegression(THETA),
        (30, 40),
    ),
}
POINT = "cdf(1.5)"
# the model, and the truth as scipy has it
CDFS: dict[str, tuple[EmpiricalCDF, Any]] = {
    "cdf normal": (EmpiricalCDF(stats.norm(1, 2), points=1.5), stats.norm(1, 2)),
    "cdf exponential": (EmpiricalCDF(stats.expon(), points=1.5), stats.expon()),
    "cdf binomial": (EmpiricalCDF(stats.binom(4, 0.3), points=1.5), stats.binom(4, 0.3)),
}


class TwoNormals:
    """The truth of a density, drawn row by row."""

    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        left = random_state.random(size) < 0.6
        return np.where(
            left, random_state.normal(-1, 0.5, size), random_state.normal(1.5, 0.8, size)
        )

    def pdf(self, x: np.ndarray) -> np.ndarray:
        return 0.6 * stats.norm.pdf(x, -1, 0.5) + 0.4 * stats.norm.pdf(x, 1.5, 0.8)


# the model, the truth (of mean 0), the kernel, and how its noise is drawn
KERNELS: dict[str, tuple[KernelDensity, Any, Any, Any]] = {
    "kernel gaussian": (
        KernelDensity(
            0.4,
            density=NormalMixture([0.6, 0.4], [-1.0, 1.5], [0.5, 0.8]),  # type: ignore[arg-type]
        ),
        TwoNormals(),
        stats.norm.pdf,
        lambda rng, h: lambda rows: h * rng.standard_normal(rows),
    ),
    "kernel epanechnikov": (
        KernelDensity(1.5, kernel="epanechnikov"),
        stats.norm(),
        lambda x: 0.75 * np.maximum(1 - x**2, 0),
        # the middle of three uniform variables has the density 3/4 (1 - x^2)
        lambda rng, h: lambda rows: np.median(rng.uniform(-h, h, (3, rows)), axis=0),
    ),
}
X_GRID = np.linspace(-12, 12, 1201)
CASES = [
    *[(name, loop, metric) for name in REGRESSIONS for loop in LOOPS
      for metric in ("theta", "first")],
    *[(f"gaussian {dim}", name, metric) for dim in (1, 2, 3) for name in LOOPS
      for metric in ("mean", "covariance", "trace")],
    *[("categorical", name, metric) for name in LOOPS for metric in ("frequencies", "lost")],
    *[(name, loop, metric) for name in CDFS for loop in LOOPS
      for metric in ("cdf", POINT, "supremum", "distinct")],
    *[(name, loop, metric) for name in KERNELS for loop in LOOPS
      for metric in ("mise", "spread")],
]  # fmt: skip


@cache
def setting(model: str, loop: str) -> tuple[Model, Loop]:
    if model in REGRESSIONS:
        return REGRESSIONS[model][2], LOOPS[loop](*REGRESSIONS[model][3])
    if model in CDFS:
        return CDFS[model][0], LOOPS[loop](5, 7)
    if model in KERNELS:
        return KERNELS[model][0], LOOPS[loop](5, 7)
    if model == "categorical":
        return Categorical(P), LOOPS[loop](5, 7)
    dim = int(model[-1])
    return Gaussian(np.arange(dim) - 1.0, COVARIANCES[dim]), LOOPS[loop](*ROWS[dim])


def replicates(model: Model) -> int:
    """Return the replicates of the reference: fewer where it calls statsmodels."""
    return PLAIN // 3 if isinstance(model, GeneralizedLinearModel) else PLAIN


@cache
def plain(model: str, loop: str) -> dict[str, np.ndarray]:
    """Errors of the last generation, replicate by replicate, with every row drawn."""
    it, runs = setting(model, loop)
    rng = np.random.default_rng(20250226)
    errors: dict[str, list[float]] = {}

    def add(metric: str, error: float) -> None:
        errors.setdefault(metric, []).append(error)

    for _ in range(replicates(it)):
        if isinstance(it, Regression):
            label, solve, _, _ = REGRESSIONS[model]
            draw = reference.regression_draw(
                rng,
                label(rng),
                covariates=it.dim - it.intercept,
                intercept=it.intercept,
                design=X if model == "linear fixed" else None,
            )
            last = reference.generations(runs, it.theta, draw, solve, STEPS)[-1]
            add("theta", ((last - it.theta) ** 2).sum())
            add("first", last[0])
        elif isinstance(it, Gaussian):
            normal, draw = (it.mean, it.cov), reference.gaussian_draw(rng)
            fits = reference.generations(runs, normal, draw, reference.gaussian_fit, STEPS)
            mean, covariance = fits[-1]
            add("mean", ((mean - it.mean) ** 2).sum())
            add("covariance", ((covariance - it.cov) ** 2).sum())
            add("trace", np.trace(covariance))
        elif isinstance(it, EmpiricalCDF):
            law, draw = CDFS[model][1], reference.rows_draw(rng)
            last = reference.generations(runs, law, draw, reference.rows_fit, STEPS)[-1]
            if it.continuous:
                error, distance = reference.cdf_error(last, law), reference.cdf_supremum(last, law)
            else:
                error, distance = reference.discrete_errors(last, law, np.arange(5))
            add("cdf", error)
            add("supremum", distance)
            add("distinct", len(set(last[0])))
            add(POINT, (reference.step_function(last, 1.5) - law.cdf(1.5)) ** 2)
        elif isinstance(it, KernelDensity):
            _, law, kernel, noise = KERNELS[model]
            draw = reference.rows_draw(rng, noise(rng, it.bandwidth))
            last = reference.generations(runs, law, draw, reference.rows_fit, STEPS)[-1]
            error, spread = reference.kernel_errors(
                last, it.bandwidth, kernel, X_GRID, law.pdf(X_GRID)
            )
            add("mise", error)
            add("spread", spread)
        else:
            truth, draw = np.array(P), reference.categorical_draw(rng)
            fit = reference.categorical_fit(len(P))
            last = reference.generations(runs, truth, draw, fit, STEPS)[-1]
            add("frequencies", ((last - truth) ** 2).mean())
            add("lost", (last == 0).sum())
    return {metric: np.array(values) for metric, values in errors.items()}


@cache
def fast(model: str, loop: str) -> dict[str, np.ndarray]:
    """The same from `lib.simulate`, caught as they are recorded."""
    it, runs = setting(model, loop)
    caught: dict[str, np.ndarray] = {}

    def catch(metric: str) -> Callable[[Any], np.ndarray]:
        def function(fit: Any) -> np.ndarray:
            error: np.ndarray
            if metric == "trace":
                error = np.trace(fit.cov, axis1=-2, axis2=-1)
            elif metric == "first":  # with its sign, which a squared error has not
                error = fit[..., 0]
            else:
                error = it.error(fit, metric)
            caught[metric] = error[0].copy()  # the last call is that of the last generation
            return error

        return function

    names = {metric for name, _, metric in CASES if name == model}
    metrics = {name: catch(name) for name in names}
    reps = it.cells(runs.rows(STEPS))  # one chunk
    simulate(it, runs, steps=STEPS, reps=reps, seed=7, metrics=metrics, progress=False)
    return caught


@pytest.mark.parametrize(("model", "loop", "metric"), CASES)
def test_the_distribution_of_the_error(model: str, loop: str, metric: str) -> None:
    slow, quick = plain(model, loop)[metric], fast(model, loop)[metric]
    it, runs = setting(model, loop)
    assert (slow.size, quick.size) == (replicates(it), it.cells(runs.rows(STEPS)))
    # ties (frequencies, lost) make the test alarm less often, never more. Errors are rounded
    # because equal counts may add up to frequencies that differ in the last place
    assert stats.ks_2samp(slow.round(12), quick.round(12)).pvalue > P_VALUE


@pytest.mark.parametrize(("model", "loop", "metric"), CASES)
def test_the_mean_of_the_error(model: str, loop: str, metric: str) -> None:
    slow, quick = plain(model, loop)[metric], fast(model, loop)[metric]
    se = np.hypot(stats.sem(slow), stats.sem(quick))
    # no spread, no difference: real rows that stay keep all their values
    assert abs(slow.mean() - quick.mean()) <= Z * se


@pytest.mark.parametrize(
    ("model", "loop", "metric"),
    [
        x
        for x in CASES
        if x[2] in {"mean", "covariance", "frequencies", "cdf", POINT, "mise"}
        # a random design is exact where it is new at every generation; likelihoods never are
        or (x[2] == "theta" and x[0] == "linear fixed")
        or (
            x[2] == "theta"
            and x[0].startswith("linear")
            and x[1] in {"fully synthetic", "fresh real"}
        )
    ],
)
def test_the_theory_is_the_mean_of_the_reference(model: str, loop: str, metric: str) -> None:
    it, runs = setting(model, loop)
    slow, predicted = plain(model, loop)[metric], it.theory(runs)[metric].path(STEPS)[-1]
    assert abs(slow.mean() - predicted) < Z * stats.sem(slow)


def test_the_comparison_would_see_a_wrong_divisor() -> None:
    # what these tests are worth: dividing by n instead of n - 1 is found
    right = plain("gaussian 2", "fresh real")["trace"]
    wrong = fast("gaussian 2", "fresh real")["trace"] * 3 / 4
    assert stats.ks_2samp(right, wrong).pvalue < P_VALUE


# --- triangular matrices -------------------------------------------------------------------------


def lower(packed: np.ndarray, dim: int) -> np.ndarray:
    """Unpack a triangular matrix, entry by entry."""
    full = np.zeros((*packed.shape[:-1], dim, dim))
    place = 0
    for i in range(dim):
        for j in range(i + 1):
            full[..., i, j] = packed[..., place]
            place += 1
    return full


def random_lower(dim: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2, 50, dim * (dim + 1) // 2))


DIMS = [1, 2, 3, 5]


@pytest.mark.parametrize("dim", DIMS)
def test_cholesky_is_that_of_lapack(dim: int) -> None:
    root = np.random.default_rng(1).standard_normal((2, 50, dim, dim + 3))
    matrix = root @ root.swapaxes(-1, -2)
    found = lower(tri.cholesky(tri.pack(matrix), dim), dim)
    # the condition numbers here are below 1e5
    np.testing.assert_allclose(found, np.linalg.cholesky(matrix), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dim", [2, 3, 5])
@pytest.mark.parametrize("rank", [0, 1, 2, 4])
def test_cholesky_of_a_singular_matrix(dim: int, rank: int) -> None:
    root = np.random.default_rng(2).standard_normal((1, 200, dim, rank))
    matrix = root @ root.swapaxes(-1, -2)
    found = lower(tri.cholesky(tri.pack(matrix), dim), dim)
    assert np.isfinite(found).all()
    # a pivot of 1e-15 is taken for zero and its column dropped, whose entries are below 1e-7
    np.testing.assert_allclose(found @ found.swapaxes(-1, -2), matrix, rtol=0, atol=1e-7)


def test_cholesky_with_a_zero_first_row() -> None:
    matrix = np.array([[[[0.0, 0.0], [0.0, 4.0]]]])
    assert tri.cholesky(tri.pack(matrix), 2).tolist() == [[[0.0, 0.0, 2.0]]]


def test_cholesky_does_not_depend_on_the_units_of_the_coordinates() -> None:
    # incomes and fractions side by side: a small variance is not a zero variance
    units = np.array([1e6, 1e-4])
    matrix = np.array([[1.0, 0.5], [0.5, 2.0]]) * np.outer(units, units)
    found = lower(tri.cholesky(tri.pack(matrix)[None, None], 2), 2)[0, 0]
    np.testing.assert_allclose(found, np.linalg.cholesky(matrix), rtol=1e-12)


def test_cholesky_leaves_its_argument_alone() -> None:
    packed = np.array([[[1.0, 1.0, 1.0]]])
    tri.cholesky(packed, 2)
    assert packed.tolist() == [[[1.0, 1.0, 1.0]]]


@pytest.mark.parametrize("dim", DIMS)
def test_products(dim: int) -> None:
    left, right = random_lower(dim, 1), random_lower(dim, 2)[:1]
    found = lower(tri.multiply(left, right, dim), dim)
    np.testing.assert_allclose(found, lower(left, dim) @ lower(right, dim), atol=1e-13)


@pytest.mark.parametrize("dim", DIMS)
def test_gram(dim: int) -> None:
    factor = random_lower(dim, 3)
    full = lower(factor, dim)
    np.testing.assert_allclose(
        tri.unpack(tri.gram(factor, dim), dim), full @ full.swapaxes(-1, -2), atol=1e-13
    )


@pytest.mark.parametrize("dim", DIMS)
def test_apply(dim: int) -> None:
    factor = random_lower(dim, 4)
    vector = np.random.default_rng(5).standard_normal((1, 50, dim))
    expected = (lower(factor, dim) @ vector[..., None])[..., 0]
    np.testing.assert_allclose(tri.apply(factor, vector, dim), expected, atol=1e-13)


@pytest.mark.parametrize("dim", DIMS)
def test_packing_and_back(dim: int) -> None:
    packed = random_lower(dim, 6)
    full = tri.unpack(packed, dim)
    np.testing.assert_array_equal(full, full.swapaxes(-1, -2))
    np.testing.assert_array_equal(tri.pack(full), packed)
    np.testing.assert_array_equal(packed[..., tri.entry(dim - 1, 0)], full[..., dim - 1, 0])


def test_memory_runs_along_the_batch() -> None:
    assert tri.empty((2, 50), 3)[..., 1].flags.c_contiguous


def eigenvalues(matrices: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(matrices)


@pytest.mark.parametrize(("dim", "df"), [(1, 1), (1, 5), (2, 2), (3, 3), (3, 10), (5, 6)])
def test_wishart_matrices_are_those_of_scipy(dim: int, df: int) -> None:
    factor = tri.wishart_factor(df, dim, (1, 4000), np.random.default_rng(1))
    ours = tri.unpack(tri.gram(factor, dim), dim)[0]
    theirs = stats.wishart(df, np.eye(dim)).rvs(4000, random_state=np.random.default_rng(2))
    theirs = theirs.reshape(4000, dim, dim)
    for one, other in (
        (ours[:, 0, 0], theirs[:, 0, 0]),
        (ours[:, -1, -1], theirs[:, -1, -1]),
        (ours[:, -1, 0], theirs[:, -1, 0]),
        (eigenvalues(ours)[:, -1], eigenvalues(theirs)[:, -1]),
        (eigenvalues(ours)[:, 0], eigenvalues(theirs)[:, 0]),
    ):
        assert stats.ks_2samp(one, other).pvalue > P_VALUE


@pytest.mark.parametrize(("dim", "df"), [(2, 1), (3, 1), (3, 2), (5, 2)])
def test_singular_wishart_matrices_are_those_of_rows(dim: int, df: int) -> None:
    factor = tri.wishart_factor(df, dim, (1, 4000), np.random.default_rng(3))
    ours = tri.unpack(tri.gram(factor, dim), dim)[0]
    rows = np.random.default_rng(4).standard_normal((4000, df, dim))
    theirs = rows.swapaxes(-1, -2) @ rows
    assert np.linalg.matrix_rank(ours, tol=1e-9).max() == df
    for one, other in (
        (ours[:, -1, -1], theirs[:, -1, -1]),
        (ours[:, -1, 0], theirs[:, -1, 0]),
        (ours.sum(axis=(1, 2)), theirs.sum(axis=(1, 2))),
        (eigenvalues(ours)[:, -1], eigenvalues(theirs)[:, -1]),
    ):
        assert stats.ks_2samp(one, other).pvalue > P_VALUE


@pytest.mark.parametrize("df", [10**6, 10**9])
def test_the_cost_of_a_wishart_matrix_does_not_depend_on_its_rows(df: int) -> None:
    factor = tri.wishart_factor(df, 2, (1, 4000), np.random.default_rng(5))
    off = factor[0, :, 1]  # standard normal whatever df is
    assert stats.kstest(off, "norm").pvalue > P_VALUE
    diagonal = (factor[0, :, 0] ** 2 - df) / np.sqrt(2 * df)  # nearly normal: skewness 3e-3
    assert stats.kstest(diagonal, "norm").pvalue > P_VALUE
