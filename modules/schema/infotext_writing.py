"""From a request to the infotext of one of its pictures."""

from __future__ import annotations

import json

from modules.schema.infotext_form import NEGATIVE_TEMPLATE, TEMPLATE, write_form
from modules.schema.infotext_keys import (
    ETA_DDIM_SAMPLERS,
    FIELD_OF_KEY,
    SCHEDULES_OF_SAMPLERS,
    USUAL_NOISE_SCHEDULE,
    ZERO_TERMINAL_SNR,
)
from modules.schema.infotext_versions import INFOTEXT_VERSION, PROGRAM, VERSION_KEY
from modules.schema.requests import AUTOMATIC, CUSTOM, Options, ResolvedTxt2Img

VERSION = f"{PROGRAM} 0.1.0"
_ALWAYS = ("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size-1", "Size-2", "Model")
_OF_THE_PICTURE = ("Variation seed", "Variation seed strength", "Seed resize from-1", "Seed resize from-2", "RNG")
_ONE_BY_ONE = tuple(key for key in FIELD_OF_KEY if key not in (*_ALWAYS, *_OF_THE_PICTURE))
_BEFORE_RNG = ("Clip skip", "ENSD")


def write_infotext(
    request: ResolvedTxt2Img, *, index: int, model_hash: str, precision: str = "", attention: str = ""
) -> str:
    """The text of picture `index` of a request; fields that have no effect are left out.

    `precision` and `attention` say how the network was run. They change a picture by a hair and are a record only.
    """
    parameters: dict[str, object] = {
        "Steps": request.steps,
        "Sampler": request.sampler_name,
        "Schedule type": AUTOMATIC if request.scheduler in SCHEDULES_OF_SAMPLERS else request.scheduler,
        "CFG scale": _spelled("CFG scale", request.cfg_scale),
        "Seed": request.seed_of(index),
        "Size": f"{request.width}x{request.height}",
        "Model hash": model_hash,
        "Model": request.model,
        **_of_the_noise(request, index),
        **_set_apart(request, _BEFORE_RNG),
    }
    if request.rng != "GPU":
        parameters["RNG"] = request.rng
    parameters |= _set_apart(request, tuple(key for key in _ONE_BY_ONE if key not in _BEFORE_RNG))
    parameters |= _of_the_typed_text(request)
    parameters |= {key: word for key, word in (("Precision", precision), ("Attention", attention)) if word}
    last = {VERSION_KEY: INFOTEXT_VERSION, "Version": VERSION}
    return write_form(request.prompt_of(index), request.negative_prompt_of(index), parameters, last=last)


def _of_the_noise(request: ResolvedTxt2Img, index: int) -> dict[str, object]:
    parameters: dict[str, object] = {}
    if request.subseed_strength:
        parameters["Variation seed"] = request.subseed_of(index)
        parameters["Variation seed strength"] = _spelled("Variation seed strength", request.subseed_strength)
    if request.seed_resize_from_w:
        parameters["Seed resize from"] = f"{request.seed_resize_from_w}x{request.seed_resize_from_h}"
    return parameters


def _set_apart(request: ResolvedTxt2Img, keys: tuple[str, ...]) -> dict[str, object]:
    """Those of the keys whose fields differ from their defaults."""
    parameters: dict[str, object] = {}
    for key in keys:
        name = FIELD_OF_KEY[key]
        value = getattr(request, name)
        if value == Options.model_fields[name].default or (name == "sigmas" and request.scheduler != CUSTOM):
            continue
        parameters[_key_for(key, request.sampler_name)] = _spelled(key, value)
    return parameters


def _key_for(key: str, sampler: str) -> str:
    """The key as A1111 has it for a sampler."""
    if key == "Eta" and sampler in ETA_DDIM_SAMPLERS:
        return "Eta DDIM"
    return "UniPC order" if key == "Sampler order" and sampler == "UniPC" else key


def _of_the_typed_text(request: ResolvedTxt2Img) -> dict[str, object]:
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
    """A value as A1111 writes it: whole numbers without a point, words for the noise schedule."""
    if key == "Noise Schedule":
        return ZERO_TERMINAL_SNR if value else USUAL_NOISE_SCHEDULE
    if isinstance(value, tuple):
        return ", ".join(_spelled(key, entry) for entry in value)
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)
