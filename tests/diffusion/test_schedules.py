"""Schedules agree with the established implementations and with the formulas that they are named after."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from diffusers.schedulers import AysSchedules
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.diffusion.beta_distribution import beta_quantiles
from modules.diffusion.noise_levels import FlowLevels, Levels, NoiseLevels
from modules.diffusion.schedule_options import ScheduleOptions
from modules.diffusion.schedules import SCHEDULES, SchedulePlan, align_your_steps, sigmas_for
from modules.errors import InvalidRequest
from modules.schema.requests import Txt2ImgRequest

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
LEVELS: tuple[Levels, ...] = (SD1, SD1.with_zero_terminal_snr(), FlowLevels(), FlowLevels(3.0))

ENDING_ABOVE_ZERO = {"KL Optimal", "Timesteps", "Time uniform"}
OF_ANY_LENGTH = {"DDIM", "Timesteps", "Time uniform"}
OVER_A_RANGE = ("Karras", "Exponential", "Polyexponential", "SGM Uniform", "KL Optimal", "Normal", "Beta")
NAMES = sorted(SCHEDULES.keys() - {"Custom"})


def known_schedules() -> list[tuple[str, tuple[float, ...]]]:
    """Every list of sigmas in the vectors, once."""
    rows = [row for path in sorted(VECTORS.glob("samplers*.json")) for row in json.loads(path.read_bytes())]
    return sorted({(row["scheduler"], tuple(row["sigmas"])) for row in rows if row["scheduler"] in SCHEDULES})


def close(
    made: torch.Tensor, expected: torch.Tensor | list[float] | tuple[float, ...], tolerance: float = 1e-9
) -> bool:
    """Equal to a relative tolerance, and as many."""
    wanted = torch.as_tensor(expected, dtype=torch.float64)
    return made.shape == wanted.shape and torch.allclose(made, wanted, rtol=tolerance, atol=1e-12)


def evenly(values: torch.Tensor) -> bool:
    gaps = values.diff()
    return bool((gaps - gaps.mean()).abs().max() < 1e-9 * gaps.mean().abs())


# Agreement with others


def test_vectors_are_there() -> None:
    assert {name for name, _ in known_schedules()} >= {"Normal", "Karras"}


@pytest.mark.parametrize(("name", "sigmas"), known_schedules())
def test_vector(name: str, sigmas: tuple[float, ...]) -> None:
    assert close(sigmas_for(name, len(sigmas) - 1, SD1), sigmas)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("n", [2, 5, 20, 33])
@pytest.mark.parametrize(
    ("name", "spacing"),
    [
        ("Uniform", {"timestep_spacing": "linspace", "interpolation_type": "linear"}),
        ("Karras", {"use_karras_sigmas": True}),
        ("Exponential", {"use_exponential_sigmas": True}),
    ],
)
def test_agreement_with_diffusers(name: str, spacing: dict[str, Any], n: int) -> None:
    """To diffusers' float32 alphas, whose distance from 1 at the smallest level has four digits.

    Uniform also differs in the way between two levels: there a line in sigma, here in log sigma.
    """
    scheduler: Any = EulerDiscreteScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **spacing
    )
    scheduler.set_timesteps(n)
    expected = scheduler.sigmas.double()
    made = sigmas_for(name, n, SD1)
    assert torch.allclose(made, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize(("family", "key"), [("SD1", "StableDiffusionSigmas"), ("SDXL", "StableDiffusionXLSigmas")])
def test_align_your_steps_is_the_published_table(family: str, key: str) -> None:
    made = sigmas_for("Align Your Steps", 11, SD1, family=family)
    published: list[float] = AysSchedules[key]  # its end is 0, where the table of the paper has 0.029
    assert close(made, [*published[:-1], 0.029, 0.0])


def test_align_your_steps_is_log_interpolated() -> None:
    table, finer = align_your_steps(11, "SDXL"), align_your_steps(21, "SDXL")
    assert close(finer[:-1:2], table[:-1])
    assert close(finer[1:-1:2], (table[:-2] * table[1:-1]).sqrt())
    assert torch.equal(align_your_steps(20, "SD2"), align_your_steps(20, "SD1"))
    assert not torch.equal(align_your_steps(20, "SDXL"), align_your_steps(20, "SD1"))


def test_linear_quadratic_as_others_have_it() -> None:
    """The figures of diffusers' Mochi pipeline for 5 steps with the threshold 0.025, for a flow model."""
    expected = [1.0, 0.9875, 0.975, 0.8583333333333332, 0.5333333333333332, 0.0]
    assert close(sigmas_for("Linear-Quadratic", 5, FlowLevels()), expected)


