"""Simulations as a student would write them, right and wrong, for every simulated exercise.

They use NumPy and SciPy, and nothing of the library but its tables of data. `RIGHT` has one for
each exercise; `WRONG` has, for each, well-known wrong loops, by words of the advice that they must
get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from statsmodels.datasets import randhie

from lib.data import adult_bands, shipped_income

Rng = np.random.Generator
Simulation = Callable[[Rng], Any]


# Foundations


def first_loop(rng: Rng, *, fixed: bool = False, w: float = 0.5, late: bool = False) -> Any:
    """Fresh-real loop with rows: n = 50 rows of mean 3 and deviation 2, m = 100."""
    chains, n, m = 7000, 50, 100
    start = real = rng.normal(3, 2, size=(chains, n)).mean(axis=1)
    fits = [start]
    for _ in range(6 if late else 5):
        drawn = rng.normal(fits[-1][:, None], 2, size=(chains, m)).mean(axis=1)
        if not fixed:
            real = rng.normal(3, 2, size=(chains, n)).mean(axis=1)
        fits.append(w * real + (1 - w) * drawn)
    return (np.array(fits[late:]).T - 3) ** 2 / (4 / n)


def window(rng: Rng, *, steps: int = 10, redrawn: bool = False, sets: int = 2) -> Any:
    """Keep the last two synthetic sets of n = m rows, held by their means in units of 1/n."""
    chains = 25_000
    before = rng.normal(size=chains)
    older = before + rng.normal(size=chains)
    fit = older
    for _ in range(steps - 1):
        newer = fit + rng.normal(size=chains)
        if redrawn:
            older = before + rng.normal(size=chains)
        before, fit = fit, (newer + older) / 2 if sets == 2 else newer
        older = newer
    return fit**2


def chase(rng: Rng, *, q: float = 2.0, late: bool = False) -> Any:
    """Follow a truth that moves by a step of variance q before each generation, k = 1, w = 0.7."""
    chains, w = 7000, 0.7
    truth = np.zeros(chains)
    fit = rng.normal(size=chains)
    for _ in range(30):
        if not late:
            truth = truth + rng.normal(scale=q**0.5, size=chains)
        fit = w * rng.normal(truth) + (1 - w) * rng.normal(fit)
        if late:
            truth = truth + rng.normal(scale=q**0.5, size=chains)
    return (fit - truth) ** 2


# The Gaussian


def gaussian_mean(
    rng: Rng, *, ddof: int = 1, fixed: bool = False, truth: bool = False, scale: float = 4
) -> Any:
    """Run the chapter's algorithm in one dimension, n = m = 4, w = 1/2, with rows."""
    chains, n, w = 15_000, 4, 0.5
    rows = rng.normal(size=(chains, n))
    mean, variance = rows.mean(axis=1), rows.var(axis=1, ddof=ddof)
    for _ in range(25):
        source = (0.0, 1.0) if truth else (mean[:, None], np.sqrt(variance)[:, None])
        drawn = rng.normal(*source, size=(chains, n))
        if not fixed:
            rows = rng.normal(size=(chains, n))
        mean = w * rows.mean(axis=1) + (1 - w) * drawn.mean(axis=1)
        variance = w * rows.var(axis=1, ddof=ddof) + (1 - w) * drawn.var(axis=1, ddof=ddof)
    return scale * mean**2


def log_variance(rng: Rng, *, steps: int = 10, ddof: int = 1, root: bool = False) -> Any:
    """Log-variance of the fully synthetic loop in one dimension, ten rows a generation."""
    chains = 20_000
    variance = np.ones(chains)
    for _ in range(steps + 1):
        rows = rng.normal(scale=np.sqrt(variance)[:, None], size=(chains, 10))
        variance = rows.var(axis=1, ddof=ddof)
    return np.log(variance) * (0.5 if root else 1)


# Regression


