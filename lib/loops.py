"""What a generation is trained on: the four loops of the paper's Figures 1 to 4, and uneven months.

A loop is a recipe. It says how many rows there are of each kind and which weight each kind has at
generation t; it knows nothing of what is estimated, so any model of `lib.models` runs in any loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
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
    SteppedRecursion,
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

    def sizes(self, t: int) -> tuple[int, int]:
        """Return how many real and synthetic rows are drawn for generation t; none for t = 0."""
        return self.n, self.m

    @property
    def fewest(self) -> tuple[int, int]:
        """The smallest numbers of real and of synthetic rows of a generation that has any."""
        return self.n, self.m

    @property
    def last(self) -> int | None:
        """The last generation, or None for a loop that goes on for ever."""
        return None

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
        return AffineRecursion(noise.real, *self._step(noise, 1))

    def recursions(
        self, sampling_noise: Callable[[int, int], Mapping[str, SamplingNoise]]
    ) -> dict[str, Recursion]:
        """Return the error recursions of a model in this loop.

        Parameters
        ----------
        sampling_noise : callable
            The model's noise by metric, for n real and m synthetic rows.

        Returns
        -------
        dict of str to Recursion
        """
        noise = sampling_noise(self.n, self.m)
        return {metric: self.recursion(one) for metric, one in noise.items()}

    def _step(self, noise: SamplingNoise, t: int) -> tuple[Array, Array]:
        """Return a and c of generation t."""
        return affine_step(noise, **{str(source): w for source, w in self.recipe(t).items()})


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Uneven(Loop):
    """Fresh real rows, as in `FreshReal`, in numbers and with weights that change every time.

    A generation may go without real rows, and then has the weight 0, or without synthetic rows,
    and then has the weight 1. It ends after as many generations as there are weights.

    Parameters
    ----------
    n : sequence of int, length generations + 1
        Real rows at t = 0, 1, ...; at least one at t = 0.
    m : sequence of int, length generations
        Synthetic rows at t = 1, 2, ....
    w : array_like, shape (generations,)
        Total weight of the real rows at t = 1, 2, ..., in [0, 1]: for the best ones see
        `lib.schedule.adaptive_weights`.

    Raises
    ------
    ValueError
        If a number is out of range, the lengths do not match, or rows that are not there have
        weight.
    """

    n: Any
    m: Any
    w: ArrayLike

    def __post_init__(self) -> None:
        weights = _validate.weight("w", self.w)
        if weights.ndim != 1 or weights.size == 0:
            raise _validate.fail("w", "one weight for each generation", self.w)
        weights.flags.writeable = False
        object.__setattr__(self, "w", weights)
        counts = {}
        for name, length in (("n", weights.size + 1), ("m", weights.size)):
            given = getattr(self, name)
            if np.ndim(given) != 1 or len(given) != length:
                raise _validate.fail(name, f"{length} numbers of rows, as `w` says", given)
            counts[name] = tuple(
                _validate.integer(f"{name}[{t}]", x, 0) for t, x in enumerate(given)
            )
            object.__setattr__(self, name, counts[name])
        _validate.integer("n[0]", counts["n"][0])
        for t, w in enumerate(weights.tolist(), start=1):
            n, m = self.sizes(t)
            if (n == 0 and w > 0) or (m == 0 and w < 1):
                only = "0 where there are no real rows, and 1 where there are no synthetic rows"
                raise _validate.fail(f"w[{t - 1}]", only, w)

    @property
    def k(self) -> float:
        raise AttributeError("an uneven loop has a ratio n/m for each generation")

    def sizes(self, t: int) -> tuple[int, int]:
        return self.n[t], self.m[t - 1] if t else 0

    @property
    def fewest(self) -> tuple[int, int]:
        n, m = (min((x for x in rows if x), default=self.n[0]) for rows in (self.n, self.m))
        return n, m

    @property
    def last(self) -> int:
        return len(self.m)

    def rows(self, steps: int) -> int:
        return max(sum(self.sizes(t)) for t in range(min(steps, self.last) + 1))

    def recipe(self, t: int) -> Recipe:
        weight = float(np.asarray(self.w)[t - 1])
        parts = zip(
            (Source.FRESH, Source.SYNTHETIC), self.sizes(t), (weight, 1 - weight), strict=True
        )
        return {source: share for source, rows, share in parts if rows}

    def recursion(self, noise: SamplingNoise) -> Recursion:
        raise TypeError("an uneven loop has another noise at each generation: see `recursions`")

    def recursions(
        self, sampling_noise: Callable[[int, int], Mapping[str, SamplingNoise]]
    ) -> dict[str, Recursion]:
        # rows that are not there have no weight: any number will do for their noise
        n, m = self.fewest
        sizes = (self.sizes(t) for t in range(self.last + 1))
        noise = [sampling_noise(real or n, synthetic or m) for real, synthetic in sizes]
        found: dict[str, Recursion] = {}
        for metric, first in noise[0].items():
            steps = [self._step(one[metric], t) for t, one in enumerate(noise) if t]
            a, c = (np.stack(part) for part in zip(*steps, strict=True))
            found[metric] = SteppedRecursion(first.real, a, c)
        return found
