"""Generators of your own in the same loops: anything that can fit a table and sample from it.

Any object with ``fit(table, sample_weight)`` and ``sample(m)`` becomes a `lib.models.base.Model`
through `GeneratorModel`, and runs in every loop with every weight. One without weights is given
rows that are drawn again with the weights as probabilities; `lib.weights.resampled_error_ratio`
says what that costs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lib import _validate
from lib._validate import Array
from lib.bands import Bands, checked_table
from lib.loops import Loop
from lib.models import _trees
from lib.models.base import Model, Status
from lib.recursion import SamplingNoise

Table = Any
"""A DataFrame or a 2-d array, as the user's real rows are."""

Weighting = Literal["auto", "sample_weight", "resample"]

SEEDS = 2**32

NO_THEORY = "a generator of your own has no theory; simulate it"


@dataclass(frozen=True)
class Block:
    """Rows of one origin in a batch of samples; all rows of a table weigh the same.

    Attributes
    ----------
    tables : ndarray of object, shape (weights or 1, replicates)
    weight : ndarray, shape (weights or 1, 1)
        The total weight of the rows of a table.
    seeds : ndarray of int, shape (weights or 1, replicates)
        Random numbers that belong to the rows: whatever is random in a fit follows from them.
    """

    tables: NDArray[np.object_]
    weight: Array
    seeds: NDArray[np.uint32]


Sample = tuple[Block, ...]


