"""Tiles: a picture in overlapping pieces, and the pieces' results put together without a seam.

Each axis is cut by itself, so the weight of a tile is the product of two ramps and the weights of all tiles add up to
one everywhere. A ramp covers the middle half of an overlap: what a network says about the outermost pixels of a tile,
whose surroundings it did not see, is not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from modules.errors import InvalidRequest

LEAST_TILE = 32

Stretch = tuple[int, int]
"""Start and end of a tile along one axis, in pixels of the picture that goes in."""


@dataclass(frozen=True)
class Tiling:
    """Side of a tile and how far neighbours overlap, in pixels of the picture that goes in; a side of 0 is no tiling.

    Raises InvalidRequest for a tile below LEAST_TILE, or an overlap of more than a third of it.
    """

    side: int = 192
    overlap: int = 16

    def __post_init__(self) -> None:
        if self.side and self.side < LEAST_TILE:
            raise InvalidRequest("Tile size", self.side, "is too small", f"Choose 0 or at least {LEAST_TILE}.")
        if self.overlap < 0 or (self.side and self.overlap > self.side // 3):
            raise InvalidRequest(
                "Tile overlap", self.overlap, "does not fit the tiles", f"Choose 0 to {self.side // 3 or 16}."
            )

    def halved(self, width: int, height: int) -> Tiling | None:
        """Tiles of half the side for a picture of that size; None where they would be too small."""
        side = min(self.side or max(width, height), max(width, height)) // 2
        return Tiling(side, min(self.overlap, side // 3)) if side >= LEAST_TILE else None


USUAL_TILING = Tiling()


def stretches(length: int, tiling: Tiling) -> list[Stretch]:
    """Evenly spread tiles along one axis, each overlapping the next by at least the overlap."""
    side = tiling.side
    if not side or length <= side:
        return [(0, length)]
    count = math.ceil((length - tiling.overlap) / (side - tiling.overlap))
    starts = [index * (length - side) // (count - 1) for index in range(count)]
    return [(start, start + side) for start in starts]


def ramps(cuts: list[Stretch], scale: int) -> list[np.ndarray]:
    """The weight of each tile along one axis, float32, at `scale` times the resolution; they add up to one."""
    weights = [np.ones((end - start) * scale, np.float32) for start, end in cuts]
    for index, ((_, end), (start, _)) in enumerate(pairwise(cuts)):
        shared = (end - start) * scale
        places = (np.arange(shared, dtype=np.float32) + 0.5) / max(1, shared)
        rise = np.clip(2 * places - 0.5, 0, 1)
        weights[index + 1][:shared] = rise
        if shared:
            weights[index][-shared:] *= 1 - rise
    return weights


def in_tiles(
    enlarge: Callable[[np.ndarray], np.ndarray],
    pixels: np.ndarray,
    scale: int,
    tiling: Tiling,
    before_tile: Callable[[float], None],
    *,
    down: Tiling | None = None,
) -> np.ndarray:
    """The picture enlarged tile by tile: uint8 (height * scale, width * scale, 3).

    `enlarge` gives float32 levels (0 to 255) of a piece; `before_tile` is told which share of the tiles is done.
    `down` is the tiling from top to bottom, where tiles are not square. Beside
    the result only one row of tiles is held as numbers.
    """
    height, width = pixels.shape[:2]
    rows, columns = stretches(height, down or tiling), stretches(width, tiling)
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    weights_down, weights_across = ramps(rows, scale), ramps(columns, scale)
    carried = np.zeros((0, width * scale, 3), np.float32)
    for row, (top, bottom) in enumerate(rows):
        band = np.zeros(((bottom - top) * scale, width * scale, 3), np.float32)
        for column, (left, right) in enumerate(columns):
            before_tile((row * len(columns) + column) / (len(rows) * len(columns)))
            piece = enlarge(pixels[top:bottom, left:right])
            piece *= weights_down[row][:, None, None] * weights_across[column][None, :, None]
            band[:, left * scale : right * scale] += piece
        band[: len(carried)] += carried
        following = rows[row + 1][0] if row + 1 < len(rows) else bottom
        finished = (following - top) * scale
        result[top * scale : following * scale] = np.clip(band[:finished] + 0.5, 0, 255)
        carried = band[finished:].copy()
    return result
