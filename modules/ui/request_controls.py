"""The control of a request's field, from its words and its JSON schema: a new field needs no line here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gradio.components import Component

from modules.config.request_words import REQUEST_WORDS
from modules.schema.requests import Txt2ImgRequest
from modules.ui.controls import (
    lay_out_choice,
    lay_out_line,
    lay_out_number,
    lay_out_number_box,
    lay_out_switch,
)

LONGEST_SLIDER = 150
"""Whole numbers of a longer range are typed, and so is what is no whole number and no share."""
LARGEST_EXACT = 2**53
"""The numbers of a browser are whole up to here; longer ones travel as text."""
_WIDTH = 240
_WHERE_EMPTY = {"eta": "The sampler's own", "sigmas": "None"}
_CHOICES = {"rng": [("Like an NVIDIA card (NV)", "NV"), ("Processor (CPU)", "CPU"), ("This device (GPU)", "GPU")]}
"""Words for the values of a list, where the values alone say too little."""

_SCHEMA: dict[str, dict[str, Any]] = Txt2ImgRequest.model_json_schema()["properties"]


def fields_of(group: str, without: Collection[str]) -> list[str]:
    """The names of a group's fields in the order of the page, but for those that are laid out by hand."""
    return [name for name, words in REQUEST_WORDS.items() if words.group == group and name not in without]


def lay_out_fields(names: Collection[str], values: Mapping[str, Any]) -> dict[str, Component]:
    """A control for each field, holding its default, or its entry in `values`."""
    return {name: _lay_out_field(name, values.get(name, default_of(name))) for name in names}


def default_of(name: str) -> Any:
    """What a field's control holds at first."""
    return held(name, _SCHEMA[name]["default"])


def held(name: str, value: Any) -> Any:
    """A field's value as its control holds it: as text what may be empty, a list, or too long for a browser."""
    if _rules(name).get("items", {}).get("type") == "number":
        return ", ".join(map(_digits, value))
    if _is_long(name):
        return str(value)
    return ("" if value is None else _digits(value)) if name in _WHERE_EMPTY else value


def element_id(name: str) -> str:
    """A field's name as the page's elements are called."""
    return name.replace("_", "-")


def _lay_out_field(name: str, value: Any) -> Component:
    words, rules = REQUEST_WORDS[name], _rules(name)
    shared: dict[str, Any] = {
        "label": words.label,
        "info": words.help[:1].upper() + words.help[1:],
        "min_width": _WIDTH,
    }
    if rules["type"] == "boolean":
        return lay_out_switch(element_id(name), value=value, **shared)
    if "enum" in rules:
        return lay_out_choice(element_id(name), _CHOICES.get(name, rules["enum"]), value, **shared)
    if isinstance(value, str):
        placeholder = _WHERE_EMPTY.get(name, value)
        return lay_out_line(element_id(name), value=value, placeholder=placeholder, **shared)
    if not _is_short(rules):
        return lay_out_number_box(element_id(name), value=value, placeholder=str(value), **shared)
    step = rules.get("multipleOf", 1 if rules["type"] == "integer" else 0.01)
    ends = {"minimum": rules["minimum"], "maximum": rules["maximum"]}
    return lay_out_number(element_id(name), value=value, step=step, **ends, **shared)


def _rules(name: str) -> dict[str, Any]:
    """The schema of what a field holds where it holds anything."""
    rules = _SCHEMA[name]
    filled: dict[str, Any] = next((row for row in rules.get("anyOf", ()) if row["type"] != "null"), rules)
    return filled


def _is_long(name: str) -> bool:
    return bool(_rules(name)["type"] == "integer" and _rules(name)["maximum"] > LARGEST_EXACT)


def _digits(number: float) -> str:
    return repr(number).removesuffix(".0")


def _is_short(rules: Mapping[str, Any]) -> bool:
    """Whether a slider can reach every value that anybody wants."""
    if rules["type"] == "integer":
        return "multipleOf" in rules or bool(rules["maximum"] - rules["minimum"] <= LONGEST_SLIDER)
    return bool(rules["maximum"] <= 1)
