"""The manager of extensions, as a person meets it: from a git server to the picture, to the next version, and away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.git_server import GitServer, git_server
from tests.program import is_ready, serving
from tests.ui.accessibility import grave_faults
from tests.ui.journeys import KEPT
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

CARD = ".extension[data-name=sea]"
PROMPT = "a red house that is still there"
TITLE = "Sea <i id=injected>x</i>"
MANIFEST = 'name = "sea"\nversion = "{version}"\nhooks = ">=1"\ntitle = "{title}"\ntouches = ["settings"]\n'
CODE = """
from modules.hooks import Number, hookimpl

@hookimpl
def register_settings():
    return [Number(name="depth", label="Depth of version {version}", default=8, minimum=0, maximum=99, whole=True)]
"""
CONFLICT = 'requirements = ["numpy<1"]\n'


def files(version: str, more: str = "") -> dict[str, str]:
    manifest = MANIFEST.format(version=version, title=TITLE) + more
    return {"extension.toml": manifest, "sea/__init__.py": CODE.format(version=version)}


@pytest.fixture
def git() -> Iterator[GitServer]:
    with git_server() as running:
        running.put("sea", files("1.0"))
        yield running


def test_an_extension_from_a_repository_to_its_removal(tmp_path: Path, browser: Browser, git: GitServer) -> None:
    flags = ("--allow-private-extensions",)
    with (
        serving(tmp_path, *flags) as (server, port),
        browser.new_context(viewport={"width": 1280, "height": 900}) as one,
    ):
        assert is_ready(server)
        page = one.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"http://127.0.0.1:{port}")
        page.fill("#prompt textarea", PROMPT)
        open_tab(page, "Extensions")
        _is_refused(page, git)
        _is_installed(page, git)
        _is_at_work(page, "1.0")
        _is_updated(page, git)
        _goes_back(page)
        _is_removed(page)


def _look_at(page: Page, git: GitServer, *, reference: str = "") -> None:
    page.get_by_role("button", name="Install", exact=True).click()
    page.get_by_label("Address").fill(f"{git.address}/sea")
    page.get_by_label("Branch, tag or commit").fill(reference)
    page.locator("form.source").filter(has_text="From a git repository").get_by_role("button").click()


def _is_refused(page: Page, git: GitServer) -> None:
    """Beside the field that it is about, in words, and with both requirements where two do not go together."""
    git.put("sea", files("9.0", CONFLICT), branch="broken")
    _look_at(page, git, reference="nowhere")
    expect(page.locator("#extension-reference-problem")).to_contain_text("has no branch or tag 'nowhere'")
    expect(page.locator("#extension-reference")).to_be_focused()
    _look_at(page, git, reference="broken")
    expect(page.locator("#extension-address-problem")).to_contain_text("It needs numpy<1, but the program has numpy==")
    expect(page.locator("#extension-reference-problem")).to_be_empty()
    expect(page.locator(".look")).to_have_count(0)


def _is_installed(page: Page, git: GitServer) -> None:
    _look_at(page, git)
    look = page.locator(".look[data-state=ready]")
    expect(look.get_by_role("heading", level=3)).to_have_text(f"{TITLE} 1.0")
    expect(look).to_contain_text("2 files")
    expect(look.get_by_text("Python files, in the server: 1")).to_be_visible()
    expect(page.locator("#injected")).to_have_count(0)
    assert grave_faults(page, ".extensions") == []
    look.get_by_role("button", name="Install", exact=True).click()
    expect(page.locator(CARD).get_by_text("Off", exact=True)).to_be_visible()
    expect(look).to_have_count(0)
    expect(page.locator(CARD).get_by_role("heading")).to_be_focused()
    page.locator(CARD).get_by_role("button", name="Switch on").click()
    expect(page.locator(CARD)).to_contain_text("On after the next start")
    _start_anew(page)


def _start_anew(page: Page) -> None:
    page.evaluate(KEPT)
    with page.expect_event("load", timeout=300_000):
        page.get_by_role("button", name="Start the server anew").click()
    expect(page.locator("#prompt textarea")).to_have_value(PROMPT)
    expect(page.locator("#model input")).not_to_have_value("")


def _is_at_work(page: Page, version: str) -> None:
    open_tab(page, "Settings")
    expect(page.get_by_label(f"Depth of version {version}", exact=True)).to_have_value("8")
    open_tab(page, "Extensions")
    expect(page.locator(CARD).get_by_text("At work")).to_be_visible()


def _is_updated(page: Page, git: GitServer) -> None:
    git.put("sea", files("1.5"), "Storms, with thunder")
    commit = git.put("sea", files("2.0"), "Quieter <b>thunder</b>")
    page.get_by_role("button", name="Check for updates").click()
    expect(page.get_by_role("button", name="Update all (1)")).to_be_visible()
    page.locator(CARD).get_by_role("button", name="See the update").click()
    look = page.locator(".look[data-state=ready]")
    titles = look.locator(".look-commits .look-name")
    expect(titles).to_have_text(["Quieter <b>thunder</b>", "Storms, with thunder"])
    expect(look.get_by_text("Changed files: 2")).to_be_visible()
    look.get_by_role("button", name="Update", exact=True).click()
    expect(_fact(page, "Earlier versions")).to_have_text("1.0")
    expect(_fact(page, "Commit")).to_have_text(commit[:12])
    expect(look).to_have_count(0)
    page.locator(CARD).get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator(CARD).get_by_text("Pinned")).to_be_visible()
    expect(page.get_by_role("button", name="Check for updates")).to_have_count(0)
    _start_anew(page)
    _is_at_work(page, "2.0")


def _fact(page: Page, name: str) -> Locator:
    return page.locator(CARD).locator(f"dt:text-is('{name}') + dd")


def _goes_back(page: Page) -> None:
    page.locator(CARD).get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="1.0").click()
    expect(_fact(page, "Earlier versions")).to_have_text("2.0")
    expect(page.locator(CARD)).to_contain_text("On after the next start")


def _is_removed(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(CARD).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(CARD)).to_have_count(0)
    expect(page.locator(".extension-removed")).to_contain_text("sea")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    _start_anew(page)
    open_tab(page, "Settings")
    expect(page.get_by_label("Search settings")).to_be_visible()
    expect(page.get_by_text("Depth of version")).to_have_count(0)
