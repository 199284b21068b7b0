"""Check a claim by simulation and keep the receipt.

A check has three outcomes. With z = (estimate - predicted) / standard error and a two-sided
false-alarm rate alpha, the claim is *refuted* if ``|z|`` is beyond the critical value; *confirmed*
if it is not and the run was fine enough to have seen an error of the claim's resolution (2 % unless
it says otherwise) with the stated power; *inconclusive* otherwise: run more replicates.

Squared errors are skewed, and for a handful of replicates Student's t is wrong that far out in the
tail. So a run that is too coarse, by `COARSEST`, is inconclusive whatever its z.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from scipy import stats

from lib import _validate
from lib.claims import Claim, claim, definitions
from lib.simulate import Estimate

Verdict = Literal["confirmed", "refuted", "inconclusive"]

ALPHA = 1e-4
"""Two-sided false-alarm rate of one check."""

POWER = 0.99
"""Probability with which a check must see an error as large as its resolution."""


COARSEST = 5.0
"""Nothing is refuted by a run that could not have seen an error of so many resolutions.

Resampling the most skewed claims (see tests/test_claims.py), a true claim is refuted at rate alpha
to within the accuracy of that count at their own replicates, and at most about 5 alpha in a run
that is just not too coarse. Without the limit it is more than 20 alpha at 300 replicates.
"""

FEWEST = 1000
"""Replicates without any spread say nothing if they are fewer."""

MOST_LOST = 1e-3
"""A larger share of lost replicates makes a check inconclusive: what they hide is not known."""

TEST = "tests/test_claims.py::test_confirmed"
"""The test that holds every claim, with another seed than the book's."""


@dataclass(frozen=True)
class Receipt:
    """What a check found.

    Attributes
    ----------
    claim, status, statement : str
        The claim's id, ``"exact"`` or ``"asymptotic"``, and its statement in words.
    predicted, estimate, standard_error : float
        In the claim's unit.
    reps, seed : int
        Independent replicates, and the seed that repeats them bit by bit.
    resolution : float
        Relative error that the check must be able to see.
    alpha, power : float
        False-alarm rate, and the probability of seeing an error of the smallest detectable size.
    lost : int
        Replicates left out because one of their samples had no fit.
    """

    claim: str
    status: str
    statement: str
    predicted: float
    estimate: float
    standard_error: float
    reps: int
    seed: int
    resolution: float
    alpha: float = ALPHA
    power: float = POWER
    lost: int = 0

    @property
    def z(self) -> float:
        """Distance of the estimate from the prediction, in standard errors."""
        gap = self.estimate - self.predicted
        if self.standard_error == 0:  # replicates without any spread
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / self.standard_error

    @property
    def critical(self) -> float:
        """Critical value of ``|z|``, from Student's t with reps - 1 degrees of freedom."""
        return float(stats.t.isf(self.alpha / 2, self.reps - 1))

    @property
    def detectable(self) -> float:
        """Smallest relative error of the prediction that this run sees with the stated power."""
        return self._reach / abs(self.predicted) if self.predicted else math.inf

    @property
    def _reach(self) -> float:
        reach = self.critical + float(stats.t.isf(1 - self.power, self.reps - 1))
        return reach * self.standard_error

    @property
    def coarse(self) -> bool:
        """Whether the run is too small to believe its own standard error: see `COARSEST`."""
        if self.standard_error == 0:
            return self.reps < FEWEST
        size = max(abs(self.predicted), abs(self.estimate))
        return not self._reach <= COARSEST * self.resolution * size

    @property
    def verdict(self) -> Verdict:
        """``"confirmed"``, ``"refuted"`` or ``"inconclusive"``."""
        if math.isnan(self.z) or self.coarse or self.lost > MOST_LOST * self.reps:
            return "inconclusive"
        if abs(self.z) > self.critical:
            return "refuted"
        return "confirmed" if self.detectable <= self.resolution else "inconclusive"

    @property
    def confirmed(self) -> bool:
        """Whether the verdict is ``"confirmed"``."""
        return self.verdict == "confirmed"

    def to_dict(self) -> dict[str, Any]:
        """Return every number of the receipt, ready for JSON: what is not finite is None."""
        derived = {name: getattr(self, name) for name in ("z", "critical", "detectable", "verdict")}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in (asdict(self) | derived).items()
        }

    def __str__(self) -> str:
        return "\n".join(
            [
                f"claim       {self.claim} ({self.status})",
                f"predicted   {self.predicted:.5g}",
                f"estimate    {self.estimate:.5g} ± {self.standard_error:.2g}"
                f"   ({self.reps} replicates, seed {self.seed})",
                f"z           {self.z:+.2f}   (refuted beyond ±{self.critical:.2f}:"
                f" false-alarm rate {self.alpha:g})",
                f"detectable  an error of {self.detectable:.2%} or more, with power {self.power:g}",
                *([f"lost        {self.lost} replicates without a fit"] if self.lost else []),
                f"verdict     {self.verdict}",
            ]
        )


