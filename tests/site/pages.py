"""The pages of the built site, and what the tests ask them in the browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"


def _files(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key in {"root", "file"})
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from _files(child)


PAGES = list(_files(yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))))

# True once every chart that Altair put into the page is drawn.
DRAWN = """async () => {
  const wanted = document.querySelectorAll('div[id^="altair-viz-"]').length;
  const charts = window.bookCharts || [];
  if (charts.length !== wanted) return false;
  await Promise.all(charts.map(chart => chart.ready));
  return true;
}"""

# True once MathJax, where the page has it, has gone through the page.
TYPESET = """async () => {
  if (!document.querySelector('script[src*="mathjax"]')) return true;
  if (!window.MathJax || !MathJax.startup || !MathJax.startup.promise) return false;
  await MathJax.startup.promise;
  return true;
}"""


@dataclass
class Visit:
    """An open page and what went wrong or out while it was open."""

    page: Page
    name: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def foreign_requests(self) -> list[str]:
        """Return the requests to anything but the site."""
        home = urlsplit(self.page.url)
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in {"data", "blob"}
            and (urlsplit(url).scheme, urlsplit(url).netloc) != (home.scheme, home.netloc)
        ]

    def settle(self) -> None:
        """Wait until the charts are drawn and the formulas typeset."""
        self.page.wait_for_function(DRAWN)
        self.page.wait_for_function(TYPESET)


def visit(browser: Browser, base: str, name: str) -> Visit:
    """Open a page, given as in ``_toc.yml``, in a fresh profile, and wait until it is complete."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.set_default_timeout(300_000)  # milliseconds: for a machine that is busy
    seen = Visit(page, name)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("websocket", lambda socket: seen.requests.append(socket.url))
    page.on("pageerror", lambda error: seen.complaints.append(f"error: {error}"))
    page.on(
        "console",
        lambda message: (
            seen.complaints.append(f"{message.type}: {message.text}")
            if message.type in {"error", "warning"}
            else None
        ),
    )
    page.goto(f"{base}/{name}.html")
    seen.settle()
    return seen


def chart_index(page: Page, *params: str) -> int:
    """Return the number of the first chart on the page that has all these parameters."""
    index = page.evaluate(
        """params => window.bookCharts.findIndex(chart => params.every(
             name => (chart.spec.params || []).some(p => p.name === name)))""",
        list(params),
    )
    assert index >= 0, f"no chart on {page.url} has the parameters {params}"
    return int(index)


def page_values(
    page: Page, chart: int, params: dict[str, float], field: str
) -> list[dict[str, Any]]:
    """Set a chart's parameters and return the rows in which the page computed a field.

    Parameters
    ----------
    page : Page
        A page whose charts are drawn.
    chart : int
        Number of the chart on the page, see `chart_index`.
    params : dict
        Values for some of the chart's parameters.
    field : str
        Name of the computed column.

    Returns
    -------
    list of dict
        The rows of the largest of the view's data sets that has the field, in full precision.
    """
    rows = page.evaluate(
        """async ([index, params, field]) => {
             const chart = window.bookCharts[index];
             await chart.ready;
             const view = chart.result.view;
             for (const [name, value] of Object.entries(params)) view.signal(name, value);
             await view.runAsync();
             const sets = view.getState({signals: () => false, data: () => true}).data;
             return Object.keys(sets).map(name => view.data(name))
               .filter(rows => rows.length && field in rows[0])
               .sort((a, b) => b.length - a.length)
               .map(rows => rows.map(row => ({...row})))[0];
           }""",
        [chart, params, field],
    )
    assert rows, f"chart {chart} of {page.url} computes no field {field!r}"
    return list(rows)


def wait_for_change(page: Page, state: Callable[[], Any], act: Callable[[], None]) -> None:
    """Do something and wait until the state, read from the page, is another one."""
    before = json.dumps(state())
    act()
    for _ in range(100):
        page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(true)))")
        if json.dumps(state()) != before:
            return
    raise AssertionError("nothing changed")
