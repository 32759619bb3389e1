"""What img2img, inpainting, outpainting and the second pass mean, measured in the demo model's pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.imaging.blurring import gaussian
from modules.schema.pictures import Picture
from modules.schema.requests import Img2ImgRequest
from modules.services.build import Services
from tests.services.test_generate import finish, pixels, psnr, until

SEEDS = 4
BOX = (40, 40, 88, 88)
"""Left, top, right and bottom of what is painted anew."""


def finish_img2img(services: Services, **fields: Any) -> list[Picture]:
    job = services.generate.submit(Img2ImgRequest.of({"steps": 12, "seed": 0, **fields}))
    until(lambda: services.generate.job(job.id).is_over, seconds=600)
    assert services.generate.job(job.id).error is None
    return services.pictures.of_job(job.id)


def stored(services: Services, array: np.ndarray) -> str:
    return services.inputs.add(Image.fromarray(array.astype(np.uint8)))


@pytest.fixture(scope="module")
def house(demo_services: Services) -> Iterator[np.ndarray]:
    (picture,) = finish(demo_services, prompt="a red house on a white background", seed=5, steps=20)[1]
    yield pixels(demo_services, picture)


def box_mask(width: int = 128, height: int = 128) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    left, top, right, bottom = BOX
    mask[top:bottom, left:right] = 255
    return mask


def inner(picture: np.ndarray, margin: int = 6) -> np.ndarray:
    left, top, right, bottom = BOX
    return picture[top + margin : bottom - margin, left + margin : right - margin]


def redness(picture: np.ndarray) -> float:
    """Share of pixels whose red is far above both other colours."""
    return float((picture[..., 0] - picture[..., 1:].max(axis=2) > 60).mean())


def detail(picture: np.ndarray) -> float:
    """Energy of what a small blur takes away."""
    grey = picture.mean(axis=2)
    return float(np.square(grey - gaussian(grey, 1.0, 1.0)).mean())


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Mean SSIM of the grey pictures (Wang et al., 2004; Gaussian windows of sigma 1.5)."""
    x, y = one.mean(axis=2), other.mean(axis=2)

    def blur(values: np.ndarray) -> np.ndarray:
        return gaussian(values, 1.5, 1.5)

    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_x * mean_y + first) * (2 * covariance + second)
    return float((above / ((mean_x**2 + mean_y**2 + first) * (variance_x + variance_y + second))).mean())


def test_strength_0_is_the_input_but_for_the_vae(demo_services: Services, house: np.ndarray) -> None:
    """The drawing comes back as the VAE knows it, and going through once more changes next to nothing."""
    (first,) = finish_img2img(
        demo_services, prompt="a blue fish", init_images=[stored(demo_services, house)], denoising_strength=0
    )
    once = pixels(demo_services, first)
    (second,) = finish_img2img(
        demo_services, prompt="a star", init_images=[stored(demo_services, house)], denoising_strength=0, seed=77
    )
    assert np.array_equal(once, pixels(demo_services, second))
    assert psnr(once, house) > 22


def test_rising_strength_moves_away_from_the_input(demo_services: Services, house: np.ndarray) -> None:
    strengths = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
    picture = stored(demo_services, house)
    distances = []
    for strength in strengths:
        made = finish_img2img(
            demo_services,
            prompt="a blue fish on a black background",
            init_images=[picture],
            denoising_strength=strength,
            batch_size=SEEDS,
        )
        distances.append(np.mean([np.abs(pixels(demo_services, row) - house).mean() for row in made]))
    assert distances == sorted(distances)
    assert distances[-1] > 4 * distances[0]


@pytest.mark.parametrize("only_masked", [False, True])
def test_inpainting_changes_the_box_and_nothing_else(
    demo_services: Services, house: np.ndarray, only_masked: bool
) -> None:
    blue = np.full((128, 128, 3), (70, 110, 230))
    mask = box_mask()
    made = finish_img2img(
        demo_services,
        prompt="a red star on a red background",
        init_images=[stored(demo_services, blue)],
        mask=stored(demo_services, mask),
        inpainting_fill="latent noise",
        inpaint_full_res=only_masked,
        inpaint_full_res_padding=8,
        width=128,
        height=128,
        denoising_strength=1.0,
        steps=16,
        batch_size=4,
    )
    for row in made:
        picture = pixels(demo_services, row)
        assert redness(inner(blue)) == 0
        # Twice the blur's reach away from the box not one bit differs.
        far = np.ones((128, 128), bool)
        left, top, right, bottom = BOX
        far[top - 22 : bottom + 22, left - 22 : right + 22] = False
        assert np.array_equal(picture[far], blue[far])
    assert np.mean([redness(inner(pixels(demo_services, row))) for row in made]) > 0.5


