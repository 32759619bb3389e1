"""The control of a request's field, from its words and its JSON schema: a new field needs no line here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gradio.components import Component

from modules.config.request_words import REQUEST_WORDS
from modules.hooks import Available
from modules.schema.hires_fields import HiresFields
from modules.schema.requests import REQUESTS, Task
from modules.ui.controls import (
    lay_out_choice,
    lay_out_colour,
    lay_out_line,
    lay_out_number,
    lay_out_number_box,
    lay_out_switch,
    lay_out_text,
)

LONGEST_SLIDER = 150
"""Whole numbers of a longer range are typed, and so is what is no whole number and no share."""
LARGEST_EXACT = 2**53
"""The numbers of a browser are whole up to here; longer ones travel as text."""
COMPOSED = {"init_images", "mask", "script_args", "sections"}
"""Fields that no single control holds: put together of a canvas, and of the controls of scripts and sections."""
SWITCHED = {
    "enable_hr": frozenset(HiresFields.model_fields) - {"enable_hr"},
    "refiner_checkpoint": frozenset({"refiner_switch_at", "refiner_switch_by_sample_steps", "hires_fix_refiner_pass"}),
    "soft_inpainting": frozenset(
        {
            "soft_inpainting_schedule_bias",
            "soft_inpainting_preservation_strength",
            "soft_inpainting_transition_contrast_boost",
            "soft_inpainting_mask_influence",
            "soft_inpainting_difference_threshold",
            "soft_inpainting_difference_contrast",
        }
    ),
    "sd_upscale_upscaler": frozenset({"sd_upscale_by", "sd_upscale_overlap"}),
}
"""The fields that count only where another one is switched on or chosen."""
_WIDTH = 240
_WHERE_EMPTY = {
    "eta": "As the settings say",
    "sigmas": "None",
    "hr_cfg_scale": "As in the first pass",
    "hr_prompt": "As in the first pass",
    "hr_negative_prompt": "As in the first pass",
    "firstpass_image": "None",
    "refiner_checkpoint": "None",
    "sd_vae": "As the settings say",
    "sd_upscale_upscaler": "Off",
    "hr_checkpoint_name": "As in the first pass",
    "hr_sampler_name": "As in the first pass",
    "hr_scheduler": "As in the first pass",
}
"""What an emptied field means, and a list's entry for it."""
_CHOICES = {
    "rng": [("Like an NVIDIA card (NV)", "NV"), ("Processor (CPU)", "CPU"), ("This device (GPU)", "GPU")],
    "tiling": [("Off", "None"), ("On both axes", "Both"), ("Left and right (X)", "X"), ("Above and below (Y)", "Y")],
}
"""Words for the values of a list, where the values alone say too little."""
_USUAL_ENDS: dict[str, tuple[float, float, float]] = {
    "hr_scale": (1, 4, 0.05),
    "sd_upscale_by": (1, 4, 0.05),
    "scale_by": (0.05, 4, 0.05),
    "image_cfg_scale": (0, 3, 0.05),
    "initial_noise_multiplier": (0, 1.5, 0.01),
    "inpaint_full_res_padding": (0, 256, 4),
    "outpaint_left": (0, 512, 8),
    "outpaint_right": (0, 512, 8),
    "outpaint_top": (0, 512, 8),
    "outpaint_bottom": (0, 512, 8),
    "outpaint_feather": (0, 128, 1),
    "soft_inpainting_schedule_bias": (0, 8, 0.1),
    "soft_inpainting_preservation_strength": (0, 8, 0.05),
    "soft_inpainting_transition_contrast_boost": (1, 32, 0.5),
    "soft_inpainting_difference_threshold": (0, 8, 0.25),
    "soft_inpainting_difference_contrast": (0, 8, 0.25),
}
"""Ends and step of sliders that stop where few want more; more can be typed."""


def element_id(name: str, task: str = "txt2img") -> str:
    """A field's name as the page's elements are called; ids of the tabs but txt2img begin with their names."""
    plain = name.replace("_", "-")
    return plain if task == "txt2img" else f"{task}-{plain}"


