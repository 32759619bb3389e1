"""Jobs come to one end each, whatever they do and whoever stops them; the same with threads and with processes."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from modules.config.database import Database
from modules.errors import Interrupted, Skipped, StorageFull, UserError, WorkerUnavailable
from modules.jobs.job_control import JobControl
from modules.jobs.queue import JobQueue
from modules.jobs.thread_worker import ThreadWorker
from modules.jobs.workers import Bench, Sink
from modules.schema.events import PictureSaved, StateChanged
from modules.schema.jobs import Job, JobState
from modules.schema.pictures import Picture
from tests.jobs.benches import add, dispatching, has_begun, limits, process, states_of, thread, thread_on, until

KINDS = pytest.mark.parametrize("open_worker", [thread, process])


@KINDS
def test_job_is_run_and_told(database: Database, open_worker: Callable[[int], Any]) -> None:
    queue = JobQueue(database)
    with dispatching(queue, open_worker) as (dispatcher, events):
        job = add(queue, "steps:3")
        dispatcher.wake()
        until(lambda: queue.get(job.id).is_over)
        until(lambda: len(states_of(events, job)) == 2)
        assert queue.get(job.id).state == "done"
        assert states_of(events, job) == ["running", "done"]


@KINDS
@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("mistake:Full.", "Full."),
        ("fault:x", "The job failed by a fault of the program"),
        ("no_memory", "The job failed by a fault of the program"),
    ],
)
def test_fault_of_a_job_leaves_the_next_one_alone(
    database: Database, open_worker: Callable[[int], Any], word: str, message: str
) -> None:
    queue = JobQueue(database)
    with dispatching(queue, open_worker) as (dispatcher, _):
        bad, good = add(queue, word), add(queue)
        dispatcher.wake()
        until(lambda: queue.get(good.id).is_over)
    assert queue.get(bad.id).state == "failed"
    assert (queue.get(bad.id).error or "").startswith(message)
    assert queue.get(good.id).state == "done"


@KINDS
def test_interrupt_stops_the_named_job_only(database: Database, open_worker: Callable[[int], Any]) -> None:
    queue = JobQueue(database)
    with dispatching(queue, open_worker) as (dispatcher, events):
        endless, after = add(queue, "steps:0"), add(queue)
        dispatcher.wake()
        until(lambda: has_begun(events, endless))
        assert not dispatcher.interrupt(after.id)
        assert dispatcher.interrupt(endless.id)
        assert until(lambda: queue.get(endless.id).is_over) < 9  # what hangs is ended after 10
        until(lambda: queue.get(after.id).is_over)
    assert queue.get(endless.id).state == "cancelled"
    assert queue.get(after.id).state == "done"


def test_job_that_was_just_claimed_can_be_interrupted(database: Database) -> None:
    """Between the claim and the first word of the job nothing gets lost, 50 times."""
    queue = JobQueue(database)
    with dispatching(queue) as (dispatcher, _):
        for _ in range(50):
            job = add(queue, "steps:0")
            dispatcher.wake()
            until(lambda job=job: queue.get(job.id).state == "running" or None)  # type: ignore[misc]
            until(lambda job=job: dispatcher.interrupt(job.id) or queue.get(job.id).is_over)  # type: ignore[misc]
            # Sooner than what hangs is ended, which is after 10.
            until(lambda job=job: queue.get(job.id).is_over, seconds=9)  # type: ignore[misc]
            assert queue.get(job.id).state == "cancelled"


def test_skip_reaches_the_running_job_alone(database: Database) -> None:
    queue, skipped = JobQueue(database), threading.Event()

    def run(job: Job, control: JobControl) -> None:
        with control.part():
            while not skipped.is_set():
                try:
                    control.check()
                except Skipped:
                    skipped.set()
                time.sleep(0.002)

    with dispatching(queue, thread_on(run)) as (dispatcher, _):
        job, other = add(queue), add(queue)
        dispatcher.wake()
        until(lambda: queue.get(job.id).state == "running")
        assert not dispatcher.skip(other.id)
        time.sleep(0.05)
        assert not skipped.is_set()
        assert dispatcher.skip(job.id)
        until(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).state == "done"


def test_queue_that_fails_once_does_not_end_the_lane(database: Database) -> None:
    class FailingQueue(JobQueue):
        faults = ["requeue", "claim", "finish"]

        def claim(self, worker: str, *, held: Any = ()) -> Job | None:
            self._fail("claim")
            return super().claim(worker, held=held)

        def finish(self, job_id: str, state: JobState, error: str | None = None) -> bool:
            self._fail("finish")
            return super().finish(job_id, state, error)

        def requeue(self, worker: str | None = None) -> int:
            self._fail("requeue")
            return super().requeue(worker)

        def _fail(self, where: str) -> None:
            if where in self.faults:
                self.faults.remove(where)
                raise sqlite3.OperationalError("database is locked")

    queue = FailingQueue(database)
    with dispatching(queue):
        first, second = add(queue), add(queue)
        until(lambda: queue.get(second.id).is_over)
        until(lambda: queue.get(first.id).is_over)
    assert queue.get(first.id).state == "done"
    assert queue.get(first.id).attempts == 1
    assert not queue.faults


def test_cancel_that_cannot_be_written_down_at_once_is_not_forgotten(database: Database) -> None:
    class FullQueue(JobQueue):
        faults = 3

        def finish(self, job_id: str, state: JobState, error: str | None = None) -> bool:
            if self.faults:
                self.faults -= 1
                raise StorageFull("The disk is full.")
            return super().finish(job_id, state, error)

    queue = FullQueue(database)
    with dispatching(queue) as (dispatcher, events):
        job = add(queue, "steps:0")
        until(lambda: has_begun(events, job))
        dispatcher.interrupt(job.id)
        until(lambda: queue.get(job.id).state != "running")
        assert (queue.get(job.id).state, queue.get(job.id).attempts) == ("cancelled", 1)
        assert states_of(events, job) == ["running", "cancelled"]


def test_fault_of_the_queue_while_a_job_runs_leaves_it_running(database: Database) -> None:
    class FailingQueue(JobQueue):
        fault = True

        def is_cancel_wanted(self, job_id: str) -> bool:
            if self.fault:
                self.fault = False
                raise sqlite3.OperationalError("disk I/O error")
            return super().is_cancel_wanted(job_id)

    queue = FailingQueue(database)
    with dispatching(queue) as (dispatcher, events):
        job = add(queue, "steps:0")
        until(lambda: not queue.fault)
        time.sleep(1.2)
        dispatcher.interrupt(job.id)
        until(lambda: queue.get(job.id).is_over, seconds=8)
        until(lambda: states_of(events, job)[-1:] == ["cancelled"])
        assert states_of(events, job) == ["running", "cancelled"]


def test_worker_that_cannot_be_started_is_tried_again_and_costs_no_job(database: Database) -> None:
    class Unborn:
        def start(self, receive: Any) -> None:
            raise OSError("No more processes.")

        def send(self, message: Any) -> None:
            raise AssertionError("it is not there")

        kill = start

    tries: list[int] = []

    def open_worker(number: int) -> Any:
        tries.append(number)
        return thread(number) if len(tries) > 2 else Unborn()

    queue = JobQueue(database)
    with dispatching(queue, open_worker):
        job = add(queue)
        until(lambda: queue.get(job.id).is_over)
    assert (queue.get(job.id).state, queue.get(job.id).attempts, len(tries)) == ("done", 1, 3)


def test_what_a_killed_server_left_running_waits_while_no_worker_is_ready(database: Database) -> None:
    queue, let = JobQueue(database), threading.Event()
    left = add(queue)
    assert queue.claim("worker-7") is not None
    preparing = Bench(run=lambda job, control: None, prepare=lambda: assert_set(let))
    with dispatching(queue, lambda number: ThreadWorker(lambda sink: preparing)):
        until(lambda: queue.get(left.id).state == "queued")
        let.set()
        until(lambda: queue.get(left.id).is_over)


def assert_set(event: threading.Event) -> None:
    assert event.wait(60)


def test_job_that_keeps_what_it_has_is_given_time_for_that(database: Database) -> None:
    """It was interrupted in time; what it then does, such as decoding, may take longer than it had for obeying."""
    queue, has_part, obeyed = JobQueue(database), threading.Event(), threading.Event()

    def run(job: Job, control: JobControl) -> None:
        try:
            with control.part(only=True):
                has_part.set()  # before it there is nothing to keep: the worker ends the job itself
                while True:
                    control.check()
                    time.sleep(0.002)
        except Interrupted:
            assert control.settle()
            time.sleep(6)
            obeyed.set()
            raise

    with dispatching(queue, thread_on(run), limits=limits(obey=3.0)) as (dispatcher, _):
        job = add(queue)
        until(has_part.is_set)
        dispatcher.interrupt(job.id)
        until(lambda: queue.get(job.id).is_over)
        assert obeyed.is_set()
    assert queue.get(job.id).state == "cancelled"


def test_job_that_cannot_be_read_fails_with_a_sentence_and_the_next_one_runs(database: Database) -> None:
    queue, ended = JobQueue(database), []
    bad, good = add(queue), add(queue)
    with database.transaction() as connection:
        connection.execute("UPDATE jobs SET kind = 'film' WHERE id = ?", (bad.id,))
    with dispatching(queue, ended=lambda job: ended.append(job.id)) as (_, events):
        until(lambda: ended == [bad.id, good.id])
        assert [queue.get(job.id).state for job in (bad, good)] == ["failed", "done"]
        (told,) = events.after(bad.id, 0)
        assert isinstance(told, StateChanged)
        assert told.state == "failed"
        assert "cannot be read" in (told.message or "")


def test_job_of_another_process_is_told_of_while_one_runs_and_while_the_queue_is_paused(database: Database) -> None:
    queue, other = JobQueue(database), JobQueue(database)
    with dispatching(queue) as (dispatcher, events):
        endless = add(queue, "steps:0")
        until(lambda: has_begun(events, endless))
        waiting = add(other)
        until(lambda: states_of(events, waiting) == ["queued"])
        other.pause(None)
        dispatcher.interrupt(endless.id)
        until(lambda: queue.get(endless.id).is_over)
        later = add(other)
        until(lambda: states_of(events, later) == ["queued"])
        other.resume(None)
        until(lambda: states_of(events, later) == ["queued", "running", "done"])
        assert states_of(events, waiting) == ["queued", "running", "done"]
        assert states_of(events, endless) == ["running", "cancelled"]


@KINDS
def test_another_process_can_cancel_the_running_job(database: Database, open_worker: Callable[[int], Any]) -> None:
    queue = JobQueue(database)
    with dispatching(queue, open_worker) as (_, events):
        job = add(queue, "steps:0")
        until(lambda: has_begun(events, job))
        queue.want_cancel(job.id)
        until(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).state == "cancelled"


@KINDS
def test_interrupt_just_before_stopping_is_not_undone(database: Database, open_worker: Callable[[int], Any]) -> None:
    queue = JobQueue(database)
    with dispatching(queue, open_worker) as (dispatcher, events):
        job = add(queue, "steps:0")
        until(lambda: has_begun(events, job))
        dispatcher.interrupt(job.id)
    assert queue.get(job.id).state == "cancelled"


@KINDS
def test_stopping_puts_the_running_job_back(database: Database, open_worker: Callable[[int], Any]) -> None:
    queue = JobQueue(database)
    job = add(queue, "steps:0")
    with dispatching(queue, open_worker, stop_in=20.0) as (_, events):
        until(lambda: has_begun(events, job))
        began = time.monotonic()
    assert time.monotonic() - began < 16  # what hangs is ended after 20
    assert queue.get(job.id).state == "queued"
    with dispatching(queue, thread_on(lambda job, control: None)):
        until(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).state == "done"


def test_what_a_killed_server_left_running_is_run_first(database: Database) -> None:
    queue = JobQueue(database)
    left, new = add(queue), add(queue)
    assert queue.claim("worker-7") is not None
    with dispatching(queue):
        until(lambda: queue.get(new.id).is_over)
    started = {one.id: one.started or 0 for one in (queue.get(left.id), queue.get(new.id))}
    assert started[left.id] < started[new.id]
    assert queue.get(left.id).state == "done"


def test_job_of_another_process_is_found_without_waking(database: Database) -> None:
    queue = JobQueue(database)
    with dispatching(queue):
        job = add(queue)
        until(lambda: queue.get(job.id).is_over)


def test_two_workers_run_two_jobs_at_once(database: Database) -> None:
    queue, together = JobQueue(database), threading.Barrier(2, timeout=60)

    def run(job: Job, control: JobControl) -> None:
        together.wait()

    with dispatching(queue, thread_on(run), workers=2) as (dispatcher, _):
        jobs = [add(queue) for _ in range(6)]
        dispatcher.wake()
        until(lambda: all(queue.get(job.id).is_over for job in jobs))
    assert {queue.get(job.id).state for job in jobs} == {"done"}


@KINDS
def test_worker_answers_while_a_job_runs_and_does_chores_after_it(
    database: Database, open_worker: Callable[[int], Any]
) -> None:
    queue = JobQueue(database)
    with dispatching(queue, open_worker) as (dispatcher, events):
        job = add(queue, "steps:0")
        until(lambda: has_begun(events, job))
        assert dispatcher.ask_one("echo", {"word": "é"}, 60) == {"word": "é"}
        with pytest.raises(UserError, match="No such thing"):
            dispatcher.ask_one("wrong", {}, 60)
        with pytest.raises(WorkerUnavailable):
            dispatcher.ask_one("pid", {}, 0.2)
        dispatcher.interrupt(job.id)
        assert dispatcher.ask_one("pid", {}, 60)["pid"] > 0


def test_all_workers_are_asked_at_once(database: Database) -> None:
    """None waits for another one's answer, and one that is too late keeps none of them from being asked."""
    together, late, goes_on = threading.Barrier(3, timeout=60), set(), threading.Event()

    def bench(number: int) -> Bench:
        def answer(content: Any) -> dict[str, int]:
            together.wait()
            return {"number": number}

        return Bench(run=lambda job, control: None, answers={"number": answer, "late": lambda content: wait(number)})

    def wait(number: int) -> dict[str, int]:
        if number == 0:
            goes_on.wait(30)
        late.add(number)
        return {}

    with dispatching(JobQueue(database), lambda number: ThreadWorker(lambda sink: bench(number)), workers=3) as (
        dispatcher,
        _,
    ):
        assert [answer["number"] for answer in dispatcher.ask("number", {}, 60)] == [0, 1, 2]
        with pytest.raises(WorkerUnavailable):
            dispatcher.ask("late", {}, 1)
        until(lambda: late == {1, 2})
        goes_on.set()


