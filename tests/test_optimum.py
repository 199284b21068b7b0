"""The best weight: hardly biased, sharper than the smallest average, its interval honest."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lib import error_ratio, optimal_weight
from lib.optimum import Optimum, optimum
from lib.reproduce.panels import WEIGHTS

pytestmark = pytest.mark.filterwarnings("error")


def errors(k: float, reps: int, rng: np.random.Generator, shared: float = 0.5) -> Any:
    """Draw positive errors with the expectation E(w, k), correlated between the weights."""
    common = rng.chisquare(2, reps) / 2
    own = rng.chisquare(4, (WEIGHTS.size, reps)) / 4
    return error_ratio(WEIGHTS, k)[:, None] * (shared * common + (1 - shared) * own)


def exact(k: float, **options: Any) -> Optimum:
    return optimum(WEIGHTS, np.repeat(error_ratio(WEIGHTS, k)[:, None], 20, axis=1), **options)


# --- the estimate --------------------------------------------------------------------------------


@pytest.mark.parametrize("k", np.linspace(0.3, 2, 18).round(2))
def test_without_noise_the_minimum_of_the_formula_is_found(k: float) -> None:
    assert abs(exact(k).w - optimal_weight(k)) < 1e-4


@pytest.mark.parametrize("k", [0.3, 1.0])
def test_over_many_sets_the_estimate_is_centred(k: float) -> None:
    rng = np.random.default_rng(1)
    found = np.array([optimum(WEIGHTS, errors(k, 300, rng)).w for _ in range(120)])
    # 1e-4 of bias is allowed, |z| < 4.5 alarms wrongly with probability 7e-6
    assert abs(found.mean() - optimal_weight(k)) < 1e-4 + 4.5 * stats.sem(found)


def test_the_smallest_average_is_far_less_sharp() -> None:
    rng = np.random.default_rng(2)
    sets = [errors(1, 400, rng) for _ in range(100)]
    curve = np.std([optimum(WEIGHTS, one).w for one in sets])
    lowest = np.std([WEIGHTS[one.mean(axis=1).argmin()] for one in sets])
    assert lowest > 3 * curve


# --- the interval --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "confidence", "shared"), [(1.0, 0.95, 0.0), (0.4, 0.95, 0.9), (1.0, 0.6, 0.9)]
)
def test_the_interval_covers_as_often_as_it_says(
    k: float, confidence: float, shared: float
) -> None:
    rng = np.random.default_rng(3)
    best, sets = optimal_weight(k), 200
    found = [
        optimum(WEIGHTS, errors(k, 150, rng, shared), confidence=confidence) for _ in range(sets)
    ]
    hits = sum(one.low <= best <= one.high for one in found)
    # each comparison alarms wrongly with probability 1e-4
    assert stats.binomtest(hits, sets, confidence).pvalue > 1e-4


def test_more_confidence_is_a_wider_interval() -> None:
    data = errors(1, 400, np.random.default_rng(4))
    found = [optimum(WEIGHTS, data, confidence=c) for c in (0.5, 0.9, 0.95, 0.99)]
    assert [one.confidence for one in found] == [0.5, 0.9, 0.95, 0.99]
    assert len({one.w for one in found}) == 1
    for narrow, wide in itertools.pairwise(found):
        assert wide.low < narrow.low < narrow.w < narrow.high < wide.high


def test_more_replicates_are_a_narrower_interval() -> None:
    width = []
    for reps in (200, 3200):
        one = optimum(WEIGHTS, errors(1, reps, np.random.default_rng(5)))
        width.append(one.high - one.low)
    assert width[0] / width[1] == pytest.approx(4, rel=0.3)


@pytest.mark.parametrize(("k", "side"), [(0.01, "low"), (60.0, "high")])
def test_a_minimum_outside_of_the_weights_has_an_infinite_end(k: float, side: str) -> None:
    assert not WEIGHTS[0] < optimal_weight(k) < WEIGHTS[-1]
    found = optimum(WEIGHTS, errors(k, 2000, np.random.default_rng(6)))
    if side == "low":
        assert (found.w, found.low) == (WEIGHTS[0], -np.inf)
        assert WEIGHTS[0] < found.high < WEIGHTS[5]
    else:
        assert (found.w, found.high) == (WEIGHTS[-1], np.inf)
        assert WEIGHTS[-6] < found.low < WEIGHTS[-1]


def test_few_noisy_replicates_do_not_end_the_interval() -> None:
    noise = np.random.default_rng(7).chisquare(1, (WEIGHTS.size, 20))
    found = [optimum(WEIGHTS, noise[:, ::step], confidence=0.9999) for step in (1, -1)]
    for one in found:
        assert (one.low, one.high) == (-np.inf, np.inf)
        assert WEIGHTS[0] <= one.w <= WEIGHTS[-1]


# --- what does not matter ------------------------------------------------------------------------

DATA = errors(1, 100, np.random.default_rng(8))
FOUND = optimum(WEIGHTS, DATA)


@pytest.mark.parametrize("unit", [1e-9, 3.0, 1e12])
def test_the_unit_of_the_errors(unit: float) -> None:
    assert optimum(WEIGHTS, unit * DATA) == pytest.approx(FOUND, rel=1e-6)


def test_the_order_of_the_replicates() -> None:
    assert optimum(WEIGHTS, DATA[:, ::-1]) == pytest.approx(FOUND, rel=1e-6)


def test_lists_are_as_good_as_arrays() -> None:
    assert optimum(WEIGHTS.tolist(), DATA.tolist()) == FOUND


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_replicate_that_is_lost_is_left_out(bad: float) -> None:
    data = DATA.copy()
    data[4, 0], data[:, 17], data[29, 99] = bad, bad, bad
    before = data.copy()
    kept = np.delete(DATA, [0, 17, 99], axis=1)
    assert optimum(WEIGHTS, data) == optimum(WEIGHTS, kept)
    np.testing.assert_array_equal(data, before)


# --- bad use -------------------------------------------------------------------------------------

LOST = np.where(np.arange(100) < 81, np.nan, DATA)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((WEIGHTS[:6], DATA[:6]), "`weights` must be at least 7 rising numbers above 0; "),
        ((WEIGHTS[::-1], DATA), "`weights` must be at least 7 rising numbers above 0; "),
        (([0.2, *WEIGHTS[:-1]], DATA), "`weights` must be at least 7 rising numbers above 0; "),
        (([0.0, *WEIGHTS[1:]], DATA), "`weights` must be at least 7 rising numbers above 0; "),
        ((0.5, DATA), "`weights` must be at least 7 rising numbers above 0; "),
        ((WEIGHTS * 2, DATA), "`weights` must be between 0 and 1; "),
        ((WEIGHTS, DATA[1:]), "`errors` must be of shape (30, replicates); "),
        ((WEIGHTS, DATA.T), "`errors` must be of shape (30, replicates); "),
        ((WEIGHTS, DATA[:, 0]), "`errors` must be of shape (30, replicates); "),
        ((WEIGHTS, DATA[:, :19]), "`errors` must be at least 20 replicates without a NaN; "),
        ((WEIGHTS, LOST), "`errors` must be at least 20 replicates without a NaN; "),
    ],
)
def test_bad_arguments(arguments: tuple[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        optimum(*arguments)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, "high", [0.9, 0.95]])
def test_a_confidence_that_cannot_be(confidence: Any) -> None:
    with pytest.raises(ValueError, match=r"^`confidence` must be strictly between 0 and 1"):
        optimum(WEIGHTS, DATA, confidence=confidence)


def test_the_fewest_weights_and_replicates() -> None:
    few = np.linspace(0.2, 0.8, 7)
    values = np.repeat(error_ratio(few, 1.0)[:, None], 20, axis=1)
    assert optimum(few, values).w == pytest.approx(optimal_weight(1.0), abs=5e-3)


def test_errors_that_are_all_zero_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="`errors`"):
        optimum(WEIGHTS, np.zeros((WEIGHTS.size, 30)))
