"""Previews: latents to a small picture in microseconds, by a linear map fitted to the VAE at hand.

A sampler's steps hand over what they see as a StepPreview, which another thread may make later.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from modules.diffusion.picture_coding import encoded

Preview = Callable[[torch.Tensor], torch.Tensor]
"""Latents (batch, channels, height, width), scaled as the sampler has them -> pictures (batch, ..., 3), uint8, CPU."""

_FIT_IMAGES, _FIT_SIDE = 12, 64


class StepPreview:
    """The preview of one step. `keep`, by the sampler's thread, is what makes the rest safe for another one.

    On a CUDA device it is computed beside the sampler's work, and not behind what the sampler has queued.
    """

    def __init__(self, make: Preview, latents: torch.Tensor, *, uses_model: bool = False) -> None:
        self._make = make
        self._latents = latents
        self._written: torch.cuda.Event | None = None
        self.uses_model = uses_model
        """Whether networks of the job make it, which no other thread may touch while the job runs."""

    def keep(self) -> StepPreview:
        """A copy that the next steps leave as it is; takes microseconds and does not wait for the device."""
        kept = StepPreview(self._make, self._latents.detach().clone(), uses_model=self.uses_model)
        if kept._latents.is_cuda:
            kept._written = torch.cuda.Event()  # type: ignore[no-untyped-call]
            kept._written.record()
        return kept

    def wait(self) -> None:
        """Return when the device has come to the step."""
        if self._written is not None:
            self._written.synchronize()

    @torch.inference_mode()
    def __call__(self) -> torch.Tensor:
        """Pictures (batch, height, width, 3), uint8, on the CPU."""
        if self._written is None:
            return self._make(self._latents)
        self.wait()
        with torch.cuda.stream(_stream_beside(self._latents.device)):
            return self._make(self._latents)  # ends on the CPU, so nothing is under way when it returns


@functools.cache
def _stream_beside(device: torch.device) -> torch.cuda.Stream:
    """What is queued on it comes first: the work of a preview is short, and that of a step long."""
    return torch.cuda.Stream(device, priority=-1)  # type: ignore[no-untyped-call]


class LatentPreview:
    """A linear map from latent channels to red, green, blue.

    It is fitted by least squares on pictures of smooth colour fields that the VAE itself encodes, so that it suits any
    VAE without shipped numbers.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self._weights = weights  # (channels + 1, 3); the last row is the offset

    @classmethod
    def fit(cls, vae: Any) -> LatentPreview:
        """Fit to a diffusers AutoencoderKL; takes the encoding of twelve 64 x 64 pictures."""
        pictures = _colour_fields(_FIT_IMAGES, _FIT_SIDE)
        with torch.inference_mode():
            latents = encoded(vae, pictures).cpu()
        latents = latents * vae.config.scaling_factor
        targets = functional.interpolate(pictures, size=latents.shape[-2:], mode="area")
        rows = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
        return cls(torch.linalg.lstsq(rows, targets.permute(0, 2, 3, 1).reshape(-1, 3)).solution)

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Pictures (batch, height, width, 3), uint8 on the CPU, one pixel per latent position."""
        weights = self._weights.to(latents.device, torch.float32)
        colours = latents.float().permute(0, 2, 3, 1) @ weights[:-1] + weights[-1]
        return ((colours + 1) * 127.5).clamp(0, 255).round().to("cpu", torch.uint8)


def _colour_fields(count: int, side: int) -> torch.Tensor:
    """Smooth random colours, (count, 3, side, side) in -1..1, the same every time."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((count, 3, 4, 4), generator=generator) * 2 - 1
    return functional.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=True)
