"""The manager of extensions, as a person meets it: from a git server to the picture, to the next version, and away."""

from __future__ import annotations

import http.server
import io
import json
import socket
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.git_server import GitServer, git_server
from tests.program import is_ready, serving
from tests.ui.accessibility import grave_faults
from tests.ui.journeys import KEPT, fits_into
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

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
        expect(page.locator("#model input")).not_to_have_value("")
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
    fits_into(page, 390)
    page.locator(".extension-removed").get_by_role("button", name="Put back").click()
    page.get_by_role("dialog").get_by_role("button", name="2.0").click()
    expect(page.locator(CARD)).to_contain_text("2.0")
    page.locator(CARD).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(CARD)).to_have_count(0)
    _start_anew(page)
    open_tab(page, "Settings")
    expect(page.get_by_label("Search settings")).to_be_visible()
    expect(page.get_by_text("Depth of version")).to_have_count(0)


class _IndexAnswer(http.server.BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *given: object) -> None:
        pass


@contextmanager
def index_server(git: GitServer) -> Iterator[str]:
    """The address of an index that knows two extensions, of which the git server has one."""
    rows = [
        {
            "name": "Lake <b>x</b>",
            "url": "https://example.org/lake",
            "tags": ["tab"],
            "stars": 900,
            "description": "Calm.",
        },
        {"name": "Sea", "url": f"{git.address}/sea", "tags": ["script"], "stars": 12, "description": "Waves."},
    ]
    content = json.dumps({"tags": {"script": "adds scripts", "tab": "adds a tab"}, "extensions": rows}).encode()
    answer = type("Answer", (_IndexAnswer,), {"content": content})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/index.json"
        finally:
            server.shutdown()
            thread.join()


def test_zip_files_the_index_and_whole_sets(tmp_path: Path, browser: Browser, git: GitServer) -> None:
    with (
        index_server(git) as index,
        serving(tmp_path, "--allow-private-extensions") as (server, port),
        browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark") as one,
    ):
        assert is_ready(server)
        page = one.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"http://127.0.0.1:{port}")
        expect(page.locator("#model input")).not_to_have_value("")
        open_tab(page, "Extensions")
        page.get_by_role("button", name="Install", exact=True).click()
        _has_no_index(page, index)
        _comes_from_the_index(page)
        _is_given_up(page)
        _comes_as_a_zip_file(page)
        _all_are_updated(page, git)
        _is_had_again(page, tmp_path)
        _is_only_looked_at_by_others(one.new_page(), f"http://127.0.0.1:{port}")


def _has_no_index(page: Page, index: str) -> None:
    expect(page.get_by_text("No index is set.")).to_be_visible()
    page.get_by_role("button", name="Open the settings").click()
    expect(page.get_by_label("Extension index URL", exact=True)).to_be_focused()
    page.get_by_label("Extension index URL", exact=True).fill(index)
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("button", name="Apply", exact=True)).to_be_hidden()
    open_tab(page, "Extensions")
    page.get_by_role("button", name="Installed", exact=True).click()
    page.get_by_role("button", name="Install", exact=True).click()


def _comes_from_the_index(page: Page) -> None:
    names = page.locator(".index-row .look-name")
    expect(names).to_have_text(["Lake <b>x</b>", "Sea"])
    page.get_by_label("Search the index").fill("waves")
    expect(names).to_have_text(["Sea"])
    page.get_by_label("Search the index").fill("")
    page.get_by_role("button", name="tab", exact=True).click()
    expect(names).to_have_text(["Lake <b>x</b>"])
    page.get_by_role("button", name="tab", exact=True).click()
    expect(names).to_have_text(["Sea"])
    page.get_by_role("button", name="− tab", exact=True).click()
    page.get_by_label("Sorted by").select_option("Most stars")
    expect(names).to_have_text(["Lake <b>x</b>", "Sea"])
    assert grave_faults(page, ".extensions") == []
    fits_into(page, 390)
    page.get_by_role("button", name="Look at Sea").click()
    page.locator(".look").get_by_role("button", name="Install and switch on").click()
    expect(page.locator(CARD)).to_contain_text("On after the next start")


