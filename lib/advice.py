"""Which weight? Everything that follows from n and m, in one object.

`advice` is behind ``python -m lib weight`` and the calculator on the website. Its formulas are
written once, in `settings`, `shared` and `counted`: Python evaluates them on numbers, and
`lib.charts` on the names of JavaScript's variables.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from lib import _validate, weights

Of = Literal["mean", "frequencies", "variance"]
Library = Literal["numpy", "sklearn", "statsmodels", "torch"]

KINDS: tuple[Of, ...] = get_args(Of)

SETTLED = 0.01
"""The loop counts as settled when its error is within this share of the limit."""

_LEAST = {"mean": 1, "frequencies": 1, "variance": 2}


class Arithmetic(Protocol):
    """What the formulas use beside the four operations and powers."""

    def let(self, name: str, value: Any) -> Any:
        """Name a quantity, and return what stands for it from there on."""

    def log1p(self, x: Any) -> Any: ...
    def log(self, x: Any) -> Any: ...
    def ceil(self, x: Any) -> Any: ...
    def larger(self, x: Any, y: Any) -> Any: ...
    def choose(self, condition: Any, yes: Any, no: Any) -> Any: ...


def settings(of: Of, n: Any, m: Any) -> dict[str, Any]:
    """Say what the estimate does to the noise and to the old error.

    Parameters
    ----------
    of : {"mean", "frequencies", "variance"}
        What is estimated.
    n, m : number or expression
        Rows.

    Returns
    -------
    dict
        ``ratio``, the variance of a synthetic part over that of a real one; the factor r
        (``contraction``) and ``lost`` = 1 - r; ``centre``, the rows that an estimated centre
        costs.
    """
    if of == "variance":
        return {
            "ratio": (n - 1) / (m - 1),
            "contraction": (m + 1) / (m - 1),
            "lost": -2 / (m - 1),
            "centre": 1,
        }
    if of == "frequencies":
        return {"ratio": n / m, "contraction": 1 - 1 / m, "lost": 1 / m, "centre": 0}
    return {"ratio": n / m, "contraction": 1.0, "lost": 0.0, "centre": 0}


def shared(
    x: Arithmetic, k: Any, ratio: Any, contraction: Any, lost: Any, rho: Any, drift: Any
) -> None:
    """Name all quantities that need no numbers of rows: see `Advice`.

    Parameters
    ----------
    x : Arithmetic
    k, ratio, contraction, lost, rho, drift : number or expression
        Ratio n/m, what `settings` returns, overdispersion, and drift.
    """
    # to the estimate, what moves the truth and what blurs the synthetic rows are the same
    noise = x.let("noise_ratio", ratio / rho + drift)
    s = x.let("depth", weights._optimal_depth(noise, contraction, lost))
    w, rest = x.let("w", weights._weight_at(s)), x.let("rest", weights._rest_at(s))
    naive = x.let("naive_weight", weights._naive_weight(k))
    x.let("break_even_weight", x.larger(0.0, weights._break_even_weight(noise, lost)))

    x.let("synthetic_sample_weight", k * rest / w)
    x.let("mean_one_real", w * (k + 1) / k)
    x.let("mean_one_synthetic", rest * (k + 1))

    error = x.let("error", w)  # at the optimum the error is the weight, whatever r is
    mixed = x.let("naive_error", weights._forgetful_error_ratio(naive, noise, lost))
    x.let("gain_over_naive", mixed / error)
    x.let("gain_over_real", 1 / error)

    # c = r (1-w)^2; from the start, real rows alone, e_t / E = 1 + c^t (1-w) / w
    decay = x.let("decay", 4 * x.log1p(s / 2) - x.log1p(-lost))
    x.let("half_life", math.log(2) / decay)
    after = x.ceil(x.log(rest / (w * SETTLED)) / decay)
    x.let("settled", x.choose(rest > w * SETTLED, x.larger(1, after), 0))


def counted(x: Arithmetic, n: Any, m: Any, w: Any, rest: Any, centre: Any) -> None:
    """Name the quantities that need n and m: see `Advice`.

    Parameters
    ----------
    x : Arithmetic
    n, m, w, rest, centre : number or expression
        Rows, the weight, 1 - w, and what `settings` returns.
    """
    x.let("real_row_weight", w / n)
    x.let("synthetic_row_weight", rest / m)
    x.let("effective_rows", centre + (n - centre) / w)


class _Numbers:
    """Arithmetic of floats, which keeps what is named."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def let(self, name: str, value: Any) -> Any:
        self.named[name] = value
        return value

    def log1p(self, x: float) -> float:
        with np.errstate(divide="ignore"):  # r = 0: nothing of the old error is kept
            return float(np.log1p(x))

    def log(self, x: float) -> float:
        return math.log(x)

    def ceil(self, x: float) -> int:
        return math.ceil(x)

    def larger(self, x: float, y: float) -> float:
        return max(x, y)

    def choose(self, condition: bool, yes: Any, no: Any) -> Any:
        return yes if condition else no


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The weight for n real and m synthetic rows, and what it does; see `advice`.

    Errors are expected squared errors in the long run, in units of the real rows alone. Fields
    that need n and m are None if only k was given.

    Attributes
    ----------
    n, m : int or None
        Fresh real rows and synthetic rows of a generation.
    k : float
        Ratio n/m.
    rho : float
        How many times the variance of the model the real rows have.
    drift : float
        How far the truth moves in a generation: the variance of its step, in the unit of all
        errors here.
    of : {"mean", "frequencies", "variance"}
        What is estimated.
    contraction : float
        The factor r: one generation keeps the share r (1-w)^2 of the old error.
    noise_ratio : float
        Variance of the synthetic part of the estimate over that of the real part: k / rho plus
        the drift, or for a variance (n-1) / (m-1) / rho.
    w : float
        The weight that all real rows share.
    naive_weight : float
        Their share if all rows count the same, n / (n+m).
    break_even_weight : float
        Above this weight synthetic rows help.
    real_row_weight, synthetic_row_weight : float or None
        Of one row: w/n and (1-w)/m.
    synthetic_sample_weight : float
        Of a synthetic row if a real one weighs 1. For a mean that stands still it is rho w.
    mean_one_real, mean_one_synthetic : float
        The same weights, scaled so that all n + m rows weigh 1 on average.
    error, naive_error : float
        Of this weight, where it equals the weight, and of the naive one.
    gain_over_naive, gain_over_real : float
        How many times as large the error of naive mixing is, and that of the real rows alone.
    effective_rows : float or None
        Real rows alone that would be as good; with rho other than 1 to first order, since rho
        itself may depend a little on their number.
    half_life : float
        Generations in which the distance to the long run halves, not rounded.
    settled : int
        Generations until the error is within 1 % of its limit, from real rows alone on.
    """

    n: int | None
    m: int | None
    k: float
    rho: float
    drift: float
    of: Of
    contraction: float
    noise_ratio: float
    w: float
    naive_weight: float
    break_even_weight: float
    real_row_weight: float | None
    synthetic_row_weight: float | None
    synthetic_sample_weight: float
    mean_one_real: float
    mean_one_synthetic: float
    error: float
    naive_error: float
    gain_over_naive: float
    gain_over_real: float
    effective_rows: float | None
    half_life: float
    settled: int

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, by name.

        Returns
        -------
        dict
        """
        return dataclasses.asdict(self)

    def report(self) -> str:
        """Say it in plain text.

        Returns
        -------
        str
            A few lines.
        """
        return _report(self)

    def lines(self, library: Library) -> str:
        """Return Python lines that put the weight into effect.

        They expect the real and the synthetic rows under the names real and synthetic, or X_real,
        y_real, X_synthetic and y_synthetic.

        Parameters
        ----------
        library : {"numpy", "sklearn", "statsmodels", "torch"}
            Frequencies and variances need NumPy only.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If there are no lines for the library.

        Examples
        --------
        >>> from lib import advice
        >>> print(advice(20, 20, of="variance").lines("numpy"))
        import numpy as np
        <BLANKLINE>
        # n = 20, m = 20: weight 0.628966349814 on the real variance
        estimate = (
            0.628966349814 * np.var(real, ddof=1)
            + 0.371033650186 * np.var(synthetic, ddof=1)
        )
        """
        offered = TEMPLATES[self.of]
        if library not in offered:
            allowed = f"one of {', '.join(offered)} for `of` = {self.of!r}"
            raise _validate.fail("library", allowed, library)
        values = {name: f"{getattr(self, name):.12g}" for name in FILLED}
        values["rest"] = f"{_rest(self):.12g}"
        values["setting"] = _setting(self)
        values["worth"] = _worth(self)
        return fill(offered[library], values)


