"""Which VAE a picture is painted with."""

from __future__ import annotations

import logging

from modules.checkpoints.model_files import ModelFile
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.weights_header import PICKLES
from modules.config.settings import SettingsStore
from modules.errors import ModelNotFound, UserError
from modules.schema.requests import AUTOMATIC, NO_VAE
from modules.services.models import ModelService

log = logging.getLogger(__name__)

_BESIDE = ".vae"
"""What a VAE's name has behind that of the checkpoint it belongs to."""


class VaeService:
    """Names are those infotexts carry: a file's name with its suffix."""

    def __init__(self, models: ModelService, settings: SettingsStore) -> None:
        self._models = models
        self._settings = settings

    def names(self) -> tuple[str, ...]:
        """Everything that a request may name."""
        return AUTOMATIC, NO_VAE, *(name_of(file) for file in self._files())

    def find(self, name: str) -> ModelFile:
        """The file of that name, with or without suffix, in any case. Raises ModelNotFound, UnsupportedModel."""
        files = self._files()
        wanted = name.strip().lower()
        # A1111's infotexts name pickles, which were converted for this program.
        stems = {wanted, *(wanted.removesuffix(suffix) for suffix in PICKLES)}
        for file in files:
            if wanted in (name_of(file).lower(), file.path.name.lower()) or stems & {
                file.name.lower(),
                file.path.stem.lower(),
            }:
                found = self._models.looked_at(file)
                if found.refusal is not None and not _lies_elsewhere(found):
                    raise found.refusal
                return found
        known = f"Choose one of: {', '.join(map(name_of, files))}." if files else "Put it into models/VAE."
        raise ModelNotFound(f"VAE {name!r} is not here. {known}")

    def chosen(self, checkpoint: Checkpoint, asked: str | None) -> str:
        """The name of the VAE for a checkpoint, or NO_VAE for its own, where a request asks for `asked` or nothing.

        A name in the request goes first, then the one in the checkpoint's card, the file that is named after the
        checkpoint, and the settings. Raises ModelNotFound, UnsupportedModel.
        """
        if asked is not None and not _is(asked, AUTOMATIC):
            return self._named(asked)
        if (told := checkpoint.card.vae) and not _is(told, AUTOMATIC):
            try:
                return self._named(told)
            except UserError as error:
                log.warning("The card of %s asks for a VAE that cannot be used: %s", checkpoint.name, error)
        if (own := self._beside(checkpoint)) is not None:
            return name_of(own)
        setting = self._settings.current.sd_vae
        return NO_VAE if asked is not None or _is(setting, AUTOMATIC) else self._named(setting)

    def hash_of(self, name: str) -> str:
        """The first ten digits of a VAE's sha256; empty for the one inside of a checkpoint."""
        return "" if name == NO_VAE else self._models.file_hash(self.find(name))

    def _named(self, name: str) -> str:
        return NO_VAE if _is(name, NO_VAE) else name_of(self.find(name))

    def _beside(self, checkpoint: Checkpoint) -> ModelFile | None:
        stem = checkpoint.path.name if checkpoint.path.is_dir() else checkpoint.path.stem
        return next((file for file in self._files() if file.path.stem.lower() == (stem + _BESIDE).lower()), None)

    def _files(self) -> list[ModelFile]:
        """Those of the VAE folders, and those that lie among the checkpoints."""
        return [*self._models.files("vae"), *filter(_lies_elsewhere, self._models.files("checkpoint"))]


def _lies_elsewhere(file: ModelFile) -> bool:
    """Whether a file is a good VAE whose only fault is that it lies among the checkpoints."""
    identity = file.identity
    return identity is not None and identity.kind == "vae" and not identity.unsupported and not file.is_broken


def name_of(file: ModelFile) -> str:
    """A file's path below its folder."""
    return file.name + file.path.suffix


def _is(name: str, word: str) -> bool:
    return name.strip().lower() == word.lower()
