"""Several processes and sudden death: no job is begun twice, none that was acknowledged is lost."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from modules.config.database import Database
from modules.jobs.queue import JobQueue
from modules.schema.jobs import NewJob

ROOT = Path(__file__).parent.parent.parent
_OPENED = """
import random, sys, time
from pathlib import Path
from modules.config.database import Database
from modules.jobs.queue import JobQueue
from modules.schema.jobs import NewJob
queue = JobQueue(Database(Path(sys.argv[1])))
"""
_CLAIMER = f"""{_OPENED}
print("open", flush=True)
sys.stdin.readline()
while (job := queue.claim(sys.argv[2], held=("a",))) is not None:
    print(job.id, flush=True)
    time.sleep(0.002)  # SQLite lets nobody in who sleeps, where another one asks again at once
"""
_BUSY = f"""{_OPENED}
while True:
    new = NewJob(kind="txt2img", request="x" * 5000, user=random.choice("uvw"), model=random.choice("ab"))
    job = queue.add(new, limit=10**6, limit_of_user=10**6)
    print("add", job.id, flush=True)
    if random.random() < 0.5 and (job := queue.claim("worker", held=("a",))) is not None:
        print("claim", job.id, flush=True)
        queue.finish(job.id, "done")
        print("finish", job.id, flush=True)
"""


def _started(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_at_once_begin_every_job_once(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    database = Database(path)
    queue = JobQueue(database)
    ids = []
    for number in range(500):
        new = NewJob(kind="txt2img", request="{}", user=f"user {number % 7}", model="ab"[number % 2])
        ids.append(queue.add(new, limit=500, limit_of_user=500).id)
    claimers = [_started(_CLAIMER, str(path), f"worker {number}") for number in range(2)]
    for claimer in claimers:  # none begins before the other is there
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "open\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    begun = [claimer.communicate(timeout=120)[0].split() for claimer in claimers]
    assert [claimer.returncode for claimer in claimers] == [0, 0]
    assert all(begun)
    assert sorted(begun[0] + begun[1]) == sorted(ids)
    assert {queue.get(job_id).attempts for job_id in ids} == {1}
    database.close()


def test_kill_9_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    acknowledged: dict[str, str] = {}
    moments = random.Random(7)
    for number in range(8):
        busy = _started(_BUSY, str(path))
        assert busy.stdout is not None
        lines = [busy.stdout.readline()]
        while number == 0 and lines[-1] and not lines[-1].startswith("finish"):  # on a slow disk, too
            lines.append(busy.stdout.readline())
        time.sleep(moments.uniform(0.0, 0.1))
        busy.kill()
        lines += busy.stdout.readlines()
        busy.wait()
        busy.stdout.close()
        assert busy.stdin is not None
        busy.stdin.close()
        for line in lines:
            if line.endswith("\n"):
                what, job_id = line.split()
                acknowledged[job_id] = what
        _check(path, acknowledged)
    assert set(acknowledged.values()) >= {"add", "finish"}


def _check(path: Path, acknowledged: dict[str, str]) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    database = Database(path)
    queue = JobQueue(database)
    allowed = {"add": {"queued", "running", "done"}, "claim": {"running", "done"}, "finish": {"done"}}
    for job_id, what in acknowledged.items():
        assert queue.get(job_id).state in allowed[what]
    queue.requeue()
    assert queue.counts()["running"] == 0
    for job_id, what in acknowledged.items():
        if what == "claim" and queue.get(job_id).state == "queued":
            acknowledged[job_id] = "add"  # it went back to its place
    database.close()
