"""Routes of jobs: pictures in, a request as JSON, its state, and what a person wants of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modules.api.exchange import (
    Asked,
    Body,
    JobId,
    PictureNumber,
    Report,
    Teller,
    body_of,
    fields_of,
    read_as,
    refusals,
    takes,
)
from modules.api.gallery import own_picture
from modules.api.job_reports import JobReport, ListedJob, job_report, listed_job
from modules.api.request_schemas import BATCH_EXAMPLE, EXAMPLES, described
from modules.api.visitors import own_job, visitor
from modules.imaging.reading import MAX_FILE_BYTES
from modules.jobs.job_control import HowToInterrupt
from modules.schema.extras_request import ExtrasRequest
from modules.schema.field_types import MAX_PICTURES, FileStem, FolderName
from modules.schema.jobs import Job, JobState
from modules.schema.refusals import refusal
from modules.schema.requests import REQUESTS
from modules.services.accounts import Visitor
from modules.services.batches import Batch, GivenPart
from modules.services.build import Services
from modules.services.generate import GenerateService
from modules.services.remixing import WISHES as FROM_A_PICTURE

MAX_REQUEST_BYTES = 16 * 2**20
MOST_PRIORITY = 1000
MOST_LISTED = 500

WISHES: Mapping[str, tuple[Callable[[GenerateService, str], object], str]] = {
    "skip": (GenerateService.skip, "Leave out what a running job is making now, and go on with its next pictures."),
    "pause": (GenerateService.pause, "Let a waiting job wait until it is resumed."),
    "resume": (GenerateService.resume, "Let a paused job go on."),
    "repeat": (GenerateService.repeat, "Ask for the same again whenever it is done, until somebody stops that."),
    "stop-repeating": (GenerateService.stop_repeating, "Let this be the last time that a repeated job is asked for."),
}
"""What can be done with a job, by the last part of its address."""
COPIES: Mapping[str, tuple[Callable[[GenerateService, str], Job], str]] = {
    "retry": (GenerateService.retry, "Queue anew what failed or was cancelled."),
    "duplicate": (GenerateService.duplicate, "Queue the same once more."),
}
"""What makes another job of one."""

Wish = Annotated[str, Path(description=f"One of: {', '.join(FROM_A_PICTURE)}.", examples=["upscale"])]
Priority = Annotated[int, Field(ge=-MOST_PRIORITY, le=MOST_PRIORITY)]


class StoredInput(Report):
    """An input picture as a request names it."""

    id: str
    """The first half of the sha256 of its pixels: the same picture has the same."""
    width: int
    """In pixels."""
    height: int
    """In pixels."""


class PartBody(BaseModel):
    """What is painted from one picture."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: FileStem
    """What its results are called."""
    fields: dict[str, Any]
    """Those of img2img that are other than the batch's, the input picture among them."""


class BatchBody(BaseModel):
    """A batch as a program sends it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    fields: dict[str, Any] = {}
    """Those of img2img, for all parts."""
    parts: list[PartBody] = Field(max_length=MAX_PICTURES)
    """One for each input picture."""
    folder: FolderName | None = None
    """Where the results go, below the folder of img2img; null: into that of the day."""


class InQueue(Asked):
    """How a job waits."""

    priority: Priority = 0
    """Of waiting jobs those with the highest number run first; only an owner may choose more than 0."""
    front: bool = False
    """Before all that wait with the same priority; for owners."""
    repeats: bool = False
    """Ask for the same again whenever it is done, until somebody stops that."""
    look_inside: bool = False
    """Record how its pictures come to be, for /api/v1/look-inside; of txt2img and img2img alone."""


class Listing(Asked):
    """Which jobs are listed, the latest first."""

    state: Annotated[list[JobState], Field(max_length=5)] = []
    """In one of these states; may be given several times. None: in any."""
    user: Annotated[str, Field(max_length=200)] | None = None
    """Whose; an owner sees everybody's without it, others see their own in any case."""
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 100
    """How many jobs, at most."""
    before: Annotated[str, Field(max_length=64)] | None = None
    """The last id of the page before."""


class Ending(Asked):
    """How a job is stopped."""

    how: HowToInterrupt | Literal["setting"] = "now"
    """now: within one step; after_current: when the pictures are finished that are being made; setting: as the setting
    interrupt_after_current has it, and at once when it is asked for again."""


