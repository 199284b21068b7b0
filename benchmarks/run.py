"""Speed against stated baselines, in milliseconds of one core per weight and replicate.

Each figure is the median of several runs, with the fastest and the slowest: process time, so that
other work on the machine counts as little as possible. Beside each of ours stand

* a *baseline*: what a reader would otherwise run. For the Gaussian it is the published figure of
  the authors' program (about 33 ms); for an Adult column two loops over rows are timed here, a
  straightforward one with pandas and the leanest that NumPy allows.
* a *floor*: drawing the same random numbers and doing nothing with them.

Run it with ``make bench``, on a quiet machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pandas as pd

from lib import FreshReal, simulate
from lib.data import adult_counts
from lib.loops import Loop
from lib.models import Categorical, Gaussian, Model
from lib.models import _triangular as tri
from lib.models.base import CELLS

WEIGHTS = np.arange(0.20, 0.79, 0.02)
AUTHORS_GAUSSIAN = 33.0  # ms: the published program, on a machine like ours


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
    bench_columns()
    bench_cholesky()
