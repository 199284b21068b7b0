"""The page to play with: exact paths are the library's, and live chains follow the theory."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pages import Visit, chart_index, page_values, wait_for_change
from playwright.sync_api import Browser, Page
from scipy import stats

from lib import Accumulate, FixedReal, FreshReal, FullySynthetic
from lib.charts.play import CHAINS, GENERATIONS, LOOPS, SIZES
from lib.models import Categorical, EmpiricalCDF, Gaussian, LinearRegression

LINE = Gaussian([0.0], [[1.0]])
DRAWS = [f"{kind}_{x}" for kind in ("real", "synthetic") for x in SIZES] + ["z_real", "z_synthetic"]

REDRAWS = 30

# Random numbers from a seed (mulberry32) in place of the browser's, before Vega takes hold of them.
SEEDED = """(() => {
  let a = %d;
  Math.random = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
})();"""

# Set signals, and return columns of the chains, rows in the order of chain and generation.
COLUMNS = """async ([index, signals, names]) => {
  const view = window.bookCharts[index].result.view;
  for (const [name, value] of Object.entries(signals)) view.signal(name, value);
  await view.runAsync();
  const rows = view.data("source_0").slice().sort((x, y) => x.i - y.i);
  return Object.fromEntries(names.map(name => [name, rows.map(row => row[name])]));
}"""

# Draw again and again; sums and sums of squares of the errors, by loop, estimate and generation.
DRAWN = """async ([index, times, loops, signals, generations]) => {
  const view = window.bookCharts[index].result.view;
  for (const [name, value] of Object.entries(signals)) view.signal(name, value);
  const sums = {};
  for (let draw = 0; draw < times; draw++) {
    view.signal("redraw", view.signal("redraw") + 1);
    for (const loop of loops) {
      await view.signal("loop", loop).runAsync();
      for (const row of view.data("source_0")) {
        if (!generations.includes(row.t)) continue;
        const errors = {mean: row.mean ** 2, variance: (row.variance - 1) ** 2};
        for (const [name, error] of Object.entries(errors)) {
          const sum = (sums[`${loop}, ${name}, ${row.t}`] ??= [0, 0, 0]);
          sum[0] += 1; sum[1] += error; sum[2] += error * error;
        }
      }
    }
  }
  return sums;
}"""


def loop_of(name: str, n: int, m: int, w: float) -> Any:
    sizes = {"n": n, "m": m}
    return {
        "fully synthetic": lambda: FullySynthetic(**sizes),
        "accumulate": lambda: Accumulate(**sizes),
        "fixed real": lambda: FixedReal(**sizes, w=w),
        "fresh real": lambda: FreshReal(**sizes, w=w),
    }[name]()


@pytest.fixture(scope="module")
def play(browser: Browser, site: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.set_default_timeout(300_000)
    page.add_init_script(SEEDED % 20260)
    page.goto(f"{site}/book/use/play.html")
    Visit(page, "book/use/play").settle()
    yield page
    page.close()


@pytest.fixture(scope="module")
def explorer(play: Page) -> int:
    return chart_index(play, "loop", "w", "k", "m", "mark")


@pytest.fixture(scope="module")
def simulation(play: Page) -> int:
    return chart_index(play, "loop", "shown", "n", "m", "w", "redraw")


# --- the exact paths -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize(("k", "m"), [(0.2, 10), (1.0, 10), (4.0, 10), (0.3, 200), (2.5, 40)])
def test_exact_paths(play: Page, explorer: int, name: str, k: float, m: int) -> None:
    n = round(k * m)
    frequencies, cdf = Categorical([0.5, 0.3, 0.2]), EmpiricalCDF()
    fixed = LinearRegression([1.0], 2.0, design=[[1.0], [3.0]])
    for w in (0.02, 0.05, 0.3, 0.62, 0.99, 1.0):
        loop = loop_of(name, n, m, w)
        signals: dict[str, Any] = {"loop": name, "w": w, "k": k, "m": m, "mark": 7}
        rows = page_values(play, explorer, signals, "error_total")
        assert len(rows) == 3 * (GENERATIONS + 1)
        gaussian = LINE.theory(loop)
        theories = {
            "mean": [gaussian["mean"], fixed.theory(loop)["theta"]],
            "frequencies": [frequencies.theory(loop)["frequencies"], cdf.theory(loop)["cdf"]],
            "variance": [gaussian["covariance"]],
        }
        for setting, recursions in theories.items():
            mine = sorted((r for r in rows if r["setting"] == setting), key=lambda r: r["t"])
            errors = [row["error"] for row in mine]
            for recursion in recursions:
                path, limit = recursion.path(GENERATIONS), recursion.limit() / recursion.path(1)[0]
                assert errors == pytest.approx(path / path[0], rel=1e-9, abs=0), (setting, w)
                for row in mine[1:]:
                    if np.isfinite(limit):
                        assert row["limit"] == pytest.approx(limit, rel=4e-10, abs=0), (setting, w)
                    else:
                        assert row["limit"] is None


def test_words_say_what_is_drawn(play: Page, explorer: int) -> None:
    signals: dict[str, Any] = {"loop": "fresh real", "w": 0.05, "k": 1, "m": 10, "mark": 20}
    rows = page_values(play, explorer, signals, "label")
    words = {row["setting"]: row["label"] for row in rows}
    assert len(words) == 3
    loop = FreshReal(n=10, m=10, w=0.05)
    mean, variance = (LINE.theory(loop)[name] for name in ("mean", "covariance"))
    assert words["variance"].endswith(f"variance: {variance.path(20)[20] * 9 / 2:.4g}, no limit")
    assert words["mean"].endswith(
        f"mean: {mean.path(20)[20] * 10:.4g}, limit {mean.limit() * 10:.4g}"
    )
    texts = play.locator("div.vega-embed").nth(explorer).locator(".mark-text.role-mark text")
    assert set(texts.all_text_contents()) == {*words.values(), "n = 10, m = 10, t = 20:"}


@pytest.mark.parametrize("name", LOOPS)
def test_words_say_where_w_is_not_used(
    play: Page, explorer: int, simulation: int, name: str
) -> None:
    used = "w" in inspect.signature(type(loop_of(name, 10, 10, 0.5))).parameters
    for index, start in ((explorer, "n ="), (simulation, "▬ theory")):
        page_values(play, index, {"loop": name}, "label")
        texts = play.locator("div.vega-embed").nth(index).locator(".mark-text.role-mark text")
        (text,) = [one for one in texts.all_text_contents() if one.startswith(start)]
        assert ("(w not used)" in text) == (not used)


def test_numbers_in_words_have_no_powers_of_ten(play: Page, simulation: int) -> None:
    """And bars end above the words, also where they reach down to nothing."""
    signals: dict[str, Any] = {
        "loop": "fully synthetic",
        "shown": "variance",
        "n": 5,
        "m": 5,
    }
    rows = page_values(play, simulation, signals, "wobble")
    chart = play.locator("div.vega-embed").nth(simulation)
    texts = chart.locator(".mark-text.role-mark text")
    words = texts.filter(has_text="±")
    numbers = (words.text_content() or "").split(": ")[1]
    last = max(rows, key=lambda row: row["t"])
    said = [float(x.replace(",", "")) for x in numbers.split(" ± ")]
    assert said == pytest.approx([last["average"], 2 * last["wobble"]], rel=0.06)
    assert last["average"] > 1e6 or "e" not in numbers
    assert any(row["average"] < 2 * row["wobble"] for row in rows), "no bar that reaches down"
    box = words.bounding_box()
    assert box is not None
    bottoms = chart.locator(".mark-rule.role-mark line").evaluate_all(
        "lines => lines.map(line => line.getBoundingClientRect().bottom)"
    )
    assert len(bottoms) > GENERATIONS
    assert max(bottoms) <= box["y"] + 2


# --- the chains ----------------------------------------------------------------------------------


def columns(page: Page, index: int, signals: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return columns of the simulation, each of shape (chains, generations)."""
    found = page.evaluate(COLUMNS, [index, signals, names])
    shape = (CHAINS, GENERATIONS + 1)
    return {name: np.array(values, dtype=float).reshape(shape) for name, values in found.items()}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize(
    ("n", "m", "w"), [(21, 21, 0.62), (5, 101, 0.02), (101, 5, 0.99), (11, 41, 1.0)]
)
def test_chains_follow_the_algorithm(
    play: Page, simulation: int, name: str, n: int, m: int, w: float
) -> None:
    """The page's numbers, sent through the algorithm generation by generation."""
    signals: dict[str, Any] = {"loop": name, "n": n, "m": m, "w": w}
    page = columns(play, simulation, signals, [*DRAWS, "mean", "variance"])
    real_mean = page["z_real"] / n**0.5
    real_variance = page[f"real_{n}"] / (n - 1)
    ratio = page[f"synthetic_{m}"] / (m - 1)
    mean, variance = real_mean[:, 0], real_variance[:, 0]
    loop = loop_of(name, n, m, w)
    for t in range(GENERATIONS + 1):
        if t > 0:
            new_mean = mean + page["z_synthetic"][:, t] * np.sqrt(variance / m)
            sources = {
                "fresh": (real_mean[:, t], real_variance[:, t]),
                "first": (real_mean[:, 0], real_variance[:, 0]),
                "previous": (mean, variance),
                "synthetic": (new_mean, ratio[:, t] * variance),
            }
            parts = [(weight, *sources[source]) for source, weight in loop.recipe(t).items()]
            mean = sum(weight * one for weight, one, _ in parts)
            variance = sum(weight * one for weight, _, one in parts)
        assert page["variance"][:, t] == pytest.approx(variance, rel=1e-9, abs=0), t
        scale = np.abs(mean).max()
        assert page["mean"][:, t] == pytest.approx(mean, rel=1e-9, abs=1e-9 * scale), t


