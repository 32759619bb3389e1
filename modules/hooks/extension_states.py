"""What a person decided about extensions: which are switched on, where they came from, and what lay in them then."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from modules.config.files import write_atomically

log = logging.getLogger(__name__)

OriginKind = Literal["git", "zip", "folder"]


class Origin(BaseModel):
    """Where an installed extension came from."""

    model_config = ConfigDict(frozen=True)

    kind: OriginKind
    source: str
    """The address of a repository; of others the name of the zip file, or the folder."""
    reference: str = ""
    """The branch, tag or commit that was asked for; empty: the repository's own choice."""
    commit: str = ""
    version: str = ""
    """What its manifest said."""
    content: str
    """The hash of its folder when it was installed."""
    installed: float
    """Seconds since 1970."""
    is_pinned: bool = False
    """Whether updates leave it alone."""


class ExtensionState(BaseModel):
    """What was decided about one extension."""

    model_config = ConfigDict(frozen=True)

    is_enabled: bool
    content: str
    """The hash of its folder when it was switched on: other code in it has nobody's agreement."""
    origin: Origin | None = None
    """None: somebody put its folder there."""


class _File(BaseModel):
    extensions: dict[str, ExtensionState] = {}


class ExtensionStates:
    """The decisions of one data folder, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def stamp(self) -> tuple[int, ...]:
        """Another one after every decision, whichever process writes it down."""
        try:
            facts = self._path.stat()
        except OSError:
            return ()
        return (facts.st_ino, facts.st_size, facts.st_mtime_ns)

    def read(self) -> Mapping[str, ExtensionState]:
        """All of them; none where the file cannot be read, which is safe: nothing is switched on then."""
        try:
            return _File.model_validate_json(self._path.read_bytes()).extensions
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read, all extensions are off: %s", self._path, error)
            return {}

    def switch(self, name: str, *, content: str = "") -> None:
        """Switch one on as its folder is now, by its hash, or off without one. Raises StorageFull."""
        with self._lock:
            known = self.read().get(name)
            origin = known.origin if known is not None else None
            self._write(name, ExtensionState(is_enabled=bool(content), content=content, origin=origin))

    def change(self, name: str, state: ExtensionState | None) -> None:
        """Decide about one, or forget it; a file that is damaged is kept aside. Raises StorageFull."""
        with self._lock:
            self._write(name, state)

    def _write(self, name: str, state: ExtensionState | None) -> None:
        known = dict(self.read())
        if not known and self._path.is_file():
            write_atomically(self._path.with_name(self._path.name + ".previous"), self._path.read_bytes())
        known.pop(name, None)
        if state is not None:
            known[name] = state
        text = _File(extensions=known).model_dump_json(indent=2)
        write_atomically(self._path, f"{text}\n".encode())
