"""The list of extensions on the web: read as data, searched and sorted; what is no such list is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.config.settings import SettingsStore
from modules.errors import DownloadFailed, InvalidRequest
from modules.services import extension_index
from modules.services.extension_index import MOST_ROWS, ExtensionIndex, found_in, read_index
from tests.hub_server import HubServer, hub_server

ROWS: list[Any] = [
    {"name": "Waves", "url": "https://example.org/ann/waves.git", "description": "The sea.", "added": "2024-03-01",
     "tags": ["script", "ads"], "stars": 7, "commit": "unknown fields are left alone"},
    {"name": "<img src=x onerror=alert(1)>", "url": "https://example.org/evil", "description": "<b>bold</b>",
     "tags": ["script"], "stars": True},
    {"name": "ashes", "url": "https://example.org/ashes", "added": "2025-01-01", "tags": "none", "stars": 900},
    {"name": "shell", "url": "file:///etc/passwd"},
    {"name": "secret", "url": "https://ann:secret@example.org/x"},
    {"name": 7, "url": 8}, "no row", None,
]  # fmt: skip
INDEX = {"about": "x", "tags": {"script": "adds a script", "ads": 7}, "extensions": ROWS}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as running:
        yield running


def names(**asked: Any) -> list[str]:
    return [row.name for row in found_in(read_index(json.dumps(INDEX).encode()), **asked)]


def test_rows_are_read_and_what_makes_no_sense_is_left_out() -> None:
    index = read_index(json.dumps(INDEX).encode())
    assert len(index.rows) == 3 and index.tags == {"script": "adds a script", "ads": ""}
    waves, evil, ashes = index.rows
    assert (waves.address, waves.added, waves.tags, waves.stars) == (
        "https://example.org/ann/waves.git", "2024-03-01", ("script", "ads"), 7,
    )  # fmt: skip
    assert evil.description == "<b>bold</b>" and evil.stars is None and evil.added == ""
    assert ashes.tags == () and ashes.stars == 900


def test_it_is_searched_and_sorted() -> None:
    evil = "<img src=x onerror=alert(1)>"
    assert names() == [evil, "ashes", "Waves"] and names(descending=True) == ["Waves", "ashes", evil]
    assert names(words="SEA wav") == ["Waves"] and names(words="nothing") == []
    assert names(tags=["script"]) == [evil, "Waves"] and names(tags=["script"], without=["ads"]) == [evil]
    assert names(sort="stars", descending=True) == ["ashes", "Waves", evil]
    assert names(sort="added") == ["Waves", "ashes", evil]


def test_a_long_one_is_cut() -> None:
    rows = [{"name": "x" * 5000, "url": "https://example.org/x", "description": "y" * 9000}] * (MOST_ROWS + 5)
    index = read_index(json.dumps({"extensions": rows}).encode())
    assert len(index.rows) == MOST_ROWS and len(index.rows[0].name) == 100 and len(index.rows[0].description) == 1000


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"extensions": 7}', b"[" * 100_000, b"\xff"])
def test_what_is_no_index_is_refused(content: bytes) -> None:
    with pytest.raises(DownloadFailed, match="no list of extensions"):
        read_index(content)


def index_at(tmp_path: Path, address: str, *, allow_private: bool = True) -> ExtensionIndex:
    settings = SettingsStore(tmp_path / "config.json")
    settings.change(extension_index=address)
    index = ExtensionIndex(settings)
    index.allow_private = allow_private
    return index


def test_it_is_fetched_once_and_again_when_asked(tmp_path: Path, hub: HubServer) -> None:
    hub.put("/index.json", json.dumps(INDEX).encode())
    index = index_at(tmp_path, f"{hub.address}/index.json")
    assert len(index.read().rows) == 3
    hub.put("/index.json", b'{"extensions": []}')
    assert len(index.read().rows) == 3 and index.read(again=True).rows == ()


def test_no_address_is_no_index(tmp_path: Path) -> None:
    assert index_at(tmp_path, "").read().rows == ()


def test_private_missing_and_large_ones_are_refused(
    tmp_path: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put("/index.json", json.dumps(INDEX).encode())
    with pytest.raises(InvalidRequest, match="private network"):
        index_at(tmp_path, f"{hub.address}/index.json", allow_private=False).read()
    with pytest.raises(DownloadFailed, match="the server answered 404"):
        index_at(tmp_path, f"{hub.address}/nothing.json").read()
    with pytest.raises(DownloadFailed, match="cannot be read"):
        index_at(tmp_path, "http://127.0.0.1:9/index.json").read()
    monkeypatch.setattr(extension_index, "MOST_BYTES", 100)
    with pytest.raises(DownloadFailed, match="is larger than"):
        index_at(tmp_path, f"{hub.address}/index.json").read()
