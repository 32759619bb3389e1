"""Views: what the network saw at one moment of a run, for guidance to combine."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from modules.diffusion.denoisers import PredictionType, denoised_at_velocity, velocity_at


@dataclass(frozen=True)
class Moment:
    """Where a run is: evaluation `step` of `steps`, counted from 0, at noise level `sigma`."""

    step: int
    steps: int
    sigma: float


@dataclass(frozen=True, eq=False)
class Views:
    """The batch as the network sees it with its prompts and with its negatives; all tensors of x's shape."""

    x: torch.Tensor
    sigma: torch.Tensor
    """(batch,)"""
    positive: torch.Tensor
    """Denoised; the parts of a composable prompt are put together already."""
    negative: torch.Tensor
    """Denoised."""
    moment: Moment
    prediction_type: PredictionType
    without_picture: torch.Tensor | None = None
    """Denoised with the negative but without the given picture; None unless it guides."""

    def velocity(self, denoised: torch.Tensor) -> torch.Tensor:
        """The velocity that says the same as a denoised picture."""
        return velocity_at(self.prediction_type, self.x, self.sigma, denoised)

    def denoised(self, velocity: torch.Tensor) -> torch.Tensor:
        """The denoised picture that says the same as a velocity."""
        return denoised_at_velocity(self.prediction_type, self.x, self.sigma, velocity)


def image_dimensions(pictures: torch.Tensor) -> tuple[int, ...]:
    """All dimensions but the batch's: what is measured over them is measured of every image by itself."""
    return tuple(range(1, pictures.dim()))


def inner_product(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Of each image of two batches, in a shape that multiplies with them."""
    return (one * other).sum(dim=image_dimensions(one), keepdim=True)
