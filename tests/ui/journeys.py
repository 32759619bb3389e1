"""What a person does on the page again and again, and the states that the tests of it wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from modules.schema.infotext import parse_infotext, request_of
from modules.schema.pictures import Picture
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROMPT = "a red house at night"
SEED = "#seed textarea, #seed input"
FILES = "#img2img-files input[type=file]"
CANVAS = "#img2img-canvas .canvas"
BUSY = "document.querySelector('.status')?.dataset.busy === 'yes'"
IDLE = "document.querySelector('.status')?.dataset.busy === 'no'"
ALL_IDLE = "[...document.querySelectorAll('.status')].every(one => one.dataset.busy === 'no')"
PREVIEW = "document.querySelector('.status')?.dataset.preview === 'yes'"
KEPT = """async () => {
  for (let quiet = 0, before = ""; quiet < 4; ) {
    await new Promise((done) => setTimeout(done, 100));
    const now = JSON.stringify(localStorage);
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
}"""
DOWNLOADS_OPENED = """() => {
  if (document.querySelector("#download-start")?.offsetParent) return true;
  document.querySelector("#downloads > .label-wrap:not(.open)")?.click();
  return false;
}"""
_TEN_FRAMES = """async () => {
  for (let frame = 0; frame < 10; frame += 1) await new Promise((done) => requestAnimationFrame(done));
}"""


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("this did not happen in time")


def wait_for_text(page: Page, selector: str, text: str) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent === text", arg=[selector, text]
    )


def fits_into(page: Page, width: int) -> None:
    """Nothing scrolls sideways; a page that was just made narrower finds its places a moment later."""
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


def notice(page: Page, panel: str) -> str:
    line = page.locator(f"{panel} .notice")
    line.wait_for(state="visible")
    return line.inner_text()


def reload(page: Page, complaints: list[str]) -> None:
    """After the browser has kept what was typed last, which it does some events behind the key."""
    page.evaluate(KEPT)
    page.reload()
    complaints.clear()  # of the page that is gone, whose streams broke off


def prompt_of(page: Page) -> str:
    return page.input_value("#prompt textarea")


def set_number(page: Page, name: str, value: object) -> None:
    page.fill(f"#{name} input[type=number]", str(value))


def set_size(page: Page, tab: str, side: int) -> None:
    """A square picture; `tab` is what the names of the tab's fields begin with."""
    set_number(page, f"{tab}width", side)
    set_number(page, f"{tab}height", side)


def choose(page: Page, name: str, entry: str) -> None:
    page.click(f"#{name} input")
    # Of this list: another one may still be fading out.
    page.locator(f"#{name}").get_by_role("option", name=entry, exact=True).click()


def open_accordion(page: Page, name: str) -> None:
    """Also waits until its fields have got what the page kept for them while they were not there."""
    page.click(f"#{name} > button")
    page.evaluate(_TEN_FRAMES)


def generate(page: Page, services: Services, prompt: str = PROMPT, steps: int = 4) -> str:
    """Make a picture; returns its parameters as the page shows them."""
    before = services.pictures.count()
    page.fill("#prompt textarea", prompt)
    set_number(page, "steps", steps)
    page.click("#generate")
    newest = new_pictures(services, before)[0]
    page.wait_for_function(IDLE)
    page.wait_for_function(
        "seed => document.querySelector('#result-parameters textarea')?.value.includes('Seed: ' + seed)",
        arg=str(newest.seed),
    )
    return page.input_value("#result-parameters textarea")


def fill_in_long_job(page: Page) -> None:
    """A form for a job that lasts until it is interrupted."""
    page.fill("#prompt textarea", PROMPT)
    set_number(page, "steps", 150)
    set_number(page, "batch-count", 10)


def interrupt(page: Page) -> None:
    page.wait_for_function("!document.querySelector('#interrupt').disabled")
    page.click("#interrupt")


def new_pictures(services: Services, before: int, made: int = 1, seconds: float = 60) -> list[Picture]:
    """The `made` pictures behind the first `before`, newest first, once each has its file, which follows its record."""
    wait_until(lambda: services.pictures.count() == before + made, seconds)
    pictures = services.pictures.page(0, made)
    wait_until(lambda: all(services.pictures.file(one).is_file() for one in pictures))
    return pictures


def made_by(page: Page, services: Services, selector: str, count: int = 1) -> list[Picture]:
    """The pictures that a click leads to, newest first."""
    before = services.pictures.count()
    page.click(selector)
    made = new_pictures(services, before, count)
    wait_until(lambda: not services.generate.active_jobs())
    page.wait_for_function(ALL_IDLE)
    return made


def request_behind(picture: Picture) -> Txt2ImgRequest | Img2ImgRequest:
    return request_of(parse_infotext(picture.infotext)).request


def begin_with(page: Page, path: Path | list[Path], mode: str = "img2img") -> None:
    """Put pictures on the canvas of img2img."""
    open_tab(page, "img2img")
    page.wait_for_selector(FILES, state="attached")
    page.set_input_files(FILES, path)
    page.wait_for_selector(f"{CANVAS}[data-filled=yes]")
    page.get_by_label(mode, exact=True).check()
    page.wait_for_selector(f"{CANVAS}[data-mode='{mode}']")
    set_number(page, "img2img-steps", 4)


def stroke(page: Page, left: float, right: float, height: float) -> None:
    """Draw a line over the canvas; places are shares of its sides."""
    box = page.locator("#img2img-canvas canvas").bounding_box()
    assert box is not None
    y = box["y"] + height * box["height"]
    page.mouse.move(box["x"] + left * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + (left + right) / 2 * box["width"], y, steps=4)
    page.mouse.move(box["x"] + right * box["width"], y, steps=4)
    page.mouse.up()
