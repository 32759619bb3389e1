"""The Gallery tab with a hundred thousand pictures: how soon the first ones are there, and how smoothly it scrolls."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.program import is_ready, serving
from tests.ui.chromium import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

COUNT = 100_000
KINDS = 40
FRAMES = 50
"""A second, while it scrolls, on a machine that does nothing else."""
MILLISECONDS = 1000 / FRAMES
"""That scripts, styles and layout may take for each of them."""
_WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
log = logging.getLogger(__name__)
_SCROLL = """async (pixels) => {
  const scroller = document.querySelector(".gallery-scroller");
  const times = [];
  await new Promise((done) => {
    const step = (now) => {
      times.push(now);
      scroller.scrollTop += pixels;
      if (times.length < 300) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
  const long = times.slice(1).filter((time, at) => time - times[at] > 34).length;
  const cells = document.querySelectorAll(".gallery-cell").length;
  return [(1000 * (times.length - 1)) / (times.at(-1) - times[0]), long, cells];
}"""


def fill(data: Path) -> None:
    """Records and files of pictures, of which there are only some different ones."""
    folder = data / "outputs" / "txt2img-images" / "many"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(3)
    for kind in range(KINDS):
        Image.fromarray(noise.integers(0, 256, (256, 256, 3), np.uint8)).resize((512, 512)).save(folder / f"{kind}.jpg")
    rows = []
    for number in range(COUNT):
        name = f"{number:06}.jpg"
        os.link(folder / f"{number % KINDS}.jpg", folder / name)
        rows.append((f"txt2img-images/many/{name}", 512, 512, number, 1_600_000_000 + number))
    for kind in range(KINDS):
        (folder / f"{kind}.jpg").unlink()
    database = sqlite3.connect(data / "outputs" / "atelier.sqlite3", timeout=60)
    with database:
        database.executemany(
            "INSERT INTO pictures (path, width, height, seed, created, origin) VALUES (?, ?, ?, ?, ?, '')", rows
        )
        database.execute(
            "INSERT INTO picture_texts SELECT id, 'a house' || char(10) || 'Steps: 20, Seed: ' || seed FROM pictures"
        )
    database.close()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The tab, just opened."""
    data: Path = tmp_path_factory.mktemp("data")
    with serving(data) as (server, port), chromium() as browser:
        assert is_ready(server)
        fill(data)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(120_000)
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_function("document.querySelector('#model input')?.value")
        page.get_by_role("tab", name="Gallery", exact=True).click()
        page.wait_for_function("document.querySelector('.gallery-thumb img')?.naturalWidth")
        yield page


class PageWork:
    """How long the page has been busy with scripts, styles and layout."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")

    def seconds(self) -> float:
        """Since the page was opened."""
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return sum(float(one["value"]) for one in metrics if one["name"] in _WORK)


def test_it_scrolls_smoothly_from_end_to_end(gallery: Page) -> None:
    gallery.wait_for_function(f"window.atelier.gallery.shown.list.ids.length === {COUNT}")
    expect(gallery.locator("#gallery-position").first).to_have_text("100,000 pictures")
    is_quiet = os.getloadavg()[0] < (os.cpu_count() or 1)
    work = PageWork(gallery)
    for pixels in (20, 90, 9_000):
        before = work.seconds()
        frames, long, cells = gallery.evaluate(_SCROLL, pixels)
        each = 1000 * (work.seconds() - before) / 300
        log.info("%d pixels a frame: %.1f frames a second, %d late, %.1f ms each", pixels, frames, long, each)
        assert cells < 200
        assert not is_quiet or (frames >= FRAMES and each < MILLISECONDS)
    gallery.focus(".gallery-thumb[tabindex='0']")
    gallery.keyboard.press("End")
    gallery.wait_for_function(
        f"document.activeElement.closest('.gallery-cell')?.dataset.place === '{COUNT - 1}'"
        " && document.activeElement.querySelector('img').naturalWidth"
    )


def test_all_found_are_chosen_and_marked_at_once(gallery: Page) -> None:
    gallery.get_by_role("button", name="Choose all", exact=True).click()
    expect(gallery.locator(".gallery-count").first).to_have_text("100,000 chosen")
    gallery.get_by_role("button", name="Rate with 4 stars").click()
    gallery.wait_for_function("window.atelier.gallery.shown.list.marks.every((mark) => mark === 4)")
    found = gallery.evaluate("async () => (await (await fetch('api/v1/pictures?rating=4&limit=1')).json()).total")
    assert found == COUNT
