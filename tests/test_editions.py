"""Editions and assignments: solutions leave no trace, and graders tell right from wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from lib.exercises import EXERCISES
from scripts import assignments
from scripts.assignments import Chapter, Exercise, needed_code, plain_markdown, with_variables

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "_ext"))

import editions  # noqa: E402 - an extension of Sphinx, not a package

CHAPTERS = assignments.chapters()
NAMES = [path.relative_to(ROOT / "book").with_suffix("").as_posix() for path in CHAPTERS]

SOURCE = """\
# A chapter

```{exercise} Warm-up
:label: ex-one
What is $1 + 1$? See {prf:ref}`thm-one` and [the mean](ch-mean).
```

```{code-cell} ipython3
check("one", None)  # your number
```

```{solution-start} ex-one
:class: dropdown
```
It is the secret number.

```{code-cell} ipython3
check("one", 2)
```

```{solution-end}
```

## Summary
"""


# --- solutions out of texts -----------------------------------------------------------------------


def test_a_source_without_solutions() -> None:
    left = editions.without_solutions(SOURCE)
    for gone in ("secret", 'check("one", 2)', "solution"):
        assert gone not in left
    for kept in ("# A chapter", "{exercise} Warm-up", 'check("one", None)', "## Summary"):
        assert kept in left
    assert editions.without_solutions(left) == left


def test_a_notebook_without_solutions() -> None:
    def cell(kind: str, source: Any) -> dict[str, Any]:
        return {"cell_type": kind, "source": source, "metadata": {}}

    notebook = {
        "cells": [
            cell("markdown", "before\n\n```{solution-start} ex-one\n:class: dropdown\n```\nsecret"),
            cell("code", ["check('one', 2)\n", "# secret"]),
            cell("markdown", ["secret\n", "```{solution-end}\n", "```\n", "\n", "after"]),
            cell("code", "shown"),
        ],
        "metadata": {},
    }
    left = editions.notebook_without_solutions(notebook)
    assert [one["source"] for one in left["cells"]] == ["before", "after", "shown"]
    assert len(notebook["cells"]) == 4, "the notebook that was given is as it was"


@pytest.mark.parametrize("name", NAMES)
def test_chapters_without_solutions(name: str) -> None:
    """Also in the colon fences and gated directives that MyST knows: each solution is gone."""
    text = (ROOT / "book" / f"{name}.md").read_text("utf8")
    left = editions.without_solutions(text)
    assert "{solution" not in left
    for answer in set(re.findall(r'check\("[\w-]+", (.*)', left)):
        assert answer.startswith("None"), answer


def test_a_solution_without_an_end_is_refused() -> None:
    text = SOURCE.replace("```{solution-end}", "")
    with pytest.raises(ValueError, match=re.escape("no {solution-end}")):
        editions.without_solutions(text)
    notebook = {"cells": [{"cell_type": "markdown", "source": text}]}
    with pytest.raises(ValueError, match=re.escape("no {solution-end}")):
        editions.notebook_without_solutions(notebook)


def test_an_unknown_edition_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_EDITION", "teacher")
    with pytest.raises(Exception, match="book, student, instructor; got 'teacher'"):
        editions.edition()


def test_the_plan_finds_minutes_and_objectives_of_every_chapter() -> None:
    boxes = {name: box for name, _, box in editions.chapters(ROOT)}
    assert {f"book/{name}" for name in NAMES} <= set(boxes)
    for name, box in boxes.items():
        assert re.search(r"\d+ minutes", box), name
        assert re.search(r"^- ", box, re.M), name


# --- chapters into assignments --------------------------------------------------------------------


@pytest.fixture
def chapter(tmp_path: Path) -> Callable[[str], Chapter]:
    def read(source: str) -> Chapter:
        path = tmp_path / "part" / "name.md"
        path.parent.mkdir(exist_ok=True)
        header = (ROOT / "book/gaussian/mean.md").read_text("utf8").split("\n(ch-")[0]
        path.write_text(f"{header}\n\n{source}", "utf8")
        return assignments.read_chapter(path)

    return read


def test_reading_a_chapter(chapter: Callable[[str], Chapter]) -> None:
    found = chapter(SOURCE)
    assert (found.name, found.title) == ("part-name", "A chapter")
    assert found.exercises == [
        Exercise(
            "Warm-up",
            "ex-one",
            "What is $1 + 1$? See {prf:ref}`thm-one` and [the mean](ch-mean).",
            ["one"],
            [("markdown", "It is the secret number."), ("code", 'check("one", 2)')],
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (":label: ex-one\n", "", "has no label"),
        ("{solution-start} ex-one", "{solution-start} ex-two", "does not follow its exercise"),
        ("{solution-end}", "{note}", "has no {solution-end}"),
        ("{exercise} Warm-up", "{note}", "before any exercise"),
    ],
)
def test_a_chapter_that_is_not_right(
    chapter: Callable[[str], Chapter], old: str, new: str, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        chapter(SOURCE.replace(old, new))


def test_an_exercise_without_a_solution(chapter: Callable[[str], Chapter]) -> None:
    with pytest.raises(ValueError, match="'ex-one' has no solution"):
        chapter(SOURCE.split("```{solution-start}", maxsplit=1)[0])


def test_text_for_any_notebook() -> None:
    named = {"thm-one": "theorem *Sums*"}
    text = "See {prf:ref}`thm-one`, [the mean](ch-mean), {term}`receipt <r>`, {eq}`eq-one`."
    plain = plain_markdown(text, named)
    assert (
        plain == "See theorem *Sums* of the book, *the mean*, receipt, the formula of the chapter."
    )
    assert plain_markdown("[a](https://b.example)", {}) == "[a](https://b.example)"
    with pytest.raises(ValueError, match=re.escape("{glue:text}`k`")):
        plain_markdown("{glue:text}`k`", {})


def test_answers_become_variables() -> None:
    source = 'x = 3\ncheck("a-b", x + 1)\ncheck(\n    "c",\n    lambda k: (\n        k\n    ),\n)\n'
    source += 'check("a-b", 0)\nfor i in (1, 2):\n    if i == 2:\n        check("d", i)\n'
    space: dict[str, Any] = {}
    space["check"] = lambda *_: None
    exec(with_variables(source), space)  # noqa: S102 - our own text
    assert space["a_b"] == 4
    assert space["c"](7) == 7
    assert space["d"] == 2


def test_only_code_that_is_needed() -> None:
    context = [
        "import numpy as np\nfrom math import pi, sqrt",
        "k = 1\ngrid = []\nunused = 5\nw = 99",
        "for w in (1, 2):\n    loop = w\n    grid.append(loop)",
        "def f(x):\n    w = x\n    return sqrt(w) + k",
        "assert f(1) > 0",
        "f",
        "k = 2",
    ]
    code = ["for w in grid:\n    loop = w\n    print(f(loop), loop, w)"]
    lines = needed_code(context, code).splitlines()
    assert lines[0] == "from math import sqrt"
    kept = "\n".join(lines)
    for gone in ("np", "unused", "assert", "w = 99"):
        assert gone not in kept
    space: dict[str, Any] = {}
    exec(kept, space)  # noqa: S102
    assert space["grid"] == [1, 2]
    assert space["f"](9) == 5


def test_what_is_used_is_not_changed() -> None:
    context = [
        "import numpy as np",
        "a = np.append([1], 2)\nb = np.append([3], 4)",
        "*_, last = (1, 2)\nseries = {}\nseries.update(x=last)",
    ]
    found = needed_code(context, ["print(np.sum(a), last)"]).splitlines()
    assert found == ["import numpy as np", "", "a = np.append([1], 2)", "*_, last = (1, 2)"]
    assert "update" in needed_code(context, ["print(series)"])


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_little_stands_before_the_first_exercise(path: Path) -> None:
    chapter = assignments.read_chapter(path)
    code = [text for one in chapter.exercises for kind, text in one.solution if kind == "code"]
    assert len(needed_code(chapter.context, code).splitlines()) <= 40


def test_the_macros_are_those_of_the_site() -> None:
    text = assignments.macros()
    assert r"\newcommand{\E}{\mathbb{E}}" in text
    assert r"\newcommand{\norm}[1]{\lVert #1 \rVert}" in text


def test_every_answer_is_in_an_assignment_and_has_points() -> None:
    asked = [n for p in CHAPTERS for e in assignments.read_chapter(p).exercises for n in e.checks]
    assert sorted(asked) == sorted(EXERCISES)
    assert all(assignments.points_of(name) > 0 for name in asked)


# --- the graders ----------------------------------------------------------------------------------


def grade(grader: Path, notebook: Path, folder: Path) -> tuple[float, float]:
    """Grade as a teacher does; return the points and how many there are."""
    folder.mkdir()
    command = [sys.executable, "-m", "otter", "run", "-a", grader, notebook, "-o", folder]
    done = subprocess.run(  # noqa: S603 - our own command
        [*map(str, command), "--no-logo"], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = json.loads((folder / "results.json").read_text("utf8"))["tests"]
    scored = [one for one in tests if "max_score" in one]
    return sum(one["score"] for one in scored), sum(one["max_score"] for one in scored)


def answered(notebook: Path, answer: str) -> None:
    """Put the same wrong answer in place of every ``...``."""
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        cell.source = re.sub(r"^(\w+) = \.\.\.$", rf"\1 = {answer}", cell.source, flags=re.M)
    nbformat.write(content, notebook)


@pytest.fixture(scope="module", params=CHAPTERS, ids=NAMES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The instructor's folder of a chapter; Otter-Grader has no answer that fails its own test."""
    folder = tmp_path_factory.mktemp("assignments")
    return assignments.make(request.param, "instructor", folder, run_tests=True)


