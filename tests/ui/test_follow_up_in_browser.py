"""What follows a click later or elsewhere: ends of jobs, streams behind proxies, folders of other programs, fingers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from modules.config.settings_table import Settings
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services
from tests.ui.journeys import (
    ALL_IDLE,
    CANVAS,
    begin_with,
    fits_into,
    made_by,
    request_behind,
    set_number,
    wait_until,
)
from tests.ui.tabs import open_tab, tabs_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

STREAMS = "**/api/v1/**events*"
HEARD = """
window.heard = { sounds: 0, asked: 0, held: 0 };
class Silence extends EventTarget {
  currentTime = 0;
  destination = {};
  resume() {}
}
window.AudioContext = Silence;
window.OscillatorNode = class { connect(to) { return to; } start() { window.heard.sounds += 1; } stop() {} };
window.GainNode = class {
  gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
  connect(to) { return to; }
};
class Lock extends EventTarget {
  release() { window.heard.held -= 1; this.dispatchEvent(new Event("release")); return Promise.resolve(); }
}
const request = async () => {
  window.heard.asked += 1;
  await new Promise((done) => setTimeout(done, 50));
  window.heard.held += 1;
  return new Lock();
};
Object.defineProperty(navigator, "wakeLock", { configurable: true, value: { request } });
window.WebSocket = class extends EventTarget {
  static OPEN = 1;
  constructor() {
    super();
    this.readyState = 3;
    setTimeout(() => this.dispatchEvent(new Event("close")));
  }
  send() {}
  close() {}
};
"""
"""A page whose sounds and locks are counted, and which no WebSocket reaches."""
SLOW_ENCODER = """
const { toBlob } = HTMLCanvasElement.prototype;
window.encoder = { begun: 0, waiting: [] };
window.encoder.goOn = () => window.encoder.waiting.splice(0).forEach((one) => one());
HTMLCanvasElement.prototype.toBlob = function (done, ...how) {
  window.encoder.begun += 1;
  toBlob.call(this, (blob) => {
    if (window.encoder.waiting) window.encoder.waiting.push(() => done(blob));
    else done(blob);
  }, ...how);
};
window.encoder.free = () => {
  const { waiting } = window.encoder;
  window.encoder.waiting = null;
  waiting.forEach((one) => one());
};
"""
"""A browser that takes its time to turn what was painted into a picture, as it does with a large one."""
FOUR_FRAMES = "async () => { for (let n = 0; n < 4; n += 1) await new Promise((done) => requestAnimationFrame(done)); }"
BELL = "#status .status-bell"
COMFY_WORKFLOW = """{
  "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 9, "cfg": 6, "sampler_name": "euler",
    "scheduler": "normal", "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
    "latent_image": ["5", 0]}},
  "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "other.safetensors"}},
  "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
  "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a purple walrus", "clip": ["4", 1]}},
  "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "rain", "clip": ["4", 1]}}
}"""


@pytest.fixture(scope="module")
def away(browser: Browser, address: str) -> Iterator[Page]:
    """A page behind a proxy that lets no WebSocket through, and refuses streams at first."""
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 1440, "height": 1200})
    context.add_init_script(HEARD)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.route(STREAMS, lambda route: route.fulfill(status=503, body="The server is away"))
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def small(demo_services: Services) -> Iterator[Services]:
    yield demo_services
    usual = Settings()
    demo_services.settings.change(CLIP_stop_at_last_layers=usual.CLIP_stop_at_last_layers, emphasis=usual.emphasis)


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.new("RGB", (64, 64), (90, 90, 90)).save(path)
    return path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The pictures of two other programs."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    texts = {
        "a1111": {"parameters": "a golden walrus\nSteps: 20, Sampler: Euler a, Seed: 9, Size: 64x64, Version: v1.10.1"},
        "comfy": {"prompt": COMFY_WORKFLOW},
    }
    for name, chunks in texts.items():
        info = PngInfo()
        for key, text in chunks.items():
            info.add_text(key, text)
        Image.new("RGB", (64, 64), "purple").save(folder / f"{name}.png", pnginfo=info)
    return folder


def heard(page: Page) -> dict[str, int]:
    counts: dict[str, int] = page.evaluate("window.heard")
    return counts


def job_from_elsewhere(page: Page, services: Services) -> None:
    """A job that no click of this page asked for, until the page knows that it is over."""
    page.evaluate("window.ends = 0; window.atelier.watchJobs((now) => now.ended && (window.ends += 1))")
    services.generate.submit(Txt2ImgRequest(prompt="a fish", steps=3, width=64, height=64))
    page.wait_for_function("window.ends >= 1")
    page.wait_for_function(ALL_IDLE)


def is_chosen(page: Page, tab: str) -> bool:
    chosen: str = page.evaluate(
        "document.querySelector('#tabs > .tab-wrapper :is([role=tab][aria-selected=true],"
        " .overflow-dropdown button.selected)')?.textContent.trim()"
    )
    return chosen == tab


def test_a_page_behind_a_proxy_hears_the_end_of_jobs(away: Page, small: Services, grey: Path) -> None:
    page = away
    # The server comes back after the page was refused by what stood in its place.
    with page.expect_response(lambda answer: "events" in answer.url and answer.status == 503):
        pass
    page.unroute(STREAMS)
    page.click(BELL)
    page.get_by_label("Play a sound").check()
    page.get_by_label("Keep the screen on").check()
    page.keyboard.press("Escape")
    tried = heard(page)["sounds"]  # it is played to who chooses it
    assert tried == 2
    job_from_elsewhere(page, small)
    page.wait_for_function("window.heard.sounds === 4 && window.heard.held === 0 && window.heard.asked === 1")
    page.click(BELL)
    page.get_by_label("Play a sound").uncheck()
    page.get_by_label("Keep the screen on").uncheck()
    page.keyboard.press("Escape")
    job_from_elsewhere(page, small)
    assert heard(page) == {"sounds": 4, "asked": 1, "held": 0}

    # A result lies beside the picture that it began with.
    begin_with(page, grey)
    for name in ("width", "height"):
        set_number(page, f"img2img-{name}", 64)
    (made,) = made_by(page, small, "#img2img-generate")
    page.wait_for_function(
        "seed => document.querySelector('#img2img-result-parameters textarea')?.value.includes(seed)",
        arg=f"Seed: {made.seed}",
    )
    page.locator("#img2img-result-picture, .result").get_by_label("Compare with another picture").locator(
        "visible=true"
    ).first.click()
    page.get_by_text("beside the one that it began with").wait_for()
    page.wait_for_function("document.querySelectorAll('#compare .zoom-layer')[1].naturalWidth === 64")
    page.keyboard.press("Escape")


def test_forms_follow_settings_keys_reach_all_tabs_and_numbers_speak_german(away: Page, small: Services) -> None:
    page = away
    open_tab(page, "txt2img")
    # A form whose field nobody touched follows the setting that its value came from.
    change = """async (body) => {
      const how = { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      const detail = (await (await fetch("api/v1/settings", how)).json()).settings;
      document.dispatchEvent(new CustomEvent("atelier-settings", { detail }));
    }"""
    values = "window.atelier.form.values('txt2img')"
    page.wait_for_function(f"{values}.clip_skip === 1")
    page.evaluate(change, {"CLIP_stop_at_last_layers": 2, "emphasis": "No norm"})
    page.wait_for_function(f"{values}.clip_skip === 2 && {values}.emphasis === 'No norm'")
    expect(page.locator("#form-told .override")).to_have_count(0)
    page.evaluate("window.atelier.form.fill('txt2img', { clip_skip: 5 })")
    page.wait_for_selector("#txt2img-override-clip_skip")
    page.evaluate(change, {"CLIP_stop_at_last_layers": 3})
    page.wait_for_function("window.atelier.form.usual('txt2img').clip_skip === 3")
    page.click("[data-field=clip_skip] .override-away[aria-describedby=txt2img-override-clip_skip]")
    page.wait_for_function(f"{values}.clip_skip === 3")

    names = tabs_of(page)
    assert len(names) >= 10
    page.keyboard.press("Alt+0")
    wait_until(partial(is_chosen, page, names[9]))
    for keys, place in (("PageDown", 10), ("PageUp", 9), ("PageUp", 8)):
        page.keyboard.press(f"Alt+{keys}")
        wait_until(partial(is_chosen, page, names[place % len(names)]))

    page.evaluate("window.atelier.languages.choose('de')")
    page.wait_for_function("document.documentElement.lang === 'de'")
    shown = page.evaluate(
        "texts => texts.map(window.atelier.languages.translated)",
        ["3.5 s", "Done after 3.5 s", "1.2 GB", "A1111 1.6", "0.26 megapixels"],
    )
    assert [shown[0], shown[2], shown[3]] == ["3,5 s", "1,2 GB", "A1111 1.6"]
    assert "3,5 s" in shown[1] and shown[4].startswith("0,26 ")
    page.evaluate("window.atelier.languages.choose('en')")
    page.wait_for_function("document.documentElement.lang === 'en'")


def test_a_folder_of_other_programs_is_added_searched_and_taken_off(
    away: Page, demo_services: Services, elsewhere: Path
) -> None:
    page = away
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    own = demo_services.pictures.count()
    open_tab(page, "Gallery")
    page.get_by_label("Add a folder").click()
    page.fill("dialog.question input", str(elsewhere))
    page.click("dialog.question .question-yes")
    page.wait_for_function("document.querySelector('#gallery-position')?.textContent === '2 pictures'")
    for words in ("walrus purple", "walrus golden"):
        page.fill(".gallery-words", words)
        page.wait_for_function("document.querySelector('#gallery-position')?.textContent === '1 picture'")
        page.wait_for_function("document.querySelector('.gallery-cell img')?.naturalWidth > 0")
    page.fill(".gallery-words", "")
    page.wait_for_function("document.querySelector('#gallery-position')?.textContent === '2 pictures'")
    page.get_by_label("Take the folder elsewhere off the list").click()
    page.get_by_text("its files stay as they are").wait_for()
    page.click("dialog.question .question-yes")
    page.wait_for_function("!document.querySelector('[data-key^=folder-]')")
    wait_until(lambda: demo_services.pictures.count() == own)
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


def fingers(page: Page) -> Callable[[str, float, float], None]:
    session = page.context.new_cdp_session(page)

    def touch(kind: str, x: float, y: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.evaluate(FOUR_FRAMES)  # as slow as a hand: a finger that flies takes the next tap for its stop

    return touch


def test_fingers_paint_a_mask_and_read_the_keys_on_a_phone(
    browser: Browser, address: str, demo_services: Services, grey: Path
) -> None:
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.add_init_script(SLOW_ENCODER)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    page.tap("#help-button")
    page.get_by_role("menuitem", name="Keyboard shortcuts").tap()
    page.wait_for_selector("#shortcuts[open]")
    assert page.evaluate("document.querySelector('#shortcuts').getBoundingClientRect().right") <= 390
    assert page.evaluate("document.querySelector('#shortcuts').scrollWidth") <= 390
    too_small = page.eval_on_selector_all(
        "#shortcuts :is(button, input)",
        "all => all.filter((one) => one.offsetParent && Math.min(one.offsetWidth, one.offsetHeight) < 36 &&"
        " one.closest('label, button').offsetHeight < 36).map((one) => one.outerHTML)",
    )
    assert too_small == []
    page.locator("#shortcuts [data-action=tab-10]").scroll_into_view_if_needed()
    page.locator("#shortcuts").get_by_label("Close this list").tap()
    page.wait_for_selector("#shortcuts", state="hidden")

    begin_with(page, grey, "Inpaint")
    for name in ("width", "height"):
        set_number(page, f"img2img-{name}", 64)
    set_number(page, "img2img-steps", 1)
    canvas = page.locator(f"{CANVAS} canvas").first
    touch = fingers(page)

    def paint(height: float) -> None:
        canvas.scroll_into_view_if_needed()
        box: Any = canvas.bounding_box()
        y = box["y"] + height * box["height"]
        touch("touchStart", box["x"] + 0.2 * box["width"], y)
        for share in (0.4, 0.6, 0.8):
            touch("touchMove", box["x"] + share * box["width"], y)
        touch("touchEnd", 0, 0)

    # What was undone is not sent, though the strokes before are still being turned into a picture.
    paint(0.2)
    page.wait_for_function("window.encoder.waiting.length === 1")
    paint(0.8)
    page.evaluate("window.encoder.goOn()")
    page.wait_for_function("window.encoder.waiting.length === 1 && window.encoder.begun === 2")
    page.tap(f"{CANVAS} [data-tool=undo]")
    page.evaluate("new Promise((done) => setTimeout(done, 600))")  # until the canvas sends what it shows by itself
    page.evaluate("setTimeout(window.encoder.free, 400)")
    (made,) = made_by(page, demo_services, "#img2img-generate")
    request = request_behind(made)
    assert isinstance(request, Img2ImgRequest) and request.mask is not None
    mask = np.asarray(Image.open(demo_services.inputs.file(request.mask)).convert("L")) > 128
    rows = np.flatnonzero(mask.any(axis=1))
    assert rows.size and rows[-1] < 40
    fits_into(page, 390)
    context.close()
    assert faults == []
