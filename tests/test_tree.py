"""Chow-Liu trees: layout, learning, drawing, log-probabilities, both models, theory, messages.

Expected values come from enumeration: a tree's distribution is written out combination by
combination, and its structure is sought among all spanning trees. Only the tests that say so
simulate. Each |z| < 4.5 alarms wrongly with probability 7e-6 (in the exact theories with a few
1e-5, as the errors of a few rows are skewed), each chi-square or Kolmogorov-Smirnov test with 1e-4;
there are about 400 of the first and 120 of the second, so that the whole file does with probability
of about 2 %. The seeds are fixed.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import reference
from scipy import stats

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic, error_ratio
from lib.data import ADULT_BANDS, shipped_bands
from lib.loops import Loop
from lib.models import ChowLiuTree, FixedTree, Model
from lib.models._trees import (
    Layout,
    Trees,
    implied,
    learn,
    mutual_information,
    rooted,
    row_log_probabilities,
    sample,
)
from lib.models.tree import DOUBT, ROWS
from lib.simulate import Simulation, chains, simulate

pytestmark = pytest.mark.filterwarnings("error")

Z, P_VALUE = 4.5, 1e-4
Edge = tuple[int, int]

LOOPS: dict[str, Callable[[int, int, Any], Loop]] = {
    "fully synthetic": lambda n, m, w: FullySynthetic(n=n, m=m),
    "accumulate": lambda n, m, w: Accumulate(n=n, m=m),
    "fixed real": lambda n, m, w: FixedReal(n=n, m=m, w=w),
    "fresh real": lambda n, m, w: FreshReal(n=n, m=m, w=w),
}


# --- everything by enumeration -------------------------------------------------------------------


def combinations(sizes: Sequence[int]) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, sizes))), dtype=np.intp)


def block(sizes: Sequence[int], margins: np.ndarray, u: int, v: int) -> np.ndarray:
    """Cut the joint margin of two columns out of a matrix of pair margins."""
    a, b = sum(sizes[:u]), sum(sizes[:v])
    return margins[..., a : a + sizes[u], b : b + sizes[v]]


def pair_margins(sizes: Sequence[int], rows: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Count pair margins, row by row and pair by pair."""
    start = [sum(sizes[:u]) for u in range(len(sizes))]
    found = np.zeros((sum(sizes), sum(sizes)))
    for row, weight in zip(rows, share, strict=True):
        for u, a in enumerate(row):
            for v, b in enumerate(row):
                found[start[u] + a, start[v] + b] += weight
    return found


def tree_law(
    sizes: Sequence[int],
    margins: np.ndarray,
    parent: Sequence[int],
    doubt: float = 0.0,
) -> np.ndarray:
    """Return a tree's probability of every combination, factor by factor.

    With doubt, a parent's category without probability has the even distribution below it.
    """
    found = []
    for row in combinations(sizes):
        chance = 1.0
        for child, up in enumerate(parent):
            if up < 0:
                law = np.diag(block(sizes, margins, child, child))
            else:
                law = block(sizes, margins, up, child)[row[up]]
                total = law.sum()
                law = law / total if total > 0 else np.full(law.size, float(doubt > 0) / law.size)
            chance *= (1 - doubt) * law[row[child]] + doubt / sizes[child]
        found.append(chance)
    return np.array(found)


def spanning_trees(columns: int) -> list[list[Edge]]:
    """Return all labelled trees, from their Pruefer sequences."""
    found = []
    for sequence in itertools.product(range(columns), repeat=columns - 2):
        degree = [1 + sequence.count(node) for node in range(columns)]
        edges = []
        for node in sequence:
            leaf = degree.index(1)
            edges.append((min(leaf, node), max(leaf, node)))
            degree[leaf] -= 1
            degree[node] -= 1
        first, second = (node for node in range(columns) if degree[node] == 1)
        found.append([*edges, (first, second)])
    return found


def direct_information(table: np.ndarray) -> float:
    """Sum p ln(p / (row sum * column sum)), cell by cell."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    return sum(
        p * math.log(p / (rows[i] * columns[j])) for (i, j), p in np.ndenumerate(table) if p > 0
    )


def undirected(order: np.ndarray, parent: np.ndarray) -> set[Edge]:
    """Check that order and parents are a tree rooted in column 0, and return its edges."""
    columns = len(order)
    assert sorted(order) == list(range(columns))
    assert order[0] == 0
    assert parent[0] == -1
    position = np.argsort(order)
    for child in range(1, columns):
        assert 0 <= parent[child] < columns
        assert position[parent[child]] < position[child]
    return {(min(c, parent[c]), max(c, parent[c])) for c in range(1, columns)}


def random_margins(
    sizes: Sequence[int], seed: int, *, zeros: float = 0.0, batch: tuple[int, ...] = ()
) -> np.ndarray:
    """Return the pair margins of random distributions of all combinations."""
    rng = np.random.default_rng(seed)
    cells = combinations(sizes)
    share = rng.exponential(size=(*batch, len(cells))) ** 2
    # the largest stays, so that something does
    largest = share == share.max(axis=-1, keepdims=True)
    share *= (rng.random(share.shape) >= zeros) | largest
    share /= share.sum(axis=-1, keepdims=True)
    marks = np.column_stack([cells[:, [u]] == np.arange(size) for u, size in enumerate(sizes)])
    return np.asarray(np.einsum("...r,ri,rj->...ij", share, marks, marks))


def fitted(sizes: Sequence[int], margins: np.ndarray) -> Trees:
    return Trees(margins, *learn(Layout(tuple(sizes)), margins))


def world(sizes: Sequence[int], seed: int, rows: int = 200, near: float = 0.6) -> np.ndarray:
    """Return rows whose columns each repeat an earlier one, or not."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, sizes, (rows, len(sizes)))
    for column in range(1, len(sizes)):
        up = codes[:, rng.integers(column)] % sizes[column]
        codes[:, column] = np.where(rng.random(rows) < near, up, codes[:, column])
    return codes


def chi_square(observed: np.ndarray, expected: np.ndarray) -> float:
    """Return the p-value of counts; cells that expect less than 10 are taken together."""
    assert observed[expected == 0].sum() == 0
    small = expected < 10
    observed = np.append(observed[~small], observed[small].sum())
    expected = np.append(expected[~small], expected[small].sum())
    if expected[-1] < 1:  # too few even together: the largest cell takes them
        last = expected[-1], observed[-1]
        expected, observed = expected[:-1], observed[:-1]
        expected[expected.argmax()] += last[0]
        observed[expected.argmax()] += last[1]
    return float(stats.chisquare(observed, expected, sum_check=False).pvalue)


def run(model: Model, loop: Loop, **changed: Any) -> Simulation:
    options: dict[str, Any] = {"steps": 3, "reps": 100, "seed": 1, "progress": False}
    return simulate(model, loop, **options | changed)


SIZES = [(2, 2), (3, 2, 4, 2), (1, 3, 2), (2, 1, 5, 3, 2)]


# --- layout --------------------------------------------------------------------------------------


def test_layout_of_an_example() -> None:
    layout = Layout((3, 1, 2))
    assert (layout.columns, layout.total) == (3, 6)
    assert layout.starts.tolist() == [0, 3, 4]
    assert layout.blocks.tolist() == [[1, 0, 0]] * 3 + [[0, 1, 0]] + [[0, 0, 1]] * 2
    place, inside = layout.padded
    assert place.shape == inside.shape == (3, 3)
    assert inside.tolist() == [[True] * 3, [True, False, False], [True, True, False]]
    assert [row[keep].tolist() for row, keep in zip(place, inside, strict=True)] == [
        [0, 1, 2],
        [3],
        [4, 5],
    ]
    assert ((place >= 0) & (place < layout.total)).all()  # padding can be looked up


