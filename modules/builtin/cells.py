"""The cells of a grid: what a script's requests painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from modules.hooks import Drafting, InvalidRequest, PaintedResult, Resolved, grid, grid_columns, sides_of

MAX_GRID_PIXELS = 200_000_000


def tile(results: Sequence[PaintedResult]) -> np.ndarray:
    """The picture of a cell: several lie side by side."""
    if len(results) == 1:
        return results[0].pixels
    return grid([result.pixels for result in results], grid_columns(len(results)))


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
