"""The laws of img2img, on tiny random models of every shape."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.diffusion.latent_resizing import resized_latents
from modules.diffusion.names import BUILT_IN_NAMES
from modules.diffusion.samplers import SAMPLERS
from modules.imaging.colour_correction import colour_corrected, srgb_to_lab
from modules.imaging.resizing import crop_and_resize, just_resize, resize_and_fill
from tests.pipeline.painting import (
    PICTURE,
    SECOND_PICTURE,
    SHAPES,
    Onlooker,
    Studio,
    distance,
    drawn,
    mean_distance,
    to_img2img,
)

INPUTS = (PICTURE, SECOND_PICTURE)
WIDER: dict[str, Any] = {"outpaint_left": 16, "width": 80}


@torch.inference_mode()
def through_vae(studio: Studio, pixels: np.ndarray, model: str = "plain") -> np.ndarray:
    """Encoded and decoded."""
    vae = studio.models[model]
    picture: np.ndarray = vae.decode(vae.encode(pixels[None]))[0]
    return picture


def steps_told(studio: Studio, **fields: Any) -> list[tuple[int, int]]:
    onlooker = Onlooker()
    studio.paint(to_img2img(**fields), onlooker)
    return onlooker.steps


@pytest.mark.parametrize(
    ("model", "sampler"), [("plain", "DPM++ 2M SDE"), ("plain", "DDIM"), *((model, "Euler") for model in SHAPES)]
)
def test_same_request_same_picture(studio: Studio, model: str, sampler: str) -> None:
    fields: dict[str, Any] = {"model": model, "sampler_name": sampler}
    first, second = studio.img2img(**fields), studio.img2img(**fields)
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, studio.img2img(**fields, seed=2))


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize("further", [{}, WIDER], ids=["whole", "masked"])
def test_batch_of_three_is_three_single_pictures(studio: Studio, model: str, further: dict[str, Any]) -> None:
    batch = studio.paint(to_img2img(model=model, batch_size=3, seed=10, **further))
    for index in range(3):
        assert distance(batch[index], studio.img2img(model=model, seed=10 + index, **further)) <= 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_begins_with_a_picture(studio: Studio, sampler: str) -> None:
    onlooker = Onlooker()
    fields: dict[str, Any] = {
        "sampler_name": sampler,
        "scheduler": BUILT_IN_NAMES.find_pair(sampler, None)[1],
        "steps": 6,
    }
    (made,) = studio.paint(to_img2img(**fields, denoising_strength=0.5), onlooker).values()
    assert not np.array_equal(made, studio.img2img(**fields, denoising_strength=0))
    assert 2 <= len(onlooker.steps) <= 4
    assert onlooker.steps == [(step, len(onlooker.steps)) for step in range(1, len(onlooker.steps) + 1)]


@pytest.mark.parametrize("model", SHAPES)
def test_strength_0_is_the_picture_out_of_the_vae(studio: Studio, model: str) -> None:
    same = studio.img2img(model=model, denoising_strength=0)
    assert np.array_equal(same, through_vae(studio, drawn(), model))


def test_steps_rise_with_the_strength(studio: Studio) -> None:
    """int(strength x steps) + 1 of them, all of them at 1."""
    shares = [0, 0.1, 0.25, 0.5, 0.75, 0.95, 1]
    counts = [len(steps_told(studio, denoising_strength=share, steps=8)) for share in shares]
    assert counts == [0, 1, 3, 5, 7, 8, 8]


def test_exact_steps_are_run_whatever_the_strength(studio: Studio) -> None:
    for strength in (0.1, 0.5, 1):
        told = steps_told(studio, denoising_strength=strength, steps=5, img2img_fix_steps=True)
        assert told == [(step, 5) for step in range(1, 6)]
    usual, exact = (studio.img2img(denoising_strength=0.5, img2img_fix_steps=fixed) for fixed in (False, True))
    assert not np.array_equal(usual, exact)


def test_a_stronger_run_leaves_less_of_the_picture(studio: Studio) -> None:
    same = studio.img2img(denoising_strength=0)
    left = [mean_distance(same, studio.img2img(denoising_strength=share, steps=10)) for share in (0.1, 0.4, 0.8)]
    assert all(before < after for before, after in pairwise([0.0, *left]))


@pytest.mark.parametrize(
    "change",
    [
        {"initial_noise_multiplier": 0.9},
        {"img2img_extra_noise": 0.1},
        {"img2img_color_correction": True},
        {"resize_mode": "Crop and resize", "width": 96},
        {"resize_mode": "Resize and fill", "width": 96},
        {"resize_mode": "Just resize (latent upscale)", "width": 96},
        {"init_images": (SECOND_PICTURE,)},
        {"refiner_checkpoint": "other", "refiner_switch_at": 0.5},
        {"tiling": "X"},
        {"subseed_strength": 0.3, "subseed": 5},
    ],
    ids=lambda change: "-".join(change),
)
def test_every_field_changes_the_picture(studio: Studio, change: dict[str, Any]) -> None:
    before = studio.img2img(width=change.get("width", 64))
    assert not np.array_equal(before, studio.img2img(**change))


@pytest.mark.parametrize(
    ("mode", "resize"),
    [("Just resize", just_resize), ("Crop and resize", crop_and_resize), ("Resize and fill", resize_and_fill)],
)
def test_resize_modes_bring_the_picture_to_size(studio: Studio, mode: str, resize: Any) -> None:
    made = studio.img2img(resize_mode=mode, width=96, height=72, denoising_strength=0)
    assert np.array_equal(made, through_vae(studio, resize(drawn(), 96, 72)))


@torch.inference_mode()
def test_latent_resize_brings_the_latents_to_size(studio: Studio) -> None:
    """Of a picture of 70 x 67, whose whole latents are of 64 x 64."""
    studio.pictures[PICTURE] = Image.fromarray(drawn(70, 67))
    made = studio.img2img(resize_mode="Just resize (latent upscale)", width=96, height=128, denoising_strength=0)
    model = studio.models["plain"]
    latents = model.encode(just_resize(drawn(70, 67), 64, 64)[None])
    assert np.array_equal(made, model.decode(resized_latents(latents, "Latent", height=16, width=12))[0])


def test_latent_resize_to_the_same_size_is_none(studio: Studio) -> None:
    assert np.array_equal(studio.img2img(), studio.img2img(resize_mode="Just resize (latent upscale)"))


def test_colour_correction_gives_back_the_colours_of_the_input(studio: Studio) -> None:
    plain, corrected = studio.img2img(), studio.img2img(img2img_color_correction=True)
    assert np.array_equal(corrected, colour_corrected(plain, drawn()))
    colours = srgb_to_lab(drawn())[..., 1:].mean(axis=(0, 1))
    plain_error, error = (
        abs(srgb_to_lab(one)[..., 1:].mean(axis=(0, 1)) - colours).sum() for one in (plain, corrected)
    )
    assert error < plain_error / 2


def test_transparent_input_is_laid_on_the_colour(studio: Studio) -> None:
    clear = Image.fromarray(drawn()).convert("RGBA")
    clear.paste((9, 9, 9, 0), (0, 0, 64, 32))
    studio.pictures[PICTURE] = clear
    pixels = drawn()
    pixels[:32] = (0x20, 0x40, 0xFF)
    made = studio.img2img(img2img_background_color="#2040ff", denoising_strength=0)
    assert np.array_equal(made, through_vae(studio, pixels))


@pytest.mark.parametrize("model", ["plain", "inpainting", "pix2pix"])
def test_several_inputs_have_the_same_seeds(studio: Studio, model: str) -> None:
    made = studio.paint(to_img2img(model=model, init_images=INPUTS, batch_size=2, seed=5))
    assert sorted(made) == [0, 1, 2, 3]
    for index, (one, seed) in enumerate([(PICTURE, 5), (PICTURE, 6), (SECOND_PICTURE, 5), (SECOND_PICTURE, 6)]):
        assert distance(made[index], studio.img2img(model=model, init_images=(one,), seed=seed)) <= 1


@pytest.mark.parametrize("model", ["plain", "inpainting"])
def test_finished_pictures_are_not_made_again(studio: Studio, model: str) -> None:
    """Also where a batch was begun: the others are painted as they would have been in it."""
    request = to_img2img(model=model, init_images=INPUTS, batch_size=2, seed=5)
    whole, onlooker = studio.paint(request), Onlooker()
    rest = studio.paint(request, onlooker, finished=frozenset({0, 3}))
    assert sorted(rest) == [1, 2]
    assert all(distance(rest[index], whole[index]) <= 1 for index in rest)
    assert onlooker.steps == [(step, 8) for step in range(1, 9)]
    assert studio.paint(request, finished=frozenset(range(4))) == {}


def test_progress_counts_the_steps_of_all_batches(studio: Studio) -> None:
    told = steps_told(studio, init_images=INPUTS, batch_count=2, denoising_strength=0.5)
    assert told == [(step, 12) for step in range(1, 13)]


class TestEditingModels:
    """InstructPix2Pix: eight channels, and a scale for the picture."""

    def test_image_cfg_scale_changes_the_picture(self, studio: Studio) -> None:
        pictures = [studio.img2img(model="pix2pix", image_cfg_scale=scale) for scale in (1, 1.5, 3)]
        assert not any(np.array_equal(one, other) for one, other in pairwise(pictures))

    def test_image_cfg_scale_has_no_effect_on_other_models(self, studio: Studio) -> None:
        for model in ("plain", "inpainting"):
            one, other = (studio.img2img(model=model, image_cfg_scale=scale) for scale in (1.5, 3))
            assert np.array_equal(one, other)

    @pytest.mark.parametrize(("scale", "rows"), [(1.0, 2), (1.5, 3)])
    @torch.inference_mode()
    def test_network_sees_the_picture_with_and_without_words_and_not_at_all(
        self, studio: Studio, scale: float, rows: int
    ) -> None:
        model, given = studio.models["pix2pix"], seen_by_network(studio, model="pix2pix", image_cfg_scale=scale)
        picture = model.encode(drawn()[None])[0] / model.vae.config.scaling_factor
        assert all(len(seen) == rows for seen in given)
        for seen in given:
            assert torch.allclose(seen[:2, 4:], picture.expand(2, -1, -1, -1), atol=1e-5)
            assert not seen[2:, 4:].any()


class TestInpaintingModels:
    """Nine channels: latents, mask, and the picture without what lies below the mask."""

    @torch.inference_mode()
    def test_without_a_mask_all_is_to_be_painted(self, studio: Studio) -> None:
        model, (seen, *_) = studio.models["inpainting"], seen_by_network(studio, model="inpainting")
        grey = model.encode_picture(torch.zeros(1, 3, 64, 64))[0]
        assert bool((seen[:, 4] == 1).all())
        assert torch.allclose(seen[:, 5:], grey.expand(2, -1, -1, -1), atol=1e-5)

    @torch.inference_mode()
    def test_mask_weight_shows_the_picture(self, studio: Studio) -> None:
        seen, *_ = seen_by_network(studio, model="inpainting", inpainting_mask_weight=0)
        picture = studio.models["inpainting"].encode(drawn()[None])[0]
        assert torch.allclose(seen[:, 5:], picture.expand(2, -1, -1, -1), atol=1e-5)
        shown, hidden = (studio.img2img(model="inpainting", inpainting_mask_weight=weight) for weight in (0, 1))
        assert not np.array_equal(shown, hidden)


@torch.inference_mode()
def seen_by_network(studio: Studio, **fields: Any) -> list[torch.Tensor]:
    """What the network is given in each call."""
    given: list[torch.Tensor] = []
    unet = studio.models[fields["model"]].unet
    handle = unet.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0].clone()))
    try:
        studio.img2img(**fields)
    finally:
        handle.remove()
    return given
