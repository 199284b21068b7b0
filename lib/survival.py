"""How long a rare category, or a single row, survives recursive training.

Counts of a category are a Markov chain: exact probabilities follow from its transition matrix. For
a rare category in a large sample the chain becomes a branching process, which has closed forms. The
number of rows that have descendants is counted backwards in time, by the coalescent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import gammaln, xlog1py, xlogy

from lib import _validate
from lib._validate import Array
from lib.loops import Accumulate, FixedReal, FreshReal, FullySynthetic, Loop

MOST_ROWS = 2000
"""Largest number of synthetic rows of an exact chain: its matrix has the square of it."""


def surviving_rows(n: int, m: int, steps: int) -> Array:
    """Return the expected number of different real rows in a fully synthetic generation.

    Backwards in time each of m rows picks its parent among m rows of the generation before, and in
    the first generation among n real rows: the number of different ancestors is a Markov chain.

    Parameters
    ----------
    n, m : int
        Real rows, and synthetic rows of each generation, at most 2000.
    steps : int
        Number of generations.

    Returns
    -------
    ndarray, shape (steps + 1,)
        At t = 0 all n.

    Raises
    ------
    ValueError
        If an argument is not a positive integer, or `m` is above 2000.

    Examples
    --------
    >>> from lib.survival import surviving_rows
    >>> surviving_rows(2, 2, 2).tolist()
    [2.0, 1.5, 1.25]
    """
    n, m = _validate.integer("n", n), _rows("m", m)
    steps = _validate.integer("steps", steps)
    occupied = _occupied(m, m)
    first = n * (1 - (1 - 1 / n) ** np.arange(m + 1.0))  # expected parents among n of j rows
    ancestors = np.zeros(m + 1)
    ancestors[m] = 1.0
    expected = [float(n)]
    for _ in range(steps):
        expected.append(float(ancestors @ first))
        ancestors = ancestors @ occupied
    return np.array(expected)


def _occupied(balls: int, boxes: int) -> Array:
    """Return the law of the number of occupied boxes: row j is for j balls."""
    law = np.zeros((balls + 1, boxes + 1))
    law[0, 0] = 1.0
    share = np.arange(boxes + 1.0) / boxes
    for j in range(balls):
        law[j + 1] = law[j] * share
        law[j + 1, 1:] += law[j, :-1] * (1 - share[:-1])
    return law


def loss_probability(p: float, loop: Loop, steps: int, *, ever: bool = False) -> Array:
    """Return the exact probability that a category has no weight left in the fit.

    Parameters
    ----------
    p : float
        Probability of the category in the truth, strictly between 0 and 1.
    loop : Loop
        Any of `lib.loops`, with a single weight if it has one; at most 2000 synthetic rows where
        the category can be lost after the first generation.
    steps : int
        Number of generations.
    ever : bool, optional
        Return the probability that it has been lost at least once up to t: the distribution
        function of the time of its first loss. Only fresh real rows bring a category back, so in
        the other loops this makes no difference.

    Returns
    -------
    ndarray, shape (steps + 1,)
        At t = 0, ..., steps.

    Raises
    ------
    ValueError
        If an argument is out of range, or the loop is another.

    Examples
    --------
    >>> from lib import FullySynthetic
    >>> from lib.survival import loss_probability
    >>> loss_probability(0.5, FullySynthetic(n=1, m=1), 2).round(6).tolist()
    [0.5, 0.5, 0.5]
    """
    p, steps = _validate.probability("p", p), _validate.integer("steps", steps)
    w = _single_weight(loop)
    missed = (1 - p) ** loop.n  # no real row of a sample shows it
    if isinstance(loop, Accumulate) or (isinstance(loop, FixedReal) and w > 0):
        return np.full(steps + 1, missed)  # what the first real rows show stays
    if isinstance(loop, FreshReal) and w > 0:
        if w == 1:
            at = np.full(steps + 1, missed)
            return 1 - (1 - missed) ** np.arange(1.0, steps + 2) if ever else at
        return _fresh_loss(p, loop, w, steps, ever)
    if not isinstance(loop, FullySynthetic | FixedReal | FreshReal):
        raise _validate.fail("loop", "one of lib.loops", loop)
    # synthetic rows alone: once lost, lost for ever
    m = _rows("m", loop.m)
    rows = np.arange(m + 1.0)
    step = _binomial(m, rows / m)
    real, chance = _likely(loop.n, p)
    law = chance @ _binomial(m, real / loop.n)
    lost = [missed]
    for _ in range(steps):
        lost.append(float(law[0]))
        law = law @ step
    return np.array(lost)


def _fresh_loss(p: float, loop: FreshReal, w: float, steps: int, ever: bool) -> Array:
    """Follow the count among synthetic rows; that among fresh rows is independent of it."""
    n, m = loop.n, _rows("m", loop.m)
    synthetic = np.arange(m + 1.0) / m
    real, chance = _likely(n, p)
    step = np.zeros((m + 1, m + 1))
    for r, weight in zip(real, chance, strict=True):
        step += weight * _binomial(m, w * r / n + (1 - w) * synthetic)
    missed = (1 - p) ** n
    # generation 0 has no synthetic rows, and all weight on n real ones
    seen = chance * (real > 0) if ever else chance
    law = seen @ _binomial(m, real / n)
    found = [missed]
    for _ in range(steps):
        now = float(law[0] * missed)
        following = law @ step
        if ever:  # leave out the chains that are without it now: no synthetic row follows
            following[0] -= now
            found.append(found[-1] + now)
        else:
            found.append(now)
        law = following
    return np.array(found)


def _likely(n: int, p: float) -> tuple[Array, Array]:
    """Return the numbers of rows of a category in a real sample, and their probabilities."""
    low, high = (float(stats.binom.ppf(q, n, p)) for q in (1e-18, 1 - 1e-16))
    real = np.arange(max(low - 10, 0), min(high + 10, n) + 1)
    return real, np.asarray(stats.binom.pmf(real, n, p))


def _binomial(rows: int, p: Array) -> Array:
    """Return the law of a count among `rows` rows: row i is for the probability p[i]."""
    count, chance = np.arange(rows + 1.0), np.clip(p, 0.0, 1.0)[:, None]
    # as scipy.stats.binom.pmf, ten times as fast: these matrices are all that takes time
    choices = gammaln(rows + 1) - gammaln(count + 1) - gammaln(rows - count + 1)
    exponent: Any = choices + xlogy(count, chance) + xlog1py(rows - count, -chance)
    return np.asarray(np.exp(exponent))


def _single_weight(loop: Loop) -> float:
    steady = isinstance(loop, Loop) and loop.last is None
    if not steady or (loop.grid is not None and loop.grid.size != 1):
        raise _validate.fail("loop", "one of lib.loops, with a single weight", loop)
    return 0.0 if loop.grid is None else float(loop.grid[0])


def _rows(name: str, value: int) -> int:
    rows = _validate.integer(name, value)
    if rows > MOST_ROWS:
        raise _validate.fail(name, f"at most {MOST_ROWS} for an exact probability", value)
    return rows


def extinction(steps: int, mean: float = 1.0) -> Array:
    r"""Return the probability that a row of a rare category has no copies after t generations.

    In a large sample a row has a Poisson number of copies: a branching process, in which
    :math:`q_t = e^{\mu(q_{t-1} - 1)}`, :math:`q_0 = 0`. For mean 1, :math:`1 - q_t \sim 2/t`.

    Parameters
    ----------
    steps : int
        Number of generations.
    mean : float, optional
        Expected copies of a row, positive: m/n in the first generation and 1 in the others when
        there are only synthetic rows, 1 - w for a synthetic row beside fresh real ones.

    Returns
    -------
    ndarray, shape (steps + 1,)

    Raises
    ------
    ValueError
        If an argument is not positive.

    Examples
    --------
    >>> from lib.survival import extinction
    >>> extinction(2).round(4).tolist()
    [0.0, 0.3679, 0.5315]
    """
    mu = _validate.single("mean", mean)
    q = [0.0]
    for _ in range(_validate.integer("steps", steps)):
        q.append(float(np.exp(mu * (q[-1] - 1))))
    return np.array(q)


TERMS = 12
"""Terms of `_memory` on the website's slider."""