class RequestControls:
    """The controls of one task's request."""

    def __init__(self, task: Task, available: Available) -> None:
        self.task = task
        self._available = available
        self._schema = _SCHEMAS[task]

    def fields_of(self, group: str, without: Collection[str] = ()) -> list[str]:
        """The names of a group's fields in the order of the page, but for those that are laid out by hand."""
        return [
            name
            for name, words in REQUEST_WORDS.items()
            if words.group == group and name in self._schema and name not in COMPOSED and name not in without
        ]

    def lay_out(self, names: Iterable[str], values: Mapping[str, Any] | None = None) -> dict[str, Component]:
        """A control for each field, holding its default, or its entry in `values`."""
        given = values or {}
        return {name: self._lay_out_field(name, given.get(name, self.default_of(name))) for name in names}

    def default_of(self, name: str) -> Any:
        """What a field's control holds at first."""
        return held(name, self._schema[name]["default"])

    def choices_of(self, name: str) -> list[Any]:
        """What the list of a field offers."""
        return choices_of(name, self._available)

    def _lay_out_field(self, name: str, value: Any) -> Component:
        words, rules, place = REQUEST_WORDS[name], rules_of(name, self.task), element_id(name, self.task)
        shared: dict[str, Any] = {
            "label": words.label,
            "info": words.help[:1].upper() + words.help[1:],
            "min_width": _WIDTH,
        }
        if rules["type"] == "boolean":
            return lay_out_switch(place, value=value, **shared)
        if choices := choices_of(name, self._available):
            return lay_out_choice(place, choices, value, filterable=name in _WHERE_EMPTY, **shared)
        if str(rules.get("pattern", "")).startswith("^#"):
            return lay_out_colour(place, value=value, **shared)
        if name.endswith("prompt"):
            return lay_out_text(place, value=value, placeholder=_WHERE_EMPTY.get(name, ""), **shared)
        if isinstance(value, str):
            return lay_out_line(place, value=value, placeholder=_WHERE_EMPTY.get(name, value), **shared)
        if name not in _USUAL_ENDS and not _is_short(rules):
            return lay_out_number_box(place, value=value, placeholder=str(value), **shared)
        minimum, maximum, step = _USUAL_ENDS.get(name) or _ends_of(rules)
        return lay_out_number(place, value=value, minimum=minimum, maximum=maximum, step=step, **shared)


def choices_of(name: str, available: Available) -> list[Any]:
    """What the list of a field offers, with words for what is not there; empty for a field that is no list."""
    if name in _CHOICES:
        return _CHOICES[name]
    offered = list(available.choices_of(name))
    return [(_WHERE_EMPTY[name], ""), *offered] if offered and name in _WHERE_EMPTY else offered


def held(name: str, value: Any) -> Any:
    """A field's value as its control holds it: as text what may be empty, a list, or too long for a browser."""
    if isinstance(value, (list, tuple)) and rules_of(name).get("items", {}).get("type") == "number":
        return ", ".join(map(_digits, value))
    if value is None:
        return "" if name in _WHERE_EMPTY else None
    if _is_long(name):
        return str(value)
    return _digits(value) if name in _WHERE_EMPTY and isinstance(value, (int, float)) else value


def rules_of(name: str, task: Task | None = None) -> dict[str, Any]:
    """The schema of what a field holds where it holds anything; of either task if none is named."""
    tasks = [task] if task else [one for one in _SCHEMAS if name in _SCHEMAS[one]]
    rules = _SCHEMAS[tasks[0]][name]
    filled: dict[str, Any] = next((row for row in rules.get("anyOf", ()) if row["type"] != "null"), rules)
    return filled


def _is_long(name: str) -> bool:
    rules = rules_of(name)
    return bool(rules["type"] == "integer" and rules.get("maximum", 0) > LARGEST_EXACT)


def _digits(number: float) -> str:
    return repr(number).removesuffix(".0")


def _ends_of(rules: Mapping[str, Any]) -> tuple[float, float, float]:
    return rules["minimum"], rules["maximum"], rules.get("multipleOf", 1 if rules["type"] == "integer" else 0.01)


def _is_short(rules: Mapping[str, Any]) -> bool:
    """Whether a slider can reach every value that anybody wants."""
    if rules["type"] == "integer":
        return "multipleOf" in rules or bool(rules["maximum"] - rules["minimum"] <= LONGEST_SLIDER)
    return bool(rules["maximum"] <= 1)


_SCHEMAS: dict[Task, dict[str, dict[str, Any]]] = {
    task: request.model_json_schema()["properties"] for task, request in REQUESTS.items()
}
