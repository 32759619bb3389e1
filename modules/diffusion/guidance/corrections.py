"""Corrections: amend the guided picture where a high scale has driven it too far. Every image is measured by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from modules.diffusion.guidance.views import Views, image_dimensions


class Correction(Protocol):
    """One amendment."""

    def correct(self, guided: torch.Tensor, views: Views) -> torch.Tensor:
        """The amended picture; both denoised, of x's shape."""


@dataclass(frozen=True)
class GuidanceRescale:
    """Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (2023), equations 14 to 16.

    The guided velocity gets the standard deviation of the positive's; `amount` (the paper's phi) goes from 0, no
    effect, to 1. The paper's models predict v, hence the velocity whatever this model predicts.
    """

    amount: float = 0.7

    def __post_init__(self) -> None:
        _refuse_outside("amount", self.amount, 0, 1)

    def correct(self, guided: torch.Tensor, views: Views) -> torch.Tensor:
        if self.amount == 0:
            return guided
        velocity = views.velocity(guided)
        deviation, wanted = _deviation(velocity), _deviation(views.velocity(views.positive))
        factor = torch.where(deviation > 0, wanted / deviation, torch.ones_like(wanted))
        return views.denoised(velocity * (self.amount * factor + (1 - self.amount)))


@dataclass(frozen=True)
class DynamicThresholding:
    """Saharia et al., "Photorealistic Text-to-Image Diffusion Models" (Imagen, 2022), section 2.3.

    Numbers past `percentile` of their absolute values are cut, and the rest is squeezed into -limit..limit; a picture
    that lies within the limit stays as it is. For models of pixels; see MimicThresholding for latents.
    """

    percentile: float = 0.995
    limit: float = 1.0

    def __post_init__(self) -> None:
        _refuse_outside("percentile", self.percentile, 0, 1)

    def correct(self, guided: torch.Tensor, views: Views) -> torch.Tensor:
        size = torch.quantile(guided.abs().flatten(1), self.percentile, dim=1).clamp(min=self.limit)
        size = size.reshape(-1, *[1] * (guided.dim() - 1))
        return guided.clamp(-size, size) * (self.limit / size)


@dataclass(frozen=True)
class MimicThresholding:
    """Dynamic thresholding for latents, whose numbers have no limit of their own ("CFG scale fix", mimicked CFG).

    Each channel, seen from its mean, is cut at `percentile` of its absolute values, but not below the range that
    classifier-free guidance of `mimic_scale` would have given, and then squeezed into that range.
    """

    mimic_scale: float = 7.0
    percentile: float = 1.0

    def __post_init__(self) -> None:
        _refuse_outside("percentile", self.percentile, 0, 1)

    def correct(self, guided: torch.Tensor, views: Views) -> torch.Tensor:
        mimicked = (views.negative + (views.positive - views.negative) * self.mimic_scale).flatten(2)
        wanted = (mimicked - mimicked.mean(dim=2, keepdim=True)).abs().amax(dim=2, keepdim=True)
        channels = guided.flatten(2)
        mean = channels.mean(dim=2, keepdim=True)
        centred = channels - mean
        size = torch.maximum(wanted, torch.quantile(centred.abs(), self.percentile, dim=2, keepdim=True))
        factor = torch.where(size > 0, wanted / size, torch.ones_like(size))
        return (mean + centred.clamp(-size, size) * factor).reshape(guided.shape)


def _deviation(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.std(dim=image_dimensions(pictures), keepdim=True)


def _refuse_outside(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; it must lie between {low} and {high}.")
