r"""The best weight of each generation, also when the numbers of rows change.

In units of one row's variance let V be the error of the last model. Synthetic rows add 1/m to it,
a truth that moves adds its step, and then the fresh rows, with the error 1/n, are averaged in:

.. math:: V_t = \frac{w_t^2}{n_t} + (1-w_t)^2 \Bigl(V_{t-1} + \frac{1}{m_t}\Bigr)

The best w_t balances the two, and makes :math:`V_t = w_t / n_t`. In rows, N = 1/V, that is
:math:`N_t = n_t + N_{t-1} m_t / (N_{t-1} + m_t)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lib import _validate
from lib._validate import Array
from lib.weights import _optimal_depth, _plain, _rest_at, _weight_at


def _best_step(error: Any, k: Any) -> Any:
    # the best weight after a model with this error, which is also the error that it leads to
    return (error + k) / (1 + error + k)


def _rows_after(before: Any, n: Any, m: Any) -> Any:
    # effective rows of the next model; before = rows that the last one is still worth
    return n + _sample_weight(before, m) * m


def _sample_weight(before: Any, m: Any) -> Any:
    # of a synthetic row beside a real one, and what it is worth: n (1-w) / (m w)
    return before / (before + m)


def _naive_rows(before: Any, n: Any, m: Any) -> Any:
    # effective rows of the next model if all rows of a generation count the same
    return (n + m) * (n + m) / (n + m + m * m / before)


def _rows_before(rows: Any, drift: Any) -> Any:
    # what a model is worth once the truth has moved
    return rows / (1 + rows * drift)


def _adaptive_error(t: Any, k: Any, start: Any = 1.0) -> Any:
    s = _optimal_depth(k, 1.0, 0.0)
    w, u = _weight_at(s), _rest_at(s)
    # e -> (e + k) / (1 + e + k) has the fixed points w and -(w + k), and the multiplier u^2
    apart = (start - w) / (start + w + k) * (u * u) ** t
    return (w + apart * (w + k)) / (1 - apart)


def _constant_loss(t: Any, k: Any) -> Any:
    u = _rest_at(_optimal_depth(k, 1.0, 0.0))
    power = (u * u) ** t
    return u * u * u * power * (1 - power) / (1 - u * u * power)


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """The best weight of each generation, and what it leads to; see `schedule`.

    Attributes
    ----------
    n : ndarray, shape (generations + 1,)
        Fresh real rows at t = 0, 1, ....
    m : ndarray, shape (generations,)
        Synthetic rows at t = 1, 2, ....
    rho, drift : float
        Overdispersion of the real rows, and variance of the truth's step in units of one row's.
    weights : ndarray, shape (generations,)
        The weight of all real rows of generation 1, 2, ....
    errors : ndarray, shape (generations + 1,)
        Expected squared error at t = 0, 1, ..., in units of the variance of one synthetic row.
    """

    n: Array
    m: Array
    rho: float
    drift: float
    weights: Array
    errors: Array

    @property
    def effective_rows(self) -> Array:
        """Real rows alone that would be as good, at t = 0, 1, ...."""
        return self.rho / self.errors

    @property
    def sample_weights(self) -> Array:
        """Weight of a synthetic row if a real one of its generation weighs 1.

        It is ``inf`` where there are no real rows, and nan where there are no synthetic ones.
        """
        # not from 1 - w, which loses digits where w is nearly 1
        before = _rows_before(1 / self.errors[:-1], self.drift)
        ratio = self.rho * _sample_weight(before, self.m)
        return np.where(self.m == 0, np.nan, np.where(self.n[1:] == 0, np.inf, ratio))

    @property
    def naive_weights(self) -> Array:
        """The weights with which all rows of a generation count the same, at t = 1, 2, ...."""
        return np.asarray(self.n[1:] / (self.n[1:] + self.m))

    @property
    def naive_rows(self) -> Array:
        """The same as `effective_rows` if all rows of a generation count the same."""
        errors = schedule_errors(self.naive_weights, self.n, self.m, rho=self.rho, drift=self.drift)
        return self.rho / errors

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, by name, with None for what is not there.

        Returns
        -------
        dict
        """
        lists = {
            name: [x if np.isfinite(x) else None for x in getattr(self, name).tolist()]
            for name in ("n", "m", "weights", "sample_weights", "effective_rows", "errors")
        }
        return {"rho": self.rho, "drift": self.drift} | lists

    def report(self) -> str:
        """Say it in plain text.

        Returns
        -------
        str
            A line for each generation.
        """
        lines = ["  t     n      m       w  as good as"]
        first = f"{self.effective_rows[0]:.6g}"
        lines.append(f"  0 {self.n[0]:>5g}      -       -  {first}")
        for t, w in enumerate(self.weights, start=1):
            rows = f"{self.effective_rows[t]:.6g}"
            lines.append(f"{t:3} {self.n[t]:>5g} {self.m[t - 1]:>6g}  {w:.4f}  {rows}")
        return "\n".join(lines)