def tosses(
    rng: Rng, *, w: float = 0.5, fixed: bool = False, truth: bool = False, unit: float = 0.021
) -> Any:
    """Estimate a coin, p = 0.3, from 10 real and 20 synthetic tosses."""
    chains, n, m, p = 10_000, 10, 20, 0.3
    real = fit = rng.binomial(n, p, size=chains) / n
    for _ in range(25):
        drawn = rng.binomial(m, p if truth else fit, size=chains) / m
        if not fixed:
            real = rng.binomial(n, p, size=chains) / n
        fit = w * real + (1 - w) * drawn
        fit = np.clip(fit, 0, 1)  # rounding
    return (fit - p) ** 2 / unit


def slopes(rng: Rng, *, noise: float = 1.0, fixed: bool = False, width: float = 12.0) -> Any:
    """Slope of a line through x = 0, ..., 4 with uniform errors of variance 1."""
    chains, x, w = 8000, np.arange(5.0), 0.5
    slope_of = np.linalg.pinv(np.column_stack([np.ones(5), x]))

    def labels(theta: Any, scale: float = 1.0) -> Any:
        errors = (rng.random((chains, 5)) - 0.5) * np.sqrt(width) * scale
        return (theta[:, 0, None] + theta[:, 1, None] * x + errors) @ slope_of.T

    truth = np.tile([1.0, -2.0], (chains, 1))
    real = fit = labels(truth)
    for _ in range(25):
        drawn = labels(fit, noise)
        if not fixed:
            real = labels(truth)
        fit = w * real + (1 - w) * drawn
    return 10 * (fit[:, 1] + 2) ** 2


def alike(rng: Rng, *, last: int = 10, ones: bool = False, fresh: bool = False) -> Any:
    """1 where ten labels of an intercept-only logistic regression agree by generation 10."""
    chains = 12_000
    p, lost = np.full(chains, 0.5), np.zeros(chains, dtype=bool)
    for _ in range(last + 1):
        count = rng.binomial(10, 0.5 if fresh else p, size=chains)
        lost |= (count == 10) | ((count == 0) & (not ones))
        p = count / 10
    return lost.astype(float)


def rates(
    rng: Rng, *, w: float = 0.6, fixed: bool = False, truth: bool = False, unit: float = 0.2
) -> Any:
    """Estimate a Poisson rate of 2 from ten real and ten synthetic counts."""
    chains = 9000
    real = fit = rng.poisson(2, size=(chains, 10)).mean(axis=1)
    for _ in range(25):
        drawn = rng.poisson(2 if truth else fit[:, None], size=(chains, 10)).mean(axis=1)
        if not fixed:
            real = rng.poisson(2, size=(chains, 10)).mean(axis=1)
        fit = w * real + (1 - w) * drawn
    return (fit - 2) ** 2 / unit


def overdispersed(
    rng: Rng, *, real: str = "wide", model: str = "poisson", unit: float = 0.1
) -> Any:
    """Fit a Poisson rate to geometric counts of mean 2 and variance 6, n = m = 20, w = 0.43."""
    chains, w = 7500, 0.43

    def wide(mean: Any) -> Any:
        # gamma mixture of shape 2 times the mean over 4: the variance is three times the mean
        return rng.poisson(rng.gamma(mean / 2, 2.0, size=(chains, 20))).mean(axis=1)

    def narrow(mean: Any) -> Any:
        return rng.poisson(mean, size=(chains, 20)).mean(axis=1)

    world = wide if real == "wide" else narrow
    again = narrow if model == "poisson" else wide
    fit = world(2.0)
    for _ in range(12):
        fit = w * world(2.0) + (1 - w) * again(fit[:, None])
    return (fit - 2) ** 2 / unit


# Nonparametric


def survivors(rng: Rng, *, steps: int = 5, forget: bool = False) -> Any:
    """Different ancestors after five generations of resampling 30 rows."""
    values = []
    for _ in range(1500):
        ancestors = np.arange(30)
        for _ in range(steps):
            if forget:
                ancestors = np.arange(30)
            ancestors = ancestors[rng.integers(30, size=30)]
        values.append(len(np.unique(ancestors)))
    return np.array(values)


