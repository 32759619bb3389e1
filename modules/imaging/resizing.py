"""Resizing: the ways to bring a picture or a mask to a given width and height.

All take uint8 arrays (height, width) or (height, width, channels). `resize` is what changes the number of pixels:
Lanczos unless an upscaler is to do it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from PIL import Image

from modules.imaging.boxes import Box
from modules.imaging.sides import contained_sides, covering_sides

Resize: TypeAlias = Callable[[np.ndarray, int, int], np.ndarray]
"""`resize(pixels, width, height) -> pixels`."""


class ResizeMode(Protocol):
    """How the shape of a picture becomes that of the wanted size."""

    def __call__(self, pixels: np.ndarray, width: int, height: int, resize: Resize = ...) -> np.ndarray: ...


def lanczos(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resampled with a Lanczos window of three lobes; the same array where the size is right already."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def just_resize(pixels: np.ndarray, width: int, height: int, resize: Resize = lanczos) -> np.ndarray:
    """Stretched to the size, whatever that does to its shape."""
    return resize(pixels, width, height)


def crop_and_resize(pixels: np.ndarray, width: int, height: int, resize: Resize = lanczos) -> np.ndarray:
    """Scaled until it covers the size, what sticks out cut off evenly."""
    inner_width, inner_height = covering_sides(pixels.shape[1], pixels.shape[0], width, height)
    resized = resize(pixels, inner_width, inner_height)
    left, top = inner_width // 2 - width // 2, inner_height // 2 - height // 2
    return resized[top : top + height, left : left + width].copy()


def resize_and_fill(pixels: np.ndarray, width: int, height: int, resize: Resize = lanczos) -> np.ndarray:
    """Scaled until it fits into the size, the rest filled with the colours of its outermost rows or columns."""
    inner = contained_box(pixels.shape[1], pixels.shape[0], width, height)
    margins = [(inner.top, height - inner.bottom), (inner.left, width - inner.right)]
    return np.pad(resize(pixels, inner.width, inner.height), margins + [(0, 0)] * (pixels.ndim - 2), mode="edge")


def contained_box(picture_width: int, picture_height: int, width: int, height: int) -> Box:
    """Where `resize_and_fill` puts a picture of the one size inside the other size."""
    inner_width, inner_height = contained_sides(picture_width, picture_height, width, height)
    left, top = width // 2 - inner_width // 2, height // 2 - inner_height // 2
    return Box(left, top, left + inner_width, top + inner_height)


RESIZE_MODES: dict[str, ResizeMode] = {
    "Just resize": just_resize,
    "Crop and resize": crop_and_resize,
    "Resize and fill": resize_and_fill,
}
"""The modes by A1111's names."""
