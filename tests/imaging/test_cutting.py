"""Parts, crops and flipped copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.imaging.cutting import auto_sized_crop, flipped_copies, focal_crop, split

SIDES = st.integers(1, 90)
RANDOM = np.random.default_rng(5)


def numbered(width: int, height: int) -> np.ndarray:
    """Red is the column, green the row."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(width), np.arange(height)[:, np.newaxis]
    return pixels


def test_long_picture_is_cut_into_parts_that_overlap() -> None:
    parts = split(numbered(200, 64), 64, 64, overlap=0.25)
    assert [int(part[0, 0, 0]) for part in parts] == [0, 45, 90, 136]
    assert all(part.shape == (64, 64, 3) for part in parts)
    assert parts[-1][0, -1, 0] == 199
    tall = split(numbered(64, 200), 64, 64, overlap=0.25)
    assert [int(part[0, 0, 1]) for part in tall] == [0, 45, 90, 136]


def test_picture_that_is_not_long_enough_stays() -> None:
    for width in (64, 100, 127):
        (only,) = split(numbered(width, 64), 64, 64)
        assert only.shape == (64, width, 3)
    assert len(split(numbered(129, 64), 64, 64)) > 1
    assert len(split(numbered(100, 64), 64, 64, threshold=0.9)) == 2


@settings(max_examples=60)
@given(SIDES, SIDES, SIDES, SIDES, st.floats(0, 1), st.floats(0, 0.8))
def test_parts_cover_the_whole_picture(
    width: int, height: int, part_width: int, part_height: int, threshold: float, overlap: float
) -> None:
    parts = split(numbered(width, height), part_width, part_height, threshold=threshold, overlap=overlap)
    if len(parts) == 1:
        assert np.array_equal(parts[0], numbered(width, height))
        return
    assert all(part.shape == (part_height, part_width, 3) for part in parts)
    along = 0 if parts[0][0, 0, 0] != parts[-1][0, 0, 0] else 1
    # A pixel of a part may stand for many of the picture's.
    within_a_pixel = max(1.0, width / part_width, height / part_height)
    assert parts[0][0, 0, along] <= within_a_pixel
    assert parts[-1][-1, -1, along] >= (width, height)[along] - 1 - within_a_pixel


@settings(max_examples=60)
@given(st.integers(10, 40), st.integers(80, 250), st.floats(0, 0.8))
def test_neighbouring_parts_overlap_as_wished(part: int, width: int, overlap: float) -> None:
    parts = split(numbered(width, part), part, part, overlap=overlap)
    starts = [int(one[0, 0, 0]) for one in parts]
    assert starts[0] == 0 and starts[-1] == width - part
    shared = [left + part - right for left, right in zip(starts, starts[1:], strict=False)]
    assert min(shared) >= int(part * overlap) - 1
    assert len(parts) == 1 or (len(parts) - 2) * part * (1 - overlap) < width - part


@pytest.mark.parametrize("place", [0, 60, 180, 236])
def test_crop_goes_where_the_edges_are(place: int) -> None:
    pixels = np.full((64, 300, 3), 128, dtype=np.uint8)
    pixels[:, place : place + 64] = RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    crop = focal_crop(pixels, 64, 64)
    assert (crop != 128).any(axis=2).mean() > 0.95
    assert np.array_equal(focal_crop(pixels.transpose(1, 0, 2), 64, 64), crop.transpose(1, 0, 2))


def test_crop_keeps_what_it_shows_in_the_middle_where_it_can() -> None:
    pixels = np.full((64, 200, 3), 128, dtype=np.uint8)
    assert focal_crop(pixels, 64, 64).shape == (64, 64, 3)
    pixels[20:40, 95:105] = 255
    crop = focal_crop(pixels, 64, 64)
    assert (crop[20:40, 27:37] == 255).all() and (crop == 255).all(axis=2).sum() == 200


@settings(max_examples=40)
@given(SIDES, SIDES, SIDES, SIDES)
def test_crop_has_the_size_that_was_asked_for(width: int, height: int, wanted_width: int, wanted_height: int) -> None:
    pixels = RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert focal_crop(pixels, wanted_width, wanted_height).shape == (wanted_height, wanted_width, 3)


@pytest.mark.parametrize(
    ("width", "height", "largest_first", "expected"),
    [
        (100, 100, True, (640, 640)),
        (150, 100, True, (768, 512)),
        (100, 150, True, (512, 768)),
        (105, 100, True, (640, 640)),
        (125, 100, False, (640, 512)),
        (400, 100, True, None),
    ],
)
def test_best_size_is_chosen(width: int, height: int, largest_first: bool, expected: tuple[int, int] | None) -> None:
    crop = auto_sized_crop(numbered(width, height), largest_first=largest_first)
    assert (None if crop is None else (crop.shape[1], crop.shape[0])) == expected


@given(SIDES, SIDES, st.sampled_from([64, 128]), st.sampled_from([192, 256]), st.floats(0, 0.5))
@settings(max_examples=40)
def test_chosen_size_keeps_to_its_bounds(width: int, height: int, low: int, high: int, threshold: float) -> None:
    crop = auto_sized_crop(
        numbered(width, height),
        min_side=low,
        max_side=high,
        min_area=128 * 128,
        max_area=200 * 200,
        threshold=threshold,
    )
    if crop is not None:
        assert low <= min(crop.shape[:2]) and max(crop.shape[:2]) <= high
        assert 128 * 128 <= crop.shape[0] * crop.shape[1] <= 200 * 200
        assert crop.shape[0] % 64 == crop.shape[1] % 64 == 0
        quotient = (width / height) / (crop.shape[1] / crop.shape[0])
        assert 1 - min(quotient, 1 / quotient) <= threshold + 1e-9


def test_flipped_copies() -> None:
    picture = numbered(3, 2)
    original, mirrored, upside_down, turned = flipped_copies(picture, horizontal=True, vertical=True, both=True)
    assert np.array_equal(original, picture)
    assert mirrored[0, :, 0].tolist() == [2, 1, 0] and upside_down[:, 0, 1].tolist() == [1, 0]
    assert np.array_equal(turned, np.rot90(picture, 2))
    assert len(flipped_copies(picture)) == 1
