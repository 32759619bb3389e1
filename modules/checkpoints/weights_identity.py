"""What a file of weights is, told from its header alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

from modules.checkpoints.identification import Family, Prediction
from modules.checkpoints.network_kinds import network_in
from modules.checkpoints.other_families import OTHER_FAMILIES
from modules.checkpoints.tensor_names import TensorNames
from modules.checkpoints.weights_header import BITS, WeightsHeader
from modules.checkpoints.weights_kinds import (
    CHECKPOINTS,
    CONTROL,
    FAMILY_TITLES,
    PARTS,
    TINY_VAES,
    UPSCALERS,
    VAES,
    WIDTHS,
    Row,
)
from modules.checkpoints.weights_kinds import Layout as Layout
from modules.checkpoints.weights_kinds import WeightsKind as WeightsKind

Task = Literal["plain", "inpainting", "pix2pix"]


@dataclass(frozen=True)
class WeightsIdentity:
    """What a file holds. Of a LoRA, an embedding or a ControlNet `family` is the one it was made for."""

    kind: WeightsKind
    title: str
    """In words, for people: "Stable Diffusion XL checkpoint", "LoRA for Stable Diffusion 1"."""
    family: Family | None = None
    """None where it is not known, or not one that can be run."""
    prediction_type: Prediction | None = None
    """Of a checkpoint whose header does not tell None: Stable Diffusion 2 came in both kinds, of one layout."""
    zero_terminal_snr: bool = False
    task: Task = "plain"
    precision: str = ""
    """The header's name of the type that most of its numbers have, such as F16."""
    layout: Layout = "ldm"
    """Whose names its tensors have."""
    unsupported: str = ""
    """Why it cannot be used, as a sentence; empty where it can."""


_TASKS: dict[int, Task] = {4: "plain", 8: "pix2pix", 9: "inpainting"}
"""By the channels that the network takes."""
_TASK_TITLES: dict[Task, str] = {"plain": "", "pix2pix": " InstructPix2Pix", "inpainting": " inpainting"}
_V_MARKS = ("v_pred", "v-pred", "vpred")
_ZERO_SNR_MARKS = ("ztsnr", "zsnr")
_V_WORDS = ("v", "v_prediction", "v-prediction", "vpred", "v_pred")
_TOLD_PREDICTION = ("modelspec.prediction_type", "prediction_type", "ss_prediction_type", "ss_parameterization")
_TOLD_V = ("ss_v_parameterization", "v_parameterization", "ss_v_prediction")
_TOLD_ZERO_SNR = ("ss_zero_terminal_snr", "zero_terminal_snr", "modelspec.zero_terminal_snr", "ztsnr")
_QUANTISED = (
    ("NF4 or FP4 (bitsandbytes)", ("quant_state.bitsandbytes__nf4", "quant_state.bitsandbytes__fp4", "absmax")),
    ("scaled FP8", ("scaled_fp8", "scale_weight", "weight_scale", "comfy_quant")),
    ("packed integers", ("qweight", "smooth_factor", "SCB")),
)
"""Ways of storing fewer bits, by how the names of what belongs to them end."""
_VECTORS: dict[int, Family] = {**WIDTHS, 1280: "sdxl"}
_HYPERNETWORK_WIDTHS = {"320", "640", "768", "1024", "1280", "2048"}


def identify_weights(header: WeightsHeader) -> WeightsIdentity:
    """What a file is by the names and shapes of its tensors and its metadata; no numbers are read."""
    names = TensorNames(header)
    found = (
        _lora(names, header)
        or _embedding(names)
        or _hypernetwork(names)
        or _of_rows(names, header)
        or WeightsIdentity("unknown", "nothing that is known here", unsupported="Nothing in it is known here.")
    )
    return replace(found, precision=_precision(header), unsupported=found.unsupported or _quantised(names))


def _of_rows(names: TensorNames, header: WeightsHeader) -> WeightsIdentity | None:
    for row in (*CONTROL, *OTHER_FAMILIES, *CHECKPOINTS, *VAES, *TINY_VAES, *UPSCALERS, *PARTS):
        if row.fits(names):
            break
    else:
        return None
    if row.kind == "checkpoint" and not row.unsupported:
        return _checkpoint(row, names, header)
    family, title = row.family, row.title
    if row.kind == "controlnet":
        family = _control_family(names)
        title = _made_for(title, family)
    elif row.kind == "checkpoint":
        title = f"{title} checkpoint"
    return WeightsIdentity(row.kind, title, family, layout=row.layout, unsupported=row.unsupported)


def _checkpoint(row: Row, names: TensorNames, header: WeightsHeader) -> WeightsIdentity:
    channels = names.length("unet.conv_in.weight" if row.layout == "diffusers" else "input_blocks.0.0.weight", 1) or 0
    task = _TASKS.get(channels)
    unsupported = "" if task else f"Its network takes {channels} channels, which is not supported."
    zero_snr = any(mark in header.tensors for mark in _ZERO_SNR_MARKS) or _is_told(header, _TOLD_ZERO_SNR)
    return WeightsIdentity(
        "checkpoint",
        f"{row.title}{_TASK_TITLES[task or 'plain']} checkpoint",
        row.family,
        _prediction(row.family, header),
        zero_snr,
        task or "plain",
        layout=row.layout,
        unsupported=unsupported,
    )


