"""The command line: what it prints, its exit status, and one line for bad use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lib.__main__ as cli
from lib import advice, error_ratio, naive_weight, optimal_weight
from lib.advice import Advice
from lib.claims import Claim, claim, claims
from lib.planner import plan
from lib.schedule import schedule
from lib.simulate import Estimate
from lib.verify import Receipt
from lib.weights import half_life


def test_weight_prints_the_numbers_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weight", "--real", "1000", "--synthetic", "5000"]) == 0
    out = capsys.readouterr().out
    w = optimal_weight(0.2)
    for number in (w, naive_weight(0.2), error_ratio(naive_weight(0.2), 0.2)):
        assert f"{number:.6f}" in out
    assert f"{w / 1000:.6g}" in out
    assert f"{(1 - w) / 5000:.6g}" in out


def test_weight_prints_what_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["weight", "--real", "1000", "--synthetic", "5000"])
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf8")
    shown = readme.split("-m lib weight --real 1000 --synthetic 5000\n")[1].split("\n```")[0]
    assert capsys.readouterr().out == shown + "\n"
    w = optimal_weight(0.2)
    assert f"as good as {1000 / w:.0f} real rows" in shown
    assert f"{error_ratio(naive_weight(0.2), 0.2) / w - 1:.1%} more" in shown
    assert f"half of the way in {half_life(w):.2f} generations" in shown


def test_per_row_weights_sum_to_one_and_have_the_golden_ratio(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.main(["weight", "--real", "300", "--synthetic", "700"])
    out = capsys.readouterr().out
    real, synthetic = (float(x) for x in re.findall(r"weight of each .* = (\S+)", out))
    assert 300 * real + 700 * synthetic == pytest.approx(1, abs=1e-5)
    assert synthetic / real == pytest.approx(optimal_weight(3 / 7), abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--real", "1000", "--synthetic", "5e3"], advice(1000, 5000)),
        (["--ratio", "0.2"], advice(k=0.2)),
        (["--ratio", "1e-9", "--rho", "2.8"], advice(k=1e-9, rho=2.8)),
        (["--ratio", "0.2", "--drift", "1e-1"], advice(k=0.2, drift=0.1)),
        (
            ["--real", "1", "--synthetic", "1e12", "--of", "frequencies"],
            advice(1, 10**12, of="frequencies"),
        ),
        (
            ["--real", "20", "--synthetic", "30", "--of", "variance", "--rho", ".5"],
            advice(20, 30, of="variance", rho=0.5),
        ),
    ],
)
def test_weight_is_the_advice_as_text_and_as_json(
    arguments: list[str], expected: Advice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["weight", *arguments]) == 0
    assert capsys.readouterr().out == expected.report() + "\n"
    assert cli.main(["weight", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == expected.to_dict()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["weight"], "--ratio"),
        (["weight", "--ratio", "0"], "--ratio"),
        (["weight", "--ratio", "nan"], "--ratio"),
        (["weight", "--ratio", "a half"], "--ratio"),
        (["weight", "--ratio", "1", "--real", "5"], "leave out --real"),
        (["weight", "--ratio", "1", "--real", "5", "--synthetic", "5"], "--real and --synthetic"),
        (["weight", "--ratio", "1", "--of", "variance"], "--of variance"),
        (["weight", "--ratio", "1", "--rho", "0"], "--rho"),
        (["weight", "--ratio", "1", "--rho", "x"], "--rho"),
        (["weight", "--ratio", "1", "--drift", "-1"], "--drift"),
        (["weight", "--ratio", "1", "--drift", "some"], "--drift"),
        (
            ["weight", "--real", "9", "--synthetic", "9", "--of", "variance", "--drift", "1"],
            "`--drift` must be 0 with `--of variance`",
        ),
        (["weight", "--ratio", "1e300", "--rho", "1e-300"], "rho"),
        (["weight", "--real", "5", "--synthetic", "5", "--of", "median"], "--of"),
        (["weight", "--real", "5", "--synthetic", "1", "--of", "variance"], "one row has none"),
        (["weight", "--real", "0", "--synthetic", "5"], "--real"),
        (["weight", "--real", "10", "--synthetic", "-5"], "--synthetic"),
        (["weight", "--real", "nan", "--synthetic", "5"], "nan"),
        (["weight", "--real", "inf", "--synthetic", "5"], "inf"),
        (["weight", "--real", "10"], "--synthetic"),
        (["weight", "--real", "ten", "--synthetic", "5"], "ten"),
        (["verify", "--claim", "nope"], "nope"),
        (["verify", "--seed", "-1"], "--seed"),
        (["verify", "--reps", "1"], "--reps"),
        (["verify", "--jobs", "0"], "--jobs"),
        (["verify", "--json", "no/such/folder/receipts.json"], "--json"),
        (["verify", "--json", "."], "--json"),
        (["verify", "--json", ""], "--json"),
        (["verify", "--json", os.devnull], "--json"),
        (["weight", "--real", "1" + "0" * 400, "--synthetic", "5"], "--real"),
        (["weight", "--real", "5", "--synthetic", "1" + "0" * 5000], "--synthetic"),
        (["frobnicate"], "frobnicate"),
        ([], "COMMAND"),
    ],
)
def test_bad_use_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = cli.main(arguments)
    except SystemExit as stop:  # how argparse ends
        status = stop.code  # type: ignore[assignment]
    out, error = capsys.readouterr()
    assert status == cli.BAD_USE
    assert out == ""
    assert len(error.splitlines()) == 1
    assert said in error


def test_as_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lib", "verify", "--claim", "nope"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == cli.BAD_USE
    assert done.stdout == ""
    assert done.stderr.startswith("python -m lib: `claim` must be one of")
    assert "Traceback" not in done.stderr


def test_a_claim_without_adult_data_does_not_look_for_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADULT_DATA_DIR", "/no/such/folder")
    claims.cache_clear()
    assert cli.main(["verify", "--list"]) == 0
    assert capsys.readouterr().err == ""


def test_replicates_and_jobs_reach_the_simulation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[dict[str, object]] = []

    def recorded(one: Claim, **options: object) -> Receipt:
        asked.append(options)
        return real(one, **options)  # type: ignore[arg-type]

    real = cli.verify
    monkeypatch.setattr(cli, "verify", recorded)
    file = tmp_path / "receipts.json"
    options = ["--seed", "9", "--reps", "50", "--jobs", "2", "--json", str(file)]
    assert cli.main(["verify", "--claim", "mean-naive", *options]) == cli.INCONCLUSIVE
    assert asked == [{"seed": 9, "reps": 50, "n_jobs": 2}]
    (receipt,) = json.loads(file.read_text())
    assert (receipt["reps"], receipt["seed"]) == (50, 9)


def test_a_stop_from_the_keyboard_keeps_what_is_finished(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch, **{"mean-naive": 1.0})
    real = cli.verify

    def stopped(one: Claim, **options: int) -> Receipt:
        if one.id != "mean-naive":
            raise KeyboardInterrupt
        return real(one, **options)

    monkeypatch.setattr(cli, "verify", stopped)
    file = tmp_path / "receipts.json"
    ids = ["mean-naive", "mean-break-even"]
    assert cli.main(["verify", "--claim", *ids, "--json", str(file)]) == cli.INTERRUPTED
    assert [receipt["claim"] for receipt in json.loads(file.read_text())] == ids[:1]
    assert capsys.readouterr().err == "python -m lib: stopped\n"


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_closed_pipe_is_quiet_and_confirms_nothing(unbuffered: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lib", "verify", "--claim", "mean-naive", "--reps", "9"],
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == cli.UNREAD


def test_a_link_keeps_pointing_to_the_receipts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake(monkeypatch, **{"mean-naive": 1.0})
    (tmp_path / "kept").mkdir()
    link, file = tmp_path / "link.json", tmp_path / "kept" / "receipts.json"
    file.write_text("old")
    link.symlink_to(file)
    assert cli.main(["verify", "--claim", "mean-naive", "--json", str(link)]) == 0
    assert link.is_symlink()
    assert json.loads(file.read_text())[0]["claim"] == "mean-naive"


def fake(monkeypatch: pytest.MonkeyPatch, **values: float) -> None:
    """Let some claims' simulations return made-up numbers, in units of the prediction."""

    def simulate(
        self: Claim, *, seed: int = 1, reps: int | None = None, n_jobs: int = 1
    ) -> Estimate:
        assert self.id in values
        error = 0.001 if values[self.id] else 0.01
        shift = values[self.id] or 1.0
        return Estimate(shift * self.predicted(), error * abs(self.predicted()), 10_000)

    monkeypatch.setattr(Claim, "simulate", simulate)


