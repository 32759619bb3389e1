"""Upscalers are found by the names that infotexts carry, without reading a weight."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modules.config.paths import ROOT
from modules.errors import ModelNotFound
from modules.upscaling.registry import BUILT_IN, UpscalerRegistry, face_restorers, upscaler_folders


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no weights at all")
    return path


def test_built_in_ones_come_first_and_files_follow_by_name(tmp_path: Path) -> None:
    for name in (
        "upscalers/b.pth",
        "ESRGAN/sub/4x-Ultra.Sharp.pth",
        "SwinIR/a.safetensors",
        "DAT/.hidden.pth",
        "DAT/x.txt",
    ):
        put(tmp_path / name)
    found = UpscalerRegistry(upscaler_folders(tmp_path)).all()
    assert [entry.name for entry in found] == [*BUILT_IN, "4x-Ultra.Sharp", "a", "b"]
    assert [entry.path for entry in found[: len(BUILT_IN)]] == [None] * len(BUILT_IN)


@pytest.mark.parametrize("name", ["4x-ultra", " 4X-Ultra ", "4x-Ultra.pth"])
def test_names_are_found_in_any_case_and_with_their_suffix(tmp_path: Path, name: str) -> None:
    path = put(tmp_path / "ESRGAN" / "4x-Ultra.pth")
    assert UpscalerRegistry(upscaler_folders(tmp_path)).find(name).path == path


@pytest.mark.parametrize(
    ("alias", "file"),
    [
        ("R-ESRGAN 4x+", "RealESRGAN/RealESRGAN_x4plus.pth"),
        ("R-ESRGAN 4x+ Anime6B", "RealESRGAN/RealESRGAN_x4plus_anime_6B.pth"),
        ("swinir 4x", "SwinIR/SwinIR_4x.safetensors"),
        ("DAT x4", "DAT/DAT_x4.pth"),
    ],
)
def test_well_known_files_answer_to_the_names_of_a1111(tmp_path: Path, alias: str, file: str) -> None:
    path = put(tmp_path / file)
    entry = UpscalerRegistry(upscaler_folders(tmp_path)).find(alias)
    assert (entry.path, entry.name) == (path, path.stem)


def test_the_earlier_folder_and_safetensors_win(tmp_path: Path) -> None:
    put(tmp_path / "ESRGAN" / "one.pth")
    first = put(tmp_path / "upscalers" / "One.pth")
    put(tmp_path / "upscalers" / "two.pth")
    second = put(tmp_path / "upscalers" / "two.safetensors")
    put(tmp_path / "upscalers" / "lanczos.pth")
    registry = UpscalerRegistry(upscaler_folders(tmp_path))
    assert registry.find("one").path == first
    assert registry.find("two").path == second
    assert registry.find("Lanczos").path is None
    assert len(registry.all()) == len(BUILT_IN) + 2


def test_what_is_not_there_is_refused_with_what_is(tmp_path: Path) -> None:
    put(tmp_path / "upscalers" / "mine.pth")
    with pytest.raises(ModelNotFound, match=r"'4x-Fat' is not here.*None, Lanczos, Nearest, mine.*upscalers"):
        UpscalerRegistry(upscaler_folders(tmp_path)).find("4x-Fat")


def test_folders_that_are_not_there_hold_nothing(tmp_path: Path) -> None:
    assert [entry.name for entry in UpscalerRegistry(upscaler_folders(tmp_path)).all()] == list(BUILT_IN)
    assert UpscalerRegistry([]).find("none").name == "None"


def test_face_restorers_lie_in_folders_of_their_own(tmp_path: Path) -> None:
    put(tmp_path / "upscalers" / "x.pth")
    first = put(tmp_path / "GFPGAN" / "GFPGANv1.4.pth")
    put(tmp_path / "more" / "Codeformer" / "gfpganv1.4.pth")
    second = put(tmp_path / "more" / "Codeformer" / "codeformer-v0.1.0.pth")
    found = face_restorers(tmp_path, tmp_path / "more")
    assert [(entry.name, entry.path) for entry in found] == [("codeformer-v0.1.0", second), ("GFPGANv1.4", first)]


def test_listing_needs_no_torch() -> None:
    program = "import sys, modules.upscaling.registry, modules.upscaling.target; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