# Each by its formula


def test_lcm_visits_every_twentieth_training_step() -> None:
    sigmas = sigmas_for("LCM", 50, SD1)
    assert len(sigmas) == 51
    assert torch.allclose(SD1.timestep_of(sigmas[:-1]), torch.arange(999, 0, -20).double(), atol=1e-6)


def timesteps_of(name: str, n: int) -> torch.Tensor:
    return SD1.timestep_of(sigmas_for(name, n, SD1)[:-1])


def test_uniform_and_normal_visit_even_timesteps() -> None:
    for name in ("Uniform", "Normal"):
        assert torch.allclose(timesteps_of(name, 10), torch.arange(999, -1, -111, dtype=torch.float64))


def test_sgm_uniform_leaves_the_smallest_out() -> None:
    assert torch.allclose(timesteps_of("SGM Uniform", 9), torch.arange(999, 0, -111, dtype=torch.float64))


def test_simple_takes_trained_levels_from_the_top() -> None:
    assert timesteps_of("Simple", 4).round().tolist() == [999, 749, 499, 249]
    assert timesteps_of("Simple", 3).round().tolist() == [999, 666, 333]
    assert timesteps_of("Simple", 38)[19].round() == 500  # the stride is rounded: 19 of them are 499.99...


def test_ddim_takes_every_so_manieth_level_from_the_second() -> None:
    assert timesteps_of("DDIM", 20).round().tolist() == list(range(951, 0, -50))
    assert len(sigmas_for("DDIM", 30, SD1)) == 32
    assert sigmas_for("DDIM", 20, SD1)[-1] == 0


def test_timesteps_are_those_of_ddim_with_no_zero() -> None:
    for n in (2, 7, 20, 30):
        assert torch.equal(sigmas_for("Timesteps", n, SD1), sigmas_for("DDIM", n, SD1)[:-1])
    assert sigmas_for("Timesteps", 1, SD1).tolist() == [SD1.sigma_max, SD1.sigma_min]


def test_time_uniform_ends_at_the_smallest_level() -> None:
    sigmas = sigmas_for("Time uniform", 20, SD1)
    assert torch.allclose(SD1.timestep_of(sigmas), torch.linspace(999, 0, 21, dtype=torch.float64))
    assert len(sigmas_for("Time uniform", 30, SD1)) == 32


@pytest.mark.parametrize("levels", LEVELS)
def test_what_is_even_in_each_schedule(levels: Levels) -> None:
    made: dict[str, torch.Tensor] = {name: sigmas_for(name, 12, levels)[:-1] for name in OVER_A_RANGE}
    assert evenly(made["Karras"] ** (1 / 7))
    assert evenly(made["Exponential"].log())
    assert evenly(sigmas_for("KL Optimal", 12, levels).atan())
    assert torch.equal(made["Polyexponential"], made["Exponential"])


def test_rho_bends_the_schedules_that_have_one() -> None:
    bent = ScheduleOptions(rho=3.0)
    assert evenly(sigmas_for("Karras", 12, SD1, bent)[:-1] ** (1 / 3))
    logs = sigmas_for("Polyexponential", 12, SD1, bent)[:-1].log()
    shares = (logs - logs[-1]) / (logs[0] - logs[-1])
    assert evenly(shares ** (1 / 3))
    for name in NAMES:
        if name not in {"Karras", "Polyexponential"}:
            assert torch.equal(sigmas_for(name, 12, SD1, bent), sigmas_for(name, 12, SD1))


