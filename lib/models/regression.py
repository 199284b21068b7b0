"""What all regression models share: coefficients, an optional intercept, and their errors."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.loops import Loop, Source
from lib.models._design import GaussianDesign
from lib.models.base import Model


class Regression(Model):
    """A regression whose fit is a vector of coefficients, the intercept first if there is one.

    A fit is an array of shape (weights, replicates, d); NaN marks a chain that is lost.

    Attributes
    ----------
    theta : ndarray, shape (d,)
        Parameter of the law that real labels follow.
    intercept : bool
        Whether the first coefficient belongs to a constant.
    target : ndarray, shape (d,)
        What infinitely many real rows lead to, from which errors are measured: `theta`, unless
        the model is wrong.
    """

    metrics: ClassVar[tuple[str, ...]] = ("theta",)

    def __init__(self, theta: ArrayLike, *, intercept: bool = False) -> None:
        self.theta = np.atleast_1d(_validate.finite("theta", theta, "a vector of finite numbers"))
        if self.theta.ndim != 1 or not self.theta.size:
            raise _validate.fail("theta", "a vector of at least one number", theta)
        if not isinstance(intercept, bool):
            raise _validate.fail("intercept", "True or False", intercept)
        self.intercept = intercept
        self.target = self.theta
        self.dim = self.theta.size
        self._design = GaussianDesign(self.dim, intercept)

    @property
    def needed(self) -> int:
        """Fewest rows that determine the coefficients on their own."""
        return self.dim

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if the loop has too few rows for this model.

        The first fit rests on n rows alone. The synthetic rows have to suffice on their own only
        where they have all the weight.
        """
        first, _ = loop.sizes(0)
        if first < self.needed:
            raise _validate.fail("n", f"at least {self.needed} for {self}", first)
        for t in range(1, (loop.last or 1) + 1):
            real, synthetic = loop.sizes(t)
            shares = {source: np.asarray(w) for source, w in loop.recipe(t).items()}
            alone = {
                "n": (real, shares.get(Source.FRESH, np.zeros(1)), "synthetic"),
                "m": (synthetic, shares.get(Source.SYNTHETIC, np.zeros(1)), "real"),
            }
            for name, (rows, share, others) in alone.items():
                if rows < self.needed and np.any(share == 1):
                    where = f"for {self} where {others} rows have no weight"
                    raise _validate.fail(name, f"at least {self.needed} {where}", rows)

    def error(self, fit: Array, metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        if metric == "theta":
            return np.asarray(((fit - self.target) ** 2).sum(axis=-1))
        if metric == "kl":
            return self._divergence(fit)
        raise _validate.fail("metric", "'theta' or 'kl'", metric)

    @abstractmethod
    def _divergence(self, fit: Array) -> Array:
        """Return the expected log-likelihood per row that a fit loses against the target."""
