"""Every claim is confirmed, and its check refutes a formula 3 % off and each known wrong one."""

from __future__ import annotations

import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lib import FreshReal
from lib.claims import (
    Experiment,
    ExtrapolatedExperiment,
    GainExperiment,
    LargeSampleExperiment,
    claim,
    claims,
)
from lib.data import FROM_FILES, PREDICTORS, adult_income, standardised
from lib.models import CountedPopulation, Gaussian, LogisticRegression, PoissonRegression
from lib.simulate import Estimate, simulate
from lib.verify import ALPHA, Receipt, check, verify
from lib.weights import error_ratio, optimal_weight

# another seed than the book's, so that tests and pages are independent evidence
SEED = 20260


@pytest.fixture(scope="module", params=list(claims()))
def checked(request: pytest.FixtureRequest) -> tuple[str, Estimate]:
    return request.param, claim(request.param).simulate(seed=SEED)


def test_confirmed(checked: tuple[str, Estimate]) -> None:
    id, estimate = checked
    assert check(claim(id), estimate).verdict == "confirmed"


def test_three_percent_off_is_refuted(checked: tuple[str, Estimate]) -> None:
    id, estimate = checked
    for factor in (0.97, 1.03):
        predicted = factor * claim(id).predicted()
        assert check(claim(id), estimate, predicted=predicted).verdict == "refuted"


def test_known_wrong_versions_are_refuted(checked: tuple[str, Estimate]) -> None:
    id, estimate = checked
    assert claim(id).wrong, "a claim names at least one wrong version of itself"
    for name, formula in claim(id).wrong.items():
        assert check(claim(id), estimate, predicted=formula()).verdict == "refuted", name


@pytest.mark.parametrize("one", claims().values(), ids=lambda one: one.id)
def test_closed_form_agrees_with_the_recursion(one: object) -> None:
    """The prediction as the text states it is what the model's own theory says."""
    experiment = one.experiment  # type: ignore[attr-defined]
    predicted = one.predicted()  # type: ignore[attr-defined]
    if experiment.metric in ("mean", "covariance", "frequencies", "theta", "kl", "cdf", "mise"):
        # averages start at half time, where a transient of a few millionths is left
        assert predicted == pytest.approx(experiment.theory(), rel=1e-4)


def test_every_theorem_has_a_claim_that_could_refute_it() -> None:
    book = Path(__file__).parents[1] / "book"
    stated = {
        (label, f"book/{page.relative_to(book).with_suffix('').as_posix()}")
        for page in book.rglob("*.md")
        for label in re.findall(r"\{prf:theorem\}.*\n:label: (\S+)", page.read_text("utf8"))
    }
    assert stated == {(one.theorem, one.page) for one in claims().values()}


@pytest.mark.skipif(
    not (os.environ.get("ADULT_DATA_DIR") and adult_income()[1] == FROM_FILES),
    reason="THE REAL FILES ARE NOT TESTED: set ADULT_DATA_DIR to a folder with them",
)
def test_the_claim_on_income_holds_on_all_rows_of_adult() -> None:
    """The book checks it on the shipped counts, with another rho: here on the files themselves."""
    table, _ = adult_income()
    x = standardised(table, PREDICTORS, counts="count")
    model = CountedPopulation(x, table["income"], counts=table["count"])
    rho = model.misspecification
    best = optimal_weight(1 / rho)
    one = claim("income-corrected-weight")
    loop = FreshReal(n=10**7, m=10**7, w=best)
    # on its 14,846 cells the differences cost more, and vary less, than the linear chains
    experiment = replace(one.experiment, model=model, loop=loop, steps=30, chains=2500)
    on_files = replace(one, experiment=experiment)
    estimate = on_files.simulate(seed=SEED, reps=14)
    assert check(on_files, estimate, predicted=rho * best).verdict == "confirmed"
    for wrong in (1.03 * rho * best, error_ratio(best, 1), one.predicted()):
        assert check(on_files, estimate, predicted=wrong).verdict == "refuted"


def test_a_large_sample_experiment_extrapolates_the_plain_simulation() -> None:
    """Against twice the error at 2n minus that at n, simulated without the linear chain.

    |z| < 4.5 alarms wrongly with probability 7e-6.
    """
    model, loop = PoissonRegression([0.3, -0.4]), FreshReal(n=40, m=20, w=0.6)
    for metric in ("theta", "kl"):
        experiment = LargeSampleExperiment(model, loop, metric=metric, steps=8, burn_in=4)
        found = experiment.run(seed=1, reps=2500, n_jobs=1)
        assert (found.reps, found.lost) == (2500, 0)
        plain = []
        for size, seed in ((1, 2), (2, 3)):
            larger = FreshReal(n=40 * size, m=20 * size, w=0.6)
            # in units of the error of n rows that follow the model
            unit = model.sampling_noise(larger.n, larger.n)[metric].synthetic[0]
            result = simulate(model, larger, steps=8, burn_in=4, reps=8000, seed=seed,
                              metrics=[metric], progress=False)  # fmt: skip
            estimate = result.estimate(metric)
            plain.append((estimate.value / unit, estimate.standard_error / unit))
        (near, noise), (far, more) = plain
        se = math.hypot(found.standard_error, noise, 2 * more)
        assert abs(found.value - (2 * far - near)) < 4.5 * se
        assert se < 0.05


