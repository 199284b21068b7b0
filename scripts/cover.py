"""Draw book/figures/cover.svg, the banner of the landing page, from exact formulas.

Left, the error of a Gaussian mean after t steps, n = m rows a step, real rows alone = 1:

    fully synthetic              e_t = t + 1                            no limit
    accumulate                   e_t = sum of 1/i^2, i = 1 .. t+1       limit pi^2/6
    fresh real, w = 1/phi        e_t = E + (1-w)^(2t) (1-E), E = w      limit 1/phi

Right, a golden rectangle cut into squares. The two halves are one picture: at the golden weight the
excess error shrinks by (1-w)^2 = phi^-4 a step, and cutting off four squares, one full turn of the
spiral, shrinks the golden rectangle by phi^-4 as well. So the rectangle is placed with its top at
e_0 = 1 and the eye of its spiral at 1/phi; then the top edge of the rectangle that is left after t
full turns lies exactly at the height e_t. The script asserts this.

The banner is also on the card that is shown where somebody links to the book,
_static/social-card.png.

Run it with ``python -m scripts.cover``.
"""

import math
import os
import textwrap
from pathlib import Path

import vl_convert

Point = tuple[float, float]
Square = tuple[float, float, float, Point, Point]

WIDTH, HEIGHT = 1200, 360
PHI = (1 + math.sqrt(5)) / 2
W = 1 / PHI  # the golden weight
E = (W**2 + (1 - W) ** 2) / (W * (2 - W))  # limit error at k = 1; equals W
GOLD, GOLD_LINE, BLUE, RED = "#e69f00", "#c28800", "#0072b2", "#b04423"  # as in the loop drawings
GREY, SLATE = "#7b8490", "#626d79"


def fresh(t: float) -> float:
    """Error with fresh real rows."""
    return float(E + (1 - W) ** (2 * t) * (1 - E))


def accumulate(t: int) -> float:
    """Error with all rows kept."""
    return sum(1 / i**2 for i in range(1, t + 2))


# Geometry of the golden rectangle: height SIDE, width phi SIDE, top at TOP.
SIDE, TOP, RIGHT = 212.0, 134.0, 1176.0
LEFT = RIGHT - PHI * SIDE
# the eye lies at this share of the width from the left, of the height from the top
EYE = 1 / (1 + PHI**2)
EYE_X, EYE_Y = LEFT + EYE * PHI * SIDE, TOP + EYE * SIDE
# pixels per unit of error, so that e = 1 is the top and e = 1/phi the eye
UNIT = EYE * SIDE / (1 - E)
X0, STEP, LAST = 32.0, 92.0, 7  # t = 0 at X0; fresh-real path drawn up to step LAST


def px(t: float) -> float:
    """Abscissa of a step."""
    return X0 + STEP * t


def py(error: float) -> float:
    """Ordinate of an error."""
    return TOP + (1 - error) * UNIT


def golden_squares(count: int) -> tuple[list[Square], list[float]]:
    """Cut squares off the rectangle: right, bottom, left, top, and again.

    Return them as (x, y, side, start of arc, end of arc), and the top edge that is left after
    0, 1, 2 ... whole turns.
    """
    x, y, w, h = LEFT, TOP, PHI * SIDE, SIDE
    squares, tops = [], [y]
    for i in range(count):
        s = min(w, h)
        side = i % 4
        if side == 0:  # the arc is a quarter circle from corner a to the opposite corner b
            qx, qy = x + w - s, y
            a, b = (qx + s, qy), (qx, qy + s)
            w -= s
        elif side == 1:
            qx, qy = x, y + h - s
            a, b = (qx + s, qy + s), (qx, qy)
            h -= s
        elif side == 2:
            qx, qy = x, y
            a, b = (qx, qy + s), (qx + s, qy)
            x, w = x + s, w - s
        else:
            qx, qy = x, y
            a, b = (qx, qy), (qx + s, qy + s)
            y, h = y + s, h - s
            tops.append(y)
        squares.append((qx, qy, s, a, b))
    return squares, tops


def points(pairs: list[Point]) -> str:
    """Write points as SVG does."""
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
    return textwrap.fill(text, 110, subsequent_indent="      ")


def dots(colour: str, pairs: list[Point]) -> str:
    """Draw dots."""
    return "".join(
        f'\n    <circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>' for x, y in pairs
    )


def label(x: float, y: float, width: int, fill: str, ink: str, text: str) -> str:
    """Draw a label."""
    return (
        f'  <rect x="{x - width / 2:.1f}" y="{y - 19:.1f}" width="{width}" height="38" rx="19" fill="{fill}"/>\n'
        f'  <text x="{x:.1f}" y="{y + 9:.1f}" fill="{ink}">{text}</text>\n'
    )


