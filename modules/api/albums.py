"""Routes of albums; everybody has their own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from modules.api.exchange import Body, Report, Teller, read_as, readable, refusals, takes
from modules.api.visitors import visitor
from modules.gallery.albums import Album
from modules.services.build import Services
from modules.services.pictures import MOST_CHANGED

_LARGEST_ID = 2**63 - 1
AlbumNumber = Annotated[int, Path(description="The id of an album of one's own.", examples=[3])]
_Ids = Annotated[list[Annotated[int, Field(ge=1, le=_LARGEST_ID)]], Field(max_length=MOST_CHANGED)]


class AlbumBody(Body):
    """What an album is called."""

    name: Annotated[str, Field(max_length=200)]
    """At most 100 characters; no two albums of one user have the same."""


class AlbumPicturesBody(Body):
    """Which pictures go into an album, and which leave it."""

    add: _Ids = []
    """The ids of pictures; foreign and unknown ones are passed over."""
    remove: _Ids = []
    """The ids of pictures; the pictures themselves stay."""


class AlbumReport(Report):
    """An album."""

    id: int
    """By which it is asked for."""
    name: str
    """What it is called."""
    count: int
    """How many pictures are in it that are not in the bin."""
    cover: int | None
    """The picture that was added last; null for an empty album."""


class AlbumList(Report):
    """The albums of whoever asks."""

    albums: list[AlbumReport]
    """By their names."""


def album_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/albums", tags=["albums"], responses=refusals())
    told = Teller(services.paths).told
    albums = services.albums
    naming = takes(AlbumBody, {"name": "Ships"})
    filling = takes(AlbumPicturesBody, {"add": [7, 8], "remove": [9]})

    @router.get("")
    def listed(request: Request) -> AlbumList:
        """The albums of whoever asks."""
        return AlbumList(albums=list(map(_report, albums.of_user(visitor(request).name))))

    @router.post("", status_code=201, responses=refusals(400, 413), openapi_extra=naming)
    async def add(request: Request) -> AlbumReport:
        """Make an empty album."""
        wanted = await read_as(AlbumBody, request)
        return _report(await run_in_threadpool(told, albums.add, wanted.name, visitor(request).name))

    @router.patch("/{album_id}", responses=refusals(400, 404, 413), openapi_extra=naming)
    async def rename(album_id: AlbumNumber, request: Request) -> AlbumReport:
        """Call an album otherwise."""
        wanted = await read_as(AlbumBody, request)
        return _report(await run_in_threadpool(told, albums.rename, album_id, wanted.name, visitor(request).name))

    @router.delete("/{album_id}", status_code=204, responses=refusals(404))
    def delete(album_id: AlbumNumber, request: Request) -> Response:
        """Forget an album; its pictures stay."""
        told(albums.delete, album_id, visitor(request).name)
        return Response(status_code=204)

    @router.post("/{album_id}/pictures", responses=refusals(400, 404, 413), openapi_extra=filling)
    async def change(album_id: AlbumNumber, request: Request) -> AlbumReport:
        """Put pictures into an album, and take some out."""
        wanted = await read_as(AlbumPicturesBody, request)
        return await run_in_threadpool(changed, album_id, wanted, request)

    def changed(album_id: int, wanted: AlbumPicturesBody, request: Request) -> AlbumReport:
        asking = visitor(request)
        seen_by = None if asking.is_owner else asking.name
        given: dict[str, Any] = {"add": wanted.add, "remove": wanted.remove, "seen_by": seen_by}
        return _report(told(lambda: albums.change(album_id, asking.name, **given)))

    return router


def _report(album: Album) -> AlbumReport:
    return AlbumReport(**readable(vars(album)))
