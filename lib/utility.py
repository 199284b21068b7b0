"""What synthetic rows are good for: train a regression on them and test it on real rows.

In the literature on synthetic tables this is "train on synthetic, test on real" (TSTR). The
regression is statsmodels' logistic one, on indicators of all other columns.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from lib import _validate
from lib._validate import Array
from lib.bands import checked_table

LEAST = 1e-4
"""A predicted probability is kept that far from 0 and 1 before it is scored."""


class Utility(NamedTuple):
    """How well a regression predicts rows that it has not seen.

    Attributes
    ----------
    accuracy : float
        Share of rows whose likelier label is the right one.
    log_loss : float
        Mean of minus the log-probability of the right label, in nats.
    """

    accuracy: float
    log_loss: float


def train_and_test(
    train: pd.DataFrame,
    test: pd.DataFrame,
    label: str,
    *,
    test_weight: ArrayLike | None = None,
) -> Utility:
    """Train a logistic regression on one table and test it on another.

    A category that the training rows do not have counts as the most frequent one of its column;
    where the label itself does not vary, its value is predicted with the probability
    (rows + 1/2) / (rows + 1).

    Parameters
    ----------
    train, test : DataFrame
        With the same columns, all of them ordered or unordered categories with the same
        categories, such as `lib.bands.Bands.decode` returns.
    label : str
        Column with two categories, of which the second is predicted.
    test_weight : array_like, shape (rows of test,), optional
        How often each row of `test` stands in the world; by default once.

    Returns
    -------
    Utility

    Raises
    ------
    ValueError
        If a table is none or empty, columns or categories differ, the label is no column of two
        categories, or a weight is negative, all are 0 or their number does not match.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib.utility import train_and_test
    >>> rows = pd.DataFrame(
    ...     {"x": list("aabb") * 5, "y": list("nnyn") * 5}, dtype="category"
    ... )
    >>> utility = train_and_test(rows, rows, "y")
    >>> round(utility.accuracy, 3)
    0.75
    """
    for name, table in (("train", train), ("test", test)):
        checked_table(name, table)
        for column, kind in table.dtypes.items():
            if not isinstance(kind, pd.CategoricalDtype):
                raise _validate.fail(f"{name}[{column!r}]", "of categories", kind)
            if table[column].isna().any():
                raise _validate.fail(f"{name}[{column!r}]", "without missing values", "missing")
    same = list(train.columns) == list(test.columns) and all(
        list(train[name].cat.categories) == list(test[name].cat.categories) for name in train
    )
    if not same:
        raise _validate.fail("test", "a table with the columns and categories of `train`", test)
    if label not in list(train.columns) or len(train[label].cat.categories) != 2:
        raise _validate.fail("label", "a column of two categories", label)
    weight = np.ones(len(test))
    if test_weight is not None:
        weight = _validate.nonnegative("test_weight", test_weight)
        if weight.shape != (len(test),) or not weight.any():
            allowed = f"a vector of {len(test)} numbers, one a row of `test`, not all of them 0"
            raise _validate.fail("test_weight", allowed, test_weight)
    y, truth = (table[label].cat.codes.to_numpy() for table in (train, test))
    probability = _predicted(train.drop(columns=label), y, test.drop(columns=label))
    probability = np.clip(probability, LEAST, 1 - LEAST)
    right = np.where(truth == 1, probability, 1 - probability)
    share = weight / weight.sum()
    hit = np.where(abs(right - 0.5) < 1e-9, 0.5, right > 0.5)
    return Utility(float(share @ hit), float(share @ -np.log(right)))


def _predicted(train: pd.DataFrame, y: Any, test: pd.DataFrame) -> Array:
    # imported when needed: it takes a second
    from statsmodels.genmod.families import Binomial  # type: ignore[import-untyped] # noqa: PLC0415
    from statsmodels.genmod.generalized_linear_model import (  # type: ignore[import-untyped] # noqa: PLC0415
        GLM,
    )
    from statsmodels.tools.sm_exceptions import (  # type: ignore[import-untyped] # noqa: PLC0415
        PerfectSeparationWarning,
    )

    if np.ptp(y) == 0:
        certain = (len(y) + 0.5) / (len(y) + 1)
        return np.full(len(test), certain if y[0] else 1 - certain)
    x, other = (_indicators(table, train) for table in (train, test))
    varies = np.ptp(x, axis=0) > 0
    design, seen = (np.column_stack([np.ones(len(one)), one[:, varies]]) for one in (x, other))
    # columns that say the same: an orthonormal basis of what they say, which determines the fit
    _, size, turned = np.linalg.svd(design, full_matrices=False)
    basis = turned[size > 1e-9 * size[0]].T
    with warnings.catch_warnings(), threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        # few rows may be told apart by some columns: the fit then ends with large coefficients
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        fit = GLM(y.astype(float), design @ basis, family=Binomial()).fit()
        return np.asarray(fit.predict(seen @ basis), dtype=float)


def _indicators(table: pd.DataFrame, train: pd.DataFrame) -> Array:
    """Return an indicator for each category but the most frequent one of the training rows.

    So a category that was never seen in training counts as that one.
    """
    columns = [np.empty((len(table), 0), dtype=bool)]
    for name in table:
        codes = table[name].cat.codes.to_numpy()
        categories = np.arange(len(table[name].cat.categories))
        usual = np.bincount(train[name].cat.codes, minlength=categories.size).argmax()
        columns.append(codes[:, None] == np.delete(categories, usual))
    return np.concatenate(columns, axis=1).astype(float)
