"""Every tab: for those who cannot see well, on a narrow phone, in light and dark, in other languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.ui.accessibility import grave_faults
from tests.ui.chromium import PATIENCE
from tests.ui.conftest import Complaints
from tests.ui.journeys import fits_into
from tests.ui.tabs import open_tab, settle, tabs_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
_WIDEST = """() => {
  const width = document.documentElement.clientWidth;
  const isCut = (one) => {
    for (let up = one.parentElement; up; up = up.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  return [...document.querySelectorAll("#tabs *")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().right > width + 1)
    .filter((one) => !isCut(one))
    .map((one) => `${one.tagName} ${one.id} ${one.className} to ${one.getBoundingClientRect().right}`);
}"""


@pytest.fixture(scope="module")
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """The page on a phone."""
    context = browser.new_context(**_PHONE)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    yield page
    context.close()


def test_no_tab_keeps_anybody_out(page: Page, complaints: Complaints) -> None:
    faults = {}
    for look in ("light", "dark"):
        page.emulate_media(color_scheme=look)
        page.evaluate("look => document.body.classList.toggle('dark', look === 'dark')", look)
        for tab in tabs_of(page):
            open_tab(page, tab)
            settle(page)
            faults[f"{tab}, {look}"] = grave_faults(page)
    assert {tab: some for tab, some in faults.items() if some} == {}
    assert complaints == []


def test_every_tab_fits_a_narrow_phone(phone: Page) -> None:
    wide = {}
    for tab in tabs_of(phone):
        open_tab(phone, tab)
        settle(phone)
        wide[tab] = phone.evaluate(_WIDEST)
    assert {tab: some for tab, some in wide.items() if some} == {}
    fits_into(phone, 360)


def test_keeping_a_form_leaves_the_list_of_tabs_open(phone: Page) -> None:
    open_tab(phone, "txt2img")
    phone.wait_for_selector("#tabs .overflow-dropdown.hide", state="attached")
    phone.locator("#tabs .overflow-menu > button").click()
    phone.wait_for_selector("#tabs .overflow-dropdown:not(.hide)")
    phone.evaluate("document.getElementById('keep-txt2img').click()")
    phone.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(phone.locator("#tabs .overflow-dropdown.hide")).to_have_count(0)
    phone.locator("#tabs .overflow-menu > button").click()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_guide_to_a_tab_is_two_clicks_away(page: Page, width: int) -> None:
    open_tab(page, "PNG Info")
    page.emulate_media(color_scheme="dark")
    page.click("#help-button")
    with page.expect_popup() as opened:
        page.get_by_role("menuitem", name="Guide to this tab").click()
    guide = opened.value
    try:
        guide.set_viewport_size({"width": width, "height": 800})
        guide.wait_for_load_state()
        expect(guide.locator("nav [aria-current=page]")).to_have_text("PNG Info")
        assert grave_faults(guide) == []
        fits_into(guide, width)
        guide.get_by_role("link", name="Gallery", exact=True).first.click()
        expect(guide.get_by_role("heading", level=1)).to_contain_text("Gallery")
        guide.wait_for_function("document.images.length && [...document.images].every((one) => one.naturalWidth > 0)")
    finally:
        guide.close()
