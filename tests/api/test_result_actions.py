"""Routes of buttons on pictures: for whom they are, what they answer, and how faults are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.config.paths import Paths
from modules.hooks import (
    Choice,
    NewPicture,
    Number,
    ResultAction,
    ResultAnswer,
    ResultContext,
    hookimpl,
)
from modules.hooks.result_action_registry import ResultActionRegistry
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.api.people import OWNER, a_picture, clients

INFOTEXT = "a boat\nSteps: 3, Sampler: Euler a, CFG scale: 5, Seed: 11, Size: 64x64"


class Turned(ResultAction):
    name = "turned"
    label = "Turn <b>it</b>"
    help = "Upside down"
    audience = "user"
    arguments = (
        Number(name="by", label="By", default=1, minimum=0, maximum=3, whole=True),
        Choice(name="how", label="How", choices=lambda there, others: there.schedules[:1], default="Automatic"),
    )

    def act(self, context: ResultContext) -> ResultAnswer:
        pixels = context.pixels()[::-1]
        form = context.changed({"steps": context.arguments["by"] + 4, "negative_prompt": "rain"})
        return ResultAnswer(message=f"Saved in {context.path.parent}", pictures=[NewPicture(pixels=pixels)], form=form)


class Failing(ResultAction):
    name = "failing"
    label = "Fail"
    needs_parameters = True

    def act(self, context: ResultContext) -> ResultAnswer:
        raise KeyError(str(context.path))


@pytest.fixture
def services(paths: Paths) -> Iterator[Services]:
    @hookimpl
    def register_result_actions() -> list[ResultAction]:
        return [Turned(), Failing()]

    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as opened:
        opened.scripts.plugins.register(SimpleNamespace(register_result_actions=register_result_actions), "sea")
        opened.result_actions.registry = ResultActionRegistry(opened.scripts.plugins)
        yield opened


def offered(client: TestClient) -> dict[str, dict[str, Any]]:
    rows = client.get("/api/v1/result-actions").json()["actions"]
    return {row["name"]: row for row in rows if row["extension"] == "sea"}


def test_everybody_learns_of_the_buttons_that_they_may_press(services: Services) -> None:
    people = clients(services)
    turned = offered(people["ann"])["turned"]
    assert (turned["label"], turned["help"], turned["icon"]) == ("Turn <b>it</b>", "Upside down", "")
    assert [(row["kind"], row["default"], row["choices"]) for row in turned["arguments"]] == [
        ("number", 1, None),
        ("choice", "Automatic", ["Automatic"]),
    ]
    assert list(offered(people["ann"])) == ["turned"]
    assert list(offered(people[OWNER])) == ["turned", "failing"]
    assert TestClient(people[OWNER].app).get("/api/v1/result-actions").status_code == 401


def test_they_are_pressed_on_pictures_that_one_may_see(services: Services) -> None:
    people = clients(services)
    picture = a_picture(services, job_id="0123", user="ann", infotext=INFOTEXT)
    place = f"/api/v1/pictures/{picture}/actions/sea"
    answer = people["ann"].post(f"{place}/turned", json={"arguments": {"by": 2}})
    told = answer.json()
    assert answer.status_code == 200
    (made,) = told["pictures"]
    assert (made["user"], made["width"], made["height"], made["job_id"]) == ("ann", 16, 8, None)
    assert people["ann"].get(made["file"]).status_code == 200
    assert told["jobs"] == [] and told["problem"] == ""
    form = told["form"]
    assert (form["task"], form["fields"]["prompt"], form["fields"]["steps"]) == ("txt2img", "a boat", 6)
    assert form["fields"]["negative_prompt"] == "rain"
    assert str(services.paths.data) not in told["message"] and told["message"].startswith("Saved in ")

    assert people["bob"].post(f"{place}/turned", json={}).status_code == 404
    assert people["bob"].get(made["file"]).status_code == 404
    assert people[OWNER].post(f"{place}/turned", json={}).json()["pictures"][0]["user"] == OWNER
    assert people["ann"].post(f"{place}/failing", json={}).status_code == 403
    assert TestClient(people[OWNER].app).post(f"{place}/turned", json={}).status_code == 401
    foreign = people["ann"].post(f"{place}/turned", json={}, headers={"Origin": "http://elsewhere.example"})
    assert foreign.status_code == 403


def test_what_cannot_be_done_is_told_in_words(services: Services) -> None:
    owner = clients(services)[OWNER]
    picture = a_picture(services, job_id="0123", user="ann", infotext=INFOTEXT)
    silent = a_picture(services, job_id="0124", user="ann", infotext="")
    place = "/api/v1/pictures/{}/actions/{}"
    for path, body, status, words in (
        (place.format(picture, "sea/turned"), {"arguments": {"by": 9}}, 422, "By 9 is too large. The most is 3."),
        (place.format(picture, "sea/turned"), {"arguments": {"up": 9}}, 422, "Argument 'up' is not known."),
        (place.format(picture, "sea/turned"), {"argument": {}}, 422, "argument"),
        (place.format(picture, "sea/flap"), {}, 422, "Button 'sea/flap' is not known."),
        (place.format(silent, "sea/failing"), {}, 422, "says nothing of how it was made"),
        (place.format(999, "sea/turned"), {}, 404, "There is no picture 999."),
        (place.format(picture, "sea/failing"), {}, 422, "Button 'Fail' of the plugin sea failed (KeyError: "),
    ):
        answer = owner.post(path, json=body)
        assert answer.status_code == status, path
        assert words in answer.json()["detail"]
        assert str(services.paths.data) not in answer.text
    assert services.pictures.count() == 2
