"""Which kind of small network a file holds that is added to a checkpoint's (LoRA and its kin), and for which family."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from modules.checkpoints.identification import Family
from modules.checkpoints.tensor_names import TensorNames
from modules.checkpoints.weights_header import TensorInfo
from modules.checkpoints.weights_kinds import WIDTHS

_ALGORITHMS = (
    ("DoRA", ("dora_scale", "lora_magnitude_vector", "lora_magnitude_vector.weight")),
    ("LoHa", ("hada_w1_a", "hada_w1_b")),
    ("LoKr", ("lokr_w1", "lokr_w1_a")),
    ("BOFT", ("boft_R",)),
    ("OFT", ("oft_blocks", "oft_diag", "oft_R.weight", "oft_R")),
    ("(IA)3", ("on_input", "ia3_l")),
    ("GLoRA", ("b1.weight", "b2.weight")),
    ("LoRA", ("lora_down.weight", "lora_A.weight", "default.weight", "lora.down.weight", "down.weight", "lora_A")),
    ("full difference", ("diff", "diff_b", "w_norm", "b_norm")),
)
"""By how the names of its tensors end; the first that fits counts, as a DoRA has what a LoRA has."""

_NAMED_BY_PERSONS = (("BOFT", ".boft_R."), ("OFT", ".oft_R."), ("(IA)3", ".ia3_l."), ("LoRA", ".lora_A."))
"""By what stands before the name that a person gave to a peft adapter."""

_LORA_PARTS = ("lora_A", "lora_B", "lora_down", "lora_up", "lora", "lora_linear_layer")
_FLAT = (
    "lora_unet_",
    "lora_te_",
    "lora_te1_",
    "lora_te2_",
    "lycoris_",
    "lora_prior_",
    "lora_transformer_",
    "oft_unet_",
)
"""What names begin with in which all dots of the network's own names are underscores."""

_OTHERS = (
    ("AnimateDiff", ("motion_modules", "temporal_transformer")),
    ("Qwen-Image", ("img_mod",)),
    ("Stable Diffusion 3", ("joint_blocks", "lora_te3", "lora_prior_joint")),
    ("Flux", ("double_blocks", "single_blocks", "single_transformer_blocks")),
    ("Stable Cascade", ("lora_prior_",)),
    ("AuraFlow", ("joint_transformer_blocks", "double_layers")),
    ("PixArt or LTX-Video", ("adaln_single", "adaln.single")),
    ("Hunyuan-DiT", ("mlp_t5",)),
    ("Lumina or Z-Image", ("layers_0_attention", "layers.0.attention", "layers_0_feed", "layers.0.feed")),
)
"""Families that cannot be run, by what stands in the names."""

_PERHAPS_OTHERS = (
    (
        "Wan",
        ("blocks_0_cross_attn", "blocks.0.cross_attn", "blocks_0_self_attn", "blocks.0.self_attn", "blocks.0.attn1"),
    ),
    ("a transformer model", ("transformer.", "lora_transformer_", "diffusion_model.transformer_blocks")),
)
"""The same, by marks that stand in Stable Diffusion's names too."""
_UNET_PARTS = ("down_blocks", "up_blocks", "mid_block", "input_blocks", "middle_block", "output_blocks")
_TEXT_ENCODERS = (
    "lora_te_",
    "lora_te1_",
    "lora_te2_",
    "lycoris_te",
    "oft_te",
    "text_encoder",
    "base_model.model.text_",
)

_ARCHITECTURES: tuple[tuple[str, Family], ...] = (
    ("stable-diffusion-xl-v1-refiner", "sdxl-refiner"),
    ("stable-diffusion-xl", "sdxl"),
    ("stable-diffusion-v2", "sd2"),
    ("stable-diffusion-v1", "sd1"),
    ("sdxl", "sdxl"),
    ("sd_v2", "sd2"),
    ("sd_v1", "sd1"),
)
"""How `modelspec.architecture` and `ss_base_model_version` begin."""


@dataclass(frozen=True)
class Network:
    """Its kind by name, and for what it was made: a family that can be run, or the title of another one."""

    algorithm: str
    family: Family | None
    other: str = ""


