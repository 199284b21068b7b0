"""The answers, one module a part of the book; nothing outside `lib.exercises` imports them."""

from __future__ import annotations

from collections.abc import Mapping

from lib.exercises.answers import (
    drift,
    experiments,
    foundations,
    gaussian,
    golden,
    labels,
    nonparametric,
    real_data,
    reference,
    regression,
    ridge,
    worth,
)
from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated

ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    name: exercise
    for part in (
        foundations,
        gaussian,
        regression,
        labels,
        nonparametric,
        experiments,
        real_data,
        golden,
        worth,
        drift,
        ridge,
        reference,
    )
    for name, exercise in part.ANSWERS.items()
}
"""Every exercise by its name in the book."""
