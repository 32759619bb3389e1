"""Denoisers: every kind of model wrapped once, so that denoised = denoiser(x, sigma)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from modules.diffusion.noise_levels import NoiseLevels

PredictionType = Literal["epsilon", "v_prediction"]
Network = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""prediction = network(scaled x, timestep); timestep is (batch,)."""


class EpsilonDenoiser:
    """A network that predicts the noise."""

    def __init__(self, network: Network, levels: NoiseLevels) -> None:
        self._network = network
        self._levels = levels

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        wide = _wide(sigma, x)
        epsilon = self._network(x / (wide**2 + 1).sqrt(), _timesteps(self._levels, sigma, x))
        return x - epsilon * wide


class VDenoiser:
    """A network that predicts v (Salimans and Ho, "Progressive Distillation", 2022)."""

    def __init__(self, network: Network, levels: NoiseLevels) -> None:
        self._network = network
        self._levels = levels

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        wide = _wide(sigma, x)
        velocity = self._network(x / (wide**2 + 1).sqrt(), _timesteps(self._levels, sigma, x))
        return x / (wide**2 + 1) - velocity * wide / (wide**2 + 1).sqrt()


def denoiser_for(prediction_type: PredictionType, network: Network, levels: NoiseLevels) -> EpsilonDenoiser | VDenoiser:
    """Wrap a network by what it predicts."""
    return VDenoiser(network, levels) if prediction_type == "v_prediction" else EpsilonDenoiser(network, levels)


def _wide(sigma: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return sigma.to(x.device, x.dtype)[:, None, None, None]


def _timesteps(levels: NoiseLevels, sigma: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return levels.timestep_of(sigma).to(x.device, torch.float32)
