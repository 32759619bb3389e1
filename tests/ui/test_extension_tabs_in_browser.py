"""Tabs of extensions as a person meets them: one at work, one that fails, and the rest of the page beside both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.config.paths import resolve_paths
from modules.hooks.extension_folders import extension_folder
from modules.hooks.extension_states import ExtensionStates
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.ui.journeys import fits_into, generate, set_number
from tests.ui.tabs import open_tab, tabs_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

CODE = """
from modules.hooks import Number, Tab, hookimpl

def letters(context):
    import gradio as gr

    words = gr.Textbox(label="Words of mine", elem_id="sea-words")
    count = gr.Number(label="Letters of mine", elem_id="sea-count")
    button = gr.Button("Count them", elem_id="sea-button")
    button.click(lambda text: len(text) + context.settings["more"], words, count)

def broken(context):
    import gradio as gr

    gr.Textbox(label="Never seen")
    raise ValueError("no <b>water</b>")

@hookimpl
def register_settings():
    return [Number(name="more", label="More", default=100, minimum=0, maximum=900, whole=True)]

@hookimpl
def register_tabs():
    return [Tab(title="Sunken", build=broken), Tab(title="Letters", build=letters)]
"""


@pytest.fixture(scope="module")
def demo_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The demo model, with an extension that has two tabs."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    put_extension(paths.extensions, "sea", CODE)
    ExtensionStates(paths.extension_states).switch("sea", content=extension_folder(paths.extensions / "sea").content())
    with running_services(paths, EngineOptions(use_cpu=True, precision="full")) as services:
        yield services
        assert services.scripts.failures == ()


def test_a_tab_answers_one_says_why_it_fails_and_the_page_goes_on(page: Page, demo_services: Services) -> None:
    assert tabs_of(page)[-2:] == ["Sunken", "Letters"]
    open_tab(page, "Letters")
    page.fill("#sea-words textarea, #sea-words input", "boats")
    page.click("#sea-button")
    expect(page.locator("#sea-count input")).to_have_value("105")
    demo_services.setting_changes.change({"sea.more": 7})
    page.click("#sea-button")
    expect(page.locator("#sea-count input")).to_have_value("12")

    open_tab(page, "Sunken")
    said = "The extension sea could not lay out this tab (ValueError: no <b>water</b>)."
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_text("Never seen")).to_have_count(0)

    open_tab(page, "txt2img")
    for name in ("width", "height"):
        set_number(page, name, 64)
    assert "Steps: 2" in generate(page, demo_services, "a boat", steps=2)
    open_tab(page, "Letters")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#sea-button")).to_be_visible()
    fits_into(page, 390)
