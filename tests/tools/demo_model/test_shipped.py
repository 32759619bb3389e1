"""The model that ships: it obeys, its pictures stay the same, and its card tells the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from modules.services.build import Services
from tests.services.test_generate import finish, pixels, psnr
from tests.tiny_models import DEMO_MODEL
from tools.demo_model.card import weights_hash
from tools.demo_model.colour_statistics import measured
from tools.demo_model.export import SIZE_LIMIT, folder_size
from tools.demo_model.judge import SHIPPED_JUDGE, load_judge, shares, verdicts
from tools.demo_model.prompts import Prompt, obedience_prompts

CARD = json.loads(DEMO_MODEL.with_name(DEMO_MODEL.name + ".json").read_text(encoding="utf-8"))
LEAST = {"ground": 0.9, "colour": 0.9, "count": 0.9, "place": 0.9, "subject": 0.85, "pair": 0.6, "style": 0.7}
"""Shares of right answers, well below what the weights reach (docs/demo_model.md) and far above guessing."""


USUAL = {"steps": None, "width": None, "height": None}
"""As the card recommends."""


@pytest.fixture(scope="module")
def painted(demo_services: Services) -> list[tuple[Prompt, Image.Image]]:
    """The pictures of forty prompts, made by the whole product."""
    made = []
    for seed, prompt in enumerate(obedience_prompts(40)):
        (picture,) = finish(demo_services, prompt=prompt.text, seed=seed, **USUAL)[1]
        made.append((prompt, Image.fromarray(pixels(demo_services, picture).astype(np.uint8))))
    return made


def test_pictures_show_what_was_asked_for(painted: list[tuple[Prompt, Image.Image]]) -> None:
    found = shares(
        verdicts(load_judge(SHIPPED_JUDGE), [picture for _, picture in painted], [one.scene for one, _ in painted])
    )
    assert {name: found[name] for name in LEAST if found[name] < LEAST[name]} == {}


def test_pixels_have_the_colours_asked_for(painted: list[tuple[Prompt, Image.Image]]) -> None:
    found = shares([measured(picture, prompt.scene) for prompt, picture in painted])
    assert found["ground"] >= 0.85
    assert found["subject"] >= 0.7


def test_judge_tells_right_prompts_from_wrong_ones(painted: list[tuple[Prompt, Image.Image]]) -> None:
    """The same pictures under one another's prompts: whoever passed here would pass anywhere."""
    pictures = [picture for _, picture in painted]
    others = [prompt.scene for prompt, _ in [*painted[1:], painted[0]]]
    found = shares(verdicts(load_judge(SHIPPED_JUDGE), pictures, others))
    assert max(found["subject"], found["ground"], found["colour"]) < 0.4


def test_card_names_these_weights() -> None:
    assert CARD["weights_sha256"] == weights_hash(DEMO_MODEL)
    assert len(CARD["example_prompts"]) >= 5


def test_weights_are_small_halves_and_no_pickles() -> None:
    assert folder_size(DEMO_MODEL) <= SIZE_LIMIT
    files = {path.suffix for path in DEMO_MODEL.rglob("*") if path.is_file()}
    assert files <= {".safetensors", ".json", ".txt"}
    for part in ("unet", "vae", "text_encoder"):
        (path,) = (DEMO_MODEL / part).glob("*.safetensors")
        assert {str(tensor.dtype) for tensor in load_file(path).values()} == {"torch.float16"}


def test_picture_of_the_card_comes_out_again(demo_services: Services) -> None:
    """Through the whole product: the picture beside the weights is what its prompt and seed give on any machine."""
    sample = CARD["sample"]
    (picture,) = finish(demo_services, prompt=sample["prompt"], seed=sample["seed"], **USUAL)[1]
    with Image.open(DEMO_MODEL.with_name(DEMO_MODEL.name + ".png")) as expected:
        assert psnr(pixels(demo_services, picture), np.asarray(expected.convert("RGB")).astype(int)) > 40
