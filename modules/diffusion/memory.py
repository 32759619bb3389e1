"""Memory that ran out: it is told in several ways."""

from __future__ import annotations

import torch

_OF_A_PROCESSOR = "DefaultCPUAllocator: can't allocate memory"


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device or the computer itself has no room left.

    torch has an error of its own for graphics cards only; its allocator for processors raises a RuntimeError.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and _OF_A_PROCESSOR in str(error)
