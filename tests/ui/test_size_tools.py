"""Sizes that suit a checkpoint: of the right shape, as many pixels as it knows, and whole."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from modules.checkpoints.card import Card, Recommended, recommended_for
from modules.checkpoints.identification import Family
from modules.schema.requests import MAX_SIDE, MIN_SIDE, SIDE_STEP
from modules.ui.size_tools import SHAPES, known_sizes, sides_for, size_facts

NATIVE: list[tuple[tuple[int, int], Family | None]] = [
    ((512, 512), "sd1"),
    ((768, 768), "sd2"),
    ((1024, 1024), "sdxl"),
    ((1024, 1024), None),
    ((256, 256), None),
    ((128, 128), "sd1"),
    ((64, 64), "sd1"),
    ((512, 768), "sd1"),
    ((4096, 4096), None),
]


@pytest.mark.parametrize(("native", "family"), NATIVE)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_size_has_nearly_the_shape_and_the_pixels(
    native: tuple[int, int], family: Family | None, shape: tuple[int, int]
) -> None:
    width, height = sides_for(shape, native, family)
    assert width % SIDE_STEP == height % SIDE_STEP == 0
    assert MIN_SIDE <= min(width, height) and max(width, height) <= MAX_SIDE
    if 64 < min(native) < 4096:  # where the limits of a side leave room
        assert abs(math.log(width / height * shape[1] / shape[0])) < 0.09
        assert 0.7 < width * height / (native[0] * native[1]) < 1.35


@pytest.mark.parametrize(("native", "family"), [row for row in NATIVE if 64 < min(row[0]) < 4096])
def test_every_shape_has_a_size_of_its_own_and_lies_down_as_it_stands(
    native: tuple[int, int], family: Family | None
) -> None:
    sizes = {shape: sides_for(shape, native, family) for shape in SHAPES}
    assert len(set(sizes.values())) == len(SHAPES)
    assert all(sizes[width, height] == sizes[height, width][::-1] for width, height in SHAPES)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        *(((1, 1), (1024, 1024)), ((4, 5), (896, 1088)), ((3, 4), (896, 1152))),
        *(((2, 3), (832, 1216)), ((9, 16), (768, 1344)), ((16, 9), (1344, 768))),
    ],
)
def test_sdxl_gets_the_sizes_it_was_trained_on(shape: tuple[int, int], sides: tuple[int, int]) -> None:
    assert sides_for(shape, (1024, 1024), "sdxl") == sides


@pytest.mark.parametrize("family", [*get_args(Family), None])
def test_the_list_begins_with_the_checkpoint_s_own_size(family: Family | None) -> None:
    own = recommended_for(family, None)
    sizes = known_sizes((own.width, own.height), family)
    assert sizes[0] == (own.width, own.height) and len(sizes) == len(set(sizes)) >= 5


def test_a_small_checkpoint_of_a_large_family_is_offered_small_sizes() -> None:
    facts = size_facts(Card(recommended=Recommended(width=128, height=128, steps=12)), "sd1")
    assert facts["sizes"][0] == [128, 128] and max(max(sides) for sides in facts["sizes"]) <= 192
    assert facts["least"] < 128 * 128 < facts["most"] < 2 * 128 * 128
    assert facts["usual"]["steps"] == 12 and facts["step"] == SIDE_STEP
