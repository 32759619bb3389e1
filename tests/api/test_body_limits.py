"""Bodies that are too large or too slow, over a real connection."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.types import Message, Receive, Scope, Send

from modules.api import body_limits
from modules.api.body_limits import BodyLimits

MOST = 100_000


class Reader:
    """An application that reads bodies in each of several ways, and counts what it got."""

    def __init__(self) -> None:
        self.read = 0
        self.application = FastAPI()
        self.application.add_middleware(BodyLimits, most=MOST, uploads=[("/upload", 2 * MOST)])
        self.application.post("/stream")(self._stream)
        self.application.post("/upload")(self._stream)
        self.application.post("/json")(self._json)
        self.application.post("/form")(self._form)
        self.application.get("/ping")(self._ping)

    async def _ping(self) -> None:
        pass

    async def _stream(self, request: Request) -> int:
        async for chunk in request.stream():
            self.read += len(chunk)
        return self.read

    async def _json(self, value: dict[str, str]) -> int:
        return len(value)

    async def _form(self, request: Request) -> int:
        async with request.form() as form:
            return len(form)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def address(reader: Reader) -> Iterator[str]:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(reader.application, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def chunks(size: int) -> Iterator[bytes]:
    """A body of unknown length."""
    while size > 0:
        yield b" " * min(size, 9000)
        size -= 9000


@pytest.mark.parametrize("path", ["stream", "json", "form"])
@pytest.mark.parametrize("over", [1, MOST * 9])
def test_one_byte_too_many_is_refused_cleanly(address: str, reader: Reader, path: str, over: int) -> None:
    kinds = {"json": "application/json", "form": "multipart/form-data; boundary=x", "stream": "text/plain"}
    sent = {"content-type": kinds[path]}
    file = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n' if path == "form" else b""
    for body in (file + b" " * (MOST + over), chain([file], chunks(MOST + over))):
        answer = httpx.post(f"{address}/{path}", content=body, headers=sent, timeout=60)
        assert (answer.status_code, list(answer.json())) == (413, ["detail"])
    assert reader.read <= MOST


def test_who_sends_much_too_much_is_answered_all_the_same(address: str) -> None:
    """Not by a connection that is closed while more is on its way."""
    answers = [httpx.post(f"{address}/stream", content=body, timeout=60) for body in (b" " * 2**25, chunks(2**25))]
    assert [answer.status_code for answer in answers] == [413, 413]


def test_as_much_as_allowed_is_read(address: str, reader: Reader) -> None:
    assert httpx.post(f"{address}/stream", content=b" " * MOST).status_code == 200
    assert httpx.post(f"{address}/stream", content=chunks(MOST)).json() == 2 * MOST
    assert httpx.post(f"{address}/upload", content=chunks(2 * MOST)).status_code == 200
    assert httpx.post(f"{address}/upload", content=chunks(2 * MOST + 1)).status_code == 413


def test_a_length_that_is_a_lie_is_refused(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    for length in ("-1", "1e9", "9" * 30, "٣"):
        with socket.create_connection((host, int(port)), timeout=60) as raw:
            raw.sendall(f"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
            assert raw.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))


def test_a_silent_sender_is_left_and_others_are_served(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host, port = address.removeprefix("http://").split(":")
    sent = b"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nx"
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(sent)
        assert httpx.get(f"{address}/ping").status_code == 200
        assert select.select([raw], [], [], 0)[0] == []
    monkeypatch.setattr(body_limits, "SILENT_SECONDS", 0.2)
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(sent)
        assert raw.recv(100).startswith(b"HTTP/1.1 408")


def test_a_trickle_is_left(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limits, "_FIRST_SECONDS", 0.2)
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(b"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
        while not select.select([raw], [], [], 0.05)[0]:
            raw.sendall(b"x")
        assert raw.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.anyio
async def test_faults_of_the_application_stay_faults() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("its own")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    with pytest.raises(RuntimeError, match="its own"):
        await BodyLimits(broken)({"type": "http", "path": "/", "headers": []}, receive, send)
