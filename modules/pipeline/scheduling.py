"""From a request's fields to the noise levels that its run visits."""

from __future__ import annotations

import torch

from modules.diffusion.names import SamplerName
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.schedule_options import ScheduleOptions
from modules.diffusion.schedules import sigmas_for
from modules.schema.requests import Resolved


def levels_of(request: Resolved, levels: NoiseLevels) -> NoiseLevels:
    """The model's noise levels as the request wants them."""
    if request.downcast_alphas_cumprod:
        levels = levels.in_half_precision()
    return levels.with_zero_terminal_snr() if request.zero_terminal_snr else levels


def sigmas_of(request: Resolved, levels: NoiseLevels, sampler: SamplerName, steps: int, *, large: bool) -> torch.Tensor:
    """The sigmas of the request's schedule for so many steps, float64, descending.

    `large`: whether the model is of SDXL's kind, for which some schedules have numbers of their own.
    """
    options = ScheduleOptions(
        sigma_min=request.sigma_min or None,
        sigma_max=request.sigma_max or None,
        rho=request.rho or None,
        beta_alpha=request.beta_dist_alpha,
        beta_beta=request.beta_dist_beta,
        discard_next_to_last=request.discard_next_to_last_sigma or sampler.discards_penultimate,
        old_karras_range=request.old_karras_sigmas,
        custom=request.sigmas,
    )
    return sigmas_for(request.scheduler, steps, levels, options, family="SDXL" if large else "SD1")
