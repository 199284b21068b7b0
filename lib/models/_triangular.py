"""Batches of small lower-triangular matrices.

A matrix of order d is held as its d (d + 1) / 2 lower entries, row by row, on the last axis, and
memory runs along the batch: one entry of all matrices is one contiguous block, so that every line
below is a fast operation on whole blocks. LAPACK on a stack of 2 x 2 matrices, which pays a call
for each of them, is about ten times slower (benchmarks/).
"""

from __future__ import annotations

import numpy as np

from lib._validate import Array


def entry(i: int, j: int) -> int:
    """Return the place of the entry (i, j), i >= j."""
    return i * (i + 1) // 2 + j


def empty(size: tuple[int, ...], count: int) -> Array:
    """Return an empty array of shape (*size, count) whose memory runs along `size` first."""
    return np.moveaxis(np.empty((count, *size)), 0, -1)


def pack(matrix: Array) -> Array:
    """Take the lower entries of symmetric or triangular matrices, shape (..., d, d)."""
    rows, columns = np.tril_indices(matrix.shape[-1])
    return matrix[..., rows, columns]


def unpack(packed: Array, dim: int) -> Array:
    """Return the symmetric matrices, shape (..., d, d)."""
    rows, columns = np.tril_indices(dim)
    matrix = np.empty((*packed.shape[:-1], dim, dim))
    matrix[..., rows, columns] = matrix[..., columns, rows] = packed
    return matrix


def cholesky(packed: Array, dim: int) -> Array:
    """Return lower-triangular L with L L' the given positive semi-definite matrices.

    A column whose pivot is zero up to rounding is set to zero, so singular matrices are allowed.
    """
    factor = empty(packed.shape[:-1], packed.shape[-1])
    for j in range(dim):
        # against the coordinate's own variance, so that its unit does not matter
        negligible = dim * np.finfo(float).eps * packed[..., entry(j, j)]
        for i in range(j, dim):
            rest = packed[..., entry(i, j)].copy()
            for q in range(j):
                rest -= factor[..., entry(i, q)] * factor[..., entry(j, q)]
            if i == j:
                np.maximum(rest, 0, out=rest)
                zero = rest <= negligible
                singular = zero.any()
                if singular:
                    rest[zero] = 0
                pivot = np.sqrt(rest, out=rest)
            elif singular:
                rest = np.divide(rest, pivot, out=np.zeros_like(rest), where=~zero)
            else:
                rest /= pivot
            factor[..., entry(i, j)] = rest
    return factor


def multiply(left: Array, right: Array, dim: int) -> Array:
    """Return the products of lower-triangular matrices."""
    size = np.broadcast_shapes(left.shape[:-1], right.shape[:-1])
    product = empty(size, left.shape[-1])
    for i in range(dim):
        for j in range(i + 1):
            total = left[..., entry(i, j)] * right[..., entry(j, j)]
            for q in range(j + 1, i + 1):
                total = total + left[..., entry(i, q)] * right[..., entry(q, j)]
            product[..., entry(i, j)] = total
    return product


def gram(factor: Array, dim: int) -> Array:
    """Return the lower entries of L L'."""
    product = empty(factor.shape[:-1], factor.shape[-1])
    for i in range(dim):
        for j in range(i + 1):
            total = factor[..., entry(i, 0)] * factor[..., entry(j, 0)]
            for q in range(1, j + 1):
                total += factor[..., entry(i, q)] * factor[..., entry(j, q)]
            product[..., entry(i, j)] = total
    return product


def apply(factor: Array, vector: Array, dim: int) -> Array:
    """Return the products L x, x of shape (..., d)."""
    size = np.broadcast_shapes(factor.shape[:-1], vector.shape[:-1])
    product = empty(size, dim)
    for i in range(dim):
        total = factor[..., entry(i, 0)] * vector[..., 0]
        for q in range(1, i + 1):
            total = total + factor[..., entry(i, q)] * vector[..., q]
        product[..., i] = total
    return product


def solve_lower(factor: Array, vector: Array, dim: int) -> Array:
    """Return the solutions of L x = b, b of shape (..., d); not finite where L is singular."""
    solution = empty(np.broadcast_shapes(factor.shape[:-1], vector.shape[:-1]), dim)
    for i in range(dim):
        total = vector[..., i]
        for j in range(i):
            total = total - factor[..., entry(i, j)] * solution[..., j]
        np.divide(total, factor[..., entry(i, i)], out=solution[..., i])
    return solution


def solve(factor: Array, vector: Array, dim: int) -> Array:
    """Return the solutions of L L' x = b, b of shape (..., d); not finite where L is singular."""
    solution = solve_lower(factor, vector, dim)
    for i in reversed(range(dim)):  # L' x = y
        total = solution[..., i]
        for j in range(i + 1, dim):
            total -= factor[..., entry(j, i)] * solution[..., j]
        total /= factor[..., entry(i, i)]
    return solution


def squared_norm(values: Array, counted: Array) -> Array:
    """Return sum_c counted_c values_c^2 over the last axis."""
    total = counted[0] * values[..., 0] ** 2
    for c in range(1, values.shape[-1]):
        total += counted[c] * values[..., c] ** 2
    return np.asarray(total)


def wishart_factor(df: int, dim: int, size: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draw lower-triangular B with B B' ~ Wishart(df, identity), by Bartlett's decomposition.

    The cost does not depend on `df`. With fewer degrees of freedom than dimensions the matrix is
    singular: columns from `df` on are zero, as in the QR decomposition of a df x d normal matrix.
    """
    factor = empty(size, dim * (dim + 1) // 2)
    for i in range(dim):
        for j in range(i + 1):
            if j >= df:
                factor[..., entry(i, j)] = 0
            elif i == j:
                chi = rng.standard_gamma((df - j) / 2, size)
                chi *= 2
                factor[..., entry(i, j)] = np.sqrt(chi, out=chi)
            else:
                rng.standard_normal(out=factor[..., entry(i, j)])
    return factor
