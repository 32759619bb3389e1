"""Families of checkpoints that plugins bring: what is wrong with one does not hurt the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from modules.hooks import FamilyContext, FamilyParts, ModelFamily, Plugins, hookimpl
from modules.hooks.family_registry import FamilyRegistry


class Named(ModelFamily):
    """A family that knows files with a tensor of its name."""

    def __init__(self, name: Any, like: Any = "sd1", prediction_type: Any = "epsilon") -> None:
        self.name = name  # type: ignore[misc]
        self.like = like  # type: ignore[misc]
        self.prediction_type = prediction_type  # type: ignore[misc]

    def recognises(self, shapes: Any, metadata: Any) -> bool:
        if metadata.get("ends"):
            raise SystemExit(metadata["ends"])
        return self.name in shapes

    def parts(self, context: FamilyContext) -> FamilyParts:
        raise NotImplementedError


def bringing(answer: Any) -> SimpleNamespace:
    """A plugin that answers so."""

    @hookimpl
    def register_model_families() -> Any:
        return answer

    return SimpleNamespace(register_model_families=register_model_families)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Named("A"), "register_model_families returned Named instead of a list"),
        ([len], "register_model_families returned builtin_function_or_method, which is no ModelFamily with a name"),
        ([Named(" ")], "register_model_families returned Named, which is no ModelFamily with a name"),
        ([Named("A", "flux")], "the model family 'A' is like none of sd1, sd2, sdxl, sdxl-refiner"),
        (
            [Named("A", "sd1", "flow")],
            "the model family 'A' says nothing that can be used of what it predicts",
        ),
        ([Named("stable  diffusion 1")], "there is a model family 'stable  diffusion 1' already"),
        ([Named("ONE")], "there is a model family 'ONE' already"),
        ([Named("A"), Named("a")], "there is a model family 'a' already"),
    ],
)
def test_a_plugin_that_brings_what_is_none_is_left_out(answer: Any, problem: str) -> None:
    plugins = Plugins(())
    for name, brought in {"one": [Named("One")], "bad": answer, "last": (Named("Last"),)}.items():
        plugins.register(bringing(brought), name)
    registry = FamilyRegistry(plugins, ["Stable Diffusion 1"])
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]
    assert len(registry) == 2
    found = [registry.find({name: (1,)}, {}) for name in ("One", "Last", "A")]
    assert [one and (one.plugin, one.family.name) for one in found] == [("one", "One"), ("last", "Last"), None]


def test_one_that_fails_is_left_out_and_the_next_is_asked() -> None:
    class Sound(Named):
        def recognises(self, shapes: Any, metadata: Any) -> bool:
            return "x" in shapes

    plugins = Plugins(())
    plugins.register(bringing([Named("One")]), "one")
    plugins.register(bringing([Sound("Two")]), "two")
    registry = FamilyRegistry(plugins)
    found = registry.find({"x": (2, 3)}, {"ends": "now"})
    assert found is not None and found.plugin == "two"
    assert [str(failure) for failure in plugins.failures] == [
        "one is left out: the model family 'One' failed (SystemExit: now)"
    ]
    assert registry.find({"One": (1,)}, {}) is None
