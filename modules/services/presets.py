"""Use cases of presets: all controls of a tab under a name, as each user keeps them."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from modules.config.database import Database
from modules.errors import InvalidRequest, NotFound
from modules.schema.requests import MAX_PROMPT_CHARACTERS, REQUESTS, Task

MAX_PRESETS = 500
"""Of one user."""
MAX_VALUES = 500
MAX_NAME_CHARACTERS = 100
MAX_PRESET_CHARACTERS = 128 * 1024
NOT_KEPT = frozenset({"init_images", "mask", "firstpass_image", "source_pictures"})
"""Pictures to begin with belong to a piece of work, and not to a way of working."""

_MAX_LIST = 200
_STEPS = (
    """
    CREATE TABLE presets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user TEXT NOT NULL,
        task TEXT NOT NULL,
        name TEXT NOT NULL,
        content TEXT NOT NULL,
        is_default INTEGER NOT NULL DEFAULT 0,
        changed REAL NOT NULL,
        UNIQUE (user, task, name)
    )
    """,
)


@dataclass(frozen=True)
class Preset:
    """The controls of a tab under a name; `values` bear the names of the request's fields, or of scripts' controls."""

    id: int
    task: Task
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_default: bool = False
    """Whether a browser that has kept nothing begins with it."""
    changed: float = 0.0
    """When it was saved last, in seconds since 1970."""


@dataclass(frozen=True)
class NewPreset:
    """A preset that is not kept yet."""

    task: Task
    name: str
    values: Mapping[str, Any]


class PresetService:
    """The presets of all users; everybody sees and changes only their own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_tables("presets", _STEPS)

    def all(self, user: str) -> list[Preset]:
        """The presets of a user, by task and name."""
        rows = self._database.rows("SELECT * FROM presets WHERE user = ?", (user,))
        return sorted(map(_preset, rows), key=lambda one: (list(REQUESTS).index(one.task), one.name.casefold()))

    def get(self, preset_id: int, user: str) -> Preset:
        """A preset of a user. Raises NotFound for unknown and for others' alike."""
        row = self._database.row("SELECT * FROM presets WHERE id = ? AND user = ?", (preset_id, user))
        if row is None:
            raise _not_found(preset_id)
        return _preset(row)

    def default(self, task: Task, user: str) -> Preset | None:
        """What the forms of that task begin with; None where the user chose nothing."""
        query = "SELECT * FROM presets WHERE user = ? AND task = ? AND is_default = 1"
        row = self._database.row(query, (user, task))
        return None if row is None else _preset(row)

    def save(self, preset: NewPreset, user: str, *, replaces: bool = True) -> Preset:
        """Keep a preset, in place of that of the same name.

        Raises InvalidRequest for what cannot be kept, for one too many, and with `replaces` off for a name that is
        taken; StorageFull.
        """
        return self.save_all([preset], user, replaces=replaces)[0]

    def save_all(self, presets: Sequence[NewPreset], user: str, *, replaces: bool = True) -> list[Preset]:
        """Keep several presets, all or none. Raises like `save`."""
        checked = [_checked(one) for one in presets]
        with self._database.transaction() as connection:
            ids = [_put(connection, one, user, replaces=replaces) for one in checked]
            count = connection.execute("SELECT count(*) FROM presets WHERE user = ?", (user,)).fetchone()[0]
            if count > MAX_PRESETS:
                raise InvalidRequest("Presets", count, f"are more than {MAX_PRESETS}", "Delete some first.")
        return [self.get(preset_id, user) for preset_id in ids]

    def rename(self, preset_id: int, name: str, user: str) -> Preset:
        """Give a preset another name. Raises NotFound; InvalidRequest for a name that is taken or no name."""
        name = _checked_name(name)
        with self._database.transaction() as connection:
            preset = self.get(preset_id, user)
            if name != preset.name and _id_of(connection, preset.task, name, user) is not None:
                raise _taken(name)
            connection.execute("UPDATE presets SET name = ? WHERE id = ?", (name, preset_id))
        return self.get(preset_id, user)

    def set_default(self, preset_id: int, is_default: bool, user: str) -> Preset:
        """Make a preset the one that its task's forms begin with, or no more. Raises NotFound."""
        with self._database.transaction() as connection:
            preset = self.get(preset_id, user)
            connection.execute("UPDATE presets SET is_default = 0 WHERE user = ? AND task = ?", (user, preset.task))
            connection.execute("UPDATE presets SET is_default = ? WHERE id = ?", (int(is_default), preset_id))
        return self.get(preset_id, user)

    def delete(self, preset_id: int, user: str) -> None:
        """Forget a preset. Raises NotFound."""
        with self._database.transaction() as connection:
            found = connection.execute("DELETE FROM presets WHERE id = ? AND user = ?", (preset_id, user))
            if not found.rowcount:
                raise _not_found(preset_id)


