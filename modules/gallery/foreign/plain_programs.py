"""Programs whose parameters are one flat list of names: SwarmUI, Easy Diffusion, Draw Things."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from modules.gallery.foreign.foreign_json import object_of, part, parts, words
from modules.gallery.foreign.translation import Translation

_XMP = ("XML:com.adobe.xmp", "xmp")
_COMMENT = re.compile(r"<exif:UserComment>(.{0,200000}?)</exif:UserComment>", re.DOTALL)
_IN_COMMENT = re.compile(r"\{.*\}", re.DOTALL)
_OF_EASY_DIFFUSION = ("use_stable_diffusion_model", "Stable Diffusion model")


def infotext_of(texts: Mapping[str, str]) -> str:
    """The infotext; "" where these are no texts of such a program."""
    found = object_of(texts.get("parameters", ""))
    if swarm := part(found, "sui_image_params"):
        return _of_swarm(swarm)
    if any(name in found for name in _OF_EASY_DIFFUSION):
        return _of_easy_diffusion(found)
    if any(name in texts for name in _OF_EASY_DIFFUSION):
        return _of_easy_diffusion(texts)
    document = next((texts[name] for name in _XMP if name in texts), "")
    return _of_draw_things(document) if "Draw Things" in document else ""


def _of_swarm(found: Mapping[str, Any]) -> str:
    to = Translation("SwarmUI")
    to.prompt, to.negative_prompt = words(found, "prompt"), words(found, "negativeprompt")
    to.put("Steps", found.get("steps"))
    to.put_sampler(words(found, "sampler"), words(found, "scheduler"))
    to.put("CFG scale", found.get("cfgscale"))
    to.put("Seed", found.get("seed"))
    to.put_size(found.get("width"), found.get("height"))
    to.put_model("Model", found.get("model"))
    to.put_model("VAE", found.get("vae"))
    to.put("RNG", "CPU")
    if found.get("initimage"):
        to.put("Denoising strength", found.get("initimagecreativity"))
    to.put("Variation seed", found.get("variationseed"))
    to.put("Variation seed strength", found.get("variationseedstrength"))
    loras, weights = (_listed(found.get(name)) for name in ("loras", "loraweights"))
    for place, name in enumerate(loras):
        to.add_lora(name, _number(weights[place]) if place < len(weights) else None)
    to.put("Distilled CFG Scale", found.get("fluxguidancescale"))
    return to.infotext()


def _of_easy_diffusion(found: Mapping[str, Any]) -> str:
    to = Translation("Easy Diffusion")
    to.prompt = words(found, "prompt", "Prompt")
    to.negative_prompt = words(found, "negative_prompt", "Negative Prompt")
    to.put("Steps", _first(found, "num_inference_steps", "Steps", "Inference Steps"))
    to.put_sampler(words(found, "sampler_name", "Sampler"), words(found, "scheduler_name", "Scheduler"))
    to.put("CFG scale", _first(found, "guidance_scale", "Guidance Scale"))
    to.put("Seed", _first(found, "seed", "Seed"))
    sides = (_whole(_first(found, *names)) for names in (("width", "Width"), ("height", "Height")))
    to.put_size(*sides)
    to.put_model("Model", words(found, *_OF_EASY_DIFFUSION))
    if (vae := words(found, "use_vae_model", "VAE model")) not in ("", "None"):
        to.put_model("VAE", vae)
    if str(_first(found, "clip_skip", "Clip Skip")).lower() == "true":
        to.put("Clip skip", 2)
    names = _listed(_first(found, "use_lora_model", "LoRA model"))
    weights = _listed(_first(found, "lora_alpha", "LoRA Strength"))
    for place, name in enumerate(names):
        if name != "None":
            to.add_lora(name, _number(weights[place]) if place < len(weights) else None)
    to.put("Tiling", {"xy": "True", "x": "X", "y": "Y"}.get(words(found, "tiling", "Seamless Tiling")))
    for name in ("use_controlnet_model", "use_face_correction", "use_upscale", "hypernetwork_strength"):
        if (value := _first(found, name)) not in (None, "", "None", "0"):
            to.put(name.removeprefix("use_").replace("_", " ").capitalize(), value)
    return to.infotext()


def _of_draw_things(document: str) -> str:
    """JSON within the XMP packet."""
    comment = _COMMENT.search(document)
    inner = _IN_COMMENT.search(html.unescape(re.sub(r"<[^<>]{0,200}>", "", comment[1]))) if comment else None
    found = object_of(inner[0]) if inner else {}
    if not found:
        return ""
    newer = part(found, "v2")
    to = Translation("Draw Things")
    to.prompt, to.negative_prompt = words(found, "c"), words(found, "uc")
    to.put("Steps", found.get("steps"))
    name = words(found, "sampler").replace(" Ancestral", " a").replace("Trailing", "").replace("AYS", "").strip()
    to.put_sampler(name)
    to.put("CFG scale", found.get("scale"))
    to.put("Seed", found.get("seed"))
    width, _, height = words(found, "size").partition("x")
    to.put_size(_whole(width), _whole(height))
    to.put_model("Model", words(found, "model"))
    if isinstance(strength := found.get("strength"), (int, float)) and strength < 1:
        to.put("Denoising strength", strength)
    if isinstance(skip := newer.get("clipSkip"), int) and skip > 1:
        to.put("Clip skip", skip)
    for row in (*parts(found, "lora"), *parts(newer, "loras")):
        to.add_lora(words(row, "model", "file"), row.get("weight"))
    if parts(newer, "controls"):
        to.put("ControlNet", "used")
    return to.infotext()


def _first(found: Mapping[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if name in found), None)


def _listed(value: object) -> list[str]:
    """A list, or a text with commas."""
    if isinstance(value, list):
        return [str(one) for one in value if isinstance(one, (str, int, float))]
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else []


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _whole(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None
