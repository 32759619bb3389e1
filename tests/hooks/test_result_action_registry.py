"""Buttons on finished pictures that plugins bring: what is wrong with one does not hurt the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from modules.errors import InvalidRequest
from modules.hooks import Drawn, Plugins, ResultAction, ResultAnswer, ResultContext, Switch, hookimpl
from modules.hooks.result_action_registry import ResultActionRegistry


class Flip(ResultAction):
    name = "flip"
    label = "Flip"

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)

    def act(self, context: ResultContext) -> ResultAnswer | None:
        return None


class Nameless(ResultAction):
    label = "Flip"

    def act(self, context: ResultContext) -> ResultAnswer | None:
        return None


def bringing(answer: Any) -> SimpleNamespace:
    """A plugin that answers so."""

    @hookimpl
    def register_result_actions() -> Any:
        return answer

    return SimpleNamespace(register_result_actions=register_result_actions)


UP = Switch(name="up", label="Up")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Flip(), "register_result_actions returned Flip instead of a list"),
        ([print], "register_result_actions returned builtin_function_or_method, which is no ResultAction"),
        ([Nameless()], "None is no name of a button: use small letters, digits, - and _"),
        ([Flip(name="../x")], "'../x' is no name of a button: use small letters, digits, - and _"),
        ([Flip(name="a" * 41)], f"{'a' * 41!r} is no name of a button: use small letters, digits, - and _"),
        ([Flip(), Flip()], "there are two buttons 'flip'"),
        ([Flip(label=" ")], "' ' is no label of a button: use 1 to 40 letters"),
        ([Flip(label="x" * 41)], f"{'x' * 41!r} is no label of a button: use 1 to 40 letters"),
        ([Flip(icon="flip it now")], "the button 'flip' has a help or an icon that is no short text"),
        ([Flip(audience="public")], "the button 'flip' has no audience that there is"),
        ([Flip(arguments=("up",))], "the arguments of the button 'flip' are no list of arguments"),
        ([Flip(arguments=UP)], "the arguments of the button 'flip' are no list of arguments"),
        ([Flip(arguments=(UP, UP))], "two arguments of the button 'flip' have the same name"),
        (
            [Flip(arguments=(Switch(name="up-down", label="Up"),))],
            "'up-down' is no name of an argument: use letters, digits and _",
        ),
        (
            [Flip(arguments=(Drawn(name="drawn", label="Drawn"),))],
            "the button 'flip' asks whether a seed was drawn, which only scripts are told",
        ),
    ],
)
def test_a_plugin_that_brings_what_is_none_is_left_out(answer: Any, problem: str) -> None:
    plugins = Plugins(())
    for name, brought in {"one": [Flip()], "bad": answer, "last": [Flip(label="Turn")]}.items():
        plugins.register(bringing(brought), name)
    registry = ResultActionRegistry(plugins)
    assert [(row.extension, row.action.label) for row in registry.all()] == [("one", "Flip"), ("last", "Turn")]
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]


def test_they_are_found_by_extension_and_name_while_these_are_at_work() -> None:
    plugins = Plugins(())
    for name in ("modules.builtin.sea", "lake", "sea"):
        plugins.register(bringing([Flip(label=name)]), name)
    registry = ResultActionRegistry(plugins)
    assert registry.find("sea", "flip").plugin == "modules.builtin.sea"
    (failure,) = plugins.failures
    assert str(failure) == "sea is left out: the buttons of sea are those of modules.builtin.sea already"
    with pytest.raises(InvalidRequest, match=r"Button 'lake/flap' is not known\. Nearest: .*lake/flip"):
        registry.find("lake", "flap")
    plugins.leave_out("lake", "it failed")
    assert [row.extension for row in registry.all()] == ["sea"]
    with pytest.raises(InvalidRequest, match="is not known"):
        registry.find("lake", "flip")
