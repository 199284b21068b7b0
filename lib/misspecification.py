"""How wrong a model is for a data set.

If rows do not follow the fitted model, real rows carry the sandwich variance and synthetic rows,
which do follow it, carry the inverse information. The ratio rho of the two moves the best weight
from w*(k) to w*(k / rho).
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.models.likelihood import (
    NoMaximumError,
    checked_rows,
    fit_rows,
    maximum_likelihood,
)
from lib.weights import optimal_weight

__all__ = [
    "MisspecificationRatio",
    "NoMaximumError",
    "maximum_likelihood",
    "misspecification_ratio",
]


class MisspecificationRatio(float):
    """The ratio rho, a number, with what is known of its accuracy.

    Attributes
    ----------
    standard_error : float
        By the delta method, for independent rows.
    theta : ndarray, shape (d,)
        The maximum-likelihood fit.
    """

    standard_error: float
    theta: Array

    def __new__(cls, value: float, standard_error: float, theta: Array) -> Self:
        """Attach the accuracy to the number."""
        ratio = super().__new__(cls, value)
        ratio.standard_error, ratio.theta = standard_error, theta
        return ratio

    def __getnewargs__(self) -> tuple[float, float, Array]:  # type: ignore[override]
        """Return what a copy or a pickle is made from."""
        return float(self), self.standard_error, self.theta

    def __repr__(self) -> str:
        return f"{float(self):.4g} ± {self.standard_error:.2g}"

    def optimal_weight(self, k: ArrayLike) -> float | Array:
        """Return the best weight on the real rows, ``w*(k / rho)``.

        Parameters
        ----------
        k : array_like
            Ratio n/m of real to synthetic rows, positive.

        Returns
        -------
        float or ndarray

        Raises
        ------
        ValueError
            If `k` is not finite and positive.
        """
        weight: float | Array = optimal_weight(_validate.positive("k", k) / float(self))
        return weight


def misspecification_ratio(
    X: ArrayLike,  # noqa: N803 - the field's name for a design matrix
    y: ArrayLike,
    family: str = "poisson",
) -> MisspecificationRatio:
    r"""Estimate from data how much more real rows vary than the fitted model says.

    .. math:: \rho = \frac{\mathrm{tr}(A^{-1} B A^{-1})}{\mathrm{tr}(A^{-1})}

    with A the mean of :math:`b''(x^\top\hat\theta) x x^\top` and B that of
    :math:`(y - b'(x^\top\hat\theta))^2 x x^\top`, divided by 1 - d/rows.

    Parameters
    ----------
    X : array_like, shape (rows, d)
        Covariates, with a column of ones if there is an intercept. The ratio depends on their
        units, as does an error in the coefficients.
    y : array_like, shape (rows,)
        Labels 0 and 1, or counts.
    family : {"poisson", "binomial"}, optional

    Returns
    -------
    MisspecificationRatio
        A float, with its standard error and the corrected weight. It is about 1 if the model is
        right, above 1 for overdispersed counts.

    Raises
    ------
    ValueError
        As `maximum_likelihood`; also if there are no more rows than columns.

    Examples
    --------
    >>> import numpy as np
    >>> from lib import misspecification_ratio
    >>> rng = np.random.default_rng(1)
    >>> X = np.column_stack([np.ones(5000), rng.standard_normal(5000)])
    >>> rho = misspecification_ratio(X, rng.negative_binomial(1, 0.5, 5000))
    >>> round(rho, 1), rho.optimal_weight(1) < 0.618
    (1.9, True)
    """
    kind, x, labels, weight = checked_rows(X, y, family, None)
    rows, dim = x.shape
    if rows <= dim:
        raise _validate.fail("X", f"of more rows than its {dim} columns", X)
    theta = fit_rows(kind, x, labels, weight)
    predictor = x @ theta
    mean = kind.mean(predictor)
    variance = kind.variance(mean)
    # b''' = b'' times the derivative of b'' in the mean: 1 - 2 mean, or 1
    third = variance * (1 - 2 * mean) if kind.binary else variance
    enlarged = rows / (rows - dim)
    apart = (labels - mean) ** 2 * enlarged

    def outer(values: Array) -> Array:
        return np.asarray((x * values[:, None]).T @ x / rows)

    inverse, covariance = np.linalg.inv(outer(variance)), outer(apart)
    sandwich = inverse @ covariance @ inverse
    size = np.trace(inverse)
    rho = float(np.trace(sandwich) / size)
    # d rho = tr(by_a dA) + tr(by_b dB), with dA and dB through each row and through theta
    by_b = inverse @ inverse / size
    by_a = rho * by_b - 2 * sandwich @ inverse / size

    def form(matrix: Array) -> Array:
        return np.asarray(np.einsum("ri,ij,rj->r", x, (matrix + matrix.T) / 2, x))

    at_a, at_b = form(by_a), form(by_b)
    pull = x.T @ (third * at_a - 2 * enlarged * (labels - mean) * variance * at_b) / rows
    influence = variance * at_a + apart * at_b + (labels - mean) * (x @ (inverse @ pull))
    error = float(influence.std(ddof=dim) / rows**0.5)
    return MisspecificationRatio(rho, error, theta)
