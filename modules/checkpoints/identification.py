"""What a diffusers folder holds, told from its configurations alone: no weights are read, and no torch is needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modules.errors import UnsupportedModel

Family = Literal["sd1", "sd2", "sdxl", "sdxl-refiner"]
Prediction = Literal["epsilon", "v_prediction"]

_PREDICTIONS: tuple[Prediction, ...] = ("epsilon", "v_prediction")
_OF_ONE_ENCODER = (
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInstructPix2PixPipeline",
)
_XL = (
    "StableDiffusionXLPipeline",
    "StableDiffusionXLImg2ImgPipeline",
    "StableDiffusionXLInpaintPipeline",
    "StableDiffusionXLInstructPix2PixPipeline",
)


@dataclass(frozen=True)
class Identity:
    """The kind of a checkpoint. What its network sees beside the latents is told by the network's channels."""

    family: Family
    prediction_type: Prediction
    encoders: tuple[str, ...]
    """What follows "text_encoder" and "tokenizer" in the names of its folders, in the order of their vectors."""
    zeroes_empty_prompt: bool = False
    """Whether an empty negative prompt is all zeros, as the network was trained, and not an encoded empty text."""


def identify(folder: Path, name: str) -> Identity:
    """The kind of a diffusers folder; `name` is what people call it.

    Raises UnsupportedModel for a kind that cannot be run, OSError and ValueError for files that cannot be read.
    """
    index = read_json(folder / "model_index.json")
    kind = index.get("_class_name")
    prediction = _prediction(folder, name)
    if kind in _OF_ONE_ENCODER:
        return Identity(_family_of_one_encoder(folder), prediction, ("",))
    if kind not in _XL:
        raise UnsupportedModel(
            f"Model {name!r} is of the kind {kind}, which is not supported yet. Choose a Stable Diffusion 1, 2 or XL "
            "folder."
        )
    without_first = index.get("text_encoder", "") in (None, [None, None])
    is_refiner = bool(index.get("requires_aesthetics_score", without_first))
    return Identity(
        "sdxl-refiner" if is_refiner else "sdxl",
        prediction,
        ("_2",) if without_first else ("", "_2"),
        bool(index.get("force_zeros_for_empty_prompt", True)),
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises OSError, and ValueError where the file holds none."""
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is no JSON object.")
    return content


def _family_of_one_encoder(folder: Path) -> Family:
    """Stable Diffusion 2 reads OpenCLIP, whose activation is GELU; CLIP ViT-L's, of Stable Diffusion 1, is another."""
    return "sd2" if read_json(folder / "text_encoder" / "config.json").get("hidden_act") == "gelu" else "sd1"


def _prediction(folder: Path, name: str) -> Prediction:
    kind = read_json(folder / "scheduler" / "scheduler_config.json").get("prediction_type", "epsilon")
    for known in _PREDICTIONS:
        if kind == known:
            return known
    raise UnsupportedModel(f"Model {name!r} predicts {kind!r}; supported are: {', '.join(_PREDICTIONS)}.")
