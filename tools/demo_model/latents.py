"""Draws training scenes and keeps their VAE latents in shards: `latents-<first seed>.safetensors`.

A shard holds only latents; its scenes come back from their seeds. Shards that exist are skipped, so the command may be
cut at any time, or run several times at once with different --part. With --drawings, shards of drawings at hand are
encoded instead of drawing again, shrunk if wanted.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor
from torch.nn import functional

from tools.demo_model.checkpoint import read_state, write_state
from tools.demo_model.drawings import SHARD, Pictures, read_shard, shard_path
from tools.demo_model.networks import SCALING_FACTOR, device_of_choice, mixed_precision
from tools.demo_model.painting import paint
from tools.demo_model.scene import Scene, training_scene

CPU_BATCH = 4  # what a CPU's cache holds; twice as fast as 32 there
CUDA_BATCH = 128

logger = logging.getLogger(__name__)


def picture_tensor(picture: Image.Image) -> Tensor:
    """A picture as numbers from -1 to 1: channels, rows, columns."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


def tensor_picture(tensor: Tensor) -> Image.Image:
    """The picture of numbers from -1 to 1."""
    values = ((tensor.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().byte()
    return Image.fromarray(values.permute(1, 2, 0).numpy())


def training_picture(side: int, seed: int) -> Image.Image:
    """The drawing of a seed's training scene."""
    return paint(training_scene(seed), seed, side)


def draw_pictures(first: int, side: int, pool: Executor | None) -> Pictures:
    """The drawings of SHARD seeds, in the processes of the pool if there is one."""
    seeds, draw = range(first, first + SHARD), functools.partial(training_picture, side)
    drawn = map(draw, seeds) if pool is None else pool.map(draw, seeds, chunksize=8)
    return np.stack([np.asarray(picture) for picture in drawn])


@torch.no_grad()
def write_shard(vae: AutoencoderKL, path: Path, first: int, pictures: Pictures, shrink: int = 1) -> None:
    """Encode the drawings of SHARD seeds, shrunk by a whole factor."""
    device = next(vae.parameters()).device
    generator = torch.Generator(device).manual_seed(first)
    parts = []
    size = CUDA_BATCH if device.type == "cuda" else CPU_BATCH
    for start in range(0, len(pictures), size):
        batch = torch.from_numpy(pictures[start : start + size])
        pixels = (batch.to(device).float() / 127.5 - 1).permute(0, 3, 1, 2)
        if shrink > 1:
            pixels = functional.avg_pool2d(pixels, shrink)
        with mixed_precision(device):
            spread = vae.encode(pixels.contiguous(memory_format=torch.channels_last)).latent_dist
        parts.append((spread.sample(generator) * SCALING_FACTOR).half())
    side = pictures.shape[1] // shrink
    write_state(path, {"latents": torch.cat(parts)}, {"first_seed": first, "side": side})


@dataclass(frozen=True)
class LatentSet:
    """All shards of a folder in memory: one latent and one scene per row."""

    latents: Tensor
    scenes: list[Scene]

    @property
    def side(self) -> int:
        return int(self.latents.shape[-1])

    def only(self, wanted: Callable[[Scene], bool]) -> LatentSet:
        """The rows whose scenes are wanted."""
        rows = [row for row, scene in enumerate(self.scenes) if wanted(scene)]
        return LatentSet(self.latents[rows], [self.scenes[row] for row in rows])


def read_latents(folder: Path) -> LatentSet:
    """Load every shard of the folder."""
    tensors, scenes = [], []
    for path in sorted(folder.glob("latents-*.safetensors")):
        state, facts = read_state(path)
        tensors.append(state["latents"])
        scenes += [training_scene(int(facts["first_seed"]) + k) for k in range(len(state["latents"]))]
    if not tensors:
        raise FileNotFoundError(f"no latents in {folder}: run tools.demo_model.latents first")
    return LatentSet(torch.cat(tensors), scenes)


def main() -> None:
    """Draw scenes and store their latents."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="folder of the shards")
    parser.add_argument("--vae", type=Path, required=True, help="diffusers folder of the trained VAE")
    parser.add_argument("--side", type=int, default=128, help="side of the pictures in pixels")
    parser.add_argument("--count", type=int, default=16384, help="how many pictures, in whole shards")
    parser.add_argument(
        "--drawings", type=Path, help="folder that tools.demo_model.drawings fills; --side is not asked"
    )
    parser.add_argument("--shrink", type=int, default=1, help="encode the drawings at this fraction of their side")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--part", default="0/1", help="k/n: only every n-th shard from the k-th on")
    parser.add_argument("--drawers", type=int, default=0, help="processes that draw while the device encodes")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    part, parts = (int(number) for number in arguments.part.split("/"))
    vae = AutoencoderKL.from_pretrained(arguments.vae, dtype=torch.float32)
    vae = vae.eval().to(device_of_choice(), memory_format=torch.channels_last)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.count, SHARD)
    with contextlib.ExitStack() as stack:
        pool = None
        if arguments.drawers:
            spawn = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(arguments.drawers, spawn))
        for number, first in enumerate(seeds):
            path = arguments.output / f"latents-{first:08d}.safetensors"
            if number % parts == part and not path.exists():
                if arguments.drawings is None:
                    pictures = draw_pictures(first, arguments.side, pool)
                else:
                    pictures = read_shard(shard_path(arguments.drawings, first // SHARD))
                write_shard(vae, path, first, pictures, arguments.shrink)
                logger.info("%s written", path)


if __name__ == "__main__":
    main()
