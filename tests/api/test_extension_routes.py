"""Routes of extensions: for whom they are, what they answer, and what becomes of their faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from modules.api import extension_routes
from modules.api.application import create_application
from modules.api.route_classes import class_of
from modules.config.paths import Paths
from modules.hooks.extension_code import in_time
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.api.people import OWNER, clients
from tests.hooks.extension_makers import extensions_of, found, put_extension

CODE = """
import json
from modules.hooks import InvalidRequest, Number, Route, RouteAnswer, hookimpl

def tide(asked):
    return {
        "port": asked.parameters["port"], "query": dict(asked.query), "user": asked.user,
        "owner": asked.is_owner, "height": asked.settings["height"],
    }

def echo(asked):
    return RouteAnswer(content=asked.body[::-1], media_type="text/html", status=201)

def refuse(asked):
    raise InvalidRequest("Port", "x", "is closed", "Choose another.")

def fail(asked):
    raise KeyError("rudder")

def leave(asked):
    raise SystemExit

def hang(asked):
    while True:
        pass

@hookimpl
def register_settings():
    return [Number(name="height", label="Height", default=4, minimum=0, maximum=9, whole=True)]

@hookimpl
def register_routes():
    return [
        Route(method="GET", path="tides/{port}", answer=tide, audience="user"),
        Route(method="POST", path="echo", answer=echo),
        Route(method="GET", path="flag", answer=lambda asked: ["blue"], audience="public"),
        Route(method="GET", path="refuse", answer=refuse),
        Route(method="GET", path="fail", answer=fail),
        Route(method="GET", path="leave", answer=leave),
        Route(method="GET", path="hang", answer=hang),
        Route(method="GET", path="odd", answer=lambda asked: object()),
    ]
"""


@pytest.fixture
def services(paths: Paths) -> Iterator[Services]:
    put_extension(paths.extensions, "sea", CODE)
    put_extension(
        paths.extensions,
        "lake",
        "from modules.hooks import Route, hookimpl\n@hookimpl\ndef register_routes():\n    return OF_LAKE\n"
        "OF_LAKE = [Route(method='GET', path='flag', answer=lambda asked: 'green')]\n",
    )
    extensions = extensions_of(paths.extensions)
    for name in ("sea", "lake"):
        extensions.enable(found(extensions, name))
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as opened:
        yield opened


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(create_application(hosts=None, services=services))


def test_an_extension_answers_below_its_own_name(client: TestClient) -> None:
    answer = client.get("/extensions/sea/tides/home%20port?a=1&a=2")
    assert answer.json() == {"port": "home port", "query": {"a": "2"}, "user": "", "owner": True, "height": 4}
    answer = client.post("/extensions/sea/echo", content=b">b<")
    assert (answer.status_code, answer.text) == (201, "<b>")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/extensions/lake/flag").json() == "green"
    for path in ("sea/tides", "sea/tides/", "sea/tides/a/b", "sea/echo", "other/flag", "sea"):
        assert client.get(f"/extensions/{path}").status_code in (404, 405)


def test_routes_are_the_owners_unless_they_say_otherwise(services: Services) -> None:
    people = clients(services)
    nobody = TestClient(people[OWNER].app)
    assert nobody.get("/extensions/sea/flag").json() == ["blue"]
    assert people["ann"].get("/extensions/sea/tides/home").json()["user"] == "ann"
    statuses = {
        path: [who.get(f"/extensions/{path}").status_code for who in (nobody, people["ann"], people[OWNER])]
        for path in ("sea/flag", "sea/tides/home", "lake/flag", "sea/none")
    }
    assert statuses == {
        "sea/flag": [200, 200, 200],
        "sea/tides/home": [401, 200, 200],
        "lake/flag": [401, 403, 200],
        "sea/none": [401, 403, 404],
    }
    assert nobody.post("/extensions/sea/flag").status_code == 401
    assert class_of("GET", "/extensions/sea/flag") == "owner"


def test_faults_name_the_extension(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension_routes, "in_time", lambda call: in_time(call, 1.0))
    refused = client.get("/extensions/sea/refuse")
    assert (refused.status_code, refused.json()["detail"]) == (422, "Port 'x' is closed. Choose another.")
    for path, problem in {
        "fail": "KeyError: 'rudder'",
        "leave": "EndedItself: SystemExit",
        "hang": "TookTooLong: it took longer than 1 seconds",
        "odd": "TypeError: Object of type object is not JSON",
    }.items():
        answer = client.get(f"/extensions/sea/{path}")
        assert answer.status_code == 500
        assert answer.json()["detail"].startswith(f"The extension sea failed to answer ({problem}")
    assert client.get("/extensions/sea/flag").json() == ["blue"]


def test_one_that_is_left_out_answers_no_longer(client: TestClient, services: Services) -> None:
    services.scripts.plugins.leave_out("sea", "it failed")
    assert client.get("/extensions/sea/flag").status_code == 404
    assert client.get("/extensions/lake/flag").status_code == 200


@pytest.mark.parametrize(
    "route",
    [
        "Route(method='GET', path='/flag', answer=print)",
        "Route(method='GET', path='../lake/flag', answer=print)",
        "Route(method='GET', path='a/{b', answer=print)",
        "Route(method='TRACE', path='a', answer=print)",
        "Route(method='GET', path='a', answer=print, audience='all')",
        "Route(method='GET', path='a', answer=3)",
        "'flag'",
    ],
)
def test_what_is_no_route_keeps_it_off(paths: Paths, route: str) -> None:
    code = f"from modules.hooks import Route, hookimpl\n@hookimpl\ndef register_routes():\n    return [{route}]\n"
    put_extension(paths.extensions, "sea", code)
    extensions = extensions_of(paths.extensions)
    with pytest.raises(Exception, match="Extension 'sea' cannot be switched on. "):
        extensions.enable(found(extensions, "sea"))
