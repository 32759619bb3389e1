"""Thousands of jobs through one dispatcher: what it keeps in mind, and what it takes of the system, stays bounded."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from random import Random
from typing import Any

import psutil

from modules.config.database import Database
from modules.errors import UserError, WorkerUnavailable
from modules.jobs.dispatcher import Dispatcher
from modules.jobs.event_log import EventLog
from modules.jobs.job_control import JobControl
from modules.jobs.queue import JobQueue
from modules.jobs.thread_worker import ThreadWorker
from modules.jobs.workers import Bench, Sink
from modules.schema.events import PictureSaved, Preview, Progress, QueueChanged, Stage, StateChanged
from modules.schema.jobs import Job
from modules.schema.pictures import Picture
from tests.jobs.benches import add, dispatching, until

log = logging.getLogger(__name__)

JOBS = 5_000
WARM_AFTER = 1_000
"""Jobs after which everything that is bounded has come to its bound."""
WAITING = 40
DEATHS = 10
SEED = 7


def test_dispatcher_of_many_jobs_keeps_no_more_than_at_first(database: Database) -> None:
    database.row("PRAGMA synchronous = OFF")
    queue, draw = JobQueue(database), Random(SEED)
    began = time.monotonic()
    with dispatching(queue, lambda number: ThreadWorker(_bench), workers=2) as (dispatcher, events):
        for number in range(10_000):  # which would otherwise take long to come to their bound
            events.append(QueueChanged(job_id=f"old {number}"))
        _work(queue, dispatcher, events, draw, WARM_AFTER)
        early = _taken(dispatcher)
        _work(queue, dispatcher, events, draw, JOBS - WARM_AFTER)
        late = _taken(dispatcher)
    assert queue.counts()["queued"] == queue.counts()["running"] == 0
    log.info("%d jobs in %.0f s: %s", JOBS, time.monotonic() - began, queue.counts())
    for name in sorted(early | late):
        log.info("%s: %d after %d jobs, %d after %d", name, early[name], WARM_AFTER, late[name], JOBS)
    for name, count in late.items():
        if name.startswith("length of"):
            assert count <= max(1.2 * early[name], early[name] + 10), name
    assert late["threads"] <= early["threads"]
    assert late["open files"] <= early["open files"]
    assert late["MB"] - early["MB"] <= max(5, 0.05 * early["MB"])


def _work(queue: JobQueue, dispatcher: Dispatcher, events: EventLog, draw: Random, count: int) -> None:
    """So many jobs, whose people change their minds, and a queue that is empty in the end."""
    waiting: deque[Job] = deque()
    listening = [events.subscribe()]
    for number in range(count):
        how = draw.choices(("", "mistake", "fault", "die"), (1000, 40, 40, 1000 * DEATHS / JOBS))[0]
        job = add(queue, how, user=f"user {number % 5}")
        events.append(StateChanged(job_id=job.id, state="queued"))
        dispatcher.wake()
        waiting.append(job)
        _change_something(draw, queue, dispatcher, events, draw.choice(waiting).id)
        if draw.random() < 0.1:
            listening.append(events.subscribe(draw.choice(waiting).id))
        if listening and draw.random() < 0.1:
            listening.pop(draw.randrange(len(listening))).close()
        if not listening or len(listening) > 20:
            listening.append(events.subscribe())
            listening.pop(0).close()
        while len(waiting) >= WAITING:
            until(lambda: queue.get(waiting[0].id).is_over, seconds=120)
            waiting.popleft()
    until(lambda: not queue.active(), seconds=120)
    for one in listening:
        one.close()


def _change_something(draw: Random, queue: JobQueue, dispatcher: Dispatcher, events: EventLog, job_id: str) -> None:
    what = draw.randrange(10)
    if what == 0 and queue.cancel_queued(job_id):
        events.append(StateChanged(job_id=job_id, state="cancelled"))
    elif what == 1:
        dispatcher.interrupt(job_id)
    elif what == 2:
        dispatcher.skip(job_id)
    elif what == 3:
        queue.to_front(job_id)
        events.append(QueueChanged(job_id=job_id))  # for jobs that are over too, as a stop of repeating is told
    elif what == 4:
        try:
            dispatcher.ask("echo", {"job": job_id}, 0.5)
        except WorkerUnavailable:
            return  # one that died is being replaced


def _bench(sink: Sink) -> Bench:
    def run(job: Job, control: JobControl) -> None:
        sink.append(Stage(job_id=job.id, text="Loading"))
        for step in range(3):
            with control.part():
                sink.append(Progress(job_id=job.id, step=step + 1, steps=3, seconds_left=None))
                if sink.is_watched(job.id):
                    sink.append(Preview(job_id=job.id, jpeg=b"\xff\xd8" * 500, step=step))
        sink.append(PictureSaved(job_id=job.id, picture=_picture(job)))
        match job.request:
            case "mistake":
                raise UserError("That cannot be done.")
            case "fault":
                raise ZeroDivisionError
            case "die" if job.attempts == 1:
                assert isinstance(sink, ThreadWorker)
                sink.kill()
                control.check()

    return Bench(run=run, held=lambda: ("model",), answers={"echo": dict})


def _picture(job: Job) -> Picture:
    number = int(job.id[:7], 16)
    known = {"id": number, "job_id": job.id, "index": 0, "path": "a.png", "width": 8, "height": 8}
    return Picture.model_validate({**known, "seed": 1, "infotext": "", "created": 0.0})


def _taken(dispatcher: Dispatcher) -> Counter[str]:
    gc.collect()
    process = psutil.Process()
    found: Counter[str] = Counter()
    _measure(dispatcher, "dispatcher", found, set())
    # Those of a worker that died take a second to notice.
    until(lambda: sum(one.name == "heartbeat" for one in threading.enumerate()) == 2)
    found["threads"] = threading.active_count()
    found["open files"] = process.num_fds()
    found["MB"] = process.memory_info().rss >> 20
    return found


def _measure(thing: object, path: str, found: Counter[str], seen: set[int]) -> None:
    """The lengths of everything that our objects hold, by the attributes that lead there."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, (Mapping, set, list, deque)):
        found[f"length of {path}"] += len(thing)
        held: list[Any] = list(thing.values()) if isinstance(thing, Mapping) else list(thing)
        for one in held:
            _measure(one, f"{path}[]", found, seen)
    elif type(thing).__module__.startswith("modules.jobs"):
        for name, value in getattr(thing, "__dict__", {}).items():
            _measure(value, f"{path}.{name}", found, seen)