def _put(connection: sqlite3.Connection, preset: NewPreset, user: str, *, replaces: bool) -> int:
    """Write a preset and tell its id; one that is the default stays so."""
    known = _id_of(connection, preset.task, preset.name, user)
    content, now = json.dumps(dict(preset.values), ensure_ascii=False), time.time()
    if known is None:
        row = (user, preset.task, preset.name, content, now)
        insert = "INSERT INTO presets (user, task, name, content, changed) VALUES (?, ?, ?, ?, ?) RETURNING id"
        return int(connection.execute(insert, row).fetchone()["id"])
    if not replaces:
        raise _taken(preset.name)
    connection.execute("UPDATE presets SET content = ?, changed = ? WHERE id = ?", (content, now, known))
    return known


def _id_of(connection: sqlite3.Connection, task: Task, name: str, user: str) -> int | None:
    query = "SELECT id FROM presets WHERE user = ? AND task = ? AND name = ?"
    row = connection.execute(query, (user, task, name)).fetchone()
    return None if row is None else int(row["id"])


def _preset(row: sqlite3.Row) -> Preset:
    kept = {one.name: row[one.name] for one in fields(Preset) if one.name not in ("values", "is_default")}
    return Preset(**kept, values=json.loads(row["content"]), is_default=bool(row["is_default"]))


def _checked(preset: NewPreset) -> NewPreset:
    """The preset as it is kept. Raises InvalidRequest."""
    if preset.task not in REQUESTS:
        raise InvalidRequest("Task", preset.task, "has no presets", f"Choose one of: {', '.join(REQUESTS)}.")
    values = {name: value for name, value in preset.values.items() if name not in NOT_KEPT}
    if len(values) > MAX_VALUES:
        raise InvalidRequest("Values", len(values), f"are more than {MAX_VALUES}", "Leave some out.")
    for name, value in values.items():
        if len(name) > 2 * MAX_NAME_CHARACTERS or not _can_be_kept(value):
            remedy = "Values are texts, numbers, switches and lists of texts."
            raise InvalidRequest("Value", name, "cannot be kept", remedy)
    if len(json.dumps(values)) > MAX_PRESET_CHARACTERS:
        raise InvalidRequest("Preset", preset.name, "is too long", "Leave out a prompt or a list.")
    request = REQUESTS[preset.task]
    # What no request would take must not wait in a list to be found out later.
    request.of({name: one for name, one in values.items() if name in request.model_fields and one not in (None, "")})
    return NewPreset(preset.task, _checked_name(preset.name), values)


def _can_be_kept(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_PROMPT_CHARACTERS
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return len(value) <= _MAX_LIST and all(isinstance(one, str) and _can_be_kept(one) for one in value)
    return value is None or isinstance(value, int)


def _checked_name(name: str) -> str:
    """A name as it is kept. Raises InvalidRequest."""
    name = name.strip()
    if not name:
        raise InvalidRequest("Preset name", name, "is empty", "Give the preset a name.")
    if len(name) > MAX_NAME_CHARACTERS:
        problem = f"is longer than {MAX_NAME_CHARACTERS} characters"
        raise InvalidRequest("Preset name", name, problem, "Choose a shorter one.")
    if not name.isprintable():
        raise InvalidRequest("Preset name", name, "holds characters that do not show", "Leave them out.")
    return name


def _taken(name: str) -> InvalidRequest:
    return InvalidRequest("Preset name", name, "is taken", "Choose another one, or delete that preset first.")


def _not_found(preset_id: int) -> NotFound:
    return NotFound(f"There is no preset {preset_id}. It may have been deleted already.")
