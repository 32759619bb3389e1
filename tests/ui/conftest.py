"""The whole program behind an address of its own, and a browser to look at it with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from modules.services.build import Services
from tests.ui.chromium import PATIENCE, chromium
from tests.ui.serving import serving_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def address(demo_services: Services) -> Iterator[str]:
    """Address of a running server with the demo model and a data folder of its own."""
    with serving_page(demo_services) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with chromium() as opened:
        yield opened


class Complaints(list[str]):
    """What the browser has to complain about: errors, refused answers, requests to other hosts."""


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, address: str, complaints: Complaints) -> Iterator[Page]:
    """The page just opened in a window of its own; at the end there must have been nothing to complain about."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)  # of windows that the page opens, too
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"a script ran: {dialog.message}"))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: _note_foreign(complaints, request.url, address))
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    page.goto(address)
    page.wait_for_selector("#generate")
    page.wait_for_function("document.querySelector('#model input')?.value")
    yield page
    context.close()
    assert complaints == []


def _note_foreign(complaints: Complaints, url: str, address: str) -> None:
    if not url.startswith((address, "data:", "blob:")):
        complaints.append(f"request to another host: {url}")
