"""Brownian noise over sigma for the SDE samplers: one path per image, the same for any steps and any batch.

The path is fixed by the image's seed: halving an interval gives its left half the mean share of the increment plus
noise of the bridge's variance, and the seed of that noise depends on the image's seed and the place in the tree alone
(Kidger et al., "Efficient and Accurate Gradients for Neural SDEs", 2021, section 4, the Brownian Interval). However
the steps lie, they see the same path.

The tree's seeds and constants are those of torchsde 0.2.6, because pictures of DPM++ SDE, 2M SDE and 3M SDE that
other programs made came from its paths: the same seed, sigmas and noise source give the same noise here to float32
rounding. torchsde itself is not used: its last release is of 2023, and its search structure is of no use here.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

from modules.diffusion.noise import Shape, noise_source

_DIGITS = 6  # sigmas are told apart to a millionth
_POOL_SIZE = 24
_MOST_BRIDGES, _MOST_POSITIONS = 64, 4

_Key = TypeVar("_Key")
Draw = Callable[[int], torch.Tensor]
"""Standard normal noise of one image, fixed by a seed."""


class BrownianPath:
    """The Brownian path of one image over sigma_min..sigma_max. It can be asked for any interval, in any order."""

    def __init__(self, draw: Draw, seed: int, sigma_min: float, sigma_max: float) -> None:
        if not 0 <= sigma_min < sigma_max:
            raise ValueError(f"A path needs 0 <= sigma_min < sigma_max, not {sigma_min} and {sigma_max}.")
        self._draw = draw
        self._seed = seed
        self._start, self._end = round(sigma_min, _DIGITS), round(sigma_max, _DIGITS)
        # The whole increment and the tree's own noises have seeds from differently long keys, so none meets another.
        whole = int(np.random.SeedSequence(seed, pool_size=_POOL_SIZE).generate_state(1)[0])
        self._whole = draw(whole) * math.sqrt(sigma_max - sigma_min)
        self._bridges: OrderedDict[tuple[int, int], torch.Tensor] = OrderedDict()
        self._positions: OrderedDict[float, torch.Tensor] = OrderedDict()

    def increment(self, low: float, high: float) -> torch.Tensor:
        """W(high) - W(low), of variance high - low, of the draws' shape; clipped to the path's range."""
        return self._position(high) - self._position(low)

    def _position(self, sigma: float) -> torch.Tensor:
        """W(sigma) - W(sigma_min)."""
        wanted = round(min(max(sigma, self._start), self._end), _DIGITS)
        # Where a step ends, the next one starts.
        return _remembered(self._positions, wanted, _MOST_POSITIONS, lambda: self._descended(wanted))

    def _descended(self, wanted: float) -> torch.Tensor:
        start, end, key, depth = self._start, self._end, 0, 0
        position, increment = torch.zeros_like(self._whole), self._whole
        while start < wanted < end:
            middle = round((start + end) / 2, _DIGITS)
            share = (middle - start) / (end - start)
            bridge = self._bridge(key, depth) * math.sqrt(share * (end - middle))
            left = increment * share + bridge
            if wanted <= middle:
                end, increment, key = middle, left, 2 * key
            else:
                position, start, increment, key = position + left, middle, increment - left, 2 * key + 1
            depth += 1
        return position + increment if wanted == end else position

    def _bridge(self, key: int, depth: int) -> torch.Tensor:
        """The noise of a node; steps that follow one another share most of theirs."""

        def drawn() -> torch.Tensor:
            sequence = np.random.SeedSequence(self._seed, spawn_key=(key, depth), pool_size=_POOL_SIZE)
            return self._draw(int(sequence.generate_state(1)[0]))

        return _remembered(self._bridges, (key, depth), _MOST_BRIDGES, drawn)


class BrownianNoise:
    """Noise of a batch for the SDE samplers: image i from the path of its own seed alone.

    The range of the sigmas is that of the whole schedule, without its 0, also where a run starts in its middle.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: Shape,
        sigma_range: tuple[float, float],
        *,
        kind: str,
        device: torch.device,
    ) -> None:
        """`shape` is (channels, height, width), `kind` that of noise_source."""

        def draw(seed: int) -> torch.Tensor:
            return noise_source(kind, seed, device).randn(shape)

        self._paths = [BrownianPath(draw, seed, *map(_single, sigma_range)) for seed in seeds]
        self._device = device

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        """The paths' increments from sigma to sigma_next, scaled to variance 1: float32, (batch, *shape)."""
        start, end = _single(sigma), _single(sigma_next)
        low, high = min(start, end), max(start, end)
        if low == high:
            raise ValueError(f"There is no noise between {sigma} and itself.")
        increments = torch.stack([path.increment(low, high) for path in self._paths]).to(self._device)
        return increments * (math.copysign(1, end - start) / math.sqrt(high - low))


class SamplerNoise:
    """All the noise that samplers ask for: fresh noise, and Brownian noise over an interval of sigma."""

    def __init__(self, fresh: Callable[[], torch.Tensor], brownian: Callable[[], BrownianNoise]) -> None:
        """`brownian` is called when a sampler first asks for it: most do not, and its paths cost time."""
        self._fresh = fresh
        self._make_brownian = brownian
        self._brownian: BrownianNoise | None = None

    def __call__(self) -> torch.Tensor:
        """The next fresh noise, float32, (batch, *shape)."""
        return self._fresh()

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        """Brownian noise between the two, float32, (batch, *shape)."""
        if self._brownian is None:
            self._brownian = self._make_brownian()
        return self._brownian.between(sigma, sigma_next)


def _remembered(
    memory: OrderedDict[_Key, torch.Tensor], key: _Key, most: int, make: Callable[[], torch.Tensor]
) -> torch.Tensor:
    """What the memory holds for the key, made if need be; the longest unused beyond `most` are forgotten."""
    if key not in memory:
        memory[key] = make()
        if len(memory) > most:
            memory.popitem(last=False)
    memory.move_to_end(key)
    return memory[key]


def _single(sigma: float) -> float:
    """Sigma in float32's precision, in which existing pictures' sigmas were."""
    return float(np.float32(sigma))
