"""`webui.py generate` while another process holds the data folder: its job stands in that one's queue."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import webui
from modules.config.paths import Paths
from modules.jobs.queue import JobQueue
from modules.services import build, data_folder
from modules.services.build import Services
from tests.program import until


def test_it_waits_for_the_server_with_one_set_of_services_and_takes_over_when_that_ends(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[Services] = []
    looks: list[bool] = []

    def building(*given: Any, **how: Any) -> Services:
        built.append(original_build(*given, **how))
        return built[-1]

    def looking(given: Paths) -> bool:
        looks.append(original_look(given))
        return looks[-1]

    original_build, original_look = build.build_services, data_folder.is_in_use
    monkeypatch.setattr(build, "build_services", building)
    monkeypatch.setattr(data_folder, "is_in_use", looking)
    flags = ["--steps", "1", "--width", "64", "--height", "64", "--use-cpu", "--data-dir", str(paths.data)]
    codes: list[int] = []
    waiting = threading.Thread(target=lambda: codes.append(webui.main(["generate", "a star", *flags])))
    with data_folder.hold_data_folder(paths):
        waiting.start()
        until(lambda: len(looks) >= 3)
        assert len(built) == 1
        (job,) = JobQueue(built[0].database).listed()
        assert job.state == "queued"
    waiting.join(300)
    assert not waiting.is_alive()
    assert codes == [0]
    assert looks[:3] == [True] * 3
    assert len(built) == 2
    assert capsys.readouterr().out.strip().endswith(".png")
