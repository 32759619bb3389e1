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
from modules.schema.requests import ResolvedTxt2Img


def guidance_of(request: ResolvedTxt2Img, *, cfg_divisor: float = 1.0) -> Guidance:
    """The guidance a request asks for; CFG++ samplers want its scale divided."""
    interval = StepInterval(request.guidance_interval_start, request.guidance_interval_end)
    return Guidance(
        _rule(request, request.cfg_scale / cfg_divisor),
        corrections=_corrections(request),
        intervals=() if interval == StepInterval() else (interval,),
        skips=_skips(request),
    )


def _rule(request: ResolvedTxt2Img, scale: float) -> GuidanceRule:
    """CFG-Zero* where it is switched on, else APG where one of its numbers is not that of plain guidance."""
    if request.cfg_zero_star:
        return CfgZeroStar(scale, request.cfg_zero_init_steps)
    if request.apg_eta != 1 or request.apg_norm_threshold or request.apg_momentum:
        return AdaptiveProjectedGuidance(
            scale, request.apg_eta, request.apg_norm_threshold, momentum=request.apg_momentum
        )
    return ClassifierFreeGuidance(scale)


def _corrections(request: ResolvedTxt2Img) -> tuple[Correction, ...]:
    corrections: list[Correction] = []
    if request.dynamic_thresholding_mimic_scale:
        corrections.append(
            MimicThresholding(request.dynamic_thresholding_mimic_scale, request.dynamic_thresholding_percentile)
        )
    if request.cfg_rescale:
        corrections.append(GuidanceRescale(request.cfg_rescale))
    return tuple(corrections)


def _skips(request: ResolvedTxt2Img) -> tuple[NegativeSkip, ...]:
    skips: list[NegativeSkip] = []
    if request.s_min_uncond:
        skips.append(NegativeGuidanceMinimumSigma(request.s_min_uncond, request.s_min_uncond_all))
    if request.skip_early_cond:
        skips.append(SkipEarly(request.skip_early_cond))
    return tuple(skips)
