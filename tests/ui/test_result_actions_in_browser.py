"""Buttons of extensions below results and in the large view: asked, pressed, and what becomes of it on the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.config.paths import ROOT, resolve_paths
from modules.hooks.extension_folders import extension_folder
from modules.hooks.extension_states import ExtensionStates
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.ui.conftest import Complaints
from tests.ui.journeys import fits_into, generate, new_pictures, prompt_of, set_number, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

CODE = """
from modules.hooks import NewPicture, Number, ResultAction, ResultAnswer, Switch, hookimpl

class Turned(ResultAction):
    name = "turned"
    label = "<b>Turn</b>"
    icon = "\\u21bb"
    help = "Upside down, if you like"
    arguments = (
        Number(name="count", label="Count", default=1, minimum=1, maximum=5, whole=True),
        Switch(name="over", label="Over", default=True),
    )

    def act(self, context):
        pixels = context.pixels()
        pixels = pixels[::-1] if context.arguments["over"] else pixels
        return ResultAnswer(pictures=[NewPicture(pixels=pixels)] * context.arguments["count"])

class Filled(ResultAction):
    name = "filled"
    label = "Another place"

    def act(self, context):
        return ResultAnswer(message="By <i>the</i> lake", form=context.changed({"prompt": "a lake", "steps": 3}))

class Failing(ResultAction):
    name = "failing"
    label = "Fail"

    def act(self, context):
        raise KeyError("rudder")

@hookimpl
def register_result_actions():
    return [Turned(), Filled(), Failing()]
"""


@pytest.fixture(scope="module")
def demo_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The demo model, with two extensions at work."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    put_extension(paths.extensions, "sea", CODE)
    shutil.copytree(ROOT / "extensions" / "seed-travel", paths.extensions / "seed-travel")
    states = ExtensionStates(paths.extension_states)
    for name in ("sea", "seed-travel"):
        states.switch(name, content=extension_folder(paths.extensions / name).content())
    with running_services(paths, EngineOptions(use_cpu=True, precision="full")) as services:
        assert services.scripts.failures == ()
        yield services


def test_buttons_of_extensions_save_queue_fill_and_fail(
    page: Page, demo_services: Services, complaints: Complaints
) -> None:
    for name in ("width", "height"):
        set_number(page, name, 64)
    generate(page, demo_services, "a boat", steps=2)
    row = (
        page.locator("#txt2img-result-tools, .picture-tools").locator("visible=true").get_by_role("group", name="More")
    )
    expect(row.get_by_role("button")).to_have_text(
        ["Border and watermark …", "↻<b>Turn</b> …", "Another place", "Fail", "Seed travel …"]
    )

    row.get_by_role("button", name="<b>Turn</b>").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Upside down, if you like")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    before = demo_services.pictures.count()
    row.get_by_role("button", name="<b>Turn</b>").click()
    dialog.get_by_label("Count").fill("9")
    dialog.get_by_role("button", name="<b>Turn</b>").click()
    page.get_by_role("alert").get_by_text("Count 9 is too large. The most is 5.").wait_for()
    row.get_by_role("button", name="<b>Turn</b>").click()
    expect(dialog.get_by_label("Count")).to_have_value("9")  # what was typed is still there
    dialog.get_by_label("Count").fill("2")
    dialog.get_by_role("button", name="<b>Turn</b>").click()
    page.get_by_text("2 pictures are saved.").wait_for()
    made = new_pictures(demo_services, before, 2)
    assert all("sea button: turned" in one.infotext for one in made)
    # The newest is the one that is shown large now.
    expect(page.locator("#result-picture img")).to_have_attribute("src", f"api/v1/pictures/{made[0].id}/file")
    expect(page.locator(".recent-picture")).to_have_count(3)

    row.get_by_role("button", name="Fail").click()
    page.get_by_role("alert").get_by_text("Button 'Fail' of the plugin sea failed (KeyError: 'rudder')").wait_for()
    expect(row.get_by_role("button", name="Fail")).to_be_enabled()
    assert demo_services.pictures.count() == before + 2
    complaints[:] = [one for one in complaints if "actions/sea" not in one and "422" not in one]

    row.get_by_role("button", name="Another place").click()
    page.get_by_text("By <i>the</i> lake").wait_for()
    wait_until(lambda: prompt_of(page) == "a lake")
    expect(page.locator("#steps input[type=number]")).to_have_value("3")

    row.get_by_role("button", name="Seed travel").click()
    dialog.get_by_label("Stops").fill("2")
    before = demo_services.pictures.count()
    dialog.get_by_role("button", name="Seed travel").click()
    page.get_by_text("Seed travel is queued.").wait_for()
    journey = new_pictures(demo_services, before, 3)
    assert "Script: Seed travel" in journey[0].infotext


def test_the_large_view_has_them_on_a_phone_too(page: Page, demo_services: Services) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    if not demo_services.pictures.count():
        set_number(page, "width", 64)
        set_number(page, "height", 64)
        generate(page, demo_services, "a boat", steps=2)
    page.locator("#result-picture").click()
    page.locator("#lightbox[open]").wait_for()
    page.get_by_role("button", name="Parameters (I)").click()
    button = page.locator("#lightbox-border_and_watermark-border-and-watermark")
    button.scroll_into_view_if_needed()
    button.click()
    dialog = page.locator("dialog.question")
    expect(dialog.get_by_label("Border width", exact=False).first).to_be_visible()
    box = dialog.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["height"] <= 844
    assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth")
    small = dialog.evaluate(
        "one => [...one.querySelectorAll('input, select, button')].filter((part) =>"
        " (part.closest('label, button') || part).getBoundingClientRect().height < 36).length"
    )
    assert small == 0
    newest = demo_services.pictures.page(0, 1)[0]
    before = demo_services.pictures.count()
    dialog.locator("[data-argument=border] input").fill("8")
    dialog.locator("[data-argument=border_colour] input").fill("#00ff00")
    dialog.locator("[data-argument=position] select").select_option("Top left")
    dialog.get_by_role("button", name="Border and watermark").click()
    page.get_by_text("1 picture is saved.").wait_for()
    (framed,) = new_pictures(demo_services, before, 1)
    assert "border_and_watermark Border width: 8" in framed.infotext
    assert framed.width in {16 + one.width for one in (newest, *demo_services.pictures.page(0, 20))}
    fits_into(page, 390)
