"""Make assignments of the chapters' exercises: ``python -m scripts.assignments student``.

The exercises and their solutions are read from the chapters; Otter-Grader makes of them a notebook
for students, with a cell for each answer and the tests that grade it, and for the instructor the
same with solutions, and a zip file that grades what students hand in::

    _build/student/assignments/gaussian-mean.ipynb
    _build/instructor/assignments/gaussian-mean/{gaussian-mean.ipynb,student/,autograder.zip}

With the environment variable ``BOOK_REPOSITORY`` (the address of a public repository) the zip file
also says where another machine, such as Gradescope's, finds the library.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import os
import re
import shutil
import subprocess
import symtable
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

ROOT = Path(__file__).parents[1]

POINTS: Mapping[str, int] = {"Number": 1, "Formula": 2, "Simulated": 3}
"""Points of an answer, by its kind in `lib.exercises`. An open question has `OPEN_POINTS`."""

OPEN_POINTS = 4

PROJECT = "Small project"
"""So the titles of exercises begin that have an open part beside what is checked."""

OPEN_PROMPT = (
    "*What you did, what came out, with its standard error, and why. Add cells for code below.*"
)

MARKING = "The solution stands above. The teacher's guide says how the open part is marked."

INTRODUCTION = """\
# Exercises: {title}

Read the chapter *{title}* of the book first; its notation is used here. Put your answer in place
of `...` and run the cell: `check` says what is wrong with an answer, but not what is right.
You may use everything in `lib`. The cells with `grader` count the points in the same way as your
teacher will. At the end restart, run all cells, save the notebook, and hand it in as your teacher
says. Do not rename it: its first cell asks for it by its name.
"""


@dataclass
class Exercise:
    """An exercise of a chapter.

    Attributes
    ----------
    title, label, text : str
    checks : list of str
        Names of the answers that `lib.exercises.check` looks at; none for an open question.
    solution : list of tuple of str
        Its cells: ``("markdown", text)`` or ``("code", source)``.
    """

    title: str
    label: str
    text: str
    checks: list[str] = field(default_factory=list)
    solution: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Chapter:
    """What a chapter gives to its assignment.

    Attributes
    ----------
    name, title : str
        Such as ``"gaussian-mean"``, and its heading.
    exercises : list of Exercise
    context : list of str
        Sources of the chapter's code cells outside of solutions, in order.
    """

    name: str
    title: str
    exercises: list[Exercise] = field(default_factory=list)
    context: list[str] = field(default_factory=list)


_FENCE = re.compile(r"^(`{3,}|:{3,})\{(exercise|solution-start|solution-end)\} *(.*)$")
_EMPTY = re.compile(r"""^check\("([\w-]+)", None\).*$""", re.M)
_OPTION = re.compile(r"^:(\w+): *(.*)$")


def read_chapter(path: Path) -> Chapter:
    """Read the exercises of a chapter.

    Parameters
    ----------
    path : Path
        MyST Markdown notebook.

    Returns
    -------
    Chapter

    Raises
    ------
    ValueError
        If an exercise has no label or no solution, or a solution does not end.
    """
    notebook = jupytext.read(path)
    heading = re.search(r"^# (.+)$", path.read_text("utf8"), re.M)
    chapter = Chapter(f"{path.parent.name}-{path.stem}", heading[1] if heading else path.stem)
    inside = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            inside = _read_text(cell.source, chapter, inside, path)
        elif inside:
            chapter.exercises[-1].solution.append(("code", cell.source))
        else:
            names = _EMPTY.findall(cell.source)
            if names and not chapter.exercises:
                raise ValueError(f"{path}: {names[0]!r} is asked for before any exercise")
            if names:
                chapter.exercises[-1].checks += names
            chapter.context.append(_EMPTY.sub("", cell.source))
    if inside:
        raise ValueError(f"{path}: a {{solution-start}} has no {{solution-end}}")
    for exercise in chapter.exercises:
        if not exercise.solution:
            raise ValueError(f"{path}: exercise {exercise.label!r} has no solution")
    return chapter


def _read_text(source: str, chapter: Chapter, inside: bool, path: Path) -> bool:
    """Take exercises and solutions from a text cell; return whether a solution goes on."""
    lines = iter(source.splitlines())
    shown: list[str] = []
    for line in lines:
        fence = _FENCE.match(line)
        if not fence:
            shown.append(line)
            continue
        body = _directive(lines, fence[1])
        if fence[2] == "exercise":
            options = {m[1]: m[2] for m in map(_OPTION.match, body) if m}
            if "label" not in options:
                raise ValueError(f"{path}: the exercise {fence[3]!r} has no label")
            text = "\n".join(line for line in body if not _OPTION.match(line)).strip()
            chapter.exercises.append(Exercise(fence[3], options["label"], text))
        elif fence[2] == "solution-start":
            if not chapter.exercises or chapter.exercises[-1].label != fence[3]:
                raise ValueError(f"{path}: the solution {fence[3]!r} does not follow its exercise")
            inside, shown = True, []
        else:
            if inside and "\n".join(shown).strip():
                chapter.exercises[-1].solution.append(("markdown", "\n".join(shown).strip()))
            inside, shown = False, []
    if inside and "\n".join(shown).strip():
        chapter.exercises[-1].solution.append(("markdown", "\n".join(shown).strip()))
    return inside


def _directive(lines: Iterator[str], fence: str) -> list[str]:
    body = []
    for line in lines:
        if line.strip() == fence:
            break
        body.append(line)
    return body


# --- text that any notebook shows -----------------------------------------------------------------


def titles() -> dict[str, str]:
    """Return the titles of everything in the book that has a label, by label."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "book").rglob("*.md")):
        text = path.read_text("utf8")
        found |= dict(re.findall(r"^\(([\w-]+)\)=\n#+ (.+)$", text, re.M))
        for kind, title, label in re.findall(
            r"^(?:`{3,}|:{3,})\{prf:(\w+)\} *(.*)\n:label: (\S+)$", text, re.M
        ):
            found[label] = f"{kind} *{title}*" if title else f"the {kind}"
    return found


