"""Refining: who is asked at which sigma, and that counting goes on."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.conditioning import BatchConditioning, TextConditioning
from modules.diffusion.denoisers import Denoiser
from modules.diffusion.guidance.guided_denoiser import GuidedDenoiser
from modules.diffusion.guidance.limits import NegativeGuidanceMinimumSigma, SkipEarly, StepInterval
from modules.diffusion.guidance.plan import Guidance
from modules.diffusion.guidance.rules import ClassifierFreeGuidance
from modules.diffusion.noise_levels import FlowLevels, NoiseLevels
from modules.diffusion.refining import RefinedDenoiser, SwitchPoint
from modules.diffusion.samplers import SAMPLERS, SamplerOptions
from modules.diffusion.schedules import sigmas_for
from tests.diffusion.mixture import NumberedNoise
from tests.diffusion.plain_conditioning import plain_conditioning

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
_SHAPE = (1, 4, 2, 2)


class Remembering:
    """A denoiser that remembers what it was asked, and whose negative is its number."""

    def __init__(self, number: float) -> None:
        self.sigmas: list[float] = []
        self.last_negative: torch.Tensor | None = None
        self._number = number

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.sigmas.append(float(sigma[0]))
        self.last_negative = torch.full_like(x, self._number)
        return torch.zeros_like(x)


def asked(
    name: str, sigmas: torch.Tensor, switch: SwitchPoint, steps: int
) -> tuple[list[float], list[float], list[int]]:
    """The sigmas that each model was asked at, and the counts that the second was made with."""
    first, second, made = Remembering(1), Remembering(2), []

    def make(evaluations: int) -> Remembering:
        made.append(evaluations)
        return second

    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * sigmas[0]
    SAMPLERS[name].run(
        RefinedDenoiser(first, make, switch, SD1, steps=steps),
        x,
        sigmas,
        noise=NumberedNoise(_SHAPE),
        callback=lambda report: None,
        options=SamplerOptions(),
    )
    return first.sigmas, second.sigmas, made


def timestep(sigma: float) -> int:
    return int((SD1.sigmas - sigma).abs().argmin())


@given(share=st.floats(0.01, 1.0), schedule=st.sampled_from(["Karras", "Uniform", "SGM Uniform", "Exponential"]))
def test_the_switch_goes_by_the_model_s_timestep(share: float, schedule: str) -> None:
    sigmas = sigmas_for(schedule, 20, SD1)
    first, second, made = asked("Euler", sigmas, SwitchPoint(share), 20)
    assert [*first, *second] == sigmas[:-1].tolist()
    assert all((999 - timestep(sigma)) / 1000 < share for sigma in first)
    assert all((999 - timestep(sigma)) / 1000 >= share for sigma in second)
    assert made == ([len(first)] if second else [])


def test_at_share_1_the_second_model_is_never_made() -> None:
    assert asked("Euler", sigmas_for("Uniform", 20, SD1), SwitchPoint(1.0), 20)[1:] == ([], [])


@pytest.mark.parametrize(("share", "count"), [(0.8, 16), (0.5, 10), (0.01, 1), (1.0, 20), (0.0, 0)])
def test_the_old_way_goes_by_steps(share: float, count: int) -> None:
    first, second, _ = asked("Euler", sigmas_for("Karras", 20, SD1), SwitchPoint(share, by_steps=True), 20)
    assert (len(first), len(second)) == (count, 20 - count)


def test_the_second_model_stays_where_sigma_rises_again() -> None:
    """Restart goes back up; its second-order steps count twice."""
    first, second, made = asked("Restart", sigmas_for("Karras", 40, SD1), SwitchPoint(0.95), 80)
    assert made == [len(first)]
    assert max(second) > 2 * min(first)


def test_the_negative_is_that_of_who_was_asked() -> None:
    first, second = Remembering(1), Remembering(2)
    denoiser = RefinedDenoiser(first, lambda evaluations: second, SwitchPoint(0.5), SD1, steps=2)
    assert denoiser.last_negative is None
    x = torch.zeros(_SHAPE)
    for sigma, number in ((14.0, 1), (0.1, 2)):
        denoiser(x, torch.tensor([sigma]))
        assert denoiser.last_negative is not None
        assert denoiser.last_negative.eq(number).all()
    plain = RefinedDenoiser(lambda x, sigma: x, lambda evaluations: second, SwitchPoint(1.0), SD1, steps=1)
    plain(x, torch.tensor([14.0]))
    assert plain.last_negative is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_refiner_that_is_the_same_model_changes_nothing(share: float) -> None:
    """Prompts, skips and intervals go on where the first model left them."""
    texts = [TextConditioning(torch.randn((1, 4, 3), generator=torch.Generator().manual_seed(n))) for n in range(21)]
    guidance = Guidance(
        ClassifierFreeGuidance(5.0),
        intervals=(StepInterval(0.1, 0.9),),
        skips=(NegativeGuidanceMinimumSigma(3.0), SkipEarly(0.2)),
    )

    def network(x: torch.Tensor, timestep: torch.Tensor, told: TextConditioning) -> torch.Tensor:
        return torch.tanh(x * told.states.mean(dim=(1, 2)).reshape(-1, 1, 1, 1) + 0.1)

    def model(evaluations: int) -> GuidedDenoiser:
        def told(step: int) -> BatchConditioning:
            return plain_conditioning(texts[step], texts[20], 1)

        return GuidedDenoiser(
            network, SD1, "epsilon", conditioning=told, guidance=guidance, steps=20, evaluations_before=evaluations
        )

    def result(denoiser: Denoiser) -> torch.Tensor:
        sigmas = sigmas_for("Karras", 20, SD1)
        x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * sigmas[0]
        return SAMPLERS["Euler"].run(
            denoiser,
            x,
            sigmas,
            noise=NumberedNoise(_SHAPE),
            callback=lambda report: None,
            options=SamplerOptions(),
        )

    refined = RefinedDenoiser(model(0), model, SwitchPoint(share), SD1, steps=20)
    assert torch.equal(result(refined), result(model(0)))


def test_flow_models_have_timesteps_too() -> None:
    levels = FlowLevels()
    assert not SwitchPoint(0.5).reached(0.51, levels, 0, 1)
    assert SwitchPoint(0.5).reached(0.5, levels, 0, 1)