@pytest.mark.parametrize("sizes", SIZES)
def test_layout_covers_all_categories_once(sizes: tuple[int, ...]) -> None:
    layout = Layout(sizes)
    place, inside = layout.padded
    assert place[inside].tolist() == list(range(sum(sizes)))
    assert layout.starts.tolist() == [sum(sizes[:u]) for u in range(len(sizes))]
    assert (layout.blocks.sum(axis=0) == sizes).all()
    assert (layout.blocks.sum(axis=1) == 1).all()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_margins_are_counts(sizes: tuple[int, ...], batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, sizes, (*batch, 7, len(sizes)))
    found = Layout(sizes).margins(codes)
    assert found.shape == (*batch, sum(sizes), sum(sizes))
    assert found.dtype == np.float64
    for place in np.ndindex(*batch):
        expected = pair_margins(sizes, codes[place], np.ones(7)) / 7
        np.testing.assert_allclose(found[place], expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_margins_with_shares(sizes: tuple[int, ...], batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, sizes, (*batch, 9, len(sizes)))
    share = rng.dirichlet(np.ones(9))
    found = Layout(sizes).margins(codes, share)
    for place in np.ndindex(*batch):
        expected = pair_margins(sizes, codes[place], share)
        np.testing.assert_allclose(found[place], expected, rtol=1e-14, atol=0)


def test_margins_of_many_rows_are_exact() -> None:
    # single precision would lose the last of so many tenths, were shares added in it
    codes = np.zeros((100_003, 2), dtype=np.intp)
    codes[0] = 1
    found = Layout((2, 2)).margins(codes)
    assert found[3, 1] == 1 / 100_003
    assert found[0, 2] == 100_002 / 100_003
    assert found[0, 3] == 0


def test_margins_are_symmetric_with_one_way_margins_on_the_diagonal() -> None:
    sizes = (3, 2, 4)
    found = Layout(sizes).margins(world(sizes, 3))
    np.testing.assert_array_equal(found, found.T)
    for u, size in enumerate(sizes):
        own = block(sizes, found, u, u)
        np.testing.assert_array_equal(own, np.diag(np.diag(own)))
        assert own.shape == (size, size)
        for v in range(3):
            np.testing.assert_allclose(block(sizes, found, u, v).sum(axis=1), np.diag(own))


# --- mutual information --------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("zeros", [0.0, 0.6])
def test_mutual_information_is_the_direct_sum(sizes: tuple[int, ...], zeros: float) -> None:
    margins = random_margins(sizes, 1, zeros=zeros, batch=(2, 5))
    found = mutual_information(Layout(sizes), margins)
    assert found.shape == (2, 5, len(sizes), len(sizes))
    assert (found >= 0).all()
    for place in np.ndindex(2, 5):
        for u, v in np.ndindex(len(sizes), len(sizes)):
            # on the diagonal the block is diagonal, and its information is the entropy
            expected = direct_information(block(sizes, margins[place], u, v))
            assert found[(*place, u, v)] == pytest.approx(expected, abs=1e-13)


def test_mutual_information_of_categories_without_rows() -> None:
    sizes = (4, 3)  # two categories of the first column and one of the second do not occur
    margins = pair_margins(sizes, np.array([[0, 0], [2, 2], [2, 0]]), np.array([0.5, 0.25, 0.25]))
    found = mutual_information(Layout(sizes), margins)
    expected = 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2)
    assert found[0, 1] == pytest.approx(expected)
    assert found[0, 0] == pytest.approx(math.log(2))


@pytest.mark.parametrize("seed", range(5))
def test_independent_columns_have_no_information(seed: int) -> None:
    rng, sizes = np.random.default_rng(seed), (3, 4, 2)
    p = np.concatenate([rng.dirichlet(np.ones(size)) for size in sizes])
    margins = np.outer(p, p)
    for u in range(3):
        own = block(sizes, margins, u, u)
        own[...] = np.diag(np.diag(own).copy() ** 0.5)
    found = mutual_information(Layout(sizes), margins)
    off = found[~np.eye(3, dtype=bool)]
    assert (off >= 0).all()
    assert off == pytest.approx(np.zeros(6), abs=1e-14)


# --- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2), (3, 2, 4, 2), (2, 3, 2, 3, 2), (4, 1, 2, 3, 3)])
@pytest.mark.parametrize("zeros", [0.0, 0.7])
def test_learn_is_the_best_of_all_spanning_trees(sizes: tuple[int, ...], zeros: float) -> None:
    columns = len(sizes)
    trees = spanning_trees(columns)
    assert len(trees) == len(set(map(frozenset, trees))) == columns ** (columns - 2)
    margins = random_margins(sizes, 11, zeros=zeros, batch=(30,))
    order, parent = learn(Layout(sizes), margins)
    decided = 0
    for one, *structure in zip(margins, order, parent, strict=True):
        information = {
            (u, v): direct_information(block(sizes, one, u, v))
            for u, v in itertools.combinations(range(columns), 2)
        }
        sums = np.array([sum(information[edge] for edge in tree) for tree in trees])
        found = undirected(*structure)
        assert sum(information[edge] for edge in found) == pytest.approx(sums.max(), abs=1e-12)
        first, second = np.sort(sums)[:-3:-1]
        if first > second + 1e-9:
            assert found == set(trees[sums.argmax()])
            decided += 1
    if 1 not in sizes:  # a constant column may hang on any other
        assert decided >= 15


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("batch", [(40,), (4, 10), (2, 4, 5)])
def test_learning_a_batch_is_learning_one_by_one(
    sizes: tuple[int, ...], batch: tuple[int, ...]
) -> None:
    layout = Layout(sizes)
    margins = random_margins(sizes, 3, batch=batch)
    order, parent = learn(layout, margins)
    assert order.shape == parent.shape == (*batch, len(sizes))
    structures = set()
    for place in np.ndindex(*batch):
        undirected(order[place], parent[place])
        alone = learn(layout, margins[place])
        np.testing.assert_array_equal(alone[0], order[place])
        np.testing.assert_array_equal(alone[1], parent[place])
        structures.add(tuple(parent[place].tolist()))
    if sizes == (3, 2, 4, 2):
        assert len(structures) > 5  # else the batch is no test


DEGENERATE = {
    "one row": [[1, 0, 2, 1]],
    "constant columns": [[0, 2, 0, 1], [0, 2, 1, 1], [0, 2, 1, 1]],
    "columns of size 1": [[0, 0, 0, 0], [0, 0, 0, 0]],
    "identical columns": [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2]],
    "two pairs": [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]],
    "independent": combinations((2, 2, 2, 2)).tolist(),
    "parity": [row for row in combinations((2, 2, 2, 2)).tolist() if sum(row) % 2 == 0],
    "turned around": [[0, 1, 0, 1], [1, 0, 1, 0]],
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("kind", [ChowLiuTree, FixedTree])
def test_degenerate_tables_have_a_spanning_tree(name: str, kind: Any) -> None:
    model = kind(DEGENERATE[name])
    found = undirected(model.target.order[0, 0], model.target.parent[0, 0])
    sizes = model.layout.sizes
    information = {
        (u, v): direct_information(block(sizes, model.margins, u, v))
        for u, v in itertools.combinations(range(4), 2)
    }
    best = max(sum(information[edge] for edge in tree) for tree in spanning_trees(4))
    assert sum(information[edge] for edge in found) == pytest.approx(best, abs=1e-12)
    result = run(model, FreshReal(n=3, m=2, w=[0.0, 0.5]), reps=20)
    assert np.isfinite(result.path()["error"]).all()


def test_degenerate_tables_side_by_side_in_a_batch() -> None:
    layout = Layout((3, 3, 3, 3))
    margins = np.stack([layout.margins(np.array(rows)) for rows in DEGENERATE.values()])
    order, parent = learn(layout, margins)
    for structure in zip(order, parent, strict=True):
        undirected(*structure)


def test_edges_of_trees_name_child_and_parent_in_the_order_of_growth() -> None:
    order, parent = rooted(4, [[3, 1], [1, 0], [2, 3]])
    trees = Trees(np.zeros((1, 1, 8, 8)), order[None, None], parent[None, None])
    assert trees.edges().tolist() == [[[[1, 0], [3, 1], [2, 3]]]]


# --- given edges ---------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [2, 3, 4, 5])
def test_rooted_keeps_every_tree(columns: int) -> None:
    rng = np.random.default_rng(columns)
    for tree in spanning_trees(columns):
        edges = rng.permutation(rng.permuted(np.array(tree), axis=1))
        for given in (edges, edges.tolist(), edges.astype(np.uint8)):
            order, parent = rooted(columns, given)
            assert undirected(order, parent) == set(tree)


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param([[0, 1], [1, 2], [2, 0]], id="cycle"),
        pytest.param([[1, 2], [2, 3], [3, 1]], id="cycle without the root"),
        pytest.param([[0, 1], [1, 0], [2, 3]], id="an edge twice"),
        pytest.param([[0, 1], [1, 2], [3, 3]], id="loop"),
        pytest.param([[0, 1], [1, 2]], id="too few"),
        pytest.param([[0, 1], [1, 2], [2, 3], [3, 0]], id="too many"),
        pytest.param([], id="none"),
        pytest.param([0, 1, 2], id="vector"),
        pytest.param([[0, 1, 2], [1, 2, 3], [2, 3, 0]], id="triples"),
        pytest.param([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]], id="floats"),
        pytest.param([["0", "1"], ["1", "2"], ["2", "3"]], id="texts"),
        pytest.param([[0, 1], [1, 2], [2, 4]], id="beyond the last"),
        pytest.param([[0, 1], [1, 2], [2, -1]], id="negative"),
        pytest.param("tree", id="text"),
        pytest.param(7, id="number"),
        pytest.param([[0, 1], [1, 2], [3]], id="ragged"),
    ],
)
def test_edges_that_are_no_spanning_tree_are_refused(edges: Any) -> None:
    message = re.escape("`edges` must be 3 pairs of columns that join all 4 columns; got ")
    with pytest.raises(ValueError, match=message + re.escape(repr(edges)[:40])):
        rooted(4, edges)
    with pytest.raises(ValueError, match=message):
        FixedTree([[0, 0, 0, 0], [1, 1, 1, 1]], edges=edges)


