"""Routes of finished pictures: looking for them, one of them, its file, a small copy, its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import Field

from modules.api.exchange import Asked, PictureNumber, Report, Teller, picture_answer, readable, refusals
from modules.api.job_reports import PICTURES, PictureReport, picture_report
from modules.api.visitors import visitor
from modules.errors import NotFound
from modules.gallery.facets import Facets
from modules.gallery.search import Order, PictureSearch
from modules.schema.field_types import MAX_SEED
from modules.schema.pictures import MOST_STARS, Picture
from modules.services.build import Services
from modules.services.picture_reading import PictureReading

MOST_LISTED = 500
_LATEST = 1e11
"""Seconds since 1970 that nobody means."""
_LARGEST_ID = 2**63 - 1
_MEDIA_TYPES = {".png": "image/png", ".webp": "image/webp", ".avif": "image/avif", ".gif": "image/gif"}

_Moment = Annotated[float, Field(ge=0, le=_LATEST, allow_inf_nan=False)]
_Pixels = Annotated[int, Field(ge=1, le=2**31)]
_Name = Annotated[str, Field(max_length=300)]


class Wanted(Asked):
    """What is looked for; all that is given has to hold."""

    words: Annotated[str, Field(max_length=1000)] = ""
    """Each of these words is in the prompt, the negative prompt, the names of model, LoRAs and sampler, or the file's
    name; the last may be only begun. "Words in quotes" are a phrase, and of a word behind a minus there is none."""
    negative: Annotated[str, Field(max_length=1000)] = ""
    """The same for the negative prompt alone."""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    """What the noise was made of."""
    model: _Name = ""
    """The checkpoint's name as the parameters have it."""
    lora: _Name = ""
    """The name of a LoRA as the prompt has it."""
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
    favourite: bool | None = None
    """true: the marked ones alone; false: the others."""
    rating: Annotated[int, Field(ge=0, le=MOST_STARS)] = 0
    """At least so many stars."""
    album: Annotated[int, Field(ge=1, le=_LARGEST_ID)] | None = None
    """In that album of one's own."""
    folder: Annotated[int, Field(ge=0, le=_LARGEST_ID)] | None = None
    """In that adopted folder; 0: in the folder of outputs."""
    origin: Annotated[str, Field(max_length=50)] = ""
    """The program that made it; "here" for this one, "unknown" for those that do not tell."""
    bin: bool = False
    """true: those in the bin; false: all others."""


class Outlining(Wanted):
    """What is looked for, and in which order."""

    order: Order = "newest"
    """newest, oldest, or rating: the most stars first."""


class Looking(Outlining):
    """What is looked for, and which part of it is listed."""

    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 50
    """How many pictures, at most."""
    after: Annotated[str, Field(max_length=100)] = ""
    """The `next` of the page before."""


class PictureList(Report):
    """Pictures in the order that was asked for."""

    total: int
    """How many were found in all."""
    pictures: list[PictureReport]
    """Those of this page."""
    next: str
    """What the next page is asked for with, as `after`; empty on the last one."""


class OutlineReport(Report):
    """All that was found, as little more than its numbers."""

    ids: list[int]
    """The ids of the pictures, in their order."""
    marks: list[int]
    """For each of them its stars, and 8 more for a favourite, and 16 more for a file that cannot be read."""


class NameCount(Report):
    """A name and how many of the pictures have it."""

    name: str
    """As it is looked for."""
    count: int
    """Pictures."""


class SizeCount(Report):
    """A size and how many of the pictures have it."""

    width: int
    """In pixels."""
    height: int
    """In pixels."""
    count: int
    """Pictures."""


class RatingCount(Report):
    """A number of stars and how many of the pictures have exactly these."""

    rating: int
    """Stars; 0 where nobody gave any."""
    count: int
    """Pictures."""


class FacetReport(Report):
    """What there is to choose from among the pictures that are looked for; the most frequent ones first."""

    models: list[NameCount]
    """Checkpoints."""
    loras: list[NameCount]
    """LoRAs."""
    samplers: list[NameCount]
    """Sampling methods."""
    sizes: list[SizeCount]
    """Sizes of pictures."""
    origins: list[NameCount]
    """Programs; "here" is this one."""
    ratings: list[RatingCount]
    """By the number of stars."""
    favourites: int
    """How many are marked."""


class ParameterRow(Report):
    """One parameter."""

    name: str
    """As infotexts call it."""
    value: str
    """As it is written; both sides of a size are in one row."""


class ParametersReport(Report):
    """How a picture was made, in readable form."""

    prompt: str
    """What was painted."""
    negative_prompt: str
    """What was kept out."""
    parameters: list[ParameterRow]
    """All others, in the order of the file."""
    infotext: str
    """All of it as text; empty where nothing is known."""
    origin: str
    """The program that made it: empty for this one, "unknown" where the file does not tell."""
    task: str
    """txt2img or img2img: which of them makes the picture again."""
    input: bool
    """Whether the picture that it began with is stored here."""
    not_honoured: list[str]
    """What cannot be followed here, a line for each."""


def gallery_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix=PICTURES, tags=["pictures"], responses=refusals())
    _add_looking(router, services)
    _add_one(router, services)
    _add_input(router, services)
    return router


