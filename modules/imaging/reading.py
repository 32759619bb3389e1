"""Reads picture files that may be damaged or hostile: limits first, pixels only when asked for."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from modules.errors import UnreadablePicture
from modules.imaging.encoding import PARAMETERS_KEY

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 67_108_864
MAX_TEXT_BYTES = 2**20
_USER_COMMENT = 0x9286
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FAULTS = (OSError, ValueError, SyntaxError, KeyError, TypeError, IndexError, zlib.error)


def open_picture(path: Path) -> Image.Image:
    """An image whose pixels are not read yet. Raises UnreadablePicture."""
    if not path.is_file():
        raise UnreadablePicture(f"Picture {path.name!r} is not there.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnreadablePicture(
            f"Picture {path.name!r} is larger than {MAX_FILE_BYTES // 2**20} MB. Choose a smaller one."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, *_FAULTS) as error:
        raise _unreadable(path) from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise UnreadablePicture(f"Picture {path.name!r} has more than {MAX_PIXELS:,} pixels. Choose a smaller one.")
    return image


def load_picture(path: Path) -> Image.Image:
    """An image with its pixels in memory. Raises UnreadablePicture."""
    with open_picture(path) as image:
        try:
            image.load()
        except _FAULTS as error:
            raise _unreadable(path) from error
        return image.copy()


def read_infotext(path: Path) -> str:
    """The infotext that a picture carries, "" where it carries none. Raises UnreadablePicture.

    PNG: the text chunk `parameters`, before or after the pixels; JPEG and WebP: the EXIF user comment.
    """
    with open_picture(path) as image:
        try:
            if image.format == "PNG":
                return _png_text(path.read_bytes(), PARAMETERS_KEY)
            comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(_USER_COMMENT)
        except _FAULTS as error:
            raise _unreadable(path) from error
    return _user_comment(comment) if isinstance(comment, bytes) else ""


def _png_text(content: bytes, wanted: str) -> str:
    """The text of the first tEXt, zTXt or iTXt chunk with that key; never unpacks more than MAX_TEXT_BYTES."""
    position = len(_PNG_SIGNATURE)
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        kind = content[position + 4 : position + 8]
        body = content[position + 8 : position + 8 + length]
        position += length + 12
        if kind in (b"tEXt", b"zTXt", b"iTXt") and length <= MAX_TEXT_BYTES:
            key, _, rest = body.partition(b"\x00")
            if key.decode("latin-1") == wanted:
                return _chunk_text(kind, rest)
    return ""


def _chunk_text(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _inflated(rest[1:]).decode("latin-1")
    packed = rest[:1] == b"\x01"
    text = rest[2:].split(b"\x00", 2)[-1]
    return (_inflated(text) if packed else text).decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, MAX_TEXT_BYTES)


def _user_comment(comment: bytes) -> str:
    if comment.startswith(b"UNICODE\x00"):
        return comment[8:].decode("utf-16-be", "ignore")
    if comment.startswith(b"ASCII\x00\x00\x00"):
        return comment[8:].decode("ascii", "ignore")
    return comment.decode("utf-8", "ignore")


def _unreadable(path: Path) -> UnreadablePicture:
    return UnreadablePicture(
        f"Picture {path.name!r} cannot be read: it is damaged or of an unknown kind. Choose a PNG, JPEG or WebP file."
    )