def test_draws_have_their_distributions(play: Page, simulation: int) -> None:
    """Each p-value is below 1e-5 with that probability, for a new seed: 14 in all."""
    drawn = [columns(play, simulation, {"redraw": 100 + i}, DRAWS) for i in range(2)]
    values = {name: np.concatenate([one[name].ravel() for one in drawn]) for name in DRAWS}
    for kind in ("real", "synthetic"):
        for rows in SIZES:
            law = stats.chi2(rows - 1)
            assert stats.kstest(values[f"{kind}_{rows}"], law.cdf).pvalue > 1e-5, (kind, rows)
        assert stats.kstest(values[f"z_{kind}"], "norm").pvalue > 1e-5
    # what a larger sample adds is independent of the smaller one, and so are all other draws
    parts = [values["z_real"], values["z_synthetic"]]
    for kind in ("real", "synthetic"):
        steps = [values[f"{kind}_{rows}"] for rows in SIZES]
        parts += [steps[0], *(after - before for before, after in pairwise(steps))]
    correlation = np.corrcoef(parts)[np.triu_indices(len(parts), 1)]
    assert np.abs(correlation).max() < 5.5 / len(parts[0]) ** 0.5
    # and those of one generation of those of the next
    for name in DRAWS:
        one = np.concatenate([part[name][:, :-1].ravel() for part in drawn])
        other = np.concatenate([part[name][:, 1:].ravel() for part in drawn])
        assert abs(np.corrcoef(one, other)[0, 1]) < 5.5 / len(one) ** 0.5, name


