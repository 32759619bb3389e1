"""What the settings say where a request does not, and what they have saved besides pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.config.settings_table import Settings
from modules.schema.infotext import parse_infotext
from modules.schema.pictures import Picture
from modules.schema.requests import REQUESTS, Txt2ImgRequest
from modules.services.build import Services
from tests.program import until

SMALL: dict[str, Any] = {"steps": 2, "width": 64, "height": 64, "seed": 3, "sampler_name": "Euler a"}
LONG_PROMPT = ", ".join(["a small (red:1.5) house", *["by the sea at night with a star"] * 9])
"""More than 75 tokens, with commas on which they can be divided."""


@pytest.fixture
def services(demo_services: Services) -> Iterator[Services]:
    """With the usual settings before and after."""
    yield demo_services
    demo_services.settings.change(**{name: getattr(Settings(), name) for name in Settings.__dataclass_fields__})


def made(services: Services, task: Any = "txt2img", **fields: Any) -> Picture:
    job = services.generate.submit(REQUESTS[task].of({**SMALL, "prompt": LONG_PROMPT, **fields}))
    until(lambda: services.generate.job(job.id).is_over)
    assert services.generate.job(job.id).state == "done", services.generate.job(job.id).error
    (picture,) = services.pictures.of_job(job.id)
    return picture


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def pixels(services: Services, picture: Picture) -> np.ndarray:
    return pixels_of(services.pictures.file(picture))


@pytest.mark.parametrize(
    ("setting", "value", "field", "key"),
    [
        ("CLIP_stop_at_last_layers", 2, "clip_skip", "Clip skip"),
        ("emphasis", "No norm", "emphasis", "Emphasis"),
        ("comma_padding_backtrack", 0, "comma_padding_backtrack", "Comma padding backtrack"),
        ("eta_noise_seed_delta", 31337, "eta_noise_seed_delta", "ENSD"),
        ("eta_ancestral", 0.25, "eta", "Eta"),
        ("eta_ddim", 0.5, "eta", "Eta DDIM"),
    ],
)
def test_a_setting_is_what_a_request_has_that_says_nothing(
    services: Services, setting: str, value: Any, field: str, key: str
) -> None:
    sampler = {"sampler_name": "DDIM"} if setting == "eta_ddim" else {}
    plain, named = made(services, **sampler), made(services, **sampler, **{field: value})
    services.settings.change(**{setting: value})
    followed = made(services, **sampler)
    assert parse_infotext(followed.infotext).parameters[key] == str(value)
    assert followed.infotext == named.infotext
    assert np.array_equal(pixels(services, followed), pixels(services, named))
    assert not np.array_equal(pixels(services, followed), pixels(services, plain))
    own = {"eta": 0.0 if setting == "eta_ddim" else 1.0} if field == "eta" else {field: getattr(Settings(), setting)}
    assert np.array_equal(pixels(services, made(services, **sampler, **own)), pixels(services, plain))


def test_a_picture_from_before_is_made_again_whatever_the_settings_are(services: Services) -> None:
    before = made(services)
    services.settings.change(CLIP_stop_at_last_layers=3, emphasis="Ignore", eta_ancestral=0.0, eta_noise_seed_delta=5)
    reading = services.pictures.read_text(before.infotext)
    again = made(services, **reading.request.model_dump(exclude_unset=True), eta=1.0)
    assert again.infotext == before.infotext
    varied = services.remix.request(before, "vary-subtle")
    assert (varied.clip_skip, varied.emphasis, varied.eta, varied.eta_noise_seed_delta) == (1, "Original", 1.0, 0)


def test_another_sampler_of_a_script_has_the_eta_of_the_settings(services: Services) -> None:
    services.settings.change(eta_ancestral=0.25, eta_ddim=0.5)
    resolver = services.resolver
    resolved = resolver.resolve(Txt2ImgRequest.of({**SMALL, "prompt": "a", "sampler_name": "Euler"}))
    assert resolved.eta is None
    etas = {name: resolver.changed(resolved, {"sampler_name": name}).eta for name in ("Euler a", "DDIM", "Heun")}
    assert etas == {"Euler a": 0.25, "DDIM": 0.5, "Heun": None}
    assert resolver.changed(resolved, {"sampler_name": "Euler a", "eta": 0.75}).eta == 0.75


def test_the_first_pass_is_saved_besides(services: Services) -> None:
    services.settings.change(save_images_before_highres_fix=True)
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.7}
    large = made(services, **hires)
    assert (large.width, large.height) == (128, 128)
    place = services.pictures.file(large)
    first = place.with_name(f"{place.stem}-before-highres-fix.png")
    plain = made(services)
    assert np.array_equal(pixels_of(first), pixels(services, plain))
    with Image.open(first) as image:
        assert image.info["parameters"] == plain.infotext
    services.pictures.refresh()
    (known,) = [one for one in services.pictures.page(0, 9) if one.path.endswith("-before-highres-fix.png")]
    assert (known.job_id, known.infotext) == (None, plain.infotext)


def test_an_image_upscaler_goes_on_from_the_same_first_pass(services: Services) -> None:
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Lanczos", "denoising_strength": 0.5}
    without = made(services, **hires)
    services.settings.change(save_images_before_highres_fix=True)
    assert np.array_equal(pixels(services, made(services, **hires)), pixels(services, without))


def test_masks_and_colours_are_saved_besides(services: Services) -> None:
    ground = np.random.default_rng(0).integers(0, 120, (64, 64, 3), np.uint8)
    white = np.zeros((64, 64), np.uint8)
    white[16:48, 16:48] = 255
    inputs = {name: services.inputs.add(Image.fromarray(row)) for name, row in (("ground", ground), ("mask", white))}
    fields = {"init_images": [inputs["ground"]], "mask": inputs["mask"], "denoising_strength": 0.8, "mask_blur_x": 2}
    plain = made(services, "img2img", **fields)
    assert len(list(services.pictures.file(plain).parent.glob(f"{services.pictures.file(plain).stem}*"))) == 1
    services.settings.change(
        save_mask=True,
        save_mask_composite=True,
        save_images_before_color_correction=True,
        img2img_color_correction=True,
    )
    corrected = made(services, "img2img", **fields)
    assert parse_infotext(corrected.infotext).parameters["Color correction"] == "True"
    place = services.pictures.file(corrected)
    before, mask, composite = (
        pixels_of(place.with_name(f"{place.stem}-{kind}.png"))
        for kind in ("before-color-correction", "mask", "mask-composite")
    )
    assert np.array_equal(before, pixels(services, plain))
    assert not np.array_equal(before, pixels(services, corrected))
    assert mask.shape == (64, 64, 3) and mask[32, 32].min() == 255 and mask[0, 0].max() == 0
    assert np.array_equal(composite[..., :3][mask[..., 0] > 0], pixels(services, corrected)[mask[..., 0] > 0])
    assert np.array_equal(composite[..., 3], mask[..., 0])
    assert len(services.pictures.of_job(str(corrected.job_id))) == 1
