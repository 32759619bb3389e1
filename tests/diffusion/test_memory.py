"""Memory that ran out is known from other faults."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modules.diffusion.memory import ran_out_of_memory

TOO_MANY = 1 << 50
"""Bytes that no computer has."""


def test_what_torch_says_of_a_processor_s_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(TOO_MANY, dtype=torch.uint8)
    assert ran_out_of_memory(caught.value)


def test_what_numpy_says() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(TOO_MANY * 1024, np.uint8)
    assert ran_out_of_memory(caught.value)


def test_what_torch_says_of_a_graphics_card() -> None:
    assert ran_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))


@pytest.mark.parametrize(
    "saying",
    [
        "MPS backend out of memory (MPS allocated: 17.92 GiB, other allocations: 16.00 MiB, max allowed: 18.13 GiB).",
        "CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
        "HIP error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_what_other_allocators_and_drivers_say(saying: str) -> None:
    assert ran_out_of_memory(RuntimeError(saying))
    assert not ran_out_of_memory(ValueError(saying))


def test_other_faults_are_none() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(2) + torch.zeros(3)
    assert not ran_out_of_memory(caught.value)
    assert not ran_out_of_memory(ValueError("DefaultCPUAllocator: can't allocate memory"))
