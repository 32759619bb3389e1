"""Samplers and schedules of extensions within passes: the program's own, written as an extension, give its pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.schedule_options import ScheduleOptions
from modules.diffusion.schedules import sigmas_for
from modules.errors import Interrupted, PluginFailed
from modules.hooks import AfterStep, Sampler, SamplerContext, Schedule, ScheduleContext
from modules.pipeline.brought_schedules import BroughtSchedule
from modules.pipeline.txt2img import txt2img
from tests.hooks.test_sampling_registry import bringing
from tests.pipeline.painting import PICTURE, Onlooker, Studio, distance, to_img2img, to_txt2img
from tests.pipeline.test_pass_hooks import acting

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
PARTS: dict[str, Any] = {"steps": 4, "seed": 7, "width": 64, "height": 64}


class OwnEuler(Sampler):
    """The program's Euler."""

    name = "Own Euler"

    def sample(self, latents: torch.Tensor, context: SamplerContext) -> torch.Tensor:
        """See Sampler."""
        for sigma, sigma_next in context.steps:
            denoised = context.denoise(latents, sigma)
            latents = torch.lerp(denoised, latents, sigma_next / sigma)
            latents = context.stepped(latents, denoised)
        return latents


class OwnAncestral(Sampler):
    """The program's Euler a."""

    name = "Own ancestral"
    usual_eta = 1.0

    def sample(self, latents: torch.Tensor, context: SamplerContext) -> torch.Tensor:
        """See Sampler."""
        for sigma, sigma_next in context.steps:
            denoised = context.denoise(latents, sigma)
            up = min(sigma_next, context.eta * sigma_next * math.sqrt(max(sigma**2 - sigma_next**2, 0)) / sigma)
            latents = torch.lerp(denoised, latents, math.sqrt(sigma_next**2 - up**2) / sigma)
            if up:
                latents = latents + context.noise() * (up * context.s_noise)
            latents = context.stepped(latents, denoised)
        return latents


class OwnHeun(Sampler):
    """Two looks in each step but the last."""

    name = "Own Heun"
    calls_per_step = 2
    automatic = "Karras"

    def sample(self, latents: torch.Tensor, context: SamplerContext) -> torch.Tensor:
        """See Sampler."""
        for sigma, sigma_next in context.steps:
            denoised = context.denoise(latents, sigma)
            slope = (latents - denoised) / sigma
            moved = torch.lerp(denoised, latents, sigma_next / sigma)
            if sigma_next:
                after = (moved - context.denoise(moved, sigma_next)) / sigma_next
                moved = latents + (slope + after) * ((sigma_next - sigma) / 2)
            latents = context.stepped(moved, denoised)
        return latents


class OwnKarras(Schedule):
    """The program's Karras."""

    name = "Own Karras"

    def sigmas(self, context: ScheduleContext) -> list[float]:
        """See Schedule."""
        last = max(context.steps - 1, 1)
        high, low = context.sigma_max ** (1 / 7), context.sigma_min ** (1 / 7)
        return [*((high + step / last * (low - high)) ** 7 for step in range(context.steps)), 0.0]


class Doing(Sampler):
    """Does what it is told."""

    name = "Doing"

    def __init__(self, act: Callable[[torch.Tensor, SamplerContext], Any]) -> None:
        self.act = act

    def sample(self, latents: torch.Tensor, context: SamplerContext) -> Any:
        """See Sampler."""
        return self.act(latents, context)


class Giving(Schedule):
    """Gives what it is told."""

    name = "Giving"

    def __init__(self, numbers: Callable[[ScheduleContext], Sequence[float]], ends_in_zero: bool = True) -> None:
        self.numbers = numbers
        self.ends_in_zero = ends_in_zero  # type: ignore[misc]

    def sigmas(self, context: ScheduleContext) -> Sequence[float]:
        """See Schedule."""
        return self.numbers(context)


@pytest.fixture
def brought(studio: Studio) -> Studio:
    return studio.with_plugins(mine=bringing([OwnEuler(), OwnAncestral(), OwnHeun()], [OwnKarras()]))


