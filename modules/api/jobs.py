"""Routes of jobs: pictures in, a request as JSON, its state, its pictures out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modules.api.exchange import Teller, body_of, fields_of
from modules.errors import NotFound
from modules.imaging.reading import MAX_FILE_BYTES
from modules.schema.extras_request import ExtrasRequest
from modules.schema.field_types import MAX_PICTURES, FileStem, FolderName
from modules.schema.jobs import Job, JobState
from modules.schema.pictures import Picture
from modules.schema.refusals import refusal
from modules.schema.requests import REQUESTS
from modules.services.batches import Batch, GivenPart
from modules.services.build import Services

MAX_REQUEST_BYTES = 16 * 2**20


class StoredInput(BaseModel):
    """An input picture as a request names it."""

    id: str
    width: int
    height: int


class PartBody(BaseModel):
    """What is painted from one picture."""

    model_config = ConfigDict(extra="forbid")

    name: FileStem
    fields: dict[str, Any]


class BatchBody(BaseModel):
    """A batch as a program sends it."""

    model_config = ConfigDict(extra="forbid")

    fields: dict[str, Any] = {}
    parts: list[PartBody] = Field(max_length=MAX_PICTURES)
    folder: FolderName | None = None


class JobReport(BaseModel):
    """How a job is getting on."""

    id: str
    state: JobState
    error: str | None
    pictures: list[Picture]


def job_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1")
    told = Teller(services.paths).told

    @router.post("/inputs")
    async def add_input(request: Request) -> StoredInput:
        """Store the picture that the body is."""
        content = await body_of(request, MAX_FILE_BYTES)
        picture_id = await run_in_threadpool(told, services.inputs.add_bytes, content)
        width, height = services.inputs.size(picture_id)
        return StoredInput(id=picture_id, width=width, height=height)

    @router.post("/jobs/{kind}", status_code=201)
    async def submit(kind: str, request: Request) -> JobReport:
        """Queue a request; the body is a JSON object of its fields.

        Kinds are txt2img, img2img, extras and batch, which has {"fields": those of all, "parts": [{"name", "fields"}],
        "folder"}.
        """
        fields = fields_of(await body_of(request, MAX_REQUEST_BYTES))
        return await run_in_threadpool(lambda: _report(services, told(_submitted, services, kind, fields)))

    @router.post("/pictures/{picture_id}/{wish}", status_code=201)
    def remix(picture_id: int, wish: str) -> JobReport:
        """Queue what follows from a finished picture: see services.remixing.WISHES."""
        return _report(services, told(_remixed, services, picture_id, wish))

    @router.get("/jobs/{job_id}")
    def report(job_id: str) -> JobReport:
        """The state of a job, and its pictures so far."""
        return _report(services, told(services.generate.job, job_id))

    @router.delete("/jobs/{job_id}")
    def interrupt(job_id: str) -> JobReport:
        """Stop a job: within one step if it runs, at once if it waits."""
        told(services.generate.job, job_id)
        services.generate.interrupt(job_id)
        return _report(services, services.generate.job(job_id))

    @router.get("/pictures/{picture_id}")
    def picture(picture_id: int) -> FileResponse:
        """The file of a picture."""
        path = services.pictures.file(told(services.pictures.get, picture_id))
        if not path.is_file():
            raise HTTPException(404, f"Picture {picture_id} is no longer there.")
        return FileResponse(path)

    return router


def _submitted(services: Services, kind: str, fields: dict[str, Any]) -> Job:
    if kind == "extras":
        return services.generate.submit_extras(ExtrasRequest.of(fields))
    if kind == "batch":
        return services.generate.submit_batch(_batch(services, fields))
    for task, request in REQUESTS.items():
        if kind == task:
            return services.generate.submit(request.of(fields))
    raise NotFound(f"There are no jobs of the kind {kind[:40]!r}. Use txt2img, img2img, batch or extras.")


def _batch(services: Services, body: dict[str, Any]) -> Batch:
    try:
        given = BatchBody(**body)
    except ValidationError as error:
        raise refusal(error, BatchBody.model_fields) from error
    parts = [GivenPart(part.name, part.fields) for part in given.parts]
    return services.batches.of_fields(given.fields, parts, folder=given.folder)


def _remixed(services: Services, picture_id: int, wish: str) -> Job:
    return services.generate.submit(services.remix.request(services.pictures.get(picture_id), wish))


def _report(services: Services, job: Job) -> JobReport:
    return JobReport(id=job.id, state=job.state, error=job.error, pictures=services.pictures.of_job(job.id))
