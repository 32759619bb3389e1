"""Settings of extensions, as pages and programs see them: beside the program's own, kept while an extension is off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.config.paths import Paths
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import extensions_of, found, put_extension

PLACE = "/api/v1/settings"
CODE = """
from modules.hooks import Choice, Number, SeveralChoices, Switch, Text, hookimpl

@hookimpl
def register_settings():
    return [
        Number(name="tide", label="Tide <b>", help="How high.", default=3, minimum=0, maximum=9, whole=True),
        Number(name="salt", label="Salt", default=0.5, minimum=0, maximum=1),
        Switch(name="waves", label="Waves"),
        Text(name="port", label="Port", default="home"),
        Choice(name="boat", label="Boat", choices=("sloop", "yawl"), default="yawl"),
        SeveralChoices(name="fish", label="Fish", choices=("cod", "eel"), default=("eel",)),
    ]

@hookimpl
def start(context):
    (context.folder / "tide").write_text(str(context.settings["tide"]))
"""


@contextmanager
def served(paths: Paths) -> Iterator[tuple[Services, TestClient]]:
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as services:
        yield services, TestClient(create_application(hosts=None, services=services))


def rows(answer: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in answer.json()["settings"] if row["section"] == "sea"}


def switch(paths: Paths, *, on: bool) -> None:
    extensions = extensions_of(paths.extensions)
    (extensions.enable if on else extensions.disable)(found(extensions, "sea"))


def test_settings_of_an_extension_are_rows_of_the_table(paths: Paths) -> None:
    put_extension(paths.extensions, "sea", CODE)
    switch(paths, on=True)
    with served(paths) as (services, client):
        listed = rows(client.get(PLACE))
        assert [(row["name"], row["type"], row["value"]) for row in listed.values()] == [
            ("sea.tide", "int", 3),
            ("sea.salt", "float", 0.5),
            ("sea.waves", "bool", False),
            ("sea.port", "str", "home"),
            ("sea.boat", "str", "yawl"),
            ("sea.fish", "list", ["eel"]),
        ]
        tide = listed["sea.tide"]
        assert (tide["label"], tide["help"], tide["minimum"], tide["maximum"]) == ("Tide <b>", "How high.", 0, 9)
        assert listed["sea.boat"]["choices"] == ["sloop", "yawl"]

        refused = client.patch(PLACE, json={"sea.tide": 99, "sea.boat": "raft", "queue_limit": 7})
        assert refused.status_code == 422 and set(refused.json()["problems"]) == {"sea.tide", "sea.boat"}
        assert "The most is 9" in refused.json()["problems"]["sea.tide"]
        assert services.settings.current.queue_limit == 64
        assert client.patch(PLACE, json={"lake.tide": 1}).status_code == 422

        changed = client.patch(PLACE, json={"sea.tide": 7, "sea.fish": ["cod", "eel"], "queue_limit": 7})
        assert changed.status_code == 200, changed.text
        assert rows(changed)["sea.tide"]["value"] == 7 and rows(changed)["sea.fish"]["value"] == ["cod", "eel"]
        services.hooks.start()
        assert (paths.extension_data / "sea" / "tide").read_text() == "7"


def test_they_are_kept_while_the_extension_is_off(paths: Paths) -> None:
    put_extension(paths.extensions, "sea", CODE)
    switch(paths, on=True)
    with served(paths) as (_, client):
        client.patch(PLACE, json={"sea.tide": 7}).raise_for_status()
    switch(paths, on=False)
    with served(paths) as (_, client):
        assert rows(client.get(PLACE)) == {}
        assert client.patch(PLACE, json={"sea.tide": 8}).status_code == 422
        client.patch(PLACE, json={"queue_limit": 9}).raise_for_status()
        assert json.loads(paths.settings_file.read_text())["sea.tide"] == 7
    switch(paths, on=True)
    with served(paths) as (_, client):
        assert rows(client.get(PLACE))["sea.tide"]["value"] == 7
