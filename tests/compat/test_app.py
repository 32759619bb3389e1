"""What A1111's extensions add to the application: routes of ours, with all that FastAPI does for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modules.hooks import RouteAnswer, RouteRequest
from modules.hooks.route_registry import RouteRegistry
from tests.compat.contexts import called, plugin_with, problem_of, process

ROUTES = """
from fastapi import Body, FastAPI, HTTPException
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel
from modules import script_callbacks

class Item(BaseModel):
    name: str
    count: int = 1

def on_app_started(demo, app: FastAPI):
    @app.get("/made/v1/items/{item_id:int}/of/{Who}")
    async def item(item_id: int, Who: str, sort: str = "up"):
        if item_id == 404:
            raise HTTPException(404, "no such item")
        return {"id": item_id, "who": Who, "sort": sort}

    def keep(item: Item):
        return item.name * item.count
    app.add_api_route("/made/v1/items", keep, methods=["POST", "PUT"], response_model=str)

    @app.get("/made/v1/words", response_class=PlainTextResponse)
    def words():
        return "plain"

    @app.get("/made/v1/gone")
    def gone():
        from fastapi.responses import RedirectResponse
        return RedirectResponse("/elsewhere")

script_callbacks.on_app_started(on_app_started)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def asked(registry: RouteRegistry, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    found = registry.find(method, "made", path)
    assert found is not None and found.route.audience == "owner"
    answer = found.route.answer(
        RouteRequest(
            parameters=found.parameters,
            query=query,
            body=b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            user="",
            is_owner=True,
        )
    )
    assert isinstance(answer, RouteAnswer)
    return answer.status, json.loads(answer.content) if "json" in answer.media_type else answer.content


def test_routes_answer_below_the_extensions_own_path(root: Path) -> None:
    registry = RouteRegistry(plugin_with(root, ROUTES))
    path = "made/v1/items"
    assert asked(registry, "GET", f"{path}/7/of/a b") == (200, {"id": 7, "who": "a b", "sort": "up"})
    assert asked(registry, "GET", f"{path}/7/of/x%2Fy", sort="down")[1]["sort"] == "down"
    assert asked(registry, "GET", f"{path}/404/of/me") == (404, {"detail": "no such item"})
    assert asked(registry, "POST", path, {"name": "ab", "count": 2}) == (200, "abab")
    assert asked(registry, "PUT", path, {"name": "ab"}) == (200, "ab")
    assert asked(registry, "POST", path, {"count": 2})[0] == 422
    assert asked(registry, "GET", "made/v1/words") == (200, b"plain")
    assert registry.find("DELETE", "made", path) is None
    with pytest.raises(NotImplementedError, match="a redirect is not here"):
        asked(registry, "GET", "made/v1/gone")


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("app.mount('/files', None)", "A1111's app.mount is not here"),
        ("app.add_middleware(object)", "A1111's app.add_middleware is not here"),
        ("app.get('/made/{rest:path}')(print)", "takes any path, which is not here"),
        ("demo.queue()", "A1111's demo.queue is not here"),
        ("demo.blocks", "A1111's demo.blocks is not here"),
    ],
)
def test_what_an_application_cannot_do_is_named(root: Path, does: str, problem: str) -> None:
    code = f"from modules import script_callbacks\nscript_callbacks.on_app_started(lambda demo, app: {does})\n"
    plugins = plugin_with(root, code)
    RouteRegistry(plugins)
    (failure,) = plugins.failures
    assert failure.plugin == "made" and problem in failure.problem


def test_routes_see_the_settings_that_are_set(root: Path, tmp_path: Path) -> None:
    code = """
from modules import script_callbacks, shared

def on_app_started(demo, app):
    at_first = shared.opts.made_side
    app.get("/side")(lambda: [at_first, shared.opts.made_side])

script_callbacks.on_app_started(on_app_started)
script_callbacks.on_ui_settings(lambda: shared.opts.add_option("made_side", shared.OptionInfo(8, "Side")))
"""
    plugins = plugin_with(root, code)
    registry = RouteRegistry(plugins)
    called(plugins, "start", context=process(tmp_path, made_side=16))
    assert asked(registry, "GET", "side") == (200, [8, 16])


def test_a_missing_name_at_import_is_named(root: Path) -> None:
    assert "A1111's modules.api is not here" in problem_of(root, "from modules.api import api\n")