class MoveBody(Body):
    """Where in the queue a waiting job goes."""

    before: Annotated[str, Field(max_length=64)] | None = None
    """The id of the job that it goes before; null: behind all."""
    front: bool = False
    """Before all that wait with the same priority; for owners."""


class PriorityBody(Body):
    """How urgent a waiting job is."""

    priority: Priority
    """Higher ones run first; only an owner may choose more than 0."""


class JobList(Report):
    """Jobs, the latest first."""

    jobs: list[ListedJob]
    """As many as there are, and no more than `limit`."""


def job_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=refusals())
    _add_submitting(router, services)
    _add_looking(router, services)
    _add_changing(router, services)
    return router


def _add_submitting(router: APIRouter, services: Services) -> None:
    told = Teller(services.paths).told

    @router.post(
        "/inputs",
        responses=refusals(413),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"image/*": {"schema": {"type": "string", "contentMediaType": "image/png"}}},
            }
        },
    )
    async def add_input(request: Request) -> StoredInput:
        """Store the picture that the body is: PNG, JPEG, WebP or another that is read safely."""
        content = await body_of(request, MAX_FILE_BYTES)
        picture_id = await run_in_threadpool(told, services.inputs.add_bytes, content)
        width, height = await run_in_threadpool(told, services.inputs.size, picture_id)
        return StoredInput(id=picture_id, width=width, height=height)

    def submitting(kind: str) -> Callable[..., Any]:
        async def submit(request: Request, response: Response, how: Annotated[InQueue, Query()]) -> JobReport:
            asking = _allowed(request, how.priority, how.front)
            fields = await run_in_threadpool(fields_of, await body_of(request, MAX_REQUEST_BYTES))
            job = await run_in_threadpool(told, _submitted, services, kind, fields, asking, how)
            return await run_in_threadpool(_created, services, job, response)

        return submit

    bodies: dict[str, tuple[type[BaseModel], Mapping[str, Any]]] = {
        **{task: (kind, EXAMPLES[task]) for task, kind in REQUESTS.items()},
        "extras": (ExtrasRequest, EXAMPLES["extras"]),
        "batch": (BatchBody, BATCH_EXAMPLE),
    }
    for kind, (body, example) in bodies.items():
        router.add_api_route(
            f"/jobs/{kind}",
            submitting(kind),
            methods=["POST"],
            status_code=201,
            name=f"submit_{kind}",
            summary=f"Queue {kind}",
            description=f"Queue a request of the kind {kind}; the answer comes at once, with its id.",
            responses=refusals(400, 404, 413, 429),
            openapi_extra=described(takes(body, example), body),
        )

    @router.post("/pictures/{picture_id}/{wish}", status_code=201, responses=refusals(404, 429))
    def remix(picture_id: PictureNumber, wish: Wish, request: Request, response: Response) -> JobReport:
        """Queue what follows from a finished picture, such as an enlarged or a varied one."""
        asking = visitor(request)
        picture = own_picture(services, request, picture_id)
        remixed = told(services.remix.request, picture, wish)
        return _created(services, told(lambda: services.generate.submit(remixed, user=asking.name)), response)


def _add_looking(router: APIRouter, services: Services) -> None:
    told, generate = Teller(services.paths).told, services.generate

    @router.get("/jobs")
    def listed(request: Request, listing: Annotated[Listing, Query()]) -> JobList:
        """Jobs, the latest first; those of others only for owners."""
        asking = visitor(request)
        whose = listing.user if asking.is_owner else asking.name
        if listing.before is not None:
            own_job(services, request, listing.before)
        jobs = told(generate.jobs, listing.state or None, whose, listing.limit, listing.before)
        standing = generate.standing() if any(not job.is_over for job in jobs) else []
        places = {one.id: place for place, one in enumerate(standing)}
        ready = {one.id: one.ready_in for one in standing}
        rows = [listed_job(services, job, place=places.get(job.id), ready_in=ready.get(job.id)) for job in jobs]
        return JobList(jobs=rows)

    @router.get("/jobs/{job_id}", responses=refusals(404))
    def report(job_id: JobId, request: Request) -> JobReport:
        """The state of a job, and its pictures so far."""
        return job_report(services, own_job(services, request, job_id))

    @router.delete("/jobs/{job_id}", responses=refusals(404))
    def interrupt(job_id: JobId, request: Request, ending: Annotated[Ending, Query()]) -> JobReport:
        """Stop a job: at once if it waits, within one step if it runs; finished pictures stay."""
        own_job(services, request, job_id)
        generate.interrupt(job_id, None if ending.how == "setting" else ending.how)
        return job_report(services, generate.job(job_id))


