"""Where modules stand, by the names of all trainers; against real models' layouts and diffusers' converter."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import (
    _convert_non_diffusers_lora_to_diffusers,
    _maybe_map_sgm_blocks_to_diffusers,
)
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.adapters.fitting import weight_shape
from modules.adapters.key_names import split_name
from modules.adapters.module_table import ModulePlace, ModuleTable
from modules.checkpoints.loaded import LoadedModel

LAYOUTS = Path(__file__).parents[1] / "checkpoint_layouts"
PREFIX = "model.diffusion_model."
SD1: dict[str, Any] = {"cross_attention_dim": 768}
XL: dict[str, Any] = {
    "cross_attention_dim": 2048,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


REFINER: dict[str, Any] = {
    **XL,
    "cross_attention_dim": 1280,
    "block_out_channels": (384, 768, 1536, 1536),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": 4,
    "attention_head_dim": (6, 12, 24, 24),
    "projection_class_embeddings_input_dim": 2560,
}


def model_of(unet: dict[str, Any], *, second: bool) -> LoadedModel:
    """Networks of the real sizes, without numbers; text encoders of two layers."""
    with torch.device("meta"):
        encoders = [CLIPTextModel(CLIPTextConfig(num_hidden_layers=2))]
        if second:
            encoders.append(CLIPTextModelWithProjection(CLIPTextConfig(num_hidden_layers=2)))
        network = UNet2DConditionModel(**unet)
    wrapped = tuple(SimpleNamespace(network=encoder) for encoder in encoders)
    family = "sdxl" if second else "sd1"
    return cast(LoadedModel, SimpleNamespace(family=family, unet=network, text_encoders=wrapped))


@pytest.fixture(scope="module")
def sd1() -> LoadedModel:
    return model_of(SD1, second=False)


@pytest.fixture(scope="module")
def sd2() -> LoadedModel:
    return model_of({"cross_attention_dim": 1024, "use_linear_projection": True}, second=False)


@pytest.fixture(scope="module")
def refiner() -> LoadedModel:
    return model_of(REFINER, second=False)


@pytest.fixture(scope="module")
def xl() -> LoadedModel:
    return model_of(XL, second=True)


def layout(name: str) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights of a real checkpoint's network, by their modules' names in the first Stable Diffusion."""
    tensors = json.loads((LAYOUTS / name).read_bytes())["tensors"]
    return {
        key.removeprefix(PREFIX).removesuffix(".weight"): tuple(shape)
        for key, shape in tensors.items()
        if key.startswith(PREFIX) and key.endswith(".weight")
    }


