"""Settings and the lists of names, as a program sees them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.config.settings import SettingsStore
from modules.config.settings_table import Settings
from modules.diffusion.names import SAMPLER_NAMES
from modules.services.build import Services

ROOT = "/api/v1/settings"


def test_the_table_is_complete(idle_client: TestClient) -> None:
    rows = idle_client.get(ROOT).json()["settings"]
    assert [row["name"] for row in rows] == [row.name for row in fields(Settings)]
    for row in rows:
        usual = getattr(Settings(), row["name"])
        assert row["value"] == row["default"] == (list(usual) if isinstance(usual, tuple) else usual)
        assert type(row["value"]).__name__ == row["type"] and len(row["help"]) > 20
        assert row["label"] and row["section"]
        assert not row["choices"] or row["type"] == "list" or row["value"] in row["choices"]
    sections = [row["section"] for row in rows]
    assert len(set(sections)) == sum(
        one != next_one for one, next_one in zip(sections, [*sections[1:], ""], strict=True)
    )


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
        ({"jpeg_quality": 101}, "The most is 100"),
        ({"sd_model_checkpoint": "nonesuch"}, "nonesuch"),
        ({"sd_vae": "nonesuch"}, "VAE 'nonesuch' is not here"),
        ({"quicksettings_list": ["nonesuch"]}, "neither a setting nor a field"),
        ({"hidden_tabs": "Gallery"}, "must be a list of texts"),
        ({"hidden_tabs": ["a"] * 101}, "The most is 100"),
        ({"samples_filename_pattern": "a\x00b"}, "characters that cannot be shown"),
        ({"samples_filename_pattern": "a" * 1001}, "The most is 1000"),
    ],
)
def test_changes_that_cannot_be_made_change_nothing(
    still_client: TestClient, still_services: Services, changes: dict[str, Any], sentence: str
) -> None:
    answer = still_client.patch(ROOT, json=changes)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (422, True), answer.text
    assert still_services.settings.current == Settings()


def test_a_refusal_tells_of_every_row(idle_client: TestClient, idle_services: Services) -> None:
    sent = {"queue_limit": 0, "jpeg_quality": 90, "randn_source": "dice"}
    answer = idle_client.patch(ROOT, json=sent)
    assert set(answer.json()["problems"]) == {"queue_limit", "randn_source"}
    assert all(sentence in answer.json()["detail"] for sentence in answer.json()["problems"].values())
    assert idle_services.settings.current == Settings()


def test_lists_are_kept_as_they_were_sent(idle_client: TestClient, idle_services: Services) -> None:
    sent = {
        "quicksettings_list": ["sd_vae", "CLIP_stop_at_last_layers", "clip_skip", "sd_vae"],
        "hidden_tabs": [" Merge "],
    }
    rows = {row["name"]: row["value"] for row in idle_client.patch(ROOT, json=sent).json()["settings"]}
    assert rows["quicksettings_list"] == ["sd_vae", "CLIP_stop_at_last_layers", "clip_skip"]
    assert SettingsStore(idle_services.paths.settings_file).current.hidden_tabs == ("Merge",)


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
    sections = {row["name"]: row for row in idle_client.get("/api/v1/sections").json()["sections"]}
    border = sections["Border and watermark"]
    assert border["tasks"] == ["txt2img", "img2img"]
    arguments = {row["name"]: row for row in border["arguments"]}
    assert arguments["border"] == {
        "name": "border",
        "label": "Border width",
        "help": "0: none",
        "kind": "number",
        "default": 0,
        "minimum": 0,
        "maximum": 1000,
        "choices": None,
    }
    assert arguments["unit"]["choices"] == ["Pixels", "Percent of the shorter side"]
    (step,) = idle_client.get("/api/v1/postprocessing").json()["steps"]
    assert (step["name"], step["moment"]) == ("Border and watermark", "last")
    assert {row["name"]: row for row in step["arguments"]} == arguments
    assert lists["wildcards"] == [{"name": "colours", "count": 2}]
