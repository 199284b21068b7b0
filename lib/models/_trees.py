"""Chow-Liu trees in batches: learn them from pair margins, draw from them, compute with them.

A tree of columns is rooted in column 0, which is no restriction: its distribution is the same
whatever the root. Nothing here loops over trees, only over columns and categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from lib import _validate
from lib._validate import Array

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Layout:
    """Where the columns lie in a matrix of pair margins.

    The margins of all pairs of columns are one symmetric matrix: its rows and columns are the
    categories of all columns, one column after the other; the block (u, v) is the joint margin of
    columns u and v, and the blocks on the diagonal hold the one-way margins on theirs.

    Attributes
    ----------
    sizes : tuple of int
        Categories of each column.
    """

    sizes: tuple[int, ...]

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.sizes)

    @property
    def total(self) -> int:
        """Number of categories of all columns together."""
        return sum(self.sizes)

    @property
    def starts(self) -> Codes:
        """Where each column begins."""
        return np.cumsum([0, *self.sizes[:-1]], dtype=np.intp)

    @property
    def blocks(self) -> Array:
        """Indicators of the columns' categories, shape (categories, columns)."""
        which = np.repeat(np.arange(self.columns), self.sizes)
        found: Array = (which[:, None] == np.arange(self.columns)).astype(float)
        return found

    @property
    def padded(self) -> tuple[Codes, NDArray[np.bool_]]:
        """Places of each column's categories, padded to the largest, and which are no padding."""
        place = np.arange(max(self.sizes))
        inside = place < np.array(self.sizes)[:, None]
        return np.where(inside, self.starts[:, None] + place, 0), inside

    def margins(self, codes: Codes, share: Array | None = None) -> Array:
        """Return the pair margins of rows, shape (..., categories, categories).

        Parameters
        ----------
        codes : ndarray of int, shape (..., rows, columns)
        share : ndarray, shape (rows,), optional
            Weights of the rows, with sum 1; by default all are equal.
        """
        *batch, rows, _ = codes.shape
        marks = np.zeros((*batch, rows, self.total), dtype=np.float32 if share is None else float)
        np.put_along_axis(marks, codes + self.starts, 1, axis=-1)
        if share is not None:
            return np.asarray((marks * share[:, None]).swapaxes(-1, -2) @ marks, dtype=float)
        # whole numbers below 2^24 are exact in single precision
        counts = marks.swapaxes(-1, -2) @ marks
        found: Array = counts.astype(float) / rows
        return found


@dataclass(frozen=True)
class Trees:
    """A batch of trees.

    Attributes
    ----------
    margins : ndarray, shape (weights, replicates, categories, categories)
        The pair margins that they were fitted to. Each tree keeps those of its edges.
    order : ndarray of int, shape (weights, replicates, columns)
        Columns from the root on: every one comes after its parent.
    parent : ndarray of int, shape (weights, replicates, columns)
        Parent of each column; of the root itself, -1.
    """

    margins: Array
    order: Codes
    parent: Codes

    def edges(self) -> Codes:
        """Return (child, parent) in the order of growth: shape (..., columns - 1, 2)."""
        child = self.order[..., 1:]
        return np.stack([child, np.take_along_axis(self.parent, child, axis=-1)], axis=-1)


def mutual_information(layout: Layout, margins: Array) -> Array:
    """Return the mutual information of each pair of columns, in nats.

    Parameters
    ----------
    layout : Layout
    margins : ndarray, shape (..., categories, categories)

    Returns
    -------
    ndarray, shape (..., columns, columns)
        Entropies on the diagonal.
    """
    logs = np.log(np.where(margins > 0, margins, 1))
    blocks = layout.blocks
    joint = blocks.T @ (margins * logs) @ blocks
    single = np.diagonal(joint, axis1=-2, axis2=-1)
    found = joint - single[..., :, None] - single[..., None, :]
    return np.maximum(found, 0)  # rounding, for independent columns


