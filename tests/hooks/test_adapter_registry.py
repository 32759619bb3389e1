"""Kinds of adapters that plugins bring: what is wrong with one does not hurt the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from modules.adapters.key_names import is_known_suffix
from modules.hooks import AdapterContext, AdapterKind, Plugins, hookimpl
from modules.hooks.adapter_registry import AdapterRegistry


class Plain(AdapterKind):
    """A kind with those suffixes."""

    def __init__(self, name: Any, suffixes: Any) -> None:
        self.name = name  # type: ignore[misc]
        self.suffixes = suffixes  # type: ignore[misc]

    def change(self, context: AdapterContext) -> Any:
        return context.weight


def bringing(answer: Any) -> SimpleNamespace:
    """A plugin that answers so."""

    @hookimpl
    def register_adapters() -> Any:
        return answer

    return SimpleNamespace(register_adapters=register_adapters)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Plain("A", ("a",)), "register_adapters returned Plain instead of a list"),
        ([len], "register_adapters returned builtin_function_or_method, which is no AdapterKind with a name"),
        ([Plain(" ", ("a",))], "register_adapters returned Plain, which is no AdapterKind with a name"),
        ([Plain("A", ())], "the kind of adapters 'A' has no suffixes"),
        ([Plain("A", "delta")], "the kind of adapters 'A' has no suffixes"),
        ([Plain("A", ("a.b.c.d",))], "'a.b.c.d' is no suffix: use one to three words with dots between"),
        ([Plain("A", (".a",))], "'.a' is no suffix: use one to three words with dots between"),
        ([Plain("A", ("a", "lora_up.weight"))], "there is a kind of adapters with the suffix 'lora_up.weight' already"),
        ([Plain("A", ("alpha",))], "there is a kind of adapters with the suffix 'alpha' already"),
        (
            [Plain("A", ("lora_A.mine.weight",))],
            "there is a kind of adapters with the suffix 'lora_A.mine.weight' already",
        ),
        ([Plain("A", ("first",))], "there is a kind of adapters with the suffix 'first' already"),
        ([Plain("A", ("a",)), Plain("B", ("a",))], "there is a kind of adapters with the suffix 'a' already"),
    ],
)
def test_a_plugin_that_brings_what_is_none_is_left_out(answer: Any, problem: str) -> None:
    plugins = Plugins(())
    for name, brought in {"one": [Plain("One", ("first",))], "bad": answer, "last": (Plain("L", ("z",)),)}.items():
        plugins.register(bringing(brought), name)
    registry = AdapterRegistry(plugins, is_known_suffix)
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]
    found = {name: registry.find(f"unet.conv.{name}") for name in ("first", "a", "z")}
    assert {name: one and (one[0].plugin, one[1]) for name, one in found.items()} == {
        "first": ("one", "unet.conv"),
        "a": None,
        "z": ("last", "unet.conv"),
    }


def test_the_longest_suffix_counts_and_a_module_has_a_name() -> None:
    plugins = Plugins(())
    long, short = Plain("Long", ("core.weight",)), Plain("Short", ("weights",))
    plugins.register(bringing([long, short]), "one")
    registry = AdapterRegistry(plugins, is_known_suffix)
    names = ("a.b.core.weight", "a.b.weights", "core.weight", "weights", "a.core.weights", "a.weight")
    found = [registry.find(name) for name in names]
    assert [one and (one[0].kind, one[1]) for one in found] == [
        (long, "a.b"), (short, "a.b"), None, None, (short, "a.core"), None,
    ]  # fmt: skip


def test_what_a_plugin_brought_goes_with_it() -> None:
    plugins = Plugins(())
    plugins.register(bringing([Plain("One", ("first",))]), "one")
    registry = AdapterRegistry(plugins)
    assert registry.find("a.first") is not None
    plugins.leave_out("one", "it failed")
    assert registry.find("a.first") is None
