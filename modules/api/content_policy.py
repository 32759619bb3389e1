"""What browsers are told to forbid in our answers: the security headers, and the content security policy of the page.

The page's own scripts run because they are named: those that gradio writes into its document by a number used once,
files by our own address. What text somebody managed to slip into the page has neither.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_OF_FILES = (
    "default-src 'none'; img-src 'self' data: blob:; media-src 'self'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
_OF_THE_PAGE = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_PARTS_OF_THE_PAGE = ("/assets/", "/static/")
_SCRIPT = re.compile(rb"<script(?= data-gradio-mode>|>)")
_LEAST_COMPRESSED = 1024


class ContentPolicy:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/":
            await _Page(send, Headers(scope=scope)).run(self._app, scope, receive)
        else:
            is_part = scope["path"].startswith(_PARTS_OF_THE_PAGE)
            policy = _OF_THE_PAGE.format(scripts="") if is_part else _OF_FILES
            await self._app(scope, receive, _with_headers(send, policy))


def text_hash(text: str) -> str:
    """How a policy names a script or a style by its text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


class _Page:
    """The document of the page: held back until it is whole, then sent with a number on each of its scripts."""

    def __init__(self, send: Send, headers: Headers) -> None:
        self._number = secrets.token_urlsafe(16)
        self._policy = _OF_THE_PAGE.format(scripts=f" 'nonce-{self._number}'")
        self._send_on = _with_headers(send, self._policy)
        self._compresses = "gzip" in headers.get("accept-encoding", "")
        self._start: Message | None = None
        self._body = bytearray()

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        # gradio would compress what has to be read here.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await app({**scope, "headers": headers}, receive, self._send)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send_on(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        body = _SCRIPT.sub(b'<script nonce="' + self._number.encode() + b'"', bytes(self._body))
        headers = MutableHeaders(raw=list(start["headers"]))
        if self._compresses and len(body) > _LEAST_COMPRESSED:
            body = gzip.compress(body, 5)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        headers["Cache-Control"] = "no-store"
        headers.add_vary_header("Accept-Encoding")
        await self._send_on({**start, "headers": headers.raw})
        await self._send_on({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


def _with_headers(send: Send, policy: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            # A route that knows better, such as that of the login page, says so itself.
            for name, value in {**_HEADERS, "Content-Security-Policy": policy}.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending
