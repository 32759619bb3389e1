"""Numbers that count up over the life of a data folder, for bug reports."""

from __future__ import annotations

from collections.abc import Mapping

from modules.config.database import Database

TEXTS_FOUND, TEXTS_ENCODED = "texts_found", "texts_encoded"
"""Prompts whose encoding was remembered, and prompts that had to be encoded."""

_STEPS = ("CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",)


class Counters:
    """Named whole numbers in the database; one that was never counted is 0."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_tables("counters", _STEPS)

    def add(self, amounts: Mapping[str, int]) -> None:
        """Count up, all names in one transaction."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                list(amounts.items()),
            )

    def value(self, name: str) -> int:
        """How far a name has been counted."""
        row = self._database.row("SELECT value FROM counters WHERE name = ?", (name,))
        return 0 if row is None else int(row["value"])
