"""The book's charts, in Altair, with one theme for light and dark.

Simulated points carry their uncertainty as bars of two standard errors. Formulas with sliders are
evaluated in the page. Every chart has a description, its text alternative.
"""

from lib.charts._theme import GOLD, GREY, REAL, SYNTHETIC, theme
from lib.charts.calculator import calculator_chart, weight_calculator
from lib.charts.checks import receipt_table
from lib.charts.drift import drift_explorer, misjudged_explorer
from lib.charts.explorers import (
    contraction_explorer,
    covariance_explorer,
    frequency_explorer,
    generation_explorer,
    loops_explorer,
    loss_explorer,
    mean_explorer,
    misspecification_explorer,
    resampling_explorer,
    size_explorer,
    weight_explorer,
)
from lib.charts.figures import (
    collapse_figure,
    flood_figure,
    gain_figure,
    growth_chart,
    survival_figure,
    weight_figure,
)
from lib.charts.golden import adaptive_explorer, schedule_form
from lib.charts.play import live_simulation, loop_explorer
from lib.charts.ridge import ridge_explorer
from lib.charts.simulations import (
    bars,
    coupled_paths,
    curves,
    quantile_paths,
    simulated_paths,
    theory_and_simulation,
)
from lib.charts.tables import (
    note,
    number_table,
    reliability_explorer,
    tree_diagram,
)
from lib.charts.worth import planner_form, worth_explorer

__all__ = [
    "GOLD",
    "GREY",
    "REAL",
    "SYNTHETIC",
    "adaptive_explorer",
    "bars",
    "calculator_chart",
    "collapse_figure",
    "contraction_explorer",
    "coupled_paths",
    "covariance_explorer",
    "curves",
    "drift_explorer",
    "flood_figure",
    "frequency_explorer",
    "gain_figure",
    "generation_explorer",
    "growth_chart",
    "live_simulation",
    "loop_explorer",
    "loops_explorer",
    "loss_explorer",
    "mean_explorer",
    "misjudged_explorer",
    "misspecification_explorer",
    "note",
    "number_table",
    "planner_form",
    "quantile_paths",
    "receipt_table",
    "reliability_explorer",
    "resampling_explorer",
    "ridge_explorer",
    "schedule_form",
    "simulated_paths",
    "size_explorer",
    "survival_figure",
    "theme",
    "theory_and_simulation",
    "tree_diagram",
    "weight_calculator",
    "weight_explorer",
    "weight_figure",
    "worth_explorer",
]
