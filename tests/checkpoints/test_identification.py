"""The kind of a folder is told from its configurations, and its usual size with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.checkpoints.card import Recommended, read_card
from modules.checkpoints.identification import Identity, identify
from modules.checkpoints.registry import Registry
from modules.errors import UnsupportedModel
from tests.tiny_models import (
    DEMO_MODEL,
    INPAINTING_CHANNELS,
    PIX2PIX_CHANNELS,
    write_tiny_model,
    write_tiny_refiner,
    write_tiny_sd2,
    write_tiny_sdxl,
)

XL = Identity("sdxl", "epsilon", ("", "_2"), zeroes_empty_prompt=True)
SHAPES: dict[str, tuple[Callable[..., Path], dict[str, Any], Identity, int]] = {
    "SD 1": (write_tiny_model, {}, Identity("sd1", "epsilon", ("",)), 512),
    "SD 1 v": (write_tiny_model, {"prediction_type": "v_prediction"}, Identity("sd1", "v_prediction", ("",)), 512),
    "inpainting": (write_tiny_model, {"in_channels": INPAINTING_CHANNELS}, Identity("sd1", "epsilon", ("",)), 512),
    "pix2pix": (write_tiny_model, {"in_channels": PIX2PIX_CHANNELS}, Identity("sd1", "epsilon", ("",)), 512),
    "SD 2": (write_tiny_sd2, {"prediction_type": "epsilon"}, Identity("sd2", "epsilon", ("",)), 512),
    "SD 2 v": (write_tiny_sd2, {}, Identity("sd2", "v_prediction", ("",)), 768),
    "XL": (write_tiny_sdxl, {}, XL, 1024),
    "XL inpainting": (write_tiny_sdxl, {"in_channels": INPAINTING_CHANNELS}, XL, 1024),
    "XL pix2pix": (write_tiny_sdxl, {"in_channels": PIX2PIX_CHANNELS}, XL, 1024),
    "XL words": (write_tiny_sdxl, {"force_zeros": False}, Identity("sdxl", "epsilon", ("", "_2")), 1024),
    "refiner": (write_tiny_refiner, {}, Identity("sdxl-refiner", "epsilon", ("_2",)), 1024),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: write(folder / name, **shape) for name, (write, shape, *_) in SHAPES.items()}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_told_without_its_weights(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    bare = tmp_path / name
    shutil.copytree(folders[name], bare, ignore=shutil.ignore_patterns("*.safetensors"))
    _, _, identity, side = SHAPES[name]
    assert identify(bare, name) == identity
    recommended = Registry([tmp_path]).find(name).card.recommended
    assert recommended == Recommended(width=side, height=side)


def test_the_demo_model_is_of_the_first_family() -> None:
    assert identify(DEMO_MODEL, "demo").family == "sd1"


def test_a_card_stands_above_its_family(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["XL"], tmp_path / "m")
    (tmp_path / "m.json").write_text('{"recommended": {"width": 640, "steps": 30}}')
    assert read_card(tmp_path / "m").recommended == Recommended(width=640, height=1024, steps=30)
    for content in ("[1]", "not JSON"):
        (tmp_path / "m.json").write_text(content)
        assert read_card(tmp_path / "m").recommended == Recommended(width=1024, height=1024)


@pytest.mark.parametrize(
    ("name", "file", "changes", "family"),
    [
        ("refiner", "model_index.json", {"requires_aesthetics_score": None}, "sdxl"),
        ("XL", "model_index.json", {"requires_aesthetics_score": True}, "sdxl-refiner"),
        ("SD 2", "text_encoder/config.json", {"hidden_act": "quick_gelu"}, "sd1"),
    ],
)
def test_the_deciding_entries(
    name: str, file: str, changes: dict[str, Any], family: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    changed = rewritten(folders[name], tmp_path / "changed", file, changes)
    assert identify(changed, "changed").family == family


def test_a_refiner_is_known_by_the_missing_encoder_too(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["refiner"], tmp_path / "changed")
    index = json.loads((folder / "model_index.json").read_bytes())
    del index["requires_aesthetics_score"]
    (folder / "model_index.json").write_text(json.dumps({**index, "text_encoder": None}))
    assert identify(folder, "changed") == SHAPES["refiner"][2]


@pytest.mark.parametrize(
    ("file", "changes", "sentence"),
    [
        ("model_index.json", {"_class_name": "StableDiffusion3Pipeline"}, "'changed' is of the kind StableDiffusion3P"),
        ("scheduler/scheduler_config.json", {"prediction_type": ["v"]}, r"'changed' predicts \['v'\]"),
    ],
)
def test_other_kinds_are_refused_and_have_the_usual_card(
    file: str, changes: dict[str, Any], sentence: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = rewritten(folders["XL"], tmp_path / "changed", file, changes)
    with pytest.raises(UnsupportedModel, match=sentence):
        identify(folder, "changed")
    assert read_card(folder).recommended == Recommended()


def rewritten(folder: Path, copy: Path, file: str, changes: dict[str, Any]) -> Path:
    shutil.copytree(folder, copy)
    content = json.loads((copy / file).read_bytes())
    (copy / file).write_text(json.dumps({**content, **changes}))
    return copy
