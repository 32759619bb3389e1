"""What the tests of the tasks share: tiny models, an onlooker, and a task carried out from a few fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.errors import Interrupted
from modules.hooks import Plugins
from modules.hooks.sampling_registry import BUILT_IN_SAMPLING, BroughtSampling, SamplingRegistry
from modules.pipeline.img2img import img2img
from modules.pipeline.networks import JobNetworks, NetworkFiles
from modules.pipeline.pass_hooks import PaintingHooks
from modules.pipeline.resources import Resources
from modules.pipeline.text_cache import TextCache
from modules.pipeline.txt2img import txt2img
from modules.pipeline.watcher import PartWatcher, Unwatched
from modules.schema.requests import ResolvedImg2Img, ResolvedTxt2Img
from tests.schema.test_requests import RESOLVED
from tests.tiny_models import (
    INPAINTING_CHANNELS,
    PIX2PIX_CHANNELS,
    write_tiny_model,
    write_tiny_refiner,
    write_tiny_sd2,
    write_tiny_sdxl,
)

PICTURE, SECOND_PICTURE, MASK = "1" * 32, "2" * 32, "3" * 32
"""Ids of stored pictures."""
_WRITERS: dict[str, Callable[[Path], Path]] = {
    "plain": partial(write_tiny_model, seed=0),
    "other": partial(write_tiny_model, seed=2),
    "velocity": partial(write_tiny_sd2, seed=3),
    "xl": partial(write_tiny_sdxl, seed=4),
    "xl-refiner": partial(write_tiny_refiner, seed=5),
    "inpainting": partial(write_tiny_model, seed=6, in_channels=INPAINTING_CHANNELS),
    "pix2pix": partial(write_tiny_model, seed=7, in_channels=PIX2PIX_CHANNELS),
}
SHAPES = ("plain", "velocity", "xl", "inpainting", "pix2pix")
"""Tiny models of every shape, by name; "other" is shaped as "plain", and "blocks" has a BlockVae."""


class BlockVae(torch.nn.Module):
    """Latents are the colours of blocks of 8 x 8 pixels: pictures of such blocks come back to the last bit."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(
            block_out_channels=(1, 1, 1, 1), latent_channels=4, scaling_factor=0.18215, mid_block_add_attention=False
        )
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.device, self.dtype = self.weight.device, self.weight.dtype
        self.use_tiling, self.tile_sample_min_size, self.tile_latent_min_size = False, 0, 0

    def encode(self, pictures: torch.Tensor, return_dict: bool = True) -> Any:
        colours = torch.nn.functional.avg_pool2d(pictures, 8)
        latents = SimpleNamespace(mean=torch.cat([colours, torch.zeros_like(colours[:, :1])], dim=1))
        return SimpleNamespace(latent_dist=latents) if return_dict else (latents,)

    def decode(self, latents: torch.Tensor, return_dict: bool) -> tuple[torch.Tensor]:
        return (torch.nn.functional.interpolate(latents[:, :3], scale_factor=8),)


class Onlooker(Unwatched):
    """A watcher that remembers what it was told, and stops the task at a step or at a call of a network."""

    def __init__(self, *, stop_at: int | None = None, stop_at_check: int | None = None) -> None:
        self.steps: list[tuple[int, int]] = []
        self.previews: list[torch.Tensor] = []
        self.stages: list[str] = []
        self.checks = 0
        self._stop_at = stop_at
        self._stop_at_check = stop_at_check

    def check(self) -> None:
        self.checks += 1
        if self.checks == self._stop_at_check:
            raise Interrupted

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def step(self, done: int, total: int, preview: Callable[[], torch.Tensor]) -> None:
        self.steps.append((done, total))
        self.previews.append(preview())
        if done == self._stop_at:
            raise Interrupted


