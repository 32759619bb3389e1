"""Outpainting: a larger canvas around a picture, its new area prepared for painting and masked.

The new area repeats the picture's outermost pixels, blurred and with a little noise: something of the right colours
that has no edges, for the models that start from what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modules.errors import InvalidRequest
from modules.imaging.blurring import wide_gaussian
from modules.imaging.boxes import Box
from modules.imaging.reading import MAX_PIXELS

_BLUR = 8.0
_NOISE = 6.0
"""Standard deviation in levels of 255."""


@dataclass(frozen=True)
class Canvas:
    """Pixels to start from, the mask of what is to be painted, and the box in which the old picture lies."""

    pixels: np.ndarray
    mask: np.ndarray
    box: Box


def extended(
    pixels: np.ndarray, *, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0, feather: int = 0, seed: int = 0
) -> Canvas:
    """A picture with room added on its sides, in pixels; the mask reaches `feather` pixels into the picture.

    Raises InvalidRequest where the canvas would have more than MAX_PIXELS.
    """
    assert min(left, top, right, bottom, feather) >= 0, "a request's field types see to that"
    width, height = left + pixels.shape[1] + right, top + pixels.shape[0] + bottom
    if width * height > MAX_PIXELS:
        raise InvalidRequest(
            "Canvas", f"{width} x {height}", f"has more than {MAX_PIXELS:,} pixels", "Extend the picture by less."
        )
    return _canvas(pixels, Box(left, top, width - right, height - bottom), width, height, feather, seed)


def _canvas(picture: np.ndarray, box: Box, width: int, height: int, feather: int, seed: int) -> Canvas:
    margins = ((box.top, height - box.bottom), (box.left, width - box.right), (0, 0))
    smeared = np.pad(picture, margins, mode="edge").astype(np.float32)
    ground = np.stack([wide_gaussian(smeared[..., channel], _BLUR) for channel in range(3)], axis=2)
    ground += np.random.default_rng(seed).normal(0, _NOISE, ground.shape).astype(np.float32)
    pixels = np.rint(ground).clip(0, 255).astype(np.uint8)
    pixels[box.slices] = picture
    return Canvas(pixels, _feathered_mask(box, width, height, feather), box)


def _feathered_mask(box: Box, width: int, height: int, feather: int) -> np.ndarray:
    """255 outside the box; inside it falls to 0 within `feather` pixels from each side that has room beyond it."""
    across = _fall(box.left, box.right, width, feather)
    down = _fall(box.top, box.bottom, height, feather)
    mask: np.ndarray = np.maximum(down[:, np.newaxis], across[np.newaxis, :])
    return mask


def _fall(start: int, end: int, length: int, feather: int) -> np.ndarray:
    places = np.arange(length)
    # How many pixels inside the old picture, counted from 1; 0 and less in the new area.
    depth = np.full(length, feather + 1)
    if start > 0:
        depth = np.minimum(depth, places - start + 1)
    if end < length:
        depth = np.minimum(depth, end - places)
    values: np.ndarray = np.rint(255 * (1 - depth.clip(0) / (feather + 1)))
    return values.astype(np.uint8)
