"""The forecast: in which order waiting jobs will begin, and when each will be done."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from modules.config.database import Database
from modules.jobs.claims import READY, WAITING_JOB
from modules.jobs.durations import Durations
from modules.jobs.order import PlannedWorker, UserTurn, WaitingJob, planned
from modules.schema.jobs import JobState

_RUNNING = (
    "SELECT id, user, kind, model, work, started, worker FROM jobs WHERE state = 'running' ORDER BY started, number"
)


class Standing(NamedTuple):
    """An active job in the order of all."""

    id: str
    user: str
    state: JobState
    ready_in: float | None
    """Seconds until it is probably done; None where that is not known, as for paused ones."""


class Forecast:
    """What is to be expected of the jobs as they are now.

    `idle` has the workers that wait for a job, by name, and the models that they hold. If no worker is known of, one
    is reckoned with.
    """

    def __init__(self, database: Database, idle: Mapping[str, Collection[str]]) -> None:
        self._database = database
        self._durations = Durations(database)
        self._idle = idle
        self._running = database.rows(_RUNNING)

    def order(self, limit: int | None = None) -> list[str]:
        """The ids of running jobs, and of the first `limit` that may begin, in the order in which they will."""
        return [row["id"] for row in self._running] + [job.id for job, _ in islice(self._planned(), limit)]

    def standing(self) -> list[Standing]:
        """Running jobs, and those that may begin in the order in which they will."""
        rests = self._rests()
        running = [Standing(row["id"], row["user"], "running", self._left(row)) for row in self._running]
        return running + [
            Standing(job.id, job.user, "queued", None if rests else seconds) for job, seconds in self._planned()
        ]

    def ready_times(self, until: str | None = None) -> dict[str, float]:
        """Seconds until each job is over, of which that is known; those up to the job `until` are enough."""
        times = {row["id"]: self._left(row) for row in self._running}
        if until not in times and not self._rests():
            for job, seconds in self._planned():
                times[job.id] = seconds
                if job.id == until:
                    break
        return {one: seconds for one, seconds in times.items() if seconds is not None}

    def _rests(self) -> bool:
        return self._database.row("SELECT 1 FROM job_pause WHERE paused") is not None

    def _planned(self) -> Iterator[tuple[WaitingJob, float | None]]:
        rows = self._database.rows(f"SELECT {WAITING_JOB} {READY}")
        users = self._database.rows("SELECT user, turn, passed FROM job_users")
        return planned(
            [WaitingJob(*row) for row in rows],
            {user: UserTurn(turn, passed) for user, turn, passed in users},
            self._workers(),
            lambda job: self._durations.expected(job.kind, job.model, job.work),
        )

    def _workers(self) -> list[PlannedWorker]:
        workers = {name: PlannedWorker(held=held) for name, held in self._idle.items()}
        for row in self._running:
            left = self._left(row)
            workers[row["worker"]] = PlannedWorker(left or 0.0, (row["model"],), left is not None)
        return list(workers.values()) or [PlannedWorker()]

    def _left(self, row: sqlite3.Row) -> float | None:
        """Seconds that a running job still needs."""
        seconds = self._durations.expected(row["kind"], row["model"], row["work"])
        return None if seconds is None else max(0.0, seconds - (time.time() - row["started"]))
