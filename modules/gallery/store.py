"""Saves pictures: file and record, both or neither."""

from __future__ import annotations

import sqlite3
import time
from datetime import datetime
from pathlib import Path

from modules.config.database import Database
from modules.config.files import create_atomically
from modules.gallery.records import insert_picture
from modules.schema.pictures import Picture


class PictureStore:
    """Writes `<folder>/<date>/<number>-<seed>.png` below the outputs folder; numbers count up within a date."""

    def __init__(self, database: Database, outputs: Path) -> None:
        self._database = database
        self._outputs = outputs

    def save(
        self,
        content: bytes,
        *,
        folder: Path,
        width: int,
        height: int,
        seed: int,
        infotext: str,
        job_id: str,
        index: int,
    ) -> Picture:
        """Store an encoded picture. Raises StorageFull; then neither file nor record is there."""
        created = time.time()
        target = folder / datetime.fromtimestamp(created).strftime("%Y-%m-%d")
        with self._database.transaction() as connection:
            path = _create(connection, target, seed, content)
            try:
                return insert_picture(
                    connection,
                    path=path.relative_to(self._outputs).as_posix(),
                    width=width,
                    height=height,
                    seed=seed,
                    infotext=infotext,
                    created=created,
                    job_id=job_id,
                    index=index,
                )
            except BaseException:
                path.unlink(missing_ok=True)
                raise


def _create(connection: sqlite3.Connection, folder: Path, seed: int, content: bytes) -> Path:
    """Write under the next free number of a folder; a name that somebody else took is passed over."""
    number = _last_number(connection, folder)
    while True:
        number += 1
        path = folder / f"{number:05}-{seed}.png"
        try:
            create_atomically(path, content)
        except FileExistsError:
            continue
        connection.execute(
            "INSERT INTO file_numbers VALUES (?, ?) ON CONFLICT (folder) DO UPDATE SET last = excluded.last",
            (str(folder), number),
        )
        return path


def _last_number(connection: sqlite3.Connection, folder: Path) -> int:
    """The highest number in use; the folder is listed only the first time, since it may hold very many files."""
    row = connection.execute("SELECT last FROM file_numbers WHERE folder = ?", (str(folder),)).fetchone()
    if row is not None:
        return int(row["last"])
    starts = (path.name.split("-")[0] for path in folder.glob("*.png")) if folder.is_dir() else ()
    return max((int(start) for start in starts if start.isascii() and start.isdecimal()), default=0)
