"""Which extensions a person has switched on, and what lay in their folders when they did."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from modules.config.files import write_atomically

log = logging.getLogger(__name__)


class ExtensionState(BaseModel):
    """What was decided about one extension."""

    model_config = ConfigDict(frozen=True)

    is_enabled: bool
    content: str
    """The hash of its folder when it was switched on: other code in it has nobody's agreement."""


class _File(BaseModel):
    extensions: dict[str, ExtensionState] = {}


class ExtensionStates:
    """The decisions of one data folder, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Mapping[str, ExtensionState]:
        """All of them; none where the file cannot be read, which is safe: nothing is switched on then."""
        try:
            return _File.model_validate_json(self._path.read_bytes()).extensions
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read, all extensions are off: %s", self._path, error)
            return {}

    def change(self, name: str, state: ExtensionState) -> None:
        """Decide about one; a file that is damaged is kept aside. Raises StorageFull."""
        known = self.read()
        if not known and self._path.is_file():
            write_atomically(self._path.with_name(self._path.name + ".previous"), self._path.read_bytes())
        text = _File(extensions={**known, name: state}).model_dump_json(indent=2)
        write_atomically(self._path, f"{text}\n".encode())
