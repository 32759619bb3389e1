"""Checkpoints are found, named as A1111's users name them, and refused with the reason."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from modules.checkpoints.model_files import ModelFiles
from modules.checkpoints.registry import Registry
from modules.errors import BrokenModel, ModelNotFound, UnsupportedModel
from tests.checkpoints.weights_files import LORA, SD1, SD2, write_weights
from tests.tiny_models import DEMO_MODEL


def write_folder(path: Path) -> Path:
    """A folder in diffusers' format with configurations alone."""
    for part in ("scheduler/scheduler_config", "text_encoder/config", "unet/config", "model_index"):
        file = path / f"{part}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((DEMO_MODEL / f"{part}.json").read_bytes())
    return path


def registry_of(*folders: Path) -> Registry:
    """With everything in the folders looked at, however slow the machine is."""
    files = ModelFiles({"checkpoint": folders})
    assert files.refresh(wait=None, read=True)
    return Registry(folders, files)


def test_folders_and_files_in_order_of_the_list(tmp_path: Path) -> None:
    for name in ("a/one", "a/deep/two", "b/one", "b/three"):
        write_folder(tmp_path / name)
    write_weights(tmp_path / "b" / "deep" / "four.v1.safetensors", SD1)
    registry = registry_of(tmp_path / "missing", tmp_path / "a", tmp_path / "b")
    assert [checkpoint.name for checkpoint in registry.all()] == ["deep/four.v1", "deep/two", "one", "three"]
    assert registry.find("ONE").path == tmp_path / "a" / "one"
    assert registry.find("").name == "deep/four.v1"
    assert registry.refused() == []


def test_what_is_added_later_is_found_at_once(tmp_path: Path) -> None:
    registry = registry_of(tmp_path)
    write_weights(tmp_path / "new.safetensors", SD1)
    assert registry.find("new").identity.family == "sd1"
    (tmp_path / "new.safetensors").unlink()
    with pytest.raises(ModelNotFound):
        registry.find("new")


def test_no_model_at_all_says_where_to_put_one(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=f"no checkpoint in {tmp_path}.*--ckpt-dir"):
        registry_of(tmp_path).find("any")
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02")
    with pytest.raises(ModelNotFound, match="nothing can be used. old.ckpt is a pickle"):
        registry_of(tmp_path).find("")


def test_unknown_model_names_the_known_ones(tmp_path: Path) -> None:
    write_weights(tmp_path / "tiny.safetensors", SD1)
    with pytest.raises(ModelNotFound, match=r"'nonesuch' is not here\. Choose one of: tiny"):
        registry_of(tmp_path).find("nonesuch")


def test_model_folder_itself_may_be_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "tiny")
    assert registry_of(folder).find("tiny").path == folder


def test_every_way_of_naming(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "anime" / "Some Model.v2.safetensors", SD1)
    write_weights(tmp_path / "other.safetensors", SD2)
    registry = registry_of(tmp_path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    assert registry.hash_of(registry.find("Some Model.v2")) == digits[:10]
    for name in (
        "anime/Some Model.v2", "anime/some model.v2.safetensors", "Some Model.v2.safetensors", "some model.V2",
        "anime\\Some Model.v2.safetensors", f"Some Model.v2.safetensors [{digits[:10]}]", f"gone [{digits[:10]}]",
        f"anime/Some Model.v2 [{'0' * 10}]", digits[:10], digits[:10].upper(), digits, f"  {digits[:10]} ", str(path),
    ):  # fmt: skip
        assert registry.find(name).path == path, name
    for name in ("Some Model", digits[:9], "[]", "[x]", "Model.v2"):
        with pytest.raises(ModelNotFound):
            registry.find(name)


def test_of_two_with_one_stem_the_hash_tells(tmp_path: Path) -> None:
    first = write_weights(tmp_path / "a" / "same.safetensors", SD1)
    second = write_weights(tmp_path / "b" / "same.safetensors", SD2)
    registry = registry_of(tmp_path)
    hashes = [registry.hash_of(registry.find(name)) for name in ("a/same", "b/same")]
    assert [registry.find(f"same [{digits}]").path for digits in hashes] == [first, second]
    assert registry.find("same").path == first


def test_refused_files_are_listed_apart_and_named_with_the_reason(tmp_path: Path) -> None:
    write_weights(tmp_path / "good.safetensors", SD1)
    write_weights(tmp_path / "good.vae.safetensors", {"first_stage_model.decoder.conv_in.weight": [1]})
    write_weights(tmp_path / "flux.safetensors", {"double_blocks.0.img_attn.norm.key_norm.scale": [4]})
    write_weights(tmp_path / "lora.safetensors", LORA)
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "good.safetensors").read_bytes()[:-1])
    (tmp_path / "old.ckpt").write_bytes(b"PK\x03\x04")
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(100))
    registry = registry_of(tmp_path)
    assert [checkpoint.name for checkpoint in registry.all()] == ["good"]
    reasons = {
        "cut": (BrokenModel, "it is incomplete"),
        "flux": (UnsupportedModel, "Flux is not supported yet. Choose a Stable Diffusion 1, 2 or XL checkpoint."),
        "lora": (UnsupportedModel, "is of another kind: LoRA for Stable Diffusion 1. Move it to models/Lora."),
        "model": (UnsupportedModel, "GGUF"),
        "old": (UnsupportedModel, "python launch.py convert"),
    }
    assert [row.name for row in registry.refused()] == sorted(reasons)
    for row in registry.refused():
        kind, sentence = reasons[row.name]
        assert sentence in row.reason
        for name in (row.name, row.path.name):
            with pytest.raises(kind) as refused:
                registry.find(name)
            assert str(refused.value) == row.reason


