"""Textures: with `tiling` a picture goes on at its other side, whatever models paint it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.diffusion.seamless import seamless_axes
from modules.errors import Interrupted
from tests.pipeline.painting import PICTURE, Onlooker, Studio, distance, drawn, to_img2img, to_txt2img
from tests.tiny_models import DEMO_MODEL

AXES = {"None": (False, False), "X": (True, False), "Y": (False, True), "Both": (True, True)}


@pytest.fixture(scope="module")
def demo() -> Mapping[str, LoadedModel]:
    """The model that was trained on drawn scenes, and so paints meadows and skies."""
    checkpoint = Registry([DEMO_MODEL.parent]).find(DEMO_MODEL.name)
    return {"demo": load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=torch.float32, attention="sdp")}


def seams(pixels: np.ndarray) -> tuple[float, float]:
    """Mean distance of the first line from the last, along x and along y, in levels of 255."""
    levels = pixels.astype(float)
    return float(np.abs(levels[:, 0] - levels[:, -1]).mean()), float(np.abs(levels[0] - levels[-1]).mean())


def test_no_seam_is_seen(demo: Mapping[str, LoadedModel]) -> None:
    """Of a boat at sea: tens of levels along either axis as it is, no more than between any two lines as a texture."""
    found = {}
    for tiling in ("None", "X"):
        fields: dict[str, Any] = {"model": "demo", "prompt": "a boat at sea", "cfg_scale": 3, "steps": 6}
        made = [Studio(demo).txt2img(**fields, tiling=tiling, seed=seed) for seed in (1, 3, 5, 7)]
        found[tiling] = np.mean([seams(pixels) for pixels in made], axis=0)
    assert found["X"][0] < found["None"][0] / 10
    assert found["X"][0] < 2 * np.mean([np.abs(np.diff(pixels.astype(float), axis=1)).mean() for pixels in made])
    assert found["X"][1] > found["None"][1] / 3


@contextmanager
def axes_of_calls(studio: Studio, *names: str) -> Iterator[dict[str, set[tuple[bool, bool]]]]:
    """Along which axes the networks of those models were seamless when they were asked, and that all are reset."""
    seen: dict[str, set[tuple[bool, bool]]] = {name: set() for name in names}
    handles = [
        studio.models[name].unet.register_forward_pre_hook(
            lambda unet, _, name=name: seen[name].add(seamless_axes(unet))
        )
        for name in names
    ]
    yield seen
    for handle in handles:
        handle.remove()
    networks = [network for name in names for network in (studio.models[name].unet, studio.models[name].vae)]
    assert {seamless_axes(network) for network in networks} == {(False, False)}


@pytest.mark.parametrize("tiling", AXES)
def test_every_model_of_a_task_is_seamless(studio: Studio, tiling: str) -> None:
    fields: dict[str, Any] = {"enable_hr": True, "hr_scale": 1, "hr_checkpoint_name": "other", "hr_upscaler": "Repeat"}
    fields |= {"refiner_checkpoint": "inpainting", "refiner_switch_at": 0.5, "tiling": tiling}
    with axes_of_calls(studio, "plain", "other", "inpainting") as seen:
        studio.txt2img(**fields)
    assert seen == dict.fromkeys(seen, {AXES[tiling]})


def test_a_task_that_is_stopped_leaves_the_models_as_they_were(studio: Studio) -> None:
    before = studio.txt2img()
    with axes_of_calls(studio, "plain"), pytest.raises(Interrupted):
        studio.paint(to_txt2img(tiling="Both"), Onlooker(stop_at=2))
    assert np.array_equal(studio.txt2img(), before)


@pytest.mark.parametrize("tiling", AXES)
def test_rolled_picture_comes_out_of_the_vae_rolled(studio: Studio, tiling: str) -> None:
    """By whole latents; at strength 0 nothing else is done."""
    for axis, on in zip((1, 0), AXES[tiling], strict=True):
        rolled = []
        for pixels in (drawn(), np.roll(drawn(), 24, axis)):
            studio.pictures[PICTURE] = Image.fromarray(pixels)
            rolled.append(studio.img2img(denoising_strength=0, tiling=tiling))
        assert (distance(np.roll(rolled[0], 24, axis), rolled[1]) <= 1) == on


def test_tiles_of_an_upscale_are_no_textures(studio: Studio) -> None:
    """They have neighbours of their own."""
    fields: dict[str, Any] = {"sd_upscale_upscaler": "Repeat", "sd_upscale_overlap": 16, "sd_upscale_by": 1.5}
    plain, tiled = (studio.paint(to_img2img(**fields, steps=2, tiling=tiling))[0] for tiling in ("None", "Both"))
    assert np.array_equal(plain, tiled)
