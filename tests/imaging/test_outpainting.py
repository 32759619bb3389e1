"""Canvases keep the old picture, mask all that is new, and begin it with the colours of the border."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.imaging.boxes import Box
from modules.imaging.outpainting import Canvas, extended

SIDES = st.integers(1, 40)
ROOM = st.integers(0, 30)


def picture_of(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 100 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_sound(canvas: Canvas, width: int, height: int, feather: int) -> None:
    """All that is new is masked fully; what lies deeper than the feather is kept, unless no side was extended."""
    assert canvas.pixels.shape == (height, width, 3) and canvas.mask.shape == (height, width)
    new = np.ones((height, width), dtype=bool)
    new[canvas.box.slices] = False
    assert (canvas.mask[new] == 255).all()
    old = canvas.mask[canvas.box.slices]
    if old.size:
        assert old.max() < 255
    left, top = (feather if canvas.box.left else 0), (feather if canvas.box.top else 0)
    right, bottom = (feather if canvas.box.right < width else 0), (feather if canvas.box.bottom < height else 0)
    deep = old[top : max(0, old.shape[0] - bottom), left : max(0, old.shape[1] - right)]
    assert not deep.any()
    assert (old != 0).sum() == old.size - deep.size


@settings(max_examples=50)
@given(SIDES, SIDES, ROOM, ROOM, ROOM, ROOM, st.integers(0, 50))
def test_extension(width: int, height: int, left: int, top: int, right: int, bottom: int, feather: int) -> None:
    picture = picture_of(width, height)
    canvas = extended(picture, left=left, top=top, right=right, bottom=bottom, feather=feather)
    assert canvas.box == Box(left, top, left + width, top + height)
    assert np.array_equal(canvas.pixels[canvas.box.slices], picture)
    assert_sound(canvas, left + width + right, top + height + bottom, feather)
    again = extended(picture, left=left, top=top, right=right, bottom=bottom, feather=feather)
    assert np.array_equal(again.pixels, canvas.pixels)


def test_feather_falls_evenly_from_the_seam() -> None:
    mask = extended(np.zeros((6, 8, 3), dtype=np.uint8), right=2, feather=4).mask
    assert mask.tolist() == [[0, 0, 0, 0, 51, 102, 153, 204, 255, 255]] * 6


def test_new_area_goes_on_with_the_colours_of_the_border() -> None:
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[:32], picture[32:] = (30, 60, 200), (40, 160, 40)
    canvas = extended(picture, left=32, right=32)
    for side in (canvas.pixels[:, :32], canvas.pixels[:, -32:]):
        assert np.abs(side[:12].mean(axis=(0, 1)) - (30, 60, 200)).max() < 4
        assert np.abs(side[-12:].mean(axis=(0, 1)) - (40, 160, 40)).max() < 4
        assert 4 < side[:12].astype(float).std(axis=(0, 1)).mean() < 8, "a little noise"


def test_other_seeds_give_other_noise() -> None:
    picture = picture_of(8, 8)
    assert not np.array_equal(extended(picture, left=8, seed=1).pixels, extended(picture, left=8, seed=2).pixels)


def test_canvas_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"Canvas '8192 x 8193' has more than 67,108,864 pixels.*by less"):
        extended(np.zeros((1, 8192, 3), dtype=np.uint8), bottom=8192)
