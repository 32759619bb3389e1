"""A model in memory, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.diffusion.conditioning import TextConditioning
from modules.diffusion.denoisers import PredictionType
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.previews import LatentPreview
from modules.errors import NumbersOverflowed


@dataclass(frozen=True)
class LoadedModel:
    """The parts of a Stable Diffusion 1.x checkpoint, as diffusers' and transformers' classes, on one device."""

    name: str
    hash: str
    """First ten hex digits of the sha256 of its weights."""
    device: torch.device
    tokenizer: PromptTokenizer
    text_encoder: Any
    unet: Any
    vae: Any
    levels: NoiseLevels
    prediction_type: PredictionType

    @property
    def latent_channels(self) -> int:
        return int(self.unet.config.in_channels)

    @property
    def pixels_per_latent(self) -> int:
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @cached_property
    def preview(self) -> LatentPreview:
        """Fitted when it is first asked for."""
        return LatentPreview.fit(self.vae)

    def predict(self, x: torch.Tensor, timestep: torch.Tensor, conditioning: TextConditioning) -> torch.Tensor:
        """The network's answer, float32; x is (batch, channels, height, width), one row of conditioning for each."""
        dtype = self.unet.dtype
        answer: torch.Tensor = self.unet(
            x.to(dtype), timestep, encoder_hidden_states=conditioning.states.to(dtype), return_dict=False
        )[0]
        return answer.float()

    def decode(self, latents: torch.Tensor) -> np.ndarray:
        """Pictures (batch, height, width, 3), uint8. Raises NumbersOverflowed where there is no picture."""
        scaled = latents / self.vae.config.scaling_factor
        pixels = self.vae.decode(scaled.to(self.vae.dtype), return_dict=False)[0].float()
        if not torch.isfinite(pixels).all():
            raise NumbersOverflowed(
                "The model's numbers overflowed, so there is no picture. Start with --precision full and try again."
            )
        rounded = ((pixels + 1) * 127.5).clamp(0, 255).round().to(torch.uint8)
        pictures: np.ndarray = rounded.permute(0, 2, 3, 1).cpu().numpy()
        return pictures
