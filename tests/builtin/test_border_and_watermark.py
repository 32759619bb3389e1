"""Border and watermark, in pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modules.builtin.border_and_watermark import PERCENT, POSITIONS, BorderAndWatermark
from modules.errors import InvalidRequest
from modules.hooks import Available, ImageContext, read_arguments
from tests.builtin.painter import INPUT, INPUT_SIZES, Painter, picture, words

ID = "ab" * 16
HEIGHT, WIDTH = 120, 200
GREY = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)


def logo(picture_id: str) -> np.ndarray:
    """Red, its left half transparent, 40 x 20."""
    assert picture_id == ID
    pixels = np.zeros((20, 40, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[:, 20:, 3] = 255
    return pixels


def arguments_of(given: dict[str, Any]) -> dict[str, Any]:
    return dict(read_arguments(BorderAndWatermark.arguments, given, Available(task="txt2img")))


def made(pixels: np.ndarray = GREY, **given: Any) -> np.ndarray:
    before = pixels.copy()
    context = ImageContext(pixels, words(), arguments_of(given), 0, 100, logo)
    result = BorderAndWatermark().process_image(context)
    assert np.array_equal(pixels, before)
    assert result.dtype == np.uint8
    return result


def changed_box(result: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not grey any more; the last two are outside."""
    rows, columns = np.nonzero((result[..., :3] != 100).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_as_it_comes_it_changes_nothing() -> None:
    assert np.array_equal(made(), GREY)


@pytest.mark.parametrize(("given", "width"), [({"border": 7}, 7), ({"border": 10, "unit": PERCENT}, 12)])
def test_a_border_is_around_the_picture_and_not_upon_it(given: dict[str, Any], width: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    result = made(picture, **given, border_colour="#0A141e")
    assert result.shape == (HEIGHT + 2 * width, WIDTH + 2 * width, 3)
    assert np.array_equal(result[width:-width, width:-width], picture)
    result[width:-width, width:-width] = (10, 20, 30)
    assert (result == (10, 20, 30)).all()


def test_a_border_of_a_transparent_picture_is_not_transparent() -> None:
    result = made(np.zeros((64, 64, 4), np.uint8), border=3, border_colour="#ffffff")
    assert result.shape == (70, 70, 4)
    assert (result[0] == 255).all() and (result[3:-3, 3:-3] == 0).all()


@pytest.mark.parametrize("position", POSITIONS)
def test_a_text_lies_where_it_was_asked_for(position: str) -> None:
    result = made(text="Atelier", position=position, size=15, margin=5, opacity=100)
    left, top, right, bottom = changed_box(result)
    margin = 6  # 5 % of 120
    assert 10 <= bottom - top <= 18
    assert 40 <= right - left <= 100
    share_x, share_y = POSITIONS[position]
    assert left == pytest.approx(margin + (WIDTH - 2 * margin - (right - left)) * share_x, abs=1)
    assert top == pytest.approx(margin + (HEIGHT - 2 * margin - (bottom - top)) * share_y, abs=1)
    assert (result == 255).all(axis=2).sum() > 50


def test_opacity_and_colour() -> None:
    half = made(text="Atelier", size=30, opacity=50, text_colour="#c80000")
    full = made(text="Atelier", size=30, opacity=100, text_colour="#c80000")
    assert np.array_equal(made(text="Atelier", size=30, opacity=0), GREY)
    assert full[..., 0].max() == 200 and full[..., 1:].max() == 100
    inside = (full == (200, 0, 0)).all(axis=2)
    assert inside.sum() > 100
    assert (half[inside] == (150, 50, 50)).all()


def test_a_long_text_is_made_smaller_until_it_fits() -> None:
    left, top, right, bottom = changed_box(made(text="long words " * 5, size=40, margin=2, opacity=100))
    assert left >= 2 and right <= WIDTH - 2
    assert right - left > WIDTH * 0.8
    assert bottom - top < 20


def test_a_larger_size_is_a_larger_text() -> None:
    large, heights = np.full((1000, 1500, 3), 100, np.uint8), []
    for size in (10, 20, 40):
        _, top, _, bottom = changed_box(made(large, text="Ap", size=size, opacity=100))
        heights.append(bottom - top)
    assert heights[0] == pytest.approx(100, rel=0.15)
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.05)
    assert heights[2] == pytest.approx(4 * heights[0], rel=0.05)


def test_a_picture_keeps_its_shape_and_its_transparency() -> None:
    result = made(picture=ID, size=50, margin=0, opacity=100, position="Top left")
    assert np.array_equal(result[30:], GREY[30:]) and np.array_equal(result[:, 60:], GREY[:, 60:])
    assert (result[:30, 35:60] == (255, 0, 0)).all()  # 60 x 30, its right half opaque
    assert np.array_equal(result[:, :25], GREY[:, :25])


def test_a_picture_never_leaves_the_margins() -> None:
    tall = np.full((64, 400, 3), 100, np.uint8)
    for position in POSITIONS:
        result = made(tall, picture=ID, size=100, margin=25, opacity=100, position=position)
        left, top, right, bottom = changed_box(result)
        assert left >= 16 and top >= 16 and right <= 384 and bottom <= 48


def test_text_and_picture_go_under_the_border() -> None:
    result = made(text="A", picture=ID, border=9, border_colour="#000000", opacity=100)
    assert (result[:9] == 0).all() and (result[-9:] == 0).all()
    assert np.array_equal(result[9:-9, 9:-9], made(text="A", picture=ID, opacity=100))


@pytest.mark.parametrize("side", [1, 8, 64])
def test_small_pictures(side: int) -> None:
    pixels = np.full((side, side, 3), 100, np.uint8)
    assert made(pixels, text="a long text", picture=ID, margin=25, size=100).shape == (side, side, 3)


def test_what_would_be_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    section, drafting = BorderAndWatermark(), Painter(words())
    section.check(words(), arguments_of({"border": 50, "unit": PERCENT}), drafting)
    with pytest.raises(InvalidRequest, match="Border width 51.0 is too large. The most is 50 percent."):
        section.check(words(), arguments_of({"border": 51, "unit": PERCENT}), drafting)
    monkeypatch.setitem(INPUT_SIZES, INPUT, (2000, 1000))
    upscaled = picture(sd_upscale_upscaler="Lanczos", sd_upscale_by=8)
    section.check(upscaled, arguments_of({"border": 192}), drafting)
    with pytest.raises(InvalidRequest, match="makes a picture of 16000 x 8000 larger than 16384 pixels a side"):
        section.check(upscaled, arguments_of({"border": 193}), drafting)
