"""Settings of plugins: what they register, and what becomes of values that were kept."""

from __future__ import annotations

from typing import Any

import pytest

from modules.errors import InvalidSetting
from modules.hooks import Choice, Number, Plugins, SeveralChoices, Switch, Text, hookimpl
from modules.hooks.setting_registry import SettingRegistry

TIDE = Number(name="tide", label="Tide", default=3, minimum=0, maximum=9, whole=True)
BOATS = SeveralChoices(name="boats", label="Boats", choices=("sloop", "yawl"), default=("yawl",))


class Contributing:
    """A plugin with settings."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    @hookimpl
    def register_settings(self) -> Any:
        return self._answer


def registered(**plugins: Any) -> tuple[Plugins, SettingRegistry]:
    known = Plugins(())
    for name, answer in plugins.items():
        known.register(Contributing(answer), name)
    return known, SettingRegistry(known)


def test_settings_of_two_extensions_may_be_called_alike() -> None:
    plugins, registry = registered(sea=[TIDE, BOATS], lake=[TIDE])
    assert list(registry.rows) == ["sea.tide", "sea.boats", "lake.tide"]
    stored = {"lake.tide": 5, "sea.boats": ["sloop"]}
    assert dict(registry.of("sea", lambda: stored)) == {"tide": 3, "boats": ("sloop",)}
    lake = registry.of("lake", lambda: stored)
    assert lake["tide"] == 5
    stored["lake.tide"] = 6
    assert lake["tide"] == 6
    plugins.leave_out("lake", "it failed")
    assert list(registry.rows) == ["sea.tide", "sea.boats"]


@pytest.mark.parametrize("kept", [12, -1, "many", None, 2.5, True])
def test_a_kept_value_that_fits_no_longer_is_the_default(kept: Any) -> None:
    _, registry = registered(sea=[TIDE])
    assert registry.of("sea", lambda: {"sea.tide": kept})["tide"] == 3
    with pytest.raises(InvalidSetting, match="Setting sea.tide cannot be"):
        registry.rows["sea.tide"].checked(kept)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (TIDE, "register_settings returned Number instead of a list"),
        (["tide"], "register_settings returned str, which is no setting with a name"),
        ([Switch(name="high tide", label="")], "register_settings returned Switch, which is no setting with a name"),
        ([TIDE, Text(name="tide", label="Tide")], "there are two settings bad.tide"),
        ([Choice(name="a", label="A", choices=("b",), default="c")], "the default of the setting bad.a is none of its"),
        ([Choice(name="a", label="A", choices=lambda *_: (), default="c")], "the choices of the setting bad.a are no"),
    ],
)
def test_one_that_registers_nonsense_is_left_out(answer: Any, problem: str) -> None:
    plugins, registry = registered(sea=[TIDE], bad=answer)
    assert plugins.names == ("sea",) and plugins.failures[0].problem.startswith(problem)
    assert list(registry.rows) == ["sea.tide"]


def test_names_with_dots_are_told_apart_and_taken_keys_refused() -> None:
    names = ("sd-webui-v1.5", "other.5", "modules.builtin.sea", "sea")
    plugins, registry = registered(**dict.fromkeys(names, [TIDE]))
    assert [(row.key, row.plugin) for row in registry.rows.values()] == [
        ("sd-webui-v1.5.tide", "sd-webui-v1.5"),
        ("other.5.tide", "other.5"),
        ("sea.tide", "modules.builtin.sea"),
    ]
    assert [str(one) for one in plugins.failures] == ["sea is left out: there is a setting sea.tide already"]
