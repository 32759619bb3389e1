"""The demo model end to end through services, queue, worker and gallery."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest, ModelNotFound
from modules.schema.events import PictureSaved, Preview, Progress, StateChanged
from modules.schema.jobs import Job
from modules.schema.pictures import Picture
from modules.schema.requests import ResolvedTxt2Img, Txt2ImgRequest
from modules.services.build import Services

FAST: dict[str, Any] = {"steps": 6, "width": 128, "height": 128}


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def finish(services: Services, **fields: Any) -> tuple[Job, list[Picture]]:
    job = services.generate.submit(Txt2ImgRequest.of({**FAST, **fields}))
    until(lambda: services.generate.job(job.id).is_over)
    return services.generate.job(job.id), services.pictures.of_job(job.id)


def pixels(services: Services, picture: Picture) -> np.ndarray:
    with Image.open(services.pictures.file(picture)) as image:
        return np.asarray(image).astype(int)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-12, np.square(one - other).mean())))


def test_same_request_same_pixels_and_another_seed_another_picture(demo_services: Services) -> None:
    fields = {"prompt": "a red house at night", "seed": 11}
    (first,), (second,) = finish(demo_services, **fields)[1], finish(demo_services, **fields)[1]
    (other,) = finish(demo_services, **{**fields, "seed": 12})[1]
    assert np.array_equal(pixels(demo_services, first), pixels(demo_services, second))
    assert psnr(pixels(demo_services, first), pixels(demo_services, other)) < 30


def test_batch_of_four_is_four_single_pictures(demo_services: Services) -> None:
    batch = finish(demo_services, prompt="a yellow fish", seed=20, batch_size=4)[1]
    assert [picture.seed for picture in batch] == [20, 21, 22, 23]
    for picture in batch:
        (single,) = finish(demo_services, prompt="a yellow fish", seed=picture.seed)[1]
        assert np.abs(pixels(demo_services, picture) - pixels(demo_services, single)).max() <= 1


def test_picture_is_made_again_from_its_own_file(demo_services: Services) -> None:
    (first,) = finish(demo_services, prompt="a blue boat at sea, (calm)", negative_prompt="red", seed=5, cfg_scale=3.3)[
        1
    ]
    reading = demo_services.pictures.read(demo_services.pictures.file(first))
    assert reading.not_honoured == ()
    (again,) = finish(demo_services, **reading.request.model_dump())[1]
    assert again.infotext == first.infotext
    assert np.array_equal(pixels(demo_services, first), pixels(demo_services, again))


@pytest.mark.parametrize(
    ("word", "channel"),
    [("red", 0), ("green", 1), ("blue", 2)],
)
def test_picture_follows_the_prompt(demo_services: Services, word: str, channel: int) -> None:
    """On a plain ground of a colour that colour must lead, by far, averaged over four pictures."""
    made = finish(demo_services, prompt=f"a white star on a {word} background", seed=1, batch_size=4, steps=12)[1]
    corner = np.mean([pixels(demo_services, picture)[:16].mean(axis=(0, 1)) for picture in made], axis=0)
    others = [corner[place] for place in range(3) if place != channel]
    assert corner[channel] > max(others) + 20


def test_night_is_darker_than_day(demo_services: Services) -> None:
    def brightness(prompt: str) -> float:
        made = finish(demo_services, prompt=prompt, seed=3, batch_size=4, steps=12)[1]
        return float(np.mean([pixels(demo_services, picture).mean() for picture in made]))

    assert brightness("a red house at night") < 0.7 * brightness("a red house on a sunny day")


def test_file_name_folder_and_infotext(demo_services: Services) -> None:
    (picture,) = finish(demo_services, prompt="a star", seed=77)[1]
    kind, date, name = Path(picture.path).parts
    assert (kind, name.split("-")[1]) == ("txt2img-images", "77.png")
    assert time.strptime(date, "%Y-%m-%d")
    assert picture.infotext.startswith("a star\nSteps: 6, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: ")
    with Image.open(demo_services.pictures.file(picture)) as image:
        assert image.info["parameters"] == picture.infotext


def test_events_tell_the_whole_story(demo_services: Services) -> None:
    job = demo_services.generate.submit(Txt2ImgRequest.of({**FAST, "prompt": "a cat", "steps": 12, "batch_size": 2}))
    seen: list[Any] = []
    while not demo_services.generate.job(job.id).is_over or demo_services.generate.events(
        job.id, seen[-1].sequence if seen else 0
    ):
        seen += demo_services.generate.events(job.id, seen[-1].sequence if seen else 0)
        time.sleep(0.005)
    states = [event.state for event in seen if isinstance(event, StateChanged)]
    assert states == ["queued", "running", "done"]
    steps = [event.step for event in seen if isinstance(event, Progress)]
    assert steps == sorted(steps)
    assert steps[-1] == 12
    assert len([event for event in seen if isinstance(event, PictureSaved)]) == 2
    preview = next(event for event in seen if isinstance(event, Preview))
    assert preview.jpeg.startswith(b"\xff\xd8")


def test_interrupt_ends_the_job_within_a_step_and_keeps_finished_pictures(demo_services: Services) -> None:
    long = Txt2ImgRequest.of({**FAST, "prompt": "a cat", "steps": 100, "batch_count": 50})
    job = demo_services.generate.submit(long)
    waiting = demo_services.generate.submit(long)
    until(lambda: any(event.kind == "progress" for event in demo_services.generate.events(job.id)))
    demo_services.generate.interrupt(waiting.id)
    demo_services.generate.interrupt(job.id)
    until(lambda: demo_services.generate.job(job.id).is_over, seconds=10)
    assert demo_services.generate.job(job.id).state == "cancelled"
    assert demo_services.generate.job(waiting.id).state == "cancelled"
    assert finish(demo_services)[0].state == "done"


def test_what_is_left_open_is_decided_once(demo_services: Services) -> None:
    request = demo_services.resolver.resolve(Txt2ImgRequest())
    recommended = demo_services.models.current().card.recommended
    assert (request.width, request.height, request.steps) == (
        recommended.width,
        recommended.height,
        recommended.steps,
    )
    assert request.seed >= 0
    assert request.scheduler != "Automatic"
    assert demo_services.resolver.resolve(Txt2ImgRequest()).seed != request.seed
    assert isinstance(request, ResolvedTxt2Img)


@pytest.mark.parametrize(
    ("fields", "error", "sentence"),
    [
        ({"sampler_name": "Eulr"}, InvalidRequest, "Sampler 'Eulr' is not known"),
        ({"scheduler": "Karas"}, InvalidRequest, "Schedule type 'Karas' is not known"),
        ({"model": "nonesuch"}, ModelNotFound, "Model 'nonesuch' is not here"),
        ({"width": 4096, "height": 4096, "batch_size": 2}, InvalidRequest, "Width x height"),
    ],
)
def test_bad_requests_are_refused_before_they_are_queued(
    demo_services: Services, fields: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    before = demo_services.generate.active_jobs()
    with pytest.raises(error, match=sentence):
        demo_services.generate.submit(Txt2ImgRequest.of(fields))
    assert demo_services.generate.active_jobs() == before
