"""Routes of plugins: where they lie, and who gets a place that two want."""

from __future__ import annotations

from typing import Any

from modules.hooks import Plugins, Route, hookimpl
from modules.hooks.route_registry import RouteRegistry


class Contributing:
    """A plugin with one route."""

    @hookimpl
    def register_routes(self) -> Any:
        return [Route(method="GET", path="tides", answer=lambda request: None)]


def registered(*names: str) -> tuple[Plugins, RouteRegistry]:
    plugins = Plugins(())
    for name in names:
        plugins.register(Contributing(), name)
    return plugins, RouteRegistry(plugins)


def test_a_name_with_a_dot_is_a_place_as_a_whole() -> None:
    plugins, registry = registered("sd-webui-v1.5", "other.5")
    for name in ("sd-webui-v1.5", "other.5"):
        found = registry.find("GET", name, "tides")
        assert found is not None and found.plugin == name
    assert registry.find("GET", "5", "tides") is None
    assert plugins.failures == ()


def test_a_feature_of_the_program_has_its_place_without_the_package() -> None:
    _, registry = registered("modules.builtin.harbour")
    found = registry.find("GET", "harbour", "tides")
    assert found is not None and found.plugin == "modules.builtin.harbour"


def test_a_place_is_taken_by_the_first() -> None:
    plugins, registry = registered("modules.builtin.harbour", "harbour")
    found = registry.find("GET", "harbour", "tides")
    assert found is not None and found.plugin == "modules.builtin.harbour"
    assert [str(one) for one in plugins.failures] == [
        "harbour is left out: the routes below /extensions/harbour/ are those of modules.builtin.harbour already"
    ]
