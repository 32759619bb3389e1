"""How a network computes attention."""

from __future__ import annotations

import importlib.util
from typing import Any, Literal

import torch

AttentionKind = Literal["sdp", "xformers"]


def choose_attention(wanted: str, device: torch.device) -> AttentionKind:
    """The kind to use for a setting ("Automatic", "sdp" or "xformers"); xformers needs an NVIDIA card.

    PyTorch's own scaled dot product attention picks the flash kernels that xformers brought first; Automatic means it.
    """
    usable = device.type == "cuda" and importlib.util.find_spec("xformers") is not None
    return "xformers" if wanted == "xformers" and usable else "sdp"


def set_attention(network: Any, kind: AttentionKind) -> None:
    """Make a diffusers network compute attention that way."""
    if kind == "xformers":
        network.enable_xformers_memory_efficient_attention()
    else:
        network.set_default_attn_processor()