def test_pickle_does_not_hide_what_was_made_of_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.ckpt").write_bytes(b"PK\x03\x04")
    path = write_weights(tmp_path / "b" / "model.safetensors", SD1)
    registry = registry_of(tmp_path / "a", tmp_path / "b")
    assert registry.find("model").path == path
    assert registry.refused() == []


@pytest.mark.parametrize("part", ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"])
def test_broken_folders_are_refused_in_words(tmp_path: Path, part: str) -> None:
    (write_folder(tmp_path / "broken") / part).write_text("<html>404</html>")
    with pytest.raises(BrokenModel, match=r"Model 'broken' cannot be loaded: .*copy the folder there again\."):
        registry_of(tmp_path).find("broken")


def test_weights_of_a_folder_are_looked_at_too(tmp_path: Path) -> None:
    path = write_weights(write_folder(tmp_path / "half") / "unet" / "diffusion_pytorch_model.safetensors", {"a": [9]})
    registry = registry_of(tmp_path)
    assert registry.find("half").identity.layout == "diffusers"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BrokenModel, match="it is incomplete"):
        registry.find("half")


def test_card_and_side_file_decide_what_is_predicted(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "model.safetensors", SD1)
    registry = registry_of(tmp_path)
    assert registry.find("model").identity.prediction_type == "epsilon"
    path.with_suffix(".yaml").write_text('model:\n  params:\n    parameterization: "v"\n')
    assert registry.find("model").identity.prediction_type == "v_prediction"
    path.with_suffix(".json").write_text(json.dumps({"prediction_type": "epsilon", "zero_terminal_snr": True}))
    found = registry.find("model").identity
    assert (found.prediction_type, found.zero_terminal_snr) == ("epsilon", True)


@pytest.mark.parametrize(("name", "side"), [("v2-1_768-ema-pruned", 768), ("v2-1_512-ema-pruned", 512), ("mine", 768)])
def test_sd2_is_recommended_the_size_of_the_kind_its_name_hints_at(tmp_path: Path, name: str, side: int) -> None:
    write_weights(tmp_path / f"{name}.safetensors", SD2)
    found = registry_of(tmp_path).find(name)
    assert (found.card.recommended.width, found.identity.prediction_type) == (side, None)


def test_card_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "model.safetensors", SD1)
    registry = registry_of(tmp_path)
    assert registry.find("model").card.description == ""
    path.with_suffix(".json").write_text(json.dumps({"description": "mine", "recommended": {"steps": 7}}))
    card = registry.find("model").card
    assert (card.description, card.recommended.steps, card.recommended.width) == ("mine", 7, 512)


def test_same_content_same_hash_of_folders(tmp_path: Path) -> None:
    shutil.copytree(DEMO_MODEL, tmp_path / "a")
    shutil.copytree(DEMO_MODEL, tmp_path / "b")
    registry = registry_of(tmp_path)
    first, second = (registry.hash_of(registry.find(name)) for name in "ab")
    assert first == second and len(first) == 10
    weights = tmp_path / "b" / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert registry.hash_of(registry.find("b")) != first


def test_weights_state_changes_with_the_file(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "model.safetensors", SD1)
    registry = registry_of(tmp_path)
    checkpoint = registry.find("model")
    before = checkpoint.weights_state
    write_weights(path, SD2)
    assert checkpoint.weights_state != before
    assert registry.find("model").identity.family == "sd2"
