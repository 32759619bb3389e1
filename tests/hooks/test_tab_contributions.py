"""Tabs that plugins bring: what is wrong with one does not hurt the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from modules.hooks import Plugins, Tab, TabContext, hookimpl
from modules.hooks.tab_contributions import tabs_of


def nothing(context: TabContext) -> None:
    """An empty tab."""


def tab(title: Any, **given: Any) -> Tab:
    return Tab(**{"title": title, "build": nothing, **given})


def bringing(answer: Any) -> SimpleNamespace:
    """A plugin that answers so."""

    @hookimpl
    def register_tabs() -> Any:
        return answer

    return SimpleNamespace(register_tabs=register_tabs)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (tab("A"), "register_tabs returned Tab instead of a list"),
        ([nothing], "register_tabs returned function, which is no Tab"),
        ([tab(None)], "None is no title of a tab: use 1 to 40 letters"),
        ([tab(" ")], "' ' is no title of a tab: use 1 to 40 letters"),
        ([tab("x" * 41)], f"{'x' * 41!r} is no title of a tab: use 1 to 40 letters"),
        ([tab("B", build=None)], "the tab 'B' has no build or audience that can be used"),
        ([tab("B", audience="all")], "the tab 'B' has no build or audience that can be used"),
        ([tab("png  INFO")], "there is a tab 'png  INFO' already"),
        ([tab("first one")], "there is a tab 'first one' already"),
        ([tab("b"), tab("B")], "there is a tab 'B' already"),
    ],
)
def test_a_plugin_that_brings_what_is_none_is_left_out(answer: Any, problem: str) -> None:
    plugins = Plugins(())
    for name, brought in {"one": [tab("First one")], "bad": answer, "last": [tab("Last")]}.items():
        plugins.register(bringing(brought), name)
    found = tabs_of(plugins, ["PNG info"])
    assert [(plugin, row.title) for plugin, row in found] == [("one", "First one"), ("last", "Last")]
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]
