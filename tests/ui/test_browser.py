"""What a person does with the page, in a real browser."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from modules.schema.infotext import parse_infotext
from modules.services.build import Services
from tests.ui.chromium import PATIENCE
from tests.ui.journeys import (
    BUSY,
    IDLE,
    PREVIEW,
    PROMPT,
    SEED,
    fill_in_long_job,
    fits_into,
    generate,
    interrupt,
    new_pictures,
    notice,
    prompt_of,
    reload,
    set_number,
    wait_until,
)
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

STEPPING = """() => {
  const told = document.querySelector('.status-text').textContent;
  const percent = Number(document.querySelector('.status-bar').getAttribute('aria-valuenow'));
  return /^Step \\d+ of 40 · .* left$/.test(told) && 0 < percent && percent < 100;
}"""


def test_a_first_visit_says_what_to_do(page: Page) -> None:
    assert page.title() == "Atelier"
    page.get_by_text("Your pictures appear here").wait_for(state="visible")
    open_tab(page, "Gallery")
    page.get_by_text("No pictures yet").wait_for(state="visible")
    open_tab(page, "txt2img")
    # Generate may be pressed before the server has answered anything.
    page.route("**/queue/join*", lambda _: None)
    page.click("#examples button >> nth=1")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value")
    expect(page.locator("#examples")).to_contain_text(prompt_of(page))
    page.unroute("**/queue/join*")


def test_typing_generating_and_reading_back(page: Page, demo_services: Services) -> None:
    page.fill("#negative-prompt textarea", "rain, snow")
    page.fill("#prompt textarea", PROMPT)
    set_number(page, "steps", 40)
    set_number(page, "cfg-scale", 6.3)
    page.fill(SEED, "9007199254740993")
    clicked = time.monotonic()
    page.click("#generate")
    page.wait_for_function(BUSY)
    shown_after = time.monotonic() - clicked
    page.wait_for_function(PREVIEW)
    page.wait_for_function(STEPPING)
    page.wait_for_function(IDLE)
    page.wait_for_selector("#result-picture img")
    shown = page.input_value("#result-parameters textarea")
    picture = demo_services.pictures.page(0, 1)[0]
    assert shown == picture.infotext
    assert shown_after < 10.0  # far more than it takes; a hang is what must not pass

    open_tab(page, "PNG Info")
    page.set_input_files("#dropped-file input[type=file]", demo_services.pictures.file(picture))
    page.wait_for_selector("#send-to-txt2img")
    expect(page.locator("#png-info-found .told-prompt")).to_have_text(PROMPT)
    expect(page.locator("#png-info-found .told-negative")).to_have_text("rain, snow")
    expect(page.locator("#info-parameters textarea")).to_have_value(shown)
    table = page.inner_text("#png-info-found .told-table")
    for name in ("Steps", "40", "Sampler", "CFG scale", "6.3", "9007199254740993", "atelier-demo"):
        assert name in table

    open_tab(page, "txt2img")
    page.fill("#prompt textarea", "something else")
    page.fill("#negative-prompt textarea", "")
    set_number(page, "steps", 7)
    page.click("#random-seed")
    open_tab(page, "PNG Info")
    page.click("#send-to-txt2img")
    page.wait_for_function("p => document.querySelector('#prompt textarea')?.value === p", arg=PROMPT)
    expect(page.locator("#generate")).to_be_visible()
    before = demo_services.pictures.count()
    page.click("#generate")
    assert new_pictures(demo_services, before)[0].infotext == shown
    page.wait_for_function(IDLE)


def test_the_gallery_shows_the_newest_first_and_sends_it(page: Page, demo_services: Services) -> None:
    infotext = generate(page, demo_services, "a yellow fish in the sea")
    page.fill("#prompt textarea", "something else")
    open_tab(page, "Gallery")
    page.click(".gallery-cell[data-place='0'] .gallery-thumb")
    page.wait_for_function(
        "text => document.querySelector('#lightbox-parameters textarea')?.value === text", arg=infotext
    )
    page.click("#lightbox-send")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value.includes('fish')")
    seed = parse_infotext(infotext).parameters["Seed"]
    expect(page.locator(SEED).first).to_have_value(seed)


def test_an_older_picture_of_the_row_can_be_looked_at_and_used(page: Page, demo_services: Services) -> None:
    older = generate(page, demo_services, "a pink flower in a meadow")
    generate(page, demo_services)
    page.click("#recent button >> nth=1")
    page.wait_for_function("text => document.querySelector('#result-parameters textarea')?.value === text", arg=older)
    page.click("#reuse-seed")
    seed = parse_infotext(older).parameters["Seed"]
    page.wait_for_function("seed => document.querySelector('#seed textarea, #seed input')?.value === seed", arg=seed)
    page.click("#random-seed")
    page.wait_for_function("document.querySelector('#seed textarea, #seed input')?.value === '-1'")


def test_a_reload_and_a_second_tab_show_the_running_job_again(
    page: Page, demo_services: Services, complaints: list[str]
) -> None:
    fill_in_long_job(page)
    page.click("#generate")
    page.wait_for_function(PREVIEW)
    reload(page, complaints)
    page.wait_for_function(PREVIEW)
    page.wait_for_function("p => document.querySelector('#prompt textarea')?.value === p", arg=PROMPT)
    second = page.context.new_page()
    second.goto(page.url)
    second.wait_for_function(BUSY)
    second.close()
    interrupt(page)
    page.wait_for_function(IDLE)
    assert demo_services.generate.active_jobs() == []


def test_interrupt_stops_the_running_job_and_the_next_one_goes_on(page: Page, demo_services: Services) -> None:
    fill_in_long_job(page)
    page.click("#generate")
    page.wait_for_function(PREVIEW)
    set_number(page, "steps", 3)
    set_number(page, "batch-count", 1)
    page.click("#generate")
    page.get_by_text("1 more waiting in the queue").wait_for()
    interrupt(page)
    wait_until(lambda: not demo_services.generate.active_jobs())
    assert "Steps: 3," in demo_services.pictures.page(0, 1)[0].infotext
    page.wait_for_function(IDLE)


def test_several_clicks_queue_several_jobs(page: Page, demo_services: Services) -> None:
    before = demo_services.pictures.count()
    page.fill("#prompt textarea", PROMPT)
    set_number(page, "steps", 2)
    for _ in range(3):
        page.click("#generate")
        page.wait_for_timeout(30)
    new_pictures(demo_services, before, 3)
    page.wait_for_function(IDLE)


def test_the_keyboard_generates_and_interrupts(page: Page, demo_services: Services) -> None:
    fill_in_long_job(page)
    page.press("#prompt textarea", "Control+Enter")
    page.wait_for_function(PREVIEW)
    page.wait_for_function("!document.querySelector('#interrupt').disabled")
    page.keyboard.press("Escape")
    page.wait_for_function(IDLE)
    assert demo_services.generate.active_jobs() == []


BAD_INPUT = [
    ("#width input[type=number]", "500", "Width 500 is not a multiple of 8. Choose 496 or 504."),
    (SEED, "tomato", "Seed 'tomato' is not a number."),
    (SEED, "-7", "Seed -7 is too small. The least is -1."),
    ("#prompt textarea", "<img src=x onerror=alert(1)>${alert(2)}" * 1000, "characters. The most is 32,768"),
]


def test_bad_input_is_answered_by_a_sentence(page: Page, demo_services: Services) -> None:
    page.fill("#prompt textarea", PROMPT)
    for field, value, sentence in BAD_INPUT:
        good = page.input_value(field)
        page.fill(field, value)
        page.click("#generate")
        page.locator("#actions .notice", has_text=sentence).wait_for()
        page.fill(field, good)
    set_number(page, "steps", 5000)
    page.press("#steps input[type=number]", "Control+Enter")  # at once, before the slider has had its say
    page.locator("#actions .notice", has_text="Steps 5000 is too large. The most is 150.").wait_for()
    assert demo_services.generate.active_jobs() == []


def test_swapping_width_and_height(page: Page) -> None:
    set_number(page, "width", 192)
    page.click("#swap")
    page.wait_for_function("document.querySelector('#height input[type=number]')?.value === '192'")
    expect(page.locator("#width input[type=number]")).to_have_value("256")


def test_a_file_that_is_no_picture_is_answered_by_a_sentence(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "<b>broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    open_tab(page, "PNG Info")
    page.set_input_files("#dropped-file input[type=file]", broken)
    assert "cannot be read" in notice(page, "#png-info-tab")
    expect(page.locator("#png-info-found .told")).to_have_count(0)


def test_a_picture_without_parameters_is_not_sent_with_the_words_of_the_one_before(page: Page, tmp_path: Path) -> None:
    told, plain = tmp_path / "told.png", tmp_path / "plain.png"
    words = PngInfo()
    words.add_text("parameters", "a boat\nSteps: 3, Sampler: Euler, Seed: 5, Size: 64x64")
    Image.new("RGB", (16, 16)).save(told, pnginfo=words)
    Image.new("RGB", (16, 16)).save(plain)
    open_tab(page, "PNG Info")
    page.set_input_files("#dropped-file input[type=file]", told)
    page.wait_for_selector("#send-to-txt2img")
    page.get_by_label("Remove").or_(page.get_by_label("Clear")).locator("visible=true").first.click()
    page.wait_for_selector("#send-to-txt2img", state="hidden")
    page.set_input_files("#dropped-file input[type=file]", plain)
    assert "carries no parameters" in notice(page, "#png-info-tab")
    page.click("#info-to-img2img")
    page.wait_for_selector("#img2img-canvas .canvas[data-filled=yes]")
    expect(page.locator("#img2img-prompt textarea")).to_have_value("")
    expect(page.locator("#img2img-width input[type=number]")).to_have_value("64")  # a picture of 16 pixels


def test_parameters_that_cannot_be_followed_are_listed(page: Page, tmp_path: Path) -> None:
    foreign = PngInfo()
    foreign.add_text(
        "parameters",
        "a <b>castle</b>\nSteps: 30, Sampler: Heun++, Seed: 5, Size: 64x128, Model: unheard, Face restoration: GFPGAN",
    )
    path = tmp_path / "foreign.png"
    Image.new("RGB", (16, 16)).save(path, pnginfo=foreign)
    open_tab(page, "PNG Info")
    page.set_input_files("#dropped-file input[type=file]", path)
    page.wait_for_selector("#send-to-txt2img")
    expect(page.locator("#png-info-found .told-prompt")).to_have_text("a <b>castle</b>")
    expect(page.locator("#png-info-found .told-refused")).to_contain_text("Face restoration: GFPGAN")
    page.click("#send-to-txt2img")
    sentence = notice(page, "#actions")
    assert "Sampler 'Heun++' is not here" in sentence and "Model 'unheard' is not here" in sentence
    assert "Left out: Face restoration: GFPGAN" in sentence
    expect(page.locator("#height input[type=number]")).to_have_value("128")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_scrolls_sideways_and_the_result_is_below_generate(
    browser: Browser, address: str, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    fits_into(page, 390)
    heights = [page.locator(name).bounding_box() for name in ("#generate", "#result", "#settings")]
    tops = [box["y"] for box in heights if box]
    assert tops == sorted(tops) and len(tops) == 3
    page.wait_for_selector("body.dark" if scheme == "dark" else "body:not(.dark)")
    context.close()


def test_another_model_brings_its_settings_and_examples(
    page: Page, demo_services: Services, complaints: list[str]
) -> None:
    folder = demo_services.paths.models / "Stable-diffusion"
    folder.mkdir(parents=True)
    (folder / "another").symlink_to(demo_services.models.current().path, target_is_directory=True)
    card = {"recommended": {"width": 192, "height": 128, "steps": 9}, "example_prompts": ["a boat"]}
    (folder / "another.json").write_text(json.dumps(card))
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    set_number(page, "cfg-scale", 5)
    page.click("#model input")
    page.get_by_role("option", name="another").click()
    page.wait_for_function("document.querySelector('#steps input[type=number]')?.value === '9'")
    expect(page.locator("#width input[type=number]")).to_have_value("192")
    expect(page.locator("#cfg-scale input[type=number]")).to_have_value("5")
    page.get_by_role("button", name="a boat").wait_for()
    assert demo_services.models.current().name == "another"
    demo_services.models.select("atelier-demo")


def test_light_and_dark_are_remembered(page: Page, complaints: list[str]) -> None:
    page.wait_for_selector("body:not(.dark)")
    page.click("#theme-toggle")
    reload(page, complaints)
    page.wait_for_selector("#generate")
    page.wait_for_function("document.body.classList.contains('dark')")


def test_an_idle_page_holds_no_connection(address: str) -> None:
    """A browser opens six to one host: pages that held some each would keep one another from answering."""
    assert httpx.get(f"{address}/config", timeout=30).json()["connect_heartbeat"] is False
