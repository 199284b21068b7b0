"""One recursion behind every theorem: the next error is fresh noise plus a kept part of the last.

``e_t = a + c e_{t-1}``, where e may be a number or a small vector whose first component is the
error of interest (the covariance needs a second one). `SamplingNoise` is what a model contributes,
the weights of a training set are what a loop contributes, and `affine_step` joins the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import expm
from scipy.special import zeta

from lib import _validate
from lib._validate import Array


@dataclass(frozen=True)
class SamplingNoise:
    """How sampling moves a model's error in one generation.

    Parameters
    ----------
    real : array_like, shape (d,)
        Expected error of a fit to the loop's n real rows. This is also the error at t = 0.
    synthetic : array_like, shape (d,)
        Expected error that m synthetic rows add when they are drawn from the truth.
    feedback : array_like, shape (d, d)
        m synthetic rows drawn from a model with expected error e add ``synthetic + feedback @ e``.
        Zero for a mean; negative for a frequency, whose variance shrinks as it leaves the truth.

    Raises
    ------
    ValueError
        If an entry is not finite or the shapes do not match.
    """

    real: Array
    synthetic: Array
    feedback: Array

    def __post_init__(self) -> None:
        real = np.atleast_1d(_validate.finite("real", self.real))
        synthetic = np.atleast_1d(_validate.finite("synthetic", self.synthetic))
        feedback = np.atleast_2d(_validate.finite("feedback", self.feedback))
        if real.ndim != 1:
            raise _validate.fail("real", "a number or a vector", self.real)
        if synthetic.shape != real.shape:
            raise _validate.fail("synthetic", f"of shape {real.shape}, as `real`", self.synthetic)
        if feedback.shape != 2 * real.shape:
            raise _validate.fail("feedback", f"of shape {2 * real.shape}", self.feedback)
        for name, value in (("real", real), ("synthetic", synthetic), ("feedback", feedback)):
            object.__setattr__(self, name, value)


class Recursion(ABC):
    """The expected error of a loop, generation by generation."""

    start: Array

    @abstractmethod
    def _step(self, t: int, state: Array) -> Array:
        """Return the state of generation t from that of generation t - 1."""

    @abstractmethod
    def limit(self) -> Any:
        """Return the error as t grows without bound: ``inf`` or ``-inf`` if it diverges."""

    def path(self, steps: int) -> Array:
        """Return the error at t = 0, ..., steps.

        Parameters
        ----------
        steps : int
            Number of generations, at least 1.

        Returns
        -------
        ndarray, shape (steps + 1,) or (weights, steps + 1)
            t = 0 is the fit on n real rows alone.

        Raises
        ------
        ValueError
            If `steps` is not a positive integer.
        """
        steps = _validate.integer("steps", steps)
        states = [self.start]
        # an exploding error may leave the range of floats
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(1, steps + 1):
                states.append(self._step(t, states[-1]))
        return np.stack([np.broadcast_to(s, states[-1].shape)[..., 0] for s in states], axis=-1)


@dataclass(frozen=True)
class AffineRecursion(Recursion):
    """``e_t = a + c e_{t-1}`` with the same a and c at every generation.

    Parameters
    ----------
    start : array_like, shape (..., d)
        The state at t = 0. Its first component is the error of interest.
    a : array_like, shape (..., d)
        Fresh noise of one generation.
    c : array_like, shape (..., d, d)
        Part of the old state that is kept. Leading axes are a grid of weights, or any other
        parameter on which the recursion depends; they broadcast.

    Raises
    ------
    ValueError
        If an entry is not finite or the shapes do not match.

    Examples
    --------
    >>> from lib.recursion import AffineRecursion
    >>> halving = AffineRecursion(start=[0.0], a=[1.0], c=[[0.5]])
    >>> halving.path(3).tolist(), halving.limit(), halving.half_life()
    ([0.0, 1.0, 1.5, 1.75], 2.0, 1.0)
    """

    start: Array
    a: Array
    c: Array

    def __post_init__(self) -> None:
        for name in ("start", "a", "c"):
            object.__setattr__(self, name, _validate.finite(name, getattr(self, name)))
        if self.c.ndim < 2 or self.c.shape[-1] != self.c.shape[-2]:
            raise _validate.fail("c", "of shape (..., d, d)", self.c)
        dim = self.c.shape[-1]
        for name in ("start", "a"):
            value = getattr(self, name)
            if value.shape[-1:] != (dim,):
                raise _validate.fail(name, f"of shape (..., {dim}), as `c`", value)
        try:
            np.broadcast_shapes(self.start.shape[:-1], self.a.shape[:-1], self.c.shape[:-2])
        except ValueError:
            allowed = f"with leading axes that broadcast with {self.start.shape[:-1]} and "
            raise _validate.fail("c", f"{allowed}{self.a.shape[:-1]}", self.c) from None

    def _step(self, t: int, state: Array) -> Array:
        # zero times a component that has overflowed is zero
        kept = np.where(self.c == 0, 0, self.c * state[..., None, :]).sum(axis=-1)
        return np.asarray(self.a + kept)

    @property
    def spectral_radius(self) -> Any:
        """Largest modulus of an eigenvalue of c: below 1, the error settles."""
        return _plain(np.abs(np.linalg.eigvals(self.c)).max(axis=-1))

    @property
    def stable(self) -> Any:
        """Whether the error settles at a finite limit wherever it starts.

        An eigenvalue that rounding cannot tell from 1 counts as 1.
        """
        return _plain(np.asarray(self.spectral_radius < 1 - 2 * np.finfo(float).eps))

    def half_life(self) -> Any:
        """Return the generations until the slowest part of the transient has halved."""
        with np.errstate(divide="ignore"):
            decay = -np.log(self.spectral_radius)
            return _plain(np.where(decay > 0, np.log(2) / np.abs(decay), np.inf))

    def limit(self) -> Any:
        """Return ``(1 - c)^{-1} a``, or plus or minus infinity where `stable` is false."""
        a, stable = np.broadcast_arrays(self.a, np.asarray(self.stable)[..., None])
        identity = np.eye(self.c.shape[-1])
        # an unstable c is replaced before solving: 1 - c may be singular there
        kept = np.where(stable[..., None], self.c, 0)
        settled = np.linalg.solve(identity - kept, a[..., None])[..., 0, 0]
        # the first increment; not as a difference of states, which would round it away
        drift = self.a + ((self.c - identity) * self.start[..., None, :]).sum(axis=-1)
        for _ in range(1, self.c.shape[-1]):  # until every component has reached the first
            drift = (self.c * drift[..., None, :]).sum(axis=-1)
        drift = drift[..., 0]
        escaped = np.where(drift == 0, self.start[..., 0], np.copysign(np.inf, drift))
        return _plain(np.where(stable[..., 0], settled, escaped))


@dataclass(frozen=True)
class SteppedRecursion(Recursion):
    """``e_t = a_t + c_t e_{t-1}`` for so many generations, each with its own a and c.

    Parameters
    ----------
    start : array_like, shape (d,)
        The state at t = 0. Its first component is the error of interest.
    a : array_like, shape (generations, d)
        Fresh noise of generations 1, 2, ....
    c : array_like, shape (generations, d, d)
        Part of the old state that they keep.

    Raises
    ------
    ValueError
        If an entry is not finite or the shapes do not match.

    Examples
    --------
    >>> from lib.recursion import SteppedRecursion
    >>> a, c = [[0.0], [2.0]], [[[0.5]], [[0.5]]]
    >>> SteppedRecursion([1.0], a, c).path(2).tolist()
    [1.0, 0.5, 2.25]
    """

    start: Array
    a: Array
    c: Array

    def __post_init__(self) -> None:
        for name in ("start", "a", "c"):
            object.__setattr__(self, name, _validate.finite(name, getattr(self, name)))
        if self.start.ndim != 1:
            raise _validate.fail("start", "a vector", self.start)
        dim = self.start.size
        if self.a.ndim != 2 or self.a.shape[1] != dim:
            raise _validate.fail("a", f"of shape (generations, {dim}), as `start`", self.a)
        if self.c.shape != (*self.a.shape, dim):
            raise _validate.fail("c", f"of shape {(*self.a.shape, dim)}, as `a`", self.c)

    def path(self, steps: int) -> Array:
        """Return the error at t = 0, ..., steps, as `Recursion.path`, no further than it goes."""
        if _validate.integer("steps", steps) > len(self.a):
            raise _validate.fail("steps", f"at most {len(self.a)}, where the loop ends", steps)
        return super().path(steps)

    def _step(self, t: int, state: Array) -> Array:
        return np.asarray(self.a[t - 1] + self.c[t - 1] @ state)

    def limit(self) -> Any:
        """Raise a ``TypeError``: it ends."""
        raise TypeError("a loop that ends has no limit; `path` has its errors")


@dataclass(frozen=True)
class AccumulatingRecursion(Recursion):
    r"""The error when every synthetic set is kept: ``e_t = e_{t-1} + (a + b e_{t-1}) / (k+t)^2``.

    The newest set is a share 1/(k+t) of all rows, so that the increments can be summed for ever.
    The growth of the error, with the matrix b, is

    .. math:: \prod_{t \ge 1} \Bigl(1 + \frac{b}{(k+t)^2}\Bigr)
              = \exp \sum_{j \ge 1} \frac{(-1)^{j+1}}{j} b^j \zeta(2j, 1+k)

    with Hurwitz' zeta function.

    Parameters
    ----------
    noise : SamplingNoise
        a and b are its ``synthetic`` and ``feedback``; it starts at its ``real``.
    k : float
        Ratio n/m.
    """

    noise: SamplingNoise
    k: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", float(_validate.positive("k", self.k)))
        object.__setattr__(self, "start", self.noise.real)

    def _step(self, t: int, state: Array) -> Array:
        share = 1 / (self.k + t)
        return state + share**2 * (self.noise.synthetic + self.noise.feedback @ state)

    def limit(self) -> Any:
        """Return the limit, which is always finite."""
        b, a = self.noise.feedback, self.noise.synthetic
        # the series converges quickly for |b| < q^2 / 4; the first generations are walked
        walked = max(0, int(np.ceil(2 * np.linalg.norm(b, 2) ** 0.5 - 1 - self.k)))
        state = self.start
        for t in range(1, walked + 1):
            state = self._step(t, state)
        q = 1 + self.k + walked
        summed = np.zeros_like(b)  # the logarithm of the growth, divided by b: Horner's rule
        for j in range(40, 0, -1):
            summed = (-1) ** (j + 1) * zeta(2 * j, q) / j * np.eye(a.size) + b @ summed
        # one exponential gives the growth of the state and of all the noise added on the way
        size = a.size
        flow = np.zeros((size + 1, size + 1))
        flow[:size, :size], flow[:size, size] = b @ summed, summed @ a
        return float((expm(flow) @ np.append(state, 1))[0])


def affine_step(
    noise: SamplingNoise,
    *,
    fresh: ArrayLike = 0.0,
    first: ArrayLike = 0.0,
    previous: ArrayLike = 0.0,
    synthetic: ArrayLike = 0.0,
) -> tuple[Array, Array]:
    """Join a training set's weights with a model's noise: the ``(a, c)`` of one generation.

    With h = previous + synthetic, the weight that rests on the old model,
    ``a = (fresh^2 + first^2 + 2 first h) real + synthetic^2 noise`` and
    ``c = h^2 + synthetic^2 feedback``. The cross term is there because the first real rows have
    never left the model: its error keeps the covariance ``real`` with theirs.

    Parameters
    ----------
    noise : SamplingNoise
        The model's contribution.
    fresh, first, previous, synthetic : array_like
        Weights of the fresh real rows, the first real rows, the last training set and the new
        synthetic rows; they sum to 1. `fresh` and `first` are not used together.

    Returns
    -------
    a : ndarray, shape (..., d)
    c : ndarray, shape (..., d, d)
    """
    f, o, p, s = (
        np.asarray(x, dtype=float)[..., None] for x in (fresh, first, previous, synthetic)
    )
    h = p + s
    a = (f**2 + o**2 + 2 * o * h) * noise.real + s**2 * noise.synthetic
    c = (h**2)[..., None] * np.eye(noise.real.size) + (s**2)[..., None] * noise.feedback
    return a, c


def _plain(value: Any) -> Any:
    return value.item() if np.ndim(value) == 0 else value
