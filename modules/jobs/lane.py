"""One worker and its jobs: they are claimed and handed over, watched, and brought to an end whatever becomes of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from modules.errors import UserError, WorkerUnavailable
from modules.jobs.event_log import EventLog
from modules.jobs.job_control import HowToInterrupt, Wish
from modules.jobs.queue import JobQueue
from modules.jobs.workers import (
    Answered,
    Ask,
    Beat,
    Ended,
    FromWorker,
    Gone,
    Interrupt,
    Prepare,
    Ready,
    Run,
    Skip,
    Stop,
    Told,
    ToWorker,
    Watch,
    Worker,
)
from modules.schema.events import PictureSaved, StateChanged
from modules.schema.jobs import Job

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 0.5
"""Another process, the command line's `generate`, may have put a job into the queue or want one cancelled."""
_SECONDS_BETWEEN_GLANCES = 0.1
_LONGEST_GLANCE = 2.0
"""Where two glances lie further apart the computer slept, or had no time for us: that is nobody's fault."""
_MOST_DEATHS = 2
_MOST_REMEMBERED = 1000
_SLOW_STEPS = 3
"""How many times the longest step a worker may take to obey, where that is more than its limit."""
_LONGEST_REST = 30.0
_NO_ANSWER = "The worker is busy or being started and does not answer now. Try again later."


@dataclass(frozen=True)
class Limits:
    """Seconds after which a worker is replaced."""

    job: float | None = None
    """For a job, from its beginning; None: no limit."""
    quiet: float | None = 1800.0
    """Without news of the job, or of a worker that is being started; None: no limit."""
    foreign: float | None = None
    """In one hook of an extension; None: no limit."""
    beat: float = 30.0
    """Without a sign of life."""
    obey: float = 10.0
    """For a job to end that was interrupted."""


@dataclass
class PastOfJob:
    """What became of a job that is not over."""

    deaths: int = 0
    """How many workers died over it."""
    saved: set[int] = field(default_factory=set)
    """The ids of its pictures."""


