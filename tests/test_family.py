"""Over many seeds, a set of checks refutes true claims no more often than is stated.

Claims that are cheap to simulate, on means and covariances, linear regression, distribution
functions and categories, at 1000 replicates and at larger rates than the book's, so that false
alarms can be counted: at the book's own, some set in 170 would have one. How far the rate of a
single check can be trusted that far out in the tail is shown in `test_claims.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lib.claims import claim
from lib.verify import Receipt, check

CHEAP = (
    "mean-fully-synthetic",
    "mean-fresh-path",
    "covariance-fixed-real",
    "covariance-accumulate",
    "covariance-fully-synthetic",
    "covariance-collapse-median",
    "linear-fixed-unequal",
    "linear-fixed-accumulate",
    "linear-random-fully-synthetic",
    "cdf-accumulate",
    "cdf-fully-synthetic",
    "loss-fully-synthetic",
    "loss-branching",
    "loss-fresh",
    "frequencies-accumulate",
    "frequencies-fixed-real",
)
SEEDS, REPS = 150, 1000
ALONE, IN_A_SET = 0.05, 0.01
"""Rates of one check: where each claim is counted by itself, and where sets are."""

RATE = 1e-4
"""False-alarm rate of each test in this file."""


@pytest.fixture(scope="module")
def receipts() -> list[list[Receipt]]:
    """For every seed, the receipts of the set."""
    return [
        [check(one, one.simulate(seed=seed, reps=REPS), seed=seed) for one in map(claim, CHEAP)]
        for seed in range(1000, 1000 + SEEDS)
    ]


def refuted(receipts: list[list[Receipt]], alpha: float) -> np.ndarray:
    """Return which checks refute at another rate, shape (seeds, claims)."""
    with_rate = [[replace(one, alpha=alpha) for one in row] for row in receipts]
    return np.array([[abs(one.z) > one.critical for one in row] for row in with_rate])


def test_each_check_keeps_its_rate(receipts: list[list[Receipt]]) -> None:
    counts = refuted(receipts, ALONE).sum(axis=0)
    for id, count in zip(CHEAP, counts.tolist(), strict=True):
        assert stats.binomtest(count, SEEDS, ALONE).pvalue > RATE / len(CHEAP), id
    # a rate of 0.25 in place of 0.05 is seen with power 0.99
    least = int(stats.binom.ppf(0.01, SEEDS, 0.25))
    assert stats.binomtest(least, SEEDS, ALONE).pvalue < RATE / len(CHEAP)


def test_checks_keep_their_rate_on_average(receipts: list[list[Receipt]]) -> None:
    """Sums over the set, which are independent between seeds though not within one."""
    sums = refuted(receipts, ALONE).mean(axis=1)
    error = sums.std(ddof=1) / SEEDS**0.5
    assert abs(sums.mean() - ALONE) < stats.norm.isf(RATE / 2) * error
    # a rate that is off by half is seen with power 0.8 or more; at 0.075 the standard error is
    # sqrt(0.075 * 0.925 / (0.05 * 0.95)) = 1.21 times as large, 1.25 to be on the safe side
    there = 1.25 * error
    assert (stats.norm.isf(RATE / 2) + stats.norm.isf(0.2)) * there < ALONE / 2


def test_the_set_keeps_the_sum_of_the_rates(receipts: list[list[Receipt]]) -> None:
    bound = IN_A_SET * len(CHEAP)
    alarms = int(refuted(receipts, IN_A_SET).any(axis=1).sum())
    assert stats.binomtest(alarms, SEEDS, bound, alternative="greater").pvalue > RATE
    # a set that alarms with probability 0.36, where 0.16 is stated, is seen with power 0.95
    least = int(stats.binom.ppf(0.05, SEEDS, 0.36))
    assert stats.binomtest(least, SEEDS, bound, alternative="greater").pvalue < RATE


def test_checks_of_a_set_depend_on_each_other(receipts: list[list[Receipt]]) -> None:
    """So the rate of a set is bounded by the sum, and not computed as if they did not."""
    z = np.array([[one.z for one in row] for row in receipts])
    pair = [CHEAP.index(id) for id in ("loss-fully-synthetic", "loss-branching")]
    assert np.corrcoef(z[:, pair].T)[0, 1] > 0.3


def test_the_page_of_receipts_says_how_many_seeds() -> None:
    page = Path(__file__).parents[1] / "book" / "reference" / "receipts.md"
    assert f"with {SEEDS} seeds at larger rates" in page.read_text("utf8")
