"""Pictures of tables: numbers, trees of columns, and predictions held against what happened."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from lib.charts._theme import GREY, REAL, SYNTHETIC, _finish


@dataclass(frozen=True, repr=False)
class NumberTable:
    """A table of numbers on a page; see `number_table`."""

    frame: pd.DataFrame
    caption: str

    def __repr__(self) -> str:
        return f"number_table({len(self.frame)} rows)"

    def _repr_html_(self) -> str | None:
        if os.environ.get("BOOK_CHARTS") == "off":
            return None
        body = self.frame.to_html(index=False, border=0, classes="numbers")
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return body.replace("<thead>", f"{caption}<thead>", 1)


@dataclass(frozen=True, repr=False)
class Note:
    """A sentence on a page; see `note`."""

    text: str

    def __repr__(self) -> str:
        return "note(...)"

    def _repr_html_(self) -> str | None:
        if os.environ.get("BOOK_CHARTS") == "off":
            return None
        return f'<p class="note">{html.escape(self.text)}</p>'


def note(text: str) -> Note:
    """Say something that depends on which data the page was built from, as `number_table`.

    Parameters
    ----------
    text : str

    Returns
    -------
    Note
    """
    return Note(text)


def number_table(frame: pd.DataFrame, caption: str) -> NumberTable:
    """Show numbers that depend on which data the page was built from.

    Like a chart, it is on the page and not among the stored outputs of the notebooks, so that
    these are the same on every machine.

    Parameters
    ----------
    frame : DataFrame
        Its entries are shown as they are: format the numbers.
    caption : str
        What is shown, in a sentence.

    Returns
    -------
    NumberTable
    """
    return NumberTable(frame, caption)


def tree_diagram(edges: Sequence[tuple[str, str, float]], *, description: str) -> Any:
    """Draw a tree of columns, its lines the thicker the more one column tells of the other.

    Parameters
    ----------
    edges : sequence of (child, parent, float)
        Every parent but the root's is the child of an edge before; the number is the mutual
        information in nats.
    description : str
        The text alternative.

    Returns
    -------
    altair.LayerChart
    """
    root = edges[0][1]
    depth, children = {root: 0}, {root: []}  # type: dict[str, int], dict[str, list[str]]
    for child, parent, _ in edges:
        depth[child] = depth[parent] + 1
        children.setdefault(parent, []).append(child)
    place: dict[str, float] = {}

    def lay(name: str, free: float) -> float:
        """Give a branch its rows from `free` on, and return the next free one."""
        below = children.get(name, [])
        if not below:
            place[name] = free
            return free + 1
        for child in below:
            free = lay(child, free)
        place[name] = sum(place[child] for child in below) / len(below)
        return free

    rows = lay(root, 0.0)
    nodes = pd.DataFrame(
        [
            {
                "name": name.replace("_", " "),
                "depth": depth[name],
                "row": place[name],
                "leaf": not children.get(name),
            }
            for name in place
        ]
    )
    lines = pd.DataFrame(
        [
            {
                "x": depth[parent],
                "x2": depth[child],
                "y": place[parent],
                "y2": place[child],
                "information": round(told, 4),
                "pair": f"{parent} and {child}".replace("_", " "),
            }
            for child, parent, told in edges
        ]
    )
    deepest = max(depth.values())
    across = alt.Scale(domain=[-0.35, deepest + 1.35])  # room for names on a phone
    down = alt.Scale(domain=[rows - 0.4, -0.6])
    joined = (
        alt.Chart(lines)
        .mark_rule(color=GREY, opacity=1)
        .encode(
            alt.X("x:Q").scale(across).axis(None),
            alt.Y("y:Q").scale(down).axis(None),
            alt.X2("x2:Q"),
            alt.Y2("y2:Q"),
            alt.StrokeWidth("information:Q").scale(range=[1.5, 9]).legend(None),
            tooltip=["pair:N", alt.Tooltip("information:Q", format=".3f")],
        )
    )
    base = alt.Chart(nodes).encode(alt.X("depth:Q").scale(across), alt.Y("row:Q").scale(down))
    dots = base.mark_point(filled=True, size=90, opacity=1, color=REAL)
    # an inner node's name stands below it, clear of the lines that leave it
    names = [
        base.transform_filter("datum.leaf").mark_text(align="left", dx=9),
        base.transform_filter("!datum.leaf").mark_text(align="center", dy=21),
    ]
    texts = [name.encode(text="name:N") for name in names]
    return _finish(alt.layer(joined, dots, *texts), description, height=max(180, int(34 * rows)))


def reliability_explorer(frame: pd.DataFrame, *, description: str) -> Any:
    """Draw mean predictions of groups of rows against what happened, generation by generation.

    Parameters
    ----------
    frame : DataFrame
        Columns series (a way of training), t, predicted and observed, a row for each group.
    description : str
        The text alternative.

    Returns
    -------
    altair.LayerChart
        With a slider for the generation and a choice of the way of training.
    """
    ways = list(dict.fromkeys(frame["series"]))
    last = int(frame["t"].max())
    way = alt.param(name="way", value=ways[-1], bind=alt.binding_radio(options=ways, name=" "))
    apart = frame["t"].drop_duplicates().sort_values().diff().min()
    step = 1 if pd.isna(apart) else int(apart)  # generations are evenly spaced
    t = alt.param(
        name="t",
        value=last,
        bind=alt.binding_range(min=0, max=last, step=step, name="generation t "),
    )
    points = (
        alt.Chart(frame.round(5))
        .transform_filter("datum.t == t && datum.series == way")
        .transform_calculate(gap="datum.observed - datum.predicted")
        .encode(
            alt.X("predicted:Q").title("mean prediction of the group").scale(domain=[0, 1]),
            alt.Y("observed:Q").title("share that happened").scale(domain=[0, 1]),
            tooltip=[
                alt.Tooltip("predicted:Q", format=".3f"),
                alt.Tooltip("observed:Q", format=".3f"),
                alt.Tooltip("gap:Q", format="+.3f"),
            ],
        )
        .add_params(way, t)
    )
    diagonal = (
        alt.Chart(pd.DataFrame({"predicted": [0.0, 1.0], "observed": [0.0, 1.0]}))
        .mark_line(strokeDash=[5, 4], color=GREY, strokeWidth=2)
        .encode(alt.X("predicted:Q"), alt.Y("observed:Q"))
    )
    return _finish(
        alt.layer(
            diagonal,
            points.mark_line(color=SYNTHETIC, strokeWidth=1.5),
            points.mark_point(color=SYNTHETIC, filled=True, size=60, opacity=1),
        ),
        description,
    )
