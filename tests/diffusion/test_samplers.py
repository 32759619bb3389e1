"""Samplers agree with the established implementations and obey their mathematics."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from modules.diffusion.names import BUILT_IN_NAMES, SAMPLER_NAMES
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.samplers import SAMPLERS, Denoiser, SamplerOptions, StepReport
from modules.diffusion.samplers.contract import UniPcVariant
from modules.schema.field_types import MAX_ORDER
from tests.diffusion.mixture import (
    NumberedNoise,
    SeededNoise,
    gaussian_consistency,
    gaussian_denoiser,
    mixture_denoiser,
)

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
_SHAPE = (1, 4, 4, 4)
_STOCHASTIC = [row.name for row in SAMPLER_NAMES if row.stochastic]
_USUAL = SamplerOptions()


def known_vectors() -> list[dict[str, object]]:
    return [row for path in sorted(VECTORS.glob("samplers*.json")) for row in json.loads(path.read_bytes())]


def karras(n: int, low: float = SD1.sigma_min, high: float = SD1.sigma_max) -> torch.Tensor:
    ramp = torch.linspace(0, 1, n, dtype=torch.float64)
    sigmas = (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def evenly_in_log(n: int) -> torch.Tensor:
    return 3.0 * 0.1 ** torch.linspace(0, 1, n + 1, dtype=torch.float64)


def evenly(n: int) -> torch.Tensor:
    return torch.linspace(3, 0.3, n + 1, dtype=torch.float64)


class Calls:
    """A denoiser that counts, and remembers the sigmas it was asked for."""

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser
        self.sigmas: list[float] = []

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        assert sigma.shape == x.shape[:1] and sigma.dtype == torch.float64
        self.sigmas.append(float(sigma[0]))
        return self._denoiser(x, sigma)


def run(
    name: str,
    sigmas: torch.Tensor,
    *,
    seed: int = 7,
    options: SamplerOptions = _USUAL,
) -> tuple[torch.Tensor, list[StepReport], int]:
    """Result, reports and denoiser calls of a sampler on the mixture."""
    reports: list[StepReport] = []
    denoiser = Calls(mixture_denoiser)
    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * sigmas[0]
    result = SAMPLERS[name].run(
        denoiser, x, sigmas, noise=NumberedNoise(_SHAPE), callback=reports.append, options=options
    )
    return result, reports, len(denoiser.sigmas)


def test_vectors_are_there() -> None:
    assert {row["sampler"] for row in known_vectors()} >= {"Euler", "Euler a", "Heun", "DPM++ SDE", "DPM++ 2M"}


@pytest.mark.parametrize("vector", known_vectors(), ids=lambda row: f"{row['sampler']}-{row['scheduler']}")
def test_vector(vector: dict[str, object]) -> None:
    name = BUILT_IN_NAMES.find_sampler(str(vector["sampler"]))
    result, _, calls = run(name.name, torch.tensor(vector["sigmas"], dtype=torch.float64))
    expected = torch.tensor(vector["result"], dtype=torch.float64)
    assert (result.flatten() - expected).abs().max() < (1e-6 if name.stochastic else 1e-8)
    assert calls == vector["denoiser_calls"]


# Where weights assume steps of one width, or a start of lower order hides in an even schedule, the steps are even.
@pytest.mark.parametrize(
    ("name", "order", "schedule"),
    [
        ("Euler", 1, evenly_in_log),
        ("DDIM", 1, evenly_in_log),
        ("Euler CFG++", 1, evenly_in_log),
        ("DDIM CFG++", 1, evenly_in_log),
        ("Gradient Estimation", 1, evenly_in_log),
        ("Heun", 2, evenly_in_log),
        ("Restart", 2, evenly_in_log),
        ("DPM2", 2, evenly_in_log),
        ("DPM++ 2M", 2, evenly_in_log),
        ("DPM++ 2M CFG++", 2, evenly_in_log),
        ("RES multistep", 2, evenly_in_log),
        ("LMS", 3, evenly),
        ("DEIS", 3, evenly),
        ("PLMS", 3, evenly),
        ("IPNDM", 3, evenly),
        # Stochastic samplers without their noise.
        ("Euler a", 1, evenly_in_log),
        ("Euler a CFG++", 1, evenly_in_log),
        ("DPM2 a", 2, evenly_in_log),
        ("DPM++ 2S a", 2, evenly_in_log),
        ("DPM++ 2S a CFG++", 2, evenly_in_log),
        ("DPM++ SDE", 2, evenly_in_log),
        ("DPM++ 2M SDE", 2, evenly_in_log),
        ("DPM++ 2M SDE Heun", 2, evenly_in_log),
        ("DPM++ 3M SDE", 2, evenly_in_log),
        ("RES multistep a", 2, evenly_in_log),
        ("SA-Solver", 2, evenly_in_log),
        ("UniPC", 2, evenly_in_log),
    ],
)
def test_order_of_convergence(
    name: str, order: int, schedule: Callable[[int], torch.Tensor], exact: torch.Tensor
) -> None:
    """Halving the steps multiplies the error by about 2^order; the order is that of the weakest step of the run.

    DPM++ 3M SDE starts with a step of first order, whose own error is of second order; UniPC ends with one.
    """
    still = SamplerOptions(eta=0.0, s_noise=0.0)
    if name == "Restart":
        # Its restarts come from 20 steps on; below that it is Heun and needs no schedule of its own.
        coarse, fine = ((run(name, schedule(steps))[0] - exact).abs().mean() for steps in (9, 18))
        assert torch.equal(run(name, schedule(18))[0], run("Heun", schedule(18))[0])
    else:
        coarse, fine = ((run(name, schedule(steps), options=still)[0] - exact).abs().mean() for steps in (160, 320))
    assert order - 0.35 < math.log2(coarse / fine) < order + 0.8


@pytest.fixture(scope="module")
def exact() -> torch.Tensor:
    """The probability flow from 3 to 0.3, followed by classical Runge-Kutta of order 4 in 4,000 steps."""
    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(7)) * 3
    steps = 4000
    width = math.log(0.1) / steps

    def slope(x: torch.Tensor, log_sigma: float) -> torch.Tensor:
        return x - mixture_denoiser(x, torch.tensor([math.exp(log_sigma)], dtype=torch.float64))

    for step in range(steps):
        at = math.log(3) + step * width
        k1 = slope(x, at)
        k2 = slope(x + k1 * (width / 2), at + width / 2)
        k3 = slope(x + k2 * (width / 2), at + width / 2)
        x = x + (k1 + 2 * k2 + 2 * k3 + slope(x + k3 * width, at + width)) * (width / 6)
    return x


def test_dpm_fast_is_of_third_order(exact: torch.Tensor) -> None:
    """With two calls left after the threes; one left over would be a step of first order."""
    coarse, fine = (
        (run("DPM fast", evenly_in_log(calls), options=SamplerOptions(eta=0.0))[0] - exact).abs().mean()
        for calls in (77, 155)
    )
    assert 2.65 < math.log2(coarse / fine) < 3.8


def test_dpm_adaptive_keeps_its_tolerance(exact: torch.Tensor) -> None:
    result, reports, calls = run("DPM adaptive", evenly_in_log(10), options=SamplerOptions(eta=0.0))
    assert (result - exact).abs().max() < 0.02
    assert 6 < calls < 100
    assert [report.step for report in reports] == list(range(1, 11))


def test_dpm_adaptive_comes_to_an_end_when_numbers_overflow() -> None:
    x = torch.full(_SHAPE, 1.0)
    result = SAMPLERS["DPM adaptive"].run(
        lambda x, sigma: x * math.inf,
        x,
        karras(5),
        noise=NumberedNoise(_SHAPE),
        callback=lambda report: None,
        options=_USUAL,
    )
    assert not result.isfinite().any()


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("variant", ["bh1", "bh2", "vary_coeff"])
def test_unipc_has_the_order_asked_for(order: int, variant: UniPcVariant, exact: torch.Tensor) -> None:
    """One more, in fact, by the corrector; the last step, which is of first order, is a short one here."""

    def error(steps: int) -> torch.Tensor:
        sigmas = torch.cat(
            [3.0 * (0.3003 / 3) ** torch.linspace(0, 1, steps, dtype=torch.float64), torch.tensor([0.3])]
        )
        return (
            (run("UniPC", sigmas, options=SamplerOptions(order=order, unipc_variant=variant))[0] - exact).abs().mean()
        )

    assert order + 0.4 < math.log2(error(60) / error(120)) < order + 1.6


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_perfect_denoiser_is_believed(name: str) -> None:
    """Where the picture is the same at every sigma, every sampler ends at it."""
    picture = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    sigmas = karras(8)
    x = picture + torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) * sigmas[0]
    result = SAMPLERS[name].run(
        lambda x, sigma: picture,
        x,
        sigmas,
        noise=NumberedNoise(_SHAPE),
        callback=lambda report: None,
        options=SamplerOptions(),
    )
    # DPM fast and adaptive stop at the last sigma above 0, with that much noise left.
    tolerance = 6 * SD1.sigma_min if name in ("DPM fast", "DPM adaptive") else 1e-12
    assert (result - picture).abs().max() < tolerance


@pytest.mark.parametrize("name", sorted({*_STOCHASTIC} - {"TCD"}))
def test_fresh_noise_keeps_the_distribution(name: str) -> None:
    """From a Gaussian, 2,000 samples end with the data's variance; LCM on a consistency model."""
    sigmas = karras(400)
    shape = (1, 20, 20)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((5, *shape), dtype=torch.float64, generator=generator) * (1 + sigmas[0] ** 2).sqrt()
    result = SAMPLERS[name].run(
        gaussian_consistency if name == "LCM" else gaussian_denoiser,
        x,
        sigmas,
        noise=SeededNoise(range(5), shape),
        callback=lambda report: None,
        options=_USUAL,
    )
    # The deviation of a variance measured on 2,000 samples is sqrt(2 / 2000) = 0.032.
    assert result.var() == pytest.approx(1.0, abs=0.1)
    assert result.mean() == pytest.approx(0.0, abs=0.07)


