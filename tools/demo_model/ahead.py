"""Prepares the data of coming pieces in the background while the present one is learnt.

Meant for a crew of one with a fast device; a crew of several claims pieces in an order nobody knows beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

Data = TypeVar("Data")


class Ahead(Generic[Data]):
    """`get(step, piece)` returns `make(step, piece)`, which `executor` has begun `depth` pieces earlier."""

    def __init__(self, make: Callable[[int, int], Data], pieces: int, executor: Executor, depth: int) -> None:
        self._make = make
        self._pieces = pieces
        self._executor = executor
        self._depth = depth
        self._begun: dict[tuple[int, int], Future[Data]] = {}

    def get(self, step: int, piece: int) -> Data:
        """The data of a piece; asks for those that follow."""
        for later in range(self._depth + 1):
            extra, number = divmod(piece + later, self._pieces)
            key = (step + extra, number)
            if key not in self._begun:
                self._begun[key] = self._executor.submit(self._make, *key)
        return self._begun.pop((step, piece)).result()