class Past:
    """What became of the latest jobs that are not over, for all lanes; used by the lane that has the job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, PastOfJob] = OrderedDict()

    def of(self, job_id: str) -> PastOfJob:
        """That of a job."""
        with self._lock:
            past = self._jobs.setdefault(job_id, PastOfJob())
            self._jobs.move_to_end(job_id)
            while len(self._jobs) > _MOST_REMEMBERED:  # of those that are cancelled while they wait nobody hears
                self._jobs.popitem(last=False)
            return past

    def forget(self, job_id: str) -> None:
        """It is over."""
        with self._lock:
            self._jobs.pop(job_id, None)


class Lane:
    """A thread that keeps one worker alive and busy."""

    def __init__(
        self,
        name: str,
        open_worker: Callable[[], Worker],
        queue: JobQueue,
        events: EventLog,
        *,
        limits: Callable[[], Limits],
        past: Past,
        recover: Callable[[], None],
        look: Callable[[], None],
        ended: Callable[[Job], None],
        ready: Callable[[int], None],
    ) -> None:
        self.name = name
        self._open_worker = open_worker
        self._queue = queue
        self._events = events
        self._limits = limits
        self._past = past
        self._recover = recover
        self._look = look
        self._tell_end = ended
        self._tell_ready = ready
        self._wake = threading.Event()
        self._news = threading.Condition()
        self._numbers = count(1)
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._stop_by: float | None = None
        self._clock = _AwakeClock()
        # Of the worker at hand; all that follows is guarded by `_news`.
        self._worker: Worker | None = None
        self._is_ready = False
        self._born = self._beat = 0.0
        self._held: tuple[str, ...] = ()
        self._foreign = ("", 0, 0.0)
        self._answers: dict[int, Answered | None] = {}
        self._warms_up = True
        self._rest = 0.0
        # Of the job at hand.
        self._job: Job | None = None
        self._outcome: Ended | None = None
        self._is_interrupted = self._is_watched = False
        self._wishes: frozenset[Wish] = frozenset()
        self._due_since: float | None = None
        self._began = self._told_last = self._longest_gap = 0.0
        # Of the latest job, where that could not be written down yet.
        self._end: tuple[Job, Ended] | None = None

    # For any thread

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be a job."""
        self._wake.set()

    def interrupt(self, job_id: str, how: HowToInterrupt) -> bool:
        """End a job if it is the one that runs here."""
        with self._news:
            if not self._runs(job_id):
                return False
            if how == "now" and self._due_since is None:
                self._due_since = self._clock.now
            self._is_interrupted = True
            self._wishes |= {"now" if "after_current" in self._wishes else how}
            self._send(Interrupt(job_id=job_id, how=how))
        return True

    def skip(self, job_id: str) -> bool:
        """Leave out what a job is making now if it is the one that runs here."""
        with self._news:
            if not self._runs(job_id):
                return False
            self._wishes |= {"skip"}
            self._send(Skip(job_id=job_id))
        return True

    def wishes(self, job_id: str) -> frozenset[Wish]:
        """What was asked of a job that runs here, since it began."""
        with self._news:
            return self._wishes if self._runs(job_id) else frozenset()

    def ask(self, about: str, content: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """The worker's answer. Raises WorkerUnavailable where none comes in time, UserError with what it says."""
        number = next(self._numbers)
        deadline = time.monotonic() + timeout
        with self._news:
            self._answers[number] = None
            self._news.wait_for(lambda: self._worker is not None, timeout)
            self._send(Ask(number=number, about=about, content=dict(content)))
            self._news.wait_for(lambda: self._answers[number] is not None, deadline - time.monotonic())
            answered = self._answers.pop(number)
        if answered is None or answered.problem == _NO_ANSWER:
            raise WorkerUnavailable(_NO_ANSWER)
        if answered.problem is not None:
            raise UserError(answered.problem)
        return answered.content

    def stop_soon(self, grace: float) -> None:
        """Have the worker end within one step, and in so many seconds at the latest; its job is put back."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + grace
        self._wake.set()
        with self._news:
            self._send(Stop())
            self._news.notify_all()

    def join(self) -> None:
        """Wait until it has stopped."""
        if self._thread.is_alive():
            self._thread.join()

    # The loop

    def _loop(self) -> None:
        fault = ""
        while self._stop_by is None:
            try:
                worked, fault = self._turn(), ""
            except Exception as error:
                # A full or locked database must not end the lane, nor fill the log.
                if repr(error) != fault:
                    log.exception("The queue could not be used; trying again until it can be")
                worked, fault = False, repr(error)
            if not worked:
                self._wake.wait(_SECONDS_BETWEEN_LOOKS)
                self._wake.clear()
        self._end_worker()

    def _turn(self) -> bool:
        """Carry out the next job, or what a fault left undone of the last one; False where nothing waits."""
        self._recover()
        self._look()
        if self._job is None and self._end is None and not self._claim():
            return False
        if self._job is not None:
            outcome = self._outcome_of(self._job)
            with self._news:
                self._end, self._job = (self._job, outcome), None
        if self._end is not None:
            self._write_down(*self._end)
        return True

    def _claim(self) -> bool:
        """Begin the next job; False where nothing waits, or nobody is there to do it."""
        if not self._has_worker():
            return False
        with self._news:  # whoever finds a job claimed can interrupt it
            job = self._queue.claim(self.name, held=self._held)
            if job is not None and not job.is_over:
                self._begin(job)
        if job is not None and job.is_over:  # it cannot be read
            self._events.append(StateChanged(job_id=job.id, state=job.state, message=job.error))
            self._tell_end(job)
        return job is not None

    def _has_worker(self) -> bool:
        """Whether a worker is ready; starts one where there is none."""
        now = self._clock.glance()
        if self._worker is None:
            if self._stop_by is None and now >= self._born + self._rest:
                self._start_worker()
            return self._is_ready
        limits = self._limits()
        is_silent = now - self._beat > limits.beat
        is_slow = not self._is_ready and limits.quiet is not None and now - self._born > limits.quiet
        if is_silent or is_slow:
            log.error("%s does not answer and is replaced", self.name)
            self._replace()
        return self._is_ready

    def _start_worker(self) -> None:
        """After a death without warming up, which may be what it died of. One that never says Ready gets no job."""
        worker = self._open_worker()
        with self._news:
            self._worker, self._held = worker, ()
            self._born = self._beat = self._clock.now
            self._rest = min(_LONGEST_REST, 2 * self._rest + 0.5)
            try:
                worker.start(lambda message: self._receive(worker, message))
            except BaseException:
                self._worker = None
                raise
            worker.send(Prepare(warms_up=self._warms_up))
            self._news.notify_all()

    def _replace(self) -> None:
        """Kill the worker; the next look starts another one."""
        with self._news:
            worker = self._worker
            self._part_with_worker()
        if worker is not None:
            worker.kill()

    def _part_with_worker(self) -> None:
        self._worker, self._is_ready, self._warms_up = None, False, False
        for number, answered in self._answers.items():
            if answered is None:
                self._answers[number] = Answered(number=number, content={}, problem=_NO_ANSWER)

    def _end_worker(self) -> None:
        """What does not end by itself is killed."""
        stop_by = self._stop_by or 0.0
        with self._news:
            self._news.wait_for(lambda: self._worker is None, max(0.0, stop_by - time.monotonic()))
        self._replace()

    # A job

    def _begin(self, job: Job) -> None:
        self._job, self._outcome, self._is_interrupted, self._due_since = job, None, False, None
        self._began = self._told_last = self._clock.glance()
        self._foreign = ("", 0, 0.0)
        self._longest_gap = 0.0
        self._wishes = frozenset()
        self._is_watched = self._events.is_watched(job.id)
        self._events.append(StateChanged(job_id=job.id, state="running"))
        self._send(Run(job=job, watched=self._is_watched))
        if self._stop_by is not None:
            self._send(Stop())  # the first one may have come before there was a job

    def _runs(self, job_id: str) -> bool:
        return self._job is not None and self._job.id == job_id

    def _write_down(self, job: Job, outcome: Ended) -> None:
        if outcome.state == "queued":
            self._queue.requeue(self.name)
        else:
            self._queue.finish(job.id, outcome.state, outcome.message)
            self._past.forget(job.id)
        self._end = None
        self._events.append(StateChanged(job_id=job.id, state=outcome.state, message=outcome.message))
        self._tell_end(job)

    def _outcome_of(self, job: Job) -> Ended:
        looked = time.monotonic()
        while True:
            with self._news:
                self._news.wait_for(lambda: self._outcome or self._worker is None, _SECONDS_BETWEEN_GLANCES)
                if self._outcome is not None:
                    self._rest = 0.0
                    return self._outcome
                if self._worker is None:
                    return self._after_death(job)
            ended = self._overdue(job)
            if ended is not None:
                log.error("Job %s hangs; %s is replaced", job.id, self.name)
                self._replace()
                return ended
            if self._is_watched != self._events.is_watched(job.id):
                self._is_watched = not self._is_watched
                self._send(Watch(job_id=job.id, watched=self._is_watched))
            if time.monotonic() - looked > _SECONDS_BETWEEN_LOOKS:
                looked = time.monotonic()
                self._obey_others(job)

    def _obey_others(self, job: Job) -> None:
        """Other processes say in the queue that they want a job to end, or another one."""
        self._look()
        if not self._is_interrupted and self._queue.is_cancel_wanted(job.id):
            self.interrupt(job.id, "now")

    def _overdue(self, job: Job) -> Ended | None:
        """How a job ends whose worker took too long over something."""
        limits, now = self._limits(), self._clock.glance()
        if self._stop_by is not None and time.monotonic() > self._stop_by:
            return Ended(job_id=job.id, state="cancelled" if self._is_interrupted else "queued")
        with self._news:
            obeys_by = None if self._due_since is None else self._due_since + self._patience(limits)
            is_silent, quiet = now - self._beat > limits.beat, now - self._told_last
            foreign, _, since = self._foreign
        if obeys_by is not None and now > obeys_by and self._stop_by is None:
            return Ended(job_id=job.id, state="cancelled")
        if limits.job is not None and now - self._began > limits.job:
            return Ended(job_id=job.id, state="failed", message=_took_too_long(limits.job))
        if foreign and limits.foreign is not None and now - since > limits.foreign:
            return Ended(job_id=job.id, state="failed", message=_did_not_come_back(foreign, limits.foreign))
        if limits.quiet is not None and quiet > limits.quiet:
            return Ended(job_id=job.id, state="failed", message=_was_quiet(limits.quiet))
        return self._after_death(job) if is_silent else None

    def _patience(self, limits: Limits) -> float:
        """Slow steps are no hanging."""
        return max(limits.obey, _SLOW_STEPS * self._longest_gap)

    def _after_death(self, job: Job) -> Ended:
        """A job whose worker died is run again once: it may not have been the job's fault."""
        past = self._past.of(job.id)
        past.deaths += 1
        if self._is_interrupted:
            return Ended(job_id=job.id, state="cancelled")
        if past.deaths < _MOST_DEATHS or self._stop_by is not None:
            log.warning("Job %s is put back, since its worker ended", job.id)
            return Ended(job_id=job.id, state="queued")
        message = (
            "The process that computes ended unexpectedly, twice in a row: the computer may have too little memory, or "
            "its graphics driver may have failed. Make the picture or the batch smaller, or restart the computer."
        )
        return Ended(job_id=job.id, state="failed", message=message)

    # What the worker says

    def _send(self, message: ToWorker) -> None:
        worker = self._worker
        if worker is not None:
            worker.send(message)

    def _receive(self, worker: Worker, message: FromWorker) -> None:
        """Called by threads of the worker; one that was replaced is not heard."""
        told_ready = None
        with self._news:
            if worker is not self._worker:
                return
            now = self._clock.now
            self._beat = now
            match message:
                case Told():
                    self._longest_gap = max(self._longest_gap, now - self._told_last)
                    self._told_last = now
                    self._pass_on(message)
                case Beat():
                    self._held = message.held
                    if (message.foreign, message.foreign_call) != self._foreign[:2]:
                        self._foreign = (message.foreign, message.foreign_call, now)
                    if not message.is_due:
                        self._due_since = None  # it may keep what it has, and that may take long
                    elif self._due_since is None:
                        self._due_since = now
                case Ended():
                    if self._runs(message.job_id):
                        self._outcome = message
                case Answered():
                    if message.number in self._answers:
                        self._answers[message.number] = message
                case Ready():
                    self._is_ready, told_ready = True, message.devices
                case Gone():
                    if self._stop_by is None:
                        log.error("%s ended unexpectedly (%s) and is replaced", self.name, message.reason)
                    self._part_with_worker()
            self._news.notify_all()
        if not isinstance(message, (Told, Beat)):
            self._wake.set()
        if told_ready is not None:
            self._tell_ready(told_ready)

    def _pass_on(self, message: Told) -> None:
        """Tell everybody what a job tells; a picture that an earlier worker saved for it is told once."""
        event = message.event
        if not self._runs(event.job_id):
            return
        if isinstance(event, PictureSaved):
            saved = self._past.of(event.job_id).saved
            if event.picture.id in saved:
                return
            saved.add(event.picture.id)
        self._events.append(event)


class _AwakeClock:
    """Seconds, without those in which nobody could look at it."""

    def __init__(self) -> None:
        self._looked = time.monotonic()
        self.now = 0.0

    def glance(self) -> float:
        """The time, brought up to date."""
        looked = time.monotonic()
        self.now += min(looked - self._looked, _LONGEST_GLANCE)
        self._looked = looked
        return self.now


def _took_too_long(seconds: float) -> str:
    return (
        f"The job took longer than {_span(seconds)}, the most that the setting job_time_limit allows, and was stopped. "
        "Ask for less at once, or raise that setting."
    )


def _did_not_come_back(title: str, seconds: float) -> str:
    return (
        f"The hook {title} took longer than {_span(seconds)}, the most that the setting extension_time_limit allows, "
        "and was stopped with its job. Switch the extension off, or raise that setting."
    )


def _was_quiet(seconds: float) -> str:
    return (
        f"Nothing was heard of the job for {_span(seconds)}, the most that the setting job_quiet_limit allows, and it "
        "was stopped. Ask for smaller pictures, or raise that setting."
    )


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
