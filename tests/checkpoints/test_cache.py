"""Models kept in memory: two, the latest ones, and fewer where memory is short."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.checkpoints.cache import MemoryBudget, ModelCache, ModelLoader, bytes_of
from modules.checkpoints.card import Card
from modules.checkpoints.registry import Checkpoint
from modules.errors import BrokenModel, OutOfMemory

UNIT = 4 * 1024
"""What a model's own network takes; the VAE and the text encoder that all of them share take a quarter each."""


@dataclass(frozen=True)
class Model:
    """The parts of a loaded model that a cache looks at."""

    unet: torch.nn.Module
    vae: torch.nn.Module
    text_encoders: tuple[Any, ...]
    device: torch.device = torch.device("cpu")


@dataclass(frozen=True)
class Encoder:
    network: torch.nn.Module


def network(numbers: int) -> torch.nn.Module:
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.zeros(numbers), requires_grad=False)
    return module


class Shelf:
    """A cache, the names that were loaded, and how many models of a kind fit into memory at once."""

    def __init__(self, room: int = 100, most: float = 2.5, waiting: float = 0, models: int = 0) -> None:
        self.loaded: list[str] = []
        self.vaes: list[str] = []
        self.alive: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
        self.vae, self.encoder = network(256), Encoder(network(256))
        self._room = room
        self.rested: list[Any] = []
        self.form = "float32"
        loader = ModelLoader(
            load=self._load,
            load_vae=self._load_vae,
            needed=lambda checkpoint, vae: UNIT,
            rest=lambda model, keeping: self.rested.append(model),
            form=lambda checkpoint: self.form,
        )
        budget = MemoryBudget(int(most * UNIT), int(waiting * UNIT), models)
        self.cache = ModelCache(loader, lambda: budget)

    def get(self, name: str, vae: Path | None = None) -> Any:
        return self.cache.get(checkpoint(name), vae)

    def held(self, names: str) -> str:
        return "".join(name for name in names if self.cache.holds(checkpoint(name)))

    def _load(self, wanted: Checkpoint, vae: Path | None) -> Any:
        self.loaded.append(wanted.name)
        unet = network(1024)
        self.alive.add(unet)
        if len(self.alive) > self._room:
            raise OutOfMemory(wanted.name)
        return Model(unet, network(256) if vae else self.vae, (self.encoder,))

    def _load_vae(self, wanted: Checkpoint, vae: Path | None) -> Any:
        self.vaes.append("own" if vae is None else vae.name)
        return self.vae if vae is None else network(256)


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
    shelf = Shelf(most=most + 0.5)
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
    shelf = Shelf(most=3.5)
    for name in asked:
        shelf.get(name)
    others = set(asked) - set(kept)
    assert shelf.cache.keep_only([checkpoint(name) for name in kept]) == bool(others)
    assert set(shelf.held("abcd")) == set(asked) & set(kept)
    assert len(shelf.alive) == len(set(asked) & set(kept))


def test_a_broken_model_leaves_the_others_alone() -> None:
    shelf = Shelf()
    shelf.get("a")

    def load(wanted: Checkpoint, vae: Path | None) -> Any:
        raise BrokenModel(wanted.name)

    object.__setattr__(shelf.cache._loader, "load", load)
    with pytest.raises(BrokenModel):
        shelf.get("broken")
    assert shelf.held("ab") == "a"
    assert not shelf.cache.holds(checkpoint("broken"))


def test_networks_that_models_share_are_counted_once() -> None:
    """Two models of 1.5 units each take 2.5 together."""
    shelf = Shelf(most=2.5)
    models = [shelf.get("a"), shelf.get("b")]
    assert bytes_of(models) == 2.5 * UNIT
    assert shelf.held("ab") == "ab"
    tighter = Shelf(most=2.4)
    tighter.get("a")
    tighter.get("b")
    assert tighter.held("ab") == "b"


def test_the_latest_model_stays_whatever_it_takes() -> None:
    shelf = Shelf(most=0.1)
    assert shelf.get("a") is shelf.get("a")
    assert shelf.loaded == ["a"]