class GeneratorModel(Model):
    """A generator of the user as a model that runs in any loop.

    Parameters
    ----------
    make : callable
        Returns a new generator, not yet fitted: an object with ``fit(table, sample_weight)`` or
        ``fit(table)``, and ``sample(m)``. A class will do, or a function of no arguments.
    real : DataFrame or array_like, shape (rows, columns)
        The world: real rows are drawn from it with replacement.
    metrics : mapping of str to callable
        Errors: functions of a fitted generator that return a number.
    weighting : {"auto", "sample_weight", "resample"}, optional
        How a fit takes weights: as an argument, scaled to have the mean 1, or by drawing rows again
        with the weights as probabilities. "auto" looks whether ``fit`` takes ``sample_weight``.
        Where all rows weigh the same, nothing is drawn again.
    rows : int, optional
        Rows that are drawn again, by default as many as there are. More cost less accuracy and
        more time.

    Raises
    ------
    ValueError
        If `make` makes nothing that can ``fit`` and ``sample``, or the same object twice; if `real`
        has no rows or infinite numbers (as an array, also missing ones); if `metrics` is empty or
        not callable, or the weighting is not one of these or more than ``fit`` takes. While it
        runs: if ``sample`` returns something other than m rows with the columns of `real`, or a
        metric something other than a number.

    Notes
    -----
    There is no theory: nothing is known of the generator. ``sample`` is called with
    ``random_state=`` or ``rng=`` if it takes one of them; else, if the generator has an attribute
    ``random_state``, that is set before every fit and every sample. (An estimator of scikit-learn
    with a fixed ``random_state`` would draw the same noise at every generation.) Otherwise the
    generator brings its own randomness, and a seed does not repeat the run.

    Fits and samples of the user's code are made one at a time: this model is as fast as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from lib import FreshReal, simulate
    >>> from lib.generators import GeneratorModel
    >>> class Bootstrap:
    ...     def fit(self, table, sample_weight):
    ...         p = sample_weight / sample_weight.sum()
    ...         self.table, self.p, self.mean = table, p, p @ table
    ...     def sample(self, m, rng):
    ...         return self.table[rng.choice(len(self.p), m, p=self.p)]
    >>> model = GeneratorModel(
    ...     Bootstrap,
    ...     real=np.array([[-1.0], [1.0]]),
    ...     metrics={"mean": lambda fit: fit.mean[0] ** 2},
    ... )
    >>> loop = FreshReal(n=50, m=50, w=0.618)
    >>> run = simulate(model, loop, steps=10, reps=50)
    >>> bool(0.008 < run.summary()["error"].item() < 0.018)
    True
    """

    def __init__(
        self,
        make: Callable[[], Any],
        real: Table,
        *,
        metrics: Mapping[str, Callable[[Any], float]],
        weighting: Weighting = "auto",
        rows: int | None = None,
    ) -> None:
        self.real = _world(real)
        if not callable(make):
            raise _validate.fail("make", "a class or a function that makes a generator", make)
        one = make()
        for method in ("fit", "sample"):
            if not callable(getattr(one, method, None)):
                raise _validate.fail("make", f"one whose result can {method}", one)
        if make() is one:
            raise _validate.fail("make", "one that makes a new generator each time", make)
        weighted = _takes(one.fit, "sample_weight")
        if weighting not in ("auto", "sample_weight", "resample"):
            raise _validate.fail("weighting", "'auto', 'sample_weight' or 'resample'", weighting)
        if weighting == "sample_weight" and not weighted:
            allowed = "'auto' or 'resample' for a generator whose fit takes no sample_weight"
            raise _validate.fail("weighting", allowed, weighting)
        if not isinstance(metrics, Mapping) or not metrics:
            raise _validate.fail("metrics", "functions by name, at least one", metrics)
        for name, function in metrics.items():
            if not callable(function):
                raise _validate.fail(f"metrics[{name!r}]", "a function of a generator", function)
        self.make = make
        self._kind = type(one).__name__
        self.resample = weighting == "resample" or not weighted
        self.rows = None if rows is None else _validate.integer("rows", rows)
        self._functions = dict(metrics)
        self.metrics = tuple(metrics)  # type: ignore[misc]  # other for every generator

    def __repr__(self) -> str:
        how = "resampled rows" if self.resample else "sample_weight"
        return f"GeneratorModel({self._kind}, {len(self.real)} real rows, {how})"

    def cells(self, rows: int) -> int:
        """Return how many samples are simulated together: see `lib.models.base.Model.cells`."""
        return 64  # small, so that workers share the load

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> Sample:
        """Draw n real rows: see `lib.models.base.Model.draw`."""
        places = rng.integers(len(self.real), size=(*size, n))
        return (_block(size, rng, lambda i, j, seed: _take(self.real, places[i, j])),)

    def synthesize(
        self, fit: NDArray[np.object_], m: int, size: tuple[int, int], rng: np.random.Generator
    ) -> Sample:
        """Draw m rows of each fit: see `lib.models.base.Model.synthesize`."""
        fits = np.broadcast_to(fit, size)
        return (_block(size, rng, lambda i, j, seed: self._drawn(fits[i, j], m, seed)),)

    def _drawn(self, generator: Any, m: int, seed: int) -> Table:
        found = _sampled(generator, m, seed)
        if isinstance(found, tuple):  # scikit-learn's mixtures return (rows, components)
            found = found[0]
        name = f"{type(generator).__name__}.sample(m)"
        if isinstance(self.real, pd.DataFrame):
            if not isinstance(found, pd.DataFrame):
                array = _as_array(name, found)
                if array.shape != (m, self.real.shape[1]):
                    raise _validate.fail(name, f"{m} rows and {self.real.shape[1]} columns", found)
                found = pd.DataFrame(array, columns=self.real.columns)
            if len(found) != m or list(found.columns) != list(self.real.columns):
                allowed = f"{m} rows with the columns {', '.join(map(str, self.real.columns))}"
                raise _validate.fail(name, allowed, found)
            return found.reset_index(drop=True)
        array = _validate.finite(name, found, "finite numbers")
        if array.shape != (m, self.real.shape[1]):
            raise _validate.fail(name, f"{m} rows and {self.real.shape[1]} columns", found)
        return array

    def mix(self, parts: Sequence[tuple[Sample, Array]]) -> Sample:
        """Keep all rows, with their weights: see `lib.models.base.Model.mix`."""
        return tuple(
            Block(one.tables, one.weight * weight, one.seeds)
            for sample, weight in parts
            for one in sample
        )

    def fit(self, sample: Sample) -> NDArray[np.object_]:
        """Fit a new generator to each sample: see `lib.models.base.Model.fit`."""
        size = np.broadcast_shapes(*(one.tables.shape for one in sample))
        size = np.broadcast_shapes(size, *(one.weight.shape for one in sample))
        fits = np.empty(size, dtype=object)
        blocks = [
            [np.broadcast_to(array, size) for array in (one.tables, one.weight, one.seeds)]
            for one in sample
        ]
        for i, j in np.ndindex(*size):
            parts = [(table[i, j], float(weight[i, j])) for table, weight, _ in blocks]
            # a stream of its own, also where there is one block, whose rows had the same number
            entropy = [int(seeds[i, j]) for _, _, seeds in blocks]
            seed = np.random.SeedSequence(entropy, spawn_key=(1,))
            fits[i, j] = self._fitted([part for part in parts if part[1] > 0], seed)
        return fits

    def _fitted(self, parts: Sequence[tuple[Table, float]], seed: np.random.SeedSequence) -> Any:
        table = _stack([table for table, _ in parts])
        weight = np.concatenate([np.full(len(one), total / len(one)) for one, total in parts])
        weight *= len(weight) / weight.sum()
        even = np.ptp(weight) < 1e-9
        one, rng = self.make(), np.random.default_rng(seed)
        _seed(one, int(rng.integers(SEEDS)))
        if not self.resample:
            one.fit(table, sample_weight=weight)
            return one
        if not even:
            count = len(weight) if self.rows is None else self.rows
            table = _take(table, rng.choice(len(weight), count, p=weight / weight.sum()))
        one.fit(table)
        return one

    def error(self, fit: NDArray[np.object_], metric: str) -> Array:
        """Return the named error: see `lib.models.base.Model.error`."""
        if metric not in self._functions:
            raise _validate.fail("metric", f"one of {list(self._functions)}", metric)
        found = np.empty(fit.shape)
        for place in np.ndindex(*fit.shape):
            value = self._functions[metric](fit[place])
            try:
                if isinstance(value, str | bytes):
                    raise TypeError
                found[place] = float(value)
            except (TypeError, ValueError):
                raise _validate.fail(f"metrics[{metric!r}]", "a number", value) from None
        return found

    def status(self, loop: Loop) -> Status:
        """Raise a ``TypeError``: nothing is known of the generator."""
        raise TypeError(NO_THEORY)

    def sampling_noise(self, n: int, m: int) -> dict[str, SamplingNoise]:
        """Raise a ``TypeError``: nothing is known of the generator."""
        raise TypeError(NO_THEORY)


