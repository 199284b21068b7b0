"""The answer to "which weight?", against theory, exact arithmetic, and lines that are run."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from lib import Accumulate, FreshReal, advice, error_ratio
from lib.advice import FILLED, KINDS, TEMPLATES, Advice, Of
from lib.models import Categorical, EmpiricalCDF, Gaussian, LinearRegression, PoissonRegression
from lib.recursion import AffineRecursion, SamplingNoise
from lib.weights import break_even_weight, half_life, naive_weight, optimal_weight

pytestmark = pytest.mark.filterwarnings("error")

MODELS: list[tuple[Of, Any, str]] = [
    ("mean", Gaussian([1.0, 0.0], [[1.0, 0.3], [0.3, 2.0]]), "mean"),
    ("frequencies", Categorical([0.5, 0.3, 0.2]), "frequencies"),
    ("frequencies", EmpiricalCDF(), "cdf"),
    ("variance", Gaussian([0.0], [[2.0]]), "covariance"),
]
SIZES = [(2, 2), (2, 3), (3, 40), (20, 20), (100, 400), (1000, 50), (70, 100_000)]


def recursion(model: Any, metric: str, n: int, m: int, rho: float, w: float) -> AffineRecursion:
    """Return the error with the weight w, where real rows vary rho times as much."""
    noise = model.sampling_noise(n, m)[metric]
    wider = SamplingNoise(rho * noise.real, noise.synthetic, noise.feedback)
    found = FreshReal(n=n, m=m, w=w).recursion(wider)
    assert isinstance(found, AffineRecursion)
    return found


@pytest.mark.parametrize("rho", [1.0, 2.8, 0.4])
@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize(("of", "model", "metric"), MODELS)
def test_it_is_the_best_that_theory_knows(
    of: Of, model: Any, metric: str, n: int, m: int, rho: float
) -> None:
    one = advice(n, m, rho=rho, of=of)
    alone = rho * model.sampling_noise(n, m)[metric].real[0]

    def error(w: float) -> float:
        return float(recursion(model, metric, n, m, rho, w).limit() / alone)

    # below it the loop need not have a limit
    lowest = max(0.0, 1 - one.contraction**-0.5) if of == "variance" else 0.0
    found = minimize_scalar(
        error, bounds=(lowest + 1e-9, 1), method="bounded", options={"xatol": 1e-10}
    )
    assert one.w == pytest.approx(found.x, rel=2e-6)  # the minimum is flat: half the digits
    assert one.error == pytest.approx(error(one.w), rel=1e-10)
    assert one.error <= found.fun * (1 + 1e-12)

    assert one.naive_weight == pytest.approx(n / (n + m), rel=1e-14)
    assert one.naive_error == pytest.approx(error(n / (n + m)), rel=1e-9)
    assert one.gain_over_naive == pytest.approx(error(n / (n + m)) / error(one.w), rel=1e-9)
    assert one.gain_over_real == pytest.approx(1 / error(one.w), rel=1e-10)
    if one.break_even_weight > 0:
        assert error(one.break_even_weight) == pytest.approx(1, rel=1e-9)
    assert error(one.break_even_weight + 1e-4) < 1


@pytest.mark.parametrize("drift", [1e-3, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("rho", [1.0, 2.8])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_a_mean_that_moves(n: int, m: int, rho: float, drift: float) -> None:
    """Follow e = w^2 rho/n + (1-w)^2 (e + 1/m + step), a step being q rho/n, to its end."""
    one = advice(n, m, rho=rho, drift=drift)
    alone = rho / n

    def error(w: float) -> float:
        fresh = w**2 * alone + (1 - w) ** 2 * (1 / m + drift * alone)
        return fresh / (1 - (1 - w) ** 2) / alone

    found = minimize_scalar(error, bounds=(1e-9, 1), method="bounded", options={"xatol": 1e-10})
    assert one.w == pytest.approx(found.x, rel=2e-6)
    assert one.error == pytest.approx(error(one.w), rel=1e-10)
    assert one.naive_error == pytest.approx(error(n / (n + m)), rel=1e-9)
    assert error(one.break_even_weight) == pytest.approx(1, rel=1e-9)
    path = [1.0]
    for _ in range(one.settled + 5):
        kept = (1 - one.w) ** 2
        path.append(one.w**2 + kept * (path[-1] + n / m / rho + drift))
    near = np.abs(np.array(path) / one.error - 1) <= 0.01
    assert near[one.settled :].all()
    assert not near[: one.settled].any()
    still = advice(n, m, rho=rho)
    assert one.w > still.w
    assert one.half_life < still.half_life


@pytest.mark.parametrize("rho", [1.0, 2.8])
@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize(("of", "model", "metric"), MODELS)
def test_how_long_it_takes(of: Of, model: Any, metric: str, n: int, m: int, rho: float) -> None:
    one = advice(n, m, rho=rho, of=of)
    theory = recursion(model, metric, n, m, rho, one.w)
    assert one.half_life == pytest.approx(theory.half_life(), rel=1e-9)
    path = theory.path(one.settled + 5).ravel()
    near = np.abs(path / theory.limit() - 1) <= 0.01
    assert near[one.settled :].all()
    assert not near[: one.settled].any()


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize(("of", "model", "metric"), MODELS)
def test_so_many_real_rows_alone_are_as_good(
    of: Of, model: Any, metric: str, n: int, m: int
) -> None:
    rows = advice(n, m, of=of).effective_rows
    assert rows is not None
    # the error of real rows alone is v/n, or v/(n-1) for a variance
    one, two = (model.sampling_noise(size, m)[metric].real[0] for size in (2, 3))
    centre = 3 - 1 / (1 - two / one) if of != "variance" else 1
    unit = model.sampling_noise(n, m)[metric].real[0]
    as_good = unit * (n - centre) / (rows - centre)
    limit = recursion(model, metric, n, m, 1.0, advice(n, m, of=of).w).limit()
    assert as_good == pytest.approx(limit, rel=1e-9)


def test_a_poisson_model_of_overdispersed_counts() -> None:
    """The unit is the real rows alone: rho times that of rows of the model."""
    counts = PoissonRegression([0.5, -0.3], intercept=True, dispersion=1)
    rho = counts.misspecification
    one = advice(k=1, rho=rho)
    loop = FreshReal(n=10**6, m=10**6, w=one.w)
    noise = counts.sampling_noise(loop.n, loop.m)["theta"]
    limit = counts.theory(loop)["theta"].limit()
    assert one.error == pytest.approx(limit / noise.real[0], rel=1e-6)
    assert rho * one.error == pytest.approx(limit / noise.synthetic[0], rel=1e-6)
    assert one.w == pytest.approx(0.4444, abs=1e-4)


def test_rho_of_a_variance_follows_from_the_kurtosis() -> None:
    """Enumerate all samples of 4 rows that are 0 or 1."""
    n, p = 4, 0.2
    samples = np.array(list(itertools.product([0, 1], repeat=n)))
    chance = np.prod(np.where(samples, p, 1 - p), axis=1)
    v = p * (1 - p)
    scatter = chance @ (samples.var(axis=1, ddof=1) - v) ** 2
    excess = (1 - 6 * v) / v
    rho = 1 + (n - 1) / (2 * n) * excess
    normal = Gaussian([0.0], [[v]]).sampling_noise(n, n)["covariance"].real[0]
    assert scatter == pytest.approx(rho * normal, rel=1e-12)


# --- weights of rows -----------------------------------------------------------------------------

ratios = st.floats(-12, 12).map(lambda x: 10.0**x)
counts = st.integers(2, 10**12)
SAME_EVERY_RUN = settings(derandomize=True, database=None, deadline=None, max_examples=100)


@SAME_EVERY_RUN
@given(n=counts, m=counts, rho=st.floats(0.01, 100), of=st.sampled_from(KINDS))
def test_the_same_weights_on_three_scales(n: int, m: int, rho: float, of: Of) -> None:
    one = advice(n, m, rho=rho, of=of)
    real, synthetic = one.real_row_weight, one.synthetic_row_weight
    assert real is not None
    assert synthetic is not None
    assert n * real + m * synthetic == pytest.approx(1, rel=1e-12)
    assert n * real == pytest.approx(one.w, rel=1e-12)
    assert synthetic / real == pytest.approx(one.synthetic_sample_weight, rel=1e-12)
    assert one.mean_one_synthetic / one.mean_one_real == pytest.approx(
        one.synthetic_sample_weight, rel=1e-12
    )
    assert n * one.mean_one_real + m * one.mean_one_synthetic == pytest.approx(n + m, rel=1e-12)


@SAME_EVERY_RUN
@given(k=ratios, rho=st.floats(0.01, 100))
def test_for_a_mean_a_synthetic_row_weighs_rho_w(k: float, rho: float) -> None:
    one = advice(k=k, rho=rho)
    assert one.synthetic_sample_weight == pytest.approx(rho * one.w, rel=1e-9)
    # so that all weights sum to what the fit is worth, n / w
    total = 1 + one.synthetic_sample_weight / k
    assert total == pytest.approx(one.gain_over_real, rel=1e-9)


@SAME_EVERY_RUN
@given(k=ratios, rho=st.floats(0.01, 100), drift=st.floats(0, 100))
def test_all_weights_sum_to_what_the_fit_is_worth(k: float, rho: float, drift: float) -> None:
    one = advice(k=k, rho=rho, drift=drift)
    total = 1 + one.synthetic_sample_weight / k
    assert total == pytest.approx(one.gain_over_real, rel=1e-9)


@SAME_EVERY_RUN
@given(n=counts, m=counts, rho=st.floats(0.01, 100))
def test_for_frequencies_it_is_a_little_more(n: int, m: int, rho: float) -> None:
    one = advice(n, m, rho=rho, of="frequencies")
    expected = rho * (1 - (1 - 1 / m) * (1 - one.w))
    assert one.synthetic_sample_weight == pytest.approx(expected, rel=1e-6)


@SAME_EVERY_RUN
@given(k=ratios, rho=st.floats(0.01, 100))
def test_it_is_made_of_the_closed_forms(k: float, rho: float) -> None:
    one = advice(k=k, rho=rho)
    assert one.w == optimal_weight(k / rho)
    assert one.naive_weight == naive_weight(k)
    assert one.break_even_weight == break_even_weight(k / rho)
    assert one.naive_error == pytest.approx(error_ratio(naive_weight(k), k / rho), rel=1e-14)
    if one.w < 0.999:  # half_life loses digits of 1 - w
        assert one.half_life == pytest.approx(half_life(one.w), rel=1e-9)


def test_k_alone_gives_what_n_and_m_give() -> None:
    alone, both = advice(k=0.2, rho=1.5).to_dict(), advice(1000, 5000, rho=1.5).to_dict()
    rows = {"n", "m", "real_row_weight", "synthetic_row_weight", "effective_rows"}
    assert {name for name, value in alone.items() if value is None} == rows
    assert {name: both[name] for name in alone if name not in rows} == {
        name: value for name, value in alone.items() if name not in rows
    }


# --- sizes out of the ordinary -------------------------------------------------------------------


def exact(n: int, m: int, of: Of) -> dict[str, float]:
    """Return some of the numbers from 60 digits."""
    with localcontext() as context:
        context.prec = 60
        n_, m_ = Decimal(n), Decimal(m)
        k, r = n_ / m_, Decimal(1)
        if of == "frequencies":
            r = 1 - 1 / m_
        if of == "variance":
            k, r = (n_ - 1) / (m_ - 1), (m_ + 1) / (m_ - 1)
        b = 1 + k + r
        u = 2 / (b + (b * b - 4 * r).sqrt())
        naive = n_ / (n_ + m_)
        kept = (1 - naive) ** 2
        values = {
            "w": 1 - u,
            "error": 1 - u,
            "synthetic_row_weight": u / m_,
            "synthetic_sample_weight": n_ / m_ * u / (1 - u),
            "naive_error": (naive * naive + k * kept) / (1 - r * kept),
            "break_even_weight": max(Decimal(0), (k + r - 1) / (k + r + 1)),
        }
        if r * u * u > 0:
            values["half_life"] = Decimal(2).ln() / -(r * u * u).ln()
        return {name: float(value) for name, value in values.items()}


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize(
    ("n", "m"),
    [
        *[(1, 1), (2, 2), (1, 10**12), (10**12, 1), (2, 10**12), (10**12, 2), (10**12, 10**12)],
        *[(3, 2**53), (2**53, 3), (2**53, 2**53)],
    ],
)
def test_extreme_sizes_keep_their_digits(of: Of, n: int, m: int) -> None:
    if of == "variance" and 1 in (n, m):
        return
    one = advice(n, m, of=of).to_dict()
    for name, value in exact(n, m, of).items():
        assert one[name] == pytest.approx(value, rel=1e-9, abs=0), name


@pytest.mark.parametrize("k", [1e-300, 1e-9, 1e9, 1e300])
def test_extreme_ratios(k: float) -> None:
    one = advice(k=k)
    assert all(math.isfinite(v) for v in one.to_dict().values() if isinstance(v, float | int))
    assert one.w == pytest.approx(min(math.sqrt(k), 1), rel=1e-4)
    assert json.loads(json.dumps(one.to_dict())) == one.to_dict()
    assert "nan" not in one.report()


def test_one_row_of_each_kind() -> None:
    one = advice(1, 1, of="frequencies")  # nothing of the old error is kept
    assert (one.contraction, one.half_life, one.settled) == (0, 0, 1)
    assert one.w == pytest.approx(0.5, rel=1e-14)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n": 0, "m": 5}, "`n` must be an integer of at least 1; got 0"),
        ({"n": 5, "m": 2.5}, "`m` must be an integer of at least 1; got 2.5"),
        ({"n": True, "m": 5}, "`n` must be an integer"),
        ({"n": 5}, "`m` must be given together with the other, or `k` alone"),
        ({"m": 5}, "`n` must be given together"),
        ({}, "`n` must be given together"),
        ({"n": 5, "k": 1}, "`n` must be left out if `k` is given; got 5"),
        ({"m": 5, "k": 1}, "`m` must be left out if `k` is given; got 5"),
        ({"k": 0}, "`k` must be finite and greater than 0; got 0"),
        ({"k": math.inf}, "`k` must be finite"),
        ({"k": [1, 2]}, "`k` must be a single number"),
        ({"k": "1"}, "`k` must be finite and greater than 0; got '1'"),
        ({"k": 1, "rho": 0}, "`rho` must be finite and greater than 0; got 0"),
        ({"k": 1, "rho": -1.0}, "`rho` must be"),
        ({"k": 1, "rho": math.nan}, "`rho` must be"),
        ({"k": 1e300, "rho": 1e-300}, "`rho` must be such that k / rho is a positive finite"),
        ({"k": 1e-300, "rho": 1e300}, "`rho` must be such that k / rho is a positive finite"),
        ({"k": 1, "drift": -0.1}, "`drift` must be finite and at least 0; got -0.1"),
        ({"k": 1, "drift": math.nan}, "`drift` must be finite and at least 0; got nan"),
        ({"k": 1, "drift": [0.1]}, "`drift` must be a single number; got [0.1]"),
        ({"k": 1e308, "drift": 1e308}, "`drift` must be such that k / rho + q is a finite"),
        (
            {"n": 5, "m": 5, "of": "variance", "drift": 0.1},
            "`drift` must be 0 for `of` = 'variance': only a mean may move; got 0.1",
        ),
        ({"k": 1, "of": "frequencies"}, "`of` must be 'mean' if only `k` is given"),
        ({"n": 5, "m": 5, "of": "median"}, "`of` must be one of 'mean', 'frequencies', 'variance'"),
        ({"n": 5, "m": 1, "of": "variance"}, "`m` must be at least 2 for a variance, because one"),
        ({"n": 1, "m": 5, "of": "variance"}, "`n` must be at least 2 for a variance, because one"),
        ({"n": 2**53 + 2, "m": 5}, "`n` must be an integer of at least 1 and at most 2^53"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        advice(**arguments)


def test_an_answer_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        advice(k=1).w = 0.5  # type: ignore[misc]


# --- the report ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one",
    [
        advice(1000, 5000),
        advice(k=0.2, rho=2.5),
        advice(20, 30, of="frequencies"),
        advice(20, 30, of="variance", rho=1.25),
        advice(1, 10**6),
        advice(k=0.2, drift=0.125),
    ],
)
def test_the_report_says_the_numbers(one: Advice) -> None:
    text = one.report()
    said = [float(x) for x in re.findall(r"\d+\.?\d*(?:e[+-]\d+)?", text)]
    names = ["k", "w", "naive_weight", "break_even_weight", "error", "naive_error"]
    if one.of != "variance":
        names += ["synthetic_sample_weight", "mean_one_real", "mean_one_synthetic"]
    if one.n is not None:
        names += ["n", "m", "real_row_weight", "synthetic_row_weight"]
    for name in names:
        value = getattr(one, name)
        assert min(abs(x / value - 1) for x in said) < 1e-3, name
    # what a phone of 390 px shows of a line; more only where numbers leave the usual range
    assert max(map(len, text.splitlines())) <= (40 if one.gain_over_real < 1e3 else 46)
    assert ("rho" in text) == (one.rho != 1)
    assert (f"q = {one.drift:.6g}" in text) == (one.drift != 0)
    assert ("sample_weight" in text) == (one.of != "variance")


@pytest.mark.parametrize(
    ("one", "said", "unsaid"),
    [
        (
            advice(1, 1, of="frequencies"),
            ["n = 1 real row\nm = 1 synthetic row\n", "half of the way at once\n", "1 generation"],
            ["rows\nm", "synthetic rows\n", "1 generations"],
        ),
        (
            advice(1000, 5000),
            ["n = 1000 real rows\n", "m = 5000 synthetic rows\n", "in 0.78 generations\n"],
            ["at once"],
        ),
        (advice(10**12, 1), ["within 1% from the start"], ["after 0"]),
    ],
)
def test_the_report_counts_as_people_do(one: Advice, said: list[str], unsaid: list[str]) -> None:
    text = one.report() + "\n"
    assert [part for part in said if part not in text] == []
    assert [part for part in unsaid if part in text] == []


# --- lines to copy, run as they are --------------------------------------------------------------

RNG = np.random.default_rng(5)
X_REAL, X_SYNTHETIC = (sm.add_constant(RNG.normal(size=(size, 1))) for size in (60, 150))
HERE = advice(60, 150)
WEIGHT = np.concatenate(
    [np.full(60, HERE.real_row_weight), np.full(150, HERE.synthetic_row_weight)]
)
X = np.concatenate([X_REAL, X_SYNTHETIC])


def run(code: str, **names: Any) -> dict[str, Any]:
    exec(compile(code, "lines", "exec"), names)  # noqa: S102 - our own lines
    return names


def maximum_likelihood(y: Any, mean: Any, variance: Any) -> Any:
    """Solve sum of w (y - mean(x theta)) x = 0 by Newton's method, with weights that sum to 1."""
    theta = np.zeros(X.shape[1])
    for _ in range(50):
        fitted = mean(X @ theta)
        information = (X * (WEIGHT * variance(fitted))[:, None]).T @ X
        theta += np.linalg.solve(information, X.T @ (WEIGHT * (y - fitted)))
    assert np.allclose(X.T @ (WEIGHT * (y - mean(X @ theta))), 0, atol=1e-12)
    return theta


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


