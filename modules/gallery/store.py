"""Saves pictures: file and record, both or neither."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from modules.config.database import Database
from modules.config.files import move_to_new_name, temporary_file
from modules.gallery.places import file_of
from modules.gallery.records import PictureRecords, insert_picture
from modules.schema.pictures import Picture


class PictureStore:
    """Writes `<folder>/<date>/<number>-<stem>.png` below the outputs folder; numbers count up within a folder.

    The stem is the seed unless another one is given; without any it is `<number>.png`.
    """

    def __init__(self, database: Database, records: PictureRecords, outputs: Path) -> None:
        self._database = database
        self._records = records
        self._outputs = outputs

    def forget_missing(self, job_id: str) -> None:
        """Drop a job's records whose file is not there, so that those pictures are made again.

        An empty file is only a name that was reserved for one, and goes.
        """
        with self._database.transaction() as connection:  # meanwhile no other worker can take one of these names
            files = [(row.id, file_of(row, self._outputs)) for row in self._records.of_job(job_id)]
            for number, file in files:
                if not _has_content(file):
                    with suppress(OSError):
                        file.unlink()
                    connection.execute("DELETE FROM pictures WHERE id = ?", (number,))

    def save(
        self,
        content: bytes,
        *,
        folder: Path,
        width: int,
        height: int,
        seed: int | None,
        infotext: str,
        job_id: str | None,
        index: int | None,
        name: str | None = None,
        subfolder: str | None = None,
        user: str = "",
        stem: str | None = None,
        suffix: str = ".png",
    ) -> Picture:
        """Store an encoded picture; with a `name` it is called that, with a number behind it if that is taken.

        `subfolder` takes the place of the date, `stem` that of the seed; both are clean already. Without `job_id` and
        `index` it counts as no picture of a job. Raises StorageFull; then neither file nor record is there.

        The record is committed before the file gets its name. What a crash in between leaves is a record without a
        file, which forget_missing drops, and never a file that nobody knows of.
        """
        created = time.time()
        target = folder / (subfolder or datetime.fromtimestamp(created).strftime("%Y-%m-%d"))
        if stem is None:
            stem = "" if seed is None else str(seed)
        with temporary_file(target / f"new{suffix}", content) as temporary:
            while True:
                with self._database.transaction() as connection:
                    if name is None:
                        path = _free_name(connection, target, stem, suffix)
                    else:
                        path = _free_variant(target, name, suffix)
                    relative = path.relative_to(self._outputs).as_posix()
                    # Somebody may have deleted the file of that name, and its record not have been dropped yet.
                    _forget_path(connection, relative)
                    picture = insert_picture(
                        connection,
                        path=relative,
                        width=width,
                        height=height,
                        seed=seed,
                        infotext=infotext,
                        created=created,
                        job_id=job_id,
                        index=index,
                        user=user,
                    )
                try:
                    move_to_new_name(temporary, path)
                except BaseException as error:
                    self._forget(picture)
                    if not isinstance(error, FileExistsError):  # else somebody took the name this very moment
                        raise
                else:
                    return self._kept(picture)

    def _forget(self, picture: Picture) -> None:
        """By its id: the record of that path may be another worker's by now."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pictures WHERE id = ?", (picture.id,))

    def _kept(self, picture: Picture) -> Picture:
        """A saved picture with a record: another process may have dropped it, as that of a file that was deleted.

        A transaction, since whoever drops records looks for their files within one.
        """
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM pictures WHERE id = ?", (picture.id,)).fetchone() is not None:
                return picture
            _forget_path(connection, picture.path)
            facts = picture.model_dump(include={*_OF_A_NEW_ONE})
            return insert_picture(connection, **facts)


_OF_A_NEW_ONE = ("path", "width", "height", "seed", "infotext", "created", "job_id", "index", "user")


def _forget_path(connection: sqlite3.Connection, path: str) -> None:
    """A picture in the bin has no more than the wish to return there."""
    connection.execute("DELETE FROM pictures WHERE folder = 0 AND path = ? AND binned IS NULL", (path,))


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _free_name(connection: sqlite3.Connection, folder: Path, stem: str, suffix: str) -> Path:
    """The next name of a folder; one that somebody else took is passed over."""
    number = _last_number(connection, folder) + 1
    ending = f"-{stem}{suffix}" if stem else suffix
    while (path := folder / f"{number:05}{ending}").exists():
        number += 1
    connection.execute(
        "INSERT INTO file_numbers VALUES (?, ?) ON CONFLICT (folder) DO UPDATE SET last = excluded.last",
        (str(folder), number),
    )
    return path


def _free_variant(folder: Path, name: str, suffix: str) -> Path:
    """`<name>.png`, or `<name>-1.png` and so on."""
    path, number = folder / f"{name}{suffix}", 0
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}{suffix}"
    return path


def _last_number(connection: sqlite3.Connection, folder: Path) -> int:
    """The highest number in use; the folder is listed only the first time, since it may hold very many files."""
    row = connection.execute("SELECT last FROM file_numbers WHERE folder = ?", (str(folder),)).fetchone()
    if row is not None:
        return int(row["last"])
    starts = (path.stem.split("-")[0] for path in folder.iterdir()) if folder.is_dir() else ()
    return max((int(start) for start in starts if start.isascii() and start.isdecimal()), default=0)
