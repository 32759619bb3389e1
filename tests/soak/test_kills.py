"""kill -9 at any moment of a server's life: no job is lost, and no picture is lost, halved or made twice."""

from __future__ import annotations

import http.client
import json
import logging
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from tests.program import ends_in_order, kill, serving, until

log = logging.getLogger(__name__)

KILLS = 100
WAITING = 50
SEED = 20261121
SECONDS_TO_ANSWER = 10.0
"""Of the processor, from the start of a server to its first answer: a machine with nothing else to do takes 3, and one
that has other work is slower by the clock than by this."""
STARTING = 0.2
"""The share of kills while a server starts; the others come while it works."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")


@dataclass
class Client:
    """What a program that talks to the server knows, whichever server it is."""

    moments: random.Random
    asked: dict[str, int] = field(default_factory=dict)
    """The ids that it was answered with, and how many pictures it asked for."""

    def keep_waiting(self, port: int) -> None:
        """Keep so many jobs waiting until the server is gone."""
        with suppress(OSError, http.client.HTTPException):
            while True:
                self.fill_up(port)
                time.sleep(0.05)

    def fill_up(self, port: int) -> None:
        """Ask for jobs until enough of them wait. Raises OSError and HTTPException where the server is gone."""
        for _ in range(WAITING - len(_jobs(port, state="queued"))):
            count = self.moments.choice((1, 1, 2, 3))
            job = {"prompt": f"star {len(self.asked)}", "steps": self.moments.choice((1, 2)), "width": 64, "height": 64}
            answer = _asked(port, "POST", "/api/v1/jobs/txt2img", {**job, "batch_count": count})
            self.asked[answer["id"]] = count


def test_no_job_is_lost_and_no_picture_made_twice(tmp_path: Path) -> None:
    """A server with 50 waiting jobs is killed 100 times, with its workers."""
    moments = random.Random(SEED)
    client = Client(random.Random(SEED))
    answered: list[tuple[float, float]] = []
    for number in range(KILLS):
        with serving(tmp_path) as (server, port):
            if number > 0 and moments.random() < STARTING:
                _lives(server, moments.uniform(0, 8))
                kill(server)
            else:
                answered.append(_seconds_to_answer(server, port))
                _look(client, tmp_path, port)
                _work_until_killed(client, server, port, moments.uniform(0, 5))
        log.info("killed %d times, %d jobs were acknowledged", number + 1, len(client.asked))
    with serving(tmp_path) as (server, port):
        answered.append(_seconds_to_answer(server, port))
        until(lambda: not _jobs(port, state="queued") + _jobs(port, state="running"), seconds=600)
        _look(client, tmp_path, port)
        ends_in_order(server, signal.SIGTERM)
    _all_is_there(client, tmp_path)
    seconds, busy = ([one[place] for one in answered] for place in (0, 1))
    for name, figures in (("by the clock", seconds), ("of the processor", busy)):
        median, most = statistics.median(figures), max(figures)
        log.info("seconds %s from start to first answer: median %.2f, max %.2f", name, median, most)
    again = _begun_anew(tmp_path)
    log.info("jobs begun anew: %d", again)
    assert again > KILLS / 3
    assert max(busy) <= SECONDS_TO_ANSWER


def _seconds_to_answer(server: subprocess.Popen[str], port: int) -> tuple[float, float]:
    """Wait for a server that was just started; seconds until it answered, and those that its process computed."""
    process = psutil.Process(server.pid)

    def answers() -> bool:
        assert server.poll() is None, "the server ended"
        with suppress(OSError, http.client.HTTPException):
            return _asked(port, "GET", "/internal/ping") is not None
        return False

    until(answers)
    by_the_clock, times = time.time() - process.create_time(), process.cpu_times()
    log.info("answered after %.2f s, of which it computed %.2f", by_the_clock, times.user + times.system)
    return by_the_clock, times.user + times.system


def _lives(server: subprocess.Popen[str], seconds: float) -> None:
    """Wait; it must not end by itself meanwhile."""
    with suppress(subprocess.TimeoutExpired):
        server.wait(seconds)
        raise AssertionError("the server ended")


def _work_until_killed(client: Client, server: subprocess.Popen[str], port: int, seconds: float) -> None:
    """It dies so many seconds after a job began, while others are asked for."""
    client.fill_up(port)
    until(lambda: _jobs(port, state="running"))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.keep_waiting, port)
        _lives(server, seconds)
        kill(server)
        asking.result()


def _look(client: Client, folder: Path, port: int) -> None:
    """What was acknowledged is there and did not fail; the database is sound."""
    states = {job["id"]: job["state"] for job in _all_jobs(port)}
    assert client.asked.keys() <= states.keys()
    assert set(states.values()) <= {"queued", "running", "done"}
    with closing(_database(folder)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _all_is_there(client: Client, folder: Path) -> None:
    """Every job has the pictures that it asked for, each once and whole; there are no other files."""
    outputs = folder / "outputs"
    with closing(_database(folder)) as connection:
        jobs = connection.execute("SELECT id, state, asked FROM jobs").fetchall()
        pictures = connection.execute("SELECT path, job_id, job_index FROM pictures").fetchall()
    assert {state for _, state, _ in jobs} == {"done"}
    wanted = {id: json.loads(asked)["batch_count"] for id, _, asked in jobs}
    assert client.asked.items() <= wanted.items()
    expected = Counter((id, index) for id, count in wanted.items() for index in range(count))
    assert Counter((id, index) for _, id, index in pictures) == expected
    files = {path.relative_to(outputs).as_posix() for path in outputs.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("atelier.sqlite3")} == {path for path, _, _ in pictures}
    for path, _, _ in pictures:
        with Image.open(outputs / path) as image:
            image.load()
            assert image.size == (64, 64)
            assert image.info["parameters"].startswith("star ")


def _begun_anew(folder: Path) -> int:
    """How often that was, since what ran a job was gone."""
    with closing(_database(folder)) as connection:
        return int(connection.execute("SELECT sum(attempts - 1) FROM jobs").fetchone()[0])


def _database(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "outputs" / "atelier.sqlite3", timeout=60)


def _all_jobs(port: int) -> Iterator[dict[str, Any]]:
    before: dict[str, str] = {}
    while page := _jobs(port, limit="500", **before):
        yield from page
        before = {"before": page[-1]["id"]}


def _jobs(port: int, **listing: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in listing.items())
    jobs: list[dict[str, Any]] = _asked(port, "GET", f"/api/v1/jobs?{query}")["jobs"]
    return jobs


def _asked(port: int, method: str, path: str, body: object = None) -> dict[str, Any]:
    """The server's answer. Raises OSError and HTTPException where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        assert response.status in (200, 201), content
        answer: dict[str, Any] = json.loads(content)
        return answer
