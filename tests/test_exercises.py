"""Exercises: right answers pass, wrong ones are told why, and nothing is given away.

Simulated answers are judged by statistics: how often a right one is turned down is held against
the stated rate by a binomial test, and wrong loops must be refuted.
"""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from replicates import RIGHT, WRONG
from scipy import stats

from lib import FullySynthetic, simulate
from lib.exercises import EXERCISES, WIDTH, Formula, Number, Simulated, check
from lib.exercises.simulated import ALPHA
from lib.models import LogisticRegression
from lib.simulate import LostReplicatesWarning

NUMBERS = [name for name, one in EXERCISES.items() if isinstance(one, Number)]
FORMULAS = [name for name, one in EXERCISES.items() if isinstance(one, Formula)]
SIMULATED = [name for name, one in EXERCISES.items() if isinstance(one, Simulated)]
CASES = [(name, words) for name, loops in WRONG.items() for words in loops]

Said = Callable[[str, Any], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what `check` prints, on one line, after a look at the lines themselves."""

    def printed(name: str, answer: Any) -> str:
        check(name, answer)
        lines = capsys.readouterr().out.splitlines()
        assert lines
        assert all(len(line) <= WIDTH for line in lines), lines
        return " ".join(" ".join(lines).split())

    return printed


def number(name: str) -> Number:
    one = EXERCISES[name]
    assert isinstance(one, Number)
    return one


def formula(name: str) -> Formula:
    one = EXERCISES[name]
    assert isinstance(one, Formula)
    return one


def simulated(name: str) -> Simulated:
    one = EXERCISES[name]
    assert isinstance(one, Simulated)
    return one


def given_away(text: str, rights: Any) -> list[str]:
    """Return the right numbers that a text contains, to 3, 4 or 5 digits or as a percentage."""
    found = []
    for right in np.ravel(rights):
        sizes = (right, 100 * right) if abs(right) < 1 else (right,)
        shown = {f"{size:.{digits}g}" for size in sizes for digits in (3, 4, 5)}
        for token in shown:
            # one digit says nothing: 1/2, column 1
            if len(token) > 1 and re.search(rf"(?<![\d.]){re.escape(token)}(?!\.?\d)", text):
                found.append(token)
    return found


def test_the_search_for_right_numbers_finds_them() -> None:
    assert given_away("it is 0.618", 0.61803)
    assert given_away("it is 0.61803.", 0.61803)
    assert given_away("it is 61.8 %", 0.61803)
    assert given_away("about 52 generations", 52.0)
    assert not given_away("52.7 or 152", 52.0)
    assert not given_away("at 1/2, column 1", [1.0, 2.0])


# Every kind


def test_no_answer_and_unknown_name(said: Said) -> None:
    assert said("recursion-half", None) == "recursion-half: no answer yet"
    with pytest.raises(ValueError, match="`name` must be the name of an exercise; got 'nope'"):
        check("nope", 1)
    with pytest.raises(ValueError, match=r"exercise; did you mean recursion-half.*\?; got"):
        check("recursion-halve", 1)


@pytest.mark.parametrize("name", [*NUMBERS, *FORMULAS])
def test_the_solution_is_right(name: str, said: Said) -> None:
    exercise = EXERCISES[name]
    answer = exercise.solution() if isinstance(exercise, Number) else exercise.solution
    assert said(name, answer) == f"{name}: right"


def test_check_returns_nothing() -> None:
    assert check("recursion-half", 2) is None  # type: ignore[func-returns-value]


def test_the_source_of_check_shows_no_answer() -> None:
    import inspect  # noqa: PLC0415

    import lib.exercises  # noqa: PLC0415

    source = inspect.getsource(lib.exercises)
    assert not [name for name in EXERCISES if name in source and name != "recursion-half"]


# Numbers


@pytest.mark.parametrize("name", NUMBERS)
def test_wrong_numbers(name: str, said: Said) -> None:
    right = number(name).solution()
    wrong = (2 * right + 1, right - abs(right) / 3, 1.7 * right, right / 7, 0, -right, 100 * right)
    for answer in (*wrong, *(slip() for slip in number(name).slips.values())):
        out = said(name, answer)
        assert f"{name}: not yet - " in out
        assert not given_away(out, right), out


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (math.nan, "finite"),
        (math.inf, "finite"),
        ("2", "str"),
        (True, "bool"),
        ([1, 2], "list"),
        ([2], "list"),
        (np.array([2.0]), "an array of shape (1,)"),
        (2 + 0j, "a complex number"),
        (np.complex128(2), "a complex number"),
        (lambda: 2, "a function (call it)"),
        (10**400, "int"),
    ],
)
def test_what_is_not_a_number(answer: Any, words: str, said: Said) -> None:
    out = said("recursion-half", answer)
    assert "not yet - expected a" in out
    assert words in out


def test_numbers_of_any_type() -> None:
    one = number("recursion-half")
    for answer in (2, 2.0, np.float32(2), np.int64(2), np.array(2.0)):
        assert one.feedback(answer) == ""


@pytest.mark.parametrize("name", NUMBERS)
def test_known_slips_get_their_own_words(name: str, said: Said) -> None:
    for advice, slip in number(name).slips.items():
        assert said(name, slip()) == f"{name}: not yet - {advice}"


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_counts_up_to_the_tolerance(name: str) -> None:
    one = number(name)
    right = one.solution()
    for side in (-1, 1):
        assert one.feedback(right * (1 + 0.99 * side * one.tolerance)) == ""
        assert one.feedback(right * (1 + 1.01 * side * one.tolerance)) != ""


def test_percentages_and_signs() -> None:
    one = Number(lambda: 0.25)
    assert "percentage" in one.feedback(25)
    assert "sign" in one.feedback(-0.25)
    assert "percentage" not in Number(lambda: 25.0).feedback(2500)


@pytest.mark.parametrize("name", NUMBERS)
def test_feedback_knows_the_direction_and_no_more(name: str) -> None:
    """The same words, whatever the right number is on that side."""
    one = dataclasses.replace(number(name), slips={})
    right = one.solution()
    other = dataclasses.replace(one, solution=lambda: 0.93 * right)
    for answer, words in (
        (right + 3.3 * abs(right), "too large"),
        (right - 3.3 * abs(right), "too small"),
    ):
        assert one.feedback(answer) == other.feedback(answer) == words


# Functions


def mutants(one: Formula) -> Iterator[Callable[..., Any]]:
    """Return wrong functions: distorted right ones, constants, and the well-known ones."""
    arity = len(one.points[0])
    yield lambda *_: 0.123
    yield lambda *_: 7.7
    yield lambda *_: -3.3
    yield lambda *given: 1.02 * one.solution(*given)
    yield lambda *given: 0.9 * one.solution(*given) + 0.01
    yield lambda *given: 1 / one.solution(*given)
    yield lambda *given: -one.solution(*given)
    yield lambda *given: float(one.solution(*given))
    for i in range(arity):
        yield lambda *given, i=i: one.solution(
            *(1.1 * x + 0.01 if j == i else x for j, x in enumerate(given))
        )
        yield lambda *given, i=i: given[i]
        yield lambda *given, i=i: -given[i]
    yield from one.slips.values()


@pytest.mark.parametrize("name", FORMULAS)
def test_wrong_functions(name: str, said: Said) -> None:
    one = formula(name)
    told = 0
    for mutant in mutants(one):
        out = said(name, mutant)
        if out == f"{name}: right":
            values = [(float(mutant(*p)), float(one.solution(*p))) for p in one.points]
            assert all(math.isclose(*pair, rel_tol=1e-7) for pair in values)
            continue
        told += 1
        assert f"{name}: not yet - " in out
        rest = re.sub(r"at \(.*?\) it returns \S+:?", "", out)  # the point, and their own value
        assert not given_away(rest, [float(one.solution(*point)) for point in one.points]), out
    assert told >= 6


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda *_: math.nan, "it returns nan"),
        (lambda *_: math.inf, "it returns inf"),
        (lambda *_: 1 / 0, "it fails: ZeroDivisionError: division by zero"),
        (lambda: 1, "it fails: TypeError"),
        (lambda *_: 0.5 + 1j, "it returns a complex number, not a number"),
        (lambda *_: (-1) ** 0.5, "it returns a complex number, not a number"),
        (lambda *_: np.ones(3), "it returns an array of shape (3,), not a number"),
        (lambda *_: [1.0], "it returns list, not a number"),
        (lambda *_: "0.5", "it returns str, not a number"),
        (lambda *_: None, "it returns NoneType, not a number"),
        (lambda *_: lambda: 1, "it returns a function (call it), not a number"),
        (3.0, "expected a function, got float"),
    ],
)
def test_what_is_no_number_from_a_function(name: str, answer: Any, words: str, said: Said) -> None:
    assert words in said(name, answer)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_function_counts_up_to_the_tolerance(name: str) -> None:
    one = formula(name)
    for share, right in ((0.3, True), (3.0, False)):
        off = 1 + share * one.tolerance
        alone = dataclasses.replace(one, properties={})
        assert (alone.feedback(lambda *given, off=off: off * one.solution(*given)) == "") is right


@pytest.mark.parametrize("name", FORMULAS)
def test_wrong_formulas_get_their_own_words(name: str, said: Said) -> None:
    assert formula(name).slips
    for advice, slip in formula(name).slips.items():
        assert said(name, slip) == f"{name}: not yet - {advice}"


@pytest.mark.parametrize("name", FORMULAS)
def test_properties_hold_and_can_fail(name: str) -> None:
    """Every property holds for the right function, and some wrong function does not have it."""
    one = formula(name)
    assert one.properties
    for words, holds in one.properties.items():
        assert holds(one.solution), words
        alone = dataclasses.replace(one, properties={words: holds}, slips={})
        assert any(words in alone.feedback(mutant) for mutant in mutants(one)), words


def test_the_point_at_which_it_fails_names_the_arguments(said: Said) -> None:
    out = said("adult-forgetting", lambda n, t: 1 / 0)
    assert "at (n = 20, t = 1) it fails: ZeroDivisionError" in out


def test_whole_rows_found_by_trying_are_right(said: Said) -> None:
    """Rounding does not decide whether a row more is needed."""

    def least(p: int) -> int:
        return next(n for n in range(p + 2, 10_000) if n / (n - p - 1) <= 1.06)

    def by_excess(p: int) -> int:
        return next(n for n in range(p + 2, 10_000) if p / (n - p - 1) - p / n <= 0.06 * p / n)

    for search in (least, by_excess):
        assert said("linear-alone", search) == "linear-alone: right"


def test_the_survival_of_logistic_chains(said: Said) -> None:
    """Its key comes from a simulation: others, as large as the question has them, agree."""
    for seed in (1, 2, 3):
        medians = []
        for n in (50, 200):
            loop = FullySynthetic(n=n, m=n)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LostReplicatesWarning)
                model = LogisticRegression([1, 1])
                run = simulate(model, loop, steps=n // 2, reps=400, seed=seed)
            lost = run.lost()
            medians.append(lost.loc[lost["lost"] >= 200, "t"].min())
        factor = medians[1] / medians[0]
        assert said("collapse-survival", factor) == "collapse-survival: right"
        # three standard errors
        assert abs(factor / number("collapse-survival").solution() - 1) < 0.1, factor


def test_a_property_is_told_before_a_point_and_survives_an_exception() -> None:
    def holds(function: Callable[[float], float]) -> bool:
        return function(100) > 0

    def fails_elsewhere(x: float) -> float:
        if x > 10:
            raise ValueError
        return x

    one = Formula(lambda x: x, ((1,), (2,)), properties={"it must be positive": holds})
    assert one.feedback(lambda x: -x) == "it must be positive"
    assert one.feedback(fails_elsewhere) == "it must be positive"
    assert one.feedback(lambda x: 2 * x) == "at (x = 1) it returns 2: too large"
    assert one.feedback(lambda x: x**2) == "at (x = 2) it returns 4: too large"


# Simulations


@pytest.mark.parametrize("name", SIMULATED)
def test_right_simulations(name: str, said: Said) -> None:
    """A false alarm of one of these has the probability 2e-4: the seeds are fixed."""
    assert name in RIGHT, f"tests/replicates.py needs a simulation for {name}"
    for seed in range(5):
        assert said(name, RIGHT[name](np.random.default_rng(seed))) == f"{name}: right"


@pytest.mark.parametrize(("name", "words"), CASES)
def test_wrong_loops_are_recognised(name: str, words: str, said: Said) -> None:
    """Every time: the power of each of these checks is above 99 %."""
    for seed in (11, 12, 13):
        out = said(name, WRONG[name][words](np.random.default_rng(seed)))
        assert "not yet" in out
        assert words in out
        assert not given_away(out, simulated(name).solution()), out


@pytest.mark.parametrize("name", SIMULATED)
def test_a_known_wrong_loop_is_far_enough_to_be_found(name: str) -> None:
    one = simulated(name)
    assert WRONG.get(name), f"tests/replicates.py needs a wrong loop for {name}"
    right = np.asarray(one.solution(), dtype=float)
    for advice, slip in one.slips.items():
        off = np.abs(np.asarray(slip(), dtype=float) / right - 1).max()
        assert off > 6.3 * one.precision, advice


@pytest.mark.parametrize("name", SIMULATED)
def test_directions_and_coarseness(name: str, said: Said) -> None:
    """Distorted right simulations: nothing is given away, whatever is said."""
    one = simulated(name)
    values = np.asarray(RIGHT[name](np.random.default_rng(21)), dtype=float)
    rights = one.solution()
    for factor, words in ((1 + 9 * one.precision, "large"), (1 - 9 * one.precision, "small")):
        sign = np.sign(values.mean())
        scaled = dataclasses.replace(one, slips={}).feedback(values * factor)
        assert ("too " + words if sign > 0 else "too ") in scaled
        out = said(name, values * factor)
        assert "not yet" in out
        assert not given_away(out, rights), out
    few = values[: one.least]
    out = said(name, few)
    assert "right" in out or "too coarse" in out
    assert not given_away(out, rights), out
    small = dataclasses.replace(one, precision=one.precision / 10)
    coarse = small.feedback(values)
    assert "too coarse" in coarse
    other = dataclasses.replace(small, solution=lambda: np.asarray(rights) * 1.0001)
    assert other.feedback(values) == coarse, "the right mean has no part in it"


CHI = Simulated(lambda: 1.0, precision=0.02, slips={"they are not squared": lambda: 0.7979})


def squares(seed: int, size: Any = 6000) -> Any:
    return np.random.default_rng(seed).normal(size=size) ** 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (1.0, "that is one number"),
        (lambda: 1.0, "expected an array of real numbers, got function"),
        ("abc", "got str"),
        (squares(1) + 0j, "complex"),
        ([[1.0, 2.0], [3.0]], "all rows of the same length"),
        ((x for x in (1.0, 2.0)), "got generator"),
        (squares(1, (3000, 2)), "one dimension, one value a chain; got shape (3000, 2)"),
        ([], "too few values: 0"),
        (squares(1, 499), "too few values: 499"),
        (np.append(squares(1), np.nan), "1 of the values is nan or infinite"),
        (np.append(squares(1), [np.nan, np.inf]), "2 of the values are nan"),
        (np.random.default_rng(1).normal(size=6000), "negative"),
        (np.ones(6000), "all values are the same"),
        (np.tile(squares(1, 600), 10), "only 600 different ones"),
        (np.append(squares(1), squares(1, 1)), "seeded again"),
        (np.abs(np.random.default_rng(1).normal(size=6000)), "they are not squared"),
        (2 * squares(1), "too large"),
        (squares(1) / 2, "too small"),
        (squares(1, 2000), "too coarse"),
    ],
)
def test_what_is_no_simulation(answer: Any, words: str) -> None:
    out = CHI.feedback(answer)
    assert words in out


def test_the_nearest_of_several_known_wrong_means_is_named() -> None:
    slips = {"far": lambda: 1.03, "near": lambda: 1.0, "farther": lambda: 0.97}
    one = dataclasses.replace(CHI, solution=lambda: 2.0, slips=slips)
    assert one.feedback(squares(4)) == "the mean is as if from a known slip: near"


def test_lists_frames_and_indicators_are_arrays() -> None:
    pandas = pytest.importorskip("pandas")
    assert CHI.feedback(squares(1).tolist()) == ""
    assert CHI.feedback(pandas.Series(squares(1))) == ""
    one = Simulated(lambda: 0.5, discrete=True)
    assert one.feedback(np.random.default_rng(1).random(6000) < 0.5) == ""


def test_the_number_of_chains_asked_for_is_enough() -> None:
    out = CHI.feedback(squares(1, 1000))
    needed = int(re.search(r"About ([\d,]+) chains", out)[1].replace(",", ""))  # type: ignore[index]
    assert 4000 < needed < 6500  # 2 / 0.02^2 = 5000 by theory
    assert CHI.feedback(squares(3, round(1.2 * needed))) == ""


def test_one_column_a_generation() -> None:
    rng = np.random.default_rng(1)
    means = np.array([1.0, 0.6, 0.5])
    values = means * rng.normal(size=(7000, 3)) ** 2
    one = Simulated(lambda: means, slips={"all ones": lambda: np.ones(3)})
    assert one.feedback(values) == ""
    assert "one row a chain and 3 columns; got shape (3, 7000): transpose" in one.feedback(values.T)
    assert "one row a chain and 3 columns; got shape (7000,)" in one.feedback(values[:, 0])
    assert "got shape (7000, 2)" in one.feedback(values[:, :2])
    assert (
        one.feedback(values * [1, 1, 1.5]) == "the mean is too large in column 2 (the first is 0)"
    )
    assert one.feedback(values / means) == "the mean is as if from a known slip: all ones"
    averages = one.feedback(values.mean(axis=0))
    assert "got shape (3,): those look like averages" in averages
    assert "transpose" not in averages
    assert "too few values: 0" in one.feedback(np.ones((0, 3)))


# How often a right simulation is turned down


LAWS: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    "squared normal": (lambda rng, size: rng.normal(size=size) ** 2, 1.0),
    "squared t": (lambda rng, size: rng.standard_t(12, size=size) ** 2, 1.2),
    "rare indicator": (lambda rng, size: (rng.random(size) < 0.1).astype(float), 0.1),
    "counts": (lambda rng, size: rng.poisson(0.7, size=size).astype(float), 0.7),
}


@pytest.mark.parametrize("law", LAWS)
def test_false_alarms_of_the_mean(law: str) -> None:
    """Binomial tests of the rate, at a convenient one and at the one in use.

    12,500 answers: at 0.05 a side with less than 0.017 or more than 0.033 is found, at 1e-4 a rate
    above 9e-4.
    """
    draw, mean = LAWS[law]
    rng, columns, rounds = np.random.default_rng(5), 500, 25
    high, low, rare, answers = 0, 0, 0, columns * rounds
    for _ in range(rounds):
        values = draw(rng, (1500, columns))
        for alpha in (0.05, ALPHA):
            one = dataclasses.replace(CHI, alpha=alpha * columns)  # each column at the rate alpha
            scores = one._scores(values, np.full(columns, mean))
            if alpha == ALPHA:
                rare += int((np.abs(scores) > 1).sum())
            else:
                high, low = high + int((scores > 1).sum()), low + int((scores < -1).sum())
    for alarms in (high, low):  # each side on its own: skewness would tilt them
        nearest = min(max(alarms / answers, 0.0225), 0.0275)  # 1500 values, not infinitely many
        assert stats.binomtest(alarms, answers, nearest).pvalue > 1e-4, (high, low)
    test = stats.binomtest(rare, answers, 1.5 * ALPHA, alternative="greater")
    assert test.pvalue > 1e-4, rare


@pytest.mark.parametrize("law", LAWS)
def test_false_alarms_of_independence(law: str) -> None:
    draw, mean = LAWS[law]
    rng, reps = np.random.default_rng(6), 3000
    alarms = {0.05: 0, ALPHA: 0}
    for _ in range(reps):
        values = draw(rng, 600)
        for alpha in alarms:
            one = Simulated(lambda: mean, precision=1.0, discrete=True, alpha=alpha)
            alarms[alpha] += "not independent" in one.feedback(values)
    for alpha, number in alarms.items():
        test = stats.binomtest(number, reps, alpha, alternative="greater")
        assert test.pvalue > 1e-4, alarms
    if law.startswith("squared"):  # where ties are many the test is cautious
        assert stats.binomtest(alarms[0.05], reps, 0.05, alternative="less").pvalue > 1e-4, alarms


def test_false_alarms_of_independence_where_ones_are_rare() -> None:
    """Two ones in a row are no dependence: ties make the statistic skew, which is allowed for."""
    rng, reps = np.random.default_rng(9), 3000
    one = Simulated(lambda: 0.03, precision=1.0, discrete=True)
    alarms = sum("not indep" in one.feedback(rng.random(600) < 0.03) for _ in range(reps))
    assert stats.binomtest(alarms, reps, ALPHA, alternative="greater").pvalue > 1e-4, alarms


def test_a_right_simulation_is_turned_down_as_rarely_as_stated() -> None:
    """The whole check, as it is used: two tests at 1e-4 each, a few thousand students."""
    one = dataclasses.replace(CHI, precision=0.05)
    reps = 3000
    alarms = sum(one.feedback(squares(seed, 1500)) != "" for seed in range(reps))
    assert stats.binomtest(alarms, reps, 2 * ALPHA, alternative="greater").pvalue > 1e-4, alarms


# How often a wrong one is found


@pytest.mark.parametrize("side", [-1, 1])
def test_power_of_the_mean(side: int) -> None:
    """6.3 standard errors off is found with probability 99 %."""
    rows, reps = 2000, 600
    off = 6.3 / np.sqrt(rows)
    one = Simulated(lambda: 10 - side * off, precision=1.0)
    rng = np.random.default_rng(7)
    found = sum("too" in one.feedback(rng.normal(10, 1, size=rows)) for _ in range(reps))
    assert stats.binomtest(found, reps, 0.99, alternative="less").pvalue > 1e-4, found
    assert found > 0.95 * reps


def generations(rng: Any, chains: int, steps: int) -> Any:
    """Squared errors of successive generations at the golden weight, one row a chain."""
    w = 0.618
    values = np.empty((chains, steps))
    error = rng.normal(size=chains) * w**0.5
    for t in range(steps):
        noise = rng.normal(size=chains) * (w**2 + (1 - w) ** 2) ** 0.5
        error = noise + (1 - w) * error
        values[:, t] = error**2
    return values / w


def test_generations_of_few_chains_are_not_independent_values() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        one_chain = generations(rng, 1, 6000)[0]
        assert "not independent" in CHI.feedback(one_chain)
        assert "one value a chain" in CHI.feedback(generations(rng, 10, 600).ravel())
    assert CHI.feedback(generations(rng, 6000, 30)[:, -1]) == ""
