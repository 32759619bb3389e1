"""The cells of a grid: what a script's requests painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from modules.hooks import Drafting, InvalidRequest, PaintedResult, Resolved, grid, grid_columns, sides_of

MAX_GRID_PIXELS = 200_000_000


def tile(results: Sequence[PaintedResult]) -> np.ndarray | None:
    """The picture of a cell: several lie side by side. None where all of them were skipped."""
    pictures = [None if result.is_skipped else result.pixels for result in results]
    if len(pictures) == 1:
        return pictures[0]
    return grid(pictures, grid_columns(len(pictures))) if _any(pictures) else None


def as_far_as_made(tiles: Sequence[np.ndarray | None], count: int) -> list[np.ndarray | None]:
    """The cells of a grid of `count`, None for those that were not made; empty where none was."""
    return [*tiles, *[None] * (count - len(tiles))] if _any(tiles) else []


def _any(pictures: Iterable[np.ndarray | None]) -> bool:
    return any(picture is not None for picture in pictures)


def said(legends: Sequence[str]) -> Sequence[str]:
    """The legends, if there is anything in them that could be said."""
    return legends if any(legends) else ()


def check_grid(requests: Iterable[Resolved], script: str, context: Drafting) -> None:
    """Refuse a grid that would be too large, before anything is painted for it. Raises InvalidRequest, NotFound."""
    rows = list(requests)
    size_of = lru_cache(context.input_size)  # cells share their inputs, which lie on the disk
    largest = 0
    for request in rows:
        width, height = sides_of(request, size_of)
        largest = max(largest, width * height * request.picture_count)
    if (pixels := largest * len(rows)) > MAX_GRID_PIXELS:
        problem = f"cells would be a grid of {pixels / 1e6:,.0f} megapixels"
        remedy = f"The most is {MAX_GRID_PIXELS // 10**6}: make fewer or smaller pictures."
        raise InvalidRequest(script, len(rows), problem, remedy)