def same(one: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[index], other[index]) for index in one)


@pytest.mark.parametrize(
    ("theirs", "ours", "fields"),
    [
        ("Euler", "Own Euler", {}),
        ("Euler a", "Own ancestral", {}),
        ("Euler a", "Own ancestral", {"eta": 0.6, "s_noise": 1.1}),
        ("Heun", "Own Heun", {"scheduler": "Karras"}),
        (
            "Euler",
            "Own Euler",
            {"enable_hr": True, "hr_scale": 2.0, "denoising_strength": 0.6, "hr_upscaler": "Latent"},
        ),
    ],
)
def test_the_programs_own_samplers_written_as_extensions_give_the_same_bits(
    brought: Studio, theirs: str, ours: str, fields: dict[str, Any]
) -> None:
    asked = {**PARTS, "scheduler": "Uniform", "negative_prompt": "fish", "batch_size": 2, **fields}
    assert same(
        brought.paint(to_txt2img(**asked, sampler_name=theirs)), brought.paint(to_txt2img(**asked, sampler_name=ours))
    )


def test_img2img_and_a_schedule_of_its_own_give_the_same_bits(brought: Studio) -> None:
    asked = {**PARTS, "steps": 8, "denoising_strength": 0.5, "init_images": (PICTURE,)}
    plain = brought.paint(to_img2img(**asked, sampler_name="Euler a", scheduler="Karras"))
    other = brought.paint(to_img2img(**asked, sampler_name="Own ancestral", scheduler="Own Karras"))
    assert all(distance(plain[index], other[index]) <= 1 for index in plain)


def test_a_batch_is_its_pictures_one_by_one(brought: Studio) -> None:
    batch = brought.paint(to_txt2img(**PARTS, sampler_name="Own ancestral", scheduler="Own Karras", batch_size=3))
    single = brought.paint(to_txt2img(**PARTS, sampler_name="Own ancestral", scheduler="Own Karras", batch_count=3))
    # Matrix products of another batch size round differently, whatever the sampler.
    assert all(distance(batch[index], single[index]) <= 1 for index in range(3))
    assert distance(batch[0], batch[1]) > 20


