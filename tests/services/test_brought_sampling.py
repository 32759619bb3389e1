"""Samplers and schedules of extensions: in every list and task, and by name in what is written of a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.config.paths import Paths, resolve_paths
from modules.errors import InvalidRequest
from modules.services.build import Services, open_services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.services.jobs_to_end import ended, made, txt2img
from tests.services.test_generate import pixels

CODE = """
from modules.hooks import Sampler, Schedule, hookimpl

class Straight(Sampler):
    name = 'Own: straight, "plain"'
    aliases = ("own_straight",)

    def sample(self, latents, context):
        for sigma, sigma_next in context.steps:
            denoised = context.denoise(latents, sigma)
            latents = denoised.lerp(latents, sigma_next / sigma)
            latents = context.stepped(latents, denoised)
        return latents

class Faulty(Sampler):
    name = "Faulty"

    def sample(self, latents, context):
        return 1 / 0

class Powers(Schedule):
    name = "Own powers"

    def sigmas(self, context):
        last = max(context.steps - 1, 1)
        high, low = context.sigma_max ** (1 / 7), context.sigma_min ** (1 / 7)
        return [*((high + step / last * (low - high)) ** 7 for step in range(context.steps)), 0]

class Rising(Schedule):
    name = "Rising"

    def sigmas(self, context):
        return [*range(context.steps + 1)]

@hookimpl
def register_samplers():
    return [Straight(), Faulty()]

@hookimpl
def register_schedules():
    return [Powers(), Rising()]
"""
STRAIGHT = 'Own: straight, "plain"'
PARTS: dict[str, Any] = {"steps": 4, "scheduler": "Karras", "sampler_name": "Euler"}


CLASHING = """
from modules.hooks import Sampler, hookimpl

class Second(Sampler):
    name = "FAULTY"

    def sample(self, latents, context):
        return latents

@hookimpl
def register_samplers():
    return [Second()]
"""
OPTIONS = EngineOptions(use_cpu=True, precision="full")


def prepared(data: Path) -> Paths:
    """A data folder with two extensions that are switched on, each of which is fine by itself."""
    paths = resolve_paths(data_dir=data)
    for name, code in {"own-ways": CODE, "second-ways": CLASHING}.items():
        put_extension(paths.extensions, name, code)
    with open_services(paths, OPTIONS) as before:
        before.extensions.may_change = True
        for name in ("own-ways", "second-ways"):
            before.extensions.enable(name)
    return paths


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services at work with the demo model and these extensions."""
    with running_services(prepared(tmp_path_factory.mktemp("data")), OPTIONS) as services:
        yield services


def test_they_are_listed_with_the_others(services: Services) -> None:
    available = services.scripts.available("txt2img")
    assert available.samplers[-2:] == (STRAIGHT, "Faulty") == available.choices_of("hr_sampler_name")[-2:]
    assert available.schedules[-2:] == ("Own powers", "Rising") == available.choices_of("hr_scheduler")[-2:]


def test_an_extension_with_a_name_that_is_taken_is_left_out_and_says_so(services: Services) -> None:
    told = {one.name: (one.is_active, one.problem) for one in services.extensions.all()}
    assert told["own-ways"] == (True, "")
    assert told["second-ways"] == (False, "there is a sampler 'FAULTY' already")


def test_they_paint_what_the_programs_own_paint_and_infotexts_bring_them_back(services: Services) -> None:
    (plain,) = made(services, txt2img(**PARTS))
    (other,) = made(services, txt2img(**{**PARTS, "sampler_name": "own_straight", "scheduler": "own-powers"}))
    one, two = pixels(services, plain), pixels(services, other)
    assert np.abs(one.astype(int) - two).max() <= 1  # Python's powers and torch's differ in the last bits
    assert "Extensions: own-ways 1.0" in other.infotext and "Extensions:" not in plain.infotext
    again = services.pictures.read_text(other.infotext)
    assert (again.request.sampler_name, again.request.scheduler) == (STRAIGHT, "Own powers")
    assert again.not_honoured == ()
    (third,) = made(services, again.request)
    assert np.array_equal(pixels(services, third), two) and third.infotext == other.infotext


def test_a_second_pass_may_have_them_alone(services: Services) -> None:
    hires = {"enable_hr": True, "hr_scale": 2.0, "denoising_strength": 0.6, "hr_upscaler": "Latent"}
    (plain,) = made(services, txt2img(**PARTS, **hires))
    asked = txt2img(**PARTS, **hires, hr_sampler_name=STRAIGHT, hr_scheduler="Own powers")
    (other,) = made(services, asked)
    assert np.abs(pixels(services, plain).astype(int) - pixels(services, other)).max() <= 1
    again = services.pictures.read_text(other.infotext).request.model_dump()
    assert (again["sampler_name"], again["scheduler"]) == ("Euler", "Karras")
    assert (again["hr_sampler_name"], again["hr_scheduler"]) == (STRAIGHT, "Own powers")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sampler_name": "Faulty"}, "Sampler 'Faulty' of the extension own-ways failed (ZeroDivisionError: division"),
        ({"scheduler": "Rising"}, "Schedule 'Rising' of the extension own-ways failed (its numbers do not fall from"),
    ],
)
def test_one_that_fails_ends_its_job_alone(services: Services, fields: dict[str, Any], told: str) -> None:
    failing = services.generate.submit(txt2img(**{**PARTS, **fields}))
    (picture,) = made(services, txt2img(**PARTS))
    job = ended(services, failing)
    assert job.state == "failed" and str(job.error).startswith(told)
    assert services.pictures.of_job(job.id) == [] and picture.infotext


def test_a_plot_goes_over_them(services: Services) -> None:
    arguments = {"x_type": "Schedule type", "x_values": "Karras, own POWERS", "include_lone_images": True}
    first, second, _ = made(services, txt2img(**PARTS, script_name="X/Y/Z plot", script_args=arguments))
    assert "Schedule type: Own powers" in second.infotext
    assert np.abs(pixels(services, first).astype(int) - pixels(services, second)).max() <= 1


def test_they_run_in_a_worker_process(tmp_path: Path) -> None:
    with running_services(prepared(tmp_path), OPTIONS, processes=True, workers=1) as services:
        failing = services.generate.submit(txt2img(**{**PARTS, "sampler_name": "Faulty"}))
        (plain,) = made(services, txt2img(**PARTS))
        (other,) = made(services, txt2img(**{**PARTS, "sampler_name": STRAIGHT}))
        assert np.array_equal(pixels(services, plain), pixels(services, other))
        assert "of the extension own-ways failed" in str(ended(services, failing).error)


def test_without_the_extension_its_names_are_refused_and_pictures_say_so(
    services: Services, demo_services: Services
) -> None:
    (picture,) = made(services, txt2img(**{**PARTS, "sampler_name": STRAIGHT, "scheduler": "Own powers"}))
    told = demo_services.pictures.read_text(picture.infotext).not_honoured
    assert [row.split(":")[0] for row in told] == ["Sampler", "Schedule type", "Extensions"]
    with pytest.raises(InvalidRequest, match="Sampler .* is not known"):
        demo_services.generate.submit(txt2img(sampler_name="own_straight"))
    with pytest.raises(InvalidRequest, match="Schedule type 'Own powers' is not known"):
        demo_services.generate.submit(txt2img(scheduler="Own powers"))
