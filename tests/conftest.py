"""Settings for every test, and the browser."""

from __future__ import annotations

import os

import pytest

from scripts.browser import find_browser

# Inherited by nbval's kernels, where lib.charts then shows a chart as "alt.Chart(...)" only.
os.environ["BOOK_CHARTS"] = "off"

NO_BROWSER = (
    "THE WEBSITE WAS NOT TESTED IN A BROWSER: no Chromium found. "
    "Install it (Debian, Ubuntu: apt-get install chromium) or set CHROMIUM to its path."
)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Path of the browser. Without one the test is skipped, or fails where CI=true."""
    path = find_browser()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_BROWSER)
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it again at the end, where it is read."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any(NO_BROWSER in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(NO_BROWSER, red=True, bold=True)
