"""The paper's Figures 7 to 10 at its own settings: run, resume, tabulate, compare."""

from lib.reproduce.panels import Panel, Run, panels
from lib.reproduce.published import (
    Agreement,
    agreement,
    provenance,
    published,
    published_optima,
)
from lib.reproduce.running import Result, rerun
from lib.reproduce.tables import TheoryCheck, against_theory, optima, table

__all__ = [
    "Agreement",
    "Panel",
    "Result",
    "Run",
    "TheoryCheck",
    "against_theory",
    "agreement",
    "optima",
    "panels",
    "provenance",
    "published",
    "published_optima",
    "rerun",
    "table",
]
