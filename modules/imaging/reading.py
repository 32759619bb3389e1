"""Reads picture files that may be damaged or hostile: limits first, pixels only when asked for."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from modules.errors import UnreadablePicture
from modules.imaging.colour_modes import eight_bit
from modules.imaging.encoding import PARAMETERS_KEY, is_text_key

FORMATS = ("PNG", "JPEG", "WEBP")
"""What the program writes, and lists as its own."""
LISTED_FORMATS = (*FORMATS, "AVIF", "GIF")
"""What the gallery shows: browsers do."""
INPUT_FORMATS = (*FORMATS, "AVIF", "TIFF", "BMP", "GIF")
"""What a task takes as its input."""
MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 67_108_864
INPUT_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"})
"""Of files that are looked for in a folder of inputs."""
MAX_INPUT_SIDE = 16_384
MAX_TEXT_BYTES = 2**20
MAX_TEXTS = 64
_USER_COMMENT = 0x9286
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FAULTS = (
    OSError, ValueError, SyntaxError, LookupError, TypeError, EOFError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip


def open_picture(path: Path, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """An image whose pixels are not read yet. Raises UnreadablePicture."""
    return _opened(path, path.name, formats)


def load_picture(path: Path, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """An image with its pixels in memory. Raises UnreadablePicture."""
    with open_picture(path, formats) as image:
        try:
            image.load()
        except FAULTS as error:
            raise _unreadable(path.name, formats) from error
        return image.copy()


def load_input(source: Path | bytes, name: str = "") -> Image.Image:
    """A picture that a task takes as its input: upright, 8-bit sRGB, mode RGB or (if anything is transparent) RGBA.

    Of an animation the first frame. `source` is a file or its content, `name` what a person calls it. Raises
    UnreadablePicture, also where a side is longer than MAX_INPUT_SIDE.
    """
    name = name or (source.name if isinstance(source, Path) else "uploaded")
    with _opened(source, name, INPUT_FORMATS) as image:
        if max(image.size) > MAX_INPUT_SIDE:
            raise UnreadablePicture(
                f"Picture {name!r} is {image.width} x {image.height} pixels; no side may be longer than "
                f"{MAX_INPUT_SIDE:,}. Make it smaller or cut it up."
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image.load()
                return eight_bit(_upright(image))
        except FAULTS as error:
            raise _unreadable(name, INPUT_FORMATS) from error


def read_infotext(path: Path) -> str:
    """The infotext that a picture carries, "" where it carries none. Raises UnreadablePicture.

    PNG: the text chunk `parameters`, before or after the pixels; JPEG and WebP: the EXIF user comment.
    """
    return _infotext(path, FORMATS)


def read_texts(path: Path) -> dict[str, str]:
    """All that a picture of INPUT_FORMATS says in words, by key; its infotext is `parameters`.

    PNG: its text chunks, the first of each key, at most MAX_TEXTS and MAX_TEXT_BYTES characters in all; others: the
    EXIF user comment, or the comment of a GIF. Raises UnreadablePicture.
    """
    with _opened(path, path.name, INPUT_FORMATS) as image:
        if image.format != "PNG":
            comment = image.info.get("comment", b"") if image.format == "GIF" else b""
            infotext = comment.decode("utf-8", "replace") if comment else _infotext(path, INPUT_FORMATS)
            return {PARAMETERS_KEY: infotext} if infotext else {}
    texts: dict[str, str] = {}
    room = MAX_TEXT_BYTES
    for key, kind, rest in _text_chunks(path.read_bytes()):
        if key in texts or not is_text_key(key) or len(texts) == MAX_TEXTS:
            continue
        try:
            text = chunk_text(kind, rest)
        except zlib.error:
            continue
        if len(text) <= room:
            texts[key] = text
            room -= len(text)
    return texts


def _opened(source: Path | bytes, name: str, formats: tuple[str, ...]) -> Image.Image:
    if isinstance(source, Path) and not source.is_file():
        raise UnreadablePicture(f"Picture {name!r} is not there.")
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if size > MAX_FILE_BYTES:
        raise UnreadablePicture(f"Picture {name!r} is larger than {MAX_FILE_BYTES // 2**20} MB. Choose a smaller one.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(name) from error
    except (UnidentifiedImageError, *FAULTS) as error:
        raise _unreadable(name, formats) from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise _too_many_pixels(name)
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF data says; damaged EXIF data is no reason to refuse a picture."""
    try:
        return ImageOps.exif_transpose(image)
    except FAULTS:
        return image


def _infotext(path: Path, formats: tuple[str, ...]) -> str:
    with _opened(path, path.name, formats) as image:
        try:
            if image.format == "PNG":
                chunks = _text_chunks(path.read_bytes())
                return next((chunk_text(kind, rest) for key, kind, rest in chunks if key == PARAMETERS_KEY), "")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(_USER_COMMENT)
        except FAULTS as error:
            raise _unreadable(path.name, formats) from error
    return user_comment(comment) if isinstance(comment, bytes) else ""


def _text_chunks(content: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Key, kind and the rest of each tEXt, zTXt and iTXt chunk of a PNG; nothing is unpacked."""
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        kind = content[position + 4 : position + 8]
        if kind in (b"tEXt", b"zTXt", b"iTXt") and length <= MAX_TEXT_BYTES:
            key, _, rest = content[position + 8 : position + 8 + length].partition(b"\x00")
            yield key.decode("latin-1"), kind, rest
        position += length + 12


def chunk_text(kind: bytes, rest: bytes) -> str:
    """The text of a chunk of a PNG, from what follows its key. Raises zlib.error."""
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _inflated(rest[1:]).decode("latin-1")
    packed = rest[:1] == b"\x01"
    text = rest[2:].split(b"\x00", 2)[-1]
    return (_inflated(text) if packed else text).decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, MAX_TEXT_BYTES)


def user_comment(comment: bytes) -> str:
    """The text of an EXIF user comment, or of another field of bytes."""
    if comment.startswith(b"UNICODE\x00"):
        # The order of bytes is nowhere said. A picture's parameters have Latin letters, and begin with one.
        is_little = comment[8:9] != b"\x00" and comment[9:10] == b"\x00"
        return comment[8:].decode("utf-16-le" if is_little else "utf-16-be", "ignore")
    if comment.startswith(b"ASCII\x00\x00\x00"):
        return comment[8:].decode("ascii", "ignore")
    return comment.decode("utf-8", "ignore")


def _unreadable(name: str, formats: tuple[str, ...]) -> UnreadablePicture:
    names = ["WebP" if format == "WEBP" else format for format in formats]
    return UnreadablePicture(
        f"Picture {name!r} cannot be read: it is empty, damaged or of an unknown kind. "
        f"Choose a {', '.join(names[:-1])} or {names[-1]} file."
    )


def _too_many_pixels(name: str) -> UnreadablePicture:
    return UnreadablePicture(f"Picture {name!r} has more than {MAX_PIXELS:,} pixels. Choose a smaller one.")
