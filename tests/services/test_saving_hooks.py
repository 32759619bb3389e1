"""What extensions add to infotexts: keys that come back, whatever the extension is called."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from modules.errors import PluginFailed
from modules.hooks import Plugins, SavingChange, SavingContext, hookimpl
from modules.schema.infotext import parse_infotext
from modules.services.finished_picture import FinishedPicture
from modules.services.saving_hooks import SavingHooks, key_start

TEXT = "a boat\nSteps: 3, Sampler: Euler, Seed: 1"


@pytest.mark.parametrize(
    ("plugin", "start"),
    [
        ("tides", "tides "),
        ("modules.builtin.tides", "tides "),
        ("sd-webui-v1.5", "sd-webui-v1 5 "),
        ("other.5", "other 5 "),
        ("tides (copy)", "tides copy "),
        ("+++", "Extension "),
    ],
)
def test_keys_begin_with_the_name_of_the_extension(plugin: str, start: str) -> None:
    def before_saving(context: SavingContext) -> SavingChange:
        return SavingChange(parameters={"depth: (m)": "3, 4"})

    plugins = Plugins(())
    plugins.register(SimpleNamespace(before_saving=hookimpl(before_saving)), plugin)
    picture = FinishedPicture(0, np.zeros((8, 8, 3), np.uint8), TEXT, 1)
    hooks = SavingHooks(plugins, "a job")
    saved = hooks.before(0, picture, None, is_grid=False)
    hooks.tell()
    assert key_start(plugin) == start
    added = {"Steps": "3", "Sampler": "Euler", "Seed": "1", f"{start}depth m": "3, 4"}
    assert parse_infotext(saved.infotext).parameters == added


def test_one_that_does_not_come_back_loses_no_picture() -> None:
    came_back, calls = threading.Event(), []

    def before_saving(context: SavingContext) -> SavingChange:
        calls.append(context.number)
        came_back.wait(60)
        return SavingChange(parameters={"late": "yes"})

    plugins = Plugins(())
    plugins.register(SimpleNamespace(before_saving=hookimpl(before_saving)), "tides")
    picture = FinishedPicture(0, np.zeros((8, 8, 3), np.uint8), TEXT, 1)
    hooks = SavingHooks(plugins, "a job", seconds=0.1)
    for number in range(3):
        assert hooks.before(number, picture, None, is_grid=False) is picture
    came_back.set()
    assert calls == [0]
    with pytest.raises(
        PluginFailed, match=r"before_saving' of the plugin tides failed \(it took longer than 0.1 seconds"
    ):
        hooks.tell()
