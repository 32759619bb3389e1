"""The control of a field of Extras, from its words and its JSON schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gradio.components import Component

from modules.config.extras_words import EXTRAS_WORDS
from modules.schema.extras_request import ExtrasRequest
from modules.ui.controls import (
    lay_out_choice,
    lay_out_number,
    lay_out_number_box,
    lay_out_one_of,
    lay_out_switch,
    lay_out_ticks,
)
from modules.ui.request_controls import element_id
from modules.upscaling.registry import LANCZOS, NONE

PLACE = "extras"
"""What the ids of the tab's elements begin with."""
UPSCALERS = ("upscaler_1", "upscaler_2")
_BEST_UPSCALER = "atelier-x2"
_SIDES = (64, 2048, 8)
_USUAL_ENDS: dict[str, tuple[float, float, float]] = {
    "upscaling_resize": (1, 8, 0.05),
    "crop_width": _SIDES,
    "crop_height": _SIDES,
    "min_side": _SIDES,
    "max_side": _SIDES,
}
"""Ends and step of sliders that stop where few want more; more can be typed."""
_HELP = {
    "upscaling_resize": "How many times as wide and high",
    "upscaling_crop": "Cut off what does not fit into width and height",
    "upscale_first": "Enlarge first",
    "flipped_copies": "Mirrored copies besides each result",
}
"""Where the usual words are about the command line."""
_RULES: dict[str, dict[str, Any]] = ExtrasRequest.model_json_schema()["properties"]


def lay_out_fields(names: Iterable[str], upscalers: Sequence[str]) -> dict[str, Component]:
    """A control for each field, holding what is usual; `upscalers` are the names of those that are there."""
    return {name: _lay_out_field(name, upscalers) for name in names}


def usual_upscaler(name: str, upscalers: Sequence[str]) -> str:
    """What the list of an upscaler field holds at first."""
    best = _BEST_UPSCALER if _BEST_UPSCALER in upscalers else LANCZOS
    return best if name == UPSCALERS[0] else NONE


def _lay_out_field(name: str, upscalers: Sequence[str]) -> Component:
    words, rules, place = EXTRAS_WORDS[name], _RULES[name], element_id(name, PLACE)
    help = _HELP.get(name, f"{words.help[:1].upper()}{words.help[1:]}")
    shared: dict[str, Any] = {"label": words.label, "info": help, "min_width": 240}
    value: Any = rules.get("default")
    if name in UPSCALERS:
        return lay_out_choice(place, list(upscalers), usual_upscaler(name, upscalers), **shared)
    if name == "resize_mode":
        return lay_out_one_of(place, rules["enum"], value, label=words.label, classes=["resize-mode"])
    if rules["type"] == "array":
        return lay_out_ticks(place, rules["items"]["enum"], label=words.label, info=help)
    if "enum" in rules:
        return lay_out_choice(place, rules["enum"], value, **shared)
    if rules["type"] == "boolean":
        return lay_out_switch(place, value=value, **shared)
    ends = _USUAL_ENDS.get(name, (0, rules["maximum"], 0.01) if rules["maximum"] <= 1 else None)
    if ends is None:
        return lay_out_number_box(place, value=value, placeholder=str(value), **shared)
    minimum, maximum, step = ends
    return lay_out_number(place, value=value, minimum=minimum, maximum=maximum, step=step, **shared)
