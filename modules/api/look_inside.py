"""Routes of looking inside: what a request would run, and how recorded pictures came to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from modules.api.exchange import Body, JobId, Report, Teller, picture_answer, read_as, readable, refusals, takes
from modules.api.job_reports import asked_for
from modules.api.visitors import own_job
from modules.errors import WorkerUnavailable
from modules.schema.jobs import Job
from modules.schema.requests import Task
from modules.services.build import Services

MOST_OF_A_PROMPT = 200
"""Characters that a list tells."""
RecordedFile = Annotated[
    str,
    Path(
        description="A name that the recording tells.",
        max_length=100,
        pattern=r"^[0-9a-z-]+\.(jpg|png)$",
        examples=["0-0-1-denoised.jpg"],
    ),
]
_MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png"}
_EXAMPLE = {
    "task": "txt2img",
    "fields": {"prompt": "a red boat", "steps": 20, "sampler_name": "Euler", "model": "my-model"},
}


class OutlineBody(Body):
    """A request that is to be explained; it is not queued."""

    task: Task = "txt2img"
    """Which kind of request it is."""
    fields: dict[str, Any] = {}
    """Those of the request; input pictures may be left out."""


class PassReport(Report):
    """One pass. What is listed by steps has an entry for each."""

    is_second: bool
    """Whether it is the second pass of hires fix."""
    model: str
    """The checkpoint that paints."""
    prediction: str
    """What its network predicts: epsilon or v_prediction."""
    sampler: str
    """The sampler's name."""
    scheduler: str
    """The schedule's name; Automatic is told as what it stands for."""
    calls_per_step: int
    """How often the network is asked in a step."""
    own_steps: bool
    """Whether the sampler takes the schedule as a range and chooses steps of its own."""
    skipped: list[float]
    """Sigmas of the schedule before the first step: the given picture stands for them."""
    sigmas: list[float]
    """Where each step begins, and where the last one ends; one more than there are steps."""
    timesteps: list[float]
    """What the network is told at the beginning of each step."""
    guided: list[bool]
    """Whether the negative prompt pushes the picture away in a step."""
    negative_left_out: list[bool]
    """Whether the network does not look at the negative prompt in a step that is guided."""
    refiner_from: int | None
    """The first step, from 1, that begins with the refiner; null: none does."""
    refiner: str | None
    """The checkpoint that takes over; null: none does."""
    changes: list[int]
    """The steps, from 1, that begin with other words than the one before."""


class ScheduleReport(Report):
    """What would be run, pass by pass."""

    passes: list[PassReport]
    """One or two."""


class TokenReport(Report):
    """One token."""

    text: str
    """As a person reads it."""
    weight: float
    """Its emphasis."""
    ends_word: bool
    """Whether a word ends with it."""
    is_learned: bool
    """Whether it is a vector of the embedding of that name."""


class ChunkReport(Report):
    """What a text encoder sees at once: up to 75 tokens."""

    tokens: list[TokenReport]
    """Without start, end and padding."""
    ends_by_break: bool
    """Whether the word BREAK ends it, and not its length."""


class TextReport(Report):
    """One of the texts that a prompt is in the course of a pass."""

    text: str
    """As it is given to the text encoder, with its brackets."""
    chunks: list[ChunkReport]
    """In their order."""


class PartReport(Report):
    """What stands between two ANDs."""

    weight: float
    """How much it counts."""
    texts: list[TextReport]
    """In the order of their first step."""
    at: list[int]
    """For each step: which of the texts holds when it begins, counted from 0."""


class PassWordsReport(Report):
    """The words of one pass."""

    is_second: bool
    """Whether it is the second pass of hires fix."""
    steps: int
    """How many there are."""
    prompt: list[PartReport]
    """The parts of the prompt."""
    negative: list[PartReport]
    """The negative prompt, as one part."""


class WordsReport(Report):
    """What the prompts are, pass by pass."""

    passes: list[PassWordsReport]
    """One or two."""


class RecordedJob(Report):
    """A job of which there is a recording."""

    id: str
    """Its id."""
    created: float
    """When it was accepted, in seconds since 1970."""
    prompt: str
    """The beginning of what was asked for."""


class RecordedJobs(Report):
    """Jobs of which there are recordings."""

    jobs: list[RecordedJob]
    """The newest first."""


class RecordedStepReport(Report):
    """One recorded step."""

    number: int
    """From 1."""
    sigma: float | None
    """Where it began; null where the sampler chose that itself."""
    guidance: float
    """How far guidance moved the latents from what the prompt alone gives, on average."""
    files: dict[str, str]
    """Names of pictures: denoised (as the sampler has it), positive (as the network sees it with the prompt), negative
    (with the negative prompt, where the network looked at it), difference (where guidance changed it)."""


