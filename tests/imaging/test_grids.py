"""Grids show every picture in its cell, legends that fit, and never more than the limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.imaging.encoding import encode_png
from modules.imaging.grids import grid, grid_columns
from modules.imaging.lettering import lettering
from modules.imaging.reading import load_input

COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]


def plain(colour: tuple[int, int, int], width: int = 40, height: int = 30) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def dark(pixels: np.ndarray) -> np.ndarray:
    brightest: np.ndarray = pixels.max(axis=2)
    return brightest < 128


def test_pictures_stand_row_by_row_with_the_rest_white() -> None:
    sheet = grid([plain(colour) for colour in COLOURS], 3, margin=2)
    assert sheet.shape == (62, 124, 3)
    for place, colour in enumerate(COLOURS):
        row, column = divmod(place, 3)
        assert (sheet[row * 32 : row * 32 + 30, column * 42 : column * 42 + 40] == colour).all()
    assert (sheet[32:, 84:] == 255).all() and (sheet[30:32] == 255).all() and (sheet[:, 40:42] == 255).all()


def test_missing_picture_leaves_its_cell_empty() -> None:
    sheet = grid([None, plain(COLOURS[0])], 2)
    assert (sheet[:, :40] == 255).all() and (sheet[:, 40:] == COLOURS[0]).all()


def test_smaller_picture_stands_in_the_middle_of_its_cell() -> None:
    sheet = grid([plain(COLOURS[0]), plain(COLOURS[1], 20, 10)], 2)
    assert (sheet[10:20, 50:70] == COLOURS[1]).all()
    assert (sheet[:, 40:] != 255).any(axis=2).sum() == 200


def test_legends_stand_above_and_beside_and_change_no_picture() -> None:
    pictures = [plain(colour, 200, 200) for colour in COLOURS[:4]]
    sheet = grid(pictures, 2, column_legends=["Steps: 20", "Steps: 30"], row_legends=["Euler", "Heun"], title="Title")
    assert sheet.shape == (480, 480, 3)
    assert dark(sheet[:40]).any() and dark(sheet[40:80, 80:280]).any() and dark(sheet[40:80, 280:]).any()
    assert dark(sheet[80:280, :80]).any() and dark(sheet[280:, :80]).any()
    assert not dark(sheet[40:80, :80]).any()
    for place, picture in enumerate(pictures):
        row, column = divmod(place, 2)
        assert np.array_equal(sheet[80 + row * 200 :, 80 + column * 200 :][:200, :200], picture)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=12),
    st.integers(1, 5),
    st.integers(0, 9),
    st.booleans(),
    st.integers(400, 20_000),
    st.integers(40, 400),
)
def test_grid_stays_within_its_limits(
    sizes: list[tuple[int, int]], columns: int, margin: int, legends: bool, max_pixels: int, max_side: int
) -> None:
    pictures = [plain(COLOURS[0], *size) for size in sizes]
    texts = ["text"] * 12 if legends else []
    sheet = grid(
        pictures,
        columns,
        column_legends=texts,
        row_legends=texts,
        margin=margin,
        max_pixels=max_pixels,
        max_side=max_side,
    )
    assert sheet.shape[0] * sheet.shape[1] <= max_pixels and max(sheet.shape) <= max_side
    assert (sheet == COLOURS[0]).all(axis=2).any()


def test_legends_shrink_even_where_cells_cannot() -> None:
    sheet = grid([plain(COLOURS[0], 1, 1)], 1, column_legends=["x"], row_legends=["y"], max_pixels=400, max_side=40)
    assert sheet.shape[0] * sheet.shape[1] <= 400
    assert (sheet == COLOURS[0]).all(axis=2).any()


def test_large_grid_can_be_read_again_and_shows_every_picture(tmp_path: Path) -> None:
    sheet = grid([plain(COLOURS[place % 2], 900, 40) for place in range(40)], 40, column_legends=["x"] * 40)
    assert sheet.shape[1] <= 16_384
    (tmp_path / "a.png").write_bytes(encode_png(sheet, "x"))
    assert load_input(tmp_path / "a.png").width == sheet.shape[1]
    cell = sheet.shape[1] / 40
    for place in range(40):
        assert tuple(sheet[-5, int((place + 0.5) * cell)]) == COLOURS[place % 2]


def test_grid_of_nothing_or_into_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        grid([None, None], 2)
    with pytest.raises(ValueError, match="do not fit"):
        grid([plain(COLOURS[0])] * 100, 10, max_pixels=50)


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4)])
def test_columns_of_a_nearly_square_grid(count: int, columns: int) -> None:
    assert grid_columns(count) == columns


@settings(max_examples=60)
@given(st.text(max_size=200), st.integers(1, 300), st.integers(1, 120), st.integers(0, 80))
def test_any_text_is_set_into_any_rectangle(text: str, width: int, height: int, font_size: int) -> None:
    assert lettering(text, width, height, font_size).shape == (height, width, 3)


@pytest.mark.parametrize(
    "text", ["Sampler: DPM++ 2M Karras", "a prompt of many words " * 8, "x" * 60, "many\nlines\nof\ntext", "é ß ½"]
)
@pytest.mark.parametrize("size", [(200, 60), (120, 100), (400, 40)])
def test_text_is_shrunk_until_all_of_it_fits(text: str, size: tuple[int, int]) -> None:
    """The letters touch no border, so none is cut off."""
    ink = dark(lettering(text, *size, 24))
    assert ink.any()
    rows = np.flatnonzero(ink.any(axis=1))
    assert rows[0] > 0 and rows[-1] < size[1] - 1
    assert abs((rows[0] + rows[-1]) / 2 - size[1] / 2) < 8


def test_endless_text_is_cut_off_and_a_short_one_keeps_its_size() -> None:
    assert dark(lettering("word " * 100_000, 100, 40, 20)).any()
    rows = np.flatnonzero(dark(lettering("Heun", 300, 100, 40)).any(axis=1))
    assert 20 < rows[-1] - rows[0] < 40
