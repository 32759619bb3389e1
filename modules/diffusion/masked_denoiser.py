"""The masked denoiser: where the mask is 0, the picture stays what it was."""

from __future__ import annotations

from typing import Protocol

import torch

from modules.diffusion.denoisers import Denoiser


class MaskBlend(Protocol):
    """How the original and the new picture become one. All latents are (batch, channels, height, width)."""

    def __call__(
        self, original: torch.Tensor, denoised: torch.Tensor, mask: torch.Tensor, sigma: torch.Tensor
    ) -> torch.Tensor:
        """At mask 0 the original, at mask 1 the denoised.

        `mask` is (1 or batch, 1, height, width), 0 to 1; sigma is (batch,).
        """


def straight_blend(
    original: torch.Tensor, denoised: torch.Tensor, mask: torch.Tensor, sigma: torch.Tensor
) -> torch.Tensor:
    """The same share of the new picture at every sigma: the mask's."""
    return torch.lerp(original, denoised, mask)


class MaskedDenoiser:
    """A denoiser that knows the picture where the mask is 0, and asks another one elsewhere.

    Blending what is denoised, not x, leaves x at the noise level that the sampler believes in; so it holds for every
    sampler (Lugmayr et al., "RePaint", 2022, equation 8, blends x). The negative's picture is blended likewise: the
    CFG++ samplers step along the noise that x holds beside it.
    """

    def __init__(
        self, denoiser: Denoiser, original: torch.Tensor, mask: torch.Tensor, blend: MaskBlend = straight_blend
    ) -> None:
        """`original` is (1 or batch, channels, height, width), without noise; `mask` (1 or batch, 1, height, width).

        Raises ValueError where they are of different sizes.
        """
        if mask.shape[-2:] != original.shape[-2:] or mask.shape[1] != 1:
            raise ValueError(f"A mask of shape {tuple(mask.shape)} does not fit latents of {tuple(original.shape)}.")
        self._denoiser = denoiser
        self._original = original
        self._mask = mask
        self._blend = blend
        self.last_negative: torch.Tensor | None = None
        """The negatives' denoised pictures of the latest call, masked; None where the denoiser has none."""

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        denoised = self._denoiser(x, sigma)
        negative: torch.Tensor | None = getattr(self._denoiser, "last_negative", None)
        self.last_negative = None if negative is None else self._masked(negative, sigma)
        return self._masked(denoised, sigma)

    def _masked(self, denoised: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        original = self._original.to(denoised).expand_as(denoised)
        return self._blend(original, denoised, self._mask.to(denoised), sigma)
