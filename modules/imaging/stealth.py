"""Texts in the lowest bits of a picture's alpha channel, where some programs put them so that services keep them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from modules.errors import UnreadablePicture
from modules.imaging.reading import MAX_TEXT_BYTES, load_picture

MOST_PIXELS = 16 * 2**20
_PLAIN, _PACKED = b"stealth_pnginfo", b"stealth_pngcomp"
_GZIP = 31


def stealth_text(path: Path) -> str:
    """The text in a PNG; "" where there is none. The bits go down the columns, the highest of a byte first."""
    try:
        image = load_picture(path)
    except UnreadablePicture:
        return ""
    if image.mode != "RGBA" or image.width * image.height > MOST_PIXELS:
        return ""
    alpha = np.asarray(image.getchannel("A")).T  # a column is a row now
    head_bits = 8 * (len(_PLAIN) + 4)
    columns = -(-head_bits // image.height)
    head = _bytes_of(alpha[:columns])[: len(_PLAIN) + 4]
    kind, bits = head[: len(_PLAIN)], int.from_bytes(head[len(_PLAIN) :], "big")
    if kind not in (_PLAIN, _PACKED) or bits > min(8 * MAX_TEXT_BYTES, alpha.size - head_bits):
        return ""
    content = _bytes_of(alpha[: -(-(head_bits + bits) // image.height)])[len(_PLAIN) + 4 :][: bits // 8]
    if kind == _PACKED:
        try:
            content = zlib.decompressobj(_GZIP).decompress(content, MAX_TEXT_BYTES)
        except zlib.error:
            return ""
    return content.decode("utf-8", "replace")


def _bytes_of(columns: np.ndarray) -> bytes:
    return np.packbits(columns.ravel() & 1).tobytes()