def false_alarms(count: int) -> float:
    """Bound the probability that a set of checks refutes any claim, if all of them are true.

    The sum of the checks' own rates, whatever the dependence between them.

    Parameters
    ----------
    count : int
        Checks in the set.

    Returns
    -------
    float

    Examples
    --------
    >>> from lib.verify import false_alarms
    >>> false_alarms(50)
    0.005
    """
    return min(1.0, ALPHA * _validate.integer("count", count, least=0))


def record(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt of one of the book's claims with where to find what it is about.

    Parameters
    ----------
    receipt : Receipt

    Returns
    -------
    dict
        `Receipt.to_dict`, with the label of the theorem, its page, the names of the code that
        computes what it says, of the function that defines the claim, and of its test.

    Raises
    ------
    ValueError
        If the claim is none of the book's.

    Examples
    --------
    >>> from lib.verify import record, verify
    >>> record(verify("mean-naive"))["theorem"]
    'thm-naive'
    """
    one = claim(receipt.claim)
    return receipt.to_dict() | {
        "theorem": one.theorem,
        "page": one.page,
        "code": list(one.code),
        "definition": definitions()[one.id],
        "test": f"{TEST}[{one.id}]",
    }


def check(
    claim: Claim, estimate: Estimate, *, predicted: float | None = None, seed: int = 1
) -> Receipt:
    """Compare a simulated number with a claim's prediction.

    Parameters
    ----------
    claim : Claim
    estimate : Estimate
        From ``claim.simulate``.
    predicted : float, optional
        Another prediction to hold against the same simulation, such as a wrong formula.
    seed : int, optional
        What the receipt says of where the estimate comes from.

    Returns
    -------
    Receipt
    """
    return Receipt(
        claim.id,
        claim.status,
        claim.statement,
        claim.predicted() if predicted is None else predicted,
        estimate.value,
        estimate.standard_error,
        estimate.reps,
        seed=seed,
        resolution=claim.resolution,
        lost=estimate.lost,
    )


def verify(
    which: Claim | str, *, seed: int = 1, reps: int | None = None, n_jobs: int = 1
) -> Receipt:
    """Simulate a claim and compare.

    Parameters
    ----------
    which : Claim or str
        A claim or its id.
    seed : int, optional
        Any seed of your own: the verdict must not depend on ours.
    reps : int, optional
        Replicates; by default as many as the claim's resolution needs.
    n_jobs : int, optional
        Worker processes; the numbers do not depend on it.

    Returns
    -------
    Receipt

    Raises
    ------
    ValueError
        If there is no such claim, `reps` < 2 (one replicate has no standard error), or the seed is
        negative.

    Examples
    --------
    >>> from lib.verify import verify
    >>> verify("mean-fresh-golden").verdict
    'confirmed'
    """
    checked = which if isinstance(which, Claim) else claim(which)
    seed = _validate.integer("seed", seed, least=0)
    reps = checked.reps if reps is None else _validate.integer("reps", reps, least=2)
    return check(checked, checked.simulate(seed=seed, reps=reps, n_jobs=n_jobs), seed=seed)
