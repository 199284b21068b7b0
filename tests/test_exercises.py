"""Exercises: the right answer passes, a wrong one is told why, and nothing is given away."""

from __future__ import annotations

import math

import pytest

from lib.exercises import EXERCISES, Formula, Number, check

NUMBERS = [name for name, one in EXERCISES.items() if isinstance(one, Number)]
FORMULAS = [name for name, one in EXERCISES.items() if isinstance(one, Formula)]


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = EXERCISES[name]
    check(name, exercise.solution() if isinstance(exercise, Number) else exercise.solution)
    assert capsys.readouterr().out == f"{name}: right\n"


@pytest.mark.parametrize("name", NUMBERS)
def test_wrong_numbers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = EXERCISES[name]
    assert isinstance(exercise, Number)
    right = exercise.solution()
    for answer in (2 * right + 1, right - abs(right) / 3, math.nan, "x", [1, 2]):
        check(name, answer)
        out = capsys.readouterr().out
        assert "not yet" in out
        assert f"{right:.4g}" not in out, "the answer is not given away"


@pytest.mark.parametrize("name", NUMBERS)
def test_known_slips_get_their_own_words(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = EXERCISES[name]
    assert isinstance(exercise, Number)
    for advice, slip in exercise.slips.items():
        check(name, slip())
        assert advice in capsys.readouterr().out


@pytest.mark.parametrize("name", FORMULAS)
def test_wrong_functions(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    def failing(*_: float) -> float:
        raise ZeroDivisionError("division by zero")

    for answer, said in (
        (lambda *_: 0.123, "it returns 0.123"),
        (lambda *_: math.nan, "nan"),
        (failing, "ZeroDivisionError"),
        (3.0, "expected a function"),
    ):
        check(name, answer)
        out = capsys.readouterr().out
        assert "not yet" in out
        assert said in out


def test_no_answer_and_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    check("recursion-half", None)
    assert "no answer yet" in capsys.readouterr().out
    with pytest.raises(ValueError, match="`name` must be one of"):
        check("nope", 1)
