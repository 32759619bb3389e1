"""Where a network looks for each token: its cross-attention, computed once more beside the answer.

Source: Tang et al., "What the DAAM: Interpreting Stable Diffusion Using Cross Attention" (2022), section 3. Of the
layers of a U-Net those of its middle resolutions are taken: the finest ones look at texture, the coarsest one at
nearly everything at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

_BLOCK = re.compile(r"(down_blocks|up_blocks|mid_block)(?:\.(\d+))?\..*\.attn2")
_MOST_WEIGHTS = 1 << 24
"""Numbers of one layer's attention that are computed at once: 64 MiB."""


@dataclass
class AttentionSum:
    """Adds up, for some rows of the network's batch, where each token is looked for."""

    cells: tuple[int, int]
    """Height and width of the maps."""
    rows: tuple[int, ...] = ()
    """The rows of the next call that are wanted."""
    maps: dict[int, torch.Tensor] = field(default_factory=dict)
    """By row: (tokens, height, width), the sum over `layers` layers, float32."""
    layers: int = 0

    def begin(self, rows: tuple[int, ...]) -> None:
        """Forget what was summed up: a call of the network with those rows follows."""
        self.rows, self.maps, self.layers = rows, {}, 0

    def add(self, shares: torch.Tensor, latent_sides: tuple[int, int]) -> None:
        """Take in one layer's attention, (rows, positions, tokens); the shares of a position add to 1."""
        sides = _sides_of(shares.shape[1], latent_sides)
        if sides is None:
            return
        maps = shares.transpose(1, 2).reshape(len(shares), -1, *sides)
        maps = functional.interpolate(maps, size=self.cells, mode="bilinear", align_corners=False)
        self.layers += 1
        for row, one in zip(self.rows, maps, strict=True):
            self.maps[row] = one if row not in self.maps else self.maps[row] + one


def explained_layers(unet: Any) -> list[str]:
    """The names of the cross-attention layers that are looked at; none for networks of another shape."""
    modules = {name for name, module in unet.named_modules() if hasattr(module, "to_q")}
    depths = {name: depth for name in sorted(modules) if (depth := _depth(name, unet)) is not None}
    there = sorted(set(depths.values()))
    middle = there[1:-1] if len(there) > 2 else there
    return [name for name, depth in depths.items() if depth in middle]


@contextmanager
def attention_summed(unet: Any, into: AttentionSum, latent_sides: tuple[int, int]) -> Iterator[None]:
    """Within it the network's layers add what they look at to a sum; what they answer stays the same, bit for bit.

    Queries and keys are taken as the layers compute them anyway: nothing is called twice, so that weights which are
    brought to the device layer by layer come in their usual order.
    """
    hooks = []
    try:
        for layer in map(unet.get_submodule, explained_layers(unet)):
            glance = _Glance(layer, into, latent_sides)
            hooks += [
                layer.to_q.register_forward_hook(glance.take_query),
                layer.to_k.register_forward_hook(glance.take_key),
                layer.register_forward_hook(glance.end),
            ]
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Glance:
    """What one layer computes in a call, as far as it is wanted."""

    def __init__(self, layer: Any, into: AttentionSum, latent_sides: tuple[int, int]) -> None:
        self._heads = int(layer.heads)
        self._into = into
        self._latent_sides = latent_sides
        self._query: torch.Tensor | None = None
        self._key: torch.Tensor | None = None

    def take_query(self, module: Any, given: Any, query: torch.Tensor) -> None:
        self._query = query[list(self._into.rows)] if self._into.rows else None

    def take_key(self, module: Any, given: Any, key: torch.Tensor) -> None:
        self._key = key[list(self._into.rows)] if self._into.rows else None

    def end(self, module: Any, given: Any, answer: Any) -> None:
        if self._query is not None and self._key is not None:
            self._into.add(attention_shares(self._query, self._key, self._heads), self._latent_sides)
        self._query = self._key = None


def attention_shares(query: torch.Tensor, key: torch.Tensor, heads: int) -> torch.Tensor:
    """(rows, positions, tokens), float32, the mean over heads, of a layer's queries and keys (rows, ..., width)."""
    query, key = (one.unflatten(-1, (heads, -1)).transpose(1, 2).float() for one in (query, key))  # type: ignore[no-untyped-call]
    scale = 1 / math.sqrt(query.shape[-1])
    rows, _, positions, _ = query.shape
    stretch = max(1, _MOST_WEIGHTS // (rows * heads * key.shape[2]))
    parts = (query[:, :, first : first + stretch] for first in range(0, positions, stretch))
    return torch.cat([(part @ key.transpose(2, 3) * scale).softmax(-1).mean(1) for part in parts], dim=1)


def _depth(name: str, unet: Any) -> int | None:
    """How often the picture was halved before a layer; None for a layer that is no cross-attention of a U-Net."""
    found = _BLOCK.fullmatch(name)
    widths = getattr(getattr(unet, "config", None), "block_out_channels", None)
    if found is None or widths is None:
        return None
    deepest = len(widths) - 1
    if found[1] == "mid_block":
        return deepest
    return int(found[2] or 0) if found[1] == "down_blocks" else deepest - int(found[2] or 0)


def _sides_of(positions: int, latent_sides: tuple[int, int]) -> tuple[int, int] | None:
    """Height and width of a layer by the number of its positions; sides are halved and rounded up."""
    height, width = latent_sides
    while height * width > positions and height * width > 1:
        height, width = -(-height // 2), -(-width // 2)
    return (height, width) if height * width == positions else None
