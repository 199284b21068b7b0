"""Covariates of a regression: normal rows, their Gram matrices, and expectations over them.

A row is x = (1, z) or x = z, with z standard normal in p dimensions. Whatever depends on x only
through the linear predictor x'theta depends on it through one direction, so that every
expectation below is a one-dimensional integral whatever p is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.special import roots_hermitenorm

from lib import _validate
from lib._validate import Array
from lib.models import _triangular as tri

Function = Callable[[Array], Array]
"""A function of the linear predictor, elementwise."""

MOST_NODES = 1000
"""Half the nodes of the rule for batches, enough for slopes of length 80."""

PRECISION = 1e-12
"""Relative change at which a quadrature is taken to have converged."""


@dataclass(frozen=True)
class GaussianDesign:
    """Rows x = (1, z) or x = z with z ~ N(0, identity).

    Attributes
    ----------
    dim : int
        Entries of a row, the constant included.
    intercept : bool
        Whether the first entry is the constant 1.
    """

    dim: int
    intercept: bool

    def draw(self, n: int, reps: int, rng: np.random.Generator) -> Array:
        """Draw n rows for each replicate: shape (replicates, d, n)."""
        rows = np.empty((reps, self.dim, n))
        if self.intercept:
            rows[:, 0] = 1
            rows[:, 1:] = rng.standard_normal((reps, self.dim - 1, n))
        else:
            rng.standard_normal(out=rows)
        return rows

    def gram_factor(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
        """Draw the Cholesky factors of the Gram matrices X'X of n rows, without the rows.

        Without a constant X'X is a Wishart matrix. With one, the first column of the factor is
        sqrt(n) (1, mean of z), and what is left is that of the rows about their mean: a Wishart
        matrix with n - 1 degrees of freedom.
        """
        if not self.intercept:
            return tri.wishart_factor(n, self.dim, size, rng)
        factor = tri.empty(size, self.dim * (self.dim + 1) // 2)
        factor[..., 0] = n**0.5
        if self.dim > 1:
            about_mean = tri.wishart_factor(n - 1, self.dim - 1, size, rng)
            for i in range(1, self.dim):
                factor[..., tri.entry(i, 0)] = rng.standard_normal(size)
                for j in range(1, i + 1):
                    factor[..., tri.entry(i, j)] = about_mean[..., tri.entry(i - 1, j - 1)]
        return factor

    def split(self, theta: Array) -> tuple[Any, Any]:
        """Return intercept and slopes, the latter of shape (..., p)."""
        if self.intercept:
            return theta[..., 0], theta[..., 1:]
        return 0.0, theta

    def moments(self, functions: Function, theta: Array, order: int) -> Array:
        """Return E[f(x'theta) s^j], j = 0, ..., order, with s the standard normal direction.

        Gauss-Hermite quadrature, with twice the nodes until nothing changes. A function that is
        too steep for it, such as the variance of a label when theta is long, goes to adaptive
        quadrature.
        """
        constant, slopes = self.split(theta)
        length = float(np.linalg.norm(slopes))
        last: Array | None = None
        for count in (64, 128, 256, 512, 1024):
            s, weights = hermite(count)
            with np.errstate(over="ignore", invalid="ignore"):
                values = weights * functions(constant + length * s)
            if not np.isfinite(values).all():
                break
            found = np.array([values @ s**j for j in range(order + 1)])
            scale = np.array([abs(values) @ abs(s) ** j for j in range(order + 1)])
            if last is not None and (abs(found - last) <= PRECISION * scale).all():
                return found
            last = found
        found = _adaptive(functions, constant, length, order)
        if not np.isfinite(found).all():
            raise _validate.fail("theta", "so short that its information is finite", theta)
        return found

    def outer(self, functions: Function, theta: Array) -> Array:
        """Return E[f(x'theta) x x'], shape (d, d)."""
        moments = self.moments(functions, theta, 2)
        unit = self._direction(theta)
        slopes: Array = moments[0] * np.eye(unit.size) + (moments[2] - moments[0]) * np.outer(
            unit, unit
        )
        if not self.intercept:
            return slopes
        across = moments[1] * unit
        return np.asarray(np.block([[moments[:1, None], across[None]], [across[:, None], slopes]]))

    def product(self, functions: Function, theta: Array) -> Array:
        """Return E[f(x'theta) x], shape (d,)."""
        moments = self.moments(functions, theta, 1)
        slopes = moments[1] * self._direction(theta)
        return np.concatenate([moments[:1], slopes]) if self.intercept else slopes

    def expectation(self, functions: Function, theta: Array) -> Array:
        """Return E[f(x'theta)] for a batch of theta, shape (..., d), by one rule for all."""
        return self._batch(functions, theta, 0)[..., 0]

    def outer_batch(self, functions: Function, theta: Array) -> Array:
        """Return the lower entries of E[f(x'theta) x x'] for a batch of theta, by one rule for all.

        Shape (..., d (d + 1) / 2).
        """
        moments = np.moveaxis(self._batch(functions, theta, 2), -1, 0)
        slopes = self.split(theta)[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            unit = slopes / np.sqrt((slopes**2).sum(axis=-1, keepdims=True))
        unit = np.where(np.isfinite(slopes) & ~np.isfinite(unit), 0, unit)
        entries = tri.empty(theta.shape[:-1], self.dim * (self.dim + 1) // 2)
        first = int(self.intercept)
        if self.intercept:
            entries[..., 0] = moments[0]
        for i in range(first, self.dim):
            if self.intercept:
                entries[..., tri.entry(i, 0)] = moments[1] * unit[..., i - first]
            for j in range(first, i + 1):
                along = (moments[2] - moments[0]) * unit[..., i - first] * unit[..., j - first]
                entries[..., tri.entry(i, j)] = along + moments[0] * (i == j)
        return entries

    def _batch(self, functions: Function, theta: Array, order: int) -> Array:
        """Return E[f(x'theta) s^j] for a batch of theta, shape (..., order + 1).

        The trapezoidal rule, which converges exponentially for analytic functions: the step is a
        fraction of 1 / |slopes|, in which a logistic curve bends, so that the relative error is
        about 1e-8 whatever the length, up to `MOST_NODES`.
        """
        constant, slopes = self.split(theta)
        length = np.sqrt((slopes**2).sum(axis=-1))
        longest = float(np.max(length, initial=0.0, where=np.isfinite(length)))
        half = min(MOST_NODES, math.ceil(9 / min(0.5, 0.8 / max(longest, 1e-9))))
        s = np.linspace(-9, 9, 2 * half + 1)
        weights = np.exp(-(s**2) / 2)
        weights /= weights.sum()
        at = np.asarray(constant)[..., None] + length[..., None] * s
        with np.errstate(invalid="ignore"):  # theta of a lost chain is NaN, and so is its moment
            values = functions(at)
        found: Array = values @ (weights[:, None] * s[:, None] ** np.arange(order + 1))
        return found

    def _direction(self, theta: Array) -> Array:
        slopes = np.asarray(self.split(theta)[1])
        length = np.linalg.norm(slopes)
        return slopes / length if length > 0 else np.zeros_like(slopes)


@cache
def hermite(count: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss-Hermite quadrature for the standard normal law."""
    nodes, weights = roots_hermitenorm(count)
    return nodes, weights / weights.sum()


def _adaptive(function: Function, constant: float, length: float, order: int) -> Array:
    """Return E[f(constant + length s) s^j], j = 0, ..., order, not finite if it overflows."""
    # exp(length * s) has its mass about s = length; beyond 12 more lies less than 1e-32 of it
    edge = 12.0 + length
    at = -constant / length  # where a logistic curve is steep
    near = [x for x in (at, at - 40 / length, at + 40 / length, 0.0, length) if abs(x) < edge]

    def integrand(s: float, j: int) -> float:
        density = np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi)
        return float(function(np.array([constant + length * s]))[0] * s**j * density)

    found = np.full(order + 1, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        if not math.isfinite(integrand(edge, 0)):
            return found
        for j in range(order + 1):
            # an odd moment may be zero, which no relative precision reaches
            least = 1e-13 * found[0] if j else 0.0
            found[j], _ = quad(
                integrand, -edge, edge, (j,), points=near, epsabs=least, epsrel=1e-11, limit=1000
            )
    return found
