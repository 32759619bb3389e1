"""Looking inside in a browser: the curve follows the form, words are chips, a recorded picture shows its steps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.services.build import Services
from tests.ui.accessibility import grave_faults
from tests.ui.conftest import Complaints
from tests.ui.journeys import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PANEL = "#look-inside .inside"
_WAYS_OUT = """selector => {
  const width = document.documentElement.clientWidth;
  const panel = document.querySelector(selector);
  return [...panel.querySelectorAll("*")]
    .filter((one) => one.checkVisibility() && !one.closest(".inside-strip, svg"))
    .filter((one) => one.getBoundingClientRect().right > width + 1)
    .map((one) => `${one.tagName} ${one.className}`);
}"""


@pytest.fixture(scope="module")
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """The page on a phone."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    yield page
    context.close()


def points(page: Page) -> int:
    """How many noise levels the curve has."""
    return page.locator(f"{PANEL} circle.inside-first").count()


def record_one(page: Page, services: Services) -> None:
    """The view of steps, once a picture is recorded and shown; others may have been recorded before."""
    before = len(services.look_inside.recorded_jobs())
    page.get_by_role("button", name="Steps", exact=True).click()
    page.get_by_label("Record the next pictures").check()
    page.locator("#generate").click()
    wait_until(lambda: len(services.look_inside.recorded_jobs()) > before, 120)
    expect(page.get_by_label("Recorded job")).to_have_value(services.look_inside.recorded_jobs()[0])
    page.locator(f"{PANEL} .inside-strip button").first.wait_for()


def test_a_request_is_explained_and_a_picture_shows_how_it_came(
    page: Page, demo_services: Services, complaints: Complaints
) -> None:
    page.set_default_timeout(120_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "look-inside" in request.url else None)
    page.fill("#steps input[type=number]", "6")
    page.fill("#prompt textarea", "a (red:1.3) boat BREAK [cat|dog]")
    page.wait_for_function("document.querySelector('#count, #prompt-count')?.textContent.includes('/')")
    assert asked == []  # closed it costs nothing

    page.locator(f"{PANEL} summary").click()
    page.wait_for_function(f"document.querySelectorAll('{PANEL} circle.inside-first').length === 7")
    page.fill("#steps input[type=number]", "9")
    page.wait_for_function(f"document.querySelectorAll('{PANEL} circle.inside-first').length === 10")
    page.locator(f"{PANEL} input[type=range]").first.fill("4")
    expect(page.locator(f"{PANEL} .inside-step").first).to_have_text("Step 5 of 9")
    page.locator(f"{PANEL} .inside-change").first.wait_for(state="attached")
    assert grave_faults(page, "#look-inside") == []

    page.get_by_role("button", name="Words").click()
    chips = page.locator(f"{PANEL} .inside-word")
    chips.first.wait_for()
    # A text holds one evaluation longer than it says, so step 5 has the text of step 4.
    expect(chips).to_have_text(["a", "red1.3", "boat", "dog"])
    expect(page.locator(f"{PANEL} .inside-break")).to_have_count(1)
    page.locator(f"{PANEL} input[type=range]").first.fill("5")
    expect(chips.last).to_have_text("cat")
    assert grave_faults(page, "#look-inside") == []

    record_one(page, demo_services)
    job = demo_services.look_inside.recorded_jobs()[0]
    assert demo_services.generate.job(job).look_inside
    strip = page.locator(f"{PANEL} .inside-strip button")
    expect(strip).to_have_count(9)
    strip.nth(2).click()
    expect(page.locator(f"{PANEL} .inside-large")).to_have_attribute("src", re.compile("."))
    page.get_by_role("button", name="What guidance changed").click()
    page.wait_for_function(f"document.querySelector('{PANEL} .inside-large')?.src.endsWith('0-0-3-difference.jpg')")
    boat = page.locator(f"{PANEL} .inside-chips button", has_text="boat")
    boat.focus()
    page.wait_for_function(f"!document.querySelector('{PANEL} .inside-heat').hidden")
    assert page.evaluate(f"document.querySelector('{PANEL} .inside-heat').width") == 32
    assert grave_faults(page, "#look-inside") == []
    assert complaints == []


def test_everything_is_within_reach_on_a_phone(phone: Page, demo_services: Services) -> None:
    phone.fill("#prompt textarea", "a red boat")
    phone.locator(f"{PANEL} summary").tap()
    phone.locator(f"{PANEL} circle").first.wait_for()
    assert phone.evaluate(_WAYS_OUT, PANEL) == []
    record_one(phone, demo_services)
    phone.locator(f"{PANEL} .inside-chips button").first.tap()
    phone.wait_for_function(f"!document.querySelector('{PANEL} .inside-heat').hidden")
    assert phone.evaluate(_WAYS_OUT, PANEL) == []
    small = phone.evaluate(
        """selector => [...document.querySelectorAll(`${selector} button, ${selector} select, ${selector} summary`)]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 36)
        .map((one) => one.outerHTML.slice(0, 80))""",
        PANEL,
    )
    assert small == []
