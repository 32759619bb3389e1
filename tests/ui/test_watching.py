"""A watch sees every job through to its end, however fast it was."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from modules.errors import NotFound
from modules.schema.events import JobEvent, PictureSaved, Preview, Progress, Stage
from modules.schema.jobs import Job, JobState
from modules.schema.pictures import Picture
from modules.services.generate import GenerateService
from modules.ui.status_panel import duration, status_text, status_value
from modules.ui.watching import Sight, Watcher, watch


class Server:
    """Jobs that change between two looks, as a test says."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.told: dict[str, list[JobEvent]] = {}

    def put(self, job_id: str, state: JobState, error: str | None = None) -> Job:
        self.jobs[job_id] = Job(
            id=job_id, kind="txt2img", state=state, request="{}", created=0, started=0, finished=None, error=error
        )
        return self.jobs[job_id]

    def tell(self, event: JobEvent) -> None:
        events = self.told.setdefault(event.job_id, [])
        events.append(event.model_copy(update={"sequence": len(events) + 1}))

    def active_jobs(self) -> list[Job]:
        return [job for job in self.jobs.values() if not job.is_over]

    def job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise NotFound(f"Job {job_id!r} does not exist.")
        return self.jobs[job_id]

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        return [event for event in self.told.get(job_id, []) if event.sequence > after]


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
    assert status_text(sight) == "Step 3 of 20 · 4 s left · 1 more waiting in the queue"
    assert status_value(sight, has_pictures=True)["preview"] == "data:image/jpeg;base64,anBlZw=="


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
    assert eyes.look() == Sight(saved=1)


def test_a_job_that_failed_before_the_first_look_is_told() -> None:
    server = Server()
    server.put("a", "failed", "Model: it is broken.")
    eyes = watcher(server, "a")
    assert eyes.look().failure == "Model: it is broken."


def test_a_job_that_was_cancelled_is_no_failure() -> None:
    server = Server()
    server.put("a", "cancelled")
    assert watcher(server, "a").look() == Sight()


def test_waiting_and_starting_are_said() -> None:
    server = Server()
    assert status_text(Sight(server.put("a", "queued"))) == "Waiting at place 1 of the queue"
    assert status_text(Sight(server.put("a", "running"))) == "Starting"
    assert status_text(Sight()) == ""


def test_times_are_said_as_people_say_them() -> None:
    said: dict[float, Any] = {0.2: "1 s", 59.4: "59 s", 125: "2 min 5 s", 4200: "1 h 10 min"}
    assert {seconds: duration(seconds) for seconds in said} == said
