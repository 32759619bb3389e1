"""The whole program behind an address of its own, and a browser to look at it with."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import uvicorn

import webui
from modules.config.command_line import parse_command_line
from modules.services.build import Services

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def address(demo_services: Services) -> Iterator[str]:
    """Address of a running server with the demo model and a data folder of its own."""
    servers: list[uvicorn.Server] = []
    listener = socket.socket()
    listener.bind((webui.LOOPBACK, 0))

    async def serve() -> None:
        # Built in here, since outside of a running loop gradio makes one for each of its locks and closes none.
        application = webui.create_application(
            demo_services, parse_command_line(["--port", str(listener.getsockname()[1])]), webui.LOOPBACK
        )
        servers.append(uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)))
        await servers[0].serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not (servers and servers[0].started) and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert servers and servers[0].started
    yield f"http://{webui.LOOPBACK}:{listener.getsockname()[1]}"
    servers[0].should_exit = True
    thread.join(15)
    listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; where there is none the tests are skipped, except in CI, where they must run."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        reason = "no Chromium on this machine: install the package chromium to run the browser tests"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Complaints(list[str]):
    """What the browser has to complain about: errors, refused answers, requests to other hosts."""


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, address: str, complaints: Complaints) -> Iterator[Page]:
    """The page just opened in a window of its own; at the end there must have been nothing to complain about."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"a script ran: {dialog.message}"))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: _note_foreign(complaints, request.url, address))
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    page.goto(address)
    page.wait_for_selector("#generate")
    page.wait_for_function("document.querySelector('#model input').value")
    yield page
    context.close()
    assert complaints == []


def _note_foreign(complaints: Complaints, url: str, address: str) -> None:
    if not url.startswith((address, "data:", "blob:")):
        complaints.append(f"request to another host: {url}")
