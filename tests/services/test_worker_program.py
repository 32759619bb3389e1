"""Real jobs in worker processes: whatever happens to one of them, every picture is made, once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from modules.config.paths import Paths, resolve_paths
from modules.schema.events import JobEvent, PictureSaved, Preview, StateChanged
from modules.schema.jobs import Job
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.program import workers_of
from tests.services.jobs_to_end import txt2img
from tests.services.test_generate import pixels, until

OPTIONS = EngineOptions(use_cpu=True, precision="full")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services whose jobs run in one process."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    with running_services(paths, OPTIONS, processes=True, workers=1) as services:
        yield services


def worker_processes() -> list[psutil.Process]:
    """Without the tracker of resources that Python starts beside them."""
    return workers_of(os.getpid())


def saved_files(services: Services) -> list[Path]:
    return sorted(services.paths.txt2img_pictures.rglob("*.png"))


def over(services: Services, job: Job, seconds: float = 120) -> Job:
    return services.generate.wait(job.id, seconds)


def test_picture_is_that_of_a_thread(served: Services, demo_services: Services) -> None:
    request = txt2img(prompt="a red house at night", steps=4, seed=3)
    both = []
    for services in (served, demo_services):
        job = over(services, services.generate.submit(request))
        assert (job.state, job.error) == ("done", None)
        (picture,) = services.pictures.of_job(job.id)
        both.append((picture.infotext, pixels(services, picture).tobytes()))
    assert both[0] == both[1]


def test_killed_worker_s_job_goes_on_and_every_picture_is_saved_once(served: Services) -> None:
    job = served.generate.submit(txt2img(steps=6, batch_count=12))
    with served.generate.subscribe(job.id) as news:
        until(lambda: len(served.pictures.of_job(job.id)) >= 3)
        before = {path: path.read_bytes() for path in saved_files(served)}
        (worker,) = worker_processes()
        worker.kill()
        assert over(served, job).state == "done"
        told: list[JobEvent] = []

        def is_told() -> bool:
            told.extend(news.get(1))
            return any(isinstance(event, StateChanged) and event.state == "done" for event in told)

        until(is_told)
    pictures = served.pictures.of_job(job.id)
    assert [picture.index for picture in pictures] == list(range(12))
    assert [event.picture.index for event in told if isinstance(event, PictureSaved)] == list(range(12))
    states = [event.state for event in told if isinstance(event, StateChanged)]
    assert states == ["queued", "running", "queued", "running", "done"]
    assert all(path.read_bytes() == content for path, content in before.items())
    assert len({picture.path for picture in pictures}) == 12
    assert served.generate.job(job.id).attempts == 2


def test_previews_come_through_when_somebody_watches(served: Services) -> None:
    job = served.generate.submit(txt2img(steps=100, batch_size=2))
    seen: list[Any] = []
    with served.generate.subscribe(job.id) as news:
        while not any(isinstance(event, StateChanged) and event.state == "done" for event in seen):
            seen += news.get(30)
    previews = [event for event in seen if isinstance(event, Preview)]
    assert previews and all(event.jpeg.startswith(b"\xff\xd8") for event in previews)


def test_interrupt_and_skip_reach_the_process(served: Services) -> None:
    job = served.generate.submit(txt2img(steps=150, batch_count=30))
    until(lambda: any(event.kind == "progress" for event in served.generate.events(job.id)))
    assert served.generate.skip(job.id)
    began = time.monotonic()
    served.generate.interrupt(job.id)
    assert over(served, job).state == "cancelled"
    assert time.monotonic() - began < 9  # what hangs is ended after 10


def test_setting_acts_on_the_next_job(served: Services) -> None:
    def folder_of(job: Job) -> list[str]:
        return [event.kind for event in served.generate.events(job.id)]

    served.settings.change(live_previews_enable=False)
    try:
        job = served.generate.submit(txt2img(steps=60))
        with served.generate.subscribe(job.id) as news:
            seen: list[Any] = []
            while not any(isinstance(event, StateChanged) and event.state == "done" for event in seen):
                seen += news.get(30)
        assert not [event for event in seen if isinstance(event, Preview)]
        assert "picture" in folder_of(job)
    finally:
        served.settings.change(live_previews_enable=True)


def test_job_past_its_limit_is_stopped(served: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is told nothing, since it may not listen."""
    from modules.jobs.lane import Limits

    dispatcher = served.generate._dispatcher
    (lane,) = dispatcher._lanes
    monkeypatch.setattr(lane, "_limits", lambda: Limits(job=2.0))
    job = served.generate.submit(txt2img(steps=150, batch_count=100))
    until(lambda: served.generate.job(job.id).state == "running")
    began = time.monotonic()
    assert over(served, job).state == "failed"
    assert time.monotonic() - began < 30
    monkeypatch.undo()
    assert over(served, served.generate.submit(txt2img(steps=1))).state == "done"


def test_server_does_without_torch(served: Services) -> None:
    """Checked in a fresh process: others of these tests import it."""
    import subprocess
    import sys

    program = (
        "import sys, pathlib\n"
        "from modules.services.build import build_services\n"
        "from modules.config.paths import resolve_paths\n"
        "from modules.services.options import EngineOptions\n"
        "from modules.schema.requests import Txt2ImgRequest\n"
        "paths = resolve_paths(data_dir=pathlib.Path(sys.argv[1]))\n"
        "services = build_services(paths, EngineOptions(), processes=True)\n"
        "services.generate.submit(Txt2ImgRequest.of({'prompt': 'a'}))\n"
        "services.close()\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    folder = str(served.paths.data / "other")
    assert subprocess.run([sys.executable, "-c", program, folder], timeout=60, check=False).returncode == 0


def test_two_workers_run_two_jobs_at_once_and_save_each_picture_once(paths: Paths) -> None:
    with running_services(paths, OPTIONS, processes=True, workers=2) as services:
        generate = services.generate
        jobs = [generate.submit(txt2img(steps=20, batch_count=4, seed=seed)) for seed in (1, 11, 21, 31)]
        until(lambda: sum(job.state == "running" for job in generate.active_jobs()) == 2, seconds=120)
        assert len(worker_processes()) >= 2
        for job in jobs:
            assert over(services, job).state == "done"
        found = [picture for job in jobs for picture in services.pictures.of_job(job.id)]
        assert sorted(picture.seed or 0 for picture in found) == [
            seed + index for seed in (1, 11, 21, 31) for index in range(4)
        ]
        assert len({picture.path for picture in found}) == len(saved_files(services)) == 16


@pytest.mark.skipif(os.name != "posix", reason="asks for the signals of POSIX")
def test_worker_that_died_while_idle_is_there_again(served: Services) -> None:
    (worker,) = worker_processes()
    worker.send_signal(signal.SIGSEGV)
    worker.wait(30)
    assert over(served, served.generate.submit(txt2img(steps=1))).state == "done"
