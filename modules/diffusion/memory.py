"""Memory that ran out, which is told in several ways, and where a network computes that is moved about."""

from __future__ import annotations

from typing import Any

import torch

_SAYINGS = (
    "DefaultCPUAllocator: can't allocate memory",
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "HIP error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device or the computer itself has no room left.

    torch has an error of its own for what its allocator for NVIDIA's and AMD's cards lacks; other allocators, drivers
    and libraries raise a RuntimeError.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in _SAYINGS)


def runs_on(network: Any) -> torch.device:
    """The device that a network computes on, where its input has to be; its weights may wait elsewhere until then."""
    device = getattr(getattr(network, "_hf_hook", None), "execution_device", None)
    return device if isinstance(device, torch.device) else next(network.parameters()).device
