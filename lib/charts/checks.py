"""The table of receipts: to read, to filter, and as data."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.verify import Receipt, record

ROOT = "../.."
"""Of the site, from the folder of the page."""

COLUMNS = ("Claim", "Predicted", "Estimate", "z", "Detectable", "Verdict")

# What the page shows only where scripts run: a box to filter with, and an order to choose.
_SCRIPT = """
(function () {
  const table = document.currentScript.parentElement.querySelector("table");
  const rows = [...table.tBodies[0].rows];
  const tools = document.createElement("form");
  tools.className = "receipt-tools";
  tools.innerHTML = '<label>Show claims with <input type="search" placeholder="loss"></label>'
    + '<label>Kind <select><option value="">all</option><option>exact</option>'
    + '<option>asymptotic</option></select></label>'
    + '<label>Order <select><option value="order">of the book</option>'
    + '<option value="z">largest |z| first</option>'
    + '<option value="detectable">coarsest first</option></select></label>'
    + '<span role="status"></span>';
  const [words, kind, order, status] = tools.querySelectorAll("input, select, [role=status]");
  const show = function () {
    const wanted = words.value.toLowerCase().split(/\\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every(word => text.includes(word))
        || (kind.value !== "" && kind.value !== row.dataset.status);
    }
    const shown = rows.filter(row => !row.hidden).length;
    status.textContent = shown + " of " + rows.length + " claims";
  };
  words.addEventListener("input", show);
  kind.addEventListener("change", show);
  order.addEventListener("change", function () {
    const key = row => Number(row.dataset[order.value]);
    const sign = order.value === "order" ? 1 : -1;
    table.tBodies[0].append(...[...rows].sort((a, b) => sign * (key(a) - key(b))));
  });
  tools.addEventListener("submit", event => event.preventDefault());
  table.before(tools);
  show();
  // a link to a row that was made after the page had looked for it, or that is filtered away
  const go = () => {
    const row = rows.find(row => "#" + row.id === location.hash);
    if (row) { words.value = kind.value = ""; show(); row.scrollIntoView(); }
  };
  addEventListener("hashchange", go);
})();
"""


@dataclass(frozen=True, repr=False)
class ReceiptTable:
    """Receipts on a page; see `receipt_table`."""

    receipts: Sequence[Receipt]

    def __repr__(self) -> str:
        confirmed = sum(receipt.confirmed for receipt in self.receipts)
        return f"receipt_table({len(self.receipts)} claims, {confirmed} confirmed)"

    def _repr_html_(self) -> str | None:
        if os.environ.get("BOOK_CHARTS") == "off":
            return None
        records = [record(receipt) for receipt in self.receipts]
        # within a script, only "</" could end it
        data = json.dumps(records, indent=1).replace("</", "<\\/")
        head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in COLUMNS)
        rows = "\n".join(
            _row(number, receipt, found)
            for number, (receipt, found) in enumerate(zip(self.receipts, records, strict=True))
        )
        return (
            '<div class="receipts">\n'
            '<table class="receipts" role="table">\n'
            "<caption>Every claim, with the numbers of its check</caption>\n"
            f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
            f'<tbody role="rowgroup">\n{rows}\n</tbody>\n</table>\n'
            f'<script type="application/json" class="receipts-data">{data}</script>\n'
            f"<script>{_SCRIPT}</script>\n</div>"
        )


def receipt_table(receipts: Sequence[Receipt]) -> ReceiptTable:
    """Show receipts of the book's claims, each with links to its proof, its code and its test.

    Like a chart, it is on the page and not among the stored outputs of the notebooks. It carries
    the receipts as JSON too (`lib.verify.record`), which the website offers as a file. Its links
    are those of a page of the website that lies in a folder of ``book``.

    Parameters
    ----------
    receipts : sequence of Receipt

    Returns
    -------
    ReceiptTable
    """
    return ReceiptTable(tuple(receipts))


def _row(number: int, receipt: Receipt, found: dict[str, Any]) -> str:
    cells = (
        f"{receipt.predicted:.4f}",
        f"{receipt.estimate:.4f} <span>± {receipt.standard_error:.4f}</span>",
        f"{receipt.z:+.2f}",
        f"{receipt.detectable:.2%}",
        f'<span class="verdict {receipt.verdict}">{receipt.verdict}</span>',
    )
    body = "".join(
        f'<td role="cell" data-label="{name}">{cell}</td>'
        for name, cell in zip(COLUMNS[1:], cells, strict=True)
    )
    id = receipt.claim
    return (
        f'<tr role="row" id="claim-{id}" data-order="{number}"'
        f' data-status="{receipt.status}" data-z="{abs(receipt.z):.4f}"'
        f' data-detectable="{receipt.detectable:.6f}">'
        f'<th role="rowheader" scope="row"><strong>{id}</strong> ({receipt.status})<br>'
        f"{html.escape(receipt.statement)}<br>{_links(found)}</th>{body}</tr>"
    )


def _links(found: dict[str, Any]) -> str:
    """Return the links to the theorem, the code, the claim's own definition, and the test."""
    id = found["claim"]

    def link(text: str, address: str, about: str) -> str:
        return f'<a href="{ROOT}/{address}" aria-label="{text}: {about}">{text}</a>'

    module, _, builder = found["definition"].rpartition(".")
    file, _, test = found["test"].partition("::")
    code = ", ".join(
        link(name.rpartition(".")[2], f"book/reference/api.html#{name}", f"code of {id}")
        for name in found["code"]
    )
    proof = f"{found['page']}.html#{found['theorem']}"
    claim = f"_modules/{module.replace('.', '/')}.html#{builder}"
    tested = f"_modules/{file.removesuffix('.py')}.html#{test.partition('[')[0]}"
    return (
        '<span class="receipt-links">'
        f"{link('Proof', proof, id)} · Code: {code} · "
        f"{link('Claim', claim, id)} · {link('Test', tested, id)}</span>"
    )
