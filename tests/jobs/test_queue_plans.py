"""No call reads the whole table: its time does not grow with the history that a data folder has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modules.config.database import Database
from modules.jobs.queue import JobQueue
from modules.schema.jobs import FINAL_STATES, NewJob

_NEW = NewJob(kind="txt2img", request="{}", user="ada", model="m", work=1.0)
_CALLS: dict[str, Callable[[JobQueue, str], object]] = {
    "add": lambda queue, job_id: queue.add(_NEW, limit=9, limit_of_user=9),
    "add in front": lambda queue, job_id: queue.add(_NEW.model_copy(update={"front": True}), limit=9, limit_of_user=9),
    "get": lambda queue, job_id: queue.get(job_id),
    "claim": lambda queue, job_id: queue.claim("worker", held=("other",)),
    "finish": lambda queue, job_id: queue.finish(job_id, "done"),
    "requeue": lambda queue, job_id: queue.requeue(),
    "requeue of a worker": lambda queue, job_id: queue.requeue("worker"),
    "cancel": lambda queue, job_id: queue.cancel_queued(job_id),
    "cancel all": lambda queue, job_id: queue.cancel_all(None),
    "cancel all of a user": lambda queue, job_id: queue.cancel_all("ada"),
    "cancel from elsewhere": lambda queue, job_id: (queue.want_cancel(job_id), queue.is_cancel_wanted(job_id)),
    "move": lambda queue, job_id: queue.move(job_id, queue.listed(states=["queued"], limit=1)[0].id),
    "to front": lambda queue, job_id: queue.to_front(job_id),
    "pause": lambda queue, job_id: (queue.pause(job_id), queue.resume(job_id), queue.set_priority(job_id, 1)),
    "stop repeating": lambda queue, job_id: queue.stop_repeating(job_id),
    "stop all repeating": lambda queue, job_id: (queue.repeat(job_id), queue.stop_all_repeating("ada")),
    "unrepeated": lambda queue, job_id: queue.unrepeated(),
    "active": lambda queue, job_id: queue.active(),
    "standing": lambda queue, job_id: queue.several([one.id for one in queue.standing()]),
    "listed": lambda queue, job_id: queue.listed(before=job_id),
    "listed by state": lambda queue, job_id: queue.listed(states=FINAL_STATES, before=job_id),
    "listed by user": lambda queue, job_id: queue.listed(user="ada"),
    "counts": lambda queue, job_id: queue.counts(),
    "ready in": lambda queue, job_id: queue.ready_in(job_id),
}


@pytest.mark.parametrize("name", _CALLS)
def test_statements_use_indexes(database: Database, name: str) -> None:
    database.rows("PRAGMA synchronous = OFF")
    queue = JobQueue(database)
    job_id = queue.add(_NEW, limit=9, limit_of_user=9).id
    queue.add(_NEW, limit=9, limit_of_user=9)
    statements: list[str] = []
    with database.transaction() as connection:
        connection.set_trace_callback(statements.append)
    _CALLS[name](queue, job_id)
    with database.transaction() as connection:
        connection.set_trace_callback(None)
    asked = [one for one in statements if one.startswith(("SELECT", "UPDATE", "INSERT", "WITH"))]
    assert asked
    for statement in asked:
        plan = [row["detail"] for row in database.rows(f"EXPLAIN QUERY PLAN {statement}")]
        whole = [step for step in plan if step.startswith(("SCAN jobs", "SCAN others")) and "INDEX" not in step]
        assert not whole, (statement, plan)


def test_a_claim_reads_the_first_job_of_each_user_only(database: Database) -> None:
    database.rows("PRAGMA synchronous = OFF")
    queue = JobQueue(database)
    steps: dict[int, int] = {}
    for waiting in (50, 200):
        for _ in range(waiting - queue.counts()["queued"]):
            queue.add(_NEW, limit=999, limit_of_user=999)
        count = [0]

        def counted(count: list[int] = count) -> int:
            count[0] += 1
            return 0

        with database.transaction() as connection:
            connection.set_progress_handler(counted, 1)
        assert queue.claim("worker", held=("other",)) is not None
        with database.transaction() as connection:
            connection.set_progress_handler(None, 1)
        steps[waiting] = count[0]
    assert steps[200] <= 1.2 * steps[50]
