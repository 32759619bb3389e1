"""Looking inside the demo model: the pictures stay the same, and what is recorded of them means something."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest, NotFound
from modules.schema.extras_request import ExtrasRequest
from modules.schema.jobs import Job
from modules.schema.requests import Txt2ImgRequest
from modules.services import look_inside_folders
from modules.services.build import Services
from modules.services.look_inside_folders import RECORDING, RecordingFolders
from modules.services.look_inside_recording import MOST_PICTURES, files_of
from tests.program import until
from tests.services.test_generate import finish, pixels, psnr


def recorded(services: Services, **fields: Any) -> tuple[Job, dict[str, Any]]:
    """A finished job and its recording."""
    given = {"prompt": "a red boat", "steps": 8, "seed": 4, "width": 128, "height": 128, **fields}
    job = services.generate.submit(Txt2ImgRequest.of(given), look_inside=True)
    until(lambda: services.generate.job(job.id).is_over)
    job = services.generate.job(job.id)
    assert job.state == "done", job.error
    return job, services.look_inside.recording(job)


def shown(services: Services, job: Job, name: str, side: int = 32) -> np.ndarray:
    """A recorded picture, small."""
    with Image.open(services.look_inside.file(job, name)) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BOX)).astype(float)


def test_picture_is_the_same_and_its_steps_end_with_it(demo_services: Services) -> None:
    job, recording = recorded(demo_services, batch_size=2)
    plain = finish(demo_services, prompt="a red boat", steps=8, seed=4, batch_size=2)[1]
    painted = demo_services.pictures.of_job(job.id)
    for one, other in zip(painted, plain, strict=True):
        assert np.array_equal(pixels(demo_services, one), pixels(demo_services, other))
        assert one.infotext == other.infotext
    assert [run["index"] for run in recording["runs"]] == [0, 1]
    for run, picture in zip(recording["runs"], painted, strict=True):
        small = np.asarray(
            Image.fromarray(pixels(demo_services, picture).astype(np.uint8)).resize((32, 32), Image.Resampling.BOX)
        )
        likeness = [psnr(shown(demo_services, job, step["files"]["denoised"]), small) for step in run["recorded"]]
        assert likeness[-1] > 20 and likeness[-1] > likeness[0] + 4  # a linear preview, as a JPEG


def test_files_are_those_that_are_told(demo_services: Services) -> None:
    job, recording = recorded(demo_services, steps=4, cfg_scale=1.0)
    folder = RecordingFolders(demo_services.paths.recordings).of_job(job.id)
    assert {file.name for file in folder.iterdir()} == {RECORDING, *files_of(recording)}
    (run,) = recording["runs"]
    assert [set(step["files"]) for step in run["recorded"]] == [{"denoised", "positive", "difference"}] * 4
    assert all(step["guidance"] == 0 for step in run["recorded"])
    with Image.open(folder / run["sheet"]["file"]) as sheet:
        cell = run["sheet"]
        assert sheet.size == (cell["width"] * len(run["words"]), cell["height"] * 5)
    for name in ("../../config.json", RECORDING, "0-0-9-denoised.jpg"):
        with pytest.raises(NotFound):
            demo_services.look_inside.file(job, name)


def test_the_model_looks_for_a_thing_where_it_will_be(demo_services: Services) -> None:
    def centre(prompt: str, seed: int) -> float:
        (run,) = recorded(demo_services, prompt=prompt, seed=seed)[1]["runs"]
        place = [word["text"] for word in run["words"]].index("boat")
        return float(run["sheet"]["centres"][place][0])

    for seed in range(3):
        assert centre("a boat on the left", seed) < 0.4 < 0.6 < centre("a boat on the right", seed)


def test_a_schedule_is_told_by_the_worker(demo_services: Services) -> None:
    finish(demo_services, prompt="a red boat", steps=1)  # then the worker is there
    told = demo_services.look_inside.schedule("txt2img", {"steps": 5, "cfg_scale": 3})
    (one,) = told["passes"]
    assert (one["model"], one["prediction"], len(one["sigmas"])) == ("atelier-demo", "v_prediction", 6)
    (one,) = demo_services.look_inside.schedule("img2img", {"steps": 10, "denoising_strength": 0.4})["passes"]
    assert (len(one["skipped"]), len(one["sigmas"])) == (5, 6)
    told = demo_services.look_inside.words("txt2img", {"prompt": "a (red:1.2) boat", "steps": 2})
    tokens = told["passes"][0]["prompt"][0]["texts"][0]["chunks"][0]["tokens"]
    assert [(token["text"], token["weight"]) for token in tokens] == [("a", 1.0), ("red", 1.2), ("boat", 1.0)]
    with pytest.raises(InvalidRequest):
        demo_services.look_inside.schedule("txt2img", {"steps": 1000})


def test_what_cannot_be_recorded_is_refused(idle_services: Services) -> None:
    generate = idle_services.generate
    request = Txt2ImgRequest.of({"script_name": "Prompt matrix", "prompt": "a|b"})
    with pytest.raises(InvalidRequest, match="Look inside"):
        generate.submit(request, look_inside=True)
    with pytest.raises(InvalidRequest, match="Look inside"):
        generate.submit_extras(ExtrasRequest.of({"images": ["1" * 32]}), look_inside=True)
    assert generate.jobs() == []


def test_a_job_keeps_its_wish_when_it_is_asked_for_again(idle_services: Services) -> None:
    generate = idle_services.generate
    request = Txt2ImgRequest.of({"prompt": "a", "seed": 1, "subseed": 2, "wildcard_seed": 3})
    plain, wished = generate.submit(request), generate.submit(request, look_inside=True)
    assert not generate.job(plain.id).look_inside and generate.job(wished.id).look_inside
    assert generate.duplicate(wished.id).look_inside
    assert generate.job(plain.id).request == generate.job(wished.id).request


def put(folder: Path, job: str, *, size: int = 10, age: float = 0.0) -> None:
    (folder / job).mkdir(parents=True)
    (folder / job / RECORDING).write_bytes(b"x" * size)
    then = time.time() - age
    os.utime(folder / job, (then, then))


def test_old_many_and_large_recordings_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = RecordingFolders(tmp_path)
    put(tmp_path, "old", age=look_inside_folders.KEPT_SECONDS + 60)
    for number in range(look_inside_folders.MOST_JOBS + 2):
        put(tmp_path, f"job{number:02}", age=number)
    folders.make_room()
    assert folders.jobs() == [f"job{number:02}" for number in range(look_inside_folders.MOST_JOBS)]
    monkeypatch.setattr(look_inside_folders, "MOST_BYTES", 25)
    folders.make_room(for_job="job07")
    assert folders.jobs() == ["job00", "job01", "job07"]
    with pytest.raises(ValueError):
        folders.of_job("../config")


def test_only_the_first_pictures_are_recorded(demo_services: Services) -> None:
    _, recording = recorded(demo_services, steps=1, batch_size=MOST_PICTURES + 1)
    assert [run["index"] for run in recording["runs"]] == list(range(MOST_PICTURES))
