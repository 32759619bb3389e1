"""Boxes stay inside their picture and reach the wanted shape wherever the picture lets them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.imaging.boxes import Box

SIDES = st.integers(1, 700)


@st.composite
def placed_boxes(draw: st.DrawFn) -> tuple[Box, int, int]:
    """A box and the width and height of the picture around it; often touching its borders."""
    width, height = draw(SIDES), draw(SIDES)
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))), width, height


def is_inside(inner: Box, outer: Box) -> bool:
    return (
        outer.left <= inner.left < inner.right <= outer.right and outer.top <= inner.top < inner.bottom <= outer.bottom
    )


@given(placed_boxes(), st.integers(0, 256))
def test_padding_stays_in_the_picture_and_is_exact_where_there_is_room(
    placed: tuple[Box, int, int], padding: int
) -> None:
    box, width, height = placed
    padded = box.padded(padding, width, height)
    assert is_inside(padded, Box(0, 0, width, height)) and is_inside(box, padded)
    assert padded.left in (0, box.left - padding) and padded.right in (width, box.right + padding)
    assert padded.top in (0, box.top - padding) and padded.bottom in (height, box.bottom + padding)


@given(placed_boxes(), SIDES, SIDES)
def test_ratio_is_reached_or_the_picture_is_too_short(
    placed: tuple[Box, int, int], ratio_width: int, ratio_height: int
) -> None:
    box, width, height = placed
    grown = box.at_ratio(ratio_width, ratio_height, width, height)
    assert is_inside(grown, Box(0, 0, width, height)) and is_inside(box, grown)
    assert grown.width == box.width or grown.height == box.height
    wanted_width = grown.height * ratio_width / ratio_height
    wanted_height = grown.width * ratio_height / ratio_width
    reached = abs(grown.width - wanted_width) < 1 or abs(grown.height - wanted_height) < 1
    too_short = (grown.height == height and height < wanted_height) or (grown.width == width and width < wanted_width)
    assert reached or too_short


@given(placed_boxes(), SIDES, SIDES)
def test_box_stays_in_the_middle_away_from_the_borders(
    placed: tuple[Box, int, int], ratio_width: int, ratio_height: int
) -> None:
    box, width, height = placed
    grown = box.at_ratio(ratio_width, ratio_height, width, height)
    if 0 < grown.left and grown.right < width:
        assert abs((box.left - grown.left) - (grown.right - box.right)) <= 1
    if 0 < grown.top and grown.bottom < height:
        assert abs((box.top - grown.top) - (grown.bottom - box.bottom)) <= 1


@pytest.mark.parametrize(
    ("box", "ratio", "picture", "expected"),
    [
        (Box(40, 40, 60, 50), (512, 512), (100, 100), Box(40, 35, 60, 55)),  # grown about the middle
        (Box(40, 0, 60, 10), (512, 512), (100, 100), Box(40, 0, 60, 20)),  # shifted off the upper border
        (Box(95, 20, 100, 40), (512, 512), (100, 100), Box(80, 20, 100, 40)),  # shifted off the right border
        (Box(0, 0, 100, 10), (1, 4), (100, 50), Box(0, 0, 100, 50)),  # the picture is too short
        (Box(10, 10, 13, 15), (3, 2), (99, 99), Box(8, 10, 15, 15)),  # 5 * 3 / 2 rounded down
        (Box(0, 0, 1, 1), (64, 64), (1, 1), Box(0, 0, 1, 1)),
    ],
)
def test_ratio_by_hand(box: Box, ratio: tuple[int, int], picture: tuple[int, int], expected: Box) -> None:
    assert box.at_ratio(*ratio, *picture) == expected
