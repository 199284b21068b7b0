"""The third kind of answer: a simulation, checked by its statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

Array = NDArray[np.float64]

ALPHA = 1e-4
"""How often a right simulation is turned down, by each of two tests: of independence, and of the
mean (two-sided)."""


@dataclass(frozen=True)
class Simulated:
    """An exercise whose answer is a simulation: one value a chain, from independent chains.

    What is checked, in this order: that there are enough finite values, with spread and without
    copies; that successive values are independent (serial correlation of the ranks); that the
    mean agrees with the exact one (Student's t, after Hall's correction for skewness, which
    squared errors have); that the answer's own standard error is small enough. A right
    simulation fails each of the two tests with probability `alpha`; a precise enough one whose
    mean is off by more than 6.3 times its standard error is found with probability 99 %. With
    several columns each is tested at `alpha` divided by their number (Bonferroni), so that a
    right table fails with probability `alpha` at most; an error in one of them must then be a
    little larger to be found as surely: 6.7 standard errors with six columns.

    Attributes
    ----------
    solution : callable
        Returns the exact mean; or, where the question asks for one row a chain and one column a
        generation, the array of the exact mean of each column.
    precision : float
        Largest standard error of the mean, as a share of the mean, as the question states it.
    slips : mapping of str to callable
        What to say to a well-known wrong loop, and its exact mean (or means).
    signed : bool
        Whether a value may be negative; squared errors may not.
    discrete : bool
        Whether values may coincide, as counts do; errors of a continuous quantity may not.
    least : int
        Fewest values.
    alpha : float
        False-alarm rate of each of the two tests.
    """

    solution: Callable[[], ArrayLike]
    precision: float = 0.02
    slips: Mapping[str, Callable[[], ArrayLike]] = field(default_factory=dict)
    signed: bool = False
    discrete: bool = False
    least: int = 500
    alpha: float = ALPHA

    def feedback(self, answer: Any) -> str:
        """Return what is wrong, or an empty string."""
        right = np.asarray(self.solution(), dtype=float)
        values, fault = _table(answer, right)
        if values is None:
            return fault
        return (
            next(self._unusable(values), "")
            or self._off(values, np.atleast_1d(right))
            or self._coarse(values)
        )

    def _unusable(self, values: Array) -> Iterator[str]:
        """Say why nothing can be said about the mean yet."""
        rows = len(values)
        odd = int((~np.isfinite(values)).sum())
        if odd:
            yield f"{odd} of the values {'is' if odd == 1 else 'are'} nan or infinite"
        if rows < self.least:
            yield f"too few values: {rows}; take at least {self.least} chains"
        if not self.signed and (values < 0).any():
            yield "some values are negative, which they cannot be: are they squared?"
        different = min(len(np.unique(column)) for column in values.T)
        if different == 1:
            yield "all values are the same: each chain needs random numbers of its own"
        if not self.discrete and different < rows:
            yield (
                f"{rows} values, but only {different} different ones: each chain needs random "
                "numbers of its own; is a generator seeded again inside a loop?"
            )
        if any(_dependent(column, self.alpha / values.shape[1]) for column in values.T):
            yield (
                "the values are not independent: successive ones are alike. "
                "Take one value a chain, and many chains"
            )

    def _off(self, values: Array, right: Array) -> str:
        """Return what is wrong with the mean."""
        z = self._scores(values, right)
        if self._agrees(z):
            return ""
        known = []
        for advice, slip in self.slips.items():
            distance = self._scores(values, np.asarray(slip(), dtype=float))
            if self._agrees(distance):
                known.append((float(np.abs(distance).max()), advice))
        if known:
            return f"the mean is as if from a known slip: {min(known)[1]}"
        worst = int(np.abs(z).argmax())
        size = "large" if z[worst] > 0 else "small"
        if right.size == 1:
            return f"the mean of the values is too {size}"
        return f"the mean is too {size} in column {worst} (the first is 0)"

    def _coarse(self, values: Array) -> str:
        """Return how many chains are needed, from the answer's own spread."""
        share = float((_standard_error(values) / np.abs(_mean(values))).max())
        if share <= self.precision:
            return ""
        needed = len(values) * (share / self.precision) ** 2
        return (
            f"too coarse: the standard error is {share:.2%} of the mean, and the question "
            f"allows {self.precision:.2%}. About {_round_up(needed):,} chains are needed"
        )

    def _scores(self, values: Array, mean: Array) -> Array:
        """Return how far the columns are from a mean, over the critical value."""
        rows, columns = values.shape
        deviation = values - _mean(values)
        spread = values.std(axis=0, ddof=1)
        skew = (deviation * deviation**2).mean(axis=0) / spread**3
        t = (_mean(values) - mean) / spread
        hall = t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * rows)
        critical = -stdtrit(rows - 1, self.alpha / columns / 2)
        scores: Array = np.sqrt(rows) * hall / critical
        return scores

    @staticmethod
    def _agrees(scores: Array) -> bool:
        return bool((np.abs(scores) <= 1).all())


def _table(answer: Any, right: Array) -> tuple[Array | None, str]:
    """Return the values as (chain, column), or what is wrong with their form."""
    try:
        values = np.asarray(answer)
    except (TypeError, ValueError):
        return None, "expected an array of numbers, all rows of the same length"
    if values.dtype.kind not in "biuf":
        came = "complex ones" if values.dtype.kind == "c" else type(answer).__name__
        return None, f"expected an array of real numbers, got {came}"
    wanted, got = 1 + right.ndim, f"got shape {values.shape}"
    if values.ndim == 0:
        fault = "that is one number: hand in all values, one a chain"
    elif wanted == 1:
        fault = "" if values.ndim == 1 else f"expected one dimension, one value a chain; {got}"
    elif values.ndim == wanted and values.shape[1] == right.size:
        fault = ""
    else:
        fault = f"expected one row a chain and {right.size} columns; {got}"
        if values.shape[0] == right.size:
            few = ": those look like averages: hand in the values of all chains"
            fault += ": transpose it" if values.ndim == wanted else few
    return None if fault else values.astype(float).reshape(len(values), right.size), fault


def _dependent(column: Array, alpha: float) -> bool:
    """Return whether successive values are alike, by the serial correlation of their ranks."""
    rows = len(column)
    _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    score = (ranks - ranks.mean()) / ranks.std()
    # in a random order: mean -1/n, variance 1/n, and the skewness that ties leave
    z = np.sqrt(rows) * ((score[1:] * score[:-1]).mean() + 1 / rows)
    skew = (score**3).mean() ** 2 / np.sqrt(rows)
    critical = -ndtri(alpha)
    return bool(z > critical + (critical**2 - 1) / 6 * skew)


def _mean(values: Array) -> Array:
    mean: Array = values.mean(axis=0)
    return mean


def _standard_error(values: Array) -> Array:
    error: Array = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return error


def _round_up(number: float) -> int:
    """Return a number with two digits, not below."""
    unit = 10 ** max(0, int(np.floor(np.log10(number))) - 1)
    return int(np.ceil(number / unit) * unit)
