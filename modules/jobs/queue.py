"""The queue: every accepted job as a row on the disk, from the moment it was accepted.

queued ──claim──> running ──> done | failed | cancelled
  │   <──requeue────┘
  └──────────cancel──────────────────────┘
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import ValidationError

from modules.config.database import Database
from modules.errors import InvalidRequest, NotFound, QueueFull
from modules.jobs import claims
from modules.jobs.durations import Durations
from modules.jobs.forecast import Forecast, Standing
from modules.jobs.places import first_place, last_place, place_before
from modules.jobs.tables import STEPS
from modules.schema.jobs import FINAL_STATES, Job, JobState, NewJob

log = logging.getLogger(__name__)

_COLUMNS = (
    "id, kind, state, request, created, started, finished, error, user, asked, model, work, priority, paused, "
    "attempts, repeats, origin, look_inside"
)
_HIGHEST_PRIORITY = 1000
_ASKED_LATELY_SECONDS = 60.0
"""A worker that asked for no job that long is not counted on any more."""
_IDS_OF_A_QUERY = 500
_BLANK: dict[str, Any] = {"kind": "txt2img", "created": 0.0, "started": None, "finished": None}
_UNREADABLE = (
    "This job cannot be read: a newer version of the program asked for it, or the database is damaged. Ask for it anew."
)
_NOTHING_TO_RUN: dict[str, Any] = {"request": "", "asked": "", "repeats": False, "error": _UNREADABLE}


class JobQueue:
    """Jobs in the fair order of modules.jobs.order; safe to use from several threads and processes.

    Every method that is given the id of a job raises NotFound if there is none of that id. What a method changed is on
    the disk when it returns.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: dict[str, tuple[float, Collection[str]]] = {}
        self._own: set[str] = set()
        database.create_tables("jobs", STEPS)
        self._looked_at = self._latest()

    # What comes in

    def add(self, new: NewJob, *, limit: int, limit_of_user: int) -> Job:
        """Accept a job. `limit` jobs may wait, and `limit_of_user` of a user who has a name.

        Raises QueueFull, InvalidRequest for a priority out of range.
        """
        _check_priority(new.priority)
        with self._database.transaction() as connection:
            _check_limits(connection, new.user, limit, limit_of_user)
            connection.execute("INSERT OR IGNORE INTO job_users (user) VALUES (?)", (new.user,))
            place = first_place(connection) if new.front else last_place(connection)
            return self._put(connection, new, state="queued", place=place)

    def refuse(self, new: NewJob, reason: str) -> Job:
        """Keep a job that nobody who asks waits for and that cannot be accepted: as failed, for a reason."""
        with self._database.transaction() as connection:
            return self._put(connection, new, state="failed", error=reason, finished=time.time())

    def _put(self, connection: sqlite3.Connection, new: NewJob, **further: object) -> Job:
        known = {"id": secrets.token_hex(8), "created": time.time(), **further}
        values = new.model_dump(exclude={"front"}) | known
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        row = connection.execute(f"INSERT INTO jobs ({names}) VALUES ({marks}) RETURNING {_COLUMNS}", values).fetchone()
        self._own.add(row["id"])
        return _job(row)

    def retry(self, job_id: str, *, limit: int, limit_of_user: int) -> Job:
        """Add a job like one that failed or was cancelled. Raises QueueFull, InvalidRequest for others."""
        job = self.get(job_id)
        if job.state not in ("failed", "cancelled"):
            raise InvalidRequest(
                "job", job_id, f"is {job.state}", "Only what failed or was cancelled can be tried again; duplicate it."
            )
        return self._add_like(job, limit, limit_of_user)

    def duplicate(self, job_id: str, *, limit: int, limit_of_user: int) -> Job:
        """Add a job like another one, which may be in any state. Raises QueueFull."""
        return self._add_like(self.get(job_id), limit, limit_of_user)

    def _add_like(self, job: Job, limit: int, limit_of_user: int) -> Job:
        if not job.request:
            raise InvalidRequest("job", job.id, "cannot be read", "Ask for it anew.")
        alike = {"kind", "request", "asked", "user", "model", "work", "priority", "look_inside"}
        new = NewJob(**job.model_dump(include=alike), origin=job.id)
        return self.add(new, limit=limit, limit_of_user=limit_of_user)

    # What there is

    def get(self, job_id: str) -> Job:
        """The job of that id."""
        return _job(self._row(_COLUMNS, job_id))

    def active(self, limit: int | None = None) -> list[Job]:
        """Running jobs, then waiting ones in the order in which they will begin, then paused ones."""
        ids = self._forecast().order(limit) + [job.id for job in self._paused()]
        return [job for job in self.several(ids[:limit]) if not job.is_over]

    def standing(self) -> list[Standing]:
        """The same jobs without their requests, and when each will be done."""
        return self._forecast().standing() + self._paused()

    def _paused(self) -> list[Standing]:
        rows = self._database.rows(
            "SELECT id, user FROM jobs WHERE state = 'queued' AND paused = 1 ORDER BY priority DESC, place"
        )
        return [Standing(row["id"], row["user"], "queued", None) for row in rows]

    def several(self, ids: Sequence[str]) -> list[Job]:
        """The jobs of these ids, in their order, of which there is one."""
        found: dict[str, Job] = {}
        for first in range(0, len(ids), _IDS_OF_A_QUERY):
            part = ids[first : first + _IDS_OF_A_QUERY]
            marks = ", ".join("?" * len(part))
            for row in self._database.rows(f"SELECT {_COLUMNS} FROM jobs WHERE id IN ({marks})", part):
                found[row["id"]] = _job(row)
        return [found[one] for one in ids if one in found]

    def listed(
        self,
        states: Collection[JobState] | None = None,
        user: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[Job]:
        """The newest jobs, of these states, of that user, and added before the job `before`; None: of all."""
        wanted = sorted(set(states)) if states is not None else ["queued", "running", *sorted(FINAL_STATES)]
        condition = "state = ?" if user is None else "state = ? AND user = ?"
        values: list[object] = []
        if before is not None:
            condition += " AND number < ?"
        for state in wanted:
            values.append(state)
            values += [] if user is None else [user]
            values += [] if before is None else [self._row("number", before)["number"]]
            values.append(limit)
        one = f"SELECT * FROM (SELECT number FROM jobs WHERE {condition} ORDER BY number DESC LIMIT ?)"
        numbers = " UNION ALL ".join([one] * len(wanted)) or "SELECT NULL WHERE 0"
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM jobs WHERE number IN ({numbers}) ORDER BY number DESC LIMIT ?", (*values, limit)
        )
        return [_job(row) for row in rows]

    def counts(self) -> dict[JobState, int]:
        """How many jobs there are in each state."""
        rows = self._database.rows("SELECT state, count(*) AS jobs FROM jobs GROUP BY state")
        found = {row["state"]: row["jobs"] for row in rows}
        return {state: found.get(state, 0) for state in ("queued", "running", "done", "failed", "cancelled")}

    def find(self, tell: Callable[[str], object]) -> None:
        """Tell the ids of waiting jobs that other processes have added since the last look, before any can begin."""
        if self._latest() == self._looked_at:
            return
        with self._database.alone():
            rows = self._database.rows(
                "SELECT number, id, state FROM jobs WHERE number > ? ORDER BY number", (self._looked_at,)
            )
            for row in rows:
                self._looked_at = row["number"]
                if row["state"] == "queued" and row["id"] not in self._own:
                    tell(row["id"])
            self._own.clear()

    def _latest(self) -> int:
        row = self._database.row("SELECT max(number) FROM jobs")
        return (row[0] if row is not None else None) or 0

    # What a worker does

    def claim(self, worker: str, *, held: Collection[str] = ()) -> Job | None:
        """Make the job that is next for a worker a running one; None where nothing may begin.

        `held` names the models that the worker has at hand: see modules.jobs.order for how far they are preferred. A
        job that cannot be read is over at once: it comes back as failed.
        """
        self._asked[worker] = (time.monotonic(), held)
        if self._database.row(claims.ANYTHING_READY) is None:
            return None  # asked several times a second: no write lock for that
        with self._database.transaction() as connection:
            job_id = claims.claim(connection, worker, held)
            if job_id is None:
                return None
            job = self.get(job_id)
            if job.request:
                return job
            log.error("Job %s cannot be read and is not run", job_id)
            failed = "UPDATE jobs SET state = 'failed', error = ?, finished = ? WHERE id = ?"
            connection.execute(failed, (_UNREADABLE, time.time(), job_id))
            return self.get(job_id)

    def finish(self, job_id: str, state: JobState, error: str | None = None) -> bool:
        """Give a running job its final state; False where it does not run."""
        return self._change(
            "state = ?, error = ?, finished = ? WHERE id = ? AND state = 'running'",
            (state, error, time.time()),
            job_id,
        )

    def requeue(self, worker: str | None = None) -> int:
        """Put the running jobs of a worker (None: of all) back to their places; returns how many."""
        condition = "state = 'running' AND (:worker IS NULL OR worker = :worker)"
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE job_users SET turn = min(job_users.turn, began.turn) FROM "
                f"(SELECT user, min(turn_before) AS turn FROM jobs WHERE {condition} GROUP BY user) AS began "
                "WHERE job_users.user = began.user",
                {"worker": worker},
            )
            return connection.execute(
                f"UPDATE jobs SET state = 'queued', started = NULL WHERE {condition}", {"worker": worker}
            ).rowcount

    def want_cancel(self, job_id: str) -> bool:
        """Ask whichever process runs a job to stop it; False where it does not run."""
        return self._change("cancel_wanted = 1 WHERE id = ? AND state = 'running'", (), job_id)

    def is_cancel_wanted(self, job_id: str) -> bool:
        """Whether somebody asked for that."""
        return bool(self._row("cancel_wanted", job_id)["cancel_wanted"])

    # What a person does

    def cancel_queued(self, job_id: str) -> bool:
        """Cancel a job that still waits; False where it no longer does."""
        return self._change(
            "state = 'cancelled', finished = ? WHERE id = ? AND state = 'queued'", (time.time(),), job_id
        )

    def cancel_all(self, user: str | None) -> list[str]:
        """Cancel all jobs of a user (None: of everybody) that wait; returns their ids."""
        condition = "state = 'queued'" if user is None else "state = 'queued' AND user = ?"
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"UPDATE jobs SET state = 'cancelled', finished = ? WHERE {condition} RETURNING id",
                (time.time(),) if user is None else (time.time(), user),
            ).fetchall()
        return [row["id"] for row in rows]

    def move(self, job_id: str, before: str | None) -> bool:
        """Put a waiting job before another one, None: behind all; False where one of them no longer waits.

        Before a job of the same user it gets that one's priority too. Between users the order stays that of their
        turns.
        """
        with self._database.transaction() as connection:
            columns = "state, user, priority, place"
            job = self._row(columns, job_id)
            other = job if before is None else self._row(columns, before)
            if job["state"] != "queued" or other["state"] != "queued":
                return False
            if job_id == before:
                return True
            place = last_place(connection) if before is None else place_before(connection, other["place"])
            priority = other["priority"] if other["user"] == job["user"] else job["priority"]
            connection.execute("UPDATE jobs SET place = ?, priority = ? WHERE id = ?", (place, priority, job_id))
        return True

    def to_front(self, job_id: str) -> bool:
        """Make a waiting job the first one of its user; False where it no longer waits."""
        with self._database.transaction() as connection:
            self._row("id", job_id)
            changed = connection.execute(
                "UPDATE jobs SET place = ?, priority = "
                "(SELECT max(priority) FROM jobs AS others WHERE others.state = 'queued' AND others.user = jobs.user) "
                "WHERE id = ? AND state = 'queued'",
                (first_place(connection), job_id),
            )
            return changed.rowcount == 1

    def set_priority(self, job_id: str, priority: int) -> bool:
        """Let a waiting job run before all of lower priority; False where it no longer waits.

        Raises InvalidRequest for a priority out of range.
        """
        _check_priority(priority)
        return self._change("priority = ? WHERE id = ? AND state = 'queued'", (priority,), job_id)

    def pause(self, job_id: str | None) -> bool:
        """Keep a waiting job, None: the whole queue, from being begun; False where the job no longer waits."""
        return self._set_paused(job_id, True)

    def resume(self, job_id: str | None) -> bool:
        """Take back a pause; False where the job no longer waits."""
        return self._set_paused(job_id, False)

    def is_paused(self) -> bool:
        """Whether the whole queue is."""
        return self._database.row("SELECT 1 FROM job_pause WHERE paused") is not None

    def repeat(self, job_id: str) -> bool:
        """Have a job that is not over asked for again whenever it is done; False where it is over."""
        return self._change("repeats = 1 WHERE id = ? AND state IN ('queued', 'running')", (), job_id)

    def stop_all_repeating(self, user: str | None) -> list[str]:
        """Let all jobs of a user (None: of everybody) be the last of their kind; the active ones that were not."""
        condition = "repeats = 1" if user is None else "repeats = 1 AND user = ?"
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"UPDATE jobs SET repeats = 0 WHERE {condition} RETURNING id, state", () if user is None else (user,)
            ).fetchall()
        return [row["id"] for row in rows if row["state"] not in FINAL_STATES]

    def stop_repeating(self, job_id: str) -> None:
        """Let a job be the last of its kind, and those that already came of it."""
        with self._database.transaction() as connection:
            self._row("id", job_id)
            connection.execute(
                "WITH RECURSIVE later (id) AS (VALUES (?) UNION "
                "SELECT jobs.id FROM later JOIN jobs ON jobs.origin = later.id AND jobs.repeats = 1) "
                "UPDATE jobs SET repeats = 0 WHERE id IN (SELECT id FROM later)",
                (job_id,),
            )

    def unrepeated(self) -> list[Job]:
        """Jobs that are done and ought to have been asked for again, had no crash come in between."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM jobs INDEXED BY jobs_repeating WHERE repeats = 1 AND state = 'done' "
            "AND NOT EXISTS (SELECT 1 FROM jobs AS later INDEXED BY jobs_by_origin WHERE later.origin = jobs.id)"
        )
        return [_job(row) for row in rows]

    # What is to be expected

    def expected(self, job: Job) -> float | None:
        """Seconds that a job takes, learnt from those that are done; None where none is like it."""
        return Durations(self._database).expected(job.kind, job.model, job.work)

    def ready_in(self, job_id: str) -> float | None:
        """Seconds until a job is over, with all that go before it; None where that is not known, as for paused ones."""
        job = self.get(job_id)
        if job.is_over:
            return 0.0
        return self.ready_times(until=job_id).get(job_id)

    def ready_times(self, until: str | None = None) -> dict[str, float]:
        """Seconds until each active job is over, of which that is known; those up to the job `until` are enough."""
        return self._forecast().ready_times(until)

    def _forecast(self) -> Forecast:
        since = time.monotonic() - _ASKED_LATELY_SECONDS
        return Forecast(
            self._database, {worker: held for worker, (asked, held) in self._asked.copy().items() if asked > since}
        )

    def _row(self, columns: str, job_id: str) -> sqlite3.Row:
        # All ids are ASCII; not every text from outside can be given to SQLite.
        query = f"SELECT {columns} FROM jobs WHERE id = ?"
        row = self._database.row(query, (job_id,)) if job_id.isascii() else None
        if row is None:
            raise NotFound(f"Job {job_id[:40]!r} does not exist. It may belong to another data folder.")
        return row

    def _set_paused(self, job_id: str | None, paused: bool) -> bool:
        if job_id is not None:
            return self._change("paused = ? WHERE id = ? AND state = 'queued'", (paused,), job_id)
        with self._database.transaction() as connection:
            connection.execute("UPDATE job_pause SET paused = ?", (paused,))
        return True

    def _change(self, what: str, values: tuple[object, ...], job_id: str) -> bool:
        with self._database.transaction() as connection:
            self._row("id", job_id)
            return connection.execute(f"UPDATE jobs SET {what}", (*values, job_id)).rowcount == 1


def _check_priority(priority: int) -> None:
    if abs(priority) > _HIGHEST_PRIORITY:
        raise InvalidRequest(
            "priority", priority, "is out of range", f"Give a number from -{_HIGHEST_PRIORITY} to {_HIGHEST_PRIORITY}."
        )


def _check_limits(connection: sqlite3.Connection, user: str, limit: int, limit_of_user: int) -> None:
    (waiting,) = connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()
    if waiting >= limit:
        raise QueueFull(
            f"The queue holds {waiting} waiting jobs, and {limit} are the most (setting queue_limit). Wait until one "
            "has begun, or cancel some."
        )
    if not user:
        return  # without logins everybody is the same nameless user
    query = "SELECT count(*) FROM jobs WHERE state = 'queued' AND user = ?"
    (waiting,) = connection.execute(query, (user,)).fetchone()
    if waiting >= limit_of_user:
        raise QueueFull(
            f"{waiting} jobs of {user!r} are waiting, and {limit_of_user} are the most for one person (setting "
            "jobs_per_user). Wait until one has begun, or cancel some."
        )


def _job(row: sqlite3.Row) -> Job:
    """One that cannot be read is shown by what is known of it, without a request, so that it hides no others."""
    known = dict(row)
    try:
        return Job.model_validate(known)
    except ValidationError as error:
        unknown = {finding["loc"][0] for finding in error.errors()}
        return Job(**_BLANK | {name: value for name, value in known.items() if name not in unknown} | _NOTHING_TO_RUN)
