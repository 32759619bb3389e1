"""Trains the autoencoder: all of it, or the decoder alone, which leaves the latents as they are for a trained U-Net.

GroupNorm's statistics must be those of whole pictures, so pictures are never cropped; their side varies instead. The
loss adds to plain differences those of edges and of the mean colour of small fields, which the eye sees first.
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
from tools.demo_model.latents import picture_tensor
from tools.demo_model.networks import LATENT_CHANNELS, SCALING_FACTOR, device_of_choice, new_vae, start_as_chain
from tools.demo_model.painting import paint
from tools.demo_model.scene import training_scene, unseen_scene
from tools.demo_model.trainer import Course, Trainer, averaged_weights, put_weights

FIRST_SEED = 2_000_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recipe(Course):
    """Everything that decides a training."""

    vae: Path | None = None
    widths: tuple[int, ...] = (32, 32, 64, 128)
    part: str = "all"
    sides: tuple[int, ...] = (128, 256)
    kl: float = 1e-4
    drawers: int = 0


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
    return error.abs().mean() + 4 * error.pow(2).mean() + 0.3 * edges + fields.abs().mean() + 2 * chroma.abs().mean()


def drawings(recipe: Recipe, step: int, piece: int) -> NDArray[np.uint8]:
    """The pictures of a piece of a step as bytes (pictures, side, side, 3); larger sides come in smaller numbers."""
    chooser = random.Random(f"{step}/{piece}")
    side = recipe.sides[(step + piece) % len(recipe.sides)]
    count = max(1, recipe.piece * min(recipe.sides) ** 2 // side**2)
    seeds = [FIRST_SEED + chooser.randrange(1_000_000) for _ in range(count)]
    return np.stack([np.asarray(paint(training_scene(seed), seed, side)) for seed in seeds])


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

    fetch: Callable[[int, int], NDArray[np.uint8]] = functools.partial(drawings, recipe)
    if recipe.drawers and crew.size == 1:
        pool = ProcessPoolExecutor(recipe.drawers, multiprocessing.get_context("spawn"))
        fetch = Ahead(fetch, recipe.pieces, pool, depth=2 * recipe.drawers).get

    def learn(step: int, piece: int) -> float:
        pixels = torch.from_numpy(fetch(step, piece)).float() / 127.5 - 1
        wanted = pixels.permute(0, 3, 1, 2).to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            spread = vae.encode(wanted).latent_dist
            returned = vae.decode(spread.sample()).sample
        closeness = spread.kl().mean() / spread.mean[0].numel()
        loss = (picture_loss(returned.float(), wanted) + recipe.kl * closeness) / recipe.pieces
        loss.backward()
        return float(loss.detach())

    Trainer(recipe, named).follow(crew, learn)
    if crew.rank == 0:
        put_weights(named, averaged_weights(recipe.run)[0])
        _write(vae.eval(), recipe)


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
    parser.add_argument("--widths", type=_numbers, default=(32, 32, 64, 128), help="of a fresh autoencoder")
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
    parser.add_argument("--drawers", type=int, default=0, help="processes that draw ahead, with one worker only")
    parser.add_argument("--save-seconds", type=float, default=120)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, with the state saved, after so long")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each, sharing every step")
    arguments = vars(parser.parse_args())
    workers = arguments.pop("workers")
    run_crew(workers, functools.partial(train, Recipe(**arguments)))


if __name__ == "__main__":
    main()
