"""What an infotext means that an older version wrote: fields which that version had no key for.

A1111's versions are those of its key `Version`; a text without one, or of another program, is taken as it stands.
Ours have the key `Infotext version`, which the texts of the first version lack.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from modules.schema.infotext_form import Infotext

INFOTEXT_VERSION = 2
VERSION_KEY = "Infotext version"
PROGRAM = "Atelier"
Version = tuple[int, int, int, int]

_LONGEST_VERSION = 64
_LONGEST_SIDE = 6
_OLD_FIRST_PASS, _OLD_STEP = 512, 64
"""In pixels: the side of the square that a first pass was as large as, and what its sides were multiples of."""
_TOKENS_OF_A_CHUNK = 75
_SCHEDULE_OF_ITS_OWN_SINCE_1_9 = frozenset(
    {"DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE", "DPM2", "DPM2 a"}
)
"""Until then their plain names meant the uniform schedule, and "DPM++ 2M Karras" was another sampler."""


def version_of(text: str) -> Version | None:
    """Major, minor, patch and commits since of "v1.7.0-225-gabcdef0"; None for what is no version of A1111.

    Forge's "f2.0.1v1.10.1-previous-..." is 1.10.1.
    """
    numbers, *since = text[:_LONGEST_VERSION].split("-")
    parts = numbers.rpartition("v")[2].split(".")
    if not (2 <= len(parts) <= 3 and all(_is_number(part) for part in parts)):
        return None
    major, minor, patch = [int(part) for part in [*parts, "0"][:3]]
    return major, minor, patch, int(since[0]) if since and _is_number(since[0]) else 0


def older_meaning(infotext: Infotext) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """Fields that follow from the version, and (key, value, why) of what follows and cannot be honoured.

    A key that stands in the text itself goes before them.
    """
    given = infotext.parameters
    written_by = given.get("Version", "")
    if written_by.startswith(PROGRAM):
        return _older_meaning_of_ours(infotext)
    version = version_of(written_by)
    return ({}, []) if version is None else _older_meaning_of_a1111(infotext, version)


def with_new_sizes(infotext: Infotext) -> Infotext:
    """The same with the sizes of both passes as A1111 has written them since 2023.

    Until then `Size` was that of the finished picture, and `First pass size` that of the first pass, where 0x0 stood
    for about 512 x 512 pixels in the shape of the picture.
    """
    given = dict(infotext.parameters)
    sides = [given.get(key, "") for key in ("First pass size-1", "First pass size-2", "Size-1", "Size-2")]
    if "Denoising strength" not in given or not all(_is_number(side) and len(side) <= _LONGEST_SIDE for side in sides):
        return infotext
    first_width, first_height, width, height = map(int, sides)
    if not (width and height):
        return infotext
    if not (first_width and first_height):
        factor = math.sqrt(_OLD_FIRST_PASS**2 / (width * height))
        first_width, first_height = (math.ceil(factor * side / _OLD_STEP) * _OLD_STEP for side in (width, height))
    del given["First pass size-1"], given["First pass size-2"]
    given |= {"Size-1": str(first_width), "Size-2": str(first_height)}
    given |= {"Hires resize-1": str(width), "Hires resize-2": str(height)}
    return dataclasses.replace(infotext, parameters=given)


def _older_meaning_of_a1111(infotext: Infotext, version: Version) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    given = infotext.parameters
    fields: dict[str, Any] = {}
    lost: list[tuple[str, str, str]] = []
    if version < (1, 6, 0, 0) and any("[" in text for text in _texts(infotext)):
        fields["old_prompt_timelines"] = True
    if version < (1, 6, 0, 0) and given.get("Sampler") in ("DDIM", "PLMS") and _may_need_two_chunks(infotext):
        why = "this sampler then brought prompts of unequal length to one length by repeating the end"
        lost.append(("Version", given["Version"], why))
    if version < (1, 7, 0, 225):
        fields["downcast_alphas_cumprod"] = True
    if version < (1, 8, 0, 0) and "Refiner" in given:
        fields["refiner_switch_by_sample_steps"] = True
    if version < (1, 9, 0, 0) and given.get("Sampler") in _SCHEDULE_OF_ITS_OWN_SINCE_1_9:
        fields["scheduler"] = "Uniform"
    return fields, lost


def _older_meaning_of_ours(infotext: Infotext) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    given: Mapping[str, str] = infotext.parameters
    version = given.get(VERSION_KEY, "1")
    if version == str(INFOTEXT_VERSION):
        return {}, []
    if version != "1":
        return {}, [(VERSION_KEY, version, "a newer version wrote this, and may mean something else by the other keys")]
    fields: dict[str, Any] = {}
    if any(mark in infotext.prompt + infotext.negative_prompt for mark in "()[]\\"):
        fields["emphasis"] = "None"
    if _may_need_two_chunks(infotext):
        fields |= {"comma_padding_backtrack": 0, "pad_cond_uncond": True}
    return fields, []


def _may_need_two_chunks(infotext: Infotext) -> bool:
    """Whether a prompt may be too long for one chunk: a token is at least one byte."""
    return any(
        len(text.encode("utf-8", "replace")) > _TOKENS_OF_A_CHUNK or "BREAK" in text for text in _texts(infotext)
    )


def _texts(infotext: Infotext) -> tuple[str, ...]:
    """All prompts, those of a second pass too."""
    second_pass = (infotext.parameters.get(key, "") for key in ("Hires prompt", "Hires negative prompt"))
    return infotext.prompt, infotext.negative_prompt, *second_pass


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
