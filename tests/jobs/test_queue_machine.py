"""Whatever is done to a queue, in whatever order: it does what a simple list of jobs would do."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from modules.config.database import Database
from modules.jobs.order import PASSES
from modules.jobs.queue import JobQueue
from modules.schema.jobs import FINAL_STATES, JobState, NewJob

_USERS = ("", "ada", "bob")
_WORKERS = ("cuda:0", "cuda:1")


@dataclass
class _Expected:
    user: str
    model: str
    priority: int
    state: JobState = "queued"
    worker: str = ""
    paused: bool = False
    repeats: bool = False
    origin: str | None = None
    attempts: int = 0
    turn_before: int = 0


class QueueMachine(RuleBasedStateMachine):
    """A queue beside a model of it: the jobs, their order by place, and the turns of users."""

    ids = Bundle("ids")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.jobs: dict[str, _Expected] = {}
        self.places: list[str] = []
        self.turns = dict.fromkeys(_USERS, 0)
        self.paused = False
        self._open()

    def _open(self) -> None:
        self.database = Database(Path(self.folder.name) / "jobs.sqlite3")
        self.database.rows("PRAGMA synchronous = OFF")  # power does not fail here
        self.queue = JobQueue(self.database)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self._run_in_the_order_told()
            assert self.database.rows("PRAGMA integrity_check")[0][0] == "ok"
            self.database.close()
            self.folder.cleanup()

    def _run_in_the_order_told(self) -> None:
        """One worker, which holds the model that it used last, begins the jobs in the order that was told."""
        self.queue.requeue()
        self.queue.resume(None)
        queue = JobQueue(self.database)
        told = [job.id for job in queue.active() if not job.paused]
        held: tuple[str, ...] = ()
        begun = []
        while (job := queue.claim("cuda:0", held=held)) is not None:
            begun.append(job.id)
            held = (job.model,) if job.model else held
            queue.finish(job.id, "done")
        assert begun == told

    def _kept(self, job_id: str, job: _Expected, front: bool = False) -> str:
        self.jobs[job_id] = job
        self.places.insert(0 if front else len(self.places), job_id)
        return job_id

    def _waits(self, job_id: str) -> bool:
        return self.jobs[job_id].state == "queued"

    def _ready(self) -> list[str]:
        """By place, those of the highest priority that may begin."""
        ready = [one for one in self.places if self._waits(one) and not self.jobs[one].paused]
        highest = max((self.jobs[one].priority for one in ready), default=0)
        return [one for one in ready if self.jobs[one].priority == highest]

    def _in_turn(self, ready: list[str]) -> list[str]:
        """The first job of each user, in the order of turns."""
        users = {self.jobs[one].user: one for one in reversed(ready)}
        return sorted(users.values(), key=lambda one: (self.turns[self.jobs[one].user], self.places.index(one)))

    # What comes in

    @rule(
        target=ids,
        user=st.sampled_from(_USERS),
        model=st.sampled_from(["", "a", "b"]),
        priority=st.sampled_from([0, 0, 1]),
        front=st.booleans(),
        repeats=st.booleans(),
    )
    def add(self, user: str, model: str, priority: int, front: bool, repeats: bool) -> str:
        new = NewJob(
            kind="txt2img", request="{}", user=user, model=model, priority=priority, front=front, repeats=repeats
        )
        job = self.queue.add(new, limit=10**6, limit_of_user=10**6)
        return self._kept(job.id, _Expected(user, model, priority, repeats=repeats), front)

    @rule(target=ids, old=ids)
    def duplicate(self, old: str) -> str:
        job = self.queue.duplicate(old, limit=10**6, limit_of_user=10**6)
        like = self.jobs[old]
        return self._kept(job.id, _Expected(like.user, like.model, like.priority, origin=old))

    @rule(target=ids, old=ids)
    def repeat(self, old: str) -> str:
        like = self.jobs[old]
        new = NewJob(kind="txt2img", request="{}", user=like.user, repeats=like.repeats, origin=old)
        job = self.queue.add(new, limit=10**6, limit_of_user=10**6)
        return self._kept(job.id, _Expected(like.user, "", 0, repeats=like.repeats, origin=old))

    # What workers do

    @rule(worker=st.sampled_from(_WORKERS), held=st.sets(st.sampled_from("ab")))
    def claim(self, worker: str, held: set[str]) -> None:
        ready = self._ready()
        job = self.queue.claim(worker, held=held)
        if self.paused or not ready:
            assert job is None
            return
        assert job is not None
        firsts = self._in_turn(ready)
        assert job.id in ready
        if job.id not in firsts or firsts.index(job.id) > 0:
            assert job.model in held
            assert self.jobs[firsts[0]].model not in {*held, ""}
        if not held:
            assert job.id == firsts[0]
        self._begun(job.id, worker)

    def _begun(self, job_id: str, worker: str) -> None:
        job = self.jobs[job_id]
        job.turn_before = self.turns[job.user]
        self.turns[job.user] = max(self.turns.values()) + 1
        job.state, job.worker, job.attempts = "running", worker, job.attempts + 1

    @rule(job=ids, state=st.sampled_from(sorted(FINAL_STATES)))
    def finish(self, job: str, state: JobState) -> None:
        runs = self.jobs[job].state == "running"
        assert self.queue.finish(job, state) == runs
        if runs:
            self.jobs[job].state = state

    @rule(worker=st.sampled_from([None, *_WORKERS]))
    def requeue(self, worker: str | None) -> None:
        back = [job for job in self.jobs.values() if job.state == "running" and worker in (None, job.worker)]
        assert self.queue.requeue(worker) == len(back)
        for job in back:
            job.state = "queued"
            self.turns[job.user] = min(self.turns[job.user], job.turn_before)

    @rule()
    def restart(self) -> None:
        self.database.close()
        self._open()

    # What people do

    @rule(job=ids)
    def cancel(self, job: str) -> None:
        waits = self._waits(job)
        assert self.queue.cancel_queued(job) == waits
        if waits:
            self.jobs[job].state = "cancelled"

    @rule(user=st.sampled_from([None, *_USERS]))
    def cancel_all(self, user: str | None) -> None:
        waiting = {one for one, job in self.jobs.items() if job.state == "queued" and user in (None, job.user)}
        assert set(self.queue.cancel_all(user)) == waiting
        for one in waiting:
            self.jobs[one].state = "cancelled"

    @rule(job=ids, before=ids)
    def move(self, job: str, before: str) -> None:
        wait = self._waits(job) and self._waits(before)
        assert self.queue.move(job, before) == wait
        if wait and job != before:
            self.places.remove(job)
            self.places.insert(self.places.index(before), job)
            if self.jobs[job].user == self.jobs[before].user:
                self.jobs[job].priority = self.jobs[before].priority

    @rule(job=ids)
    def move_to_end(self, job: str) -> None:
        waits = self._waits(job)
        assert self.queue.move(job, None) == waits
        if waits:
            self.places.remove(job)
            self.places.append(job)

    @rule(job=ids)
    def to_front(self, job: str) -> None:
        waits = self._waits(job)
        assert self.queue.to_front(job) == waits
        if waits:
            self.places.remove(job)
            self.places.insert(0, job)
            own = [one for one in self.jobs.values() if one.state == "queued" and one.user == self.jobs[job].user]
            self.jobs[job].priority = max(one.priority for one in own)

    @rule(job=ids, priority=st.integers(-1, 2))
    def set_priority(self, job: str, priority: int) -> None:
        waits = self._waits(job)
        assert self.queue.set_priority(job, priority) == waits
        if waits:
            self.jobs[job].priority = priority

    @rule(job=ids, paused=st.booleans())
    def pause_one(self, job: str, paused: bool) -> None:
        waits = self._waits(job)
        assert (self.queue.pause(job) if paused else self.queue.resume(job)) == waits
        if waits:
            self.jobs[job].paused = paused

    @rule(paused=st.booleans())
    def pause_all(self, paused: bool) -> None:
        self.paused = paused
        assert self.queue.pause(None) if paused else self.queue.resume(None)

    @rule(job=ids)
    def stop_repeating(self, job: str) -> None:
        self.queue.stop_repeating(job)
        reached = [job]
        for one in reached:
            self.jobs[one].repeats = False
            reached += [later for later, it in self.jobs.items() if it.origin == one and it.repeats]

    # What holds at any time

    @invariant()
    def every_job_is_there_as_expected(self) -> None:
        found = {
            job.id: (job.user, job.model, job.priority, job.state, job.paused, job.repeats, job.origin, job.attempts)
            for job in self.queue.listed(limit=10**6)
        }
        assert found == {
            one: (job.user, job.model, job.priority, job.state, job.paused, job.repeats, job.origin, job.attempts)
            for one, job in self.jobs.items()
        }

    @invariant()
    def nobody_is_passed_over_too_often(self) -> None:
        for table in ("jobs", "job_users"):
            assert self.database.rows(f"SELECT coalesce(max(passed), 0) FROM {table}")[0][0] <= PASSES


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