# --- drawing -------------------------------------------------------------------------------------


def counted(sizes: Sequence[int], rows: np.ndarray) -> np.ndarray:
    return np.bincount(
        np.ravel_multi_index(tuple(rows.T), tuple(sizes)), minlength=math.prod(sizes)
    )


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("zeros", [0.0, 0.6])
def test_rows_have_the_distribution_of_their_tree(sizes: tuple[int, ...], zeros: float) -> None:
    """Chi-square tests of simulated rows."""
    m, layout = 5000, Layout(sizes)
    trees = fitted(sizes, random_margins(sizes, 5, zeros=zeros, batch=(2, 3)))
    if sizes == (3, 2, 4, 2):
        assert len(np.unique(trees.parent.reshape(6, -1), axis=0)) > 2
    rows = sample(layout, trees, m, np.random.default_rng(1))
    assert rows.shape == (2, 3, m, len(sizes))
    assert rows.dtype == np.intp
    assert ((rows >= 0) & (rows < sizes)).all()
    for place in np.ndindex(2, 3):
        law = tree_law(sizes, trees.margins[place], trees.parent[place])
        assert law.sum() == pytest.approx(1)
        assert chi_square(counted(sizes, rows[place]), m * law) > P_VALUE


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_categories_without_probability_are_never_drawn(gone: int) -> None:
    """Chi-square tests of simulated rows; the parents' categories have no conditional law."""
    sizes, m = (3, 3, 3), 5000
    rng = np.random.default_rng(gone)
    cells = combinations(sizes)
    share = rng.exponential(size=len(cells)) * (cells[:, gone] != gone) * (cells[:, 1] != 0)
    margins = pair_margins(sizes, cells, share / share.sum())
    for edges in spanning_trees(3):
        order, parent = rooted(3, edges)
        trees = Trees(margins[None, None], order[None, None], parent[None, None])
        rows = sample(Layout(sizes), trees, m, rng)[0, 0]
        assert (rows[:, gone] != gone).all()
        assert (rows[:, 1] != 0).all()
        assert chi_square(counted(sizes, rows), m * tree_law(sizes, margins, parent)) > P_VALUE


