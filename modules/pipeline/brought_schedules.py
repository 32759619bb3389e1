"""The schedules that extensions bring, as those that the program has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise

import torch

from modules.diffusion.schedules import MakeSigmas, SchedulePlan
from modules.errors import PluginFailed
from modules.hooks import Schedule, ScheduleContext
from modules.hooks.sampling_registry import BroughtSampling
from modules.pipeline.pass_hooks import blaming

_ROUNDING = 1e-9
"""By which share a schedule may begin above the largest level."""


def schedules_of(sampling: BroughtSampling) -> Mapping[str, MakeSigmas]:
    """Those of extensions, by name."""
    return {name: BroughtSchedule(plugin, schedule) for name, (plugin, schedule) in sampling.schedules.items()}


class BroughtSchedule:
    """One schedule of a plugin (diffusion.schedules.MakeSigmas)."""

    def __init__(self, plugin: str, schedule: Schedule) -> None:
        self._plugin = plugin
        self._schedule = schedule

    def __call__(self, plan: SchedulePlan) -> torch.Tensor:
        """Raises PluginFailed, which names the extension, where it gives anything else than falling levels."""
        context = ScheduleContext(
            steps=plan.n,
            sigma_min=plan.sigma_min,
            sigma_max=plan.sigma_max,
            trained_sigmas=tuple(plan.levels.sigmas.tolist()),
            family="SDXL" if plan.family == "SDXL" else "SD1",
        )
        with blaming(lambda error: self._failed(f"{type(error).__name__}: {error}")):
            # One more than are wanted: a list without an end is too long, too.
            made = [float(sigma) for sigma in islice(iter(self._schedule.sigmas(context)), plan.n + 2)]
        self._check(made, plan)
        return torch.tensor(made, dtype=torch.float64)

    def _check(self, made: Sequence[float], plan: SchedulePlan) -> None:
        if len(made) != plan.n + 1:
            raise self._failed(f"it gave not as many numbers as {plan.n} steps take, {plan.n + 1}")
        if not all(map(math.isfinite, made)):
            raise self._failed("it gave numbers that are not finite")
        if any(later >= sooner for sooner, later in pairwise(made)):
            raise self._failed("its numbers do not fall from each to the next")
        if made[0] > plan.sigma_max * (1 + _ROUNDING):
            raise self._failed(f"it begins above the largest noise level, {plan.sigma_max:g}")
        if self._schedule.ends_in_zero and made[-1] != 0:
            raise self._failed(f"it ends at {made[-1]:g} in the place of 0")
        if made[-1] < 0 or (made[-1] == 0 and not self._schedule.ends_in_zero):
            raise self._failed(f"it ends at {made[-1]:g} in the place of a level above 0")

    def _failed(self, problem: str) -> PluginFailed:
        return PluginFailed(
            f"Schedule {self._schedule.name!r} of the extension {self._plugin} failed ({problem}). "
            "Choose another one, or tell whoever wrote it."
        )
