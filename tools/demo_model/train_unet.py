"""Trains U-Net and text encoder together on cached latents, from the first step or from where it was cut.

Captions are worded afresh at every use. Data, noise and timesteps of a step depend on the seed and the step number
alone, so a resumed training goes on as if it had not been cut.
"""

from __future__ import annotations

import argparse
import functools
import logging
import math
import random
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel

from tools.demo_model.ahead import Ahead
from tools.demo_model.captions import say, synonyms
from tools.demo_model.checkpoint import Facts
from tools.demo_model.crew import Crew, run_crew
from tools.demo_model.latents import LatentSet, read_latents
from tools.demo_model.layout import LayoutHeads, layout_labels
from tools.demo_model.networks import (
    TRAIN_TIMESTEPS,
    device_of_choice,
    grown_text_encoder,
    new_text_encoder,
    new_unet,
    noise_schedule,
)
from tools.demo_model.scene import plain
from tools.demo_model.tokenizer import load_tokenizer
from tools.demo_model.trainer import Course, Trainer, averaged_weights, put_weights
from tools.demo_model.wording import Wording

EMPTY_CAPTIONS = 0.1

LAYOUT_WEIGHT = 0.02

Piece = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Recipe(Course):
    """Everything that decides a training."""

    latents: tuple[Path, ...]
    tokenizer: Path
    unet: Path | None = None
    text_encoder: Path | None = None
    widths: tuple[int, ...] = (64, 128, 160)
    layers: int = 1
    text_layers: int = 2
    noise_bias: float = 1.3
    scenes: str = "all"
    seed: int = 1


class Learner(nn.Module):
    """U-Net and text encoder as one module, with the heads that read the text states in training."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder
        self.layout = LayoutHeads()

    def forward(self, noisy: Tensor, timesteps: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Predicted v and text states of noisy latents, timesteps and token ids."""
        states: Tensor = self.text_encoder(ids).last_hidden_state
        predicted: Tensor = self.unet(noisy, timesteps, states).sample
        return predicted, states


def build_learner(recipe: Recipe) -> Learner:
    """The networks before the first step: fresh, or grown from earlier weights."""
    tokenizer = load_tokenizer(recipe.tokenizer)
    torch.manual_seed(recipe.seed)
    if recipe.unet is None:
        unet = new_unet(recipe.widths, recipe.layers)
    else:
        unet = UNet2DConditionModel.from_pretrained(recipe.unet, dtype=torch.float32)
    if recipe.text_encoder is None:
        encoder = new_text_encoder(tokenizer, recipe.text_layers)
    else:
        encoder = grown_text_encoder(recipe.text_encoder, tokenizer, synonyms())
    return Learner(unet, encoder)


