"""Puts extensions in place, keeps what was there before, and takes them away: killed at any point, all or nothing.

A change is a list of folders to be renamed and the state that follows. The list is written to a file first, which
decides: without it nothing has happened, and with it the next start does what is left. Below the folder of extensions:

    .staging/ID/NAME, .staging/ID/.packages/NAME         what is being prepared
    .packages/NAME                                       the packages of an extension
    .previous/NAME/NUMBER/NAME, .packages/NAME, state.json    what was in its place
    .change.json                                         the change that is being carried out
"""

from __future__ import annotations

import json
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pydantic import BaseModel, ValidationError

from modules.config.files import is_safe_name, sweep_temporary_files, write_atomically
from modules.errors import BrokenExtension, NotFound, StorageFull
from modules.hooks.extension_folders import PACKAGES_FOLDER, ExtensionFolder, extension_folder
from modules.hooks.extension_states import ExtensionState, ExtensionStates
from modules.hooks.incoming_files import remove_folder

log = logging.getLogger(__name__)

MOST_PREVIOUS = 3
"""Of each extension, kept to be gone back to."""
STAGING = ".staging"
_PREVIOUS = ".previous"
_CHANGE = ".change.json"
_STATE = "state.json"


class _Change(BaseModel):
    """Folders below the root that are renamed, in this order, and the state of the extension then."""

    name: str
    moves: list[tuple[str, str]]
    state: ExtensionState | None


class _PreviousState(BaseModel):
    """What is kept beside a previous version."""

    state: ExtensionState | None


@dataclass(frozen=True)
class PreviousVersion:
    """What was in the place of an extension before."""

    number: int
    """The larger, the later."""
    folder: ExtensionFolder
    state: ExtensionState | None


