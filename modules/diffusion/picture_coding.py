"""Pictures to latents and back: a VAE within the memory that there is.

Each picture goes through the VAE by itself, so that a batch changes nothing. Where the estimate exceeds the memory,
and after memory ran out, it goes in tiles that overlap by a quarter and are blended (diffusers' own tiling). Of a
1024 x 1024 picture of the demo model that changes 3 levels of 255 in the mean with tiles of 512 pixels, 5 with 256.
A picture whose numbers leave the range of the VAE's format goes through once more in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch.nn import functional

from modules.diffusion.memory import ran_out_of_memory, runs_on
from modules.diffusion.seamless import seamless_axes

Tell = Callable[[str], None]
"""Is told in a sentence what was done differently."""

_TILES = (1024, 512, 256)
"""Sides of tiles in pixels, the largest that fits: a VAE normalises over what it sees, so that larger ones differ less
from the whole. What size it was trained on does not matter, it is a convolutional network."""
_BUFFERS = 6
"""How many of its widest full-size feature maps a VAE needs at once; 4 to 6.3 were measured in float32."""
_SHARE_OF_FREE = 0.8
_MOST_ON_A_PROCESSOR = 8 << 30
_WRAPPED = 16
"""Latent cells that a seamless picture is continued by at each side when it goes in tiles."""


def encoded(
    vae: Any, pictures: torch.Tensor, *, tell: Tell | None = None, free: Callable[[torch.device], int] | None = None
) -> torch.Tensor:
    """The mean of each picture's latents: (batch, channels, height / 8, width / 8), float32, without the VAE's scale.

    `pictures` are (batch, 3, height, width) in -1..1. Raises torch.OutOfMemoryError where tiles do not fit either.
    """
    work = _Work(vae, "encode", _at_full_size(vae.config, 0), 1, free or free_memory, tell)
    return torch.cat([work.done(picture[None]) for picture in pictures.to(runs_on(vae))])


def decoded(
    vae: Any, latents: torch.Tensor, *, tell: Tell | None = None, free: Callable[[torch.device], int] | None = None
) -> Iterator[torch.Tensor]:
    """The pictures of latents without the VAE's scale, one after the other: (1, 3, height, width), about -1..1.

    Raises torch.OutOfMemoryError where tiles do not fit either.
    """
    factor = pixels_per_latent(vae)
    work = _Work(vae, "decode", _at_full_size(vae.config, 1), factor, free or free_memory, tell)
    for row in latents.to(runs_on(vae)):
        yield work.done(row[None])


def pixels_per_latent(vae: Any) -> int:
    """How many pixels a latent cell is wide."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def free_memory(device: torch.device) -> int:
    """Bytes that may be taken on a device: what is free of a card, a bounded share of a computer's own memory."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int((free + unused) * _SHARE_OF_FREE)
    return min(int(psutil.virtual_memory().available * _SHARE_OF_FREE), _MOST_ON_A_PROCESSOR)


@contextmanager
def tiled(vae: Any, side: int) -> Iterator[None]:
    """Within it a diffusers AutoencoderKL works in tiles of `side` pixels; a smaller picture is one tile."""
    names = ("use_tiling", "tile_sample_min_size", "tile_latent_min_size")
    before = [getattr(vae, name) for name in names]
    try:
        vae.use_tiling, vae.tile_sample_min_size = True, side
        vae.tile_latent_min_size = side // pixels_per_latent(vae)
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(vae, name, value)


@contextmanager
def in_float32(vae: Any) -> Iterator[None]:
    """Within it a network computes in float32; afterwards its weights are the tensors that they were before.

    Nothing is remembered, so that a picture does not depend on those before it, nor on who shares the VAE.
    """
    weights = list(vae.parameters())
    before = [weight.data for weight in weights]
    try:
        for weight in weights:
            weight.data = weight.data.float()
        yield
    finally:
        for weight, data in zip(weights, before, strict=True):
            weight.data = data


@dataclass(frozen=True)
class _Work:
    """One direction of a VAE."""

    vae: Any
    direction: str
    """ "encode" or "decode"."""
    channels: int
    """Of the widest feature map at the picture's full size."""
    factor: int
    """Pixels per cell of what is given."""
    free: Callable[[torch.device], int]
    tell: Tell | None

    def done(self, given: torch.Tensor) -> torch.Tensor:
        """In the VAE's own format, and where that has not the range, in float32."""
        made = self._within_memory(given)
        if self.vae.dtype == torch.float32 or torch.isfinite(made).all() or not torch.isfinite(given).all():
            return made
        del made
        if self.tell is not None:
            name = str(self.vae.dtype).removeprefix("torch.")
            self.tell(f"The VAE's numbers left the range of {name}: the picture goes through it again in float32.")
        with in_float32(self.vae):
            return self._within_memory(given)

    def _within_memory(self, given: torch.Tensor) -> torch.Tensor:
        height, width = (side * self.factor for side in given.shape[-2:])
        smaller = [side for side in _TILES if side < max(height, width)] or [_TILES[-1]]
        free = self.free(given.device)
        if self._needed(height * width) <= free:
            try:
                return self._run(given)
            except (RuntimeError, MemoryError) as error:
                if not ran_out_of_memory(error):
                    raise
                # The attempt's tensors are held until the clause is left.
                why, smaller = "memory ran out", smaller[1:] or smaller
        else:
            why = "there is too little memory to do it at once"
        side = next((side for side in smaller if self._needed(side**2) <= free), smaller[-1])
        if self.tell is not None and max(height, width) > side:
            self.tell(f"The VAE goes through {width} x {height} in tiles of {side} pixels: {why}.")
        with tiled(self.vae, side):
            return self._tiled_run(given)

    def _run(self, given: torch.Tensor) -> torch.Tensor:
        given = given.to(self.vae.dtype)
        if self.direction == "encode":
            return self.vae.encode(given, return_dict=False)[0].mean.float()  # type: ignore[no-any-return]
        return self.vae.decode(given, return_dict=False)[0].float()  # type: ignore[no-any-return]

    def _tiled_run(self, given: torch.Tensor) -> torch.Tensor:
        """A seamless picture is continued at its sides, and cut again: its tiles know nothing of the other side."""
        factor = pixels_per_latent(self.vae)
        cells = [side * self.factor // factor for side in reversed(given.shape[-2:])]
        x, y = (min(_WRAPPED, size) * on for on, size in zip(seamless_axes(self.vae), cells, strict=True))
        step = factor // self.factor
        if x or y:
            given = functional.pad(given, (x * step, x * step, y * step, y * step), mode="circular")
        made = self._run(given)
        out = self.factor  # cells of latents when encoding, pixels when decoding
        height, width = made.shape[-2:]
        return made[..., y * out : height - y * out, x * out : width - x * out]

    def _needed(self, pixels: int) -> int:
        features = _BUFFERS * self.channels * pixels
        if runs_on(self.vae).type == "mps" and self.vae.config.mid_block_add_attention:
            features += (pixels // pixels_per_latent(self.vae) ** 2) ** 2  # every position with every other
        return int(features * self.vae.dtype.itemsize)


def _at_full_size(config: Any, place: int) -> int:
    """Channels of the VAE's maps at full size: its first block's when encoding, its second one's when decoding."""
    channels = config.block_out_channels
    return int(channels[min(place, len(channels) - 1)])
