"""A generalized linear model beside its linear expansion, and that expansion on its own.

The proof for all likelihoods replaces the fits by a linear chain. Here both run on the same rows.
Their difference has far less variance than the error itself, so that it can be simulated with few
replicates; the linear chain alone is cheap, and is simulated with many. Together they estimate the
error as multilevel Monte Carlo does (Giles 2008), without taking any formula for granted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar, NamedTuple

import numpy as np

from lib import _validate
from lib._validate import Array
from lib.loops import Loop
from lib.models import _triangular as tri
from lib.models.base import Model, Status
from lib.models.glm import GeneralizedLinearModel, Sample
from lib.recursion import SamplingNoise


class LinearChain(Model):
    """What the fits of a regression become for large samples: a mean with normal noise.

    Real rows give the target plus noise of covariance real / n, synthetic rows the old fit plus
    noise of covariance synthetic / m, and a training set their weighted mean. Exact in every loop.

    Parameters
    ----------
    model : GeneralizedLinearModel
        Whose sandwich (real rows) and inverse information (synthetic rows) are the covariances.
    """

    metrics: ClassVar[tuple[str, ...]] = ("theta", "kl")

    def __init__(self, model: GeneralizedLinearModel) -> None:
        self.synthetic, self.real = model.inverse_information, model.sandwich
        self.forms = model.forms
        self.dim = model.dim

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
        """Draw the chain's view of n real rows: see `lib.models.base.Model.draw`."""
        return self._noise(self.real / n, size, rng)

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Array:
        """Draw that of m rows of each fit: see `lib.models.base.Model.synthesize`."""
        return fit + self._noise(self.synthetic / m, size, rng)

    def _noise(self, covariance: Array, size: tuple[int, int], rng: np.random.Generator) -> Array:
        noise: Array = rng.standard_normal((*size, self.dim)) @ np.linalg.cholesky(covariance).T
        return noise

    def mix(self, parts: Sequence[tuple[Array, Array]]) -> Array:
        """Average: see `lib.models.base.Model.mix`."""
        return reduce(np.add, [weight[..., None] * sample for sample, weight in parts])

    def fit(self, sample: Array) -> Array:
        """Return the sample."""
        return sample

    def error(self, fit: Array, metric: str) -> Array:
        """Return the named quadratic form: see `lib.models.base.Model.error`."""
        if not isinstance(metric, str) or metric not in self.forms:
            raise _validate.fail("metric", f"one of {list(self.forms)}", metric)
        return np.asarray(np.einsum("...i,ij,...j->...", fit, self.forms[metric], fit))

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the exact noise: see `lib.models.base.Model.sampling_noise`."""
        none = np.zeros((1, 1))
        return {
            metric: SamplingNoise(
                np.array(np.trace(form @ self.real) / n),
                np.array(np.trace(form @ self.synthetic) / m),
                none,
            )
            for metric, form in self.forms.items()
        }


class Rows(NamedTuple):
    """Rows, and what the linear chain makes of them, shape (weights, replicates, d)."""

    rows: Sample
    linear: Array


class Fits(NamedTuple):
    """Fits, and the linear chain's, both of shape (weights, replicates, d)."""

    theta: Array
    linear: Array


class Linearized(Model):
    r"""A generalized linear model and its linear chain on the same rows.

    A score of synthetic rows has the variance :math:`A(\theta_{t-1})`, not A. It is multiplied by
    a matrix that makes the chain's noise have the covariance :math:`A^{-1}/m` exactly, given the
    past: so its expected squared error is that of `LinearChain` at every n, m and t.

    Errors are differences: that of the fit minus that of the chain.

    Parameters
    ----------
    model : GeneralizedLinearModel
    """

    metrics: ClassVar[tuple[str, ...]] = ("theta", "kl")

    def __init__(self, model: GeneralizedLinearModel) -> None:
        self.model = model
        information = model.information
        self._inverse = model.inverse_information
        self._half = np.linalg.inv(np.linalg.cholesky(information)).T
        self._forms = model.forms

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if the loop has too few rows for the model."""
        self.model.check(loop)

    def cells(self, rows: int) -> int:
        """Return how many samples are simulated together: see `lib.models.base.Model.cells`."""
        return self.model.cells(rows)

    def status(self, loop: Loop) -> Status:
        """Return ``"asymptotic"``: the differences vanish faster than the errors."""
        return "asymptotic"

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Rows:
        """Draw n real rows: see `lib.models.base.Model.draw`."""
        rows = self.model.draw(n, size, rng)
        return Rows(rows, rows[0].score.swapaxes(0, 1) @ self._inverse)

    def synthesize(
        self, fit: Fits, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Rows:
        """Draw m rows of each fit: see `lib.models.base.Model.synthesize`."""
        rows = self.model.synthesize(fit.theta, m, size, rng)
        score = rows[0].score.swapaxes(0, 1)
        dim = self.model.dim
        factor = tri.cholesky(self.model.information_at(fit.theta), dim)
        noise = tri.solve_lower(factor, score, dim) @ self._half.T
        return Rows(rows, fit.linear + noise)

    def mix(self, parts: Sequence[tuple[Rows, Array]]) -> Rows:
        """Keep all rows, and average the chain: see `lib.models.base.Model.mix`."""
        linear = reduce(np.add, [weight[..., None] * sample.linear for sample, weight in parts])
        return Rows(self.model.mix([(sample.rows, weight) for sample, weight in parts]), linear)

    def fit(self, sample: Rows) -> Fits:
        """Fit both: see `lib.models.base.Model.fit`."""
        return Fits(self.model.fit(sample.rows), sample.linear)

    def error(self, fit: Fits, metric: str) -> Array:
        """Return the difference of the named errors: see `lib.models.base.Model.error`."""
        error = self.model.error(fit.theta, metric)
        form = self._forms[metric]
        return np.asarray(error - np.einsum("...i,ij,...j->...", fit.linear, form, fit.linear))

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return zero, which is what the differences are in units of 1/n for large n."""
        none = np.zeros((1, 1))
        return {metric: SamplingNoise(none[0], none[0], none) for metric in self._forms}
