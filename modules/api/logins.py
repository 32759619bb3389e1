"""Who may use our routes: those who may log in to the page, by HTTP Basic (RFC 7617, in UTF-8)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

OURS = "/api/"
"""What the paths begin with that need a login; the page asks for its own."""


class Logins:
    """ASGI middleware: who names none of the users and passwords is refused before a byte of the body is read."""

    def __init__(self, app: ASGIApp, *, logins: Sequence[tuple[str, str]]) -> None:
        self._app = app
        self._known = [f"{user}:{password}".encode() for user, password in logins]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(OURS) and not self._knows(Headers(scope=scope)):
            detail = {"detail": "A user name and password are needed."}
            await JSONResponse(detail, 401, {"WWW-Authenticate": "Basic"})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, headers: Headers) -> bool:
        typed = _typed(headers.get("authorization", ""))
        # All are compared, so that the time tells nothing.
        return sum(hmac.compare_digest(typed, login) for login in self._known) > 0


def _typed(header: str) -> bytes:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