def skewed_mean(rng: Rng, *, fixed: bool = False, truth: bool = False, scale: float = 20) -> Any:
    """Mean of a lognormal column in the fresh-real loop, n = m = 20, w = 1/2."""
    chains, n, sd = 17_000, 20, 0.6
    centre, variance = np.exp(sd**2 / 2), np.expm1(sd**2) * np.exp(sd**2)

    def world() -> Any:
        return rng.lognormal(0, sd, size=(chains, n))

    real = world()
    drawn = np.take_along_axis(real, rng.integers(n, size=(chains, n)), axis=1)
    for t in range(16):
        if t:
            rows = np.concatenate([real, drawn], axis=1)
            side = n * (rng.random((chains, n)) < 0.5)
            chosen = side + rng.integers(n, size=(chains, n))
            drawn = world() if truth else np.take_along_axis(rows, chosen, axis=1)
        if not fixed:
            real = world()
    fit = (real.mean(axis=1) + drawn.mean(axis=1)) / 2
    return scale * (fit - centre) ** 2 / variance


def missing(rng: Rng, *, which: str = "fit", w: float = 0.2, steps: int = 3) -> Any:
    """1 where a category of probability 0.05 is missing from a fit, n = 10 and m = 50."""
    chains = 60_000
    fit = rng.binomial(10, 0.05, size=chains) / 10
    ever = fit == 0
    for _ in range(steps):
        drawn = rng.binomial(50, fit, size=chains)
        real = rng.binomial(10, 0.05, size=chains)
        fit = w * real / 10 + (1 - w) * drawn / 50
        ever |= fit == 0
    lost = {"fit": fit == 0, "ever": ever, "real": real == 0, "synthetic": drawn == 0}
    return lost[which].astype(float)


def smoothed_draw(
    rng: Rng, *, last: bool = True, h: float = 0.7, w: float = 0.25, once: bool = False
) -> Any:
    """Square of one draw from the density of generation 10, n = m = 10."""
    chains, n = 8000, 10
    real = rng.normal(size=(chains, n))
    drawn = None
    for t in range(11):
        if t:
            real = rng.normal(size=(chains, n))
        from_real = rng.random((chains, n)) < (w if t else 1.0)
        pick = rng.integers(n, size=(chains, n))
        rows = np.take_along_axis(real, pick, axis=1)
        if drawn is not None:
            rows = np.where(from_real, rows, np.take_along_axis(drawn, pick, axis=1))
        drawn = rows if once and t < 10 else rows + h * rng.normal(size=(chains, n))
        chosen = rows
    return (drawn if last else chosen)[:, 0] ** 2


# Experiments and real data


def small_start(rng: Rng, *, first: float = 0.5, later: float = 1.0, fits: int = 4) -> Any:
    """Least squares on its own labels, with first covariates of another scale."""
    values = []
    for _ in range(5000):
        theta, scale = np.ones(2), first
        for _ in range(fits):
            x = rng.normal(scale=scale, size=(20, 2))
            y = x @ theta + rng.normal(size=20)
            theta, scale = np.linalg.solve(x.T @ x, x.T @ y), later
        values.append((theta - 1) ** 2)
    return np.sum(values, axis=1)


def normal_loop(
    rng: Rng,
    *,
    m: int,
    w: float,
    steps: int,
    last: int = 1,
    fixed: bool = False,
    unit: float = 0.1,
    chains: int = 7000,
) -> Any:
    """Mean of the fresh-real loop in one dimension, n = 10: errors averaged over the last ones."""
    rows = rng.normal(size=(chains, 10))
    mean, variance, errors = rows.mean(axis=1), rows.var(axis=1, ddof=1), []
    for _ in range(steps):
        drawn = rng.normal(mean[:, None], np.sqrt(variance)[:, None], size=(chains, m))
        if not fixed:
            rows = rng.normal(size=(chains, 10))
        mean = w * rows.mean(axis=1) + (1 - w) * drawn.mean(axis=1)
        variance = w * rows.var(axis=1, ddof=1) + (1 - w) * drawn.var(axis=1, ddof=1)
        errors.append(mean**2 / unit)
    return np.mean(errors[-last:], axis=0)


