"""Tiny decoders: both layouts of their files, what is refused, and what they show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.checkpoints.tiny_decoder import TinyDecoder, find_tiny_decoder, load_tiny_decoder
from modules.config.settings_table import check_setting
from modules.errors import BrokenModel, UnsupportedModel
from tests.tiny_models import write_tiny_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    return AutoencoderTiny().eval()


def sequence(network: Any) -> dict[str, torch.Tensor]:
    """The decoder's tensors by their places in a sequence that begins with a clamp, as the author's files have them."""
    numbered = {}
    for name, tensor in network.decoder.layers.state_dict().items():
        place, _, rest = name.partition(".")
        numbered[f"{int(place) + 1}.{rest}"] = tensor.half()
    assert numbered.keys() >= {"1.weight", "1.bias", "3.conv.0.weight", "7.weight", "18.conv.4.bias", "19.weight"}
    return numbered


def load(path: Path, channels: int = 4) -> TinyDecoder:
    return load_tiny_decoder(path, channels=channels, device=CPU, dtype=torch.float32)


def latents(height: int = 8, width: int = 12) -> torch.Tensor:
    return torch.randn((2, 4, height, width), generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def expected(network: Any, given: torch.Tensor) -> torch.Tensor:
    pictures: torch.Tensor = network.decode(given).sample
    return ((pictures + 1) * 127.5).clamp(0, 255).round().permute(0, 2, 3, 1).to(torch.uint8)


@pytest.mark.parametrize("layout", ["sequence", "diffusers"])
def test_both_layouts_show_what_diffusers_shows(layout: str, network: Any, tmp_path: Path) -> None:
    path = tmp_path / "taesd_decoder.safetensors"
    tensors = sequence(network) if layout == "sequence" else {k: v.half() for k, v in network.state_dict().items()}
    save_file(tensors, path)
    shown = load(path)(latents())
    assert (shown.shape, shown.dtype) == ((2, 64, 96, 3), torch.uint8)
    assert int((shown.int() - expected(network, latents()).int()).abs().max()) <= 1  # the file is in float16
    assert int(shown.float().std()) > 0


def test_large_latents_are_shown_smaller(network: Any) -> None:
    shown = TinyDecoder(network.decoder)(latents(256, 64))
    assert shown.shape == (2, 384, 96, 3)


def test_numbers_that_are_none_are_black(network: Any) -> None:
    assert int(TinyDecoder(network.decoder)(torch.full((1, 4, 4, 4), torch.nan)).max()) == 0


def test_other_files_are_refused_in_words(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "taesd_decoder.safetensors"
    save_file(sequence(network), path)
    with pytest.raises(UnsupportedModel, match="no tiny decoder for latents of 16 channels: it holds 4 channels"):
        load(path, channels=16)
    save_file({"encoder.conv.weight": torch.zeros(3), "0.x": torch.zeros(1)}, path)
    with pytest.raises(UnsupportedModel, match="it holds another network"):
        load(path)
    incomplete = sequence(network)
    del incomplete["18.conv.4.bias"]
    save_file(incomplete, path)
    with pytest.raises(UnsupportedModel, match="no tiny decoder"):
        load(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BrokenModel, match="incomplete"):
        load(path)
    with pytest.raises(UnsupportedModel, match="is a pickle"):
        (tmp_path / "taesd_decoder.pth").write_bytes(b"PK\x03\x04")
        load(tmp_path / "taesd_decoder.pth")


def test_they_are_found_by_name_and_family(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    inside = far / "taesdxl" / "diffusion_pytorch_model.safetensors"
    inside.parent.mkdir(parents=True)
    near.mkdir()
    assert find_tiny_decoder([near, far, tmp_path / "none"], "sd1") is None
    inside.touch()
    (near / "taesd_decoder.safetensors").touch()
    assert find_tiny_decoder([near, far], "sd1") == find_tiny_decoder([near, far], "sd2")
    assert find_tiny_decoder([near, far], "sd1") == near / "taesd_decoder.safetensors"
    assert find_tiny_decoder([near, far], "sdxl") == find_tiny_decoder([far], "sdxl-refiner") == inside


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    folder = write_tiny_model(tmp_path / "tiny")
    return load_checkpoint(Registry([folder]).find("tiny"), device=CPU, dtype=torch.float32, attention="sdp")


def test_a_model_s_previews(model: LoadedModel, network: Any) -> None:
    """The tiny decoder where there is one and it was not declined, else a pixel for each cell, or the VAE itself."""
    given = latents(4, 6)[:1]
    with torch.inference_mode():
        assert model.preview_by("TAESD")(given).shape == (1, 4, 6, 3)
        tiny = replace(model, tiny_decoder=TinyDecoder(network.decoder))
        assert torch.equal(tiny.preview_by("TAESD")(given), expected(network, given))
        assert torch.equal(tiny.preview_by("Full")(given), torch.from_numpy(model.decode(given)))
        for cheap in ("Approx NN", "Approx cheap"):
            assert torch.equal(tiny.preview_by(cheap)(given), model.preview_by("TAESD")(given))
    for method in ("TAESD", "Full", "Approx NN", "Approx cheap"):
        check_setting("show_progress_type", method)
