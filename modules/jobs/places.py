"""Places: numbers that put the jobs of one user and priority in order. Running jobs keep theirs, to go back to."""

from __future__ import annotations

import sqlite3

from modules.jobs.tables import GAP

_ACTIVE = "state IN ('queued', 'running')"


def first_place(connection: sqlite3.Connection) -> int:
    """A place before all jobs."""
    (first,) = connection.execute(f"SELECT min(place) FROM jobs INDEXED BY jobs_by_place WHERE {_ACTIVE}").fetchone()
    return GAP if first is None else int(first) - GAP


def last_place(connection: sqlite3.Connection) -> int:
    """A place behind all jobs."""
    (last,) = connection.execute(f"SELECT max(place) FROM jobs INDEXED BY jobs_by_place WHERE {_ACTIVE}").fetchone()
    return GAP if last is None else int(last) + GAP


def place_before(connection: sqlite3.Connection, place: int) -> int:
    """A free place right before a taken one; where there is none, that one and all behind it are put further back."""
    query = f"SELECT max(place) FROM jobs INDEXED BY jobs_by_place WHERE {_ACTIVE} AND place < ?"
    (earlier,) = connection.execute(query, (place,)).fetchone()
    if earlier is None:
        return place - GAP
    if place - earlier == 1:
        connection.execute(f"UPDATE jobs SET place = place + {GAP} WHERE {_ACTIVE} AND place >= ?", (place,))
        place += GAP
    return (int(earlier) + place) // 2
