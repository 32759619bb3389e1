"""What keys do, and what becomes of pictures and texts that are dropped or pasted, in a real browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from modules.services.build import Services
from modules.ui.assets import asset
from tests.ui.journeys import IDLE, set_number, wait_until
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PROMPT = "#prompt textarea"
INFOTEXT = "a blue boat\nNegative prompt: rain\nSteps: 7, Sampler: Euler, CFG scale: 4.5, Seed: 11, Size: 128x128"
DROP = """async ([selector, name, type, content]) => {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type }));
  const target = document.querySelector(selector);
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true });
    target.dispatchEvent(event);
    if (!event.defaultPrevented) throw Error(`${kind} would take the page away`);
  }
}"""
PASTE = """([selector, text, content]) => {
  const carried = new DataTransfer();
  if (text) carried.setData("text/plain", text);
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  if (content) carried.items.add(new File([bytes], "image.png", { type: "image/png" }));
  const event = new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def keys(browser: Browser) -> Iterator[Page]:
    """The scripts of keys on an empty page."""
    page = browser.new_page()
    page.set_content("<div class=block id=prompt><textarea></textarea></div>")
    page.evaluate("() => { window.atelier = {}; }")
    for name in ("prompt_keys.js", "keyboard.js", "autocomplete.js"):
        page.evaluate(asset(name).replace("localStorage", "({ getItem: () => null, setItem: () => null })"))
    yield page
    page.close()


def marked(text: str) -> tuple[str, int, int]:
    """A text without its marks ‹ and ›, and where they stood; | stands for both."""
    text = text.replace("¦", "‹›")
    start = text.index("‹")
    return text.replace("‹", "").replace("›", ""), start, text.index("›") - 1


def edited(page: Page, function: str, text: str, *more: Any) -> str | None:
    plain, start, end = marked(text)
    script = f"(given) => window.atelier.promptKeys.{function}(...given)"
    found = page.evaluate(script, [plain, start, end, *more])
    if found is None:
        return None
    result, start, end = found["text"], found["start"], found["end"]
    return f"{result[:start]}‹{result[start:end]}›{result[end:]}".replace("‹›", "¦")


def weighed(page: Page, text: str, direction: int = 1, weight: float = 0.1) -> str | None:
    return edited(page, "weighted", text, direction, {"weight": weight, "network": 0.05})


@pytest.mark.parametrize(
    ("text", "direction", "expected"),
    [
        ("a re¦d house", 1, "a (‹red›:1.1) house"),
        ("a ‹red house› by night", -1, "a (‹red house›:0.9) by night"),
        ("a ‹ red ›house", 1, "a  (‹red›:1.1) house"),
        ("a (r¦ed:1.1) house", 1, "a (‹red›:1.2) house"),
        ("a (‹red›:1.1) house", -1, "a ‹red› house"),
        ("a (r¦ed:0.9)", 1, "a ‹red›"),
        ("a (r¦ed) house", 1, "a (‹red›:1.2) house"),
        ("a ((r¦ed)) house", 1, "a (‹red›:1.3) house"),
        ("a ((‹red›)) house", -1, "a (‹red›:1.1) house"),
        ("a [r¦ed] house", -1, "a (‹red›:0.8) house"),
        ("a [r¦ed] house", 1, "a ‹red› house"),
        ("a [c¦at:dog:0.5]", 1, "a [(‹cat›:1.1):dog:0.5]"),
        ("a [c¦at|dog]", 1, "a [(‹cat›:1.1)|dog]"),
        ("(a ‹red› house:1.2)", 1, "(a (‹red›:1.1) house:1.2)"),
        ("((r¦ed:1.3) house:1.2)", 1, "((‹red›:1.4) house:1.2)"),
        ("((red:1.3) ho¦use:1.2)", 1, "(‹(red:1.3) house›:1.3)"),
        (r"miku \(voc¦aloid\)", 1, r"miku \((‹vocaloid\›:1.1))"),
        ("<lora:in¦k:1>", 1, "<lora:ink:1.05¦>"),
        ("<lora:ink¦>", -1, "<lora:ink:0.95¦>"),
        ("a <lora:ink:te=0.5:unet=0.¦7:dyn=4>", 1, "a <lora:ink:te=0.55:unet=0.75:dyn=4¦>"),
        ("<lora:ink:0.8:0.2-0.¦7>", 1, "<lora:ink:0.85:0.2-0.7¦>"),
        ("red, ¦ blue", 1, None),
        ("¦", 1, None),
        ("(red:9.95¦)", 1, "(‹red›:10)"),
    ],
)
def test_weights_of_words_groups_and_networks(keys: Page, text: str, direction: int, expected: str | None) -> None:
    assert weighed(keys, text, direction) == expected


def test_a_weight_goes_up_and_back_again(keys: Page) -> None:
    text: str | None = "a re¦d house"
    seen = []
    for direction in (1, 1, 1, -1, -1, -1, -1, 1):
        assert text is not None
        text = weighed(keys, text, direction, 0.05)
        seen.append(text)
    assert seen[2] == "a (‹red›:1.15) house" and seen[5] == "a ‹red› house"
    assert seen[6] == "a (‹red›:0.95) house" and seen[7] == "a ‹red› house"


@pytest.mark.parametrize(
    ("text", "direction", "expected"),
    [
        ("red, bl¦ue, green", -1, "bl¦ue, red, green"),
        ("red, bl¦ue, green", 1, "red, green, bl¦ue"),
        ("¦red,blue", 1, "blue,¦red"),
        ("red, ‹blue, gre›en, last", -1, "‹blue, gre›en, red, last"),
        ("(a, b¦:1.2), c", 1, "c, (a, b¦:1.2)"),
        ("<lora:x:1>, r¦ed\nblue", 1, "<lora:x:1>, blue\nr¦ed"),
        ("[cat, dog:bo¦at:3], x", 1, "x, [cat, dog:bo¦at:3]"),
        ("r¦ed, blue", -1, None),
        ("red, blu¦e", 1, None),
        ("red, , bl¦ue", -1, "bl¦ue, , red"),
        ("r¦ed", 1, None),
    ],
)
def test_parts_of_a_prompt_move_past_commas(keys: Page, text: str, direction: int, expected: str | None) -> None:
    assert edited(keys, "moved", text, direction) == expected


@pytest.mark.parametrize(
    ("typed", "looked_for"),
    [
        ("a house, long ha", "long ha"),
        ("a house\nlong ha", "long ha"),
        ("(long ha", "long ha"),
        ("[red|lo", "lo"),
        (r"miku \(voc", r"miku \(voc"),
        ("x <lor", "<lor"),
        ("<lora:in k", "<lora:in k"),
        ("<lora:ink:0.", ""),
        ("<lora:ink:1> lo", "lo"),
        ("a __co", "__co"),
        ("a __colour__ ho", "a __colour__ ho"),
        ("a", ""),
        ("猫", "猫"),
        ("(red:1.2", ""),
        ("long ", ""),
        ("", ""),
    ],
)
def test_what_somebody_is_typing(keys: Page, typed: str, looked_for: str) -> None:
    assert keys.evaluate("(text) => window.atelier.suggestions.beginning(text)", typed) == looked_for


def test_names_of_keys(keys: Page) -> None:
    names = {
        "Ctrl+Enter": {"key": "Enter", "metaKey": True},
        "Alt+1": {"key": "¡", "code": "Digit1", "altKey": True},
        "?": {"key": "?", "code": "Slash", "shiftKey": True},
        "Ctrl+Shift+Z": {"key": "Z", "code": "KeyZ", "ctrlKey": True, "shiftKey": True},
        "Space": {"key": " ", "code": "Space"},
        "": {"key": "Control", "ctrlKey": True},
    }
    script = "(given) => window.atelier.keyboard.keysOf(new KeyboardEvent('keydown', given))"
    assert [keys.evaluate(script, event) for event in names.values()] == list(names)


def value_of(page: Page) -> str:
    return page.input_value(PROMPT)


def wait_for_value(page: Page, expected: str, selector: str = PROMPT) -> None:
    page.wait_for_function("([at, text]) => document.querySelector(at)?.value === text", arg=[selector, expected])


def test_a_journey_by_keys(page: Page, demo_services: Services) -> None:
    page.click(PROMPT)
    page.keyboard.type("a red house")
    page.keyboard.press("Control+ArrowUp")
    page.keyboard.press("Control+ArrowUp")
    assert value_of(page) == "a red (house:1.2)"
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert value_of(page) == "a red house"
    page.keyboard.press("End")
    page.keyboard.type(", night")
    page.keyboard.press("Alt+ArrowLeft")
    assert value_of(page) == "night, a red house"
    page.keyboard.press("Home")
    page.keyboard.press("Control+ArrowDown")

    # The list opens only where nobody writes; there the step and a key get others.
    page.keyboard.press("?")
    assert value_of(page) == "(?:0.9), a red house" or "?" in value_of(page)
    page.keyboard.press("Control+z")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.wait_for_selector("#shortcuts[open]")
    page.get_by_label("Step of a weight").fill("0.25")
    page.keyboard.press("Tab")
    change = page.get_by_role("button", name="Change the keys of: Generate", exact=True)
    change.click()
    page.keyboard.press("Alt+ArrowLeft")
    page.get_by_text("These keys are taken: Move to the left, past a comma.").wait_for()
    change.click()
    page.keyboard.press("Control+g")
    page.get_by_text("Kept in this browser.").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_selector("#shortcuts", state="hidden")

    page.fill(PROMPT, "a red house at night")
    set_number(page, "steps", 150)
    page.keyboard.press("Escape")
    page.focus(PROMPT)
    page.keyboard.press("Control+g")
    page.wait_for_function("!document.querySelector('#interrupt').disabled")
    page.keyboard.press("Escape")
    page.wait_for_function(IDLE)
    page.fill(PROMPT, "boat")
    page.keyboard.press("Control+ArrowUp")
    assert value_of(page) == "(boat:1.25)"
    page.evaluate("window.atelier.keyboard.reset()")
    page.keyboard.press("Alt+2")
    page.wait_for_selector("#img2img-prompt textarea", state="visible")
    page.keyboard.press("Alt+1")
    page.wait_for_selector(PROMPT, state="visible")
    open_tab(page, "Models")
    page.wait_for_selector("#models-search :is(input, textarea)")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.closest('#models-search')")
    page.keyboard.press("Alt+1")
    # What was changed by keys is what is painted and kept.
    assert page.evaluate("localStorage.getItem('atelier-keyboard')") == json.dumps(
        {"keys": {}, "choices": {}}, separators=(",", ":")
    )


def test_dropping_and_pasting(page: Page, demo_services: Services, tmp_path: Path) -> None:
    made, plain = tmp_path / "made.png", tmp_path / "plain.png"
    texts = PngInfo()
    texts.add_text("parameters", INFOTEXT)
    Image.new("RGB", (16, 16), "blue").save(made, pnginfo=texts)
    Image.fromarray(np.zeros((40, 30, 3), np.uint8)).save(plain)

    def content(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    page.evaluate(DROP, [PROMPT, "made.png", "image/png", content(made)])
    wait_for_value(page, "a blue boat")
    wait_for_value(page, "7", "#steps input[type=number]")
    page.evaluate(DROP, ["#header", "x.safetensors", "", "AAAA"])
    page.get_by_text("“x.safetensors” is a model file.").wait_for()
    page.evaluate(DROP, [PROMPT, "preset.json", "application/json", "e30="])
    page.get_by_text("“preset.json” is a JSON file and no picture.").wait_for()

    page.fill(PROMPT, "")
    page.evaluate(PASTE, [PROMPT, "one line, Steps: 5", ""])
    page.evaluate(PASTE, [PROMPT, INFOTEXT.replace("boat", "star"), ""])
    expect(page.get_by_text("looks like the parameters")).to_have_count(1)
    assert value_of(page) == ""
    page.get_by_role("button", name="Use as parameters").click()
    wait_for_value(page, "a blue star")

    # A picture without parameters on a tab without places for pictures: it can be begun with.
    page.evaluate(PASTE, ["body", "", content(plain)])
    page.get_by_role("button", name="Begin with it in img2img").click()
    page.get_by_text("30 x 40", exact=True).wait_for()
    page.evaluate(DROP, ["#img2img-canvas .canvas-stage", "made.png", "image/png", content(made)])
    page.get_by_text("16 x 16", exact=True).wait_for()
    page.evaluate(PASTE, ["#img2img-prompt textarea", "", content(plain)])
    page.get_by_text("30 x 40", exact=True).wait_for()
    open_tab(page, "PNG Info")
    page.wait_for_selector("#dropped-file input[type=file]", state="attached")
    for path, told in ((made, "a blue boat"), (plain, "carries no parameters")):
        page.evaluate(PASTE, ["body", "", content(path)])
        page.locator("#png-info-tab").get_by_text(told).first.wait_for()
    wait_until(lambda: page.url.count("/") == 3)  # nothing took the page away