def advice(
    n: int | None = None,
    m: int | None = None,
    *,
    k: float | None = None,
    rho: float = 1.0,
    drift: float = 0.0,
    of: Of = "mean",
) -> Advice:
    r"""Answer "which weight for my n and m?".

    Parameters
    ----------
    n, m : int, optional
        Fresh real rows and synthetic rows of a generation.
    k : float, optional
        Their ratio n/m, if only that is known; then `of` must be "mean".
    rho : float, optional
        How many times the variance that the model states the real rows have, 1 if the model is
        right: `lib.misspecification_ratio` estimates it for a regression. For frequencies it is
        the design effect of a sample in clusters, for a variance ``1 + excess (n-1) / (2n)``
        with the excess kurtosis of the real rows.
    drift : float, optional
        Variance q of the step that the truth takes from one generation to the next, in units of
        the error of the n real rows alone: `lib.drift.estimate_drift` estimates it. Above 0 only
        for a mean.
    of : {"mean", "frequencies", "variance"}, optional
        What is estimated, which decides what is kept of the old error:

        * "mean": r = 1. Exact for a mean and for linear regression with a fixed design, asymptotic
          for every other likelihood.
        * "frequencies", or a distribution function: r = 1 - 1/m, exact.
        * "variance" of one normal column, each part with divisor rows - 1: r = (m+1)/(m-1), and
          the noise ratio is (n-1)/(m-1) instead of k; exact.

    Returns
    -------
    Advice

    Raises
    ------
    ValueError
        If neither n and m nor k is given, or both; if a number is out of range; if a variance is
        asked for a single row; or if the truth moves and it is not a mean.

    Notes
    -----
    With rho, one generation adds the noise :math:`\rho w^2 + k(1-w)^2` in units of n rows of the
    model. Divided by rho, which is the unit of this book's "real rows alone = 1", that is the
    noise of a right model with k / rho in place of k. In units of n rows of the model the error
    is ``rho`` times the one given here. A truth that moves adds :math:`q(1-w)^2`, and so acts as
    k / rho + q in place of k / rho.

    Examples
    --------
    >>> from lib import advice
    >>> best = advice(1000, 5000)
    >>> round(best.w, 4), round(best.naive_error, 4)
    (0.3583, 0.5455)
    >>> round(best.effective_rows)
    2791
    >>> round(advice(k=1).w, 4)
    0.618
    """
    if of not in KINDS:
        raise _validate.fail("of", f"one of {', '.join(map(repr, KINDS))}", of)
    spread = _validate.single("rho", rho)
    moves = _validate.single("drift", drift, _validate.nonnegative)
    if moves and of != "mean":
        raise _validate.fail("drift", f"0 for `of` = {of!r}: only a mean may move", drift)
    if k is None:
        if n is None or m is None:
            missing = "n" if n is None else "m"
            raise _validate.fail(missing, "given together with the other, or `k` alone", None)
        n, m = _validate.integer("n", n), _validate.integer("m", m)
        enough_rows("n", n, of)
        enough_rows("m", m, of)
        k = n / m
    else:
        for name, value in (("n", n), ("m", m)):
            if value is not None:
                raise _validate.fail(name, "left out if `k` is given", value)
        if of != "mean":
            raise _validate.fail("of", "'mean' if only `k` is given: the others need m", of)
        k = _validate.single("k", k)

    x = _Numbers()
    setting = settings(of, n, m) if n is not None else settings(of, k, 1.0)
    centre = setting.pop("centre")
    if not 0 < setting["ratio"] / spread < math.inf:
        raise _validate.fail("rho", "such that k / rho is a positive finite number", rho)
    if setting["ratio"] / spread + moves == math.inf:
        raise _validate.fail("drift", "such that k / rho + q is a finite number", drift)
    shared(x, k, rho=spread, drift=moves, **setting)
    if n is not None and m is not None:
        counted(x, n, m, x.named["w"], x.named["rest"], centre)
    found: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(Advice))
    given = {"n": n, "m": m, "k": k, "rho": spread, "drift": moves, "of": of}
    given |= setting | x.named
    found.update((name, value) for name, value in given.items() if name in found)
    return Advice(**found)


