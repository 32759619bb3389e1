"""Routes of downloads: what is fetched into the folders of models, begun, paused, resumed and given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from modules.api.exchange import Body, Report, Teller, read_as, readable, refusals, takes
from modules.errors import InvalidRequest
from modules.services.build import Services
from modules.services.download_list import DOWNLOAD_LIST, ListedModel
from modules.services.downloads import Download, DownloadService, State

WISHES: Mapping[str, Callable[[DownloadService, str], None]] = {
    "pause": DownloadService.pause,
    "resume": DownloadService.resume,
    "cancel": DownloadService.cancel,
}
"""What can be done with a download, by the last part of its address."""


DownloadId = Annotated[str, Path(description="The id that the download got when it was begun.")]
Wish = Annotated[str, Path(description=f"One of: {', '.join(WISHES)}.", examples=["pause"])]


class DownloadBody(Body):
    """What is fetched: an id of the list, a repository and its file, or an address."""

    source: Annotated[str, Field(max_length=2000)]
    """An id of the list, OWNER/NAME, or an address."""
    file: Annotated[str, Field(max_length=1000)] = ""
    """Which file of a repository."""
    kind: Annotated[str, Field(max_length=100)] = ""
    """What it is, where its header does not tell."""
    name: Annotated[str, Field(max_length=200)] = ""
    """Of the file here; "" keeps its own."""
    sha256: Annotated[str, Field(max_length=100)] = ""
    """That it must have."""
    revision: Annotated[str, Field(max_length=200)] = "main"
    """Branch, tag or commit of a repository."""


class DownloadReport(Report):
    """How a download is getting on."""

    id: str
    """By which it is asked for."""
    source: str
    """Where it comes from, without secrets."""
    kind: str
    """What it is: the folder of models into which it goes; empty until that is known."""
    name: str
    """Of the file here."""
    state: State
    """How it is getting on."""
    received: int
    """Bytes that are here."""
    total: int | None
    """Bytes in all; null until that is known."""
    speed: float
    """Bytes per second."""
    problem: str
    """Why it failed; empty where it did not."""
    note: str
    """What is to be known of it besides."""


def download_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/downloads", tags=["downloads"], responses=refusals())
    downloads, tell = services.downloads, Teller(services.paths)

    @router.get("")
    def known() -> list[DownloadReport]:
        """Every download that is known, in the order in which they were begun."""
        return [_report(one, tell) for one in downloads.all()]

    @router.get("/listed")
    def listed() -> list[ListedModel]:
        """Well-known models, which can be fetched by their ids."""
        return list(DOWNLOAD_LIST)

    beginning = takes(DownloadBody, {"source": "stabilityai/sdxl-vae", "file": "sdxl_vae.safetensors", "kind": "vae"})

    @router.post("", status_code=201, responses=refusals(400, 404, 413), openapi_extra=beginning)
    async def start(request: Request) -> DownloadReport:
        """Begin a download, or go on with it where it is known."""
        wanted = await read_as(DownloadBody, request)
        return await run_in_threadpool(lambda: _report(tell.told(_started, downloads, wanted), tell))

    @router.get("/{download_id}", responses=refusals(404))
    def report(download_id: DownloadId) -> DownloadReport:
        """One download."""
        return _report(tell.told(downloads.find, download_id), tell)

    @router.post("/{download_id}/{wish}", responses=refusals(404))
    def change(download_id: DownloadId, wish: Wish) -> DownloadReport:
        """Let it rest, go on, or give it up."""
        return _report(tell.told(_changed, downloads, download_id, wish), tell)

    @router.delete("/{download_id}", status_code=204, responses=refusals(404))
    def forget(download_id: DownloadId) -> Response:
        """Take one that is over off the list; its file stays."""
        tell.told(_forgotten, downloads, download_id)
        return Response(status_code=204)

    return router


def _started(downloads: DownloadService, wanted: DownloadBody) -> Download:
    given = wanted.model_dump(exclude={"source", "file"})
    return downloads.find(downloads.start(wanted.source, wanted.file, **given))


def _changed(downloads: DownloadService, id: str, wish: str) -> Download:
    if wish not in WISHES:
        raise InvalidRequest("Wish", wish, "is not known", f"Choose one of: {', '.join(WISHES)}.")
    WISHES[wish](downloads, id)
    return downloads.find(id)


def _forgotten(downloads: DownloadService, id: str) -> None:
    downloads.forget(id)
    if any(one.id == id for one in downloads.all()):
        raise InvalidRequest("Download", id, "is still at work", "Cancel it first, and try again a moment later.")


def _report(download: Download, tell: Teller) -> DownloadReport:
    """For a program; where the file lies is not told."""
    known = {name: getattr(download, name) for name in DownloadReport.model_fields}
    return DownloadReport(**readable({**known, "problem": tell.shown(download.problem)}))
