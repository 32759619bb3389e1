"""What a worker works with, where the machine is slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modules.checkpoints import folder_walk, model_files, registry
from modules.config.paths import Paths
from modules.services.job_running import JobRunner
from modules.services.options import EngineOptions
from modules.services.workshop import Workshop
from tests.services.jobs_to_end import txt2img
from tests.services.test_interrupting import Shop
from tests.services.test_model_cards import put_lora

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


def test_a_look_at_checkpoints_alone_is_no_look_at_the_networks_of_a_job(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warming up looks for a checkpoint only. What a job cannot name is not waited for."""
    put_lora(paths, "star")
    goes_on, found = threading.Event(), []
    walk = folder_walk.walk

    def slow(folder: Path, *, whole_folders: bool) -> Iterator[folder_walk.FoundFile]:
        time.sleep(1.0 if folder in paths.lora_folders else 0.0)
        assert folder not in paths.model_folders["upscaler"] or goes_on.wait(60)
        return walk(folder, whole_folders=whole_folders)

    with closing(Workshop(paths, OPTIONS)) as asking:
        job = Shop(asking).job(txt2img(steps=1))
    monkeypatch.setattr(model_files, "walk", slow)
    monkeypatch.setattr(model_files, "FIRST_WAIT", 0.01)
    with closing(Workshop(paths, OPTIONS)) as after_a_restart:
        after_a_restart.model_files.refresh(("checkpoint",), wait=None)

        def look_for_lora(*_: object) -> None:
            found.append(after_a_restart.networks.lora("star").name)

        monkeypatch.setattr(JobRunner, "run", look_for_lora)
        Shop(after_a_restart).run(job)
        goes_on.set()
    assert found == ["star"]