def _is_given_up(page: Page) -> None:
    """A server that takes the question and never answers holds nobody up; and keys alone are enough."""
    page.get_by_role("button", name="Install", exact=True).press("Enter")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        page.get_by_label("Address").fill(f"http://127.0.0.1:{silent.getsockname()[1]}/sea")
        page.get_by_label("Address").press("Enter")
        look = page.locator(".look[data-state=fetching]")
        expect(look.get_by_role("heading")).to_be_focused()
        expect(look.get_by_role("progressbar", name="Fetching")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(look.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".look")).to_have_count(0)
        expect(page.locator(".extensions-bar [aria-pressed=true]")).to_be_focused()


def _comes_as_a_zip_file(page: Page) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files("1.0").items():
            archive.writestr(f"pond-main/{name.replace('sea', 'pond')}", text.replace('"sea"', '"pond"'))
    page.get_by_role("button", name="Install", exact=True).click()
    form = page.locator("form.source").filter(has_text="From a zip file")
    look_at = form.get_by_role("button", name="Look at it")
    look_at.click()
    expect(page.locator("#extension-zip-problem")).to_have_text("Choose a file.")
    field = page.get_by_label("Zip file", exact=True)
    field.set_input_files({"name": "pond.zip", "mimeType": "application/zip", "buffer": b"no zip"})
    look_at.click()
    expect(page.locator("#extension-zip-problem")).to_have_text("It is no zip file that can be read.")
    field.set_input_files({"name": "pond.zip", "mimeType": "application/zip", "buffer": content.getvalue()})
    look_at.click()
    page.locator(".look").get_by_role("button", name="Cancel").click()
    expect(page.locator(".look")).to_have_count(0)
    look_at.click()
    page.locator(".look").get_by_role("button", name="Install", exact=True).click()
    expect(page.locator(".extension[data-name=pond]").get_by_text("Off", exact=True)).to_be_visible()


def _all_are_updated(page: Page, git: GitServer) -> None:
    git.put("sea", files("2.0"), "Storms")
    page.get_by_role("button", name="Check for updates").click()
    page.get_by_role("button", name="Update all (1)").click()
    question = page.get_by_role("dialog")
    expect(question.get_by_role("listitem")).to_have_text([f"{TITLE}: 1.0 → 2.0"])
    question.get_by_role("button", name="Update all").click()
    expect(_fact(page, "Earlier versions")).to_have_text("1.0")
    expect(page.locator(CARD)).to_contain_text("On after the next start")


def _is_had_again(page: Page, folder: Path) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name="Back up").click()
    download.value.save_as(folder / "set.json")
    page.locator(CARD).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.locator(".extension-removed").get_by_role("button", name="Delete for good").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(page.locator(".extension-removed")).to_have_count(0)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Restore", exact=True).click()
    chooser.value.set_files(folder / "set.json")
    page.get_by_role("dialog").get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("heading", name="The set was restored")).to_be_visible()
    expect(page.locator(".set-row[data-state=done]")).to_have_count(2)
    expect(page.locator(CARD)).to_contain_text("On after the next start")
    expect(_fact(page, "Earlier versions")).to_have_count(0)
    page.locator(".extension-set").get_by_role("button", name="Close").click()
    expect(page.locator(".extension-set")).to_be_hidden()


def _is_only_looked_at_by_others(page: Page, address: str) -> None:
    """Who may change nothing from here is offered nothing, and asks for nothing that would be refused."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        answered = route.fetch()
        route.fulfill(response=answered, json={**answered.json(), "can_be_changed": False})

    page.route("**/api/v1/extensions", answer)
    page.on("request", lambda request: asked.append(request.url) if "/extensions/looks" in request.url else None)
    page.set_default_timeout(120_000)
    page.goto(address)
    expect(page.locator("#model input")).not_to_have_value("")
    open_tab(page, "Extensions")
    expect(page.locator(CARD).get_by_role("heading")).to_be_visible()
    expect(page.get_by_text("Extensions are changed on the computer of the server")).to_be_visible()
    expect(page.locator(".extensions button:visible")).to_have_count(0)
    assert asked == []
