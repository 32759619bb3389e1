"""Schedules: which sigmas the steps visit. Each returns float64, descending, with the end of the last step last.

Most end in 0; KL Optimal, Timesteps and Time uniform end at a trained level, and Custom where its list ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from modules.diffusion.beta_distribution import beta_quantiles
from modules.diffusion.noise_levels import Levels
from modules.diffusion.schedule_options import ScheduleOptions
from modules.errors import InvalidRequest
from modules.schema.field_types import STANDSTILL

_OLD_KARRAS_RANGE = (0.1, 10.0)

_ALIGN_YOUR_STEPS = {
    "SD1": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "SDXL": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
}
_DEFAULTS = ScheduleOptions()


@dataclass(frozen=True)
class SchedulePlan:
    """What a schedule is made from: n steps between two sigmas of a model that was trained on `levels`."""

    n: int
    sigma_min: float
    sigma_max: float
    levels: Levels
    options: ScheduleOptions
    family: str


def uniform(n: int, levels: Levels) -> torch.Tensor:
    """Evenly spaced in the model's training steps, over all of them, then 0."""
    return _ending_in_zero(levels.evenly_spaced(levels.sigma_max, levels.sigma_min, n))


def normal(n: int, sigma_min: float, sigma_max: float, levels: Levels) -> torch.Tensor:
    """Evenly spaced in the model's training steps, then 0."""
    return _ending_in_zero(levels.evenly_spaced(sigma_max, sigma_min, n))


def sgm_uniform(n: int, sigma_min: float, sigma_max: float, levels: Levels) -> torch.Tensor:
    """Evenly spaced in the model's training steps with 0 in the place of the smallest, as Stability's code has it."""
    return _ending_in_zero(levels.evenly_spaced(sigma_max, sigma_min, n + 1)[:-1])


