"""Single files with the names and shapes of real checkpoints, of which only the small tensors are there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

LAYOUTS = Path(__file__).parent / "checkpoint_layouts"
LARGEST = 1300
"""Numbers of a tensor; biases and norms of every block are smaller."""

_KEPT = (
    "input_blocks.0.0.weight",
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight",
    "decoder.conv_in.weight",
    "encoder.conv_in.weight",
)
"""By which files are told apart."""


def small_tensors(layout: str, seed: int, dtype: torch.dtype = torch.float16) -> dict[str, torch.Tensor]:
    """Random numbers for the small tensors of a layout, with a real position table and two negative zeros."""
    shapes: Mapping[str, list[int]] = json.loads((LAYOUTS / f"{layout}.json").read_text())["tensors"]
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: torch.randn(shape, generator=generator).to(dtype)
        for name, shape in shapes.items()
        if math.prod(shape) <= LARGEST or name.endswith(_KEPT)
    }
    for name in tensors:
        if name.endswith("position_ids"):
            tensors[name] = torch.arange(77).reshape(1, 77)
        elif tensors[name].ndim == 1 and len(tensors[name]) > 1:
            tensors[name][:2] = -0.0
    return tensors


def write_small(
    path: Path,
    layout: str = "sd15",
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float16,
    changes: Mapping[str, torch.Tensor | None] = {},
    metadata: Mapping[str, str] | None = None,
) -> dict[str, torch.Tensor]:
    """Write such a file; what is in it. `changes` puts tensors in, and takes those out that are None."""
    tensors = {**small_tensors(layout, seed, dtype), **changes}
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(kept, path, metadata=dict(metadata or {}))
    return kept
