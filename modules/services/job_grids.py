"""One picture of all pictures of a job."""

from __future__ import annotations

import math
from pathlib import Path

from modules.imaging.grids import grid, grid_columns
from modules.schema.requests import Resolved
from modules.services.finished_picture import FinishedPicture
from modules.services.job_pictures import JobPictures

MOST_PICTURES = 256
"""Of one grid; of a larger job none is made."""


def save_job_grid(request: Resolved, pictures: JobPictures, folder: Path, *, rows: int) -> None:
    """Save a grid behind the pictures of a request, once, where there are several; `rows` as the setting n_rows."""
    number = request.picture_count
    finished = sorted(pictures.finished(0, number))
    if not 1 < len(finished) <= MOST_PICTURES or pictures.finished(number, 1):
        return
    shown = [pictures.saved(one) for one in finished]
    pixels = grid([one.pixels for one in shown], columns_of(len(shown), rows, request.batch_size))
    first = FinishedPicture(number, pixels, shown[0].infotext, request.seed_of(0))
    pictures.save(number, first, folder, request=request, is_grid=True)


def columns_of(count: int, rows: int, batch_size: int) -> int:
    """How many columns so many rows need: -1 makes the grid nearly square, 0 has as many rows as a batch pictures."""
    if rows < 0:
        return grid_columns(count)
    return math.ceil(count / min(count, rows or batch_size))
