"""Estimators, recursions, simulations and checks for the book on golden-ratio weighting."""

from lib.advice import advice
from lib.loops import Accumulate, FixedReal, FreshReal, FullySynthetic, Uneven
from lib.misspecification import misspecification_ratio
from lib.schedule import adaptive_weights
from lib.simulate import simulate
from lib.weights import (
    break_even_weight,
    error_ratio,
    naive_weight,
    optimal_weight,
)

__all__ = [
    "Accumulate",
    "FixedReal",
    "FreshReal",
    "FullySynthetic",
    "Uneven",
    "adaptive_weights",
    "advice",
    "break_even_weight",
    "error_ratio",
    "misspecification_ratio",
    "naive_weight",
    "optimal_weight",
    "simulate",
]
