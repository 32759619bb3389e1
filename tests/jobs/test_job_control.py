"""What is asked of a running job, and when the job hears of it."""

from __future__ import annotations

import threading
from contextlib import nullcontext, suppress
from typing import Literal

import pytest

from modules.errors import Interrupted, Skipped
from modules.jobs.job_control import JobControl

Ending = Literal["interrupted", "skipped", "goes on"]


def heard(control: JobControl) -> Ending:
    try:
        control.check()
    except Interrupted:
        return "interrupted"
    except Skipped:
        return "skipped"
    return "goes on"


def test_nothing_asked_nothing_heard() -> None:
    control = JobControl()
    with control.part():
        assert heard(control) == "goes on"
    assert (control.is_interrupted, control.is_stopping, control.is_due) == (False, False, False)


@pytest.mark.parametrize("in_part", [True, False])
def test_now_is_now(in_part: bool) -> None:
    control = JobControl()
    with control.part() if in_part else nullcontext():
        control.interrupt("now")
        assert heard(control) == "interrupted"
    assert control.is_interrupted and control.is_due


def test_after_current_waits_for_the_end_of_the_part() -> None:
    control = JobControl()
    with control.part():
        control.interrupt("after_current")
        assert (heard(control), control.is_due, control.wants_end_after_current()) == ("goes on", False, True)
    assert (heard(control), control.is_due) == ("interrupted", True)
    with pytest.raises(Interrupted), control.part():
        pytest.fail("no part begins any more")


@pytest.mark.parametrize("only", [True, False])
def test_asked_twice_or_of_an_only_part_it_is_now(only: bool) -> None:
    control = JobControl()
    with control.part(only=only):
        control.interrupt("after_current")
        assert heard(control) == ("interrupted" if only else "goes on")
        control.interrupt("after_current")
        assert heard(control) == "interrupted"


def test_a_skip_is_for_one_part() -> None:
    control = JobControl()
    with pytest.raises(Skipped), control.part():
        control.skip()
        control.check()
    assert heard(control) == "goes on"
    with control.part():
        assert heard(control) == "goes on"


def test_a_skip_between_parts_is_for_the_next_one() -> None:
    control = JobControl()
    control.skip()
    assert heard(control) == "goes on"
    with control.part():
        assert heard(control) == "skipped"


def test_a_skip_that_comes_too_late_is_forgotten() -> None:
    control = JobControl()
    with control.part():
        control.skip()
    with control.part():
        assert heard(control) == "goes on"


def test_an_interrupt_goes_before_a_skip() -> None:
    control = JobControl()
    with control.part():
        control.skip()
        control.interrupt()
        assert heard(control) == "interrupted"


def test_a_stop_is_no_interrupt_unless_there_was_one() -> None:
    control = JobControl()
    control.stop()
    assert (heard(control), control.is_stopping, control.is_interrupted) == ("interrupted", True, False)
    control.interrupt("after_current")
    assert (control.is_stopping, control.is_interrupted) == (False, True)


@pytest.mark.parametrize("how", ["now", "after_current"])
def test_a_settled_job_may_finish_what_it_has_until_it_is_asked_again(
    how: Literal["now", "after_current"],
) -> None:
    control = JobControl()
    control.interrupt(how)
    assert control.settle()
    assert (heard(control), control.is_due, control.is_interrupted) == ("goes on", False, True)
    with pytest.raises(Interrupted), control.part():
        pytest.fail("no part begins any more")
    control.interrupt(how)
    assert heard(control) == "interrupted"


def test_a_stopped_job_does_not_settle() -> None:
    control = JobControl()
    control.stop()
    assert not control.settle()
    assert heard(control) == "interrupted"


def test_a_stop_is_heard_by_a_settled_job() -> None:
    control = JobControl()
    control.interrupt()
    control.settle()
    control.stop()
    assert heard(control) == "interrupted"


def test_many_threads_may_ask_at_once() -> None:
    """Of each round's skip the part hears, and none is left behind."""
    control = JobControl()
    asked, skipped = threading.Semaphore(0), 0

    def ask() -> None:
        for _ in range(200):
            control.skip()
            asked.release()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(800):
        with suppress(Skipped), control.part():
            asked.acquire()
            try:
                control.check()
            except Skipped:
                skipped += 1
                raise
    for thread in threads:
        thread.join()
    assert skipped
    with control.part():
        control.check()
