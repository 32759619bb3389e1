"""A claim: within one transaction, what the order needs to know is read and its choice written down."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection

from modules.jobs.order import Choice, Line, WaitingJob, choose, in_turn

READY = "FROM jobs INDEXED BY jobs_ready WHERE state = 'queued' AND paused = 0"
ANYTHING_READY = f"SELECT 1 FROM job_pause WHERE NOT paused AND EXISTS (SELECT 1 {READY})"
WAITING_JOB = "number, id, user, priority, place, kind, model, work, passed"

_FIRST = f"SELECT number {READY} AND priority = :priority AND user = users.user ORDER BY place LIMIT 1"
_LINES = (
    f"SELECT users.user, turn, users.passed, {', '.join(f'jobs.{name}' for name in WAITING_JOB.split(', '))} "
    f"FROM job_users AS users JOIN jobs ON jobs.number = ({_FIRST})"
)
_FIRST_OF_MODEL = (
    f"SELECT {WAITING_JOB} FROM jobs INDEXED BY jobs_ready_of_model "
    "WHERE state = 'queued' AND paused = 0 AND priority = ? AND user = ? AND model = ? ORDER BY place LIMIT 1"
)


def claim(connection: sqlite3.Connection, worker: str, held: Collection[str]) -> str | None:
    """Make the next job a running one of that worker; its id, or None where nothing may begin."""
    if connection.execute(ANYTHING_READY).fetchone() is None:
        return None
    lines = _ready_lines(connection)
    choice = choose(lines, held, lambda line: _first_of(connection, line, held))
    _write_turn(connection, lines, choice)
    connection.execute(
        "UPDATE jobs SET state = 'running', started = ?, worker = ?, attempts = attempts + 1, turn_before = ? "
        "WHERE number = ?",
        (time.time(), worker, lines[choice.passed].turn, choice.job.number),
    )
    return choice.job.id


def _ready_lines(connection: sqlite3.Connection) -> list[Line]:
    """The users who have jobs of the highest priority that may begin, in turn."""
    (priority,) = connection.execute(f"SELECT max(priority) {READY}").fetchone()
    rows = connection.execute(_LINES, {"priority": priority})
    return in_turn(Line(user, turn, passed, WaitingJob(*job)) for user, turn, passed, *job in rows)


def _first_of(connection: sqlite3.Connection, line: Line, models: Collection[str]) -> WaitingJob | None:
    """A user's first job of one of these models."""
    key = line.first.priority, line.user
    rows = (connection.execute(_FIRST_OF_MODEL, (*key, model)).fetchone() for model in models)
    return min((WaitingJob(*row) for row in rows if row is not None), key=lambda job: job.place, default=None)


def _write_turn(connection: sqlite3.Connection, lines: list[Line], choice: Choice) -> None:
    """Write down whose turn it is, and who was passed over."""
    ahead = [(line.user,) for line in lines[: choice.passed]]
    connection.executemany("UPDATE job_users SET passed = passed + 1 WHERE user = ?", ahead)
    line = lines[choice.passed]
    if choice.job is not line.first:
        connection.execute("UPDATE jobs SET passed = passed + 1 WHERE number = ?", (line.first.number,))
    connection.execute(
        "UPDATE job_users SET turn = (SELECT max(turn) FROM job_users) + 1, passed = 0 WHERE user = ?", (line.user,)
    )