LABELS = (RNG.random(210) < logistic(X @ [0.3, -0.8])).astype(float)
COUNTS = RNG.poisson(np.exp(X @ [0.5, -0.3])).astype(float)


def parts(y: Any) -> dict[str, Any]:
    return {"X_real": X_REAL, "X_synthetic": X_SYNTHETIC, "y_real": y[:60], "y_synthetic": y[60:]}


def test_numpy_lines_for_a_mean() -> None:
    real, synthetic = RNG.normal(size=(60, 3)), RNG.normal(size=(150, 3))
    got = run(HERE.lines("numpy"), real=real, synthetic=synthetic)["estimate"]
    expected = HERE.w * real.mean(axis=0) + (1 - HERE.w) * synthetic.mean(axis=0)
    assert got == pytest.approx(expected, rel=1e-10)
    one = run(advice(k=0.4).lines("numpy"), real=real[:, 0], synthetic=synthetic[:, 0])
    assert one["estimate"] == pytest.approx(expected[0], rel=1e-10)


def test_numpy_lines_for_frequencies() -> None:
    one = advice(60, 150, of="frequencies")
    real, synthetic = RNG.integers(0, 4, 60), RNG.integers(0, 4, 150)
    got = run(one.lines("numpy"), real=real, synthetic=synthetic)["frequencies"]
    for code in range(4):
        expected = one.w * (real == code).mean() + (1 - one.w) * (synthetic == code).mean()
        assert got[code] == pytest.approx(expected, rel=1e-10)


