"""The same sigmas, the same denoiser: our samplers and diffusers' schedulers end at the same picture.

diffusers keeps its sigmas and coefficients in float32 (2^-24 = 6e-8 relative), which each of some 20 steps rounds; on
the mixture a difference can grow a hundredfold where a number has to decide between the two means. So 5e-5 of
pictures whose numbers are about 1 is what agreement can mean; a wrong coefficient shows in the first or second digit.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)

from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.samplers import SAMPLERS, SamplerOptions
from tests.diffusion.mixture import mixture_denoiser

# Of numpy, about what diffusers does when it puts torch's numbers into numpy's arrays.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
_SHAPE = (1, 4, 4, 4)
_TOLERANCE = 5e-5
_BOTH = ("zero", "sigma_min")
SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)


class OneStream:
    """Noise as diffusers draws it from one generator; seeded alike, both sides get the same."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(11)

    def __call__(self) -> torch.Tensor:
        return torch.randn(_SHAPE, dtype=torch.float64, generator=self.generator)

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        return self()


def start() -> torch.Tensor:
    return torch.randn(_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def ours(name: str, sigmas: torch.Tensor, options: SamplerOptions) -> torch.Tensor:
    sigmas = sigmas.double()
    return SAMPLERS[name].run(
        mixture_denoiser,
        start() * sigmas[0],
        sigmas,
        noise=OneStream(),
        callback=lambda report: None,
        options=options,
    )


def theirs(scheduler: Any, sigmas: torch.Tensor, *, unit_variance: bool) -> torch.Tensor:
    """diffusers' loop; `unit_variance`: its x is scaled by 1 / sqrt(1 + sigma^2), and its last one at the last sigma.

    `sigmas` has the sigma of every call, and the one at which the loop ends.
    """
    sigmas = sigmas.double()
    stream = OneStream()
    scales = (1 + sigmas**2).sqrt() if unit_variance else torch.ones_like(sigmas)
    x = start() * sigmas[0] / scales[0]
    for place, timestep in enumerate(scheduler.timesteps):
        noised = x * scales[place]
        epsilon = (noised - mixture_denoiser(noised, sigmas[place : place + 1])) / sigmas[place]
        scheduler.scale_model_input(x, timestep)
        keywords = {"generator": stream.generator} if "generator" in scheduler.step.__code__.co_varnames else {}
        x = scheduler.step(epsilon, timestep, x, **keywords).prev_sample
    return x * scales[-1]


@pytest.mark.parametrize("steps", [8, 20])
@pytest.mark.parametrize(
    ("name", "scheduler"),
    [("Euler", EulerDiscreteScheduler), ("Heun", HeunDiscreteScheduler), ("Euler a", EulerAncestralDiscreteScheduler)],
)
def test_samplers_of_sigma(name: str, scheduler: Any, steps: int) -> None:
    made = scheduler(**_BETAS, timestep_spacing="linspace")
    made.set_timesteps(steps)
    # Heun lists every sigma but the first and the last twice: it looks at each of them twice.
    sigmas = torch.unique_consecutive(made.sigmas)
    difference = (ours(name, sigmas, SamplerOptions()) - theirs(made, made.sigmas, unit_variance=False)).abs().max()
    assert difference < _TOLERANCE


@pytest.mark.parametrize("steps", [8, 20])
@pytest.mark.parametrize(
    ("name", "scheduler", "fields", "options", "finals"),
    [
        (
            "DPM++ 2M",
            DPMSolverMultistepScheduler,
            {"solver_order": 2, "algorithm_type": "dpmsolver++", "lower_order_final": False},
            SamplerOptions(),
            _BOTH,
        ),
        (
            "UniPC",
            UniPCMultistepScheduler,
            {"solver_order": 2, "solver_type": "bh2"},
            SamplerOptions(order=2, unipc_variant="bh2"),
            _BOTH,
        ),
        (
            "UniPC",
            UniPCMultistepScheduler,
            {"solver_order": 3, "solver_type": "bh2"},
            SamplerOptions(order=3, unipc_variant="bh2"),
            _BOTH,
        ),
        # A step of bh1 that ends at 0 is one that diffusers divides by infinity in.
        ("UniPC", UniPCMultistepScheduler, {"solver_order": 3, "solver_type": "bh1"}, SamplerOptions(), _BOTH[1:]),
    ],
)
def test_samplers_of_log_sigma(
    name: str, scheduler: Any, fields: dict[str, Any], options: SamplerOptions, finals: tuple[str, ...], steps: int
) -> None:
    for final in finals:
        made = scheduler(**_BETAS, **fields, use_karras_sigmas=True, final_sigmas_type=final)
        made.set_timesteps(steps)
        sigmas = made.sigmas if final == "zero" else _ending_lower(made)
        difference = (ours(name, sigmas, options) - theirs(made, sigmas, unit_variance=True)).abs().max()
        assert difference < _TOLERANCE


@pytest.mark.parametrize("steps", [8, 20])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_deis(order: int, steps: int) -> None:
    made = DEISMultistepScheduler(**_BETAS, solver_order=order, use_karras_sigmas=True)
    made.set_timesteps(steps)
    sigmas = _ending_lower(made)
    difference = (
        (ours("DEIS", sigmas, SamplerOptions(order=order)) - theirs(made, sigmas, unit_variance=True)).abs().max()
    )
    assert difference < _TOLERANCE


def _ending_lower(scheduler: Any) -> torch.Tensor:
    """diffusers repeats the smallest sigma at the end, a step of no width; give it one, to 0.8 of that sigma."""
    scheduler.sigmas[-1] = scheduler.sigmas[-2] * 0.8
    return scheduler.sigmas.clone()  # type: ignore[no-any-return]


@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim(eta: float) -> None:
    made = DDIMScheduler(**_BETAS, set_alpha_to_one=False, steps_offset=1, clip_sample=False)
    made.set_timesteps(20)
    step = made.step
    made.step = lambda *given, generator: step(*given, eta=eta, generator=generator)
    sigmas = torch.cat([SD1.sigmas[made.timesteps], SD1.sigmas[:1]])
    difference = (ours("DDIM", sigmas, SamplerOptions(eta=eta)) - theirs(made, sigmas, unit_variance=True)).abs().max()
    assert difference < _TOLERANCE


def test_lcm() -> None:
    """diffusers mixes (0.5 / (10 t))^2 of x into the picture; at the last timestep, 259, that is 4e-8."""
    made = LCMScheduler(**_BETAS, clip_sample=False, set_alpha_to_one=True)
    made.set_timesteps(4, original_inference_steps=50)
    sigmas = torch.cat([SD1.sigmas[made.timesteps], torch.zeros(1)])
    result = theirs(made, sigmas, unit_variance=True)
    assert (ours("LCM", sigmas, SamplerOptions()) - result).abs().max() < _TOLERANCE
