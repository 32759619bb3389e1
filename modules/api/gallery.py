"""Routes of finished pictures: looking for them, one of them, its file, a small copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse
from pydantic import Field

from modules.api.exchange import Asked, PictureNumber, Report, Teller, picture_answer, refusals
from modules.api.job_reports import PICTURES, PictureReport, picture_report
from modules.api.visitors import visitor
from modules.errors import NotFound
from modules.gallery.search import PictureSearch
from modules.schema.field_types import MAX_SEED
from modules.schema.pictures import Picture
from modules.services.build import Services

MOST_LISTED = 500
_LATEST = 1e11
"""Seconds since 1970 that nobody means."""

_Moment = Annotated[float, Field(ge=0, le=_LATEST, allow_inf_nan=False)]
_Pixels = Annotated[int, Field(ge=1, le=2**31)]
_Name = Annotated[str, Field(max_length=200)]


class Looking(Asked):
    """What is looked for; all that is given has to hold."""

    words: Annotated[str, Field(max_length=1000)] = ""
    """Each of these words, which spaces part, is in the prompt or elsewhere in the parameters; of letters beyond ASCII
    the case counts."""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    """What the noise was made of."""
    model: _Name = ""
    """The checkpoint's name as the parameters have it."""
    sampler: _Name = ""
    """The sampler's name as the parameters have it."""
    width: _Pixels | None = None
    """In pixels."""
    height: _Pixels | None = None
    """In pixels."""
    since: _Moment | None = None
    """Made at that moment or later, in seconds since 1970."""
    until: _Moment | None = None
    """Made before that moment, in seconds since 1970."""
    job_id: Annotated[str, Field(max_length=64)] = ""
    """The job that made it."""
    user: _Name | None = None
    """Whose job made it; an owner sees everybody's without it, others see their own in any case."""
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 50
    """How many pictures, at most."""
    after: Annotated[str, Field(max_length=100)] = ""
    """The `next` of the page before."""


class PictureList(Report):
    """Pictures, the newest first."""

    total: int
    """How many were found in all."""
    pictures: list[PictureReport]
    """Those of this page."""
    next: str
    """What the next page is asked for with, as `after`; empty on the last one."""


def gallery_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix=PICTURES, tags=["pictures"], responses=refusals())
    told = Teller(services.paths).told

    @router.get("")
    def search(request: Request, looking: Annotated[Looking, Query()]) -> PictureList:
        """Look for finished pictures, the newest first; those of others only for owners."""
        asking = visitor(request)
        wanted = looking.model_dump(exclude={"limit", "after"})
        if not asking.is_owner:
            wanted["user"] = asking.name
        found = told(services.pictures.search, PictureSearch(**wanted), looking.limit, looking.after)
        return PictureList(total=found.total, pictures=list(map(picture_report, found.pictures)), next=found.next)

    @router.get("/{picture_id}", responses=refusals(404))
    def one(picture_id: PictureNumber, request: Request) -> PictureReport:
        """What is known of a finished picture."""
        return picture_report(own_picture(services, request, picture_id))

    @router.get(
        "/{picture_id}/file", response_class=FileResponse, responses={**refusals(404), 200: picture_answer("image/png")}
    )
    def file(picture_id: PictureNumber, request: Request) -> FileResponse:
        """The file of a finished picture, as it lies on the disk."""
        return FileResponse(_file(services, own_picture(services, request, picture_id)))

    @router.get(
        "/{picture_id}/thumbnail",
        response_class=FileResponse,
        responses={**refusals(404), 200: picture_answer("image/webp")},
    )
    def thumbnail(picture_id: PictureNumber, request: Request) -> FileResponse:
        """A small copy of a finished picture."""
        picture = own_picture(services, request, picture_id)
        _file(services, picture)
        return FileResponse(told(services.pictures.thumbnail, picture), media_type="image/webp")

    return router


def own_picture(services: Services, request: Request, picture_id: int) -> Picture:
    """A picture that the visitor may see. Raises HTTPException (404) for unknown and for foreign ones alike."""
    asking = visitor(request)
    missing = HTTPException(404, f"There is no picture {picture_id}.")
    try:
        picture = services.pictures.get(picture_id)
    except NotFound as error:
        raise missing from error
    if not asking.is_owner and picture.user != asking.name:
        raise missing
    return picture


def _file(services: Services, picture: Picture) -> Path:
    path = services.pictures.file(picture)
    if not path.is_file():
        raise HTTPException(404, f"Picture {picture.id} is no longer there.")
    return path
