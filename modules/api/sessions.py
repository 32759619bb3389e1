"""One login for page, routes, files and streams: who comes is known by cookie, token or password, or is refused."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.api.route_classes import RouteClass, class_of
from modules.errors import TooManyAttempts
from modules.services.accounts import EVERYBODY, Accounts, Visitor

SECONDS_BETWEEN_LOOKS = 10.0
"""Whether a visitor with an open stream still is let in."""
_OF_WHAT_LASTS: dict[str, Message] = {
    "http.response.body": {"type": "http.response.body", "body": b"", "more_body": False},
    "websocket.send": {"type": "websocket.close", "code": 1008},
}
"""Messages of an answer that has begun, and how it is ended."""


class _LoginEnded(OSError):
    """For the application it is as if the client had gone."""


ClassOf = Callable[[str, str], RouteClass | None]
"""The class of a method and a path; None for a route that it does not know."""


def _of_nobody(method: str, path: str) -> RouteClass | None:
    return None


class Sessions:
    """ASGI middleware: `connection.state.visitor` is there for every route that is not public.

    `accounts` None: everybody is the owner. `of_extensions` tells the classes of routes that extensions brought.
    """

    def __init__(self, app: ASGIApp, *, accounts: Accounts | None, of_extensions: ClassOf = _of_nobody) -> None:
        self._app = app
        self._of_extensions = of_extensions
        self._accounts = accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = await self._refusal(connection)
        if refusal is None:
            with suppress(_LoginEnded):
                await self._app(scope, receive, self._asking_again(connection, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def _asking_again(self, connection: HTTPConnection, send: Send) -> Send:
        """What lasts, such as a stream of events, ends when the login does."""
        asked = time.monotonic()

        async def sending(message: Message) -> None:
            nonlocal asked
            lasts = message["type"] in _OF_WHAT_LASTS and time.monotonic() - asked > SECONDS_BETWEEN_LOOKS
            if lasts and await self._refusal(connection) is not None:
                await send(_OF_WHAT_LASTS[message["type"]])
                raise _LoginEnded
            asked = time.monotonic() if lasts else asked
            await send(message)

        return sending

    async def _refusal(self, connection: HTTPConnection) -> Response | None:
        scope = connection.scope
        line = scope.get("method", "WEBSOCKET"), scope["path"]
        kind = self._of_extensions(*line) or class_of(*line)
        if kind == "closed":
            return JSONResponse({"detail": "Not Found"}, 404)
        if self._accounts is None or not self._accounts.needed:
            connection.state.visitor = EVERYBODY
            return None
        if kind == "public":
            return None
        try:
            visitor = await self._visitor(connection, self._accounts)
        except TooManyAttempts as error:
            return JSONResponse({"detail": str(error)}, 429, {"Retry-After": str(error.seconds)})
        if visitor is None:
            return _login_wanted(connection)
        if kind != "user" and not visitor.is_owner:
            return JSONResponse({"detail": "Only an owner of this server may do that."}, 403)
        connection.state.visitor = visitor
        return None

    async def _visitor(self, connection: HTTPConnection, accounts: Accounts) -> Visitor | None:
        scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return accounts.of_token(credentials.strip(), address_of(connection))
        if scheme.lower() == "basic":
            name, password = _name_and_password(credentials)
            return await run_in_threadpool(accounts.of_password, name, password, address_of(connection))
        session = connection.cookies.get(cookie_name(connection))
        return None if session is None else accounts.of_session(session)


def cookie_name(connection: HTTPConnection) -> str:
    """Servers on other ports of a machine share its cookies, and must not take one another's for their own."""
    server = connection.scope.get("server")
    return f"atelier-session-{server[1] if server else 0}"


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from."""
    return connection.client.host if connection.client else ""


def is_encrypted(connection: HTTPConnection) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy that tells so."""
    told = connection.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return connection.url.scheme in ("https", "wss") or told == "https"


def _login_wanted(connection: HTTPConnection) -> Response:
    headers = connection.headers
    if connection.scope.get("method") in ("GET", "HEAD") and _is_page_wanted(headers):
        target = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
        asked = "" if target == "/" else f"?next={quote(target, safe='')}"
        return RedirectResponse(f"{connection.scope.get('root_path', '')}/login{asked}", 303)
    # To a browser the header would be a reason to open a window of its own.
    wanted = {} if "sec-fetch-mode" in headers else {"WWW-Authenticate": 'Basic realm="Atelier", charset="UTF-8"'}
    return JSONResponse({"detail": "Log in first: with a name and password, or with a token."}, 401, wanted)


def _is_page_wanted(headers: Headers | Mapping[str, str]) -> bool:
    if "authorization" in headers:
        return False
    if "sec-fetch-mode" in headers:
        return headers["sec-fetch-mode"] == "navigate"
    return "text/html" in headers.get("accept", "")


def _name_and_password(credentials: str) -> tuple[str, str]:
    """Of HTTP Basic (RFC 7617, in UTF-8); empty ones of what is none."""
    try:
        name, _, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password
