"""Tiny networks of random weights, as the files that people have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from torch import Tensor


def compact(
    *, scale: int = 2, channels: int = 3, features: int = 8, convolutions: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """The weights of a Compact network; a pixel of its answer depends on those up to convolutions + 2 away."""
    torch.manual_seed(seed)
    network = Compact(num_in_ch=channels, num_out_ch=channels, num_feat=features, num_conv=convolutions, upscale=scale)
    return {name: tensor.detach() for name, tensor in network.state_dict().items()}


def write(path: Path, weights: Mapping[str, Tensor]) -> Path:
    """Weights as a safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(weights), path)
    return path
