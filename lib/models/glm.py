"""Logistic and Poisson regression (the paper's generalized linear models)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from lib import _validate
from lib._validate import Array
from lib.loops import Loop
from lib.models import _irls
from lib.models._irls import Part
from lib.models.base import CELLS, Status
from lib.models.regression import Regression
from lib.recursion import SamplingNoise

ROWS = 200_000
"""Rows that are simulated together: arrays of 1.6 MB. Part of what a seed means."""

LARGEST_PREDICTOR = 30.0
"""A chain whose Poisson means exceed e^30, about 1e13, is lost: no count is as large as that."""

LARGEST_DRAWN = 43.0
"""Logarithm of the largest mean that a Poisson generator takes, about 9e18."""

# An array this large that is freed once tells the C library to keep the memory of arrays up to its
# size for the next ones. To ask for pages anew in each generation costs a fifth of the time.
np.empty(4_000_000)

Sample = tuple[Part, ...]


class GeneralizedLinearModel(Regression):
    r"""What logistic and Poisson regressions share: maximum likelihood with a canonical link.

    Covariates are new in every sample and the same for all weights of a replicate. A sample is its
    rows. A chain is lost, and its fits are NaN from then on, when one of its samples has no
    maximum-likelihood fit.

    Theory is asymptotic: with A the information and B the variance of the score of real rows,
    both at `target`, n real rows have the error :math:`\mathrm{tr}(A^{-1} B A^{-1})/n` and m
    synthetic rows :math:`\mathrm{tr}(A^{-1})/m`. If the model is right, A = B.
    """

    family: _irls.Family

    @property
    @abstractmethod
    def score_covariance(self) -> Array:
        """Covariance of the score of a real row at `target`, shape (d, d)."""

    def cells(self, rows: int) -> int:
        """Return how many samples are simulated together: see `lib.models.base.Model.cells`."""
        return min(CELLS, max(1, ROWS // rows))

    def status(self, loop: Loop) -> Status:
        """Return ``"asymptotic"``."""
        return "asymptotic"

    def synthesize(
        self, fit: Array, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Sample:
        """Draw m rows of each fit: see `lib.models.base.Model.synthesize`."""
        x = self._design.draw(m, size[1], rng)
        centre = fit.swapaxes(0, 1)
        predictor = centre @ x
        lost: Any = np.isnan(centre).any(axis=-1)
        if not self.family.binary:
            lost |= predictor.max(axis=-1) > LARGEST_PREDICTOR
        if lost.any():
            centre = np.where(lost[..., None], np.nan, centre)
            predictor[lost] = 0.0
        mean = self.family.mean(predictor)
        y = (draw_labels if self.family.binary else draw_counts)(mean, rng)
        return (Part.of(self.family, x, y, centre, mean),)

    def mix(self, parts: Sequence[tuple[Sample, Array]]) -> Sample:
        """Keep all rows, with their weights: see `lib.models.base.Model.mix`."""
        return tuple(part.weighted(weight) for sample, weight in parts for part in sample)

    def fit(self, sample: Sample) -> Array:
        """Maximise the weighted likelihoods: see `lib.models.base.Model.fit`."""
        return _irls.maximise(self.family, sample).swapaxes(0, 1)

    @property
    def information(self) -> Array:
        """Fisher information of a row at `target`, shape (d, d)."""
        return self._information(self.target)

    def _information(self, theta: Array) -> Array:
        return self._design.outer(self.family.curvature, theta)

    def information_at(self, theta: Array) -> Array:
        """Return the lower entries of the information at a batch of coefficients."""
        return self._design.outer_batch(self.family.curvature, theta)

    @property
    def inverse_information(self) -> Array:
        """Inverse of `information`: covariance of the fit to n rows of the model, times n."""
        matrix = self.information
        size = np.sqrt(np.diagonal(matrix))
        if not (size > 1e-6).all() or np.linalg.cond(matrix / np.outer(size, size)) > 1e12:
            raise _validate.fail("theta", "one whose labels are not all but certain", self.theta)
        return np.asarray(np.linalg.inv(matrix), dtype=float)

    @property
    def sandwich(self) -> Array:
        r""":math:`A^{-1} B A^{-1}`: covariance of the fit to n real rows, times n."""
        inverse = self.inverse_information
        return np.asarray(inverse @ self.score_covariance @ inverse)

    @property
    def forms(self) -> dict[str, Array]:
        """The quadratic forms, shape (d, d), that the errors are when they are small."""
        return {"theta": np.eye(self.dim), "kl": self.information / 2}

    @property
    def misspecification(self) -> float:
        r""":math:`\rho = \mathrm{tr}(A^{-1}BA^{-1}) / \mathrm{tr}(A^{-1})`, 1 for a right model."""
        return self.ratio("theta")

    def ratio(self, metric: str) -> float:
        r"""Return how much more real rows add to an error than rows of the model.

        Parameters
        ----------
        metric : str
            One of `forms`. With the form M it is
            :math:`\rho_M = \mathrm{tr}(M A^{-1}BA^{-1}) / \mathrm{tr}(M A^{-1})`.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If there is no such error.
        """
        if not isinstance(metric, str) or metric not in self.forms:
            raise _validate.fail("metric", f"one of {list(self.forms)}", metric)
        noise = self.sampling_noise(1, 1)[metric]
        return float(noise.real[0] / noise.synthetic[0])

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the noise for large n and m: see `lib.models.base.Model.sampling_noise`."""
        real, synthetic = self.sandwich, self.inverse_information
        none = np.zeros((1, 1))
        return {
            metric: SamplingNoise(
                np.array(np.trace(form @ real) / n), np.array(np.trace(form @ synthetic) / m), none
            )
            for metric, form in self.forms.items()
        }

    def _divergence(self, fit: Array) -> Array:
        slope = self._design.product(self.family.mean, self.target)
        now, least = (
            self._design.expectation(self.family.cumulant, theta) for theta in (fit, self.target)
        )
        return np.asarray(now - least - (fit - self.target) @ slope)


