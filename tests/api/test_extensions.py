"""Extensions, as a program sees them: listed, switched on and off, refused."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import OWNER, clients
from tests.hooks.extension_makers import put_codeless, put_extension, script_code

PLACE = "/api/v1/extensions"


def rows(client: TestClient) -> dict[str, Any]:
    return {row["name"]: row for row in client.get(PLACE).json()["extensions"]}


@pytest.fixture
def services(idle_services: Services) -> Services:
    idle_services.extensions.may_change = True
    root = idle_services.paths.extensions
    fields = {"title": '"Deep sea"', "author": '"Ann"', "touches": '["scripts"]', "requirements": '["numpy>=1"]'}
    put_extension(root, "deep-sea", script_code("Sea"), description='"Waves."', **fields)
    put_extension(root, "lake", "x = (")
    (root / "empty").mkdir()
    (root / "README.md").write_text("no extension")
    return idle_services


def test_what_is_there_is_listed(idle_client: TestClient, services: Services) -> None:
    services.extensions._plugins.leave_out("modules.builtin.loopback", f"ImportError in {services.paths.data}/x")
    found = rows(idle_client)
    assert found["deep-sea"] == {
        "name": "deep-sea", "title": "Deep sea", "version": "1.0", "author": "Ann", "description": "Waves.",
        "homepage": "", "requirements": ["numpy>=1"], "touches": ["scripts"], "is_built_in": False,
        "is_enabled": False, "can_be_enabled": True, "is_active": False, "waits": False, "is_wanted": False,
        "problem": "", "has_failed": False, "scripts": [],
        "kind": "", "source": "", "commit": "", "is_pinned": False, "previous": [], "page_version": "",
    }  # fmt: skip
    assert found["xyz_plot"]["title"] == "X/Y/Z plot"
    assert found["xyz_plot"]["description"].startswith("One picture for every combination")
    assert found["loopback"]["title"] == "Loopback"
    assert found["xyz_plot"]["is_active"] and found["xyz_plot"]["scripts"] == ["X/Y/Z plot"]
    assert not found["loopback"]["is_active"] and "ImportError" in found["loopback"]["problem"]
    assert str(services.paths.data) not in found["loopback"]["problem"]
    assert not found["empty"]["can_be_enabled"] and "no extension.toml" in found["empty"]["problem"]
    assert "README.md" not in found


def test_one_is_switched_on_and_off(idle_client: TestClient, services: Services) -> None:
    answer = idle_client.put(f"{PLACE}/deep-sea")
    assert answer.status_code == 200, answer.text
    found = rows(idle_client)["deep-sea"]
    assert (found["is_enabled"], found["is_active"], found["waits"], found["is_wanted"]) == (True, False, True, True)
    idle_client.delete(f"{PLACE}/deep-sea")
    found = rows(idle_client)["deep-sea"]
    assert (found["is_enabled"], found["waits"], found["is_wanted"]) == (False, False, False)


def test_one_without_code_is_at_work_at_once_and_gone_when_it_is_removed(
    idle_client: TestClient, services: Services
) -> None:
    put_codeless(services.paths.extensions, "dusk", {"style.css": "b {}", "styles.csv": "name,prompt\nwet,water\n"})
    answer = idle_client.put(f"{PLACE}/dusk").json()
    found = rows(idle_client)["dusk"]
    assert (found["is_active"], found["waits"], len(found["page_version"])) == (True, False, 16)
    assert not answer["waits"]
    assert "wet" in {row["name"] for row in idle_client.get("/sdapi/v1/prompt-styles").json()}
    assert idle_client.post(f"{PLACE}/dusk/remove").status_code == 204
    assert not idle_client.get(PLACE).json()["waits"]
    assert "wet" not in {row["name"] for row in idle_client.get("/sdapi/v1/prompt-styles").json()}


def test_what_the_next_start_does_is_told_apart_from_what_this_one_met(
    idle_client: TestClient, services: Services
) -> None:
    idle_client.put(f"{PLACE}/deep-sea")
    services.extensions._plugins.leave_out("deep-sea", "ValueError: no water")
    found = rows(idle_client)["deep-sea"]
    assert (found["problem"], found["has_failed"], found["is_wanted"]) == ("ValueError: no water", True, True)
    (services.paths.extensions / "deep-sea" / "more.py").write_text("x = 1\n")
    found = rows(idle_client)["deep-sea"]
    assert "not those that were there" in found["problem"]
    assert (found["is_enabled"], found["has_failed"], found["is_wanted"]) == (True, False, False)


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("lake", 422, "Extension 'lake' cannot be switched on. SyntaxError"),
        ("empty", 422, "no extension.toml that can be read"),
        ("nowhere", 404, "There is no extension 'nowhere'"),
        ("..", 404, ""),
        ("%2e%2e%2fdeep-sea", 405, ""),
        ("README.md", 404, "There is no extension 'README.md'"),
    ],
)
def test_what_cannot_be_switched_on_is_told(
    idle_client: TestClient, services: Services, name: str, status: int, sentence: str
) -> None:
    answer = idle_client.put(f"{PLACE}/{name}")
    assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
    assert not services.paths.extension_states.exists()


def test_a_server_that_others_reach_lets_nobody_change_them(idle_client: TestClient, services: Services) -> None:
    services.extensions.may_change = False
    for answer in (idle_client.put(f"{PLACE}/deep-sea"), idle_client.delete(f"{PLACE}/deep-sea")):
        assert answer.status_code == 403 and "--allow-extension-changes" in answer.json()["detail"]
    assert not idle_client.get(PLACE).json()["can_be_changed"]
    assert not services.paths.extension_states.exists()


def test_a_server_that_cannot_begin_anew_says_so(idle_client: TestClient, services: Services) -> None:
    answer = idle_client.post(f"{PLACE}/restart")
    assert answer.status_code == 422 and "Stop it and start it by hand" in answer.json()["detail"]
    asked: list[bool] = []
    services.restarting.offer(lambda: asked.append(True))
    assert idle_client.post(f"{PLACE}/restart").status_code == 202
    assert idle_client.post(f"{PLACE}/restart").status_code == 202
    assert asked == [True] and services.restarting.is_wanted


def test_only_owners_are_offered_changes(services: Services) -> None:
    people = clients(services)
    assert people[OWNER].get(PLACE).json()["can_be_changed"]
    assert not people["ann"].get(PLACE).json()["can_be_changed"]
    services.extensions.may_change = False
    assert not people[OWNER].get(PLACE).json()["can_be_changed"]