@pytest.mark.parametrize(
    ("family", "file"),
    [("sd1", "sd15.json"), ("sd2", "sd21.json"), ("xl", "sdxl_base.json"), ("refiner", "sdxl_refiner.json")],
)
def test_every_module_of_a_real_checkpoint_is_found_by_its_first_name(
    family: str, file: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(family)
    table = ModuleTable(model)
    shapes = layout(file)
    places: dict[str, ModulePlace] = {}
    for name, shape in shapes.items():
        place = table.find("lora_unet_" + name.replace(".", "_"))
        assert place is not None, name
        assert tuple(weight_shape(model.unet.get_submodule(place.path))) == shape
        places[name] = place
    with_weights = sum(getattr(module, "weight", None) is not None for module in model.unet.modules())
    assert len(set(places.values())) == len(shapes) == with_weights


def _named(network: nn.Module, prefix: str, separator: str) -> dict[str, str]:
    """Names in files by paths, for everything that has a weight."""
    return {
        path: prefix + path.replace(".", separator)
        for path, module in network.named_modules()
        if getattr(module, "weight", None) is not None
    }


@pytest.mark.parametrize(
    ("prefix", "separator"),
    [
        *(("lora_unet_", "_"), ("oft_unet_", "_"), ("lycoris_", "_"), ("unet.", "."), ("base_model.model.", ".")),
        *(("base_model.model.unet.", "."), ("unet.base_model.model.", "."), ("diffusion_model.", "."), ("", ".")),
    ],
)
def test_every_module_of_the_network_is_found_under_every_prefix(prefix: str, separator: str, xl: LoadedModel) -> None:
    table = ModuleTable(xl)
    for path, name in _named(xl.unet, prefix, separator).items():
        assert table.find(name) == ModulePlace(0, path)


@pytest.mark.parametrize(
    ("prefix", "number", "separator"),
    [
        *(("lora_te_text_model_", 1, "_"), ("lora_te1_text_model_", 1, "_"), ("lora_te2_text_model_", 2, "_")),
        *(("text_encoder.text_model.", 1, "."), ("text_encoder_2.text_model.", 2, ".")),
        *(("text_encoder.", 1, "."), ("text_encoder_2.", 2, "."), ("clip_l.", 1, "."), ("clip_g.", 2, ".")),
    ],
)
def test_every_module_of_the_text_encoders_is_found_under_every_prefix(
    prefix: str, number: int, separator: str, xl: LoadedModel
) -> None:
    table = ModuleTable(xl)
    for path, module in xl.text_encoders[number - 1].network.named_modules():
        if getattr(module, "weight", None) is not None:
            name = prefix + path.removeprefix("text_model.").replace(".", separator)
            assert table.find(name) == ModulePlace(number, path)


@pytest.mark.parametrize(
    ("name", "number", "path"),
    [
        (
            "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out",
            *(0, "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"),
        ),
        ("down_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k", 0, "KEY"),
        ("text_encoder.text_model.encoder.layers.1.self_attn.to_out", 1, "encoder.layers.1.self_attn.out_proj"),
        ("lora_te2_text_projection", 2, "text_projection"),
    ],
)
def test_names_of_diffusers_first_files_are_found(name: str, number: int, path: str, xl: LoadedModel) -> None:
    path = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k" if path == "KEY" else path
    assert ModuleTable(xl).find(name) == ModulePlace(number, path)


def test_the_refiner_s_only_text_encoder_is_the_second_one(xl: LoadedModel) -> None:
    content = {"family": "sdxl-refiner", "unet": xl.unet, "text_encoders": xl.text_encoders[1:]}
    table = ModuleTable(cast(LoadedModel, SimpleNamespace(**content)))
    assert table.find("lora_te2_text_projection") == ModulePlace(1, "text_projection")
    assert table.find("lora_te1_text_model_encoder_layers_0_mlp_fc1") is None


@pytest.mark.parametrize(
    "name", ["lora_unet_double_blocks_0_img_attn_proj", "lora_te3_encoder_block_0", "lora_te2_text_projection", "x", ""]
)
def test_names_of_other_networks_are_not_found(name: str, sd1: LoadedModel) -> None:
    assert ModuleTable(sd1).find(name) is None


def test_names_of_kohya_s_sdxl_files_mean_what_diffusers_takes_them_for(xl: LoadedModel) -> None:
    """Layers of transformer blocks; the norms of residual blocks keep names there that no module has."""
    table = ModuleTable(xl)
    names = [
        "lora_unet_" + name.replace(".", "_")
        for name in layout("sdxl_base.json")
        if ".transformer_blocks." in name and ("attn" in name or ".ff." in name)
    ]
    tensors: dict[str, Tensor] = {}
    for number, name in enumerate(names):
        mark = torch.full((1, 1), float(number))
        tensors |= {f"{name}.lora_down.weight": mark, f"{name}.lora_up.weight": mark, f"{name}.alpha": mark[0, 0]}
    theirs, _ = _convert_non_diffusers_lora_to_diffusers(_maybe_map_sgm_blocks_to_diffusers(tensors, xl.unet.config))
    checked = 0
    for name, mark in theirs.items():
        split = split_name(name)
        assert split is not None
        if split[1] == "down":
            assert table.find(split[0]) == table.find(names[int(mark)]) is not None
            checked += 1
    assert checked == len(names) > 500
