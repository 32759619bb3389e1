"""Use cases of checkpoints."""

from __future__ import annotations

from modules.checkpoints.registry import Checkpoint, Registry
from modules.config.settings import SettingsStore
from modules.errors import ModelNotFound


class ModelService:
    """Which checkpoints there are and which one is used."""

    def __init__(self, registry: Registry, settings: SettingsStore) -> None:
        self._registry = registry
        self._settings = settings

    def all(self) -> list[Checkpoint]:
        """Every checkpoint, by name."""
        return self._registry.all()

    def current(self) -> Checkpoint:
        """The checkpoint of the settings, or the first one if that is gone. Raises ModelNotFound if there is none."""
        try:
            return self._registry.find(self._settings.current.sd_model_checkpoint)
        except ModelNotFound:
            return self._registry.find("")

    def find(self, name: str) -> Checkpoint:
        """The checkpoint of that name. Raises ModelNotFound, UnsupportedModel."""
        return self._registry.find(name)

    def select(self, name: str) -> Checkpoint:
        """Make a checkpoint the one that is used, now and after a restart. Raises ModelNotFound, UnsupportedModel."""
        checkpoint = self._registry.find(name)
        self._settings.change(sd_model_checkpoint=checkpoint.name)
        return checkpoint
