"""Flattening: a transparent picture laid on one colour."""

from __future__ import annotations

import numpy as np
from PIL import Image

from modules.errors import InvalidRequest

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def flattened(image: Image.Image, colour: str = "#ffffff") -> np.ndarray:
    """Pixels of an RGB or RGBA image, laid on a colour "#rrggbb". Raises InvalidRequest for another colour."""
    ground = Image.new("RGBA", image.size, colour_of(colour))
    if "A" not in image.getbands():
        return np.array(image.convert("RGB"))
    return np.array(Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB"))


def colour_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of "#rrggbb". Raises InvalidRequest."""
    if len(colour) != 7 or colour[0] != "#" or not _HEX_DIGITS.issuperset(colour[1:]):
        raise InvalidRequest(
            "Background colour", colour, "is not a colour", "Write it as # and six hexadecimal digits, e.g. #ffffff."
        )
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
