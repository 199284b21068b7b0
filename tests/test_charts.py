"""Charts: valid, described, themed, and their formulas traced from the library's functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lib import charts

POINTS = pd.DataFrame(
    {"series": ["a", "a"], "t": [0, 1], "error": [1.0, 0.8], "standard_error": [0.1, 0.1]}
)
QUANTILES = pd.DataFrame(
    np.ones((2, 7)), columns=["t", "q05", "q25", "q50", "q75", "q95", "predicted"]
)
COUNTS = pd.DataFrame({"name": ["x", "y"], "count": [3, 2]})
SIZES = pd.DataFrame({"size": [5, 9], "w": [0.5, 0.5], "error": [1.0, 0.8], "asymptotic": 0.7})
CURVES = pd.DataFrame({"series": ["a", "b"], "x": [0.5, 0.5], "value": [1.0, 0.8]})
HEIGHTS = pd.DataFrame({"t": [0, 0, 2, 2], "x": [0, 1, 0, 1], "truth": 0.5, "fit": 0.4})
PATHS = pd.DataFrame({"n": [5, 9], "t": [0, 0], "series": ["a", "b"], "value": [1.0, 0.8]})
MADE = {
    "loops_explorer": charts.loops_explorer,
    "weight_explorer": charts.weight_explorer,
    "mean_explorer": charts.mean_explorer,
    "covariance_explorer": charts.covariance_explorer,
    "misspecification_explorer": charts.misspecification_explorer,
    "size_explorer": lambda: charts.size_explorer(
        SIZES,
        SIZES[["size", "w", "error"]],
        series=("a", "b"),
        label="n",
        y_title="e",
        description="d" * 50,
    ),
    "coupled_paths": lambda: charts.coupled_paths(PATHS, y_title="e", description="d" * 50),
    "theory_and_simulation": lambda: charts.theory_and_simulation(
        {"a": ([0, 1], [1, 0.8])}, POINTS, x="t", x_title="t", y_title="e", description="d" * 50
    ),
    "simulated_paths": lambda: charts.simulated_paths(
        POINTS, y_title="e", description="d" * 50, rule=1.0
    ),
    "quantile_paths": lambda: charts.quantile_paths(QUANTILES, y_title="e", description="d" * 50),
    "contraction_explorer": charts.contraction_explorer,
    "loss_explorer": charts.loss_explorer,
    "frequency_explorer": charts.frequency_explorer,
    "generation_explorer": lambda: charts.generation_explorer(
        HEIGHTS, x_title="x", y_title="f", description="d" * 50, steps=True
    ),
    "curves": lambda: charts.curves(
        CURVES, x="x", x_title="x", y_title="v", description="d" * 50, log=True, domain=(0, 1)
    ),
    "bars": lambda: charts.bars(COUNTS, x="count", y="name", x_title="n", description="d" * 50),
}


@pytest.mark.parametrize("name", MADE)
def test_every_chart_is_valid_described_and_themed(name: str) -> None:
    spec = MADE[name]().to_dict()  # validates against the schema
    assert len(spec["description"]) >= 50
    # Altair adds the default size of a view
    spec["config"]["view"] = {"stroke": spec["config"]["view"]["stroke"]}
    assert spec["config"] == charts.theme("light")
    assert spec["width"] == "container"


def test_every_public_chart_is_tested() -> None:
    made = {name for name in charts.__all__ if callable(getattr(charts, name))}
    assert made - {"theme"} == set(MADE)


def test_bars_of_two_standard_errors() -> None:
    values: dict[str, list[dict[str, Any]]] = MADE["theory_and_simulation"]().to_dict()["datasets"]
    rows = [row for rows in values.values() for row in rows if "low" in row]
    assert rows[0]["low"] == pytest.approx(0.8)
    assert rows[0]["high"] == pytest.approx(1.2)


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match="`mode`"):
        charts.theme("sepia")  # type: ignore[arg-type]