@pytest.mark.parametrize("gamma", [0.3, 0.8])
def test_fresh_noise_of_tcd_keeps_the_distribution(gamma: float) -> None:
    """On a trajectory consistency model, which is right about the sigma that a step goes down to."""
    timesteps = torch.arange(999, -1, -37)
    sigmas = SD1.sigma_of(timesteps)
    downs = SD1.sigma_of(((1 - gamma) * timesteps[1:].double() + 1e-9).floor())

    def denoiser(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        down = downs[int((sigmas - sigma[0]).abs().argmin())]
        there, share = x * ((1 + down**2) / (1 + sigma[0] ** 2)).sqrt(), down / sigma[0]
        return (there - share * x) / (1 - share)

    x = torch.randn((1, 5, 20, 20), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    result = SAMPLERS["TCD"].run(
        denoiser,
        x * (1 + sigmas[0] ** 2).sqrt(),
        sigmas,
        noise=SeededNoise([2], (5, 20, 20)),
        callback=lambda report: None,
        options=SamplerOptions(eta=gamma),
    )
    assert result.var() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", _STOCHASTIC)
def test_noise_has_an_effect(name: str) -> None:
    sigmas = karras(40)
    assert not torch.allclose(run(name, sigmas)[0], run(name, sigmas, options=SamplerOptions(s_noise=0.0))[0])


@pytest.mark.parametrize("name", [row.name for row in SAMPLER_NAMES if not row.stochastic])
def test_deterministic_samplers_ask_for_no_noise(name: str) -> None:
    def none() -> torch.Tensor:
        raise AssertionError("noise was asked for")

    none.between = none  # type: ignore[attr-defined]
    x = torch.randn(_SHAPE, dtype=torch.float64) * 14
    SAMPLERS[name].run(mixture_denoiser, x, karras(9), noise=none, callback=lambda report: None, options=_USUAL)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 24, 40])
