"""From a request's fields to the objects that guide its run."""

from __future__ import annotations

from modules.diffusion.guidance.corrections import Correction, GuidanceRescale, MimicThresholding
from modules.diffusion.guidance.limits import NegativeGuidanceMinimumSigma, NegativeSkip, SkipEarly, StepInterval
from modules.diffusion.guidance.plan import Guidance
from modules.diffusion.guidance.rules import (
    AdaptiveProjectedGuidance,
    CfgZeroStar,
    ClassifierFreeGuidance,
    GuidanceRule,
)
from modules.diffusion.names import SamplerName
from modules.schema.requests import Resolved, ResolvedImg2Img


def guidance_of(request: Resolved, sampler: SamplerName) -> Guidance:
    """The guidance a request asks for; CFG++ samplers want its scales divided.

    Guidance counts evaluations of the network, of which a step has several with samplers of higher order.
    """
    interval = StepInterval(request.guidance_interval_start, request.guidance_interval_end)
    return Guidance(
        _rule(request, sampler),
        corrections=_corrections(request, sampler),
        intervals=() if interval == StepInterval() else (interval,),
        skips=_skips(request),
        image_scale=request.image_cfg_scale if isinstance(request, ResolvedImg2Img) else 1.0,
    )


def _rule(request: Resolved, sampler: SamplerName) -> GuidanceRule:
    """CFG-Zero* where it is switched on, else APG where one of its numbers is not that of plain guidance."""
    scale = request.cfg_scale / sampler.cfg_divisor
    if request.cfg_zero_star:
        return CfgZeroStar(scale, request.cfg_zero_init_steps * sampler.calls_per_step)
    if request.apg_eta != 1 or request.apg_norm_threshold or request.apg_momentum:
        return AdaptiveProjectedGuidance(
            scale, request.apg_eta, request.apg_norm_threshold, momentum=request.apg_momentum
        )
    return ClassifierFreeGuidance(scale)


def _corrections(request: Resolved, sampler: SamplerName) -> tuple[Correction, ...]:
    corrections: list[Correction] = []
    if request.dynamic_thresholding_mimic_scale:
        mimicked = request.dynamic_thresholding_mimic_scale / sampler.cfg_divisor
        corrections.append(MimicThresholding(mimicked, request.dynamic_thresholding_percentile))
    if request.cfg_rescale:
        corrections.append(GuidanceRescale(request.cfg_rescale))
    return tuple(corrections)


def _skips(request: Resolved) -> tuple[NegativeSkip, ...]:
    skips: list[NegativeSkip] = []
    if request.s_min_uncond:
        skips.append(NegativeGuidanceMinimumSigma(request.s_min_uncond, request.s_min_uncond_all))
    if request.skip_early_cond:
        skips.append(SkipEarly(request.skip_early_cond))
    return tuple(skips)
