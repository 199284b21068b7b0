"""Instant feedback for the exercises: what is wrong with an answer, never what is right."""

from __future__ import annotations

import difflib
import textwrap
from typing import Any

from lib import _validate
from lib.exercises.answers import ANSWERS as EXERCISES
from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated

__all__ = ["EXERCISES", "Formula", "Number", "Simulated", "check"]

WIDTH = 73
"""Characters of a printed line that a phone shows."""


def check(name: str, answer: Any = None) -> None:
    """Print whether an answer is right, and if not, what is wrong with it.

    Parameters
    ----------
    name : str
        The exercise.
    answer : float, callable or array_like, optional
        A number, a function or the values of a simulation, as the exercise asks. None, or
        ``...``, stands for no answer yet.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> from lib.exercises import check
    >>> check("recursion-half", 0.5)
    recursion-half: not yet - that is k; the question is how many times n
    """
    if name not in EXERCISES:
        near = difflib.get_close_matches(str(name), EXERCISES)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        raise _validate.fail("name", f"the name of an exercise{meant}", name)
    if answer is None or answer is ...:
        print(f"{name}: no answer yet")
        return
    fault = EXERCISES[name].feedback(answer)
    said = f"{name}: not yet - {fault}" if fault else f"{name}: right"
    print(textwrap.fill(said, WIDTH, subsequent_indent="  ", break_on_hyphens=False))
