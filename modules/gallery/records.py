"""The facts of pictures, one row each."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from modules.config.database import Database
from modules.errors import NotFound
from modules.gallery.infotext_facts import InfotextFacts, facts_of
from modules.gallery.search import ORDERS, Condition, Order, PictureSearch, behind, condition
from modules.gallery.tables import TABLES
from modules.gallery.words import indexed
from modules.schema.pictures import Picture

log = logging.getLogger(__name__)

_COLUMNS = (
    'id, path, width, height, seed, infotext, created, job_id, job_index AS "index", user, nullif(folder, 0) AS folder,'
    " favourite, rating, binned, ifnull(origin, '') AS origin, problem"
)
_WITH_TEXT = "pictures JOIN picture_texts USING (id)"
_AT_ONCE = 500
"""Records that are brought up to date in one transaction."""
_MANY = 3_000
"""Pictures that are found, from which on all pictures in their order are asked whether they are among them."""
_HAVING_WORDS = "SELECT rowid FROM picture_words WHERE picture_words MATCH ?"


@dataclass(frozen=True)
class FileState:
    """By which it is told that a file is still the one that was read."""

    modified: int
    """Nanoseconds."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class FileFacts:
    """What was read of a file that no job of ours made; with a `problem` its size may be 0 x 0."""

    state: FileState
    width: int = 0
    height: int = 0
    infotext: str = ""
    problem: str = ""


