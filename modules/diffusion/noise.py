"""Noise: one source per image, so that a picture does not depend on its place in a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

Shape = tuple[int, ...]
Words = np.ndarray[Any, np.dtype[np.uint64]]
"""32-bit words, each in 64 bits so that a product of two fits."""

_SEED_MASK = 0xFFFFFFFFFFFFFFFF
_WORD_MASK = 0xFFFFFFFF
_NEARLY_PARALLEL = 0.9995
_PHILOX_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_PHILOX_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_PHILOX_ROUNDS = 10
_CHUNK = 16384  # numbers at a time: their words stay in the processor's cache


class NoiseSource(Protocol):
    """Standard normal float32 noise of one image; every call goes on in the same stream."""

    def randn(self, shape: Shape) -> torch.Tensor: ...


class TorchNoise:
    """Noise of torch's own generator on `device`."""

    def __init__(self, seed: int, device: torch.device | str) -> None:
        self._generator = torch.Generator(device=device).manual_seed(seed & _SEED_MASK)

    def randn(self, shape: Shape) -> torch.Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device, dtype=torch.float32)


class NvNoise:
    """The noise of torch's generator on an NVIDIA card, computed anywhere.

    Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) with the Box-Muller transform:
    number i of draw d comes from the first two words of the block with the counter (d, 0, i, 0) and the seed as key.
    The transform runs in float64 and is rounded once, so that no processor's float32 sine shows in a picture.
    """

    def __init__(self, seed: int) -> None:
        self._key = (seed & _WORD_MASK, seed >> 32 & _WORD_MASK)
        self._draws = 0

    def randn(self, shape: Shape) -> torch.Tensor:
        numbers = torch.empty(math.prod(shape), dtype=torch.float32)
        for start in range(0, len(numbers), _CHUNK):
            part = numbers[start : start + _CHUNK]
            part.copy_(_box_muller(*philox_words(self._draws, start, len(part), self._key)))
        self._draws += 1
        return numbers.reshape(shape)


def noise_source(kind: str, seed: int, device: torch.device) -> NoiseSource:
    """The source of one image. `kind` is "NV", "CPU" or "GPU"; GPU where there is none gives NV's noise."""
    if kind == "CPU":
        return TorchNoise(seed, "cpu")
    if kind == "GPU" and device.type == "cuda":
        return TorchNoise(seed, device)
    return NvNoise(seed)


@dataclass(frozen=True)
class NoiseRecipe:
    """All that decides the noise of one image."""

    seed: int
    subseed: int = 0
    """Seed of the variation."""
    subseed_strength: float = 0.0
    """How far the first noise turns towards the variation's, 0 to 1."""
    resize_from: tuple[int, int] | None = None
    """Width and height, in latent cells, of the picture whose composition is wanted at another size."""
    ensd: int = 0
    """Eta noise seed delta: what is added to the seed for all noise after the first; 0 goes on in the first stream."""
    kind: str = "NV"
    """ "NV", "CPU" or "GPU"."""


class ImageNoise:
    """The noise of one image: the first draw, from which its picture starts, and the fresh noise of later steps.

    It is a NoiseSource: the first call of `randn` is the first draw.
    """

    def __init__(self, recipe: NoiseRecipe, device: torch.device) -> None:
        self._recipe = recipe
        self._device = device
        self._source = self._source_of(recipe.seed)
        self._started = False

    def randn(self, shape: Shape) -> torch.Tensor:
        """`initial` at the first call, `next` at every later one."""
        return self.next(shape) if self._started else self.initial(shape)

    def initial(self, shape: Shape) -> torch.Tensor:
        """The first draw, float32; `shape` is (channels, height, width). Asked for once, before any `next`."""
        self._started = True
        recipe = self._recipe
        own = self._source.randn(shape)
        if recipe.resize_from is None or recipe.resize_from == (shape[-1], shape[-2]):
            noise = self._varied(own)
        else:
            width, height = recipe.resize_from
            composed = self._source_of(recipe.seed).randn((*shape[:-2], height, width))
            noise = pasted_in_the_centre(self._varied(composed), own)
        if recipe.ensd:
            self._source = self._source_of(recipe.seed + recipe.ensd)
        return noise

    def next(self, shape: Shape) -> torch.Tensor:
        """Fresh noise, float32, of `shape`."""
        return self._source.randn(shape)

    def _varied(self, noise: torch.Tensor) -> torch.Tensor:
        strength = self._recipe.subseed_strength
        if strength == 0:
            return noise
        return slerp(strength, noise, self._source_of(self._recipe.subseed).randn(tuple(noise.shape)))

    def _source_of(self, seed: int) -> NoiseSource:
        return noise_source(self._recipe.kind, seed, self._device)