def test_numpy_lines_for_a_variance() -> None:
    one = advice(60, 150, of="variance")
    real, synthetic = RNG.normal(size=60), RNG.normal(size=150)
    got = run(one.lines("numpy"), real=real, synthetic=synthetic)["estimate"]
    squares = [((part - part.mean()) ** 2).sum() for part in (real, synthetic)]
    assert got == pytest.approx(one.w * squares[0] / 59 + (1 - one.w) * squares[1] / 149, rel=1e-9)


def test_sklearn_lines() -> None:
    columns = {"X_real": X_REAL[:, 1:], "X_synthetic": X_SYNTHETIC[:, 1:]}
    expected = maximum_likelihood(LABELS, logistic, lambda p: p * (1 - p))
    code = HERE.lines("sklearn")
    # as they are its optimiser stops at a gradient of 1e-4
    for lines, apart in ((code, 2e-3), (code.replace("=1000", "=1000, tol=1e-9"), 1e-6)):
        model = run(lines, **(parts(LABELS) | columns))["model"]
        got = np.array([model.intercept_[0], model.coef_[0, 0]])
        assert got == pytest.approx(expected, abs=apart)


def test_a_penalty_acts_as_on_the_rows_that_the_fit_is_worth() -> None:
    code = HERE.lines("sklearn").replace("C=np.inf", "C=0.05, tol=1e-9")
    columns = {"X_real": X_REAL[:, 1:], "X_synthetic": X_SYNTHETIC[:, 1:]}
    model = run(code, **(parts(LABELS) | columns))["model"]
    theta = np.array([model.intercept_[0], model.coef_[0, 0]])
    # its objective: C times the sum of weight times loss, plus half the squared slope; here as
    # the mean loss of so many rows
    gradient = X.T @ (WEIGHT * (LABELS - logistic(X @ theta)))
    assert HERE.effective_rows is not None
    assert gradient == pytest.approx([0, theta[1] / (0.05 * HERE.effective_rows)], abs=1e-6)
    assert f"{HERE.effective_rows:.6g} real rows" in code


