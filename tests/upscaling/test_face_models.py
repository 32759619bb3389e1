"""The file of a face restorer is found by what is in it, and by the newest of several."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from modules.errors import BrokenModel, ModelNotFound
from modules.upscaling.face_models import CODEFORMER, GFPGAN, restorer_file
from modules.upscaling.model_files import architecture
from modules.upscaling.registry import UpscalerRegistry, upscaler_folders, yunet_file
from tests.upscaling.networks import compact, write


def named(*names: str) -> dict[str, Tensor]:
    return {name: torch.zeros(1) for name in names}


LIKE_GFPGAN = named("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight")
LIKE_CODEFORMER = named(
    "position_emb",
    "idx_pred_layer.1.weight",
    "quantize.embedding.weight",
    "ft_layers.0.self_attn.in_proj_weight",
    "encoder.blocks.0.weight",
)
"""The names by which they are known."""


def aged(path: Path, age: int) -> Path:
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    return path


def pickled(path: Path, content: object, *, zipped: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_architectures_are_told_by_names_and_shapes(tmp_path: Path, zipped: bool) -> None:
    for name, weights, kind in (
        ("a", LIKE_GFPGAN, "GFPGAN"),
        ("b", LIKE_CODEFORMER, "CodeFormer"),
        ("c", compact(), "Compact"),
        ("d", named("x"), None),
    ):
        assert architecture(write(tmp_path / f"{name}.safetensors", weights)) == kind
        assert architecture(pickled(tmp_path / f"{name}.pth", {"params_ema": weights}, zipped=zipped)) == kind


def test_the_newest_file_of_the_kind_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    old = aged(write(tmp_path / "GFPGAN" / "GFPGANv1.3.safetensors", LIKE_GFPGAN), 300)
    new = aged(pickled(tmp_path / "more" / "Codeformer" / "faces.pth", {"params_ema": LIKE_GFPGAN}), 200)
    code = aged(write(tmp_path / "GFPGAN" / "GFPGANv9.safetensors", LIKE_CODEFORMER), 100)
    aged(write(tmp_path / "GFPGAN" / "other.safetensors", compact()), 0)
    models = (tmp_path, tmp_path / "more")
    assert restorer_file(GFPGAN, models) == new
    assert restorer_file(GFPGAN, models[:1]) == old
    assert restorer_file(CODEFORMER, models) == code


@pytest.mark.parametrize(
    ("kind", "words"),
    [(GFPGAN, r"no GFPGAN network here\. Put GFPGANv1\.4\.pth"), (CODEFORMER, r"no CodeFormer .*codeformer-v0\.1\.0")],
)
def test_what_is_missing_is_told_with_its_folder(tmp_path: Path, kind: str, words: str) -> None:
    write(tmp_path / "GFPGAN" / "not faces.safetensors", compact())
    (tmp_path / "GFPGAN" / "unfinished.pth").write_bytes(b"")
    with pytest.raises(ModelNotFound, match=words) as caught:
        restorer_file(kind, (tmp_path,))
    assert str(tmp_path / {GFPGAN: "GFPGAN", CODEFORMER: "Codeformer"}[kind]) in str(caught.value)
    with pytest.raises(ModelNotFound):
        restorer_file(kind, ())


def test_a_damaged_file_of_that_name_is_told_unless_there_is_another(tmp_path: Path) -> None:
    (tmp_path / "GFPGAN").mkdir()
    (tmp_path / "GFPGAN" / "GFPGANv1.4.pth").write_bytes(b"")
    with pytest.raises(BrokenModel, match=r"GFPGANv1\.4\.pth is damaged"):
        restorer_file(GFPGAN, (tmp_path,))
    whole = aged(write(tmp_path / "GFPGAN" / "GFPGANv1.3.safetensors", LIKE_GFPGAN), 10**6)
    assert restorer_file(GFPGAN, (tmp_path,)) == whole


def test_yunet_is_looked_for_beside_the_restorers(tmp_path: Path) -> None:
    models = UpscalerRegistry(upscaler_folders(tmp_path, tmp_path / "more")).models
    assert models == (tmp_path, tmp_path / "more")
    assert yunet_file(*models) is None
    for name in ("more/GFPGAN/face_detection_yunet_2023mar.onnx", "more/GFPGAN/else.onnx"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert yunet_file(*models) == tmp_path / "more/GFPGAN/face_detection_yunet_2023mar.onnx"
    (tmp_path / "Codeformer").mkdir()
    for name in ("2022mar", "2023mar", "2023apr", "2023mar_int8bq"):
        (tmp_path / "Codeformer" / f"face_detection_yunet_{name}.onnx").write_bytes(b"")
    assert yunet_file(*models) == tmp_path / "Codeformer/face_detection_yunet_2023mar.onnx"
