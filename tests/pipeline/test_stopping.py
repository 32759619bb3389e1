"""Interrupting and skipping: how often a network is called afterwards, and what is left of the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion import picture_coding
from modules.diffusion.names import BUILT_IN_NAMES, SAMPLER_NAMES
from modules.errors import Interrupted, Skipped
from modules.jobs.job_control import JobControl
from modules.pipeline.img2img import img2img
from modules.pipeline.resources import PaintedPicture
from modules.pipeline.txt2img import txt2img
from modules.pipeline.watcher import Unwatched
from modules.schema.requests import ResolvedImg2Img, ResolvedTxt2Img
from tests.pipeline.painting import MASK, PICTURE, SECOND_PICTURE, Studio, to_img2img, to_txt2img

pytestmark = pytest.mark.usefixtures("previews_are_fitted")

SAMPLERS = [row.name for row in SAMPLER_NAMES]
MODELS = ("plain", "other")
BATCHES = {"batch_size": 2, "batch_count": 3, "seed": 40}

Request = ResolvedTxt2Img | ResolvedImg2Img
Fields = dict[str, Any]
Obey = Callable[[JobControl], object]


@pytest.fixture
def previews_are_fitted(studio: Studio) -> None:
    """Each VAE is asked for that once, which is no part of a picture."""
    for name in MODELS:
        studio.models[name].preview_by("Approx NN")


class Obedient(Unwatched):
    """A watcher of a task that obeys a control, as one of a job does."""

    def __init__(self, control: JobControl, *, keeps: bool = False) -> None:
        self.skipped: set[int] = set()
        self._control = control
        self._keeps = keeps

    def check(self) -> None:
        self._control.check()

    def stage(self, text: str) -> None:
        self._control.check()

    @contextmanager
    def part(self, indices: Sequence[int]) -> Iterator[None]:
        try:
            with self._control.part():
                yield
        except Skipped:
            self.skipped |= set(indices)

    def keeps_unfinished(self) -> bool:
        return self._keeps and self._control.settle()


class Calls:
    """Counts the calls of all networks of some models; during call number `at` somebody asks for something."""

    def __init__(self, models: Mapping[str, LoadedModel], control: JobControl) -> None:
        self.count = 0
        self.at = 0
        self.ask: Obey = JobControl.interrupt
        self._control = control
        networks: dict[int, Any] = {}
        for model in map(models.__getitem__, MODELS):
            found = [model.unet, model.vae.encoder, model.vae.decoder, *(one.network for one in model.text_encoders)]
            networks |= {id(network): network for network in found}
        self._hooks = [network.register_forward_hook(self._called) for network in networks.values()]

    def _called(self, *_: object) -> None:
        self.count += 1
        if self.count == self.at:
            self.ask(self._control)

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()


def paint(
    studio: Studio, request: Request, *, at: int = 0, ask: Obey = JobControl.interrupt, keeps: bool = False
) -> tuple[dict[int, PaintedPicture], int, bool, set[int]]:
    """The pictures, how often networks were called, whether it was interrupted, and what was skipped."""
    control = JobControl()
    watcher, calls = Obedient(control, keeps=keeps), Calls(studio.models, control)
    calls.at, calls.ask = at, ask
    found: dict[int, PaintedPicture] = {}
    interrupted = False
    try:
        resources = studio.resources(watcher)
        with resources.networks:
            task = txt2img(request, resources) if isinstance(request, ResolvedTxt2Img) else img2img(request, resources)
            for picture in task:
                found[picture.index] = picture
    except Interrupted:
        interrupted = True
    finally:
        calls.close()
    return found, calls.count, interrupted, watcher.skipped


def spread(calls: int, most: int = 6) -> list[int]:
    """Some numbers of calls, among them the first, the middle and the last ones."""
    middle = {calls * place // (most - 3) for place in range(1, most - 3)}
    return sorted({1, *middle, calls - 1, calls} - {0})


def check_calls(studio: Studio, request: Request) -> None:
    """Interrupted during a call, no network is called any more; the last call may have finished the job."""
    whole, calls, interrupted, _ = paint(studio, request)
    assert not interrupted and len(whole) == request.picture_count
    for at in spread(calls):
        some, made, interrupted, _ = paint(studio, request, at=at)
        assert (made, interrupted or at == calls) == (at, True)
        assert all(np.array_equal(some[index].pixels, whole[index].pixels) for index in some)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_sampler_calls_the_network_after_an_interrupt(studio: Studio, sampler: str) -> None:
    schedule = BUILT_IN_NAMES.find_pair(sampler, None)[1]
    check_calls(studio, to_txt2img(sampler_name=sampler, scheduler=schedule, steps=2))


TASKS: dict[str, Fields] = {
    "batches": BATCHES,
    "composed": {"prompt": "a house AND a tree AND [night:day:0.5]"},
    "hires, latent": {"enable_hr": True, "hr_upscaler": "Latent", "hr_scale": 1.5, **BATCHES},
    "hires, pixels": {"enable_hr": True, "hr_upscaler": "Inverse", "hr_scale": 1.5, **BATCHES},
    "hires of a picture": {"enable_hr": True, "hr_scale": 1.5, "firstpass_image": PICTURE},
    "refiner": {"refiner_checkpoint": "other", "refiner_switch_at": 0.5},
    "seamless": {"tiling": "X"},
    "img2img": {"init_images": (PICTURE, SECOND_PICTURE), "batch_count": 2},
    "inpainting": {"init_images": (PICTURE,), "mask": MASK, "inpainting_fill": "latent noise", "soft_inpainting": True},
    "SD upscale": {"init_images": (PICTURE,), "sd_upscale_upscaler": "Nearest", "sd_upscale_by": 1.5, **BATCHES},
}


def asked(fields: Fields) -> Request:
    usual = {"steps": 2, "sampler_name": "Heun", "scheduler": "Karras", **fields}
    return to_img2img(**usual) if "init_images" in usual else to_txt2img(**usual)


@pytest.fixture
def masked(studio: Studio) -> Studio:
    """A studio that has a mask."""
    studio.pictures[MASK] = studio.pictures[PICTURE].point(lambda level: 255 * (level > 100)).convert("L")
    return studio


@pytest.mark.parametrize("task", TASKS)
def test_no_task_calls_a_network_after_an_interrupt(masked: Studio, task: str) -> None:
    check_calls(masked, asked(TASKS[task]))


@pytest.mark.parametrize("task", TASKS)
def test_a_skip_changes_no_other_picture(masked: Studio, task: str) -> None:
    """A part is left out whole or, where some of its pictures were finished, but for these; all others are painted."""
    request = asked(TASKS[task])
    whole, calls, _, _ = paint(masked, request)
    for at in spread(calls):
        some, made, interrupted, skipped = paint(masked, request, at=at, ask=JobControl.skip)
        assert not interrupted and made <= calls + 4  # what parts share may be made again
        assert set(some) | skipped == set(whole)
        assert len(skipped) <= request.batch_size
        assert all(np.array_equal(some[index].pixels, whole[index].pixels) for index in some)


@pytest.mark.parametrize("batch", range(3))
def test_the_batch_that_is_skipped_is_the_one_that_is_made(studio: Studio, batch: int) -> None:
    """Two calls are for the words, then three and two pictures for each batch."""
    request = asked(BATCHES)
    whole, _, _, _ = paint(studio, request)
    at = 2 + 5 * batch + 2
    some, calls, _, skipped = paint(studio, request, at=at, ask=JobControl.skip)
    assert skipped == {2 * batch, 2 * batch + 1}
    assert set(some) == set(whole) - skipped
    assert calls == 2 + 2 * 5 + 2
    assert all(np.array_equal(some[index].pixels, whole[index].pixels) for index in some)


def test_a_skip_between_two_pictures_of_a_batch_keeps_the_first(studio: Studio) -> None:
    request = asked(BATCHES)
    some, _, _, skipped = paint(studio, request, at=2 + 3 + 1, ask=JobControl.skip)
    assert (set(some), skipped) == ({0, 2, 3, 4, 5}, {0, 1})


def test_the_current_batch_is_finished_where_that_is_wanted(studio: Studio) -> None:
    request = asked(BATCHES)
    whole, _, _, _ = paint(studio, request)
    some, calls, interrupted, _ = paint(
        studio, request, at=2 + 5 + 1, ask=lambda control: control.interrupt("after_current")
    )
    assert (interrupted, calls, set(some)) == (True, 2 + 2 * 5, {0, 1, 2, 3})
    assert all(np.array_equal(some[index].pixels, whole[index].pixels) for index in some)


@pytest.mark.parametrize("direction", ["encoder", "decoder"])
def test_a_vae_is_stopped_between_its_tiles(studio: Studio, monkeypatch: pytest.MonkeyPatch, direction: str) -> None:
    monkeypatch.setattr(picture_coding, "free_memory", lambda device: 1)
    fields: Fields = {"width": 320, "height": 320, "steps": 1, "sampler_name": "Euler"}
    if direction == "encoder":
        fields |= {"init_images": (PICTURE,), "denoising_strength": 0.9}
    request = asked(fields)
    _, calls, _, _ = paint(studio, request)
    tiles = calls - 2 - 1  # those for words and the network
    assert tiles >= (8 if direction == "encoder" else 4)
    for at in range(2, calls, 2):
        assert paint(studio, request, at=at)[1:3] == (at, True)
    vae = studio.models["plain"].vae
    assert not vae.use_tiling and not vae.encoder._forward_pre_hooks and not vae.decoder._forward_pre_hooks


@pytest.mark.parametrize(
    ("task", "size"),
    [("batches", 64), ("hires, latent", 96), ("img2img", 64), ("inpainting", 64), ("refiner", 64)],
)
@pytest.mark.parametrize("ask", [JobControl.interrupt, JobControl.skip])
def test_unfinished_pictures_are_whole_where_they_are_wanted(masked: Studio, task: str, size: int, ask: Obey) -> None:
    fields = {"steps": 3, "sampler_name": "Euler", "batch_count": 1, "denoising_strength": 1}
    inputs = {"init_images": (PICTURE,)} if "init_images" in TASKS[task] else {}
    request = asked({**TASKS[task], **fields, **inputs})
    whole, calls, _, _ = paint(masked, request)
    last = calls - len(whole) - 1  # but one of the steps
    some, _, interrupted, skipped = paint(masked, request, at=last, ask=ask, keeps=True)
    assert (interrupted, skipped) == ((True, set()) if ask is JobControl.interrupt else (False, set(whole)))
    for index in whole:
        assert some[index].unfinished == "step 2 of 3"
        assert some[index].pixels.shape == whole[index].pixels.shape == (size, size, 3)
        assert not np.array_equal(some[index].pixels, whole[index].pixels)


def test_before_the_first_step_there_is_nothing_to_keep(studio: Studio) -> None:
    for at in (1, 2, 3):
        assert paint(studio, asked({}), at=at, keeps=True)[0] == {}


def test_tiles_of_a_picture_that_was_stopped_are_not_kept(studio: Studio) -> None:
    request = asked({**TASKS["SD upscale"], "batch_count": 1, "batch_size": 1})
    for at in (5, 9):
        assert paint(studio, request, at=at, keeps=True)[0] == {}


def test_the_next_job_is_not_stopped(studio: Studio) -> None:
    request = asked(BATCHES)
    before, _, _, _ = paint(studio, request)
    paint(studio, request, at=5)
    after, _, _, _ = paint(studio, request)
    assert all(np.array_equal(before[index].pixels, after[index].pixels) for index in before)
