"""Settings, extensions and the lists of names, as a program sees them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.config.settings import Settings, SettingsStore
from modules.diffusion.names import SAMPLER_NAMES
from modules.services.build import Services

ROOT = "/api/v1/settings"


def test_the_table_is_complete(idle_client: TestClient) -> None:
    rows = idle_client.get(ROOT).json()["settings"]
    assert [row["name"] for row in rows] == [row.name for row in fields(Settings)]
    for row in rows:
        assert row["value"] == row["default"] == getattr(Settings(), row["name"])
        assert type(row["value"]).__name__ == row["type"] and len(row["help"]) > 20
        assert not row["choices"] or row["value"] in row["choices"]


def test_changes_hold_after_a_restart(idle_client: TestClient, idle_services: Services) -> None:
    answer = idle_client.patch(ROOT, json={"queue_limit": 9, "randn_source": "CPU"})
    values = {row["name"]: row["value"] for row in answer.json()["settings"]}
    assert (values["queue_limit"], values["randn_source"]) == (9, "CPU")
    stored = SettingsStore(idle_services.paths.settings_file).current
    assert (stored.queue_limit, stored.randn_source) == (9, "CPU")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"queue_limit": 0}, "The least is 1"),
        ({"queue_limit": True}, "must be of type int"),
        ({"queue_limit": 5, "randn_source": "dice"}, "Choose one of: NV, CPU, GPU"),
        ({"self": 1}, "does not exist"),
        ({"name": 1}, "does not exist"),
        ({"queue_limit": [1]}, "must be of type int"),
        ({"": None}, "does not exist"),
    ],
)
def test_changes_that_cannot_be_made_change_nothing(
    idle_client: TestClient, idle_services: Services, changes: dict[str, Any], sentence: str
) -> None:
    answer = idle_client.patch(ROOT, json=changes)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (422, True), answer.text
    assert idle_services.settings.current == Settings()


def test_extensions_and_what_is_wrong_with_them(idle_client: TestClient, idle_services: Services) -> None:
    rows = {row["name"]: row for row in idle_client.get("/api/v1/extensions").json()["extensions"]}
    assert rows["xyz_plot"] == {
        "name": "xyz_plot", "is_built_in": True, "is_active": True, "problem": "", "scripts": ["X/Y/Z plot"],
    }  # fmt: skip
    idle_services.scripts._plugins.leave_out("modules.builtin.loopback", f"ImportError in {idle_services.paths.data}/x")
    rows = {row["name"]: row for row in idle_client.get("/api/v1/extensions").json()["extensions"]}
    assert not rows["loopback"]["is_active"] and "ImportError" in rows["loopback"]["problem"]
    assert str(idle_services.paths.data) not in rows["loopback"]["problem"]


def test_lists_of_names(idle_client: TestClient, idle_services: Services) -> None:
    idle_services.styles.save("Ink", "{prompt}, ink", "photo")
    idle_services.wildcards.folder.mkdir(parents=True)
    (idle_services.wildcards.folder / "colours.txt").write_text("red\nblue\n")
    lists = {name: idle_client.get(f"/api/v1/{name}").json()[name] for name in
             ("samplers", "schedulers", "upscalers", "styles", "wildcards")}  # fmt: skip
    assert [row["name"] for row in lists["samplers"]] == [row.name for row in SAMPLER_NAMES]
    assert {"Automatic", "Karras"} <= {row["name"] for row in lists["schedulers"]}
    latent = {row["name"]: row["is_latent"] for row in lists["upscalers"]}
    assert (latent["Lanczos"], latent["Latent"]) == (False, True)
    assert lists["styles"] == [{"name": "Ink", "prompt": "{prompt}, ink", "negative_prompt": "photo"}]
    assert lists["wildcards"] == [{"name": "colours", "count": 2}]
