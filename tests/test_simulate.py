"""The simulation: same seed, same bits; right averages; nothing kept; clear messages."""

from __future__ import annotations

import io
import math
import os
import re
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.loops import Loop
from lib.models import Categorical, Gaussian
from lib.models.base import CELLS
from lib.simulate import LostReplicatesWarning, Simulation, _Tally, simulate

pytestmark = pytest.mark.filterwarnings("error")

MODEL = Gaussian([0, 0], [[1.0, 0.5], [0.5, 2.0]])
LINE = Gaussian([0], [[1.0]])
LOOP = FreshReal(n=10, m=20, w=[0.2, 0.4, 0.6, 0.8])
CHUNK = CELLS // 4  # replicates in a chunk with a grid of four weights


def run(model: Any = LINE, loop: Loop = LOOP, **changed: Any) -> Simulation:
    options: dict[str, Any] = {"steps": 4, "reps": 30, "seed": 1, "progress": False}
    return simulate(model, loop, **options | changed)


def same(one: Simulation, other: Simulation) -> bool:
    """Whether two simulations agree bit by bit."""
    return one.path().equals(other.path()) and one.summary().equals(other.summary())


# --- randomness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reps", [CHUNK - 1, 2 * CHUNK + 7])
def test_the_number_of_workers_does_not_change_a_bit(reps: int) -> None:
    assert same(run(MODEL, reps=reps, n_jobs=1), run(MODEL, reps=reps, n_jobs=2))


@pytest.mark.parametrize("loop", [LOOP, Accumulate(n=5, m=5)])
@pytest.mark.parametrize("model", [MODEL, Categorical([0.5, 0.3, 0.2])])
def test_the_same_seed_gives_the_same_bits(model: Any, loop: Loop) -> None:
    assert same(run(model, loop), run(model, loop))


def test_another_seed_gives_other_numbers() -> None:
    one, other = run(seed=1).path()["error"], run(seed=2).path()["error"]
    assert (one != other).all()


def test_every_chunk_has_numbers_of_its_own() -> None:
    caught: list[np.ndarray] = []

    def catch(fit: Any) -> np.ndarray:
        caught.append(fit.mean[0, :, 0].copy())
        return np.zeros((1, fit.mean.shape[1]))

    run(loop=FullySynthetic(n=5, m=5), reps=2 * CELLS, steps=1, metrics={"it": catch})
    values = np.concatenate(caught)
    assert values.size == 4 * CELLS  # two chunks, two generations
    assert np.unique(values).size == values.size


def test_the_global_seed_is_neither_read_nor_moved() -> None:
    np.random.seed(1)  # noqa: NPY002
    one, after = run(), np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.random.random() == after  # noqa: NPY002
    assert same(one, run())


@pytest.mark.parametrize("maker", [FreshReal, FixedReal])
def test_all_weights_share_the_real_rows(maker: Any) -> None:
    # synthetic rows have no weight here, so all that could differ are the real ones
    path = run(MODEL, maker(n=5, m=5, w=[1.0, 1.0])).path()
    for _, part in path.groupby("metric"):
        one, other = part["error"].to_numpy().reshape(2, -1)
        assert one.tolist() == other.tolist()


def test_each_weight_has_synthetic_rows_of_its_own() -> None:
    path = run(LINE, FreshReal(n=5, m=5, w=[0.5, 0.5]), metrics=["mean"]).path()
    one, other = path["error"].to_numpy().reshape(2, -1)
    assert one[0] == other[0]  # the first fit is on real rows alone
    assert (one[1:] != other[1:]).all()


# --- averages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1, 1), (1, 9), (5, 3, 8), (40, 1, 1)])
def test_merged_tallies_are_those_of_all_values(sizes: tuple[int, ...]) -> None:
    # a mean far above the spread is where a sum of squares would lose everything
    values = 1e6 + np.random.default_rng(1).standard_normal((3, sum(sizes)))
    parts = np.split(values, np.cumsum(sizes)[:-1], axis=-1)
    total = _Tally.of(parts[0])
    for part in parts[1:]:
        total = total.merge(_Tally.of(part))
    assert total.count.tolist() == [sum(sizes)] * 3
    assert total.lost.tolist() == [0] * 3
    assert total.mean == pytest.approx(values.mean(axis=-1), rel=1e-15, abs=0)
    assert total.squares / (total.count - 1) == pytest.approx(
        values.var(axis=-1, ddof=1), rel=1e-8, abs=0
    )
    assert total.standard_error == pytest.approx(stats.sem(values, axis=-1), rel=1e-8, abs=0)


