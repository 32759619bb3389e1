"""NovelAI: JSON in the chunk `Comment`, or in the lowest bits of the alpha channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules.gallery.foreign.foreign_json import object_of, part, parts, words
from modules.gallery.foreign.translation import Translation
from modules.prompt.novelai import from_novelai

PROGRAM = "NovelAI"
_SAMPLERS = {"ddim_v3": "DDIM", "nai_smea": "Euler a", "nai_smea_dyn": "Euler a"}
_SCHEDULES = {"native": "Automatic", "default": "Automatic"}


def infotext_of(texts: Mapping[str, str]) -> str:
    """The infotext; "" where these are no texts of NovelAI."""
    found = object_of(texts.get("Comment", ""))
    is_one = texts.get("Software", "").startswith(PROGRAM) or {"uc", "scale"} <= found.keys()
    return _translated(found, texts) if found and is_one else ""


def _translated(found: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    to = Translation(PROGRAM)
    to.prompt = from_novelai(_prompt(found, "v4_prompt") or words(found, "prompt") or texts.get("Description", ""))
    to.negative_prompt = from_novelai(_prompt(found, "v4_negative_prompt") or words(found, "uc"))
    to.put("Steps", found.get("steps"))
    schedule = words(found, "noise_schedule")
    sampler = words(found, "sampler")
    to.put_sampler(_SAMPLERS.get(sampler, sampler), _SCHEDULES.get(schedule, schedule))
    to.put("CFG scale", found.get("scale"))
    to.put("Seed", found.get("seed"))
    to.put_size(found.get("width"), found.get("height"))
    to.put("Model", texts.get("Source", ""))
    to.put("RNG", "CPU")
    if found.get("cfg_rescale"):
        to.put("CFG rescale", found["cfg_rescale"])
    if "Img2Img" in words(found, "request_type") or "Infill" in words(found, "request_type"):
        to.put("Denoising strength", found.get("strength"))
    if found.get("sm") is True:
        to.put("SMEA", "dynamic" if found.get("sm_dyn") is True else "on")
    if found.get("dynamic_thresholding") is True:
        to.put("Decrisper", "on")
    if found.get("reference_information_extracted_multiple") or found.get("reference_strength_multiple"):
        to.put("Vibe transfer", "used")
    return to.infotext()


def _prompt(found: Mapping[str, Any], name: str) -> str:
    """Since version 4 characters have prompts of their own."""
    caption = part(part(found, name), "caption")
    return ", ".join(_captions(caption)) if caption else ""


def _captions(caption: Mapping[str, Any]) -> Iterator[str]:
    if base := words(caption, "base_caption"):
        yield base
    for row in parts(caption, "char_captions"):
        if one := words(row, "char_caption"):
            yield one
