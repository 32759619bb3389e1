"""Settings, extensions, the header and the first start, as a person meets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.services.build import Services
from tests.ui.conftest import Complaints
from tests.ui.journeys import fits_into
from tests.ui.serving import serving_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ANN, BOB = ("ann", "annes own words"), ("bob", "bobs own words")
OPEN_TAB = "title => window.atelier.header.openTab(title)"
NARROW = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def arranged(demo_services: Services) -> Iterator[str]:
    """Address of a server with quick settings, fewer tabs and a style of its own."""
    demo_services.settings.change(
        quicksettings_list=["sd_vae", "CLIP_stop_at_last_layers"],
        hidden_tabs=["Merge"],
        ui_tab_order=["txt2img", "models"],
    )
    demo_services.paths.user_style.write_text("#brand { outline: 3px solid rgb(1, 2, 3); }")
    with serving_page(demo_services) as served:
        yield served
    demo_services.settings.change(quicksettings_list=["sd_model_checkpoint"], hidden_tabs=[], ui_tab_order=[])


@pytest.fixture
def own(browser: Browser, arranged: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints = Complaints()
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(arranged)
    page.wait_for_selector("#generate")
    page.wait_for_function("document.querySelector('.model-state')?.textContent")
    yield page
    context.close()
    refused = [line for line in complaints if "422" not in line]  # the one that is asked for
    assert refused == []


def test_a_journey_through_settings_header_and_tour(own: Page, demo_services: Services) -> None:
    _the_header(own, demo_services)
    _the_tour(own)
    _the_settings(own, demo_services)
    _the_extensions(own)
    _on_a_narrow_screen(own)


def _the_header(page: Page, services: Services) -> None:
    titles = page.locator("#tabs > .tab-wrapper [role=tab]").all_inner_texts()
    assert titles[:2] == ["txt2img", "Models"] and "Merge" not in titles
    page.wait_for_function("document.querySelector('.model-state')?.textContent === 'SD 1'")
    expect(page.locator("#brand")).to_have_css("outline-color", "rgb(1, 2, 3)")
    page.locator(".quick-setting select[data-name=sd_vae]").select_option("None")
    page.wait_for_function("document.querySelector('.quick-setting input[data-name=clip_skip]')?.value === '1'")
    quick = page.locator(".quick-setting input[data-name=clip_skip]")
    quick.fill("2")
    quick.blur()
    page.locator("#prompt-fields > button").click()
    page.wait_for_function("document.querySelector('#clip-skip input[type=number]')?.value === '2'")
    _until(page, lambda: services.settings.current.sd_vae == "None")
    expect(page.locator(".page-end")).to_contain_text(re.compile(r"Atelier \d"))


def _the_tour(page: Page) -> None:
    page.click("#tour-start")
    for place in range(1, 6):
        page.get_by_text(f"{place} of 5").wait_for()
        if place == 1:
            page.locator(".tour-machine", has_text="float32 on").wait_for()
        if place == 4:
            page.locator(".tour-model").nth(2).wait_for()
            expect(page.locator(".tour-model").first).to_contain_text("GB, CreativeML")
        page.click(".tour-next")
    page.wait_for_selector(".tour", state="detached")
    page.click("#help-button")
    page.get_by_role("menuitem", name="Take the tour").click()
    page.get_by_text("1 of 5").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_selector(".tour", state="detached")
    expect(page.locator(".tour-offer")).to_have_count(0)


def _the_settings(page: Page, services: Services) -> None:
    page.evaluate(OPEN_TAB, "Settings")
    page.wait_for_selector("#setting-jpeg-quality")
    page.fill("#settings-search", "webp quality")
    page.wait_for_function("document.querySelector('.settings-count')?.textContent.startsWith('1 of')")
    page.fill("#setting-jpeg-quality", "300")
    page.fill("#settings-search", "")
    page.check("#setting-save-txt")
    expect(page.locator(".settings-apply-bar")).to_contain_text("2 not applied")
    page.click("#settings-apply")
    page.get_by_text("The most is 100.").wait_for()
    assert not services.settings.current.save_txt  # all or none
    page.fill("#setting-jpeg-quality", "70")
    page.click("#settings-apply")
    page.get_by_text("Settings applied.").wait_for()
    assert (services.settings.current.save_txt, services.settings.current.jpeg_quality) == (True, 70)
    row = page.locator("[data-name=save_txt]")
    expect(row).to_have_attribute("data-changed", "yes")
    row.get_by_role("button", name="Reset").click()
    page.locator("[data-name=jpeg_quality]").get_by_role("button", name="Reset").click()
    page.click("#settings-apply")
    _until(page, lambda: services.settings.current.jpeg_quality == 80)
    page.select_option("#preference-theme", "dark")
    page.wait_for_selector("body.dark")
    page.click("#theme-toggle")
    page.wait_for_selector("body:not(.dark)")


def _the_extensions(page: Page) -> None:
    page.evaluate(OPEN_TAB, "Extensions")
    page.get_by_role("heading", name="X/Y/Z plot").wait_for()
    expect(page.locator(".extension:not([data-state=active])")).to_have_count(0)


def _on_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.evaluate(OPEN_TAB, "Settings")
    page.wait_for_selector("#setting-jpeg-quality")
    fits_into(page, NARROW["width"])
    small = """[...document.querySelectorAll('#header-tools button, .settings-link, .settings-table .field')]
        .filter(one => one.offsetParent && one.getBoundingClientRect().height < 36).map(one => one.outerHTML)"""
    assert page.evaluate(small) == []


def _until(page: Page, holds: object) -> None:
    for _ in range(300):
        if holds():  # type: ignore[operator]
            return
        page.wait_for_timeout(100)
    raise AssertionError("this did not happen in time")


def test_who_logs_in_keeps_preferences_and_sees_no_settings_of_the_server(
    browser: Browser, demo_services: Services
) -> None:
    users = ",".join(":".join(one) for one in (ANN, BOB))
    with serving_page(demo_services, ["--gradio-auth", users]) as guarded:
        demo_services.preferences.change("bob", {"theme": "dark"})
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(guarded)
        page.fill("[name=name]", BOB[0])
        page.fill("[name=password]", BOB[1])
        page.click("button")
        page.wait_for_selector("#generate")
        page.wait_for_function(
            "document.body.classList.contains('dark') && localStorage.getItem('atelier-theme') === 'dark'"
        )
        expect(page.locator("#log-out")).to_be_visible()
        page.evaluate(OPEN_TAB, "Settings")
        page.wait_for_selector("#preference-theme")
        expect(page.locator(".setting[data-name]")).to_have_count(0)
        page.select_option("#preference-view", "simple")
        _until(page, lambda: demo_services.preferences.of("bob").view == "simple")
        context.close()