def _add_changing(router: APIRouter, services: Services) -> None:
    told = Teller(services.paths).told

    def wishing(act: Callable[[GenerateService, str], object]) -> Callable[..., Any]:
        def change(job_id: JobId, request: Request) -> JobReport:
            own_job(services, request, job_id)
            told(act, services.generate, job_id)
            return job_report(services, services.generate.job(job_id))

        return change

    def copying(act: Callable[[GenerateService, str], Job]) -> Callable[..., Any]:
        def copy(job_id: JobId, request: Request, response: Response) -> JobReport:
            own_job(services, request, job_id)
            return _created(services, told(act, services.generate, job_id), response)

        return copy

    for wish, (act, meaning) in WISHES.items():
        router.add_api_route(
            f"/jobs/{{job_id}}/{wish}",
            wishing(act),
            methods=["POST"],
            name=wish,
            description=meaning,
            responses=refusals(404),
        )
    for wish, (make, meaning) in COPIES.items():
        router.add_api_route(
            f"/jobs/{{job_id}}/{wish}",
            copying(make),
            methods=["POST"],
            status_code=201,
            name=wish,
            description=meaning,
            responses=refusals(404, 429),
        )

    moving = takes(MoveBody, {"before": "0123456789abcdef"})

    @router.post("/jobs/{job_id}/move", responses=refusals(400, 404, 413), openapi_extra=moving)
    async def move(job_id: JobId, request: Request) -> JobReport:
        """Put a waiting job before another one, before all, or behind all."""
        wanted = await read_as(MoveBody, request)
        return await run_in_threadpool(told, _moved, services, request, job_id, wanted)

    urgency = takes(PriorityBody, {"priority": 1})

    @router.put("/jobs/{job_id}/priority", responses=refusals(400, 404, 413), openapi_extra=urgency)
    async def set_priority(job_id: JobId, request: Request) -> JobReport:
        """Say how urgent a waiting job is."""
        wanted = await read_as(PriorityBody, request)
        return await run_in_threadpool(told, _with_priority, services, request, job_id, wanted)


def _allowed(request: Request, priority: int, front: bool) -> Visitor:
    """Who asks. Raises HTTPException (403) for what would go before the jobs of others."""
    asking = visitor(request)
    if not asking.is_owner and (priority > 0 or front):
        raise HTTPException(403, "Only an owner may go before others. Leave `front` out, and `priority` at 0 or less.")
    return asking


def _moved(services: Services, request: Request, job_id: str, wanted: MoveBody) -> JobReport:
    _allowed(request, 0, wanted.front)
    for one in (job_id, wanted.before):
        if one is not None:
            own_job(services, request, one)
    if wanted.front:
        services.generate.to_front(job_id)
    else:
        services.generate.move(job_id, wanted.before)
    return job_report(services, services.generate.job(job_id))


def _with_priority(services: Services, request: Request, job_id: str, wanted: PriorityBody) -> JobReport:
    _allowed(request, wanted.priority, False)
    own_job(services, request, job_id)
    services.generate.set_priority(job_id, wanted.priority)
    return job_report(services, services.generate.job(job_id))


def _submitted(services: Services, kind: str, fields: dict[str, Any], asking: Visitor, how: InQueue) -> Job:
    generate, waiting = services.generate, {"user": asking.name, **how.model_dump()}
    if kind == "extras":
        return generate.submit_extras(ExtrasRequest.of(fields), **waiting)
    if kind == "batch":
        return generate.submit_batch(_batch(services, fields), **waiting)
    return next(generate.submit(request.of(fields), **waiting) for task, request in REQUESTS.items() if task == kind)


def _batch(services: Services, body: dict[str, Any]) -> Batch:
    try:
        given = BatchBody(**body)
    except ValidationError as error:
        raise refusal(error, BatchBody.model_fields) from error
    parts = [GivenPart(part.name, part.fields) for part in given.parts]
    return services.batches.of_fields(given.fields, parts, folder=given.folder)


def _created(services: Services, job: Job, response: Response) -> JobReport:
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job_report(services, job)
