"""Guidance: how what the network sees with and without the prompt becomes one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from modules.diffusion.denoisers import PredictionType, denoiser_for
from modules.diffusion.noise_levels import NoiseLevels


class ConditionedNetwork(Protocol):
    """prediction = network(scaled x, timestep, conditioning); conditioning is (batch, tokens, width)."""

    def __call__(self, x: torch.Tensor, timestep: torch.Tensor, conditioning: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class ClassifierFreeGuidance:
    """Ho and Salimans, "Classifier-Free Diffusion Guidance" (2022); at scale 1 the negative prompt has no effect."""

    scale: float

    @property
    def needs_negative(self) -> bool:
        return self.scale != 1

    def combine(self, positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
        """Both are denoised pictures of the same shape."""
        return negative + (positive - negative) * self.scale


class GuidedDenoiser:
    """denoised = denoiser(x, sigma) of a network with a positive and a negative conditioning.

    The conditionings are (1, tokens, width), equally long, and serve every image of the batch. Both go through the
    network in one call.
    """

    def __init__(
        self,
        network: ConditionedNetwork,
        levels: NoiseLevels,
        prediction_type: PredictionType,
        *,
        positive: torch.Tensor,
        negative: torch.Tensor,
        guidance: ClassifierFreeGuidance,
    ) -> None:
        self._guidance = guidance
        used = [positive, negative] if guidance.needs_negative else [positive]

        def conditioned(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
            images = x.shape[0] // len(used)
            return network(x, timestep, torch.cat([row.expand(images, -1, -1) for row in used]))

        self._denoiser = denoiser_for(prediction_type, conditioned, levels)

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        if not self._guidance.needs_negative:
            return self._denoiser(x, sigma)
        positive, negative = self._denoiser(torch.cat([x, x]), torch.cat([sigma, sigma])).chunk(2)
        return self._guidance.combine(positive, negative)
