"""Every chapter has what a class needs: a box, exercises of each kind with solutions, a summary."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.exercises import EXERCISES, Formula, Number, Simulated

ROOT = Path(__file__).parents[1]
CHECK = re.compile(r'^\s*check\(\s*"([\w-]+)",\s*(None\))?', flags=re.MULTILINE)
KINDS = {Number: "a number", Formula: "a formula", Simulated: "a simulation"}


def numbered(contents: Any) -> list[str]:
    """Return the files of the numbered parts of a table of contents."""
    parts = [part for part in contents["parts"] if part.get("numbered")]
    return [chapter["file"] for part in parts for chapter in part["chapters"]]


CHAPTERS = numbered(yaml.safe_load((ROOT / "_toc.yml").read_text()))
WORKED = "book/reference/add-your-own"
"""A page with exercises that is not numbered."""


@dataclass(frozen=True)
class Exercise:
    """An exercise of a page, from its directive to the next one."""

    title: str
    label: str
    text: str
    before: str
    solution: str | None

    @property
    def asked(self) -> list[str]:
        """Names whose answer cell stands before the solution."""
        return [name for name, none in CHECK.findall(self.before) if none]

    @property
    def solved(self) -> list[str]:
        """Names that the solution answers."""
        return [name for name, none in CHECK.findall(self.solution or "") if not none]


@cache
def source(chapter: str) -> str:
    return (ROOT / f"{chapter}.md").read_text(encoding="utf-8")


def exercises(text: str) -> list[Exercise]:
    """Return the exercises of a page."""
    found = []
    for block in re.split(r"^```\{exercise\} ", text, flags=re.MULTILINE)[1:]:
        directive, _, rest = block.partition("\n```\n")
        title, _, body = directive.partition("\n")
        label = re.search(r"^:label: (\S+)$", body, flags=re.MULTILINE)
        start = f"```{{solution-start}} {label[1] if label else ''}\n"
        before, opened, after = rest.partition(start)
        solution, closed, _ = after.partition("\n```{solution-end}\n```\n")
        found.append(
            Exercise(
                title,
                label[1] if label else "",
                body,
                before if opened else rest,
                solution if opened and closed else None,
            )
        )
    return found


def box_faults(text: str) -> list[str]:
    """Return what is wrong with the box at the top."""
    box = re.search(r"^```\{admonition\} At a glance\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if box is None:
        return ["no box ```{admonition} At a glance"]
    wanted = {
        "the line 'After this chapter you can'": r"^After this chapter you can$",
        "three objectives, each with its verb in bold": r"(^- .*\*\*\w+\*\*.*\n(  .*\n)*){3}",
        "the minutes, as in *30 minutes. ...*": r"^\*\d+ minutes\. ",
        "the link [notation](notation)": r"\[notation\]\(notation\)",
        "the link [glossary](glossary)": r"\[glossary\]\(glossary\)",
    }
    return [
        f"the box lacks {what}"
        for what, pattern in wanted.items()
        if not re.search(pattern, box[1], flags=re.MULTILINE)
    ]


def exercise_faults(text: str) -> list[str]:
    """Return what is wrong with the exercises of a page."""
    found = exercises(text)
    faults = [] if len(found) >= 3 else [f"{len(found)} exercises; it takes three"]
    names = [name for one in found for name in one.asked]
    kinds = {type(EXERCISES[name]) for name in names if name in EXERCISES}
    faults += [
        f"no exercise asks for {words}" for kind, words in KINDS.items() if kind not in kinds
    ]
    for one in found:
        where = f"{one.label or one.title}:"
        if not one.label:
            faults.append(f"{where} no :label:")
        if one.solution is None:
            faults.append(f"{where} no solution-start ... solution-end of its own after it")
        if not one.asked:
            faults.append(f'{where} no answer cell check("...", None); is there nothing to check?')
        if Counter(one.asked) != Counter(set(one.solved)):
            faults.append(f"{where} asks for {one.asked}, but its solution checks {one.solved}")
        early = [name for name, none in CHECK.findall(one.before) if not none]
        if early:
            faults.append(f"{where} the answer of {early} stands outside of a solution")
        faults += [f"{where} {fault}" for name in one.asked for fault in promise_faults(name, one)]
    opened, closed = text.count("```{solution-start}"), text.count("```{solution-end}")
    if not opened == closed == len(found):
        faults.append(f"{len(found)} exercises, {opened} solution-start, {closed} solution-end")
    return faults


def promise_faults(name: str, one: Exercise) -> list[str]:
    """Return whether the question hides what the answer is measured by."""
    exercise, text = EXERCISES.get(name), one.text.replace("\n", " ")
    if exercise is None:
        return [f"{name} is not in EXERCISES"]
    if isinstance(exercise, Number):
        share = f"{100 * exercise.tolerance:g} %"
        count = exercise.solution().is_integer() or re.search("[Ee]xact", text)
        exact = exercise.tolerance <= 0.001 and count
        if not exact and f"ithin {share}" not in text:
            return [f"the question does not say 'within {share}'"]
    if isinstance(exercise, Simulated):
        share = f"{100 * exercise.precision:g} %"
        if not re.search(rf"standard error.*{re.escape(share)} of", text):
            return [f"the question does not ask for a standard error of at most {share}"]
    return []


def end_faults(text: str) -> list[str]:
    """Return what is wrong with the end of a page."""
    _, found, end = text.partition("\n## Summary\n")
    if not found:
        return ["no section ## Summary"]
    faults = []
    if len(re.findall(r"^- ", end, flags=re.MULTILINE)) < 3:
        faults.append("the summary has fewer than three lines")
    if not re.search(r"^Next: .*\]\([\w-]+\)", end, flags=re.MULTILINE):
        faults.append("no line 'Next: ... [title](label)' after the summary")
    return faults


def test_the_table_of_contents_has_numbered_chapters() -> None:
    assert len(CHAPTERS) >= 20


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_all_that_a_class_needs(chapter: str) -> None:
    text = source(chapter)
    faults = box_faults(text) + exercise_faults(text) + end_faults(text)
    assert not faults, f"{chapter}.md:\n  " + "\n  ".join(faults)


def test_every_exercise_is_used_in_exactly_one_chapter() -> None:
    used = Counter(
        name
        for chapter in [*CHAPTERS, WORKED]
        for one in exercises(source(chapter))
        for name in one.asked
    )
    assert not EXERCISES.keys() - used.keys(), "no chapter asks for these"
    assert not used.keys() - EXERCISES.keys(), "lib/exercises/answers has no such entry"
    assert not [name for name, times in used.items() if times > 1], "asked for more than once"


def test_the_exercises_of_the_worked_example() -> None:
    """It is no numbered chapter, and has no simulated answer; otherwise they are like others."""
    faults = exercise_faults(source(WORKED))
    assert faults == ["2 exercises; it takes three", "no exercise asks for a simulation"]


def test_pages_outside_of_the_chapters_check_nothing() -> None:
    pages = sorted((ROOT / "book").rglob("*.md"))
    with_exercises = {*CHAPTERS, WORKED}
    others = [
        page for page in pages if str(page.relative_to(ROOT).with_suffix("")) not in with_exercises
    ]
    assert not [
        page.name
        for page in others
        for name, _ in CHECK.findall(page.read_text(encoding="utf-8"))
        if name in EXERCISES
    ]


# Does each of these checks notice anything?


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("```{admonition} At a glance", "```{admonition} Overview", "no box"),
        ("After this chapter you can\n", "", "After this chapter"),
        ("- **prove**", "- prove", "three objectives"),
        ("*35 minutes. ", "*Soon. ", "the minutes"),
        ("[notation](notation)", "notation", "[notation](notation)"),
        ("[glossary](glossary)", "glossary", "[glossary](glossary)"),
        (":label: ex-recursion-half\n", "", "no :label:"),
        ("```{solution-start} ex-recursion-half\n", "```{note}\n", "recursion-half: no solution"),
        ("```{solution-start} ex-recursion-half\n", "```{solution-start} ex-x\n", "no solution-st"),
        ("```{solution-end}", "```{note}", "solution-end"),
        ('check("recursion-half", None)', "", "no answer cell"),
        ('check("recursion-half", 2)', "", "its solution checks []"),
        ('check("recursion-half", 2)', 'check("recursion-error", 2)', "its solution checks ['rec"),
        ('check("recursion-half", None)', 'check("recursion-half", 2)', "outside of a solution"),
        ("recursion-half", "recursion-third", "recursion-third is not in EXERCISES"),
        ("(Within 1 %.)", "", "within 1 %"),
        ("standard error of at most 2 %", "standard error of at most 1 %", "at most 2 %"),
        ("recursion-error", "x", "no exercise asks for a formula"),
        ("recursion-chase", "x", "no exercise asks for a simulation"),
        ("\n## Summary\n", "\n## The end\n", "no section ## Summary"),
        ("\n- Give each", "\nGive each", "fewer than three lines"),
        ("\nNext: ", "\n", "no line 'Next"),
    ],
)
def test_what_is_missing_is_found(old: str, new: str, words: str) -> None:
    text = source("book/foundations/one-recursion")
    if words == "no exercise asks for a formula":
        text = text.replace("recursion-moving", "x")
    assert old in text
    broken = text.replace(old, new)
    faults = box_faults(broken) + exercise_faults(broken) + end_faults(broken)
    assert any(words in fault for fault in faults), faults


def test_parts_that_are_not_numbered_are_left_alone() -> None:
    contents = {
        "parts": [
            {"numbered": 2, "chapters": [{"file": "a"}, {"file": "b"}]},
            {"chapters": [{"file": "c"}]},
        ]
    }
    assert numbered(contents) == ["a", "b"]
