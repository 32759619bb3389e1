"""InvokeAI: the chunk `invokeai_metadata` since version 3, `sd-metadata` and `dream` before."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from modules.gallery.foreign.foreign_json import object_of, part, parts, words
from modules.gallery.foreign.translation import Translation

PROGRAM = "InvokeAI"
_SAMPLERS = {
    "euler": "Euler",
    "euler_a": "Euler a",
    "heun": "Heun",
    "lms": "LMS",
    "kdpm_2": "DPM2",
    "kdpm_2_a": "DPM2 a",
    "dpmpp_2s": "DPM++ 2S a",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m": "DPM++ 3M SDE",
    "dpmpp_sde": "DPM++ SDE",
    "k_dpmpp_2": "DPM++ 2M",
    "k_dpm_2": "DPM2",
    "k_dpm_2_a": "DPM2 a",
    "k_euler_a": "Euler a",
    "pndm": "PLMS",
}
_HELPERS = (("controlnets", "ControlNet"), ("ipAdapters", "IP-Adapter"), ("t2iAdapters", "T2I-Adapter"))
_COMPEL = re.compile(r"[\w)\"'][+-]{1,5}(?=[\s,.)]|$)|\)[0-9]|\)\.(?:blend|and|swap)\(")
_LONGEST_COMMAND = 20_000
_SWITCHES = {
    "-s": "Steps",
    "-S": "Seed",
    "-C": "CFG scale",
    "-f": "Denoising strength",
    "-v": "Variation seed strength",
}


def infotext_of(texts: Mapping[str, str]) -> str:
    """The infotext; "" where these are no texts of InvokeAI."""
    if found := object_of(texts.get("invokeai_metadata", "")):
        return _of_metadata(found)
    if found := part(object_of(texts.get("sd-metadata", "")), "image"):
        return _of_older(found, object_of(texts.get("sd-metadata", "")))
    command = texts.get("dream", "") or texts.get("Dream", "")
    return _of_command(command) if command else ""


def _of_metadata(found: Mapping[str, Any]) -> str:
    to = Translation(PROGRAM)
    to.prompt, to.negative_prompt = words(found, "positive_prompt"), words(found, "negative_prompt")
    to.put("Steps", found.get("steps"))
    _put_sampler(to, words(found, "scheduler"))
    to.put("CFG scale", found.get("cfg_scale"))
    to.put("Seed", found.get("seed"))
    to.put_size(found.get("width"), found.get("height"))
    to.put_model("Model", _name_of(part(found, "model")))
    to.put_model("VAE", _name_of(part(found, "vae")))
    if words(found, "rand_device") == "cpu":
        to.put("RNG", "CPU")
    if found.get("cfg_rescale_multiplier"):
        to.put("CFG rescale", found["cfg_rescale_multiplier"])
    if isinstance(skip := found.get("clip_skip"), int) and skip > 0:
        to.put("Clip skip", skip + 1)  # where it is how many layers are left out
    if found.get("strength") is not None and words(found, "generation_mode", "init_image"):
        mode = words(found, "generation_mode")
        if "img2img" in mode or "inpaint" in mode or "outpaint" in mode or words(found, "init_image"):
            to.put("Denoising strength", found["strength"])
    axes = "".join(axis for axis in "xy" if found.get(f"seamless_{axis}") is True).upper()
    to.put("Tiling", {"XY": "True"}.get(axes, axes))
    for row in parts(found, "loras"):
        to.add_lora(_name_of(part(row, "lora", "model")), row.get("weight"))
    _put_the_rest(to, found)
    return to.infotext()


def _put_the_rest(to: Translation, found: Mapping[str, Any]) -> None:
    """What is not honoured here."""
    for name, key in _HELPERS:
        if used := parts(found, name):
            models = (_name_of(part(row, "control_model", "ip_adapter_model", "t2i_adapter_model")) for row in used)
            to.put(key, ", ".join(model for model in models if model) or "used")
    to.put("Style prompt", found.get("positive_style_prompt"))
    to.put_model("SDXL refiner", _name_of(part(found, "refiner_model")))
    if found.get("hrf_enabled"):
        to.put("High resolution fix", f"denoising strength {found.get('hrf_strength')}")
    _put_syntax(to)


def _of_older(found: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    to = Translation(PROGRAM)
    given = found.get("prompt")
    pieces = [words(row, "prompt") for row in parts(found, "prompt")] if isinstance(given, list) else [str(given or "")]
    _put_prompts(to, ", ".join(pieces))
    to.put("Steps", found.get("steps"))
    _put_sampler(to, words(found, "sampler"))
    to.put("CFG scale", found.get("cfg_scale"))
    to.put("Seed", found.get("seed"))
    to.put_size(found.get("width"), found.get("height"))
    to.put_model("Model", whole.get("model_weights"))
    if words(found, "type") == "img2img":
        to.put("Denoising strength", found.get("strength"))
    if found.get("seamless"):
        to.put("Tiling", "True")
    to.put("Post-processing", "used" if found.get("postprocessing") else "")
    _put_syntax(to)
    return to.infotext()


def _of_command(command: str) -> str:
    """A line such as "a fish" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms."""
    to = Translation(PROGRAM)
    if len(command) > _LONGEST_COMMAND:
        return ""
    try:
        pieces = shlex.split(command)
    except ValueError:
        return ""
    values = dict(_switches(pieces[1:]))
    _put_prompts(to, pieces[0] if pieces else "")
    for switch, key in _SWITCHES.items():
        to.put(key, values.get(switch))
    _put_sampler(to, values.get("-A", ""))
    sides = [values.get(switch, "") for switch in ("-W", "-H")]
    if all(side.isascii() and side.isdecimal() and len(side) < 6 for side in sides):
        to.put_size(*map(int, sides))
    _put_syntax(to)
    return to.infotext()


def _switches(pieces: list[str]) -> Iterator[tuple[str, str]]:
    """A switch and its value, which may be written together."""
    for place, piece in enumerate(pieces):
        if len(piece) > 2 and piece[0] == "-" and piece[1] != "-":
            yield piece[:2], piece[2:].lstrip("=")
        elif piece.startswith("-") and place + 1 < len(pieces):
            yield piece, pieces[place + 1]


def _put_prompts(to: Translation, text: str) -> None:
    """Older versions have the negative prompt in brackets within the prompt."""
    to.negative_prompt = ", ".join(piece.strip() for piece in re.findall(r"\[([^\[\]]*)\]", text))
    to.prompt = re.sub(r"\s*\[[^\[\]]*\]", "", text).strip()


def _put_sampler(to: Translation, name: str) -> None:
    """An ending _k is the schedule of Karras."""
    if name in _SAMPLERS:
        to.put_sampler(_SAMPLERS[name])
    elif name.endswith("_k"):
        to.put_sampler(_SAMPLERS.get(name[:-2], name[:-2]), "Karras")
    else:
        to.put_sampler(name)


def _put_syntax(to: Translation) -> None:
    if _COMPEL.search(to.prompt[:20_000]) or _COMPEL.search(to.negative_prompt[:20_000]):
        to.put("Prompt syntax", "Compel")


def _name_of(model: Mapping[str, Any]) -> str:
    return words(model, "model_name", "name", "key")
