"""The interface that every model has, and the theory that follows from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from lib import _validate
from lib._validate import Array
from lib.loops import Loop
from lib.recursion import Recursion, SamplingNoise

Status = Literal["exact", "asymptotic"]
"""Whether a theory holds for every number of rows, or for large numbers."""

CELLS = 8000
"""Weights times replicates in a chunk: a block of 64 kB, which stays in a processor's cache.

Part of what a seed means: another size gives other numbers.
"""


class Model(ABC):
    """A family of distributions with a true member, estimated from weighted samples.

    A *sample* is whatever the model keeps of its rows: the rows themselves or sufficient
    statistics. A *fit* is what can be drawn from and has errors. Both stand for a whole batch:
    every array in them has the leading axes (weight, replicate), which broadcast. No method loops
    over replicates.
    """

    metrics: ClassVar[tuple[str, ...]]
    """Errors that `lib.simulate` records unless it is told otherwise."""

    min_rows: ClassVar[int] = 1
    """Fewest rows from which the model can be fitted."""

    @abstractmethod
    def draw(self, n: int, size: tuple[int, int], rng: Any) -> Any:
        """Draw samples of real rows.

        Parameters
        ----------
        n : int
            Rows of each sample.
        size : tuple of int
            Shape of the batch: (weights, replicates).
        rng : numpy.random.Generator

        Returns
        -------
        sample
            A batch of shape `size`.
        """

    @abstractmethod
    def synthesize(self, fit: Any, m: int, size: tuple[int, int], rng: Any) -> Any:
        """Draw a sample of synthetic rows from each member of a batch of fits.

        Parameters
        ----------
        fit
            A batch whose shape broadcasts to `size`.
        m : int
            Rows of each sample.
        size : tuple of int
            Shape of the batch: (weights, replicates).
        rng : numpy.random.Generator

        Returns
        -------
        sample
            A batch of shape `size`.
        """

    @abstractmethod
    def mix(self, parts: Sequence[tuple[Any, Array]]) -> Any:
        """Join samples to one weighted sample.

        Parameters
        ----------
        parts : sequence of (sample, weight)
            Each weight is an ndarray of shape (weights, 1); over all parts they sum to 1.

        Returns
        -------
        sample
        """

    @abstractmethod
    def fit(self, sample: Any) -> Any:
        """Fit a (weighted) sample.

        Parameters
        ----------
        sample
            A batch from `draw` or `mix`.

        Returns
        -------
        fit
            A batch of the same shape.
        """

    @abstractmethod
    def error(self, fit: Any, metric: str) -> Array:
        """Return an error of each fit.

        Parameters
        ----------
        fit
            A batch.
        metric : str
            One of `metrics`, or another that the model knows.

        Returns
        -------
        ndarray, shape (weights, replicates)

        Raises
        ------
        ValueError
            If the model has no such metric.
        """

    @abstractmethod
    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return what sampling does to each metric's error in a generation.

        Parameters
        ----------
        n, m : int
            Real and synthetic rows.

        Returns
        -------
        dict of str to SamplingNoise
        """

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if it is no loop, or has too few rows for this model."""
        if not isinstance(loop, Loop):
            raise _validate.fail("loop", "one of lib.loops", loop)
        for name, rows in zip("nm", loop.fewest, strict=True):
            if rows < self.min_rows:
                raise _validate.fail(
                    name, f"at least {self.min_rows} for {type(self).__name__}", rows
                )

    def cells(self, rows: int) -> int:
        """Return how many weights times replicates are simulated together.

        Parameters
        ----------
        rows : int
            Most rows that a generation is trained on. Models that hold a sample by its sufficient
            statistics do not mind.

        Returns
        -------
        int
        """
        return CELLS

    def status(self, loop: Loop) -> Status:
        """Return whether `theory` is exact in a loop or asymptotic in its numbers of rows."""
        return "exact"

    def theory(self, loop: Loop) -> dict[str, Recursion]:
        """Return the expected error of this model in a loop, by metric.

        Parameters
        ----------
        loop : Loop
            Any of `lib.loops`.

        Returns
        -------
        dict of str to Recursion
            ``theory(loop)["mean"].path(200)`` is the error at t = 0, ..., 200 and ``.limit()``
            its limit, with a leading axis of weights when the loop has a grid of them.

        Raises
        ------
        ValueError
            If the loop has too few rows for the model.
        """
        self.check(loop)
        return loop.recursions(self.sampling_noise)
