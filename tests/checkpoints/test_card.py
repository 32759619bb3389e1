"""Cards: what A1111, Civitai and a person wrote, whatever it is; and what is written back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.checkpoints.card import SD_VERSIONS, Card, Recommended, family_named, read_card, write_card
from modules.checkpoints.identification import Family, Prediction
from modules.checkpoints.side_files import SideFiles
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.errors import InvalidRequest

A1111 = {
    "description": "Lines like a pen's.",
    "sd version": "SDXL",
    "activation text": "ink drawing, hatching",
    "preferred weight": 0.75,
    "negative text": "colour",
    "notes": "from a friend",
    "vae": "sdxl_vae.safetensors",
}
CIVITAI = {
    "id": 1,
    "baseModel": "SD 1.5",
    "trainedWords": ["inkstyle", "", 3, "pen"],
    "model": {"name": "Ink & <b>Pen</b>", "type": "LORA"},
    "description": "<p>HTML</p>",
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "ink.safetensors"
    path.write_bytes(b"")
    return path


def put(model: Path, ending: str, content: Any) -> None:
    SideFiles(model).path(ending).write_text(json.dumps(content), encoding="utf-8")


def test_a1111s_metadata(model: Path) -> None:
    put(model, ".json", A1111)
    card = read_card(model)
    assert (card.description, card.notes, card.vae) == (A1111["description"], A1111["notes"], A1111["vae"])
    assert (card.base_model, card.family, card.preferred_weight) == ("SDXL", "sdxl", 0.75)
    assert (card.trigger_words, card.negative_text) == (("ink drawing, hatching",), "colour")


def test_civitais_words_stand_where_nobody_wrote_any(model: Path) -> None:
    put(model, ".civitai.info", CIVITAI)
    card = read_card(model)
    assert (card.title, card.family, card.trigger_words) == ("Ink & <b>Pen</b>", "sd1", ("inkstyle", "pen"))
    assert card.description == ""  # Civitai's is HTML
    put(model, ".json", {"sd version": "Unknown", "activation text": "", "preferred weight": 0})
    assert read_card(model) == card  # what A1111 writes where nobody chose anything
    put(model, ".json", A1111)
    assert read_card(model).family == "sdxl" and read_card(model).trained_words == ("inkstyle", "pen")


def test_a_description_of_its_own_stands_behind_the_metadatas(model: Path) -> None:
    SideFiles(model).path(".txt").write_text("plain", encoding="utf-8")
    assert read_card(model).description == "plain"
    put(model, ".json", A1111)
    assert read_card(model).description == A1111["description"]


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("SD1", "sd1"),
        ("SD 1.4", "sd1"),
        ("SD 1.5 LCM", "sd1"),
        ("SD2", "sd2"),
        ("SD 2.1 768", "sd2"),
        ("SDXL", "sdxl"),
        ("SDXL 1.0", "sdxl"),
        ("SDXL Lightning", "sdxl"),
        ("Pony", "sdxl"),
        ("Illustrious", "sdxl"),
        ("NoobAI", "sdxl"),
        ("SD 3.5", None),
        ("Flux.1 D", None),
        ("", None),
        ("Other", None),
    ],
)
def test_names_of_families(text: str, family: Family | None) -> None:
    assert family_named(text) == family


@pytest.mark.parametrize(
    ("family", "prediction", "side"),
    [("sd1", "epsilon", 512), ("sd2", "epsilon", 512), ("sd2", "v_prediction", 768), ("sdxl", "v_prediction", 1024)],
)
def test_a_known_family_tells_the_size(model: Path, family: Family, prediction: Prediction, side: int) -> None:
    identity = WeightsIdentity("checkpoint", "", family, prediction)
    assert read_card(model, identity).recommended == Recommended(width=side, height=side)
    put(model, ".json", {"recommended": {"width": 640, "steps": 7.9, "cfg_scale": 3}})
    assert read_card(model, identity).recommended == Recommended(width=640, height=side, steps=7, cfg_scale=3.0)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**400), 10**400) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARTS = [*A1111, "recommended", "example_prompts", "trainedWords", "model", "baseModel"]
SETTINGS = st.dictionaries(
    st.sampled_from(["width", "height", "steps", "cfg_scale", "sampler_name", "scheduler"]), ANYTHING
)


@given(content=st.dictionaries(st.sampled_from(PARTS), ANYTHING | SETTINGS))
def test_any_json_makes_a_sound_card(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    model = tmp_path_factory.mktemp("models") / "ink.safetensors"
    put(model, ".json", content)
    put(model, ".civitai.info", content)
    card = read_card(model)
    wanted = Recommended()
    for name, value in vars(card.recommended).items():
        assert type(value) is type(getattr(wanted, name))
        assert value if isinstance(value, str) else value >= 0 and math.isfinite(value)
    texts = (card.description, card.notes, card.title, card.base_model, card.activation_text, card.vae)
    assert all(isinstance(text, str) for text in (*texts, *card.trained_words, *card.example_prompts))
    assert card.preferred_weight is None or math.isfinite(card.preferred_weight)


def test_an_edited_card_is_read_back_and_a1111s_keys_stay(model: Path) -> None:
    put(model, ".json", {**A1111, "somebody's": {"own": 1}})
    sides = SideFiles(model)
    changes = {
        "notes": "new",
        "base_model": SD_VERSIONS["sd1"],
        "activation_text": None,
        "preferred_weight": -0.5,
        "example_prompts": ["a cat"],
        "recommended": Recommended(steps=9),
    }
    write_card(sides, changes)
    card = read_card(model)
    assert (card.notes, card.family, card.activation_text) == ("new", "sd1", "")
    assert (card.preferred_weight, card.example_prompts, card.recommended.steps) == (-0.5, ("a cat",), 9)
    stored = json.loads(sides.path(".json").read_bytes())
    kept = {key: stored[key] for key in ("description", "negative text", "vae", "somebody's")}
    assert kept == {**{key: A1111[key] for key in ("description", "negative text", "vae")}, "somebody's": {"own": 1}}
    assert stored["sd version"] == "SD1" and "activation text" not in stored


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "x"},
        {"weights_sha256": "x"},
        {"notes": 3},
        {"notes": "x" * 20_001},
        {"preferred_weight": "1"},
        {"preferred_weight": math.nan},
        {"preferred_weight": True},
        {"preferred_weight": 10**400},
        {"example_prompts": "a cat"},
        {"example_prompts": [3]},
        {"recommended": {"width": 0}},
        {"recommended": {"tall": 3}},
        {"recommended": {"steps": math.inf}},
        {"recommended": 3},
    ],
)
def test_what_is_no_part_of_a_card_is_refused_and_nothing_written(model: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        write_card(SideFiles(model), {"description": "fine", **changes})
    assert not SideFiles(model).path(".json").exists()


def test_nothing_beside_a_model_is_an_empty_card(model: Path) -> None:
    assert read_card(model) == Card()
