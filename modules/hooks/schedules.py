"""A noise schedule that an extension brings: offered wherever schedules are, by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

ScheduleFamily = Literal["SD1", "SDXL"]


@dataclass(frozen=True, kw_only=True)
class ScheduleContext:
    """What a schedule is asked for. A sigma is the standard deviation of the noise in x = picture + sigma * noise."""

    steps: int
    """How many steps are wanted, at least 1. For a pass on a given picture, of which the last ones are run, that is
    more than it runs."""
    sigma_min: float
    """The smallest noise level that is wanted: the model's, or what the request says. Above 0."""
    sigma_max: float
    """The largest one. Above `sigma_min`."""
    trained_sigmas: tuple[float, ...]
    """The noise level of every step that the model was trained on, rising; a thousand with Stable Diffusion."""
    family: ScheduleFamily
    """Which table fits, where a schedule is read from tables: "SDXL" for models of its kind, else "SD1"."""


class Schedule(ABC):
    """A choice of noise levels. Its name is what people choose, and what infotexts call it.

    Infotexts hold the name alone: with the same context it gives the same numbers.
    """

    name: ClassVar[str]
    """Like no other schedule's, nor like another name that one has."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """What else it answers to in requests and infotexts."""
    ends_in_zero: ClassVar[bool] = True
    """Whether the last number is 0, so that no noise is left; else it is a level above 0."""

    @abstractmethod
    def sigmas(self, context: ScheduleContext) -> Sequence[float]:
        """Where each step begins, and where the last one ends: `context.steps` + 1 finite numbers, each below the one
        before it, the first at most `context.sigma_max`."""
