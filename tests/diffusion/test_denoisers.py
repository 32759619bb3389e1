"""A network of any kind, wrapped, gives back the picture that it knows."""

from __future__ import annotations

import math

import pytest
import torch

from modules.diffusion.denoisers import PredictionType, denoised_at_velocity, denoiser_for, velocity_at
from modules.diffusion.noise_levels import FlowLevels, Levels, NoiseLevels

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
FLOW = FlowLevels(3.0)
KINDS: tuple[PredictionType, ...] = ("epsilon", "v_prediction", "flow")
SIGMAS: dict[PredictionType, tuple[float, ...]] = {
    "epsilon": (0.03, 1.0, 14.0),
    "v_prediction": (0.03, 1.0, 14.0),
    "flow": (0.004, 0.5, 1.0),
}
CASES = [(kind, sigma) for kind in KINDS for sigma in SIGMAS[kind]]


def levels_of(kind: PredictionType) -> Levels:
    return FLOW if kind == "flow" else SD1


def drawn(seed: int, shape: tuple[int, ...] = (2, 4, 8, 8)) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noisy(kind: PredictionType, picture: torch.Tensor, noise: torch.Tensor, sigma: float) -> torch.Tensor:
    share = 1 - sigma if kind == "flow" else 1.0
    return picture * share + noise * sigma


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_a_perfect_network_gives_the_picture_back(kind: PredictionType, sigma: float) -> None:
    picture, noise = drawn(0), drawn(1)
    share = sigma / math.sqrt(1 + sigma**2)
    answers = {
        "epsilon": noise,
        "v_prediction": noise * math.sqrt(1 - share**2) - picture * share,
        "flow": noise - picture,
    }

    def network(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        scale = 1.0 if kind == "flow" else (1 + sigma**2) ** 0.5
        assert torch.allclose(x * scale, noisy(kind, picture, noise, sigma), rtol=1e-12)
        assert timestep.dtype == torch.float32
        told = levels_of(kind).sigma_of(timestep)
        assert torch.allclose(told, torch.tensor([sigma] * 2, dtype=torch.float64), rtol=1e-4)
        return answers[kind]

    denoised = denoiser_for(kind, network, levels_of(kind))(
        noisy(kind, picture, noise, sigma), torch.tensor([sigma] * 2, dtype=torch.float64)
    )
    assert torch.allclose(denoised, picture, atol=1e-12)


def test_a_flow_network_is_told_a_thousand_times_sigma() -> None:
    told = []

    def network(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        told.append(timestep.tolist())
        return torch.zeros_like(x)

    denoiser_for("flow", network, FLOW)(drawn(0), torch.tensor([0.25, 1.0]))
    assert told == [[250.0, 1000.0]]


@pytest.mark.parametrize("kind", KINDS)
def test_each_image_has_its_own_sigma(kind: PredictionType) -> None:
    x, sigmas = drawn(0), torch.tensor(SIGMAS[kind][:2], dtype=torch.float64)
    denoiser = denoiser_for(kind, lambda x, timestep: torch.tanh(x) * timestep[:, None, None, None], levels_of(kind))
    singly = torch.cat([denoiser(x[i : i + 1], sigmas[i : i + 1]) for i in range(2)])
    assert torch.allclose(denoiser(x, sigmas), singly, rtol=1e-14)


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_velocity_and_denoised_picture_say_the_same(kind: PredictionType, sigma: float) -> None:
    picture, noise = drawn(0), drawn(1)
    x, sigmas = noisy(kind, picture, noise, sigma), torch.tensor([sigma] * 2, dtype=torch.float64)
    velocity = velocity_at(kind, x, sigmas, picture)
    scale = 1.0 if kind == "flow" else (1 + sigma**2) ** 0.5
    expected = (noise - picture) if kind == "flow" else (noise - sigma * picture) / scale
    assert torch.allclose(velocity, expected, atol=1e-11)
    assert torch.allclose(denoised_at_velocity(kind, x, sigmas, velocity), picture, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_other_shapes_of_latents_are_welcome(kind: PredictionType) -> None:
    """Videos have one dimension more, and some models one fewer."""
    for shape in ((2, 4, 3, 8, 8), (2, 16, 5)):
        x = drawn(0, shape)
        denoised = denoiser_for(kind, lambda x, timestep: x, levels_of(kind))(x, torch.tensor([0.5, 0.25]))
        assert denoised.shape == shape
