"""The workflow that tests and publishes the book."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[1] / ".github" / "workflows" / "book.yml"
TEXT = FILE.read_text("utf8")
WORKFLOW = yaml.safe_load(TEXT)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
TRIGGERS = WORKFLOW[True]  # YAML takes the key "on" for a truth value

WRITES = {"site": {"pages": "write", "id-token": "write"}, "notebooks": {"contents": "write"}}


def steps() -> Iterator[dict[str, Any]]:
    for job in JOBS.values():
        yield from job["steps"]


def test_actions_are_pinned_and_say_their_version() -> None:
    uses = re.findall(r"uses: *(.*)", TEXT)
    assert len(uses) == sum("uses" in step for step in steps())
    form = r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [use for use in uses if not re.fullmatch(form, use)] == []


def test_it_may_write_only_where_it_publishes() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in JOBS.items()} == {"test": None, **WRITES}
    checkout = next(step for step in steps() if "checkout" in step.get("uses", ""))
    assert checkout["with"] == {"persist-credentials": False}


def test_it_runs_what_everybody_runs() -> None:
    runs = [step["run"] for step in JOBS["test"]["steps"] if "run" in step]
    assert runs == [".ci/run", "make book"]
    assert all(not step.get("continue-on-error") for step in steps())


def test_only_main_is_published_and_only_if_it_passes() -> None:
    assert TRIGGERS == {"push": {"branches": ["main"]}, "pull_request": None}
    assert WORKFLOW["concurrency"]["group"]
    for name in WRITES:
        assert JOBS[name]["needs"] == "test"
        assert JOBS[name]["if"] == "github.event_name == 'push'"


@pytest.mark.parametrize("word", ["github.event.", "github.head_ref"])
def test_nothing_that_a_stranger_writes_is_run(word: str) -> None:
    assert [step["run"] for step in steps() if word in step.get("run", "")] == []
