"""The queue keeps what it accepted, in a fair order that people may change."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.config.database import Database
from modules.errors import InvalidRequest, NotFound, QueueFull
from modules.jobs.queue import JobQueue
from modules.jobs.tables import STEPS
from modules.schema.jobs import FINAL_STATES, Job, NewJob


def add(queue: JobQueue, request: str = "{}", **fields: object) -> Job:
    """Add a job; what is not given is of no matter."""
    return queue.add(
        NewJob.model_validate({"kind": "txt2img", "request": request} | fields), limit=999, limit_of_user=99
    )


def run_all(queue: JobQueue) -> list[str]:
    """The ids of all jobs, run one by one."""
    order = []
    while (job := queue.claim("worker")) is not None:
        order.append(job.id)
        queue.finish(job.id, "done")
    return order


@pytest.fixture
def queue(database: Database) -> JobQueue:
    """An empty queue, which does not wait for the disk."""
    database.rows("PRAGMA synchronous = OFF")
    return JobQueue(database)


def test_everything_asked_for_is_kept(queue: JobQueue) -> None:
    new = NewJob(
        kind="batch",
        request='{"prompt": "ü"}',
        asked='{"seed": -1}',
        user="ada",
        model="demo",
        work=2.5,
        priority=-3,
        repeats=True,
        origin="0123456789abcdef",
    )
    job = queue.add(new, limit=1, limit_of_user=1)
    assert job == queue.get(job.id)
    assert job.model_dump(include=set(NewJob.model_fields)) == new.model_dump(exclude={"front"})
    assert (job.state, job.is_over, job.started, job.paused, job.attempts) == ("queued", False, None, False, 0)


def test_first_come_first_served(queue: JobQueue) -> None:
    ids = [add(queue, str(number)).id for number in range(3)]
    assert run_all(queue) == ids
    assert queue.claim("worker") is None


def test_states(queue: JobQueue) -> None:
    job = add(queue)
    begun = queue.claim("worker")
    assert begun is not None
    assert begun == queue.get(job.id)
    assert (begun.state, begun.attempts) == ("running", 1)
    assert begun.started is not None
    assert queue.finish(job.id, "failed", "No room.")
    over = queue.get(job.id)
    assert (over.state, over.error, over.is_over) == ("failed", "No room.", True)
    assert over.finished is not None
    assert not queue.finish(job.id, "done")
    assert queue.get(job.id) == over


def test_users_take_turns(queue: JobQueue) -> None:
    jobs = [add(queue, user=user) for user in ("ada", "ada", "ada", "bob", "bob", "cy")]
    assert [queue.get(one).user for one in run_all(queue)] == ["ada", "bob", "cy", "ada", "bob", "ada"]
    late = [add(queue, user=user) for user in ("ada", "dan", "cy")]
    assert run_all(queue) == [late[1].id, late[2].id, late[0].id]
    assert len(jobs) == queue.counts()["done"] - 3


def test_higher_priority_first(queue: JobQueue) -> None:
    ids = {priority: add(queue, user=str(priority), priority=priority).id for priority in (0, -1, 2)}
    assert queue.set_priority(ids[-1], 1)
    assert run_all(queue) == [ids[2], ids[-1], ids[0]]
    assert not queue.set_priority(ids[0], 5)


@pytest.mark.parametrize("priority", [1001, -1001, 10**30])
def test_priorities_out_of_range_are_refused(queue: JobQueue, priority: int) -> None:
    job = add(queue)
    with pytest.raises(InvalidRequest, match="priority .* out of range"):
        add(queue, priority=priority)
    with pytest.raises(InvalidRequest, match="priority .* out of range"):
        queue.set_priority(job.id, priority)
    assert queue.active() == [job]


def test_front(queue: JobQueue) -> None:
    first, second = add(queue).id, add(queue, priority=1).id
    third = add(queue, front=True).id
    assert [job.id for job in queue.active()] == [second, third, first]
    assert queue.to_front(first)
    assert run_all(queue) == [first, second, third]
    assert not queue.to_front(first)


def test_move(queue: JobQueue) -> None:
    a, b, c, d = (add(queue, name).id for name in "abcd")
    assert queue.move(d, b)
    assert [job.id for job in queue.active()] == [a, d, b, c]
    assert queue.move(a, None)
    assert [job.id for job in queue.active()] == [d, b, c, a]
    assert queue.move(b, b)
    queue.set_priority(c, 4)
    assert queue.move(a, c)
    assert run_all(queue) == [a, c, d, b]
    assert not queue.move(a, c)


def test_moving_before_a_strangers_job_gives_no_priority(queue: JobQueue) -> None:
    foreign, own = add(queue, user="ada", priority=7).id, add(queue, user="bob").id
    assert queue.move(own, foreign)
    assert run_all(queue) == [foreign, own]


def test_any_number_of_moves_between_two_jobs(queue: JobQueue) -> None:
    first, *others = (add(queue).id for _ in range(4))
    for turn in range(90):  # halving the room between two places would end after 32
        assert queue.move(others[turn % 3], others[(turn + 1) % 3])
        order = [job.id for job in queue.active()]
        assert order[0] == first
        assert order.index(others[turn % 3]) == order.index(others[(turn + 1) % 3]) - 1


def test_a_paused_job_is_left_out_and_keeps_its_place(queue: JobQueue) -> None:
    a, b = add(queue).id, add(queue).id
    assert queue.pause(a)
    assert queue.get(a).paused
    assert [job.id for job in queue.active()] == [b, a]
    assert queue.resume(a)
    assert run_all(queue) == [a, b]
    assert not queue.pause(a)


def test_pauses_outlive_the_server(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite3")
    queue = JobQueue(database)
    a, b = add(queue).id, add(queue).id
    queue.pause(a)
    queue.pause(None)
    database.close()
    database = Database(tmp_path / "jobs.sqlite3")
    queue = JobQueue(database)
    assert queue.is_paused()
    assert queue.claim("worker") is None
    assert queue.resume(None)
    assert not queue.is_paused()
    assert run_all(queue) == [b]
    assert queue.get(a).paused
    database.close()


def test_held_models_are_preferred(queue: JobQueue) -> None:
    jobs = [add(queue, model=model) for model in ("one", "two", "one", "two")]
    taken = []
    while (job := queue.claim("worker", held=("three", "two"))) is not None:
        taken.append(job.id)
    assert taken == [jobs[number].id for number in (1, 3, 0, 2)]


def test_nobody_waits_much_longer_than_others(queue: JobQueue) -> None:
    """Eight clients of whom each asks for its next one of 50 jobs when the one before is done, with three models."""
    users = {f"client {number}": 50 for number in range(8)}
    draw = random.Random(5)

    def ask(user: str) -> str:
        users[user] -= 1
        return add(queue, user=user, model=draw.choice("abc")).id

    asked = {ask(user): 0 for user in users}
    waits: list[int] = []
    held: tuple[str, ...] = ()
    while (job := queue.claim("worker", held=held)) is not None:
        waits.append(len(waits) - asked.pop(job.id))
        held = (job.model,)
        queue.finish(job.id, "done")
        if users[job.user]:
            asked[ask(job.user)] = len(waits)
    assert len(waits) == 400
    assert max(waits) <= 2 * sum(waits) / len(waits)


def test_a_crowd_of_one_does_not_keep_others_waiting(queue: JobQueue) -> None:
    users = [user for user in "abcdefgh" for _ in range(10)]
    owners = {add(queue, user=user).id: user for user in users}
    waits = dict.fromkeys(users, 0)
    for number, job_id in enumerate(run_all(queue)):
        waits[owners[job_id]] += number
    assert max(waits.values()) <= 1.2 * min(waits.values())


def test_running_jobs_come_first_among_the_active(queue: JobQueue) -> None:
    ids = [add(queue).id for _ in range(4)]
    queue.claim("worker")
    queue.cancel_queued(ids[1])
    assert [(job.id, job.state) for job in queue.active()] == [
        (ids[0], "running"),
        (ids[2], "queued"),
        (ids[3], "queued"),
    ]
    assert [job.id for job in queue.active(limit=2)] == [ids[0], ids[2]]


def test_listed_page_by_page(queue: JobQueue) -> None:
    jobs = [add(queue, user="ab"[number % 2]).id for number in range(9)]
    for state in ("done", "failed", "cancelled"):
        job = queue.claim("worker")
        assert job is not None
        queue.finish(job.id, state)
    assert [job.id for job in queue.listed()] == jobs[::-1]
    pages = [queue.listed(limit=4), queue.listed(limit=4, before=jobs[5]), queue.listed(limit=4, before=jobs[1])]
    assert [job.id for page in pages for job in page] == jobs[::-1]
    assert [job.id for job in queue.listed(user="b")] == jobs[7::-2]
    over = queue.listed(states=FINAL_STATES)
    assert {job.id for job in over} == set(jobs[:3])
    assert queue.listed(states=FINAL_STATES, user="a", before=over[0].id) == [
        job for job in over[1:] if job.user == "a"
    ]
    assert queue.listed(states=[]) == []
    assert queue.counts() == {"queued": 6, "running": 0, "done": 1, "failed": 1, "cancelled": 1}


def test_only_waiting_jobs_are_cancelled_in_the_queue(queue: JobQueue) -> None:
    running, waiting = add(queue).id, add(queue).id
    queue.claim("worker")
    assert not queue.cancel_queued(running)
    assert queue.get(running).state == "running"
    assert queue.cancel_queued(waiting)
    assert queue.get(waiting).state == "cancelled"
    assert not queue.cancel_queued(waiting)


def test_cancel_all_of_one_or_everybody(queue: JobQueue) -> None:
    running = add(queue, user="ada").id
    queue.claim("worker")
    ada, bob, nameless = add(queue, user="ada").id, add(queue, user="bob").id, add(queue).id
    queue.pause(ada)
    assert queue.cancel_all("ada") == [ada]
    assert queue.cancel_all("") == [nameless]
    assert queue.cancel_all(None) == [bob]
    assert queue.get(running).state == "running"


def test_running_jobs_can_be_asked_to_stop_from_elsewhere(queue: JobQueue) -> None:
    job = add(queue).id
    assert not queue.want_cancel(job)
    queue.claim("worker")
    assert not queue.is_cancel_wanted(job)
    assert queue.want_cancel(job)
    assert queue.is_cancel_wanted(job)


def test_retry_and_duplicate(queue: JobQueue) -> None:
    job = add(queue, '{"seed": 5}', asked="{}", user="ada", model="demo", work=3.0, priority=2, repeats=True)
    with pytest.raises(InvalidRequest, match=r"is queued\. Only what failed"):
        queue.retry(job.id, limit=9, limit_of_user=9)
    queue.claim("worker")
    queue.finish(job.id, "failed", "No room.")
    same = {"kind", "request", "asked", "user", "model", "work", "priority"}
    for again in (queue.retry(job.id, limit=9, limit_of_user=9), queue.duplicate(job.id, limit=9, limit_of_user=9)):
        assert again.model_dump(include=same) == job.model_dump(include=same)
        assert (again.id != job.id, again.origin, again.repeats, again.state) == (True, job.id, False, "queued")
    with pytest.raises(QueueFull):
        queue.retry(job.id, limit=9, limit_of_user=2)
    with pytest.raises(QueueFull):
        queue.duplicate(job.id, limit=2, limit_of_user=9)


def test_what_a_crash_kept_from_being_repeated_is_told(queue: JobQueue) -> None:
    jobs = {}
    for kind in ("broken", "goes on", "stopped", "single"):
        jobs[kind] = add(queue, repeats=kind != "single")
        assert queue.claim("worker") is not None
    assert queue.unrepeated() == []
    for job in jobs.values():
        queue.finish(job.id, "done")
    later = add(queue, repeats=True, origin=jobs["goes on"].id)
    queue.stop_repeating(jobs["stopped"].id)
    assert [job.id for job in queue.unrepeated()] == [jobs["broken"].id]
    queue.stop_repeating(later.id)
    assert [job.id for job in queue.unrepeated()] == [jobs["broken"].id]


def test_stop_repeating_reaches_what_came_of_the_job(queue: JobQueue) -> None:
    first = add(queue, repeats=True)
    second = add(queue, repeats=True, origin=first.id)
    third = add(queue, repeats=True, origin=second.id)
    other = add(queue, repeats=True)
    queue.stop_repeating(second.id)
    assert [queue.get(job.id).repeats for job in (first, second, third, other)] == [True, False, False, True]


def test_full_queue_refuses_and_says_which_limit(queue: JobQueue) -> None:
    new = NewJob(kind="txt2img", request="{}", user="ada")
    paused = queue.add(new, limit=2, limit_of_user=1)
    queue.pause(paused.id)
    with pytest.raises(QueueFull, match="1 jobs of 'ada' are waiting, and 1 are the most .*jobs_per_user"):
        queue.add(new, limit=2, limit_of_user=1)
    for _ in range(2):  # who has no name may be anybody
        queue.add(NewJob(kind="txt2img", request="{}"), limit=3, limit_of_user=1)
    with pytest.raises(QueueFull, match="3 waiting jobs, and 3 are the most .*queue_limit"):
        queue.add(new, limit=3, limit_of_user=9)
    queue.resume(paused.id)
    queue.claim("worker")
    assert queue.add(new, limit=3, limit_of_user=1).state == "queued"


@pytest.mark.parametrize(
    "ask",
    [
        lambda queue: queue.get("nonesuch"),
        lambda queue: queue.listed(before="nonesuch"),
        lambda queue: queue.finish("nonesuch", "done"),
        lambda queue: queue.cancel_queued("nonesuch"),
        lambda queue: queue.want_cancel("nonesuch"),
        lambda queue: queue.is_cancel_wanted("nonesuch"),
        lambda queue: queue.move("nonesuch", None),
        lambda queue: queue.move(queue.active()[0].id, "nonesuch"),
        lambda queue: queue.to_front("nonesuch"),
        lambda queue: queue.set_priority("nonesuch", 1),
        lambda queue: queue.pause("nonesuch"),
        lambda queue: queue.resume("nonesuch"),
        lambda queue: queue.retry("nonesuch", limit=9, limit_of_user=9),
        lambda queue: queue.duplicate("nonesuch", limit=9, limit_of_user=9),
        lambda queue: queue.stop_repeating("nonesuch"),
        lambda queue: queue.ready_in("nonesuch"),
    ],
)
def test_unknown_job(queue: JobQueue, ask: Callable[[JobQueue], object]) -> None:
    add(queue)
    with pytest.raises(NotFound, match="'nonesuch'"):
        ask(queue)


def test_a_job_that_goes_back_gives_its_turn_back(queue: JobQueue) -> None:
    for user in ("ada", "bob"):
        add(queue, user=user)
    run_all(queue)
    bob, ada = add(queue, user="bob").id, add(queue, user="ada").id
    begun = queue.claim("worker")
    assert begun is not None
    assert begun.id == ada
    never_had_a_turn = add(queue, user="cy").id
    queue.requeue()
    assert run_all(queue) == [never_had_a_turn, ada, bob]


@pytest.mark.parametrize("job_id", ["", "\ud800", "ü", "a\0b", "x" * 10**6, "' OR 1=1 --"])
def test_ids_that_are_none(queue: JobQueue, job_id: str) -> None:
    add(queue)
    with pytest.raises(NotFound) as refused:
        queue.move(job_id, None)
    assert len(str(refused.value).encode()) < 200


def test_interrupted_jobs_go_back_to_their_places(queue: JobQueue) -> None:
    ids = [add(queue, user=user).id for user in ("ada", "bob", "ada", "bob")]
    first, second = queue.claim("cuda:0"), queue.claim("cuda:1")
    assert first is not None
    assert second is not None
    assert queue.requeue("cuda:0") == 1
    assert (queue.get(first.id).state, queue.get(second.id).state) == ("queued", "running")
    assert queue.requeue() == 1
    assert queue.requeue() == 0
    assert [job.id for job in queue.active()] == ids
    again = queue.claim("cuda:1")
    assert again is not None
    assert (again.id, again.attempts) == (ids[0], 2)


def test_databases_of_older_versions_are_brought_up_to_date(database: Database) -> None:
    database.create_tables("jobs", STEPS[:2])
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO jobs (id, kind, state, request, created) VALUES (?, 'txt2img', ?, '{}', 1.0)",
            [("over", "done"), ("second", "queued"), ("third", "queued"), ("first", "running")],
        )
    queue = JobQueue(database)
    assert [job.id for job in queue.active()] == ["first", "second", "third"]
    new = add(queue)
    assert run_all(queue) == ["second", "third", new.id]
    assert queue.get("over").user == ""


def _spoil(database: Database, job: Job, column: str, value: object) -> None:
    with database.transaction() as connection:
        connection.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, job.id))


@pytest.mark.parametrize(("column", "value"), [("kind", "film"), ("created", "yesterday")])
def test_job_that_cannot_be_read_is_over_when_its_turn_comes(
    queue: JobQueue, database: Database, column: str, value: object
) -> None:
    """A newer version may know kinds of jobs that this one does not."""
    bad, good = add(queue, user="anna"), add(queue, user="anna")
    _spoil(database, bad, column, value)
    assert [job.id for job in queue.active()] == [bad.id, good.id]
    shown = queue.claim("worker")
    assert shown is not None
    assert (shown.id, shown.state, shown.user, shown.is_over) == (bad.id, "failed", "anna", True)
    assert "cannot be read" in (shown.error or "")
    assert run_all(queue) == [good.id]
    assert {job.id for job in queue.listed()} == {bad.id, good.id}
    assert queue.unrepeated() == []


def test_job_that_cannot_be_read_is_not_asked_for_again(queue: JobQueue, database: Database) -> None:
    bad = add(queue, repeats=True)
    _spoil(database, bad, "kind", "film")
    queue.claim("worker")
    for again in (queue.retry, queue.duplicate):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            again(bad.id, limit=9, limit_of_user=9)


def test_jobs_of_another_process_are_found_once_and_own_ones_never(tmp_path: Path) -> None:
    ours, theirs = Database(tmp_path / "jobs.sqlite3"), Database(tmp_path / "jobs.sqlite3")
    before = add(JobQueue(theirs))
    queue, other = JobQueue(ours), JobQueue(theirs)
    found: list[str] = []
    queue.find(found.append)
    own, foreign, begun = add(queue), add(other), add(other)
    assert other.claim("worker") is not None  # the one that was there before
    other.cancel_queued(begun.id)
    queue.find(found.append)
    queue.find(found.append)
    assert found == [foreign.id]
    assert {before.id, own.id}.isdisjoint(found)
    ours.close()
    theirs.close()


def test_job_that_cannot_be_accepted_is_kept_with_the_reason(queue: JobQueue) -> None:
    origin = add(queue)
    kept = queue.refuse(NewJob(kind="txt2img", request="{}", user="anna", origin=origin.id), "The model is gone.")
    assert (kept.state, kept.error, kept.user, kept.origin) == ("failed", "The model is gone.", "anna", origin.id)
    assert run_all(queue) == [origin.id]
