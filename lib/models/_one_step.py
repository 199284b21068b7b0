"""One generation of least squares with random designs: how much of the old error it keeps.

With Gram matrices S of the real rows and S~ of the synthetic rows, each divided by its number of
rows, and G = w S + (1-w) S~, the new error of the coefficients is A times the old one plus noise,

    A = (1-w) G^{-1} S~,   noise covariance = sigma^2 G^{-1} (w^2 S/n + (1-w)^2 S~/m) G^{-1}.

Both designs are new at every generation, so that only the expectations of quadratic functions of A
and of the noise matter. They are computed once by quasi-Monte Carlo over Bartlett's factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv, ndtri
from scipy.stats import qmc

from lib._validate import Array

SCRAMBLES = 16
"""Sobol points are scrambled so often: the scrambles differ by what is the quadrature's error."""


def _points(dim: int) -> int:
    """Return the logarithm of the number of points in a scramble, fewer for large matrices."""
    return 12 if dim <= 6 else 10 if dim <= 12 else 8


class OneStep(NamedTuple):
    """Expectations of one generation, for each weight.

    Attributes
    ----------
    noise : ndarray, shape (weights, s)
        What the generation adds to the state, for noise of variance 1.
    kept : ndarray, shape (weights, s, s)
        What it keeps of the state. Without an intercept the state is the squared error; with one,
        the squared error and that of the intercept.
    standard_error : float
        Largest relative standard error of the quadrature, over the entries of the squared error.
    """

    noise: Array
    kept: Array
    standard_error: float


@dataclass(frozen=True)
class _Pencils:
    """S = P P' and S~ = P diag(ratio) P' for many pairs of designs, shape (scrambles, points, ...).

    Both Gram matrices are diagonal at once, so that a weight costs no further decomposition.
    """

    ratio: Array
    inner: Array  # P', rows of P in the columns
    outer: Array  # inverse of P


def one_step(n: int, m: int, weights: Array, dim: int, *, intercept: bool) -> OneStep:
    """Return the expectations of one generation for a grid of weights in (0, 1)."""
    pencils = _pencils(n, m, dim, intercept)
    split = intercept and dim > 1  # intercept and slopes are not exchangeable
    blocks = [slice(0, 1), slice(1, dim)] if split else [slice(0, dim)]
    sizes = np.array([part.stop - part.start for part in blocks])
    # squared entries of A = (1-w) P^{-T} diag(d) P', summed over a block: a form in d
    outers = [_gram(pencils.outer[..., :, part]) for part in blocks]
    forms = [[one * _gram(pencils.inner[..., :, part]) for part in blocks] for one in outers]
    noise, kept = [], []
    for w in weights:
        shared = w + (1 - w) * pencils.ratio
        d = (1 - w) * pencils.ratio / shared
        q = (w**2 / n + (1 - w) ** 2 * pencils.ratio / m) / shared**2
        noise.append([(q * _diagonal(one)).sum(axis=-1).mean(axis=-1) for one in outers])
        kept.append(
            [
                [np.einsum("sik,sikl,sil->s", d, form, d) / d.shape[1] for form in row]
                for row in forms
            ]
        )
    # (weights, state[, state], scrambles); errors are spread evenly over a block's coordinates
    a, c = np.array(noise), np.array(kept) / sizes[:, None]
    if split:  # from (intercept, slopes) to (total, intercept)
        a = np.stack([a[:, 0] + a[:, 1], a[:, 0]], axis=1)
        total = c[:, 0] + c[:, 1]
        c = np.stack(
            [
                np.stack([total[:, 1], total[:, 0] - total[:, 1]], axis=1),
                np.stack([c[:, 0, 1], c[:, 0, 0] - c[:, 0, 1]], axis=1),
            ],
            axis=1,
        )
    spread = max(
        float((values.std(axis=-1, ddof=1) / SCRAMBLES**0.5 / values.mean(axis=-1)).max())
        for values in (a[:, 0], c[:, 0, 0])
    )
    return OneStep(a.mean(axis=-1), c.mean(axis=-1), spread)


def _gram(rows: Array) -> Array:
    return rows @ rows.swapaxes(-1, -2)


def _diagonal(matrix: Array) -> Array:
    return np.asarray(np.diagonal(matrix, axis1=-2, axis2=-1))


@lru_cache(maxsize=4)
def _pencils(n: int, m: int, dim: int, intercept: bool) -> _Pencils:
    count = dim * (dim + 1) // 2
    real, synthetic = [], []
    for scramble in range(SCRAMBLES):
        sobol = qmc.Sobol(2 * count, rng=np.random.default_rng(scramble))
        points = sobol.random_base2(_points(dim))
        points = np.clip(points, 1e-16, 1 - 1e-16)
        real.append(_factor(points[:, :count], n, dim, intercept))
        synthetic.append(_factor(points[:, count:], m, dim, intercept))
    left, right = np.stack(real), np.stack(synthetic)
    inverse = np.linalg.inv(left)
    ratio, vectors = np.linalg.eigh(_gram(inverse @ right))
    # S = L L', and L^{-1} S~ L^{-T} = V diag(ratio) V': P = L V
    return _Pencils(ratio, (left @ vectors).swapaxes(-1, -2), vectors.swapaxes(-1, -2) @ inverse)


def _factor(points: Array, rows: int, dim: int, intercept: bool) -> Array:
    """Return L with L L' = X'X / rows: Bartlett's decomposition at given quantiles."""
    factor = np.zeros((len(points), dim, dim))
    place = 0
    for i in range(dim):
        for j in range(i + 1):
            u = points[:, place]
            place += 1
            if j >= rows:
                continue  # fewer rows than columns: what is left is zero
            if i > j:
                factor[:, i, j] = ndtri(u)
            elif intercept and i == 0:
                factor[:, 0, 0] = rows**0.5  # the constant is not random
            else:
                # with an intercept, n - 1 degrees of freedom from the second coordinate on
                factor[:, i, i] = np.sqrt(2 * gammaincinv((rows - i) / 2, u))
    return np.asarray(factor / rows**0.5)
