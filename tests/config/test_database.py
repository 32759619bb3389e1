"""The database: transactions are whole, tables grow step by step."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from modules.config.database import Database
from modules.errors import BrokenDatabase, DatabaseUnavailable, InvalidSetting, StorageFull


def test_failed_transaction_leaves_nothing(database: Database) -> None:
    database.create_tables("room", ["CREATE TABLE things (name TEXT)"])
    with pytest.raises(RuntimeError), database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES ('half')")
        raise RuntimeError
    assert database.rows("SELECT * FROM things") == []


def test_only_new_steps_are_run(database: Database) -> None:
    first = "CREATE TABLE things (name TEXT)"
    database.create_tables("room", [first])
    database.create_tables("room", [first, "ALTER TABLE things ADD COLUMN size INTEGER"])
    database.create_tables("room", [first])  # an older program on a newer file
    with database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES ('a', 1)")
    row = database.row("SELECT size FROM things")
    assert row is not None
    assert row["size"] == 1


def test_a_crash_proof_journal_is_used(database: Database) -> None:
    mode, sync = database.row("PRAGMA journal_mode"), database.row("PRAGMA synchronous")
    assert mode is not None
    assert sync is not None
    assert (mode[0], sync[0]) == ("wal", 2)


def test_damaged_file_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").write_bytes(b"no database, but long enough to be taken for one" * 100)
    with pytest.raises(BrokenDatabase, match="Move it away and start again"):
        Database(tmp_path / "a.sqlite3")


def test_healthy_database_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").mkdir()
    with pytest.raises(InvalidSetting, match="cannot be opened"):
        Database(tmp_path / "a.sqlite3")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidSetting, match="--data-dir"):
        Database(tmp_path / "file" / "a.sqlite3")


def test_full_disk_is_told_and_the_database_goes_on(database: Database) -> None:
    database.create_tables("room", ["CREATE TABLE things (content BLOB)"])
    database.row("PRAGMA max_page_count = 20")
    with pytest.raises(StorageFull, match="Free some space"), database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES (zeroblob(1000000))")
    with database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES ('small')")
    assert len(database.rows("SELECT * FROM things")) == 1


def test_database_that_is_locked_is_told_and_used_again_later(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.sqlite3")
    database.create_tables("room", ["CREATE TABLE things (name TEXT)"])
    database.row("PRAGMA busy_timeout = 50")
    with sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match=r"a\.sqlite3 cannot be used now .*then try again"):
            _insert(database)
        other.execute("ROLLBACK")
    other.close()
    _insert(database)
    assert len(database.rows("SELECT * FROM things")) == 1
    database.close()


def test_disk_that_takes_no_more_is_told_and_the_database_goes_on(tmp_path: Path) -> None:
    """A limit on the size of files is no full disk to SQLite but a fault of it."""
    program = """
import resource, sys
from pathlib import Path
from modules.config.database import Database
from modules.errors import DatabaseUnavailable, StorageFull
database = Database(Path(sys.argv[1]))
database.create_tables("room", ["CREATE TABLE things (content BLOB)"])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    with database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES (zeroblob(1000000))")
except (DatabaseUnavailable, StorageFull) as error:
    print(error)
with database.transaction() as connection:
    connection.execute("INSERT INTO things VALUES ('small')")
print(len(database.rows("SELECT * FROM things")))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "a.sqlite3")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    sentence, count = told.stdout.splitlines()
    assert "try again" in sentence
    assert count == "1"


def test_database_that_is_damaged_later_is_told_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    database = Database(path)
    database.create_tables("room", ["CREATE TABLE things (content BLOB)"])
    with database.transaction() as connection:
        connection.executemany("INSERT INTO things VALUES (?)", [(b"x" * 3000,)] * 50)
    database.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(BrokenDatabase, match="Move it away"), closing(Database(path)) as damaged:
        damaged.rows("SELECT * FROM things")


def test_fault_of_the_program_stays_one(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        database.rows("SELECT * FROM nowhere")


def test_letters_that_are_none_do_not_hide_a_row(database: Database) -> None:
    database.create_tables("room", ["CREATE TABLE things (name TEXT)"])
    with database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES ('whole')")
        connection.execute("INSERT INTO things VALUES (CAST(x'62ff61' AS TEXT))")
    assert [row["name"] for row in database.rows("SELECT name FROM things")] == ["whole", "b\N{REPLACEMENT CHARACTER}a"]


def test_letters_that_are_none_stop_one_transaction_at_most(database: Database) -> None:
    database.create_tables("room", ["CREATE TABLE things (name TEXT)"])
    with database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES (CAST(x'62ff61' AS TEXT))")
    with pytest.raises(sqlite3.OperationalError, match="Could not decode"), database.transaction() as connection:
        connection.execute("SELECT name FROM things").fetchall()
    with database.transaction() as connection:
        assert connection.execute("SELECT name FROM things").fetchone()["name"] == "b\N{REPLACEMENT CHARACTER}a"


def _insert(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
