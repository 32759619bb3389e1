"""The database: transactions are whole, tables grow step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.config.database import Database
from modules.errors import BrokenDatabase, InvalidSetting, StorageFull


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
