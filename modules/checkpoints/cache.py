"""Keeps the models that were used last in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.registry import Checkpoint
from modules.errors import OutOfMemory

MOST_MODELS = 2
"""A request may need two: its own, and that of its second pass or its refiner."""


class ModelCache:
    """The loaded models that were used last, as many as `most`; fewer where memory was too short to load beside them.

    Whether there is room to paint beside them is for the caller to see, who then lets the others go.
    """

    def __init__(self, load: Callable[[Checkpoint], LoadedModel], most: int = MOST_MODELS) -> None:
        self._load = load
        self._most = most
        self._lock = threading.Lock()
        self._models: OrderedDict[object, LoadedModel] = OrderedDict()

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Whether `get` would answer at once."""
        return _key(checkpoint) in self._models

    def get(self, checkpoint: Checkpoint) -> LoadedModel:
        """The model of a checkpoint, loaded if need be; callers take turns. Raises as loading does."""
        with self._lock:
            key = _key(checkpoint)
            if key not in self._models:
                while len(self._models) >= self._most:
                    self._models.popitem(last=False)  # its memory goes before the next model comes
                self._models[key] = self._loaded(checkpoint)
            self._models.move_to_end(key)
            return self._models[key]

    def keep_only(self, checkpoints: Iterable[Checkpoint]) -> bool:
        """Let go of all other models; whether there were any."""
        kept = {_key(checkpoint) for checkpoint in checkpoints}
        with self._lock:
            others = [key for key in self._models if key not in kept]
            for key in others:
                del self._models[key]
            return bool(others)

    def _loaded(self, checkpoint: Checkpoint) -> LoadedModel:
        """The model, beside the others where memory allows it; else they are let go and it is loaded once more."""
        if self._models:
            # What the failed attempt had in memory lives as long as its exception, so the next one comes after it.
            with suppress(OutOfMemory):
                return self._load(checkpoint)
            self._models.clear()
        return self._load(checkpoint)


def _key(checkpoint: Checkpoint) -> object:
    """The same weights under the same name; a card may change without a reload."""
    return checkpoint.name, checkpoint.path, checkpoint.weights_state
