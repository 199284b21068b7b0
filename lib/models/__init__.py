"""What is estimated: one small module a model, each a `lib.models.base.Model`."""

from lib.models.base import Model
from lib.models.categorical import Categorical, ResampledCategorical
from lib.models.drifting import DriftingGaussian
from lib.models.empirical import EmpiricalCDF
from lib.models.gaussian import Gaussian
from lib.models.glm import LogisticRegression, PoissonRegression
from lib.models.kernel import KernelDensity, NormalMixture
from lib.models.linear import LinearRegression
from lib.models.population import CountedPopulation, PopulationRegression
from lib.models.ridge import RidgeRegression
from lib.models.scaled_start import ScaledStart
from lib.models.tree import ChowLiuTree, FixedTree

__all__ = [
    "Categorical",
    "ChowLiuTree",
    "CountedPopulation",
    "DriftingGaussian",
    "EmpiricalCDF",
    "FixedTree",
    "Gaussian",
    "KernelDensity",
    "LinearRegression",
    "LogisticRegression",
    "Model",
    "NormalMixture",
    "PoissonRegression",
    "PopulationRegression",
    "ResampledCategorical",
    "RidgeRegression",
    "ScaledStart",
]
