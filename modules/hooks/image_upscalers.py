"""An image upscaler that an extension brings: offered wherever upscalers are, by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class UpscaleContext:
    """What an upscaler is told, and what it may ask while it works."""

    width: int
    """The width in pixels that is wanted. A result of another size is resampled to it, with Lanczos."""
    height: int
    """The height in pixels that is wanted."""
    device: str
    """Where networks compute, as torch names it, such as "cuda:0" or "cpu"."""
    check: Callable[[], None]
    """To be called now and then: stops here if somebody asked for it, by Interrupted, which is to be let through."""
    stage: Callable[[str], None]
    """Tells what is being done, in a few words."""
    progress: Callable[[float], None]
    """Tells which share of the work is done, 0 to 1."""


class ImageUpscaler(ABC):
    """A way to make a picture larger. Its name is what people choose, and what infotexts call it."""

    name: ClassVar[str]
    """Like no other upscaler's."""
    help: ClassVar[str] = ""
    """What it is good for, in a sentence."""

    @abstractmethod
    def upscale(self, pixels: np.ndarray, context: UpscaleContext) -> np.ndarray:
        """(height, width, 3) uint8 of any size, made of such pixels; the same every time for the same ones."""
