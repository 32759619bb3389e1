"""Transparent pictures on a colour."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.imaging.flattening import colour_of, flattened


def test_colour_shows_as_far_as_the_picture_is_transparent() -> None:
    image = Image.new("RGBA", (3, 1), (200, 100, 0, 255))
    image.putalpha(Image.fromarray(np.array([[255, 0, 128]], dtype=np.uint8)))
    assert flattened(image, "#0000Ff").tolist()[0][:2] == [[200, 100, 0], [0, 0, 255]]
    assert np.abs(flattened(image, "#0000ff")[0, 2].astype(int) - (100, 50, 127)).max() <= 1
    assert flattened(image)[0, 1].tolist() == [255, 255, 255]


def test_opaque_picture_stays() -> None:
    assert flattened(Image.new("RGB", (2, 2), (1, 2, 3)), "#ff0000").tolist() == [[[1, 2, 3]] * 2] * 2


@pytest.mark.parametrize(
    "colour", ["", "ffffff", "#fff", "#gggggg", "#ffffff ", "white", "#12345", "# 12345", "#+12345"]
)
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(InvalidRequest, match="Background colour .* is not a colour. Write it as #"):
        colour_of(colour)
