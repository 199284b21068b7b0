"""The charts' colours stay apart for colour-blind eyes, and from both backgrounds."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_charts import MADE

from lib.charts import GOLD, GREY, REAL, SYNTHETIC

SERIES = {"real": REAL, "synthetic": SYNTHETIC, "gold": GOLD, "grey": GREY}
BACKGROUNDS = {"light": "#ffffff", "dark": "#121212"}  # of the theme's pages

# Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
APART = 20.0
"""Distance in CIELAB: 2.3 is just noticeable side by side; thin lines need several times that."""


def linear(colour: str) -> NDArray[np.float64]:
    """Return linear RGB, 0 to 1, of a hexadecimal colour."""
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CIELAB, D65, of linear RGB."""
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.array(to_xyz) @ rgb
    t = xyz / (np.array(to_xyz) @ np.ones(3))
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, eyes: str) -> float:
    """Return how far two colours are apart in CIELAB, as these eyes see them."""
    seen = [lab(np.clip(np.array(EYES[eyes]) @ linear(c), 0, 1)) for c in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG defines it, 1 to 21."""
    light = sorted(float(np.dot([0.2126, 0.7152, 0.0722], linear(c))) + 0.05 for c in (one, other))
    return light[1] / light[0]


def test_the_measures() -> None:
    """Against values from elsewhere."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    for eyes, matrix in EYES.items():  # grey stays grey
        assert np.sum(matrix, axis=1) == pytest.approx(np.ones(3), abs=1e-5), eyes
    assert (
        distance("#ff0000", "#6b6b00", "protanopia")
        < APART / 2
        < distance("#ff0000", "#6b6b00", "all cones")
    )


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("pair", list(combinations(SERIES, 2)), ids="-".join)
def test_colours_are_apart(pair: tuple[str, str], eyes: str) -> None:
    assert distance(SERIES[pair[0]], SERIES[pair[1]], eyes) > APART


@pytest.mark.parametrize("mode", BACKGROUNDS)
@pytest.mark.parametrize("colour", SERIES)
def test_colours_stand_out_from_the_page(colour: str, mode: str) -> None:
    """3 : 1, what WCAG asks of graphics."""
    assert contrast(SERIES[colour], BACKGROUNDS[mode]) >= 3


# --- nothing is told by colour alone --------------------------------------------------------------


def layers(spec: dict[str, Any], above: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the layers of a chart with the encodings that they inherit."""
    encoding = {**(above or {}), **spec.get("encoding", {})}
    if "layer" not in spec:
        return [{**spec, "encoding": encoding}]
    return [one for part in spec["layer"] for one in layers(part, encoding)]


def told_by_colour(spec: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return, by field, the layers that colour a field with more than one value."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in layers(spec):
        colour = one["encoding"].get("color", {})
        domain = colour.get("scale", {}).get("domain", [])
        if "field" in colour and len(domain) > 1:
            found.setdefault(colour["field"], []).append(one)
    return found


def kind(layer: dict[str, Any]) -> str:
    mark = layer["mark"]
    return mark if isinstance(mark, str) else mark["type"]


def second_sign(parts: list[dict[str, Any]]) -> bool:
    """Whether something besides colour tells the series of these layers apart."""
    for one in parts:
        if {"strokeDash", "shape"} & one["encoding"].keys():
            return True
    # or each series has a kind of mark, or a dash, of its own
    own = {}
    for one in parts:
        named = [str(step.get("calculate")) for step in one.get("transform", [])]
        mark = one["mark"] if isinstance(one["mark"], dict) else {"type": one["mark"]}
        own.setdefault(str(named), set()).add((mark["type"], str(mark.get("strokeDash"))))
    looks = list(own.values())
    return len(looks) > 1 and all(not a & b for a, b in combinations(looks, 2))


@pytest.mark.parametrize("name", MADE)
def test_series_differ_in_more_than_colour(name: str) -> None:
    for field, parts in told_by_colour(MADE[name]().to_dict()).items():
        assert second_sign(parts), f"{name} tells {field!r} by colour alone"


def test_colour_alone_is_found() -> None:
    line = {
        "mark": {"type": "line"},
        "encoding": {"color": {"field": "s", "scale": {"domain": "ab"}}},
    }
    assert not second_sign(told_by_colour(line)["s"])
    dashed = {**line, "encoding": {**line["encoding"], "strokeDash": {"field": "s"}}}
    assert second_sign(told_by_colour(dashed)["s"])
