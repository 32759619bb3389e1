"""Every route of the whole application belongs to a class."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from starlette.routing import compile_path

import webui
from modules.api.route_classes import RouteClass, class_of, lines_of
from modules.config.command_line import parse_command_line
from modules.services.build import Services

OURS = ("/api/", "/sdapi/", "/internal/")


def walk(routes: Iterable[Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of all routes, also of routers and applications that hang below others."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from walk(route.original_router.routes, before + route.include_context.prefix)
        elif hasattr(route, "app") and hasattr(route, "routes"):
            yield from walk(route.app.routes, before + route.path.rstrip("/"))
        elif hasattr(route, "methods"):
            yield from ((method, before + route.path) for method in route.methods - {"HEAD"})
        else:
            yield "WEBSOCKET", before + route.path


@pytest.fixture(scope="module")
def routes(demo_services: Services) -> set[tuple[str, str]]:
    async def built() -> FastAPI:
        # Outside of a running loop gradio makes one for each of its locks and closes none.
        return webui.create_application(demo_services, parse_command_line([]), webui.LOOPBACK)

    return set(walk(asyncio.run(built()).routes))


def test_no_route_is_without_a_class(routes: set[tuple[str, str]]) -> None:
    assert ("GET", "/internal/ping") in routes
    assert ("POST", "/gradio_api/queue/join") in routes
    assert len(routes) > 100
    assert sorted(line for line in routes if class_of(*line) is None) == []


def test_every_line_of_ours_has_a_route(routes: set[tuple[str, str]]) -> None:
    ours = [line for kind in get_args(RouteClass) for line in lines_of(kind) if line[1].startswith(OURS)]
    assert len(ours) > 80
    missing = [
        (method, path)
        for method, path in ours
        if not any(method == other and compile_path(path)[0].match(route) for other, route in routes)
    ]
    assert missing == []


def test_the_public_ones_are_few() -> None:
    assert set(lines_of("public")) == {
        ("GET", "/internal/ping"),
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/favicon.ico"),
        ("GET", "/robots.txt"),
    }


def test_no_line_stands_in_two_classes() -> None:
    lines = [line for kind in get_args(RouteClass) for line in lines_of(kind)]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/api/v1/models", "user"),
        ("GET", "/api/v1/models/current", "user"),
        ("PUT", "/api/v1/models/current", "owner"),
        ("GET", "/api/v1/downloads/listed", "owner"),
        ("HEAD", "/gradio_api/file=/outputs/a.png", "user"),
        ("GET", "/gradio_api/proxy=http://evil.example", "closed"),
        ("GET", "/gradio_api/call/a/b/c", "closed"),
        ("POST", "/internal/ping", None),
        ("GET", "/internal/ping/", None),
        ("GET", "//internal/ping", None),
        ("GET", "/api/v1/jobs/a/b/c", None),
        ("DELETE", "/sdapi/v1/txt2img", None),
        ("OPTIONS", "/login", None),
    ],
)
def test_what_class_a_request_has(method: str, path: str, kind: RouteClass | None) -> None:
    assert class_of(method, path) == kind
