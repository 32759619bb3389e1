"""Styles, wildcards, token counts and brackets, and the fields in closed accordions, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.schema.infotext import parse_infotext, request_of
from modules.services.build import Services
from tests.ui.journeys import (
    IDLE,
    choose,
    new_pictures,
    notice,
    open_accordion,
    reload,
    set_number,
    wait_for_text,
)
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

COLOURS = ("red", "blue", "green")


@pytest.fixture(scope="module", autouse=True)
def words(demo_services: Services) -> None:
    """A style whose name would be a script if it became HTML, and a wildcard."""
    demo_services.styles.save("<img src=x onerror=alert(1)>", "soft light")
    demo_services.styles.save("ink", "{prompt}, ink drawing", "photo")
    folder = demo_services.wildcards.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "colour.txt").write_text("\n".join(COLOURS))


def test_words_are_counted_checked_and_drawn_while_one_types(page: Page, demo_services: Services) -> None:
    count_tokens(page, demo_services)
    point_at_brackets(page)
    add_a_wildcard(page)
    show_prompts_without_painting(page, demo_services)


def count_tokens(page: Page, demo_services: Services) -> None:
    count, long = demo_services.generate.count_tokens, "rain, snow " * 30
    expect(page.locator("#prompt-count")).to_be_hidden()
    page.fill("#prompt textarea", "a cat")
    wait_for_text(page, "#prompt-count p", str(count("a cat")))
    page.fill("#negative-prompt textarea", long)
    wait_for_text(page, "#negative-prompt-count p", str(count(long)))
    choose(page, "styles", "ink")
    wait_for_text(page, "#prompt-count p", str(count("a cat, ink drawing")))
    assert str(count("a cat")) == "2/75" and count(long).limit > 75
    page.click("#styles .token-remove")
    page.fill("#prompt textarea", "")
    page.locator("#prompt-count").wait_for(state="hidden")


def point_at_brackets(page: Page) -> None:
    page.fill("#prompt textarea", "a\n(cat")
    line = page.locator("#prompt-problem p")
    line.wait_for(state="visible")
    expect(line).to_contain_text("Prompt, line 2, character 1: “(” is never closed")
    page.fill("#negative-prompt textarea", "rain]")
    page.get_by_text("Negative prompt, line 1, character 5:").wait_for()
    page.fill("#prompt textarea", "a (cat)")
    page.fill("#negative-prompt textarea", "")
    line.wait_for(state="hidden")


def add_a_wildcard(page: Page) -> None:
    page.fill("#prompt textarea", "a house")
    open_accordion(page, "prompt-tools")
    choose(page, "known-wildcards", "__colour__ (3)")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a house, __colour__'")
    expect(page.locator("#wildcards input")).to_be_checked()


def show_prompts_without_painting(page: Page, demo_services: Services) -> None:
    before = demo_services.pictures.count()
    page.fill("#prompt textarea", "a __colour__ house")
    set_number(page, "batch-count", 3)
    page.fill("#seed textarea, #seed input", "5")
    page.click("#show-prompts")
    drawn = [demo_services.wildcards.expand("a __colour__ house", seed) for seed in (5, 6, 7)]
    expected = drawn[0] if len(set(drawn)) == 1 else "\n\n".join(f"{n}. {text}" for n, text in enumerate(drawn, 1))
    page.wait_for_function("text => document.querySelector('#shown-prompts textarea')?.value === text", arg=expected)
    assert demo_services.generate.active_jobs() == [] and demo_services.pictures.count() == before
    page.fill("#prompt textarea", "a __nothing__ house")
    page.click("#show-prompts")
    assert "Wildcard '__nothing__'" in notice(page, "#actions")
    open_tab(page, "img2img")
    page.fill("#img2img-prompt textarea", "a boat")
    open_accordion(page, "img2img-prompt-tools")
    page.click("#img2img-show-prompts")
    page.wait_for_function("document.querySelector('#img2img-shown-prompts textarea')?.value === 'a boat'")


def test_a_style_is_kept_used_edited_and_deleted(page: Page, demo_services: Services, complaints: list[str]) -> None:
    page.fill("#prompt textarea", "{prompt} at dusk")
    page.fill("#negative-prompt textarea", "people")
    open_accordion(page, "prompt-tools")
    page.click("#save-style")
    assert "Style name '' is empty" in notice(page, "#actions")
    page.fill("#style-name input", "dusk")
    page.click("#save-style")
    page.get_by_text("The style “dusk” is in").wait_for()
    assert demo_services.styles.find("dusk").prompt == "{prompt} at dusk"
    choose(page, "styles", "<img src=x onerror=alert(1)>")  # a script would be complained of
    choose(page, "styles", "dusk")
    reload(page, complaints)
    page.wait_for_function("document.querySelectorAll('#styles .token').length === 2")  # both still are chosen
    page.fill("#prompt textarea", "a boat")
    page.click("#txt2img-apply-styles")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a boat, soft light at dusk'")
    page.wait_for_function("document.querySelectorAll('#styles .token').length === 0")
    choose(page, "styles", "dusk")
    open_accordion(page, "prompt-tools")
    choose(page, "style-name", "dusk")
    page.click("#edit-style")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === '{prompt} at dusk'")
    page.fill("#prompt textarea", "{prompt} at dawn")
    page.click("#save-style")
    page.get_by_text("The style “dusk” is in").wait_for()
    assert demo_services.styles.find("dusk").prompt == "{prompt} at dawn"
    choose(page, "styles", "ink")
    choose(page, "styles", "dusk")
    choose(page, "style-name", "dusk")
    page.click("#delete-style")
    page.get_by_text("The style “dusk” is gone").wait_for()
    page.wait_for_function("document.querySelectorAll('#styles .token').length === 1")
    assert "dusk" not in {entry.name for entry in demo_services.styles.list_styles()}


def test_a_picture_of_styles_and_wildcards_brings_back_what_was_typed(
    page: Page, demo_services: Services, complaints: list[str]
) -> None:
    before = demo_services.pictures.count()
    page.fill("#prompt textarea", "a __colour__ house")
    choose(page, "styles", "ink")
    page.check("#wildcards input")
    set_number(page, "steps", 2)
    open_accordion(page, "guidance-fields")
    set_number(page, "cfg-rescale", 0.7)
    open_accordion(page, "sampling-fields")
    page.fill("#eta input, #eta textarea", "0.5")
    page.click("#generate")
    infotext = new_pictures(demo_services, before)[0].infotext
    page.wait_for_function(IDLE)
    reading = request_of(parse_infotext(infotext))
    assert reading.request.prompt in {f"a {colour} house, ink drawing" for colour in COLOURS}
    assert reading.request.cfg_rescale == 0.7
    expect(page.locator("#guidance-fields > button > span").first).to_have_attribute("data-changed", "1 changed")

    page.fill("#prompt textarea", "something else")
    page.uncheck("#wildcards input")
    set_number(page, "cfg-rescale", 0)
    page.locator("#guidance-fields span[data-changed]").wait_for(state="detached")
    page.click("#styles .token-remove")
    page.wait_for_function("document.querySelector('#result-parameters textarea')?.value.includes('ink drawing')")
    page.click("#result-send")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a __colour__ house'")
    expect(page.locator("#wildcards input")).to_be_checked()
    expect(page.locator("#styles .token")).to_have_text("ink")
    expect(page.locator("#cfg-rescale input[type=number]")).to_have_value("0.7")
    page.click("#generate")
    assert new_pictures(demo_services, before + 1)[0].infotext == infotext
    page.wait_for_function(IDLE)
    reload(page, complaints)
    page.wait_for_selector("#guidance-fields span[data-changed='1 changed']")

    demo_services.styles.delete("ink")
    page.wait_for_selector("#result-send")
    page.click("#result-send")
    sentence = notice(page, "#actions")
    assert "Style 'ink' is in no styles file" in sentence and "filled in as they were painted" in sentence
    page.wait_for_function("p => document.querySelector('#prompt textarea')?.value === p", arg=reading.request.prompt)
    expect(page.locator("#wildcards input")).not_to_be_checked()


BAD_VALUES = [
    ("schedule-fields", "#sigmas input, #sigmas textarea", "14, 14", "does not fall from each number to the next"),
    ("sampling-fields", "#eta input, #eta textarea", "much", "Eta 'much' is not a number."),
    ("noise-fields", "#subseed input, #subseed textarea", "-2", "Variation seed -2 is too small. The least is -1."),
]


def test_bad_values_in_closed_places_are_answered_by_a_sentence(page: Page, demo_services: Services) -> None:
    for accordion, field, value, sentence in BAD_VALUES:
        open_accordion(page, accordion)
        page.fill(field, value)
        page.click("#generate")
        page.locator("#actions .notice", has_text=sentence).wait_for()
        page.fill(field, "")
    assert demo_services.generate.active_jobs() == []


def test_what_is_pasted_and_deleted_is_remembered_like_what_is_typed(page: Page, complaints: list[str]) -> None:
    page.click("#prompt textarea")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.type("a boat ")
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    page.keyboard.press("End")
    page.keyboard.press("Control+v")
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a boat a boat '")
    page.click("#prompt textarea")
    page.keyboard.press("End")
    for _ in "a boat ":
        page.keyboard.press("Backspace")
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a boat '")
