"""Layout of what is told near Generate: settings that override the server's, what was filled in, what a view hides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.config.request_words import REQUEST_WORDS
from modules.config.settings_table import Settings
from modules.schema.requests import Task
from modules.schema.setting_fields import USUAL_FIELDS
from modules.ui.assets import asset
from modules.ui.request_controls import COMPOSED, SWITCHED, element_id, held

OVERRIDES = (
    "clip_skip",
    "sd_vae",
    "emphasis",
    "comma_padding_backtrack",
    "pad_cond_uncond",
    "old_prompt_timelines",
    "novelai_emphasis",
    "tiling",
    "eta",
    "s_churn",
    "s_tmin",
    "s_tmax",
    "s_noise",
    "sampler_order",
    "uni_pc_variant",
    "ge_gamma",
    "rng",
    "eta_noise_seed_delta",
    "sgm_noise_multiplier",
    "img2img_extra_noise",
    "sigma_min",
    "sigma_max",
    "rho",
    "beta_dist_alpha",
    "beta_dist_beta",
    "discard_next_to_last_sigma",
    "zero_terminal_snr",
    "downcast_alphas_cumprod",
    "old_karras_sigmas",
    "sigmas",
    "s_min_uncond",
    "s_min_uncond_all",
    "skip_early_cond",
    "refiner_switch_by_sample_steps",
    "hires_fix_refiner_pass",
    "img2img_fix_steps",
    "initial_noise_multiplier",
    "img2img_color_correction",
    "img2img_background_color",
    "inpainting_mask_weight",
)
"""What A1111 has among its settings, so that what came with a picture's parameters overrides them for this form."""
SIMPLE_FIELDS = frozenset(
    {
        *("prompt", "negative_prompt", "styles", "model", "width", "height", "steps", "batch_count", "seed"),
        "denoising_strength",
    }
)
"""What the simple view shows, in one form or another; txt2img's strength counts with hires fix alone."""


def lay_out_told(task: Task) -> gr.HTML:
    """The place; `told_value` says what it is about."""
    return gr.HTML(
        value={"task": task},
        html_template='<div class="form-told"></div>',
        js_on_load=asset("form_told.js"),
        elem_id=element_id("form-told", task),
        elem_classes=["form-told-box", "bare"],
    )


def told_value(task: Task, fields: Mapping[str, Component]) -> dict[str, Any]:
    """What form_told.js needs to know of a form: what its fields hold at first, and what each of them is called."""
    hidden = [name for name in fields if name not in SIMPLE_FIELDS and name not in COMPOSED]
    return {
        "task": task,
        "usual": {name: component.value for name, component in fields.items() if name != "model"},
        "of_settings": {setting: name for name, setting in USUAL_FIELDS.items() if name in fields},
        "labels": {name: REQUEST_WORDS[name].label for name in OVERRIDES if name in fields},
        "hidden": hidden,
        "switched": {switch: sorted(names & fields.keys()) for switch, names in SWITCHED.items() if switch in fields},
    }


def usual_by_settings(settings: Settings) -> dict[str, Any]:
    """What the settings have some fields of a form hold where nobody changed them."""
    return {name: held(name, getattr(settings, setting)) for name, setting in USUAL_FIELDS.items()}


def with_usual(told: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What form_told.js was told, with other usual values in the fields that the form has."""
    usual = told["usual"]
    return {**told, "usual": {**usual, **{name: value for name, value in values.items() if name in usual}}}
