"""The canvas of img2img in a real browser: painting, layers, zoom, and that what is sent has the picture's own size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from modules.schema.requests import Img2ImgRequest
from modules.services.build import Services
from tests.ui.journeys import CANVAS, begin_with, made_by, request_behind, set_number, stroke

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SIDE = 600
ZOOM = f"{CANVAS} [data-tool=fit]"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Grey, larger than it is shown."""
    path = tmp_path / "grey.png"
    Image.new("RGB", (SIDE, SIDE), (90, 90, 90)).save(path)
    return path


def press(page: Page, name: str) -> None:
    page.click(f"{CANVAS} [data-tool={name}]")


def sent(page: Page, services: Services) -> tuple[np.ndarray, np.ndarray]:
    """Where the mask is white, and the picture, of the job that one click leads to."""
    (made,) = made_by(page, services, "#img2img-generate")
    request = request_behind(made)
    assert isinstance(request, Img2ImgRequest) and request.mask is not None
    mask, begun = (Image.open(services.inputs.file(one)) for one in (request.mask, request.init_images[0]))
    return np.asarray(mask.convert("L")) > 128, np.asarray(begun.convert("RGB"))


def test_a_mask_is_painted_filled_inverted_and_loaded(
    page: Page, demo_services: Services, picture: Path, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1440, "height": 1500})  # all of the canvas is on the screen
    begin_with(page, picture, "Inpaint")
    for name in ("width", "height"):
        set_number(page, f"img2img-{name}", 64)
    set_number(page, "img2img-steps", 1)
    # Zoomed in twice at the middle, a stroke over the whole stage covers the middle of the picture.
    fitting = page.inner_text(ZOOM)
    press(page, "larger")
    press(page, "larger")
    expect(page.locator(ZOOM).first).not_to_have_text(fitting)
    stroke(page, 0.02, 0.98, 0.5)
    mask, begun = sent(page, demo_services)  # at once: the click waits for the stroke
    assert mask.shape == (SIDE, SIDE) and (begun == 90).all()
    columns = np.flatnonzero(mask.any(axis=0))
    assert mask[SIDE // 2, SIDE // 2] and 100 < columns[0] < 170 and 430 < columns[-1] < 500

    page.hover(f"{CANVAS} canvas")
    page.keyboard.press("0")
    expect(page.locator(ZOOM).first).to_have_text(fitting)
    press(page, "invert")
    mask, _ = sent(page, demo_services)
    assert not mask[SIDE // 2, SIDE // 2] and mask[5, 5] and mask[SIDE // 2, 20]
    page.hover(f"{CANVAS} canvas")
    page.keyboard.press("Control+z")
    # A line from side to side parts the picture; what is above is filled.
    stroke(page, 0.01, 0.99, 0.5)
    press(page, "bucket")
    box = page.locator(f"{CANVAS} canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.1 * box["height"])
    mask, _ = sent(page, demo_services)
    assert mask[: SIDE // 2].all() and not mask[SIDE - 50 :].any()

    press(page, "wipe")
    half = tmp_path / "half.png"
    Image.fromarray(np.kron([[255, 0]], np.ones((60, 30))).astype(np.uint8)).save(half)
    with page.expect_file_chooser() as chooser:
        press(page, "load")
    chooser.value.set_files(half)
    page.wait_for_selector(f"{CANVAS} [data-tool=wipe]:not(:disabled)")
    mask, _ = sent(page, demo_services)
    assert mask[:, : SIDE // 2 - 12].all() and not mask[:, SIDE // 2 + 12 :].any()

    # Colours and a mask of their own, side by side, on the full screen, which Escape leaves.
    press(page, "wipe")
    page.get_by_label("Inpaint sketch", exact=True).check()
    page.wait_for_selector(f"{CANVAS}[data-layer=colours]")
    press(page, "full")
    press(page, "brush")
    stroke(page, 0.45, 0.55, 0.2)
    page.click(f"{CANVAS} [data-layer=mask]")
    stroke(page, 0.45, 0.55, 0.8)
    page.keyboard.press("Escape")
    page.wait_for_selector(f"{CANVAS}[data-full=no]")
    mask, begun = sent(page, demo_services)
    rows = np.flatnonzero(mask.any(axis=1))
    assert rows[0] < 0.25 * SIDE and rows[-1] > 0.75 * SIDE and not mask[SIDE // 2].any()
    assert (begun[int(0.2 * SIDE), SIDE // 2] == (0xD8, 0x3A, 0x3A)).all() and (begun[int(0.8 * SIDE)] == 90).all()
