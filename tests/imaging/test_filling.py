"""The fill mode paints the masked area with what lies around it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modules.imaging.filling import filled


def halves(side: int) -> np.ndarray:
    """Red on the left, blue on the right."""
    picture = np.zeros((side, side, 3), dtype=np.uint8)
    picture[:, : side // 2] = (200, 20, 20)
    picture[:, side // 2 :] = (20, 20, 200)
    return picture


def test_masked_area_takes_the_colours_of_its_neighbourhood() -> None:
    picture = halves(128)
    mask = np.zeros((128, 128), dtype=np.uint8)
    mask[40:90, 20:110] = 255
    broken = picture.copy()
    broken[mask == 255] = (0, 255, 0)
    result = filled(broken, mask).astype(int)
    assert np.array_equal(result[mask == 0], picture[mask == 0])
    assert result[..., 1].max() < 25, "nothing of what was masked shows"
    assert np.abs(result[65, 22] - picture[65, 22]).max() < 40
    assert np.abs(result[65, 107] - picture[65, 107]).max() < 40
    assert np.abs(np.diff(result[65, 20:110], axis=0)).max() < 25, "no edges inside"


def test_large_masked_area_is_filled_to_its_middle() -> None:
    picture = np.full((1600, 96, 3), (10, 120, 250), dtype=np.uint8)
    mask = np.zeros((1600, 96), dtype=np.uint8)
    mask[4:-4] = 255
    broken = picture * (mask == 0)[..., np.newaxis]
    assert np.abs(filled(broken, mask).astype(int) - picture).max() <= 1


def test_full_mask_gives_the_average_and_a_blank_one_the_picture() -> None:
    picture = halves(32)
    assert (filled(picture, np.full((32, 32), 255, dtype=np.uint8)) == (110, 20, 110)).all()
    assert np.array_equal(filled(picture, np.zeros((32, 32), dtype=np.uint8)), picture)


@settings(max_examples=40)
@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_colours_never_leave_those_of_the_picture(data: st.DataObject, width: int, height: int) -> None:
    picture = np.random.default_rng(width * 41 + height).integers(40, 200, (height, width, 3), dtype=np.uint8)
    mask = data.draw(arrays.arrays(np.uint8, (height, width), elements=st.sampled_from([0, 128, 255])))
    result = filled(picture, mask)
    assert np.array_equal(result[mask == 0], picture[mask == 0])
    assert (result.min(axis=(0, 1)) >= picture.min(axis=(0, 1)) - 1).all()
    assert (result.max(axis=(0, 1)) <= picture.max(axis=(0, 1)) + 1).all()
