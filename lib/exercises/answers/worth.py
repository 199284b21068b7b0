"""What a synthetic row is worth."""

from __future__ import annotations

from collections.abc import Mapping

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.loops import FixedReal, FreshReal, Loop
from lib.models import Gaussian
from lib.planner import _ratio_for, design_error, marginal_worth
from lib.weights import naive_weight, optimal_weight


def _tenths(loop: Loop, unit: float = 10.0) -> float:
    """Return the error of a mean after 20 generations, in units of `unit` real rows."""
    return unit * float(Gaussian([0.0], [[1.0]]).theory(loop)["mean"].path(20)[-1])


ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    "worth-price": Number(
        lambda: 5 * float(optimal_weight(0.5)) ** 2,
        slips={
            "that is what it is worth on average; the next one is worth less": lambda: (
                5 * float(optimal_weight(0.5))
            ),
            "that many real rows it is worth, but one more real row is worth more than one": (
                lambda: 5 * float(marginal_worth(0.5))
            ),
            "that is with all rows alike; take the best weight": lambda: 5 * naive_weight(0.5) ** 2,
            "that is for k = m/n; k is n/m": lambda: 5 * float(optimal_weight(2)) ** 2,
        },
    ),
    "worth-lose": Formula(
        lambda believed: believed**0.5,
        ((0.01,), (0.25,), (0.5,), (0.81,)),
        properties={
            "it must be above c': if c' is right, the plan gains": lambda f: all(
                f(x) > x for x in (0.04, 0.3, 0.9)
            ),
            "it must be below 1": lambda f: all(f(x) < 1 for x in (0.04, 0.3, 0.9)),
        },
        slips={
            "that is the marginal worth; the whole purchase counts": lambda believed: (
                believed**0.5 / (2 - believed**0.5)
            ),
            "that is the ratio n/m that is bought": lambda believed: float(
                _ratio_for(believed**0.5)
            ),
            "that is the error if c' is right": lambda believed: float(
                design_error(believed**0.5, believed)
            ),
        },
    ),
    "worth-loop": Simulated(
        lambda: _tenths(FreshReal(n=6, m=36, w=1 / 3)),
        precision=0.01,
        slips={
            "that is with all rows alike; the plan has another weight": lambda: _tenths(
                FreshReal(n=6, m=36, w=naive_weight(1 / 6))
            ),
            "in units of six real rows; the question says ten": lambda: _tenths(
                FreshReal(n=6, m=36, w=1 / 3), 6.0
            ),
            "1/3 is the weight of the real rows, not of the synthetic ones": lambda: _tenths(
                FreshReal(n=6, m=36, w=2 / 3)
            ),
            "the real rows must be new at every generation": lambda: _tenths(
                FixedReal(n=6, m=36, w=1 / 3)
            ),
        },
    ),
    "worth-setup": Number(
        lambda: (1 - 0.1**0.5) ** 2,
        slips={
            "that is as if the error were c, and not 2 sqrt(c) - c": lambda: 0.9,
            "that is the best weight there; the question is for c": lambda: 1 - 0.1**0.5,
            "that is (1 - f)^2: solve 2 sqrt(c) - c = 1 - f for c": lambda: 0.81,
        },
    ),
}
"""The exercises of this chapter, by their names in the book."""
