"""A model's noise levels: sigmas and timesteps, zero terminal SNR, and the shifted levels of flow models."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.noise_levels import FlowLevels, Levels, NoiseLevels

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
ZERO = SD1.with_zero_terminal_snr()
ALL: tuple[Levels, ...] = (SD1, ZERO, FlowLevels(), FlowLevels(3.0), FlowLevels(0.5))


def roots(levels: NoiseLevels) -> torch.Tensor:
    """The square root of alphas_cumprod: how much of the picture each level holds."""
    return 1 / (1 + levels.sigmas**2).sqrt()


@pytest.mark.parametrize("levels", ALL)
def test_levels_ascend_in_float64(levels: Levels) -> None:
    assert levels.sigmas.shape == (1000,)
    assert levels.sigmas.dtype == torch.float64
    assert (levels.sigmas.diff() > 0).all()
    assert (levels.sigma_min, levels.sigma_max) == (float(levels.sigmas[0]), float(levels.sigmas[-1]))
    assert levels.sigma_max <= levels.sigma_limit


@given(st.sampled_from(ALL), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_sigmas_and_timesteps_are_inverses(levels: Levels, places: list[float]) -> None:
    least, most = math.log(levels.sigma_min), math.log(levels.sigma_max)
    sigmas = (least + torch.tensor(places, dtype=torch.float64) * (most - least)).exp()
    timesteps = levels.timestep_of(sigmas)
    assert timesteps.dtype == torch.float64
    assert torch.allclose(levels.sigma_of(timesteps), sigmas, rtol=1e-9, atol=0)
    assert torch.equal(levels.timestep_of(sigmas.reshape(-1, 1)), timesteps.reshape(-1, 1))


@pytest.mark.parametrize("levels", ALL)
def test_evenly_spaced_from_end_to_end(levels: Levels) -> None:
    spaced = levels.evenly_spaced(levels.sigma_max, levels.sigma_min, 1000)
    assert torch.allclose(spaced.flip(0), levels.sigmas, rtol=1e-9)
    assert levels.evenly_spaced(levels.sigma_max, levels.sigma_min, 1).tolist() == pytest.approx([levels.sigma_max])


def test_stable_diffusion() -> None:
    assert SD1.sigma_min == pytest.approx(0.029167158, abs=1e-8)
    assert SD1.sigma_max == pytest.approx(14.614641229, abs=1e-8)
    assert SD1.timestep_of(torch.tensor([1e-9, 1e9])).tolist() == [0, 999]
    assert SD1.sigma_of(torch.tensor([-5.0, 2000.0])).tolist() == pytest.approx([SD1.sigma_min, SD1.sigma_max])
    assert SD1.timestep_of(SD1.sigmas).round(decimals=9).tolist() == list(range(1000))
    halfway = SD1.sigma_of(torch.tensor([500.5]))
    assert float(halfway) == pytest.approx(math.sqrt(float(SD1.sigmas[500] * SD1.sigmas[501])))


# Half precision


def test_half_precision_rounds_the_share_of_the_picture() -> None:
    alphas = 1 / (1 + SD1.sigmas**2)
    assert torch.allclose(1 / (1 + SD1.in_half_precision().sigmas ** 2), alphas.half().double(), rtol=1e-12)


@given(st.floats(1e-9, 0.01), st.floats(1e-9, 0.3), st.integers(2, 1000))
def test_half_precision_leaves_every_level_its_own_sigma(start: float, end: float, steps: int) -> None:
    """Rounding alone would bring the first ones to 1, where sigma is 0, the last ones to 0, and many together."""
    levels = NoiseLevels.scaled_linear(start, end, steps).in_half_precision()
    assert levels.sigmas.isfinite().all()
    assert levels.sigma_min > 0
    assert (levels.sigmas.diff() > 0).all()
    assert levels.timestep_of(levels.sigmas).isfinite().all()


# Zero terminal SNR


def test_zero_terminal_snr_stretches_the_share_of_the_picture() -> None:
    before, after = roots(SD1), roots(ZERO)
    assert float(after[0]) == pytest.approx(float(before[0]))
    assert float(after[-1]) == pytest.approx(0, abs=3e-4)
    shares = (before - before[-1]) / (before[0] - before[-1])
    assert torch.allclose(after[:-1], before[0] * shares[:-1], rtol=1e-9)
    assert ZERO.sigma_max == pytest.approx(4518.76, abs=0.01)
    assert SD1.sigma_max == pytest.approx(14.6146, abs=1e-4)


def test_zero_terminal_snr_agrees_with_diffusers() -> None:
    """To diffusers' float32; its last level is another tiny number."""
    scheduler: Any = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", rescale_betas_zero_snr=True
    )
    assert torch.allclose(roots(ZERO)[:-1], scheduler.alphas_cumprod.double().sqrt()[:-1], rtol=0, atol=1e-5)


# Flow


def test_flow_without_a_shift_is_a_line() -> None:
    assert torch.allclose(FlowLevels().sigmas, torch.arange(1, 1001, dtype=torch.float64) / 1000)
    assert FlowLevels().evenly_spaced(1.0, 0.5, 3).tolist() == [1.0, 0.75, 0.5]


@pytest.mark.parametrize("shift", [0.5, 1.0, 1.15, 3.0, 7.3])
def test_flow_levels_agree_with_diffusers(shift: float) -> None:
    scheduler: Any = FlowMatchEulerDiscreteScheduler(shift=shift)
    levels = FlowLevels(shift)
    assert torch.allclose(levels.sigmas.flip(0), scheduler.sigmas.double(), rtol=1e-5)
    assert torch.allclose(levels.timestep_of(levels.sigmas).flip(0), scheduler.timesteps.double(), rtol=1e-5)


@given(st.floats(0.1, 20), st.floats(0.001, 1))
def test_the_shift_multiplies_the_odds_of_noise(shift: float, time: float) -> None:
    sigma = float(FlowLevels(shift).evenly_spaced(1.0, shift * time / (1 + (shift - 1) * time), 2)[-1])
    assert sigma * (1 - time) == pytest.approx(shift * time * (1 - sigma), rel=1e-9, abs=1e-12)


def test_the_network_is_told_a_thousand_times_sigma() -> None:
    assert FlowLevels(3.0).timestep_of(torch.tensor([1.0, 0.25])).tolist() == [1000.0, 250.0]
    assert FlowLevels(3.0, multiplier=1.0).timestep_of(torch.tensor([0.25])).tolist() == [0.25]


@pytest.mark.parametrize("shift", [0.0, -1.0, math.nan, math.inf])
def test_a_shift_is_above_zero(shift: float) -> None:
    with pytest.raises(ValueError, match="shift of a flow model is a number above 0"):
        FlowLevels(shift)


def test_zero_terminal_snr_of_levels_that_have_it_changes_nothing() -> None:
    once = NoiseLevels.scaled_linear(0.00085, 0.012, 1000).with_zero_terminal_snr()
    assert torch.equal(once.with_zero_terminal_snr().sigmas, once.sigmas)
