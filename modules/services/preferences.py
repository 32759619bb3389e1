"""How each user wants to see the page, kept where people log in; otherwise every browser keeps its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from modules.config.database import Database
from modules.errors import InvalidRequest

CHOICES: Mapping[str, tuple[str, ...]] = {
    "theme": ("auto", "light", "dark"),
    "language": ("auto", "en", "de", "es", "fr", "ja", "zh"),
    "view": ("expert", "simple"),
}
"""What each may be; the first is what holds where nobody chose."""
_STEPS = ("CREATE TABLE preferences (user TEXT PRIMARY KEY, content TEXT NOT NULL)",)


@dataclass(frozen=True)
class Preferences:
    """Of one user; "" was never chosen, so that a browser's own counts."""

    theme: str = ""
    language: str = ""
    view: str = ""


class PreferenceService:
    """The preferences of all users; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_tables("preferences", _STEPS)

    def of(self, user: str) -> Preferences:
        """What a user chose."""
        row = self._database.row("SELECT content FROM preferences WHERE user = ?", (user,))
        return Preferences() if row is None else _read(row["content"])

    def change(self, user: str, values: Mapping[str, Any]) -> Preferences:
        """Keep some of them. Raises InvalidRequest, with which nothing is changed."""
        for name, value in values.items():
            if name not in CHOICES:
                raise InvalidRequest("Preference", name, "is not known", f"Choose one of: {', '.join(CHOICES)}.")
            if value not in CHOICES[name]:
                raise InvalidRequest(name.title(), value, "is not known", f"Choose one of: {', '.join(CHOICES[name])}.")
        with self._database.transaction() as connection:
            row = connection.execute("SELECT content FROM preferences WHERE user = ?", (user,)).fetchone()
            changed = replace(Preferences() if row is None else _read(row["content"]), **values)
            connection.execute(
                "INSERT INTO preferences VALUES (?, ?) ON CONFLICT (user) DO UPDATE SET content = excluded.content",
                (user, json.dumps(asdict(changed))),
            )
        return changed


def _read(content: str) -> Preferences:
    """What still is known of what an earlier version may have written."""
    stored = json.loads(content)
    names = [field.name for field in fields(Preferences)]
    return Preferences(**{name: stored[name] for name in names if stored.get(name) in CHOICES[name]})
