"""The one SQLite file of a data folder, opened so that a committed transaction survives kill -9 and power loss."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modules.errors import BrokenDatabase


class Database:
    """One connection behind one lock: statements of several threads take turns, transactions do not mix.

    Raises BrokenDatabase where the file is no database.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise BrokenDatabase(
                f"The database {path} is damaged ({error}). Move it away and start again: the pictures are found anew, "
                "waiting jobs are not."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block or none of it; other threads and processes wait."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows that a SELECT finds."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[object] = ()) -> sqlite3.Row | None:
        """The first row that a SELECT finds, or None."""
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
            return found

    def create_tables(self, room: str, steps: Sequence[str]) -> None:
        """Bring a room's tables up to date: runs those `steps` (SQL, append only) that this file has not seen."""
        with self.transaction() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS schema_steps (room TEXT PRIMARY KEY, done INTEGER NOT NULL)")
            seen = connection.execute("SELECT done FROM schema_steps WHERE room = ?", (room,)).fetchone()
            done = 0 if seen is None else int(seen["done"])
            for step in steps[done:]:
                connection.execute(step)
            connection.execute(
                "INSERT INTO schema_steps VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET done = excluded.done",
                (room, max(done, len(steps))),
            )

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._lock:
            self._connection.close()
