"""Denoisers: every kind of model wrapped once, so that denoised = denoiser(x, sigma).

    kind           x at a sigma                        the network sees   and answers with
    epsilon        picture + sigma noise               x / s              noise
    v_prediction   picture + sigma noise               x / s              (noise - sigma picture) / s
    flow           (1 - sigma) picture + sigma noise   x                  noise - picture

with s = sqrt(sigma^2 + 1). x is (batch, channels, height, width), or of any other shape with the batch first; sigma is
(batch,) and above 0. A network is told the timestep that the model's noise levels give for a sigma: NoiseLevels
interpolates between the trained steps, FlowLevels multiplies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import torch

from modules.diffusion.noise_levels import Levels

PredictionType = Literal["epsilon", "v_prediction", "flow"]
Network = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""prediction = network(scaled x, timestep); timestep is (batch,), float32."""


class Denoiser(Protocol):
    """The picture, without its noise, as the model sees it; of x's shape and type."""

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor: ...


class EpsilonDenoiser:
    """A network that predicts the noise (Ho et al., "Denoising Diffusion Probabilistic Models", 2020)."""

    def __init__(self, network: Network, levels: Levels) -> None:
        self._network = network
        self._levels = levels

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        wide = _wide(sigma, x)
        epsilon = self._network(x / (wide**2 + 1).sqrt(), _timesteps(self._levels, sigma, x))
        return x - epsilon * wide


class VDenoiser:
    """A network that predicts v (Salimans and Ho, "Progressive Distillation", 2022)."""

    def __init__(self, network: Network, levels: Levels) -> None:
        self._network = network
        self._levels = levels

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        velocity = self._network(x / (_wide(sigma, x) ** 2 + 1).sqrt(), _timesteps(self._levels, sigma, x))
        return denoised_at_velocity("v_prediction", x, sigma, velocity)


class FlowDenoiser:
    """A network that predicts the velocity of a straight path (Liu et al., "Flow Straight and Fast", 2022)."""

    def __init__(self, network: Network, levels: Levels) -> None:
        self._network = network
        self._levels = levels

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        velocity = self._network(x, _timesteps(self._levels, sigma, x))
        return denoised_at_velocity("flow", x, sigma, velocity)


_DENOISERS: dict[PredictionType, Callable[[Network, Levels], Denoiser]] = {
    "epsilon": EpsilonDenoiser,
    "v_prediction": VDenoiser,
    "flow": FlowDenoiser,
}


def denoiser_for(prediction_type: PredictionType, network: Network, levels: Levels) -> Denoiser:
    """Wrap a network by what it predicts."""
    return _DENOISERS[prediction_type](network, levels)


def velocity_at(
    prediction_type: PredictionType, x: torch.Tensor, sigma: torch.Tensor, denoised: torch.Tensor
) -> torch.Tensor:
    """The velocity that says the same as a denoised picture: flow's own, or v for the other two kinds."""
    wide = _wide(sigma, x)
    if prediction_type == "flow":
        return (x - denoised) / wide
    return (x / (wide**2 + 1) - denoised) * (wide**2 + 1).sqrt() / wide


def denoised_at_velocity(
    prediction_type: PredictionType, x: torch.Tensor, sigma: torch.Tensor, velocity: torch.Tensor
) -> torch.Tensor:
    """The denoised picture that says the same as a velocity; the inverse of velocity_at."""
    wide = _wide(sigma, x)
    if prediction_type == "flow":
        return x - velocity * wide
    return x / (wide**2 + 1) - velocity * wide / (wide**2 + 1).sqrt()


def _wide(sigma: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return sigma.to(x.device, x.dtype).reshape(-1, *[1] * (x.dim() - 1))


def _timesteps(levels: Levels, sigma: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return levels.timestep_of(sigma).to(x.device, torch.float32)
