"""Routes of the queue as a whole: what waits, letting it rest, emptying it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request

from modules.api.exchange import Asked, Report, refusals
from modules.api.job_reports import JobSummary, job_summary
from modules.api.visitors import visitor
from modules.schema.jobs import JobState
from modules.services.accounts import Visitor
from modules.services.build import Services


class QueueReport(Report):
    """The queue at this moment."""

    paused: bool
    """Whether no waiting job is begun until somebody resumes the queue."""
    counts: dict[JobState, int]
    """How many jobs of all users are in each state."""
    jobs: list[JobSummary]
    """What runs, then what waits, in its order; those of others only for owners."""


class Cancelling(Asked):
    """Whose jobs are cancelled."""

    whose: Literal["mine", "all"] = "mine"
    """all is for owners."""


class Cancelled(Report):
    """What was cancelled."""

    ids: list[str]
    """The jobs that waited or ran; those that ran end within one step."""


def queue_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/queue", tags=["queue"], responses=refusals())
    generate = services.generate

    def report(asking: Visitor) -> QueueReport:
        jobs = [job for job in generate.active_jobs() if asking.is_owner or job.user == asking.name]
        return QueueReport(paused=generate.is_paused(), counts=generate.counts(), jobs=list(map(job_summary, jobs)))

    @router.get("")
    def state(request: Request) -> QueueReport:
        """What runs and what waits."""
        return report(visitor(request))

    @router.post("/pause")
    def pause(request: Request) -> QueueReport:
        """Begin no further job until the queue is resumed, now and after a restart; what runs goes on."""
        generate.pause()
        return report(visitor(request))

    @router.post("/resume")
    def resume(request: Request) -> QueueReport:
        """Let the queue go on."""
        generate.resume()
        return report(visitor(request))

    @router.post("/cancel")
    def cancel(request: Request, cancelling: Annotated[Cancelling, Query()]) -> Cancelled:
        """Cancel all that waits or runs, of one's own or of everybody."""
        asking = visitor(request)
        if cancelling.whose == "all" and not asking.is_owner:
            raise HTTPException(403, "Only an owner may cancel the jobs of others. Cancel `mine`.")
        return Cancelled(ids=generate.cancel_all(None if cancelling.whose == "all" else asking.name))

    return router