def draw_labels(mean: Array, rng: np.random.Generator) -> Array:
    """Draw labels 0 and 1.

    One uniform variable decides a row's label for every weight: each label has its right law, and
    the errors of different weights differ by less than by independent labels.

    Parameters
    ----------
    mean : ndarray, shape (replicates, weights, rows)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, of the same shape
    """
    reps, _, rows = mean.shape
    return (rng.random((reps, 1, rows)) < mean).astype(float)


def draw_counts(mean: Array, rng: np.random.Generator) -> Array:
    """Draw Poisson counts.

    A Poisson variable is a sum of two: one for what all weights agree on, which they share, and
    one of their own. Its mean is small: seldom does the first point of its Poisson process come
    before that mean, and only then are there more to count.

    Parameters
    ----------
    mean : ndarray, shape (replicates, weights, rows)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, of the same shape
    """
    if mean.shape[1] == 1:
        return np.asarray(rng.poisson(mean), dtype=float)
    shared = mean.min(axis=1, keepdims=True)
    counts = np.repeat(rng.poisson(shared).astype(float), mean.shape[1], axis=1)
    left = mean - shared
    left -= rng.standard_exponential(mean.shape)
    some = np.flatnonzero(left > 0)
    counts.reshape(-1)[some] += 1 + rng.poisson(left.reshape(-1)[some])
    return counts


class NormalCovariates(GeneralizedLinearModel):
    """A generalized linear model whose covariates are N(0, I), beside an optional constant."""

    @abstractmethod
    def _real_labels(self, predictor: Array, rng: np.random.Generator) -> Array:
        """Draw labels of real rows, given x'theta, shape (replicates, weights, rows)."""

    @abstractmethod
    def _score_weight(self, predictor: Array) -> Array:
        """Return E[(y - mean at the target)^2 | x] of real labels, given x'theta."""

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Sample:
        """Draw n real rows: see `lib.models.base.Model.draw`."""
        x = self._design.draw(n, size[1], rng)
        predictor = np.broadcast_to((self.theta @ x)[:, None], (size[1], size[0], n))
        y = self._real_labels(predictor, rng)
        centre = np.broadcast_to(self.target, (size[1], 1, self.dim))
        return (Part.of(self.family, x, y, centre),)

    @property
    def score_covariance(self) -> Array:
        """Covariance of the score of a real row at `target`, shape (d, d), by quadrature."""
        return self._design.outer(self._score_weight, self.theta)


