"""Routes of presets."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

ADDRESS = "/api/v1/presets"
DRAFT: dict[str, Any] = {"task": "txt2img", "name": "Draft", "values": {"steps": 8, "styles": ["ink"], "eta": ""}}


def test_a_preset_is_saved_changed_and_deleted(idle_client: TestClient) -> None:
    saved = idle_client.post(ADDRESS, json=DRAFT)
    assert saved.status_code == 201
    preset = saved.json()
    assert {name: preset[name] for name in DRAFT} == DRAFT and preset["is_default"] is False
    assert idle_client.get(ADDRESS).json() == {"presets": [preset]}
    changed = idle_client.patch(f"{ADDRESS}/{preset['id']}", json={"name": "Quick", "is_default": True}).json()
    assert changed == {**preset, "name": "Quick", "is_default": True}
    assert idle_client.delete(f"{ADDRESS}/{preset['id']}").status_code == 204
    assert idle_client.get(ADDRESS).json() == {"presets": []}
    missing = idle_client.delete(f"{ADDRESS}/{preset['id']}")
    assert (missing.status_code, "no preset" in missing.json()["detail"]) == (404, True)


def test_a_name_that_is_taken_is_refused_unless_it_is_to_be_replaced(idle_client: TestClient) -> None:
    idle_client.post(ADDRESS, json=DRAFT)
    refused = idle_client.post(ADDRESS, json={**DRAFT, "values": {"steps": 9}})
    assert refused.status_code == 422 and "is taken" in refused.json()["detail"]
    replaced = idle_client.post(ADDRESS, json={**DRAFT, "values": {"steps": 9}, "replaces": True})
    assert replaced.json()["values"] == {"steps": 9}


def test_what_was_exported_is_taken_in_whole_or_not_at_all(idle_client: TestClient) -> None:
    bad = {**DRAFT, "name": "Bad", "values": {"steps": 1000}}
    refused = idle_client.post(f"{ADDRESS}/import", json={"presets": [DRAFT, bad]})
    assert refused.status_code == 422 and "Steps 1000 is too large" in refused.json()["detail"]
    assert idle_client.get(ADDRESS).json() == {"presets": []}
    taken = idle_client.post(f"{ADDRESS}/import", json={"presets": [DRAFT, {**DRAFT, "task": "img2img"}]})
    assert taken.status_code == 201
    assert [one["task"] for one in taken.json()["presets"]] == ["txt2img", "img2img"]


def test_bodies_are_bounded_and_known(idle_client: TestClient) -> None:
    assert idle_client.post(ADDRESS, json={**DRAFT, "user": "bob"}).status_code == 422
    assert idle_client.post(ADDRESS, json={**DRAFT, "task": "extras"}).status_code == 422
    assert idle_client.post(ADDRESS, content=b"[" * 300_000).status_code == 413
    assert idle_client.patch(f"{ADDRESS}/{2**60}", json={"is_default": True}).status_code == 422
