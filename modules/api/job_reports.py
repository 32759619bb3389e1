"""Jobs and their pictures as a program sees them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from modules.api.exchange import Report, readable
from modules.schema.job_outline import outline_of
from modules.schema.jobs import Job, JobKind, JobState
from modules.schema.pictures import Picture
from modules.services.build import Services

PICTURES = "/api/v1/pictures"
_COVERS = 4


class PictureReport(Report):
    """A finished picture."""

    id: int
    """Its number in this installation."""
    path: str
    """Below the folder of outputs, or below the adopted folder that it lies in, with forward slashes."""
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
    folder: int | None
    """The adopted folder that it lies in; null for the folder of outputs."""
    favourite: bool
    """Whether somebody marked it."""
    rating: int
    """Stars, 1 to 5; 0 where nobody gave any."""
    albums: list[int]
    """Which albums of whoever asks it is in; empty in reports of jobs."""
    binned: float | None
    """When it was put into the bin, in seconds since 1970; null where it is not there."""
    origin: str
    """The program that made it: empty for this one, "unknown" where the file does not tell."""
    problem: str
    """Why the file cannot be read; empty where it can."""
    file: str
    """Where its file is on this server."""
    thumbnail: str
    """Where a small copy is, as JPEG."""


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
    look_inside: bool
    """Whether it is recorded how its pictures come to be."""
    created: float
    """When it was accepted, in seconds since 1970."""
    started: float | None
    """When a worker began it, in seconds since 1970."""
    finished: float | None
    """When it ended, in seconds since 1970."""


class ListedJob(JobSummary):
    """A job with what tells it from others in a list."""

    prompt: str
    """The first 300 characters of what was typed; of a batch those of its first part."""
    width: int | None
    """In pixels, as asked for; null where the job finds that out."""
    height: int | None
    """In pixels."""
    steps: int | None
    """Those of each picture; null for Extras."""
    sampler: str
    """Its name; empty for Extras."""
    script: str
    """The script that decides what is made; empty without one."""
    inputs: int
    """How many pictures it begins with."""
    wanted: int | None
    """How many pictures it makes; null where that is not known before."""
    made: int
    """How many of them are finished."""
    covers: list[int]
    """The ids of the first finished pictures, four at most."""
    place: int | None
    """How many jobs of anybody stand before it; null once it is over."""
    ready_in: float | None
    """Seconds until it is probably done; null where that is not known, and when it is over."""


class JobReport(JobSummary):
    """A job with what came of it."""

    ready_in: float | None
    """Seconds until it is probably done; null where that is not known, and when it is over."""
    request: dict[str, Any] | None
    """What was asked for; null for a batch."""
    pictures: list[PictureReport]
    """What is finished, in the order of the request."""


def picture_report(picture: Picture, albums: Sequence[int] = ()) -> PictureReport:
    """A picture for a program, with those albums that contain it."""
    place = f"{PICTURES}/{picture.id}"
    known = {
        **picture.model_dump(),
        "albums": list(albums),
        "file": f"{place}/file",
        "thumbnail": f"{place}/thumbnail",
    }
    return PictureReport(**readable(known))


def job_summary(job: Job) -> JobSummary:
    """A job for a list."""
    return JobSummary(**readable(_known(job)))


def listed_job(services: Services, job: Job, *, place: int | None = None, ready_in: float | None = None) -> ListedJob:
    """A job for a list that is looked at; where it stands is told by whoever knows the order."""
    pictures = services.pictures.of_job(job.id) if job.started is not None else []
    known = {
        **_known(job),
        **outline_of(job).model_dump(),
        "made": len(pictures),
        "covers": [picture.id for picture in pictures[:_COVERS]],
        "place": place,
        "ready_in": ready_in,
    }
    return ListedJob(**readable(known))


def job_report(services: Services, job: Job) -> JobReport:
    """A job by itself."""
    known = {
        **_known(job),
        "ready_in": None if job.is_over else services.generate.ready_in(job.id),
        "request": asked_for(job),
    }
    return JobReport(**readable(known), pictures=list(map(picture_report, services.pictures.of_job(job.id))))


def asked_for(job: Job) -> dict[str, Any] | None:
    """The fields of the request as it was made; None for a batch."""
    with suppress(ValueError):  # a database may be damaged
        if isinstance(asked := json.loads(job.asked or "null"), dict):
            return asked
    return None


def _known(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in JobSummary.model_fields}
