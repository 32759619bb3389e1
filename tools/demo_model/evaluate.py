"""Measures how well a model folder obeys the fixed list of prompts, by the judge and by colour statistics.

Also writes grids of pictures to look at, and how well the VAE keeps drawings.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image

from tools.demo_model.colour_statistics import measured
from tools.demo_model.generation import Manner, Model, generate, load_model
from tools.demo_model.judge import load_judge, shares, verdicts
from tools.demo_model.latents import picture_tensor, tensor_picture
from tools.demo_model.painting import paint
from tools.demo_model.prompts import EVERYDAY, Prompt, obedience_prompts
from tools.demo_model.scene import Scene, unseen_scene
from tools.demo_model.sheet import contact_sheet

logger = logging.getLogger(__name__)

Figures = dict[str, object]
Row = tuple[Prompt, dict[str, bool]]


def obedience(judge_path: Path, prompts: Sequence[Prompt], pictures: Sequence[Image.Image]) -> Figures:
    """Shares of right answers: over all prompts, over those held out of training, by subject and by style."""
    found = verdicts(load_judge(judge_path), pictures, [prompt.scene for prompt in prompts])
    pixels = [measured(picture, prompt.scene) for prompt, picture in zip(prompts, pictures, strict=True)]
    rows = list(zip(prompts, found, strict=True))
    kinds = sorted({prompt.scene.first.kind for prompt in prompts})
    styles = sorted({prompt.scene.style for prompt in prompts})
    return {
        "prompts": len(prompts),
        "judge": _rounded(shares(found)),
        "judge, held-out combinations": _rounded(shares([verdict for prompt, verdict in rows if prompt.held_out])),
        "judge, other combinations": _rounded(shares([verdict for prompt, verdict in rows if not prompt.held_out])),
        "pixels": _rounded(shares(pixels)),
        "subject by kind": {kind: _mean(rows, "subject", _of_kind(kind)) for kind in kinds},
        "style by name": {style: _mean(rows, "style", _of_style(style)) for style in styles},
    }


@torch.no_grad()
def reconstruction(model: Model, count: int, side: int) -> tuple[list[float], list[Image.Image], list[Image.Image]]:
    """PSNR in dB of drawings through the VAE, with the drawings and what came back."""
    decibels, drawings, returned = [], [], []
    for seed in range(count):
        drawing = paint(unseen_scene(seed), seed, side)
        pixels = picture_tensor(drawing)[None].to(model.device)
        back = model.vae.decode(model.vae.encode(pixels).latent_dist.mode()).sample.clamp(-1, 1)
        decibels.append(float(-10 * ((back - pixels) / 2).pow(2).mean().log10()))
        drawings.append(drawing)
        returned.append(tensor_picture(back[0]))
    return decibels, drawings, returned


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}


def _mean(rows: Sequence[Row], question: str, chosen: Callable[[Scene], bool]) -> float | None:
    answers = [verdict[question] for prompt, verdict in rows if question in verdict and chosen(prompt.scene)]
    return round(sum(answers) / len(answers), 2) if answers else None


def _of_kind(kind: str) -> Callable[[Scene], bool]:
    return lambda scene: scene.first.kind == kind


def _of_style(style: str) -> Callable[[Scene], bool]:
    return lambda scene: scene.style == style


def main() -> None:
    """Measure a model folder's obedience and VAE, and draw grids."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("model", type=Path, help="diffusers folder")
    parser.add_argument("output", type=Path, help="folder for figures and grids")
    parser.add_argument("--judge", type=Path, required=True, help="safetensors file of the trained judge")
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=4.5)
    parser.add_argument("--vae-drawings", type=int, default=48)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    manner = Manner(side=arguments.side, steps=arguments.steps, cfg=arguments.cfg)
    arguments.output.mkdir(parents=True, exist_ok=True)
    model = load_model(arguments.model)
    figures: Figures = {"side": manner.side, "steps": manner.steps, "cfg": manner.cfg}

    prompts = obedience_prompts(arguments.prompts)
    pictures = generate(model, [prompt.text for prompt in prompts], list(range(len(prompts))), manner)
    figures |= {"generated": obedience(arguments.judge, prompts, pictures)}
    drawings = [paint(prompt.scene, number, manner.side) for number, prompt in enumerate(prompts)]
    figures |= {"drawings": obedience(arguments.judge, prompts, drawings)}
    contact_sheet(pictures[:48], 8).save(arguments.output / "obedience.png")
    (arguments.output / "obedience.txt").write_text("\n".join(prompt.text for prompt in prompts[:48]) + "\n")

    if arguments.vae_drawings:
        decibels, originals, returned = reconstruction(model, arguments.vae_drawings, manner.side)
        figures["vae psnr"] = {"mean": round(statistics.mean(decibels), 2), "least": round(min(decibels), 2)}
        contact_sheet([*originals[:8], *returned[:8]], 8).save(arguments.output / "vae.png")

    shown = generate(model, EVERYDAY, list(range(1000, 1000 + len(EVERYDAY))), manner)
    contact_sheet(shown, 8).save(arguments.output / "everyday.png")
    started = time.perf_counter()
    generate(model, ["a red house at night"], [0], manner)
    figures["seconds a picture"] = round(time.perf_counter() - started, 2)
    text = json.dumps(figures, indent=1)
    (arguments.output / "figures.json").write_text(text + "\n", encoding="utf-8")
    logger.info("%s", text)


if __name__ == "__main__":
    main()
