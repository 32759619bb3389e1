"""Writes a training's averaged weights as a plain diffusers folder in fp16, with card and sample beside it."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from tools.demo_model.card import add_recommendations, write_card, write_sample
from tools.demo_model.networks import picture_scheduler
from tools.demo_model.preview_decoder import write_preview_decoder
from tools.demo_model.tokenizer import load_tokenizer
from tools.demo_model.train_unet import Learner, read_averaged

SIZE_LIMIT = 32_000_000

logger = logging.getLogger(__name__)


def export(learner: Learner, vae: AutoencoderKL, tokenizer: Path, folder: Path) -> None:
    """Write the parts to a folder beside, check their size, and put it in place of the old one."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    pipeline = StableDiffusionPipeline(
        vae=vae.half(),
        text_encoder=learner.text_encoder.half(),
        tokenizer=load_tokenizer(tokenizer),
        unet=learner.unet.half(),
        scheduler=picture_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(unfinished, safe_serialization=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(tokenizer / name, unfinished / "tokenizer" / name)
    _forget_paths(unfinished)
    write_preview_decoder(vae.float(), unfinished / "preview_decoder")
    for path in unfinished.rglob("*.safetensors"):
        path.chmod(0o644)
    size = folder_size(unfinished)
    if size > SIZE_LIMIT:
        raise ValueError(f"the model takes {size} bytes, more than the {SIZE_LIMIT} allowed: make it smaller")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)
    logger.info("%s: %.1f MB", folder, size / 1e6)


def folder_size(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _forget_paths(folder: Path) -> None:
    """Drop the paths of the training machine that the libraries note in configurations."""
    for path in folder.rglob("*.json"):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(facts, dict) and facts.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Export a training run as a diffusers folder with its card."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="diffusers folder to write; card and sample go beside it")
    parser.add_argument("--run", type=Path, required=True, help="folder of the training state")
    parser.add_argument("--vae", type=Path, required=True)
    add_recommendations(parser)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    learner, facts = read_averaged(arguments.run)
    vae = AutoencoderKL.from_pretrained(arguments.vae, dtype=torch.float32).eval()
    export(learner.eval(), vae, arguments.run / "tokenizer", arguments.folder)
    write_card(arguments.folder, arguments.side, arguments.steps, arguments.cfg)
    write_sample(arguments.folder)
    logger.info("step %s of %s", facts["step"], arguments.run)


if __name__ == "__main__":
    main()
