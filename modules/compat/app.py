"""What A1111's `on_app_started` is given: an application whose routes become routes of the extension."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from starlette.routing import Route as StarletteRoute

from modules.compat.not_here import NothingOfA1111
from modules.hooks import Route, RouteAnswer, RouteRequest
from modules.hooks.routes import METHODS

_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_NOT_HERE = ("mount", "add_middleware", "middleware", "add_websocket_route", "add_api_websocket_route", "websocket")


class AppOfA1111(FastAPI):
    """Takes routes, and serves nothing by itself."""

    def __init__(self) -> None:
        super().__init__(openapi_url=None, docs_url=None, redoc_url=None)
        for name in (*_NOT_HERE, "websocket_route", "on_event", "add_event_handler", "exception_handler"):
            vars(self)[name] = _refusing(name)


def routes_of(callbacks: Iterable[Callable[[Any, Any], object]]) -> list[Route]:
    """The routes that the callbacks add, for owners of the server. Raises whatever a callback raises."""
    app = AppOfA1111()
    for callback in callbacks:
        callback(NothingOfA1111("demo"), app)
    return [route for one in app.routes for route in _routes(one, app)]


def _routes(route: Any, app: FastAPI) -> Iterator[Route]:
    if not isinstance(route, StarletteRoute):
        raise NotImplementedError(f"A1111's app.{type(route).__name__} ({getattr(route, 'path', '')!r}) is not here")
    path = route.path.strip("/")
    names: list[str] = []

    def placeholder(found: re.Match[str]) -> str:
        if found[2] == "path":
            raise NotImplementedError(f"the route {route.path!r} takes any path, which is not here")
        names.append(f"part_{chr(ord('a') + len(names))}")
        return "{" + names[-1] + "}"

    ours = _PLACEHOLDER.sub(placeholder, path)
    for method in METHODS:
        if method in (route.methods or ()):
            yield Route(method=method, path=ours, answer=_answering(app, method, ours))


def _answering(app: FastAPI, method: str, path: str) -> Callable[[RouteRequest], RouteAnswer]:
    def answer(asked: RouteRequest) -> RouteAnswer:
        address = "/" + path.format_map({name: quote(value, safe="") for name, value in asked.parameters.items()})
        return asyncio.run(_asked(app, method, address, asked))

    return answer


async def _asked(app: FastAPI, method: str, address: str, asked: RouteRequest) -> RouteAnswer:
    """The application's answer, by a call within the process."""
    headers = {"content-type": asked.content_type} if asked.content_type else {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://extension") as client:
        answer = await client.request(method, address, params=dict(asked.query), content=asked.body, headers=headers)
    if answer.is_redirect:
        raise NotImplementedError("answering with a redirect is not here")
    media_type = answer.headers.get("content-type", "application/octet-stream")
    return RouteAnswer(content=answer.content, media_type=media_type, status=answer.status_code)


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **words: Any) -> Any:
        raise NotImplementedError(f"A1111's app.{name} is not here")

    return refuse
