"""What a picture file says of itself, and whether it is whole; neither its pixels nor most of its bytes are read."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image

from modules.imaging.encoding import PARAMETERS_KEY, is_text_key
from modules.imaging.reading import (
    FAULTS,
    LISTED_FORMATS,
    MAX_TEXT_BYTES,
    MAX_TEXTS,
    PNG_SIGNATURE,
    chunk_text,
    open_picture,
    user_comment,
)

CUT = "The file ends before the picture does."
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_MOST_CHUNKS = 100_000
_END_BYTES = 65_536
"""At the end of a JPEG, where its last mark is looked for: cameras put further data behind it."""
_USER_COMMENT = 0x9286
_MAKE, _MODEL = 0x010F, 0x0110


@dataclass(frozen=True)
class PictureHead:
    """`texts` are by their keys: those of a PNG, or what other formats have in places of the same meaning."""

    width: int
    height: int
    has_alpha: bool
    texts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    """Why its pixels cannot be read in full; "" where they can."""


def read_head(path: Path) -> PictureHead:
    """Read what a file says before its pixels are looked at. Raises UnreadablePicture, OSError."""
    with open_picture(path, LISTED_FORMATS) as image:
        width, height = image.size
        has_alpha = image.mode in ("RGBA", "LA")
        if image.format != "PNG":
            return PictureHead(width, height, has_alpha, _texts_of(image), _problem(path, image.format or ""))
    with path.open("rb") as file:
        texts: dict[str, str] = {}
        is_whole = False
        room = MAX_TEXT_BYTES
        for kind, content in _chunks(file, path.stat().st_size):
            is_whole |= kind == b"IEND"
            key, text = _text(kind, content)
            if key and key not in texts and is_text_key(key) and len(texts) < MAX_TEXTS and len(text) <= room:
                texts[key] = text
                room -= len(text)
    return PictureHead(width, height, has_alpha, texts, "" if is_whole else CUT)


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Kind of every whole chunk of a PNG, and the content of those with text."""
    file.seek(len(PNG_SIGNATURE))
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        end = file.tell() + length + 4
        if len(head) < 8 or end > size:
            return
        is_text = kind in _TEXT_CHUNKS and length <= MAX_TEXT_BYTES
        yield kind, file.read(length) if is_text else b""
        if kind == b"IEND":
            return
        file.seek(end)


def _text(kind: bytes, content: bytes) -> tuple[str, str]:
    """Key and text of a chunk; "" for what is none."""
    if not content:
        return "", ""
    key, _, rest = content.partition(b"\x00")
    try:
        return key.decode("latin-1"), chunk_text(kind, rest)
    except zlib.error:
        return "", ""


def _texts_of(image: Image.Image) -> dict[str, str]:
    """Of a JPEG, WebP, AVIF or GIF; damaged EXIF data says nothing."""
    texts: dict[str, str] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif = image.getexif()
            comment = exif.get_ifd(ExifTags.IFD.Exif).get(_USER_COMMENT) or exif.get(_USER_COMMENT)
            found = {PARAMETERS_KEY: _plain(comment)}
            for tag in (_MAKE, _MODEL):  # where ComfyUI puts "prompt:{...}" and "workflow:{...}"
                name, colon, text = _plain(exif.get(tag)).partition(":")
                if colon and name.lower() in ("prompt", "workflow"):
                    found[name.lower()] = text
    except FAULTS:
        found = {}
    found["xmp"] = _plain(image.info.get("xmp"))
    if image.format == "GIF" and not found.get(PARAMETERS_KEY):
        found[PARAMETERS_KEY] = _plain(image.info.get("comment"))
    for key, text in found.items():
        if text and len(text) <= MAX_TEXT_BYTES:
            texts[key] = text
    return texts


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return user_comment(value).strip("\x00").strip()
    return value.strip("\x00").strip() if isinstance(value, str) else ""


def _problem(path: Path, format: str) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        if format == "WEBP":
            is_whole = int.from_bytes(file.read(8)[4:8], "little") + 8 <= size
        elif format in ("JPEG", "GIF"):
            file.seek(max(0, size - _END_BYTES))
            end = file.read()
            is_whole = b"\xff\xd9" in end if format == "JPEG" else b"\x3b" in end[-64:]
        else:
            is_whole = True
    return "" if is_whole else CUT
