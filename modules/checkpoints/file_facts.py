"""What was found out about files and is kept until they change: identities, hashes, digests of parts.

The file only holds what can be made again, so a damaged one is thrown away, and one that cannot be written is done
without.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.config.database import Database
from modules.errors import BrokenDatabase, DatabaseUnavailable, InvalidSetting, StorageFull, UserError

log = logging.getLogger(__name__)

_STEPS = (
    """
    CREATE TABLE facts (
        path TEXT NOT NULL, size INTEGER NOT NULL, stamp INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (path, name)
    ) WITHOUT ROWID
    """,
)


@dataclass(frozen=True)
class FileState:
    """Which content a path has, as far as that can be told without reading it."""

    path: str
    size: int
    stamp: int
    """When it was changed, in nanoseconds; of a folder a digest of names, sizes and times of its weights."""

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Of a file, or of a folder of weights. Raises OSError."""
        found = path.stat()
        if path.is_dir():
            return cls.of_folder(path)
        return cls(str(path.absolute()), found.st_size, found.st_mtime_ns)

    @classmethod
    def of_folder(cls, folder: Path) -> FileState:
        """Of a folder of weights in diffusers' format, with its configurations. Raises OSError."""
        digest, size = hashlib.sha256(), 0
        for pattern in ("*.safetensors", "*.json"):
            for path in sorted(folder.rglob(pattern)):
                found = path.stat()
                size += found.st_size
                digest.update(f"{path.relative_to(folder).as_posix()}|{found.st_size}|{found.st_mtime_ns}|".encode())
        return cls(str(folder.absolute()), size, int.from_bytes(digest.digest()[:7], "little"))


Fact = tuple[FileState, str, Any]
"""A file, the name of the fact, and a value that JSON can hold."""


class FileFacts:
    """Small JSON values about files by name, in memory and, with a path, in an SQLite file.

    Those of a file that has changed are gone. Never raises because of the file.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._known: dict[str, tuple[FileState, dict[str, str]]] = {}
        self._database: Database | None = None
        if path is not None:
            self._open(path)

    def get(self, state: FileState, name: str) -> Any:
        """The fact of that name; None where there is none, or the file was another one then."""
        with self._lock:
            known = self._known.get(state.path)
            text = known[1].get(name) if known is not None and known[0] == state else None
        return None if text is None else json.loads(text)

    def look_up(self, state: FileState, name: str) -> Any:
        """As `get`, but what another process has found out meanwhile is found too."""
        with self._lock:
            if self.get(state, name) is None and self._database is not None:
                query = "SELECT value FROM facts WHERE path = ? AND size = ? AND stamp = ? AND name = ?"
                try:
                    row = self._database.row(query, (state.path, state.size, state.stamp, name))
                    if row is not None:
                        json.loads(row["value"])
                        self._keep(state, name, row["value"])
                except (UserError, sqlite3.DatabaseError, ValueError) as error:
                    log.warning("%s could not be read: %s", self._path, error)
            return self.get(state, name)

    def put(self, state: FileState, name: str, value: Any) -> None:
        """Keep a fact; `value` is whatever JSON can hold, but None."""
        self.put_many([(state, name, value)])

    def put_many(self, facts: Iterable[Fact]) -> None:
        """Keep several facts at once."""
        rows = [(state, name, json.dumps(value)) for state, name, value in facts]
        with self._lock:
            for row in rows:
                self._keep(*row)
            self._write(rows)

    def _keep(self, state: FileState, name: str, text: str) -> None:
        known = self._known.get(state.path)
        if known is None or known[0] != state:
            known = self._known[state.path] = (state, {})
        known[1][name] = text

    def close(self) -> None:
        """Close the file; what is in memory stays."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _open(self, path: Path) -> None:
        try:
            self._database = self._read(path)
        except (BrokenDatabase, sqlite3.Error, ValueError) as error:
            log.warning("%s is damaged and is made anew: %s", path, error)
            self._database = self._made_anew(path)
        except (DatabaseUnavailable, InvalidSetting, StorageFull, OSError) as error:
            log.warning("%s is not used: %s", path, error)

    def _read(self, path: Path) -> Database:
        database = Database(path)
        try:
            database.create_tables("file_facts", _STEPS)
            known: dict[str, tuple[FileState, dict[str, str]]] = {}
            for row in database.rows("SELECT path, size, stamp, name, value FROM facts"):
                json.loads(row["value"])
                state = FileState(str(row["path"]), int(row["size"]), int(row["stamp"]))
                known.setdefault(state.path, (state, {}))
                if known[state.path][0] == state:
                    known[state.path][1][str(row["name"])] = str(row["value"])
        except BaseException:
            database.close()
            raise
        self._known = known
        return database

    def _made_anew(self, path: Path) -> Database | None:
        try:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            return self._read(path)
        except (UserError, sqlite3.Error, OSError) as error:
            log.warning("%s is not used: %s", path, error)
            return None

    def _write(self, rows: list[tuple[FileState, str, str]]) -> None:
        if self._database is None or not rows:
            return
        try:
            with self._database.transaction() as connection:
                connection.executemany(
                    "DELETE FROM facts WHERE path = ? AND (size <> ? OR stamp <> ?)",
                    {(state.path, state.size, state.stamp) for state, _, _ in rows},
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)",
                    [(state.path, state.size, state.stamp, name, text) for state, name, text in rows],
                )
        except DatabaseUnavailable as error:
            log.warning("%s could not be written: %s", self._path, error)  # another program holds it, or may not write
        except (BrokenDatabase, sqlite3.DatabaseError, StorageFull) as error:
            log.warning("%s is not used any more: %s", self._path, error)
            self.close()
