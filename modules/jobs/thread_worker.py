"""A worker that is a thread of this process: in tests, for single jobs, and at the heart of a worker process."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
from collections.abc import Callable

from modules.errors import Interrupted, UserError
from modules.jobs.job_control import JobControl
from modules.jobs.workers import (
    Answer,
    Answered,
    Ask,
    Beat,
    Bench,
    Ended,
    FromWorker,
    Gone,
    Interrupt,
    OpenBench,
    Prepare,
    Ready,
    Run,
    Skip,
    Stop,
    Told,
    ToWorker,
    Watch,
)
from modules.schema.events import JobEvent
from modules.schema.jobs import Job

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_BEATS = 1.0


class ThreadWorker:
    """See `workers.Worker`. A thread cannot be killed: it ends at its next step, and says nothing more."""

    def __init__(self, open_bench: OpenBench) -> None:
        self._open_bench = open_bench
        self._inbox: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._job_id = ""
        self._thread = 0
        self._control = JobControl()
        self._watched: set[str] = set()
        self._stopping = threading.Event()
        self._is_killed = False
        self._bench = Bench(run=lambda job, control: None)
        self._held: tuple[str, ...] = ()
        self._receive: Callable[[FromWorker], None] = lambda message: None

    def start(self, receive: Callable[[FromWorker], None]) -> None:
        """See Worker."""
        self._receive = receive
        threading.Thread(target=self._loop, name="worker", daemon=True).start()
        threading.Thread(target=self._beats, name="heartbeat", daemon=True).start()

    def send(self, message: ToWorker) -> None:
        """See Worker."""
        match message:
            case Interrupt() | Skip():
                with self._lock:
                    if message.job_id == self._job_id:
                        self._control.skip() if isinstance(message, Skip) else self._control.interrupt(message.how)
            case Watch():
                change = self._watched.add if message.watched else self._watched.discard
                change(message.job_id)
            case Ask() if message.about in self._bench.answers:
                answer = self._bench.answers[message.about]
                threading.Thread(target=self._answer, args=(message, answer), name="answer", daemon=True).start()
            case Run():
                with self._lock:  # an interrupt that is sent next has to find it
                    self._job_id, self._control = message.job.id, JobControl()
                    self._watched = {message.job.id} if message.watched else set()
                self._inbox.put(message)
            case Stop():
                with self._lock:
                    self._stopping.set()
                    self._control.stop()
                self._inbox.put(message)
            case _:
                self._inbox.put(message)

    @property
    def has_job(self) -> bool:
        """Whether a job runs or is about to."""
        return bool(self._job_id)

    def close(self) -> None:
        """Close the bench, if it is open; again it does nothing."""
        with self._closing:
            bench, self._bench = self._bench, Bench(run=lambda job, control: None)
            bench.close()

    def kill(self) -> None:
        """See Worker."""
        self._is_killed = True
        self.send(Stop())

    def append(self, event: JobEvent) -> None:
        """See Sink."""
        self._say(Told(event=event))

    def is_watched(self, job_id: str) -> bool:
        """See Sink."""
        return job_id in self._watched

    def _say(self, message: FromWorker) -> None:
        if not self._is_killed or isinstance(message, Gone):
            self._receive(message)

    def _loop(self) -> None:
        self._thread = threading.get_ident()
        try:
            self._bench = self._open_bench(self)
            while not self._stopping.is_set():
                self._obey(self._inbox.get())
        except Exception:
            log.exception("The worker cannot go on")
        finally:
            self._stopping.set()
            self.close()
            self._say(Gone())

    def _obey(self, message: ToWorker) -> None:
        match message:
            case Prepare():
                self._prepare(warms_up=message.warms_up)
            case Run():
                self._run(message.job)
            case Ask():
                answers = {**self._bench.answers, **self._bench.chores}  # asked before the bench was open
                self._answer(message, answers[message.about])
                self._look_around()

    def _prepare(self, *, warms_up: bool) -> None:
        try:
            if warms_up:
                self._bench.prepare()
        except UserError as error:
            log.warning("%s", error)  # said again, to the person concerned, by the first job that needs it
        except Exception:
            log.exception("Preparing the worker failed")
        self._look_around()
        self._say(Ready(devices=self._bench.devices()))

    def _run(self, job: Job) -> None:
        if self._stopping.is_set():
            self._control.stop()  # it came before the job had a control of its own
        ended = self._outcome(job)
        with self._lock:
            self._job_id = ""
        self._look_around()
        self._say(ended)

    def _outcome(self, job: Job) -> Ended:
        try:
            self._control.check()
            self._bench.run(job, self._control)
        except Interrupted:
            return Ended(job_id=job.id, state="cancelled" if self._control.is_interrupted else "queued")
        except UserError as error:
            return Ended(job_id=job.id, state="failed", message=str(error))
        except Exception:
            fault_id = secrets.token_hex(4)
            log.exception("Job %s failed (fault %s)", job.id, fault_id)
            message = f"The job failed by a fault of the program. The log has the details under {fault_id}."
            return Ended(job_id=job.id, state="failed", message=message)
        return Ended(job_id=job.id, state="done")

    def _answer(self, asked: Ask, answer: Answer) -> None:
        try:
            self._say(Answered(number=asked.number, content=dict(answer(asked.content))))
        except UserError as error:
            self._say(Answered(number=asked.number, content={}, problem=str(error)))
        except Exception:
            log.exception("The worker could not answer a question about %s", asked.about)
            problem = "The worker failed to answer. The log has the details."
            self._say(Answered(number=asked.number, content={}, problem=problem))

    def _look_around(self) -> None:
        """By the thread that changes it alone: a heartbeat must wait for nothing."""
        self._held = tuple(self._bench.held())
        self._say(self._beat())

    def _beats(self) -> None:
        while not self._stopping.wait(_SECONDS_BETWEEN_BEATS):
            self._say(self._beat())

    def _beat(self) -> Beat:
        foreign, call = self._bench.foreign(self._thread)
        is_due = bool(self._job_id) and self._control.is_due
        return Beat(held=self._held, is_due=is_due, foreign=foreign, foreign_call=call)