def schedule(n: ArrayLike, m: ArrayLike, *, rho: float = 1.0, drift: float = 0.0) -> Schedule:
    r"""Follow the best weights through generations whose numbers of rows change.

    Generation t has :math:`n_t` fresh real rows and :math:`m_t` synthetic ones of the last model.
    Among all weights, and all linear unbiased estimates from these rows, these have the smallest
    error at every generation; see the chapter *Why golden*. Exact for a mean and for linear
    regression on a fixed design, asymptotic for every other likelihood.

    Parameters
    ----------
    n : sequence of int, length generations + 1
        Real rows at t = 0, 1, ...; for a model that is there already, n[0] is the number of rows
        that it is worth, and need not be whole. Later ones may be 0, for a generation without
        fresh rows.
    m : int or sequence of int, length generations
        Synthetic rows at t = 1, 2, ..., a single number if it stays the same. 0 for a generation
        that has fresh rows only.
    rho : float, optional
        How many times the variance of the model the real rows have.
    drift : float, optional
        Variance of the step that the truth takes before each generation, in units of the variance
        of one row of the model.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If a number is out of range, the lengths do not match, or a generation has no rows.

    Examples
    --------
    >>> from lib.schedule import schedule
    >>> best = schedule(n=[100, 40, 200, 100], m=[100, 300, 100])
    >>> best.weights.round(3).tolist()
    [0.444, 0.743, 0.578]
    >>> best.effective_rows.round(1).tolist()
    [100.0, 90.0, 269.2, 172.9]
    """
    real, drawn = _sizes(n, m)
    spread = _validate.single("rho", rho)
    step = _validate.single("drift", drift, _validate.nonnegative)
    weights, rows = np.empty(drawn.size), np.empty(real.size)
    rows[0] = real[0] / spread  # of the model: it states 1 / rho of the variance
    for t in range(1, real.size):
        fresh = real[t] / spread
        before = _rows_before(rows[t - 1], step)
        rows[t] = _rows_after(before, fresh, drawn[t - 1]) if drawn[t - 1] else fresh
        weights[t - 1] = fresh / rows[t]
    return Schedule(n=real, m=drawn, rho=spread, drift=step, weights=weights, errors=1 / rows)


def schedule_errors(
    weights: ArrayLike,
    n: ArrayLike,
    m: ArrayLike,
    *,
    rho: float = 1.0,
    drift: float = 0.0,
) -> Array:
    """Return the errors that any weights lead to.

    Parameters
    ----------
    weights : array_like, shape (..., generations)
        Weights of the real rows at t = 1, 2, ..., in [0, 1].
    n, m, rho, drift
        As for `schedule`.

    Returns
    -------
    ndarray, shape (..., generations + 1)
        Expected squared error at t = 0, 1, ..., in units of the variance of one synthetic row;
        ``inf`` where rows that are not there have weight.

    Raises
    ------
    ValueError
        As `schedule`, or if `weights` have another number of generations.
    """
    real, drawn = _sizes(n, m)
    spread = _validate.single("rho", rho)
    step = _validate.single("drift", drift, _validate.nonnegative)
    w = np.atleast_1d(_validate.weight("weights", weights))
    if w.shape[-1] != drawn.size:
        allowed = f"of shape (..., {drawn.size}), as `m` says"
        raise _validate.fail("weights", allowed, weights)
    errors = np.empty((*w.shape[:-1], real.size))
    errors[..., 0] = spread / real[0]
    for t in range(1, real.size):
        at = w[..., t - 1]
        fresh, synthetic = _part(at, spread, real[t]), _part(1 - at, 1.0, drawn[t - 1])
        old = np.where(at == 1, 0.0, errors[..., t - 1] + step)  # without weight: not 0 times inf
        errors[..., t] = fresh + synthetic + (1 - at) ** 2 * old
    return errors


def _part(share: Array, variance: float, rows: float) -> Any:
    """Return share^2 variance / rows; rows that are not there may have no share."""
    if rows:
        return share**2 * variance / rows
    return np.where(share == 0, 0.0, np.inf)


