"""A server that nobody asks anything leaves the processor alone, also when its page has been opened."""

from __future__ import annotations

import logging
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.program import is_ready, serving, until

log = logging.getLogger(__name__)

pytestmark = pytest.mark.slow

SECONDS = 20
SHARE = 0.02
"""Of one core; 0.016 was used, 0.057 with gradio's own pace."""


def test_an_idle_server_leaves_the_processor_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, port):
        assert is_ready(server)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
            assert page.read()
        process = psutil.Process(server.pid)

        def share() -> float:
            before, began = process.cpu_times(), time.monotonic()
            time.sleep(SECONDS)
            after = process.cpu_times()
            return (after.user + after.system - before.user - before.system) / (time.monotonic() - began)

        until(lambda: share() < SHARE, 6 * SECONDS)  # the worker's first message and the page's making come to an end
        found = share()
        log.info("an idle server uses %.2f %% of a core", 100 * found)
        assert found < SHARE
