"""What a network with more input channels is told of the given picture: inpainting models and InstructPix2Pix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.conditioning import BatchConditioning, ImageConditioning
from modules.diffusion.input_channels import blank_inpainting_channels, inpainting_channels, pix2pix_channels


@dataclass(frozen=True)
class InputChannels:
    """Channels beside x for every image of a batch, (1, channels, height, width).

    `edits` asks for the look without the picture too.
    """

    channels: torch.Tensor
    edits: bool = False

    def told(self, images: BatchConditioning) -> BatchConditioning:
        """The conditioning of each image with its channels."""
        return [self._told(image) for image in images]

    def _told(self, image: ImageConditioning) -> ImageConditioning:
        beside = self.channels
        positives = [replace(part, conditioning=part.conditioning.with_channels(beside)) for part in image.positives]
        without = image.negative.with_channels(torch.zeros_like(beside)) if self.edits else None
        return ImageConditioning(tuple(positives), image.negative.with_channels(beside), without)


ChannelsFor = Callable[[LoadedModel], InputChannels | None]
"""What a model sees beside x; None for a plain one."""


def channels_without_picture(model: LoadedModel, *, height: int, width: int) -> InputChannels | None:
    """What a model sees where only words were given, at a size in pixels; None for a plain one.

    An inpainting model takes all for masked. InstructPix2Pix gets zeros, as in its training without a picture.
    """
    if model.kind == "plain":
        return None
    if model.kind == "inpainting":
        return InputChannels(blank_inpainting_channels(model.encode_picture, height, width, model.device))
    factor = model.pixels_per_latent
    return InputChannels(torch.zeros(1, model.latent_channels, height // factor, width // factor, device=model.device))


def channels_of_pixels(
    model: LoadedModel, *, pixels: np.ndarray, mask: np.ndarray | None, mask_weight: float
) -> InputChannels | None:
    """What a model sees of a picture with its mask; None for a plain one.

    The picture is (height, width, 3), the mask (height, width), both uint8; without a mask all is painted.
    """
    if model.kind == "plain":
        return None
    picture = torch.from_numpy(pixels.copy()).to(model.device).permute(2, 0, 1)[None] / 127.5 - 1
    if model.kind == "pix2pix":
        return InputChannels(pix2pix_channels(model.encode_unscaled, picture), edits=True)
    painted = np.full(pixels.shape[:2], 255, np.uint8) if mask is None else mask
    weights = torch.from_numpy(painted.copy()).to(model.device)[None, None] / 255
    return InputChannels(inpainting_channels(model.encode_picture, picture, weights, mask_weight=mask_weight))
