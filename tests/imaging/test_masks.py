"""Masks: where they come from, what blurring and reducing does to them, and that what is kept is kept bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from modules.imaging.blurring import gaussian, wide_gaussian
from modules.imaging.boxes import Box
from modules.imaging.masks import (
    blurred,
    composite,
    hardened,
    inverted,
    latent_mask,
    mask_from_difference,
    mask_from_picture,
    mask_from_transparency,
    overlay_mask,
    painted_box,
    resized,
)

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))
MASKS = SHAPES.flatmap(lambda shape: arrays.arrays(np.uint8, shape))
RANDOM = np.random.default_rng(0)


def square(side: int = 64, start: int = 24, end: int = 40) -> np.ndarray:
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[start:end, start:end] = 255
    return mask


def test_mask_is_the_luminance_of_an_opaque_picture() -> None:
    greys = np.array([[0, 128, 129, 255]], dtype=np.uint8)
    for image in (Image.fromarray(greys), Image.fromarray(greys).convert("RGBA")):
        assert mask_from_picture(image).tolist() == [[0, 0, 255, 255]]
        assert mask_from_picture(image, soft=True).tolist() == greys.tolist()


def test_mask_is_the_alpha_of_a_transparent_picture() -> None:
    image = Image.new("RGBA", (4, 1), "white")
    image.putalpha(Image.fromarray(np.array([[0, 128, 129, 255]], dtype=np.uint8)))
    assert mask_from_picture(image).tolist() == [[0, 0, 255, 255]]
    assert mask_from_picture(image, soft=True).tolist() == [[0, 128, 129, 255]]
    assert mask_from_transparency(image).tolist() == [[255, 0, 0, 0]]
    assert mask_from_transparency(image, soft=True).tolist() == [[255, 127, 126, 0]]


def test_picture_without_alpha_has_nothing_erased() -> None:
    assert not mask_from_transparency(Image.new("RGB", (3, 2), "white")).any()


def test_mask_from_strokes_is_where_any_channel_differs() -> None:
    original = RANDOM.integers(0, 255, (20, 30, 3), dtype=np.uint8)
    painted = original.copy()
    painted[3:7, 4:9, 2] += 1
    mask = mask_from_difference(painted, original)
    assert painted_box(mask) == Box(4, 3, 9, 7) and mask[3:7, 4:9].min() == 255
    assert not mask_from_difference(original, original).any()


@given(MASKS)
def test_inverting_twice_changes_nothing(mask: np.ndarray) -> None:
    assert np.array_equal(inverted(inverted(mask)), mask)
    assert inverted(mask).dtype == np.uint8
    assert set(np.unique(hardened(mask))) <= {0, 255}


@given(MASKS)
def test_box_holds_all_that_is_painted_and_no_more(mask: np.ndarray) -> None:
    box = painted_box(mask)
    if box is None:
        assert not mask.any()
        return
    inside = mask[box.slices]
    outside = mask.copy()
    outside[box.slices] = 0
    assert not outside.any()
    assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_box_of_a_full_and_of_a_blank_mask() -> None:
    assert painted_box(np.full((5, 7), 255, dtype=np.uint8)) == Box(0, 0, 7, 5)
    assert painted_box(np.zeros((5, 7), dtype=np.uint8)) is None


@pytest.mark.parametrize("sigma", [0.4, 1, 4, 9.5])
def test_blur_is_the_convolution_with_the_kernel_it_names(sigma: float) -> None:
    """Against the sum written out, border mirrored without the outermost pixel."""
    plane = RANDOM.random((13, 17))
    reach = int(2.5 * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights /= weights.sum()
    expected = np.zeros_like(plane)
    for x in range(17):
        places = [abs((x + offset + 16) % 32 - 16) for offset in offsets]
        expected[:, x] = plane[:, places] @ weights
    assert np.allclose(gaussian(plane, sigma, 0), expected, atol=1e-12)
    assert np.allclose(gaussian(plane.T, 0, sigma), expected.T, atol=1e-12)


@given(MASKS, st.floats(0, 64), st.floats(0, 64))
def test_blur_keeps_the_size_and_the_range(mask: np.ndarray, blur_x: float, blur_y: float) -> None:
    result = blurred(mask, blur_x, blur_y)
    assert result.shape == mask.shape and result.dtype == np.uint8
    assert mask.min() <= result.min() and result.max() <= mask.max()


def test_blur_reaches_as_far_as_its_kernel_along_its_own_axis() -> None:
    mask = blurred(square(), 4, 0)
    box = painted_box(mask)
    assert box is not None and (box.top, box.bottom) == (24, 40)
    assert 24 - 10 <= box.left < 20 and 44 < box.right <= 40 + 10
    assert np.array_equal(blurred(square().T, 0, 4), mask.T)
    assert np.array_equal(blurred(square(), 0, 0), square())


def test_wide_blur_on_a_reduced_picture_is_the_blur_itself() -> None:
    plane = RANDOM.random((150, 203)).astype(np.float32)
    plane[:70] += 3
    assert np.abs(wide_gaussian(plane, 33) - gaussian(plane, 33, 33)).max() < 0.05


def test_mask_of_another_size_comes_to_the_size_of_its_picture() -> None:
    mask = resized(square(64, 16, 48), 256, 128)
    assert mask.shape == (128, 256)
    assert mask[64, 128] == 255 and mask[0, 0] == 0
    assert mask.mean() == pytest.approx(255 / 4, abs=2)


@given(arrays.arrays(np.uint8, (7, 9)))
def test_overlay_mask_is_twice_the_mask(mask: np.ndarray) -> None:
    assert np.array_equal(overlay_mask(mask), np.clip(mask.astype(int) * 2, 0, 255))


@given(st.data(), st.integers(1, 12), st.integers(1, 12))
def test_composite_keeps_each_picture_bit_for_bit_where_the_mask_says_so(
    data: st.DataObject, width: int, height: int
) -> None:
    painted, original = (data.draw(arrays.arrays(np.uint8, (height, width, 3))) for _ in range(2))
    mask = data.draw(arrays.arrays(np.uint8, (height, width), elements=st.sampled_from([0, 1, 128, 254, 255])))
    result = composite(painted, original, mask)
    assert np.array_equal(result[mask == 0], original[mask == 0])
    assert np.array_equal(result[mask == 255], painted[mask == 255])
    share = mask[..., np.newaxis] / 255
    assert np.abs(result - (painted * share + original * (1 - share))).max() <= 0.5 + 1e-9
    assert np.array_equal(composite(original, original, mask), original)


def test_latent_mask_is_rounded_or_soft() -> None:
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[:, :32] = 255
    mask[:, 32:40] = 96
    hard, soft = latent_mask(mask, 8, 8), latent_mask(mask, 8, 8, soft=True)
    assert hard.dtype == soft.dtype == np.float32
    assert hard.tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]] * 8
    assert 0.3 < soft[4, 4] < 0.45 and soft[4, 0] == 1 and soft[4, 7] == 0


@given(MASKS, st.integers(1, 9), st.integers(1, 9))
def test_latent_mask_of_any_mask(mask: np.ndarray, width: int, height: int) -> None:
    assert latent_mask(mask, width, height).shape == (height, width)
    assert set(np.unique(latent_mask(mask, width, height))) <= {0, 1}
    soft = latent_mask(mask, width, height, soft=True)
    assert soft.min() >= 0 and soft.max() <= 1
