"""Trains a Compact upscaler on drawn scenes; resumed from its run's state wherever it was stopped.

The network is SRVGGNetCompact ("Real-ESRGAN", Wang et al. 2021) as spandrel builds it, so that spandrel loads the
result. Two losses, one after the other: the root of the mean squared difference to begin with (a mean absolute one is
held for ever by plain ground, which nearest-neighbour enlargement gets right at once), then decibels, in which soft
pictures count as much as sharp ones.
"""

from __future__ import annotations

import argparse
import logging
import math
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from spandrel.architectures.Compact import Compact
from torch import Tensor, nn

from tools.demo_model.crew import Crew
from tools.demo_model.trainer import Course, Trainer
from tools.upscaler.patches import SCALE, Cutting, Pixels, pairs

PRELU_SLOPE = 0.25
"""What torch starts PReLU with."""


@dataclass(frozen=True, kw_only=True)
class Recipe(Course):
    """Everything that decides a training."""

    features: int = 48
    convolutions: int = 8
    loss: str = "root"
    cutting: Cutting = Cutting()


def new_network(features: int, convolutions: int) -> nn.Module:
    """A Compact network that begins as nearest-neighbour enlargement."""
    torch.manual_seed(0)
    network: nn.Module = Compact(num_feat=features, num_conv=convolutions, upscale=SCALE)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for layer in layers:
        assert layer.bias is not None
        nn.init.kaiming_normal_(layer.weight, a=PRELU_SLOPE)
        nn.init.zeros_(layer.bias)
    nn.init.zeros_(layers[-1].weight)
    return network


def root_of_error(made: Tensor, wanted: Tensor) -> Tensor:
    """Root of the mean squared difference of each cut, averaged; below a quarter of a level it counts for less."""
    return ((made - wanted).pow(2).mean((1, 2, 3)) + 1e-6).sqrt().mean()


def decibels_of_error(made: Tensor, wanted: Tensor) -> Tensor:
    """Minus the PSNR of each cut, averaged; what is better than 50 dB hardly counts."""
    return 10 * ((made - wanted).pow(2).mean((1, 2, 3)) + 1e-5).log10().mean()


LOSSES = {"root": root_of_error, "decibels": decibels_of_error}


def batch_tensor(pixels: Pixels, device: torch.device) -> Tensor:
    """Bytes (n, height, width, 3) as float32 (n, 3, height, width) in [0, 1]."""
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device, torch.float32)
    return tensor.div_(255).contiguous(memory_format=torch.channels_last)


def train(recipe: Recipe) -> Trainer:
    """Follow the recipe from where its run stands until its steps or minutes are used up."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = new_network(recipe.features, recipe.convolutions).to(device)
    trainer = Trainer(recipe, dict(network.named_parameters()))

    def learn(step: int, piece: int) -> float:
        small, large = pairs(recipe.cutting, f"{step}/{piece}", recipe.piece)
        error = LOSSES[recipe.loss](network(batch_tensor(small, device)), batch_tensor(large, device))
        (error / recipe.pieces).backward()  # type: ignore[no-untyped-call]
        return float(error.detach()) / recipe.pieces

    trainer.follow(Crew(), learn)
    return trainer


def main() -> None:
    """Train the upscaler, or go on with a training that was stopped; `tools.upscaler.export` writes the weights."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("run", type=Path, help="folder of the state, resumed if there")
    parser.add_argument("--features", type=int, default=48, help="channels of the network")
    parser.add_argument("--convolutions", type=int, default=8, help="hidden convolutions of the network")
    parser.add_argument("--loss", choices=tuple(LOSSES), default="root")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=8, help="cuts per step")
    parser.add_argument("--piece", type=int, default=8, help="cuts that go through the network at once")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--cooldown", type=float, default=0.7, help="share of the steps with a falling rate")
    parser.add_argument("--ema", type=float, default=0.995)
    parser.add_argument("--side", type=int, default=32, help="side of a small cut in pixels")
    parser.add_argument("--noise-share", type=float, default=0.25, help="share of the cuts with noise")
    parser.add_argument("--noise", type=float, default=3.0, help="greatest deviation of that noise in levels of 255")
    parser.add_argument("--save-seconds", type=float, default=60)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, with the state saved, after so long")
    arguments = vars(parser.parse_args())
    cutting = Cutting(**{field.name: arguments.pop(field.name) for field in fields(Cutting)})
    train(Recipe(cutting=cutting, **arguments))


if __name__ == "__main__":
    main()