def learn(layout: Layout, margins: Array) -> tuple[Codes, Codes]:
    """Return the order and the parents of the best tree of each matrix of pair margins.

    All matrices of the batch are one graph with a connected part for each, so that a single call
    of `scipy.sparse.csgraph.minimum_spanning_tree` finds all trees. The root is column 0.

    Parameters
    ----------
    layout : Layout
    margins : ndarray, shape (..., categories, categories)

    Returns
    -------
    order, parent : ndarray of int, shape (..., columns)
    """
    batch, many = margins.shape[:-2], layout.columns
    information = mutual_information(layout, margins).reshape(-1, many, many)
    count = len(information)
    first, second = np.triu_indices(many, 1)
    # positive lengths, shortest for the largest information; sums over trees differ by a constant
    length = 1 + information.max(axis=(-1, -2))[:, None] - information[:, first, second]
    start = many * np.arange(count)[:, None]
    graph = csr_array(
        (length.ravel(), ((start + first).ravel(), (start + second).ravel())),
        shape=(count * many, count * many),
    )
    forest = minimum_spanning_tree(graph).tocoo()
    # one more node that is joined to every root leads through all trees in one walk
    above = count * many
    pairs = (
        np.concatenate([forest.coords[0], start.ravel()]),
        np.concatenate([forest.coords[1], np.full(count, above)]),
    )
    joined = csr_array((np.ones(pairs[0].size), pairs), shape=(above + 1, above + 1))
    walk, before = breadth_first_order(joined, above, directed=False)
    parent = before[:above].reshape(count, many) - start
    parent[:, 0] = -1
    position = np.empty(above + 1, dtype=np.intp)
    position[walk] = np.arange(above + 1)
    order = np.argsort(position[:above].reshape(count, many), axis=-1)
    return order.reshape(*batch, many), parent.astype(np.intp).reshape(*batch, many)


def rooted(columns: int, edges: Any) -> tuple[Codes, Codes]:
    """Return order and parents of the tree with these edges, rooted in column 0.

    Parameters
    ----------
    columns : int
    edges : array_like of int, shape (columns - 1, 2)

    Returns
    -------
    order, parent : ndarray of int, shape (columns,)

    Raises
    ------
    ValueError
        If they are no spanning tree.
    """
    allowed = f"{columns - 1} pairs of columns that join all {columns} columns"
    try:
        array = np.asarray(edges)
    except ValueError:  # pairs of different lengths
        raise _validate.fail("edges", allowed, edges) from None
    if array.shape != (columns - 1, 2) or array.dtype.kind not in "iu":
        raise _validate.fail("edges", allowed, edges)
    if (array < 0).any() or (array >= columns).any():
        raise _validate.fail("edges", allowed, edges)
    joined = np.zeros((columns, columns))  # so that the order of edges does not matter
    joined[array[:, 0], array[:, 1]] = joined[array[:, 1], array[:, 0]] = 1
    graph = csr_array(joined)
    order, parent = breadth_first_order(graph, 0, directed=False)
    if order.size < columns:
        raise _validate.fail("edges", allowed, edges)
    return order.astype(np.intp), np.where(parent < 0, -1, parent).astype(np.intp)


def _edge_tables(layout: Layout, trees: Trees, step: int) -> tuple[Codes, Codes, Array]:
    """Return child, parent and conditional table (replicates first) of the edge at a step.

    The table has the shape (batch, parent's category, child's category), padded with zeros; where
    the parent's category has no probability, all entries are zero.
    """
    place, inside = layout.padded
    margins = trees.margins.reshape(-1, layout.total, layout.total)
    child = trees.order.reshape(len(margins), -1)[:, step]
    every = np.arange(len(margins))
    parent = trees.parent.reshape(len(margins), -1)[every, child]
    down, across = place[parent], place[child]
    table = margins[every[:, None, None], down[:, :, None], across[:, None, :]]
    table = np.where(inside[parent][:, :, None] & inside[child][:, None, :], table, 0)
    size = table.sum(axis=-1, keepdims=True)
    return child, parent, np.divide(table, size, out=np.zeros_like(table), where=size > 0)


def sample(layout: Layout, trees: Trees, m: int, rng: np.random.Generator) -> Codes:
    """Draw rows of each tree: the root first, then every column given its parent.

    Parameters
    ----------
    layout : Layout
    trees : Trees
    m : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (weights, replicates, m, columns)
    """
    batch = trees.order.shape[:-1]
    count = int(np.prod(batch))
    every = np.arange(count)
    codes = np.empty((layout.columns, count, m), dtype=np.intp)
    roots = trees.order.reshape(count, -1)[:, 0]
    place, inside = layout.padded
    single = np.diagonal(trees.margins, axis1=-2, axis2=-1).reshape(count, -1)
    first = np.where(inside[roots], np.take_along_axis(single, place[roots], axis=-1), 0)
    codes[roots, every] = _invert(first[:, None, :], np.zeros((count, m), dtype=np.intp), rng)
    for step in range(1, layout.columns):
        child, parent, table = _edge_tables(layout, trees, step)
        codes[child, every] = _invert(table, codes[parent, every], rng)
    return np.moveaxis(codes, 0, -1).reshape(*batch, m, layout.columns)


