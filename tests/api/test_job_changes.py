"""What a person wants of jobs that wait, and of the queue; nothing is run."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.schema.jobs import Job
from modules.services.build import Services

ROOT = "/api/v1/jobs"


def submitted(client: TestClient, how: str = "", **fields: Any) -> str:
    answer = client.post(f"{ROOT}/txt2img{how}", json={"prompt": "a fish", **fields})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def waiting(client: TestClient) -> list[str]:
    return [job["id"] for job in client.get("/api/v1/queue").json()["jobs"]]


def claimed(services: Services) -> Job:
    """The next job, as a worker takes it."""
    job = services.generate._queue.claim("test")
    assert job is not None
    return job


def test_moved_about(idle_client: TestClient) -> None:
    one, two, three = (submitted(idle_client) for _ in range(3))
    assert waiting(idle_client) == [one, two, three]
    idle_client.post(f"{ROOT}/{three}/move", json={"before": one})
    assert waiting(idle_client) == [three, one, two]
    idle_client.post(f"{ROOT}/{three}/move", json={})
    assert waiting(idle_client) == [one, two, three]
    idle_client.post(f"{ROOT}/{two}/move", json={"front": True})
    assert waiting(idle_client) == [two, one, three]
    assert idle_client.put(f"{ROOT}/{three}/priority", json={"priority": 5}).json()["priority"] == 5
    assert waiting(idle_client) == [three, two, one]
    four = submitted(idle_client, "?front=true&priority=5")
    assert waiting(idle_client) == [four, three, two, one]


def test_paused_and_resumed(idle_client: TestClient, idle_services: Services) -> None:
    one, two = submitted(idle_client), submitted(idle_client)
    assert idle_client.post(f"{ROOT}/{one}/pause").json()["paused"]
    assert claimed(idle_services).id == two
    assert not idle_client.post(f"{ROOT}/{one}/resume").json()["paused"]
    assert idle_client.post("/api/v1/queue/pause").json()["paused"]
    assert idle_services.generate._queue.claim("test") is None
    report = idle_client.post("/api/v1/queue/resume").json()
    assert not report["paused"]
    assert (report["counts"]["queued"], report["counts"]["running"]) == (1, 1)
    assert claimed(idle_services).id == one


def test_ended_tried_again_and_doubled(idle_client: TestClient) -> None:
    job = submitted(idle_client, seed=42)
    assert idle_client.delete(f"{ROOT}/{job}").json()["state"] == "cancelled"
    again = idle_client.post(f"{ROOT}/{job}/retry")
    double = idle_client.post(f"{ROOT}/{again.json()['id']}/duplicate")
    for answer in (again, double):
        assert answer.status_code == 201
        assert answer.headers["location"] == f"{ROOT}/{answer.json()['id']}"
        assert (answer.json()["state"], answer.json()["request"]["seed"]) == ("queued", 42)
    assert again.json()["origin"] == job
    assert waiting(idle_client) == [again.json()["id"], double.json()["id"]]
    assert sorted(idle_client.post("/api/v1/queue/cancel").json()["ids"]) == sorted(
        answer.json()["id"] for answer in (again, double)
    )
    assert waiting(idle_client) == []


def test_repeated_until_somebody_stops_it(idle_client: TestClient) -> None:
    job = submitted(idle_client, "?repeats=true")
    assert idle_client.get(f"{ROOT}/{job}").json()["repeats"]
    assert not idle_client.post(f"{ROOT}/{job}/stop-repeating").json()["repeats"]


def test_listed_page_by_page_and_by_state(idle_client: TestClient) -> None:
    ids = [submitted(idle_client) for _ in range(5)]
    idle_client.delete(f"{ROOT}/{ids[0]}")
    idle_client.delete(f"{ROOT}/{ids[1]}")
    found: list[str] = []
    while page := idle_client.get(f"{ROOT}?limit=2{f'&before={found[-1]}' if found else ''}").json()["jobs"]:
        assert len(page) <= 2
        found += [job["id"] for job in page]
    assert found == ids[::-1]
    cancelled = idle_client.get(f"{ROOT}?state=cancelled").json()["jobs"]
    assert {job["id"] for job in cancelled} == set(ids[:2])
    assert len(idle_client.get(f"{ROOT}?state=cancelled&state=queued").json()["jobs"]) == 5


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("GET", "jobs?limit=0", None, 422, "limit 0 is too small. The least is 1"),
        ("GET", "jobs?limit=x", None, 422, "limit 'x' is not a whole number"),
        ("GET", "jobs?state=lost", None, 422, "state 'lost' is not known"),
        ("GET", "jobs?colour=1", None, 422, "colour '1' is no field"),
        ("GET", "jobs?before=nothing", None, 404, "no job 'nothing'"),
        ("POST", "jobs/txt2img?priority=9999", {}, 422, "priority 9999 is too large"),
        ("POST", "jobs/txt2img?front=perhaps", {}, 422, "front"),
        ("POST", "jobs/{id}/move", {"before": "nothing"}, 404, "no job 'nothing'"),
        ("POST", "jobs/{id}/move", {"before": 5}, 422, "is not text"),
        ("POST", "jobs/{id}/move", {"behind": "x"}, 422, "is no field"),
        ("PUT", "jobs/{id}/priority", {}, 422, "priority"),
        ("PUT", "jobs/{id}/priority", {"priority": 1e300}, 422, "priority"),
        ("DELETE", "jobs/{id}?how=softly", None, 422, "how 'softly' is not known"),
        ("POST", "queue/cancel?whose=yours", None, 422, "whose 'yours' is not known"),
        ("GET", "pictures/seven", None, 422, "is not a whole number"),
    ],
)
def test_refusals_are_sentences(
    idle_client: TestClient, method: str, path: str, body: object, status: int, sentence: str
) -> None:
    answer = idle_client.request(method, f"/api/v1/{path.format(id=submitted(idle_client))}", json=body)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (status, True), answer.text


def test_a_full_queue_is_told(idle_client: TestClient, idle_services: Services) -> None:
    idle_services.settings.change(queue_limit=1)
    submitted(idle_client)
    answer = idle_client.post(f"{ROOT}/txt2img", json={})
    assert (answer.status_code, "waiting" in answer.json()["detail"]) == (429, True)
