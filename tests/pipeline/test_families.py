"""Every family through the tasks: as diffusers' own pipelines do it, alone and in a batch, and with a refiner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DiffusionPipeline,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image
from transformers import CLIPTokenizer

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.diffusion.noise import ImageNoise, NoiseRecipe
from modules.pipeline.conditioning import PromptEncoder, PromptSteps
from modules.pipeline.networks import JobNetworks
from modules.pipeline.text_cache import TextCache
from tests.pipeline.painting import MASK, PICTURE, SECOND_PICTURE, Studio, distance, drawn, to_img2img, to_txt2img
from tests.tiny_models import (
    INPAINTING_CHANNELS,
    PIX2PIX_CHANNELS,
    write_tiny_model,
    write_tiny_refiner,
    write_tiny_sd2,
    write_tiny_sdxl,
)

SIDE = 64
WRITERS = {
    "sd1": partial(write_tiny_model, seed=11),
    "sd2": partial(write_tiny_sd2, seed=12),
    "sd2-epsilon": partial(write_tiny_sd2, seed=13, prediction_type="epsilon"),
    "sdxl": partial(write_tiny_sdxl, seed=14),
    "sdxl-words": partial(write_tiny_sdxl, seed=15, force_zeros=False),
    "sdxl-inpainting": partial(write_tiny_sdxl, seed=16, in_channels=INPAINTING_CHANNELS),
    "sdxl-pix2pix": partial(write_tiny_sdxl, seed=17, in_channels=PIX2PIX_CHANNELS),
    "refiner": partial(write_tiny_refiner, seed=18),
}
PLAIN = ("sd1", "sd2", "sd2-epsilon", "sdxl", "sdxl-words")
EVERY = (*PLAIN, "sdxl-inpainting", "sdxl-pix2pix")


@dataclass
class Family:
    folder: Path
    model: LoadedModel


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Family]:
    folder = tmp_path_factory.mktemp("families")
    written = {name: write(folder / name) for name, write in WRITERS.items()}
    registry, cpu = Registry([folder]), torch.device("cpu")
    return {
        name: Family(path, load_checkpoint(registry.find(name), device=cpu, dtype=torch.float32, attention="sdp"))
        for name, path in written.items()
    }


@pytest.fixture
def studio(families: Mapping[str, Family]) -> Studio:
    hole = np.zeros((SIDE, SIDE), np.uint8)
    hole[16:48, 16:48] = 255
    pictures = {PICTURE: drawn(), SECOND_PICTURE: drawn(seed=1), MASK: hole}
    return Studio(
        {name: family.model for name, family in families.items()},
        {name: Image.fromarray(pixels) for name, pixels in pictures.items()},
    )


def diffusers_pipeline(family: Family) -> DiffusionPipeline:
    """diffusers' own pipeline with the parts of a loaded model."""
    model = family.model
    parts: dict[str, Any] = {"vae": model.vae, "unet": model.unet}
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    parts["scheduler"] = EulerDiscreteScheduler(**betas, prediction_type=model.prediction_type, steps_offset=1)
    suffixes = {"sdxl": ("", "_2"), "sdxl-refiner": ("_2",)}.get(model.family, ("",))
    for suffix, encoder in zip(suffixes, model.text_encoders, strict=True):
        parts[f"text_encoder{suffix}"] = encoder.network
        parts[f"tokenizer{suffix}"] = CLIPTokenizer.from_pretrained(family.folder / f"tokenizer{suffix}")
    if model.family == "sdxl-refiner":
        absent = {"text_encoder": None, "tokenizer": None, "add_watermarker": False}
        decisions = {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
        return StableDiffusionXLImg2ImgPipeline(**parts, **absent, **decisions)
    if model.family == "sdxl":
        zeroes = model.zeroes_empty_prompt
        return StableDiffusionXLPipeline(**parts, force_zeros_for_empty_prompt=zeroes, add_watermarker=False)
    absent = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return StableDiffusionPipeline(**parts, **absent)


@contextmanager
def calls_of(model: LoadedModel) -> Iterator[list[dict[str, torch.Tensor]]]:
    """What the network is told at each call, while this is open."""
    calls: list[dict[str, torch.Tensor]] = []

    def record(_: torch.nn.Module, positional: tuple[torch.Tensor, ...], named: dict[str, Any]) -> None:
        calls.append(
            {"x": positional[0], "states": named["encoder_hidden_states"], **(named["added_cond_kwargs"] or {})}
        )

    handle = model.unet.register_forward_pre_hook(record, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


@pytest.mark.parametrize("negative", ["", "blurry"])
@pytest.mark.parametrize("name", ["sdxl", "sdxl-words", "refiner"])
@torch.inference_mode()
def test_words_are_encoded_as_diffusers_encodes_them(name: str, negative: str, families: Mapping[str, Family]) -> None:
    family = families[name]
    request = to_txt2img(width=96)
    networks = JobNetworks().of_pass(family.model, (), 4)
    encoder = PromptEncoder(family.model, TextCache(), request, PromptSteps(4), lambda: None, networks=networks)
    (told,) = encoder.batch([("a red house at night", negative)])(0)
    (part,) = told.positives
    pipeline = diffusers_pipeline(family)
    expected = pipeline.encode_prompt("a red house at night", negative_prompt=negative or None)
    ours = (part.conditioning.states, told.negative.states, part.conditioning.pooled, told.negative.pooled)
    for one, other in zip(ours, expected, strict=True):
        assert one is not None
        assert torch.allclose(one, other, rtol=0, atol=1e-5)
    if name == "refiner":
        sides, corner, width = (SIDE, 96), (0, 0), family.model.text_encoders[-1].pooled_width
        ids = pipeline._get_add_time_ids(
            sides, corner, sides, 6.0, 2.5, sides, corner, sides, torch.float32, text_encoder_projection_dim=width
        )
        for one, other in zip((part.conditioning.time_ids, told.negative.time_ids), ids, strict=True):
            assert one is not None
            assert torch.equal(one, other)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers' scheduler and NumPy 2
@pytest.mark.parametrize("negative", ["", "blurry"])
@pytest.mark.parametrize("name", PLAIN)
def test_pictures_are_those_of_diffusers(
    name: str, negative: str, families: Mapping[str, Family], studio: Studio
) -> None:
    """Four steps of Euler begin at trained levels, between which the two would interpolate differently."""
    fields = {"prompt": "a red house at night", "negative_prompt": negative, "width": 96, "cfg_scale": 3.0}
    request = to_txt2img(model=name, sampler_name="Euler", scheduler="Uniform", **fields)
    family = families[name]
    recipe = NoiseRecipe(request.seed, kind=request.rng)
    noise = ImageNoise(recipe, torch.device("cpu")).initial((4, SIDE // 8, 96 // 8))[None]
    pipeline = diffusers_pipeline(family)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        prompt=request.prompt,
        negative_prompt=negative or None,
        height=SIDE,
        width=96,
        num_inference_steps=4,
        guidance_scale=3.0,
        latents=noise,
        output_type="np",
    ).images[0]
    assert expected.std() > 0.01
    assert distance(studio.paint(request)[0], np.rint(expected * 255)) <= 1


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_is_its_pictures_one_by_one(name: str, studio: Studio) -> None:
    several = {"model": name, "batch_size": 3, "negative_prompt": "blurry", "seed": 7}
    masked = {"mask": MASK, "mask_blur_x": 2, "mask_blur_y": 2, "init_images": (PICTURE,)}
    for request in (
        to_txt2img(**several),
        to_txt2img(**several, prompts=("a red house", "a blue boat BREAK at night", "a cat AND a tree")),
        to_img2img(**several, denoising_strength=0.6),
        to_img2img(**several, denoising_strength=0.6, **masked),
    ):
        whole = studio.paint(request)
        assert len(whole) == 3
        assert distance(whole[0], whole[1]) > 8
        for index in range(3):
            (alone,) = studio.paint(request, finished=frozenset({0, 1, 2} - {index})).values()
            assert distance(alone, whole[index]) <= 1


@pytest.mark.parametrize("name", EVERY)
def test_inpainting_leaves_the_rest_alone(name: str, studio: Studio) -> None:
    before = np.asarray(studio.pictures[PICTURE])
    after = studio.img2img(model=name, mask=MASK, mask_blur_x=0, mask_blur_y=0, denoising_strength=1.0)
    assert distance(after[16:48, 16:48], before[16:48, 16:48]) > 8
    after, before = after.copy(), before.copy()
    after[16:48, 16:48] = before[16:48, 16:48] = 0
    assert np.array_equal(after, before)


def test_each_pass_is_told_its_own_size(families: Mapping[str, Family], studio: Studio) -> None:
    larger = {"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Latent", "denoising_strength": 0.7}
    with calls_of(families["sdxl"].model) as calls:
        studio.txt2img(model="sdxl", width=96, **larger)
    sizes = [(tuple(call["x"].shape[-2:]), call["time_ids"][0].tolist()) for call in calls]
    assert sizes[0] == ((8, 12), [64, 96, 0, 0, 64, 96])
    assert sizes[-1] == ((12, 18), [96, 144, 0, 0, 96, 144])
    assert len(set(map(str, sizes))) == 2
    assert {tuple(call["states"].shape) for call in calls} == {(2, 77, 56)}
    assert {tuple(call["text_embeds"].shape) for call in calls} == {(2, 16)}


@pytest.mark.parametrize("task", ["txt2img", "img2img", "inpainting"])
def test_the_refiner_takes_over(task: str, families: Mapping[str, Family], studio: Studio) -> None:
    fields = {"model": "sdxl", "steps": 8, "negative_prompt": "blurry", "batch_size": 2}
    if task == "txt2img":
        make: Any = to_txt2img
    else:
        make = to_img2img
        fields |= {"denoising_strength": 1.0, **({"mask": MASK} if task == "inpainting" else {})}
    alone = studio.paint(make(**fields))
    with calls_of(families["sdxl"].model) as base, calls_of(families["refiner"].model) as refined:
        both = studio.paint(make(**fields, refiner_checkpoint="refiner", refiner_switch_at=0.5))
    assert len(base) + len(refined) == 8
    assert min(len(base), len(refined)) >= 3
    assert sorted(refined[0]["time_ids"].tolist()) == [[64, 64, 0, 0, 2.5]] * 2 + [[64, 64, 0, 0, 6.0]] * 2
    assert refined[0]["states"].shape == (4, 77, 24)
    assert all(distance(both[index], alone[index]) > 1 for index in both)
    single = studio.paint(make(**fields, refiner_checkpoint="refiner", refiner_switch_at=0.5), finished=frozenset({0}))
    assert distance(single[1], both[1]) <= 1


def test_a_model_of_another_family_has_no_word_in_the_next_picture(studio: Studio) -> None:
    texts, request = TextCache(), partial(to_txt2img, negative_prompt="blurry")
    before = studio.paint(request(model="sdxl"), texts=texts)[0]
    for name in ("sd1", "refiner", "sd2"):
        studio.paint(request(model=name), texts=texts)
    assert np.array_equal(studio.paint(request(model="sdxl"), texts=texts)[0], before)