panel = partial(normal_loop, m=10, w=0.62, steps=29, last=10)
early = partial(normal_loop, m=100, w=1 / 11, steps=4, chains=40_000)

MARITAL = np.array([22379, 16117, 6633, 1530, 1518, 628, 37]) / 48842
"""Frequencies of marital_status in Adult, from the most frequent on."""


def column(rng: Rng, *, total: bool = False, w: float = 0.5, steps: int = 12) -> Any:
    """Squared error of the frequencies of a column, n = m = 20, by drawing each row."""

    def drawn(shares: Any) -> Any:
        below = rng.random((4000, 20, 1)) > np.cumsum(shares, axis=-1)[..., None, :-1]
        rows = below.sum(axis=2)
        return np.stack([(rows == c).mean(axis=1) for c in range(7)], axis=1)

    fit = drawn(MARITAL)
    for _ in range(steps):
        fit = w * drawn(MARITAL) + (1 - w) * drawn(fit)
    return ((fit - MARITAL) ** 2).sum(axis=1) / (1 if total else 7)


def age_moves(rng: Rng, *, labels: str = "table", inverse: bool = True) -> Any:
    """Squared move of the coefficient of age by a row of the joint counts, fitted with SciPy."""
    table = shipped_income()
    share = (table["count"] / table["count"].sum()).to_numpy()
    x = table[["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]]
    x = x.to_numpy(float) - share @ x.to_numpy(float)
    x = np.column_stack([np.ones(len(x)), x / np.sqrt(share @ x**2)])
    y = table["income"].to_numpy(float)

    def loss(theta: Any) -> tuple[float, Any]:
        s = x @ theta
        return share @ (np.logaddexp(0, s) - y * s), x.T @ (share * (expit(s) - y))

    theta = minimize(loss, np.zeros(6), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    p = expit(x @ theta)
    information = x.T @ ((share * p * (1 - p))[:, None] * x)
    chosen = rng.choice(len(x), size=60_000, p=share)
    seen = y[chosen] if labels == "table" else rng.random(60_000) < p[chosen]
    score = (seen - p[chosen])[:, None] * x[chosen]
    return (np.linalg.solve(information, score.T)[1] if inverse else score[:, 1]) ** 2


def visits(rng: Rng, *, real: str = "table", steps: int = 5) -> Any:
    """Mean count of doctor visits, 100 real and 100 Poisson counts, w = 1/2."""
    counts = randhie.load_pandas().data["mdvis"].to_numpy(float)

    def world() -> Any:
        size = (8000, 100)
        rows = (
            rng.choice(counts, size=size) if real == "table" else rng.poisson(counts.mean(), size)
        )
        return rows.mean(axis=1)

    fit = world()
    for _ in range(steps):
        fit = (world() + rng.poisson(fit[:, None], size=(8000, 100)).mean(axis=1)) / 2
    return (fit - counts.mean()) ** 2


def drawn_again(rng: Rng, *, again: bool = True, w: float = 0.62, steps: int = 10) -> Any:
    """Frequency of a category when the training rows are drawn again with their weights."""
    chains = 9000
    heights = np.cumsum(np.repeat([w / 20, (1 - w) / 20], 20))
    fit = (rng.random((chains, 20)) < 0.3).mean(axis=1)
    for _ in range(steps):
        real = rng.random((chains, 20)) < 0.3
        rows = np.concatenate([real, rng.random((chains, 20)) < fit[:, None]], axis=1)
        fit = w * rows[:, :20].mean(axis=1) + (1 - w) * rows[:, 20:].mean(axis=1)
        if again:
            pick = np.searchsorted(heights, rng.random((chains, 40)) * heights[-1])
            fit = np.take_along_axis(rows, pick, axis=1).mean(axis=1)
    return (fit - 0.3) ** 2


def trees(rng: Rng, *, n: int = 20, m: int = 10, w: float = 0.4, steps: int = 12) -> Any:
    """Squared error of one-way frequencies under trees that differ at every generation.

    They are drawn by lot and not learned, which must not matter. A child is copied from a training
    row with the parent's category.
    """
    table, _ = adult_bands()
    codes = np.column_stack([table[name].cat.codes for name in table if name != "count"])
    share = (table["count"] / table["count"].sum()).to_numpy()
    chains, columns = 600, codes.shape[1]

    def world() -> Any:
        return codes[rng.choice(len(codes), size=(chains, n), p=share)]

    rows, weights = world(), np.full(n, 1 / n)
    for _ in range(steps):
        drawn = np.zeros((chains, m, columns), dtype=int)
        order = rng.permutation(columns)
        for i, child in enumerate(order):
            fits = np.ones((chains, m, rows.shape[1]), dtype=bool)
            if i:
                parent = order[rng.integers(i)]
                fits = drawn[:, :, parent, None] == rows[:, None, :, parent]
            heights = np.cumsum(fits * weights, axis=2)
            level = heights[..., -1:] * (1 - rng.random((chains, m, 1)))  # above 0
            pick = (heights < level * (1 - 1e-12)).sum(axis=2)
            drawn[:, :, child] = np.take_along_axis(rows[:, :, child], pick, axis=1)
        rows = np.concatenate([world(), drawn], axis=1)
        weights = np.repeat([w / n, (1 - w) / m], [n, m])
    errors, cells = np.zeros(chains), 0
    for c in range(columns):
        for category in range(codes[:, c].max() + 1):
            truth = share @ (codes[:, c] == category)
            errors += ((rows[:, :, c] == category) @ weights - truth) ** 2
            cells += 1
    return errors / cells


def stale(rng: Rng, *, age: int = 3, q: float = 0.3, behind: bool = False, steps: int = 30) -> Any:
    """Follow a truth that moves with a model that is some generations old, k = 1, w = 0.6."""
    chains, w = 12_000, 0.6
    truths = [np.zeros(chains)]
    fits = [rng.normal(size=chains)]
    for t in range(1, steps + 1):
        truths.append(truths[-1] + rng.normal(scale=np.sqrt(q), size=chains))
        drawn = rng.normal(fits[max(0, t - age)])
        fits.append(w * rng.normal(truths[-1]) + (1 - w) * drawn)
    return (fits[-1] - truths[-1 - age if behind else -1]) ** 2


def stacked(
    rng: Rng,
    *,
    penalty: float = 0.5,
    whole: float = 1.0,
    w: float = 0.4,
    fixed: bool = False,
    noise: float = 1.0,
) -> Any:
    """Ridge regression with two rows and three columns, real and synthetic labels stacked."""
    chains, design, theta = 12_000, np.array([[1.0, 1, 0], [0, 1, 1]]), np.array([1.0, 2, 0])
    rows = np.vstack([design, design])
    share = whole * np.repeat([w, 1 - w], 2)
    inverse = np.linalg.pinv(rows.T @ (share[:, None] * rows) + penalty * np.eye(3), rcond=1e-10)
    real = design @ theta + rng.normal(size=(chains, 2))
    alone = np.linalg.pinv(whole * design.T @ design + penalty * np.eye(3), rcond=1e-10)
    fit = whole * real @ design @ alone
    for _ in range(20):
        if not fixed:
            real = design @ theta + rng.normal(size=(chains, 2))
        drawn = fit @ design.T + noise * rng.normal(size=(chains, 2))
        fit = (np.hstack([real, drawn]) * share) @ rows @ inverse
    return ((fit - theta) ** 2).sum(axis=1)


def bought(
    rng: Rng,
    *,
    n: int = 6,
    m: int = 36,
    w: float = 1 / 3,
    unit: int = 10,
    fixed: bool = False,
) -> Any:
    """Loop with the rows of a plan, by their averages; errors in units of ten real rows."""
    chains = 24_000
    real = rng.normal(size=chains) / n**0.5
    mean = real
    for _ in range(20):
        if not fixed:
            real = rng.normal(size=chains) / n**0.5
        mean = w * real + (1 - w) * (mean + rng.normal(size=chains) / m**0.5)
    return unit * mean**2


def dry(rng: Rng, *, w: float = 4 / 6, skipped: bool = False, scatter: bool = True) -> Any:
    """Squared errors of a mean after a month without real rows and a month with both kinds."""
    chains = 30_000
    rows = rng.normal(size=(chains, 4))
    for _ in range(1 if skipped else 2):
        mean, sd = rows.mean(axis=1), rows.std(axis=1, ddof=1)
        rows = mean[:, None] + scatter * sd[:, None] * rng.normal(size=(chains, 8))
    real = rng.normal(size=(chains, 4))
    return (w * real.mean(axis=1) + (1 - w) * rows.mean(axis=1)) ** 2


RIGHT: Mapping[str, Simulation] = {
    "loops-first": first_loop,
    "loops-window": window,
    "recursion-chase": chase,
    "mean-loop": gaussian_mean,
    "covariance-log": log_variance,
    "glm-tosses": tosses,
    "linear-labels": slopes,
    "logistic-alike": alike,
    "poisson-rate": rates,
    "sandwich-counts": overdispersed,
    "cdf-survivors": survivors,
    "cdf-mean": skewed_mean,
    "loss-fresh": missing,
    "kde-draw": smoothed_draw,
    "collapse-first": small_start,
    "golden-panel": panel,
    "flood-early": early,
    "adult-column": column,
    "income-age": age_moves,
    "visits-constant": visits,
    "table-trees": trees,
    "generator-drawn": drawn_again,
    "worth-loop": bought,
    "drift-stale": stale,
    "golden-dry": dry,
    "ridge-loop": stacked,
}

WRONG: Mapping[str, Mapping[str, Simulation]] = {
    "loops-first": {
        "not those of D_0": partial(first_loop, fixed=True),
        "not n/(n + m)": partial(first_loop, w=1 / 3),
        "column 0 is the fit on": partial(first_loop, late=True),
        "divide by the error": lambda rng: first_loop(rng) * 0.08,
    },
    "loops-window": {
        "fully synthetic": partial(window, sets=1),
        "not drawn again": partial(window, redrawn=True),
        "too early": partial(window, steps=9),
        "too late": partial(window, steps=11),
    },
    "recursion-chase": {
        "stays where it is": partial(chase, q=0.0),
        "before the real rows": partial(chase, late=True),
        "its root": partial(chase, q=4.0),
    },
    "mean-loop": {
        "minus one": partial(gaussian_mean, ddof=0),
        "not those of D_0": partial(gaussian_mean, fixed=True),
        "not from the truth": partial(gaussian_mean, truth=True),
        "by n": partial(gaussian_mean, scale=1),
    },
    "covariance-log": {
        "11 samples": partial(log_variance, steps=9),
        "minus one": partial(log_variance, ddof=0),
        "standard deviation": partial(log_variance, root=True),
    },
    "glm-tosses": {
        "not n/(n + m)": partial(tosses, w=1 / 3),
        "new real tosses": partial(tosses, fixed=True),
        "not from the truth": partial(tosses, truth=True),
        "divide by": partial(tosses, unit=1),
    },
    "linear-labels": {
        "synthetic labels have errors": partial(slopes, noise=0.0),
        "measured again": partial(slopes, fixed=True),
        "divide by": lambda rng: slopes(rng) / 10,
        "1/12": partial(slopes, width=1.0),
        "1/3": partial(slopes, width=4.0),
    },
    "logistic-alike": {
        "0 or 1": partial(alike, ones=True),
        "true coin": partial(alike, fresh=True),
        "first sample": partial(alike, last=9),
        "generation 11": partial(alike, last=11),
    },
    "poisson-rate": {
        "not from the true rate": partial(rates, truth=True),
        "new real counts": partial(rates, fixed=True),
        "w is the weight": partial(rates, w=0.4),
        "divide by": partial(rates, unit=1),
    },
    "sandwich-counts": {
        "real counts are overdispersed": partial(overdispersed, real="narrow"),
        "they are Poisson": partial(overdispersed, model="wide"),
        "divide by": partial(overdispersed, unit=1),
        "the unit is": partial(overdispersed, unit=0.3),
    },
    "cdf-survivors": {
        "too early": partial(survivors, steps=4),
        "too late": partial(survivors, steps=6),
        "not only to the last": partial(survivors, forget=True),
    },
    "cdf-mean": {
        "new real rows": partial(skewed_mean, fixed=True),
        "not from the truth": partial(skewed_mean, truth=True),
        "multiply": partial(skewed_mean, scale=1),
    },
    "loss-fresh": {
        "synthetic rows remember": partial(missing, which="real"),
        "not any fit": partial(missing, which="ever"),
        "the real rows of the generation": partial(missing, which="synthetic"),
        "1 stands for": lambda rng: 1 - missing(rng),
        "too early": partial(missing, steps=2),
        "too late": partial(missing, steps=4),
        "not of the synthetic ones": partial(missing, w=0.8),
    },
    "kde-draw": {
        "plus a draw from the kernel": partial(smoothed_draw, last=False),
        "have been smoothed": partial(smoothed_draw, once=True),
        "with its weight": partial(smoothed_draw, w=0.5),
    },
    "collapse-first": {
        "only the first covariates": partial(small_start, later=0.5),
        "the first covariates are small": partial(small_start, first=1.0),
        "too early": partial(small_start, fits=3),
        "too late": partial(small_start, fits=5),
        "both coefficients": lambda rng: small_start(rng) / 2,
    },
    "golden-panel": {
        "naive mixing": partial(panel, w=0.5),
        "not of the synthetic ones": partial(panel, w=0.38),
        "new at every generation": partial(panel, fixed=True),
        "divide by": partial(panel, unit=1),
        "real rows alone": partial(panel, w=1.0),
    },
    "flood-early": {
        "not the long run": partial(early, steps=25),
        "too early": partial(early, steps=3),
        "too late": partial(early, steps=5),
        "the best weight": partial(early, w=0.2702),
        "real rows alone": partial(early, w=1.0),
        "divide by": partial(early, unit=1),
    },
    "adult-column": {
        "take the mean": partial(column, total=True),
        "in units of real rows alone": lambda rng: column(rng) * 140 / (1 - MARITAL @ MARITAL),
        "real rows alone": partial(column, w=1.0),
        "fully synthetic": partial(column, w=0.0),
    },
    "income-age": {
        "labels of the model": partial(age_moves, labels="model"),
        "inverse information": partial(age_moves, inverse=False),
    },
    "visits-constant": {
        "not Poisson counts": partial(visits, real="model"),
        "real rows alone": partial(visits, steps=0),
    },
    "table-trees": {
        "generation 0": partial(trees, steps=0),
        "fully synthetic": partial(trees, w=0.0),
        "not of the synthetic ones": partial(trees, w=0.6),
    },
    "generator-drawn": {
        "no rows are drawn again": partial(drawn_again, again=False),
        "real rows alone": partial(drawn_again, steps=0),
        "not of the synthetic ones": partial(drawn_again, w=0.38),
    },
    "worth-loop": {
        "all rows alike": partial(bought, w=1 / 7),
        "the question says ten": partial(bought, unit=6),
        "not of the synthetic ones": partial(bought, w=2 / 3),
        "new at every generation": partial(bought, fixed=True),
    },
    "drift-stale": {
        "three steps of the truth": partial(stale, age=1),
        "stands still": partial(stale, q=0.0),
        "of its own generation": partial(stale, behind=True),
    },
    "golden-dry": {
        "all rows alike": partial(dry, w=1 / 3),
        "no month had been dry": partial(dry, w=0.5),
        "a fit of its own": partial(dry, w=0.6, skipped=True),
        "with their scatter": partial(dry, scatter=False),
    },
    "ridge-loop": {
        "smallest norm": partial(stacked, penalty=0.0),
        "not to 2": partial(stacked, whole=2.0),
        "new at every generation": partial(stacked, fixed=True),
        "not of the synthetic ones": partial(stacked, w=0.6),
        "drawn, not predicted": partial(stacked, noise=0.0),
    },
}
