"""Routes of the queue as a whole: what waits, letting it rest, emptying it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import Field

from modules.api.event_messages import EventMessages
from modules.api.exchange import Asked, Report, refusals
from modules.api.job_reports import ListedJob, listed_job
from modules.api.visitors import visitor
from modules.schema.jobs import JobState
from modules.services.accounts import Visitor
from modules.services.build import Services

Whose = Literal["mine", "all"]


class Looking(Asked):
    """Which part of the queue is looked at."""

    whose: Whose = "all"
    """mine: one's own jobs alone; all: everybody's for owners, one's own for others."""
    offset: Annotated[int, Field(ge=0, le=10**9)] = 0
    """So many jobs are passed over."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """How many jobs, at most; all of them without it."""


class QueueReport(Report):
    """The queue at this moment."""

    paused: bool
    """Whether no waiting job is begun until somebody resumes the queue."""
    counts: dict[JobState, int]
    """How many jobs of all users are in each state."""
    total: int
    """How many of the jobs that are looked at run or wait; `jobs` is a part of them."""
    running: int
    """How many of these run."""
    repeating: int
    """How many of `jobs` are asked for again when they are done."""
    ready_in: float | None
    """Seconds until the last of them is probably done; null where that is not known."""
    jobs: list[ListedJob]
    """What runs, then what waits, in its order; those of others only for owners."""
    event: str
    """The id of the latest event: a stream that goes on after it misses nothing."""
    user: str
    """Who asks; empty where nobody logs in."""
    is_owner: bool
    """Whether that is an owner, who sees and changes the jobs of everybody."""


class Cancelling(Asked):
    """Whose jobs are meant."""

    whose: Whose = "mine"
    """all is for owners."""


class Cancelled(Report):
    """What was cancelled."""

    ids: list[str]
    """The jobs that waited or ran; those that ran end within one step."""


class Stopped(Report):
    """What is not repeated any more."""

    ids: list[str]
    """The jobs that run or wait, and are the last ones of their kind now."""


def queue_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/queue", tags=["queue"], responses=refusals())
    generate = services.generate

    @router.get("")
    def state(request: Request, looking: Annotated[Looking, Query()]) -> QueueReport:
        """What runs and what waits, or a part of it."""
        return _report(services, visitor(request), looking)

    @router.post("/pause")
    def pause(request: Request) -> QueueReport:
        """Begin no further job until the queue is resumed, now and after a restart; what runs goes on."""
        generate.pause()
        return _report(services, visitor(request), Looking())

    @router.post("/resume")
    def resume(request: Request) -> QueueReport:
        """Let the queue go on."""
        generate.resume()
        return _report(services, visitor(request), Looking())

    @router.post("/cancel")
    def cancel(request: Request, cancelling: Annotated[Cancelling, Query()]) -> Cancelled:
        """Cancel all that waits or runs, of one's own or of everybody."""
        return Cancelled(ids=generate.cancel_all(_meant(visitor(request), cancelling.whose, "cancel")))

    @router.post("/stop-repeating")
    def stop_repeating(request: Request, stopping: Annotated[Cancelling, Query()]) -> Stopped:
        """Let all jobs that are repeated be the last ones of their kind, one's own or those of everybody."""
        return Stopped(ids=generate.stop_all_repeating(_meant(visitor(request), stopping.whose, "stop")))

    return router


def _report(services: Services, asking: Visitor, looking: Looking) -> QueueReport:
    generate = services.generate
    event = EventMessages(generate.event_epoch).id(generate.latest_event)  # before the look: rather told twice
    everybodys = asking.is_owner and looking.whose == "all"
    seen = [(place, one) for place, one in enumerate(generate.standing()) if everybodys or one.user == asking.name]
    end = None if looking.limit is None else looking.offset + looking.limit
    part: dict[str, dict[str, Any]] = {
        one.id: {"place": place, "ready_in": one.ready_in} for place, one in seen[looking.offset : end]
    }
    jobs = [job for job in generate.several_jobs(list(part)) if not job.is_over]
    return QueueReport(
        paused=generate.is_paused(),
        counts=generate.counts(),
        total=len(seen),
        running=sum(one.state == "running" for _, one in seen),
        repeating=sum(job.repeats for job in jobs),
        ready_in=seen[-1][1].ready_in if seen else None,
        jobs=[listed_job(services, job, **part[job.id]) for job in jobs],
        event=event,
        user=asking.name,
        is_owner=asking.is_owner,
    )


def _meant(asking: Visitor, whose: Whose, wish: str) -> str | None:
    """Whose jobs; None: everybody's. Raises HTTPException (403)."""
    if whose == "all" and not asking.is_owner:
        raise HTTPException(403, f"Only an owner may {wish} the jobs of others. Choose `mine`.")
    return None if whose == "all" else asking.name
