"""What an inpainting run finds below the mask. Latents are (batch, channels, height, width), masks with one channel."""

from __future__ import annotations

import torch


def filled_with_noise(latents: torch.Tensor, mask: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """ "latent noise": standard normal noise where the mask is 1; every image's has to come from its own source."""
    return torch.lerp(latents, noise.to(latents), mask.to(latents))


def filled_with_nothing(latents: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """ "latent nothing": zeros where the mask is 1."""
    return latents * (1 - mask.to(latents))