def _cauchit(predictor: Array) -> Array:
    return 0.5 + np.arctan(predictor) / np.pi


def _cloglog(predictor: Array) -> Array:
    with np.errstate(over="ignore"):
        return -np.expm1(-np.exp(predictor))


LINKS: Mapping[str, Callable[[Array], Array]] = {
    "logit": _irls.BINOMIAL.mean,
    "probit": ndtr,
    "cauchit": _cauchit,
    "cloglog": _cloglog,
}
"""Inverse link functions that real labels may have."""


class LogisticRegression(NormalCovariates):
    r"""Labels 0 and 1; the fitted model is :math:`\mathrm{logit}\,P(y = 1 | x) = x^\top\theta`.

    Parameters
    ----------
    theta : array_like, shape (d,)
        Coefficients of the law of the real labels.
    intercept : bool, optional
        Whether the first coefficient belongs to a constant.
    link : {"logit", "probit", "cauchit", "cloglog"}, optional
        Link of the real labels. With another than the logit the fitted model is wrong.

    Raises
    ------
    ValueError
        If `theta` is not a finite vector, or the link is not one of these.

    Notes
    -----
    Metrics: ``"theta"``, the squared distance from `target`, and on request ``"kl"``, the
    Kullback-Leibler divergence of a row from the target's (for a wrong model: the expected
    log-likelihood that is lost). Theory is asymptotic; at finite n no expectation exists without
    the condition that every sample has a maximum-likelihood fit.

    Examples
    --------
    >>> from lib.models import LogisticRegression
    >>> model = LogisticRegression([1, 1])
    >>> float(model.sampling_noise(100, 100)["theta"].real[0].round(4))
    0.1547
    """

    family = _irls.BINOMIAL

    def __init__(self, theta: ArrayLike, *, intercept: bool = False, link: str = "logit") -> None:
        super().__init__(theta, intercept=intercept)
        if not isinstance(link, str) or link not in LINKS:
            raise _validate.fail("link", f"one of {', '.join(LINKS)}", link)
        self.link = link
        self._probability = LINKS[link]
        if link != "logit":
            self.target = self._pseudo_truth()

    def __repr__(self) -> str:
        constant = ", intercept=True" if self.intercept else ""
        other = f", link={self.link!r}" if self.link != "logit" else ""
        return f"LogisticRegression({self.theta.tolist()}{constant}{other})"

    def _pseudo_truth(self) -> Array:
        """Solve E[(y - mean(x'target)) x] = 0 by Newton's method, damped as the fits are."""
        wanted = self._design.product(self._probability, self.theta)
        target = np.zeros(self.dim)
        for _ in range(300):
            gap = wanted - self._design.product(self.family.mean, target)
            try:
                step = np.linalg.solve(self._information(target), gap)
            except np.linalg.LinAlgError:
                break
            moved = 6 * abs(step).sum()  # six standard deviations of a covariate
            target = target + step * (1.0 if moved <= 1.5 else np.log1p(moved) / moved)
            if abs(step).max() < 1e-10:
                return target
        raise _validate.fail("theta", "one whose labels are not all but certain", self.theta)

    def _nominal(self, predictor: Array) -> Array:
        """Return x'target from x'theta: both are linear in the same direction of x."""
        if self.target is self.theta:
            return predictor
        (constant, slopes), (other, turned) = (
            self._design.split(theta) for theta in (self.theta, self.target)
        )
        length = slopes @ slopes
        stretch = (turned @ slopes) / length if length > 0 else 1.0
        return np.asarray(other + stretch * (predictor - constant))

    def _real_labels(self, predictor: Array, rng: np.random.Generator) -> Array:
        return (rng.random(predictor.shape) < self._probability(predictor)).astype(float)

    def _score_weight(self, predictor: Array) -> Array:
        mean, real = self.family.mean(self._nominal(predictor)), self._probability(predictor)
        return np.asarray(real * (1 - 2 * mean) + mean**2)


