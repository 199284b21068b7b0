"""What a claim is, and the experiments that can refute one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lib.loops import Loop
from lib.models import Model
from lib.models.glm import GeneralizedLinearModel
from lib.models.linearized import LinearChain, Linearized
from lib.simulate import Estimate, simulate


@dataclass(frozen=True)
class Experiment:
    """One simulated number: an error of a model in a loop.

    Parameters
    ----------
    model : Model
    loop : Loop
        With a single weight, if it has one.
    metric : str or callable
        A metric of the model, or a function of a batch of fits.
    steps : int
        Generations.
    t : int, optional
        The generation at which the error is taken; without it, the average over the last half.
    unit : float, optional
        The estimate is divided by it.
    """

    model: Model
    loop: Loop
    metric: str | Callable[[Any], np.ndarray]
    steps: int
    t: int | None = None
    unit: float = 1.0

    def run(self, *, seed: int, reps: int, n_jobs: int) -> Estimate:
        """Simulate.

        Parameters
        ----------
        seed, reps, n_jobs : int
            As for `lib.simulate`.

        Returns
        -------
        Estimate
            In the experiment's unit.
        """
        result = simulate(
            self.model,
            self.loop,
            steps=self.steps,
            reps=reps,
            seed=seed,
            burn_in=self.steps // 2,
            n_jobs=n_jobs,
            metrics={"error": self._measure},
            progress=False,
        )
        value, error, count, lost = result.estimate("error", t=self.t)
        return Estimate(value / self.unit, error / abs(self.unit), count, lost)

    def _measure(self, fit: Any) -> np.ndarray:
        return self.metric(fit) if callable(self.metric) else self.model.error(fit, self.metric)

    def theory(self) -> float:
        """Return what the model's own recursion says of this number."""
        if callable(self.metric):
            raise TypeError("an experiment with a metric of its own has no theory")
        path = self.model.theory(self.loop)[self.metric].path(self.steps)
        value = path[self.steps // 2 :].mean() if self.t is None else path[self.t]
        return float(value) / self.unit


@dataclass(frozen=True)
class LargeSampleExperiment:
    """The limit error of a generalized linear model for large samples, in its own unit.

    The error at finite n is off by a term of order 1/n. It is simulated at the loop's sizes and at
    twice these, and twice the latter minus the former has only a term of order 1/n^2 left
    (Richardson). Each is the error of the linear chain plus the difference from it: see
    `lib.models.linearized`. The unit is that of n rows that follow the fitted model.

    Parameters
    ----------
    model : GeneralizedLinearModel
    loop : Loop
        At the smaller of the two sizes, with a single weight.
    metric : {"theta", "kl"}, optional
    steps, burn_in : int, optional
        The error is averaged over t = burn_in, ..., steps.
    """

    model: GeneralizedLinearModel
    loop: Loop
    metric: str = "theta"
    steps: int = 100
    burn_in: int = 12

    LINEAR = 40
    """Replicates of the linear chain for one of the difference: it is cheap."""

    def run(self, *, seed: int, reps: int, n_jobs: int) -> Estimate:
        """Simulate.

        Parameters
        ----------
        seed, n_jobs : int
            As for `lib.simulate`.
        reps : int
            Replicates of each difference.

        Returns
        -------
        Estimate
        """
        linear, one, two = np.random.SeedSequence(seed).generate_state(3)
        chain = self._simulate(
            LinearChain(self.model), self.loop, linear, reps * self.LINEAR, n_jobs
        )
        coupled = Linearized(self.model)
        near = self._simulate(coupled, self.loop, one, reps, n_jobs)
        far = self._simulate(coupled, _doubled(self.loop), two, reps, n_jobs)
        value = chain.value + 2 * far.value - near.value
        error = np.hypot(
            chain.standard_error, np.hypot(2 * far.standard_error, near.standard_error)
        )
        return Estimate(float(value), float(error), min(near.reps, far.reps), near.lost + far.lost)

    def _simulate(self, model: Model, loop: Loop, seed: Any, reps: int, n_jobs: int) -> Estimate:
        result = simulate(
            model,
            loop,
            steps=self.steps,
            reps=reps,
            seed=int(seed),
            burn_in=self.burn_in,
            n_jobs=n_jobs,
            metrics=[self.metric],
            progress=False,
        )
        value, error, count, lost = result.estimate(self.metric)
        unit = self._unit(loop)
        return Estimate(value / unit, error / unit, count, lost)

    def _unit(self, loop: Loop) -> float:
        return float(self.model.sampling_noise(loop.n, loop.n)[self.metric].synthetic[0])

    def theory(self) -> float:
        """Return what the model's own recursion says of this number."""
        return float(self.model.theory(self.loop)[self.metric].limit()) / self._unit(self.loop)


def _doubled(loop: Loop) -> Loop:
    return replace(loop, n=2 * loop.n, m=2 * loop.m)


@dataclass(frozen=True)
class Claim:
    """A theorem, with a number that it predicts and the experiment that can refute it.

    Attributes
    ----------
    id : str
        Short name, as on the command line.
    statement : str
        What is claimed, in words.
    status : {"exact", "asymptotic"}
        Whether the prediction holds for every sample size or in a limit.
    theorem, page : str
        Label of the theorem in the book, and the page it stands on.
    predicted : callable
        Returns the predicted number.
    experiment : Experiment or LargeSampleExperiment
        How the number is simulated.
    reps : int
        Replicates that make the check fine enough for its resolution.
    wrong : mapping of str to callable
        Well-known wrong versions of the prediction, which the check must refute.
    resolution : float
        Relative error that the check must be able to see.
    """

    id: str
    statement: str
    status: Literal["exact", "asymptotic"]
    theorem: str
    page: str
    predicted: Callable[[], float]
    experiment: Experiment | LargeSampleExperiment
    reps: int
    wrong: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    resolution: float = 0.02

    def simulate(self, *, seed: int = 1, reps: int | None = None, n_jobs: int = 1) -> Estimate:
        """Run the experiment.

        Parameters
        ----------
        seed, n_jobs : int, optional
            As for `lib.simulate`.
        reps : int, optional
            By default as many as the claim's resolution needs.

        Returns
        -------
        Estimate
        """
        return self.experiment.run(
            seed=seed, reps=self.reps if reps is None else reps, n_jobs=n_jobs
        )