class Constant:
    """A generator that always draws the same number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self, size: Any) -> np.ndarray:
        return np.full(size, self.value)


@pytest.mark.parametrize(("uniform", "expected"), [(0.0, 2), (np.nextafter(1, 0), 11)])
def test_the_ends_of_the_unit_interval_hit_categories_with_probability(
    uniform: float, expected: int
) -> None:
    # ten tenths add up to less than 1, and categories without probability lie on either side
    p = np.array([0, 0, *[0.1] * 10, 0, 0, 0])
    assert np.cumsum(p)[-1] < 1
    for p_ in (p, p * (1 + 1e-15), p * (1 - 1e-15)):
        cells = np.array([[i, i] for i in range(p.size)])
        margins = pair_margins((15, 15), cells, p_)
        rng: Any = Constant(uniform)
        trees = fitted((15, 15), margins[None, None])
        rows = sample(Layout((15, 15)), trees, 2, rng)
        assert (rows == expected).all()


def test_a_sample_follows_its_seed() -> None:
    sizes = (3, 2, 4)
    trees = fitted(sizes, random_margins(sizes, 6, batch=(2, 2)))
    one, same, other = (
        sample(Layout(sizes), trees, 20, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


# --- what a tree implies -------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("zeros", [0.0, 0.6])
def test_implied_margins_are_those_of_the_enumerated_tree(
    sizes: tuple[int, ...], zeros: float
) -> None:
    trees = fitted(sizes, random_margins(sizes, 7, zeros=zeros, batch=(2, 4)))
    found = implied(Layout(sizes), trees)
    assert found.shape == trees.margins.shape
    apart = 0.0
    for place in np.ndindex(2, 4):
        law = tree_law(sizes, trees.margins[place], trees.parent[place])
        expected = pair_margins(sizes, combinations(sizes), law)
        np.testing.assert_allclose(found[place], expected, rtol=0, atol=1e-14)
        for child, up in trees.edges()[place]:
            np.testing.assert_allclose(
                block(sizes, found[place], child, up),
                block(sizes, trees.margins[place], child, up),
                atol=1e-14,
            )
        apart = max(apart, abs(found[place] - trees.margins[place]).max())
    if len(sizes) > 3:
        assert apart > 0.01  # else the margins themselves would do


def test_implied_margins_of_every_tree_and_root() -> None:
    sizes = (2, 3, 2, 4)
    margins = random_margins(sizes, 8)
    for edges in spanning_trees(4):
        order, parent = rooted(4, edges)
        found = implied(
            Layout(sizes), Trees(margins[None, None], order[None, None], parent[None, None])
        )
        expected = pair_margins(sizes, combinations(sizes), tree_law(sizes, margins, parent))
        np.testing.assert_allclose(found[0, 0], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("zeros", [0.0, 0.6])
@pytest.mark.parametrize("doubt", [0.0, 0.01, 0.3])
def test_log_probabilities_of_all_combinations(
    sizes: tuple[int, ...], zeros: float, doubt: float
) -> None:
    trees = fitted(sizes, random_margins(sizes, 9, zeros=zeros, batch=(2, 3)))
    cells = combinations(sizes)
    found = row_log_probabilities(Layout(sizes), trees, cells, doubt=doubt)
    assert found.shape == (2, 3, len(cells))
    for place in np.ndindex(2, 3):
        margins, parent = trees.margins[place], trees.parent[place]
        law = tree_law(sizes, margins, parent, doubt)
        np.testing.assert_allclose(np.exp(found[place]), law, rtol=1e-12, atol=0)
        assert np.exp(found[place]).sum() == pytest.approx(1, abs=1e-12)
        assert np.isfinite(found[place]).all() or not doubt


@pytest.mark.parametrize("sizes", [(3, 2, 4, 2), (2, 1, 5, 3, 2)])
def test_log_probabilities_are_infinite_exactly_where_an_edge_has_no_such_pair(
    sizes: tuple[int, ...],
) -> None:
    trees = fitted(sizes, random_margins(sizes, 10, zeros=0.8, batch=(2, 5)))
    cells = combinations(sizes)
    found = row_log_probabilities(Layout(sizes), trees, cells)
    some = 0
    for place in np.ndindex(2, 5):
        lacks = np.zeros(len(cells), dtype=bool)
        for child, up in trees.edges()[place]:
            table = block(sizes, trees.margins[place], up, child)
            lacks |= table[cells[:, up], cells[:, child]] == 0
        np.testing.assert_array_equal(np.isneginf(found[place]), lacks)
        assert np.isfinite(found[place][~lacks]).all()
        assert np.exp(found[place]).sum() == pytest.approx(1)
        some += lacks.any() and not lacks.all()
    assert some >= 8


def test_log_probabilities_of_repeated_rows_in_any_order() -> None:
    sizes = (2, 3, 2)
    trees = fitted(sizes, random_margins(sizes, 12, batch=(1, 2)))
    cells = combinations(sizes)
    pick = np.random.default_rng(1).integers(0, len(cells), 50)
    every = row_log_probabilities(Layout(sizes), trees, cells)
    some = row_log_probabilities(Layout(sizes), trees, cells[pick])
    np.testing.assert_array_equal(some, every[..., pick])


def test_doubt_leaves_a_distribution() -> None:
    sizes = (3, 2, 2)  # category 2 of the root does not occur
    cells = np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1], [1, 1, 0]])
    margins = pair_margins(sizes, cells, np.full(4, 0.25))
    order, parent = rooted(3, [[0, 1], [0, 2]])
    trees = Trees(margins[None, None], order[None, None], parent[None, None])
    found = row_log_probabilities(Layout(sizes), trees, combinations(sizes), doubt=0.3)
    np.testing.assert_allclose(
        np.exp(found[0, 0]), tree_law(sizes, margins, parent, 0.3), rtol=1e-12
    )
    assert np.exp(found).sum() == pytest.approx(1)


# --- the models: rows, counts, sizes, edges ------------------------------------------------------

KINDS: list[Any] = [ChowLiuTree, FixedTree]
CODES = world((3, 2, 4, 2), 21, rows=60)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_does_not_matter(kind: Any) -> None:
    mixed = np.random.default_rng(1).permutation(CODES)
    loop = FreshReal(n=9, m=7, w=[0.3, 0.7])
    one, other = (run(kind(rows), loop).path() for rows in (CODES, mixed))
    assert one.equals(other)
    assert kind(CODES).edges == kind(mixed.tolist()).edges
    assert not one.equals(run(kind(CODES), loop, seed=2).path())


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_repeated_rows(kind: Any) -> None:
    cells, counts = np.unique(CODES, axis=0, return_counts=True)
    back = np.random.default_rng(2).permutation(len(cells))
    loop = FixedReal(n=9, m=7, w=0.5)
    plain = run(kind(CODES), loop).path()
    assert plain.equals(run(kind(cells[back], counts=counts[back]), loop).path())
    # a row with count 0 is no row, and only the ratios of counts matter
    more = np.vstack([cells, [[0, 1, 0, 1]], [[2, 1, 3, 1]]])
    assert kind(more, counts=[*counts, 0, 0]).codes.tolist() == cells.tolist()
    assert plain.equals(run(kind(more, counts=[*(4 * counts), 0, 0]), loop).path())
    np.testing.assert_allclose(kind(cells, counts=counts / 7).share, counts / 60)


@pytest.mark.parametrize("kind", KINDS)
def test_the_different_rows_and_their_shares(kind: Any) -> None:
    model = kind([[1, 0], [0, 2], [1, 0], [0, 0]])
    assert model.codes.tolist() == [[0, 0], [0, 2], [1, 0]]
    assert model.share.tolist() == [0.25, 0.25, 0.5]
    assert model.layout.sizes == (2, 3)
    expected = pair_margins((2, 3), model.codes, model.share)
    np.testing.assert_allclose(model.margins, expected, rtol=1e-15)
    np.testing.assert_array_equal(model.target.margins[0, 0], model.margins)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_leave_room_for_categories_that_do_not_occur(kind: Any) -> None:
    model, wide = kind(CODES), kind(CODES, sizes=[5, 2, 4, 3])
    assert wide.layout.sizes == (5, 2, 4, 3)
    assert model.layout.sizes == (3, 2, 4, 2)
    assert wide.edges == model.edges
    loop = FreshReal(n=9, m=7, w=[0.3, 0.7])
    small, large = run(model, loop).path(), run(wide, loop).path()
    if kind is ChowLiuTree:  # the same rows; the mean runs over more categories
        np.testing.assert_allclose(large["error"] * 14, small["error"] * 11, rtol=1e-12)
    else:
        assert wide.dim == model.dim
    assert (np.diag(wide.margins)[[3, 4, 13]] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_of_callers_are_left_alone(kind: Any) -> None:
    codes, counts = CODES.copy(), np.arange(60.0)
    model = kind(codes, counts=counts)
    before = model.margins.copy()
    run(model, FreshReal(n=3, m=3, w=0.5))
    np.testing.assert_array_equal(codes, CODES)
    np.testing.assert_array_equal(counts, np.arange(60.0))
    np.testing.assert_array_equal(model.margins, before)


@pytest.mark.parametrize("seed", range(3))
def test_edges_are_those_of_the_best_tree(seed: int) -> None:
    codes = world((3, 2, 4, 2), seed, rows=300)
    model = ChowLiuTree(codes)
    table = {
        (u, v): direct_information(block(model.layout.sizes, model.margins, u, v))
        for u, v in itertools.combinations(range(4), 2)
    }
    best = max(spanning_trees(4), key=lambda tree: sum(table[edge] for edge in tree))
    assert {(min(edge), max(edge)) for edge in model.edges} == set(best)
    assert FixedTree(codes).edges == model.edges
    reached = {0}
    for child, parent in model.edges:  # from column 0 outwards
        assert parent in reached
        reached.add(child)


def test_fixed_edges_as_they_are_given() -> None:
    model = FixedTree(CODES, edges=[[3, 2], [1, 3], [0, 3]])
    assert set(model.edges) == {(3, 0), (2, 3), (1, 3)}
    same = FixedTree(CODES, edges=np.array([[3, 0], [3, 1], [2, 3]]))
    assert set(same.edges) == set(model.edges)
    assert model.dim == same.dim
    assert sorted(model.p) == sorted(same.p)
    assert "FixedTree(" in repr(model)
    assert f"edges={model.edges}" in repr(model)
    assert "different rows of 4 columns" in repr(ChowLiuTree(CODES))


@pytest.mark.parametrize("largest", [126, 127])
@pytest.mark.parametrize("kind", KINDS)
def test_codes_of_any_integer_type(kind: Any, largest: int) -> None:
    rows = [[0, 1], [largest, 0], [3, 1]]
    for dtype in (np.int8, np.uint8, np.int32, np.uint64):
        model = kind(np.array(rows, dtype=dtype))
        assert model.layout.sizes == (largest + 1, 2)
        assert np.diag(model.margins).sum() == pytest.approx(2)


# --- metrics of the learned tree -----------------------------------------------------------------


def by_hand(model: ChowLiuTree, margins: np.ndarray, parent: np.ndarray) -> dict[str, float]:
    """Return all errors of one fit, from enumerated probabilities."""
    sizes, cells = model.layout.sizes, combinations(model.layout.sizes)
    place = np.ravel_multi_index(tuple(model.codes.T), sizes)
    truth = np.zeros(len(cells))
    truth[place] = model.share
    law, doubted = tree_law(sizes, margins, parent), tree_law(sizes, margins, parent, DOUBT)
    target = tree_law(sizes, model.margins, model.target.parent[0, 0], DOUBT)
    ours, theirs = pair_margins(sizes, cells, law), pair_margins(sizes, cells, truth)
    one, two = [], []
    for u, v in np.ndindex(len(sizes), len(sizes)):
        apart = (block(sizes, ours, u, v) - block(sizes, theirs, u, v)) ** 2
        if u == v:
            one += np.diag(apart).tolist()
        elif u < v:
            two += apart.ravel().tolist()
    return {
        "one_way": float(np.mean(one)),
        "two_way": float(np.mean(two)),
        "likelihood": float(truth @ np.log(target / doubted)),
        "impossible": float(truth[law == 0].sum()),
        "combinations_lost": float((law[place] == 0).mean()),
    }


METRICS = ["one_way", "two_way", "likelihood", "impossible", "combinations_lost"]


@pytest.mark.parametrize("loop", LOOPS)
def test_metrics_are_those_of_enumerated_probabilities(loop: str) -> None:
    model, some = ChowLiuTree(CODES), 0.0
    for fit in chains(model, LOOPS[loop](30, 25, [0.4]), steps=3, reps=12, seed=3):
        found = {metric: model.error(fit, metric) for metric in METRICS}
        for place in np.ndindex(*fit.order.shape[:-1]):
            expected = by_hand(model, fit.margins[place], fit.parent[place])
            for metric in METRICS:
                assert found[metric].shape == fit.order.shape[:-1]
                assert found[metric][place] == pytest.approx(
                    expected[metric], rel=1e-10, abs=1e-14
                ), metric
                some += expected["combinations_lost"] > 0
    assert some > 20


def test_errors_of_the_target() -> None:
    model = ChowLiuTree(CODES)
    for metric in ("one_way", "likelihood", "impossible", "combinations_lost"):
        assert model.error(model.target, metric).tolist() == [[0.0]], metric
    # the table is no tree: its two-way margins beside the edges are not those of the target
    found = model.error(model.target, "two_way")[0, 0]
    expected = by_hand(model, model.margins, model.target.parent[0, 0])["two_way"]
    assert found == pytest.approx(expected, rel=1e-10)
    assert found > 1e-5


def test_two_way_error_of_the_target_of_a_table_that_is_a_tree_is_zero() -> None:
    sizes = (2, 3, 2)
    _, parent = rooted(3, [[0, 1], [1, 2]])
    law = tree_law(sizes, random_margins(sizes, 3), parent)
    model = ChowLiuTree(combinations(sizes), counts=law)
    assert model.edges == [(1, 0), (2, 1)]
    assert model.error(model.target, "two_way")[0, 0] < 1e-30


def test_a_loop_with_real_rows_alone_is_sampling() -> None:
    model = ChowLiuTree(CODES)
    # w = 1 gives synthetic rows no weight, so that every generation is a new fit of 9 rows
    for fit in chains(model, FreshReal(n=9, m=7, w=1.0), steps=3, reps=5):
        np.testing.assert_allclose(fit.margins * 9, np.rint(fit.margins * 9), atol=1e-12)


# --- what comes back -----------------------------------------------------------------------------


def test_lost_combinations_never_come_back_to_a_fixed_tree() -> None:
    model = FixedTree(CODES)
    gone, some = np.zeros((1, 60, model.p.size), dtype=bool), 0
    for tables in chains(model, FullySynthetic(n=20, m=20), steps=15, reps=60):
        assert (tables[gone] == 0).all()
        gone = tables == 0
        some += int((gone & (model.p > 0)).sum())
        # a combination is possible if all its edge tables have it: what is gone stays gone
    assert some > 1000


def test_lost_categories_and_pairs_of_the_tree_never_come_back_to_a_learned_tree() -> None:
    model = ChowLiuTree(CODES)
    before = np.ones((1, 60, 11, 11), dtype=bool)
    some, came_back = 0, False
    combos = combinations(model.layout.sizes)
    lost = np.zeros((1, 60, len(combos)), dtype=bool)
    for fit in chains(model, FullySynthetic(n=20, m=20), steps=15, reps=60):
        # the next rows have only pairs that the tree gives probability, edges or not
        assert (fit.margins[~before] == 0).all()
        before = implied(model.layout, fit) > 0
        some += int((~before).sum())
        now = np.isneginf(row_log_probabilities(model.layout, fit, combos))
        came_back |= bool((lost & ~now).any())
        lost = now
    assert some > 1000
    # but a combination of three columns may come back, when the tree takes other edges
    assert came_back


# --- exact laws of what is drawn -----------------------------------------------------------------

# six different rows that are no tree, and categories of unequal size
SMALL = np.array([[0, 0, 0], [0, 1, 1], [1, 2, 0], [1, 1, 1], [0, 2, 1], [1, 0, 0]])
SMALL_COUNTS = [6, 5, 4, 3, 2, 1]


def edge_marks(sizes: Sequence[int], edges: Sequence[Edge], rows: np.ndarray) -> np.ndarray:
    """Return which cell of each edge's table (parent's category, child's) a row falls into."""
    found = []
    for row in rows:
        parts = []
        for child, parent in edges:
            table = np.zeros((sizes[parent], sizes[child]))
            table[row[parent], row[child]] = 1
            parts.append(table.ravel())
        found.append(np.concatenate(parts))
    return np.array(found)


