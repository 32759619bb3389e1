"""Memory that ran out, which is told in several ways, and where a network computes that is moved about."""

from __future__ import annotations

from typing import Any

import torch

_OF_A_PROCESSOR = "DefaultCPUAllocator: can't allocate memory"


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device or the computer itself has no room left.

    torch has an error of its own for graphics cards only; its allocator for processors raises a RuntimeError.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and _OF_A_PROCESSOR in str(error)


def runs_on(network: Any) -> torch.device:
    """The device that a network computes on, where its input has to be; its weights may wait elsewhere until then."""
    device = getattr(getattr(network, "_hf_hook", None), "execution_device", None)
    return device if isinstance(device, torch.device) else next(network.parameters()).device
