"""Measures an upscaler on scenes that its training never drew, against Lanczos."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from PIL import Image

from modules.upscaling.model_files import load_network
from modules.upscaling.upscaler import ModelUpscaler, PillowUpscaler, Upscaler
from tools.upscaler.patches import FILTERS, shrink, unseen_scenes

MOST_DECIBELS = 60.0
"""What a picture counts at most: some scenes are a plain ground that every upscaler gets right to the last level."""


def decibels(made: np.ndarray, wanted: np.ndarray) -> float:
    """PSNR of uint8 pixels."""
    error = float(np.square(made.astype(np.float64) - wanted).mean())
    return min(MOST_DECIBELS, 10 * math.log10(255**2 / error)) if error else MOST_DECIBELS


def restored(upscaler: Upscaler, scene: Image.Image, resampling: Image.Resampling) -> float:
    """PSNR of a scene that was shrunk to half its size and brought back."""
    small = np.array(shrink(scene, resampling))
    return decibels(upscaler.upscale(small, scene.width, scene.height), np.asarray(scene))


def main() -> None:
    """Print the mean PSNR of unseen scenes for a model file and for Lanczos, for each filter that shrinks them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path, help="a model file that spandrel loads")
    parser.add_argument("--scenes", type=int, default=48)
    parser.add_argument("--side", type=int, default=256, help="side of a scene in pixels")
    arguments = parser.parse_args()
    model = ModelUpscaler(arguments.file.stem, load_network(arguments.file))
    lanczos = PillowUpscaler("Lanczos", Image.Resampling.LANCZOS)
    scenes = unseen_scenes(arguments.scenes, arguments.side)
    torch.set_num_threads(1)
    for resampling in FILTERS:
        ours = [restored(model, scene, resampling) for scene in scenes]
        theirs = [restored(lanczos, scene, resampling) for scene in scenes]
        better = sum(our > their for our, their in zip(ours, theirs, strict=True))
        print(
            f"{resampling.name.lower():8} {model.name} {fmean(ours):.2f} dB, Lanczos {fmean(theirs):.2f} dB, "
            f"better on {better} of {len(scenes)}"
        )


if __name__ == "__main__":
    main()
