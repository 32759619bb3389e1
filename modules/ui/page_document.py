"""The document of the page: gradio's, with our scripts before its own, made once for whoever opens it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from gradio.route_utils import get_root_url
from gradio.routes import App as MountedPage
from starlette.responses import HTMLResponse

from modules.ui.page_files import script_address

_MOST = 16
"""Of each visitor, and of each name that the server has, another."""
_BEFORE = b"<script>window.gradio_config"


def replace_document(
    mounted: MountedPage, *, theme: str | None, scripts: Callable[[], str] = str, name_of: Callable[[Request], str]
) -> None:
    """Have an application of gradio's answer with the document made here.

    `scripts` tells the elements behind our own scripts, whenever the page is opened; `name_of` says who opens the page.
    """
    make = next(
        route.endpoint
        for route in mounted.routes
        if isinstance(route, APIRoute) and route.path == "/" and "GET" in (route.methods or ())
    )
    documents = PageDocuments(make)
    head = head_of(theme)

    def document(request: Request) -> HTMLResponse:
        """The page."""
        return HTMLResponse(documents.of(request, name_of(request), head + scripts()))

    mounted.router.routes.insert(0, APIRoute("/", document, methods=["GET"], include_in_schema=False))


class PageDocuments:
    """The documents that were asked for last: gradio takes a tenth of a second for each."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def of(self, request: Request, name: str, head: str) -> bytes:
        """The document for somebody of that name, with further elements in its head."""
        key = (name, get_root_url(request, "/", request.scope.get("root_path")))
        body = self._kept.get(key)
        if body is None:
            body = self._make(request, name, "", "").body
        with self._lock:
            self._kept[key] = body
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return body.replace(_BEFORE, head.encode() + _BEFORE, 1)


def head_of(theme: str | None) -> str:
    """Our scripts, which run before gradio's."""
    return (
        f'<script defer src="{script_address("page.js")}" data-theme="{theme or ""}"></script>'
        f'<script type="module" src="{script_address("page_tree.js")}"></script>'
    )