def repeated_pixels(name: str, pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """An upscaler that says which it is by its colours: pixels are repeated, and those of "Inverse" inverted."""
    across, down = (
        np.arange(wanted) * has // wanted for wanted, has in ((width, pixels.shape[1]), (height, pixels.shape[0]))
    )
    larger: np.ndarray = pixels[down][:, across]
    return 255 - larger if name == "Inverse" else larger


@dataclass
class Studio:
    """Tasks carried out with the tiny models and some pictures."""

    models: Mapping[str, LoadedModel]
    pictures: dict[str, Image.Image] = field(default_factory=dict)
    networks: NetworkFiles | None = None
    hooks: PaintingHooks | None = None
    sampling: BroughtSampling = BUILT_IN_SAMPLING

    def with_plugins(self, **plugins: object) -> Studio:
        """The same studio with objects that have hooks, by their names."""
        known = Plugins(())
        for name, plugin in plugins.items():
            known.register(plugin, name)
        sampling = SamplingRegistry(known).now
        assert known.failures == ()
        return replace(self, hooks=PaintingHooks(known), sampling=sampling)

    def with_networks(self, files: NetworkFiles) -> Studio:
        """The same studio, where prompts may name networks."""
        return replace(self, networks=files)

    def resources(self, watcher: PartWatcher | None = None, texts: TextCache | None = None) -> Resources:
        return Resources(
            self.models.__getitem__,
            texts or TextCache(),
            watcher or Onlooker(),
            self.pictures.__getitem__,
            repeated_pixels,
            networks=JobNetworks(self.networks),
            hooks=self.hooks,
            sampling=self.sampling,
        )

    def paint(
        self,
        request: ResolvedTxt2Img | ResolvedImg2Img,
        watcher: Onlooker | None = None,
        texts: TextCache | None = None,
        finished: frozenset[int] = frozenset(),
    ) -> dict[int, np.ndarray]:
        """The pixels of every picture of a request, by its index."""
        resources = self.resources(watcher, texts)
        with resources.networks:
            if isinstance(request, ResolvedTxt2Img):
                task = txt2img(request, resources, finished=finished)
            else:
                task = img2img(request, resources, finished=finished)
            return {picture.index: picture.pixels for picture in task}

    def interrupted(self, request: ResolvedTxt2Img | ResolvedImg2Img, *, at_step: int) -> None:
        """A request that is stopped in the middle."""
        with pytest.raises(Interrupted):
            self.paint(request, Onlooker(stop_at=at_step))

    def txt2img(self, **fields: Any) -> np.ndarray:
        """The only picture of such a request."""
        return self.paint(to_txt2img(**fields))[0]

    def img2img(self, **fields: Any) -> np.ndarray:
        """The only picture of such a request."""
        return self.paint(to_img2img(**fields))[0]


def to_txt2img(**fields: Any) -> ResolvedTxt2Img:
    return ResolvedTxt2Img.of({**RESOLVED, "prompt": "a red house", "steps": 4, "model": "plain", **fields})


def to_img2img(**fields: Any) -> ResolvedImg2Img:
    usual = {"prompt": "a red house", "steps": 4, "model": "plain", "init_images": (PICTURE,)}
    return ResolvedImg2Img.of({**RESOLVED, **usual, **fields})


def write_models(folder: Path) -> dict[str, LoadedModel]:
    """All tiny models, loaded."""
    for name, write in _WRITERS.items():
        write(folder / name)
    registry = Registry([folder])
    loaded = {
        name: load_checkpoint(registry.find(name), device=torch.device("cpu"), dtype=torch.float32, attention="sdp")
        for name in _WRITERS
    }
    return {**loaded, "blocks": replace(loaded["plain"], name="blocks", vae=BlockVae())}


def drawn(width: int = 64, height: int = 64, seed: int = 0) -> np.ndarray:
    """A picture of colour ramps and a few boxes, (height, width, 3)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack(
        [columns * 255 // width, rows * 255 // height, (rows + columns) * 127 // (width + height)], axis=2
    )
    for _ in range(4):
        left, top = random.integers(0, width - 8), random.integers(0, height - 8)
        pixels[top : top + height // 3, left : left + width // 3] = random.integers(0, 256, 3)
    return pixels.astype(np.uint8)


def blocks(width: int = 64, height: int = 64, seed: int = 0) -> np.ndarray:
    """A picture of blocks of 8 x 8 pixels, (height, width, 3)."""
    colours = np.random.default_rng(seed).integers(40, 216, (height // 8, width // 8, 3), dtype=np.uint8)
    return colours.repeat(8, axis=0).repeat(8, axis=1)


def distance(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference of two pictures, in levels of 255."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def mean_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two pictures, in levels of 255."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())
