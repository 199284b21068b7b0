"""Every theorem of the book as data: what it predicts, and how to simulate it.

The chapters, the tests, the command line and the page of receipts all check these objects.
Predictions are written as the closed forms of the text wherever there is one, so that what is
tested is the statement a reader sees, and not a recursion that agrees with itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from lib.claims.base import (
    Claim,
    Experiment,
    ExtrapolatedExperiment,
    GainExperiment,
    LargeSampleExperiment,
    named,
)
from lib.claims.drift import drift_claims
from lib.claims.flood import flood_claims
from lib.claims.frequencies import frequency_claims
from lib.claims.gaussian import covariance_claims, mean_claims
from lib.claims.golden import golden_claims
from lib.claims.nonparametric import cdf_claims, kernel_claims, loss_claims
from lib.claims.real_data import population_claims, resampling_claims, tree_claims
from lib.claims.regression import likelihood_claims, linear_claims, misspecification_claims
from lib.claims.ridge import ridge_claims
from lib.claims.worth import worth_claims

__all__ = [
    "Claim",
    "Experiment",
    "ExtrapolatedExperiment",
    "GainExperiment",
    "LargeSampleExperiment",
    "claim",
    "claims",
    "definitions",
    "named",
]


_BUILDERS = (
    mean_claims,
    covariance_claims,
    likelihood_claims,
    linear_claims,
    misspecification_claims,
    cdf_claims,
    loss_claims,
    kernel_claims,
    flood_claims,
    frequency_claims,
    population_claims,
    tree_claims,
    resampling_claims,
    golden_claims,
    worth_claims,
    drift_claims,
    ridge_claims,
)
"""In the order of the book."""


@cache
def claims() -> Mapping[str, Claim]:
    """Return every claim by its id, in the order of the book."""
    return {one.id: one for build in _BUILDERS for one in build()}


@cache
def definitions() -> Mapping[str, str]:
    """Return by a claim's id the full name of the function that defines it."""
    return {one.id: named(build)[0] for build in _BUILDERS for one in build()}


def claim(id: str) -> Claim:
    """Return a claim.

    Parameters
    ----------
    id : str

    Returns
    -------
    Claim

    Raises
    ------
    ValueError
        If there is no such claim.
    """
    if not isinstance(id, str) or id not in claims():
        raise ValueError(f"`claim` must be one of {', '.join(claims())}; got {id!r}")
    return claims()[id]
