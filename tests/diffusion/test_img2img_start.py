"""The start of a run on a picture: how many steps, from which sigma, and from what."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.img2img_start import Img2ImgSteps, img2img_steps, noised, tail
from modules.diffusion.names import BUILT_IN_NAMES, CUSTOM, SCHEDULE_NAMES, TIME_UNIFORM, TIMESTEPS, UNLISTED_SCHEDULES
from modules.diffusion.noise_levels import FlowLevels, NoiseLevels
from modules.diffusion.samplers import SAMPLERS, SamplerOptions, for_flow
from modules.diffusion.schedules import sigmas_for
from tests.diffusion.mixture import NumberedNoise

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
ALL_SCHEDULES = [*SCHEDULE_NAMES[1:], *(row.name for row in UNLISTED_SCHEDULES if row.name != CUSTOM)]
_SHAPE = (1, 4, 4, 4)

STRENGTHS = st.floats(0.001, 1.0)
STEPS = st.integers(1, 150)


def tail_of(schedule: str, steps: int, strength: float, *, exact: bool = False) -> torch.Tensor:
    plan = img2img_steps(steps, strength, exact=exact)
    return tail(sigmas_for(schedule, plan.schedule, SD1), plan, schedule=schedule, levels=SD1)


@pytest.mark.parametrize(
    ("steps", "strength", "exact", "schedule", "kept"),
    [
        (20, 0.75, False, 20, 16),
        (20, 0.5, False, 20, 11),
        (20, 1.0, False, 20, 20),
        (20, 0.01, False, 20, 1),
        (1, 1.0, False, 1, 1),
        (20, 0.75, True, 26, 20),
        (20, 1.0, True, 20, 20),
        (10, 0.3, True, 33, 10),
        (20, 0.0, False, 20, 0),
        (20, 0.0, True, 20, 0),
    ],
)
def test_steps_are_a1111_s(steps: int, strength: float, exact: bool, schedule: int, kept: int) -> None:
    assert img2img_steps(steps, strength, exact=exact) == Img2ImgSteps(schedule, kept)


@given(steps=STEPS, strength=STRENGTHS, exact=st.booleans(), schedule=st.sampled_from(ALL_SCHEDULES))
def test_there_is_a_step_at_any_strength(steps: int, strength: float, exact: bool, schedule: str) -> None:
    sigmas = tail_of(schedule, steps, max(strength, 0.01), exact=exact)
    assert len(sigmas) >= 2
    assert (sigmas[1:] < sigmas[:-1]).all()


@given(steps=STEPS, schedule=st.sampled_from(ALL_SCHEDULES), exact=st.booleans())
def test_at_strength_0_there_is_none(steps: int, schedule: str, exact: bool) -> None:
    assert len(tail_of(schedule, steps, 0.0, exact=exact)) == 1


@given(steps=STEPS, strengths=st.tuples(STRENGTHS, STRENGTHS), schedule=st.sampled_from(ALL_SCHEDULES))
def test_a_stronger_run_starts_no_lower(steps: int, strengths: tuple[float, float], schedule: str) -> None:
    weaker, stronger = (tail_of(schedule, steps, strength) for strength in sorted(strengths))
    assert weaker[0] <= stronger[0]
    assert len(weaker) <= len(stronger)


@given(steps=STEPS, strength=st.floats(0.02, 1.0), schedule=st.sampled_from(ALL_SCHEDULES))
def test_exact_runs_the_steps_asked_for(steps: int, strength: float, schedule: str) -> None:
    plan = img2img_steps(steps, strength, exact=True)
    sigmas = sigmas_for(schedule, plan.schedule, SD1)
    kept = tail(sigmas, plan, schedule=schedule, levels=SD1)
    if len(sigmas) == plan.schedule + 1 and schedule not in (TIMESTEPS, TIME_UNIFORM):
        assert len(kept) == steps + 1
        assert torch.equal(kept, sigmas[-steps - 1 :])


def test_most_schedules_have_one_sigma_more_than_steps() -> None:
    """So that the law above says something."""
    exact = {name for name in ALL_SCHEDULES if len(sigmas_for(name, 26, SD1)) == 27}
    assert exact >= {*SCHEDULE_NAMES[1:]} - {"DDIM"}


def test_a_shortened_schedule_is_cut_at_the_same_share() -> None:
    """Simple has no more levels than were trained: of 15,000 asked for, 1,000 come."""
    plan = img2img_steps(150, 0.01, exact=True)
    sigmas = sigmas_for("Simple", plan.schedule, SD1)
    assert len(sigmas) == 1001
    assert len(tail(sigmas, plan, schedule="Simple", levels=SD1)) == 11


@pytest.mark.parametrize(("length", "steps"), [(41, 22), (21, 11), (3, 2), (2, 1)])
def test_a_person_s_own_sigmas_are_cut_at_the_same_share(length: int, steps: int) -> None:
    sigmas = torch.linspace(14, 0, length, dtype=torch.float64)
    kept = tail(sigmas, img2img_steps(20, 0.5), schedule=CUSTOM, levels=SD1)
    assert torch.equal(kept, sigmas[-steps - 1 :])


@pytest.mark.parametrize(("strength", "points"), [(0.75, 15), (0.5, 10), (0.1, 2), (0.01, 2)])
def test_ddim_keeps_the_lowest_timesteps(strength: float, points: int) -> None:
    sigmas = tail_of(TIMESTEPS, 20, strength)
    expected = SD1.sigmas[[min(place * 50 + 1, 999) for place in range(points)]].flip(0)
    assert torch.equal(sigmas, expected)


@pytest.mark.parametrize(("strength", "steps", "start"), [(0.75, 15, 701), (0.5, 10, 451), (0.01, 1, 1)])
def test_unipc_goes_evenly_from_the_timestep_ddim_starts_at(strength: float, steps: int, start: int) -> None:
    sigmas = tail_of(TIME_UNIFORM, 20, strength)
    times = SD1.timestep_of(sigmas)
    assert torch.allclose(times, torch.linspace(start, 0, steps + 1, dtype=torch.float64))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("exact", [False, True])
def test_where_the_denoiser_knows_the_picture_every_sampler_gives_it_back(name: str, exact: bool) -> None:
    picture, noise = (torch.randn(_SHAPE, dtype=torch.float64, generator=_seeded(seed)) for seed in (3, 4))
    schedule = BUILT_IN_NAMES.find_sampler(name).automatic
    sigmas = tail_of(schedule, 20, 0.6, exact=exact)
    recipe = SAMPLERS[name]
    x = recipe.run(
        lambda x, sigma: picture,
        noised(picture, noise, float(sigmas[0])),
        sigmas,
        noise=NumberedNoise(_SHAPE),
        callback=lambda report: None,
        options=SamplerOptions(),
    )
    last = float(sigmas[-1])
    latents = recipe.finished_latents(x, last)
    left = latents * (math.sqrt(1 + last**2) if recipe.variance_preserving else 1) - picture
    # What the schedule leaves of the noise is there to the last digit; DPM fast and adaptive stop above 0.
    if name in ("DPM fast", "DPM adaptive"):
        assert left.abs().max() < 6 * SD1.sigma_min
    elif not last:
        assert left.abs().max() < 1e-12
    else:
        assert torch.allclose(left, noise * last, atol=1e-10)
        assert (latents - picture).abs().max() < 4.5 * last


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M", "Heun", "UniPC"])
def test_flow_models_give_a_known_picture_back(name: str) -> None:
    picture, noise = (torch.randn(_SHAPE, dtype=torch.float64, generator=_seeded(seed)) for seed in (3, 4))
    levels = FlowLevels(3.0)
    plan = img2img_steps(20, 0.6)
    sigmas = tail(sigmas_for("Normal", plan.schedule, levels), plan, schedule="Normal", levels=levels)
    x = for_flow(SAMPLERS[name])(
        lambda x, sigma: picture,
        noised(picture, noise, float(sigmas[0]), flow=True),
        sigmas,
        noise=NumberedNoise(_SHAPE),
        callback=lambda report: None,
        options=SamplerOptions(),
    )
    assert (x - picture).abs().max() < 1e-9


@given(sigma=st.floats(0.03, 14), multiplier=st.floats(0, 1.5), extra=st.floats(0, 1))
def test_the_variance_preserving_form_is_the_same_start(sigma: float, multiplier: float, extra: float) -> None:
    """sqrt(a) (picture + extra noise) + sqrt(1 - a) noise, as timestep samplers write it."""
    picture, noise = (torch.randn(_SHAPE, dtype=torch.float64, generator=_seeded(seed)) for seed in (3, 4))
    alpha = 1 / (1 + sigma**2)
    preserving = math.sqrt(alpha) * picture + math.sqrt(1 - alpha) * multiplier * noise
    preserving = preserving + math.sqrt(alpha) * extra * multiplier * noise
    start = noised(picture, noise, sigma, multiplier=multiplier, extra=extra)
    assert torch.allclose(start / math.sqrt(1 + sigma**2), preserving, atol=1e-12)


def test_a_flow_model_at_sigma_1_starts_from_noise_alone() -> None:
    picture, noise = (torch.randn(_SHAPE, dtype=torch.float64, generator=_seeded(seed)) for seed in (3, 4))
    assert torch.equal(noised(picture, noise, 1.0, flow=True, extra=0.5), noise)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_strength_makes_a_schedule_that_no_memory_holds() -> None:
    assert img2img_steps(150, 1e-300, exact=True) == Img2ImgSteps(150_000, 150)
