"""Every task end to end, and each picture made again from its own file alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.errors import NotFound
from modules.schema.events import Progress
from modules.schema.jobs import Job
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services
from tests.services.jobs_to_end import drawing, drawn_file, ended, img2img, made, txt2img
from tests.services.test_generate import pixels, until

AnyRequest = Txt2ImgRequest | Img2ImgRequest


@pytest.fixture(scope="module")
def picture_id(demo_services: Services) -> Iterator[str]:
    yield demo_services.inputs.add(drawing(80, 64, mode="RGBA"))


@pytest.fixture(scope="module")
def mask_id(demo_services: Services) -> Iterator[str]:
    mask = Image.new("L", (80, 64))
    mask.paste(255, (16, 16, 56, 48))
    yield demo_services.inputs.add(mask)


TASKS: dict[str, dict[str, Any]] = {
    "img2img": {"resize_mode": "Crop and resize", "initial_noise_multiplier": 0.9, "denoising_strength": 0.6},
    "own size": {"width": None, "height": None, "img2img_color_correction": True},
    "inpainting": {"mask": "MASK", "inpainting_fill": "latent noise", "mask_blur_x": 2, "batch_size": 2},
    "only masked": {"mask": "MASK", "inpaint_full_res": True, "inpaint_full_res_padding": 8, "denoising_strength": 0.5},
    "soft": {"mask": "MASK", "inpainting_mask_invert": True, "soft_inpainting": True},
    "outpainting": {"outpaint_left": 16, "outpaint_top": 8, "outpaint_feather": 4, "width": None, "height": None},
    "SD upscale": {"sd_upscale_upscaler": "Lanczos", "sd_upscale_by": 1.5, "sd_upscale_overlap": 16},
}
SECOND_PASSES: dict[str, dict[str, Any]] = {
    "latent": {"hr_scale": 1.5, "hr_upscaler": "Latent (nearest-exact)", "hr_prompt": "a boat", "hr_cfg_scale": 3},
    "model": {"hr_resize_x": 96, "hr_resize_y": 80, "hr_upscaler": "atelier-x2", "hr_second_pass_steps": 3},
    "from a picture": {"hr_upscaler": "Lanczos", "firstpass_image": "PICTURE"},
    "others": {"hr_sampler_name": "Heun", "hr_scheduler": "Karras", "hr_checkpoint_name": "atelier-demo"},
}


def asked(fields: dict[str, Any], picture_id: str, mask_id: str) -> AnyRequest:
    ids = {"PICTURE": picture_id, "MASK": mask_id}
    filled = {name: ids.get(str(value), value) for name, value in fields.items()}
    if filled.pop("second pass", False):
        return txt2img(enable_hr=True, denoising_strength=0.5, **filled)
    return img2img(init_images=[picture_id], **filled)


@pytest.mark.parametrize(
    "fields",
    [*TASKS.values(), *({"second pass": True, **fields} for fields in SECOND_PASSES.values())],
    ids=[*TASKS, *SECOND_PASSES],
)
def test_a_picture_is_made_again_from_its_own_file(
    demo_services: Services, picture_id: str, mask_id: str, fields: dict[str, Any]
) -> None:
    request = asked(fields, picture_id, mask_id)
    pictures = made(demo_services, request)
    assert len(pictures) == request.batch_count * request.batch_size
    for picture in pictures:
        reading = demo_services.pictures.read(demo_services.pictures.file(picture))
        assert reading.not_honoured == ()
        assert reading.request.task == request.task
        (again,) = made(demo_services, reading.request)
        assert again.infotext == picture.infotext
        difference = np.abs(pixels(demo_services, picture) - pixels(demo_services, again)).max()
        assert difference <= (1 if len(pictures) > 1 else 0)  # a batch rounds its products differently
        assert Path(picture.path).parts[0] == f"{request.task}-images"


def test_several_inputs_are_painted_one_after_another(demo_services: Services, picture_id: str) -> None:
    other = demo_services.inputs.add(drawing(64, 64, seed=3))
    pictures = made(demo_services, img2img(init_images=[picture_id, other], denoising_strength=0.3, batch_size=2))
    assert [picture.seed for picture in pictures] == [5, 6, 5, 6]
    inputs = [demo_services.pictures.read_text(picture.infotext).request.model_dump() for picture in pictures]
    assert [one["init_images"] for one in inputs] == [(picture_id,), (picture_id,), (other,), (other,)]


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"init_images": ["PICTURE"]}, "Init image hash"),
        ({"init_images": ["KEPT"], "mask": "PICTURE"}, "Mask hash"),
        ({"firstpass_image": "PICTURE", "enable_hr": True, "hr_scale": 1}, "First pass image hash"),
    ],
)
def test_input_that_is_missing_is_told(demo_services: Services, fields: dict[str, Any], key: str) -> None:
    ids = {
        "PICTURE": demo_services.inputs.add(drawing(64, 64, seed=len(key))),
        "KEPT": demo_services.inputs.add(drawing(64, 64, seed=100)),
    }
    filled = {name: ids.get(str(value), value) for name, value in fields.items()}
    if "init_images" in filled:
        filled["init_images"] = [ids[name] for name in fields["init_images"]]
    request = txt2img(**filled) if "enable_hr" in fields else img2img(**filled)
    (picture,) = made(demo_services, request)
    demo_services.inputs.file(ids["PICTURE"]).unlink()
    reading = demo_services.pictures.read(demo_services.pictures.file(picture))
    assert reading.not_honoured == (f"{key}: {ids['PICTURE']} (that picture is not stored here: choose it yourself)",)
    with pytest.raises(NotFound, match=f"Input picture {ids['PICTURE']} is not stored here. Choose the picture again."):
        demo_services.generate.submit(reading.request)


def test_input_that_goes_while_its_job_waits_fails_the_job_in_words(demo_services: Services) -> None:
    gone = demo_services.inputs.add(drawing(64, 64, seed=200))
    first = demo_services.generate.submit(txt2img(steps=20))
    job = demo_services.generate.submit(img2img(init_images=[gone]))
    demo_services.inputs.file(gone).unlink()
    ended(demo_services, first)
    assert ended(demo_services, job).error == f"Input picture {gone} is not stored here. Choose the picture again."


def long_img2img(services: Services, picture_id: str) -> Job:
    return services.generate.submit(img2img(init_images=[picture_id], steps=150, batch_count=50))


def long_second_pass(services: Services, picture_id: str) -> Job:
    fields = {"firstpass_image": picture_id, "enable_hr": True, "denoising_strength": 1.0}
    return services.generate.submit(txt2img(**fields, steps=150, batch_count=50))


def long_tiled_upscale(services: Services, picture_id: str) -> Job:
    fields = {"sd_upscale_upscaler": "Lanczos", "sd_upscale_by": 8, "sd_upscale_overlap": 16}
    return services.generate.submit(img2img(init_images=[picture_id], **fields, steps=150))


def long_batch(services: Services, picture_id: str) -> Job:
    files = [services.inputs.file(picture_id)] * 50
    return services.generate.submit_batch(services.batches.img2img(img2img(steps=150), files))


def long_plot(services: Services, picture_id: str) -> Job:
    arguments = {"x_type": "Seed", "x_values": "1-50", "draw_grid": False}
    return services.generate.submit(txt2img(script_name="X/Y/Z plot", script_args=arguments, steps=150))


@pytest.mark.parametrize("begin", [long_img2img, long_second_pass, long_tiled_upscale, long_batch, long_plot])
def test_an_interrupt_ends_each_kind_of_job_within_a_step(
    demo_services: Services, picture_id: str, begin: Callable[[Services, str], Job]
) -> None:
    job = begin(demo_services, picture_id)

    def steps() -> list[int]:
        return [event.step for event in demo_services.generate.events(job.id) if isinstance(event, Progress)]

    until(lambda: bool(steps()))
    demo_services.generate.interrupt(job.id, "now")
    until(lambda: demo_services.generate.job(job.id).is_over, seconds=10)
    assert demo_services.generate.job(job.id).state == "cancelled"
    assert len(demo_services.pictures.of_job(job.id)) < 50


def test_an_interrupt_ends_extras_between_tiles(demo_services: Services, tmp_path: Path) -> None:
    file = drawn_file(tmp_path / "large.png", width=1024, height=1024)
    fields = {"upscaler_1": "atelier-x2", "upscaling_resize": 4}
    job = demo_services.generate.submit_batch(demo_services.batches.extras(fields, [file] * 4))
    until(lambda: any(event.kind == "stage" for event in demo_services.generate.events(job.id)))
    demo_services.generate.interrupt(job.id, "now")
    until(lambda: demo_services.generate.job(job.id).is_over, seconds=20)
    assert demo_services.generate.job(job.id).state == "cancelled"
    assert demo_services.pictures.of_job(job.id) == []
