"""Two people on one server: neither sees nor changes what is the other's."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import OWNER, a_picture, clients

ROUTES = (
    ("GET", "/api/v1/jobs/{job}", None),
    ("DELETE", "/api/v1/jobs/{job}", None),
    *(("POST", f"/api/v1/jobs/{{job}}/{wish}", None) for wish in ("skip", "pause", "resume", "stop-repeating")),
    *(("POST", f"/api/v1/jobs/{{job}}/{wish}", None) for wish in ("retry", "duplicate", "repeat")),
    ("POST", "/api/v1/jobs/{job}/move", {}),
    ("PUT", "/api/v1/jobs/{job}/priority", {"priority": -1}),
    ("GET", "/api/v1/look-inside/jobs/{job}", None),
    ("GET", "/api/v1/look-inside/jobs/{job}/{file}", None),
    ("GET", "/api/v1/pictures/{picture}", None),
    ("GET", "/api/v1/pictures/{picture}/file", None),
    ("GET", "/api/v1/pictures/{picture}/input", None),
    ("GET", "/api/v1/pictures/{picture}/parameters", None),
    ("GET", "/api/v1/pictures/{picture}/thumbnail", None),
    ("POST", "/api/v1/pictures/{picture}/upscale", None),
    ("POST", "/api/v1/pictures/{picture}/actions/border_and_watermark/border-and-watermark", {}),
)
OF_FEW = ("/look-inside/", "/input")
"""What is there of some jobs and pictures alone."""


@pytest.fixture
def people(idle_services: Services) -> dict[str, TestClient]:
    return clients(idle_services)


def submitted(client: TestClient, **fields: Any) -> str:
    answer = client.post("/api/v1/jobs/txt2img", json={"prompt": "a fish", "seed": 1, **fields})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def test_every_route_with_an_id_is_crossed(people: dict[str, TestClient], idle_services: Services) -> None:
    places = {}
    for name in ("ann", "bob"):
        job = submitted(people[name])
        places[name] = {
            "job": job,
            "file": "0-0-1-denoised.jpg",
            "picture": a_picture(idle_services, job_id=job, user=name),
        }
    paths = {path for _, path, _ in ROUTES}
    documented = people[OWNER].get("/api/v1/openapi.json").json()["paths"]
    ours = {path for path in documented if "{job_id}" in path or "{picture_id}" in path}
    streams = {"/api/v1/jobs/{job_id}/events"}
    wishes = {
        "/api/v1/pictures/{picture_id}/{wish}": "/api/v1/pictures/{picture}/upscale",
        "/api/v1/pictures/{picture_id}/actions/{extension}/{name}": (
            "/api/v1/pictures/{picture}/actions/border_and_watermark/border-and-watermark"
        ),
    }
    assert {wishes.get(path, path.replace("_id}", "}")) for path in ours - streams} == paths
    for asking, other in (("ann", "bob"), ("bob", "ann")):
        for method, path, body in ROUTES:
            answer = people[asking].request(method, path.format(**places[other]), json=body)
            assert answer.status_code == 404, (asking, method, path, answer.text)
            unknown = people[asking].request(
                method, path.format(job="0" * 16, picture=999, file="0-0-1-denoised.jpg"), json=body
            )
            known_id, unknown_id = str(places[other]["job"]), "0" * 16
            told, of_unknown = answer.json()["detail"], unknown.json()["detail"]
            told = told.replace(known_id, unknown_id).replace(f"picture {places[other]['picture']}", "picture 999")
            assert (unknown.status_code, of_unknown) == (404, told)
    assert [job.state for job in idle_services.generate.active_jobs()] == ["queued", "queued"]


def test_own_routes_are_answered(people: dict[str, TestClient], idle_services: Services) -> None:
    job = submitted(people["ann"])
    picture = a_picture(idle_services, job_id=job, user="ann", infotext="a fish\nSteps: 2, Sampler: Euler, Seed: 5")
    for asking in ("ann", OWNER):
        for method, path, body in ROUTES:
            if method == "GET" and not any(part in path for part in OF_FEW):
                answer = people[asking].request(method, path.format(job=job, picture=picture), json=body)
                assert answer.status_code == 200, (asking, method, path, answer.text)
    assert people["ann"].post(f"/api/v1/jobs/{job}/pause").json()["paused"]
    assert people[OWNER].delete(f"/api/v1/jobs/{job}").json()["state"] == "cancelled"


def test_lists_hold_what_is_ones_own(people: dict[str, TestClient], idle_services: Services) -> None:
    jobs = {name: submitted(people[name]) for name in ("ann", "bob")}
    pictures = {name: a_picture(idle_services, job_id=jobs[name], user=name) for name in jobs}
    for name in jobs:
        for path in ("/api/v1/jobs", "/api/v1/jobs?user=ann", "/api/v1/jobs?user=bob", "/api/v1/queue"):
            assert [job["id"] for job in people[name].get(path).json()["jobs"]] == [jobs[name]], path
        for path in ("/api/v1/pictures", "/api/v1/pictures?user=ann", f"/api/v1/pictures?job_id={jobs['bob']}"):
            found = people[name].get(path).json()
            assert {row["id"] for row in found["pictures"]} <= {pictures[name]}, path
            assert found["total"] == len(found["pictures"])
    assert {job["id"] for job in people[OWNER].get("/api/v1/jobs").json()["jobs"]} == set(jobs.values())
    assert [job["user"] for job in people[OWNER].get("/api/v1/jobs?user=bob").json()["jobs"]] == ["bob"]
    assert people[OWNER].get("/api/v1/pictures").json()["total"] == 2
    assert people["ann"].get(f"/api/v1/jobs?before={jobs['bob']}").status_code == 404


def test_nobody_goes_before_others(people: dict[str, TestClient]) -> None:
    ann, bob = submitted(people["ann"]), submitted(people["bob"])
    for how in ("priority=1", "front=true"):
        assert people["ann"].post(f"/api/v1/jobs/txt2img?{how}", json={}).status_code == 403
        assert people[OWNER].post(f"/api/v1/jobs/txt2img?{how}", json={}).status_code == 201
    assert people["ann"].put(f"/api/v1/jobs/{ann}/priority", json={"priority": 5}).status_code == 403
    assert people["ann"].post(f"/api/v1/jobs/{ann}/move", json={"front": True}).status_code == 403
    assert people["ann"].post(f"/api/v1/jobs/{ann}/move", json={"before": bob}).status_code == 404
    assert people["ann"].put(f"/api/v1/jobs/{ann}/priority", json={"priority": -5}).json()["priority"] == -5


def test_cancelling_mine_leaves_the_others(people: dict[str, TestClient]) -> None:
    ann, bob = submitted(people["ann"]), submitted(people["bob"])
    assert people["ann"].post("/api/v1/queue/cancel?whose=all").status_code == 403
    assert people["ann"].post("/api/v1/queue/cancel").json() == {"ids": [ann]}
    assert people["bob"].get(f"/api/v1/jobs/{bob}").json()["state"] == "queued"
    assert people[OWNER].post("/api/v1/queue/cancel?whose=all").json() == {"ids": [bob]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "queue/pause"), ("POST", "queue/resume"), ("PATCH", "settings"), ("GET", "webhooks"),
        ("POST", "webhooks"), ("DELETE", "webhooks/x"), ("POST", "webhooks/x/test"), ("PUT", "models/current"),
    ],
)  # fmt: skip
def test_what_owners_alone_may_do(people: dict[str, TestClient], method: str, path: str) -> None:
    assert people["ann"].request(method, f"/api/v1/{path}", json={}).status_code == 403
    assert people[OWNER].request(method, f"/api/v1/{path}", json={}).status_code not in (401, 403)
