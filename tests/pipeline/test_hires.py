"""The laws of the second pass, and of refiners in both."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.diffusion.latent_resizing import resized_latents
from modules.diffusion.names import BUILT_IN_NAMES, LATENT_UPSCALE_MODES
from modules.errors import InvalidRequest
from modules.pipeline.conditioning import PromptSteps
from modules.pipeline.hires import SecondPass, second_pass_of
from modules.pipeline.sampling_run import SamplingRun
from modules.pipeline.txt2img import txt2img
from tests.pipeline.painting import (
    PICTURE,
    SHAPES,
    Onlooker,
    Studio,
    blocks,
    distance,
    drawn,
    repeated_pixels,
    to_txt2img,
)

Fields = dict[str, Any]


def hires(studio: Studio, **fields: Any) -> np.ndarray:
    return studio.txt2img(enable_hr=True, **fields)


@pytest.mark.parametrize(
    ("fields", "width", "height"),
    [
        ({"hr_scale": 1.5}, 96, 96),
        ({"hr_scale": 1.3}, 80, 80),
        ({"width": 96, "hr_scale": 2}, 192, 128),
        ({"width": 96, "hr_resize_x": 144}, 144, 96),
        ({"width": 96, "hr_resize_y": 96}, 144, 96),
        ({"hr_resize_x": 128, "hr_resize_y": 64}, 128, 64),
        ({"hr_resize_x": 72, "hr_resize_y": 120}, 72, 120),
    ],
)
@pytest.mark.parametrize("upscaler", ["Latent", "Repeat"])
def test_size_is_what_was_asked_for(studio: Studio, upscaler: str, fields: Fields, width: int, height: int) -> None:
    assert hires(studio, hr_upscaler=upscaler, steps=1, **fields).shape == (height, width, 3)


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize("upscaler", ["Latent (bicubic antialiased)", "Repeat"])
def test_batch_of_two_is_two_single_pictures(studio: Studio, model: str, upscaler: str) -> None:
    fields: Fields = {"model": model, "hr_upscaler": upscaler, "hr_scale": 1.5, "enable_hr": True, "steps": 3}
    both = studio.paint(to_txt2img(**fields, batch_size=2, seed=10))
    for index in range(2):
        assert distance(both[index], studio.txt2img(**fields, seed=10 + index)) <= 1


def test_second_pass_of_the_same_size_and_strength_0_is_none(studio: Studio) -> None:
    for upscaler in LATENT_UPSCALE_MODES:
        made = hires(studio, hr_scale=1, denoising_strength=0, hr_upscaler=upscaler)
        assert np.array_equal(made, studio.txt2img())


@torch.inference_mode()
def test_what_sticks_out_is_cut_off_evenly(studio: Studio) -> None:
    """Latents of 8 x 8 cover 16 x 8 as 16 x 16, of which the middle eight rows are left."""
    request = to_txt2img(enable_hr=True, hr_resize_x=128, hr_resize_y=64, hr_upscaler="Latent (nearest)")
    resources = studio.resources()
    second = SecondPass(request, SamplingRun(request, resources), resources, refiner=None)
    latents = torch.arange(256.0).reshape(1, 4, 8, 8)
    expected = latents[:, :, 2:6].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(second.enlarged(latents), expected)


@torch.inference_mode()
def test_image_upscalers_work_on_the_picture_of_the_first_pass(studio: Studio) -> None:
    model, first = studio.models["plain"], studio.txt2img()
    for upscaler in ("Repeat", "Inverse"):
        larger = model.encode(repeated_pixels(upscaler, first, 128, 128)[None])
        made = hires(studio, hr_upscaler=upscaler, denoising_strength=0)
        assert np.array_equal(made, model.decode(larger)[0])


def test_every_way_to_enlarge_gives_another_picture(studio: Studio) -> None:
    upscalers = (*LATENT_UPSCALE_MODES, "Repeat", "Inverse")
    # To half as much again: nearest and nearest-exact take the same cells of a doubled size.
    made = [hires(studio, hr_upscaler=upscaler, hr_scale=1.5, steps=2) for upscaler in upscalers]
    equal = [pair for pair in combinations(range(len(made)), 2) if np.array_equal(made[pair[0]], made[pair[1]])]
    # Enlarging, there is nothing to antialias.
    named = {frozenset({upscalers[one], upscalers[other]}) for one, other in equal}
    assert named <= {
        frozenset({"Latent", "Latent (antialiased)"}),
        frozenset({"Latent (bicubic)", "Latent (bicubic antialiased)"}),
    }


@pytest.mark.parametrize("strength", [0.1, 0.5, 1])
def test_steps_of_the_second_pass_are_exact(studio: Studio, strength: float) -> None:
    for steps, second in ((0, 4), (3, 3)):
        onlooker = Onlooker()
        request = to_txt2img(enable_hr=True, denoising_strength=strength, hr_second_pass_steps=steps, batch_count=2)
        studio.paint(request, onlooker)
        total = 2 * (4 + second)
        assert onlooker.steps == [(step, total) for step in range(1, total + 1)]
        assert [tuple(preview.shape) for preview in onlooker.previews[3:5]] == [(1, 8, 8, 3), (1, 16, 16, 3)]


OWN: list[Fields] = [
    {"hr_prompt": "a blue boat"},
    {"hr_negative_prompt": "a blue boat"},
    {"hr_cfg_scale": 3},
    {"hr_sampler_name": "Euler a"},
    {"hr_scheduler": "Karras"},
    {"hr_sampler_name": "DPM++ 2M", "hr_scheduler": "Karras"},
    {"hr_second_pass_steps": 6},
    {"hr_checkpoint_name": "other"},
]
_FIRST = {"hr_second_pass_steps": "steps", "hr_checkpoint_name": "model"}


@pytest.mark.parametrize("own", OWN, ids=lambda own: "-".join(own))
def test_what_the_second_pass_has_of_its_own_is_used(studio: Studio, own: Fields) -> None:
    """Where a picture takes the place of the first pass, it is as if the first pass were asked for the same."""
    studio.pictures[PICTURE] = Image.fromarray(drawn())
    fields: Fields = {"hr_upscaler": "Repeat", "firstpass_image": PICTURE}
    of_first = {_FIRST.get(name, name.removeprefix("hr_")): value for name, value in own.items()}
    of_first |= {"scheduler": "Uniform"} if "hr_sampler_name" in own and "hr_scheduler" not in own else {}
    made = hires(studio, **fields, **own)
    assert not np.array_equal(made, hires(studio, **fields))
    assert np.array_equal(made, hires(studio, **fields, **of_first))


@pytest.mark.parametrize("own", [*OWN, {"denoising_strength": 0.4}], ids=lambda own: "-".join(own))
def test_what_the_second_pass_has_of_its_own_changes_the_picture(studio: Studio, own: Fields) -> None:
    assert not np.array_equal(hires(studio), hires(studio, **own))


def test_own_prompts_of_every_picture_leave_the_others_as_they_are(studio: Studio) -> None:
    """An empty one is that of the first pass."""
    fields: Fields = {"enable_hr": True, "hr_scale": 1.5, "seed": 10}
    made = studio.paint(to_txt2img(**fields, batch_count=2, hr_prompts=("a blue boat", "")))
    assert np.array_equal(made[0], studio.txt2img(**fields, hr_prompt="a blue boat"))
    assert np.array_equal(made[1], studio.txt2img(**{**fields, "seed": 11}))


def test_second_pass_without_anything_of_its_own_is_as_the_first() -> None:
    request = to_txt2img(enable_hr=True, sampler_name="DPM++ 2M", scheduler="Karras", prompts=("a",), cfg_scale=5)
    second = second_pass_of(request, BUILT_IN_NAMES)
    same = ("sampler_name", "scheduler", "steps", "cfg_scale", "model", "prompts")
    assert [getattr(second, name) for name in same] == [getattr(request, name) for name in same]
    assert (second.width, second.height) == (128, 128)


class TestPromptRanges:
    """In the second pass fractions count from 1 to 2, and steps on from those of the first."""

    @pytest.mark.parametrize(
        ("prompt", "texts"),
        [
            ("[a:b:1.5]", [(2, "a"), (4, "b")]),
            ("[a:b:12]", [(2, "a"), (4, "b")]),
            ("[a:b:0.5]", [(4, "b")]),
            ("[a:b:5]", [(4, "b")]),
            ("[a:b:1.0]", [(4, "b")]),
            ("[a:b:2.0]", [(4, "a")]),
        ],
    )
    def test_of_ten_and_four_evaluations(self, prompt: str, texts: list[tuple[int, str]]) -> None:
        schedule = PromptSteps(4, after=10).schedule(prompt, old_timelines=False)
        assert [(entry.end_at_step, entry.text) for entry in schedule if entry.end_at_step > 0] == texts

    def test_first_pass_does_not_reach_them(self, studio: Studio) -> None:
        same, changed = "a red house", "a [red:blue:1.5] house"
        assert np.array_equal(studio.txt2img(prompt=same), studio.txt2img(prompt=changed))
        made = [hires(studio, prompt=same, hr_prompt=text) for text in (same, changed, "a blue house")]
        assert not any(np.array_equal(one, other) for one, other in combinations(made, 2))
        assert np.array_equal(hires(studio, prompt=changed), made[1])

    def test_sampler_of_second_order_counts_its_evaluations(self, studio: Studio) -> None:
        """Heun asks twice a step: of 4 steps 1.5 is the fourth evaluation of the second pass."""
        fields: Fields = {"hr_sampler_name": "Heun", "hr_scheduler": "Karras"}
        half, whole = (hires(studio, prompt=f"a [red:blue:{when}] house", **fields) for when in ("1.5", "8"))
        assert np.array_equal(half, whole)


class TestGivenPicture:
    """A finished picture in the place of the first pass."""

    def test_result_of_the_first_pass_gives_the_picture_of_both(self, studio: Studio) -> None:
        """To the last bit where an image upscaler enlarges it: it starts from the picture in either case."""
        studio.pictures[PICTURE] = Image.fromarray(studio.txt2img())
        fields: Fields = {"hr_upscaler": "Repeat"}
        assert np.array_equal(hires(studio, **fields, firstpass_image=PICTURE), hires(studio, **fields))

    @torch.inference_mode()
    def test_latent_modes_enlarge_its_latents(self, studio: Studio) -> None:
        model = studio.models["plain"]
        larger = resized_latents(model.encode(drawn()[None]), "Latent", height=16, width=16)
        made = hires(studio, firstpass_image=PICTURE, denoising_strength=0)
        assert np.array_equal(made, model.decode(larger)[0])

    def test_it_comes_back_where_nothing_is_painted(self, studio: Studio) -> None:
        studio.pictures[PICTURE] = Image.fromarray(blocks())
        fields: Fields = {"model": "blocks", "firstpass_image": PICTURE, "denoising_strength": 0}
        for upscaler in ("Latent (nearest)", "Repeat"):
            made = hires(studio, hr_upscaler=upscaler, **fields)
            assert np.array_equal(made, blocks().repeat(2, axis=0).repeat(2, axis=1))

    def test_only_the_second_pass_is_counted(self, studio: Studio) -> None:
        onlooker = Onlooker()
        request = to_txt2img(enable_hr=True, firstpass_image=PICTURE, hr_second_pass_steps=3, batch_size=2, seed=10)
        made = studio.paint(request, onlooker)
        assert onlooker.steps == [(step, 3) for step in range(1, 4)]
        single = hires(studio, firstpass_image=PICTURE, hr_second_pass_steps=3, seed=11)
        assert distance(made[1], single) <= 1


def test_finished_pictures_are_not_made_again(studio: Studio) -> None:
    request = to_txt2img(enable_hr=True, hr_scale=1.5, batch_size=2, seed=5)
    onlooker = Onlooker()
    rest = studio.paint(request, onlooker, finished=frozenset({0}))
    assert sorted(rest) == [1]
    assert len(onlooker.previews[0]) == 1
    assert distance(rest[1], studio.paint(request)[1]) <= 1


def test_latents_of_another_kind_are_refused(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="of another kind"):
        hires(studio, hr_checkpoint_name="xl")
    with pytest.raises(InvalidRequest, match="of another kind"):
        studio.txt2img(refiner_checkpoint="xl")
    assert hires(studio, hr_checkpoint_name="xl", hr_upscaler="Repeat").shape == (128, 128, 3)


class Calls:
    """How often the networks of some models were asked, one after the other."""

    def __init__(self, studio: Studio, *names: str) -> None:
        self.names: list[str] = []
        self._handles = [
            studio.models[name].unet.register_forward_pre_hook(lambda *_, name=name: self.names.append(name))
            for name in names
        ]

    def end(self) -> list[str]:
        for handle in self._handles:
            handle.remove()
        return self.names


class TestRefiner:
    """A second model takes over at the switch point. Euler on Normal stands at the timesteps 999, 666, 333 and 0."""

    @pytest.mark.parametrize(
        ("switch", "first"),
        [(0.0, 0), (0.3, 1), (0.333, 1), (0.334, 2), (0.666, 2), (0.8, 3), (1.0, 4)],
    )
    def test_switch_counts_training_steps(self, studio: Studio, switch: float, first: int) -> None:
        """At timestep t (999 - t) / 1000 of them are over."""
        calls = Calls(studio, "plain", "other")
        studio.txt2img(refiner_checkpoint="other", refiner_switch_at=switch)
        assert calls.end() == ["plain"] * first + ["other"] * (4 - first)

    @pytest.mark.parametrize(("switch", "first"), [(0.0, 0), (0.25, 1), (0.3, 2), (0.5, 2), (0.8, 4), (1.0, 4)])
    def test_switch_may_count_steps(self, studio: Studio, switch: float, first: int) -> None:
        calls = Calls(studio, "plain", "other")
        studio.txt2img(refiner_checkpoint="other", refiner_switch_at=switch, refiner_switch_by_sample_steps=True)
        assert calls.end() == ["plain"] * first + ["other"] * (4 - first)

    @pytest.mark.parametrize(
        ("passes", "expected"),
        [
            ("first pass", ["plain", "plain", "other", "other", "plain", "plain", "plain", "plain"]),
            ("second pass", ["plain", "plain", "plain", "plain", "plain", "plain", "other", "other"]),
            ("both passes", ["plain", "plain", "other", "other"] * 2),
        ],
    )
    def test_passes(self, studio: Studio, passes: str, expected: list[str]) -> None:
        calls = Calls(studio, "plain", "other")
        fields: Fields = {"refiner_switch_at": 0.5, "refiner_switch_by_sample_steps": True}
        made = hires(studio, refiner_checkpoint="other", hires_fix_refiner_pass=passes, **fields)
        assert calls.end() == expected
        assert not np.array_equal(made, hires(studio))

    def test_one_pass_alone_is_refined_whatever_it_is_called(self, studio: Studio) -> None:
        fields: Fields = {"refiner_checkpoint": "other", "refiner_switch_at": 0.5}
        one, other = (studio.txt2img(**fields, hires_fix_refiner_pass=name) for name in ("first pass", "second pass"))
        assert np.array_equal(one, other)
        assert not np.array_equal(one, studio.txt2img())

    def test_refiner_that_is_the_model_itself_changes_nothing(self, studio: Studio) -> None:
        """Also where words change on the way: it goes on counting."""
        fields: Fields = {"prompt": "a [red:blue:0.7] house", "steps": 6}
        made = studio.txt2img(**fields, refiner_checkpoint="plain", refiner_switch_at=0.5)
        assert np.array_equal(made, studio.txt2img(**fields))

    def test_refiner_of_xl_reads_with_one_encoder(self, studio: Studio) -> None:
        calls = Calls(studio, "xl", "xl-refiner")
        made = studio.txt2img(model="xl", refiner_checkpoint="xl-refiner", refiner_switch_at=0.5)
        assert calls.end() == ["xl", "xl", "xl-refiner", "xl-refiner"]
        assert not np.array_equal(made, studio.txt2img(model="xl"))

    def test_every_batch_begins_with_the_model(self, studio: Studio) -> None:
        calls = Calls(studio, "plain", "other")
        made = studio.paint(to_txt2img(refiner_checkpoint="other", refiner_switch_at=0.5, batch_count=2, seed=5))
        assert calls.end() == ["plain", "plain", "other", "other"] * 2
        single = studio.txt2img(refiner_checkpoint="other", refiner_switch_at=0.5, seed=6)
        assert np.array_equal(made[1], single)


@pytest.mark.parametrize(
    ("change", "shared"),
    [
        ({"denoising_strength": 0.3}, True),
        ({"hr_upscaler": "Latent (nearest)"}, True),
        ({"hr_second_pass_steps": 2}, True),
        ({"hr_prompt": "a boat"}, True),
        ({"seed": 8}, False),
        ({"prompt": "a boat"}, False),
        ({"cfg_scale": 3.0}, False),
    ],
)
def test_a_first_pass_is_shared_by_requests_that_differ_in_the_second(
    studio: Studio, change: dict[str, Any], shared: bool
) -> None:
    """Cells of a grid over fields of the second pass: not painted twice, and the same to the bit."""
    fields: Fields = {"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Latent", "denoising_strength": 0.6, "seed": 7}
    alone = studio.paint(to_txt2img(**{**fields, **change}))[0]
    watcher = Onlooker()
    resources = studio.resources(watcher)
    list(txt2img(to_txt2img(**fields), resources))
    steps = len(watcher.steps)
    (after,) = txt2img(to_txt2img(**{**fields, **change}), resources)
    assert np.array_equal(after.pixels, alone)
    done, total = watcher.steps[-1]
    second = fields | change
    expected = second.get("hr_second_pass_steps", 4) + (0 if shared else 4)
    assert (done, total, len(watcher.steps) - steps) == (expected, expected, expected)
