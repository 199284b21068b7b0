"""Regression on rows that are drawn from a finite table: real data as the whole world.

Nothing is assumed of the table. What all its rows lead to is the truth, real rows are drawn from it
with replacement, and synthetic rows take covariates from it and labels from the fit. Expectations
are sums over the different rows of the table, so that theory has no error of quadrature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.models import _triangular as tri
from lib.models._design import Function
from lib.models._irls import FULL_STEP, Part
from lib.models._rows import places
from lib.models.glm import ROWS, GeneralizedLinearModel, Sample
from lib.models.likelihood import checked_rows, fit_rows

GROUPS = 10
"""Groups of rows in which calibration is measured."""

PRECISE = 1e-7
"""A Newton step on counts that moves no linear predictor by more is the last."""

MAX_STEPS = 200
"""A sample held by counts that has not converged by then has no maximum."""

LARGEST_COUNT = 9e18
"""Largest mean that a Poisson generator takes."""

BATCH = 4_000_000
"""Values that an expectation over a batch of coefficients holds at a time: 32 MB."""


@dataclass(frozen=True)
class TableDesign:
    """Covariates that are drawn with replacement from the different rows of a table.

    The counterpart of `lib.models._design.GaussianDesign`.

    Attributes
    ----------
    x : ndarray, shape (cells, d)
        The different rows.
    share : ndarray, shape (cells,)
        Their probabilities.
    """

    x: Array
    share: Array

    def places(self, n: int, reps: int, rng: np.random.Generator) -> Any:
        """Draw places of n rows for each replicate: shape (replicates, n)."""
        return places(self.share, (reps, n), rng)

    def draw(self, n: int, reps: int, rng: np.random.Generator) -> Array:
        """Draw n rows for each replicate: shape (replicates, d, n)."""
        return self.rows(self.places(n, reps, rng))

    def rows(self, places: Any) -> Array:
        """Return the rows at these places, shape (replicates, d, n)."""
        return np.ascontiguousarray(self.x[places].swapaxes(-1, -2))

    def outer(self, function: Function, theta: Array) -> Array:
        """Return E[f(x'theta) x x'], shape (d, d)."""
        return np.asarray((self.x * (self.share * function(self.x @ theta))[:, None]).T @ self.x)

    def product(self, function: Function, theta: Array) -> Array:
        """Return E[f(x'theta) x], shape (d,)."""
        return np.asarray((self.share * function(self.x @ theta)) @ self.x)

    def expectation(self, function: Function, theta: Array) -> Array:
        """Return E[f(x'theta)] for a batch of theta, shape (..., d)."""
        return self.averages(function, theta, self.share[:, None])[..., 0]

    def outer_batch(self, function: Function, theta: Array) -> Array:
        """Return the lower entries of E[f(x'theta) x x'] for a batch of theta."""
        i, j = np.tril_indices(self.x.shape[1])
        return self.averages(function, theta, self.share[:, None] * self.x[:, i] * self.x[:, j])

    def averages(self, function: Function, theta: Array, columns: Array) -> Array:
        """Return the sums over cells of f(x'theta) times each column, shape (..., columns)."""
        flat = theta.reshape(-1, theta.shape[-1])
        found = np.empty((len(flat), columns.shape[1]))
        step = max(1, BATCH // len(self.x))
        with np.errstate(invalid="ignore"):  # theta of a lost chain is NaN, and so is its average
            for start in range(0, len(flat), step):
                part = slice(start, start + step)
                found[part] = function(flat[part] @ self.x.T) @ columns
        return found.reshape(*theta.shape[:-1], -1)


class PopulationRegression(GeneralizedLinearModel):
    r"""Logistic or Poisson regression on rows of a finite table.

    Parameters
    ----------
    X : array_like, shape (rows, d)
        Covariates, with a column of ones if there is to be an intercept. `lib.data.standardised`
        makes them from a table.
    y : array_like, shape (rows,)
        Labels 0 and 1, or counts.
    family : {"binomial", "poisson"}, optional
    counts : array_like, shape (rows,), optional
        How often each row stands in the table, not negative; by default once.

    Attributes
    ----------
    target : ndarray, shape (d,)
        The maximum-likelihood fit to the whole table, from which errors are measured.
    observed : ndarray, shape (groups,)
        Mean label in each of up to ten groups of about equal size, by the target's predictor.
    group_share : ndarray, shape (groups,)
        Their shares of the table.

    Raises
    ------
    ValueError
        As `lib.models.likelihood.maximum_likelihood`, of which ``NoMaximumError`` is one; `counts`
        takes the place of ``sample_weight``.

    Notes
    -----
    Metrics: ``"theta"``, the squared distance from `target`. On request ``"kl"``, the mean
    log-loss over the table minus that of the target, which is also the mean Kullback-Leibler
    divergence of the labels' law from the target's; and ``"calibration"``, the squared difference
    between mean prediction of fit and target, averaged over the groups. Theory is asymptotic, with
    the table's own information and score covariance.

    The order of rows does not matter, to the last bit.

    Examples
    --------
    >>> from lib.models import PopulationRegression
    >>> x, visits = [[1, -1], [1, 0], [1, 0], [1, 1]], [0, 0, 3, 2]
    >>> model = PopulationRegression(x, visits, family="poisson")
    >>> round(model.misspecification, 3)
    0.936
    """

    def __init__(
        self,
        X: ArrayLike,  # noqa: N803 - the field's name for a design matrix
        y: ArrayLike,
        *,
        family: str = "binomial",
        counts: ArrayLike | None = None,
    ) -> None:
        try:
            self.family, x, labels, weight = checked_rows(X, y, family, counts)
        except ValueError as error:
            raise ValueError(str(error).replace("`sample_weight`", "`counts`")) from None
        rows = np.column_stack([x, labels])
        cells, which = np.unique(rows, axis=0, return_inverse=True)
        # sums of fractions depend on their order: take the weights of a cell by size
        order = np.lexsort((weight, which.ravel()))
        share: Array = np.bincount(which.ravel()[order], weight[order]).astype(float)
        share /= share.sum()
        self._labels = cells[:, -1]
        self._rows = TableDesign(cells[:, :-1].copy(), share)
        super().__init__(fit_rows(self.family, self._rows.x, self._labels, share))
        # the labels of a table's row belong to the row; covariates alone have fewer cells
        x, which = np.unique(self._rows.x, axis=0, return_inverse=True)
        i, j = np.tril_indices(x.shape[1])
        self._products = x[:, i] * x[:, j]
        self._first = np.flatnonzero(np.diff(which.ravel(), prepend=-1))
        self._design: Any = TableDesign(x, np.bincount(which.ravel(), share).astype(float))
        self._group(which.ravel())

    def __repr__(self) -> str:
        cells = len(self._rows.x)
        return f"{type(self).__name__}({cells} different rows, family={self.family.name!r})"

    def _group(self, which: Any) -> None:
        """Cut the table into groups by the target's predictor; equal predictors stay together."""
        share = self._design.share
        predictor = (self._design.x @ self.target).round(10)  # equal ones differ by rounding
        _, level = np.unique(predictor, return_inverse=True)
        size = np.bincount(level.ravel(), share)
        middle = np.cumsum(size) - size / 2
        group = np.minimum(GROUPS * middle, GROUPS - 1e-9).astype(int)[level.ravel()]
        group = np.unique(group, return_inverse=True)[1].ravel()
        self.group_share: Array = np.bincount(group, share).astype(float)
        labels: Array = np.bincount(group[which], self._rows.share * self._labels).astype(float)
        self.observed = labels / self.group_share
        self._groups = share[:, None] * (group[:, None] == np.arange(self.group_share.size))
        self._groups = self._groups / self.group_share

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Sample:
        """Draw n rows of the table: see `lib.models.base.Model.draw`."""
        # rows belong together: all weights share them, as they do in `lib.simulate`
        drawn = self._rows.places(n, size[1], rng)
        y = np.broadcast_to(self._labels[drawn][:, None], (size[1], size[0], n))
        centre = np.broadcast_to(self.target, (size[1], 1, self.dim))
        return (Part.of(self.family, self._rows.rows(drawn), y, centre),)

    @property
    def inverse_information(self) -> Array:
        """Inverse of `information`: covariance of the fit to n rows of the model, times n."""
        matrix = self.information
        size = np.sqrt(np.diagonal(matrix))
        if not (size > 0).all() or np.linalg.cond(matrix / np.outer(size, size)) > 1e12:
            raise _validate.fail("y", "labels that are not all but certain", self._labels)
        inverse: Array = np.linalg.inv(matrix / np.outer(size, size)) / np.outer(size, size)
        return inverse

    @property
    def score_covariance(self) -> Array:
        """Covariance of the score of a row of the table at `target`, shape (d, d)."""
        x, share = self._rows.x, self._rows.share
        apart = self._labels - self.family.mean(x @ self.target)
        return np.asarray((x * (share * apart**2)[:, None]).T @ x)

    @property
    def forms(self) -> dict[str, Array]:
        """The quadratic forms, shape (d, d), that the errors are when they are small."""
        curvature = self.family.curvature(self._design.x @ self.target)
        slopes = (self._groups * curvature[:, None]).T @ self._design.x
        return super().forms | {"calibration": (slopes * self.group_share[:, None]).T @ slopes}

    def predicted(self, fit: Array) -> Array:
        """Return the mean prediction of each group.

        Parameters
        ----------
        fit : ndarray, shape (..., d)

        Returns
        -------
        ndarray, shape (..., groups)
            To be held against `observed`.
        """
        found: Array = self._design.averages(self.family.mean, np.asarray(fit), self._groups)
        return found

    def error(self, fit: Array, metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        if metric == "calibration":
            apart = self.predicted(fit) - self.predicted(self.target)
            return np.asarray((apart**2 * self.group_share).sum(axis=-1))
        if metric not in ("theta", "kl"):
            raise _validate.fail("metric", "'theta', 'kl' or 'calibration'", metric)
        return super().error(fit, metric)

    @property
    def log_loss(self) -> float:
        """Mean log-loss of the target over the table; for counts without the term ln y!."""
        predictor = self._rows.x @ self.target
        losses = self.family.cumulant(predictor) - self._labels * predictor
        return float(self._rows.share @ losses)


@dataclass(frozen=True)
class Cells:
    """A batch of weighted samples of a table, held by counts.

    As in `lib.models._irls.Part`, the order of axes is (replicate, weight, ...).

    Attributes
    ----------
    share : ndarray, shape (replicates, weights or 1, cells)
        Share of the rows with each of the table's different covariates.
    moment : ndarray, shape (replicates, weights or 1, d)
        Mean of y x.
    centre : ndarray, shape (replicates, weights or 1, d)
        A parameter near the fit, such as the one that the labels were drawn from.
    score : ndarray, shape (replicates, weights or 1, d)
        Mean gradient at the centre.
    """

    share: Array
    moment: Array
    centre: Array
    score: Array


class CountedPopulation(PopulationRegression):
    """The same regression for many rows: samples are held by counts of the table's cells.

    Counts and sums of labels are sufficient, and are drawn directly, as multinomial counts and as
    binomial or Poisson sums. So the cost grows with the number of different rows of the table
    instead of that of the sample: theory can be checked where n is so large that no term of order
    1/n is left to see. Parameters, attributes and metrics are those of `PopulationRegression`.

    Examples
    --------
    >>> from lib import FreshReal, simulate
    >>> from lib.models import CountedPopulation
    >>> x, visits = [[1, -1], [1, 0], [1, 0], [1, 1]], [0, 0, 3, 2]
    >>> model = CountedPopulation(x, visits, family="poisson")
    >>> loop = FreshReal(n=10**8, m=10**8, w=0.6)
    >>> run = simulate(model, loop, steps=20, burn_in=10, reps=500)
    >>> theory = model.theory(loop)["theta"].limit()
    >>> bool(abs(run.summary()["error"][0] / theory - 1) < 0.1)
    True
    """

    @cached_property
    def _inverse(self) -> Array:
        return self.inverse_information

    def cells(self, rows: int) -> int:
        """Return how many samples are simulated together: see `lib.models.base.Model.cells`."""
        return max(1, ROWS // len(self._rows.x))

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Any:
        """Draw n rows of the table: see `lib.models.base.Model.draw`."""
        shares = rng.multinomial(n, self._rows.share, size=size[::-1]) / n
        moment = shares @ (self._labels[:, None] * self._rows.x)
        # rows are sorted by covariates first: those with the same ones are neighbours
        share = np.add.reduceat(shares, self._first, axis=-1)
        return (self._cells(share, moment, np.broadcast_to(self.target, moment.shape)),)

    def _cells(self, share: Array, moment: Array, centre: Array) -> Cells:
        mean = self.family.mean(centre @ self._design.x.T)
        return Cells(share, moment, centre, moment - (share * mean) @ self._design.x)

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Any:
        """Draw m rows of each fit: see `lib.models.base.Model.synthesize`."""
        centre = np.broadcast_to(fit.swapaxes(0, 1), (*size[::-1], self.dim))
        counts = rng.multinomial(m, self._design.share, size=(size[1], 1))
        with np.errstate(invalid="ignore"):
            mean = self.family.mean(centre @ self._design.x.T)
        known = np.isfinite(mean) & (counts * mean < LARGEST_COUNT)
        mean = np.where(known, mean, 0.0)
        sums = (rng.binomial if self.family.binary else _poisson(rng))(counts, mean)
        centre = np.where(known.all(axis=-1, keepdims=True), centre, np.nan)
        return (self._cells(counts / m, (sums / m) @ self._design.x, centre),)

    def mix(self, parts: Sequence[tuple[Any, Array]]) -> Any:
        """Average the counts: see `lib.models.base.Model.mix`."""
        found: list[Any] = [0.0, 0.0, 0.0, 0.0]
        for (cells,), weight in parts:
            share = np.asarray(weight).T[..., None]
            terms = (cells.share, cells.moment, cells.centre, cells.score)
            # a part without weight takes no part, whatever became of the chain it comes from
            found = [
                a + np.where(share > 0, share * b, 0) for a, b in zip(found, terms, strict=True)
            ]
        return (Cells(*found),)

    def fit(self, sample: Any) -> Array:
        """Maximise the weighted likelihoods by Newton's method: see `lib.models.base.Model.fit`.

        A sample on which that does not converge has no maximum, and its fit is NaN.
        """
        (cells,) = sample
        start = cells.centre + cells.score @ self._inverse
        # far from a centre its quadratic approximation may overshoot: damped, as every step
        moved = abs((start - cells.centre) @ self._design.x.T).max(axis=-1, keepdims=True)
        part = np.where(moved <= FULL_STEP, 1.0, np.log1p(moved) / np.maximum(moved, FULL_STEP))
        start = cells.centre + part * (start - cells.centre)
        theta, found = start.copy(), np.full(start.shape, np.nan)
        on = np.isfinite(start).all(axis=-1)
        share = np.broadcast_to(cells.share, (*start.shape[:-1], cells.share.shape[-1]))
        moment = np.broadcast_to(cells.moment, start.shape)
        for _ in range(MAX_STEPS):
            if not on.any():
                break
            step, moved, proven = self._newton(theta[on], share[on], moment[on])
            part = np.where(moved <= FULL_STEP, 1.0, np.log1p(moved) / np.maximum(moved, 1e-300))
            theta[on] += step * part[:, None]
            place = np.nonzero(on)
            ready = (moved <= PRECISE) & proven
            done = tuple(index[ready] for index in place)
            found[done] = theta[done]
            stop = ready | ~np.isfinite(moved)
            on[tuple(index[stop] for index in place)] = False
        return found.swapaxes(0, 1)

    def _newton(self, theta: Array, share: Array, moment: Array) -> tuple[Array, Array, Any]:
        """Return steps, how far they move a predictor, and whether they prove a maximum."""
        x = self._design.x
        with np.errstate(all="ignore"):
            mean = self.family.mean(theta @ x.T)
            gradient = moment - (share * mean) @ x
            information = (share * self.family.variance(mean)) @ self._products
            factor = tri.cholesky(information, self.dim)
            step = tri.solve(factor, gradient, self.dim)
            occurs = share > 0
            moved = np.where(occurs, abs(step @ x.T), 0).max(axis=-1)
            # the certificate of `lib.models._irls`, with |x| in the norm of the inverse Hessian
            decrement = np.einsum("...i,...i->...", gradient, step)
            reach = tri.solve_lower(factor[:, None], x[None], self.dim)
            longest = np.where(occurs, (reach**2).sum(axis=-1), 0).max(axis=-1)
            return step, moved, (longest < 1e12) & (longest * decrement < 0.25)


def _poisson(rng: np.random.Generator) -> Callable[[Any, Array], Any]:
    return lambda counts, mean: rng.poisson(counts * mean)
