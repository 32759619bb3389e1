"""A finished picture changed by one click, from its own parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.schema.events import Progress
from modules.schema.pictures import Picture
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services
from modules.services.remixing import OUTPAINT_STRENGTH, RESTART_STRENGTHS, VARIATION_STRENGTHS, Direction
from tests.services.jobs_to_end import drawing, drawn_file, ended, img2img, made, txt2img
from tests.services.test_generate import pixels, psnr

SEEDS = 4
GROUND_NAMED = "a red house on a yellow background"
"""Where a prompt names no ground, a little of another noise may choose another one."""


@pytest.fixture(scope="module")
def pictures(demo_services: Services) -> Iterator[list[Picture]]:
    """Scenes that somebody may have liked."""
    fields = {"prompt": "a red house", "seed": 31, "steps": 10, "width": 128, "height": 128, "batch_size": SEEDS}
    yield made(demo_services, txt2img(**fields))


def test_variations_stay_near_their_picture_and_strong_ones_less_so(demo_services: Services) -> None:
    distances: dict[str, list[float]] = {"subtle": [], "strong": [], "another": []}
    fields = {"prompt": GROUND_NAMED, "seed": 31, "steps": 10, "width": 128, "height": 128, "batch_size": SEEDS}
    pictures = made(demo_services, txt2img(**fields))
    for number, (picture, other) in enumerate(zip(pictures, [*pictures[1:], pictures[0]], strict=True)):
        original = pixels(demo_services, picture)
        for how in ("subtle", "strong"):
            request = demo_services.remix.vary(picture, how)
            assert (request.seed, request.subseed) == (picture.seed, -1)
            assert request.subseed_strength == VARIATION_STRENGTHS[how]
            # In the same direction, or chance decides which of two strengths goes further.
            towards = request.model_copy(update={"subseed": number})
            changed = pixels(demo_services, *made(demo_services, towards))
            distances[how].append(float(np.abs(changed - original).mean()))
        distances["another"].append(float(np.abs(pixels(demo_services, other) - original).mean()))
    means = {how: float(np.mean(values)) for how, values in distances.items()}
    assert 0 < means["subtle"] < means["strong"] < means["another"], means
    assert means["subtle"] < 0.7 * means["another"], means


def test_a_variation_of_a_variation_stays_near_that_one(demo_services: Services, pictures: list[Picture]) -> None:
    remix = demo_services.remix
    distances: dict[str, list[float]] = {"subtle": [], "strong": [], "another": []}
    for number, picture in enumerate(pictures):
        asked = remix.vary(picture, "strong").model_copy(update={"subseed": number})
        (first,) = made(demo_services, asked)
        variation = pixels(demo_services, first)
        for how in ("subtle", "strong"):
            request = remix.vary(first, how)
            assert isinstance(request, Img2ImgRequest)
            assert (request.prompt, request.seed, request.subseed_strength) == ("a red house", -1, 0)
            assert request.denoising_strength == RESTART_STRENGTHS[how]
            (second,) = made(demo_services, request.model_copy(update={"seed": 100 + number}))
            distances[how].append(float(np.abs(pixels(demo_services, second) - variation).mean()))
        (far,) = made(demo_services, asked.model_copy(update={"subseed": 50 + number, "subseed_strength": 0.8}))
        distances["another"].append(float(np.abs(pixels(demo_services, far) - variation).mean()))
    means = {how: float(np.mean(values)) for how, values in distances.items()}
    assert 0 < means["subtle"] < means["strong"] < means["another"], means
    assert means["subtle"] < 0.7 * means["another"], means


def test_img2img_is_varied_as_img2img(demo_services: Services) -> None:
    source = demo_services.inputs.add(drawing())
    (picture,) = made(demo_services, img2img(init_images=[source], denoising_strength=0.5))
    request = demo_services.remix.vary(picture, "subtle")
    assert isinstance(request, Img2ImgRequest)
    assert (request.init_images, request.denoising_strength) == ((source,), 0.5)


def test_upscaling_does_not_paint_the_first_pass_again(demo_services: Services, pictures: list[Picture]) -> None:
    request = demo_services.remix.upscale(pictures[1], upscaler="atelier-x2")
    assert (request.width, request.height, request.enable_hr) == (128, 128, True)
    job = demo_services.generate.submit(request)
    totals: set[int] = set()
    while not demo_services.generate.job(job.id).is_over:
        events = demo_services.generate.events(job.id)
        totals |= {event.steps for event in events if isinstance(event, Progress)}
    assert ended(demo_services, job).error is None
    (larger,) = demo_services.pictures.of_job(job.id)
    assert (larger.width, larger.height) == (256, 256)
    assert totals == {10}, "the steps of the second pass, and none before them"
    enlarged = Image.fromarray(pixels(demo_services, larger).astype(np.uint8))
    shrunk = np.asarray(enlarged.resize((128, 128), Image.Resampling.BOX)).astype(int)
    near = [psnr(shrunk, pixels(demo_services, one)) for one in pictures]
    assert near[1] == max(near) and near[1] > 15, near
    # and once more, from the larger one
    again = demo_services.remix.upscale(larger, factor=1.5)
    assert (again.width, again.height, again.hr_scale) == (256, 256, 1.5)
    assert again.firstpass_image != request.firstpass_image


def test_zooming_out_keeps_the_picture_in_the_middle(demo_services: Services, pictures: list[Picture]) -> None:
    picture = pictures[2]
    request = demo_services.remix.zoom_out(picture, 2.0)
    assert (request.width, request.height, request.denoising_strength) == (128, 128, OUTPAINT_STRENGTH)
    margins = (request.outpaint_left, request.outpaint_right, request.outpaint_top, request.outpaint_bottom)
    assert margins == (64, 64, 64, 64)
    result = pixels(demo_services, *made(demo_services, request))
    assert result.shape == (128, 128, 3)
    small = Image.fromarray(pixels(demo_services, picture).astype(np.uint8)).resize((64, 64), Image.Resampling.LANCZOS)
    inside = slice(42, 86)
    assert np.abs(result[inside, inside] - np.asarray(small).astype(int)[10:54, 10:54]).mean() < 8


@pytest.mark.parametrize(
    ("direction", "size", "place"),
    [
        ("left", (192, 128), (64, 0)),
        ("right", (192, 128), (0, 0)),
        ("up", (128, 192), (0, 64)),
        ("down", (128, 192), (0, 0)),
    ],
)
def test_panning_adds_to_one_side(
    demo_services: Services,
    pictures: list[Picture],
    direction: Direction,
    size: tuple[int, int],
    place: tuple[int, int],
) -> None:
    original = pixels(demo_services, pictures[3])
    (picture,) = made(demo_services, demo_services.remix.pan(pictures[3], direction))
    assert (picture.width, picture.height) == size
    result = pixels(demo_services, picture)
    left, top = place
    old = result[top : top + 128, left : left + 128]
    far = {
        "left": (slice(None), slice(32, None)),
        "right": (slice(None), slice(None, -32)),
        "up": (slice(32, None), slice(None)),
        "down": (slice(None, -32), slice(None)),
    }[direction]
    assert np.array_equal(old[far], original[far])
    reading = demo_services.pictures.read_text(picture.infotext)
    assert reading.not_honoured == ()
    assert np.array_equal(pixels(demo_services, *made(demo_services, reading.request)), result)


def test_pictures_that_say_nothing_are_refused(demo_services: Services) -> None:
    drawn_file(demo_services.paths.outputs / "mine" / "silent.png")
    demo_services.pictures.refresh()
    silent = next(picture for picture in demo_services.pictures.page(0, 99) if picture.path == "mine/silent.png")
    remix = demo_services.remix
    asking: list[Callable[[], object]] = [
        lambda: remix.vary(silent, "subtle"),
        lambda: remix.upscale(silent),
        lambda: remix.zoom_out(silent),
        lambda: remix.pan(silent, "up"),
    ]
    for ask in asking:
        with pytest.raises(InvalidRequest, match=r"Picture 'mine/silent.png' says nothing of how it was made"):
            ask()


def test_a_remix_of_a_grid_is_one_picture(demo_services: Services) -> None:
    arguments = {"x_type": "Steps", "x_values": "1, 2"}
    *_, grid = made(demo_services, txt2img(script_name="X/Y/Z plot", script_args=arguments))
    assert "Script: X/Y/Z plot" in grid.infotext
    assert demo_services.pictures.read_text(grid.infotext).request.script_name == "X/Y/Z plot"
    for request in (demo_services.remix.vary(grid, "subtle"), demo_services.remix.upscale(grid)):
        assert isinstance(request, Txt2ImgRequest)
        assert request.script_name is None