class PoissonRegression(NormalCovariates):
    r"""Counts, with :math:`\ln E(y | x) = x^\top\theta`.

    Parameters
    ----------
    theta : array_like, shape (d,)
        True coefficients.
    intercept : bool, optional
        Whether the first coefficient belongs to a constant.
    dispersion : float, optional
        Real counts are negative binomial with variance :math:`\mu + \text{dispersion}\,\mu^2`. If
        it is positive, the fitted model is wrong: counts vary more than it says.

    Raises
    ------
    ValueError
        If `theta` is not a finite vector, or the dispersion is negative.

    Notes
    -----
    Metrics: ``"theta"``, the squared distance from `theta`, and on request ``"kl"``, the
    Kullback-Leibler divergence of a row (for overdispersed counts: the expected log-likelihood
    that is lost). Theory is asymptotic.

    Examples
    --------
    >>> from lib.models import PoissonRegression
    >>> model = PoissonRegression([0.5, -0.3], intercept=True, dispersion=1)
    >>> round(model.misspecification, 3)
    2.813
    """

    family = _irls.POISSON

    def __init__(
        self, theta: ArrayLike, *, intercept: bool = False, dispersion: float = 0.0
    ) -> None:
        super().__init__(theta, intercept=intercept)
        extra = _validate.single("dispersion", dispersion, _validate.nonnegative)
        self.dispersion = extra if extra > 1e-12 else 0.0  # too little to be drawn

    def __repr__(self) -> str:
        constant = ", intercept=True" if self.intercept else ""
        extra = f", dispersion={self.dispersion:g}" if self.dispersion else ""
        return f"PoissonRegression({self.theta.tolist()}{constant}{extra})"

    def _real_labels(self, predictor: Array, rng: np.random.Generator) -> Array:
        mean = self.family.mean(predictor)
        if self.dispersion:
            mean = mean * rng.gamma(1 / self.dispersion, self.dispersion, mean.shape)
        return draw_counts(mean, rng)

    def check(self, loop: Loop) -> None:
        """Raise a ``ValueError`` for too few rows, or coefficients whose counts are too large."""
        super().check(loop)
        constant, slopes = self._design.split(self.theta)
        # beyond eight standard deviations lies one row in 10^15
        if constant + 8 * np.linalg.norm(slopes) > LARGEST_DRAWN:
            raise _validate.fail("theta", "one whose mean counts stay below e^43", self.theta)

    # closed forms, which are faster for a batch: exp(x'theta) shifts the normal law by the slopes

    def information_at(self, theta: Array) -> Array:
        """Return the lower entries of the information at a batch of coefficients."""
        constant, slopes = self._design.split(theta)
        mean = np.exp(constant + (slopes**2).sum(axis=-1) / 2)
        rows = np.concatenate([np.ones((*theta.shape[:-1], 1)), slopes], -1)[..., -self.dim :]
        i, j = np.tril_indices(self.dim)
        identity = (i == j) & (i >= int(self.intercept))
        return np.asarray(mean[..., None] * (rows[..., i] * rows[..., j] + identity))

    def _divergence(self, fit: Array) -> Array:
        def mean(theta: Array) -> Array:
            constant, slopes = self._design.split(theta)
            return np.asarray(np.exp(constant + (slopes**2).sum(axis=-1) / 2))

        slope = self._design.product(self.family.mean, self.target)
        apart = fit - self.target
        return np.asarray(mean(fit) - mean(self.target) - apart @ slope)

    def _score_weight(self, predictor: Array) -> Array:
        mean = self.family.mean(predictor)
        return np.asarray(mean + self.dispersion * mean**2)
