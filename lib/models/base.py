"""The interface that every model has, and the theory that follows from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from lib import _validate
from lib._validate import Array
from lib.loops import Loop
from lib.recursion import Recursion, SamplingNoise


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
        """Draw samples of n real rows, a batch of shape ``size = (weights, replicates)``."""

    @abstractmethod
    def synthesize(self, fit: Any, m: int, size: tuple[int, int], rng: Any) -> Any:
        """Draw a sample of m synthetic rows from each member of a batch of fits."""

    @abstractmethod
    def mix(self, parts: Sequence[tuple[Any, Array]]) -> Any:
        """Join (sample, weight) pairs to one weighted sample, each weight of shape (weights, 1)."""

    @abstractmethod
    def fit(self, sample: Any) -> Any:
        """Fit a (weighted) sample."""

    @abstractmethod
    def error(self, fit: Any, metric: str) -> Array:
        """Return the named error of each fit, shape (weights, replicates)."""

    @abstractmethod
    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return what n real and m synthetic rows do to each metric's error in a generation."""

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` if the loop has too few rows for this model."""
        for name, rows in (("n", loop.n), ("m", loop.m)):
            if rows < self.min_rows:
                raise _validate.fail(
                    name, f"at least {self.min_rows} for {type(self).__name__}", rows
                )

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
        noise = self.sampling_noise(loop.n, loop.m)
        return {metric: loop.recursion(one) for metric, one in noise.items()}
