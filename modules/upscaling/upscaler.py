"""Upscalers in memory: given a picture and a size, they return the picture in that size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from spandrel import ImageModelDescriptor, ModelTiling

from modules.diffusion.memory import ran_out_of_memory
from modules.errors import InvalidRequest, NumbersOverflowed, OutOfMemory, UnsupportedModel
from modules.imaging.reading import MAX_PIXELS
from modules.imaging.resizing import lanczos
from modules.upscaling.listener import SILENT, Listener
from modules.upscaling.tiling import LEAST_TILE, USUAL_TILING, Tiling, in_tiles

MAX_PASSES = 3
MAX_PIXELS_ON_THE_WAY = 2 * MAX_PIXELS
"""A network's own scale may overshoot the size that is wanted; so much is held in memory at most."""


class Upscaler(Protocol):
    """What makes pictures larger; `name` is that of its entry in the registry."""

    @property
    def name(self) -> str: ...

    def upscale(
        self,
        pixels: np.ndarray,
        width: int,
        height: int,
        *,
        tiling: Tiling = ...,
        listener: Listener = ...,
    ) -> np.ndarray:
        """Pixels (height, width, 3 or 4) of exactly that width and height; alpha is resampled with Lanczos."""


@dataclass(frozen=True)
class PillowUpscaler:
    """Resampling without a network."""

    name: str
    resampling: Image.Resampling

    def upscale(
        self,
        pixels: np.ndarray,
        width: int,
        height: int,
        *,
        tiling: Tiling = USUAL_TILING,
        listener: Listener = SILENT,
    ) -> np.ndarray:
        """The picture resampled in one go; tiles play no part."""
        listener.check()
        resized = Image.fromarray(pixels).resize((width, height), self.resampling)
        listener.progress(1)
        return np.array(resized)


class ModelUpscaler:
    """A network, run until the picture is large enough (at most MAX_PASSES times), then Lanczos to the exact size."""

    def __init__(self, name: str, network: ImageModelDescriptor[Any]) -> None:
        """Raises UnsupportedModel for a network that does not enlarge or clean up whole pictures."""
        if network.purpose not in ("SR", "Restoration"):
            raise UnsupportedModel(f"Upscaler {name!r} restores faces; it does not enlarge pictures.")
        if network.input_channels != network.output_channels or network.input_channels not in (1, 3):
            raise UnsupportedModel(f"Upscaler {name!r} does not take and give colour pictures.")
        self.name = name
        self._network = network

    @property
    def scale(self) -> int:
        """How many times one pass multiplies the sides; 1 for a network that only cleans up."""
        return int(self._network.scale)

    def upscale(
        self,
        pixels: np.ndarray,
        width: int,
        height: int,
        *,
        tiling: Tiling = USUAL_TILING,
        listener: Listener = SILENT,
    ) -> np.ndarray:
        """The picture in that size; one that is large enough already is only resampled, except to its own size.

        Raises OutOfMemory, NumbersOverflowed, InvalidRequest where a pass would make far too large a picture, and
        whatever the listener raises.
        """
        result = pixels[..., :3]
        passes = list(self._passes(pixels.shape[1], pixels.shape[0], width, height))
        work = sum(passes)
        for index, amount in enumerate(passes):
            if amount * self.scale**2 > MAX_PIXELS_ON_THE_WAY:
                self._too_large(index, amount, listener)
                break
            before = sum(passes[:index])

            def progress(share: float, amount: int = amount, before: int = before) -> None:
                listener.check()
                listener.progress((before + share * amount) / work)

            result, tiling = self._enlarged(result, tiling, progress, listener.tell)
        listener.progress(1)
        result = lanczos(result, width, height)
        if pixels.shape[2] == 4:
            result = np.dstack([result, lanczos(pixels[..., 3], width, height)])
        return result

    def _passes(self, width: int, height: int, wanted_width: int, wanted_height: int) -> Iterator[int]:
        """How many pixels go into each pass."""
        if (wanted_width, wanted_height) == (width, height):
            yield width * height
            return
        for _ in range(MAX_PASSES if self.scale > 1 else 1):
            if width >= wanted_width and height >= wanted_height:
                return
            yield width * height
            width, height = width * self.scale, height * self.scale

    def _too_large(self, index: int, amount: int, listener: Listener) -> None:
        millions = amount * self.scale**2 // 1_000_000
        if index == 0:
            raise InvalidRequest(
                "Upscaler", self.name, f"would make {millions} million pixels of it", "Choose one of a smaller scale."
            )
        listener.tell(
            f"Upscaler {self.name}: pass {index + 1} would make {millions} million pixels; Lanczos does the rest."
        )

    def _enlarged(
        self, pixels: np.ndarray, tiling: Tiling, progress: Callable[[float], None], tell: Callable[[str], None]
    ) -> tuple[np.ndarray, Tiling]:
        """One pass, in smaller tiles wherever memory runs out, and the tiling that it was done with."""
        if self._network.tiling == ModelTiling.INTERNAL:
            tiling = Tiling(0)
        height, width = pixels.shape[:2]
        while True:
            try:
                return in_tiles(self._piece, pixels, self.scale, tiling, progress), tiling
            except (RuntimeError, MemoryError) as error:
                if not ran_out_of_memory(error):
                    raise
                # What the failed attempt holds goes with the exception, at the end of the clause.
                smaller = tiling.halved(width, height)
            _give_memory_back(self._network.device)
            if smaller is None:
                raise OutOfMemory(
                    f"Upscaler {self.name}: there is too little memory even for tiles of {LEAST_TILE} pixels. "
                    "Close other programs, or choose a smaller upscaler."
                )
            tell(f"Upscaler {self.name}: memory was short, so tiles are now {smaller.side} pixels.")
            tiling = smaller

    def _piece(self, pixels: np.ndarray) -> np.ndarray:
        """A tile enlarged: float32 levels (height, width, 3). A network for grey gets each colour by itself."""
        network = self._network
        levels = torch.from_numpy(pixels.copy()).to(network.device)
        colours = levels.permute(2, 0, 1)[None].to(network.dtype) / 255
        parts = torch.split(colours, network.input_channels, dim=1)
        made = torch.cat([network(part).float() for part in parts], dim=1)[0]
        if not torch.isfinite(made).all():
            raise NumbersOverflowed(
                f"Upscaler {self.name}: its numbers overflowed, so there is no picture. Start with --precision full."
            )
        result: np.ndarray = made.mul(255).permute(1, 2, 0).cpu().numpy()
        return np.ascontiguousarray(result)


def _give_memory_back(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
