"""Lettering: text fitted into a white rectangle, black, in the font that Pillow brings."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MAX_CHARACTERS = 1000
SMALLEST_FONT = 8
_SHRINKING = 0.85
_LINE_HEIGHT = 1.25
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def lettering(text: str, width: int, height: int, font_size: int) -> np.ndarray:
    """Pixels (height, width, 3) with the text in the middle.

    Lines are broken where they are too long, then the font is made smaller down to SMALLEST_FONT, and what does not
    fit even then is cut off and ends in "…". `font_size` is in pixels.
    """
    image = Image.new("RGB", (width, height), "white")
    size, lines = _fitted(text[:MAX_CHARACTERS], width, height, font_size)
    font, line_height = ImageFont.load_default(size), size * _LINE_HEIGHT
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        y = height / 2 + (number + 0.5 - len(lines) / 2) * line_height
        draw.text((width / 2, y), line, fill="black", font=font, anchor="mm")
    return np.array(image)


def _fitted(text: str, width: int, height: int, font_size: int) -> tuple[int, list[str]]:
    size = max(SMALLEST_FONT, font_size)
    while True:
        lines = _broken(text, ImageFont.load_default(size), width)
        most = max(1, int(height / (size * _LINE_HEIGHT)))
        if len(lines) <= most or size == SMALLEST_FONT:
            break
        size = max(SMALLEST_FONT, int(size * _SHRINKING))
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][:-1] + "…"]
    return size, lines


def _broken(text: str, font: _Font, width: int) -> list[str]:
    """Lines of at most that width, broken between words, or inside a word that is too long for a line."""
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}" if line else word
            if font.getlength(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            *full, line = _pieces(word, font, width)
            lines += full
        lines.append(line)
    return lines


def _pieces(word: str, font: _Font, width: int) -> list[str]:
    """A word cut into pieces of at most that width, of one character at least."""
    pieces, piece = [], ""
    for character in word:
        if piece and font.getlength(piece + character) > width:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]
