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
        "/api/v1/models",
        "/api/v1/models/refresh",
        "/api/v1/models/current",
        "/api/v1/models/{kind}/{name}",
        "/api/v1/model-previews/{kind}/{name}",
        "/api/v1/downloads",
        "/api/v1/downloads/listed",
        "/api/v1/downloads/{download_id}",
        "/api/v1/downloads/{download_id}/{wish}",
        "/api/v1/merges",
        "/api/v1/merges/{merge_id}",
        "/api/v1/merges/{merge_id}/cancel",
    }
    application = create_application(hosts=None, services=demo_services)
    assert application.openapi()["paths"].keys() == public | for_those_who_may_log_in


def test_every_route_of_the_api_is_guarded(idle_services: Services) -> None:
    """Without a login, from another site, or by another name nothing is answered, whatever the route."""
    hosts = ["127.0.0.1"]
    application = create_application(hosts=hosts, services=idle_services, logins=[("ann", "secret")])
    asked = TestClient(application, base_url=OWN)
    paths = {path: one for path, one in application.openapi()["paths"].items() if path.startswith("/api/")}
    requests = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(requests) > 20
    for method, path in requests:
        place = path.replace("{", "").replace("}", "")
        login = ("ann", "secret")
        answers = [
            asked.request(method, place, content=b"{"),
            asked.request(method, place, auth=("ann", "wrong")),
            asked.request(method, place, auth=login, headers={"origin": "https://evil.example"}),
            asked.request(method, place, auth=login, headers={"sec-fetch-site": "cross-site"}),
            asked.request(method, place, auth=login, headers={"host": "evil.example"}),
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 403, 403, 421], (method, place)