def _world(real: Any) -> Table:
    if isinstance(real, pd.DataFrame):
        checked_table("real", real)
        for name in real.columns:
            values = real[name]
            if values.isna().all():
                raise _validate.fail(f"real[{name!r}]", "a column with some values", "all missing")
            if pd.api.types.is_float_dtype(values) and not np.isfinite(values.dropna()).all():
                raise _validate.fail(f"real[{name!r}]", "without infinite values", values.tolist())
        try:  # so that the order of rows does not matter
            return real.sort_values(list(real.columns), kind="stable", ignore_index=True)
        except TypeError:  # values of several kinds have no order
            return real.reset_index(drop=True)
    array = _validate.finite("real", real, "a table of finite numbers, or a DataFrame")
    if array.ndim != 2 or not array.size:
        raise _validate.fail("real", "a table of at least one row and column", real)
    ordered: Array = array[np.lexsort(array.T[::-1])]
    return ordered


def _as_array(name: str, rows: Any) -> Any:
    try:
        return np.asarray(rows)
    except ValueError:  # rows of different lengths
        raise _validate.fail(name, "a table", rows) from None


def _block(
    size: tuple[int, int], rng: np.random.Generator, table: Callable[[int, int, int], Table]
) -> Block:
    seeds = rng.integers(SEEDS, size=size, dtype=np.uint32)
    tables = np.empty(size, dtype=object)
    for i, j in np.ndindex(*size):
        tables[i, j] = table(i, j, int(seeds[i, j]))
    return Block(tables, np.ones((1, 1)), seeds)


def _take(table: Table, places: Any) -> Table:
    if isinstance(table, pd.DataFrame):
        return table.iloc[places].reset_index(drop=True)
    return table[places]


def _stack(tables: Sequence[Table]) -> Table:
    if isinstance(tables[0], pd.DataFrame):
        return pd.concat(tables, ignore_index=True)
    return np.concatenate(tables)