def draw() -> str:
    """Draw the banner."""
    squares, tops = golden_squares(12)
    for t, top in enumerate(tops):  # the claim of the docstring
        assert abs(py(fresh(t)) - top) < 1e-6, (t, py(fresh(t)), top)
    assert abs(E - W) < 1e-12 and abs(py(E) - EYE_Y) < 1e-9

    # each square: a tint that fades with the turn, an outline; then one spiral through all of them
    tile = '\n    <rect x="{0:.1f}" y="{1:.1f}" width="{2:.1f}" height="{2:.1f}" fill-opacity="{3:.3f}"/>'
    tiles = "".join(
        tile.format(x, y, s, 0.05 + 0.045 * i) for i, (x, y, s, _, _) in enumerate(squares)
    )
    spiral = f"M{squares[0][3][0]:.1f} {squares[0][3][1]:.1f}"
    for _, _, s, _, (bx, by) in squares:
        spiral += f"A{s:.1f} {s:.1f} 0 0 1 {bx:.1f} {by:.1f}"

    steps = range(LAST + 1)
    fine = [i / 8 for i in range(8 * LAST + 1)]
    path_fresh = points([(px(t), py(fresh(t))) for t in fine])
    heights = "".join(f"M{px(t) + 9:.1f} {py(fresh(t)):.1f}H{LEFT:.1f}" for t in (0, 1))
    leaves = TOP / UNIT  # the t at which t + 1 passes the upper edge of the banner
    acc = [(px(t), py(accumulate(t))) for t in steps]
    end, zero = px(LAST), py(0)
    area = f"{px(0):.1f},{zero:.1f} {path_fresh} {end:.1f},{zero:.1f}"
    ticks = f"M{px(0):.1f} {zero:.1f}H{end:.1f}" + "".join(
        f"M{px(t):.1f} {zero:.1f}v6" for t in steps
    )
    labels = (
        label(px(leaves) + 56, 25, 88, RED, "#ffffff", "t + 1")
        + label(end + 62, py(math.pi**2 / 6), 116, SLATE, "#ffffff", "→ π²/6")
        + label(end + 50, EYE_Y, 76, BLUE, "#ffffff", "1/φ")
    )
    return f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"
     aria-labelledby="cover-title cover-desc">
  <!-- made by scripts/cover.py; do not edit by hand -->
  <title id="cover-title">The golden weight: an error that settles at 1/φ</title>
  <desc id="cover-desc">Left: error paths of three training loops, all starting at 1. Fully synthetic training
    rises as t + 1 and leaves the picture within the first step; accumulating every data set rises towards pi
    squared over 6; fresh real data at the golden weight falls to 1 over phi. Right: a golden rectangle cut into
    squares with its spiral. The top edges of the rectangles left after 0, 1, 2 full turns lie at the heights of
    the error after 0, 1, 2 steps, and the eye of the spiral lies at 1 over phi.</desc>
  <style>
    text {{ font: italic 26px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
           text-anchor: middle }}
  </style>
  <g fill="{GOLD}" stroke="{GOLD_LINE}" stroke-width="1.2">{tiles}
  </g>
  <path d="{spiral}" fill="none" stroke="{GOLD_LINE}" stroke-width="3.5" stroke-linecap="round"/>
  <!-- heights e_0 and e_1 carried over to the rectangle; the limit 1/phi carried to the eye -->
  <path d="{heights}" fill="none" stroke="{GREY}" stroke-width="1" stroke-dasharray="2 6"/>
  <path d="M{px(LAST):.1f} {EYE_Y:.1f}H{EYE_X:.1f}" fill="none" stroke="{BLUE}" stroke-width="1.5"
        stroke-dasharray="2 6"/>
  <!-- the three error paths over the line of error 0, with a tick for every step -->
  <polygon points="{area}" fill="{BLUE}" fill-opacity="0.14"/>
  <path d="{ticks}" fill="none" stroke="{GREY}" stroke-width="1.5"/>
  <g fill="none" stroke-width="3" stroke-linecap="round">
    <path d="M{px(0):.1f} {py(1):.1f}L{px(leaves):.1f} 0" stroke="{RED}"/>
    <polyline points="{points(acc)}" stroke="{GREY}"/>
    <polyline points="{path_fresh}" stroke="{BLUE}"/>
  </g>
  <g>{dots(GREY, acc[1:])}{dots(BLUE, [(px(t), py(fresh(t))) for t in steps])}
  </g>
{labels}</svg>
'''


def card() -> bytes:
    """Draw the card, 1200 by 630 pixels, as a PNG."""
    banner = draw().split("</style>")[1].removesuffix("</svg>\n")
    fonts = "font-family: 'Liberation Sans', Arial, Helvetica, 'DejaVu Sans', sans-serif"
    svg = f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 630" width="{WIDTH}" height="630">
  <style>text {{ font: italic 26px 'DejaVu Sans', sans-serif; text-anchor: middle }}</style>
  <rect width="{WIDTH}" height="630" fill="#ffffff"/>
  <g style="{fonts}">
    <text x="36" y="104" style="{fonts}; font-size: 68px; font-weight: 700; font-style: normal; text-anchor: start"
          fill="#1b2a41">Golden Ratio Weighting</text>
    <text x="38" y="164" style="{fonts}; font-size: 32px; font-style: normal; text-anchor: start"
          fill="#4a5562">How to train on your own output without collapse:</text>
    <text x="38" y="208" style="{fonts}; font-size: 32px; font-style: normal; text-anchor: start"
          fill="#4a5562">proved, computed, and checked by simulation</text>
  </g>
  <g transform="translate(0 246)">{banner}</g>
</svg>'''
    return bytes(vl_convert.svg_to_png(svg))


def write(target: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    aside = target.with_name(f"{target.name}.new")
    aside.write_bytes(content)
    os.replace(aside, target)


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    write(root / "book" / "figures" / "cover.svg", draw().encode())
    write(root / "_static" / "social-card.png", card())