@pytest.fixture(scope="module", params=[(101, 101, 0.5), (101, 41, 0.3)], ids=str)
def errors(request: pytest.FixtureRequest, play: Page, simulation: int) -> Any:
    """Average squared errors of many chains and their standard errors."""
    n, m, w = request.param
    sums = play.evaluate(
        DRAWN, [simulation, REDRAWS, list(LOOPS), {"n": n, "m": m, "w": w}, [1, 4, 10]]
    )
    found = {}
    for key, (count, total, squares) in sums.items():
        name, metric, t = key.split(", ")
        average = total / count
        error = ((squares / count - average**2) / (count - 1)) ** 0.5
        found[name, metric, int(t)] = (average, error)
        assert count == REDRAWS * CHAINS
    return request.param, found


def predicted(size: tuple[int, int, float], name: str, metric: str, t: int) -> float:
    theory = LINE.theory(loop_of(name, *size))
    return float(theory["covariance" if metric == "variance" else metric].path(10)[t])


def test_chains_follow_the_theory(errors: Any) -> None:
    """Of 24 z-scores the largest is above 5 with probability 2e-5, for a new seed.

    With 9,000 chains the standard errors are 1 to 4 %, so that a formula that is 25 % off is
    refuted in every loop, for both estimates, at each of these generations.
    """
    size, found = errors
    assert len(found) == len(LOOPS) * 2 * 3
    for (name, metric, t), (average, error) in found.items():
        expected = predicted(size, name, metric, t)
        assert abs(average - expected) < 5 * error, (name, metric, t)
        for wrong in (0.75 * expected, 1.25 * expected):
            assert abs(average - wrong) > 5 * error, (name, metric, t)


def test_chains_refute_the_theory_of_another_loop(errors: Any) -> None:
    size, found = errors
    for name in LOOPS:
        for other in LOOPS:
            for metric in ("mean", "variance"):
                worst = max(
                    abs(found[name, metric, t][0] - predicted(size, other, metric, t))
                    / found[name, metric, t][1]
                    for t in (1, 4, 10)
                )
                assert (worst < 5) == (name == other), (name, other, metric, worst)


