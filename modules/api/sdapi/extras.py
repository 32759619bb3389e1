"""Finished pictures enlarged and mended."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from modules.api.sdapi.answer_format import AnswerFormat
from modules.api.sdapi.image_bodies import stored
from modules.api.sdapi.job_ends import ended
from modules.api.sdapi.routes import Refused, SdapiBody
from modules.api.visitors import visitor
from modules.imaging.reading import read_texts
from modules.schema.extras_request import ExtrasRequest
from modules.schema.field_types import MAX_PICTURES
from modules.schema.jobs import Job
from modules.schema.pictures import Picture
from modules.services.build import Services

_DONE_KEY = "postprocessing"
"""The text of a picture that says what was done with it."""


class ExtrasBody(SdapiBody):
    """A1111's fields with A1111's defaults. Any other field of our own requests may be sent too, by its name."""

    model_config = ConfigDict(extra="allow")

    resize_mode: int | str = 0
    """0: by a factor; 1: to a width and a height."""
    show_extras_results: bool = True
    gfpgan_visibility: float = 0
    codeformer_visibility: float = 0
    codeformer_weight: float = 0
    upscaling_resize: float = 2
    upscaling_resize_w: int = 512
    upscaling_resize_h: int = 512
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = 0
    upscale_first: bool = False

    def fields(self) -> dict[str, Any]:
        """Those of our request, without the pictures."""
        return {name: value for name, value in self.model_dump().items() if name in ExtrasRequest.model_fields}


class SingleBody(ExtrasBody):
    """One picture."""

    image: str = ""
    """In base64, or a web address."""


class BatchPicture(SdapiBody):
    """One of several pictures."""

    data: str
    """In base64, or a web address."""
    name: str = ""


class BatchBody(ExtrasBody):
    """Several pictures."""

    imageList: list[BatchPicture] = Field(default=[], max_length=MAX_PICTURES)


class SingleAnswer(BaseModel):
    """What became of a picture."""

    html_info: str
    image: str
    """A file in base64 (see `samples_format`)."""


class BatchAnswer(BaseModel):
    """What became of the pictures."""

    html_info: str
    images: list[str]
    """Files in base64 (see `samples_format`), in the order of the pictures that were sent."""


def extras_routes(router: APIRouter, services: Services) -> None:
    """Add the routes."""

    def encoded(picture: Picture) -> str:
        return AnswerFormat.of_server(services).encoded(services, picture)

    async def processed(given: list[str], body: ExtrasBody, request: Request) -> list[Picture]:
        job = await run_in_threadpool(_submitted, services, given, body.fields(), visitor(request).name)
        over = await ended(services, job)
        if over.state == "failed":
            raise Refused(500, str(over.error))
        return await run_in_threadpool(services.pictures.of_job, job.id)

    @router.post("/extra-single-image")
    async def single(body: SingleBody, request: Request) -> SingleAnswer:
        """Enlarge or mend one picture. Answers when it is finished."""
        pictures = await processed([body.image], body, request)
        if not pictures:
            raise Refused(404, "Image not found", "The job was stopped before its picture was finished. Send it again.")
        return await run_in_threadpool(
            lambda: SingleAnswer(html_info=_said(services, pictures[0]), image=encoded(pictures[0]))
        )

    @router.post("/extra-batch-images")
    async def batch(body: BatchBody, request: Request) -> BatchAnswer:
        """Enlarge or mend several pictures alike. Answers when they are finished."""
        pictures = await processed([one.data for one in body.imageList], body, request)
        return await run_in_threadpool(
            lambda: BatchAnswer(
                html_info=_said(services, pictures[0]) if pictures else "",
                images=[encoded(picture) for picture in pictures],
            )
        )


def _submitted(services: Services, given: list[str], fields: Mapping[str, Any], user: str) -> Job:
    images = [stored(services, text, "image") for text in given]
    return services.generate.submit_extras(ExtrasRequest.of({**fields, "images": images}), user=user)


def _said(services: Services, picture: Picture) -> str:
    """What was done, as the paragraph that A1111's page shows."""
    done = read_texts(services.pictures.file(picture)).get(_DONE_KEY, "")
    return f"<p>{html.escape(done)}</p>" if done else ""
