"""Trains U-Net and text encoder together on cached latents, from the first step or from where it was cut.

Captions are worded afresh at every use. Data, noise and timesteps of a step depend on the seed and the step number
alone, so a resumed training goes on as if it had not been cut.
"""

from __future__ import annotations

import argparse
import functools
import itertools
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
from tools.demo_model.layout import IGNORED, LayoutHeads, layout_labels
from tools.demo_model.networks import (
    DOWNSCALE,
    TEXT_LAYERS,
    TRAIN_TIMESTEPS,
    UNET_WIDTHS,
    device_of_choice,
    grown_text_encoder,
    mixed_precision,
    new_text_encoder,
    new_unet,
    noise_schedule,
)
from tools.demo_model.scene import Scene, plain
from tools.demo_model.tokenizer import load_tokenizer
from tools.demo_model.trainer import Course, Trainer, averaged_weights, put_weights
from tools.demo_model.wording import Wording

EMPTY_CAPTIONS = 0.1

LAYOUT_WEIGHT = 0.02

PAIR_WEIGHT = 1.7  # two subjects with two colours are the hardest thing to learn
STYLE_WEIGHTS = {"pixel art": 3.0, "paper cut": 2.0}  # their edges are learnt last

CROPS = ("whole", "landscape", "portrait")

Piece = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Recipe(Course):
    """Everything that decides a training."""

    latents: tuple[Path, ...]
    tokenizer: Path
    unet: Path | None = None
    text_encoder: Path | None = None
    shares: tuple[int, ...] = ()
    crops: tuple[int, ...] = ()
    widths: tuple[int, ...] = UNET_WIDTHS
    layers: int = 1
    text_layers: int = TEXT_LAYERS
    noise_bias: float = 1.3
    scenes: str = "all"
    seed: int = 1
    compile: bool = False


