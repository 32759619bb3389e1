"""Picture files: what we write we read, and hostile ones are refused in words."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.errors import UnreadablePicture
from modules.imaging.encoding import encode_png, encode_preview, encode_thumbnail
from modules.imaging.reading import load_picture, open_picture, read_infotext

PIXELS = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(extra: bytes) -> bytes:
    """A valid PNG with further chunks before its end."""
    plain = io.BytesIO()
    Image.fromarray(PIXELS).save(plain, "PNG")
    return plain.getvalue()[:-12] + extra + plain.getvalue()[-12:]


@settings(max_examples=50)
@given(text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), min_size=1, max_size=300))
def test_infotext_survives_in_a_png(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("png") / "a.png"
    path.write_bytes(encode_png(PIXELS, text))
    assert read_infotext(path) == text
    assert np.array_equal(np.asarray(load_picture(path)), PIXELS)


def test_infotext_of_a_stranger_is_read(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Software", "x")
    info.add_text("parameters", "häuser, 家", zip=True)
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=info)
    assert read_infotext(tmp_path / "a.png") == "häuser, 家"


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_infotext_of_an_exif_comment_is_read(tmp_path: Path, format: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\x00" + "a boat, 家".encode("utf-16-be")
    Image.fromarray(PIXELS).save(tmp_path / "a", format, exif=exif)
    assert read_infotext(tmp_path / "a") == "a boat, 家"


def test_picture_without_parameters_has_none(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    assert read_infotext(tmp_path / "a.png") == ""


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"<html>", b"GIF89a" + b"\x00" * 50])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadablePicture, match=r"'a\.png' cannot be read.*Choose a PNG, JPEG or WebP file"):
        read_infotext(tmp_path / "a.png")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match="is not there"):
        open_picture(tmp_path / "a.png")


def test_half_a_picture_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encode_png(noise, "x")
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadablePicture):
        load_picture(tmp_path / "a.png")


def test_pixel_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 13_300, 13_300, 8, 6, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(bomb)
    with pytest.raises(UnreadablePicture):
        open_picture(tmp_path / "a.png")


def test_text_bomb_is_unpacked_no_further_than_the_limit(tmp_path: Path) -> None:
    bomb = chunk(b"zTXt", b"parameters\x00\x00" + zlib.compress(b"x" * 900_000))
    huge = chunk(b"zTXt", b"parameters\x00\x00" + zlib.compress(b"x" * 500_000_000, 1))
    (tmp_path / "a.png").write_bytes(png_with(bomb))
    assert len(read_infotext(tmp_path / "a.png")) == 900_000
    (tmp_path / "b.png").write_bytes(png_with(b"") + huge)
    assert len(read_infotext(tmp_path / "b.png")) <= 2**20


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_damaged_bytes_never_crash(place: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    content = bytearray(encode_png(PIXELS, "a prompt"))
    content[place % len(content)] = byte
    path = tmp_path_factory.mktemp("png") / "a.png"
    path.write_bytes(content)
    for read in (read_infotext, load_picture):
        try:
            read(path)
        except UnreadablePicture:
            pass


def test_preview_shows_the_batch_in_a_grid() -> None:
    image = Image.open(io.BytesIO(encode_preview(np.stack([PIXELS] * 3), scale=4)))
    assert (image.format, image.size) == ("JPEG", (64, 64))


def test_preview_of_a_large_batch_stays_small() -> None:
    image = Image.open(io.BytesIO(encode_preview(np.zeros((16, 8, 512, 3), dtype=np.uint8), scale=8)))
    assert max(image.size) <= 1024


def test_thumbnail_keeps_the_shape() -> None:
    image = Image.open(io.BytesIO(encode_thumbnail(Image.new("RGBA", (1000, 500)), 320)))
    assert (image.format, image.size) == ("JPEG", (320, 160))
