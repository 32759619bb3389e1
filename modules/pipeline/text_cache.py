"""Encoded texts of earlier pictures and jobs, so that the same words are not read twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch

from modules.diffusion.conditioning import TextConditioning

_MOST_BYTES = 256 * 2**20

Encoded = list[TextConditioning]


@dataclass(frozen=True)
class Reuse:
    """How often texts were found, and how often they had to be encoded."""

    found: int = 0
    encoded: int = 0


class TextCache:
    """Remembers encoded texts up to a number of bytes; those that were not used for longest go first.

    Not for several threads: one worker runs one job at a time.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[Hashable, Encoded] = OrderedDict()
        self._reuse = Reuse()

    def get(self, key: Hashable, encode: Callable[[], Encoded]) -> Encoded:
        """What was encoded under that key, now or earlier; the key must hold all that the result depends on."""
        known = self._entries.get(key)
        if known is not None:
            self._entries.move_to_end(key)
            self._reuse = Reuse(self._reuse.found + 1, self._reuse.encoded)
            return known
        fresh = encode()
        self._reuse = Reuse(self._reuse.found, self._reuse.encoded + 1)
        self._entries[key] = fresh
        self._bytes += _size(fresh)
        while self._bytes > self._most_bytes:
            _, forgotten = self._entries.popitem(last=False)
            self._bytes -= _size(forgotten)
        return fresh

    def take_reuse(self) -> Reuse:
        """The counts since they were last taken."""
        reuse, self._reuse = self._reuse, Reuse()
        return reuse


def _size(encoded: Encoded) -> int:
    tensors: list[torch.Tensor | None] = [part for text in encoded for part in (text.states, text.pooled)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)
