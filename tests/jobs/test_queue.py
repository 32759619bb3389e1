"""The queue keeps what it accepted, in order, through crashes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from modules.config.database import Database
from modules.errors import NotFound, QueueFull
from modules.jobs.queue import JobQueue

ROOT = Path(__file__).parent.parent.parent
_ADDER = """
import sys
from pathlib import Path
from modules.config.database import Database
from modules.jobs.queue import JobQueue
queue = JobQueue(Database(Path(sys.argv[1])))
while True:
    print(queue.add("txt2img", "{}", limit=10**6).id, flush=True)
"""


def test_first_come_first_served(database: Database) -> None:
    queue = JobQueue(database)
    ids = [queue.add("txt2img", str(number), limit=9).id for number in range(3)]
    claimed = [queue.claim() for _ in range(3)]
    assert [job.id for job in claimed if job] == ids
    assert queue.claim() is None


def test_states(database: Database) -> None:
    queue = JobQueue(database)
    job = queue.add("txt2img", "{}", limit=9)
    assert (job.state, job.is_over) == ("queued", False)
    queue.claim()
    assert queue.get(job.id).state == "running"
    queue.finish(job.id, "failed", "No room.")
    over = queue.get(job.id)
    assert (over.state, over.error, over.is_over) == ("failed", "No room.", True)


def test_running_jobs_come_first_among_the_active(database: Database) -> None:
    queue = JobQueue(database)
    ids = [queue.add("txt2img", "{}", limit=9).id for _ in range(3)]
    queue.claim()
    queue.cancel_queued(ids[1])
    assert [(job.id, job.state) for job in queue.active()] == [(ids[0], "running"), (ids[2], "queued")]


def test_only_waiting_jobs_are_cancelled_in_the_queue(database: Database) -> None:
    queue = JobQueue(database)
    job = queue.add("txt2img", "{}", limit=9)
    queue.claim()
    assert not queue.cancel_queued(job.id)
    assert queue.get(job.id).state == "running"


def test_full_queue_refuses(database: Database) -> None:
    queue = JobQueue(database)
    queue.add("txt2img", "{}", limit=1)
    with pytest.raises(QueueFull, match="1 jobs are waiting"):
        queue.add("txt2img", "{}", limit=1)


def test_unknown_job(database: Database) -> None:
    with pytest.raises(NotFound, match="'nonesuch'"):
        JobQueue(database).get("nonesuch")


def test_interrupted_server_runs_its_job_again_first(database: Database) -> None:
    queue = JobQueue(database)
    ids = [queue.add("txt2img", "{}", limit=9).id for _ in range(2)]
    queue.claim()
    assert queue.requeue_running() == 1
    assert [job.id for job in queue.active()] == ids


def test_kill_9_loses_no_accepted_job(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    accepted: list[str] = []
    for _ in range(3):
        adder = subprocess.Popen([sys.executable, "-c", _ADDER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert adder.stdout is not None
        accepted += [adder.stdout.readline().strip() for _ in range(20)]
        adder.kill()
        accepted += [line.strip() for line in adder.stdout if len(line) == 17]
        adder.wait()
        adder.stdout.close()
    database = Database(path)
    stored = {job.id for job in JobQueue(database).active()}
    assert set(accepted) <= stored
    database.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