def plain_markdown(text: str, named: Mapping[str, str]) -> str:
    """Return text without the roles that only the book's website knows.

    Parameters
    ----------
    text : str
        MyST Markdown.
    named : mapping of str to str
        Titles by label, as `titles` returns them.

    Returns
    -------
    str
        Markdown that every Jupyter program shows.

    Raises
    ------
    ValueError
        If there is a role that is not known here, such as a number that the chapter computes:
        an exercise names its numbers itself, or says which function returns them.
    """
    text = re.sub(r"\{prf:ref\}`([^`]+)`", lambda m: f"{named[m[1]]} of the book", text)
    text = re.sub(r"\{eq\}`[^`]+`", "the formula of the chapter", text)
    text = re.sub(r"\{term\}`([^`<]+?)(?: *<[^`]*>)?`", r"\1", text)
    text = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"*\1*", text)
    text = re.sub(r"(\$\$)[ \t]*\(eq-[\w-]+\)", r"\1", text)
    role = re.search(r"\{[a-z:]+\}`[^`]*`", text)
    if role:
        raise ValueError(f"an assignment cannot show the role {role[0]}")
    return text


def macros() -> str:
    """Return the book's abbreviations in formulas, for a notebook without its configuration."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    lines = []
    for name, value in config["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"].items():
        body, count = value if isinstance(value, list) else (value, 0)
        lines.append(rf"\newcommand{{\{name}}}{f'[{count}]' if count else ''}{{{body}}}")
    return "$" + "".join(lines) + "$"


# --- code that an exercise needs ------------------------------------------------------------------


_CHANGES = {"append", "extend", "update", "add"}
"""Methods that change what they belong to."""


def _changed(statement: ast.stmt) -> set[str]:
    """Return the names that a statement may define or change."""
    names: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
            continue
        changed: ast.AST | None = None
        match node:
            case ast.Subscript(value=value, ctx=ast.Store()):
                changed = value
            case ast.Attribute(value=value, ctx=ast.Store()):
                changed = value
            # np.append, whose result is used, changes nothing
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=value, attr=attr))):
                changed = value if attr in _CHANGES else None
        if changed is not None:
            names.update(n.id for n in ast.walk(changed) if isinstance(n, ast.Name))
    return names | _defined(statement)


def _defined(statement: ast.stmt) -> set[str]:
    """Return the names whose former value does not matter any more after a statement."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(name.asname or name.name).split(".")[0] for name in statement.names}
    if isinstance(statement, ast.Assign):
        parts = [node for target in statement.targets for node in ast.walk(target)]
        if all(
            isinstance(part, ast.Name | ast.Tuple | ast.Starred | ast.expr_context)
            for part in parts
        ):
            return {part.id for part in parts if isinstance(part, ast.Name)}
    return set()


