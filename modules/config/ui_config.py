"""The file ui-config.json: other defaults and limits of the page's controls, with A1111's keys or names of ours.

    {"txt2img/Sampling steps/value": 28, "txt2img/Width/maximum": 1536, "img2img/denoising_strength/value": 0.5}

Standard library only. Whether a value can be used is for whoever lays out the control to say.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.config.request_words import REQUEST_WORDS

log = logging.getLogger(__name__)

PROPERTIES = ("value", "minimum", "maximum", "step", "visible")
MAX_FILE_BYTES = 4 * 2**20
MOST_TOLD = 20
_TASKS = ("txt2img", "img2img")
_OF_SCRIPT = "customscript"
"""How keys of what A1111 has in scripts of its own begin: customscript/seed.py/txt2img/Seed/value."""
_A1111_LABELS = {
    "sampling method": "sampler_name",
    "sampling steps": "steps",
    "hires. fix": "enable_hr",
    "upscaler": "hr_upscaler",
    "upscale by": "hr_scale",
    "hires steps": "hr_second_pass_steps",
    "resize width to": "hr_resize_x",
    "resize height to": "hr_resize_y",
    "hires sampling method": "hr_sampler_name",
    "hires cfg scale": "hr_cfg_scale",
    "variation strength": "subseed_strength",
    "resize seed from width": "seed_resize_from_w",
    "resize seed from height": "seed_resize_from_h",
    "switch at": "refiner_switch_at",
    "scale": "scale_by",
    "mask blur": "mask_blur_x",
    "masked content": "inpainting_fill",
    "only masked padding, pixels": "inpaint_full_res_padding",
}
"""Where A1111 calls a control otherwise than we do."""
_LABELS = {**{words.label.lower(): name for name, words in REQUEST_WORDS.items()}, **_A1111_LABELS}

Override = Mapping[str, Any]
"""What is to be another of one control, by the names of PROPERTIES."""


@dataclass(frozen=True)
class UiConfig:
    """What the file says of the tabs that generate."""

    controls: Mapping[str, Mapping[str, Override]] = field(default_factory=dict)
    """By task and field."""
    unknown: tuple[str, ...] = ()
    """Keys that name no control, or nothing of one that could be another."""

    def of(self, task: str) -> Mapping[str, Override]:
        """The controls of a task, by the names of their fields."""
        return self.controls.get(task, {})


def read_ui_config(path: Path) -> UiConfig:
    """What the file says; nothing where there is none or it cannot be read, which is logged like unknown keys."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            log.warning("%s is larger than %d MB and is not read", path, MAX_FILE_BYTES // 2**20)
            return UiConfig()
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return UiConfig()
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read (%s); the controls have their own defaults", path, error)
        return UiConfig()
    if not isinstance(content, dict):
        log.warning("%s holds no object of keys and values; the controls have their own defaults", path)
        return UiConfig()
    found = _sorted_out(content)
    if found.unknown:
        more = len(found.unknown) - MOST_TOLD
        told = ", ".join(found.unknown[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
        log.warning("%s has %d keys that are not known here: %s", path, len(found.unknown), told)
    return found


def _sorted_out(content: Mapping[str, Any]) -> UiConfig:
    controls: dict[str, dict[str, dict[str, Any]]] = {}
    unknown = []
    for key, value in content.items():
        place = _place_of(key)
        if place is None:
            unknown.append(key)
            continue
        task, name, what = place
        controls.setdefault(task, {}).setdefault(name, {})[what] = value
    return UiConfig(controls, tuple(unknown))


def _place_of(key: str) -> tuple[str, str, str] | None:
    """Task, field and property that a key means; None for one that means nothing here."""
    parts = key.split("/")
    script = ""
    if parts[0] == _OF_SCRIPT:
        script, parts = "".join(parts[1:2]), parts[2:]
    if len(parts) < 3 or parts[0] not in _TASKS or parts[-1] not in PROPERTIES:
        return None
    label = "/".join(parts[1:-1]).strip()
    if script == "refiner.py" and label == "Checkpoint":
        return parts[0], "refiner_checkpoint", parts[-1]
    name = label if label in REQUEST_WORDS else _LABELS.get(label.lower())
    return (parts[0], name, parts[-1]) if name else None
