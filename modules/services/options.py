"""What the command line says about the engine and what it is extended by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EngineOptions:
    """Choices that hold for the life of the process; config.command_line explains them."""

    precision: Literal["auto", "full", "half", "bfloat16"] = "auto"
    use_cpu: bool = False
    device_number: int | None = None
    """Which of several graphics cards, from 0 on; None: the first, or for a server all of them."""
    attention: str = ""
    """A kind of attention in the place of the setting's; empty: what the settings say."""
    full_vae: bool = False
    full_attention: bool = False
    eight_bit: bool = False
    """Whether the network's weights are stored in eight bits, whatever the settings say."""
    memory: Literal["auto", "medvram", "medvram-sdxl", "lowvram"] = "auto"
    without_extensions: str = ""
    """Why no extension is taken in, as a sentence; empty: those that are switched on are."""
