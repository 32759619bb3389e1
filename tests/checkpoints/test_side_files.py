"""Files beside models: what is read, what is left out, and that what others wrote stays."""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modules.checkpoints.side_files import MOST_BYTES, MOST_PREVIEW_SIDE, PREVIEWS, SideFiles, embedded_preview
from modules.errors import InvalidRequest
from modules.imaging.reading import load_input


def model_in(folder: Path, name: str = "ink.v1.safetensors") -> Path:
    path = folder / name
    path.write_bytes(b"")
    return path


def picture(colour: str, format: str = "PNG", side: int = 8, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, format, **options)
    return buffer.getvalue()


def test_the_name_ends_at_the_last_dot_of_a_file_and_nowhere_in_a_folders(tmp_path: Path) -> None:
    folder = tmp_path / "sd-1.5"
    folder.mkdir()
    assert SideFiles(model_in(tmp_path)).path(".json") == tmp_path / "ink.v1.json"
    assert SideFiles(folder).path(".json") == tmp_path / "sd-1.5.json"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"notes": "' + b"x" * MOST_BYTES + b'"}',
    ],
)
def test_metadata_that_cannot_be_read_count_as_none(tmp_path: Path, content: bytes) -> None:
    sides = SideFiles(model_in(tmp_path))
    sides.path(".json").write_bytes(content)
    sides.path(".civitai.info").write_bytes(content)
    assert sides.user_metadata() == sides.civitai() == {}


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    sides = SideFiles(model_in(tmp_path))
    sides.path(".json").mkdir()
    if os.name != "nt":
        os.mkfifo(sides.path(".txt"))  # reading it would wait for ever
    assert sides.user_metadata() == {} and sides.description() == ""
    listed = SideFiles(model_in(tmp_path), names={path.name for path in tmp_path.iterdir()})
    assert listed.user_metadata() == {} and listed.description() == ""


def test_a_broken_file_is_kept_aside_when_a_card_is_written(tmp_path: Path) -> None:
    sides = SideFiles(model_in(tmp_path))
    sides.path(".json").write_bytes(b"{ half")
    sides.write_user_metadata({"notes": "new"})
    assert sides.user_metadata() == {"notes": "new"}
    assert sides.path(".json.broken").read_bytes() == b"{ half"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(
    before=st.dictionaries(st.text(), JSON, max_size=5), changes=st.dictionaries(st.text(max_size=3), JSON, max_size=5)
)
def test_unknown_keys_stay_and_none_takes_away(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, Any], changes: dict[str, Any]
) -> None:
    sides = SideFiles(model_in(tmp_path_factory.mktemp("models")))
    sides.path(".json").write_text(json.dumps(before), encoding="utf-8")
    sides.write_user_metadata(changes)
    wanted = {key: value for key, value in {**before, **changes}.items() if value is not None}
    assert json.loads(sides.path(".json").read_bytes()) == sides.user_metadata() == wanted


def test_descriptions_in_their_order(tmp_path: Path) -> None:
    sides = SideFiles(model_in(tmp_path))
    assert sides.description() == ""
    sides.path(".description.txt").write_bytes("\ufeffsecond é\n".encode())
    assert sides.description() == "second é"
    sides.path(".txt").write_bytes(b"first \xff")
    assert sides.description() == "first \ufffd"
    sides.path(".txt").write_bytes(b"x" * (MOST_BYTES + 1))
    assert sides.description() == "second é"


def test_previews_in_their_order(tmp_path: Path) -> None:
    sides = SideFiles(model_in(tmp_path))
    assert sides.preview() is None
    for ending in reversed(PREVIEWS):
        sides.path(ending).write_bytes(b"")
        assert sides.preview() == sides.path(ending)
    assert PREVIEWS[:2] == (".png", ".preview.png") and ".preview.gif" in PREVIEWS


def test_an_embedding_that_is_a_picture_is_no_preview_of_itself(tmp_path: Path) -> None:
    model = model_in(tmp_path, "style.png")
    sides = SideFiles(model)
    assert sides.preview() is None
    assert sides.write_preview(Image.new("RGB", (4, 4), "red")) == tmp_path / "style.preview.png"
    assert model.read_bytes() == b""


def test_a_written_preview_is_the_one_that_is_shown(tmp_path: Path) -> None:
    sides = SideFiles(model_in(tmp_path))
    sides.path(".jpg").write_bytes(picture("blue", "JPEG"))
    assert sides.write_preview(Image.new("RGB", (2000, 1000), "red")) == sides.preview() == sides.path(".preview.png")
    sides.path(".png").write_bytes(picture("blue"))
    assert sides.write_preview(Image.new("RGB", (2000, 1000), "red")) == sides.preview() == sides.path(".png")
    shown = load_input(sides.path(".png"))
    assert shown.size == (MOST_PREVIEW_SIDE, MOST_PREVIEW_SIDE // 2) and shown.getpixel((0, 0)) == (255, 0, 0)


def test_previews_in_headers() -> None:
    red, blue = picture("red"), picture("blue", "JPEG")
    covers = json.dumps([base64.b64encode(red).decode(), "?"])
    thumbnail = "data:image/jpeg;base64," + base64.b64encode(blue).decode()
    assert embedded_preview({"ssmd_cover_images": covers}) == red
    assert embedded_preview({"modelspec.thumbnail": thumbnail, "ssmd_cover_images": covers}) == blue
    for nothing in ("", "[]", "[3]", "{}", '["?"]', "[" * 100_000, '["é"]'):
        assert embedded_preview({"ssmd_cover_images": nothing}) is None
    for nothing in ("https://example.org/x.png", "data:image/png;base64,*", "data:image/png;base64,"):
        assert embedded_preview({"modelspec.thumbnail": nothing}) is None


def test_a_card_that_would_not_be_read_again_is_refused(tmp_path: Path) -> None:
    (model := tmp_path / "m.safetensors").write_bytes(b"")
    sides = SideFiles(model)
    sides.write_user_metadata({"notes": "kept"})
    with pytest.raises(InvalidRequest, match=r"m\.json.*1,048,576.*Shorten"):
        sides.write_user_metadata({"description": "ü" * 200_000})
    assert sides.user_metadata() == {"notes": "kept"}
