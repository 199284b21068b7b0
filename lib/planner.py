r"""What a synthetic row is worth, and how many rows of each kind to buy.

In the long run n fresh real rows and m synthetic ones, with the best weight, are as good as

.. math:: N(n, m) = \frac{n}{w^*(n/m)} = \frac{n + \sqrt{n(n + 4m)}}{2}

real rows alone. Everything here follows from this function, which is concave: see the chapter
*What is a synthetic row worth?*
"""

from __future__ import annotations

import dataclasses
import math
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib.weights import _optimal_weight, _plain

MOST_ROWS = 10**12
"""Beyond so many rows of a kind their costs cannot be told apart from a row more or less."""

SLACK = 1e-9
"""Costs are compared within this share of a row, so that 0.1 + 0.2 buys what 0.3 does."""

ROUNDING = 1e-15
"""And within this share of the budget: among millions of rows, rounding costs more than `SLACK`."""


def _effective_rows(n: Any, m: Any) -> Any:
    return (n + (n * (n + 4 * m)) ** 0.5) / 2


def _marginal_worth(w: Any) -> Any:
    return w / (2 - w)


def _ratio_for(w: Any) -> Any:
    return w * w / (1 - w)


def _design_error(w: Any, c: Any) -> Any:
    # of the design whose best weight is w; smallest at w = sqrt(c)
    return w + c / w - c


def _naive_design_error(k: Any, c: Any) -> Any:
    return (k + 1) * (k + c) / (k * (k + 2))


def _naive_ratio(c: Any) -> Any:
    return (c + (c * (2 - c)) ** 0.5) / (1 - c)


def _best_real(budget: Any, real_cost: Any, c: Any) -> Any:
    return budget / (real_cost * (2 - c**0.5))


def effective_rows(n: ArrayLike, m: ArrayLike) -> Any:
    r"""Real rows alone that are as good, in the long run and with the best weight.

    .. math:: N(n, m) = \frac{n + \sqrt{n(n+4m)}}{2}

    Parameters
    ----------
    n : array_like
        Fresh real rows of a generation, positive. Arguments broadcast.
    m : array_like
        Synthetic rows of a generation, at least 0.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.planner import effective_rows
    >>> round(effective_rows(1000, 1000), 1)
    1618.0
    >>> effective_rows(1000, [0, 2000]).tolist()
    [1000.0, 2000.0]
    """
    n_, m_ = _validate.positive("n", n), _validate.nonnegative("m", m)
    return _plain(_effective_rows(n_, m_))


def average_worth(k: ArrayLike) -> Any:
    r"""Real rows that a synthetic row is worth on average: :math:`(N - n)/m = w^*(k)`.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If `k` is not finite and positive.

    Examples
    --------
    >>> from lib.planner import average_worth
    >>> round(average_worth(1), 3)
    0.618
    """
    return _plain(_optimal_weight(_validate.positive("k", k)))


def marginal_worth(k: ArrayLike) -> Any:
    r"""Real rows that one more synthetic row is worth: :math:`\partial N/\partial m = w^*/(2-w^*)`.

    Parameters
    ----------
    k : array_like
        Ratio n/m of real to synthetic rows, positive.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If `k` is not finite and positive.

    Examples
    --------
    >>> from lib.planner import marginal_worth
    >>> round(marginal_worth(1), 3)
    0.447
    """
    return _plain(_marginal_worth(_optimal_weight(_validate.positive("k", k))))


def ratio_for(w: ArrayLike) -> Any:
    r"""Ratio n/m at which w is the best weight: :math:`k = w^2/(1-w)`.

    Parameters
    ----------
    w : array_like
        A weight strictly between 0 and 1. It is also the error there, real rows alone = 1.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If a weight is not strictly between 0 and 1.

    Examples
    --------
    >>> from lib.planner import ratio_for
    >>> ratio_for(0.5)
    0.5
    """
    return _plain(_ratio_for(_open("w", w)))


