"""What a worker works with, where the machine is slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modules.checkpoints import folder_walk, model_files, registry
from modules.config.paths import Paths
from modules.services.options import EngineOptions
from modules.services.workshop import Workshop
from tests.services.jobs_to_end import txt2img
from tests.services.test_interrupting import Shop

OPTIONS = EngineOptions(use_cpu=True, precision="full")


def test_a_job_waits_for_the_first_look_at_a_slow_drive(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of its checkpoint is known to be right, and nobody is there to ask again."""
    with closing(Workshop(paths, OPTIONS)) as asking:
        job = Shop(asking).job(txt2img(steps=1))
    walk = folder_walk.walk

    def slow(folder: Path, *, whole_folders: bool) -> Iterator[folder_walk.FoundFile]:
        time.sleep(0.2)
        return walk(folder, whole_folders=whole_folders)

    monkeypatch.setattr(model_files, "walk", slow)
    for module, name in ((model_files, "WAIT"), (model_files, "FIRST_WAIT"), (registry, "_PATIENCE")):
        monkeypatch.setattr(module, name, 0.01)
    with closing(Workshop(paths, OPTIONS)) as after_a_restart:
        shop = Shop(after_a_restart)
        shop.run(job)
        assert len(shop.saved(job)) == 1
