"""Noise: one source per image, so that a picture does not depend on its place in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

Shape = tuple[int, ...]


class NoiseSource(Protocol):
    """Standard normal float32 noise of one image; every call goes on in the same stream."""

    def randn(self, shape: Shape) -> torch.Tensor: ...


class TorchNoise:
    """Noise of torch's own generator on `device`."""

    def __init__(self, seed: int, device: torch.device | str) -> None:
        self._generator = torch.Generator(device=device).manual_seed(seed)

    def randn(self, shape: Shape) -> torch.Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device, dtype=torch.float32)


class NvNoise:
    """The noise of torch's generator on an NVIDIA card, computed anywhere.

    Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) with the Box-Muller transform.
    """

    def __init__(self, seed: int) -> None:
        self._key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
        self._draws = 0

    def randn(self, shape: Shape) -> torch.Tensor:
        count = int(np.prod(shape))
        counter = np.zeros((4, count), dtype=np.uint64)
        counter[0] = self._draws
        counter[2] = np.arange(count, dtype=np.uint64)
        self._draws += 1
        first, second = _philox_4x32_10(counter, self._key)[:2]
        return torch.from_numpy(_box_muller(first, second).reshape(shape))


def noise_source(kind: str, seed: int, device: torch.device) -> NoiseSource:
    """The source of one image. `kind` is "NV", "CPU" or "GPU"; GPU where there is none gives NV's noise."""
    if kind == "CPU":
        return TorchNoise(seed, "cpu")
    if kind == "GPU" and device.type == "cuda":
        return TorchNoise(seed, device)
    return NvNoise(seed)


class BatchNoise:
    """Noise of a batch: image i draws from its own source alone."""

    def __init__(self, sources: Sequence[NoiseSource], shape: Shape, device: torch.device) -> None:
        self._sources = sources
        self._shape = shape
        self._device = device

    def next(self) -> torch.Tensor:
        """The next noise, float32, (batch, *shape)."""
        return torch.stack([source.randn(self._shape).to(self._device) for source in self._sources])


def _philox_4x32_10(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds over 32-bit words held in uint64; `counter` is (4, n)."""
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    key_0, key_1 = key
    word_0, word_1, word_2, word_3 = counter
    for _ in range(10):
        product_0 = word_0 * np.uint64(0xD2511F53)
        product_1 = word_2 * np.uint64(0xCD9E8D57)
        word_0, word_1, word_2, word_3 = (
            (product_1 >> shift) ^ word_1 ^ np.uint64(key_0),
            product_1 & low,
            (product_0 >> shift) ^ word_3 ^ np.uint64(key_1),
            product_0 & low,
        )
        key_0 = (key_0 + 0x9E3779B9) & 0xFFFFFFFF
        key_1 = (key_1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([word_0, word_1, word_2, word_3])


def _box_muller(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two uniform 32-bit words into one normal float32."""
    scale = np.float32(2.0**-32)
    radius_uniform = first.astype(np.float32) * scale + scale / np.float32(2)
    angle = second.astype(np.float32) * (scale * np.float32(2 * np.pi)) + scale * np.float32(np.pi)
    normal: np.ndarray = np.sqrt(np.float32(-2) * np.log(radius_uniform)) * np.sin(angle)
    return normal.astype(np.float32)
