"""Where the modules of an adapter file stand in a loaded model, by the names that trainers give them.

Trainers name modules as diffusers and transformers do, or as the first Stable Diffusion did ("input_blocks.4.1"), and
write dots as they are or as underscores. One table holds all of these names, made from the modules that are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from modules.checkpoints.loaded import LoadedModel

_UNET, _FIRST, _SECOND = "unet", "te1", "te2"
_PREFIXES = {
    **dict.fromkeys(("lora_unet", "oft_unet", "unet", "lycoris_unet", "base_model_model_unet"), (_UNET,)),
    **dict.fromkeys(("unet_base_model_model", "diffusion_model", "model_diffusion_model"), (_UNET,)),
    **dict.fromkeys(("lora_te", "lora_te1", "text_encoder", "clip_l", "lycoris_te", "lycoris_te1"), (_FIRST,)),
    **dict.fromkeys(("text_encoder_base_model_model", "base_model_model_text_encoder", "oft_te"), (_FIRST,)),
    **dict.fromkeys(("lora_te2", "text_encoder_2", "clip_g", "lycoris_te2", "oft_te2"), (_SECOND,)),
    **dict.fromkeys(("text_encoder_2_base_model_model", "base_model_model_text_encoder_2"), (_SECOND,)),
    **dict.fromkeys(("lycoris", "base_model_model", ""), (_UNET, _FIRST, _SECOND)),
}
"""What stands before a module's name, and the networks that may be meant."""
_LONGEST_FIRST = sorted(_PREFIXES, key=len, reverse=True)
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE_BLOCKS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_ATTENTION = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
"""How diffusers' first files call the parts of a text encoder's attention."""


@dataclass(frozen=True)
class ModulePlace:
    """A module: the number of its network among `networks_of(model)`, and its path there."""

    network: int
    path: str


def networks_of(model: LoadedModel) -> tuple[nn.Module, ...]:
    """What adapters may change: the denoising network first, then the text encoders."""
    return (model.unet, *(encoder.network for encoder in model.text_encoders))


class ModuleTable:
    """The modules of a model by all names they have in adapter files."""

    def __init__(self, model: LoadedModel) -> None:
        unet, *encoders = networks_of(model)
        labels = (_SECOND,) if model.family == "sdxl-refiner" else (_FIRST, _SECOND)
        self._places: dict[str, dict[str, ModulePlace]] = {_UNET: _named(0, _unet_names(unet))}
        for number, (label, encoder) in enumerate(zip(labels, encoders, strict=False), start=1):
            self._places[label] = _named(number, _encoder_names(encoder))

    def find(self, name: str) -> ModulePlace | None:
        """The module of a name as it stands in a file; None where there is none."""
        flat = _flat(name).replace("_processor_to_", "_to_")
        for prefix in _LONGEST_FIRST:
            if not flat.startswith(prefix):
                continue
            rest = flat[len(prefix) :].removeprefix("_") if prefix else flat
            for network in _PREFIXES[prefix]:
                place = self._places.get(network, {}).get(rest)
                if place is not None:
                    return place
        return None


def _named(number: int, names: Iterator[tuple[str, str]]) -> dict[str, ModulePlace]:
    return {_flat(name): ModulePlace(number, path) for name, path in names}


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _unet_names(unet: Any) -> Iterator[tuple[str, str]]:
    """Names and paths of a UNet2DConditionModel's modules."""
    first_names = dict(_block_names(unet))
    for path, module in unet.named_modules():
        if not _has_weight(module):
            continue
        yield path, path
        if path.endswith("to_out.0"):
            yield path.removesuffix(".0"), path
        if path in _OUTSIDE_BLOCKS:
            yield _OUTSIDE_BLOCKS[path], path
        for part, first in first_names.items():
            if path.startswith(f"{part}."):
                inner = path[len(part) + 1 :]
                yield f"{first}.{_RESNET.get(inner, inner)}", path
                if inner == "conv" and ".downsamplers." in path:
                    yield f"{first}.op", path


def _block_names(unet: Any) -> Iterator[tuple[str, str]]:
    """Paths of the parts of blocks, and their names in the first Stable Diffusion, which numbers layers in a row.

    A network that an extension brought may have no blocks.
    """
    number = 1  # 0 is the convolution at the beginning
    for place, block in enumerate(getattr(unet, "down_blocks", ())):
        for layer in range(len(block.resnets)):
            yield f"down_blocks.{place}.resnets.{layer}", f"input_blocks.{number}.0"
            yield f"down_blocks.{place}.attentions.{layer}", f"input_blocks.{number}.1"
            number += 1
        if getattr(block, "downsamplers", None):
            yield f"down_blocks.{place}.downsamplers.0", f"input_blocks.{number}.0"
            number += 1
    for part, inner in (("resnets.0", 0), ("attentions.0", 1), ("resnets.1", 2)):
        yield f"mid_block.{part}", f"middle_block.{inner}"
    number = 0
    for place, block in enumerate(getattr(unet, "up_blocks", ())):
        attends = bool(getattr(block, "attentions", None))
        for layer in range(len(block.resnets)):
            yield f"up_blocks.{place}.resnets.{layer}", f"output_blocks.{number}.0"
            yield f"up_blocks.{place}.attentions.{layer}", f"output_blocks.{number}.1"
            number += 1
        if getattr(block, "upsamplers", None):
            yield f"up_blocks.{place}.upsamplers.0", f"output_blocks.{number - 1}.{2 if attends else 1}"


def _encoder_names(encoder: nn.Module) -> Iterator[tuple[str, str]]:
    """Names and paths of a text encoder's modules, whose layers some releases of transformers keep one level down."""
    for path, module in encoder.named_modules():
        if not _has_weight(module):
            continue
        inner = path.removeprefix("text_model.")
        head, _, last = inner.rpartition(".")
        for name in (inner, f"{head}.{_ATTENTION[last]}") if last in _ATTENTION else (inner,):
            yield name, path
            yield f"text_model.{name}", path


def _has_weight(module: nn.Module) -> bool:
    return getattr(module, "weight", None) is not None
