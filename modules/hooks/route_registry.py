"""The routes of all plugins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from modules.hooks.plugins import Plugins, short_name
from modules.hooks.routes import METHODS, Audience, Route

_PATH = re.compile(r"(?:[A-Za-z0-9_.-]+|\{[a-z_]+\})(?:/(?:[A-Za-z0-9_.-]+|\{[a-z_]+\}))*")


@dataclass(frozen=True)
class FoundRoute:
    """A route that fits what was asked for."""

    plugin: str
    route: Route
    parameters: Mapping[str, str]


class RouteRegistry:
    """The routes of all plugins."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._routes: dict[str, tuple[str, list[Route]]] = {}
        for plugin, routes in list(plugins.answers("register_routes")):
            try:
                self._add(plugin, _checked(routes))
            except ValueError as error:
                plugins.leave_out(plugin, str(error))

    def _add(self, plugin: str, routes: list[Route]) -> None:
        """Raises ValueError where they would lie among those of another plugin."""
        place = short_name(plugin)
        if place in self._routes:
            owner = self._routes[place][0]
            raise ValueError(f"the routes below /extensions/{place}/ are those of {owner} already")
        self._routes[place] = (plugin, routes)

    def find(self, method: str, extension: str, path: str) -> FoundRoute | None:
        """The first route that fits; None where none does. HEAD is GET."""
        method = "GET" if method == "HEAD" else method
        plugin, routes = self._routes.get(extension, ("", []))
        for route in routes:
            found = _match(route.path, path) if route.method == method else None
            if found is not None and not self._plugins.was_left_out(plugin):
                return FoundRoute(plugin, route, found)
        return None


def _match(pattern: str, path: str) -> dict[str, str] | None:
    """What stands for the names in a pattern; None where the path is another one."""
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    found: dict[str, str] = {}
    for part, value in zip(wanted, given, strict=True):
        if part.startswith("{") and value:
            found[part[1:-1]] = value
        elif part != value:
            return None
    return found


def _checked(routes: object) -> list[Route]:
    """The routes that a plugin contributes. Raises ValueError."""
    if not isinstance(routes, (list, tuple)):
        raise ValueError(f"register_routes returned {type(routes).__name__} instead of a list")
    for route in routes:
        if not isinstance(route, Route):
            raise ValueError(f"register_routes returned {type(route).__name__}, which is no Route")
        if route.method not in METHODS or route.audience not in get_args(Audience) or not callable(route.answer):
            raise ValueError(f"the route {route.path!r} has no method, audience or answer that can be used")
        if not isinstance(route.path, str) or not _PATH.fullmatch(route.path) or ".." in route.path:
            raise ValueError(f"the route {route.path!r} has a path that is not like tides/{{port}}")
    return list(routes)