def test_answer_has_one_deadline_with_the_worker_that_is_to_give_it(database: Database) -> None:
    let = threading.Event()

    class Late(ThreadWorker):
        def start(self, receive: Any) -> None:
            super().start(lambda message: None)  # it is there and says nothing

    def open_worker(number: int) -> Late:
        assert let.wait(60)
        return Late(lambda sink: Bench(run=lambda job, control: None, answers={"echo": dict}))

    with dispatching(JobQueue(database), open_worker, stop_in=0.1) as (dispatcher, _):
        threading.Timer(4.5, let.set).start()
        began = time.monotonic()
        with pytest.raises(WorkerUnavailable):
            dispatcher.ask_one("echo", {}, 5.0)
        assert time.monotonic() - began < 9.0


def test_question_to_a_worker_that_dies_over_it_was_asked_in_vain(database: Database) -> None:
    def bench(sink: Sink) -> Bench:
        def answer(content: Any) -> dict[str, Any]:
            assert isinstance(sink, ThreadWorker)
            sink.kill()
            return {}

        return Bench(run=lambda job, control: None, answers={"last": answer})

    with dispatching(JobQueue(database), lambda number: ThreadWorker(bench)) as (dispatcher, _):
        began = time.monotonic()
        with pytest.raises(WorkerUnavailable):
            dispatcher.ask("last", {}, 30)
        assert time.monotonic() - began < 20


