"""Ridge regression: against scikit-learn and plain loops, its theory in every loop, its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sklearn.linear_model import Ridge

from lib import (
    Accumulate,
    FixedReal,
    FreshReal,
    FullySynthetic,
    optimal_weight,
    simulate,
)
from lib.claims.ridge import example_model
from lib.loops import Loop, Uneven
from lib.models import LinearRegression, RidgeRegression
from lib.models.ridge import _left_out, _noise_let_in

GOLDEN = optimal_weight(1)
RNG = np.random.default_rng(5)
SHAPES = {"wide": (4, 7), "square": (5, 5), "narrow": (6, 3), "one row": (1, 3), "one": (3, 1)}


def made(shape: str, penalty: float = 0.7, noise_sd: float = 0.8) -> RidgeRegression:
    rng = np.random.default_rng(11)
    rows, columns = SHAPES[shape]
    design = rng.normal(size=(rows, columns))
    return RidgeRegression(rng.normal(size=columns), noise_sd, design=design, penalty=penalty)


def deficient(penalty: float = 0.7) -> RidgeRegression:
    """Return a model of six rows and five columns whose rank is two."""
    rng = np.random.default_rng(12)
    design = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 5))
    return RidgeRegression(rng.normal(size=5), design=design, penalty=penalty)


# --- the fit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("penalty", [1e-3, 0.7, 40.0])
def test_the_fit_is_scikit_learn_s_on_stacked_rows(shape: str, penalty: float) -> None:
    model, w = made(shape, penalty), 0.3
    x, rows = model.design, len(model.design)
    real, drawn = RNG.normal(size=(2, rows)), RNG.normal(size=(3, rows))  # n = 2 N, m = 3 N
    theirs = Ridge(alpha=penalty, fit_intercept=False, solver="cholesky", tol=1e-12)
    share = np.repeat([w / 2, (1 - w) / 3], [real.size, drawn.size])
    labels = np.concatenate([real.ravel(), drawn.ravel()])
    theirs.fit(np.vstack([x] * 5), labels, sample_weight=share)

    u = x @ model.directions.T / np.sqrt(model.squares)
    samples = [y.mean(axis=0) @ u / np.sqrt(model.squares) for y in (real, drawn)]
    one = np.ones((1, 1))
    mixed = model.mix([(samples[0][None, None], w * one), (samples[1][None, None], (1 - w) * one)])
    ours = model.coefficients(model.fit(mixed))[0, 0]
    assert ours == pytest.approx(theirs.coef_, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("model", [made("wide", 0.0), made("narrow", 0.0), deficient(0.0)], ids=str)
def test_without_a_penalty_it_is_the_solution_of_smallest_norm(model: RidgeRegression) -> None:
    y = RNG.normal(size=len(model.design))
    sample = (model.directions @ model.design.T @ y) / model.squares
    theirs = np.linalg.lstsq(model.design, y, rcond=None)[0]
    assert model.coefficients(model.fit(sample)) == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("model", [made("wide"), made("narrow"), deficient()], ids=str)
def test_errors_are_those_of_the_coefficients(model: RidgeRegression) -> None:
    fit = RNG.normal(size=(2, 3, model.signal.size))
    apart = model.coefficients(fit) - model.theta
    assert model.error(fit, "theta") == pytest.approx((apart**2).sum(axis=-1))
    labels = apart @ model.design.T
    expected = (labels**2).mean(axis=-1) / (2 * model.noise_sd**2)
    assert model.error(fit, "kl") == pytest.approx(expected)
    span = model.directions.T @ model.directions
    seen = ((model.coefficients(fit) - span @ model.theta) ** 2).sum(axis=-1)
    assert model.error(fit, "seen") == pytest.approx(seen)


def test_the_parts_of_a_design() -> None:
    model = deficient()
    assert model.directions.shape == (2, 5)
    assert model.directions @ model.directions.T == pytest.approx(np.eye(2))
    gram = model.design.T @ model.design
    assert model.directions.T * model.squares @ model.directions == pytest.approx(gram)
    whole = model.signal @ model.signal + model.unseen
    assert whole == pytest.approx(model.theta @ model.theta)
    assert made("narrow").unseen == 0
    assert made("wide").unseen > 0.01
    assert model.shrinkage == pytest.approx(model.squares / (model.squares + 0.7))


# --- the theory ----------------------------------------------------------------------------------


def plainly(model: RidgeRegression, loop: Loop, steps: int, reps: int, seed: int) -> Any:
    """Run a loop with labels and matrices, and return the squared errors, (steps + 1, reps)."""
    rng = np.random.default_rng(seed)
    x, rows = model.design, len(model.design)
    columns = x.shape[1]
    if model.penalty:
        solver = np.linalg.solve(x.T @ x + model.penalty * np.eye(columns), x.T)
    else:
        solver = np.linalg.pinv(x)

    def labels(fit: Any, count: int) -> Any:
        times = count // rows
        noise = rng.normal(size=(reps, times, rows)).mean(axis=1) if times else 0.0
        return fit @ x.T + model.noise_sd * noise

    truth = np.tile(model.theta, (reps, 1))
    first = training = labels(truth, loop.sizes(0)[0])
    fit = training @ solver.T
    errors = [((fit - truth) ** 2).sum(axis=1)]
    for t in range(1, steps + 1):
        n, m = loop.sizes(t)
        drawn = labels(fit, m)
        if isinstance(loop, FullySynthetic):
            training = drawn
        elif isinstance(loop, Accumulate):
            old = loop.n + (t - 1) * loop.m
            training = (old * training + loop.m * drawn) / (old + loop.m)
        elif isinstance(loop, FixedReal):
            training = loop.w * first + (1 - loop.w) * drawn
        else:
            w = loop.w if isinstance(loop, FreshReal) else np.asarray(loop.w)[t - 1]  # type: ignore[attr-defined]
            training = w * labels(truth, n) + (1 - w) * drawn
        fit = training @ solver.T
        errors.append(((fit - truth) ** 2).sum(axis=1))
    return np.array(errors)


def loops(rows: int) -> dict[str, Loop]:
    return {
        "fully synthetic": FullySynthetic(n=rows, m=2 * rows),
        "accumulate": Accumulate(n=2 * rows, m=rows),
        "fixed": FixedReal(n=rows, m=2 * rows, w=0.3),
        "fresh": FreshReal(n=2 * rows, m=rows, w=0.4),
        "uneven": Uneven(
            n=[rows, 0, 3 * rows, rows, rows, 0, rows],
            m=[rows, 2 * rows, 0, rows, rows, 2 * rows],
            w=[0.0, 0.6, 1.0, 0.3, 0.0, 0.5],
        ),
    }


@pytest.mark.parametrize("kind", loops(1))
@pytest.mark.parametrize("shape", ["wide", "narrow"])
@pytest.mark.parametrize("penalty", [0.0, 0.9])
def test_the_theory_is_that_of_a_plain_loop(kind: str, shape: str, penalty: float) -> None:
    """|z| < 4.8 at each of seven generations: one alarm in 30,000 for all twenty loops."""
    model = made(shape, penalty)
    loop = loops(len(model.design))[kind]
    path = model.theory(loop)["theta"].path(6)
    errors = plainly(model, loop, 6, 6000, seed=21)
    z = (errors.mean(axis=1) - path) / (errors.std(axis=1) / errors.shape[1] ** 0.5)
    assert np.abs(z).max() < 4.8
    # an error of 10 % would be seen
    assert (errors.std(axis=1) / errors.shape[1] ** 0.5 < 0.02 * path).all()


@pytest.mark.parametrize("kind", loops(1))
@pytest.mark.parametrize("metric", ["theta", "seen", "kl"])
def test_simulations_agree_with_theory(kind: str, metric: str) -> None:
    model = made("wide", 0.4)
    loop = loops(len(model.design))[kind]
    run = simulate(model, loop, steps=6, reps=8000, seed=4, metrics=[metric], progress=False)
    path, frame = model.theory(loop)[metric].path(6), run.path()
    z = (frame["error"].to_numpy() - path) / frame["standard_error"].to_numpy()
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("kind", [kind for kind in loops(1) if kind != "uneven"])
@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_limits_are_where_paths_lead(kind: str, penalty: float) -> None:
    model = made("narrow", penalty)
    recursion = model.theory(loops(len(model.design))[kind])["theta"]
    path = recursion.path(4000)
    if kind == "fully synthetic" and not penalty:
        assert recursion.limit() == np.inf
        # linear growth
        assert path[4000] - path[3999] == pytest.approx(path[1] - path[0])
    elif kind == "accumulate" and penalty:
        assert recursion.limit() == pytest.approx(model.theta @ model.theta)
        assert path[-1] < recursion.limit()
        tail = recursion.limit() - path[[1000, 2000, 4000]]
        assert (np.diff(tail) < 0).all()  # slowly, but it goes there
    else:
        assert path[-1] == pytest.approx(recursion.limit(), rel=1e-3)


def test_accumulated_signal_is_lost_like_a_power_of_t() -> None:
    model = made("one", 0.5)
    lost = float(0.5 / (model.squares[0] + 0.5))
    recursion = model.theory(Accumulate(n=3_000_000, m=3_000_000))["theta"]
    path = recursion.path(8000)
    kept = 1 - np.sqrt(path[[2000, 4000, 8000]] / float(model.theta @ model.theta))
    assert np.log2(kept[:-1] / kept[1:]) == pytest.approx(lost, abs=2e-3)


def test_accumulated_least_squares_has_the_known_limit() -> None:
    ours = made("narrow", 0.0)
    theirs = LinearRegression(ours.theta, ours.noise_sd, design=ours.design)
    for loop in loops(6).values():
        if isinstance(loop, Uneven):
            continue
        for metric in ("theta", "kl"):
            one, other = ours.theory(loop)[metric], theirs.theory(loop)[metric]
            assert one.path(30) == pytest.approx(other.path(30), rel=1e-10)
            assert one.limit() == pytest.approx(other.limit(), rel=1e-10)


def test_a_grid_of_weights_is_many_loops() -> None:
    model, grid = made("wide"), np.array([0.0, 0.3, 1.0])
    for kind in (FreshReal, FixedReal):
        recursion = model.theory(kind(n=4, m=8, w=grid))["theta"]
        for w, path, limit in zip(grid, recursion.path(5), recursion.limit(), strict=True):
            alone = model.theory(kind(n=4, m=8, w=float(w)))["theta"]
            assert path == pytest.approx(alone.path(5))
            assert limit == pytest.approx(alone.limit())
    first = model.theory(FullySynthetic(n=4, m=8))["theta"]
    none = model.theory(FreshReal(n=4, m=8, w=0.0))["theta"]
    assert none.path(5) == pytest.approx(first.path(5))
    assert none.limit() == pytest.approx(first.limit())
    assert isinstance(none.limit(), float)


def test_a_loop_that_ends_has_no_limit() -> None:
    recursion = made("wide").theory(loops(4)["uneven"])["theta"]
    assert recursion.path(6).shape == (7,)
    with pytest.raises(ValueError, match="`steps` must be at most 6"):
        recursion.path(7)
    with pytest.raises(TypeError, match="no limit"):
        recursion.limit()


# --- the closed form and the bounds --------------------------------------------------------------


@pytest.mark.parametrize("model", [made("wide"), made("narrow"), made("wide", 0.0), deficient()])
@pytest.mark.parametrize("metric", ["theta", "seen", "kl"])
def test_the_split_is_the_limit(model: RidgeRegression, metric: str) -> None:
    rows = len(model.design)
    grid = np.array([0.05, 0.4, 0.9, 1.0])
    bias, variance = model.split(2 * rows, 3 * rows, grid, metric)
    limit = model.theory(FreshReal(n=2 * rows, m=3 * rows, w=grid))[metric].limit()
    assert bias + variance == pytest.approx(limit, rel=1e-12)
    one = model.split(2 * rows, 3 * rows, 0.4, metric)
    assert one == pytest.approx((bias[1], variance[1]))


def test_the_bias_is_that_of_ridge_with_the_penalty_over_w() -> None:
    model, w = made("wide"), 0.3
    compounded = model.with_penalty(model.penalty / w)
    fit = compounded.fit(compounded.signal)
    bias, _ = model.split(4, 4, w)
    assert bias == pytest.approx(compounded.error(fit, "theta"))


spectra = st.lists(st.floats(0.05, 50), min_size=1, max_size=6)
ratios = st.sampled_from([(1, 1), (1, 4), (3, 1), (1, 20), (10, 1)])


@settings(max_examples=80, deadline=None)
@given(spectra, spectra, st.floats(0, 300), st.floats(0.1, 5), ratios, st.booleans())
def test_the_error_is_convex_and_its_minimum_in_the_bounds(
    squares: list[float],
    signal: list[float],
    penalty: float,
    noise: float,
    ratio: tuple[int, int],
    labels: bool,
) -> None:
    size = min(len(squares), len(signal))
    design = np.diag(np.sqrt(squares[:size]))
    model = RidgeRegression(np.sqrt(signal[:size]), noise, design=design, penalty=penalty)
    n, m = size * ratio[0], size * ratio[1]
    k, metric = n / m, "kl" if labels else "theta"
    grid = np.linspace(0.02, 1, 197)
    total = np.sum(model.split(n, m, grid, metric), axis=0)
    bends = np.diff(total, 2)
    assert (bends > -1e-9 * total[1:-1]).all()
    best = model.best_weight(n, m, metric)
    least = optimal_weight(k, contraction=float(model.shrinkage.min()) ** 2)
    assert k / (k + 1) < least <= best * (1 + 1e-9)
    assert best <= 1
    value = sum(model.split(n, m, best, metric))
    assert (total >= value * (1 - 1e-9)).all()
    assert model.harmful(n, metric) == (best == 1)
    # at a fixed penalty over w, between the smallest and the largest root, above w*(k)
    fixed = [sum(model.with_penalty(penalty * w).split(n, m, w, metric)) for w in grid]
    r = penalty / model.squares
    roots = (np.sqrt(k**2 * (1 + r) ** 2 + 4 * k) - k * (1 - r)) / (2 * (1 + k * r))
    assert (roots > optimal_weight(k) - 1e-9).all()
    assert (roots < 1).all()
    step = grid[1] - grid[0]
    assert roots.min() - step <= grid[int(np.argmin(fixed))] <= roots.max() + step
    high = float(roots.max())
    bias, variance = model.with_penalty(penalty * high).split(n, m, high, metric)
    alone = model.split(n, m, 1.0, metric)
    assert bias == pytest.approx(alone[0], rel=1e-9, abs=1e-12)
    assert variance <= alone[1] * (1 + 1e-12)
    # without a penalty, and for noise alone
    plain = RidgeRegression(model.theta, noise, design=design)
    assert plain.best_weight(n, m, metric) == pytest.approx(optimal_weight(k), abs=1e-9)
    silent = RidgeRegression(np.zeros(size), noise, design=design, penalty=penalty)
    most = optimal_weight(k, contraction=float(model.shrinkage.max()) ** 2)
    assert least - 1e-9 <= silent.best_weight(n, m, metric) <= most + 1e-9


def test_the_bounds_are_reached() -> None:
    """The lower one as the penalty grows without a signal, the upper one with a signal."""
    noise = RidgeRegression(np.zeros(7), design=made("wide").design, penalty=1e7)
    for m in (4, 16):
        assert noise.best_weight(4, m) == pytest.approx(4 / (4 + m), abs=1e-4)
    assert made("wide", 1e4).best_weight(4, 4) == 1
    assert made("wide", 1e200).best_weight(4, 4) == 1
    for unit in (1e-60, 1e60):  # another unit of the columns changes nothing
        other = RidgeRegression(
            made("wide").theta / unit, 0.8, design=made("wide").design * unit, penalty=0.7 * unit**2
        )
        assert other.best_weight(4, 4) == pytest.approx(made("wide").best_weight(4, 4))


def test_the_threshold_of_harm_is_the_slope_at_one() -> None:
    def excess(penalty: float) -> float:
        model = made("wide", penalty)
        s2, t2 = model.squares, model.signal**2
        noise = 0.64 * 4 / 8  # n = 8 labels on four rows
        return float(
            (noise * s2 / (s2 + penalty) ** 2 - penalty**2 * s2 * t2 / (s2 + penalty) ** 3).sum()
        )

    edge = optimize.brentq(excess, 1e-3, 1e3)
    assert not made("wide", 0.99 * edge).harmful(8)
    assert made("wide", 1.01 * edge).harmful(8)
    for m in (4, 40):  # however many synthetic labels there are
        assert made("wide", 0.99 * edge).best_weight(8, m) < 1
        assert made("wide", 1.01 * edge).best_weight(8, m) == 1


@pytest.mark.parametrize("columns", [20, 60])
@pytest.mark.parametrize("m", [40, 400])
@pytest.mark.parametrize("metric", ["theta", "kl"])
def test_the_plan_is_a_joint_minimum(columns: int, m: int, metric: str) -> None:
    model = example_model(columns)
    plan = model.best_plan(40, m, metric)

    def total(at: Any) -> float:
        w, penalty = 1 / (1 + np.exp(-at[0])), np.exp(at[1])
        return float(sum(model.with_penalty(penalty).split(40, m, w, metric)))

    starts = [(w, p) for w in (0.2, 0.9) for p in (0.3, 3.0, 100.0)]
    found = min(
        optimize.minimize(
            total,
            [np.log(w / (1 - w)), np.log(p)],
            method="Nelder-Mead",
            options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 2000},
        ).fun
        for w, p in starts
    )
    assert plan.error == pytest.approx(found, rel=1e-8)
    assert optimal_weight(40 / m) < plan.w < 1
    alone = model.best_penalty(40, metric)
    tuned = sum(model.with_penalty(alone).split(40, m, 1.0, metric))
    assert plan.error < 0.99 * tuned
    for other in (0.97 * alone, 1.03 * alone):
        assert tuned < sum(model.with_penalty(other).split(40, m, 1.0, metric))
    # at the penalty that is best for real labels alone, synthetic ones help
    assert not model.with_penalty(alone).harmful(40, metric)


@settings(max_examples=40, deadline=None)
@given(spectra, spectra, st.floats(0.1, 5), ratios)
def test_plans_of_any_spectrum(
    squares: list[float], signal: list[float], noise: float, ratio: tuple[int, int]
) -> None:
    size = min(len(squares), len(signal))
    design = np.diag(np.sqrt(squares[:size]))
    model = RidgeRegression(np.sqrt(signal[:size]), noise, design=design)
    n, m = size * ratio[0], size * ratio[1]
    plan = model.best_plan(n, m)
    assert optimal_weight(n / m) < plan.w < 1
    around = [
        sum(model.with_penalty(plan.penalty * f).split(n, m, w))
        for f in (0.1, 0.5, 0.9, 1.1, 2.0, 10.0)
        for w in (0.9 * plan.w, plan.w, min(1.0, 1.1 * plan.w))
    ]
    assert plan.error < min(around)


def test_the_best_penalty_of_equal_signals_is_the_ratio_of_noise_to_signal() -> None:
    design = made("wide").design
    directions = made("wide").directions
    model = RidgeRegression(0.3 * directions.sum(axis=0), 0.8, design=design)
    assert model.best_penalty(8) == pytest.approx(0.64 / 2 / 0.09, rel=1e-5)


def test_at_a_fixed_effective_penalty_a_direction_has_the_weight_of_the_quadratic() -> None:
    for k in (0.1, 1.0, 5.0):
        for r in (0.0, 0.5, 1.0, 40.0):
            found = optimize.minimize_scalar(
                lambda w, k=k, r=r: _noise_let_in(w, k, 2.0, 2.0 * r * w),
                bounds=(1e-3, 1),
                method="bounded",
                options={"xatol": 1e-10},
            )
            w = found.x
            assert (1 + k * r) * w**2 + k * (1 - r) * w - k == pytest.approx(0, abs=1e-5)


def test_the_pattern_of_the_formula_sheet() -> None:
    """Golden, a little below, above, and 1: one design with more columns than rows."""
    best = [example_model(60, lam).best_weight(40, 40) for lam in (0, 1e-6, 3, 30, 100)]
    assert best[0] == pytest.approx(GOLDEN, abs=1e-9)
    assert best[1] == pytest.approx(GOLDEN, abs=1e-5)
    assert 0.58 < best[2] < 0.61
    assert 0.7 < best[3] < 0.85
    assert best[4] == 1


def test_plain_numbers_come_from_the_traced_formulas() -> None:
    assert _left_out(0.5, 4.0, 2.0) == 0.5
    assert _noise_let_in(1.0, 1.0, 4.0, 0.0) == 1 / 4
    assert _noise_let_in(GOLDEN, 1.0, 4.0, 0.0) == pytest.approx(GOLDEN / 4)


# --- what is refused -----------------------------------------------------------------------------

DESIGN = [[1.0, 2.0], [0.5, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"penalty": -1}, "`penalty` must be finite and at least 0; got -1"),
        ({"penalty": np.inf}, "`penalty` must be finite"),
        ({"penalty": [1, 2]}, "`penalty` must be a single number"),
        ({"penalty": "1"}, "`penalty`"),
        ({"noise_sd": 0}, "`noise_sd`"),
        ({"noise_sd": [1, 1]}, "`noise_sd` must be a single number"),
        ({"theta": [1, np.nan]}, "`theta`"),
        ({"theta": [[1, 2]]}, "`theta` must be a vector"),
        ({"theta": [1, 2, 3]}, "`design` must be a matrix with 3 columns, as `theta` says"),
        ({"theta": [1]}, "`design` must be a matrix with 1 column, as"),
        ({"design": [1, 2]}, "`design` must be a matrix with 2 columns"),
        ({"design": [[0, 0], [0, 0]]}, "`design` must be not zero"),
        ({"design": [[1, np.inf]]}, "`design` must be a matrix of finite numbers"),
    ],
)
def test_bad_arguments(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {"theta": [1, 2], "noise_sd": 1.0, "design": DESIGN} | change
    with pytest.raises(ValueError, match=words):
        RidgeRegression(**arguments)


def test_rows_that_do_not_fit_the_design() -> None:
    model = RidgeRegression([1, 2], design=DESIGN, penalty=1)
    for n, m, name in ((4, 3, "n"), (3, 4, "m")):
        for call in (
            lambda n=n, m=m: model.theory(FreshReal(n=n, m=m, w=0.5)),
            lambda n=n, m=m: model.best_weight(n, m),
            lambda n=n, m=m: model.best_plan(n, m),
            lambda n=n, m=m: model.split(n, m, 0.5),
            lambda n=n, m=m: simulate(model, FreshReal(n=n, m=m, w=0.5), steps=1, reps=2),
        ):
            with pytest.raises(ValueError, match=f"`{name}` must be a multiple of the design's 3"):
                call()
    with pytest.raises(ValueError, match="`n` must be a multiple"):
        model.theory(Uneven(n=[3, 4], m=[3], w=[0.5]))
    with pytest.raises(ValueError, match="`n`"):
        model.harmful(2)
    with pytest.raises(ValueError, match="`n`"):
        model.best_penalty(2)
    with pytest.raises(ValueError, match="`metric` must be 'theta', 'seen' or 'kl'"):
        model.best_weight(3, 3, "mean")
    with pytest.raises(ValueError, match="`w` must be greater than 0"):
        model.split(3, 3, 0.0)
    with pytest.raises(TypeError, match="theory"):
        model.sampling_noise(3, 3)


def test_a_signal_that_no_label_shows_has_no_best_penalty() -> None:
    for theta in ([0.0, 1.0], [0.0, 0.0]):
        model = RidgeRegression(theta, design=[[1.0, 0.0]])
        for call in (lambda model=model: model.best_penalty(1), lambda m=model: m.best_plan(1, 1)):
            with pytest.raises(ValueError, match="`theta` must be such that labels depend on it"):
                call()


def test_what_it_calls_itself() -> None:
    said = repr(RidgeRegression([1, 2], 0.5, design=DESIGN, penalty=3))
    assert said == "RidgeRegression(theta of length 2, 0.5, design of 3 rows, penalty=3)"
