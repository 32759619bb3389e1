"""Random resolved requests: every field, with whatever its limits allow."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from modules.diffusion.names import SAMPLER_NAMES
from modules.schema.field_types import LEAST_SIGMA, MAX_ORDER, MAX_SEED_DELTA, MAX_SIGMA, STANDSTILL
from modules.schema.requests import CUSTOM, MAX_CFG_SCALE, MAX_SEED, ResolvedTxt2Img
from tests.schema.test_requests import RESOLVED

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\r"), max_size=16)
AWKWARD_TEXT = st.text(st.sampled_from('ab:,"\\\n Negative prompt:Steps-/x1_[]'), max_size=24)
PROMPTS = st.one_of(TEXT, AWKWARD_TEXT)
_SHARES = st.floats(0, 1, allow_subnormal=False)
_SIGNED_SHARES = st.floats(-1, 1, allow_subnormal=False)
_AMOUNTS = st.floats(0, 100, allow_subnormal=False)
_SIGMAS = st.floats(0, MAX_SIGMA, allow_subnormal=False)
_SCHEDULE_SIGMAS = st.one_of(st.just(0.0), st.floats(LEAST_SIGMA, 100))
_CUSTOM_SIGMAS = st.one_of(st.just(0.0), st.floats(LEAST_SIGMA, MAX_SIGMA))
_SEEDS = st.integers(0, MAX_SEED)
_SIDES = st.sampled_from(range(64, 1024, 8))
_NAMES = st.sampled_from(["m", "a/b c", "my model, v2", 'x"y', "512x768", " led by a space"])

_SAMPLERS = [row for row in SAMPLER_NAMES if row.name in ("Euler", "DDIM", "DPM++ 2M", "UniPC", "Euler a", "LCM")]


def _falling(sigmas: list[float]) -> tuple[float, ...]:
    """Largest first, without those that come too near to the one before them."""
    kept: list[float] = []
    for sigma in sorted(sigmas, reverse=True):
        if not kept or sigma < kept[-1] * (1 - STANDSTILL):
            kept.append(sigma)
    return tuple(kept)


ALWAYS: dict[str, st.SearchStrategy[Any]] = {
    "prompt": PROMPTS,
    "negative_prompt": PROMPTS,
    "cfg_scale": st.floats(0, MAX_CFG_SCALE, allow_subnormal=False),
    "seed": _SEEDS,
}
SOMETIMES: dict[str, st.SearchStrategy[Any]] = {
    "steps": st.integers(1, 150),
    "width": _SIDES,
    "height": _SIDES,
    "rng": st.sampled_from(["NV", "CPU", "GPU"]),
    "model": _NAMES,
    "batch_count": st.just(1),
    "batch_size": st.just(1),
    "styles": st.lists(st.one_of(_NAMES, TEXT.filter(bool)), max_size=3).map(tuple),
    "wildcards": st.booleans(),
    "wildcard_seed": _SEEDS,
    "novelai_emphasis": st.booleans(),
    "template": PROMPTS,
    "negative_template": PROMPTS,
    "emphasis": st.sampled_from(["Original", "No norm", "Ignore", "None"]),
    "comma_padding_backtrack": st.integers(0, 74),
    "pad_cond_uncond": st.booleans(),
    "old_prompt_timelines": st.booleans(),
    "clip_skip": st.integers(1, 12),
    "eta": _SHARES,
    "s_churn": _AMOUNTS,
    "s_tmin": _SIGMAS,
    "s_tmax": _SIGMAS,
    "s_noise": _AMOUNTS,
    "sampler_order": st.integers(0, MAX_ORDER),
    "uni_pc_variant": st.sampled_from(["bh1", "bh2", "vary_coeff"]),
    "ge_gamma": _AMOUNTS,
    "subseed": _SEEDS,
    "subseed_strength": _SHARES,
    "eta_noise_seed_delta": st.integers(-MAX_SEED_DELTA, MAX_SEED_DELTA),
    "sgm_noise_multiplier": st.booleans(),
    "sigma_min": _SCHEDULE_SIGMAS,
    "sigma_max": _SCHEDULE_SIGMAS,
    "rho": st.one_of(st.just(0.0), st.floats(0.1, 100)),
    "beta_dist_alpha": st.floats(0.01, 10),
    "beta_dist_beta": st.floats(0.01, 10),
    "discard_next_to_last_sigma": st.booleans(),
    "zero_terminal_snr": st.booleans(),
    "downcast_alphas_cumprod": st.booleans(),
    "old_karras_sigmas": st.booleans(),
    "sigmas": st.lists(_CUSTOM_SIGMAS, min_size=2, max_size=6).map(_falling).filter(lambda row: len(row) > 1),
    "cfg_rescale": _SHARES,
    "apg_eta": _SIGNED_SHARES,
    "apg_norm_threshold": _AMOUNTS,
    "apg_momentum": _SIGNED_SHARES,
    "cfg_zero_star": st.booleans(),
    "cfg_zero_init_steps": st.integers(0, 150),
    "dynamic_thresholding_mimic_scale": _AMOUNTS,
    "dynamic_thresholding_percentile": _SHARES,
    "guidance_interval_start": _SHARES,
    "guidance_interval_end": _SHARES,
    "s_min_uncond": _SIGMAS,
    "s_min_uncond_all": st.booleans(),
    "skip_early_cond": _SHARES,
}
_RESIZES = st.one_of(st.just((0, 0)), st.tuples(_SIDES, _SIDES))


@st.composite
def resolved_requests(draw: st.DrawFn) -> ResolvedTxt2Img:
    """Requests with up to eight fields besides the usual ones; what has to agree is made to."""
    fields = {name: draw(strategy) for name, strategy in ALWAYS.items()}
    for name in draw(st.lists(st.sampled_from(sorted(SOMETIMES)), max_size=8, unique=True)):
        fields[name] = draw(SOMETIMES[name])
    sampler = draw(st.sampled_from(_SAMPLERS))
    fields |= {
        "sampler_name": sampler.name,
        "scheduler": draw(st.sampled_from([name for name in sampler.schedules if name != CUSTOM])),
    }
    return _agreed(fields, draw(_RESIZES), CUSTOM in sampler.schedules and draw(st.booleans()))


def _agreed(fields: dict[str, Any], resize: tuple[int, int], custom: bool) -> ResolvedTxt2Img:
    fields = {**RESOLVED, **fields, "seed_resize_from_w": resize[0], "seed_resize_from_h": resize[1]}
    for low, high in (("sigma_min", "sigma_max"), ("guidance_interval_start", "guidance_interval_end")):
        if low in fields and high in fields:
            fields[low], fields[high] = sorted((fields[low], fields[high]))
    if 0 < fields.get("sigma_max", 0) * (1 - STANDSTILL) <= fields.get("sigma_min", 0):
        fields["sigma_min"] = 0.0
    if custom and fields.get("sigmas"):
        fields |= {"scheduler": CUSTOM, "steps": len(fields["sigmas"]) - 1}
    return ResolvedTxt2Img.of({"subseed": 7, **fields})
