"""Which device computes, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from modules.errors import InvalidSetting

_HALF_FAILS = ("GeForce GTX 16",)
"""Cards whose convolutions in float16 give no numbers, by what stands in their names."""


@dataclass(frozen=True)
class DeviceFacts:
    """What a device is, as far as the choice of number formats goes; made by hand in tests."""

    kind: Literal["cpu", "cuda", "mps"]
    """ "cuda" is AMD's too."""
    name: str
    """As its maker calls it."""
    bfloat16: str = ""
    """What multiplies bfloat16 matrices in hardware; empty: nothing does."""
    half_fails: bool = False
    """Whether float16 gives no numbers there."""


def device_facts(device: torch.device) -> DeviceFacts:
    """The facts of a device of this machine."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        has_it = torch.cuda.get_device_properties(device).major >= 8 or (
            torch.version.hip is not None and torch.cuda.is_bf16_supported(including_emulation=False)
        )
        fails = any(series in name for series in _HALF_FAILS)
        return DeviceFacts("cuda", name, "the card" if has_it else "", fails)
    if device.type == "mps":
        return DeviceFacts("mps", "Apple graphics")
    return DeviceFacts("cpu", "processor", _bfloat16_of_processor())


def choose_device(*, use_cpu: bool, number: int | None = None) -> torch.device:
    """An NVIDIA or AMD card, the one of a number from 0 on if that is given, else Apple's, else the processor.

    Raises InvalidSetting where there is no card of that number.
    """
    if not use_cpu and torch.cuda.is_available():
        there = torch.cuda.device_count()
        if number is not None and number >= there:
            raise InvalidSetting(f"--device-id {number} names no card. Choose a number from 0 to {there - 1}.")
        return torch.device("cuda", torch.cuda.current_device() if number is None else number)
    if not use_cpu and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _bfloat16_of_processor() -> str:
    """The instructions that the processor multiplies bfloat16 matrices with; elsewhere the format is slower."""
    for probe, name in (("_is_amx_tile_supported", "AMX"), ("_is_avx512_bf16_supported", "AVX512-BF16")):
        # torch has no public names for these; a version without them counts as a processor without them.
        asked = getattr(torch.cpu, probe, None)
        if asked is not None and asked():
            return name
    return ""
