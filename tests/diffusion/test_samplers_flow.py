"""Samplers on flow models: the same mathematics on another path."""

from __future__ import annotations

import math

import pytest
import torch

from modules.diffusion.names import SAMPLER_NAMES
from modules.diffusion.samplers import SAMPLERS, SamplerOptions, StepReport, for_flow
from tests.diffusion.mixture import (
    NumberedNoise,
    SeededNoise,
    gaussian_flow_denoiser,
    mixture_denoiser,
    mixture_flow_denoiser,
)

_SHAPE = (1, 4, 4, 4)
_USUAL = SamplerOptions()


def shifted(n: int, shift: float = 3.0) -> torch.Tensor:
    """The sigmas of Stable Diffusion 3, from 1 to 0."""
    even = torch.linspace(1, 0, n + 1, dtype=torch.float64)
    return shift * even / (1 + (shift - 1) * even)


def run(name: str, sigmas: torch.Tensor, options: SamplerOptions = _USUAL) -> tuple[torch.Tensor, list[StepReport]]:
    reports: list[StepReport] = []
    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(7)) * sigmas[0]
    result = for_flow(SAMPLERS[name])(
        mixture_flow_denoiser, x, sigmas, noise=NumberedNoise(_SHAPE), callback=reports.append, options=options
    )
    return result, reports


def between_09_and_02(name: str, steps: int) -> torch.Tensor:
    return run(name, torch.linspace(0.9, 0.2, steps + 1, dtype=torch.float64), SamplerOptions(eta=0.0))[0]


@pytest.fixture(scope="module")
def exact() -> torch.Tensor:
    """By Heun, whose error is 1,600 times smaller than with 200 steps."""
    return between_09_and_02("Heun", 8000)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("Euler", 1),
        ("DDIM", 1),
        ("Heun", 2),
        ("DPM2", 2),
        ("DPM++ 2M", 2),
        ("DPM++ 2S a", 2),
        ("RES multistep", 2),
        ("LMS", 2),
        ("IPNDM", 2),
        ("DEIS", 2),
        ("UniPC", 2),
    ],
)
def test_order_of_convergence(name: str, order: int, exact: torch.Tensor) -> None:
    """Between 0.9 and 0.2, in even steps of sigma; the start from 1 is an Euler step for most and tested below."""
    coarse, fine = ((between_09_and_02(name, steps) - exact).abs().mean() for steps in (100, 200))
    assert order - 0.35 < math.log2(coarse / fine) < order + 2


def test_euler_is_the_same_on_both_paths() -> None:
    """DDIM is converted, Euler is not."""
    for sigmas in (shifted(12), shifted(12)[3:]):
        assert torch.allclose(run("DDIM", sigmas)[0], run("Euler", sigmas)[0], rtol=1e-10)


def test_the_way_is_that_of_the_noised_path() -> None:
    """From 0.9 on, DPM++ 2M takes the steps that it takes on picture plus 9 times the noise."""
    sigmas = torch.linspace(0.9, 0, 10, dtype=torch.float64)
    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(7)) * 0.9
    other = SAMPLERS["DPM++ 2M"].run(
        mixture_denoiser,
        x / (1 - 0.9),
        sigmas / (1 - sigmas),
        noise=NumberedNoise(_SHAPE),
        callback=lambda report: None,
        options=_USUAL,
    )
    assert torch.allclose(run("DPM++ 2M", sigmas)[0], other, rtol=1e-9)


@pytest.mark.parametrize("name", SAMPLERS)
def test_from_pure_noise_to_pictures(name: str) -> None:
    """Every sampler, 24 steps from sigma 1: nearly all numbers end near one of the two means."""
    result, reports = run(name, shifted(24))
    assert [report.step for report in reports] == list(range(1, 25))
    assert {report.steps for report in reports} == {24}
    distance = torch.minimum((result + 1).abs(), (result - 0.6).abs())
    assert (distance < 4 * 0.2).double().mean() > 0.95


@pytest.mark.parametrize("name", sorted({row.name for row in SAMPLER_NAMES if row.stochastic} - {"LCM", "TCD"}))
def test_fresh_noise_keeps_the_distribution(name: str) -> None:
    """LCM and TCD want distilled models; on the noised path they are tested with such."""
    sigmas = shifted(300)
    shape = (1, 20, 20)
    x = torch.randn((5, *shape), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    result = for_flow(SAMPLERS[name])(
        gaussian_flow_denoiser,
        x,
        sigmas,
        noise=SeededNoise(range(5), shape),
        callback=lambda report: None,
        options=_USUAL,
    )
    assert result.var() == pytest.approx(1.0, abs=0.1)


def test_brownian_noise_is_asked_for_in_the_flow_models_sigmas() -> None:
    asked: list[float] = []

    class Watched(NumberedNoise):
        def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
            asked.extend((sigma, sigma_next))
            return self()

    sigmas = shifted(8)
    for_flow(SAMPLERS["DPM++ 2M SDE"])(
        mixture_flow_denoiser,
        torch.randn(_SHAPE, dtype=torch.float64),
        sigmas,
        noise=Watched(_SHAPE),
        callback=lambda report: None,
        options=_USUAL,
    )
    assert asked == pytest.approx(
        [float(sigma) for pair in zip(sigmas[1:-2], sigmas[2:-1], strict=True) for sigma in pair]
    )


def test_churn_is_left_out() -> None:
    assert torch.equal(run("Heun", shifted(9), SamplerOptions(s_churn=10.0))[0], run("Heun", shifted(9))[0])


def test_the_negative_is_seen_through_the_wrapping() -> None:
    class Guided:
        last_negative: torch.Tensor | None = None

        def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            self.last_negative = torch.zeros_like(x)
            return mixture_flow_denoiser(x, sigma)

    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(7)) * 0.5
    sigmas = torch.tensor([0.5, 0.25], dtype=torch.float64)
    result = for_flow(SAMPLERS["Euler CFG++"])(
        Guided(), x, sigmas, noise=NumberedNoise(_SHAPE), callback=lambda report: None, options=_USUAL
    )
    # 0.75 of the picture, and the noise of the negative's picture, x / 0.5, times 0.25.
    assert torch.allclose(result, 0.75 * mixture_flow_denoiser(x, sigmas[:1]) + 0.5 * x, rtol=1e-12)


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M", "Euler a"])
def test_steps_are_seen_as_the_flow_model_has_them(name: str) -> None:
    seen: list[tuple[torch.Tensor, float]] = []

    def after_step(x: torch.Tensor, sigma: float) -> torch.Tensor:
        seen.append((x, sigma))
        return x

    sigmas = shifted(6)
    result, _ = run(name, sigmas, SamplerOptions(after_step=after_step))
    assert [sigma for _, sigma in seen] == pytest.approx(sigmas.tolist()[1:])
    assert torch.allclose(seen[-1][0], result) and torch.allclose(result, run(name, sigmas)[0])
    # x = (1 - sigma) picture + sigma noise: its size stays near one on the whole way.
    assert all(0.3 < float(x.std()) < 1.5 for x, _ in seen)
