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
from lib.reproduce.tables import optima, table

__all__ = [
    "Agreement",
    "Panel",
    "Result",
    "Run",
    "agreement",
    "optima",
    "panels",
    "provenance",
    "published",
    "published_optima",
    "rerun",
    "table",
]
