"""CFG++ (Chung et al., 2024): the guided picture, with the noise that the negative prompt alone sees put back on it.

Where the denoiser has no picture of the negative prompt these are the samplers without CFG++.
"""

from __future__ import annotations

import math

import torch

from modules.diffusion.samplers.contract import Run, sampler
from modules.diffusion.samplers.steps import ancestral_split, moved


@sampler
def euler_cfg_plus_plus(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Chung et al., "CFG++" (2024), algorithm 2 (DDIM), in terms of sigma."""
    return _ancestral(run, x, 0.0)


@sampler
def euler_ancestral_cfg_plus_plus(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Chung et al., "CFG++" (2024), algorithm 2, below the next level and back up by fresh noise."""
    return _ancestral(run, x, run.eta(1.0))


@sampler
def ddim_cfg_plus_plus(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Chung et al., "CFG++" (2024), algorithm 2, with the eta of Song et al., "DDIM" (2020), equation 16."""
    return _ancestral(run, x, run.eta(0.0))


@sampler
def dpmpp_2m_cfg_plus_plus(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Chung et al., "CFG++" (2024), appendix C (DPM-Solver++ 2M): the slope leads from the negative's last picture."""
    last: torch.Tensor | None = None
    last_width = 0.0
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        negative = run.negative(denoised)
        x = _renoised(x, denoised, negative, sigma, sigma_next)
        if sigma_next > 0:
            width = math.log(sigma / sigma_next)
            if last is not None:
                x = x + (denoised - last) * ((1 - sigma_next / sigma) * width / (2 * last_width))
            last_width = width
        last = negative
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def dpmpp_2s_ancestral_cfg_plus_plus(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Chung et al., "CFG++" (2024), on DPM-Solver++ algorithm 1, with fresh noise as DPM++ 2S a has it."""
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        negative = run.negative(denoised)
        down, up = ancestral_split(sigma, sigma_next, run.eta(1.0))
        if down == 0:
            x = denoised
        else:
            middle = math.sqrt(sigma * down)
            shifted = x + (denoised - negative)
            x = moved(shifted, run.see(moved(shifted, denoised, sigma, middle), middle), sigma, down)
        if up > 0:
            x = x + run.fresh(up)
        x = run.stepped(denoised, x, sigma_next)
    return x


def _renoised(
    x: torch.Tensor, denoised: torch.Tensor, negative: torch.Tensor, sigma: float, sigma_next: float
) -> torch.Tensor:
    return denoised + (x - negative) * (sigma_next / sigma)


def _ancestral(run: Run, x: torch.Tensor, eta: float) -> torch.Tensor:
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        down, up = ancestral_split(sigma, sigma_next, eta)
        x = _renoised(x, denoised, run.negative(denoised), sigma, down)
        if up > 0:
            x = x + run.fresh(up)
        x = run.stepped(denoised, x, sigma_next)
    return x