def pair_marks(sizes: Sequence[int], rows: np.ndarray) -> np.ndarray:
    return np.array([pair_margins(sizes, row[None], np.ones(1)).ravel() for row in rows])


def law_p_value(marks: np.ndarray, law: np.ndarray, drawn: np.ndarray, rows: int) -> float:
    """Compare samples, held by sums of marks, with the law of all sequences of rows."""
    kept = law > 0
    marks, law = marks[kept], law[kept] / law.sum()
    sequences = np.array(list(itertools.product(range(len(law)), repeat=rows)))
    sums = marks[sequences].sum(axis=1)
    values, which = np.unique(sums, axis=0, return_inverse=True)
    chance = np.bincount(which.ravel(), law[sequences].prod(axis=1))
    place = {tuple(value): index for index, value in enumerate(values.tolist())}
    counts = np.rint(drawn.reshape(len(drawn), -1) * rows)
    np.testing.assert_allclose(counts, drawn.reshape(len(drawn), -1) * rows, atol=1e-9)
    observed = np.zeros(len(values))
    for value in counts.tolist():
        observed[place[tuple(value)]] += 1  # a KeyError: this cannot be a sample
    return chi_square(observed, len(drawn) * chance)


@pytest.mark.parametrize("edges", spanning_trees(3))
@pytest.mark.parametrize("rows", [1, 3])
def test_edge_tables_of_real_rows_have_their_exact_law(edges: list[Edge], rows: int) -> None:
    """A chi-square test of simulated tables."""
    model = FixedTree(SMALL, counts=SMALL_COUNTS, edges=edges)
    drawn = model.draw(rows, (1, 6000), np.random.default_rng(1))
    assert drawn.shape == (1, 6000, model.p.size)
    marks = edge_marks((2, 3, 2), model.edges, model.codes)
    np.testing.assert_allclose(model.p, model.share @ marks, atol=1e-15)
    assert law_p_value(marks, model.share, drawn[0], rows) > P_VALUE


@pytest.mark.parametrize("edges", spanning_trees(3))
@pytest.mark.parametrize("rows", [1, 3])
def test_edge_tables_of_synthetic_rows_have_their_exact_law(edges: list[Edge], rows: int) -> None:
    """Chi-square tests of simulated tables, of two fits at once; one has lost a category."""
    sizes = (2, 3, 2)
    model = FixedTree(SMALL, counts=SMALL_COUNTS, edges=edges)
    few = FixedTree(SMALL[[0, 1, 3]], sizes=sizes, edges=edges)
    fit = np.stack([model.p, few.p])[:, None]
    drawn = model.synthesize(fit, rows, (2, 6000), np.random.default_rng(2))
    assert drawn.shape == (2, 6000, model.p.size)
    cells = combinations(sizes)
    marks = edge_marks(sizes, model.edges, cells)
    for one, tables in ((model, drawn[0]), (few, drawn[1])):
        law = tree_law(sizes, one.margins, one.target.parent[0, 0])
        assert law_p_value(marks, law, tables, rows) > P_VALUE


def test_pair_margins_of_real_and_synthetic_rows_have_their_exact_law() -> None:
    """Chi-square tests of simulated margins, of two fits at once."""
    sizes, rng = (2, 3, 2), np.random.default_rng(3)
    model = ChowLiuTree(SMALL, counts=SMALL_COUNTS)
    real = model.draw(3, (1, 6000), rng)
    assert real.shape == (1, 6000, 7, 7)
    assert law_p_value(pair_marks(sizes, model.codes), model.share, real[0], 3) > P_VALUE
    few = ChowLiuTree(SMALL[[0, 1, 3, 3]], sizes=sizes)
    fit = model.fit(np.stack([model.margins, few.margins])[:, None])
    drawn = model.synthesize(fit, 3, (2, 6000), rng)
    marks = pair_marks(sizes, combinations(sizes))
    for place, margins in enumerate(drawn):
        law = tree_law(sizes, fit.margins[place, 0], fit.parent[place, 0])
        assert law_p_value(marks, law, margins, 3) > P_VALUE


