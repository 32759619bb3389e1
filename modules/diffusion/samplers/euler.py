"""Euler and the samplers whose mean is an Euler step: one denoiser call, a straight line, perhaps fresh noise."""

from __future__ import annotations

import math

import torch

from modules.diffusion.noise_levels import Levels
from modules.diffusion.samplers.contract import Run, sampler
from modules.diffusion.samplers.steps import ancestral_split, churned, direction, moved, stable_diffusion_levels


@sampler
def euler(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Karras et al., "Elucidating the Design Space" (2022), algorithm 2 without its second-order correction."""
    for sigma, sigma_next in run.pairs():
        x, higher = churned(run, x, sigma)
        denoised = run.see(x, higher)
        x = moved(x, denoised, higher, sigma_next)
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def euler_ancestral(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Euler steps below the next level and fresh noise back up (Song et al., DDIM (2020), equation 16 with eta 1)."""
    return _ancestral(run, x, run.eta(1.0))


@sampler
def ddim(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Song et al., "Denoising Diffusion Implicit Models" (2020), equation 12, in terms of sigma."""
    return _ancestral(run, x, run.eta(0.0))


@sampler
def ddpm(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Ho et al., "Denoising Diffusion Probabilistic Models" (2020), algorithm 2 with the posterior's own variance."""
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        kept = (sigma_next / sigma) ** 2
        x = torch.lerp(denoised, x, kept)
        if sigma_next > 0:
            x = x + run.fresh(sigma_next * math.sqrt(1 - kept))
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def lcm(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Luo et al., "Latent Consistency Models" (2023), algorithm 3."""
    for sigma, sigma_next in run.pairs():
        x = denoised = run.see(x, sigma)
        if sigma_next > 0:
            x = denoised + run.fresh(sigma_next)
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def tcd(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Zheng et al., "Trajectory Consistency Distillation" (2024), algorithm 4; eta is the paper's gamma."""
    levels = run.options.levels or stable_diffusion_levels()
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        below = _share_of_timestep(levels, sigma_next, 1 - run.eta(0.3))
        x = moved(x, denoised, sigma, below)
        if sigma_next > below:
            x = x + run.fresh(math.sqrt(sigma_next**2 - below**2))
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def gradient_estimation(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Permenter and Yuan, "Interpreting and Improving Diffusion Models" (2023), algorithm 2; ge_gamma is its gamma."""
    last: torch.Tensor | None = None
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        now = direction(x, denoised, sigma)
        x = moved(x, denoised, sigma, sigma_next)
        if last is not None and sigma_next > 0:
            x = x + (now - last) * ((run.options.ge_gamma - 1) * (sigma_next - sigma))
        last = now
        x = run.stepped(denoised, x, sigma_next)
    return x


def _ancestral(run: Run, x: torch.Tensor, eta: float) -> torch.Tensor:
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        down, up = ancestral_split(sigma, sigma_next, eta)
        x = moved(x, denoised, sigma, down)
        if up > 0:
            x = x + run.fresh(up)
        x = run.stepped(denoised, x, sigma_next)
    return x


def _share_of_timestep(levels: Levels, sigma: float, share: float) -> float:
    """The sigma of the whole timestep at that share of sigma's, never above sigma."""
    if sigma == 0:
        return 0.0
    timestep = levels.timestep_of(torch.tensor([sigma], dtype=torch.float64))
    # Rounding must not push a timestep that is whole below itself.
    return min(sigma, float(levels.sigma_of((timestep * share + 1e-6).floor())))
