"""txt2img and img2img: a call is a job, and answers when that is over."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from modules.api.sdapi.bodies import GenerationBody, Img2ImgBody, Txt2ImgBody
from modules.api.sdapi.fields import asked_of
from modules.api.sdapi.image_bodies import encoded
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
    """PNG files in base64, with their parameters as text; grids come first."""
    parameters: dict[str, Any]
    """The fields of the call, with their defaults."""
    info: str
    """What was done, as JSON."""


def generation_routes(router: APIRouter, services: Services, tasks: TaskNames, remembered: RememberedSettings) -> None:
    """Add the routes of both tasks."""

    def submitted(body: GenerationBody, task: Task, user: str) -> tuple[Job, tuple[str, ...]]:
        asked = asked_of(services, body, task, remembered.current)
        job = services.generate.submit(asked.request, user=user)
        tasks.call(job, body.force_task_id)
        return job, asked.not_honoured

    async def painted(body: GenerationBody, task: Task, user: str) -> GenerationAnswer:
        job, problems = await run_in_threadpool(submitted, body, task, user)
        over = await ended(services, job)
        if over.state == "failed":
            raise Refused(500, str(over.error))
        return await run_in_threadpool(_answer, services, body, over, problems)

    @router.post("/txt2img")
    async def txt2img(body: Txt2ImgBody, request: Request) -> GenerationAnswer:
        """Paint pictures from words. Answers when they are finished."""
        return await painted(body, "txt2img", visitor(request).name)

    @router.post("/img2img")
    async def img2img(body: Img2ImgBody, request: Request) -> GenerationAnswer:
        """Paint pictures from pictures and words. Answers when they are finished."""
        return await painted(body, "img2img", visitor(request).name)


def _answer(services: Services, body: GenerationBody, job: Job, problems: tuple[str, ...]) -> GenerationAnswer:
    pictures, first = grids_first(services.pictures.of_job(job.id), services.paths)
    images = [encoded(services, picture) for picture in pictures] if body.send_images else []
    return GenerationAnswer(images=images, parameters=body.echoed(), info=info_of(job, pictures, first, problems))
