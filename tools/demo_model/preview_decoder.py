"""The tiny preview decoder: one 3 x 3 convolution from latents to a picture of a quarter of the side.

Each latent pixel becomes 2 x 2 picture pixels. The weights are the least-squares solution over drawn scenes, so there
is nothing to train; a preview costs far below a hundredth of a step.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor
from torch.nn import functional

from tools.demo_model.checkpoint import write_state
from tools.demo_model.latents import picture_tensor
from tools.demo_model.networks import DOWNSCALE, LATENT_CHANNELS, SCALING_FACTOR
from tools.demo_model.painting import paint
from tools.demo_model.scene import training_scene, unseen_scene

UPSCALE = 2
RIDGE = 1e-3

logger = logging.getLogger(__name__)


def fit(vae: AutoencoderKL, count: int, side: int = 256) -> tuple[Tensor, Tensor]:
    """Weight (12, 4, 3, 3) and bias (12) that turn scaled latents into previews with the least squared error."""
    inputs = LATENT_CHANNELS * 9 + 1
    squares, products = torch.zeros(inputs, inputs).double(), torch.zeros(inputs, 3 * UPSCALE**2).double()
    for seed in range(count):
        latent, small = _pair(vae, paint(training_scene(seed), seed, side))
        rows = functional.unfold(latent[None], 3, padding=1)[0].T
        rows = torch.cat([rows, torch.ones(len(rows), 1)], 1).double()
        wanted = functional.pixel_unshuffle(small[None], UPSCALE)[0].flatten(1).T.double()
        squares += rows.T @ rows
        products += rows.T @ wanted
    solution = torch.linalg.solve(squares + RIDGE * count * torch.eye(inputs).double(), products).float()
    return solution[:-1].T.reshape(-1, LATENT_CHANNELS, 3, 3).contiguous(), solution[-1].contiguous()


def preview(latents: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Previews, values from -1 to 1, of scaled latents (batch, 4, h, w)."""
    return functional.pixel_shuffle(functional.conv2d(latents, weight, bias, padding=1), UPSCALE).clamp(-1, 1)


def write_preview_decoder(vae: AutoencoderKL, folder: Path, count: int = 256) -> float:
    """Fit and save the decoder; returns its PSNR in dB on drawings it was not fitted to."""
    weight, bias = fit(vae, count)
    decibels = []
    for seed in range(32):
        latent, small = _pair(vae, paint(unseen_scene(seed), seed, 256))
        error = (preview(latent[None], weight, bias)[0] - small) / 2
        decibels.append(-10 * math.log10(float(error.pow(2).mean())))
    write_state(folder / "preview_decoder.safetensors", {"weight": weight.half(), "bias": bias.half()}, {})
    config = {"kind": "conv3x3-pixel-shuffle", "latent_channels": LATENT_CHANNELS, "upscale": UPSCALE}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return sum(decibels) / len(decibels)


@torch.no_grad()
def _pair(vae: AutoencoderKL, picture: Image.Image) -> tuple[Tensor, Tensor]:
    pixels = picture_tensor(picture)[None]
    latent: Tensor = vae.encode(pixels.to(vae.device)).latent_dist.mode().cpu() * SCALING_FACTOR
    return latent[0], functional.avg_pool2d(pixels, DOWNSCALE // UPSCALE)[0]


def main() -> None:
    """Fit the preview decoder of a model folder and save it there."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("model", type=Path, help="diffusers folder; the decoder goes to preview_decoder/ in it")
    parser.add_argument("--drawings", type=int, default=256)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    vae = AutoencoderKL.from_pretrained(arguments.model / "vae", dtype=torch.float32).eval()
    decibels = write_preview_decoder(vae, arguments.model / "preview_decoder", arguments.drawings)
    logger.info("preview decoder: %.2f dB at a quarter of the side", decibels)


if __name__ == "__main__":
    main()
