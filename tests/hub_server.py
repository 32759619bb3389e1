"""A web server on this machine that speaks the hub's protocol, and misbehaves as it is told.

GET or HEAD /OWNER/NAME/resolve/REVISION/FILE    a redirect to where the bytes lie, with X-Repo-Commit,
                                                 X-Linked-ETag (the sha256) and X-Linked-Size, or an X-Error-Code
GET or HEAD /bytes/SHA256                        the bytes, whole or a range of them
GET or HEAD any other path                       a page that was put there by `put`
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Behaviour:
    """How the server answers; tests change it while it runs."""

    cut_after: list[int] = field(default_factory=list)
    """Bytes of the body after which each of the next answers breaks off."""
    failures: list[int] = field(default_factory=list)
    """Status codes of the next answers to requests for bytes."""
    takes_ranges: bool = True
    tells_length: bool = True
    tells_digest: bool = True
    wrong_digest: str = ""
    wrong_length: int | None = None
    etag: str = '"one"'
    gate: threading.Event | None = None
    """Bodies stop after their first KiB until this is set."""
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Repositories that answer with a status and an X-Error-Code."""


@dataclass
class Page:
    """What lies at a path of its own."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class HubServer(ThreadingHTTPServer):
    """Files by repository and path, and pages by path; remembers every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = Behaviour()
        self.files: dict[str, bytes] = {}
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path with query, and headers in lower case."""
        self.sent = 0
        """Bytes of all bodies."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, repository: str, file: str, content: bytes) -> str:
        """Put a file into a repository; its sha256."""
        self.files[f"{repository}/{file}"] = content
        return hashlib.sha256(content).hexdigest()

    def put(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        """Put a page at a path; its address. Underscores in the names of headers stand for hyphens."""
        self.pages[path] = Page(body, status, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.address + path

    def ranges(self) -> list[str]:
        """The Range of every request for bytes, "" where it had none."""
        return [headers.get("range", "") for _, path, headers in self.requests if "/resolve/" not in path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no fault here."""


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """A server at work in a thread."""
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if server.behaviour.gate is not None:
            server.behaviour.gate.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers))
        path = unquote(urlsplit(self.path).path)
        with suppress(ConnectionError):
            if path in self.server.pages:
                page = self.server.pages[path]
                self._body(page.body, page.status, page.headers)
            elif "/resolve/" in path:
                self._resolve(path)
            else:
                self._page(404, {"X-Error-Code": "EntryNotFound"})

    def _resolve(self, path: str) -> None:
        behaviour = self.server.behaviour
        repository, _, rest = path.strip("/").partition("/resolve/")
        content = self.server.files.get(f"{repository}/{rest.partition('/')[2]}")
        if repository in behaviour.refused:
            status, code = behaviour.refused[repository]
            self._page(status, {"X-Error-Code": code})
        elif content is None:
            self._page(404, {"X-Error-Code": "EntryNotFound"})
        else:
            digest = hashlib.sha256(content).hexdigest()
            self.server.pages[f"/bytes/{digest}"] = Page(content)
            headers = {"X-Repo-Commit": COMMIT, "Location": f"/bytes/{digest}"}
            if behaviour.tells_digest:
                headers["X-Linked-ETag"] = f'"{behaviour.wrong_digest or digest}"'
                headers["X-Linked-Size"] = str(len(content))
            self._page(302, headers)

    def _page(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, content: bytes, status: int, extra: dict[str, str]) -> None:
        behaviour = self.server.behaviour
        if behaviour.failures:
            self._page(behaviour.failures.pop(0), {})
            return
        begin, headers = 0, {"ETag": behaviour.etag, "Content-Type": "application/octet-stream", **extra}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fits = self.headers.get("If-Range", behaviour.etag) == behaviour.etag
        if asked and behaviour.takes_ranges and fits and status == 200:
            begin, status = int(asked[1]), 206
            if begin >= len(content):
                self._page(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._send(content[begin:], status, headers)

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        behaviour = self.server.behaviour
        if behaviour.tells_length:
            headers["Content-Length"] = str(len(content) if behaviour.wrong_length is None else behaviour.wrong_length)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.close_connection = True
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = behaviour.cut_after.pop(0) if behaviour.cut_after else None
        content = content[:cut]
        for begin in range(0, len(content), 1024):
            self.wfile.write(content[begin : begin + 1024])
            self.server.sent += len(content[begin : begin + 1024])
            if behaviour.gate is not None:
                self.wfile.flush()
                behaviour.gate.wait(60)
