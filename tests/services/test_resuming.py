"""Jobs of several parts whose server is killed: nothing is lost, and nothing is made twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.config.paths import ROOT, Paths
from modules.schema.jobs import Job
from modules.schema.pictures import Picture
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.services.jobs_to_end import drawing, drawn_file, ended, img2img, txt2img
from tests.services.test_generate import pixels

OPTIONS = EngineOptions(use_cpu=True, precision="full")
FILES = 6
_SERVER = """
import sys, time
from pathlib import Path
from modules.config.paths import resolve_paths
from modules.services.build import running_services
from tests.services import test_resuming
paths = resolve_paths(data_dir=Path(sys.argv[1]))
with running_services(paths, test_resuming.OPTIONS) as services:
    print(test_resuming.JOBS[sys.argv[2]](services).id, flush=True)
    time.sleep(600)
"""


def files(services: Services, **how: Any) -> list[Path]:
    folder = services.paths.data / "given"
    return [drawn_file(folder / f"{place}.png", seed=place, **how) for place in range(FILES)]


def batch(services: Services) -> Job:
    form = img2img(steps=12, batch_count=2)
    return services.generate.submit_batch(services.batches.img2img(form, files(services), folder="mine"))


def plot(services: Services) -> Job:
    arguments = {"x_type": "Seed", "x_values": "1-6", "y_type": "Steps", "y_values": "10, 12", "draw_legend": False}
    arguments |= {"include_lone_images": True}
    return services.generate.submit(txt2img(script_name="X/Y/Z plot", script_args=arguments))


def extras(services: Services) -> Job:
    fields = {"upscaler_1": "atelier-x2", "split_oversized": True, "crop_width": 256, "crop_height": 256}
    given = files(services, width=128, height=384)
    return services.generate.submit_batch(services.batches.extras({**fields, "overlap_ratio": 0}, given))


JOBS: dict[str, Callable[[Services], Job]] = {"batch": batch, "plot": plot, "extras": extras}


def results(paths: Paths) -> dict[str, bytes]:
    """The finished pictures; files that are being written have other names."""
    inputs = paths.input_pictures
    found = {path for path in paths.outputs.rglob("*.png") if inputs not in path.parents}
    return {path.relative_to(paths.outputs).as_posix(): path.read_bytes() for path in found}


def killed_while_at_work(paths: Paths, kind: str) -> str:
    """The id of a job whose server was killed when some of its pictures were there."""
    command = [sys.executable, "-c", _SERVER, str(paths.data), kind]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    job_id = server.stdout.readline().strip()
    deadline = time.monotonic() + 120
    while len(results(paths)) < 4:
        assert time.monotonic() < deadline
        assert server.poll() is None
        time.sleep(0.005)
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()
    return job_id


@pytest.fixture
def resumed(paths: Paths, request: pytest.FixtureRequest) -> Iterator[tuple[Services, list[Picture]]]:
    """A killed job's pictures, when the next server has finished it; what was there before is there unchanged."""
    job_id = killed_while_at_work(paths, request.param)
    before = results(paths)
    with running_services(paths, OPTIONS) as services:
        job = ended(services, services.generate.job(job_id))
        assert (job.state, job.error) == ("done", None)
        after = results(paths)
        pictures = services.pictures.of_job(job_id)
        assert before.items() <= after.items()
        assert len(before) < len(after), "it was killed too late to tell"
        assert sorted(picture.path for picture in pictures) == sorted(after)
        yield services, pictures


@pytest.mark.parametrize("resumed", ["batch"], indirect=True)
def test_a_killed_batch_is_finished(resumed: tuple[Services, list[Picture]]) -> None:
    services, pictures = resumed
    assert [picture.index for picture in pictures] == list(range(2 * FILES))
    assert [(picture.path, picture.seed) for picture in pictures] == [
        (f"img2img-images/mine/{place}{ending}.png", seed)
        for place in range(FILES)
        for ending, seed in (("", 5), ("-1", 6))
    ]
    ids = [services.inputs.add(drawing(seed=place)) for place in range(FILES)]
    asked = [services.pictures.read_text(picture.infotext).request.model_dump() for picture in pictures]
    assert [one["init_images"] for one in asked] == [(picture_id,) for picture_id in ids for _ in range(2)]


@pytest.mark.parametrize("resumed", ["plot"], indirect=True)
def test_a_killed_plot_is_finished_with_its_grid(resumed: tuple[Services, list[Picture]]) -> None:
    services, (*cells, grid) = resumed
    assert len(cells) == 12
    asked = [services.pictures.read_text(cell.infotext).request for cell in cells]
    assert sorted((one.seed, one.steps) for one in asked) == [
        (seed, steps) for seed in range(1, 7) for steps in (10, 12)
    ]
    whole = pixels(services, grid)
    assert whole.shape == (128, 6 * 64, 3)
    for cell, one in zip(cells, asked, strict=True):
        left, top = 64 * (one.seed - 1), 64 * (one.steps == 12)
        assert np.array_equal(whole[top : top + 64, left : left + 64], pixels(services, cell))


@pytest.mark.parametrize("resumed", ["extras"], indirect=True)
def test_killed_extras_are_finished(resumed: tuple[Services, list[Picture]]) -> None:
    services, pictures = resumed
    assert len(pictures) == 3 * FILES
    names = [Path(picture.path).name for picture in pictures]
    assert names == [f"{place}{ending}.png" for place in range(FILES) for ending in ("", "-1", "-2")]
    for place in range(FILES):
        parts = [pixels(services, picture) for picture in pictures[3 * place : 3 * place + 3]]
        larger = drawing(128, 384, seed=place).resize((256, 768), Image.Resampling.BICUBIC)
        assert np.abs(np.vstack(parts) - np.asarray(larger).astype(int)).mean() < 3