class PictureRecords:
    """Finds pictures; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_tables("gallery", TABLES)
        self._read_infotexts()

    def count(self, search: PictureSearch | None = None) -> int:
        """How many pictures there are of those that are looked for. Raises InvalidRequest."""
        source, where, values = having(condition(search or PictureSearch()))
        row = self._database.row(f"SELECT count(*) AS count FROM {source} WHERE {where}", values)
        return 0 if row is None else int(row["count"])

    def search(
        self, search: PictureSearch, limit: int, after: str = "", order: Order = "newest", *, total: int = 0
    ) -> list[Picture]:
        """The first pictures of those that are looked for, behind the place `after`: see `cursor_of`.

        `total` is how many there are, where that is known: it decides how they are looked for. Raises InvalidRequest.
        """
        wanted = condition(search)
        if total < _MANY:
            source, where, values = having(wanted)
        else:  # nearly the first pictures of all will do
            source, (where, values) = "pictures", where_of(wanted)
        if after:
            further, place = behind(after, order)
            where, values = f"{where} AND {further}", (*values, *place)
        query = f"SELECT id FROM {source} WHERE {where} ORDER BY {ORDERS[order]} LIMIT ?"
        return self._pictures(f"id IN ({query})", (*values, limit), ORDERS[order])

    def get(self, picture_id: int) -> Picture:
        """The picture of that id. Raises NotFound."""
        is_one = abs(picture_id) < 1 << 63  # the database has no larger numbers
        found = self._pictures("id = ?", (picture_id,)) if is_one else []
        if not found:
            raise NotFound(f"Picture {picture_id} is no longer there. Open the Gallery tab again to see what is.")
        return found[0]

    def those(self, ids: Sequence[int], user: str | None = None) -> list[Picture]:
        """Those of some pictures that are there, and (with `user`) of that user's jobs; in the order of their ids."""
        marks, values = among(ids, user)
        return self._pictures(marks, values, "id")

    def page(self, number: int, size: int, user: str | None = None) -> list[Picture]:
        """Page `number` (from 0) of all pictures, or of those of a user, newest first."""
        where, values = where_of(condition(PictureSearch(user=user)))
        query = f"SELECT id FROM pictures WHERE {where} ORDER BY {ORDERS['newest']} LIMIT ? OFFSET ?"
        return self._pictures(f"id IN ({query})", (*values, size, number * size), ORDERS["newest"])

    def user_of(self, path: str) -> str | None:
        """Whose picture lies at a path of the outputs folder; None where there is no record of it."""
        row = self._database.row("SELECT user FROM pictures WHERE folder = 0 AND path = ? AND binned IS NULL", (path,))
        return None if row is None else str(row["user"])

    def of_job(self, job_id: str) -> list[Picture]:
        """The pictures of a job, in their order in the request; also those in the bin."""
        return self._pictures("job_id = ?", (job_id,), "job_index")

    def paths(self) -> set[str]:
        """The paths of all pictures in the outputs folder."""
        rows = self._database.rows("SELECT path FROM pictures WHERE folder = 0 AND binned IS NULL")
        return {row["path"] for row in rows}

    def states(self, folder: int, *, with_problems: bool = False) -> dict[str, FileState]:
        """How the files of a folder were when they were read, by their paths; `with_problems`: of those alone."""
        which = "folder = ? AND binned IS NULL" + (" AND problem != ''" if with_problems else "")
        rows = self._database.rows(f"SELECT path, modified, bytes FROM pictures WHERE {which}", (folder,))
        return {row["path"]: FileState(row["modified"] or 0, row["bytes"] or 0) for row in rows}

    def forget(self, paths: Iterable[str], folder: int = 0) -> None:
        """Drop the records of files that are gone; `paths` is gone through while nobody else can write records."""
        with self._database.transaction() as connection:
            connection.executemany(
                "DELETE FROM pictures WHERE folder = ? AND path = ? AND binned IS NULL AND moving = 0",
                [(folder, path) for path in paths],
            )

    def change(self, ids: Sequence[int], user: str | None, values: dict[str, int]) -> int:
        """Set `favourite` and `rating` of some pictures, with `user` of that user's alone; how many there are."""
        names = [name for name in ("favourite", "rating") if name in values]
        marks, owned = among(ids, user)
        with self._database.transaction() as connection:
            changed = connection.execute(
                f"UPDATE pictures SET {', '.join(f'{name} = ?' for name in names)} WHERE {marks}",
                (*(int(values[name]) for name in names), *owned),
            )
            return changed.rowcount

    def _pictures(self, where: str, values: Sequence[object], order: str = "id") -> list[Picture]:
        query = f"SELECT {_COLUMNS} FROM {_WITH_TEXT} WHERE {where} ORDER BY {order}"
        return [_picture(row) for row in self._database.rows(query, values)]

    def _read_infotexts(self) -> None:
        """Facts and words of records that were made before these were written down."""
        while True:
            rows = self._database.rows(
                f"SELECT id, path, seed, infotext, job_id FROM {_WITH_TEXT} WHERE origin IS NULL LIMIT ?", (_AT_ONCE,)
            )
            if not rows:
                return
            log.info("Reading the parameters of %s pictures for the search", len(rows))
            with self._database.transaction() as connection:
                for row in rows:
                    facts = facts_of(row["infotext"])
                    origin = "" if row["job_id"] else facts.origin
                    seed = facts.seed if row["seed"] is None else row["seed"]
                    connection.execute(
                        "UPDATE pictures SET model = ?, sampler = ?, origin = ?, seed = ? WHERE id = ?",
                        (facts.model, facts.sampler, origin, seed, row["id"]),
                    )
                    connection.execute("DELETE FROM picture_words WHERE rowid = ?", (row["id"],))
                    _insert_words(connection, row["id"], row["path"], facts)


def among(ids: Sequence[int], user: str | None) -> tuple[str, tuple[object, ...]]:
    """The condition that a picture is one of some, and with `user` of that user's jobs."""
    known = tuple(dict.fromkeys(one for one in ids if abs(one) < 1 << 63))
    marks = f"id IN ({', '.join('?' * len(known))})"
    return (marks, known) if user is None else (f"{marks} AND user = ?", (*known, user))


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
    """Add the record of a picture of the outputs folder inside of a transaction of the caller."""
    row = {"path": path, "width": width, "height": height, "seed": seed, "created": created}
    number = _insert(connection, {**row, "job_id": job_id, "job_index": index, "user": user}, infotext)
    found = connection.execute(f"SELECT {_COLUMNS} FROM {_WITH_TEXT} WHERE id = ?", (number,)).fetchone()
    return _picture(found)


