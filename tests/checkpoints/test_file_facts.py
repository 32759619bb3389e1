"""What is known of files is kept until they change, and a damaged store is no loss."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from modules.checkpoints.file_facts import FileFacts, FileState


def state_of(path: Path, content: bytes = b"content") -> FileState:
    path.write_bytes(content)
    return FileState.of(path)


def test_facts_survive_a_restart(tmp_path: Path) -> None:
    state, store = state_of(tmp_path / "model"), tmp_path / "cache" / "models.sqlite3"
    facts = FileFacts(store)
    facts.put(state, "sha256", "abc")
    facts.put_many([(state, "parts", {"vae": [1, 2.5, None]}), (state, "sha256", "abd")])
    facts.close()
    again = FileFacts(store)
    assert (again.get(state, "sha256"), again.get(state, "parts")) == ("abd", {"vae": [1, 2.5, None]})
    assert again.get(state, "other") is None
    again.close()


def test_what_another_process_found_out_is_looked_up(tmp_path: Path) -> None:
    state, store = state_of(tmp_path / "model"), tmp_path / "models.sqlite3"
    one, other = FileFacts(store), FileFacts(store)
    one.put(state, "sha256", "abc")
    assert other.get(state, "sha256") is None
    assert other.look_up(state, "sha256") == "abc"
    assert other.get(state, "sha256") == "abc"
    assert other.look_up(state, "other") is None
    one.close()
    other.close()


def test_facts_of_a_changed_file_are_gone(tmp_path: Path) -> None:
    path, store = tmp_path / "model", tmp_path / "models.sqlite3"
    facts = FileFacts(store)
    before = state_of(path)
    facts.put(before, "one", 1)
    facts.put(before, "two", 2)
    os.utime(path, ns=(5, 5))
    after = FileState.of(path)
    assert facts.get(after, "one") is None
    facts.put(after, "two", 3)
    facts.close()
    for kept in (facts, FileFacts(store)):
        assert [kept.get(after, "one"), kept.get(after, "two"), kept.get(before, "one")] == [None, 3, None]
        kept.close()


def test_without_a_file_they_are_kept_in_memory(tmp_path: Path) -> None:
    facts, state = FileFacts(), state_of(tmp_path / "model")
    facts.put(state, "one", 1)
    assert facts.get(state, "one") == 1
    facts.close()
    assert facts.get(state, "one") == 1


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to be looked at" * 200, b"cut"])
def test_damaged_store_is_made_anew(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    store, state = tmp_path / "models.sqlite3", state_of(tmp_path / "model")
    facts = FileFacts(store)
    facts.put(state, "one", 1)
    facts.close()
    content = store.read_bytes()
    store.write_bytes(damage if damage != b"cut" else content[: len(content) // 2 + 100])
    with caplog.at_level(logging.ERROR):
        facts = FileFacts(store)
    facts.put(state, "two", 2)
    facts.close()
    again = FileFacts(store)
    assert again.get(state, "two") == 2
    again.close()


def test_store_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    state = state_of(tmp_path / "model")
    (tmp_path / "file").write_text("")
    facts = FileFacts(tmp_path / "file" / "models.sqlite3")
    facts.put(state, "one", 1)
    assert facts.get(state, "one") == 1
    facts.close()


def test_two_programs_may_share_a_store(tmp_path: Path) -> None:
    store, state = tmp_path / "models.sqlite3", state_of(tmp_path / "model")
    first, second = FileFacts(store), FileFacts(store)
    first.put(state, "one", 1)
    second.put(state, "two", 2)
    first.close()
    second.close()
    third = FileFacts(store)
    assert (third.get(state, "one"), third.get(state, "two")) == (1, 2)
    third.close()


def test_state_of_a_folder_is_that_of_its_weights_and_configurations(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    weights, config = tmp_path / "unet" / "model.safetensors", tmp_path / "unet" / "config.json"
    weights.write_bytes(b"weights")
    config.write_text("{}")
    first = FileState.of(tmp_path)
    (tmp_path / "notes.txt").write_text("of no matter")
    assert FileState.of(tmp_path) == first
    os.utime(weights, ns=(5, 5))
    second = FileState.of(tmp_path)
    config.write_text("{ }")
    assert len({first, second, FileState.of(tmp_path)}) == 3