def design_error(w: ArrayLike, c: ArrayLike) -> Any:
    r"""Error that a fixed budget buys, real rows alone = 1: :math:`w + c/w - c`.

    The budget buys n and m in the ratio at which w is the best weight. The error is smallest at
    :math:`w = \sqrt c`, where it is :math:`2\sqrt c - c`.

    Parameters
    ----------
    w : array_like
        Strictly between 0 and 1. Arguments broadcast.
    c : array_like
        Cost of a synthetic row over that of a real one, at least 0.

    Returns
    -------
    float or ndarray
        In units of the error of the real rows that the whole budget would buy.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.planner import design_error
    >>> design_error(0.5, 0.25)
    0.75
    """
    return _plain(_design_error(_open("w", w), _validate.nonnegative("c", c)))


def naive_design_error(k: ArrayLike, c: ArrayLike) -> Any:
    r"""Error that a fixed budget buys if all rows count the same, real rows alone = 1.

    .. math:: \frac{(k+1)(k+c)}{k(k+2)}

    It is below 1 exactly if k > c/(1 - c), and smallest at `naive_ratio`.

    Parameters
    ----------
    k : array_like
        Ratio n/m of the rows that are bought, positive. Arguments broadcast.
    c : array_like
        Cost of a synthetic row over that of a real one, at least 0.

    Returns
    -------
    float or ndarray
        In units of the error of the real rows that the whole budget would buy.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.planner import naive_design_error
    >>> round(naive_design_error(1, 0.2), 12)
    0.8
    """
    k_, c_ = _validate.positive("k", k), _validate.nonnegative("c", c)
    return _plain(_naive_design_error(k_, c_))


def naive_ratio(c: ArrayLike) -> Any:
    r"""Ratio n/m that is best to buy if all rows count the same.

    .. math:: k = \frac{c + \sqrt{c(2-c)}}{1-c}

    There the error is :math:`(1 + \sqrt{c(2-c)})/2` times that of real rows alone.

    Parameters
    ----------
    c : array_like
        Cost of a synthetic row over that of a real one, strictly between 0 and 1.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If a ratio of costs is not strictly between 0 and 1.

    Examples
    --------
    >>> from lib.planner import naive_ratio
    >>> round(naive_ratio(0.2), 12)
    1.0
    """
    return _plain(_naive_ratio(_open("c", c)))


def _open(name: str, value: ArrayLike) -> Any:
    allowed = "strictly between 0 and 1"
    array = _validate.finite(name, value, allowed)
    if ((array <= 0) | (array >= 1)).any():
        raise _validate.fail(name, allowed, value)
    return array


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many rows of each kind to buy at every generation; see `plan`.

    Attributes
    ----------
    budget, real_cost, synthetic_cost : float
        In the same money.
    most_synthetic : int or None
        More synthetic rows than this cannot be had.
    n, m : int
        Real and synthetic rows to buy.
    k : float
        n/m, ``inf`` without synthetic rows.
    w : float
        Best weight of all real rows.
    sample_weight : float
        Weight of a synthetic row if a real one weighs 1.
    spent : float
        What they cost.
    effective_rows : float
        Real rows alone that are as good, in the long run.
    error : float
        Expected squared error in the long run, in units of the variance of one row: one over the
        effective rows.
    real_only : int
        Real rows that the whole budget buys.
    gain : float
        How many times as large the error of these is.
    ideal_n, ideal_m, ideal_w, ideal_error : float
        The same if rows could be divided, and without `most_synthetic`.
    why : str
        What decided.
    """

    budget: float
    real_cost: float
    synthetic_cost: float
    most_synthetic: int | None
    n: int
    m: int
    k: float
    w: float
    sample_weight: float
    spent: float
    effective_rows: float
    error: float
    real_only: int
    gain: float
    ideal_n: float
    ideal_m: float
    ideal_w: float
    ideal_error: float
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, by name, with None for what is infinite: JSON has no infinity.

        Returns
        -------
        dict
        """
        fields = dataclasses.asdict(self)
        return {name: None if value == math.inf else value for name, value in fields.items()}

    def report(self) -> str:
        """Say it in plain text.

        Returns
        -------
        str
            Lines of at most 40 characters, which a phone shows whole.
        """
        lines = [
            f"budget {self.budget:.6g} a generation",
            f"a real row costs {self.real_cost:.6g}",
            f"a synthetic row  {self.synthetic_cost:.6g}",
            "",
            f"buy n = {self.n} real rows",
            f"and m = {self.m} synthetic rows",
            f"for {self.spent:.6g}",
        ]
        if self.m:
            lines += [
                f"weight w of all real rows = {self.w:.6f}",
                "as sample_weight: 1 for a real row,",
                f"  {self.sample_weight:.6g} for a synthetic row",
            ]
        lines += [
            "",
            f"in the long run as good as {self.effective_rows:.6g}",
            *textwrap.wrap(
                f"real rows; the budget buys {self.real_only}",
                40,
                initial_indent="  ",
                subsequent_indent="  ",
            ),
            f"  error {1 / self.gain:.6f} (theirs = 1)",
            *textwrap.wrap(self.why, 40),
        ]
        return "\n".join(lines)


