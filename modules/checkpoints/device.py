"""Which device computes, and in which number format."""

from __future__ import annotations

import torch

from modules.errors import InvalidSetting


def choose_device(*, use_cpu: bool) -> torch.device:
    """An NVIDIA or AMD card, else Apple's, else the processor."""
    if not use_cpu and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if not use_cpu and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The format of the networks for a precision of the command line ("auto", "full", "half", "bfloat16")."""
    if precision == "full":
        return torch.float32
    if precision == "bfloat16":
        return torch.bfloat16
    if precision == "half":
        if device.type == "cpu":
            raise InvalidSetting("--precision half needs a graphics card. Use auto, full or bfloat16 on a processor.")
        return torch.float16
    if device.type == "cpu":
        return torch.bfloat16 if _processor_has_bfloat16() else torch.float32
    return torch.float16


def _processor_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware (AMX); elsewhere the format is slower."""
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe is not None and probe())