def test_an_extrapolated_experiment_removes_the_square_root() -> None:
    """Of a number 3 + 5/sqrt(n) it finds the 3; both sizes have seeds of their own."""
    model = Gaussian([0.0], [[1.0]])

    def experiment(rows: int) -> Experiment:
        def measure(fit: Any) -> np.ndarray:
            shape = fit.mean.shape[:-1]
            return np.full(shape, 3 + 5 / np.sqrt(rows)) + fit.mean[..., 0] * np.sqrt(rows)

        return Experiment(model, FreshReal(n=rows, m=rows, w=1.0), measure, steps=1, t=1)

    both = ExtrapolatedExperiment(experiment(25), experiment(100))
    found = both.run(seed=1, reps=4000, n_jobs=1)
    assert abs(found.value - 3) < 4.5 * found.standard_error
    assert found.standard_error == pytest.approx(np.sqrt(5 / 4000), rel=0.05)
    assert found == both.run(seed=1, reps=4000, n_jobs=2)
    near, far = (experiment(rows).run(seed=1, reps=4000, n_jobs=1) for rows in (25, 100))
    assert found.value != 2 * far.value - near.value


def test_a_large_sample_experiment_repeats_itself_with_other_jobs() -> None:
    model = LogisticRegression([0.5, -0.5])
    experiment = LargeSampleExperiment(model, FreshReal(n=50, m=50, w=0.6), steps=3, burn_in=1)
    one, other, another = (
        experiment.run(seed=seed, reps=3000, n_jobs=jobs) for seed, jobs in ((1, 1), (1, 2), (2, 1))
    )
    assert one == other
    assert one.value != another.value


def receipt(z: float, relative_error: float = 0.001, reps: int = 10_000) -> Receipt:
    return Receipt(
        claim="made-up",
        status="exact",
        statement="a number is 1",
        predicted=1.0,
        estimate=1 + z * relative_error,
        standard_error=relative_error,
        reps=reps,
        seed=1,
        resolution=0.02,
    )


def test_verdicts() -> None:
    assert receipt(z=0).verdict == "confirmed"
    assert receipt(z=3.8).verdict == "confirmed"
    assert receipt(z=-4).verdict == "refuted"
    assert receipt(z=0, relative_error=0.01).verdict == "inconclusive"
    assert receipt(z=4, relative_error=0.01).verdict == "refuted"
    assert receipt(z=math.nan).verdict == "inconclusive"
    # an error of 12 % is the smallest it sees: too coarse to be believed
    assert receipt(z=4, relative_error=0.02).verdict == "inconclusive"


def test_an_estimate_without_spread_that_misses_is_refuted_if_it_had_many_chances() -> None:
    exact = replace(receipt(z=0), standard_error=0.0)
    assert exact.verdict == "confirmed"
    assert replace(exact, estimate=1.1).verdict == "refuted"
    assert replace(exact, estimate=1.1, reps=999).verdict == "inconclusive"


def test_a_prediction_of_zero_has_a_receipt() -> None:
    one = replace(receipt(z=0), predicted=0.0)
    assert one.verdict == "refuted"
    assert "refuted" in str(one)
    assert one.to_dict()["detectable"] is None


@pytest.mark.parametrize(("reps", "critical"), [(3, 99.992), (5, 15.544), (31, 4.482)])
def test_few_replicates_have_the_critical_value_of_student_s_t(reps: int, critical: float) -> None:
    # two-sided 0.0001 points with 2, 4 and 30 degrees of freedom
    assert receipt(z=0, reps=reps).critical == pytest.approx(critical, abs=0.001)


def test_detectable_error_is_detected_with_the_stated_power() -> None:
    """An error of the smallest detectable size is refuted with probability 0.99."""
    one = receipt(z=0, reps=10**7)
    shift = one.detectable / one.standard_error
    power = stats.norm.sf(one.critical - shift) + stats.norm.cdf(-one.critical - shift)
    assert power == pytest.approx(0.99, abs=1e-4)


def test_false_alarm_rate_is_kept() -> None:
    """Over many seeds, a right prediction is refuted as often as alpha says: binomial test."""
    model = Gaussian([0.0], [[1.0]])
    experiment = Experiment(model, FreshReal(n=5, m=5, w=0.6), "mean", steps=20, unit=0.2)
    predicted = experiment.theory()
    alpha, seeds = 0.05, 600
    refuted = 0
    for seed in range(seeds):
        estimate = experiment.run(seed=seed, reps=200, n_jobs=1)
        made = receipt(z=0)
        one = replace(
            made,
            predicted=predicted,
            estimate=estimate.value,
            standard_error=estimate.standard_error,
            reps=estimate.reps,
            alpha=alpha,
        )
        refuted += abs(one.z) > one.critical
    # false-alarm rate of this test: 1e-4; a true rate of 0.10 is seen with power 0.99
    assert stats.binomtest(refuted, seeds, alpha).pvalue > 1e-4
    assert stats.binomtest(round(0.10 * seeds), seeds, alpha).pvalue < 1e-4


