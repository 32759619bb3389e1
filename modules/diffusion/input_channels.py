"""Channels beside x: what networks with more inputs than latents have are told of a given picture.

    inpainting   mask, and the picture without what lies below it     1 + 4 channels
    pix2pix      the picture                                          4 channels

Pictures are (batch, 3, height, width) in -1..1, masks (1 or batch, 1, height, width) in 0..1, both in pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

Encode = Callable[[torch.Tensor], torch.Tensor]
"""Pictures to latents, (batch, channels, height / 8, width / 8)."""


def inpainting_channels(
    encode: Encode, pictures: torch.Tensor, mask: torch.Tensor, *, mask_weight: float = 1.0
) -> torch.Tensor:
    """What an inpainting model sees beside x (Rombach et al., "Latent Diffusion Models", 2022, section 4.5).

    The mask at latent size, and the latents of picture (1 - mask weight) + grey mask weight. At weight 1 the model
    knows nothing of what lies below the mask, at 0 all of it ("Conditional mask weight").
    """
    # Grey is 0 in -1..1.
    latents = encode(pictures * (1 - mask.to(pictures) * mask_weight))
    small = functional.interpolate(mask.to(latents), size=latents.shape[-2:], mode="nearest")
    return torch.cat([small.expand(len(latents), -1, -1, -1), latents], dim=1)


def blank_inpainting_channels(encode: Encode, height: int, width: int, device: torch.device) -> torch.Tensor:
    """One row of what an inpainting model sees without a picture: all is masked; `height` and `width` in pixels."""
    return inpainting_channels(
        encode, torch.zeros(1, 3, height, width, device=device), torch.ones(1, 1, height, width, device=device)
    )


def pix2pix_channels(encode_unscaled: Encode, pictures: torch.Tensor) -> torch.Tensor:
    """What InstructPix2Pix sees beside x: the picture's latents without the VAE's scaling factor.

    Brooks et al., "InstructPix2Pix" (2023), section 3.2. Zeros of the same shape stand for no picture.
    """
    return encode_unscaled(pictures)
