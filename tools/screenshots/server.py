"""The program as a process on a port and a data folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tools.screenshots.contents import COPY

PATIENCE = 300
REPOSITORY = Path(__file__).parents[2]
DEMO_MODEL = REPOSITORY / "models/Stable-diffusion/atelier-demo"
EXAMPLE_EXTENSION = REPOSITORY / "extensions/seed-travel"


@contextmanager
def running_server(data: Path) -> Iterator[str]:
    """Its address, once it answers."""
    shutil.copytree(DEMO_MODEL, data / "models/Stable-diffusion" / COPY)
    shutil.copytree(EXAMPLE_EXTENSION, data / "extensions" / EXAMPLE_EXTENSION.name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "webui.py", "--port", str(port), "--use-cpu", "--data-dir", str(data)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    try:
        _wait(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/api/v1/machine", timeout=10).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("The server did not start.")
