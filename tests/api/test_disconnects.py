"""A client that goes away in the middle of what it says is nobody's fault."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from modules.api.application import create_application
from modules.services.build import Services

PLACES = ("/sdapi/v1/txt2img", "/sdapi/v1/png-info", "/api/v1/jobs/txt2img", "/api/v1/infotexts")


@pytest.mark.parametrize("place", PLACES)
def test_a_body_that_breaks_off_leaves_no_fault_in_the_log(
    idle_services: Services, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    application = create_application(hosts=None, services=idle_services)
    said: list[Any] = [
        {"type": "http.request", "body": b'{"prompt": "a re', "more_body": True},
        {"type": "http.disconnect"},
    ]
    answered: list[Any] = []
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"4000")]
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": place, "raw_path": place.encode(), "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> Any:
        return said.pop(0) if said else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answered.append(message)

    with caplog.at_level(logging.WARNING):
        asyncio.run(application(scope, receive, send))
    assert caplog.records == []
    assert all(one.get("status", 400) == 400 for one in answered)
