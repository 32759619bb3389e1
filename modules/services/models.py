"""Use cases of checkpoints and of the other model files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modules.checkpoints.file_facts import FileState
from modules.checkpoints.file_hashes import SHORT
from modules.checkpoints.model_files import FolderKind, ModelFile, ModelFiles
from modules.checkpoints.registry import Checkpoint, RefusedFile, Registry
from modules.config.settings import SettingsStore
from modules.errors import BrokenModel, ModelNotFound, UnsupportedModel


class ModelService:
    """Which model files there are, and which checkpoint is used."""

    def __init__(self, registry: Registry, files: ModelFiles, settings: SettingsStore) -> None:
        self._registry = registry
        self._files = files
        self._settings = settings

    @property
    def version(self) -> int:
        """Another number means that files came, went, changed or became known better."""
        return self._files.version

    def all(self) -> list[Checkpoint]:
        """Every checkpoint that can be run, by name."""
        return self._registry.all()

    def refused(self) -> list[RefusedFile]:
        """What lies among the checkpoints and cannot be run, with the reason."""
        return self._registry.refused()

    def current(self) -> Checkpoint:
        """The checkpoint of the settings, or the first one if that cannot be used. Raises ModelNotFound."""
        try:
            return self._registry.find(self._settings.current.sd_model_checkpoint)
        except (ModelNotFound, UnsupportedModel, BrokenModel):
            return self._registry.find("")

    def find(self, name: str) -> Checkpoint:
        """The checkpoint of that name. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        return self._registry.find(name)

    def select(self, name: str) -> Checkpoint:
        """Make a checkpoint the one that is used, now and after a restart. Raises as `find` does."""
        checkpoint = self._registry.find(name)
        self._settings.change(sd_model_checkpoint=checkpoint.name)
        return checkpoint

    def hash_of(self, name: str) -> str:
        """The first ten digits of a checkpoint's sha256; computed once, which may take seconds. Raises as `find`."""
        return self._registry.hash_of(self._registry.find(name))

    def files(self, kind: FolderKind) -> tuple[ModelFile, ...]:
        """The files of a kind, by name, those that cannot be used with the reason."""
        return self._files.all(kind)

    def looked_at(self, file: ModelFile) -> ModelFile:
        """The file with its header read, now if need be."""
        return self._files.read(file)

    def file_hash(self, file: ModelFile) -> str:
        """The first ten digits of a file's sha256; computed once, which may take seconds. Raises OSError."""
        return self._files.sha256_of(file.path)[:SHORT]

    def remembered(self, path: Path, name: str, compute: Callable[[], str]) -> str:
        """What was computed of a file under a name, now or in an earlier run of the program."""
        facts, state = self._files.facts, FileState.of(path)
        known = facts.look_up(state, name)
        if not isinstance(known, str):
            known = compute()
            facts.put(state, name, known)
        return known

    def network_hash(self, file: ModelFile, *, wait: bool = True) -> str:
        """The 12 digits by which infotexts name a LoRA or an embedding; without `wait` empty where nobody knows them.

        Raises OSError, BrokenModel.
        """
        return self._files.network_hash(file, wait=wait) or ""
