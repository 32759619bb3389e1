"""Every family is loaded from its folder, and its network is told what it was trained with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from modules.checkpoints.diffusers_folder import read_tokenizer
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.text_encoding import EncoderLayer
from modules.errors import BrokenModel, UnsupportedModel
from tests.tiny_models import (
    INPAINTING_CHANNELS,
    PIX2PIX_CHANNELS,
    write_tiny_model,
    write_tiny_refiner,
    write_tiny_sd2,
    write_tiny_sdxl,
)

SHAPES: dict[str, tuple[Callable[..., Path], dict[str, Any]]] = {
    "sd1": (write_tiny_model, {}),
    "sd1 inpainting": (write_tiny_model, {"in_channels": INPAINTING_CHANNELS}),
    "sd1 pix2pix": (write_tiny_model, {"in_channels": PIX2PIX_CHANNELS}),
    "sd2": (write_tiny_sd2, {}),
    "sd2 inpainting": (write_tiny_sd2, {"in_channels": INPAINTING_CHANNELS, "prediction_type": "epsilon"}),
    "sd2 zero snr": (write_tiny_sd2, {"zero_snr": True}),
    "sdxl": (write_tiny_sdxl, {}),
    "sdxl inpainting": (write_tiny_sdxl, {"in_channels": INPAINTING_CHANNELS}),
    "sdxl pix2pix": (write_tiny_sdxl, {"in_channels": PIX2PIX_CHANNELS}),
    "sdxl-refiner": (write_tiny_refiner, {}),
}


def load(folder: Path, dtype: torch.dtype = torch.float32) -> LoadedModel:
    checkpoint = Registry([folder.parent]).find(folder.name)
    return load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=dtype, attention="sdp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, (write, shape) in SHAPES.items():
        write(folder / name, **shape)
    return folder


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, LoadedModel]:
    return {name: load(folder / name) for name in SHAPES}


@pytest.mark.parametrize("name", SHAPES)
def test_family_and_kind_are_those_of_the_folder(name: str, models: dict[str, LoadedModel]) -> None:
    family, _, kind = name.partition(" ")
    assert models[name].family == family
    assert models[name].kind == (kind if kind in ("inpainting", "pix2pix") else "plain")
    assert models[name].prediction_type == ("v_prediction" if name in ("sd2", "sd2 zero snr") else "epsilon")


@pytest.mark.parametrize("name", SHAPES)
@torch.inference_mode()
def test_the_network_takes_the_blank_conditioning(name: str, models: dict[str, LoadedModel]) -> None:
    model = models[name]
    told = model.blank_conditioning(3, 48, 32)
    x = torch.randn((3, 4, 6, 4), generator=torch.Generator().manual_seed(0))
    answer = model.predict(x, torch.full((3,), 500.0), told)
    assert (answer.shape, answer.dtype) == (x.shape, torch.float32)
    assert answer.abs().max() > 0


@torch.inference_mode()
def test_every_part_of_the_added_conditioning_reaches_the_network(models: dict[str, LoadedModel]) -> None:
    for name in ("sdxl", "sdxl-refiner"):
        model = models[name]
        blank = model.blank_conditioning(1, 32, 32)
        assert blank.pooled is not None
        assert blank.time_ids is not None
        assert blank.time_ids.shape == (1, 5 if name == "sdxl-refiner" else 6)
        x, time = torch.randn((1, 4, 4, 4), generator=torch.Generator().manual_seed(1)), torch.tensor([500.0])
        told = blank.with_time_ids(model.time_ids(64, 96))
        assert not torch.equal(model.predict(x, time, blank), model.predict(x, time, told))
        added = {"text_embeds": blank.pooled, "time_ids": told.time_ids}
        direct = model.unet(x, time, encoder_hidden_states=blank.states, added_cond_kwargs=added).sample
        assert torch.equal(model.predict(x, time, told), direct)


def test_sizes_are_told_by_family(models: dict[str, LoadedModel]) -> None:
    def ids(name: str, *, negative: bool) -> Any:
        told = models[name].time_ids(64, 96, negative=negative)
        return None if told is None else told.tolist()

    assert ids("sdxl", negative=False) == ids("sdxl", negative=True) == [[64, 96, 0, 0, 64, 96]]
    assert ids("sdxl-refiner", negative=False) == [[64, 96, 0, 0, 6]]
    assert ids("sdxl-refiner", negative=True) == [[64, 96, 0, 0, 2.5]]
    assert ids("sd1", negative=False) is ids("sd2", negative=True) is None


def test_clip_skip_moves_the_first_family_alone(models: dict[str, LoadedModel]) -> None:
    for skip in (1, 2, 3):
        assert models["sd1"].encoder_layer(skip) == EncoderLayer(skip, normalised=True)
        assert models["sd2"].encoder_layer(skip) == EncoderLayer(1, normalised=True)
        assert models["sdxl"].encoder_layer(skip) == EncoderLayer(2, normalised=False)
        assert models["sdxl-refiner"].encoder_layer(skip) == EncoderLayer(2, normalised=False)


def test_encoders_and_what_fills_their_chunks(models: dict[str, LoadedModel]) -> None:
    kinds = {name: [type(encoder.network) for encoder in model.text_encoders] for name, model in models.items()}
    assert kinds["sd1"] == kinds["sd2"] == [CLIPTextModel]
    assert kinds["sdxl"] == [CLIPTextModel, CLIPTextModelWithProjection]
    assert kinds["sdxl-refiner"] == [CLIPTextModelWithProjection]
    assert models["sd1"].tokenizer.padding == models["sd1"].tokenizer.end
    assert models["sd2"].tokenizer.padding == 0
    first, second = (encoder.tokenizer for encoder in models["sdxl"].text_encoders)
    assert models["sdxl"].tokenizer is first
    assert (first.padding, second.padding) == (first.end, 0)


@pytest.mark.parametrize(("write", "padding"), [(write_tiny_sd2, [0]), (write_tiny_sdxl, [49407, 0])])
def test_folders_without_tokenizers_are_read_with_clip_s(
    write: Callable[..., Path], padding: list[int], tmp_path: Path
) -> None:
    model = load(write(tmp_path / "bare", own_tokenizer=False))
    assert [encoder.tokenizer.padding for encoder in model.text_encoders] == padding
    assert read_tokenizer(tmp_path / "bare").padding == padding[0]


def test_the_refiner_s_tokens_are_counted_with_its_only_tokenizer(folder: Path) -> None:
    assert read_tokenizer(folder / "sdxl-refiner").ids("a red house")


def test_tokenizer_of_a_damaged_folder_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "sdxl", tmp_path / "broken")
    (tmp_path / "broken" / "tokenizer" / "tokenizer.json").write_bytes(b"<html>")
    with pytest.raises(BrokenModel, match="Model 'broken' cannot be loaded"):
        read_tokenizer(tmp_path / "broken")


def test_zero_terminal_snr_is_the_scheduler_s_word(models: dict[str, LoadedModel]) -> None:
    plain = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
    assert torch.equal(models["sd2"].levels.sigmas, plain.sigmas)
    assert torch.equal(models["sd2 zero snr"].levels.sigmas, plain.with_zero_terminal_snr().sigmas)
    assert models["sd2 zero snr"].levels.sigma_max > 4000


def test_vae_that_wants_full_precision_has_it(folder: Path) -> None:
    xl, first = (load(folder / name, torch.bfloat16) for name in ("sdxl", "sd1"))
    assert (xl.vae.dtype, xl.unet.dtype) == (torch.float32, torch.bfloat16)
    assert first.vae.dtype == torch.bfloat16
    stored = load(folder / "sdxl").vae.state_dict()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in xl.vae.state_dict().items())


@pytest.mark.parametrize("name", SHAPES)
@torch.inference_mode()
def test_half_precision_is_near_full(name: str, folder: Path, models: dict[str, LoadedModel]) -> None:
    full, half = models[name], load(folder / name, torch.bfloat16)
    told = full.blank_conditioning(2, 32, 32)
    x = torch.randn((2, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    expected = full.predict(x, torch.full((2,), 500.0), told)
    near = half.predict(x, torch.full((2,), 500.0), told)
    assert float((near - expected).abs().max() / expected.abs().max()) < 0.05


def test_half_precision_tells_the_sizes_in_full(models: dict[str, LoadedModel]) -> None:
    seen: dict[str, Any] = {}

    class Network:
        config, dtype = models["sdxl"].unet.config, torch.bfloat16

        def parameters(self) -> Iterator[torch.Tensor]:
            yield torch.zeros(1, dtype=torch.bfloat16)

        def __call__(self, x: torch.Tensor, timestep: torch.Tensor, **told: Any) -> tuple[torch.Tensor]:
            seen.update(told)
            return (x,)

    model = replace(models["sdxl"], unet=Network())
    told = model.blank_conditioning(1, 32, 32).with_time_ids(model.time_ids(1003, 1005))
    assert model.predict(torch.zeros(1, 4, 4, 4), torch.tensor([500.0]), told).dtype == torch.float32
    added = seen["added_cond_kwargs"]
    assert added["time_ids"].tolist() == [[1003, 1005, 0, 0, 1003, 1005]]
    assert seen["encoder_hidden_states"].dtype == added["text_embeds"].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("name", "part", "changes", "error", "sentence"),
    [
        ("sd1", "unet", {"cross_attention_dim": 48}, BrokenModel, "expected shape"),
        ("sdxl", "unet", "sdxl-refiner", BrokenModel, "give 56 numbers per token, the network takes 24"),
        ("sd1", "unet", "sd2", BrokenModel, "give 32 numbers per token, the network takes 48"),
        ("sdxl-refiner", ".", {"requires_aesthetics_score": False}, BrokenModel, "make 64 added .* takes 56"),
        ("sd2", "scheduler", {"beta_schedule": "linear"}, UnsupportedModel, "has the beta schedule 'linear'"),
        ("sdxl", "scheduler", {"beta_schedule": None}, UnsupportedModel, "has no beta schedule"),
        ("sd1", "vae", {"latent_channels": 5}, BrokenModel, "expected shape"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    name: str,
    part: str,
    changes: str | dict[str, Any],
    error: type[Exception],
    sentence: str,
    folder: Path,
    tmp_path: Path,
) -> None:
    odd = shutil.copytree(folder / name, tmp_path / "odd")
    if isinstance(changes, str):
        shutil.rmtree(odd / part)
        shutil.copytree(folder / changes / part, odd / part)
    else:
        file = {"scheduler": "scheduler_config.json", ".": "model_index.json"}.get(part, "config.json")
        content = json.loads((odd / part / file).read_bytes())
        (odd / part / file).write_text(json.dumps({**content, **changes}))
    with pytest.raises(error, match=sentence):
        load(odd)
