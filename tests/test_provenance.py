"""What a seed depends on: a digest that moves with the code that draws, and with nothing else."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib import provenance

LIB = Path(provenance.__file__).parent

pytestmark = pytest.mark.filterwarnings("error")


def digest(folder: Path) -> str:
    """Return the digest of a copy of the library, by the copy's own module."""
    spec = importlib.util.spec_from_file_location("copied_provenance", folder / "provenance.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.code_digest())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LIB, tmp_path / "lib", ignore=shutil.ignore_patterns("*.pyc")))


def test_a_digest_is_eight_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}", provenance.code_digest())


def test_a_copy_has_the_same_digest(copy: Path) -> None:
    assert digest(copy) == provenance.code_digest()


def append(name: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes() + b"\n# more\n")

    return change


@pytest.mark.parametrize(
    "change",
    [
        append("simulate.py"),
        append("loops.py"),
        append("models/base.py"),
        append("models/_design.py"),
        lambda folder: (folder / "models" / "another.py").write_text("\n"),
        lambda folder: (folder / "models" / "tree.py").unlink(),
        lambda folder: (folder / "models" / "tree.py").rename(folder / "models" / "oak.py"),
        # with the same place in the order
        lambda folder: (folder / "models" / "tree.py").rename(folder / "models" / "tree_.py"),
    ],
)
def test_other_code_that_draws_has_another_digest(
    copy: Path, change: Callable[[Path], object]
) -> None:
    before = digest(copy)
    change(copy)
    assert digest(copy) != before


def test_code_moved_from_one_module_to_the_next_has_another_digest(copy: Path) -> None:
    (copy / "models" / "zz1.py").write_text("a = 1\nb = 2\n")
    (copy / "models" / "zz2.py").write_text("")
    before = digest(copy)
    (copy / "models" / "zz1.py").write_text("a = 1\n")
    (copy / "models" / "zz2.py").write_text("b = 2\n")
    assert digest(copy) != before


@pytest.mark.parametrize(
    "name", ["charts/figures.py", "verify.py", "weights.py", "exercises/kinds.py"]
)
def test_code_that_draws_nothing_does_not_matter(copy: Path, name: str) -> None:
    before = digest(copy)
    append(name)(copy)
    assert digest(copy) == before


def test_line_ends_of_another_system_do_not_matter(copy: Path) -> None:
    before = digest(copy)
    for path in (copy / "simulate.py", copy / "models" / "glm.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(copy) == before


def test_what_draws_imports_nothing_else_that_draws() -> None:
    # of the modules beside it: checks of arguments, expectations, who does the work and keeps it,
    # and tables, whose own digest is part of what a store of chunks goes by
    harmless = {"lib._validate", "lib.recursion", "lib.weights", "lib.workers"}
    harmless |= {"lib.data", "lib.reproduce.store"}
    digested = [path for pattern in provenance.DRAWING for path in LIB.glob(pattern)]
    known = {"lib." + ".".join(p.relative_to(LIB).with_suffix("").parts) for p in digested}
    known |= {name.removesuffix(".__init__") for name in known}
    assert len(known) > 15
    for path in digested:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] != "lib":
                continue
            named = {f"lib.{one.name}" for one in node.names} if node.module == "lib" else set()
            assert (named or {node.module}) <= known | harmless, path


def test_the_version_is_that_of_the_package_with_the_digest() -> None:
    number = importlib.metadata.version("golden-ratio-book")
    assert provenance.version() == f"{number}+{provenance.code_digest()}"


def test_the_environment_names_what_decides_the_bits() -> None:
    assert provenance.environment() == {
        "lib": provenance.version(),
        "numpy": importlib.metadata.version("numpy"),
        "scipy": importlib.metadata.version("scipy"),
    }


def test_the_environment_may_be_changed_by_who_asks() -> None:
    provenance.environment()["lib"] = "other"
    assert provenance.environment()["lib"] == provenance.version()