@pytest.mark.parametrize(
    ("values", "status", "verdict"),
    [
        ({"a": 1.0, "b": 1.0}, cli.CONFIRMED, "confirmed (2 of 2 confirmed)"),
        (
            {"a": 1.0, "b": 1.03},
            cli.REFUTED,
            "refuted (1 of 2 confirmed; 1 refuted: mean-break-even)",
        ),
        (
            {"a": 0.0, "b": 1.03},
            cli.REFUTED,
            "refuted (0 of 2 confirmed; 1 refuted: mean-break-even; 1 inconclusive: mean-naive)",
        ),
        (
            {"a": 0.0, "b": 1.0},
            cli.INCONCLUSIVE,
            "inconclusive (1 of 2 confirmed; 1 inconclusive: mean-naive)",
        ),
    ],
)
def test_exit_status_and_verdict(
    values: dict[str, float],
    status: int,
    verdict: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ids = dict(zip("ab", ("mean-naive", "mean-break-even"), strict=True))
    fake(monkeypatch, **{ids[name]: value for name, value in values.items()})
    assert cli.main(["verify", "--claim", *ids.values()]) == status
    *_, rate, last = capsys.readouterr().out.splitlines()
    assert rate == "false-alarm rate: 0.0001 a claim, at most 0.0002 for the set"
    assert last == f"verdict: {verdict}"


def test_the_readme_says_what_the_set_is_worth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch, **dict.fromkeys(claims(), 1.0))
    assert cli.main(["verify"]) == cli.CONFIRMED
    *_, rate, last = capsys.readouterr().out.splitlines()
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf8")
    assert f"`{last}`" in readme
    assert rate.split("at most ")[1].removesuffix(" for the set") in readme