def test_progress_previews_and_hooks_of_steps_are_as_with_any_sampler(brought: Studio) -> None:
    watcher, seen = Onlooker(), []

    def see(context: AfterStep) -> None:
        seen.append((context.step, context.steps, context.sigma))

    request = to_txt2img(**PARTS, sampler_name="Own Heun", scheduler="Uniform")
    other = brought.with_plugins(mine=bringing([OwnHeun()]), watching=acting(see, "after_step"))
    plain, watched = brought.paint(request), other.paint(request, watcher)
    assert same(plain, watched)
    assert watcher.steps == [(1, 4), (2, 4), (3, 4), (4, 4)] and len(watcher.previews) == 4
    assert [(step, steps) for step, steps, _ in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    sigmas = sigmas_for("Uniform", 4, SD1).tolist()
    assert [sigma for *_, sigma in seen] == sigmas[1:]


def test_what_a_hook_makes_of_a_step_is_what_the_sampler_goes_on_with(studio: Studio) -> None:
    def halved(context: AfterStep) -> Any:
        return context.latents * 0.5

    with_hook = studio.with_plugins(mine=bringing([OwnEuler()]), halving=acting(halved, "after_step"))
    theirs = with_hook.paint(to_txt2img(**PARTS, sampler_name="Euler", scheduler="Uniform"))
    ours = with_hook.paint(to_txt2img(**PARTS, sampler_name="Own Euler", scheduler="Uniform"))
    assert same(theirs, ours)


def test_whoever_brought_sampler_or_schedule_is_noted_for_the_pictures(brought: Studio) -> None:
    for names, told in {
        ("Own Euler", "Uniform"): ("mine",),
        ("Euler", "Own Karras"): ("mine",),
        ("Euler", "Karras"): (),
    }.items():
        resources = brought.resources()
        with resources.networks:
            list(txt2img(to_txt2img(**PARTS, sampler_name=names[0], scheduler=names[1]), resources))
        assert resources.participants.of(0) == told


@pytest.mark.parametrize("makes", ["nothing of it", "it its own", "another one"])
def test_an_interrupt_acts_within_a_step_whatever_the_sampler_makes_of_it(studio: Studio, makes: str) -> None:
    calls: list[float] = []

    def stubborn(latents: torch.Tensor, context: SamplerContext) -> torch.Tensor:
        for sigma, sigma_next in context.steps:
            calls.append(sigma)
            try:
                denoised = context.denoise(latents, sigma)
                latents = context.stepped(torch.lerp(denoised, latents, sigma_next / sigma), denoised)
            except Exception as error:
                if makes == "nothing of it":
                    raise
                if makes == "another one":
                    raise RuntimeError("it went wrong") from error
        return latents

    watcher = Onlooker(stop_at=2)
    with pytest.raises(Interrupted):
        studio.with_plugins(mine=bringing([Doing(stubborn)])).paint(
            to_txt2img(**PARTS, sampler_name="Doing", scheduler="Uniform"), watcher
        )
    assert watcher.steps == [(1, 4), (2, 4)] and len(calls) == (4 if makes == "it its own" else 2)


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda latents, context: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda latents, context: "latents", "it gave str in the place of a tensor"),
        (lambda latents, context: latents[:, :3], "it gave a tensor of (1, 3, 8, 8) in the place of (1, 4, 8, 8)"),
        (lambda latents, context: latents, "it told of 0 steps where there are 4"),
        (
            lambda latents, context: [context.stepped(latents, latents) for _ in range(5)],
            "ValueError: stepped was called more often than there are steps, 4",
        ),
        (
            lambda latents, context: context.denoise(latents, 0),
            "ValueError: denoise was asked at the noise level 0",
        ),
        (
            lambda latents, context: context.denoise(latents[0], 1.0),
            "ValueError: denoise was given a tensor of (4, 8, 8) in the place of (1, 4, 8, 8)",
        ),
        (
            lambda latents, context: context.stepped(latents, None),
            "TypeError: stepped was given NoneType in the place of a tensor",
        ),
    ],
)
def test_a_sampler_that_fails_is_named(studio: Studio, act: Any, problem: str) -> None:
    with pytest.raises(PluginFailed) as failed:
        studio.with_plugins(mine=bringing([Doing(act)])).paint(
            to_txt2img(**PARTS, sampler_name="Doing", scheduler="Uniform")
        )
    assert str(failed.value) == (
        f"Sampler 'Doing' of the extension mine failed ({problem}). Choose another one, or tell whoever wrote it."
    )


def test_what_fails_in_the_program_is_no_fault_of_the_sampler(studio: Studio) -> None:
    class Broken(Onlooker):
        def step(self, done: int, total: int, preview: Callable[[], torch.Tensor]) -> None:
            raise RuntimeError("the preview broke")

    with pytest.raises(RuntimeError, match="the preview broke"):
        studio.with_plugins(mine=bringing([OwnEuler()])).paint(
            to_txt2img(**PARTS, sampler_name="Own Euler", scheduler="Uniform"), Broken()
        )


def test_a_schedule_is_told_what_is_wanted_and_what_the_model_knows() -> None:
    told: list[ScheduleContext] = []

    def numbers(context: ScheduleContext) -> list[float]:
        told.append(context)
        return OwnKarras().sigmas(context)

    others = {"Giving": BroughtSchedule("mine", Giving(numbers))}
    made = sigmas_for("Giving", 6, SD1, others=others)
    assert torch.allclose(made, sigmas_for("Karras", 6, SD1), rtol=1e-12)
    options = ScheduleOptions(sigma_min=0.1, sigma_max=9.0, discard_next_to_last=True)
    shorter = sigmas_for("Giving", 6, SD1, options, family="SDXL", others=others)
    assert torch.allclose(shorter, sigmas_for("Karras", 6, SD1, options), rtol=1e-12) and len(shorter) == 7
    first, second = told
    assert (first.steps, first.family) == (6, "SD1") and (second.steps, second.family) == (7, "SDXL")
    assert (first.sigma_min, first.sigma_max) == (SD1.sigma_min, SD1.sigma_max)
    assert (second.sigma_min, second.sigma_max) == (0.1, 9.0)
    assert first.trained_sigmas == tuple(SD1.sigmas.tolist())