def _takes(function: Any, name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function of a compiled module may not tell
        return False
    return name in parameters


def _seed(generator: Any, seed: int) -> None:
    """Set the random state of a generator that has one, as scikit-learn's have."""
    if hasattr(generator, "random_state"):
        generator.random_state = seed


def _sampled(generator: Any, m: int, seed: int) -> Any:
    if _takes(generator.sample, "random_state"):
        return generator.sample(m, random_state=seed)
    if _takes(generator.sample, "rng"):
        return generator.sample(m, rng=np.random.default_rng(seed))
    _seed(generator, seed)
    return generator.sample(m)


class ChowLiuGenerator:
    """A Chow-Liu tree with the interface of a generator: one table in, rows out.

    For many trees at once `lib.models.ChowLiuTree` is faster; this is the same on a DataFrame.

    Parameters
    ----------
    bands : Bands
        Codebook of the table's columns.

    Attributes
    ----------
    edges : list of (str, str)
        Child and parent, once fitted.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib.bands import Bands
    >>> from lib.generators import ChowLiuGenerator
    >>> table = pd.DataFrame({"a": [0, 0, 1, 1], "b": list("xxyy")})
    >>> tree = ChowLiuGenerator(Bands.of(table)).fit(table)
    >>> tree.edges
    [('b', 'a')]
    >>> len(tree.sample(100))
    100
    """

    def __init__(self, bands: Bands) -> None:
        if not isinstance(bands, Bands) or len(bands.columns) < 2:
            raise _validate.fail("bands", "a `Bands` of at least two columns", bands)
        self.bands = bands
        self.edges: list[tuple[str, str]] = []
        self._layout = _trees.Layout(tuple(bands.sizes))
        self._tree: _trees.Trees | None = None

    def fit(self, table: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the tree of weighted rows.

        Parameters
        ----------
        table : DataFrame
            With the columns of the bands. What `sample` returns will do as well.
        sample_weight : array_like, shape (rows,), optional
            Not negative. Only their ratios matter.

        Returns
        -------
        ChowLiuGenerator
            Itself.

        Raises
        ------
        ValueError
            As `Bands.encode`, or if a weight is negative, all are 0, or their number is not that of
            the rows.
        """
        codes = self._encoded(table)
        weight = np.ones(len(codes))
        if sample_weight is not None:
            weight = _validate.nonnegative("sample_weight", sample_weight)
            if weight.shape != (len(codes),) or not weight.any():
                allowed = f"a vector of {len(codes)} numbers, one a row, not all of them 0"
                raise _validate.fail("sample_weight", allowed, sample_weight)
        margins = self._layout.margins(codes, weight / weight.sum())[None, None]
        self._tree = _trees.Trees(margins, *_trees.learn(self._layout, margins))
        names = self.bands.names
        self.edges = [(names[a], names[b]) for a, b in self._tree.edges()[0, 0]]
        return self

    def _encoded(self, table: pd.DataFrame) -> Any:
        """Encode raw rows, or rows that are in bands already."""
        checked_table("table", table)
        names = self.bands.names
        if list(table.columns) == names and all(
            isinstance(kind, pd.CategoricalDtype) and tuple(kind.categories) == one.labels
            for kind, one in zip(table.dtypes, self.bands.columns, strict=True)
        ):
            codes = np.column_stack([table[name].cat.codes for name in names]).astype(np.intp)
            if (codes < 0).any():
                raise _validate.fail("table", "without missing values", table)
            return codes
        return self.bands.encode(table)

    def sample(self, m: int, random_state: int | None = None) -> pd.DataFrame:
        """Draw rows.

        Parameters
        ----------
        m : int
        random_state : int, optional
            Seed.

        Returns
        -------
        DataFrame
            Bands and groups by name, as `Bands.decode`.

        Raises
        ------
        ValueError
            If nothing was fitted, or m < 1.
        """
        if self._tree is None:
            raise ValueError("`fit` must come before `sample`")
        rng = np.random.default_rng(random_state)
        m = _validate.integer("m", m)
        return self.bands.decode(_trees.sample(self._layout, self._tree, m, rng)[0, 0])
