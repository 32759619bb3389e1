"""The worker outlives whatever a job does, and stops only the job that it is told to stop."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from modules.config.database import Database
from modules.errors import UserError
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.jobs.worker import CheckInterrupt, RunJob, Worker
from modules.schema.events import Preview, Progress, StateChanged
from modules.schema.jobs import Job, JobState


@contextmanager
def working(queue: JobQueue, run: RunJob) -> Iterator[tuple[Worker, EventLog]]:
    events = EventLog()
    worker = Worker(queue, events, run)
    worker.start()
    try:
        yield worker, events
    finally:
        worker.stop(timeout=5)


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def add(queue: JobQueue, request: str = "{}") -> Job:
    return queue.add("txt2img", request, limit=99)


def test_job_is_run_and_told(database: Database) -> None:
    queue, done = JobQueue(database), []
    with working(queue, lambda job, check: done.append(job.request)) as (worker, events):
        job = add(queue, "what to do")
        worker.wake()
        until(lambda: queue.get(job.id).is_over)
    assert done == ["what to do"]
    assert queue.get(job.id).state == "done"
    states = [event.state for event in events.after(job.id, 0) if isinstance(event, StateChanged)]
    assert states == ["running", "done"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [(UserError("The disk is full."), "The disk is full."), (ZeroDivisionError("x"), "The job failed by a fault")],
)
def test_fault_of_a_job_leaves_the_next_one_alone(database: Database, fault: Exception, message: str) -> None:
    queue = JobQueue(database)

    def run(job: Job, check: CheckInterrupt) -> None:
        if job.request == "bad":
            raise fault

    with working(queue, run) as (worker, _):
        bad, good = add(queue, "bad"), add(queue, "good")
        worker.wake()
        until(lambda: queue.get(good.id).is_over)
    assert queue.get(bad.id).state == "failed"
    assert (queue.get(bad.id).error or "").startswith(message)
    assert queue.get(good.id).state == "done"


def test_interrupt_stops_the_named_job_only(database: Database) -> None:
    queue, started = JobQueue(database), threading.Event()

    def run(job: Job, check: CheckInterrupt) -> None:
        started.set()
        while job.request == "endless":
            check()
            time.sleep(0.002)
        check()

    with working(queue, run) as (worker, _):
        endless, after = add(queue, "endless"), add(queue)
        worker.wake()
        assert started.wait(5)
        assert not worker.interrupt(after.id)
        assert worker.interrupt(endless.id)
        until(lambda: queue.get(after.id).is_over)
    assert queue.get(endless.id).state == "cancelled"
    assert queue.get(after.id).state == "done"


def test_queue_that_fails_once_does_not_end_the_worker(database: Database) -> None:
    class FailingQueue(JobQueue):
        faults = ["claim", "finish"]

        def claim(self) -> Job | None:
            self._fail("claim")
            return super().claim()

        def finish(self, job_id: str, state: JobState, error: str | None = None) -> None:
            self._fail("finish")
            super().finish(job_id, state, error)

        def _fail(self, where: str) -> None:
            if where in self.faults:
                self.faults.remove(where)
                raise sqlite3.OperationalError("database is locked")

    queue, runs = FailingQueue(database), []
    with working(queue, lambda job, check: runs.append(job.id)):
        first, second = add(queue), add(queue)
        until(lambda: queue.get(second.id).is_over)
    assert queue.get(first.id).state == "done"
    assert not queue.faults


def test_another_process_can_cancel_the_running_job(database: Database) -> None:
    queue, started = JobQueue(database), threading.Event()

    def run(job: Job, check: CheckInterrupt) -> None:
        started.set()
        while True:
            check()
            time.sleep(0.002)

    with working(queue, run):
        job = add(queue)
        assert started.wait(5)
        queue.want_cancel(job.id)
        until(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).state == "cancelled"


def test_interrupt_just_before_stopping_is_not_undone(database: Database) -> None:
    queue, started = JobQueue(database), threading.Event()

    def run(job: Job, check: CheckInterrupt) -> None:
        started.set()
        while True:
            time.sleep(0.05)
            check()

    with working(queue, run) as (worker, _):
        job = add(queue)
        assert started.wait(5)
        worker.interrupt(job.id)
    assert queue.get(job.id).state == "cancelled"


def test_stopping_puts_the_running_job_back(database: Database) -> None:
    queue, started = JobQueue(database), threading.Event()

    def run(job: Job, check: CheckInterrupt) -> None:
        started.set()
        while True:
            check()
            time.sleep(0.002)

    job = add(queue)
    with working(queue, run):
        assert started.wait(5)
    assert queue.get(job.id).state == "queued"
    with working(queue, lambda job, check: None):
        until(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).state == "done"


def test_job_of_another_process_is_found_without_waking(database: Database) -> None:
    queue = JobQueue(database)
    with working(queue, lambda job, check: None):
        job = add(queue)
        until(lambda: queue.get(job.id).is_over)


def test_late_reader_gets_the_newest_progress_and_every_state() -> None:
    events = EventLog()
    for state in ("queued", "running"):
        events.append(StateChanged(job_id="a", state=state))
    for step in range(1, 5):
        events.append(Progress(job_id="a", step=step, steps=4, seconds_left=None))
        events.append(Preview(job_id="a", jpeg=b"", step=step))
    kinds = [event.kind for event in events.after("a", 0)]
    assert kinds == ["state", "state", "progress", "preview"]
    newest = [event for event in events.after("a", 0) if isinstance(event, Progress)]
    assert newest[0].step == 4
    assert events.after("a", newest[0].sequence)[0].kind == "preview"
    assert events.after("b", 0) == []


def test_events_of_jobs_long_over_are_dropped_and_of_running_ones_kept() -> None:
    events = EventLog()
    events.append(StateChanged(job_id="running", state="running"))
    for number in range(500):
        events.append(StateChanged(job_id=str(number), state="queued"))
        events.append(Preview(job_id=str(number), jpeg=b"large", step=1))
        events.append(StateChanged(job_id=str(number), state="done"))
    assert events.after("0", 0) == []
    assert [event.kind for event in events.after("499", 0)] == ["state", "state"]
    assert events.after("running", 0)
