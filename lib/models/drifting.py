"""A normal distribution whose mean moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib.loops import FreshReal, FullySynthetic, Loop, Uneven
from lib.models import _triangular as tri
from lib.models.gaussian import Gaussian, Moments
from lib.recursion import SamplingNoise


class DriftingGaussian(Gaussian):
    r"""A normal distribution whose true mean takes a random step before each generation.

    The steps are normal with mean 0 and covariance :math:`\delta\Sigma`, independent of each other
    and of all rows. Errors of a generation are measured from the mean of that generation. All
    weights of a replicate see the same steps.

    Parameters
    ----------
    mean : array_like, shape (d,)
        True mean at t = 0.
    cov : array_like, shape (d, d)
        Covariance of a row, symmetric positive semi-definite.
    drift : float
        The number delta, at least 0. In units of the error of n real rows, as q is elsewhere, a
        step has the variance q = n delta.

    Raises
    ------
    ValueError
        As `Gaussian`, or if `drift` is negative or not a number.

    Notes
    -----
    A fit is held relative to the mean of its generation, in place of which `mean` stands: when the
    truth takes a step, what the last model draws moves the other way. So old rows that stay in the
    training set would have to move too, and the model runs only in loops without them:
    `lib.loops.FreshReal`, `lib.loops.FullySynthetic` and `lib.loops.Uneven`. Metrics as
    `Gaussian`; theory is exact.

    Examples
    --------
    >>> from lib import FreshReal, optimal_weight
    >>> from lib.models import DriftingGaussian
    >>> model = DriftingGaussian([0], [[1]], drift=0.5 / 100)
    >>> loop = FreshReal(n=100, m=100, w=optimal_weight(1 + 0.5))
    >>> round(100 * model.theory(loop)["mean"].limit(), 4), round(loop.w, 4)
    (0.6861, 0.6861)
    """

    def __init__(self, mean: ArrayLike, cov: ArrayLike, drift: float) -> None:
        super().__init__(mean, cov)
        self.drift = _validate.single("drift", drift, _validate.nonnegative)
        self._step = tri.cholesky(self._truth.lower, self.dim) * self.drift**0.5

    def __repr__(self) -> str:
        return f"Drifting{super().__repr__()[:-1]}, drift={self.drift:g})"

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if the loop keeps old rows, or has too few."""
        super().check(loop)
        if not isinstance(loop, FreshReal | FullySynthetic | Uneven):
            allowed = "FreshReal, FullySynthetic or Uneven, which keep no old rows,"
            raise _validate.fail("loop", f"{allowed} where the truth moves", loop)

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Moments:
        """Draw the moments of n real rows of now: see `lib.models.base.Model.draw`."""
        return super().synthesize(self._truth, n, size, rng)

    def synthesize(
        self, fit: Moments, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Moments:
        """Move the truth, and draw from the fit: see `lib.models.base.Model.synthesize`."""
        step = tri.apply(self._step, rng.standard_normal((1, size[1], self.dim)), self.dim)
        return super().synthesize(replace(fit, mean=fit.mean - step), m, size, rng)

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the noise, to which a step adds: see `lib.models.base.Model.sampling_noise`."""
        found = super().sampling_noise(n, m)
        still = found["mean"]
        # n = 1 / drift rows would miss the truth by as much as it moves
        moved = still.synthetic + self.drift * np.trace(self.cov)
        return found | {"mean": replace(still, synthetic=moved)}
