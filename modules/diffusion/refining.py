"""Refining: a second model takes a run over from the first at a switch point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from modules.diffusion.denoisers import Denoiser
from modules.diffusion.noise_levels import Levels


@dataclass(frozen=True)
class SwitchPoint:
    """When the second model takes over: at a share of the model's training steps, or of the run's own steps.

    Counted in training steps, of which 999 is all noise, it is the first sigma whose nearest one t has
    (999 - t) / 1000 >= share; so it does not depend on the schedule.
    """

    share: float
    by_steps: bool = False
    """The old way: from the evaluation on that has this share of the run's before it."""

    def reached(self, sigma: float, levels: Levels, evaluation: int, evaluations: int) -> bool:
        """Whether the second model is to make evaluation `evaluation`, counted from 0, of `evaluations`."""
        if self.by_steps:
            return evaluation >= self.share * evaluations
        trained = len(levels.sigmas)
        nearest = int((levels.sigmas - sigma).abs().argmin())
        return (trained - 1 - nearest) / trained >= self.share


class RefinedDenoiser:
    """A denoiser that asks another one from a switch point on, whatever sigmas follow.

    The second one is made when it is first needed, since loading it may push the first one out of memory: after that
    the first is neither asked nor held.
    """

    def __init__(
        self,
        first: Denoiser,
        second: Callable[[int], Denoiser],
        switch: SwitchPoint,
        levels: Levels,
        *,
        steps: int,
    ) -> None:
        """`second` is called with the number of evaluations that the first has made, to go on counting.

        `levels` are the first model's; `steps` is how many evaluations are expected.
        """
        self._denoiser = first
        self._second: Callable[[int], Denoiser] | None = second
        self._switch = switch
        self._levels = levels
        self._steps = steps
        self._evaluations = 0

    @property
    def last_negative(self) -> torch.Tensor | None:
        """That of the denoiser which made the latest evaluation; None where it has none."""
        return getattr(self._denoiser, "last_negative", None)

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        if self._second is not None and self._switch.reached(
            float(sigma[0]), self._levels, self._evaluations, self._steps
        ):
            second, self._second = self._second, None
            self._denoiser = second(self._evaluations)
        self._evaluations += 1
        return self._denoiser(x, sigma)
