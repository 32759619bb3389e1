"""Latents at another size, without going through pixels."""

from __future__ import annotations

import torch
from torch.nn import functional

from modules.diffusion.names import LATENT_UPSCALE_MODES

_INTERPOLATIONS = (
    ("bilinear", False),
    ("bilinear", True),
    ("bicubic", False),
    ("bicubic", True),
    ("nearest", False),
    ("nearest-exact", False),
)
LATENT_INTERPOLATIONS = dict(zip(LATENT_UPSCALE_MODES, _INTERPOLATIONS, strict=True))
"""Torch's interpolation, and whether it antialiases, by the names of modules.diffusion.names."""


def resized_latents(latents: torch.Tensor, mode: str, height: int, width: int) -> torch.Tensor:
    """Latents (batch, channels, height, width) at another height and width, in cells; `mode` is an upscale mode's name.

    Of the size that they have they come back as they are.
    """
    if latents.shape[-2:] == (height, width):
        return latents
    interpolation, antialias = LATENT_INTERPOLATIONS[mode]
    return functional.interpolate(latents, size=(height, width), mode=interpolation, antialias=antialias)