def test_points_bars_and_line(play: Page, simulation: int) -> None:
    n, m, w = 11, 21, 0.4
    for shown in ("mean", "variance"):
        signals: dict[str, Any] = {
            "loop": "fixed real",
            "shown": shown,
            "n": n,
            "m": m,
            "w": w,
        }
        estimates = columns(play, simulation, signals, ["mean", "variance"])
        squared, metric = {
            "mean": (n * estimates["mean"] ** 2, "mean"),
            "variance": ((estimates["variance"] - 1) ** 2 * (n - 1) / 2, "covariance"),
        }[shown]
        points = page_values(play, simulation, {}, "wobble")
        points.sort(key=lambda row: row["t"])
        average, error = squared.mean(axis=0), squared.std(axis=0, ddof=1) / CHAINS**0.5
        assert [row["average"] for row in points] == pytest.approx(average, rel=1e-9, abs=0)
        high = average + 2 * error
        assert [row["high"] for row in points] == pytest.approx(high, rel=1e-9, abs=0)
        path = LINE.theory(FixedReal(n=n, m=m, w=w))[metric].path(GENERATIONS)
        line = play.evaluate(
            """index => {
              const view = window.bookCharts[index].result.view;
              const sets = view.getState({signals: () => false, data: () => true}).data;
              return Object.keys(sets).map(name => view.data(name))
                .find(rows => rows.length === 31 && "all" in rows[0] && "error" in rows[0])
                .map(row => [row.t, row.error]);
            }""",
            simulation,
        )
        exact = [error for _, error in sorted(line)]
        assert exact == pytest.approx(path / path[0], rel=1e-9, abs=0)
        # the thin lines are the first chains, in the unit of the axis
        drawn = page_values(play, simulation, {}, "estimate")
        assert len(drawn) == 30 * (GENERATIONS + 1)
        unit = n**0.5 if shown == "mean" else 1
        for row in drawn[::97]:
            chain, t = round(row["chain"]), round(row["t"])
            assert row["estimate"] == pytest.approx(estimates[shown][chain, t] * unit, rel=1e-9)


# --- drawing again -------------------------------------------------------------------------------


def test_only_drawing_again_draws(play: Page, simulation: int) -> None:
    before = columns(play, simulation, {}, [*DRAWS, "mean"])
    for signals in (
        {"w": 0.11},
        {"n": 101},
        {"m": 5},
        {"loop": "accumulate"},
        {"loop": "fresh real"},
        {"shown": "variance"},
    ):
        after = columns(play, simulation, signals, [*DRAWS, "mean"])
        for name in DRAWS:
            assert (after[name] == before[name]).all(), (signals, name)
    assert (after["mean"] != before["mean"]).mean() > 0.9  # the same numbers, another life
    count = play.evaluate("i => window.bookCharts[i].result.view.signal('redraw')", simulation)
    again = columns(play, simulation, {"redraw": count + 1}, DRAWS)
    for name in DRAWS:
        assert (again[name] != before[name]).all(), name


def test_a_click_and_the_keyboard_draw_again(play: Page, simulation: int) -> None:
    chart = play.locator("div.vega-embed").nth(simulation)
    button = chart.get_by_role("button", name="Draw again")
    status = chart.get_by_role("status")
    assert button.count() == 1
    lines = chart.locator(".mark-line path[d]")

    def drawn() -> Any:
        return lines.evaluate_all("lines => lines.map(line => line.getAttribute('d'))")

    def number() -> int:
        return int(
            play.evaluate("i => window.bookCharts[i].result.view.signal('redraw')", simulation)
        )

    for act in (
        button.click,
        lambda: button.press("Enter"),
        lambda: button.press("Space"),
        lambda: chart.locator("svg").click(position={"x": 200, "y": 100}),
    ):
        first = number()
        wait_for_change(play, drawn, act)
        assert number() == first + 1
        play.wait_for_function(
            "([status, text]) => status.textContent.includes(text.textContent)",
            arg=[
                status.element_handle(),
                chart.locator(".mark-text.role-mark text").filter(has_text="±").element_handle(),
            ],
        )
    # the words follow the controls too
    words = status.inner_text()
    wait_for_change(play, status.inner_text, lambda: chart.locator("input[name=w]").press("Home"))
    assert "theory" in words


def test_a_choice_from_the_keyboard(play: Page, simulation: int) -> None:
    chart = play.locator("div.vega-embed").nth(simulation)
    radio = chart.locator("input[type=radio][name=loop]")
    assert radio.count() == len(LOOPS)

    def state() -> Any:
        return play.evaluate("i => window.bookCharts[i].result.view.signal('loop')", simulation)

    wait_for_change(play, state, lambda: radio.nth(LOOPS.index(state())).press("ArrowUp"))
    # the other chart has a loop of its own
    other = play.locator("div.vega-embed").nth(chart_index(play, "loop", "mark"))
    assert other.locator("input[type=radio][name=loop]:checked").count() == 1


def test_the_button_survives_a_change_of_colours(play: Page, simulation: int) -> None:
    for _ in range(3):
        if play.evaluate("() => document.documentElement.dataset.theme") == "dark":
            break
        play.locator(".theme-switch-button:visible").first.click()
    Visit(play, "").settle()
    chart = play.locator("div.vega-embed").nth(simulation)
    assert chart.get_by_role("button", name="Draw again").count() == 1
    lines = chart.locator(".mark-line path[d]")
    wait_for_change(
        play,
        lambda: lines.evaluate_all("lines => lines.map(line => line.getAttribute('d'))"),
        chart.get_by_role("button", name="Draw again").click,
    )
