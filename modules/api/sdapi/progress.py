"""How the running job of a visitor is getting on, and stopping it."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from modules.api.sdapi.info import resolved_of
from modules.api.sdapi.tasks import may_see
from modules.api.visitors import visitor
from modules.jobs.event_log import Subscription
from modules.jobs.job_control import Wish
from modules.schema.events import Preview, Progress, Stage
from modules.schema.jobs import Job
from modules.services.accounts import Visitor
from modules.services.build import Services

WATCHING_SECONDS = 10.0
"""After somebody asked for a preview others are made for so long, and less than twice that."""


class State(BaseModel):
    """Where the running job is, and what was asked of it."""

    skipped: bool = False
    interrupted: bool = False
    """It is to end within one step."""
    stopping_generation: bool = False
    """It is to end after its current part."""
    job: str = ""
    job_count: int = 0
    job_timestamp: str = "0"
    job_no: int = 0
    sampling_step: int = 0
    sampling_steps: int = 0


class ProgressAnswer(BaseModel):
    """How far the running job is."""

    progress: float
    """0 to 1; 0 where nothing runs."""
    eta_relative: float
    """Seconds that are left."""
    state: State
    current_image: str | None
    """A preview, as a JPEG in base64."""
    textinfo: str | None


@dataclass(frozen=True)
class Standing:
    """What a job told last."""

    share: float = 0.0
    seconds_left: float | None = None
    step: int = 0
    steps: int = 0
    stage: str | None = None
    preview: Preview | None = None


class Onlookers:
    """Makes the jobs that clients ask previews of watched ones, as long as they keep asking."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[Subscription, float]] = {}
        self._is_looking_away = False

    def look_at(self, job: Job) -> None:
        """Have previews of a running job made for a while."""
        now = time.monotonic()
        with self._lock:
            if job.id not in self._watched:
                self._watched[job.id] = (self._services.generate.subscribe(job.id), now)
            self._watched[job.id] = (self._watched[job.id][0], now)
            self._look_away_later()

    def _look_away_later(self) -> None:
        if not self._is_looking_away:
            self._is_looking_away = True
            timer = threading.Timer(WATCHING_SECONDS, self._look_away)
            timer.daemon = True
            timer.start()

    def _look_away(self) -> None:
        """Leave the jobs that nobody asked for; nobody need ask again for that."""
        now = time.monotonic()
        with self._lock:
            for job_id, (subscription, asked) in list(self._watched.items()):
                if now - asked >= WATCHING_SECONDS:
                    subscription.close()
                    del self._watched[job_id]
            self._is_looking_away = False
            if self._watched:
                self._look_away_later()


def standing_of(services: Services, job: Job) -> Standing:
    """How a job is getting on."""
    found = Standing()
    for event in services.generate.events(job.id):
        if isinstance(event, Progress):
            share = event.step / event.steps if event.steps else 0.0
            found = Standing(share, event.seconds_left, event.step, event.steps, found.stage, found.preview)
        elif isinstance(event, Stage):
            found = Standing(found.share, found.seconds_left, found.step, found.steps, event.text, found.preview)
        elif isinstance(event, Preview):
            found = Standing(found.share, found.seconds_left, found.step, found.steps, found.stage, event)
    return found


def progress_routes(router: APIRouter, services: Services, onlookers: Onlookers) -> None:
    """Add the routes."""

    def running(asking: Visitor) -> Job | None:
        """The visitor's own running job; of an owner who has none any."""
        jobs = [job for job in services.generate.active_jobs() if job.state == "running" and may_see(asking, job)]
        return next((job for job in jobs if job.user == asking.name), jobs[0] if jobs else None)

    @router.get("/progress")
    def progress(
        request: Request,
        skip_current_image: Annotated[bool, Query(description="Whether to leave the preview out.")] = False,
    ) -> ProgressAnswer:
        """How far the running job is: your own, or any if you are an owner and have none."""
        job = running(visitor(request))
        if job is None:
            return ProgressAnswer(progress=0, eta_relative=0, state=State(), current_image=None, textinfo=None)
        standing = standing_of(services, job)
        if not skip_current_image:
            onlookers.look_at(job)
        shown = None if skip_current_image or standing.preview is None else standing.preview.jpeg
        return ProgressAnswer(
            progress=min(standing.share, 1.0),
            eta_relative=standing.seconds_left or 0.0,
            state=_state(job, standing, services.generate.wishes(job.id)),
            current_image=None if shown is None else base64.b64encode(shown).decode("ascii"),
            textinfo=standing.stage,
        )

    @router.post("/interrupt")
    def interrupt(request: Request) -> dict[str, str]:
        """Stop the running job within one step; its call answers with the pictures that are finished."""
        if (job := running(visitor(request))) is not None:
            services.generate.interrupt(job.id, "now")
        return {}

    @router.post("/skip")
    def skip(request: Request) -> None:
        """Leave out what the running job paints now, and go on with the next."""
        if (job := running(visitor(request))) is not None:
            services.generate.skip(job.id)


def _state(job: Job, standing: Standing, wishes: frozenset[Wish]) -> State:
    """Steps are counted within a batch, as A1111 counts them."""
    request = resolved_of(job)
    batches = 1 if request is None or request.script_name else request.batch_count
    steps = max(1, standing.steps // batches)
    number = min(standing.step // steps, batches - 1)
    return State(
        skipped="skip" in wishes,
        interrupted="now" in wishes,
        stopping_generation="after_current" in wishes,
        job=job.kind,
        job_count=batches,
        job_timestamp=datetime.fromtimestamp(job.started or job.created).strftime("%Y%m%d%H%M%S"),
        job_no=number,
        sampling_step=standing.step - number * steps,
        sampling_steps=standing.steps // batches,
    )