def _invert(table: Array, given: Codes, rng: np.random.Generator) -> Codes:
    """Draw a category for each row from the distribution that its given category selects."""
    reached = np.cumsum(table, axis=-1)
    # rounding: nothing may lie above the last category that has probability
    top = reached[..., -1:]
    reached = np.where(reached >= top, np.inf, reached / np.where(top > 0, top, 1))
    uniform = rng.random(given.shape)
    found = np.zeros(given.shape, dtype=np.intp)
    every = np.arange(len(given))[:, None]
    for category in range(reached.shape[-1] - 1):
        found += uniform >= reached[every, given, category]
    return found


def implied(layout: Layout, trees: Trees) -> Array:
    """Return the pair margins of the trees themselves, edges or not.

    Parameters
    ----------
    layout : Layout
    trees : Trees

    Returns
    -------
    ndarray, shape (weights, replicates, categories, categories)
    """
    batch = trees.order.shape[:-1]
    count = int(np.prod(batch))
    place, inside = layout.padded
    every = np.arange(count)[:, None, None]
    single = np.diagonal(trees.margins, axis1=-2, axis2=-1).reshape(count, -1)
    found = np.zeros((count, layout.total + 1, layout.total + 1))  # the last takes the padding
    target = np.where(inside, place, layout.total)
    roots = trees.order.reshape(count, -1)[:, 0]
    at = target[roots]
    found[every, at[:, :, None], at[:, :, None]] = np.take_along_axis(
        single, np.minimum(at, layout.total - 1), axis=-1
    )[..., None]
    for step in range(1, layout.columns):
        child, parent, table = _edge_tables(layout, trees, step)
        down, across = target[parent], target[child]
        # P(x, child) = sum over the parent's categories of P(x, parent) P(child | parent)
        known = found[every, np.arange(layout.total)[None, :, None], down[:, None, :]]
        known = np.where(inside[parent][:, None, :], known, 0)
        joint = known @ table
        found[every, np.arange(layout.total)[None, :, None], across[:, None, :]] = joint
        found[every, across[:, :, None], np.arange(layout.total)[None, None, :]] = joint.swapaxes(
            -1, -2
        )
        own = np.take_along_axis(single, np.minimum(across, layout.total - 1), axis=-1)
        found[every, across[:, :, None], across[:, None, :]] = own[..., None] * np.eye(
            across.shape[1]
        )
    found = found[:, : layout.total, : layout.total]
    return found.reshape(*batch, layout.total, layout.total)


def row_log_probabilities(
    layout: Layout, trees: Trees, codes: Codes, *, doubt: float = 0.0
) -> Array:
    """Return the log-probability of given rows under each tree.

    Parameters
    ----------
    layout : Layout
    trees : Trees
    codes : ndarray of int, shape (rows, columns)
    doubt : float, optional
        Share of every (conditional) distribution that is spread evenly over its categories.

    Returns
    -------
    ndarray, shape (weights, replicates, rows)
        Minus infinity for a row that a tree cannot produce.
    """
    batch = trees.order.shape[:-1]
    count = int(np.prod(batch))
    place, inside = layout.padded
    every = np.arange(count)[:, None]
    roots = trees.order.reshape(count, -1)[:, 0]
    single = np.diagonal(trees.margins, axis1=-2, axis2=-1).reshape(count, -1)
    first = np.where(inside[roots], np.take_along_axis(single, place[roots], axis=-1), 0)

    def logs(table: Array, columns: Codes) -> Array:
        sizes = np.array(layout.sizes)[columns].reshape(-1, *(1,) * (table.ndim - 1))
        # where a parent's category has no probability, there is nothing but doubt
        certain = (1 - doubt) * (table.sum(axis=-1, keepdims=True) > 0)
        even = np.where(doubt > 0, (1 - certain) / sizes, 0)
        with np.errstate(divide="ignore"):
            found: Array = np.log(certain * table + even)
        return found

    found = logs(first, roots)[every, codes.T[roots]]
    for step in range(1, layout.columns):
        child, parent, table = _edge_tables(layout, trees, step)
        found = found + logs(table, child)[every, codes.T[parent], codes.T[child]]
    return found.reshape(*batch, -1)