def test_solutions_pass_and_students_get_none(made: Path) -> None:
    student = nbformat.read(made.parent / "student" / made.name, as_version=4)
    nbformat.validate(student)
    solution = nbformat.read(made, as_version=4)
    given = "\n".join(cell.source for cell in student.cells)
    hidden = [
        c.source
        for c in solution.cells
        if "otter_assign_solution_cell" in c.metadata.get("tags", [])
    ]
    assert hidden
    for source in hidden:
        for line in source.splitlines():
            # a short line, or one of the setup, may stand elsewhere too
            if len(line.strip()) > 30 and "import" not in line and "SOLUTION" not in line:
                assert line.strip() not in given
    assert all(cell.source.strip() for cell in student.cells)
    for role in ("{prf:ref}", "{glue", "{eq}", "```{"):
        assert role not in given


@pytest.mark.parametrize("name", ["gaussian/mean", "foundations/four-loops"])
def test_graders_tell_right_from_wrong(name: str, tmp_path: Path) -> None:
    path = ROOT / "book" / f"{name}.md"
    notebook = assignments.make(path, "instructor", tmp_path, run_tests=False)
    grader = notebook.with_name("autograder.zip")
    score, most = grade(grader, notebook, tmp_path / "right")
    names = [n for e in assignments.read_chapter(path).exercises for n in e.checks]
    assert score == most == sum(assignments.points_of(name) for name in names) > 0
    student = notebook.parent / "student" / notebook.name
    assert grade(grader, student, tmp_path / "unanswered") == (0, most)
    answered(student, "0.123")
    assert grade(grader, student, tmp_path / "wrong") == (0, most)


