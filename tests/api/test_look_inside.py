"""Routes of looking inside: whose recordings are whose, and which files are given."""

from __future__ import annotations

import json

import numpy as np
import pytest
from starlette.testclient import TestClient

from modules.imaging.encoding import encode_preview
from modules.services.build import Services
from modules.services.look_inside_folders import RECORDING, RecordingFolders
from tests.api.people import OWNER, clients

FILE = "0-0-1-denoised.jpg"


@pytest.fixture
def people(idle_services: Services) -> dict[str, TestClient]:
    return clients(idle_services)


def recorded(services: Services, client: TestClient) -> str:
    """The id of a job of a client, of which something is recorded."""
    answer = client.post("/api/v1/jobs/txt2img?look_inside=true", json={"prompt": "a fish"})
    assert answer.status_code == 201, answer.text
    job: str = answer.json()["id"]
    assert answer.json()["look_inside"] is True
    folder = RecordingFolders(services.paths.recordings).of_job(job)
    folder.mkdir(parents=True)
    step = {"number": 1, "sigma": 3.5, "guidance": 0.1, "files": {"denoised": FILE}}
    run = {
        "index": 0,
        "is_second": False,
        "model": "demo",
        "sampler": "Euler",
        "scheduler": "Karras",
        "steps": 1,
        "recorded": [step],
        "words": [],
        "sheet": None,
        "problem": "",
    }
    (folder / RECORDING).write_text(json.dumps({"job_id": job, "runs": [run]}))
    (folder / FILE).write_bytes(encode_preview(np.zeros((1, 8, 8, 3), np.uint8), scale=1))
    (folder / "other.jpg").write_bytes(b"not named by the recording")
    return job


def test_recordings_are_their_owners(people: dict[str, TestClient], idle_services: Services) -> None:
    job = recorded(idle_services, people["ann"])
    places = ("jobs/" + job, f"jobs/{job}/{FILE}")
    for name, status in (("ann", 200), (OWNER, 200), ("bob", 404)):
        assert [people[name].get(f"/api/v1/look-inside/{place}").status_code for place in places] == [status] * 2
        listed = people[name].get("/api/v1/look-inside/jobs").json()["jobs"]
        assert [(one["id"], one["prompt"]) for one in listed] == ([(job, "a fish")] if status == 200 else [])
    anybody = TestClient(people["ann"].app)
    assert anybody.get(f"/api/v1/look-inside/jobs/{job}").status_code == 401


def test_files_are_pictures_that_the_recording_names(people: dict[str, TestClient], idle_services: Services) -> None:
    job, ann = recorded(idle_services, people["ann"]), people["ann"]
    answer = ann.get(f"/api/v1/look-inside/jobs/{job}/{FILE}")
    assert answer.headers["content-type"] == "image/jpeg" and answer.content[:2] == b"\xff\xd8"
    assert ann.get(f"/api/v1/look-inside/jobs/{job}/other.jpg").status_code == 404
    for name in (RECORDING, "..%2F..%2Fconfig.json", "%2e%2e", "0-0-1-denoised.JPG"):
        assert ann.get(f"/api/v1/look-inside/jobs/{job}/{name}").status_code in (403, 404, 422), name


def test_what_was_recorded_is_told(people: dict[str, TestClient], idle_services: Services) -> None:
    job, ann = recorded(idle_services, people["ann"]), people["ann"]
    told = ann.get(f"/api/v1/look-inside/jobs/{job}").json()
    assert told["runs"][0]["recorded"][0]["files"] == {"denoised": FILE}
    other = ann.post("/api/v1/jobs/txt2img", json={"prompt": "a fish"}).json()
    assert other["look_inside"] is False
    assert ann.get(f"/api/v1/look-inside/jobs/{other['id']}").status_code == 404
    folder = RecordingFolders(idle_services.paths.recordings).of_job(job)
    (folder / RECORDING).write_text("{")
    assert ann.get(f"/api/v1/look-inside/jobs/{job}").status_code == 404


@pytest.mark.parametrize("route", ["schedule", "words"])
def test_outlines_refuse_what_they_cannot_use(idle_client: TestClient, route: str) -> None:
    def asked(body: object) -> int:
        return idle_client.post(f"/api/v1/look-inside/{route}", json=body).status_code

    assert asked({"task": "video"}) == 422
    assert asked({"fields": {"steps": 0}}) == 422
    assert asked({"fields": {"unknown": 1}}) == 422
    assert asked([]) == 400
    assert asked({"fields": {"prompt": "a" * 300_000}}) == 413
    answer = idle_client.post(f"/api/v1/look-inside/{route}", json={"fields": {"prompt": "a"}})
    assert (answer.status_code, "worker" in answer.json()["detail"].lower()) == (503, True)


@pytest.mark.parametrize("kind", ["extras", "batch"])
def test_what_has_no_steps_is_not_recorded(idle_client: TestClient, kind: str) -> None:
    answer = idle_client.post(f"/api/v1/jobs/{kind}?look_inside=true", json={} if kind == "extras" else {"parts": []})
    assert answer.status_code == 422