WHY = {
    "never": "A synthetic row costs at least as much as a real one, and even the first is worth no "
    "more.",
    "rule": "Best weight: the square root of the cost ratio, as near as whole rows come.",
    "capped": "More synthetic rows would pay, but cannot be had.",
    "small": "No synthetic row gains enough here to give up a whole real one for it.",
}
"""What decides, by name."""


def plan(
    budget: float,
    *,
    real_cost: float = 1.0,
    synthetic_cost: float,
    most_synthetic: int | None = None,
) -> Plan:
    r"""Buy real and synthetic rows for a budget, so that the error is smallest in the long run.

    Of all whole numbers n and m that the budget pays for, those with the most effective rows. If
    rows could be divided, these would be n = B / (a (2 - sqrt c)) and m = n/k with
    k = c / (1 - sqrt c), for a budget B, the cost a of a real row and c = synthetic over real cost;
    the best weight is then sqrt c, and the error 2 sqrt c - c times that of real rows alone. Exact
    for a mean and for linear regression on a fixed design.

    Parameters
    ----------
    budget : float
        Money for each generation, positive.
    real_cost : float, optional
        Cost of a real row, positive.
    synthetic_cost : float
        Cost of a synthetic row, at least 0.
    most_synthetic : int, optional
        The most synthetic rows that can be had, needed if they cost nothing.

    Returns
    -------
    Plan
        Without synthetic rows if these cost as much as real ones, or more.

    Raises
    ------
    ValueError
        If a cost is negative, the budget does not pay for a real row, it pays for more than 10^12
        rows of a kind, or synthetic rows cost nothing and there is no limit to them.

    Notes
    -----
    With real numbers of rows, the effective rows along the budget line are a concave function of
    n. So only the whole numbers need be tried at which this function is above the best value found
    so far: an interval of about sqrt(n) numbers.

    Examples
    --------
    >>> from lib.planner import plan
    >>> best = plan(1000, real_cost=1, synthetic_cost=0.25)
    >>> best.n, best.m, round(best.w, 4), round(best.effective_rows)
    (667, 1332, 0.5003, 1333)
    >>> plan(1000, real_cost=1, synthetic_cost=2).m
    0
    """
    money = _validate.single("budget", budget)
    a = _validate.single("real_cost", real_cost)
    b = _validate.single("synthetic_cost", synthetic_cost, _validate.nonnegative)
    cap = None if most_synthetic is None else _validate.integer("most_synthetic", most_synthetic, 0)
    if money / a > MOST_ROWS:
        raise _validate.fail(
            "budget", f"at most {MOST_ROWS:g} times the cost of a real row", budget
        )
    if cap is None and b == 0:
        allowed = "given if synthetic rows cost nothing: more of them are always better"
        raise _validate.fail("most_synthetic", allowed, None)
    if b > 0 and money / b > MOST_ROWS and (cap is None or cap > MOST_ROWS):
        allowed = f"at least {1 / MOST_ROWS:g} of the budget, or `most_synthetic` given"
        raise _validate.fail("synthetic_cost", allowed, synthetic_cost)
    alone = math.floor(money / a + _slack(money / a))
    if alone < 1:
        raise _validate.fail("budget", f"enough for a real row, which costs {a:g}", budget)

    c = b / a
    if c >= 1:
        ideal = (money / a, 0.0, 1.0, 1.0)
        n, m = alone, 0
    else:
        root = c**0.5
        best = _best_real(money, a, c)
        ideal = (best, best * (1 - root) / c if c else math.inf, root, 2 * root - c)
        n, m = _search(money, a, b, cap, alone, best)
    rows = float(_effective_rows(float(n), float(m)))
    if c >= 1:
        why = WHY["never"]
    elif cap is not None and _more_would_pay(money, a, b, cap, alone, ideal, rows):
        why = WHY["capped"]
    else:
        why = WHY["rule" if m else "small"]
    w = n / rows
    return Plan(
        budget=money,
        real_cost=a,
        synthetic_cost=b,
        most_synthetic=cap,
        n=n,
        m=m,
        k=n / m if m else math.inf,
        w=w,
        # k (1 - w)/w, which at the best weight is w
        sample_weight=w if m else 0.0,
        spent=n * a + m * b,
        effective_rows=rows,
        error=1 / rows,
        real_only=alone,
        gain=rows / alone,
        ideal_n=ideal[0],
        ideal_m=ideal[1],
        ideal_w=ideal[2],
        ideal_error=ideal[3],
        why=why,
    )