def test_beta_puts_sigmas_at_the_quantiles() -> None:
    even = sigmas_for("Beta", 9, SD1, ScheduleOptions(beta_alpha=1, beta_beta=1))
    assert evenly(even[:-1])
    arcsine = sigmas_for("Beta", 5, SD1, ScheduleOptions(beta_alpha=0.5, beta_beta=0.5))
    shares = [math.sin(math.pi / 2 * share) ** 2 for share in (1, 0.75, 0.5, 0.25, 0)]
    assert close(arcsine, [*[SD1.sigma_min + share * (SD1.sigma_max - SD1.sigma_min) for share in shares], 0.0])
    usual = sigmas_for("Beta", 5, SD1)
    assert close((usual[3:4] - SD1.sigma_min) / (SD1.sigma_max - SD1.sigma_min), [0.17568037865269498])


def test_linear_quadratic_meets_with_one_slope() -> None:
    removed = 1 - sigmas_for("Linear-Quadratic", 1000, FlowLevels())
    assert evenly(removed[:501])
    assert float(removed[500]) == pytest.approx(0.025)
    assert float(removed[501] - removed[500]) == pytest.approx(float(removed[500] - removed[499]), rel=0.1)
    assert removed[500:].diff().diff().std() < 1e-12


# The beta distribution


@pytest.mark.parametrize(
    ("alpha", "beta", "values"),
    [  # at 0.1, 0.25, 0.5, 0.9, from scipy 1.17
        (0.6, 0.6, [0.03958440558878085, 0.17568037865269498, 0.5, 0.9604155944112192]),
        (0.4, 1.7, [0.001648673892220753, 0.01641352430665931, 0.09673888076319712, 0.5432318547122008]),
    ],
)
def test_beta_quantiles_of_others(alpha: float, beta: float, values: list[float]) -> None:
    wanted = torch.tensor([0.1, 0.25, 0.5, 0.9], dtype=torch.float64)
    assert torch.allclose(
        beta_quantiles(wanted, alpha, beta), torch.tensor(values, dtype=torch.float64), rtol=0, atol=1e-13
    )


parameters = st.floats(0.01, 10)


