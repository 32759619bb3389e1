"""What browsers send to the page: gradio's way of reading it, with nothing left of what is refused or broken off."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import gradio as gr
from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from gradio.exceptions import InvalidPathError
from gradio.route_utils import GradioMultiPartParser, GradioUploadFile
from gradio.routes import file_upload_statuses
from gradio.utils import safe_join
from gradio_client.utils import strip_invalid_filename_characters
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException

from modules.imaging.reading import MAX_FILE_BYTES

_MOST_FILES = 1000
"""In one body; gradio's script sends no more at once."""
_FEW_FILES = 20
_SMALL_PIECE = 2048
_UNREADABLE = "The upload cannot be read. Send files as multipart/form-data, each in a part of the name `files`."


def upload_routes(page: gr.Blocks, folder: Path) -> APIRouter:
    """The route that takes the place of gradio's; files end up where gradio looks for them, below `folder`."""
    router = APIRouter(include_in_schema=False)

    @router.post("/gradio_api/upload")
    async def upload(request: Request, upload_id: str | None = None) -> list[str]:
        """Keep the files of a multipart body; where each of them is."""
        # gradio forgets files of other fields, of refused names, and of those who go away in the middle.
        room = folder / f"coming-{secrets.token_hex(8)}"
        await run_in_threadpool(room.mkdir, parents=True)
        try:
            form = await _read(request, room, upload_id)
            kept = await run_in_threadpool(_kept, form, folder)
        finally:
            await run_in_threadpool(shutil.rmtree, room, ignore_errors=True)
        page.upload_file_set.update(kept)
        return kept

    return router


async def _read(request: Request, room: Path, upload_id: str | None) -> FormData:
    """The body, with its files in a folder. Raises HTTPException: 400, 413."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(400, _UNREADABLE)
    if upload_id:
        file_upload_statuses.track(upload_id)
    parser = GradioMultiPartParser(
        request.headers,
        _in_pieces(request.stream()),
        max_files=_MOST_FILES,
        max_fields=_MOST_FILES,
        upload_dir=room,
        upload_id=upload_id,
        upload_progress=file_upload_statuses if upload_id else None,
        max_file_size=MAX_FILE_BYTES,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise HTTPException(413 if "maximum allowed size" in error.message else 400, error.message) from error
    except (FormParserError, AttributeError) as error:  # the latter of text, whose progress gradio cannot tell
        raise HTTPException(400, _UNREADABLE) from error
    finally:
        if upload_id:
            file_upload_statuses.set_done(upload_id)


async def _in_pieces(stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same body; where many small files begin in a chunk, in pieces between which others have their turn."""
    async for chunk in stream:
        size = _SMALL_PIECE if chunk.count(b"filename") > _FEW_FILES else len(chunk)
        for start in range(0, len(chunk), max(1, size)):
            yield chunk[start : start + size]


def _kept(form: FormData, folder: Path) -> list[str]:
    """Where the files are, each in the folder of its content. Raises HTTPException: 400."""
    files = [file for file in form.getlist("files") if isinstance(file, GradioUploadFile)]
    if len(files) < len(form.getlist("files")):
        raise HTTPException(400, _UNREADABLE)
    places = [_place(file, folder / file.sha.hexdigest()) for file in files]  # all are good, or none is kept
    for file, place in zip(files, places, strict=True):
        file.file.close()
        place.parent.mkdir(parents=True, exist_ok=True)
        Path(str(file.file.name)).replace(place)
    return list(map(str, places))


def _place(file: GradioUploadFile, folder: Path) -> Path:
    given = Path(file.filename or "").name
    name = strip_invalid_filename_characters(given) or f"tmp{secrets.token_hex(5)}"
    try:
        return Path(safe_join(str(folder), name))
    except InvalidPathError as error:
        raise HTTPException(400, f"File name {given[:80]!r} cannot be used. Choose another one.") from error
