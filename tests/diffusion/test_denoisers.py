"""Denoisers and guidance turn what networks predict into one answer."""

from __future__ import annotations

import pytest
import torch

from modules.diffusion.denoisers import PredictionType, denoiser_for
from modules.diffusion.guidance import ClassifierFreeGuidance, GuidedDenoiser
from modules.diffusion.noise_levels import NoiseLevels

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sigma", [0.03, 1.0, 14.0])
def test_a_perfect_network_gives_the_picture_back(kind: PredictionType, sigma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    picture, noise = (torch.randn((2, 4, 8, 8), generator=generator, dtype=torch.float64) for _ in range(2))
    alpha = 1 / (1 + sigma**2)

    def network(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        assert torch.allclose(x, alpha**0.5 * picture + (1 - alpha) ** 0.5 * noise)
        assert torch.allclose(SD1.sigma_of(timestep), torch.tensor([sigma] * 2, dtype=torch.float64), rtol=1e-4)
        return noise if kind == "epsilon" else alpha**0.5 * noise - (1 - alpha) ** 0.5 * picture

    denoised = denoiser_for(kind, network, SD1)(picture + sigma * noise, torch.tensor([sigma] * 2))
    assert torch.allclose(denoised, picture, atol=1e-6)


@pytest.mark.parametrize(
    ("scale", "expected", "images_per_call"), [(1.0, 2.0, 3), (7.0, 1 + 7 * (2 - 1), 6), (0.0, 1.0, 6)]
)
def test_guidance_goes_from_the_negative_past_the_positive(scale: float, expected: float, images_per_call: int) -> None:
    calls = []

    def network(x: torch.Tensor, timestep: torch.Tensor, conditioning: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return -conditioning.mean(dim=(1, 2)).reshape(-1, 1, 1, 1).expand_as(x)

    denoiser = GuidedDenoiser(
        network,
        SD1,
        "epsilon",
        positive=torch.full((1, 77, 8), 2.0),
        negative=torch.full((1, 77, 8), 1.0),
        guidance=ClassifierFreeGuidance(scale),
    )
    denoised = denoiser(torch.zeros(3, 4, 2, 2), torch.ones(3))
    assert torch.allclose(denoised, torch.full_like(denoised, expected))
    assert calls == [images_per_call]