def adaptive_weights(
    k: float | None = None,
    steps: int | None = None,
    *,
    n: ArrayLike | None = None,
    m: ArrayLike | None = None,
) -> Array:
    """Best weight at each generation, when the first fit has real rows alone.

    With the same numbers of rows every time, ``w_t = (e + k) / (1 + e + k)`` with e the error of
    generation t - 1, after which the error of generation t is ``w_t``. At k = 1 these are ratios
    of consecutive Fibonacci numbers; their limit is ``optimal_weight(k)``. With numbers that
    change see `schedule`, which has the errors too.

    Parameters
    ----------
    k : float, optional
        Ratio n/m of real to synthetic rows, positive.
    steps : int, optional
        Number of generations; goes with `k`.
    n : sequence of int, length generations + 1, optional
        Real rows at t = 0, 1, ..., in place of `k`.
    m : int or sequence of int, length generations, optional
        Synthetic rows at t = 1, 2, ...; goes with `n`.

    Returns
    -------
    ndarray, shape (generations,)
        The weights ``w_1, w_2, ...``.

    Raises
    ------
    ValueError
        If neither `k` and `steps` nor `n` and `m` are given, or parts of both; if `k` is not a
        finite positive number or `steps` not a positive integer; or as `schedule` does.

    Examples
    --------
    >>> from lib import adaptive_weights
    >>> adaptive_weights(1, 4).round(4).tolist()
    [0.6667, 0.625, 0.619, 0.6182]
    >>> months = adaptive_weights(n=[100, 40, 200], m=[100, 300])
    >>> months.round(4).tolist()
    [0.4444, 0.7429]
    """
    if n is not None or m is not None:
        for name, value in (("k", k), ("steps", steps)):
            if value is not None:
                raise _validate.fail(name, "left out if `n` and `m` are given", value)
        if n is None or m is None:
            missing = "n" if n is None else "m"
            raise _validate.fail(missing, "given together with the other", None)
        return schedule(n, m).weights
    ratio = _validate.single("k", k)
    weights = np.empty(_validate.integer("steps", steps))
    error = 1.0
    for t in range(weights.size):
        error = float(_best_step(error, ratio))
        weights[t] = error
    return weights


def adaptive_error(t: ArrayLike, k: ArrayLike, start: ArrayLike = 1.0) -> Any:
    r"""Error of generation t with the best weight at every generation, in closed form.

    .. math:: \frac{e_t - w^*}{e_t + w^* + k} = (1-w^*)^{2t}\, \frac{e_0 - w^*}{e_0 + w^* + k}

    Parameters
    ----------
    t : array_like
        Generation, at least 0. Arguments broadcast.
    k : array_like
        Ratio n/m of real to synthetic rows, positive.
    start : array_like, optional
        The error at t = 0, positive: 1 for n real rows alone.

    Returns
    -------
    float or ndarray
        In units of the error of n real rows alone. For t of at least 1 it is the weight of
        generation t, too.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.schedule import adaptive_error
    >>> adaptive_error([0, 1, 2, 3], 1).round(6).tolist()
    [1.0, 0.666667, 0.625, 0.619048]
    """
    t_, k_ = _validate.nonnegative("t", t), _validate.positive("k", k)
    return _plain(_adaptive_error(t_, k_, _validate.positive("start", start)))


def constant_loss(t: ArrayLike, k: ArrayLike) -> Any:
    r"""By how much the error of generation t is larger if every weight is the long run's.

    .. math:: u^{2t+3}\,\frac{1-u^{2t}}{1-u^{2t+2}}, \qquad u = 1 - w^*(k)

    Parameters
    ----------
    t : array_like
        Generation, at least 0. Arguments broadcast.
    k : array_like
        Ratio n/m of real to synthetic rows, positive.

    Returns
    -------
    float or ndarray
        In units of the error of n real rows alone, from which both start.

    Raises
    ------
    ValueError
        If an argument is out of range or not finite.

    Examples
    --------
    >>> from lib.schedule import constant_loss
    >>> round(constant_loss(1, 1), 5)
    0.0071
    """
    t_, k_ = _validate.nonnegative("t", t), _validate.positive("k", k)
    return _plain(_constant_loss(t_, k_))


def _sizes(n: ArrayLike, m: ArrayLike) -> tuple[Array, Array]:
    """Return the numbers of rows of all generations."""
    real = _validate.nonnegative("n", n)
    if real.ndim != 1 or real.size < 2:
        raise _validate.fail("n", "the real rows of at least two generations, t = 0 and 1", n)
    if real[0] == 0:
        raise _validate.fail("n[0]", "greater than 0", 0)
    drawn = _validate.nonnegative("m", m)
    if drawn.ndim == 0:
        drawn = np.full(real.size - 1, float(drawn))
    if drawn.shape != (real.size - 1,):
        raise _validate.fail("m", f"one number or {real.size - 1}, as `n` says", m)
    for name, rows, first in (("n", real[1:], 1), ("m", drawn, 0)):
        for t, count in enumerate(rows.tolist(), start=first):
            _validate.integer(f"{name}[{t}]", count, 0)
    empty = np.flatnonzero((real[1:] == 0) & (drawn == 0))
    if empty.size:
        t = int(empty[0])
        raise _validate.fail(f"m[{t}]", f"at least 1, as n[{t + 1}] is 0", 0)
    return real, drawn