def test_another_vae_is_put_into_a_model_that_is_kept(tmp_path: Path) -> None:
    (file := tmp_path / "vae.safetensors").write_bytes(b"1")
    shelf = Shelf(most=4)
    own, other = shelf.get("a"), shelf.get("a", file)
    assert own.unet is other.unet and own.vae is not other.vae
    assert shelf.get("a") is own and shelf.get("a", file) is other
    assert (shelf.loaded, shelf.vaes) == (["a"], ["vae.safetensors"])
    file.write_bytes(b"22")
    assert shelf.get("a", file).vae is not other.vae


def test_the_own_vae_of_a_model_that_was_loaded_with_another_is_read(tmp_path: Path) -> None:
    (file := tmp_path / "vae.safetensors").write_bytes(b"1")
    shelf = Shelf(most=4)
    shelf.get("a", file)
    assert shelf.get("a").vae is shelf.vae
    assert (shelf.loaded, shelf.vaes) == (["a"], ["own"])


def test_what_does_not_fit_on_the_card_waits_in_the_computer() -> None:
    shelf = Shelf(most=1.5, waiting=2.5)
    first, second = shelf.get("a"), shelf.get("b")
    assert shelf.rested == [first]
    assert shelf.held("ab") == "ab"
    assert shelf.get("a") is first and shelf.loaded == ["a", "b"]
    assert shelf.rested == [first, second]
    shelf.get("c")
    shelf.get("d")
    assert shelf.held("abcd") == "acd"  # two wait, the third went


def test_a_model_that_waits_gives_its_network_to_one_with_another_vae(tmp_path: Path) -> None:
    (file := tmp_path / "vae.safetensors").write_bytes(b"1")
    shelf = Shelf(most=1.5, waiting=4)
    first = shelf.get("a")
    shelf.get("b")
    assert shelf.get("a", file).unet is first.unet
    assert shelf.loaded == ["a", "b"]


@pytest.mark.parametrize(("models", "kept"), [(1, "d"), (2, "cd"), (3, "bcd"), (0, "abcd")])
def test_no_more_models_are_kept_than_somebody_wants(models: int, kept: str) -> None:
    shelf = Shelf(most=100, models=models)
    for name in "abcd":
        shelf.get(name)
    assert shelf.held("abcd") == kept


def test_models_that_wait_count_too() -> None:
    shelf = Shelf(most=1.6, waiting=10, models=2)
    for name in "abc":
        shelf.get(name)
    assert shelf.held("abc") == "bc"


def test_models_are_loaded_anew_in_another_form() -> None:
    shelf = Shelf(most=4)
    first = shelf.get("a")
    shelf.form = "float8"
    assert shelf.get("a") is not first
    assert shelf.loaded == ["a", "a"] and len(shelf.alive) == 2
    del first
    assert len(shelf.alive) == 1, "what nobody can ask for again is let go"


def test_idle_models_wait_while_a_job_needs_the_room() -> None:
    shelf = Shelf(most=9, waiting=9)
    first, second = shelf.get("a"), shelf.get("b")
    with shelf.cache.job():
        shelf.get("b")
        assert shelf.cache.rest_idle() and shelf.rested == [first]
        assert not shelf.cache.rest_idle()
    assert shelf.get("b") is second


def test_the_models_of_a_running_job_stay() -> None:
    shelf = Shelf(most=1.5, waiting=2.5)
    with shelf.cache.job():
        shelf.get("a")
        shelf.get("b")
        assert shelf.rested == []
    shelf.get("b")
    assert len(shelf.rested) == 1


def test_cache_looks_at_weights_not_at_cards(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1")
    shelf = Shelf()
    one = Checkpoint("one", tmp_path, Card())
    shelf.cache.get(one)
    assert shelf.cache.holds(Checkpoint("one", tmp_path, Card(description="edited")))
    weights.write_bytes(b"22")
    assert not shelf.cache.holds(one)
