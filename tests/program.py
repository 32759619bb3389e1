"""A real `webui.py`, as tests start, watch and end it."""

from __future__ import annotations

import http.client
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from modules.config.paths import ROOT


def free_port() -> int:
    """One that no connection is given by the system until the server has it, which takes seconds."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server and its port; one that still runs in the end is killed."""
    port = free_port()
    command = [sys.executable, "webui.py", "--port", str(port), "--use-cpu", "--data-dir", str(folder), *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server, port
        finally:
            server.kill()


def until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_ready(server: subprocess.Popen[str]) -> bool:
    assert server.stdout is not None
    return any("is ready" in line for line in iter(server.stdout.readline, ""))


def workers_of(server: int) -> list[psutil.Process]:
    """The workers of the server that is the process of this number."""
    workers = []
    for child in psutil.Process(server).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # others come and go
            if "spawn_main" in " ".join(child.cmdline()):
                workers.append(child)
    return workers


def ends_in_order(server: subprocess.Popen[str], number: signal.Signals) -> None:
    """Exit code 0 in 10 s, and no worker is left."""
    workers = workers_of(server.pid)
    began = time.monotonic()
    server.send_signal(number)
    assert server.wait(timeout=15) == 0
    assert time.monotonic() - began < 10
    assert psutil.wait_procs(workers, timeout=30)[1] == []


@contextmanager
def listening(port: int) -> Iterator[http.client.HTTPResponse]:
    """A stream of events that is read by nobody."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/api/v1/events")
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def kill(server: subprocess.Popen[str]) -> None:
    """kill -9 for a server and its workers, at one moment; none is left."""
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()
    assert psutil.wait_procs(family, timeout=30)[1] == []