def _memory(w: Any, k: Any, found: Any, terms: int) -> Any:
    """Sum the first `terms` of the series of `memory`, in plain arithmetic: also on the page.

    ``found(x) = 1 - exp(-x)`` is the probability that a Poisson number is not 0.
    """
    total, alive = 1.0, 1.0  # alive = 1 - h_j
    for _ in range(terms):
        total = total + found((w / k) * alive)
        alive = found((1 - w) * alive)
    return total


def memory(w: ArrayLike, k: ArrayLike) -> Any:
    r"""Return how many generations of real rows the fresh-real loop remembers of a rare category.

    A category of which a sample of n real rows holds :math:`\lambda` rows on average, n large, has
    no weight in the fit with probability :math:`e^{-\lambda M}` in the long run; real rows alone
    miss it with :math:`e^{-\lambda}`. With h_j the probability that a synthetic row has no copies
    left after j generations, :math:`h_0 = 0` and :math:`h_j = e^{(1-w)(h_{j-1} - 1)}`,

    .. math:: M = 1 + \sum_{j \ge 0} \bigl(1 - e^{(w/k)(h_j - 1)}\bigr).

    Parameters
    ----------
    w : float or array_like
        Weight on the real rows, in (0, 1).
    k : float or array_like
        Ratio n/m, positive; broadcasts against `w`.

    Returns
    -------
    float or ndarray
        Above 1. At w = 1 synthetic rows have no weight and it would be 1: M jumps there.

    Raises
    ------
    ValueError
        If a weight is not strictly between 0 and 1, or a ratio not positive.

    Examples
    --------
    >>> from lib.survival import memory
    >>> round(memory(0.618, 1), 3)
    1.749
    """
    w_, k_ = _validate.weight("w", w), _validate.positive("k", k)
    if ((w_ == 0) | (w_ == 1)).any():
        raise _validate.fail("w", "strictly between 0 and 1", w)
    # a term is at most w/k (1-w)^j
    small = np.log(1e-17 / max(1.0, float((w_ / k_).max()))) / np.log1p(-w_.min())
    if small > 1e6:
        raise _validate.fail("w", "at least 0.0001", w)
    total = np.asarray(_memory(w_, k_, lambda x: -np.expm1(-x), int(small) + 1))
    return float(total) if total.ndim == 0 else total
