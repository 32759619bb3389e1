"""From a request to the infotext of one of its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping

from modules.schema.infotext_form import (
    HIRES_NEGATIVE_TEMPLATE,
    HIRES_TEMPLATE,
    NEGATIVE_TEMPLATE,
    TEMPLATE,
    write_form,
)
from modules.schema.infotext_keys import (
    ETA_DDIM_SAMPLERS,
    FIELD_OF_KEY,
    SCHEDULES_OF_SAMPLERS,
    VALUE_WORDS,
)
from modules.schema.infotext_versions import INFOTEXT_VERSION, PROGRAM, VERSION_KEY
from modules.schema.requests import AUTOMATIC, CUSTOM, NO_VAE, Resolved, ResolvedImg2Img, ResolvedTxt2Img

VERSION = f"{PROGRAM} 0.1.0"
_ALWAYS = ("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size-1", "Size-2", "Model", "VAE")
_OF_THE_PICTURE = ("Variation seed", "Variation seed strength", "Seed resize from-1", "Seed resize from-2", "RNG")
_ONE_BY_ONE = tuple(key for key in FIELD_OF_KEY if key not in (*_ALWAYS, *_OF_THE_PICTURE))
_BEFORE_RNG = ("Clip skip", "ENSD")
_ALWAYS_SAID = ("Refiner switch at", "SD upscale factor", "SD upscale overlap")
"""Keys that stand in the text wherever they have an effect: other programs have other defaults."""


def write_infotext(
    request: Resolved,
    *,
    index: int,
    model_hash: str,
    vae_hash: str = "",
    precision: str = "",
    attention: str = "",
    further: Mapping[str, str] | None = None,
) -> str:
    """The text of picture `index` of a request; fields that have no effect are left out.

    `precision` and `attention` say how the network was run. They change a picture by a hair and are a record only.
    `further` parameters are put behind all others.
    """
    parameters: dict[str, object] = {
        "Steps": request.steps,
        "Sampler": request.sampler_name,
        "Schedule type": _spelled("Schedule type", request.scheduler),
        "CFG scale": _spelled("CFG scale", request.cfg_scale),
        "Seed": request.seed_of(index),
        "Size": f"{request.width}x{request.height}",
        **({"Model hash": model_hash} if model_hash else {}),
        "Model": request.model,
        **_of_the_vae(request, vae_hash),
        **_of_the_noise(request, index),
        **_set_apart(request, _BEFORE_RNG),
    }
    if request.rng != "GPU":
        parameters["RNG"] = request.rng
    parameters |= _set_apart(request, tuple(key for key in _ONE_BY_ONE if key not in _BEFORE_RNG))
    parameters |= _of_the_task(request, index)
    parameters |= _of_the_typed_text(request)
    if request.script_name:
        parameters["Script"] = request.script_name
    parameters |= {key: word for key, word in (("Precision", precision), ("Attention", attention)) if word}
    parameters |= further or {}
    last = {VERSION_KEY: INFOTEXT_VERSION, "Version": VERSION}
    return write_form(request.prompt_of(index), request.negative_prompt_of(index), parameters, last=last)


def _of_the_vae(request: Resolved, vae_hash: str) -> dict[str, object]:
    if request.sd_vae == NO_VAE:
        return {}
    return {**({"VAE hash": vae_hash} if vae_hash else {}), "VAE": request.sd_vae}


def _of_the_noise(request: Resolved, index: int) -> dict[str, object]:
    parameters: dict[str, object] = {}
    if request.subseed_strength:
        parameters["Variation seed"] = request.subseed_of(index)
        parameters["Variation seed strength"] = _spelled("Variation seed strength", request.subseed_strength)
    if request.seed_resize_from_w:
        parameters["Seed resize from"] = f"{request.seed_resize_from_w}x{request.seed_resize_from_h}"
    return parameters


def _set_apart(request: Resolved, keys: tuple[str, ...]) -> dict[str, object]:
    """Those of the keys whose fields the request has, that have an effect, and that differ from their defaults."""
    parameters: dict[str, object] = {}
    fields = type(request).model_fields
    for key in keys:
        name = FIELD_OF_KEY[key]
        if name not in fields or _is_idle(request, key):
            continue
        value = getattr(request, name)
        if value != fields[name].default or key in _ALWAYS_SAID:
            parameters[_key_for(key, request.sampler_name)] = _spelled(key, value)
    return parameters


def _is_idle(request: Resolved, key: str) -> bool:
    """Whether a key's field has no effect, or is written by hand."""
    if key == "Custom sigmas":
        return request.scheduler != CUSTOM
    if key.startswith(("Refiner ", "Hires refiner")) and request.refiner_checkpoint is None:
        return True
    if isinstance(request, ResolvedImg2Img):
        return _is_idle_in_img2img(request, key)
    # What a second pass always says is written with it.
    second_pass = key.startswith("Hires ") or key in ("Denoising strength", "First pass image hash", "Extra noise")
    return isinstance(request, ResolvedTxt2Img) and second_pass and (not request.enable_hr or key in _BY_HAND)


