"""A server that is opened to and told nothing answers others, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import uvicorn

from modules.api import request_heads
from modules.api.application import create_application
from modules.api.request_heads import MOST_AWAITED, PromptHeads

HEAD = b"GET /internal/ping HTTP/1.1\r\nHost: here\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(create_application(hosts=None), http=PromptHeads, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listener.close()


def is_closed(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_more_silent_connections_than_are_awaited_close_the_oldest(port: int) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(MOST_AWAITED + 50)]
        assert httpx.get(f"http://127.0.0.1:{port}/internal/ping", timeout=60).json() == {"status": "ready"}
        assert all(is_closed(one, 20) for one in opened[:50])
        opened[-1].sendall(HEAD + b"\r\n")  # a late one is answered
        assert opened[-1].recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("first", [b"", HEAD + b"\r\n"], ids=["the first head", "the second head"])
def test_a_head_that_trickles_is_not_waited_for(port: int, first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_heads, "HEAD_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        if first:
            connection.sendall(first)
            while not connection.recv(4096).endswith(b"}"):
                pass
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            for byte in HEAD * 20:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
                if is_closed(connection, 0.001):
                    raise ConnectionResetError
        assert 0.4 < time.monotonic() - began < 5


def test_a_slow_answer_is_no_slow_head(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_heads, "HEAD_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST /internal/ping HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n")
        time.sleep(0.5)  # the body is another limit's
        connection.sendall(b"abc")
        assert connection.recv(12) == b"HTTP/1.1 405"
