"""Bodies that are too large or too slow end in a clean refusal, whoever reads them and however they are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 32 * 2**20
MAX_UPLOAD_BYTES = 25 * 2**20
"""Of one file."""
MAX_UPLOADS_BYTES = 512 * 2**20
"""Of the many files that a browser sends at once; gradio looks at each."""
SILENT_SECONDS = 30.0
"""A sender that says nothing for so long has gone."""
SLOWEST = 16 * 2**10
"""Bytes in a second, after the first minute: less is somebody who keeps the connection busy."""
_FIRST_SECONDS = 60.0
_DROPPING_SECONDS = 5.0
_MOST_DROPPED = 128 * 2**20
"""Of a body that is refused."""


class BodyLimits:
    """ASGI middleware. `uploads` are paths with a limit of their own: the first that a path begins with counts."""

    def __init__(self, app: ASGIApp, *, uploads: Sequence[tuple[str, int]] = (), most: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._uploads = uploads
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        most = next((limit for beginning, limit in self._uploads if path.startswith(beginning)), self._most)
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isascii() or not length.isdecimal() or len(length) > 18:
            await _refuse(_refusal(400, "The header Content-Length is no number of bytes."), scope, receive, send)
        elif int(length) > most:
            await _refuse(_too_large(most), scope, receive, send)
        else:
            await _Reading(most, receive, send).run(self._app, scope)


class _Reading:
    """One request whose body is counted; after a refusal nothing that the application says is sent."""

    def __init__(self, most: int, receive: Receive, send: Send) -> None:
        self._most = most
        self._receive_next = receive
        self._send_on = send
        self._read = 0
        self._began = time.monotonic()
        self._is_over = False
        self._is_answered = False
        self._refused: JSONResponse | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:
            if self._refused is None:
                raise  # a fault of the application; after a refusal it only found its body broken off
        if self._refused is not None and not self._is_answered:
            await _refuse(self._refused, scope, self._receive_next, self._send_on)

    async def _receive(self) -> Message:
        if self._refused is not None:
            return {"type": "http.disconnect"}
        if self._is_over:
            return await self._receive_next()
        try:
            message = await asyncio.wait_for(self._receive_next(), SILENT_SECONDS)
        except (asyncio.TimeoutError, TimeoutError):
            return self._end(_refusal(408, "The body of the request did not come."))
        if message["type"] != "http.request":
            self._is_over = True
            return message
        self._read += len(message.get("body", b""))
        self._is_over = not message.get("more_body", False)
        if self._read > self._most:
            return self._end(_too_large(self._most))
        if not self._is_over and self._read < SLOWEST * (time.monotonic() - self._began - _FIRST_SECONDS):
            return self._end(_refusal(408, "The body of the request comes too slowly."))
        return message

    def _end(self, refusal: JSONResponse) -> Message:
        self._refused = refusal
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._refused is not None and not self._is_answered:
            return
        self._is_answered = True
        await self._send_on(message)


async def _refuse(refusal: JSONResponse, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and take in what is on its way: whose connection is closed while sending finds no answer, but a fault."""
    if refusal.status_code == 408:
        await refusal(scope, receive, send)  # nothing is on its way
        return

    async def sending(message: Message) -> None:
        is_last = message["type"] == "http.response.body"
        await send({**message, "more_body": True} if is_last else message)

    await refusal(scope, receive, sending)
    with suppress(asyncio.TimeoutError, TimeoutError):
        await asyncio.wait_for(_drop_body(receive), _DROPPING_SECONDS)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop_body(receive: Receive) -> None:
    dropped = 0
    while dropped < _MOST_DROPPED:
        message = await receive()
        dropped += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


def _too_large(most: int) -> JSONResponse:
    return _refusal(413, f"The body is larger than {most // 2**20} MB. Send less.")


def _refusal(status: int, sentence: str) -> JSONResponse:
    # What is still on its way would be taken for the next request.
    return JSONResponse({"detail": sentence}, status, {"Connection": "close"})