def test_nobody_to_ask_is_told_in_words(database: Database) -> None:
    with dispatching(JobQueue(database)) as (dispatcher, _):
        pass
    with pytest.raises(WorkerUnavailable):
        dispatcher.ask_one("echo", {}, 0.1)


def test_picture_of_an_earlier_attempt_is_told_once(database: Database) -> None:
    queue = JobQueue(database)

    def picture(number: int) -> Picture:
        fields: dict[str, Any] = {"id": number, "job_id": "x", "index": 0, "path": "a.png", "width": 1, "height": 1}
        return Picture(**fields, seed=1, infotext="", created=0.0)

    class Dying:
        """Tells of a picture; the first one dies then."""

        born = 0

        def start(self, receive: Any) -> None:
            Dying.born += 1
            self.receive, self.number = receive, Dying.born

        def send(self, message: Any) -> None:
            threading.Thread(target=self._obey, args=(message,)).start()

        def kill(self) -> None:
            pass

        def _obey(self, message: Any) -> None:
            from modules.jobs.workers import Ended, Gone, Ready, Told

            if message.kind == "prepare":
                self.receive(Ready())
            elif message.kind == "run":
                for number in range(1, self.number + 1):
                    self.receive(Told(event=PictureSaved(job_id=message.job.id, picture=picture(number))))
                self.receive(Gone() if self.number == 1 else Ended(job_id=message.job.id, state="done"))
            elif message.kind == "stop":
                self.receive(Gone())

    job = add(queue)
    with dispatching(queue, lambda number: Dying()) as (_, events):
        until(lambda: queue.get(job.id).is_over)
        until(lambda: states_of(events, job)[-1:] == ["done"])
        told = [event.picture.id for event in events.after(job.id, 0) if isinstance(event, PictureSaved)]
        assert told == [1, 2]
        assert states_of(events, job) == ["running", "queued", "running", "done"]


