"""Cutting: parts, crops and flipped copies of pictures, as they are wanted for collections of pictures."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from modules.imaging.resizing import crop_and_resize, lanczos
from modules.imaging.sides import covering_sides

_CROP_STEP = 64


def split(
    pixels: np.ndarray, width: int, height: int, *, threshold: float = 0.5, overlap: float = 0.2
) -> list[np.ndarray]:
    """A long picture as parts of width x height that overlap by at least the share `overlap` (0 to below 1) of a part.

    It is scaled until its short side fits, and cut along its long side. A picture of which one part would show more
    than the share `threshold` is not long enough: it is returned as it is.
    """
    scaled_width, scaled_height = covering_sides(pixels.shape[1], pixels.shape[0], width, height)
    if width * height / (scaled_width * scaled_height) > min(threshold, 0.999):
        return [pixels.copy()]
    scaled = lanczos(pixels, scaled_width, scaled_height)
    lefts = _starts(scaled_width, width, overlap)
    tops = _starts(scaled_height, height, overlap)
    return [scaled[top : top + height, left : left + width].copy() for top in tops for left in lefts]


def _starts(length: int, part: int, overlap: float) -> list[int]:
    """Where evenly spaced parts begin, the first at 0 and the last so that it ends with the whole."""
    if length == part:
        return [0]
    count = max(2, math.ceil((length - part * overlap) / (part * (1 - overlap))))
    return [(length - part) * number // (count - 1) for number in range(count)]


def focal_crop(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture scaled until it covers width x height, and cropped to it where most is to be seen.

    Measured is the strength of edges (the length of the gradient of luminance): the window with the largest sum is
    taken, of equal ones that nearest to the middle.
    """
    scaled_width, scaled_height = covering_sides(pixels.shape[1], pixels.shape[0], width, height)
    scaled = lanczos(pixels, scaled_width, scaled_height)
    edges = _edge_strength(scaled)
    left, top = _fullest(edges.sum(axis=0), width), _fullest(edges.sum(axis=1), height)
    return scaled[top : top + height, left : left + width].copy()


def _edge_strength(pixels: np.ndarray) -> np.ndarray:
    grey = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float64)
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    across[:, 1:] = np.diff(grey, axis=1)
    down[1:] = np.diff(grey, axis=0)
    return np.hypot(across, down)


def _fullest(amounts: np.ndarray, length: int) -> int:
    """Where the window of that length begins that holds most; nearest to the middle among equals."""
    total = np.concatenate([[0.0], np.cumsum(np.rint(amounts))])
    sums = total[length:] - total[:-length]
    best = np.flatnonzero(sums == sums.max())
    return int(best[np.argmin(np.abs(best - (len(sums) - 1) / 2))])


def auto_sized_crop(
    pixels: np.ndarray,
    *,
    min_side: int = 384,
    max_side: int = 768,
    min_area: int = 64 * 64,
    max_area: int = 640 * 640,
    largest_first: bool = True,
    threshold: float = 0.1,
) -> np.ndarray | None:
    """A picture cropped in its middle to the best size whose sides are `min_side`, 64 more, and so on to `max_side`.

    A size is allowed if its area lies between the two areas (in pixels) and its aspect ratio differs from the
    picture's by at most the share `threshold`. The largest is best, or the one of the most similar shape where
    `largest_first` is False. None where no size is allowed.
    """
    ratio: float = pixels.shape[1] / pixels.shape[0]

    def difference(size: tuple[int, int]) -> float:
        quotient = ratio * size[1] / size[0]
        return 1.0 - min(quotient, 1 / quotient)

    def rank(size: tuple[int, int]) -> tuple[float, float]:
        area, likeness = float(size[0] * size[1]), -difference(size)
        return (area, likeness) if largest_first else (likeness, area)

    sides = range(min_side, max_side + 1, _CROP_STEP)
    sizes = ((width, height) for width in sides for height in sides if min_area <= width * height <= max_area)
    best = max((size for size in sizes if difference(size) <= threshold), key=rank, default=None)
    return None if best is None else crop_and_resize(pixels, *best)


def flipped_copies(
    pixels: np.ndarray, *, horizontal: bool = False, vertical: bool = False, both: bool = False
) -> list[np.ndarray]:
    """The picture and, as wished, its mirror images: left and right exchanged, top and bottom exchanged, both."""
    copies = [pixels]
    if horizontal:
        copies.append(pixels[:, ::-1])
    if vertical:
        copies.append(pixels[::-1])
    if both:
        copies.append(pixels[::-1, ::-1])
    return [copy.copy() for copy in copies]
