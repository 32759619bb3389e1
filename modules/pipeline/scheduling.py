"""From a request's fields to the noise levels that its run visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from modules.diffusion.img2img_start import Img2ImgSteps, img2img_steps, tail
from modules.diffusion.names import CUSTOM, SamplerName
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.schedule_options import ScheduleOptions
from modules.diffusion.schedules import MakeSigmas, sigmas_for
from modules.schema.requests import Resolved


@dataclass(frozen=True)
class RunSchedule:
    """The sigmas of one pass, float64, descending."""

    levels: NoiseLevels
    """The model's, as the request wants them."""
    whole: torch.Tensor
    """All that the schedule has."""
    run: torch.Tensor
    """Those that are visited: all, or the last ones where the pass begins with latents."""


def run_schedule(
    request: Resolved,
    levels: NoiseLevels,
    sampler: SamplerName,
    *,
    strength: float | None,
    exact: bool,
    large: bool,
    others: Mapping[str, MakeSigmas],
) -> RunSchedule:
    """The sigmas of a pass of a model that was trained on `levels`.

    `strength`: of a pass that begins with latents, 0 to 1; None for one that begins with noise alone. `exact`: whether
    the request's steps are run whatever the strength. `large`, `others`: see `sigmas_of`. Raises InvalidRequest,
    and PluginFailed where one of the others fails.
    """
    levels = levels_of(request, levels)
    kept = _steps_of(request, strength, exact)
    whole = sigmas_of(request, levels, sampler, kept.schedule, large=large, others=others)
    run = whole if strength is None else tail(whole, kept, schedule=request.scheduler, levels=levels)
    return RunSchedule(levels, whole, run)


def _steps_of(request: Resolved, strength: float | None, exact: bool) -> Img2ImgSteps:
    if strength is None:
        return Img2ImgSteps(request.steps, request.steps)
    # The sigmas of Custom are as many as they are: a schedule that is longer cannot be made of them.
    return img2img_steps(request.steps, strength, exact=exact and request.scheduler != CUSTOM)


def levels_of(request: Resolved, levels: NoiseLevels) -> NoiseLevels:
    """The model's noise levels as the request wants them."""
    if request.downcast_alphas_cumprod:
        levels = levels.in_half_precision()
    return levels.with_zero_terminal_snr() if request.zero_terminal_snr else levels


def sigmas_of(
    request: Resolved,
    levels: NoiseLevels,
    sampler: SamplerName,
    steps: int,
    *,
    large: bool,
    others: Mapping[str, MakeSigmas],
) -> torch.Tensor:
    """The sigmas of the request's schedule for so many steps, float64, descending.

    `large`: whether the model is of SDXL's kind, for which some schedules have numbers of their own. `others`:
    schedules besides those of the program, by name.
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
    return sigmas_for(request.scheduler, steps, levels, options, family="SDXL" if large else "SD1", others=others)
