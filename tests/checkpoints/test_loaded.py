"""A model in memory: its kind, its channels, and pictures through its VAE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.diffusion.conditioning import TextConditioning
from modules.diffusion.input_channels import blank_inpainting_channels, inpainting_channels, pix2pix_channels
from modules.diffusion.seamless import seamless
from modules.errors import NumbersOverflowed, UnsupportedModel
from tests.tiny_models import INPAINTING_CHANNELS, PIX2PIX_CHANNELS, write_tiny_model

KINDS = {"plain": 4, "inpainting": INPAINTING_CHANNELS, "pix2pix": PIX2PIX_CHANNELS}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedModel]:
    folder = tmp_path_factory.mktemp("models")
    return {kind: _loaded(write_tiny_model(folder / kind, in_channels=count)) for kind, count in KINDS.items()}


def _loaded(folder: Path, dtype: torch.dtype = torch.float32) -> LoadedModel:
    checkpoint = Registry([folder]).find(folder.name)
    return load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=dtype, attention="sdp")


def pictures(batch: int = 2, height: int = 32, width: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


def words(batch: int = 2) -> TextConditioning:
    return TextConditioning(torch.randn((batch, 77, 32), generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_read_from_the_channels_and_latents_are_the_vae_s(
    kind: str, models: dict[str, LoadedModel]
) -> None:
    model = models[kind]
    assert (model.kind, model.latent_channels, model.pixels_per_latent) == (kind, 4, 8)


def test_other_channels_are_refused_in_words(models: dict[str, LoadedModel]) -> None:
    class Depth:
        config: Any = type("Config", (), {"in_channels": 5})

    with pytest.raises(UnsupportedModel, match="takes 1 channels beside its 4"):
        _ = replace(models["plain"], unet=Depth()).kind


@torch.inference_mode()
def test_every_kind_predicts_with_what_stands_beside_x(models: dict[str, LoadedModel]) -> None:
    given = torch.from_numpy(pictures()).permute(0, 3, 1, 2).float() / 127.5 - 1
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., :16] = 1
    channels = {
        "plain": None,
        "inpainting": inpainting_channels(models["inpainting"].encode_picture, given, mask),
        "pix2pix": pix2pix_channels(models["pix2pix"].encode_unscaled, given),
    }
    x, time = torch.randn((2, 4, 4, 6), generator=torch.Generator().manual_seed(1)), torch.tensor([500.0, 500.0])
    for kind, model in models.items():
        told = words().with_channels(channels[kind])
        answer = model.predict(x, time, told)
        assert answer.shape == x.shape
        more = channels[kind]
        if more is not None:
            assert torch.equal(
                answer, model.unet(torch.cat([x, more], dim=1), time, encoder_hidden_states=told.states).sample
            )
            assert not torch.allclose(answer, model.predict(x, time, told.with_channels(torch.zeros_like(more))))


@torch.inference_mode()
def test_without_a_picture_an_inpainting_model_sees_grey(models: dict[str, LoadedModel]) -> None:
    model = models["inpainting"]
    channels = blank_inpainting_channels(model.encode_picture, 32, 48, model.device)
    assert channels[:, 0].eq(1).all()
    grey = np.full((1, 32, 48, 3), 127.5)  # between two levels
    assert torch.allclose(channels[:, 1:], model.encode(grey), atol=1e-6)


@torch.inference_mode()
def test_encoding_is_scaled_the_same_every_time_and_alone_in_its_batch(models: dict[str, LoadedModel]) -> None:
    model = models["plain"]
    latents = model.encode(pictures())
    assert (latents.shape, latents.dtype) == ((2, 4, 4, 6), torch.float32)
    assert torch.equal(latents, model.encode(pictures()))
    assert torch.equal(latents[1:], model.encode(pictures()[1:]))
    given = torch.from_numpy(pictures()).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert torch.equal(latents, model.encode_picture(given))
    scale = float(model.vae.config.scaling_factor)
    assert torch.equal(latents, model.encode_unscaled(given) * scale)
    assert torch.allclose(model.encode_unscaled(given), model.vae.encode(given).latent_dist.mode(), atol=1e-5)


@torch.inference_mode()
def test_decoding_a_batch_is_decoding_each(models: dict[str, LoadedModel]) -> None:
    model = models["plain"]
    latents = model.encode(pictures())
    decoded = model.decode(latents)
    assert decoded.shape == (2, 32, 48, 3)
    assert decoded.dtype == np.dtype(np.uint8)
    assert np.array_equal(decoded[1:], model.decode(latents[1:]))


@torch.inference_mode()
def test_latents_that_are_no_numbers_are_told_in_words(models: dict[str, LoadedModel]) -> None:
    with pytest.raises(NumbersOverflowed, match="--precision full"):
        models["plain"].encode_picture(torch.full((1, 3, 16, 16), torch.nan))


@torch.inference_mode()
def test_tiles_are_told_of(models: dict[str, LoadedModel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.diffusion.picture_coding.free_memory", lambda device: 1)
    told: list[str] = []
    latents = models["plain"].encode(pictures(1, 16, 272), tell=told.append)
    assert models["plain"].decode(latents, tell=told.append).shape == (1, 16, 272, 3)
    assert len(told) == 2
    assert all("272 x 16 in tiles of 256 pixels" in sentence for sentence in told)


@torch.inference_mode()
def test_half_precision_encodes_in_the_vae_s_own(tmp_path: Path) -> None:
    model = _loaded(write_tiny_model(tmp_path / "tiny"), torch.bfloat16)
    latents = model.encode(pictures())
    assert (model.vae.dtype, latents.dtype) == (torch.bfloat16, torch.float32)
    full = _loaded(tmp_path / "tiny").encode(pictures())
    assert float((latents - full).abs().max() / full.abs().max()) < 0.05


@torch.inference_mode()
def test_a_loaded_model_can_be_made_seamless(models: dict[str, LoadedModel]) -> None:
    model = models["plain"]
    x, time = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(1)), torch.tensor([500.0])
    assert isinstance(model.unet, UNet2DConditionModel)
    with seamless(model.unet, model.vae):
        straight = model.predict(x, time, words(1))
        assert torch.allclose(model.predict(x.roll(2, -1), time, words(1)), straight.roll(2, -1), atol=1e-4)
        levels = model.decode(x).astype(int) - np.roll(model.decode(x.roll(2, -1)), -16, 2)
        assert np.abs(levels).max() <= 1
