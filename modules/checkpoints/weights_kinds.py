"""The table by which files of weights are told apart: conditions on names and shapes, and what they mean.

The marks of networks that others designed are facts of their published files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modules.checkpoints.identification import Family
from modules.checkpoints.tensor_names import (
    Condition,
    TensorNames,
    begins,
    has,
    has_one,
    rank,
    side,
    starts,
    without,
)

WeightsKind = Literal[
    "checkpoint", "vae", "tiny-vae", "lora", "embedding", "hypernetwork", "upscaler", "controlnet", "part", "unknown"
]
"""`part` is a network or a text encoder by itself, out of a checkpoint; `unknown` nothing that is known here."""

Layout = Literal["ldm", "diffusers", "extension"]
"""Whose names tensors have; of `extension` an extension knows them."""

FAMILY_TITLES: dict[Family, str] = {
    "sd1": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "Stable Diffusion XL",
    "sdxl-refiner": "Stable Diffusion XL refiner",
}

BELONGS: dict[WeightsKind, str] = {
    "checkpoint": "models/Stable-diffusion",
    "vae": "models/VAE",
    "tiny-vae": "models/VAE-approx",
    "lora": "models/Lora",
    "embedding": "models/embeddings",
    "hypernetwork": "models/hypernetworks",
    "controlnet": "models/ControlNet",
    "upscaler": "models/upscalers",
}
"""The folders of files that are used by themselves."""


@dataclass(frozen=True)
class Row:
    """What a file is whose names meet all conditions."""

    title: str
    conditions: tuple[Condition, ...]
    kind: WeightsKind = "checkpoint"
    family: Family | None = None
    layout: Layout = "ldm"
    unsupported: str = ""

    def fits(self, names: TensorNames) -> bool:
        """Whether all conditions are met."""
        return all(condition(names) for condition in self.conditions)


def refused(title: str, *conditions: Condition, kind: WeightsKind = "checkpoint") -> Row:
    """A kind that is known by name and cannot be used."""
    return Row(title, conditions, kind, unsupported=f"{title} is not supported yet.")


CONTROL = (
    refused("Control-LoRA", has("lora_controlnet"), kind="controlnet"),
    refused("IP-Adapter", begins("image_proj", "ip_adapter"), kind="controlnet"),
    Row("ControlNet-LLLite", (starts("lllite_"),), "controlnet"),
    Row("ControlNet", (begins("control_model"),), "controlnet"),
    Row("ControlNet", (has_one("input_hint_block.0.weight"),), "controlnet"),
    Row("ControlNet", (has_one("controlnet_cond_embedding.conv_in.weight"),), "controlnet", layout="diffusers"),
    Row("T2I-Adapter", (has_one("body.0.block1.weight", "adapter.body.0.block1.weight"),), "controlnet"),
    Row(
        "T2I-Adapter",
        (has_one("adapter.body.0.resnets.0.block1.weight", "body.0.resnets.0.block1.weight"),),
        "controlnet",
        layout="diffusers",
    ),
)

VAES = (
    refused("the VAE of a video model", has_one("decoder.middle.0.residual.0.gamma"), kind="vae"),
    refused("the VAE of Sana", has_one("decoder.stages.1.op_list.0.main.conv.conv.bias"), kind="vae"),
    refused(
        "the VAE of Stable Diffusion 3 or Flux",
        side("decoder.conv_in.weight", 1, 16),
        has_one("encoder.conv_in.weight"),
        kind="vae",
    ),
    refused("the VAE of Flux 2", side("decoder.conv_in.weight", 1, 32), has("encoder.conv_in.weight"), kind="vae"),
    Row("VAE", (has("encoder.conv_in.weight", "decoder.conv_in.weight", "decoder.mid.block_1.norm1.weight"),), "vae"),
    Row("VAE", (begins("first_stage_model.decoder"), without(begins("model.diffusion_model"))), "vae"),
    Row(
        "VAE",
        (has("encoder.conv_in.weight", "decoder.conv_in.weight", "decoder.mid_block.resnets.0.norm1.weight"),),
        "vae",
        layout="diffusers",
    ),
)

TINY_VAES = (
    Row(
        "tiny VAE",
        (has_one("decoder.layers.1.weight", "decoder.layers.0.weight"), has("encoder.layers.0.weight")),
        "tiny-vae",
        layout="diffusers",
    ),
    Row("tiny VAE", (begins("taesd_decoder", "taesd_encoder"),), "tiny-vae"),
    Row("tiny VAE's decoder", (side("1.weight", 1, 4, 16), has("3.conv.0.weight")), "tiny-vae"),
    Row("tiny VAE's encoder", (side("0.weight", 1, 3), has("1.conv.0.weight", "14.weight")), "tiny-vae"),
    refused("A1111's small preview network", side("conv1.weight", 1, 4), has("conv8.weight"), kind="tiny-vae"),
)


def _upscaler(title: str, *conditions: Condition) -> Row:
    return Row(title, conditions, "upscaler")


UPSCALERS = (
    _upscaler("GFPGAN face restorer", begins("stylegan_decoder", "stylegan_decoderdotstyle_mlp", "gfpgan")),
    _upscaler("CodeFormer face restorer", begins("fuse_convs_dict")),
    _upscaler("RestoreFormer face restorer", has("quantize.embedding.weight", "decoder.conv_in.weight")),
    _upscaler("ESRGAN upscaler", has("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight")),
    _upscaler("ESRGAN upscaler", has("conv_first.weight"), begins("RRDB_trunk")),
    _upscaler("Real-ESRGAN upscaler", has("conv_first.weight", "body.0.rdb1.conv1.weight")),
    _upscaler("HAT upscaler", has("layers.0.residual_group.overlap_attn.relative_position_bias_table")),
    _upscaler("SwinIR upscaler", has("layers.0.residual_group.blocks.0.attn.relative_position_bias_table")),
    _upscaler("SwinIR upscaler", has_one("layers.0.residual_group.blocks.0.attn.logit_scale")),
    _upscaler("DAT upscaler", has("before_RG.1.weight")),
    _upscaler("SPAN upscaler", has_one("block_1.c1_r.sk.weight", "block_1.c1_r.eval_conv.weight")),
    _upscaler("ScuNET upscaler", has("m_head.0.weight", "m_tail.0.weight")),
    _upscaler("PLKSR upscaler", has("feats.0.weight", "feats.1.lk.conv.weight")),
    _upscaler("OmniSR upscaler", begins("residual_layer")),
    _upscaler("Compact upscaler", has("body.0.weight", "body.1.weight", "body.2.weight"), side("body.0.weight", 1, 3)),
)

_LDM_UNET = has("input_blocks.0.0.weight")
_UNET_OF_FOLDER = has("conv_in.weight", "down_blocks.0.resnets.0.conv1.weight")
_PIPELINE = has("unet.conv_in.weight", "unet.down_blocks.0.resnets.0.conv1.weight")
_LDM_TEXT = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
_LDM_TEXT_XL = "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
_TEXT = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
_TEXT_XL = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
WIDTHS: dict[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
"""The length of a token's vector as each family's network takes it."""


def _whole(family: Family, *conditions: Condition, layout: Layout = "ldm") -> Row:
    return Row(
        FAMILY_TITLES[family],
        (_PIPELINE if layout == "diffusers" else _LDM_UNET, *conditions),
        family=family,
        layout=layout,
    )


def _small_xl(width: Condition, *last_blocks: str) -> Row:
    """SSD-1B, Vega, Koala and others have XL's width, and fewer blocks."""
    return Row(
        "a smaller variant of Stable Diffusion XL",
        (width, without(has(*last_blocks))),
        unsupported="Smaller variants of Stable Diffusion XL (SSD-1B, Vega, Koala) are not supported yet.",
    )


