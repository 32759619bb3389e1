"""Resize modes and the sides they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.imaging.resizing import RESIZE_MODES, crop_and_resize, just_resize, resize_and_fill
from modules.imaging.sides import contained_sides, covering_sides, scaled_sides

SIDES = st.integers(1, 70)
LONG_SIDES = st.integers(1, 20_000)


def ramp(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[..., 0] = np.linspace(0, 255, width)
    picture[..., 1] = np.linspace(0, 255, height)[:, np.newaxis]
    return picture


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(list(RESIZE_MODES)), st.booleans())
def test_every_mode_gives_the_size_that_was_asked_for(
    width: int, height: int, target_width: int, target_height: int, mode: str, is_mask: bool
) -> None:
    picture = ramp(width, height)
    resized = RESIZE_MODES[mode](picture[..., 0] if is_mask else picture, target_width, target_height)
    assert resized.shape == ((target_height, target_width) if is_mask else (target_height, target_width, 3))
    assert resized.dtype == np.uint8


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_right_size_is_left_alone(mode: str) -> None:
    picture = ramp(31, 17)
    assert np.array_equal(RESIZE_MODES[mode](picture, 31, 17), picture)


def test_stretched_picture_shows_all_of_it() -> None:
    resized = just_resize(ramp(64, 32), 32, 32)
    assert resized[16, 0, 0] < 8 and resized[16, -1, 0] > 247


def test_crop_cuts_off_both_ends_evenly() -> None:
    resized = crop_and_resize(ramp(128, 32), 32, 32)
    assert resized[16, 0, 0] == pytest.approx(255 * 48 / 127, abs=2)
    assert resized[16, -1, 0] == pytest.approx(255 * 79 / 127, abs=2)
    assert resized[0, 0, 1] < 5 and resized[-1, 0, 1] > 250


def test_fill_repeats_the_outermost_rows_over_the_stripes() -> None:
    resized = resize_and_fill(ramp(64, 16), 64, 33)
    assert np.array_equal(resized[8:24], ramp(64, 16))
    assert (resized[:8] == resized[8]).all() and (resized[24:] == resized[23]).all()


def test_another_resize_is_used_and_told_the_inner_size() -> None:
    asked = []

    def black(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
        asked.append((width, height))
        return np.zeros((height, width, 3), dtype=np.uint8)

    assert not resize_and_fill(ramp(64, 16), 128, 128, black).any()
    assert crop_and_resize(ramp(64, 16), 128, 128, black).shape == (128, 128, 3)
    assert asked == [(128, 32), (512, 128)]


@given(LONG_SIDES, LONG_SIDES, LONG_SIDES, LONG_SIDES)
def test_covering_and_contained_sides_keep_the_shape(w: int, h: int, target_w: int, target_h: int) -> None:
    outer, inner = covering_sides(w, h, target_w, target_h), contained_sides(w, h, target_w, target_h)
    assert outer[0] >= target_w and outer[1] >= target_h and (outer[0] == target_w or outer[1] == target_h)
    assert 1 <= inner[0] <= target_w and 1 <= inner[1] <= target_h and (inner[0] == target_w or inner[1] == target_h)
    for width, height in (outer, inner):
        assert abs(width - height * w / h) <= max(1, w / h) or abs(height - width * h / w) <= max(1, h / w)


@pytest.mark.parametrize(
    ("given_sides", "factor", "expected"),
    [((512, 512), 2, (1024, 1024)), ((512, 768), 1.1, (560, 840)), ((100, 100), 0.05, (8, 8)), ((1, 1), 4, (8, 8))],
)
def test_sides_by_scale(given_sides: tuple[int, int], factor: float, expected: tuple[int, int]) -> None:
    assert scaled_sides(*given_sides, factor) == expected
