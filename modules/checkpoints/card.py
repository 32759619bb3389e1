"""The card of a model: what the files beside it say, A1111's user metadata with additions before all others.

    {"description": "...", "notes": "...", "sd version": "SD1", "activation text": "...", "preferred weight": 0.8,
     "negative text": "...", "vae": "...",
     "recommended": {"width": 256, "height": 256, "steps": 20, "cfg_scale": 7, "sampler_name": "...",
                     "scheduler": "..."},
     "example_prompts": ["...", ...]}

Every part may be missing; a part of the wrong kind counts as missing. Texts are plain text, whatever they hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeGuard

from modules.checkpoints.identification import Family, Prediction, identify
from modules.checkpoints.side_files import SideFiles
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.errors import InvalidRequest, UserError

_SIDES: dict[Family, int] = {"sd1": 512, "sd2": 512, "sdxl": 1024, "sdxl-refiner": 1024}
_SIDE_OF_SD2_V = 768
_LONGEST = 20_000
_MOST_WORDS = 100

_FAMILIES: tuple[tuple[str, Family], ...] = (
    ("sdxlrefiner", "sdxl-refiner"),
    *((name, "sdxl") for name in ("sdxl", "pony", "illustrious", "noobai")),
    ("sd2", "sd2"),
    ("sd1", "sd1"),
)
"""How the names begin that A1111 and Civitai have for families, without spaces and in lower case."""

SD_VERSIONS: dict[Family, str] = {"sd1": "SD1", "sd2": "SD2", "sdxl": "SDXL", "sdxl-refiner": "SDXL"}
"""A1111's own names for them."""

TEXT_FIELDS = {
    "description": "description",
    "notes": "notes",
    "base_model": "sd version",
    "activation_text": "activation text",
    "negative_text": "negative text",
    "vae": "vae",
}
"""The texts of a card that can be edited, and their keys in the file."""
_WEIGHT = "preferred weight"


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
    """What is known of a model besides its weights; texts are "" where nobody wrote them."""

    description: str = ""
    recommended: Recommended = Recommended()
    example_prompts: tuple[str, ...] = ()
    notes: str = ""
    title: str = ""
    """What Civitai calls it."""
    base_model: str = ""
    """What it was made for, in the words of whoever wrote that down."""
    activation_text: str = ""
    """Goes into the prompt with it."""
    negative_text: str = ""
    """Goes into the negative prompt with it."""
    trained_words: tuple[str, ...] = ()
    """Civitai's."""
    preferred_weight: float | None = None
    vae: str = ""
    """The VAE to use with it, by A1111's name."""

    @property
    def family(self) -> Family | None:
        """That of the base model, where it is one that is known."""
        return family_named(self.base_model)

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """What makes it show: the activation text that a person wrote, or else Civitai's words."""
        return (self.activation_text,) if self.activation_text else self.trained_words


def read_card(checkpoint: Path, identity: WeightsIdentity | None = None, sides: SideFiles | None = None) -> Card:
    """The card of a file or folder; what suits its family where nothing is recommended.

    `identity` is asked for the family; without one, that of a diffusers folder is looked up.
    """
    sides = sides or SideFiles(checkpoint)
    usual = (
        usual_settings(checkpoint) if identity is None else recommended_for(identity.family, identity.prediction_type)
    )
    content, civitai = sides.user_metadata(), sides.civitai()
    model = civitai.get("model")
    weight = content.get(_WEIGHT)
    return Card(
        description=_text(content.get("description")) or _text(sides.description()),
        recommended=_recommended(content.get("recommended"), usual),
        example_prompts=_texts(content.get("example_prompts")),
        notes=_text(content.get("notes")),
        title=_text(model.get("name")) if isinstance(model, dict) else "",
        base_model=_known(_text(content.get("sd version"))) or _text(civitai.get("baseModel")),
        activation_text=_text(content.get("activation text")),
        negative_text=_text(content.get("negative text")),
        trained_words=_texts(civitai.get("trainedWords")),
        preferred_weight=float(weight) if _is_number(weight) and weight else None,  # A1111's 0 says nothing
        vae=_text(content.get("vae")),
    )


