"""A picture of 4096 x 4096 on the canvas of img2img: how soon it can be painted on, how smoothly, what it takes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.program import is_ready, serving
from tests.ui.chromium import chromium
from tests.ui.journeys import CANVAS, FILES
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SIDE = 4096
STROKES = 6
MOVES = 60
"""Of the mouse, in each stroke."""
MILLISECONDS = 50.0
"""For a frame while somebody draws, on a machine that does nothing else; and of the page's own work anywhere."""
SECONDS = 5.0
"""Until the picture can be painted on, on a machine that does nothing else."""
log = logging.getLogger(__name__)
_WATCH_FRAMES = """() => {
  window.frames_ = [];
  const step = (now) => {
    window.frames_.push(now);
    window.watching_ = requestAnimationFrame(step);
  };
  window.watching_ = requestAnimationFrame(step);
}"""
_FRAMES = """() => {
  cancelAnimationFrame(window.watching_);
  return window.frames_.slice(1).map((time, at) => time - window.frames_[at]);
}"""


@dataclass(frozen=True)
class Drawing:
    """How it went while something was done."""

    frames: list[float]
    """How long each was on the screen, in milliseconds."""
    work: float
    """Seconds of processor time that the page's main thread took."""

    def __str__(self) -> str:
        each = 1000 * self.work / len(self.frames)
        longest = max(self.frames)
        return f"{median(self.frames):.0f} ms a frame in the middle, {longest:.0f} at worst, {each:.1f} ms work each"


class Watch:
    """Watches the frames and the work of a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def __enter__(self) -> Watch:
        self._page.evaluate(_WATCH_FRAMES)
        self._before = self._work()
        return self

    def __exit__(self, *_: object) -> None:
        work = self._work() - self._before
        self.seen = Drawing(self._page.evaluate(_FRAMES), work)

    def _work(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


def large_picture(folder: Path) -> Path:
    """Colours that run, and noise, so that it is no small file."""
    ramp = np.linspace(0, 200, SIDE, dtype=np.uint8)
    noise = np.random.default_rng(5).integers(0, 40, (SIDE, SIDE), np.uint8)
    planes = [ramp[None, :] + noise, ramp[:, None] + noise, np.full((SIDE, SIDE), 90, np.uint8)]
    path = folder / "large.png"
    Image.fromarray(np.dstack(planes)).save(path, compress_level=1)
    return path


def draw(page: Page, selector: str, strokes: int = STROKES) -> None:
    """Lines from side to side, up and down like a hand's."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    for stroke in range(strokes):
        heights = [0.15 + 0.7 * ((stroke * 0.37 + at / MOVES * 0.5) % 1) for at in range(MOVES)]
        for at, height in enumerate(heights):
            page.mouse.move(box["x"] + (0.1 + 0.8 * at / MOVES) * box["width"], box["y"] + height * box["height"])
            if at == 0:
                page.mouse.down()
        page.mouse.up()


def browsers_memory() -> float:
    """Bytes that the processes of the browser have for themselves."""
    found = 0
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found += one.memory_full_info().uss if "--type=" in " ".join(one.cmdline()) else 0
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    data: Path = tmp_path_factory.mktemp("data")
    with serving(data) as (server, port), chromium() as browser:
        assert is_ready(server)
        page = browser.new_context(viewport={"width": 1440, "height": 1500}).new_page()
        page.set_default_timeout(180_000)
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_function("document.querySelector('#model input')?.value")
        open_tab(page, "img2img")
        page.wait_for_selector(FILES, state="attached")
        page.get_by_label("Inpaint", exact=True).check()
        page.wait_for_selector(f"{CANVAS}[data-mode='Inpaint']", state="attached")
        yield page


def test_a_large_picture_stays_usable(page: Page, tmp_path: Path) -> None:
    path = large_picture(tmp_path)
    is_quiet = os.getloadavg()[0] < (os.cpu_count() or 1)
    before = browsers_memory()
    began = time.monotonic()
    page.set_input_files(FILES, path)
    page.wait_for_selector(f"{CANVAS}[data-filled=yes]")
    page.wait_for_function(f"document.querySelector('{CANVAS} .canvas-picture').naturalWidth === {SIDE}")
    ready = time.monotonic() - began
    log.info("Ready to paint on after %.1f s", ready)
    with Watch(page) as watch:
        draw(page, f"{CANVAS} canvas")
    drawn = watch.seen
    log.info("Drawing: %s", drawn)
    page.click(f"{CANVAS} [data-tool=larger]")
    page.click(f"{CANVAS} [data-tool=larger]")
    with watch:
        draw(page, f"{CANVAS} canvas", 2)
    log.info("Drawing, zoomed in: %s", watch.seen)
    closer = watch.seen
    with watch:
        for _ in range(STROKES + 2):
            page.click(f"{CANVAS} [data-tool=undo]")
        page.wait_for_selector(f"{CANVAS} [data-tool=undo]:disabled")
    log.info("Undoing: %s", watch.seen)
    draw(page, f"{CANVAS} canvas", 1)
    page.wait_for_function("sessionStorage.length > 0")
    log.info("%.0f MB more memory in the browser", (browsers_memory() - before) / 1e6)
    for seen in (drawn, closer):
        assert len(seen.frames) > STROKES
        assert 1000 * seen.work / len(seen.frames) <= MILLISECONDS
        assert not is_quiet or median(seen.frames) <= MILLISECONDS
    assert not is_quiet or ready <= SECONDS
