"""Every route that changes something, asked by every kind of page: what is foreign reaches no handler."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import time
from collections import Counter

import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

import webui
from modules.api.route_classes import class_of
from modules.config.command_line import parse_command_line
from modules.services.build import Services
from tests.api.test_guard import FOREIGN_HOSTS, OWN_HOSTS, SITES, TYPES, headers_of, origins_of, status_of
from tests.api.test_route_classes import walk

log = logging.getLogger(__name__)

HARMLESS = ("GET", "HEAD", "OPTIONS")
PLACEHOLDER = re.compile(r"{[^}]*}")
ROUTES_AT_LEAST = 60

Line = tuple[str, str]
"""Method and path of a route."""


class Counting:
    """In the place of the router, and so before every handler: counts what comes through, and answers."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def application(demo_services: Services) -> FastAPI:
    """The whole program's, the page's routes among them."""

    async def built() -> FastAPI:
        # Outside of a running loop gradio makes one for each of its locks and closes none.
        return webui.create_application(demo_services, parse_command_line([]), webui.LOOPBACK)

    return asyncio.run(built())


async def answer_of(application: FastAPI, line: Line, headers: dict[str, str]) -> int:
    """The status; of a WebSocket 200 where it was accepted, else 403."""
    method, path = line
    sent: list[Message] = []

    async def receive() -> Message:
        if method == "WEBSOCKET":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "websocket" if method == "WEBSOCKET" else "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if method == "WEBSOCKET" else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 7860),
    }
    if method != "WEBSOCKET":
        scope["method"] = method
    await application(scope, receive, send)
    if method == "WEBSOCKET":
        return 200 if sent[0]["type"] == "websocket.accept" else 403
    return int(sent[0]["status"])


def test_what_is_foreign_reaches_no_handler(application: FastAPI) -> None:
    """20 hosts, 12 origins, 5 kinds of site and 4 types of content at each route, WebSockets included."""
    found = sorted({line for line in walk(application.routes) if line[0] not in HARMLESS})
    lines = [(method, PLACEHOLDER.sub("1", path)) for method, path in found]
    assert len(lines) >= ROUTES_AT_LEAST
    assert {method for method, _ in lines} == {"POST", "PUT", "PATCH", "DELETE", "WEBSOCKET"}
    assert any(path.startswith("/gradio_api/") for _, path in lines)
    counting = Counting()
    application.router = counting  # type: ignore[assignment]  # the middleware is put before it by the first request
    began = time.monotonic()
    answered = asyncio.run(table(application, counting, lines))
    origins = sum(len(origins_of(host)) for host in OWN_HOSTS + FOREIGN_HOSTS)  # two of the twelve may be the same
    requests = len(lines) * origins * len(SITES) * len(TYPES)
    assert sum(answered.values()) == requests
    assert counting.calls == answered[200] > 0
    log.info("%s routes, %s requests in %.0f s: %s", len(lines), requests, time.monotonic() - began, dict(answered))


async def table(application: FastAPI, counting: Counting, lines: list[Line]) -> Counter[int]:
    """Ask for all of it; how often each status came."""
    answered: Counter[int] = Counter()
    for line in lines:
        is_closed = class_of(*line) == "closed"  # to everybody; what is foreign learns not even that
        for host in OWN_HOSTS + FOREIGN_HOSTS:
            for (origin, is_own), site, type in itertools.product(origins_of(host).items(), SITES, TYPES):
                expected = status_of(host, is_own, site)
                expected = 404 if is_closed and expected == 200 else expected
                before = counting.calls
                status = await answer_of(application, line, headers_of(host, origin, site, type))
                if line[0] == "WEBSOCKET":
                    expected = 200 if expected == 200 else 403
                assert (status, counting.calls - before) == (expected, int(expected == 200)), (line, host, origin, site)
                answered[status] += 1
    return answered


def test_the_table_can_fail() -> None:
    """Without the guard a foreign request comes through."""
    counting = Counting()
    bare = FastAPI()
    bare.router = counting  # type: ignore[assignment]
    foreign = headers_of("evil.example", "https://evil.example", "cross-site", TYPES[0])
    assert asyncio.run(answer_of(bare, ("POST", "/api/v1/jobs/txt2img"), foreign)) == 200
    assert counting.calls == 1