def network_in(names: TensorNames, metadata_of_base: str) -> Network | None:
    """What small network a file holds; None where it holds none.

    `metadata_of_base` is what the file says of its family, for networks whose shapes tell nothing.
    """
    algorithm = next((name for name, tails in _ALGORITHMS if not names.tails.isdisjoint(tails)), None)
    if algorithm is None or algorithm == "LoRA" and not _has_lora_parts(names):
        marked = (title for title, mark in _NAMED_BY_PERSONS if any(mark in name for name in names.tensors))
        algorithm = next(marked, algorithm)
    is_flat = any(name.startswith(_FLAT) for name in names.heads)
    if algorithm is None and not is_flat:
        return None
    if algorithm in (None, "GLoRA", "full difference") and not is_flat:
        return None  # other networks have parts of these names
    if algorithm == "LoRA" and not is_flat and not _has_lora_parts(names):
        return None
    other = _other_family(names)
    family = None if other else _family(names) or _told(metadata_of_base)
    return Network(algorithm or "network", family, other)


def _has_lora_parts(names: TensorNames) -> bool:
    """Whether a part of some name is LoRA's: "to_q.lora_A.default.weight", "processor.to_q_lora.down.weight"."""
    return any(part in _LORA_PARTS or part.endswith("_lora") for name in names.tensors for part in name.split("."))


def _told(text: str) -> Family | None:
    return next((family for start, family in _ARCHITECTURES if text.lower().startswith(start)), None)


def _other_family(names: TensorNames) -> str:
    """The title of a family that cannot be run; of names that tell nothing, an empty text."""
    certain = _first_marked(_OTHERS, names.tensors)
    if certain or any(part in name for name in names.tensors for part in _UNET_PARTS):
        return certain
    return _first_marked(_PERHAPS_OTHERS, [name for name in names.tensors if not name.startswith(_TEXT_ENCODERS)])


def _first_marked(rows: tuple[tuple[str, tuple[str, ...]], ...], names: Collection[str]) -> str:
    return next((title for title, marks in rows if any(mark in name for name in names for mark in marks)), "")


def _family(names: TensorNames) -> Family | None:
    """By the vectors of tokens that cross-attention reads, by text encoders, and by how many blocks stand together."""
    has_second_encoder = False
    stacked = False
    linear = None
    for name, info in names.tensors.items():
        flat = name.replace(".", "_").replace("_processor_", "_")
        if ("attn2_to_k" in flat or "attn2_to_v" in flat) and "_te" not in flat[:8]:
            width = _input_width(names, name, info)
            if width in WIDTHS:
                return WIDTHS[width]
        stacked = stacked or ("attentions_" in flat or "_blocks_" in flat) and "transformer_blocks_1_" in flat
        has_second_encoder = has_second_encoder or flat.startswith(("lora_te2_", "text_encoder_2_"))
        if linear is None and flat.endswith("_proj_in_lora_down_weight"):
            linear = len(info.shape) == 2
    if stacked or has_second_encoder:
        return "sdxl"
    if linear is not None:
        return "sd2" if linear else "sd1"
    return _family_of_text_encoder(names)


def _family_of_text_encoder(names: TensorNames) -> Family | None:
    """Of a network for the text encoder alone, by the width of its layers."""
    for name, info in names.tensors.items():
        flat = name.replace(".", "_")
        if flat.startswith(("lora_te_", "text_encoder_")) and ("q_proj" in flat or "attn_to_q" in flat):
            width = _input_width(names, name, info)
            if width in (768, 1024):
                return WIDTHS[width]
    return None


def _input_width(names: TensorNames, name: str, info: TensorInfo) -> int | None:
    """How many numbers the layer takes that a tensor belongs to; None where the tensor does not tell."""
    stem, _, tail = name.rpartition(".")
    if (width := _width_of_peft(name, info.shape)) is not None:
        return width
    if tail in ("hada_w1_b", "diff") or (tail == "weight" and _is_down(stem)) or tail in ("lora_A",):
        return info.shape[1] if len(info.shape) >= 2 else None
    if tail in ("lokr_w1", "lokr_w1_b"):
        second = names.tensors.get(f"{stem}.lokr_w2") or names.tensors.get(f"{stem}.lokr_w2_b")
        if second is not None and len(second.shape) >= 2 and len(info.shape) >= 2:
            return info.shape[1] * second.shape[1]
    return None


def _width_of_peft(name: str, shape: tuple[int, ...]) -> int | None:
    """The same for peft's kinds, whose names may end with one that a person gave."""
    parts = name.split(".")[-3:]
    if "boft_R" in parts and len(shape) == 4:
        return shape[1] * shape[2]
    if "oft_R" in parts and len(shape) == 2:
        return shape[0] * ((1 + math.isqrt(1 + 8 * shape[1])) // 2)  # blocks, packed as what is above a diagonal
    if "ia3_l" in parts and len(shape) == 2 and shape[0] == 1:
        return shape[1]
    return None


def _is_down(stem: str) -> bool:
    *_, before, last = ("", *stem.split("."))
    return last in ("lora_down", "lora_A", "down") or before == "lora_A"
