"""Random resolved requests of every task: every field, with whatever its limits allow."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from modules.diffusion.names import SAMPLER_NAMES
from modules.schema.field_types import (
    LEAST_SIGMA,
    MAX_FEATHER,
    MAX_MARGIN,
    MAX_MASK_BLUR,
    MAX_ORDER,
    MAX_PADDING,
    MAX_SEED_DELTA,
    MAX_SIDE,
    MAX_SIGMA,
    MIN_SIDE,
    STANDSTILL,
)
from modules.schema.hires_fields import HiresFields, second_pass_sides
from modules.schema.requests import CUSTOM, MAX_CFG_SCALE, MAX_SEED, ResolvedImg2Img, ResolvedTxt2Img
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
_UNSET_SIDES = st.one_of(st.just(0), _SIDES)
_NAMES = st.sampled_from(["m", "a/b c", "my model, v2", 'x"y', "512x768", " led by a space", "z.safetensors", "y [0a]"])
_PICTURES = st.sampled_from(["0" * 32, "0123456789abcdef" * 2, "9" * 32, "e" * 32])
_MARGINS = st.integers(0, MAX_MARGIN)
_SCALES = st.floats(1, 4)
_BLURS = st.integers(0, MAX_MASK_BLUR)

_SAMPLERS = [row for row in SAMPLER_NAMES if row.name in ("Euler", "DDIM", "DPM++ 2M", "UniPC", "Euler a", "LCM")]
_SAMPLER_NAMES = st.sampled_from([row.name for row in _SAMPLERS])
_PAIRS = st.sampled_from([(row.name, schedule) for row in _SAMPLERS for schedule in row.schedules])
_SCHEDULE_NAMES = st.sampled_from(["Karras", "Automatic", "Timesteps"])


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
    "seed_resize_from_w": _SIDES,
    "seed_resize_from_h": _SIDES,
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
    "refiner_checkpoint": _NAMES,
    "sd_vae": _NAMES,
    "refiner_switch_at": _SHARES,
    "refiner_switch_by_sample_steps": st.booleans(),
    "tiling": st.sampled_from(["None", "Both", "X", "Y"]),
    "img2img_extra_noise": _SHARES,
    "script_name": _NAMES,
    "script_args": st.dictionaries(st.sampled_from("ab"), st.one_of(st.booleans(), st.integers(), TEXT), max_size=2),
    "sections": st.dictionaries(st.sampled_from("AB"), st.just({"text": "a", "number": 2}), max_size=2),
}
OF_TXT2IMG: dict[str, st.SearchStrategy[Any]] = {
    "enable_hr": st.booleans(),
    "denoising_strength": _SHARES,
    "hr_upscaler": _NAMES,
    "hr_scale": _SCALES,
    "hr_resize_x": _UNSET_SIDES,
    "hr_resize_y": _UNSET_SIDES,
    "hr_second_pass_steps": st.integers(0, 150),
    "hr_checkpoint_name": _NAMES,
    "hr_sampler_name": _SAMPLER_NAMES,
    "hr_scheduler": _SCHEDULE_NAMES,
    "hr_cfg_scale": st.floats(0, MAX_CFG_SCALE, allow_subnormal=False),
    "hr_prompt": PROMPTS,
    "hr_negative_prompt": PROMPTS,
    "hr_template": PROMPTS,
    "hr_negative_template": PROMPTS,
    "hires_fix_refiner_pass": st.sampled_from(["first pass", "second pass", "both passes"]),
    "firstpass_image": _PICTURES,
}
OF_IMG2IMG: dict[str, st.SearchStrategy[Any]] = {
    "init_images": st.lists(_PICTURES, min_size=1, max_size=3).map(tuple),
    "resize_mode": st.sampled_from(
        ["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]
    ),
    "scale_by": st.one_of(st.just(0.0), st.floats(0.05, 8)),
    "denoising_strength": _SHARES,
    "img2img_fix_steps": st.booleans(),
    "initial_noise_multiplier": _AMOUNTS,
    "img2img_color_correction": st.booleans(),
    "img2img_background_color": st.sampled_from(["#ffffff", "#00Ff7f", "#123456"]),
    "image_cfg_scale": _AMOUNTS,
    "mask": _PICTURES,
    "mask_from_alpha": st.booleans(),
    "inpainting_mask_invert": st.booleans(),
    "mask_blur_x": _BLURS,
    "mask_blur_y": _BLURS,
    "inpainting_fill": st.sampled_from(["fill", "original", "latent noise", "latent nothing"]),
    "inpaint_full_res": st.booleans(),
    "inpaint_full_res_padding": st.integers(0, MAX_PADDING),
    "mask_round": st.booleans(),
    "inpainting_mask_weight": _SHARES,
    "soft_inpainting": st.booleans(),
    "soft_inpainting_schedule_bias": _AMOUNTS,
    "soft_inpainting_preservation_strength": _AMOUNTS,
    "soft_inpainting_transition_contrast_boost": _AMOUNTS,
    "soft_inpainting_mask_influence": _SHARES,
    "soft_inpainting_difference_threshold": _AMOUNTS,
    "soft_inpainting_difference_contrast": _AMOUNTS,
    "outpaint_left": _MARGINS,
    "outpaint_right": _MARGINS,
    "outpaint_top": _MARGINS,
    "outpaint_bottom": _MARGINS,
    "outpaint_feather": st.integers(0, MAX_FEATHER),
    "sd_upscale_upscaler": _NAMES,
    "sd_upscale_by": _SCALES,
    "sd_upscale_overlap": st.sampled_from(range(0, 257, 8)),
}
_BATCHES = st.sampled_from([(1, 1), (2, 1), (1, 2), (2, 2)])
_MARGIN_NAMES = ("outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom")


@st.composite
def resolved_txt2img(draw: st.DrawFn) -> ResolvedTxt2Img:
    """Requests with up to eight fields besides the usual ones, half of them with a second pass."""
    fields = {**_agreeing(draw, OF_TXT2IMG), "enable_hr": draw(st.booleans())}
    second = HiresFields(**{name: fields[name] for name in HiresFields.model_fields if name in fields})
    width, height = second_pass_sides(second, fields["width"], fields["height"])
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        fields |= {"hr_resize_x": 0, "hr_resize_y": 0}
    names = ("prompts", "negative_prompts", "hr_prompts", "hr_negative_prompts")
    return ResolvedTxt2Img.of(fields | _of_each_picture(draw, fields, names))


@st.composite
def resolved_img2img(draw: st.DrawFn) -> ResolvedImg2Img:
    """Requests with up to eight fields besides the usual ones, a third with a mask, a third in tiles."""
    fields = {"init_images": ("7" * 32,), **_agreeing(draw, OF_IMG2IMG)}
    fields |= draw(st.one_of(st.just({}), st.just({"mask": "8" * 32}), st.builds(dict, sd_upscale_upscaler=_NAMES)))
    inpaints = fields.get("mask") or fields.get("mask_from_alpha") or any(map(fields.get, _MARGIN_NAMES))
    if inpaints or fields.get("sd_upscale_overlap", 64) >= min(fields["width"], fields["height"]) // 2:
        fields.pop("sd_upscale_upscaler", None)
    return ResolvedImg2Img.of(fields | _of_each_picture(draw, fields, ("prompts", "negative_prompts")))


def _agreeing(draw: st.DrawFn, own: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Fields that agree with one another, of every task and those of one: as many of these as of those."""
    fields = {name: draw(strategy) for name, strategy in ALWAYS.items()}
    strategies = SOMETIMES | own
    chosen = st.one_of(st.sampled_from(sorted(SOMETIMES)), st.sampled_from(sorted(own)))
    fields |= {name: draw(strategies[name]) for name in draw(st.lists(chosen, max_size=8, unique=True))}
    sampler, scheduler = draw(_PAIRS)
    batch_count, batch_size = draw(_BATCHES)
    resize_width = fields.pop("seed_resize_from_w", 0)
    fields |= {
        "sampler_name": sampler,
        "scheduler": scheduler,
        "seed_resize_from_w": resize_width,
        "seed_resize_from_h": resize_width and fields.get("seed_resize_from_h", 384),
        "batch_count": batch_count,
        "batch_size": batch_size,
    }
    for low, high in (("sigma_min", "sigma_max"), ("guidance_interval_start", "guidance_interval_end")):
        if low in fields and high in fields:
            fields[low], fields[high] = sorted((fields[low], fields[high]))
    if 0 < fields.get("sigma_max", 0) * (1 - STANDSTILL) <= fields.get("sigma_min", 0):
        fields["sigma_min"] = 0.0
    if scheduler == CUSTOM:
        fields["sigmas"] = fields.get("sigmas", (3.0, 2.0, 0.0))
        fields["steps"] = len(fields["sigmas"]) - 1
    return {**RESOLVED, "width": 320, "height": 256, "subseed": 7, **fields}


def _of_each_picture(draw: st.DrawFn, fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Prompts that differ from picture to picture, sometimes."""
    count = fields["batch_count"] * fields["batch_size"] * len(fields.get("init_images", "1"))
    first = draw(st.integers(0, 2 * len(names)))
    texts = draw(st.lists(PROMPTS, min_size=count, max_size=count)) if first < len(names) else []
    return {name: texts[place:] + texts[:place] for place, name in enumerate(names[first:])}
