"""Targets: sizes by factor and by width and height, against hand-computed cases."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.upscaling.target import ByFactor, BySize


@pytest.mark.parametrize(
    ("target", "size", "expected"),
    [
        (ByFactor(2), (640, 360), (1280, 720)),
        (ByFactor(1.5), (33, 21), (50, 32)),
        (ByFactor(0.001), (100, 50), (1, 1)),
        (ByFactor(4, longest=1000), (500, 250), (1000, 500)),
        (ByFactor(2, longest=1000), (400, 300), (800, 600)),
        (BySize(512, 512), (640, 320), (1024, 512)),
        (BySize(512, 512, cut=False), (320, 640), (512, 1024)),
        (BySize(1, 1), (1, 1), (1, 1)),
    ],
)
def test_sides(target: ByFactor | BySize, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert target.sides(*size) == expected


def test_crop() -> None:
    assert BySize(512, 512).crop(1024, 512) == (512, 512)
    assert BySize(512, 512, cut=False).crop(1024, 512) == (1024, 512)
    assert ByFactor(2).crop(1024, 512) == (1024, 512)


@given(*[st.integers(1, 3000)] * 4)
def test_a_size_is_covered_and_the_cut_is_the_size(
    width: int, height: int, wanted_width: int, wanted_height: int
) -> None:
    target = BySize(wanted_width, wanted_height)
    try:
        sides = target.sides(width, height)
    except InvalidRequest:
        assert max(wanted_width / width, wanted_height / height) > 2, "only very long pictures are too large"
        return
    assert sides[0] >= wanted_width and sides[1] >= wanted_height
    assert target.crop(*sides) == (wanted_width, wanted_height)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (ByFactor(0), "Upscale by 0 is no factor"),
        (ByFactor(math.nan), "Upscale by nan is no factor"),
        (ByFactor(math.inf), "Upscale by inf is no factor"),
        (ByFactor(100), "Upscale by 100 makes a picture of 100000x100000 pixels. Choose at most 8.19."),
        (ByFactor(2, longest=-1), "Max side length -1"),
        (BySize(0, 512), "Resize to '0x512' is no size"),
        (BySize(20000, 20000), "Resize to '20000x20000' takes 20000x20000 pixels"),
    ],
)
def test_refusals_name_field_value_and_remedy(target: ByFactor | BySize, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        target.sides(1000, 1000)
    assert words in str(refused.value)


def test_the_factor_that_is_named_as_the_most_is_accepted() -> None:
    width, height = ByFactor(8.19).sides(1000, 1000)
    assert width == height == 8190