def write_card(sides: SideFiles, changes: Mapping[str, Any]) -> None:
    """Set some fields of a card by their names; None takes one away. What A1111 wrote besides them stays.

    Fields are those of TEXT_FIELDS, preferred_weight, example_prompts and recommended. Raises InvalidRequest,
    StorageFull.
    """
    content: dict[str, Any] = {}
    for name, value in changes.items():
        key = {**TEXT_FIELDS, "preferred_weight": _WEIGHT}.get(name, name)
        content[key] = None if value is None else _checked(name, value)
    sides.write_user_metadata(content)


def family_named(text: str) -> Family | None:
    """The family that A1111 ("SDXL") or Civitai ("SD 1.5", "Pony") means; None where it is none that can be run."""
    name = text.replace(" ", "").replace("_", "").replace("-", "").lower()
    return next((family for beginning, family in _FAMILIES if name.startswith(beginning)), None)


def usual_settings(checkpoint: Path) -> Recommended:
    """What suits a diffusers folder of its family; of one that cannot be read, what suits Stable Diffusion 1."""
    try:
        identity = identify(checkpoint, checkpoint.name)
    except (OSError, ValueError, UserError):
        return Recommended()  # loading it will say what is wrong
    return recommended_for(identity.family, identity.prediction_type)


def recommended_for(family: Family | None, prediction: Prediction | None) -> Recommended:
    """What suits a family; where that is not known, what suits Stable Diffusion 1."""
    is_sd2_v = family == "sd2" and prediction == "v_prediction"
    side = _SIDE_OF_SD2_V if is_sd2_v else _SIDES.get(family or "sd1", 512)
    return Recommended(width=side, height=side)


def _checked(name: str, value: Any) -> Any:
    """A value for the file. Raises InvalidRequest."""
    if name in TEXT_FIELDS and isinstance(value, str) and len(value) <= _LONGEST:
        return value
    if name == "preferred_weight" and _is_number(value):
        return value
    if name == "example_prompts" and isinstance(value, (list, tuple)) and len(value) == len(_texts(value)):
        return list(value)
    if name == "recommended" and isinstance(value, (Recommended, Mapping)):
        given = value if isinstance(value, Mapping) else vars(value)
        usual = Recommended()
        if all(hasattr(usual, key) and _fits(one, getattr(usual, key)) for key, one in given.items()):
            return dict(given)
    known = (*TEXT_FIELDS, "preferred_weight", "example_prompts", "recommended")
    if name not in known:
        raise InvalidRequest("Field", name, "is none of a card", f"Choose one of: {', '.join(known)}.")
    raise InvalidRequest(
        name.replace("_", " ").capitalize(),
        value,
        "cannot be written on a card",
        f"Texts have up to {_LONGEST:,} characters, numbers are finite, sizes and steps above 0.",
    )


def _fits(value: Any, usual: Any) -> bool:
    if isinstance(usual, str):
        return isinstance(value, str) and len(value) <= _LONGEST
    return _is_number(value) and value > 0


def _is_number(value: Any) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1 << 53


def _known(text: str) -> str:
    """What A1111 writes where nobody chose anything says nothing."""
    return "" if text.lower() == "unknown" else text


def _text(value: Any) -> str:
    return value.strip()[:_LONGEST] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, value[:_MOST_WORDS]))) if isinstance(value, (list, tuple)) else ()


def _recommended(content: Any, usual: Recommended) -> Recommended:
    given = content if isinstance(content, dict) else {}
    values: dict[str, Any] = {}
    for row in fields(Recommended):
        value, instead = given.get(row.name), getattr(usual, row.name)
        if isinstance(instead, str):
            values[row.name] = _text(value) or instead
        else:
            values[row.name] = type(instead)(value) if _is_number(value) and value > 0 else instead
    return Recommended(**values)
