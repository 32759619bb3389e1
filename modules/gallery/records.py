"""The facts of pictures, one row each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from modules.config.database import Database
from modules.errors import NotFound
from modules.schema.pictures import Picture

TABLES = (
    """
    CREATE TABLE pictures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        seed INTEGER,
        infotext TEXT NOT NULL,
        created REAL NOT NULL,
        job_id TEXT,
        job_index INTEGER,
        UNIQUE (job_id, job_index)
    )
    """,
    "CREATE INDEX pictures_by_time ON pictures (created DESC, id DESC)",
    "CREATE TABLE file_numbers (folder TEXT PRIMARY KEY, last INTEGER NOT NULL)",
)
_COLUMNS = 'id, path, width, height, seed, infotext, created, job_id, job_index AS "index"'
_NEWEST_FIRST = "ORDER BY created DESC, id DESC"


class PictureRecords:
    """Finds pictures; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_tables("gallery", TABLES)

    def count(self) -> int:
        """How many pictures there are."""
        row = self._database.row("SELECT count(*) AS count FROM pictures")
        return 0 if row is None else int(row["count"])

    def get(self, picture_id: int) -> Picture:
        """The picture of that id. Raises NotFound."""
        is_one = abs(picture_id) < 1 << 63  # the database has no larger numbers
        row = self._database.row(f"SELECT {_COLUMNS} FROM pictures WHERE id = ?", (picture_id,)) if is_one else None
        if row is None:
            raise NotFound(f"Picture {picture_id} is no longer there. Open the Gallery tab again to see what is.")
        return _picture(row)

    def page(self, number: int, size: int) -> list[Picture]:
        """Page `number` (from 0) of all pictures, newest first."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM pictures {_NEWEST_FIRST} LIMIT ? OFFSET ?", (size, number * size)
        )
        return [_picture(row) for row in rows]

    def of_job(self, job_id: str) -> list[Picture]:
        """The pictures of a job, in their order in the request."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM pictures WHERE job_id = ? ORDER BY job_index", (job_id,))
        return [_picture(row) for row in rows]

    def paths(self) -> set[str]:
        """The paths of all pictures."""
        return {row["path"] for row in self._database.rows("SELECT path FROM pictures")}

    def forget(self, paths: Iterable[str]) -> None:
        """Drop the records of files that are gone."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM pictures WHERE path = ?", [(path,) for path in paths])


def insert_picture(
    connection: sqlite3.Connection,
    *,
    path: str,
    width: int,
    height: int,
    seed: int | None,
    infotext: str,
    created: float,
    job_id: str | None,
    index: int | None,
) -> Picture:
    """Add a record inside of a transaction of the caller."""
    row = connection.execute(
        "INSERT INTO pictures (path, width, height, seed, infotext, created, job_id, job_index) "
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
        (path, width, height, seed, infotext, created, job_id, index),
    ).fetchone()
    return _picture(row)


def _picture(row: sqlite3.Row) -> Picture:
    return Picture.model_validate(dict(row))
