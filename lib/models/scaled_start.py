"""A regression whose first covariates have another scale than all later ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.loops import FullySynthetic, Loop
from lib.models.base import Model, Status
from lib.models.regression import Regression
from lib.recursion import AffineRecursion, Recursion, SamplingNoise


@dataclass(frozen=True)
class _Start:
    """The real sample that a chain starts from, as the rescaled model has it."""

    sample: Any


class ScaledStart(Model):
    r"""A regression on synthetic rows alone, whose real rows have covariates of another scale.

    Real rows have the covariates N(0, s^2 I), synthetic rows N(0, I): the paper's program starts
    Figure 7 with s^2 = 1/p and goes on with s = 1. A regression is equivariant: rows with
    covariates s z and coefficients :math:`\theta` are rows with covariates z and coefficients
    :math:`s\theta`, and their fit is s times as large. So the first fit is that of the usual model
    at :math:`s\theta`, divided by s, exactly.

    Parameters
    ----------
    family : type
        `LinearRegression`, `LogisticRegression` or `PoissonRegression`.
    theta : array_like, shape (d,)
        True coefficients, without an intercept.
    scale : float
        Standard deviation s of the real covariates.

    Raises
    ------
    ValueError
        If the scale is not positive, or as `family`.

    Notes
    -----
    Metric: ``"theta"``. Theory as that of the family, with the first error divided by s^2.

    Examples
    --------
    >>> from lib import FullySynthetic
    >>> from lib.models import LinearRegression, ScaledStart
    >>> model = ScaledStart(LinearRegression, [1, 1, 1, 1], scale=0.5)
    >>> theory = model.theory(FullySynthetic(n=100, m=100))["theta"]
    >>> theory.path(2).round(3).tolist()
    [0.168, 0.211, 0.253]
    """

    metrics: ClassVar[tuple[str, ...]] = ("theta",)

    def __init__(self, family: type[Regression], theta: ArrayLike, *, scale: float) -> None:
        if not (isinstance(family, type) and issubclass(family, Regression)):
            raise _validate.fail("family", "a class of regressions", family)
        self.scale = _validate.single("scale", scale)
        self.model = family(theta)
        self._first = family(self.model.theta * self.scale)

    def __repr__(self) -> str:
        return f"ScaledStart({self.model!r}, scale={self.scale!r})"

    def cells(self, rows: int) -> int:
        """Return how many samples are simulated together: see `lib.models.base.Model.cells`."""
        return self.model.cells(rows)

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if real rows come back after the start, or are too few."""
        if not isinstance(loop, FullySynthetic):
            raise _validate.fail("loop", f"FullySynthetic for {self}", loop)
        self.model.check(loop)
        self._first.check(loop)

    def status(self, loop: Loop) -> Status:
        """Return whether `theory` is exact in this loop."""
        return self.model.status(loop)

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> _Start:
        """Draw n real rows: see `lib.models.base.Model.draw`."""
        return _Start(self._first.draw(n, size, rng))

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Any:
        """Draw m rows of each fit: see `lib.models.base.Model.synthesize`."""
        return self.model.synthesize(fit, m, size, rng)

    def mix(self, parts: Sequence[tuple[Any, Array]]) -> Any:
        """Join synthetic samples: see `lib.models.base.Model.mix`."""
        return self.model.mix(parts)

    def fit(self, sample: Any) -> Array:
        """Fit either sample: see `lib.models.base.Model.fit`."""
        if isinstance(sample, _Start):
            return np.asarray(self._first.fit(sample.sample) / self.scale)
        return np.asarray(self.model.fit(sample))

    def error(self, fit: Array, metric: str) -> Array:
        """Return the squared distance of the coefficients: see `lib.models.base.Model.error`."""
        if metric != "theta":
            raise _validate.fail("metric", "'theta'", metric)
        return self.model.error(fit, metric)

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the noise for large n and m: see `lib.models.base.Model.sampling_noise`."""
        first = self._first.sampling_noise(n, m)["theta"].real / self.scale**2
        return {"theta": replace(self.model.sampling_noise(n, m)["theta"], real=first)}

    def theory(self, loop: Loop) -> dict[str, Recursion]:
        """Return the expected error: see `lib.models.base.Model.theory`."""
        self.check(loop)
        first, later = self._first.theory(loop)["theta"], self.model.theory(loop)["theta"]
        assert isinstance(later, AffineRecursion)  # noqa: S101 - as in every loop but Accumulate
        return {"theta": replace(later, start=first.start / self.scale**2)}