@pytest.fixture(scope="module")
def skewed() -> np.ndarray:
    """Errors of many replicates, in units of their mean, of the most skewed claim."""
    one = claim("covariance-fully-synthetic").experiment
    caught: list[np.ndarray] = []

    def catch(fit: Any) -> np.ndarray:
        error = one.model.error(fit, "covariance")
        caught.append(error[0])
        return error

    simulate(one.model, one.loop, steps=4, reps=400_000, seed=2, metrics={"error": catch})
    last = np.concatenate(caught[4::5])  # every chunk has t = 0, ..., 4
    return np.asarray(last / last.mean())


@pytest.mark.parametrize(("reps", "blocks"), [(300, 20_000), (13_000, 5_000)])
def test_a_coarse_run_does_not_refute_a_true_claim(
    skewed: np.ndarray, reps: int, blocks: int
) -> None:
    """In both cases Student's t alone alarms too often, or would in more blocks than these."""
    rng = np.random.default_rng(3)
    refuted = beyond = 0
    for _ in range(blocks):
        block = skewed[rng.integers(0, skewed.size, reps)]
        one = replace(
            receipt(z=0),
            estimate=float(block.mean()),
            standard_error=float(block.std(ddof=1) / np.sqrt(reps)),
            reps=reps,
        )
        beyond += abs(one.z) > one.critical
        refuted += one.verdict == "refuted"
    # false-alarm rate of this test 1e-4, if the claim's own is 5 alpha as `COARSEST` says
    assert stats.binomtest(refuted, blocks, 5 * ALPHA, alternative="greater").pvalue > 1e-4
    if reps == 300:
        assert beyond > 20 * ALPHA * blocks
        assert refuted == 0


def test_receipt_says_everything() -> None:
    text = str(receipt(z=1))
    for word in ("made-up", "predicted", "estimate", "false-alarm rate", "detectable", "confirmed"):
        assert word in text
    assert set(receipt(z=1).to_dict()) >= {"z", "critical", "detectable", "verdict", "alpha"}


def test_same_seed_same_receipt_other_jobs() -> None:
    assert verify("mean-naive", seed=3, reps=9000) == verify(
        "mean-naive", seed=3, reps=9000, n_jobs=2
    )


def test_unknown_claim() -> None:
    with pytest.raises(ValueError, match=r"`claim` must be one of mean-.*; got 'nope'"):
        verify("nope")


@pytest.mark.parametrize("reps", [1, 0, 2.5, "many"])
def test_bad_reps(reps: object) -> None:
    with pytest.raises(ValueError, match="`reps`"):
        verify("mean-naive", reps=reps)  # type: ignore[arg-type]


def test_alpha_is_the_design_s() -> None:
    assert ALPHA == 1e-4
    assert np.isclose(receipt(z=0, reps=10**8).critical, 3.8906, atol=1e-3)


def test_a_gain_is_a_ratio_with_the_standard_error_of_one() -> None:
    """Its spread over seeds is what it says of itself."""
    model = Gaussian([0, 0], np.eye(2))
    worse, better = (
        Experiment(model, FreshReal(n=50, m=500, w=w), "mean", 60, burn_in=30)
        for w in (0.5, optimal_weight(0.1))
    )
    gain = GainExperiment(worse, better)
    assert gain.theory() == pytest.approx(worse.theory() / better.theory())
    found = [gain.run(seed=seed, reps=200, n_jobs=1) for seed in range(60)]
    values = np.array([one.value for one in found])
    said = np.mean([one.standard_error for one in found])
    # the ratio of two standard deviations, one from 60 values: four of its own are 0.37
    assert abs(values.std(ddof=1) / said - 1) < 4 / (2 * 59) ** 0.5
    assert abs(values.mean() / gain.theory() - 1) < 4.5 * said / gain.theory() / 60**0.5
    assert found[0].reps == 200


def test_an_experiment_averages_from_its_burn_in() -> None:
    model, loop = Gaussian([0], [[1]]), FreshReal(n=5, m=5, w=0.5)
    late = Experiment(model, loop, "mean", 20, burn_in=19).run(seed=1, reps=50, n_jobs=1)
    run = simulate(model, loop, steps=20, reps=50, seed=1, burn_in=19, metrics=["mean"])
    assert late.value == run.estimate("mean").value
    assert late != Experiment(model, loop, "mean", 20).run(seed=1, reps=50, n_jobs=1)
