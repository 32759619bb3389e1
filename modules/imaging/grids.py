"""Grids: many pictures on one sheet, with legends for its columns and rows and a title."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modules.imaging.lettering import lettering
from modules.imaging.reading import MAX_INPUT_SIDE, MAX_PIXELS
from modules.imaging.resizing import lanczos

_LEGEND_SHARE = 0.2
"""Height of column legends and title, as a share of a cell's longer side; legends of rows are twice as wide."""
_FONT_SHARE = 0.06


@dataclass(frozen=True)
class _Sheet:
    """Sizes in pixels: a cell, the gap between cells, and the strips for legends and title (0 where there is none)."""

    columns: int
    rows: int
    cell_width: int
    cell_height: int
    margin: int
    row_legend: int
    column_legend: int
    title: int

    @property
    def width(self) -> int:
        return self.row_legend + self.columns * self.cell_width + (self.columns - 1) * self.margin

    @property
    def height(self) -> int:
        return self.title + self.column_legend + self.rows * self.cell_height + (self.rows - 1) * self.margin

    def corner(self, column: int, row: int) -> tuple[int, int]:
        """Left and top of a cell."""
        left = self.row_legend + column * (self.cell_width + self.margin)
        return left, self.title + self.column_legend + row * (self.cell_height + self.margin)

    def shrunk(self, factor: float) -> _Sheet:
        sizes = {name: int(getattr(self, name) * factor) for name in ("margin", "row_legend", "column_legend", "title")}
        width, height = max(1, int(self.cell_width * factor)), max(1, int(self.cell_height * factor))
        return replace(self, cell_width=width, cell_height=height, **sizes)


def grid_columns(count: int) -> int:
    """How many columns make a grid of that many pictures nearly square, without an empty row."""
    return max(1, math.ceil(math.sqrt(count)))


def grid(
    pictures: Sequence[np.ndarray | None],
    columns: int,
    *,
    column_legends: Sequence[str] = (),
    row_legends: Sequence[str] = (),
    title: str = "",
    margin: int = 0,
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_INPUT_SIDE,
) -> np.ndarray:
    """Pictures (or None for one that is missing), row by row, on white: black legends above, to the left and a title.

    A cell is as wide and as high as the widest and the highest picture; smaller ones stand in its middle. `margin` is
    the gap between cells in pixels. The whole is scaled down until it has at most `max_pixels` and no side is longer
    than `max_side`. Raises ValueError where there is no picture, or the cells alone are more than that.
    """
    present = [picture for picture in pictures if picture is not None]
    if not present:
        raise ValueError("a grid needs at least one picture")
    sheet = _sheet(present, len(pictures), columns, bool(column_legends), bool(row_legends), bool(title), margin)
    sheet = _limited(sheet, max_pixels, max_side)
    factor = min(1.0, *(min(sheet.cell_width / p.shape[1], sheet.cell_height / p.shape[0]) for p in present))
    canvas = np.full((sheet.height, sheet.width, 3), 255, dtype=np.uint8)
    for place, picture in enumerate(pictures):
        if picture is not None:
            row, column = divmod(place, columns)
            _put(canvas, picture, sheet.corner(column, row), sheet, factor)
    _write_legends(canvas, sheet, column_legends, row_legends, title)
    return canvas


def _sheet(
    pictures: Sequence[np.ndarray], count: int, columns: int, above: bool, beside: bool, title: bool, margin: int
) -> _Sheet:
    width, height = max(p.shape[1] for p in pictures), max(p.shape[0] for p in pictures)
    strip = max(24, round(max(width, height) * _LEGEND_SHARE))
    return _Sheet(
        columns=columns,
        rows=math.ceil(count / columns),
        cell_width=width,
        cell_height=height,
        margin=margin,
        row_legend=2 * strip if beside else 0,
        column_legend=strip if above else 0,
        title=strip if title else 0,
    )


def _limited(sheet: _Sheet, max_pixels: int, max_side: int) -> _Sheet:
    if sheet.columns * sheet.rows > max_pixels or max(sheet.columns, sheet.rows) > max_side:
        raise ValueError(f"{sheet.columns} x {sheet.rows} cells do not fit into {max_pixels} pixels")
    limited, factor = sheet, 1.0
    while limited.width * limited.height > max_pixels or max(limited.width, limited.height) > max_side:
        too_many = math.sqrt(max_pixels / (limited.width * limited.height))
        factor *= min(0.999, too_many, max_side / max(limited.width, limited.height))
        limited = sheet.shrunk(factor)
    return limited


def _put(canvas: np.ndarray, picture: np.ndarray, corner: tuple[int, int], sheet: _Sheet, factor: float) -> None:
    """The picture into the middle of its cell; all are scaled by one factor, so that sizes can be compared."""
    width, height = (max(1, round(side * factor)) for side in (picture.shape[1], picture.shape[0]))
    small = lanczos(picture, min(width, sheet.cell_width), min(height, sheet.cell_height))
    left = corner[0] + (sheet.cell_width - small.shape[1]) // 2
    top = corner[1] + (sheet.cell_height - small.shape[0]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small


def _write_legends(
    canvas: np.ndarray, sheet: _Sheet, column_legends: Sequence[str], row_legends: Sequence[str], title: str
) -> None:
    size = round(max(sheet.cell_width, sheet.cell_height) * _FONT_SHARE)
    for column, text in enumerate(column_legends[: sheet.columns]):
        left, bottom = sheet.corner(column, 0)
        _write(canvas, text, (left, sheet.title, left + sheet.cell_width, bottom), size)
    for row, text in enumerate(row_legends[: sheet.rows]):
        right, top = sheet.corner(0, row)
        _write(canvas, text, (0, top, right, top + sheet.cell_height), size)
    _write(canvas, title, (0, 0, sheet.width, sheet.title), round(size * 1.3))


def _write(canvas: np.ndarray, text: str, edges: tuple[int, int, int, int], font_size: int) -> None:
    """The text between left, top, right and bottom, with a little room around it."""
    left, top, right, bottom = edges
    room = min(4, (right - left) // 8, (bottom - top) // 8)
    width, height = right - left - 2 * room, bottom - top - 2 * room
    if text.strip() and width > 0 and height > 0:
        canvas[top + room : bottom - room, left + room : right - room] = lettering(text, width, height, font_size)