def insert_file(connection: sqlite3.Connection, folder: int, path: str, file: FileFacts) -> None:
    """Add the record of a file that was found inside of a transaction of the caller."""
    _insert(connection, {"folder": folder, "path": path, "seed": None, **_columns(file)}, file.infotext)


def update_file(connection: sqlite3.Connection, number: int, path: str, file: FileFacts) -> None:
    """Write anew what a file says; what people said of the picture, and its albums, stay."""
    facts = facts_of(file.infotext)
    row = {**_columns(file), **_told(facts), "origin": facts.origin, "seed": facts.seed}
    changes = ", ".join(f"{name} = ?" for name in row)
    connection.execute(f"UPDATE pictures SET {changes} WHERE id = ?", (*row.values(), number))
    connection.execute("UPDATE picture_texts SET infotext = ? WHERE id = ?", (file.infotext, number))
    connection.execute("DELETE FROM picture_words WHERE rowid = ?", (number,))
    connection.execute("DELETE FROM picture_loras WHERE picture = ?", (number,))
    _insert_words(connection, number, path, facts)


def _columns(file: FileFacts) -> dict[str, Any]:
    return {
        "width": file.width,
        "height": file.height,
        "created": file.state.modified / 1e9,
        "problem": file.problem,
        "modified": file.state.modified,
        "bytes": file.state.size,
    }


def _told(facts: InfotextFacts) -> dict[str, Any]:
    return {"model": facts.model, "sampler": facts.sampler}


def _insert(connection: sqlite3.Connection, given: dict[str, Any], infotext: str) -> int:
    facts = facts_of(infotext)
    row = {**given, **_told(facts), "origin": "" if given.get("job_id") else facts.origin}
    if row["seed"] is None:
        row["seed"] = facts.seed
    marks = ", ".join("?" * len(row))
    query = f"INSERT INTO pictures ({', '.join(row)}) VALUES ({marks})"
    number = connection.execute(query, tuple(row.values())).lastrowid
    assert number is not None
    connection.execute("INSERT INTO picture_texts (id, infotext) VALUES (?, ?)", (number, infotext))
    _insert_words(connection, number, row["path"], facts)
    return number


def _insert_words(connection: sqlite3.Connection, number: int, path: str, facts: InfotextFacts) -> None:
    names = "\n".join((facts.model, facts.sampler, *facts.loras, PurePosixPath(path).name))
    connection.execute(
        "INSERT INTO picture_words (rowid, prompt, negative, names) VALUES (?, ?, ?, ?)",
        (number, *map(indexed, (facts.prompt, facts.negative_prompt, names))),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO picture_loras (picture, name) VALUES (?, ?)", [(number, name) for name in facts.loras]
    )


def where_of(wanted: Condition) -> tuple[str, tuple[object, ...]]:
    """The whole condition, by which pictures are asked one by one whether they have the words."""
    if not wanted.wanted:
        return wanted.facts, wanted.values
    # The sign keeps the database from looking up each that has them.
    return f"{wanted.facts} AND +id IN ({_HAVING_WORDS})", (*wanted.values, wanted.wanted)


def having(wanted: Condition) -> tuple[str, str, tuple[object, ...]]:
    """Tables, condition and values, by which the pictures that have the words are asked for the rest."""
    if not wanted.wanted:
        return "pictures", wanted.facts, wanted.values
    source = "picture_words CROSS JOIN pictures ON id = picture_words.rowid"
    return source, f"picture_words MATCH ? AND {wanted.facts}", (wanted.wanted, *wanted.values)


def _picture(row: sqlite3.Row) -> Picture:
    return Picture.model_validate(dict(row))
