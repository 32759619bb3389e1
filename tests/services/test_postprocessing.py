"""Steps of extensions in Extras: where they come in the chain, what the results say, and who fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.config.extras_words import USUAL_UPSCALER
from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest, NotFound
from modules.schema.extras_request import ExtrasRequest
from modules.schema.pictures import Picture
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.services.jobs_to_end import drawing, ended

CODE = """
import numpy as np
from modules.hooks import Choice, Number, PostprocessingStep, hookimpl

class Step(PostprocessingStep):
    def process(self, context):
        context.check()
        return self.changed(context.pixels, **context.arguments)

class Brighter(Step):
    name = "Brighter"
    moment = "first"
    arguments = (Number(name="by", label="By", default=10, minimum=0, maximum=100, whole=True),)

    def changed(self, pixels, by):
        return pixels + np.uint8(by)

class Quarter(Step):
    name = "Quarter"
    moment = "enlarged"
    changed = staticmethod(lambda pixels: pixels[: pixels.shape[0] // 2, : pixels.shape[1] // 2])

class Inverse(Step):
    name = "Inverse"
    changed = staticmethod(lambda pixels: 255 - pixels)

class Corner(Step):
    name = "Corner"
    order = 1

    def changed(self, pixels):
        pixels[0, 0] = 7
        return pixels

class Boastful(Step):
    name = "Boastful"
    changed = staticmethod(lambda pixels: pixels)

    def parameters(self, arguments):
        return {"Postprocess steps": "Everything", "Boast": "Yes"}

class Hungry(Step):
    name = "Hungry"
    arguments = (
        Number(name="times", label="Times", default=1, minimum=1, maximum=9, whole=True),
        Choice(name="what", label="What", choices=("card", "computer"), default="card"),
    )
    asked = 0

    def changed(self, pixels, times, what):
        import torch

        Hungry.asked += 1
        if Hungry.asked <= times:
            raise torch.OutOfMemoryError("CUDA out of memory.") if what == "card" else MemoryError
        return 255 - pixels

class Faulty(Step):
    name = "Faulty"
    arguments = (Number(name="answer", label="Answer", default=0, minimum=0, maximum=2, whole=True),)

    def changed(self, pixels, answer):
        return 1 / 0 if answer == 0 else pixels.astype(float) if answer == 1 else None

@hookimpl
def register_postprocessing():
    return [Corner(), Inverse(), Quarter(), Brighter(), Boastful(), Hungry(), Faulty()]
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services at work with an extension that is switched on."""
    data = tmp_path_factory.mktemp("data")
    put_extension(data / "extensions", "steps", CODE)
    paths, options = resolve_paths(data_dir=data), EngineOptions(use_cpu=True)
    with running_services(paths, options) as before:
        before.extensions.may_change = True
        before.extensions.enable("steps")
    with running_services(paths, options) as services:
        yield services


def source(services: Services) -> tuple[str, np.ndarray]:
    image = drawing(48, 32, seed=3).point(lambda value: value // 2)
    return services.inputs.add(image), np.asarray(image)


def processed(services: Services, steps: Mapping[str, Any], **fields: Any) -> list[tuple[np.ndarray, str]]:
    """Pixels of the results, and what they say was done."""
    picture_id, _ = source(services)
    request = ExtrasRequest.of({"images": [picture_id], "postprocessing": steps, **fields})
    job = ended(services, services.generate.submit_extras(request))
    assert (job.state, job.error) == ("done", None)
    return [opened(services, picture) for picture in services.pictures.of_job(job.id)]


def opened(services: Services, picture: Picture) -> tuple[np.ndarray, str]:
    with Image.open(services.pictures.file(picture)) as image:
        return np.asarray(image), image.info.get("postprocessing", "")


def test_they_have_their_places_in_the_chain(services: Services) -> None:
    """Brightened, doubled, cut to a quarter, mirrored, inverted, and a pixel set in each: nothing else gives these."""
    steps: dict[str, Any] = {"corner": {}, "INVERSE": {}, "Quarter": {}, "Brighter": {"by": 30}}
    fields = {"upscaler_1": "Nearest", "flipped_copies": ["horizontal"]}
    results = processed(services, steps, **fields)
    _, before = source(services)
    quarter = (before + 30).repeat(2, axis=0).repeat(2, axis=1)[:32, :48]
    wanted = [255 - quarter, 255 - quarter[:, ::-1]]
    for one in wanted:
        one[0, 0] = 7
    assert [np.array_equal(*pair) for pair in zip([row[0] for row in results], wanted, strict=True)] == [True, True]
    upscaled = "Brighter By: 30, Postprocess upscale by: 2, Postprocess upscaler: Nearest"
    assert results[0][1] == f'Postprocess steps: "Brighter, Quarter, Inverse, Corner", {upscaled}'
    assert results[1][1] == f"{results[0][1]}, Flipped copy: horizontal"


def test_what_comes_with_the_program_is_a_step_too(services: Services) -> None:
    ((pixels, told),) = processed(services, {"Border and watermark": {"border": 4, "border_colour": "#102030"}})
    _, before = source(services)
    assert pixels.shape == (40, 56, 3) and (pixels[:4] == (16, 32, 48)).all()
    assert np.array_equal(pixels[4:-4, 4:-4], before)
    assert told == "Postprocess steps: Border and watermark, Border width: 4, Border colour: #102030"


def test_no_step_speaks_for_all(services: Services) -> None:
    ((_, told),) = processed(services, {"Boastful": {}, "Inverse": {}})
    assert told == 'Postprocess steps: "Inverse, Boastful", Boast: Yes'


def test_none_that_is_off_does_anything(services: Services) -> None:
    ((pixels, told),) = processed(services, {})
    assert np.array_equal(pixels, source(services)[1]) and told == ""


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ({"Brighten": {}}, "Post-processing 'Brighten' is not known. Nearest: Brighter, Quarter."),
        ({"Brighter": {"buy": 1}}, "Step argument 'buy' is not known. Nearest: by."),
        ({"Brighter": {"by": 101}}, "By 101 is too large. The most is 100."),
        ({"Brighter": {}, "brighter": {}}, "Post-processing 'Brighter' is named twice. Name it once."),
        ({"Border and watermark": {"border": 60, "unit": "Percent of the shorter side"}}, "The most is 50 percent."),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_is_queued(
    services: Services, steps: dict[str, Any], problem: str
) -> None:
    request = ExtrasRequest.of({"images": [source(services)[0]], "postprocessing": steps})
    with pytest.raises(InvalidRequest) as refused:
        services.generate.submit_extras(request)
    assert str(refused.value).endswith(problem)


def test_a_picture_that_is_not_here_is_refused(services: Services) -> None:
    steps = {"Border and watermark": {"picture": "ab" * 16}}
    with pytest.raises(NotFound):
        services.generate.submit_extras(ExtrasRequest.of({"images": [source(services)[0]], "postprocessing": steps}))


def test_files_stand_for_pictures_on_the_command_line(services: Services, tmp_path: Path) -> None:
    drawing(8, 8, seed=9).save(tmp_path / "logo.png")
    given = {"border and watermark": {"picture": str(tmp_path / "logo.png"), "border": "2"}}
    stored = services.postprocessing.with_files(given, services.inputs.add_file)
    logo = services.inputs.add_file(tmp_path / "logo.png")
    assert stored == {"border and watermark": {"picture": logo, "border": "2"}}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [(0, "ZeroDivisionError: division by zero"), (1, "ValueError: it returned float64 in the place of an array")],
)
def test_one_that_fails_ends_its_job_and_is_named(services: Services, answer: int, problem: str) -> None:
    request = ExtrasRequest.of({"images": [source(services)[0]], "postprocessing": {"Faulty": {"answer": answer}}})
    job = ended(services, services.generate.submit_extras(request))
    assert job.state == "failed" and f"Step 'Faulty' of the plugin steps failed ({problem}" in (job.error or "")
    assert services.pictures.of_job(job.id) == []
    ((pixels, _),) = processed(services, {"Faulty": {"answer": 2}})
    assert np.array_equal(pixels, source(services)[1])


def test_a_step_that_is_gone_ends_the_job_that_waits_for_it(services: Services) -> None:
    request = ExtrasRequest.of({"images": [source(services)[0]], "postprocessing": {"Gone": {}}})
    with pytest.raises(InvalidRequest, match="Post-processing 'Gone' is not known"):
        services.postprocessing.check_there(request)


def _fresh(services: Services) -> None:
    """Let the step Hungry begin to count again."""
    type(services.postprocessing.registry.find("Hungry")).asked = 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["card", "computer"])
def test_one_that_lacks_memory_is_tried_again_with_more_room(services: Services, what: str) -> None:
    _fresh(services)
    steps = {"Hungry": {"what": what}}
    ((lacking, _),) = processed(services, steps, upscaler_1=USUAL_UPSCALER, upscaling_resize=2)
    ((plain, _),) = processed(services, {}, upscaler_1=USUAL_UPSCALER, upscaling_resize=2)
    assert np.array_equal(lacking, 255 - plain)


def test_too_little_memory_is_nobodys_fault(services: Services) -> None:
    _fresh(services)
    fields = {"postprocessing": {"Hungry": {"times": 9}}, "upscaler_1": USUAL_UPSCALER, "upscaling_resize": 2}
    request = ExtrasRequest.of({"images": [source(services)[0]], **fields})
    job = ended(services, services.generate.submit_extras(request))
    told = "There is too little memory for 'Hungry' of the plugin steps. Make the picture smaller, or switch it off."
    assert (job.state, job.error) == ("failed", told)
