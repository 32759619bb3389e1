"""The Extensions tab, as a person meets it: looked through, switched on, and at work after a new start."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.config.paths import ROOT
from tests.hooks.extension_makers import put_extension
from tests.program import is_ready, serving
from tests.ui.journeys import KEPT, fits_into
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

NAME = "seed-travel"
CARD = f".extension[data-name={NAME}]"
PROMPT = "a red house that is still there"


def test_an_extension_from_the_tab_to_the_list_of_scripts(tmp_path: Path, browser: Browser) -> None:
    shutil.copytree(ROOT / "extensions" / NAME, tmp_path / "extensions" / NAME)
    put_extension(tmp_path / "extensions", "broken-one", "x = (", description='"<img src=x onerror=alert(1)>"')
    with serving(tmp_path) as (server, port), browser.new_context(viewport={"width": 390, "height": 844}) as context:
        assert is_ready(server)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"http://127.0.0.1:{port}")
        expect(page.locator("#model input")).not_to_have_value("")
        page.fill("#prompt textarea", PROMPT)
        open_tab(page, "Extensions")
        _refuse_what_is_broken(page)
        page.locator(CARD).get_by_role("button", name="Switch on").click()
        page.locator(CARD).get_by_text("On after the next start").wait_for()
        page.evaluate(KEPT)
        with page.expect_event("load", timeout=300_000):
            page.get_by_role("button", name="Start the server anew").click()
        page.wait_for_function("prompt => document.querySelector('#prompt textarea')?.value === prompt", arg=PROMPT)
        page.wait_for_function("document.querySelector('.model-state')?.textContent")

        open_tab(page, "Extensions")
        page.locator(CARD).get_by_text("At work").wait_for()
        expect(page.locator(CARD).get_by_text("Seed travel", exact=True)).to_have_count(2)  # its title and its script
        expect(page.get_by_role("button", name="Start the server anew")).to_have_count(0)
        fits_into(page, 390)


def _refuse_what_is_broken(page: Page) -> None:
    card = page.locator(".extension[data-name=broken-one]")
    expect(card.get_by_text("<img src=x onerror=alert(1)>")).to_have_count(1)
    card.get_by_role("button", name="Switch on").click()
    page.get_by_role("alert").get_by_text("Extension 'broken-one' cannot be switched on. SyntaxError").wait_for()
    expect(card.get_by_text("Off", exact=True)).to_have_count(1)