CHECKPOINTS = (
    _small_xl(
        side(_LDM_TEXT_XL, -1, 2048),
        "input_blocks.7.1.transformer_blocks.9.norm1.weight",
        "middle_block.1.transformer_blocks.9.norm1.weight",
        "output_blocks.0.1.transformer_blocks.9.norm1.weight",
    ),
    _small_xl(side(f"unet.{_TEXT_XL}", -1, 2048), "unet.mid_block.attentions.0.transformer_blocks.9.norm1.weight"),
    _whole("sdxl-refiner", has("conditioner.embedders.0.model.token_embedding.weight")),
    _whole("sdxl", begins("conditioner.embedders")),
    _whole("sd2", begins("cond_stage_model.model")),
    _whole("sd1", begins("cond_stage_model")),
    _whole("sdxl", begins("text_encoder_2"), begins("text_encoder"), layout="diffusers"),
    _whole("sdxl-refiner", begins("text_encoder_2"), layout="diffusers"),
    _whole(
        "sd2",
        begins("text_encoder"),
        has("text_encoder.text_model.encoder.layers.22.mlp.fc1.weight"),
        layout="diffusers",
    ),
    _whole(
        "sd2", begins("text_encoder"), rank("unet.down_blocks.0.attentions.0.proj_in.weight", 2), layout="diffusers"
    ),
    _whole("sd1", begins("text_encoder"), layout="diffusers"),
)


def _unet(family: Family, width: int) -> tuple[Row, ...]:
    title = f"the network of {FAMILY_TITLES[family]}"
    alone = "It holds a network without text encoder. Choose the whole checkpoint."
    is_xl = family in ("sdxl", "sdxl-refiner")
    return (
        Row(title, (side(_LDM_TEXT_XL if is_xl else _LDM_TEXT, -1, width),), "part", family, unsupported=alone),
        Row(
            title, (_UNET_OF_FOLDER, side(_TEXT_XL if is_xl else _TEXT, -1, width)), "part", family, "diffusers", alone
        ),
    )


def _text_encoder(title: str, layout: Layout, *conditions: Condition) -> Row:
    return Row(title, conditions, "part", layout=layout, unsupported="It holds a text encoder alone.")


PARTS = (
    *(row for width, family in WIDTHS.items() for row in _unet(family, width)),
    _text_encoder("a T5 text encoder", "diffusers", has("encoder.block.0.layer.0.SelfAttention.q.weight")),
    _text_encoder(
        "a CLIP text encoder",
        "diffusers",
        has_one("text_model.embeddings.token_embedding.weight", "embeddings.token_embedding.weight"),
    ),
    _text_encoder("an OpenCLIP text encoder", "ldm", has("token_embedding.weight", "positional_embedding")),
)
