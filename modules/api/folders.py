"""Routes of adopted folders, whose pictures are listed where they lie. For owners alone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from modules.api.exchange import Body, Report, Teller, read_as, readable, refusals, takes
from modules.services import picture_folders
from modules.services.build import Services
from modules.services.picture_folders import FolderState

FolderNumber = Annotated[int, Path(description="The id of an adopted folder.", examples=[1])]


class FolderBody(Body):
    """Which folder is adopted."""

    path: Annotated[str, Field(max_length=4096)]
    """The whole path of a folder of the server's computer, such as the outputs of another program."""


class FolderReport(Report):
    """An adopted folder."""

    id: int
    """By which it is asked for."""
    path: str
    """Where it is on the server's computer."""
    count: int
    """How many pictures were found in it, and below it."""
    indexed: int
    """How many of them can be looked for already."""
    state: FolderState
    """waiting, looking, ready, failed, or missing: it is not there now, and its pictures stay listed."""
    problem: str
    """Why looking at it failed; empty where it did not."""


class FolderList(Report):
    """All adopted folders."""

    folders: list[FolderReport]
    """The oldest first."""


def folder_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/folders", tags=["folders"], responses=refusals())
    told = Teller(services.paths).told
    folders = services.picture_folders
    adopting = takes(FolderBody, {"path": "/home/ann/stable-diffusion-webui/outputs"})

    @router.get("")
    def listed() -> FolderList:
        """The adopted folders, and how far their pictures are known."""
        return FolderList(folders=list(map(_report, folders.all())))

    @router.post("", status_code=201, responses=refusals(400, 413), openapi_extra=adopting)
    async def adopt(request: Request) -> FolderReport:
        """List the pictures of a folder where they lie; nothing is written there, and it is read in the background."""
        wanted = await read_as(FolderBody, request)
        return _report(await run_in_threadpool(told, folders.add, wanted.path))

    @router.delete("/{folder_id}", status_code=204, responses=refusals(404))
    def remove(folder_id: FolderNumber) -> Response:
        """List the pictures of a folder no more; its files stay as they are."""
        told(folders.remove, folder_id)
        return Response(status_code=204)

    @router.post("/{folder_id}/look", responses=refusals(404))
    def look(folder_id: FolderNumber) -> FolderReport:
        """Look for what came, went or changed in a folder, in the background."""
        return _report(told(folders.look, folder_id))

    return router


def _report(folder: picture_folders.FolderReport) -> FolderReport:
    return FolderReport(**readable({**vars(folder), "path": str(folder.path)}))
