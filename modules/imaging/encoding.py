"""Pixels to the bytes of a picture file."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

MAX_PREVIEW_SIDE = 1024
_COMMENT_IS_UNICODE = b"UNICODE\0"
_LONGEST_COMMENT = 65_000
"""Bytes; all EXIF data of a JPEG are in one segment of 65,533."""
PARAMETERS_KEY = "parameters"
"""The PNG text chunk in which A1111 and its kin keep the infotext."""


def encode_png(pixels: np.ndarray, infotext: str, texts: Mapping[str, str] | None = None) -> bytes:
    """A PNG of (height, width, 3 or 4) uint8 pixels that carries an infotext, unless that is "", and further texts.

    `texts` are by key; the key of the infotext among them is passed over. Raises ValueError for a key that a PNG
    cannot hold (see `is_text_key`).
    """
    info = PngInfo()
    if infotext:
        info.add_text(PARAMETERS_KEY, infotext)
    for key, text in (texts or {}).items():
        if not is_text_key(key):
            raise ValueError(f"{key!r} cannot be the key of a text in a PNG.")
        if key != PARAMETERS_KEY:
            info.add_text(key, text)
    return _encode(Image.fromarray(pixels), "PNG", pnginfo=info, compress_level=4)


def encode_with_comment(image: Image.Image, format: Literal["JPEG", "WEBP"], infotext: str, **options: object) -> bytes:
    """A picture without transparency whose EXIF user comment is an infotext, unless that is "" or too long for it.

    `options` are Pillow's for that format.
    """
    exif = Image.Exif()
    if infotext and comment_holds(infotext):
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _comment(infotext)
    return _encode(image.convert("RGB"), format, exif=exif, **options)


def comment_holds(infotext: str) -> bool:
    """Whether the EXIF user comment of a picture has room for an infotext."""
    return len(_comment(infotext)) <= _LONGEST_COMMENT


def is_text_key(key: str) -> bool:
    """Whether the PNG specification (section 11.3.3.2) takes it: 1 to 79 printable Latin-1 characters."""
    return 1 <= len(key) <= 79 and all(32 <= ord(character) <= 126 or 161 <= ord(character) <= 255 for character in key)


def encode_preview(pixels: np.ndarray, *, scale: int) -> bytes:
    """A JPEG of a batch (batch, height, width, 3): its pictures in a grid, enlarged by `scale` where there is room."""
    columns = math.ceil(math.sqrt(len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    height, width = pixels.shape[1:3]
    grid = np.zeros((rows * height, columns * width, 3), dtype=np.uint8)
    for place, picture in enumerate(pixels):
        top, left = place // columns * height, place % columns * width
        grid[top : top + height, left : left + width] = picture
    image = Image.fromarray(grid)
    factor = min(scale, MAX_PREVIEW_SIDE / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return _encode(image.resize(size, Image.Resampling.BICUBIC), "JPEG", quality=80)


def encode_thumbnail(image: Image.Image, side: int) -> bytes:
    """A JPEG that fits into a square of `side` pixels; a WebP is a third smaller, but ten times slower to make."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encode(small, "JPEG", quality=87)


def _comment(infotext: str) -> bytes:
    return _COMMENT_IS_UNICODE + infotext.encode("utf-16-be")


def _encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()
