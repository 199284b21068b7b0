"""What a generation is trained on: the four loops of the paper's Figures 1 to 4.

A loop is a recipe. It says how many rows there are of each kind and which weight each kind has at
generation t; it knows nothing of what is estimated, so any model of `lib.models` runs in any loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.recursion import (
    AccumulatingRecursion,
    AffineRecursion,
    Recursion,
    SamplingNoise,
    affine_step,
)


class Source(StrEnum):
    """Where the rows of a training set come from."""

    FRESH = "fresh"  #: n real rows collected for this generation
    FIRST = "first"  #: the n real rows of generation 0, once more
    PREVIOUS = "previous"  #: the whole training set of the generation before
    SYNTHETIC = "synthetic"  #: m rows drawn from the model of the generation before


Recipe = Mapping[Source, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Loop(ABC):
    """What all loops share: n real rows, and m synthetic rows a generation.

    Attributes
    ----------
    n, m : int
        Numbers of real and synthetic rows.
    """

    n: int
    m: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _validate.integer("n", self.n))
        object.__setattr__(self, "m", _validate.integer("m", self.m))

    @property
    def k(self) -> float:
        """Ratio n/m of real to synthetic rows."""
        return self.n / self.m

    def rows(self, steps: int) -> int:
        """Return the most rows that a generation is trained on, up to generation `steps`."""
        return self.n + self.m

    @property
    def grid(self) -> Array | None:
        """The weights that run side by side, shape (weights,); None for a loop without a weight."""
        return None

    @abstractmethod
    def recipe(self, t: int) -> Recipe:
        """Return what a generation is trained on.

        Parameters
        ----------
        t : int
            The generation, at least 1.

        Returns
        -------
        mapping of Source to float or ndarray
            The total weight of each source, scalar or a grid; they sum to 1.
        """

    def recursion(self, noise: SamplingNoise) -> Recursion:
        """Return the error recursion of a model with this sampling noise.

        Parameters
        ----------
        noise : SamplingNoise
            The model's contribution, for this loop's n and m.

        Returns
        -------
        Recursion
            With a leading axis of weights when `w` is a grid.
        """
        a, c = affine_step(noise, **{str(source): w for source, w in self.recipe(1).items()})
        return AffineRecursion(noise.real, a, c)


@dataclass(frozen=True, kw_only=True, eq=False)
class FullySynthetic(Loop):
    """Each generation sees only the synthetic rows of the one before (the paper's Figure 1).

    Parameters
    ----------
    n : int
        Real rows of the first fit.
    m : int
        Synthetic rows at every later generation.
    """

    def recipe(self, t: int) -> Recipe:
        return {Source.SYNTHETIC: 1.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Accumulate(Loop):
    """Each generation sees the first real rows and every synthetic set so far (Figure 2).

    All rows count the same, so the newest set has the share ``m / (n + t m)``.

    Parameters
    ----------
    n : int
        Real rows of the first fit.
    m : int
        Synthetic rows that every generation adds.
    """

    def recipe(self, t: int) -> Recipe:
        share = 1 / (self.k + t)
        return {Source.PREVIOUS: 1 - share, Source.SYNTHETIC: share}

    def rows(self, steps: int) -> int:
        return self.n + steps * self.m

    def recursion(self, noise: SamplingNoise) -> Recursion:
        return AccumulatingRecursion(noise, self.k)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Weighted(Loop):
    """A loop whose real rows share the weight w, and whose synthetic rows share 1 - w."""

    w: ArrayLike

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = _validate.weight("w", self.w)
        if weights.ndim > 1 or weights.size == 0:
            raise _validate.fail("w", "a number or a non-empty 1-d grid", self.w)
        weights.flags.writeable = False
        object.__setattr__(self, "w", weights if weights.ndim else float(weights))

    @property
    def grid(self) -> Array | None:
        return np.atleast_1d(np.asarray(self.w))


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedReal(_Weighted):
    """Each generation sees the same first real rows and the newest synthetic set (Figure 3).

    Parameters
    ----------
    n : int
        Real rows, collected once.
    m : int
        Synthetic rows at every generation.
    w : float or array_like, shape (weights,)
        Total weight of the real rows, in [0, 1].
    """

    def recipe(self, t: int) -> Recipe:
        w = np.asarray(self.w)
        return {Source.FIRST: w, Source.SYNTHETIC: 1 - w}


@dataclass(frozen=True, kw_only=True, eq=False)
class FreshReal(_Weighted):
    """Each generation sees newly collected real rows and the newest synthetic set (Figure 4).

    This is the paper's framework.

    Parameters
    ----------
    n : int
        Real rows, collected anew at every generation.
    m : int
        Synthetic rows at every generation.
    w : float or array_like, shape (weights,)
        Total weight of the real rows, in [0, 1].
    """

    def recipe(self, t: int) -> Recipe:
        w = np.asarray(self.w)
        return {Source.FRESH: w, Source.SYNTHETIC: 1 - w}
