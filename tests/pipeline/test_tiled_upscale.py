"""The laws of SD upscale: tiles of a picture that an upscaler enlarged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.upscaling.tiling import Tiling, in_tiles
from tests.pipeline.painting import (
    PICTURE,
    SECOND_PICTURE,
    SHAPES,
    Onlooker,
    Studio,
    blocks,
    distance,
    drawn,
    to_img2img,
)

READING = "Reading the prompt"
"""Told once for each tile."""


def fields(**further: Any) -> dict[str, Any]:
    """Twice as large, in tiles of 64 x 64 that overlap by 16 or more: three by three for 64 x 64."""
    return {"sd_upscale_upscaler": "Repeat", "sd_upscale_overlap": 16, "steps": 2, **further}


def upscaled(studio: Studio, **further: Any) -> np.ndarray:
    return studio.img2img(**fields(**further))


@pytest.mark.parametrize(
    ("size", "factor", "made", "tiles"),
    [
        ((64, 64), 2, (128, 128), 9),
        ((64, 64), 1, (64, 64), 1),
        ((64, 64), 1.5, (96, 96), 4),
        ((96, 64), 2, (192, 128), 12),
        # Whole latents of 3 x 75 by 3 x 61, below which there are 225 x 183.
        ((75, 61), 3, (224, 176), 20),
        # A picture that is smaller than a tile is one tile.
        ((24, 16), 2, (48, 32), 1),
        ((24, 64), 2, (48, 128), 3),
    ],
)
def test_every_tile_is_painted_once(
    studio: Studio, size: tuple[int, int], factor: float, made: tuple[int, int], tiles: int
) -> None:
    studio.pictures[PICTURE] = Image.fromarray(drawn(*size))
    onlooker = Onlooker()
    (pixels,) = studio.paint(to_img2img(**fields(sd_upscale_by=factor)), onlooker).values()
    assert pixels.shape == (made[1], made[0], 3)
    assert onlooker.stages.count(READING) == tiles
    assert onlooker.steps == [(step, 2 * tiles) for step in range(1, 2 * tiles + 1)]


def test_tiles_need_not_be_square(studio: Studio) -> None:
    onlooker = Onlooker()
    studio.paint(to_img2img(**fields(width=128, height=64)), onlooker)
    assert onlooker.stages.count(READING) == 3
    assert {tuple(preview.shape) for preview in onlooker.previews} == {(1, 8, 16, 3)}


@pytest.mark.parametrize("upscaler", ["Repeat", "Inverse"])
def test_at_strength_0_it_is_what_the_upscaler_made(studio: Studio, upscaler: str) -> None:
    """With a VAE that loses nothing; so there is no seam."""
    studio.pictures[PICTURE] = Image.fromarray(blocks())
    made = upscaled(studio, model="blocks", denoising_strength=0, sd_upscale_upscaler=upscaler)
    larger = blocks().repeat(2, axis=0).repeat(2, axis=1)
    assert distance(made, 255 - larger if upscaler == "Inverse" else larger) <= 1


def test_a_picture_that_is_one_tile_is_img2img(studio: Studio) -> None:
    assert np.array_equal(upscaled(studio, sd_upscale_by=1), studio.img2img(steps=2))


def test_every_tile_is_img2img_and_fades_into_its_neighbours(studio: Studio) -> None:
    def painted(tile: np.ndarray) -> np.ndarray:
        studio.pictures[SECOND_PICTURE] = Image.fromarray(tile)
        return studio.img2img(init_images=(SECOND_PICTURE,), steps=2).astype(np.float32)

    larger = drawn().repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(upscaled(studio), in_tiles(painted, larger, 1, Tiling(64, 16), lambda _: None))


@pytest.mark.parametrize("model", SHAPES)
def test_every_kind_of_model(studio: Studio, model: str) -> None:
    made = upscaled(studio, model=model, sd_upscale_by=1.5)
    assert made.shape == (96, 96, 3)
    assert not np.array_equal(made, upscaled(studio, model=model, sd_upscale_by=1.5, seed=2))


def test_a_picture_depends_on_no_batch(studio: Studio) -> None:
    request = fields(sd_upscale_by=1.5, seed=5, height=96, sd_upscale_overlap=8)
    inputs = (PICTURE, SECOND_PICTURE)
    made = studio.paint(to_img2img(**request, init_images=inputs, batch_size=2))
    for index, (one, seed) in enumerate([(PICTURE, 5), (PICTURE, 6), (SECOND_PICTURE, 5), (SECOND_PICTURE, 6)]):
        assert np.array_equal(made[index], studio.img2img(**{**request, "seed": seed}, init_images=(one,)))


def test_finished_pictures_are_not_made_again(studio: Studio) -> None:
    request = to_img2img(**fields(sd_upscale_by=1.5, seed=5, batch_count=3))
    whole, onlooker = studio.paint(request), Onlooker()
    rest = studio.paint(request, onlooker, finished=frozenset({0, 2}))
    assert list(rest) == [1] and np.array_equal(rest[1], whole[1])
    assert onlooker.steps[-1] == (8, 8)


def test_transparent_input_is_laid_on_the_colour(studio: Studio) -> None:
    clear = Image.fromarray(drawn()).convert("RGBA")
    clear.putalpha(0)
    studio.pictures[PICTURE] = clear
    made = upscaled(studio, img2img_background_color="#2040ff", sd_upscale_by=1)
    studio.pictures[PICTURE] = Image.new("RGB", (64, 64), "#2040ff")
    assert np.array_equal(made, upscaled(studio, sd_upscale_by=1))


def test_overlap_is_at_most_a_third_of_a_tile(studio: Studio) -> None:
    assert np.array_equal(upscaled(studio, sd_upscale_overlap=64), upscaled(studio, sd_upscale_overlap=24))
