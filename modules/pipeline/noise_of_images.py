"""From a request's seeds to the noise of a batch: every image has its own, whatever stands beside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from modules.diffusion.brownian import BrownianNoise, SamplerNoise
from modules.diffusion.noise import BatchNoise, ImageNoise, NoiseRecipe
from modules.schema.requests import Resolved

Shape = tuple[int, int, int]


def noise_of_images(
    request: Resolved,
    indices: Sequence[int],
    sigmas: torch.Tensor,
    *,
    shape: Shape,
    pixels_per_latent: int,
    device: torch.device,
) -> SamplerNoise:
    """The noise of those pictures of a request; `shape` is (channels, height, width) of the latents of one.

    `sigmas` are those of the whole schedule, however many are run: a Brownian path is drawn over all of it.
    """
    width, height = request.seed_resize_from_w // pixels_per_latent, request.seed_resize_from_h // pixels_per_latent
    recipes = [
        NoiseRecipe(
            seed=request.seed_of(index),
            subseed=request.subseed_of(index),
            subseed_strength=request.subseed_strength,
            resize_from=(width, height) if width and height else None,
            ensd=request.eta_noise_seed_delta,
            kind=request.rng,
        )
        for index in indices
    ]
    fresh = BatchNoise([ImageNoise(recipe, device) for recipe in recipes], shape, device)

    def brownian() -> BrownianNoise:
        positive = sigmas[sigmas > 0]
        reach = (float(positive.min()), float(positive.max()))
        return BrownianNoise([recipe.seed for recipe in recipes], shape, reach, kind=request.rng, device=device)

    return SamplerNoise(fresh.next, brownian)