def test_every_step_is_reported_once(name: str, steps: int) -> None:
    _, reports, _ = run(
        name, karras(steps + 1)[[*range(steps), -1]] if steps > 1 else torch.tensor([14.0, 0.0]).double()
    )
    assert [(report.step, report.steps) for report in reports] == [(step, steps) for step in range(1, steps + 1)]
    assert all(report.denoised.shape == _SHAPE for report in reports)


@pytest.mark.parametrize("name", SAMPLERS)
def test_calls_are_as_the_table_of_names_says(name: str) -> None:
    _, _, calls = run(name, karras(12))
    if name == "DPM adaptive":
        assert calls % 3 == 0
    elif name == "PLMS":
        assert calls == 13  # twice in its first step
    else:
        # The step to 0 needs one call in samplers of second order too.
        assert calls == BUILT_IN_NAMES.find_sampler(name).calls_per_step * 12 - (
            1 if BUILT_IN_NAMES.find_sampler(name).second_order else 0
        )


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_batch_is_its_single_images(name: str, dtype: torch.dtype) -> None:
    sigmas = karras(24)
    seeds, shape = [5, 6, 7, 8], _SHAPE[1:]
    start = SeededNoise(seeds, shape, dtype)() * float(sigmas[0])

    def paint(places: slice) -> torch.Tensor:
        return SAMPLERS[name].run(
            mixture_denoiser,
            start[places],
            sigmas,
            noise=SeededNoise(seeds[places], shape, dtype),
            callback=lambda report: None,
            options=_USUAL,
        )

    together = paint(slice(0, 4))
    assert together.dtype == dtype
    singles = torch.cat([paint(slice(place, place + 1)) for place in range(4)])
    assert torch.allclose(together, singles, rtol=0, atol=1e-12 if dtype == torch.float64 else 1e-5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_float32_is_near_float64(name: str) -> None:
    """Sigmas stay in float64; what is lost is the rounding of x, a few parts in 10^7 of its largest values."""
    sigmas = karras(24)
    noise = SeededNoise([1], _SHAPE[1:])()
    results = [
        SAMPLERS[name].run(
            mixture_denoiser,
            (noise * sigmas[0]).to(dtype),
            sigmas,
            noise=SeededNoise([2], _SHAPE[1:], dtype),
            callback=lambda report: None,
            options=SamplerOptions(s_noise=0.0),
        )
        for dtype in (torch.float32, torch.float64)
    ]
    # Where a sample sits between the two modes a rounding may be felt a thousandfold.
    assert (results[0] - results[1]).abs().max() < 2e-3


@pytest.mark.parametrize("name", ["Euler", "Heun", "DPM2"])
def test_churn_adds_noise_between_its_sigmas(name: str) -> None:
    sigmas = karras(10)
    churn = SamplerOptions(s_churn=4.0)
    assert not torch.equal(run(name, sigmas, options=churn)[0], run(name, sigmas)[0])
    nowhere = replace(churn, s_tmin=100.0)
    assert torch.equal(run(name, sigmas, options=nowhere)[0], run(name, sigmas)[0])
    assert not torch.equal(run(name, sigmas, options=replace(churn, s_tmax=1.0))[0], run(name, sigmas)[0])


@pytest.mark.parametrize("name", ["Euler", "Heun", "DPM2"])
def test_churn_keeps_the_distribution(name: str) -> None:
    sigmas = karras(300)
    x = torch.randn((1, 5, 20, 20), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    result = SAMPLERS[name].run(
        gaussian_denoiser,
        x * (1 + sigmas[0] ** 2).sqrt(),
        sigmas,
        noise=SeededNoise([2], (5, 20, 20)),
        callback=lambda report: None,
        options=SamplerOptions(s_churn=40.0),
    )
    assert result.var() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "same"),
    [("Euler a", "Euler"), ("DDIM", "Euler"), ("DPM2 a", "DPM2"), ("DPM++ SDE", "DPM++ 2S a"), ("TCD", "Euler")],
)
def test_without_fresh_noise_samplers_are_their_deterministic_forms(name: str, same: str) -> None:
    # TCD goes by whole timesteps.
    sigmas = SD1.sigma_of(torch.arange(999, -1, -37)) if name == "TCD" else karras(20)
    still = SamplerOptions(eta=0.0)
    assert torch.allclose(run(name, sigmas, options=still)[0], run(same, sigmas, options=still)[0], atol=1e-10)


