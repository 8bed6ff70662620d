"""A real browser without a window, and a service for it to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.router.setting import SETTINGS
from tests.service.live import PATIENCE
from tests.service.pages.conftest import HOSTILE, filled

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")


@dataclass
class Looked:
    """A page in the browser, with everything it complained of and everything it asked others for."""

    page: Any
    where: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Goes to a page of the service, and waits until its scripts have run."""
        self.page.goto(f"http://{self.where}{path}", wait_until="load")
        return self.page


# The browser is ended with the module: while it runs, its driver's event loop counts as running in this
# thread, and no other test could use `asyncio.run`.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = os.environ.get("BANDITROUTE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = "There is no Chromium here; scripts/browser installs it."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """With traffic, and names that try to break out of the page."""
    with filled(HOSTILE) as where:
        yield where


@pytest.fixture(scope="module")
def quiet() -> Iterator[str]:
    """The same with plain names."""
    with filled(SETTINGS) as where:
        yield where


def looking(browser: Any, where: str, **options: Any) -> Iterator[Looked]:
    """A fresh window; it must have complained of nothing, and asked nobody else, when it is closed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(1_000 * PATIENCE)
    looked = Looked(context.new_page(), where)
    page = looked.page

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            looked.complaints.append(message.text)

    def ask(request: Any) -> None:
        if not request.url.startswith(f"http://{where}/"):
            looked.elsewhere.append(request.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: looked.complaints.append(str(error)))
    page.on("request", ask)
    page.on("dialog", lambda dialog: looked.complaints.append(f"a dialog: {dialog.message}"))
    yield looked
    context.close()
    assert looked.complaints == []
    assert looked.elsewhere == []


@pytest.fixture
def window(browser: Any, quiet: str) -> Iterator[Looked]:
    yield from looking(browser, quiet)
