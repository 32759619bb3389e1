"""Fooocus: JSON under `parameters`, or a text in A1111's form with names of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.gallery.foreign.foreign_json import object_of, words
from modules.gallery.foreign.translation import Translation, known_sampler, known_schedule
from modules.schema.infotext_form import Infotext, write_form

PROGRAM = "Fooocus"
_SIDES = re.compile(r"\(?\s*(\d{2,5})\D{1,5}(\d{2,5})\s*\)?")
_NO_VAE = "Default (model)"
_MOST_LORAS = 20
_REST = {
    "Performance": ("performance", "Performance"),
    "Fooocus styles": ("styles", "Styles"),
    "Sharpness": ("sharpness", "Sharpness"),
    "ADM Guidance": ("adm_guidance", "ADM Guidance"),
    "Adaptive CFG": ("adaptive_cfg", "CFG Mimicking from TSNR"),
    "FreeU": ("freeu", "FreeU"),
    "Inpaint engine": ("inpaint_engine_version",),
}
"""What is not honoured here, by the names that Fooocus has for it."""


def infotext_of(texts: Mapping[str, str]) -> str:
    """The infotext; "" where these are no texts of Fooocus."""
    found = object_of(texts.get("parameters", ""))
    named = words(found, "version", "Version")
    is_one = texts.get("fooocus_scheme") == "fooocus" or named.startswith(PROGRAM) or "base_model" in found
    return _of_json(found) if found and is_one else ""


def with_our_names(parsed: Infotext) -> str | None:
    """A text that Fooocus wrote in A1111's form, with our names; None where another program wrote it."""
    given = dict(parsed.parameters)
    if not given.get("Version", "").startswith(PROGRAM):
        return None
    schedule = given.pop("Scheduler", "")
    if "Sampler" in given:
        given["Sampler"], combined = known_sampler(given["Sampler"])
        schedule = schedule or combined or ""
    if schedule:
        given["Schedule type"] = known_schedule(schedule)
    if given.get("VAE") == _NO_VAE:
        del given["VAE"]
    if "Styles" in given:
        given["Fooocus styles"] = given.pop("Styles")
    weights = re.findall(r"([^,:]+): (-?[0-9.]+)", given.pop("Lora weights", ""))[:_MOST_LORAS]
    tags = "".join(f" <lora:{name.strip()}:{weight}>" for name, weight in weights)
    for name in ("Raw prompt", "Raw negative prompt"):
        given.pop(name, None)  # the words before its styles: those that were painted come first
    if {"Size-1", "Size-2"} <= given.keys():
        given["Size"] = f"{given.pop('Size-1')}x{given.pop('Size-2')}"
    version = {"Version": given.pop("Version")}
    return write_form(parsed.prompt + tags, parsed.negative_prompt, given, last=version)


def _of_json(found: Mapping[str, Any]) -> str:
    to = Translation(PROGRAM)
    to.prompt = _painted(found, "full_prompt") or words(found, "prompt", "Prompt")
    to.negative_prompt = _painted(found, "full_negative_prompt") or words(found, "negative_prompt", "Negative Prompt")
    to.put("Steps", found.get("steps", found.get("Steps")))
    to.put_sampler(words(found, "sampler", "Sampler"), words(found, "scheduler", "Scheduler"))
    to.put("CFG scale", found.get("guidance_scale", found.get("Guidance Scale")))
    to.put("Seed", found.get("seed", found.get("Seed")))
    if sides := _SIDES.fullmatch(words(found, "resolution", "Resolution").strip()):
        to.put_size(int(sides[1]), int(sides[2]))
    to.put_model("Model", words(found, "base_model", "Base Model"))
    if (refiner := words(found, "refiner_model", "Refiner Model")) not in ("", "None"):
        to.put_model("Refiner", refiner)
        to.put("Refiner switch at", found.get("refiner_switch", found.get("Refiner Switch")))
    if (vae := words(found, "vae", "VAE")) not in ("", _NO_VAE):
        to.put_model("VAE", vae)
    to.put("RNG", "CPU")
    _put_loras(to, found)
    for key, names in _REST.items():
        to.put(key, next((found[name] for name in names if name in found), None))
    return to.infotext()


def _painted(found: Mapping[str, Any], name: str) -> str:
    """The prompt with what its styles added, which is a list of pieces."""
    pieces = found.get(name)
    return ", ".join(piece for piece in pieces if isinstance(piece, str)) if isinstance(pieces, list) else ""


def _put_loras(to: Translation, found: Mapping[str, Any]) -> None:
    rows = found.get("loras")
    for row in rows[:_MOST_LORAS] if isinstance(rows, list) else ():
        if isinstance(row, list) and len(row) >= 2:
            to.add_lora(row[0], row[1])
    for number in range(1, _MOST_LORAS + 1):
        pieces = words(found, f"lora_combined_{number}", f"LoRA {number}").split(" : ")
        if len(pieces) == 3 and pieces[0] != "True":
            continue
        if len(pieces) >= 2 and pieces[-2] != "None":
            to.add_lora(pieces[-2], _number(pieces[-1]))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
