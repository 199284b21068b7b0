"""Reference: a model of your own."""

from __future__ import annotations

from collections.abc import Mapping

from lib.exercises.kinds import Formula, Number
from lib.exercises.simulated import Simulated
from lib.weights import optimal_weight

ANSWERS: Mapping[str, Number | Formula | Simulated] = {
    # the sum of 12 rows is a Gamma variable G: E(12/G) = 12/11 and E(12/G)^2 = 144/110
    "add-rate": Number(
        lambda: 12 * (144 / 110 - 2 * 12 / 11 + 1),
        slips={
            "that is for large n": lambda: 1.0,
            "that is the variance; the rate has a bias too": lambda: (
                12 * (144 / 110 - (12 / 11) ** 2)
            ),
            "that is in units of lambda^2; divide by lambda^2/n": lambda: (
                144 / 110 - 2 * 12 / 11 + 1
            ),
            "that is the second moment; the question is the distance to lambda": lambda: (
                12 * 144 / 110
            ),
        },
    ),
    # twice the mean of n rows has the variance b^2/(3n), and feedback adds 1/(3m)
    "add-uniform": Formula(
        lambda n, m: optimal_weight(n / m, contraction=1 + 1 / (3 * m)),
        ((20, 20), (7, 2), (3, 30), (100, 5), (2, 1)),
        properties={
            "a weight must lie strictly between 0 and 1": lambda f: all(
                0 < f(n, m) < 1 for n, m in ((2, 2), (2, 5000), (5000, 2))
            ),
            "for large samples it must be the golden weight at n = m": lambda f: (
                abs(f(10**6, 10**6) - optimal_weight(1)) < 1e-5
            ),
            "the noise grows with the estimate: which side of w*(k) is it on?": lambda f: all(
                f(n, m) > optimal_weight(n / m) for n, m in ((5, 5), (4, 10))
            ),
        },
        slips={
            "that is the weight for contraction 1": lambda n, m: optimal_weight(n / m),
            "that is the exponential distribution's": lambda n, m: optimal_weight(
                n / m, contraction=1 + 1 / m
            ),
            "that is the feedback of the plain mean; b is twice the mean, but so is its noise": (
                lambda n, m: optimal_weight(n / m, contraction=1 + 1 / (12 * m))
            ),
            "the contraction has m, the rows that are drawn, not n": lambda n, m: optimal_weight(
                n / m, contraction=1 + 1 / (3 * n)
            ),
            "that is the weight on the synthetic rows": lambda n, m: (
                1 - optimal_weight(n / m, contraction=1 + 1 / (3 * m))
            ),
            "k is n/m": lambda n, m: optimal_weight(m / n, contraction=1 + 1 / (3 * m)),
        },
    ),
}
"""The exercises of this part, by their names in the book."""
