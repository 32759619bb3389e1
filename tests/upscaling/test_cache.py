"""Loaded upscalers are kept: the last ones asked for, as long as their files are the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spandrel import ImageModelDescriptor

from modules.errors import OutOfMemory, UnsupportedModel
from modules.upscaling.cache import UpscalerCache, fitting_dtype
from modules.upscaling.model_files import load_network
from modules.upscaling.registry import UpscalerEntry, UpscalerRegistry
from modules.upscaling.upscaler import ModelUpscaler, PillowUpscaler
from tests.upscaling.networks import compact, write

CPU = torch.device("cpu")
NO_ROOM = [torch.OutOfMemoryError("no room"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 byte")]


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.safetensors", compact(seed=seed)) for seed, name in enumerate("abc")]
    cache = UpscalerCache(CPU, torch.float32)
    a, b = cache.network(paths[0]), cache.network(paths[1])
    assert cache.network(paths[0]) is a
    cache.network(paths[2])
    assert cache.network(paths[0]) is a
    assert cache.network(paths[1]) is not b
    assert cache.clear()
    assert not cache.clear(), "nothing was left"
    assert cache.network(paths[0]) is not a


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", compact(seed=0))
    cache = UpscalerCache(CPU, torch.float32)
    before = cache.network(path)
    write(path, compact(seed=1))
    os.utime(path, ns=(1, 1))
    assert not torch.equal(cache.network(path).model.body[0].weight, before.model.body[0].weight)


def test_entries_become_upscalers(tmp_path: Path) -> None:
    write(tmp_path / "mine.safetensors", compact())
    registry, cache = UpscalerRegistry([tmp_path]), UpscalerCache(CPU, torch.float32)
    pixels = np.zeros((4, 6, 3), np.uint8)
    for name, kind in (
        ("None", PillowUpscaler),
        ("lanczos", PillowUpscaler),
        ("Nearest", PillowUpscaler),
        ("Mine", ModelUpscaler),
    ):
        upscaler = cache.get(registry.find(name))
        assert isinstance(upscaler, kind)
        assert upscaler.name.lower() == name.lower()
        assert upscaler.upscale(pixels, 12, 8).shape == (8, 12, 3)


def test_a_file_that_is_no_upscaler_is_not_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", {"x": torch.zeros(1)})
    cache = UpscalerCache(CPU, torch.float32)
    for _ in range(2):
        with pytest.raises(UnsupportedModel):
            cache.get(UpscalerEntry("a", path))


def test_the_number_format_fits_the_network(tmp_path: Path) -> None:
    network = load_network(write(tmp_path / "a.safetensors", compact()))
    assert fitting_dtype(network, torch.float16) == torch.float16
    network.supports_half = False
    assert fitting_dtype(network, torch.float16) == torch.float32
    assert fitting_dtype(network, torch.bfloat16) == torch.bfloat16
    cache = UpscalerCache(CPU, torch.bfloat16)
    assert cache.network(tmp_path / "a.safetensors").dtype == torch.bfloat16


@pytest.mark.parametrize("error", NO_ROOM)
def test_a_device_without_room_for_a_network_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = write(tmp_path / "fat.safetensors", compact())

    def full(descriptor: Any, device: torch.device, dtype: torch.dtype | None = None) -> Any:
        if dtype is not None:
            raise error
        return descriptor

    cache = UpscalerCache(CPU, torch.float32)
    with monkeypatch.context() as patched:
        patched.setattr(ImageModelDescriptor, "to", full)
        with pytest.raises(OutOfMemory, match=r"too little memory for the upscaler fat\.safetensors"):
            cache.network(path)
    assert cache.network(path).scale == 2
