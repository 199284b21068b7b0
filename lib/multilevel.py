"""Errors of generalized linear models from few replicates: multilevel Monte Carlo.

The error of the fits is that of a linear chain, which is cheap, plus a difference between the two
on the same rows, which has little variance: see `lib.models.linearized`. Each is simulated with its
own random numbers.
"""

from __future__ import annotations

import numpy as np

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
        `LogisticRegression` or `PoissonRegression`.
    loop : Loop
        With a single weight, if it has one.
    metric : {"theta", "kl"}, optional
    steps, burn_in : int, optional
        The error is averaged over t = burn_in, ..., steps.
    reps : int, optional
        Replicates of the difference; the chain has 20 times as many.
    seed, n_jobs : int, optional
        As for `lib.simulate`.

    Returns
    -------
    Estimate
        Unbiased for the same number as `lib.simulate`, with a standard error that is several times
        smaller for the same work.

    Raises
    ------
    ValueError
        As `lib.simulate`.

    Examples
    --------
    >>> from lib import FreshReal
    >>> from lib.models import LogisticRegression
    >>> from lib.multilevel import settled_error
    >>> loop = FreshReal(n=200, m=200, w=0.6)
    >>> estimate = settled_error(LogisticRegression([0.5, -0.5]), loop, steps=40, reps=100)
    >>> bool(estimate.standard_error < 0.01 * estimate.value)
    True
    """
    first, second = np.random.SeedSequence(seed).generate_state(2)
    options = {"metric": metric, "steps": steps, "burn_in": burn_in, "n_jobs": n_jobs}
    chain = chain_error(model, loop, reps=reps * CHAINS, seed=int(first), **options)  # type: ignore[arg-type]
    apart = difference(model, loop, reps=reps, seed=int(second), **options)  # type: ignore[arg-type]
    error = float(np.hypot(chain.standard_error, apart.standard_error))
    return Estimate(chain.value + apart.value, error, apart.reps, apart.lost)


def chain_error(
    model: GeneralizedLinearModel,
    loop: Loop,
    *,
    metric: str,
    steps: int,
    burn_in: int,
    reps: int,
    seed: int,
    n_jobs: int,
) -> Estimate:
    """Estimate the error of the linear chain: see `settled_error`."""
    return _settled(LinearChain(model), loop, metric, steps, burn_in, reps, seed, n_jobs)


def difference(
    model: GeneralizedLinearModel,
    loop: Loop,
    *,
    metric: str,
    steps: int,
    burn_in: int,
    reps: int,
    seed: int,
    n_jobs: int,
) -> Estimate:
    """Estimate by how much the fits' error exceeds the linear chain's: see `settled_error`."""
    return _settled(Linearized(model), loop, metric, steps, burn_in, reps, seed, n_jobs)


def _settled(
    model: Model,
    loop: Loop,
    metric: str,
    steps: int,
    burn_in: int,
    reps: int,
    seed: int,
    n_jobs: int,
) -> Estimate:
    result = simulate(
        model,
        loop,
        steps=steps,
        reps=reps,
        seed=seed,
        burn_in=burn_in,
        n_jobs=n_jobs,
        metrics=[metric],
        progress=False,
    )
    return result.estimate(metric)
