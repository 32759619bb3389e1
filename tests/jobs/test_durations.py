"""What is told of times is what past jobs took."""

from __future__ import annotations

import pytest

from modules.config.database import Database
from modules.jobs.durations import Durations
from modules.jobs.queue import JobQueue
from modules.schema.jobs import Job, NewJob


def _done(database: Database, seconds: float, work: float = 1.0, model: str = "m", **values: object) -> None:
    """Write down a job that took that long."""
    row = {"kind": "txt2img", "model": model, "work": work, "finished": 1000.0 + seconds, "state": "done"} | values
    row |= {"id": str(database.rows("SELECT count(*) FROM jobs")[0][0]), "request": "{}", "created": 1.0}
    row |= {"started": 1000.0}
    marks = ", ".join("?" for _ in row)
    with database.transaction() as connection:
        connection.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


@pytest.fixture
def queue(database: Database) -> JobQueue:
    """An empty queue on `database`."""
    return JobQueue(database)


def _add(queue: JobQueue, **fields: object) -> Job:
    new = {"kind": "txt2img", "request": "{}", "model": "m", "work": 1.0} | fields
    return queue.add(NewJob.model_validate(new), limit=99, limit_of_user=99)


def test_nothing_is_told_before_something_is_known(queue: JobQueue, database: Database) -> None:
    job = _add(queue)
    _done(database, 5.0, kind="extras")
    _done(database, 5.0, state="failed")
    _done(database, 5.0, attempts=2)
    assert queue.expected(job) is None
    assert queue.ready_in(job.id) is None


def test_seconds_grow_with_the_work(queue: JobQueue, database: Database) -> None:
    _done(database, 10.0, work=2.0)
    assert Durations(database).expected("txt2img", "m", 6.0) == pytest.approx(30.0)


def test_like_work_teaches_more_than_other_work(queue: JobQueue, database: Database) -> None:
    _done(database, 100.0, work=10.0)
    _done(database, 9.0, work=1.0)
    durations = Durations(database)
    assert durations.expected("txt2img", "m", 8.0) == pytest.approx(80.0)
    assert durations.expected("txt2img", "m", 1.5) == pytest.approx(13.5)


def test_the_median_of_the_latest_20(queue: JobQueue, database: Database) -> None:
    for seconds in (*range(500, 510), *range(1, 20), 900):
        _done(database, float(seconds))
    assert Durations(database).expected("txt2img", "m", 1.0) == 10.5


def test_a_new_model_is_told_by_others_of_the_kind(queue: JobQueue, database: Database) -> None:
    _done(database, 4.0, model="other")
    assert Durations(database).expected("txt2img", "m", 2.0) == 8.0
    _done(database, 1.0)
    assert Durations(database).expected("txt2img", "m", 2.0) == 2.0


def test_work_that_is_not_known_is_told_by_its_like(queue: JobQueue, database: Database) -> None:
    _done(database, 4.0, work=0.0)
    durations = Durations(database)
    assert durations.expected("txt2img", "m", 0.0) == 4.0
    assert durations.expected("txt2img", "m", 3.0) is None


def test_ready_in_adds_up_what_goes_before(queue: JobQueue, database: Database) -> None:
    _done(database, 10.0)
    jobs = [_add(queue, user=user, work=work) for user, work in (("ada", 1.0), ("ada", 2.0), ("bob", 3.0))]
    paused = _add(queue)
    queue.pause(paused.id)
    assert queue.ready_times() == {jobs[0].id: 10.0, jobs[2].id: 40.0, jobs[1].id: 60.0}
    assert [queue.ready_in(job.id) for job in (*jobs, paused)] == [10.0, 60.0, 40.0, None]
    queue.claim("worker")
    with database.transaction() as connection:
        connection.execute("UPDATE jobs SET started = started - 4 WHERE state = 'running'")
    assert queue.ready_in(jobs[0].id) == pytest.approx(6.0, abs=1.0)
    assert queue.ready_in(jobs[2].id) == pytest.approx(36.0, abs=1.0)
    queue.pause(None)
    assert queue.ready_in(jobs[2].id) is None
    assert queue.ready_in(jobs[0].id) == pytest.approx(6.0, abs=1.0)
    queue.finish(jobs[0].id, "done")
    assert queue.ready_in(jobs[0].id) == 0.0


def test_workers_share_the_work(queue: JobQueue, database: Database) -> None:
    _done(database, 10.0)
    for worker in ("cuda:0", "cuda:1"):
        assert queue.claim(worker) is None
    jobs = [_add(queue) for _ in range(3)]
    assert [queue.ready_in(job.id) for job in jobs] == [10.0, 10.0, 20.0]


def test_the_models_that_workers_hold_are_reckoned_with(queue: JobQueue, database: Database) -> None:
    _done(database, 10.0)
    assert queue.claim("worker", held=("held",)) is None
    other, held = _add(queue), _add(queue, model="held")
    assert [job.id for job in queue.active()] == [held.id, other.id]
    assert queue.ready_in(other.id) == 20.0