def test_what_follows_the_end_of_a_job_cannot_stop_the_next(database: Database) -> None:
    queue, ended = JobQueue(database), []

    def over(job: Job) -> None:
        ended.append(job.id)
        raise ZeroDivisionError

    with dispatching(queue, ended=over):
        jobs = [add(queue) for _ in range(3)]
        until(lambda: len(ended) == 3)
    assert ended == [job.id for job in jobs]


def test_many_jobs_with_random_cancels_have_one_end_each(database: Database) -> None:
    """Three workers, four clients with 25 jobs each: every job has one end, and no cancel hits another job."""
    queue, wanted = JobQueue(database), set()
    with dispatching(queue, thread, workers=3) as (dispatcher, events):

        def client(number: int) -> None:
            for turn in range(25):
                job = add(queue, "steps:4", user=f"client {number}")
                dispatcher.wake()
                if (turn + number) % 3 == 0:
                    wanted.add(job.id)
                    if not queue.cancel_queued(job.id) and not dispatcher.interrupt(job.id):
                        queue.want_cancel(job.id)

        clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        until(lambda: not queue.active(), seconds=60)
        jobs = queue.listed(limit=200)
        assert len(jobs) == 100
        for job in jobs:
            assert job.state in (("cancelled", "done") if job.id in wanted else ("done",))


def test_time_limit_is_read_anew_for_each_look(database: Database) -> None:
    queue, allowed = JobQueue(database), {"job": 60.0}
    with dispatching(queue, limits=lambda: limits(job=allowed["job"])()) as (_, events):
        job = add(queue, "steps:0")
        until(lambda: has_begun(events, job))
        allowed["job"] = 0.1
        until(lambda: queue.get(job.id).is_over, seconds=30)
    assert queue.get(job.id).state == "failed"
    assert "setting job_time_limit" in (queue.get(job.id).error or "")


def test_a_worker_that_cannot_open_its_bench_costs_no_job_its_life(database: Database) -> None:
    queue, opened = JobQueue(database), count()

    def open_bench(sink: Sink) -> Bench:
        if next(opened) < 2:
            raise OSError("no bench")
        return Bench(run=lambda job, control: None)

    with dispatching(queue, lambda number: ThreadWorker(open_bench)) as (_, events):
        job = add(queue)
        until(lambda: queue.get(job.id).is_over)
    assert states_of(events, job) == ["running", "done"]
    assert queue.get(job.id).attempts == 1