def test_painting_the_mask_alone_shows_more_detail(demo_services: Services, house: np.ndarray) -> None:
    """The same box at four times its resolution, brought back: what is in it is drawn finer."""
    larger = np.asarray(Image.fromarray(house.astype(np.uint8)).resize((256, 256), Image.Resampling.LANCZOS))
    mask = np.zeros((256, 256), np.uint8)
    mask[96:160, 96:160] = 255
    fields: dict[str, Any] = {
        "prompt": "a green tree on a white background",
        "init_images": [stored(demo_services, larger)],
        "mask": stored(demo_services, mask),
        "inpainting_fill": "latent noise",
        "denoising_strength": 1.0,
        "batch_size": 4,
    }
    whole = finish_img2img(demo_services, **fields, width=128, height=128)
    alone = finish_img2img(
        demo_services, **fields, width=128, height=128, inpaint_full_res=True, inpaint_full_res_padding=8
    )

    def box(row: Picture) -> np.ndarray:
        picture = Image.fromarray(pixels(demo_services, row).astype(np.uint8)).resize((256, 256))
        return np.asarray(picture).astype(int)[96:160, 96:160]

    assert np.mean([detail(box(row)) for row in alone]) > 2 * np.mean([detail(box(row)) for row in whole])


@pytest.fixture(scope="module")
def houses(demo_services: Services) -> list[Picture]:
    return finish(demo_services, prompt="a house", seed=40, steps=16, batch_size=4)[1]


@pytest.mark.parametrize("ground", ["blue", "yellow", "black"])
def test_outpainting_goes_on_with_the_background(demo_services: Services, houses: list[Picture], ground: str) -> None:
    """The colours left and right of the seam are nearer to one another than those of two pictures at random."""
    sources = finish(demo_services, prompt=f"a white star on a {ground} background", seed=3, steps=16, batch_size=4)[1]
    seams, strangers = [], []
    for row, other in zip(sources, houses, strict=True):
        source = pixels(demo_services, row)
        (made,) = finish_img2img(
            demo_services,
            prompt=f"a white star on a {ground} background",
            init_images=[stored(demo_services, source)],
            outpaint_right=64,
            outpaint_feather=8,
            inpainting_fill="fill",
            denoising_strength=0.8,
        )
        picture = pixels(demo_services, made)
        assert picture.shape == (128, 192, 3)
        assert np.array_equal(picture[:, :100], source[:, :100])
        seams.append(np.abs(picture[:, 112:124].mean(axis=(0, 1)) - picture[:, 136:160].mean(axis=(0, 1))).mean())
        stranger = pixels(demo_services, other)[:, :24].mean(axis=(0, 1))
        strangers.append(np.abs(picture[:, 112:124].mean(axis=(0, 1)) - stranger).mean())
    assert np.mean(seams) < 0.5 * np.mean(strangers)


def test_second_pass_keeps_the_composition_and_sharpens(demo_services: Services) -> None:
    prompts = ("a red house on a white background", "a yellow star on a blue background")
    similar, sharper = [], []
    for prompt in prompts:
        fields: dict[str, Any] = {"prompt": prompt, "seed": 5, "steps": 16, "batch_size": 2}
        first = finish(demo_services, **fields)[1]
        second = finish(
            demo_services,
            **fields,
            enable_hr=True,
            hr_scale=2,
            hr_upscaler="atelier-x2",
            denoising_strength=0.4,
        )[1]
        for small, large in zip(first, second, strict=True):
            before = pixels(demo_services, small)
            after = Image.fromarray(pixels(demo_services, large).astype(np.uint8))
            assert after.size == (256, 256)
            reduced = np.asarray(after.resize((128, 128), Image.Resampling.BOX)).astype(int)
            similar.append(similarity(before, reduced))
            plain = Image.fromarray(before.astype(np.uint8)).resize((256, 256), Image.Resampling.LANCZOS)
            sharper.append(_edge(np.asarray(after)) / _edge(np.asarray(plain)))
    assert min(similar) >= 0.7
    assert np.mean(sharper) > 1


def _edge(picture: np.ndarray) -> float:
    """The steepest edges: the 99th percentile of the gradient of luminance."""
    grey = picture.astype(float).mean(axis=2)
    return float(np.percentile(np.hypot(*np.gradient(grey)), 99))