def test_statsmodels_lines() -> None:
    got = run(HERE.lines("statsmodels"), **parts(COUNTS))
    expected = maximum_likelihood(COUNTS, np.exp, lambda mean: mean)
    assert got["counts"].params == pytest.approx(expected, rel=1e-7)
    square = (X * WEIGHT[:, None]).T @ X
    line = np.linalg.solve(square, X.T @ (WEIGHT * COUNTS))
    assert got["line"] == pytest.approx(line, rel=1e-9)
    # the sum of the weights is taken for the number of rows
    assert HERE.effective_rows is not None
    assert got["counts"].df_resid + 2 == pytest.approx(HERE.effective_rows, rel=1e-10)


@pytest.mark.parametrize("rho", [1.0, 2.5])
def test_statsmodels_standard_errors_are_those_of_the_long_run(rho: float) -> None:
    """With the covariates of the real rows in the synthetic ones, where that is exact."""
    one = advice(60, 60, rho=rho)
    y = RNG.poisson(2, size=120)
    same = {"X_real": X_REAL, "X_synthetic": X_REAL, "y_real": y[:60], "y_synthetic": y[60:]}
    fit = run(one.lines("statsmodels"), **same)["counts"]
    inverse = np.linalg.inv(
        (np.vstack([X_REAL] * 2) * fit.fittedvalues[:, None]).T @ fit.model.exog
    )
    alone = rho * 2 * inverse  # of the 60 real rows alone
    assert fit.cov_params() == pytest.approx(one.error * alone, rel=1e-4)