def test_a_grader_elsewhere_is_told_where_the_library_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ROOT / "book/gaussian/mean.md"
    for repository, told in (("", False), ("https://github.com/some/book", True)):
        monkeypatch.setenv("BOOK_REPOSITORY", repository)
        made = assignments.make(path, "instructor", tmp_path, run_tests=False)
        with zipfile.ZipFile(made.with_name("autograder.zip")) as grader:
            environment = grader.read("environment.yml").decode()
        assert ("git+https://github.com/some/book" in environment) == told


def test_projects_have_an_open_part() -> None:
    for path in CHAPTERS:
        chapter = assignments.read_chapter(path)
        projects = [one for one in chapter.exercises if one.title.startswith(assignments.PROJECT)]
        assert projects, f"{path.name}: no exercise is called {assignments.PROJECT}"
        made = assignments.master(chapter, str, lambda name: 1)
        manual = [cell for cell in made.cells if "manual: true" in cell.source]
        assert len(manual) >= len(projects)


def test_making_it_again_replaces_it(tmp_path: Path) -> None:
    path = ROOT / "book/gaussian/mean.md"
    for _ in range(2):
        made = assignments.make(path, "student", tmp_path, run_tests=False)
    assert made == tmp_path / "gaussian-mean.ipynb"
    assert list(tmp_path.iterdir()) == [made], "nothing else is left"
