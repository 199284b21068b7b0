"""The calculator's HTML: its first answer, its formulas run by hand, and what is stored of it."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

from lib import advice, charts
from lib.advice import KINDS, TEMPLATES, Advice
from lib.charts import calculator

pytestmark = pytest.mark.usefixtures("shown")

CASES = [
    advice(1000, 5000),
    advice(20, 30, of="variance", rho=1.4),
    advice(3, 70, of="frequencies"),
    advice(1, 10**12, of="frequencies"),
    advice(1, 1, of="frequencies"),
    advice(k=1e-9, rho=3),
    advice(k=40),
    advice(1000, 5000, drift=0.1),
    advice(k=0.2, rho=2.8, drift=3),
]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_CHARTS", raising=False)


def page(one: Advice) -> BeautifulSoup:
    arguments = {"rho": one.rho, "drift": one.drift, "of": one.of}
    made = (
        charts.weight_calculator(k=one.k, **arguments)
        if one.n is None
        else charts.weight_calculator(one.n, one.m, **arguments)
    )
    text = made._repr_html_()
    assert text is not None
    return BeautifulSoup(text, "html.parser")


@pytest.mark.parametrize("one", CASES)
def test_the_first_answer_is_there_without_a_script(one: Advice) -> None:
    soup = page(one)
    shown = {cell["data-quantity"]: cell.get_text() for cell in soup.select("[data-quantity]")}
    for name, text in shown.items():
        value = getattr(one, name)
        assert text == ("" if value is None else f"{value:.6g}"), name
    assert {"w", "naive_error", "synthetic_sample_weight", "settled"} <= set(shown)
    summary = soup.select_one(".ww-summary").get_text()
    said = re.findall(r"\d+\.?\d*(?:e[+-]?\d+)?", summary)
    assert f"{one.w:.4g}" in said
    assert f"{one.naive_error:.4g}" in said
    assert max(len(re.sub(r"e.*|^0\.0*|\.", "", number)) for number in said) <= 4
    for library in TEMPLATES[one.of]:
        code = soup.select_one(f'[data-library="{library}"] pre').get_text()
        assert code.strip() == one.lines(library)  # type: ignore[arg-type]


def test_fields_have_labels_and_places_for_messages() -> None:
    soup = page(CASES[0])
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for field in soup.select("input[type=text], select"):
        assert soup.select_one(f'label[for="{field["id"]}"]').get_text().strip()
        assert field["aria-describedby"] in ids
    for radio in soup.select("input[type=radio]"):
        assert radio.find_parent("label").get_text().strip()
        assert radio.find_parent("fieldset").legend.get_text().strip()


def test_nothing_of_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    made = charts.weight_calculator(5, 5)
    monkeypatch.setenv("BOOK_CHARTS", "off")
    assert made._repr_html_() is None
    assert repr(made) == repr(charts.weight_calculator(k=1)) == "weight_calculator(...)"


def test_it_starts_with_what_advice_accepts() -> None:
    with pytest.raises(ValueError, match=r"^`m` must be at least 2 for a variance"):
        charts.weight_calculator(5, 1, of="variance")
    with pytest.raises(ValueError, match=r"^`k` must be"):
        charts.calculator_chart(k=0)


# --- the formulas, which the browser's test runs as they are -------------------------------------


def evaluated(text: str, names: dict[str, Any]) -> Any:
    """Evaluate arithmetic, which JavaScript and Python write alike."""
    with_functions = text.replace("Math.", "math_.")
    math_ = SimpleNamespace(
        pow=pow,
        log=math.log,
        log1p=lambda x: math.log1p(x) if x > -1 else -math.inf,
        ceil=math.ceil,
        max=max,
    )
    choose = lambda condition, yes, no: yes if condition else no  # noqa: E731
    known = {"math_": math_, "choose": choose, "__builtins__": {}, **names}
    return eval(with_functions, known)  # noqa: S307 - our own arithmetic


def function(text: str, name: str) -> list[tuple[str, str]]:
    body = re.search(rf"{name}: \([\w, ]+\) => {{ (.*?) return ", text)
    assert body is not None
    return re.findall(r"const (\w+) = (.*?);", body[1])


@pytest.mark.parametrize("one", CASES)
def test_the_script_computes_what_python_does(one: Advice) -> None:
    text = calculator.formulas()
    given = ("k", "rho", "drift", "n", "m")
    names: dict[str, Any] = {name: getattr(one, name) for name in given}
    rows = {"n": one.k, "m": 1.0} if one.n is None else {"n": one.n, "m": one.m}
    setting = re.search(rf"{one.of}: \(n, m\) => \({{(.*?)}}\)", text)
    assert setting is not None
    for part in setting[1].split(", "):
        name, expression = part.split(": ")
        names[name] = evaluated(expression, rows)
    for which in ("shared", "counted")[: 1 if one.n is None else 2]:
        for name, expression in function(text, which):
            names[name] = evaluated(expression, names)
    for name, value in one.to_dict().items():
        if isinstance(value, float | int):
            assert names[name] == pytest.approx(value, rel=1e-13), name


def test_what_cannot_be_translated_is_refused() -> None:
    n = calculator.alt.param(name="n")
    with pytest.raises(ValueError, match="no function of JavaScript for 'sin'"):
        calculator._javascript(calculator.alt.expr.sin(n))
    with pytest.raises(ValueError, match="more than arithmetic"):
        calculator._javascript(calculator.alt.datum["n"] + 1)


def test_a_script_cannot_be_closed_from_within() -> None:
    text = charts.weight_calculator(5, 5)._repr_html_()
    assert text is not None
    script = text.split("<script>")[1]
    assert script.count("</") == 1
    assert script.endswith("</script>")


def test_the_chart_shows_the_same_curve() -> None:
    spec = charts.calculator_chart(20, 30, of="variance").to_dict()
    one = advice(20, 30, of="variance")
    params = {param["name"]: param["value"] for param in spec["params"]}
    assert params["best"] == one.w
    assert params["naive"] == one.naive_weight
    transforms = [layer["transform"] for layer in spec["layer"] if "transform" in layer]
    (formula,) = {
        step["calculate"] for steps in transforms for step in steps if step["as"] == "limit"
    }
    for w, expected in ((one.w, one.error), (one.naive_weight, one.naive_error), (1.0, 1.0)):
        got = evaluated(formula, params | {"datum": SimpleNamespace(w=w)})
        assert got == pytest.approx(expected, rel=1e-12)
    marks = [step for steps in transforms for step in steps if step["as"] == "error"]
    assert [step["calculate"] for step in marks if "limit" not in step["calculate"]] == 2 * [
        formula
    ]


def test_every_kind_has_a_name_and_a_summary() -> None:
    assert set(calculator._ESTIMATES) == set(calculator._SUMMARY) == set(KINDS) == set(TEMPLATES)
