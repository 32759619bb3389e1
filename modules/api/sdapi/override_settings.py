"""A1111's settings: which of them are fields of our requests, so that they can act on one request alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modules.api.sdapi.answer_format import AnswerFormat
from modules.config.settings import Settings
from modules.errors import InvalidRequest
from modules.schema.infotext_keys import ETA_DDIM_SAMPLERS

FIELD_OF_SETTING = {
    "sd_model_checkpoint": "model",
    "sd_vae": "sd_vae",
    "CLIP_stop_at_last_layers": "clip_skip",
    "eta_noise_seed_delta": "eta_noise_seed_delta",
    "emphasis": "emphasis",
    "comma_padding_backtrack": "comma_padding_backtrack",
    "pad_cond_uncond": "pad_cond_uncond",
    "randn_source": "rng",
    "tiling": "tiling",
    "eta_ancestral": "eta",
    "eta_ddim": "eta",
    "s_churn": "s_churn",
    "s_tmin": "s_tmin",
    "s_tmax": "s_tmax",
    "s_noise": "s_noise",
    "s_min_uncond": "s_min_uncond",
    "s_min_uncond_all": "s_min_uncond_all",
    "skip_early_cond": "skip_early_cond",
    "sigma_min": "sigma_min",
    "sigma_max": "sigma_max",
    "rho": "rho",
    "beta_dist_alpha": "beta_dist_alpha",
    "beta_dist_beta": "beta_dist_beta",
    "uni_pc_variant": "uni_pc_variant",
    "uni_pc_order": "sampler_order",
    "always_discard_next_to_last_sigma": "discard_next_to_last_sigma",
    "sgm_noise_multiplier": "sgm_noise_multiplier",
    "sd_noise_schedule": "zero_terminal_snr",
    "use_downcasted_alpha_bar": "downcast_alphas_cumprod",
    "use_old_karras_scheduler_sigmas": "old_karras_sigmas",
    "use_old_scheduling": "old_prompt_timelines",
    "refiner_switch_by_sample_steps": "refiner_switch_by_sample_steps",
    "hires_fix_refiner_pass": "hires_fix_refiner_pass",
    "img2img_extra_noise": "img2img_extra_noise",
    "initial_noise_multiplier": "initial_noise_multiplier",
    "img2img_color_correction": "img2img_color_correction",
    "img2img_fix_steps": "img2img_fix_steps",
    "img2img_background_color": "img2img_background_color",
    "inpainting_mask_weight": "inpainting_mask_weight",
}
"""By A1111's names."""
_SNR_WORDS = {"default": False, "zero terminal snr": True}
SWITCHES_MODEL = "disable_weights_auto_swap"
"""Set to False, it lets an infotext choose the model."""


@dataclass(frozen=True)
class Overrides:
    """What the settings of one request come to."""

    fields: Mapping[str, Any]
    """Those of our request."""
    without_effect: tuple[str, ...]
    """Settings that mean nothing here, and those of the server that it has otherwise: no request changes them."""


def read_overrides(given: Mapping[str, Any], sampler_name: str, known: frozenset[str], settings: Settings) -> Overrides:
    """What `override_settings` ask for, of a request with the fields `known`. Raises InvalidRequest."""
    found: dict[str, Any] = {}
    without_effect = []
    for name, value in given.items():
        field = FIELD_OF_SETTING.get(name)
        if value is None or name == SWITCHES_MODEL or name in AnswerFormat.model_fields:
            continue
        if field is None:
            if getattr(settings, name, None) != value:
                without_effect.append(name)
        elif field in known and _is_meant(name, sampler_name):
            found[field] = value_of(name, value)
    return Overrides({name: value for name, value in found.items() if value not in (None, "")}, tuple(without_effect))


def value_of(name: str, value: Any) -> Any:
    """A setting's value as our request has it. Raises InvalidRequest."""
    if name == "sd_noise_schedule":
        if str(value).strip().lower() not in _SNR_WORDS:
            raise InvalidRequest(name, value, "is not known", "Choose Default or Zero Terminal SNR.")
        return _SNR_WORDS[str(value).strip().lower()]
    return value


def _is_meant(name: str, sampler_name: str) -> bool:
    """Each sampler has one of two etas, and UniPC's order is its own."""
    if name in ("eta_ddim", "eta_ancestral"):
        return (name == "eta_ddim") == (sampler_name in ETA_DDIM_SAMPLERS)
    return name != "uni_pc_order" or sampler_name == "UniPC"
