"""What must not be told is told nowhere: passwords of the command line, keys, variables of the environment."""

from __future__ import annotations

import asyncio
import base64

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import webui
from modules.config.command_line import parse_command_line
from modules.services.account_file import AccountFile
from modules.services.build import Services
from tests.api.test_route_classes import walk

CANARY = "canary-4711"
OWN = "http://127.0.0.1:7860"
OWNER = ("ann", f"{CANARY}-password")


@pytest.fixture
def application(idle_services: Services, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("HF_TOKEN", f"{CANARY}-token")
    monkeypatch.setenv("CANARY", f"{CANARY}-environment")
    monkeypatch.setenv("COMMANDLINE_ARGS", f"--api-auth bob:{CANARY}-bob")

    async def built() -> FastAPI:
        # Outside of a running loop gradio makes one for each of its locks and closes none.
        options = parse_command_line(["--gradio-auth", ":".join(OWNER)])
        return webui.create_application(idle_services, options, webui.LOOPBACK)

    return asyncio.run(built())


def test_no_route_tells_a_secret(
    application: FastAPI, idle_services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """Every route is asked for without a login, as a user and as the owner; every word that comes back is read."""
    client = TestClient(application, base_url=OWN, raise_server_exceptions=False)
    key = AccountFile(idle_services.paths).read().session_key
    streams = ("/events", "/heartbeat", "/queue/data", "/upload_progress", "/startup-events", "/ws")
    asked = 0
    for method, path in sorted(set(walk(application.routes))):
        if method == "WEBSOCKET" or any(word in path for word in streams):
            continue
        place = path.replace("{", "").replace("}", "").replace(":path", "")
        for login in ("", f"bob:{CANARY}-bob", ":".join(OWNER)):
            sent = {"authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
            answer = client.request(method, place, headers=sent, content=b"{", follow_redirects=False)
            text = answer.text + str(dict(answer.headers))
            assert CANARY not in text and key not in text, (method, path)
            if not login and answer.status_code == 200:
                assert path in ("/internal/ping", "/login", "/favicon.ico", "/robots.txt"), (method, path)
            asked += 1
    assert asked > 300
    assert CANARY not in caplog.text and key not in caplog.text
