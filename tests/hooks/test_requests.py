"""Requests as scripts see them: their fields, what was typed, changes."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from modules.hooks import Available, InvalidRequest, Task, drawn_seed, sides_of, typed, with_changes
from tests.builtin.painter import INPUT, INPUT_SIZES, OTHER_INPUT, picture, words


@pytest.mark.parametrize(
    ("name", "kind", "choices"),
    [
        ("steps", "whole", ()),
        ("eta", "number", ()),
        ("cfg_scale", "number", ()),
        ("wildcards", "switch", ()),
        ("rng", "choice", ("NV", "CPU", "GPU")),
        ("sampler_name", "choice", ("Euler",)),
        ("refiner_checkpoint", "choice", ("m",)),
        ("styles", "list", ("film",)),
        ("prompt", "text", ()),
        ("sigmas", "list", ()),
    ],
)
def test_fields_have_their_kinds_and_choices(name: str, kind: str, choices: tuple[str, ...]) -> None:
    available = Available(task="txt2img", samplers=("Euler",), models=("m",), styles=("film",))
    assert available.fields[name].kind == kind
    assert available.choices_of(name) == choices


def test_fields_are_those_that_a_person_gives() -> None:
    names = Available(task="img2img").fields.keys()
    assert {"denoising_strength", "init_images", "mask"} <= names
    assert not {"template", "prompts", "script_name", "script_args", "hr_scale"} & names


def test_names_belong_into_fields_that_there_are() -> None:
    every = {"samplers", "schedules", "models", "upscalers", "hires_upscalers", "styles"}
    names: dict[str, Any] = {name: (name,) for name in every}
    found: set[str] = set()
    for task in get_args(Task):
        available = Available(task=task, **names)
        offered = {name: available.choices_of(name) for name in available.fields}
        found |= {row for rows in offered.values() for row in rows} & every
        assert offered["sampler_name"] == ("samplers",) and offered["model"] == ("models",)
    assert found == every


def test_what_was_typed_comes_before_what_is_painted() -> None:
    assert typed(words(), "prompt") == "a red house"
    assert typed(words(prompt="a red house, grainy", template="a house"), "prompt") == "a house"
    assert typed(words(hr_prompt="x", hr_template=""), "hr_prompt") == ""
    assert typed(picture(), "hr_prompt") == ""


def test_a_changed_request_is_a_plain_one_as_it_was_typed() -> None:
    base = words(
        prompt="one, grainy", template="__colour__", prompts=("one", "two"), batch_size=2, styles=("film",),
        wildcards=True, script_name="X/Y/Z plot", script_args={"x_type": "Steps"},
    )  # fmt: skip
    changed = with_changes(base, {"steps": "30", "batch_size": 3})
    assert (changed.prompt, changed.template, changed.prompts) == ("__colour__", None, ())
    assert (changed.steps, changed.batch_size, changed.styles, changed.wildcards) == (30, 3, ("film",), True)
    assert (changed.script_name, changed.script_args) == (None, {})
    assert base.steps == 20


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"steps": 0}, "Steps 0 is too small."),
        ({"stepps": 3}, "stepps 3 is no field of this request. Nearest: steps"),
        ({"guidance_interval_start": 0.9, "guidance_interval_end": 0.1}, "Guidance interval"),
    ],
)
def test_changes_that_cannot_be_are_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        with_changes(words(), fields)
    assert sentence in str(refused.value)


def test_sides_are_those_of_the_second_pass() -> None:
    assert sides_of(words(width=64, height=128), INPUT_SIZES.__getitem__) == (64, 128)
    assert sides_of(words(width=64, height=128, enable_hr=True, hr_scale=1.5), INPUT_SIZES.__getitem__) == (96, 192)


@pytest.mark.parametrize(
    ("fields", "sides"),
    [
        ({}, (64, 64)),
        ({"mask": OTHER_INPUT}, (64, 64)),
        ({"outpaint_left": 40}, (64, 64)),
        ({"inpaint_full_res": True}, (64, 64)),  # nothing is masked
        ({"mask": OTHER_INPUT, "inpaint_full_res": True}, (640, 480)),
        ({"inpaint_full_res": True, "outpaint_left": 40, "outpaint_bottom": 7}, (680, 487)),
        ({"sd_upscale_upscaler": "Lanczos", "sd_upscale_by": 2.5}, (1600, 1200)),
        ({"sd_upscale_upscaler": "Lanczos", "init_images": (INPUT, OTHER_INPUT)}, (640, 2000)),
    ],
)
def test_sides_are_those_of_the_result_and_not_of_what_is_painted_at_once(
    fields: dict[str, object], sides: tuple[int, int]
) -> None:
    assert sides_of(picture(**fields), INPUT_SIZES.__getitem__) == sides


def test_a_drawn_seed_depends_on_its_place_alone() -> None:
    seeds = [drawn_seed(1, "x", place) for place in range(100)]
    assert seeds == [drawn_seed(1, "x", place) for place in range(100)]
    assert len(set(seeds)) == 100 and all(0 <= seed < 2**32 for seed in seeds)
    assert drawn_seed(5, "x") == 2_333_818_441