class Learner(nn.Module):
    """U-Net and text encoder as one module, with the heads that read the text states in training."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder
        self.layout = LayoutHeads(text_encoder.config.hidden_size)


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
        encoder = grown_text_encoder(recipe.text_encoder, tokenizer, synonyms(), recipe.text_layers)
    return Learner(unet, encoder)


class Practice:
    """A set of latents on the device, and how scenes are picked from it: whole, or those that bear a crop."""

    def __init__(self, kept: LatentSet, device: torch.device, *, crops: bool) -> None:
        self.side = kept.side
        self.scenes = kept.scenes
        self._latents = kept.latents.to(device)
        self._layouts = layout_labels(kept.scenes).to(device)
        self._rows = {crop: [row for row, scene in enumerate(kept.scenes) if bears(scene, crop)] for crop in CROPS}
        self._heaps = {crop: self._heap(rows) for crop, rows in self._rows.items()}
        self._crops = [crop for crop in CROPS if self._rows[crop]] if crops else ["whole"]

    def pick(self, chooser: random.Random, count: int) -> tuple[list[int], Tensor, Tensor]:
        """Rows, their latents (rows, 4, h, w) and their layout labels; what is hard to learn comes more often."""
        crop = chooser.choice(self._crops)
        rows = chooser.choices(self._rows[crop], cum_weights=self._heaps[crop], k=count)
        latents, margin = self._latents[rows], self.side // 6
        if crop == "landscape":
            latents = latents[:, :, margin:-margin]
        elif crop == "portrait":
            latents = latents[..., margin:-margin]
        return rows, latents.float(), self._layouts[rows]

    def _heap(self, rows: Sequence[int]) -> list[float]:
        return list(itertools.accumulate(weight(self.scenes[row]) for row in rows))


class Lessons:
    """The data of every step, cut into pieces, from the seed and the numbers of step and piece alone."""

    def __init__(self, recipe: Recipe, sets: Sequence[LatentSet], device: torch.device) -> None:
        self._recipe = recipe
        self._device = device
        practices = [Practice(one, device, crops=one.side * DOWNSCALE in recipe.crops) for one in sets]
        shares = recipe.shares or (1,) * len(sets)
        self._turns = [one for one, share in zip(practices, shares, strict=True) for _ in range(share)]
        self._wording = Wording(load_tokenizer(recipe.tokenizer))
        self._alphas = noise_schedule().alphas_cumprod.to(device)
        self._smallest = min(one.side for one in sets)
        self.shapes = {(one.side, one.side) for one in sets}
        """Rows and columns of the sets' latents, which the networks are compiled for; not for what is cut from them."""

    def piece(self, step: int, number: int) -> Piece:
        """Noisy latents, timesteps, token ids, the v to predict and the layout that the captions tell."""
        recipe, device = self._recipe, self._device
        chooser = random.Random(f"{recipe.seed}/{step}/{number}")
        generator = torch.Generator(device).manual_seed(chooser.getrandbits(48))
        practice = self._turns[(step * recipe.pieces + number) % len(self._turns)]
        count = max(1, recipe.piece * self._smallest**2 // practice.side**2)
        rows, clean, layout = practice.pick(chooser, count)
        silent = [chooser.random() < EMPTY_CAPTIONS for _ in rows]
        captions = ["" if mute else say(practice.scenes[row], chooser) for row, mute in zip(rows, silent, strict=True)]
        layout[torch.tensor(silent, device=device)] = IGNORED
        order = torch.randperm(count, generator=generator, device=device)
        levels = (order + torch.rand(count, generator=generator, device=device)) / count
        timesteps = (TRAIN_TIMESTEPS * levels ** (1 / recipe.noise_bias)).long().clamp(0, TRAIN_TIMESTEPS - 1)
        noise = torch.randn(clean.shape, generator=generator, device=device)
        alpha = self._alphas[timesteps].view(-1, 1, 1, 1)
        signal, blur = alpha.sqrt(), (1 - alpha).sqrt()
        ids = self._wording.ids(captions).to(device)
        return signal * clean + blur * noise, timesteps, ids, signal * noise - blur * clean, layout


def weight(scene: Scene) -> float:
    """How much more often than the easiest scenes this one is practised."""
    return (PAIR_WEIGHT if scene.second else 1.0) * STYLE_WEIGHTS.get(scene.style, 1.0)


def bears(scene: Scene, crop: str) -> bool:
    """Whether nothing that the scene's words promise is lost when a sixth is cut off on two opposite sides."""
    if crop == "whole":
        return True
    wide = crop == "landscape"
    if scene.second is not None:
        return (scene.relation in ("left of", "right of")) == wide
    if scene.count > 1:
        return wide and scene.count < 4
    return scene.size != "large" and scene.place in ("centre", *(("left", "right") if wide else ("top", "bottom")))


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
    lessons = Lessons(recipe, read_sets(recipe), device)
    learner = build_learner(recipe).to(device)
    learner.unet.to(memory_format=torch.channels_last)
    if device.type == "cpu":
        learner.unet.set_default_attn_processor()  # fused attention is slower where pictures and captions are small
        learner.text_encoder.set_attn_implementation("eager")
    if crew.rank == 0:
        write_shape(recipe.run, learner, recipe.tokenizer)
    fetch: Callable[[int, int], Piece] = lessons.piece
    if crew.size == 1:
        fetch = Ahead(lessons.piece, recipe.pieces, ThreadPoolExecutor(1), depth=2).get
    fast, encode = learner.unet, learner.text_encoder
    if recipe.compile:
        fast, encode = torch.compile(fast, dynamic=False), torch.compile(encode, dynamic=False)

    def learn(step: int, number: int) -> float:
        noisy, timesteps, ids, target, layout = fetch(step, number)
        unet = fast if tuple(noisy.shape[-2:]) in lessons.shapes else learner.unet
        with mixed_precision(device):
            states = encode(ids).last_hidden_state
            predicted = unet(noisy, timesteps, states).sample
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
    parser.add_argument("--shares", type=_numbers, default=(), help="how often each --latents has its turn, like 6,1,1")
    parser.add_argument(
        "--crops", type=_numbers, default=(), help="sides of the pictures to cut to 3:2 and 2:3 as well"
    )
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--unet", type=Path, help="start from this diffusers folder instead of fresh")
    parser.add_argument("--text-encoder", type=Path, help="start from this folder, grown to the tokenizer")
    parser.add_argument("--widths", type=_numbers, default=UNET_WIDTHS, help="of a fresh U-Net")
    parser.add_argument("--layers", type=int, default=1, help="per block of a fresh U-Net")
    parser.add_argument("--text-layers", type=int, default=TEXT_LAYERS, help="of the text encoder, at least")
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
    parser.add_argument("--compile", action="store_true", help="compile the networks for the sizes of the --latents")
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
