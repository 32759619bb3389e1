"""Refuses requests that a foreign page or a rebound name sent, before any handler runs.

A server on the loopback address is reachable by every page that its owner visits: the Host header must name us, and
what changes something must come from our own page.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.api.allowed_hosts import AllowedHosts

MOST_HEADERS = 100
MOST_HEADER_BYTES = 32 * 2**10
MOST_ADDRESS_BYTES = 16 * 2**10


class Guard:
    """ASGI middleware. `hosts` None: any name; `origins` are those of other sites that may ask too.

    It also answers for faults of the program: with a number that stands in the log beside the traceback.
    """

    def __init__(self, app: ASGIApp, *, hosts: AllowedHosts | None, origins: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = frozenset(origin.lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = _too_long(scope) or self._refusal(scope.get("method", "GET"), Headers(scope=scope))
        if refusal is None:
            await self._answered(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        if len(headers.getlist("host")) > 1 or len(headers.getlist("origin")) > 1:
            return _refused(400, "The request names more than one host or origin.")
        host = headers.get("host", "")
        if self._hosts is not None and not self._hosts.has(host):
            return _refused(421, "This server does not answer to that host name. Its owner can add it: --allow-host.")
        origin = headers.get("origin")
        if origin is not None:
            if origin.lower() in self._origins:
                return None
            if origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
                return _refused(403, "Requests of other sites are refused.")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not _is_visit(method, headers):
            return _refused(403, "Requests of other sites are refused.")
        return None

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            return  # in the middle of the body: nobody is there to be answered
        except Exception:
            if started or scope["type"] == "websocket":
                raise
            number = secrets.token_hex(4)
            logging.getLogger(__name__).exception("Fault %s in answering %s", number, scope["path"][:200])
            sentence = f"The server ran into a fault of its own. Its log has the number {number}."
            await _refused(500, sentence)(scope, receive, send)


def _is_visit(method: str, headers: Headers) -> bool:
    """A link that a person followed from elsewhere to the page: harmless, and expected to work."""
    to_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return to_page and method in ("GET", "HEAD")


def _too_long(scope: Scope) -> JSONResponse | None:
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > MOST_ADDRESS_BYTES:
        return _refused(414, "The address is too long.")
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        return _refused(431, "The request has too many headers.")
    return None


def _refused(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status)
