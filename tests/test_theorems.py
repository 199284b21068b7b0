"""What stands under a theorem: every claim's code is real and documented, and gaps are reported."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docutils import nodes
from sphinx import addnodes

from lib.claims import Claim, claim, claims, definitions
from lib.verify import TEST

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "_ext"))
theorems = import_module("theorems")


def documented() -> set[str]:
    """Return the names that the API page shows: public members of the modules it lists."""
    page = (ROOT / "book" / "reference" / "api.md").read_text("utf8")
    names = set()
    for module, members in re.findall(r"automodule:: (\S+)\n +:members:(.*)", page):
        loaded = import_module(module)
        chosen = [name.strip() for name in members.split(",") if name.strip()]
        for name in chosen or [name for name in vars(loaded) if not name.startswith("_")]:
            value = getattr(loaded, name)
            if getattr(value, "__module__", None) != module or not inspect.getdoc(value):
                continue
            names.add(f"{module}.{name}")
            if inspect.isclass(value):
                own = [part for part in vars(value) if not part.startswith("_")]
                names |= {f"{module}.{name}.{part}" for part in own}
    return names


def found(name: str) -> Any:
    """Import what a full name stands for."""
    parts = name.split(".")
    depth = next(i for i, part in enumerate(parts) if part[0].isupper() or i == len(parts) - 1)
    value: Any = import_module(".".join(parts[:depth]))
    for part in parts[depth:]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("one", claims().values(), ids=lambda one: one.id)
def test_code_of_a_claim_is_public_and_on_the_api_page(one: Claim) -> None:
    assert one.code
    assert len(set(one.code)) == len(one.code)
    for name in (*one.code, definitions()[one.id]):
        value = found(name)
        assert f"{value.__module__}.{value.__qualname__}" == name, "not where it is defined"
        assert not any(part.startswith("_") for part in name.split("."))
        assert inspect.getdoc(value)
        assert name in documented()


def test_definitions_are_where_the_claims_come_from() -> None:
    assert list(definitions()) == list(claims())
    for id, name in definitions().items():
        assert id in [one.id for one in found(name)()]


def test_the_test_of_every_claim_exists() -> None:
    file, name = TEST.split("::")
    functions = theorems.functions_of((ROOT / file).read_text("utf8"))
    assert name in functions
    line = (ROOT / file).read_text("utf8").splitlines()[functions[name] - 1]
    assert line.startswith(f"def {name}(")


PAGES = {one.theorem: one.page for one in claims().values()}
TESTS = [theorems.TEST_FUNCTION]


def test_nothing_is_missing() -> None:
    assert theorems.problems(PAGES, claims().values(), TESTS) == []


def test_what_is_missing_is_said() -> None:
    one = claim("mean-naive")

    def said(*changes: Claim, pages: Any = PAGES, tests: Any = TESTS) -> list[str]:
        return list(
            theorems.problems(pages, (claims() | {c.id: c for c in changes}).values(), tests)
        )

    assert said(replace(one, code=())) == ["claim mean-naive names no code"]
    assert said(pages=PAGES | {"thm-new": one.page}) == [
        f"theorem thm-new on {one.page} has no claim"
    ]
    assert said(replace(one, theorem="thm-gone")) == [
        f"claim mean-naive: theorem thm-gone not found on {one.page}"
    ]
    moved = said(pages=PAGES | {"thm-flood": "book/elsewhere"})
    assert len(moved) == 1 + sum(c.theorem == "thm-flood" for c in claims().values())
    assert said(tests=["test_another"]) == [f"{TEST} not found"]
    assert said(tests=None) == [f"{TEST} not found"]


def test_links_under_a_theorem() -> None:
    some = [claim("mean-naive"), claim("mean-break-even"), claim("cdf-band")]
    links = theorems.theorem_links(some)
    references = list(links.findall(addnodes.pending_xref))
    targets = [link["reftarget"] for link in references if link["reftype"] != theorems.PAGE]
    code = list(dict.fromkeys(name for one in some for name in one.code))
    assert targets == [*code, *(f"claim-{one.id}" for one in some)]
    pages = [
        (link["reftarget"], link["refanchor"])
        for link in references
        if link["reftype"] == theorems.PAGE
    ]
    assert pages == [
        ("_modules/lib/claims/gaussian", "mean_claims"),
        ("_modules/lib/claims/nonparametric", "cdf_claims"),
        ("_modules/tests/test_claims", "test_confirmed"),
    ]
    assert [item.astext() for item in links.findall(nodes.list_item)] == [
        "Code: naive_weight, error_ratio, Gaussian, break_even_weight, EmpiricalCDF.band",
        "Claims: mean-naive, mean-break-even in mean_claims; cdf-band in cdf_claims",
        "Test: test_confirmed",
    ]


def test_functions_of_a_module_start_at_their_decorators() -> None:
    source = "x = 1\n\n\n@first\n@second\ndef test_a():\n    pass\n\n\ndef test_b():\n    pass\n"
    assert theorems.functions_of(source) == {"test_a": 4, "test_b": 10}


@pytest.fixture
def environment() -> SimpleNamespace:
    """What a build of the whole book leaves for the check."""
    theorem = {"realtype": "theorem"}
    shown: dict[str, Any] = {}
    for name in definitions().values():
        module, _, function = name.rpartition(".")
        shown.setdefault(module, ("", {}, {}, module))[2][function] = "book/reference/api"
    return SimpleNamespace(
        proof_list={label: theorem | {"docname": page} for label, page in PAGES.items()},
        found_docs={*PAGES.values(), theorems.RECEIPTS},
        receipts_json="[]",
        _viewcode_modules=shown,
    )


def warned(environment: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> list[str]:
    theorems.check(SimpleNamespace(srcdir=ROOT), environment)
    assert all(record.levelname == "WARNING" for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


def test_a_whole_build_has_no_warning(
    environment: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    assert warned(environment, caplog) == []


def test_a_theorem_without_claims_is_a_warning(
    environment: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    environment.proof_list["thm-new"] = {"realtype": "theorem", "docname": "book/intro"}
    environment.proof_list["prop-new"] = {"realtype": "proposition", "docname": "book/intro"}
    assert warned(environment, caplog) == ["theorem thm-new on book/intro has no claim"]


def test_sources_and_receipts_that_are_not_shown_are_warnings(
    environment: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    environment._viewcode_modules["lib.claims.gaussian"][2].pop("mean_claims")
    environment._viewcode_modules["lib.claims.flood"] = False  # as it marks what it cannot read
    del environment.receipts_json
    assert warned(environment, caplog) == [
        f"{theorems.RECEIPTS} carries no receipts",
        "source of lib.claims.gaussian.mean_claims not found: is it on the API page?",
        "source of lib.claims.flood.flood_claims not found: is it on the API page?",
    ]
