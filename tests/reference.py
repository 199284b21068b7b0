"""The book's loops as plainly as the text states them: every row is drawn, nothing is clever.

This is the reference for the fast code of `lib`, which draws sufficient statistics instead of rows
and runs all replicates at once. It shares no code with it. A loop is only asked for its name and
its numbers n, m and w. A part of a training set is a pair (weight of all its rows together, rows).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray

Rows = NDArray[Any]
Parts = list[tuple[float, Rows]]
Draw = Callable[[Any, int], Rows]
Fit = Callable[[Parts], Any]


def training_set(loop: Any, real: list[Rows], synthetic: list[Rows]) -> Parts:
    """Return the parts that a generation is trained on, from all the rows there have been."""
    name = type(loop).__name__
    if name == "FullySynthetic":
        return [(1.0, synthetic[-1])]
    if name == "Accumulate":
        sets = [real[0], *synthetic]
        total = sum(len(rows) for rows in sets)
        return [(len(rows) / total, rows) for rows in sets]
    if name == "FixedReal":
        return [(loop.w, real[0]), (1 - loop.w, synthetic[-1])]
    if name == "FreshReal":
        return [(loop.w, real[-1]), (1 - loop.w, synthetic[-1])]
    raise ValueError(f"no such loop: {name}")


def generations(loop: Any, truth: Any, draw: Draw, fit: Fit, steps: int) -> list[Any]:
    """Run one replicate of a loop and return its fits at t = 0, ..., steps."""
    real = [draw(truth, loop.n)]
    synthetic: list[Rows] = []
    fits = [fit([(1.0, real[0])])]
    for _ in range(steps):
        real.append(draw(truth, loop.n))
        synthetic.append(draw(fits[-1], loop.m))
        fits.append(fit(training_set(loop, real, synthetic)))
    return fits


def gaussian_draw(rng: np.random.Generator) -> Draw:
    """Return a function that draws rows from (mean, covariance)."""

    def draw(fit: tuple[Rows, Rows], rows: int) -> Rows:
        # "ignore": a singular covariance has eigenvalues of -1e-17
        return rng.multivariate_normal(*fit, size=rows, check_valid="ignore")

    return draw


def gaussian_fit(parts: Parts) -> tuple[Rows, Rows]:
    """Weighted mean of the means, and of the covariances with divisor (rows - 1)."""
    dim = parts[0][1].shape[1]
    mean, covariance = np.zeros(dim), np.zeros((dim, dim))
    for weight, rows in parts:
        center = rows.sum(axis=0) / len(rows)
        apart = rows - center
        mean += weight * center
        covariance += weight * (apart.T @ apart) / (len(rows) - 1)
    return mean, covariance


def categorical_draw(rng: np.random.Generator) -> Draw:
    """Return a function that draws rows (numbers of categories) from frequencies."""

    def draw(frequencies: Rows, rows: int) -> Rows:
        # the sum of weighted frequencies is 1 up to rounding, which `choice` checks
        return rng.choice(len(frequencies), size=rows, p=frequencies / frequencies.sum())

    return draw


def categorical_fit(categories: int) -> Fit:
    """Return a function that counts rows, each with its weight."""

    def fit(parts: Parts) -> Rows:
        frequencies = np.zeros(categories)
        for weight, rows in parts:
            for category in range(categories):
                frequencies[category] += weight * (rows == category).sum() / len(rows)
        return frequencies

    return fit


def regression_draw(
    rng: np.random.Generator,
    label: Callable[[Rows], Rows],
    *,
    covariates: int,
    intercept: bool = False,
    design: Rows | None = None,
) -> Draw:
    """Return a function that draws rows (covariates, label); `label` takes linear predictors.

    Covariates are standard normal, or the rows of a fixed design over and over.
    """

    def draw(theta: Rows, rows: int) -> Rows:
        if design is None:
            x = rng.standard_normal((rows, covariates))
        else:
            x = np.array([design[i % len(design)] for i in range(rows)])
        if intercept:
            x = np.column_stack([np.ones(rows), x])
        return np.column_stack([x, label(x @ theta)])

    return draw


def _stacked(parts: Parts) -> tuple[Rows, Rows, Rows]:
    """Return covariates, labels and the weight of each row."""
    rows = np.concatenate([rows for _, rows in parts])
    weight = np.concatenate([np.full(len(rows), weight / len(rows)) for weight, rows in parts])
    return rows[:, :-1], rows[:, -1], weight


def least_squares_fit(parts: Parts) -> Rows:
    """Weighted least squares."""
    x, y, weight = _stacked(parts)
    root = np.sqrt(weight)
    return np.asarray(np.linalg.lstsq(root[:, None] * x, root * y)[0])


def likelihood_fit(family: Any) -> Fit:
    """Return a function that maximises a weighted likelihood with statsmodels."""

    def fit(parts: Parts) -> Rows:
        x, y, weight = _stacked(parts)
        return np.asarray(sm.GLM(y, x, family, var_weights=weight * len(y)).fit().params)

    return fit


def rows_draw(rng: np.random.Generator, noise: Callable[[int], Rows] | None = None) -> Draw:
    """Return a function that draws rows from a scipy distribution, or from weighted rows.

    With `noise`, rows that are drawn from rows are moved by so many draws of it.
    """

    def draw(law: Any, rows: int) -> Rows:
        if hasattr(law, "rvs"):
            return np.asarray(law.rvs(size=rows, random_state=rng), dtype=float)
        values, weight = law
        # the sum of weights is 1 up to rounding, which `choice` checks
        drawn = rng.choice(values, size=rows, p=weight / weight.sum())
        return drawn if noise is None else drawn + noise(rows)

    return draw


def rows_fit(parts: Parts) -> tuple[Rows, Rows]:
    """Keep all rows, and the weight of each."""
    values = np.concatenate([rows for _, rows in parts])
    weight = np.concatenate([np.full(len(rows), weight / len(rows)) for weight, rows in parts])
    return values, weight


def step_function(fit: tuple[Rows, Rows], x: float) -> float:
    """Return the weight of the rows up to x."""
    values, weight = fit
    return float(weight[values <= x].sum())


def cdf_error(fit: tuple[Rows, Rows], law: Any) -> float:
    """Integral of (F_t - F)^2 dF for a continuous F: the square is multiplied out.

    With u = F(x) the integral of 1{u_i <= v} 1{u_j <= v} is 1 - max(u_i, u_j), that of
    1{u_i <= v} v is (1 - u_i^2)/2, and that of v^2 is 1/3.
    """
    values, weight = fit
    u = law.cdf(values)
    total = weight @ (1 - np.maximum(u[:, None], u)) @ weight
    return float(total - weight @ (1 - u**2) + 1 / 3)


def cdf_supremum(fit: tuple[Rows, Rows], law: Any) -> float:
    """Largest distance of F_t and a continuous F: at a row, or just before it."""
    values, weight = fit
    return max(
        max(abs(step_function(fit, x) - u), abs(weight[values < x].sum() - u))
        for x, u in zip(values, law.cdf(values), strict=True)
    )


def discrete_errors(fit: tuple[Rows, Rows], law: Any, support: Rows) -> tuple[float, float]:
    """Sum of p (F_t - F)^2 and largest |F_t - F| over all values of a discrete distribution."""
    apart = np.array([step_function(fit, x) for x in support]) - law.cdf(support)
    return float((law.pmf(support) * apart**2).sum()), float(abs(apart).max())


def kernel_errors(
    fit: tuple[Rows, Rows], h: float, kernel: Callable[[Rows], Rows], x: Rows, truth: Rows
) -> tuple[float, float]:
    """Integrated squared error and second moment of a kernel density estimate, on a fine grid.

    `truth` holds the true density, of mean 0, at the equally spaced `x`.
    """
    values, weight = fit
    density = np.zeros(len(x))
    for value, share in zip(values, weight, strict=True):
        density += share * kernel((x - value) / h) / h
    step = x[1] - x[0]
    return float(((density - truth) ** 2).sum() * step), float((density * x**2).sum() * step)
