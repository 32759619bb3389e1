"""The one SQLite file of a data folder, opened so that a committed transaction survives kill -9 and power loss."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from modules.config.files import storage_full
from modules.errors import BrokenDatabase, DatabaseUnavailable, InvalidSetting, UserError

Read = TypeVar("Read")
_OF_THE_DISK = ("locked", "locking", "disk I/O", "unable to open", "readonly")
"""What SQLite's sentences hold where neither the program nor the file is at fault; other ones are faults of ours."""


class Database:
    """One connection behind one lock: statements of several threads take turns, transactions do not mix.

    Raises BrokenDatabase where the file is no database, InvalidSetting where it cannot be opened, and from all methods
    StorageFull, DatabaseUnavailable and BrokenDatabase for what becomes of the file later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = _connect(path)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block or none of it; other threads and processes wait."""
        with self._lock, self._told():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._connection.execute("ROLLBACK")
                self._be_lenient_after(error)  # whoever tries again can read it
                raise

    def rows(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows that a SELECT finds."""
        with self._lock, self._told():
            return self._read(lambda: self._connection.execute(query, values).fetchall())

    def row(self, query: str, values: Sequence[object] = ()) -> sqlite3.Row | None:
        """The first row that a SELECT finds, or None."""
        with self._lock, self._told():
            found: sqlite3.Row | None = self._read(lambda: self._connection.execute(query, values).fetchone())
            return found

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Reads of the block belong together: other threads wait, other processes do not."""
        with self._lock:
            yield

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

    def _read(self, fetch: Callable[[], Read]) -> Read:
        try:
            return fetch()
        except sqlite3.OperationalError as error:
            if not self._be_lenient_after(error):
                raise
            return fetch()

    def _be_lenient_after(self, error: BaseException) -> bool:
        """One damaged text must not hide all rows beside it; the stricter reading is several times as fast."""
        is_damaged = isinstance(error, sqlite3.OperationalError) and "Could not decode" in str(error)
        if is_damaged:
            self._connection.text_factory = lambda text: text.decode("utf-8", "replace")
        return is_damaged

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What befell the file, as a sentence for a person."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            sentence = _sentence_on(self.path, error)
            if sentence is None:
                raise
            raise sentence from error


def _sentence_on(path: Path, error: sqlite3.DatabaseError) -> UserError | None:
    """None for a fault of the program."""
    text = str(error)
    if "malformed" in text or "not a database" in text:
        return _damaged(path, error)
    if not isinstance(error, sqlite3.OperationalError):
        return None
    if "full" in text:
        return storage_full(path)
    if not any(words in text for words in _OF_THE_DISK):
        return None
    return DatabaseUnavailable(
        f"The database {path} cannot be used now ({error}). Look whether another program holds it, whether its disk "
        "has room, and whether you may write there; then try again."
    )


def _damaged(path: Path, error: Exception) -> BrokenDatabase:
    return BrokenDatabase(
        f"The database {path} is damaged ({error}). Move it away and start again: the pictures are found anew, "
        "waiting jobs are not."
    )


def _connect(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except (sqlite3.DatabaseError, OSError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, (sqlite3.OperationalError, OSError)):
            raise InvalidSetting(
                f"The database {path} cannot be opened ({error}). Look whether another program holds it and whether "
                "you may write there, or choose another folder with --data-dir."
            ) from error
        raise _damaged(path, error) from error
    return connection