_BY_HAND = frozenset(
    {
        "Denoising strength",
        "Hires upscale",
        "Hires resize-1",
        "Hires resize-2",
        "Hires upscaler",
        "Hires prompt",
        "Hires negative prompt",
    }
)
_OF_MASKS = ("Mask ", "Masked ", "Inpaint ", "Soft inpainting ")
_OF_SOFT_MASKS = "Soft inpainting "


def _is_idle_in_img2img(request: ResolvedImg2Img, key: str) -> bool:
    if key in ("Denoising strength", "Init image hash", "Mask blur", "Mask blur y"):
        return True
    if key.startswith("Outpaint"):
        return not request.outpaints
    if key.startswith("SD upscale "):
        return request.sd_upscale_upscaler is None
    if key.startswith(_OF_SOFT_MASKS) and not request.soft_inpainting:
        return True
    return key.startswith(_OF_MASKS) and not request.inpaints


def _of_the_task(request: Resolved, index: int) -> dict[str, object]:
    if isinstance(request, ResolvedImg2Img):
        return _of_the_input(request, index)
    return _of_the_second_pass(request, index) if isinstance(request, ResolvedTxt2Img) and request.enable_hr else {}


def _of_the_input(request: ResolvedImg2Img, index: int) -> dict[str, object]:
    parameters: dict[str, object] = {
        "Denoising strength": _spelled("Denoising strength", request.denoising_strength),
        "Init image hash": request.input_of(index),
    }
    if request.inpaints:
        parameters["Mask blur"] = request.mask_blur_x
        if request.mask_blur_y != request.mask_blur_x:
            parameters["Mask blur y"] = request.mask_blur_y
    return parameters


def _of_the_second_pass(request: ResolvedTxt2Img, index: int) -> dict[str, object]:
    parameters: dict[str, object] = {"Denoising strength": _spelled("Denoising strength", request.denoising_strength)}
    if request.hr_resize_x or request.hr_resize_y:
        parameters["Hires resize"] = f"{request.hr_resize_x}x{request.hr_resize_y}"
    else:
        parameters["Hires upscale"] = _spelled("Hires upscale", request.hr_scale)
    parameters["Hires upscaler"] = request.hr_upscaler
    prompts = {
        "Hires prompt": request.hr_prompt_of(index),
        "Hires negative prompt": request.hr_negative_prompt_of(index),
    }
    templates = {HIRES_TEMPLATE: request.hr_template, HIRES_NEGATIVE_TEMPLATE: request.hr_negative_template}
    return {
        **parameters,
        **{key: text for key, text in prompts.items() if text},
        **{key: text for key, text in templates.items() if text is not None},
    }


def _key_for(key: str, sampler: str) -> str:
    """The key as A1111 has it for a sampler."""
    if key == "Eta" and sampler in ETA_DDIM_SAMPLERS:
        return "Eta DDIM"
    return "UniPC order" if key == "Sampler order" and sampler == "UniPC" else key


def _of_the_typed_text(request: Resolved) -> dict[str, object]:
    """What was typed where it is not what was painted, and what became of it in between."""
    parameters: dict[str, object] = {}
    if request.template is not None:
        parameters[TEMPLATE] = request.template
    if request.negative_template is not None:
        parameters[NEGATIVE_TEMPLATE] = request.negative_template
    if request.styles:
        parameters["Styles"] = json.dumps(request.styles, ensure_ascii=False)
    if request.wildcards:
        parameters["Wildcards"] = request.wildcards
        if request.wildcard_seed != -1:
            parameters["Wildcard seed"] = request.wildcard_seed
    if request.novelai_emphasis:
        parameters["NovelAI emphasis"] = request.novelai_emphasis
    return parameters


def _spelled(key: str, value: object) -> str:
    """A value as A1111 writes it: whole numbers without a point, its own words for some."""
    if key in VALUE_WORDS:
        return VALUE_WORDS[key].get(value, str(value))
    if key.lower().endswith("schedule type") and value in SCHEDULES_OF_SAMPLERS:
        return AUTOMATIC
    if isinstance(value, tuple):
        return ", ".join(_spelled(key, entry) for entry in value)
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)
