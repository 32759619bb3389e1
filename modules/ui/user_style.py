"""The owner's own style sheet, `user.css` in the data folder, which the page loads behind its own."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from modules.config.paths import Paths

USER_STYLE = '<link rel="stylesheet" href="user.css">'
MAX_STYLE_BYTES = 2**20


def user_style_routes(paths: Paths) -> APIRouter:
    """The route; empty where there is no such file, so that a browser has nothing to complain of."""
    router = APIRouter()

    @router.get("/user.css")
    def user_style() -> Response:
        """The file as it is now."""
        headers = {"Cache-Control": "no-cache"}
        return Response(_content(paths), media_type="text/css; charset=utf-8", headers=headers)

    return router


def _content(paths: Paths) -> bytes:
    try:
        with paths.user_style.open("rb") as file:
            content = file.read(MAX_STYLE_BYTES + 1)
    except OSError:
        return b""
    return content if len(content) <= MAX_STYLE_BYTES else b"/* user.css is larger than 1 MB and is left out. */"