def test_rows_to_look_at_are_drawn_from_their_fit() -> None:
    """Chi-square tests of simulated rows, of two fits at once."""
    sizes, m = (2, 3, 2), 4000
    model = ChowLiuTree(SMALL, counts=SMALL_COUNTS)
    few = ChowLiuTree(SMALL[[0, 1, 3, 3]], sizes=sizes)
    fit = model.fit(np.stack([model.margins, few.margins])[None])
    rows = model.rows(fit, m)
    assert rows.shape == (1, 2, m, 3)
    for place in range(2):
        law = tree_law(sizes, fit.margins[0, place], fit.parent[0, place])
        assert chi_square(counted(sizes, rows[0, place]), m * law) > P_VALUE
    np.testing.assert_array_equal(rows, model.rows(fit, m, seed=1))
    assert (rows != model.rows(fit, m, seed=2)).any()
    assert model.rows(model.target, 2).shape == (1, 1, 2, 3)
    with pytest.raises(ValueError, match="`m` must be an integer of at least 1; got 0"):
        model.rows(fit, 0)
    with pytest.raises(ValueError, match="`seed` must be an integer of at least 0; got -1"):
        model.rows(fit, 1, seed=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_samples_are_those_of_weighted_rows(kind: Any) -> None:
    model, rng = kind(SMALL), np.random.default_rng(4)
    one, other = model.draw(4, (1, 5), rng), model.draw(6, (3, 5), rng)
    w = np.array([[0.0], [0.3], [1.0]])
    found = model.mix([(one, w), (other, 1 - w)])
    assert found.shape == other.shape
    for i, weight in enumerate(w.ravel()):
        np.testing.assert_allclose(found[i], weight * one[0] + (1 - weight) * other[i], atol=1e-15)


# --- theory --------------------------------------------------------------------------------------

WEIGHTS = [0.0, 0.3, 0.618, 1.0]


def model_of(kind: str) -> tuple[Model, str]:
    if kind == "learned":
        return ChowLiuTree(SMALL, counts=SMALL_COUNTS), "one_way"
    return FixedTree(SMALL, counts=SMALL_COUNTS), "edges"


@cache
def few_rows(kind: str, loop: str) -> Simulation:
    model, _ = model_of(kind)
    return run(model, LOOPS[loop](5, 4, WEIGHTS), steps=5, reps=6000, seed=11)


@pytest.mark.parametrize("kind", ["learned", "fixed"])
@pytest.mark.parametrize("loop", LOOPS)
def test_exact_theory_of_few_rows(kind: str, loop: str) -> None:
    """Simulated: |z| < 4.5 for each weight and generation."""
    result = few_rows(kind, loop)
    _, metric = model_of(kind)
    predicted = np.atleast_2d(result.model.theory(result.loop)[metric].path(5))
    frame = result.path()
    assert (frame["metric"] == metric).all()
    assert result.model.status(result.loop) == "exact"
    error, se = (frame[x].to_numpy().reshape(-1, 6) for x in ("error", "standard_error"))
    assert len(error) == len(predicted) == (4 if "real" in loop else 1)
    assert (abs(error - predicted) < Z * se).all()


@pytest.mark.parametrize("kind", ["learned", "fixed"])
@pytest.mark.parametrize("loop", ["fully synthetic", "accumulate", "fresh real"])
def test_few_rows_show_that_frequencies_have_feedback(kind: str, loop: str) -> None:
    # what the test above is worth: without the term in 1/m its theory would be refuted
    result = few_rows(kind, loop)
    model, metric = model_of(kind)
    noise = model.sampling_noise(5, 4)[metric]
    assert noise.feedback.tolist() == [[-0.25]]
    wrong = type(noise)(noise.real, noise.synthetic, 0 * noise.feedback)
    predicted = np.atleast_2d(result.loop.recursion(wrong).path(5))[0, -1]
    found = result.estimate(metric, w=0.0 if "real" in loop else None, t=5)
    assert predicted - found.value > Z * found.standard_error


def test_theory_of_known_frequencies() -> None:
    codes = [[0, 0], [0, 1], [1, 1], [1, 1]]
    # one-way: four categories with p (1 - p) = 1/4, 1/4, 3/16, 3/16; edge: 3/16 twice, 1/4, 0
    learned = ChowLiuTree(codes).theory(FullySynthetic(n=10, m=20))
    assert list(learned) == ["one_way"]
    mean = (2 / 4 + 2 * 3 / 16) / 4
    expected = [mean / 10, mean / 10 * (1 - 1 / 20) + mean / 20]
    assert learned["one_way"].path(1) == pytest.approx(expected)
    fixed = FixedTree(codes).theory(FullySynthetic(n=10, m=20))
    assert list(fixed) == ["edges", "kl"]
    mean = (2 * 3 / 16 + 1 / 4) / 4
    expected = [mean / 10, mean / 10 * (1 - 1 / 20) + mean / 20]
    assert fixed["edges"].path(1) == pytest.approx(expected)
    assert fixed["kl"].path(1) == pytest.approx([2 / 20, 2 / 20 + 2 / 40])


# --- the likelihood of a fixed tree --------------------------------------------------------------


def far_from_a_tree(seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return a table, and its counts, in which three columns determine the fourth."""
    cells = combinations((2, 2, 2, 3))
    counts = np.random.default_rng(seed).uniform(1, 3, len(cells))
    return cells, counts * np.where(cells.sum(axis=1) % 2 == 0, 8, 1)


def conditionals(model: FixedTree) -> list[tuple[int, int, int, np.ndarray]]:
    """List a tree's distributions: column, parent, its category, the categories it has."""
    found = []
    for child, up in enumerate(model.target.parent[0, 0]):
        table = block(model.layout.sizes, model.margins, max(up, child) if up < 0 else up, child)
        rows = [np.diag(table)] if up < 0 else table
        found += [
            (child, int(up), given, np.flatnonzero(row))
            for given, row in enumerate(rows)
            if row.any()
        ]
    return found


def scores(model: FixedTree) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Differentiate log-probabilities numerically in the logits of all distributions.

    Returns the scores of all combinations that the tree can produce, their probabilities under the
    tree and in the table, and which distribution each logit belongs to.
    """
    sizes, parts = model.layout.sizes, conditionals(model)
    law = tree_law(sizes, model.margins, model.target.parent[0, 0])
    truth = np.zeros(len(law))
    truth[np.ravel_multi_index(tuple(model.codes.T), sizes)] = model.share
    cells, law, truth = combinations(sizes)[law > 0], law[law > 0], truth[law > 0]
    start = [
        np.log(
            np.diag(block(sizes, model.margins, child, child))[kept]
            if up < 0
            else block(sizes, model.margins, up, child)[given, kept]
        )
        for child, up, given, kept in parts
    ]
    ends = np.cumsum([len(one) for one in start])

    def log_probabilities(theta: np.ndarray) -> np.ndarray:
        found = np.zeros(len(cells))
        for (child, up, given, kept), logit in zip(parts, np.split(theta, ends[:-1]), strict=True):
            here = np.ones(len(cells), bool) if up < 0 else cells[:, up] == given
            logs = np.full(sizes[child], np.nan)
            logs[kept] = logit - np.log(np.exp(logit).sum())
            found[here] += logs[cells[here, child]]
        return found

    theta = np.concatenate(start)
    np.testing.assert_allclose(np.exp(log_probabilities(theta)), law)
    step = 1e-5
    slopes = [
        (log_probabilities(theta + move) - log_probabilities(theta - move)) / (2 * step)
        for move in step * np.eye(theta.size)
    ]
    which = np.repeat(np.arange(len(parts)), [len(one) for one in start])
    return np.array(slopes).T, law, truth, which


FIXED: dict[str, Callable[[], FixedTree]] = {
    "small": lambda: FixedTree(SMALL, counts=SMALL_COUNTS),
    "small chain": lambda: FixedTree(SMALL, counts=SMALL_COUNTS, edges=[[0, 2], [2, 1]]),
    "world": lambda: FixedTree(CODES),
    "star": lambda: FixedTree(CODES, edges=[[0, 1], [0, 2], [0, 3]]),
    "chain": lambda: FixedTree(CODES, edges=[[3, 2], [2, 1], [1, 0]]),
    "empty categories": lambda: FixedTree(CODES + np.array([1, 0, 2, 0]), sizes=[5, 3, 6, 2]),
    "a constant column": lambda: FixedTree(CODES * [1, 0, 1, 1]),
    "one row": lambda: FixedTree([[1, 0, 2]]),
    "lost cells": lambda: FixedTree(CODES[:9]),
    "far from a tree": lambda: FixedTree(
        far_from_a_tree()[0], counts=far_from_a_tree()[1], edges=[[0, 1], [1, 2], [1, 3]]
    ),
}


@pytest.mark.parametrize("name", FIXED)
def test_dim_is_the_rank_of_the_information(name: str) -> None:
    model = FIXED[name]()
    slopes, law, _, _ = scores(model)
    information = slopes.T @ (law[:, None] * slopes)
    assert np.linalg.matrix_rank(information, tol=1e-6, hermitian=True) == model.dim
    assert isinstance(model.dim, int)


def test_dim_of_full_tables_is_the_textbook_number() -> None:
    cells = combinations((3, 2, 4, 2))
    for edges in spanning_trees(4):
        model = FixedTree(cells, edges=edges)
        sizes = (3, 2, 4, 2)
        expected = 2 + sum((sizes[child] - 1) * sizes[parent] for child, parent in model.edges)
        assert model.dim == expected


@pytest.mark.parametrize("name", [name for name in FIXED if name != "one row"])
def test_real_rows_have_the_score_variance_of_the_trees_own(name: str) -> None:
    model = FIXED[name]()
    slopes, law, truth, which = scores(model)
    assert truth.sum() == pytest.approx(1)  # the tree can produce every row of the table
    np.testing.assert_allclose(truth @ slopes, 0, atol=1e-9)  # it is the nearest of its family
    a, b = (slopes.T @ (share[:, None] * slopes) for share in (law, truth))
    same = which[:, None] == which
    np.testing.assert_allclose(a[same], b[same], atol=1e-9)
    np.testing.assert_allclose(a[~same], 0, atol=1e-9)
    if name in ("small", "far from a tree"):
        assert abs(b[~same]).max() > 1e-3  # as matrices they differ: the table is no tree
    trace = np.trace(np.linalg.pinv(a, rcond=1e-8, hermitian=True) @ b)
    assert trace == pytest.approx(model.dim, abs=1e-6)


@pytest.mark.parametrize("name", ["small", "star", "chain", "empty categories", "far from a tree"])
def test_kl_is_the_enumerated_loss_of_log_likelihood(name: str) -> None:
    model = FIXED[name]()
    sizes, parent = model.layout.sizes, model.target.parent[0, 0]
    place = np.ravel_multi_index(tuple(model.codes.T), sizes)
    target = tree_law(sizes, model.margins, parent)[place]
    assert model.error(model.p[None, None], "kl") == pytest.approx(0, abs=1e-14)
    other = np.random.default_rng(6)
    for _ in range(10):
        share = other.dirichlet(np.ones(model.share.size))
        fit = FixedTree(model.codes, counts=share, sizes=sizes, edges=model.edges)
        assert fit.edges == model.edges
        lost = model.share @ np.log(target / tree_law(sizes, fit.margins, parent)[place])
        found = model.error(np.stack([fit.p, model.p])[:, None], "kl")
        assert found.shape == (2, 1)
        assert found[0, 0] == pytest.approx(lost, rel=1e-10)
        assert lost > 0.001


LOST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a cell": lambda x: (x[:, 0] == 0) & (x[:, 1] == 0),
    "a cell of the last edge": lambda x: (x[:, 1] == 2) & (x[:, 2] == 1),
    "a category of a leaf": lambda x: x[:, 3] == 1,
    "a category of the root": lambda x: x[:, 0] == 1,
    "a category of an inner column": lambda x: x[:, 1] == 1,
    "two categories": lambda x: (x[:, 1] == 1) | (x[:, 0] == 0),
}


@pytest.mark.parametrize("name", LOST)
def test_kl_is_infinite_when_a_cell_is_lost(name: str) -> None:
    cells, edges = combinations((3, 3, 2, 2)), [[0, 1], [1, 2], [0, 3]]
    model = FixedTree(cells, edges=edges)
    fit = FixedTree(cells[~LOST[name](cells)], edges=edges, sizes=(3, 3, 2, 2))
    assert fit.edges == model.edges
    found = model.error(np.stack([fit.p, model.p])[None], "kl")
    assert found.tolist() == [[math.inf, 0.0]]
    assert np.isfinite(model.error(fit.p[None, None], "edges")).all()


def test_kl_does_not_mind_cells_that_the_table_does_not_have() -> None:
    model = FixedTree(SMALL, counts=SMALL_COUNTS)
    result = run(model, FreshReal(n=10**4, m=10**4, w=0.5), metrics=["kl"], reps=50)
    assert (model.p == 0).any()
    assert np.isfinite(result.path()["error"]).all()


@cache
def many_rows(loop: str) -> Simulation:
    cells, counts = far_from_a_tree()
    model = FixedTree(cells, counts=counts, edges=[[0, 1], [1, 2], [1, 3]])
    loops = LOOPS[loop](10**6, 5 * 10**5, [0.3, 0.5, 0.732, 1.0])
    fresh = loop == "fresh real"
    return run(model, loops, steps=24 if fresh else 3, reps=2000, burn_in=16 if fresh else 2,
               metrics=["kl", "edges"], seed=5)  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("metric", ["kl", "edges"])
def test_theory_of_many_rows_of_a_table_that_is_no_tree(loop: str, metric: str) -> None:
    """Simulated: |z| < 4.5 for each weight and generation."""
    result = many_rows(loop)
    frame = result.path()
    frame = frame[frame["metric"] == metric]
    steps = result.steps
    predicted = np.atleast_2d(result.model.theory(result.loop)[metric].path(steps))
    error, se = (frame[x].to_numpy().reshape(-1, steps + 1) for x in ("error", "standard_error"))
    assert (abs(error - predicted) < Z * se).all()
    assert (se < 0.02 * error).all()


@pytest.mark.parametrize("w", [0.3, 0.5, 0.732, 1.0])
def test_kl_settles_at_dim_by_twice_n_times_the_ratio(w: float) -> None:
    """Simulated: |z| < 4.5, and the nearest wrong number is refuted."""
    result = many_rows("fresh real")
    model, found = result.model, result.estimate("kl", w=w)
    assert isinstance(model, FixedTree)
    assert model.dim == 1 + 2 + 2 + 4
    unit = model.dim / 2 / 10**6
    # what is left of the start after 16 generations is below (1 - w)^32 = 1e-5
    assert abs(found.value - unit * error_ratio(w, 2.0)) < Z * found.standard_error
    assert abs(found.value - unit * error_ratio(w, 2.0) * 8 / 9) > Z * found.standard_error
    # and it is far from a tree: a row loses more against the tree than against a fit of 1000 rows
    target = tree_law(model.layout.sizes, model.margins, model.target.parent[0, 0])
    place = np.ravel_multi_index(tuple(model.codes.T), model.layout.sizes)
    assert model.share @ np.log(model.share / target[place]) > 0.1


# --- the learned tree against row by row ---------------------------------------------------------

# pairs of categories may be lost, categories hardly ever
WORLD = world((2, 3, 2, 2), 33, rows=120, near=0.75)
PLAIN, STEPS = 300, 3
Rows = np.ndarray


def plain_fit(sizes: Sequence[int]) -> Callable[[Any], tuple[np.ndarray, list[int]]]:
    """Return a function that learns a tree from weighted rows, from all trees there are."""
    columns = len(sizes)
    trees = spanning_trees(columns)

    def fit(parts: Any) -> tuple[np.ndarray, list[int]]:
        rows = np.concatenate([rows for _, rows in parts])
        share = np.concatenate([np.full(len(rows), w / len(rows)) for w, rows in parts])
        start = np.cumsum([0, *sizes])
        margins = np.zeros((start[-1], start[-1]))
        information = {}
        for u, v in itertools.combinations_with_replacement(range(columns), 2):
            table = np.zeros((sizes[u], sizes[v]))
            np.add.at(table, (rows[:, u], rows[:, v]), share)
            margins[start[u] : start[u + 1], start[v] : start[v + 1]] = table
            margins[start[v] : start[v + 1], start[u] : start[u + 1]] = table.T
            even = np.outer(table.sum(axis=1), table.sum(axis=0))
            has = table > 0
            information[u, v] = (table[has] * np.log(table[has] / even[has])).sum()
        best = max(trees, key=lambda tree: sum(information[edge] for edge in tree))
        # hang the edges on column 0
        parent = [-1] * columns
        reached = [0]
        for up in reached:
            for edge in best:
                child = sum(edge) - up
                if up in edge and child not in reached:
                    parent[child] = up
                    reached.append(child)
        return margins, parent

    return fit


def plain_draw(sizes: Sequence[int], rng: np.random.Generator) -> Callable[[Any, int], Rows]:
    """Return a function that draws rows of a table, or of a tree: each column given its parent."""

    def draw(law: Any, rows: int) -> Rows:
        if isinstance(law, np.ndarray):
            return np.asarray(law[rng.integers(0, len(law), rows)])
        margins, parent = law
        found = np.full((rows, len(sizes)), -1)
        waiting = [0]
        for child in waiting:
            waiting += [column for column, up in enumerate(parent) if up == child]
            up = parent[child]
            if up < 0:
                p = np.diag(block(sizes, margins, child, child))
                found[:, child] = rng.choice(sizes[child], size=rows, p=p / p.sum())
                continue
            for given in range(sizes[up]):
                here = np.flatnonzero(found[:, up] == given)
                if here.size:
                    p = block(sizes, margins, up, child)[given]
                    found[here, child] = rng.choice(sizes[child], size=here.size, p=p / p.sum())
        return found

    return draw


@cache
def plain(loop: str) -> dict[str, np.ndarray]:
    """Errors of the last generation, replicate by replicate, with every row drawn."""
    model = ChowLiuTree(WORLD)
    sizes, rng = model.layout.sizes, np.random.default_rng(20250226)
    draw, fit = plain_draw(sizes, rng), plain_fit(sizes)
    errors = []
    for _ in range(PLAIN):
        last = reference.generations(LOOPS[loop](24, 20, 0.4), WORLD, draw, fit, STEPS)[-1]
        found = by_hand(model, *last)
        # which column hangs on which, as a number
        found["structure"] = sum(5**column * up for column, up in enumerate(last[1]))
        errors.append(found)
    return {metric: np.array([one[metric] for one in errors]) for metric in errors[0]}


@cache
def fast(loop: str) -> dict[str, np.ndarray]:
    """The same from `lib.simulate`, caught as they are recorded."""
    model, runs = ChowLiuTree(WORLD), LOOPS[loop](24, 20, 0.4)
    caught: dict[str, np.ndarray] = {}

    def catch(metric: str) -> Callable[[Any], np.ndarray]:
        def function(fit: Any) -> np.ndarray:
            if metric == "structure":
                error = (fit.parent * 5.0 ** np.arange(4)).sum(axis=-1)
            else:
                error = model.error(fit, metric)
            caught[metric] = error[0].copy()  # the last call is that of the last generation
            return error

        return function

    reps = min(2000, model.cells(runs.rows(STEPS)))  # one chunk
    metrics = {name: catch(name) for name in [*METRICS, "structure"]}
    run(model, runs, steps=STEPS, reps=reps, seed=7, metrics=metrics)
    return caught


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("metric", [*METRICS, "structure"])
def test_the_distribution_of_an_error_row_by_row(loop: str, metric: str) -> None:
    """Simulated twice: a Kolmogorov-Smirnov test and |z| < 4.5."""
    slow, quick = plain(loop)[metric], fast(loop)[metric]
    assert slow.size == PLAIN
    assert quick.size >= 2000
    # ties make the test alarm less often, never more
    assert stats.ks_2samp(slow.round(12), quick.round(12)).pvalue > P_VALUE
    se = np.hypot(stats.sem(slow), stats.sem(quick))
    assert abs(slow.mean() - quick.mean()) < Z * se


def test_row_by_row_would_see_another_loop() -> None:
    # what these tests are worth
    for metric in ("two_way", "impossible", "likelihood"):
        slow, quick = plain("fully synthetic")[metric], fast("fresh real")[metric]
        assert stats.ks_2samp(slow, quick).pvalue < P_VALUE
        assert (slow > 0).any()


# --- both models ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS)
def test_a_learned_tree_that_is_always_the_same_is_a_fixed_tree(loop: str) -> None:
    """Simulated twice: Kolmogorov-Smirnov tests and |z| < 4.5."""
    sizes = (2, 3, 2)
    a, b, c = combinations(sizes).T
    # a chain through column 2, and a little more: the table itself is no tree
    counts = np.where(a == c, 8, 2) * np.where(b == c, 7, 2) * (1 + 0.1 * (a == b))
    learned, fixed = (kind(combinations(sizes), counts=counts) for kind in KINDS)
    edges = fixed.edges
    assert edges == [(2, 0), (1, 2)]
    runs = LOOPS[loop](600, 500, 0.3)
    *_, one = chains(learned, runs, steps=3, reps=1000, seed=1)
    *_, other = chains(fixed, runs, steps=3, reps=4000, seed=2)
    assert (one.parent == learned.target.parent).all()
    tables = np.concatenate(
        [block(sizes, one.margins, up, child).reshape(1, 1000, -1) for child, up in edges], axis=-1
    )
    for value in (
        lambda fit: fixed.error(fit, "edges")[0],
        lambda fit: fixed.error(fit, "kl")[0],
        lambda fit: fit[0, :, 0],
        lambda fit: fit[0, :, -1],
    ):
        these, those = value(tables), value(other)
        assert stats.ks_2samp(these.round(12), those.round(12)).pvalue > P_VALUE
        se = np.hypot(stats.sem(these), stats.sem(those))
        assert abs(these.mean() - those.mean()) < Z * se


@pytest.mark.parametrize("kind", KINDS)
def test_workers_do_not_change_a_bit(kind: Any) -> None:
    model = kind(CODES)
    loop = FreshReal(n=400, m=400, w=[0.3, 0.6])
    metrics = METRICS if kind is ChowLiuTree else ["edges"]
    reps = model.cells(loop.rows(2)) + 30  # chunks are half as large: there are two weights
    one, two = (
        run(model, loop, steps=2, reps=reps, n_jobs=jobs, metrics=metrics).path() for jobs in (1, 2)
    )
    assert one.equals(two)


def test_rows_that_are_drawn_together() -> None:
    model = ChowLiuTree(SMALL)
    assert model.cells(1) == model.cells(25) == 8000
    assert model.cells(50) == ROWS // 50
    assert model.cells(10 * ROWS) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loop", LOOPS)
def test_one_row_of_each_kind_is_enough(kind: Any, loop: str) -> None:
    result = run(kind(SMALL), LOOPS[loop](1, 1, [0.0, 0.5, 1.0]), steps=4, reps=20)
    assert (result.lost()["lost"] == 0).all()
    assert np.isfinite(result.path()["error"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_default_metrics_are_those_with_exact_theory(kind: Any) -> None:
    model = kind(SMALL)
    assert set(model.metrics) <= set(model.theory(FullySynthetic(n=3, m=3)))
    assert set(run(model, FullySynthetic(n=3, m=3)).path()["metric"]) == set(model.metrics)


def test_the_table_of_adult() -> None:
    table = shipped_bands()
    codes = np.column_stack([table[name].cat.codes for name in ADULT_BANDS.names])
    learned, fixed = (kind(codes, counts=table["count"]) for kind in KINDS)
    assert learned.edges == fixed.edges
    sizes = learned.layout.sizes
    assert sizes == tuple(len(table[name].cat.categories) for name in ADULT_BANDS.names)
    information = {
        (u, v): direct_information(block(sizes, learned.margins, u, v))
        for u, v in itertools.combinations(range(9), 2)
    }
    # Kruskal's tree: the largest information first, if it joins two parts
    part, best = list(range(9)), set()
    for u, v in sorted(information, key=lambda edge: -information[edge]):
        if part[u] != part[v]:
            best.add((u, v))
            part = [part[u] if one == part[v] else one for one in part]
    assert {(min(edge), max(edge)) for edge in learned.edges} == best
    expected = sizes[0] - 1 + sum((sizes[child] - 1) * sizes[up] for child, up in fixed.edges)
    empty = (fixed.p == 0).sum()  # each of them a free parameter less
    assert fixed.dim == expected - empty
    result = run(learned, FreshReal(n=300, m=300, w=0.6), reps=10, metrics=METRICS)
    errors = result.path().set_index(["metric", "t"])["error"]
    assert errors["impossible"].between(0, 1).all()
    assert (errors["impossible"] < errors["combinations_lost"]).all()
    assert (errors["likelihood"] > 0).all()
    # what is beside the tree stays
    floor = learned.error(learned.target, "two_way")[0, 0]
    assert 0 < floor < errors["two_way"].min()


# --- messages ------------------------------------------------------------------------------------

TABLE, TWO = "a table of integers of at least 0", "a table of at least two columns"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("codes", "allowed"),
    [
        ([[0.0, 1.0]], TABLE),
        ([["a", "b"]], TABLE),
        ([[True, False]], TABLE),
        ([[0, None]], TABLE),
        ([[0, -1]], TABLE),
        ([0, 1, 2], TABLE),
        ([[[0, 1]]], TABLE),
        (3, TABLE),
        ("codes", TABLE),
        (None, TABLE),
        ([], TABLE),
        (np.zeros((0, 3), dtype=int), TABLE),
        (np.zeros((3, 0), dtype=int), TABLE),
        ([[0], [1]], TWO),
        ([[0, 1], [0]], TABLE),
    ],
)
def test_codes_that_are_no_table_are_refused(kind: Any, codes: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"`codes` must be {allowed}; got ")):
        kind(codes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("counts", "allowed"),
    [
        ([1, -1, 1], "finite and at least 0"),
        ([1, math.nan, 1], "finite and at least 0"),
        ([1, math.inf, 1], "finite and at least 0"),
        (["1", "1", "1"], "finite and at least 0"),
        ([[1, 1], [1]], "finite and at least 0"),
        ([0, 0, 0], "a vector of 3 numbers, one a row of `codes`, not all of them 0"),
        ([1, 1], "a vector of 3 numbers, one a row of `codes`, not all of them 0"),
        ([1, 1, 1, 1], "a vector of 3 numbers, one a row of `codes`, not all of them 0"),
        ([[1, 1, 1]], "a vector of 3 numbers, one a row of `codes`, not all of them 0"),
        (2, "a vector of 3 numbers, one a row of `codes`, not all of them 0"),
    ],
)
def test_counts_that_do_not_count_rows_are_refused(kind: Any, counts: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"`counts` must be {allowed}; got ")):
        kind([[0, 0], [0, 1], [1, 1]], counts=counts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "sizes",
    [
        [2, 2],
        [1, 3],
        [-2, 3],
        [2],
        [2, 3, 2],
        [[2, 3]],
        3,
        [2.0, 3.0],
        ["2", "3"],
        "sizes",
        [None, 3],
        [[2], 3],
    ],
)
def test_sizes_that_do_not_fit_are_refused(kind: Any, sizes: Any) -> None:
    message = f"`sizes` must be at least [2, 3], one a column; got {sizes!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        kind([[0, 0], [0, 2], [1, 1]], sizes=sizes)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ChowLiuTree, "'one_way', 'two_way', 'likelihood', 'impossible' or 'combinations_lost'"),
        (FixedTree, "'edges' or 'kl'"),
    ],
)
@pytest.mark.parametrize("metric", ["frequencies", "", "One_Way"])
def test_unknown_metrics_are_refused(kind: Any, names: str, metric: str) -> None:
    message = re.escape(f"`metric` must be {names}; got {metric!r}")
    with pytest.raises(ValueError, match=message):
        run(kind(SMALL), FullySynthetic(n=3, m=3), metrics=[metric])


@pytest.mark.parametrize("kind", KINDS)
def test_loops_are_checked(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"`loop` must be one of lib\.loops"):
        kind(SMALL).theory("fresh real")
    for numbers in ({"n": 0, "m": 3}, {"n": 3, "m": 0}):
        name = min(numbers, key=lambda one: numbers[one])
        with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1"):
            run(kind(SMALL), FullySynthetic(**numbers))


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_beside_the_codes_are_named(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind(SMALL, SMALL_COUNTS)
