"""Makes records agree with the files: a person may copy pictures in, delete or rename them at any time."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from modules.config.database import Database
from modules.gallery.adopted_folders import is_adopted
from modules.gallery.file_reading import facts_of_file, is_listed, state_of
from modules.gallery.foreign.extension_readers import ExtensionReaders
from modules.gallery.places import BIN
from modules.gallery.records import FileFacts, FileState, PictureRecords, insert_file, update_file

log = logging.getLogger(__name__)

_AT_ONCE = 200
"""Files whose records are written in one transaction."""
_READERS = 4
"""Files that are read at the same time: a slow drive answers several as quickly as one."""
_SMALL_COPIES = "thumbnails"
"""The folder in which InvokeAI keeps them, beside the pictures."""
_FEW = 20
"""Files that are not worth several readers."""

Found = Iterable[tuple[str, FileState]]
Told = Callable[[int, int], None]
"""Takes how many files there are and how many of them are known; may raise, to end the work."""


def reconcile(
    database: Database,
    records: PictureRecords,
    outputs: Path,
    *,
    without: Path,
    readers: ExtensionReaders | None = None,
) -> None:
    """Add a record for every picture file without one, and drop those whose file is gone.

    What lies below the folder `without` is left, and the bin. Of a file that is known nothing is asked but its name:
    there may be a hundred thousand. Files that could not be read are looked at again when they have changed.
    `readers` are asked of those that say nothing otherwise.
    """
    known = records.paths()  # before the files are listed: a picture may be saved at any moment
    on_disk = set(_picture_names(outputs, {without, outputs / BIN}))
    records.forget(path for path in known - on_disk if not (outputs / path).is_file())
    new = ((path, state) for path in sorted(on_disk - known) if (state := _state(outputs / path)) is not None)
    _take_in(database, outputs, 0, new, readers)
    _take_in(database, outputs, 0, _changed(outputs, records.states(0, with_problems=True)), readers)


def reconcile_adopted(
    database: Database,
    records: PictureRecords,
    root: Path,
    folder: int,
    *,
    told: Told = lambda count, read: None,
    readers: ExtensionReaders | None = None,
) -> bool:
    """The same of an adopted folder, whose files may be written anew by another program under their old names.

    False, and nothing is forgotten, where nothing at all is there any more: its drive is gone rather than its pictures.
    """
    before = records.states(folder)
    listing = _Listing(root)
    on_disk = dict(listing.files())
    if before and not on_disk:
        return False
    records.forget((path for path in before.keys() - on_disk.keys() if not listing.is_unlisted(path)), folder)
    changed = sorted((path, state) for path, state in on_disk.items() if before.get(path) != state)
    read = len(on_disk) - len(changed)
    told(len(on_disk), read)
    _take_in(database, root, folder, changed, readers, lambda done: told(len(on_disk), read + done))
    return True


def _picture_names(outputs: Path, without: Collection[Path]) -> Iterator[str]:
    """Of what is called as pictures are, the paths below `outputs`."""
    for parent, folders, names in os.walk(outputs):
        folder = Path(parent)
        folders[:] = [name for name in folders if folder / name not in without]
        below = "" if folder == outputs else f"{folder.relative_to(outputs).as_posix()}/"
        for name in names:
            if is_listed(name):
                yield below + name


def _state(path: Path) -> FileState | None:
    """None for what is no file of this folder: links may lead out of it."""
    try:
        if _is_utf8(path.name) and path.is_file() and not path.is_symlink():
            return state_of(path.stat())
    except OSError as error:
        log.debug("Left out of the gallery: %s", error)
    return None


def _changed(outputs: Path, before: dict[str, FileState]) -> Iterator[tuple[str, FileState]]:
    for path, state in before.items():
        now = _state(outputs / path)
        if now is not None and now != state:
            yield path, now


class _Listing:
    """One look at all that lies below a folder; links are not followed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unlisted: list[str] = []

    def files(self) -> Iterator[tuple[str, FileState]]:
        """Path and state of every picture, and of what only has the name of one."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            try:
                with os.scandir(self._root / below) as entries:
                    for entry in entries:
                        if entry.is_symlink() or not _is_utf8(entry.name):
                            continue
                        if is_listed(entry.name):
                            yield below + entry.name, state_of(entry.stat())
                        if entry.is_dir() and entry.name != _SMALL_COPIES and not entry.name.startswith("."):
                            waiting.append(f"{below}{entry.name}/")
            except OSError as error:  # it may not be listed, or something went this very moment
                log.debug("A folder was not listed in full: %s", error)
                self._unlisted.append(below)

    def is_unlisted(self, path: str) -> bool:
        """Whether a path may be there though it was not seen."""
        return any(path.startswith(below) for below in self._unlisted)


def _is_utf8(name: str) -> bool:
    """A name in another encoding cannot be stored or shown."""
    try:
        name.encode()
    except UnicodeEncodeError:
        log.debug("Left out of the gallery, its name is not UTF-8: %r", name)
        return False
    return True


def _take_in(
    database: Database,
    root: Path,
    folder: int,
    files: Found,
    readers: ExtensionReaders | None,
    told: Callable[[int], None] = lambda done: None,
) -> None:
    """Read files and write their records, some at a time."""
    waiting, done = iter(files), 0
    while batch := list(islice(waiting, _AT_ONCE)):
        read = _read(root, batch, readers)
        with database.transaction() as connection:
            if folder and not is_adopted(connection, folder):
                return  # it was removed meanwhile
            for (path, _), facts in zip(batch, read, strict=True):
                _record(connection, folder, path, facts)
        done += len(batch)
        told(done)


def _read(root: Path, batch: list[tuple[str, FileState]], readers: ExtensionReaders | None) -> list[FileFacts]:
    def read(file: tuple[str, FileState]) -> FileFacts:
        return facts_of_file(root / file[0], file[1], readers)

    if len(batch) < _FEW:
        return list(map(read, batch))
    with ThreadPoolExecutor(_READERS, "gallery") as threads:
        return list(threads.map(read, batch))


def _record(connection: sqlite3.Connection, folder: int, path: str, facts: FileFacts) -> None:
    """Write what a file says; what people said of the picture stays with it."""
    known = connection.execute(
        "SELECT id, problem FROM pictures WHERE folder = ? AND path = ? AND binned IS NULL", (folder, path)
    ).fetchone()
    if known is not None and not folder and not known["problem"]:
        return  # it was saved since the folder was listed
    if known is None:
        insert_file(connection, folder, path, facts)
    else:
        update_file(connection, known["id"], path, facts)
