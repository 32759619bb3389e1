"""Extensions that act while pictures are painted: through folder, queue, worker and gallery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.config.paths import resolve_paths
from modules.schema.infotext import parse_infotext
from modules.schema.jobs import Job
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.services.jobs_to_end import drawing, ended, img2img, made, txt2img
from tests.services.test_generate import pixels

MIRROR = """
from contextlib import contextmanager

from modules.hooks import hookimpl


@hookimpl
def after_step(context):
    if "mirrored" in context.request.prompt:
        return (context.latents + context.latents.flip(-1)) / 2 ** 0.5


@hookimpl
def after_pass(context):
    if "mirrored" in context.request.prompt:
        return (context.latents + context.latents.flip(-1)) / 2
    if "faulty" in context.request.prompt:
        return 1 / 0


@hookimpl
def patch_network(context):
    return louder(context.network) if "louder" in context.request.prompt else None


@contextmanager
def louder(network):
    weight = network.conv_out.weight
    weight.mul_(1.5)
    yield
"""


def documented(*words: str) -> str:
    """The example of docs/extensions.md with those words in it."""
    page = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text("utf-8")
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if all(map(code.count, words))]
    return str(code)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services at work with the demo model and an extension that is switched on."""
    data = tmp_path_factory.mktemp("data")
    put_extension(data / "extensions", "mirror", MIRROR)
    put_extension(data / "extensions", "guiding", documented("after_guidance", "Own guidance"))
    paths, options = resolve_paths(data_dir=data), EngineOptions(use_cpu=True, precision="full")
    with running_services(paths, options) as before:
        before.extensions.may_change = True
        before.extensions.enable("mirror")
        before.extensions.enable("guiding")
    with running_services(paths, options) as services:
        assert [one.is_active for one in services.extensions.all() if one.name == "mirror"] == [True]
        yield services


def picture_of(services: Services, asked: Txt2ImgRequest | Img2ImgRequest) -> np.ndarray:
    (picture,) = made(services, asked)
    return pixels(services, picture)


def failed(services: Services, prompt: str) -> Job:
    job = ended(services, services.generate.submit(txt2img(prompt=prompt)))
    assert job.state == "failed"
    return job


def unevenness(picture: np.ndarray) -> float:
    """How far a picture is from its mirror image, in levels of 255."""
    return float(np.abs(picture - picture[:, ::-1]).mean())


def test_an_extension_changes_pictures_of_every_task(services: Services) -> None:
    source = services.inputs.add(drawing())
    prompt, quick = "a red circle on the left on a white background", {"steps": 4, "seed": 2}
    assert unevenness(picture_of(services, txt2img(**quick, prompt=prompt))) > 10
    assert unevenness(picture_of(services, txt2img(**quick, prompt=f"{prompt}, mirrored"))) < 4
    plain = picture_of(services, img2img(init_images=[source]))
    other = picture_of(services, img2img(init_images=[source], prompt="a red house, mirrored"))
    assert unevenness(other) < unevenness(plain) / 2


def test_pictures_say_which_extensions_changed_them(services: Services, tmp_path: Path) -> None:
    (plain,) = made(services, txt2img())
    assert "Extensions" not in parse_infotext(plain.infotext).parameters
    asked = txt2img(prompt="a house, mirrored", batch_size=2)
    pictures = made(services, asked)
    assert [parse_infotext(one.infotext).parameters["Extensions"] for one in pictures] == ["mirror 1.0"] * 2
    here = services.pictures.read_text(pictures[0].infotext)
    assert not [row for row in here.not_honoured if "Extensions" in row]
    alone = picture_of(services, here.request).astype(int)
    assert np.abs(alone - pixels(services, pictures[0])).max() <= 1  # which was one of two
    other = services.pictures.read_text(pictures[0].infotext.replace("mirror 1.0", "mirror 0.9"))
    assert other.request == here.request
    why = "it changed the picture, and is here in version 1.0"
    assert other.not_honoured[-1] == f"Extensions: mirror 0.9 ({why})"
    without = resolve_paths(data_dir=tmp_path)
    with running_services(without, EngineOptions(use_cpu=True)) as elsewhere:
        reading = elsewhere.pictures.read_text(pictures[0].infotext)
    assert reading.request == here.request
    why = "it changed the picture, and is not at work here"
    assert reading.not_honoured[-1] == f"Extensions: mirror 1.0 ({why})"


def test_the_guidance_of_the_documentation_guides(services: Services) -> None:
    """Its scale is that of plain guidance, so it makes the pictures that this makes, whatever the request's own is."""
    sections = {"Own guidance": {"scale": 2}}
    fields: dict[str, Any] = {"steps": 6, "negative_prompt": "night"}
    plain = picture_of(services, txt2img(**fields, cfg_scale=2))
    far = picture_of(services, txt2img(**fields, cfg_scale=9))
    (guided,) = made(services, txt2img(**fields, cfg_scale=9, sections=sections))
    difference = np.abs(pixels(services, guided).astype(float) - plain)
    assert difference.mean() < 0.5 < 5 < np.abs(far.astype(float) - plain).mean()
    parameters = parse_infotext(guided.infotext).parameters
    assert (parameters["Own guidance Scale"], parameters["Extensions"]) == ("2", "guiding 1.0")
    again = services.pictures.read_text(guided.infotext).request
    assert np.array_equal(picture_of(services, again), pixels(services, guided))


def test_one_that_fails_ends_its_job_and_no_other(services: Services) -> None:
    jobs = [services.generate.submit(txt2img(prompt=prompt)) for prompt in ("a house", "a faulty house", "a boat")]
    first, second, third = (ended(services, job) for job in jobs)
    assert (first.state, second.state, third.state) == ("done", "failed", "done")
    assert second.error == (
        "Hook 'after_pass' of the extension mirror failed (ZeroDivisionError: division by zero). "
        "Switch the extension off, or tell whoever wrote it."
    )
    assert services.pictures.of_job(second.id) == []


def test_a_model_whose_weights_were_written_to_is_loaded_anew(services: Services) -> None:
    before = picture_of(services, txt2img())
    assert "wrote into the weights" in str(failed(services, "a louder house").error)
    assert np.array_equal(picture_of(services, txt2img()), before)


def test_the_same_request_gives_the_same_picture_as_without_extensions(services: Services, tmp_path: Path) -> None:
    with running_services(resolve_paths(data_dir=tmp_path), EngineOptions(use_cpu=True, precision="full")) as without:
        assert np.array_equal(picture_of(services, txt2img()), picture_of(without, txt2img()))
