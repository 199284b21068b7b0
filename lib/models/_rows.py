"""Samples that are held row by row, for models without sufficient statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lib import _validate
from lib._validate import Array

VALUES = 200_000
"""Rows that are simulated together: arrays of 1.6 MB. Part of what a seed means."""

MERGED = 600
"""Up to so many rows NumPy sorts about as fast as it merges sorted blocks of them."""


@dataclass(frozen=True)
class Block:
    """Rows that all weigh the same within a sample.

    Attributes
    ----------
    values : ndarray, shape (weights or 1, replicates, rows)
    weight : ndarray, shape (weights or 1, 1)
        The total weight of these rows.
    """

    values: Array
    weight: Array

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.values.shape[-1])


Rows = tuple[Block, ...]
"""A batch of weighted samples, each a union of blocks; the weights of the blocks sum to 1."""


def one_block(values: Array) -> Rows:
    """Return samples whose rows all weigh the same."""
    return (Block(values, np.ones((1, 1))),)


def mix(parts: Sequence[tuple[Rows, Array]]) -> Rows:
    """Join weighted samples; blocks whose rows weigh the same become one."""
    blocks = [Block(b.values, b.weight * w) for rows, w in parts for b in rows]
    joined = blocks[:1]
    for block in blocks[1:]:
        last = joined[-1]
        if np.allclose(last.weight / last.size, block.weight / block.size, rtol=1e-12, atol=0):
            joined[-1] = Block(_concatenate([last, block]), last.weight + block.weight)
        else:
            joined.append(block)
    return tuple(joined)


def _concatenate(blocks: Sequence[Block], size: tuple[int, ...] = (1, 1)) -> Array:
    shape = np.broadcast_shapes(size, *(block.values.shape[:-1] for block in blocks))
    if len(blocks) == 1:
        return np.broadcast_to(blocks[0].values, (*shape, blocks[0].size))
    return np.concatenate(
        [np.broadcast_to(block.values, (*shape, block.size)) for block in blocks], axis=-1
    )


def resample(rows: Rows, m: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Draw m rows of each sample with replacement, each with its weight as probability.

    Parameters
    ----------
    rows : tuple of Block
    m : int
    size : tuple of int
        Shape of the batch: (weights, replicates).
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (weights, replicates, m)
        If m > `MERGED` in the order of the rows they are drawn from, block by block.
    """
    values = _concatenate(rows, size)
    uniform = rng.random((*size, m)) if m <= MERGED else _sorted_uniform(m, size, rng)
    place = _places(rows, uniform).astype(np.intp)
    total = values.shape[-1]
    np.minimum(place, total - 1, out=place)  # a uniform just below 1 may round up
    # one flat `take` is faster than `take_along_axis`
    place += np.arange(0, size[0] * size[1] * total, total).reshape(*size, 1)
    return np.ascontiguousarray(values).ravel().take(place)


def _sorted_uniform(m: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Draw m uniform variables for each sample in order: sums of exponential ones, in their sum."""
    sums = rng.standard_exponential((*size, m + 1))
    np.cumsum(sums, axis=-1, out=sums)
    return np.asarray(sums[..., :-1] / sums[..., -1:])


def in_order(values: Array) -> Array:
    """Sort along the last axis, fast if many values are sorted in a few blocks already."""
    return np.sort(values, axis=-1, kind="stable" if values.shape[-1] > MERGED else None)


def _places(rows: Rows, uniform: Array) -> Array:
    """Turn uniform variables into places among all rows, by the inverse distribution function.

    It is piecewise linear: a block of `size` rows and weight v has the slope size / v. Overwrites
    the uniform variables.
    """
    weights = [block.weight[..., None] for block in rows]
    if any((weight == 0).any() for weight in weights):
        return _places_beside_empty(rows, uniform)
    slopes = [block.size / weight for block, weight in zip(rows, weights, strict=True)]
    reached: Any = 0.0
    place = uniform * slopes[0]
    for weight, slope, after in zip(weights[:-1], slopes[:-1], slopes[1:], strict=True):
        reached = reached + weight
        bend = uniform - reached
        np.maximum(bend, 0, out=bend)
        bend *= after - slope
        place += bend
    return place


def _places_beside_empty(rows: Rows, uniform: Array) -> Array:
    """Do the same where some block has no weight: there the function jumps."""
    place = np.zeros_like(uniform)
    reached: Any = np.zeros((1, 1, 1))
    first = 0
    for block in rows:
        weight = block.weight[..., None]
        inside = (uniform >= reached) & (weight > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            within = np.minimum((uniform - reached) / weight * block.size, block.size - 0.5)
        place = np.where(inside, first + within, place)
        reached = reached + weight
        first += block.size
    return place


def places(share: Array, size: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw places in a finite table, with replacement.

    Parameters
    ----------
    share : ndarray, shape (rows,)
        Probabilities of the rows.
    size : tuple of int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape `size`
    """
    reached = np.cumsum(share)
    found: Any = np.searchsorted(reached, rng.random(size) * reached[-1], side="right")
    return np.asarray(np.minimum(found, share.size - 1), dtype=np.intp)


def cells(rows: int, most: int) -> int:
    """Return how many samples of so many rows are simulated together, at most `most`."""
    return min(most, max(1, VALUES // rows))


def observed(name: str, values: Any) -> Array:
    """Check rows of a user and return them with the shape (1, replicates, rows)."""
    array = _validate.finite(name, values, "an array of finite numbers")
    if array.ndim not in (1, 2) or not array.size:
        raise _validate.fail(name, "a non-empty array of shape (rows,) or (samples, rows)", values)
    return np.atleast_2d(array)[None]
