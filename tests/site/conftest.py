"""A server for the built site and a browser to read it with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pages import PAGES, SITE, Visit, visit
from playwright.sync_api import Browser, sync_playwright

from scripts.browser import ARGUMENTS


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def built() -> None:
    """Fail if there is no site to test."""
    if not (SITE / "index.html").exists():
        pytest.fail("the website is not built: run `make book` first, or `make test`")


@pytest.fixture(scope="session")
def site(built: None) -> Iterator[str]:
    """Address of the site, served on the loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser(browser_path: str) -> Iterator[Browser]:
    """One browser for all tests of a worker."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module", params=PAGES)
def visited(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[Visit]:
    """Each page of the book, opened once for all tests of a module."""
    seen = visit(browser, site, request.param)
    yield seen
    seen.page.close()
