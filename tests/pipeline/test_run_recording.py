"""Recording how pictures come to be: it changes no bit of them, keeps nothing behind, and says what was seen."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from modules.errors import Interrupted
from modules.pipeline.img2img import img2img
from modules.pipeline.run_recording import MOST_STEPS, RecordedRun, cells_of
from modules.pipeline.txt2img import txt2img
from modules.schema.requests import ResolvedImg2Img, ResolvedTxt2Img
from tests.pipeline.painting import SHAPES, Onlooker, Studio, to_img2img, to_txt2img


class Shelf:
    """A Recorder that keeps everything of some pictures."""

    def __init__(self, *wanted: int) -> None:
        self.wanted = wanted or (0,)
        self.runs: list[RecordedRun] = []

    def wants(self, index: int) -> bool:
        return index in self.wanted

    def keep(self, run: RecordedRun) -> None:
        self.runs.append(run)


def painted(
    studio: Studio, request: ResolvedTxt2Img | ResolvedImg2Img, shelf: Shelf | None, watcher: Onlooker | None = None
) -> list[np.ndarray]:
    resources = replace(studio.resources(watcher), recorder=shelf)
    with resources.networks:
        task = txt2img(request, resources) if isinstance(request, ResolvedTxt2Img) else img2img(request, resources)
        return [picture.pixels for picture in task]


def recorded(studio: Studio, **fields: Any) -> list[RecordedRun]:
    shelf = Shelf()
    painted(studio, to_txt2img(**fields), shelf)
    return shelf.runs


def hooks(studio: Studio) -> int:
    return sum(len(module._forward_hooks) for model in studio.models.values() for module in model.unet.modules())


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize("task", [to_txt2img, to_img2img])
def test_no_bit_of_a_picture_changes(studio: Studio, model: str, task: Any) -> None:
    request = task(
        model=model, prompt="a (red:1.4) [cat|dog] AND house BREAK boat", negative_prompt="fish", batch_size=2
    )
    shelf, before = Shelf(0, 1), hooks(studio)
    plain, watched = painted(studio, request, None), painted(studio, request, shelf)
    assert all(np.array_equal(one, other) for one, other in zip(plain, watched, strict=True))
    assert [run.index for run in shelf.runs] == [0, 1]
    assert {key[1] for key, _ in shelf.runs[0].words} == {"a", "red", "cat", "dog", "house", "boat"}
    assert hooks(studio) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"sampler_name": "Heun"},
        {"sampler_name": "DPM++ 2M SDE", "batch_size": 2, "pad_cond_uncond": True},
        {"sampler_name": "Euler a CFG++", "cfg_scale": 1.0},
        {"enable_hr": True, "hr_scale": 2.0},
        {"refiner_checkpoint": "other", "refiner_switch_at": 0.5},
        {"s_min_uncond": 20.0},
    ],
)
def test_no_bit_changes_whatever_runs(studio: Studio, fields: dict[str, Any]) -> None:
    request, shelf = to_txt2img(steps=5, negative_prompt="a very long " * 40, **fields), Shelf()
    plain = painted(studio, request, None)
    assert all(map(np.array_equal, plain, painted(studio, request, shelf)))
    assert all(len(step.words) == 3 for run in shelf.runs for step in run.recorded)
    assert [run.is_second for run in shelf.runs] == ([False, True] if "enable_hr" in fields else [False])


def test_steps_are_told_with_what_was_seen(studio: Studio) -> None:
    (run,) = recorded(studio, steps=6, sampler_name="Euler", scheduler="Karras", cfg_scale=4.0)
    assert [step.number for step in run.recorded] == [1, 2, 3, 4, 5, 6]
    sigmas = [step.sigma or 0.0 for step in run.recorded]
    assert sigmas == sorted(sigmas, reverse=True) and sigmas[0] == pytest.approx(14.6146, abs=1e-3)
    assert (run.sampler, run.scheduler, run.steps) == ("Euler", "Karras", 6)
    for step in run.recorded:
        assert set(step.sights) == {"denoised", "positive", "negative"}
        assert step.sights["denoised"].shape == (8, 8, 3) and step.difference.shape == (8, 8)
        assert all(one.shape == (8, 8) and np.isfinite(one).all() for one in step.words.values())


def test_guidance_changes_nothing_at_cfg_one(studio: Studio) -> None:
    (guided,) = recorded(studio, cfg_scale=7.0, negative_prompt="fish")
    (plain,) = recorded(studio, cfg_scale=1.0, negative_prompt="fish")
    assert all(step.difference.max() > 0 for step in guided.recorded)
    assert all(step.difference.max() == 0 and "negative" not in step.sights for step in plain.recorded)


def test_first_pass_is_painted_anew_to_be_recorded(studio: Studio) -> None:
    request, resources = to_txt2img(enable_hr=True, hr_scale=2.0), studio.resources()
    shelf = Shelf()
    with resources.networks:
        (plain,) = txt2img(request, resources)
        (again,) = txt2img(request, replace(resources, recorder=shelf))
    assert np.array_equal(plain.pixels, again.pixels) and len(shelf.runs) == 2


def test_long_runs_are_thinned_out_and_end_with_the_last_step(studio: Studio) -> None:
    (run,) = recorded(studio, steps=120)
    assert len(run.recorded) <= MOST_STEPS + 1 and run.recorded[-1].number == run.steps == 120


def test_what_was_stopped_is_recorded_as_far_as_it_came(studio: Studio) -> None:
    shelf, before = Shelf(), hooks(studio)
    with pytest.raises(Interrupted):
        painted(studio, to_txt2img(steps=8), shelf, Onlooker(stop_at=3))
    assert [step.number for step in shelf.runs[0].recorded] == [1, 2, 3]
    assert hooks(studio) == before


def test_pictures_that_nobody_wants_are_not_watched(studio: Studio) -> None:
    shelf = Shelf(5)
    painted(studio, to_txt2img(), shelf)
    assert shelf.runs == []


@pytest.mark.parametrize("is_recorded", [False, True])
def test_no_tensor_is_kept(studio: Studio, is_recorded: bool) -> None:
    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    shelf, texts = Shelf(), studio.resources().texts

    def paint() -> None:
        resources = replace(studio.resources(texts=texts), recorder=shelf if is_recorded else None)
        with resources.networks:
            list(txt2img(to_txt2img(), resources))
        assert bool(shelf.runs) == is_recorded
        shelf.runs.clear()

    paint()
    before = tensors()
    for _ in range(3):
        paint()
    assert tensors() == before


def test_maps_have_the_shape_of_the_latents() -> None:
    assert cells_of((64, 64)) == (32, 32)
    assert cells_of((96, 64)) == (32, 21)
    assert cells_of((16, 8)) == (16, 8)
