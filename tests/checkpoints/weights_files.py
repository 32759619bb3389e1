"""Safetensors files of any layout: their headers are real, their numbers are holes that take no room on the disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from modules.checkpoints.weights_header import BITS, TensorInfo, WeightsHeader

Shapes = Mapping[str, Sequence[int]]

LAYOUTS = Path(__file__).parent.parent / "checkpoint_layouts"


def layout(name: str) -> dict[str, list[int]]:
    """Every name and shape of a real file."""
    content: dict[str, list[int]] = json.loads((LAYOUTS / f"{name}.json").read_bytes())["tensors"]
    return content


def header_of(shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "F16") -> WeightsHeader:
    """The header of a file with such tensors."""
    infos, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * BITS[dtype] // 8
        infos[name] = TensorInfo(dtype, tuple(shape), begin, end)
    return WeightsHeader(infos, metadata or {})


def write_weights(
    path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "F16", numbers: bytes = b""
) -> Path:
    """Write a file with such tensors; `numbers` stand at their beginning, the rest is zero."""
    header = header_of(shapes, metadata, dtype)
    content: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    for name, info in header.tensors.items():
        content[name] = {"dtype": dtype, "shape": info.shape, "data_offsets": [info.begin, info.end]}
    text = json.dumps(content).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + numbers)
        file.truncate(8 + len(text) + max((info.end for info in header.tensors.values()), default=0))
    return path


SD1 = {
    "model.diffusion_model.input_blocks.0.0.weight": [2, 4, 1, 1],
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": [2, 2],
    "first_stage_model.decoder.conv_in.weight": [2, 4, 1, 1],
}
"""The least that is taken for a checkpoint of Stable Diffusion 1."""

SD2 = {
    "model.diffusion_model.input_blocks.0.0.weight": [2, 4, 1, 1],
    "cond_stage_model.model.token_embedding.weight": [2, 2],
    "first_stage_model.decoder.conv_in.weight": [2, 4, 1, 1],
}

LORA = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": [4, 768],
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": [320, 4],
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.alpha": [],
}
