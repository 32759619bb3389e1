"""The demo model end to end through services, queue, worker and gallery."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.config.paths import Paths
from modules.errors import InvalidRequest, ModelNotFound, NotFound
from modules.jobs.queue import JobQueue
from modules.schema.events import PictureSaved, Preview, Progress, StateChanged
from modules.schema.extras_request import ExtrasRequest
from modules.schema.jobs import Job, JobKind, NewJob
from modules.schema.pictures import Picture
from modules.schema.requests import ResolvedTxt2Img, Txt2ImgRequest
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.program import until as until

FAST: dict[str, Any] = {"steps": 6, "width": 128, "height": 128}


def finish(services: Services, **fields: Any) -> tuple[Job, list[Picture]]:
    job = services.generate.submit(Txt2ImgRequest.of({**FAST, **fields}))
    until(lambda: services.generate.job(job.id).is_over, seconds=600)
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
    with demo_services.generate.subscribe(job.id) as news:
        while not any(isinstance(event, StateChanged) and event.state == "done" for event in seen):
            seen += news.get(30)
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


def test_waiting_ends_with_the_job_or_in_time(demo_services: Services) -> None:
    long = demo_services.generate.submit(Txt2ImgRequest.of({**FAST, "steps": 150, "batch_count": 50}))
    began = time.monotonic()
    assert not demo_services.generate.wait(long.id, 0.3).is_over
    assert 0.3 <= time.monotonic() - began < 10
    demo_services.generate.interrupt(long.id)
    assert demo_services.generate.wait(long.id).state == "cancelled"
    assert demo_services.generate.wait(long.id, 0).state == "cancelled"
    with pytest.raises(NotFound):
        demo_services.generate.wait("nonesuch", 1)


def test_what_repeats_is_asked_for_again_with_another_seed_until_it_is_stopped(demo_services: Services) -> None:
    generate = demo_services.generate
    first = generate.submit(Txt2ImgRequest.of({**FAST, "steps": 1}), user="anna", priority=2, repeats=True)
    until(lambda: sum(job.user == "anna" and job.state == "done" for job in generate.jobs()) >= 3)
    generate.stop_repeating(first.id)
    until(lambda: not generate.active_jobs())
    jobs = generate.jobs(user="anna")
    assert all((job.priority, job.asked) == (2, first.asked) for job in jobs)
    assert [job.origin for job in jobs] == [job.id for job in jobs[1:]] + [None]
    seeds = [ResolvedTxt2Img.model_validate_json(job.request).seed for job in jobs]
    assert len(set(seeds)) == len(seeds) >= 3


def test_what_repeats_with_a_seed_of_its_own_keeps_it_and_ends_when_cancelled(demo_services: Services) -> None:
    generate = demo_services.generate
    generate.submit(Txt2ImgRequest.of({**FAST, "steps": 20, "seed": 7}), user="berta", repeats=True)
    until(lambda: sum(job.user == "berta" for job in generate.jobs()) >= 2)
    until(lambda: any(job.user == "berta" and job.state == "running" for job in generate.active_jobs()))
    generate.cancel_all("berta")
    until(lambda: not generate.active_jobs())
    jobs = generate.jobs(user="berta")
    assert jobs[0].state == "cancelled"
    assert {ResolvedTxt2Img.model_validate_json(job.request).seed for job in jobs} == {7}


def test_what_repeats_goes_on_while_the_queue_is_full(demo_services: Services) -> None:
    """It takes the place of the job that ended, which was let in."""
    generate, settings = demo_services.generate, demo_services.settings
    before = settings.current.queue_limit
    settings.change(queue_limit=1)
    try:
        first = generate.submit(Txt2ImgRequest.of({**FAST, "steps": 8}), user="carla", repeats=True)
        until(lambda: generate.job(first.id).state == "running")
        waiting = generate.submit(Txt2ImgRequest.of(FAST), user="dora")
        generate.pause(waiting.id)
        until(lambda: len([job for job in generate.jobs(user="carla") if job.state == "done"]) >= 2)
    finally:
        settings.change(queue_limit=before)
        for user in ("carla", "dora"):
            generate.cancel_all(user)
        until(lambda: not generate.active_jobs())


def test_what_repeats_goes_on_after_a_crash(paths: Paths) -> None:
    """The server was killed when the job was done, before it was asked for again; what cannot be repeated ends."""
    options = EngineOptions(use_cpu=True, precision="full")
    with closing(build_services(paths, options)) as services:
        job = services.generate.submit(Txt2ImgRequest.of({**FAST, "steps": 1}), user="fay", repeats=True)
        queue = JobQueue(services.database)
        assert queue.claim("worker-1") is not None
        queue.finish(job.id, "done")
        new = NewJob(kind="txt2img", request="{}", asked='{"model": "gone"}', repeats=True)
        gone = queue.add(new, limit=9, limit_of_user=9)
        assert queue.claim("worker-1") is not None
        queue.finish(gone.id, "done")
    with closing(build_services(paths, options)) as services:
        services.generate.pause()
        services.generate.start()
        (again,) = services.generate.jobs(states=["queued"])
        assert (again.user, again.origin, again.repeats) == ("fay", job.id, True)
        assert not services.generate.job(gone.id).repeats


@pytest.mark.parametrize(
    ("asked", "reason"),
    [('{"model": "gone"}', "Model 'gone' is not here"), ('{"model": ', "cannot be read"), ("[]", "cannot be read")],
)
def test_why_something_is_not_repeated_any_more_is_told_by_a_failed_job(
    demo_services: Services, asked: str, reason: str
) -> None:
    generate, queue = demo_services.generate, JobQueue(demo_services.database)
    user = f"gina {len(asked)}"
    with generate.subscribe() as news:
        request = Txt2ImgRequest.of({**FAST, "steps": 1})
        generate.pause()
        job = generate.submit(request, user=user, repeats=True)
        with demo_services.database.transaction() as connection:
            connection.execute("UPDATE jobs SET asked = ? WHERE id = ?", (asked, job.id))
        generate.resume()
        until(lambda: len([one for one in generate.jobs(user=user) if one.state == "failed"]) == 1)
        until(lambda: not queue.get(job.id).repeats)
        (failed,) = generate.jobs(states=["failed"], user=user)
        told = [event for event in news.get(1) if isinstance(event, StateChanged) and event.job_id == failed.id]
    assert (failed.origin, failed.repeats, failed.finished is not None) == (job.id, False, True)
    assert "This was to be repeated" in (failed.error or "") and reason in (failed.error or "")
    assert [(event.state, event.message) for event in told] == [("failed", failed.error)]
    assert queue.unrepeated() == []


@pytest.mark.parametrize("request_text", ["{", "{}", '{"film": 1}'])
@pytest.mark.parametrize("kind", ["txt2img", "img2img", "batch", "extras"])
def test_request_that_cannot_be_read_fails_with_a_sentence(
    demo_services: Services, kind: JobKind, request_text: str
) -> None:
    queue = JobQueue(demo_services.database)
    job = queue.add(NewJob(kind=kind, request=request_text), limit=99, limit_of_user=99)
    until(lambda: queue.get(job.id).is_over)
    assert queue.get(job.id).state == "failed"
    assert "cannot be read. A newer version" in (queue.get(job.id).error or "")


def test_interrupt_that_comes_too_late_for_a_job_ends_its_repeating(demo_services: Services) -> None:
    """The last part of a job is finished when it is interrupted after its current one: the job is done."""
    generate = demo_services.generate
    request = Txt2ImgRequest.of({**FAST, "steps": 12, "batch_count": 2})
    job = generate.submit(request, user="emma", repeats=True)
    until(lambda: any(isinstance(event, Progress) and event.step > 13 for event in generate.events(job.id)))
    generate.interrupt(job.id, "after_current")
    until(lambda: not generate.active_jobs())
    assert [(one.state, one.repeats) for one in generate.jobs(user="emma")] == [("done", False)]


def test_tokens_and_memory_are_asked_of_the_worker(demo_services: Services) -> None:
    count = demo_services.generate.count_tokens("a red house")
    assert (count.tokens, count.limit) == (3, 75)
    demo_services.generate.unload_models()
    before = demo_services.generate.memory()
    demo_services.generate.reload_model()
    after = demo_services.generate.memory()
    assert 0 < before["ram"]["used"] <= before["ram"]["total"]
    assert after["ram"]["used"] > 0
    assert after["cuda"] == {"error": "No graphics card is used."}
    assert finish(demo_services)[0].state == "done"


def test_queue_is_changed_and_everybody_is_told(idle_services: Services) -> None:
    generate = idle_services.generate

    def order() -> list[str]:
        return [job.id for job in generate.active_jobs()]

    request = Txt2ImgRequest.of(FAST)
    with generate.subscribe() as news:
        one, two, three = (generate.submit(request) for _ in range(3))
        assert [event.kind for event in news.get(1)] == ["state"] * 3
        changes: list[tuple[Callable[[], object], list[str]]] = [
            (lambda: generate.move(three.id, one.id), [three.id, one.id, two.id]),
            (lambda: generate.to_front(two.id), [two.id, three.id, one.id]),
            (lambda: generate.set_priority(one.id, 5), [one.id, two.id, three.id]),
        ]
        for change, expected in changes:
            assert change()
            assert order() == expected
            assert "queue" in [event.kind for event in news.get(1)]
    assert generate.pause() and generate.is_paused()
    assert generate.resume() and not generate.is_paused()
    assert generate.pause(two.id) and generate.job(two.id).paused
    front = generate.submit(request, front=True, priority=5)
    assert order()[0] == front.id
    generate.interrupt(front.id)
    again = generate.retry(front.id)
    assert (again.origin, again.request) == (front.id, front.request)
    double = generate.duplicate(one.id)
    assert double.origin == one.id
    assert sorted(generate.cancel_all(None)) == sorted([one.id, two.id, three.id, again.id, double.id])
    assert order() == []
    assert generate.counts()["cancelled"] == 6
    assert not generate.move(one.id, None)


def test_jobs_tell_how_much_they_are(idle_services: Services) -> None:
    def work(**fields: Any) -> float:
        return idle_services.generate.submit(
            Txt2ImgRequest.of({"width": 128, "height": 256, "steps": 10, **fields})
        ).work

    single = work()
    assert single == pytest.approx(10 * 128 * 256 / 1e6)
    assert work(batch_size=2, batch_count=3) == pytest.approx(6 * single)
    assert work(enable_hr=True, hr_scale=2) == pytest.approx(5 * single)
    assert work(enable_hr=True, hr_scale=2, hr_second_pass_steps=5) == pytest.approx(3 * single)
    job = idle_services.generate.active_jobs()[0]
    assert job.model == "atelier-demo"
    assert Txt2ImgRequest.model_validate_json(job.asked).seed == -1
    picture = idle_services.inputs.add(Image.new("RGB", (400, 300)))
    extras = idle_services.generate.submit_extras(ExtrasRequest.of({"images": [picture] * 2}), user="anna")
    assert extras.work == pytest.approx(0.24)
    assert (extras.model, extras.user) == ("", "anna")