def enough_rows(name: str, rows: int, of: Of) -> None:
    """Refuse too few rows for what is estimated.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    rows : int
    of : {"mean", "frequencies", "variance"}

    Raises
    ------
    ValueError
        If it is a variance of one row.
    """
    if rows < _LEAST[of]:
        why = "at least 2 for a variance, because one row has none (its divisor is rows - 1)"
        raise _validate.fail(name, why, rows)


def _rest(one: Advice) -> float:
    """Return 1 - w, with all its digits."""
    return one.mean_one_synthetic / (one.k + 1)


def _setting(one: Advice) -> str:
    return f"k = {one.k:.12g}" if one.n is None else f"n = {one.n}, m = {one.m}"


def _worth(one: Advice) -> str:
    """Say which real rows alone would be as good."""
    if one.effective_rows is None:
        return f"{one.gain_over_real:.4g} times your real rows"
    return f"{one.effective_rows:.6g} real rows"


def _shown(x: float) -> str:
    """Show six decimals, or six digits of a small number."""
    return f"{x:.6f}" if x >= 1e-3 or x == 0 else f"{x:.6g}"


_OF = {
    "frequencies": (
        "estimated: frequencies or",
        "  a distribution function,",
        "  r = 1 - 1/m = {r:.6g}",
    ),
    "variance": ("estimated: a variance,", "  r = (m+1)/(m-1) = {r:.6g}"),
}


