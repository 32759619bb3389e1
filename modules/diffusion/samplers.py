"""Samplers: plain functions from noise to a picture's latents. They know a denoiser, not prompts, CFG or seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch

Denoiser = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""denoised = denoiser(x, sigma); x is (batch, channels, height, width), sigma (batch,)."""
NextNoise = Callable[[], torch.Tensor]
"""Fresh standard normal noise of x's shape."""


@dataclass(frozen=True)
class StepReport:
    """What a sampler tells after each step: `step` steps (counted from 1) of `steps` are done."""

    step: int
    steps: int
    denoised: torch.Tensor
    """The picture as the network sees it now; x's shape."""


Callback = Callable[[StepReport], None]


@dataclass(frozen=True)
class SamplerOptions:
    """Knobs that some samplers have."""

    eta: float | None = None
    """Share of fresh noise per step; None: the sampler's own (1 for ancestral ones, 0 for DDIM)."""
    s_noise: float = 1.0
    """Factor on fresh noise."""


class Sampler(Protocol):
    """Runs x, noisy at sigmas[0], down to sigmas[-1]."""

    def __call__(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        sigmas: torch.Tensor,
        *,
        noise: NextNoise,
        callback: Callback,
        options: SamplerOptions,
    ) -> torch.Tensor: ...


def euler(
    denoiser: Denoiser,
    x: torch.Tensor,
    sigmas: torch.Tensor,
    *,
    noise: NextNoise,
    callback: Callback,
    options: SamplerOptions,
) -> torch.Tensor:
    """Karras et al. (2022), algorithm 2 without churn and without the second-order correction."""
    for step, (sigma, sigma_next) in enumerate(_pairs(sigmas), start=1):
        denoised = denoiser(x, _per_image(sigma, x))
        x = x + (x - denoised) / sigma * (sigma_next - sigma)
        callback(StepReport(step, len(sigmas) - 1, denoised))
    return x


def euler_ancestral(
    denoiser: Denoiser,
    x: torch.Tensor,
    sigmas: torch.Tensor,
    *,
    noise: NextNoise,
    callback: Callback,
    options: SamplerOptions,
) -> torch.Tensor:
    """Euler steps that go below the next level and come back up by fresh noise."""
    eta = 1.0 if options.eta is None else options.eta
    for step, (sigma, sigma_next) in enumerate(_pairs(sigmas), start=1):
        denoised = denoiser(x, _per_image(sigma, x))
        down, up = _ancestral_split(sigma, sigma_next, eta)
        x = x + (x - denoised) / sigma * (down - sigma)
        if up > 0:
            x = x + noise() * (up * options.s_noise)
        callback(StepReport(step, len(sigmas) - 1, denoised))
    return x


def dpmpp_2m(
    denoiser: Denoiser,
    x: torch.Tensor,
    sigmas: torch.Tensor,
    *,
    noise: NextNoise,
    callback: Callback,
    options: SamplerOptions,
) -> torch.Tensor:
    """Lu et al., "DPM-Solver++" (2022), algorithm 2: multistep, second order."""
    previous: torch.Tensor | None = None
    previous_width = 0.0
    for step, (sigma, sigma_next) in enumerate(_pairs(sigmas), start=1):
        denoised = denoiser(x, _per_image(sigma, x))
        if sigma_next == 0:
            x = denoised
        else:
            width = float((sigma / sigma_next).log())
            estimate = denoised
            if previous is not None:
                weight = width / (2 * previous_width)
                estimate = (1 + weight) * denoised - weight * previous
            x = (sigma_next / sigma) * x + (1 - sigma_next / sigma) * estimate
            previous_width = width
        previous = denoised
        callback(StepReport(step, len(sigmas) - 1, denoised))
    return x


def ddim(
    denoiser: Denoiser,
    x: torch.Tensor,
    sigmas: torch.Tensor,
    *,
    noise: NextNoise,
    callback: Callback,
    options: SamplerOptions,
) -> torch.Tensor:
    """Song et al., "Denoising Diffusion Implicit Models" (2020), equation 12, in terms of sigma."""
    eta = 0.0 if options.eta is None else options.eta
    for step, (sigma, sigma_next) in enumerate(_pairs(sigmas), start=1):
        denoised = denoiser(x, _per_image(sigma, x))
        down, up = _ancestral_split(sigma, sigma_next, eta)
        x = denoised + (x - denoised) / sigma * down
        if up > 0:
            x = x + noise() * (up * options.s_noise)
        callback(StepReport(step, len(sigmas) - 1, denoised))
    return x


@dataclass(frozen=True)
class SamplerRecipe:
    """A sampler function and how it is started."""

    run: Sampler
    start_scale: Callable[[float], float] = field(default=lambda sigma: sigma)
    """Factor on unit noise for the first sigma: sigma itself, or sqrt(1 + sigma^2) where the start has unit variance
    in the variance-preserving form, as DDIM's has."""


SAMPLERS: dict[str, SamplerRecipe] = {
    "DPM++ 2M": SamplerRecipe(dpmpp_2m),
    "Euler a": SamplerRecipe(euler_ancestral),
    "Euler": SamplerRecipe(euler),
    "DDIM": SamplerRecipe(ddim, start_scale=lambda sigma: math.sqrt(1 + sigma**2)),
}
"""By the names of modules.diffusion.names."""


def finished_latents(x: torch.Tensor, last_sigma: float) -> torch.Tensor:
    """Latents for the VAE; a schedule that ends above 0 leaves x scaled up by sqrt(1 + sigma^2)."""
    return x / math.sqrt(1 + last_sigma**2)


def _pairs(sigmas: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(zip(sigmas[:-1], sigmas[1:], strict=True))


def _per_image(sigma: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return sigma.expand(x.shape[0])


def _ancestral_split(sigma: torch.Tensor, sigma_next: torch.Tensor, eta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Where a step goes down to and how much fresh noise brings it back up to sigma_next: down^2 + up^2 = next^2."""
    if eta == 0 or sigma_next == 0:
        return sigma_next, torch.zeros_like(sigma_next)
    up = eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2).sqrt()
    up = torch.minimum(sigma_next, up)
    return (sigma_next**2 - up**2).sqrt(), up
