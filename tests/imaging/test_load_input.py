"""Whatever file a task is given, it becomes 8-bit sRGB or is refused in words."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from modules.errors import UnreadablePicture
from modules.imaging.encoding import encode_png
from modules.imaging.reading import MAX_TEXT_BYTES, load_input, read_infotext, read_texts
from tests.imaging.test_reading import chunk, png_with

PIXELS = np.random.default_rng(3).integers(0, 256, (6, 10, 3), dtype=np.uint8)
RAMP = np.linspace(0, 255, 16, dtype=np.uint8).reshape(2, 8)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(load_input(content))


def greys_of(content: bytes) -> np.ndarray:
    pixels = pixels_of(content)
    assert pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all()
    return pixels[..., 0].astype(int)


def raw_png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "AVIF", "JPEG"])
def test_every_format_is_read(tmp_path: Path, format: str) -> None:
    flat = Image.new("RGB", (24, 16), (200, 90, 30))
    (tmp_path / "a").write_bytes(encoded(flat, format))
    loaded = load_input(tmp_path / "a")
    assert (loaded.mode, loaded.size, loaded.info) == ("RGB", (24, 16), {})
    assert np.abs(np.asarray(loaded).astype(int) - (200, 90, 30)).max() <= 6


def test_file_and_its_content_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS, "x"))
    for source in (tmp_path / "a.png", (tmp_path / "a.png").read_bytes()):
        assert np.array_equal(np.asarray(load_input(source)), PIXELS)


def test_one_pixel_is_a_picture() -> None:
    assert pixels_of(encode_png(np.full((1, 1, 3), 7, dtype=np.uint8), "")).tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_rotation_in_exif_is_carried_out(orientation: int, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {
        1: PIXELS,
        2: PIXELS[:, ::-1],
        3: PIXELS[::-1, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.transpose(1, 0, 2),
        6: np.rot90(PIXELS, -1),
        7: PIXELS[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PIXELS),
    }[orientation]
    assert np.array_equal(pixels_of(encoded(Image.fromarray(PIXELS), format, exif=exif)), turned)


def test_damaged_exif_is_passed_over() -> None:
    content = encoded(Image.fromarray(PIXELS), "PNG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01")
    assert np.array_equal(pixels_of(content), PIXELS)


def test_sixteen_bits_are_scaled() -> None:
    levels = RAMP.astype(">u2") * 257 + np.array([[0] + [100] * 6 + [0]] * 2, dtype=">u2")
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in levels)
    assert np.array_equal(greys_of(raw_png(8, 2, 16, 0, rows)), RAMP)
    assert np.array_equal(greys_of(encoded(Image.fromarray(levels.astype("<u2")), "TIFF")), RAMP)
    colours = b"".join(b"\x00" + np.repeat(row.astype(">u2"), 3).tobytes() for row in levels)
    assert np.abs(greys_of(raw_png(8, 2, 16, 2, colours)) - RAMP).max() <= 1


def test_sixteen_bits_with_alpha() -> None:
    row = np.array([[0x8080, 0xFFFF], [0x8080, 0x4040]], dtype=">u2")
    loaded = load_input(raw_png(2, 1, 16, 4, b"\x00" + row.tobytes()))
    assert loaded.mode == "RGBA"
    assert np.abs(np.asarray(loaded).astype(int) - [[[128, 128, 128, 255], [128, 128, 128, 64]]]).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 0.5, 1, 0.25]], dtype=np.float32), [0, 128, 255, 64]),
        (np.array([[0, 128, 255, 3]], dtype=np.float32), [0, 128, 255, 3]),
        (np.array([[0, 257, 65535, 25700]], dtype=np.int32), [0, 1, 255, 100]),
        (np.array([[0, 17, 255, 3]], dtype=np.int32), [0, 17, 255, 3]),
        (np.array([[-100, 0, 100, 50]], dtype=np.int32), [0, 128, 255, 191]),
        (np.array([[np.nan, -np.inf, np.inf, 1e30]], dtype=np.float32), [0, 0, 0, 0]),
        (np.array([[np.nan, 0, np.inf, 1]], dtype=np.float32), [0, 0, 255, 255]),
    ],
)
def test_whole_numbers_and_floats(values: np.ndarray, expected: list[int]) -> None:
    assert greys_of(encoded(Image.fromarray(values), "TIFF"))[0].tolist() == expected


def test_greys_palettes_and_single_bits() -> None:
    grey = Image.fromarray(RAMP)
    assert np.array_equal(greys_of(encoded(grey, "PNG")), RAMP)
    assert np.array_equal(greys_of(encoded(grey.convert("P"), "PNG")), RAMP)
    bits = grey.point(lambda level: 255 if level > 127 else 0).convert("1", dither=Image.Dither.NONE)
    assert np.array_equal(greys_of(encoded(bits, "PNG")), (RAMP > 127) * 255)


def test_transparency_of_every_kind_becomes_alpha() -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    image.putpixel((1, 0), (10, 20, 30, 0))
    for content in (encoded(image, "PNG"), encoded(image, "TIFF"), encoded(image, "WEBP", lossless=True, exact=True)):
        assert load_input(content).mode == "RGBA" and np.array_equal(pixels_of(content), np.asarray(image))
    grey = encoded(image.convert("LA"), "PNG")
    assert pixels_of(grey)[..., 3].tolist() == [[255, 0]]
    for keyed in (
        encoded(Image.fromarray(RAMP), "PNG", transparency=0),
        encoded(Image.fromarray(RAMP).convert("P"), "PNG", transparency=0),
        encoded(Image.fromarray(RAMP).convert("P"), "GIF", transparency=0),
        encoded(Image.fromarray(RAMP).convert("RGB"), "PNG", transparency=(0, 0, 0)),
    ):
        assert np.array_equal(pixels_of(keyed)[..., 3], np.where(RAMP == 0, 0, 255))


def test_alpha_that_hides_nothing_is_dropped() -> None:
    assert load_input(encoded(Image.new("RGBA", (3, 3), "red"), "PNG")).mode == "RGB"


def test_cmyk_and_lab() -> None:
    for format in ("JPEG", "TIFF"):
        red = pixels_of(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format))[8, 8]
        assert red[0] > 245 and red[1] < 10 and red[2] < 10
    lab = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (138, 209, 198)])
    assert np.abs(pixels_of(encoded(lab, "TIFF"))[0, 0].astype(int) - (255, 0, 0)).max() <= 6


def test_colour_profile_is_carried_out_and_that_of_srgb_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(pixels_of(encoded(Image.fromarray(PIXELS), "PNG", icc_profile=srgb)), PIXELS)
    swapped = bytearray(srgb)
    # The tags of red and blue exchanged: a profile under which red means blue.
    red, blue = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    renamed = (
        bytes(swapped).replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be")).replace(b"sRGB b", b"test b")
    )
    exchanged = pixels_of(encoded(Image.fromarray(PIXELS), "PNG", icc_profile=renamed)).astype(int)
    assert np.abs(exchanged - PIXELS[..., ::-1]).max() <= 3


@pytest.mark.parametrize("profile", [b"x", b"\x00" * 200, b"\xff" * 4096])
def test_unusable_profile_is_passed_over(profile: bytes) -> None:
    for image in (Image.fromarray(PIXELS), Image.fromarray(PIXELS).convert("L")):
        plain = pixels_of(encoded(image, "PNG"))
        assert np.array_equal(pixels_of(encoded(image, "PNG", icc_profile=profile)), plain)


def test_profile_of_other_colours_is_passed_over() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert np.array_equal(pixels_of(encoded(Image.fromarray(PIXELS), "PNG", icc_profile=lab)), PIXELS)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(format: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    content = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert (pixels_of(content) == (255, 0, 0)).all()


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff", b"II*\x00", b"BM", b"%PDF-1.4", b"8BPS\x00\x01"])
def test_what_is_no_picture_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(UnreadablePicture, match=r"'mask.png' cannot be read: it is empty, .* AVIF, TIFF, BMP or GIF"):
        load_input(content, "mask.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP"])
def test_truncated_picture_is_refused(format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), format)
    with pytest.raises(UnreadablePicture, match="cannot be read"):
        load_input(content[: len(content) // 2], "a")


def test_side_of_20000_pixels_is_refused_with_the_limit() -> None:
    content = encoded(Image.new("1", (20_000, 4)), "PNG")
    with pytest.raises(
        UnreadablePicture, match=r"20000 x 4 pixels; no side may be longer than 16,384\. Make it smaller"
    ):
        load_input(content, "wide.png")
    assert load_input(encoded(Image.new("1", (16_384, 1)), "PNG")).size == (16_384, 1)


@pytest.mark.parametrize("side", [8_200, 13_300, 60_000])
def test_too_many_pixels_are_refused_with_the_limit(side: int) -> None:
    with pytest.raises(UnreadablePicture, match=r"more than 67,108,864 pixels\. Choose a smaller one"):
        load_input(raw_png(side, side, 8, 6, b""), "bomb.png")


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(UnreadablePicture, match="'uploaded' is larger than 64 MB. Choose a smaller one"):
        load_input(bytes(64 * 2**20 + 1))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match=r"'a\.png' is not there"):
        load_input(tmp_path / "a.png")


@settings(max_examples=250)
@given(
    format=st.sampled_from(["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF"]),
    places=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_bytes_never_crash(
    format: str, places: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = bytearray(encoded(Image.fromarray(PIXELS), format, exif=exif))
    for place, byte in places:
        content[place % len(content)] = byte
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(content)
    with contextlib.suppress(UnreadablePicture):
        assert load_input(path).mode in ("RGB", "RGBA")
    with contextlib.suppress(UnreadablePicture):
        assert isinstance(read_texts(path), dict)


def test_texts_survive_in_a_png_and_can_be_extended(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    transparent = np.dstack([PIXELS, PIXELS[..., 0]])
    path.write_bytes(encode_png(transparent, "a prompt", {"extras": "Upscale: 2, 家", "postprocessing": "x\ny"}))
    assert read_texts(path) == {"parameters": "a prompt", "extras": "Upscale: 2, 家", "postprocessing": "x\ny"}
    assert np.array_equal(np.asarray(load_input(path)), transparent)
    path.write_bytes(encode_png(PIXELS, "other", {**read_texts(path), "more": "z"}))
    assert read_texts(path)["parameters"] == read_infotext(path) == "other"
    assert set(read_texts(path)) == {"parameters", "extras", "postprocessing", "more"}


def test_no_infotext_leaves_no_chunk(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS, "", {"extras": "x"}))
    assert read_texts(tmp_path / "a.png") == {"extras": "x"}


@pytest.mark.parametrize("key", ["", "x" * 80, "家", "a\nb", "a\x00b"])
def test_key_that_a_png_cannot_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="cannot be the key"):
        encode_png(PIXELS, "x", {key: "text"})


def test_texts_are_bounded_and_damaged_ones_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    big = b"".join(chunk(b"zTXt", b"key%d\x00\x00" % number + zlib.compress(b"x" * 600_000)) for number in range(3))
    broken = chunk(b"zTXt", b"broken\x00\x00not zlib") + chunk(b"tEXt", b"\x01bad\x00x") + chunk(b"tEXt", b"fine\x00y")
    path.write_bytes(png_with(big + broken))
    texts = read_texts(path)
    assert set(texts) == {"key0", "fine"}
    assert sum(map(len, texts.values())) <= MAX_TEXT_BYTES
    path.write_bytes(png_with(b"".join(chunk(b"tEXt", b"k%d\x00v" % number) for number in range(500))))
    assert len(read_texts(path)) == 64


def test_texts_of_other_formats(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\x00" + "a boat".encode("utf-16-be")
    for format in ("JPEG", "WEBP", "AVIF"):
        (tmp_path / format).write_bytes(encoded(Image.fromarray(PIXELS), format, exif=exif.tobytes()))
        assert read_texts(tmp_path / format) == {"parameters": "a boat"}
    (tmp_path / "g").write_bytes(encoded(Image.fromarray(PIXELS), "GIF", comment="a boat"))
    assert read_texts(tmp_path / "g") == {"parameters": "a boat"}
    info = PngInfo()
    info.add_itxt("parameters", "a boat", "de", "Parameter", zip=True)
    (tmp_path / "p").write_bytes(encoded(Image.fromarray(PIXELS), "PNG", pnginfo=info))
    assert read_texts(tmp_path / "p") == {"parameters": "a boat"}
    (tmp_path / "b").write_bytes(encoded(Image.fromarray(PIXELS), "BMP"))
    assert read_texts(tmp_path / "b") == {}
