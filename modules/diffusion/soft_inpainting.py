"""Soft inpainting: a grey mask says how much of the original shall be left, and no edge is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

_TINY = 1e-12
_LEAST_BOOST = 0.01


@dataclass(frozen=True)
class SoftInpainting:
    """A MaskBlend with the knobs, and the defaults, of A1111's "Soft inpainting"; the formulas are our own.

    Share of the new picture in a step, of mask m at noise level sigma:

        share(m) = m ^ e,    e = 2 strength bias t ^ (bias - 1),    t = 2 atan(sigma) / pi

    t goes from 1 (nothing but noise) to 0 (no noise). The mean of bias t ^ (bias - 1) over t is 1 for every bias: the
    strength says how much is preserved over the whole run, the bias only when. share is 0 at mask 0, 1 at mask 1 and
    rises with the mask; with the usual numbers it is the mask.

    Blend of two latents a (original) and b (denoised), as vectors over the channels, by the share s:

        direction of (1 - s) a + s b,    length ((1 - s) |a|^q + s |b|^q) ^ (1 / q),    q = contrast boost

    A straight mixture of two vectors that point elsewhere is shorter than either, which is seen as loss of contrast.

    Overlay: how much of the new picture's pixels are laid over the original's, from the change d between the latents:

        overlay = d^k / (d^k + l^k),    l = threshold (1 - m) ^ influence,    k = 2 contrast

    with d the root mean square over the channels, averaged over 3 x 3 positions. Half of the new picture is taken
    where d is the limit l. At mask 0 the overlay is 0.
    """

    schedule_bias: float = 1.0
    """Below 1 the original is preserved towards the end of the run, above 1 at its beginning; 1: evenly."""
    preservation_strength: float = 0.5
    """How much of the original is left where the mask is grey; 0: nothing."""
    transition_contrast_boost: float = 4.0
    """1: the mean length of both latents; more: nearer to that of the longer one."""
    mask_influence: float = 0.0
    """How far the mask lowers the limit of change; 0: not at all."""
    difference_threshold: float = 0.5
    """The change of latents, whose own deviation is about 1, below which the original's pixels come back."""
    difference_contrast: float = 2.0
    """How sharply the overlay goes from the original to the new picture."""

    def __call__(
        self, original: torch.Tensor, denoised: torch.Tensor, mask: torch.Tensor, sigma: torch.Tensor
    ) -> torch.Tensor:
        """The blend of one step; shapes as MaskBlend has them."""
        share = self.share(mask, sigma)
        mixed = torch.lerp(original, denoised, share)
        boost, old, new = max(self.transition_contrast_boost, _LEAST_BOOST), _length(original), _length(denoised)
        longest = torch.maximum(old, new).clamp(min=_TINY)  # divided by it, no power overflows
        length = torch.lerp((old / longest) ** boost, (new / longest) ** boost, share) ** (1 / boost) * longest
        blended = mixed * (length / _length(mixed).clamp(min=_TINY))
        # At both ends the blend is one of the two, to the last bit.
        return torch.where(share <= 0, original, torch.where(share >= 1, denoised, blended))

    def share(self, mask: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """The share of the new picture, (batch, 1, height, width), 0 to 1."""
        bias = self.schedule_bias
        time = (sigma.to(mask).clamp(min=_TINY).atan() * (2 / math.pi)).reshape(-1, 1, 1, 1)
        exponent = 2 * self.preservation_strength * bias * time ** (bias - 1)
        return torch.where(mask > 0, mask**exponent, torch.zeros_like(mask))

    def overlay(self, original: torch.Tensor, finished: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The share of the new picture's pixels, (batch, 1, height, width), 0 to 1, of latents without noise.

        Enlarged to pixels it reaches up to a cell beyond the mask: there the pixels' own mask has the last word.
        """
        change = (finished - original).pow(2).mean(dim=1, keepdim=True).sqrt()
        change = functional.avg_pool2d(change, 3, stride=1, padding=1, count_include_pad=False)
        limit = self.difference_threshold * (1 - mask) ** self.mask_influence
        # change^k / (change^k + limit^k), of which neither power may overflow.
        ratio = limit.clamp(min=_TINY).log() - change.clamp(min=_TINY).log()
        share = torch.sigmoid(-2 * self.difference_contrast * ratio)
        return torch.where(mask > 0, share, torch.zeros_like(share))


def _length(latents: torch.Tensor) -> torch.Tensor:
    length: torch.Tensor = torch.linalg.vector_norm(latents, dim=1, keepdim=True)
    return length
