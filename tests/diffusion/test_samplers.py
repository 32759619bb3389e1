"""Samplers agree with the established implementations and obey their mathematics."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
import torch

from modules.diffusion.names import SAMPLER_NAMES, SCHEDULE_NAMES, find_sampler, find_schedule
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.samplers import SAMPLERS, SamplerOptions, StepReport, finished_latents
from modules.diffusion.schedules import SCHEDULES, sigmas_for
from modules.errors import InvalidRequest
from tests.diffusion.mixture import mixture_denoiser

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
_SHAPE = (1, 4, 4, 4)


def known_vectors() -> list[dict[str, object]]:
    rows = [row for path in sorted(VECTORS.glob("samplers*.json")) for row in json.loads(path.read_bytes())]
    return [row for row in rows if row["sampler"] in SAMPLERS and row["scheduler"] in SCHEDULES]


def run(
    name: str,
    sigmas: torch.Tensor,
    *,
    seed: int = 7,
    options: SamplerOptions = SamplerOptions(),  # noqa: B008
) -> tuple[torch.Tensor, list[StepReport], int]:
    """Result, reports and denoiser calls of a sampler on the mixture."""
    numbers = itertools.count(1000)
    calls = 0
    reports: list[StepReport] = []

    def noise() -> torch.Tensor:
        return torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(next(numbers)))

    def denoiser(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return mixture_denoiser(x, sigma)

    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * sigmas[0]
    result = SAMPLERS[name].run(denoiser, x, sigmas, noise=noise, callback=reports.append, options=options)
    return result, reports, calls


def test_vectors_are_there() -> None:
    assert {row["sampler"] for row in known_vectors()} >= {"Euler", "Euler a", "DPM++ 2M"}


@pytest.mark.parametrize("vector", known_vectors(), ids=lambda row: f"{row['sampler']}-{row['scheduler']}")
def test_vector(vector: dict[str, object]) -> None:
    name = str(vector["sampler"])
    sigmas = torch.tensor(vector["sigmas"], dtype=torch.float64)
    result, _, calls = run(name, sigmas)
    expected = torch.tensor(vector["result"], dtype=torch.float64)
    assert (result.flatten() - expected).abs().max() < 1e-8
    assert calls == vector["denoiser_calls"]


@pytest.mark.parametrize("vector", known_vectors(), ids=lambda row: f"{row['sampler']}-{row['scheduler']}")
def test_schedule_of_vector(vector: dict[str, object]) -> None:
    made = sigmas_for(str(vector["scheduler"]), len(vector["sigmas"]) - 1, SD1)  # type: ignore[arg-type]
    assert torch.allclose(made, torch.tensor(vector["sigmas"], dtype=torch.float64), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("name", "order"), [("Euler", 1), ("DDIM", 1), ("DPM++ 2M", 2)])
def test_order_of_convergence(name: str, order: int) -> None:
    """Halving the steps multiplies the error by about 2^order."""

    def result(steps: int) -> torch.Tensor:
        ramp = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        return run(name, 5.0 * (0.05 / 5.0) ** ramp)[0]

    exact = result(4096)
    coarse, fine = ((result(steps) - exact).abs().mean() for steps in (128, 256))
    assert 2 ** (order - 0.35) < coarse / fine < 2 ** (order + 0.6)


def test_ddim_without_fresh_noise_is_euler() -> None:
    sigmas = sigmas_for("DDIM", 20, SD1)
    assert torch.allclose(run("DDIM", sigmas)[0], run("Euler", sigmas)[0], rtol=1e-12)


def test_euler_a_without_fresh_noise_is_euler() -> None:
    sigmas = sigmas_for("Karras", 20, SD1)
    still = run("Euler a", sigmas, options=SamplerOptions(eta=0.0))[0]
    assert torch.allclose(still, run("Euler", sigmas)[0], rtol=1e-12)


@pytest.mark.parametrize("name", ["Euler a", "DDIM"])
def test_fresh_noise_keeps_the_distribution(name: str) -> None:
    """From a Gaussian with a linear denoiser, 2,000 samples must end with the data's variance."""
    sigmas = sigmas_for("Karras", 400, SD1)
    generator = torch.Generator().manual_seed(1)
    shape = (2000, 1, 2, 2)

    def denoiser(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return x / (1 + sigma.reshape(-1, 1, 1, 1) ** 2)  # data: N(0, 1)

    x = torch.randn(shape, dtype=torch.float64, generator=generator) * (1 + sigmas[0] ** 2).sqrt()
    result = SAMPLERS[name].run(
        denoiser,
        x,
        sigmas,
        noise=lambda: torch.randn(shape, dtype=torch.float64, generator=generator),
        callback=lambda report: None,
        options=SamplerOptions(eta=1.0),
    )
    assert result.var() == pytest.approx(1.0, abs=0.08)
    assert result.mean() == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_step_is_reported_once(name: str) -> None:
    sigmas = sigmas_for("Normal", 7, SD1)
    _, reports, _ = run(name, sigmas)
    assert [(report.step, report.steps) for report in reports] == [(step, 7) for step in range(1, 8)]


def test_ddim_schedule_visits_the_published_timesteps() -> None:
    sigmas = sigmas_for("DDIM", 20, SD1)
    assert SD1.timestep_of(sigmas[:-1]).round().tolist() == list(range(951, 0, -50))
    assert sigmas[-1] == SD1.sigma_min
    assert float(finished_latents(torch.ones(1), float(sigmas[-1]))) == pytest.approx(0.99957, abs=1e-5)


def test_levels_go_both_ways() -> None:
    timesteps = torch.linspace(0, 999, 4321, dtype=torch.float64)
    assert torch.allclose(SD1.timestep_of(SD1.sigma_of(timesteps)), timesteps, atol=1e-9)
    assert SD1.sigma_min == pytest.approx(0.0292, abs=1e-4)
    assert SD1.sigma_max == pytest.approx(14.6146, abs=1e-3)
    assert SD1.timestep_of(torch.tensor([1e-9, 1e9])).tolist() == [0, 999]


def test_names_and_functions_agree() -> None:
    assert {row.name for row in SAMPLER_NAMES} == SAMPLERS.keys()
    assert {schedule for row in SAMPLER_NAMES for schedule in row.schedules} == SCHEDULES.keys()
    assert set(SCHEDULE_NAMES) - {"Automatic"} <= SCHEDULES.keys()


def test_names_are_found_by_alias_and_in_any_case() -> None:
    assert find_sampler("k_euler_a").name == find_sampler("euler A").name == "Euler a"
    assert find_schedule("Automatic", find_sampler("DPM++ 2M")) == "Karras"
    assert find_schedule("karras", find_sampler("Euler")) == "Karras"
    assert find_schedule("Karras", find_sampler("DDIM")) == "DDIM"


def test_unknown_names_answer_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match=r"Sampler 'Eulr' is not known\. Nearest: Euler"):
        find_sampler("Eulr")
    with pytest.raises(InvalidRequest, match=r"Schedule type 'Karas' is not known\. Nearest: Karras"):
        find_schedule("Karas", find_sampler("Euler"))
