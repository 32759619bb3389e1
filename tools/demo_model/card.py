"""The card beside a model folder, and the picture that shows what the model makes: `<folder>.json`, `<folder>.png`.

The picture comes out of the whole product, so that a test can ask whether it still does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from pathlib import Path

from modules.config.paths import resolve_paths
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import running_services
from modules.services.options import EngineOptions
from tools.demo_model.prompts import EVERYDAY

SAMPLE = {"prompt": EVERYDAY[0], "seed": 8}


def add_recommendations(parser: argparse.ArgumentParser) -> None:
    """The options that say what the card recommends."""
    parser.add_argument("--side", type=int, default=256, help="recommended side in pixels")
    parser.add_argument("--steps", type=int, default=20, help="recommended steps")
    parser.add_argument("--cfg", type=float, default=4.5, help="recommended CFG scale")


def weights_hash(folder: Path) -> str:
    """SHA-256 over all safetensors files of the folder, in the order of their paths."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write_card(folder: Path, side: int, steps: int, cfg: float) -> None:
    """The side file `<folder>.json`: what a checkpoint's user metadata says, and what to make pictures with."""
    card = {
        "description": "Atelier's demo model: small drawn pictures of 26 subjects, 11 colours, 9 scenes and 6 styles.",
        "sd version": "SD1",
        "notes": "Trained on drawings made by a program; no third-party pictures. Weights: Apache-2.0. "
        "Say what, its colour, where, on which ground, in which style: 'a red boat left of a yellow star at night'.",
        "recommended": {
            "width": side,
            "height": side,
            "steps": steps,
            "cfg_scale": cfg,
            "sampler_name": "DPM++ 2M",
            "scheduler": "Karras",
        },
        "example_prompts": list(EVERYDAY[:8]),
        "sample": SAMPLE,
        "weights_sha256": weights_hash(folder),
    }
    path = folder.with_name(folder.name + ".json")
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def write_sample(folder: Path) -> None:
    """Make the picture of the card's sample with the model, at what the card recommends."""
    with tempfile.TemporaryDirectory() as data:
        paths = resolve_paths(data_dir=Path(data), ckpt_dir=folder.resolve().parent)
        with running_services(paths, EngineOptions(use_cpu=True, precision="full")) as services:
            request = Txt2ImgRequest.of({**SAMPLE, "model": folder.name})
            job = services.generate.submit(request)
            while not services.generate.job(job.id).is_over:
                time.sleep(0.1)
            (picture,) = services.pictures.of_job(job.id)
            path = folder.with_name(folder.name + ".png")
            unfinished = path.with_name(path.name + ".unfinished")
            shutil.copyfile(services.pictures.file(picture), unfinished)
            unfinished.replace(path)


def main() -> None:
    """Write card and sample of a model folder anew."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="diffusers folder; card and sample go beside it")
    add_recommendations(parser)
    arguments = parser.parse_args()
    write_card(arguments.folder, arguments.side, arguments.steps, arguments.cfg)
    write_sample(arguments.folder)


if __name__ == "__main__":
    main()
