"""Installations of other programs are recognised, and their folders read in place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.config.command_line import parse_command_line, paths_of
from modules.config.model_folders import adopted_folders
from modules.config.paths import resolve_paths
from modules.errors import InvalidSetting


def make(root: Path, *folders: str) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True)


def test_a1111(tmp_path: Path) -> None:
    make(tmp_path, *(f"models/{name}" for name in ("Stable-diffusion", "VAE", "Lora", "LyCORIS", "ESRGAN", "ControlNet",
                                                   "hypernetworks", "VAE-approx")), "embeddings")  # fmt: skip
    before = sorted(tmp_path.rglob("*"))
    found = adopted_folders(tmp_path)
    assert found == {
        "checkpoint": (tmp_path / "models" / "Stable-diffusion",),
        "vae": (tmp_path / "models" / "VAE",),
        "lora": (tmp_path / "models" / "Lora", tmp_path / "models" / "LyCORIS"),
        "embedding": (tmp_path / "embeddings",),
        "hypernetwork": (tmp_path / "models" / "hypernetworks",),
        "controlnet": (tmp_path / "models" / "ControlNet",),
        "upscaler": (tmp_path / "models" / "ESRGAN",),
        "tiny-vae": (tmp_path / "models" / "VAE-approx",),
    }
    assert sorted(tmp_path.rglob("*")) == before


def test_comfyui_with_its_list_of_further_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "portable" / "ComfyUI"
    make(root, "models/checkpoints", "models/loras", "models/upscale_models")
    make(tmp_path, "other/models/Stable-diffusion", "other/a", "other/b", "big")
    monkeypatch.setenv("MODELS_HERE", str(tmp_path / "other"))
    (root / "extra_model_paths.yaml").write_text(
        f"a111:\n  base_path: $MODELS_HERE\n  checkpoints: models/Stable-diffusion\n  loras: |\n    a\n    b\n"
        f"    missing\n  clip_vision: a\nmine:\n  checkpoints: {tmp_path / 'big'}\n  is_default: true\nodd: 3\n"
    )
    for named in (root, tmp_path / "portable"):
        found = adopted_folders(named)
        other = tmp_path / "other"
        assert found["checkpoint"] == (root / "models/checkpoints", other / "models/Stable-diffusion", tmp_path / "big")
        assert found["lora"] == (root / "models/loras", other / "a", other / "b")
        assert found["upscaler"] == (root / "models/upscale_models",)
        assert found["vae"] == ()


@pytest.mark.parametrize("text", ["", "[]", "3", "a: [1]", "a: {checkpoints: [1, 2]}", "a: {base_path: 3}"])
def test_list_of_another_kind_names_nothing(tmp_path: Path, text: str) -> None:
    make(tmp_path, "models/checkpoints")
    (tmp_path / "extra_model_paths.yaml").write_text(text)
    assert adopted_folders(tmp_path)["checkpoint"] == (tmp_path / "models" / "checkpoints",)


def test_homes_in_the_list_are_found_and_unknown_ones_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "app/models/checkpoints", "home/Lora", "home/all/vae")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "app" / "extra_model_paths.yaml").write_text(
        "a:\n  base_path: ~nobody-here/x\n  vae: vae\n  loras: |\n    ~/Lora\n    ~nobody-here/y\n"
        "b:\n  base_path: ~/all\n  vae: vae\n"
    )
    found = adopted_folders(tmp_path / "app")
    assert found["lora"] == (tmp_path / "home" / "Lora",)
    assert found["vae"] == (tmp_path / "home" / "all" / "vae",)
    with pytest.raises(InvalidSetting, match="--adopt ~nobody-here/x is no installation"):
        adopted_folders(Path("~nobody-here/x"))


@pytest.mark.parametrize("text", ['a: {base_path: "x\\0y", vae: z}', 'a: {vae: "x\\0y"}'])
def test_path_that_cannot_be_one_is_told(tmp_path: Path, text: str) -> None:
    make(tmp_path, "models/checkpoints")
    (tmp_path / "extra_model_paths.yaml").write_text(text)
    with pytest.raises(InvalidSetting, match=r"extra_model_paths.yaml cannot be read: .*null"):
        adopted_folders(tmp_path)


@pytest.mark.parametrize("text", ["a: [", "a: !!python/object/apply:os.system ['true']", "\0"])
def test_list_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    make(tmp_path, "models/checkpoints")
    (tmp_path / "extra_model_paths.yaml").write_text(text)
    with pytest.raises(InvalidSetting, match=r"extra_model_paths.yaml cannot be read"):
        adopted_folders(tmp_path)


def test_anything_else_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=f"--adopt {tmp_path} is no installation of A1111, Forge or ComfyUI"):
        resolve_paths(data_dir=tmp_path, adopted=[tmp_path])
    with pytest.raises(InvalidSetting, match="--adopt nowhere is no installation"):
        paths_of(parse_command_line(["--adopt", "nowhere"]))


def test_flags_name_further_folders(tmp_path: Path) -> None:
    make(tmp_path, "one/models/Stable-diffusion", "two/models/checkpoints", "hyper", "control", "tiny", "esrgan", "dat")
    flags = ["--adopt", str(tmp_path / "one"), "--adopt", str(tmp_path / "two"), "--data-dir", str(tmp_path / "data"),
             "--hypernetwork-dir", str(tmp_path / "hyper"), "--controlnet-dir", str(tmp_path / "control"),
             "--vae-approx-dir", str(tmp_path / "tiny"), "--esrgan-models-path", str(tmp_path / "esrgan"),
             "--upscaler-dir", str(tmp_path / "dat")]  # fmt: skip
    paths = paths_of(parse_command_line(["generate", "p", *flags]))
    own = tmp_path / "data" / "models"
    assert paths.checkpoint_folders[:3] == (
        own / "Stable-diffusion", tmp_path / "one/models/Stable-diffusion", tmp_path / "two/models/checkpoints"
    )  # fmt: skip
    assert paths.hypernetwork_folders == (tmp_path / "hyper", own / "hypernetworks")
    assert paths.controlnet_folders == (tmp_path / "control", own / "ControlNet")
    assert paths.tiny_vae_folders == (tmp_path / "tiny", own / "VAE-approx")
    assert paths.upscaler_folders[:3] == (tmp_path / "esrgan", tmp_path / "dat", own / "upscalers")
    assert paths.lora_folders == (own / "Lora", own / "LyCORIS")
    assert set(paths.model_folders) >= {"checkpoint", "tiny-vae"}
    with pytest.raises(InvalidSetting, match=r"--upscaler-dir .*none is no folder"):
        paths_of(parse_command_line(["--upscaler-dir", str(tmp_path / "none")]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_folders_that_may_not_be_looked_at_are_passed_by(tmp_path: Path) -> None:
    make(tmp_path, "app/models/checkpoints", "secret/vae")
    (tmp_path / "app" / "extra_model_paths.yaml").write_text(f"a: {{vae: {tmp_path}/secret/vae}}")
    (tmp_path / "secret").chmod(0)
    try:
        assert adopted_folders(tmp_path / "app")["vae"] == ()
    finally:
        (tmp_path / "secret").chmod(0o700)