def _used(node: ast.AST) -> set[str]:
    """Return the names outside of itself that a statement or an expression looks up."""
    tables = [symtable.symtable(ast.unparse(node), "chapter", "exec")]
    names: set[str] = set()
    for table in tables:
        top = table.get_type() == "module"
        names.update(
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (top or symbol.is_global())
        )
        tables.extend(table.get_children())
    return names - set(dir(builtins))


def _wanted_before(statements: Iterable[ast.stmt], wanted: set[str]) -> set[str]:
    """Return the names that must have a value before some statements for `wanted` after them."""
    for statement in reversed(list(statements)):
        match statement:
            case ast.For(target=target, iter=several, body=body):
                own = {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
                wanted = wanted | (_wanted_before(body, set()) - own) | _used(several)
            case ast.If(test=test, body=body, orelse=orelse):
                either = _wanted_before(body, set()) | _wanted_before(orelse, set())
                wanted = wanted | either | _used(test)
            case ast.With(items=items, body=body):
                wanted = _wanted_before(body, wanted)
                for item in items:
                    wanted = wanted | _used(item.context_expr)
            case _:
                wanted = (wanted - _defined(statement)) | _used(statement)
    return wanted


def needed_code(context: Iterable[str], code: Iterable[str]) -> str:
    """Return those statements of a chapter that its solutions build on.

    Parameters
    ----------
    context : iterable of str
        Code cells of the chapter.
    code : iterable of str
        Code cells of the solutions.

    Returns
    -------
    str
        Imports first, then the others in their order.
    """
    last: set[str] = set()
    for source in reversed(list(code)):
        last = _wanted_before(ast.parse(source).body, last)
    called: set[str] = set()  # what functions look up, when they are called: after everything
    while True:
        wanted, imports, others = last | called, set(), []
        known = set(called)
        for source in reversed(list(context)):
            for statement in reversed(ast.parse(source).body):
                if not _changed(statement) & wanted:
                    continue
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    statement.names = [
                        name
                        for name in statement.names
                        if (name.asname or name.name).split(".")[0] in wanted
                    ]
                    imports.add(ast.unparse(statement))
                    wanted = wanted - _defined(statement)
                else:
                    others.append(ast.get_source_segment(source, statement) or "")
                    wanted = _wanted_before([statement], wanted)
                if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                    called |= _used(statement)
        if called == known:
            return _formatted("\n".join([*sorted(imports), *reversed(others)]))


def _formatted(source: str) -> str:
    """Sort imports, and lay the code out as in the chapters."""
    ruff = [sys.executable, "-m", "ruff"]
    for step in (["check", "-q", "--fix", "--isolated", "--select=I"], ["format", "--isolated"]):
        command = [*ruff, *step, "--line-length=75", "-"]
        source = subprocess.run(  # noqa: S603 - our own command
            command, input=source, capture_output=True, text=True, check=True
        ).stdout
    return source.strip("\n")


# --- notebooks ------------------------------------------------------------------------------------


def variable(name: str) -> str:
    """Return the name of the variable that holds an answer."""
    return name.replace("-", "_")


def with_variables(source: str) -> str:
    """Turn ``check("a-name", answer)`` of a solution into ``a_name = answer``.

    Only the first of each name: a solution may go on and show what a wrong answer is told.
    """
    lines = source.splitlines(keepends=True)
    found: dict[str, tuple[int, int, str]] = {}
    for statement in ast.walk(ast.parse(source)):  # also within a loop
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "check":
            name, answer = (ast.get_source_segment(source, part) or "" for part in call.args)
            value = f"({answer})" if "\n" in answer else answer
            indent = " " * call.col_offset
            line = f"{indent}{variable(ast.literal_eval(name))} = {value}\n"
            found.setdefault(name, (call.lineno - 1, call.end_lineno or 0, line))
    for first, last, line in sorted(found.values(), reverse=True):
        lines[first:last] = [line]
    return "".join(lines)


def master(
    chapter: Chapter, show: Callable[[str], str], points: Callable[[str], int]
) -> nbformat.NotebookNode:
    """Return the notebook of which Otter-Grader makes the assignment.

    Parameters
    ----------
    chapter : Chapter
    show : callable
        Turns the book's text into plain Markdown.
    points : callable
        Points by the name of an answer.

    Returns
    -------
    NotebookNode
    """
    code = [source for one in chapter.exercises for kind, source in one.solution if kind == "code"]
    setup = needed_code(chapter.context, code)
    if "import check" not in setup:
        setup = f"from lib.exercises import check\n{setup}"
    config: dict[str, object] = {
        "name": chapter.name,
        "init_cell": True,
        "export_cell": False,
        "check_all_cell": False,
        "generate": {"show_stdout": True},
        "tests": {"ok_format": True},
        "suppress_no_tests_warning": True,
    }
    repository = os.environ.get("BOOK_REPOSITORY")
    if repository:  # a grader on another machine has to install the library
        config["requirements"] = [f"golden-ratio-book @ git+{repository}"]
    cells = [
        new_raw_cell("# ASSIGNMENT CONFIG\n" + yaml.safe_dump(config, sort_keys=False)),
        new_markdown_cell(INTRODUCTION.format(title=chapter.title) + "\n" + macros()),
        new_code_cell(setup),
    ]
    for number, exercise in enumerate(chapter.exercises, start=1):
        heading = f"## Exercise {number}: {exercise.title}\n\n{show(exercise.text)}"
        cells.append(new_markdown_cell(heading))
        if exercise.checks:
            cells += _question(exercise, show, points)
        if not exercise.checks or exercise.title.startswith(PROJECT):
            cells += _open_question(exercise, show)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same notebook gives the same file
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook: nbformat.NotebookNode = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    return notebook


def _question(
    exercise: Exercise, show: Callable[[str], str], points: Callable[[str], int]
) -> list[nbformat.NotebookNode]:
    prompt = "\n".join(f'{variable(n)} = ...\ncheck("{n}", {variable(n)})' for n in exercise.checks)
    tests = []
    for name in exercise.checks:
        test = new_code_cell(f'check("{name}", {variable(name)})')
        test.outputs = [nbformat.v4.new_output("stream", text=f"{name}: right\n")]
        tests.append(test)
    settings = {"name": variable(exercise.label), "points": [points(n) for n in exercise.checks]}
    return [
        new_raw_cell("# BEGIN QUESTION\n" + yaml.safe_dump(settings, sort_keys=False)),
        new_raw_cell("# BEGIN PROMPT"),
        new_code_cell(prompt),
        new_raw_cell("# END PROMPT"),
        new_raw_cell("# BEGIN SOLUTION"),
        *_solution(exercise, show),
        new_raw_cell("# END SOLUTION"),
        new_raw_cell("# BEGIN TESTS"),
        *tests,
        new_raw_cell("# END TESTS"),
        new_raw_cell("# END QUESTION"),
    ]


def _open_question(exercise: Exercise, show: Callable[[str], str]) -> list[nbformat.NotebookNode]:
    name = f"{variable(exercise.label)}_open"
    settings = {"name": name, "points": OPEN_POINTS, "manual": True}
    # where an answer is checked, the solution stands there
    solution = [] if exercise.checks else _solution(exercise, show)
    return [
        new_raw_cell("# BEGIN QUESTION\n" + yaml.safe_dump(settings, sort_keys=False)),
        new_raw_cell("# BEGIN PROMPT"),
        new_markdown_cell(OPEN_PROMPT),
        new_raw_cell("# END PROMPT"),
        new_raw_cell("# BEGIN SOLUTION"),
        *(solution or [new_markdown_cell(MARKING)]),
        new_raw_cell("# END SOLUTION"),
        new_raw_cell("# END QUESTION"),
    ]


def _solution(exercise: Exercise, show: Callable[[str], str]) -> list[nbformat.NotebookNode]:
    cells = []
    for kind, source in exercise.solution:
        if kind == "markdown":
            cells.append(new_markdown_cell(show(source)))
        else:
            code = with_variables(source).strip("\n")
            cells.append(new_code_cell(f"# BEGIN SOLUTION NO PROMPT\n{code}\n# END SOLUTION"))
    return cells


def points_of(name: str) -> int:
    """Return the points of an answer."""
    from lib.exercises import EXERCISES  # noqa: PLC0415 - slow to import

    return POINTS[type(EXERCISES[name]).__name__]


def make(path: Path, edition: str, folder: Path, *, run_tests: bool) -> Path:
    """Write the assignment of a chapter.

    Parameters
    ----------
    path : Path
        The chapter.
    edition : {"student", "instructor"}
    folder : Path
        Where to; made if need be. What stood there under the same name is replaced.
    run_tests : bool
        Whether Otter-Grader runs the solutions and their tests, and fails if one does.

    Returns
    -------
    Path
        The notebook that was written.
    """
    from otter.assign import main as otter_assign  # noqa: PLC0415 - slow

    chapter = read_chapter(path)
    named = titles()
    notebook = master(chapter, lambda text: plain_markdown(text, named), points_of)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        source = Path(scratch, f"{chapter.name}.ipynb")
        nbformat.write(notebook, source)
        made = Path(scratch, "made")
        otter_assign(str(source), str(made), no_pdfs=True, no_run_tests=not run_tests, debug=True)
        _drop_empty_cells(made / "student" / source.name)
        if edition == "student":
            return (made / "student" / source.name).replace(folder / source.name)
        target = folder / chapter.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        (made / "autograder" / source.name).replace(target / source.name)
        (made / "student").replace(target / "student")
        (grader,) = (made / "autograder").glob("*.zip")
        grader.replace(target / "autograder.zip")
        return target / source.name


def _drop_empty_cells(path: Path) -> None:
    """Remove the cells of which nothing is left without their solution."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    nbformat.write(notebook, path)


def chapters() -> list[Path]:
    """Return the chapters that have exercises with solutions, in the order of the book."""
    toc = (ROOT / "_toc.yml").read_text("utf8")
    pages = [ROOT / f"{page}.md" for page in re.findall(r"- file: (\S+)", toc)]
    return [
        page for page in pages if page.exists() and "{solution-start}" in page.read_text("utf8")
    ]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("edition", choices=["student", "instructor"])
    parser.add_argument("--only", metavar="CHAPTER", nargs="+", help="such as gaussian/mean")
    parser.add_argument("--into", metavar="FOLDER", type=Path, help="default: as above")
    arguments = parser.parse_args()
    chosen = [
        path
        for path in chapters()
        if not arguments.only
        or path.relative_to(ROOT / "book").with_suffix("").as_posix() in arguments.only
    ]
    folder = arguments.into or ROOT / "_build" / arguments.edition / "assignments"
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"  # or Jupyter warns of a change to come
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        waiting = [
            pool.submit(
                make, path, arguments.edition, folder, run_tests=arguments.edition == "instructor"
            )
            for path in chosen
        ]
        for one in waiting:
            print(one.result())
            sys.stdout.flush()


if __name__ == "__main__":
    main()
