"""The routes of jobs, with the demo model behind them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.api.jobs import MAX_REQUEST_BYTES
from modules.services.build import Services
from tests.services.test_generate import until


@pytest.fixture
def client(demo_services: Services) -> TestClient:
    return TestClient(create_application(hosts=None, services=demo_services))


def png(width: int = 128, height: int = 128) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), (200, 30, 30), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def finished(client: TestClient, job_id: str) -> dict[str, Any]:
    until(lambda: client.get(f"/api/v1/jobs/{job_id}").json()["state"] in ("done", "failed"))
    report: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
    return report


def test_picture_in_request_and_picture_out(client: TestClient) -> None:
    stored = client.post("/api/v1/inputs", content=png()).json()
    assert (stored["width"], stored["height"]) == (128, 128)
    fields = {"prompt": "a red fish", "init_images": [stored["id"]], "denoising_strength": 0.4, "steps": 4, "seed": 1}
    answer = client.post("/api/v1/jobs/img2img", json=fields)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"
    report = finished(client, answer.json()["id"])
    assert report["ready_in"] is None and report["request"]["prompt"] == "a red fish"
    assert (report["state"], report["error"]) == ("done", None)
    (picture,) = report["pictures"]
    file = client.get(picture["file"])
    assert client.get(f"/api/v1/pictures/{picture['id']}").json() == picture
    assert client.get(picture["thumbnail"]).headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(file.content)) as image:
        assert image.size == (128, 128)
        assert image.info["parameters"] == picture["infotext"]
    assert f"Init image hash: {stored['id']}" in picture["infotext"]


def test_extras_and_txt2img(client: TestClient) -> None:
    stored = client.post("/api/v1/inputs", content=png(20, 10)).json()["id"]
    extras = client.post("/api/v1/jobs/extras", json={"images": [stored], "upscaler_1": "Lanczos"}).json()
    (picture,) = finished(client, extras["id"])["pictures"]
    assert (picture["width"], picture["height"]) == (40, 20)
    job = client.post("/api/v1/jobs/txt2img", json={"prompt": "a fish", "steps": 2, "seed": 3}).json()
    assert finished(client, job["id"])["state"] == "done"


@pytest.mark.parametrize(
    ("kind", "fields", "status", "sentence"),
    [
        ("txt2img", {"steps": 1000}, 422, "Steps 1000 is too large"),
        ("txt2img", {"colour": 1}, 422, "is no field"),
        ("img2img", {"prompt": "a"}, 422, "Input picture"),
        ("img2img", {"init_images": ["../../etc/passwd"]}, 422, "stored picture"),
        ("img2img", {"init_images": ["0" * 32]}, 404, "not stored"),
        ("train", {}, 405, "Not Allowed"),
    ],
)
def test_refusals_are_sentences(
    client: TestClient, kind: str, fields: dict[str, object], status: int, sentence: str
) -> None:
    answer = client.post(f"/api/v1/jobs/{kind}", json=fields)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_refused(client: TestClient, content: bytes) -> None:
    answer = client.post("/api/v1/inputs", content=content)
    assert answer.status_code == 422
    assert "cannot be read" in answer.json()["detail"]


def test_batch_of_stored_pictures(client: TestClient) -> None:
    ids = [client.post("/api/v1/inputs", content=png(side, 128)).json()["id"] for side in (64, 128)]
    body = {
        "fields": {"prompt": "a fish", "steps": 2, "denoising_strength": 0.5},
        "parts": [
            {"name": "one", "fields": {"init_images": [ids[0]]}},
            {"name": "../two", "fields": {"init_images": [ids[1]], "prompt": "a star", "seed": 7}},
        ],
        "folder": "mine",
    }
    answer = client.post("/api/v1/jobs/batch", json=body)
    assert answer.status_code == 201, answer.json()
    one, two = finished(client, answer.json()["id"])["pictures"]
    assert (one["path"], two["path"]) == ("img2img-images/mine/one.png", "img2img-images/mine/_two.png")
    assert (one["width"], two["width"], two["seed"]) == (64, 128, 7)
    assert "a star" in two["infotext"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"parts": []},
        {"parts": [{"name": "a", "fields": {}}]},
        {"parts": [{"name": "a"}]},
        {"parts": [], "files": 1},
        {"parts": [{"name": "a", "fields": {"colour": 1}}]},
    ],
)
def test_batches_that_cannot_be_painted_are_refused(client: TestClient, body: dict[str, object]) -> None:
    answer = client.post("/api/v1/jobs/batch", json=body)
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) > 20


def test_what_follows_from_a_picture(client: TestClient) -> None:
    job = client.post(
        "/api/v1/jobs/txt2img", json={"prompt": "a fish", "steps": 2, "seed": 3, "width": 128, "height": 128}
    ).json()
    (picture,) = finished(client, job["id"])["pictures"]
    answer = client.post(f"/api/v1/pictures/{picture['id']}/pan-right")
    assert answer.status_code == 201
    (wider,) = finished(client, answer.json()["id"])["pictures"]
    assert (wider["width"], wider["height"]) == (192, 128)
    unknown = client.post(f"/api/v1/pictures/{picture['id']}/shrink")
    assert (unknown.status_code, "Choose one of: upscale" in unknown.json()["detail"]) == (422, True)


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_object_are_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/v1/jobs/txt2img", content=body)
    assert (answer.status_code, "JSON" in answer.json()["detail"]) == (400, True)


def test_bodies_have_a_limit(client: TestClient) -> None:
    answer = client.post("/api/v1/jobs/txt2img", content=b" " * (MAX_REQUEST_BYTES + 1))
    assert answer.status_code == 413


def test_nothing_is_there_that_was_not_made(client: TestClient) -> None:
    assert client.get("/api/v1/jobs/nothing").status_code == 404
    assert client.delete("/api/v1/jobs/nothing").status_code == 404
    assert client.get("/api/v1/pictures/999999").status_code == 404
