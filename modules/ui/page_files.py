"""The files of the page: each is compressed once, and a browser that has it does not ask again."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import cache

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from modules.ui.assets import asset, page_script
from modules.ui.gradio_files import FOLDER, file_names, tree_file

_LEAST_COMPRESSED = 500
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
ASK_AGAIN = {"Cache-Control": "no-cache"}
_TYPES = {"js": "text/javascript", "css": "text/css", "wasm": "application/wasm"}
"""What Windows may know otherwise."""
_MOST_KEPT = 1_000
"""More than the page has files; names of what extensions bring change with their content."""
_kept: OrderedDict[str, tuple[bytes, dict[str, str]]] = OrderedDict()


def page_file_routes() -> APIRouter:
    """The routes that take the place of gradio's for its frontend, and those of our own scripts."""
    router = APIRouter(include_in_schema=False)

    @router.get("/assets/{name:path}")
    async def frontend(name: str, request: Request) -> Response:
        """A file of gradio's frontend; a new content has a new name."""
        if name not in file_names():
            raise HTTPException(404)
        return file_answer(request, name, FOLDER.joinpath(name).read_bytes, FOR_EVER)

    for name, text in _scripts().items():
        router.add_api_route(f"/{name}", _script_route(name, text), methods=["GET"], name=name)
    return router


def script_address(name: str) -> str:
    """Where the page finds a script of ours; another content has another address."""
    return f"{name}?v={hashlib.sha256(_scripts()[name].encode()).hexdigest()[:16]}"


@cache
def _scripts() -> dict[str, str]:
    tree = tree_file()
    quick = asset("page_tree.js").replace('"gradio-tree"', f'"./assets/{tree}"') if tree else ""
    return {"page.js": page_script(), "page_tree.js": quick}


def _script_route(name: str, text: str) -> Callable[[Request], Awaitable[Response]]:
    async def script(request: Request) -> Response:
        """A script of ours."""
        is_that = script_address(name).endswith(f"?{request.url.query}")
        return file_answer(request, name, text.encode, FOR_EVER if is_that else ASK_AGAIN)

    return script


def file_answer(request: Request, name: str, read: Callable[[], bytes], caching: dict[str, str]) -> Response:
    """A file of that name, compressed where the browser takes it so; `caching` are headers."""
    compresses = "gzip" in request.headers.get("accept-encoding", "")
    body, encoding = _packed(name, read) if compresses else (read(), {})
    kind = _TYPES.get(name.rpartition(".")[2]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(body, media_type=kind, headers={**caching, **encoding, "Vary": "Accept-Encoding"})


def _packed(name: str, read: Callable[[], bytes]) -> tuple[bytes, dict[str, str]]:
    """A file as it is sent, and in which encoding."""
    kept = _kept.get(name)
    if kept is None:
        body = read()
        packed = gzip.compress(body, 6) if len(body) >= _LEAST_COMPRESSED else body
        kept = _kept[name] = (packed, {"Content-Encoding": "gzip"}) if len(packed) < len(body) else (body, {})
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return kept
