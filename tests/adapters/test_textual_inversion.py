"""Embedding files, and whether they fit a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.adapters.textual_inversion import Embedding, read_embedding
from modules.checkpoints.loaded import LoadedModel
from modules.errors import BrokenModel, UnsupportedModel
from tests.adapters.networks import random

L, G = 768, 1280


def model(family: str, *widths: int) -> LoadedModel:
    encoders = tuple(SimpleNamespace(width=width) for width in widths)
    return cast(LoadedModel, SimpleNamespace(name="m", family=family, text_encoders=encoders))


MODELS = {
    "sd1": model("sd1", L),
    "sd2": model("sd2", 1024),
    "sdxl": model("sdxl", L, G),
    "sdxl-refiner": model("sdxl-refiner", G),
}


@pytest.mark.parametrize(
    ("tensors", "family"),
    [
        ({"emb_params": random(4, L)}, "sd1"),
        ({"emb_params": random(4, 1024)}, "sd2"),
        ({"string_to_param.*": random(4, L), "step": torch.tensor(5)}, "sd1"),
        ({"*": random(4, L)}, "sd1"),
        ({"<my-word>": random(L)}, "sd1"),
        ({"clip_g": random(4, G), "clip_l": random(4, L)}, "sdxl"),
    ],
)
def test_every_form_of_file_is_read(tensors: Mapping[str, Tensor], family: str, tmp_path: Path) -> None:
    save_file(dict(tensors), tmp_path / "My Word.safetensors")
    embedding = read_embedding(tmp_path / "My Word.safetensors")
    assert (embedding.name, embedding.family) == ("My Word", family)
    assert embedding.length == (1 if "<my-word>" in tensors else 4)
    expected = [tensor.reshape(-1, tensor.shape[-1]) for tensor in tensors.values() if tensor.dim()]
    assert all(any(torch.equal(one, other) for other in expected) for one in embedding.vectors)
    assert [one.shape[1] for one in embedding.vectors] == sorted(one.shape[1] for one in embedding.vectors)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_vectors_are_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    save_file({"emb_params": random(4, L).to(dtype)}, tmp_path / "word.safetensors")
    assert read_embedding(tmp_path / "word.safetensors").vectors[0].dtype == torch.float32


@pytest.mark.parametrize(
    "tensors",
    [
        {"emb_params": random(2, 2, 2)},
        {"emb_params": torch.zeros(0, L)},
        {"emb_params": torch.zeros(2, L, dtype=torch.int32)},
        {"clip_l": random(2, L), "clip_g": random(3, G)},
        {"some": random(2, L), "other": random(2, L)},
        {f"lora_{number}": random(2, 2) for number in range(20)},
    ],
)
def test_other_files_are_refused_in_words(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "word.safetensors")
    with pytest.raises(UnsupportedModel, match=r"^word\.safetensors is no embedding"):
        read_embedding(tmp_path / "word.safetensors")


def test_pickles_and_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "word.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "word.safetensors").write_bytes(b"")
    with pytest.raises(UnsupportedModel, match="convert"):
        read_embedding(tmp_path / "word.pt")
    with pytest.raises(BrokenModel, match="empty"):
        read_embedding(tmp_path / "word.safetensors")


SD1, SD2 = Embedding("one", (random(2, L),)), Embedding("two", (random(2, 1024),))
XL = Embedding("xl", (random(2, L), random(2, G)))
FITTING = {(SD1, "sd1"), (SD2, "sd2"), (XL, "sdxl"), (XL, "sdxl-refiner")}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("embedding", [SD1, SD2, XL], ids=lambda one: one.name)
def test_an_embedding_fits_models_whose_text_encoders_have_its_sizes(embedding: Embedding, name: str) -> None:
    target = MODELS[name]
    assert embedding.fits(target) == ((embedding, name) in FITTING)
    if embedding.fits(target):
        widths = [encoder.width for encoder in target.text_encoders]
        assert [one.shape[1] for one in embedding.vectors_for(target)] == widths
    else:
        with pytest.raises(UnsupportedModel, match=f"^Embedding '{embedding.name}' has vectors of"):
            embedding.vectors_for(target)