@settings(deadline=None, max_examples=40)
@given(parameters, st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_beta_quantiles_with_a_parameter_of_one_are_powers(parameter: float, shares: list[float]) -> None:
    wanted = torch.tensor(shares, dtype=torch.float64)
    assert torch.allclose(beta_quantiles(wanted, parameter, 1), wanted ** (1 / parameter), rtol=0, atol=1e-13)
    assert torch.allclose(beta_quantiles(wanted, 1, parameter), 1 - (1 - wanted) ** (1 / parameter), rtol=0, atol=1e-13)


@settings(deadline=None, max_examples=40)
@given(parameters, parameters)
def test_beta_quantiles_rise_and_mirror(alpha: float, beta: float) -> None:
    wanted = torch.linspace(0, 1, 17, dtype=torch.float64)
    made = beta_quantiles(wanted, alpha, beta)
    assert (made.diff() >= 0).all()
    assert made[[0, -1]].tolist() == pytest.approx([0, 1], abs=1e-15)
    assert torch.allclose(beta_quantiles(1 - wanted, beta, alpha), 1 - made, rtol=0, atol=1e-12)


# Laws of them all


@settings(deadline=None)
@given(st.sampled_from(NAMES), st.integers(1, 150), st.sampled_from(LEVELS), st.booleans(), st.data())
def test_every_schedule_descends(name: str, n: int, levels: Levels, discards: bool, data: st.DataObject) -> None:
    within = st.floats(levels.sigma_min * 0.5, min(levels.sigma_max, 100))
    bounds = sorted(data.draw(st.tuples(within, within).filter(lambda pair: abs(pair[0] - pair[1]) > 0.01 * max(pair))))
    rho = data.draw(st.none() | st.floats(0.1, 100))
    options = ScheduleOptions(sigma_min=bounds[0], sigma_max=bounds[1], rho=rho, discard_next_to_last=discards)
    if name == "Align Your Steps" and isinstance(levels, FlowLevels):
        return
    sigmas = sigmas_for(name, n, levels, options, family=data.draw(st.sampled_from(["SD1", "SDXL", "Flux"])))
    assert sigmas.dtype == torch.float64
    assert sigmas.isfinite().all()
    assert (sigmas.diff() < 0).all()
    assert len(sigmas) >= 2
    assert (sigmas[-1] == 0) == (name not in ENDING_ABOVE_ZERO)
    assert sigmas[-1] >= 0
    assert float(sigmas[0]) <= levels.sigma_limit * (1 + 1e-9)
    if name in OVER_A_RANGE:
        assert float(sigmas[0]) <= bounds[1] * (1 + 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_n_is_the_number_of_steps(name: str) -> None:
    for n in (*range(1, 41), 99, 100, 150):
        steps = len(sigmas_for(name, n, SD1)) - 1
        if name in OF_ANY_LENGTH:
            points = len(range(name == "DDIM", 1000, 1000 // n))
            assert steps == max(points - (name == "Timesteps"), 1)
        else:
            assert steps == n


@pytest.mark.parametrize("name", OVER_A_RANGE)
def test_the_range_can_be_chosen(name: str) -> None:
    narrowed = sigmas_for(name, 12, SD1, ScheduleOptions(sigma_min=0.1, sigma_max=9.0))
    assert float(narrowed[0]) == pytest.approx(9)
    positive = narrowed[narrowed > 0]
    assert float(positive[-1]) == pytest.approx(0.1) or name == "SGM Uniform"
    assert torch.equal(
        sigmas_for(name, 12, SD1, ScheduleOptions(old_karras_range=True)),
        sigmas_for(name, 12, SD1, ScheduleOptions(sigma_min=0.1, sigma_max=10.0)),
    )


@pytest.mark.parametrize("name", ["Uniform", "Align Your Steps", "Simple", "DDIM", "Timesteps", "Time uniform"])
def test_schedules_over_the_models_own_steps_have_its_range(name: str) -> None:
    assert torch.equal(
        sigmas_for(name, 12, SD1, ScheduleOptions(sigma_min=0.1, sigma_max=9.0)), sigmas_for(name, 12, SD1)
    )


@pytest.mark.parametrize("name", NAMES)
def test_discarding_leaves_the_last_but_one_of_one_more_out(name: str) -> None:
    discarded = sigmas_for(name, 12, SD1, ScheduleOptions(discard_next_to_last=True))
    if name in {"Timesteps", "Time uniform"}:
        assert torch.equal(discarded, sigmas_for(name, 12, SD1))
    else:
        more = sigmas_for(name, 13, SD1)
        assert torch.equal(discarded, torch.cat([more[:-2], more[-1:]]))


def test_sigmas_that_fall_together_are_left_out() -> None:
    """A beta distribution with all its mass at both ends asks for the same two sigmas again and again."""
    sigmas = sigmas_for("Beta", 50, SD1, ScheduleOptions(beta_alpha=0.01, beta_beta=0.01))
    assert (sigmas.diff() < 0).all()
    assert len(sigmas) < 51
    assert (float(sigmas[0]), float(sigmas[-2])) == pytest.approx((SD1.sigma_max, SD1.sigma_min))


def test_the_plan_holds_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[SchedulePlan] = []
    made = SCHEDULES["Karras"]

    def watched(plan: SchedulePlan) -> torch.Tensor:
        plans.append(plan)
        return made(plan)

    monkeypatch.setitem(SCHEDULES, "Karras", watched)
    options = ScheduleOptions(sigma_max=5.0)
    sigmas_for("Karras", 8, SD1, options, family="SDXL")
    assert plans == [SchedulePlan(8, SD1.sigma_min, 5.0, SD1, options, "SDXL")]


# A person's own sigmas


def test_a_list_is_the_schedule() -> None:
    sigmas = (14.6, 7.0, 3.5, 1.0, 0.25, 0.0)
    assert sigmas_for("Custom", 20, SD1, ScheduleOptions(custom=sigmas)).tolist() == list(sigmas)
    discarding = ScheduleOptions(custom=sigmas[:-1], discard_next_to_last=True)
    assert sigmas_for("Custom", 20, SD1, discarding).tolist() == list(sigmas[:-1])


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=30, unique_by=lambda sigma: round(sigma, 3)))
def test_every_list_that_a_request_may_have_is_taken_as_it_is(sigmas: list[float]) -> None:
    request = Txt2ImgRequest.of({"sigmas": ", ".join(map(repr, sorted(sigmas, reverse=True)))})
    options = ScheduleOptions(custom=request.sigmas)
    assert sigmas_for("Custom", 1, SD1, options).tolist() == sorted(sigmas, reverse=True)


def test_custom_without_a_list_says_what_to_type() -> None:
    with pytest.raises(InvalidRequest, match=r"^Custom sigmas '' are missing\. Type at least two numbers"):
        sigmas_for("Custom", 20, SD1)


# Options that make no schedule


@pytest.mark.parametrize("name", OVER_A_RANGE)
@pytest.mark.parametrize(
    ("options", "ends"),
    [
        (ScheduleOptions(sigma_min=20.0), "20 to 14.6146"),
        (ScheduleOptions(sigma_max=0.01), "0.0291671\\d* to 0.01"),
        (ScheduleOptions(sigma_min=5.0, sigma_max=5.000001), "5 to 5.000001"),
    ],
)
def test_a_range_without_room_is_refused(name: str, options: ScheduleOptions, ends: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^Schedule sigmas '{ends}\d*' leave no room for steps\. "):
        sigmas_for(name, 20, SD1, options)


@pytest.mark.parametrize("name", sorted({*NAMES} - {*OVER_A_RANGE}))
def test_a_range_that_a_schedule_does_not_use_is_no_reason_to_refuse(name: str) -> None:
    assert torch.equal(sigmas_for(name, 20, SD1, ScheduleOptions(sigma_min=20.0)), sigmas_for(name, 20, SD1))


def test_custom_takes_no_notice_of_the_range() -> None:
    options = ScheduleOptions(sigma_min=20.0, custom=(3.0, 1.0, 0.0))
    assert sigmas_for("Custom", 2, SD1, options).tolist() == [3, 1, 0]


def test_a_schedule_that_falls_together_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sigma alone is no step: samplers would return the noise that they started with."""
    monkeypatch.setitem(SCHEDULES, "KL Optimal", lambda plan: torch.full((plan.n + 1,), 5.0, dtype=torch.float64))
    with pytest.raises(InvalidRequest, match=r"^Schedule sigmas .* leave no room for steps\. "):
        sigmas_for("KL Optimal", 20, SD1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Align Your Steps", ScheduleOptions()),
        ("Karras", ScheduleOptions(sigma_max=2.0)),
        ("Karras", ScheduleOptions(old_karras_range=True)),
        ("Custom", ScheduleOptions(custom=(14.6, 1.0, 0.0))),
    ],
)
def test_a_flow_model_has_no_sigma_above_one(name: str, options: ScheduleOptions) -> None:
    with pytest.raises(InvalidRequest, match=rf"^Schedule type '{name}' starts at sigma .* ends at 1\. Choose another"):
        sigmas_for(name, 20, FlowLevels(3.0), options)


def test_no_steps_are_no_schedule() -> None:
    with pytest.raises(ValueError, match="at least one step, not 0"):
        sigmas_for("Karras", 0, SD1)
