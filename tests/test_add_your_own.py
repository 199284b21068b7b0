"""The worked example of a new model: as short as it says, and complete."""

from __future__ import annotations

import re
from pathlib import Path

CHAPTER = Path(__file__).parents[1] / "book" / "reference" / "add-your-own.md"
TEXT = CHAPTER.read_text("utf8")
CODE = re.findall(
    r"^```\{code-cell\} ipython3\n(.*?)^```$", TEXT.partition("\n## Exercises\n")[0], re.M | re.S
)


def test_about_sixty_lines() -> None:
    """Nothing is hidden, and all code before the exercises counts."""
    assert "about sixty lines of code" in TEXT
    assert not any(":tags:" in cell for cell in CODE)
    lines = [line for cell in CODE for line in cell.splitlines() if line.strip()]
    assert 55 <= len(lines) <= 65


def test_model_theory_claim_receipt_and_chart() -> None:
    code = "\n".join(CODE)
    for part in (
        "class Exponential(Model)",
        "def sampling_noise",
        "model.theory(loop)",
        "Claim(",
        "wrong={",
        "assert receipt.confirmed",
        'assert wrong.verdict == "refuted"',
        "theory_and_simulation(",
    ):
        assert part in code
    assert "{prf:proposition}" in TEXT
    assert "{dropdown} Proof" in TEXT
