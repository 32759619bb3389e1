"""Hands the jobs of the queue to workers, one lane for each of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from modules.errors import WorkerUnavailable
from modules.jobs.event_log import EventLog
from modules.jobs.job_control import HowToInterrupt, Wish
from modules.jobs.lane import Lane, Limits, Past
from modules.jobs.queue import JobQueue
from modules.jobs.workers import Worker
from modules.schema.events import StateChanged
from modules.schema.jobs import Job

log = logging.getLogger(__name__)


class Dispatcher:
    """Keeps workers busy with a queue. Safe to use from several threads."""

    def __init__(
        self,
        queue: JobQueue,
        events: EventLog,
        open_worker: Callable[[int], Worker],
        *,
        workers: int | None = None,
        limits: Callable[[], Limits] = Limits,
        ended: Callable[[Job], None] = lambda job: None,
    ) -> None:
        """`open_worker` makes the worker of a number from 0 on; `workers` is how many: None for one on each device."""
        self._queue = queue
        self._events = events
        self._open_worker = open_worker
        self._workers = workers
        self._limits = limits
        self._ended = ended
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._past = Past()
        self._is_recovered = False  # an earlier server may have been killed in the middle of a job
        self._is_stopping = False

    def start(self) -> None:
        """Begin to work, with what an earlier server left in the queue first."""
        self._grow(self._workers or 1)

    def wake(self) -> None:
        """Say that there may be a new job."""
        for lane in self._lanes:
            lane.wake()

    def interrupt(self, job_id: str, how: HowToInterrupt = "now") -> bool:
        """End a job within one step, or after its current part; False if no worker has it."""
        return any(lane.interrupt(job_id, how) for lane in self._lanes)

    def skip(self, job_id: str) -> bool:
        """Leave out what a job is making now; False if no worker has it."""
        return any(lane.skip(job_id) for lane in self._lanes)

    def wishes(self, job_id: str) -> frozenset[Wish]:
        """What was asked of a running job since it began."""
        return frozenset().union(*(lane.wishes(job_id) for lane in self._lanes))

    def ask(self, about: str, content: Mapping[str, Any], timeout: float) -> list[dict[str, Any]]:
        """The answers of all workers, which are asked at once. Raises WorkerUnavailable, UserError."""
        lanes = self._lanes_at_work()
        with ThreadPoolExecutor(len(lanes)) as asking:
            return list(asking.map(lambda lane: lane.ask(about, content, timeout), lanes))

    def ask_one(self, about: str, content: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """The answer of the first worker. Raises WorkerUnavailable, UserError."""
        return self._lanes_at_work()[0].ask(about, content, timeout)

    def _lanes_at_work(self) -> list[Lane]:
        if not self._lanes:
            raise WorkerUnavailable("No worker has been started yet. Try again later.")
        return self._lanes

    def stop(self, grace: float) -> None:
        """Stop within one step, and in so many seconds at the latest; what runs is put back into the queue."""
        with self._lock:
            self._is_stopping = True
            lanes = list(self._lanes)
        for lane in lanes:
            lane.stop_soon(grace)
        for lane in lanes:
            lane.join()

    def _grow(self, wanted: int) -> None:
        with self._lock:
            while len(self._lanes) < wanted and not self._is_stopping:
                self._lanes.append(self._lane(len(self._lanes)))
                self._lanes[-1].start()

    def _lane(self, number: int) -> Lane:
        return Lane(
            f"worker-{number + 1}",
            lambda: self._open_worker(number),
            self._queue,
            self._events,
            limits=self._limits,
            past=self._past,
            recover=self._recover,
            look=self._look,
            ended=self._over,
            ready=lambda devices: self._grow(devices if self._workers is None else 0),
        )

    def _recover(self) -> None:
        """Put back what an earlier server left running, once, before anything is claimed."""
        with self._lock:
            if not self._is_recovered:
                self._queue.requeue()
                self._is_recovered = True

    def _look(self) -> None:
        """Tell of jobs that other processes have put into the queue."""
        self._queue.find(lambda job_id: self._events.append(StateChanged(job_id=job_id, state="queued")))

    def _over(self, job: Job) -> None:
        try:
            self._ended(job)
        except Exception:
            log.exception("What follows the end of job %s failed", job.id)
