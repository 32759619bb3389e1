"""Routes that A1111's own page has, and some clients use: a job's progress by its name, and the names of all."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.sdapi.progress import Onlookers, standing_of
from modules.api.sdapi.routes import SdapiBody
from modules.api.sdapi.tasks import TaskNames, may_see
from modules.api.visitors import visitor
from modules.schema.jobs import Job
from modules.services.build import Services


class TaskBody(SdapiBody):
    """Which job is asked for."""

    id_task: str | None = Field(default=None, max_length=200)
    """What `force_task_id` said, or the job's own id."""
    id_live_preview: int = -1
    """The number of the preview that the client has already."""
    live_preview: bool = True


class TaskAnswer(BaseModel):
    """How a job is getting on."""

    active: bool
    queued: bool
    completed: bool
    progress: float | None = None
    """0 to 1."""
    eta: float | None = None
    """Seconds that are left."""
    live_preview: str | None = None
    """A newer preview, as a data address."""
    id_live_preview: int | None = None
    textinfo: str | None = None


class PendingTasks(BaseModel):
    """Names of waiting jobs."""

    size: int
    tasks: list[str]


def internal_routes(router: APIRouter, services: Services, tasks: TaskNames, onlookers: Onlookers) -> None:
    """Add the routes."""

    @router.post("/progress")
    def progress(body: TaskBody, request: Request) -> TaskAnswer:
        """How the job of that name is getting on."""
        job = tasks.find(body.id_task, visitor(request)) if body.id_task else None
        if job is None:
            return TaskAnswer(active=False, queued=False, completed=False, id_live_preview=-1, textinfo="Waiting...")
        if job.state != "running":
            return TaskAnswer(
                active=False,
                queued=job.state == "queued",
                completed=job.is_over,
                id_live_preview=-1,
                textinfo=_place(services, job) if job.state == "queued" else "Waiting...",
            )
        return _running(services, onlookers, job, body)

    @router.get("/pending-tasks")
    def pending_tasks(request: Request) -> PendingTasks:
        """The names of waiting jobs: your own, or all if you are an owner."""
        asking = visitor(request)
        waiting = [job for job in services.generate.active_jobs() if job.state == "queued" and may_see(asking, job)]
        return PendingTasks(size=len(waiting), tasks=[tasks.name_of(job) for job in waiting])


def _running(services: Services, onlookers: Onlookers, job: Job, body: TaskBody) -> TaskAnswer:
    standing = standing_of(services, job)
    if body.live_preview:
        onlookers.look_at(job)
    seen, shown, preview = body.id_live_preview, None, standing.preview
    if body.live_preview and preview is not None and preview.sequence != seen:
        shown = f"data:image/jpeg;base64,{base64.b64encode(preview.jpeg).decode('ascii')}"
        seen = preview.sequence
    return TaskAnswer(
        active=True,
        queued=False,
        completed=False,
        progress=min(standing.share, 1.0),
        eta=standing.seconds_left,
        live_preview=shown,
        id_live_preview=seen,
        textinfo=standing.stage,
    )


def _place(services: Services, job: Job) -> str:
    waiting = [one.id for one in services.generate.active_jobs() if one.state == "queued"]
    place = waiting.index(job.id) + 1 if job.id in waiting else 1
    return f"In queue: {place}/{max(len(waiting), 1)}"
