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
from modules.imaging.resizing import lanczos

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


def zoomed_out(pixels: np.ndarray, factor: float, *, feather: int = 0, seed: int = 0) -> Canvas:
    """The picture shrunk by a factor of at least 1, in the middle of a canvas of its old size."""
    assert factor >= 1, "a request's field types see to that"
    height, width = pixels.shape[:2]
    small = lanczos(pixels, max(1, round(width / factor)), max(1, round(height / factor)))
    left, top = (width - small.shape[1]) // 2, (height - small.shape[0]) // 2
    return _canvas(small, Box(left, top, left + small.shape[1], top + small.shape[0]), width, height, feather, seed)


def panned(pixels: np.ndarray, across: float, down: float, *, feather: int = 0, seed: int = 0) -> Canvas:
    """The view moved by shares of its width and height (-1 to 1, to the right and down), on a canvas of its old size.

    What it leaves behind falls off. At least one row and column of the picture stay.
    """
    assert max(abs(across), abs(down)) <= 1, "a request's field types see to that"
    height, width = pixels.shape[:2]
    first_column, last_column = _kept(width, across)
    first_row, last_row = _kept(height, down)
    kept = pixels[first_row:last_row, first_column:last_column]
    left, top = (0 if across > 0 else width - kept.shape[1]), (0 if down > 0 else height - kept.shape[0])
    return _canvas(kept, Box(left, top, left + kept.shape[1], top + kept.shape[0]), width, height, feather, seed)


def _kept(length: int, share: float) -> tuple[int, int]:
    """Which pixels of a side a view that has moved by a share of it still shows."""
    moved = min(length - 1, round(abs(share) * length))
    return (moved, length) if share > 0 else (0, length - moved)


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
