"""The facts of pictures, one row each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from modules.config.database import Database
from modules.errors import NotFound
from modules.gallery.search import PictureSearch, condition, facts_of, place_of
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
    "ALTER TABLE pictures ADD COLUMN user TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE pictures ADD COLUMN model TEXT",
    "ALTER TABLE pictures ADD COLUMN sampler TEXT",
    "CREATE INDEX pictures_unread ON pictures (id) WHERE model IS NULL",
    "CREATE INDEX pictures_of_users ON pictures (user, created DESC, id DESC)",
)
_COLUMNS = 'id, path, width, height, seed, infotext, created, job_id, job_index AS "index", user'
_NEWEST_FIRST = "ORDER BY created DESC, id DESC"


class PictureRecords:
    """Finds pictures; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_tables("gallery", TABLES)
        self._read_infotexts()

    def count(self, search: PictureSearch | None = None) -> int:
        """How many pictures there are of those that are looked for. Raises InvalidRequest."""
        where, values = condition(search or PictureSearch())
        row = self._database.row(f"SELECT count(*) AS count FROM pictures WHERE {where}", values)
        return 0 if row is None else int(row["count"])

    def search(self, search: PictureSearch, limit: int, after: str = "") -> list[Picture]:
        """The newest pictures of those that are looked for, older than the place `after`: see `cursor_of`.

        Raises InvalidRequest.
        """
        where, values = condition(search)
        if after:
            where, values = f"({where}) AND (created, id) < (?, ?)", [*values, *place_of(after)]
        query = f"SELECT {_COLUMNS} FROM pictures WHERE {where} {_NEWEST_FIRST} LIMIT ?"
        return [_picture(row) for row in self._database.rows(query, (*values, limit))]

    def get(self, picture_id: int) -> Picture:
        """The picture of that id. Raises NotFound."""
        is_one = abs(picture_id) < 1 << 63  # the database has no larger numbers
        row = self._database.row(f"SELECT {_COLUMNS} FROM pictures WHERE id = ?", (picture_id,)) if is_one else None
        if row is None:
            raise NotFound(f"Picture {picture_id} is no longer there. Open the Gallery tab again to see what is.")
        return _picture(row)

    def page(self, number: int, size: int, user: str | None = None) -> list[Picture]:
        """Page `number` (from 0) of all pictures, or of those of a user, newest first."""
        where, values = condition(PictureSearch(user=user))
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM pictures WHERE {where} {_NEWEST_FIRST} LIMIT ? OFFSET ?",
            (*values, size, number * size),
        )
        return [_picture(row) for row in rows]

    def user_of(self, path: str) -> str | None:
        """Whose picture lies at a path; None where there is no record of it."""
        row = self._database.row("SELECT user FROM pictures WHERE path = ?", (path,))
        return None if row is None else str(row["user"])

    def of_job(self, job_id: str) -> list[Picture]:
        """The pictures of a job, in their order in the request."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM pictures WHERE job_id = ? ORDER BY job_index", (job_id,))
        return [_picture(row) for row in rows]

    def paths(self) -> set[str]:
        """The paths of all pictures."""
        return {row["path"] for row in self._database.rows("SELECT path FROM pictures")}

    def forget(self, paths: Iterable[str]) -> None:
        """Drop the records of files that are gone; `paths` is gone through while nobody else can write records."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM pictures WHERE path = ?", [(path,) for path in paths])

    def _read_infotexts(self) -> None:
        """Model and sampler of records that were made before these were written down."""
        rows = self._database.rows("SELECT id, infotext FROM pictures WHERE model IS NULL")
        if rows:
            facts = [(*facts_of(row["infotext"]), row["id"]) for row in rows]
            with self._database.transaction() as connection:
                connection.executemany("UPDATE pictures SET model = ?, sampler = ? WHERE id = ?", facts)


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
    user: str = "",
) -> Picture:
    """Add a record inside of a transaction of the caller."""
    row = connection.execute(
        "INSERT INTO pictures (path, width, height, seed, infotext, created, job_id, job_index, user, model, sampler) "
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
        (path, width, height, seed, infotext, created, job_id, index, user, *facts_of(infotext)),
    ).fetchone()
    return _picture(row)


def _picture(row: sqlite3.Row) -> Picture:
    return Picture.model_validate(dict(row))
