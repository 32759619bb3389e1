"""Keeps the model that was used last in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.registry import Checkpoint


class ModelCache:
    """At most one loaded model; another one takes its place."""

    def __init__(self, load: Callable[[Checkpoint], LoadedModel]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._key: object = None
        self._model: LoadedModel | None = None

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Whether `get` would answer at once."""
        return self._model is not None and self._key == _key(checkpoint)

    def get(self, checkpoint: Checkpoint) -> LoadedModel:
        """The model of a checkpoint, loaded if need be; callers take turns."""
        with self._lock:
            key = _key(checkpoint)
            if self._model is None or self._key != key:
                self._model = None  # its memory goes before the next model comes
                self._model = self._load(checkpoint)
                self._key = key
            return self._model


def _key(checkpoint: Checkpoint) -> object:
    """The same weights under the same name; a card may change without a reload."""
    return checkpoint.name, checkpoint.path, checkpoint.weights_state
