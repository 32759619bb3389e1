"""Settings: typed, written whole, and never lost to a broken file."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from modules.config.paths import ROOT
from modules.config.settings import SettingsStore
from modules.config.settings_table import Settings
from modules.errors import InvalidSetting


def test_change_survives_a_restart(tmp_path: Path) -> None:
    SettingsStore(tmp_path / "config.json").change(queue_limit=7)
    assert SettingsStore(tmp_path / "config.json").current.queue_limit == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [("queue_limit", 0), ("queue_limit", "3"), ("randn_source", "dice"), ("live_previews_enable", 1), ("nonsense", 1)],
)
def test_bad_value_is_refused_and_nothing_changes(tmp_path: Path, name: str, value: object) -> None:
    store = SettingsStore(tmp_path / "config.json")
    with pytest.raises(InvalidSetting, match=name):
        store.change(**{name: value})
    assert store.current == Settings()
    assert not (tmp_path / "config.json").exists()


def test_bad_values_in_the_file_are_replaced_one_by_one_and_unknown_ones_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"queue_limit": -1, "randn_source": "CPU", "from_the_future": [1]}))
    store = SettingsStore(path)
    assert store.current == Settings(randn_source="CPU")
    store.change(queue_limit=5)
    assert json.loads(path.read_text())["from_the_future"] == [1]


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00\x01"])
def test_broken_file_is_kept_aside_and_the_previous_one_used(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    store = SettingsStore(path)
    store.change(queue_limit=5)
    store.change(queue_limit=6)
    path.write_text(content)
    assert SettingsStore(path).current.queue_limit == 5
    assert (tmp_path / "config.json.broken").read_text() == content


def test_what_another_process_wrote_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    reader, writer = SettingsStore(path), SettingsStore(path)
    reader.reload()
    assert reader.current == Settings()
    writer.change(queue_limit=5)
    reader.reload()
    assert reader.current.queue_limit == 5


@pytest.mark.parametrize("content", ["", "{", "[1]", None])
def test_file_that_cannot_be_read_again_is_left_to_its_writer(tmp_path: Path, content: str | None) -> None:
    """Such as one that is just being replaced: nothing is changed, on the disk or in memory."""
    path = tmp_path / "config.json"
    store = SettingsStore(path)
    store.change(queue_limit=5)
    if content is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_text(content)
    store.reload()
    assert store.current.queue_limit == 5
    assert path.exists()
    assert not (tmp_path / "config.json.broken").exists()


def test_file_that_cannot_be_opened_is_not_moved(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    assert SettingsStore(tmp_path / "config.json").current == Settings()
    assert (tmp_path / "config.json").is_dir()


def test_every_setting_is_explained() -> None:
    assert all(len(row.metadata["help"]) > 20 for row in fields(Settings))


def test_the_documentation_lists_them() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for row in fields(Settings):
        assert f"`{row.name}`: {row.metadata['label']} | {row.metadata['help']}" in text, row.name


def test_rows_of_a_section_stand_together_and_have_limits() -> None:
    sections = [row.metadata["section"] for row in fields(Settings)]
    assert len({*sections}) == len([place for place, name in enumerate(sections) if sections[place - 1] != name])
    for row in fields(Settings):
        if type(row.default) is int:
            assert row.metadata["minimum"] <= row.default <= row.metadata["maximum"], row.name
