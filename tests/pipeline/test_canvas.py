"""Canvases against cases worked out by hand: what is painted, at which size, and what is laid around it."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modules.imaging.boxes import Box
from modules.imaging.filling import filled
from modules.pipeline.canvas import Canvas, canvas_of
from modules.schema.field_types import MaskedContentName, ResizeModeName
from tests.pipeline.painting import drawn, to_img2img


def canvas(mask: np.ndarray | None, size: tuple[int, int] = (64, 64), **fields: Any) -> Canvas:
    """Of a picture of that size, painted at 64 x 64 unless the fields say otherwise; the mask is not blurred."""
    request = to_img2img(**{"mask_blur_x": 0, "mask_blur_y": 0, **fields})
    shown = None if mask is None else Image.fromarray(mask)
    return canvas_of(request, Image.fromarray(drawn(*size)), shown)


def boxed(width: int, height: int, box: Box) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[box.slices] = 255
    return mask


@pytest.mark.parametrize(
    ("size", "masked", "padding", "painted", "region"),
    [
        ((64, 64), Box(16, 24, 40, 48), 8, (64, 64), Box(8, 16, 48, 56)),
        # Without padding the box itself; wider than high, it grows to the shape of what is painted.
        ((64, 64), Box(16, 24, 40, 48), 0, (64, 64), Box(16, 24, 40, 48)),
        ((64, 64), Box(16, 28, 48, 36), 0, (64, 64), Box(16, 16, 48, 48)),
        ((64, 64), Box(28, 16, 36, 48), 0, (128, 64), Box(0, 16, 64, 48)),
        # At a corner padding ends at the border, and growth goes inwards.
        ((64, 64), Box(0, 0, 8, 8), 8, (64, 64), Box(0, 0, 16, 16)),
        ((64, 64), Box(0, 0, 8, 8), 8, (128, 64), Box(0, 0, 32, 16)),
        # A picture of odd size, a box of one pixel, a box over all of it.
        ((75, 61), Box(74, 60, 75, 61), 3, (64, 64), Box(71, 57, 75, 61)),
        ((75, 61), Box(0, 0, 75, 61), 32, (64, 64), Box(0, 0, 75, 61)),
    ],
)
def test_region_of_only_masked(
    size: tuple[int, int], masked: Box, padding: int, painted: tuple[int, int], region: Box
) -> None:
    width, height = painted
    fields: dict[str, Any] = {"inpaint_full_res": True, "inpaint_full_res_padding": padding}
    made = canvas(boxed(*size, masked), size, width=width, height=height, **fields)
    assert made.region is not None and made.region.box == region
    assert made.pixels.shape == (height, width, 3) and made.original.shape == (size[1], size[0], 3)


def test_a_dot_that_is_blurred_away_is_still_a_mask() -> None:
    dot = boxed(64, 64, Box(20, 30, 21, 31))
    made = canvas(dot, mask_blur_x=12, mask_blur_y=12)
    assert made.mask is not None and np.array_equal(made.mask, dot)
    assert canvas(np.zeros((64, 64), np.uint8)).mask is None


def test_masked_part_takes_the_place_of_the_original() -> None:
    """Painted all black, nothing else is: the result has the picture's own odd size."""
    mask = boxed(75, 61, Box(10, 12, 31, 40))
    made = canvas(mask, (75, 61), inpaint_full_res=True, inpaint_full_res_padding=5)
    finished = made.finish(np.zeros((64, 64, 3), np.uint8))
    expected = drawn(75, 61)
    expected[12:40, 10:31] = 0
    assert np.array_equal(finished, expected)


def test_overlay_of_the_whole_picture_is_twice_the_mask() -> None:
    """A mask of 100 shows 200 of 255 of white over the original."""
    made = canvas(np.full((64, 64), 100, np.uint8), soft_inpainting=True)
    finished = made.finish(np.full((64, 64, 3), 255, np.uint8))
    expected = (255 * 200 + drawn().astype(int) * 55 + 127) // 255
    assert np.array_equal(finished, expected)


