"""Jobs and their pictures as a program sees them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from modules.api.exchange import Report, readable
from modules.schema.jobs import Job, JobKind, JobState
from modules.schema.pictures import Picture
from modules.services.build import Services

PICTURES = "/api/v1/pictures"


class PictureReport(Report):
    """A finished picture."""

    id: int
    """Its number in this installation."""
    path: str
    """Below the folder of outputs, with forward slashes."""
    width: int
    """In pixels."""
    height: int
    """In pixels."""
    seed: int | None
    """What its noise was made of; null where that is not known."""
    infotext: str
    """The parameters that make it again, as its file holds them; empty where nothing is known."""
    created: float
    """Seconds since 1970."""
    job_id: str | None
    """The job that made it; null for a file that came from elsewhere."""
    index: int | None
    """Its place among the pictures of its job, from 0."""
    user: str
    """Whose job made it; empty where nobody logs in."""
    file: str
    """Where its file is on this server."""
    thumbnail: str
    """Where a small copy is, as WebP."""


class JobSummary(Report):
    """How a job is getting on."""

    id: str
    """By which it is asked for."""
    kind: JobKind
    """Which request it came from."""
    state: JobState
    """The last three are ends."""
    error: str | None
    """A sentence, where it failed."""
    user: str
    """Who asked for it; empty where nobody logs in."""
    model: str
    """The checkpoint that it needs; empty where it needs none."""
    priority: int
    """Of waiting jobs those with the highest number run first."""
    paused: bool
    """Whether it waits until somebody lets it go on."""
    repeats: bool
    """Whether the same is asked for again when it is done."""
    attempts: int
    """How often a worker began it."""
    origin: str | None
    """The job that this one repeats, tries again or doubles."""
    created: float
    """When it was accepted, in seconds since 1970."""
    started: float | None
    """When a worker began it, in seconds since 1970."""
    finished: float | None
    """When it ended, in seconds since 1970."""


class JobReport(JobSummary):
    """A job with what came of it."""

    ready_in: float | None
    """Seconds until it is probably done; null where that is not known, and when it is over."""
    request: dict[str, Any] | None
    """What was asked for; null for a batch."""
    pictures: list[PictureReport]
    """What is finished, in the order of the request."""


def picture_report(picture: Picture) -> PictureReport:
    """A picture for a program."""
    place = f"{PICTURES}/{picture.id}"
    known = {**picture.model_dump(), "file": f"{place}/file", "thumbnail": f"{place}/thumbnail"}
    return PictureReport(**readable(known))


def job_summary(job: Job) -> JobSummary:
    """A job for a list."""
    return JobSummary(**readable(_known(job)))


def job_report(services: Services, job: Job) -> JobReport:
    """A job by itself."""
    known = {
        **_known(job),
        "ready_in": None if job.is_over else services.generate.ready_in(job.id),
        "request": _asked(job),
    }
    return JobReport(**readable(known), pictures=list(map(picture_report, services.pictures.of_job(job.id))))


def _asked(job: Job) -> dict[str, Any] | None:
    with suppress(ValueError):  # a database may be damaged
        if isinstance(asked := json.loads(job.asked or "null"), dict):
            return asked
    return None


def _known(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in JobSummary.model_fields}
