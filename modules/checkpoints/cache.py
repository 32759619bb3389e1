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
        self._checkpoint: Checkpoint | None = None
        self._model: LoadedModel | None = None

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Whether `get` would answer at once."""
        return self._checkpoint == checkpoint

    def get(self, checkpoint: Checkpoint) -> LoadedModel:
        """The model of a checkpoint, loaded if need be; callers take turns."""
        with self._lock:
            if self._model is None or self._checkpoint != checkpoint:
                self._checkpoint = self._model = None  # its memory goes before the next model comes
                model = self._load(checkpoint)
                self._model, self._checkpoint = model, checkpoint
            return self._model
