"""What the page is given by path: to who is no owner, no pictures of others."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from modules.api.visitors import visitor
from modules.services.pictures import PictureService

FILES = "/gradio_api/file="
"""What the addresses of files begin with that gradio serves; their paths follow."""


class OwnPictures:
    """ASGI middleware behind `Sessions`: foreign pictures are answered like those that are not there."""

    def __init__(self, app: ASGIApp, *, pictures: PictureService) -> None:
        self._app = app
        self._pictures = pictures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and FILES in scope["path"]:
            asking = visitor(HTTPConnection(scope))
            file = Path(scope["path"].partition(FILES)[2])
            if not asking.is_owner and await run_in_threadpool(self._is_kept, file, asking.name):
                await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_kept(self, file: Path, user: str) -> bool:
        try:
            return self._pictures.is_kept_from(file, user)
        except (OSError, ValueError):  # a path that no file can have
            return True
