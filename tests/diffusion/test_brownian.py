"""Brownian noise is one path per image: right in law, the same for any batch and steps, and that of torchsde."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.diffusion.brownian import BrownianNoise, BrownianPath, SamplerNoise
from modules.diffusion.samplers import SAMPLERS, SamplerOptions
from tests.diffusion.mixture import gaussian_denoiser, mixture_denoiser

_RANGE = (0.0291675, 14.614647)
_CPU = torch.device("cpu")
_SIGMAS = torch.cat([torch.logspace(1.16, -1.5, 12, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])


def draw(seed: int) -> torch.Tensor:
    return torch.randn(4, 4, generator=torch.Generator().manual_seed(seed))


def path(seed: int) -> BrownianPath:
    return BrownianPath(draw, seed, *_RANGE)


# torchsde.BrownianTree(0.0291675, torch.zeros(4, 4), 14.614647, entropy=seed)(low, high), version 0.2.6, first row.
@pytest.mark.parametrize(
    ("seed", "low", "high", "expected"),
    [
        (0, 0.0291675, 14.614647, [1.027519, -5.793818, -0.360076, 0.26795]),
        (0, 9.10294, 14.614647, [-0.169171, 2.804974, 0.247615, -2.734837]),
        (0, 0.5, 2.0, [1.247878, 0.460296, -0.745357, 0.440307]),
        (0, 0.08188, 0.201388, [0.283983, -0.184957, 0.559812, 0.422667]),
        (12345, 0.0291675, 14.614647, [1.835865, -2.056317, -1.746325, 1.743158]),
        (12345, 9.10294, 14.614647, [0.47183, 1.716523, 1.147256, 0.188948]),
        (12345, 0.5, 2.0, [0.327442, -2.065354, -1.641455, 0.242914]),
        (12345, 0.08188, 0.201388, [-0.46005, -0.166235, -0.341541, -0.410739]),
        (4294967301, 0.0291675, 14.614647, [-2.290316, -2.898724, -1.235096, -2.700279]),
        (4294967301, 9.10294, 14.614647, [1.427264, -3.649797, 2.387774, -1.892763]),
        (4294967301, 0.5, 2.0, [-1.667917, -0.251962, -0.253315, -1.255619]),
        (4294967301, 0.08188, 0.201388, [-0.549961, -0.327765, 0.326012, -0.110513]),
        (9223372036854775807, 0.0291675, 14.614647, [-2.210412, 0.153598, 0.999709, -0.628143]),
        (9223372036854775807, 9.10294, 14.614647, [-1.225828, -3.301172, 3.369793, -1.289629]),
        (9223372036854775807, 0.5, 2.0, [-1.08095, 1.928547, -2.147259, -1.705081]),
        (9223372036854775807, 0.08188, 0.201388, [-0.311101, -0.473438, 0.259706, 0.516084]),
    ],
)
def test_the_path_is_that_of_torchsde(seed: int, low: float, high: float, expected: list[float]) -> None:
    assert path(seed).increment(low, high)[0].tolist() == pytest.approx(expected, abs=1e-5 * (high - low) ** 0.5)


@settings(max_examples=20)
@given(st.lists(st.floats(*_RANGE), min_size=2, max_size=6), st.integers(0, 2**63 - 1))
def test_increments_add_up_in_any_order(sigmas: list[float], seed: int) -> None:
    sigmas = sorted(sigmas)
    pairs = list(itertools.pairwise(sigmas))
    forwards, backwards = path(seed), path(seed)
    parts = [forwards.increment(*pair) for pair in pairs]
    again = [backwards.increment(*pair) for pair in reversed(pairs)]
    for one, other in zip(parts, reversed(again), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert torch.allclose(sum(parts, torch.zeros(4, 4)), path(seed).increment(sigmas[0], sigmas[-1]), atol=1e-4)


def test_increments_have_the_variance_of_their_width_and_are_independent() -> None:
    """Over 20,000 numbers: a variance is known to 1 %, a correlation to 0.007."""
    whole = BrownianPath(lambda seed: torch.randn(20_000, generator=torch.Generator().manual_seed(seed)), 1, *_RANGE)
    edges = [0.0291675, 0.03, 0.2, 1.0, 3.3, 8.0, 14.614647]
    parts = [whole.increment(low, high) / (high - low) ** 0.5 for low, high in itertools.pairwise(edges)]
    for part in parts:
        assert part.var() == pytest.approx(1.0, abs=0.04)
    correlations = torch.corrcoef(torch.stack(parts)) - torch.eye(len(parts))
    assert correlations.abs().max() < 0.03


def test_a_path_remembers_little_and_forgets_nothing() -> None:
    numbers = random.Random(1)
    long = path(3)
    asked = [tuple(sorted((numbers.uniform(*_RANGE), numbers.uniform(*_RANGE)))) for _ in range(60)]
    for low, high in asked:
        assert torch.equal(long.increment(low, high), path(3).increment(low, high))


def test_outside_of_the_range_the_path_stands_still() -> None:
    assert torch.equal(path(1).increment(14.0, 99.0), path(1).increment(14.0, _RANGE[1]))
    assert not path(1).increment(0.0, 0.0291675).any()


@pytest.mark.parametrize("limits", [(-1.0, 1.0), (1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0)])
def test_a_range_that_is_none_is_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="A path needs"):
        BrownianPath(draw, 1, *limits)


def test_unit_noise_has_the_sign_of_the_direction() -> None:
    noise = BrownianNoise([1, 2], (1, 3, 3), _RANGE, kind="NV", device=_CPU)
    down = noise.between(5.0, 2.0)
    assert down.shape == (2, 1, 3, 3) and down.dtype == torch.float32
    assert torch.allclose(down, -noise.between(2.0, 5.0))
    with pytest.raises(ValueError, match="no noise"):
        noise.between(2.0, 2.0)


@pytest.mark.parametrize("kind", ["NV", "CPU"])
@pytest.mark.parametrize("name", ["DPM++ SDE", "DPM++ 2M SDE", "DPM++ 3M SDE"])
def test_a_batch_is_its_single_images(name: str, kind: str) -> None:
    shape = (2, 4, 4)
    starts = {seed: torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 14.45 for seed in (4, 5, 6, 7)}

    def paint(seeds: list[int]) -> torch.Tensor:
        noise = SamplerNoise(
            lambda: torch.zeros(len(seeds), *shape),
            lambda: BrownianNoise(seeds, shape, (0.0316, 14.45), kind=kind, device=_CPU),
        )
        return SAMPLERS[name].run(
            mixture_denoiser,
            torch.stack([starts[seed] for seed in seeds]),
            _SIGMAS,
            noise=noise,
            callback=lambda report: None,
            options=SamplerOptions(),
        )

    together = paint([4, 5, 6, 7])
    assert torch.allclose(together, torch.cat([paint([seed]) for seed in (4, 5, 6, 7)]), atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=0.1)


@pytest.mark.parametrize("name", ["DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"])
def test_samples_keep_the_distribution(name: str) -> None:
    """2,500 numbers of one image, whose increments come from one path."""
    sigmas = torch.cat([torch.logspace(1.16, -1.5, 200, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    shape = (1, 50, 50)
    noise = SamplerNoise(
        lambda: torch.zeros(1, *shape),
        lambda: BrownianNoise([8], shape, (float(sigmas[-2]), float(sigmas[0])), kind="CPU", device=_CPU),
    )
    x = torch.randn((1, *shape), generator=torch.Generator().manual_seed(2)) * (1 + float(sigmas[0]) ** 2) ** 0.5
    result = SAMPLERS[name].run(
        gaussian_denoiser, x, sigmas, noise=noise, callback=lambda report: None, options=SamplerOptions()
    )
    assert result.var() == pytest.approx(1.0, abs=0.1)


def test_more_steps_follow_the_same_path() -> None:
    """What makes a Brownian path worth its cost: with more steps a picture is refined, not replaced."""
    seeds, shape = [8], (1, 20, 20)

    def paint(steps: int) -> torch.Tensor:
        sigmas = torch.cat([torch.logspace(1.16, -1.5, steps, dtype=torch.float64), torch.zeros(1)])
        noise = SamplerNoise(
            lambda: torch.zeros(1, *shape),
            lambda: BrownianNoise(seeds, shape, (float(sigmas[-2]), float(sigmas[0])), kind="CPU", device=_CPU),
        )
        x = torch.randn((1, *shape), generator=torch.Generator().manual_seed(2)) * sigmas[0]
        return SAMPLERS["DPM++ 2M SDE"].run(
            gaussian_denoiser, x, sigmas, noise=noise, callback=lambda report: None, options=SamplerOptions()
        )

    few, many, most = (paint(steps).flatten() for steps in (30, 60, 120))
    assert torch.corrcoef(torch.stack([few, most]))[0, 1] > 0.9
    assert (many - most).norm() < (few - most).norm()


def test_brownian_noise_is_made_only_when_asked_for() -> None:
    made = []

    def make() -> BrownianNoise:
        made.append(1)
        return BrownianNoise([1], (1, 2, 2), _RANGE, kind="NV", device=_CPU)

    noise = SamplerNoise(lambda: torch.ones(1, 1, 2, 2), make)
    assert noise().sum() == 4 and not made
    noise.between(3.0, 2.0)
    noise.between(2.0, 1.0)
    assert made == [1]
