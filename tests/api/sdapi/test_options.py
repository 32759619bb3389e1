"""Settings by A1111's names."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.api.sdapi import SETTINGS_FILE
from modules.api.sdapi.remembered_settings import NAMES, RememberedSettings, check, usual_of
from modules.config.paths import ROOT
from modules.config.settings_table import Settings
from modules.schema.requests import REQUESTS
from modules.schema.setting_fields import FIELD_OF_SETTING
from modules.services.build import Services
from tests.api.sdapi.conftest import SMALL, pixels
from tests.api.sdapi.test_calls import call

OPTIONS = "/sdapi/v1/options"


def test_every_setting_is_a_field() -> None:
    fields = {name for kind in REQUESTS.values() for name in kind.model_fields}
    assert set(FIELD_OF_SETTING.values()) <= fields
    for name in NAMES:
        check(name, usual_of(name))


def test_the_servers_own_settings(idle_services: Services, idle_client: TestClient) -> None:
    sent = {"queue_limit": 7.0, "live_previews_enable": False, "show_progress_type": "Full", "nonesuch": 1}
    assert idle_client.post(OPTIONS, json=sent).json() is None
    current = idle_services.settings.current
    assert (current.queue_limit, current.live_previews_enable, current.show_progress_type) == (7, False, "Full")
    told = idle_client.get(OPTIONS).json()
    assert (told["queue_limit"], told["show_progress_type"], "nonesuch" in told) == (7, "Full", False)


@pytest.mark.parametrize(
    "sent", [{"queue_limit": 9, "show_progress_type": "nonesuch"}, {"queue_limit": 9, "sd_vae": "nonesuch"}]
)
def test_one_bad_value_changes_nothing(idle_services: Services, idle_client: TestClient, sent: dict[str, Any]) -> None:
    before = idle_client.get(OPTIONS).json()
    assert idle_client.post(OPTIONS, json=sent).status_code in (404, 422)
    assert idle_client.post(OPTIONS, json={"queue_limit": 9, "s_churn": -1}).status_code == 422
    assert idle_client.post(OPTIONS, json={"s_churn": 2, "queue_limit": "many"}).status_code == 422
    assert idle_client.get(OPTIONS).json() == before


def test_what_was_read_can_be_sent_back(idle_services: Services, idle_client: TestClient) -> None:
    before = idle_client.get(OPTIONS).json()
    assert idle_client.post(OPTIONS, json=before).json() is None
    assert idle_client.get(OPTIONS).json() == before
    assert idle_services.settings.current.queue_limit == Settings().queue_limit


def test_settings_of_requests_hold_until_they_are_taken_back(demo_services: Services, client: TestClient) -> None:
    path = demo_services.paths.data / SETTINGS_FILE
    (plain,), _ = call(client, **SMALL)
    assert client.post(OPTIONS, json={"s_churn": 5, "s_noise": 1.1}).json() is None
    again = TestClient(create_application(hosts=None, services=demo_services))
    assert again.get(OPTIONS).json()["s_churn"] == 5
    (image,), info = call(again, **SMALL)
    (own,), told = call(client, **SMALL, override_settings={"s_churn": 0, "s_noise": 1})
    key = "Sigma churn"
    assert (info["extra_generation_params"][key], key in told["extra_generation_params"]) == ("5", False)
    assert np.array_equal(pixels(own), pixels(plain))
    assert not np.array_equal(pixels(image), pixels(plain))
    client.post(OPTIONS, json={"s_churn": 0, "s_noise": None})
    assert path.read_text() == "{}\n"
    assert key not in call(client, **SMALL)[1]["extra_generation_params"]


def test_what_the_server_has_a_setting_of_holds_for_everybody(demo_services: Services, client: TestClient) -> None:
    usual = {"CLIP_stop_at_last_layers": 1, "emphasis": "Original", "eta_ancestral": 1.0, "save_mask": False}
    assert {name: client.get(OPTIONS).json()[name] for name in usual} == usual
    try:
        sent = {"CLIP_stop_at_last_layers": 3.0, "emphasis": "no norm", "eta_ancestral": 0, "save_mask": True}
        assert client.post(OPTIONS, json=sent).json() is None
        current = demo_services.settings.current
        assert [getattr(current, name) for name in sent] == [3, "No norm", 0.0, True]
        assert call(client, **SMALL)[1]["clip_skip"] == 3
        assert call(client, **SMALL, override_settings={"CLIP_stop_at_last_layers": 1})[1]["clip_skip"] == 1
    finally:
        client.post(OPTIONS, json=usual)
    assert call(client, **SMALL)[1]["clip_skip"] == 1


@pytest.mark.parametrize("content", ["{", "[1]", '{"s_churn": -5, "tiling": "nonesuch", "queue_limit": 3}'])
def test_a_damaged_file_is_left_aside(idle_services: Services, content: str) -> None:
    path = idle_services.paths.data / SETTINGS_FILE
    path.write_text(content)
    assert RememberedSettings(path).current == {}


def test_the_documentation_lists_them() -> None:
    text = (ROOT / "docs" / "a1111_api.md").read_text(encoding="utf-8")
    listed = text.partition("### Settings of one request")[2].partition("Settings of this server")[0]
    assert set(re.findall(r"`(\w+)`", listed)) - {"override_settings", "override_settings_restore_afterwards"} == set(
        FIELD_OF_SETTING
    )
