"""Routes that change many pictures at once: what people say of them, the bin; and one that packs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import Field

from modules.api.exchange import Asked, Body, Report, Teller, read_as, refusals, takes
from modules.api.job_reports import PICTURES
from modules.api.picture_archive import MOST_PACKED, archive_of
from modules.api.visitors import visitor
from modules.errors import NotFound
from modules.schema.pictures import MOST_STARS
from modules.services.build import Services
from modules.services.pictures import MOST_CHANGED, PictureService

_LARGEST_ID = 2**63 - 1
_Ids = Annotated[list[Annotated[int, Field(ge=1, le=_LARGEST_ID)]], Field(max_length=MOST_CHANGED)]

WISHES: dict[str, tuple[Callable[[PictureService, Sequence[int], str | None], int], str]] = {
    "bin": (PictureService.bin, "Put pictures into the bin; those of adopted folders stay where they are."),
    "restore": (PictureService.restore, "Take pictures out of the bin and put them back to where they were."),
    "delete": (PictureService.delete, "Delete pictures that are in the bin, for good."),
}
"""What can be done with many pictures, by the last part of the address."""


class PicturesBody(Body):
    """Which pictures."""

    ids: _Ids
    """Their ids; foreign and unknown ones are passed over."""


class ChangeBody(PicturesBody):
    """What people say of pictures; what is left out stays."""

    favourite: bool | None = None
    """Whether they are marked."""
    rating: Annotated[int, Field(ge=0, le=MOST_STARS)] | None = None
    """Stars, 1 to 5; 0 takes them away."""


class Changed(Report):
    """What came of it."""

    changed: int
    """How many pictures."""


class Packing(Asked):
    """What is packed."""

    ids: Annotated[str, Field(min_length=1, max_length=20 * MOST_PACKED, pattern=r"^[0-9]+(,[0-9]+)*$")]
    """The ids of pictures, with commas between them; at most 1,000."""


def picture_change_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix=PICTURES, tags=["pictures"], responses=refusals())
    told = Teller(services.paths).told

    changing = takes(ChangeBody, {"ids": [7, 8], "favourite": True, "rating": 4})

    @router.post("/change", responses=refusals(400, 413), openapi_extra=changing)
    async def change(request: Request) -> Changed:
        """Mark pictures as favourites or give them stars."""
        wanted = await read_as(ChangeBody, request)
        given = wanted.model_dump(exclude={"ids"})
        changed = await run_in_threadpool(told, lambda: services.pictures.change(wanted.ids, _whose(request), **given))
        return Changed(changed=changed)

    def wishing(act: Callable[[PictureService, Sequence[int], str | None], int]) -> Callable[..., Any]:
        async def carry_out(request: Request) -> Changed:
            wanted = await read_as(PicturesBody, request)
            return Changed(changed=await run_in_threadpool(told, act, services.pictures, wanted.ids, _whose(request)))

        return carry_out

    for wish, (act, meaning) in WISHES.items():
        router.add_api_route(
            f"/{wish}",
            wishing(act),
            methods=["POST"],
            name=f"{wish}_pictures",
            description=meaning,
            responses=refusals(400, 413),
            openapi_extra=takes(PicturesBody, {"ids": [7, 8]}),
        )

    @router.post("/bin/empty")
    def empty_bin(request: Request) -> Changed:
        """Delete all that is in the bin for good; an owner's call empties everybody's."""
        return Changed(changed=told(services.pictures.empty_bin, _whose(request)))

    @router.get(
        "/zip",
        response_class=StreamingResponse,
        responses={
            **refusals(404),
            200: {
                "description": "The archive.",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            },
        },
    )
    def pack(request: Request, packing: Annotated[Packing, Query()]) -> StreamingResponse:
        """The files of pictures in one archive, under their own names."""
        ids = list(dict.fromkeys(map(int, packing.ids.split(","))))
        if len(ids) > MOST_PACKED:
            raise HTTPException(422, f"Ids: {len(ids):,} are too many at once. The most is {MOST_PACKED:,}.")
        pictures = services.pictures.those(ids, _whose(request))
        if not pictures:
            raise HTTPException(404, "None of these pictures is there.")
        files = []
        for picture in pictures:
            try:
                files.append((picture, services.pictures.file(picture)))
            except NotFound:
                continue
        name = {"Content-Disposition": 'attachment; filename="pictures.zip"'}
        return StreamingResponse(archive_of(files), media_type="application/zip", headers=name)

    return router


def _whose(request: Request) -> str | None:
    """Whose pictures the visitor may change; None: everybody's."""
    asking = visitor(request)
    return None if asking.is_owner else asking.name
