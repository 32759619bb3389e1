"""The configurations of the networks of single-file checkpoints, told from the shapes of their tensors.

What shapes do not tell is the same for all models of a family. Sources: Rombach et al., "High-Resolution
Image Synthesis with Latent Diffusion Models" (2022); Podell et al., "SDXL" (2023); their published configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import CLIPTextConfig

from modules.checkpoints.identification import Family

Shapes = Mapping[str, torch.Tensor]

_SD1_HEADS = 8
"""In every block; later families have heads of one width instead."""
_HEAD_WIDTH = 64
_SIZE_WIDTH = 256
"""Of each number about the picture's size."""
_SCALING_FACTORS = {"sd1": 0.18215, "sd2": 0.18215, "sdxl": 0.13025, "sdxl-refiner": 0.13025}
_START, _END = 49_406, 49_407
"""CLIP's marks."""


def unet_configuration(weights: Shapes, family: Family) -> dict[str, Any]:
    """Of diffusers' UNet2DConditionModel. Raises KeyError with the name of a tensor that is missing."""
    down, up = _count(weights, "down_blocks"), _count(weights, "up_blocks")
    widths = [_size(weights, f"down_blocks.{at}.resnets.0.conv1.weight", 0) for at in range(down)]
    middle = _depths(weights, "mid_block")
    told: dict[str, Any] = {
        "in_channels": _size(weights, "conv_in.weight", 1),
        "out_channels": _size(weights, "conv_out.weight", 0),
        "block_out_channels": widths,
        "layers_per_block": _count(weights, "down_blocks.0.resnets"),
        "down_block_types": [
            "CrossAttnDownBlock2D" if _depths(weights, f"down_blocks.{at}") else "DownBlock2D" for at in range(down)
        ],
        "up_block_types": [
            "CrossAttnUpBlock2D" if _depths(weights, f"up_blocks.{at}") else "UpBlock2D" for at in range(up)
        ],
        # The last number is the middle block's too, where the last block has no attention of its own.
        "transformer_layers_per_block": [
            max(_depths(weights, f"down_blocks.{at}") or middle, default=1) for at in range(down)
        ],
        "attention_head_dim": _SD1_HEADS if family == "sd1" else [max(width // _HEAD_WIDTH, 1) for width in widths],
    }
    told["cross_attention_dim"] = _size(weights, _first(weights, ".attn2.to_k.weight"), 1)
    told["use_linear_projection"] = weights[_first(weights, ".proj_in.weight")].ndim == 2
    if "add_embedding.linear_1.weight" in weights:
        told["addition_embed_type"] = "text_time"
        told["addition_time_embed_dim"] = _SIZE_WIDTH
        told["projection_class_embeddings_input_dim"] = _size(weights, "add_embedding.linear_1.weight", 1)
    return told


def vae_configuration(weights: Shapes, family: Family) -> dict[str, Any]:
    """Of diffusers' AutoencoderKL. Raises KeyError with the name of a tensor that is missing."""
    levels = range(_count(weights, "encoder.down_blocks"))
    return {
        "block_out_channels": [_size(weights, f"encoder.down_blocks.{at}.resnets.0.conv1.weight", 0) for at in levels],
        "layers_per_block": _count(weights, "encoder.down_blocks.0.resnets"),
        "down_block_types": ["DownEncoderBlock2D" for _ in levels],
        "up_block_types": ["UpDecoderBlock2D" for _ in levels],
        "latent_channels": _size(weights, "decoder.conv_in.weight", 1),
        "mid_block_add_attention": "decoder.mid_block.attentions.0.to_q.weight" in weights,
        "use_quant_conv": "quant_conv.weight" in weights,
        "use_post_quant_conv": "post_quant_conv.weight" in weights,
        "scaling_factor": _SCALING_FACTORS[family],
        "force_upcast": family in ("sdxl", "sdxl-refiner"),
    }


def text_configuration(weights: Shapes, *, open_clip: bool, without_last: bool) -> CLIPTextConfig:
    """Of transformers' CLIPTextModel. Raises KeyError with the name of a tensor that is missing.

    `open_clip`: OpenCLIP's activation, of SD 2 and SDXL's second encoder, and not that of CLIP ViT-L. `without_last`:
    its last layer is left out, since the network was trained with the one before it.
    """
    width = _size(weights, "embeddings.token_embedding.weight", 1)
    return CLIPTextConfig(
        vocab_size=_size(weights, "embeddings.token_embedding.weight", 0),
        max_position_embeddings=_size(weights, "embeddings.position_embedding.weight", 0),
        hidden_size=width,
        intermediate_size=_size(weights, "encoder.layers.0.mlp.fc1.weight", 0),
        num_hidden_layers=_count(weights, "encoder.layers") - without_last,
        num_attention_heads=max(width // _HEAD_WIDTH, 1),
        projection_dim=_size(weights, "text_projection.weight", 0) if "text_projection.weight" in weights else width,
        hidden_act="gelu" if open_clip else "quick_gelu",
        bos_token_id=_START,
        eos_token_id=_END,
        pad_token_id=0 if open_clip else _END,
    )


def _depths(weights: Shapes, block: str) -> list[int]:
    """How many transformer blocks each attention of a block has."""
    attentions = range(_count(weights, f"{block}.attentions"))
    return [_count(weights, f"{block}.attentions.{at}.transformer_blocks") for at in attentions]


def _count(weights: Shapes, prefix: str) -> int:
    """How many numbers follow a prefix in the names."""
    start = f"{prefix}."
    return len({name[len(start) :].partition(".")[0] for name in weights if name.startswith(start)})


def _first(weights: Shapes, ending: str) -> str:
    return next((name for name in weights if name.endswith(ending)), ending.removeprefix("."))


def _size(weights: Shapes, name: str, axis: int) -> int:
    shape = weights[name].shape
    if len(shape) <= axis:
        raise KeyError(name)
    return int(shape[axis])