def _more_would_pay(
    money: float,
    a: float,
    b: float,
    cap: int,
    alone: int,
    ideal: tuple[float, ...],
    rows: float,
) -> bool:
    """Tell whether more synthetic rows than `cap` would make more effective rows."""
    if ideal[1] > MOST_ROWS:
        return True
    n, m = _search(money, a, b, None, alone, ideal[0])
    return m > cap and float(_effective_rows(float(n), float(m))) > rows


def _slack(most: float) -> float:
    """Return by how much of a row costs may be wrong, where the budget buys `most` rows."""
    return max(SLACK, ROUNDING * most)


def _search(
    money: float, a: float, b: float, cap: int | None, alone: int, best: float
) -> tuple[int, int]:
    """Return the best whole numbers of rows."""
    slack = _slack(money / b) if b else math.inf

    def affordable(n: Any, slack: float) -> Any:
        """Synthetic rows beside n real ones, not rounded."""
        with np.errstate(over="ignore"):
            paid = slack + (np.maximum(money - n * a, 0.0) / b if b else 0.0)
        return paid if cap is None else np.minimum(paid, cap)

    def relaxed(n: Any) -> Any:
        return _effective_rows(n, affordable(n, 2 * slack))

    def rounded(n: Any) -> Any:
        return np.floor(affordable(n, slack))

    def whole(n: Any) -> Any:
        return _effective_rows(n, rounded(n))

    # where the synthetic rows that can be had are fewer than one would buy, the rest is real
    peak = best if cap is None else max(best, (money - cap * b) / a)
    start = min(max(round(peak), 1), alone)
    near = np.arange(max(1, start - 2), min(alone, start + 2) + 1, dtype=float)
    values = whole(near)
    inside, least = int(near[np.argmax(values)]), values.max()
    low, high = (_edge(relaxed, least, inside, outer) for outer in (1, alone))
    n = np.arange(low, high + 1, dtype=float)
    bought = float(n[np.argmax(whole(n))])
    return int(bought), int(rounded(bought))


def _edge(function: Any, least: float, inside: int, outer: int) -> int:
    """Return the last number towards `outer` at which a concave function is at least `least`."""
    sign = 1 if outer > inside else -1
    if function(float(outer)) >= least:
        return outer
    near, far = 0, abs(outer - inside)  # steps from inside: the first is enough, the second not
    while far - near > 1:
        middle = (near + far) // 2
        if function(float(inside + sign * middle)) >= least:
            near = middle
        else:
            far = middle
    return inside + sign * near


def least_budget(rows: float, *, real_cost: float = 1.0, synthetic_cost: float) -> float:
    r"""Money that buys so many effective rows, if rows could be divided.

    .. math:: N a (2\sqrt c - c)

    with the cost a of a real row and c = synthetic over real cost; for c of at least 1 it is N a.
    Synthetic rows that cost nothing make it 0: with enough of them, any sum of money will do.

    Parameters
    ----------
    rows : float
        Effective rows, positive.
    real_cost, synthetic_cost : float
        As for `plan`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.planner import least_budget
    >>> least_budget(1000, synthetic_cost=0.25)
    750.0
    """
    a = _validate.single("real_cost", real_cost)
    c = _validate.single("synthetic_cost", synthetic_cost, _validate.nonnegative) / a
    share = 1.0 if c >= 1 else 2 * c**0.5 - c
    return _validate.single("rows", rows) * a * share
