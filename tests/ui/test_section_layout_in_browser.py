"""A section with a layout of its own on the page: its buttons act, its values are painted with and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.config.paths import resolve_paths
from modules.services.build import Services, running_services
from tests.services.test_extension_hooks import OPTIONS, switched_on
from tests.ui.conftest import Complaints
from tests.ui.journeys import fits_into, made_by, open_accordion, reload, set_number
from tests.ui.test_section_layout import CODE, FAILS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
PLACE = "section-tint"
STRENGTH = f"#{PLACE}-strength input[type=number]"
ON = f"#{PLACE} > button > span[data-changed='1 changed']"


@pytest.fixture(scope="module")
def demo_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    switched_on(paths, tint=CODE, torn=FAILS)
    with running_services(paths, OPTIONS) as services:
        yield services


def test_its_button_changes_what_is_painted_and_kept(
    page: Page, demo_services: Services, complaints: Complaints
) -> None:
    page.fill("#prompt textarea", "a red house")
    set_number(page, "steps", 2)
    open_accordion(page, PLACE)
    expect(page.locator(STRENGTH)).to_have_value("20")
    page.check(f"#{PLACE}-on input")
    page.locator(f"#{PLACE}").get_by_role("button", name="Much").click()
    expect(page.locator(STRENGTH)).to_have_value("60")
    page.wait_for_selector(ON)
    (picture,) = made_by(page, demo_services, "#generate")
    assert "Sections: Tint, Tint Strength: 60" in picture.infotext
    reload(page, complaints)
    open_accordion(page, PLACE)
    expect(page.locator(STRENGTH)).to_have_value("60")
    expect(page.locator(f"#{PLACE}-on input")).to_be_checked()
    page.get_by_role("button", name="Which colour").click()
    expect(page.locator(f"#{PLACE}-colour")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    fits_into(page, 360)


def test_one_that_failed_says_so_and_has_its_arguments(page: Page) -> None:
    open_accordion(page, "section-torn")
    told = "The extension torn could not lay out this section (OSError: no wind)."
    expect(page.locator("#section-torn").get_by_text(told)).to_be_visible()
    expect(page.locator("#section-torn-wide")).to_be_visible()
