"""The worker: one thread that claims jobs and carries them out, one after another."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable

from modules.errors import Interrupted, UserError
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.schema.events import StateChanged
from modules.schema.jobs import Job, JobState

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 0.5
"""Another process, the command line's `generate`, may have put a job into the queue or want one cancelled."""

CheckInterrupt = Callable[[], None]
"""Raises Interrupted once somebody asked the running job to stop."""
RunJob = Callable[[Job, CheckInterrupt], None]


class Worker:
    """Runs `run_job` for every job of a queue, and `prepare` once before the first."""

    def __init__(
        self, queue: JobQueue, events: EventLog, run_job: RunJob, prepare: Callable[[], None] = lambda: None
    ) -> None:
        self._queue = queue
        self._events = events
        self._run_job = run_job
        self._prepare = prepare
        self._wake = threading.Event()
        self._stopping = False
        self._lock = threading.Lock()
        self._running_id: str | None = None
        self._looked = 0.0
        self._unfinished = True  # an earlier server may have been killed in the middle of a job
        self._interrupted = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work, with what an earlier server left in the queue first."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is a new job."""
        self._wake.set()

    def interrupt(self, job_id: str) -> bool:
        """Stop a job at its next step if it is the running one; False if it is not."""
        with self._lock:
            if self._running_id != job_id:
                return False
            self._interrupted.set()
            return True

    def stop(self, timeout: float) -> None:
        """Stop at the next step; the job that runs goes back into the queue, to run again with the next server."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _loop(self) -> None:
        try:
            self._prepare()
        except UserError as error:
            log.warning("%s", error)  # said again, to the person concerned, by the first job that needs it
        except Exception:
            log.exception("Preparing the worker failed")
        while not self._stopping:
            try:
                worked = self._turn()
            except Exception:
                # A full or locked database must not end the worker.
                log.exception("The queue could not be used; trying again")
                worked = False
            if not worked:
                self._wake.wait(_SECONDS_BETWEEN_LOOKS)
                self._wake.clear()

    def _turn(self) -> bool:
        """Carry out the next job; False where nothing waits. A job whose end could not be written down is run again."""
        if self._unfinished:
            self._queue.requeue_running()
            self._unfinished = False
        job = self._claim()
        if job is None:
            return False
        self._unfinished = True
        self._carry_out(job)
        self._unfinished = False
        return True

    def _claim(self) -> Job | None:
        """Claim under the lock, so that whoever finds a job claimed can interrupt it."""
        with self._lock:
            job = self._queue.claim()
            self._interrupted.clear()
            self._running_id = None if job is None else job.id
            return job

    def _carry_out(self, job: Job) -> None:
        self._events.append(StateChanged(job_id=job.id, state="running"))
        state, message = self._outcome(job)
        with self._lock:
            self._running_id = None
        if state == "queued":
            self._queue.requeue_running()
        else:
            self._queue.finish(job.id, state, message)
        self._events.append(StateChanged(job_id=job.id, state=state, message=message))

    def _outcome(self, job: Job) -> tuple[JobState, str | None]:
        try:
            self._run_job(job, self._check_interrupt)
        except Interrupted:
            return ("cancelled", None) if self._interrupted.is_set() else ("queued", None)
        except UserError as error:
            return "failed", str(error)
        except Exception:
            fault_id = secrets.token_hex(4)
            log.exception("Job %s failed (fault %s)", job.id, fault_id)
            return "failed", f"The job failed by a fault of the program. The log has the details under {fault_id}."
        return "done", None

    def _check_interrupt(self) -> None:
        now = time.monotonic()
        if now - self._looked > _SECONDS_BETWEEN_LOOKS:
            self._looked = now
            if self._running_id is not None and self._queue.is_cancel_wanted(self._running_id):
                self._interrupted.set()
        if self._interrupted.is_set() or self._stopping:
            raise Interrupted
