"""Whoever listens misses nothing that matters, however slow it is, and costs those who tell next to nothing."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.jobs.event_log import EventLog, Subscription
from modules.schema.events import JobEvent, PictureSaved, Preview, Progress, QueueChanged, Stage, StateChanged
from modules.schema.jobs import JobState
from modules.schema.pictures import Picture


def state(job_id: str, name: JobState) -> StateChanged:
    return StateChanged(job_id=job_id, state=name)


def progress(job_id: str, step: int) -> Progress:
    return Progress(job_id=job_id, step=step, steps=99, seconds_left=None)


def preview(job_id: str, step: int) -> Preview:
    return Preview(job_id=job_id, jpeg=b"jpeg", step=step)


def picture(job_id: str, number: int) -> PictureSaved:
    stored = Picture(
        id=number, path="a.png", width=8, height=8, seed=1, infotext="", created=0, job_id=job_id, index=number
    )
    return PictureSaved(job_id=job_id, picture=stored)


def kinds(events: list[JobEvent]) -> list[str]:
    return [event.kind for event in events]


def numbers(events: list[JobEvent]) -> list[int]:
    return [event.sequence for event in events]


def test_one_count_goes_over_all_jobs() -> None:
    log = EventLog()
    told = [
        log.append(event) for event in (state("a", "queued"), state("b", "queued"), QueueChanged(), progress("a", 1))
    ]
    assert numbers(told) == [1, 2, 3, 4] and log.latest == 4
    assert numbers(log.after("a", 0)) == [1, 4]
    assert numbers(log.after("b", 0)) == [2]
    assert numbers(log.after("a", 1)) == [4]


def test_every_life_of_a_server_has_an_epoch_of_its_own() -> None:
    assert len({EventLog().epoch for _ in range(50)}) == 50


def test_a_late_listener_of_a_job_is_given_what_is_kept_and_then_what_follows() -> None:
    log = EventLog()
    for event in (state("a", "running"), progress("a", 1), preview("a", 1), progress("a", 2), picture("a", 0)):
        log.append(event)
    log.append(state("b", "running"))
    with log.subscribe("a") as subscription:
        assert kinds(subscription.get(0)) == ["state", "preview", "progress", "picture"]
        assert subscription.get(0) == []
        log.append(progress("b", 7))
        log.append(preview("a", 3))
        assert numbers(subscription.get(0)) == [8]


def test_a_listener_goes_on_from_the_last_event_that_it_saw() -> None:
    log = EventLog()
    for number in range(10):
        log.append(picture("a", number))
    with log.subscribe("a", after=7) as subscription:
        assert numbers(subscription.get(0)) == [8, 9, 10]


def test_the_queue_tells_of_all_jobs_but_for_previews() -> None:
    log = EventLog()
    with log.subscribe() as subscription:
        for event in (state("a", "queued"), progress("a", 1), preview("a", 1), QueueChanged(), picture("b", 0)):
            log.append(event)
        assert kinds(subscription.get(0)) == ["state", "progress", "queue", "picture"]
        assert not log.is_watched("a")


def test_a_listener_of_the_queue_is_shown_the_previews_of_one_job() -> None:
    log = EventLog()
    with log.subscribe() as subscription:
        subscription.show("a")
        assert log.is_watched("a") and not log.is_watched("b")
        for event in (progress("a", 1), preview("a", 1), preview("b", 1), progress("a", 2)):
            log.append(event)
        assert numbers(subscription.get(0)) == [2, 4]
        subscription.show("b")
        assert log.is_watched("b") and not log.is_watched("a")
        log.append(preview("a", 2))
        assert subscription.get(0) == []
        log.append(preview("b", 2))
        assert numbers(subscription.get(0)) == [6]
    assert not log.is_watched("b")


def test_watched_is_what_somebody_listens_to() -> None:
    log = EventLog()
    one, two = log.subscribe("a"), log.subscribe("a")
    assert log.is_watched("a") and not log.is_watched("b")
    one.close()
    one.close()
    assert log.is_watched("a")
    two.close()
    assert not log.is_watched("a")


@given(st.lists(st.tuples(st.sampled_from("sgpvrq"), st.sampled_from("ab"), st.booleans())), st.booleans())
def test_nothing_but_progress_previews_and_queue_changes_is_ever_passed_over(
    told: list[tuple[str, str, bool]], of_queue: bool
) -> None:
    """Whenever a listener reads: in order, each once, all that last, and the newest of what replaces one another."""
    makers: dict[str, Callable[[str], JobEvent]] = {
        "s": lambda job_id: state(job_id, "running"),
        "g": lambda job_id: Stage(job_id=job_id, text="Loading"),
        "p": lambda job_id: progress(job_id, 1),
        "v": lambda job_id: preview(job_id, 1),
        "r": lambda job_id: picture(job_id, 1),
        "q": lambda job_id: QueueChanged(job_id=job_id),
    }
    log = EventLog()
    got: list[JobEvent] = []
    with log.subscribe(None if of_queue else "a") as subscription:
        sent = []
        for kind, job_id, reads in told:
            sent.append(log.append(makers[kind](job_id)))
            if reads:
                got += subscription.get(0)
        got += subscription.get(0)
    concerned = [event for event in sent if (event.kind != "preview" if of_queue else event.job_id == "a")]
    passing = {"progress", "preview", "queue"}
    assert numbers(got) == sorted(set(numbers(got)))
    assert set(numbers(got)) <= set(numbers(concerned))
    assert [e for e in got if e.kind not in passing] == [e for e in concerned if e.kind not in passing]
    for kind in passing:
        for job_id in "ab":
            newest = [e.sequence for e in concerned if (e.kind, e.job_id) == (kind, job_id)][-1:]
            assert [e.sequence for e in got if (e.kind, e.job_id) == (kind, job_id)][-1:] == newest


def test_a_listener_that_fell_behind_what_is_kept_is_told_to_start_anew() -> None:
    log = EventLog()
    with log.subscribe() as subscription, log.subscribe("a") as of_job:
        for _ in range(3_000):
            log.append(state("a", "running"))
        events = subscription.get(0)
        assert events[0].kind == "reset" and numbers(events[1:]) == list(range(1_001, 3_001))
        assert subscription.get(0) == []
        assert len(of_job.get(0)) == 3_000


def test_a_number_of_another_life_is_told_to_start_anew() -> None:
    log = EventLog()
    log.append(state("a", "running"))
    with log.subscribe("a", after=900) as subscription:
        assert kinds(subscription.get(0)) == ["reset", "state"]
        assert subscription.get(0) == []


def test_what_was_told_before_can_be_passed_over() -> None:
    log = EventLog()
    for number in range(3_000):
        log.append(picture("a", number))
    with log.subscribe() as subscription:
        subscription.skip()
        assert subscription.get(0) == []
        log.append(picture("a", 3_000))
        assert numbers(subscription.get(0)) == [3_001]


def test_progress_and_previews_are_forgotten_when_the_job_is_over() -> None:
    log = EventLog()
    for event in (state("a", "running"), progress("a", 1), preview("a", 1), QueueChanged(job_id="a")):
        log.append(event)
    log.append(state("a", "done"))
    for job_id in (None, "a"):
        with log.subscribe(job_id) as subscription:
            assert kinds(subscription.get(0)) == ["state", "state"]


def test_who_listens_to_a_job_sees_its_end_however_late() -> None:
    """500 other jobs have ended since, of which 100 are kept."""
    log = EventLog()
    with log.subscribe("a") as subscription:
        for name in ("a", *map(str, range(500))):
            log.append(state(name, "done"))
        assert log.after("a", 0) == [] and log.after("400", 0)
        assert kinds(subscription.get(0)) == ["state"]


def test_a_job_may_end_twice() -> None:
    log = EventLog()
    for _ in range(300):
        log.append(state("a", "done"))
    assert log.after("a", 0)
    for number in range(101):
        log.append(state(str(number), "done"))
    assert log.after("a", 0) == []


def test_asking_for_any_id_leaves_nothing_behind() -> None:
    log = EventLog()
    for number in range(1_000):
        with log.subscribe(str(number)) as subscription, log.subscribe() as of_queue:
            of_queue.show(f"shown {number}")
            subscription.get(0)
    assert not log._jobs
    forgotten = weakref.ref(subscription)
    del subscription, of_queue
    gc.collect()
    assert forgotten() is None


def test_a_thread_sleeps_until_there_is_something() -> None:
    log = EventLog()
    with log.subscribe("a") as subscription:
        started = time.monotonic()
        threading.Timer(0.1, log.append, (state("a", "running"),)).start()
        assert kinds(subscription.get(10)) == ["state"]
        assert 0.05 < time.monotonic() - started < 5
        assert subscription.get(0.01) == []


@pytest.mark.parametrize("end", ["subscription", "log"])
def test_closing_ends_the_waiting_of_threads_and_tasks(end: str) -> None:
    log = EventLog()
    subscription, other = log.subscribe("a"), log.subscribe()

    def close() -> None:
        for one in (subscription, other) if end == "subscription" else (log,):
            one.close()

    threading.Timer(0.1, close).start()

    async def wait() -> list[JobEvent]:
        return await other.next()

    assert subscription.get(10) == [] and subscription.is_closed
    assert asyncio.run(wait()) == [] and other.is_closed
    if end == "log":
        assert log.subscribe("b").get(10) == [] and log.append(state("b", "running")).sequence == 1


def test_a_task_wakes_for_an_event_of_another_thread_and_sleeps_again() -> None:
    log = EventLog()

    async def listen() -> tuple[list[str], float, list[JobEvent]]:
        with log.subscribe() as subscription:
            started = time.monotonic()
            threading.Timer(0.1, log.append, (progress("a", 1),)).start()
            first = await subscription.next(10)
            return kinds(first), time.monotonic() - started, await subscription.next(0.01)

    told, seconds, rest = asyncio.run(listen())
    assert told == ["progress"] and 0.05 < seconds < 5 and rest == []


def test_a_resting_task_is_woken_by_what_cannot_wait_and_by_nothing_else() -> None:
    log = EventLog()

    def tell() -> None:
        log.append(preview("a", 2))
        time.sleep(0.05)
        log.append(state("a", "done"))

    async def listen() -> tuple[float, list[str], list[str]]:
        with log.subscribe("a") as subscription:
            log.append(progress("a", 1))
            started = time.monotonic()
            rested = await subscription.next(10, rest=0.2)
            seconds = time.monotonic() - started
            threading.Thread(target=tell).start()
            woken = await subscription.next(10, rest=60)
            return seconds, kinds(rested), kinds(woken)

    seconds, rested, woken = asyncio.run(listen())
    assert 0.15 < seconds < 5 and rested == ["progress"]
    assert woken == ["state"]


def test_threads_that_tell_and_threads_that_listen_lose_nothing() -> None:
    """Four tell 500 pictures each, eight listen, four of them in a loop."""
    log = EventLog()
    heard: dict[int, list[JobEvent]] = {}
    names = "abcd"

    def gather(place: int, subscription: Subscription) -> None:
        while len(heard[place]) < 2_000 and (events := subscription.get(20)):
            heard[place] += events

    async def gather_all(subscriptions: dict[int, Subscription]) -> None:
        async def follow(place: int, subscription: Subscription) -> None:
            while len(heard[place]) < 2_000 and (events := await subscription.next(20, rest=0.001)):
                heard[place] += events

        await asyncio.gather(*(follow(place, one) for place, one in subscriptions.items()))

    subscriptions = {place: log.subscribe() for place in range(8)}
    heard.update({place: [] for place in subscriptions})
    threads = [threading.Thread(target=gather, args=(place, subscriptions[place])) for place in range(4)]
    in_loop = {place: subscriptions[place] for place in range(4, 8)}
    threads.append(threading.Thread(target=lambda: asyncio.run(gather_all(in_loop))))
    threads += [
        threading.Thread(target=lambda name=name: [log.append(picture(name, number)) for number in range(500)])
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for events in heard.values():
        assert numbers(events) == list(range(1, 2_001))
        for name in names:
            assert [e.picture.id for e in events if isinstance(e, PictureSaved) and e.job_id == name] == list(
                range(500)
            )


def test_changes_of_the_queue_keep_no_job_that_is_forgotten_or_was_never_told_of() -> None:
    log = EventLog()
    for number in range(5_000):
        log.append(QueueChanged(job_id=f"old {number}"))
    assert not log._jobs
    assert len(log._queue.newest) == 2_000
    with log.subscribe() as late:
        late.skip()
        log.append(QueueChanged(job_id="new"))
        assert [event.job_id for event in late.get(1)] == ["new"]
    with log.subscribe(after=1) as behind:
        assert behind.get(1)[0].kind == "reset"


def test_change_of_the_queue_reaches_who_listens_to_the_job() -> None:
    log = EventLog()
    with log.subscribe("a") as news:
        log.append(QueueChanged(job_id="a"))
        assert [event.kind for event in news.get(1)] == ["queue"]
