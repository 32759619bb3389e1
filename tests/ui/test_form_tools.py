"""The tools around a form in a real browser: sizes, parameters, overrides, the way back, presets, the simple view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.services.build import Services
from modules.services.presets import NewPreset
from tests.ui.journeys import fits_into, set_number
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

INFOTEXT = (
    "a <b>house</b>\nNegative prompt: rain\n"
    "Steps: 31, Sampler: Euler a, Schedule type: Karras, CFG scale: 6, Seed: 42, "
    "Size: 128x192, Clip skip: 2, ENSD: 31337, RNG: CPU"
)
PASTE = """([field, text]) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const input = document.querySelector(`${field} input[type=number]`);
  input.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""
SMALL_TARGETS = """(place) => [...document.querySelectorAll(`${place} button`)].filter((one) => {
  const { width, height } = one.getBoundingClientRect();
  return width && (height < 35.5 || width < 31.5);
}).map((one) => one.textContent)"""


def wait_for_number(page: Page, name: str, value: str) -> None:
    page.wait_for_function(
        "([name, value]) => document.querySelector(`#${name} input[type=number]`)?.value === value", arg=[name, value]
    )


def sides(page: Page) -> tuple[str, str]:
    width, height = (page.input_value(f"#{name} input[type=number]") for name in ("width", "height"))
    return width, height


def override(page: Page, name: str) -> Locator:
    return page.locator(f"#form-told [data-field={name}]")


@pytest.fixture(autouse=True)
def no_presets_stay(demo_services: Services) -> Iterator[None]:
    yield
    for preset in demo_services.presets.all(""):
        demo_services.presets.delete(preset.id, "")


def test_a_form_is_shaped_filled_taken_back_and_kept(page: Page, demo_services: Services) -> None:
    page.set_default_timeout(120_000)
    choose_sizes(page)
    paste_and_take_back(page)
    look_simply(page)
    keep_and_use_a_preset(page, demo_services)
    clear_and_keep_the_seed(page)


def choose_sizes(page: Page) -> None:
    page.click("#size-tools [data-shape='2:3']")
    wait_for_number(page, "height", "312")
    assert sides(page) == ("208", "312")
    page.wait_for_selector("#size-tools [data-shape='2:3'][aria-pressed=true]")
    page.evaluate(PASTE, ["#width", " 768x1024 "])
    wait_for_number(page, "height", "1024")
    assert sides(page) == ("768", "1024")
    page.get_by_text("Larger than this model knows").wait_for()
    page.get_by_text("0.79 megapixels").wait_for()
    page.select_option("#size-tools select", "256x256")
    wait_for_number(page, "width", "256")
    page.locator("#size-tools .size-warning").wait_for(state="hidden")


def paste_and_take_back(page: Page) -> None:
    page.fill("#prompt textarea", INFOTEXT)
    page.click("#txt2img-paste")
    wait_for_number(page, "steps", "31")
    expect(page.locator("#prompt textarea")).to_have_value("a <b>house</b>")
    page.wait_for_selector("#txt2img-undo")
    for name, words in (("clip_skip", "Clip skip 2"), ("rng", "RNG CPU"), ("eta_noise_seed_delta", "ENSD 31337")):
        assert override(page, name).locator(".override-words").inner_text().split() == words.split()
    override(page, "clip_skip").get_by_role("button").click()
    override(page, "clip_skip").wait_for(state="detached")
    page.click("#prompt-fields > button")
    wait_for_number(page, "clip-skip", "1")
    page.click("#txt2img-undo")
    wait_for_number(page, "steps", "20")
    override(page, "rng").wait_for(state="detached")
    expect(page.locator("#prompt textarea")).to_have_value(INFOTEXT)
    page.get_by_role("button", name="Fill in again").click()
    wait_for_number(page, "steps", "31")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a <b>house</b>'")


