"""Extensions as a program installs, changes and removes them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import OWNER, clients
from tests.git_server import GitServer, git_server
from tests.hooks.extension_makers import script_code

PLACE = "/api/v1/extensions"
MANIFEST = 'name = "sea"\nversion = "{version}"\nhooks = ">=1"\ntitle = "<b>Sea</b>"\n'


def files(version: str = "1.0") -> dict[str, str]:
    return {"extension.toml": MANIFEST.format(version=version), "sea/__init__.py": script_code(f"Sea {version}")}


@pytest.fixture
def services(idle_services: Services) -> Services:
    idle_services.extensions.may_change = True
    idle_services.extension_manager.allow(private_addresses=True, folders=True)
    return idle_services


@pytest.fixture
def server() -> Iterator[GitServer]:
    with git_server() as running:
        yield running


def looked(client: TestClient, services: Services, answer: Any) -> dict[str, Any]:
    """The look once nothing happens to it any more."""
    assert answer.status_code in (201, 202), answer.text
    id = answer.json()["id"]
    services.extension_manager.installer.wait(id, 120)
    found: dict[str, Any] = client.get(f"{PLACE}/looks/{id}").json()
    return found


def installed(client: TestClient, services: Services, look: dict[str, Any], **wish: Any) -> dict[str, Any]:
    answer = client.post(f"{PLACE}/looks/{look['id']}/install", json={"content": look["content"], **wish})
    return looked(client, services, answer)


def row(client: TestClient) -> dict[str, Any]:
    found: list[dict[str, Any]] = client.get(PLACE).json()["extensions"]
    return next((one for one in found if one["name"] == "sea"), {})


def test_from_a_repository_to_its_removal(idle_client: TestClient, services: Services, server: GitServer) -> None:
    commit = server.put("sea", files())
    address = f"{server.address}/sea"
    look = looked(idle_client, services, idle_client.post(f"{PLACE}/looks", json={"repository": address}))
    assert (look["state"], look["title"], look["version"], look["commit"]) == ("ready", "<b>Sea</b>", "1.0", commit)
    assert look["python_files"] == ["sea/__init__.py"] and look["packages"] == [] and look["commits"] is None
    assert installed(idle_client, services, look, enable=True)["state"] == "done"
    found = row(idle_client)
    assert (found["source"], found["commit"], found["is_pinned"], found["previous"]) == (address, commit, False, [])
    assert found["kind"] == "git" and idle_client.get(PLACE).json()["takes_folders"]
    assert found["is_enabled"] and found["waits"] and idle_client.get(PLACE).json()["waits"]

    server.put("sea", files("2.0"), "Storm")
    (begun,) = idle_client.post(f"{PLACE}/looks/updates").json()
    services.extension_manager.installer.wait(begun["id"], 120)
    look = idle_client.get(f"{PLACE}/looks/{begun['id']}").json()
    assert look["replaces"] == "1.0" and [one["title"] for one in look["commits"]] == ["Storm"]
    assert {one["name"]: one["kind"] for one in look["changed_files"]}["extension.toml"] == "changed"
    assert installed(idle_client, services, look)["state"] == "done"
    assert row(idle_client)["version"] == "2.0" and row(idle_client)["previous"] == ["1.0"]

    assert idle_client.post(f"{PLACE}/sea/pin").status_code == 204 and row(idle_client)["is_pinned"]
    assert idle_client.post(f"{PLACE}/looks/updates").json() == []
    assert idle_client.post(f"{PLACE}/sea/unpin").status_code == 204
    (before,) = idle_client.get(f"{PLACE}/sea/previous").json()
    assert before["version"] == "1.0" and before["commit"] == commit
    assert idle_client.post(f"{PLACE}/sea/roll-back?version={before['number']}").status_code == 204
    assert row(idle_client)["version"] == "1.0"
    assert idle_client.post(f"{PLACE}/sea/remove").status_code == 204
    assert row(idle_client) == {} and idle_client.get(PLACE).json()["removed"] == ["sea"]
    assert idle_client.post(f"{PLACE}/sea/forget").status_code == 204
    assert idle_client.get(PLACE).json()["removed"] == []


def test_from_a_zip_file(idle_client: TestClient, services: Services) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files().items():
            archive.writestr(f"sea-main/{name}", text)
    answer = idle_client.post(f"{PLACE}/looks/zip?name=../sea.zip", content=content.getvalue())
    look = looked(idle_client, services, answer)
    assert (look["state"], look["source"]) == ("ready", "sea.zip")
    assert installed(idle_client, services, look)["state"] == "done" and row(idle_client)["version"] == "1.0"
    look = looked(idle_client, services, idle_client.post(f"{PLACE}/looks/zip", content=b"no zip"))
    assert look["state"] == "failed" and look["problem"] == "It is no zip file that can be read."


def test_looks_are_listed_given_up_and_forgotten(
    idle_client: TestClient, services: Services, server: GitServer
) -> None:
    server.put("sea", files())
    wanted = {"repository": f"{server.address}/sea"}
    look = looked(idle_client, services, idle_client.post(f"{PLACE}/looks", json=wanted))
    assert [one["id"] for one in idle_client.get(f"{PLACE}/looks").json()] == [look["id"]]
    assert idle_client.post(f"{PLACE}/looks/{look['id']}/cancel").json()["state"] == "cancelled"
    assert idle_client.delete(f"{PLACE}/looks/{look['id']}").status_code == 204
    assert idle_client.get(f"{PLACE}/looks").json() == []
    assert idle_client.get(f"{PLACE}/looks/{look['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Give a repository, a folder or an update"),
        ({"repository": "https://example.org/a", "folder": "/"}, "names not one place"),
        ({"repository": "file:///etc"}, "is no web address"),
        ({"repository": "https://ann:secret@example.org/a"}, "Leave that out"),
        ({"folder": "../sea"}, "is no folder"),
        ({"address": "x"}, "address"),
    ],
)
def test_what_cannot_be_looked_at_is_told(
    idle_client: TestClient, services: Services, body: dict[str, str], sentence: str
) -> None:
    answer = idle_client.post(f"{PLACE}/looks", json=body)
    assert answer.status_code == 422 and sentence in answer.json()["detail"] and "secret" not in answer.text
    assert idle_client.get(f"{PLACE}/looks").json() == []


@pytest.mark.parametrize("name", ["nowhere", "..", "%2e%2e%2f", ".previous", "README.md"])
@pytest.mark.parametrize("wish", ["pin", "roll-back", "remove", "forget"])
def test_names_that_are_no_extension_change_nothing(
    idle_client: TestClient, services: Services, name: str, wish: str
) -> None:
    root = services.paths.extensions
    (root / "1").mkdir(parents=True)
    (root / "README.md").write_text("words")
    assert idle_client.post(f"{PLACE}/{name}/{wish}").status_code in (404, 405)
    assert sorted(one.name for one in root.iterdir()) == ["1", "README.md"]


def test_an_unknown_wish_is_told(idle_client: TestClient, services: Services) -> None:
    answer = idle_client.post(f"{PLACE}/sea/burn")
    assert answer.status_code == 422 and "Choose one of: pin, unpin, roll-back, remove, forget" in answer.text


def test_the_index_is_searched(idle_client: TestClient, services: Services) -> None:
    assert idle_client.get(f"{PLACE}/index").json() == {"address": "", "total": 0, "rows": [], "tags": {}}
    assert idle_client.get(f"{PLACE}/index?sort=luck").status_code == 422


def test_a_set_is_written_down_and_restored(idle_client: TestClient, services: Services, server: GitServer) -> None:
    server.put("sea", files())
    wanted = {"repository": f"{server.address}/sea"}
    installed(idle_client, services, looked(idle_client, services, idle_client.post(f"{PLACE}/looks", json=wanted)))
    backup = idle_client.get(f"{PLACE}/backup").json()
    assert [one["name"] for one in backup["extensions"]] == ["sea"]
    assert idle_client.get(f"{PLACE}/restore").status_code == 404
    for wish in ("remove", "forget"):
        idle_client.post(f"{PLACE}/sea/{wish}")
    answer = idle_client.post(f"{PLACE}/restore", json=backup)
    assert answer.status_code == 202 and answer.json()["rows"][0]["name"] == "sea"
    services.extension_manager.backups.wait(120)
    told = idle_client.get(f"{PLACE}/restore").json()
    assert told["state"] == "done" and told["rows"] == [{"name": "sea", "state": "done", "problem": ""}]
    assert row(idle_client)["version"] == "1.0"
    for bad in ({"extensions": [{"name": "../x"}]}, {"format": 2, "extensions": []}, {}):
        assert idle_client.post(f"{PLACE}/restore", content=json.dumps(bad)).status_code == 422


def test_only_owners_and_only_from_here(services: Services) -> None:
    people = clients(services)
    for path in ("looks", "backup", "index", "restore"):
        assert people["ann"].get(f"{PLACE}/{path}").status_code == 403
    assert people["ann"].post(f"{PLACE}/looks", json={"repository": "https://example.org/a"}).status_code == 403
    assert people["ann"].post(f"{PLACE}/sea/remove").status_code == 403
    services.extensions.may_change = False
    owner = people[OWNER]
    answers = [
        owner.post(f"{PLACE}/looks", json={"repository": "https://example.org/a"}),
        owner.post(f"{PLACE}/looks/zip", content=b"x"),
        owner.post(f"{PLACE}/looks/updates"),
        owner.post(f"{PLACE}/sea/remove"),
        owner.post(f"{PLACE}/restore", json={"extensions": []}),
    ]
    for answer in answers:
        assert answer.status_code == 403 and "--allow-extension-changes" in answer.json()["detail"]
    assert owner.get(f"{PLACE}/looks").json() == []