def _add_looking(router: APIRouter, services: Services) -> None:
    told = Teller(services.paths).told

    @router.get("", responses=refusals(404))
    def search(request: Request, looking: Annotated[Looking, Query()]) -> PictureList:
        """Look for finished pictures; those of others only for owners."""
        found = told(
            services.pictures.search, _search(services, request, looking), looking.limit, looking.after, looking.order
        )
        pictures = reports_of(services, request, found.pictures)
        return PictureList(total=found.total, pictures=pictures, next=found.next)

    @router.get("/outline", response_model=OutlineReport, responses=refusals(404))
    def outline(request: Request, looking: Annotated[Outlining, Query()]) -> Response:
        """The numbers of all pictures that are looked for, for whoever scrolls through them."""
        text = told(services.pictures.outline, _search(services, request, looking), looking.order)
        return Response(text, media_type="application/json")

    @router.get("/facets", responses=refusals(404))
    def facets(request: Request, looking: Annotated[Wanted, Query()]) -> FacetReport:
        """Count the models, LoRAs, samplers, sizes, programs and ratings of what is looked for."""
        return _facet_report(told(services.pictures.facets, _search(services, request, looking)))


def _add_one(router: APIRouter, services: Services) -> None:
    told = Teller(services.paths).told

    @router.get("/{picture_id}", responses=refusals(404))
    def one(picture_id: PictureNumber, request: Request) -> PictureReport:
        """What is known of a finished picture."""
        return reports_of(services, request, [own_picture(services, request, picture_id)])[0]

    @router.get("/{picture_id}/parameters", responses=refusals(404))
    def parameters(picture_id: PictureNumber, request: Request) -> ParametersReport:
        """How a finished picture was made."""
        picture = own_picture(services, request, picture_id)
        return parameters_report(services.pictures.read_text(picture.infotext), picture.origin)

    @router.get(
        "/{picture_id}/file", response_class=FileResponse, responses={**refusals(404), 200: picture_answer("image/png")}
    )
    def file(picture_id: PictureNumber, request: Request) -> FileResponse:
        """The file of a finished picture, as it lies on the disk."""
        path = file_of(services, own_picture(services, request, picture_id))
        return FileResponse(path, media_type=_MEDIA_TYPES.get(path.suffix.lower(), "image/jpeg"))

    @router.get(
        "/{picture_id}/thumbnail",
        response_class=FileResponse,
        responses={**refusals(404), 200: picture_answer("image/jpeg")},
    )
    def thumbnail(picture_id: PictureNumber, request: Request) -> FileResponse:
        """A small copy of a finished picture."""
        picture = own_picture(services, request, picture_id)
        file_of(services, picture)
        return FileResponse(told(services.pictures.thumbnail, picture), media_type="image/jpeg")


def _add_input(router: APIRouter, services: Services) -> None:
    told = Teller(services.paths).told

    @router.get(
        "/{picture_id}/input",
        response_class=FileResponse,
        responses={**refusals(404), 200: picture_answer("image/png")},
    )
    def input_picture(picture_id: PictureNumber, request: Request) -> FileResponse:
        """The picture that a finished one began with, where it is stored here."""
        picture = own_picture(services, request, picture_id)
        began_with = services.pictures.read_text(picture.infotext).input_picture
        if not began_with:
            raise HTTPException(404, f"Picture {picture_id} began with no other picture.")
        return FileResponse(told(services.inputs.file, began_with), media_type="image/png")


def _search(services: Services, request: Request, looking: Wanted) -> PictureSearch:
    """What a visitor looks for. Raises HTTPException (404) for an album that is not the visitor's."""
    asking = visitor(request)
    wanted = looking.model_dump(include=set(Wanted.model_fields))
    if not asking.is_owner:
        wanted["user"] = asking.name
    if looking.album is not None:
        Teller(services.paths).told(services.albums.get, looking.album, asking.name)
    return PictureSearch(**wanted)


def reports_of(services: Services, request: Request, pictures: Sequence[Picture]) -> list[PictureReport]:
    """Pictures for a program, with the visitor's albums that they are in."""
    albums = services.albums.containing([picture.id for picture in pictures], visitor(request).name)
    return [picture_report(picture, albums.get(picture.id, ())) for picture in pictures]


def parameters_report(reading: PictureReading, origin: str) -> ParametersReport:
    """How a picture was made, for a program."""
    known = {
        "prompt": reading.parsed.prompt,
        "negative_prompt": reading.parsed.negative_prompt,
        "parameters": [{"name": name, "value": value} for name, value in reading.rows()],
        "infotext": reading.infotext,
        "origin": origin,
        "task": reading.request.task,
        "input": bool(reading.input_picture),
        "not_honoured": list(reading.not_honoured),
    }
    return ParametersReport(**readable(known))


def _facet_report(facets: Facets) -> FacetReport:
    def named(rows: Sequence[object]) -> list[dict[str, object]]:
        return [dict(vars(row)) for row in rows]

    known = {name: named(value) if isinstance(value, list) else value for name, value in vars(facets).items()}
    return FacetReport(**readable(known))


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


def file_of(services: Services, picture: Picture) -> Path:
    """Where the file of a picture lies. Raises HTTPException (404) where it is gone."""
    try:
        path = services.pictures.file(picture)
        if path.is_file():
            return path
    except (NotFound, OSError) as error:
        raise HTTPException(404, f"Picture {picture.id} is no longer there.") from error
    raise HTTPException(404, f"Picture {picture.id} is no longer there.")
