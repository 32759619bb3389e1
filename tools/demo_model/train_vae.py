"""Trains the autoencoder: all of it, or the decoder alone, which leaves the latents as they are for a trained U-Net.

GroupNorm's statistics must be those of whole pictures, so pictures are never cropped; their side varies instead, by
drawing anew or by shrinking drawings that are at hand. The loss adds to plain differences those of edges and of the
mean colour of small fields, which the eye sees first.
"""

from __future__ import annotations

import argparse
import functools
import logging
import math
import multiprocessing
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tools.demo_model.ahead import Ahead
from tools.demo_model.crew import Crew, run_crew
from tools.demo_model.drawings import read_shard, shard_path
from tools.demo_model.latents import picture_tensor
from tools.demo_model.networks import (
    LATENT_CHANNELS,
    SCALING_FACTOR,
    VAE_WIDTHS,
    device_of_choice,
    mixed_precision,
    new_vae,
    start_as_chain,
)
from tools.demo_model.painting import paint
from tools.demo_model.scene import training_scene, unseen_scene
from tools.demo_model.trainer import Course, Trainer, averaged_weights, put_weights

FIRST_SEED = 2_000_000

RoundTrip = Callable[[Tensor], tuple[Tensor, Tensor]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recipe(Course):
    """Everything that decides a training."""

    vae: Path | None = None
    widths: tuple[int, ...] = VAE_WIDTHS
    part: str = "all"
    sides: tuple[int, ...] = (128, 256)
    kl: float = 1e-4
    drawings: Path | None = None
    shards: int = 0
    drawers: int = 0
    compile: bool = False

    def side(self, step: int, piece: int) -> int:
        """The side of the pictures of a piece."""
        return self.sides[(step + piece) % len(self.sides)]

    def count(self, side: int) -> int:
        """How many pictures of a side make a piece; larger sides come in smaller numbers."""
        return max(1, self.piece * min(self.sides) ** 2 // side**2)


def build(recipe: Recipe) -> AutoencoderKL:
    """The autoencoder before the first step."""
    torch.manual_seed(0)
    if recipe.vae is not None:
        vae: AutoencoderKL = AutoencoderKL.from_pretrained(recipe.vae, dtype=torch.float32)
        return vae
    vae = new_vae(recipe.widths)
    start_as_chain(vae)
    return vae


def trained_parameters(vae: AutoencoderKL, part: str) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name."""
    prefixes = ("decoder.", "post_quant_conv.") if part == "decoder" else ("",)
    return {name: parameter for name, parameter in vae.named_parameters() if name.startswith(prefixes)}


def picture_loss(returned: Tensor, wanted: Tensor) -> Tensor:
    """How far a returned picture is from the drawing."""
    error = returned - wanted
    down, right = error[..., 1:, :] - error[..., :-1, :], error[..., 1:] - error[..., :-1]
    edges = down.abs().mean() + right.abs().mean()
    fields = functional.avg_pool2d(error, 4)
    chroma = torch.stack([fields[:, 0] - fields[:, 1], fields[:, 2] - 0.5 * (fields[:, 0] + fields[:, 1])], 1)
    return error.abs().mean() + 8 * error.pow(2).mean() + 0.3 * edges + fields.abs().mean() + 2 * chroma.abs().mean()


def fresh_drawings(recipe: Recipe, step: int, piece: int) -> NDArray[np.uint8]:
    """The pictures of a piece of a step, drawn now, as bytes (pictures, side, side, 3)."""
    chooser = random.Random(f"{step}/{piece}")
    side = recipe.side(step, piece)
    seeds = [FIRST_SEED + chooser.randrange(1_000_000) for _ in range(recipe.count(side))]
    return np.stack([np.asarray(paint(training_scene(seed), seed, side)) for seed in seeds])


def pixels(pictures: Tensor, device: torch.device) -> Tensor:
    """Bytes (pictures, rows, columns, 3) as numbers from -1 to 1 on the device (pictures, 3, rows, columns)."""
    return (pictures.to(device).float() / 127.5 - 1).permute(0, 3, 1, 2)


class KeptDrawings:
    """Pieces out of shards drawn ahead, all of which stay on the device.

    The first steps choose among the first shards, since the others may not have been drawn yet.
    """

    FIRST_SHARDS = 8
    STEPS_A_SHARD = 8
    SHARDS_A_PIECE = 8

    def __init__(self, recipe: Recipe, folder: Path, device: torch.device) -> None:
        self._recipe = recipe
        self._folder = folder
        self._device = device
        self._shards: list[Tensor] = []

    def piece(self, step: int, number: int) -> Tensor:
        """The pixels of a piece of a step."""
        chooser = random.Random(f"{step}/{number}")
        wanted = min(self._recipe.shards, self.FIRST_SHARDS + step // self.STEPS_A_SHARD)
        while len(self._shards) < wanted:
            pictures = read_shard(shard_path(self._folder, len(self._shards)))
            self._shards.append(torch.from_numpy(pictures).to(self._device))
        side = self._recipe.side(step, number)
        rows = self._recipe.count(side) // self.SHARDS_A_PIECE
        parts = []
        for _ in range(self.SHARDS_A_PIECE):
            shard = chooser.choice(self._shards)
            parts.append(shard[[chooser.randrange(len(shard)) for _ in range(rows)]])
        drawn = pixels(torch.cat(parts), self._device)
        return drawn if drawn.shape[-1] == side else functional.avg_pool2d(drawn, drawn.shape[-1] // side)


@torch.no_grad()
def decibels(vae: AutoencoderKL, count: int, side: int) -> float:
    """Mean PSNR of unseen drawings."""
    total = 0.0
    for seed in range(count):
        wanted = picture_tensor(paint(unseen_scene(seed), seed, side))[None].to(vae.device)
        returned = vae.decode(vae.encode(wanted).latent_dist.mode()).sample.clamp(-1, 1)
        total -= 10 * math.log10(float(((returned - wanted) / 2).pow(2).mean()))
    return total / count


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, count: int = 256, side: int = 256) -> None:
    """Fold a normalisation of each latent channel into the quantising convolutions.

    After it Stable Diffusion's own scaling factor gives latents of mean 0 and deviation 1; decoding is unchanged.
    """
    latents = []
    for seed in range(count):
        pixels = picture_tensor(paint(training_scene(seed), seed, side))[None].to(vae.device)
        latents.append(vae.encode(pixels).latent_dist.mode())
    every = torch.cat(latents)
    mean, gain = every.mean((0, 2, 3)), 1 / (every.std((0, 2, 3)) * SCALING_FACTOR)
    before, after = vae.quant_conv, vae.post_quant_conv
    before.weight[:LATENT_CHANNELS] *= gain.view(-1, 1, 1, 1)
    before.bias[:LATENT_CHANNELS] = (before.bias[:LATENT_CHANNELS] - mean) * gain
    before.bias[LATENT_CHANNELS:] += 2 * gain.log()
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight /= gain.view(1, -1, 1, 1)


def train(recipe: Recipe, crew: Crew) -> None:
    """Follow the recipe as one of a crew, then write the averaged autoencoder and measure it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    device = device_of_choice()
    vae = build(recipe).to(device, memory_format=torch.channels_last)
    named = trained_parameters(vae, recipe.part)
    vae.requires_grad_(False)
    for parameter in named.values():
        parameter.requires_grad_(True)

    fetch = _fetcher(recipe, crew, device)
    round_trip: RoundTrip = functools.partial(_round_trip, vae)
    fast: RoundTrip = torch.compile(round_trip, dynamic=False) if recipe.compile else round_trip

    def learn(step: int, piece: int) -> float:
        wanted = fetch(step, piece).contiguous(memory_format=torch.channels_last)
        travel = fast if wanted.shape[-1] == max(recipe.sides) else round_trip
        with mixed_precision(device):
            returned, closeness = travel(wanted)
        loss = (picture_loss(returned.float(), wanted) + recipe.kl * closeness) / recipe.pieces
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    Trainer(recipe, named).follow(crew, learn)
    if crew.rank == 0:
        put_weights(named, averaged_weights(recipe.run)[0])
        _write(vae.eval(), recipe)


def _round_trip(vae: AutoencoderKL, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """What comes back of the pictures, and how far their latents are from a normal, in nats a number."""
    spread = vae.encode(wanted).latent_dist
    returned = vae.decode(spread.mean + spread.std * torch.randn_like(spread.mean)).sample
    return returned, 0.5 * (spread.mean.pow(2) + spread.var - 1 - spread.logvar).mean()


def _fetcher(recipe: Recipe, crew: Crew, device: torch.device) -> Callable[[int, int], Tensor]:
    """Where the pixels of a piece come from: kept drawings, processes that draw ahead, or drawn when needed."""
    if recipe.drawings is not None:
        return KeptDrawings(recipe, recipe.drawings, device).piece
    draw: Callable[[int, int], NDArray[np.uint8]] = functools.partial(fresh_drawings, recipe)
    if recipe.drawers and crew.size == 1:
        pool = ProcessPoolExecutor(recipe.drawers, multiprocessing.get_context("spawn"))
        draw = Ahead(draw, recipe.pieces, pool, depth=2 * recipe.drawers).get
    return lambda step, piece: pixels(torch.from_numpy(draw(step, piece)), device)


def _write(vae: AutoencoderKL, recipe: Recipe) -> None:
    if recipe.part == "all":
        normalise_latents(vae)
    vae.register_to_config(scaling_factor=SCALING_FACTOR)
    vae.save_pretrained(recipe.run / "vae")
    for side in sorted(set(recipe.sides)):
        logger.info("PSNR of unseen drawings at %d px: %.2f dB", side, decibels(vae, 48, side))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def main() -> None:
    """Train the autoencoder, or its decoder alone."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("run", type=Path, help="folder of the state, resumed if there; the result goes to vae/ in it")
    parser.add_argument("--vae", type=Path, help="start from this diffusers folder instead of fresh")
    parser.add_argument("--widths", type=_numbers, default=VAE_WIDTHS, help="of a fresh autoencoder")
    parser.add_argument("--part", choices=("all", "decoder"), default="all", help="what learns")
    parser.add_argument("--sides", type=_numbers, default=(128, 256), help="sides of the pictures in pixels")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=8, help="pictures per step, counted at the smallest side")
    parser.add_argument("--piece", type=int, default=4, help="pictures one worker does at a time")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=40)
    parser.add_argument("--cooldown", type=float, default=0.6, help="share of the steps with a falling rate")
    parser.add_argument("--ema", type=float, default=0.99)
    parser.add_argument("--kl", type=float, default=1e-4, help="weight of the latents' closeness to a normal")
    parser.add_argument(
        "--drawings", type=Path, help="folder that tools.demo_model.drawings fills, at the largest side"
    )
    parser.add_argument("--shards", type=int, default=0, help="how many shards that folder will hold")
    parser.add_argument("--drawers", type=int, default=0, help="processes that draw ahead, with one worker only")
    parser.add_argument("--compile", action="store_true", help="compile the networks for the largest side")
    parser.add_argument("--save-seconds", type=float, default=120)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, with the state saved, after so long")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each, sharing every step")
    arguments = vars(parser.parse_args())
    workers = arguments.pop("workers")
    run_crew(workers, functools.partial(train, Recipe(**arguments)))


if __name__ == "__main__":
    main()
