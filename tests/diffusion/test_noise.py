"""Noise: the published streams, one per image."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from modules.diffusion.noise import BatchNoise, NvNoise, TorchNoise, noise_source

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
CPU = torch.device("cpu")


@pytest.mark.parametrize("path", sorted(VECTORS.glob("noise*.json")), ids=lambda path: path.name)
def test_vectors(path: Path) -> None:
    for vector in json.loads(path.read_bytes()):
        seed, first, second = (vector[key] for key in vector)
        source = NvNoise(seed)
        assert torch.allclose(source.randn((2, 3, 5)).flatten(), torch.tensor(first), atol=1e-5)
        assert torch.allclose(source.randn((4,)), torch.tensor(second), atol=1e-5)


@pytest.mark.parametrize("kind", ["NV", "CPU", "GPU"])
def test_noise_is_standard_normal(kind: str) -> None:
    noise = noise_source(kind, 5, CPU).randn((4, 100, 100))
    assert noise.dtype == torch.float32
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)


def test_cpu_noise_is_that_of_torch() -> None:
    expected = torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(3))
    assert torch.equal(noise_source("CPU", 3, CPU).randn((4, 8, 8)), expected)


def test_gpu_noise_without_a_card_is_that_of_a_card() -> None:
    assert torch.equal(noise_source("GPU", 3, CPU).randn((9,)), noise_source("NV", 3, CPU).randn((9,)))


def test_place_in_the_batch_does_not_matter() -> None:
    batch = BatchNoise([TorchNoise(seed, "cpu") for seed in (1, 2, 3)], (4, 8, 8), CPU)
    alone = BatchNoise([TorchNoise(2, "cpu")], (4, 8, 8), CPU)
    for _ in range(3):
        assert torch.equal(batch.next()[1], alone.next()[0])


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for kind in ("NV", "CPU", "GPU"):
        noise_source(kind, 1, CPU).randn((4, 4))
    assert torch.equal(torch.get_rng_state(), before)


def test_large_seeds_differ() -> None:
    assert not torch.equal(NvNoise(1).randn((9,)), NvNoise(1 + 2**32).randn((9,)))
