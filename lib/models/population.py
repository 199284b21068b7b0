"""Regression on rows that are drawn from a finite table: real data as the whole world.

Nothing is assumed of the table. What all its rows lead to is the truth, real rows are drawn from it
with replacement, and synthetic rows take covariates from it and labels from the fit. Expectations
are sums over the different rows of the table, so that theory has no error of quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.models._design import Function
from lib.models._irls import Part
from lib.models.glm import GeneralizedLinearModel, Sample
from lib.models.likelihood import checked_rows, fit_rows

GROUPS = 10
"""Groups of rows in which calibration is measured."""

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
        reached = np.cumsum(self.share)
        found = np.searchsorted(reached, rng.random((reps, n)) * reached[-1], side="right")
        return np.minimum(found, self.share.size - 1)

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
        share: Array = np.bincount(which.ravel(), weight).astype(float)
        share /= share.sum()
        self._labels = cells[:, -1]
        self._rows = TableDesign(cells[:, :-1].copy(), share)
        super().__init__(fit_rows(self.family, self._rows.x, self._labels, share))
        # the labels of a table's row belong to the row; covariates alone have fewer cells
        x, which = np.unique(self._rows.x, axis=0, return_inverse=True)
        self._design: Any = TableDesign(x, np.bincount(which.ravel(), share).astype(float))
        self._group(which.ravel())

    def __repr__(self) -> str:
        cells = len(self._rows.x)
        return f"PopulationRegression({cells} different rows, family={self.family.name!r})"

    def _group(self, which: Any) -> None:
        """Cut the table into groups by the target's predictor; equal predictors stay together."""
        predictor, share = self._design.x @ self.target, self._design.share
        order = np.argsort(predictor, kind="stable")
        middle = np.cumsum(share[order]) - share[order] / 2
        group = np.empty(order.size, dtype=int)
        group[order] = np.minimum(GROUPS * middle, GROUPS - 1e-9).astype(int)
        group = np.unique(group, return_inverse=True)[1].ravel()
        self.group_share: Array = np.bincount(group, share).astype(float)
        labels: Array = np.bincount(group[which], self._rows.share * self._labels).astype(float)
        self.observed = labels / self.group_share
        self._groups = share[:, None] * (group[:, None] == np.arange(self.group_share.size))
        self._groups = self._groups / self.group_share

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Sample:
        """Draw n rows of the table: see `lib.models.base.Model.draw`."""
        places = self._rows.places(n, size[0] * size[1], rng)
        y = self._labels[places].reshape(size[1], size[0], n)
        if size[0] > 1:
            raise ValueError("real rows are shared by all weights")
        centre = np.broadcast_to(self.target, (size[1], 1, self.dim))
        return (Part.of(self.family, self._rows.rows(places), y, centre),)

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
