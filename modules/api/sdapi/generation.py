"""txt2img and img2img: a call is a job, and answers when that is over."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from modules.api.exchange import Teller
from modules.api.sdapi.answer_format import AnswerFormat
from modules.api.sdapi.bodies import GenerationBody, Img2ImgBody, Txt2ImgBody
from modules.api.sdapi.fields import asked_of
from modules.api.sdapi.info import grids_first, info_of
from modules.api.sdapi.job_ends import ended
from modules.api.sdapi.remembered_settings import RememberedSettings
from modules.api.sdapi.routes import Refused
from modules.api.sdapi.tasks import TaskNames
from modules.api.visitors import visitor
from modules.schema.jobs import Job
from modules.schema.requests import Task
from modules.services.build import Services


class GenerationAnswer(BaseModel):
    """Finished pictures, and what they were made of."""

    images: list[str]
    """Files in base64 (see `samples_format`), with their parameters as text; grids come first."""
    parameters: dict[str, Any]
    """The fields of the call, with their defaults."""
    info: str
    """What was done, as JSON."""


def generation_routes(
    router: APIRouter, services: Services, tasks: TaskNames, remembered: RememberedSettings, teller: Teller
) -> None:
    """Add the routes of both tasks."""

    def submitted(body: GenerationBody, task: Task, user: str) -> tuple[Job, tuple[str, ...], AnswerFormat]:
        format = AnswerFormat.of_server(services, body.override_settings)
        asked = asked_of(services, body, task, remembered.current)
        job = services.generate.submit(asked.request, user=user)
        tasks.call(job, body.force_task_id)
        return job, tuple(map(teller.shown, asked.not_honoured)), format

    async def painted(body: GenerationBody, task: Task, user: str) -> GenerationAnswer:
        job, problems, format = await run_in_threadpool(submitted, body, task, user)
        over = await ended(services, job)
        if over.state == "failed":
            raise Refused(500, str(over.error))
        return await run_in_threadpool(_answer, services, body, over, problems, format)

    @router.post("/txt2img")
    async def txt2img(body: Txt2ImgBody, request: Request) -> GenerationAnswer:
        """Paint pictures from words. Answers when they are finished."""
        return await painted(body, "txt2img", visitor(request).name)

    @router.post("/img2img")
    async def img2img(body: Img2ImgBody, request: Request) -> GenerationAnswer:
        """Paint pictures from pictures and words. Answers when they are finished."""
        return await painted(body, "img2img", visitor(request).name)


def _answer(
    services: Services, body: GenerationBody, job: Job, problems: tuple[str, ...], format: AnswerFormat
) -> GenerationAnswer:
    pictures, first = grids_first(services.pictures.of_job(job.id), services.paths)
    images = [format.encoded(services, picture) for picture in pictures] if body.send_images else []
    return GenerationAnswer(images=images, parameters=body.echoed(), info=info_of(job, pictures, first, problems))
