"""The guard: only our own page, under our own name."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.services.build import Services

client = TestClient(create_application(hosts=["127.0.0.1", "localhost", "[::1]"]), base_url="http://127.0.0.1:7860")
OWN = "http://127.0.0.1:7860"


def test_ping() -> None:
    answer = client.get("/internal/ping")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:80", "[::1]:7860"])
def test_own_names(host: str) -> None:
    assert client.get("/internal/ping", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7860", "[::2]", ""])
def test_foreign_names(host: str) -> None:
    assert client.get("/internal/ping", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": OWN}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://127.0.0.1:7861"}, 403),
        ({"origin": "http://127.0.0.1:7860.evil.example"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
    ],
)
def test_origins(headers: dict[str, str], status: int) -> None:
    assert client.get("/internal/ping", headers=headers).status_code == status


def test_form_of_another_site_is_refused() -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.post("/internal/ping", headers=headers).status_code == 403


def test_no_route_without_a_class(demo_services: Services) -> None:
    """Every route of ours is listed here with its class; a new one must be added on purpose."""
    public = {"/internal/ping"}
    for_those_who_may_log_in = {
        "/api/v1/inputs",
        "/api/v1/jobs/{kind}",
        "/api/v1/jobs/{job_id}",
        "/api/v1/pictures/{picture_id}",
        "/api/v1/pictures/{picture_id}/{wish}",
    }
    application = create_application(hosts=None, services=demo_services)
    assert application.openapi()["paths"].keys() == public | for_those_who_may_log_in
