"""A section on the page: switched on, painted with, kept over a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.services.build import Services
from tests.ui.conftest import Complaints
from tests.ui.journeys import choose, fits_into, made_by, open_accordion, reload, set_number

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
PLACE = "section-border-and-watermark"
ON = f"#{PLACE}-on input"


def test_a_border_is_switched_on_painted_and_kept(page: Page, demo_services: Services, complaints: Complaints) -> None:
    page.fill("#prompt textarea", "a red house")
    set_number(page, "steps", 2)
    open_accordion(page, PLACE)
    assert not page.is_checked(ON)
    set_number(page, f"{PLACE}-border", 20)
    choose(page, f"{PLACE}-position", "Top left")
    page.check(ON)
    page.wait_for_selector(f"#{PLACE} > button > span[data-changed='1 changed']")
    (picture,) = made_by(page, demo_services, "#generate")
    assert (picture.width, picture.height) == (296, 296)
    assert "Border width: 20, Watermark position: Top left" in picture.infotext
    page.set_viewport_size({"width": 360, "height": 740})
    fits_into(page, 360)
    assert page.locator(f"#{PLACE}-border").is_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    reload(page, complaints)
    page.wait_for_selector(f"#{PLACE} > button > span[data-changed='1 changed']")
    open_accordion(page, PLACE)
    expect(page.locator(ON)).to_be_checked()
    expect(page.locator(f"#{PLACE}-border input[type=number]")).to_have_value("20")
