"""Errors of generalized linear models from few replicates: multilevel Monte Carlo.

The error of the fits is that of a linear chain, which is cheap, plus a difference between the two
on the same rows, which has little variance: see `lib.models.linearized`. Each is simulated with its
own random numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lib import _validate
from lib.loops import Loop
from lib.models import Model
from lib.models.glm import GeneralizedLinearModel
from lib.models.linearized import LinearChain, Linearized
from lib.simulate import Estimate, simulate

CHAINS = 20
"""Replicates of the linear chain for one of the difference."""


def settled_error(
    model: GeneralizedLinearModel,
    loop: Loop,
    *,
    metric: str = "theta",
    steps: int = 100,
    burn_in: int = 12,
    reps: int = 400,
    seed: int = 1,
    n_jobs: int = 1,
) -> Estimate:
    """Estimate the error of a generalized linear model after many generations.

    Parameters
    ----------
    model : GeneralizedLinearModel
        `LogisticRegression`, `PoissonRegression` or `PopulationRegression`.
    loop : Loop
        With a single weight, if it has one.
    metric : str, optional
        One of the model's `forms`.
    steps, burn_in : int, optional
        The error is averaged over t = burn_in, ..., steps.
    reps : int, optional
        Replicates of the difference; the chain has 20 times as many.
    seed, n_jobs : int, optional
        As for `lib.simulate`.

    Returns
    -------
    Estimate
        Unbiased for the same number as `lib.simulate` if no replicate is lost, with a standard
        error that is several times smaller for the same work.

    Raises
    ------
    ValueError
        If the model is another, the loop has several weights, or as `lib.simulate`.

    Examples
    --------
    >>> from lib import FreshReal
    >>> from lib.models import LogisticRegression
    >>> from lib.multilevel import settled_error
    >>> loop = FreshReal(n=200, m=200, w=0.6)
    >>> model = LogisticRegression([0.5, -0.5])
    >>> estimate = settled_error(model, loop, steps=40, reps=100)
    >>> bool(estimate.standard_error < 0.01 * estimate.value)
    True
    """
    if not isinstance(model, GeneralizedLinearModel):
        raise _validate.fail("model", "a logistic or Poisson regression", model)
    if not isinstance(loop, Loop) or (loop.grid is not None and loop.grid.size != 1):
        raise _validate.fail("loop", "one of lib.loops, with a single weight", loop)
    reps, seed = _validate.integer("reps", reps), _validate.integer("seed", seed, least=0)
    first, second = np.random.SeedSequence(seed).generate_state(2).tolist()
    options = Options(metric=metric, steps=steps, burn_in=burn_in, n_jobs=n_jobs)
    chain = settled(LinearChain(model), loop, reps=reps * CHAINS, seed=first, options=options)
    apart = settled(Linearized(model), loop, reps=reps, seed=second, options=options)
    error = float(np.hypot(chain.standard_error, apart.standard_error))
    return Estimate(chain.value + apart.value, error, apart.reps, apart.lost)


class Options(NamedTuple):
    """What the simulations of an error have in common."""

    metric: str
    steps: int
    burn_in: int
    n_jobs: int


def settled(model: Model, loop: Loop, *, reps: int, seed: int, options: Options) -> Estimate:
    """Return the average error of a model over t = burn_in, ..., steps."""
    result = simulate(
        model,
        loop,
        steps=options.steps,
        reps=reps,
        seed=seed,
        burn_in=options.burn_in,
        n_jobs=options.n_jobs,
        metrics=[options.metric],
        progress=False,
    )
    return result.estimate(options.metric)