def _count(count: int | str, noun: str) -> str:
    return f"{count} {noun}" if str(count) == "1" else f"{count} {noun}s"


def _report(one: Advice) -> str:
    """Say it in lines of at most 40 characters, which a phone shows whole."""
    lines = [f"k = n/m = {one.k:.6g}"]
    if one.n is not None and one.m is not None:
        lines = [
            f"n = {_count(one.n, 'real row')}",
            f"m = {_count(one.m, 'synthetic row')}",
            *lines,
        ]
    lines += [line.format(r=one.contraction) for line in _OF.get(one.of, ())]
    if one.rho != 1:
        lines += [f"real rows vary rho = {one.rho:.6g} times", "  as much as the model says"]
    if one.drift:
        lines += ["the truth moves by a step", f"  of variance q = {one.drift:.6g}"]
    lines += [
        "",
        f"weight w of all real rows = {_shown(one.w)}",
        f"  with naive mixing       = {_shown(one.naive_weight)}",
    ]
    if one.real_row_weight is not None:
        lines += [
            f"weight of each real row   = {one.real_row_weight:.6g}",
            f"weight of each synthetic  = {one.synthetic_row_weight:.6g}",
        ]
    if one.of == "variance":
        lines += ["the estimate: w S + (1-w) S', two", "  variances, each with divisor rows - 1"]
    else:
        lines += [
            "as sample_weight: 1 for a real row,",
            f"  {_shown(one.synthetic_sample_weight)} for a synthetic row",
            f"with mean one: {one.mean_one_real:.6g} and {one.mean_one_synthetic:.6g}",
        ]
    if one.effective_rows is None:
        good = f"{one.gain_over_real:.4g} times the real rows"
    else:
        good = _count(f"{one.effective_rows:.0f}", "real row")
    gain = one.gain_over_naive
    more = f"{gain - 1:.1%} more" if gain < 10 else f"{gain:.6g} times as much"
    half = f"{one.half_life:.2f}"
    half = "at once" if half == "0.00" else f"in {half} generations"
    if one.settled == 0:
        close = "from the start"
    else:
        ahead = f"{one.settled}" if one.settled < 10**6 else f"{float(one.settled):.3g}"
        close = f"after {_count(ahead, 'generation')}"
    return "\n".join(
        [
            *lines,
            "",
            "expected error in the long run",
            "(real rows alone = 1)",
            f"  this weight   {_shown(one.error)}",
            f"    as good as {good}",
            f"  naive mixing  {_shown(one.naive_error)}",
            f"    {more}",
            "synthetic rows help above",
            f"  the weight {_shown(one.break_even_weight)}",
            f"half of the way {half}",
            f"within {SETTLED:.0%} {close}",
        ]
    )


