"""Use cases of adopted folders: pictures of other programs, listed where they lie. For owners alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modules.config.database import Database
from modules.config.paths import Paths
from modules.errors import InvalidRequest, UserError
from modules.gallery.adopted_folders import AdoptedFolder, AdoptedFolders
from modules.gallery.foreign.extension_readers import ExtensionReaders
from modules.gallery.reconciliation import reconcile_adopted
from modules.gallery.records import PictureRecords

log = logging.getLogger(__name__)

FolderState = Literal["waiting", "looking", "ready", "missing", "failed"]
MOST_FOLDERS = 100


@dataclass(frozen=True)
class FolderReport:
    """An adopted folder and how far its pictures are known."""

    id: int
    path: Path
    count: int
    """Pictures in it, as far as they were found."""
    indexed: int
    """Those of them that can be looked for."""
    state: FolderState
    """"missing": it is not there now; its pictures stay listed."""
    problem: str
    """Why looking at it failed; "" where it did not."""


class _Stopped(Exception):
    """The server ends, or the folder was taken out of the list."""


@dataclass
class _Look:
    """One look at a folder."""

    state: FolderState = "waiting"
    count: int = 0
    indexed: int = 0
    problem: str = ""


class PictureFolders:
    """Keeps the list, and goes through the folders in a thread of its own."""

    def __init__(
        self,
        database: Database,
        records: PictureRecords,
        folders: AdoptedFolders,
        paths: Paths,
        readers: ExtensionReaders | None = None,
    ) -> None:
        self._database = database
        self._records = records
        self._folders = folders
        self._paths = paths
        self._readers = readers
        self._looks: dict[int, _Look] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def all(self) -> list[FolderReport]:
        """The oldest first."""
        return [self._report(folder) for folder in self._folders.all()]

    def get(self, folder: int) -> FolderReport:
        """One of them. Raises NotFound."""
        self._folders.path(folder)
        return next(report for report in self.all() if report.id == folder)

    def add(self, path: str) -> FolderReport:
        """Adopt a folder and begin to look at it. Raises InvalidRequest."""
        folder = self._checked(path)
        number = self._folders.add(folder)
        self.look(number)
        return self.get(number)

    def remove(self, folder: int) -> None:
        """Take a folder out of the list; its files stay as they are. Raises NotFound."""
        self._folders.path(folder)
        with self._changed:
            self._looks.pop(folder, None)
        self._folders.remove(folder)

    def look(self, folder: int) -> FolderReport:
        """Look for what came, went or changed in a folder, in the background. Raises NotFound."""
        self._folders.path(folder)
        with self._changed:
            if self._looks.get(folder, _Look("ready")).state not in ("waiting", "looking"):
                self._looks[folder] = _Look()
            if self._thread is None and not self._is_stopped:
                self._thread = threading.Thread(target=self._run, name="picture folders", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return self.get(folder)

    def look_at_all(self) -> None:
        """Look at every folder that is there, in the background."""
        self._folders.sweep()
        for folder in self._folders.all():
            self.look(folder.id)

    def await_looks(self, seconds: float) -> bool:
        """Wait until no look is under way; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._next() is None and not self._is_looking(), seconds)

    def stop(self) -> None:
        """End the thread; a look under way is left, and begun again the next time."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _checked(self, path: str) -> Path:
        remedy = "Write the whole path of a folder of this computer that holds pictures."
        given = Path(path.strip()).expanduser()
        is_share = str(given).replace("\\", "/").startswith("//")
        if is_share and not any(given.is_relative_to(allowed) for allowed in self._paths.readable_folders):
            # Windows logs in to another machine at the mere sight of its name.
            raise InvalidRequest("Folder", path, "is on another computer", "Allow it with --allow-folder first.")
        try:
            folder = given.resolve()
            is_one = given.is_absolute() and folder.is_dir()
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidRequest("Folder", path, "cannot be read as a folder", remedy) from error
        if not is_one:
            raise InvalidRequest("Folder", path, "cannot be read as a folder", remedy)
        for other in self._others():
            if folder.is_relative_to(other) or other.is_relative_to(folder):
                raise InvalidRequest("Folder", path, f"overlaps with {other}", "Choose one that is apart from it.")
        known = self._folders.all()
        if len(known) >= MOST_FOLDERS and folder not in [one.path for one in known]:
            raise InvalidRequest("Folder", path, "is one too many", f"The most is {MOST_FOLDERS}: remove one first.")
        if any(folder != one.path and _overlap(folder, one.path) for one in known):
            raise InvalidRequest("Folder", path, "overlaps with an adopted one", "Remove that one first.")
        return folder

    def _others(self) -> Iterator[Path]:
        """The folders that the program writes into."""
        yield from (folder.resolve() for folder in (self._paths.outputs, self._paths.cache, self._paths.accounts))

    def _report(self, folder: AdoptedFolder) -> FolderReport:
        with self._changed:
            look = self._looks.get(folder.id)
        if look is None or look.state == "ready":
            state: FolderState = "missing" if not folder.path.is_dir() else "ready" if folder.looked else "waiting"
            return FolderReport(folder.id, folder.path, folder.count, folder.count, state, "")
        count, indexed = max(look.count, folder.count), min(look.indexed, folder.count) if look.count else folder.count
        return FolderReport(folder.id, folder.path, count, indexed, look.state, look.problem)

    def _next(self) -> int | None:
        return next((number for number, look in self._looks.items() if look.state == "waiting"), None)

    def _is_looking(self) -> bool:
        return any(look.state == "looking" for look in self._looks.values())

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_stopped or self._next() is not None)
                number = self._next()
                if self._is_stopped or number is None:
                    return
                look = self._looks[number]
                look.state = "looking"
            self._look_at(number, look)
            with self._changed:
                self._changed.notify_all()

    def _look_at(self, number: int, look: _Look) -> None:
        def told(count: int, read: int) -> None:
            look.count, look.indexed = count, read
            with self._changed:
                if self._is_stopped or self._looks.get(number) is not look:
                    raise _Stopped

        try:
            path = self._folders.path(number)
            if not path.is_dir():
                look.state = "missing"  # a drive that is not plugged in: nothing is forgotten
                return
            if reconcile_adopted(self._database, self._records, path, number, told=told, readers=self._readers):
                self._folders.was_looked_at(number)
                look.state = "ready"
            else:
                look.state = "missing"
        except _Stopped:
            look.state = "failed"
            log.info("A look at an adopted folder was broken off")
        except (OSError, UserError) as error:
            look.state, look.problem = "failed", str(error)
            log.warning("An adopted folder cannot be looked at: %s", error)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
