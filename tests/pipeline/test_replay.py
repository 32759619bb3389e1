"""A picture's infotext alone, given the same input pictures, gives the picture again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.diffusion.names import BUILT_IN_NAMES
from modules.schema.infotext import parse_infotext, request_of, write_infotext
from modules.schema.requests import RESOLVED, ResolvedImg2Img, ResolvedTxt2Img
from tests.pipeline.painting import MASK, PICTURE, SECOND_PICTURE, Studio, drawn, to_img2img, to_txt2img

HIRES: list[dict[str, Any]] = [
    {"hr_scale": 1.5, "hr_second_pass_steps": 3, "denoising_strength": 0.55, "hr_upscaler": "Latent (bicubic)"},
    {"hr_resize_x": 96, "hr_resize_y": 72, "hr_prompt": "a blue boat", "hr_negative_prompt": "a tree"},
    {"hr_resize_x": 96, "hr_sampler_name": "Euler a", "hr_cfg_scale": 3.5, "img2img_extra_noise": 0.1},
    {"hr_upscaler": "Repeat", "hr_checkpoint_name": "other", "hr_scheduler": "Karras"},
    {"firstpass_image": PICTURE, "prompt": "a [red:blue:1.5] house", "tiling": "X"},
    {"refiner_checkpoint": "other", "refiner_switch_at": 0.4, "hires_fix_refiner_pass": "both passes"},
    {"hr_prompts": ("a blue boat", "a tree"), "prompts": ("a red house", "a meadow")},
]
IMG2IMG: list[dict[str, Any]] = [
    {"init_images": (PICTURE, SECOND_PICTURE), "batch_count": 1},
    {"denoising_strength": 0.3, "img2img_fix_steps": True, "initial_noise_multiplier": 0.95},
    {"resize_mode": "Crop and resize", "width": 96, "img2img_color_correction": True},
    {"resize_mode": "Just resize (latent upscale)", "width": 96, "img2img_extra_noise": 0.05},
    {"model": "pix2pix", "image_cfg_scale": 2.5},
    {"mask": MASK},
    {"mask": MASK, "inpaint_full_res": True, "inpaint_full_res_padding": 4, "inpainting_fill": "latent noise"},
    {"mask": MASK, "inpainting_mask_invert": True, "mask_blur_x": 2, "mask_blur_y": 6, "mask_round": False},
    {"mask": MASK, "soft_inpainting": True, "soft_inpainting_schedule_bias": 2, "inpainting_fill": "fill"},
    {"mask_from_alpha": True, "init_images": (SECOND_PICTURE,), "img2img_background_color": "#2040ff"},
    {"model": "inpainting", "mask": MASK, "inpainting_mask_weight": 0.5},
    {"outpaint_left": 16, "outpaint_bottom": 8, "outpaint_feather": 4, "width": 80, "height": 72},
    {"sd_upscale_upscaler": "Repeat", "sd_upscale_by": 1.5, "sd_upscale_overlap": 8},
]


def check(studio: Studio, request: ResolvedTxt2Img | ResolvedImg2Img) -> None:
    """Of the second picture of a request, painted by itself."""
    text = write_infotext(request, index=1, model_hash=studio.models[request.model].fingerprint)
    reading = request_of(parse_infotext(text))
    assert reading.refused == ()
    read = reading.request.model_dump(exclude_none=True)
    sampler, read["scheduler"] = BUILT_IN_NAMES.find_pair(str(read["sampler_name"]), reading.request.scheduler)
    (made,) = studio.paint(RESOLVED[request.task].of({**read, "sampler_name": sampler.name})).values()
    assert np.array_equal(made, studio.paint(request, finished=frozenset({0}))[1])


@pytest.mark.parametrize("fields", HIRES, ids=lambda fields: "-".join(fields))
def test_second_pass(studio: Studio, fields: dict[str, Any]) -> None:
    check(studio, to_txt2img(enable_hr=True, batch_count=2, seed=5, **fields))


@pytest.mark.parametrize("fields", IMG2IMG, ids=lambda fields: "-".join(fields))
def test_img2img(studio: Studio, fields: dict[str, Any]) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20:44, 12:40] = 255
    clear = np.dstack([drawn(seed=1), 255 - mask])
    studio.pictures |= {MASK: Image.fromarray(mask), SECOND_PICTURE: Image.fromarray(clear)}
    check(studio, to_img2img(**{"batch_count": 2, "seed": 5, **fields}))
