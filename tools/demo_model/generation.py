"""Makes pictures with a model folder, many at a time: DPM++ 2M Karras with classifier-free guidance.

The product has its own samplers; this short loop on diffusers' scheduler keeps training and measuring apart from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel

from tools.demo_model.latents import tensor_picture
from tools.demo_model.networks import (
    DOWNSCALE,
    LATENT_CHANNELS,
    SCALING_FACTOR,
    device_of_choice,
    mixed_precision,
    picture_scheduler,
)
from tools.demo_model.tokenizer import load_tokenizer
from tools.demo_model.wording import Wording


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How pictures are made."""

    side: int = 256
    steps: int = 20
    cfg: float = 4.5
    batch: int = 8


@dataclass(frozen=True)
class Model:
    """A loaded demo model."""

    vae: AutoencoderKL
    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    wording: Wording

    @property
    def device(self) -> torch.device:
        return torch.device(next(self.unet.parameters()).device)


def load_model(folder: Path) -> Model:
    """Load a diffusers folder."""
    device = device_of_choice()
    vae = AutoencoderKL.from_pretrained(folder / "vae", dtype=torch.float32).to(device)
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", dtype=torch.float32).to(device)
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).to(device)
    return Model(vae.eval(), unet.eval(), encoder.eval(), Wording(load_tokenizer(folder / "tokenizer")))


@torch.no_grad()
def generate(model: Model, prompts: Sequence[str], seeds: Sequence[int], manner: Manner) -> list[Image.Image]:
    """One picture for each prompt and seed; a picture does not depend on the others of its batch."""
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), manner.batch):
        stop = start + manner.batch
        with mixed_precision(model.device):
            pictures += _generate_batch(model, prompts[start:stop], seeds[start:stop], manner)
    return pictures


def _generate_batch(model: Model, prompts: Sequence[str], seeds: Sequence[int], manner: Manner) -> list[Image.Image]:
    scheduler: DPMSolverMultistepScheduler = picture_scheduler()
    scheduler.set_timesteps(manner.steps)
    ids = model.wording.ids([""] * len(prompts) + list(prompts)).to(model.device)
    states = model.text_encoder(ids).last_hidden_state
    latents = torch.stack([_noise(seed, manner.side) for seed in seeds]).to(model.device) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        doubled = scheduler.scale_model_input(torch.cat([latents, latents]), timestep)
        without, given = model.unet(doubled, timestep.to(model.device), states).sample.float().chunk(2)
        guided = without + manner.cfg * (given - without)
        latents = scheduler.step(guided, timestep, latents).prev_sample
    decoded = [model.vae.decode(latent[None] / SCALING_FACTOR).sample[0] for latent in latents]
    return [tensor_picture(picture) for picture in decoded]


def _noise(seed: int, side: int) -> Tensor:
    shape = (LATENT_CHANNELS, side // DOWNSCALE, side // DOWNSCALE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