def test_soft_overlay_takes_the_new_picture_away() -> None:
    made = canvas(np.full((64, 64), 255, np.uint8), soft_inpainting=True)
    soft = np.zeros((64, 64), np.uint8)
    soft[:, 32:] = 255
    finished = made.finish(np.full((64, 64, 3), 9, np.uint8), soft)
    assert np.array_equal(finished[:, :32], drawn()[:, :32])
    assert bool((finished[:, 32:] == 9).all())


def test_without_a_mask_the_painted_picture_is_the_result() -> None:
    made = canvas(None)
    painted = np.full((64, 64, 3), 9, np.uint8)
    assert (made.mask, made.overlay, made.region) == (None, None, None)
    assert np.array_equal(made.finish(painted), painted)


@pytest.mark.parametrize("mode", ["Just resize", "Just resize (latent upscale)"])
def test_masked_part_is_filled_at_the_size_that_is_encoded(mode: str) -> None:
    mask = boxed(80, 64, Box(16, 24, 40, 48))
    made = canvas(mask, (80, 64), inpainting_fill="fill", resize_mode=mode, width=160, height=128)
    if mode == "Just resize":
        assert made.mask is not None
        assert np.array_equal(made.begin, filled(made.pixels, made.mask))
    else:
        assert np.array_equal(made.begin, filled(drawn(80, 64), mask))
    assert made.pixels.shape == (128, 160, 3)


def test_outpainting_extends_before_it_resizes() -> None:
    made = canvas(None, outpaint_left=64, outpaint_feather=0, width=64, height=64)
    assert made.mask is not None
    # Half of the canvas is new; brought to half its width, half of the result is.
    assert bool((made.mask[:, :28] == 255).all()) and not made.mask[:, 36:].any()


SIDES = st.sampled_from([64, 72, 128])
MARGINS = st.sampled_from([0, 0, 1, 17])
FIELDS = st.fixed_dictionaries(
    {
        "resize_mode": st.sampled_from(get_args(ResizeModeName)),
        "inpainting_fill": st.sampled_from(get_args(MaskedContentName)),
        "width": SIDES,
        "height": SIDES,
        "inpaint_full_res": st.booleans(),
        "inpaint_full_res_padding": st.integers(0, 40),
        "inpainting_mask_invert": st.booleans(),
        "mask_from_alpha": st.booleans(),
        "soft_inpainting": st.booleans(),
        "img2img_color_correction": st.booleans(),
        "mask_blur_x": st.integers(0, 9),
        "mask_blur_y": st.integers(0, 9),
        "outpaint_left": MARGINS,
        "outpaint_top": MARGINS,
        "outpaint_right": MARGINS,
        "outpaint_bottom": MARGINS,
        "outpaint_feather": st.integers(0, 40),
    }
)


@given(
    fields=FIELDS,
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    mask_size=st.none() | st.tuples(st.integers(1, 70), st.integers(1, 70)),
    seed=st.integers(0, 9),
)
def test_any_picture_with_any_mask_has_a_canvas(
    fields: dict[str, Any], size: tuple[int, int], mask_size: tuple[int, int] | None, seed: int
) -> None:
    """Down to one pixel. What is painted has the size asked for, and what is not masked comes back as it was."""
    random = np.random.default_rng(seed)
    picture = Image.fromarray(random.integers(0, 256, (size[1], size[0], 4), np.uint8))
    mask = None if mask_size is None else Image.fromarray(random.integers(0, 256, mask_size[::-1], np.uint8))
    made = canvas_of(to_img2img(**fields), picture, mask)
    painted_size = (fields["height"], fields["width"], 3)
    assert made.pixels.shape == painted_size
    assert made.mask is None or made.mask.shape == painted_size[:2]
    height, width = made.begin.shape[:2]
    assert height % 8 == width % 8 == 0
    if fields["resize_mode"] != "Just resize (latent upscale)" or made.region is not None:
        assert made.begin.shape == painted_size
    finished = made.finish(random.integers(0, 256, painted_size, np.uint8))
    if made.region is None:
        assert finished.shape == painted_size
    else:
        across, down = (
            (fields["outpaint_left"], fields["outpaint_right"]),
            (fields["outpaint_top"], fields["outpaint_bottom"]),
        )
        assert finished.shape == (size[1] + sum(down), size[0] + sum(across), 3)
    if made.overlay is not None:
        assert np.array_equal(finished[made.overlay == 0], made.original[made.overlay == 0])
