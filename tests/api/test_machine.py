"""What is told of the machine, and of how each person wants to see the page."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.schema.infotext import VERSION
from modules.services.build import Services
from tests.api.people import clients

MACHINE, PREFERENCES = "/api/v1/machine", "/api/v1/preferences"
SMALL = {"prompt": "a star", "steps": 1, "width": 64, "height": 64}


def test_before_a_worker_began(still_client: TestClient) -> None:
    told = still_client.get(MACHINE).json()
    assert VERSION.endswith(told["version"]) and told["torch"] and told["gradio"] and told["cores"] >= 1
    assert (told["device"], told["loading"], told["share"], told["held"]) == ("", "", None, [])
    assert told["seconds_per_picture"] is None and told["is_owner"]
    refused = still_client.post(f"{MACHINE}/measure")
    assert (refused.status_code, "No worker" in refused.json()["detail"]) == (422, True)


def test_licences_name_what_the_program_stands_on(still_client: TestClient) -> None:
    answer = still_client.get(f"{MACHINE}/licences")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = {line.split(" ")[0].lower(): line for line in answer.text.splitlines()}
    assert {"torch", "gradio", "pillow"} <= lines.keys()
    assert all(line.partition(": ")[2] for line in lines.values())


@pytest.fixture(scope="module")
def demo_client(demo_services: Services) -> Iterator[TestClient]:
    yield TestClient(create_application(hosts=None, services=demo_services))


def test_device_model_and_speed(demo_client: TestClient) -> None:
    deadline = time.monotonic() + 300
    while (answer := demo_client.post(f"{MACHINE}/measure")).status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.5)  # the worker is beginning
    measured = answer.json()
    assert (measured["device"], measured["precision"], measured["measured"]) == ("cpu", "float32", True)
    assert measured["held"] == ["atelier-demo"] and measured["seconds_per_picture"] > 0
    job = demo_client.post("/api/v1/jobs/txt2img", json=SMALL).json()["id"]
    deadline = time.monotonic() + 300
    while demo_client.get(f"/api/v1/jobs/{job}").json()["state"] != "done" and time.monotonic() < deadline:
        time.sleep(0.05)
    learnt = demo_client.get(MACHINE).json()
    assert not learnt["measured"] and learnt["seconds_per_picture"] > 0


def test_everybody_has_their_own_preferences(idle_services: Services) -> None:
    people = clients(idle_services)
    assert people["ann"].get(PREFERENCES).json() == {"theme": "", "language": "", "view": ""}
    changed = people["ann"].patch(PREFERENCES, json={"theme": "dark", "language": "de"})
    assert changed.json() == {"theme": "dark", "language": "de", "view": ""}
    assert people["ann"].patch(PREFERENCES, json={"view": "simple"}).json()["theme"] == "dark"
    assert people["bob"].get(PREFERENCES).json()["theme"] == ""
    assert people["ann"].get(MACHINE).json()["is_owner"] is False
    assert people["ann"].post(f"{MACHINE}/measure").status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"theme": "pink"}, {"font": "large"}, {"theme": "dark", "view": 1}, {"language": "xx"}]
)
def test_preferences_that_there_are_not_change_nothing(idle_client: TestClient, wrong: dict[str, object]) -> None:
    assert idle_client.patch(PREFERENCES, json=wrong).status_code == 422
    assert idle_client.get(PREFERENCES).json()["theme"] == ""