class ExtensionStore:
    """The folders below one root, and the states that go with them."""

    def __init__(self, root: Path, states: ExtensionStates) -> None:
        self.root = root
        self._states = states
        self._lock = Lock()

    def recover(self) -> None:
        """At a start: finish the change that was decided, and sweep what was being prepared."""
        with self._lock:
            file = self.root / _CHANGE
            try:
                change = _Change.model_validate_json(file.read_bytes())
            except FileNotFoundError:
                pass
            except (OSError, ValidationError) as error:
                log.warning("%s cannot be read and is left out: %s", file, error)
            else:
                try:
                    self._carry_out(change)
                    self._prune(change.name)
                except (OSError, StorageFull) as error:
                    log.warning("The change of the extension %s waits: %s", change.name, error)
                    return
            remove_folder(self.root / STAGING)
            sweep_temporary_files(self.root, deep=False)

    def new_staging(self) -> Path:
        """A folder to prepare something in; the next start sweeps it."""
        folder = self.root / STAGING / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder

    def put(self, folder: ExtensionFolder, state: ExtensionState) -> None:
        """Put a prepared folder and its packages in place; what was there becomes the latest previous version.

        Raises BrokenExtension where the disk or another program does not let go, StorageFull.
        """
        with self._lock:
            moves = self._moves_out(folder.name) + self._moves_in(folder)
            self._do(_Change(name=folder.name, moves=moves, state=state))

    def take_out(self, name: str) -> None:
        """Take an extension away; it becomes the latest previous version. Raises BrokenExtension, StorageFull."""
        with self._lock:
            self._do(_Change(name=name, moves=self._moves_out(name), state=None))

    def previous(self, name: str) -> list[PreviousVersion]:
        """What was in the place of an extension before, the latest first."""
        if name.startswith(".") or not is_safe_name(name):
            return []  # it comes from an address, and leads nowhere else
        found = []
        for number in sorted(_numbers(self.root / _PREVIOUS / name), reverse=True):
            place = self.root / _PREVIOUS / name / str(number)
            if (place / name).is_dir():
                found.append(PreviousVersion(number, extension_folder(place / name), _state_in(place)))
        return found

    def find_previous(self, name: str, number: int | None = None) -> PreviousVersion:
        """One of these; without a number the latest. Raises NotFound."""
        found = next((one for one in self.previous(name) if number in (None, one.number)), None)
        if found is None:
            raise NotFound(f"There is no previous version of the extension {name[:80]!r} to go back to.")
        return found

    def removed(self) -> list[str]:
        """The names of extensions that are there as previous versions alone."""
        place = self.root / _PREVIOUS
        names = sorted(one.name for one in place.iterdir() if one.is_dir()) if place.is_dir() else []
        return [name for name in names if not (self.root / name).exists() and self.previous(name)]

    def forget(self, name: str) -> None:
        """Delete the previous versions of an extension."""
        with self._lock:
            place = self.root / _PREVIOUS / name
            if place.is_dir():
                self._discard(place)

    def _moves_out(self, name: str) -> list[tuple[str, str]]:
        if not (self.root / name).exists():
            return []
        place = self.root / _PREVIOUS / name
        number = max(_numbers(place), default=0) + 1
        kept = _PreviousState(state=self._states.read().get(name))
        write_atomically(place / str(number) / _STATE, kept.model_dump_json(indent=1).encode())
        before = f"{_PREVIOUS}/{name}/{number}"
        moves = [(name, f"{before}/{name}")]
        if (self.root / PACKAGES_FOLDER / name).exists():
            moves.append((f"{PACKAGES_FOLDER}/{name}", f"{before}/{PACKAGES_FOLDER}/{name}"))
        return moves

    def _moves_in(self, folder: ExtensionFolder) -> list[tuple[str, str]]:
        moves = [(self._below(folder.path), folder.name)]
        if folder.packages.is_dir():
            moves.append((self._below(folder.packages), f"{PACKAGES_FOLDER}/{folder.name}"))
        return moves

    def _below(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _do(self, change: _Change) -> None:
        """Decide for a change and carry it out. Raises BrokenExtension with all as it was."""
        write_atomically(self.root / _CHANGE, change.model_dump_json(indent=1).encode())
        try:
            self._carry_out(change)
        except (OSError, StorageFull) as error:
            for source, target in reversed(change.moves):
                if (self.root / target).exists() and not (self.root / source).exists():
                    with suppress(OSError):  # the file of the change stays then, and the next start finishes it
                        (self.root / target).rename(self.root / source)
            if all((self.root / source).exists() for source, _ in change.moves):
                (self.root / _CHANGE).unlink()
            if isinstance(error, StorageFull):
                raise
            raise BrokenExtension(
                f"Extension {change.name!r} cannot be changed: {error.strerror or error}. Something may be using its "
                "files. Switch it off, start the server anew, and try again."
            ) from error
        self._prune(change.name)

    def _carry_out(self, change: _Change) -> None:
        """What is left of a change; may be called again after it was broken off anywhere."""
        for source, target in change.moves:
            self._move(source, target)
        self._states.change(change.name, change.state)
        (self.root / _CHANGE).unlink()

    def _move(self, source: str, target: str) -> None:
        found, wanted = self.root / source, self.root / target
        if found.exists() and not wanted.exists():
            wanted.parent.mkdir(parents=True, exist_ok=True)
            found.rename(wanted)

    def _prune(self, name: str) -> None:
        """Take away the oldest previous versions, and the places of those that were put back."""
        kept = [one.number for one in self.previous(name)[:MOST_PREVIOUS]]
        place = self.root / _PREVIOUS / name
        for number in _numbers(place):
            if number not in kept:
                self._discard(place / str(number))
        with suppress(OSError):  # it holds others
            place.rmdir()

    def _discard(self, folder: Path) -> None:
        """Delete a folder: away with its name first, so that nobody finds half of it."""
        with suppress(OSError):
            doomed = self.new_staging() / folder.name
            folder.rename(doomed)
            remove_folder(doomed.parent)


def _numbers(place: Path) -> list[int]:
    """The numbers of the previous versions in a folder."""
    names = [one.name for one in place.iterdir()] if place.is_dir() else []
    return [int(name) for name in names if name.isascii() and name.isdecimal()]


def _state_in(place: Path) -> ExtensionState | None:
    try:
        return _PreviousState.model_validate(json.loads((place / _STATE).read_bytes())).state
    except (OSError, ValueError):
        return None
