"""What is offered while somebody types into a prompt, in a real browser; which words are found is proven elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.services.build import Services
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PROMPT = "#prompt textarea"
OPTIONS = "#suggestions:not([hidden]) [role=option]"
TAGS = 'long_hair,0,4350743,longhair\nhatsune_miku_(vocaloid),4,90000,miku\n"<img src=x onerror=alert(1)>",0,5,\n'


@pytest.fixture(scope="module", autouse=True)
def words(demo_services: Services) -> None:
    """Tags, one of which would be a script if it became HTML, and a wildcard."""
    folders = {demo_services.suggestions.folder: ("t.csv", TAGS), demo_services.wildcards.folder: ("colour.txt", "red")}
    for folder, (name, text) in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def offered(page: Page, typed: str) -> list[str]:
    """The labels of what is offered once this was typed behind what is there."""
    page.keyboard.type(typed)
    page.wait_for_selector(OPTIONS)
    return page.locator(f"{OPTIONS} .suggestion-label").all_inner_texts()


def value_of(page: Page, selector: str = PROMPT) -> str:
    return page.input_value(selector)


def test_words_are_offered_taken_and_left(page: Page) -> None:
    page.click(PROMPT)
    assert offered(page, "a girl with long ha") == ["long hair"]
    box = page.locator(PROMPT)
    expect(box).to_have_attribute("aria-controls", "suggestions")
    assert box.get_attribute("aria-activedescendant") is None
    expect(page.locator("#suggestions")).to_have_attribute("role", "listbox")
    caret, listed = page.locator(PROMPT).bounding_box(), page.locator("#suggestions").bounding_box()
    assert caret and listed and caret["x"] < listed["x"] < caret["x"] + 300

    # Enter is the prompt's until somebody chooses.
    page.keyboard.press("Enter")
    assert value_of(page) == "a girl with long ha\n"
    page.wait_for_selector("#suggestions", state="hidden")
    assert offered(page, "long h") == ["long hair"]
    page.keyboard.press("Escape")
    page.wait_for_selector("#suggestions", state="hidden")
    assert offered(page, "a") == ["long hair"]
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-0")
    expect(page.locator("#suggestion-0")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    assert value_of(page) == "a girl with long ha\nlong hair, "
    assert offered(page, "miku") == ["miku → hatsune miku (vocaloid)"]
    page.keyboard.press("Tab")
    assert value_of(page).endswith(r"long hair, hatsune miku \(vocaloid\), ")
    page.keyboard.press("Control+z")
    assert value_of(page).endswith("long hair, miku")

    # What would be a script is text; a tap takes; a wildcard gets no comma.
    page.fill(PROMPT, "")
    page.keyboard.press("Escape")
    assert offered(page, "src=x onerr") == ["<img src=x onerror=alert(1)>"]
    page.fill(PROMPT, "")
    page.keyboard.press("Escape")
    assert offered(page, "__co") == ["colour"]
    page.click(OPTIONS)
    assert value_of(page) == "__colour__"
    page.evaluate("window.atelier.keyboard.choose('suggests', false)")
    page.fill(PROMPT, "")
    with page.expect_response(lambda answer: "api/v1/suggestions" in answer.url) as asked:
        page.keyboard.type("long h")
        page.evaluate("window.atelier.keyboard.choose('suggests', true)")
        page.keyboard.type("ai")
    assert "long+ha" in asked.value.url  # while it was off nothing was asked

    open_tab(page, "img2img")
    page.wait_for_selector("#img2img-negative-prompt textarea")
    page.click("#img2img-negative-prompt textarea")
    assert offered(page, "(long h") == ["long hair"]
    page.keyboard.press("Tab")
    page.keyboard.type(":1.2)")
    assert value_of(page, "#img2img-negative-prompt textarea") == "(long hair:1.2)"
