"""A worker that is a process of its own: whatever hangs or crashes in it, it can be killed and replaced.

Both ends of a pipe speak JSON. The process ends when its pipe does, so none is left when a server was killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from modules.jobs.thread_worker import ThreadWorker
from modules.jobs.workers import FROM_WORKER, TO_WORKER, FromWorker, Gone, OpenBench, Stop, ToWorker

log = logging.getLogger(__name__)

WorkerProgram = Callable[[Connection, str], None]
"""What runs in the process, with the worker's end of the pipe and the text that it was started with."""

_SECONDS_TO_END = 5.0
_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


class ProcessWorker:
    """See `workers.Worker`. `program` is found by its name in the new process, and is given `setup`."""

    def __init__(self, program: WorkerProgram, setup: str) -> None:
        self._program = program
        self._setup = setup
        self._outbox: queue.SimpleQueue[ToWorker | None] = queue.SimpleQueue()
        self._process: BaseProcess | None = None

    @property
    def process_id(self) -> int | None:
        """None before it is started."""
        return None if self._process is None else self._process.pid

    def start(self, receive: Callable[[FromWorker], None]) -> None:
        """See Worker; to be called by a thread that outlives the worker."""
        context = multiprocessing.get_context("spawn")
        near, far = context.Pipe()
        with far:
            process = context.Process(target=self._program, args=(far, self._setup), name="worker", daemon=True)
            process.start()
        self._process = process
        writer = threading.Thread(target=self._write, args=(near,), name="to worker", daemon=True)
        writer.start()
        reader = (near, process, writer, receive)
        threading.Thread(target=self._read, args=reader, name="from worker", daemon=True).start()

    def send(self, message: ToWorker) -> None:
        """See Worker."""
        self._outbox.put(message)

    def kill(self) -> None:
        """See Worker."""
        assert self._process is not None
        self._process.kill()

    def _write(self, connection: Connection) -> None:
        """A pipe holds little, and a worker that hangs takes nothing out of it."""
        with contextlib.suppress(OSError):  # if it is gone the reader tells
            while (message := self._outbox.get()) is not None:
                connection.send_bytes(TO_WORKER.dump_json(message))

    def _read(
        self,
        connection: Connection,
        process: BaseProcess,
        writer: threading.Thread,
        receive: Callable[[FromWorker], None],
    ) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                receive(FROM_WORKER.validate_json(connection.recv_bytes()))
        process.join(_SECONDS_TO_END)
        if process.exitcode is None:
            process.kill()
            process.join()
        self._outbox.put(None)
        writer.join()
        connection.close()
        receive(Gone(reason=_reason(process.exitcode)))


def _reason(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        try:
            return f"signal {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"signal {-exit_code}"
    return f"exit code {exit_code}"


def work(connection: Connection, open_bench: OpenBench) -> None:
    """Be a worker on the far end of a pipe; does not return."""
    _stand_alone()
    saying = threading.Lock()
    worker = ThreadWorker(open_bench)

    def say(message: FromWorker) -> None:
        if isinstance(message, Gone):
            os._exit(0)  # threads of libraries must not hold it up; everything is on the disk
        with saying:
            connection.send_bytes(FROM_WORKER.dump_json(message))

    worker.start(say)
    try:
        while True:
            message = TO_WORKER.validate_json(connection.recv_bytes())
            if isinstance(message, Stop) and not worker.has_job:
                worker.close()
                os._exit(0)  # it may be importing or loading, which nobody waits for
            worker.send(message)
    except (EOFError, OSError):
        os._exit(1)  # nobody is there to hear of the job


def _stand_alone() -> None:
    """Ctrl-C in the terminal is for the server alone, whose death is ours, even in native code that hangs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    if os.name == "posix":
        os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
