"""Guidance rules: positive and negative into one picture. At scale 1 each gives the positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from modules.diffusion.guidance.views import Views, inner_product


class RunMemory:
    """What a rule carries from one network evaluation of a run to the next. Every run starts with a new one."""

    def __init__(self) -> None:
        self.momentum: torch.Tensor | None = None
        """The running difference between positive and negative, of x's shape."""


class GuidanceRule(Protocol):
    """One way to go from the negative towards, and past, the positive."""

    @property
    def scale(self) -> float:
        """1: the positive as it is, so that the negative has no effect."""

    def combine(self, views: Views, memory: RunMemory) -> torch.Tensor:
        """The guided picture, denoised, of x's shape; each image depends on its own row alone."""


@dataclass(frozen=True)
class ClassifierFreeGuidance:
    """Ho and Salimans, "Classifier-Free Diffusion Guidance" (2022), equation 6, with 1 + w as the scale."""

    scale: float

    def combine(self, views: Views, memory: RunMemory) -> torch.Tensor:
        return views.negative + (views.positive - views.negative) * self.scale


@dataclass(frozen=True)
class AdaptiveProjectedGuidance:
    """Sadat et al., "Eliminating Oversaturation and Artifacts of High Guidance Scales" (2024), algorithm 1.

    The difference between positive and negative gets the earlier ones' `momentum` (negative: it is pushed off them),
    is cut to the length `norm_threshold` (0: never), and its share along the positive is weighed by `eta`. With
    eta 1, threshold 0 and momentum 0 it is classifier-free guidance.
    """

    scale: float
    eta: float = 0.0
    norm_threshold: float = 15.0
    momentum: float = -0.5

    def combine(self, views: Views, memory: RunMemory) -> torch.Tensor:
        difference = views.positive - views.negative
        if self.momentum:
            if memory.momentum is not None:
                difference = difference + self.momentum * memory.momentum
            memory.momentum = difference
        if self.norm_threshold > 0:
            length = inner_product(difference, difference).sqrt()
            difference = difference * (self.norm_threshold / length).clamp(max=1)
        along = _share_along(difference, views.positive) * views.positive
        return views.positive + (self.scale - 1) * (difference - along + self.eta * along)


@dataclass(frozen=True)
class CfgZeroStar:
    """Fan et al., "CFG-Zero*: Improved Classifier-Free Guidance for Flow Matching Models" (2025), algorithm 1.

    Classifier-free guidance between velocities, the negative's scaled to lie nearest to the positive's; in the first
    `zero_steps` steps the velocity is zero, so that the sampler stays where it is. Of models that predict noise or v
    the velocity is v, which is zero where the variance-preserving form of x stands still.
    """

    scale: float
    zero_steps: int = 1

    def combine(self, views: Views, memory: RunMemory) -> torch.Tensor:
        if views.moment.step < self.zero_steps:
            return views.denoised(torch.zeros_like(views.x))
        positive, negative = views.velocity(views.positive), views.velocity(views.negative)
        negative = negative * _share_along(positive, negative)
        return views.denoised(negative + (positive - negative) * self.scale)


def _share_along(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The factor on `other` that brings it nearest to `one`, for each image; 0 where `other` is zero."""
    return inner_product(one, other) / inner_product(other, other).clamp(min=torch.finfo(other.dtype).tiny)
