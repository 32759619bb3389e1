"""Every tensor of real files has its place, in networks of the published configurations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.checkpoints.configurations import text_configuration, unet_configuration, vae_configuration
from modules.checkpoints.identification import Family
from modules.checkpoints.part_weights import text_encoder_weights, unet_weights, vae_weights
from modules.checkpoints.single_file import file_parts
from modules.checkpoints.weights_header import read_header
from modules.checkpoints.weights_identity import identify_weights
from tests.layouts import PUBLISHED_TEXTS, PUBLISHED_UNETS, PUBLISHED_VAE, shapes_of, write_checkpoint

Tensors = Mapping[str, torch.Tensor]
FILES: dict[str, tuple[Family, int, tuple[str, ...]]] = {
    "sd15": ("sd1", 4, ("CLIP ViT-L",)),
    "sd15_inpaint": ("sd1", 9, ("CLIP ViT-L",)),
    "sd15_instruct_pix2pix": ("sd1", 8, ("CLIP ViT-L",)),
    "sd21": ("sd2", 4, ("OpenCLIP ViT-H",)),
    "sdxl_base": ("sdxl", 4, ("CLIP ViT-L", "OpenCLIP ViT-bigG")),
    "sdxl_refiner": ("sdxl-refiner", 4, ("OpenCLIP ViT-bigG",)),
}


def tensors_of(layout: str) -> dict[str, torch.Tensor]:
    """Full-size, without numbers."""
    return {name: torch.empty(shape, device="meta") for name, shape in shapes_of(layout).items()}


def shapes(network: Any) -> dict[str, torch.Size]:
    return {name.removeprefix("text_model."): tensor.shape for name, tensor in network.state_dict().items()}


def assert_filled(network: Any, found: Tensors, *, unused: int = 0) -> None:
    """Every parameter has its tensor, of its shape; `unused` tensors are left over."""
    wanted = shapes(network)
    assert {name: found[name].shape for name in wanted} == wanted
    assert len(found) - len(wanted) == unused


@pytest.mark.parametrize("file", FILES)
def test_networks_of_real_files(file: str) -> None:
    family, channels, texts = FILES[file]
    tensors = tensors_of(file)
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config({"in_channels": channels, **PUBLISHED_UNETS[family]})
        found = unet_weights(tensors, "ldm")
        assert_filled(unet, found)
        ours = UNet2DConditionModel.from_config(unet_configuration(found, family))
        assert shapes(ours) == shapes(unet)
        fields = {*PUBLISHED_UNETS[family], "in_channels", "out_channels", "layers_per_block"}
        for field in fields - {"transformer_layers_per_block"}:  # of blocks without attention it may be anything
            assert getattr(ours.config, field) == getattr(unet.config, field), field
        heads = [module.heads for module in ours.modules() if hasattr(module, "heads")]
        assert heads == [module.heads for module in unet.modules() if hasattr(module, "heads")]
        for place, name in enumerate(texts):
            open_clip = name != "CLIP ViT-L"
            found = text_encoder_weights(tensors, "ldm", place)
            told = text_configuration(found, open_clip=open_clip, without_last=family == "sd2")
            kind = CLIPTextModelWithProjection if open_clip and family != "sd2" else CLIPTextModel
            # Position ids; or OpenCLIP's last layer of 16 tensors and the projection, which SD 2 does not read.
            unused = {"CLIP ViT-L": 1, "OpenCLIP ViT-H": 17, "OpenCLIP ViT-bigG": 0}[name]
            assert_filled(kind(CLIPTextConfig(**PUBLISHED_TEXTS[name])), found, unused=unused)
            assert {field: getattr(told, field) for field in PUBLISHED_TEXTS[name]} == PUBLISHED_TEXTS[name]


@pytest.mark.parametrize("file", [*FILES, "vae_kl_f8"])
def test_vaes_of_real_files(file: str) -> None:
    found = vae_weights(tensors_of(file))
    with torch.device("meta"):
        assert_filled(AutoencoderKL.from_config(PUBLISHED_VAE), found)
    factors: dict[Family, float] = {"sd1": 0.18215, "sd2": 0.18215, "sdxl": 0.13025, "sdxl-refiner": 0.13025}
    for family, factor in factors.items():
        told = vae_configuration(found, family)
        assert told["scaling_factor"] == factor
        assert {field: told[field] for field in PUBLISHED_VAE} == PUBLISHED_VAE
        assert told["force_upcast"] == family.startswith("sdxl")


@pytest.mark.parametrize("layout", FILES)
def test_a_file_of_every_layout_is_known_and_opened(layout: str, tmp_path: Path) -> None:
    """A sparse file: the header alone is written."""
    path = tmp_path / "file.safetensors"
    write_checkpoint(path, shapes_of(layout), torch.float16, numbers=False)
    parts = file_parts(path, identify_weights(read_header(path)))
    family, channels, texts = FILES[layout]
    assert (parts.family, parts.unet.configuration["in_channels"]) == (family, channels)
    assert len(parts.text_encoders) == len(texts)
    assert parts.prediction_type == (None if family == "sd2" else "epsilon")
    assert parts.zeroes_empty_prompt == (family == "sdxl")


def test_a_missing_tensor_is_named() -> None:
    with pytest.raises(KeyError, match="cross|attn2|conv_in"):
        unet_configuration({}, "sd1")
    with pytest.raises(KeyError, match=r"embeddings\.token_embedding\.weight"):
        text_configuration({}, open_clip=False, without_last=False)
