"""A small classifier that says what a picture shows: the examiner of the generated pictures.

It is trained on drawings of every combination, those held out of the diffusion training included, roughened as a
decoder would. One network reads the whole picture at 128 px: ground, weather, style, count and place. Another reads
patches, cut out where the scene's subjects have to stand, and says which kind and colour is there, or that nothing is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn, optim
from torch.nn import functional

from tools.demo_model.checkpoint import optimizer_tensors, read_state, restore_optimizer, under, within, write_state
from tools.demo_model.grounds import GROUNDS, WEATHERS
from tools.demo_model.latents import picture_tensor
from tools.demo_model.networks import device_of_choice, mixed_precision
from tools.demo_model.painting import paint, standing
from tools.demo_model.palette import COLOURS
from tools.demo_model.scene import PLACES, STYLES, Scene, sample_scene
from tools.demo_model.subjects import SUBJECTS

SHIPPED_JUDGE = Path(__file__).with_name("judge.safetensors")
SIDE = 128
PATCH = 40
PATCH_REACH = 1.25  # half the side of a patch, in half-sizes of the subject
KINDS = (*SUBJECTS, "nothing")
COLOUR_NAMES = tuple(COLOURS)
WHOLE: dict[str, tuple[str, ...]] = {
    "ground": GROUNDS,
    "weather": WEATHERS,
    "style": STYLES,
    "count": ("1", "2", "3", "4"),
    "place": PLACES,
}
IGNORED = -100
MOST_SPOTS = 4
STAGE = torch.channels_last

logger = logging.getLogger(__name__)


def _convolutions(*widths: int, twice_from: int) -> nn.Sequential:
    """Halving convolutions; from the given one on, each is followed by another that keeps the size."""
    layers: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        if number >= twice_from:
            layers += [nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1))


class Judge(nn.Module):
    """Answers for whole pictures (batch, 3, 128, 128) and for patches (batch, 3, 40, 40)."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = _convolutions(3, 24, 32, 64, 96, 96, twice_from=2)
        size = 96 * (SIDE // 32) ** 2
        self.answers = nn.ModuleDict({name: nn.Linear(size, len(words)) for name, words in WHOLE.items()})
        self.patch = _convolutions(3, 32, 64, 96, twice_from=0)
        size = 96 * (PATCH // 8) ** 2
        self.kind = nn.Linear(size, len(KINDS))
        self.colour = nn.Linear(size, len(COLOUR_NAMES))

    def read_whole(self, pictures: Tensor) -> dict[str, Tensor]:
        """Scores of every answer to every question about whole pictures."""
        features = self.whole(pictures)
        return {name: answer(features) for name, answer in self.answers.items()}

    def read_patches(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of kinds and of colours."""
        features = self.patch(patches)
        return self.kind(features), self.colour(features)


def whole_labels(scenes: Sequence[Scene]) -> dict[str, Tensor]:
    """The right answers about whole pictures; questions that a scene does not raise are ignored."""
    rows: dict[str, list[int]] = {name: [] for name in WHOLE}
    for scene in scenes:
        rows["ground"].append(GROUNDS.index(scene.ground))
        rows["weather"].append(WEATHERS.index(scene.weather))
        rows["style"].append(STYLES.index(scene.style))
        rows["count"].append(scene.count - 1 if scene.second is None else IGNORED)
        rows["place"].append(PLACES.index(scene.place) if scene.second is None and scene.count == 1 else IGNORED)
    return {name: torch.tensor(row) for name, row in rows.items()}


def cut(pictures: Tensor, x: Tensor, y: Tensor, reach: Tensor) -> Tensor:
    """Patches at PATCH pixels around (x, y) of pictures (n, 3, side, side), `reach` to each side in shares of it."""
    still = torch.zeros_like(x)
    across, down = torch.stack([2 * reach, still, 2 * x - 1], -1), torch.stack([still, 2 * reach, 2 * y - 1], -1)
    grid = functional.affine_grid(torch.stack([across, down], 1), [len(pictures), 3, PATCH, PATCH], align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


@torch.no_grad()
def verdicts(judge: Judge, pictures: Sequence[Image.Image], scenes: Sequence[Scene]) -> list[dict[str, bool]]:
    """For every picture, whether each thing its scene asks for is there; questions not raised are left out.

    `subject`: the kind asked for stands in at least half of the places where it has to. `colour`: likewise its colour,
    whatever the kind. `pair`: both subjects stand where their relation puts them, each in its own colour.
    """
    return [_verdict(judge, picture, scene) for picture, scene in zip(pictures, scenes, strict=True)]


def _verdict(judge: Judge, picture: Image.Image, scene: Scene) -> dict[str, bool]:
    device = next(judge.parameters()).device
    pixels = picture_tensor(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))
    whole = {name: WHOLE[name][int(row[0].argmax())] for name, row in judge.read_whole(pixels[None].to(device)).items()}
    places = standing(scene)
    x, y, half = torch.tensor([spot[1:] for spot in places]).unbind(1)
    patches = cut(pixels.expand(len(places), -1, -1, -1), x, y, half * PATCH_REACH)
    kind_scores, colour_scores = judge.read_patches(patches.to(device))
    kinds = [KINDS[number] == spot[0].kind for number, spot in zip(kind_scores.argmax(1).tolist(), places, strict=True)]
    colours = [
        COLOUR_NAMES[number] == spot[0].colour
        for number, spot in zip(colour_scores.argmax(1).tolist(), places, strict=True)
    ]
    verdict = {"ground": whole["ground"] == scene.ground, "style": whole["style"] == scene.style}
    if scene.weather != "clear":
        verdict["weather"] = whole["weather"] == scene.weather
    if scene.second is not None:
        return verdict | {
            "pair": all(kinds) and all(colours),
            "pair subjects": all(kinds),
            "pair colours": all(colours),
        }
    verdict |= {"subject": 2 * sum(kinds) >= len(kinds), "colour": 2 * sum(colours) >= len(colours)}
    verdict["count"] = whole["count"] == str(scene.count)
    if scene.count == 1:
        verdict["place"] = whole["place"] == scene.place
    return verdict


def shares(found: Sequence[dict[str, bool]]) -> dict[str, float]:
    """The share of right answers per question."""
    questions = sorted({question for verdict in found for question in verdict})
    return {
        question: sum(verdict.get(question, False) for verdict in found) / sum(question in v for v in found)
        for question in questions
    }


def load_judge(path: Path) -> Judge:
    """A trained judge, ready to answer."""
    judge = Judge()
    judge.load_state_dict(load_file(path))
    return judge.eval().to(device_of_choice())


def judge_scene(seed: int) -> Scene:
    """The judge's own stream of scenes, held-out combinations included."""
    return sample_scene(random.Random(f"judge-{seed}"))


def _judge_picture(seed: int) -> Image.Image:
    """The drawing of a seed; every fourth is drawn at twice the size and shrunk."""
    picture = paint(judge_scene(seed), seed, 2 * SIDE if seed % 4 == 0 else SIDE)
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


@dataclass(frozen=True)
class Drawings:
    """Pictures for the judge to learn from, as bytes, with the answers and where the subjects really stand.

    `spots` (pictures, 4, 3) are x, y and half-size; `kinds` and `colours` (pictures, 4); only the first `counts` hold.
    """

    pictures: Tensor
    answers: dict[str, Tensor]
    spots: Tensor
    kinds: Tensor
    colours: Tensor
    counts: Tensor

    @staticmethod
    def draw(count: int, drawers: int) -> Drawings:
        """Draw the scenes of so many seeds, in so many processes if any."""
        pictures = torch.empty(count, 3, SIDE, SIDE, dtype=torch.uint8)
        with contextlib.ExitStack() as stack:
            drawn: Iterator[Image.Image] = map(_judge_picture, range(count))
            if drawers:
                pool = stack.enter_context(ProcessPoolExecutor(drawers, multiprocessing.get_context("spawn")))
                drawn = pool.map(_judge_picture, range(count), chunksize=64)
            for number, picture in enumerate(drawn):
                pictures[number] = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        scenes = [judge_scene(seed) for seed in range(count)]
        places = [standing(scene) for scene in scenes]
        return Drawings(
            pictures=pictures,
            answers=whole_labels(scenes),
            spots=torch.tensor([_padded([spot[1:] for spot in row]) for row in places]),
            kinds=torch.tensor([_padded([KINDS.index(spot[0].kind) for spot in row]) for row in places]),
            colours=torch.tensor([_padded([COLOUR_NAMES.index(spot[0].colour) for spot in row]) for row in places]),
            counts=torch.tensor([len(row) for row in places]),
        )

    def on(self, device: torch.device) -> Drawings:
        """All of it on the device."""
        answers = {name: labels.to(device) for name, labels in self.answers.items()}
        rest = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "answers"}
        return Drawings(answers=answers, **{name: tensor.to(device) for name, tensor in rest.items()})

    def patches(self, pixels: Tensor, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """From each picture a patch with a subject, from a quarter one without; with their kinds and colours."""
        spots, every = self.spots[rows], torch.arange(len(rows), device=rows.device)
        chosen = (_dice(len(rows), 1, generator)[:, 0] * self.counts[rows]).long()
        x, y, half = spots[every, chosen].unbind(1)
        wide, right, down = _dice(len(rows), 3, generator).unbind(1)
        reach = half * PATCH_REACH * (0.9 + 0.25 * wide)
        found = cut(pixels, x + half * (0.4 * right - 0.2), y + half * (0.4 * down - 0.2), reach)
        quarter = every[::4]
        empty, free = _empty_spots(spots[quarter], self.counts[rows[quarter]], generator)
        nothing = torch.where(free, KINDS.index("nothing"), IGNORED)
        kinds = torch.cat([self.kinds[rows, chosen], nothing])
        colours = torch.cat([self.colours[rows, chosen], torch.full_like(nothing, IGNORED)])
        return torch.cat([found, cut(pixels[quarter], *empty.unbind(1))]), kinds, colours


def _padded(row: list[Any]) -> list[Any]:
    """Four entries: the last is repeated."""
    return [*row, *(row[-1:] * (MOST_SPOTS - len(row)))]


def _dice(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    return torch.rand(rows, columns, generator=generator, device=generator.device)


def _empty_spots(spots: Tensor, counts: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each row x, y and reach of a place without subjects, and whether one was found among eight tries."""
    rows, tries = len(spots), 8
    tried = _dice(rows, 3 * tries, generator).view(rows, tries, 3)
    tried = torch.cat([0.15 + 0.7 * tried[..., :2], 0.15 + 0.15 * tried[..., 2:]], -1)
    apart = (tried[:, :, None, :2] - spots[:, None, :, :2]).abs().amax(-1)
    clear = apart > tried[:, :, None, 2] + spots[:, None, :, 2]
    beyond = torch.arange(spots.shape[1], device=spots.device) >= counts[:, None]
    good = (clear | beyond[:, None]).all(-1)
    return tried[torch.arange(rows, device=spots.device), good.int().argmax(1)], good.any(1)


def roughened(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur, noise and small changes of brightness, so that a decoder's softness does not mislead the judge."""
    device = pictures.device
    dice, strength = torch.rand(2, generator=generator, device=device).tolist()
    if dice < 0.3:
        pictures = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    elif dice < 0.6:
        pictures = functional.interpolate(functional.avg_pool2d(pictures, 2), scale_factor=2.0, mode="bilinear")
    gain = 1 + 0.08 * (torch.rand(len(pictures), 3, 1, 1, generator=generator, device=device) - 0.5)
    noise: Tensor = 0.1 * strength * torch.randn(pictures.shape, generator=generator, device=device)
    return pictures * gain + noise


def main() -> None:
    """Train the judge on drawings and measure it on drawings it has not seen."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="safetensors file of the trained judge; its figures go beside it")
    parser.add_argument("--drawings", type=int, default=24576, help="training drawings")
    parser.add_argument("--check", type=int, default=1024, help="drawings to measure on")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--drawers", type=int, default=0, help="processes that draw")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    data = Drawings.draw(arguments.drawings, arguments.drawers)
    logger.info("%d drawings ready", arguments.drawings)
    judge = _train(arguments.output, data, arguments.epochs, arguments.batch, arguments.rate)
    _finish(judge.eval(), arguments.output, arguments.check)


def _train(output: Path, data: Drawings, epochs: int, batch: int, rate: float) -> Judge:
    device = device_of_choice()
    data, drawings = data.on(device), len(data.pictures)
    torch.manual_seed(0)
    judge = Judge()
    judge.to(device, memory_format=STAGE)  # type: ignore[call-overload]
    named = dict(judge.named_parameters())
    optimizer = optim.AdamW(judge.parameters(), lr=rate, weight_decay=0.02)
    state_path, step = output.with_suffix(".state.safetensors"), 0
    if state_path.exists():
        tensors, facts = read_state(state_path)
        judge.load_state_dict(within("model", tensors))
        restore_optimizer(optimizer, named, within("optimizer", tensors))
        step = int(facts["step"])
        logger.info("resumed at step %d", step)
    per_epoch, saved = drawings // batch, time.monotonic()
    while step < epochs * per_epoch:
        for group in optimizer.param_groups:
            falling = 0.5 * (1 + math.cos(math.pi * step / (epochs * per_epoch)))
            group["lr"] = rate * min(1.0, (step + 1) / 100) * falling
        order = torch.randperm(drawings, generator=torch.Generator().manual_seed(step // per_epoch))
        rows = order[(step % per_epoch) * batch :][:batch].to(device)
        judge.train()
        with mixed_precision(device):
            loss = _loss(judge, data, rows, torch.Generator(device).manual_seed(step))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        if time.monotonic() - saved > 60:
            saved = time.monotonic()
            logger.info("step %d of %d loss %.3f", step, epochs * per_epoch, loss.item())
            tensors = under("model", judge.state_dict()) | under("optimizer", optimizer_tensors(optimizer, named))
            write_state(state_path, tensors, {"step": step})
    return judge


def _loss(judge: Judge, data: Drawings, rows: Tensor, generator: torch.Generator) -> Tensor:
    pixels = roughened(data.pictures[rows].float() / 127.5 - 1, generator)
    patches, kinds, colours = data.patches(pixels, rows, generator)
    kind_scores, colour_scores = judge.read_patches(patches.contiguous(memory_format=STAGE))
    loss = functional.cross_entropy(kind_scores, kinds) + functional.cross_entropy(colour_scores, colours)
    answers = judge.read_whole(pixels.contiguous(memory_format=STAGE))
    for name, labels in data.answers.items():
        loss = loss + functional.cross_entropy(answers[name], labels[rows])
    return loss


def _finish(judge: Judge, output: Path, check: int) -> None:
    judge = judge.half().float()  # what is written is what is measured
    seeds = range(10_000_000, 10_000_000 + check)
    unseen = [judge_scene(seed) for seed in seeds]
    drawn = [paint(scene, seed, 2 * SIDE) for scene, seed in zip(unseen, seeds, strict=True)]
    figures = shares(verdicts(judge, drawn, unseen))
    figures["mean"] = sum(figures.values()) / len(figures)
    unfinished = output.with_name(output.name + ".unfinished")
    save_file({name: tensor.cpu().contiguous() for name, tensor in judge.half().state_dict().items()}, unfinished)
    unfinished.replace(output)
    output.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    logger.info("on unseen drawings: %s", json.dumps(figures))


if __name__ == "__main__":
    main()
