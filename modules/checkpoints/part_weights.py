"""The tensors of a single-file checkpoint, sorted into its networks and named as diffusers and transformers name them.

Two layouts are read: that of the original trainer (LDM, with OpenCLIP's names in some text encoders), and diffusers'
own, whose networks are told apart by the first part of the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

from modules.checkpoints.weights_identity import Layout

Weights = dict[str, torch.Tensor]
"""Views by name: nothing of theirs is read before they are used."""

_UNET, _UNET_AVERAGE, _VAE = "model.diffusion_model.", "model_ema.", "first_stage_model."
_TEXT_ENCODERS = (
    ("cond_stage_model.", "conditioner.embedders.0."),
    ("conditioner.embedders.1.",),
)
"""Prefixes of the original layout, by the encoder's place."""
_OPEN_CLIP = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}
_OPEN_CLIP_LAYER = {
    "ln_1.": "layer_norm1.",
    "ln_2.": "layer_norm2.",
    "mlp.c_fc.": "mlp.fc1.",
    "mlp.c_proj.": "mlp.fc2.",
    "attn.out_proj.": "self_attn.out_proj.",
}
_OLD_VAE_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_WORDS_OF_THE_UNET = re.compile(
    r"diffusion_model|time_embed|label_emb|input_blocks|middle_block|output_blocks|in_layers|emb_layers|out_layers"
    r"|skip_connection|transformer_blocks|attn[12]|to_out|to_[qkv]|proj_in|proj_out|proj|ff|net|norm[123]?|out|op|conv"
    r"|weight|bias|\d+"
)


def unet_weights(weights: Mapping[str, torch.Tensor], layout: Layout) -> Weights:
    """The network's tensors by diffusers' names; empty where there are none.

    Of a checkpoint with trained and averaged weights the trained ones, which it is finetuned and merged with.
    """
    if layout == "diffusers":
        return below(weights, "unet.")
    found = below(weights, _UNET) or _unflattened(below(weights, _UNET_AVERAGE))
    ends = [int(name.split(".")[1]) for name in found if name.startswith("input_blocks.") and ".op." in name]
    blocks = [int(name.split(".")[1]) for name in found if name.startswith("input_blocks.")]
    if not blocks:
        return {}
    shape: dict[str, Any] = {"layers_per_block": min(ends, default=max(blocks) + 1) - 1}
    if "label_emb.0.0.weight" in found:
        shape["addition_embed_type"] = "text_time"
    converted: Weights = convert_ldm_unet_checkpoint({_UNET + name: found[name] for name in found}, shape)
    return converted


def vae_weights(weights: Mapping[str, torch.Tensor]) -> Weights:
    """A VAE by diffusers' names, from a checkpoint of any layout or a file of its own; empty where there is none."""
    found = below(weights, _VAE) or below(weights, "vae.")
    if not found and any(name.startswith("decoder.") for name in weights):
        found = dict(weights)
    if any(name.startswith("decoder.up.") for name in found):
        levels = ["" for _ in {name.split(".")[2] for name in found if name.startswith("decoder.up.")}]
        # Only what is named here: the trainer's loss has layers of the same names.
        networks = {name: found[name] for name in found if name.startswith(("encoder.", "decoder.", "quant_", "post_"))}
        shape = dict.fromkeys(("down_block_types", "up_block_types"), levels)
        converted: Weights = convert_ldm_vae_checkpoint(networks, shape)
        return converted
    return {_renamed_attention(name): _without_ones(name, found[name]) for name in found}


def text_encoder_weights(weights: Mapping[str, torch.Tensor], layout: Layout, place: int) -> Weights:
    """The tensors of a text encoder by transformers' names without "text_model."; empty where there are none.

    `place` is the encoder's among those of its checkpoint, 0 or 1.
    """
    if layout == "diffusers":
        return clip_weights(below(weights, "text_encoder." if place == 0 else "text_encoder_2."))
    for prefix in _TEXT_ENCODERS[place]:
        found = below(weights, prefix)
        if own := below(found, "model."):
            return _from_open_clip(own)
        if own := below(found, "transformer."):
            return clip_weights(own)
    return {}


def clip_weights(weights: Mapping[str, torch.Tensor]) -> Weights:
    """Transformers' names, which have had "text_model." in front and not, by release and by class."""
    return {name.removeprefix("text_model."): weights[name] for name in weights}


def below(weights: Mapping[str, torch.Tensor], prefix: str) -> Weights:
    """Those whose names begin so, without that beginning."""
    return {name[len(prefix) :]: weights[name] for name in weights if name.startswith(prefix)}


def _renamed_attention(name: str) -> str:
    """Diffusers once named the layers of a VAE's attention otherwise."""
    if ".attentions." not in name:
        return name
    start, layer, kind = (name.rsplit(".", 2) + ["", ""])[:3]
    return f"{start}.{_OLD_VAE_ATTENTION[layer]}.{kind}" if layer in _OLD_VAE_ATTENTION else name


def _without_ones(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Attention is linear, and was once written as a convolution of 1 x 1."""
    return tensor[:, :, 0, 0] if ".attentions." in name and tensor.ndim == 4 else tensor


def _from_open_clip(weights: Mapping[str, torch.Tensor]) -> Weights:
    """OpenCLIP keeps query, key and value in one tensor, and its projection the other way round."""
    found = {ours: weights[theirs] for theirs, ours in _OPEN_CLIP.items() if theirs in weights}
    if "text_projection" in weights:
        found["text_projection.weight"] = weights["text_projection"].T
    elif "text_projection.weight" in weights:
        found["text_projection.weight"] = weights["text_projection.weight"]
    for name, tensor in below(weights, "transformer.resblocks.").items():
        layer, _, rest = name.partition(".")
        start = f"encoder.layers.{layer}."
        if rest.startswith("attn.in_proj_"):
            kind = rest.removeprefix("attn.in_proj_")
            for letter, third in zip("qkv", tensor.chunk(3), strict=False):
                found[f"{start}self_attn.{letter}_proj.{kind}"] = third
        for theirs, ours in _OPEN_CLIP_LAYER.items():
            if rest.startswith(theirs):
                found[start + ours + rest.removeprefix(theirs)] = tensor
    return found


def _unflattened(averages: Mapping[str, torch.Tensor]) -> Weights:
    """Averaged weights are stored without the dots of their names: `diffusion_modelinput_blocks100in_layers0weight`."""
    names = {name: ".".join(_parts_of(name)) for name in averages if name.startswith("diffusion_model")}
    return {names[name].removeprefix("diffusion_model."): averages[name] for name in names}


def _parts_of(name: str) -> Iterable[str]:
    before = ""
    for part in _WORDS_OF_THE_UNET.findall(name):
        if before in ("input_blocks", "output_blocks"):  # block, and one digit for the layer in it
            yield from (part[:-1], part[-1])
        elif before == "label_emb":
            yield from part
        else:
            yield part
        before = part
