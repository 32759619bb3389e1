"""Schedules: which sigmas the steps visit. Each returns float64, descending, with the end of the last step last."""

from __future__ import annotations

from typing import Protocol

import torch

from modules.diffusion.noise_levels import NoiseLevels


class Schedule(Protocol):
    """n steps between two sigmas of a model that was trained on `levels`."""

    def __call__(self, n: int, sigma_min: float, sigma_max: float, levels: NoiseLevels) -> torch.Tensor: ...


def normal(n: int, sigma_min: float, sigma_max: float, levels: NoiseLevels) -> torch.Tensor:
    """Evenly spaced in the model's timesteps, then 0."""
    last, first = levels.timestep_of(torch.tensor([sigma_max, sigma_min], dtype=torch.float64)).tolist()
    return _ending_in_zero(levels.sigma_of(torch.linspace(last, first, n, dtype=torch.float64)))


def karras(n: int, sigma_min: float, sigma_max: float, levels: NoiseLevels, rho: float = 7.0) -> torch.Tensor:
    """Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022), equation 5, then 0."""
    ramp = torch.linspace(0, 1, n, dtype=torch.float64)
    smallest, largest = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _ending_in_zero((largest + ramp * (smallest - largest)) ** rho)


def ddim(n: int, sigma_min: float, sigma_max: float, levels: NoiseLevels) -> torch.Tensor:
    """Every (1000 // n)-th timestep, one up from the multiples (Song et al., DDIM, 2020), then the first level.

    The last step ends at the smallest trained noise, not at 0. Where n does not divide the number of trained
    timesteps there are a few steps more than n, as A1111 has them. The two sigmas have no effect.
    """
    trained = len(levels.sigmas)
    timesteps = (torch.arange(0, trained, trained // n) + 1).clamp(max=trained - 1)
    return torch.cat([levels.sigmas[timesteps].flip(0), levels.sigmas[:1]])


SCHEDULES: dict[str, Schedule] = {"Normal": normal, "Karras": karras, "DDIM": ddim}


def sigmas_for(name: str, n: int, levels: NoiseLevels) -> torch.Tensor:
    """The sigmas of a schedule over all levels of a model."""
    return SCHEDULES[name](n, levels.sigma_min, levels.sigma_max, levels)


def _ending_in_zero(sigmas: torch.Tensor) -> torch.Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])
