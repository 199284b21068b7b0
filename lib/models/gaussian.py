"""Mean and covariance of a normal distribution (the paper's first setting)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import digamma, loggamma, polygamma

from lib import _validate
from lib._validate import Array
from lib.models import _triangular as tri
from lib.models.base import Model
from lib.recursion import SamplingNoise


@dataclass(frozen=True)
class Moments:
    """Means and covariances of a batch of samples or fits: the sufficient statistics.

    Attributes
    ----------
    mean : ndarray, shape (weights, replicates, d)
    lower : ndarray, shape (weights, replicates, d (d + 1) / 2)
        Lower entries of the covariances, row by row.
    drawn : ndarray or None
        Their Cholesky factors, if the covariances were drawn as products of factors.
    """

    mean: Array
    lower: Array
    drawn: Array | None = None

    @property
    def cov(self) -> Array:
        """Covariances, shape (weights, replicates, d, d)."""
        return tri.unpack(self.lower, self.mean.shape[-1])

    @cached_property
    def factor(self) -> Array:
        """Lower entries of the Cholesky factors of the covariances."""
        if self.drawn is not None:
            return self.drawn
        return tri.cholesky(self.lower, self.mean.shape[-1])


def _covariance_ratio(new: Any, kept: Any, m: Any, b: Any) -> Any:
    """Limit error of the covariance, real rows alone = 1.

    The closed form of the theorem: the system of `Gaussian.sampling_noise` in the coordinates
    2F + G and F - G. `new` is the noise that a generation adds, in units of real rows alone,
    `kept` = (1 - w)^2 and b = (tr Sigma)^2 / ||Sigma||_F^2. Plain arithmetic, for the charts as
    in `lib.weights`; valid where kept (m + 1) / (m - 1) < 1.
    """
    rising = 1 - kept * (m + 1) / (m - 1)
    falling = 1 - kept * (m - 2) / (m - 1)
    return new / (3 * (1 + b)) * ((4 + 2 * b) / rising + (b - 1) / falling)


class Gaussian(Model):
    r"""A normal distribution whose mean and covariance are both estimated.

    A sample is held by its mean and its covariance with divisor (rows - 1), drawn directly: a
    normal vector and a Wishart matrix. That is exact, and n = 10^9 rows cost as much as 10.
    A weighted training set has the weighted mean of the means and of the covariances, as in the
    paper: :math:`\Sigma_t = w S_t + (1-w) \tilde S_t`.

    Parameters
    ----------
    mean : array_like, shape (d,)
        True mean.
    cov : array_like, shape (d, d)
        True covariance, symmetric positive semi-definite.

    Raises
    ------
    ValueError
        If an entry is not finite, the sizes differ, or `cov` is not a covariance.

    Notes
    -----
    Metrics: ``"mean"``, the squared distance of the means, and ``"covariance"``, the squared
    Frobenius distance of the covariances; both have exact theory in every loop. On request also
    ``"log_det"``, the logarithm of det(estimate) / det(truth), which tells of collapse where the
    expected error explodes; its drift in the fully synthetic loop is `log_det_drift`. It is minus
    infinity once a determinant has left the range of floating-point numbers, below about e^-700.

    Examples
    --------
    >>> from lib import FreshReal, simulate
    >>> from lib.models import Gaussian
    >>> model = Gaussian([0, 0], [[1, 0.5], [0.5, 2]])
    >>> loop = FreshReal(n=100, m=100, w=0.5)
    >>> round(model.theory(loop)["mean"].limit(), 4)
    0.02
    """

    metrics: ClassVar[tuple[str, ...]] = ("mean", "covariance")
    min_rows: ClassVar[int] = 2  # a covariance with divisor (rows - 1)

    def __init__(self, mean: ArrayLike, cov: ArrayLike) -> None:
        self.mean = np.atleast_1d(_validate.finite("mean", mean, "a vector of finite numbers"))
        self.cov = np.atleast_2d(_validate.finite("cov", cov, "a matrix of finite numbers"))
        if self.mean.ndim != 1 or not self.mean.size:
            raise _validate.fail("mean", "a vector of at least one number", mean)
        self.dim = self.mean.size
        if self.cov.shape != (self.dim, self.dim):
            allowed = f"a {self.dim} x {self.dim} matrix, the size of `mean`"
            raise _validate.fail("cov", allowed, cov)
        # checked as correlations: units in which one variance dwarfs another hide nothing
        variance = self.cov.diagonal()
        if (variance < 0).any():
            raise _validate.fail("cov", "positive semi-definite", cov)
        scale = np.sqrt(variance)
        unit = np.where(scale > 0, scale, 1)
        correlation = self.cov / unit / unit[:, None]
        if not np.allclose(correlation, correlation.T, rtol=0, atol=1e-10):
            raise _validate.fail("cov", "symmetric", cov)
        constant = scale == 0
        if self.cov[constant].any() or np.linalg.eigvalsh(correlation).min() < -1e-10:
            raise _validate.fail("cov", "positive semi-definite", cov)
        lower = tri.pack(self.cov)
        self._truth = Moments(self.mean, lower)
        # the Frobenius norm counts every entry off the diagonal twice
        rows, columns = np.tril_indices(self.dim)
        self._counted = np.where(rows == columns, 1.0, 2.0)

    def __repr__(self) -> str:
        return f"Gaussian(mean={self.mean.tolist()}, cov={self.cov.tolist()})"

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Moments:
        """Draw the moments of n real rows: see `lib.models.base.Model.draw`."""
        return self.synthesize(self._truth, n, size, rng)

    def synthesize(
        self, fit: Moments, m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Moments:
        """Draw the moments of m rows of each fit: see `lib.models.base.Model.synthesize`."""
        noise = tri.empty(size, self.dim)
        for i in range(self.dim):
            rng.standard_normal(out=noise[..., i])
        mean = tri.apply(fit.factor, noise, self.dim)
        mean *= m**-0.5
        mean += fit.mean
        wishart = tri.wishart_factor(m - 1, self.dim, size, rng)
        factor = tri.multiply(fit.factor, wishart, self.dim)
        factor *= (m - 1) ** -0.5
        return Moments(mean, tri.gram(factor, self.dim), factor)

    def mix(self, parts: Sequence[tuple[Moments, Array]]) -> Moments:
        """Average means and covariances: see `lib.models.base.Model.mix`."""
        if len(parts) == 1:
            # its factor is kept: factors of a long collapse are exact where the covariances,
            # which become singular to rounding, have lost their determinant
            return parts[0][0]
        return Moments(
            reduce(np.add, [weight[..., None] * sample.mean for sample, weight in parts]),
            reduce(np.add, [weight[..., None] * sample.lower for sample, weight in parts]),
        )

    def fit(self, sample: Moments) -> Moments:
        """Return the sample: its moments are the estimates."""
        return sample

    def error(self, fit: Moments, metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        if metric == "mean":
            return tri.squared_norm(fit.mean - self.mean, np.ones(self.dim))
        if metric == "covariance":
            return tri.squared_norm(fit.lower - self._truth.lower, self._counted)
        if metric == "log_det":
            return self._log_det(fit) - self._log_det(self._truth)
        raise _validate.fail("metric", "'mean', 'covariance' or 'log_det'", metric)

    def _log_det(self, moments: Moments) -> Array:
        diagonal = [tri.entry(i, i) for i in range(self.dim)]
        with np.errstate(divide="ignore"):  # a singular matrix has log_det -inf
            return np.asarray(2 * np.log(moments.factor[..., diagonal]).sum(axis=-1))

    def log_det_drift(self, rows: int) -> float:
        r"""Return the expected change of the log-determinant when a covariance is re-estimated.

        A sample covariance of `rows` rows drawn from a normal distribution has
        :math:`E \ln\det S - \ln\det\Sigma = \sum_{i<d} \psi(\tfrac{\nu-i}{2}) - \ln\tfrac{\nu}{2}`
        with :math:`\nu` = rows - 1. It is negative: in the fully synthetic loop the
        log-determinant is a random walk that drifts to minus infinity.

        Parameters
        ----------
        rows : int
            More than d, or the determinant is zero.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If `rows` is not an integer greater than d.
        """
        df = _validate.integer("rows", rows, least=self.dim + 1) - 1
        return float((digamma((df - np.arange(self.dim)) / 2) - np.log(df / 2)).sum())

    def log_det_cdf(self, x: float, *, rows: int, fits: int) -> float:
        r"""Distribution function of the log-determinant in the fully synthetic loop, n = m.

        After generation t = fits - 1 the ratio det(estimate)/det(truth) is a product of
        independent variables :math:`\chi^2_{\nu-i}/\nu`, i < d, one set for each fit. The law of
        the sum of their logarithms follows from its characteristic function by Gil-Pelaez'
        inversion formula.

        Parameters
        ----------
        x : float
            Value of the metric ``"log_det"``, finite.
        rows : int
            Rows behind each fit, more than d.
        fits : int
            Number of successive fits, the first one included.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If `x` is not finite, `rows` not greater than d, or `fits` not positive.

        References
        ----------
        J. Gil-Pelaez, "Note on the inversion theorem", Biometrika 38 (1951).
        """
        x = float(_validate.finite("x", x))
        df = _validate.integer("rows", rows, least=self.dim + 1) - 1
        fits = _validate.integer("fits", fits)
        shape = (df - np.arange(self.dim)) / 2

        def integrand(s: float) -> float:
            gammas = loggamma(shape + 1j * s) - loggamma(shape)
            exponent = fits * (gammas.sum() - 1j * s * self.dim * np.log(df / 2)) - 1j * s * x
            return float(np.exp(exponent).imag / s)

        # the modulus of the integrand decays within a few standard deviations' inverses
        width = 1 / np.sqrt(fits * polygamma(1, shape).sum())
        area = quad(integrand, 1e-12 * width, 40 * width, limit=1000, epsabs=1e-10)[0]
        return min(max(0.5 - area / np.pi, 0.0), 1.0)  # the quadrature has errors of 1e-10

    def log_det_median(self, *, rows: int, fits: int) -> float:
        """Median of the log-determinant in the fully synthetic loop, n = m.

        Parameters
        ----------
        rows, fits : int
            As for `log_det_cdf`.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If `rows` is not greater than d, or `fits` not positive.
        """
        mean = _validate.integer("fits", fits) * self.log_det_drift(rows)
        shape = (rows - 1 - np.arange(self.dim)) / 2
        spread = np.sqrt(fits * polygamma(1, shape).sum())
        # a median is within one standard deviation of the mean, for any distribution
        return float(
            brentq(
                lambda x: self.log_det_cdf(x, rows=rows, fits=fits) - 0.5,
                mean - 1.01 * spread,
                mean + 1.01 * spread,
                xtol=1e-10,
            )
        )

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Return the exact noise of both metrics: see `lib.models.base.Model.sampling_noise`.

        The covariance needs a second component, the squared error of the trace, because the
        noise of a Wishart matrix depends on the squared trace of its scale.
        """
        trace, squared = np.trace(self.cov), (self.cov**2).sum()
        one = np.ones(1)
        wishart = np.array([squared + trace**2, 2 * squared])
        grown = np.array([[1.0, 1.0], [2.0, 0.0]])
        return {
            "mean": SamplingNoise(trace / n * one, trace / m * one, np.zeros((1, 1))),
            "covariance": SamplingNoise(wishart / (n - 1), wishart / (m - 1), grown / (m - 1)),
        }
