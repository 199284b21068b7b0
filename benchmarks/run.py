"""Speed against stated baselines, in milliseconds of one core per weight and replicate.

Each figure is the median of several runs, with the fastest and the slowest: process time, so that
other work on the machine counts as little as possible. Beside each of ours stand

* a *baseline*: what a reader would otherwise run. For the Gaussian and the regressions it is the
  published figure of the authors' program (about 33 ms; 10, 260 and 221 ms), and for the
  distribution function (248 ms) also a plain loop with a grid; for an Adult column two loops over
  rows are timed here, a straightforward one with pandas and the leanest that NumPy allows; for a
  regression a loop that calls statsmodels or, on Adult, scikit-learn, of a few generations,
  scaled to all; for a kernel density the two integrals of scipy that make its error; for a tree
  the same one at a time on DataFrames.
* a *floor*: drawing the same random numbers and doing nothing with them.

Run it with ``make bench``, on a quiet machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm  # type: ignore[import-untyped]
from scipy import stats
from sklearn.linear_model import (  # type: ignore[import-untyped]
    LogisticRegression as SklearnLogistic,
)
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from lib import FreshReal, simulate
from lib.data import (
    ADULT_BANDS,
    PREDICTORS,
    adult_bands,
    adult_counts,
    adult_income,
    standardised,
)
from lib.generators import ChowLiuGenerator, GeneratorModel
from lib.loops import Loop
from lib.models import (
    Categorical,
    ChowLiuTree,
    EmpiricalCDF,
    Gaussian,
    KernelDensity,
    LinearRegression,
    LogisticRegression,
    Model,
    PoissonRegression,
    PopulationRegression,
)
from lib.models import _triangular as tri
from lib.models.base import CELLS
from lib.models.glm import draw_counts
from lib.simulate import chains

WEIGHTS = np.arange(0.20, 0.79, 0.02)
AUTHORS_DATA = 22.0  # ms: the published program draws the rows, on a machine like ours
AUTHORS_GAUSSIAN = 33.0  # ms, likewise
AUTHORS_CDF = 248.0  # ms, likewise, on a grid of 50,000 points
AUTHORS_REGRESSION = {"linear": 10.0, "logistic": 260.0, "Poisson": 221.0}  # ms, likewise
ASKED, AIMED = 6.0, 4.0  # ms: what all six errors of Scenario 2 may take


def measure(run: Callable[[], object], cells: int, *, times: int = 7) -> tuple[float, float, float]:
    """Return median, fastest and slowest process time of a run, in ms for each of its cells."""
    run()  # warm up: imports, caches, the memory allocator
    spent = []
    for _ in range(times):
        start = time.process_time()
        run()
        spent.append((time.process_time() - start) * 1e3 / cells)
    return median(spent), min(spent), max(spent)


def show(name: str, figures: tuple[float, float, float], note: str = "") -> None:
    """Print a row."""
    middle, low, high = figures
    print(f"{name:<52} {middle:9.4f}  [{low:.4f}, {high:.4f}]  {note}")


def ours(model: Model, loop: Loop, *, steps: int, reps: int) -> Callable[[], object]:
    """Return a run of the library."""
    return lambda: simulate(model, loop, steps=steps, reps=reps, burn_in=steps - 20, progress=False)


def gaussian_floor(n: int, steps: int, reps: int, dim: int) -> Callable[[], object]:
    """Return a run that draws the normals and gammas of Scenario 2 and nothing else."""

    def run() -> None:
        rng = np.random.default_rng(1)
        for size in ((1, reps), (WEIGHTS.size, reps)):
            mean = tri.empty(size, dim)
            below = np.empty(size)
            for _ in range(steps):
                for i in range(dim):
                    rng.standard_normal(out=mean[..., i])
                    rng.standard_gamma((n - 1 - i) / 2, size)
                    for _ in range(i):
                        rng.standard_normal(out=below)

    return run


def categorical_floor(p: np.ndarray, m: int, steps: int, reps: int) -> Callable[[], object]:
    """Return a run that draws the multinomial counts and nothing else."""

    def run() -> None:
        rng = np.random.default_rng(1)
        for _ in range(steps):
            rng.multinomial(m, p, size=(1, reps))
            rng.multinomial(m, p, size=(WEIGHTS.size, reps))

    return run


def straightforward_column(p: pd.Series, n: int, steps: int, w: float, seed: int) -> float:
    """Run one replicate of an Adult column as one would write it with pandas and NumPy."""
    rng = np.random.default_rng(seed)
    categories = p.index.to_numpy()

    def frequencies(probabilities: np.ndarray) -> pd.Series:
        rows = pd.Series(rng.choice(categories, size=n, p=probabilities))
        return rows.value_counts(normalize=True).reindex(p.index, fill_value=0.0)

    fit = frequencies(p.to_numpy())
    errors = []
    for _ in range(steps):
        fit = w * frequencies(p.to_numpy()) + (1 - w) * frequencies(fit.to_numpy())
        errors.append(float(((fit - p) ** 2).mean()))
    return float(np.mean(errors[-20:]))


def lean_column(p: np.ndarray, n: int, steps: int, w: float, seed: int) -> float:
    """Run one replicate of an Adult column on category codes, with NumPy alone."""
    rng = np.random.default_rng(seed)
    fit = np.bincount(rng.choice(p.size, n, p=p), minlength=p.size) / n
    errors = []
    for _ in range(steps):
        real = np.bincount(rng.choice(p.size, n, p=p), minlength=p.size) / n
        drawn = np.bincount(rng.choice(p.size, n, p=fit), minlength=p.size) / n
        fit = w * real + (1 - w) * drawn
        errors.append(float(((fit - p) ** 2).mean()))
    return float(np.mean(errors[-20:]))


def linear_floor(n: int, steps: int, reps: int, dim: int) -> Callable[[], object]:
    """Return a run that draws Gram matrices and noise of Scenario 2 and nothing else."""

    def run() -> None:
        rng = np.random.default_rng(1)
        for size in ((1, reps), (WEIGHTS.size, reps)):
            noise, below = tri.empty(size, dim), np.empty((1, reps))
            for _ in range(steps):
                for i in range(dim):  # a design for all weights, noise for each
                    rng.standard_normal(out=noise[..., i])
                    rng.standard_gamma((n - i) / 2, (1, reps))
                    for _ in range(i):
                        rng.standard_normal(out=below)

    return run


def logistic_floor(loop: FreshReal, steps: int, reps: int, dim: int) -> Callable[[], object]:
    """Return a run that draws covariates, and what decides a label, and nothing else."""

    def run() -> None:
        rng = np.random.default_rng(1)
        for _ in range(steps):
            for rows in (loop.n, loop.m):
                rng.standard_normal(reps * dim * rows)
                rng.random((reps, 1, rows))

    return run


def poisson_floor(
    model: PoissonRegression, loop: FreshReal, steps: int, reps: int
) -> Callable[[], object]:
    """Return a run that draws covariates and counts and nothing else.

    What a count costs depends on its mean: means are those of a generation, prepared beforehand.
    """
    *_, fit = chains(model, loop, steps=10, reps=reps)
    rng = np.random.default_rng(2)
    means = [
        np.exp(theta @ rng.standard_normal((reps, model.dim, rows)))
        for theta, rows in ((model.theta[None], loop.n), (fit.swapaxes(0, 1), loop.m))
    ]

    def run() -> None:
        rng = np.random.default_rng(1)
        for _ in range(steps):
            for mean in means:
                rng.standard_normal(reps * model.dim * mean.shape[-1])
                draw_counts(mean, rng)

    return run


def statsmodels_loop(model: Any, n: int, steps: int, w: float, seed: int) -> np.ndarray:
    """Run one replicate as one would write it with statsmodels."""
    rng = np.random.default_rng(seed)

    def rows(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = rng.standard_normal((n, theta.size))
        predictor = x @ theta
        if isinstance(model, LinearRegression):
            return x, predictor + rng.standard_normal(n)
        if isinstance(model, LogisticRegression):
            return x, (rng.random(n) < 1 / (1 + np.exp(-predictor))).astype(float)
        return x, rng.poisson(np.exp(predictor)).astype(float)

    def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        if isinstance(model, LinearRegression):
            return np.asarray(sm.WLS(y, x, weights=weight).fit().params)
        binary = isinstance(model, LogisticRegression)
        family = sm.families.Binomial() if binary else sm.families.Poisson()
        return np.asarray(sm.GLM(y, x, family, var_weights=weight).fit().params)

    theta = fit(*rows(model.theta), np.ones(n))
    weight = np.repeat([w, 1 - w], n)
    for _ in range(steps):
        real, synthetic = rows(model.theta), rows(theta)
        x, y = (np.concatenate(both) for both in zip(real, synthetic, strict=True))
        theta = fit(x, y, weight)
    return theta


def bench_gaussian() -> None:
    """Scenario 2 for the Gaussian: n = m = 100, p = 2, T = 200, both errors, 30 weights."""
    model = Gaussian([0, 0], [[1, 0], [0, 1]])
    reps = CELLS // WEIGHTS.size
    cells = reps * WEIGHTS.size
    print("\nScenario 2, Gaussian mean and covariance: n = m = 100, p = 2, T = 200, 30 weights")
    floor = measure(gaussian_floor(100, 200, reps, 2), cells)
    show("floor: the random numbers alone", floor)
    for n in (100, 10**6):
        loop = FreshReal(n=n, m=n, w=WEIGHTS)
        figures = measure(ours(model, loop, steps=200, reps=reps), cells)
        faster = AUTHORS_GAUSSIAN / figures[0]
        note = f"{figures[0] / floor[0]:.1f} x floor, authors / ours {faster:,.0f}"
        show(f"lib, n = m = {n}", figures, note)


def bench_regression() -> None:
    """Scenario 2 for the regressions: n = m = 100, p = 2, T = 200, 30 weights."""
    n, steps, few = 100, 200, 10
    loop = FreshReal(n=n, m=n, w=WEIGHTS)
    poisson = PoissonRegression([1, 1])
    models: dict[str, tuple[Any, Callable[[int], Callable[[], object]]]] = {
        "linear": (LinearRegression([1, 1]), lambda reps: linear_floor(n, steps, reps, 2)),
        "logistic": (LogisticRegression([1, 1]), lambda reps: logistic_floor(loop, steps, reps, 2)),
        "Poisson": (poisson, lambda reps: poisson_floor(poisson, loop, steps, reps)),
    }
    for name, (model, floor) in models.items():
        print(f"\nScenario 2, {name} regression: n = m = {n}, p = 2, T = {steps}, 30 weights")
        reps = model.cells(loop.rows(steps)) // WEIGHTS.size
        cells = reps * WEIGHTS.size
        least = measure(floor(reps), cells, times=3)
        show("floor: the random numbers alone", least)
        figures = measure(ours(model, loop, steps=steps, reps=reps), cells, times=5)
        faster = AUTHORS_REGRESSION[name] / figures[0]
        note = f"{figures[0] / least[0]:.1f} x floor, authors / ours {faster:,.0f}"
        show("lib", figures, note)

        def loops(model: Any = model) -> list[np.ndarray]:
            return [statsmodels_loop(model, n, few, 0.618, seed) for seed in range(5)]

        # in ms for all generations
        low, middle, high = sorted(t * steps / few for t in measure(loops, 5, times=3))
        note = f"loop / ours {middle / figures[0]:,.0f}"
        show("a loop that calls statsmodels", (middle, low, high), note)


def cdf_floor(loop: FreshReal, steps: int, reps: int) -> Callable[[], object]:
    """Return a run that draws uniform variables, one a row, and nothing else."""
    weights = np.size(loop.w)

    def run() -> None:
        rng = np.random.default_rng(1)
        for _ in range(steps):
            rng.random((1, reps, loop.n))
            rng.random((weights, reps, loop.m))

    return run


def gridded_cdf(n: int, steps: int, w: float, seed: int, grid: np.ndarray) -> float:
    """Run one replicate of a distribution function on a grid of points, in NumPy."""
    rng = np.random.default_rng(seed)
    rows, weight, errors = rng.random(n), np.full(n, 1 / n), []
    for t in range(1, steps + 1):
        rows = np.concatenate([rng.random(n), rng.choice(rows, n, p=weight)])
        weight = np.repeat([w / n, (1 - w) / n], n)
        order = np.argsort(rows)
        height = np.concatenate([[0.0], np.cumsum(weight[order])])
        fitted = height[np.searchsorted(rows[order], grid, side="right")]
        if t >= 3 * steps // 4:
            errors.append(float(((fitted - grid) ** 2).mean()))
    return float(np.mean(errors))


def bench_cdf() -> None:
    """Scenario 2 for the distribution function: n = m = 100, T = 200, 30 weights."""
    n, steps = 100, 200
    model, loop = EmpiricalCDF(), FreshReal(n=n, m=n, w=WEIGHTS)
    reps = model.cells(loop.rows(steps)) // WEIGHTS.size
    cells = reps * WEIGHTS.size
    print(f"\nScenario 2, distribution function: n = m = {n}, T = {steps}, 30 weights")
    floor = measure(cdf_floor(loop, steps, reps), cells)
    show("floor: the random numbers alone", floor)
    figures = measure(ours(model, loop, steps=steps, reps=reps), cells)
    faster = AUTHORS_CDF / figures[0]
    note = f"{figures[0] / floor[0]:.1f} x floor, authors / ours {faster:,.0f}"
    show("lib, exact", figures, note)
    grid = (np.arange(50_000) + 0.5) / 50_000

    def plain() -> list[float]:
        return [gridded_cdf(n, steps, 0.618, seed, grid) for seed in range(3)]

    other = measure(plain, 3, times=3)
    show("a loop with a grid of 50,000 points", other, f"loop / ours {other[0] / figures[0]:,.0f}")


def bench_six_errors() -> None:
    """Scenario 2, all six errors: n = m = 100, p = 2, t = 1, ..., 199, 30 weights."""
    n, steps = 100, 199
    loop, one = FreshReal(n=n, m=n, w=WEIGHTS), [1.0, 1.0]
    poisson = PoissonRegression(one)
    rows: dict[str, tuple[Model, Callable[[int], Callable[[], object]], float]] = {
        "mean and covariance": (
            Gaussian([0, 0], [[1, 0], [0, 1]]),
            lambda reps: gaussian_floor(n, steps, reps, 2),
            AUTHORS_GAUSSIAN,
        ),
        "linear regression": (
            LinearRegression(one),
            lambda reps: linear_floor(n, steps, reps, 2),
            AUTHORS_REGRESSION["linear"],
        ),
        "logistic regression": (
            LogisticRegression(one),
            lambda reps: logistic_floor(loop, steps, reps, 2),
            AUTHORS_REGRESSION["logistic"],
        ),
        "Poisson regression": (
            poisson,
            lambda reps: poisson_floor(poisson, loop, steps, reps),
            AUTHORS_REGRESSION["Poisson"],
        ),
        "distribution function": (
            EmpiricalCDF(),
            lambda reps: cdf_floor(loop, steps, reps),
            AUTHORS_CDF,
        ),
    }
    print(f"\nScenario 2, all six errors: n = m = {n}, p = 2, t = 1, ..., {steps}, 30 weights")
    total, total_authors = np.zeros(3), AUTHORS_DATA
    for name, (model, floor, authors) in rows.items():
        reps = max(1, model.cells(loop.rows(steps)) // WEIGHTS.size)
        cells = reps * WEIGHTS.size
        least = measure(floor(reps), cells, times=5)[0]
        figures = measure(ours(model, loop, steps=steps, reps=reps), cells, times=5)
        note = f"{figures[0] / least:.1f} x floor {least:.4f}, authors {authors:.0f}"
        show(name, figures, note)
        total, total_authors = total + figures, total_authors + authors
    show("drawing the rows", (0, 0, 0), f"in the figures above, authors {AUTHORS_DATA:.0f}")
    note = f"asked {ASKED:.0f}, aimed at {AIMED:.0f}, authors {total_authors:.0f}"
    show("all together", (total[0], total[1], total[2]), note)


def bench_scenario_3() -> None:
    """Scenario 3 where it costs most: n = 100, m = 10,000, p = 2, t = 1, ..., 199, two weights."""
    n, m, steps = 100, 10_000, 199
    k = n / m
    loop = FreshReal(n=n, m=m, w=[k / (k + 1), ((k * k + 4 * k) ** 0.5 - k) / 2])
    logistic, poisson = LogisticRegression([1, 1]), PoissonRegression([1, 1])
    rows: dict[str, tuple[Model, Callable[[int], Callable[[], object]]]] = {
        "logistic regression": (logistic, lambda reps: logistic_floor(loop, steps, reps, 2)),
        "Poisson regression": (poisson, lambda reps: poisson_floor(poisson, loop, steps, reps)),
        "distribution function": (EmpiricalCDF(), lambda reps: cdf_floor(loop, steps, reps)),
    }
    print(f"\nScenario 3: n = {n}, m = {m:,}, p = 2, t = 1, ..., {steps}, naive and best weight")
    for name, (model, floor) in rows.items():
        reps = max(1, model.cells(loop.rows(steps)) // 2)
        least = measure(floor(reps), 2 * reps, times=3)[0]
        figures = measure(ours(model, loop, steps=steps, reps=reps), 2 * reps, times=3)
        row = figures[0] * 1e6 / (steps * m)
        show(name, figures, f"{figures[0] / least:.1f} x floor {least:.1f}, {row:.0f} ns a row")


def bench_kernel() -> None:
    """Kernel densities: n = m = 100, T = 200, h = 0.35, 30 weights, the error at every t."""
    n, steps = 100, 200
    model, loop = KernelDensity(0.35), FreshReal(n=n, m=n, w=WEIGHTS)
    reps = model.cells(loop.rows(steps)) // WEIGHTS.size
    print(f"\nKernel density: n = m = {n}, T = {steps}, h = 0.35, 30 weights")
    figures = measure(ours(model, loop, steps=steps, reps=reps), reps * WEIGHTS.size, times=3)
    show("lib, exact", figures)
    rng = np.random.default_rng(1)
    one = stats.gaussian_kde(rng.standard_normal(2 * n), bw_method=0.35)

    def scipy_errors() -> None:
        for _ in range(50):  # the two integrals of a squared difference that depend on the rows
            one.integrate_kde(one)
            one.integrate_gaussian(0.0, 1.0)

    middle, low, high = (t * steps / 50 for t in measure(scipy_errors, 1, times=3))
    note = f"scipy / ours {middle / figures[0]:,.1f}"
    show("the same errors by scipy.stats.gaussian_kde", (middle, low, high), note)


def bench_columns() -> None:
    """Adult columns: n = m = 500, T = 100, 30 weights."""
    for column in ("workclass", "education", "marital_status"):
        counts, _ = adult_counts(column)
        p = counts / counts.sum()
        reps = CELLS // WEIGHTS.size
        cells = reps * WEIGHTS.size
        print(f"\nAdult, {column} ({p.size} categories): n = m = 500, T = 100, 30 weights")
        floor = measure(categorical_floor(p.to_numpy(), 500, 100, reps), cells, times=3)
        show("floor: the random numbers alone", floor)
        loop = FreshReal(n=500, m=500, w=WEIGHTS)
        figures = measure(ours(Categorical(p), loop, steps=100, reps=reps), cells, times=3)
        note = f"{figures[0] / floor[0]:.1f} x floor"
        show("lib", figures, note)

        def plain(p: pd.Series = p) -> list[float]:
            return [straightforward_column(p, 500, 100, 0.618, seed) for seed in range(5)]

        frequencies = p.to_numpy()

        def lean(p: np.ndarray = frequencies) -> list[float]:
            return [lean_column(p, 500, 100, 0.618, seed) for seed in range(50)]

        for name, program, count in (("pandas and NumPy", plain, 5), ("NumPy alone", lean, 50)):
            other = measure(program, count, times=3)
            show(f"a loop over rows, {name}", other, f"loop / ours {other[0] / figures[0]:,.0f}")


def sklearn_income(
    x: np.ndarray, y: np.ndarray, p: np.ndarray, n: int, steps: int, w: float, seed: int
) -> np.ndarray:
    """Run one replicate of the regression of income as one would write it with scikit-learn."""
    rng = np.random.default_rng(seed)

    def fit(rows: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> np.ndarray:
        model = SklearnLogistic(C=np.inf, tol=1e-8, max_iter=1000)
        model.fit(rows[:, 1:], labels, sample_weight=weight)
        return np.append(model.intercept_, model.coef_[0])

    places = rng.choice(p.size, n, p=p)
    theta = fit(x[places], y[places], np.ones(n))
    weight = np.repeat([2 * w, 2 * (1 - w)], n)
    for _ in range(steps):
        real, other = rng.choice(p.size, (2, n), p=p)
        drawn = rng.random(n) < 1 / (1 + np.exp(-x[other] @ theta))
        theta = fit(np.concatenate([x[real], x[other]]), np.append(y[real], drawn), weight)
    return theta


def bench_income() -> None:
    """Adult, logistic regression of income: n = m = 500, T = 100, 30 weights."""
    n, steps, few = 500, 100, 10
    table, source = adult_income()
    x = standardised(table, PREDICTORS, counts="count")
    model = PopulationRegression(x, table["income"], counts=table["count"])
    print(f"\nAdult, income ({source}): n = m = {n}, T = {steps}, 30 weights")
    loop = FreshReal(n=n, m=n, w=WEIGHTS)
    reps = 3 * (model.cells(loop.rows(steps)) // WEIGHTS.size)
    figures = measure(ours(model, loop, steps=steps, reps=reps), reps * WEIGHTS.size, times=3)
    minutes = figures[0] * WEIGHTS.size * 1000 / 60_000
    show("lib", figures, f"30 weights, 1000 replicates: {minutes:.1f} minutes of one core")
    y, p = table["income"].to_numpy(), table["count"].to_numpy() / table["count"].sum()

    def plain() -> list[np.ndarray]:
        return [sklearn_income(x, y, p, n, few, 0.618, seed) for seed in range(3)]

    with threadpool_limits(1):
        middle, low, high = (t * steps / few for t in measure(plain, 3, times=3))
    note = f"loop / ours {middle / figures[0]:,.0f}"
    show("a loop that calls scikit-learn", (middle, low, high), note)


def bench_tree() -> None:
    """Adult, nine columns from a Chow-Liu tree: n = m = 500, 30 weights, each generation."""
    table, _ = adult_bands()
    codes = np.column_stack([table[name].cat.codes for name in ADULT_BANDS.names])
    model = ChowLiuTree(codes, counts=table["count"], sizes=ADULT_BANDS.sizes)
    print("\nAdult, Chow-Liu tree of nine columns: n = m = 500, ms for each generation")
    loop = FreshReal(n=500, m=500, w=WEIGHTS)
    reps, steps = model.cells(1000) // WEIGHTS.size, 20
    show("lib", measure(ours(model, loop, steps=steps, reps=reps), reps * 30 * steps, times=3))
    one = GeneratorModel(
        lambda: ChowLiuGenerator(ADULT_BANDS),
        ADULT_BANDS.decode(np.repeat(codes, table["count"], axis=0)),
        metrics={"edges": lambda fit: float(len(fit.edges))},
    )
    few = FreshReal(n=500, m=500, w=0.618)
    other = measure(ours(one, few, steps=20, reps=2), 40, times=3)
    show("the same tree on DataFrames, one at a time", other)


def bench_cholesky() -> None:
    """Why the library has a batched Cholesky factor of its own."""
    print("\nCholesky factors of 8000 matrices, ms for 1000 of them")
    rng = np.random.default_rng(1)
    for dim in (2, 4, 10, 20):
        lower = tri.gram(tri.wishart_factor(50, dim, (8, 1000), rng), dim)
        full = tri.unpack(lower, dim)
        mine = measure(lambda a=lower, d=dim: tri.cholesky(a, d), 8)  # type: ignore[misc]
        lapack = measure(lambda a=full: np.linalg.cholesky(a), 8)  # type: ignore[misc]
        show(
            f"d = {dim:2}: lib.models._triangular", mine, f"LAPACK / ours {lapack[0] / mine[0]:.1f}"
        )


if __name__ == "__main__":
    print("ms of one core per weight and replicate: median [fastest, slowest]")
    bench_gaussian()
    bench_regression()
    bench_cdf()
    bench_six_errors()
    bench_scenario_3()
    bench_kernel()
    bench_columns()
    bench_income()
    bench_tree()
    bench_cholesky()