# --- lines to copy -------------------------------------------------------------------------------

FILLED = ("w", "rho", "synthetic_sample_weight", "mean_one_real", "mean_one_synthetic")
"""The fields that stand in the lines, with 12 digits."""

_WEIGHTS = """\
# {setting}: real rows share the weight {w}
rows = [len(y_real), len(y_synthetic)]
sample_weight = np.repeat([1, {synthetic_sample_weight}], rows)
X = np.concatenate([X_real, X_synthetic])
y = np.concatenate([y_real, y_synthetic])
"""

TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "mean": {
        "numpy": """\
import numpy as np

# {setting}: real rows share the weight {w}
rows = [len(real), len(synthetic)]
sample_weight = np.repeat([1, {synthetic_sample_weight}], rows)
both = np.concatenate([real, synthetic])
estimate = np.average(both, axis=0, weights=sample_weight)
""",
        "sklearn": f"""\
import numpy as np
from sklearn.linear_model import LogisticRegression

{_WEIGHTS}
# C=np.inf: no penalty. The scale of the weights matters to a
# penalty: with this one it acts as on {{worth}}.
model = LogisticRegression(C=np.inf, max_iter=1000)
model.fit(X, y, sample_weight=sample_weight)
""",
        "statsmodels": f"""\
import numpy as np
import statsmodels.api as sm

{_WEIGHTS}
# freq_weights, because their sum is taken for the number of rows,
# and it is what the fit is worth: {{worth}}.
# var_weights give the same coefficients, but count every row as a
# new one: the standard errors of a linear model are too small then.
counts = sm.GLM(
    y, X, family=sm.families.Poisson(), freq_weights=sample_weight
).fit(scale={{rho}})

# least squares: coefficients only, as WLS weights are var_weights
line = sm.WLS(y, X, weights=sample_weight).fit().params
""",
        "torch": """\
import torch
from torch.utils.data import DataLoader, TensorDataset

# {setting}: real rows share the weight {w}.
# Weights with mean one: then the plain mean over a mini-batch is an
# unbiased estimate (divided by weight.sum() it would not be).
real = torch.full((len(y_real),), {mean_one_real})
synthetic = torch.full((len(y_synthetic),), {mean_one_synthetic})
data = TensorDataset(
    torch.cat([X_real, X_synthetic]),
    torch.cat([y_real, y_synthetic]),
    torch.cat([real, synthetic]),
)
loss_of_row = torch.nn.BCEWithLogitsLoss(reduction="none")
for epoch in range(epochs):
    for X, y, weight in DataLoader(data, batch_size=256, shuffle=True):
        loss = (weight * loss_of_row(model(X).squeeze(-1), y)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
    },
    "frequencies": {
        "numpy": """\
import numpy as np

# {setting}: real rows share the weight {w}.
# Rows are the numbers of their categories: 0, 1, 2, ...
rows = [len(real), len(synthetic)]
sample_weight = np.repeat([1, {synthetic_sample_weight}], rows)
both = np.concatenate([real, synthetic])
frequencies = np.bincount(both, weights=sample_weight)
frequencies /= sample_weight.sum()
# the distribution function of numbers at x would be
# np.average(both <= x, weights=sample_weight)
""",
    },
    "variance": {
        "numpy": """\
import numpy as np

# {setting}: weight {w} on the real variance
estimate = (
    {w} * np.var(real, ddof=1)
    + {rest} * np.var(synthetic, ddof=1)
)
""",
    },
}
"""Lines for each kind of estimate and library, with the names of what is filled in in braces."""


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into a template.

    Parameters
    ----------
    template : str
        See `TEMPLATES`.
    values : mapping of str to str

    Returns
    -------
    str
        Without a newline at its end.
    """
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], template).rstrip("\n")
