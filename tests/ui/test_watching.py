"""A watch sees every job through to its end, however fast it was."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, cast

import pytest

from modules.errors import NotFound
from modules.jobs.event_log import EventLog
from modules.jobs.forecast import Standing
from modules.schema.events import PictureSaved, Preview, Progress, Stage, StateChanged
from modules.schema.jobs import Job, JobState
from modules.schema.pictures import Picture
from modules.services.generate import GenerateService
from modules.ui.status_panel import duration, ended_text, memory_text, status_text, status_value
from modules.ui.watching import Sight, Watcher, watch


class Server:
    """Jobs that change between two looks, as a test says, and events as the real log keeps them."""

    def __init__(self) -> None:
        self.known: dict[str, Job] = {}
        self.log = EventLog()
        self.subscribe, self.events, self.tell = self.log.subscribe, self.log.after, self.log.append
        self.looks = 0
        self.rests = False
        self.ready_in: dict[str, float] = {}
        self.wanted: dict[str, frozenset[str]] = {}

    def put(self, job_id: str, state: JobState, error: str | None = None, user: str = "", **more: Any) -> Job:
        facts = {"id": job_id, "kind": "txt2img", "state": state, "user": user, "error": error, **more}
        known = {"request": "{}", "created": 0, "started": 0, "finished": None}
        self.known[job_id] = Job.model_validate({**known, **facts})
        return self.known[job_id]

    def change(self, job_id: str, state: JobState) -> None:
        """As the worker does: first the queue, then the event."""
        self.put(job_id, state)
        self.tell(StateChanged(job_id=job_id, state=state))

    def standing(self) -> list[Standing]:
        self.looks += 1
        active = [job for job in self.known.values() if not job.is_over]
        return [Standing(job.id, job.user, job.state, self.ready_in.get(job.id)) for job in active]

    def jobs(self, states: Collection[JobState], user: str | None, limit: int) -> list[Job]:
        found = [job for job in self.known.values() if job.state in states and user in (None, job.user)]
        return found[::-1][:limit]

    def is_paused(self) -> bool:
        return self.rests

    def wishes(self, job_id: str) -> frozenset[str]:
        return self.wanted.get(job_id, frozenset())

    def job(self, job_id: str) -> Job:
        if job_id not in self.known:
            raise NotFound(f"Job {job_id!r} does not exist.")
        return self.known[job_id]


def saved(job_id: str, number: int = 1) -> PictureSaved:
    picture = Picture(
        id=number, path="a.png", width=8, height=8, seed=1, infotext="", created=0, job_id=job_id, index=0
    )
    return PictureSaved(job_id=job_id, picture=picture)


def watcher(server: Server, submitted: str = "") -> Watcher:
    return Watcher(cast(GenerateService, server), submitted)


def test_nothing_to_see_is_over_at_once() -> None:
    async def all_of() -> list[Sight]:
        return [sight async for sight in watch(cast(GenerateService, Server()))]

    assert asyncio.run(all_of()) == [Sight()]


def test_stage_progress_and_preview_of_the_running_job() -> None:
    server = Server()
    job = server.put("a", "running")
    server.put("b", "queued")
    eyes = watcher(server)
    server.tell(Stage(job_id="a", text="Loading the model demo"))
    assert (eyes.look().stage, eyes.look().waiting) == ("Loading the model demo", 1)
    server.tell(Progress(job_id="a", step=3, steps=20, seconds_left=4.0))
    server.tell(Preview(job_id="a", jpeg=b"jpeg", step=3))
    sight = eyes.look()
    assert sight.job == job and sight.stage is None
    assert status_text(sight) == "Step 3 of 20 · 4 s left"
    value = status_value(sight, has_pictures=True)
    assert value["preview"] == "data:image/jpeg;base64,anBlZw=="
    assert value["waiting"] == "1 more waiting in the queue"


def test_the_next_job_begins_with_nothing_of_the_one_before() -> None:
    server = Server()
    server.put("a", "running")
    server.put("b", "queued")
    server.tell(Progress(job_id="a", step=20, steps=20, seconds_left=0.0))
    server.tell(Preview(job_id="a", jpeg=b"jpeg", step=20))
    eyes = watcher(server)
    eyes.look()
    server.put("a", "done")
    server.put("b", "running")
    sight = eyes.look()
    assert sight.job is not None and sight.job.id == "b"
    assert (sight.progress, sight.preview) == (None, None)


def test_a_job_that_ends_between_two_looks_is_not_missed() -> None:
    server = Server()
    server.put("a", "running")
    eyes = watcher(server)
    assert eyes.look().saved == 0
    server.tell(saved("a"))
    server.put("a", "done")
    assert eyes.look() == Sight(saved=1, ended=server.known["a"])


def test_a_job_that_failed_before_the_first_look_is_told() -> None:
    server = Server()
    server.put("a", "failed", "Model: it is broken.")
    eyes = watcher(server, "a")
    assert eyes.look().failure == "Model: it is broken."


def test_a_job_that_was_cancelled_is_no_failure() -> None:
    server = Server()
    job = server.put("a", "cancelled")
    assert watcher(server, "a").look() == Sight(ended=job)


def test_of_others_jobs_nothing_is_seen_but_how_many_come_first() -> None:
    server = Server()
    server.put("a", "running", user="ann")
    server.put("b", "queued", user="ann")
    eyes = Watcher(cast(GenerateService, server), "a", "bob")
    server.tell(Stage(job_id="a", text="a secret"))
    server.tell(saved("a"))
    assert eyes.look() == Sight()
    own = server.put("c", "queued", user="bob")
    assert eyes.look() == Sight(own, ahead=2)
    assert status_text(eyes.look()) == "Waiting at place 3 of the queue"
    eyes.look()
    server.put("a", "failed", "the secret inside", user="ann")
    assert eyes.look() == Sight(own, ahead=1)
    assert Watcher(cast(GenerateService, server), "a", "bob").look() == Sight(own, ahead=1)
    assert Watcher(cast(GenerateService, server), "a").look().failure == "the secret inside"


def test_waiting_and_starting_are_said() -> None:
    server = Server()
    assert status_text(Sight(server.put("a", "queued"))) == "Waiting at place 1 of the queue"
    assert status_text(Sight(server.put("a", "running"))) == "Starting"
    assert status_text(Sight()) == ""


def test_a_waiting_job_says_when_it_will_be_ready_and_what_keeps_it() -> None:
    server = Server()
    server.put("a", "running")
    server.put("b", "queued", user="bob")
    server.ready_in["b"] = 130.0
    eyes = Watcher(cast(GenerateService, server), user="bob")
    assert status_text(eyes.look()) == "Waiting at place 2 of the queue · ready in about 2 min 10 s"
    server.rests = True
    assert status_text(eyes.look()) == "The queue is paused"
    server.rests = False
    server.ready_in.clear()
    server.put("b", "queued", user="bob", paused=True)
    assert status_text(eyes.look()) == "This job is paused"


def test_an_interrupt_that_waits_for_the_picture_is_said_until_there_is_another() -> None:
    server = Server()
    server.put("a", "running")
    eyes = watcher(server)
    eyes.look()
    server.tell(Progress(job_id="a", step=3, steps=20, seconds_left=None))
    server.wanted["a"] = frozenset({"after_current"})
    sight = eyes.listen({"a"})
    assert status_text(sight) == "Step 3 of 20 · ends after this picture, at once if you interrupt again"
    server.wanted["a"] = frozenset({"after_current", "now"})
    assert status_text(eyes.listen({"a"})) == "Step 3 of 20"


def test_what_ended_last_is_told_with_its_time_and_model() -> None:
    server = Server()
    server.put("a", "done", finished=4.25, model="atelier-demo")
    assert status_value(watcher(server).look(), has_pictures=True)["told"] == "Done after 4.2 s · atelier-demo"
    server.put("b", "running", started=5, user="ann")
    eyes = watcher(server)
    assert status_value(eyes.look(), has_pictures=True)["told"] == "Done after 4.2 s · atelier-demo"
    server.put("b", "cancelled", started=5, finished=70, user="ann")
    assert status_value(eyes.look(), has_pictures=True)["told"] == "Interrupted after 1 min 5 s"
    assert Watcher(cast(GenerateService, server), user="bob").look().ended is None
    assert ended_text(server.put("c", "cancelled", started=None)) == "Cancelled"
    assert ended_text(server.put("c", "failed", started=None)) == "Failed"


def test_memory_is_that_of_the_cards_where_there_are_some() -> None:
    ram = {"free": 2**30, "used": 3 * 2**29, "total": 2**34}
    none = {"error": "No graphics card is used."}
    assert memory_text({"ram": ram, "devices": [none]}) == "1.5 GB of memory in use"
    card = {"system": {"free": 0, "used": 5 * 2**30, "total": 24 * 2**30}}
    assert memory_text({"ram": ram, "devices": [card]}) == "5.0 of 24 GB of graphics memory in use"
    assert memory_text({"ram": ram, "devices": [card, card]}) == "10.0 of 48 GB of graphics memory in use"


def test_news_of_one_job_asks_for_no_other() -> None:
    server = Server()
    for job_id in "abc":
        server.put(job_id, "running")
    eyes, asked = watcher(server), []
    eyes.look()
    server.events = lambda job_id, after: asked.append(job_id) or server.log.after(job_id, after)  # type: ignore
    server.tell(saved("b"))
    assert eyes.listen({"b"}).saved == 1
    assert asked == ["b", "a"]  # the one that tells, and the one that is shown


def test_times_are_said_as_people_say_them() -> None:
    said: dict[float, Any] = {0.2: "1 s", 59.4: "59 s", 125: "2 min 5 s", 4200: "1 h 10 min"}
    assert {seconds: duration(seconds) for seconds in said} == said


def watched(server: Server, happens: Callable[[], None], sights: list[Sight] | None = None) -> list[Sight]:
    """What a watch shows while something happens in a thread; fails where the watch does not end by itself.

    With `sights` the thread sees what was shown so far.
    """
    shown = [] if sights is None else sights

    async def follow() -> list[Sight]:
        async for sight in watch(cast(GenerateService, server)):
            shown.append(sight)
        return shown

    async def limited() -> list[Sight]:
        return await asyncio.wait_for(follow(), 60)

    thread = threading.Thread(target=happens)
    thread.start()
    try:
        return asyncio.run(limited())
    finally:
        thread.join()


def test_a_watch_wakes_for_news_and_asks_the_queue_only_when_the_jobs_change() -> None:
    server = Server()
    server.put("a", "running")
    sights: list[Sight] = []

    def shows(step: int) -> bool:
        last = sights[-1] if sights else Sight()
        return last.progress is not None and last.progress.step == step and last.preview is not None

    def work() -> None:
        until(lambda: server.log.is_watched("a"))
        for step in range(1, 6):
            server.tell(Progress(job_id="a", step=step, steps=5, seconds_left=0.0))
            server.tell(Preview(job_id="a", jpeg=bytes([step]), step=step))
            until(partial(shows, step))
        server.tell(saved("a"))
        server.change("a", "done")

    watched(server, work, sights)
    steps = [sight.progress.step for sight in sights if sight.progress]
    previews = [sight.preview.jpeg for sight in sights if sight.preview]
    assert steps == sorted(steps) and set(steps) == set(range(1, 6))
    assert previews[-1] == b"\x05"
    assert sights[-1] == Sight(saved=1, ended=server.known["a"])
    assert server.looks <= 3  # the first, the end, and one to spare
    assert not server.log.is_watched("a")


def test_a_watch_shows_the_previews_of_the_job_that_runs_now() -> None:
    server = Server()
    server.put("a", "running")
    server.put("b", "queued")
    sights: list[Sight] = []

    def work() -> None:
        until(lambda: server.log.is_watched("a"))
        server.change("a", "done")
        server.change("b", "running")
        until(lambda: server.log.is_watched("b"))
        assert not server.log.is_watched("a")
        server.tell(Preview(job_id="b", jpeg=b"jpeg", step=1))
        until(lambda: any(sight.preview for sight in sights))
        server.change("b", "done")

    watched(server, work, sights)
    assert [sight.job.id for sight in sights if sight.preview and sight.job] == ["b"]
    assert sights[-1] == Sight(ended=server.known["b"])


def test_an_end_is_shown_at_once_though_previews_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.ui.watching.SECONDS_BETWEEN_LOOKS", 30.0)
    server = Server()
    server.put("a", "running")
    ended = 0.0

    def work() -> None:
        nonlocal ended
        until(lambda: server.log.is_watched("a"))
        server.tell(Progress(job_id="a", step=1, steps=5, seconds_left=0.0))
        time.sleep(0.02)
        server.change("a", "done")
        ended = time.monotonic()

    watched(server, work)
    assert time.monotonic() - ended < 24


def test_what_does_not_change_is_told_again_so_that_the_watch_of_a_closed_page_can_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modules.ui.watching._MOST_SECONDS_BETWEEN_LOOKS", 0.05)
    server = Server()
    job = server.put("a", "queued")

    def work() -> None:
        until(lambda: server.looks >= 12)
        server.change("a", "cancelled")

    sights = watched(server, work)
    assert len(sights) >= 4 and set(sights[:-1]) == {Sight(job)}


def test_a_watch_ends_when_the_server_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.ui.watching._MOST_SECONDS_BETWEEN_LOOKS", 600.0)
    server = Server()
    server.put("a", "running")

    def stop() -> None:
        until(lambda: server.log.is_watched("a"))
        server.log.close()

    assert [sight.job and sight.job.id for sight in watched(server, stop)] == ["a"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
