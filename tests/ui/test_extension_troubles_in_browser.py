"""The manager of extensions where the server fails, forgets or is slow: it says so, and goes on once it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from modules.config.paths import resolve_paths
from modules.services.build import build_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.ui.serving import serving_page
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

GIT = {"kind": "git", "source": "https://example.org/sea"}
LOOK = {
    "id": "a", **GIT, "reference": "", "state": "ready", "problem": "", "received": 0, "name": "sea", "title": "Sea",
    "version": "2.0", "author": "", "description": "", "requirements": ["a", "b"], "touches": [], "commit": "c" * 40,
    "content": "d" * 64, "files": 1, "size": 1500, "python_files": [], "page_files": [], "packages": [],
    "replaces": "1.0", "is_enabled": True, "was_changed": False, "commits": [], "changed_files": [],
}  # fmt: skip
GONE = {"detail": "There is no look 'a' at an extension. It may have been taken off the list."}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one extension, which may be changed."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    put_extension(paths.extensions, "sea", "", title='"Sea"')
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as services:
        services.extensions.may_change = True
        with serving_page(services) as served:
            yield served


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        expect(page.locator("#model input")).not_to_have_value("")
        yield page


def answer(page: Page, path: str, given: Callable[[str], tuple[int, Any]]) -> list[str]:
    """Have `given` answer what is asked of a path, by its method; the methods that were asked with so far."""
    asked: list[str] = []

    def fulfil(route: Route) -> None:
        asked.append(route.request.method)
        status, content = given(route.request.method)
        route.fulfill(status=status, json=content)

    page.route(f"**/api/v1/extensions{path}", fulfil)
    return asked


def from_git(page: Page, facts: dict[str, object] | None = None) -> None:
    """The extension comes from a repository; the server tells these facts of it in the place of its own."""

    def fulfil(route: Route) -> None:
        answered = route.fetch()
        found = answered.json()
        found["extensions"][0].update({**GIT, **(facts or {})})
        route.fulfill(response=answered, json=found)

    page.route("**/api/v1/extensions", fulfil)


def test_what_could_not_be_loaded_is_there_when_the_tab_is_opened_again(page: Page) -> None:
    page.route("**/api/v1/extensions", lambda route: route.abort())
    open_tab(page, "Extensions")
    expect(page.get_by_text("The server does not answer. Open the tab again.")).to_be_visible()
    page.unroute("**/api/v1/extensions")
    open_tab(page, "Settings")
    open_tab(page, "Extensions")
    expect(page.locator(".extension[data-name=sea]")).to_be_visible()
    expect(page.get_by_text("The server does not answer.")).to_have_count(0)


def test_an_index_that_fails_is_fetched_again(page: Page) -> None:
    waits: list[Route] = []
    page.route("**/api/v1/extensions/index?*", lambda route: waits.append(route))
    open_tab(page, "Extensions")
    with page.expect_request("**/api/v1/extensions/index?*"):
        page.get_by_role("button", name="Install", exact=True).click()
    index = page.locator(".source-index")
    expect(index.get_by_text("Fetching the index…")).to_be_visible()
    expect(page.get_by_text("No index is set.")).to_have_count(0)
    waits.pop().fulfill(status=400, json={"detail": "The index cannot be had."})
    expect(index.get_by_text("The index cannot be had.")).to_be_visible()
    expect(index.get_by_text("Fetching the index…")).to_have_count(0)
    page.unroute("**/api/v1/extensions/index?*")
    index.get_by_role("button", name="Fetch again").click()
    expect(index.get_by_text("No index is set.")).to_be_visible()
    expect(index.get_by_text("The index cannot be had.")).to_have_count(0)


def test_a_look_that_fails_out_of_sight_keeps_its_panel(page: Page) -> None:
    failed = {**LOOK, "state": "failed", "content": "", "problem": "No such place.", "name": "", "title": ""}
    state = {"now": {**failed, "state": "fetching", "problem": ""}}
    answer(page, "/looks", lambda method: (201, state["now"]) if method == "POST" else (200, [state["now"]]))
    open_tab(page, "Extensions")
    page.get_by_role("button", name="Install", exact=True).click()
    page.get_by_label("Address").fill(GIT["source"])
    page.get_by_label("Address").press("Enter")
    expect(page.locator(".look[data-state=fetching]")).to_be_visible()
    page.get_by_role("button", name="Installed", exact=True).click()
    state["now"] = failed
    expect(page.locator(".look[data-state=failed]").get_by_text("No such place.")).to_be_visible()
    page.locator(".look").get_by_role("button", name="Close").click()
    expect(page.locator(".look")).to_have_count(0)


def test_a_set_that_the_server_forgot_is_let_go(page: Page) -> None:
    state: dict[str, Any] = {
        "id": "1",
        "state": "running",
        "rows": [{"name": "sea", "state": "running", "problem": ""}],
    }
    forgotten: list[int] = []
    asked = answer(page, "/restore", lambda method: (404, {"detail": "None."}) if forgotten else (200, state))
    open_tab(page, "Extensions")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Restore", exact=True).click()
    chooser.value.set_files({"name": "a.json", "mimeType": "application/json", "buffer": b'{"extensions": []}'})
    page.get_by_role("dialog").get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator(".set-row").get_by_text("In progress")).to_be_visible()
    forgotten.append(1)
    expect(page.locator(".extension-set")).to_be_hidden()
    expect(page.get_by_role("button", name="Restore", exact=True)).to_be_enabled()
    assert asked[0] == "POST"


def test_who_was_logged_out_meanwhile_is_told(page: Page) -> None:
    given: list[tuple[int, Any]] = [(200, [{**LOOK, "state": "fetching"}])]
    answer(page, "/looks", lambda method: given[0])
    from_git(page)
    open_tab(page, "Extensions")
    expect(page.locator(".extension").get_by_text("Looking for an update…")).to_be_visible()
    given[0] = (401, {"detail": "Log in first."})
    expect(page.locator(".extensions").get_by_text("Log in first.")).to_be_visible()


def test_a_panel_whose_look_is_gone_goes(page: Page) -> None:
    there = [{**LOOK, "replaces": "", "kind": "zip", "source": "sea.zip"}]
    answer(page, "/looks", lambda method: (200, there))
    for path in ("/looks/a/install", "/looks/a/cancel"):
        answer(page, path, lambda method: (404, GONE))
    open_tab(page, "Extensions")
    expect(page.locator(".look")).to_be_visible()
    there.clear()
    page.locator(".look").get_by_role("button", name="Cancel").click()
    expect(page.locator(".look")).to_have_count(0)
    expect(page.locator(".extensions").get_by_text(GONE["detail"])).to_be_visible()


def test_a_check_for_updates_says_how_many_it_could_not_look_at(page: Page) -> None:
    looks = [{**LOOK, "state": "fetching", "content": ""}]
    posted = answer(page, "/looks/updates", lambda method: (201, looks))
    answer(page, "/looks", lambda method: (200, looks if posted else []))
    cancelled = answer(page, "/looks/a", lambda method: (204, None))
    from_git(page)
    open_tab(page, "Extensions")
    page.get_by_role("button", name="Check for updates").dblclick()
    told = page.locator(".extensions-told")
    expect(told).to_have_text("Looking for updates…")
    expect(page.locator(".extensions-tools").get_by_role("button", name="Cancel")).to_be_visible()
    looks[0] = {**looks[0], "state": "failed", "problem": "It is away."}
    expect(told).to_have_text("1 could not be looked at")
    expect(page.locator(".extension").get_by_text("No update could be looked at. It is away.")).to_be_visible()
    assert posted == ["POST"] and cancelled == []


def test_what_another_page_saw_the_end_of_is_shown_here(page: Page) -> None:
    looks = [{**LOOK, "state": "installing"}]
    facts: dict[str, object] = {"version": "1.0"}
    answer(page, "/looks", lambda method: (200, looks))
    from_git(page, facts)
    open_tab(page, "Extensions")
    card = page.locator(".extension[data-name=sea]")
    expect(card.get_by_text("Installing…")).to_be_visible()
    facts["version"] = "2.0"
    looks.clear()
    expect(card.get_by_text("2.0")).to_be_visible()


def test_a_server_that_came_back_and_wants_a_login_is_back(page: Page) -> None:
    is_gone: list[bool] = []

    def listed(route: Route) -> None:
        if is_gone:
            route.fulfill(status=401, json={"detail": "Log in first."})
        else:
            route.fulfill(json={**route.fetch().json(), "waits": True})

    def leave(method: str) -> tuple[int, None]:
        is_gone.append(True)
        return 202, None

    page.route("**/api/v1/extensions", listed)
    answer(page, "/restart", leave)
    open_tab(page, "Extensions")
    with page.expect_event("load"):
        page.get_by_role("button", name="Start the server anew").click()


def test_updates_are_installed_one_beside_the_other(page: Page) -> None:
    """A repaint in between gives back no button whose work goes on; what fails is named as what it is."""
    looks = [LOOK]
    held: list[Route] = []
    answer(page, "/looks", lambda method: (200, looks))
    page.route("**/api/v1/extensions/looks/a/install", lambda route: held.append(route))
    from_git(page)
    open_tab(page, "Extensions")
    all_button = page.get_by_role("button", name="Update all (1)")
    all_button.click()
    with page.expect_request("**/api/v1/extensions/looks/a/install"):
        page.get_by_role("dialog").get_by_role("button", name="Update all").click()
    expect(all_button).to_have_attribute("aria-disabled", "true")
    looks[0] = {**LOOK, "state": "installing"}
    held.pop().fulfill(status=202, json=looks[0])
    card = page.locator(".extension[data-name=sea]")
    expect(card.get_by_text("Installing…")).to_be_visible()
    looks[0] = {**LOOK, "state": "failed", "problem": "It was changed meanwhile."}
    expect(card.get_by_text("The update could not be installed. It was changed meanwhile.")).to_be_visible()


def test_a_button_waits_through_repaints(page: Page) -> None:
    held: list[Route] = []
    looks: list[dict[str, Any]] = []
    answer(page, "/looks", lambda method: (200, looks))
    page.route("**/api/v1/extensions/sea/pin", lambda route: held.append(route))
    from_git(page)
    open_tab(page, "Extensions")
    pin = page.locator(".extension[data-name=sea]").get_by_role("button", name="Pin", exact=True)
    pin.click()
    expect(pin).to_have_attribute("aria-disabled", "true")
    before = pin.element_handle()
    assert before is not None
    looks.append(LOOK)
    open_tab(page, "Settings")
    open_tab(page, "Extensions")
    expect(page.get_by_text("New version")).to_be_visible()
    assert not before.evaluate("one => one.isConnected")
    expect(pin).to_have_attribute("aria-disabled", "true")
    held.pop().fulfill(status=400, json={"detail": "Not now."})
    expect(pin).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([1500, 2500], "They are installed into a folder of its own, 4.0 KB to fetch."),
        ([1500, None], "They are installed into a folder of its own, at least 1.5 KB to fetch."),
        ([None, None], "They are installed into a folder of its own. The program's"),
    ],
)
def test_packages_of_unknown_size_count_as_such(page: Page, sizes: list[int | None], told: str) -> None:
    packages = [
        {"name": f"p{place}", "version": "1", "size": size, "sha256": "e" * 64} for place, size in enumerate(sizes)
    ]
    answer(page, "/looks", lambda method: (200, [{**LOOK, "packages": packages}]))
    from_git(page)
    open_tab(page, "Extensions")
    page.get_by_role("button", name="See the update").click()
    expect(page.locator(".look").get_by_text(told)).to_be_visible()
    expect(page.locator(".look").get_by_text("It has no new commits.")).to_be_visible()


ON = {"is_enabled": True, "is_wanted": True}
FAILED = {"problem": "x", "has_failed": True}
AGAIN = ["Switch on again", "Switch off"]


@pytest.mark.parametrize(
    ("facts", "state", "buttons"),
    [
        ({**ON, **FAILED, "waits": True}, "On after the next start", ["Switch off"]),
        ({**ON, **FAILED}, "Left out", AGAIN),
        ({"is_enabled": True, "is_active": True, "waits": True, "problem": "x"}, "Off after the next start", AGAIN),
        ({**FAILED, "waits": True}, "Off after the next start", ["Switch on"]),
        ({"problem": "x"}, "Left out", []),
    ],
)
def test_a_card_says_what_the_next_start_does(
    page: Page, facts: dict[str, object], state: str, buttons: list[str]
) -> None:
    from_git(page, facts)
    open_tab(page, "Extensions")
    card = page.locator(".extension[data-name=sea]")
    expect(card.locator(".extension-state")).to_have_text(state)
    expect(card.get_by_role("button", name="Switch")).to_have_text(buttons)


def test_what_strangers_say_leaves_our_sentence_translated(browser: Browser, address: str) -> None:
    with browser.new_context(locale="de-DE") as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_function("atelier.languages?.translated('Off') === 'Aus'")
        told = "Extension 'sea' cannot be switched on. NameError: name 'x' is not defined"
        shown = page.evaluate("told => atelier.languages.translated(told)", told)
        assert shown == "Erweiterung 'sea' kann nicht eingeschaltet werden. NameError: name 'x' is not defined"
