"""The whole program behind an address of its own, in a thread of the tests."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

import webui
from modules.config.command_line import parse_command_line
from modules.services.build import Services


@contextmanager
def serving_page(services: Services, flags: Sequence[str] = ()) -> Iterator[str]:
    """The address of API and page over these services, started with `flags` of the command line."""
    servers: list[uvicorn.Server] = []
    with socket.socket() as listener:
        listener.bind((webui.LOOPBACK, 0))
        port = listener.getsockname()[1]

        async def serve() -> None:
            # Built in here, since outside of a running loop gradio makes one for each of its locks and closes none.
            options = parse_command_line(["--port", str(port), *flags])
            application = webui.create_application(services, options, webui.LOOPBACK)
            servers.append(uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)))
            await servers[0].serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        deadline = time.monotonic() + 300
        while not (servers and servers[0].started) and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert servers and servers[0].started, "the server did not start"
        try:
            yield f"http://{webui.LOOPBACK}:{port}"
        finally:
            servers[0].should_exit = True
            thread.join(15)