def test_json_is_whole_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "receipts.json"
    file.write_text("old")
    assert (
        cli.main(["verify", "--claim", "mean-break-even", "--seed", "5", "--json", str(file)]) == 0
    )
    (receipt,) = json.loads(file.read_text())
    assert receipt["claim"] == "mean-break-even"
    assert receipt["seed"] == 5
    assert receipt["verdict"] == "confirmed"
    one = claim("mean-break-even")
    assert (receipt["theorem"], receipt["page"]) == (one.theorem, one.page)
    assert receipt["code"] == list(one.code)
    assert receipt["definition"] == "lib.claims.gaussian.mean_claims"
    assert receipt["test"] == "tests/test_claims.py::test_confirmed[mean-break-even]"
    assert [path.name for path in tmp_path.iterdir()] == ["receipts.json"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "receipts.json"
    file.write_text("old")

    def full(self: Path, *_: object, **__: object) -> None:
        self.touch()
        raise OSError(28, "No space left on device")

    fake(monkeypatch, **{"mean-naive": 1.0})
    monkeypatch.setattr(Path, "write_text", full)
    assert cli.main(["verify", "--claim", "mean-naive", "--json", str(file)]) == cli.BAD_USE
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["receipts.json"]


def test_list_names_every_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(id in out for id in claims())
    assert claim("mean-naive").statement in out


def test_a_schedule_as_text_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    months = ["schedule", "--real", "100", "40", "0", "100", "--synthetic", "100", "300", "0"]
    expected = schedule([100, 40, 0, 100], [100, 300, 0])
    assert cli.main(months) == 0
    assert capsys.readouterr().out == expected.report() + "\n"
    assert cli.main([*months, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == expected.to_dict()
    assert found["weights"] == pytest.approx(expected.weights.tolist())
    assert found["sample_weights"][1:] == [None, None]
    assert cli.main(["schedule", "--real", "9", "9", "9", "--synthetic", "1e3"]) == 0
    assert capsys.readouterr().out == schedule([9, 9, 9], 1000).report() + "\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--budget", "1000", "--synthetic-cost", ".1"],
        ["--budget", "50", "--real-cost", "2", "--synthetic-cost", "3"],
        ["--budget", "50", "--synthetic-cost", "0", "--most-synthetic", "70"],
    ],
)
def test_a_plan_as_text_and_as_json(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = dict(zip(arguments[::2], map(float, arguments[1::2]), strict=True))
    most = given.get("--most-synthetic")
    expected = plan(
        given["--budget"],
        real_cost=given.get("--real-cost", 1.0),
        synthetic_cost=given["--synthetic-cost"],
        most_synthetic=None if most is None else int(most),
    )
    assert cli.main(["plan", *arguments]) == 0
    assert capsys.readouterr().out == expected.report() + "\n"
    assert cli.main(["plan", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == expected.to_dict()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schedule", "--real", "9", "--synthetic", "9"], "--real"),
        (["schedule", "--real", "9", "9", "9", "--synthetic", "9", "9", "9"], "--synthetic"),
        (["schedule", "--real", "9", "-9", "--synthetic", "9"], "--real"),
        (["schedule", "--real", "0", "9", "--synthetic", "9"], "n[0]"),
        (["schedule", "--real", "9", "0", "--synthetic", "0"], "m[0]"),
        (["plan", "--budget", "10", "--synthetic-cost", "-1"], "--synthetic-cost"),
        (["plan", "--budget", "0", "--synthetic-cost", "1"], "--budget"),
        (["plan", "--budget", "1", "--real-cost", "2", "--synthetic-cost", "1"], "budget"),
        (["plan", "--budget", "9", "--synthetic-cost", "0"], "most_synthetic"),
    ],
)
def test_bad_use_of_schedule_and_plan(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert said in capsys.readouterr().err
