"""What workers of these tests work with, in this process and in others: a job's request says what it does."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from typing import Any

from modules.errors import UserError
from modules.hooks.open_calls import OpenCalls
from modules.jobs.dispatcher import Dispatcher
from modules.jobs.event_log import EventLog
from modules.jobs.job_control import JobControl
from modules.jobs.lane import Limits
from modules.jobs.process_worker import ProcessWorker, work
from modules.jobs.queue import JobQueue
from modules.jobs.thread_worker import ThreadWorker
from modules.jobs.workers import FROM_WORKER, Bench, OpenBench, Ready, Sink
from modules.schema.events import Progress, StateChanged
from modules.schema.jobs import Job, NewJob


def script_bench(sink: Sink) -> Bench:
    """The words of a request are carried out one after the other; those that begin with `+` as others' code."""
    calls = OpenCalls()

    def run(job: Job, control: JobControl) -> None:
        for word in job.request.split():
            name, _, text = word.removeprefix("+").partition(":")
            with calls.noted(f"tides.{name}") if word.startswith("+") else nullcontext():
                _WORDS[name](text, sink, job, control)

    return Bench(
        run=run,
        answers={"echo": dict, "wrong": _refuse},
        chores={"pid": lambda content: {"pid": os.getpid()}},
        foreign=calls.latest,
    )


def _refuse(content: Any) -> dict[str, Any]:
    raise UserError("No such thing.")


def _steps(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    """So many steps of 2 ms; 0: endlessly."""
    step = 0
    while step < int(text) or text == "0":
        step += 1
        control.check()
        sink.append(Progress(job_id=job.id, step=step, steps=int(text), seconds_left=None))
        time.sleep(0.002)


def _slow(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    """One step of so many seconds."""
    control.check()
    time.sleep(float(text))
    sink.append(Progress(job_id=job.id, step=1, steps=1, seconds_left=None))


def _hold_the_lock(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    """Native code that never returns and lets no other thread of Python run."""
    ctypes.PyDLL(None).pause()


def _hang(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    """Native code that never returns; other threads go on."""
    ctypes.CDLL(None).pause()


def _crash(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    ctypes.string_at(0)


def _crash_once(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    if job.attempts == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def _fault(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    raise ZeroDivisionError(text)


def _mistake(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    raise UserError(text)


def _no_memory(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    raise MemoryError


def _nothing(text: str, sink: Sink, job: Job, control: JobControl) -> None:
    pass


_WORDS: dict[str, Callable[[str, Sink, Job, JobControl], None]] = {
    "steps": _steps,
    "slow": _slow,
    "hang": _hang,
    "hold": _hold_the_lock,
    "crash": _crash,
    "crash_once": _crash_once,
    "fault": _fault,
    "mistake": _mistake,
    "no_memory": _no_memory,
    "nothing": _nothing,
}


def script_program(connection: Connection, setup: str) -> None:
    """A worker process on the bench above."""
    work(connection, script_bench)


def deaf_program(connection: Connection, setup: str) -> None:
    """A worker process that says it is ready and never takes a message."""
    connection.send_bytes(FROM_WORKER.dump_json(Ready()))
    time.sleep(600)


def thread(number: int) -> ThreadWorker:
    return ThreadWorker(script_bench)


def process(number: int) -> ProcessWorker:
    return ProcessWorker(script_program, "")


def thread_on(run: Callable[[Job, JobControl], None]) -> Callable[[int], ThreadWorker]:
    bench: OpenBench = lambda sink: Bench(run=run)  # noqa: E731
    return lambda number: ThreadWorker(bench)


@contextmanager
def dispatching(
    queue: JobQueue, open_worker: Callable[[int], Any] = thread, *, stop_in: float = 5.0, **how: Any
) -> Iterator[tuple[Dispatcher, EventLog]]:
    events = EventLog()
    dispatcher = Dispatcher(queue, events, open_worker, **{"workers": 1, **how})
    dispatcher.start()
    try:
        yield dispatcher, events
    finally:
        dispatcher.stop(stop_in)


def limits(**seconds: float | None) -> Callable[[], Limits]:
    return lambda: Limits(**seconds)  # type: ignore[arg-type]


def add(queue: JobQueue, request: str = "nothing", **fields: Any) -> Job:
    return queue.add(NewJob(kind="txt2img", request=request, **fields), limit=999, limit_of_user=999)


def until(condition: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait; returns the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, "it did not happen in time"
        time.sleep(0.003)
    return time.monotonic() - began


def states_of(events: EventLog, job: Job) -> list[str]:
    return [event.state for event in events.after(job.id, 0) if isinstance(event, StateChanged)]


def has_begun(events: EventLog, job: Job) -> bool:
    return any(event.kind == "progress" for event in events.after(job.id, 0))
