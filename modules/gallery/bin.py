"""The bin: pictures that were deleted and can be had back until somebody empties it.

The record goes first and says where the file belongs; the file follows, and until it is there the record is marked.
After a crash in between `finish` brings the marked files to where they belong, so that both are done or neither.
A picture's text file goes with it, behind it.
"""

from __future__ import annotations

import errno
import logging
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from modules.config.database import Database
from modules.config.files import TEMPORARY_SUFFIX, move_to_new_name, storage_full
from modules.errors import StorageFull
from modules.gallery.file_reading import LISTED_SUFFIXES
from modules.gallery.places import bin_file, text_beside
from modules.gallery.records import among

log = logging.getLogger(__name__)


class PictureBin:
    """Moves pictures of the outputs folder; those of adopted folders stay where they are."""

    def __init__(self, database: Database, outputs: Path) -> None:
        self._database = database
        self._outputs = outputs

    def put(self, ids: Sequence[int], user: str | None) -> int:
        """Put pictures into the bin, with `user` that user's alone; how many. Raises StorageFull."""
        which, values = among(ids, user)
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"SELECT id, path FROM pictures WHERE {which} AND folder = 0 AND binned IS NULL", values
            ).fetchall()
            _mark(connection, "binned = ?, moving = 1", rows, time.time())
        return self._move(rows, self._into_bin, back=None)

    def restore(self, ids: Sequence[int], user: str | None) -> int:
        """Put pictures back to where they were, beside a file that took their name; how many. Raises StorageFull."""
        which, values = among(ids, user)
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"SELECT id, path, binned FROM pictures WHERE {which} AND binned IS NOT NULL", values
            ).fetchall()
            for row in rows:
                connection.execute(
                    "UPDATE pictures SET binned = NULL, moving = 1, path = ? WHERE id = ?",
                    (self._free_path(connection, row["id"], row["path"]), row["id"]),
                )
        return sum(self._move([row], self._out_of_bin, back=row["binned"]) for row in rows)

    def delete(self, ids: Sequence[int] | None, user: str | None) -> int:
        """Delete pictures that are in the bin for good, with None all of them; how many."""
        which, values = among(ids, user) if ids is not None else ("1", ()) if user is None else ("user = ?", (user,))
        rows = self._database.rows(f"SELECT id, path FROM pictures WHERE {which} AND binned IS NOT NULL", values)
        gone = []
        for row in rows:
            file = bin_file(self._outputs, row["id"], row["path"])
            try:
                text_beside(file).unlink(missing_ok=True)  # first: without its record nobody would know of it
                file.unlink(missing_ok=True)
                gone.append(row["id"])
            except OSError as error:  # another program may hold it
                log.warning("A picture in the bin cannot be deleted: %s", error)
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM pictures WHERE id = ? AND binned IS NOT NULL", [(one,) for one in gone])
        return len(gone)

    def finish(self) -> None:
        """Bring the files to their places that were on their way when the server was killed."""
        rows = self._database.rows("SELECT id, path, binned FROM pictures WHERE moving = 1")
        if into := [row for row in rows if row["binned"] is not None]:
            self._move(into, self._into_bin, back=None)
        for row in rows:
            if row["binned"] is None:
                self._move([row], self._out_of_bin, back=time.time())

    def _move(self, rows: Sequence[sqlite3.Row], move: Callable[[int, str], None], *, back: float | None) -> int:
        """Move the files of records that say so already; those that cannot be moved are binned as of `back` again."""
        moved: list[sqlite3.Row] = []
        failed: list[sqlite3.Row] = []
        full: StorageFull | None = None
        for row in rows:
            try:
                if full is None:
                    move(row["id"], row["path"])
            except StorageFull as error:
                full = error
            except OSError as error:
                log.warning("A picture cannot be moved: %s", error)
                failed.append(row)
                continue
            (moved if full is None else failed).append(row)
        with self._database.transaction() as connection:
            _mark(connection, "moving = 0", moved)
            _mark(connection, "moving = 0, binned = ?", failed, back)
        if full is not None:
            raise full
        return len(moved)

    def _into_bin(self, number: int, path: str) -> None:
        source, target = self._outputs / path, bin_file(self._outputs, number, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file() and not (target.is_file() and not source.samefile(target)):
            _rename(source, target)
        text = text_beside(source)
        kept = text_beside(target)
        if target.is_file() and text.is_file() and not kept.exists() and not _has_namesake(source):
            with _left_where_it_is(text):
                _rename(text, kept)

    def _out_of_bin(self, number: int, path: str) -> None:
        """The path of the record may have changed since, to one that is free."""
        source = bin_file(self._outputs, number, path)
        while source.is_file():
            with self._database.transaction() as connection:
                row = connection.execute("SELECT path FROM pictures WHERE id = ?", (number,)).fetchone()
                target = self._outputs / row["path"]
                if target.is_file() and not source.samefile(target):
                    target = self._outputs / self._free_path(connection, number, row["path"])
                    relative = target.relative_to(self._outputs).as_posix()
                    connection.execute("UPDATE pictures SET path = ? WHERE id = ?", (relative, number))
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # taken this very moment: the next round finds another name
                _give_name(source, target)
        self._text_out_of_bin(number, source)

    def _text_out_of_bin(self, number: int, file: Path) -> None:
        """Put the text of a picture that lay in the bin as `file` beside it again."""
        text = text_beside(file)
        if not text.is_file():
            return
        row = self._database.row("SELECT path FROM pictures WHERE id = ?", (number,))
        if row is None:
            return
        with _left_where_it_is(text):
            target = text_beside(self._outputs / row["path"])
            if not target.exists() or text.samefile(target):
                _give_name(text, target)

    def _free_path(self, connection: sqlite3.Connection, picture: int, path: str) -> str:
        """The path itself, or one beside it that neither a file nor a record has; its text finds room there too."""
        first = Path(path)
        has_text = text_beside(bin_file(self._outputs, picture, path)).is_file()
        number = 0
        while True:
            free = first if not number else first.with_name(f"{first.stem}-{number}{first.suffix}")
            taken = connection.execute(
                "SELECT 1 FROM pictures WHERE folder = 0 AND path = ? AND binned IS NULL", (free.as_posix(),)
            ).fetchone()
            place = self._outputs / free
            if taken is None and not place.exists() and not (has_text and text_beside(place).exists()):
                return free.as_posix()
            number += 1


def _mark(connection: sqlite3.Connection, change: str, rows: Sequence[sqlite3.Row], *values: object) -> None:
    connection.executemany(f"UPDATE pictures SET {change} WHERE id = ?", [(*values, row["id"]) for row in rows])


def _has_namesake(file: Path) -> bool:
    """Whether the text beside a file may be that of another picture."""
    return any(file.with_suffix(suffix).is_file() for suffix in LISTED_SUFFIXES if suffix != file.suffix.lower())


@contextmanager
def _left_where_it_is(text: Path) -> Iterator[None]:
    """A text that cannot be moved is no reason to stop; its picture has gone already."""
    try:
        yield
    except (OSError, StorageFull) as error:
        log.warning("The text of a picture cannot be moved and stays at %s: %s", text, error)


def _rename(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with _copied(source, target) as copy:
            copy.replace(target)
        source.unlink()


def _give_name(source: Path, target: Path) -> None:
    """Move a file to a name that nobody has. Raises FileExistsError."""
    if not target.is_file():  # else a crash left the same file under both names
        try:
            move_to_new_name(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with _copied(source, target) as copy:
                move_to_new_name(copy, target)
    source.unlink(missing_ok=True)


@contextmanager
def _copied(source: Path, target: Path) -> Iterator[Path]:
    """A copy of a file beside another place, which may be on another drive. Raises StorageFull."""
    copy = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        shutil.copy2(source, copy)
        yield copy
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise storage_full(target) from error
        raise
    finally:
        copy.unlink(missing_ok=True)