class Lessons:
    """The data of every step, cut into pieces, from the seed and the numbers of step and piece alone."""

    def __init__(self, recipe: Recipe, sets: list[LatentSet]) -> None:
        self._recipe = recipe
        self._sets = sets
        self._wording = Wording(load_tokenizer(recipe.tokenizer))
        self._alphas = noise_schedule().alphas_cumprod
        self._smallest = min(one.side for one in sets)

    def piece(self, step: int, number: int) -> Piece:
        """Noisy latents, timesteps, token ids, the v to predict and the layout that the captions tell."""
        recipe = self._recipe
        chooser = random.Random(f"{recipe.seed}/{step}/{number}")
        generator = torch.Generator().manual_seed(chooser.getrandbits(48))
        chosen = self._sets[(step * recipe.pieces + number) % len(self._sets)]
        rows = max(1, recipe.piece * self._smallest**2 // chosen.side**2)
        picks = [chooser.randrange(len(chosen.scenes)) for _ in range(rows)]
        clean = chosen.latents[picks].float()
        told = [None if chooser.random() < EMPTY_CAPTIONS else chosen.scenes[pick] for pick in picks]
        ids = self._wording.ids(["" if scene is None else say(scene, chooser) for scene in told])
        levels = (torch.randperm(rows, generator=generator) + torch.rand(rows, generator=generator)) / rows
        timesteps = (TRAIN_TIMESTEPS * levels ** (1 / recipe.noise_bias)).long().clamp(0, TRAIN_TIMESTEPS - 1)
        noise = torch.randn(clean.shape, generator=generator)
        alpha = self._alphas[timesteps].view(-1, 1, 1, 1)
        signal, blur = alpha.sqrt(), (1 - alpha).sqrt()
        return signal * clean + blur * noise, timesteps, ids, signal * noise - blur * clean, layout_labels(told)


def read_sets(recipe: Recipe) -> list[LatentSet]:
    """The cached latents that the recipe practises on."""
    sets = [read_latents(folder) for folder in recipe.latents]
    return [one.only(plain) for one in sets] if recipe.scenes == "plain" else sets


def write_shape(run: Path, learner: Learner, tokenizer: Path) -> None:
    """Keep the networks' configurations and the tokenizer in the run, so that the run can be read by itself."""
    learner.unet.save_config(run / "unet")
    learner.text_encoder.config.save_pretrained(run / "text_encoder")
    shutil.copytree(tokenizer, run / "tokenizer", dirs_exist_ok=True)


def read_averaged(run: Path) -> tuple[Learner, Facts]:
    """The networks of a run with their averaged weights."""
    unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(run / "unet"))
    learner = Learner(unet, CLIPTextModel(CLIPTextConfig.from_pretrained(run / "text_encoder")))
    averaged, facts = averaged_weights(run)
    put_weights(dict(learner.named_parameters()), averaged)
    return learner, facts


def train(recipe: Recipe, crew: Crew) -> None:
    """Follow the recipe as one of a crew."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    device = device_of_choice()
    lessons = Lessons(recipe, read_sets(recipe))
    learner = build_learner(recipe).to(device)
    if crew.rank == 0:
        write_shape(recipe.run, learner, recipe.tokenizer)
    fetch: Callable[[int, int], Piece] = lessons.piece
    if crew.size == 1:
        fetch = Ahead(lessons.piece, recipe.pieces, ThreadPoolExecutor(1), depth=2).get

    def learn(step: int, number: int) -> float:
        noisy, timesteps, ids, target, layout = (tensor.to(device) for tensor in fetch(step, number))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            predicted, states = learner(noisy, timesteps, ids)
        loss = functional.mse_loss(predicted.float(), target) / recipe.pieces
        whole = loss + LAYOUT_WEIGHT * learner.layout.loss(states, layout) / recipe.pieces
        whole.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    Trainer(recipe, dict(learner.named_parameters())).follow(crew, learn)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def parse(words: Sequence[str] | None = None) -> tuple[Recipe, int]:
    """The recipe and the number of workers the command line names."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("run", type=Path, help="folder of the training state; a state there is resumed")
    parser.add_argument("--latents", type=Path, action="append", required=True, help="may be given several times")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--unet", type=Path, help="start from this diffusers folder instead of fresh")
    parser.add_argument("--text-encoder", type=Path, help="start from this folder, grown to the tokenizer")
    parser.add_argument("--widths", type=_numbers, default=(64, 128, 160), help="of a fresh U-Net")
    parser.add_argument("--layers", type=int, default=1, help="per block of a fresh U-Net")
    parser.add_argument("--text-layers", type=int, default=2, help="of a fresh text encoder")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=32, help="pictures per step, counted at the smallest size")
    parser.add_argument("--piece", type=int, default=8, help="pictures one worker does at a time")
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--cooldown", type=float, default=0.3, help="share of the steps with a falling rate")
    parser.add_argument("--scenes", choices=("all", "plain"), default="all", help="plain: no pairs, styles or weather")
    parser.add_argument("--noise-bias", type=float, default=1.3, help="above 1 practises noisy steps more")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-seconds", type=float, default=120)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, with the state saved, after so long")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each, sharing every step")
    arguments = vars(parser.parse_args(words))
    workers = arguments.pop("workers")
    return Recipe(**arguments | {"latents": tuple(arguments["latents"])}), workers


def main() -> None:
    """Train U-Net and text encoder."""
    recipe, workers = parse()
    run_crew(workers, functools.partial(train, recipe))


if __name__ == "__main__":
    main()
