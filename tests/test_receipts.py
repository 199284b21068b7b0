"""The table of receipts: every claim is in it, as text and as data, with links."""

from __future__ import annotations

import json
import math

import pytest
from bs4 import BeautifulSoup

from lib.charts import receipt_table
from lib.claims import claims
from lib.simulate import Estimate
from lib.verify import ALPHA, Receipt, check, false_alarms, record


@pytest.fixture
def receipts() -> list[Receipt]:
    """Of every claim, with made-up estimates near the predictions."""
    return [
        check(one, Estimate(1.001 * one.predicted(), abs(one.predicted()) / 500, one.reps))
        for one in claims().values()
    ]


def test_every_claim_has_a_row(receipts: list[Receipt], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_CHARTS")
    soup = BeautifulSoup(receipt_table(receipts)._repr_html_() or "", "html.parser")
    rows = soup.select("tbody tr")
    assert [row["id"] for row in rows] == [f"claim-{id}" for id in claims()]
    for row, receipt, one in zip(rows, receipts, claims().values(), strict=True):
        text = row.get_text(" ")
        for part in (one.id, one.statement, one.status, receipt.verdict):
            assert part in text
        assert row["data-status"] == one.status
        cells = {cell["data-label"]: cell.get_text() for cell in row.select("td")}
        assert cells == {
            "Predicted": f"{receipt.predicted:.4f}",
            "Estimate": f"{receipt.estimate:.4f} ± {receipt.standard_error:.4f}",
            "z": f"{receipt.z:+.2f}",
            "Detectable": f"{receipt.detectable:.2%}",
            "Verdict": receipt.verdict,
        }
        links = [link["href"] for link in row.select("a")]
        assert links[0] == f"../../{one.page}.html#{one.theorem}"
        assert links[1:-2] == [f"../../book/reference/api.html#{name}" for name in one.code]
        assert links[-1] == "../../_modules/tests/test_claims.html#test_confirmed"
        labels = [link["aria-label"] for link in row.select("a")]
        assert all(one.id in label for label in labels)


def test_the_data_are_the_receipts(
    receipts: list[Receipt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOOK_CHARTS")
    soup = BeautifulSoup(receipt_table(receipts)._repr_html_() or "", "html.parser")
    data = soup.select_one("script.receipts-data")
    assert data is not None
    assert json.loads(data.get_text()) == [record(receipt) for receipt in receipts]


def test_stored_notebooks_hold_the_counts_only(receipts: list[Receipt]) -> None:
    table = receipt_table(receipts)
    assert table._repr_html_() is None
    assert repr(table) == f"receipt_table({len(claims())} claims, {len(claims())} confirmed)"


def test_a_record_needs_a_claim_of_the_book(receipts: list[Receipt]) -> None:
    made_up = Receipt("made-up", "exact", "1 is 1", 1.0, 1.0, 0.001, 1000, 1, 0.02)
    with pytest.raises(ValueError, match="`claim` must be one of"):
        record(made_up)


def test_false_alarms_of_a_set() -> None:
    assert false_alarms(0) == 0
    assert math.isclose(false_alarms(59), 59 * ALPHA)
    assert false_alarms(10**6) == 1
    with pytest.raises(ValueError, match="`count`"):
        false_alarms(-1)
