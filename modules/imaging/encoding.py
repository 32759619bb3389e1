"""Pixels to the bytes of a picture file."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

PARAMETERS_KEY = "parameters"
"""The PNG text chunk in which A1111 and its kin keep the infotext."""


def encode_png(pixels: np.ndarray, infotext: str) -> bytes:
    """A PNG of (height, width, 3) uint8 pixels that carries an infotext."""
    text = PngInfo()
    text.add_text(PARAMETERS_KEY, infotext)
    return _encode(Image.fromarray(pixels), "PNG", pnginfo=text, compress_level=4)


def encode_preview(pixels: np.ndarray, *, scale: int) -> bytes:
    """A small JPEG of a batch (batch, height, width, 3): its pictures side by side, enlarged by `scale`."""
    row = np.concatenate(list(pixels), axis=1)
    image = Image.fromarray(row)
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
    return _encode(image, "JPEG", quality=80)


def encode_thumbnail(image: Image.Image, side: int) -> bytes:
    """A WebP that fits into a square of `side` pixels."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encode(small, "WEBP", quality=82)


def _encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()
