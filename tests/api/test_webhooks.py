"""The routes of webhooks."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.test_models import refusal
from tests.services.test_webhooks import receiving, until

ROOT = "/api/v1/webhooks"


def test_added_tried_told_and_removed(idle_client: TestClient, idle_services: Services) -> None:
    idle_services.webhooks.start(allow_private=True)
    with receiving() as receiver:
        answer = idle_client.post(ROOT, json={"url": receiver.url, "events": ["job.cancelled"]})
        assert answer.status_code == 201 and answer.json()["secret"].startswith("whsec_")
        id, secret = answer.json()["id"], answer.json()["secret"]
        assert idle_client.post(f"{ROOT}/{id}/test").json()["status"] == 204
        job = idle_client.post("/api/v1/jobs/txt2img", json={}).json()["id"]
        idle_client.delete(f"/api/v1/jobs/{job}")
        until(lambda: idle_client.get(ROOT).json()["webhooks"][0]["latest"] is not None)
        listed = idle_client.get(ROOT)
        (row,) = listed.json()["webhooks"]
        assert (row["url"], row["events"], row["latest"]["status"]) == (receiver.url, ["job.cancelled"], 204)
        assert secret not in listed.text and "secret" not in row
        assert [len(receiver.messages), receiver.connections] == [2, 2]
    assert idle_client.delete(f"{ROOT}/{id}").status_code == 204
    assert idle_client.get(ROOT).json() == {"webhooks": []}
    for method, path in (("DELETE", f"{ROOT}/{id}"), ("POST", f"{ROOT}/{id}/test")):
        assert "no webhook" in refusal(idle_client.request(method, path), 404)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "url"),
        ({"url": "http://localhost/"}, "private network"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "--allow-private-webhooks"),
        ({"url": "file:///etc/passwd"}, "is no web address"),
        ({"url": "https://1.1.1.1/", "events": ["job.begun"]}, "is not known"),
        ({"url": "https://1.1.1.1/", "events": []}, "Events"),
        ({"url": "https://1.1.1.1/", "secret": "short"}, "Secret"),
        ({"url": "https://1.1.1.1/", "allow_private": True}, "is no field"),
        ({"url": 5}, "is not text"),
        ({"url": "http://1.1.1.1:99999/"}, "port"),
    ],
)
def test_what_cannot_be_added(still_client: TestClient, body: dict[str, object], sentence: str) -> None:
    assert sentence in refusal(still_client.post(ROOT, json=body), 422)
    assert still_client.get(ROOT).json() == {"webhooks": []}
