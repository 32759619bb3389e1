"""Folders: everything that is written lies below the data folder, and the demo model is found from anywhere."""

from __future__ import annotations

from pathlib import Path

from modules.config.paths import ROOT, resolve_paths


def test_all_that_is_written_lies_below_the_data_folder(tmp_path: Path) -> None:
    paths = resolve_paths(data_dir=tmp_path)
    written = (paths.outputs, paths.txt2img_pictures, paths.database, paths.settings_file, paths.cache, paths.lock_file)
    assert all(path.is_relative_to(tmp_path) for path in written)


def test_demo_model_is_found_from_any_data_folder(tmp_path: Path) -> None:
    folders = resolve_paths(data_dir=tmp_path, ckpt_dir=tmp_path / "mine").checkpoint_folders
    assert folders == (
        tmp_path / "mine",
        tmp_path / "models" / "Stable-diffusion",
        ROOT / "models" / "Stable-diffusion",
    )


def test_usual_folders_are_not_listed_twice() -> None:
    assert resolve_paths().checkpoint_folders == (ROOT / "models" / "Stable-diffusion",)
