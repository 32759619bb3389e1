"""Parts that are moved about: who is on the device when, and that the numbers stay the same."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.memory_plan import JobSize, MemoryMode, PartSizes
from modules.checkpoints.offloading import Offloader
from modules.checkpoints.registry import Registry
from modules.diffusion.conditioning import TextConditioning
from modules.diffusion.memory import runs_on
from tests.tiny_models import write_tiny_model, write_tiny_sdxl

CPU = torch.device("cpu")
DEVICE = torch.device("cpu", 0)
"""The processor under a name of its own, so that moves to it can be told from moves away."""
MODES: tuple[MemoryMode, ...] = ("resident", "balanced", "streamed")


def loaded(folder: Path) -> LoadedModel:
    from modules.checkpoints.loading import load_checkpoint

    return load_checkpoint(Registry([folder]).find(folder.name), device=CPU, dtype=torch.float32, attention="sdp")


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    return loaded(write_tiny_model(tmp_path / "tiny"))


@pytest.fixture
def xl(tmp_path: Path) -> LoadedModel:
    return loaded(write_tiny_sdxl(tmp_path / "xl"))


class Places:
    """Remembers where parts were moved to; the numbers stay where they are."""

    def __init__(self) -> None:
        self.inside: list[Any] = []
        self.moves = 0

    def __call__(self, part: torch.nn.Module, device: torch.device) -> None:
        self.moves += 1
        self.inside = [other for other in self.inside if other is not part]
        if device == DEVICE:
            self.inside.append(part)


def watched(part: Any, places: Places, seen: list[list[Any]]) -> None:
    """Note who is on the device whenever a layer of a part computes."""
    for layer in part.modules():
        if not list(layer.children()):
            layer.register_forward_pre_hook(lambda *given: seen.append(list(places.inside)))


@torch.inference_mode()
def painted(model: LoadedModel) -> tuple[torch.Tensor, ...]:
    """What every part of a model answers, in an order that no part is used in alone: in, words, steps, out."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), dtype=np.uint8)
    x = model.encode(pixels)
    told = model.blank_conditioning(1, 32, 48)
    states = [encoder.network(torch.arange(77)[None] % 40).last_hidden_state for encoder in model.text_encoders]
    conditioning: TextConditioning = replace(told, states=torch.cat(states, dim=-1))
    for _ in range(3):
        x = model.predict(x, torch.tensor([500.0]), conditioning)
    return (*states, x, torch.from_numpy(model.decode(x)), model.preview_by("TAESD")(x))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["model", "xl"])
def test_answers_are_the_same_bits_in_every_mode_and_afterwards(
    kind: str, mode: MemoryMode, request: pytest.FixtureRequest
) -> None:
    model: LoadedModel = request.getfixturevalue(kind)
    plain = painted(model)
    weights = {name: weight.clone() for name, weight in model.unet.named_parameters()}
    offloader = Offloader(CPU)
    offloader.place(model, mode)
    assert offloader.mode_of(model) == mode
    assert all(torch.equal(a, b) for a, b in zip(painted(model), plain, strict=True))
    offloader.rest(model)
    assert offloader.mode_of(model) == "resident"
    assert all(torch.equal(a, b) for a, b in zip(painted(model), plain, strict=True))
    assert all(torch.equal(weight, weights[name]) for name, weight in model.unet.named_parameters())


@pytest.mark.parametrize("mode", ["balanced", "streamed"])
def test_one_part_is_on_the_device_and_it_is_the_one_that_computes(xl: LoadedModel, mode: MemoryMode) -> None:
    places = Places()
    offloader = Offloader(DEVICE, places)
    offloader.place(xl, mode)
    assert places.inside == []
    parts = [xl.unet, xl.vae, *(encoder.network for encoder in xl.text_encoders)]
    seen: dict[int, list[list[Any]]] = {id(part): [] for part in parts}
    for part in parts:
        watched(part, places, seen[id(part)])
        assert runs_on(part) == DEVICE
    painted(xl)
    for part in parts:
        expected = [] if mode == "streamed" and part is xl.unet else [part]
        assert seen[id(part)]
        assert all(inside == expected for inside in seen[id(part)])


def test_parts_that_stay_are_not_moved_again(model: LoadedModel) -> None:
    places = Places()
    offloader = Offloader(DEVICE, places)
    offloader.place(model, "balanced")
    painted(model)
    before = places.moves
    for _ in range(5):
        with torch.inference_mode():
            model.decode(torch.zeros(1, 4, 4, 6))
    assert places.moves == before  # the VAE was the last one at work


def test_all_models_of_a_device_take_turns_and_share_parts(model: LoadedModel, tmp_path: Path) -> None:
    other = replace(loaded(write_tiny_model(tmp_path / "other", seed=1)), vae=model.vae)
    places = Places()
    offloader = Offloader(DEVICE, places)
    for one in (model, other):
        offloader.place(one, "balanced")
    for one in (model, other, model):
        painted(one)
        assert places.inside == [model.vae]


def test_placing_again_undoes_what_others_moved(model: LoadedModel) -> None:
    places = Places()
    offloader = Offloader(DEVICE, places)
    offloader.place(model, "balanced")
    places.inside = [model.unet, model.vae]
    offloader.place(model, "balanced")
    assert places.inside == []


