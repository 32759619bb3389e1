"""The queue: every accepted job as a row on the disk, from the moment it was accepted.

queued ──claim──> running ──> done | failed | cancelled
  └──────────cancel──────────────────────┘
"""

from __future__ import annotations

import secrets
import sqlite3
import time

from modules.config.database import Database
from modules.errors import NotFound, QueueFull
from modules.schema.jobs import Job, JobKind, JobState

_TABLES = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
        request TEXT NOT NULL,
        created REAL NOT NULL,
        started REAL,
        finished REAL,
        error TEXT,
        cancel_wanted INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX jobs_by_state ON jobs (state, number)",
)
_COLUMNS = "id, kind, state, request, created, started, finished, error"


class JobQueue:
    """First come, first served; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_tables("jobs", _TABLES)

    def add(self, kind: JobKind, request: str, *, limit: int) -> Job:
        """Accept a request; when this returns the job survives a crash. Raises QueueFull at `limit` waiting jobs."""
        job_id = secrets.token_hex(8)
        with self._database.transaction() as connection:
            (waiting,) = connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()
            if waiting >= limit:
                raise QueueFull(f"Queue: {waiting} jobs are waiting, which is the most. Wait for one to end.")
            connection.execute(
                "INSERT INTO jobs (id, kind, state, request, created) VALUES (?, ?, 'queued', ?, ?)",
                (job_id, kind, request, time.time()),
            )
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """The job of that id. Raises NotFound."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,))
        if row is None:
            raise NotFound(f"Job {job_id!r} does not exist. It may belong to another data folder.")
        return _job(row)

    def active(self) -> list[Job]:
        """Running jobs, then queued ones in the order in which they will run."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM jobs WHERE state IN ('running', 'queued') ORDER BY state = 'queued', number"
        )
        return [_job(row) for row in rows]

    def claim(self) -> Job | None:
        """Make the oldest queued job a running one; None where nothing waits."""
        if self._database.row("SELECT 1 FROM jobs WHERE state = 'queued'") is None:
            return None  # asked several times a second: no write lock for that
        with self._database.transaction() as connection:
            row = connection.execute(
                "UPDATE jobs SET state = 'running', started = ? WHERE number = "
                f"(SELECT min(number) FROM jobs WHERE state = 'queued') RETURNING {_COLUMNS}",
                (time.time(),),
            ).fetchone()
        return None if row is None else _job(row)

    def finish(self, job_id: str, state: JobState, error: str | None = None) -> None:
        """Give a running job its final state."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET state = ?, error = ?, finished = ? WHERE id = ? AND state = 'running'",
                (state, error, time.time(), job_id),
            )

    def cancel_queued(self, job_id: str) -> bool:
        """Cancel a job that still waits; False where it no longer does."""
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ? WHERE id = ? AND state = 'queued'",
                (time.time(), job_id),
            )
            return changed.rowcount == 1

    def want_cancel(self, job_id: str) -> None:
        """Ask whichever process runs a job to stop it."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE jobs SET cancel_wanted = 1 WHERE id = ? AND state = 'running'", (job_id,))

    def is_cancel_wanted(self, job_id: str) -> bool:
        """Whether somebody asked for that."""
        return self._database.row("SELECT 1 FROM jobs WHERE id = ? AND cancel_wanted", (job_id,)) is not None

    def requeue_running(self) -> int:
        """Put jobs that a killed server left running back to their place in the queue; returns how many."""
        with self._database.transaction() as connection:
            return connection.execute(
                "UPDATE jobs SET state = 'queued', started = NULL WHERE state = 'running'"
            ).rowcount


def _job(row: sqlite3.Row) -> Job:
    return Job.model_validate(dict(row))