def _prediction(family: Family | None, header: WeightsHeader) -> Prediction | None:
    """As marks and metadata tell it; where they are silent, noise, but for Stable Diffusion 2."""
    if any(mark in header.tensors for mark in _V_MARKS) or _is_told(header, _TOLD_V):
        return "v_prediction"
    for name in _TOLD_PREDICTION:
        told = header.metadata.get(name, "").strip().lower()
        if told in ("epsilon", "eps", *_V_WORDS):
            return "v_prediction" if told in _V_WORDS else "epsilon"
    told = f"{header.metadata.get('modelspec.architecture', '')} {header.metadata.get('ss_base_model_version', '')}"
    if "sd_v2_v" in told or "v2-768-v" in told:
        return "v_prediction"
    if "v2-512" in told:
        return "epsilon"
    return None if family == "sd2" else "epsilon"


def _is_told(header: WeightsHeader, names: tuple[str, ...]) -> bool:
    return any(header.metadata.get(name, "").strip().lower() in ("true", "1", "yes") for name in names)


def _lora(names: TensorNames, header: WeightsHeader) -> WeightsIdentity | None:
    told = header.metadata.get("modelspec.architecture") or header.metadata.get("ss_base_model_version", "")
    network = network_in(names, told)
    if network is None or names.shape("input_blocks.0.0.weight"):
        return None
    if network.other:
        reason = f"It was made for {network.other}, which is not supported yet."
        return WeightsIdentity("lora", f"{network.algorithm} for {network.other}", unsupported=reason)
    return WeightsIdentity("lora", _made_for(network.algorithm, network.family), network.family, layout="diffusers")


def _embedding(names: TensorNames) -> WeightsIdentity | None:
    """Vectors in the place of words, of which a file holds one set, or one for each text encoder."""
    if len(names.tensors) > 4 or not names.tensors:
        return None
    first, *_ = names.tensors.values()
    if {"clip_l", "clip_g"} <= names.tensors.keys():
        others = names.tensors.keys() - {"clip_l", "clip_g", "clip_l_out", "clip_g_out"}
        reason = f"It has vectors for {', '.join(sorted(others))}, which is not supported yet." if others else ""
        return WeightsIdentity("embedding", _made_for("embedding", "sdxl"), "sdxl", unsupported=reason)
    named = {"emb_params", "string_to_param", "*", "clip_l", "clip_g"}
    is_named = any(name.split(".")[0] in named for name in names.tensors)
    is_word = len(names.tensors) == 1 and not any("." in name for name in names.tensors)
    is_vector = is_word and len(first.shape) in (1, 2) and first.shape[-1] in _VECTORS
    if not (is_named or is_vector):
        return None
    family = _VECTORS.get(first.shape[-1]) if first.shape else None
    return WeightsIdentity("embedding", _made_for("embedding", family), family)


def _hypernetwork(names: TensorNames) -> WeightsIdentity | None:
    """Two small networks for each width of a token's vector, as A1111's files have them."""
    widths = {head for head in names.heads if "." not in head}
    if not widths or not widths <= _HYPERNETWORK_WIDTHS:
        return None
    family: Family = "sd2" if "1024" in widths else "sd1"
    return WeightsIdentity("hypernetwork", _made_for("hypernetwork", family), family)


def _control_family(names: TensorNames) -> Family | None:
    """By the vectors of tokens it reads, or, of one that reads none, by how it takes sizes or pictures."""
    if any(name.startswith("lllite_") and "transformer_blocks_1_" in name for name in names.tensors):
        return "sdxl"
    inner = "transformer_blocks.0.attn2.to_k.weight"
    ldm = (f"{wrap}input_blocks.{place}.1.{inner}" for wrap in ("control_model.", "") for place in (1, 4))
    folder = (f"down_blocks.{place}.attentions.0.{inner}" for place in (0, 1))
    width = names.width(*ldm, *folder)
    if width is not None:
        return WIDTHS.get(width)
    if names.shape("add_embedding.linear_1.weight"):
        return "sdxl"
    picture = names.length("adapter.conv_in.weight", 1) or names.length("conv_in.weight", 1) or 0
    by_channels: dict[int, Family] = {64: "sd1", 192: "sd1", 256: "sdxl", 768: "sdxl"}
    return by_channels.get(picture)


def _made_for(title: str, family: Family | None) -> str:
    return title if family is None else f"{title} for {FAMILY_TITLES[family]}"


def _precision(header: WeightsHeader) -> str:
    numbers: dict[str, int] = defaultdict(int)
    for info in header.tensors.values():
        numbers[info.dtype] += (info.end - info.begin) * 8 // BITS[info.dtype]
    return max(numbers, key=numbers.__getitem__, default="")


def _quantised(names: TensorNames) -> str:
    for title, tails in _QUANTISED:
        if not names.tails.isdisjoint(tails):
            return (
                f"Its numbers are stored as {title}, which is not supported yet. Choose an FP16 or BF16 version of it."
            )
    return ""