class RecordedWord(Report):
    """A word of the prompt."""

    text: str
    """How it is written."""
    part: int
    """Which part of a composed prompt it is in, from 0."""
    weight: float
    """Its emphasis."""


class WordSheet(Report):
    """Where the network looked for each word: a picture with a column for each, and rows for the mean and each step."""

    file: str
    """Its name."""
    width: int
    """Of a cell, in pixels."""
    height: int
    """Of a cell, in pixels."""
    centres: list[tuple[float, float] | None]
    """For each word where the middle of its mean map is, from the left and from the top, 0 to 1."""


class RecordedRunReport(Report):
    """One pass of one picture."""

    index: int
    """The picture's place among those of its job, from 0."""
    is_second: bool
    """Whether it is the second pass of hires fix."""
    model: str
    """The checkpoint that painted."""
    sampler: str
    """The sampler's name."""
    scheduler: str
    """The schedule's name."""
    steps: int
    """How many there were; of many only some are recorded."""
    recorded: list[RecordedStepReport]
    """In their order."""
    words: list[RecordedWord]
    """Those that there are maps of, a column for each."""
    sheet: WordSheet | None
    """Their maps; null where there are none."""
    problem: str
    """Why there are no maps; a sentence, or empty."""


class Recording(Report):
    """How the pictures of a job came to be."""

    job_id: str
    """The job."""
    runs: list[RecordedRunReport]
    """The passes of its first pictures."""


def look_inside_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/look-inside", tags=["look inside"], responses=refusals())
    _add_outlines(router, services)
    _add_recordings(router, services)
    return router


def _add_outlines(router: APIRouter, services: Services) -> None:
    told = Teller(services.paths).told

    async def outlined(request: Request, outline: Callable[[Task, Mapping[str, Any]], dict[str, Any]]) -> Any:
        wanted = await read_as(OutlineBody, request)

        def answer() -> dict[str, Any]:
            try:
                return outline(wanted.task, wanted.fields)
            except WorkerUnavailable as error:  # a moment later there may be one
                raise HTTPException(503, str(error)) from error

        return readable(await run_in_threadpool(told, answer))

    answers, taken = refusals(400, 413), takes(OutlineBody, _EXAMPLE)

    @router.post("/schedule", responses=answers, openapi_extra=taken)
    async def schedule(request: Request) -> ScheduleReport:
        """The noise levels that a request would visit, and what acts at each; no model is loaded for it."""
        return ScheduleReport.model_validate(await outlined(request, services.look_inside.schedule))

    @router.post("/words", responses=answers, openapi_extra=taken)
    async def words(request: Request) -> WordsReport:
        """The tokens, weights and chunks of a request's prompts at each step; no model is loaded for it."""
        return WordsReport.model_validate(await outlined(request, services.look_inside.words))


def _add_recordings(router: APIRouter, services: Services) -> None:
    told, inside = Teller(services.paths).told, services.look_inside

    @router.get("/jobs")
    def jobs(request: Request) -> RecordedJobs:
        """The jobs of which there are recordings, the newest first; those of others only for owners."""
        found = (_own(services, request, job_id) for job_id in inside.recorded_jobs())
        return RecordedJobs(jobs=[_told(job) for job in found if job is not None])

    @router.get("/jobs/{job_id}", responses=refusals(404))
    def recording(job_id: JobId, request: Request) -> Recording:
        """How the pictures of a job came to be."""
        return Recording.model_validate(readable(told(inside.recording, own_job(services, request, job_id))))

    @router.get(
        "/jobs/{job_id}/{file}",
        response_class=FileResponse,
        responses={**refusals(404), 200: picture_answer("image/jpeg")},
    )
    def file(job_id: JobId, file: RecordedFile, request: Request) -> FileResponse:
        """A picture of a recording, JPEG or PNG."""
        path = told(inside.file, own_job(services, request, job_id), file)
        return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix[1:]], headers={"Cache-Control": "private"})


def _own(services: Services, request: Request, job_id: str) -> Job | None:
    try:
        return own_job(services, request, job_id)
    except HTTPException:
        return None


def _told(job: Job) -> RecordedJob:
    asked = asked_for(job) or {}
    prompt = str(asked.get("prompt", ""))[:MOST_OF_A_PROMPT]
    return RecordedJob(id=job.id, created=job.created, prompt=readable(prompt))
