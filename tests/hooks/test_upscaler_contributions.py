"""Upscalers that plugins bring: what is wrong with one does not hurt the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modules.hooks import ImageUpscaler, Plugins, UpscaleContext, hookimpl
from modules.hooks.upscaler_contributions import upscalers_of


class Doubling(ImageUpscaler):
    """Repeats every pixel."""

    def __init__(self, name: Any) -> None:
        self.name = name  # type: ignore[misc]

    def upscale(self, pixels: np.ndarray, context: UpscaleContext) -> np.ndarray:
        """See ImageUpscaler."""
        return pixels.repeat(2, axis=0).repeat(2, axis=1)


def bringing(answer: Any) -> SimpleNamespace:
    """A plugin that answers so."""

    @hookimpl
    def register_upscalers() -> Any:
        return answer

    return SimpleNamespace(register_upscalers=register_upscalers)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (7, "register_upscalers returned int instead of a list"),
        ([7], "register_upscalers returned int, which is no ImageUpscaler with a name"),
        ([Doubling(None)], "register_upscalers returned Doubling, which is no ImageUpscaler with a name"),
        ([Doubling("  ")], "register_upscalers returned Doubling, which is no ImageUpscaler with a name"),
        ([Doubling("lanczos")], "there is an upscaler 'lanczos' already"),
        ([Doubling("first  one")], "there is an upscaler 'first  one' already"),
        ([Doubling("b"), Doubling("B")], "there is an upscaler 'B' already"),
    ],
)
def test_a_plugin_that_brings_what_is_none_is_left_out(answer: Any, problem: str) -> None:
    plugins = Plugins(())
    for name, plugin in {"one": [Doubling("First one")], "bad": answer, "last": [Doubling("Last")]}.items():
        plugins.register(bringing(plugin), name)
    found = upscalers_of(plugins, ["Lanczos"])
    assert [(plugin, row.name) for plugin, row in found] == [("one", "First one"), ("last", "Last")]
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]
