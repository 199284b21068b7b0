"""Frequencies of categories, such as the values of a column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.loops import Loop
from lib.models.base import Model
from lib.recursion import AffineRecursion, Recursion, SamplingNoise


class Categorical(Model):
    """A distribution on C categories, estimated by weighted relative frequencies.

    A sample is held by its relative frequencies, drawn as multinomial counts: exact, and the cost
    does not depend on the number of rows. Drawing rows with replacement from a finite table is
    the same as drawing from the table's own frequencies.

    Parameters
    ----------
    p : array_like, shape (C,)
        True probabilities, at least two, not negative, with sum 1.

    Raises
    ------
    ValueError
        If an entry is negative or not finite, or the sum is not 1 (to 1e-8).

    Notes
    -----
    Metric ``"frequencies"``: the mean over categories of the squared error, with exact theory in
    every loop. On request also ``"lost"``, the number of categories that have probability in the
    truth and none in the fit.

    Examples
    --------
    >>> from lib import FullySynthetic
    >>> from lib.models import Categorical
    >>> model = Categorical([0.5, 0.5])
    >>> theory = model.theory(FullySynthetic(n=10, m=10))["frequencies"]
    >>> theory.path(100)[[0, 1, 100]].round(4).tolist()
    [0.025, 0.0475, 0.25]
    """

    metrics: ClassVar[tuple[str, ...]] = ("frequencies",)

    def __init__(self, p: ArrayLike) -> None:
        values = _validate.nonnegative("p", p)
        if values.ndim != 1 or values.size < 2:
            raise _validate.fail("p", "a vector of at least two probabilities", p)
        if abs(values.sum() - 1) > 1e-8:
            raise _validate.fail("p", f"a vector with sum 1 (its sum is {values.sum():.9g})", p)
        self.p = values / values.sum()

    def __repr__(self) -> str:
        return f"Categorical(p={self.p.tolist()})"

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
        """Draw the frequencies of n real rows: see `lib.models.base.Model.draw`."""
        return self.synthesize(self.p, n, size, rng)

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Array:
        """Draw the frequencies of m rows of each fit: see `lib.models.base.Model.synthesize`."""
        frequencies: Array = rng.multinomial(m, fit, size=size) / m
        return frequencies

    def mix(self, parts: Sequence[tuple[Array, Array]]) -> Array:
        """Average the frequencies: see `lib.models.base.Model.mix`."""
        return reduce(np.add, [weight[..., None] * sample for sample, weight in parts])

    def fit(self, sample: Array) -> Array:
        """Return the sample: its frequencies are the estimates."""
        return sample

    def error(self, fit: Array, metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        if metric == "frequencies":
            return np.asarray(((fit - self.p) ** 2).mean(axis=-1))
        if metric == "lost":
            return np.asarray(((fit == 0) & (self.p > 0)).sum(axis=-1), dtype=float)
        raise _validate.fail("metric", "'frequencies' or 'lost'", metric)

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the exact noise of the metric: see `lib.models.base.Model.sampling_noise`.

        With estimate p' the variance of a frequency is E p'(1 - p')/m = (p (1 - p) - e)/m, where
        e is the mean squared error of p': hence the negative feedback.
        """
        spread = np.array([(1 - (self.p**2).sum()) / self.p.size])
        return {"frequencies": SamplingNoise(spread / n, spread / m, np.array([[-1 / m]]))}


class Drawn(NamedTuple):
    """Frequencies of samples, with a random number that decides how they are drawn again."""

    frequencies: Array
    seeds: tuple[int, ...]


class ResampledCategorical(Categorical):
    """Frequencies whose training rows are drawn again, with their weights as probabilities.

    What a generator that takes no weights is given: N rows, drawn with replacement. Nothing is
    drawn again at t = 0 and in the fully synthetic loop, where no rows have weights.

    Parameters
    ----------
    p : array_like, shape (C,)
        True probabilities, at least two, not negative, with sum 1.
    rows : int
        N, the rows that are drawn again.

    Raises
    ------
    ValueError
        As `Categorical`, or if `rows` is not a positive integer.

    Notes
    -----
    Metrics as `Categorical`. Theory is exact in every loop but `lib.loops.Accumulate`, whose next
    generation sees the rows as they were before they were drawn again, and `lib.loops.Uneven`.

    Examples
    --------
    >>> from lib import FreshReal
    >>> from lib.models import ResampledCategorical
    >>> model = ResampledCategorical([0.5, 0.5], rows=4)
    >>> loop = FreshReal(n=4, m=4, w=0.5)
    >>> round(float(model.theory(loop)["frequencies"].limit()), 4)
    0.1
    """

    def __init__(self, p: ArrayLike, rows: int) -> None:
        super().__init__(p)
        self.rows = _validate.integer("rows", rows)

    def __repr__(self) -> str:
        return f"ResampledCategorical(p={self.p.tolist()}, rows={self.rows})"

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Any:
        """Draw the frequencies of n real rows: see `lib.models.base.Model.draw`."""
        return self.synthesize(self.p, n, size, rng)

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Any:
        """Draw the frequencies of m rows of each fit: see `lib.models.base.Model.synthesize`."""
        return Drawn(super().synthesize(fit, m, size, rng), (int(rng.integers(2**63)),))

    def mix(self, parts: Sequence[tuple[Any, Array]]) -> Any:
        """Average the frequencies: see `lib.models.base.Model.mix`."""
        mixed = super().mix([(drawn.frequencies, weight) for drawn, weight in parts])
        return Drawn(mixed, tuple(seed for drawn, _ in parts for seed in drawn.seeds))

    def fit(self, sample: Any) -> Array:
        """Draw rows again, unless there is one sample only: see `lib.models.base.Model.fit`."""
        if len(sample.seeds) == 1:
            return np.asarray(sample.frequencies)
        rng = np.random.default_rng(sample.seeds)
        return np.asarray(rng.multinomial(self.rows, sample.frequencies) / self.rows)

    def theory(self, loop: Loop) -> dict[str, Recursion]:
        """Return the expected error: see `lib.models.base.Model.theory`.

        Raises
        ------
        ValueError
            If the loop is `lib.loops.Accumulate` or `lib.loops.Uneven`, or no loop.
        """
        recursion = super().theory(loop)["frequencies"]
        if not isinstance(recursion, AffineRecursion):
            allowed = "any but Accumulate and Uneven, for rows that are drawn again"
            raise _validate.fail("loop", allowed, loop)
        if loop.grid is None:
            return {"frequencies": recursion}
        # drawing N rows of frequencies q adds q (1 - q) / N, on average (v - e) / N
        kept, alone = 1 - 1 / self.rows, np.array([(1 - (self.p**2).sum()) / self.p.size])
        return {
            "frequencies": AffineRecursion(
                recursion.start, kept * recursion.a + alone / self.rows, kept * recursion.c
            )
        }
