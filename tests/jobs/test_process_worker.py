"""A worker process may hang, crash or be killed: its job ends or is run again, and the next one is run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from modules.config.database import Database
from modules.config.paths import ROOT
from modules.jobs.dispatcher import Dispatcher
from modules.jobs.process_worker import ProcessWorker
from modules.jobs.queue import JobQueue
from tests.jobs.benches import add, deaf_program, dispatching, has_begun, limits, process, states_of, until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the faults are made by signals and libc")


def pid_of(dispatcher: Dispatcher) -> int:
    return int(dispatcher.ask_one("pid", {}, 60)["pid"])


@pytest.mark.parametrize("word", ["hang", "hold", "steps:0"])
def test_job_past_its_limit_fails_and_the_next_is_run(database: Database, word: str) -> None:
    """L11: failed at the limit + 5 s at most; the next job runs 15 s later at most."""
    queue = JobQueue(database)
    with dispatching(queue, process, limits=limits(job=3.0)) as (dispatcher, _):
        pid_of(dispatcher)
        hanging, after = add(queue, word), add(queue)
        dispatcher.wake()
        assert until(lambda: queue.get(hanging.id).is_over) < 3.0 + 5.0
        assert until(lambda: queue.get(after.id).is_over) < 15
        assert queue.get(hanging.id).state == "failed"
        assert (queue.get(hanging.id).error or "").startswith("The job took longer than 3 seconds")
        assert queue.get(after.id).state == "done"


def test_worker_without_a_sign_of_life_is_replaced(database: Database) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process, limits=limits(beat=2.0)) as (_, events):
        hanging, after = add(queue, "hold"), add(queue)
        until(lambda: queue.get(hanging.id).is_over)
        until(lambda: queue.get(after.id).is_over)
        assert queue.get(hanging.id).state == "failed"
        assert states_of(events, hanging) == ["running", "queued", "running", "failed"]
        assert queue.get(after.id).state == "done"


def test_job_that_is_quiet_for_too_long_fails_and_one_that_goes_on_does_not(database: Database) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process, limits=limits(quiet=4.0)) as (dispatcher, _):
        pid_of(dispatcher)
        slow, hanging = add(queue, "slow:1.5 slow:1.5 slow:1.5"), add(queue, "steps:2 hang")
        dispatcher.wake()
        until(lambda: queue.get(slow.id).is_over)
        assert until(lambda: queue.get(hanging.id).is_over) < 4.0 + 5.0
        assert queue.get(slow.id).state == "done"
        assert queue.get(hanging.id).state == "failed"
        assert (queue.get(hanging.id).error or "").startswith("Nothing was heard of the job for 4 seconds")


def test_job_that_is_for_too_long_in_what_others_wrote_fails_and_says_in_what(database: Database) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process, limits=limits(foreign=3.0)) as (dispatcher, _):
        pid_of(dispatcher)
        often, hanging, after = add(queue, "+slow:1.4 slow:3.4 +slow:1.4"), add(queue, "steps:2 +hang"), add(queue)
        dispatcher.wake()
        until(lambda: queue.get(after.id).is_over and queue.get(hanging.id).is_over)
        assert [queue.get(job.id).state for job in (often, hanging, after)] == ["done", "failed", "done"]
        assert (queue.get(hanging.id).error or "").startswith(
            "The hook tides.hang took longer than 3 seconds, the most"
        )


@pytest.mark.parametrize("word", ["hang", "hold"])
def test_interrupt_that_is_not_obeyed_kills(database: Database, word: str) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process, limits=limits(obey=1.0)) as (dispatcher, events):
        hanging, after = add(queue, f"steps:2 {word}"), add(queue)
        until(lambda: has_begun(events, hanging))
        assert dispatcher.interrupt(hanging.id)
        assert until(lambda: queue.get(hanging.id).is_over) < 8
        until(lambda: queue.get(after.id).is_over)
        assert queue.get(hanging.id).state == "cancelled"
        assert queue.get(after.id).state == "done"


def test_slow_steps_are_no_hanging(database: Database) -> None:
    """Whoever took two seconds for a step is given longer than the limit to obey."""
    queue = JobQueue(database)
    with dispatching(queue, process, limits=limits(obey=0.5)) as (dispatcher, events):
        pid = pid_of(dispatcher)
        job = add(queue, "slow:1.5 slow:1.5 steps:0")
        until(lambda: has_begun(events, job))
        time.sleep(0.1)
        dispatcher.interrupt(job.id)
        until(lambda: queue.get(job.id).is_over)
        assert queue.get(job.id).state == "cancelled"
        assert pid_of(dispatcher) == pid


def test_worker_that_hears_nothing_holds_nobody_up(database: Database) -> None:
    """Words for one that hangs may be more than a pipe holds."""
    queue, patience = JobQueue(database), [60.0]  # until it has been started

    def worker(number: int) -> ProcessWorker:
        return ProcessWorker(deaf_program, "")

    with dispatching(queue, worker, limits=lambda: limits(beat=patience[0])()) as (dispatcher, _):
        job = add(queue, "nothing " * 1_000_000)
        until(lambda: queue.get(job.id).state == "running", seconds=60)
        patience[0] = 2.0
        began = time.monotonic()
        assert dispatcher.interrupt(job.id)
        assert time.monotonic() - began < 5
        until(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).state == "cancelled"


def test_crash_is_tried_twice(database: Database) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process) as (_, events):
        bad, good = add(queue, "crash"), add(queue)
        until(lambda: queue.get(good.id).is_over)
        assert states_of(events, bad) == ["running", "queued", "running", "failed"]
        assert "ended unexpectedly, twice" in (queue.get(bad.id).error or "")
        assert queue.get(good.id).state == "done"


def test_job_whose_worker_was_killed_is_run_again(database: Database) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process) as (dispatcher, events):
        job = add(queue, "steps:100 crash_once steps:2")
        until(lambda: queue.get(job.id).is_over)
        until(lambda: states_of(events, job)[-1:] == ["done"])
        assert states_of(events, job) == ["running", "queued", "running", "done"]


def test_idle_worker_that_was_killed_is_replaced(database: Database) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process) as (dispatcher, _):
        pid = pid_of(dispatcher)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(pid))
        job = add(queue)
        until(lambda: queue.get(job.id).is_over)
        assert queue.get(job.id).state == "done"
        assert pid_of(dispatcher) != pid


def test_question_to_a_worker_that_dies_is_answered(database: Database) -> None:
    from modules.errors import UserError

    queue = JobQueue(database)
    with dispatching(queue, process) as (dispatcher, events):
        job = add(queue, "steps:200 crash")
        until(lambda: has_begun(events, job))
        began = time.monotonic()
        with pytest.raises(UserError, match="does not answer"):
            dispatcher.ask_one("pid", {}, 60)
        assert time.monotonic() - began < 30


@pytest.mark.parametrize("word", ["steps:0", "hang", "hold"])
def test_stopping_takes_no_longer_than_its_grace(database: Database, word: str) -> None:
    queue = JobQueue(database)
    with dispatching(queue, process, stop_in=4.0) as (dispatcher, events):
        pid = pid_of(dispatcher)
        job = add(queue, f"steps:2 {word}")
        until(lambda: has_begun(events, job))
        began = time.monotonic()
    assert time.monotonic() - began < 7.5
    assert queue.get(job.id).state == "queued"
    until(lambda: _is_gone(pid))


_SERVER = """
import sys, time
from pathlib import Path
from modules.config.database import Database
from modules.jobs.queue import JobQueue
from tests.jobs import benches
if __name__ == "__main__":
    queue = JobQueue(Database(Path(sys.argv[1])))
    with benches.dispatching(queue, benches.process) as (dispatcher, events):
        pid = dispatcher.ask_one("pid", {}, 60)["pid"]
        job = benches.add(queue, sys.argv[2])
        benches.until(lambda: benches.has_begun(events, job))
        print(pid, flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("word", ["steps:0", "steps:2 hang", "steps:2 hold"])
def test_worker_ends_with_a_server_that_was_killed(tmp_path: Path, word: str) -> None:
    program = tmp_path / "server.py"
    program.write_text(_SERVER)
    command = [sys.executable, str(program), str(tmp_path / "jobs.sqlite3"), word]
    server = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert psutil.pid_exists(pid)
        server.kill()
        server.wait()
        until(lambda: _is_gone(pid), seconds=30)


def test_ctrl_c_in_the_terminal_does_not_reach_the_worker(database: Database) -> None:
    """It has a process group of its own, and takes no notice of the signal."""
    queue = JobQueue(database)
    with dispatching(queue, process) as (dispatcher, events):
        pid = pid_of(dispatcher)
        assert os.getpgid(pid) == pid != os.getpgid(0)
        job = add(queue, "steps:50")
        until(lambda: has_begun(events, job))
        os.kill(pid, signal.SIGINT)
        until(lambda: queue.get(job.id).is_over)
        assert queue.get(job.id).state == "done"
        assert pid_of(dispatcher) == pid


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
