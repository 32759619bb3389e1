"""Upscalers of extensions: in every list, in every task, and by name in what is written of a picture."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modules.config.paths import resolve_paths
from modules.errors import Interrupted, PluginFailed
from modules.hooks import ImageUpscaler, Plugins, UpscaleContext, hookimpl
from modules.schema.extras_request import ExtrasRequest
from modules.services.brought_upscalers import BroughtUpscaler, BroughtUpscalers
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from modules.upscaling.listener import Listener
from modules.upscaling.registry import UpscalerRegistry
from tests.hooks.extension_makers import put_extension
from tests.services.jobs_to_end import drawing, ended, made, txt2img
from tests.services.test_generate import pixels

CODE = """
from modules.hooks import ImageUpscaler, hookimpl

class Inverse(ImageUpscaler):
    name = "Inverse 2x"

    def upscale(self, pixels, context):
        context.check()
        return 255 - pixels.repeat(2, axis=0).repeat(2, axis=1)

class Faulty(ImageUpscaler):
    name = "Faulty"

    def upscale(self, pixels, context):
        return 1 / 0

@hookimpl
def register_upscalers():
    return [Inverse(), Faulty()]
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services at work with the demo model and an extension that is switched on."""
    data = tmp_path_factory.mktemp("data")
    put_extension(data / "extensions", "inverse", CODE)
    paths, options = resolve_paths(data_dir=data), EngineOptions(use_cpu=True, precision="full")
    with running_services(paths, options) as before:
        before.extensions.may_change = True
        before.extensions.enable("inverse")
    with running_services(paths, options) as services:
        yield services


def test_they_are_listed_with_the_others(services: Services) -> None:
    names = [entry.name for entry in services.upscalers.all()]
    assert names[:5] == ["None", "Lanczos", "Nearest", "Inverse 2x", "Faulty"]
    available = services.scripts.available("txt2img")
    assert "Inverse 2x" in available.upscalers and "Inverse 2x" in available.hires_upscalers
    assert services.upscalers.find("inverse 2X").name == "Inverse 2x"


def test_hires_fix_enlarges_with_one_and_its_infotext_brings_it_back(services: Services) -> None:
    fields: dict[str, Any] = {"enable_hr": True, "hr_scale": 2.0, "denoising_strength": 0.0}
    (plain,) = made(services, txt2img(**fields, hr_upscaler="Nearest"))
    (other,) = made(services, txt2img(**fields, hr_upscaler="inverse 2x"))
    one, two = pixels(services, plain), pixels(services, other)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] < -0.6  # the VAE keeps it from being -1
    assert "Hires upscaler: Inverse 2x" in other.infotext
    again = services.pictures.read_text(other.infotext)
    assert again.request.model_dump()["hr_upscaler"] == "Inverse 2x"
    (third,) = made(services, again.request)
    assert np.array_equal(pixels(services, third), two)


def test_extras_enlarges_with_one(services: Services) -> None:
    source = drawing(48, 32, mode="RGBA")
    request = ExtrasRequest(images=(services.inputs.add(source),), upscaler_1="Inverse 2x", upscaling_resize=2.0)
    job = ended(services, services.generate.submit_extras(request))
    assert (job.state, job.error) == ("done", None)
    (picture,) = services.pictures.of_job(job.id)
    wanted = 255 - np.asarray(source)[..., :3].repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(pixels(services, picture)[..., :3], wanted)


def test_one_that_fails_ends_its_job_and_is_named(services: Services) -> None:
    fields: dict[str, Any] = {"enable_hr": True, "hr_scale": 2.0}
    job = ended(services, services.generate.submit(txt2img(**fields, hr_upscaler="Faulty")))
    assert job.state == "failed" and job.error == (
        "Upscaler 'Faulty' of the extension inverse failed (ZeroDivisionError: division by zero). "
        "Choose another one, or tell whoever wrote it."
    )
    assert made(services, txt2img(**fields, hr_upscaler="Inverse 2x"))


class Answering(ImageUpscaler):
    """Gives the same whatever it is asked."""

    name = "Answering"

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.told: list[UpscaleContext] = []

    def upscale(self, pixels: np.ndarray, context: UpscaleContext) -> Any:
        """See ImageUpscaler."""
        self.told.append(context)
        context.check()
        return self.answer


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("pixels", "it gave str in the place of a picture"),
        (np.zeros((4, 4, 3), np.float32), "it gave float32 (4, 4, 3) in the place of uint8"),
        (np.zeros((4, 4), np.uint8), "it gave uint8 (4, 4) in the place of uint8"),
        (np.zeros((0, 4, 3), np.uint8), "it gave uint8 (0, 4, 3) in the place of uint8"),
    ],
)
def test_what_is_no_picture_is_refused(answer: Any, problem: str) -> None:
    with pytest.raises(PluginFailed) as failed:
        BroughtUpscaler("mine", Answering(answer), "cpu").upscale(np.zeros((2, 2, 3), np.uint8), 4, 4)
    assert problem in str(failed.value) and "'Answering' of the extension mine" in str(failed.value)


def test_results_of_any_size_get_the_size_that_is_wanted() -> None:
    upscaler = Answering(np.full((7, 5, 3), 90, np.uint8))
    shares: list[float] = []
    result = BroughtUpscaler("mine", upscaler, "cuda:1").upscale(
        np.full((2, 3, 4), 200, np.uint8), 12, 8, listener=Listener(progress=shares.append)
    )
    assert result.shape == (8, 12, 4) and (result[..., :3] == 90).all() and (result[..., 3] == 200).all()
    (told,) = upscaler.told
    assert (told.width, told.height, told.device) == (12, 8, "cuda:1") and shares[-1] == 1


def test_a_stop_goes_through() -> None:
    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        BroughtUpscaler("mine", Answering(None), "cpu").upscale(
            np.zeros((2, 2, 3), np.uint8), 4, 4, listener=Listener(check=stop)
        )


def test_nothing_is_offered_of_a_plugin_that_was_left_out_since() -> None:
    @hookimpl
    def register_upscalers() -> list[ImageUpscaler]:
        return [Answering(None)]

    plugins = Plugins(())
    plugins.register(SimpleNamespace(register_upscalers=register_upscalers), "mine")
    brought = BroughtUpscalers(plugins, UpscalerRegistry([]))
    assert [(entry.name, entry.plugin) for entry in brought.entries()] == [("Answering", "mine")]
    plugins.leave_out("mine", "it failed elsewhere")
    assert brought.entries() == []
