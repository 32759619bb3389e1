"""Hooks within passes: what they are told, what their answers do to pictures, and what becomes of bad ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.errors import Interrupted, InvalidRequest, PluginFailed
from modules.hooks import AfterGuidance, AfterPass, AfterStep, BeforeNetwork, BeforePass, PassContext, Plugins, hookimpl
from modules.pipeline.pass_hooks import PaintingHooks, Participants, PassFacts
from modules.pipeline.txt2img import txt2img
from tests.pipeline.painting import MASK, PICTURE, Onlooker, Studio, distance, to_img2img, to_txt2img

MOMENTS = ("before_pass", "before_network", "after_guidance", "after_step", "after_pass")


def acting(act: Callable[[Any], Any], *hooks: str) -> SimpleNamespace:
    """A plugin that does the same in some hooks."""

    def made(name: str) -> Callable[[Any], Any]:
        def hook(context: Any) -> Any:
            return act(context)

        hook.__name__ = name
        return hookimpl(hook)

    return SimpleNamespace(**{name: made(name) for name in hooks})


class Diary:
    """Remembers every context."""

    def __init__(self) -> None:
        self.seen: list[PassContext] = []

    def all_of(self, kind: type[Any]) -> list[Any]:
        return [one for one in self.seen if isinstance(one, kind)]

    def plugin(self) -> SimpleNamespace:
        return acting(self.seen.append, *MOMENTS)


def kept_by(studio: Studio, request: Any) -> Diary:
    diary = Diary()
    plain = studio.paint(request)
    watched = studio.with_plugins(diary=diary.plugin()).paint(request)
    assert all(np.array_equal(plain[index], watched[index]) for index in plain)
    return diary


def test_moments_of_a_pass_are_told_in_order_and_change_nothing(studio: Studio) -> None:
    request = to_txt2img(steps=3, sampler_name="Euler", batch_size=2, negative_prompt="fish")
    diary = kept_by(studio, request)
    step = [BeforeNetwork, AfterGuidance, AfterStep]
    assert [type(one) for one in diary.seen] == [BeforePass, *step, *step, *step, AfterPass]
    assert {(one.kind, one.indices, one.request.steps) for one in diary.seen} == {("first pass", (0, 1), 3)}
    sigmas = diary.seen[0].sigmas
    assert len(sigmas) == 4 and sigmas[0] == pytest.approx(14.6146, abs=1e-3) and sigmas[-1] == 0
    assert [(one.step, one.steps, one.evaluation, one.evaluations) for one in diary.all_of(BeforeNetwork)] == [
        (1, 3, 0, 3),
        (2, 3, 1, 3),
        (3, 3, 2, 3),
    ]
    assert [one.sigma.tolist() for one in diary.all_of(BeforeNetwork)] == [[sigma] * 2 for sigma in sigmas[:-1]]
    assert [(one.step, one.sigma) for one in diary.all_of(AfterStep)] == list(zip((1, 2, 3), sigmas[1:], strict=True))
    assert all(one.latents.shape == (2, 4, 8, 8) for one in diary.seen)  # type: ignore[attr-defined]
    assert all(dict(one.sections) == {} for one in diary.seen)


def test_whoever_changed_a_picture_is_noted_for_it_alone() -> None:
    participants = Participants()

    def act(context: Any) -> Any:
        return context.latents + 1 if context.indices == (1, 2) else None

    known = Plugins(())
    known.register(acting(act, "before_pass"), "adding")
    known.register(acting(lambda context: None, "before_pass"), "looking")
    for indices in ((0,), (1, 2)):
        facts = PassFacts(to_txt2img(), "first pass", indices, (1.0, 0.0))
        hooks = PaintingHooks(known).of_pass(facts, participants)
        assert hooks is not None
        hooks.begun(torch.zeros(len(indices), 4, 8, 8))
    assert [participants.of(index) for index in range(4)] == [(), ("adding",), ("adding",), ()]


def test_the_latents_are_those_that_the_sampler_has(studio: Studio) -> None:
    diary = kept_by(studio, to_txt2img(steps=3, sampler_name="Euler"))
    begins = [diary.all_of(BeforePass)[0], *diary.all_of(AfterStep)]
    ends = [*diary.all_of(BeforeNetwork), diary.all_of(AfterPass)[0]]
    assert all(torch.equal(one.latents, other.latents) for one, other in zip(begins, ends, strict=True))
    for seen, done, now, later in zip(
        diary.all_of(AfterGuidance), diary.all_of(AfterStep), begins[0].sigmas, begins[0].sigmas[1:], strict=False
    ):
        slope = (seen.latents - seen.denoised) / now
        assert torch.allclose(done.latents, seen.latents + slope * (later - now), atol=1e-4)


def test_guidance_is_told_with_what_it_was_made_of(studio: Studio) -> None:
    diary = kept_by(studio, to_txt2img(cfg_scale=3.0, negative_prompt="fish"))
    for seen in diary.all_of(AfterGuidance):
        assert torch.allclose(seen.denoised, seen.negative + 3 * (seen.positive - seen.negative), atol=1e-4)
    alone = kept_by(studio, to_txt2img(cfg_scale=1.0)).all_of(AfterGuidance)
    assert all(seen.negative is None and torch.equal(seen.denoised, seen.positive) for seen in alone)


def test_samplers_of_second_order_have_two_evaluations_in_a_step(studio: Studio) -> None:
    diary = kept_by(studio, to_txt2img(steps=3, sampler_name="Heun"))
    assert [one.step for one in diary.all_of(BeforeNetwork)] == [1, 1, 2, 2, 3]
    assert [one.step for one in diary.all_of(AfterStep)] == [1, 2, 3]


def test_each_pass_is_told_with_its_own_request(studio: Studio) -> None:
    request = to_txt2img(
        steps=2, enable_hr=True, hr_scale=2.0, hr_second_pass_steps=3, denoising_strength=0.5, hr_prompt="a boat"
    )
    passes = kept_by(studio, request).all_of(AfterPass)
    assert [(one.kind, one.request.steps, one.request.prompt_of(0)) for one in passes] == [
        ("first pass", 2, "a red house"),
        ("hires pass", 3, "a boat"),
    ]
    assert [tuple(one.latents.shape) for one in passes] == [(1, 4, 8, 8), (1, 4, 16, 16)]


def test_passes_that_begin_with_pictures(studio: Studio) -> None:
    assert {one.kind for one in kept_by(studio, to_img2img()).seen} == {"img2img"}
    tiles = kept_by(studio, to_img2img(sd_upscale_upscaler="Nearest", sd_upscale_by=2.0, sd_upscale_overlap=16))
    assert {one.kind for one in tiles.seen} == {"tile"} and len(tiles.all_of(BeforePass)) > 1


def test_a_pass_without_steps_is_none(studio: Studio) -> None:
    assert kept_by(studio, to_img2img(denoising_strength=0.0)).seen == []


@pytest.mark.parametrize("hook", MOMENTS)
@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DPM++ SDE", "DDIM CFG++", "UniPC"])
def test_what_a_hook_gives_back_is_gone_on_with(studio: Studio, hook: str, sampler: str) -> None:
    def changed(context: Any) -> torch.Tensor:
        tensor = context.denoised if hook == "after_guidance" else context.latents
        result: torch.Tensor = tensor + 0.3 * tensor.flip(-1)
        return result

    request = to_txt2img(sampler_name=sampler)
    other = studio.with_plugins(mirror=acting(changed, hook))
    assert distance(other.paint(request)[0], studio.paint(request)[0]) > 2
    assert np.array_equal(other.paint(request)[0], other.paint(request)[0])


@pytest.mark.parametrize("hook", MOMENTS)
def test_a_batch_is_its_pictures(studio: Studio, hook: str) -> None:
    def changed(context: Any) -> torch.Tensor:
        tensor = context.denoised if hook == "after_guidance" else context.latents
        seeds = torch.tensor([context.request.seed_of(index) % 7 for index in context.indices], dtype=tensor.dtype)
        result: torch.Tensor = tensor * (1 + 0.02 * seeds.view(-1, 1, 1, 1))
        return result

    other = studio.with_plugins(seeded=acting(changed, hook))
    together = other.paint(to_txt2img(batch_size=3, seed=4))
    alone = [other.paint(to_txt2img(seed=4 + index))[0] for index in range(3)]
    assert all(distance(together[index], alone[index]) <= 1 for index in range(3))
    in_turn = other.paint(to_txt2img(batch_count=3, seed=4))
    assert all(np.array_equal(in_turn[index], alone[index]) for index in range(3))


def test_each_plugin_sees_what_the_one_before_it_made(studio: Studio) -> None:
    def doubled(context: BeforePass) -> torch.Tensor:
        result: torch.Tensor = context.latents * 2
        return result

    seen: list[Any] = []
    both = studio.with_plugins(one=acting(doubled, "before_pass"), two=acting(seen.append, "before_pass"))
    both.paint(to_txt2img())
    twice = studio.with_plugins(two=acting(seen.append, "before_pass"))
    twice.paint(to_txt2img())
    assert torch.equal(seen[0].latents, seen[1].latents * 2)


def test_masks_come_after_guidance_was_changed(studio: Studio) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 255
    studio.pictures[MASK] = Image.fromarray(pixels)
    request = to_img2img(mask=MASK, denoising_strength=1.0, mask_blur_x=0, mask_blur_y=0)
    dark = acting(lambda context: torch.zeros_like(context.denoised), "after_guidance")
    before, after = studio.paint(request)[0], studio.with_plugins(dark=dark).paint(request)[0]
    assert np.array_equal(before[:, :32], after[:, :32]) and distance(before[:, 32:], after[:, 32:]) > 20


def test_the_first_pass_is_not_taken_from_memory_where_somebody_acts_in_it(studio: Studio) -> None:
    diary = Diary()
    resources = studio.with_plugins(diary=diary.plugin()).resources()
    for strength in (0.4, 0.6):
        with resources.networks:
            list(txt2img(to_txt2img(enable_hr=True, hr_scale=2.0, denoising_strength=strength), resources))
    assert [one.kind for one in diary.all_of(BeforePass)] == ["first pass", "hires pass"] * 2


def test_nothing_is_made_where_nobody_has_such_a_hook(studio: Studio) -> None:
    @hookimpl
    def register_scripts() -> list[Any]:
        return []

    hooks = studio.with_plugins(scripts=SimpleNamespace(register_scripts=register_scripts)).hooks
    assert hooks is not None and hooks.is_idle
    assert hooks.of_pass(None, Participants()) is None  # type: ignore[arg-type]


def test_sections_are_those_of_the_plugin(studio: Studio) -> None:
    diaries = {"one": Diary(), "two": Diary()}
    known = Plugins(())
    for name, diary in diaries.items():
        known.register(diary.plugin(), name)
    told = PaintingHooks(known, lambda plugin, request: {f"{plugin}'s": {"steps": request.steps}})
    replace(studio, hooks=told).paint(to_txt2img(steps=2))
    for name, diary in diaries.items():
        assert diary.seen and all(one.sections == {f"{name}'s": {"steps": 2}} for one in diary.seen)


@pytest.mark.parametrize("hook", MOMENTS)
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (ZeroDivisionError("no"), "ZeroDivisionError: no"),
        (SystemExit(3), "SystemExit: 3"),
        ("latents", "it gave str in the place of a tensor"),
        (torch.zeros(1, 4, 8, 9), "it gave a tensor of (1, 4, 8, 9) in the place of (1, 4, 8, 8)"),
    ],
    ids=["raises", "exits", "text", "shape"],
)
def test_a_hook_that_fails_is_named(studio: Studio, hook: str, answer: Any, problem: str) -> None:
    def fail(context: object) -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    with pytest.raises(PluginFailed) as failed:
        studio.with_plugins(sharper=acting(fail, hook)).paint(to_txt2img())
    assert str(failed.value).startswith(f"Hook {hook!r} of the extension sharper failed ({problem}).")
    assert studio.paint(to_txt2img())


@pytest.mark.parametrize("error", [InvalidRequest("Strength", 3, "is too much", "Choose less."), Interrupted()])
def test_a_refusal_and_a_stop_go_through(studio: Studio, error: Exception) -> None:
    def refuse(context: object) -> None:
        raise error

    with pytest.raises(type(error)):
        studio.with_plugins(sharper=acting(refuse, "after_step")).paint(to_txt2img())


def test_too_little_memory_in_a_hook_is_no_fault_of_the_extension(studio: Studio) -> None:
    def greedy(context: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        studio.with_plugins(greedy=acting(greedy, "after_pass")).paint(to_txt2img())


def test_an_interrupt_acts_within_a_step(studio: Studio) -> None:
    diary = Diary()
    with pytest.raises(Interrupted):
        studio.with_plugins(diary=diary.plugin()).paint(to_txt2img(steps=8), Onlooker(stop_at=3))
    assert len(diary.all_of(BeforeNetwork)) == 3 and diary.all_of(AfterPass) == []


def test_the_input_of_a_picture_stays_what_it_was(studio: Studio) -> None:
    def changed(context: Any) -> torch.Tensor:
        result: torch.Tensor = context.latents * 1.2
        return result

    before = np.asarray(studio.pictures[PICTURE]).copy()
    other = studio.with_plugins(louder=acting(changed, "before_pass"))
    first, second = (other.paint(to_img2img(batch_count=2))[index] for index in (0, 1))
    again = other.paint(to_img2img(batch_count=2))
    assert np.array_equal(first, again[0]) and np.array_equal(second, again[1])
    assert np.array_equal(np.asarray(studio.pictures[PICTURE]), before)