@pytest.mark.parametrize(
    ("numbers", "ends_in_zero", "problem"),
    [
        (lambda context: 1 / 0, True, "ZeroDivisionError: division by zero"),
        (lambda context: 3, True, "TypeError: 'int' object is not iterable"),
        (lambda context: [3, 2, 0], True, "it gave not as many numbers as 3 steps take, 4"),
        (lambda context: iter(int, 1), True, "it gave not as many numbers as 3 steps take, 4"),
        (lambda context: [3, math.nan, 1, 0], True, "it gave numbers that are not finite"),
        (lambda context: [3, 2, 2, 0], True, "its numbers do not fall from each to the next"),
        (lambda context: [0, 1, 2, 3], True, "its numbers do not fall from each to the next"),
        (lambda context: [15, 2, 1, 0], True, "it begins above the largest noise level, 14.6146"),
        (lambda context: [3, 2, 1, 0.5], True, "it ends at 0.5 in the place of 0"),
        (lambda context: [3, 2, 1, -1], True, "it ends at -1 in the place of 0"),
        (lambda context: [3, 2, 1, 0], False, "it ends at 0 in the place of a level above 0"),
        (lambda context: [3, 2, 1, -1], False, "it ends at -1 in the place of a level above 0"),
    ],
)
def test_what_is_no_schedule_is_refused(numbers: Any, ends_in_zero: bool, problem: str) -> None:
    others = {"Giving": BroughtSchedule("mine", Giving(numbers, ends_in_zero))}
    with pytest.raises(PluginFailed) as failed:
        sigmas_for("Giving", 3, SD1, others=others)
    assert str(failed.value) == (
        f"Schedule 'Giving' of the extension mine failed ({problem}). Choose another one, or tell whoever wrote it."
    )


def test_the_example_of_the_documentation_does_what_it_says(studio: Studio) -> None:
    page = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text("utf-8")
    code = page.split("## Bringing a schedule or a sampler")[1].split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(compile(code, "docs/extensions.md", "exec"), names)
    hooks = {name: names[name] for name in ("register_schedules", "register_samplers")}
    example = studio.with_plugins(example=SimpleNamespace(**hooks))
    halving = {"Halving": BroughtSchedule("example", names["Halving"]())}
    for steps in (1, 2, 9):
        made = sigmas_for("Halving", steps, SD1, others=halving)
        assert torch.allclose(made, sigmas_for("Exponential", steps, SD1), rtol=1e-9)
    straight = example.paint(to_txt2img(**PARTS, sampler_name="Straight", scheduler="Exponential"))
    assert (
        distance(straight[0], example.paint(to_txt2img(**PARTS, sampler_name="Euler", scheduler="Exponential"))[0]) <= 1
    )
    fresh = {**PARTS, "s_noise": 0.9}
    noisy = example.paint(to_txt2img(**fresh, sampler_name="Straight", scheduler="Halving", eta=1.0))
    lcm = example.paint(to_txt2img(**fresh, sampler_name="LCM", scheduler="Exponential"))
    assert distance(noisy[0], lcm[0]) <= 1 and distance(noisy[0], straight[0]) > 10


def test_one_that_ends_above_zero_is_run_to_its_end() -> None:
    others = {"Giving": BroughtSchedule("mine", Giving(lambda context: [3, 2, 1, 0.5], ends_in_zero=False))}
    assert sigmas_for("Giving", 3, SD1, others=others).tolist() == [3, 2, 1, 0.5]