def test_var_weights_promise_too_much_for_a_linear_model() -> None:
    """What the lines say of them."""
    design = X_REAL
    theory = LinearRegression([0.0, 0.0], design=design).theory(FreshReal(n=60, m=60, w=0.618))
    unit = np.trace(np.linalg.inv(design.T @ design))
    best = advice(60, 60)
    limit = theory["theta"].limit() / unit
    assert limit == pytest.approx(best.error, rel=1e-4)
    both = np.vstack([design, design])
    y = np.concatenate([RNG.normal(size=60)] * 2)  # both parts with the same residuals
    weight = np.repeat([1, best.synthetic_sample_weight], 60)
    family = sm.families.Gaussian()
    promised = {}
    for kind in ("freq_weights", "var_weights"):
        fit = sm.GLM(y, both, family=family, **{kind: weight}).fit()
        residual = y - both @ fit.params
        spread = (residual**2 * weight).sum() / weight.sum()
        promised[kind] = np.trace(fit.cov_params()) / spread / unit
    assert promised["freq_weights"] == pytest.approx(best.error, rel=0.05)
    assert promised["var_weights"] == pytest.approx(60 / 120, rel=0.05)


def test_torch_lines() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.manual_seed(1)
    model = torch.nn.Linear(2, 1, bias=False)
    tensors = {
        name: torch.tensor(part, dtype=torch.float32) for name, part in parts(LABELS).items()
    }
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    run(HERE.lines("torch"), model=model, optimizer=optimizer, epochs=300, **tensors)
    expected = maximum_likelihood(LABELS, logistic, lambda p: p * (1 - p))
    assert model.weight.detach().numpy()[0] == pytest.approx(expected, abs=1e-3)


