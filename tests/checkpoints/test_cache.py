"""Models kept in memory: two, the latest ones, and fewer where memory is short."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.checkpoints.cache import ModelCache
from modules.checkpoints.card import Card
from modules.checkpoints.registry import Checkpoint
from modules.errors import BrokenModel, OutOfMemory


class Weights:
    """What a loaded model has in memory."""


class Shelf:
    """A cache, the names that were loaded, and how many models of a kind fit into memory at once."""

    def __init__(self, room: int = 100, most: int = 2) -> None:
        self.loaded: list[str] = []
        self.alive: weakref.WeakSet[Weights] = weakref.WeakSet()
        self._room = room
        load: Callable[[Checkpoint], Any] = self._load
        self.cache = ModelCache(load, most)

    def get(self, name: str) -> object:
        return self.cache.get(checkpoint(name))

    def held(self, names: str) -> str:
        return "".join(name for name in names if self.cache.holds(checkpoint(name)))

    def _load(self, wanted: Checkpoint) -> Weights:
        self.loaded.append(wanted.name)
        weights = Weights()
        self.alive.add(weights)
        if len(self.alive) > self._room:
            raise OutOfMemory(wanted.name)
        return weights


def checkpoint(name: str) -> Checkpoint:
    return Checkpoint(name, Path("missing"), Card())


def test_two_models_take_turns_without_being_loaded_again() -> None:
    shelf = Shelf()
    first = shelf.get("a")
    for name in "abab":
        shelf.get(name)
    assert shelf.loaded == ["a", "b"]
    assert shelf.get("a") is first


def test_the_one_that_was_used_last_stays() -> None:
    shelf = Shelf()
    for name in "abac":
        shelf.get(name)
    assert shelf.held("abc") == "ac"
    shelf.get("b")
    assert shelf.held("abc") == "bc"
    assert len(shelf.alive) == 2


@given(asked=st.text("abcd", min_size=1, max_size=20), most=st.integers(1, 4))
def test_the_latest_models_are_kept_and_no_more(asked: str, most: int) -> None:
    shelf = Shelf(most=most)
    for name in asked:
        shelf.get(name)
    latest = list(dict.fromkeys(reversed(asked)))[:most]
    assert set(shelf.held("abcd")) == set(latest)
    assert len(shelf.alive) == len(latest)


def test_a_model_goes_before_the_one_comes_that_takes_its_place() -> None:
    shelf = Shelf(room=2)
    for name in "abc":
        shelf.get(name)
    assert shelf.loaded == ["a", "b", "c"]


def test_where_memory_is_short_the_others_go() -> None:
    shelf = Shelf(room=1)
    shelf.get("a")
    shelf.get("b")
    assert shelf.loaded == ["a", "b", "b"]
    assert shelf.held("ab") == "b"
    assert len(shelf.alive) == 1


def test_a_model_that_fits_nowhere_is_told_of_and_not_kept() -> None:
    shelf = Shelf(room=0)
    with pytest.raises(OutOfMemory, match="a"):
        shelf.get("a")
    assert shelf.loaded == ["a"]
    assert shelf.held("a") == ""


@given(asked=st.text("abc", max_size=3), kept=st.text("abcd", max_size=3))
def test_only_what_is_needed_is_kept(asked: str, kept: str) -> None:
    shelf = Shelf(most=3)
    for name in asked:
        shelf.get(name)
    others = set(asked) - set(kept)
    assert shelf.cache.keep_only([checkpoint(name) for name in kept]) == bool(others)
    assert set(shelf.held("abcd")) == set(asked) & set(kept)
    assert len(shelf.alive) == len(set(asked) & set(kept))


def test_a_broken_model_leaves_the_others_alone() -> None:
    def load(wanted: Checkpoint) -> Any:
        if wanted.name == "broken":
            raise BrokenModel(wanted.name)
        return wanted

    cache = ModelCache(load)
    cache.get(checkpoint("a"))
    with pytest.raises(BrokenModel):
        cache.get(checkpoint("broken"))
    assert cache.holds(checkpoint("a"))
    assert not cache.holds(checkpoint("broken"))


def test_cache_looks_at_weights_not_at_cards(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1")
    shelf = Shelf()
    one = Checkpoint("one", tmp_path, Card())
    shelf.cache.get(one)
    assert shelf.cache.holds(Checkpoint("one", tmp_path, Card(description="edited")))
    weights.write_bytes(b"22")
    assert not shelf.cache.holds(one)
