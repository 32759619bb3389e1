"""The laws of inpainting and outpainting: what changes, and what stays to the last bit."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.imaging.masks import inverted
from modules.imaging.resizing import lanczos
from tests.pipeline.painting import MASK, PICTURE, SHAPES, Onlooker, Studio, distance, drawn, to_img2img

FILLS = ("fill", "original", "latent noise", "latent nothing")
REACH = 10
"""Pixels that a blur of 4 reaches: int(2.5 x 4 + 0.5)."""

Stretch = tuple[int, int]


def boxed(
    width: int, height: int, across: Stretch = (16, 40), down: Stretch = (24, 48), level: int = 255
) -> np.ndarray:
    """A mask of one box."""
    mask = np.zeros((height, width), np.uint8)
    mask[slice(*down), slice(*across)] = level
    return mask


def put(studio: Studio, mask: np.ndarray, width: int = 64, height: int = 64) -> np.ndarray:
    """Store a mask and a picture of that size; gives the picture."""
    studio.pictures[MASK] = Image.fromarray(mask)
    pixels = drawn(width, height)
    studio.pictures[PICTURE] = Image.fromarray(pixels)
    return pixels


def beyond(width: int, height: int, across: Stretch, down: Stretch, reach: int) -> np.ndarray:
    """Where a picture is more than `reach` pixels away from a box."""
    rows, columns = np.mgrid[0:height, 0:width]
    near_across = (columns >= across[0] - reach) & (columns < across[1] + reach)
    far: np.ndarray = ~(near_across & (rows >= down[0] - reach) & (rows < down[1] + reach))
    return far


def inpaint(studio: Studio, **fields: Any) -> np.ndarray:
    return studio.img2img(mask=MASK, **fields)


@pytest.mark.parametrize(("fill", "only", "soft"), list(product(FILLS, (False, True), (False, True))))
def test_what_is_not_masked_stays_to_the_last_bit(studio: Studio, fill: str, only: bool, soft: bool) -> None:
    pixels, stays = put(studio, boxed(64, 64)), beyond(64, 64, (16, 40), (24, 48), REACH)
    made = inpaint(studio, inpainting_fill=fill, inpaint_full_res=only, soft_inpainting=soft)
    assert np.array_equal(made[stays], pixels[stays])
    assert not np.array_equal(made[30:40, 22:34], pixels[30:40, 22:34])


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize("only", [False, True])
def test_every_kind_of_model_paints_under_a_mask(studio: Studio, model: str, only: bool) -> None:
    pixels, stays = put(studio, boxed(64, 64)), beyond(64, 64, (16, 40), (24, 48), REACH)
    made = inpaint(studio, model=model, inpaint_full_res=only)
    assert np.array_equal(made[stays], pixels[stays])
    assert not np.array_equal(made[30:40, 22:34], pixels[30:40, 22:34])


@pytest.mark.parametrize(
    "sampler", ["Euler a", "DPM++ 2M SDE", "UniPC", "DDIM", "DDIM CFG++", "DPM++ 2M CFG++", "Restart", "LMS", "LCM"]
)
def test_every_kind_of_sampler_paints_under_a_mask(studio: Studio, sampler: str) -> None:
    pixels, stays = put(studio, boxed(64, 64)), beyond(64, 64, (16, 40), (24, 48), REACH)
    made = inpaint(studio, sampler_name=sampler)
    assert np.array_equal(made[stays], pixels[stays])
    assert not np.array_equal(made[~stays], pixels[~stays])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), only=st.booleans(), blur=st.integers(0, 12))
def test_only_the_surroundings_of_the_mask_change(studio: Studio, data: st.DataObject, only: bool, blur: int) -> None:
    """Of pictures of any size and boxes anywhere, also at borders."""
    width, height = data.draw(st.integers(33, 90)), data.draw(st.integers(33, 90))
    across, down = (
        data.draw(st.tuples(st.integers(0, side - 1), st.integers(1, side)).filter(lambda ends: ends[0] < ends[1]))
        for side in (width, height)
    )
    pixels = put(studio, boxed(width, height, across, down), width, height)
    fields: dict[str, Any] = {"mask_blur_x": blur, "mask_blur_y": blur, "steps": 1, "denoising_strength": 1}
    made = inpaint(studio, inpaint_full_res=only, inpaint_full_res_padding=4, **fields)
    if only:
        assert made.shape == pixels.shape
        stays = beyond(width, height, across, down, int(2.5 * blur + 0.5))
        assert np.array_equal(made[stays], pixels[stays])
    else:
        assert made.shape == (64, 64, 3)
        resized = lanczos(pixels, 64, 64)
        # A mask that is brought to size reaches three pixels of either size further.
        scales = np.array([64 / width, 64 / height])
        left, right = np.array(across) * scales[0], np.array(down) * scales[1]
        reach = (int(2.5 * blur + 0.5) + 3) * scales.max() + 3
        stays = beyond(64, 64, (left[0], left[1]), (right[0], right[1]), reach)
        assert np.array_equal(made[stays], resized[stays])


@pytest.mark.parametrize("blur", [(0, 0), (8, 0), (0, 8)])
def test_blur_has_two_axes(studio: Studio, blur: tuple[int, int]) -> None:
    """A blur of 8 reaches 20 pixels, and 0 none."""
    mask = boxed(64, 64, (28, 36), (28, 36))
    pixels = put(studio, mask)
    made = inpaint(studio, mask_blur_x=blur[0], mask_blur_y=blur[1], inpaint_full_res=True)
    changed = (made != pixels).any(axis=2)
    columns, rows = changed.any(axis=0).nonzero()[0], changed.any(axis=1).nonzero()[0]
    for touched, axis in ((columns, blur[0]), (rows, blur[1])):
        reach = 20 if axis else 0
        assert touched.min() >= 28 - reach and touched.max() < 36 + reach
        assert bool(axis) == (touched.min() < 28)


def test_fills_begin_with_different_contents(studio: Studio) -> None:
    put(studio, boxed(64, 64))
    made = [inpaint(studio, inpainting_fill=fill) for fill in FILLS]
    assert not any(np.array_equal(one, other) for one, other in combinations(made, 2))


@pytest.mark.parametrize("fill", FILLS)
def test_batch_of_two_is_two_single_pictures(studio: Studio, fill: str) -> None:
    put(studio, boxed(64, 64))
    both = studio.paint(to_img2img(mask=MASK, inpainting_fill=fill, batch_size=2, seed=10, soft_inpainting=True))
    for index in range(2):
        single = inpaint(studio, inpainting_fill=fill, seed=10 + index, soft_inpainting=True)
        assert distance(both[index], single) <= 1


def test_full_mask_is_img2img(studio: Studio) -> None:
    put(studio, np.full((64, 64), 255, np.uint8))
    for only in (False, True):
        assert np.array_equal(inpaint(studio, inpaint_full_res=only), studio.img2img())


@pytest.mark.parametrize("further", [{}, {"inpaint_full_res": True}, {"soft_inpainting": True}])
@pytest.mark.parametrize("model", ["plain", "inpainting"])
def test_blank_mask_is_img2img_and_told(studio: Studio, model: str, further: dict[str, Any]) -> None:
    put(studio, np.zeros((64, 64), np.uint8))
    onlooker = Onlooker()
    (made,) = studio.paint(to_img2img(model=model, mask=MASK, **further), onlooker).values()
    assert np.array_equal(made, studio.img2img(model=model))
    assert "The mask is blank: the whole picture is painted" in onlooker.stages


def test_mask_of_another_size_is_brought_to_the_pictures(studio: Studio) -> None:
    pixels = put(studio, boxed(64, 64).repeat(2, axis=0).repeat(2, axis=1))
    stays = beyond(64, 64, (16, 40), (24, 48), REACH + 2)
    made = inpaint(studio)
    assert np.array_equal(made[stays], pixels[stays])
    assert not np.array_equal(made[~stays], pixels[~stays])


def test_inverted_mask_paints_the_rest(studio: Studio) -> None:
    put(studio, boxed(64, 64))
    made = inpaint(studio, inpainting_mask_invert=True)
    put(studio, inverted(boxed(64, 64)))
    assert np.array_equal(made, inpaint(studio))


@pytest.mark.parametrize("only", [False, True])
def test_mask_from_the_transparent_part(studio: Studio, only: bool) -> None:
    pixels = put(studio, boxed(64, 64))
    pixels[24:48, 16:40] = 255
    studio.pictures[PICTURE] = Image.fromarray(pixels)
    expected = inpaint(studio, inpaint_full_res=only)
    studio.pictures[PICTURE] = Image.fromarray(np.dstack([drawn(), inverted(boxed(64, 64))]))
    assert np.array_equal(studio.img2img(mask_from_alpha=True, inpaint_full_res=only), expected)


def test_painted_mask_and_transparent_part_add_up(studio: Studio) -> None:
    first, second = boxed(64, 64, (0, 16), (0, 16)), boxed(64, 64, (48, 64), (48, 64))
    pixels = put(studio, first)
    studio.pictures[PICTURE] = Image.fromarray(np.dstack([pixels, inverted(second)]))
    made = inpaint(studio, mask_from_alpha=True)
    pixels[48:, 48:] = 255
    studio.pictures |= {PICTURE: Image.fromarray(pixels), MASK: Image.fromarray(np.maximum(first, second))}
    assert np.array_equal(made, inpaint(studio))


class TestSoftInpainting:
    """Grey masks: a pixel is painted in part."""

    def test_grey_counts_only_where_it_is_soft(self, studio: Studio) -> None:
        """A mask of 100 of 255 is none for plain inpainting."""
        pixels = put(studio, boxed(64, 64, level=100))
        assert np.array_equal(inpaint(studio), studio.img2img())
        made = inpaint(studio, soft_inpainting=True, soft_inpainting_difference_threshold=0)
        stays = beyond(64, 64, (16, 40), (24, 48), REACH)
        assert np.array_equal(made[stays], pixels[stays])
        assert not np.array_equal(made[~stays], pixels[~stays])

    def test_strength_0_leaves_the_picture(self, studio: Studio) -> None:
        pixels = put(studio, boxed(64, 64))
        assert np.array_equal(inpaint(studio, soft_inpainting=True, denoising_strength=0), pixels)

    @pytest.mark.parametrize(
        "knob",
        [
            {"soft_inpainting_schedule_bias": 2.0},
            {"soft_inpainting_preservation_strength": 2.0},
            {"soft_inpainting_transition_contrast_boost": 1.0},
            {"soft_inpainting_mask_influence": 1.0},
            {"soft_inpainting_difference_threshold": 5.0},
            {"soft_inpainting_difference_contrast": 8.0},
        ],
        ids=lambda knob: "-".join(knob),
    )
    def test_every_knob_changes_the_picture(self, studio: Studio, knob: dict[str, Any]) -> None:
        put(studio, boxed(64, 64))
        fields = {"soft_inpainting": True, "mask_blur_x": 8, "mask_blur_y": 8}
        assert not np.array_equal(inpaint(studio, **fields), inpaint(studio, **fields, **knob))

    def test_masks_need_not_be_rounded(self, studio: Studio) -> None:
        put(studio, boxed(64, 64))
        assert not np.array_equal(inpaint(studio), inpaint(studio, mask_round=False))


class TestOutpainting:
    """Sides that are added."""

    @pytest.mark.parametrize("model", SHAPES)
    @pytest.mark.parametrize("only", [False, True])
    def test_old_part_stays_beyond_the_feather(self, studio: Studio, model: str, only: bool) -> None:
        margins = {"outpaint_left": 16, "outpaint_top": 8, "outpaint_right": 24, "outpaint_bottom": 32}
        fields: dict[str, Any] = {"model": model, "outpaint_feather": 8, "inpaint_full_res": only}
        made = studio.img2img(**margins, **fields, width=104, height=104)
        assert made.shape == (104, 104, 3)
        assert np.array_equal(made[16:64, 24:72], drawn()[8:56, 8:56])

    @pytest.mark.parametrize(
        ("side", "kept", "old"),
        [
            ("left", np.s_[:, 24:], np.s_[:, 8:]),
            ("right", np.s_[:, :56], np.s_[:, :56]),
            ("top", np.s_[24:], np.s_[8:]),
            ("bottom", np.s_[:56], np.s_[:56]),
        ],
    )
    def test_only_the_side_that_is_extended_is_feathered(self, studio: Studio, side: str, kept: Any, old: Any) -> None:
        width, height = (80, 64) if side in ("left", "right") else (64, 80)
        made = studio.img2img(**{f"outpaint_{side}": 16}, outpaint_feather=8, width=width, height=height)
        assert np.array_equal(made[kept], drawn()[old])

    def test_zooming_out_keeps_the_size(self, studio: Studio) -> None:
        """The canvas of 128 x 128 is painted at 64 x 64; four pixels of the old part are feathered."""
        margins = {f"outpaint_{side}": 32 for side in ("left", "right", "top", "bottom")}
        made = studio.img2img(**margins, outpaint_feather=8)
        assert made.shape == (64, 64, 3)
        assert np.array_equal(made[24:40, 24:40], lanczos(drawn(), 32, 32)[8:24, 8:24])

    def test_canvas_is_painted_where_there_was_nothing(self, studio: Studio) -> None:
        """Another seed changes the new part, and nothing of the old one."""
        one, other = (studio.img2img(outpaint_right=16, width=80, outpaint_feather=0, seed=seed) for seed in (1, 2))
        assert np.array_equal(one[:, :64], other[:, :64])
        assert not np.array_equal(one[:, 64:], other[:, 64:])

    def test_mask_inside_is_painted_too(self, studio: Studio) -> None:
        pixels = put(studio, boxed(64, 64, (0, 16), (0, 16)))
        made = inpaint(studio, outpaint_right=16, width=80, outpaint_feather=8)
        stays = beyond(64, 64, (0, 16), (0, 16), REACH)[:, :56]
        assert np.array_equal(made[:, :56][stays], pixels[:, :56][stays])
        assert not np.array_equal(made[:8, :8], pixels[:8, :8])


@pytest.mark.parametrize(("model", "refiner"), [("inpainting", "other"), ("plain", "inpainting"), ("plain", "pix2pix")])
def test_refiner_may_be_of_another_kind(studio: Studio, model: str, refiner: str) -> None:
    pixels, stays = put(studio, boxed(64, 64)), beyond(64, 64, (16, 40), (24, 48), REACH)
    made = inpaint(studio, model=model, refiner_checkpoint=refiner, refiner_switch_at=0.5)
    assert np.array_equal(made[stays], pixels[stays])
    assert not np.array_equal(made, inpaint(studio, model=model))