@pytest.mark.parametrize("sizes", [(1, 1), (1, 9), (5, 3, 8), (40, 1, 1)])
def test_merged_tallies_leave_out_what_is_missing(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    values = 1e6 + rng.standard_normal((5, sum(sizes)))
    values[rng.random(values.shape) < 0.5] = np.nan
    values[1] = np.nan  # nothing is left
    values[2, 1:] = np.nan  # one value, in the first part
    values[3, :-1] = np.nan  # one value, in the last part
    parts = np.split(values, np.cumsum(sizes)[:-1], axis=-1)
    total = _Tally.of(parts[0])
    for part in parts[1:]:
        total = total.merge(_Tally.of(part))
    kept = [row[~np.isnan(row)] for row in values]
    assert total.count.tolist() == [row.size for row in kept]
    assert total.lost.tolist() == [sum(sizes) - row.size for row in kept]
    expected = [row.mean() if row.size else np.nan for row in kept]
    assert total.average == pytest.approx(expected, rel=1e-15, abs=0, nan_ok=True)
    errors = [stats.sem(row) if row.size > 1 else np.nan for row in kept]
    assert total.standard_error == pytest.approx(errors, rel=1e-7, abs=0, nan_ok=True)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_tallies_of_a_path_are_those_of_its_generations(missing: float) -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_normal((4, 2, 50))  # generations, weights, replicates
    values[rng.random(values.shape) < missing] = np.nan
    each = [_Tally.of(one) for one in values]
    path = _Tally.stack(each)
    for name in ("count", "lost", "average", "standard_error"):
        expected = np.stack([getattr(one, name) for one in each], axis=-1)
        assert getattr(path, name).shape == (2, 4)
        assert getattr(path, name).tolist() == expected.tolist()


def test_a_tally_leaves_its_values_alone() -> None:
    values = np.array([[1.0, np.nan, 3.0]])
    _Tally.of(values)
    assert values[0, 0] == 1
    assert np.isnan(values[0, 1])


def test_one_replicate_has_no_standard_error() -> None:
    result = run(reps=1)
    assert result.path()["standard_error"].isna().all()
    assert np.isfinite(result.path()["error"]).all()


def test_means_and_standard_errors_are_those_of_the_replicates() -> None:
    caught: list[np.ndarray] = []

    def catch(fit: Any) -> np.ndarray:
        caught.append(LINE.error(fit, "mean")[0].copy())
        return LINE.error(fit, "mean")

    result = run(loop=FreshReal(n=5, m=5, w=0.5), steps=6, burn_in=3, metrics={"it": catch})
    values = np.stack(caught)  # generations, replicates
    path, summary = result.path(), result.summary()
    assert path["error"].to_numpy() == pytest.approx(values.mean(axis=1), rel=1e-13, abs=0)
    assert path["standard_error"].to_numpy() == pytest.approx(
        stats.sem(values, axis=1), rel=1e-12, abs=0
    )
    # averaged over time first: t = 3, 4, 5, 6
    steady = values[3:].mean(axis=0)
    assert summary["error"].item() == pytest.approx(steady.mean(), rel=1e-13, abs=0)
    assert summary["standard_error"].item() == pytest.approx(stats.sem(steady), rel=1e-12, abs=0)


def test_the_average_starts_at_three_quarters_unless_told() -> None:
    assert run(steps=20).burn_in == 15
    assert run(steps=1).burn_in == 0
    assert run(steps=20, burn_in=3).burn_in == 3


def test_the_first_error_is_that_of_a_fit_on_real_rows() -> None:
    # one direct draw of 10 rows a replicate; |z| < 4.5 alarms wrongly with probability 7e-6
    rows = np.random.default_rng(3).standard_normal((4000, 10))
    direct = rows.mean(axis=1) ** 2
    result = run(reps=4000, metrics=["mean"])
    first = result.path().query("t == 0")
    assert first["error"].nunique() == 1  # whatever the weight
    se = math.hypot(stats.sem(direct), first["standard_error"].iloc[0])
    assert abs(direct.mean() - first["error"].iloc[0]) < 4.5 * se


def test_the_standard_error_is_calibrated() -> None:
    # z of 200 seeds is a standard normal sample; Kolmogorov-Smirnov alarms with 1e-4
    loop = FreshReal(n=10, m=10, w=0.5)
    predicted = LINE.theory(loop)["mean"].path(1)[-1]
    z = []
    for seed in range(200):
        found = run(loop=loop, steps=1, reps=1000, seed=seed, metrics=["mean"]).estimate(
            "mean", t=1
        )
        z.append((found.value - predicted) / found.standard_error)
    # 1000 squares of normal variables leave a skewness of 0.09 in z, invisible in 200 of them
    assert stats.kstest(z, "norm").pvalue > 1e-4


# --- tables --------------------------------------------------------------------------------------


def test_the_columns_of_the_path() -> None:
    path = run().path()
    assert path.columns.tolist() == ["metric", "w", "t", "error", "standard_error"]
    assert len(path) == 2 * 4 * 5  # metrics, weights, generations
    assert path["t"].tolist() == list(range(5)) * 8
    assert path["w"].tolist() == [w for w in [0.2, 0.4, 0.6, 0.8] for _ in range(5)] * 2


def test_the_columns_of_the_summary() -> None:
    summary = run().summary()
    assert summary.columns.tolist() == ["metric", "w", "error", "standard_error"]
    assert summary["w"].tolist() == [0.2, 0.4, 0.6, 0.8] * 2
    assert summary["metric"].tolist() == ["mean"] * 4 + ["covariance"] * 4


@pytest.mark.parametrize("table", ["path", "summary"])
def test_the_types_of_the_columns(table: str) -> None:
    frame: pd.DataFrame = getattr(run(), table)()
    for column in ("w", "error", "standard_error"):
        assert frame[column].dtype == np.float64
    if table == "path":
        assert pd.api.types.is_integer_dtype(frame["t"])


@pytest.mark.parametrize("loop", [FullySynthetic(n=5, m=5), Accumulate(n=5, m=5)])
def test_a_loop_without_a_weight_has_none_in_its_tables(loop: Loop) -> None:
    result = run(loop=loop)
    assert result.path()["w"].isna().all()
    assert result.summary()["w"].isna().all()


def test_the_columns_of_the_lost() -> None:
    lost = run().lost()
    assert lost.columns.tolist() == ["metric", "w", "t", "lost"]
    assert pd.api.types.is_integer_dtype(lost["lost"])
    assert (lost["lost"] == 0).all()
    assert lost[["metric", "w", "t"]].equals(run().path()[["metric", "w", "t"]])


def test_a_replicate_that_is_missing_once_is_left_out_of_the_summary() -> None:
    def sometimes(fit: Any) -> np.ndarray:
        error = LINE.error(fit, "mean")
        error[0, 3] = np.nan
        return error

    with pytest.warns(LostReplicatesWarning, match=r"^1 of 30 replicates .* `Simulation.lost`$"):
        result = run(loop=FreshReal(n=5, m=5, w=0.5), metrics={"it": sometimes})
    assert result.lost()["lost"].tolist() == [1] * 5
    assert result.estimate("it").reps == 29
    assert result.estimate("it", t=0)[2:] == (29, 1)


def test_metrics_may_be_named() -> None:
    assert run(metrics=["covariance"]).summary()["metric"].unique().tolist() == ["covariance"]


def test_metrics_may_be_functions() -> None:
    result = run(metrics={"one": lambda fit: np.ones(fit.mean.shape[:2])})
    assert result.path()["error"].tolist() == [1.0] * 20
    assert result.summary()["error"].tolist() == [1.0] * 4


# --- one estimate --------------------------------------------------------------------------------


def test_an_estimate_is_a_row_of_the_tables() -> None:
    result = run()
    path, summary = result.path(), result.summary()
    row = path.query("metric == 'covariance' and w == 0.6 and t == 3")
    found = result.estimate("covariance", w=0.6, t=3)
    assert found == (row["error"].item(), row["standard_error"].item(), 30, 0)
    row = summary.query("metric == 'covariance' and w == 0.6")
    found = result.estimate("covariance", w=0.6)
    assert found == (row["error"].item(), row["standard_error"].item(), 30, 0)


def test_a_single_weight_need_not_be_named() -> None:
    result = run(loop=FreshReal(n=5, m=5, w=0.5))
    assert result.estimate("mean") == result.estimate("mean", w=0.5)


def test_small_weights_are_told_apart() -> None:
    result = run(loop=FreshReal(n=5, m=5, w=[1e-9, 2e-9]))
    row = result.summary().query("metric == 'mean' and w == 2e-9")
    assert result.estimate("mean", w=2e-9).value == row["error"].item()


@pytest.mark.parametrize(
    ("loop", "arguments", "message"),
    [
        (LOOP, {"metric": "median", "w": 0.2}, "`metric` must be one of ['mean', 'covariance']; "),
        (LOOP, {"metric": "mean"}, "`w` must be one of [0.2, 0.4, 0.6, 0.8]; got None"),
        (LOOP, {"metric": "mean", "w": 0.3}, "`w` must be one of [0.2, 0.4, 0.6, 0.8]; got 0.3"),
        (LOOP, {"metric": "mean", "w": 0.2, "t": 5}, "`t` must be between 0 and 4; got 5"),
        (LOOP, {"metric": "mean", "w": 0.2, "t": -1}, "`t` must be an integer of at least 0; "),
        (LOOP, {"metric": "mean", "w": 0.2, "t": 1.5}, "`t` must be "),
        (LOOP, {"metric": "mean", "w": 0.2, "t": "last"}, "`t` must be "),
        (LOOP, {"metric": "mean", "w": "half"}, "`w` must be "),
        (FullySynthetic(n=5, m=5), {"metric": "mean", "w": 0.5}, "`w` must be one of [nan]; "),
    ],
)
def test_an_estimate_that_was_not_simulated(
    loop: Loop, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        run(loop=loop).estimate(**arguments)


# --- resources -----------------------------------------------------------------------------------


def peak(reps: int) -> int:
    tracemalloc.start()
    try:
        run(loop=FullySynthetic(n=5, m=5), steps=3, reps=reps)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_replicates() -> None:
    peak(2 * CELLS)  # what the first run imports and caches
    # 18 more chunks: their numbers would be 18 blocks of 64 kB for each variable
    assert peak(20 * CELLS) - peak(2 * CELLS) < 64_000


def test_workers_are_other_processes() -> None:
    def pid(fit: Any) -> np.ndarray:
        return np.full(fit.mean.shape[:2], float(os.getpid()))

    result = run(reps=2 * CHUNK, n_jobs=2, metrics={"pid": pid})
    assert result.summary()["error"].iloc[0] != os.getpid()
    assert run(reps=CHUNK, metrics={"pid": pid}).summary()["error"].iloc[0] == os.getpid()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_gets_a_bar(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", shown)
    run(progress=None)
    assert ("30/30" in shown.getvalue()) == terminal


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("model", lambda: simulate(LOOP, LINE)),  # type: ignore[arg-type]
        ("loop", lambda: simulate(LINE, "fresh")),  # type: ignore[arg-type]
        ("metrics", lambda: run(metrics=5)),
        ("metrics", lambda: run(metrics=[1])),
        ("metrics", lambda: run(metrics={"mean": "mean"})),
        ("metrics", lambda: run(metrics=[])),
    ],
)
def test_things_of_another_kind_are_named(name: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=f"^`{name}` must be "):
        call()


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    run(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "30/30" in err
    assert "replicate" in err


@pytest.mark.parametrize("progress", [False, None])
def test_nothing_is_shown_unless_asked(
    progress: bool | None, capsys: pytest.CaptureFixture[str]
) -> None:
    run(progress=progress)  # captured output is not a terminal
    assert capsys.readouterr() == ("", "")


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "allowed"),
    [
        ("steps", [0, -1, 2.5, math.nan, "10", None, True], "an integer of at least 1"),
        ("reps", [0, -1, 2.5, math.inf, "10", None, True], "an integer of at least 1"),
        ("seed", [-1, 0.5, math.nan, "1", None], "an integer of at least 0"),
        ("burn_in", [-1, 0.5, "1"], "an integer of at least 0"),
        ("burn_in", [4, 5], "less than `steps` = 4"),
        ("n_jobs", [0, -2, 1.5, "2", None], "an integer of at least 1"),
        (
            "metrics",
            [[], (), "mean", {}],
            "a non-empty list of names, or a mapping of names to functions",
        ),
    ],
)
def test_the_message_names_the_argument_and_the_value(
    name: str, values: list[Any], allowed: str
) -> None:
    for value in values:
        message = f"`{name}` must be {allowed}; got {value!r}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            run(**{name: value})


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_unknown_metric_is_named(n_jobs: int) -> None:
    with pytest.raises(ValueError, match=r"^`metric` must be '.*; got 'median'"):
        run(metrics=["mean", "median"], reps=2 * CHUNK, n_jobs=n_jobs)


def test_all_cores_may_be_asked_for() -> None:
    assert same(run(n_jobs=-1), run(n_jobs=1))


def test_counts_may_be_written_with_an_exponent() -> None:
    result = run(steps=1e1, reps=1e1)
    assert (result.steps, result.reps) == (10, 10)


def test_the_result_knows_its_arguments() -> None:
    result = run(seed=9, burn_in=2)
    assert (result.model, result.loop) == (LINE, LOOP)
    assert (result.steps, result.reps, result.seed, result.burn_in) == (4, 30, 9, 2)


@pytest.mark.parametrize("argument", [10, 200])
def test_options_go_by_name(argument: int) -> None:
    positional: Callable[..., Any] = simulate
    with pytest.raises(TypeError, match="positional"):
        positional(LINE, LOOP, argument)
