"""What a chart computes in the page is what the library computes in Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pages import chart_index, page_values, visit
from playwright.sync_api import Browser, Page

from lib import (
    Accumulate,
    FixedReal,
    FreshReal,
    FullySynthetic,
    error_ratio,
    naive_weight,
    optimal_weight,
)
from lib.claims.ridge import example_model
from lib.drift import drifting_weight, error_parts, misjudged_loss
from lib.models import (
    EmpiricalCDF,
    Gaussian,
    KernelDensity,
    LinearRegression,
    NormalMixture,
    RidgeRegression,
)
from lib.planner import naive_ratio, ratio_for
from lib.survival import extinction, memory

LINE = Gaussian([0.0], [[1.0]])  # its mean has the error 1/n with real data alone


@pytest.fixture(scope="module")
def one_recursion(browser: Browser, site: str) -> Iterator[Page]:
    page = visit(browser, site, "book/foundations/one-recursion").page
    yield page
    page.close()


@pytest.mark.parametrize("k", [0.05, 0.1, 0.3, 0.5, 0.9, 1.0, 1.6180339887498949, 2.5, 7.0, 20.0])
def test_error_ratio_and_marks(one_recursion: Page, k: float) -> None:
    chart = chart_index(one_recursion, "k", "w")
    rows = page_values(one_recursion, chart, {"k": k}, "limit")
    w = [row["w"] for row in rows]
    assert len(set(w)) > 1
    assert [row["limit"] for row in rows] == pytest.approx(error_ratio(w, k), rel=1e-12, abs=0)

    marks = {row["name"]: row for row in page_values(one_recursion, chart, {"w": 0.7}, "label")}
    for name, weight in (("best", optimal_weight(k)), ("naive", naive_weight(k)), ("yours", 0.7)):
        assert marks[name]["w"] == pytest.approx(weight, rel=1e-12, abs=0)
        assert marks[name]["error"] == pytest.approx(error_ratio(weight, k), rel=1e-12, abs=0)


@pytest.mark.parametrize("t", [0, 1, 7, 20])
def test_error_at_a_generation(one_recursion: Page, t: int) -> None:
    chart = chart_index(one_recursion, "k", "w")
    rows = page_values(one_recursion, chart, {"k": 0.5, "t": t}, "early")
    w = np.array([row["w"] for row in rows])
    path = LINE.theory(FreshReal(n=10, m=20, w=w))["mean"].path(20)[:, t] * 10
    assert [row["early"] for row in rows] == pytest.approx(path, rel=1e-10, abs=0)


@pytest.mark.parametrize(("w", "k"), [(0.62, 1.0), (0.1, 0.2), (0.95, 4.0)])
def test_four_loops(browser: Browser, site: str, w: float, k: float) -> None:
    page = visit(browser, site, "book/foundations/four-loops").page
    n, m = round(100 * k), 100
    loops = {
        "synthetic": FullySynthetic(n=n, m=m),
        "accumulated": Accumulate(n=n, m=m),
        "fixed": FixedReal(n=n, m=m, w=w),
        "fresh": FreshReal(n=n, m=m, w=w),
    }
    rows = page_values(page, chart_index(page, "w", "k"), {"w": w, "k": k}, "fresh")
    for field, loop in loops.items():
        path = LINE.theory(loop)["mean"].path(30) * n
        values = [row[field] for row in rows]
        expected = [path[round(row["t"])] for row in rows]
        assert values == pytest.approx(expected, rel=1e-10, abs=0), field
    page.close()


def test_mean(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/gaussian/mean").page
    chart = chart_index(page, "n", "m", "w")
    for n, m, w in ((100, 400, 0.7), (10, 1000, 0.02), (1000, 10, 1.0)):
        rows = page_values(page, chart, {"n": n, "m": m, "w": w}, "yours")
        weights = {"yours": w, "best": optimal_weight(n / m), "naive": naive_weight(n / m)}
        for field, weight in weights.items():
            path = LINE.theory(FreshReal(n=n, m=m, w=weight))["mean"].path(20)
            expected = [path[round(row["t"])] for row in rows]
            assert [row[field] for row in rows] == pytest.approx(expected, rel=1e-10, abs=0)
    page.close()


def test_covariance(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/gaussian/covariance").page
    chart = chart_index(page, "n", "m", "b")
    for n, m, dim in ((20, 20, 2), (5, 200, 3), (200, 4, 1)):
        # for a multiple of the identity (trace)^2 / Frobenius^2 is the dimension
        model = Gaussian(np.zeros(dim), np.eye(dim))
        rows = page_values(page, chart, {"n": n, "m": m, "b": dim}, "asymptotic")
        w = np.array([row["w"] for row in rows])
        limit = model.theory(FreshReal(n=n, m=m, w=w))["covariance"].limit()
        alone = model.sampling_noise(n, m)["covariance"].real[0]
        for row, expected in zip(rows, limit / alone, strict=True):
            if np.isfinite(expected):
                assert row["exact"] == pytest.approx(expected, rel=1e-9, abs=0)
            else:
                assert row["exact"] is None
        asymptotic = [row["asymptotic"] for row in rows]
        assert asymptotic == pytest.approx(error_ratio(w, n / m), rel=1e-12, abs=0)
    page.close()


def test_misspecification(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/regression/misspecified").page
    chart = chart_index(page, "rho", "k")
    for rho, k in ((2.8, 1.0), (0.5, 0.3), (6.0, 4.0)):
        rows = page_values(page, chart, {"rho": rho, "k": k}, "wrong")
        w = np.array([row["w"] for row in rows])
        exact = (rho * w**2 + k * (1 - w) ** 2) / (w * (2 - w))  # as the theorem states it
        assert [row["wrong"] for row in rows] == pytest.approx(exact, rel=1e-12, abs=0)
        right = [row["right"] for row in rows]
        assert right == pytest.approx(error_ratio(w, k), rel=1e-12, abs=0)
        marks = {row["name"]: row for row in page_values(page, chart, {}, "label")}
        for name, weight in (
            ("corrected", optimal_weight(k / rho)),
            ("uncorrected", optimal_weight(k)),
        ):
            assert marks[name]["w"] == pytest.approx(weight, rel=1e-12, abs=0)
            assert marks[name]["error"] == pytest.approx(
                rho * error_ratio(weight, k / rho), rel=1e-12
            )
    page.close()


def test_resampling(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/real-data/your-generator").page
    chart = chart_index(page, "k", "times")
    for k, times in ((1.0, 2.0), (0.3, 30.0), (4.0, 0.5), (1.0, 3.5)):
        rows = page_values(page, chart, {"k": k, "times": times}, "again")
        w = np.array([row["w"] for row in rows])
        exact = (w**2 + k * (1 - w) ** 2 + 1 / times) / (w * (2 - w))  # as the corollary states it
        assert [row["again"] for row in rows] == pytest.approx(exact, rel=1e-12, abs=0)
        used = [row["used"] for row in rows]
        assert used == pytest.approx(error_ratio(w, k), rel=1e-12, abs=0)
        (mark,) = page_values(page, chart, {}, "label")
        best = optimal_weight(k + 1 / times)
        assert mark["w"] == pytest.approx(best, rel=1e-12, abs=0)
        assert mark["error"] == pytest.approx(best + 1 / times, rel=1e-12, abs=0)
        assert ("does not" in mark["label"]) == (times < k + 2)
    page.close()


def test_a_generation_and_a_loop_are_chosen(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/real-data/adult-income").page
    chart = chart_index(page, "way", "t")
    chosen: list[dict[str, Any]] = [
        {"way": "fully synthetic", "t": 0},
        {"way": "golden weight", "t": 0},
        {"way": "fully synthetic", "t": 60},
    ]
    rows = [page_values(page, chart, one, "gap") for one in chosen]
    for one, shown in zip(chosen, rows, strict=True):
        assert len(shown) >= 8
        assert {(row["series"], row["t"]) for row in shown} == {tuple(one.values())}
    first, same, late = ([row["predicted"] for row in shown] for shown in rows)
    assert first == same  # the first fit sees the same real rows
    assert first != late
    page.close()


def test_a_size_is_chosen(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/regression/linear").page
    chart = chart_index(page, "rows")
    plane = LinearRegression([1.0, -1.0])
    for n in (5, 50):
        rows = [r for r in page_values(page, chart, {"rows": n}, "which")]
        drawn = [row for row in rows if row["which"] == "error"]
        assert {row["size"] for row in drawn} == {n}
        w = np.array([row["w"] for row in drawn])
        exact = plane.theory(FreshReal(n=n, m=n, w=w))["theta"].limit() * n / 2
        assert [row["value"] for row in drawn] == pytest.approx(exact, abs=2e-6)
    page.close()


def test_contraction(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/nonparametric/distribution-function").page
    chart = chart_index(page, "n", "m")
    for n, m in ((10, 5), (200, 1), (1, 200), (37, 37)):
        rows = page_values(page, chart, {"n": n, "m": m}, "without")
        w = np.array([row["w"] for row in rows])
        limit = EmpiricalCDF().theory(FreshReal(n=n, m=m, w=w))["cdf"].limit() * 6 * n
        assert [row["exact"] for row in rows] == pytest.approx(limit, rel=1e-10, abs=0)
        without = [row["without"] for row in rows]
        assert without == pytest.approx(error_ratio(w, n / m), rel=1e-12, abs=0)
        (mark,) = page_values(page, chart, {}, "label")
        best = optimal_weight(n / m, contraction=1 - 1 / m)
        assert (mark["w"], mark["error"]) == pytest.approx((best, best), rel=1e-12, abs=0)
    page.close()


def test_loss(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/nonparametric/categories").page
    chart = chart_index(page, "rows", "w", "k")
    for rows, w, k in ((3.0, 0.62, 1.0), (0.2, 0.5, 4.0), (10.0, 0.95, 0.1)):
        values = page_values(page, chart, {"rows": rows, "w": w, "k": k}, "fresh")
        q = extinction(60)  # the formulas as the theorems state them
        for row in values:
            founders = np.exp((q[round(row["t"]) - 1] - 1) / k)
            expected = np.exp(-rows * (1 - founders))
            assert row["synthetic"] == pytest.approx(expected, rel=1e-10)
            assert row["kept"] == pytest.approx(np.exp(-rows), rel=1e-12)
            # the page sums 12 terms of the series
            left_out = rows * w / k * (1 - w) ** 12 / w
            exact = np.exp(-rows * memory(w, k))
            assert exact * (1 - 1e-9) <= row["fresh"] <= exact * np.exp(left_out) * (1 + 1e-9)
    page.close()


def test_best_weight_of_a_frequency(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/nonparametric/kernel-density").page
    chart = chart_index(page, "k")
    for k in (0.1, 1.0, 4.0):
        rows = page_values(page, chart, {"k": k}, "naive")
        s = np.array([row["s"] for row in rows])
        best = optimal_weight(k, contraction=np.exp(-(s**2)))
        assert [row["best"] for row in rows] == pytest.approx(best, rel=1e-10, abs=0)
        assert rows[0]["golden"] == pytest.approx(optimal_weight(k), rel=1e-12, abs=0)
        assert rows[0]["naive"] == pytest.approx(naive_weight(k), rel=1e-12, abs=0)
    page.close()


def test_a_generation_is_chosen(browser: Browser, site: str) -> None:
    page = visit(browser, site, "book/nonparametric/kernel-density").page
    chart = chart_index(page, "t")
    bumps = NormalMixture([0.6, 0.4], [-1.5, 1.0], [0.5, 0.4])
    model = KernelDensity(0.25, density=bumps)
    for t in (0, 30, 60):
        rows = page_values(page, chart, {"t": t}, "height")
        drawn = [row for row in rows if row["series"] == "fully synthetic"]
        assert {row["t"] for row in drawn} == {t}
        x = [row["x"] for row in drawn]
        # normal noise has been added t + 1 times
        exact = bumps.density(x, smoothed=(t + 1) * 0.25**2)
        assert [row["height"] for row in drawn] == pytest.approx(exact, abs=6e-5)  # four digits
        loop = FullySynthetic(n=100, m=100)
        assert model.expected_density(loop, t, x) == pytest.approx(exact, abs=1e-9)
    page.close()


@pytest.mark.parametrize(
    ("design", "penalty", "noise", "k"),
    [
        ("60 columns", 30, 1.0, 1.0),
        ("60 columns", 0, 0.2, 0.1),
        ("20 columns", 200, 3.0, 4.0),
        ("20 columns", 100, 0.5, 1.0),  # real labels alone are best
        ("60, fading", 3, 1.5, 0.5),
    ],
)
def test_ridge(
    browser: Browser, site: str, design: str, penalty: float, noise: float, k: float
) -> None:
    page = visit(browser, site, "book/beyond/ridge").page
    chart = chart_index(page, "design", "penalty")
    model = example_model(20 if design.startswith("20") else 60)
    x = model.design / (np.arange(1, 61) ** 0.5 if design.endswith("fading") else 1)
    n, m = round(400 * k), 400
    # the page has n = 40
    model = RidgeRegression(model.theta, noise * (n / 40) ** 0.5, design=x, penalty=penalty)
    chosen: dict[str, Any] = {"design": design, "penalty": penalty, "noise": noise, "k": k}
    alone = sum(model.split(n, m, 1.0, "seen"))
    rows = page_values(page, chart, chosen, "height")
    w = np.array([row["w"] for row in rows])
    assert {row["number"] for row in rows} == set(range(1, 101))
    bias, variance = model.split(n, m, w, "seen")
    expected = {"squared bias": bias, "variance": variance, "error": bias + variance}
    for i, row in enumerate(rows):
        exact = expected[row["series"]][i] / alone
        assert row["height"] == pytest.approx(exact, rel=1e-9, abs=1e-12)
    marks = {row["name"]: row for row in page_values(page, chart, {}, "label")}
    best = model.best_weight(n, m)
    assert marks["best"]["w"] == pytest.approx(best, abs=6e-4)
    assert marks["w*(k)"]["w"] == pytest.approx(optimal_weight(k), rel=1e-12)
    for name, weight, off in (("best", best, 1e-4), ("w*(k)", optimal_weight(k), 1e-9)):
        exact = sum(model.split(n, m, weight, "seen")) / alone
        assert marks[name]["error"] == pytest.approx(exact, rel=off)
    page.close()


@pytest.mark.parametrize(("c", "believed"), [(0.25, 0.05), (0.01, 0.95), (0.6, 0.55), (0.95, 0.01)])
def test_worth_of_synthetic_rows(browser: Browser, site: str, c: float, believed: float) -> None:
    page = visit(browser, site, "book/beyond/synthetic-row").page
    chart = chart_index(page, "c", "believed")
    rows = page_values(page, chart, {"c": c, "believed": believed}, "series")
    assert {row["series"] for row in rows} == {"best weight", "all rows alike"}
    for row in rows:
        real = 1 - row["share"]  # of a budget that buys one real row
        k = real / (row["share"] / c)
        w = optimal_weight(k) if row["series"] == "best weight" else naive_weight(k)
        assert row["error"] == pytest.approx(error_ratio(w, k) / real, rel=1e-9)
    marks = {row["name"]: row for row in page_values(page, chart, {}, "label")}
    for name, w, k in (
        ("best", c**0.5, ratio_for(c**0.5)),
        ("believed", believed**0.5, ratio_for(believed**0.5)),
        ("all alike", naive_weight(naive_ratio(c)), naive_ratio(c)),
    ):
        assert marks[name]["w"] == pytest.approx(w, rel=1e-12)
        assert marks[name]["share"] == pytest.approx((c / k) / (1 + c / k), rel=1e-9)
        assert marks[name]["error"] == pytest.approx(error_ratio(w, k) * (1 + c / k), rel=1e-9)
    lowest = {
        series: min(row["error"] for row in rows if row["series"] == series)
        for series in ("best weight", "all rows alike")
    }
    assert marks["best"]["error"] <= lowest["best weight"] <= marks["best"]["error"] * 1.01
    assert marks["all alike"]["error"] <= lowest["all rows alike"] * (1 + 1e-12)
    page.close()


@pytest.mark.parametrize(("k", "start"), [(0.05, 1.0), (0.01, 4.0), (2.0, 0.1), (1.0, 1.0)])
def test_best_weight_of_each_generation(
    browser: Browser, site: str, k: float, start: float
) -> None:
    page = visit(browser, site, "book/beyond/why-golden").page
    chart = chart_index(page, "k", "start")
    rows = page_values(page, chart, {"k": k, "start": start}, "adaptive")
    weights = {"constant": optimal_weight(k), "naive": naive_weight(k), "adaptive": None}
    for field, constant in weights.items():
        path = [start]
        for _ in range(20):
            w = (path[-1] + k) / (1 + path[-1] + k) if constant is None else constant
            path.append(w**2 + (1 - w) ** 2 * (path[-1] + k))
        expected = [path[round(row["t"])] for row in rows]
        assert [row[field] for row in rows] == pytest.approx(expected, rel=1e-10, abs=0), field
    page.close()


@pytest.mark.parametrize(
    ("k", "q", "age"), [(1.0, 0.5, 1), (0.05, 2.0, 12), (4.0, 0.0, 3), (0.3, 0.15, 4)]
)
def test_a_truth_that_moves(browser: Browser, site: str, k: float, q: float, age: int) -> None:
    page = visit(browser, site, "book/beyond/drift").page
    chart = chart_index(page, "k", "q", "age")
    rows = page_values(page, chart, {"k": k, "q": q, "age": age}, "series")
    w = np.linspace(0.02, 1, 393)
    sampling, tracking = error_parts(w, k, q, age)
    shown = {"sampling": sampling, "tracking": tracking, "whole error": sampling + tracking}
    for name, errors in shown.items():
        found = [(row["w"], row["error"]) for row in rows if row["series"] == name]
        low = errors <= 2  # curves end there
        exact = np.column_stack([w, errors])[low]
        assert np.array(found) == pytest.approx(exact, rel=1e-9, abs=1e-12)
    marks = {row["name"]: row for row in page_values(page, chart, {}, "label")}
    for name, weight in (("best", drifting_weight(k, q, age)), ("w*(k)", optimal_weight(k))):
        assert marks[name]["w"] == pytest.approx(weight, rel=1e-12, abs=0)
        exact = sum(error_parts(weight, k, q, age))
        assert marks[name]["error"] == pytest.approx(exact, rel=1e-12, abs=0)
    page.close()


@pytest.mark.parametrize(("k", "q"), [(0.1, 0.5), (4.0, 0.05), (0.05, 2.0)])
def test_a_drift_misjudged(browser: Browser, site: str, k: float, q: float) -> None:
    page = visit(browser, site, "book/beyond/drift").page
    # the second chart of the page: the first one has an age
    charts = page.evaluate(
        "() => window.bookCharts.map(chart => (chart.spec.params || []).map(one => one.name))"
    )
    rows = page_values(page, charts.index(["k", "q"]), {"k": k, "q": q}, "loss")
    factor = np.array([row["factor"] for row in rows])
    assert (factor.min(), factor.max()) == pytest.approx((1 / 20, 20), rel=0.01)
    loss = [row["loss"] for row in rows]
    assert loss == pytest.approx(misjudged_loss(k, q, factor * q), rel=1e-9, abs=0)
    assert min(loss) == pytest.approx(1, abs=1e-9)
    page.close()
