"""The card of a checkpoint: a JSON file of the same name beside it, A1111's user metadata with additions.

    {"description": "...", "notes": "...", "sd version": "SD1",
     "recommended": {"width": 256, "height": 256, "steps": 20, "cfg_scale": 7, "sampler_name": "...",
                     "scheduler": "..."},
     "example_prompts": ["...", ...]}

Every part may be missing; a part of the wrong kind counts as missing.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.checkpoints.identification import Family, identify
from modules.errors import UserError

log = logging.getLogger(__name__)

_SIDES: dict[Family, int] = {"sd1": 512, "sd2": 512, "sdxl": 1024, "sdxl-refiner": 1024}
_SIDE_OF_SD2_V = 768


@dataclass(frozen=True)
class Recommended:
    """The settings a checkpoint is best run with. The defaults suit Stable Diffusion 1.x and are A1111's."""

    width: int = 512
    height: int = 512
    steps: int = 20
    cfg_scale: float = 7.0
    sampler_name: str = "DPM++ 2M"
    scheduler: str = "Automatic"


@dataclass(frozen=True)
class Card:
    """What is known of a checkpoint besides its weights."""

    description: str = ""
    recommended: Recommended = Recommended()
    example_prompts: tuple[str, ...] = ()


def read_card(checkpoint: Path) -> Card:
    """The card of a checkpoint file or folder; that of its family where there is none or it cannot be read."""
    path = checkpoint.with_name((checkpoint.name if checkpoint.is_dir() else checkpoint.stem) + ".json")
    usual = usual_settings(checkpoint)
    if not path.is_file():
        return Card(recommended=usual)
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        log.warning("The card %s cannot be read and is left out: %s", path, error)
        return Card(recommended=usual)
    if not isinstance(content, dict):
        log.warning("The card %s is no JSON object and is left out", path)
        return Card(recommended=usual)
    examples = content.get("example_prompts")
    return Card(
        description=_text(content.get("description")),
        recommended=_recommended(content.get("recommended"), usual),
        example_prompts=tuple(filter(None, map(_text, examples))) if isinstance(examples, list) else (),
    )


def usual_settings(checkpoint: Path) -> Recommended:
    """What suits a diffusers folder of its family; of one that cannot be read, what suits Stable Diffusion 1."""
    try:
        identity = identify(checkpoint, checkpoint.name)
    except (OSError, ValueError, UserError):
        return Recommended()  # loading it will say what is wrong
    is_sd2_v = identity.family == "sd2" and identity.prediction_type == "v_prediction"
    side = _SIDE_OF_SD2_V if is_sd2_v else _SIDES[identity.family]
    return Recommended(width=side, height=side)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _recommended(content: Any, usual: Recommended) -> Recommended:
    given = content if isinstance(content, dict) else {}

    def number(name: str) -> Any:
        value = given.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return getattr(usual, name)
        return value if math.isfinite(value) and value > 0 else getattr(usual, name)

    return Recommended(
        width=int(number("width")),
        height=int(number("height")),
        steps=int(number("steps")),
        cfg_scale=float(number("cfg_scale")),
        sampler_name=_text(given.get("sampler_name")) or usual.sampler_name,
        scheduler=_text(given.get("scheduler")) or usual.scheduler,
    )