def look_simply(page: Page) -> None:
    """Switching changes no value, and what is hidden is told."""
    page.click("#view-switch [data-view=simple]")
    line = page.get_by_text(re.compile(r"\d+ settings that are hidden here differ from the usual ones\."))
    line.wait_for()
    for name in ("sampler-name", "steps", "width", "cfg-scale", "batch-size", "guidance-fields", "reuse-seed"):
        expect(page.locator(f"#{name}"), name).to_be_hidden()
    for name in ("prompt", "negative-prompt", "size-tools", "batch-count", "styles", "generate"):
        expect(page.locator(f"#{name}"), name).to_be_visible()
    page.click("#simple-tools button:text-is('Good')")
    page.get_by_text("20 steps").wait_for()
    page.locator("#form-told").get_by_role("button", name="Show").click()
    expect(page.locator("#sampler-name")).to_be_visible()
    expect(line).to_be_hidden()
    wait_for_number(page, "steps", "20")
    expect(page.locator("#cfg-scale input[type=number]")).to_have_value("6")


def keep_and_use_a_preset(page: Page, demo_services: Services) -> None:
    page.click("#txt2img-presets")
    page.fill(".presets input[type=text]", "<i>Draft</i>")
    page.uncheck(".presets label:has-text('Seed') input")
    page.click(".preset-save")
    page.locator(".preset-use", has_text="<i>Draft</i>").wait_for()
    page.get_by_role("button", name="Begin with this preset in a new browser").click()
    page.wait_for_selector(".preset .star-button[aria-pressed=true]")
    (kept,) = demo_services.presets.all("")
    assert (kept.name, kept.is_default, kept.values["prompt"]) == ("<i>Draft</i>", True, "a <b>house</b>")
    assert kept.values["steps"] == 20 and "seed" not in kept.values and "source_pictures" not in kept.values
    page.keyboard.press("Escape")
    set_number(page, "steps", 7)
    page.fill("#seed input, #seed textarea", "5")
    page.click("#txt2img-presets")
    page.click(".preset-use")
    wait_for_number(page, "steps", "20")
    expect(page.locator("#seed input, #seed textarea").first).to_have_value("5")


def clear_and_keep_the_seed(page: Page) -> None:
    page.click("#txt2img-clear")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === ''")
    page.click("#txt2img-undo")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a <b>house</b>'")
    lock = page.locator("#seed-lock button")
    expect(lock).to_have_attribute("aria-pressed", "true")
    lock.click()
    page.wait_for_function("document.querySelector('#seed input, #seed textarea')?.value === '-1'")
    page.wait_for_selector("#seed-lock button[aria-pressed=false]")
    lock.click()
    page.wait_for_function("Number(document.querySelector('#seed input, #seed textarea')?.value) >= 0")


def test_on_a_phone_the_tools_fit_and_a_new_browser_begins_with_the_default_preset(
    browser: Browser, address: str, demo_services: Services
) -> None:
    presets = demo_services.presets
    mine = presets.save(NewPreset("txt2img", "Mine", {"steps": 9, "negative_prompt": "rain", "tiling": "X"}), "")
    presets.set_default(mine.id, True, "")
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script("localStorage.setItem('atelier-view', 'simple')")
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    page.get_by_text("1 setting that is hidden here differs from the usual one.").wait_for()
    expect(page.locator("#form-told .override-words")).to_have_text(re.compile(r"^\s*Tiling\s+X\s*$"))
    expect(page.locator("#negative-prompt textarea")).to_have_value("rain")  # it is filled, so that it is seen
    page.tap("#form-told .override-away")
    page.locator("#form-told .told-line").wait_for(state="hidden")
    for place in ("#size-tools", "#prompt-bar", "#seed-lock", "#simple-tools"):
        expect(page.locator(place), place).to_be_visible()
        assert page.evaluate(SMALL_TARGETS, place) == [], place
    fits_into(page, 360)
    page.fill("#negative-prompt textarea", "")
    page.locator("#negative-prompt").wait_for(state="hidden")
    page.tap("#txt2img-negative")
    expect(page.locator("#negative-prompt")).to_be_visible()
    open_tab(page, "img2img")
    page.locator("#img2img-size-tools .shape").first.wait_for()
    expect(page.locator("#img2img-denoising-strength")).to_be_visible()
    expect(page.locator("#img2img-cfg-scale")).to_be_hidden()
    expect(page.locator("#img2img-noise-fields")).to_be_hidden()
    fits_into(page, 360)
    context.close()