class BatchNoise:
    """Noise of a batch: image i draws from its own source alone."""

    def __init__(self, sources: Sequence[NoiseSource], shape: Shape, device: torch.device) -> None:
        self._sources = sources
        self._shape = shape
        self._device = device

    def next(self) -> torch.Tensor:
        """The next noise, float32, (batch, *shape)."""
        return torch.stack([source.randn(self._shape) for source in self._sources]).to(self._device)


def slerp(strength: float, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Turn `low` towards `high` by a share of the angle between them (Shoemake, "Animating rotation", 1985).

    Both are (channels, height, width); the vectors that turn are the columns, one for each channel and x. Where the
    columns are parallel on average the two are mixed instead, and there `strength` is the share of `low`, as
    existing pictures have it.
    """
    unit_low, unit_high = (noise / noise.norm(dim=1, keepdim=True) for noise in (low, high))
    cosine = (unit_low * unit_high).sum(dim=1, keepdim=True)
    if cosine.mean() > _NEARLY_PARALLEL:
        return low * strength + high * (1 - strength)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    # A single parallel column has no plane to turn in; dividing by its sine would make it NaN.
    parallel = sine < 1e-6
    sine = torch.where(parallel, 1.0, sine)
    share_of_low = torch.where(parallel, 1 - strength, ((1 - strength) * angle).sin() / sine)
    share_of_high = torch.where(parallel, strength, (strength * angle).sin() / sine)
    return share_of_low * low + share_of_high * high


def pasted_in_the_centre(noise: torch.Tensor, onto: torch.Tensor) -> torch.Tensor:
    """`onto` with `noise` over its middle; where `noise` is the larger one, its own middle is taken.

    Both are (..., height, width) and may differ in these two. An odd difference leaves one row or column of `onto`.
    """
    from_rows, to_rows = _middle(noise.shape[-2], onto.shape[-2])
    from_columns, to_columns = _middle(noise.shape[-1], onto.shape[-1])
    pasted = onto.clone()
    pasted[..., to_rows, to_columns] = noise[..., from_rows, from_columns]
    return pasted


def _middle(source: int, target: int) -> tuple[slice, slice]:
    """The part of `source` cells that is taken, and where it lies in `target` cells."""
    offset = (target - source) // 2
    length = source if offset >= 0 else source + 2 * offset
    start_source, start_target = max(-offset, 0), max(offset, 0)
    return slice(start_source, start_source + length), slice(start_target, start_target + length)


def philox_words(draw: int, start: int, count: int, key: tuple[int, int]) -> tuple[Words, Words]:
    """The first two words of the blocks with the counters (draw, 0, start + i, 0), for i below `count`."""
    shift, low = np.uint64(32), np.uint64(_WORD_MASK)
    word_0 = np.full(count, draw, dtype=np.uint64)
    word_1 = np.zeros(count, dtype=np.uint64)
    word_2 = np.arange(start, start + count, dtype=np.uint64)
    word_3 = np.zeros(count, dtype=np.uint64)
    product_0, product_1 = np.empty_like(word_0), np.empty_like(word_2)
    key_0, key_1 = key
    for _ in range(_PHILOX_ROUNDS):
        np.multiply(word_0, _PHILOX_MULTIPLIERS[0], out=product_0)
        np.multiply(word_2, _PHILOX_MULTIPLIERS[1], out=product_1)
        np.right_shift(product_1, shift, out=word_0)
        word_0 ^= word_1
        word_0 ^= np.uint64(key_0)
        np.bitwise_and(product_1, low, out=word_1)
        np.right_shift(product_0, shift, out=word_2)
        word_2 ^= word_3
        word_2 ^= np.uint64(key_1)
        np.bitwise_and(product_0, low, out=word_3)
        key_0 = (key_0 + _PHILOX_KEY_STEPS[0]) & _WORD_MASK
        key_1 = (key_1 + _PHILOX_KEY_STEPS[1]) & _WORD_MASK
    return word_0, word_1


def _box_muller(first: Words, second: Words) -> torch.Tensor:
    """Two uniform 32-bit words into one normal number, float64; a word stands for the middle of its interval."""
    radius = torch.from_numpy(first.astype(np.float64)).add_(0.5).mul_(2.0**-32).log_().mul_(-2).sqrt_()
    angle = torch.from_numpy(second.astype(np.float64)).add_(0.5).mul_(2.0**-32 * 2 * math.pi)
    return radius.mul_(angle.sin_())