def karras(n: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> torch.Tensor:
    """Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022), equation 5, then 0."""
    ramp = _ramp(n)
    return _ending_in_zero(((1 - ramp) * sigma_max ** (1 / rho) + ramp * sigma_min ** (1 / rho)) ** rho)


def exponential(n: int, sigma_min: float, sigma_max: float) -> torch.Tensor:
    """Evenly spaced in log sigma, then 0."""
    return polyexponential(n, sigma_min, sigma_max, rho=1.0)


def polyexponential(n: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> torch.Tensor:
    """Log sigma falls as a power of a line, then 0."""
    falling = (1 - _ramp(n)) ** rho
    return _ending_in_zero((falling * math.log(sigma_max / sigma_min) + math.log(sigma_min)).exp())


def kl_optimal(n: int, sigma_min: float, sigma_max: float) -> torch.Tensor:
    """Evenly spaced in arctan sigma (Sabour et al., "Align Your Steps", 2024, theorem 3.1); ends at the smallest."""
    largest, smallest = math.atan(sigma_max), math.atan(sigma_min)
    return (largest + _ramp(n + 1) * (smallest - largest)).tan()


def align_your_steps(n: int, family: str) -> torch.Tensor:
    """Sabour et al., "Align Your Steps" (2024), table 3, log-interpolated to n sigmas, then 0.

    `family` is "SD1" or "SDXL"; any other one takes SD1's table.
    """
    table = torch.tensor(_ALIGN_YOUR_STEPS.get(family, _ALIGN_YOUR_STEPS["SD1"]), dtype=torch.float64)
    places = _ramp(n) * (len(table) - 1)
    below = places.floor().long().clamp(max=len(table) - 2)
    return _ending_in_zero(torch.lerp(table[below].log(), table[below + 1].log(), places - below).exp())


def simple(n: int, levels: Levels) -> torch.Tensor:
    """Every (steps / n)-th trained level, counted from the largest, then 0."""
    trained = len(levels.sigmas)
    stride = trained / n  # rounded before it is multiplied, as existing pictures have it
    return _ending_in_zero(levels.sigmas[[trained - 1 - int(step * stride) for step in range(n)]])


def ddim(n: int, levels: Levels) -> torch.Tensor:
    """Every (steps // n)-th trained level, counted from the second smallest, then 0.

    Where n does not divide the number of trained levels there are a few steps more than n.
    """
    return _ending_in_zero(levels.sigmas[1 :: max(len(levels.sigmas) // n, 1)].flip(0))


def beta(n: int, sigma_min: float, sigma_max: float, alpha: float = 0.6, beta: float = 0.6) -> torch.Tensor:
    """Sigmas at the quantiles of a beta distribution (Lee et al., "Beta Sampling is All You Need", 2024), then 0."""
    shares = beta_quantiles(1 - _ramp(n), alpha, beta)
    return _ending_in_zero(sigma_min + shares * (sigma_max - sigma_min))


def linear_quadratic(n: int, sigma_max: float, threshold: float = 0.025) -> torch.Tensor:
    """Half of the steps take the first `threshold` of the noise away evenly, the others all of it, quadratically.

    Polyak et al., "Movie Gen" (2024), inference; the two halves meet with the same slope. Ends in 0.
    """
    if n == 1:
        return torch.tensor([sigma_max, 0.0], dtype=torch.float64)
    even = n // 2
    step = torch.arange(n + 1, dtype=torch.float64)
    bend = ((step - even).clamp(min=0) / (n - even)) ** 2
    removed = threshold * step / even + (1 - threshold * n / even) * bend
    return _ending_in_zero((sigma_max * (1 - removed))[:-1])


def timesteps(n: int, levels: Levels) -> torch.Tensor:
    """The levels that DDIM and PLMS visit: one up from the multiples of steps // n, down to the second smallest.

    They are points, not steps: where n divides the number of trained levels there is one step less than n, as existing
    pictures have it. One step goes from the largest level to the smallest.
    """
    if n == 1:
        return levels.sigmas[[-1, 0]]
    trained = len(levels.sigmas)
    points = [min(point + 1, trained - 1) for point in range(0, trained, max(trained // n, 1))]
    return levels.sigmas[points].flip(0)


def time_uniform(n: int, levels: Levels) -> torch.Tensor:
    """The levels that UniPC visits: evenly spaced in the training steps, from the largest to the smallest."""
    trained = len(levels.sigmas)
    steps = len(range(0, trained, max(trained // n, 1)))
    return levels.evenly_spaced(levels.sigma_max, levels.sigma_min, steps + 1)


def lcm(n: int, levels: Levels) -> torch.Tensor:
    """Evenly spaced between the last and the first of the 50 levels that latent consistency models learn, then 0.

    Luo et al., "Latent Consistency Models" (2023), section 4.3: every 20th of a thousand training steps.
    """
    trained = len(levels.sigmas)
    times = torch.linspace(trained - 1, max(trained // _LCM_STEPS - 1, 0), n, dtype=torch.float64)
    return _ending_in_zero(levels.sigma_of(times))


def custom(sigmas: tuple[float, ...]) -> torch.Tensor:
    """The sigmas of a person's list. Raises InvalidRequest for an empty one."""
    if not sigmas:
        raise InvalidRequest("Custom sigmas", "", "are missing", "Type at least two numbers, the largest first.")
    return torch.tensor(sigmas, dtype=torch.float64)


MakeSigmas = Callable[[SchedulePlan], torch.Tensor]

SCHEDULES: dict[str, MakeSigmas] = {
    "Uniform": lambda plan: uniform(plan.n, plan.levels),
    "Karras": lambda plan: karras(plan.n, plan.sigma_min, plan.sigma_max, plan.options.rho or 7.0),
    "Exponential": lambda plan: exponential(plan.n, plan.sigma_min, plan.sigma_max),
    "Polyexponential": lambda plan: polyexponential(plan.n, plan.sigma_min, plan.sigma_max, plan.options.rho or 1.0),
    "SGM Uniform": lambda plan: sgm_uniform(plan.n, plan.sigma_min, plan.sigma_max, plan.levels),
    "KL Optimal": lambda plan: kl_optimal(plan.n, plan.sigma_min, plan.sigma_max),
    "Align Your Steps": lambda plan: align_your_steps(plan.n, plan.family),
    "Simple": lambda plan: simple(plan.n, plan.levels),
    "Normal": lambda plan: normal(plan.n, plan.sigma_min, plan.sigma_max, plan.levels),
    "DDIM": lambda plan: ddim(plan.n, plan.levels),
    "Beta": lambda plan: beta(plan.n, plan.sigma_min, plan.sigma_max, plan.options.beta_alpha, plan.options.beta_beta),
    "Linear-Quadratic": lambda plan: linear_quadratic(plan.n, plan.sigma_max),
    "Timesteps": lambda plan: timesteps(plan.n, plan.levels),
    "Time uniform": lambda plan: time_uniform(plan.n, plan.levels),
    "LCM": lambda plan: lcm(plan.n, plan.levels),
    "Custom": lambda plan: custom(plan.options.custom),
}
"""By the names of modules.diffusion.names; Timesteps, Time uniform and LCM belong to samplers of their own."""

_LCM_STEPS = 50
_NO_OTHERS: Mapping[str, MakeSigmas] = MappingProxyType({})

_NOTHING_TO_DISCARD = frozenset({"Timesteps", "Time uniform", "Custom"})
_OVER_A_RANGE = frozenset({"Karras", "Exponential", "Polyexponential", "SGM Uniform", "KL Optimal", "Normal", "Beta"})
"""The schedules that go from the largest sigma of the options to the smallest."""


def sigmas_for(
    name: str,
    n: int,
    levels: Levels,
    options: ScheduleOptions = _DEFAULTS,
    *,
    family: str = "SD1",
    others: Mapping[str, MakeSigmas] = _NO_OTHERS,
) -> torch.Tensor:
    """The sigmas of a schedule for n steps of a model; Custom has as many as its list.

    Float64, on the CPU, strictly descending: sigmas that fall together leave fewer steps than n. `family` chooses the
    table of Align Your Steps; `others` are schedules besides SCHEDULES, by name, each from the largest sigma of the
    options to the smallest. Raises InvalidRequest for options that do not fit the model or one another.
    """
    if n < 1:
        raise ValueError(f"A schedule has at least one step, not {n}.")
    smallest, largest = _range(levels, options)
    if (name in _OVER_A_RANGE or name in others) and smallest >= largest * (1 - STANDSTILL):
        raise _no_room(smallest, largest)
    discards = options.discard_next_to_last and name not in _NOTHING_TO_DISCARD
    make = others[name] if name in others else SCHEDULES[name]
    sigmas = make(SchedulePlan(n + discards, smallest, largest, levels, options, family))
    if discards:
        sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
    if float(sigmas[0]) > levels.sigma_limit * (1 + 1e-9):
        raise InvalidRequest(
            "Schedule type",
            name,
            f"starts at sigma {float(sigmas[0]):g}, but the noise of this model ends at {levels.sigma_limit:g}",
            "Choose another schedule, or a smaller max sigma.",
        )
    descending = _without_standstill(sigmas)
    if len(descending) < 2:
        raise _no_room(smallest, largest)
    return descending


def _range(levels: Levels, options: ScheduleOptions) -> tuple[float, float]:
    """The smallest and the largest sigma that the options leave."""
    smallest, largest = _OLD_KARRAS_RANGE if options.old_karras_range else (levels.sigma_min, levels.sigma_max)
    smallest = smallest if options.sigma_min is None else options.sigma_min
    largest = largest if options.sigma_max is None else options.sigma_max
    return smallest, largest


def _no_room(smallest: float, largest: float) -> InvalidRequest:
    sigmas = f"{smallest:.10g} to {largest:.10g}"
    remedy = "Make the max sigma the larger, or leave both at 0: then they are the model's."
    return InvalidRequest("Schedule sigmas", sigmas, "leave no room for steps", remedy)


def _ramp(count: int) -> torch.Tensor:
    """From 0 to 1 in evenly spaced numbers; one alone is 0."""
    return torch.linspace(0, 1, count, dtype=torch.float64)


def _ending_in_zero(sigmas: torch.Tensor) -> torch.Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def _without_standstill(sigmas: torch.Tensor) -> torch.Tensor:
    """Leave out every sigma that is not below the last one kept; multistep samplers divide by the difference."""
    kept: list[float] = []
    for sigma in sigmas.tolist():
        if not kept or sigma < kept[-1] * (1 - STANDSTILL):
            kept.append(sigma)
    return torch.tensor(kept, dtype=torch.float64)
