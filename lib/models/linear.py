"""Linear regression: a fixed design exactly, a random design by its Gram matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.loops import FreshReal, FullySynthetic, Loop
from lib.models import _triangular as tri
from lib.models._one_step import OneStep, one_step
from lib.models.base import Status
from lib.models.regression import Regression
from lib.recursion import AffineRecursion, Recursion, SamplingNoise

MOST_COLUMNS = 30
"""Beyond it the quadrature of `LinearRegression.one_step` takes gigabytes."""


@dataclass(frozen=True)
class NormalEquations:
    """Gram matrices and moments of a batch of weighted samples: the sufficient statistics.

    Attributes
    ----------
    gram : ndarray, shape (weights, replicates, d (d + 1) / 2), or None
        Lower entries of the weighted mean of x x'; None for a fixed design, where all parts of a
        sample have the same.
    moment : ndarray, shape (weights, replicates, d)
        Weighted mean of x y; for a fixed design the least-squares fit itself.
    """

    gram: Array | None
    moment: Array


class LinearRegression(Regression):
    r"""Least squares with normal errors of known variance.

    With a fixed design X, real and synthetic labels are observed on the rows of X, and only the
    least-squares fits are drawn: :math:`\hat\theta \sim N(\theta, \sigma^2 (X'X)^{-1})`. Without
    one, every sample has new covariates N(0, I), and only their Gram matrix X'X, a Wishart matrix,
    and X'y are drawn. Either way 10^9 rows cost as much as 10.

    Parameters
    ----------
    theta : array_like, shape (d,)
        True coefficients.
    noise_sd : float, optional
        Standard deviation of the errors.
    design : array_like, shape (rows, columns), optional
        A fixed design. The loop's n and m must then be multiples of its number of rows: every row
        is observed n / rows times.
    intercept : bool, optional
        Whether the first coefficient belongs to a constant, which is added to the design.

    Raises
    ------
    ValueError
        If an entry is not finite, `noise_sd` is not positive, or the design has another number of
        columns than `theta`, or columns that are linearly dependent.

    Notes
    -----
    Metrics: ``"theta"``, the squared distance of the coefficients, and on request ``"kl"``, the
    Kullback-Leibler divergence of the labels' law, averaged over the design. With a fixed design
    the theory is exact in every loop, in any loop's n and m. With a random one it is exact where
    the designs of a generation are new: fully synthetic, and fresh real rows, where two constants
    of one generation are computed by quadrature (see `one_step`). In the other two loops the old
    design stays and the theory is asymptotic, as is `asymptotic_theory` always.

    Examples
    --------
    >>> from lib import FreshReal
    >>> from lib.models import LinearRegression
    >>> loop = FreshReal(n=20, m=20, w=0.5)
    >>> model = LinearRegression([1, 1])
    >>> round(20 * model.asymptotic_theory(loop)["theta"].limit(), 4)
    1.3333
    >>> round(20 * model.theory(loop)["theta"].limit(), 2)
    1.48
    """

    def __init__(
        self,
        theta: ArrayLike,
        noise_sd: float = 1.0,
        design: ArrayLike | None = None,
        *,
        intercept: bool = False,
    ) -> None:
        super().__init__(theta, intercept=intercept)
        self.noise_sd = _validate.single("noise_sd", noise_sd)
        self.design: Array | None = None
        if design is not None:
            self._fix(design)

    def _fix(self, design: ArrayLike) -> None:
        x = _validate.finite("design", design, "a matrix of finite numbers")
        columns = self.dim - self.intercept
        if x.ndim != 2 or x.shape[1] != columns or not len(x):
            allowed = f"a matrix with {columns} column{'s' * (columns != 1)}, as `theta` says"
            raise _validate.fail("design", allowed, design)
        if self.intercept:
            x = np.column_stack([np.ones(len(x)), x])
        _validate.full_rank("design", x)
        self.design = x
        # with X = Q R and errors e, the fit is theta + R^{-1} Q'e
        self._factor = np.linalg.qr(x)[1] / len(x) ** 0.5
        self._spread = np.linalg.inv(self._factor)

    def __repr__(self) -> str:
        fixed = "" if self.design is None else f", design of {len(self.design)} rows"
        constant = ", intercept=True" if self.intercept else ""
        return f"LinearRegression({self.theta.tolist()}, {self.noise_sd}{fixed}{constant})"

    @property
    def needed(self) -> int:
        """Fewest rows whose fit has a finite expected error."""
        only_mean = self.dim == self.intercept
        return self.dim + 2 if self.design is None and not only_mean else 1

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if the loop has too few rows, or not multiples of the design's."""
        super().check(loop)
        if self.design is None:
            return
        rows = len(self.design)
        for t in range((loop.last or 1) + 1):
            for name, count in zip("nm", loop.sizes(t), strict=True):
                if count % rows:
                    raise _validate.fail(name, f"a multiple of the design's {rows} rows", count)

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> NormalEquations:
        """Draw the normal equations of n real rows: see `lib.models.base.Model.draw`."""
        return self.synthesize(self.theta, n, size, rng)

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> NormalEquations:
        """Draw those of m rows of each fit: see `lib.models.base.Model.synthesize`.

        All weights of a replicate share the design; their labels are their own.
        """
        noise = tri.empty(size, self.dim)
        for i in range(self.dim):
            rng.standard_normal(out=noise[..., i])
        noise *= self.noise_sd * m**-0.5
        if self.design is not None:
            return NormalEquations(None, fit + noise @ self._spread.T)
        # X'X = L L', and X'e given X is L times a normal vector
        factor = self._design.gram_factor(m, (1, size[1]), rng)
        factor *= m**-0.5
        gram = tri.gram(factor, self.dim)
        moment = tri.apply(factor, noise, self.dim)
        for i in range(self.dim):
            for j in range(self.dim):
                moment[..., i] += gram[..., tri.entry(max(i, j), min(i, j))] * fit[..., j]
        return NormalEquations(gram, moment)

    def mix(self, parts: Sequence[tuple[NormalEquations, Array]]) -> NormalEquations:
        """Average the normal equations: see `lib.models.base.Model.mix`."""
        moment = reduce(np.add, [weight[..., None] * sample.moment for sample, weight in parts])
        grams = [weight[..., None] * s.gram for s, weight in parts if s.gram is not None]
        return NormalEquations(reduce(np.add, grams) if grams else None, moment)

    def fit(self, sample: NormalEquations) -> Array:
        """Solve the normal equations: see `lib.models.base.Model.fit`."""
        if sample.gram is None:
            return sample.moment
        return tri.solve(tri.cholesky(sample.gram, self.dim), sample.moment, self.dim)

    def _divergence(self, fit: Array) -> Array:
        apart = fit - self.theta
        if self.design is not None:
            apart = apart @ self._factor.T
        return np.asarray((apart**2).sum(axis=-1) / (2 * self.noise_sd**2))

    def status(self, loop: Loop) -> Status:
        """Return whether `theory` is exact in this loop."""
        new = isinstance(loop, FreshReal | FullySynthetic)
        return "exact" if self.design is not None or new else "asymptotic"

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the noise of a fixed design, or that of a random one for large n and m."""
        information = self.dim if self.design is None else float((self._spread**2).sum())
        variance = self.noise_sd**2 * information
        none = np.zeros((1, 1))
        return {
            "theta": SamplingNoise(np.array(variance / n), np.array(variance / m), none),
            "kl": SamplingNoise(np.array(self.dim / 2 / n), np.array(self.dim / 2 / m), none),
        }

    def asymptotic_theory(self, loop: Loop) -> dict[str, Recursion]:
        """Return the expected error for large n and m, as `theory` does for other models."""
        return super().theory(loop)

    def theory(self, loop: Loop) -> dict[str, Recursion]:
        """Return the expected error: see `lib.models.base.Model.theory`, and `status`."""
        if self.design is not None or self.status(loop) == "asymptotic":
            return self.asymptotic_theory(loop)
        self.check(loop)
        step = self.one_step(loop)
        first = self._alone(loop.n)
        start, a, c = first[: step.noise.shape[-1]], step.noise, step.kept
        if loop.grid is None or np.ndim(loop.w) == 0:  # type: ignore[attr-defined]
            a, c = a[0], c[0]
        return {
            "theta": AffineRecursion(self.noise_sd**2 * start, self.noise_sd**2 * a, c),
            "kl": AffineRecursion(start / 2, a / 2, c),  # as E x x' is the identity
        }

    def one_step(self, loop: Loop) -> OneStep:
        r"""Return the two constants of one generation with random designs.

        Without an intercept, with Gram matrices :math:`S, \tilde S` of real and synthetic rows
        and :math:`G = wS + (1-w)\tilde S`,

        .. math:: a = E\,\mathrm{tr}\,G^{-1}
                  \Bigl(\tfrac{w^2}{n}S + \tfrac{(1-w)^2}{m}\tilde S\Bigr) G^{-1}, \qquad
                  c = \tfrac{(1-w)^2}{p} E\,\lVert G^{-1}\tilde S\rVert_F^2 .

        Parameters
        ----------
        loop : FreshReal or FullySynthetic

        Returns
        -------
        OneStep
            By quasi-Monte Carlo, with its relative standard error: about 1e-5 at a hundred rows,
            1e-3 at a handful. Exact at w = 0 and 1.

        Raises
        ------
        ValueError
            If the design is fixed or stays from one generation to the next.
        """
        if self.design is not None or self.status(loop) == "asymptotic":
            raise _validate.fail("loop", "one with new random designs at every generation", loop)
        self.check(loop)
        if self.dim > MOST_COLUMNS:
            allowed = f"at most {MOST_COLUMNS} for this quadrature; see asymptotic_theory"
            raise _validate.fail("theta", f"of length {allowed}", self.theta)
        weights = np.zeros(1) if loop.grid is None else loop.grid
        inner = (weights > 0) & (weights < 1)
        state = 2 if self.intercept and self.dim > 1 else 1
        noise, kept = np.zeros((weights.size, state)), np.zeros((weights.size, state, state))
        error = 0.0
        if inner.any():
            size = (loop.n, loop.m, weights[inner], self.dim)
            noise[inner], kept[inner], error = one_step(*size, intercept=self.intercept)
        # on their own, synthetic rows keep the old error as it is, and real rows nothing of it
        if (weights == 0).any():
            noise[weights == 0] = self._alone(loop.m)[:state]
            kept[weights == 0] = np.eye(state)
        noise[weights == 1] = self._alone(loop.n)[:state]
        return OneStep(noise, kept, error)

    def _alone(self, rows: int) -> Array:
        """Return the exact error of a fit to rows alone, and of its intercept: variance 1."""
        slopes = self.dim - self.intercept
        # the mean of an inverse Wishart matrix
        each = 1 / (rows - slopes - 1 - self.intercept) if slopes else 0.0
        constant = (1 + slopes * each) / rows if self.intercept else 0.0
        return np.array([constant + slopes * each, constant])
