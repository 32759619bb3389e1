"""What is shown: each scene arranges the page, and is one picture."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tools.screenshots.contents import SEA_ALBUM, Contents
from tools.screenshots.window import PHONE, Look, Window

DESK = Look()
SIMPLE = Look(view="simple")
DARK = Look(theme="dark")
GERMAN = Look(language="de")
CANVAS = "#img2img-canvas .canvas"
INSIDE = "#look-inside .inside"
MODEL_HEIGHT = 838
"""Down to where paths of the machine begin."""
SIDE = 512
"""Of a picture to paint on."""

Arranging = Callable[[Window, Contents], None]


@dataclass(frozen=True)
class Scene:
    """One picture, and how it comes about."""

    name: str
    look: Look
    arrange: Arranging
    part: str = ""
    """The part of the page that is shown; empty: all of the window."""
    height: int = 0
    """How much of the window is shown, from its top; 0: all."""


def _first_pictures(window: Window, contents: Contents) -> None:
    window.tab("txt2img")
    window.page.fill("#prompt textarea", "a red house at night")
    window.find(".large-picture img")
    window.wait("document.querySelector('#prompt-count')?.textContent.includes('/')")
    window.wait("document.querySelector('.recent-row')?.children.length > 6")


def _while_it_runs(window: Window, contents: Contents) -> None:
    window.tab("txt2img")
    for prompt in ("a blue bird at sunset", "a grey castle on a foggy day"):
        contents.queue(prompt, steps=150, batch_count=4)
    window.wait("document.querySelector('.status')?.dataset.preview === 'yes'")


def _source(window: Window, contents: Contents, prompt: str, mode: str) -> None:
    window.tab("img2img")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "boat.png"
        Image.open(io.BytesIO(contents.picture("boat"))).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(file)
        remove = window.page.locator(f"{CANVAS}[data-filled=yes] [data-tool=remove]")
        if remove.count():
            remove.click()
            window.page.wait_for_selector(f"{CANVAS}[data-filled=no]", state="attached")
        window.page.set_input_files("#img2img-files input[type=file]", file)
        window.page.wait_for_selector(f"{CANVAS}[data-filled=yes]")
    window.page.fill("#img2img-prompt textarea", prompt)
    window.page.get_by_label(mode, exact=True).check()
    window.page.wait_for_selector(f"{CANVAS}[data-mode='{mode}']")


def _img2img(window: Window, contents: Contents) -> None:
    _source(window, contents, "a blue boat at sunset", "img2img")


def _inpaint(window: Window, contents: Contents) -> None:
    _source(window, contents, "a red house", "Inpaint")
    window.scroll_to(CANVAS, 150)
    window.find(f"{CANVAS} input[type=range]").fill("90")
    _stroke(window, [(0.4, 0.66), (0.44, 0.45), (0.5, 0.32), (0.57, 0.45), (0.6, 0.66), (0.5, 0.66), (0.5, 0.5)])
    window.page.wait_for_selector(f"{CANVAS} [data-tool=undo]:not(:disabled)")


def _stroke(window: Window, points: list[tuple[float, float]]) -> None:
    box = window.find(f"{CANVAS} canvas").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    window.page.mouse.move(*places[0])
    window.page.mouse.down()
    for place in places[1:]:
        window.page.mouse.move(*place, steps=12)
    window.page.mouse.up()


def _extras(window: Window, contents: Contents) -> None:
    window.tab("Extras")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mushroom.png"
        file.write_bytes(contents.picture("mushroom"))
        window.page.set_input_files("#extras-file input[type=file]", file)
        window.page.wait_for_selector("#extras-source-picture img")


def _png_info(window: Window, contents: Contents) -> None:
    window.tab("PNG Info")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "house.png"
        file.write_bytes(contents.picture("house"))
        window.page.set_input_files("#dropped-file input[type=file]", file)
        window.page.wait_for_selector("#png-info-found .told-prompt")


def _gallery(window: Window, contents: Contents) -> None:
    window.tab("Gallery")
    window.page.fill(".gallery-words", "")
    window.wait("/^[3-9][0-9] /.test(document.querySelector('#gallery-position')?.textContent)")
    window.page.locator(".side-row", has_text=SEA_ALBUM).wait_for(state="attached")


def _lightbox(window: Window, contents: Contents) -> None:
    _gallery(window, contents)
    window.press(".gallery-cell[data-place='0'] .gallery-thumb")
    window.wait("document.querySelector('#lightbox[open] .lightbox-stage img')?.naturalWidth > 0")
    if not window.look.is_phone:
        window.page.wait_for_selector("#lightbox[open] .told-prompt")


def _compare(window: Window, contents: Contents) -> None:
    _gallery(window, contents)
    window.page.fill(".gallery-words", "boat")
    window.wait("Number.parseInt(document.querySelector('#gallery-position').textContent) < 12")
    for place in (0, 1):
        window.find(f".gallery-cell[data-place='{place}'] .gallery-thumb").click(modifiers=["Control"])
    window.page.get_by_role("button", name="Compare the two chosen pictures").click()
    window.page.wait_for_selector(".compare-table tbody th")


def _queue(window: Window, contents: Contents) -> None:
    contents.queue("a red house at night", steps=150, batch_count=4)
    for prompt in ("a yellow moon under the stars", "a pink flower on a white background", "a blue cup"):
        contents.queue(prompt, batch_count=4)
    window.tab("Queue")
    window.page.locator(".queue-view").first.click()
    window.wait("document.querySelectorAll('.queue-waiting .job-title').length >= 3")
    window.page.locator(".queue-running img, .queue-running .job-title").first.wait_for()


def _models(window: Window, contents: Contents) -> None:
    window.tab("Models")
    window.wait("document.querySelectorAll('.model-card').length > 1")


def _model(window: Window, contents: Contents) -> None:
    _models(window, contents)
    window.press(".model-card[data-key*='atelier-demo']")
    window.page.wait_for_selector("#model-use")


def _merge(window: Window, contents: Contents) -> None:
    window.tab("Merge")
    window.page.wait_for_selector("#merge-primary input")


def _settings(window: Window, contents: Contents) -> None:
    window.tab("Settings")
    window.page.wait_for_selector("#setting-jpeg-quality")


def _settings_search(window: Window, contents: Contents) -> None:
    _settings(window, contents)
    window.find("#settings-tab input[type=search]").fill("preview")
    window.wait("/^[0-9]+ of/.test(document.querySelector('.settings-count').textContent)")


def _extensions(window: Window, contents: Contents) -> None:
    window.tab("Extensions")
    window.page.wait_for_selector(".extension h3")


def _inside(window: Window, view: str) -> None:
    window.tab("txt2img")
    window.page.fill("#prompt textarea", "a (red:1.3) house [on a meadow:at night:0.4]")
    if not window.page.locator(f"{INSIDE}[open]").count():
        window.press(f"{INSIDE} summary")
    window.find(f"{INSIDE} button", has_text=view).click()


def _inside_noise(window: Window, contents: Contents) -> None:
    _inside(window, "Noise")
    window.page.wait_for_selector(f"{INSIDE} circle.inside-first")
    window.scroll_to(INSIDE)


def _inside_words(window: Window, contents: Contents) -> None:
    _inside(window, "Words")
    window.page.wait_for_selector(f"{INSIDE} .inside-word")
    window.scroll_to(INSIDE)


def _inside_steps(window: Window, contents: Contents) -> None:
    _inside(window, "Steps")
    window.page.fill("#prompt textarea", "a red house at night")
    window.page.get_by_label("Record the next pictures").check()
    window.number("steps", 12)
    window.press("#generate")
    window.page.locator(f"{INSIDE} .inside-strip button").nth(11).wait_for()
    window.wait("document.querySelector('.status').dataset.busy === 'no'")
    window.press(f"{INSIDE} .inside-chips button", has_text="house")
    window.wait(f"!document.querySelector('{INSIDE} .inside-heat').hidden")
    window.scroll_to(INSIDE)


def _keys(window: Window, contents: Contents) -> None:
    window.tab("txt2img")
    window.page.evaluate("window.atelier.shortcuts.show()")
    window.page.wait_for_selector("dialog[open]")


SCENES = (
    Scene("txt2img", DESK, _first_pictures),
    Scene("txt2img-simple", SIMPLE, _first_pictures),
    Scene("txt2img-dark", DARK, _first_pictures),
    Scene("txt2img-german", GERMAN, _first_pictures),
    Scene("txt2img-phone", PHONE, _first_pictures),
    Scene("img2img", DESK, _img2img),
    Scene("inpaint", DESK, _inpaint),
    Scene("inpaint-phone", PHONE, _inpaint),
    Scene("extras", DESK, _extras),
    Scene("png-info", DESK, _png_info),
    Scene("gallery", DESK, _gallery),
    Scene("gallery-phone", PHONE, _gallery),
    Scene("lightbox", DESK, _lightbox),
    Scene("compare", DESK, _compare),
    Scene("models", DESK, _model, height=MODEL_HEIGHT),
    Scene("merge", DESK, _merge),
    Scene("settings", DESK, _settings),
    Scene("settings-search", DESK, _settings_search),
    Scene("extensions", DESK, _extensions),
    Scene("keys", DESK, _keys),
    Scene("look-inside-noise", DESK, _inside_noise, INSIDE),
    Scene("look-inside-words", DESK, _inside_words, INSIDE),
    Scene("look-inside-steps", DESK, _inside_steps, INSIDE),
    Scene("while-it-runs", DESK, _while_it_runs),
    Scene("queue", DESK, _queue),
    Scene("queue-phone", PHONE, _queue),
)
