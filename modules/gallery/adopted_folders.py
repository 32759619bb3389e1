"""Folders of other programs whose pictures are listed where they lie; nothing is ever written there."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from modules.config.database import Database
from modules.errors import NotFound

_AT_ONCE = 500
"""Records that are dropped in one transaction."""


@dataclass(frozen=True)
class AdoptedFolder:
    """`count` are the pictures that are known of it, `looked` is when it was gone through last."""

    id: int
    path: Path
    count: int
    looked: float | None


class AdoptedFolders:
    """The list of these folders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[AdoptedFolder]:
        """The oldest first."""
        rows = self._database.rows(
            "SELECT id, path, looked, (SELECT count(*) FROM pictures WHERE folder = adopted_folders.id "
            "AND binned IS NULL) AS count FROM adopted_folders ORDER BY id"
        )
        return [AdoptedFolder(row["id"], Path(row["path"]), row["count"], row["looked"]) for row in rows]

    def path(self, folder: int) -> Path:
        """Where a folder is. Raises NotFound."""
        known = abs(folder) < 1 << 63
        row = self._database.row("SELECT path FROM adopted_folders WHERE id = ?", (folder,)) if known else None
        if row is None:
            raise NotFound(f"There is no adopted folder {folder}.")
        return Path(row["path"])

    def add(self, path: Path) -> int:
        """Take a folder into the list; its number, also where it was there."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO adopted_folders (path, created) VALUES (?, ?)", (str(path), time.time())
            )
            row = connection.execute("SELECT id FROM adopted_folders WHERE path = ?", (str(path),)).fetchone()
            return int(row["id"])

    def remove(self, folder: int) -> None:
        """Forget a folder and the records of its pictures. Raises NotFound."""
        self.path(folder)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM adopted_folders WHERE id = ?", (folder,))
        self.sweep()

    def sweep(self) -> None:
        """Drop the records of folders that were removed, some at a time: others write in between."""
        orphans = "folder != 0 AND folder NOT IN (SELECT id FROM adopted_folders)"
        gone = _AT_ONCE
        while gone == _AT_ONCE:
            with self._database.transaction() as connection:
                gone = connection.execute(
                    f"DELETE FROM pictures WHERE id IN (SELECT id FROM pictures WHERE {orphans} LIMIT ?)", (_AT_ONCE,)
                ).rowcount

    def was_looked_at(self, folder: int) -> None:
        """Note that a folder was gone through."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE adopted_folders SET looked = ? WHERE id = ?", (time.time(), folder))


def is_adopted(connection: sqlite3.Connection, folder: int) -> bool:
    """Whether a folder is in the list, inside of a transaction of the caller."""
    return connection.execute("SELECT 1 FROM adopted_folders WHERE id = ?", (folder,)).fetchone() is not None