@pytest.mark.parametrize("first", MODES)
@pytest.mark.parametrize("then", MODES)
def test_a_mode_follows_any_other(first: MemoryMode, then: MemoryMode, model: LoadedModel) -> None:
    plain = painted(model)
    offloader = Offloader(CPU)
    offloader.place(model, first)
    painted(model)
    offloader.place(model, then)
    assert offloader.mode_of(model) == then
    assert all(torch.equal(a, b) for a, b in zip(painted(model), plain, strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_parts_go_with_their_last_model(mode: MemoryMode, tmp_path: Path) -> None:
    """Not when the garbage collector next looks through all of the memory."""
    model = loaded(write_tiny_model(tmp_path / "tiny"))
    offloader = Offloader(CPU)
    gc.collect()
    gc.disable()
    try:
        parts = [weakref.ref(part) for part in (model.unet, model.vae, *(one.network for one in model.text_encoders))]
        layers = [weakref.ref(layer) for part in (model.unet, model.vae) for layer in part.modules()]
        plain = painted(model)
        offloader.place(model, mode)
        assert all(torch.equal(a, b) for a, b in zip(painted(model), plain, strict=True))
        offloader.rest(model)
        del model
        assert all(part() is None for part in parts)
        assert all(layer() is None for layer in layers)
    finally:
        gc.enable()


def test_balanced_parts_go_without_being_laid_to_rest(tmp_path: Path) -> None:
    model = loaded(write_tiny_model(tmp_path / "tiny"))
    offloader = Offloader(CPU)
    offloader.place(model, "balanced")
    gc.collect()
    gc.disable()
    try:
        unet = weakref.ref(model.unet)
        del model
        assert unet() is None
    finally:
        gc.enable()


def test_what_a_model_that_stays_holds_too_is_left_as_it_is(model: LoadedModel, tmp_path: Path) -> None:
    other = replace(
        loaded(write_tiny_model(tmp_path / "other", seed=1)), vae=model.vae, text_encoders=model.text_encoders
    )
    offloader = Offloader(DEVICE, places := Places())
    for one in (model, other):
        offloader.place(one, "resident")
    shared = [*(encoder.network for encoder in model.text_encoders), model.vae]
    offloader.rest(model, keeping=iter([other]))
    assert {id(part) for part in places.inside} == {id(part) for part in (*shared, other.unet)}
    offloader.place(other, "balanced")
    offloader.rest(model, (other,))
    assert all(hasattr(part, "_hf_hook") for part in (*shared, other.unet))
    assert not hasattr(model.unet, "_hf_hook")
    painted(other)
    assert places.inside == [model.vae]
    offloader.rest(other)
    assert places.inside == []
    assert not any(hasattr(part, "_hf_hook") for part in (*shared, other.unet))


def test_weights_changed_in_place_stay_changed(model: LoadedModel) -> None:
    """As adapters do it, which are merged between jobs."""
    offloader = Offloader(CPU)
    offloader.place(model, "streamed")
    plain = painted(model)
    with torch.no_grad():
        for weight in model.unet.parameters():
            weight.mul_(1.1)
    assert not torch.equal(painted(model)[1], plain[1])


def test_an_offloader_that_is_gone_leaves_models_usable(model: LoadedModel) -> None:
    plain = painted(model)
    Offloader(CPU).place(model, "balanced")
    assert all(torch.equal(a, b) for a, b in zip(painted(model), plain, strict=True))


def test_sizes_are_those_of_the_weights(model: LoadedModel) -> None:
    sizes = PartSizes.of(model)
    assert sizes.unet == sum(weight.numel() for weight in model.unet.parameters()) * 4
    assert sizes.all == sizes.unet + sizes.text_encoders + sizes.vae
    small, large = JobSize.of(model, 256, 256, 1), JobSize.of(model, 512, 512, 2)
    assert large.sampling == 8 * small.sampling
    assert large.decoding == small.decoding  # the VAE goes in tiles


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
@pytest.mark.parametrize("mode", ["balanced", "streamed"])
def test_on_a_card_answers_are_the_same_and_memory_is_less(mode: MemoryMode, xl: LoadedModel) -> None:
    card = torch.device("cuda", 0)
    model = replace(xl, device=card)
    offloader = Offloader(card)

    def measured(mode: MemoryMode) -> tuple[tuple[torch.Tensor, ...], int]:
        offloader.place(model, mode)
        torch.cuda.synchronize()
        held = torch.cuda.memory_allocated()
        return tuple(answer.cpu() for answer in _on_card(model, card)), held

    plain, everything = measured("resident")
    answers, little = measured(mode)
    assert little < everything / 4
    assert all(torch.equal(a, b) for a, b in zip(answers, plain, strict=True))


def _on_card(model: LoadedModel, card: torch.device) -> tuple[torch.Tensor, ...]:
    with torch.inference_mode():
        x = model.encode(np.zeros((1, 32, 48, 3), dtype=np.uint8))
        told = model.blank_conditioning(1, 32, 48)
        for _ in range(3):
            x = model.predict(x, torch.tensor([500.0], device=card), told)
        return x, torch.from_numpy(model.decode(x))
