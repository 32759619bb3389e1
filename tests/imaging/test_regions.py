"""Painting a part of a picture at its own size leaves the rest of it alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from modules.imaging.boxes import Box
from modules.imaging.regions import Region

SIDES = st.integers(1, 60)


def smooth(width: int, height: int) -> np.ndarray:
    """A picture without fine detail, so that resampling it and back loses little."""
    coarse = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def masked(width: int, height: int, box: Box) -> np.ndarray:
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[box.slices] = 255
    return mask


def test_blank_mask_has_no_region() -> None:
    assert Region.around(np.zeros((64, 64), dtype=np.uint8), 512, 512, 32) is None


@pytest.mark.parametrize(
    ("painted", "padding", "expected"),
    [
        (Box(100, 100, 140, 120), 32, Box(68, 58, 172, 162)),
        (Box(0, 0, 10, 10), 32, Box(0, 0, 42, 42)),
        (Box(290, 190, 300, 200), 0, Box(290, 190, 300, 200)),
        (Box(0, 0, 300, 200), 32, Box(0, 0, 300, 200)),
    ],
)
def test_region_by_hand(painted: Box, padding: int, expected: Box) -> None:
    assert Region.around(masked(300, 200, painted), 512, 512, padding) == Region(expected, 512, 512)


def test_cut_and_paste_back_gives_the_picture_again() -> None:
    original = smooth(300, 200)
    mask = masked(300, 200, Box(100, 60, 160, 110))
    region = Region.around(mask, 512, 512, 16)
    assert region is not None
    crop = region.cut(original)
    assert crop.shape == (512, 512, 3) and region.cut(mask).shape == (512, 512)
    again = region.paste_back(crop, original, mask).astype(int)
    assert np.abs(again - original).max() <= 4


def test_region_longer_than_the_picture_is_filled_up_and_cut_off_again() -> None:
    original = smooth(200, 40)
    mask = masked(200, 40, Box(0, 0, 200, 40))
    region = Region.around(mask, 256, 256, 0)
    assert region == Region(Box(0, 0, 200, 40), 256, 256)
    again = region.paste_back(region.cut(original), original, mask).astype(int)
    assert np.abs(again - original).mean() < 1.5


@given(st.data(), SIDES, SIDES, st.integers(1, 8), st.integers(1, 8), st.integers(0, 40))
def test_pixels_outside_the_mask_are_kept_bit_for_bit(
    data: st.DataObject, width: int, height: int, width_8: int, height_8: int, padding: int
) -> None:
    mask = data.draw(arrays.arrays(np.uint8, (height, width), elements=st.sampled_from([0, 0, 0, 90, 255])))
    region = Region.around(mask, width_8 * 8, height_8 * 8, padding)
    if region is None:
        assert not mask.any()
        return
    original = smooth(width, height)
    painted = np.full((height_8 * 8, width_8 * 8, 3), 255, dtype=np.uint8)
    before = original.copy()
    result = region.paste_back(painted, original, mask)
    assert np.array_equal(original, before)
    assert np.array_equal(result[mask == 0], original[mask == 0])
    assert (result[mask == 255] == 255).all()