def test_torch_mini_batches_estimate_the_weighted_loss() -> None:
    """The sum over an epoch's batches of equal size is that of the whole: no bias."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = torch.nn.Linear(2, 1, bias=False)
    tensors = {
        name: torch.tensor(part, dtype=torch.float32) for name, part in parts(LABELS).items()
    }

    class Recorder:
        total = torch.zeros(2)

        def zero_grad(self) -> None:
            model.zero_grad()

        def step(self) -> None:
            self.total = self.total + model.weight.grad[0]

    code = HERE.lines("torch").replace("batch_size=256", "batch_size=21")
    recorder = Recorder()
    run(code, model=model, optimizer=recorder, epochs=1, **tensors)
    theta = model.weight.detach().numpy()[0].astype(float)
    gradient = -X.T @ (WEIGHT * (LABELS - logistic(X @ theta)))
    assert (recorder.total / 10).numpy() == pytest.approx(gradient, abs=1e-5)


@pytest.mark.parametrize("one", [advice(1, 10**12, of=of) for of in KINDS[:2]] + [advice(k=1e-9)])
def test_all_lines_are_filled_and_fit(one: Advice) -> None:
    for library in TEMPLATES[one.of]:
        code = one.lines(library)  # type: ignore[arg-type]
        compile(code, library, "exec")
        assert not re.search(r"\{\w+\}", code)
        assert max(map(len, code.splitlines())) <= 75
        assert f"{one.w:.12g}" in code


def test_every_placeholder_has_a_value() -> None:
    used = {
        name
        for offered in TEMPLATES.values()
        for template in offered.values()
        for name in re.findall(r"\{(\w+)\}", template)
    }
    assert used == {*FILLED, "rest", "setting", "worth"}


@pytest.mark.parametrize(("of", "library"), [("mean", "jax"), ("variance", "sklearn")])
def test_lines_for_other_libraries_are_refused(of: Of, library: Any) -> None:
    with pytest.raises(ValueError, match=rf"^`library` must be one of numpy.*; got '{library}'$"):
        advice(5, 5, of=of).lines(library)


def test_accumulating_has_no_weight_to_choose() -> None:
    """The report is on fresh real rows: the other loop has another error."""
    best = advice(100, 100)
    limit = Gaussian([0.0], [[1.0]]).theory(Accumulate(n=100, m=100))["mean"].limit() * 100
    assert limit > 1 > best.error