def test_ddpm_is_euler_a() -> None:
    """With eta 1 the ancestral step is the posterior of Ho et al., as Song et al. show."""
    assert torch.allclose(run("DDPM", karras(20))[0], run("Euler a", karras(20))[0], rtol=1e-10)


def test_gradient_estimation_with_gamma_1_is_euler() -> None:
    options = SamplerOptions(ge_gamma=1.0)
    assert torch.allclose(run("Gradient Estimation", karras(20), options=options)[0], run("Euler", karras(20))[0])


def test_lms_of_order_1_is_euler() -> None:
    assert torch.allclose(run("LMS", karras(20), options=SamplerOptions(order=1))[0], run("Euler", karras(20))[0])


@pytest.mark.parametrize("name", [row.name for row in SAMPLER_NAMES if "order" in row.options])
def test_every_order_that_a_request_may_have_gives_a_picture(name: str) -> None:
    for order in range(1, MAX_ORDER + 1):
        for sigmas in (karras(20), karras(50), evenly(20), karras(2)):
            made, *_ = run(name, sigmas, options=SamplerOptions(order=order))
            assert made.isfinite().all() and float(made.abs().max()) < 2


def test_restart_goes_up_again() -> None:
    """From 20 steps on the sigmas of the steps rise once, from 36 on twice, from near 0.1 to near 2."""
    for steps, rises in ((19, 0), (20, 1), (35, 1), (36, 2)):
        denoiser = Calls(mixture_denoiser)
        x = torch.randn(_SHAPE, dtype=torch.float64) * SD1.sigma_max
        SAMPLERS["Restart"].run(
            denoiser, x, karras(steps), noise=NumberedNoise(_SHAPE), callback=lambda report: None, options=_USUAL
        )
        ups = [pair for pair in zip(denoiser.sigmas, denoiser.sigmas[1:], strict=False) if pair[1] > pair[0] * 1.001]
        assert len(ups) == rises
        assert all(low < 0.4 and 1 < high < 4 for low, high in ups)
        assert len(denoiser.sigmas) == 2 * steps - 1


