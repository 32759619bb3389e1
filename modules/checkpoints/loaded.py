"""A model in memory, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch

from modules.checkpoints.identification import Family
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.text_encoder import TextEncoder
from modules.checkpoints.tiny_decoder import TinyDecoder
from modules.diffusion.conditioning import TextConditioning, aesthetic_ids, size_ids
from modules.diffusion.denoisers import PredictionType
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.picture_coding import Tell, decoded, encoded, pixels_per_latent
from modules.diffusion.previews import LatentPreview, Preview
from modules.diffusion.text_encoding import EncoderLayer
from modules.errors import NumbersOverflowed, UnsupportedModel

ModelKind = Literal["plain", "inpainting", "pix2pix"]
_KINDS: dict[int, ModelKind] = {0: "plain", 4: "pix2pix", 5: "inpainting"}
"""By the number of channels that the network takes beside the latents."""
_SCORE, _NEGATIVE_SCORE = 6.0, 2.5
"""How beautiful the refiner is told that a picture is, and one as it should not be."""
_TOKENS = 77


@dataclass(frozen=True)
class LoadedModel:
    """The parts of a Stable Diffusion checkpoint, as diffusers' and transformers' classes, on one device."""

    name: str
    fingerprint: str
    """Cheap to tell; another one means other weights."""
    family: Family
    device: torch.device
    text_encoders: tuple[TextEncoder, ...]
    """One, or two whose vectors stand side by side."""
    unet: Any
    vae: Any
    levels: NoiseLevels
    prediction_type: PredictionType
    zeroes_empty_prompt: bool = False
    """Whether an empty negative prompt is all zeros and not an encoded empty text."""
    tiny_decoder: TinyDecoder | None = None
    """Shows what latents look like, where a file for this family was found."""

    @property
    def tokenizer(self) -> PromptTokenizer:
        """The one that people's tokens are counted with."""
        return self.text_encoders[0].tokenizer

    @property
    def wants_pooled(self) -> bool:
        """Whether the network is told of each text as a whole, and of sizes: see `time_ids`."""
        return self.family in ("sdxl", "sdxl-refiner")

    def encoder_layer(self, clip_skip: int) -> EncoderLayer:
        """Which output of the text encoders the network was trained with; clip skip moves that of SD 1 alone."""
        if self.family == "sd1":
            return EncoderLayer(clip_skip)
        # OpenCLIP's last layer is missing from folders of SD 2: their last is the one before it.
        return EncoderLayer() if self.family == "sd2" else EncoderLayer(2, normalised=False)

    def time_ids(self, height: int, width: int, *, negative: bool = False) -> torch.Tensor | None:
        """What the network is told of a picture of that size in pixels, one row; None where it is told nothing.

        A picture of SDXL was never smaller nor cut; for the refiner it is a beautiful one, and of a negative it is not.
        """
        if self.family == "sdxl-refiner":
            return aesthetic_ids(height, width, _NEGATIVE_SCORE if negative else _SCORE)
        return size_ids(height, width) if self.family == "sdxl" else None

    def blank_conditioning(self, rows: int, height: int, width: int) -> TextConditioning:
        """Zeros of all shapes that the network takes for `rows` pictures of that size in pixels, to time it with."""

        def zeros(*shape: int) -> torch.Tensor:
            return torch.zeros(rows, *shape, device=self.device)

        ids, factor = self.time_ids(height, width), self.pixels_per_latent
        more = int(self.unet.config.in_channels) - self.latent_channels
        return TextConditioning(
            zeros(_TOKENS, sum(encoder.width for encoder in self.text_encoders)),
            zeros(self.text_encoders[-1].pooled_width) if self.wants_pooled else None,
            None if ids is None else ids.to(self.device).expand(rows, -1),
            None if self.kind == "plain" else zeros(more, height // factor, width // factor),
        )

    @property
    def latent_channels(self) -> int:
        return int(self.vae.config.latent_channels)

    @property
    def kind(self) -> ModelKind:
        """What the network sees beside the latents: nothing, a masked picture, or a picture to edit.

        Raises UnsupportedModel for any other number of channels.
        """
        more = int(self.unet.config.in_channels) - self.latent_channels
        if more not in _KINDS:
            raise UnsupportedModel(
                f"Model {self.name!r} takes {more} channels beside its {self.latent_channels} of latents, which is not "
                "supported. Choose a plain, an inpainting or an InstructPix2Pix model."
            )
        return _KINDS[more]

    @property
    def pixels_per_latent(self) -> int:
        return pixels_per_latent(self.vae)

    def preview_by(self, method: str) -> Preview:
        """What shows latents by a method of the setting show_progress_type; the linear map for those that are not here.

        "Full" is the VAE, whose previews take as long as several steps.
        """
        if method == "Full":
            return lambda latents: torch.from_numpy(self.decode(latents))
        if method == "TAESD" and self.tiny_decoder is not None:
            return self.tiny_decoder
        return self._linear_preview

    @cached_property
    def _linear_preview(self) -> LatentPreview:
        """Fitted when it is first asked for."""
        return LatentPreview.fit(self.vae)

    @cached_property
    def compute_dtype(self) -> torch.dtype:
        """In which the network computes; its weights may be stored in another format."""
        return self.unet.dtype  # type: ignore[no-any-return]  # kept, since it walks all modules, which takes milliseconds

    def predict(self, x: torch.Tensor, timestep: torch.Tensor, conditioning: TextConditioning) -> torch.Tensor:
        """The network's answer, float32; x is (batch, channels, height, width), one row of conditioning for each."""
        dtype = self.compute_dtype
        if conditioning.channels is not None:
            x = torch.cat([x, conditioning.channels.to(x)], dim=1)
        added = None
        if conditioning.pooled is not None:
            # The sizes stay wide: bfloat16 has no 1,000 and more in single steps.
            added = {"text_embeds": conditioning.pooled.to(dtype), "time_ids": conditioning.time_ids}
        answer: torch.Tensor = self.unet(
            x.to(dtype),
            timestep,
            encoder_hidden_states=conditioning.states.to(dtype),
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return answer.float()

    def decode(self, latents: torch.Tensor, *, tell: Tell | None = None) -> np.ndarray:
        """Pictures (batch, height, width, 3), uint8.

        `tell` hears of it where memory asks for tiles, and where a picture needs float32. Raises NumbersOverflowed
        where there is no picture, torch.OutOfMemoryError where tiles do not fit either.
        """
        scaled = latents / self.vae.config.scaling_factor
        return np.concatenate([_pixels(_finite(picture)) for picture in decoded(self.vae, scaled, tell=tell)])

    def encode(self, pixels: np.ndarray, *, tell: Tell | None = None) -> torch.Tensor:
        """Latents of pictures (batch, height, width, 3), uint8: (batch, channels, height / 8, width / 8), float32.

        They are the mean of what the VAE's encoder gives, the same every time. Raises what `decode` raises.
        """
        pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self.device, torch.float32) / 127.5 - 1
        return self.encode_picture(pictures, tell=tell)

    def encode_picture(self, pictures: torch.Tensor, *, tell: Tell | None = None) -> torch.Tensor:
        """Latents as `encode` gives them, of pictures (batch, 3, height, width) in -1..1."""
        return self.encode_unscaled(pictures, tell=tell) * float(self.vae.config.scaling_factor)

    def encode_unscaled(self, pictures: torch.Tensor, *, tell: Tell | None = None) -> torch.Tensor:
        """The same without the VAE's scaling factor, as InstructPix2Pix sees them beside x."""
        return _finite(encoded(self.vae, pictures, tell=tell))


def _finite(numbers: torch.Tensor) -> torch.Tensor:
    if not torch.isfinite(numbers).all():
        raise NumbersOverflowed(
            "The model's numbers overflowed, so there is no picture. Start with --precision full and try again."
        )
    return numbers


def _pixels(picture: torch.Tensor) -> np.ndarray:
    rounded = (picture + 1).mul_(127.5).clamp_(0, 255).round_().to(torch.uint8)
    pixels: np.ndarray = rounded.permute(0, 2, 3, 1).cpu().numpy()
    return pixels
