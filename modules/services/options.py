"""What the command line says about the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineOptions:
    """Choices that hold for the life of the process; config.command_line explains them."""

    precision: str = "auto"
    use_cpu: bool = False
    xformers: bool = False