class Guided:
    """A denoiser with a negative prompt: everything the picture is not."""

    def __init__(self) -> None:
        self.last_negative: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.last_negative = gaussian_denoiser(x, sigma)
        return mixture_denoiser(x, sigma)


def guided(name: str, sigmas: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return SAMPLERS[name].run(
        Guided(), x, sigmas, noise=NumberedNoise(_SHAPE), callback=lambda report: None, options=SamplerOptions(eta=0.0)
    )


@pytest.mark.parametrize("name", [row.name for row in SAMPLER_NAMES if row.reads_negative])
def test_cfg_plus_plus_puts_the_negatives_noise_back(name: str) -> None:
    """One step: the guided picture plus the negative's noise; only DPM++ 2S a CFG++ looks twice."""
    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2
    two, one = torch.tensor([2.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    sigmas = torch.cat([two, one])
    if name == "DPM++ 2S a CFG++":
        shifted = x + mixture_denoiser(x, two) - gaussian_denoiser(x, two)
        middle = shifted * 2**-0.5 + mixture_denoiser(x, two) * (1 - 2**-0.5)
        expected = shifted / 2 + mixture_denoiser(middle, two / 2**0.5) / 2
    else:
        expected = mixture_denoiser(x, two) + (x - gaussian_denoiser(x, two)) / 2
    assert torch.allclose(guided(name, sigmas, x), expected, rtol=1e-12)
    assert not torch.allclose(guided(name, sigmas, x), guided(name.removesuffix(" CFG++"), sigmas, x))


def test_dpmpp_2m_cfg_plus_plus_leads_from_the_last_negative() -> None:
    x = torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 4
    four, two, one = (torch.tensor([sigma], dtype=torch.float64) for sigma in (4.0, 2.0, 1.0))
    between = mixture_denoiser(x, four) + (x - gaussian_denoiser(x, four)) / 2
    seen = mixture_denoiser(between, two)
    expected = seen + (between - gaussian_denoiser(between, two)) / 2 + (seen - gaussian_denoiser(x, four)) / 4
    assert torch.allclose(guided("DPM++ 2M CFG++", torch.cat([four, two, one]), x), expected, rtol=1e-12)


def test_latents_of_an_unfinished_schedule_are_scaled_back() -> None:
    ddim, euler = SAMPLERS["DDIM"], SAMPLERS["Euler"]
    assert float(ddim.finished_latents(torch.ones(1), SD1.sigma_min)) == pytest.approx(0.99957, abs=1e-5)
    assert float(ddim.finished_latents(torch.ones(1), 0.0)) == 1
    assert float(euler.finished_latents(torch.ones(1), SD1.sigma_min)) == 1


def test_start_is_as_strong_as_the_sampler_wants_it() -> None:
    assert SAMPLERS["Euler"].start_scale(2.0) == 2
    assert SAMPLERS["Euler"].start_scale(2.0, sgm=True) == SAMPLERS["DDIM"].start_scale(2.0) == pytest.approx(5**0.5)


def test_names_and_functions_agree() -> None:
    assert [row.name for row in SAMPLER_NAMES] == list(SAMPLERS)
    for recipe in SAMPLERS.values():
        assert re.search(r"(19|20)\d\d\)", recipe.run.__doc__ or ""), recipe.run  # the paper, with its year


HAS_STEPS = [row.name for row in SAMPLER_NAMES if row.name != "DPM adaptive"]


def stepped(name: str, after: Callable[[torch.Tensor, float], torch.Tensor]) -> tuple[torch.Tensor, list[float]]:
    """Result of a sampler, and the sigmas after whose steps `after` was asked."""
    sigmas: list[float] = []

    def after_step(x: torch.Tensor, sigma: float) -> torch.Tensor:
        sigmas.append(sigma)
        return after(x, sigma)

    result, _, _ = run(name, evenly_in_log(6), options=SamplerOptions(after_step=after_step))
    return result, sigmas


@pytest.mark.parametrize("name", HAS_STEPS)
def test_what_is_seen_after_steps_changes_nothing(name: str) -> None:
    seen: list[torch.Tensor] = []

    def kept(x: torch.Tensor, sigma: float) -> torch.Tensor:
        seen.append(x)
        return x

    result, sigmas = stepped(name, kept)
    assert torch.equal(result, run(name, evenly_in_log(6))[0])
    assert torch.equal(result, seen[-1])
    if name not in ("Restart", "DPM fast"):  # whose steps are their own
        assert sigmas == evenly_in_log(6).tolist()[1:]
    assert sigmas[-1] == pytest.approx(min(sigmas))


@pytest.mark.parametrize("name", HAS_STEPS)
def test_a_run_goes_on_with_what_is_given_after_a_step(name: str) -> None:
    plain = run(name, evenly_in_log(6))[0]
    first: list[float] = []

    def once(x: torch.Tensor, sigma: float) -> torch.Tensor:
        first.append(sigma)
        return x + 0.5 * sigma if len(first) == 1 else x

    assert (stepped(name, once)[0] - plain).abs().max() > 1e-3
    ended = stepped(name, lambda x, sigma: torch.zeros_like(x))[0]
    assert torch.equal(ended, torch.zeros_like(ended))


def test_the_adaptive_sampler_has_no_steps_to_be_asked_after() -> None:
    assert stepped("DPM adaptive", lambda x, sigma: torch.zeros_like(x))[1] == []
