"""Steps of post-processing that plugins bring: their order, and what is wrong with one does not hurt the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modules.errors import InvalidRequest
from modules.hooks import Argument, Drawn, Number, Plugins, PostprocessingContext, PostprocessingStep, hookimpl
from modules.hooks.postprocessing_registry import PostprocessingRegistry


class Step(PostprocessingStep):
    """Leaves every picture as it is."""

    def __init__(self, name: Any, moment: Any = "last", order: Any = 0, *arguments: Argument) -> None:
        self.name, self.moment, self.order, self.arguments = name, moment, order, arguments

    def process(self, context: PostprocessingContext) -> np.ndarray | None:
        """See PostprocessingStep."""
        return None


def bringing(answer: Any) -> SimpleNamespace:
    """A plugin that answers so."""

    @hookimpl
    def register_postprocessing() -> Any:
        return answer

    return SimpleNamespace(register_postprocessing=register_postprocessing)


def number(name: str, key: str = "") -> Number:
    return Number(name=name, label=name.capitalize(), key=key, default=0, minimum=0, maximum=9)


def test_they_go_by_moment_then_by_order() -> None:
    plugins = Plugins(())
    plugins.register(bringing([Step("D"), Step("A", "first", 5), Step("C", "enlarged", 9)]), "one")
    plugins.register(bringing([Step("B", "first", 5), Step("E", "last", 0.5), Step("Zero", "first", -1)]), "two")
    registry = PostprocessingRegistry(plugins)
    assert [step.name for step in registry.all()] == ["Zero", "A", "B", "C", "D", "E"]
    assert registry.plugin_of(registry.find(" zERO ")) == "two"
    plugins.leave_out("two", "it failed elsewhere")
    assert [step.name for step in registry.all()] == ["A", "C", "D"]
    with pytest.raises(InvalidRequest, match="Post-processing 'Zero' is not known"):
        registry.find("Zero")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (7, "register_postprocessing returned int instead of a list"),
        ([7], "register_postprocessing returned int, which is no PostprocessingStep with a name"),
        ([Step(None)], "register_postprocessing returned Step, which is no PostprocessingStep with a name"),
        ([Step("a: b")], "'a: b' is no name of a step: use letters, digits, spaces and -"),
        ([Step("first  ONE")], "there is a step 'first  ONE' already"),
        ([Step("b"), Step("B")], "there is a step 'B' already"),
        ([Step("b", "later")], "'b' has no moment or order that there is"),
        ([Step("b", "last", None)], "'b' has no moment or order that there is"),
        ([Step("b", "last", 0, number("x"), number("x"))], "two arguments of 'b' have the same name"),
        ([Step("b", "last", 0, number("x y"))], "'x y' is no name of an argument: use letters, digits and _"),
        ([Step("b", "last", 0, number("x", "First"))], "infotexts have a key 'First' already"),
        (
            [Step("b", "last", 0, number("x", "Postprocess upscaler"))],
            "'Postprocess upscaler' is a key of what Extras itself does: begin it with another word",
        ),
        (
            [Step("postprocess", "last", 0, number("steps"))],
            "'postprocess Steps' is a key of what Extras itself does: begin it with another word",
        ),
        (
            [Step("b", "last", 0, number("x", "Flipped copy"))],
            "'Flipped copy' is a key of what Extras itself does: begin it with another word",
        ),
        (
            [Step("b", "last", 0, Drawn(name="x", label="X"))],
            "'b' asks whether a seed was drawn, which only scripts are told",
        ),
    ],
)
def test_a_plugin_that_brings_what_is_none_is_left_out(answer: Any, problem: str) -> None:
    plugins = Plugins(())
    first = Step("First one", "last", 0, number("x", "First"))
    for name, brought in {"one": [first], "bad": answer, "last": [Step("Last")]}.items():
        plugins.register(bringing(brought), name)
    registry = PostprocessingRegistry(plugins)
    assert [(registry.plugin_of(step), step.name) for step in registry.all()] == [
        ("one", "First one"),
        ("last", "Last"),
    ]
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]
